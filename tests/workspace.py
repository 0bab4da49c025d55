"""A workspace on the stand-in for Slack, with the team of `tests.teams` in it, and what hears and sends there."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock, Timer
from typing import Any

from tests.teams import HERE, team

from watchbill.respond.interfaces import Recipient, SlackId
from watchbill.respond.notices import LEADS, Button, Notice, NoticeKind
from watchbill.sim.slack import User
from watchbill.sim.slack.model import APP_TOKEN, BOT, BOT_TOKEN, SIGNING_SECRET, TEAM
from watchbill.slack.connect import SlackSettings, connect
from watchbill.team.model import Slack


AT = datetime(2026, 1, 15, 11, 30, tzinfo=UTC)
CHANNEL = "C0123456789"


def settings_of(slack, *, socket=True):
    """Give what the environment would say of it."""
    return SlackSettings(BOT_TOKEN, APP_TOKEN if socket else None, None if socket else SIGNING_SECRET, slack.url)


def slack_team(channel=CHANNEL, leads=("sofia",)):
    """Give the team, whose leads are told in a channel or by a message."""
    return replace(team(), slack=Slack(channel, "freeze", HERE), leads=leads)


def user_of(name):
    """Give the id of somebody of the team in Slack."""
    return f"U0{name.upper()}"


def populate(slack):
    """Let the team into the workspace."""
    for person in team().people.values():
        slack.add_user(User(user_of(person.name), person.name, person.email))
    slack.add_channel(CHANNEL, "oncall", [BOT, user_of("sofia"), user_of("ada")])


def recipient(name, *, pinned=True):
    """Give somebody to write to."""
    if name == LEADS:
        return Recipient(LEADS, "", None)
    return Recipient(name, f"{name}@example.com", SlackId(TEAM, user_of(name)) if pinned else None)


def notice(kind=NoticeKind.QUESTION, to="rick", **changed):
    """Make a notice; a question has the buttons of one."""
    asked = (
        Button("answer:yes", "Yes, that was me"),
        Button("answer:no", "No, not me", "danger"),
        Button("answer:more", "Tell us more"),
    )
    made = Notice(
        changed.pop("key", f"C-1:{kind}:{to}"),
        kind,
        to,
        "C-1",
        "high",
        "Was that you?",
        ("Since 11:00 UTC, from 203.0.113.7",),
        ("We never ask for passwords.",),
        asked if kind == NoticeKind.QUESTION else (),
    )
    return replace(made, **changed)


@dataclass(frozen=True, slots=True)
class Said:
    """A reply."""

    text: str
    ephemeral: bool = True


@dataclass(slots=True)
class Desk:
    """Takes presses as `service` would: each once, and says what is known already."""

    presses: list[Any] = field(default_factory=list)
    commands: list[Any] = field(default_factory=list)
    pins: dict[str, SlackId] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def take(self, press):
        """Take a press."""
        with self.lock:
            if any(press.id == known.id for known in self.presses):
                return Said("already answered at 11:30")
            self.presses.append(press)
        return None

    def handle(self, command):
        """Handle a command."""
        self.commands.append(command)
        return Said(f"heard {command.wish}")

    def pin(self, person, who):
        """Pin somebody."""
        self.pins[person.name] = who


@contextmanager
def connected(slack, desk, *, of=None, socket=True, at=AT):
    """Connect to the workspace as `serve` does."""
    of = of or slack_team()
    leads = [recipient(name) for name in of.leads]
    made = connect(
        settings_of(slack, socket=socket),
        of,
        desk.take,
        desk.handle,
        leads=lambda: leads,
        pin=desk.pin,
        now=lambda: at,
    )
    made.start()
    try:
        yield made
    finally:
        # The client looks up from its socket every few seconds, or when it is closed at the other end.
        hanging_up = Timer(0.05, slack.hang_up)
        hanging_up.start()
        made.stop()
        hanging_up.join()
