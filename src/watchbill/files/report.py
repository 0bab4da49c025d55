"""Write a text file whole or not at all."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from watchbill.errors import WatchbillError


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place and move it there, so that nobody ever reads half of it."""
    try:
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as made:
            made.write(text)
            made.flush()
            os.fsync(made.fileno())
        Path(made.name).chmod(0o600)
        Path(made.name).replace(path)
    except OSError as error:
        raise WatchbillError(f"could not write {path}: {error.strerror}") from error
