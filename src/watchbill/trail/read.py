"""Read trail files: bytes in, events and problems out. Nothing is lost unseen.

The rules, in order:

1. A file that begins with gzip's magic is inflated, all its members, within a limit. What came out before a break is
   kept as far as it can be split into records.
2. It is `{"Records": [...]}` as AWS delivers, a JSON array, several of these one after another, one object, or JSON
   lines. Anything else is no trail. Where no JSON reader takes a list whole, it is split by brackets and quotes alone.
3. Each record is decoded by itself, so that a bad one costs only itself. A record is an event when it is an object
   with an `eventID` and an `eventTime`; all else in it may be missing, and is None then. What a list that breaks off
   leaves of its last record is an unreadable record.
4. The same `eventID` in the same account is one event, however many files and regions delivered it.

Events come out in order of time, then of id. Source: CloudTrail User Guide, "CloudTrail record contents".
"""

import json
import re
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
_STEP = 8192
"""Bytes of gzip inflated at once."""

_LIST = re.compile(rb'\s*(\{\s*"Records"\s*:\s*)?\[')
"""Where a list of records begins."""

_BRACE = re.compile(rb"\s*\}")

_MARK = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]+|[\]},]', re.DOTALL)
"""What tells the shape of JSON: a text, closed or not, brackets that open, one that closes, or a comma."""

_SURROGATE = re.compile("[\ud800-\udfff]")

_STRAY = b" \t\r\n}"
"""What may lie between two records and be neither: white space, and brackets that close nothing."""

_DEEP = 1000
"""How deep a record may be nested for a bracket in it to be paired; no JSON reader takes a deeper one."""

_YEARS = range(2013, 2100)
"""When a record can be from: CloudTrail began in 2013."""


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


@dataclass(frozen=True, slots=True)
class _Split:
    """The records of a document, not decoded yet."""

    raws: list[tuple[int | None, bytes]]
    """Each with its line where it is JSON lines."""
    sure: bool
    """Whether it is a trail by its form, whatever is in its records."""
    flaw: str | None
    """What is wrong with the document around them."""


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()


def read_file(name: str, data: bytes, limit: int = INFLATED_LIMIT) -> FileReading:
    """Read one file; `name` is what places and problems call it. Never raises for what is in the bytes."""
    problems: list[Problem] = []
    text, said = _inflate(data, limit) if data[:2] == _GZIP else (data, None)
    split = _split(text.removeprefix(_BOM))
    if isinstance(split, str) or (said and not split.raws):
        return _no_trail(name, said or str(split))
    if said is not None:
        problems.append(Problem("damaged-gzip", f"{said}; what came before it is kept", name))
    elif split.flaw is not None:
        problems.append(Problem("damaged-file", f"{split.flaw}; the whole records in it are kept", name))
    events: list[Event] = []
    for index, (line, raw) in enumerate(split.raws):
        found = _event(raw, Place(name, index), line)
        if isinstance(found, Event):
            events.append(found)
        else:
            problems.append(found)
    if split.raws and not events and not split.sure:
        return _no_trail(name, "nothing in it is a CloudTrail event")
    return FileReading(tuple(events), len(split.raws), tuple(problems), readable=True)


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


def _no_trail(name: str, why: str) -> FileReading:
    return FileReading((), 0, (Problem("unreadable-file", why, name),), readable=False)


def _inflate(data: bytes, limit: int) -> tuple[bytes, str | None]:
    """Give what can be inflated and what is wrong with the rest, None when nothing is."""
    inflated = bytearray()
    position = 0
    while data[position : position + 2] == _GZIP:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while not member.eof:
            piece = data[position : position + _STEP]
            if not piece:
                return bytes(inflated), "gzip cut short"
            before = member.copy()
            try:
                inflated += member.decompress(piece, limit - len(inflated) + 1)
            except zlib.error as error:
                inflated += _before_the_break(before, piece)
                return bytes(inflated[:limit]), f"damaged gzip: {error}"
            if len(inflated) > limit:
                return bytes(inflated[:limit]), f"inflates to more than {limit} bytes"
            position += len(piece) - len(member.unused_data)
    rest = data[position:].strip(b"\0")
    return bytes(inflated), "bytes after the end of the gzip data" if rest else None


