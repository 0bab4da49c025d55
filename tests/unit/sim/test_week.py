"""The week: its files, its records, and ordinary life in it."""

import ast
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.unit.sim.samples import START, WEEK, action, instant, on_call, records, team

import watchbill.sim
from watchbill.errors import RefusedError
from watchbill.intervals import Interval
from watchbill.sim.model import ALL, Story
from watchbill.sim.week import make_week
from watchbill.team.model import Leave


TEAM = team()
SHIFTS = on_call(TEAM)
SEEDS = range(6)

KEY = re.compile(
    r"AWSLogs/(?P<account>\d{12})/CloudTrail/(?P<region>[a-z0-9-]+)/(?P<day>\d{4}/\d\d/\d\d)/"
    r"(?P=account)_CloudTrail_(?P=region)_(?P<stamp>\d{8}T\d{4}Z)_[A-Za-z0-9]{16}\.json\.gz"
)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
REQUIRED = frozenset(
    {
        "awsRegion",
        "eventCategory",
        "eventID",
        "eventName",
        "eventSource",
        "eventTime",
        "eventType",
        "eventVersion",
        "managementEvent",
        "readOnly",
        "recipientAccountId",
        "requestParameters",
        "responseElements",
        "sourceIPAddress",
        "userAgent",
        "userIdentity",
    }
)


@cache
def ordinary(seed):
    """Make a week without stories."""
    return make_week(TEAM, SHIFTS, START, seed, stories=())


@cache
def with_stories(seed):
    """Make a week with every story."""
    return make_week(TEAM, SHIFTS, START, seed)


@cache
def ordinary_records(seed):
    """Read a week without stories."""
    return tuple(records(ordinary(seed)))


def digest(week):
    """Give a fingerprint of a whole week."""
    whole = hashlib.sha256(repr((week.hand_made, week.truths)).encode())
    for file in week.files:
        whole.update(file.key.encode() + file.body)
    return whole.hexdigest()


def by_people(seed):
    """Give the records of people who act as their IAM user in an ordinary week."""
    return [r for r in ordinary_records(seed) if r["userIdentity"].get("userName") in TEAM.people]


def by_watch(seed):
    """Give the records of on-call role sessions in an ordinary week."""
    return [r for r in ordinary_records(seed) if "/oncall-" in r["userIdentity"].get("arn", "")]


def permitted(names: Iterable[str], called: str) -> bool:
    """Say whether permission sets of the sample allow an action."""
    sets = [TEAM.permission_sets[name] for name in names]
    allowed = any(fnmatchcase(called, pattern) for each in sets for pattern in each.allow)
    return allowed and not any(fnmatchcase(called, pattern) for each in sets for pattern in each.deny)


def held(person, number):
    """Name the permission sets a person of the sample has in an account by its twelve digits."""
    account = TEAM.account_of(number)
    assert account is not None
    return [
        access.permission_set
        for group in TEAM.groups.values()
        if person in group.members
        for access in group.access
        if account.name in access.accounts
    ]


def test_the_same_inputs_give_the_same_bytes():
    """A truth that moved between two runs would be no truth; hash seeds differ between processes."""
    script = (
        "from tests.unit.sim.test_week import *\n"
        "print(digest(make_week(TEAM, SHIFTS, START, 3, frozenset(reversed(list(ALL))))))"
    )
    root = Path(__file__).parents[3]
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            text=True,
            cwd=root,
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)},  # noqa: TID251 - a child needs one
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    assert printed == {digest(with_stories(3))}


def test_another_seed_gives_another_week():
    """A seed that changed nothing would make one week look like proof over many."""
    assert len({digest(week) for week in map(with_stories, SEEDS)}) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_files_lie_where_cloudtrail_puts_them(seed):
    """Readers find files by this layout, and a file's records belong to its account and region."""
    week = with_stories(seed)
    assert len({file.key for file in week.files}) == len(week.files)
    assert {file.body[:3] for file in week.files} == {b"\x1f\x8b\x08"}
    assert {file.body[4:8] for file in week.files} == {b"\0\0\0\0"}, "a gzip header without a time"
    for file in week.files:
        found = KEY.fullmatch(file.key)
        assert found, file.key
        assert found["stamp"] == f"{file.delivered:%Y%m%dT%H%MZ}"
        assert found["day"] == f"{file.delivered:%Y/%m/%d}"
        for record in records(replace(week, files=(file,))):
            assert (record["recipientAccountId"], record["awsRegion"]) == (found["account"], found["region"])
            assert timedelta(0) < file.delivered - instant(record) <= timedelta(minutes=20)


def test_files_hold_events_out_of_order():
    """As real ones do; a reader that trusts the order must not pass."""
    week = with_stories(0)
    times = [[instant(r) for r in records(replace(week, files=(file,)))] for file in week.files]
    assert sum(found != sorted(found) for found in times) > len(times) / 4
    assert [file.delivered for file in week.files] == sorted(file.delivered for file in week.files)


