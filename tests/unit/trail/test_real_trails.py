"""Public trails that nobody of this project wrote: nothing lost, and the figures that others found in them."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from tests.teams import HERE, person, team

from watchbill.files.trail_folder import read_folder
from watchbill.team.files import parse
from watchbill.team.model import Account
from watchbill.trail.attribute import attribute
from watchbill.trail.draft import draft_team
from watchbill.trail.model import Method
from watchbill.trail.read import combine, read_file


FIGURES = {
    "invictus": {"files": 55, "records": 2900, "distinct": 2900, "duplicates": 0, "unreadable_files": 0},
    "stratus": {"files": 35, "records": 310, "distinct": 310, "duplicates": 0, "unreadable_files": 0},
    "traildiscover": {"files": 584, "records": 563, "distinct": 314, "duplicates": 249, "unreadable_files": 1},
}

INVICTUS = "123837392027"


@pytest.fixture(scope="module")
def trails(data_dir):
    """Read the three trails."""
    return {name: read_folder(data_dir / "cloudtrail" / name) for name in FIGURES}


@pytest.mark.parametrize("name", FIGURES)
def test_the_counts_are_known_and_add_up(trails, name):
    """Each trail has the number of files and records that its publisher gives."""
    tally = trails[name].tally
    assert {key: getattr(tally, key) for key in FIGURES[name]} == FIGURES[name]
    assert tally.unreadable_records == 0
    assert tally.records == tally.distinct + tally.duplicates
    assert len(trails[name].problems) == tally.unreadable_files


@pytest.mark.parametrize("name", FIGURES)
def test_every_record_is_kept_whole(trails, data_dir, name):
    """Another JSON reader finds the same records, field by field."""
    written = {}
    for path in (data_dir / "cloudtrail" / name).rglob("*"):
        if path.suffix in (".json", ".cloudtrail") and path.name != "events.json" and path.stat().st_size > 2:
            found = json.loads(path.read_bytes())
            listed = found if isinstance(found, list) else found.get("Records", [found])
            written.update({(each["eventID"], json.dumps(each, sort_keys=True)): each for each in listed})
    kept = {(each.id, json.dumps(each.record, sort_keys=True)) for each in trails[name].events}
    assert kept <= set(written)
    assert {event_id for event_id, _ in kept} == {event_id for event_id, _ in written}


def test_what_is_no_trail_is_named(trails):
    """The catalogue beside the examples is JSON, but no event; it is said, not passed over."""
    assert [problem.file for problem in trails["traildiscover"].problems] == ["events.json"]


def test_outcomes_of_invictus(trails):
    """300 calls failed, of which 60 for lack of permission, in two spellings."""
    events = trails["invictus"].events
    assert sum(each.error_code is not None for each in events) == 300
    denied = Counter(each.error_code for each in events if each.outcome == "denied")
    assert denied == {"Client.UnauthorizedOperation": 44, "AccessDenied": 16}


def test_events_are_in_order(trails):
    """33 of the 55 files are not in order of time; what comes out is."""
    times = [each.at for each in trails["invictus"].events]
    assert times == sorted(times)


def test_role_sessions_of_invictus_are_traced(trails):
    """70 of 76 events of role sessions trace to the call that handed out their key; the others are AWS's own roles."""
    named = attribute(trails["invictus"].events, None)
    sessions = [each for each in named if each.event.identity.type == "AssumedRole"]
    assert len(sessions) == 76
    assert sum(each.actor.traced for each in sessions) == 70
    assert {each.actor.method for each in sessions if not each.actor.traced} == {Method.SERVICE}


def test_role_sessions_of_stratus_are_traced_or_nobodys(trails):
    """47 of 68 lead to a person; of the rest the AssumeRole is not in the trail, and nobody is guessed."""
    named = attribute(trails["stratus"].events, None)
    sessions = Counter(each.actor.method for each in named if each.event.identity.type == "AssumedRole")
    assert sessions == {Method.KEY_CHAIN: 47, Method.NONE: 21}


