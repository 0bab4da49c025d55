"""The world of the demo, played before whoever looks: the jobs of the service, by a clock that they move.

1. The clock stands still until it is moved. Then whatever is due on the way is done at its time, in its order: files of
   the trail arrive, passes are made, silence is heard, freezes are looked at again, notices are sent.
2. A pass is made every two hours, and when the last file of a story has arrived. At a handoff none is needed: access
   begins and ends by AWS's own clock.
3. What people press is worked on at once, while the clock stands still, too.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Final, Self

from watchbill.demo.chat import Chat
from watchbill.demo.door import Door
from watchbill.demo.stage import START, Stage
from watchbill.demo.timeline import Timeline
from watchbill.detect.sigma import LoadedRules
from watchbill.errors import NotFoundError
from watchbill.intervals import Interval
from watchbill.lake.delivery import Delivery
from watchbill.lake.ingest import Ingested
from watchbill.lake.place import Lake
from watchbill.schedule.oncall import shifts
from watchbill.service import requests, sessions
from watchbill.service.casework import Casework
from watchbill.service.containment import RECHECKS
from watchbill.service.lake import Library, take_in
from watchbill.service.plans import PASSES, Plans
from watchbill.service.reconcile import Watched, reconcile
from watchbill.service.serve import Did, Instance, Job, Turn
from watchbill.service.sessions import Session
from watchbill.sim.model import Story
from watchbill.sim.week import LENGTH
from watchbill.store.database import Store
from watchbill.store.rows import Asked, CaseRow, Sending, Worked
from watchbill.trail.sources import RELIST
from watchbill.web.play import Character, Dial, Inbox, Leap, StrangersCall


EVERY: Final = timedelta(hours=2)
"""How often a pass is made in the world's time. `serve` makes one each minute; nobody would wait for so many here."""

END: Final = START + LENGTH + timedelta(days=1)
"""Where the world ends: a day after the week, for what is left to do."""

_FRESH = timedelta(days=30)
_LOOK = 0.25
"""Seconds between two looks at whether there is anything to do; presses in the chat need none."""
_LEAST = 12
"""Times that jobs are done over, at the most, until nothing is left for them."""

_LENGTHS: Mapping[Leap, timedelta] = {Leap.MINUTES: timedelta(minutes=10), Leap.HOUR: timedelta(hours=1)}

_PARTS: Mapping[Story, str] = {
    Story.FORGOTTEN_PASSWORD: "comes on watch, and forgets a password. Asked, they can say so.",
    Story.OFF_SHIFT_CHANGE: "changes production an hour after their watch. Asked, they may say yes: a lead decides.",
    Story.HIJACK: "has their sign-in stolen. Asked, they say no: a lead freezes them, looks, and restores.",
}
"""What somebody is in a story, said before it has happened."""


@dataclass(frozen=True, slots=True)
class Read:
    """What passes read, and how often."""

    lake: Lake
    rules: LoadedRules
    every: timedelta = EVERY


def passes(works: Callable[[Turn], Casework], stage: Stage, trail: Read, plans: Plans) -> Job:
    """Make passes over what has arrived of the trail."""
    lake, rules = trail.lake, trail.rules

    def work(turn: Turn) -> Did:
        def take(library: Library) -> Ingested:
            return take_in(lake, _arrived(stage, turn.at), library, turn.at)

        done = reconcile(works(turn), Watched(lake, take, rules))
        plans.keep(done.plan, done.outcomes)
        facts = {"raised": list(done.raised) or None, "amended": list(done.amended) or None}
        return Did({name: ids for name, ids in facts.items() if ids}, tuple(done.problems))

    return Job(PASSES, trail.every, work, _FRESH)


def _arrived(stage: Stage, at: datetime) -> Sequence[Delivery]:
    """List what arrived in the last days: no pass was longer ago."""
    try:
        lately = Interval(at - RELIST, at - RELIST + timedelta(milliseconds=1))
        return stage.app.deliveries(stage.source, lately).deliveries
    except NotFoundError:
        return ()


@dataclass(slots=True)
class _Hand:
    """How far whoever looks wants the clock to go."""

    target: datetime = START
    until_case: bool = False
    """Whether to stop at the first case."""
    works: bool = False
    """Whether something is being done."""
    ends: bool = False
    wants_pass: bool = False
    """Whether somebody wants a pass now, beside those that are due."""
    tried: set[str] = field(default_factory=set)
    """Requests that AWS was looked at for."""


