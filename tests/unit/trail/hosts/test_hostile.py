"""Lines that were made to take long: whatever is in one, twice as much of it takes about twice as long."""

import time
from datetime import UTC, datetime

import pytest

from watchbill.trail.hosts.read import read_host_file


AT = datetime(2026, 4, 21, 12, 0, tzinfo=UTC)
SHORT, LONG = 4_000, 32_000
BOUND = 24
"""How many times as long eight times as much may take. In proportion it is 8, by the square 64."""

NOISE = 0.01
"""Seconds under which a time says nothing."""

S, A = "Mar 27 13:08:09 h ", "type={} msg=audit(1.000:1): {}".format
BEGINNINGS = [
    "", "Mar 27 13:08:09 ", S, f"{S}sshd[", f"{S}pam_", f"{S}x: pam_unix(", f"{S}x: message repeated 2 times: [ ",
    "<38>1 ", "<38>1 2026-03-27T13:06:56Z h sshd 1 - ", "<38>1 2026-03-27T13:06:56Z h sshd 1 - [",
    '<38>1 2026-03-27T13:06:56Z h sshd 1 - [a b="', "2026-03-27T13:06:56.",
    *(
        f"{S}sshd[1]: {message}"
        for message in (
            "Accepted publickey for ", "Accepted publickey for a from 1 port 2 ssh2: ",
            "Accepted publickey for a from 1 port 2 ssh2: RSA SHA256:x ID ", "Failed password for ",
            "Failed password for invalid user ", "Invalid user ", "User ", "error: maximum authentication attempts exceeded for ",
            "Connection closed by ", "Connection closed by invalid user ", "Disconnected from ", "Disconnecting invalid user ",
            "Received disconnect from ", "Starting session: ", "Bad protocol version identification '", "Connection from ",
            "PAM 2 more authentication failures; logname=", "Did not receive identification string from ",
        )
    ),
    *(
        f"{S}x: pam_unix(sshd:session): {message}"
        for message in ("session opened for user ", "session opened for user a by ", "authentication failure; logname=")
    ),
    *(f"{S}sudo: {message}" for message in ("", "ada : ", "ada : why ; ", "ada : TTY=x ; PWD=", "ada : (command continued) ")),
    f"{S}su: (to ", f"{S}su: FAILED SU (to a) ", f"{S}su: + ", f"{S}systemd-logind: New session ",
    f"{S}useradd: new user: name=", f"{S}usermod: add 'a' to ", f"{S}gpasswd: user ",
    "type=", "node=", A("SYSCALL", ""), A("SYSCALL", "key="), A("EXECVE", ""), A("EXECVE", "argc=1 "), A("AVC", ""),
    A("AVC", "avc:  "), A("USER_CMD", " msg='"), A("USER_CMD", "a=1 msg='acct="), A("LOGIN", ""), A("DAEMON_START", ""),
    A("PROCTITLE", "proctitle="), A("SOCKADDR", "saddr="), A("X", "a=1\x1d"),
    '{"__REALTIME_TIMESTAMP":"1","MESSAGE":"', '{"__REALTIME_TIMESTAMP":"1","MESSAGE":', '{"ID":"1.000:1","A":',
    '{"ID":"1.000:1","EXECVE":{"ARGV":["',
]  # fmt: skip
REPEATED = [
    " ", "a", "1", '"', "'", "=", "[", "]", "(", "{", ";", ":", "-", "\\", "\t", "é", " ; ", ": ", " : ", " from ", " port 1",
    " from 1 port 2", " user ", " by ", "invalid user ", "a=", "key=", 'key="', 'A="x" ', 'a0="x" ', "a1[0]=41 ", "41",
    "x ; A=b", "x ; USER=", "COMMAND=", '[a="', '"a" ', "avc:  denied  { ", "ARCH=", '"UID=', "\x1d", "#035", " msg='",
    "(uid=0)", " (serial 1) CA ", "[[", '{"a":', "pam_unix(", "message repeated 2 times: [ ", "'x' ", ", ",
]  # fmt: skip


def spent(beginning, repeated, length):
    """Give the CPU time of reading a line behind one that tells the form of the file."""
    first = A("EOE", "") if beginning.startswith(("type=", "node=")) else "" if beginning[:1] == "{" else f"{S}su: x"
    body = f"{first}\n{beginning}{repeated * (length // len(repeated))}!\n".encode()
    before = time.process_time()
    found = read_host_file("x", body, host="h", zone=UTC, at=AT)
    assert len({event.place.index for event in found.events}) <= 2
    return time.process_time() - before


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_line_takes_time_in_proportion_to_its_length(beginning):
    """No repetition of anything makes reading slower than in proportion, whatever the line begins with."""
    for repeated in REPEATED:
        # A pause of the machine is in one measurement, and not in each of three.
        for _ in range(3):
            long = spent(beginning, repeated, LONG)
            if long < NOISE or long < BOUND * spent(beginning, repeated, SHORT):
                break
        else:
            pytest.fail(f"{repeated!r} after {beginning!r} takes more than in proportion")
