"""Read the records of the Linux audit system, and join those of one event.

A record is `node=... type=SYSCALL msg=audit(1481077231.371:479): ...`; those of one event share node, time and serial.
They are joined over the whole file, however they lie in it; an event that a rotation cut gives two events of one
serial, each with its own records. Of a record that user space wrote, what stands inside `msg='...'` is that program's
word, and what stands before it is the kernel's: the kernel's wins.

What is read of the values, as the audit system's own field dictionary has it: unquoted values of some fields are
hexadecimal; `?`, `(null)` and nothing are unknown and left out; 4294967295 and -1 are an `auid` or `ses` that was never
set; behind the byte 0x1d stand, in upper case, the names that auditd found for the numbers (`ENRICHED`). `auid` is who
logged in: it is set once and survives sudo and su.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final

from watchbill.trail.hosts.events import EventMaker
from watchbill.trail.hosts.gather import LONGEST_LINE, Gathered
from watchbill.trail.hosts.kernel import ARCHITECTURES, ERRORS, SIGNALS, SYSTEM_CALLS
from watchbill.trail.hosts.model import CATEGORY, HostAction, Said
from watchbill.trail.model import Outcome


SOURCE: Final = "auditd"

_HEAD: Final = re.compile(
    r"(?:node=(\S+) )?type=(\S+) msg=audit\((\d{1,12}\.\d{3}:\d{1,20})\):? *(.*)\Z", re.DOTALL | re.ASCII
)
"""Node, type, time and serial, and what the record says."""

_FIELD: Final = re.compile(r"""(?<![\w-])([\w-]++)=("[^"]*"|[^\s"']*)""", re.ASCII)
_ARGUMENT: Final = re.compile(r"""(?<!\w)a(\d{1,7})(?:\[(\d{1,7})\])?=("[^"]*"|[^\s"']+)""", re.ASCII)
_ARGC: Final = re.compile(r"argc=(\d{1,7})", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9A-F]{2})+\Z")
_DECISION: Final = re.compile(r"avc: {1,4}(\w{1,20}) {1,4}\{ ([^{}]{0,400}?) ?\}")
_LOST_MARK: Final = re.compile(r"(?<=\)|\")(?=ARCH=|(?:A|E|FS|O|S)?[UG]ID=)")
"""Where the byte 0x1d stood before something took it out."""

_UNSET: Final = frozenset({"4294967295", "-1", "unset"})
_UNKNOWN: Final = frozenset({"", "?", "(null)", '""', '"?"'})
_SESSION_IDS: Final = ("auid", "ses", "old-auid", "old_auid", "new_auid")
_ENCODED: Final = frozenset(
    {
        "acct",
        "cgroup",
        "cmd",
        "comm",
        "cwd",
        "data",
        "device",
        "dir",
        "exe",
        "file",
        "grp",
        "key",
        "name",
        "new-disk",
        "new_group",
        "ocomm",
        "old-disk",
        "path",
        "proctitle",
        "root_dir",
        "sw",
        "unit",
        "vm",
        "watch",
    }
)
"""Fields whose value is hexadecimal where it is not quoted."""

_RESULTS: Final = {"yes": "success", "1": "success", "success": "success", "no": "fail", "0": "fail", "failed": "fail"}
_FAMILIES: Final = {1: "unix", 2: "ipv4", 10: "ipv6", 16: "netlink"}
_REFUSED: Final = frozenset({"EACCES", "EPERM"})

_OF_EVENT: Final = (
    "pid",
    "ppid",
    "uid",
    "exe",
    "comm",
    "tty",
    "terminal",
    "op",
    "acct",
    "cwd",
    "syscall",
    "result",
)
"""Fields of the first record that are the event's."""

_EOE: Final = "EOE"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_Form = tuple["re.Pattern[str]", tuple[str, ...], tuple[str, ...]]
"""How records are written: a pattern, the names of its groups, and those of them that may be encoded."""

