"""The stories: what happens in them, and that each week tells them of other people, times and places."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address, ip_network
from itertools import pairwise

import pytest
from tests.unit.sim.samples import START, action, instant, on_call, records, team

from watchbill.errors import RefusedError
from watchbill.sim.model import Story
from watchbill.sim.week import make_week


TEAM = team()
SHIFTS = on_call(TEAM)
SEEDS = range(24)

every_seed = pytest.mark.parametrize("seed", SEEDS)


@cache
def made(seed):
    """Make a week with every story."""
    return make_week(TEAM, SHIFTS, START, seed)


@cache
def by_id(seed):
    """Give the records of a week by event id."""
    return {r["eventID"]: r for r in records(made(seed))}


def truth(seed, story):
    """Give the truth of one story in one week."""
    (found,) = [each for each in made(seed).truths if each.story is story]
    return found


def events(seed, story):
    """Give a story's own records, in the order in which the truth lists them."""
    return [by_id(seed)[i] for i in truth(seed, story).event_ids]


def spans(person):
    """Give when somebody is on call."""
    return [shift.interval for shift in SHIFTS if shift.person == person]


@every_seed
def test_every_truth_is_in_the_trail(seed):
    """Each event a truth names exists, in its account, in order of time."""
    assert {each.story for each in made(seed).truths} == set(Story)
    assert [t.at for t in made(seed).truths] == sorted(t.at for t in made(seed).truths)
    for each in made(seed).truths:
        found = [by_id(seed)[i] for i in each.event_ids]
        assert {r["recipientAccountId"] for r in found} == {TEAM.accounts[each.account].number}
        assert [instant(r) for r in found] == sorted(instant(r) for r in found)
        assert all(ip_address(r["sourceIPAddress"]) in ip_network(each.network) for r in found)
        assert each.at in {instant(r) for r in found}


@every_seed
def test_stories_keep_apart(seed):
    """One event must not be evidence in two stories, nor one person play in two."""
    people = [p for each in made(seed).truths for p in (each.person, *each.victims) if p]
    assert len(people) == len(set(people))
    times = [[instant(by_id(seed)[i]) for i in each.event_ids] for each in made(seed).truths]
    for earlier, later in pairwise(times):
        assert max(earlier) + timedelta(hours=1) < min(later)


@every_seed
def test_strangers_come_from_networks_of_their_own(seed):
    """A new place must be new: apart by its /24 from everyone's and from each other."""
    usual = [ip_network(n) for n in (*TEAM.networks, *(n for p in TEAM.people.values() for n in p.networks))]
    strange = [ip_network(truth(seed, story).network) for story in (Story.SPRAY, Story.HIJACK)]
    assert not strange[0].overlaps(strange[1])
    assert not any(a.overlaps(b) for a in strange for b in usual)
    assert {network.prefixlen for network in strange} == {24}
    theirs = {i for story in (Story.SPRAY, Story.HIJACK) for i in truth(seed, story).event_ids}
    for event_id, record in by_id(seed).items():
        if event_id not in theirs and not record["sourceIPAddress"].endswith(".amazonaws.com"):
            assert not any(ip_address(record["sourceIPAddress"]) in network for network in strange)


@every_seed
def test_the_off_shift_change_is_made_after_a_shift(seed):
    """The person's shift is over, they are on no other, and what they do is not theirs by any standing right."""
    told, found = truth(seed, Story.OFF_SHIFT_CHANGE), events(seed, Story.OFF_SHIFT_CHANGE)
    ended = [span.end for span in spans(told.person) if span.end <= told.at]
    assert ended
    assert timedelta(minutes=20) <= told.at - max(ended) <= timedelta(hours=4)
    assert not any(instant(r) in span for r in found for span in spans(told.person))
    assert {r["userIdentity"]["type"] for r in found} == {"IAMUser"}
    assert {r["userIdentity"]["userName"] for r in found} == {told.person}
    assert not any("errorCode" in r for r in found)
    changes = [r for r in found if not r["readOnly"]]
    assert len(changes) >= 2
    assert found[0]["readOnly"], "who means to change something looks first"
    # In the sample, developers only look at production.
    assert not any(action(r).split(":")[1].startswith(("Describe", "Get", "List")) for r in changes)


