"""Syslog: no failed log-in is lost, times without a year are settled and said, and a name stays a name."""

import calendar
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.trail.hosts.model import HostAction
from watchbill.trail.hosts.read import read_host_file
from watchbill.trail.hosts.syslog import MOST_REPEATED, MOST_REPEATS
from watchbill.trail.model import Outcome, Place


AT = datetime(2026, 4, 21, 12, 0, tzinfo=UTC)


def read(*lines, at=AT, zone=UTC, host=None):
    """Read lines as one file."""
    return read_host_file("auth.log", "\n".join(lines).encode() + b"\n", host=host, zone=zone, at=at)


def said(message, program="sshd[7]"):
    """Give the one event of a message."""
    (event,) = read(f"Mar 27 13:08:09 web1 {program}: {message}").events
    return event


MESSAGES = [
    ("Accepted password for ubuntu from 192.0.2.7 port 54259 ssh2", HostAction.LOGIN_ACCEPTED, "ubuntu", "192.0.2.7"),
    (
        "Accepted publickey for root from 2001:db8::7 port 5 ssh2: ED25519 SHA256:abc",
        HostAction.LOGIN_ACCEPTED,
        "root",
        "2001:db8::7",
    ),
    ("Failed password for root from 198.51.100.9 port 22 ssh2", HostAction.LOGIN_FAILED, "root", "198.51.100.9"),
    (
        "Failed password for invalid user pi from 198.51.100.9 port 22 ssh2",
        HostAction.LOGIN_FAILED,
        "pi",
        "198.51.100.9",
    ),
    ("Failed password for invalid user  from 198.51.100.9 port 22 ssh2", HostAction.LOGIN_FAILED, None, "198.51.100.9"),
    ("Failed none for invalid user a b from 198.51.100.9 port 22 ssh2", HostAction.LOGIN_FAILED, "a b", "198.51.100.9"),
    (
        "Failed publickey for bob from 198.51.100.9 port 2 ssh2: RSA SHA256:xyz",
        HostAction.LOGIN_FAILED,
        "bob",
        "198.51.100.9",
    ),
    (
        "Failed keyboard-interactive/pam for bob from 198.51.100.9 port 2 ssh2",
        HostAction.LOGIN_FAILED,
        "bob",
        "198.51.100.9",
    ),
    ("Invalid user pi from 198.51.100.9", HostAction.INVALID_USER, "pi", "198.51.100.9"),
    ("Invalid user  from 198.51.100.9 port 4", HostAction.INVALID_USER, None, "198.51.100.9"),
    (
        "User root from 198.51.100.9 not allowed because not listed in AllowUsers",
        HostAction.LOGIN_REFUSED,
        "root",
        "198.51.100.9",
    ),
    (
        "error: maximum authentication attempts exceeded for root from 198.51.100.9 port 7 ssh2 [preauth]",
        HostAction.TOO_MANY_FAILURES,
        "root",
        "198.51.100.9",
    ),
    (
        "Connection closed by authenticating user root 198.51.100.9 port 7 [preauth]",
        HostAction.CONNECTION_CLOSED,
        "root",
        "198.51.100.9",
    ),
    ("Disconnected from user ubuntu 192.0.2.7 port 54259", HostAction.CONNECTION_CLOSED, "ubuntu", "192.0.2.7"),
    (
        "Received disconnect from 192.0.2.7 port 54259:11: disconnected by user",
        HostAction.CONNECTION_CLOSED,
        None,
        "192.0.2.7",
    ),
    (
        "Starting session: subsystem 'sftp' for ubuntu from 192.0.2.7 port 5 id 0",
        HostAction.CHANNEL_OPENED,
        "ubuntu",
        "192.0.2.7",
    ),
    (
        "Bad protocol version identification 'GET / HTTP/1.1' from 198.51.100.9 port 59547",
        HostAction.CONNECTION_FAILED,
        None,
        "198.51.100.9",
    ),
    ("something that nobody has seen yet", HostAction.OTHER, None, None),
]


@pytest.mark.parametrize(("message", "action", "user", "ip"), MESSAGES)
def test_what_sshd_says_is_understood(message, action, user, ip):
    """Each kind of message gives who, what and whence."""
    event = said(message)
    assert (event.source, event.name, event.identity.user_name, event.ip) == ("sshd", action, user, ip)
    assert event.identity.type == "HostUser"
    assert (event.type, event.record["eventCategory"], event.host) == ("Host", "Host", "web1")
    assert (event.account, event.region) == ("", "")
    assert event.record["raw"].endswith(message)


