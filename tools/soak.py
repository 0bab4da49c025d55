"""Let instances be killed at random while they tell and hear people, and see that each thing is told and done once.

Several `watchbill serve` run on one state, as processes, in front of the stand-ins for Slack and AWS: real HTTP, real
sockets, real kills (SIGKILL), each followed by another process. The state is full to begin with: cases with a question
to their person, and far more messages that nothing hangs on. Slack asks to wait now and then, and loses answers. While
that drains, people press: whom a question has reached answers it, and it is measured how long the press took to be
acknowledged, and how long until the person was told what came of it.

At the end nothing may wait, every message must have been said once, and every answer be the one that was pressed.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import msgspec

from watchbill.access.apply import apply
from watchbill.access.model import State
from watchbill.access.plan import make_plan
from watchbill.alerts.view import CaseView
from watchbill.bootstrap import make_app
from watchbill.clock import SystemClock
from watchbill.errors import WatchbillError
from watchbill.intervals import iso
from watchbill.ledger.chain import verify
from watchbill.ledger.model import State as Chain
from watchbill.respond.notices import LEADS, Notice, NoticeKind
from watchbill.respond.telling import question_key
from watchbill.service import asking
from watchbill.service.casework import Casework
from watchbill.service.lead import NAME
from watchbill.service.outbox import put
from watchbill.sim.slack import SlackStandIn, User
from watchbill.sim.slack.model import APP_TOKEN, BOT, BOT_TOKEN
from watchbill.sim.stand_in import StandIn
from watchbill.store.database import Store, open_store
from watchbill.store.rows import CaseRow, Sending, Worked
from watchbill.team.files import parse
from watchbill.team.model import Team


PEOPLE, CHANNEL = 40, "C0123456789"
_LEADS = ("sofia", "ada")
_NO = 0.1
"""Of the answers: after each the calls of a freeze are worked out, too."""
_LOSES = 0.2
"""Of the times that Slack has a bad moment: an answer gets lost; else it asks to wait."""
_ONE_IN = 20
"""One in so many of the messages is to the leads."""
_TOLD = 30.0
"""Seconds in which somebody is told what came of a press, or presses again, as people do."""
_LOOK = 0.1
_POLL = 0.002


@dataclass(frozen=True, slots=True)
class Load:
    """What is done to the instances."""

    cases: int = 1000
    """Each with a question that is to be asked."""
    messages: int = 10_000
    """Queued to begin with, the questions among them."""
    instances: int = 3
    kills: int = 12
    between: tuple[float, float] = (15.0, 35.0)
    """Seconds from one kill to the next."""
    presses: float = 4.0
    """A second."""
    silent: int = 50
    """Of the cases, those that nobody answers, whose time is over in five minutes; the leads hear of them."""
    most: float = 1800.0
    """Seconds in which all of it must be over."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Pressed:
    """One press, as the person saw it."""

    case: str
    said: str
    acknowledged: float
    """Seconds."""
    answered: float
    """Seconds until they were told what came of it."""
    calm: bool
    """Whether meanwhile an instance led, and none was killed."""
    again: int
    """How often they pressed again, since nothing was said."""


@dataclass(frozen=True, slots=True)
class Soaked:
    """What was seen."""

    seconds: float
    """From the first start until nothing waited."""
    presses: tuple[Pressed, ...]
    said: int
    """Messages that were said."""
    kills: int
    led: int
    """How often the lead was taken."""
    busy: int
    """How often Slack asked to wait, and how often it lost an answer."""
    faults: tuple[str, ...]
    """What must not be; empty where all is well."""
    load_average: float = field(default_factory=lambda: os.getloadavg()[0])


def soak(load: Load, folder: Path, url: str | None = None) -> Soaked:
    """Fill a state, run instances on it, kill them, press, and see what came of it."""
    team_text = _team()
    team = parse(team_text.encode(), "soak.yaml")
    (folder / "watchbill.yaml").write_text(team_text, "utf-8")
    with ExitStack() as stack:
        aws, slack = stack.enter_context(StandIn()), stack.enter_context(SlackStandIn())
        store = stack.enter_context(open_store(folder, url))
        _people(slack, team)
        app = make_app(None, aws.endpoint, ("any", "any"))
        plan = make_plan(team, app.observe(team), app.clock.now())
        assert all(o.state is State.DONE for o in apply(plan.changes, lambda change: app.perform(team, change)))
        queued = _fill(load, Casework(app, store, team, app.clock.now(), "watchbill"))
        return _Soak(load, folder, url, store, slack, aws.endpoint).run(queued)


