"""What a review takes away, as a plan that waits for a lead, and is applied as it was approved.

1. When all of the last review is signed, what is to be removed is taken out of the team file in force, and planned as
   any change of that file is (`access.plan`). What cannot be written there is for a person, as the review says.
2. The plan is kept as a proposal: bound to the review, to its signatures and to that file. A lead approves it, or not.
3. Approved, it is applied by the next pass, if the same signatures still come to the same; else it is void, and another
   is kept. So is one that was begun, where leads have let another file be meanwhile; one that still waits when another
   review is opened is void. The file less the removals is in force from then on: what the file at hand gives back waits
   as new access.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from watchbill.access.approval import Authors, Weighed, weigh
from watchbill.access.interim import read
from watchbill.access.model import AccountState, Outcome, Plan
from watchbill.access.modes import Held, held_by
from watchbill.errors import Problem
from watchbill.ledger.model import Kind
from watchbill.service.casework import Casework
from watchbill.service.feeds import with_feeds
from watchbill.service.proposals import (
    Content,
    Removals,
    content_of,
    counted,
    is_current,
    is_part_of,
    name_of,
    propose,
    shown_of,
    void,
    waiting,
)
from watchbill.service.recertification import Review, find, proposal
from watchbill.service.stepping import Apply, carried_out, laid_out, made
from watchbill.store.rows import ProposalRow, Proposed
from watchbill.team.model import Mode, Team


_OVER = (Proposed.APPLIED, Proposed.REFUSED)
_SIGNED = Authors(known=True)
"""Who wrote it is known by the signatures. A lead who signed may approve it: it takes; whoever gains by it may not."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of the removals of the last review in a pass."""

    outcomes: tuple[Outcome, ...] = ()
    proposal: ProposalRow | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Planned:
    work: Casework
    """By the file less the removals."""
    plan: Plan
    weighed: Weighed
    removals: Removals

    @property
    def name(self) -> str:
        """Name the proposal that it is."""
        content = Content(self.plan, self.weighed.findings, self.weighed.waits, (), self.removals)
        return name_of(self.work, content, self.weighed.people)


def step(work: Casework, apply: Apply) -> Removed:
    """Keep the removals of the last review as a plan once all of it is signed; apply it once it is approved."""
    entry = work.store.ledger.last(Kind.REVIEW_OPENED)
    if entry is None:
        return Removed()
    there = [each for each in waiting(work.store) if each.review is not None]
    late = [each for each in there if each.review != entry.subject and each.state is Proposed.WAITING]
    void(work, late, "another review was opened since, which decides it")
    row = next((each for each in there if each not in late), None)
    if row is None:
        over = any(each.state in _OVER for each in work.store.proposals.of_review(entry.subject))
        review = find(work.store, entry.subject)
        return Removed() if over or not review.is_done else _kept(work, review)
    if not _still_stands(work, row):
        void(work, [row], "the team file in force is another")
        return Removed()
    if row.state is Proposed.BEGUN:
        return _gone_on_with(work, row, apply)
    if row.state is Proposed.WAITING:
        return Removed(proposal=row)
    return _approved(work, row, find(work.store, row.review or ""), apply)


def _still_stands(work: Casework, row: ProposalRow) -> bool:
    """Tell whether the file that a plan changes is in force; of one that was begun, it may be the one that it makes."""
    in_force = work.in_force()
    made = row.state is Proposed.BEGUN and in_force is not None and in_force.digest == row.revision
    return made or is_current(work, row)


def _kept(work: Casework, review: Review) -> Removed:
    planned = _planned(work, review)
    if planned is None or not planned.plan.changes:
        return Removed()
    if planned.plan.problems:
        return Removed(problems=tuple(planned.plan.problems))
    return Removed(proposal=propose(planned.work, planned.plan, planned.weighed, planned.removals))


def _approved(work: Casework, row: ProposalRow, review: Review, apply: Apply) -> Removed:
    """Apply what was approved, if what is signed still comes to it."""
    planned = _planned(work, review)
    if len(counted(work, row)) < row.people:
        void(work, [row], "who approved it is no lead any more, or is frozen")
        return Removed()
    if planned is None or planned.name != row.id:
        void(work, [row], "what it would change has changed")
        return Removed()
    return _carried_out(planned.work, row, planned.plan, apply)


def _gone_on_with(work: Casework, row: ProposalRow, apply: Apply) -> Removed:
    """Apply what is left of one that was begun; where anything else would be done too, it is void."""
    content = content_of(row)
    assert content.removals is not None, "it is of a review"
    there, observed, held = _seen(work, work.team, content.removals.text)
    left = made(there, there.laid_over(), observed, held)
    if not is_part_of(left.changes, content.plan.changes):
        void(work, [row], "what it would change has changed")
        return Removed()
    return _carried_out(there, row, left, apply)


def _carried_out(there: Casework, row: ProposalRow, left: Plan, apply: Apply) -> Removed:
    removals, settled = shown_of(row).removals, there.store.revisions.settled()
    outcomes, after = carried_out(there, row, left, apply)
    whole = settled is not None and removals is not None and settled.digest == removals.base
    if after.state is Proposed.APPLIED and whole:
        there.store.revisions.settle(there.team.digest)
    return Removed(outcomes, after)


def _planned(work: Casework, review: Review) -> _Planned | None:
    """Plan the removals that are signed; None where there is no file in force, or nothing of it can be taken out."""
    base = work.in_force()
    if base is None:
        return None
    text = proposal(review, base).text
    if text == base.text:
        return None
    signatures = tuple(each.digest for each in review.signatures)
    there, observed, held = _seen(work, base, text)
    plan = made(there, there.laid_over(), observed, held)
    weighed = weigh(laid_out(work, base), there.laid_over(), work.at, _SIGNED, plan)
    return _Planned(there, plan, weighed, Removals(review.id, signatures, base.digest, text))


def _seen(work: Casework, base: Team, text: str) -> tuple[Casework, Mapping[str, AccountState], Held]:
    """Give work by a text of the file in force, AWS as it is, and what is left alone there."""
    there = replace(work, team=with_feeds(read(text, base.path), work.store, work.at))
    held = held_by([laid_out(work, base), there.laid_over()], Mode.PROPOSE)
    return there, there.observe(there.laid_over()), held
