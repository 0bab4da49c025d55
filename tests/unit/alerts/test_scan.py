"""The pass in bulk says what looking at every event by itself says, however the events come."""

import random
from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.story.weeks import TEAM, week_of
from tests.teams import DAY, HERE, PRODUCTION, STAGING, person, team
from tests.trails import after, assume_role, reading, record, root, service, session, user
from tests.unit.alerts.records import AWAY, failed, hidden, pack, signed_in

from watchbill.access.history import declared
from watchbill.alerts import around
from watchbill.alerts import audit as audit_
from watchbill.alerts.audit import Asked, Held, audit, audit_events, judgements, span_of
from watchbill.alerts.noticed import Noticed
from watchbill.alerts.scan import Scan
from watchbill.alerts.sittings import is_wrong, wrong_of
from watchbill.detect.baseline import Baseline
from watchbill.detect.rules import RuleRun
from watchbill.detect.sigma import LoadedRules, run_rules
from watchbill.files.rules_folder import read_rules
from watchbill.files.trail_folder import read_folder
from watchbill.team.model import Account
from watchbill.trail.attribute import attribute
from watchbill.trail.read import combine, read_file


NIGHT = after(27)
NO_RULES = LoadedRules((), ())

MADE = [
    record("ec2:DescribeInstances", user("james"), after(12)),
    *(record("rds:RebootDBInstance", user("james"), NIGHT + timedelta(seconds=n), event_id=f"n{n}") for n in range(9)),
    record("rds:RebootDBInstance", user("james"), NIGHT, error="AccessDenied"),
    *(
        record(
            "ec2:RunInstances", user("rick"), after(20) + timedelta(seconds=n), error="AccessDenied", event_id=f"d{n}"
        )
        for n in range(6)
    ),
    record("iam:CreateUser", user("ada"), after(13)),
    assume_role(user("ada"), "oncall", "ASIAONE", after(13)),
    record("rds:RebootDBInstance", session("oncall", "ada", "ASIAONE"), after(13.1)),
    record("s3:PutObject", user("deploy-bot"), after(1)),
    record("s3:PutObject", service("ec2"), after(2)),
    record("s3:PutObject", root(), after(3)),
    record("s3:PutObject", session("oncall", "james", "ASIALOST"), after(4)),
    record("s3:PutObject", {}, after(5)),
    *(failed("rick", after(6 + n / 60), AWAY, event_id=f"f{n}") for n in range(4)),
    hidden(after(7), AWAY),
    signed_in("rick", after(8), mfa="No"),
    *(record(who=user(name), at=after(12) - n * DAY) for name in ("james", "rick", "ada") for n in range(1, 9)),
]


class Cut(Held):
    """Events that come in batches of any size, in any order."""

    def __init__(self, attributed, seed, size):
        super().__init__(attributed)
        self._seed, self._size = seed, size

    def batches(self):
        """Give them anew each time, and empty batches between them."""
        draw = random.Random(self._seed)
        (whole,) = self._table.combine_chunks().to_batches()
        rows = list(range(whole.num_rows))
        draw.shuffle(rows)
        yield whole.slice(0, 0)
        while rows:
            some = [rows.pop() for _ in range(min(len(rows), draw.randint(1, self._size)))]
            yield whole.take(pa.array(some))
            yield whole.slice(0, 0)


def answered(events, found, rules, of):
    """Audit events as they come."""
    span = span_of(found)
    assert span is not None
    return audit_events(events, declared((), of, span, ()), of, span, Asked(rules))


@given(st.integers(0, 999), st.sampled_from([1, 2, 5, 50]))
@examples(3, 15)
def test_batches_in_any_order_and_cut_anywhere_give_the_same(seed, size):
    """Cases with their evidence and facts, counts and hits."""
    found, of = reading(*MADE), team()
    attributed = attribute(found.events, of)
    whole = answered(Held(attributed), found, pack(), of)
    # Of storms a few are shown, and which hangs on the order; there is none here.
    assert answered(Cut(attributed, seed, size), found, pack(), of) == whole
    assert whole.cases


def scanned(batches, found, of):
    """Look at batches, without rules."""
    span = span_of(found)
    assert span is not None
    scan = Scan(declared((), of, span, ()), span, of, RuleRun(NO_RULES, of, Baseline(of)))
    for batch in batches:
        scan.take(batch)
    return scan


