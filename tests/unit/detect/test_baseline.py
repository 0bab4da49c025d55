"""What is usual for whom: learnt from earlier days, declared by the team file, and unknown without either."""

import pickle
import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.lakes import delivery, log, taken_in
from tests.questions import complete
from tests.teams import DAY, MONDAY, team
from tests.trails import after, record, user
from tests.unit.alerts.records import AWAY, FIREFOX, HOME, OFFICE, seen, usual

from watchbill.detect import days as days_module
from watchbill.detect.baseline import (
    HISTORY_DAYS,
    HISTORY_PEOPLE,
    KINDS,
    NETWORK_DAYS,
    WINDOW,
    Baseline,
    Flood,
    Kind,
    Newness,
    Seen,
    device_of,
    learn,
)
from watchbill.detect.days import LAST
from watchbill.detect.networks import Networks, network_of
from watchbill.detect.resources import resource_of
from watchbill.detect.values import hour_of
from watchbill.intervals import Interval
from watchbill.lake.parts import read_part
from watchbill.lake.place import Lake
from watchbill.trail.table import attributed_of, milliseconds, table_of


NOON = after(12)
ELSEWHERE = "203.0.115.9"
"""Where nobody was."""
CLI = "aws-cli/2.17.5 md/command#ec2"


def undeclared():
    """Give the team without a declared network."""
    of = team()
    return replace(of, networks=(), people={n: replace(p, networks=()) for n, p in of.people.items()})


@pytest.mark.parametrize(("days", "expected"), [(0, "unknown"), (1, "unknown"), (2, "new"), (9, "new")])
def test_new_needs_history(days, expected):
    """Nobody is called new on their first days: whatever they use, there is nothing to hold it against."""
    of = undeclared()
    baseline = learn(seen(usual("ada", NOON, days=days), of), of)
    assert baseline.place("ada", AWAY, NOON) == expected
    assert baseline.device("ada", CLI, NOON) == expected


def test_somebody_elses_history_is_not_ones_own():
    """That James has worked for weeks makes nothing new for Ada."""
    of = undeclared()
    baseline = learn(seen(usual("james", NOON, days=9), of), of)
    assert (baseline.place("ada", AWAY, NOON), baseline.device("ada", CLI, NOON)) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("who", "ip", "expected"),
    [
        ("ada", OFFICE, "usual"),
        ("ada", HOME, "known to others"),
        ("ada", AWAY, "new"),
        ("james", HOME, "usual"),
        ("james", OFFICE, "usual"),
        ("james", AWAY, "new"),
        ("james", "192.0.2.200", "new"),
        ("james", "2001:db8::1", "new"),
        ("james", "cloudformation.amazonaws.com", "unknown"),
        ("james", None, "unknown"),
    ],
)
def test_declared_networks_need_no_history(who, ip, expected):
    """The file says from where people work: everyone from the office, James from home too, and nobody else from his."""
    assert learn((), team()).place(who, ip, NOON) == expected


@pytest.mark.parametrize(("days", "expected"), [(2, None), (6, None), (7, True), (9, True)])
def test_a_declared_network_makes_no_other_one_news(days, expected):
    """A home that nobody declared is not news in a trail's first days: what opens a case waits for history."""
    baseline = learn(seen(usual("james", NOON, OFFICE, days=days)), team())
    (asked,) = seen([record(who=user("james"), at=NOON, sourceIPAddress=AWAY)])
    assert baseline.newness(Kind.NETWORK, asked).person is expected
    assert baseline.place("james", AWAY, NOON) == "new"


@pytest.mark.parametrize(("days", "expected"), [(1, "new"), (2, "usual"), (3, "usual")])
def test_a_network_is_usual_from_the_third_day(days, expected):
    """One day somewhere, as on a journey, or as a thief, makes it no habit."""
    baseline = learn(seen(usual("ada", NOON, AWAY, days=days)), team())
    assert baseline.place("ada", AWAY, NOON) == expected
    assert baseline.place("ada", "203.0.113.250", NOON) == expected
    assert baseline.place("ada", "203.0.114.9", NOON) == "new"


