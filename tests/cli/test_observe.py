"""`observe`: what the file would have denied over a while, event by event; on real trails, and without a write."""

import json
from collections import Counter
from datetime import timedelta

from botocore.client import BaseClient
from tests.cli.scenes import hijacked, on_stage, trail_of
from tests.states import Place
from tests.teams import MONDAY
from tests.trails import record, user

from watchbill.demo.stage import START


HELD = """permission_sets:
  reader: {allow: ["s3:Get*", "s3:List*", "ec2:Describe*", "iam:List*", "iam:Get*"]}
groups:
  readers:
    members: [bert-jan]
    access: [{permission_set: reader, accounts: [account-1]}]
"""
AT = {"watchbill_at": "2023-07-11T00:00:00Z"}
NOON = {"watchbill_at": "2026-01-12T12:00:00Z"}


def records_of(folder):
    """Read every record of a trail, by nothing of ours."""
    for path in sorted(folder.rglob("*.json")):
        yield from json.loads(path.read_text("utf-8"))["Records"]


def files_in(folder):
    """Give every file by when it was written, and every folder: SQLite puts files beside its own while it is read."""
    return {path: path.stat().st_mtime_ns if path.is_file() else None for path in folder.rglob("*")}


def test_a_real_trail_by_a_drafted_file(watchbill, data_dir, tmp_path):
    """Nobody holds anything by a draft: each call of each person is listed once, by count and by id."""
    trail = data_dir / "cloudtrail/invictus/CloudTrail"
    assert watchbill("init", "--from-trail", trail).code == 0
    ran = watchbill("observe", "--trail", trail, "--json", "--detailed-exitcode", **AT)
    assert ran.code == 2, ran.err
    found = ran.json["result"]
    records = list(records_of(trail))
    users = {"benjamin", "bert-jan", "stratus-red-team-nmfalu-gfjyeaypjt"}
    by_key = {}
    for each in records:
        made = (each.get("responseElements") or {}).get("credentials") or {}
        if (
            each["eventName"].startswith(("AssumeRole", "GetSessionToken"))
            and made
            and each["userIdentity"].get("userName") in users
        ):
            by_key[made["accessKeyId"]] = each["userIdentity"]["userName"]
    mine = [each for each in records if each["userIdentity"].get("userName") in users]
    sessions = [
        each
        for each in records
        if each["userIdentity"].get("type") == "AssumedRole" and each["userIdentity"].get("accessKeyId") in by_key
    ]
    listed = Counter(each["event_id"] for each in found["denied"])
    assert set(listed.values()) == {1}
    # Sign-ins, GetCallerIdentity and the like take no permission.
    free = sum(each["free"] for each in found["people"])
    judged = sum(
        each["denied"] + each["allowed"] + sum(o["events"] for o in each["not_judgeable"]) for each in found["people"]
    )
    assert judged + free == len(mine) + len(sessions)
    asked = {
        each["eventID"]
        for each in [*mine, *sessions]
        if each["eventName"] not in ("GetCallerIdentity", "ConsoleLogin", "CheckMfa")
    }
    assert listed.keys() == asked
    denied = {each["eventID"] for each in records if each.get("errorCode") in ("AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation", "UnauthorizedOperation")}  # fmt: skip
    anyway = {each["event_id"] for each in found["denied"] if each["outcome"] == "denied"}
    assert anyway == denied & listed.keys()
    assert sum(each["refused_anyway"] for each in found["people"]) == len(anyway) > 0
    assert found["events"] == len(records) == 2900
    assert [each["person"] for each in found["people"] if each["locked_out"]] == ["benjamin", "bert-jan"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["watchbill.yaml"]


def test_what_a_set_gives_is_not_denied(watchbill, data_dir, tmp_path):
    """By a file that gives somebody to read: what begins so is theirs, and nothing else is."""
    trail = data_dir / "cloudtrail/invictus/CloudTrail"
    assert watchbill("init", "--from-trail", trail).code == 0
    file = tmp_path / "watchbill.yaml"
    text = file.read_text("utf-8").replace("permission_sets: {}\ngroups: {}\n", HELD)
    file.write_text(text, "utf-8")
    ran = watchbill("observe", "--trail", trail, "--json", **AT)
    assert ran.code == 0, ran.err
    found = ran.json["result"]
    (reader,) = [each for each in found["people"] if each["person"] == "bert-jan"]
    records = [each for each in records_of(trail) if each["userIdentity"].get("userName") == "bert-jan"]
    names = Counter((each["eventSource"].partition(".")[0], each["eventName"]) for each in records)
    described = sum(count for (source, name), count in names.items() if source == "ec2" and name.startswith("Describe"))
    assert reader["allowed"] >= described > 0
    still = {each["action"] for each in found["denied"] if each["person"] == "bert-jan"}
    assert not [action for action in still if action.startswith(("ec2:Describe", "iam:List", "iam:Get"))]
    assert any(action.startswith("iam:Create") for action in still)
    assert not reader["locked_out"]


def test_against_aws_it_reads_and_writes_nothing(watchbill, aws, tmp_path, monkeypatch):
    """The week of the demo: what AWS does not have is gained, and the hijacker's calls are listed; not one is written."""
    stage = on_stage(aws, tmp_path)
    (tmp_path / "none").mkdir()
    (tmp_path / "none/a.json").write_text('{"Records": []}', "utf-8")
    at = {"watchbill_at": stage.clock.now().isoformat()}
    gained = watchbill("observe", "--trail", tmp_path / "none", "--aws", "--json", **at).json["result"]["access"][
        "gained"
    ]
    assert any(line.startswith("james gains prod-oncall in production") for line in gained)
    assert [path.name for path in (tmp_path / ".watchbill").glob("*")] == []
    assert watchbill("apply", "--yes", **at).code == 0
    truth = hijacked(stage)
    trail = trail_of(stage, tmp_path)
    before = files_in(tmp_path)
    team = stage.app.observe(stage.team)
    called, call = [], BaseClient._make_api_call  # noqa: SLF001 - every call of boto3 goes through it

    def logged(client, operation, parameters):
        called.append(operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", logged)
    at = {"watchbill_at": stage.clock.now().isoformat()}
    ran = watchbill("observe", "--trail", trail, "--aws", "--since", "7d", "--json", **at)
    assert ran.code == 0, ran.err
    found = ran.json["result"]
    assert called
    assert [
        each for each in called if not each.startswith(("Get", "List", "AssumeRole", "GenerateCredentialReport"))
    ] == []
    assert stage.app.observe(stage.team) == team
    assert files_in(tmp_path) == before
    assert set(truth.event_ids) & {each["event_id"] for each in found["denied"]}
    assert found["unknown"] or found["machines"]
    assert START.isoformat() < found["end"]
    shown = watchbill("observe", "--trail", trail, "--aws", "--since", "7d", **at).out
    assert "beside the file: james in production: policy legacy-prod-admin" in shown
    assert watchbill("observe", "--since", "soon").code == 64


def test_what_was_approved_beside_the_file_counts(watchbill, sample, aws, tmp_path):
    """A call within a grant that a lead approved is not denied; one before it or after it is."""
    assert watchbill("apply", "--yes", **NOON).code == 0
    ran = watchbill(
        "request",
        "security-audit",
        "--account",
        "production",
        "--for",
        "2h",
        "--reason",
        "x",
        "--json",
        watchbill_actor="lee",
        **NOON,
    )
    assert watchbill("requests", "approve", ran.json["result"]["id"], watchbill_actor="ada", **NOON).code == 0
    made = [record("iam:ListUsers", user("lee"), MONDAY + timedelta(hours=h), event_id=f"at {h}") for h in (11, 13, 15)]
    trail = tmp_path / "trail"
    trail.mkdir()
    (trail / "a.json").write_text(json.dumps({"Records": made}), "utf-8")
    ran = watchbill("observe", "--trail", trail, "--json", watchbill_at="2026-01-13T12:00:00Z")
    assert ran.code == 0, ran.err
    assert [each["event_id"] for each in ran.json["result"]["denied"]] == ["at 11", "at 15"]
    (lee,) = ran.json["result"]["people"]
    assert (lee["person"], lee["allowed"]) == ("lee", 1)


def test_a_state_of_an_older_watchbill_is_left_as_it_is(watchbill, sample, aws, tmp_path):
    """It would be another's no more: an older service that goes by it would refuse it."""
    assert watchbill("apply", "--yes", **NOON).code == 0
    (tmp_path / "trail").mkdir()
    (tmp_path / "trail/a.json").write_text('{"Records": []}', "utf-8")
    with Place(tmp_path / ".watchbill", None).past_the_store().begin() as state:
        state.exec_driver_sql("UPDATE alembic_version SET version_num = '0013'")
    before = files_in(tmp_path)
    ran = watchbill("observe", "--trail", tmp_path / "trail", **NOON)
    assert ran.code != 0
    assert "is from an older watchbill" in ran.err
    assert files_in(tmp_path) == before


def test_what_the_trail_has_nothing_of_is_said_in_words(watchbill, sample, tmp_path):
    """Which account, since when, and why that is a gap."""
    (tmp_path / "a.json").write_text('{"Records": []}', "utf-8")
    ran = watchbill("observe", "--trail", "a.json", "--since", "2d", **NOON)
    said = "nothing at all of a declared account, 2026-01-10T12:00:00Z - 2026-01-12T11:45:00Z"
    assert f"nothing is known of what was done in account 111111111111: {said}\n" in ran.err
