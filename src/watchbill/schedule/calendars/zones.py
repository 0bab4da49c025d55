"""Which time zone a calendar means by a name: of the tz database, one of Windows', or one that it defines itself."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from icalendar import Timezone
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from watchbill.inert import inert
from watchbill.schedule.calendars.components import MAX_NAME, Calendar
from watchbill.schedule.calendars.errors import BadEventError
from watchbill.schedule.calendars.lines import property_of


_MAX_ZONE_TEXT = 20_000
_MAX_OWN_ZONES = 20

_ZONE_RULE = re.compile(
    r"FREQ=YEARLY|BYMONTH=(?:0?[1-9]|1[0-2])|BYDAY=[+-]?[1-5]?[A-Z]{2}|UNTIL=[0-9TZ]+"
    r"|BYMONTHDAY=(?:0?[1-9]|1[0-9]|2[0-8])(?:,(?:0?[1-9]|1[0-9]|2[0-8]))*"
)


class Zones:
    """The zones that a calendar names: of the tz database first, as those it defines itself are often out of date."""

    def __init__(self, calendar: Calendar, otherwise: str) -> None:
        self._default = calendar.top.text("X-WR-TIMEZONE") or otherwise
        self._own = {_zone_name(lines): lines for lines in calendar.zones}
        self._found: dict[str, tzinfo | None] = {"UTC": UTC}
        self._made = 0

    def named(self, name: str) -> tzinfo:
        """Give the zone of a name; raises for one that nobody knows."""
        if name not in self._found:
            self._found[name] = self._look_up(name)
        zone = self._found[name]
        if zone is None:
            raise BadEventError("unknown-zone", f"nobody knows the time zone `{inert(name[:MAX_NAME])}`")
        return zone

    def default(self) -> tzinfo:
        """Give the zone of floating times and of whole days."""
        return self.named(self._default)

    def _look_up(self, name: str) -> tzinfo | None:
        for known in (name, WINDOWS_TO_OLSON.get(name)):
            if known in _known_zones():
                return ZoneInfo(known)
        if name not in self._own or self._made == _MAX_OWN_ZONES:
            return None
        self._made += 1
        return _own_zone(self._own[name])


@cache
def _known_zones() -> frozenset[str]:
    # Both are about the machine, not a place: `localtime` is wherever it stands.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _zone_name(lines: Sequence[str]) -> str:
    return next((value.plain.strip() for name, value in map(property_of, lines) if name == "TZID"), "")


def _own_zone(lines: Sequence[str]) -> tzinfo | None:
    """Make a zone as a calendar defines it (section 3.6.5); None where that is not understood.

    Only yearly rules on a day of a month are let through: others could keep dateutil busy for ever.
    """
    if sum(map(len, lines)) > _MAX_ZONE_TEXT or not all(map(_is_plain_zone_line, lines)):
        return None
    kept = [line for line in lines if not line.upper().startswith("X-")]
    try:
        component = Timezone.from_ical("\r\n".join(kept))
        assert isinstance(component, Timezone)
        zone: tzinfo = component.to_tz(lookup_tzid=False)
        zone.utcoffset(datetime(2000, 1, 1))  # noqa: DTZ001 - a zone is asked about local times
    except Exception:  # noqa: BLE001 - hostile text makes the libraries raise all sorts; all of it means not understood
        return None
    return zone


def _is_plain_zone_line(line: str) -> bool:
    name, value = property_of(line)
    if name != "RRULE":
        return name != "EXRULE"
    rule = value.text.strip().upper()
    parts = rule.split(";")
    return "FREQ=YEARLY" in parts and all(map(_ZONE_RULE.fullmatch, parts)) and _is_feasible(rule)


def _is_feasible(rule: str) -> bool:
    """Tell whether days of the month that a rule names exist in each, and have the weekday every few years."""
    return "BYMONTHDAY" not in rule or re.search(r"BYDAY=[^;]*[0-9]", rule) is None
