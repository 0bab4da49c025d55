"""Hosts by the OpenSSH client: a fixed script as root, arguments checked and quoted, nothing else.

Which key signs in and which host keys are trusted is said by the environment, or by the client's own configuration. A
host whose key is not known is refused: whoever could answer for it would be told whom we freeze.
"""

import base64
import binascii
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from watchbill.access import logins, sudo
from watchbill.access.host_plan import HostLogins, HostSeen
from watchbill.access.model import Call
from watchbill.errors import ProviderError
from watchbill.respond.hosts import HostFile, HostUser, Known, Password
from watchbill.team.model import Host


IDENTITY, KNOWN_HOSTS = "WATCHBILL_SSH_IDENTITY", "WATCHBILL_SSH_KNOWN_HOSTS"
"""The environment variables with the file of the key that signs in, and of the host keys that are trusted."""

ALLOWED_CALLS: Mapping[str, Sequence[str]] = {
    "EmptyPassword": (),
    "EndSessions": (),
    "ExpireUser": (),
    "GiveKeysBack": ("FileName", "Fingerprints"),
    "JoinGroup": ("GroupName",),
    "LeaveGroup": ("GroupName",),
    "LeaveOnCall": (),
    "LockPassword": (),
    "PutBack": ("Kept", "FileName"),
    "PutBackWithout": ("Kept", "FileName", "Fingerprints"),
    "RevokeKeys": ("FileName", "Fingerprints"),
    "SetAside": ("Kept", "FileName"),
    "SetExpiry": ("Days",),
    "UnlockPassword": (),
    sudo.WRITE: ("Was", "Digest"),
    logins.WRITE: ("Was", "Digest"),
}
"""Every step that can be made on a host, with its arguments besides the user; nothing else is ever sent.

What is written by shift is about no one user: it is sent with the script, as base64.
"""

_TEXTS = {sudo.WRITE: sudo.is_text_of_ours, logins.WRITE: logins.is_text_of_ours}
"""By the step that writes it, what tells whether a text is one of ours."""

_SHAPES = {
    "Was": r"([0-9a-f]{64})?",
    "Digest": r"([0-9a-f]{64})?",
    "UserName": r"[a-z_][a-z0-9_.-]{0,31}",
    "GroupName": r"[a-z_][a-z0-9_.-]{0,31}",
    "Kept": r"[0-9a-f]{24}",
    "FileName": r"/[^\x00-\x1f\x7f]{1,4000}",
    "Days": r"[0-9]{0,9}",
    "Fingerprints": r"(SHA256:[A-Za-z0-9+/]{43}(,SHA256:[A-Za-z0-9+/]{43})*)?",
}
"""What an argument must be, whole: none is an option, none has a line's end in it."""

_TOOK_TOO_LONG = 60
"""Seconds that one step may take."""
_NO_CONNECTION = 255
"""What ssh(1) exits with for an error of its own."""

_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "UpdateHostKeys=no",
    "LogLevel=ERROR",
)


