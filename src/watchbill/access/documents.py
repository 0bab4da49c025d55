"""IAM documents that end by AWS's own clock: gate, fence and trust.

* The **gate** lets a person assume the on-call role only inside their window: one Allow statement per window, MFA
  required. Dates are never listed under one key, since AWS reads a list as "any of them" and the gap would be open.
* The **fence** ends a live session's power at shift end: for each slice of time an explicit Deny of everything to
  every session but those of the people on watch, and a Deny outside the horizon. Denies compose over several policies
  and hold against resource policies. The session's identity is `aws:userid`, whose part after the colon is the session
  name, which the trust policy pins to the user's name; where the key is absent, `StringNotLike` is true and denies.
* The **trust** names the users, demands MFA, and pins session name and source identity to the user's name.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "AWS global condition context keys" and "IAM
and STS quotas" (a managed policy: 6,144 characters without white space).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from watchbill.access.model import Document, Holding
from watchbill.access.permissions import dates
from watchbill.intervals import Interval, iso


POLICY_LIMIT = 6144
"""Characters of a managed policy, white space not counted (IAM and STS quotas)."""

TRUST_LIMIT = 2048
"""Characters of a role's trust policy (IAM and STS quotas, the default)."""

_VERSION = "2012-10-17"


def gate_documents(windows: Iterable[tuple[str, Holding]], role_arn: str) -> tuple[Document, ...]:
    """Give the policies that let users assume a role inside their windows, packed into as few as fit.

    `windows` pairs the name of an IAM user with a holding that has an interval.
    """
    users: dict[Interval, list[str]] = {}
    for user, holding in windows:
        assert holding.interval is not None, "a gate is for windows only"
        users.setdefault(holding.interval, []).append(user)
    return tuple(_packed(_gate(interval, sorted(names), role_arn) for interval, names in sorted(users.items())))


def fence_documents(windows: Sequence[tuple[str, Holding]], horizon: Interval) -> tuple[Document, ...]:
    """Give the policies that deny a role's sessions everything outside their person's windows.

    Every instant has a Deny that hits each session whose person is not on watch; outside the horizon it hits all.
    """
    edges = {horizon.start, horizon.end}
    for _, holding in windows:
        assert holding.interval is not None, "a fence is for windows only"
        edges.update(edge for edge in (holding.interval.start, holding.interval.end) if edge in horizon)
    ordered = sorted(edges)
    slices: list[tuple[Interval, tuple[str, ...]]] = []
    for start, end in pairwise(ordered):
        names = tuple(sorted({user for user, h in windows if h.interval is not None and start in h.interval}))
        if slices and slices[-1][1] == names:
            slices[-1] = (Interval(slices[-1][0].start, end), names)
        else:
            slices.append((Interval(start, end), names))
    outside = [
        _deny({"DateLessThan": {"aws:CurrentTime": iso(horizon.start)}}),
        _deny({"DateGreaterThanEquals": {"aws:CurrentTime": iso(horizon.end)}}),
    ]
    return tuple(_packed(iter([*outside, *(_slice(interval, names) for interval, names in slices)])))


def trust_document(user_arns: Sequence[str]) -> Document:
    """Give the trust policy of an on-call role: these users, with MFA, under their own name."""
    return {
        "Version": _VERSION,
        "Statement": [
            {
                "Sid": "OnWatch",
                "Effect": "Allow",
                "Principal": {"AWS": sorted(user_arns)},
                "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
                "Condition": {
                    "Bool": {"aws:MultiFactorAuthPresent": "true"},
                    "StringEquals": {"sts:RoleSessionName": "${aws:username}"},
                    "StringEqualsIfExists": {"sts:SourceIdentity": "${aws:username}"},
                },
            }
        ],
    }


def deny_all() -> Document:
    """Give the policy that denies everything."""
    return {"Version": _VERSION, "Statement": [{"Sid": "Frozen", **_deny(None)}]}


def deny_sessions_of(user: str) -> Document:
    """Give the policy that denies everything to one person's sessions of a role, and to nobody else's.

    By source identity, which survives role chaining, and by session name, for sessions that carry none.
    """
    return {
        "Version": _VERSION,
        "Statement": [
            _deny({"StringEquals": {"aws:SourceIdentity": user}}),
            _deny({"StringLike": {"aws:userid": f"*:{user}"}}),
        ],
    }


def size(document: Document) -> int:
    """Count the characters of a document as AWS does: without white space outside strings."""
    return len(json.dumps(document, separators=(",", ":")))


def _gate(interval: Interval, users: list[str], role_arn: str) -> dict[str, Any]:
    return {
        "Sid": f"W{interval.start:%Y%m%dT%H%M}",
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
        "Resource": role_arn,
        "Condition": {
            "StringEquals": {"aws:username": users},
            "Bool": {"aws:MultiFactorAuthPresent": "true"},
            **dates(interval),
        },
    }


def _slice(interval: Interval, users: tuple[str, ...]) -> dict[str, Any]:
    who = {"StringNotLike": {"aws:userid": [f"*:{user}" for user in users]}} if users else {}
    return _deny({**who, **dates(interval)})


def _deny(condition: dict[str, Any] | None) -> dict[str, Any]:
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    return statement if condition is None else {**statement, "Condition": condition}


def _packed(statements: Iterator[dict[str, Any]]) -> Iterator[Document]:
    batch: list[dict[str, Any]] = []
    for statement in statements:
        if batch and size({"Version": _VERSION, "Statement": [*batch, statement]}) > POLICY_LIMIT:
            yield {"Version": _VERSION, "Statement": batch}
            batch = []
        batch.append(statement)
    if batch:
        yield {"Version": _VERSION, "Statement": batch}