def test_nothing_is_found_in_nothing():
    """Without a batch, and with an empty one."""
    found, of = reading(*MADE), team()
    empty = Held(attribute(found.events, of))._table.slice(0, 0).combine_chunks()  # noqa: SLF001 - of this test's kind
    for batches in ([], empty.to_batches(), [pa.RecordBatch.from_pylist([], schema=empty.schema)]):
        scan = scanned(batches, found, of)
        assert (scan.reach(), scan.people(), dict(scan.others())) == ((None, None), (), {})
        assert (scan.wrongs(), scan.noticed(), list(scan.also(batches))) == ([], Noticed(), [])


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_same_id_in_two_accounts_is_two_events(size):
    """An id is unique in an account alone: both are counted, and both count."""
    twice = [
        record("rds:RebootDBInstance", user("james", account=number), NIGHT, account=number, event_id="same")
        for number in (PRODUCTION, STAGING)
    ]
    found, of = reading(*twice, *MADE), team()
    scan = scanned(Cut(attribute(found.events, of), 1, size).batches(), found, of)
    assert sum(each.events for each in scan.people()) + sum(scan.others().values()) == len(found.events)
    same = [each for each in scan.wrongs() if each.id == "same"]
    one_at_a_time = [wrong_of(each) for each in judgements(found, of) if is_wrong(each)]
    assert sorted(each.account for each in same) == sorted(each.account for each in one_at_a_time if each.id == "same")


def test_also_counts_nothing():
    """What is looked at again is given whole, and counted once."""
    found, of = reading(*MADE), team()
    held = Held(attribute(found.events, of))
    scan = scanned(held.batches(), found, of)
    before = scan.people(), scan.others(), scan.wrongs(), scan.noticed(), scan.reach()
    assert len(list(scan.also(held.batches()))) == len(found.events)
    assert (scan.people(), scan.others(), scan.wrongs(), scan.noticed(), scan.reach()) == before


# --- the pass beside looking at each event by itself, on trails ------------------------------------------------------


@pytest.fixture(scope="module", params=["made", "week 1", "invictus", "stratus"])
def trail(request):
    """Give a trail and its team."""
    if request.param == "made":
        return reading(*MADE), team()
    if request.param.startswith("week"):
        return combine([read_file(file.key, file.body) for file in week_of(int(request.param[5:])).files]), TEAM
    found = read_folder(request.getfixturevalue("data_dir") / "cloudtrail" / request.param)
    home = Counter(event.account for event in found.events).most_common(1)[0][0]
    names = {event.identity.user_name for event in found.events if event.identity.type == "IAMUser"}
    people = {name.lower(): person(name) for name in names if name and name.isascii() and name.isalnum()}
    base = team()
    return found, type(base)(
        **{field: getattr(base, field) for field in base.__slots__}
        | {
            "accounts": {"home": Account("home", home, "production", "watchbill", HERE)},
            "people": {**base.people, **people},
        }
    )


@pytest.fixture(scope="module")
def rules(data_dir):
    """Load the 57 rules."""
    return read_rules(data_dir / "sigma/sigmahq_cloudtrail")


def test_the_counts_are_those_of_judging_one_at_a_time(trail):
    """By person and right, by whom AWS refused, by why it is nobody's; and what counts is the same."""
    found, of = trail
    judged = judgements(found, of)
    scan = scanned(Cut(audit_._attributed(found.events, *_by(found, of)), 3, 400).batches(), found, of)  # noqa: SLF001
    by_person = Counter((j.attributed.actor.person, str(j.right)) for j in judged if j.attributed.actor.person)
    assert {(p.person, right): n for p in scan.people() for right, n in p.by_right.items()} == by_person
    refused = Counter(j.attributed.actor.person for j in judged if j.attributed.event.outcome == "denied")
    assert {p.person: p.denied for p in scan.people() if p.denied} == {p: n for p, n in refused.items() if p}
    others = Counter(
        f"{j.attributed.actor.method}: {j.attributed.actor.why}" for j in judged if j.attributed.actor.person is None
    )
    assert dict(scan.others()) == others
    assert scan.wrongs() == sorted((wrong_of(j) for j in judged if is_wrong(j)), key=lambda each: (each.at, each.id))
    assert scan.reach() == (found.events[0].at, found.events[-1].at)


def _by(found, of):
    span = span_of(found)
    assert span is not None
    return declared((), of, span, ()), span


def test_the_hits_are_those_of_asking_each_rule_of_each_event(trail, rules):
    """The 57 rules, counted by title."""
    found, of = trail
    single = run_rules(rules.rules, attribute(found.events, of))
    assert dict(audit(found, of, rules).sigma) == Counter(each.title for each in single)


def test_the_cases_are_those_of_reading_everything_around_them(trail, monkeypatch):
    """That of what is alike only some is read changes the evidence that is shown, and nothing that is said."""
    found, of = trail
    some = audit(found, of, pack())
    monkeypatch.setattr(around, "ALIKE", 10**9)
    monkeypatch.setattr(around, "MOST", 10**9)
    every = audit(found, of, pack())

    def told(case):
        named = (case.id, case.kind, case.person, case.first, case.last, case.severity, case.sentence)
        return *named, tuple(sorted(case.facts.items())), case.assessment.leading

    assert list(map(told, some.cases)) == list(map(told, every.cases))
    assert (some.people, some.others, some.sigma) == (every.people, every.others, every.sigma)