_FORMS: Final = 6
"""Forms of one type of record that are known by a pattern at once."""

_LONGEST_FORM: Final = 2000
"""Characters of a record that a pattern is made of."""

_BY_TYPE: Final = {
    "EXECVE": HostAction.PROGRAM_RUN,
    "LOGIN": HostAction.LOGIN_ID_SET,
    "USER_ACCT": HostAction.ACCOUNT_CHECKED,
    "CRED_ACQ": HostAction.CREDENTIALS_SET,
    "CRED_DISP": HostAction.CREDENTIALS_SET,
    "CRED_REFR": HostAction.CREDENTIALS_SET,
    "USER_START": HostAction.SESSION_OPENED,
    "USER_END": HostAction.SESSION_CLOSED,
    "USER_LOGOUT": HostAction.SESSION_CLOSED,
    "ADD_USER": HostAction.USER_ADDED,
    "DEL_USER": HostAction.USER_DELETED,
    "USER_MGMT": HostAction.USER_CHANGED,
    "ADD_GROUP": HostAction.GROUP_ADDED,
    "DEL_GROUP": HostAction.GROUP_DELETED,
    "GRP_MGMT": HostAction.GROUP_CHANGED,
    "ACCT_LOCK": HostAction.ACCOUNT_LOCKED,
    "SERVICE_START": HostAction.SERVICE_STARTED,
    "SERVICE_STOP": HostAction.SERVICE_STOPPED,
    "SYSTEM_BOOT": HostAction.HOST_STARTED,
    "CONFIG_CHANGE": HostAction.AUDIT_CHANGED,
    "DAEMON_START": HostAction.AUDIT_CHANGED,
    "DAEMON_END": HostAction.AUDIT_CHANGED,
    "DAEMON_CONFIG": HostAction.AUDIT_CHANGED,
    "DAEMON_ABORT": HostAction.AUDIT_CHANGED,
    "DAEMON_ROTATE": HostAction.AUDIT_CHANGED,
    "TTY": HostAction.KEYS_TYPED,
    "USER_TTY": HostAction.KEYS_TYPED,
    "SECCOMP": HostAction.ACCESS_REFUSED,
}
_BY_RESULT: Final = {
    "USER_LOGIN": (HostAction.LOGIN_ACCEPTED, HostAction.LOGIN_FAILED),
    "USER_AUTH": (HostAction.AUTHENTICATED, HostAction.AUTHENTICATION_FAILED),
    "USER_CMD": (HostAction.COMMAND_RUN, HostAction.COMMAND_REFUSED),
}
"""Types that have one name where the result is success, and another where it is not."""

_ABOUT_LOGIN: Final = frozenset({"USER_LOGIN", "USER_AUTH", "USER_ACCT", "USER_START", "CRED_ACQ", "USER_ERR"})
"""Types whose `acct` is who logs in as long as no `auid` is set."""


_Record = tuple[int, str, str, str]
"""Position in the file, type, what it says, and the whole line."""

Groups = dict[tuple[str, str], list[_Record]]
"""Records of one event each, by host and by time and serial, such as `1481077231.371:479`."""


def looks_like_auditd(line: str) -> bool:
    """Tell whether a line is a record as auditd writes it."""
    return _HEAD.match(line) is not None


def read_auditd(lines: Sequence[str], gathered: Gathered, host: str | None) -> None:
    """Read the lines of one file. `host` is whose they are where a record names no node."""
    numbered = ((index, line, host) for index, line in enumerate(lines) if line)
    read_records(numbered, gathered, EventMaker(gathered.file))


def read_records(records: Iterable[tuple[int, str, str | None]], gathered: Gathered, maker: EventMaker) -> None:
    """Join records to events; each comes with its position in the file, and the host where it names no node."""
    groups: Groups = {}
    for index, line, host in records:
        head = None if len(line) > LONGEST_LINE else _HEAD.match(line)
        if head is None:
            long = f"longer than {LONGEST_LINE} characters"
            gathered.cannot_read(index + 1, long if len(line) > LONGEST_LINE else "no record of auditd")
            continue
        node, kind, name, body = head.groups()
        key = (node or host or "", name)
        group = groups.get(key)
        if group is None:
            groups[key] = [(index, kind, body, line)]
        else:
            group.append((index, kind, body, line))
    join(groups, gathered, maker)