@pytest.mark.parametrize("seed", SEEDS)
def test_records_are_as_aws_writes_them(seed):
    """Every record has the fields that CloudTrail's reference lists, with its types and forms."""
    found = list(records(with_stories(seed)))
    assert 3000 <= len(found) <= 6000
    for record in found:
        assert record.keys() >= REQUIRED
        assert record["eventVersion"] == "1.11"
        assert record["eventCategory"] == "Management"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["eventTime"])
        assert instant(record) in WEEK
        assert UUID.fullmatch(record["eventID"])
        assert type(record["readOnly"]) is bool
        assert record["eventSource"].endswith(".amazonaws.com")
        assert "$" not in str(record["requestParameters"])
        assert ("errorCode" in record) <= (record["responseElements"] is None)
        assert record["sourceIPAddress"].endswith(".amazonaws.com") or "tlsDetails" in record
    assert len({record["eventID"] for record in found}) == len(found)
    globals_ = {r["awsRegion"] for r in found if r["eventSource"] in {"iam.amazonaws.com", "signin.amazonaws.com"}}
    assert globals_ == {"us-east-1"}
    assert {r["awsRegion"] for r in found} == {"us-east-1", "eu-west-1"}
    assert {r["recipientAccountId"] for r in found} == {account.number for account in TEAM.accounts.values()}


@pytest.mark.parametrize(
    ("people", "workloads"), [(1, ()), (1, ("deployer",)), (3, ("deployer", "backup", "metrics")), (12, ())]
)
def test_weeks_are_of_like_size_whatever_the_team(people, workloads):
    """A demo takes as long for a large team as for a small one."""
    made = team(workloads=workloads)
    names = set(list(made.people)[:people])
    small = replace(
        made,
        people={name: person for name, person in made.people.items() if name in names},
        groups={
            name: replace(group, members=tuple(sorted(names & set(group.members))))
            for name, group in made.groups.items()
        },
    )
    assert 3000 <= len(list(records(make_week(small, SHIFTS, START, 0, ())))) <= 6000


def test_many_short_shifts_do_not_swell_the_week():
    """A rota that hands over each quarter of an hour is odd, not a reason for ten times the calls."""
    quarter = timedelta(minutes=15)
    spans = [Interval(START + n * quarter, START + (n + 1) * quarter) for n in range(7 * 24 * 4)]
    short = [replace(SHIFTS[n % len(SHIFTS)], interval=span) for n, span in enumerate(spans)]
    assert 3000 <= len(list(records(make_week(TEAM, short, START, 0, ())))) <= 6000


@pytest.mark.parametrize("seed", SEEDS)
def test_ordinary_people_do_only_what_is_theirs(seed):
    """Else an alert about them would be right, and a quiet week could not be asked for."""
    refused: Counter[str] = Counter()
    for record in by_people(seed):
        if record["eventSource"] in {"signin.amazonaws.com", "sts.amazonaws.com"}:
            continue
        person = record["userIdentity"]["userName"]
        mine = permitted(held(person, record["recipientAccountId"]), action(record))
        if "errorCode" in record:
            assert record["readOnly"]
            assert not mine
            refused[person] += 1
        else:
            assert mine, (person, record["eventName"])
    assert sum(refused.values()) <= 12, "a rare slip, no more"


@pytest.mark.parametrize("seed", SEEDS)
def test_people_work_in_their_own_hours(seed):
    """What they do as themselves, apart from coming on watch, falls on weekdays by day where they live."""
    assumes = {"ConsoleLogin", "AssumeRole"}
    found = [r for r in by_people(seed) if r["eventName"] not in assumes]
    assert len(found) > 500
    for record in found:
        zone = TEAM.people[record["userIdentity"]["userName"]].time_zone
        local = instant(record).astimezone(ZoneInfo(zone))
        assert local.weekday() < 5
        assert 9 <= local.hour + local.minute / 60 <= 17.5


