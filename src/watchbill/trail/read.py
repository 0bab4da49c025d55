"""Read trail files: bytes in, events and problems out. Nothing is lost unseen.

The rules, in order:

1. A file that begins with gzip's magic is inflated, all its members, within a limit. What came out before a break is
   kept as far as it can be split into records.
2. It is `{"Records": [...]}` as AWS delivers, `{"Events": [...]}` as LookupEvents answers, a JSON array, several of
   these one after another, one object, or objects one after another, on lines of their own or not. Anything else is no
   trail; a digest is named as one. Where no JSON reader takes a list whole, it is split by brackets and quotes alone.
   Around these may be what CloudWatch Logs and CloudTrail Lake put around them: see `envelopes`.
3. Each record is decoded by itself, so that a bad one costs only itself. An event in the envelope of EventBridge is its
   `detail`, one of LookupEvents its `CloudTrailEvent`. A record is an event when it is an object with an `eventID` and
   an `eventTime`; all else in it may be missing, and is None then. What a list that breaks off leaves of its last
   record is an unreadable record. Of a key that stands twice in a record the last counts, as for every JSON reader.
4. The same `eventID` in the same account is one event, however many files and regions delivered it.

Events come out in order of time, then of id. Source: CloudTrail User Guide, "CloudTrail record contents".
"""

import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from isal import isal_zlib

from watchbill.errors import Problem
from watchbill.trail.brackets import elements
from watchbill.trail.envelopes import inside, opened, rows_of
from watchbill.trail.model import Event, Identity, Outcome, Place, Reading, Tally


INFLATED_LIMIT = 512 * 1024**2
"""Bytes that one file may have once it is inflated; more is a bomb, not a log. Twice that is in memory for a moment."""

LISTS = ("Records", "Events")
"""Under which key the records of a document may be listed: as trails deliver them, and as LookupEvents answers."""

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_STEP = 8192
"""Bytes of gzip inflated at once, where each of them may be the broken one."""

_STRIDE = 65536
"""Bytes of gzip inflated at once, at most, where nothing is wrong: they may become a thousand times as many."""

