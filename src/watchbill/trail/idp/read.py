"""Read exports of identity providers: bytes in, events and problems out, as `trail.read` does for CloudTrail.

The provider is told by each record, not by the name of the file: a JSON array, lines, `{"value": [...]}` of Microsoft
Graph, `{"items": [...]}` of Google, `{"records": [...]}` of Azure Monitor, one record alone, and any of these in gzip.
A record that cannot be read costs only itself. The events of one activity of Google's have the place of that activity.
Two deliveries of one event have the same id, which is the provider's.
"""

from watchbill.errors import Problem
from watchbill.trail.idp import entra, google, okta
from watchbill.trail.idp.model import Said, event_of
from watchbill.trail.model import Event, Place
from watchbill.trail.read import INFLATED_LIMIT, FileReading, Splitter, decoded, inflate


_SPLITTER = Splitter(("value", "items", "records"), "eventType")


def read_idp_file(name: str, data: bytes, limit: int = INFLATED_LIMIT) -> FileReading:
    """Read one export; `name` is what places and problems call it. Never raises for what is in the bytes."""
    text, said = inflate(data, limit)
    split = _SPLITTER.split(text)
    if isinstance(split, str):
        return _no_export(name, said or split)
    events: list[Event] = []
    problems: list[Problem] = []
    records = 0
    if said is not None:
        problems.append(Problem("damaged-gzip", f"{said}; what came before it is kept", name))
    elif split.flaw is not None:
        problems.append(Problem("damaged-file", f"{split.flaw}; the whole records in it are kept", name))
    for index, (line, raw) in enumerate(split.raws):
        for found in _read(raw):
            if isinstance(found, Said):
                events.append(event_of(found, Place(name, index)))
            else:
                where = "" if line is not None else f"record {index}: "
                problems.append(Problem("unreadable-record", f"{where}{found}", name, line))
            records += 1
    if records and not events:
        return _no_export(name, said or "nothing in it is an event of Okta, Entra or Google")
    return FileReading(tuple(events), records, tuple(problems), readable=True)


def listed_records(text: bytes) -> list[bytes] | None:
    """Give the bytes of each record that an export lists under a key of its own, in the order of `Place.index`.

    None for any other document: lines and arrays are split as those of a trail are (`trail.read.raw_records`).
    """
    split = _SPLITTER.split(text)
    return None if isinstance(split, str) or split.listed is None else [raw for _, raw in split.raws]


def _read(raw: bytes) -> list[Said | str]:
    """Read what one record holds: one event, for Google's perhaps several."""
    record = decoded(raw)
    if not isinstance(record, dict):
        return ["no JSON object"]
    record = okta.inside(record)
    if okta.is_okta(record):
        return [okta.read_okta(record)]
    if google.is_google(record):
        return google.read_google(record)
    if entra.is_entra(record):
        return [entra.read_entra(record)]
    return ["it is no event of Okta, Entra or Google"]


def _no_export(name: str, why: str) -> FileReading:
    return FileReading((), 0, (Problem("unreadable-file", why, name),), readable=False)