@dataclass(frozen=True, slots=True)
class Hosts:
    """Reads users of hosts, and makes steps there. Every failure is a ProviderError."""

    identity: str | None = None
    """The file of the key that signs in; None is what the client takes by itself."""
    known_hosts: str | None = None

    def describe(self, host: Host, user: str, ours: str | None = None) -> HostUser:
        """Read who a user is on a host; one whose name no host has of its own is of a domain, and not asked about.

        `ours` is the fingerprint of the authority by which watchbill signs: what has it alone is none of others.
        """
        if re.fullmatch(_SHAPES["UserName"], user) is None:
            return HostUser(host.name, user, Known.ELSEWHERE)
        return _read(host.name, user, self._run(host, ["describe", user]), ours)

    def perform(self, host: Host, call: Call) -> None:
        """Make one step. What is not on the list above raises KeyError, an argument of another shape ValueError."""
        rules = str(call.parameters.get("Rules", ""))
        named = ALLOWED_CALLS[call.operation]
        if rules and not _TEXTS[call.operation](rules):
            raise ValueError(f"Rules of {call} are none")
        names = named if call.operation in _TEXTS else ("UserName", *named)
        words = [str(call.parameters[name]) for name in names]
        for name, word in zip(names, words, strict=True):
            if re.fullmatch(_SHAPES[name], word) is None:
                raise ValueError(f"{name} of {call} is none")
        self._run(host, [call.operation, *words], rules)

    def by_shift(self, host: Host, users: Sequence[str], *, certificates: bool = False) -> HostSeen:
        """Read what is written by shift on a host, and what else gives it to these users; a wrong one is a ValueError.

        With `certificates` sshd is asked what it goes by for each of them.
        """
        for user in users:
            if re.fullmatch(_SHAPES["UserName"], user) is None:
                raise ValueError(f"{user!r} is no user of a host")
        words = ["describe_by_shift", "ssh" if certificates else "no", *users]
        return _read_by_shift(host.name, self._run(host, words))

    def _run(self, host: Host, words: Sequence[str], rules: str = "") -> str:
        script = files(__package__).joinpath("host.sh").read_text("utf-8")
        if rules:
            text = base64.b64encode(rules.encode()).decode()
            script = f"payload() {{\n  base64 -d <<'END'\n{text}\nEND\n}}\n{script}"
        command = shlex.join(["sudo", "-n", "/bin/sh", "-s", "--", *words])
        try:
            done = subprocess.run(  # noqa: S603 - every word was checked, and is quoted for the shell there
                [*self._client(host), command],
                input=script,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TOOK_TOO_LONG,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ProviderError(f"host `{host.name}` took longer than {_TOOK_TOO_LONG} s") from None
        except OSError as error:
            raise ProviderError(f"could not run ssh: {error.strerror}", "install the OpenSSH client") from error
        if done.returncode:
            raise _failure(host, done)
        return done.stdout

    def _client(self, host: Host) -> Iterator[str]:
        yield from ("ssh", "-T", "-p", str(host.port), "-l", host.user)
        for option in _OPTIONS:
            yield from ("-o", option)
        if self.known_hosts is not None:
            yield from ("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "GlobalKnownHostsFile=none")
        if self.identity is not None:
            yield from ("-i", self.identity, "-o", "IdentitiesOnly=yes")
        yield from ("--", host.address)


def _failure(host: Host, done: "subprocess.CompletedProcess[str]") -> ProviderError:
    said = " ".join(done.stderr.split())[-300:] or f"exit {done.returncode}"
    if done.returncode == _NO_CONNECTION:
        hint = f"ssh {host.user}@{host.address} must work without a question; {KNOWN_HOSTS} and {IDENTITY} name files"
        return ProviderError(f"could not sign in to host `{host.name}`: {said}", hint)
    return ProviderError(f"host `{host.name}`: {said}", f"`{host.user}` there must be able to run: sudo -n /bin/sh -s")


def _read(host: str, user: str, answer: str, ours: str | None) -> HostUser:
    lines = [line.split("\t") for line in answer.splitlines()]

    def of(name: str) -> list[list[str]]:
        return [parts[1:] for parts in lines if parts[0] == name]

    def one(name: str) -> str:
        return of(name)[0][0]

    try:
        known = Known(one("known"))
        if known is not Known.LOCAL:
            shared = tuple(path for (path,) in of("shared"))
            return HostUser(host, user, known, shared=shared, on_call=bool(of("oncall")))
        return HostUser(
            host,
            user,
            known,
            one("expiry"),
            Password(one("password")),
            tuple(group for (group,) in of("groups")),
            tuple(_file(parts) for parts in of("keys")),
            tuple(_file(parts) for parts in of("sudoers")),
            tuple(dict.fromkeys(path for (path,) in of("shared"))),
            tuple(job for (job,) in of("jobs")),
            int(one("processes")),
            tuple(print_ for (print_,) in of("fingerprint")),
            tuple(path for path, signs in of("authority") if signs != ours),
            tuple((name, path) for name, path in of("opens")),
            one("revocations") if of("revocations") else "",
            tuple(print_ for (print_,) in of("revoked")),
            bool(of("oncall")),
        )
    except (IndexError, ValueError) as error:
        raise ProviderError(f"host `{host}` answered what is no answer about {user}") from error


def _read_by_shift(host: str, answer: str) -> HostSeen:
    lines = [line.split("\t") for line in answer.splitlines()]

    def of(name: str) -> list[list[str]]:
        return [parts[1:] for parts in lines if parts[0] == name]

    def text(name: str, access: str) -> tuple[str, str, str]:
        for digest, found, coded in of(name):
            return base64.b64decode(coded, validate=True).decode("utf-8", "replace"), digest, found
        return "", "", access

    def pairs(name: str) -> tuple[tuple[str, str], ...]:
        return tuple((user, other) for user, other in of(name))

    try:
        sshd = tuple((user, name, value) for user, name, value in of("sshd"))
        return HostSeen(
            host,
            *text("sudo", "440 root:root"),
            of("included")[0][0] == "yes",
            frozenset(user for (user,) in of("user")),
            pairs("other"),
            datetime.fromtimestamp(int(of("clock")[0][0]), UTC),
            HostLogins(*text("logins", "644 root:root"), pairs("standing"), sshd, pairs("trusted")),
        )
    except (IndexError, ValueError, OverflowError, binascii.Error) as error:
        raise ProviderError(f"host `{host}` answered what is no answer about shifts") from error


def _file(parts: Sequence[str]) -> HostFile:
    digest, mode, owner, path = parts
    return HostFile(path, digest, mode, owner)
