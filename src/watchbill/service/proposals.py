"""Plans that wait for a person: keep one, let leads approve or refuse it, and tell when it is void.

1. A proposal is a plan with all that a lead approves with it: the team file it comes from, the calls, and what of the
   file waits. Its id is made of these. Whatever of them changes makes another proposal, and this one void.
2. A lead approves, by the file in force and by the new one; never who wrote it, nor who gains by what waits.
3. Approved is not applied: the next pass applies it, if it would still do the same (`stepping`).
4. One that was refused stays so while it is the same.
5. What is written on hosts is a proposal of its own, beside the one of AWS: neither makes the other void. So is what
   a review removes (`removals`): it is by the file in force less that, not by the one at hand.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import msgspec

from watchbill.access.approval import Finding, Weighed
from watchbill.access.model import Change, Plan, Verb
from watchbill.access.sudo import SERVICE as HOST_SERVICE
from watchbill.errors import NotFoundError, RefusedError
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.respond.plan_notices import proposed_notice, turned_notice
from watchbill.service.casework import Casework
from watchbill.service.outbox import put
from watchbill.service.plan_view import ChangeView, change_view, effect_lines
from watchbill.store.database import Store
from watchbill.store.rows import ProposalHead, ProposalRow, Proposed


@dataclass(frozen=True, slots=True)
class Removals:
    """Of what review a plan is, and by what file."""

    review: str
    signatures: tuple[str, ...]
    """The digests of all of them, as the ledger has them."""
    base: str
    """The digest of the file in force that the removals are taken out of."""
    text: str
    """That file without them."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is approved, or refused, as a whole."""

    plan: Plan
    findings: tuple[Finding, ...]
    """All that the file changes, where it is another than the one in force."""
    waits: tuple[Finding, ...]
    """What of it takes a person; none where the mode alone makes it wait."""
    barred: tuple[str, ...]
    """Who may not approve it."""
    removals: Removals | None = None
    """Where it is of a review."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of one, written beside it from the same content: a large one takes a second to read."""

    waits: tuple[Finding, ...]
    barred: tuple[str, ...]
    removals: Removals | None
    hosts: bool
    """Whether it is of what is written on hosts."""
    losers: tuple[str, ...]
    """Who loses something by it."""
    warnings: tuple[str, ...]
    lines: tuple[str, ...]
    """Its effects in sentences: the first of them."""
    all_lines: int
    calls: tuple[ChangeView, ...]
    """The first of its changes."""
    all_calls: int


_LINES, _CALLS = 1_000, 300
"""How much is shown; how much more there is is said."""


def _shown(content: Content) -> Shown:
    plan, lines = content.plan, list(effect_lines(content.plan.effects))
    return Shown(
        content.waits,
        content.barred,
        content.removals,
        is_of_hosts(plan),
        tuple(sorted({each.person for each in plan.effects if each.verb is Verb.LOSES})),
        tuple(map(str, plan.warnings)),
        tuple(lines[:_LINES]),
        len(lines),
        tuple(map(change_view, plan.changes[:_CALLS])),
        len(plan.changes),
    )


def shown_of(row: ProposalHead) -> Shown:
    """Give what is shown of a proposal; of one from before that was kept it takes the row with the plan."""
    if row.shown is not None:
        return msgspec.json.decode(row.shown, type=Shown)
    assert isinstance(row, ProposalRow), "`head_of` gives it with the plan then"
    return _shown(content_of(row))


def head_of(store: Store, proposal_id: str) -> ProposalHead:
    """Give one by its id as it takes to show it; one that is not there is a NotFoundError."""
    head = store.proposals.head(proposal_id)
    return find(store, proposal_id) if head is None or head.shown is None else head


def waiting(store: Store) -> list[ProposalRow]:
    """Give those that are not over, in order of time: they wait, are approved, or are being applied."""
    return store.proposals.open()


def waiting_of(store: Store, *, hosts: bool, review: str | None = None) -> list[ProposalRow]:
    """Give those of `waiting` that write on hosts, or those that do not: of the team file at hand, or of a review."""
    rows = (row for row in waiting(store) if row.review == review)
    return [row for row in rows if shown_of(row).hosts is hosts]


def is_of_hosts(plan: Plan) -> bool:
    """Tell whether a plan is one of what is written on hosts by shift."""
    return any(change.call.service == HOST_SERVICE for change in plan.changes)


