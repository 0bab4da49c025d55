"""Where a lake lies: one folder, with the table's files and its manifest."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchbill.errors import ProviderError, RefusedError
from watchbill.lake.manifest import Manifest


_LOCK = "ingest.lock"

_NO_NAMES = frozenset("*?[]{}\\#") | frozenset(map(chr, range(32)))
"""Characters that engines take for a pattern of file names, or that the addresses of Iceberg cannot hold."""


class Lake:
    """The table in one folder, and its manifest."""

    def __init__(self, folder: Path) -> None:
        """Open the lake in a folder, made if it is not there, for its owner alone.

        Raises RefusedError where the folder has a name that cannot be used, ProviderError where it cannot be opened.
        """
        if odd := sorted(_NO_NAMES.intersection(str(folder.resolve()))):
            named = " ".join(f"`{each}`" if each.isprintable() else repr(each) for each in odd)
            raise RefusedError(f"a lake cannot lie in {folder}: {named} in its path", "name another --lake")
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ProviderError(f"could not make the folder {folder}: {error.strerror}") from error
        self.folder = folder
        self.manifest = Manifest(folder)

    def close(self) -> None:
        """Close the manifest."""
        self.manifest.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lake against every other process that would change it.

        Raises RefusedError where another one holds it, ProviderError where it cannot be held.
        """
        try:
            lock = (self.folder / _LOCK).open("w")
        except OSError as error:
            raise self._no_lock(error) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                message = f"another process is changing the lake {self.folder}"
                raise RefusedError(message, "wait until it is done") from error
            except OSError as error:
                raise self._no_lock(error) from error
            yield

    def _no_lock(self, error: OSError) -> ProviderError:
        return ProviderError(
            f"could not lock {self.folder / _LOCK}: {error.strerror}", "see that its folder may be written and has room"
        )
