"""Read CloudTrail files straight into columns: the same events as `read`, without an object for each.

Files are decoded many at a time by a strict decoder that knows the fields of a record by name and type. It takes clean
files of the form `{"Records": [...]}` only; whatever it does not take, and every file with anything odd in it, goes
through `read`, record by record. So the fast way has no rules of its own for what is odd, and `read` is its oracle.

Rules: a text of JSON is the bytes of the record. A caller's identity is made once for each that is distinct, and so is
every text that many rows share.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.errors import Problem
from watchbill.trail.model import Identity
from watchbill.trail.read import INFLATED_LIMIT, YEARS, FileReading, identity_in, inflate, outcome_in, read_file
from watchbill.trail.table import (
    IDENTITY,
    PLAIN,
    SCHEMA,
    TEXTS,
    WHO,
    WORDS,
    identity_row,
    instant,
    milliseconds,
    row_of,
    table_of,
)


FIELDS = pa.schema([field for field in SCHEMA if field not in WHO])
"""The columns that come from a record: all but who it was."""

Integers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class FileTally:
    """What became of one file."""

    name: str
    digest: str
    """SHA-256 of its bytes as they lie there."""
    records: int
    events: int
    readable: bool
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """The events of some files as columns, in the order they were read; duplicates are all there."""

    table: pa.Table
    """With the columns of `FIELDS`."""
    identities: tuple[Identity, ...]
    """Every identity that acts in it, once."""
    who: Integers
    """For each row the position of its identity in `identities`."""
    files: tuple[FileTally, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read."""

    name: str
    data: bytes
    modified: datetime | None = None
    """When it was last written, where that is known."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pack it for another process, by what it is made of: there are thousands in a batch."""
        return Source, (self.name, self.data, self.modified)


Reader = Callable[[Source], FileReading]
"""Reads one file record by record."""


def read_columns(sources: Iterable[Source], limit: int = INFLATED_LIMIT, reader: Reader | None = None) -> Columns:
    """Read files into columns. Never raises for what is in the bytes.

    `reader` reads those that the fast way does not take: `read.read_file` unless another is given.
    """
    slow = reader or (lambda source: read_file(source.name, source.data, limit))
    tables: list[Columns] = []
    pieces: list[_Piece] = []
    clean: list[_Clean] = []
    order: list[str] = []
    size = whole = 0
    for source in sources:
        order.append(source.name)
        found = _decode(source, limit)
        if found is None:
            tables.append(_read_slowly(source, slow))
            continue
        clean.append(found)
        size += found.size
        if size >= _A_PIECE:
            pieces.append(_piece(clean))
            whole += size
            clean, size = [], 0
        if whole >= _AT_ONCE:
            tables.extend(_made(pieces, slow))
            pieces, whole = [], 0
    return joined([*tables, *_made([*pieces, _piece(clean)], slow)], order)


def _made(pieces: Sequence["_Piece"], slow: Reader) -> list[Columns]:
    """Make columns of decoded files; those that turn out to be odd are read record by record after all."""
    tables, odd = _columns_of(pieces)
    return [*tables, *(_read_slowly(each, slow) for each in odd)]


def columns_of(reading: FileReading, name: str, digest: str) -> Columns:
    """Make columns of what was read record by record."""
    found: dict[Identity, int] = {}
    who = [found.setdefault(event.identity, len(found)) for event in reading.events]
    table = table_of([row_of(event, digest) for event in reading.events], FIELDS)
    tally = FileTally(name, digest, reading.records, len(reading.events), reading.readable, reading.problems)
    return Columns(table, tuple(found), np.array(who, np.int32), (tally,))


def joined(parts: Sequence[Columns], order: Sequence[str] = ()) -> Columns:
    """Put columns together; the tallies of files in the order of their names in `order`, where it is given."""
    found: dict[Identity, int] = {}
    who = []
    for part in parts:
        moved = np.array([found.setdefault(identity, len(found)) for identity in part.identities], np.int32)
        who.append(moved[part.who] if len(moved) else part.who)
    tables = [part.table for part in parts] or [FIELDS.empty_table()]
    table = tables[0] if len(tables) == 1 else pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    tallies = [tally for part in parts for tally in part.files]
    if order:
        place = {name: number for number, name in enumerate(order)}
        tallies.sort(key=lambda tally: place[tally.name])
    return Columns(table, tuple(found), np.concatenate(who) if who else np.array([], np.int32), tuple(tallies))