def test_the_day_itself_and_what_follows_teach_nothing_about_it():
    """A thief who is busy all day stays new all day, and looking back changes nothing."""
    records = [record(who=user("ada"), at=NOON + n * DAY, sourceIPAddress=AWAY, userAgent=CLI) for n in range(3)]
    records += [record(who=user("ada"), at=NOON - timedelta(hours=n), sourceIPAddress=AWAY) for n in range(1, 12)]
    baseline = learn(seen([*records, *usual("ada", NOON, OFFICE)]), team())
    assert baseline.place("ada", AWAY, NOON) == "new"
    assert baseline.device("ada", CLI, NOON) == "new"
    assert baseline.place("ada", AWAY, NOON + 2 * DAY) == "usual"
    assert baseline.device("ada", CLI, NOON + DAY) == "usual"


def test_what_failed_teaches_nothing():
    """Who only tries a door for weeks does not come to be known there."""
    tries = [
        record(who=user("ada"), at=NOON - n * DAY, error=error, sourceIPAddress=AWAY, userAgent=CLI)
        for n in range(1, 9)
        for error in ("AccessDenied", "ThrottlingException")
    ]
    baseline = learn(seen([*tries, *usual("ada", NOON, OFFICE)]), team())
    assert (baseline.place("ada", AWAY, NOON), baseline.device("ada", CLI, NOON)) == ("new", "new")


def test_a_device_is_usual_from_the_second_day():
    """The family counts, not the version: updates are no news."""
    baseline = learn(seen(usual("ada", NOON, agent="aws-cli/1.0", days=2)), team())
    assert baseline.device("ada", "aws-cli/2.17.5", NOON) == "usual"
    assert baseline.device("ada", "Boto3/1.34", NOON) == "new"
    assert baseline.device("ada", None, NOON) == "unknown"


@pytest.mark.parametrize(
    ("declared", "days", "ip", "expected"),
    [
        (True, 0, OFFICE, "usual"),
        (True, 0, HOME, "usual"),
        (True, 0, AWAY, "new"),
        (True, 0, "ec2.amazonaws.com", "unknown"),
        (True, 0, None, "unknown"),
        (False, 0, AWAY, "unknown"),
        (False, 1, AWAY, "unknown"),
        (False, 2, AWAY, "new"),
        (False, 1, HOME, "unknown"),
        (False, 2, HOME, "usual"),
    ],
)
def test_a_network_of_anyone_is_known(declared, days, ip, expected):
    """For what is nobody's there is the whole team to hold it against, or else nothing."""
    of = team() if declared else undeclared()
    assert learn(seen(usual("ada", NOON, days=days), of), of).place_for_anyone(ip) == expected


def test_a_place_of_colleagues_is_known_to_others():
    """Who works from a colleague's usual network is less of a stranger than who comes from nowhere."""
    baseline = learn(seen([*usual("james", NOON, AWAY), *usual("ada", NOON, OFFICE)]), team())
    assert baseline.place("ada", AWAY, NOON) == "known to others"
    assert baseline.place("james", AWAY, NOON) == "usual"
    assert baseline.place("sofia", AWAY, NOON) == "known to others"


def test_without_a_team_the_trail_alone_teaches():
    """IAM users are people of their own name then, and have habits too."""
    baseline = Baseline(None)
    baseline.learn_batch(batch_of([row("anyone", day) for day in range(9)]))
    late = MONDAY + 9 * DAY
    assert baseline.place("anyone", ELSEWHERE, late) == "new"
    assert baseline.place("anyone", IPS[0], late) == "usual"
    assert newness(baseline, Kind.NETWORK, row("anyone", 9, ip=ELSEWHERE)) == Newness(
        person=True, role=None, company=None
    )
    assert learn(seen(usual("anyone", NOON, AWAY), undeclared()), None).place("anyone", AWAY, MONDAY) == "unknown"


# --- new for the person, the role, the company -----------------------------------------------------

