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