def _before_the_break(member: "zlib._Decompress", piece: bytes) -> bytes:
    """Give what a damaged piece still holds, byte by byte up to where it breaks."""
    inflated = bytearray()
    try:
        for position in range(len(piece)):
            inflated += member.decompress(piece[position : position + 1])
    except zlib.error:
        pass
    return bytes(inflated)


def _split(text: bytes) -> _Split | str:
    """Split a document into its records, or say why it is no trail."""
    first = text.lstrip()[:1]
    if not first:
        return "the file is empty"
    if first not in (b"{", b"["):
        return "this is no JSON"
    try:
        if first == b"[":
            return _Split([(None, bytes(raw)) for raw in _ARRAY.decode(text)], sure=False, flaw=None)
        return _Split([(None, bytes(raw)) for raw in _ENVELOPE.decode(text).Records], sure=True, flaw=None)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _scan(text) if _LIST.match(text) else _lines(text, str(error))


def _scan(text: bytes) -> _Split:
    """Split lists of records that follow one another, by brackets and quotes alone, whatever is in a record."""
    found: list[bytes] = []
    sure, flaw, position = False, None, 0
    while (start := _LIST.match(text, position)) is not None:
        records, position, closed = _elements(text, start.end())
        found += records
        if start[1]:
            sure, brace = True, _BRACE.match(text, position)
            position, closed = (brace.end(), closed) if brace else (position, False)
        flaw = flaw if closed else "its list of records breaks off"
    if rest := text[position:].strip():
        found.append(rest)
        flaw = flaw or "something follows its end"
    return _Split([(None, raw) for raw in found], sure=sure, flaw=flaw)


def _elements(text: bytes, begin: int) -> tuple[list[bytes], int, bool]:
    """Give the elements of the list that opens before `begin`, where it ends, and whether it is closed.

    A bracket that closes closes all that was opened inside it; one that nothing opened is passed over.
    """
    found: list[bytes] = []
    opened = bytearray()
    for token in _MARK.finditer(text, begin):
        mark = text[token.start()]
        if mark in b"[{":
            opened += token[0]
        elif mark in b"]}" and opened:
            depth = opened.rfind(b"[" if mark in b"]" else b"{", max(0, len(opened) - _DEEP))
            del opened[depth if depth >= 0 else len(opened) :]
            if not opened:
                found.append(text[begin : token.end()])
                begin = token.end()
        elif mark in b",]" and not opened:
            if rest := text[begin : token.start()].strip(_STRAY):
                found.append(rest)
            begin = token.end()
            if mark in b"]":
                return found, begin, True
    if rest := text[begin:].strip():
        found.append(rest)
    return found, len(text), False


def _lines(text: bytes, whole: str) -> _Split | str:
    """Read a document that is no list: one event over several lines, or an event on each line."""
    try:
        document = _ANY.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = _leniently(text)
    if isinstance(document, dict):
        if "eventID" in document or "eventName" in document:
            return _Split([(None, text)], sure=True, flaw=None)
        if "digestStartTime" in document or "logFiles" in document:
            return "this is a CloudTrail digest, not a log"
        return "this is JSON, but no CloudTrail log: it has neither Records nor eventID"
    lines = [(number, line) for number, line in enumerate(text.split(b"\n"), start=1) if line.strip()]
    if len(lines) == 1:
        return f"no CloudTrail log: {whole}"
    return _Split(list(lines), sure=False, flaw=None)


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
    at = at if at and at.year in _YEARS else None
    if event_id is None:
        return _problem("no-event-id", "it has no eventID", place, line, None)
    if at is None:
        said = _text(record.get("eventTime"))
        message = f"its eventTime is `{said[:60]}`, no instant of CloudTrail's years" if said else "it has no eventTime"
        return _problem("no-event-time", message, place, line, event_id)
    return make_event(record, event_id, at, place)


def _leniently(raw: bytes) -> object:
    """Decode what the strict decoder refuses but is no harm: NaN, raw control characters, text that is no Unicode.

    Bytes that are no UTF-8 and lone surrogates become U+FFFD, since nothing could print or store them.
    """
    try:
        record = json.loads(raw.decode("utf-8", "replace"), strict=False)
        written = json.dumps(record, ensure_ascii=False)
        return json.loads(_SURROGATE.sub("\ufffd", written)) if _SURROGATE.search(written) else record
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
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None
