"""What the store gives back and takes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One applied revision of the team file."""

    digest: str
    at: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """What was read of AWS beside the accounts' own IAM, without what it says."""

    number: int
    digest: str
    since: datetime
    """When it was first read so."""
    seen_at: datetime
    """When it was last read so."""
    by: str
    """Who read it last."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case and where it stands."""

    id: str
    opened_at: datetime
    updated_at: datetime
    status: str
    severity: str
    person: str | None
    note: str
    """Why it stands where it does."""
    payload: str
    """The case as JSON."""


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One question to a person; the answer fields are None until it comes."""

    case_id: str
    person: str
    text: str
    asked_at: datetime
    deadline_at: datetime
    answer: str | None = None
    answered_at: datetime | None = None
    answered_by: str | None = None
    stand: str = "asked"
    """One of `respond.outcomes.Stand`."""
    peer: str | None = None
    """Who may confirm that it was them; None where no peer was named."""
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None
    """The person, by a fresh sign-in, or the peer."""


@dataclass(frozen=True, slots=True)
class FreezeRow:
    """One freeze, with all that undoes it."""

    id: str
    person: str
    start: datetime
    end: datetime | None
    case_id: str | None
    payload: str
    """The containment as JSON."""
    applied_at: datetime | None = None
    """When its last step was made; None while it is under way."""
    rechecks: int = 0
    """How often it was looked at again since."""


@dataclass(frozen=True, slots=True)
class ContainmentRow:
    """One eviction, help, offboarding, or restore of what was evicted: asked for by one, confirmed by another."""

    id: str
    kind: str
    """`evict`, `help`, `offboard`, `offboard-round` or `restore`."""
    person: str
    case_id: str | None
    at: datetime
    by: str
    state: str
    """`asked`, `confirmed`, `done` or `refused`."""
    payload: str
    """The plan as JSON, without any secret."""
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a plan in the journal."""

    plan: str
    number: int
    at: datetime
    call: str
    state: str
    error: str | None


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding of AWS's own detectors, as it was last."""

    id: str
    updated_at: datetime
    first_ms: int
    last_ms: int
    says_who: bool
    """Whether it has anything by which a person may be known."""
    payload: str
    """The finding as JSON."""
    person: str | None = None
    """Whose it is, as far as that is known."""
    case_id: str | None = None
    audited: bool = False


class CopyState(StrEnum):
    """Where a copy of an outside schedule stands."""

    IN_FORCE = "in force"
    """One of a feed at most."""
    WAITING = "waiting"
    """For a person's word; one of a feed at most."""
    SUPERSEDED = "superseded"
    """Another took its place."""


@dataclass(frozen=True, slots=True)
class CopyRow:
    """One copy of an outside schedule."""

    feed: str
    """`rota/layer`."""
    fetched_at: datetime
    source: str
    """A fingerprint of where it is from: its validators are of use there alone."""
    form: str
    etag: str | None
    modified: str | None
    digest: str
    """SHA-256 of what was fetched."""
    content: bytes
    """Empty where it was superseded without ever being in force."""
    state: CopyState = CopyState.WAITING
    since: datetime | None = None
    """When it came into force, if it ever did."""
    number: int = 0
    """Given by the store."""


@dataclass(frozen=True, slots=True)
class TryRow:
    """The last try to fetch an outside schedule."""

    feed: str
    at: datetime
    error: str | None
    """What went wrong; never the address."""
    failing_since: datetime | None
    """The first of the tries that went wrong, up to this one."""


class Sending(StrEnum):
    """Where a message of the outbox stands."""

    WAITING = "waiting"
    SENDING = "sending"
    """By a process that may have died since."""
    SENT = "sent"
    FAILED = "failed"
    """Another channel has it now."""
    REPLACED = "replaced"
    """What takes its place was there before it was sent."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One notice on its way to one recipient by one channel."""

    key: str
    channel: str
    number: int
    """Its place: of one recipient they are sent in this order."""
    to: str
    payload: str
    """The notice as JSON."""
    state: Sending
    tries: int
    """That failed; being told to wait is none."""
    next_at: datetime
    """From when on it may be tried; while it is being sent, from when on its process is taken for dead."""
    made_at: datetime
    sent_at: datetime | None = None
    reference: str | None = None
    """Where the message lies, as JSON."""
    error: str | None = None
    """Why it was not sent yet."""
    case_id: str | None = None
    """What it is about; None where it is about no case."""


class Worked(StrEnum):
    """What became of a click."""

    WAITING = "waiting"
    TAKEN_ON = "taken on"
    """It takes long, and is done beside others; whoever pressed has been told so."""
    DONE = "done"
    REFUSED = "refused"
    """Nothing came of it, so that it may be pressed again."""