@every_seed
def test_a_policy_attached_by_hand_opened_the_way(seed):
    """The cause is in the trail before the change, and is there to be made for real with the same parameters."""
    told = truth(seed, Story.OFF_SHIFT_CHANGE)
    creates, attaches = (by_id(seed)[i] for i in told.cause_ids)
    assert (creates["eventName"], attaches["eventName"]) == ("CreatePolicy", "AttachUserPolicy")
    assert creates["userIdentity"]["userName"] == told.cause_by == "ops-admin"
    assert timedelta(hours=15) < told.at - instant(attaches) < timedelta(hours=51)
    assert creates["responseElements"]["policy"]["arn"] == attaches["requestParameters"]["policyArn"]
    created, attached = made(seed).hand_made
    assert (created.operation, created.account, created.at) == ("CreatePolicy", told.account, instant(creates))
    assert created.parameters["PolicyDocument"] == creates["requestParameters"]["policyDocument"]
    assert json.loads(created.parameters["PolicyDocument"])["Statement"][0]["Action"] == "*"
    assert attached.at == instant(attaches)
    assert attached.parameters == {
        "UserName": told.person,
        "PolicyArn": f"arn:aws:iam::{TEAM.accounts[told.account].number}:policy/{created.parameters['PolicyName']}",
    }


@every_seed
def test_the_forgotten_password_comes_with_the_shift(seed):
    """Five failures or so at a person's pace, from the usual place, then success with MFA."""
    told, found = truth(seed, Story.FORGOTTEN_PASSWORD), events(seed, Story.FORGOTTEN_PASSWORD)
    assert any(timedelta(0) <= told.at - span.start <= timedelta(minutes=15) for span in spans(told.person))
    failed, passed = found[:-1], found[-1]
    assert 5 <= len(failed) <= 6
    assert all(5 <= (instant(b) - instant(a)).total_seconds() <= 60 for a, b in pairwise(failed))
    for record in failed:
        assert "errorCode" not in record
        assert record["errorMessage"] == "Failed authentication"
        assert record["responseElements"] == {"ConsoleLogin": "Failure"}
        assert record["userIdentity"]["userName"] == told.person
        assert "arn" not in record["userIdentity"]
    assert passed["responseElements"] == {"ConsoleLogin": "Success"}
    assert passed["additionalEventData"]["MFAUsed"] == "Yes"
    others = [r for i, r in by_id(seed).items() if i not in told.event_ids]
    mine = [r for r in others if r["userIdentity"].get("userName") == told.person]
    assert {r["sourceIPAddress"] for r in found} <= {r["sourceIPAddress"] for r in mine}


@every_seed
def test_people_of_a_story_do_nothing_ordinary_meanwhile(seed):
    """Who mistypes their password is not at work at the same time, and who left the shift is gone."""
    for told in made(seed).truths:
        until = instant(by_id(seed)[told.event_ids[-1]]) + timedelta(minutes=25)
        for event_id, record in by_id(seed).items():
            user = record["userIdentity"].get("userName") or record["userIdentity"].get("arn", "").split("/")[-1]
            if user in {told.person, *told.victims} and event_id not in told.event_ids:
                assert not told.at <= instant(record) <= until


@every_seed
def test_a_spray_is_a_machine_over_many_names(seed):
    """Evenly timed, mostly names that do not exist, five failures for each that does, and no success."""
    told, found = truth(seed, Story.SPRAY), events(seed, Story.SPRAY)
    assert told.person is None
    assert {r["responseElements"]["ConsoleLogin"] for r in found} == {"Failure"}
    assert len({instant(b) - instant(a) for a, b in pairwise(found)}) == 1
    names = Counter(r["userIdentity"]["userName"] for r in found)
    hidden = names.pop("HIDDEN_DUE_TO_SECURITY_REASONS")
    assert hidden > sum(names.values())
    assert names == dict.fromkeys(told.victims, 5)
    assert told.victims


@every_seed
def test_a_hijack_leaves_a_key_in_a_strangers_hands(seed):
    """A sign-in without MFA, a key made by that session, calls with that key, some of them refused."""
    told, found = truth(seed, Story.HIJACK), events(seed, Story.HIJACK)
    door, makes, *after = found
    assert (door["eventName"], door["additionalEventData"]["MFAUsed"]) == ("ConsoleLogin", "No")
    assert door["responseElements"] == {"ConsoleLogin": "Success"}
    key, session = told.keys
    assert makes["eventName"] == "CreateAccessKey"
    assert makes["responseElements"]["accessKey"]["accessKeyId"] == key
    assert makes["userIdentity"]["accessKeyId"] == session
    assert makes["userIdentity"]["sessionContext"]["attributes"]["mfaAuthenticated"] == "false"
    assert {r["userIdentity"]["accessKeyId"] for r in after} == {key}
    assert {r["userIdentity"]["userName"] for r in found} == {told.person}
    refused = {r["eventName"] for r in after if "errorCode" in r}
    assert {"AssumeRole", "CreateUser"} <= refused
    assert any("errorCode" not in r for r in after)
    used = {r["userIdentity"].get("accessKeyId") for i, r in by_id(seed).items() if i not in told.event_ids}
    assert not used & set(told.keys)
    assert told.next_call is not None
    assert told.next_call.name not in {r["eventName"] for r in after}


