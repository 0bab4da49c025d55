"""Reviews of access: opened by a lead, decided row by row by their reviewers, signed, and shown to auditors.

What a reviewer saves is a draft until they sign; what they sign is a digest, kept in the ledger, of their rows as these
were frozen with what is decided of each. Whoever has an export and the ledger can tell whether one is the other's.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from watchbill.access.model import Drift
from watchbill.access.recertification import (
    AccessRow,
    Decided,
    Proposal,
    Use,
    digest_of,
    proposed,
    reviewer_of,
    rows_of,
)
from watchbill.errors import NotFoundError, RefusedError
from watchbill.intervals import iso
from watchbill.ledger.chain import verify as verify_chain
from watchbill.ledger.model import Entry, Kind, State
from watchbill.service.casework import Casework
from watchbill.store.database import Store
from watchbill.store.rows import ReviewDecisionRow, ReviewRow, ReviewSignatureRow
from watchbill.team.model import Team


LASTS = timedelta(days=14)
"""Within which a review is due, unless it is said otherwise."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a review is of, as it is kept."""

    team: str
    """The digest of the team file."""
    drift: bool
    """Whether what others gave in AWS was looked at."""
    rows: tuple[AccessRow, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """A review, and how far it is."""

    id: str
    at: datetime
    opened_by: str
    due_at: datetime
    frozen: Frozen
    decided: Mapping[int, Decided]
    """By number of the row."""
    signatures: tuple[ReviewSignatureRow, ...]

    @property
    def signed(self) -> frozenset[int]:
        """Give the numbers of the rows that are signed."""
        return frozenset(number for each in self.signatures for number in each.rows)

    @property
    def is_done(self) -> bool:
        """Tell whether all of it is signed."""
        return len(self.signed) == len(self.frozen.rows)

    def is_overdue(self, at: datetime) -> bool:
        """Tell whether something of it should have been signed by now."""
        return not self.is_done and self.due_at < at

    def rows_for(self, reviewer: str, team: Team) -> tuple[AccessRow, ...]:
        """Give the rows that somebody has to sign, or has signed."""
        theirs = {number for each in self.signatures if each.reviewer == reviewer for number in each.rows}
        signed = self.signed
        return tuple(
            row
            for row in self.frozen.rows
            if row.number in theirs or (row.number not in signed and reviewer_now(row, team) == reviewer)
        )

    def to_sign(self, reviewer: str, team: Team) -> tuple[AccessRow, ...]:
        """Give the rows that somebody has to sign."""
        signed = self.signed
        return tuple(row for row in self.rows_for(reviewer, team) if row.number not in signed)


@dataclass(frozen=True, slots=True)
class Listed:
    """A review in a list."""

    id: str
    at: datetime
    opened_by: str
    due_at: datetime
    rows: int
    signed: int
    signers: frozenset[str]
    review: Review | None
    """The whole of it where it is open still; None where all of it is signed."""

    @property
    def is_done(self) -> bool:
        """Tell whether all of it is signed."""
        return self.review is None

    def is_overdue(self, at: datetime) -> bool:
        """Tell whether something of it should have been signed by now."""
        return self.review is not None and self.review.is_overdue(at)


@dataclass(frozen=True, slots=True)
class SignatureView:
    """A signature, and where the ledger has it."""

    reviewer: str
    at: str
    rows: list[int]
    digest: str
    entry: int
    entry_digest: str


@dataclass(frozen=True, slots=True)
class ReviewedRow:
    """A row, and what was decided of it."""

    row: AccessRow
    decision: str
    """`keep`, `remove` or `undecided`."""
    reason: str
    signed: bool


@dataclass(frozen=True, slots=True)
class ReviewView:
    """A review for auditors and programs."""

    id: str
    at: str
    opened_by: str
    due_at: str
    state: str
    """`open`, `overdue` or `signed`."""
    team: str
    drift: bool
    opened_entry: int
    rows: list[ReviewedRow]
    signatures: list[SignatureView]
    by_hand: list[str]
    diff: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a verification of an export found."""

    id: str
    holds: bool
    signatures: int
    unsigned: int
    """Rows that nobody signed."""
    wrong: list[str]
    """What is not as the ledger has it, in words."""


def reviewer_now(row: AccessRow, team: Team) -> str | None:
    """Give who reviews a row: as it was frozen, unless they may no more by the team file as it is now.

    None is nobody: no lead is left but whose it is, and the row waits until there is one.
    """
    try:
        return reviewer_of(team, row.through, row.person, row.reviewer)
    except RefusedError:
        return None


def open_review(
    work: Casework,
    due_at: datetime,
    drift: Iterable[Drift] | None = None,
    uses: Mapping[tuple[str, str, str, str], Use] | None = None,
) -> Review:
    """Open a review of what everybody holds now; `drift` is None where nobody has looked at AWS.

    Raises RefusedError where another is open, where there is nothing to review, or for whoever is no lead.
    """
    work.must_lead(None)
    if due_at <= work.at:
        raise RefusedError("a review is due after it is opened")
    rows = rows_of(work.laid_over(), work.at, drift or (), uses)
    if not rows:
        raise RefusedError("nobody holds anything: there is nothing to review")
    payload = msgspec.json.encode(Frozen(work.team.digest, drift is not None, rows))
    digest = hashlib.sha256(payload).hexdigest()
    # Where nothing has changed since the last one, what is frozen is the same again.
    name = hashlib.sha256(f"{digest} {iso(work.at)}".encode()).hexdigest()[:8]
    made = ReviewRow(f"AR-{name}", work.at, work.actor, due_at, payload.decode())
    with work.store.transaction():
        found = open_now(work.store)
        if found is not None:
            raise RefusedError(f"{found.id} is open until all of it is signed", f"watchbill review show {found.id}")
        work.store.reviews.add(made)
        facts = {"rows": len(rows), "due": iso(due_at), "team": work.team.digest, "digest": digest}
        work.record(Kind.REVIEW_OPENED, made.id, facts)
    return find(work.store, made.id)


def find(store: Store, review_id: str) -> Review:
    """Give a review; one that is not there is a NotFoundError that names those that are."""
    row = store.reviews.get(review_id)
    if row is None:
        known = ", ".join(each.id for each in store.reviews.all()[:8])
        raise NotFoundError(f"no review `{review_id}`", f"reviews: {known or 'none yet'}")
    return _review(store, row)


def reviews(store: Store) -> list[Review]:
    """Give every review, the latest first."""
    return [_review(store, row) for row in store.reviews.all()]


def open_now(store: Store) -> Review | None:
    """Give the review that is open, if there is one: no other can be but the last that was opened."""
    entry = store.ledger.last(Kind.REVIEW_OPENED)
    if entry is None:
        return None
    found = find(store, entry.subject)
    return None if found.is_done else found


def listed(store: Store) -> list[Listed]:
    """Give every review and how far it is, the latest first; what one has frozen is read of the open one alone."""
    current = open_now(store)
    found = []
    for head in store.reviews.heads():
        signatures = tuple(store.reviews.signatures(head.id))
        signed = sum(len(each.rows) for each in signatures)
        still = current if current is not None and current.id == head.id else None
        count = signed if still is None else len(still.frozen.rows)
        signers = frozenset(each.reviewer for each in signatures)
        found.append(Listed(head.id, head.at, head.opened_by, head.due_at, count, signed, signers, still))
    return found


@lru_cache(maxsize=4)
def _frozen(payload: str) -> Frozen:
    """Read what a review has frozen, which is never changed: once for all who look."""
    return msgspec.json.decode(payload, type=Frozen)


def _review(store: Store, row: ReviewRow) -> Review:
    frozen = _frozen(row.payload)
    decided = {each.row: Decided(each.keeps, each.reason) for each in store.reviews.decisions(row.id)}
    return Review(row.id, row.at, row.opened_by, row.due_at, frozen, decided, tuple(store.reviews.signatures(row.id)))


def draft(work: Casework, review_id: str, decided: Mapping[int, Decided]) -> None:
    """Save what a reviewer has decided of their rows so far; refused for rows of others, and for what is signed.

    What is refused costs none of the others: a row may have gone to somebody else meanwhile.
    """
    with work.store.transaction():
        review = find(work.store, review_id)
        open_rows = {row.number for row in review.to_sign(work.actor, work.team)}
        others = sorted(set(decided) - open_rows)
        mine = {number: each for number, each in decided.items() if number in open_rows}
        new = {number: each for number, each in mine.items() if review.decided.get(number) != each}
        if new:
            rows = [
                ReviewDecisionRow(review_id, number, each.keeps, each.reason, work.actor, work.at)
                for number, each in new.items()
            ]
            work.store.reviews.decide(rows)
            work.record(Kind.REVIEW_DRAFTED, review_id, {"rows": len(new)})
    if others:
        more = f", nor are {len(others) - 1} others" if len(others) > 1 else ""
        kept = "; what else you decided is saved" if mine else ""
        message = f"row {others[0]} of {review_id} is not for `{work.actor}` to decide, or is signed{more}{kept}"
        raise RefusedError(message, "open the review again: it has the rows that are yours now")


def lacking(review: Review, reviewer: str, team: Team) -> str | None:
    """Say what keeps a reviewer from signing; None where nothing does."""
    rows = review.to_sign(reviewer, team)
    if not rows:
        return "nothing of it is for you to sign"
    undecided = sum(1 for row in rows if row.number not in review.decided)
    if undecided:
        return f"{undecided} of {len(rows)} rows are not decided"
    bare = [n for row in rows if not review.decided[n := row.number].keeps and not review.decided[n].reason.strip()]
    return f"row {bare[0]} is to be removed, and has no reason" if bare else None


def digest_for(review: Review, reviewer: str, team: Team) -> str:
    """Give the digest of what somebody is to sign, as it is decided now."""
    return digest_of(review.id, review.to_sign(reviewer, team), review.decided)


def sign(work: Casework, review_id: str, digest: str, proof: Mapping[str, str]) -> None:
    """Sign what a reviewer decided; `digest` is what they were shown, `proof` how they signed in for it."""
    with work.store.transaction():
        review = find(work.store, review_id)
        why = lacking(review, work.actor, work.team)
        if why is not None:
            raise RefusedError(f"{review_id} cannot be signed: {why}")
        if digest_for(review, work.actor, work.team) != digest:
            raise RefusedError("what is decided has changed since it was shown", "look at it again, and sign that")
        rows = review.to_sign(work.actor, work.team)
        removed = sum(1 for row in rows if not review.decided[row.number].keeps)
        facts = {"rows": len(rows), "removed": removed, "digest": digest, **proof}
        entry = work.store.ledger.record(
            at=work.at, kind=Kind.REVIEW_SIGNED, actor=work.actor, subject=review_id, facts=facts
        )
        numbers = tuple(row.number for row in rows)
        work.store.reviews.sign(ReviewSignatureRow(review_id, entry.number, work.actor, work.at, numbers, digest))


def awaited(work: Casework, person: str) -> list[Review]:
    """Give the reviews that wait for somebody."""
    found = open_now(work.store)
    return [found] if found is not None and found.to_sign(person, work.team) else []


def overdue(work: Casework) -> list[Review]:
    """Give the reviews of which something should have been signed by now."""
    found = open_now(work.store)
    return [found] if found is not None and found.is_overdue(work.at) else []


def proposal(review: Review, team: Team) -> Proposal:
    """Give what the removals that are signed come to, by the team file as it is now."""
    signed, decided = review.signed, review.decided
    removed = [row for row in review.frozen.rows if row.number in signed and not decided[row.number].keeps]
    return proposed(team, removed, review.frozen.rows)


def review_view(work: Casework, review: Review) -> ReviewView:
    """Give a review as auditors keep it."""
    entries = {entry.number: entry for entry in work.store.ledger.about([review.id])}
    opened = next(entry.number for entry in entries.values() if entry.kind == Kind.REVIEW_OPENED)
    made = proposal(review, work.team)
    return ReviewView(
        review.id,
        iso(review.at),
        review.opened_by,
        iso(review.due_at),
        "signed" if review.is_done else "overdue" if review.is_overdue(work.at) else "open",
        review.frozen.team,
        review.frozen.drift,
        opened,
        [_reviewed(review, row) for row in review.frozen.rows],
        [
            SignatureView(
                each.reviewer, iso(each.at), list(each.rows), each.digest, each.entry, entries[each.entry].digest
            )
            for each in review.signatures
        ],
        list(made.by_hand),
        made.diff,
    )


def _reviewed(review: Review, row: AccessRow) -> ReviewedRow:
    decided = review.decided.get(row.number)
    said = "undecided" if decided is None else "keep" if decided.keeps else "remove"
    return ReviewedRow(row, said, "" if decided is None else decided.reason, row.number in review.signed)


def check(view: ReviewView, entries: Sequence[Entry]) -> Checked:
    """Hold an export against the ledger: the chain, what was frozen, and what each signature is of.

    Drafts, and what the removals come to (`diff`, `by_hand`), are in no entry: of those it says nothing.
    """
    chain = verify_chain(entries)
    wrong = [] if chain.state is State.INTACT else [f"the ledger is {chain.state}: {chain.why}"]
    known = {entry.number: entry for entry in entries if entry.subject == view.id}
    wrong += _wrong_with_rows(view, known.get(view.opened_entry))
    signed = set[int]()
    for each in view.signatures:
        wrong += _wrong_with(view, each, known.get(each.entry))
        signed.update(each.rows)
    exported = {each.entry for each in view.signatures}
    missing = [n for n, entry in known.items() if entry.kind == Kind.REVIEW_SIGNED and n not in exported]
    wrong += [f"the ledger has a signature that is not in it: entry {number}" for number in sorted(missing)]
    claimed = {each.row.number for each in view.rows if each.signed}
    if claimed != signed:
        wrong.append("it calls rows signed that no signature is of, or the other way around")
    if (view.state == "signed") != (len(signed) == len(view.rows)):
        wrong.append(f"it calls itself {view.state}, with {len(signed)} of {len(view.rows)} rows signed")
    return Checked(view.id, not wrong, len(view.signatures), len(view.rows) - len(signed), wrong)


def _wrong_with_rows(view: ReviewView, entry: Entry | None) -> Iterator[str]:
    frozen = Frozen(view.team, view.drift, tuple(each.row for each in view.rows))
    digest = hashlib.sha256(msgspec.json.encode(frozen)).hexdigest()
    if entry is None or entry.kind != Kind.REVIEW_OPENED:
        yield f"the ledger does not have that it was opened: entry {view.opened_entry}"
    elif entry.facts["digest"] != digest:
        yield "its rows are not those that were frozen"
    elif (view.opened_by, view.at, view.due_at) != (entry.actor, iso(entry.at), entry.facts["due"]):
        yield f"it was opened by {entry.actor} at {iso(entry.at)}, due {entry.facts['due']}: entry {view.opened_entry}"


def _wrong_with(view: ReviewView, signature: SignatureView, entry: Entry | None) -> Iterator[str]:
    where = f"entry {signature.entry}"
    if entry is None or entry.kind != Kind.REVIEW_SIGNED:
        yield f"the ledger has no such signature: {where}"
        return
    wanted = set(signature.rows)
    those = [each for each in view.rows if each.row.number in wanted]
    decided = {each.row.number: Decided(each.decision == "keep", each.reason) for each in those}
    digest = digest_of(view.id, [each.row for each in those], decided)
    if len(those) != len(signature.rows) or any(each.decision not in ("keep", "remove") for each in those):
        yield f"rows of a signature are not there, or not decided: {where}"
    said = (signature.reviewer, signature.at, signature.entry_digest)
    if said != (entry.actor, iso(entry.at), entry.digest):
        yield f"the ledger has another signature: {where}"
    if entry.facts["digest"] != digest or signature.digest != digest:
        yield f"what is decided is not what {entry.actor} signed: {where}"