@dataclass(frozen=True, slots=True)
class ClickRow:
    """One button that somebody pressed."""

    id: str
    source: str
    actor: str
    standing: str
    action: str
    case_id: str | None
    at: datetime
    reference: str
    """The message it was on, as JSON."""
    text: str
    state: Worked = Worked.WAITING
    reply: str | None = None
    """What they are told, as JSON."""
    worked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """Who somebody of the team file is in Slack."""

    person: str
    team: str
    user: str
    pinned_at: datetime


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link by which one question may be answered once."""

    digest: str
    """SHA-256 of its secret, which is nowhere."""
    case_id: str
    person: str
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignInPinRow:
    """Who somebody of the team file is at an identity provider."""

    person: str
    issuer: str
    subject: str
    pinned_at: datetime


@dataclass(frozen=True, slots=True)
class SignInTryRow:
    """A sign-in that somebody went to the identity provider for, and has not come back from."""

    digest: str
    """SHA-256 of the state that they come back with, which is nowhere."""
    browser: str
    """SHA-256 of what the browser was given to hold: who comes back is who went."""
    nonce: str
    verifier: str
    """Of PKCE: RFC 7636, section 4.1."""
    goes_to: str
    """The page that they wanted, of ours."""
    fresh: bool
    """Whether that page takes a sign-in made for it."""
    begun_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignInLinkRow:
    """A link by which somebody may sign in once, where there is no identity provider."""

    digest: str
    """SHA-256 of its secret, which is nowhere."""
    person: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class WebSessionRow:
    """Somebody who is signed in."""

    digest: str
    """SHA-256 of what their browser holds, which is nowhere."""
    person: str
    issuer: str | None
    """Who said so; None where it was a link."""
    groups: tuple[str, ...]
    """In which the provider said they are."""
    begun_at: datetime
    seen_at: datetime
    ends_at: datetime
    """At the latest."""
    proof: str | None = None
    """What their sign-in proves, and for which page, as JSON; None where it was for none or is used up."""


@dataclass(frozen=True, slots=True)
class MuteRow:
    """What one rule finds in what one credential does, kept quiet for a while."""

    case_id: str
    rule: str
    access_key: str
    person: str
    start: datetime
    end: datetime


class Asked(StrEnum):
    """What became of a request."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Nobody decided in time."""


@dataclass(frozen=True, slots=True)
class RequestRow:
    """What somebody asks for, for a while."""

    id: str
    kind: str
    """`access` or `swap`."""
    person: str
    """Who asks."""
    at: datetime
    expires_at: datetime
    """Until when it may be decided."""
    payload: str
    """What is wanted, as JSON."""
    state: Asked = Asked.WAITING
    decided_at: datetime | None = None
    decided_by: str | None = None
    effective_at: datetime | None = None
    """When AWS was read back and had it; None where it has not been, yet."""
    late_at: datetime | None = None
    """When people were told that it is not in effect."""
    ended_at: datetime | None = None
    """When somebody ended it before its time."""
    ended_by: str | None = None


class Proposed(StrEnum):
    """What became of a plan that waits for a person."""

    WAITING = "waiting"
    APPROVED = "approved"
    """Enough people approved it, and nothing of it is done."""
    BEGUN = "begun"
    """It is being applied; where that is the last that is known, what is left of it is."""
    APPLIED = "applied"
    REFUSED = "refused"
    VOID = "void"
    """What it would change is not the same any more: what was approved of it counts for nothing."""


@dataclass(frozen=True, slots=True)
class ProposalHead:
    """A plan that waits for a person, or did, without the plan itself, which is large."""

    id: str
    """Made of all that is approved with it: the same content has the same id."""
    at: datetime
    revision: str
    """Digest of the team file that it comes from."""
    people: int
    """How many leads it takes."""
    shown: str | None
    """What is shown of it, as JSON; None where it is from before that was kept."""
    state: Proposed = Proposed.WAITING
    turned_at: datetime | None = None
    """When it came to stand where it stands; None while it has only waited."""
    turned_by: str | None = None
    why: str = ""
    review: str | None = None
    """The review of access whose removals it is of; None where it is of the team file at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRow(ProposalHead):
    """The same with the plan."""

    payload: str
    """What is approved, as JSON."""


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """Somebody approved a plan."""

    proposal: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReviewHead:
    """A review of access, without what it has frozen."""

    id: str
    at: datetime
    opened_by: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A review of access, as it was opened."""

    id: str
    at: datetime
    opened_by: str
    due_at: datetime
    payload: str
    """What is to be reviewed, as JSON."""


@dataclass(frozen=True, slots=True)
class ReviewDecisionRow:
    """What a reviewer decided of one row of a review; a draft until it is signed."""

    review_id: str
    row: int
    keeps: bool
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReviewSignatureRow:
    """That a reviewer signed what they decided."""

    review_id: str
    entry: int
    """The number of the ledger's entry that has it."""
    reviewer: str
    at: datetime
    rows: tuple[int, ...]
    digest: str
    """Of these rows and what was decided of them."""