def find(store: Store, proposal_id: str) -> ProposalRow:
    """Give one by its id; one that is not there is a NotFoundError."""
    row = store.proposals.get(proposal_id)
    if row is None:
        known = ", ".join(each.id for each in waiting(store)) or "none"
        raise NotFoundError(f"no plan `{proposal_id}` is kept", f"those that wait: {known}")
    return row


def content_of(row: ProposalRow) -> Content:
    """Give what is approved with a proposal."""
    return msgspec.json.decode(row.payload, type=Content)


def approvers(work: Casework, row: ProposalHead) -> tuple[str, ...]:
    """Give who may approve a proposal; whoever is frozen does not, meanwhile."""
    barred = shown_of(row).barred
    return tuple(name for name in work.leads() if name not in barred)


def counted(work: Casework, row: ProposalHead) -> list[str]:
    """Give who approved a proposal and still may: the word of a lead who left, or is frozen, counts no more."""
    may = approvers(work, row)
    return [each.by for each in work.store.proposals.approvals(row.id) if each.by in may]


def propose(work: Casework, plan: Plan, weighed: Weighed, removals: Removals | None = None) -> ProposalRow:
    """Keep a plan for leads to approve, and tell them; the same again is the same.

    What else waited of AWS or of hosts, by the file at hand or of that review, is void.
    """
    content = Content(plan, weighed.findings, weighed.waits, tuple(sorted(weighed.barred)), removals)
    proposal = name_of(work, content, weighed.people)
    people, review = max(weighed.people, 1), None if removals is None else removals.review
    with work.store.transaction():
        alike = waiting_of(work.store, hosts=is_of_hosts(plan), review=review)
        void(work, (row for row in alike if row.id != proposal), "what it would change has changed")
        known = work.store.proposals.get(proposal)
        if known is not None and known.state not in (Proposed.VOID, Proposed.APPLIED):
            return known
        shown, payload = (msgspec.json.encode(each).decode() for each in (_shown(content), content))
        made = ProposalRow(proposal, work.at, work.team.digest, people, shown, review=review, payload=payload)
        written = work.store.proposals.add(made) if known is None else work.store.proposals.turn(known, made)
        if written:
            facts = {"revision": work.team.digest, "changes": len(plan.changes), "people": people}
            facts |= {"waits": [each.what for each in content.waits]}
            if removals is not None:
                facts |= {"review": removals.review, "signatures": list(removals.signatures)}
            work.record(Kind.PLAN_PROPOSED, proposal, facts)
            put(work, proposed_notice(proposal, people, lines_of(content)))
    return find(work.store, proposal)


def name_of(work: Casework, content: Content, people: int) -> str:
    """Name a proposal by all that is approved with it."""
    identity = [work.team.digest, msgspec.to_builtins(content.plan.changes), msgspec.to_builtins(content.waits), people]
    if content.removals is not None:
        identity += [content.removals.review, content.removals.signatures]
    return f"P-{hashlib.sha256(msgspec.json.encode(identity, order='sorted')).hexdigest()[:16]}"


def is_current(work: Casework, row: ProposalHead) -> bool:
    """Tell whether the file that a proposal changes is still the one: that in force for a review, else that at hand."""
    removals = shown_of(row).removals
    if removals is None:
        return row.revision == work.team.digest
    in_force = work.in_force()
    return in_force is not None and in_force.digest == removals.base


def lines_of(content: Content) -> list[str]:
    """Say what a proposal changes: what takes a person and why, then who gains and loses what."""
    found = [f"{each.kind}: {each.what}{f' ({each.why})' if each.why else ''}" for each in content.waits]
    return [*found, *effect_lines(content.plan.effects), f"{len(content.plan.changes)} calls"]


def void(work: Casework, rows: Iterable[ProposalHead], why: str) -> None:
    """Let go of proposals that would not do any more what they say, and say so; who approved them has not, then."""
    for row in rows:
        after = replace(row, state=Proposed.VOID, turned_at=work.at, turned_by=work.actor, why=why)
        with work.store.transaction():
            given = [each.by for each in work.store.proposals.approvals(row.id)]
            if work.store.proposals.turn(row, after):
                work.record(Kind.PLAN_VOID, row.id, {"why": why, "approved_by": given})
                told = f"; that {' and '.join(given)} approved it counts no more" if given else ""
                put(work, turned_notice(row.id, f"Plan {row.id} is void: {why}{told}"))


