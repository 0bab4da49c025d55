"""Any file of a host: its form is found out, any bytes are survived, and any delivery gives the same events."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.trail.hosts.model import Form, HostAction
from watchbill.trail.hosts.read import read_host_file
from watchbill.trail.read import combine


AT = datetime(2026, 4, 21, 12, 0, tzinfo=UTC)

SYSLOG = "Mar 27 13:08:09 web1 sshd[7]: Failed password for root from 198.51.100.9 port 4 ssh2\n"
AUDITD = "type=SYSCALL msg=audit(1774616889.100:479): arch=c000003e syscall=59 success=yes exit=0 auid=1000 ses=3\n"
ENTRY = {
    "__REALTIME_TIMESTAMP": "1774616889100200",
    "__CURSOR": "s=1;i=2",
    "_HOSTNAME": "web1",
    "SYSLOG_IDENTIFIER": "sshd",
    "_COMM": "sshd",
    "_PID": "7",
    "_UID": "0",
    "MESSAGE": "Failed password for root from 198.51.100.9 port 4 ssh2",
}
JOURNALD = json.dumps(ENTRY) + "\n"
EVENT = {
    "ID": "1774616889.100:479",
    "NODE": "web1",
    "SYSCALL": {
        "arch": "0xc000003e", "syscall": 59, "success": "yes", "exit": 0, "ppid": 1, "pid": 77, "auid": 1000, "uid": 0,
        "ses": 3, "comm": "id", "exe": "/usr/bin/id", "key": "exec", "ARCH": "x86_64", "SYSCALL": "execve", "AUID": "ada",
        "UID": "root", "ARGV": ["0x1", "0x2"],
    },
    "EXECVE": {"argc": 2, "ARGV": ["id", "-n%20%c3%a9"]},
    "CWD": {"cwd": "/home/ada"},
    "PATH": [{"item": 0, "name": "/usr/bin/id"}, {"item": 1, "name": "/lib/ld.so"}],
    "PROCTITLE": {"ARGV": ["id", "-n"]},
    "PARENT_INFO": {"exe": "/usr/bin/bash"},
}  # fmt: skip
LAUREL = json.dumps(EVENT) + "\n"
FORMS = [(Form.SYSLOG, SYSLOG), (Form.AUDITD, AUDITD), (Form.JOURNALD, JOURNALD), (Form.LAUREL, LAUREL)]


def read(body, name="log", host=None, limit=1 << 30):
    """Read bytes or text as a file."""
    data = body.encode() if isinstance(body, str) else body
    return read_host_file(name, data, host=host, zone=UTC, at=AT, limit=limit)


# --- forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "text"), FORMS)
def test_the_form_is_found_out(form, text):
    """Nobody has to say what a file is: not plain, not packed, not with Windows' ends of lines."""
    plain = read(text)
    assert (plain.form, len(plain.events), plain.problems[1:]) == (form, 1, ())
    packed, windows = read(gzip.compress(text.encode(), mtime=0)), read("\ufeff" + text.replace("\n", "\r\n"))
    assert [event.id for event in plain.events] == [event.id for event in packed.events]
    assert [event.id for event in plain.events] == [event.id for event in windows.events]


@pytest.mark.parametrize(("form", "text"), FORMS)
def test_an_export_of_cloudwatch_is_what_was_logged(form, text):
    """It puts a time of its own before each line: the events are those of the file itself."""
    exported = read("".join(f"2026-03-27T14:00:00.123Z {line}\n" for line in text.splitlines()))
    assert exported.form == form
    assert [event.id for event in exported.events] == [event.id for event in read(text).events]


def test_an_empty_file_is_an_empty_log():
    """A rotation leaves them: nothing is wrong, and nothing is in it."""
    for body in ("", "\n\n"):
        found = read(body)
        assert (found.readable, found.form, found.lines, found.problems) == (True, None, 0, ())


@pytest.mark.parametrize(
    "body", [b"\x89PNG\r\n\x1a\n", b"<html>Access Denied</html>\n", b'{"Records": []}', b"\x1f\x8b"]
)
def test_what_is_no_log_of_a_host_is_named(body):
    """It is a file that could not be read, not one with nothing in it."""
    found = read(body)
    assert (found.readable, found.events, [problem.code for problem in found.problems]) == (
        False,
        (),
        ["unreadable-file"],
    )


# --- journald -------------------------------------------------------------------------------------


def entry(**changed):
    """Give the line of an entry with some fields changed; None takes one out."""
    return json.dumps({name: value for name, value in {**ENTRY, **changed}.items() if value is not None})


