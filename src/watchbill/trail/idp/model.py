"""What identity providers record, in our shape: fixed names for what matters, and how an event is made of a record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from watchbill.trail.model import Event, Identity, Outcome, Place


CATEGORY = "IdentityProvider"
"""`eventCategory` in the record of every such event, and its type."""

USER = "IdentityProviderUser"
"""The type of an identity that is a person's, or claims to be."""

SERVICE = "IdentityProviderService"
"""The type of an identity that is an application's, or the provider's own."""


class Provider(StrEnum):
    """Whose log it is: the `source` of an event."""

    OKTA = "okta"
    ENTRA = "entra"
    GOOGLE = "google"


class Name(StrEnum):
    """What happened, for what matters most. Any other event has the name that its provider gives it."""

    SIGNED_IN = "SignedIn"
    SIGN_IN_FAILED = "SignInFailed"
    """It failed at what was given: a password, a name, a locked account."""
    SIGN_IN_BLOCKED = "SignInBlocked"
    """A policy refused it, whatever was given."""
    SIGN_IN_INTERRUPTED = "SignInInterrupted"
    """The provider asked for more, such as a second factor; whether it came is another event."""
    SUSPICIOUS_SIGN_IN = "SuspiciousSignIn"
    """The provider says so, and blocked it."""
    SESSION_CONTINUED = "SessionContinued"
    """A token was renewed without anybody typing anything."""
    APPLICATION_OPENED = "ApplicationOpened"
    """A session was used to sign in to an application, such as AWS."""
    SIGNED_OUT = "SignedOut"
    MFA_PASSED = "MfaPassed"
    MFA_FAILED = "MfaFailed"
    MFA_DENIED = "MfaDenied"
    """Somebody said no on their own device: they did not ask to sign in."""
    MFA_ADDED = "MfaAdded"
    MFA_REMOVED = "MfaRemoved"
    PASSWORD_CHANGED = "PasswordChanged"  # noqa: S105 - the name of an event
    PASSWORD_RESET = "PasswordReset"  # noqa: S105 - the name of an event
    """By somebody who needed no old password: an administrator, or by recovery."""
    ACCOUNT_LOCKED = "AccountLocked"
    ACCOUNT_UNLOCKED = "AccountUnlocked"
    ACCOUNT_DISABLED = "AccountDisabled"


@dataclass(frozen=True, slots=True)
class Said:
    """What a provider's record says, before it is an event."""

    provider: Provider
    id: str
    """Its own unique id, as the provider gives it."""
    at: datetime
    name: str
    address: str | None
    """By which it knows whoever acted; what was typed where nobody of that name exists is never here."""
    user_id: str | None
    ip: str | None
    user_agent: str | None
    outcome: Outcome
    error_code: str | None
    """The provider's own reason, where it failed."""
    error_message: str | None
    mfa: bool | None
    """Whether a second factor was asked and given; None where the record does not say."""
    record: Mapping[str, Any]
    is_service: bool = False


def event_of(said: Said, place: Place) -> Event:
    """Make an event; it keeps the provider's record, with the category of all such events."""
    identity = Identity(
        SERVICE if said.is_service else USER,
        None,
        said.user_id,
        None,
        said.address,
        None,
        None,
        None,
        None,
        said.mfa,
        None,
        None,
        None,
    )
    return Event(
        said.id,
        said.at,
        said.provider,
        said.name,
        "",
        "",
        identity,
        said.ip,
        said.user_agent,
        said.outcome,
        said.error_code,
        said.error_message,
        None,
        CATEGORY,
        {**said.record, "eventCategory": CATEGORY},
        place,
    )


def text(value: object) -> str | None:
    """Give a text that is not empty; None for anything else."""
    return value if isinstance(value, str) and value else None


def mapping(value: object) -> Mapping[str, Any]:
    """Give an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """Give a list; an empty one for anything else."""
    return value if isinstance(value, list) else []
