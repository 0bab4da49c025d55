"""`trail hosts`: every line of a host's logs is accounted for, and every event has a person or the reason why not."""

import gzip
import os

import pytest

from watchbill.cli.commands.hosts import hosts
from watchbill.cli.commands.trail import trail


LOG = """\
Mar 27 13:08:09 web1 sshd[1361]: Accepted publickey for james from 192.0.2.7 port 54259 ssh2: RSA SHA256:x
Mar 27 13:08:09 web1 sshd[1361]: pam_unix(sshd:session): session opened for user james by (uid=0)
Mar 27 13:09:37 web1 sudo:    james : TTY=pts/0 ; PWD=/home/james ; USER=root ; COMMAND=/usr/bin/id
Mar 27 13:09:38 web1 sshd[1400]: message repeated 3 times: [ Failed password for root from 198.51.100.9 port 22 ssh2]
Mar 27 13:10:00 web1 CRON[77]: (root) CMD (true)
not a line of syslog
"""


@pytest.fixture(autouse=True)
def registered():
    """Make the command part of `trail`, as the command line has it."""
    if "hosts" not in trail.commands:
        trail.add_command(hosts)


@pytest.fixture
def logs(tmp_path):
    """Write a small folder of logs that were last written at the end of March 2026."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for name, body in (("auth.log", LOG.encode()), ("auth.log.1.gz", gzip.compress(LOG.encode(), mtime=0))):
        (folder / name).write_bytes(body)
        os.utime(folder / name, (1774915200, 1774915200))
    return folder


def test_every_line_is_accounted_for(watchbill, logs):
    """Lines are of events, not audited, or unreadable and named; a file delivered twice gives nothing twice."""
    ran = watchbill("trail", "hosts", logs, "--json", watchbill_at="2026-04-01T00:00:00Z")
    assert ran.code == 0
    found = ran.json["result"]
    assert (found["files"], found["lines"], found["unreadable_lines"]) == (2, 12, 2)
    assert (found["events"], found["duplicates"]) == (6, 6)
    assert found["not_audited"] == [{"program": "CRON", "lines": 2}]
    assert {"source": "sshd", "name": "LoginFailed", "events": 3} in found["actions"]
    assert [(p["file"], p["line"]) for p in ran.json["problems"] if p["code"] == "unreadable-line"] == [
        ("auth.log", 6),
        ("auth.log.1.gz", 6),
    ]
    assert found["hosts"] == [
        {"host": "web1", "events": 6, "first": "2026-03-27T13:08:09Z", "last": "2026-03-27T13:09:38Z"}
    ]


def test_what_is_assumed_is_said(watchbill, logs):
    """The year and the zone stand in no line: the answer names what they were taken for."""
    ran = watchbill(
        "trail", "hosts", logs / "auth.log", "--zone", "America/New_York", "--json", watchbill_at="2026-04-01T00:00:00Z"
    )
    assert ran.json["result"]["hosts"][0]["first"] == "2026-03-27T17:08:09Z"
    said = {problem["code"]: problem["message"] for problem in ran.json["problems"]}
    assert "2026" in said["assumed-year"]
    assert "America/New_York" in said["assumed-zone"]


def test_people_are_shown_with_how_they_are_known(watchbill, logs, sample):
    """A user of hosts that the team file gives to a person is that person, and what they do after is theirs."""
    text = sample.read_text("utf-8")
    sample.write_text(text.replace("james: {", "james: {host_users: [james], ", 1), "utf-8")
    ran = watchbill("trail", "hosts", logs / "auth.log", watchbill_at="2026-04-01T00:00:00Z")
    assert ran.code == 0
    assert "6 lines in 1 files: 6 events + 0 duplicates, 1 lines not audited, 1 unreadable" in ran.out
    assert "james: 3 events, 3 by host-user" in ran.out
    assert "nobody known: 3 events" in ran.out


def test_a_zone_that_is_none_is_wrong_usage(watchbill, logs):
    """A mistyped zone must not be taken for UTC."""
    assert watchbill("trail", "hosts", logs, "--zone", "Europe/Lodnon").code == 64
    assert watchbill("trail", "hosts", logs, "--zone", "../etc/passwd").code == 64


def test_nothing_to_read_is_an_error(watchbill, tmp_path):
    """Nothing read must never look like nothing found."""
    (tmp_path / "empty").mkdir()
    assert watchbill("trail", "hosts", tmp_path / "empty").code == 1
    assert watchbill("trail", "hosts", tmp_path / "absent").code == 1


def test_a_file_that_is_no_host_log_is_named(watchbill, logs):
    """One odd file in the folder costs only itself."""
    (logs / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    ran = watchbill("trail", "hosts", logs, "--json", watchbill_at="2026-04-01T00:00:00Z")
    assert [each["file"] for each in ran.json["result"]["unreadable"]] == ["photo.png"]
    assert ran.json["result"]["events"] == 6


def test_the_real_log_is_accounted_for(watchbill, data_dir):
    """The published log of a host that was attacked for weeks: every figure that others found in it."""
    ran = watchbill("trail", "hosts", data_dir / "linux/auth/auth.log", "--json")
    found = ran.json["result"]
    actions = {(each["source"], each["name"]): each["events"] for each in found["actions"]}
    assert found["lines"] == 7121
    assert found["unreadable_lines"] == 0
    assert actions["sshd", "LoginAccepted"] == 226
    assert actions["sudo", "CommandRun"] == 186
    assert actions["sshd", "InvalidUser"] == 178
    assert sum(each["events"] for each in found["nobody"]) == found["events"]