PEOPLE = ["ada", "james", "rick", "lee", "sofia", "stranger"]
"""Three developers, one of support, one of security, and somebody of no team file."""
IPS: list[Any] = ["203.0.113.7", "203.0.113.8", "203.0.114.7", HOME, OFFICE, "2001:db8::1", "::ffff:203.0.113.9"]
IPS += ["ec2.amazonaws.com", "", None]
AGENTS = [CLI, "aws-cli/1.0", FIREFOX, "Boto3/1.34", "\x00", "", None]
SOURCES = ["s3.amazonaws.com", "iam.amazonaws.com", "ec2.amazonaws.com", "", None]
PARAMETERS = [
    '{"bucketName":"logs"}',
    '{"bucketName":"arn:aws:s3:::logs","userName":"ada"}',
    '{"bucketName":"b","key":"\\ud800"}',
    "[]",
    None,
]
BASE = milliseconds(MONDAY)


def row(who, day, ip=IPS[0], at=12 * 3_600_000, **fields):
    """Make a row, some days after Monday."""
    plain = {"user_agent": CLI, "source": "s3.amazonaws.com", "name": "GetObject", "account": "111111111111"}
    kept = {"outcome": "allowed", "method": "iam-user", "confidence": "certain", "traced": False, "principal": "p"}
    placed = {"why": "w", "object": "o", "object_digest": "00", "record": 0, "request_parameters": PARAMETERS[0]}
    return {**plain, **kept, **placed, "person": who, "ip": ip, "time_ms": BASE + day * 86_400_000 + at, **fields}


def batch_of(rows):
    """Make a batch of rows."""
    (batch,) = table_of(complete(rows)).combine_chunks().to_batches() or [None]
    return batch


def newness(baseline, kind, asked):
    """Ask of one event."""
    (event,) = attributed_of(batch_of([asked]))
    return baseline.newness(kind, event)


def worked(names, days, **fields):
    """Make rows of people who do the same each day."""
    return [row(name, day, **fields) for name in names for day in days]


@pytest.mark.parametrize(
    ("people", "days", "expected"),
    [
        (["ada"], 6, Newness(None, None, None)),
        (["ada"], 7, Newness(person=True, role=None, company=None)),
        (["ada", "james"], 7, Newness(person=True, role=None, company=None)),
        (["ada", "james", "lee"], 7, Newness(person=True, role=None, company=True)),
        (["ada", "james", "rick"], 7, Newness(person=True, role=True, company=True)),
        (["ada", "james", "rick"], 6, Newness(None, None, None)),
        (["james", "rick", "lee"], 7, Newness(None, None, company=True)),
    ],
)
def test_new_is_said_of_whom_enough_is_known(people, days, expected):
    """A week of work makes a habit, and three people a custom; with less there is no answer."""
    baseline = Baseline(team())
    baseline.learn_batch(batch_of(worked(people, range(days))))
    assert newness(baseline, Kind.ACTION, row("ada", days, name="DeleteBucket")) == expected


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("ada", Newness(person=False, role=False, company=False)),
        ("james", Newness(person=True, role=False, company=False)),
        ("lee", Newness(person=True, role=True, company=False)),
        (None, Newness(None, None, company=False)),
    ],
)
def test_what_one_does_is_known_to_their_role_and_the_company(who, expected):
    """Three facts: to a colleague it is new, though not to the role; to support, though not to the company."""
    everyone = ["ada", "james", "rick", "lee", "priya"]
    of = replace(
        team(),
        groups={**team().groups, "support": replace(team().groups["support"], members=("lee", "priya", "sofia"))},
    )
    baseline = Baseline(of)
    baseline.learn_batch(batch_of([*worked([*everyone, "sofia"], range(8)), row("ada", 3, name="DeleteBucket")]))
    assert newness(baseline, Kind.ACTION, row(who, 8, name="DeleteBucket")) == expected


@pytest.mark.parametrize(("since", "expected"), [(89, False), (90, False), (91, True)])
def test_what_was_not_seen_for_ninety_days_is_new_again(since, expected):
    """What somebody did last winter is no habit in summer."""
    baseline = Baseline(team())
    baseline.learn_batch(batch_of([row("ada", 0, name="DeleteBucket"), *worked(["ada"], range(since - 9, since))]))
    assert newness(baseline, Kind.ACTION, row("ada", since, name="DeleteBucket")).person is expected


