"""Measure schedules on CPU time, with memory: compiling, asking, and reading calendars beside the libraries that can.

Ratios are to icalendar's own parsing of the same calendar in the same run. Run from a checkout with the development
dependencies installed.
"""

import resource
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any

from icalendar import Calendar

from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.schedule.calendars.read import read_calendar
from watchbill.schedule.oncall import Schedule
from watchbill.team.model import Kind, Layer, Required, Restriction, Roster, Rota, Rotation, Turn


HERE = Location("bench.yaml", 1)
START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ("Europe/London", "America/New_York", "Asia/Tokyo")


def rota(name: str, people: int) -> Rota:
    """Make a rota that follows the sun: three layers of eight hours, a week each."""
    layers = tuple(layer(zone, tuple(f"{name}-{zone}-{n}".lower() for n in range(people // 3))) for zone in ZONES)
    none, horizon = timedelta(0), timedelta(days=14)
    required = (Required(Kind.PRIMARY, 1, (), "UTC"),)
    return Rota(name, ("production",), {Kind.PRIMARY: "x"}, horizon, none, none, required, layers, (), (), HERE)


def layer(zone: str, members: tuple[str, ...]) -> Layer:
    """Make a layer of a rota that follows the sun."""
    first = date(2026, 1, 5)
    hours = Restriction(frozenset(range(7)), clock(9), clock(17))
    rotation = Rotation(Turn(1, "w"), clock(9), first, (Roster(first, members, members[0]),))
    return Layer(zone.lower().replace("/", "-"), Kind.PRIMARY, zone, members, rotation, (hours,), HERE)


def calendar(events: int) -> bytes:
    """Write a calendar of so many shifts of eight hours, as products write them."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//bench//EN"]
    for number in range(events):
        start = START + number * timedelta(hours=8)
        lines += [
            "BEGIN:VEVENT",
            f"UID:{number}@bench",
            f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
            f"DTEND:{start + timedelta(hours=8):%Y%m%dT%H%M%SZ}",
            f"SUMMARY:On Call - Person {number % 30} - Platform",
            f"ATTENDEE:person{number % 30}@example.com",
            "END:VEVENT",
        ]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def spent(work: Callable[[], Any], times: int = 3) -> float:
    """Give the least CPU time of several runs, in seconds."""
    found = []
    for _ in range(times):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return min(found)


def main() -> None:
    """Print the figures."""
    ten_years = Interval(START, START.replace(year=2036))
    figures = {
        "ten years of three layers of 30 people, compiled": spent(lambda: Schedule(rota("a", 30)).shifts(ten_years))
    }
    schedules = [Schedule(rota(f"r{number}", 9)) for number in range(1_000)]
    instants = iter(START + timedelta(days=100, minutes=7 * number) for number in range(100))

    def ask() -> None:
        at = next(instants)
        for schedule in schedules:
            schedule.on_call(at)

    figures["who is on call, over 1,000 schedules of three layers"] = spent(ask, 10)
    text = calendar(10_000)
    within = Interval(START, START + timedelta(days=4_000))
    theirs = spent(lambda: Calendar.from_ical(text))
    figures["a calendar of 10,000 events, read and expanded"] = ours = spent(
        lambda: read_calendar(text, within, "bench.ics", "UTC")
    )
    for what, seconds in figures.items():
        print(f"{what:60} {seconds:8.4f} s")
    print(f"{'the last, to icalendar parsing the same':60} {ours / theirs:8.2f}")
    print(f"{'most memory':60} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MiB")


if __name__ == "__main__":
    main()