@dataclass(frozen=True, slots=True)
class _Clean:
    """A file that the strict decoder took."""

    source: Source
    digest: str
    records: list[Any]
    size: int
    """Bytes that it has inflated."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some such files, each field of their records as a column of its own."""

    sources: tuple[Source, ...]
    digests: tuple[str, ...]
    counts: tuple[int, ...]
    """For each file how many records it has."""
    fields: Mapping[str, pa.Array]
    """Texts as they stand, of a `_RAW` field its JSON; empty where there is no record."""


class _OddError(Exception):
    """Something that only `read` has a rule for."""


_NULL = msgspec.Raw(b"null")
_NULL_BYTES = 4
_NO_NAME = -2
"""Stands for no name where numbers of names are compared; -1 is that of one that is not there."""
_TEXT, _FLAG, _RAW = (str | None, None), (bool | None, None), (msgspec.Raw, _NULL)

# In the order in which CloudTrail writes them, which is the fastest to decode.
_KINDS: dict[str, tuple[Any, ...]] = {
    "eventVersion": _TEXT,
    "userIdentity": _RAW,
    "eventTime": (str,),
    "eventSource": _TEXT,
    "eventName": _TEXT,
    "awsRegion": _TEXT,
    "sourceIPAddress": _TEXT,
    "userAgent": _TEXT,
    "errorCode": _TEXT,
    "errorMessage": _TEXT,
    "requestParameters": _RAW,
    "responseElements": _RAW,
    "additionalEventData": _RAW,
    "requestID": _TEXT,
    "eventID": (str,),
    "readOnly": _FLAG,
    "resources": _RAW,
    "eventType": _TEXT,
    "apiVersion": _TEXT,
    "managementEvent": _FLAG,
    "recipientAccountId": (str,),
    "sharedEventID": _TEXT,
    "vpcEndpointId": _TEXT,
    "vpcEndpointAccountId": _RAW,
    "eventCategory": _TEXT,
    "serviceEventDetails": _RAW,
    "addendum": _RAW,
    "insightDetails": _RAW,
    "edgeDeviceDetails": _RAW,
    "eventContext": _RAW,
    "sessionCredentialFromConsole": _RAW,
    "tlsDetails": _RAW,
}
_BEYOND = [field for field, kind in _KINDS.items() if kind is _RAW and field not in TEXTS]
"""Fields that have no column of their own."""

_Record = msgspec.defstruct(
    "_Record",
    [(name, *kind) for name, kind in _KINDS.items()],
    kw_only=True,
    gc=False,
    forbid_unknown_fields=True,
)
_DECODER = msgspec.json.Decoder(list[_Record])  # type: ignore[valid-type]

_BEFORE = re.compile(rb'\s*\{\s*"Records"\s*:\s*(?=\[)')
_AFTER = re.compile(rb"\}\s*\Z")
"""What stands around the one list of a document that has nothing else."""

_END = 64
"""Bytes at the end of a document in which what closes it is looked for."""

_AT_ONCE = 256 * 1024 * 1024
"""Bytes, inflated, that are made into columns at once: a column has room for 2 GB of texts."""

_A_PIECE = 1024 * 1024
"""Bytes, inflated, whose records are objects at one time: what is made of them finds them in the cache still."""

_STAMP = len("2026-01-01T00:00:00Z")
_FIRST, _LAST = (milliseconds(instant(0).replace(year=year)) for year in (YEARS.start, YEARS.stop))
_DAY = 86_400_000


def _decode(source: Source, limit: int) -> _Clean | None:
    """Decode a clean file; None where it is anything else."""
    text, flaw = inflate(source.data, limit)
    if flaw is not None or not _is_unicode(text):
        return None
    before, after = _BEFORE.match(text), _AFTER.search(text, max(0, len(text) - _END))
    if before is None or after is None:
        return None
    try:
        # The list alone, so that a second one beside it is an error and not silently the one that counts.
        records: list[Any] = _DECODER.decode(memoryview(text)[before.end() : after.start()])
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError):
        return None
    return _Clean(source, _digest(source), records, len(text))


def _digest(source: Source) -> str:
    return hashlib.sha256(source.data).hexdigest()