def join(groups: Groups, gathered: Gathered, maker: EventMaker, raws: Mapping[int, str] | None = None) -> None:
    """Make an event of each group of records; `raws` are the lines in which they came, where they came in others."""
    read = FieldReader().read
    for (host, name), group in groups.items():
        stamp, _, serial = name.partition(":")
        at = instant(stamp)
        if at is None:
            for index, *_ in group:
                gathered.cannot_read(index + 1, f"no calendar has the time `{stamp}`")
            continue
        raw = text = group[0][3]
        if len(group) > 1:
            lines = list(dict.fromkeys(record[3] for record in group))
            raw, text = "\n".join(lines), "\n".join(sorted(lines))
        if raws is not None:
            raw = "\n".join(raws[record[0]] for record in group)
        said = read_event([(kind, read(kind, body)) for _, kind, body, _ in group if kind != _EOE])
        record = {**said.fields, "serial": serial, "raw": raw}
        gathered.events.append(maker.make(host, at, name, text, said, record, group[0][0]))


def instant(stamp: str) -> datetime | None:
    """Read `1481077231.371`, seconds and milliseconds since 1970; None where no calendar has it."""
    try:
        seconds, _, millis = stamp.partition(".")
        return _EPOCH + timedelta(0, int(seconds), 0, int(millis))
    except (ValueError, OverflowError):
        return None


class FieldReader:
    """Reads what `read_fields` reads of the records of one file, but sooner.

    Records of a type are written alike: the same names in the same order. A form that came often is made a pattern,
    which takes a record whole or not at all; what no pattern takes is read field by field.
    """

    def __init__(self, after: int = 30) -> None:
        """Learn a form from what came `after` so many records of its type that no pattern took."""
        self._after = after
        self.forms: dict[str, list[_Form]] = {}
        """What was learnt, by type."""
        self._strange: Counter[str] = Counter()

    def read(self, kind: str, body: str) -> dict[str, Any]:
        """Read what a record of a type says, decoded."""
        if kind == "EXECVE":
            return _execve(body)
        forms = self.forms.get(kind, ())
        for form in forms:
            fields = _by_form(form, kind, body)
            if fields is not None:
                return fields
        self._strange[kind] += 1
        if self._strange[kind] > self._after and len(forms) < _FORMS:
            self._strange[kind] = 0
            learnt = _form(kind, body)
            if learnt is not None:
                self.forms.setdefault(kind, []).append(learnt)
        return read_fields(kind, body)


def _by_form(form: _Form, kind: str, body: str) -> dict[str, Any] | None:
    """Read a record that is written in a form; None where it is not."""
    pattern, names, encoded = form
    match = pattern.match(body)
    if match is None:
        return None
    # Names and groups are as many as each other: it was tried when the form was learnt.
    fields: dict[str, Any] = dict(zip(names, match.groups()))  # noqa: B905
    for name in encoded:
        fields[name] = decoded(fields[name])
    interpret(kind, fields, body)
    return fields


def _form(kind: str, body: str) -> _Form | None:
    """Give the form of a record; None where it has anything but fields, each once, a space apart.

    No value that a form takes has in it what would make `read_fields` see more than a value: quotes, an equals sign, or
    a mark before the names that auditd found.
    """
    if len(body) > _LONGEST_FORM or kind.startswith("DAEMON_"):
        return None
    rest, mark, enriched = body.partition("\x1d")
    outer, quote, inner = rest.partition(" msg='")
    pattern = _Pattern()
    pattern.add(outer)
    if quote:
        pattern.text += quote
        pattern.add(inner.removesuffix("'"))
        pattern.text += "'"
    if mark:
        pattern.text += mark
        pattern.add(enriched, enriched=True)
    if len(set(pattern.all)) < len(pattern.all):
        return None
    form = re.compile(f"{pattern.text}\\Z", re.ASCII), tuple(pattern.names), tuple(pattern.encoded)
    return form if _by_form(form, kind, body) == read_fields(kind, body) else None


