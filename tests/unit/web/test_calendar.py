"""The picture of who is on call: true to time, whole, self-contained, inert, and readable without colour."""
# ruff: noqa: D103 - the names of the tests say what holds

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import HERE

from watchbill.inert import inert
from watchbill.intervals import Interval, iso
from watchbill.schedule.model import Duty, Gap, Shift
from watchbill.team.model import Kind
from watchbill.web.calendar import LEFT, RIGHT, WIDTH, calendar_svg, lanes, local_days


SVG = "{http://www.w3.org/2000/svg}"
MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
WEEK = Interval(MONDAY, MONDAY + timedelta(days=7))
LOOKS = {*(kind.value for kind in Kind), "gap"}
HOSTILE = "<script>alert(1)</script>\"'&]]>\u202e\x1b[31m\ud800\n--><!--"


def span(start, hours=8.0, of=MONDAY):
    """Give a span that begins some hours into the week."""
    begin = of + timedelta(hours=start)
    return Interval(begin, begin + timedelta(hours=hours))


def shift(interval, person="jane", kind=Kind.PRIMARY, rota="platform"):
    """Put somebody on call."""
    return Shift(interval, Duty(rota, kind, person, "layer emea", HERE))


def gap(interval, people=1, rota="platform"):
    """Say that there are too few."""
    return Gap(interval, rota, Kind.PRIMARY, people, HERE)


def draw(shifts=(), gaps=(), within=WEEK, zone="UTC", at=None, **more):
    """Draw, and take the picture apart."""
    return ET.fromstring(calendar_svg(shifts, gaps, within, zone, at, **more))


def classes(element):
    """Give the classes of an element."""
    return element.get("class", "").split()


def texts(picture, name):
    """Give the texts of a class."""
    return [element.text for element in picture.iter(f"{SVG}text") if name in classes(element)]


def bars(picture):
    """Give each bar as its look, its ends, its top, and its tooltip."""
    found = []
    for group in picture.iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        if title is not None and rect is not None:
            x, width = float(rect.get("x")), float(rect.get("width"))
            found.append((rect.get("class"), x, x + width, float(rect.get("y")), title.text))
    return found


def midnights(picture):
    """Give where the days begin and end."""
    return sorted({float(e.get("x1")) for e in picture.iter(f"{SVG}line") if "midnight" in classes(e)})


def rules(css):
    """Give what a style says, by selector."""
    return {
        selector.strip(): dict(part.split(":", 1) for part in body.split(";"))
        for selectors, body in re.findall(r"([^{}]+)\{([^{}]+)\}", css)
        for selector in selectors.split(",")
    }


def style():
    """Give the rules by day, and those by night laid over them."""
    css = draw().find(f"{SVG}style").text
    light, dark = css.split("@media screen and (prefers-color-scheme:dark){")
    day, night = rules(light), rules(dark)
    return day, {name: {**said, **night.get(name, {})} for name, said in day.items()}, night


SPANS = st.lists(
    st.tuples(
        st.integers(-20, 24 * 60),
        st.integers(1, 24 * 12),
        st.sampled_from(["ada", "bo", "\N{CJK UNIFIED IDEOGRAPH-5F20}" * 30]),
        st.sampled_from(list(Kind)),
    ),
    max_size=30,
)
LENGTHS = st.sampled_from([1, 2, 3, 5, 7, 14, 28, 31, 35, 56, 84])


def test_the_picture_is_self_contained():
    picture = draw([shift(span(3))], [gap(span(40))], at=MONDAY)
    text = ET.tostring(picture, encoding="unicode")
    for element in picture.iter():
        assert element.tag.removeprefix(SVG) not in ("script", "image", "use", "a", "foreignObject", "animate")
        assert not [name for name in element.attrib if name.startswith("on") or name.endswith("href")]
    ids = {element.get("id") for element in picture.iter() if element.get("id")}
    named = re.findall(r"url\(([^)]*)\)", text)
    assert {name.removeprefix("#") for name in named} == ids
    assert all(name.startswith("#") for name in named)
    assert "@import" not in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]


def test_who_cannot_see_it_is_told_what_it_shows():
    picture = draw([shift(span(3)), shift(span(11), "bo")], [gap(span(40, 2), rota="core")], zone="Europe/London")
    assert picture.get("role") == "img"
    title = picture.find(f"{SVG}title").text
    assert title == "Who is on watch, Mon 12 Jan to Sun 18 Jan 2026, time zone Europe/London"
    assert picture.get("aria-label") == title
    said = picture.find(f"{SVG}desc").text
    assert said.startswith("People: 2. Shifts: 2. Gaps: 1. ! no primary of core")
    assert "2026-01-13T16:00:00Z - 2026-01-13T18:00:00Z" in said