def _is_unicode(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _piece(files: Sequence[_Clean]) -> _Piece:
    """Make a column of each field; the objects of records are needed no more then."""
    records = chain.from_iterable(file.records for file in files)
    values = zip(*map(msgspec.structs.astuple, records), strict=True)
    return _Piece(
        tuple(file.source for file in files),
        tuple(file.digest for file in files),
        tuple(len(file.records) for file in files),
        {field: _field(each, kind) for (field, kind), each in zip(_KINDS.items(), values, strict=False)},
    )


def _field(values: Sequence[Any], kind: tuple[Any, ...]) -> pa.Array:
    return _texts(values) if kind is _RAW else pa.array(values, pa.bool_() if kind is _FLAG else pa.string())


def _columns_of(pieces: Sequence[_Piece]) -> tuple[list[Columns], list[Source]]:
    """Make columns of decoded files, and give those back that turn out to be odd after all."""
    if not any(piece.fields for piece in pieces):
        return [_empty(*each) for piece in pieces for each in zip(piece.sources, piece.digests, strict=True)], []
    try:
        return [_table(pieces)], []
    except _OddError:
        if len(pieces) == 1:
            return _apart(pieces[0])
    # Halving finds the odd ones without making each file a table of its own.
    half = len(pieces) // 2
    (left, left_odd), (right, right_odd) = _columns_of(pieces[:half]), _columns_of(pieces[half:])
    return left + right, left_odd + right_odd


def _apart(piece: _Piece) -> tuple[list[Columns], list[Source]]:
    """Find the odd files of a piece, by decoding each of its files again."""
    if len(piece.sources) == 1:
        return [], list(piece.sources)
    clean = [_decode(source, INFLATED_LIMIT) for source in piece.sources]
    return _columns_of([_piece([file]) for file in clean if file is not None])


def _empty(source: Source, digest: str) -> Columns:
    tally = FileTally(source.name, digest, 0, 0, readable=True, problems=())
    return Columns(FIELDS.empty_table(), (), np.array([], np.int32), (tally,))


def _read_slowly(source: Source, reader: Reader) -> Columns:
    return columns_of(reader(source), source.name, _digest(source))


def _table(pieces: Sequence[_Piece]) -> Columns:
    fields = {field: pa.concat_arrays([each.fields[field] for each in pieces if each.fields]) for field in _KINDS}
    names = [source.name for piece in pieces for source in piece.sources]
    digests = [digest for piece in pieces for digest in piece.digests]
    counts = np.array([count for piece in pieces for count in piece.counts], np.int32)
    time_ms = _times(fields["eventTime"])
    columns = {column: _plain(fields[field], column) for field, column in PLAIN.items()}
    columns |= {column: fields[field] for field, column in TEXTS.items()}
    user_identity = _shared(fields["userIdentity"])
    identities, who = _identities(user_identity, columns["name"], fields["additionalEventData"])
    columns |= _identity_columns(identities, who)
    columns |= {
        "day": pa.array((time_ms // _DAY).astype(np.int32)).cast(pa.date32()),
        "time_ms": pa.array(time_ms),
        "host": _shared(pa.nulls(len(who), pa.string())),
        "outcome": _outcomes(columns, columns["response_elements"]),
        "user_identity": user_identity,
        "tls_details": _shared(fields["tlsDetails"]),
        "rest": _rest(fields),
        "object": _repeated(names, counts),
        "object_digest": _repeated(digests, counts),
        "record": pa.array(np.concatenate([np.arange(count, dtype=np.int32) for count in counts])),
    }
    tallies = [
        FileTally(name, digest, int(count), int(count), readable=True, problems=())
        for name, digest, count in zip(names, digests, counts, strict=True)
    ]
    table = pa.table([columns[field.name] for field in FIELDS], schema=FIELDS)
    return Columns(table, tuple(identities), who, tuple(tallies))


def _times(stamps: pa.Array) -> npt.NDArray[np.int64]:
    if pc.min_max(pc.binary_length(stamps)).as_py() != {"min": _STAMP, "max": _STAMP}:
        raise _OddError
    try:
        found = pc.cast(stamps, pa.timestamp("ms", "UTC"))
    except pa.ArrowInvalid as error:
        raise _OddError from error
    time_ms: npt.NDArray[np.int64] = found.cast(pa.int64()).to_numpy()
    if time_ms.min() < _FIRST or time_ms.max() >= _LAST:
        raise _OddError
    return time_ms


def _plain(found: pa.Array, column: str) -> pa.Array:
    """Make the column of a field that stands in it as it is; an empty text is for `read` to judge."""
    if found.type == pa.bool_():
        return found
    shared = FIELDS.field(column).type == WORDS
    made = _shared(found) if shared else found
    if pc.min(pc.binary_length(made.dictionary if shared else made)).as_py() == 0:
        raise _OddError
    return made


def _texts(raws: Sequence[msgspec.Raw]) -> pa.Array:
    """Make a column of JSON out of its bytes, without a copy of each; `null` is null."""
    if raws.count(_NULL) == len(raws):
        return pa.nulls(len(raws), pa.string())
    data = b"".join(raws)
    lengths = np.fromiter(map(len, raws), np.int32, len(raws))
    offsets = np.zeros(len(raws) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    begins = np.frombuffer(data, np.uint8)[np.minimum(offsets[:-1], len(data) - 1)]
    there = (lengths != _NULL_BYTES) | (begins != ord("n"))
    bitmap = pa.py_buffer(np.packbits(there, bitorder="little").tobytes())
    return pa.StringArray.from_buffers(len(raws), pa.py_buffer(offsets), pa.py_buffer(data), bitmap)


def _shared(column: pa.Array) -> pa.DictionaryArray:
    return column.dictionary_encode()


def _repeated(words: Sequence[str], counts: Integers) -> pa.DictionaryArray:
    return _words(words, np.repeat(np.arange(len(words), dtype=np.int32), counts))


def _words(words: Sequence[str | None], which: Integers) -> pa.DictionaryArray:
    """Make a column of texts out of the text of each kind and which kind each row is; each text is kept once."""
    kinds = _shared(pa.array(words, pa.string()))
    return pa.DictionaryArray.from_arrays(kinds.indices.take(pa.array(which)), kinds.dictionary)


def _identities(said: pa.DictionaryArray, names: pa.DictionaryArray, more: pa.Array) -> tuple[list[Identity], Integers]:
    """Give each distinct identity, and which of them each row has, by what its `userIdentity` says."""
    texts = [*said.dictionary.to_pylist(), *([None] if said.null_count else [])]
    found: dict[Identity, int] = {}
    of_text = np.array([found.setdefault(_identity_of(text), len(found)) for text in texts], np.int32)
    who = of_text[said.indices.fill_null(len(texts) - 1).to_numpy()]
    signed_in: dict[tuple[str | None, str | None], int] = {}
    # Whether MFA backs a console sign-in stands outside of the identity.
    number = pc.index(names.dictionary, "ConsoleLogin").as_py()
    for row in np.flatnonzero(names.indices.fill_null(_NO_NAME).to_numpy() == number).tolist():
        key = said[row].as_py(), more[row].as_py()
        if key not in signed_in:
            fields = {"userIdentity": _value(key[0]), "additionalEventData": _value(key[1])}
            made = identity_in({**fields, "eventName": "ConsoleLogin"})
            signed_in[key] = found.setdefault(made, len(found))
        who[row] = signed_in[key]
    return list(found), who


@lru_cache(maxsize=20_000)
def _identity_of(text: str | None) -> Identity:
    """Give the identity of a `userIdentity`; the same people and sessions are in one file after the other."""
    return identity_in({"userIdentity": _value(text)})


def _value(text: str | None) -> Any:
    try:
        return None if text is None else msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        # Such as a number too large for a double.
        raise _OddError from error


def _identity_columns(identities: Sequence[Identity], who: Integers) -> dict[str, pa.Array]:
    rows = [identity_row(identity) for identity in identities]
    columns: dict[str, pa.Array] = {}
    for field in IDENTITY:
        each = [row[field.name] for row in rows]
        columns[field.name] = _words(each, who) if field.type == WORDS else pa.array(each, field.type).take(who)
    return columns


def _outcomes(columns: dict[str, pa.Array], answers: pa.Array) -> pa.DictionaryArray:
    """Tell the outcome by the error code, and of sign-ins, which have none, by what they say."""
    codes = columns["error_code"]
    words = [str(outcome_in({}, code, None)) for code in [*codes.dictionary.to_pylist(), None]]
    which = codes.indices.fill_null(len(words) - 1).to_numpy().astype(np.int32)
    said = pc.match_substring(answers, '"ConsoleLogin"').fill_null(fill_value=False)
    failed = pc.equal(columns["error_message"], "Failed authentication").fill_null(fill_value=False)
    for row in np.flatnonzero(pc.and_(codes.is_null(), pc.or_(failed, said)).to_numpy(zero_copy_only=False)):
        answer, message = answers[row].as_py(), columns["error_message"][row].as_py()
        said_so = {"responseElements": _value(answer)}
        words.append(str(outcome_in(said_so, None, message)))
        which[row] = len(words) - 1
    return _words(words, which)


def _rest(fields: Mapping[str, pa.Array]) -> pa.Array:
    """Write what a record says in fields that have no column."""
    length = len(fields["eventID"])
    rows: dict[int, list[str]] = {}
    for field in _BEYOND:
        texts = fields[field]
        if texts.null_count < length:
            there = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
            for row, text in zip(there.tolist(), texts.drop_null().to_pylist(), strict=True):
                rows.setdefault(row, []).append(f'"{field}":{text}')
    if not rows:
        return pa.nulls(length, pa.string())
    found: list[str | None] = [None] * length
    for row, written in rows.items():
        found[row] = "{" + ",".join(written) + "}"
    return pa.array(found, pa.string())