@pytest.mark.parametrize(("name", "people"), [("invictus", 70), ("stratus", 47)])
def test_nobody_is_named_who_did_not_take_the_role(trails, name, people):
    """Each person found is the IAM user whose call handed out the key, by a look at the bare records."""
    records = [each.record for each in trails[name].events]
    keys = {
        answer["credentials"]["accessKeyId"]: each["userIdentity"]
        for each in records
        if isinstance(answer := each.get("responseElements"), dict) and "credentials" in answer
    }
    traced = [each for each in attribute(trails[name].events, None) if each.event.identity.type == "AssumedRole"]
    named, wrong = 0, []
    for each in traced:
        caller = each.event.record["userIdentity"]
        while caller["type"] == "AssumedRole" and caller.get("accessKeyId") in keys:
            caller = keys[caller["accessKeyId"]]
        expected = caller["userName"] if caller["type"] == "IAMUser" else None
        named += each.actor.traced
        wrong += [each] if each.actor.person != expected else []
    assert (named, wrong) == (people, [])


@pytest.mark.parametrize("name", ["invictus", "stratus"])
def test_with_a_source_identity_every_session_has_its_person(trails, name):
    """Where the team demands one, nothing is lost: those whose AssumeRole is missing are named too."""
    events = [
        replace(each, identity=replace(each.identity, source_identity="somebody"))
        for each in trails[name].events
        if each.identity.type == "AssumedRole"
    ]
    found = attribute(events, None)
    assert {(each.actor.person, each.actor.method) for each in found} == {("somebody", Method.SOURCE_IDENTITY)}


def test_one_example_names_nobody(trails):
    """One call of traildiscover has no userIdentity."""
    named = attribute(trails["traildiscover"].events, None)
    assert [each.actor.why for each in named if "userIdentity" not in each.event.record] == ["the record names nobody"]


def test_a_team_names_its_people_and_nobody_else(trails):
    """With the users of invictus in a team file they are named; with another account's number nobody is."""
    users = {each.identity.user_name for each in trails["invictus"].events if each.identity.type == "IAMUser"}
    people = {name: replace(person(f"p{number}"), iam_user=name) for number, name in enumerate(sorted(users - {None}))}
    account = Account("lab", INVICTUS, "production", None, HERE)
    ours = replace(team(), accounts={"lab": account}, people=people)
    theirs = replace(ours, accounts={"lab": replace(account, number="000000000000")})
    assert sum(each.actor.person is not None for each in attribute(trails["invictus"].events, ours)) == 2795
    assert sum(each.actor.person is not None for each in attribute(trails["invictus"].events, theirs)) == 0


@pytest.mark.parametrize("name", FIGURES)
def test_a_draft_names_every_user(trails, name):
    """The draft of a real trail is a valid team file, by which each event of a user has its person."""
    events = trails[name].events
    drafted = parse(draft_team(events).encode(), "watchbill.yaml")
    users = [each for each in attribute(events, drafted) if each.event.identity.type == "IAMUser"]
    assert all(each.actor.person for each in users)


def test_any_cut_of_invictus_is_read_the_same(trails, data_dir):
    """One file of all records, or all files backwards and twice: the same events."""
    files = sorted((data_dir / "cloudtrail" / "invictus" / "CloudTrail").iterdir())
    bodies = [path.read_bytes() for path in files]
    ids = [each.id for each in trails["invictus"].events]
    twice = combine(read_file(f"{number}", body) for number, body in enumerate([*reversed(bodies), *bodies]))
    assert [each.id for each in twice.events] == ids
    assert (twice.tally.records, twice.tally.duplicates) == (5800, 2900)
    whole = combine([read_file("all", b"\n".join(bodies))])
    assert [each.id for each in whole.events] == ids
    assert whole.tally.records == 2900


def test_a_real_file_that_is_cut_keeps_its_beginning(data_dir):
    """Cut anywhere, the largest file gives its first records and says that it breaks off."""
    path = max((data_dir / "cloudtrail" / "invictus" / "CloudTrail").iterdir(), key=lambda each: each.stat().st_size)
    body = path.read_bytes()
    ids = [each["eventID"] for each in json.loads(body)["Records"]]
    for cut in range(20, len(body) - 2, len(body) // 30):
        found = read_file(path.name, body[:cut])
        assert [each.id for each in found.events] == ids[: len(found.events)]
        assert found.records - len(found.events) in (0, 1)
        assert found.problems[0].code == "damaged-file"