def test_a_group_of_everyone_is_no_job_role():
    """Else the role would be the company; whoever is in no other group has it as theirs."""
    groups = {**team().groups, "all": replace(team().groups["support"], name="all", members=tuple(team().people))}
    baseline = Baseline(replace(team(), groups=groups))
    everyone = [*team().people]
    baseline.learn_batch(batch_of([*worked(everyone, range(8)), row("lee", 3, name="DeleteBucket")]))
    assert newness(baseline, Kind.ACTION, row("ada", 8, name="DeleteBucket")) == Newness(
        person=True, role=True, company=False
    )


@pytest.mark.parametrize(
    ("zone", "hour", "expected"),
    [
        ("UTC", 0, "weekday 00-04"),
        ("Europe/London", 3.99, "weekday 00-04"),
        ("Europe/London", 4, "weekday 04-08"),
        ("America/Los_Angeles", 0, "weekend 16-20"),
        ("Asia/Kolkata", 2.5, "weekday 08-12"),
        ("Asia/Kolkata", 2.49, "weekday 04-08"),
        ("UTC", 5 * 24, "weekend 00-04"),
        ("UTC", 7 * 24, "weekday 00-04"),
        ("UTC", 24 * 366 * 9_000, "weekday 00-04"),
        ("America/Los_Angeles", -24 * 366 * 9_000, "weekday 00-04"),
    ],
)
def test_hours_are_those_of_the_persons_clock(zone, hour, expected):
    """Coarse, by their own time of day; at the ends of the calendar there is some answer."""
    assert hour_of(BASE + int(hour * 3_600_000), zone) == expected


# --- against a plain program ----------------------------------------------------------------------

HABIT: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "who": st.sampled_from([*PEOPLE, *PEOPLE, None]),
        "first": st.sampled_from([0, 0, 1, 2, 84, 88, 89, 90, 91, 92, 97, -20_466, -20_470, 45_066, 45_069]),
        "days": st.integers(1, 9),
        "fields": st.fixed_dictionaries(
            {
                "ip": st.sampled_from(IPS),
                "at": st.sampled_from([0, 1, 4 * 3_600_000 - 1, 4 * 3_600_000, 86_399_999]),
                "user_agent": st.sampled_from(AGENTS),
                "source": st.sampled_from(SOURCES),
                "name": st.sampled_from(["GetObject", "ListBuckets", "", None]),
                "account": st.sampled_from(["111111111111", "222222222222", None]),
                "request_parameters": st.sampled_from(PARAMETERS),
                "outcome": st.sampled_from(["allowed", "allowed", "allowed", "denied", "failed"]),
            }
        ),
    }
)
HABITS = st.lists(HABIT, min_size=1, max_size=12).map(
    lambda habits: [
        row(each["who"], each["first"] + day, **each["fields"]) for each in habits for day in range(each["days"])
    ]
)
HOSTILE = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        st.tuples(st.integers(0, 99), st.integers(1, 60)).map(
            lambda span: Interval(MONDAY + span[0] * DAY / 2, MONDAY + (span[0] + span[1]) * DAY / 2)
        ),
    ),
    max_size=2,
)


def overlapping():
    """Give the team with somebody of two job roles, and a group of all."""
    groups = {
        name: replace(each, members=(*each.members, "ada")) for name, each in team().groups.items() if name == "support"
    }
    groups |= {"all": replace(team().groups["support"], name="all", members=tuple(team().people))}
    return replace(team(), groups={**team().groups, **groups})


TEAMS = st.sampled_from([team(), undeclared(), overlapping(), None])


