"""Measure on CPU time how fast logs of hosts become events, with memory: syslog lines and auditd records.

The input is made here, seeded: users, addresses, ports and process ids differ from line to line, as they do on a host
that is attacked. With `--data DIR` the published logs in it are read too, again and again, since they are short.
Run from a checkout with the development dependencies installed; figures of a busy machine are too low.
"""

import argparse
import random
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from watchbill.trail.hosts.model import HostReading
from watchbill.trail.hosts.read import read_host_file


START = datetime(2026, 3, 1, tzinfo=UTC)
AT = datetime(2026, 4, 1, tzinfo=UTC)
LINES = 200_000
GOALS = {"syslog": 150_000, "auditd": 100_000}
"""Lines and records per second of CPU time."""


def syslog(lines: int) -> bytes:
    """Write the log of a host with log-ins, commands and an attack, a line every eleven seconds or so."""
    chance = random.Random(1)  # noqa: S311 - the same lines in each run are the point
    at = START
    written: list[str] = []
    while len(written) < lines:
        at += timedelta(seconds=chance.randrange(23))
        pid, port = chance.randrange(400, 60_000), chance.randrange(1024, 65_535)
        user, ip = f"user{chance.randrange(40)}", f"198.51.{chance.randrange(256)}.{chance.randrange(256)}"
        written += [
            f"{at:%b} {at.day:2} {at:%H:%M:%S} web1 {message}" for message in _messages(chance, pid, port, user, ip)
        ]
    return "\n".join(written[:lines]).encode() + b"\n"


def _messages(chance: random.Random, pid: int, port: int, user: str, ip: str) -> Iterator[str]:
    """Give what one connection or command leaves behind."""
    match chance.randrange(4):
        case 0:
            key = f"RSA SHA256:{user:x<43}"
            yield f"sshd[{pid}]: Accepted publickey for {user} from {ip} port {port} ssh2: {key}"
            yield f"sshd[{pid}]: pam_unix(sshd:session): session opened for user {user} by (uid=0)"
            yield f"systemd-logind[1118]: New session {pid} of user {user}."
            yield f"sshd[{pid}]: pam_unix(sshd:session): session closed for user {user}"
        case 1:
            yield f"sudo:   {user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND=/usr/bin/web{pid} restart"
            yield f"sudo: pam_unix(sudo:session): session opened for user root by {user}(uid=0)"
            yield "sudo: pam_unix(sudo:session): session closed for user root"
        case 2:
            yield f"sshd[{pid}]: Invalid user {user} from {ip} port {port}"
            yield f"sshd[{pid}]: Failed password for invalid user {user} from {ip} port {port} ssh2"
            yield f"sshd[{pid}]: Connection closed by invalid user {user} {ip} port {port} [preauth]"
        case _:
            yield f"CRON[{pid}]: pam_unix(cron:session): session opened for user root by (uid=0)"
            yield f"CRON[{pid}]: (root) CMD (run-parts /etc/cron.hourly)"
            yield f"CRON[{pid}]: pam_unix(cron:session): session closed for user root"


def auditd(records: int) -> bytes:
    """Write the audit log of programs being run: six records an event, as the rule for execve gives."""
    chance = random.Random(2)  # noqa: S311 - as above
    written: list[str] = []
    for serial in range(records // 6 + 1):
        stamp = f"audit({int(START.timestamp()) + serial // 3}.{serial % 1000:03}:{serial})"
        pid, user = chance.randrange(400, 60_000), 1000 + chance.randrange(40)
        word = f"web{pid} restart".encode().hex().upper()
        call = (
            "arch=c000003e syscall=59 success=yes exit=0 a0=55d85d6719d0 a1=55d85d69c970 a2=55d85d720450 a3=8 items=2"
            f" ppid={pid - 1} pid={pid} auid={user} uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0"
            f' ses={serial % 50} comm="service" exe="/usr/sbin/service" subj=unconfined key="exec"'
        )
        path = (
            f'item=0 name="/usr/sbin/service" inode={pid} dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00'
            " nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"
        )
        written += [
            f"type=SYSCALL msg={stamp}: {call}",
            f'type=EXECVE msg={stamp}: argc=3 a0="service" a1={word} a2="--now"',
            f'type=CWD msg={stamp}: cwd="/home/user{user}"',
            f"type=PATH msg={stamp}: {path}",
            f"type=PROCTITLE msg={stamp}: proctitle=7365727669636500{word}",
            f"type=EOE msg={stamp}: ",
        ]
    return "\n".join(written[:records]).encode() + b"\n"


def read(data: bytes) -> HostReading:
    """Read a file of a host called `web1`."""
    return read_host_file("bench", data, host="web1", zone=UTC, at=AT)


def spent(work: Callable[[], Any], times: int = 3) -> float:
    """Give the least CPU time of several runs, in seconds; letting go of what they give is not reading."""
    found = []
    for _ in range(times):
        before = time.process_time()
        kept = work()
        found.append(time.process_time() - before)
        del kept
    return min(found)


def show(what: str, data: bytes, goal: int) -> None:
    """Print how many lines of a file are read in a second of CPU time."""
    found = read(data)
    assert found.unreadable * 50 <= found.lines, "the input is not what it should be"
    lines, events = found.lines, len(found.events)
    del found
    rate = lines / spent(lambda: read(data))
    print(
        f"{what:50} {rate:10,.0f} lines/CPU-s, goal {goal:,}: {rate / goal:.2f}  ({lines:,} lines, {events:,} events)"
    )


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, help="folder of the public data sets")
    data: Path | None = options.parse_args().data
    show("syslog, made here", syslog(LINES), GOALS["syslog"])
    show("auditd, made here", auditd(LINES), GOALS["auditd"])
    if data is not None:
        log = (data / "linux/auth/auth.log").read_bytes()
        show("syslog, a real host", log * 20, GOALS["syslog"])
        records = b"".join(path.read_bytes() + b"\n" for path in sorted((data / "linux/audit").rglob("*.log")))
        show("auditd, real records, each event once", _again(records, 600), GOALS["auditd"])
    print(f"{'most memory':50} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:10,.0f} MiB")


def _again(records: bytes, times: int) -> bytes:
    """Repeat records under other serials, so that they are other events."""
    return b"".join(records.replace(b"):", f"{number:03}):".encode()) for number in range(times))


if __name__ == "__main__":
    main()
