"""What a schedule that another product defines comes to as layers and overrides of a team file.

Nothing is approximated in silence: a part that cannot be said exactly is left out with a problem that says why, and a
part whose meaning the product's documents leave open is taken one way with a problem that says which.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from watchbill.errors import Problem, WatchbillError
from watchbill.inert import inert
from watchbill.schedule.vendors.reading import MAX_NAME, MAX_PROBLEMS, instant, quoted, text


MAX_PARTS = 1_000
"""Layers, or overrides, of one schedule."""

_UNITS = (("w", timedelta(weeks=1)), ("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))
_MOST_TURNS = 999
_MOST_LENGTH = 9999
_MOST_LETTERS = 32
_ZONES = frozenset(available_timezones())
_YEARS = range(2026, 2031)
"""In which it is looked whether the clocks of a zone change."""


@dataclass(frozen=True, slots=True)
class Someone:
    """A person of an outside schedule."""

    name: str
    """What they could be called in a team file; layers and overrides call them so."""
    full_name: str
    """As the source has it; empty where it does not say."""
    email: str
    """As the source has it; empty where it does not say."""
    id: str
    """The source's own id of them."""


@dataclass(frozen=True, slots=True)
class Definition:
    """An outside schedule as parts of a team file."""

    name: str
    layers: tuple[dict[str, Any], ...]
    """In the document's own form, in its order: a later one wins unless it is `beside`."""
    overrides: tuple[dict[str, Any], ...]
    """In the document's own form, in the order in which they apply."""
    people: tuple[Someone, ...]
    """Everyone whom layers and overrides name, or those left out."""
    problems: tuple[Problem, ...]
    """What is left out since it has no equivalent, and what the source leaves open."""


class NoEquivalentError(Exception):
    """A part of a schedule cannot be said in a team file; the message says why."""


class Draft:
    """A definition in the making."""

    def __init__(self, file: str) -> None:
        self.layers: list[dict[str, Any]] = []
        self.overrides: list[dict[str, Any]] = []
        self._file = file
        self._problems: dict[Problem, None] = {}
        self._known: dict[str, tuple[str, str]] = {}
        self._people: dict[str, Someone] = {}
        self._layer_names: set[str] = set()

    def know(self, number: object, full_name: object, email: object) -> None:
        """Remember what the document says of a person; an empty text does not hide what it said before."""
        key = text(number)
        known = self._known.get(key, ("", ""))
        self._known[key] = (inert(text(full_name)) or known[0], inert(text(email)) or known[1])

    def person(self, number: object) -> str:
        """Give the short name of a person by the source's id; raises NoEquivalentError where there is no id."""
        key = text(number)
        if not key:
            raise NoEquivalentError("somebody in it has no id")
        if key not in self._people:
            full_name, email = self._known.get(key, ("", ""))
            taken = {someone.name for someone in self._people.values()}
            name = free_name(email.partition("@")[0] or full_name or key, taken, "person")
            self._people[key] = Someone(name, full_name, email, inert(key))
        return self._people[key].name

    def report(self, code: str, message: str) -> None:
        """Add a problem."""
        if len(self._problems) < MAX_PROBLEMS:
            self._problems[Problem(code, message, self._file)] = None

    def add_layer(self, name: str, layer: Mapping[str, Any]) -> None:
        """Add a layer; its name becomes one that a team file may have."""
        short = free_name(name, self._layer_names, "layer")
        self._layer_names.add(short)
        self.layers.append({"name": short, **layer})

    def add_override(self, product: str, by: str, start: datetime, end: datetime, what: Mapping[str, Any]) -> None:
        """Add an override. The products do not say who arranged one, so `by` names somebody whom it concerns."""
        if start >= end:
            raise NoEquivalentError("it ends before it starts")
        named = {"name": f"override-{len(self.overrides) + 1}", "from": written(start), "to": written(end)}
        self.overrides.append({**named, **what, "reason": f"override in {product}", "by": by})
        message = f"{product} does not say who arranged an override; `by` names whom it puts on call, or relieves"
        self.report("unknown-author", message)

    def definition(self, name: str) -> Definition:
        """Give all of it."""
        people = tuple(self._people.values())
        return Definition(
            inert(name[:MAX_NAME]), tuple(self.layers), tuple(self.overrides), people, tuple(self._problems)
        )