class _Soak:
    """Runs instances on a state that is full."""

    def __init__(self, load: Load, folder: Path, url: str | None, store: Store, slack: SlackStandIn, aws: str) -> None:
        self._load, self._folder, self._store, self._slack = load, folder, store, slack
        self._random = random.Random(load.seed)  # noqa: S311 - a workload
        self._environment = {**os.environ, **_environment(slack, aws, folder, url)}  # noqa: TID251 - what a child is given
        self._over, self._lock = Event(), Lock()
        self._crowd = _Crowd(slack)
        self._processes: list[_Process] = []
        self._made = self._kills = self._busy = self._led = 0
        self._restless: list[float] = []
        """When nobody led, or somebody was killed."""

    def run(self, queued: Sequence[str]) -> Soaked:
        """Do all of it."""
        begun = time.monotonic()
        beside = [Thread(target=each) for each in (self._kill, self._weather, self._watch, self._press)]
        for _ in range(self._load.instances):
            self._start()
        try:
            for thread in beside:
                thread.start()
            self._wait(begun + self._load.most)
        finally:
            self._over.set()
            for thread in beside:
                thread.join()
            self._crowd.leave()
            for process in self._processes:
                process.kill()
        took = time.monotonic() - begun
        presses = tuple(self._crowd.pressed)
        faults = tuple(_faults(self._store, self._slack, queued, presses, self._processes))
        said = sum(row == "chat.postMessage" for row, _ in self._slack.calls)
        return Soaked(took, presses, said, self._kills, self._led, self._busy, faults)

    def _wait(self, until: float) -> None:
        """Wait until everybody has pressed who is to, and nothing waits."""
        wanted = self._load.cases - self._load.silent
        while time.monotonic() < until:
            done = len(self._crowd.pressed) >= wanted and self._kills >= self._load.kills
            if done and not self._store.outbox.unsent() and not self._waits():
                return
            time.sleep(1)
        raise WatchbillError(
            f"not over in {self._load.most:.0f} s: {len(self._crowd.pressed)} of {wanted} presses, "
            f"{len(self._store.outbox.unsent())} messages wait"
        )

    def _waits(self) -> bool:
        clicks = self._store.clicks
        asked = [row for row in self._store.questions.all() if row.stand in ("asked", "answered")]
        return bool(clicks.waiting() or clicks.waiting(Worked.TAKEN_ON) or asked)

    def _start(self) -> None:
        self._made += 1
        name = f"{self._made:03}"
        command = [sys.executable, "-m", "watchbill", "serve", "--json", "--state", str(self._folder)]
        err = (self._folder / f"{name}.err").open("wb")
        with err:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, "--listen", "127.0.0.1:0"],
                cwd=self._folder,
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=err,
            )
        with self._lock:
            self._processes.append(_Process(process, self._folder / f"{name}.err"))

    def _living(self) -> list["_Process"]:
        with self._lock:
            return [each for each in self._processes if each.lives]

    def _leader(self) -> "_Process | None":
        holder = self._store.leases.holder(NAME, SystemClock().now())
        return next((each for each in self._living() if each.name == holder), None)

    def _kill(self) -> None:
        """Kill one after the other, each second time the one that leads, and start another; the first must have led."""
        while self._led == 0 and not self._over.wait(_LOOK):
            pass
        while self._kills < self._load.kills and not self._over.wait(self._random.uniform(*self._load.between)):
            leader, living = self._leader(), self._living()
            victim = leader if leader is not None and self._kills % 2 == 0 else self._random.choice(living)
            self._restless.append(time.monotonic())
            victim.kill()
            self._kills += 1
            self._start()

    def _weather(self) -> None:
        """Let Slack ask to wait, and lose answers."""
        while not self._over.wait(self._random.uniform(2, 6)):
            with suppress(WatchbillError):
                if self._random.random() < _LOSES:
                    self._slack.lose_answers("chat.postMessage")
                else:
                    self._slack.limit(self._random.choice(("chat.postMessage", "chat.update")), 1)
                self._busy += 1

    def _watch(self) -> None:
        """Write down when nobody led."""
        last: _Process | None = None
        while not self._over.wait(_LOOK):
            leader = self._leader()
            if leader is None:
                self._restless.append(time.monotonic())
            elif leader is not last:
                self._led, last = self._led + 1, leader

    def _press(self) -> None:
        """Let people answer whom a question has reached, at random instants."""
        while not self._over.wait(self._random.expovariate(self._load.presses)):
            if (found := self._crowd.next(self._random)) is not None:
                message, said = found
                Thread(target=self._crowd.answer, args=(message, said, self._is_calm)).start()

    def _is_calm(self, begun: float, ended: float) -> bool:
        return not any(begun - 2 * _LOOK <= at <= ended for at in self._restless[-20_000:])


