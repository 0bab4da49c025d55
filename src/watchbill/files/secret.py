"""A file for one secret, that only its owner reads, and that was not there before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchbill.errors import RefusedError


@contextmanager
def secret_file(path: Path) -> Iterator[int]:
    """Make the file before there is anything to write, so that no secret is lost for want of a place; give it open.

    What is there already, a link too, is a RefusedError. Where what is done with it fails, it is removed.
    """
    try:
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise RefusedError(f"could not make {path}: {error.strerror}", "name a file that is not there yet") from error
    try:
        yield made
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(made)
