"""What the store gives back and takes."""

from dataclasses import dataclass
from datetime import datetime


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
