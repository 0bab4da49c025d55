"""A small team made by hand, for tests of what comes after the file."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.team.model import (
    Access,
    Account,
    Grant,
    Group,
    Kind,
    Layer,
    Leave,
    Mode,
    Override,
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
DAY = timedelta(days=1)
MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
PRODUCTION = "111111111111"
STAGING = "222222222222"


def person(name: str, zone: str = "Europe/London", networks: tuple[str, ...] = ()) -> Person:
    """Make a person whose IAM user has their name."""
    return Person(name, name.title(), f"{name}@example.com", name, zone, networks, HERE)


def workload(name: str, *subjects: str, owner: str | None = None, actions: tuple[str, ...] = ()) -> Workload:
    """Make a machine."""
    return Workload(name, owner, actions, subjects, HERE)


def layer(name: str, zone: str, start: int, end: int, members: tuple[str, ...]) -> Layer:
    """Make a daily layer of some local hours, weekly turns, whose first member is on in the week of `MONDAY`."""
    hours = Restriction(frozenset(range(7)), time(start), time(end))
    return Layer(
        name,
        Kind.PRIMARY,
        zone,
        members,
        Rotation(Turn(1, "w"), time(start), date(2026, 1, 12), (Roster(date(2026, 1, 12), members, members[0]),)),
        (hours,),
        HERE,
    )


def rota(*layers: Layer, overrides: tuple[Override, ...] = (), leave: tuple[Leave, ...] = ()) -> Rota:
    """Make the rota `platform` over production; by default around the clock in three layers."""
    made = layers or (
        layer("emea-day", "Europe/London", 11, 18, ("rick", "ada")),
        layer("emea", "Europe/London", 18, 2, ("james", "ada")),
        layer("amer", "America/Los_Angeles", 18, 3, ("priya", "lee")),
    )
    return Rota(
        "platform",
        ("production",),
        {Kind.PRIMARY: "prod-oncall"},
        timedelta(days=14),
        timedelta(0),
        timedelta(0),
        (Required(Kind.PRIMARY, 1, (), "UTC"),),
        made,
        overrides,
        leave,
        HERE,
    )


def permission_set(name: str, *, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> PermissionSet:
    """Make a permission set on all resources."""
    return PermissionSet(name, "", allow, deny, None, HERE)


def group(name: str, members: tuple[str, ...], *access: tuple[str, str]) -> Group:
    """Make a group that holds permission sets, given as (set, account)."""
    return Group(name, members, (), tuple(Access(each, (account,), HERE) for each, account in access), HERE)


def team() -> Team:
    """Make a team like the sample's: developers, support, a security lead, and a rota around the clock."""
    people = {
        p.name: p
        for p in (
            person("ada"),
            person("james", networks=("198.51.100.0/24",)),
            person("lee", "America/Los_Angeles"),
            person("priya", "America/Los_Angeles"),
            person("rick", networks=("198.51.100.0/24",)),
            person("sofia"),
        )
    }
    sets = {
        s.name: s
        for s in (
            permission_set("developer", allow=("ec2:*", "s3:*", "lambda:*")),
            permission_set("read-only", allow=("ec2:Describe*", "rds:Describe*", "s3:Get*", "s3:List*")),
            permission_set("support", allow=("ec2:Describe*",), deny=("ec2:TerminateInstances",)),
            permission_set("prod-oncall", allow=("ec2:*", "rds:*", "s3:*"), deny=("iam:*", "cloudtrail:*")),
            permission_set("audit", allow=("iam:Get*", "iam:List*", "cloudtrail:*")),
        )
    }
    groups = {
        g.name: g
        for g in (
            group("developers", ("ada", "james", "rick"), ("developer", "staging"), ("read-only", "production")),
            group("support", ("lee", "priya"), ("support", "production")),
            group("security", ("sofia",), ("audit", "production"), ("audit", "staging")),
        )
    }
    return Team(
        "orders",
        {
            "production": Account("production", PRODUCTION, "production", "watchbill", HERE),
            "staging": Account("staging", STAGING, "staging", "watchbill", HERE),
        },
        people,
        groups,
        sets,
        {"platform": rota()},
        (),
        ("192.0.2.0/25",),
        ("sofia",),
        ("break-glass",),
        ("watchbill",),
        None,
        {"deploy-bot": workload("deploy-bot")},
    )


def enforced(base: Team) -> Team:
    """Give a team all of whose accounts are in mode `enforce`."""
    accounts = {name: replace(account, mode=Mode.ENFORCE) for name, account in base.accounts.items()}
    return replace(base, accounts=accounts)


def with_rota(base: Team, changed: Rota) -> Team:
    """Give a team with another rota `platform`."""
    return replace(base, rotas={"platform": changed})


def grant(name: str, who: str, hours: tuple[int, int], permission: str = "developer") -> Grant:
    """Make a grant in production, `hours` after `MONDAY`."""
    span = Interval(MONDAY + timedelta(hours=hours[0]), MONDAY + timedelta(hours=hours[1]))
    return Grant(name, who, permission, ("production",), span, "migration", "sofia", HERE)
