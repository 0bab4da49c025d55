"""Read a trail from a folder on this machine, or from one file."""

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from watchbill.errors import NotFoundError, Problem, ProviderError
from watchbill.trail.model import Reading
from watchbill.trail.read import FileReading, combine, read_file


TRAIL_SUFFIXES = (".json", ".gz", ".jsonl", ".ndjson", ".cloudtrail", ".csv")


def read_folder(path: Path, progress: Callable[[int, int], None] | None = None) -> Reading:
    """Read every trail file under a folder, in order of name; links to folders are not followed.

    A file or a folder that cannot be opened is a problem of its own. A folder without any trail file is an error:
    nothing audited must never look like nothing found.
    """
    if not path.exists():
        raise NotFoundError(f"no trail at {path}", "name a folder of CloudTrail files, one file, or s3://bucket/prefix")
    closed: list[OSError] = []
    files = [path] if path.is_file() else sorted(_files(path, closed))
    trail = [file for file in files if path.is_file() or file.name.lower().endswith(TRAIL_SUFFIXES)]
    if not trail and not closed:
        raise NotFoundError(f"no CloudTrail file in {path}", f"such files end in {', '.join(TRAIL_SUFFIXES)}")
    unopened = [_unread(_name(Path(error.filename), path), error.strerror) for error in closed]
    return combine(chain(unopened, _read(trail, path, progress)), len(files) - len(trail))


def list_files(source: Path) -> list[Path]:
    """List the plain files of a folder in order of name, resolved, or the one file that is named.

    A folder that cannot be looked into is an error, as is one that is not there: what is not listed would never be
    missed.
    """
    if not source.exists():
        raise NotFoundError(f"nothing at {source}", "name a folder of logs, one file, or s3://bucket/prefix")
    closed: list[OSError] = []
    files = [source] if source.is_file() else sorted(_files(source, closed))
    if closed:
        raise ProviderError(f"could not look into {closed[0].filename}: {closed[0].strerror}")
    return [file.resolve() for file in files if file.is_file()]


def _files(folder: Path, closed: list[OSError]) -> Iterator[Path]:
    for parent, _, names in os.walk(folder, onerror=closed.append):
        yield from (Path(parent) / name for name in names)


def _read(files: list[Path], root: Path, progress: Callable[[int, int], None] | None) -> Iterator[FileReading]:
    for number, file in enumerate(files, start=1):
        name = _name(file, root)
        try:
            # Reading from a pipe or a device might never end.
            special = not file.is_file() and file.exists()
            yield _unread(name, "it is no plain file") if special else read_file(name, file.read_bytes())
        except OSError as error:
            yield _unread(name, error.strerror)
        if progress is not None:
            progress(number, len(files))


def _name(file: Path, root: Path) -> str:
    """Name a file as people may read it, whatever bytes are in its name."""
    shown = (file.name or file) if file == root else file.relative_to(root)
    return os.fsencode(shown).decode("utf-8", "replace")


def _unread(name: str, why: str | None) -> FileReading:
    return FileReading((), 0, (Problem("unreadable-file", f"could not be opened: {why}", name),), readable=False)
