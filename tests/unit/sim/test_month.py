"""The month: ordinary life with its mishaps, misuse with its labels, and scenarios with exactly one thing in them."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from tests.unit.sim.samples import action, instant, records
from tests.unit.sim.staffs import SPAN, START, staff

from watchbill.errors import RefusedError
from watchbill.sim.labels import Misuse, Nature, Quirk
from watchbill.sim.month import Pace, everything, make_month
from watchbill.sim.scenario import CASTS, LEAST_DAYS, LIGHT, MOST_DAYS, make_scenario
from watchbill.sim.staff import LEAST, MOST, make_staff
from watchbill.team.files import parse


SEEDS = range(2)
QUICK = replace(LIGHT, quirks=1.0, twice=0.1, late=0.05)
SMALL, LARGE = 14, 40

every_seed = pytest.mark.parametrize("seed", SEEDS)


@cache
def month(seed, *, misuse=False, size=SMALL):
    """Make a month in which little is done, so that it is made soon."""
    team = staff(size, seed)
    return make_month(team.chapters, team.shifts, SPAN, seed, everything() if misuse else (), QUICK)


@cache
def by_id(seed, *, misuse=False, size=SMALL):
    """Read every record back, each once."""
    return {record["eventID"]: record for record in records(month(seed, misuse=misuse, size=size))}


@cache
def scenario(seed):
    """Make a scenario."""
    team = staff(16, 0, changes=False, length=timedelta(days=MOST_DAYS))
    return make_scenario(team.chapters, team.shifts, START, seed)


def digest(made):
    """Give a fingerprint of a month."""
    whole = hashlib.sha256(repr((made.labels, made.mishaps)).encode())
    for file in made.files:
        whole.update(file.key.encode() + file.body)
    return whole.hexdigest()


def user_of(record):
    """Name the IAM user that acted by its own key or in the console."""
    identity = record["userIdentity"]
    return identity.get("userName") if identity["type"] == "IAMUser" else None


def team_at(at, seed, size=SMALL):
    """Give the team file of an instant."""
    return [each.team for each in staff(size, seed).chapters if each.since is None or each.since <= at][-1]


def test_the_same_inputs_give_the_same_bytes():
    """A truth that moved between two runs would be no truth; hash seeds differ between processes."""
    script = "from tests.unit.sim.test_month import *\nprint(digest(month(1, misuse=True)))"
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
    assert printed == {digest(month(1, misuse=True))}


def test_another_seed_gives_another_month():
    """A seed that changed nothing would make one month look like proof over many."""
    assert len({digest(month(seed)) for seed in SEEDS}) == len(SEEDS)


# --- the team -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [LEAST, 20, LARGE, MOST])
def test_a_made_up_team_is_a_valid_file(size):
    """Every edition is; one has everybody, one is before somebody joins, the last is after somebody left."""
    teams = [parse(edition.text, "watchbill.yaml") for edition in make_staff(size, START, 3)]
    people = [set(team.people) for team in teams]
    assert [len(each) for each in people] == [size - 1, size - 1, size, size - 1]
    assert len(people[2] - people[0]) == 1
    assert people[2] - people[0] != people[2] - people[3]
    assert len(teams[0].rotas) == 3
    assert len(teams[0].groups) == 8
    assert {len(account.number) for account in teams[0].accounts.values()} == {12}


@pytest.mark.parametrize("size", [LEAST - 1, MOST + 1])
def test_a_team_of_a_size_that_cannot_be_is_refused(size):
    """Rather than one with empty rotas."""
    with pytest.raises(RefusedError, match="cannot be made up"):
        make_staff(size, START, 1)


def test_a_cover_is_filed_after_it_began():
    """So that there is something that was right and not yet in the file."""
    first, second, *_ = (edition for edition in make_staff(SMALL, START, 1))
    before, after = (parse(each.text, "watchbill.yaml").rotas["platform"].overrides for each in (first, second))
    (cover,) = set(after) - set(before) if {o.name for o in after} - {o.name for o in before} else (None,)
    assert cover is not None
    assert second.since is not None
    assert cover.interval.start < second.since < cover.interval.end


# --- ordinary life --------------------------------------------------------------------------------------------------


@every_seed
def test_every_event_is_delivered_and_some_twice(seed):
    """Nothing is lost on the way; what a second trail delivers is the same record under another key."""
    made = month(seed)
    ids = Counter(event_id for file in made.files for event_id in file.event_ids)
    assert len(ids) == made.events
    assert max(ids.values()) == 2
    assert len({file.key for file in made.files}) == len(made.files)
    seen = dict[str, dict[str, Any]]()
    for record in records(made):
        assert seen.setdefault(record["eventID"], record) == record
    assert list(made.files) == sorted(made.files, key=lambda file: (file.delivered, file.key))


@every_seed
def test_some_events_come_late(seed):
    """By more than a quarter of an hour, and a few by more than a day."""
    waits = [
        file.delivered - instant(record)
        for file in month(seed).files
        for record in json.loads(gzip.decompress(file.body))["Records"]
    ]
    assert min(waits) > timedelta(0)
    assert any(wait > timedelta(hours=5) for wait in waits)


@every_seed
def test_people_do_what_is_theirs_or_are_refused(seed):
    """Held against the team file of the time by a second, simpler reading of it than the simulation's own."""
    checked = 0
    for record in by_id(seed).values():
        team, called = team_at(instant(record), seed), action(record)
        if user_of(record) not in team.people or record.get("errorCode") or record["eventType"] != "AwsApiCall":
            continue
        account = team.account_of(record["recipientAccountId"])
        held = [
            team.permission_sets[access.permission_set]
            for group in team.groups.values()
            if user_of(record) in team.members(group.name)
            for access in group.access
            if account.name in access.accounts
        ]
        statements = [
            (statement["Effect"], pattern)
            for each in held
            for statement in (each.policy or {}).get("Statement", ())
            for pattern in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        ]
        statements += [("Allow", pattern) for each in held for pattern in each.allow]
        free = called in ("sts:GetCallerIdentity", "sts:GetSessionToken") or "/oncall-" in json.dumps(
            record.get("resources", "")
        )
        named = "lambda:InvokeFunction" if called == "lambda:Invoke" else called
        assert free or any(effect == "Allow" and fnmatchcase(named, pattern) for effect, pattern in statements), record
        checked += 1
    assert checked > 500


