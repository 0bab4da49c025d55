"""Recurrence rules (RFC 5545, section 3.3.10), as far as a rota needs them.

Shifts recur by the hour at the most often: rules by the minute or second are refused, and so is what never ends to
compute.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr


_FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = frozenset(
    ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYHOUR", "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
) | {"BYMONTH", "BYSETPOS"}
_WRITTEN = re.compile(r"[A-Za-z0-9=;:,+-]{1,500}")
"""What a rule may be written with: dateutil would read what follows a space as more properties."""
_DAYS = frozenset(("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH"))
"""What is about days alone."""
_NUMBERS = {
    "BYHOUR": frozenset(range(24)),
    "BYMONTH": frozenset(range(1, 13)),
    "BYMONTHDAY": frozenset(range(-31, 32)) - {0},
    "BYYEARDAY": frozenset(range(-366, 367)) - {0},
    "BYWEEKNO": frozenset(range(-53, 54)) - {0},
    "BYSETPOS": frozenset(range(-366, 367)) - {0},
}
_A_START = datetime(2026, 1, 1)  # noqa: DTZ001 - a local time
_CYCLE = datetime(9600, 1, 1)  # noqa: DTZ001 - a local time, 400 years before the last
_UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
_DAY = 8
"""Characters of a date."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, read."""

    text: str
    """Without its end: that is ours to keep."""
    count: int | None
    until: datetime | None
    """The last moment at which a shift may begin: by the wall clock, or in UTC where it says so."""

    def starts(self, first: datetime, zone: ZoneInfo, end: datetime) -> Iterator[datetime]:
        """Give the local starts before a local end, in order, counted from the first; all are naive."""
        last = end if self.until is None else min(end, self._until_in(zone))
        found = rrulestr(self.text, dtstart=first).replace(until=last)
        for number, start in enumerate(found):
            if start >= end or number == self.count:
                return
            yield start

    def fits(self, start: datetime) -> bool:
        """Tell whether the rule may have its first shift at a local start."""
        # By every step, for steps that miss its days are looked through up to the year 9999.
        try:
            every = rrulestr(self.text, dtstart=start).replace(interval=1)
        except ValueError:
            return False
        return next(iter(every), None) == start

    def _until_in(self, zone: ZoneInfo) -> datetime:
        assert self.until is not None
        if self.until.tzinfo is None:
            return self.until
        try:
            local = self.until.astimezone(zone)
        except OverflowError:
            return self.until.replace(tzinfo=None)
        # In an hour that autumn repeats, all of its local times have begun.
        return (local + timedelta(hours=1) if local.fold else local).replace(tzinfo=None)


def read_rule(text: str) -> Rule:
    """Read a rule; raises ValueError with what is wrong in it."""
    if not _WRITTEN.fullmatch(text):
        raise ValueError(f"`{text[:80]}` is no recurrence rule; write FREQ=WEEKLY;BYDAY=SA")
    parts = _parts(text.upper().removeprefix("RRULE:"))
    count, until = _positive(parts.pop("COUNT", None), "COUNT"), _until(parts.pop("UNTIL", None))
    try:
        # Whether an INTERVAL goes with the hours is a question of the start.
        rrulestr(_joined({name: value for name, value in parts.items() if name != "INTERVAL"}), dtstart=_A_START)
        # dateutil looks for a day that fits up to the year 9999. Whether there is one, 400 years tell by the year.
        by_day = {name: value for name, value in parts.items() if name in _DAYS}
        first = next(iter(rrulestr(_joined({"FREQ": "YEARLY", **by_day}), dtstart=_CYCLE)), None)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"`{text}` cannot be read as a recurrence rule: {error}") from error
    if first is None:
        raise ValueError(f"no day of any year fits `{text}`")
    return Rule(_joined(parts), count, until)


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not equals or name not in _PARTS or name in parts:
            raise ValueError(f"`{part}` is no part of a rule by which shifts recur; write FREQ=WEEKLY;BYDAY=SA")
        parts[name] = value
    frequency = parts.get("FREQ")
    if frequency not in _FREQUENCIES:
        raise ValueError(f"FREQ must be one of {', '.join(_FREQUENCIES)}")
    _positive(parts.get("INTERVAL"), "INTERVAL")
    if frequency in ("HOURLY", "DAILY") and "BYSETPOS" in parts:
        raise ValueError("BYSETPOS picks from the shifts of a week, month or year")
    if frequency not in ("MONTHLY", "YEARLY") and re.search(r"[0-9]", parts.get("BYDAY", "")):
        raise ValueError("a numbered weekday is one of a month or year")
    for name, numbers in _NUMBERS.items():
        for number in parts[name].split(",") if name in parts else ():
            if not re.fullmatch(r"[+-]?[0-9]{1,3}", number) or int(number) not in numbers:
                raise ValueError(f"{name} cannot be `{number}`")
    return parts


def _joined(parts: Mapping[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _positive(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(f"{name} must be a number from 1 on, not `{text}`")
    return int(text)


def _until(text: str | None) -> datetime | None:
    if text is None:
        return None
    # A date is a whole local day.
    local = f"{text}T235959" if len(text) == _DAY else text.removesuffix("Z")
    try:
        until = datetime.strptime(local, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a local time, or UTC is put on below
    except ValueError:
        until = None
    if until is None or not _UNTIL.fullmatch(text):
        raise ValueError(f"UNTIL must be a date or a time such as 20261231T230000Z, not `{text}`")
    return until.replace(tzinfo=UTC) if text.endswith("Z") else until
