"""What takes two people: one asks for it, another confirms it."""

from watchbill.errors import NotFoundError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.service.casework import Casework
from watchbill.store.rows import ContainmentRow


def was_evicted(work: Casework, case_id: str) -> bool:
    """Tell whether anything was evicted in a case, or was confirmed to be."""
    rows = work.store.containments.all()
    return any(row.kind == "evict" and row.case_id == case_id and row.state in ("confirmed", "done") for row in rows)


def is_lapsed(work: Casework, row: ContainmentRow) -> bool:
    """Tell whether nobody may confirm it: whoever asked counts no more."""
    return row.state == "asked" and is_gone(work, row.by)


def is_gone(work: Casework, lead: str) -> bool:
    """Tell whether the word of somebody who was a lead counts no more: they are none now, or are frozen."""
    return lead not in work.leads()


def must_be_second(work: Casework, restore_id: str, case_id: str, person: str) -> None:
    """Let a restore of what was evicted go on only where another lead asked for it before; the first one asks."""
    rows = [row for row in work.store.containments.all() if row.id.partition(".")[0] == restore_id]
    row = rows[-1] if rows else None
    if row is None or is_lapsed(work, row):
        with work.store.transaction():
            restore_id = f"{restore_id}.{len(rows)}" if rows else restore_id
            asked = ContainmentRow(restore_id, "restore", person, case_id, work.at, work.actor, "asked", "{}")
            work.store.containments.add(asked)
            work.record(Kind.RESTORE_ASKED, restore_id, {"person": person, "case": case_id})
        raise RefusedError(f"{person} was evicted: another lead has to restore too", f"watchbill restore {case_id}")
    if row.state == "asked":
        if row.by == work.actor:
            raise RefusedError(f"`{work.actor}` asked for this restore: another lead confirms it")
        work.store.containments.confirm(row.id, work.at, work.actor)


def find(work: Casework, row_id: str) -> ContainmentRow:
    """Give what takes two people by its id; one that is not there is a NotFoundError."""
    found = next((row for row in work.store.containments.all() if row.id == row_id), None)
    if found is None:
        raise NotFoundError(f"no request `{row_id}`")
    return found
