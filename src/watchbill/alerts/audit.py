"""The whole way from a reading to an answer: attribute, judge, detect, gather. `audit` and `run` both take it.

Who somebody was and what was their right is said by the team file in force at the time of the event. What is usual,
what is grave and what is watchbill's own is said by the given file: that is about what to look at now.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.access.history import History, declared
from watchbill.access.model import Freeze
from watchbill.access.trusts import Trusts
from watchbill.alerts.around import LOOK_AT, Wanted
from watchbill.alerts.cases import Beside, Gatherer
from watchbill.alerts.interfaces import Events, Mask
from watchbill.alerts.model import Audit
from watchbill.alerts.noise import Mute, Quieter, quieted
from watchbill.alerts.scan import Scan, let_go
from watchbill.alerts.sittings import sittings
from watchbill.detect.baseline import Baseline
from watchbill.detect.break_glass import BreakGlassUsers, break_glass_findings
from watchbill.detect.model import Finding
from watchbill.detect.networks import Networks
from watchbill.detect.rules import RuleRun
from watchbill.detect.sigma import LoadedRules
from watchbill.detect.signin import sign_in_findings
from watchbill.intervals import Interval
from watchbill.judge.judge import Judges
from watchbill.judge.model import Judgement, Right, Step
from watchbill.judge.possible import OPENERS
from watchbill.team.model import Team
from watchbill.trail.attribute import attribute
from watchbill.trail.codes import holds
from watchbill.trail.coverage import Gap
from watchbill.trail.model import Attributed, Event, Opening, Reading, Tally
from watchbill.trail.openings import HANDS_OUT, Openings, opening
from watchbill.trail.people import says_who
from watchbill.trail.table import actor_row, attributed_of, row_of, table_of


NO_RULES = LoadedRules((), ())


def span_of(reading: Reading) -> Interval | None:
    """Give the time from the first event of a reading to the last, both in it; None where there is none."""
    if not reading.events:
        return None
    return Interval(reading.events[0].at, reading.events[-1].at + timedelta(seconds=1))


def audit(
    reading: Reading,
    by: Team | History | None,
    rules: LoadedRules = NO_RULES,
    freezes: Collection[Freeze] = (),
    answers: Mapping[str, str] | None = None,
    steps: Sequence[Step] = (),
) -> Audit:
    """Answer for everything in a reading, `by` the team files of its span, or one that is assumed for all of it.

    `freezes` count beside those of a history; `steps` are those of watchbill's own plans, in order of time.
    Without a team file nobody is judged, and every judgement says so.
    """
    span = span_of(reading)
    team, history = _by(by, span, freezes)
    attributed = _attributed(reading.events, history, span)
    found = audit_events(Held(attributed), history, team, span, Asked(rules, answers=answers or {}, steps=steps))
    return replace(found, tally=reading.tally, problems=(*reading.problems, *found.problems))


_CHANGES_REACH = timedelta(days=90)
"""How long before a span a change of IAM may have opened the way to something in it."""

_SESSION = timedelta(hours=36)
"""How long a temporary key lives at most (API: STS, GetFederationToken, GetSessionToken)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an audit is asked besides."""

    rules: LoadedRules = NO_RULES
    findings: Sequence[Finding] = ()
    """Of others, such as GuardDuty."""
    networks: Networks | None = None
    """What an address stands for; None: its /24 or /48."""
    hostile: Sequence[tuple[str, Interval]] = ()
    """When it was not they who acted under a person's name: that teaches nothing of what is usual for them."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What people answered, by case id."""
    steps: Sequence[Step] = ()
    """Those of watchbill's own plans, in order of time."""
    at: datetime | None = None
    """When it is asked; None where nobody says, such as of a trail of long ago: then the last event of a case."""
    gaps: Sequence[Gap] | None = None
    """Where the trail says nothing; None where nobody looked."""
    mutes: Sequence[Mute] = ()
    """What people have proven that it was them."""


