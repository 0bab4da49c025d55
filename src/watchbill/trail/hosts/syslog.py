"""Read syslog files: a line a message, in any of the three ways of writing its time.

1. `Mar 27 13:06:56 host sshd[1291]: ...` (RFC 3164) has no year and no zone. The year is the last in which that moment
   had come by `at`, with a day's grace for clocks that are ahead; 29 February is of the last leap year. The zone is the
   caller's. Both are said to be assumed, and a file that reaches over more than a year is reported: its older part
   has the wrong year. Where clocks are set back, the first of the two moments is meant.
2. `2026-03-27T13:06:56.123+01:00 host sshd[1291]: ...`, as rsyslog's file format writes it.
3. `<38>1 2026-03-27T13:06:56Z host sshd 1291 - - ...` (RFC 5424).

`message repeated 5 times: [ ... ]` is five events more; `last message repeated 5 times` repeats the line of that host
before it. Records of auditd that came by syslog are joined as auditd's own. Lines end at line feeds alone: other
characters that break lines elsewhere are text, so that nobody writes a line of their own into a log through a name.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from watchbill.trail.hosts.auditd import read_records
from watchbill.trail.hosts.events import EventMaker
from watchbill.trail.hosts.gather import LONGEST_LINE, Gathered
from watchbill.trail.hosts.messages import read_message
from watchbill.trail.hosts.model import CATEGORY, Said


MOST_REPEATS: Final = 100_000
"""Events that the repeated messages of one file may stand for; a line that says more is reported."""

MOST_REPEATED: Final = 1 << 26
"""Characters that the lines of these events may have together: an event keeps its line."""

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_HOST_AND_MESSAGE: Final = r"(\S+) (?:([^\s\[:]+)(?:\[(\d+)\])?: ?)?(.*)\Z"
_AFTER_TIME: Final = re.compile(_HOST_AND_MESSAGE, re.DOTALL | re.ASCII)
"""Host, program, process id and message."""

_LINE: Final = re.compile(
    r"(?:<\d{1,3}>)?"
    r"(?:([A-Z][a-z]{2} [ \d]\d \d\d:\d\d):(\d\d)"
    r"|(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?))"
    rf" {_HOST_AND_MESSAGE}",
    re.DOTALL | re.ASCII,
)
"""Minute and second, or a whole time; then host, program, process id and message."""

_RFC5424: Final = re.compile(
    r"<\d{1,3}>1 (\S+) (\S+) (\S+) (\S+) \S+ (?:-|(?:\[(?:[^\]\"]++|\"(?:[^\"\\]++|\\.)*+\")*+\])++) ?\ufeff?(.*)\Z",
    re.DOTALL | re.ASCII,
)
"""Time, host, program, process id and message."""

_REPEATED: Final = re.compile(r"message repeated (\d{1,9}) times: \[ ?(.*)\]\Z", re.DOTALL | re.ASCII)
_LAST_REPEATED: Final = re.compile(r"last message repeated (\d{1,9}) times?\Z", re.ASCII)
_FORWARDERS: Final = frozenset({"audispd", "audisp-syslog"})
"""Programs in whose name auditd sends its records to syslog."""

_AGAIN: Final = ("message repeated ", "last message repeated ")

_Parts = tuple[datetime, str, str, str, str, str | None, str]
"""Instant, its form for ids, what of it is assumed, host, program, process id and message."""

_Repeated = tuple[str, str | None, str, Said | None]
"""Program, process id, message and what it says."""

_NO_YEAR: Final = "year and zone"
_NO_ZONE: Final = "zone"
_SECONDS: Final = {f"{second:02}": timedelta(seconds=second) for second in range(61)}
_SECONDS_AROUND: Final = {f":{second} ": step for second, step in _SECONDS.items()}
"""The same, with what stands before and after a second."""

_GRACE: Final = timedelta(days=1)
_LEAP_YEARS: Final = 8
"""Years in which 29 February comes at least once, around 2100 too."""

_HALF_A_YEAR: Final = timedelta(days=183)


def looks_like_syslog(line: str) -> bool:
    """Tell whether a line is written as syslog writes."""
    return _RFC5424.match(line) is not None or _LINE.match(line) is not None


def read_syslog(lines: Sequence[str], gathered: Gathered, host: str | None, zone: tzinfo, at: datetime) -> None:
    """Read the lines of one file. `host` is whose they are where a line names none (`-`)."""
    reader = _Reader(gathered, host, zone, at)
    for index, line in enumerate(lines):
        if line:
            reader.read(index, line)
    reader.end()


class _Times:
    """Turns what is written into instants."""

    def __init__(self, zone: tzinfo, at: datetime) -> None:
        self._zone = zone
        self._latest = at + _GRACE
        self._newest = self._latest.astimezone(zone).year
        self._minutes: dict[str, tuple[datetime, str] | None] = {}
        self._written = ""
        self._found: tuple[datetime, str] | None = None
        """The last line's time as it was written, and what it is."""
        self._first: datetime | None = None
        self._before: datetime | None = None
        self.years: set[int] = set()
        """Years that were assumed, by the zone's calendar."""
        self._turns = 0
        """How often the calendar began anew from one line to the next."""
        self.no_zone = False
        """Whether a time with a year had no zone."""

    def of_known_minute(self, line: str) -> tuple[datetime, str] | None:
        """Give the instant of a line, and its form for ids, where its minute came before; None for any other line."""
        written = line[:16]
        if written == self._written:
            return self._found
        minute, step = self._minutes.get(line[:12]), _SECONDS_AROUND.get(line[12:16])
        if minute is None or step is None:
            return None
        self._written = written
        found = self._found = minute[0] + step, minute[1] + line[13:15]
        return found

    def without_year(self, minute: str, second: str) -> tuple[datetime, str] | None:
        """Give the instant and its form for ids; None where no calendar has it."""
        try:
            found = self._minutes[minute]
        except KeyError:
            found = self._minutes[minute] = self._minute(minute)
            if found is not None:
                self._follow(minute)
        step = _SECONDS.get(second)
        if found is None or step is None:
            return None
        return found[0] + step, found[1] + second

    def _minute(self, text: str) -> tuple[datetime, str] | None:
        month = _MONTHS.get(text[:3], 0)
        day, hour, minute = int(text[4:6]), int(text[7:9]), int(text[10:12])
        for year in range(self._newest, self._newest - _LEAP_YEARS - 1, -1):
            try:
                instant = datetime(year, month, day, hour, minute, tzinfo=self._zone).astimezone(UTC)
            except (ValueError, OverflowError):
                continue
            if instant <= self._latest:
                self.years.add(year)
                return instant, instant.isoformat()[:17]
        return None

    def _follow(self, minute: str) -> None:
        """Count how often the calendar begins anew."""
        now = datetime(2000, _MONTHS[minute[:3]], int(minute[4:6]), int(minute[7:9]), int(minute[10:12]), tzinfo=UTC)
        if self._before is not None and self._before - now > _HALF_A_YEAR:
            self._turns += 1
        self._first, self._before = self._first or now, now

    def more_than_a_year(self) -> bool:
        """Tell whether the lines, in their order, reach over more than a year."""
        passed = (
            self._turns == 1 and self._first is not None and self._before is not None and self._before > self._first
        )
        return self._turns > 1 or passed

    def with_year(self, text: str) -> tuple[tuple[datetime, str] | None, str]:
        """Give the instant and its form for ids, None where no calendar has it; and what of it is assumed."""
        leap = text[17:19] == "60"
        try:
            found = datetime.fromisoformat(f"{text[:17]}59{text[19:]}" if leap else text)
            assumed = found.tzinfo is None
            instant = (found.replace(tzinfo=self._zone) if assumed else found).astimezone(UTC)
            instant += timedelta(seconds=leap)
        except (ValueError, OverflowError):
            return None, ""
        self.no_zone |= assumed
        return (instant, instant.isoformat()), _NO_ZONE if assumed else ""


