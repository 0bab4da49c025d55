"""`serve`: instances as processes of their own, one that leads and one that stands by, told over HTTP and in lines."""

import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import pytest
from tests.lakes import log
from tests.trails import record, user
from tests.workspace import CHANNEL, populate, user_of

from watchbill.cli.function import handler
from watchbill.clock import SystemClock
from watchbill.intervals import parse_instant
from watchbill.ledger.chain import verify
from watchbill.ledger.model import Kind, State
from watchbill.respond.requests import SOON
from watchbill.sim.slack import SlackStandIn
from watchbill.sim.slack.model import APP_TOKEN, BOT_TOKEN


SCHEMAS = Path(__file__).parents[2] / "schemas/output"


def wrong(event_id):
    """Make the record of something that is not Rick's to do then."""
    made = record("iam:CreateAccessKey", user("rick"), event_id=event_id, readOnly=False)
    return {**made, "eventTime": "2026-01-13T02:00:00Z"}


class Serving:
    """An instance that runs, with what it has said so far."""

    def __init__(self, process, err):
        self.process, self._err = process, err

    def lines(self, event=None):
        """Give the lines, or those of an event."""
        text = self._err.read_text().splitlines(keepends=True)
        found = [json.loads(line) for line in text if line.startswith("{") and line.endswith("\n")]
        return [each for each in found if event in (None, each["event"])]

    def until(self, wanted, seconds=60):
        """Wait until something of it is so, and give that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := wanted(self):
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"not so; exit {self.process.poll()}, said {self._err.read_text()}")

    def page(self, path):
        """Give a page: its status and text."""
        place = self.until(lambda each: each.lines("listens"))[0]["place"]
        connection = http.client.HTTPConnection(place, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        found = answer.status, answer.read().decode()
        connection.close()
        return found

    def post(self, path, body, signature):
        """Send what PagerDuty would; give the status of the answer."""
        connection = http.client.HTTPConnection(self.lines("listens")[0]["place"], timeout=60)
        connection.request("POST", path, body, {"X-PagerDuty-Signature": signature})
        status = connection.getresponse().status
        connection.close()
        return status

    def ready(self):
        """Tell whether it is, and what it says of that."""
        status, text = self.page("/readyz")
        return status == 200, json.loads(text)


@pytest.fixture
def serving(place, sample, aws):
    """Give a way to start `serve` in a folder with the sample team and a small trail, on each kind of state."""
    folder = place.folder
    (folder / "logs").mkdir()
    put(folder, "zero", wrong("zero"))

    @contextmanager
    def start(name, *arguments, **environment):
        env = {**os.environ, "WATCHBILL_ACTOR": "james", "AWS_ENDPOINT_URL": aws, **environment}  # noqa: TID251 - what a child is given
        if place.url is not None:
            (folder / "database").write_text(place.url, "utf-8")
            env["WATCHBILL_DATABASE_FILE"] = str(folder / "database")
        out, err = folder / f"{name}.out", folder / f"{name}.err"
        command = [sys.executable, "-m", "watchbill", "serve", "--json", "--state", str(folder), "--every", "1s"]
        command += ["--listen", "127.0.0.1:0", "--trail", "logs", *arguments]
        with out.open("wb") as to, err.open("wb") as errors:
            process = subprocess.Popen(command, cwd=folder, env=env, stdout=to, stderr=errors)
            try:
                yield Serving(process, err)
            finally:
                process.kill()
                process.wait()

    assert sample
    return start


def put(folder, name, *records):
    """Put a file into the trail, whole at once."""
    passing = folder / f".{name}"
    passing.write_bytes(log(records))
    passing.rename(folder / "logs" / f"{name}.json.gz")


@pytest.mark.parametrize("place", [pytest.param("sqlite", marks=pytest.mark.slow), "postgres"], indirect=True)
def test_one_leads_and_another_goes_on_when_it_is_killed(serving, place):
    """Nothing is lost and nothing is raised twice, whoever leads; the ledger is one chain."""
    with serving("one") as one:
        one.until(lambda each: each.lines("pass"))
        (raised,) = [line["raised"] for line in one.lines("pass") if line.get("raised")]
        with serving("other") as other:
            is_ready, told = other.ready()
            assert (is_ready, told["jobs"]) == (True, {})
            assert told["leader"] == one.lines()[0]["instance"]
            put(place.folder, "one", wrong("one"))
            one.until(lambda each: [line for line in each.lines("pass") if line.get("amended") or line.get("raised")])
            one.process.kill()
            one.process.wait()
            put(place.folder, "two", {**wrong("two"), "eventTime": "2026-01-13T02:30:00Z"})
            other.until(lambda each: [line for line in each.lines("pass") if line["events"]])
            assert other.ready()[0]
            assert other.lines("pass")[0]["at"] > one.lines("pass")[-1]["at"]
            other.process.send_signal(signal.SIGTERM)
            assert other.process.wait(60) == 0
            assert [line["event"] for line in other.lines()][-2:] == ["stands by", "stopped"]
    with place.open() as store:
        entries = list(store.ledger.entries())
        assert verify(entries).state is State.INTACT
        # One of Rick's, and one of each account that says nothing: the same in every pass.
        assert [entry.subject for entry in entries if entry.kind == Kind.CASE_RAISED] == raised
        assert len([entry for entry in entries if entry.kind == Kind.LEAD_TAKEN]) == 2
        assert store.leases.holder("leader", SystemClock().now()) is None


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_it_tells_over_http_whether_it_is_well(serving):
    """What it counts has the cases; what could not be read is named, and no page has a case or a person in it."""
    with serving("one") as one:
        one.until(lambda each: each.lines("pass"))
        assert one.page("/healthz") == (200, "lives\n")
        is_ready, told = one.ready()
        assert is_ready
        assert (told["jobs"]["pass"]["fresh"], told["jobs"]["pass"]["error"]) == (True, None)
        status, counted = one.page("/metrics")
        assert status == 200
        assert 'watchbill_job_runs_total{job="pass",result="done"}' in counted
        assert "watchbill_cases{" in counted
        assert "rick" not in counted + json.dumps(told)
        assert one.page("/")[0] == 404


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_systemd_is_told(serving, place):
    """When it is ready, and when it ends; then it answers by its schema."""
    path = place.folder / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        heard.settimeout(60)
        with serving("one", NOTIFY_SOCKET=str(path)) as one:
            assert heard.recv(1000).startswith(b"READY=1\nSTATUS=listens on 127.0.0.1:")
            one.process.send_signal(signal.SIGINT)
            assert heard.recv(1000) == b"STOPPING=1"
            assert one.process.wait(60) == 0
    answer = json.loads((place.folder / "one.out").read_text())
    schema = json.loads((SCHEMAS / "serve.schema.json").read_text("utf-8"))
    jsonschema.validate(answer, schema, format_checker=jsonschema.FormatChecker())
    assert answer["result"]["instance"] == one.lines()[0]["instance"]


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_what_it_is_started_with_is_checked_at_once(serving, place, watchbill):
    """A place that is none, a port that is taken, no team file: each is said, and it ends."""
    for wrong_place in ("localhost", "127.0.0.1:99999", "127.0.0.1:", ":80", "a b:80"):
        ran = watchbill("serve", "--listen", wrong_place)
        assert (ran.code, "is no place" in ran.err) == (64, True), wrong_place
    assert watchbill("serve", "--every", "0s").code == 64
    assert watchbill("serve", "--team", "nowhere.yaml").code == 1
    with serving("one") as one:
        listened = one.until(lambda each: each.lines("listens"))[0]["place"]
        with serving("other", "--listen", listened) as other:
            assert other.process.wait(60) == 1
    assert "could not listen" in (place.folder / "other.out").read_text()


TOKENS = {"WATCHBILL_SLACK_BOT_TOKEN": BOT_TOKEN, "WATCHBILL_SLACK_APP_TOKEN": APP_TOKEN}


def is_all_told(place):
    """Tell whether all that was to be told was, and it is written down that it was."""
    with place.open() as store:
        return not store.outbox.unsent()


@pytest.mark.parametrize("place", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True)
def test_who_is_asked_in_slack_answers_there_and_leads_are_told(serving, place, sample, watchbill):
    """Whichever instance hears the press; while the one that leads is killed and another goes on."""
    with sample.open("a", encoding="utf-8") as file:
        file.write(f"\nslack: {{channel: {CHANNEL}, respond: freeze}}\n")
    with SlackStandIn() as slack:
        populate(slack)
        tokens = {**TOKENS, "WATCHBILL_SLACK_URL": slack.url}
        with serving("one", **tokens) as one, serving("other", **tokens) as other:
            one.until(lambda _: one.lines("leads") or other.lines("leads"))
            leader, standing_by = (one, other) if one.lines("leads") else (other, one)
            leader.until(lambda each: each.lines("pass"))
            with place.open() as store:
                (case_id,) = {row.id for row in store.cases.all() if row.person == "rick"}
            database = {} if place.url is None else {"watchbill_database": place.url}
            where = {"watchbill_actor": "sofia", **database}
            assert watchbill("ask", case_id, "--state", place.folder, **where).code == 0
            (message,) = leader.until(lambda _: slack.direct(user_of("rick")))
            # One that was killed before it wrote that down is asked about, two minutes later.
            leader.until(lambda _: is_all_told(place))
            leader.process.kill()
            leader.process.wait()
            standing_by.until(lambda each: slack.connections == 1)
            told = len(slack.messages(CHANNEL))
            assert slack.press(user_of("rick"), message, "answer:no").is_acknowledged
            standing_by.until(lambda each: len(slack.messages(CHANNEL)) > told)
            standing_by.until(lambda each: each.lines("presses") and not slack.direct(user_of("rick"))[0].buttons)
            standing_by.process.send_signal(signal.SIGTERM)
            assert standing_by.process.wait(60) == 0
        assert len([each for each in slack.direct(user_of("rick")) if each.key == message.key]) <= 1
    with place.open() as store:
        assert store.cases.get(case_id).status == "escalated"
        kinds = [entry.kind for entry in store.ledger.entries()]
        assert (kinds.count(Kind.QUESTION_ANSWERED), kinds.count(Kind.CLICK_WORKED)) == (1, 1)
    said = (place.folder / "one.err").read_text() + (place.folder / "other.err").read_text()
    assert {line[:1] for line in said.splitlines()} == {"{"}
    assert BOT_TOKEN not in said
    assert APP_TOKEN not in said


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_function_of_lambda_answers_as_the_command_does(place, sample, aws, monkeypatch):
    """One pass, on a state of its own."""
    assert sample
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("WATCHBILL_ACTOR", "lambda")
    (place.folder / "logs").mkdir()
    put(place.folder, "zero", wrong("zero"))
    answer = handler({"arguments": ["--trail", "logs"]}, None)
    assert answer["schema"] == "watchbill.run/1"
    assert answer["result"]["taken"]["events"] == 1
    assert aws


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_pass_by_itself_leaves_it_to_the_one_that_leads(serving, place, watchbill):
    """It waits for as long as the lease of one that was killed lasts, and is refused where another goes on."""
    with serving("one") as one:
        one.until(lambda each: each.lines("leads"))
        ran = watchbill("run", "--once", "--state", place.folder)
        assert (ran.code, f"{one.lines()[0]['instance']} leads" in ran.err) == (1, True)
        one.process.kill()
        one.process.wait()
        assert watchbill("run", "--once", "--state", place.folder).code == 0
    assert watchbill("run", "--once", "--every", "10s").code == 64


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_what_was_approved_is_in_aws_within_two_minutes(serving, place, watchbill):
    """Approved by another process while the next pass is an hour off; and PagerDuty is heard where its word is signed."""
    where = ("--state", place.folder, "--team", place.folder / "watchbill.yaml", "--json")
    assert watchbill("apply", "--yes", *where).code == 0
    with serving("one", "--every", "1h", WATCHBILL_PAGERDUTY_WEBHOOK_SECRET="shared") as one:
        one.until(lambda each: each.lines("pass"), 150)
        asked = ("request", "support", "--for", "2h", "--reason", "ticket 42")
        row = watchbill(*asked, *where, watchbill_actor="lee").json["result"]["id"]
        approved = watchbill("requests", "approve", row, *where, watchbill_actor="ada").json["result"]
        one.until(lambda each: [line for line in each.lines("at once") if line.get("effective") == [row]], 120)
        (found,) = watchbill("requests", *where).json["result"]
        begun, done = (parse_instant(each) for each in (approved["start"], found["effective_at"]))
        assert done - begun <= SOON
        assert len(one.lines("pass")) == 1
        right = hmac.new(b"shared", b"{}", "sha256").hexdigest()
        assert [one.post("/pagerduty/events", b"{}", f"v1={each}") for each in (right, "0")] == [202, 401]
        assert "shared" not in str(one.lines())