@pytest.mark.parametrize("program", ["sshd[7]", "sshd-session[7]", "sshd-auth[7]"])
def test_every_program_of_openssh_is_sshd(program):
    """Since OpenSSH 9.8 a connection has a program of its own; its log-ins must not be lost."""
    assert said("Accepted password for a from 192.0.2.7 port 1 ssh2", program).source == "sshd"


def test_the_fingerprint_of_an_accepted_key_is_kept():
    """It is what ties a log-in to a person; of a certificate, the key's and not its authority's."""
    plain = said("Accepted publickey for a from 192.0.2.7 port 1 ssh2: RSA SHA256:Kl8kPGZrTiz7g4FO1hyq")
    assert plain.record["fingerprint"] == "SHA256:Kl8kPGZrTiz7g4FO1hyq"
    signed = said(
        "Accepted publickey for a from 192.0.2.7 port 1 ssh2: ED25519-CERT SHA256:own ID ana (serial 9) CA RSA SHA256:ca"
    )
    assert signed.record["fingerprint"] == "SHA256:own"
    assert (signed.record["certificate"], signed.record["ca_fingerprint"]) == ("ana", "SHA256:ca")


@pytest.mark.parametrize(
    "name", ["root from 192.0.2.1 port 22 ssh2", "x from 192.0.2.1 port 1 ssh2: RSA SHA256:y", "a]: Accepted"]
)
def test_a_name_that_looks_like_an_address_is_a_name(name):
    """Whoever connects chooses the name: the address is the last one, which sshd wrote itself."""
    event = said(f"Failed password for invalid user {name} from 198.51.100.9 port 4 ssh2")
    assert (event.name, event.ip, event.identity.user_name) == (HostAction.LOGIN_FAILED, "198.51.100.9", name)
    assert said(f"Invalid user {name} from 198.51.100.9 port 4").ip == "198.51.100.9"


def test_repeated_messages_are_events_each():
    """`message repeated 5 times` is five failed log-ins more, or an attack looks six times as slow."""
    reading = read(
        "Mar 27 13:08:09 web1 sshd[7]: Failed password for root from 198.51.100.9 port 4 ssh2",
        "Mar 27 13:08:19 web1 sshd[7]: message repeated 5 times: [ Failed password for root from 198.51.100.9 port 4 ssh2]",
        "Mar 27 13:08:29 web1 last message repeated 2 times",
        "Mar 27 13:08:39 other last message repeated 2 times",
    )
    # The last line of web1 that said something itself is the first; `other` has none.
    assert [event.name for event in reading.events] == [HostAction.LOGIN_FAILED] * 8
    assert len({event.id for event in reading.events}) == 8
    assert [(p.code, p.line) for p in reading.problems] == [("repeats-unknown", 4)]
    assert reading.not_audited == {"": 1}


def test_a_lie_about_repetition_is_bounded():
    """A line may say a billion: the events are bounded, and what is not made is said."""
    line = "Mar 27 13:08:19 web1 sshd[7]: message repeated 999999999 times: [ Failed password for a from 192.0.2.1 port 4 ssh2]"
    reading = read(line, line, "Mar 27 13:08:20 web1 sshd[8]: Invalid user a from 192.0.2.1")
    assert Counter(event.name for event in reading.events) == {
        HostAction.LOGIN_FAILED: MOST_REPEATS,
        HostAction.INVALID_USER: 1,
    }
    assert [(p.code, p.line) for p in reading.problems] == [("too-many-repeats", 1), ("too-many-repeats", 2)]
    assert "999999999" in reading.problems[0].message


