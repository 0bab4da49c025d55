"""Who does the work of batches: this process, or several beside it that are asked over a pipe."""

import multiprocessing
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Self

from watchbill.errors import ProviderError
from watchbill.garbage import uncollected
from watchbill.lake.batch import Answer, Batch, Claim, Settled
from watchbill.lake.raw import with_raw
from watchbill.trail.columns import Source, read_columns
from watchbill.trail.forms import Hosts, read_any
from watchbill.trail.read import FileReading


_GRACE = 5
"""Seconds until a process whose pipe is closed is gone."""


class Workers:
    """Some workers, each with one batch at a time between `begin` and what `settle` leads to.

    `next` waits for whoever is done first. Without any beside it, this process does the work when it is asked.
    """

    def __init__(self, folder: Path, beside: int, hosts: Hosts | None = None, *, raw: bool = False) -> None:
        """`hosts` says that the files are logs of hosts; with `raw` the bytes of records are kept."""
        self._here = _Here(folder, hosts, raw) if beside == 0 else None
        self._beside = [_start(folder, hosts, raw) for _ in range(beside)]

    def __len__(self) -> int:
        return len(self._beside) or 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for worker in self._beside:
            worker.pipe.close()
            if kind is not None:
                worker.process.terminate()
            worker.process.join()

    def begin(self, worker: int, sources: Sequence[Source]) -> None:
        """Give a batch to a worker; a Claim comes of it."""
        self._send(worker, sources)

    def settle(self, worker: int, answer: Answer) -> None:
        """Answer the claim of a worker; a Settled comes of it."""
        self._send(worker, answer)

    def next(self) -> tuple[int, Claim | Settled]:
        """Give what came of the work of a worker. Raises what a worker raised."""
        if self._here is not None:
            return 0, self._here.made.pop()
        (ready, *_) = wait([worker.pipe for worker in self._beside])
        worker = next(number for number, each in enumerate(self._beside) if each.pipe is ready)
        try:
            found = self._beside[worker].pipe.recv()
        except (EOFError, ConnectionError) as error:
            raise self._ended(worker) from error
        if isinstance(found, BaseException):
            raise found
        return worker, found

    def _send(self, worker: int, what: object) -> None:
        if self._here is not None:
            self._here.send(what)
            return
        try:
            self._beside[worker].pipe.send(what)
        except ConnectionError as error:
            raise self._ended(worker) from error

    def _ended(self, worker: int) -> ProviderError:
        process = self._beside[worker].process
        process.join(_GRACE)
        code = process.exitcode
        by = f", by signal {-code}" if code is not None and code < 0 else ""
        hint = "run it again: nothing is lost" + (", but more memory may be needed" if code == -signal.SIGKILL else "")
        return ProviderError(f"a process that read the trail ended early{by}", hint)


class _Here:
    """Does at once what it is sent."""

    def __init__(self, folder: Path, hosts: Hosts | None, raw: bool) -> None:  # noqa: FBT001 - asked from one place
        self.made: list[Claim | Settled] = []
        self._folder = folder
        self._hosts = hosts
        self._raw = raw
        self._batch: Batch | None = None

    def send(self, what: Any) -> None:
        """Take the next message of a batch."""
        if isinstance(what, Answer):
            assert self._batch is not None, "a claim comes before its answer"
            self.made.append(self._batch.settle(self._folder, what))
            self._batch = None
        else:
            columns = read_columns(what, reader=self._read)
            self._batch = Batch(with_raw(columns, what) if self._raw else columns)
            self.made.append(self._batch.claim())

    def _read(self, source: Source) -> FileReading:
        return read_any(source.name, source.data, source.modified, self._hosts)


@dataclass(frozen=True, slots=True)
class _Beside:
    process: Any
    pipe: Connection


def _start(*given: Any) -> _Beside:
    # A fresh interpreter: this one may have threads, and forking those is not safe.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, *given), daemon=True)
    process.start()
    theirs.close()
    return _Beside(process, ours)


def _work(pipe: Connection, *given: Any) -> None:
    # Whoever stops the command stops it there: this one ends when nobody listens any more, and says nothing.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    here = _Here(*given)
    with uncollected():
        _answer_all(pipe, here)


def _answer_all(pipe: Connection, here: _Here) -> None:
    while True:
        try:
            what = pipe.recv()
        except (EOFError, ConnectionError):
            return
        try:
            here.send(what)
            found: Claim | Settled | Exception = here.made.pop()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other side must hear of it
            found = error
        try:
            pipe.send(found)
        except ConnectionError:
            return
