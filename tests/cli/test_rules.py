"""Rules as a person runs them: what they match, whether their tests pass, and what is wrong with them."""

import gzip
import json

import jsonschema
import pytest
from tests.lakes import log
from tests.teams import MONDAY
from tests.trails import record, user

from watchbill.cli.schemas import output_schemas


RULE = """
title: {title}
id: {id}
level: high
logsource: {{product: aws, service: cloudtrail}}
detection: {{s: {{eventName: {name}}}, condition: s}}
"""
IDS = [f"5c2f5d5e-4d36-4d2e-9d3c-0d6a6f1f0c1{n}" for n in range(3)]
TESTED = """watchbill:
  tests:
    - {name: it is, hits: 1, events: [{eventName: PutObject}, {eventName: GetObject}]}
"""
RECORDS = [
    record("s3:PutObject", user("james"), MONDAY, event_id="one"),
    record("s3:GetObject", user("james"), MONDAY, event_id="two"),
]


@pytest.fixture
def rules(tmp_path):
    """Put three rules, one broken file and a correlation by title into a folder."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "1.yml").write_text(RULE.format(title="Put", id=IDS[0], name="putobject") + TESTED)
    (folder / "2.yml").write_text(RULE.format(title="Never", id=IDS[1], name="NoSuchCall"))
    (folder / "3.yml").write_text("title: Broken\nlogsource: {product: aws}\ndetection: {s: {a|no: b}, condition: s}\n")
    (folder / "4.yml").write_text(
        "title: Puts\ncorrelation: {type: event_count, rules: [Put], timespan: 1h, condition: {gte: 1}}\n"
    )
    return folder


@pytest.fixture
def trail(tmp_path):
    """Put a trail into a folder: one file delivered again, a record without an id, a file that is none, a host's log."""
    folder = tmp_path / "trail"
    folder.mkdir()
    bare = {field: value for field, value in RECORDS[0].items() if field not in ("eventID", "userIdentity")}
    (folder / "a.json.gz").write_bytes(log(RECORDS))
    (folder / "b.json.gz").write_bytes(log(RECORDS))
    (folder / "c.json.gz").write_bytes(log([bare, RECORDS[1]]))
    (folder / "broken.json").write_text("{")
    (folder / "README.md").write_text("no trail")
    (folder / "auth.log").write_text(
        "2026-01-12T10:00:00Z web-1 sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2\n"
    )
    return folder


def asked(ran, name):
    """Give what a command answered, taken by its schema."""
    jsonschema.validate(ran.json, output_schemas()[name], format_checker=jsonschema.FormatChecker())
    return ran.json if isinstance(ran.json, list) else ran.json["result"]


def test_every_rule_is_listed_with_its_hits(watchbill, rules, trail):
    """As delivered, duplicates too; what matches nothing and what could not be loaded is there as well."""
    ran = watchbill("rules", "run", rules, trail, "--json")
    found = {each["title"]: each for each in asked(ran, "rules-run")}
    assert list(found) == ["Put", "Never", "Puts", "Broken"]
    put = found["Put"]
    bare = f"{trail / 'c.json.gz'}#0"
    assert (put["id"], put["hits"], put["event_ids"], put["duplicates"]) == (IDS[0], 3, ["one", "one", bare], 1)
    assert "error" not in put
    assert (found["Never"]["hits"], found["Never"]["event_ids"]) == (0, [])
    assert (found["Puts"]["hits"], found["Puts"]["event_ids"]) == (1, ["one"])
    assert "no" in found["Broken"]["error"]
    assert str(trail / "broken.json") in ran.err
    assert ran.code == 0


def test_rules_for_other_records_run_and_match_nothing(watchbill, trail, tmp_path):
    """They are listed without an error, which is for what cannot be loaded; that nothing is read for them is said."""
    okta = RULE.format(title="Okta", id=IDS[0], name="putobject").replace("aws, service: cloudtrail", "okta")
    (tmp_path / "okta.yml").write_text(okta)
    ran = watchbill("rules", "run", tmp_path / "okta.yml", trail, "--json")
    (found,) = asked(ran, "rules-run")
    assert (found["hits"], "error" in found) == (0, False)
    assert "not read here" in ran.err