def value_of(kind, row, of):
    """Give the value of a kind that a row has."""
    zone = of.people[row["person"]].time_zone if of and row["person"] in of.people else "UTC"
    match kind:
        case Kind.NETWORK:
            return network_of(row["ip"])
        case Kind.DEVICE:
            return device_of(row["user_agent"])
        case Kind.ACTION:
            return row["source"] and row["name"] and f"{row['source']}:{row['name']}"
        case Kind.ACCOUNT:
            return row["account"]
        case Kind.RESOURCE:
            if row["person"] is None:
                return None
            # Which text says what has tests of its own.
            said: dict[Any, Any] = {PARAMETERS[1]: {"bucketName": "logs", "userName": "ada"}}
            said |= {'{"bucketName":"b","key":"\\ud800"}': {"bucketName": "b"}, "[]": [], None: None}
            return resource_of(
                row["source"] or "", row["account"] or "", said.get(row["request_parameters"], {"bucketName": "logs"})
            )
        case Kind.HOUR:
            return hour_of(row["time_ms"], zone)


class PlainBaseline:
    """The same rules, with sets of days."""

    def __init__(self, of, rows, hostile):
        self.of = of
        self.rows = [
            (row["person"], row["time_ms"] // 86_400_000, row)
            for row in rows
            if row["person"] is not None
            and row["outcome"] == "allowed"
            and not any(
                who == row["person"] and milliseconds(span.start) <= row["time_ms"] < milliseconds(span.end)
                for who, span in hostile
            )
        ]

    def newness(self, kind, asked):
        """Answer as `Baseline.newness` does."""
        who, day = asked["person"], asked["time_ms"] // 86_400_000
        value = value_of(kind, asked, self.of)
        people = self.of.people if self.of else {}
        role = {
            each
            for name in (self.of.groups if self.of else ())
            if who in self.of.members(name)
            for each in self.of.members(name)
            if name != "all"
        }
        mine = self._fact(kind, {who}, value, day, asked, 1) if who is not None else None
        shared = self._fact(kind, role, value, day, asked, HISTORY_PEOPLE) if role else None
        everyone = {*people, *(each for each, _, _ in self.rows)}
        return Newness(mine, shared, self._fact(kind, everyone, value, day, asked, HISTORY_PEOPLE))

    def _fact(self, kind, people, value, day, asked, least):
        if not value:
            return None
        earlier = [
            each for each in self.rows if each[0] in people and day - WINDOW <= each[1] < day and 0 <= each[1] <= LAST
        ]
        earlier = earlier if day <= LAST + 1 else []
        declared = kind is Kind.NETWORK and self._declared(people, asked["ip"])
        days = {then for _, then, row in earlier if value_of(kind, row, self.of) == value}
        if declared == "usual" or len(days) >= (NETWORK_DAYS if kind is Kind.NETWORK else 1):
            return False
        enough = len({then for _, then, _ in earlier}) >= HISTORY_DAYS and len({who for who, _, _ in earlier}) >= least
        return True if enough else None

    def _declared(self, people, ip):
        if self.of is None:
            return None
        found = {
            *self.of.networks,
            *(net for who in people if who in self.of.people for net in self.of.people[who].networks),
        }
        ours = {"192.0.2.0/25": [OFFICE], "198.51.100.0/24": [HOME]}
        return "usual" if any(ip in ours[net] for net in found) else "some" if found else None


def learnt(of, rows, hostile=(), cut=None):
    """Learn from batches, which are cut and shuffled as a seed has it."""
    baseline = Baseline(of, hostile=hostile)
    rows = complete(rows)
    if cut is not None:
        random.Random(cut).shuffle(rows)
    batch, length = batch_of(rows), 7 if cut is not None else len(rows)
    for start in range(0, len(rows), length):
        baseline.learn_batch(batch.slice(start, length))
    return baseline


def content(baseline):
    """Give all that a baseline has learnt."""
    present = {(list(baseline.people)[owner], day) for owner, _, day in baseline.present.rows()}
    return set(baseline.seen()), present, baseline.flooded


@settings(max_examples=60, deadline=None)
@given(TEAMS, HABITS, HOSTILE, st.sampled_from(["ada", "sofia", "stranger", None]))
def test_newness_is_what_a_plain_program_finds(of, rows, hostile, other):
    """Of each event and in bulk, for everybody, on each day, at the edges of windows and of histories."""
    plain, baseline = PlainBaseline(of, rows, hostile), learnt(of, rows, hostile)
    asked = complete(
        [*rows, *({**each, "person": other} for each in rows[:20]), row("ada", 9, ip=ELSEWHERE, name="New")]
    )
    batch = batch_of(asked)
    events = list(attributed_of(batch)) if all(abs(each["time_ms"]) < 10**14 for each in asked) else []
    columns = {name: column.to_pylist() for name, column in baseline.newness_columns(batch).items()}
    assert [name for name in columns if "." not in name.removeprefix("wb.first_seen.")] == [
        f"wb.first_seen.{kind}" for kind in KINDS
    ]
    for kind in KINDS:
        found = [columns[f"wb.first_seen.{level}{kind}"] for level in ("", "role.", "company.")]
        for number, each in enumerate(asked):
            expected = plain.newness(kind, each)
            assert Newness(*(column[number] for column in found)) == expected, (kind, each)
            assert not events or baseline.newness(kind, events[number]) == expected, (kind, each)


@settings(max_examples=40, deadline=None)
@given(TEAMS, HABITS, HOSTILE, st.integers(0, 9))
def test_however_it_is_learnt_it_is_the_same(of, rows, hostile, cut):
    """From events, from batches in any order and cut, from halves that are merged."""
    events = list(attributed_of(batch_of(rows)))
    expected = content(learn(events, of, hostile=hostile))
    assert content(learnt(of, rows, hostile)) == expected
    assert content(learnt(of, rows, hostile, cut)) == expected
    assert content(learnt(of, [*rows, *rows], hostile, cut)) == expected
    half, other = learnt(of, rows[: len(rows) // 2 + 1], hostile), learnt(of, rows[len(rows) // 2 :], hostile)
    half.merge(other)
    assert content(half) == expected
    assert content(pickle.loads(pickle.dumps(half))) == expected


def test_a_lake_teaches_what_its_events_do(tmp_path):
    """Trails as they come, taken in and read from where they lie."""
    calls = ["s3:GetObject", "ec2:RunInstances", "iam:CreateAccessKey", "secretsmanager:GetSecretValue"]
    chance = random.Random(5)
    records = [
        record(
            chance.choice(calls),
            user(chance.choice(["ada", "james", "rick", "nobody"])),
            MONDAY + chance.randrange(9 * 24 * 60) * timedelta(minutes=1),
            sourceIPAddress=chance.choice([OFFICE, HOME, AWAY, "ec2.amazonaws.com"]),
            userAgent=chance.choice([CLI, FIREFOX]),
            requestParameters=chance.choice([{"bucketName": "logs"}, {"secretId": "db"}, {"userName": "ada"}, None]),
            event_id=f"event-{number}",
        )
        for number in range(300)
    ]
    taken_in(tmp_path, [delivery("a.json.gz", log(records[:200])), delivery("b.json.gz", log(records[100:]))], team())
    lake = Lake(tmp_path)
    try:
        parts = [part.name for part in lake.manifest.parts()]
    finally:
        lake.close()
    expected = content(learn(seen(records), team()))
    assert len(expected[0]) > 100
    from_batches = Baseline(team())
    for part in parts:
        for batch in read_part(tmp_path, part).to_batches():
            from_batches.learn_batch(batch)
    assert content(from_batches) == expected


@settings(max_examples=30, deadline=None)
@given(TEAMS, HABITS)
def test_usual_for_the_person_is_usual_for_all(of, rows):
    """The three facts are nested: nothing is new for the company that somebody is used to."""
    columns = learnt(of, rows).newness_columns(batch_of(complete(rows)))
    for kind in KINDS:
        for facts in zip(
            *(columns[f"wb.first_seen.{level}{kind}"].to_pylist() for level in ("", "role.", "company.")), strict=True
        ):
            known = [fact for fact in facts if fact is not None]
            assert known == sorted(known, reverse=True)


# --- what nobody should be able to do -------------------------------------------------------------


def made_up(count, day=3, who="ada"):
    """Make rows of somebody who makes up a device for each call."""
    return [row(who, day, user_agent=f"tool{number}/1") for number in range(count)]


def test_a_day_of_a_thousand_devices_teaches_none():
    """Else whoever has a key for one day would be usual with whatever they use the next."""
    rows = [*worked(["ada"], range(9), user_agent="curl/8"), *made_up(1_001)]
    baseline = learnt(team(), rows)
    assert baseline.flooded == (Flood("ada", Kind.DEVICE, date(2026, 1, 15)),)
    assert list(baseline.words[Kind.DEVICE]) == ["curl"]
    assert newness(baseline, Kind.DEVICE, row("ada", 9, user_agent="tool7/2")).person is True
    assert newness(baseline, Kind.DEVICE, row("ada", 9, user_agent="curl/9")).person is False
    fewer = learnt(team(), [*worked(["ada"], range(9), user_agent="curl/8"), *made_up(999)])
    assert fewer.flooded == ()
    assert newness(fewer, Kind.DEVICE, row("ada", 9, user_agent="tool7/2")).person is False


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["ada", "james"]), st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=40
    ),
    st.integers(0, 5),
)
def test_what_is_too_many_hangs_on_no_order(drawn, cut):
    """A day is given up for all that it had, whatever of it came first, in one piece or in several that are merged."""
    rows = [row(who, 60 + day, user_agent=f"tool{number}/1") for who, day, number in drawn]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(days_module, "MOST", 3)
        patch.setattr(days_module, "_PENDING", 5)
        expected = content(learn(list(attributed_of(batch_of(rows))), team()))
        assert content(learnt(team(), rows, cut=cut)) == expected
        half, other = learnt(team(), rows[::2], cut=cut), learnt(team(), rows[1::2] or rows)
        half.merge(other)
        assert content(half) == expected
    many = {(who, day) for who, day, _ in drawn if len({n for w, d, n in drawn if (w, d) == (who, day)}) > 3}
    assert {(each.person, (each.day - date(2026, 3, 13)).days) for each in expected[2]} == many


