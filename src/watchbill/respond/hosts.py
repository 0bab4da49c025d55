"""Freeze a person on hosts: the account expires first, then what is open ends, then keys and sudo are set aside.

A locked password alone stops no key, and an expired account no session that is open: it takes all of them. Each step
is reversible: what is set aside keeps its owner and mode, and a restore gives the very same expiry back. Restored are
files first and the expiry last: until then nobody gets in who could bend where a file is put.

A certificate opens every user whom the host or the certificate itself names, an expired account or not: those that the
host names are a person's to take out. Where sshd has a list of what is revoked, the keys that we know are put there,
and with them each certificate of one of them. Keys that are marked stolen are never given back.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from watchbill.access import logins
from watchbill.access.apply import BY_HAND
from watchbill.access.model import Call, Change, Drift, Phase
from watchbill.access.sudo import FILE, SERVICE
from watchbill.respond.model import Check


_BY_SHIFT = (FILE, logins.FILE)
EXPIRED = "1"
"""The expiry of a frozen account, in days since 1970: `usermod --expiredate 1`."""


class Known(StrEnum):
    """Where a host knows a user from."""

    LOCAL = "local"
    ELSEWHERE = "elsewhere"
    """LDAP, SSSD: it is disabled there, never on the host."""
    NOBODY = "nobody"


class Password(StrEnum):
    """What the password of a user of a host is; the hash itself is never read."""

    SET = "set"
    LOCKED = "locked"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class HostFile:
    """A file that lets a user in, or lets them become root."""

    path: str
    digest: str
    """SHA-256 of what is in it."""
    mode: str
    owner: str
    """`james:james`."""

    @property
    def kept(self) -> str:
        """Name it where it is set aside: another content of the same path has another name."""
        return hashlib.sha256(f"{self.path}\n{self.digest}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class HostUser:
    """A user of a host as they were read."""

    host: str
    user: str
    known: Known = Known.LOCAL
    expiry: str = ""
    """Days since 1970, as in /etc/shadow; empty is never."""
    password: Password = Password.SET
    groups: tuple[str, ...] = ()
    """Those of their groups that make root of them: sudo, wheel, docker."""
    keys: tuple[HostFile, ...] = ()
    sudoers: tuple[HostFile, ...] = ()
    """Files of /etc/sudoers.d that are about them alone."""
    shared: tuple[str, ...] = ()
    """Files that let them become root, or in, and that only a person can take apart."""
    jobs: tuple[str, ...] = ()
    """What runs without them: crontab, at, timers."""
    processes: int = 0
    fingerprints: tuple[str, ...] = ()
    """SHA-256 of the keys that get them in, and of those that we revoked."""
    authorities: tuple[str, ...] = ()
    """Files of the authorities whose certificates the host takes for log-ins."""
    opens: tuple[tuple[str, str], ...] = ()
    """Other users whom a certificate with this one's name opens, each with the file that says so."""
    revocations: str = ""
    """The file of revoked keys that sshd goes by; empty where it has none."""
    revoked: tuple[str, ...] = ()
    """The fingerprints that we put there and that are there."""
    on_call: bool = False
    """Whether anything is written by shift for them: `access/sudo.py`, `access/logins.py`."""

    @property
    def at_large(self) -> tuple[str, ...]:
        """Give the keys that may be revoked here, and are not."""
        return tuple(sorted(set(self.fingerprints) - set(self.revoked))) if self.revocations else ()


def freeze_on_hosts(users: Iterable[HostUser]) -> Iterator[Change]:
    """Give the changes that it takes now to freeze these users, in order; none where they are frozen."""
    for user in users:
        if user.known is Known.LOCAL:
            yield from _freeze(user)
        elif user.on_call:
            yield _off_call(user)


def by_hand_on_hosts(users: Iterable[HostUser]) -> Iterator[Change]:
    """Give what only a person can do: disable at the directory, edit what is shared with others."""
    for user in users:
        if user.known is Known.ELSEWHERE:
            why = f"disable {user.user} at the directory that {user.host} knows them from: LDAP or SSSD, not the host"
            given = {"UserName": user.user}
            yield Change(user.host, Phase.REVOKE, Call("DisableAtDirectory", given, BY_HAND), why)
        yield from _certificates(user)
        for path in user.shared:
            why = f"take {user.user} out of {path}, which is about others too"
            given = {"UserName": user.user, "FileName": path}
            yield Change(user.host, Phase.REVOKE, Call("EditFile", given, BY_HAND), why)