def test_every_person_has_one_row_by_name_and_gaps_come_last():
    held = [shift(span(3), "Bo"), shift(span(11), "ada"), shift(span(30), "Bo"), shift(span(50), "cy")]
    assert texts(draw(held, [gap(span(90))]), "name") == ["ada", "Bo", "cy", "! gaps"]
    assert texts(draw(held), "name") == ["ada", "Bo", "cy", "no gaps"]
    assert texts(draw(), "name") == ["no gaps"]


def test_a_bar_says_all_there_is_to_say():
    ((look, *_, says),) = bars(draw([shift(span(6), kind=Kind.MANAGER)], zone="America/New_York"))
    assert look == "manager"
    assert says.split("\n") == [
        "jane, manager of platform",
        "Mon 12 Jan 01:00 EST to Mon 12 Jan 09:00 EST, America/New_York",
        "2026-01-12T06:00:00Z - 2026-01-12T14:00:00Z",
        "rota platform, layer emea",
    ]


@pytest.mark.parametrize(
    ("first", "hours"),
    [(date(2026, 3, 28), [24, 23, 24]), (date(2026, 10, 24), [24, 25, 24])],
)
def test_a_day_is_drawn_as_long_as_it_is(first, hours):
    zone = ZoneInfo("Europe/London")
    start = datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC)
    within = Interval(start, start + timedelta(hours=sum(hours)))
    picture = draw(within=within, zone=zone.key)
    unit = (RIGHT - LEFT) / sum(hours)
    drawn = [right - left for left, right in pairwise(midnights(picture))]
    assert drawn == pytest.approx([unit * each for each in hours], abs=0.2)
    assert [day.hours for day in local_days(within, zone)] == hours
    assert f"Sun {first.day + 1} · {hours[1]} h" in texts(picture, "middle")


def test_a_day_without_midnight_begins_at_the_change_and_a_day_that_is_not_is_not_there():
    paulo = ZoneInfo("America/Sao_Paulo")
    (day,) = local_days(Interval(datetime(2018, 11, 4, 12, tzinfo=UTC), datetime(2018, 11, 4, 13, tzinfo=UTC)), paulo)
    assert (iso(day.interval.start), day.hours) == ("2018-11-04T03:00:00Z", 23)
    start = datetime(2011, 12, 29, 12, tzinfo=UTC)
    apia = local_days(Interval(start, start + timedelta(days=2)), ZoneInfo("Pacific/Apia"))
    assert [day.date.day for day in apia] == [29, 31, 1]


def test_days_by_the_local_calendar_and_only_those_in_the_span():
    days = local_days(span(0, 24), ZoneInfo("Asia/Kolkata"))
    assert [day.date.day for day in days] == [12, 13]
    assert [day.date.day for day in local_days(span(0, 24), ZoneInfo("UTC"))] == [12]
    assert [day.is_weekend for day in local_days(WEEK, ZoneInfo("UTC"))] == [False] * 5 + [True] * 2


def test_weekends_are_shaded():
    picture = draw()
    shaded = [e for e in picture.iter(f"{SVG}rect") if classes(e) == ["weekend"] and float(e.get("x")) > LEFT]
    day = (RIGHT - LEFT) / 7
    assert [float(e.get("x")) for e in shaded] == pytest.approx([LEFT + 5 * day, LEFT + 6 * day], abs=0.1)
    assert [float(e.get("width")) for e in shaded] == pytest.approx([day, day], abs=0.1)


def test_now_is_a_line_where_it_is_and_nowhere_outside():
    def at(when):
        picture = draw(at=when)
        lines = [float(e.get("x1")) for e in picture.iter(f"{SVG}line") if "now" in classes(e)]
        return lines, texts(picture, "now-words")

    # One in the calendar, one in the legend.
    assert at(MONDAY + timedelta(days=3, hours=12))[0][0] == pytest.approx((LEFT + RIGHT) / 2, abs=0.1)
    assert at(MONDAY + timedelta(days=3, hours=12))[1] == ["now, Thu 15 Jan 12:00"]
    assert at(WEEK.end) == at(None) == ([], [])
    assert len(at(MONDAY)[0]) == 2


def test_handoffs_are_labelled_where_there_is_room():
    def labels(hours, start=24.0, days=7):
        within = Interval(MONDAY, MONDAY + timedelta(days=days))
        return texts(draw([shift(span(start, hours))], within=within), "label")

    assert labels(20) == ["00:00", "20:00"]
    assert labels(9) == ["00-09"]
    assert labels(9.5) == ["00:00"]
    assert labels(12.5) == ["00-12:30"]
    assert labels(4) == ["00"]
    assert labels(1) == []
    # What only the picture's edge cuts is no handoff.
    assert labels(24, start=-4) == ["20:00"]
    assert labels(300, start=-20) == []