def test_an_entry_of_a_journal():
    """Time to the microsecond, the host, and who and what journald itself says."""
    (event,) = read(entry(_AUDIT_LOGINUID="1000", _AUDIT_SESSION="4294967295")).events
    assert event.at == datetime(2026, 3, 27, 13, 8, 9, 100200, tzinfo=UTC)
    assert (event.source, event.name, event.host, event.ip) == ("sshd", HostAction.LOGIN_FAILED, "web1", "198.51.100.9")
    assert (event.record["pid"], event.record["auid"], event.record["ses"]) == ("7", "1000", None)
    assert read(entry()).assumed == ()


def test_values_of_a_journal_in_every_shape():
    """Bytes, several values, several of bytes, and none: as the export writes them."""
    text = ENTRY["MESSAGE"]
    as_bytes = list(text.encode())
    for message in (text, as_bytes, [text, "another"], [as_bytes, as_bytes]):
        assert [event.name for event in read(entry(MESSAGE=message)).events] == [HostAction.LOGIN_FAILED]
    odd = read(entry(MESSAGE=list(b"Invalid user a\xff from 192.0.2.1"))).events[0]
    assert odd.identity.user_name == "a\\xff"
    odd_ones: tuple[object, ...] = (None, [], {}, 7, [300, 1], [[]])
    for other in odd_ones:
        found = read(entry() + "\n" + entry(MESSAGE=other) + "\n" + json.dumps({**ENTRY, "MESSAGE": other}))
        assert len(found.events) + found.unreadable == 3, other


def test_an_entry_that_another_program_wrote_is_disputed():
    """`logger -t sshd` is open to everybody: what it says must not become a log-in."""
    forged = entry(_COMM="logger", MESSAGE="Accepted password for root from 192.0.2.1 port 1 ssh2")
    (event,) = read(forged).events
    assert (event.name, event.identity.user_name, event.ip) == (HostAction.DISPUTED, None, None)
    assert "logger" in event.error_message
    assert read(entry(_COMM="sshd-session", SYSLOG_IDENTIFIER="sshd-session")).events[0].name == HostAction.LOGIN_FAILED


@pytest.mark.parametrize("time", [None, "x", "", "-5", "99999999999999999999", [], "1774616889100200.5", "٣"])
def test_an_entry_without_a_time_is_unreadable(time):
    """When it was is not guessed."""
    found = read(entry() + "\n" + entry(__REALTIME_TIMESTAMP=time))
    assert [(problem.code, problem.line) for problem in found.problems] == [("unreadable-line", 2)]


def audit_entry(kind, body, serial="479", **changed):
    """Give an entry by which journald passes a record of the audit system on."""
    return entry(
        _TRANSPORT="audit",
        SYSLOG_IDENTIFIER="audit",
        _COMM=None,
        _AUDIT_TYPE_NAME=kind,
        _AUDIT_ID=serial,
        __REALTIME_TIMESTAMP="1774616889900000",
        _SOURCE_REALTIME_TIMESTAMP="1774616889100000",
        MESSAGE=f"{kind} {body}",
        **changed,
    )


def test_records_that_journald_took_in_itself_are_auditds():
    """Where no auditd runs, the kernel's records are entries of the journal: one event, the same as auditd's own."""
    call = 'arch=c000003e syscall=59 success=yes exit=0 pid=77 auid=1000 uid=0 ses=3 exe="/usr/bin/id" key="exec"'
    lines = [audit_entry("SYSCALL", call), entry(), audit_entry("EXECVE", 'argc=2 a0="id" a1=2D6E20C3A9')]
    found = read("\n".join(lines))
    audited, failed = sorted(found.events, key=lambda event: event.source)
    record = "type={} msg=audit(1774616889.100:479): {}".format
    (raw,) = read(record("SYSCALL", call) + "\n" + record("EXECVE", 'argc=2 a0="id" a1=2D6E20C3A9'), host="web1").events
    assert (audited.id, audited.at, audited.host, audited.name) == (raw.id, raw.at, "web1", HostAction.PROGRAM_RUN)
    assert {**audited.record, "raw": ""} == {**raw.record, "raw": ""}
    assert audited.record["raw"] == f"{lines[0]}\n{lines[2]}"
    assert (failed.source, found.lines, found.unreadable, found.not_audited) == ("sshd", 3, 0, {})


@pytest.mark.parametrize("serial", [None, "", "x", "9" * 19, "\u0663"])
def test_a_record_without_a_serial_is_no_record(serial):
    """It can be joined to nothing: the entry is counted under the name that it calls itself."""
    found = read(entry() + "\n" + audit_entry("SYSCALL", "arch=c000003e", serial))
    assert (len(found.events), found.not_audited) == (1, {"audit": 1})


