"""Read trail files: bytes in, events and problems out. Nothing is lost unseen.

The rules, in order:

1. A file that begins with gzip's magic is inflated, all its members, within a limit. What came out before a break is
   kept as far as it can be split into records.
2. It is `{"Records": [...]}` as AWS delivers, a JSON array, one object, or JSON lines. Anything else is no trail.
3. Each record is decoded by itself, so that a bad one costs only itself. A record is an event when it is an object
   with an `eventID` and an `eventTime`; all else in it may be missing, and is None then.
4. The same `eventID` in the same account is one event, however many files and regions delivered it.

Events come out in order of time, then of id. Source: CloudTrail User Guide, "CloudTrail record contents".
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from watchbill.errors import Problem
from watchbill.trail.model import Event, Identity, Outcome, Place, Reading, Tally


INFLATED_LIMIT = 1024**3
"""Bytes that one file may have once it is inflated; more is a bomb, not a log."""

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class FileReading:
    """What came out of one file."""

    events: tuple[Event, ...]
    records: int
    """Records found, the unreadable ones too."""
    problems: tuple[Problem, ...]
    readable: bool
    """Whether it was a trail file at all."""


class _Envelope(msgspec.Struct):
    Records: list[msgspec.Raw]


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()


def read_file(name: str, data: bytes, limit: int = INFLATED_LIMIT) -> FileReading:
    """Read one file; `name` is what places and problems call it. Never raises for what is in the bytes."""
    problems: list[Problem] = []
    text = data
    if data[:2] == _GZIP:
        text, said = _inflate(data, limit)
        if said is not None:
            problems.append(Problem("damaged-gzip", f"{said}; what came before it is kept", name))
    text = text.removeprefix(_BOM)
    raws, how = _split(text)
    if raws is None and problems:
        raws, how = _rescue(text), "rescued"
    if raws is None:
        return FileReading((), 0, (*problems, Problem("unreadable-file", how, name)), readable=False)
    if problems and not raws:
        return FileReading((), 0, (Problem("unreadable-file", problems[0].message, name),), readable=False)
    events: list[Event] = []
    for index, (line, raw) in enumerate(raws):
        found = _event(raw, Place(name, index), line)
        if isinstance(found, Event):
            events.append(found)
        else:
            problems.append(found)
    if raws and not events and how in ("lines", "array"):
        problem = Problem("unreadable-file", "nothing in it is a CloudTrail event", name)
        return FileReading((), 0, (problem,), readable=False)
    return FileReading(tuple(events), len(raws), tuple(problems), readable=True)


def combine(readings: Iterable[FileReading], ignored_files: int = 0) -> Reading:
    """Put files together: each event once, in order, and every record accounted for."""
    found: dict[tuple[str, str], Event] = {}
    problems: list[Problem] = []
    files = unreadable = records = events = 0
    for reading in readings:
        problems.extend(reading.problems)
        files += reading.readable
        unreadable += not reading.readable
        records += reading.records
        events += len(reading.events)
        for event in reading.events:
            key = (event.account, event.id)
            if key not in found or event.place < found[key].place:
                found[key] = event
    ordered = tuple(sorted(found.values(), key=lambda event: (event.at, event.id, event.account)))
    tally = Tally(files, records, len(ordered), events - len(ordered), records - events, unreadable, ignored_files)
    return Reading(ordered, tally, tuple(problems))


def _inflate(data: bytes, limit: int) -> tuple[bytes, str | None]:
    """Give what can be inflated and what is wrong with the rest, None when nothing is."""
    parts: list[bytes] = []
    room = limit
    rest = data
    while rest[:2] == _GZIP:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            part = member.decompress(rest, room + 1)
        except zlib.error as error:
            return b"".join(parts), f"damaged gzip: {error}"
        parts.append(part)
        room -= len(part)
        if room < 0:
            return b"".join(parts)[:limit], f"inflates to more than {limit} bytes"
        if not member.eof:
            return b"".join(parts), "gzip cut short"
        rest = member.unused_data
    return b"".join(parts), "bytes after the end of the gzip data" if rest.strip(b"\0") else None


def _split(text: bytes) -> tuple[list[tuple[int | None, bytes]] | None, str]:
    """Give the records with their lines where it is JSON lines, and the form of the document or why it has none."""
    stripped = text.lstrip()
    if not stripped:
        return None, "the file is empty"
    if stripped[:1] == b"[":
        try:
            return [(None, bytes(raw)) for raw in _ARRAY.decode(text)], "array"
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return None, f"no JSON array: {error}"
    if stripped[:1] != b"{":
        return None, "this is no JSON"
    try:
        return [(None, bytes(raw)) for raw in _ENVELOPE.decode(text).Records], "records"
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        whole = str(error)
    return _lines(text, whole)


def _lines(text: bytes, whole: str) -> tuple[list[tuple[int | None, bytes]] | None, str]:
    """Read a document that is no envelope: one event over several lines, or an event on each line."""
    try:
        document = _ANY.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = None
    if isinstance(document, dict):
        if "eventID" in document or "eventName" in document:
            return [(None, text)], "one"
        if "digestStartTime" in document or "logFiles" in document:
            return None, "this is a CloudTrail digest, not a log"
        return None, "this is JSON, but no CloudTrail log: it has neither Records nor eventID"
    lines = [(number, line) for number, line in enumerate(text.split(b"\n"), start=1) if line.strip()]
    if len(lines) == 1:
        return None, f"no CloudTrail log: {whole}"
    return list(lines), "lines"


def _rescue(text: bytes) -> list[tuple[int | None, bytes]] | None:
    """Give the whole records of a document that breaks off, by scanning from the first one on."""
    start = text.find(b"[") + 1
    if start == 0:
        return None
    decoder = json.JSONDecoder()
    document = text[start:].decode("utf-8", "ignore")
    found: list[tuple[int | None, bytes]] = []
    position = 0
    while True:
        while position < len(document) and document[position] in " \t\r\n,":
            position += 1
        try:
            _, end = decoder.raw_decode(document, position)
        except (ValueError, RecursionError):
            return found or None
        found.append((None, document[position:end].encode("utf-8", "surrogatepass")))
        position = end


def _event(raw: bytes, place: Place, line: int | None) -> Event | Problem:
    try:
        record = _ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        record = _leniently(raw)
        if record is None:
            return _problem("unreadable-record", f"no JSON: {error}", place, line, None)
    if not isinstance(record, dict):
        return _problem("unreadable-record", "no JSON object", place, line, None)
    event_id, at = _text(record.get("eventID")), _instant(record.get("eventTime"))
    if event_id is None:
        return _problem("no-event-id", "it has no eventID", place, line, None)
    if at is None:
        message = f"its eventTime is `{record.get('eventTime')}`, which is no ISO-8601 instant"
        return _problem("no-event-time", message, place, line, event_id)
    return make_event(record, event_id, at, place)


def _leniently(raw: bytes) -> object:
    """Decode what the strict decoder refuses but is no harm: NaN, lone surrogates, raw control characters."""
    try:
        return json.loads(raw.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _problem(code: str, message: str, place: Place, line: int | None, event_id: str | None) -> Problem:
    where = "" if line is not None else f"record {place.index}: "
    return Problem(code, f"{where}{message}", place.file, line, None, event_id)


def make_event(record: Mapping[str, Any], event_id: str, at: datetime, place: Place) -> Event:
    """Make an event of a decoded record."""
    identity = _identity(record)
    code, message = _text(record.get("errorCode")), _text(record.get("errorMessage"))
    read_only = record.get("readOnly")
    account = _text(record.get("recipientAccountId")) or identity.account or ""
    return Event(
        event_id,
        at,
        _text(record.get("eventSource")) or "",
        _text(record.get("eventName")) or "",
        _text(record.get("awsRegion")) or "",
        account,
        identity,
        _text(record.get("sourceIPAddress")),
        _text(record.get("userAgent")),
        _outcome(record, code, message),
        code,
        message,
        {"true": True, "false": False}.get(str(read_only).lower()),
        _text(record.get("eventType")),
        record,
        place,
    )


def _outcome(record: Mapping[str, Any], code: str | None, message: str | None) -> Outcome:
    if code is not None:
        folded = code.lower()
        denied = any(word in folded for word in ("accessdenied", "unauthorized", "notauthorized", "forbidden"))
        return Outcome.DENIED if denied else Outcome.FAILED
    answer = record.get("responseElements")
    if message == "Failed authentication" or (isinstance(answer, dict) and answer.get("ConsoleLogin") == "Failure"):
        return Outcome.FAILED
    return Outcome.ALLOWED


def _identity(record: Mapping[str, Any]) -> Identity:
    found = _mapping(record.get("userIdentity"))
    context = _mapping(found.get("sessionContext"))
    attributes = _mapping(context.get("attributes"))
    issuer = _mapping(context.get("sessionIssuer"))
    kind, arn = _text(found.get("type")), _text(found.get("arn"))
    session = arn.rsplit("/", 1)[-1] if kind == "AssumedRole" and arn and arn.count("/") > 1 else None
    name = _text(found.get("userName"))
    if kind == "IAMUser" and name is None and arn is not None and ":user/" in arn:
        name = arn.rsplit("/", 1)[-1]
    return Identity(
        kind,
        arn,
        _text(found.get("principalId")),
        _text(found.get("accountId")),
        name,
        _text(found.get("accessKeyId")),
        session,
        _text(issuer.get("arn")),
        _text(context.get("sourceIdentity")),
        _mfa(record, kind, attributes),
        _instant(attributes.get("creationDate")),
        _text(found.get("invokedBy")),
        _text(_mapping(found.get("onBehalfOf")).get("userId")),
    )


def _mfa(record: Mapping[str, Any], kind: str | None, attributes: Mapping[str, Any]) -> bool | None:
    """Tell whether AWS's MFA backs it. What an identity provider asked for AWS does not know: then None, not False."""
    if record.get("eventName") == "ConsoleLogin":
        said = _text(_mapping(record.get("additionalEventData")).get("MFAUsed"))
        if kind in ("IAMUser", "Root"):
            return {"yes": True, "no": False}.get((said or "").lower())
        return True if said == "Yes" else None
    said = _text(attributes.get("mfaAuthenticated"))
    if said == "true":
        return True
    return False if said == "false" and kind in ("IAMUser", "Root") else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
