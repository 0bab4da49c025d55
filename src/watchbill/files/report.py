"""Write a text file whole or not at all."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from watchbill.errors import WatchbillError


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place and move it there, so that nobody ever reads half of it.

    A file that was there keeps its mode; a new one is its owner's alone.
    """
    try:
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as made:
            made.write(text)
            made.flush()
            os.fsync(made.fileno())
        Path(made.name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o600)
        Path(made.name).replace(path)
    except OSError as error:
        raise WatchbillError(f"could not write {path}: {error.strerror}") from error
