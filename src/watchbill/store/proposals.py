"""Plans that wait for a person, and who approved them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import ApprovalRow, ProposalHead, ProposalRow, Proposed


_OPEN = (Proposed.WAITING, Proposed.APPROVED, Proposed.BEGUN)


class Proposals(Part):
    """Plans that wait, or did; none is ever taken out."""

    def add(self, row: ProposalRow) -> bool:
        """Write one; one that is there already stays. Tells whether it was written."""
        with self._connect() as connection:
            if connection.execute(select(tables.proposals.c.id).where(tables.proposals.c.id == row.id)).first():
                return False
            connection.execute(tables.proposals.insert().values(**_values(row)))
            connection.execute(tables.proposal_plans.insert().values(proposal=row.id, payload=row.payload))
        return True

    def turn(self, before: ProposalHead, after: ProposalHead) -> bool:
        """Write where one stands now, if it still stands as it was read. Tells whether it was written.

        One that is void, or waits anew, has been approved by nobody.
        """
        column = tables.proposals.c
        still = (column.id == before.id) & (column.state == str(before.state))
        with self._connect() as connection:
            done = connection.execute(tables.proposals.update().where(still).values(**_values(after)))
            if done.rowcount == 1 and isinstance(after, ProposalRow):
                plans = tables.proposal_plans
                connection.execute(plans.update().where(plans.c.proposal == before.id).values(payload=after.payload))
            if done.rowcount == 1 and after.state in (Proposed.VOID, Proposed.WAITING):
                given = tables.proposal_approvals
                connection.execute(given.delete().where(given.c.proposal == before.id))
        return done.rowcount == 1

    def get(self, proposal_id: str) -> ProposalRow | None:
        """Give one by its id."""
        with self._read() as connection:
            row = connection.execute(_WHOLE.where(tables.proposals.c.id == proposal_id)).first()
        return None if row is None else _proposal(row)

    def head(self, proposal_id: str) -> ProposalHead | None:
        """Give one by its id, without the plan."""
        with self._read() as connection:
            row = connection.execute(_HEADS.where(tables.proposals.c.id == proposal_id)).first()
        return None if row is None else _head(row)

    def all(self, states: Collection[Proposed] | None = None) -> list[ProposalRow]:
        """Give every one, or those of some states, in order of time."""
        column = tables.proposals.c
        found = _WHOLE.order_by(column.at, column.id)
        if states is not None:
            found = found.where(column.state.in_([str(state) for state in states]))
        with self._read() as connection:
            return [_proposal(row) for row in connection.execute(found).all()]

    def of_review(self, review_id: str) -> list[ProposalHead]:
        """Give those that are of the removals of a review, in order of time, without the plans."""
        return self._heads(tables.proposals.c.review == review_id)

    def open(self) -> list[ProposalRow]:
        """Give those that are not over: they wait, are approved, or are being applied."""
        return self.all(_OPEN)

    def open_heads(self) -> list[ProposalHead]:
        """Give the same without the plans."""
        return self._heads(tables.proposals.c.state.in_([str(state) for state in _OPEN]))

    def _heads(self, which: ColumnElement[bool]) -> list[ProposalHead]:
        column = tables.proposals.c
        with self._read() as connection:
            return [_head(row) for row in connection.execute(_HEADS.where(which).order_by(column.at, column.id)).all()]

    def approve(self, proposal_id: str, by: str, at: datetime) -> bool:
        """Write that somebody approved one; once. Tells whether it was written."""
        given = tables.proposal_approvals
        with self._connect() as connection:
            mine = (given.c.proposal == proposal_id) & (given.c.by == by)
            if connection.execute(select(given.c.by).where(mine)).first():
                return False
            connection.execute(given.insert().values(proposal=proposal_id, by=by, at=iso(at)))
        return True

    def approvals(self, proposal_id: str) -> list[ApprovalRow]:
        """Give who approved one, in order of time."""
        given = tables.proposal_approvals
        found = select(given).where(given.c.proposal == proposal_id).order_by(given.c.at, given.c.by)
        with self._read() as connection:
            return [ApprovalRow(r.proposal, r.by, parse_instant(r.at)) for r in connection.execute(found).all()]


_HEADS = select(tables.proposals)
_WHOLE = select(tables.proposals, tables.proposal_plans.c.payload).join(
    tables.proposal_plans, tables.proposal_plans.c.proposal == tables.proposals.c.id
)


def _values(row: ProposalHead) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": iso(row.at),
        "state": str(row.state),
        "revision": row.revision,
        "people": row.people,
        "turned_at": None if row.turned_at is None else iso(row.turned_at),
        "turned_by": row.turned_by,
        "why": row.why,
        "review": row.review,
        "shown": row.shown,
    }


def _proposal(row: Row[Any]) -> ProposalRow:
    return ProposalRow(**_read(row), payload=row.payload)


def _head(row: Row[Any]) -> ProposalHead:
    return ProposalHead(**_read(row))


def _read(row: Row[Any]) -> dict[str, Any]:
    at, turned_at = parse_instant(row.at), None if row.turned_at is None else parse_instant(row.turned_at)
    same = {each: getattr(row, each) for each in ("id", "revision", "people", "shown", "turned_by", "why", "review")}
    return same | {"at": at, "state": Proposed(row.state), "turned_at": turned_at}
