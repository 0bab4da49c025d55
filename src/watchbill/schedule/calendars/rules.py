"""At which times a recurrence rule (section 3.3.10) has instances, by the wall clock.

python-dateutil works them out. A rule that has anything in it that is not understood is refused.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from math import prod

from dateutil.rrule import DAILY, HOURLY, MONTHLY, WEEKLY, YEARLY, rrule, weekday

from watchbill.inert import inert
from watchbill.schedule.calendars.budget import Budget
from watchbill.schedule.calendars.components import Component
from watchbill.schedule.calendars.errors import BadEventError
from watchbill.schedule.calendars.lines import Value
from watchbill.schedule.calendars.times import DAY, Wall, wall
from watchbill.schedule.calendars.zones import Zones


_STEPS_OF_A_RULE = 100
_MAX_INTERVAL = 10_000
_MAX_TIMES_A_DAY = 24
_MAX_VALUES = 1_000
_SHOWN = 30
"""Characters of a rule that a message shows."""

_FREQUENCIES: Mapping[str, int] = {
    "YEARLY": YEARLY,
    "MONTHLY": MONTHLY,
    "WEEKLY": WEEKLY,
    "DAILY": DAILY,
    "HOURLY": HOURLY,
}
_UNITS = {WEEKLY: timedelta(weeks=1), DAILY: DAY, HOURLY: timedelta(hours=1)}
_NUMBERS = {
    "BYMONTH": ("bymonth", 1, 12),
    "BYMONTHDAY": ("bymonthday", -31, 31),
    "BYYEARDAY": ("byyearday", -366, 366),
    "BYWEEKNO": ("byweekno", -53, 53),
    "BYHOUR": ("byhour", 0, 23),
    "BYMINUTE": ("byminute", 0, 59),
    "BYSECOND": ("bysecond", 0, 59),
    "BYSETPOS": ("bysetpos", -366, 366),
}
_WEEKDAYS = {name: weekday(number) for number, name in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}
_WEEKS = 53
"""Of a year, at the most."""
_BYDAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")


def rules_of(event: Component, start: Wall, since: datetime, zones: Zones, budget: Budget) -> list[rrule | None]:
    """Read the rules of an event; None for one that ends before the event starts.

    Those without a COUNT may begin later, at the last of their steps before `since`, as all before do not matter.
    """
    if "EXRULE" in event.values:
        raise _bad_rule("it has an EXRULE, which is out of use")
    return [_rule(value.text, start, since, zones, budget) for value in event.values.get("RRULE", ())]


def _rule(text: str, start: Wall, since: datetime, zones: Zones, budget: Budget) -> rrule | None:
    budget.spend(_STEPS_OF_A_RULE)
    parts = _parts(text)
    if {"COUNT", "UNTIL"} <= parts.keys():
        raise _bad_rule("it has both COUNT and UNTIL")
    frequency = _frequency(parts.pop("FREQ", ""))
    interval = _number(parts.pop("INTERVAL", "1"), 1, _MAX_INTERVAL)
    count = _number(parts.pop("COUNT"), 1, 999_999_999) if "COUNT" in parts else None
    until = _until(parts.pop("UNTIL"), start, zones) if "UNTIL" in parts else None
    week_start = _weekdays(parts.pop("WKST", "MO"))[0]
    days = _weekdays(parts.pop("BYDAY")) if "BYDAY" in parts else ()
    lists = {_NUMBERS[name][0]: _numbers(name, part) for name, part in parts.items() if name in _NUMBERS}
    if unknown := sorted(parts.keys() - _NUMBERS.keys()):
        raise _bad_rule(f"{_quoted(unknown[0])} is not understood")
    _check(frequency, days, lists)
    if until is not None and until < start.local:
        return None
    if frequency == YEARLY and not days and lists.keys().isdisjoint({"bymonthday", "byyearday", "byweekno"}):
        lists = {"bymonth": (start.local.month,), "bymonthday": (start.local.day,), **lists}
    first, *others = sorted(lists.get("bymonth", range(1, 13)))
    lists["bymonth"] = (budget.counting(first), *others)
    begin = start.local
    if count is None and frequency in _UNITS:
        step = _UNITS[frequency] * interval
        begin += max((since - begin) // step - 1, 0) * step
    try:
        return rrule(
            frequency,
            dtstart=begin,
            interval=interval,
            wkst=week_start,
            count=count,
            until=until,
            byweekday=days or None,
            **lists,
        )
    except ValueError as error:
        raise _bad_rule(str(error)) from None


def _bad_rule(why: str) -> BadEventError:
    return BadEventError("bad-rule", f"its recurrence rule is not understood: {why}")


def _quoted(text: str) -> str:
    return f"`{inert(text[:_SHOWN])}`"


def _parts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.strip().upper().strip(";").split(";"):
        name, _, value = part.partition("=")
        if name in found or not value:
            raise _bad_rule(_quoted(part))
        found[name] = value
    return found


def _frequency(text: str) -> int:
    if text in ("SECONDLY", "MINUTELY"):
        raise _bad_rule(f"no shift recurs {text}")
    if text not in _FREQUENCIES:
        raise _bad_rule(f"`FREQ={inert(text[:_SHOWN])}`")
    return _FREQUENCIES[text]


def _number(text: str, low: int, high: int) -> int:
    if re.fullmatch(r"[+-]?[0-9]{1,9}", text) is None or not low <= int(text) <= high:
        raise _bad_rule(f"{_quoted(text)} is no number from {low} to {high}")
    return int(text)


def _numbers(name: str, text: str) -> tuple[int, ...]:
    _, low, high = _NUMBERS[name]
    found = {_number(each, low, high) for each in text.split(",", _MAX_VALUES)}
    if 0 in found and low < 0:
        raise _bad_rule(f"`{name}=0`")
    return tuple(found)


def _weekdays(text: str) -> tuple[weekday, ...]:
    found: dict[str, weekday] = {}
    for each in text.split(",", _MAX_VALUES):
        day = _BYDAY.fullmatch(each)
        if day is None or (day[1] and not 1 <= abs(int(day[1])) <= _WEEKS):
            raise _bad_rule(f"{_quoted(each)} is no weekday")
        found[each] = _WEEKDAYS[day[2]](int(day[1])) if day[1] else _WEEKDAYS[day[2]]
    return tuple(found.values())


def _until(text: str, start: Wall, zones: Zones) -> datetime:
    """Give the last local time at which an instance may begin: a date means all of that day."""
    until = wall(Value("", text), zones)
    if start.is_day:
        return datetime.combine(until.local.date(), time())
    if until.is_day:
        return datetime.combine(until.local.date(), time.max)
    # One that names no zone is of the event's own.
    return until.in_zone_of(start) if text.endswith("Z") else until.local


def _check(frequency: int, days: Sequence[weekday], lists: Mapping[str, Sequence[int]]) -> None:
    """Refuse what dateutil would take for something else, and what would recur too often."""
    times = prod(len(lists.get(name, (0,))) for name in ("byhour", "byminute", "bysecond"))
    if times > _MAX_TIMES_A_DAY:
        raise _bad_rule(f"no shift begins {times} times a day")
    has_months = frequency == MONTHLY or (frequency == YEARLY and "bymonth" in lists)
    if any(day.n for day in days) and not has_months:
        raise _bad_rule("a numbered weekday needs a month")
