"""Certificates of SSH that are to be signed: one for each window of each key, for what hosts take (`logins`)."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from watchbill.access.logins import Login, logins_on
from watchbill.access.model import Freeze
from watchbill.access.sudo import rotas_on, users_on
from watchbill.intervals import Interval
from watchbill.team.model import Team
from watchbill.team.ssh_keys import fingerprint_of


@dataclass(frozen=True, slots=True, order=True)
class Certificate:
    """A certificate as it is to be signed."""

    person: str
    interval: Interval
    key: str
    """The public key, as in the team file without its comment."""
    principals: tuple[str, ...]
    """Sorted."""

    def serial(self, authority: str) -> int:
        """Give its serial number from an authority, by its fingerprint: the same certificate has the same."""
        said = "\n".join((authority, self.key, *self.principals))
        return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8]) >> 1

    @property
    def name(self) -> str:
        """Give what sshd calls it in its log."""
        return f"watchbill/{self.person}/{self.interval.start:%Y%m%dT%H%M%SZ}"


def certificates(team: Team, logins: Iterable[Login]) -> Iterator[Certificate]:
    """Give the certificates that it takes for all of some log-ins, on whatever hosts."""
    owners = {user: person for person in team.people.values() for user in person.host_users}
    found: dict[tuple[str, Interval, str], set[str]] = {}
    for login in logins:
        for key in owners[login.user].public_keys:
            if fingerprint_of(key) == login.key:
                found.setdefault((owners[login.user].name, login.interval, key), set()).add(login.principal)
    for (person, interval, key), principals in sorted(found.items()):
        yield Certificate(person, interval, key, tuple(sorted(principals)))


def taken(team: Team, freezes: Collection[Freeze], at: datetime) -> dict[str, tuple[str, ...]]:
    """Give by principal the hosts that are to take it, as far as they know its user."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for host in team.reached:
        alike.setdefault(tuple(rota.name for rota in rotas_on(team, host)), []).append(host)
    found: dict[str, list[str]] = {}
    for hosts in alike.values():
        for login in logins_on(team, hosts[0], users_on(team, hosts[0]), freezes, at):
            found.setdefault(login.principal, []).extend(hosts)
    return {principal: tuple(hosts) for principal, hosts in found.items()}
