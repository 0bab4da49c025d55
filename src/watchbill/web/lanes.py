"""What a person did as a picture: when they were on call, and every event over that, in lanes.

One path a lane, whose marks are told apart to half a unit: a picture of fifty thousand events is as small as one of a
thousand, and what lies closer together is one mark. Times are true to the clock. What is not known yet is hatched.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring
from zoneinfo import ZoneInfo

import numpy as np

from watchbill.inert import inert
from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.schedule.wall import to_utc
from watchbill.service.person import LANES, Lane, Seen
from watchbill.trail.table import milliseconds
from watchbill.web.asked import Local
from watchbill.web.calendar import WIDTH, add, tenths


LEFT: Final = 118
RIGHT: Final = 952
_TOP, _ROW, _MARK = 26, 34, 22
_ORDER: Final = (Lane.WITHIN, Lane.OUTSIDE, Lane.FAILED, Lane.UNJUDGED)
"""From the top; the last one only where there is anything in it."""
_LOOKS: Final = {Lane.WITHIN: "within", Lane.OUTSIDE: "outside", Lane.FAILED: "failed", Lane.UNJUDGED: "unjudged"}
_LETTER = 6
"""A generous width of a letter below the picture."""
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_STEPS: Final = (
    (timedelta(hours=3), timedelta(minutes=15)),
    (timedelta(hours=13), _HOUR),
    (2 * _DAY, 3 * _HOUR),
    (8 * _DAY, _DAY),
    (16 * _DAY, 2 * _DAY),
)
"""Up to how long a span is, how far its ticks are apart; a week in longer ones."""

Leads = Callable[[datetime, datetime], str]
"""Gives the address of the page of a shorter span."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is drawn."""

    seen: Seen
    shifts: Sequence[Shift]
    frozen: Sequence[Interval]
    complete_to: datetime | None
    """Up to when the trail is complete; None where there is none."""


def lanes_svg(scene: Scene, zone: ZoneInfo, local: Local, at: datetime, leads: Leads) -> str:
    """Draw what somebody did; days and hours below it lead to their own page. An hour is the shortest."""
    span, counts = scene.seen.span, scene.seen.counts()
    rows = [lane for lane in _ORDER if lane is not Lane.UNJUDGED or counts[lane]]
    tops = {lane: _TOP + _ROW * place for place, lane in enumerate(rows)}
    bottom = _TOP + _ROW * len(rows)
    picture = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "did", "role": "group"})
    picture.set("viewBox", f"0 0 {WIDTH} {bottom + 34}")
    title = f"Events over shifts, {local(span.start)} to {local(span.end)}"
    # No image: what is in one is hidden from who cannot see it, links too.
    picture.set("aria-labelledby", "did-title")
    picture.set("aria-describedby", "did-desc")
    add(picture, "title", title, id="did-title")
    add(picture, "desc", _summary(scene), id="did-desc")
    _pattern(picture)
    add(picture, "text", "shaded: on call", class_="quiet", x=8, y=_TOP - 6)
    for shift in scene.shifts:
        words = f"on call: {shift.kind} of {inert(shift.rota)}, {local(shift.interval.start)}"
        _band(picture, span, shift.interval, ("shift", f"{words} to {local(shift.interval.end)}"), bottom)
    for frozen in scene.frozen:
        _band(picture, span, frozen, ("frozen", f"frozen from {local(frozen.start)}"), bottom)
    late = _late(scene, at)
    if late is not None:
        _band(picture, span, late, ("late", f"the trail is not complete after {local(late.start)}"), bottom)
    for lane in rows:
        _draw_lane(picture, scene.seen, lane, tops[lane], counts[lane])
    _draw_ticks(picture, span, zone, bottom, leads)
    return tostring(picture, encoding="unicode")


def _summary(scene: Scene) -> str:
    counted = ", ".join(f"{count} {lane}" for lane, count in scene.seen.counts().items())
    frozen = f" Frozen {len(scene.frozen)} times." if scene.frozen else ""
    return f"Events: {counted}. Shifts: {len(scene.shifts)}.{frozen} The tables below say each of them."


def _late(scene: Scene, at: datetime) -> Interval | None:
    """Give the part of a span, up to now, of which the trail is not complete yet."""
    until = min(scene.seen.span.end, at)
    start = scene.seen.span.start if scene.complete_to is None else max(scene.complete_to, scene.seen.span.start)
    return Interval(start, until) if start < until else None