_PLAIN_HEADERS = (b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x08")
"""How a gzip member begins that both inflaters take for the same: deflate, with a name or nothing before its data."""

_SPACING = 64
"""Bytes around the records of a document, besides commas, that no hidden list of records fits into."""

_BRACE = re.compile(rb"\s*\}")

_SURROGATE = re.compile("[\ud800-\udfff]")

YEARS = range(2013, 2100)
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
    digest: bool = False
    """Whether it is a digest file of CloudTrail: no trail, and not unreadable either."""


@dataclass(frozen=True, slots=True)
class Split:
    """The records of a document, not decoded yet."""

    raws: list[tuple[int | None, bytes]]
    """Each with its line where it is JSON lines."""
    listed: str | None
    """The key under which they are listed; None where they are in no such list."""
    flaw: str | None
    """What is wrong with the document around them."""
    alone: bool = False
    """Whether the document is one object that lists nothing, and so perhaps one record, or no record at all."""


class Splitter:
    """Splits documents into their records, whatever is in a record."""

    def __init__(self, lists: Sequence[str], mark: str) -> None:
        """Take what is listed under one of these keys, which need no escape in JSON.

        A document that has the key `mark` too is a record itself: it comes last, so that neither hides the other.
        """
        self._lists, self._mark = tuple(lists), mark
        fields: list[tuple[str, Any, Any]] = [(mark, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET)]
        fields += [(name, list[msgspec.Raw] | msgspec.UnsetType, msgspec.UNSET) for name in lists]
        self._envelope = msgspec.json.Decoder(msgspec.defstruct("Envelope", fields))
        named = "|".join(map(re.escape, lists)).encode()
        self._list = re.compile(rb'\s*([{,]\s*"(' + named + rb')"\s*:\s*)?\[')
        """Where a list of records begins, also a further one of the same document."""

    def split(self, text: bytes) -> Split | str:
        """Give the records of a document, or say why it has none. Never raises for what is in the bytes."""
        text = text.removeprefix(_BOM)
        first = text.lstrip()[:1]
        if not first:
            return "the file is empty"
        if first not in (b"{", b"["):
            return "this is no JSON"
        try:
            if first == b"[":
                return Split([(None, bytes(raw)) for raw in _ARRAY.decode(text)], None, None)
            found = self._listed(text)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._scan(text) if self._list.match(text) else _objects(text, str(error))
        return found or _objects(text, "it lists no records")

    def _listed(self, text: bytes) -> Split | None:
        """Split a whole document that lists its records; None where it lists nothing."""
        envelope = self._envelope.decode(text)
        lists = {name: getattr(envelope, name) for name in self._lists}
        named = [name for name, records in lists.items() if records is not msgspec.UNSET]
        if not named:
            return None
        raws: list[tuple[int | None, bytes]] = [(None, bytes(raw)) for name in named for raw in lists[name]]
        around = len(text) - sum(len(raw) for _, raw in raws) - len(raws)
        if getattr(envelope, self._mark) is not msgspec.UNSET:
            raws.append((None, bytes(text)))
        if around <= _SPACING or _times(text, self._lists) == len(named):
            return Split(raws, named[0], None)
        if self._list.match(text):
            return self._scan(text)
        return Split(raws, named[0], "its list of records is there twice, of which the last is read")

    def _scan(self, text: bytes) -> Split:
        """Split lists of records that follow one another, by brackets and quotes alone, whatever is in a record."""
        found: list[bytes] = []
        listed: str | None = None
        flaw, position = None, 0
        while (start := self._list.match(text, position)) is not None:
            records, position, closed = elements(text, start.end())
            found += records
            if start[1]:
                listed, again = listed or start[2].decode(), self._list.match(text, position)
                if again is not None and again[1] and again[1].startswith(b","):
                    flaw = flaw or "its list of records is there twice"
                else:
                    brace = _BRACE.match(text, position)
                    position, closed = (brace.end(), closed) if brace else (position, False)
            flaw = flaw if closed else "its list of records breaks off"
        if rest := text[position:].strip():
            found.append(rest)
            flaw = flaw or "something follows its end"
        return Split([(None, raw) for raw in found], listed, flaw)


_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()
_SPLITTER = Splitter(LISTS, "eventID")


def read_file(name: str, data: bytes, limit: int = INFLATED_LIMIT) -> FileReading:
    """Read one file; `name` is what places and problems call it. Never raises for what is in the bytes."""
    problems: list[Problem] = []
    text, said = inflate(data, limit)
    split = _split(text)
    if isinstance(split, str) or (said and not split.raws):
        return _no_trail(name, said or str(split))
    sure = split.listed == "Records"
    if split.alone:
        record = unwrapped(decoded(split.raws[0][1]))
        if not isinstance(record, dict) or not {"eventID", "eventName"} & record.keys():
            return _no_trail(name, said or _lone(record), digest=_is_digest(record))
        sure = True
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
    if split.raws and not events and not sure:
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
        ignored_files += reading.digest
        unreadable += not reading.readable and not reading.digest
        records += reading.records
        events += len(reading.events)
        for event in reading.events:
            key = (event.account, event.id)
            if key not in found or event.place < found[key].place:
                found[key] = event
    ordered = tuple(sorted(found.values(), key=lambda event: (event.at, event.id, event.account)))
    tally = Tally(files, records, len(ordered), events - len(ordered), records - events, unreadable, ignored_files)
    return Reading(ordered, tally, tuple(problems))


def inflate(data: bytes, limit: int = INFLATED_LIMIT) -> tuple[bytes, str | None]:
    """Give what can be inflated and what is wrong with the rest, None when nothing is; what is no gzip as it is.

    Of damaged data all is given that comes out before the damage, to the byte. More than `limit` bytes are cut there.
    """
    if data[:2] != _GZIP:
        return data, None
    inflated = bytearray()
    position = 0
    while data[position : position + 2] == _GZIP:
        begun = len(inflated)
        end = _fast_member(data, position, inflated, limit) if data[position : position + 4] in _PLAIN_HEADERS else None
        if end is None:
            del inflated[begun:]
            said, end = _member(data, position, inflated, limit)
            if said is not None:
                return bytes(inflated), said
        if len(inflated) > limit:
            del inflated[limit:]
            return bytes(inflated), f"inflates to more than {limit} bytes"
        position = end
    rest = data[position:].strip(b"\0")
    return bytes(inflated), "bytes after the end of the gzip data" if rest else None


def _fast_member(data: bytes, position: int, inflated: bytearray, limit: int) -> int | None:
    """Inflate a member that is whole, and give where it ends; None where anything is wrong with it.

    Past the limit nothing is inflated, and where it ends is not known: then it is the end of what was looked at. The
    checksum at the end of a member is held against what came out, so this gives what `_member` would, only faster.
    """
    member, step = isal_zlib.decompressobj(zlib.MAX_WBITS | 16), _STEP
    while not member.eof:
        piece = data[position : position + step]
        if not piece:
            return None
        try:
            inflated += member.decompress(piece, limit - len(inflated) + 1)
        except isal_zlib.error:  # type: ignore[misc]  # a class of exceptions, which its stub gives as an instance
            return None
        position += len(piece) - len(member.unused_data)
        if len(inflated) > limit:
            return position
        step = min(2 * step, _STRIDE)
    return position


def _member(data: bytes, position: int, inflated: bytearray, limit: int) -> tuple[str | None, int]:
    """Inflate a member as far as it goes; say what is wrong with it, None when nothing is, and give where it ends."""
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    while not member.eof:
        piece = data[position : position + _STEP]
        if not piece:
            return "gzip cut short", position
        before = member.copy()
        try:
            inflated += member.decompress(piece, limit - len(inflated) + 1)
        except zlib.error as error:
            inflated += _before_the_break(before, piece)
            del inflated[limit:]
            return f"damaged gzip: {error}", position
        position += len(piece) - len(member.unused_data)
        if len(inflated) > limit:
            break
    return None, position


def _before_the_break(member: "zlib._Decompress", piece: bytes) -> bytes:
    """Give what a damaged piece still holds, byte by byte up to where it breaks."""
    inflated = bytearray()
    try:
        for position in range(len(piece)):
            inflated += member.decompress(piece[position : position + 1])
    except zlib.error:
        pass
    return bytes(inflated)


def _times(text: bytes, lists: Sequence[str]) -> int | None:
    """Count how often a document lists records: a JSON reader gives the last of equal keys, and hides the others."""
    try:
        keys = json.loads(text, object_pairs_hook=lambda pairs: [key for key, _ in pairs], parse_int=str)
    except (ValueError, RecursionError):
        return None
    return sum(key in lists for key in keys)


def _objects(text: bytes, whole: str) -> Split | str:
    """Split a document that is no list: one object over several lines, or objects one after another."""
    if isinstance(decoded(text), dict):
        return Split([(None, text)], None, None, alone=True)
    lines: list[tuple[int | None, bytes]] = [
        (number, line) for number, line in enumerate(text.split(b"\n"), start=1) if line.strip()
    ]
    if any(len(lines) > 1 and line.lstrip()[:1] == b"{" and line.rstrip()[-1:] == b"}" for _, line in lines):
        return Split(lines, None, None)
    # Firehose writes what EventBridge gives it without anything in between, and jq writes each over several lines.
    objects, _, _ = elements(text, 0)
    if len(objects) > 1:
        return Split([(None, each) for each in objects], None, None)
    return Split(lines, None, None) if len(lines) > 1 else f"no CloudTrail log: {whole}"


def _no_trail(name: str, why: str, *, digest: bool = False) -> FileReading:
    code = "digest-file" if digest else "unreadable-file"
    return FileReading((), 0, (Problem(code, why, name),), readable=False, digest=digest)


def _is_digest(document: object) -> bool:
    """Tell a digest file, or the signature of a query's results, by fields that each of them has.

    CTG: "CloudTrail digest file structure", "CloudTrail sign file structure".
    """
    return isinstance(document, dict) and not {"digestStartTime", "logFiles", "hashSignature"}.isdisjoint(document)


def _lone(document: object) -> str:
    """Say why an object that is a file by itself is no trail."""
    if _is_digest(document):
        return "this is a CloudTrail digest, not a log: `trail verify` reads it"
    return "this is JSON, but no CloudTrail log: it has neither Records nor eventID"


def unwrapped(record: object) -> object:
    """Give the record inside the envelope that EventBridge, LookupEvents or a log put around it; any other as it is."""
    if (said := inside(record)) is not None:
        return _of_bridge(decoded(said.encode("utf-8", "replace")))
    return _of_bridge(record)


def _of_bridge(record: object) -> object:
    if not isinstance(record, dict) or "eventID" in record:
        return record
    detail, text = record.get("detail"), record.get("CloudTrailEvent")
    if isinstance(detail, dict) and "detail-type" in record:
        return detail
    return decoded(text.encode("utf-8", "replace")) if isinstance(text, str) else record


def decoded(raw: bytes) -> object:
    """Decode one record, as far as there is a JSON reader that takes it; None where there is none."""
    try:
        return _ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _leniently(raw)


def _event(raw: bytes, place: Place, line: int | None) -> Event | Problem:
    try:
        record = _ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        record = _leniently(raw)
        if record is None:
            return _problem("unreadable-record", f"no JSON: {error}", place, line, None)
    record = unwrapped(record)
    if not isinstance(record, dict):
        return _problem("unreadable-record", "no JSON object", place, line, None)
    if record.get("eventCategory") == "Aggregated":
        message = "it counts the data events of some minutes, and is none itself"
        return _problem("aggregated-record", message, place, line, _text(record.get("eventId")))
    event_id, at = _text(record.get("eventID")), instant(record.get("eventTime"))
    at = at if at and at.year in YEARS else None
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
    identity = identity_in(record)
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
        outcome_in(record, code, message),
        code,
        message,
        {"true": True, "false": False}.get(str(read_only).lower()),
        _text(record.get("eventType")),
        record,
        place,
    )


