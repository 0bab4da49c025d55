"""A team made by hand, its shifts for a week, and a way to read what the simulation writes."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.schedule.oncall import shifts
from watchbill.sim.model import Week
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
    Workload,
)


HERE = Location("watchbill.yaml", 1)
START = datetime(2026, 9, 7, tzinfo=UTC)
"""A Monday."""

WEEK = Interval(START, START + timedelta(days=7))

_ZONES = {
    "james": "Europe/London",
    "rick": "America/New_York",
    "ana": "Europe/Madrid",
    "bo": "Asia/Tokyo",
    "chi": "Asia/Tokyo",
    "dev": "Asia/Kolkata",
    "eve": "America/New_York",
    "finn": "Europe/Dublin",
    "gita": "Asia/Kolkata",
    "hal": "America/Los_Angeles",
    "ines": "Europe/Madrid",
    "jo": "Europe/London",
}
_OWN_KEYS = ("iam:GetUser", "iam:ListAccessKeys", "iam:CreateAccessKey")
_SETS = {
    "builder": (("ec2:*", "rds:*", "ecs:*", "lambda:*", "logs:*", "s3:*", "cloudwatch:*"), ("iam:*",)),
    "reader": (("ec2:Describe*", "rds:Describe*", "ecs:Describe*", "s3:Get*", "s3:List*", *_OWN_KEYS), ()),
    "support": (("ec2:Describe*",), ()),
    "audit": (("iam:Get*", "iam:List*", "cloudtrail:*", "guardduty:List*"), ("cloudtrail:StopLogging",)),
    "prod-oncall": (("ec2:*", "rds:*", "ecs:*", "logs:*", "cloudwatch:*"), ("ec2:TerminateInstances",)),
}


def team(*, workloads: tuple[str, ...] = ("deployer",)) -> Team:
    """Make a team of twelve with two accounts and one rota."""
    return Team(
        name="shop",
        accounts={
            "production": Account("production", "111122223333", "production", None, HERE),
            "staging": Account("staging", "444455556666", "staging", None, HERE),
        },
        people={name: _person(number, name) for number, name in enumerate(_ZONES)},
        groups={
            "developers": _group("developers", tuple(_ZONES)[:9], ("builder", "staging"), ("reader", "production")),
            "support": _group("support", ("hal", "ines"), ("support", "production")),
            "security": _group("security", ("jo",), ("audit", "production"), ("audit", "staging")),
        },
        permission_sets={
            name: PermissionSet(name, name, allow, deny, None, HERE) for name, (allow, deny) in _SETS.items()
        },
        rotas={"platform": _rota()},
        grants=(),
        networks=("198.51.100.0/25",),
        leads=("jo",),
        protected=(),
        managed_by=("watchbill",),
        session_names="iam_user",
        workloads={name: Workload(name, None, (), (), HERE) for name in workloads},
    )


def on_call(of: Team) -> tuple[Shift, ...]:
    """Give every shift of the week."""
    return tuple(shift for rota in of.rotas.values() for shift in shifts(rota, WEEK))


def records(week: Week) -> Iterator[dict[str, Any]]:
    """Read every record back."""
    for file in week.files:
        yield from json.loads(gzip.decompress(file.body))["Records"]


def instant(record: dict[str, Any]) -> datetime:
    """Tell when a record happened."""
    return datetime.fromisoformat(record["eventTime"])


def action(record: dict[str, Any]) -> str:
    """Name the IAM action behind a record."""
    prefix = record["eventSource"].removesuffix(".amazonaws.com")
    name = record["eventName"].split("2015")[0]
    renamed = {"s3:ListBuckets": "s3:ListAllMyBuckets"}
    found = f"{'cloudwatch' if prefix == 'monitoring' else prefix}:{name}"
    return renamed.get(found, found)


def _person(number: int, name: str) -> Person:
    networks = (f"10.{number}.7.0/24",) if number % 3 else ()
    return Person(name, name.title(), f"{name}@example.com", name, _ZONES[name], networks, HERE)


def _group(name: str, members: tuple[str, ...], *access: tuple[str, str]) -> Group:
    held = tuple(Access(permission_set, (account,), HERE) for permission_set, account in access)
    return Group(name, members, (), held, HERE)


def _layer(name: str, members: tuple[str, ...], start: int, end: int) -> Layer:
    hours = Restriction(frozenset(range(7)), time(start), time(end))
    first = date(2026, 9, 7)
    rotation = Rotation(Turn(1, "d"), time(start), first, (Roster(first, members, members[0]),))
    return Layer(name, Kind.PRIMARY, "UTC", members, rotation, (hours,), HERE)


def _rota() -> Rota:
    layers = (
        _layer("apac", ("bo", "chi", "dev", "gita"), 2, 11),
        _layer("emea", ("ana", "eve", "rick"), 11, 18),
        _layer("americas", ("finn", "eve", "james"), 18, 2),
    )
    required = (Required(Kind.PRIMARY, 1, (), "UTC"),)
    given = {Kind.PRIMARY: "prod-oncall"}
    none, horizon = timedelta(0), timedelta(days=14)
    return Rota("platform", ("production",), given, horizon, none, none, required, layers, (), (), HERE)
