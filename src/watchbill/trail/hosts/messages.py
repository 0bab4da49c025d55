"""What sshd, sudo, su, PAM, logind and the tools for users say, one message at a time.

Names are chosen by whoever connects: a user may be called `root from 192.0.2.1 port 22`. So each pattern is bound to
both ends of its message and takes the last place where an address may stand; what can be read in two ways has the field
`ambiguous`. sshd writes control characters of a name as escapes itself.

Sources: OpenSSH's `auth.c`, `auth2.c`, `packet.c` and `session.c`; `sudoers(5)`, "Event logging"; `su` of util-linux
and of shadow; `pam_unix(8)`, `pam_faillock(8)`; systemd's `logind`; shadow's tools.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from watchbill.trail.hosts.model import HostAction, Said
from watchbill.trail.model import Outcome


_FAILED: Final = Outcome.FAILED
_DENIED: Final = Outcome.DENIED
_ALLOWED: Final = Outcome.ALLOWED

_Rule = tuple["re.Pattern[str]", tuple[str, ...], HostAction, Outcome]
"""A pattern, the names of its groups in their order, and what a message that the pattern takes is."""


def read_message(program: str, message: str) -> Said | None:
    """Read a message that a program wrote; None where the program says nothing of log-ins or commands.

    The fields of what is given may be those of an equal message before: whoever keeps them copies them.
    """
    if message.startswith("pam_"):
        said = _pam(message)
        if said is not None:
            return said
    reader = _READERS.get(program)
    return None if reader is None else reader(program, message)


def is_audited(program: str) -> bool:
    """Tell whether every message of the program is an event."""
    return program in _READERS


def _rules(*rows: tuple[str, HostAction, Outcome]) -> Mapping[str, Sequence[_Rule]]:
    """Put rules by the first word of their messages, so that few patterns are tried; that word has no group in it."""
    found: dict[str, list[_Rule]] = {}
    for pattern, action, outcome in rows:
        word = pattern.split(" ", 1)[0].replace("\\", "")
        compiled = re.compile(f"{pattern}\\Z", re.DOTALL)
        assert compiled.groups == len(compiled.groupindex), "a group without a name"
        found.setdefault(word, []).append((compiled, tuple(compiled.groupindex), action, outcome))
    return found


def _taken(rules: Mapping[str, Sequence[_Rule]], message: str) -> tuple[dict[str, Any], HostAction, Outcome] | None:
    """Give the fields of a message, and what it is, by the first rule that takes it."""
    for pattern, names, action, outcome in rules.get(message.partition(" ")[0], ()):
        match = pattern.match(message)
        if match is not None:
            # Names and groups are as many as each other; to have that looked at takes as long as the rest.
            pairs = zip(names, match.groups())  # noqa: B905
            return {name: value for name, value in pairs if value is not None}, action, outcome
    return None


def _first(rules: Mapping[str, Sequence[_Rule]], source: str, message: str) -> Said:
    """Read a message by the first rule that takes it."""
    taken = _taken(rules, message)
    if taken is None:
        return Said(source, HostAction.OTHER, None, {})
    fields, action, outcome = taken
    return Said(source, action, fields.get("user"), fields, fields.get("ip"), outcome)


# --- sshd -----------------------------------------------------------------------------------------

_WHERE: Final = r"(?P<ip>\S+) port (?P<port>\d+)"
_PEER: Final = (
    r"(?:(?P<state>authenticating|invalid) user (?P<user>.*) |user (?P<logged_in>\S+) )?(?P<ip>\S+) port (?P<port>\d+)"
)
_INVALID: Final = r"(?:(?:invalid|illegal) user (?P<invalid>.*)|(?P<user>\S+))"
_BEFORE: Final = r"(?P<preauth> \[preauth\])?"

_SSHD: Final = _rules(
    (
        rf"Accepted (?P<authentication>\S+) for (?P<user>\S+) from {_WHERE}(?: ssh2)?(?:: (?P<key>.*))?",
        HostAction.LOGIN_ACCEPTED,
        _ALLOWED,
    ),
    (
        rf"Failed (?P<authentication>\S+) for {_INVALID} from {_WHERE}(?: ssh2)?(?:: (?P<key>.*))?",
        HostAction.LOGIN_FAILED,
        _FAILED,
    ),
    (r"Invalid user (?P<user>.*) from (?P<ip>\S+)(?: port (?P<port>\d+))?", HostAction.INVALID_USER, _FAILED),
    (r"Illegal user (?P<user>.*) from (?P<ip>\S+)", HostAction.INVALID_USER, _FAILED),
    (
        rf"error: maximum authentication attempts exceeded for {_INVALID} from {_WHERE}(?: ssh2)?{_BEFORE}",
        HostAction.TOO_MANY_FAILURES,
        _FAILED,
    ),
    (
        r"User (?P<user>.*) from (?P<ip>\S+) not allowed because (?P<reason>.*)",
        HostAction.LOGIN_REFUSED,
        _DENIED,
    ),
    (r"User child is on pid (?P<child_pid>\d+)", HostAction.OTHER, _ALLOWED),
    (
        r"Connection from (?P<ip>\S+) port (?P<port>\d+)(?: on (?P<to>\S+) port (?P<to_port>\d+))?(?: rdomain .*)?",
        HostAction.CONNECTION_OPENED,
        _ALLOWED,
    ),
    (rf"Connection (?P<how>closed|reset) by {_PEER}{_BEFORE}", HostAction.CONNECTION_CLOSED, _ALLOWED),
    (r"Connection (?P<how>closed|reset) by (?P<ip>\S+)", HostAction.CONNECTION_CLOSED, _ALLOWED),
    (rf"Disconnected from {_PEER}{_BEFORE}", HostAction.CONNECTION_CLOSED, _ALLOWED),
    (rf"Disconnecting {_PEER}: (?P<reason>.*)", HostAction.CONNECTION_CLOSED, _ALLOWED),
    (r"Disconnecting: (?P<reason>.*)", HostAction.CONNECTION_CLOSED, _ALLOWED),
    (rf"Received disconnect from {_WHERE}: ?(?P<reason>.*)", HostAction.CONNECTION_CLOSED, _ALLOWED),
    (
        (
            r"Starting session: (?P<what>\S+?)(?: '(?P<subsystem>[^']*)')?(?: on (?P<tty>\S+))? for (?P<user>\S+)"
            rf" from {_WHERE} id (?P<channel>\d+)"
        ),
        HostAction.CHANNEL_OPENED,
        _ALLOWED,
    ),
    (
        rf"Close session: user (?P<user>\S+) from {_WHERE} id (?P<channel>\d+)",
        HostAction.CHANNEL_CLOSED,
        _ALLOWED,
    ),
    (r"Did not receive identification string from (?P<ip>\S+).*", HostAction.CONNECTION_FAILED, _FAILED),
    (
        r"Bad protocol version identification '(?P<sent>.*)' from (?P<ip>\S+)(?: port (?P<port>\d+))?",
        HostAction.CONNECTION_FAILED,
        _FAILED,
    ),
    (rf"Unable to negotiate with {_WHERE}: (?P<reason>.*)", HostAction.CONNECTION_FAILED, _FAILED),
    (rf"fatal: Unable to negotiate with {_WHERE}: (?P<reason>.*)", HostAction.CONNECTION_FAILED, _FAILED),
    (rf"banner exchange: Connection from {_WHERE}: (?P<reason>.*)", HostAction.CONNECTION_FAILED, _FAILED),
    (r"error: kex_exchange_identification: (?P<reason>.*)", HostAction.CONNECTION_FAILED, _FAILED),
    (r"Server listening on (?P<address>\S+) port (?P<port>\d+)\.?", HostAction.SERVICE_STARTED, _ALLOWED),
    (r"Received signal (?P<signal>\d+); terminating\.", HostAction.SERVICE_STOPPED, _ALLOWED),
    (
        (
            r"PAM (?P<failures>\d+) more authentication failures?; logname=(?P<logname>\S*) uid=\d* euid=\d* tty=\S*"
            r" ruser=\S* rhost=(?P<ip>\S*)(?:\s+user=(?P<user>.*))?"
        ),
        HostAction.AUTHENTICATION_FAILED,
        _FAILED,
    ),
)

_KEY: Final = re.compile(
    r"(?P<key_type>\S+) (?P<fingerprint>(?:SHA256|SHA1|MD5):\S+|[0-9a-f]{2}(?::[0-9a-f]{2}){15})"
    r"(?: ID (?P<certificate>.*) \(serial (?P<serial>\d+)\) CA (?P<ca_type>\S+) (?P<ca_fingerprint>\S+))?\Z",
    re.DOTALL,
)


def _sshd(program: str, message: str) -> Said:
    taken = _taken(_SSHD, message)
    if taken is None:
        return Said("sshd", HostAction.OTHER, None, {})
    fields, action, outcome = taken
    if "key" in fields:
        key = _KEY.match(fields["key"])
        if key is not None:
            fields.update((name, value) for name, value in key.groupdict().items() if value is not None)
    if "invalid" in fields:
        fields["user"] = fields["invalid"]
        fields["invalid"] = True
        if message.count(" from ") > 1:
            fields["ambiguous"] = True
    elif "logged_in" in fields:
        fields["user"] = fields.pop("logged_in")
    return Said("sshd", action, fields.get("user"), fields, fields.get("ip"), outcome)


# --- sudo and su ----------------------------------------------------------------------------------

_SUDO: Final = re.compile(r" *(?P<user>\S+) : (?:(?P<why>(?!\w+=).*?) ; )?(?P<rest>\w+=.*)\Z", re.DOTALL)
_SUDO_PLAIN: Final = re.compile(r" *(\S+) : TTY=([^ ;=]+) ; PWD=([^ ;=]+) ; USER=([^ ;=]+) ; COMMAND=(.*)\Z", re.DOTALL)
"""What most lines of sudo are; one whose command may be read in two ways is not taken by this alone."""

_SUDO_CONTINUED: Final = re.compile(r" *(?P<user>\S+) : \(command continued\) (?P<command>.*)\Z", re.DOTALL)
_SUDO_PART: Final = re.compile(r"(\w+)=(.*?)(?: ; (?=[A-Z]+=)|\Z)", re.DOTALL)
_SUDO_NAMES: Final = {
    "TTY": "tty",
    "PWD": "directory",
    "USER": "run_as",
    "GROUP": "run_as_group",
    "ENV": "environment",
    "TSID": "session_log",
    "CHROOT": "chroot",
    "HOST": "run_on",
}


def _sudo(program: str, message: str) -> Said:
    """Read a line of sudo: `user : why it refused ; TTY=... ; PWD=... ; USER=... ; COMMAND=...`.

    A directory may be called `x ; USER=root ; COMMAND=true`, and sudo writes it as it is: then there are two readings.
    """
    fields: dict[str, Any]
    plain = _SUDO_PLAIN.match(message)
    if plain is not None:
        user, tty, directory, run_as, command = plain.groups()
        if "COMMAND=" not in command and " ; USER=" not in command:
            fields = {"user": user, "tty": tty, "directory": directory, "run_as": run_as, "command": command}
            return Said("sudo", HostAction.COMMAND_RUN, user, fields)
    continued = _SUDO_CONTINUED.match(message) if "(command continued)" in message else None
    if continued is not None:
        return Said("sudo", HostAction.COMMAND_CONTINUED, continued["user"], continued.groupdict())
    line = _SUDO.match(message)
    if line is None:
        return Said("sudo", HostAction.OTHER, None, {})
    user, why, rest = line.groups()
    before, mark, command = rest.partition("COMMAND=")
    fields = {"user": user}
    for name, value in _SUDO_PART.findall(before.removesuffix(" ; ")):
        fields[_SUDO_NAMES.get(name) or name.lower()] = value
    if mark:
        fields["command"] = command
    if rest.count(" ; USER=") > 1 or rest.count("COMMAND=") > 1:
        fields["ambiguous"] = True
    if why is None:
        return Said("sudo", HostAction.COMMAND_RUN if mark else HostAction.OTHER, user, fields)
    fields["reason"] = why
    outcome = _FAILED if "password" in why else _DENIED
    return Said("sudo", HostAction.COMMAND_REFUSED, user, fields, None, outcome, why)


_SU: Final = _rules(
    (r"Successful su for (?P<run_as>.*) by (?P<user>.*)", HostAction.USER_SWITCHED, _ALLOWED),
    (r"FAILED su for (?P<run_as>.*) by (?P<user>.*)", HostAction.USER_SWITCH_FAILED, _FAILED),
    (r"\(to (?P<run_as>[^)]*)\) (?P<user>.*) on (?P<tty>\S+)", HostAction.USER_SWITCHED, _ALLOWED),
    (r"FAILED SU \(to (?P<run_as>[^)]*)\) (?P<user>.*) on (?P<tty>\S+)", HostAction.USER_SWITCH_FAILED, _FAILED),
    (r"\+ (?P<tty>\S+) (?P<user>[^:]*):(?P<run_as>.*)", HostAction.OTHER, _ALLOWED),
    (r"- (?P<tty>\S+) (?P<user>[^:]*):(?P<run_as>.*)", HostAction.OTHER, _FAILED),
)


def _su(program: str, message: str) -> Said:
    return _first(_SU, "su", message)


# --- PAM ------------------------------------------------------------------------------------------

_PAM: Final = re.compile(r"(?P<module>pam_\w+)\((?P<service>[^:)]*):(?P<kind>[^)]*)\): (?P<text>.*)\Z", re.DOTALL)

_OF_TARGET: Final = frozenset({HostAction.SESSION_OPENED, HostAction.SESSION_CLOSED, HostAction.AUTHENTICATION_FAILED})
"""What the user it is about does themselves, where nobody else is named; somebody else may change their password."""

_SWITCHES: Final = frozenset({"sudo", "sudo-i", "su", "su-l", "runuser", "runuser-l"})
"""Services by which one user becomes another: the session is not the doing of that other."""

_REMEMBERED: Final = 200
"""Characters that a message may have to be remembered."""

_PAM_TEXTS: Final = _rules(
    (
        (
            r"session opened for user (?P<target>[^\s(]+)(?:\(uid=(?P<target_uid>\d+)\))? by (?P<by>[^(]*)"
            r"\(uid=(?P<by_uid>\d+)\)"
        ),
        HostAction.SESSION_OPENED,
        _ALLOWED,
    ),
    (r"session closed for user (?P<target>.*)", HostAction.SESSION_CLOSED, _ALLOWED),
    (
        (
            r"authentication failure; logname=(?P<logname>\S*) uid=(?P<uid>\d*) euid=(?P<euid>\d*) tty=(?P<tty>\S*)"
            r" ruser=(?P<by>\S*) rhost=(?P<rhost>\S*)(?:\s+user=(?P<target>.*))?"
        ),
        HostAction.AUTHENTICATION_FAILED,
        _FAILED,
    ),
    (r"password changed for (?P<target>.*)", HostAction.PASSWORD_CHANGED, _ALLOWED),
    (
        r"Consecutive login failures for user (?P<target>.*) account temporarily locked",
        HostAction.ACCOUNT_LOCKED,
        _DENIED,
    ),
)


def _pam(message: str) -> Said | None:
    """Read what a module of PAM says. Most of it is said again and again, word for word."""
    return _pam_again(message) if len(message) <= _REMEMBERED else _pam_text(message)


def _pam_text(message: str) -> Said | None:
    whole = _PAM.match(message)
    if whole is None:
        return None
    module, service, kind, text = whole.groups()
    fields, action, outcome = _taken(_PAM_TEXTS, text) or ({}, HostAction.OTHER, _ALLOWED)
    user = fields.get("by")
    if not user and action in _OF_TARGET and service not in _SWITCHES:
        user = fields.get("target")
    fields["module"], fields["service"], fields["kind"] = module, service, kind
    return Said("pam", action, user, fields, fields.get("rhost") or None, outcome)


_pam_again = lru_cache(1024)(_pam_text)


# --- logind, and the tools for users -----------------------------------------------------------------

_LOGIND: Final = _rules(
    (
        (
            r"New session (?P<session>\S+) of user (?P<user>\S+?)(?: with class '(?P<class>[^']*)' and type"
            r" '(?P<type>[^']*)')?\."
        ),
        HostAction.SESSION_OPENED,
        _ALLOWED,
    ),
    (r"Removed session (?P<session>\S+?)\.", HostAction.SESSION_CLOSED, _ALLOWED),
    (r"New seat (?P<seat>\S+?)\.", HostAction.HOST_STARTED, _ALLOWED),
)

_ACCOUNTS: Final = _rules(
    (
        (
            r"new user: name=(?P<target>[^,]*), UID=(?P<uid>\d+), GID=(?P<gid>\d+), home=(?P<home>[^,]*)"
            r", shell=(?P<shell>[^,]*)(?:, from=(?P<from>.*))?"
        ),
        HostAction.USER_ADDED,
        _ALLOWED,
    ),
    (r"delete user '(?P<target>[^']*)'", HostAction.USER_DELETED, _ALLOWED),
    (r"new group: name=(?P<group>[^,]*), GID=(?P<gid>\d+)", HostAction.GROUP_ADDED, _ALLOWED),
    (r"group '(?P<group>[^']*)' removed.*", HostAction.GROUP_DELETED, _ALLOWED),
    (r"removed group '(?P<group>[^']*)'.*", HostAction.GROUP_DELETED, _ALLOWED),
    (r"add '(?P<target>[^']*)' to (?:shadow )?group '(?P<group>[^']*)'", HostAction.GROUP_MEMBER_ADDED, _ALLOWED),
    (
        r"delete '(?P<target>[^']*)' from (?:shadow )?group '(?P<group>[^']*)'",
        HostAction.GROUP_MEMBER_REMOVED,
        _ALLOWED,
    ),
    (
        r"user (?P<target>\S+) added by (?P<user>\S+) to group (?P<group>\S+)",
        HostAction.GROUP_MEMBER_ADDED,
        _ALLOWED,
    ),
    (
        r"user (?P<target>\S+) removed by (?P<user>\S+) from group (?P<group>\S+)",
        HostAction.GROUP_MEMBER_REMOVED,
        _ALLOWED,
    ),
    (
        r"password for '(?P<target>[^']*)' changed by '(?P<user>[^']*)'",
        HostAction.PASSWORD_CHANGED,
        _ALLOWED,
    ),
    (r"change user '(?P<target>[^']*)' password", HostAction.PASSWORD_CHANGED, _ALLOWED),
    (r"change user '(?P<target>[^']*)' (?P<change>.*)", HostAction.USER_CHANGED, _ALLOWED),
    (r"lock user '(?P<target>[^']*)' password", HostAction.USER_CHANGED, _ALLOWED),
    (r"unlock user '(?P<target>[^']*)' password", HostAction.USER_CHANGED, _ALLOWED),
    (r"changed password expiry for (?P<target>\S+)", HostAction.USER_CHANGED, _ALLOWED),
    (r"failed adding user '(?P<target>[^']*)'.*", HostAction.OTHER, _FAILED),
)


def _logind(program: str, message: str) -> Said:
    return _first(_LOGIND, "systemd-logind", message)


def _accounts(program: str, message: str) -> Said:
    return _first(_ACCOUNTS, program, message)


_READERS: Final[Mapping[str, Callable[[str, str], Said]]] = {
    "sshd": _sshd,
    # OpenSSH since 9.8 runs a program of its own for each connection, and since 10.0 one that authenticates.
    "sshd-session": _sshd,
    "sshd-auth": _sshd,
    "sudo": _sudo,
    "su": _su,
    "systemd-logind": _logind,
    **dict.fromkeys(
        (
            "useradd",
            "userdel",
            "usermod",
            "groupadd",
            "groupdel",
            "groupmod",
            "gpasswd",
            "passwd",
            "chpasswd",
            "chage",
            "chsh",
            "chfn",
        ),
        _accounts,
    ),
}
"""Programs each of whose messages is an event, and PAM's messages in any program's name besides."""
