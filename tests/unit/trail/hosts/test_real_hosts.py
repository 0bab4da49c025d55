"""Logs of hosts that nobody of this project wrote: the figures and fields that others found in them."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from ruamel.yaml import YAML

from watchbill.trail.hosts.model import HostAction
from watchbill.trail.hosts.read import read_host_file
from watchbill.trail.read import combine


AT = datetime(2017, 4, 21, tzinfo=UTC)

PARSED = ["audit-rhel6", "audit-rhel7", "audit-ubuntu14", "audit-ubuntu16", "audit-ubuntu17", "test2", "test3"]
JOINED = [
    "random-internet",
    "rhel-7-linux-3.10.0",
    "ubuntu-16.04-linux-4.13.0",
    "ubuntu-16.10-linux-4.8.0",
    "ubuntu-17.04-linux-4.10.0",
    "ubuntu-20.04.6-linux-5.15.0-1034-gcp",
    "ubuntu-21.10-linux-5.13",
    "ubuntu-24.04-linux-6.8.0",
]


def read(name, body):
    """Read a file of a host called `h`."""
    return read_host_file(name, body, host="h", zone=UTC, at=AT)


# --- auth.log -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def auth(data_dir):
    """Read the log of a host that was attacked for weeks."""
    return read("auth.log", (data_dir / "linux/auth/auth.log").read_bytes())


def test_the_figures_of_the_log(auth):
    """226 accepted log-ins, 186 sudo commands, 178 invalid users, as its publisher counts them."""
    found = Counter((event.source, event.name) for event in auth.events)
    assert found["sshd", HostAction.LOGIN_ACCEPTED] == 226
    assert found["sudo", HostAction.COMMAND_RUN] == 186
    assert found["sshd", HostAction.INVALID_USER] == 178
    assert sum(1 for event in auth.events if event.record.get("fingerprint") and event.name == "LoginAccepted") == 36


def test_every_failed_login_is_an_event(auth, data_dir):
    """717 lines say so, 85 of them of several at once; counted anew here by nothing but their words."""
    lines = [line for line in (data_dir / "linux/auth/auth.log").read_text().splitlines() if "Failed " in line]
    repeats = [int(line.split("repeated ")[1].split()[0]) for line in lines if "message repeated" in line]
    failed = [event for event in auth.events if event.name == HostAction.LOGIN_FAILED]
    assert (len(lines), len(repeats)) == (717, 85)
    assert len({event.place for event in failed}) == 717
    assert len(failed) == 717 - 85 + sum(repeats) == 1042


def test_every_line_of_the_log_is_accounted_for(auth):
    """Nothing unreadable, each event once, nothing that the lines do not say passed over in silence."""
    assert (auth.lines, auth.unreadable, auth.problems) == (7121, 0, ())
    assert len({event.place.index for event in auth.events}) + sum(auth.not_audited.values()) == 7121
    assert len({event.id for event in auth.events}) == len(auth.events)
    assert [problem.code for problem in auth.assumed] == ["assumed-year", "assumed-zone"]
    assert {event.host for event in auth.events} == {"ip-10-77-20-248"}
    assert (min(e.at for e in auth.events).year, max(e.at for e in auth.events).year) == (2017, 2017)


def test_any_cut_of_the_log_is_the_same(auth, data_dir):
    """Rotated, delivered twice, in whatever order and under whatever names: the same events."""
    lines = (data_dir / "linux/auth/auth.log").read_bytes().splitlines(keepends=True)
    parts = [b"".join(lines[at : at + 1000]) for at in range(0, len(lines), 1000)]
    readings = [read(f"auth.log.{number}", part) for number, part in enumerate([*reversed(parts), *parts])]
    together = combine(readings)
    assert {event.id for event in together.events} == {event.id for event in auth.events}
    assert together.tally.duplicates == len(auth.events)
    assert together.tally.records == together.tally.distinct + together.tally.duplicates


# --- auditd ---------------------------------------------------------------------------------------


def expected(data):
    """Bring the fields of a golden record into ours: they part the security contexts, and leave the rule's key out."""
    found = dict(data)
    for name in ("subj", "obj"):
        parts = [found.pop(f"{name}_{part}", None) for part in ("user", "role", "domain", "level", "category")]
        if any(parts):
            found[name] = ":".join(part for part in parts if part)
    return {name: value for name, value in found.items() if name != "key"}


@pytest.mark.parametrize("name", PARSED)
def test_records_have_the_fields_that_are_expected_of_them(data_dir, name):
    """Each record of each golden file, field by field, with nothing more and nothing less."""
    folder = data_dir / "linux/audit/go_libaudit/auparse"
    golden = json.loads((folder / f"{name}.log.golden").read_text("utf-8"))
    reading = read(name, (folder / f"{name}.log").read_bytes())
    records: dict[tuple[str, str], list[tuple[datetime, dict[str, object]]]] = {}
    for event in reading.events:
        for fields in event.record["records"]:
            key = (event.record["serial"], fields["type"].lower())
            records.setdefault(key, []).append(
                (event.at, {k: v for k, v in fields.items() if k not in ("type", "key")})
            )
    for each in golden:
        if each is None:
            continue
        at, fields = records[str(each["sequence"]), each["record_type"]].pop(0)
        assert abs(at - datetime.fromisoformat(each["@timestamp"])).total_seconds() < 0.001
        wanted = expected(each["data"])
        if each["record_type"] == "login":
            # The golden files translate one of the old numbers and not the others.
            fields = {k: "unset" if v == "4294967295" else v for k, v in fields.items()}
            wanted = {k: "unset" if v == "4294967295" else v for k, v in wanted.items()}
        assert fields == wanted
    assert reading.unreadable == golden.count(None)
    assert not [key for key, left in records.items() if left]


@pytest.mark.parametrize("name", JOINED)
def test_events_have_what_is_expected_of_them(data_dir, name):
    """Each event of each golden file: who, which process, with which arguments, from where, with which result."""
    folder = data_dir / "linux/audit/go_libaudit/aucoalesce"
    texts = YAML(typ="safe").load((folder / f"{name}.yaml").read_text("utf-8"))["tests"]
    golden = {each["test_name"]: each["event"] for each in json.loads((folder / f"{name}.json.golden").read_text())}
    assert set(texts) == set(golden)
    for title, text in texts.items():
        wanted = golden[title]
        reading = read(title, text.encode())
        (event,) = reading.events
        record = event.record
        said: dict[str, set[object]] = {}
        for fields in record["records"]:
            for key, value in fields.items():
                said.setdefault({"comm": "name", "proctitle": "title"}.get(key, key), set()).add(value)
                if fields["type"] == "SOCKADDR":
                    said.setdefault(
                        {"addr": "socket_addr", "port": "socket_port", "family": "socket_family"}.get(key, key), set()
                    ).add(value)
        assert reading.unreadable == 0
        assert record["serial"] == str(wanted["sequence"])
        arguments = wanted["process"].pop("args", [])
        assert record.get("arguments", []) == arguments
        for key, value in {**(wanted.get("data") or {}), **wanted["process"], **wanted["user"]["ids"]}.items():
            assert value in said[key], (title, key)
        result = wanted.get("result", "unknown")
        assert record.get("result", "unknown") == result
        if wanted.get("session"):
            assert (record["ses"] or "unset") == wanted["session"]
        if "source" in wanted and "ip" in wanted["source"] and "socket_addr" not in said:
            assert event.ip == wanted["source"]["ip"]
        # In one file the golden tags are the names that auditd found, since the byte before them is missing.
        if name != "ubuntu-21.10-linux-5.13":
            assert record.get("keys", []) == wanted.get("tags", [])
