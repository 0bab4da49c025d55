"""What CloudWatch Logs and CloudTrail Lake put around records.

The forms, by their documentation:

- A subscription of CloudWatch Logs delivers `{"messageType": "DATA_MESSAGE", "owner": ..., "logGroup": ...,
  "logEvents": [{"id", "timestamp", "message"}, ...]}`, compressed, many of these one after another where Firehose wrote
  them. A `CONTROL_MESSAGE` only asks whether the destination is there, and holds nothing (CloudWatch Logs User Guide,
  "Real-time processing of log data with subscriptions", "Subscription filters"). What was logged is `message`.
- `aws logs filter-log-events` and `get-log-events` print `{"events": [{"timestamp", "message", "ingestionTime"}, ...]}`
  (CloudWatch Logs API Reference, "FilterLogEvents", "GetLogEvents").
- `aws cloudtrail get-query-results` prints `{"QueryResultRows": [[{"eventJson": "..."}], ...]}`, each row a list of
  columns (CloudTrail API Reference, "GetQueryResults"); `eventJson` has the whole record. A row without it is no
  record: what its columns say is no JSON.
- Results of a query of CloudTrail Lake that were saved to S3 are CSV, compressed, with a line of names first
  (CloudTrail User Guide, "Download your CloudTrail Lake saved query results"). Beside them lies a file that signs them.

An envelope that is broken gives what is whole in it; a line of CSV that is broken costs itself.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from watchbill.trail.brackets import elements


_KEYS = ("logEvents", "events", "QueryResultRows")
"""Under which key an envelope lists what is in it."""

_NAMED = re.compile(rb'"(?:logEvents|events|QueryResultRows)"')
_TEXT = rb'"(?:[^"\\]|\\.)*"'
_FLAT = rb"(?:" + _TEXT + rb"|\[[^\[\]{}]*\]|\{[^\[\]{}]*\}|[\w.+-]+)"
_BROKEN = re.compile(
    rb"\s*\{(?:\s*" + _TEXT + rb"\s*:\s*" + _FLAT + rb'\s*,)*\s*"(logEvents|events|QueryResultRows)"\s*:\s*\[',
    re.DOTALL,
)
"""How an envelope begins that no JSON reader takes."""

_EVENT_JSON = "eventjson"
_HEADER = 8192
"""Bytes in which the line of names of a CSV file ends."""
_FIELD = re.compile(r'(?:^|,)(?:"([^"]*(?:""[^"]*)*)"|([^,"]*))(?=,|$)')

_ENVELOPE = msgspec.json.Decoder(
    msgspec.defstruct(
        "Envelope",
        [(name, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for name in (*_KEYS, "eventID", "messageType")],
    )
)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_MESSAGE = msgspec.json.Decoder(msgspec.defstruct("Message", [("message", str), ("timestamp", msgspec.Raw)]))


@dataclass(frozen=True, slots=True)
class Opened:
    """What is in an envelope."""

    raws: list[bytes]
    whole: bool = True


def may_be(head: bytes) -> bool:
    """Tell whether a document that begins so may be an envelope."""
    return head.lstrip()[:1] == b"{" and _NAMED.search(head) is not None


def opened(raw: bytes) -> Opened | None:
    """Give what is in an envelope; None where it is none."""
    if _NAMED.search(raw) is None:
        return None
    try:
        envelope: Any = _ENVELOPE.decode(raw)
        lists = [(name, _ARRAY.decode(getattr(envelope, name))) for name in _KEYS if _is_set(getattr(envelope, name))]
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _broken(raw)
    if len(lists) != 1 or _is_set(envelope.eventID):
        return None
    ((name, found),) = lists
    raws = [bytes(each) for each in found]
    if name == "events" and not any(map(_is_message, raws)):
        return None
    control = _is_set(envelope.messageType) and bytes(envelope.messageType) == b'"CONTROL_MESSAGE"'
    return Opened([] if control else raws)


def _is_set(value: object) -> bool:
    return value is not msgspec.UNSET


def _broken(raw: bytes) -> Opened | None:
    """Give what is whole in an envelope that breaks off, or has something broken in it."""
    begun = _BROKEN.match(raw)
    if begun is None:
        return None
    found, _, _ = elements(raw, begun.end())
    return None if begun[1] == b"events" and not any(map(_is_message, found)) else Opened(found, whole=False)


def _is_message(raw: bytes) -> bool:
    try:
        _MESSAGE.decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def inside(found: object) -> str | None:
    """Give the text of the record in what was logged or in a row of a query; None where there is none."""
    if isinstance(found, list):
        columns = (column for column in found if isinstance(column, dict))
        return next((text for column in columns if isinstance(text := column.get("eventJson"), str)), None)
    if not isinstance(found, dict):
        return None
    text = found.get("eventJson")
    if text is None and "eventID" not in found and "timestamp" in found:
        text = found.get("message")
    return text if isinstance(text, str) else None


def rows_of(text: bytes) -> list[tuple[int | None, bytes]] | None:
    """Give the records of results of a query that are CSV, each with its line; None where they are none.

    A line that has no such column is given as it stands: it is no record, and said to be none.
    """
    first, end, _ = text[:_HEADER].partition(b"\n")
    if not end or first.lstrip()[:1] in (b"{", b"["):
        return None
    names = [name.strip().lower() for name in _fields(first.decode("utf-8", "replace").rstrip("\r")) or ()]
    if _EVENT_JSON not in names:
        return None
    column = names.index(_EVENT_JSON)
    lines = enumerate(text.split(b"\n"), start=1)
    return [(number, _row(line, column, len(names))) for number, line in lines if number > 1 and line.strip()]


def _row(line: bytes, column: int, columns: int) -> bytes:
    # Bytes that are no UTF-8 stay what they are: what is a record is said where it is decoded.
    fields = _fields(line.decode("utf-8", "surrogateescape").rstrip("\r"))
    if fields is None or len(fields) != columns:
        return line
    return fields[column].encode("utf-8", "surrogateescape")


def _fields(line: str) -> list[str] | None:
    """Give the fields of a line of CSV; None where its quotes do not pair."""
    found, position = list[str](), 0
    for match in _FIELD.finditer(line):
        if match.start() != position:
            return None
        found.append(match[2] if match[1] is None else match[1].replace('""', '"'))
        position = match.end()
    return found if position == len(line) else None


def logged(raws: Sequence[bytes]) -> Iterator[str]:
    """Give what was logged, a line each, of the elements of an envelope; what is none is an empty line."""
    for raw in raws:
        try:
            message: Any = _MESSAGE.decode(raw)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield "(no event of CloudWatch Logs)"
            continue
        yield " ".join(message.message.splitlines())
