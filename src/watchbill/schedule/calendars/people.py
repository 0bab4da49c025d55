"""Whom an event names: by its attendees, by what we ourselves wrote into it, or by a summary as products write it."""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from watchbill.schedule.calendars.components import MAX_NAME, Component
from watchbill.schedule.calendars.lines import Value
from watchbill.team.model import Kind


_MAX_SUMMARY = 2_000

_GOALERT = re.compile(r"(?:(?P<name>.*) )?On-Call \(GoAlert: .*\)(?P<cut> Begins\*)?")
_PAGERDUTY = re.compile(r"On Call - (?P<name>.+?) - .+")
_LINKEDIN = re.compile(r"\S+(?: \S+)*? (?P<role>\S+) shift: (?P<name>.+)")
_LEVEL = re.compile(r"\[[^\]]*\]\s*")
_OFF_DUTY = frozenset({"vacation", "unavailable"})
_KINDS = {kind.value: kind for kind in Kind}


class Named(NamedTuple):
    """One person of an event."""

    names: tuple[str, ...]
    """The surest first."""
    kind: Kind | None


class Whom(NamedTuple):
    """Whom an event is about, and what its summary says of them besides."""

    people: tuple[Named, ...]
    is_off_duty: bool
    is_cut: bool
    """GoAlert's `Begins*`: the shift goes on past the year that the feed shows, so its end is made up."""


def whom_of(event: Component, product: str) -> Whom:
    """Say whom an event is about; `product` is what the calendar says has written it (PRODID)."""
    said = _said(event, product)
    return Whom(_people(event, said), said.is_off_duty, said.is_cut)


class _Said(NamedTuple):
    """What a SUMMARY says by the shape of the product that wrote it."""

    people: tuple[str, ...]
    kind: Kind | None = None
    is_shape: bool = True
    """Whether the shape is one we know; else the summary is a title that somebody typed."""
    is_off_duty: bool = False
    is_cut: bool = False


def _said(event: Component, product: str) -> _Said:
    if "X-WATCHBILL-PERSON" in event.values:
        # Ours says who in a property of its own, so the summary is for people alone.
        return _Said(())
    summary = event.text("SUMMARY")
    text = " ".join(summary.split()) if len(summary) <= _MAX_SUMMARY else ""
    if found := _GOALERT.fullmatch(text):
        return _Said(_kept([found["name"] or ""]), is_cut=bool(found["cut"]))
    if found := _PAGERDUTY.fullmatch(text):
        return _Said(_kept([found["name"]]))
    if found := _LINKEDIN.fullmatch(text):
        role = found["role"].casefold()
        return _Said(_kept([found["name"]]), _KINDS.get(role), is_off_duty=role in _OFF_DUTY)
    title = text[level.end() :] if (level := _LEVEL.match(text)) else text
    if "opsgenie" in product.casefold():
        return _Said(_beginnings(title))
    return _Said(_kept(part.strip() for part in title.split(",")), is_shape=False)


def _people(event: Component, said: _Said) -> tuple[Named, ...]:
    """Give the people one by one, each by all its names."""
    kind = _KINDS.get(event.text("X-WATCHBILL-KIND")) or said.kind
    ours = _kept([unquote(event.text("X-WATCHBILL-PERSON"))])
    asked = event.values.get("ATTENDEE", ())
    attendees = [names for value in asked if (names := _attendee(value))]
    if len(attendees) > 1:
        return tuple(Named(names, kind) for names in dict.fromkeys(attendees))
    by_shape = said.people if said.is_shape and not ours else ()
    if names := (attendees[0] if attendees else ()) or ours or by_shape:
        addresses = [name for name in names if "@" in name]
        return (Named(_kept([*addresses, *ours, *names, *by_shape]), kind),)
    if asked and not said.is_shape:
        return ()  # Those asked have declined, or only know of it; the title is then no name.
    return tuple(Named((name,), kind) for name in said.people)


def _beginnings(text: str) -> tuple[str, ...]:
    """Give what may be the name with which a line begins, the longest first: an address, or two to four words.

    A single word would mean anybody with that first name.
    """
    words = text.split()[:4]
    if words and "@" in words[0]:
        return _kept([words[0]])
    return _kept(" ".join(words[:count]) for count in range(len(words), 1, -1))


def _kept(names: Iterable[str]) -> tuple[str, ...]:
    """Give names without repeats, empty ones, and texts too long for one."""
    return tuple(dict.fromkeys(name for name in names if name and len(name) <= MAX_NAME))


def _attendee(value: Value) -> tuple[str, ...]:
    """Give the names of an ATTENDEE, none for a room, or for one who declined or is only told (section 3.2)."""
    if value.parameters and (
        value.parameter("CUTYPE").upper() in ("ROOM", "RESOURCE")
        or value.parameter("PARTSTAT").upper() == "DECLINED"
        or value.parameter("ROLE").upper() == "NON-PARTICIPANT"
    ):
        return ()
    address = value.text.strip()
    if address[:7].upper() == "MAILTO:":
        address = address[7:].strip()
    return _kept([address, value.parameter("CN").strip()])