def test_a_gap_is_marked_in_words_however_short():
    picture = draw(gaps=[gap(span(10, 40), people=2), gap(span(80, 1 / 60)), gap(span(24 * 7 - 1 / 60, 1 / 60))])
    assert texts(picture, "on-gap") == ["! under 2 primary", "!", "!"]
    assert all(right - left >= 8 for _, left, right, *_ in bars(picture))
    marks = sorted(float(e.get("x")) for e in picture.iter(f"{SVG}text") if "on-gap" in classes(e))
    assert marks[-1] <= RIGHT - 4


@given(SPANS, SPANS, LENGTHS, st.sampled_from(["UTC", "Europe/London", "Asia/Kathmandu", "America/St_Johns"]))
def test_every_shift_is_drawn_once_a_band_and_nothing_overlaps(held, missing, days, zone):
    start = datetime(2026, 3, 20, 5, tzinfo=UTC)
    within = Interval(start, start + timedelta(days=days))
    shifts = [shift(span(begin, hours / 4, start), person, kind) for begin, hours, person, kind in held]
    gaps = [gap(span(begin, hours / 4, start)) for begin, hours, *_ in missing]
    picture = draw(shifts, gaps, within, zone, start)
    drawn = bars(picture)
    told = {line for *_, says in drawn for line in says.split("\n")}
    for each in [*shifts, *gaps]:
        assert (str(each.interval) in told) == (each.interval.intersection(within) is not None)
    bottom = float(picture.get("height"))
    for _, left, right, top, _ in drawn:
        assert LEFT <= left < right <= RIGHT + 0.1
        assert 0 < top < bottom
    by_lane: dict[float, float] = {}
    for _, left, right, top, _ in sorted(drawn, key=lambda bar: bar[1]):
        # A sliver has a least width, so that it is seen: it may reach into what follows by that.
        assert left >= by_lane.get(top, 0) - 1.6
        by_lane[top] = right


@given(SPANS, LENGTHS)
def test_every_label_lies_inside_its_bar(held, days):
    within = Interval(MONDAY, MONDAY + timedelta(days=days))
    picture = draw([shift(span(begin, hours / 4), person, kind) for begin, hours, person, kind in held], (), within)
    drawn = bars(picture)
    for text in picture.iter(f"{SVG}text"):
        if "label" in classes(text):
            # Digits of the widest usual font take 0.636 of its size.
            x, wide = float(text.get("x")), 6.36 * len(text.text)
            left = x - wide if "end" in classes(text) else x
            middle, y = left + wide / 2, float(text.get("y"))
            its = [bar for bar in drawn if bar[1] <= middle <= bar[2] and bar[3] < y < bar[3] + 18]
            assert any(bar[1] - 0.6 <= left and left + wide <= bar[2] + 0.6 for bar in its)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=30))
def test_lanes_hold_what_does_not_overlap_and_are_as_few_as_can_be(drawn):
    extents = [(float(start), float(start + length)) for start, length in sorted(drawn)]
    found = lanes(extents)
    for number, (start, end) in enumerate(extents):
        for other, (begin, until) in enumerate(extents[:number]):
            assert found[number] != found[other] or end <= begin or until <= start
    most = max((sum(s <= at < e for s, e in extents) for at in range(71)), default=0)
    assert len(set(found)) == most


@pytest.mark.parametrize("days", [1, 3, 7, 16, 31, 32, 56, 84])
def test_every_day_is_named_once_and_the_picture_grows_down_not_sideways(days):
    within = Interval(MONDAY, MONDAY + timedelta(days=days))
    shifts = [shift(span(number * 5), f"person {number:02}") for number in range(40)]
    picture = draw(shifts, within=within)
    titles = [e.text for e in picture.iter(f"{SVG}title")]
    for number in range(days):
        day = MONDAY + timedelta(days=number)
        assert titles.count(f"{day:%A} {day.day} {day:%B %Y}") == 1
    assert picture.get("viewBox").split()[:3] == ["0", "0", str(WIDTH)]
    bands = len([name for name in texts(picture, "name") if "gaps" in name])
    assert bands == {32: 2, 56: 2, 84: 3}.get(days, 1)


def test_the_month_is_named_where_it_begins():
    start = datetime(2026, 1, 30, tzinfo=UTC)
    # Two days of January have no room for its name beside that of February.
    assert texts(draw(within=Interval(start, start + timedelta(days=28))), "strong") == ["February 2026"]
    assert texts(draw(within=Interval(start, start + timedelta(days=4))), "strong") == ["January 2026", "February 2026"]