class _Pattern:
    """The pattern of records that are written like one."""

    def __init__(self) -> None:
        self.text = ""
        self.names: list[str] = []
        """Fields whose values are read, each a group of the pattern."""
        self.encoded: list[str] = []
        self.all: list[str] = []

    def add(self, part: str, *, enriched: bool = False) -> None:
        """Add fields, a space apart; `enriched` are names that auditd found, which are taken as they are."""
        for number, (name, value) in enumerate(_FIELD.findall(part)):
            self.all.append(name)
            self.text += f"{' ' if number else ''}{name}="
            if value in _UNKNOWN and not enriched:
                self.text += re.escape(value)
                continue
            self.names.append(name)
            self.text += _value(value)
            if name in _ENCODED and value[:1] != '"' and not enriched:
                self.encoded.append(name)


def _value(value: str) -> str:
    """Give the pattern of values like one, with a group around what of them counts."""
    if value[:1] == '"':
        return r'"((?!\?")[^"=#\x1d]+)"'
    if value[:1] in ("", "?", "("):
        return f"({re.escape(value)})"
    return r"""([^\s"'=#?(\x1d][^\s"'=#\x1d]*)"""


def read_fields(kind: str, body: str) -> dict[str, Any]:
    """Read what a record of a type says, decoded. Names that auditd found for numbers have keys in upper case."""
    if kind == "EXECVE":
        return _execve(body)
    outer, inner, names = _parts(kind, body)
    # Each by itself, so that no quote of a program reaches into what the kernel says.
    pairs = _FIELD.findall(inner) + _FIELD.findall(outer) if inner else _FIELD.findall(outer)
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if value in _UNKNOWN:
            fields.pop(name, None)
        elif value[:1] == '"':
            fields[name] = value[1:-1]
        elif name in _ENCODED:
            fields[name] = decoded(value)
        else:
            fields[name] = value
    if names:
        fields.update((name, value.strip('"')) for name, value in _FIELD.findall(names) if name.isupper())
    interpret(kind, fields, body)
    return fields


def _parts(kind: str, body: str) -> tuple[str, str, str]:
    """Give what the kernel said, what a program said inside `msg='...'`, and the names that auditd found."""
    names = ""
    if "\x1d" in body:
        body, _, names = body.partition("\x1d")
    elif "#035" in body:
        # How rsyslog writes the byte 0x1d.
        body, _, names = body.partition("#035")
    elif ("UID=" in body or "ARCH=" in body or "GID=" in body) and (mark := _LOST_MARK.search(body)) is not None:
        body, names = body[: mark.start()], body[mark.start() :]
    outer, _, inner = body.partition(" msg='")
    if "(hostname=" in inner:
        inner = inner.replace("(hostname=", "hostname=").replace(", ", " ").replace(")'", "'")
    if kind == "LOGIN":
        outer = outer.replace("old auid=", "old_auid=").replace("new auid=", "new_auid=")
        outer = outer.replace("old ses=", "old_ses=").replace("new ses=", "ses=")
    elif kind.startswith("DAEMON_"):
        outer = outer.replace(", ", " ")
    return outer, inner, names


def decoded(value: str) -> str:
    """Decode an unquoted value of an encoded field; one that is no hexadecimal is given as it stands."""
    if _HEX.match(value) is None:
        return value
    return bytes.fromhex(value).decode("utf-8", "backslashreplace")


