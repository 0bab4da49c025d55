"""One instance that runs: it leads or stands by, and while it leads it does its jobs again and again.

Level-triggered: a job looks at how things are and does what is to be done, so that one that was missed, was cut off or
failed is made up for the next time. Each has a thread of its own, and one that takes long keeps no other waiting. A job
is given the state as it may write it: what it writes after another instance took over is refused.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Thread
from types import TracebackType
from typing import Self

from watchbill.clock import Clock
from watchbill.errors import Problem, WatchbillError
from watchbill.service.board import Board
from watchbill.service.lead import RENEWALS, Lead
from watchbill.service.logs import Say
from watchbill.store.database import Store
from watchbill.store.leases import Lease


DRAIN = timedelta(seconds=100)
"""How long what is under way may take when it is to stop: less than what `deploy/` lets whoever stops it wait."""

_AFTER_FAILURE = 1.0
"""Seconds at least from a job that failed to the next try."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a job is given."""

    store: Store
    """Writes are refused once another instance leads."""
    lease: Lease
    at: datetime
    goes_on: Callable[[], bool]
    """Tells whether to go on with what may be left for the next time: no, once it is to stop or leads no more."""


@dataclass(frozen=True, slots=True)
class Did:
    """What a job did."""

    facts: Mapping[str, object] = field(default_factory=dict)
    """For the log; nothing is said where it is empty."""
    problems: Sequence[Problem] = ()
    stale: Sequence[str] = ()
    """Sources that could not be read, in words of ours."""
    more: bool = False
    """Whether there is more to do: the job is done again at once."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done again and again."""

    name: str
    every: timedelta
    """From one beginning to the next."""
    work: Callable[[Turn], Did]
    fresh: timedelta
    """How long ago it may have been done before the instance counts as not well."""


class Instance:
    """Runs inside its `with` block; left, it ends what is under way, and lets another lead."""

    def __init__(self, store: Store, clock: Clock, lead: Lead, jobs: Sequence[Job], say: Say) -> None:
        self.store, self.clock, self.lead, self.jobs = store, clock, lead, tuple(jobs)
        self.board = Board([job.name for job in jobs])
        self._say = say
        self._stopping, self._over = Event(), Event()
        self._workers = {job.name: _Worker(job, self) for job in jobs}
        self._heart = Thread(target=self._beat, name="lead", daemon=True)

    def __enter__(self) -> Self:
        self._say.info("started", jobs=[job.name for job in self.jobs])
        self._heart.start()
        for worker in self._workers.values():
            worker.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ask_to_stop()
        until = time.monotonic() + DRAIN.total_seconds()
        for worker in self._workers.values():
            worker.thread.join(max(until - time.monotonic(), 0))
        left = [name for name, worker in self._workers.items() if worker.thread.is_alive()]
        self._over.set()
        self._heart.join()
        if not left:
            # Where something is still under way, another leads only when the lease has run out.
            self._give_up()
        self._say.info("stopped", left=left or None)

    def ask_to_stop(self) -> None:
        """Begin nothing more, and let what is under way come to its end."""
        self._stopping.set()
        for worker in self._workers.values():
            worker.due.set()

    @property
    def stops(self) -> bool:
        """Tell whether it was asked to stop."""
        return self._stopping.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until somebody asks it to stop; tell whether somebody did."""
        return self._stopping.wait(timeout)

    def wake(self, name: str) -> None:
        """Let a job be done at once: there is something new for it."""
        self._workers[name].due.set()

    def lives(self) -> bool:
        """Tell whether everything that is to run does run."""
        threads = [self._heart, *(worker.thread for worker in self._workers.values())]
        return all(thread.is_alive() for thread in threads)

    def do(self, job: Job, said: set[Problem]) -> bool:
        """Do a job where this instance leads; tell whether there is more to do. `said` are the last time's problems."""
        lease = self.lead.lease
        if lease is None:
            return False

        def goes_on() -> bool:
            now = self.lead.lease
            return not self.stops and now is not None and now.token == lease.token

        begun, at = time.monotonic(), self.clock.now()
        try:
            did = job.work(Turn(self.store.under(lease), lease, at, goes_on))
        except WatchbillError as error:
            self.board.failed(job.name, error.code)
            self._complain(job, error.problems, said)
            self._stopping.wait(_AFTER_FAILURE)
            return False
        took = time.monotonic() - begun
        self.board.done(job.name, at, timedelta(seconds=took), did.stale)
        if did.facts:
            self._say.info(job.name, **did.facts, seconds=round(took, 3))
        self._complain(job, did.problems, said)
        return did.more

    def bug(self, job: Job) -> None:
        """Say that a job raised what it must not; it is done again like one that failed."""
        self.board.failed(job.name, "bug")
        self._say.exception("bug", job=job.name)
        self._stopping.wait(_AFTER_FAILURE)

    def _complain(self, job: Job, problems: Sequence[Problem], said: set[Problem]) -> None:
        """Say what is wrong, where it was not said the last time."""
        for problem in problems:
            if problem not in said:
                self._say.warning("problem", job=job.name, **_facts(problem))
        said.clear()
        said.update(problems)

    def _beat(self) -> None:
        """Take the lead or renew it, until all is over."""
        pause = self.lead.lasts.total_seconds() / RENEWALS
        while not self._over.is_set():
            try:
                self.lead.turn()
            except WatchbillError as error:
                self._say.warning("lead", **_facts(error.problems[0]))
            except Exception:  # noqa: BLE001 - without a heart the instance would stand by for good and say nothing
                self._say.exception("bug", job="lead")
            self._tell()
            self._over.wait(pause)

    def _tell(self) -> None:
        """Write down and say whether it leads, where that is new."""
        leads, did = self.lead.lease is not None, self.board.leads_since is not None
        if leads == did:
            return
        self.board.led(self.clock.now() if leads else None)
        self._say.info("leads" if leads else "stands by")
        for worker in self._workers.values():
            worker.due.set()

    def _give_up(self) -> None:
        try:
            self.lead.give_up()
        except WatchbillError as error:
            self._say.warning("lead", **_facts(error.problems[0]))
        self._tell()


class _Worker:
    """Does one job, in a thread of its own."""

    def __init__(self, job: Job, instance: Instance) -> None:
        self._job, self._instance = job, instance
        self.due = Event()
        self.thread = Thread(target=self._run, name=job.name, daemon=True)

    def _run(self) -> None:
        said: set[Problem] = set()
        every = self._job.every.total_seconds()
        while not self._instance.stops:
            begun = time.monotonic()
            self.due.clear()
            more = False
            try:
                more = self._instance.do(self._job, said)
            except Exception:  # noqa: BLE001 - a thread that ended would leave its job undone, and the instance alive
                self._instance.bug(self._job)
            if not more and not self._instance.stops:
                self.due.wait(max(begun + every - time.monotonic(), 0))


def _facts(problem: Problem) -> dict[str, object]:
    place = {"file": problem.file, "line": problem.line, "event_id": problem.event_id}
    return {"code": problem.code, "message": problem.message, **place}
