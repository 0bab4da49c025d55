"""Recurrence rules (RFC 5545, section 3.3.10), as far as a rota needs them.

Shifts recur by the hour at the most often: rules by the minute or second are refused, and so is what never ends to
compute.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr


_FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = frozenset(
    ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYHOUR", "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
) | {"BYMONTH", "BYSETPOS"}
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
        # A rule that nothing fits is looked through up to an end; without one, up to the year 9999.
        found = rrulestr(self.text, dtstart=first).replace(until=last)
        for number, start in enumerate(found):
            if start >= end or number == self.count:
                return
            yield start

    def _until_in(self, zone: ZoneInfo) -> datetime:
        assert self.until is not None
        return self.until if self.until.tzinfo is None else self.until.astimezone(zone).replace(tzinfo=None)


def read_rule(text: str) -> Rule:
    """Read a rule; raises ValueError with what is wrong in it."""
    parts: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").split(";"):
        name, equals, value = part.partition("=")
        if not equals or name not in _PARTS or name in parts:
            raise ValueError(f"`{part}` is no part of a rule by which shifts recur; write FREQ=WEEKLY;BYDAY=SA")
        parts[name] = value
    if parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError(f"FREQ must be one of {', '.join(_FREQUENCIES)}")
    count, until = _positive(parts.pop("COUNT", None), "COUNT"), _until(parts.pop("UNTIL", None))
    _positive(parts.get("INTERVAL"), "INTERVAL")
    bare = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        rrulestr(bare, dtstart=datetime(2026, 1, 1))  # noqa: DTZ001 - a local time
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"`{text}` cannot be read as a recurrence rule: {error}") from error
    return Rule(bare, count, until)


def _positive(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(f"{name} must be a number from 1 on, not `{text}`")
    return int(text)


def _until(text: str | None) -> datetime | None:
    if text is None:
        return None
    if not _UNTIL.fullmatch(text):
        raise ValueError(f"UNTIL must be a date or a time such as 20261231T230000Z, not `{text}`")
    if len(text) == _DAY:
        return datetime.strptime(f"{text}T235959", "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a whole local day
    if text.endswith("Z"):
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a local time
