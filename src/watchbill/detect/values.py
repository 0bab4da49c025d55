"""What is learnt of an event, kind by kind: of one event, or of a whole batch at once.

Both give the same. In bulk a value is made once for what is written alike, not for each row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from watchbill.detect.days import Ints
from watchbill.detect.devices import device_of
from watchbill.detect.networks import Networks
from watchbill.detect.resources import SENSITIVE, resource_of, resource_of_text
from watchbill.trail.model import Attributed
from watchbill.trail.table import milliseconds


class Kind(StrEnum):
    """What is learnt of people."""

    NETWORK = "network"
    DEVICE = "device"
    ACTION = "action"
    ACCOUNT = "account"
    RESOURCE = "resource"
    HOUR = "hour"


KINDS = tuple(Kind)

_QUARTER = 900_000
"""Milliseconds of a quarter of an hour, by which every zone of today is set."""
_SLOT_HOURS = 4
_SATURDAY = 5


def hour_of(time_ms: int, zone: str) -> str:
    """Give the part of the week an instant lies in by a zone's clock: `weekday 08-12`, `weekend 20-24`.

    Coarse, for somebody is no stranger who works on a Tuesday for the first time, or starts at seven.
    """
    quarter = time_ms // _QUARTER
    try:
        at = (_EPOCH + quarter * timedelta(milliseconds=_QUARTER)).astimezone(ZoneInfo(zone))
    except OverflowError:
        # In the first or the last hours of the calendar, where another zone's clock has left it.
        at = _EPOCH
    first = at.hour // _SLOT_HOURS * _SLOT_HOURS
    return f"{'weekend' if at.weekday() >= _SATURDAY else 'weekday'} {first:02}-{first + _SLOT_HOURS:02}"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def value_of(kind: Kind, attributed: Attributed, networks: Networks, zone: str) -> str | None:
    """Give the value of a kind that an event has."""
    event = attributed.event
    match kind:
        case Kind.NETWORK:
            return networks.network(event.ip)
        case Kind.DEVICE:
            return device_of(event.user_agent)
        case Kind.ACTION:
            return f"{event.source}:{event.name}" if event.source and event.name else None
        case Kind.ACCOUNT:
            return event.account or None
        case Kind.RESOURCE:
            # Only what people do is looked into: workloads read a thousand objects for one of theirs.
            if attributed.actor.person is None:
                return None
            return resource_of(event.source, event.account, event.record.get("requestParameters"))
        case Kind.HOUR:
            return hour_of(milliseconds(event.at), zone)


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one kind that a batch has: a code for each row, and what the codes stand for."""

    codes: Ints
    """Rows with the same code have the same value; from 0."""
    words: Sequence[str | None]
    """The value of each code; None where there is none."""
    raw: Sequence[str | None]
    """What stands in the batch for each code."""


def values_of(kind: Kind, batch: pa.RecordBatch, networks: Networks, zones: Sequence[str], who: Ints) -> Values:
    """Find the values of a kind in a batch; `who` says for each row whose zone is its own."""
    match kind:
        case Kind.NETWORK:
            return _mapped(batch.column("ip"), networks.network)
        case Kind.DEVICE:
            return _mapped(batch.column("user_agent"), device_of)
        case Kind.ACCOUNT:
            return _mapped(batch.column("account"), lambda account: account or None)
        case Kind.ACTION:
            return _actions(batch)
        case Kind.RESOURCE:
            return _resources(batch)
        case Kind.HOUR:
            return _hours(batch, zones, who)


def _mapped(column: pa.Array, meant: Callable[[str | None], str | None]) -> Values:
    words, codes = words_of(column)
    words = [*words, None]
    codes = np.where(codes < 0, len(words) - 1, codes)
    return Values(codes, [meant(word) for word in words], words)


