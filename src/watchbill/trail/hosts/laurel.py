"""Read what laurel writes: the events of the Linux audit system, joined already, an object of JSON a line.

`{"ID": "1626611363.720:348501", "NODE": "web1", "SYSCALL": {...}, "EXECVE": {"ARGV": [...]}, "PATH": [{...}], ...}`:
each type of record is an object, or a list of them. Bytes that are no printable ASCII, `%` and `+` are percent-encoded.
What is read is brought into the words that auditd's own records have here, so that rules need not know which it was.
Source: laurel's "JSON-based log format".
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from watchbill.trail.hosts.auditd import instant, interpret, read_event
from watchbill.trail.hosts.events import EventMaker
from watchbill.trail.hosts.gather import LONGEST_LINE, Gathered
from watchbill.trail.hosts.journald import decode_object


_ID: Final = re.compile(r"(\d{1,12}\.\d{3}):(\d{1,20})\Z", re.ASCII)
_AROUND: Final = frozenset({"ID", "NODE"})
"""Keys of an event that are no type of record."""


def looks_like_laurel(line: str) -> bool:
    """Tell whether a line is an event as laurel writes it."""
    return line.startswith("{") and '"ID":' in line.replace(" ", "") and _id(decode_object(line) or {}) is not None


def read_laurel(lines: Sequence[str], gathered: Gathered, host: str | None) -> None:
    """Read the lines of one file. `host` is whose they are where an event names no node."""
    maker = EventMaker(gathered.file)
    for index, line in enumerate(lines):
        if line:
            _read(index, line, gathered, host, maker)


def _read(index: int, line: str, gathered: Gathered, host: str | None, maker: EventMaker) -> None:
    if len(line) > LONGEST_LINE:
        gathered.cannot_read(index + 1, f"longer than {LONGEST_LINE} characters")
        return
    found = decode_object(line)
    if found is None:
        gathered.cannot_read(index + 1, "no JSON object")
        return
    stamp = _id(found)
    at = None if stamp is None else instant(stamp[1])
    if stamp is None or at is None:
        gathered.cannot_read(index + 1, "no event of laurel: `ID` is no time and serial")
        return
    records = [(kind, fields) for key, value in found.items() for kind, fields in _records(key, value)]
    said = read_event(records)
    record = {**said.fields, "serial": stamp[2], "raw": line}
    node = found.get("NODE")
    where = node if isinstance(node, str) and node else host or ""
    gathered.events.append(maker.make(where, at, f"{stamp[1]}:{stamp[2]}", line, said, record, index))


def _id(found: dict[str, Any]) -> "re.Match[str] | None":
    value = found.get("ID")
    return _ID.match(value) if isinstance(value, str) else None


def _records(kind: str, value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the records that stand under one key. Keys that laurel adds, such as `PARENT_INFO`, are kept alike."""
    if kind in _AROUND:
        return
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield kind, _fields(kind, each)


def _fields(kind: str, found: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in found.items():
        if name == "ARGV" and isinstance(value, list):
            words = [_word(each) for each in value]
            if kind == "PROCTITLE":
                fields["proctitle"] = " ".join(words)
            else:
                fields.update((f"a{number}", word) for number, word in enumerate(words))
        elif name == "ARGV_STR" and kind == "PROCTITLE":
            fields.setdefault("proctitle", _word(value))
        elif value is not None:
            fields[name] = _word(value) if isinstance(value, str | int | float) else value
    if isinstance(fields.get("arch"), str):
        fields["arch"] = fields["arch"].removeprefix("0x")
    interpret(kind, fields, "")
    return fields


def _word(value: object) -> str:
    """Give a value as auditd's own records have it: a text, its percent-encoding undone."""
    text = value if isinstance(value, str) else str(value)
    if "%" not in text:
        return text
    return unquote_to_bytes(text).decode("utf-8", "backslashreplace")
