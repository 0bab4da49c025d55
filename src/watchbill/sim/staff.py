"""A team made up by a seed, as the text of its file: 12 to 60 people, three accounts, seven job roles, three rotas.

The file changes while the month goes by: somebody joins, somebody leaves, and a cover is put down after it began. Each
change is an edition with the instant from which it is in force. Names, numbers and networks are made up.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from watchbill.errors import RefusedError
from watchbill.intervals import iso


LEAST, MOST = 12, 60
"""How many people a team made here may have."""

OFFICE, VPN = "198.51.100.0/25", "198.51.100.128/25"
"""Networks that the team declares for everyone."""

JOINS, LEAVES = timedelta(days=12, hours=9), timedelta(days=18, hours=17)
"""When the last but one is taken into the file, and when the last is taken out of it."""

COVER_FROM, COVER_FILED, COVER_TO = (
    timedelta(days=8, hours=19),
    timedelta(days=8, hours=21),
    timedelta(days=8, hours=23),
)
"""A cover that is put down while it is under way."""

GRACE = timedelta(minutes=15)

ACCOUNTS = {"production": "310000000017", "staging": "310000000025", "sandbox": "310000000033"}

_NAMES = (
    *("aisha", "amir", "ana", "anton", "arjun", "asha", "bao", "beth", "bruno", "carla", "chidi"),
    *("chloe", "clara", "dara", "david", "diego", "dina", "elif", "emil", "erik", "eva", "farah"),
    *("felix", "fiona", "gita", "goran", "hana", "hugo", "ibrahim", "ines", "ivan", "jana", "jonas"),
    *("june", "kai", "karim", "kofi", "lars", "leila", "lena", "luca", "maya", "mei", "mila"),
    *("milan", "nadia", "nils", "noor", "olga", "omid", "otto", "paolo", "petra", "quinn", "rafa"),
    *("ravi", "rosa", "sami", "sana", "simon"),
)
_SURNAMES = (
    *("Abara", "Berg", "Costa", "Demir", "Eriksen", "Fischer", "Garcia", "Hassan", "Ito", "Jensen"),
    *("Kumar", "Lopez", "Moreau", "Novak", "Okafor"),
)
_ZONES = {"emea": "Europe/London", "amer": "America/New_York", "apac": "Asia/Kolkata"}
_WATCHES = {"emea": ("06:00", "14:00"), "amer": ("14:00", "22:00"), "apac": ("22:00", "06:00")}
"""Eight hours each, by UTC, so that the watch follows the sun."""

_LOOK = [
    *("ec2:Describe*", "rds:Describe*", "ecs:Describe*", "ecs:List*", "lambda:List*", "lambda:GetFunction*"),
    *("logs:Get*", "logs:Describe*", "logs:FilterLogEvents", "cloudwatch:Get*", "cloudwatch:List*"),
    *("cloudwatch:Describe*", "s3:ListAllMyBuckets", "s3:GetBucket*", "elasticloadbalancing:Describe*"),
    *("autoscaling:Describe*", "cloudformation:Describe*", "cloudformation:List*", "ssm:DescribeInstanceInformation"),
]
_BUILD = [
    *("ec2:*", "rds:*", "ecs:*", "lambda:*", "s3:*", "logs:*", "cloudwatch:*", "elasticloadbalancing:*"),
    *("autoscaling:*", "cloudformation:*", "ssm:*", "secretsmanager:*"),
]


@dataclass(frozen=True, slots=True)
class Edition:
    """The team file from an instant on; None is from the beginning."""

    since: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class _Cast:
    """Who does which job."""

    by_job: Mapping[str, tuple[str, ...]]
    zones: Mapping[str, str]
    """Where each lives: a key of `_ZONES`."""
    joiner: str
    leaver: str
    without: frozenset[str] = field(default_factory=frozenset)
    """Who is not in the file."""

    def members(self, job: str) -> list[str]:
        return [name for name in self.by_job[job] if name not in self.without]

    def everyone(self) -> list[str]:
        return [name for job in self.by_job for name in self.members(job)]

    def lives(self, names: Sequence[str], zone: str) -> list[str]:
        return [name for name in names if self.zones[name] == zone]


def make_staff(size: int, start: datetime, seed: int, *, changes: bool = True) -> tuple[Edition, ...]:
    """Make the editions of a team file, in order of time.

    Without `changes` it is one edition, with everybody in it. RefusedError for a size that is out of bounds.
    """
    if not LEAST <= size <= MOST:
        message = f"a team of {size} cannot be made up"
        raise RefusedError(message, f"ask for {LEAST} to {MOST} people")
    cast = _cast(size, random.Random(f"staff:{seed}:{size}"))
    if not changes:
        return (Edition(None, _text(cast, start, seed, cover=False)),)
    first, second, third = (
        _Cast(cast.by_job, cast.zones, cast.joiner, cast.leaver, frozenset(without))
        for without in ({cast.joiner}, (), {cast.leaver})
    )
    return (
        Edition(None, _text(first, start, seed, cover=False)),
        Edition(start + COVER_FILED, _text(first, start, seed, cover=True)),
        Edition(start + JOINS, _text(second, start, seed, cover=True)),
        Edition(start + LEAVES, _text(third, start, seed, cover=True)),
    )


def _cast(size: int, rng: random.Random) -> _Cast:
    names = rng.sample(_NAMES, k=size)
    counts = {
        "security": max(1, size // 13),
        "admins": 2,
        "support": max(1, size // 7),
        "data": max(1, size // 8),
        "contractors": max(1, size // 13),
        "platform": max(3, size // 5),
    }
    by_job, rest = dict[str, tuple[str, ...]](), list(names)
    for job, count in counts.items():
        by_job[job], rest = tuple(rest[:count]), rest[count:]
    by_job["developers"] = tuple(rest)
    # Both come from the developers who are on no rota, so that no shift hangs on them.
    on_watch = [*by_job["platform"], *rest[:-2]]
    zones = {name: list(_ZONES)[number % 3] for number, name in enumerate(on_watch)}
    zones |= {name: rng.choices(list(_ZONES), (6, 3, 1))[0] for name in names if name not in zones}
    return _Cast(by_job, zones, rest[-2], rest[-1])


def _text(cast: _Cast, start: datetime, seed: int, *, cover: bool) -> str:
    parts: dict[str, Any] = {
        "team": f"shop-{seed}",
        "networks": [OFFICE, VPN],
        "leads": [cast.members("security")[0], cast.members("admins")[0]],
        "break_glass": [{"iam_user": "break-glass", "accounts": ["production"]}],
        "managed_by": ["watchbill"],
        "workloads": _workloads(),
        "accounts": {
            name: {"number": number, "environment": name, "role": "watchbill"} for name, number in ACCOUNTS.items()
        },
        "people": {name: _person(cast, name, seed) for name in cast.everyone()},
        "groups": _groups(cast),
        "permission_sets": _permission_sets(),
        "rotas": _rotas(cast, start, cover=cover),
        "leave": _leave(cast, start),
        "grants": _grants(cast, start),
    }
    return "\n".join(_lines(parts)) + "\n"


def _lines(parts: Mapping[str, Any]) -> Iterator[str]:
    """Write YAML, an entry a line; what is inside is JSON, which is YAML too."""
    for name, value in parts.items():
        if isinstance(value, dict):
            yield f"{name}:"
            yield from (f"  {key}: {json.dumps(inner)}" for key, inner in value.items())
        else:
            yield f"{name}: {json.dumps(value)}"


def _workloads() -> dict[str, Any]:
    deploys = ["ecr:*", "ecs:*", "ssm:Get*", "cloudformation:*", "cloudwatch:*", "elasticloadbalancing:*"]
    return {
        "deploy-bot": {"owner": "developers", "actions": deploys},
        "metrics-agent": {"owner": "platform", "actions": ["cloudwatch:*", "ec2:Describe*"]},
        "shop-pipeline": {"owner": "developers", "subjects": ["repo:acme/shop:ref:*"], "actions": deploys},
    }


def _person(cast: _Cast, name: str, seed: int) -> dict[str, Any]:
    rng = random.Random(f"person:{seed}:{name}")
    person: dict[str, Any] = {
        "name": f"{name.title()} {rng.choice(_SURNAMES)}",
        "email": f"{name}@example.com",
        "time_zone": _ZONES[cast.zones[name]],
    }
    if rng.random() < 0.4:
        person["networks"] = [f"203.0.113.{16 * rng.randrange(16)}/28"]
    if name in cast.by_job["developers"]:
        person["ci_users"] = [f"github.com:{name}-dev"]
    return person


def _groups(cast: _Cast) -> dict[str, Any]:
    def held(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
        return [{"permission_set": name, "accounts": accounts.split()} for name, accounts in pairs]

    everywhere, builds = " ".join(ACCOUNTS), (("builder", "staging"), ("try-out", "sandbox"))
    access = {
        "developers": held(*builds, ("reader", "production"), ("assets", "production")),
        "platform": held(*builds, ("reader", "production")),
        "support": held(("support", "production"), ("reader", "staging")),
        "data": held(*builds, ("warehouse", "production")),
        "security": held(("security-audit", everywhere)),
        "admins": held(("identity-admin", everywhere), ("reader", "production"), ("try-out", "sandbox")),
        "contractors": held(("visitor", "staging")),
    }  # fmt: skip
    jobs = {job: {"members": cast.members(job), "access": access[job]} for job in access}
    own = {"includes": list(access), "access": held(("own-keys", everywhere))}
    return {**jobs, "everyone": own}


def _permission_sets() -> dict[str, Any]:
    def policy(*statements: dict[str, Any]) -> dict[str, Any]:
        return {"Version": "2012-10-17", "Statement": list(statements)}

    production, own = ACCOUNTS["production"], "arn:aws:iam::*:user/watchbill/${aws:username}"
    objects = ["s3:GetObject", "s3:ListBucket"]
    assets, warehouse = (f"arn:aws:s3:::production-{what}-0017" for what in ("assets", "warehouse"))
    return {
        "builder": {"description": "Build and try things in staging.", "allow": _BUILD},
        "try-out": {"description": "Anything, where nothing matters.", "allow": ["*"], "deny": ["organizations:*"]},
        "reader": {"description": "Look, do not touch.", "allow": _LOOK},
        "visitor": {"description": "What contractors see at any time.", "allow": ["ec2:Describe*", "ecs:Describe*"]},
        "support": {
            "description": "Look at machines and logs; restart what is tagged for it.",
            "policy": policy(
                {"Effect": "Allow", "Action": _LOOK, "Resource": "*"},
                {
                    "Effect": "Allow",
                    "Action": ["ec2:RebootInstances", "ssm:StartSession"],
                    "Resource": "*",
                    "Condition": {"StringEquals": {"aws:ResourceTag/restart": "support"}},
                },
                {"Effect": "Deny", "Action": "ec2:TerminateInstances", "Resource": "*"},
            ),
        },
        "assets": {
            "description": "The shop's pictures, and functions in the region that it is in.",
            "policy": policy(
                {"Effect": "Allow", "Action": objects, "Resource": [assets, f"{assets}/*"]},
                {
                    "Effect": "Allow",
                    "Action": "lambda:InvokeFunction",
                    "Resource": f"arn:aws:lambda:eu-west-1:{production}:function:resize-*",
                    "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}},
                },
            ),
        },
        "warehouse": {
            "description": "Read the warehouse, and ask it.",
            "policy": policy(
                {"Effect": "Allow", "Action": ["athena:*", "glue:Get*", "s3:ListAllMyBuckets"], "Resource": "*"},
                {"Effect": "Allow", "Action": objects, "Resource": [warehouse, f"{warehouse}/*"]},
            ),
        },
        "security-audit": {
            "description": "Read what security needs to read.",
            "allow": ["iam:Get*", "iam:List*", "cloudtrail:Describe*", "cloudtrail:Get*", "cloudtrail:LookupEvents",
                      "ec2:Describe*", "guardduty:List*", "guardduty:Get*", "config:Describe*"],
        },
        "identity-admin": {"description": "Users and roles.", "allow": ["iam:*", "cloudtrail:*", "sts:*"]},
        "own-keys": {
            "description": "Everybody's own keys, password and second factor.",
            "policy": policy(
                {
                    "Effect": "Allow",
                    "Action": ["iam:CreateAccessKey", "iam:UpdateAccessKey", "iam:DeleteAccessKey",
                               "iam:ListAccessKeys", "iam:GetUser", "iam:ChangePassword", "iam:DeactivateMFADevice",
                               "iam:EnableMFADevice", "iam:ListMFADevices"],
                    "Resource": own,
                },
                {
                    "Effect": "Allow",
                    "Action": ["iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice"],
                    "Resource": "arn:aws:iam::*:mfa/*",
                },
            ),
        },
        "prod-oncall": {
            "description": "Keep production running, while on watch.",
            "allow": _BUILD,
            "deny": ["iam:*", "cloudtrail:*"],
        },
        "data-oncall": {
            "description": "Mend the warehouse, while on watch.",
            "allow": ["rds:*", "athena:*", "glue:*", "s3:*"],
        },
        "contract-work": {"description": "Work in staging, in working hours.", "allow": ["ec2:*", "ecs:*", "logs:*"]},
    }  # fmt: skip


def _rotas(cast: _Cast, start: datetime, *, cover: bool) -> dict[str, Any]:
    on_watch = [
        n for n in (*cast.members("platform"), *cast.members("developers")) if n not in (cast.joiner, cast.leaver)
    ]
    monday = start.date() - timedelta(days=start.weekday())
    layers = [_layer(f"sun-{zone}", cast.lives(on_watch, zone), monday, hours) for zone, hours in _WATCHES.items()]
    return {
        "platform": {
            "accounts": ["production"],
            "entitlement": {"primary": "prod-oncall"},
            "grace": {"before": "15m", "after": "15m"},
            "required": [{"kind": "primary"}],
            "layers": layers,
            "overrides": [*_swaps(layers, start, monday), *(_cover(cast, start) if cover else ())],
        },
        "warehouse": {
            "accounts": ["production"],
            "entitlement": {"primary": "data-oncall"},
            "layers": [_layer("nights", cast.members("data"), monday, ("17:00", "08:00"))],
        },
        "contract": {
            "accounts": ["staging"],
            "entitlement": {"primary": "contract-work"},
            "layers": [_contract(cast, monday)],
        },
    }  # fmt: skip


def _layer(name: str, members: Sequence[str], monday: date, hours: tuple[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "time_zone": "UTC",
        "members": list(members),
        "turn": "1w",
        "handoff": {"time": hours[0]},
        "anchor": {"date": monday.isoformat(), "member": members[0]},
        "restrict": [{"days": "all", "from": hours[0], "to": hours[1]}],
    }


def _contract(cast: _Cast, monday: date) -> dict[str, Any]:
    recurs = {
        "start": f"{monday}T09:00",
        "length": "8h",
        "rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        "each": "everyone",
    }
    members = cast.members("contractors")
    return {"name": "weekdays", "time_zone": "Europe/London", "members": members, "recurs": recurs}


def _swaps(layers: Sequence[Mapping[str, Any]], start: datetime, monday: date) -> list[dict[str, Any]]:
    """Give two swaps of a day, in the second and the fourth week, where there is anyone to swap with."""
    found = list[dict[str, Any]]()
    for number, (week, layer) in enumerate(zip((1, 3), layers, strict=False)):
        members = layer["members"]
        if len(members) > 1:
            day = monday + timedelta(days=7 * week + 2 + number)
            hour, minute = (int(part) for part in layer["handoff"]["time"].split(":"))
            begins = datetime.combine(day, time(hour, minute), UTC)
            on = members[week % len(members)]
            other = members[(week + 1) % len(members)]
            span = {"from": iso(begins), "to": iso(begins + timedelta(hours=8))}
            found.append(
                {"name": f"swap-{number + 1}", "add": other, "remove": on, **span, "reason": "a wedding", "by": on}
            )
    return [each for each in found if each["from"] >= iso(start)]  # fmt: skip


def _cover(cast: _Cast, start: datetime) -> list[dict[str, Any]]:
    who, by = cast.members("platform")[-1], cast.members("admins")[0]
    span = {"from": iso(start + COVER_FROM), "to": iso(start + COVER_TO)}
    return [{"name": "cover-late", "add": who, "beside": True, **span, "reason": "called in by phone", "by": by}]


def _leave(cast: _Cast, start: datetime) -> list[dict[str, Any]]:
    """Give a week off each to two who are on no rota."""
    return [
        {
            "person": name,
            "from": (start + timedelta(days=days)).date().isoformat(),
            "to": (start + timedelta(days=days + 7)).date().isoformat(),
        }
        for name, days in zip(cast.members("support")[:2], (7, 14), strict=False)
    ]


def _grants(cast: _Cast, start: datetime) -> list[dict[str, Any]]:
    """Give emergencies that were approved beforehand: a few hours at night, for developers, and one for a day."""
    approver = cast.members("admins")[0]
    people = [name for name in cast.members("developers") if name not in (cast.joiner, cast.leaver)]
    spans = [(8, 18, 9), (9, 21, 8), (11, 8, 24), (16, 20, 10), (23, 19, 9)]
    return [
        {
            "name": f"emergency-{number + 1}",
            "person": people[-1 - number % len(people)],
            "permission_set": "prod-oncall",
            "accounts": ["production"],
            "from": iso(start + timedelta(days=day, hours=hour)),
            "to": iso(start + timedelta(days=day, hours=hour + length)),
            "reason": "orders are stuck",
            "approver": approver,
        }
        for number, (day, hour, length) in enumerate(spans)
    ]
