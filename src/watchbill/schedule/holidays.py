"""Public holidays by the place where somebody lives, as whole local days; the `holidays` package knows them."""

from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

from holidays import country_holidays

from watchbill.intervals import Interval, merge
from watchbill.schedule.wall import day_of


@lru_cache(maxsize=4096)
def _of_year(place: str, year: int) -> frozenset[date]:
    country, _, part = place.partition("-")
    return frozenset(country_holidays(country, subdiv=part or None, years=year))


def is_holiday(place: str, day: date) -> bool:
    """Tell whether a day is a public holiday in a country or a part of one: `GB`, `GB-SCT`."""
    return day in _of_year(place, day.year)


def holidays_within(place: str, zone: str, within: Interval) -> tuple[Interval, ...]:
    """Give the public holidays that touch a span as whole local days; days that follow each other are one."""
    where = ZoneInfo(zone)
    first, last = within.start.astimezone(where).date(), within.end.astimezone(where).date()
    days = (day for year in range(first.year, last.year + 1) for day in _of_year(place, year))
    spans = (day_of(day, where) for day in days if first <= day <= last)
    return merge(span for span in spans if span is not None)
