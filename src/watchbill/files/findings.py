"""Findings of AWS's own detectors in a folder, as they were exported or saved."""

from pathlib import Path

from watchbill.detect.aws_findings import Gathered, combined, gather
from watchbill.errors import NotFoundError, Problem
from watchbill.files.trail_folder import list_files


SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz", ".gz")
"""Ends of names of files with findings; GuardDuty exports `.jsonl.gz`."""


def read_findings_folder(source: Path) -> Gathered:
    """Read every file of findings in a folder, or one file; what cannot be read is a problem that names it.

    A folder without any such file is a NotFoundError: nothing read must never look like nothing found.
    """
    files = _files(source)
    if not files:
        raise NotFoundError(f"no file of findings in {source}", f"such files end in {', '.join(SUFFIXES)}")
    return combined(map(_read, files))


def written(source: Path) -> list[tuple[Path, int, int]]:
    """Give the files of findings in a folder, or the one that is named, with size and time: what is written changes it.

    Raises NotFoundError where there is nothing of that name.
    """
    found = []
    for path in _files(source):
        try:
            known = path.stat()
        except OSError:
            continue
        found.append((path, known.st_size, known.st_mtime_ns))
    return found


def _files(source: Path) -> list[Path]:
    return [path for path in list_files(source) if source.is_file() or path.name.lower().endswith(SUFFIXES)]


def _read(path: Path) -> Gathered:
    try:
        data = path.read_bytes()
    except OSError as error:
        why = f"could not be read: {error.strerror}"
        return Gathered((), (Problem("unreadable-file", why, str(path)),))
    return gather(str(path), data)
