"""Okta's System Log: what `/api/v1/logs` gives, and what log streaming delivers by EventBridge.

Source: Okta Developer, "System Log API" (LogEvent) and "Event types". Results are SUCCESS, FAILURE, ALLOW, DENY,
CHALLENGE, SKIPPED, UNKNOWN and others.
"""

from collections.abc import Mapping
from typing import Any

from watchbill.trail.idp.model import Name, Provider, Said, mapping, text
from watchbill.trail.model import HIDDEN, Outcome
from watchbill.trail.read import instant


_NAMES = {
    "user.session.start": (Name.SIGNED_IN, Name.SIGN_IN_FAILED),
    "user.authentication.auth_via_mfa": (Name.MFA_PASSED, Name.MFA_FAILED),
    "user.authentication.sso": (Name.APPLICATION_OPENED, Name.SIGN_IN_FAILED),
    "user.mfa.okta_verify.deny_push": (Name.MFA_DENIED, Name.MFA_DENIED),
    "user.session.end": (Name.SIGNED_OUT, None),
    "user.account.lock": (Name.ACCOUNT_LOCKED, None),
    "user.account.unlock": (Name.ACCOUNT_UNLOCKED, None),
    "user.account.unlock_by_admin": (Name.ACCOUNT_UNLOCKED, None),
    "user.account.update_password": (Name.PASSWORD_CHANGED, None),
    "user.account.reset_password": (Name.PASSWORD_RESET, None),
    "user.mfa.factor.activate": (Name.MFA_ADDED, None),
    "user.mfa.factor.deactivate": (Name.MFA_REMOVED, None),
    "user.mfa.factor.reset_all": (Name.MFA_REMOVED, None),
    "user.lifecycle.suspend": (Name.ACCOUNT_DISABLED, None),
    "user.lifecycle.deactivate": (Name.ACCOUNT_DISABLED, None),
}
"""Our names by Okta's, where it succeeded and where it did not; one that has none then keeps Okta's."""

_STARTS = frozenset({"user.session.start", "policy.evaluate_sign_on"})
"""Events that tell of a sign-in to Okta itself, which a policy may refuse or ask more of."""

_ENDED_WELL = frozenset({"SUCCESS", "ALLOW"})
_ENDED_BADLY = frozenset({"FAILURE", "RATE_LIMIT", "ABANDONED"})

_NOBODY = "unknown"
"""The id of an actor whom Okta does not know; its `alternateId` is then what was typed, which may be a password."""


def is_okta(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is one of the System Log."""
    return "uuid" in record and "published" in record and "eventType" in record


def inside(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the record inside the envelope of a log stream; any other as it is."""
    detail = record.get("detail")
    return detail if isinstance(detail, dict) and is_okta(detail) else record


def read_okta(record: Mapping[str, Any]) -> Said | str:
    """Read one record, or say what it lacks."""
    uuid, at, kind = text(record.get("uuid")), instant(record.get("published")), text(record.get("eventType"))
    if uuid is None:
        return "it has no uuid"
    if at is None:
        return "its `published` is no instant"
    if kind is None:
        return "it has no eventType"
    actor, client, ended = (mapping(record.get(each)) for each in ("actor", "client", "outcome"))
    result, reason = text(ended.get("result")), text(ended.get("reason"))
    well = result in _ENDED_WELL or result is None
    address = HIDDEN if actor.get("id") == _NOBODY else text(actor.get("alternateId"))
    return Said(
        Provider.OKTA,
        uuid,
        at,
        _name(kind, result),
        address,
        text(actor.get("id")),
        text(client.get("ipAddress")),
        text(mapping(client.get("userAgent")).get("rawUserAgent")),
        _outcome(kind, result),
        None if well else reason or result,
        None if well else text(record.get("displayMessage")),
        # That a session began says nothing of how: the second factor is an event of its own.
        True if kind == "user.authentication.auth_via_mfa" and result == "SUCCESS" else None,
        record,
        is_service=text(actor.get("type")) not in ("User", None),
    )


def _name(kind: str, result: str | None) -> str:
    if kind in _STARTS and result == "DENY":
        return Name.SIGN_IN_BLOCKED
    if kind in _STARTS and result == "CHALLENGE":
        return Name.SIGN_IN_INTERRUPTED
    well, badly = _NAMES.get(kind, (None, None))
    if result in _ENDED_WELL:
        return well or kind
    return badly or kind if result in _ENDED_BADLY or result == "DENY" else kind


def _outcome(kind: str, result: str | None) -> Outcome:
    if result == "DENY":
        return Outcome.DENIED
    if result in _ENDED_BADLY or kind.startswith("user.mfa.okta_verify.deny_push"):
        return Outcome.FAILED
    return Outcome.ALLOWED