def test_hostile_names_are_inert():
    held = [shift(span(3), HOSTILE, rota=HOSTILE), shift(span(14), "a" + "\u0301" * 500)]
    picture = draw(held, [gap(span(50), rota=HOSTILE)])
    plain = draw([shift(span(3)), shift(span(14), "bo")], [gap(span(50))])
    assert [element.tag for element in picture.iter()] == [element.tag for element in plain.iter()]
    said = "".join(picture.itertext())
    assert not {"\u202e", "\x1b", "\ud800"} & set(said)
    assert inert(HOSTILE) in [e.text for e in picture.iter(f"{SVG}title")]
    assert f"{inert(HOSTILE)}, primary of {inert(HOSTILE)}" in said
    # What stands on a row is short and clipped to it: marks above letters reach no other row.
    assert all(len(name) < 25 or "\u0301" in name for name in texts(picture, "name"))
    cells = [g for g in picture.iter(f"{SVG}g") if any("name" in classes(text) for text in g.findall(f"{SVG}text"))]
    assert len(cells) == 3
    assert {cell.get("clip-path") for cell in cells} == {"url(#watch-name)"}


def test_kinds_are_told_apart_without_colour():
    day, _, _ = style()
    ways = {day[f".watch .{look}"]["fill"] for look in LOOKS - {"primary"}}
    assert ways == {f"url(#watch-{look})" for look in LOOKS - {"primary"}}
    shapes = {}
    for pattern in draw().iter(f"{SVG}pattern"):
        mark = pattern[-1]
        shapes[pattern.get("id")] = (mark.tag, pattern.get("patternTransform"))
    assert len(set(shapes.values())) == len(shapes) == 5
    held = [shift(span(number * 20), kind=kind) for number, kind in enumerate(Kind)]
    legend = [e.text for e in draw(held, [gap(span(100))]).iter(f"{SVG}text") if not classes(e)]
    assert legend == ["primary", "secondary", "shadow", "manager", "! too few on call", "weekend"]


def brightness(colour):
    """Give the relative luminance of a colour, as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """Give the contrast of two colours."""
    low, high = sorted([brightness(one), brightness(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("light", [True, False])
def test_words_stand_out_by_day_and_by_night(light):
    day, both, _ = style()
    said = day if light else both

    def fill(name):
        return said[f".watch {name}"]["fill"]

    assert contrast(fill("text"), fill(".page")) > 7
    for ground in (".page", ".weekend"):
        assert contrast(fill(".quiet"), fill(ground)) > 4.5
        assert contrast(fill(".now-words"), fill(ground)) > 4.5
        for look in LOOKS:
            assert contrast(said[f".watch .{look}"]["stroke"], fill(ground)) > 3
    assert contrast(fill(".on-primary"), fill(".primary")) > 4.5
    for look in LOOKS - {"primary"}:
        assert contrast(fill(f".on-{look}"), fill(f".{look}-base")) > 4.5


def test_every_colour_of_the_day_has_one_of_the_night_and_no_rule_leaves_the_picture():
    day, _, night = style()
    for name, said in day.items():
        assert name.startswith(".watch ")
        for what, value in said.items():
            if value.startswith("#"):
                assert night[name].get(what, value) != value, (name, what)
    assert set(night) <= set(day)


def test_an_override_is_hatched_over_its_kind():
    """Who took over is told from who has their turn, without colour, and the legend says it."""
    taken = Shift(span(3), Duty("platform", Kind.PRIMARY, "jane", "override sw-1", HERE))
    picture = draw([taken, shift(span(30))])
    over = [e for e in picture.iter(f"{SVG}rect") if classes(e) == ["override"]]
    assert len(over) == 2
    first = min(over, key=lambda each: float(each.get("y")))
    assert next(bar[1] for bar in bars(picture)) == float(first.get("x"))
    assert "by an override" in [element.text for element in picture.iter(f"{SVG}text")]
    assert not [e for e in draw([shift(span(3))]).iter(f"{SVG}rect") if classes(e) == ["override"]]


def test_what_else_is_said_of_a_shift_stands_in_its_tooltip_inert():
    (bar,) = bars(draw([shift(span(3))], says=lambda each: f"gives {each.person}-set\x1b[31m"))
    assert bar[4].splitlines()[-1] == "gives jane-set\\u001b[31m"


def test_a_picture_for_a_page_brings_no_style():
    """A page forbids it, and has the style in its sheet."""
    assert draw(alone=False).find(f"{SVG}style") is None