def interpret(kind: str, fields: dict[str, Any], body: str) -> None:
    """Put words for numbers: who was never set, architecture, system call, error, result, address."""
    for name in _SESSION_IDS:
        if name in fields and fields[name] in _UNSET:
            fields[name] = "unset"
    result = fields.pop("res", None) or fields.pop("success", None)
    if result is not None:
        fields["result"] = _RESULTS.get(result, result)
    if kind == "SECCOMP" and "sig" in fields:
        fields["sig"] = SIGNALS.get(fields["sig"], fields["sig"])
    if "arch" in fields:
        arch = ARCHITECTURES.get(fields["arch"], fields["arch"])
        fields["arch"] = arch
        call = fields.get("syscall", "")
        fields["syscall"] = SYSTEM_CALLS.get(arch, {}).get(call, call)
        if fields.get("exit", "").startswith("-"):
            fields["exit"] = ERRORS.get(fields["exit"][1:], fields["exit"])
    elif kind == "SOCKADDR" and "saddr" in fields:
        _address(fields)
    elif kind == "PROCTITLE" and "proctitle" in fields:
        fields["proctitle"] = fields["proctitle"].rstrip("\0").replace("\0", " ")
    elif kind.endswith("AVC") and (decision := _DECISION.search(body)) is not None:
        fields["seresult"], fields["seperms"] = decision.group(1, 2)


def _address(fields: dict[str, Any]) -> None:
    """Read the `struct sockaddr` in `saddr`, of a little-endian machine, where its family is one we know."""
    saddr = fields["saddr"]
    raw = bytes.fromhex(saddr) if _HEX.match(saddr) else b""
    if len(raw) < 2:  # noqa: PLR2004 - the bytes of a family
        return
    family = int.from_bytes(raw[:2], "little")
    fields["family"] = _FAMILIES.get(family, str(family))
    match family, len(raw):
        case 1, _:
            path = raw[2:].removeprefix(b"\0").partition(b"\0")[0]
            fields["path"] = path.decode("utf-8", "backslashreplace")
        case 2, length if length >= 8:  # noqa: PLR2004 - family, port and IPv4 address
            fields["port"], fields["addr"] = str(int.from_bytes(raw[2:4], "big")), str(ip_address(raw[4:8]))
        case 10, length if length >= 24:  # noqa: PLR2004 - family, port, flow and IPv6 address
            fields["port"], fields["addr"] = str(int.from_bytes(raw[2:4], "big")), str(ip_address(raw[8:24]))
        case _:
            return
    del fields["saddr"]


def _execve(body: str) -> dict[str, Any]:
    """Read the arguments of EXECVE: `a0="ls" a1=2D6C`, long ones in pieces `a2_len=9000 a2[0]=... a2[1]=...`."""
    argc = _ARGC.search(body)
    fields: dict[str, Any] = {} if argc is None else {"argc": argc[1]}
    found = _ARGUMENT.findall(body)
    for number, _, value in found:
        name = f"a{number}"
        if name in fields or (number[0] == "0" and number != "0"):
            return _in_pieces(found, fields)
        fields[name] = value[1:-1] if value[0] == '"' else decoded(value)
    return fields


def _in_pieces(found: Sequence[tuple[str, str, str]], fields: dict[str, Any]) -> dict[str, Any]:
    """Put arguments together whose pieces may lie in any order; hexadecimal ones are decoded as a whole."""
    pieces: dict[int, dict[int, str]] = {}
    for number, piece, value in found:
        pieces.setdefault(int(number), {})[int(piece or 0)] = value
    for place, parts in pieces.items():
        values = [value for _, value in sorted(parts.items())]
        if values[0][:1] == '"':
            fields[f"a{place}"] = "".join(value.strip('"') for value in values)
        else:
            fields[f"a{place}"] = decoded("".join(values))
    return fields


