"""Where a lake lies: one folder, with the table's files and its manifest."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchbill.errors import RefusedError
from watchbill.lake.manifest import Manifest


_LOCK = "ingest.lock"


class Lake:
    """The table in one folder, and its manifest."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self.manifest = Manifest(folder)

    def close(self) -> None:
        """Close the manifest."""
        self.manifest.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lake against every other process that would change it."""
        with (self.folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                message = f"another process is changing the lake {self.folder}"
                raise RefusedError(message, "wait until it is done") from error
            yield
