"""What is told to people: plain words and buttons. Whoever draws them makes them inert and fits them to the channel.

To the person of a case: never what is suspected, never a button that stops anybody.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


LEADS: Final = "leads"
"""Whom a notice is to when it is to all who lead: no person, so no person of the team file has this name."""


class NoticeKind(StrEnum):
    """Why somebody is told."""

    QUESTION = "question"
    """Was it you?"""
    ANSWERED = "answered"
    """To whoever was asked: what became of the answer; takes the place of the question."""
    ESCALATION = "escalation"
    """A lead has to decide."""
    UPDATE = "update"
    """Takes the place of an escalation: what became of the case."""
    STAND_IN = "stand-in"
    """Somebody else has to keep the watch."""
    REQUEST = "request"
    """Somebody asks for access for a while."""
    HELP = "help"
    """Somebody cannot get in."""
    NEWS = "news"
    """Anything else that leads have to know, and nothing hangs on."""


@dataclass(frozen=True, slots=True)
class Button:
    """One thing that may be done about a notice, by whoever may."""

    action: str
    """`answer:yes`, `answer:no`, `answer:more`, `confirm`, `freeze`, `verdict:mistake`, `snooze:30`, ..."""
    label: str
    style: str = ""
    """`primary`, `danger` or empty."""
    confirm: tuple[str, ...] = ()
    """Lines that are shown before it counts, such as the exact calls."""
    url: str | None = None
    """Where it leads; None where the press itself is what counts."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one person, or to the leads."""

    key: str
    """`case:kind:to`, with a number behind where there may be several: the same fact never makes two."""
    kind: NoticeKind
    to: str
    """A person's name in the team file, or `LEADS`."""
    case: str | None
    severity: str
    title: str
    """One sentence, 150 characters at most."""
    lines: tuple[str, ...]
    context: tuple[str, ...] = ()
    """What is said small below."""
    buttons: tuple[Button, ...] = ()
    replaces: str | None = None
    """Key of the notice whose message this one takes the place of, where the channel can."""
    about: str | None = None
    """Whose case it is, where it is to the leads: a lead is told nothing of their own. The outbox fills it in."""
