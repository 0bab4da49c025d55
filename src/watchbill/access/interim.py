"""What holds while a new team file waits for a person: the file in force, less what the new one takes away.

Only ever less: people, memberships, accesses and grants that the new file has no more, and permission sets that plainly
say less. What somebody holds by a set that denies something stays with the rest, since that Deny may hold back another
set of theirs; only who is gone from the file altogether loses that too. Of a rota somebody is taken out of their
watches, and nobody is put in: a gap that comes of it is the new file's to fill.

It is kept as a revision of its own, whose text has both files in it: what was somebody's right meanwhile is read from
that.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from watchbill.access.approval import denies, is_narrower, says_same
from watchbill.access.entitlements import standing
from watchbill.access.sudo import EVERYTHING
from watchbill.errors import FileError, Problem
from watchbill.intervals import Interval
from watchbill.team.files import parse
from watchbill.team.model import Access, Grant, Group, Override, Person, Rota, Team


_MARK = "watchbill-interim 1\n"
_EVER = Interval(datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


class _Less(msgspec.Struct):
    at: datetime
    text: str


class _Kept(msgspec.Struct):
    in_force: str
    """The team file that people let be."""
    less: tuple[_Less, ...]
    """The files that took something away from it, one after the other."""


def interim(before: Team, after: Team, at: datetime) -> Team | None:
    """Give a file in force less what a new one takes away; None where that takes nothing away.

    Neither is to be laid over with anything. What it says is read again from its text by `read`.
    """
    made = less(before, after, at)
    if not (before.text and after.text) or _access(made) == _access(before):
        return None
    known = _kept(before.text, before.path)
    text = _MARK + msgspec.json.encode(_Kept(known.in_force, (*known.less, _Less(at, after.text)))).decode()
    return read(text, before.path)


def read(text: str, path: str) -> Team:
    """Read the text of a revision: a team file, or one less another. Raises FileError."""
    kept = _kept(text, path)
    made = parse(kept.in_force, path)
    for each in kept.less:
        made = less(made, parse(each.text, path), each.at)
    return replace(made, digest=digest_of(text), text=text) if kept.less else made


def file_of(text: str, path: str) -> str:
    """Give the text of the team file that a revision is, or is less something. Raises FileError."""
    return _kept(text, path).in_force


def _kept(text: str, path: str) -> _Kept:
    if not text.startswith(_MARK):
        return _Kept(text, ())
    try:
        return msgspec.json.decode(text.removeprefix(_MARK), type=_Kept)
    except msgspec.DecodeError as error:
        raise FileError([Problem("bad-revision", f"an interim revision cannot be read: {error}", path)]) from error


def digest_of(text: str) -> str:
    """Give the digest of a revision's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def less(before: Team, after: Team, at: datetime) -> Team:
    """Give a team less what another takes away; `at` says how managed policies are read."""
    kept = _Left(before, after, at)
    return replace(
        before,
        people={name: kept.person(person) for name, person in before.people.items()},
        groups={name: kept.group(group) for name, group in before.groups.items()},
        permission_sets={
            name: old if new is None or says_same(new, old) or not is_narrower(new, old) else new
            for name, old, new in ((n, old, after.permission_sets.get(n)) for n, old in before.permission_sets.items())
        },
        rotas={name: made for name, rota in before.rotas.items() if (made := kept.rota(rota)) is not None},
        grants=tuple(kept.grants()),
    )


class _Left:
    """Tells what is left of each part."""

    def __init__(self, before: Team, after: Team, at: datetime) -> None:
        self._before, self._after = before, after
        self._holds = {(h.person, h.account, h.permission_set) for h in standing(after)}
        self._denying = {name for name, found in before.permission_sets.items() if denies(found, at)}

    def person(self, person: Person) -> Person:
        """Give a person with those of their keys and users of hosts that they still have; who is gone is in no rota."""
        new = self._after.people.get(person.name, person)
        keys = tuple(key for key in person.public_keys if key in new.public_keys)
        return replace(person, public_keys=keys, host_users=tuple(u for u in person.host_users if u in new.host_users))

    def group(self, group: Group) -> Group:
        """Give a group with those of its members who still hold anything by it, and those of its accesses."""
        members = tuple(name for name in self._before.members(group.name) if self._stays(name, group))
        access = tuple(kept for each in group.access if (kept := self._access(each, members)).accounts)
        return replace(group, members=members, includes=(), access=access)

    def _stays(self, person: str, group: Group) -> bool:
        if person not in self._after.people:
            return False
        return any(
            each.permission_set in self._denying or (person, account, each.permission_set) in self._holds
            for each in group.access
            for account in each.accounts
        )

    def _access(self, access: Access, members: tuple[str, ...]) -> Access:
        if access.permission_set in self._denying:
            return access
        kept = [a for a in access.accounts if any((m, a, access.permission_set) in self._holds for m in members)]
        return replace(access, accounts=tuple(kept))

    def rota(self, rota: Rota) -> Rota | None:
        """Give a rota without the watches of whoever is on it no more; None where it is gone."""
        new = self._after.rotas.get(rota.name)
        if new is None:
            return None
        gone = [name for name in rota.people if name not in new.people or name not in self._after.people]
        accounts = tuple(name for name in rota.accounts if name in new.accounts)
        entitlement = {kind: held for kind, held in rota.entitlement.items() if new.entitlement.get(kind) == held}
        hosts = tuple(name for name in rota.hosts if name in new.hosts and self._is_there(name))
        kept = new.sudo if EVERYTHING in rota.sudo else tuple(each for each in rota.sudo if each in new.sudo)
        sudo = rota.sudo if EVERYTHING in new.sudo else kept
        rota = replace(rota, hosts=hosts, sudo=sudo, ssh=rota.ssh and new.ssh)
        if not gone and accounts == rota.accounts and entitlement == rota.entitlement:
            return rota
        out = tuple(
            Override(f"out-{name}-{kind}", kind, _EVER, None, name, "no longer in the rota", "", rota.where)
            for name in gone
            for kind in sorted({layer.kind for layer in rota.layers} | {each.kind for each in rota.overrides})
        )
        changed = replace(rota, accounts=accounts, entitlement=entitlement, overrides=(*rota.overrides, *out))
        return replace(changed, required=())

    def _is_there(self, host: str) -> bool:
        """Tell whether a host is still reached, and the same: by another address it is another."""
        was, now = self._before.reached[host], self._after.reached.get(host)
        return now is not None and (now.address, now.port) == (was.address, was.port)

    def grants(self) -> Iterator[Grant]:
        """Give the grants that are still there; of one that gives less the old one waits with the rest."""
        new = {grant.name for grant in self._after.grants}
        for grant in self._before.grants:
            gone = grant.person not in self._after.people
            if not gone and (grant.name in new or grant.permission_set in self._denying):
                yield grant


def _access(team: Team) -> object:
    groups = [(g.name, sorted(team.members(g.name)), g.access) for g in team.groups.values() if g.access]
    hosts = [(person.public_keys, person.host_users) for person in team.people.values()]
    return groups, team.permission_sets, team.rotas, team.grants, hosts