def odd_records():
    """Give records that all put an object, each odd in one way."""
    whole = RECORDS[0]
    return [
        {**whole, "eventID": "no-time", "eventTime": None},
        {**whole, "eventID": "odd-time", "eventTime": "yesterday"},
        {**whole, "eventID": "number-time", "eventTime": 1768212000},
        {**whole, "eventID": "nobody", "userIdentity": None},
        {**whole, "eventID": "text-identity", "userIdentity": "james"},
        {**whole, "eventID": "list-name", "eventName": ["PutObject"]},
        {**whole, "eventID": "bare-source", "eventSource": None, "awsRegion": None, "eventVersion": None},
        {"eventID": "only-name", "eventName": "PutObject"},
    ]


def written(form, records):
    """Write records in one of the forms in which they are delivered."""
    lines = [json.dumps(each) for each in records]
    enveloped = [
        {"version": "0", "id": "e", "detail-type": "AWS API Call via CloudTrail", "detail": r} for r in records
    ]
    match form:
        case "records":
            return json.dumps({"Records": records}).encode()
        case "gzip":
            return gzip.compress(json.dumps({"Records": records}).encode())
        case "array":
            return json.dumps(records).encode()
        case "lines":
            return "\n".join(lines).encode()
        case "events":
            return "\n".join(map(json.dumps, enveloped)).encode()
        case _:
            return b"\xef\xbb\xbf" + "".join(json.dumps({"Records": [each]}) for each in records).encode()


@pytest.mark.parametrize("form", ["records", "gzip", "array", "lines", "events", "one after the other"])
def test_odd_records_count_in_every_form(watchbill, rules, tmp_path, form):
    """Each as delivered, by the id of its event where it has one, whatever else it lacks; with two copies of the file."""
    trail = tmp_path / "odd"
    (trail / "again").mkdir(parents=True)
    records = odd_records()
    for place in (trail / "a.json", trail / "again/a.json"):
        place.write_bytes(written(form, [*records, records[3]]))
    found = {each["title"]: each for each in asked(watchbill("rules", "run", rules, trail, "--json"), "rules-run")}
    expected = sorted([each["eventID"] for each in [*records, records[3]]] * 2)
    assert (found["Put"]["hits"], sorted(found["Put"]["event_ids"])) == (len(expected), expected)


def test_people_get_a_table(watchbill, rules, trail):
    """What matched most stands first, and the rest is counted."""
    ran = watchbill("rules", "run", rules, trail)
    assert "Put " in ran.out
    assert "2 of 4 rules match, 1 could not be run, over 7 records" in ran.out


def test_in_a_lake_each_event_counts_once(watchbill, rules, trail, sample):
    """The folder of the lake, or the state folder that it lies in."""
    assert sample.exists()
    (trail / "broken.json").unlink()
    assert watchbill("trail", "ingest", trail).code == 0
    for place in (".watchbill", ".watchbill/lake"):
        found = {each["title"]: each for each in asked(watchbill("rules", "run", rules, place, "--json"), "rules-run")}
        assert (found["Put"]["hits"], found["Put"]["event_ids"], found["Put"]["duplicates"]) == (1, ["one"], 0)
        assert found["Puts"]["hits"] == 1
    both = watchbill("rules", "run", rules, ".watchbill", trail, "--json")
    assert {each["title"]: each["hits"] for each in asked(both, "rules-run")}["Put"] == 4


def test_rules_for_hosts_run_on_their_logs(watchbill, trail, tmp_path):
    """In the same folder as CloudTrail, each rule on what it is for."""
    (tmp_path / "ssh.yml").write_text(
        "title: Refused\nlogsource: {product: linux, service: sshd}\ndetection: {s: [failed password], condition: s}\n"
    )
    (found,) = asked(watchbill("rules", "run", tmp_path / "ssh.yml", trail, "--json"), "rules-run")
    assert (found["hits"], len(found["event_ids"])) == (1, 1)