class _Crowd:
    """The people: each answers one question at a time, and presses again when nothing comes of it."""

    def __init__(self, slack: SlackStandIn) -> None:
        self.pressed: list[Pressed] = []
        self._slack, self._lock = slack, Lock()
        self._read, self._done, self._gone = 0, set[str](), Event()
        self._asked: dict[str, tuple[str, str, Mapping[str, Any]]] = {}
        """By case, the question that has reached its person: conversation, message, and its buttons."""
        self._hearing: dict[str, Event] = {}
        """By user, who waits for an answer."""
        self._thread = Thread(target=self._listen)
        self._thread.start()

    def next(self, chance: random.Random) -> tuple[str, str] | None:
        """Give a case that somebody answers now, and what they say; None where nobody can."""
        with self._lock:
            free = [case for case in self._asked if case not in self._done and _user(case) not in self._hearing]
            if not free:
                return None
            case = chance.choice(free)
            self._done.add(case)
            self._hearing[_user(case)] = Event()
        return case, "no" if chance.random() < _NO else "yes"

    def answer(self, case: str, said: str, is_calm: Callable[[float, float], bool]) -> None:
        """Press until somebody says what came of it."""
        channel, ts, buttons = self._asked[case]
        user, begun, tries, acknowledged = _user(case), time.monotonic(), 0, None
        told = self._hearing[user]
        while not self._gone.is_set():
            tries += 1
            with suppress(Exception):
                pressed = self._slack.press_button(user, channel, ts, buttons[f"answer:{said}"])
                if pressed.is_acknowledged:
                    acknowledged = time.monotonic() - begun if acknowledged is None else acknowledged
                    if told.wait(_TOLD):
                        break
            time.sleep(1)
        took = time.monotonic() - begun
        with self._lock:
            del self._hearing[user]
            calm = is_calm(begun, begun + took)
            self.pressed.append(Pressed(case, said, acknowledged or took, took, calm, tries - 1))

    def leave(self) -> None:
        """Press nothing any more."""
        self._gone.set()
        self._thread.join()

    def _listen(self) -> None:
        whispers = 0
        while not self._gone.is_set():
            heard, whispers = self._slack.whispers[whispers:], len(self._slack.whispers)
            with self._lock:
                for each in heard:
                    if each.user in self._hearing:
                        self._hearing[each.user].set()
            self._look()
            time.sleep(_POLL)

    def _look(self) -> None:
        """See which questions have come."""
        said, self._read = self._slack.said[self._read :], max(len(self._slack.said), self._read)
        for message in said:
            case = message.key.partition(":")[0]
            if case.startswith("C-") and message.key == question_key(case, _person(case)) and not case.endswith("s"):
                buttons = {each["value"].partition("|")[2]: each for each in message.buttons}
                with self._lock:
                    self._asked[case] = (message.channel, message.ts, buttons)