@pytest.mark.parametrize(("first", "second"), [(1_001, 5), (5, 1_001), (1_001, 1_001), (600, 1_000)])
def test_a_day_that_was_given_up_stays_so(first, second):
    """Merged in either direction, and whatever of that day comes later."""
    baseline, other = learnt(team(), made_up(first)), learnt(team(), made_up(second)[::-1])
    baseline.merge(other)
    baseline.learn_batch(batch_of([*made_up(3), row("ada", 4, user_agent="curl/8")]))
    given_up = max(first, second) > 1_000
    assert [each.person for each in baseline.flooded] == ["ada"] * given_up
    assert len(baseline.words[Kind.DEVICE]) == (1 if given_up else 1_001)


def test_made_up_devices_do_not_fill_the_memory():
    """A hundred thousand of them, on a few days, leave nothing behind but the word that there were too many."""
    baseline = Baseline(team())
    for number in range(20):
        rows = [row("ada", number % 4, user_agent=f"{number}-{each}-{'x' * 400}") for each in range(5_000)]
        baseline.learn_batch(batch_of(rows))
    assert len(baseline.flooded) == 4
    assert baseline.size < 100_000


def test_a_hostile_span_teaches_nothing():
    """What a thief did under somebody's name is no habit of theirs; the hour before it is."""
    rows = [*worked(["ada"], range(9)), *worked(["ada"], [4, 5], name="DeleteBucket"), row("ada", 3, name="ListUsers")]
    theft = Interval(MONDAY + 4 * DAY, MONDAY + 6 * DAY)
    for hostile, expected in (((), False), ([("ada", theft)], True), ([("james", theft)], False)):
        baseline = learnt(team(), [*rows, *worked(["ada"], [-2, -1])], hostile)
        assert newness(baseline, Kind.ACTION, row("ada", 9, name="DeleteBucket")).person is expected
        assert newness(baseline, Kind.ACTION, row("ada", 9, name="ListUsers")).person is False