@every_seed
def test_on_call_work_is_done_on_shift_or_within_the_grace(seed):
    """Whatever the session's length; who is on call is told by the file of the time."""
    team, checked = staff(SMALL, seed), 0
    for record in by_id(seed).values():
        arn = record["userIdentity"].get("arn") or ""
        if ":assumed-role/oncall-" not in arn:
            continue
        role, who = arn.split("/")[1:]
        rota = team_at(instant(record), seed).rotas[role.removeprefix("oncall-")]
        assert any(
            shift.interval.start <= instant(record) < shift.interval.end + rota.grace_after
            for shift in team.shifts
            if (shift.rota, shift.person) == (rota.name, who)
        ), record["eventTime"]
        checked += 1
    assert checked > 100


def test_life_has_its_mishaps():
    """Each of those that nobody wants to be told of happens by itself in a month of a whole team."""
    happened = {label.what for seed in SEEDS for label in month(seed, size=LARGE).mishaps}
    assert happened == set(Quirk) - {Quirk.MOVED, Quirk.LAPTOP}, "those two are nothing that is done"


@every_seed
def test_mishaps_are_noted_by_their_events(seed):
    """Each id is of an event of the month."""
    ids = by_id(seed)
    for label in month(seed).mishaps:
        assert set(label.event_ids) <= set(ids)
        assert label.nature is Nature.HARMLESS


# --- misuse ---------------------------------------------------------------------------------------------------------


@every_seed
def test_every_misuse_is_told_in_every_variation(seed):
    """In a month of a team of forty there is a place for each."""
    made = month(seed, misuse=True, size=LARGE)
    assert made.not_told == ()
    assert [
        (label.what, label.variation) for label in sorted(made.labels, key=lambda each: (each.what, each.variation))
    ] == sorted(everything())
    assert len({label.what for label in made.labels}) >= 30


@every_seed
def test_a_label_says_which_events_it_is(seed):
    """In order of time, the instant among them, what made it possible before them, from the network that it names."""
    ids = by_id(seed, misuse=True, size=LARGE)
    used = Counter[str]()
    for label in month(seed, misuse=True, size=LARGE).labels:
        times = [instant(ids[event_id]) for event_id in label.event_ids]
        assert times == sorted(times)
        assert times[0] - timedelta(seconds=1) <= label.at <= times[-1] + timedelta(seconds=1)
        assert all(instant(ids[event_id]) < times[0] for event_id in label.cause_ids)
        network = ip_network(label.network, strict=False)
        assert any(ip_address(ids[event_id]["sourceIPAddress"]) in network for event_id in label.event_ids)
        used.update((*label.event_ids, *label.cause_ids))
    assert max(used.values()) == 1


