"""Read a trail from a folder on this machine, or from one file."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from watchbill.errors import NotFoundError, Problem
from watchbill.trail.model import Reading
from watchbill.trail.read import FileReading, combine, read_file


TRAIL_SUFFIXES = (".json", ".gz", ".jsonl", ".ndjson", ".cloudtrail")


def read_folder(path: Path, progress: Callable[[int, int], None] | None = None) -> Reading:
    """Read every trail file under a folder, in order of name; links to folders are not followed.

    A file that cannot be opened is a problem of its own. A folder without any trail file is an error: nothing audited
    must never look like nothing found.
    """
    if not path.exists():
        raise NotFoundError(f"no trail at {path}", "name a folder of CloudTrail files, one file, or s3://bucket/prefix")
    files = [path] if path.is_file() else sorted(_files(path))
    trail = [file for file in files if path.is_file() or file.name.lower().endswith(TRAIL_SUFFIXES)]
    if not trail:
        raise NotFoundError(f"no CloudTrail file in {path}", f"such files end in {', '.join(TRAIL_SUFFIXES)}")
    return combine(_read(trail, path, progress), len(files) - len(trail))


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in names)


def _read(files: list[Path], root: Path, progress: Callable[[int, int], None] | None) -> Iterator[FileReading]:
    for number, file in enumerate(files, start=1):
        name = file.name if file == root else str(file.relative_to(root))
        try:
            data = file.read_bytes()
        except OSError as error:
            problem = Problem("unreadable-file", f"could not be opened: {error.strerror}", name)
            yield FileReading((), 0, (problem,), readable=False)
        else:
            yield read_file(name, data)
        if progress is not None:
            progress(number, len(files))
