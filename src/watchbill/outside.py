"""Everything a freeze reaches besides IAM and shells: hosts, identity providers and Identity Center.

Places are read side by side, and one that cannot be read stops no other: a host that is down must not keep a thief in.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from watchbill.access.center.state import PLACE, CenterState
from watchbill.access.host_plan import HostSeen
from watchbill.access.model import Change
from watchbill.access.sudo import SERVICE as HOST_SERVICE
from watchbill.aws.accounts import Accounts
from watchbill.aws.identity_center import SERVICES as CENTER_SERVICES
from watchbill.aws.identity_center import Center
from watchbill.directories.providers import Addresses, Provider, connect, logins
from watchbill.errors import ProviderError, WatchbillError
from watchbill.hosts.authority import AUTHORITY, Authority
from watchbill.hosts.ssh import IDENTITY, KNOWN_HOSTS, Hosts
from watchbill.respond.center import Seat
from watchbill.respond.directory import SERVICES as DIRECTORY_SERVICES
from watchbill.respond.directory import DirectoryUser
from watchbill.respond.elsewhere import Elsewhere
from watchbill.respond.hosts import HostUser, Known
from watchbill.settings import read_variables
from watchbill.team.model import Account, Directory, Host, IdentityCenter, Person, Team
from watchbill.team.ssh_keys import fingerprint_of


_READERS = 16
_Read = Callable[[], HostUser | tuple[DirectoryUser, ...] | Seat]


@dataclass(frozen=True, slots=True)
class Outside:
    """Reads people outside of IAM, and makes the steps of a freeze there."""

    center: Center
    addresses: Addresses = field(default_factory=Addresses)
    hosts: Hosts | None = None
    """None is what the environment says, asked when a host is spoken to."""
    signs: Authority | None = None
    """Who signs certificates; None is what the environment says."""

    def read(self, team: Team, person: str, before: Elsewhere | None = None) -> Elsewhere:
        """Read a person wherever the team file names them; with what they had `before`, that too."""
        who = team.people[person]
        was = None if before is None else before.seat
        users = [(host, user) for host in team.reached.values() for user in who.host_users]
        asked: list[tuple[str, _Read]] = [
            *((host.name, partial(self._describe, host, user, who)) for host, user in users),
            *((directory.name, partial(self._find, directory, who)) for directory in team.directories.values()),
        ]
        if team.identity_center is not None:
            asked.append((PLACE, partial(self._seat, team, team.identity_center, who, was)))
        if not asked:
            return Elsewhere()
        with ThreadPoolExecutor(max_workers=min(_READERS, len(asked))) as pool:
            found = list(pool.map(lambda each: _tried(each[1]), asked))
        places = [place for place, _ in asked]
        return _gathered(places, found)

    def by_shift_on(self, team: Team, users: Mapping[str, Sequence[str]]) -> dict[str, HostSeen | str]:
        """Read what is written by shift on hosts, for users of each; one that cannot be read is why, in words."""

        def found(name: str) -> HostSeen | str:
            try:
                certificates = any(rota.ssh and name in rota.hosts for rota in team.rotas.values())
                return self._hosts().by_shift(team.reached[name], users[name], certificates=certificates)
            except WatchbillError as error:
                return str(error)

        if not users:
            return {}
        with ThreadPoolExecutor(max_workers=min(_READERS, len(users))) as pool:
            return dict(zip(users, pool.map(found, users), strict=True))

    def authority(self) -> Authority | None:
        """Give who signs certificates for log-ins; None where nobody does."""
        if self.signs is not None:
            return self.signs
        path = read_variables([AUTHORITY]).get(AUTHORITY)
        return None if path is None else Authority(path)

    def observe_center(self, team: Team) -> CenterState | None:
        """Read what Identity Center has, and the people of a team there; None where the team file names none."""
        center = team.identity_center
        return None if center is None else self.center.observe(center, _account(team, center), team.people.values())

    def names_in_center(self, team: Team, groups: Collection[str], sets: Collection[str]) -> Mapping[str, str | None]:
        """Tell which groups and permission sets are there, by id and ARN: by name watchbill's, None those of others."""
        center = team.identity_center
        return {} if center is None else self.center.names(center, _account(team, center), groups, sets)

    def perform(self, team: Team, change: Change) -> None:
        """Make one step; what the team file names no more is a ProviderError."""
        call, place = change.call, change.account
        if call.service == HOST_SERVICE:
            host = team.reached.get(place)
            if host is None:
                raise ProviderError(f"{call}: the team file has no address of host `{place}` any more")
            self._hosts().perform(host, call)
        elif call.service in DIRECTORY_SERVICES:
            name = str(call.parameters["Directory"])
            if name not in team.directories:
                raise ProviderError(f"{call}: the team file has no directory `{name}` any more")
            self._provider(team.directories[name]).perform(call)
        else:
            if team.identity_center is None:
                raise ProviderError(f"{call}: the team file has no Identity Center any more")
            self.center.perform(team.identity_center, _account(team, team.identity_center), call)

    def performers(self) -> Mapping[str, Callable[[Team, Change], None]]:
        """Give who makes the steps of each service."""
        return dict.fromkeys((HOST_SERVICE, *DIRECTORY_SERVICES, *CENTER_SERVICES), self.perform)

    def _hosts(self) -> Hosts:
        if self.hosts is not None:
            return self.hosts
        said = read_variables([IDENTITY, KNOWN_HOSTS])
        return Hosts(said.get(IDENTITY), said.get(KNOWN_HOSTS))

    def _describe(self, host: Host, user: str, who: Person) -> HostUser:
        """Read a user of a host; where keys can be revoked there, those that the team file declares are theirs too."""
        found = self._hosts().describe(host, user, self._own_authority())
        if not found.revocations:
            return found
        return replace(found, fingerprints=tuple(sorted({*found.fingerprints, *who.ssh_keys})))

    def _own_authority(self) -> str | None:
        """Give the fingerprint of who signs; where it cannot be read its certificates are taken for those of others."""
        try:
            signs = self.authority()
            return None if signs is None else fingerprint_of(signs.public())
        except WatchbillError:
            return None

    def _provider(self, directory: Directory) -> Provider:
        return connect(directory, read_variables([directory.secret]), self.addresses)

    def _find(self, directory: Directory, who: Person) -> tuple[DirectoryUser, ...]:
        provider = self._provider(directory)
        found = [user for login in logins(who.email, *who.also_known_as) if (user := provider.find(login)) is not None]
        return tuple({user.id: user for user in reversed(found)}.values())

    def _seat(self, team: Team, center: IdentityCenter, who: Person, was: Seat | None) -> Seat:
        sets, former = ((), ()) if was is None else (was.inline, (*was.former, *([was.user] if was.user else [])))
        return self.center.read(center, _account(team, center), who, sets, former)


def make_outside(accounts: Accounts, sleep: Callable[[float], object] = time.sleep) -> Outside:
    """Give what is outside, reached by these accounts and what the environment says; `sleep` waits so many seconds."""
    return Outside(Center(accounts, sleep))


def _account(team: Team, center: IdentityCenter) -> Account:
    return team.accounts[center.account]


def _tried(read: _Read) -> HostUser | tuple[DirectoryUser, ...] | Seat | str:
    try:
        return read()
    except WatchbillError as error:
        return str(error)


def _gathered(places: list[str], found: list[HostUser | tuple[DirectoryUser, ...] | Seat | str]) -> Elsewhere:
    return Elsewhere(
        tuple(each for each in found if isinstance(each, HostUser) and each.known is not Known.NOBODY),
        tuple(user for each in found if isinstance(each, tuple) for user in each),
        next((each for each in found if isinstance(each, Seat)), None),
        {place: each for place, each in zip(places, found, strict=True) if isinstance(each, str)},
    )
