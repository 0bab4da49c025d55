"""A case as plain facts: what `--json` prints, the report draws and the store keeps. One shape for all three."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class OpeningView:
    """What made it possible."""

    what: str
    event_id: str | None
    by: str | None
    at: str | None


@dataclass(frozen=True, slots=True)
class AddendView:
    """What one family of evidence adds."""

    family: str
    fact: str
    decibans: int


@dataclass(frozen=True, slots=True)
class HypothesisView:
    """One story and its weight."""

    story: str
    probability: float
    decibans: int
    addends: list[AddendView]


@dataclass(frozen=True, slots=True)
class QuestionView:
    """What may be asked or looked up next."""

    family: str
    text: str
    gain: float
    decides: float


@dataclass(frozen=True, slots=True)
class FurtherView:
    """What a rule adds to one family of evidence: decibans by story."""

    family: str
    said_by: str
    decibans: dict[str, int]


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One event."""

    event_id: str
    at: str
    what: str
    right: str
    outcome: str
    ip: str | None
    file: str
    index: int
    note: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class WhenceView:
    """Where from."""

    ip: str
    network: str | None
    device: str | None
    place: str
    device_was: str
    operator: str | None
    country: str | None
    events: int


@dataclass(frozen=True, slots=True)
class HopView:
    """How a session came about."""

    at: str
    what: str
    event_id: str


@dataclass(frozen=True, slots=True)
class ActionView:
    """What may be done."""

    kind: str
    target: str
    why: str


@dataclass(frozen=True, slots=True)
class ShiftView:
    """Where the case lies against the person's shift."""

    watch: str
    rota: str | None
    start: str | None
    end: str | None
    minutes_away: int
    on_call: list[str]


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case."""

    id: str
    kind: str
    person: str | None
    network: str | None
    principal: str | None
    first: str
    last: str
    severity: str
    sentence: str
    how_known: str
    shift: ShiftView | None
    openings: list[OpeningView]
    findings: list[str]
    evidence: list[EvidenceView]
    facts: dict[str, str]
    leading: str | None
    why: str
    question: str
    hypotheses: list[HypothesisView]
    actions: list[ActionView]
    account: str | None
    stolen_keys: list[str]
    whence: list[WhenceView] = field(default_factory=list)
    session: list[HopView] = field(default_factory=list)
    more: int = 0
    side_effects: list[str] = field(default_factory=list)
    undo: str = ""
    telemetry: str = ""
    asks: list[str] = field(default_factory=list)
    questions: list[QuestionView] = field(default_factory=list)
    """What to ask or look up, what tells most first; to be read as `question` is."""
    further: list[FurtherView] = field(default_factory=list)
    """What rules added to stories."""
    weights_version: int = 0
    """Of the weights that the stories were weighed by; 0 where none was."""
    rules: list[str] = field(default_factory=list)
    """What found something: ids of rules, or their titles, else signals."""
    keys: list[str] = field(default_factory=list)
    """Access keys that what counts was done by, those of sessions too."""

    @property
    def subject(self) -> str:
        """Whom it is about: the person, or else the principal, or else the network."""
        return self.person or self.principal or self.network or "unknown"

    @property
    def counted(self) -> list[str]:
        """Ids of the events that count, as against those that merely lie around them."""
        return [event.event_id for event in self.evidence if event.note]


def kept_as(case: CaseView, known: str) -> CaseView:
    """Give a case under the id that it was kept by before, which what undoes it names, too."""
    return replace(case, id=known, undo=case.undo.replace(case.id, known))


@dataclass(frozen=True, slots=True)
class TallyView:
    """What became of everything read; `records == distinct + duplicates + unreadable_records`."""

    files: int
    records: int
    distinct: int
    duplicates: int
    unreadable_records: int
    unreadable_files: int
    ignored_files: int


@dataclass(frozen=True, slots=True)
class PersonView:
    """What one person did, in numbers."""

    person: str
    events: int
    by_right: dict[str, int]
    denied: int
    methods: dict[str, int]


@dataclass(frozen=True, slots=True)
class OthersView:
    """Events that are nobody's, by why; the commonest first."""

    why: str
    events: int


@dataclass(frozen=True, slots=True)
class SigmaView:
    """How often a Sigma rule matched."""

    rule: str
    hits: int


@dataclass(frozen=True, slots=True)
class SuppressedView:
    """A suppression of the team file, and what it kept from making a case."""

    rule: str | None
    person: str | None
    network: str | None
    account: str | None
    action: str | None
    until: str
    reason: str
    where: str
    events: int
    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class AuditView:
    """The answer about a trail: `tally.distinct` is the sum of `people` and `others`."""

    team: str | None
    tally: TallyView
    start: str | None
    end: str | None
    people: list[PersonView]
    others: list[OthersView]
    cases: list[CaseView]
    sigma: list[SigmaView]
    suppressed: list[SuppressedView]
