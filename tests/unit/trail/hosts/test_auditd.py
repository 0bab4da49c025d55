"""The audit system: records of one event are joined, their values decoded, and the kernel's word is above a program's."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchbill.trail.hosts.auditd import FieldReader, _by_form, read_fields
from watchbill.trail.hosts.model import HostAction
from watchbill.trail.hosts.read import read_host_file
from watchbill.trail.model import Outcome


AT = datetime(2026, 4, 21, 12, 0, tzinfo=UTC)

SUDO = [
    "type=SYSCALL msg=audit(1774616889.100:479): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=2"
    ' ppid=1 pid=77 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm="id" exe="/usr/bin/id" key="exec"',
    'type=EXECVE msg=audit(1774616889.100:479): argc=3 a0="id" a1=2D6E20C3A9 a2="x"',
    'type=CWD msg=audit(1774616889.100:479):  cwd="/home/ada"',
    'type=PATH msg=audit(1774616889.100:479): item=0 name="/usr/bin/id" inode=1 nametype=NORMAL',
    "type=PROCTITLE msg=audit(1774616889.100:479): proctitle=6964002D6E",
    "type=EOE msg=audit(1774616889.100:479): ",
]


def read(*lines, host="web1"):
    """Read records as one file."""
    return read_host_file("audit.log", "\n".join(lines).encode() + b"\n", host=host, zone=UTC, at=AT)


def test_records_of_one_event_are_one_event():
    """Who logged in, what ran with which arguments, where: all from records that share a serial."""
    reading = read(*SUDO)
    (event,) = reading.events
    assert (event.source, event.name, event.outcome) == ("auditd", HostAction.PROGRAM_RUN, Outcome.ALLOWED)
    assert event.at == datetime(2026, 3, 27, 13, 8, 9, 100000, tzinfo=UTC)
    record = event.record
    assert (record["auid"], record["ses"], record["uid"], record["exe"]) == ("1000", "3", "0", "/usr/bin/id")
    assert record["arguments"] == ["id", "-n é", "x"]
    assert (record["cwd"], record["proctitle"], record["keys"]) == ("/home/ada", "id -n", ["exec"])
    assert [each["type"] for each in record["records"]] == ["SYSCALL", "EXECVE", "CWD", "PATH", "PROCTITLE"]
    assert record["raw"] == "\n".join(SUDO)
    assert event.identity.principal_id == "1000"
    assert (reading.lines, reading.records, reading.unreadable) == (6, 1, 0)


@given(st.permutations(range(12)))
def test_interleaved_and_disordered_records_are_the_same_events(order):
    """Two events whose records lie in any order among each other are the same two, by id too."""
    other = [line.replace(":479)", ":480)").replace("ses=3", "ses=4") for line in SUDO]
    straight = read(*SUDO, *other).events
    lines = [*SUDO, *other]
    mixed = read(*(lines[number] for number in order)).events
    assert {event.id for event in mixed} == {event.id for event in straight}
    assert {event.record["ses"]: event.record["arguments"] for event in mixed} == {
        "3": ["id", "-n é", "x"],
        "4": ["id", "-n é", "x"],
    }


def test_node_and_time_part_equal_serials():
    """A serial begins anew at each boot, and every host has its own."""
    lines = [
        "node=a type=EOE msg=audit(1.000:1): ",
        "node=b type=EOE msg=audit(1.000:1): ",
        "node=a type=EOE msg=audit(2.000:1): ",
    ]
    assert sorted(event.host for event in read(*lines).events) == ["a", "a", "b"]


def test_an_event_that_a_rotation_cut_loses_nothing():
    """Its two halves are two events of one serial, each with its own records."""
    first, second = read(*SUDO[:2]).events, read(*SUDO[2:]).events
    assert first[0].id != second[0].id
    assert first[0].record["serial"] == second[0].record["serial"]
    kinds = [each["type"] for event in (*first, *second) for each in event.record["records"]]
    assert kinds == ["SYSCALL", "EXECVE", "CWD", "PATH", "PROCTITLE"]


@pytest.mark.parametrize("unset", ["4294967295", "-1"])
def test_who_was_never_set_is_nobody(unset):
    """The largest number is no user: a daemon has no log-in."""
    (event,) = read(SUDO[0].replace("auid=1000", f"auid={unset}").replace("ses=3", f"ses={unset}")).events
    assert (event.record["auid"], event.record["ses"], event.identity.principal_id) == (None, None, None)
    assert event.record["records"][0]["auid"] == "unset"


@pytest.mark.parametrize("mark", ["\x1d", "#035", ""])
def test_enriched_names_are_kept_beside_the_numbers(mark):
    """Auditd writes the names it found behind a byte that log shippers mangle or drop."""
    (event,) = read(f'{SUDO[0]}{mark}ARCH=x86_64 SYSCALL=execve AUID="ada" UID="root" GID="root"').events
    assert event.identity.user_name == "ada"
    record = event.record["records"][0]
    assert (record["auid"], record["AUID"], record["UID"], record["SYSCALL"]) == ("1000", "ada", "root", "execve")
    assert record["key"] == "exec"


def test_a_program_cannot_overrule_the_kernel():
    """What stands inside msg='...' is a program's word: it must not change who logged in."""
    line = (
        "type=USER_CMD msg=audit(1774616889.100:5): pid=9 uid=1000 auid=1000 ses=3"
        " msg='cwd=\"/\" cmd=6964 auid=0 uid=0 ses=9 terminal=pts/0 res=success'"
    )
    (event,) = read(line).events
    assert (event.name, event.record["command"]) == (HostAction.COMMAND_RUN, "id")
    assert (event.record["auid"], event.record["uid"], event.record["ses"]) == ("1000", "1000", "3")


