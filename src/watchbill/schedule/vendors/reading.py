"""What the readers of outside schedules share: documents that may be anything, and entries gathered from them.

The text comes from outside and may be hostile: its size, the number of its entries and of the problems told are
bounded, and what is quoted from it is shown rather than obeyed.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from watchbill.errors import Problem, WatchbillError
from watchbill.inert import inert
from watchbill.intervals import Interval, iso, parse_instant
from watchbill.schedule.imported import Entry, Imported
from watchbill.team.model import Kind


MAX_BYTES = 20_000_000
MAX_ENTRIES = 100_000
MAX_PROBLEMS = 1_000
MAX_NAME = 500
"""No name or address is longer; what is, names nobody."""

_QUOTED = 80
"""Characters of a foreign text that a message shows."""


def check_size(data: bytes, file: str) -> None:
    """Refuse what is larger than any schedule."""
    if len(data) > MAX_BYTES:
        message = f"{file} is larger than {MAX_BYTES // 1_000_000} MB; no schedule is"
        raise WatchbillError(message, "export a shorter span of the schedule")


def json_of(data: bytes, product: str, file: str) -> object:
    """Read a JSON document; raises WatchbillError that says what it is instead."""
    check_size(data, file)
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        message = f"{file} is no answer of {product}'s API: it is {what_it_is(data)}"
        raise WatchbillError(message, "save what the API answers, unchanged, as JSON") from error


def what_it_is(data: bytes) -> str:
    """Say what some bytes seem to be that are not what was asked for."""
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        return "empty"
    if start[:1] == b"<":
        return "a web page or XML"
    if start[:15].upper() == b"BEGIN:VCALENDAR":
        return "a calendar, of form `ics`"
    if start[:1] in b"{[":
        return "JSON that is cut off or damaged" if _is_no_json(start) else "JSON"
    first = start[: _QUOTED * 4].split(b"\n")[0].decode(errors="replace").strip()
    if not first.isprintable() or "\ufffd" in first:
        return "binary data"
    return f"something else that begins with {quoted(first)}"


def wrong(document: object, wanted: str, hint: str, file: str) -> WatchbillError:
    """Make the error for a document that is JSON, and not what was asked for."""
    return WatchbillError(f"{file} has no {wanted}: it seems to be {_seems(document)}", hint)


def inside(value: object, *steps: str) -> object:
    """Give what is at a path of keys; None where there is nothing."""
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def rows(value: object) -> list[object]:
    """Give the things of a list, or of a page of one as GraphQL has it; none where it is neither."""
    found = inside(value, "nodes") if isinstance(value, Mapping) else value
    return found if isinstance(found, list) else []


def text(value: object) -> str:
    """Give a text without the space around it; empty for what is none."""
    return value.strip() if isinstance(value, str) else ""


def quoted(value: object) -> str:
    """Quote what stands in a document, so that it fits in a message and does nothing there."""
    if isinstance(value, list | Mapping):
        return "a list" if isinstance(value, list) else "an object"
    shown = inert(str(value)[: _QUOTED + 1])
    return f"`{shown[:_QUOTED]}...`" if len(shown) > _QUOTED else f"`{shown}`"


def instant(value: object) -> datetime:
    """Read an instant with its time zone; raises ValueError that quotes what stands there instead."""
    try:
        return parse_instant(text(value))
    except (ValueError, OverflowError) as error:
        found = "nothing" if value is None else quoted(value)
        raise ValueError(f"{found} is no time with its zone, such as 2026-09-07T08:00:00Z") from error


def span(start: object, end: object) -> Interval:
    """Read an interval; raises ValueError with what is wrong."""
    found = instant(start), instant(end)
    if found[0] >= found[1]:
        raise ValueError(f"it ends at {quoted(end)}, not after it starts at {quoted(start)}")
    return Interval(*found)


class Entries:
    """Gathers the entries of one document; what is wrong with one is a problem that names it, the rest is kept."""

    def __init__(self, within: Interval, file: str) -> None:
        self._within, self._file = within, file
        self._entries: list[Entry] = []
        self._problems: dict[Problem, None] = {}
        self._seen = self._unsaid = 0

    def add(
        self, place: str, start: object, end: object, names: Iterable[object], uid: str = "", kind: Kind | None = None
    ) -> None:
        """Add one; `place` is where in the document it stands. The surest of its names come first."""
        self._seen += 1
        if self._seen > MAX_ENTRIES:
            message = f"{self._file} has more than {MAX_ENTRIES:,} shifts"
            raise WatchbillError(message, "export a shorter span of the schedule")
        known = dict.fromkeys(inert(name) for name in map(text, names) if 0 < len(name) <= MAX_NAME)
        # A stable sort: addresses come first, the others stay as they are.
        found = sorted(known, key=lambda name: "@" not in name)
        try:
            interval = span(start, end)
        except ValueError as error:
            self.report("bad-time", f"{place}: {error}")
            return
        if not found:
            self.report("nobody", f"{place}: it does not say who is on call")
        elif interval.intersection(self._within) is not None:
            called = uid[:MAX_NAME] or f"{found[0]} from {iso(interval.start)}"
            self._entries.append(Entry(interval, tuple(found), inert(called), kind))

    def report(self, code: str, message: str) -> None:
        """Add a problem, and none where there are so many that nobody would read it."""
        problem = Problem(code, message, self._file)
        if len(self._problems) < MAX_PROBLEMS:
            self._problems[problem] = None
        elif problem not in self._problems:
            self._unsaid += 1

    def imported(self, name: str, complete_to: Interval | None = None) -> Imported:
        """Give all of it, in order of time."""
        problems = list(self._problems)
        if self._unsaid:
            problems.append(Problem("more-problems", f"{self._unsaid:,} more problems are not shown", self._file))
        entries = sorted(self._entries, key=lambda entry: (entry.interval, entry.names, entry.uid))
        return Imported(inert(name[:MAX_NAME]), tuple(entries), tuple(problems), complete_to)


def _is_no_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return True
    return False


def _seems(document: object) -> str:
    """Say what a JSON document seems to be."""
    told = _error_in(document)
    if told:
        return f"an error, {quoted(told)}"
    signs = (
        ("PagerDuty's schedule", inside(document, "schedule", "final_schedule")),
        ("PagerDuty's schedule without its final shifts", inside(document, "schedule", "schedule_layers")),
        ("PagerDuty's schedule without its final shifts", inside(document, "schedule", "rotations")),
        ("PagerDuty's list of schedules", inside(document, "schedules")),
        ("GoAlert's calendar subscription", inside(document, "Shifts")),
        ("GoAlert's schedule", inside(document, "data", "schedule")),
        ("Opsgenie's timeline", inside(document, "data", "finalTimeline")),
        ("Opsgenie's timeline", inside(document, "finalTimeline")),
        ("Grafana OnCall's page of results", inside(document, "results")),
    )
    for product, found in signs:
        if found is not None:
            return product
    if isinstance(document, Mapping):
        return f"JSON with {', '.join(quoted(key) for key in list(document)[:5]) or 'nothing'} in it"
    return "a JSON list" if isinstance(document, list) else "JSON of a single value"


def _error_in(document: object) -> str:
    """Give the message of an answer that is an error."""
    first = next(iter(rows(inside(document, "errors"))), None)
    found = (
        inside(document, "error", "message"),
        inside(document, "error"),
        inside(first, "message"),
        inside(document, "message"),
        inside(document, "detail"),
    )
    return next((text(each) for each in found if text(each)), "")