def test_the_same_name_in_another_account_is_another_target():
    """A user called `ada` in staging is not the one in production."""
    asked = [row("ada", 9, source="iam.amazonaws.com", request_parameters=PARAMETERS[1], account=each) for each in "12"]
    baseline = learnt(team(), [*worked(["ada"], range(9)), {**asked[0], "time_ms": BASE}])
    columns = baseline.newness_columns(batch_of(asked), (Kind.RESOURCE,))
    assert columns["wb.first_seen.resource"].to_pylist() == [False, True]
    assert [newness(baseline, Kind.RESOURCE, each).person for each in asked] == [False, True]


def test_what_is_learnt_later_is_in_the_next_answer():
    """Answers are kept only until there is more to know."""
    baseline, other = (
        learnt(team(), worked(["ada"], range(8))),
        learnt(team(), worked(["ada"], [1], name="DeleteBucket")),
    )
    asked = row("ada", 8, name="DeleteBucket")
    assert newness(baseline, Kind.ACTION, asked) == Newness(person=True, role=None, company=None)
    baseline.merge(other)
    assert newness(baseline, Kind.ACTION, asked) == Newness(person=False, role=False, company=False)


def test_what_was_seen_is_told():
    """Each value of each person, with the day."""
    baseline = learnt(team(), [*worked(["ada"], [0, 0, 2, 5, 9]), *worked(["james"], range(9))])
    assert Seen(Kind.NETWORK, "ada", "203.0.113.0/24", date(2026, 1, 12)) in set(baseline.seen())


