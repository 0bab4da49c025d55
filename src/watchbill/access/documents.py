"""IAM documents that end by AWS's own clock: gate, fence and trust.

Time is cut into *slices*, in each of which the same people are on watch. For each slice there is an explicit Deny that
hits whoever is not one of them, and outside the horizon one that hits everybody. Denies compose: they may lie in
several policies, and no other statement gets past them.

* The **gate**, on the on-call group, denies taking the on-call role. A role's trust policy that names a user of the
  same account is enough to take it, and a job role may allow `sts:AssumeRole` too, so that an Allow alone would bound
  nothing. Its one Allow is for taking the role, and for setting the source identity, with MFA.
* The **fence**, on the role, denies everything. A session taken a second before the handoff ends with the shift. The
  session's person is in `aws:userid`, whose part after the colon is the session name, which the trust pins to the
  user's name; where a key is absent, a negated operator is true, and denies.
* The **trust** names the users, demands MFA, and pins session name and source identity to the user's name. AWS turns
  the names into unique ids: somebody made anew under the same name is not trusted.

Each slice has a statement of its own. Dates are never listed under one key: AWS reads a list as "any of them".

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "AWS global condition context keys", "Policy
evaluation logic" and "AWS JSON policy elements: Principal".
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec

from watchbill.access.model import Document, Holding
from watchbill.access.permissions import dates
from watchbill.intervals import Interval, iso, parse_instant


Statement = Mapping[str, Any]

VERSION = "2012-10-17"

BEFORE = "Before"
"""Sid of the Deny before the horizon: it is about the past, and no call is made there any more."""
BEYOND = "Beyond"
"""Sid of the Deny after the horizon."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A span of time in which the same people are on watch; nobody is possible."""

    interval: Interval
    users: tuple[str, ...]
    """Names of IAM users, sorted."""


def slices_of(windows: Iterable[tuple[str, Holding]], horizon: Interval) -> tuple[Slice, ...]:
    """Cut a horizon into slices. `windows` pairs the name of an IAM user with a holding that has an interval."""
    starts: dict[datetime, list[str]] = {}
    ends: dict[datetime, list[str]] = {}
    for user, holding in windows:
        assert holding.interval is not None, "gate and fence are for windows only"
        if (cut := holding.interval.intersection(horizon)) is not None:
            starts.setdefault(cut.start, []).append(user)
            ends.setdefault(cut.end, []).append(user)
    on: dict[str, int] = {}
    found: list[Slice] = []
    for start, end in pairwise(sorted({horizon.start, horizon.end, *starts, *ends})):
        for user in ends.get(start, ()):
            on[user] -= 1
        for user in starts.get(start, ()):
            on[user] = on.get(user, 0) + 1
        users = tuple(sorted(user for user, count in on.items() if count))
        if found and found[-1].users == users:
            found[-1] = Slice(Interval(found[-1].interval.start, end), users)
        else:
            found.append(Slice(Interval(start, end), users))
    return tuple(found)


def gate_statements(slices: Iterable[Slice], horizon: Interval, role_arn: str) -> list[Statement]:
    """Give the statements that let users take a role in their slices and never else."""
    take = {
        "Sid": "Take",
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
        "Resource": role_arn,
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    }
    who = ({"StringNotEquals": {"aws:username": list(each.users)}} if each.users else {} for each in slices)
    return [take, *_denied(slices, who, horizon, "sts:AssumeRole", role_arn)]


def fence_statements(slices: Iterable[Slice], horizon: Interval) -> list[Statement]:
    """Give the statements that deny a role's sessions everything outside their person's slices."""
    names = ([f"*:{user}" for user in each.users] for each in slices)
    who = ({"StringNotLike": {"aws:userid": found}} if found else {} for found in names)
    return [*_denied(slices, who, horizon, "*", "*")]


CENTER_USER = "identitystore:UserId"
"""The key that has the user id of whoever has a session by a permission set of Identity Center: it is never another's,
and never changes (IAM Identity Center User Guide, "Use a Deny policy to revoke active user permissions")."""


