"""Findings of AWS's own detectors in a folder, as they were exported or saved."""

from pathlib import Path

from watchbill.detect.aws_findings import FindingsReading, PersonOf, combined, nobody, read_findings
from watchbill.errors import NotFoundError, Problem
from watchbill.files.trail_folder import list_files


SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz", ".gz")
"""Ends of names of files with findings; GuardDuty exports `.jsonl.gz`."""


def read_findings_folder(source: Path, person_of: PersonOf = nobody) -> FindingsReading:
    """Read every file of findings in a folder, or one file; what cannot be read is a problem that names it.

    A folder without any such file is a NotFoundError: nothing read must never look like nothing found.
    """
    files = [path for path in list_files(source) if source.is_file() or path.name.lower().endswith(SUFFIXES)]
    if not files:
        raise NotFoundError(f"no file of findings in {source}", f"such files end in {', '.join(SUFFIXES)}")
    return combined(_read(path, person_of) for path in files)


def _read(path: Path, person_of: PersonOf) -> FindingsReading:
    try:
        data = path.read_bytes()
    except OSError as error:
        why = f"could not be read: {error.strerror}"
        return FindingsReading((), (Problem("unreadable-file", why, str(path)),))
    return read_findings(str(path), data, person_of)
