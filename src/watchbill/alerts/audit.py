"""The whole way from a reading to an answer: attribute, judge, detect, gather. `audit` and `run` both take it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from watchbill.access.model import Freeze
from watchbill.alerts.cases import Gatherer
from watchbill.alerts.model import Audit, PersonCount
from watchbill.detect.actions import action_findings
from watchbill.detect.baseline import learn
from watchbill.detect.model import Finding
from watchbill.detect.sigma import Rule, run_rules
from watchbill.detect.signin import sign_in_findings
from watchbill.intervals import Interval
from watchbill.judge.judge import Judge
from watchbill.judge.model import Judgement, Right
from watchbill.team.model import Team
from watchbill.trail.attribute import attribute
from watchbill.trail.model import Attributed, Outcome, Reading


def audit(
    reading: Reading,
    team: Team | None,
    rules: Sequence[Rule] = (),
    freezes: Collection[Freeze] = (),
    answers: Mapping[str, str] | None = None,
) -> Audit:
    """Answer for everything in a reading. Without a team file nobody is judged, and every judgement says so."""
    attributed = attribute(reading.events, team)
    judgements = _judged(attributed, team, freezes)
    baseline = learn(attributed, team)
    hits = run_rules(rules, attributed)
    findings: list[Finding] = [
        *sign_in_findings(attributed, baseline),
        *action_findings(attributed, team, baseline),
        *hits,
    ]
    cases = Gatherer(judgements, findings, baseline, team, answers or {}).cases()
    people, others = _counts(judgements)
    return Audit(
        reading.tally,
        reading.events[0].at if reading.events else None,
        reading.events[-1].at if reading.events else None,
        people,
        others,
        cases,
        dict(sorted(Counter(hit.title for hit in hits).items(), key=lambda pair: (-pair[1], pair[0]))),
        reading.problems,
        judgements,
    )


def _judged(attributed: Sequence[Attributed], team: Team | None, freezes: Collection[Freeze]) -> tuple[Judgement, ...]:
    if not attributed:
        return ()
    if team is None:
        return tuple(_unjudged(each) for each in attributed)
    span = Interval(attributed[0].event.at, attributed[-1].event.at + timedelta(seconds=1))
    judge = Judge(team, span, freezes)
    return tuple(judge.judge(each) for each in attributed)


def _unjudged(each: Attributed) -> Judgement:
    right = Right.NOT_JUDGEABLE if each.actor.person else Right.UNKNOWN_ACTOR
    why = "no team file says what is theirs" if each.actor.person else each.actor.why
    return Judgement(each, right, why, None, None, None, past_role=False)


def _counts(judgements: Iterable[Judgement]) -> tuple[tuple[PersonCount, ...], Mapping[str, int]]:
    rights: dict[str, Counter[str]] = {}
    methods: dict[str, Counter[str]] = {}
    denied: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for judgement in judgements:
        person = judgement.attributed.actor.person
        if person is None:
            others[f"{judgement.attributed.actor.method}: {judgement.attributed.actor.why}"] += 1
            continue
        rights.setdefault(person, Counter())[str(judgement.right)] += 1
        methods.setdefault(person, Counter())[str(judgement.attributed.actor.method)] += 1
        denied[person] += judgement.attributed.event.outcome is Outcome.DENIED
    people = tuple(
        PersonCount(person, sum(found.values()), dict(found), denied[person], dict(methods[person]))
        for person, found in sorted(rights.items())
    )
    return people, dict(others.most_common())