class _Process:
    """One instance."""

    def __init__(self, process: subprocess.Popen[bytes], err: Path) -> None:
        self._process, self._err, self._name = process, err, ""

    @property
    def name(self) -> str:
        """Give what it calls itself; empty until it says so."""
        if not self._name:
            with suppress(IndexError, ValueError, KeyError):
                self._name = json.loads(self._err.read_text("utf-8").splitlines()[0])["instance"]
        return self._name

    @property
    def lives(self) -> bool:
        """Tell whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()

    def faults(self) -> Iterator[str]:
        """Give what it says of itself that must not be."""
        for line in self._err.read_text("utf-8", "replace").splitlines():
            if '"event":"bug"' in line.replace(" ", ""):
                yield f"a bug: {line[:400]}"


# --- what there is to begin with -----------------------------------------------------------------


def _team() -> str:
    names = [*(f"p{number:02}" for number in range(PEOPLE)), *_LEADS]
    return "\n".join(
        (
            "team: soak",
            "accounts:",
            "  production: {number: '111111111111', environment: production, role: watchbill}",
            "people:",
            *(f"  {name}: {{name: {name}, email: {name}@example.com}}" for name in names),
            f"leads: [{', '.join(_LEADS)}]",
            f"slack: {{channel: {CHANNEL}, respond: freeze}}",
            "permission_sets:",
            "  ops: {allow: ['ec2:*', 's3:*']}",
            "groups:",
            f"  staff: {{members: [{', '.join(names)}], access: [{{permission_set: ops, accounts: [production]}}]}}",
            "",
        )
    )


def _people(slack: SlackStandIn, team: Team) -> None:
    for person in team.people.values():
        slack.add_user(User(_id(person.name), person.name, person.email))
    slack.add_channel(CHANNEL, "soak", [BOT, *(_id(name) for name in _LEADS)])


def _id(person: str) -> str:
    return f"U0{person.upper()}"


def _person(case: str) -> str:
    """Tell whose case one is, by its name: `C-00007`, or `C-00007s` where they keep silent."""
    return f"p{int(case[2:7]) % PEOPLE:02}"


def _user(case: str) -> str:
    return _id(_person(case))


def _fill(load: Load, work: Casework) -> list[str]:
    """Write the cases, their questions and the other messages; give the keys of the messages."""
    keys, each = [], load.messages // load.cases
    with work.store.transaction():
        for number in range(load.messages):
            place, case = number % each, number // each
            if place == 0 and case < load.cases:
                keys.append(_asked(work, f"C-{case:05}{'s' if case < load.silent else ''}"))
            else:
                keys.append(_told(work, number))
    return keys


def _asked(work: Casework, case_id: str) -> str:
    view = _case(case_id, work.at, "critical" if case_id.endswith("s") else "low")
    payload = msgspec.json.encode(view).decode()
    work.store.cases.put(CaseRow(case_id, work.at, work.at, "open", view.severity, view.person, "", payload))
    asking.ask(work, case_id)
    return question_key(case_id, _person(case_id))


def _told(work: Casework, number: int) -> str:
    to = LEADS if number % _ONE_IN == 0 else f"p{number % PEOPLE:02}"
    key = f"load:{number}"
    put(work, Notice(key, NoticeKind.NEWS, to, None, "info", f"Message {number}", ("Nothing hangs on it.",)))
    return key


def _case(case_id: str, at: datetime, severity: str) -> CaseView:
    nothing: list[Any] = []
    instant = iso(at - timedelta(minutes=10))
    given = {"first": instant, "last": instant, "id": case_id, "person": _person(case_id), "severity": severity}
    told = {"kind": "action", "sentence": f"{_person(case_id)} did something at night", "facts": {}}
    empty = dict.fromkeys(("how_known", "why", "question"), "")
    none = dict.fromkeys(("network", "principal", "shift", "leading", "account"))
    lists = dict.fromkeys(("openings", "findings", "evidence", "hypotheses", "actions", "stolen_keys"), nothing)
    return msgspec.convert({**empty, **none, **lists, **told, **given}, CaseView)


def _environment(slack: SlackStandIn, aws: str, folder: Path, url: str | None) -> Mapping[str, str]:
    found = {
        "WATCHBILL_SLACK_BOT_TOKEN": BOT_TOKEN,
        "WATCHBILL_SLACK_APP_TOKEN": APP_TOKEN,
        "WATCHBILL_SLACK_URL": slack.url,
        "WATCHBILL_ACTOR": "watchbill",
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    if url is not None:
        (folder / "database").write_text(url, "utf-8")
        found["WATCHBILL_DATABASE_FILE"] = str(folder / "database")
    return found


# --- what must be at the end ---------------------------------------------------------------------


def _faults(
    store: Store,
    slack: SlackStandIn,
    queued: Sequence[str],
    presses: Sequence[Pressed],
    processes: Sequence[_Process],
) -> Iterator[str]:
    said = Counter(_key_of(given) for method, given in slack.calls if method == "chat.postMessage")
    yield from (f"said {times} times: {key}" for key, times in said.items() if key and times > 1)
    yield from (f"never said: {key}" for key in queued if not said[key])
    for press in presses:
        asked = store.questions.of(press.case)
        if asked is None or asked.answer != press.said:
            yield f"{press.case}: {press.said} was pressed, {asked and asked.answer} is kept"
    kinds = Counter((entry.kind, entry.subject) for entry in store.ledger.entries() if "question" in entry.kind)
    yield from (f"{times} entries of {kind} about {case}" for (kind, case), times in kinds.items() if times > 1)
    waiting = [row.key for row in store.outbox.unsent() if row.state in (Sending.WAITING, Sending.SENDING)]
    yield from (f"waits: {key}" for key in waiting)
    if verify(store.ledger.entries()).state is not Chain.INTACT:
        yield "the ledger is no chain"
    for process in processes:
        yield from process.faults()


def _key_of(given: Mapping[str, Any]) -> str:
    metadata = given.get("metadata")
    document = json.loads(metadata) if isinstance(metadata, str) else metadata or {}
    return str(document.get("event_payload", {}).get("key", ""))


def quantile(found: Sequence[float], share: float) -> float:
    """Give what so large a share of the figures is at the most."""
    return sorted(found)[min(int(len(found) * share), len(found) - 1)]
