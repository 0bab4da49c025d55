"""The whole way from a reading to an answer: attribute, judge, detect, gather. `audit` and `run` both take it.

Who somebody was and what was their right is said by the team file in force at the time of the event. What is usual,
what is grave and what is watchbill's own is said by the given file: that is about what to look at now.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from watchbill.access.history import History, declared
from watchbill.access.model import Freeze
from watchbill.access.trusts import Trusts
from watchbill.alerts.cases import Gatherer
from watchbill.alerts.model import Audit, PersonCount
from watchbill.detect.actions import action_findings
from watchbill.detect.baseline import learn
from watchbill.detect.model import Finding
from watchbill.detect.sigma import Rule, run_rules
from watchbill.detect.signin import sign_in_findings
from watchbill.intervals import Interval
from watchbill.judge.judge import Judges
from watchbill.judge.model import Judgement, Right, Step
from watchbill.team.model import Team
from watchbill.trail.attribute import attribute
from watchbill.trail.model import Attributed, Event, Outcome, Reading
from watchbill.trail.openings import HANDS_OUT


def span_of(reading: Reading) -> Interval | None:
    """Give the time from the first event of a reading to the last, both in it; None where there is none."""
    if not reading.events:
        return None
    return Interval(reading.events[0].at, reading.events[-1].at + timedelta(seconds=1))


def audit(
    reading: Reading,
    by: Team | History | None,
    rules: Sequence[Rule] = (),
    freezes: Collection[Freeze] = (),
    answers: Mapping[str, str] | None = None,
    steps: Sequence[Step] = (),
) -> Audit:
    """Answer for everything in a reading, `by` the team files of its span, or one that is assumed for all of it.

    `freezes` count beside those of a history; `steps` are those of watchbill's own plans, in order of time.
    Without a team file nobody is judged, and every judgement says so.
    """
    team, span = by.given if isinstance(by, History) else by, span_of(reading)
    history = None
    if span is not None and by is not None:
        history = by if isinstance(by, History) else declared((), by, span)
        history = replace(history, freezes=(*history.freezes, *freezes))
    attributed = _attributed(reading.events, history, span)
    judgements = _judged(attributed, history, span)
    baseline = learn(attributed, team)
    hits = run_rules(rules, attributed)
    findings: list[Finding] = [
        *sign_in_findings(attributed, baseline),
        *action_findings(attributed, team, baseline),
        *hits,
    ]
    cases = Gatherer(judgements, findings, baseline, team, answers or {}, steps).cases()
    people, others = _counts(judgements)
    return Audit(
        reading.tally,
        reading.events[0].at if reading.events else None,
        reading.events[-1].at if reading.events else None,
        people,
        others,
        cases,
        dict(sorted(Counter(hit.title for hit in hits).items(), key=lambda pair: (-pair[1], pair[0]))),
        (*reading.problems, *(history.problems if history else ())),
        judgements,
        history.assumed if history else (),
    )


def _attributed(events: Sequence[Event], history: History | None, span: Interval | None) -> tuple[Attributed, ...]:
    """Name every actor by the team file of the time; a key is followed to who got it, whenever that was."""
    if history is None or span is None:
        return attribute(events, None)
    trusts = Trusts(events, history)
    groups: dict[Hashable, tuple[Team, list[Event]]] = {}
    for piece, in_force in history.spans(span):
        team = in_force.team or history.given
        first, end = (bisect_left(events, at, key=lambda event: event.at) for at in (piece.start, piece.end))
        groups.setdefault(_names(team), (team, []))[1].extend(events[first:end])
    if len(groups) == 1:
        return tuple(each for team, own in groups.values() for each in attribute(own, team, trusts))
    keys = [event for event in events if event.name in HANDS_OUT]
    found: dict[str, Attributed] = {}
    for team, own in groups.values():
        mine = {event.id for event in own}
        named = attribute([*keys, *(event for event in own if event.name not in HANDS_OUT)], team, trusts)
        found.update((each.event.id, each) for each in named if each.event.id in mine)
    return tuple(found[event.id] for event in events)


def _names(team: Team) -> Hashable:
    """Give what of a team file says who is who; most changes of a file leave it as it is."""
    people = frozenset(
        (p.name, p.iam_user, p.email, p.identity_center_user, p.also_known_as, p.ci_users) for p in team.people.values()
    )
    accounts = frozenset(account.number for account in team.accounts.values())
    workloads = frozenset((workload.name, workload.subjects) for workload in team.workloads.values())
    return people, accounts, workloads, team.session_names


def _judged(attributed: Sequence[Attributed], history: History | None, span: Interval | None) -> tuple[Judgement, ...]:
    if history is None or span is None:
        return tuple(_unjudged(each) for each in attributed)
    judges = Judges(history, span)
    return tuple(judges.judge(each) for each in attributed)


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