def _x(span: Interval, at: datetime) -> float:
    inside = min(max(at, span.start), span.end)
    return LEFT + (RIGHT - LEFT) * ((inside - span.start) / span.length)


def _band(picture: Element, span: Interval, interval: Interval, said: tuple[str, str], bottom: float) -> None:
    look, words = said
    if interval.intersection(span) is None:
        return
    left, right = _x(span, interval.start), _x(span, interval.end)
    band = add(picture, "g")
    add(band, "title", words)
    add(band, "rect", class_=look, x=left, y=_TOP - 18, width=max(right - left, 1), height=bottom - _TOP + 18)
    name = "on call" if look == "shift" else "not complete" if look == "late" else look
    if right - left > 7 * len(name):
        add(band, "text", name, class_="quiet", x=left + 4, y=_TOP - 6)


def _draw_lane(picture: Element, seen: Seen, lane: Lane, top: float, count: int) -> None:
    add(picture, "line", class_="rule", x1=8, x2=RIGHT, y1=top, y2=top)
    add(picture, "text", str(lane), x=8, y=top + 15)
    add(picture, "text", f"{count} event{'' if count == 1 else 's'}", class_="quiet", x=8, y=top + 28)
    marks = "".join(f"M{tenths(x)} {tenths(top + 6)}v{_MARK}" for x in _places(seen, lane))
    if marks:
        add(picture, "path", class_=_LOOKS[lane], d=marks)


def _places(seen: Seen, lane: Lane) -> list[float]:
    """Give where a lane has marks, to half a unit, each once."""
    times = seen.times[seen.lanes == LANES.index(lane)]
    first, length = milliseconds(seen.span.start), seen.span.length / timedelta(milliseconds=1)
    found: list[float] = np.unique(np.round(2 * (LEFT + (RIGHT - LEFT) * (times - first) / length)) / 2).tolist()
    return found


def _draw_ticks(picture: Element, span: Interval, zone: ZoneInfo, bottom: float, leads: Leads) -> None:
    add(picture, "line", class_="rule", x1=LEFT, x2=RIGHT, y1=bottom, y2=bottom)
    for start, end, words in _ticks(span, zone):
        x = _x(span, start)
        if span.start < start < span.end:
            add(picture, "line", class_="rule", x1=x, x2=x, y1=_TOP, y2=bottom + 5)
        cut = Interval(start, end).intersection(span)
        if cut is None or _x(span, cut.end) - _x(span, cut.start) < _LETTER * len(words):
            continue
        tick = SubElement(picture, "a", {"href": leads(start, end)}) if end - start >= _HOUR else add(picture, "g")
        add(tick, "title", f"show {words} alone" if end - start >= _HOUR else words)
        add(tick, "text", words, class_="tick", x=_x(span, cut.start) + 3, y=bottom + 18)


def _ticks(span: Interval, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime, str]]:
    """Give the pieces that a span is marked by: quarters of an hour, hours, days, or weeks, by the wall clock."""
    step = next((step for length, step in _STEPS if span.length <= length), 7 * _DAY)
    local = span.start.astimezone(zone).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    if step >= _HOUR:
        local = local.replace(hour=0)
    if step == 7 * _DAY:
        local -= local.weekday() * _DAY
    while (start := to_utc(local, zone)) < span.end:
        local += step
        end = to_utc(local, zone)
        if start < end and end > span.start:
            yield start, end, _words(start.astimezone(zone), step)


def _words(local: datetime, step: timedelta) -> str:
    return f"{local:%H:%M}" if step < _DAY else f"{local:%a} {local.day} {local:%b}"


def _pattern(picture: Element) -> None:
    """Define how what is not complete, and a freeze, are hatched."""
    defs = add(picture, "defs")
    for name, turned in (("late", "rotate(45)"), ("frozen", "rotate(-45)")):
        pattern = add(defs, "pattern", id=f"did-{name}", width=7, height=7, patternUnits="userSpaceOnUse")
        pattern.set("patternTransform", turned)
        add(pattern, "line", class_=f"{name}-mark", x1=1, x2=1, y1=0, y2=7, stroke_width=1.5)