def center_fence(slices: Iterable[Slice], horizon: Interval) -> list[Statement]:
    """Give the statements that deny a permission set's sessions everything outside their person's slices.

    The users of the slices are user ids of Identity Center. It is all that ends them: there is no gate, since nobody
    else's document says who may take such a role; and no MFA is asked for, since these sessions never have that key.
    """
    who = ({"StringNotEquals": {CENTER_USER: list(each.users)}} if each.users else {} for each in slices)
    return [*_denied(slices, who, horizon, "*", "*")]


def center_users_of(statement: Statement) -> frozenset[str] | None:
    """Give the user ids that a slice of such a fence does not hit; None for a statement that is no slice of one."""
    if statement.get("Action") != "*" or statement.get("Effect") != "Deny" or span_of(statement) is None:
        return None
    names = statement["Condition"].get("StringNotEquals", {}).get(CENTER_USER, ())
    return frozenset([names] if isinstance(names, str) else names)


def span_of(statement: Statement) -> Interval | None:
    """Give the time for which a slice's statement holds, to the second; None for one that is no slice's."""
    condition: Any = statement.get("Condition")
    try:
        return Interval(
            parse_instant(condition["DateGreaterThanEquals"]["aws:CurrentTime"]),
            parse_instant(condition["DateLessThan"]["aws:CurrentTime"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def users_of(statement: Statement) -> frozenset[str] | None:
    """Give the users whom a gate's slice does not hit; None for a statement that is no gate's slice."""
    if statement.get("Action") != "sts:AssumeRole" or statement.get("Effect") != "Deny" or span_of(statement) is None:
        return None
    names = statement["Condition"].get("StringNotEquals", {}).get("aws:username", ())
    return frozenset([names] if isinstance(names, str) else names)


def trust_document(user_arns: Sequence[str]) -> Document:
    """Give the trust policy of an on-call role: these users, with MFA, under their own name and no other.

    The name of the session is demanded by a Deny, so that no statement beside it gets around it. Setting a source
    identity is an action of its own, which has not the keys of assuming a role (Service Authorization Reference,
    "AWS Security Token Service"). The users are in order, and one alone is in no list: so a trust is read back too.
    """
    named = sorted(user_arns)
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "OnWatch",
                "Effect": "Allow",
                "Principal": {"AWS": named[0] if len(named) == 1 else named},
                "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
                "Condition": {
                    "Bool": {"aws:MultiFactorAuthPresent": "true"},
                    "StringEqualsIfExists": {"sts:SourceIdentity": "${aws:username}"},
                },
            },
            {
                "Sid": "Named",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringNotEquals": {"sts:RoleSessionName": "${aws:username}"}},
            },
        ],
    }


def nobody() -> Document:
    """Give the trust policy of a role that nobody may take any more."""
    everybody = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    return {"Version": VERSION, "Statement": [{"Sid": "Nobody", **everybody}]}


def brakes_of_trust(found: Document) -> tuple[Statement, ...]:
    """Give the Denies of a trust that watchbill did not write: they may be somebody's emergency brake."""
    statements = found.get("Statement", ())
    listed = [statements] if isinstance(statements, Mapping) else statements
    ours = [*nobody()["Statement"], *trust_document([])["Statement"]]
    return tuple(s for s in listed if isinstance(s, Mapping) and s.get("Effect") != "Allow" and s not in ours)


def deny_all() -> Document:
    """Give the policy that denies everything."""
    return document([{"Sid": "Frozen", "Effect": "Deny", "Action": "*", "Resource": "*"}])


def deny_sessions_of(user: str) -> Document:
    """Give the policy that denies everything to one person's sessions of a role, and to nobody else's.

    By source identity, which survives role chaining, and by session name, for sessions that carry none.
    """
    everything = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    return document(
        [
            {**everything, "Condition": {"StringEquals": {"aws:SourceIdentity": user}}},
            {**everything, "Condition": {"StringLike": {"aws:userid": f"*:{user}"}}},
        ]
    )


NOBODY = "watchbill:nobody"
"""A name that neither a session nor a source identity can have: neither may hold a colon."""


