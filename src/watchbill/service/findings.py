"""What AWS's own detectors found, tied to people by what the lake saw them with.

What a pass is told of is kept, each finding once, as it was updated last. It is news until the case it is on was
written; then it comes up again with whatever is audited around it, though its file is gone. Whose it is is looked for
in all of the lake when it is new, and as long as that is not known in what is new of the lake.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from watchbill.alerts.model import Case
from watchbill.detect.aws_findings import EVIDENCE, AwsFinding, FindingsReading, Gathered, Seen, known_by
from watchbill.detect.model import Finding
from watchbill.files.findings import read_findings_folder
from watchbill.intervals import Interval
from watchbill.lake.place import Lake
from watchbill.lake.stream import batches
from watchbill.store.database import Store
from watchbill.store.rows import FindingRow
from watchbill.trail.codes import codes_of, together
from watchbill.trail.table import instant, milliseconds


_SEEN = ("person", "account", "access_key", "identity_type", "user_name", "principal_id")


def findings_at(lake: Lake, source: Path) -> FindingsReading:
    """Read the findings of GuardDuty, Security Hub and Access Analyzer in a folder, or in one file."""
    return read_findings_folder(source).named(known_by(_seen(lake)))


def keep_findings(store: Store, told: Gathered) -> None:
    """Keep what a pass was told of; what is there already, as it is or updated since, changes nothing."""
    with store.transaction():
        kept = store.findings.some(each.id for each in told.found)
        for each in told.found:
            row = kept.get(each.id)
            if row is None or each.updated > row.updated_at:
                store.findings.put(_row(each, row))


def _row(found: AwsFinding, before: FindingRow | None) -> FindingRow:
    times = milliseconds(found.first), milliseconds(found.last)
    payload = msgspec.json.encode(found).decode()
    case_id = None if before is None else before.case_id
    return FindingRow(found.id, found.updated, *times, found.says_who, payload, case_id=case_id)


@dataclass(frozen=True, slots=True)
class Told:
    """What passes were told of, for the audit of a lake."""

    store: Store
    lake: Lake

    def name(self, new: Iterable[Interval]) -> None:
        """Find out whose those are of which that is not known yet, by what is new in the lake; then they are news."""
        nobodys = self.store.findings.nobodys()
        fresh, known = [row for row in nobodys if not row.audited], [row for row in nobodys if row.audited]
        if fresh:
            self._name(fresh, _seen(self.lake))
        if known:
            self._name(known, (each for span in new for each in _seen(self.lake, span)))

    def _name(self, rows: Sequence[FindingRow], seen: Iterable[Seen]) -> None:
        person_of = known_by(seen)
        for row in rows:
            if (person := _read(row).whose(person_of)) is not None:
                self.store.findings.put(replace(row, person=person, audited=False))

    def within(self, window: Interval) -> tuple[Finding, ...]:
        """Give what was found in a span."""
        rows = self.store.findings.within(milliseconds(window.start), milliseconds(window.end))
        return tuple(_read(row).of(row.person) for row in rows)

    def news(self) -> list[FindingRow]:
        """Give what nobody has audited yet."""
        return self.store.findings.unaudited()

    def audited(self, rows: Iterable[FindingRow]) -> None:
        """Say that some were audited, and the cases that they are on written."""
        self.store.findings.mark_audited(rows)


def span_of(row: FindingRow) -> Interval:
    """Give when something was found, both ends in it."""
    return Interval(instant(row.first_ms), instant(row.last_ms + 1))


def told_in(case: Case) -> list[str]:
    """Give the ids of what AWS's own detectors found that is in a case."""
    events = (event for finding in case.findings for event in finding.event_ids)
    return [event.removeprefix(EVIDENCE) for event in events if event.startswith(EVIDENCE)]


def placed(store: Store, cases: Collection[Case]) -> dict[str, str]:
    """Give by evidence the case on which each of what is found in some cases was before."""
    rows = store.findings.some({each for case in cases for each in told_in(case)})
    return {f"{EVIDENCE}{found}": row.case_id for found, row in rows.items() if row.case_id is not None}


def _read(row: FindingRow) -> AwsFinding:
    return msgspec.json.decode(row.payload, type=AwsFinding)


def _seen(lake: Lake, span: Interval | None = None) -> Iterator[Seen]:
    """Give what each person was seen with, each once for a batch."""
    for batch in batches(lake, span, columns=_SEEN):
        named = batch.filter(batch.column("person").is_valid())
        if not named.num_rows:
            continue
        _, found = together([codes_of(named.column(name)) for name in _SEEN])
        for person, account, key, kind, user, principal in found:
            session = principal if kind == "AssumedRole" else None
            yield Seen(person, account or "", key, user if kind == "IAMUser" else None, session)