def _actions(batch: pa.RecordBatch) -> Values:
    sources, of_source = words_of(batch.column("source"))
    names, of_name = words_of(batch.column("name"))
    used, codes = distinct(of_source + 1, of_name + 1)
    values: list[str | None] = []
    for row in used:
        source = sources[of_source[row]] if of_source[row] >= 0 else None
        name = names[of_name[row]] if of_name[row] >= 0 else None
        values.append(f"{source}:{name}" if source and name else None)
    return Values(codes, values, values)


def _resources(batch: pa.RecordBatch) -> Values:
    sources, of_source = words_of(batch.column("source"))
    of_source = np.where(np.asarray(batch.column("person").is_valid()), of_source, -1)
    accounts, of_account = words_of(batch.column("account"))
    of_account = np.where(of_account < 0, len(accounts), of_account)
    accounts = [*accounts, ""]
    sensitive = np.array([*(source in SENSITIVE for source in sources), False])[of_source]
    rows = np.flatnonzero(sensitive)
    texts, of_text = words_of(written_out(batch.column("request_parameters")).take(pa.array(rows)))
    text = np.full(len(batch), len(texts), np.int64)
    text[rows] = np.where(of_text < 0, len(texts), of_text)
    used, codes = distinct(of_source + 1, np.where(sensitive, of_account, 0), text)
    values: list[str | None] = []
    for row in used:
        source = sources[of_source[row]] if of_source[row] >= 0 else ""
        said = texts[text[row]] if text[row] < len(texts) else None
        values.append(resource_of_text(source, accounts[of_account[row]], said))
    return Values(codes, values, values)


def _hours(batch: pa.RecordBatch, zones: Sequence[str], who: Ints) -> Values:
    quarters = whole(batch.column("time_ms")) // _QUARTER
    numbers = {zone: number for number, zone in enumerate(dict.fromkeys(zones))}
    of_zone = np.array([numbers[zone] for zone in zones], np.int64)[who]
    used, codes = distinct(of_zone, quarters)
    pairs = zip(quarters[used].tolist(), who[used].tolist(), strict=True)
    values = [hour_of(quarter * _QUARTER, zones[person]) for quarter, person in pairs]
    return Values(codes, values, values)


def written_out(column: pa.Array) -> pa.Array:
    """Write shared words out."""
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def whole(column: pa.Array) -> Ints:
    """Give a column of whole numbers as such."""
    return column.cast(pa.int64()).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def words_of(column: pa.Array) -> tuple[list[Any], Ints]:
    """Give the distinct words that a column has, and for each row which it is: -1 where it is null."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    codes: Ints = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    # A slice of a column has the words of the whole of it.
    used = np.flatnonzero(np.bincount(codes + 1, minlength=len(column.dictionary) + 1)[1:])
    words = column.dictionary.take(pa.array(used)).to_pylist()
    places = np.full(len(column.dictionary) + 1, -1, np.int64)
    places[used] = np.arange(len(used))
    places[used[[word is None for word in words]]] = -1
    return words, places[codes]


_DENSE = 2**22
"""Combinations that are told apart by a place for each of them; more are sorted."""


def distinct(*codes: Ints) -> tuple[Ints, Ints]:
    """Find the distinct combinations of rows: for each a row that has it, and for each row which it has."""
    packed, size = np.zeros(len(codes[0]), np.int64), 1
    for each in codes:
        numbers, most = _numbered(each)
        if size * most > _DENSE:
            # So that the numbers stay small however many columns there are.
            packed, size = _numbered(packed)
        packed, size = packed * most + numbers, size * most
    numbers, many = _numbered(packed)
    first = np.zeros(many, np.int64)
    first[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)
    return first, numbers


def _numbered(values: Ints) -> tuple[Ints, int]:
    """Give equal values the same number, from 0, in their order, and how many there are."""
    if not len(values):
        return values, 0
    least, most = int(values.min()), int(values.max())
    if most - least >= _DENSE:
        found, numbers = np.unique(values, return_inverse=True)
        return numbers.astype(np.int64), len(found)
    places = np.zeros(most - least + 1, np.int64)
    places[values - least] = 1
    numbers = np.cumsum(places) - 1
    return numbers[values - least], int(numbers[-1]) + 1