def test_what_was_disputed_is_not_shared():
    """Two equal entries have records of their own, also inside."""
    forged = entry(_COMM="logger", MESSAGE="pam_unix(sshd:session): session opened for user root by (uid=0)")
    one, two = read(f"{forged}\n{forged}").events
    assert one.record["said"] == two.record["said"]
    assert one.record["said"] is not two.record["said"]


# --- laurel ---------------------------------------------------------------------------------------


def test_an_event_of_laurel_says_what_auditd_says():
    """The same words as for raw records, so that nothing after need know which it was."""
    (event,) = read(LAUREL).events
    raw = read_host_file(
        "audit.log",
        b"node=web1 type=SYSCALL msg=audit(1774616889.100:479): arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=77"
        b' auid=1000 uid=0 ses=3 comm="id" exe="/usr/bin/id" key="exec"\x1dARCH=x86_64 SYSCALL=execve AUID="ada" UID="root"\n'
        b'node=web1 type=EXECVE msg=audit(1774616889.100:479): argc=2 a0="id" a1=2D6E20C3A9\n'
        b'node=web1 type=CWD msg=audit(1774616889.100:479): cwd="/home/ada"\n'
        b"node=web1 type=PROCTITLE msg=audit(1774616889.100:479): proctitle=6964002D6E\n",
        host=None,
        zone=UTC,
        at=AT,
    ).events[0]
    alike = ("auid", "ses", "uid", "pid", "exe", "comm", "cwd", "syscall", "result", "arguments", "proctitle", "keys")
    assert {name: event.record[name] for name in alike} == {name: raw.record[name] for name in alike}
    assert (event.name, event.at, event.host, event.identity, event.outcome) == (
        raw.name, raw.at, raw.host, raw.identity, raw.outcome,
    )  # fmt: skip
    assert [each["type"] for each in event.record["records"]].count("PATH") == 2


def test_a_line_that_is_no_event_of_laurel_is_named():
    """One bad line costs only itself."""
    found = read(
        LAUREL + '{"ID": "x"}\n{"ID": 7}\n[]\n{"ID": "1774616889.100:480", "SYSCALL": null, "PATH": [1, null]}\n'
    )
    assert [problem.line for problem in found.problems if problem.code == "unreadable-line"] == [2, 3, 4]
    assert len(found.events) == 2


# --- packing, and bytes of any kind ---------------------------------------------------------------


def test_members_of_gzip_follow_one_another():
    """Two packed files put together are both read; what comes after is said."""
    packed = gzip.compress(SYSLOG.encode(), mtime=0)
    other = gzip.compress(SYSLOG.replace("13:08", "13:09").encode(), mtime=0)
    assert len(read(packed + other).events) == 2
    assert read(packed + b"\0" * 512).problems == ()
    assert [problem.code for problem in read(packed + b"junk").problems] == ["damaged-gzip"]