class World:
    """Plays inside its `with` block (`web.play.Play`)."""

    def __init__(self, stage: Stage, instance: Instance, chat: Chat, door: Door, folder: Path) -> None:
        """Take the jobs of an instance, which does none of them by itself; passes as often as their job says."""
        self._stage, self._instance, self._chat, self._door, self.folder = stage, instance, chat, door, folder
        self._store: Store = instance.store
        self._jobs = {job.name: job for job in instance.jobs}
        self._passes = _passes_due(stage, self._jobs[PASSES].every)
        self._handoffs = dict(_handoffs(stage))
        self._timeline = Timeline(stage.clock, self._next_instant, self._move, self._work)
        self._hand, self._condition = _Hand(), Condition()
        self._thread = Thread(target=self._run, name="play", daemon=True)
        self._auditor = auditor_of(stage)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._condition:
            self._hand.ends = True
            self._condition.notify_all()
        self._thread.join()

    # --- the clock ---

    def now(self) -> datetime:
        """Tell the time of the world."""
        return self._stage.clock.now()

    def dial(self) -> Dial:
        """Tell where the clock stands."""
        now = self.now()
        with self._condition:
            target, works = self._hand.target, self._hand.works
        due = self._next(now)
        said = "nothing more" if due is None else f"{due[1]}, {due[0]:%a %d %b %H:%M}"
        return Dial(now, target if target > now else None, works, said, now >= END)

    def stand(self) -> Hashable:
        """Give what is another once the clock stands otherwise, or something was said in the chat."""
        return self.dial(), self._chat.count()

    def leap(self, leap: Leap) -> None:
        """Move the clock on, or stop it."""
        now = self.now()
        if leap is Leap.STOP:
            target = now
        elif leap is Leap.DUE:
            due = self._next(now)
            target = END if due is None else due[0]
        else:
            target = now + _LENGTHS[leap] if leap in _LENGTHS else END
        self.go_to(target, until_case=leap is Leap.CASE)

    def go_to(self, target: datetime, *, until_case: bool = False) -> None:
        """Move the clock on to an instant, or to the first case before."""
        with self._condition:
            self._hand.target, self._hand.until_case = min(target, END), until_case
            self._condition.notify_all()

    def wake(self) -> None:
        """Have what was pressed worked on at once."""
        with self._condition:
            self._condition.notify_all()

    def settle(self, seconds: float) -> bool:
        """Wait until the clock stands still and nothing is left to do at its time."""
        with self._condition:
            self._condition.notify_all()
            return self._condition.wait_for(self._is_still, seconds)

    def _is_still(self) -> bool:
        return not self._hand.works and self._hand.target <= self.now() and not self._has_work()

    def _run(self) -> None:
        while not self._hand.ends:
            with self._condition:
                left, moves = self._has_work(), self._hand.target > self.now()
                if not left and not moves:
                    self._condition.notify_all()
                    self._condition.wait(_LOOK)
                    continue
                self._hand.works = True
            try:
                # What is left to do now is done now, and not at the time to which the clock goes on.
                if left:
                    self._beside()
                else:
                    self._timeline.step(self._hand.target)
            except Exception:  # noqa: BLE001 - a world that ended would leave its pages, and nothing would ever happen
                self._instance.bug(self._jobs[PASSES])
                self.go_to(self.now())
            with self._condition:
                self._hand.works = False
                self._condition.notify_all()

    def _move(self, at: datetime) -> None:
        """Move the world on. Whoever looks was not away meanwhile, and stays signed in."""
        self._store.web_sessions.carry(at - self.now())
        self._stage.go_to(at)

    def _work(self, at: datetime) -> None:
        before = len(self.cases())
        self._beside()
        if at in self._passes:
            self._do(self._jobs[PASSES])
            self._beside()
        with self._condition:
            if self._hand.until_case and len(self.cases()) > before:
                self._hand.target, self._hand.until_case = at, False

    def ask_for_pass(self) -> None:
        """Have a pass made now."""
        with self._condition:
            self._hand.wants_pass = True
            self._condition.notify_all()

    def _beside(self) -> None:
        """Do all that waits for no pass, until nothing is left of it now; and a pass, where somebody wants one."""
        with self._condition:
            wanted, self._hand.wants_pass = self._hand.wants_pass, False
        if wanted:
            self._do(self._jobs[PASSES])
        for _ in range(_LEAST):
            self._hand.tried |= {row.id for row in requests.unsettled(self._store, self.now())}
            for job in self._instance.jobs:
                if job.name != PASSES:
                    self._do(job)
            if not self._has_work():
                return

    def _do(self, job: Job) -> None:
        self._instance.lead.turn()
        while self._instance.do(job, set()):
            pass

    # --- what is due ---

    def _next_instant(self, now: datetime) -> datetime | None:
        due = self._next(now)
        return None if due is None else due[0]

    def _next(self, now: datetime) -> tuple[datetime, str] | None:
        """Give what is due next after an instant, and when."""
        planned = dict.fromkeys(self._passes, "watchbill looks at the trail") | self._handoffs
        found = [each for each in (*self._due_in_state(), *planned.items()) if each[0] > now]
        return min(found, default=None, key=lambda each: each[0])

    def _due_in_state(self) -> Iterator[tuple[datetime, str]]:
        """Give what hangs on what people did and did not do."""
        store = self._store
        for asked in store.questions.all():
            if asked.stand in ("asked", "answered"):
                yield asked.deadline_at, f"{asked.person} is to have answered"
        for freeze in store.freezes.active(self.now()):
            if freeze.applied_at is not None:
                for after in RECHECKS[freeze.rechecks :]:
                    yield freeze.applied_at + after, f"the freeze of {freeze.person} is looked at again"
        for notice in (row for row in store.outbox.unsent() if row.state is Sending.WAITING):
            yield notice.next_at, "somebody is reminded"
        for request in store.requests.all(Asked.WAITING):
            yield request.expires_at, f"{request.id} is to be decided"

    def _has_work(self) -> bool:
        """Tell whether anything is left to do at the time that it is."""
        store, now = self._store, self.now()
        if (
            self._hand.wants_pass
            or store.clicks.waiting()
            or store.clicks.waiting(Worked.TAKEN_ON)
            or store.questions.due(now)
        ):
            return True
        if store.questions.due(now) or any(notice.next_at <= now for notice in store.outbox.unsent()):
            return True
        return any(row.id not in self._hand.tried for row in requests.unsettled(store, now))

    # --- who is there ---

    def characters(self) -> Sequence[Character]:
        """Name everybody, those of the stories first, then leads and the auditor."""
        team, now = self._stage.team, self.now()
        frozen = {row.person for row in self._store.freezes.active(now)}
        parts = {truth.person: _PARTS.get(truth.story, "") for truth in self._stage.week.truths if truth.person}
        found = []
        for name in sorted(team.people, key=lambda name: (_rank(parts, name, team.leads, self._auditor), name)):
            role = "lead" if name in team.leads else "auditor" if name == self._auditor else "viewer"
            found.append(Character(name, team.people[name].full_name, role, parts.get(name, ""), name in frozen))
        return found

    def invited(self, secret: str) -> str | None:
        """Tell whom a link of the terminal is for."""
        return self._door.invited(secret)

    def come_in(self, secret: str) -> str | None:
        """Use a link of the terminal up."""
        return self._door.come_in(secret)

    def is_in(self, ticket: str) -> bool:
        """Tell whether a browser came in by a link of the terminal."""
        return self._door.is_in(ticket)

    def as_(self, actor: str) -> Casework:
        """Give somebody's work at the time of the world."""
        return Casework(self._stage.app, self._store, self._stage.team, self.now(), actor)

    def cases(self) -> Sequence[CaseRow]:
        """Give every case so far."""
        return self._store.cases.all()

    def be(self, person: str, secret: str) -> Session:
        """Begin somebody's session."""
        who = self._door.signed_in(person, "code", self.now())
        return sessions.sign_in(self.as_("watchbill"), who, secret, None)

    def vouch(self, state: str, person: str, how: str) -> str:
        """Take it that somebody signed in, as an identity provider does."""
        return self._door.vouch(state, person, how, self.now())

    def is_asked(self, state: str) -> bool | None:
        """Tell whether a sign-in that is under way is to be made afresh."""
        return self._door.is_asked(state)

    # --- the chat, and the stranger ---

    def inbox(self, person: str) -> Inbox:
        """Give what somebody sees in the chat."""
        return self._chat.inbox(person)

    def press(self, person: str, channel: str, ts: str, action: str) -> bool:
        """Press a button in the chat."""
        return self._chat.press(person, channel, ts, action)

    def write(self, person: str, dialogue: str, text: str) -> bool:
        """Send a dialogue of the chat."""
        return self._chat.write(person, dialogue, text)

    def type(self, person: str, command: str) -> None:
        """Type a command in the chat."""
        self._chat.type(person, command)

    def strangers_call(self) -> StrangersCall | None:
        """Ask what would become of the stranger's next call; None while there is no stranger."""
        hijack = self._stage.truth(Story.HIJACK)
        if hijack is None or hijack.person is None or self.now() < hijack.at:
            return None
        found = self._stage.next_call(hijack)
        return StrangersCall(hijack.person, found.call, found.decision, found.because, found.key, found.key_active)


def auditor_of(stage: Stage) -> str:
    """Name somebody who is in no story and leads nothing: the auditor."""
    told = {truth.person for truth in stage.week.truths}
    names = [name for name in stage.team.people if name not in stage.team.leads]
    return next((name for name in names if name not in told), names[-1])


def _rank(parts: Mapping[str, str], name: str, leads: Sequence[str], auditor: str) -> int:
    if parts.get(name):
        return list(_PARTS.values()).index(parts[name])
    return len(_PARTS) + (0 if name in leads else 1 if name == auditor else 2)


def _passes_due(stage: Stage, every: timedelta) -> frozenset[datetime]:
    """Give when passes are made."""
    return frozenset((*(START + number * every for number in range(1, (END - START) // every + 1)), *stage.moments()))


def _handoffs(stage: Stage) -> Iterator[tuple[datetime, str]]:
    """Give when who comes on watch."""
    span = Interval(START, END)
    for rota in stage.team.rotas.values():
        for shift in shifts(rota, span):
            if START < shift.interval.start < END:
                yield shift.interval.start, f"{shift.duty.person} comes on watch"
