"""Where a lake lies: one folder, with the table's files and its manifest; and who may change it.

One process at a time changes a lake. Whoever would waits in line: who is first in it holds `line.lock`, and takes
`ingest.lock` when that is free. A long work lets go now and then for whoever waits, and then goes to the end of the
line itself, so that it cannot take the lock again before them. Both are locks of the kernel (flock(2)): whoever is
killed holds nothing any more, and files that lie there hold nobody up.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from watchbill.errors import ProviderError, RefusedError
from watchbill.lake.manifest import FILE, Manifest


_LOCK, _LINE = "ingest.lock", "line.lock"

_LOOK = 0.02
"""Seconds between two looks at a lock that another one has."""

TURN = 2.0
"""Seconds for which whoever holds a lake need not let others in: after each turn much is to be looked up anew."""

_NAME_MOST = 200

_NO_NAMES = frozenset("*?[]{}\\#") | frozenset(map(chr, range(32)))
"""Characters that engines take for a pattern of file names, or that the addresses of Iceberg cannot hold."""


def is_there(folder: Path) -> bool:
    """Tell whether a folder holds a lake."""
    return (folder / FILE).exists()


class Lake:
    """The table in one folder, and its manifest."""

    def __init__(self, folder: Path, wait: float = 0) -> None:
        """Open the lake in a folder, made if it is not there, for its owner alone.

        `wait` is for how many seconds at most somebody else is waited for who changes it. Raises RefusedError where
        the folder has a name that cannot be used, ProviderError where it cannot be opened.
        """
        if odd := sorted(_NO_NAMES.intersection(str(folder.resolve()))):
            named = " ".join(f"`{each}`" if each.isprintable() else repr(each) for each in odd)
            raise RefusedError(f"a lake cannot lie in {folder}: {named} in its path", "name another --lake")
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ProviderError(f"could not make the folder {folder}: {error.strerror}") from error
        self.folder = folder
        self.wait = wait
        self.manifest = Manifest(folder)

    def close(self) -> None:
        """Close the manifest."""
        self.manifest.close()

    def busy(self) -> bool:
        """Tell whether somebody is changing the lake right now."""
        try:
            with (self.folder / _LOCK).open("a+") as lock:
                return not _locked(self.folder, lock)
        except OSError as error:
            raise _no_lock(self.folder, error) from error

    @contextmanager
    def held(self) -> Iterator["Hold"]:
        """Hold the lake against every other process that would change it, when it is our turn.

        Raises RefusedError where it did not come within `wait` seconds, ProviderError where it cannot be held.
        """
        with ExitStack() as opened:
            try:
                lock, line = (opened.enter_context((self.folder / name).open("a+")) for name in (_LOCK, _LINE))
            except OSError as error:
                raise _no_lock(self.folder, error) from error
            hold = Hold(self.folder, lock, line)
            hold.take(self.wait)
            try:
                yield hold
            finally:
                hold.let_go()


class Hold:
    """A hold on a lake, which others may be let in from."""

    def __init__(self, folder: Path, lock: IO[str], line: IO[str]) -> None:
        self._folder, self._lock, self._line = folder, lock, line
        self._has = False
        self._since = self._looked = 0.0

    def take(self, wait: float | None) -> None:
        """Wait in line, and hold the lake; `wait` is how many seconds at most, None: as long as it takes."""
        until = None if wait is None else time.monotonic() + wait
        self._lock_in_time(self._line, until)
        try:
            self._lock_in_time(self._lock, until)
        finally:
            fcntl.flock(self._line, fcntl.LOCK_UN)
        self._has, self._since = True, time.monotonic()
        # For whoever is refused. That it cannot be written, as on a full disk, keeps nobody from anything.
        with suppress(OSError):
            self._say(f"process {os.getpid()} on {socket.gethostname()}")

    def let_go(self) -> None:
        """Hold the lake no more."""
        if not self._has:
            return
        self._has = False
        with suppress(OSError):
            self._say("")
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def wanted(self) -> bool:
        """Tell whether somebody waits in line, and our turn is over."""
        now = time.monotonic()
        if now - self._since < TURN or now - self._looked < _LOOK:
            return False
        if not _locked(self._folder, self._line):
            return True
        fcntl.flock(self._line, fcntl.LOCK_UN)
        # It is asked before each object: that nobody waits holds for a moment.
        self._looked = now
        return False

    def let_others(self) -> bool:
        """When our turn is over let in who waits in line, and hold the lake again after them; tell whether anybody was.

        If so, whatever was known of the table, its files, openings and notes may be so no more. How long they take is
        not limited: each of them lets others in too.
        """
        if not self.wanted():
            return False
        self.let_go()
        # Whoever is first in line has its lock until they hold the lake, so that we come after them.
        self.take(None)
        return True

    def _lock_in_time(self, file: IO[str], until: float | None) -> None:
        while not _locked(self._folder, file):
            if until is not None and time.monotonic() >= until:
                raise RefusedError(
                    f"another process is changing the lake {self._folder}{self._holder()}", "wait until it is done"
                )
            time.sleep(_LOOK)

    def _holder(self) -> str:
        with suppress(OSError, ValueError):
            self._lock.seek(0)
            name = self._lock.read(_NAME_MOST)
            return f": {name}" if name else ""
        return ""

    def _say(self, text: str) -> None:
        self._lock.truncate(0)
        self._lock.write(text)
        self._lock.flush()


def _locked(folder: Path, file: IO[str]) -> bool:
    """Lock a file; tell whether that could be done, or somebody else has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _no_lock(folder, error) from error
    return True


def _no_lock(folder: Path, error: OSError) -> ProviderError:
    return ProviderError(
        f"could not lock {folder / _LOCK}: {error.strerror}", "see that its folder may be written and has room"
    )
