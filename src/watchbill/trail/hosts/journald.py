"""Read what `journalctl -o json` exports: an object a line, every value a text, a list of bytes, or a list of these.

A value that is no UTF-8 is a list of its bytes; a field that an entry has more than once is a list of its values, of
which the first is read; a value that was too large for the export is null. The time is the journal's own,
`__REALTIME_TIMESTAMP`, in microseconds since 1970: year and zone are no question here.

Where no auditd runs, journald takes the records of the audit system itself (`_TRANSPORT` is `audit`, the record without
its time and serial is the message): they are joined and read as auditd's own are.

Anybody may write an entry that calls itself sshd. journald adds which program wrote it (`_COMM`), and where that is not
the program it calls itself, the event is `Disputed`.

Source: systemd, "Journal JSON Format" and `systemd.journal-fields(7)`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from watchbill.trail.hosts.auditd import Groups, join
from watchbill.trail.hosts.events import EventMaker
from watchbill.trail.hosts.gather import LONGEST_LINE, Gathered
from watchbill.trail.hosts.messages import read_message
from watchbill.trail.hosts.model import CATEGORY, HostAction, Said


_TIME: Final = "__REALTIME_TIMESTAMP"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ANY: Final = msgspec.json.Decoder()
_DIGITS: Final = 18
"""Digits that a time may have; today's have 16."""

_WRITTEN_BY: Final = {"sshd": "sshd", "sshd-session": "sshd", "sshd-auth": "sshd", "sudo": "sudo", "su": "su"}
"""By what an entry calls itself, how the name of the program that wrote it begins."""

_KEPT: Final = {
    "_PID": "pid",
    "_UID": "uid",
    "_COMM": "comm",
    "_EXE": "exe",
    "_AUDIT_LOGINUID": "auid",
    "_AUDIT_SESSION": "ses",
    "_SYSTEMD_UNIT": "unit",
    "_BOOT_ID": "boot",
    "__CURSOR": "cursor",
}
"""Fields of an entry that are kept, under the names that other forms have for them."""

_UNSET: Final = frozenset({"4294967295", "-1", ""})


def looks_like_journald(line: str) -> bool:
    """Tell whether a line is an entry of a journal."""
    return line.startswith("{") and f'"{_TIME}"' in line


def read_journald(lines: Sequence[str], gathered: Gathered, host: str | None) -> None:
    """Read the lines of one file. `host` is whose they are where an entry has no `_HOSTNAME`."""
    maker = EventMaker(gathered.file)
    records: Groups = {}
    for index, line in enumerate(lines):
        if line:
            _read(index, line, gathered, host, maker, records)
    join(records, gathered, maker, {index: lines[index] for group in records.values() for index, *_ in group})


def _read(index: int, line: str, gathered: Gathered, host: str | None, maker: EventMaker, records: Groups) -> None:
    if len(line) > LONGEST_LINE:
        gathered.cannot_read(index + 1, f"longer than {LONGEST_LINE} characters")
        return
    entry = decode_object(line)
    if entry is None:
        gathered.cannot_read(index + 1, "no JSON object")
        return
    at = _instant(entry.get(_TIME))
    if at is None:
        gathered.cannot_read(index + 1, f"no time in `{_TIME}`")
        return
    program = _text(entry.get("SYSLOG_IDENTIFIER")) or _text(entry.get("_COMM")) or ""
    message = _text(entry.get("MESSAGE"))
    if message is None:
        gathered.cannot_read(index + 1, "an entry without a message, or one too large for the export (try `--all`)")
        return
    where = _text(entry.get("_HOSTNAME")) or host or ""
    if entry.get("_TRANSPORT") == "audit" and (name := _name_of(entry, at)) is not None:
        kind, _, body = message.partition(" ")
        text = f"type={kind} msg=audit({name}): {body}"
        records.setdefault((where, name), []).append((index, kind, body.lstrip(" "), text))
        return
    said = read_message(program, message)
    if said is None:
        gathered.not_audited[program] += 1
        return
    said = _disputed(said, program, _text(entry.get("_COMM")))
    record = {**said.fields, "eventCategory": CATEGORY, "program": program, "raw": line}
    _keep(record, entry)
    stamp = f"{at:%Y-%m-%dT%H:%M:%S.%f}"
    gathered.events.append(maker.make(where, at, stamp, f"{program} {message}", said, record, index))


def _name_of(entry: dict[str, Any], at: datetime) -> str | None:
    """Give time and serial of a record of the audit system, as auditd writes them; None where it has no serial."""
    serial = _text(entry.get("_AUDIT_ID"))
    if serial is None or not (serial.isascii() and serial.isdecimal()) or len(serial) > _DIGITS:
        return None
    since = (_instant(entry.get("_SOURCE_REALTIME_TIMESTAMP")) or at) - _EPOCH
    return f"{since // timedelta(seconds=1)}.{since // timedelta(milliseconds=1) % 1000:03}:{serial}"


def _disputed(said: Said, program: str, wrote: str | None) -> Said:
    """Give what an entry says; where another program wrote it than it says, that alone."""
    if wrote is None or program not in _WRITTEN_BY or wrote.startswith(_WRITTEN_BY[program]):
        return said
    why = f"it calls itself {program}, and {wrote} wrote it"
    return Said(said.source, HostAction.DISPUTED, None, {"said": dict(said.fields)}, None, said.outcome, why)


def _keep(record: dict[str, Any], entry: dict[str, Any]) -> None:
    """Keep what journald itself knows of an entry."""
    for field, name in _KEPT.items():
        value = _text(entry.get(field))
        if value is not None:
            record.setdefault(name, value)
    for name in ("auid", "ses"):
        if record.get(name) in _UNSET:
            record[name] = None


def decode_object(line: str) -> dict[str, Any] | None:
    """Decode an object of JSON; None where it is none."""
    try:
        found = _ANY.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _text(value: object) -> str | None:
    """Read a value: a text, its bytes, or the first of several."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        return None
    if all(type(byte) is int and 0 <= byte <= 255 for byte in value):  # noqa: PLR2004 - a byte
        return bytes(value).decode("utf-8", "backslashreplace")
    first = value[0]
    return _text(first) if isinstance(first, str) or _is_bytes(first) else None


def _is_bytes(value: object) -> bool:
    return isinstance(value, list) and all(type(byte) is int for byte in value)


def _instant(value: object) -> datetime | None:
    text = _text(value)
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > _DIGITS:
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(text))
    except OverflowError:
        return None
