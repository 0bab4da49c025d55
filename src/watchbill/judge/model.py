"""What a judgement says: whether it was the person's right, what AWS did, and how it was possible."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watchbill.access.model import Holding
from watchbill.policy.model import Request
from watchbill.trail.model import Attributed


class Right(StrEnum):
    """Whether an action was the person's to take at that moment."""

    ENTITLED = "entitled"
    NEEDS_NONE = "needs none"
    """No permission stands behind it: a sign-in, GetCallerIdentity."""
    OFF_SHIFT = "off shift"
    """Theirs on call, but they were not on call then."""
    BEYOND_ROLE = "beyond role"
    """Theirs at no time."""
    FROZEN = "frozen"
    NOT_JUDGEABLE = "not judgeable"
    """It hangs on something we do not know; `why` names it."""
    UNKNOWN_ACTOR = "unknown actor"
    NOT_A_PERSON = "not a person"


class Watch(StrEnum):
    """Where an instant lies against a person's shifts."""

    ON = "on"
    ENDED = "ended"
    NOT_YET = "not yet"
    NEVER = "never"
    """No shift within a week to either side."""


@dataclass(frozen=True, slots=True)
class WatchState:
    """A person's nearest shift at an instant, and who held the watch then."""

    watch: Watch
    rota: str | None
    start: datetime | None
    end: datetime | None
    """The shift: the one in force, else the nearer of the last one ended and the next one to begin."""
    away: timedelta
    """How long ago it ended or until it begins; zero on shift."""
    on_call: tuple[str, ...]
    """Who was on call then for the rotas of the account."""
    since_start: timedelta | None
    """How far into the shift; None off shift."""

    def __str__(self) -> str:
        minutes = round(self.away.total_seconds() / 60)
        match self.watch:
            case Watch.ON:
                return f"on shift ({self.rota})"
            case Watch.ENDED:
                return f"off shift: ended {minutes} min before"
            case Watch.NOT_YET:
                return f"off shift: began {minutes} min after"
            case Watch.NEVER:
                return "no shift near"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One event judged."""

    attributed: Attributed
    right: Right
    why: str
    holding: Holding | None
    """What gave the right; for off shift, the window it would have been in."""
    state: WatchState | None
    """None where there is no person, or where the team file of the time can be read no more."""
    request: Request | None
    """The IAM request that was judged; None where there was none."""
    past_role: bool
    """Whether it was done past the on-call role, as the IAM user itself, though only the role gives it."""
    unexpected: bool = False
    """Whether a workload called what the team file does not declare for it."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What made possible something that was not the person's to do."""

    what: str
    """In words."""
    event_id: str | None
    by: str | None
    """Who opened it: a person, or else the principal."""
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan of watchbill's own, as its journal has it."""

    plan: str
    number: int
    """Which step of the plan, from nought."""
    at: datetime
    account: str
    """Twelve digits."""
    call: str
    """`iam:RemoveUserFromGroup(oncall-platform, james)`."""
    failed: bool
    error: str | None
