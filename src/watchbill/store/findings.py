"""What AWS's own detectors found, and whether it was audited already."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import FindingRow


_MANY = 500
"""Values that one statement asks for at once."""

_TABLE, _COLUMN = tables.findings, tables.findings.c


class Findings(Part):
    """What AWS's own detectors found, each as it was last."""

    def put(self, row: FindingRow) -> None:
        """Write a finding, over the one of the same id if there is one."""
        values = {
            "id": row.id,
            "updated_at": iso(row.updated_at),
            "first_ms": row.first_ms,
            "last_ms": row.last_ms,
            "says_who": int(row.says_who),
            "person": row.person,
            "case_id": row.case_id,
            "audited": int(row.audited),
            "payload": row.payload,
        }
        with self._connect() as connection:
            connection.execute(_TABLE.delete().where(_COLUMN.id == row.id))
            connection.execute(_TABLE.insert().values(**values))

    def some(self, ids: Iterable[str]) -> Mapping[str, FindingRow]:
        """Give those of some ids that are there."""
        wanted, found = sorted(ids), dict[str, FindingRow]()
        with self._read() as connection:
            for start in range(0, len(wanted), _MANY):
                asked = select(_TABLE).where(_COLUMN.id.in_(wanted[start : start + _MANY]))
                found.update((row.id, _finding(row)) for row in connection.execute(asked))
        return found

    def within(self, first_ms: int, last_ms: int) -> list[FindingRow]:
        """Give those that were at some time of a span, both ends in it, in order of time."""
        asked = select(_TABLE).where(_COLUMN.first_ms <= last_ms, _COLUMN.last_ms >= first_ms)
        with self._read() as connection:
            return [_finding(row) for row in connection.execute(asked.order_by(_COLUMN.first_ms, _COLUMN.id))]

    def unaudited(self) -> list[FindingRow]:
        """Give those that nobody has audited as they are now, in order of time."""
        asked = select(_TABLE).where(_COLUMN.audited == 0).order_by(_COLUMN.first_ms, _COLUMN.id)
        with self._read() as connection:
            return [_finding(row) for row in connection.execute(asked)]

    def nobodys(self) -> list[FindingRow]:
        """Give those that say who acted, where it is not known who that is."""
        asked = select(_TABLE).where(_COLUMN.says_who == 1, _COLUMN.person.is_(None)).order_by(_COLUMN.id)
        with self._read() as connection:
            return [_finding(row) for row in connection.execute(asked)]

    def place(self, found: str, case_id: str) -> None:
        """Say of which case a finding is."""
        with self._connect() as connection:
            connection.execute(_TABLE.update().where(_COLUMN.id == found).values(case_id=case_id))

    def mark_audited(self, rows: Iterable[FindingRow]) -> None:
        """Say that some were audited; what was updated since is not."""
        with self._connect() as connection:
            for row in rows:
                same = _COLUMN.updated_at == iso(row.updated_at)
                connection.execute(_TABLE.update().where(_COLUMN.id == row.id, same).values(audited=1))


def _finding(row: Row[Any]) -> FindingRow:
    return FindingRow(
        row.id,
        parse_instant(row.updated_at),
        row.first_ms,
        row.last_ms,
        bool(row.says_who),
        row.payload,
        row.person,
        row.case_id,
        bool(row.audited),
    )
