"""Which call handed out a temporary key, the first link of every key chain, and which said who may take a role.

A call into another account is recorded in both. The caller's own copy says who called; the other says only from which
account. `sharedEventID` is the same in both (CloudTrail User Guide, "CloudTrail record contents"), so a copy without
the key still says who called. A copy that has a key of its own never speaks of another.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from watchbill.trail.model import Event, Opening, Outcome, Subject


HANDS_OUT = frozenset(
    {"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "GetSessionToken"}
    | {"GetFederationToken"}
)
"""Calls of STS whose answer holds a new access key."""

TRUSTS = {
    "CreateRole": "assumeRolePolicyDocument",
    "UpdateAssumeRolePolicy": "policyDocument",
    "DeleteRole": None,
}
"""Calls of IAM that set or end a role's trust policy, and the parameter that has it."""

_STS = "sts.amazonaws.com"


def opening(event: Event) -> Opening | None:
    """Give what an event handed out; None where that is no key, nor anything that another account's copy completes."""
    if event.name not in HANDS_OUT or event.source != _STS:
        return None
    asked, answer = _mapping(event.record.get("requestParameters")), _mapping(event.record.get("responseElements"))
    key = _text(_mapping(answer.get("credentials")).get("accessKeyId")) or ""
    shared = _text(event.record.get("sharedEventID"))
    if not key and (shared is None or event.outcome is not Outcome.ALLOWED):
        return None
    return Opening(
        key,
        event.id,
        event.at,
        event.name,
        event.account,
        event.source,
        event.region,
        event.identity,
        _text(asked.get("roleArn")),
        _text(asked.get("roleSessionName")),
        _text(asked.get("sourceIdentity")) or _text(answer.get("sourceIdentity")),
        _subject(event, answer),
        shared,
    )


def chosen(copies: Iterable[Opening]) -> Opening | None:
    """Choose, of the copies of one call, the one that says who called; the same whatever their order."""
    return min(copies, key=_rank, default=None)


class Openings:
    """The openings of some events, found by the key they handed out, in whatever order they came."""

    def __init__(self, openings: Iterable[Opening] = ()) -> None:
        self._by_key: dict[str, Opening] = {}
        self._keyless: dict[str, Opening] = {}
        for each in openings:
            self.add(each)

    def add(self, opening: Opening) -> None:
        """Take one more; a copy that says less than what is there changes nothing."""
        if opening.key:
            _keep(self._by_key, opening.key, opening)
        elif opening.shared_event_id is not None:
            _keep(self._keyless, opening.shared_event_id, opening)

    def find(self, key: str) -> Opening | None:
        """Give what handed out a key, by the caller's own copy where there is one."""
        found = self._by_key.get(key)
        other = None if found is None or found.shared_event_id is None else self._keyless.get(found.shared_event_id)
        return found if found is None or other is None else replace(min(found, other, key=_rank), key=key)


def _keep(kept: dict[str, Opening], name: str, opening: Opening) -> None:
    there = kept.get(name)
    if there is None or _rank(opening) < _rank(there):
        kept[name] = opening


def _rank(opening: Opening) -> tuple[Any, ...]:
    """Order copies: who says who called first, then by time; the rest only makes the order whole."""
    return opening.identity.type in ("AWSAccount", None), opening.at, opening.event_id, opening.account, opening.key


def _subject(event: Event, answer: dict[str, Any]) -> Subject | None:
    if event.name not in ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"):
        return None
    said = _mapping(event.record.get("userIdentity"))
    name = event.identity.user_name or _text(answer.get("subjectFromWebIdentityToken")) or _text(answer.get("subject"))
    provider = _text(said.get("identityProvider")) or _text(answer.get("provider")) or _text(answer.get("issuer"))
    return None if name is None else Subject(provider or "", name)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
