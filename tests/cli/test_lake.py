"""The lake as a person has it: take in, ask, see what is missing, and fetch the evidence."""

import csv
import gzip
import json
from datetime import timedelta

import boto3
import pyarrow.parquet as pq
import pytest
from tests.lakes import log
from tests.teams import MONDAY
from tests.trails import assume_role, record, session, user

from watchbill.trail.table import SCHEMA


RECORDS = [
    record("ec2:DescribeInstances", user("james"), MONDAY, event_id="one"),
    record("ec2:RunInstances", user("james"), MONDAY + timedelta(hours=1), event_id="two", error="AccessDenied"),
    record("s3:GetObject", user("rick"), MONDAY + timedelta(days=3), event_id="three", userAgent="=1+1"),
    assume_role(user("rick"), "oncall", "ASIARICK", MONDAY + timedelta(days=3), event_id="four"),
    record("s3:PutObject", session("oncall", "x", "ASIARICK"), MONDAY + timedelta(days=3, hours=1), event_id="five"),
]


@pytest.fixture
def lake(watchbill, sample, tmp_path):
    """Give a lake of the records, in the folder where commands run."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.json.gz").write_bytes(log(RECORDS))
    (tmp_path / "logs/broken.json.gz").write_bytes(b"\x1f\x8bno more")
    ran = watchbill("trail", "ingest", "logs")
    assert (ran.code, "5 new events" in ran.out, "broken.json.gz" in ran.err) == (0, True, True)
    return tmp_path


def asked(watchbill, *arguments, code=0):
    """Run a command for programs and give its result."""
    ran = watchbill("trail", *arguments, "--json")
    assert ran.code == code, ran.err
    return ran.json["result"]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["james"], ["two", "one"]),
        (["rick"], ["five", "four", "three"]),
        (["rick", "--last", "1"], ["five"]),
        (["ASIARICK"], ["five"]),
        (["198.51.100.7"], ["five", "four", "three", "two", "one"]),
        (["arn:aws:iam::111111111111:user/james", "--last", "1"], ["two"]),
        (["198.51.100.7", "--from", "2026-01-12T00:30:00Z", "--to", "2026-01-15"], ["two"]),
        (["nobody"], []),
    ],
)
def test_a_timeline_is_of_whoever_is_named(lake, watchbill, arguments, ids):
    """A person, with what their sessions did; a key; an address; latest first, within a span."""
    assert [each["id"] for each in asked(watchbill, "timeline", *arguments)] == ids


def test_a_timeline_reads_downwards(lake, watchbill):
    """People read the earliest first, with how we know who it was."""
    ran = watchbill("trail", "timeline", "rick")
    lines = ran.out.splitlines()
    assert "s3.amazonaws.com GetObject" in lines[1]
    assert "key-chain (strong)" in lines[3]
    assert "no event of ada" in watchbill("trail", "timeline", "ada").out


def test_wrong_spans_are_refused(lake, watchbill):
    """A span that is none, and a day that is none, are mistakes of the command line."""
    assert watchbill("trail", "timeline", "rick", "--from", "2026-01-15", "--to", "2026-01-12").code == 64
    ran = watchbill("trail", "timeline", "rick", "--from", "monday")
    assert (ran.code, "`monday`" in ran.err) == (64, True)


def test_what_is_no_log_by_its_name_is_counted(lake, watchbill):
    """A README among the files is passed over, and a folder of such things alone is a mistake."""
    (lake / "logs/README.txt").write_text("not a log", "utf-8")
    assert asked(watchbill, "ingest", "logs")["passed_over"] == 1
    assert "1 passed over" in watchbill("trail", "ingest", "logs").out
    (lake / "none").mkdir()
    (lake / "none/README.txt").write_text("not a log", "utf-8")
    assert watchbill("trail", "ingest", "none").code == 1


def test_sql_reads_the_lake_and_nothing_else(lake, watchbill):
    """One SELECT, its rows cut where they are too many; whatever else is refused."""
    found = asked(watchbill, "sql", "SELECT person, count(*) AS n FROM events GROUP BY person ORDER BY person")
    assert (found["columns"], found["rows"]) == (["person", "n"], [["james", 2], ["rick", 3]])
    assert asked(watchbill, "sql", "SELECT id FROM events", "--rows", "2")["cut"]
    assert "day" in watchbill("trail", "sql", "SELECT day FROM events LIMIT 1").out
    for query in ("SELECT * FROM read_text('/etc/passwd')", "DROP TABLE events", "SELECT getenv('HOME')"):
        ran = watchbill("trail", "sql", query)
        assert (ran.code, ran.out) == (1, "")


def test_an_export_is_what_was_asked_for(lake, watchbill):
    """Columns as Parquet and CSV, records as lines of JSON, each for a span or a person."""
    assert asked(watchbill, "export", "all.parquet")["events"] == 5
    assert pq.read_table("all.parquet").schema.names == SCHEMA.names
    assert asked(watchbill, "export", "rick.csv", "--person", "rick")["events"] == 3
    with (lake / "rick.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [row["id"] for row in found] == ["four", "three", "five"]
    assert found[1]["user_agent"] == "'=1+1", "a spreadsheet would take it for a formula"
    assert asked(watchbill, "export", "x", "--form", "jsonl", "--to", "2026-01-13")["events"] == 2
    lines = [json.loads(line) for line in (lake / "x").read_text("utf-8").splitlines()]
    assert [line["record"]["eventID"] for line in lines] == ["one", "two"]
    assert lines[0]["watchbill"]["person"] == "james"
    assert watchbill("trail", "export", "x.docx").code == 64
    assert watchbill("trail", "export", "no/such/folder.csv").code == 1


def test_the_record_is_the_evidence(lake, watchbill):
    """It comes back byte for byte; an object that was changed since is said to be, by the exit code too."""
    (found,) = asked(watchbill, "record", "two")
    assert json.loads(found["raw"]) == RECORDS[1]
    assert found["unchanged"]
    (lake / "logs/a.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [RECORDS[0], RECORDS[0]]}).encode()))
    (changed,) = asked(watchbill, "record", "two", code=1)
    assert not changed["unchanged"]
    (lake / "logs/a.json.gz").unlink()
    ran = watchbill("trail", "record", "two")
    assert (ran.code, "put the file back" in ran.err) == (1, True)
    assert "no event `none`" in watchbill("trail", "record", "none").err


def test_what_was_broken_is_read_when_it_is_mended(lake, watchbill):
    """A file that could not be read stands in every answer until it can, and is then taken in."""
    ran = watchbill("trail", "timeline", "james", "--json")
    assert [problem["code"] for problem in ran.json["problems"]] == ["unreadable-object"]
    (lake / "logs/broken.json.gz").write_bytes(log([record(event_id="mended", who=user("james"))]))
    assert asked(watchbill, "ingest", "logs")["events"] == 1
    assert watchbill("trail", "timeline", "james", "--json").json["problems"] == []


def test_a_team_file_that_names_more_names_more(lake, watchbill):
    """Whoever was nobody is named when the team file knows them; who was named stays so, in it or not."""
    text = (lake / "watchbill.yaml").read_text("utf-8")
    stranger = record(event_id="six", who=user("eve"))
    (lake / "logs/b.json").write_text(json.dumps({"Records": [stranger]}), "utf-8")
    asked(watchbill, "ingest", "logs")
    assert asked(watchbill, "timeline", "eve") == []
    said = watchbill("trail", "timeline", "eve").out.splitlines()
    assert said[0] == "no event of eve in the lake"
    assert said[1].endswith(
        "user/eve, who is nobody of the team file: watchbill trail timeline " + said[1].split()[2][:-1]
    )
    people = text.replace("people:\n", "people:\n  eve: {name: Eve, email: eve@example.com}\n", 1)
    (lake / "watchbill.yaml").write_text(people, "utf-8")
    assert asked(watchbill, "rename")["renamed_files"] == 1
    assert [each["id"] for each in asked(watchbill, "timeline", "eve")] == ["six"]
    (lake / "watchbill.yaml").write_text(text, "utf-8")
    assert asked(watchbill, "rename")["renamed_files"] == 0
    assert len(asked(watchbill, "timeline", "eve")) == 1


def test_old_events_are_dropped_when_asked(lake, watchbill):
    """Days past what is kept go, and do not come back with the files they were in."""
    kept = asked(watchbill, "ingest", "logs", "--keep", "30")
    assert (kept["dropped_files"] > 0, kept["in_the_lake"], kept["objects"]) == (True, 0, 0)
    assert watchbill("trail", "ingest", "logs", "--keep", "999999999").code == 64


def test_a_lake_in_a_folder_with_a_pattern_for_a_name_is_refused(watchbill, sample, tmp_path):
    """No question could be asked of it: it is said before anything is taken in."""
    (tmp_path / "a.json").write_text(json.dumps({"Records": RECORDS}), "utf-8")
    ran = watchbill("trail", "ingest", "a.json", "--lake", "what?")
    assert (ran.code, "`?`" in ran.err, "--lake" in ran.err) == (1, True, True)
    assert watchbill("trail", "ingest", "a.json", "--lake", "it's 100%").code == 0
    assert watchbill("trail", "sql", "SELECT count(*) FROM events", "--lake", "it's 100%", "--json").json["result"][
        "rows"
    ] == [[5]]


def test_what_was_mended_by_a_team_file_is_on_hosts_too(lake, watchbill):
    """`trail rename` names users of hosts that the team file has come to know."""
    (lake / "auth.log").write_text("Jan 12 09:00:00 web-1 sudo: jim : TTY=pts/0 ; USER=root ; COMMAND=/bin/ls\n")
    asked(watchbill, "ingest", "auth.log", "--hosts", "UTC")
    assert [each["person"] for each in asked(watchbill, "timeline", "jim", "--on", "web-1")] == [None]
    text = (lake / "watchbill.yaml").read_text("utf-8")
    known = text.replace("people:\n", "people:\n  jim: {name: Jim, email: jim@example.com, host_users: [jim]}\n", 1)
    (lake / "watchbill.yaml").write_text(known, "utf-8")
    assert asked(watchbill, "rename")["renamed_files"] == 1
    assert [each["person"] for each in asked(watchbill, "timeline", "jim", "--on", "web-1")] == ["jim"]


def test_without_a_lake_there_is_something_to_try(watchbill, sample):
    """A question before anything was taken in says how to begin."""
    ran = watchbill("trail", "timeline", "james")
    assert (ran.code, "watchbill trail ingest" in ran.err) == (1, True)
    assert watchbill("trail", "ingest", "nowhere").code == 1
    assert watchbill("trail", "ingest", ".", "--host", "web-1").code == 64
    assert "no time zone" in watchbill("trail", "ingest", ".", "--hosts", "Mars/Olympus").err


def test_logs_of_hosts_are_taken_in_with_what_was_assumed(watchbill, sample, tmp_path):
    """Lines without a year and a zone are dated by their file and the zone that was given, and that is said."""
    (tmp_path / "auth.log").write_text("Jan 12 09:00:00 web-1 sudo: james : TTY=pts/0 ; USER=root ; COMMAND=/bin/ls\n")
    ran = watchbill("trail", "ingest", "auth.log", "--hosts", "Europe/Berlin", "--json")
    assert ran.json["result"]["events"] == 1
    assert {problem["code"] for problem in ran.json["problems"]} >= {"assumed-year", "assumed-zone"}
    (event,) = asked(watchbill, "timeline", "james", "--on", "web-1")
    assert event["at"].endswith("-01-12T08:00:00Z")


def test_a_queue_tells_of_objects_and_of_events(watchbill, aws, sample, tmp_path):
    """What it tells of is in the lake before a message is gone; one that cannot be read stays where it is."""
    given = {"endpoint_url": aws, "region_name": "us-east-1"}
    s3, sqs = boto3.client("s3", **given), boto3.client("sqs", **given)
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    s3.create_bucket(Bucket="the-trail")
    tag = s3.put_object(Bucket="the-trail", Key="logs/a.json.gz", Body=log(RECORDS[:2]))["ETag"].strip('"')
    told = {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": "the-trail"}, "object": {"key": "logs/a.json.gz", "eTag": tag}},
            }
        ]
    }
    lost = json.loads(json.dumps(told).replace("a.json", "gone.json"))
    event = {
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.s3",
        "detail": RECORDS[2],
        "id": "1",
        "version": "0",
        "account": "111111111111",
        "time": "2026-01-15T00:00:00Z",
        "region": "eu-west-1",
        "resources": [],
    }
    for body in (told, event, lost):
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(body))
    ran = watchbill("trail", "follow", queue, "--wait", "0", "--json")
    assert ran.json["result"]["events"] == 3
    assert [problem["code"] for problem in ran.json["problems"]] == ["unread-object"]
    left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    assert left["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert asked(watchbill, "ingest", "s3://the-trail/logs")["duplicates"] == 0
    (found,) = asked(watchbill, "record", "two")
    assert json.loads(found["raw"]) == RECORDS[1]


def narrow(monkeypatch):
    """Print as into a terminal of 80 columns."""
    monkeypatch.setattr("watchbill.cli.output._WIDE", 80)


def test_in_a_narrow_terminal_nothing_is_cut(lake, watchbill, monkeypatch):
    """What does not fit as a table has lines of its own: when, and what, are whole; and so is a row of all columns."""
    narrow(monkeypatch)
    lines = watchbill("trail", "timeline", "rick").out.splitlines()
    assert lines[0] == "2026-01-15T00:00:00Z  rick  s3.amazonaws.com GetObject  allowed"
    assert lines[1].startswith("    iam-user (certain), ")
    assert "key-chain (strong)" in lines[-1]
    ran = watchbill("trail", "sql", "SELECT * FROM events WHERE id = 'three'")
    assert [line.split()[0] for line in ran.out.splitlines()] == SCHEMA.names
    assert "…" not in ran.out


def test_a_column_may_have_any_name(lake, watchbill):
    """Markup in the name of a column is shown, and not obeyed."""
    assert watchbill("trail", "sql", 'SELECT 1 AS "[/red]x"').out.splitlines()[0].strip() == "[/red]x"


def test_a_timeline_says_where_it_is_cut(lake, watchbill):
    """Events before the last ones asked for are not left out in silence; and nobody has no table."""
    assert "these are the last 2," in watchbill("trail", "timeline", "rick", "--last", "2").out
    assert "these are the last" not in watchbill("trail", "timeline", "rick").out
    assert watchbill("trail", "timeline", "ada").out == "no event of ada in the lake\n"
    assert watchbill("trail", "timeline", " ").code == 64


@pytest.mark.parametrize("question", [("sql", "SELECT 1 AS one"), ("export", "x.csv"), ("timeline", "rick")])
def test_what_is_unread_is_named_in_each_answer(lake, watchbill, question):
    """An answer that a broken log may be missing from says so."""
    ran = watchbill("trail", *question, "--json")
    assert ["broken.json.gz" in problem["file"] for problem in ran.json["problems"]] == [True]


def test_a_source_that_is_not_there_makes_no_lake(watchbill, sample, tmp_path):
    """A mistyped name leaves nothing behind that later says there is no gap."""
    assert watchbill("trail", "ingest", "nowhere").code == 1
    assert "there is no lake" in watchbill("trail", "coverage").err
    assert not (tmp_path / ".watchbill").exists()


def test_logs_of_hosts_without_their_option_are_told(watchbill, sample, tmp_path):
    """Nothing is read of them as a trail, and what to say is said."""
    (tmp_path / "auth.log").write_text("Mar 27 13:06:56 web-1 sshd[9]: Server listening on 0.0.0.0 port 22.\n")
    ran = watchbill("trail", "ingest", "auth.log")
    assert (ran.code, "say --hosts ZONE" in ran.err) == (1, True)
    assert watchbill("trail", "ingest", "auth.log", "--hosts", "UTC").code == 0
    sample.unlink()  # which declares accounts
    assert "web-1: it has logged nothing since" in watchbill("trail", "coverage").out


def test_coverage_says_of_which_time_it_is(lake, watchbill):
    """No gap is said of a span, never of all time."""
    ran = watchbill("trail", "coverage", "--from", "2026-01-12", "--to", "2026-01-16")
    assert "2026-01-12T00:00:00Z" in ran.out
