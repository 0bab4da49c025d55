"""What AWS's own detectors found, tied to people by what the lake saw them with."""

from collections.abc import Iterator
from pathlib import Path

from watchbill.detect.aws_findings import FindingsReading, Seen, known_by
from watchbill.files.findings import read_findings_folder
from watchbill.lake.place import Lake
from watchbill.lake.stream import batches
from watchbill.trail.codes import codes_of, together


_SEEN = ("person", "account", "access_key", "identity_type", "user_name", "principal_id")


def findings_at(lake: Lake, source: Path) -> FindingsReading:
    """Read the findings of GuardDuty, Security Hub and Access Analyzer in a folder, or in one file."""
    return read_findings_folder(source, known_by(_seen(lake)))


def _seen(lake: Lake) -> Iterator[Seen]:
    """Give what each person was seen with, each once for a batch."""
    for batch in batches(lake, columns=_SEEN):
        named = batch.filter(batch.column("person").is_valid())
        if not named.num_rows:
            continue
        _, found = together([codes_of(named.column(name)) for name in _SEEN])
        for person, account, key, kind, user, principal in found:
            session = principal if kind == "AssumedRole" else None
            yield Seen(person, account or "", key, user if kind == "IAMUser" else None, session)
