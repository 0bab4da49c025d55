"""Cases out of the state by command: as documents, to a webhook, to a collector, to Security Hub."""

import base64
import json
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import jsonschema
import msgspec
import pytest
from tests.serving import Serving, reply
from tests.unit.alerts.export.samples import case

from watchbill.cli.commands import export as commands
from watchbill.cli.commands.export import ExportedView, SentView
from watchbill.cli.main import cli
from watchbill.cli.output import Envelope
from watchbill.store.database import open_store
from watchbill.store.rows import CaseRow


AT = datetime(2026, 1, 15, 3, 12, tzinfo=UTC)
NOW = "2026-01-15T05:12:00Z"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def run(watchbill, monkeypatch, tmp_path, sample):
    """Give the command line over a state of one open and one closed case."""
    for command in commands.COMMANDS:
        monkeypatch.setitem(cli.commands, command.name, command)
    with open_store(tmp_path / ".watchbill") as store:
        for each, status in ((case(), "open"), (case(id="C-done", kind="sign-in", severity="low"), "closed")):
            payload = msgspec.json.encode(each).decode()
            row = CaseRow(each.id, AT, AT + timedelta(minutes=5), status, each.severity, "james", "", payload)
            store.cases.put(row)
    return lambda *arguments, **environment: watchbill(*arguments, watchbill_at=NOW, **environment)


def lines(ran):
    """Read one document a line."""
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def check(ran, result):
    """Take what was printed by the type that it is printed from."""
    (found,), parts = msgspec.json.schema_components([Envelope[result]], ref_template="#/$defs/{name}")  # type: ignore[valid-type]
    jsonschema.validate(ran.json, {**found, "$defs": parts})
    return ran.json


def test_json_lines(run):
    """The open ones, or all of them."""
    assert [line["id"] for line in lines(run("export", "cases", "--format", "jsonl"))] == ["C-1a2b3c"]
    every = lines(run("export", "cases", "--format", "jsonl", "--all"))
    assert [(line["id"], line["status"]) for line in every] == [("C-1a2b3c", "open"), ("C-done", "closed")]


def test_the_insider_story_is_in_no_document(run):
    """It is for named people, and a SIEM is read by many."""
    for form in ("jsonl", "ocsf", "asff"):
        ran = run("export", "cases", "--format", form, "--all", "--account", "production")
        assert ran.code == 0, ran.err
        assert "C-1a2b3c" in ran.out
        assert "insider" not in ran.out


def test_a_security_lead_is_shown_no_insider_in_their_own_case(run, sample):
    """The other one is."""
    text = sample.read_text("utf-8")
    sample.write_text(text.replace("security_leads: [sofia, ada]", "security_leads: [sofia, james]"), "utf-8")
    for actor, sees in (("sofia", True), ("james", False), ("rick", False)):
        ran = run("case", "C-1a2b3c", "--json", watchbill_actor=actor)
        assert ran.code == 0, ran.err
        assert ("insider" in ran.out) == sees


def test_ocsf(run):
    """One document a line."""
    (document,) = lines(run("export", "cases", "--format", "ocsf"))
    assert (document["class_uid"], document["finding_info"]["uid"]) == (2004, "C-1a2b3c")


def test_asff_is_what_the_cli_of_aws_takes(run, sample):
    """One document of all findings, for an account of the team, by its name or number."""
    number = json.loads(run("export", "cases", "--format", "asff", "--account", "production").out)["Findings"][0][
        "AwsAccountId"
    ]
    assert number in sample.read_text()
    again = run("export", "cases", "--format", "asff", "--account", number, "--region", "eu-west-1")
    assert f":eu-west-1:{number}:product/{number}/default" in again.out
    wrong = run("export", "cases", "--format", "asff", "--account", "999999999999")
    assert wrong.code == 1
    assert "no account `999999999999`" in wrong.err


def test_prometheus(run):
    """Counts of all cases; the age is as of now."""
    ran = run("export", "cases", "--format", "prometheus")
    assert ran.code == 0
    assert 'watchbill_cases{kind="sign-in",severity="low",status="closed"} 1.0' in ran.out
    assert "watchbill_oldest_open_case_age_seconds 7200.0" in ran.out


def test_into_a_file(run, tmp_path):
    """What went into a file is not printed again."""
    ran = run("export", "cases", "--format", "ocsf", "-o", tmp_path / "out.jsonl")
    assert ran.out == f"1 cases written to {tmp_path / 'out.jsonl'}\n"
    assert json.loads((tmp_path / "out.jsonl").read_text())["class_uid"] == 2004
    ran = run("export", "cases", "--format", "jsonl", "-o", tmp_path / "out.jsonl", "--json")
    assert check(ran, ExportedView)["result"] == {
        "form": "jsonl",
        "cases": 1,
        "file": str(tmp_path / "out.jsonl"),
        "documents": [],
        "text": None,
    }


def test_for_programs(run):
    """One object with the documents in it."""
    found = check(run("export", "cases", "--format", "jsonl", "--json"), ExportedView)
    assert found["schema"] == "watchbill.export-cases/1"
    assert [each["id"] for each in found["result"]["documents"]] == ["C-1a2b3c"]
    found = check(run("export", "cases", "--format", "prometheus", "--json"), ExportedView)
    assert found["result"]["text"].startswith("# HELP")


