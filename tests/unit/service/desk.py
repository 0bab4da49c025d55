"""A team with Slack and mail, its cases put into a store, channels in memory, and processes that die where they are told."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec
from tests.cloud import MemoryCloud
from tests.teams import HERE, MONDAY, team
from tests.unit.respond.test_ask import forgot, hijack, late
from tests.unit.respond.test_outcomes import entitled

from watchbill.aws.accounts import Accounts
from watchbill.bootstrap import App
from watchbill.errors import NotFoundError, ProviderError
from watchbill.respond.interfaces import LaterError, SlackId
from watchbill.respond.notices import Notice, NoticeKind
from watchbill.service.casework import Casework
from watchbill.service.clicks import Click, Desk, work_clicks, work_slow
from watchbill.service.outbox import deliver
from watchbill.sim.clock import SimClock
from watchbill.store.database import Store, open_store
from watchbill.store.rows import CaseRow
from watchbill.team.model import Notify, Slack


NOW = MONDAY + timedelta(hours=28)
MINUTE = timedelta(minutes=1)
USERS = {f"{name}@example.com": SlackId("T1", f"U{name.upper()}") for name in ("james", "rick", "sofia", "ada", "lee")}


class KilledError(BaseException):
    """The process is no more."""


@dataclass
class Fate:
    """Says when the process dies: at its `cut`-th write or sending, before it or after."""

    cut: int | None = None
    steps: int = 0

    def step(self):
        """Take one step, or die."""
        self.steps += 1
        if self.cut is not None and self.steps == self.cut:
            raise KilledError


class DyingStore(Store):
    """A store whose process may die before a transaction and after it."""

    fate: Fate

    @contextmanager
    def connect(self):
        """Give a connection; a transaction inside another is no step."""
        if self._open_one() is not None:
            with super().connect() as connection:
                yield connection
            return
        self.fate.step()
        with super().connect() as connection:
            yield connection
        self.fate.step()


@dataclass
class Channel:
    """A channel in memory: what lies where, and what it does with the next message."""

    fate: Fate = field(default_factory=Fate)
    messages: list[list[Notice]] = field(default_factory=list)
    """Each with all that was shown in its place, the first first."""
    down: bool = False
    busy: timedelta | None = None
    times_out: bool = False
    """Whether it takes a message and says that it did not."""

    def send(self, notice, to, before):
        """Send it, or write it over another."""
        self.fate.step()
        if self.busy is not None:
            raise LaterError("too many messages", self.busy)
        if self.down:
            raise ProviderError("connection refused")
        if before is None:
            self.messages.append([notice])
            place = {"ts": str(len(self.messages) - 1)}
        else:
            self.messages[int(before["ts"])].append(notice)
            place = dict(before)
        if self.times_out:
            raise ProviderError("no answer in time")
        self.fate.step()
        return place

    def find(self, notice, to):
        """Look for it."""
        if self.down:
            raise ProviderError("connection refused")
        for number, shown in enumerate(self.messages):
            if notice.key in [each.key for each in shown]:
                return {"ts": str(number)}
        return None

    def sent(self, kind=None):
        """Give all that was said, in order of their messages."""
        return [each for shown in self.messages for each in shown if kind is None or each.kind is kind]

    def said(self):
        """Give the keys of all that was said."""
        return [each.key for each in self.sent()]


def asking_team(*, slack=True, mail=True, respond="freeze", **more):
    """Make the team with channels."""
    made = Notify("ops", "mail", None, None, frozenset({"escalation", "update"}), HERE)
    return replace(team(), slack=Slack("C1", respond, HERE) if slack else None, notify=(made,) if mail else (), **more)


CASES = {
    "late": replace(late(), id="C-late"),
    "theirs": replace(entitled(late()), id="C-theirs", rules=["R1"], keys=["ASIA1"]),
    "forgot": replace(forgot(), id="C-forgot"),
    "hijack": replace(hijack(), id="C-away"),
}


class Office:
    """People at work on cases."""

    cases = tuple(CASES.values())
    begins = NOW

    def __init__(self, folder, of=None, fate=None):
        self.fate = fate or Fate()
        self.team = asking_team() if of is None else of
        self.clock = SimClock(self.begins)
        self.app = App(self.clock, Accounts("http://127.0.0.1:9", ("any", "any")), MemoryCloud())
        self.store = DyingStore(open_store(folder)._engine)  # noqa: SLF001 - the same state, in a process that may die
        self.store.fate = Fate()
        for view in self.cases:
            if self.store.cases.get(view.id) is not None:
                continue
            payload = msgspec.json.encode(view).decode()
            self.store.cases.put(CaseRow(view.id, NOW, NOW, "open", view.severity, view.person, "", payload))
        self.store.fate = self.fate
        self.slack, self.mail = Channel(self.fate), Channel(self.fate)
        self.frozen: list[str] = []
        self.said: list[tuple[Click, str]] = []
        self.users = dict(USERS)

    def as_(self, actor):
        """Work as somebody."""
        return Casework(self.app, self.store, self.team, self.clock.now(), actor)

    def deliver(self, links=None):
        """Send what is due."""
        return deliver(self.as_("watchbill"), {"slack": self.slack, "notify:ops": self.mail}, links)

    def later(self, length):
        """Let time pass."""
        self.clock.advance(length)

    def go_to(self, at):
        """Let it be another time."""
        self.clock = SimClock(at)

    def press(self, who, action, case="C-late", **more):
        """Make a press of somebody's in Slack."""
        user = SlackId("T1", f"U{who.upper()}")
        known: dict[str, Any] = {"id": f"{case}|T1:{user.user}|{action}", "source": "slack", "actor": user}
        known |= {"at": self.clock.now()} | more
        return Click(action=action, case=case, reference={"ts": "0"}, **known)

    def look_up(self, email):
        """Find a user by their address."""
        if email not in self.users:
            raise NotFoundError("nobody has this address")
        return self.users[email]

    def desk(self, **more):
        """Give what presses may set in motion."""
        given = {
            "freeze": self.freeze,
            "restore": self.restore,
            "preview": self.preview,
            "look_up": self.look_up,
        } | more
        return Desk(say=lambda click, reply: self.said.append((click, reply.text)), **given)

    def hear(self, **more):
        """Work on what was pressed, what takes long after all else; give how many presses there were."""
        return heard(self, self.desk(**more))

    def preview(self, case_id):
        """Give the calls of a freeze."""
        return [f"production: iam:AttachUserPolicy ({case_id})"]

    def freeze(self, work, case_id):
        """Freeze somebody, as often as it is asked with one result; the process may die before and after."""
        self.fate.step()
        if case_id not in self.frozen:
            self.frozen.append(case_id)
        self.fate.step()
        return f"frozen by {work.actor}"

    def restore(self, work, case_id):
        """Restore somebody."""
        self.frozen.remove(case_id)
        return f"restored by {work.actor}"

    def notices(self):
        """Give all that was written to be told."""
        return [
            row for case_id in (None, *(view.id for view in self.cases)) for row in self.store.outbox.of_case(case_id)
        ]

    def kinds(self):
        """Give what the ledger says was done."""
        return [str(entry.kind) for entry in self.store.ledger.entries()]


def heard(office, desk):
    """Work on what was pressed, what takes long after all else; give how many presses there were."""
    done = work_clicks(office.as_("watchbill"), desk)
    while work_slow(office.as_("watchbill"), desk):
        pass
    return done


def questions(channel):
    """Give the keys of the questions that a channel was given."""
    return [each.key for each in channel.sent(NoticeKind.QUESTION)]