def test_a_cut_gzip_keeps_what_came_before():
    """Whole lines before the cut are events; the line that was cut is named; and the cut is."""
    lines = [
        SYSLOG.replace("port 4", f"port {number * 7919 % 60000}").replace("09 web1", f"{number % 60:02} web1")
        for number in range(3000)
    ]
    packed = gzip.compress("".join(lines).encode(), mtime=0)
    whole = [event.id for event in read("".join(lines)).events]
    found = read(packed[: len(packed) // 2])
    assert 0 < len(found.events) < 3000
    assert found.problems[0].code == "damaged-gzip"
    assert [event.id for event in found.events] == whole[: len(found.events)]
    assert found.unreadable <= 1


def test_a_bomb_does_not_fill_the_memory():
    """Inflating stops at the limit, and that is said."""
    found = read(gzip.compress(SYSLOG.encode() * 100_000, mtime=0), limit=100_000)
    assert [(problem.code, problem.line) for problem in found.problems] == [
        ("damaged-gzip", None),
        ("unreadable-line", 100_000 // len(SYSLOG) + 1),
    ]
    assert len(found.events) == 100_000 // len(SYSLOG)
    assert [problem.code for problem in read(SYSLOG * 10, limit=100).problems] == ["unreadable-file"]


def test_a_very_long_line_costs_only_itself():
    """A line of two megabytes is named, and the next one is read."""
    for _, text in FORMS:
        found = read(text + "x" * (2 << 20) + "\n" + text)
        assert [(problem.line, problem.code) for problem in found.problems if problem.code != "no-host"] == [
            (2, "unreadable-line")
        ]
        assert len({event.record["raw"] for event in found.events}) == 1


def test_a_file_of_bad_lines_names_the_first_and_counts_the_rest():
    """A wrong file of millions of lines must not become millions of problems."""
    found = read(SYSLOG + "x\n" * 20_000)
    assert (found.unreadable, len(found.problems)) == (20_000, 10_001)
    assert found.problems[-1].message == "10000 more lines cannot be read, the last of them line 20001"


@given(st.binary(max_size=200))
def test_no_bytes_raise(junk):
    """Whatever is in a file, alone or between good lines: nothing raises, and every line is accounted for."""
    read(junk)
    for _, text in FORMS:
        found = read(text.encode() + junk + b"\n" + text.encode())
        assert found.readable
        assert found.records
        assert all(problem.file == "log" for problem in found.problems)


PIECES = st.sampled_from(
    [
        "Mar 27 13:08:09 web1 ", "sshd[7]: ", "sudo: ", "su[1]: ", "pam_unix(sshd:session): ", "Failed password for ",
        "invalid user ", "root", " from ", "198.51.100.9", " port ", "4", " ssh2", ": RSA SHA256:x", " : ", "TTY=x ; ",
        "USER=", "COMMAND=", "message repeated 3 times: [ ", "]", "type=SYSCALL ", "msg=audit(1.000:1): ", "a0=", "a1[0]=",
        '"', "'", "msg='", "auid=-1 ", "saddr=0200", "key=41", "\x1d", "argc=9 ", "type=EXECVE ", "\n", "(", ")", "{", "}",
        '{"ID":"1.000:1",', '"EXECVE":{"ARGV":["%', '"__REALTIME_TIMESTAMP":"1"', "٣", "\ud7ff", "\\", "#035", "=", " ",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30))
def test_no_pieces_of_real_lines_raise(pieces):
    """Bytes that look like the real thing go deeper than any junk."""
    for _, text in FORMS:
        found = read(text + "".join(pieces) + "\n", host="h")
        assert found.readable
        json.dumps([event.record for event in found.events])


# --- delivery -------------------------------------------------------------------------------------

LINES = st.lists(
    st.builds(
        "Mar 27 13:08:0{} web{} sshd[{}]: {}\n".format,
        st.integers(0, 2),
        st.integers(1, 2),
        st.integers(1, 2),
        st.sampled_from(
            [
                "Invalid user a from 192.0.2.1",
                "Invalid user b from 192.0.2.1",
                "message repeated 2 times: [ Invalid user a from 192.0.2.1]",
            ]
        ),
    ),
    max_size=12,
)


@given(LINES, st.integers(0, 3))
def test_a_file_that_is_delivered_again_gives_nothing_twice(lines, times):
    """Renamed by a rotation, packed, longer than before: equal lines of one file stay as many as they are."""
    body = "".join(lines)
    once = {event.id for event in read(body).events}
    assert len(once) == sum(2 if "repeated" in line else 1 for line in lines)
    again = [read(body, f"log.{number}") for number in range(times)]
    shorter = read("".join(lines[: len(lines) // 2]), "log.0")
    packed = read(gzip.compress(body.encode(), mtime=0), "log.1.gz")
    assert {event.id for event in combine([shorter, packed, *again]).events} == once


def test_two_equal_lines_that_a_rotation_parted_are_one_event():
    """Nothing in them tells two from one that was delivered twice; in one file they are two."""
    assert len(combine([read(SYSLOG, "log.1"), read(SYSLOG, "log")]).events) == 1
    assert len(read(SYSLOG + SYSLOG).events) == 2


def test_what_two_logs_of_a_host_say_is_two_events():
    """A line of syslog and an entry of the journal are two records of one log-in: ship one of them."""
    assert len(combine([read(SYSLOG, "auth.log"), read(JOURNALD, "journal")]).events) == 2


@given(st.permutations(range(8)), st.integers(0, 8))
def test_order_and_splitting_change_nothing(order, cut):
    """Different lines, in any order and in any two files: the same events."""
    lines = [f"Mar 27 13:08:0{number} web1 sshd[1]: Invalid user a from 192.0.2.1\n" for number in range(8)]
    straight = {event.id: event.at for event in read("".join(lines)).events}
    mixed = [lines[number] for number in order]
    parts = [read("".join(mixed[:cut]), "a"), read("".join(mixed[cut:]), "b")]
    assert {event.id: event.at for event in combine(parts).events} == straight
