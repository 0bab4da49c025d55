"""What respond needs from outside: channels that reach people, and proof that somebody has just signed in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from watchbill.errors import ProviderError
from watchbill.respond.notices import Notice


Reference = Mapping[str, str]
"""Where a message lies, in the words of its channel (`{"channel": ..., "ts": ...}`); it is kept as JSON."""


@dataclass(frozen=True, slots=True)
class SlackId:
    """A user of Slack: a user id alone may be of another workspace."""

    team: str
    user: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a notice is sent to: a person of the team file, or the leads, who have neither address nor Slack id."""

    name: str
    email: str
    slack: SlackId | None
    """None where nobody was pinned yet."""


class LaterError(ProviderError):
    """The channel takes nothing for now, and said for how long (HTTP 429, Retry-After)."""

    def __init__(self, message: str, after: timedelta, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.after = after


class Sender(Protocol):
    """One channel."""

    def send(self, notice: Notice, to: Recipient, before: Reference | None) -> Reference:
        """Send a notice, or let it take the place of the message at `before`; give where it lies.

        Raises ProviderError when it was not sent, LaterError when it may be sent later.
        """
        ...

    def find(self, notice: Notice, to: Recipient) -> Reference | None:
        """Give where a notice lies that may have been sent: asked when a process died before it could write it down.

        None where it surely was not sent. ProviderError where it cannot be told.
        """
        ...


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What the identity provider says of somebody who signed in. Whoever makes one has checked its signature."""

    issuer: str
    subject: str
    """Never given to another by the same issuer."""
    email: str | None
    """None where the provider does not vouch that it is theirs."""
    groups: tuple[str, ...]
    at: datetime | None
    """When they signed in (`auth_time`); None where it does not say."""
    amr: tuple[str, ...] = ()
    acr: str = ""


@dataclass(frozen=True, slots=True)
class StepUp:
    """Proof of a fresh sign-in, as the identity provider gave it. Whoever makes one has checked its signature."""

    subject: str
    """Name of the person in the team file."""
    at: datetime
    """When they signed in (`auth_time`), not when the token was made."""
    amr: Collection[str] = ()
    """Methods that were used (RFC 8176): `pwd`, `otp`, `hwk`."""
    acr: str = ""
    """How strong the provider says it was: `phr`, `phrh` of OpenID EAP, or its own words."""