def outcome_in(record: Mapping[str, Any], code: str | None, message: str | None) -> Outcome:
    """Tell what came of a call by its error, or by what a sign-in says, which has none."""
    if code is not None:
        folded = code.lower()
        denied = any(word in folded for word in ("accessdenied", "unauthorized", "notauthorized", "forbidden"))
        return Outcome.DENIED if denied else Outcome.FAILED
    answer = record.get("responseElements")
    if message == "Failed authentication" or (isinstance(answer, dict) and answer.get("ConsoleLogin") == "Failure"):
        return Outcome.FAILED
    return Outcome.ALLOWED


def identity_in(record: Mapping[str, Any]) -> Identity:
    """Give the identity that a record speaks of: its `userIdentity`, and of console sign-ins whether MFA backs it."""
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
        instant(attributes.get("creationDate")),
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


def instant(value: object) -> datetime | None:
    """Read an ISO-8601 instant with its zone; None for anything else. Beyond microseconds it is cut."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def raw_records(text: bytes) -> list[bytes] | None:
    """Give the bytes of each record of a document, in the order of `Place.index`; None where it has none."""
    split = _split(text)
    return None if isinstance(split, str) else [raw for _, raw in split.raws]


def enveloped(text: bytes) -> list[bytes] | None:
    """Give the elements of a document that is envelopes of CloudWatch Logs; None of any other."""
    split = _SPLITTER.split(text)
    inner = _opened(text, split)
    return None if inner is None else [raw for _, raw in inner.raws]


def _split(text: bytes) -> Split | str:
    """Split a document, and what lies in envelopes in it."""
    if (rows := rows_of(text.removeprefix(_BOM))) is not None:
        return Split(rows, None, None)
    split = _SPLITTER.split(text)
    return _opened(text, split) or split


def _opened(text: bytes, split: Split | str) -> Split | None:
    """Split envelopes, one or many; None where there is none."""
    if isinstance(split, str) and text.lstrip()[:1] != b"{":
        return None
    if isinstance(split, str):
        # One that breaks off is no JSON: but what is whole in it is.
        raws: list[tuple[int | None, bytes]] = [(None, raw) for raw in elements(text, 0)[0]]
    else:
        raws = [] if split.listed is not None else split.raws
    found: list[tuple[int | None, bytes]] = []
    flaw, inner = None if isinstance(split, str) else split.flaw, False
    for line, raw in raws:
        envelope = opened(raw)
        if envelope is None:
            found.append((line, raw))
            continue
        inner = True
        found += [(line, each) for each in envelope.raws]
        flaw = flaw if envelope.whole else "an envelope in it is broken"
    return Split(found, None, flaw) if inner else None
