"""Read a host's log file, whatever form it has: bytes in, events and problems out. Nothing is lost unseen.

1. A file that begins with gzip's magic is inflated, all its members, within a limit. What came out before a break is
   kept, and the break is reported; a last line that it cut is named as unreadable.
2. The time that an export of CloudWatch Logs puts before each line is taken off: the line has its own.
3. The form is told by the first lines: records of auditd, events of laurel, entries of a journal, or syslog. A file
   none of whose first lines has one of these is no log of a host. An empty file is one: a rotation leaves them.
4. Each line is read by itself, so that a bad one costs only itself. It is part of an event, or it is counted as not
   audited, under the name of the program that wrote it, or it is unreadable and named.
5. What a file leaves open (year, zone, host) is taken from the caller, and said to be.
"""

import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Final

from watchbill.errors import Problem
from watchbill.garbage import uncollected
from watchbill.trail.hosts.auditd import looks_like_auditd, read_auditd
from watchbill.trail.hosts.gather import Gathered
from watchbill.trail.hosts.journald import looks_like_journald, read_journald
from watchbill.trail.hosts.laurel import looks_like_laurel, read_laurel
from watchbill.trail.hosts.model import Form, HostReading
from watchbill.trail.hosts.syslog import looks_like_syslog, read_syslog
from watchbill.trail.read import INFLATED_LIMIT, inflate


_BOM: Final = b"\xef\xbb\xbf"
_FIRST: Final = 200
"""Lines by which the form is told."""

_FIRST_LENGTH: Final = 1 << 16
"""Characters of each of them that are looked at."""

_EXPORTED: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
    r"(?=[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d |\d{4}-\d\d-\d\dT|(?:node=\S+ )?type=|<\d|\{)",
    re.ASCII,
)
"""What an export of CloudWatch Logs puts before each line: when it took it in."""

_LOOKS: Final[tuple[tuple[Form, Callable[[str], bool]], ...]] = (
    (Form.AUDITD, looks_like_auditd),
    (Form.JOURNALD, looks_like_journald),
    (Form.LAUREL, looks_like_laurel),
    (Form.SYSLOG, looks_like_syslog),
)
"""Forms, in the order in which they are asked."""


def read_host_file(
    name: str, data: bytes, *, host: str | None, zone: tzinfo, at: datetime, limit: int = INFLATED_LIMIT
) -> HostReading:
    """Read one file; `name` is what places and problems call it. Never raises for what is in the bytes.

    `host` is whose file it is, where its lines do not say. `zone` is that of times without one. `at` is when the file
    was last written, or is read: lines without a year are from the year before it.
    """
    body, damage = inflate(data, limit)
    if len(body) > limit:
        return _no_log(name, f"larger than {limit} bytes")
    lines = _lines(body)
    filled = len(lines) - lines.count("")
    cut = damage is not None and lines.pop() != ""
    form = _form(lines)
    if form is None and (filled or damage):
        return _no_log(name, damage or "no line of it is one of syslog, journald, auditd or laurel")
    gathered = Gathered(name)
    if damage is not None:
        gathered.say("damaged-gzip", f"{damage}; what came before it is kept")
    if cut:
        gathered.cannot_read(len(lines) + 1, "cut off in the middle")
    with uncollected():
        match form:
            case Form.SYSLOG:
                read_syslog(lines, gathered, host, zone, at)
            case Form.JOURNALD:
                read_journald(lines, gathered, host)
            case Form.AUDITD:
                read_auditd(lines, gathered, host)
            case Form.LAUREL:
                read_laurel(lines, gathered, host)
            case None:
                pass
    _assume_host(gathered, host)
    events = tuple(gathered.events)
    return HostReading(
        events,
        len(events) + gathered.unreadable,
        gathered.problems(),
        readable=True,
        form=form,
        lines=filled,
        not_audited=dict(gathered.not_audited),
        assumed=tuple(gathered.assumed),
    )


def _lines(body: bytes) -> list[str]:
    """Split a file into lines. Bytes that are no UTF-8 are written out, so that no two different lines become one."""
    text = body.removeprefix(_BOM).decode("utf-8", "backslashreplace")
    lines = text.split("\n")
    if "\r" in text:
        lines = [line.rstrip("\r") for line in lines]
    if any(_EXPORTED.match(line) for line in lines[:_FIRST]):
        return [line[found.end() :] if (found := _EXPORTED.match(line)) else line for line in lines]
    return lines


def _form(lines: list[str]) -> Form | None:
    """Tell the form by which of the first lines have it; where several do, by most of them."""
    first = [line[:_FIRST_LENGTH] for line in lines[: 10 * _FIRST] if line][:_FIRST]
    found = {form: sum(1 for line in first if looks(line)) for form, looks in _LOOKS}
    best = max(found, key=lambda form: found[form])
    return best if found[best] else None


def _assume_host(gathered: Gathered, host: str | None) -> None:
    """Say which events have their host from the caller, and which have none."""
    hosts = {event.host for event in gathered.events}
    if "" in hosts:
        gathered.say("no-host", "its lines name no host: say whose they are with `--host`")
    elif host is not None and host in hosts:
        gathered.assume("assumed-host", f"lines that name no host are taken for those of {host}")


def _no_log(name: str, why: str) -> HostReading:
    problem = Problem("unreadable-file", why, name)
    return HostReading((), 0, (problem,), readable=False, form=None, lines=0, not_audited={}, assumed=())