@pytest.mark.parametrize("text", ['acct="x', 'acct="x auid=0', "' auid=0 acct='y", 'auid="0" acct=""', "auid=? ses=?"])
def test_quotes_of_a_program_do_not_reach_the_kernels_word(text):
    """An unbalanced quote must not swallow what the kernel said before it."""
    line = f"type=USER_CMD msg=audit(1.000:5): pid=9 uid=1000 auid=1000 ses=3 msg='{text} res=success'"
    (event,) = read(line).events
    assert (event.record["auid"], event.record["uid"], event.record["ses"]) == ("1000", "1000", "3")


def test_long_arguments_are_put_together():
    """The kernel cuts a long argument into pieces, over several records; hexadecimal ones are decoded as a whole."""
    (event,) = read(
        'type=EXECVE msg=audit(1.000:1): argc=4 a0="sh" a1_len=8 a1[0]=C3 a1[1]=A962',
        'type=EXECVE msg=audit(1.000:1): a2_len=4 a2[0]="ab" a2[1]="cd"',
    ).events
    assert event.record["arguments"] == ["sh", "éb", "abcd"]
    assert event.record["arguments_missing"] == 1


@given(st.permutations(["a0=6C73", "a1_len=8", "a1[0]=C3", "a1[1]=A962", 'a2="x"', 'a10[0]="p"', 'a10[1]="q"', "a3=_"]))
def test_arguments_and_their_pieces_come_in_any_order(words):
    """It is their numbers that order them, not where they stand: the tenth after the second."""
    (event,) = read(f"type=EXECVE msg=audit(1.000:1): argc=5 {' '.join(words)}").events
    assert event.record["arguments"] == ["ls", "éb", "x", "_", "pq"]
    assert "arguments_missing" not in event.record


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), min_size=1, max_size=5))
def test_arguments_come_back(words):
    """Whatever a program was given is read as it was, in either way of writing it."""
    plain = [word.isascii() and word.isprintable() and not set(word) & set(" \"'") and word for word in words]
    written = " ".join(
        f'a{number}="{word}"' if plain[number] else f"a{number}={word.encode().hex().upper()}"
        for number, word in enumerate(words)
        if word
    )
    (event,) = read(f"type=EXECVE msg=audit(1.000:1): argc={len(words)} {written}").events
    assert event.record.get("arguments", []) == [word for word in words if word]