@pytest.mark.parametrize("seed", SEEDS)
def test_on_call_work_is_done_on_shift(seed):
    """A session of the role belongs to who is on watch, from its start to its last call."""
    steps = [r for r in by_people(seed) if r["eventName"] == "AssumeRole"]
    spans = {name: [shift.interval for shift in SHIFTS if shift.person == name] for name in {s.person for s in SHIFTS}}
    for record in steps:
        user, asked = record["userIdentity"]["userName"], record["requestParameters"]
        assert asked["roleArn"] == "arn:aws:iam::111122223333:role/watchbill/oncall-platform"
        assert asked["roleSessionName"] == asked["sourceIdentity"] == user
        assert asked["serialNumber"].endswith(f":mfa/{user}")
        assert any(instant(record) in span for span in spans[user])
    for record in by_watch(seed):
        person = record["userIdentity"]["sessionContext"]["sourceIdentity"]
        assert any(instant(record) in span for span in spans[person])
        assert permitted(["prod-oncall"], action(record))
    assert {r["userIdentity"]["arn"].split("/")[-1] for r in by_watch(seed)} == set(spans)
    assert sum(not r["readOnly"] for r in by_watch(seed)) > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_each_role_session_traces_to_the_step_that_made_it(seed):
    """The key of a session is in the answer to an AssumeRole of the same person, at most an hour before."""
    made = {
        r["responseElements"]["credentials"]["accessKeyId"]: r
        for r in ordinary_records(seed)
        if r["eventName"] == "AssumeRole" and r["responseElements"]
    }
    found = by_watch(seed)
    assert len(found) > 300
    for record in found:
        step = made[record["userIdentity"]["accessKeyId"]]
        context = record["userIdentity"]["sessionContext"]
        assert step["userIdentity"]["userName"] == context["sourceIdentity"]
        assert context["attributes"] == {"creationDate": step["eventTime"], "mfaAuthenticated": "true"}
        assert context["sessionIssuer"]["arn"] == step["requestParameters"]["roleArn"]
        assert timedelta(0) < instant(record) - instant(step) <= timedelta(hours=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_ordinary_week_has_no_mark_of_a_story(seed):
    """No sign-in without MFA, no new key or policy, one wrong password at most before the right one."""
    week = ordinary(seed)
    assert (week.truths, week.hand_made) == ((), ())
    found = sorted(ordinary_records(seed), key=instant)
    marks = {"CreateAccessKey", "CreatePolicy", "AttachUserPolicy", "CreateUser"}
    assert not marks & {r["eventName"] for r in found}
    assert "HIDDEN_DUE_TO_SECURITY_REASONS" not in {r["userIdentity"].get("userName") for r in found}
    door = [r for r in found if r["eventName"] == "ConsoleLogin"]
    assert {r["additionalEventData"]["MFAUsed"] for r in door if "errorMessage" not in r} == {"Yes"}
    for failed in (r for r in door if "errorMessage" in r):
        who, at = failed["userIdentity"]["userName"], instant(failed)
        soon = [r for r in door if r["userIdentity"]["userName"] == who and abs(instant(r) - at) < timedelta(minutes=1)]
        assert [r["responseElements"]["ConsoleLogin"] for r in soon] == ["Failure", "Success"]


@pytest.mark.parametrize("seed", SEEDS)
def test_people_have_a_usual_address_and_program(seed):
    """A baseline needs something to learn: their own address or the office's, and few programs."""
    for person in TEAM.people:
        found = [r for r in by_people(seed) if r["userIdentity"]["userName"] == person]
        addresses = Counter(r["sourceIPAddress"] for r in found)
        assert len(addresses) <= 2
        assert len({r["userAgent"].split(" md/command#")[0] for r in found}) <= 3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_story_leaves_the_rest_of_the_week_alone(seed):
    """So that a detector's answer on the two weeks differs by the story only."""
    told = {i for truth in with_stories(seed).truths for i in (*truth.cause_ids, *truth.event_ids)}
    rest = {r["eventID"] for r in records(with_stories(seed))} - told
    quiet = {r["eventID"] for r in ordinary_records(seed)}
    assert rest <= quiet
    assert len(quiet - rest) < 150


def test_nobody_works_on_leave():
    """Who is away does nothing, or their leave would look like a stolen account."""
    away = Leave("ana", WEEK, TEAM.rotas["platform"].where)
    rested = replace(TEAM, rotas={"platform": replace(TEAM.rotas["platform"], leave=(away,))})
    without = [shift for shift in SHIFTS if shift.person != "ana"]
    week = make_week(rested, without, START, 0, ())
    assert "ana" not in {r["userIdentity"].get("userName") for r in records(week)}


def test_keys_that_exist_are_used():
    """The demo makes real keys on the stand-in; a freeze must find in the trail what it can disable."""
    keys = {("staging", "ana"): ("AKIAEXISTING",)}
    found = {
        r["userIdentity"].get("accessKeyId", "")
        for r in records(make_week(TEAM, SHIFTS, START, 0, (), keys))
        if r["userIdentity"].get("userName") == "ana" and r["recipientAccountId"] == TEAM.accounts["staging"].number
    }
    assert "AKIAEXISTING" in found
    assert not [key for key in found if key.startswith("AKIA") and key != "AKIAEXISTING"]


def test_a_story_without_people_is_refused():
    """Better than a week that silently lacks what was asked for."""
    with pytest.raises(RefusedError, match="off-shift-change"):
        make_week(TEAM, (), START, 0, ALL)
    assert [t.story for t in make_week(TEAM, (), START, 0, {Story.SPRAY}).truths] == [Story.SPRAY]


def test_the_simulation_knows_no_detector():
    """A generator that shared code or constants with the judge would prove nothing about it."""
    allowed = ("watchbill.team", "watchbill.schedule.model", "watchbill.intervals", "watchbill.errors", "watchbill.sim")
    (folder,) = watchbill.sim.__path__
    for path in Path(folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                outside = not name.startswith("watchbill") and name.split(".")[0] in sys.stdlib_module_names
                moto = name.split(".")[0] == "moto" and path.name in ("stand_in.py", "gaps.py", "center_gaps.py")
                assert outside or moto or name.startswith(allowed), f"{path.name} imports {name}"