def test_a_hostile_span_holds_its_start_and_not_its_end():
    """One event by one and in bulk, to the millisecond."""
    span = Interval(MONDAY + 4 * DAY, MONDAY + 6 * DAY)
    names = {"Before": (4, -1), "First": (4, 0), "Last": (6, -1), "After": (6, 0)}
    rows = [row("ada", day, at=at, name=name) for name, (day, at) in names.items()]
    expected = {f"s3.amazonaws.com:{name}" for name in ("Before", "After")}
    for baseline in (
        learnt(team(), rows, [("ada", span)]),
        learn(attributed_of(batch_of(rows)), team(), hostile=[("ada", span)]),
    ):
        assert {each.value for each in baseline.seen() if each.kind is Kind.ACTION} == expected
    between = Interval(span.start - timedelta(microseconds=1), span.end + timedelta(microseconds=1))
    assert content(learnt(team(), rows, [("ada", between)]))[0] == content(learnt(team(), rows[:1], []))[0]


class Operators:
    """A database where every address of a /16 has one operator."""

    def get(self, ip):
        """Give the record of an address."""
        return {"autonomous_system_number": int(ip.split(".")[1])} if ip.startswith("203.") else None


def test_with_a_database_a_network_is_an_operator():
    """Another address of the same operator is the same place, another operator's is not."""
    baseline = Baseline(undeclared(), Networks(Operators()))
    rows = [row("ada", day, ip=f"203.7.{day}.1") for day in range(8)]
    baseline.learn_batch(batch_of(rows))
    assert newness(baseline, Kind.NETWORK, row("ada", 8, ip="203.7.99.9")).person is False
    assert newness(baseline, Kind.NETWORK, row("ada", 8, ip="203.8.0.1")).person is True
    assert baseline.place("ada", "203.7.99.9", MONDAY + 8 * DAY) == "usual"


def test_rows_of_nobody_and_of_no_rows_are_answered():
    """A batch may hold no person at all, or nothing."""
    baseline = learnt(team(), worked(["ada"], range(8)))
    empty = table_of([]).to_batches() or [pa.RecordBatch.from_pylist([], schema=table_of([]).schema)]
    baseline.learn_batch(empty[0])
    assert all(len(column) == 0 for column in baseline.newness_columns(empty[0]).values())
    columns = baseline.newness_columns(batch_of([row(None, 8), row(None, 8, ip=None)]), (Kind.NETWORK, Kind.HOUR))
    assert [len(column) for column in columns.values()] == [2] * 6
    assert columns["wb.first_seen.network"].to_pylist() == [None, None]
    assert columns["wb.first_seen.company.network"].to_pylist() == [False, None]