def free_name(said: str, taken: Iterable[str], otherwise: str) -> str:
    """Make a short name out of a text that is not taken yet."""
    plain = unicodedata.normalize("NFKD", said).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9_.]+", "-", plain).strip("-._")[:_MOST_LETTERS] or otherwise
    known, number, found = set(taken), 1, base
    while found in known:
        number += 1
        found = f"{base[: _MOST_LETTERS - len(str(number)) - 1]}-{number}"
    return found


def zone_named(value: object) -> ZoneInfo:
    """Give a time zone; raises NoEquivalentError where it is none of the IANA's."""
    name = text(value)
    if name not in _ZONES:
        raise NoEquivalentError(f"{quoted(name)} is no IANA time zone such as Europe/London")
    return ZoneInfo(name)


def schedule_zone(value: object, file: str) -> ZoneInfo:
    """Give the time zone of a whole schedule; raises WatchbillError where it is none of the IANA's."""
    try:
        return zone_named(value)
    except NoEquivalentError as error:
        raise WatchbillError(
            f"{file}: {error}", "set the schedule's time zone to an IANA one and export again"
        ) from error


def moment(value: object) -> datetime:
    """Read an instant; raises NoEquivalentError."""
    try:
        return instant(value)
    except ValueError as error:
        raise NoEquivalentError(str(error)) from error


def local_moment(value: object, zone: ZoneInfo) -> datetime:
    """Read an instant as the local time of a zone, naive; raises NoEquivalentError."""
    try:
        return moment(value).astimezone(zone).replace(tzinfo=None)
    except OverflowError as error:
        raise NoEquivalentError(f"{quoted(value)} is further away than dates go") from error


def written(at: datetime) -> str:
    """Write an instant as a team file has it."""
    return at.isoformat().replace("+00:00", "Z")


def clock(local: datetime | time) -> str:
    """Write a time of day; raises NoEquivalentError where it is not on a whole minute."""
    if local.second or local.microsecond:
        raise NoEquivalentError(f"{local:%H:%M:%S} is no whole minute, and handoffs of a team file are")
    return f"{local:%H:%M}"


def local_time(local: datetime) -> str:
    """Write a local time; raises NoEquivalentError where it is not on a whole minute."""
    return f"{local.date()}T{clock(local)}"


def turn(length: timedelta) -> str:
    """Write the length of a turn; raises NoEquivalentError where it is not in whole hours."""
    for unit, each in _UNITS[:-1]:
        count, rest = divmod(length, each)
        if not rest and 1 <= count <= _MOST_TURNS:
            return f"{count}{unit}"
    raise NoEquivalentError(f"a turn of {length} is not in whole hours, days or weeks, {_MOST_TURNS} of them at most")


def shift_length(length: timedelta) -> str:
    """Write how long a shift that recurs lasts; raises NoEquivalentError where it is not in whole minutes."""
    for unit, each in _UNITS:
        count, rest = divmod(length, each)
        if not rest and 1 <= count <= _MOST_LENGTH:
            return f"{count}{unit}"
    raise NoEquivalentError(f"a shift of {length} is not in whole minutes, or ends before it begins")


@lru_cache(maxsize=256)
def changes_clocks(zone: ZoneInfo) -> bool:
    """Tell whether the clocks of a zone change in the years to come."""
    days = (datetime(year, month, 1, tzinfo=zone) for year in _YEARS for month in range(1, 13))
    return len({day.utcoffset() for day in days}) > 1


@lru_cache(maxsize=256)
def happens_twice(at: time, zone: ZoneInfo) -> bool:
    """Tell whether a time of day happens twice on some day of the years to come."""
    day = datetime.combine(datetime(_YEARS[0], 1, 1, tzinfo=zone), at, zone)
    end = day.replace(year=_YEARS[-1])
    while day < end:
        first, second = day.utcoffset(), day.replace(fold=1).utcoffset()
        if first is not None and second is not None and first > second:
            return True
        day += timedelta(days=1)
    return False