LOGINS = [
    ("USER_LOGIN", 'op=login acct="root" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.9 terminal=ssh res=failed', HostAction.LOGIN_FAILED, Outcome.FAILED),
    ("USER_LOGIN", 'op=login id=1000 exe="/usr/sbin/sshd" hostname=? addr=192.0.2.9 terminal=ssh res=success', HostAction.LOGIN_ACCEPTED, Outcome.ALLOWED),
    ("USER_AUTH", 'op=PAM:authentication acct="ada" exe="/usr/bin/su" hostname=? addr=? terminal=pts/0 res=failed', HostAction.AUTHENTICATION_FAILED, Outcome.FAILED),
    ("USER_START", 'op=PAM:session_open acct="ada" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.9 terminal=ssh res=success', HostAction.SESSION_OPENED, Outcome.ALLOWED),
    ("USER_CHAUTHTOK", 'op=PAM:chauthtok acct="ada" exe="/usr/bin/passwd" terminal=pts/0 res=success', HostAction.PASSWORD_CHANGED, Outcome.ALLOWED),
    ("ADD_USER", 'op=add-user id=1001 exe="/usr/sbin/useradd" hostname=? addr=? terminal=? res=success', HostAction.USER_ADDED, Outcome.ALLOWED),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "action", "outcome"), LOGINS)
def test_what_programs_tell_the_audit_system(kind, text, action, outcome):
    """Log-ins, sessions and users have the names that they have in other logs."""
    (event,) = read(f"type={kind} msg=audit(1.000:1): pid=9 uid=0 auid=4294967295 ses=4294967295 msg='{text}'").events
    assert (event.name, event.outcome) == (action, outcome)
    assert event.ip == ("192.0.2.9" if "192.0.2.9" in text else None)


def test_a_name_that_auditd_wrote_in_hexadecimal():
    """Sshd has `(invalid user)` for a user that the host does not have."""
    line = "type=USER_LOGIN msg=audit(1.000:1): pid=9 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=28696E76616C6964207573657229 res=failed'"
    (event,) = read(line).events
    assert event.identity.user_name == "(invalid user)"


def test_a_refused_call_is_denied():
    """EACCES and EPERM are for lack of rights; another error is none of that."""
    calls = [read(SUDO[0].replace("success=yes exit=0", f"success=no exit={code}")).events[0] for code in (-13, -1, -2)]
    assert [(call.outcome, call.error_message, call.name) for call in calls] == [
        (Outcome.DENIED, "EACCES", HostAction.SYSTEM_CALL),
        (Outcome.DENIED, "EPERM", HostAction.SYSTEM_CALL),
        (Outcome.FAILED, "ENOENT", HostAction.SYSTEM_CALL),
    ]


# --- forms that came often ------------------------------------------------------------------------

NAMES = st.sampled_from(["pid", "auid", "ses", "comm", "exe", "key", "res", "exit", "tty", "acct", "a-b", "cmd"])
VALUES = st.sampled_from(
    [
        "1", "4294967295", "?", "(null)", "(none)", '""', '"?"', '"ls"', '"a b"', '"x=y"', "6C73", "6C7", "yes", "",
        "-13", '"#035"', "#035", '"UID="', "(a=b", "'", '"', '"(hostname=h, x)"', '"\x1d"', "a'b", "?x",
    ]
)  # fmt: skip
KINDS = st.sampled_from(["SYSCALL", "USER_CMD", "PROCTITLE", "LOGIN", "DAEMON_START", "AVC", "SOCKADDR"])


@st.composite
def alike(draw):
    """Draw what records say that are written alike: the same names in the same order, and other values."""
    outer, inner, found = (draw(st.lists(NAMES, max_size=3)) for _ in range(3))
    gap = draw(st.sampled_from([" ", " ", " ", "  ", ""]))
    likely = draw(st.lists(VALUES, min_size=1, max_size=3))

    def part(names):
        return " ".join(f"{name}={draw(st.sampled_from(likely) | VALUES)}" for name in names)

    return [
        part(outer)
        + (f"{gap}msg='{part(inner)}'" if inner else "")
        + (f"\x1d{part([name.upper() for name in found])}" if found else "")
        for _ in range(5)
    ]