def warnings_on_hosts(users: Iterable[HostUser]) -> Iterator[str]:
    """Say what a lead should know of before a freeze."""
    for user in users:
        for job in user.jobs:
            yield f"{user.user} on {user.host} has {job}: look what it does"


def restore_on_hosts(
    before: Iterable[HostUser], now: Iterable[HostUser], stolen: Collection[str] = ()
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Give the changes that make users what they were before a freeze, and what is left out, in words.

    `stolen` are fingerprints of keys, among other names, that are not given back.
    """
    there = {(user.host, user.user): user for user in now}
    changes: list[Change] = []
    left_out: list[str] = []
    for was in before:
        found = there.get((was.host, was.user))
        if was.known is not Known.LOCAL:
            continue
        if found is None or found.known is not Known.LOCAL:
            left_out.append(f"user {was.user} on {was.host}: it is gone")
        else:
            kept_off = sorted({*was.fingerprints, *found.fingerprints} & set(stolen))
            left_out.extend(f"key {each} of {was.user} on {was.host}: marked stolen, it stays off" for each in kept_off)
            changes.extend(_restore(was, found, kept_off))
    return tuple(changes), tuple(left_out)


def drift_on_hosts(
    before: Iterable[HostUser], now: Iterable[HostUser], stolen: Collection[str] = ()
) -> Iterator[Drift]:
    """Say what others changed on users since they were frozen; what was put back without `stolen` keys is ours."""
    there = {(user.host, user.user): user for user in now}
    for was in before:
        found = there.get((was.host, was.user))
        if was.known is not Known.LOCAL or found is None or found.known is not Known.LOCAL:
            continue
        known = {*was.keys, *was.sudoers}
        less = _put_back_without(was, found, stolen)
        for file in (*found.keys, *found.sudoers):
            if file not in known and file.path not in less:
                yield Drift(was.host, was.user, f"{file.path} was made since the freeze", file.path)
        for group in sorted(set(found.groups) - set(was.groups)):
            yield Drift(was.host, was.user, f"group {group} was joined since the freeze", group)
        # What it was before is there again where a restore was cut short.
        if found.expiry not in (EXPIRED, was.expiry):
            yield Drift(was.host, was.user, f"the expiry became {found.expiry or 'never'} since the freeze", None)


def _put_back_without(was: HostUser, now: HostUser, stolen: Collection[str]) -> Collection[str]:
    """Give the files of keys that a restore which was cut short may have put back already, with less in them."""
    here = set(was.fingerprints) & set(stolen)
    only_theirs = set(now.fingerprints) - set(now.revoked) <= set(was.fingerprints) - here
    return {file.path for file in was.keys} if here and only_theirs else ()


def verify_on_hosts(before: Iterable[HostUser], now: Sequence[HostUser]) -> Iterator[Check]:
    """Check that nothing lets these users in, and that nothing of theirs runs. What was not read does not hold."""
    there = {(user.host, user.user): user for user in now}
    for was in before:
        found = there.get((was.host, was.user))
        what = f"user {was.user} on {was.host}"
        if was.known is not Known.LOCAL:
            if was.on_call:
                out = found is not None and not found.on_call
                detail = " or ".join(_BY_SHIFT) if found else "it could not be read"
                yield Check(f"{what} has nothing by shift", out, detail)
            continue
        if found is None:
            yield Check(f"{what} is frozen", holds=False, detail="it could not be read")
        elif found.known is not Known.LOCAL:
            yield Check(f"{what} is frozen", holds=True, detail="the user is gone")
        else:
            yield from _checks(what, found)


def _checks(what: str, user: HostUser) -> Iterator[Check]:
    yield Check(f"{what} is expired", user.expiry == EXPIRED, f"expiry {user.expiry or 'never'}")
    yield Check(f"{what} has no password", user.password is Password.LOCKED, str(user.password))
    yield Check(f"{what} runs nothing", not user.processes, f"{user.processes} processes")
    left = [*user.groups, *(file.path for file in (*user.keys, *user.sudoers)), *(_BY_SHIFT if user.on_call else [])]
    yield Check(f"{what} has no key, no sudo and no group of root's", not left, ", ".join(left) or "none")
    if user.revocations:
        large = user.at_large
        detail = f"not in {user.revocations}: {', '.join(large)}" if large else user.revocations
        yield Check(f"{what} has every key revoked that is known", not large, detail)


def _freeze(user: HostUser) -> Iterator[Change]:
    name = user.user
    if user.expiry != EXPIRED:
        yield _step(user, Phase.REVOKE, "ExpireUser", {}, f"let the account of {name} expire: no key gets in any more")
    if user.password is not Password.LOCKED:
        yield _step(user, Phase.REVOKE, "LockPassword", {}, f"lock the password of {name}")
    if user.processes or user.expiry != EXPIRED:
        yield _step(user, Phase.REVOKE, "EndSessions", {}, f"end every session and process of {name}")
    if user.on_call:
        yield _off_call(user)
    for group in user.groups:
        yield _step(user, Phase.REVOKE, "LeaveGroup", {"GroupName": group}, f"take {name} out of {group}")
    if user.at_large:
        given = {"FileName": user.revocations, "Fingerprints": ",".join(sorted({*user.fingerprints, *user.revoked}))}
        why = f"revoke the keys of {name} in {user.revocations}, and so each certificate of one of them"
        yield _step(user, Phase.REVOKE, "RevokeKeys", given, why)
    for file in (*user.sudoers, *user.keys):
        given = {"FileName": file.path, "Kept": file.kept}
        yield _step(user, Phase.REVOKE, "SetAside", given, f"set {file.path} aside")


def _off_call(user: HostUser) -> Change:
    files = " and ".join(_BY_SHIFT)
    return _step(user, Phase.REVOKE, "LeaveOnCall", {"FileName": files}, f"take {user.user} out of {files}")


def _certificates(user: HostUser) -> Iterator[Change]:
    """Say what certificates open, an expired account or not: what the host has written down, and what only they say."""
    for name, path in user.opens:
        why = f"take {user.user} out of {path}: by it a certificate of theirs opens {name} on {user.host}"
        yield Change(user.host, Phase.REVOKE, Call("EditFile", {"UserName": user.user, "FileName": path}, BY_HAND), why)
    for path in user.authorities:
        revoked = "the keys that we know are revoked there" if user.revocations else "sshd there has no RevokedKeys"
        why = (
            f"revoke what certificates {user.user} has of the authority in {path}, and have it give out none: one that "
            f"names another user opens that one on {user.host}; {revoked}"
        )
        given = {"UserName": user.user, "FileName": path}
        yield Change(user.host, Phase.REVOKE, Call("RevokeCertificates", given, BY_HAND), why)


def _restore(was: HostUser, now: HostUser, stolen: Sequence[str]) -> Iterator[Change]:
    name, there = was.user, {*now.keys, *now.sudoers}
    if set(now.revoked) - set(stolen):
        given = {"FileName": now.revocations, "Fingerprints": ",".join(stolen)}
        yield _step(was, Phase.GRANT, "GiveKeysBack", given, f"let {now.revocations} be as it was for {name}")
    for file in (*was.keys, *was.sudoers):
        if file not in there:
            given = {"FileName": file.path, "Kept": file.kept}
            if stolen and file in was.keys:
                given, why = {**given, "Fingerprints": ",".join(stolen)}, f"put {file.path} back without stolen keys"
                yield _step(was, Phase.GRANT, "PutBackWithout", given, why)
            else:
                yield _step(was, Phase.GRANT, "PutBack", given, f"put {file.path} back")
    for group in was.groups:
        if group not in now.groups:
            yield _step(was, Phase.GRANT, "JoinGroup", {"GroupName": group}, f"put {name} back into {group}")
    if was.password is not Password.LOCKED and now.password is Password.LOCKED:
        operation = "UnlockPassword" if was.password is Password.SET else "EmptyPassword"
        yield _step(was, Phase.GRANT, operation, {}, f"unlock the password of {name}")
    if was.expiry != now.expiry:
        given = {"Days": was.expiry}
        yield _step(
            was, Phase.GRANT, "SetExpiry", given, f"let the account of {name} expire as before: {was.expiry or 'never'}"
        )


def _step(user: HostUser, phase: Phase, operation: str, given: dict[str, str], why: str) -> Change:
    return Change(
        user.host, phase, Call(operation, {"UserName": user.user, **given}, SERVICE), f"{why}, on {user.host}"
    )
