"""Read an outside schedule, whatever product it is from.

A schedule comes in one of two ways: as *shifts*, flat, with all that changes them applied (`read_outside`), or as it
is *defined*, in rotations and overrides (`definition`), to be taken over into a team file once. Shifts decide for
themselves what happens where the clocks change; for a definition, see what its reader says of that.
"""

from collections.abc import Callable, Mapping

from watchbill.errors import WatchbillError
from watchbill.intervals import Interval
from watchbill.schedule.calendars.read import read_calendar
from watchbill.schedule.imported import Imported
from watchbill.schedule.vendors import goalert, grafana, opsgenie, pagerduty, table
from watchbill.schedule.vendors.defined import Definition, Someone
from watchbill.schedule.vendors.reading import json_of


__all__ = ["Definition", "Someone", "definition", "read_outside"]

_Reader = Callable[[object, Interval, str], Imported]

_READERS: Mapping[str, tuple[str, _Reader]] = {
    "pagerduty": ("PagerDuty", pagerduty.read),
    "goalert": ("GoAlert", goalert.read),
    "opsgenie": ("Opsgenie", opsgenie.read),
    "grafana": ("Grafana OnCall", grafana.read),
}
_DEFINED: Mapping[str, tuple[str, Callable[[object, str], Definition]]] = {
    "pagerduty": ("PagerDuty", pagerduty.definition),
    "goalert": ("GoAlert", goalert.definition),
}


def read_outside(form: str, data: bytes, within: Interval, file: str, zone: str) -> Imported:
    """Give the entries that share an instant with `within`, each whole, in order of time.

    `form` is one of `team.model.FORMS`, `file` what problems call the schedule. `zone` is that of times that name none,
    which only calendars may have. Raises WatchbillError where the data is something else, or is cut off.
    """
    if form == "ics":
        return read_calendar(data, within, file, zone)
    if form == "csv":
        return table.read(data, within, file)
    product, read = _READERS[form]
    return read(json_of(data, product, file), within, file)


def definition(form: str, data: bytes, file: str) -> Definition:
    """Give the schedule as parts of a team file; raises WatchbillError where the data does not define one."""
    if form not in _DEFINED:
        known = " and ".join(f"`{each}`" for each in _DEFINED)
        raise WatchbillError(f"of `{form}` only shifts can be read; a definition is read of {known}", "take its shifts")
    product, read = _DEFINED[form]
    return read(json_of(data, product, file), file)