class Posted(Serving):
    """Takes what is posted."""

    def __init__(self, status=200):
        self.bodies: list[Any] = []

        def answer(request):
            self.bodies.append(json.loads(request.rfile.read(int(request.headers["Content-Length"]))))
            reply(b"", status)(request)

        super().__init__(answer)
        handler = self._server.RequestHandlerClass
        handler.do_POST = handler.do_GET  # type: ignore[attr-defined]


def test_to_a_webhook(run, tmp_path):
    """Signed, each with the id of its state; the secret and the address may come from files."""
    with Posted() as serving:
        url = serving.url("/secret-path")
        ran = run("send", "cases", "--webhook", url, "--json", watchbill_webhook_secret=SECRET)
        (tmp_path / "url").write_text(url + "\n")
        (tmp_path / "secret").write_text(SECRET + "\n")
        again = run("send", "cases", "--webhook", f"@{tmp_path / 'url'}", "--secret-file", tmp_path / "secret", "--all")
    assert ran.code == again.code == 0
    found = check(ran, SentView)["result"]
    assert (found["to"], found["not_taken"]) == (f"http://127.0.0.1:{serving.port}", 0)
    assert found["cases"][0]["id"] == serving.asked[0].headers["webhook-id"] == serving.asked[1].headers["webhook-id"]
    assert [body["type"] for body in serving.bodies] == ["case.updated", "case.updated", "case.closed"]
    assert serving.bodies[0]["data"]["schema"] == "watchbill.case/1"
    assert again.out == f"2 of 2 cases sent to http://127.0.0.1:{serving.port}\n"
    for shown in (ran.out, ran.err, again.out, again.err):
        assert "secret-path" not in shown
        assert SECRET not in shown


def test_what_a_webhook_does_not_take_is_an_error(run):
    """By its case, and the exit code says so."""
    with Posted(400) as serving:
        ran = run("send", "cases", "--webhook", serving.url(), watchbill_webhook_secret=SECRET)
    assert ran.code == 1
    assert "case `C-1a2b3c` was not taken" in ran.err
    assert "0 of 1 cases sent" in ran.out


def test_to_a_collector(run):
    """One datagram a case."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(5)
        ran = run("send", "cases", "--syslog", f"udp://127.0.0.1:{listening.getsockname()[1]}", "--enterprise", "4711")
        data = listening.recv(65536)
    assert ran.code == 0
    assert b'[watchbill@4711 id="C-1a2b3c"' in data
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    lost = run("send", "cases", "--syslog", f"tcp://127.0.0.1:{port}")
    assert (lost.code, "may be lost" in lost.err) == (1, True)


def test_to_security_hub(run, aws, tmp_path):
    """Into the account that is named, updated in place."""
    client = boto3.client("securityhub", endpoint_url=aws, region_name="eu-west-1")
    client.enable_security_hub()
    number = boto3.client("sts", endpoint_url=aws, region_name="us-east-1").get_caller_identity()["Account"]
    team = (tmp_path / "watchbill.yaml").read_text()
    told = json.loads(run("export", "cases", "--format", "asff", "--account", "production").out)["Findings"][0]
    (tmp_path / "watchbill.yaml").write_text(team.replace(told["AwsAccountId"], number))
    ran = run("send", "cases", "--security-hub", "production", "--region", "eu-west-1", "--all")
    assert ran.code == 0, ran.err
    assert f"2 of 2 cases sent to Security Hub of production ({number}) in eu-west-1" in ran.out
    run("send", "cases", "--security-hub", number, "--region", "eu-west-1")
    found = client.get_findings()["Findings"]
    assert {(each["Id"], each["RecordState"]) for each in found} == {
        ("watchbill/case/C-1a2b3c", "ACTIVE"),
        ("watchbill/case/C-done", "ARCHIVED"),
    }


def test_a_dry_run_sends_nothing(run):
    """It says what would go where."""
    with Posted() as serving:
        ran = run("send", "cases", "--webhook", serving.url(), "--dry-run", watchbill_webhook_secret=SECRET)
    assert serving.asked == []
    assert "C-1a2b3c updated: james changed prod" in ran.out
    assert f"1 cases would go to http://127.0.0.1:{serving.port}" in ran.out
    collector = run("send", "cases", "--syslog", "udp://192.0.2.1", "--dry-run", "--json")
    assert check(collector, SentView)["result"]["dry_run"] is True
    assert run("send", "cases", "--security-hub", "production", "--dry-run").code == 0


@pytest.mark.parametrize("places", [(), ("--webhook", "https://a.example/", "--syslog", "udp://b.example")])
def test_one_place_is_named(run, places):
    """Neither none nor two."""
    assert run("send", "cases", *places, watchbill_webhook_secret=SECRET).code == 64


def test_a_secret_is_needed_and_http_is_refused(run, tmp_path):
    """What is wrong is said without the address and the secret."""
    for arguments, said in (
        (("--webhook", "https://siem.example/hook-secret"), "has no secret"),
        (("--webhook", "http://siem.example/hook-secret"), "without https"),
        (("--webhook", "https://siem.example/hook-secret", "--secret-file", tmp_path / "none"), "could not read"),
    ):
        ran = run("send", "cases", *arguments)
        assert ran.code == 1
        assert said in ran.err
        assert "hook-secret" not in ran.out + ran.err