def test_lines_of_a_host_are_no_records_of_cloudtrail(watchbill, tmp_path):
    """Not those that are no events either, though they are JSON."""
    lines = [
        {"_HOSTNAME": "web-1", "SYSLOG_IDENTIFIER": "sudo", "MESSAGE": "james : COMMAND=/bin/ls", "_COMM": "sudo"},
        {"_HOSTNAME": "web-1", "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": "up"},
    ]
    stamped = [json.dumps({**line, "__REALTIME_TIMESTAMP": "1768212000000000"}) for line in lines]
    (tmp_path / "journal.json").write_text("\n".join([*stamped, '{"MESSAGE": "cut']))
    (tmp_path / "any.yml").write_text(
        "title: Any\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: null}, condition: s}\n"
    )
    ran = watchbill("rules", "run", tmp_path / "any.yml", tmp_path / "journal.json", "--json")
    (found,) = asked(ran, "rules-run")
    assert found["hits"] == 0
    assert "journal.json:3" in ran.err


def test_a_trail_that_is_not_there_is_an_error(watchbill, rules):
    """Nothing looked at must never look like nothing found."""
    assert watchbill("rules", "run", rules, "nowhere").code == 1
    assert watchbill("rules", "run", rules).code == 64


def test_tests_beside_rules(watchbill, rules):
    """They pass or fail; a rule that does not load fails too, and nothing to try is no success."""
    ran = watchbill("rules", "test", rules, "--json")
    result = asked(ran, "rules-test")
    assert [(each["title"], each["passed"]) for each in result["tests"]] == [("Put", True)]
    assert (result["untested"], ran.code) == (["Never", "Puts"], 1)
    (rules / "3.yml").unlink()
    assert watchbill("rules", "test", rules).code == 0
    (rules / "1.yml").write_text((rules / "1.yml").read_text().replace("hits: 1", "hits: 2"))
    ran = watchbill("rules", "test", rules)
    assert (ran.code, "1 hits, not 2" in ran.out) == (1, True)
    (rules / "1.yml").unlink()
    (rules / "4.yml").unlink()
    assert watchbill("rules", "test", rules).code == 1


def test_the_doctor_tells_flaws_and_costs(watchbill, rules, trail):
    """By themselves, and with a trail."""
    (rules / "5.yml").write_text(RULE.format(title="Twin", id=IDS[2], name="PutObject"))
    result = asked(watchbill("rules", "doctor", rules, "--json"), "rules-doctor")
    assert [(flaw["code"], flaw["title"]) for flaw in result["flaws"]] == [("same-logic", "Twin")]
    assert (result["rules"], result["correlations"], result["failed"], result["costs"]) == (3, 1, 1, [])
    result = asked(watchbill("rules", "doctor", rules, trail, "--json"), "rules-doctor")
    assert {cost["title"]: cost["hits"] for cost in result["costs"]}.get("Put", 2) == 2
    assert result["records"] > 0
    assert "`Twin`" in watchbill("rules", "doctor", rules, trail).out


def test_the_list_has_correlations_too(watchbill, rules):
    """With whether they run on CloudTrail."""
    views = asked(watchbill("rules", "list", rules, "--json"), "rules-list")
    assert [(view["title"], view["runs"]) for view in views] == [("Put", True), ("Never", True), ("Puts", True)]


@pytest.mark.parametrize("name", ["invictus", "stratus", "traildiscover"])
def test_published_hits(data_dir, watchbill, name):
    """57 rules on a real trail, by the command: exactly what two other engines found on the records as delivered."""
    expected = json.loads((data_dir / f"sigma/expected/hits57_{name}.json").read_text("utf-8"))
    ran = watchbill("rules", "run", data_dir / "sigma/sigmahq_cloudtrail", data_dir / "cloudtrail" / name, "--json")
    found = asked(ran, "rules-run")
    assert len(found) == 57
    assert {each["title"]: each["hits"] for each in found if each["hits"]} == expected
    assert all(len(each["event_ids"]) == each["hits"] for each in found)
