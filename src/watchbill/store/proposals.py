"""Plans that wait for a person, and who approved them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

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
        return True

    def turn(self, before: ProposalRow, after: ProposalRow) -> bool:
        """Write where one stands now, if it still stands as it was read. Tells whether it was written.

        One that is void, or waits anew, has been approved by nobody.
        """
        column = tables.proposals.c
        still = (column.id == before.id) & (column.state == str(before.state))
        with self._connect() as connection:
            done = connection.execute(tables.proposals.update().where(still).values(**_values(after)))
            if done.rowcount == 1 and after.state in (Proposed.VOID, Proposed.WAITING):
                given = tables.proposal_approvals
                connection.execute(given.delete().where(given.c.proposal == before.id))
        return done.rowcount == 1

    def get(self, proposal_id: str) -> ProposalRow | None:
        """Give one by its id."""
        with self._read() as connection:
            row = connection.execute(select(tables.proposals).where(tables.proposals.c.id == proposal_id)).first()
        return None if row is None else _proposal(row)

    def all(self, states: Collection[Proposed] | None = None) -> list[ProposalRow]:
        """Give every one, or those of some states, in order of time."""
        column = tables.proposals.c
        found = select(tables.proposals).order_by(column.at, column.id)
        if states is not None:
            found = found.where(column.state.in_([str(state) for state in states]))
        with self._read() as connection:
            return [_proposal(row) for row in connection.execute(found).all()]

    def of_review(self, review_id: str) -> list[ProposalRow]:
        """Give those that are of the removals of a review, in order of time."""
        column = tables.proposals.c
        found = select(tables.proposals).where(column.review == review_id).order_by(column.at, column.id)
        with self._read() as connection:
            return [_proposal(row) for row in connection.execute(found).all()]

    def open(self) -> list[ProposalRow]:
        """Give those that are not over: they wait, are approved, or are being applied."""
        return self.all(_OPEN)

    def open_heads(self) -> list[ProposalHead]:
        """Give the same without the plans themselves, which are large."""
        column = tables.proposals.c
        wanted = select(column.id, column.at, column.state).where(column.state.in_([str(state) for state in _OPEN]))
        with self._read() as connection:
            rows = connection.execute(wanted.order_by(column.at, column.id)).all()
        return [ProposalHead(row.id, parse_instant(row.at), Proposed(row.state)) for row in rows]

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


def _values(row: ProposalRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": iso(row.at),
        "state": str(row.state),
        "revision": row.revision,
        "people": row.people,
        "payload": row.payload,
        "turned_at": None if row.turned_at is None else iso(row.turned_at),
        "turned_by": row.turned_by,
        "why": row.why,
        "review": row.review,
    }


def _proposal(row: Row[Any]) -> ProposalRow:
    turned_at = None if row.turned_at is None else parse_instant(row.turned_at)
    state, at = Proposed(row.state), parse_instant(row.at)
    said = (state, turned_at, row.turned_by, row.why, row.review)
    return ProposalRow(row.id, at, row.revision, row.people, row.payload, *said)
