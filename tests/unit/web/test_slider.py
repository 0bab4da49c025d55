"""The line of time: its hours are those of the clock, its links lead where they say, and nothing on it is obeyed."""

from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import fromstring
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import MONDAY

from watchbill.intervals import iso
from watchbill.web.slider import HALF, Stop, slider_svg


HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")


def links(at, stops=(), zone=BERLIN):
    """Give what each link of the line is called, where it leads, and how far right it is."""
    picture = fromstring(slider_svg(at, stops, iso, zone))
    found = []
    for link in picture.iter("a"):
        (rect,) = link.iter("rect")
        x = float(rect.attrib["x"]) + float(rect.attrib["width"]) / 2
        found.append((link.findtext("title"), link.get("href"), x, link.findtext("text")))
    return found


@given(
    st.integers(0, 10 * 366 * 24 * 3600),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_hours_are_those_of_the_clock(seconds, name):
    """Every third one within twelve hours, at its place; across changes of the clocks as well."""
    at, zone = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), ZoneInfo(name)
    found = links(at, zone=zone)
    wanted = [at - HALF + timedelta(minutes=n) for n in range(-1, 24 * 60 + 1)]
    wanted = [each.replace(second=0, microsecond=0) for each in wanted]
    wanted = [each for each in wanted if at - HALF <= each <= at + HALF]
    local = [each.astimezone(zone) for each in wanted]
    hours = [each for each in local if each.hour % 3 == 0 and each.minute == 0]
    assert [href for _, href, _, _ in found] == [iso(each) for each in hours]
    assert [text for *_, text in found] == [f"{each:%H:%M}" for each in hours]
    places = [x for _, _, x, _ in found]
    assert places == sorted(places)
    for (_, _, x, _), each in zip(found, hours, strict=True):
        assert x == pytest.approx(24 + 912 * ((each - at) / (2 * HALF) + 0.5), abs=0.06)


def test_changes_are_links_with_their_words():
    """What strangers chose is inert, and no style is in an element."""
    stop = Stop(MONDAY + HOUR, "rota <b>\u202ex", "/access?at=there&x=1")
    picture = slider_svg(MONDAY, [stop], iso, BERLIN)
    assert ("Mon 2026-01-12 02:00: rota <b>\\u202ex", "/access?at=there&x=1") in [
        each[:2] for each in links(MONDAY, [stop])
    ]
    assert "1 change in it" in picture
    assert "no change in it" in slider_svg(MONDAY, [], iso, BERLIN)
    assert "<b>" not in picture
    assert "style=" not in picture