def read_event(records: Sequence[tuple[str, dict[str, Any]]]) -> Said:
    """Say what the records of one event say together. Its fields are the event's record but for the raw lines."""
    first = next((fields for kind, fields in records if kind == "SYSCALL"), records[0][1] if records else {})
    record: dict[str, Any] = {name: first[name] for name in _OF_EVENT if name in first}
    record["eventCategory"], record["program"] = CATEGORY, SOURCE
    auid, ses = first.get("auid", first.get("new_auid")), first.get("ses")
    record["auid"], record["ses"] = None if auid in _UNSET else auid, None if ses in _UNSET else ses
    types = [kind for kind, _ in records]
    if "EXECVE" in types and (arguments := _arguments(records, record)):
        record["arguments"] = arguments
    if "CWD" in types or "PROCTITLE" in types:
        record.update(_texts(records))
    if "cmd" in first:
        record["command"] = first["cmd"]
    if first.get("key"):
        # `auditctl -k key=net` is a common slip for `-k net`.
        record["keys"] = [key.removeprefix("key=") for key in first["key"].split("\x01")]
    record["types"] = types
    record["records"] = [{"type": kind, **fields} for kind, fields in records]
    # Most events are of a system call, whose type names none.
    action = HostAction.SYSTEM_CALL if types == ["SYSCALL"] else _action(records, first)
    ip = first.get("addr") if "SOCKADDR" not in types[:1] else None
    return Said(SOURCE, action, _user(first, record), record, ip, _outcome(action, first), _error(first))


def _texts(records: Sequence[tuple[str, dict[str, Any]]]) -> Iterable[tuple[str, str]]:
    """Give the directory and the title of the process, which have records of their own."""
    for kind, fields in records:
        if kind == "CWD" and "cwd" in fields:
            yield "cwd", fields["cwd"]
        elif kind == "PROCTITLE" and "proctitle" in fields:
            yield "proctitle", fields["proctitle"]


def _arguments(records: Sequence[tuple[str, dict[str, Any]]], record: dict[str, Any]) -> list[str]:
    """Put the arguments of a program together; what is missing of them is said."""
    found: dict[int, str] = {}
    argc = 0
    for kind, fields in records:
        if kind == "EXECVE":
            argc = max(argc, int(fields.get("argc", 0)))
            found.update((int(name[1:]), value) for name, value in fields.items() if name[1:].isdecimal())
    if argc > len(found):
        record["arguments_missing"] = argc - len(found)
    return [value for _, value in sorted(found.items())]


def _action(records: Sequence[tuple[str, dict[str, Any]]], first: dict[str, Any]) -> HostAction:
    action = HostAction.OTHER
    for kind, fields in records:
        if kind in _BY_TYPE:
            return _BY_TYPE[kind]
        if kind in _BY_RESULT:
            return _BY_RESULT[kind][first.get("result") != "success"]
        if kind == "USER_CHAUTHTOK":
            about = fields.get("op", "")
            secret = "password" in about or "chauthtok" in about
            return HostAction.PASSWORD_CHANGED if secret else HostAction.USER_CHANGED
        if kind.endswith("AVC") and (fields.get("seresult") == "denied" or fields.get("apparmor") == "DENIED"):
            return HostAction.ACCESS_REFUSED
        if kind == "SYSCALL":
            action = HostAction.SYSTEM_CALL
    return action


def _user(first: dict[str, Any], record: dict[str, Any]) -> str | None:
    """Name who logged in: by the name that auditd found for `auid`, or, before there is one, who tries to."""
    name = first.get("AUID")
    if isinstance(name, str) and name != "unset":
        return name
    if record["auid"] is None and any(kind in _ABOUT_LOGIN for kind in record["types"]):
        who = first.get("acct") or first.get("ID")
        return who if isinstance(who, str) else None
    return None


def _outcome(action: HostAction, first: dict[str, Any]) -> Outcome:
    if action is HostAction.ACCESS_REFUSED:
        return Outcome.DENIED
    if first.get("result", "success") == "success":
        return Outcome.ALLOWED
    return Outcome.DENIED if first.get("exit") in _REFUSED else Outcome.FAILED


def _error(first: dict[str, Any]) -> str | None:
    code = first.get("exit")
    return code if first.get("result") == "fail" and isinstance(code, str) else None