class _Reader:
    """Reads the lines of one file, one after the other."""

    def __init__(self, gathered: Gathered, host: str | None, zone: tzinfo, at: datetime) -> None:
        self._gathered = gathered
        self._host = host
        self._zone = zone
        self._at = at
        self._times = _Times(zone, at)
        self._maker = EventMaker(gathered.file)
        self._make, self._keep = self._maker.make, gathered.events.append
        self._last: dict[str, str] = {}
        """The last line of each host that says something itself."""
        self._repeated: dict[str, tuple[str, _Repeated]] = {}
        """That of these lines which was repeated, and what it says: it is read once, however often it is."""
        self._records: list[tuple[int, str, str | None]] = []
        self._repeats = 0
        self._characters = 0

    def read(self, index: int, line: str) -> None:
        """Read a line that is not empty."""
        time = self._times.of_known_minute(line)
        match = None if time is None else _AFTER_TIME.match(line, 16)
        if time is None or match is None or len(line) > LONGEST_LINE:
            parts = self._parts(line)
            if isinstance(parts, str):
                self._gathered.cannot_read(index + 1, parts)
                return
            instant, stamp, assumed, host, program, pid, message = parts
        else:
            # What `_parts` gives too, but sooner.
            instant, stamp = time
            host, program, pid, message = match.groups("")
            assumed, host = _NO_YEAR, host if host != "-" else self._host or ""
        times = 1
        if message.startswith(_AGAIN) and (again := self._again(index, host, program, line, message)) is not None:
            times, (program, other, message, said) = again
            pid = other or pid
        else:
            self._last[host] = line
            said = read_message(program, message)
        if said is None or not times:
            self._pass_over(index, host, program, message)
            return
        record = {**said.fields, "eventCategory": CATEGORY, "program": program, "raw": line}
        if pid:
            record["pid"] = pid
        if assumed:
            record["assumed"] = assumed
        if times == 1:
            self._keep(self._make(host, instant, stamp, line, said, record, index))
            return
        record["repeated"] = times
        self._gathered.events += self._maker.repeat(times, host, instant, stamp, line, said, record, index)

    def _parts(self, line: str) -> _Parts | str:
        """Give the parts of a line; or why there are none."""
        match = None if len(line) > LONGEST_LINE else _LINE.match(line)
        if match is not None:
            minute, second, whole, host, program, pid, message = match.groups()
            if minute is not None:
                time, assumed = self._times.without_year(minute, second), _NO_YEAR
            else:
                time, assumed = self._times.with_year(whole)
            if time is None:
                return f"no calendar has the time `{whole or f'{minute}:{second}'}`"
        elif len(line) > LONGEST_LINE:
            return f"longer than {LONGEST_LINE} characters"
        elif (framed := _RFC5424.match(line)) is not None:
            whole, host, program, pid, message = framed.groups()
            time, assumed = self._times.with_year(whole)
            if time is None:
                return f"no calendar has the time `{whole}`"
        else:
            return "neither the time, the host nor the program of a message of syslog"
        return *time, assumed, self._host or "" if host == "-" else host, program or "", pid, message

    def _again(self, index: int, host: str, program: str, line: str, message: str) -> tuple[int, _Repeated] | None:
        """Read that a message is repeated: how often, and which. None where it is a message like any other."""
        whole = _REPEATED.match(message)
        if whole is not None:
            return self._bounded(index, int(whole[1]), line), (program, None, whole[2], read_message(program, whole[2]))
        last = None if program else _LAST_REPEATED.match(message)
        if last is None:
            return None
        before = self._last.get(host)
        if before is None:
            said = f"repeated {last[1]} times: the line that it repeats is not in this file"
            self._gathered.say("repeats-unknown", said, index + 1)
            return 0, (program, None, message, None)
        known = self._repeated.get(host)
        if known is None or known[0] is not before:
            parts = self._parts(before)
            assert not isinstance(parts, str), "it was read before"
            *_, program, pid, message = parts
            known = self._repeated[host] = before, (program, pid, message, read_message(program, message))
        return self._bounded(index, int(last[1]), line), known[1]

    def _bounded(self, index: int, times: int, line: str) -> int:
        """Give how many events a repetition makes, within what a file may make."""
        left = min(MOST_REPEATS - self._repeats, (MOST_REPEATED - self._characters) // len(line))
        if times > left:
            said = f"repeated {times} times: {left} events are made of it, {times - left} are only counted here"
            self._gathered.say("too-many-repeats", said, index + 1)
        made = min(times, left)
        self._repeats += made
        self._characters += made * len(line)
        return made

    def _pass_over(self, index: int, host: str, program: str, message: str) -> None:
        """Count a line of a program that is not audited, and keep a record of auditd for later."""
        if program in _FORWARDERS and "audit(" in message:
            self._records.append((index, message, host))
        else:
            self._gathered.not_audited[program] += 1

    def end(self) -> None:
        """Join the records of auditd, and say what was assumed."""
        gathered, times = self._gathered, self._times
        read_records(self._records, gathered, self._maker)
        if times.years:
            years = " and ".join(dict.fromkeys(str(year) for year in (min(times.years), max(times.years))))
            said = f"its lines have no year: taken for {years}, the last before {self._at:%Y-%m-%d}"
            gathered.assume("assumed-year", said)
        if times.years or times.no_zone:
            gathered.assume("assumed-zone", f"its lines have no zone: taken for {self._zone}")
        if times.more_than_a_year():
            said = (
                "it reaches over more than a year, and its lines have none: read the parts of each year by themselves"
            )
            gathered.say("more-than-a-year", said)