def test_the_told_week_is_of_james_and_rick():
    """Seed 0 is the story people know: 03:00 on Thursday, an hour off shift; 11:00, coming on shift."""
    james, rick = truth(0, Story.OFF_SHIFT_CHANGE), truth(0, Story.FORGOTTEN_PASSWORD)
    assert (james.person, james.account, james.at) == ("james", "production", datetime(2026, 9, 10, 3, tzinfo=UTC))
    assert [r["eventName"] for r in events(0, Story.OFF_SHIFT_CHANGE)] == [
        "DescribeDBInstances",
        "ModifyDBInstance",
        "DescribeDBInstances",
        "RebootDBInstance",
    ]
    change = by_id(0)[james.event_ids[1]]
    assert instant(change) == james.at
    assert change["requestParameters"]["dBInstanceIdentifier"] == "orders-db"
    assert instant(by_id(0)[james.cause_ids[0]]) == james.at - timedelta(hours=48)
    assert (rick.person, rick.at) == ("rick", datetime(2026, 9, 9, 11, tzinfo=UTC))
    assert len(rick.event_ids) == 6


@pytest.mark.parametrize("story", Story)
def test_the_seed_moves_the_facts(story):
    """A detector tuned to one person, hour or place must fail over many weeks."""
    told = [truth(seed, story) for seed in SEEDS]
    assert len({each.at for each in told}) == len(told)
    assert len({each.at.hour for each in told}) >= 3
    assert len({each.network for each in told}) >= 6
    assert len({each.person or each.victims for each in told}) >= 6
    if story is Story.SPRAY:
        assert len({each.account for each in told}) > 1
    if story is Story.OFF_SHIFT_CHANGE:
        assert len({events(seed, story)[1]["eventName"] for seed in SEEDS}) == 3
    assert len({json.dumps([r["eventTime"] for r in events(seed, story)]) for seed in SEEDS}) == len(told)


@pytest.mark.parametrize("story", Story)
def test_each_story_can_be_told_alone(story):
    """One at a time, so that a test of one is not disturbed by another."""
    for seed in range(5):
        week = make_week(TEAM, SHIFTS, START, seed, {story})
        assert [each.story for each in week.truths] == [story]
        assert bool(week.hand_made) == (story is Story.OFF_SHIFT_CHANGE)


def test_strangers_avoid_what_the_team_calls_usual():
    """A team may live anywhere, in the ranges that strangers are drawn from too; one that lives everywhere cannot."""
    wide = replace(TEAM, networks=("45.0.0.0/8", "100.64.0.0/10"))
    for seed in range(3):
        told = make_week(wide, SHIFTS, START, seed, {Story.SPRAY, Story.HIJACK}).truths
        assert {each.network for each in told} == {"192.0.2.0/24", "203.0.113.0/24"}
    with pytest.raises(RefusedError, match="no network is left"):
        make_week(replace(TEAM, networks=("0.0.0.0/0",)), SHIFTS, START, 0, {Story.SPRAY})


def test_a_hijacker_of_the_mighty_still_gets_into_no_role():
    """What the person may do the stranger may too, but a role asks for the second factor."""
    sets = {**TEAM.permission_sets, "reader": replace(TEAM.permission_sets["reader"], allow=("*",))}
    week = make_week(replace(TEAM, permission_sets=sets), SHIFTS, START, 0, {Story.HIJACK})
    theirs = set(week.truths[0].event_ids)
    assert {r["eventName"] for r in records(week) if r["eventID"] in theirs and "errorCode" in r} == {"AssumeRole"}


def test_a_hijacker_is_given_the_second_key_that_exists():
    """What the stand-in really holds is what the trail must name."""
    person = truth(0, Story.HIJACK).person
    account = truth(0, Story.HIJACK).account
    keys = {(account, person): ("AKIAFIRST", "AKIASECOND")}
    week = make_week(TEAM, SHIFTS, START, 0, keys=keys)
    (told,) = [each for each in week.truths if each.story is Story.HIJACK]
    assert (told.person, told.keys[0]) == (person, "AKIASECOND")
