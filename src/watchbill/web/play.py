"""What the pages of the demo are made from: a world that plays before whoever looks, and its clock in their hands.

It is played by `demo`; no instance that serves has one.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from watchbill.service.sessions import Session


class Leap(StrEnum):
    """How far somebody moves the clock on."""

    MINUTES = "minutes"
    HOUR = "hour"
    DUE = "due"
    """To whatever is due next."""
    CASE = "case"
    """Until a pass raises a case, or the week is over."""
    STOP = "stop"
    """No further: what is being done comes to its end."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Where the clock stands."""

    now: datetime
    target: datetime | None
    """Where it is moving to; None where it stands still."""
    works: bool
    """Whether something is being done at the time that it is."""
    next: str
    """What is due next, and when, in words."""
    over: bool
    """Whether the week is over, and time can be moved no further."""


@dataclass(frozen=True, slots=True)
class Character:
    """Somebody whom whoever looks may be."""

    person: str
    full_name: str
    role: str
    part: str
    """What they are in the stories, in words; empty where they are nothing in particular."""
    frozen: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A message in the chat."""

    channel: str
    ts: str
    at: datetime
    text: str
    blocks: Sequence[Mapping[str, Any]]
    """As Slack takes them; their texts have Slack's escapes."""
    edited: bool


@dataclass(frozen=True, slots=True)
class Conversation:
    """What somebody sees of one conversation."""

    title: str
    about: str
    messages: Sequence[Said]
    """The newest first."""
    whispers: Sequence[str]
    """What they alone see, the newest first."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A dialogue that somebody has open in the chat."""

    id: str
    title: str
    label: str
    submit: str


@dataclass(frozen=True, slots=True)
class Inbox:
    """What somebody sees in the chat."""

    conversations: Sequence[Conversation]
    dialogue: Dialogue | None


@dataclass(frozen=True, slots=True)
class StrangersCall:
    """Whether the stranger's next call would be allowed, by AWS as it is read back now."""

    person: str
    """As whom the stranger signed in."""
    call: str
    decision: str
    because: Sequence[str]
    key: str
    key_active: bool


class Play(Protocol):
    """The world of the demo."""

    @property
    def folder(self) -> Path:
        """Tell where its state lies."""
        ...

    def dial(self) -> Dial:
        """Tell where the clock stands."""
        ...

    def stand(self) -> Hashable:
        """Give what is another once the clock stands otherwise, or something was said in the chat."""
        ...

    def leap(self, leap: Leap) -> None:
        """Move the clock on, or stop it; whatever is due on the way is done beside whoever asked."""
        ...

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is being done, so many seconds at the most; tell whether nothing is."""
        ...

    def characters(self) -> Sequence[Character]:
        """Name everybody whom whoever looks may be, those of the stories first."""
        ...

    def invited(self, secret: str) -> str | None:
        """Tell whom a link of the terminal is for; None where it is none, or used up."""
        ...

    def come_in(self, secret: str) -> str | None:
        """Use a link of the terminal up; give what the browser is to hold from then on. None where it is none."""
        ...

    def is_in(self, ticket: str) -> bool:
        """Tell whether a browser came in by a link of the terminal."""
        ...

    def be(self, person: str, secret: str) -> Session:
        """Begin somebody's session, of which a browser is to hold the secret."""
        ...

    def vouch(self, state: str, person: str, how: str) -> str:
        """Take it that somebody signed in, as an identity provider does; give the page they go back to."""
        ...

    def is_asked(self, state: str) -> bool | None:
        """Tell whether a sign-in that is under way is to be made afresh; None where there is none."""
        ...

    def inbox(self, person: str) -> Inbox:
        """Give what somebody sees in the chat."""
        ...

    def press(self, person: str, channel: str, ts: str, action: str) -> bool:
        """Press a button in the chat, as Slack would send it. False where they have no such button."""
        ...

    def write(self, person: str, dialogue: str, text: str) -> bool:
        """Send a dialogue of the chat. False where they have none of that name open."""
        ...

    def type(self, person: str, command: str) -> None:
        """Type a command in the chat."""
        ...

    def strangers_call(self) -> StrangersCall | None:
        """Ask what would become of the stranger's next call, for which AWS is read; None while there is no stranger."""
        ...