@every_seed
def test_a_thief_comes_from_where_nobody_is(seed):
    """Else to tell them from the person would be a matter of luck."""
    ids = by_id(seed, misuse=True, size=LARGE)
    labels = month(seed, misuse=True, size=LARGE).labels
    for label in labels:
        if label.nature not in (Nature.THEFT, Nature.GUESSING):
            continue
        network, own = ip_network(label.network), set(label.event_ids)
        others = [
            record
            for event_id, record in ids.items()
            if event_id not in own
            and record["sourceIPAddress"][0].isdigit()
            and ip_address(record["sourceIPAddress"]) in network
        ]
        assert others == [], label.what


@every_seed
def test_the_people_of_a_tale_do_nothing_else_meanwhile(seed):
    """So that what is found of them is found by the tale."""
    made = month(seed, misuse=True, size=LARGE)
    told = {event_id for label in made.labels for event_id in (*label.event_ids, *label.cause_ids)}
    for label in made.labels:
        if label.person is None or label.what in (
            Misuse.AUTOMATION,
            Misuse.HIJACK_TOKEN,
            Misuse.OUTLIVED,
            Misuse.OVERRUN,
        ):
            continue
        times = [instant(by_id(seed, misuse=True, size=LARGE)[event_id]) for event_id in label.event_ids]
        person = staff(LARGE, seed).chapters[0].team.people[label.person]
        meanwhile = [
            record
            for event_id, record in by_id(seed, misuse=True, size=LARGE).items()
            if user_of(record) == person.iam_user and event_id not in told and times[0] <= instant(record) <= times[-1]
        ]
        assert meanwhile == [], label.what


@every_seed
def test_what_outlives_a_shift_is_past_its_grace(seed):
    """The off-shift tales are off shift by the schedule of the caller, and not by the simulation's word."""
    team = staff(LARGE, seed)
    ids, seen = by_id(seed, misuse=True, size=LARGE), 0
    for label in month(seed, misuse=True, size=LARGE).labels:
        if label.what not in (Misuse.DRIFT_CHANGE, Misuse.OUTLIVED, Misuse.OVERRUN):
            continue
        mine = [shift for shift in team.shifts if shift.person == label.person]
        for event_id in label.event_ids:
            at = instant(ids[event_id])
            assert not any(shift.interval.start <= at < shift.interval.end + timedelta(minutes=15) for shift in mine)
            seen += 1
    assert seen > 10


# --- scenarios ------------------------------------------------------------------------------------------------------


def test_a_scenario_has_exactly_one_thing_in_it():
    """By turns over all that can be cast, and nothing else that could be taken for it."""
    for seed in range(0, len(CASTS), 7):
        made = scenario(seed)
        (label,) = made.labels
        assert (label.what, label.variation) in CASTS
        assert [each for each in made.mishaps if each.what is not Quirk.LATE] == []


def test_scenarios_are_about_everything_in_turn():
    """What is cast for a seed is told, unless nobody fits."""
    told = [(scenario(seed).labels[0].what, scenario(seed).labels[0].variation) for seed in range(0, len(CASTS), 5)]
    assert sum(cast == CASTS[seed] for cast, seed in zip(told, range(0, len(CASTS), 5), strict=True)) >= len(told) - 2


def test_a_scenario_lasts_as_long_as_it_says():
    """And what it is about comes when there is some history."""
    for seed in (1, 2, 3):
        made = scenario(seed)
        times = [instant(record) for record in records(made)]
        assert max(times) - min(times) <= timedelta(days=MOST_DAYS)
        assert max(times) - min(times) >= timedelta(days=LEAST_DAYS - 1)
        assert made.labels[0].at - START >= timedelta(days=LEAST_DAYS - 1.5)


def test_a_month_without_pace_is_a_full_one():
    """The numbers of a full month are the default, and a light one is a tenth of it."""
    assert Pace().busy == 1.0
    assert LIGHT.busy < 0.3
