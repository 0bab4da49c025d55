"""Microsoft Entra's sign-in logs: exports of Microsoft Graph, and lines of Azure Monitor with the same in `properties`.

Source: Microsoft Graph, "signIn resource type"; Microsoft Entra, "Sign-in logs schema in Azure Monitor" and
"Authentication and authorization error codes". Microsoft may change what a code means; the code is kept.
"""

import re
from collections.abc import Mapping
from typing import Any

from watchbill.trail.idp.model import Name, Provider, Said, items, mapping, text
from watchbill.trail.model import HIDDEN, Outcome
from watchbill.trail.read import instant


_NUMBER = re.compile(r"\d{1,9}", re.ASCII)

_NO_SUCH_USER = frozenset({50034})
"""The name does not exist in the directory: what was typed as one may be a password."""

_ASKED_MORE = frozenset(
    {50055, 50058, 50072, 50074, 50076, 50078, 50079, 50097, 50125, 50127, 50129, 50140, 50158, 65001}
)
"""The sign-in was interrupted, by a second factor to give or to enrol, an expired password, consent, or a choice."""

_POLICY = frozenset({50005, 50105, 53000, 53001, 53002, 53003, 53004, 530031, 530032})
"""Conditional access refused it, or the user is not assigned to the application."""

_SECOND_FACTOR = 500121
"""The second factor was not given, or not rightly."""

_SAID_NO = ("mfa denied; user declined the authentication", "mfa denied; phone app reported fraud")
"""How `additionalDetails` begins where a person said no on their device, in lower case."""

_SATISFIED = "MFA requirement satisfied"
"""How `additionalDetails` begins where the second factor was given before."""

_NOBODY = frozenset({"", "00000000-0000-0000-0000-000000000000"})


def is_entra(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is a sign-in, by itself or inside a line of Azure Monitor."""
    found = inside(record)
    return "id" in found and "createdDateTime" in found and ("status" in found or "appId" in found)


def inside(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the sign-in inside a line of Azure Monitor; any other record as it is."""
    found = record.get("properties")
    return found if isinstance(found, dict) and "category" in record else record


def read_entra(record: Mapping[str, Any]) -> Said | str:
    """Read one record, or say what it lacks."""
    found = inside(record)
    sign_in, at = text(found.get("id")), instant(found.get("createdDateTime"))
    if sign_in is None:
        return "it has no id"
    if at is None:
        return "its `createdDateTime` is no instant"
    status = mapping(found.get("status"))
    code = _code(status.get("errorCode", record.get("resultType")))
    if code is None:
        return "its `errorCode` is no number"
    more = text(status.get("additionalDetails")) or ""
    service = _is_service(record, found)
    address = text(found.get("servicePrincipalName")) if service else text(found.get("userPrincipalName"))
    user = text(found.get("servicePrincipalId" if service else "userId"))
    if not service and (code in _NO_SUCH_USER or (user or "") in _NOBODY):
        address = HIDDEN if address else None
    return Said(
        Provider.ENTRA,
        sign_in,
        at,
        _name(code, more, _kinds(record, found)),
        address,
        user if user not in _NOBODY else None,
        text(found.get("ipAddress")) or text(record.get("callerIpAddress")),
        text(found.get("userAgent")),
        Outcome.ALLOWED if not code else Outcome.DENIED if code in _POLICY else Outcome.FAILED,
        str(code) if code else None,
        _message(status, record) if code else None,
        _mfa(code, more, found),
        record,
        is_service=service,
    )


def _code(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _kinds(record: Mapping[str, Any], found: Mapping[str, Any]) -> frozenset[str]:
    """Give what kinds of sign-in it is, as Graph or as Azure Monitor names them, in lower case."""
    named = [*items(found.get("signInEventTypes")), record.get("category")]
    return frozenset(each.lower() for each in named if isinstance(each, str))


def _is_service(record: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    kinds = _kinds(record, found)
    return any(kind.startswith(("serviceprincipal", "managedidentity")) for kind in kinds)


def _name(code: int, more: str, kinds: frozenset[str]) -> str:
    if code == 0:
        continued = any(kind.startswith("noninteractive") for kind in kinds)
        return Name.SESSION_CONTINUED if continued else Name.SIGNED_IN
    if more.lower().startswith(_SAID_NO):
        return Name.MFA_DENIED
    if code == _SECOND_FACTOR:
        return Name.MFA_FAILED
    if code in _POLICY:
        return Name.SIGN_IN_BLOCKED
    return Name.SIGN_IN_INTERRUPTED if code in _ASKED_MORE else Name.SIGN_IN_FAILED


def _message(status: Mapping[str, Any], record: Mapping[str, Any]) -> str | None:
    said = text(status.get("failureReason")) or text(record.get("resultDescription"))
    more = text(status.get("additionalDetails"))
    return f"{said} ({more})" if said and more else said or more


def _mfa(code: int, more: str, found: Mapping[str, Any]) -> bool | None:
    """Tell whether a second factor backs a sign-in that succeeded: the most that was required for it."""
    if code:
        return None
    if more.startswith(_SATISFIED):
        return True
    required = found.get("authenticationRequirement")
    return {"multiFactorAuthentication": True, "singleFactorAuthentication": False}.get(str(required))
