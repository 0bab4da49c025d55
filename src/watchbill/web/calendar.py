"""Who is on call as a picture: one self-contained SVG that a page can hold and that stands alone as a file.

One row per person and one for gaps, on a time axis that is true to the clock: a day of 23 or 25 hours is drawn as long
as it is. A span of more than a month is cut into bands of whole weeks, one below the other at one scale, so that it
can be read and printed without scrolling sideways. Every kind has a pattern and a shape of its own, so nothing is said
by colour alone. Names come from a file that people write: they are shown inert, escaped by the XML writer, and clipped
to their row.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from unicodedata import east_asian_width
from xml.etree.ElementTree import Element, SubElement, tostring
from zoneinfo import ZoneInfo

from watchbill.inert import inert
from watchbill.intervals import Interval, iso
from watchbill.schedule.model import Gap, Shift
from watchbill.schedule.wall import to_utc
from watchbill.team.model import Kind


WIDTH = 960
"""Width of the picture in user units; its height follows from what it shows."""
LEFT = 132
"""Where time begins, right of the names."""
RIGHT = 948
"""Where it ends."""

_DAY = timedelta(days=1)
_MOST_DAYS = 31
"""As many days as one band holds and still names each."""
_TITLE = 30
_HEADER = 48
_LANE = 24
_FOOTER = 24
_LEGEND = 22

_CHARACTER = 6.4
"""A generous width of a character of a label: what is said to fit does so in any usual font."""
_SMALLEST_GAP = 10
"""A gap is never drawn so narrow that its mark is lost."""
_NAMED, _LONG_NAMED = 46, 88
"""Widths from which a day is named in one line, and from which the line holds its odd length too."""
_HOURS = ((600, 2), (340, 3), (180, 6))
"""Widths of a day from which hours are marked, and how many apart."""
_MONTH = 96
"""Room that the name of a month takes."""
_NOW = 70
"""Half the room that the words at the line of now take."""

STYLE = """
.watch text{font:10px system-ui,sans-serif;fill:#1b1f24}
.watch .heading{font-size:13px;font-weight:600}
.watch .strong{font-size:11px;font-weight:600}
.watch .name{font-size:12px}
.watch .quiet{fill:#555c66}
.watch .middle{text-anchor:middle}
.watch .end{text-anchor:end}
.watch .page{fill:#fff}
.watch .weekend{fill:#eceff3}
.watch .rule{stroke:#d5d9df;fill:none}
.watch .midnight{stroke:#c3c9d1}
.watch .hour{stroke:#e3e6ea}
.watch .primary,.watch .secondary,.watch .manager{stroke-width:1}
.watch .primary{fill:#1d5fa6;stroke:#1d5fa6}
.watch .secondary{fill:url(#watch-secondary);stroke:#1f7a63}
.watch .shadow{fill:url(#watch-shadow);stroke:#555c66;stroke-dasharray:3 2}
.watch .manager{fill:url(#watch-manager);stroke:#7b3fa0}
.watch .gap{fill:url(#watch-gap);stroke:#a4161a;stroke-width:1.5}
.watch .override{fill:url(#watch-override);stroke:#1b1f24}
.watch .secondary-base{fill:#dff1eb}.watch .secondary-mark{stroke:#6bb8a1}
.watch .shadow-base{fill:#fff}.watch .shadow-mark{fill:#8b94a0}
.watch .manager-base{fill:#f3e9fa}.watch .manager-mark{stroke:#c9a5e0}
.watch .gap-base{fill:#fdeaea}.watch .gap-mark{stroke:#e29a9c}
.watch .override-mark{stroke:#f2c14e}
.watch .label{paint-order:stroke;stroke-width:3px;stroke-linejoin:round;pointer-events:none}
.watch .on-primary{fill:#fff;stroke:#1d5fa6}
.watch .on-secondary{fill:#0b3a2e;stroke:#dff1eb}
.watch .on-shadow{fill:#1b1f24;stroke:#fff}
.watch .on-manager{fill:#3d1757;stroke:#f3e9fa}
.watch .on-gap{fill:#7c0f12;stroke:#fdeaea;font-weight:700}
.watch .now{stroke:#b3400a;fill:#b3400a}
.watch .now-words{fill:#8f3307;font-weight:600}
@media screen and (prefers-color-scheme:dark){
.watch text{fill:#e6e9ee}
.watch .quiet{fill:#a3abb6}
.watch .page{fill:#14171b}
.watch .weekend{fill:#20262d}
.watch .rule{stroke:#363c45}
.watch .midnight{stroke:#434b56}
.watch .hour{stroke:#2a3038}
.watch .primary{fill:#6aa9f0;stroke:#6aa9f0}
.watch .secondary{stroke:#5fc3a5}
.watch .shadow{stroke:#a3abb6}
.watch .manager{stroke:#b98be0}
.watch .gap{stroke:#ff8a8a}
.watch .override{stroke:#e6e9ee}
.watch .secondary-base{fill:#15352c}.watch .secondary-mark{stroke:#2f7f69}
.watch .shadow-base{fill:#14171b}.watch .shadow-mark{fill:#7b8591}
.watch .manager-base{fill:#2c1f3b}.watch .manager-mark{stroke:#664488}
.watch .gap-base{fill:#3a1518}.watch .gap-mark{stroke:#99474b}
.watch .override-mark{stroke:#7a4b00}
.watch .on-primary{fill:#071627;stroke:#6aa9f0}
.watch .on-secondary{fill:#d9f6ec;stroke:#15352c}
.watch .on-shadow{fill:#e6e9ee;stroke:#14171b}
.watch .on-manager{fill:#f1e6fb;stroke:#2c1f3b}
.watch .on-gap{fill:#ffdcdc;stroke:#3a1518}
.watch .now{stroke:#ffb454;fill:#ffb454}
.watch .now-words{fill:#ffc981}
}
"""
"""Everything is under `.watch`: the style of a picture inside a page holds for the whole page."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day by the local calendar."""

    date: date
    interval: Interval
    """From one local midnight to the next: 23 or 25 hours where the clocks change."""

    @property
    def is_weekend(self) -> bool:
        """Whether it is a Saturday or a Sunday."""
        return self.date.isoweekday() > 5  # noqa: PLR2004 -- Friday

    @property
    def hours(self) -> float:
        """How long it is."""
        return self.interval.length / timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Bar:
    """One span in a row."""

    interval: Interval
    look: str
    """A kind, or `gap`."""
    words: str
    """What a label says in place of times; empty is the times of the handoffs."""
    says: str
    """All there is to say about it, in lines."""
    hatched: bool = False
    """Whether an override put them there."""


@dataclass(frozen=True, slots=True)
class _Row:
    """Somebody, or the gaps, and when."""

    name: str
    bars: tuple[_Bar, ...]


@dataclass(frozen=True, slots=True)
class _Band:
    """Days beside each other, and where an instant lies among them."""

    days: tuple[Day, ...]
    span: Interval
    scale: float
    """User units per second."""
    zone: ZoneInfo

    def x(self, at: datetime) -> float:
        """Give where an instant lies, that of an end where it is outside."""
        inside = min(max(at, self.span.start), self.span.end)
        return LEFT + (inside - self.span.start).total_seconds() * self.scale

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.x(self.span.end)

    @property
    def day(self) -> float:
        """How wide a day of 24 hours is."""
        return _DAY.total_seconds() * self.scale

    def local(self, at: datetime) -> datetime:
        """Give an instant by the local clock."""
        return at.astimezone(self.zone)


Says = Callable[[Shift], str]
"""Gives what else there is to say of a shift; nothing where it is empty."""


def calendar_svg(
    shifts: Sequence[Shift],
    gaps: Sequence[Gap],
    within: Interval,
    zone: str,
    at: datetime | None,
    *,
    says: Says = lambda shift: "",
    alone: bool = True,
) -> str:
    """Draw who is on call in a span, by the local days of a zone, with a line at `at` where that lies inside.

    A picture that is not `alone` is for a page that has `STYLE`: its policy lets no element bring a style of its own.
    """
    place = ZoneInfo(zone)
    rows = _rows(shifts, gaps, within, place, says)
    bands = _bands(within, place)
    title = f"Who is on watch, {_span_of_days(bands)}, time zone {zone}"
    picture = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "watch", "role": "img"})
    picture.set("aria-label", title)
    add(picture, "title", title)
    add(picture, "desc", _summary(rows))
    if alone:
        add(picture, "style", STYLE)
    _patterns(add(picture, "defs"))
    page = add(picture, "rect", class_="page", width=WIDTH)
    add(picture, "text", title, class_="heading", x=12, y=20)
    bottom: float = _TITLE
    for band in bands:
        bottom = _draw_band(picture, band, rows, bottom, at)
    bottom = _draw_legend(picture, rows, bands, bottom, at)
    page.set("height", tenths(bottom))
    picture.set("viewBox", f"0 0 {WIDTH} {tenths(bottom)}")
    picture.set("width", str(WIDTH))
    picture.set("height", tenths(bottom))
    return tostring(picture, encoding="unicode")


def local_days(within: Interval, zone: ZoneInfo) -> tuple[Day, ...]:
    """Give the local days that share an instant with a span, whole; a day that the calendar skips is none."""
    first, last = within.start.astimezone(zone).date(), within.end.astimezone(zone).date()
    found = []
    for number in range((last - first).days + 1):
        day = first + number * _DAY
        start, end = _midnight(day, zone), _midnight(day + _DAY, zone)
        if start < end and Interval(start, end).intersection(within) is not None:
            found.append(Day(day, Interval(start, end)))
    return tuple(found)


def lanes(extents: Iterable[tuple[float, float]]) -> list[int]:
    """Give each extent, in order of where they begin, a lane in which it overlaps no other."""
    ends: list[float] = []
    found = []
    for start, end in extents:
        lane = next((number for number, taken in enumerate(ends) if taken <= start), len(ends))
        ends[lane : lane + 1] = [end]
        found.append(lane)
    return found


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return to_utc(datetime.combine(day, time()), zone)


def _bands(within: Interval, zone: ZoneInfo) -> list[_Band]:
    days = local_days(within, zone)
    count = -(-len(days) // _MOST_DAYS)
    size = len(days) if count == 1 else 7 * -(-len(days) // count // 7)
    parts = [days[start : start + size] for start in range(0, len(days), size)]
    spans = [
        Interval(max(part[0].interval.start, within.start), min(part[-1].interval.end, within.end)) for part in parts
    ]
    scale = (RIGHT - LEFT) / max(span.length.total_seconds() for span in spans)
    return [_Band(part, span, scale, zone) for part, span in zip(parts, spans, strict=True)]


def _rows(shifts: Sequence[Shift], gaps: Sequence[Gap], within: Interval, zone: ZoneInfo, more: Says) -> list[_Row]:
    of_person: dict[str, list[_Bar]] = {}
    for shift in sorted(shifts):
        if shift.interval.intersection(within) is not None:
            who = f"{inert(shift.person)}, {shift.kind} of {inert(shift.rota)}"
            lines = filter(None, [who, *_when(shift.interval, zone), inert(shift.why), inert(more(shift))])
            bar = _Bar(shift.interval, shift.kind.value, "", "\n".join(lines), is_override(shift))
            of_person.setdefault(shift.person, []).append(bar)
    people = [_Row(inert(person), tuple(bars)) for person, bars in sorted(of_person.items(), key=_by_name)]
    return [
        *people,
        _Row("! gaps", tuple(_gap(gap, zone) for gap in sorted(gaps) if gap.interval.intersection(within))),
    ]


def is_override(shift: Shift) -> bool:
    """Tell whether an override put somebody on call: a swap, a stand-in, a watch taken over."""
    return shift.source.startswith("override ")


def _by_name(row: tuple[str, list[_Bar]]) -> tuple[str, str]:
    return row[0].casefold(), row[0]


def _gap(gap: Gap, zone: ZoneInfo) -> _Bar:
    words = f"! no {gap.kind}" if gap.people == 1 else f"! under {gap.people} {gap.kind}"
    says = "\n".join([f"{words} of {inert(gap.rota)}", *_when(gap.interval, zone)])
    return _Bar(gap.interval, "gap", words, says)


def _when(interval: Interval, zone: ZoneInfo) -> tuple[str, str]:
    """Say a span by the local clock, with the offset that tells a time that happens twice, and in UTC."""
    start, end = interval.start.astimezone(zone), interval.end.astimezone(zone)
    return f"{start:%a %d %b %H:%M %Z} to {end:%a %d %b %H:%M %Z}, {zone.key}", str(interval)


def _span_of_days(bands: Sequence[_Band]) -> str:
    first, last = bands[0].days[0].date, bands[-1].days[-1].date
    if first == last:
        return f"{first:%a} {first.day} {first:%b %Y}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first:%a} {first.day} {first:%b}{year} to {last:%a} {last.day} {last:%b %Y}"


def _summary(rows: Sequence[_Row]) -> str:
    """Say in words what the picture shows: how much of it, and every gap."""
    *people, gaps = rows
    shifts = sum(len(row.bars) for row in people)
    said = f"People: {len(people)}. Shifts: {shifts}. Gaps: {len(gaps.bars)}."
    return " ".join([said, *(f"{bar.says}." for bar in gaps.bars)])


def _draw_band(picture: Element, band: _Band, rows: Sequence[_Row], top: float, at: datetime | None) -> float:
    """Draw a band from `top` down, and give where it ends."""
    first = top + _HEADER
    placed = [_placed(row, band) for row in rows]
    heights = [_LANE * (1 + max((lane for *_, lane in bars), default=0)) for bars in placed]
    bottom = first + sum(heights)
    ground = add(picture, "g")
    for day in band.days:
        if day.is_weekend:
            x = band.x(day.interval.start)
            width = band.x(day.interval.end) - x
            add(ground, "rect", class_="weekend", x=x, y=top + 18, width=width, height=bottom - top - 18)
    _draw_header(picture, band, top, bottom)
    y = first
    for row, bars, height in zip(rows, placed, heights, strict=True):
        add(picture, "line", class_="rule", x1=12, x2=band.right, y1=y, y2=y)
        _draw_name(picture, row.name if bars or row is not rows[-1] else "no gaps", y)
        for bar, left, right, lane in bars:
            _draw_bar(picture, bar, (left, right), y + lane * _LANE)
        y += height
    add(picture, "line", class_="rule", x1=12, x2=band.right, y1=bottom, y2=bottom)
    if at is not None and at in band.span:
        _draw_now(picture, band, at, first, bottom)
    # Over the line of now, which would strike them through.
    y = first
    for bars, height in zip(placed, heights, strict=True):
        for bar, left, right, lane in bars:
            _draw_labels(picture, bar, band, (left, right), y + lane * _LANE)
        y += height
    return bottom + _FOOTER


def _placed(row: _Row, band: _Band) -> list[tuple[_Bar, float, float, int]]:
    """Give the bars of a row that lie in a band, each with its ends and its lane."""
    bars, extents = [], []
    for bar in row.bars:
        if bar.interval.intersection(band.span) is not None:
            left, right = band.x(bar.interval.start), band.x(bar.interval.end)
            if bar.look == "gap" and right - left < _SMALLEST_GAP:
                left = min(left, band.right - _SMALLEST_GAP)
                right = left + _SMALLEST_GAP
            bars.append(bar)
            extents.append((left, right))
    return [(bar, *extent, lane) for bar, extent, lane in zip(bars, extents, lanes(extents), strict=True)]


def _draw_header(picture: Element, band: _Band, top: float, bottom: float) -> None:
    for x, words in _months(band):
        if x + _MONTH > RIGHT:
            add(picture, "text", words, class_="strong end", x=RIGHT, y=top + 13)
        else:
            add(picture, "text", words, class_="strong", x=x, y=top + 13)
    for day in band.days:
        left, right = band.x(day.interval.start), band.x(day.interval.end)
        _draw_day(picture, day, band, (left, right), top)
        if right - left >= _HOURS[-1][0]:
            _draw_hours(picture, day, band, top, bottom)
        add(picture, "line", class_="rule midnight", x1=left, x2=left, y1=top + 18, y2=bottom)
    add(picture, "line", class_="rule midnight", x1=band.right, x2=band.right, y1=top + 18, y2=bottom)


def _months(band: _Band) -> Iterator[tuple[float, str]]:
    """Give where a month begins, and the month that the band begins in where there is room for both."""
    begun = [day for day in band.days if day.date.day == 1]
    first = band.days[0]
    if first not in begun and (not begun or band.x(begun[0].interval.start) - LEFT >= _MONTH):
        begun.insert(0, first)
    for day in begun:
        yield band.x(day.interval.start), f"{day.date:%B %Y}"


def _draw_day(picture: Element, day: Day, band: _Band, extent: tuple[float, float], top: float) -> None:
    """Name a day in one line, or in two where it is narrow; say how long it is where that is not 24 hours."""
    left, right = extent
    odd = "" if day.hours == _DAY / timedelta(hours=1) else f"{day.hours:g} h"
    column = add(picture, "g")
    add(column, "title", f"{day.date:%A} {day.date.day} {day.date:%B %Y}" + (f", {odd} long" if odd else ""))
    middle = (left + right) / 2
    if band.day >= _NAMED:
        if right - left >= _NAMED - 8:
            wide = odd if right - left >= _LONG_NAMED else ""
            named = f"{day.date:%a} {day.date.day}"
            y = top + (28 if band.day >= _HOURS[-1][0] else 33)
            add(column, "text", f"{named} · {wide}" if wide else named, class_="middle", x=middle, y=y)
            if odd and not wide:
                add(column, "text", odd, class_="quiet middle", x=middle, y=y + 11)
    elif right - left >= 3 * _CHARACTER - 4:
        add(column, "text", f"{day.date:%a}"[:2], class_="quiet middle", x=middle, y=top + 28)
        add(column, "text", str(day.date.day), class_="middle", x=middle, y=top + 40)


def _draw_hours(picture: Element, day: Day, band: _Band, top: float, bottom: float) -> None:
    """Mark hours of the wall clock; one that a change of the clocks skips is not there."""
    step = next(apart for room, apart in _HOURS if band.day >= room or apart == _HOURS[-1][1])
    for hour in range(step, 24, step):
        at = to_utc(datetime.combine(day.date, time(hour)), band.zone)
        if at in band.span and band.local(at).hour == hour:
            x = band.x(at)
            add(picture, "line", class_="rule hour", x1=x, x2=x, y1=top + _HEADER, y2=bottom)
            add(picture, "text", f"{hour:02}", class_="quiet middle", x=x, y=top + 41)


def _draw_name(picture: Element, name: str, y: float) -> None:
    """Write a name at the left of its row, cut where it is long, whole in its tooltip, clipped to the row."""
    # The clip is for marks that stand above and below letters: they may reach over many rows.
    cell = add(picture, "g", transform=f"translate(0 {tenths(y)})", clip_path="url(#watch-name)")
    add(cell, "title", name)
    add(cell, "text", _cut(name, LEFT - 18), class_="name", x=12, y=16)


def _cut(name: str, room: float) -> str:
    """Cut a name to a room, a little wider per letter than a label's."""
    most = room / (_CHARACTER + 0.6)
    if _columns(name) <= most:
        return name
    kept = ""
    for character in name:
        if _columns(kept + character) > most - 1:
            break
        kept += character
    return f"{kept}…"


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _draw_bar(picture: Element, bar: _Bar, extent: tuple[float, float], y: float) -> None:
    left, right = extent
    # Half a unit is left free at each end, so that a handoff to oneself shows.
    width = max(right - left - 1, 1.5)
    x = min(left + 0.5, RIGHT - width)
    drawn = add(picture, "g")
    add(drawn, "title", bar.says)
    round_ends = 9 if bar.look == Kind.MANAGER else 2.5
    corner = min(round_ends, width / 2)
    add(drawn, "rect", class_=bar.look, x=x, y=y + 3, width=width, height=_LANE - 6, rx=corner)
    if bar.hatched:
        add(drawn, "rect", class_="override", x=x, y=y + 3, width=width, height=_LANE - 6, rx=corner)


def _draw_labels(picture: Element, bar: _Bar, band: _Band, extent: tuple[float, float], y: float) -> None:
    left, right = extent
    first, last = _labels(bar, band, right - left)
    style = f"label on-{bar.look}"
    # A label that just has room stands in the middle.
    inset = min(4.5, (right - left - (len(first) + len(last)) * _CHARACTER) / 2)
    if bar.words:
        add(picture, "text", first, class_=f"{style} middle", x=(left + right) / 2, y=y + 15.5)
    elif first:
        add(picture, "text", first, class_=style, x=left + inset, y=y + 15.5)
    if last:
        add(picture, "text", last, class_=f"{style} end", x=right - inset, y=y + 15.5)


def _labels(bar: _Bar, band: _Band, room: float) -> tuple[str, str]:
    """Give what is written at the start and at the end of a bar: the longest of what can be said that has room."""
    if bar.words:
        return (bar.words if _fits(bar.words, room) else "!"), ""
    # An end that only the picture's edge makes is no handoff.
    start = f"{band.local(bar.interval.start):%H:%M}" if bar.interval.start > band.span.start else ""
    end = f"{band.local(bar.interval.end):%H:%M}" if bar.interval.end < band.span.end else ""
    short_start, short_end = (each.removesuffix(":00") for each in (start, end))
    both = [(start, end), (f"{short_start}-{short_end}", "")] if start and end else []
    for first, last in [*both, (start, ""), ("", end), (short_start, ""), ("", short_end)]:
        if (first or last) and _fits(first + (" " if first and last else "") + last, room):
            return first, last
    return "", ""


def _fits(words: str, room: float) -> bool:
    return len(words) * _CHARACTER + 4 <= room


def _draw_now(picture: Element, band: _Band, at: datetime, top: float, bottom: float) -> None:
    x = band.x(at)
    local = band.local(at)
    words = f"now, {local:%a} {local.day} {local:%b %H:%M}"
    drawn = add(picture, "g")
    add(drawn, "title", f"{words} ({iso(at)})")
    add(drawn, "line", class_="now", x1=x, x2=x, y1=top - 3, y2=bottom + 4, stroke_width=1.5)
    for tip, base in ((top, top - 6), (bottom, bottom + 6)):
        points = f"{tenths(x)},{tenths(tip)} {tenths(x - 4)},{tenths(base)} {tenths(x + 4)},{tenths(base)}"
        add(drawn, "polygon", class_="now", points=points)
    middle = min(max(x, LEFT + _NOW), RIGHT - _NOW)
    add(drawn, "text", words, class_="now-words middle", x=middle, y=bottom + 17)


def _draw_legend(
    picture: Element, rows: Sequence[_Row], bands: Sequence[_Band], top: float, at: datetime | None
) -> float:
    """Name the looks that the picture holds, and give where it ends."""
    looks = {bar.look for row in rows for bar in row.bars}
    items = [(kind.value, kind.value) for kind in Kind if kind in looks]
    items += [("override", "by an override")] if any(bar.hatched for row in rows for bar in row.bars) else []
    items += [("gap", "! too few on call")] if "gap" in looks else []
    items += [("weekend", "weekend")] if any(day.is_weekend for band in bands for day in band.days) else []
    items += [("now", "now")] if any(at in band.span for band in bands) else []
    x: float = 12
    for look, words in items:
        if look == "now":
            add(picture, "line", class_="now", x1=x + 13, x2=x + 13, y1=top, y2=top + 14, stroke_width=1.5)
        else:
            corner = 7 if look == Kind.MANAGER else 2.5
            add(picture, "rect", class_=look, x=x, y=top + 0.5, width=26, height=13, rx=corner)
        add(picture, "text", words, x=x + 32, y=top + 11)
        x += 32 + len(words) * _CHARACTER + 10
    return top + _LEGEND


def _patterns(defs: Element) -> None:
    """Define how kinds, gaps and overrides look: slanted, dots, upright, crossing, and slanted the other way."""
    clip = add(defs, "clipPath", id="watch-name")
    add(clip, "rect", x=0, y=1, width=LEFT - 4, height=_LANE - 2)
    slanted = _pattern(defs, "secondary", 6, "rotate(45)")
    add(slanted, "line", class_="secondary-mark", x1=1, x2=1, y1=0, y2=6, stroke_width=2)
    dotted = _pattern(defs, "shadow", 5, "")
    add(dotted, "circle", class_="shadow-mark", cx=2.5, cy=2.5, r=0.9)
    upright = _pattern(defs, "manager", 5, "")
    add(upright, "line", class_="manager-mark", x1=1, x2=1, y1=0, y2=5, stroke_width=1.5)
    other_way = add(defs, "pattern", id="watch-override", width=9, height=9, patternUnits="userSpaceOnUse")
    other_way.set("patternTransform", "rotate(-45)")
    add(other_way, "line", class_="override-mark", x1=1, x2=1, y1=0, y2=9, stroke_width=2.5)
    crossed = _pattern(defs, "gap", 7, "rotate(45)")
    add(crossed, "path", class_="gap-mark", d="M0 1H7M1 0V7", stroke_width=1.5)


def _pattern(defs: Element, look: str, size: int, turned: str) -> Element:
    pattern = add(
        defs,
        "pattern",
        id=f"watch-{look}",
        width=size,
        height=size,
        patternUnits="userSpaceOnUse",
        patternTransform=turned,
    )
    add(pattern, "rect", class_=f"{look}-base", width=size, height=size)
    return pattern


def add(parent: Element, tag: str, text: str | None = None, **attributes: str | float) -> Element:
    """Add an element; `class_` is written `class`, and `stroke_width` is written `stroke-width`."""
    named = {
        name.removesuffix("_").replace("_", "-"): value if isinstance(value, str) else tenths(value)
        for name, value in attributes.items()
    }
    made = SubElement(parent, tag, named)
    made.text = text
    return made


def tenths(value: float) -> str:
    """Write a length or a place, to a tenth."""
    return f"{round(value, 1):.1f}".removesuffix(".0")
