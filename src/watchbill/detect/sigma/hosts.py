"""Events of hosts as rules for Linux see them.

A rule for auditd is asked of each record of an event by itself, as if it were a line of `audit.log`, with the fields of
that line: `type`, `a0`, `exe`, `key`, `name`, ... Any other rule for Linux is asked of the whole event, whose lines as
they were stand in `raw`; so a keyword is looked for in what the host wrote. It also has `eventSource` (the program),
`eventName` (a `HostAction`), `eventTime`, `eventID`, `sourceIPAddress` and `host`.

What differs from the line: hexadecimal values are decoded; `syscall` is a name where it is known, and `SYSCALL`, which
auditd only adds where it is set up to, is there too; several keys of a record are a list; `auid` and `ses` that were
never set are both `unset` and 4294967295; `arch` and `exit` are words (`x86_64`, `EPERM`).

A rule of category `process_creation` is asked of what auditd saw executed, with `Image`, `CommandLine`,
`CurrentDirectory`, `ProcessId`, `ParentProcessId` and `User`; the image of the parent is not known.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from watchbill.detect.sigma.model import Records, Rule
from watchbill.detect.sigma.tree import Predicate, Record, Search, allowed, predicate_of
from watchbill.detect.sigma.values import Path
from watchbill.trail.model import Event
from watchbill.trail.table import SCHEMA, milliseconds, record_of


AUDITD: Final = "auditd"
_NOTHING: Final[Mapping[str, Any]] = dict.fromkeys(SCHEMA.names)
_TYPE: Final[Path] = ("type",)
_UNSET: Final = ["unset", "4294967295"]
_SUCCESS: Final = {"success": "yes", "fail": "no"}

PROGRAMS: Final[Mapping[str, frozenset[str]]] = {
    AUDITD: frozenset({AUDITD}),
    "sshd": frozenset({"sshd", "sshd-session", "sshd-auth"}),
    "sudo": frozenset({"sudo"}),
    "su": frozenset({"su"}),
    "cron": frozenset({"cron", "crond", "crontab", "anacron"}),
}
"""Sources of events, or programs of their lines, by the `service` of a rule; another service is its own."""

EVERY_LINE: Final = frozenset({"auth", "authpriv", "syslog", "messages", "secure", "journald"})
"""Services that are files into which many programs write: all that is not auditd's."""


def host_record(record: Record, row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the record of an event of a host with what the table says of it, under CloudTrail's names, and its `host`.

    What the record itself says counts before that.
    """
    said = {
        "eventSource": row["source"],
        "eventName": row["name"],
        "eventTime": record_of({**_NOTHING, "time_ms": row["time_ms"]})["eventTime"],
        "eventID": row["id"],
        "sourceIPAddress": row["ip"],
        "host": row["host"],
    }
    return {**{field: value for field, value in said.items() if value is not None}, **record}


def event_record(event: Event) -> dict[str, Any]:
    """Give the same of an event that was read by itself."""
    row = {
        "source": event.source,
        "name": str(event.name),
        "time_ms": milliseconds(event.at),
        "id": event.id,
        "ip": event.ip,
        "host": event.host,
    }
    return host_record({field: value for field, value in event.record.items() if field != "wb"}, row)


def audit_records(record: Record) -> list[Record]:
    """Give the records of an auditd event, each with the fields of its line."""
    derived = {"wb": record["wb"]} if "wb" in record else {}
    listed = record.get("records")
    if not isinstance(listed, list):
        return []
    return [{**_line(each), **derived} for each in listed if isinstance(each, Mapping)]


def _line(fields: Mapping[str, Any]) -> dict[str, Any]:
    line = dict(fields)
    call = line.get("syscall")
    if isinstance(call, str) and not call.isdecimal():
        line.setdefault("SYSCALL", call)
    if isinstance(key := line.get("key"), str) and "\x01" in key:
        line["key"] = key.split("\x01")
    for name in ("auid", "ses"):
        if line.get(name) == _UNSET[0]:
            line[name] = _UNSET
    if (result := line.get("result")) in _SUCCESS:
        line["success"], line["res"] = _SUCCESS[result], result
    return line


def executed(record: Record) -> list[Record]:
    """Give what auditd saw executed, under the names of `process_creation`; nothing for any other event."""
    arguments = record.get("arguments")
    if not isinstance(arguments, list):
        return []
    found = {
        "Image": record.get("exe"),
        "CommandLine": " ".join(str(each) for each in arguments),
        "CurrentDirectory": record.get("cwd"),
        "ProcessId": record.get("pid"),
        "ParentProcessId": record.get("ppid"),
        "User": record.get("auid"),
    }
    if "wb" in record:
        found["wb"] = record["wb"]
    return [found]


def on_views(views: "Views", predicate: Predicate) -> Predicate:
    """Ask of each view of a record."""
    return lambda record: any(predicate(view) for view in views(record))


class Views:
    """Which views of a record a rule is asked of. Picklable, and equal for all rules of one kind."""

    def __init__(self, kind: str) -> None:
        """Take `records`, `executed` or `whole`."""
        self.kind = kind

    def __call__(self, record: Record) -> Sequence[Record]:
        """Give the views of a record."""
        if self.kind == "records":
            return audit_records(record)
        return executed(record) if self.kind == "executed" else [record]


def is_for(rule: Rule, source: str | None, record: Record) -> bool:
    """Tell whether a rule for hosts is for an event of a source."""
    if rule.programs is None:
        return True
    program = record.get("program")
    named = {(source or "").lower(), program.lower() if isinstance(program, str) else ""}
    if rule.programs is EVERY_LINE:
        return AUDITD not in named
    return not rule.programs.isdisjoint(named)


class HostMatcher:
    """Asks rules for hosts of events, one at a time, each only where it can match."""

    def __init__(self, rules: Sequence[tuple[int, Rule]]) -> None:
        """Take rules with their numbers; those for other records are passed over."""
        self._whole: list[tuple[int, Rule, Predicate]] = []
        search = Search()
        self._any_type: list[tuple[int, Predicate]] = []
        self._by_type: dict[str, list[tuple[int, Predicate]]] = {}
        for number, rule in rules:
            if rule.records is not Records.HOST:
                continue
            if not rule.by_record:
                asked = rule.matches if rule.by_process else predicate_of(rule.condition, search)
                self._whole.append((number, rule, asked))
                continue
            types, predicate = allowed(rule.condition, _TYPE), predicate_of(rule.condition)
            if types is None:
                self._any_type.append((number, predicate))
            for each in types or ():
                self._by_type.setdefault(each, []).append((number, predicate))

    def __bool__(self) -> bool:
        return bool(self._whole or self._any_type or self._by_type)

    def match(self, source: str | None, record: Record) -> list[int]:
        """Give the numbers of the rules that match, in order."""
        found = [number for number, rule, asked in self._whole if is_for(rule, source, record) and asked(record)]
        if source == AUDITD:
            found += self._in_records(record)
        return sorted(found)

    def _in_records(self, record: Record) -> set[int]:
        found: set[int] = set()
        for line in audit_records(record):
            candidates = [*self._by_type.get(str(line.get("type", "")).lower(), ()), *self._any_type]
            found.update(number for number, predicate in candidates if number not in found and predicate(line))
        return found
