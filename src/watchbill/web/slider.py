"""A day of time as a line to press on, without a script: every third hour of it, and each change, is a link.

The instant that a page is about stands in the middle. What the line shows stands below it as a list, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from xml.etree.ElementTree import Element, tostring
from zoneinfo import ZoneInfo

from watchbill.inert import inert
from watchbill.service.access_view import AROUND
from watchbill.web.calendar import add, tenths


HALF: Final = AROUND
"""How far the line reaches to either side."""

_WIDTH, _HEIGHT = 960, 66
_LEFT, _RIGHT, _LINE = 24, 936, 34
_HOUR = timedelta(hours=1)
_EACH = 3
"""Hours from one link to the next."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A change that the line leads to."""

    at: datetime
    what: str
    href: str


def slider_svg(at: datetime, stops: Sequence[Stop], href: Callable[[datetime], str], zone: ZoneInfo) -> str:
    """Draw the line around an instant; `href` gives where an instant of it leads."""
    picture = Element("svg", {"class": "slider", "viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "role": "group"})
    picture.set("aria-labelledby", "slider-title slider-desc")
    add(picture, "title", f"{_said(at, zone)}, with twelve hours before and after", id="slider-title")
    changes = f"{len(stops)} change{'' if len(stops) == 1 else 's'} in it" if stops else "no change in it"
    add(picture, "desc", f"Each third hour is a link, and so is each change: {changes}.", id="slider-desc")
    add(picture, "line", class_="rule", x1=_LEFT, x2=_RIGHT, y1=_LINE, y2=_LINE)
    for hour in _hours(at, zone):
        _draw_hour(picture, _x(hour, at), hour.astimezone(zone), href(hour))
    for stop in stops:
        _draw_stop(picture, _x(stop.at, at), stop, zone)
    middle = tenths(_x(at, at))
    add(picture, "line", class_="here", x1=middle, x2=middle, y1=_LINE - 18, y2=_LINE + 8)
    return tostring(picture, "unicode")


def _x(instant: datetime, at: datetime) -> float:
    return _LEFT + (instant - at + HALF) / (2 * HALF) * (_RIGHT - _LEFT)


def _hours(at: datetime, zone: ZoneInfo) -> list[datetime]:
    """Give the instants at which the clock shows every third hour, in order; one that it shows twice comes twice."""
    start = at - HALF
    past = timedelta(minutes=start.astimezone(zone).minute, seconds=start.second, microseconds=start.microsecond)
    # By half hours: there are clocks that are changed by one.
    every = [start - past + number * _HOUR / 2 for number in range(52)]
    shown = [(each, each.astimezone(zone)) for each in every if start <= each <= at + HALF]
    return [each for each, local in shown if local.minute == 0 and local.hour % _EACH == 0]


def _draw_hour(picture: Element, x: float, local: datetime, href: str) -> None:
    link = add(picture, "a", href=href)
    add(link, "title", f"{local:%a %Y-%m-%d %H:%M}")
    # What is pressed is larger than what is seen.
    add(link, "rect", class_="press", x=tenths(x - 24), y=_LINE + 2, width=48, height=30)
    add(link, "line", class_="tick", x1=tenths(x), x2=tenths(x), y1=_LINE, y2=_LINE + 8)
    add(link, "text", f"{local:%H:%M}", x=tenths(x), y=_LINE + 24, text_anchor="middle")


def _draw_stop(picture: Element, x: float, stop: Stop, zone: ZoneInfo) -> None:
    link = add(picture, "a", href=stop.href)
    add(link, "title", f"{_said(stop.at, zone)}: {inert(stop.what)}")
    add(link, "rect", class_="press", x=tenths(x - 12), y=_LINE - 24, width=24, height=24)
    add(link, "path", class_="stop", d=f"M{tenths(x - 7)} {_LINE - 16}h14l-7 14z")


def _said(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"
