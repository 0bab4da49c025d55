"""A case: everything a person needs to decide what happened, and what may be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watchbill.alerts.stories import Assessment
from watchbill.detect.model import Finding, Severity
from watchbill.errors import Problem
from watchbill.judge.model import Opening, WatchState
from watchbill.team.model import Suppression
from watchbill.trail.model import Tally


class ActionKind(StrEnum):
    """What may be done from a case."""

    ASK = "ask"
    FREEZE = "freeze"
    STOP_CREDENTIAL = "stop credential"
    """Of a key or a session, where it is not certain who acted."""
    HELP = "help"
    """Whatever gets the person back to work: a password reset, a new MFA device."""
    BLOCK_NETWORK = "block network"
    CLOSE_OPENING = "close opening"
    """Take away what made it possible."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What a suppression kept from making a case."""

    suppression: Suppression
    events: int
    first: datetime | None
    """None where it covered nothing."""
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One event of a case."""

    event_id: str
    at: datetime
    what: str
    right: str
    outcome: str
    ip: str | None
    file: str
    index: int
    note: str
    """Why it matters, or empty for what merely lies around it."""
    digest: str = ""
    """SHA-256 of the file that it was read from; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Whence:
    """A place that the subject acted from."""

    ip: str
    network: str | None
    device: str | None
    place: str
    """Whether it was usual, known to others, new, or unknown for the person, and so of the device."""
    device_was: str
    operator: str | None
    """Whose network it is, and in which country; None where there is no database of these."""
    country: str | None
    events: int
    """Events that count and came from there."""


@dataclass(frozen=True, slots=True)
class Hop:
    """How a temporary key was handed out: one link of the chain from the session back to a person."""

    at: datetime
    what: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Action:
    """Something that may be done from this case, and to what exactly."""

    kind: ActionKind
    target: str
    """A person, an ARN, or a network."""
    why: str


@dataclass(frozen=True, slots=True)
class Case:
    """Findings and judgements about one person or network, close in time."""

    id: str
    kind: str
    """`sign-in` or `action`: which stories compete."""
    person: str | None
    network: str | None
    principal: str | None
    """Who AWS saw, where no person is known."""
    first: datetime
    last: datetime
    severity: Severity
    sentence: str
    how_known: str
    """How we know who it was."""
    state: WatchState | None
    """Against the person's shift, at the first event that counts."""
    openings: tuple[Opening, ...]
    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]
    facts: Mapping[str, str]
    assessment: Assessment
    actions: tuple[Action, ...]
    account: str | None
    """ARN of the principal to disable, should it come to that; None where no person is."""
    stolen_keys: tuple[str, ...]
    """Keys made or used by whoever it was, to stay off when the person is restored: those of IAM by their ids, those of
    SSH by their fingerprints."""
    whence: tuple[Whence, ...] = ()
    """Where from, the most events first."""
    session: tuple[Hop, ...] = ()
    """The chain of the session in which it was done, from its key back to who began it."""
    more: int = 0
    """Events that count and are not shown, being like ones that are."""
    side_effects: tuple[str, ...] = ()
    """What else would come of disabling the account."""
    undo: str = ""
    """How that is undone."""
    telemetry: str = ""
    """Whether the trail is whole where the case lies; empty where nobody looked."""
    asks: tuple[str, ...] = ()
    """What rules would ask the person."""
    rules: tuple[str, ...] = ()
    """What found something: ids of rules, or their titles, else signals."""
    keys: tuple[str, ...] = ()
    """Access keys that what counts was done by, those of sessions too."""


@dataclass(frozen=True, slots=True)
class PersonCount:
    """What one person did, in numbers."""

    person: str
    events: int
    by_right: Mapping[str, int]
    denied: int
    methods: Mapping[str, int]
    """How they were known, by method."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The whole answer about a trail. `people` and `others` count every distinct event once."""

    tally: Tally
    start: datetime | None
    end: datetime | None
    people: tuple[PersonCount, ...]
    others: Mapping[str, int]
    """Events that are nobody's, by why."""
    cases: tuple[Case, ...]
    sigma: Mapping[str, int]
    """Hits per Sigma rule."""
    problems: tuple[Problem, ...]
    assumed: tuple[str, ...] = ()
    """What was taken to be the team file of the time, in words, where it is not plainly the one that was given."""
    suppressed: tuple[Suppressed, ...] = ()
    """What each suppression of the team file kept from making a case; `people` and `others` count it all the same."""
