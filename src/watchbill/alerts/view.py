"""A case as plain facts: what `--json` prints, the report draws and the store keeps. One shape for all three."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from watchbill.alerts.assess import assess
from watchbill.alerts.model import Audit, Case
from watchbill.alerts.noise import Suppressed
from watchbill.alerts.stories import Assessment, Further, Story
from watchbill.intervals import iso
from watchbill.trail.model import Tally


TITLES = 50
"""Findings that a view names."""


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


def view(case: Case) -> CaseView:
    """Turn a case into plain facts. Probabilities are rounded to three places, how far off the shift is to minutes."""
    state = case.state
    return CaseView(
        case.id,
        case.kind,
        case.person,
        case.network,
        case.principal,
        iso(case.first),
        iso(case.last),
        str(case.severity),
        case.sentence,
        case.how_known,
        None
        if state is None
        else ShiftView(
            str(state.watch),
            state.rota,
            iso(state.start) if state.start else None,
            iso(state.end) if state.end else None,
            round(state.away.total_seconds() / 60),
            list(state.on_call),
        ),
        [OpeningView(o.what, o.event_id, o.by, iso(o.at) if o.at else None) for o in case.openings],
        _titles(case),
        [
            EvidenceView(e.event_id, iso(e.at), e.what, e.right, e.outcome, e.ip, e.file, e.index, e.note, e.digest)
            for e in case.evidence
        ],
        dict(case.facts),
        str(case.assessment.leading) if case.assessment.leading else None,
        case.assessment.why,
        case.assessment.question,
        _hypotheses(case.assessment),
        [ActionView(str(a.kind), a.target, a.why) for a in case.actions],
        case.account,
        list(case.stolen_keys),
        [WhenceView(*(getattr(w, each.name) for each in fields(WhenceView))) for w in case.whence],
        [HopView(iso(hop.at), hop.what, hop.event_id) for hop in case.session],
        case.more,
        list(case.side_effects),
        case.undo,
        case.telemetry,
        list(case.asks),
        _questions(case.assessment),
        _further(case.assessment),
        case.assessment.weights_version,
        list(case.rules),
        list(case.keys),
    )


def _titles(case: Case) -> list[str]:
    """Give what was found, what is found several times once, with how often; the most and how many more."""
    found = Counter(finding.title for finding in case.findings)
    titles = [title if times == 1 else f"{title}, {times} times" for title, times in found.items()]
    more = len(titles) - TITLES
    return titles if more <= 0 else [*titles[:TITLES], f"and {more} more"]


def reassessed(case: CaseView, facts: Mapping[str, str]) -> CaseView:
    """Give a case with more facts, such as the person's answer, weighed anew; what may be done stays as it was."""
    known = {**case.facts, **facts}
    found = assess(case.kind, known, case.person, further_of(case))
    leading = str(found.leading) if found.leading else None
    hypotheses = _hypotheses(found)
    return replace(
        case,
        facts=known,
        leading=leading,
        why=found.why,
        question=found.question,
        hypotheses=hypotheses,
        questions=_questions(found),
        weights_version=found.weights_version,
    )


def further_of(case: CaseView) -> tuple[Further, ...]:
    """Give what rules added to the stories of a case."""
    return tuple(
        Further(each.family, each.said_by, {Story(story): number for story, number in each.decibans.items()})
        for each in case.further
    )


def _questions(assessment: Assessment) -> list[QuestionView]:
    return [QuestionView(q.family, q.text, round(q.gain, 3), round(q.decides, 3)) for q in assessment.questions]


def _further(assessment: Assessment) -> list[FurtherView]:
    more = assessment.basis.more if assessment.basis is not None else ()
    return [FurtherView(f.family, f.said_by, {str(s): number for s, number in f.decibans.items()}) for f in more]


def _hypotheses(assessment: Assessment) -> list[HypothesisView]:
    return [
        HypothesisView(
            str(h.story),
            round(h.probability, 3),
            h.decibans,
            [AddendView(a.family, a.fact, a.decibans) for a in h.addends],
        )
        for h in assessment.hypotheses
    ]


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


def tally_view(tally: Tally) -> TallyView:
    """Turn a tally into plain facts."""
    return TallyView(
        tally.files,
        tally.records,
        tally.distinct,
        tally.duplicates,
        tally.unreadable_records,
        tally.unreadable_files,
        tally.ignored_files,
    )


def audit_view(found: Audit, team: str | None) -> AuditView:
    """Turn an audit into plain facts."""
    return AuditView(
        team,
        tally_view(found.tally),
        iso(found.start) if found.start else None,
        iso(found.end) if found.end else None,
        [PersonView(p.person, p.events, dict(p.by_right), p.denied, dict(p.methods)) for p in found.people],
        [OthersView(why, events) for why, events in found.others.items()],
        [view(case) for case in found.cases],
        [SigmaView(rule, hits) for rule, hits in found.sigma.items()],
        [suppressed_view(each) for each in found.suppressed],
    )


def suppressed_view(each: Suppressed) -> SuppressedView:
    """Turn what a suppression covered into plain facts."""
    of = each.suppression
    first, last = (iso(at) if at else None for at in (each.first, each.last))
    what = (of.rule, of.person, of.network, of.account, of.action)
    return SuppressedView(*what, of.until.isoformat(), of.reason, str(of.where), each.events, first, last)