def freeze_document(users: Collection[str], brakes: Iterable[Statement] = ()) -> Document:
    """Give the policy that denies everything to the sessions of these users, whichever role it is on.

    There are always two statements, so that the policy can lie on the roles beforehand, and one call freezes. `brakes`
    are what others deny in it.
    """
    named = sorted(users) or [NOBODY]
    everything = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    return document(
        [
            {"Sid": "FrozenSource", **everything, "Condition": {"StringEquals": {"aws:SourceIdentity": named}}},
            {
                "Sid": "FrozenSession",
                **everything,
                "Condition": {"StringLike": {"aws:userid": [f"*:{user}" for user in named]}},
            },
            *brakes,
        ]
    )


def frozen_by(found: Document) -> frozenset[str]:
    """Give the users whose sessions a document of that form denies; both of its statements must name them."""
    named: list[set[str]] = [set(), set()]
    for statement in _statements(found):
        condition = statement.get("Condition", {}) if statement.get("Sid") in _FREEZE_SIDS else {}
        named[0].update(_listed(condition.get("StringEquals", {}).get("aws:SourceIdentity", ())))
        users = _listed(condition.get("StringLike", {}).get("aws:userid", ()))
        named[1].update(user.removeprefix("*:") for user in users)
    return frozenset(named[0] & named[1]) - {NOBODY}


def brakes_of_freeze(found: Document) -> tuple[Statement, ...]:
    """Give the Denies of a freeze policy that watchbill did not write: they may be somebody's emergency brake."""
    return tuple(s for s in _statements(found) if s.get("Effect") != "Allow" and s.get("Sid") not in _FREEZE_SIDS)


_FREEZE_SIDS = ("FrozenSource", "FrozenSession")


def _statements(found: Document) -> list[Statement]:
    statements = found.get("Statement", ())
    listed = [statements] if isinstance(statements, Mapping) else statements
    return [each for each in listed if isinstance(each, Mapping)]


def _listed(values: Any) -> list[str]:
    return [values] if isinstance(values, str) else [str(each) for each in values]


def in_words(statement: Statement) -> str:
    """Say a statement on one line: `Deny sts:AssumeRole on arn:... if aws:CurrentTime DateLessThan ...`."""

    def listed(*keys: str) -> str:
        for key in keys:
            if key in statement:
                values = statement[key]
                several = [values] if isinstance(values, str) else [str(each) for each in values]
                more = f" and {len(several) - _MOST} more" if len(several) > _MOST else ""
                return ("all but " if key.startswith("Not") else "") + ", ".join(several[:_MOST]) + more
        return ""

    said = f"{statement.get('Effect')} {listed('Action', 'NotAction')} on {listed('Resource', 'NotResource')}"
    condition = statement.get("Condition", {})
    needs = [
        f"{key} {operator} {values if isinstance(values, str) else ', '.join(map(str, values))}"
        for operator, keys in condition.items()
        for key, values in keys.items()
    ]
    return f"{said} if {' and '.join(needs)}" if needs else said


_MOST = 8
"""Actions and resources of a statement that are written out."""


def document(statements: Iterable[Statement]) -> Document:
    """Give the policy document of some statements."""
    return {"Version": VERSION, "Statement": list(statements)}


def size(written: Document | Statement) -> int:
    """Count the characters of a document or a statement as AWS does: without white space outside strings."""
    return len(msgspec.json.encode(written).decode())


def _denied(
    slices: Iterable[Slice], who: Iterable[dict[str, Any]], horizon: Interval, action: str, resource: str
) -> Iterator[Statement]:
    def deny(sid: str, condition: Mapping[str, Any]) -> Statement:
        return {"Sid": sid, "Effect": "Deny", "Action": action, "Resource": resource, "Condition": condition}

    yield deny(BEFORE, {"DateLessThan": {"aws:CurrentTime": iso(horizon.start)}})
    yield deny(BEYOND, {"DateGreaterThanEquals": {"aws:CurrentTime": iso(horizon.end)}})
    for each, hits in zip(slices, who, strict=True):
        yield deny(f"S{each.interval.start:%Y%m%dT%H%M%S%f}".removesuffix("0" * 6), {**hits, **dates(each.interval)})
