"""Turn cases and audits into plain facts (`view`), and weigh a case that is kept anew."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace

from watchbill.alerts.assess import assess
from watchbill.alerts.model import Audit, Case, Suppressed
from watchbill.alerts.stories import Assessment, Further, Story
from watchbill.alerts.view import (
    ActionView,
    AddendView,
    AuditView,
    CaseView,
    EvidenceView,
    FurtherView,
    HopView,
    HypothesisView,
    OpeningView,
    OthersView,
    PersonView,
    QuestionView,
    ShiftView,
    SigmaView,
    SuppressedView,
    TallyView,
    WhenceView,
)
from watchbill.intervals import iso
from watchbill.trail.model import Tally


TITLES = 50
"""Findings that a view names."""


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
