"""Large teams for the benchmarks, of a size that is asked for.

Everyone is in three job roles; permission sets are a third each of managed policies, of capabilities or patterns, and
of documents. A rota's primary follows the sun in three layers and its secondary goes around the clock, in five
accounts, with a grace of 15 minutes and a horizon of 14 days.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from datetime import time as clock

from watchbill.errors import Location
from watchbill.team.model import (
    Access,
    Account,
    Group,
    Kind,
    Layer,
    PermissionSet,
    Person,
    Required,
    Restriction,
    Roster,
    Rota,
    Rotation,
    Team,
    Turn,
)


HERE = Location("bench.yaml", 1)
HOURS = {"Europe/London": (8, 16), "America/New_York": (11, 19), "Asia/Tokyo": (9, 17)}
"""By the wall clock of each layer: the three meet, in winter."""
MANAGED = (
    *("ReadOnlyAccess", "ViewOnlyAccess", "PowerUserAccess", "SecurityAudit", "AmazonS3FullAccess"),
    *(f"Amazon{each}ReadOnlyAccess" for each in ("EC2", "S3", "RDS", "DynamoDB", "SQS", "SNS", "VPC")),
    *("CloudWatchReadOnlyAccess", "AmazonEC2FullAccess"),
)
SERVICES = ("ec2", "s3", "lambda", "rds", "dynamodb", "sqs", "sns", "logs", "cloudwatch", "ecs", "eks", "kms")
GRACE, HORIZON = timedelta(minutes=15), timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a team is, and in what it differs."""

    people: int
    groups: int
    sets: int
    rotas: int
    accounts: int
    of_rota: int
    """People of a rota."""
    first: date
    """The Monday on which turns begin."""
    sets_of_group: int = 1
    everywhere: int = 0
    """Each so many-th job role is in all accounts; 0 is none."""
    step_of_rota: int = 1
    """How far the permission sets of rotas are apart."""
    patterns: bool = False
    """Whether a third of the sets is patterns rather than capabilities."""


def make_team(size: Size, numbers: tuple[str, ...] = ()) -> Team:
    """Make a team; its first accounts have the numbers given."""
    made = [*numbers, *(f"{100_000_000_000 + number}" for number in range(size.accounts - len(numbers)))]
    accounts = {
        name: Account(name, number, "production", "watchbill", HERE)
        for name, number in zip(map(account_name, range(size.accounts)), made, strict=True)
    }
    people = {
        name: Person(name, name.title(), f"{name}@example.com", name, "Europe/London", (), HERE)
        for name in map(person_name, range(size.people))
    }
    return Team(
        "bench",
        accounts,
        people,
        {each.name: each for each in (_group(size, number) for number in range(size.groups))},
        {each.name: each for each in (_permission_set(size, number) for number in range(size.sets))},
        {each.name: each for each in (_rota(size, number) for number in range(size.rotas))},
        (),
        (),
        (person_name(0),),
        (),
        ("watchbill",),
        None,
        digest="bench",
    )


def person_name(number: int) -> str:
    """Name a person."""
    return f"person-{number:04}"


def account_name(number: int) -> str:
    """Name an account."""
    return f"account-{number:03}"


def set_name(size: Size, number: int) -> str:
    """Name a permission set; numbers go around."""
    return f"set-{number % size.sets:03}"


def _permission_set(size: Size, number: int) -> PermissionSet:
    name = set_name(size, number)
    if number % 3 == 0:
        managed = (MANAGED[number // 3 % len(MANAGED)],)
        return PermissionSet(name, "", (), (), None, HERE, managed=managed)
    if number % 3 == 1:
        able = [SERVICES[(number + step) % len(SERVICES)] for step in range(4 if size.patterns else 3)]
        if size.patterns:
            return PermissionSet(name, "", tuple(f"{each}:*" for each in able), ("iam:*",), None, HERE)
        capabilities = dict.fromkeys(able, ("read", "write"))
        return PermissionSet(name, "", (), ("iam:*",), None, HERE, capabilities=capabilities)
    buckets = [
        {
            "Sid": f"Bucket{each}",
            "Effect": "Allow",
            "Action": ["s3:Get*", "s3:List*", "s3:PutObject"],
            "Resource": [f"arn:aws:s3:::team-{number}-{each}", f"arn:aws:s3:::team-{number}-{each}/*"],
        }
        for each in range(12)
    ]
    return PermissionSet(name, "", (), (), {"Version": "2012-10-17", "Statement": buckets}, HERE)


def _group(size: Size, number: int) -> Group:
    """Make a job role: everyone is in three of them."""
    third = size.groups // 3
    part, of_part = divmod(number, third)
    members = [who for who in range(size.people) if who // (1, 3, 7)[part] % third == of_part]
    everywhere = size.everywhere and number % size.everywhere == 0
    places = range(size.accounts) if everywhere else [(number + step * 7) % size.accounts for step in range(3)]
    named, many = tuple(map(account_name, places)), size.sets_of_group
    given = tuple(Access(set_name(size, many * number + step), named, HERE) for step in range(many))
    return Group(f"role-{number:03}", tuple(map(person_name, members)), (), given, HERE)


def _rota(size: Size, number: int) -> Rota:
    people = [person_name(number * size.of_rota + n) for n in range(size.of_rota)]
    layers = [_layer(size, Kind.PRIMARY, zone, HOURS[zone], people[n :: len(HOURS)]) for n, zone in enumerate(HOURS)]
    layers.append(_layer(size, Kind.SECONDARY, "UTC", None, people[::2]))
    places = tuple(account_name((number + step * 4) % size.accounts) for step in range(5))
    first = size.step_of_rota * number
    given = {Kind.PRIMARY: set_name(size, first), Kind.SECONDARY: set_name(size, first + 1)}
    required = (Required(Kind.PRIMARY, 1, (), "UTC"), Required(Kind.SECONDARY, 1, (), "UTC"))
    return Rota(f"rota-{number:02}", places, given, HORIZON, GRACE, GRACE, required, tuple(layers), (), (), HERE)


def _layer(size: Size, kind: Kind, zone: str, hours: tuple[int, int] | None, members: list[str]) -> Layer:
    """Make a layer of a rota: some hours of each day, a week each."""
    restricted = () if hours is None else (Restriction(frozenset(range(7)), clock(hours[0]), clock(hours[1])),)
    rotation = Rotation(Turn(1, "w"), clock(9), size.first, (Roster(size.first, tuple(members), members[0]),))
    return Layer(f"{kind}-{zone.lower().replace('/', '-')}", kind, zone, tuple(members), rotation, restricted, HERE)