@settings(max_examples=300)
@given(KINDS, alike())
def test_a_form_that_came_often_changes_nothing(kind, bodies):
    """What a learnt pattern reads is what is read field by field; and a pattern of one is tried on all."""
    reader = FieldReader(after=0)
    for body in [*bodies, *bodies]:
        assert reader.read(kind, body) == read_fields(kind, body)


@pytest.mark.parametrize(
    ("learnt", "other"),
    [
        ('comm="a"', 'comm="?"'),
        ('comm="a"', 'comm=""'),
        ('comm="a" x="b"', 'comm="a" x="UID=7"'),
        ("comm=61 x=b", "comm=62 x=UID=7"),
        ("key=a", "key=6162"),
        ("tty=pts0", "tty=(null)"),
        ("tty=(none)", "tty=pts0"),
        ("pid=1 msg='a=1'", "pid=1 msg='a=1 b=2'"),
        ("pid=1\x1dUID=a", "pid=1\x1dUID=b GID=c"),
        ("pid=1 x=a", "pid=1 x=a#035UID=b"),
        ('pid=1 x="a"', 'pid=1 x="a#035UID=b"'),
        ("res=1", "res=0"),
        ("auid=1 ses=1", "auid=4294967295 ses=-1"),
        ("cmd=ls x=1", "cmd=6C73 x=1"),
    ],
)
def test_a_pattern_takes_no_more_than_its_form(learnt, other):
    """Each of these is almost written like the other, and must not be read by its pattern as if it were."""
    reader = FieldReader(after=0)
    reader.read("USER_CMD", learnt)
    assert reader.forms
    assert reader.read("USER_CMD", other) == read_fields("USER_CMD", other)


def test_commas_of_records_of_auditd_itself_are_no_part_of_values():
    """Records of type `DAEMON_...` are learnt by no pattern, which would take them for that."""
    reader = FieldReader(after=0)
    for body in ("op=start ver=3 res=success", "op=start, ver=3, res=success"):
        assert reader.read("DAEMON_START", body)["op"] == "start"


def test_a_name_that_stands_twice_is_of_no_form():
    """The kernel's word counts, or the last: a pattern has one place for it."""
    reader = FieldReader(after=0)
    for body in ("pid=1 msg='pid=1'", "pid=1 msg='pid=2'", "a=1 a=1", "a=1 a=2"):
        assert reader.read("USER_CMD", body) == read_fields("USER_CMD", body)
    assert not reader.forms


def test_a_form_that_came_often_is_learnt():
    """Else reading is as slow as ever: the same names with other values are read by a pattern."""
    reader = FieldReader(after=0)
    kind, _, body = SUDO[0].removeprefix("type=").partition(" msg=audit(1774616889.100:479): ")
    reader.read(kind, body)
    other = body.replace("pid=77", "pid=78").replace('comm="id"', 'comm="w"')
    (form,) = reader.forms[kind]
    assert _by_form(form, kind, other) == read_fields(kind, other)
    assert _by_form(form, kind, f"{other} x=1") is None


def test_no_more_forms_are_learnt_than_are_bounded():
    """Records that are each written in another way must not cost a pattern each."""
    reader = FieldReader(after=0)
    for number in range(50):
        reader.read("SYSCALL", f"a{number}=1 pid=2")
    assert len(reader.forms["SYSCALL"]) == 6


def test_lines_that_are_no_record_are_named():
    """One bad line costs only itself."""
    reading = read(SUDO[0], "type=UNKNOWN[1329] msg=?", "type=X msg=audit(999999999999.000:1): a=1")
    assert [(p.code, p.line) for p in reading.problems] == [("unreadable-line", 2), ("unreadable-line", 3)]
    assert (reading.lines, reading.records, len(reading.events)) == (3, 3, 1)


def test_a_host_that_is_nowhere_named_is_said():
    """Neither a node nor a host: the events are kept, and the reading says what is missing."""
    reading = read(SUDO[0], host=None)
    assert reading.events[0].host == ""
    assert [problem.code for problem in reading.problems] == ["no-host"]
    assert [problem.code for problem in read(SUDO[0]).assumed] == ["assumed-host"]
