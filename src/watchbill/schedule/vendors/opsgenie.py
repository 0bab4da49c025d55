"""Opsgenie's timeline of a schedule, and that of Jira Service Management, which took it over.

`GET /v2/schedules/{id}/timeline` answers, below `data`, with `finalTimeline.rotations[].periods[]`, each with
`startDate`, `endDate` and `recipient` (`responder` in Jira). A period without a recipient, or of the word none, is a
gap. Overrides and forwarding are applied already. A team or an escalation that is on call is nobody in particular: it
is a problem, unless the answer lists its people (`flattenedRecipients`).
"""

from collections.abc import Iterator, Mapping

from watchbill.intervals import Interval
from watchbill.schedule.imported import Imported
from watchbill.schedule.vendors.reading import Entries, inside, quoted, rows, span, text, wrong


_NOBODY = ("none", "noone")


def read(document: object, within: Interval, file: str) -> Imported:
    """Give the final timeline's shifts; raises WatchbillError where there is none."""
    data = inside(document, "data") if isinstance(inside(document, "data"), Mapping) else document
    rotations = inside(data, "finalTimeline", "rotations")
    if not isinstance(rotations, list):
        hint = "ask for the schedule's timeline: /v2/schedules/{id}/timeline"
        raise wrong(document, "shifts of Opsgenie", hint, file)
    entries = Entries(within, file)
    for number, rotation in enumerate(rotations):
        # A deleted rotation still stands there, with what it once was.
        if inside(rotation, "deleted") is True:
            continue
        for count, period in enumerate(rows(inside(rotation, "periods"))):
            _add(entries, f"finalTimeline.rotations[{number}].periods[{count}]", rotation, period)
    return entries.imported(text(inside(data, "_parent", "name")), _answered(data))


def _add(entries: Entries, place: str, rotation: object, period: object) -> None:
    start, end = inside(period, "startDate"), inside(period, "endDate")
    for who in _recipients(period):
        kind = text(inside(who, "type")) or "user"
        if kind in _NOBODY:
            continue
        name, number = inside(who, "name"), inside(who, "id")
        if kind != "user":
            entries.report("not-a-person", f"{place}: {quoted(kind)} {quoted(name or number)} is no person")
            continue
        uid = " ".join(text(each) for each in (inside(rotation, "id"), name or number, start))
        entries.add(place, start, end, (inside(who, "username"), number, name), uid)


def _recipients(period: object) -> Iterator[object]:
    """Give who is on call: the people of a team where the answer lists them, otherwise the recipient."""
    for key, flat in (("recipient", "flattenedRecipients"), ("responder", "flattenedResponders")):
        people = rows(inside(period, flat))
        if people:
            yield from people
        elif inside(period, key) is not None:
            yield inside(period, key)


def _answered(data: object) -> Interval | None:
    try:
        return span(inside(data, "startDate"), inside(data, "endDate"))
    except ValueError:
        return None