def test_a_long_line_that_is_repeated_is_bounded_by_what_its_events_keep():
    """Each event keeps its line: a hundred thousand of a megabyte each would be all memory there is."""
    line = f"Mar 27 13:08:19 web1 sshd[7]: message repeated 90000 times: [ Invalid user {'a' * 100_000} from 192.0.2.1]"
    reading = read(line)
    assert len(reading.events) == MOST_REPEATED // len(line)
    assert [p.code for p in reading.problems] == ["too-many-repeats"]
    half = line.replace("90000", "400")
    parts = Counter(event.place.index for event in read(half, half, half).events)
    assert parts == {0: 400, 1: MOST_REPEATED // len(half) - 400}


def test_a_message_that_is_repeated_is_read_once():
    """The events of a short line that repeats a long one share its text, else each would hold a copy."""
    long = f"Mar 27 13:08:09 web1 sshd[7]: Invalid user {'a' * 1000} from 192.0.2.1"
    again = "Mar 27 13:08:19 web1 last message repeated 1 times"
    _, one, two = read(long, again, again).events
    assert one.record["user"] is two.record["user"]
    other = long.replace("aaa", "bbb")
    assert [event.identity.user_name[0] for event in read(long, again, other, again).events] == ["a", "a", "b", "b"]


def test_no_two_events_share_a_record():
    """What is remembered of a message must not be what the next event of it is changed through."""
    lines = [
        f"Mar 27 13:08:0{number} web1 sshd[7]: pam_unix(sshd:session): session opened for user ada by (uid=0)"
        for number in range(3)
    ]
    again = "Mar 27 13:08:09 web1 sshd[7]: message repeated 3 times: [ Invalid user a from 192.0.2.1]"
    events = read(*lines, again, "Mar 27 13:08:09 web1 last message repeated 2 times").events
    assert len(events) == len({id(event.record) for event in events}) == 8
    events[0].record["user"] = "somebody else"
    assert "user" not in read(*lines).events[1].record
    assert [event.record["raw"] for event in events[:3]] == lines


LINE = st.builds(
    "{}:{} {} {}{}".format,
    st.sampled_from(["Mar 27 13:08", "Mar 27 13:09", "Feb 30 10:00", "<38>Mar 27 13:08", "2026-03-27T13:08"]),
    st.sampled_from(["00", "07", "59", "60", "61", "7", "007", "08+01:00", "0x"]),
    st.sampled_from(["web1", "-", "", " web1", "we\tb", "wéb"]),
    st.sampled_from(["sshd[7]: ", "sshd: ", "sshd[x]: ", "sshd[7]:", "sudo: ", "", "[7]: ", "\u0663", "a b: "]),
    st.sampled_from(["Invalid user a from 192.0.2.1", "", "pam_unix(x:session): session closed for user a", "x: y"]),
)


@given(LINE, st.lists(LINE, max_size=3))
def test_a_line_is_read_the_same_whatever_came_before(line, before):
    """What is remembered of lines before it makes a line quicker to read, and no other."""
    start = [f"Mar 27 13:0{minute}:00 other su: begins" for minute in (7, 8, 9)]
    alone, after = read(start[0], line, host="h"), read(*start, *before, line, host="h")
    at = len(before) + 3
    last = [replace(event, id="", place=Place("", 0)) for event in after.events if event.place.index == at]
    assert last == [replace(event, id="", place=Place("", 0)) for event in alone.events if event.place.index == 1]
    unreadable = [problem.message for problem in after.problems if problem.line == at + 1]
    assert unreadable == [problem.message for problem in alone.problems if problem.line == 2]


@pytest.mark.parametrize("command", ["/bin/id", "a ; b", "x=y", "COMMAND=z", "a ; USER=b", "(command continued) x", ""])
@pytest.mark.parametrize("directory", ["/", "/a b", "/x=y", "/x ; USER=eve", "/(command continued) x"])
def test_plain_lines_of_sudo_are_read_as_all_are(command, directory):
    """Most lines are read in a quicker way; one that it does not take for plain gives no other fields."""
    line = f"ada : TTY=pts/0 ; PWD={directory} ; USER=root ; COMMAND={command}"
    event = said(line, "sudo")
    strange = said(line.replace(" ; USER=root", " ; GROUP=g ; USER=root"), "sudo")
    assert strange.record["run_as_group"] == "g"
    apart = {"raw", "run_as_group", "eventCategory"}
    assert {k: v for k, v in event.record.items() if k not in apart} == {
        k: v for k, v in strange.record.items() if k not in apart
    }
    assert (event.name, event.identity.user_name) == (HostAction.COMMAND_RUN, "ada")


def test_sudo_commands_are_events_of_the_caller():
    """Who called, as whom, where, what; a command may hold the marks that part the fields."""
    event = said("  ada : TTY=pts/0 ; PWD=/home/ada ; USER=root ; COMMAND=/bin/sh -c a ; b", "sudo")
    assert (event.source, event.name, event.identity.user_name) == ("sudo", HostAction.COMMAND_RUN, "ada")
    fields = {name: event.record[name] for name in ("tty", "directory", "run_as", "command")}
    assert fields == {"tty": "pts/0", "directory": "/home/ada", "run_as": "root", "command": "/bin/sh -c a ; b"}
    assert "ambiguous" not in event.record


@pytest.mark.parametrize(
    ("why", "outcome"),
    [
        ("3 incorrect password attempts", Outcome.FAILED),
        ("user NOT in sudoers", Outcome.DENIED),
        ("command not allowed", Outcome.DENIED),
        ("a password is required", Outcome.FAILED),
    ],
)
def test_what_sudo_refuses_is_no_command(why, outcome):
    """A refused command did not run."""
    event = said(f"mallory : {why} ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", "sudo")
    assert (event.name, event.outcome, event.error_message) == (HostAction.COMMAND_REFUSED, outcome, why)
    assert event.record["command"] == "/bin/sh"


def test_a_directory_that_lies_about_the_command_is_seen():
    """Sudo writes a directory as it is called: where that gives two readings, the event says so."""
    event = said("eve : TTY=pts/0 ; PWD=/tmp/x ; USER=eve ; COMMAND=true ; USER=root ; COMMAND=/bin/sh", "sudo")
    assert event.record["ambiguous"] is True


@pytest.mark.parametrize(
    ("message", "action", "user", "run_as"),
    [
        ("Successful su for root by ada", HostAction.USER_SWITCHED, "ada", "root"),
        ("FAILED su for root by ada", HostAction.USER_SWITCH_FAILED, "ada", "root"),
        ("(to root) ada on pts/0", HostAction.USER_SWITCHED, "ada", "root"),
        ("FAILED SU (to root) ada on pts/0", HostAction.USER_SWITCH_FAILED, "ada", "root"),
    ],
)
def test_both_forms_of_su(message, action, user, run_as):
    """Shadow's and util-linux's su say the same in other words."""
    event = said(message, "su[9]")
    assert (event.source, event.name, event.identity.user_name, event.record["run_as"]) == ("su", action, user, run_as)


@pytest.mark.parametrize(
    ("program", "message", "action", "user"),
    [
        ("sshd[1]", "pam_unix(sshd:session): session opened for user ada by (uid=0)", HostAction.SESSION_OPENED, "ada"),
        (
            "sudo",
            "pam_unix(sudo:session): session opened for user root(uid=0) by ada(uid=1000)",
            HostAction.SESSION_OPENED,
            "ada",
        ),
        ("su[1]", "pam_unix(su:session): session opened for user db by (uid=0)", HostAction.SESSION_OPENED, None),
        ("sshd[1]", "pam_unix(sshd:session): session closed for user ada", HostAction.SESSION_CLOSED, "ada"),
        (
            "sshd[1]",
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=ada",
            HostAction.AUTHENTICATION_FAILED,
            "ada",
        ),
        ("passwd[1]", "pam_unix(passwd:chauthtok): password changed for ada", HostAction.PASSWORD_CHANGED, None),
        (
            "anything",
            "pam_faillock(x:auth): Consecutive login failures for user ada account temporarily locked",
            HostAction.ACCOUNT_LOCKED,
            None,
        ),
    ],
)
def test_pam_in_any_program(program, message, action, user):
    """PAM speaks in the name of the program that asked it; a session of sudo is the caller's doing."""
    event = said(message, program)
    assert (event.source, event.name, event.identity.user_name) == ("pam", action, user)


@pytest.mark.parametrize(
    ("program", "message", "action"),
    [
        ("useradd[1]", "new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/sh", HostAction.USER_ADDED),
        (
            "useradd[1]",
            "new user: name=eve, UID=9, GID=9, home=/h, shell=/bin/sh, from=/dev/pts/0",
            HostAction.USER_ADDED,
        ),
        ("usermod[1]", "add 'eve' to group 'sudo'", HostAction.GROUP_MEMBER_ADDED),
        ("usermod[1]", "add 'eve' to shadow group 'sudo'", HostAction.GROUP_MEMBER_ADDED),
        ("gpasswd[1]", "user eve added by root to group sudo", HostAction.GROUP_MEMBER_ADDED),
        ("userdel[1]", "delete user 'eve'", HostAction.USER_DELETED),
        ("passwd[1]", "password for 'eve' changed by 'root'", HostAction.PASSWORD_CHANGED),
        ("systemd-logind[1]", "New session 12 of user ada.", HostAction.SESSION_OPENED),
        (
            "systemd-logind[1]",
            "New session 12 of user ada with class 'user' and type 'tty'.",
            HostAction.SESSION_OPENED,
        ),
        ("systemd-logind[1]", "Removed session 12.", HostAction.SESSION_CLOSED),
        ("systemd-logind[1]", "New seat seat0.", HostAction.HOST_STARTED),
    ],
)
def test_tools_for_users_and_logind(program, message, action):
    """A new user or a new member of sudo is worth as much as a log-in."""
    assert said(message, program).name == action


def test_other_programs_are_counted_apart():
    """What is not audited is neither lost nor unreadable."""
    reading = read(
        "Mar 27 13:08:09 web1 kernel: [1.0] hello",
        "Mar 27 13:08:09 web1 CRON[1]: (root) CMD (true)",
        "Mar 27 13:08:09 web1 -- MARK --",
        "Mar 27 13:08:09 web1 sudo:  ada : TTY=x ; PWD=/ ; USER=root ; COMMAND=/bin/id",
    )
    assert reading.not_audited == {"kernel": 1, "CRON": 1, "": 1}
    assert (reading.lines, len(reading.events), reading.unreadable) == (4, 1, 0)


# --- time -----------------------------------------------------------------------------------------


def when(stamp, at=AT, zone=UTC):
    """Give the instant that a line of a time has; None where it is unreadable."""
    events = read(f"{stamp} web1 sshd[7]: Invalid user a from 192.0.2.1", at=at, zone=zone).events
    return events[0].at if events else None


def test_a_year_rolls_over():
    """In January, December is of the year before; a clock may be a day ahead."""
    at = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    assert when("Dec 31 23:59:59", at) == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert when("Jan  1 00:00:00", at) == datetime(2026, 1, 1, tzinfo=UTC)
    assert when("Jan  3 11:59:00", at) == datetime(2026, 1, 3, 11, 59, tzinfo=UTC)
    assert when("Jan  3 12:01:00", at) == datetime(2025, 1, 3, 12, 1, tzinfo=UTC)
    eve = datetime(2025, 12, 31, 12, 0, tzinfo=UTC)
    assert when("Jan  1 00:00:00", eve) == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_leap_day_is_of_a_leap_year():
    """29 February cannot be of a year that has none."""
    assert when("Feb 29 10:00:00") == datetime(2024, 2, 29, 10, tzinfo=UTC)
    assert when("Feb 29 10:00:00", datetime(2024, 3, 1, tzinfo=UTC)) == datetime(2024, 2, 29, 10, tzinfo=UTC)
    assert when("Feb 29 10:00:00", datetime(2103, 3, 1, tzinfo=UTC)) == datetime(2096, 2, 29, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "stamp", ["Feb 30 10:00:00", "Xxx 10 10:00:00", "Mar 10 24:00:00", "Mar  0 10:00:00", "Mar 10 10:00:61"]
)
def test_a_time_that_no_calendar_has_is_unreadable(stamp):
    """It is named, and nothing is guessed."""
    other = "Mar 10 10:00:00 web1 sshd[7]: Invalid user a from 192.0.2.1"
    reading = read(other, f"{stamp} web1 sshd[7]: Invalid user a from 192.0.2.1")
    assert len(reading.events) == 1
    assert [(p.code, p.line) for p in reading.problems] == [("unreadable-line", 2)]


def test_the_zone_is_the_callers():
    """London is an hour ahead in summer; the hour that comes twice is the first of the two."""
    london = ZoneInfo("Europe/London")
    at = datetime(2026, 11, 1, tzinfo=UTC)
    assert when("Jul  1 12:00:00", at, london) == datetime(2026, 7, 1, 11, tzinfo=UTC)
    assert when("Jan  1 12:00:00", at, london) == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert when("Oct 25 01:30:00", at, london) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stamp", "utc"),
    [
        ("2026-03-27T13:06:56+01:00", datetime(2026, 3, 27, 12, 6, 56, tzinfo=UTC)),
        ("2026-03-27T13:06:56.123456Z", datetime(2026, 3, 27, 13, 6, 56, 123456, tzinfo=UTC)),
        ("2026-03-27T13:06:56-0530", datetime(2026, 3, 27, 18, 36, 56, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_whole_times_assume_nothing(stamp, utc):
    """Rsyslog's file format and RFC 5424 say year and zone themselves."""
    for line in (
        f"{stamp} web1 sshd[7]: Invalid user a from 192.0.2.1",
        f"<38>1 {stamp} web1 sshd 7 - - Invalid user a from 192.0.2.1",
        f'<38>1 {stamp} web1 sshd 7 ID [x@1 a="b\\]c" d="e"][y@1] \ufeffInvalid user a from 192.0.2.1',
    ):
        reading = read(line, zone=ZoneInfo("Asia/Tokyo"))
        assert [event.at for event in reading.events] == [utc]
        assert reading.events[0].name == HostAction.INVALID_USER
        assert reading.assumed == ()
        assert "assumed" not in reading.events[0].record


def test_what_is_assumed_is_in_the_reading_and_in_each_event():
    """A time that was settled by the caller is told from one that was read."""
    reading = read("Mar 27 13:06:56 web1 sshd[7]: Invalid user a from 192.0.2.1", zone=ZoneInfo("Asia/Tokyo"))
    assert [problem.code for problem in reading.assumed] == ["assumed-year", "assumed-zone"]
    assert "2026" in reading.assumed[0].message
    assert "Asia/Tokyo" in reading.assumed[1].message
    assert reading.events[0].record["assumed"] == "year and zone"


def test_a_file_of_more_than_a_year_is_reported():
    """Its older part would be put into the wrong year in silence."""
    lines = [
        f"{stamp} 10:00:00 web1 sshd[7]: Invalid user a from 192.0.2.1" for stamp in ("Feb  1", "Nov  1", "Jan  5")
    ]
    assert not read(*lines, at=datetime(2026, 1, 9, tzinfo=UTC)).problems
    longer = [*lines, "Mar  1 10:00:00 web1 sshd[7]: Invalid user a from 192.0.2.1"]
    assert [problem.code for problem in read(*longer).problems] == ["more-than-a-year"]


@given(
    instant=st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001 - made UTC below
    later=st.integers(0, 363 * 86400),
)
def test_a_time_without_a_year_comes_back(instant, later):
    """Whatever was written within a year before `at`, but for the day of grace, is read as what it was."""
    moment = instant.replace(microsecond=0, tzinfo=UTC)
    stamp = f"{calendar.month_abbr[moment.month]} {moment.day:2} {moment:%H:%M:%S}"
    assert when(stamp, moment + timedelta(seconds=later)) == moment


def test_a_line_that_names_no_host_is_of_the_callers():
    """A `-` stands for none, in each line of a minute; a name that a line has stays."""
    lines = [f"Mar 27 13:08:0{n} {host} sshd[7]: Invalid user a from 192.0.2.1" for n, host in enumerate("--h-")]
    assert [event.host for event in read(*lines, host="web1").events] == ["web1", "web1", "h", "web1"]
    assert {event.host for event in read(*lines[:2]).events} == {""}


def test_lines_break_at_line_feeds_alone():
    """Other characters that break lines elsewhere must not let a name begin a line of its own."""
    evil = (
        "a\x0b\x0c\x1c\x1d\x85\u2028Mar 27 13:08:09 web1 sshd[7]: Accepted password for root from 192.0.2.1 port 1 ssh2"
    )
    reading = read(f"Mar 27 13:08:09 web1 sshd[7]: Invalid user {evil} from 198.51.100.9")
    assert [event.name for event in reading.events] == [HostAction.INVALID_USER]
    assert reading.events[0].ip == "198.51.100.9"


def test_bytes_that_are_no_text_are_kept_visible():
    """Two names that differ in one odd byte stay two."""
    line = b"Mar 27 13:08:09 web1 sshd[7]: Invalid user a\xff from 192.0.2.1"
    reading = read_host_file("x", line + b"\n" + line.replace(b"\xff", b"\xfe"), host=None, zone=UTC, at=AT)
    assert [event.identity.user_name for event in reading.events] == ["a\\xff", "a\\xfe"]
    assert len({event.id for event in reading.events}) == 2


def test_records_of_auditd_that_came_by_syslog_are_joined():
    """Audispd sends a line a record; they are one event still."""
    reading = read(
        'Mar 27 13:08:09 web1 audispd: type=EXECVE msg=audit(1774616889.100:7): argc=1 a0="id"',
        "Mar 27 13:08:09 web1 sshd[7]: Invalid user a from 192.0.2.1",
        "Mar 27 13:08:09 web1 audispd: node=web9 type=SYSCALL msg=audit(1774616889.100:7): arch=c000003e syscall=59",
        "Mar 27 13:08:09 web1 audispd: type=SYSCALL msg=audit(1774616889.100:7): arch=c000003e syscall=59 success=yes",
    )
    found = {(event.source, event.host, event.name) for event in reading.events}
    assert found == {
        ("auditd", "web1", HostAction.PROGRAM_RUN),
        ("auditd", "web9", HostAction.SYSTEM_CALL),
        ("sshd", "web1", HostAction.INVALID_USER),
    }