def approve(work: Casework, proposal_id: str, proof: Mapping[str, str] = MappingProxyType({})) -> str:
    """Approve a proposal as a lead who may; the same again says the same. Gives what is said to them.

    `proof` is how they signed in for it, for the ledger; none where they are at a keyboard of ours.
    """
    row = find(work.store, proposal_id)
    given = [each.by for each in work.store.proposals.approvals(row.id)]
    if work.actor in given and row.state in (Proposed.WAITING, Proposed.APPROVED, Proposed.BEGUN):
        return said(work, row)
    _must_wait(work, row)
    _must_be_let_approve(work, row)
    with work.store.transaction():
        if work.store.proposals.get(row.id) != row:
            raise RefusedError(f"{row.id} has changed meanwhile", "look at it again")
        work.store.proposals.approve(row.id, work.actor, work.at)
        count = len(counted(work, row))
        work.record(Kind.PLAN_APPROVED, row.id, {"of": row.people, "number": count, **proof})
        if count >= row.people:
            after = replace(row, state=Proposed.APPROVED, turned_at=work.at, turned_by=work.actor)
            work.store.proposals.turn(row, after)
            put(work, turned_notice(row.id, f"Plan {row.id} is approved by {' and '.join([*given, work.actor])}"))
    return said(work, find(work.store, row.id))


def refuse(work: Casework, proposal_id: str, reason: str) -> str:
    """Refuse a proposal as a lead; it stays refused while the file and AWS are as they are.

    Nobody refuses what a review takes from themselves.
    """
    row = find(work.store, proposal_id)
    if row.state is Proposed.REFUSED and row.turned_by == work.actor:
        return said(work, row)
    _must_wait(work, row, but=Proposed.APPROVED)
    work.must_lead(None)
    if loses_by_review(row, work.actor):
        raise RefusedError(f"`{work.actor}` loses what the review removes: another lead refuses {row.id}, or none")
    after = replace(row, state=Proposed.REFUSED, turned_at=work.at, turned_by=work.actor, why=reason)
    with work.store.transaction():
        if not work.store.proposals.turn(row, after):
            raise RefusedError(f"{row.id} has changed meanwhile", "look at it again")
        work.record(Kind.PLAN_REFUSED, row.id, {"reason": reason} if reason else {})
        put(work, turned_notice(row.id, said(work, after)))
    return said(work, after)


def loses_by_review(row: ProposalHead, person: str) -> bool:
    """Tell whether a proposal is of what a review takes from somebody: whether it is to be is not for them to say."""
    return row.review is not None and person in shown_of(row).losers


def said(work: Casework, row: ProposalHead) -> str:
    """Say where a proposal stands."""
    given = [each.by for each in work.store.proposals.approvals(row.id)]
    by = f", approved by {' and '.join(given)}" if given else ""
    match row.state:
        case Proposed.WAITING:
            who = " or ".join(approvers(work, row)) or "nobody who may: name another lead, or apply it by hand"
            return f"{row.id} waits for {row.people - len(counted(work, row))} of {who}{by}"
        case Proposed.APPROVED:
            return f"{row.id}{by}: the next pass applies it, if it would still do the same"
        case Proposed.BEGUN:
            return f"{row.id}{by}: it is being applied"
        case _:
            at = "" if row.turned_at is None else f" at {iso(row.turned_at)}"
            who = f" by {row.turned_by}" if row.state is Proposed.REFUSED else ""
            return f"{row.id} was {row.state}{who}{at}{f': {row.why}' if row.why else ''}"


def _must_wait(work: Casework, row: ProposalHead, but: Proposed = Proposed.WAITING) -> None:
    if row.state not in (Proposed.WAITING, but):
        raise RefusedError(said(work, row))
    if not is_current(work, row):
        raise RefusedError(f"{row.id} is of another revision of the team file", "the next pass makes it anew")


def _must_be_let_approve(work: Casework, row: ProposalHead) -> None:
    work.must_not_be_frozen()
    may = approvers(work, row)
    if work.actor in may:
        return
    listed = f"who may: {', '.join(may) or 'nobody'}"
    if work.actor in shown_of(row).barred:
        raise RefusedError(
            f"`{work.actor}` wrote what is in {row.id}, or gains by it: another lead approves it", listed
        )
    raise RefusedError(f"`{work.actor}` is no lead of team {work.team.name}, or not yet by the file in force", listed)


def is_part_of(changes: Iterable[Change], whole: Iterable[Change]) -> bool:
    """Tell whether changes are all among others: what is left of a plan that was begun is part of it."""
    there = {msgspec.json.encode([each.account, each.call], order="sorted") for each in whole}
    return all(msgspec.json.encode([each.account, each.call], order="sorted") in there for each in changes)
