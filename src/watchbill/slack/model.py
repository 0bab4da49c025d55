"""What people do in Slack, as `service` takes it; nothing here knows what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from watchbill.respond.interfaces import SlackId


class Standing(StrEnum):
    """What somebody is in the workspace. Only a member counts."""

    MEMBER = "member"
    GUEST = "guest"
    BOT = "bot"
    DELETED = "deleted"
    STRANGER = "stranger"
    """Of another workspace, in a channel that is shared with it."""
    UNKNOWN = "unknown"
    """Slack could not be asked."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button that was pressed, or a dialogue that was sent."""

    id: str
    """`case|team:user|action`: the same press again has the same."""
    source: str
    """`slack`."""
    actor: SlackId
    action: str
    case: str | None
    at: datetime
    """When it came to us."""
    reference: Mapping[str, str]
    """The message it was on: `channel` and `ts`."""
    text: str = ""
    """What was written in the dialogue."""
    standing: Standing = Standing.MEMBER


@dataclass(frozen=True, slots=True)
class Who:
    """`/watch who`: who is on watch."""

    at: str | None = None
    """An instant in words, as `watchbill oncall --at` takes it; None is now."""


@dataclass(frozen=True, slots=True)
class ShowCase:
    """`/watch case ID`: where a case stands."""

    case: str


@dataclass(frozen=True, slots=True)
class RequestAccess:
    """`/watch request SET --for 2h --reason ...`: a permission set for a while."""

    permission_set: str
    length: timedelta
    reason: str
    accounts: tuple[str, ...] = ()
    """Names of accounts; empty is left to the handler."""


@dataclass(frozen=True, slots=True)
class AskSwap:
    """`/watch swap A B --from ... --to ... --reason ...`: two people exchange what they hold."""

    people: tuple[str, str]
    start: str
    end: str
    """Instants or dates, as `watchbill oncall swap` takes them."""
    reason: str
    rota: str | None = None


Wish = Who | ShowCase | RequestAccess | AskSwap


@dataclass(frozen=True, slots=True)
class Command:
    """A `/watch` that could be read."""

    id: str
    """Slack's own id of this command: the same command sent again has the same."""
    actor: SlackId
    standing: Standing
    at: datetime
    channel: str
    wish: Wish


class Reply(Protocol):
    """What is said to whoever pressed or typed."""

    @property
    def text(self) -> str:
        """Give what is said, raw."""
        ...

    @property
    def ephemeral(self) -> bool:
        """Tell whether they alone see it."""
        ...


class Take(Protocol):
    """Writes a press down and gives what is said at once, if anything is. It has to be quick: Slack waits for it."""

    def __call__(self, press: Press, /) -> Reply | None:
        """Take a press; what it does is done later."""
        ...


class Handle(Protocol):
    """Does what a command wishes for, and says what became of it."""

    def __call__(self, command: Command, /) -> Reply:
        """Handle a command."""
        ...