def audit_events(
    events: Events, history: History | None, team: Team | None, span: Interval | None, asked: Asked
) -> Audit:
    """Answer for all events of a span, which they were attributed for already. The tally is left to whoever read them.

    They are looked at three times: for what is usual, for what counts, and for what is around it.
    """
    if span is None:
        return _nothing(history)
    baseline = Baseline(team, asked.networks, asked.hostile)
    events.teach(baseline)
    rules = RuleRun(asked.rules, team, baseline)
    opened, claimed = _opened(events, team)
    scan = Scan(history, span, team, rules, opened, claimed=claimed)
    let_go()
    for batch, until in events.dated():
        scan.take(batch)
        rules.settle(until)
        let_go()
    noticed = scan.noticed()
    judges = None if history is None else Judges(history, span)
    changes = _whole(events.earlier(OPENERS, _CHANGES_REACH))
    gatherer = Gatherer(
        noticed,
        baseline,
        team,
        Beside(asked.answers, asked.steps, changes, events.opening, asked.at, asked.gaps),
    )
    quieter = Quieter(team, asked.rules, history.freezes if history else (), gatherer.opened, asked.mutes)
    detected = [*sign_in_findings(noticed.sign_ins(), baseline), *break_glass_findings(noticed.break_glass, team)]
    cited = {event_id for finding in detected for event_id in finding.event_ids}
    wrongs, loud = quieted(scan.wrongs(), detected, quieter, noticed.seen(cited))
    gatherer.hear([*loud, *rules.findings(quiet=quieter.finding if quieter.suppresses else None), *asked.findings])
    found = sittings(wrongs, gatherer.alerts, gatherer.opened, team)
    counted = noticed.seen({event_id for each in found for item in each.items for event_id in item.event_ids})
    ips = {event_id: each.ip for event_id, each in counted.items() if each.ip}
    wanted = Wanted(found, ips, noticed.in_sittings(found, gatherer.opened))
    around = list(scan.also(events.picked(LOOK_AT, wanted)))
    gatherer.know(_judged(around, judges), scan.said)
    first, last = scan.reach()
    return Audit(
        NO_TALLY,
        first,
        last,
        scan.people(),
        scan.others(),
        gatherer.made_of(found),
        dict(sorted(rules.hits.items(), key=lambda pair: (-pair[1], pair[0]))),
        (*(history.problems if history else ()), *quieter.problems, *rules.problems),
        history.assumed if history else (),
        quieter.suppressed(),
    )


