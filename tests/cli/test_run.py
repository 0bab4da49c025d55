"""`run`, pass after pass: what is new each time, what fails, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from tests.lakes import log
from tests.trails import record, user


NOW = "2026-01-13T03:00:00Z"
"""James is on watch then, and Rick is not."""


def wrong(event_id, minute=0):
    """Make the record of something that is not Rick's to do then."""
    made = record("iam:CreateAccessKey", user("rick"), event_id=event_id, readOnly=False)
    return {**made, "eventTime": f"2026-01-13T02:{minute:02}:00Z"}


class Going:
    """A run that goes on, and the lines it has printed."""

    def __init__(self, process, out):
        self.process, self._out = process, out

    def lines(self):
        """Give the objects that were printed so far."""
        return [json.loads(line) for line in self._out.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def until(self, wanted, seconds=60):
        """Wait for a pass of which something holds, and give it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for each in self.lines():
                if wanted(each):
                    return each
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"no such pass in {self.lines()}; exit {self.process.poll()}")

    def stop(self, signal_=signal.SIGTERM):
        """Ask it to stop, and give its exit code."""
        self.process.send_signal(signal_)
        return self.process.wait(60)


@pytest.fixture
def going(tmp_path, sample, aws):
    """Give a way to start `run --every` in a process of its own, in a folder with the sample team and a small trail."""
    assert sample
    (tmp_path / "logs").mkdir()
    put(tmp_path, "zero", wrong("zero"))

    @contextmanager
    def start(*arguments, every="1s"):
        out, err = tmp_path / "out", tmp_path / "err"
        env = {**os.environ, "WATCHBILL_AT": NOW, "WATCHBILL_ACTOR": "james", "AWS_ENDPOINT_URL": aws}  # noqa: TID251 - what a child is given
        command = [sys.executable, "-m", "watchbill", "run", "--every", every, *arguments]
        with out.open("wb") as to, err.open("wb") as errors:
            process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=to, stderr=errors)
            try:
                yield Going(process, out)
            finally:
                process.kill()
                process.wait()

    return start


def put(folder, name, *records):
    """Put a file into the trail, whole at once."""
    passing = folder / f".{name}"
    passing.write_bytes(log(records))
    passing.rename(folder / "logs" / f"{name}.json.gz")


def raised(found):
    """Tell whether a pass raised a case or added to one."""
    return bool(found["result"]) and bool(found["result"]["raised"] or found["result"]["amended"])


def codes(found):
    """Give the problems of a pass."""
    return {problem["code"] for problem in found["problems"]}


def test_pass_after_pass_until_somebody_says_to_stop(going, tmp_path):
    """A line for each pass; what comes later is a case in a later one; SIGTERM lets the pass end, and exits with 0."""
    with going("--trail", "logs", "--json") as run:
        first = run.until(raised)
        assert first["schema"] == "watchbill.run/1"
        put(tmp_path, "later", wrong("later", 50))
        later = run.until(lambda each: raised(each) and each["result"]["taken"]["objects"] == 1)
        assert later["result"]["taken"]["events"] == 1
        run.until(lambda each: each["result"]["taken"]["objects"] == 0 and not raised(each))
        assert run.stop() == 0
        assert all(each["result"] for each in run.lines())


def test_people_are_told_only_what_is_new(going, tmp_path):
    """The plan and what is wrong stand there once, however many passes there were; SIGINT ends it too."""
    (tmp_path / "logs/broken.json.gz").write_bytes(b"no log")
    with going("--trail", "logs") as run:
        out, err = tmp_path / "out", tmp_path / "err"
        end = time.monotonic() + 60
        while "raised" not in out.read_text() and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(3)
        assert run.stop(signal.SIGINT) == 0
    said = out.read_text()
    told = [line for line in said.splitlines() if line.startswith("plan ")]
    assert ["waiting" in line for line in told] == [False, True], said
    lines = [line for line in said.splitlines() if line.startswith("raised ")]
    assert lines
    assert len(set(lines)) == len(lines)
    assert err.read_text().count("broken.json.gz") == 1


def test_the_team_file_is_read_anew_and_the_last_good_one_is_kept(going, tmp_path, sample):
    """A person who leaves is gone in the next pass; a file that is broken changes nothing, and that is said."""
    text = sample.read_text("utf-8")
    with going("--trail", "logs", "--json") as run:
        run.until(raised)
        sample.write_text("people: [", "utf-8")
        broken = run.until(lambda each: "kept-team-file" in codes(each))
        assert broken["result"]["plan"]
        assert len(broken["problems"]) > 1
        sample.write_text(text.replace("name: ", "name:  ", 1), "utf-8")
        passes = len(run.lines())
        run.until(lambda each: "kept-team-file" not in codes(each) and run.lines().index(each) >= passes)
        assert run.stop() == 0


def test_a_pass_that_fails_is_said_and_the_next_is_tried(going, tmp_path):
    """The trail is away, and comes back."""
    with going("--trail", "logs", "--json") as run:
        run.until(raised)
        (tmp_path / "logs").rename(tmp_path / "away")
        away = run.until(lambda each: "not-found" in codes(each))
        assert away["result"]["taken"] is None
        (tmp_path / "away").rename(tmp_path / "logs")
        put(tmp_path, "later", wrong("later", 50))
        run.until(lambda each: each["result"]["taken"] and each["result"]["taken"]["objects"] == 1 and raised(each))
        assert run.stop() == 0


def test_without_a_team_file_it_ends_at_once(going, sample):
    """There is nothing to go by, and never was."""
    sample.unlink()
    with going("--json") as run:
        assert run.process.wait(60) == 1


def guardduty(**more):
    """Make a finding of GuardDuty's about Rick's key."""
    key = {"accessKeyId": user("rick")["accessKeyId"], "userName": "rick", "userType": "IAMUser"}
    at = "2026-01-13T02:01:00Z"
    return {
        "accountId": user("rick")["accountId"],
        "id": "f1",
        "type": "UnauthorizedAccess:IAMUser/MaliciousIPCaller",
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": key},
        "service": {"archived": False, "eventFirstSeen": at, "eventLastSeen": at},
        "severity": 5,
        "title": "A key was used from a bad address",
        "createdAt": at,
        "updatedAt": at,
        **more,
    }


def test_what_aws_found_is_on_the_case_once(going, tmp_path):
    """A finding amends the case of its time; read again it says nothing, and updated it amends the case again."""
    (tmp_path / "told").mkdir()
    with going("--trail", "logs", "--findings", "told", "--json") as run:
        assert "no file of findings" in run.until(raised)["problems"][-1]["message"]
        (tmp_path / "told/f.json").write_text(json.dumps(guardduty()))
        run.until(lambda each: bool(each["result"]["amended"]))
        after = len(run.lines())
        run.until(lambda each: len(run.lines()) > after + 2)
        assert not any(raised(each) for each in run.lines()[after:])
        newer = guardduty(updatedAt="2026-01-13T02:30:00Z", title="It goes on")
        (tmp_path / "told/g.json").write_text(json.dumps(newer))
        run.until(lambda _: sum(bool(each["result"]["amended"]) for each in run.lines()) > 1)
        assert run.stop() == 0


@pytest.mark.parametrize("every", ["0s", "10", "s", "-1s", "1d", "10 s", "1.5s", "٣s"])
def test_a_time_that_is_none_is_refused(watchbill, sample, every):
    """With how to write one."""
    assert sample
    ran = watchbill("run", "--every", every)
    assert (ran.code, "write 10s, 5m or 1h" in ran.err) == (64, True)


def test_findings_that_are_not_there_are_refused(watchbill, sample):
    """Nothing read must never look like nothing found."""
    assert sample
    assert watchbill("run", "--findings", "nowhere").code == 1


def test_what_says_nothing_is_refused(watchbill, sample):
    """An exit code that no pass gives, a bucket without a name, a queue that is none."""
    assert sample
    assert watchbill("run", "--every", "1s", "--detailed-exitcode").code == 64
    for command in (("run", "--trail", "s3://"), ("run", "--trail", "s3:///x"), ("trail", "ingest", "s3://")):
        ran = watchbill(*command)
        assert (ran.code, "s3://bucket/prefix" in ran.err) == (64, True)
    for words in (("run", "--queue"), ("trail", "follow")):
        for url in ("queue", "https://sqs", "sqs.us-east-1.amazonaws.com/1/x", "https://x y/1/q"):
            ran = watchbill(*words, url)
            assert (ran.code, "get-queue-url" in ran.err) == (64, True)


def test_what_is_our_own_is_not_taken_in(watchbill, sample, tmp_path):
    """`trail ingest .` and `trail hosts .` in the folder that the state lies in read none of it."""
    assert sample
    (tmp_path / "a.json.gz").write_bytes(log([wrong("one")]))
    assert watchbill("trail", "ingest", "a.json.gz").code == 0
    (tmp_path / ".watchbill" / "x.json").write_text("{")
    (tmp_path / ".watchbill" / "x.log").write_text("Jan 12 12:00:00 web1 sshd[1]: Accepted password for a from 1.2.3.4")
    ran = watchbill("trail", "ingest", ".", "--json")
    assert (ran.code, ran.json["result"]["objects"], ran.json["problems"]) == (0, 0, [])
    (tmp_path / ".watchbill" / "logs").mkdir()
    (tmp_path / ".watchbill" / "logs" / "b.json.gz").write_bytes(log([wrong("two")]))
    assert watchbill("trail", "ingest", ".watchbill/logs", "--json").json["result"]["events"] == 1
    (tmp_path / "auth.log").write_text("Jan 12 12:00:00 web1 sshd[1]: Accepted password for ann from 1.2.3.4 port 2\n")
    ran = watchbill("trail", "hosts", ".", "--json")
    assert ".watchbill" not in ran.out
    assert "state" not in ran.err


def test_much_that_is_new_is_audited_to_its_end_by_one_run(watchbill, sample, aws, tmp_path, monkeypatch):
    """However many passes that takes, it is one answer, with every case in it."""
    assert sample
    assert aws
    (tmp_path / "logs").mkdir()
    for day in range(5):
        made = {**wrong(f"day {day}"), "eventTime": f"2026-01-{13 + day}T02:00:00Z"}
        put(tmp_path, f"{day}", made)
    for name in ("FIRST", "PIECE", "A_PASS"):
        monkeypatch.setattr(f"watchbill.service.audit.{name}", 1)
    ran = watchbill("run", "--trail", "logs", "--json", watchbill_at="2026-01-19T00:00:00Z")
    found = ran.json["result"]
    assert found["taken"]["events"] == 5
    assert len(set(found["raised"])) == len(found["raised"])
    of_rick = [each for each in watchbill("cases", "--json").json["result"] if "rick" in json.dumps(each)]
    assert {each["id"] for each in of_rick} <= set(found["raised"])
    assert len(of_rick) == 5