def _opened(events: Events, team: Team | None) -> tuple[frozenset[str], bool]:
    """Give the keys that were handed out to break-glass users, and whether anything is claimed to be theirs.

    It is claimed by a source identity. Only then it matters who was handed the other keys: somebody else is known then.
    """
    if team is None or not team.break_glass:
        return frozenset(), False
    names = {each.iam_user.lower() for each in team.break_glass}

    def handed(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        return holds(batch, "name", HANDS_OUT.__contains__)

    def claims(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        return holds(batch, "source_identity", lambda name: (name or "").lower() in names)

    def by_user(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        named = holds(batch, "user_name", lambda name: (name or "").lower() in names)
        named |= holds(batch, "issuer_arn", lambda arn: (arn or "").rsplit("/", 1)[-1].lower() in names)
        return named & handed(batch)

    earlier = [*events.earlier(HANDS_OUT, _SESSION)]
    # A chain of keys begins with the user itself, or a federated session of it: mostly there is none to follow.
    look_at = ["name", "user_name", "issuer_arn", "source_identity"]
    begun, claimed = any(by_user(batch).any() for batch in earlier), False
    for batch in events.picked(look_at, lambda batch: by_user(batch) | claims(batch)):
        begun |= bool(by_user(batch).any())
        claimed |= bool(claims(batch).any())
    if not begun:
        return frozenset(), claimed
    return BreakGlassUsers(_whole(chain(earlier, events.picked(["name"], handed))), team).keys(), claimed


def _whole(batches: Iterable[pa.RecordBatch]) -> list[Attributed]:
    return [each for batch in batches for each in attributed_of(batch)]


def judgements(reading: Reading, by: Team | History | None, freezes: Collection[Freeze] = ()) -> tuple[Judgement, ...]:
    """Judge every event of a reading, one at a time, in order of time: what `audit` does in bulk."""
    span = span_of(reading)
    _, history = _by(by, span, freezes)
    judges = None if history is None or span is None else Judges(history, span)
    return _judged(_attributed(reading.events, history, span), judges)


class Held:
    """Events that are held in memory."""

    def __init__(self, attributed: Sequence[Attributed]) -> None:
        rows = [{**row_of(each.event, each.event.place.digest), **actor_row(each.actor)} for each in attributed]
        self._table = table_of(rows)
        self._openings = Openings(found for each in attributed if (found := opening(each.event)) is not None)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give all of them."""
        yield from self._table.to_batches()

    def dated(self) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Give all of them; of nothing it is said that it is over, since all of it is held anyway."""
        return ((batch, 0) for batch in self.batches())

    def picked(self, look_at: Sequence[str], wanted: Mask) -> Iterator[pa.RecordBatch]:
        """Give whole the rows that are wanted."""
        for batch in self.batches():
            yield batch.filter(pa.array(wanted(batch.select([*look_at]))))

    def earlier(self, names: Collection[str], reach: timedelta) -> Iterator[pa.RecordBatch]:
        """Give nothing: what is held is all there is."""
        yield from ()

    def opening(self, key: str) -> Opening | None:
        """Give what handed out a temporary key."""
        return self._openings.find(key)

    def teach(self, baseline: Baseline) -> None:
        """Teach a baseline what was seen of whom."""
        for batch in self.batches():
            baseline.learn_batch(batch)


def _by(
    by: Team | History | None, span: Interval | None, freezes: Collection[Freeze]
) -> tuple[Team | None, History | None]:
    """Give the team file that was given, and the history of those in force."""
    if by is None:
        return None, None
    team = by.given if isinstance(by, History) else by
    if span is None:
        return team, by if isinstance(by, History) else None
    history = by if isinstance(by, History) else declared((), by, span)
    return team, replace(history, freezes=(*history.freezes, *freezes))


NO_TALLY = Tally(0, 0, 0, 0, 0, 0, 0)


def _nothing(history: History | None) -> Audit:
    problems, assumed = (history.problems, history.assumed) if history else ((), ())
    return Audit(NO_TALLY, None, None, (), {}, (), {}, problems, assumed)


def _attributed(events: Sequence[Event], history: History | None, span: Interval | None) -> tuple[Attributed, ...]:
    """Name every actor by the team file of the time; a key is followed to who got it, whenever that was."""
    if history is None or span is None:
        return attribute(events, None)
    trusts = Trusts(events, history)
    groups: dict[str, tuple[Team, list[Event]]] = {}
    for piece, in_force in history.spans(span):
        team = in_force.team or history.given
        first, end = (bisect_left(events, at, key=lambda event: event.at) for at in (piece.start, piece.end))
        groups.setdefault(says_who(team), (team, []))[1].extend(events[first:end])
    if len(groups) == 1:
        return tuple(each for team, own in groups.values() for each in attribute(own, team, trusts))
    keys = [event for event in events if event.name in HANDS_OUT]
    found: dict[str, Attributed] = {}
    for team, own in groups.values():
        mine = {event.id for event in own}
        named = attribute([*keys, *(event for event in own if event.name not in HANDS_OUT)], team, trusts)
        found.update((each.event.id, each) for each in named if each.event.id in mine)
    return tuple(found[event.id] for event in events)


def _judged(attributed: Sequence[Attributed], judges: Judges | None) -> tuple[Judgement, ...]:
    if judges is None:
        return tuple(_unjudged(each) for each in attributed)
    return tuple(judges.judge(each) for each in attributed)


def _unjudged(each: Attributed) -> Judgement:
    right = Right.NOT_JUDGEABLE if each.actor.person else Right.UNKNOWN_ACTOR
    why = "no team file says what is theirs" if each.actor.person else each.actor.why
    return Judgement(each, right, why, None, None, None, past_role=False)
