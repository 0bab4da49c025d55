"""Put the pieces together. The only module that knows both the core and the edges."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from watchbill.access.center.entries import entered
from watchbill.access.center.planning import needs_center
from watchbill.access.center.state import CenterState
from watchbill.access.host_plan import HostSeen
from watchbill.access.interfaces import Cloud, ShellHouse
from watchbill.access.model import AccessKey, AccountState, Change, Credentials, Shell, spelled
from watchbill.access.organization import Known, under
from watchbill.aws.accounts import Accounts
from watchbill.aws.bucket import find_folders, list_objects, list_prefixes, read_object
from watchbill.aws.iam import AwsCloud
from watchbill.aws.identity_center import Center
from watchbill.aws.lookup import look_up
from watchbill.aws.organizations import read_organization
from watchbill.aws.queue import Queue, open_queue
from watchbill.aws.shells import Shells
from watchbill.aws.trail_keys import cloudtrail
from watchbill.clock import Clock, SystemClock
from watchbill.errors import NotFoundError, ProviderError
from watchbill.files.trail_folder import TRAIL_SUFFIXES, list_files, read_folder
from watchbill.hosts.authority import Authority
from watchbill.intervals import Interval
from watchbill.lake.delivery import Delivery
from watchbill.outside import Outside, make_outside
from watchbill.respond.elsewhere import Elsewhere
from watchbill.team.model import Account, Team
from watchbill.trail.model import Reading
from watchbill.trail.read import FileReading, combine, read_file
from watchbill.trail.sources import EVENTS, Listed, days_to_list, parse_key, prefixes_to_list


T = TypeVar("T")

Performer = Callable[[Team, Change], None]
"""Makes one step of a plan where it is to be made; every failure is a ProviderError."""

_READERS = 8
"""Objects of S3 that are fetched side by side."""


@dataclass(frozen=True, slots=True)
class App:
    """Everything a command needs to reach the outside."""

    clock: Clock
    accounts: Accounts
    cloud: Cloud
    endpoint: str | None = None
    """The stand-in for AWS, if it is one."""
    keys: tuple[str, str] | None = field(default=None, repr=False)
    shells: ShellHouse | None = None
    """None where open shells are out of reach."""
    sleep: Callable[[float], object] = time.sleep
    """Waits for so many seconds."""
    lanes: int = 16
    """Accounts, hosts and directories that are worked on side by side."""
    performers: Mapping[str, Performer] = field(default_factory=dict)
    """Who makes the steps of services besides AWS's IAM, by the service of the call."""
    outside: Outside | None = None
    """None where hosts, identity providers and Identity Center are out of reach."""
    _read: dict[tuple[str, str, str], FileReading] = field(default_factory=dict)
    """What came out of each object of S3 already: an object with the same ETag is not fetched again."""

    def look(self, team: Team) -> Mapping[str, AccountState]:
        """Read the IAM of every account of the team, side by side, but not who has an MFA device."""
        return self._in_each(team, self.cloud.look)

    def credentials_of(
        self, team: Team, person: str, observed: Mapping[str, AccountState]
    ) -> Mapping[str, Credentials]:
        """Read the credentials of a person in every account where their user was `observed`, side by side."""
        user = _user_of(team, person)
        there = {name: spelled(user, state) for name, state in observed.items()}
        having = replace(team, accounts={n: a for n, a in team.accounts.items() if there[n] in observed[n].users})
        return self._in_each(having, lambda account: self.cloud.credentials(account, there[account.name]))

    def shells_in(self, team: Team) -> tuple[Mapping[str, Sequence[Shell]], tuple[str, ...]]:
        """List the open shells of every account of the team, side by side, and say which could not be listed."""
        house = self.shells
        if house is None:
            return {}, ()

        def listed(account: Account) -> Sequence[Shell] | str:
            try:
                return house.open_in(account)
            except ProviderError as error:
                return str(error)

        found = self._in_each(team, listed)
        shells = {name: each for name, each in found.items() if not isinstance(each, str)}
        return shells, tuple(each for each in found.values() if isinstance(each, str))

    def elsewhere(self, team: Team, person: str, before: Elsewhere | None = None) -> Elsewhere:
        """Read a person outside of IAM, what they had `before` too; nothing where that is out of reach."""
        return Elsewhere() if self.outside is None else self.outside.read(team, person, before)

    def by_shift_on(self, team: Team, users: Mapping[str, Sequence[str]]) -> dict[str, HostSeen | str]:
        """Read sudo by shift on hosts, for users of each, or why it cannot be read."""
        if self.outside is None:
            return dict.fromkeys(users, "hosts are out of reach here")
        return self.outside.by_shift_on(team, users)

    def authority(self) -> Authority | None:
        """Give who signs certificates for log-ins; None where nobody does."""
        return None if self.outside is None else self.outside.authority()

    def _in_each(self, team: Team, read: Callable[[Account], T]) -> Mapping[str, T]:
        with ThreadPoolExecutor(max_workers=self.lanes) as pool:
            return dict(zip(team.accounts, pool.map(read, team.accounts.values()), strict=True))

    def observe(self, team: Team) -> Mapping[str, AccountState]:
        """Read the IAM of every account of the team, side by side, and what their organization bounds them by."""
        return self.observe_under(team, self.organization(team))

    def observe_under(self, team: Team, known: Known) -> Mapping[str, AccountState]:
        """Read the IAM of every account of the team, side by side; of their organization that is known already."""
        return under(team, self._in_each(team, self.cloud.observe), known)

    def entered(self, team: Team, states: Mapping[str, AccountState]) -> Mapping[str, AccountState]:
        """Lay over accounts who of the team comes into them by Identity Center, where the team file names one."""
        center = team.identity_center
        if center is None:
            return states
        try:
            account, people = team.accounts[center.account], team.people.values()
            found: CenterState | str = Center(self.accounts).observe(center, account, people)
        except ProviderError as error:
            found = str(error)
        return entered(states, found, team)

    def organization(self, team: Team) -> Known:
        """Read the organization of a team that names where; None where there is none, a text where it is not read."""
        if team.organization is None:
            return None
        try:
            return read_organization(self.accounts, team.accounts[team.organization])
        except ProviderError as error:
            return str(error)

    def observe_center(self, team: Team, observed: Mapping[str, AccountState]) -> CenterState | None:
        """Read what Identity Center has, for a plan that needs it; None where it does not, or it is out of reach."""
        if self.outside is None or not needs_center(team, observed.values()):
            return None
        return self.outside.observe_center(team)

    def names_in_center(self, team: Team, groups: Collection[str], sets: Collection[str]) -> Mapping[str, str | None]:
        """Tell which groups and permission sets are there, by id and ARN: by name watchbill's, None those of others."""
        return {} if self.outside is None else self.outside.names_in_center(team, groups, sets)

    def perform(self, team: Team, change: Change) -> None:
        """Make one step of a plan, by whoever makes those of its service; where nobody does, a ProviderError."""
        service = change.call.service
        if service == "iam":
            self.cloud.perform(_account(team, change), change.call)
        elif service == "ssm" and self.shells is not None:
            self.shells.perform(_account(team, change), change.call)
        elif service in self.performers:
            self.performers[service](team, change)
        else:
            known = ", ".join(sorted(["iam", *self.performers]))
            raise ProviderError(f"nothing here makes {change.call}", f"set up `{service}`; there is: {known}")

    def keys_of(
        self, team: Team, person: str, observed: Mapping[str, AccountState]
    ) -> Mapping[str, Sequence[AccessKey]]:
        """Read the access keys of a person in every account of the team, by their user as it was `observed`."""
        user = _user_of(team, person)
        return {n: self.cloud.access_keys(account, spelled(user, observed[n])) for n, account in team.accounts.items()}

    def read_trail(self, source: str, progress: Callable[[int, int], None] | None = None) -> Reading:
        """Read a trail from a folder or file, or from `s3://bucket/prefix`; `progress` is told done and of how many.

        What has no trail file in it is a NotFoundError: nothing audited must never look like nothing found.
        """
        if not source.startswith("s3://"):
            return read_folder(Path(source), progress)
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        if not bucket:
            raise NotFoundError(f"`{source}` names no bucket", "write s3://bucket/prefix")
        listed = [(bucket, key, etag) for key, etag in list_objects(self.accounts, bucket, prefix)]
        trail = [found for found in listed if found[1].lower().endswith(TRAIL_SUFFIXES)]
        if not trail:
            raise NotFoundError(
                f"no CloudTrail file in {source}", "name the bucket and prefix that the trail writes to"
            )
        with ThreadPoolExecutor(max_workers=_READERS) as pool:
            for done, (place, reading) in enumerate(zip(trail, pool.map(self._reading, trail), strict=True), start=1):
                self._read[place] = reading
                if progress is not None:
                    progress(done, len(trail))
        return combine([self._read[place] for place in trail], len(listed) - len(trail))

    def deliveries(self, source: str, span: Interval | None = None, *, hosts: bool = False) -> "Offered":
        """List what may be taken into the lake from a folder or file, or from `s3://bucket/prefix`, without reading it.

        With a span, only the days of S3 that may hold events of it are listed. Logs of hosts may have any name.
        Nothing there is a NotFoundError.
        """
        if not source.startswith("s3://"):
            return list_folder(Path(source), any_name=hosts)
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        if not bucket:
            raise NotFoundError(f"`{source}` names no bucket", "write s3://bucket/prefix")
        prefixes = [prefix]
        if span is not None and (folders := find_folders(self.accounts, bucket, prefix, EVENTS).folders):
            prefixes = list(prefixes_to_list(folders, days_to_list(span)))
        listed = list_prefixes(self.accounts, bucket, prefixes)
        found, passed_over = [], 0
        for each in listed:
            if hosts or is_log(each.key):
                found.append(self.delivery(each))
            else:
                passed_over += 1
        if not found:
            raise NotFoundError(f"no log in {source}", "name the bucket and prefix that the trail writes to")
        return Offered(found, passed_over)

    def delivery(self, listed: Listed) -> Delivery:
        """Make what the lake takes in of an object of S3."""
        fetch = partial(read_object, self.accounts, listed.bucket, listed.key)
        name = f"s3://{listed.bucket}/{listed.key}"
        return Delivery(name, listed.etag or "", listed.size or 0, fetch, listed.modified)

    @staticmethod
    def is_log(key: str) -> bool:
        """Tell whether an object may hold events."""
        return is_log(key)

    def queue(self, url: str) -> Queue:
        """Give a queue of SQS by its address."""
        return open_queue(url, self.endpoint, self.keys)

    def look_up(self, region: str, span: Interval, attribute: tuple[str, str] | None) -> Iterator[tuple[str, bytes]]:
        """Ask CloudTrail itself for the events of a region, as files for `trail.read`."""
        return look_up(cloudtrail(self.endpoint, self.keys)(region), span, attribute)

    def raw_bytes(self, name: str) -> bytes:
        """Fetch the object of an event again, by the name that the lake has of it."""
        if name.startswith("s3://"):
            bucket, _, key = name.removeprefix("s3://").partition("/")
            return read_object(self.accounts, bucket, key)
        try:
            return Path(name).read_bytes()
        except OSError as error:
            raise ProviderError(f"could not read {name}: {error.strerror}", "put the file back where it was") from error

    def _reading(self, place: tuple[str, str, str]) -> FileReading:
        if place in self._read:
            return self._read[place]
        bucket, key, _ = place
        return read_file(key, read_object(self.accounts, bucket, key))


def _user_of(team: Team, person: str) -> str:
    if person not in team.people:
        raise NotFoundError(f"no person `{person}` in {team.path}")
    return team.people[person].iam_user


def _account(team: Team, change: Change) -> Account:
    if change.account not in team.accounts:
        raise ProviderError(f"{change.call}: the team file has no account `{change.account}` any more")
    return team.accounts[change.account]


@dataclass(frozen=True, slots=True)
class Offered:
    """What a source offers to the lake."""

    deliveries: list[Delivery]
    passed_over: int
    """Objects and files that are no log by their name."""


def list_folder(source: Path, *, any_name: bool = False) -> Offered:
    """List the files of a folder that may be taken into the lake; those that are no log by their name only if asked.

    A folder without any such file is a NotFoundError; one file that is named and is none is passed over.
    """
    found, passed_over = [], 0
    for path in list_files(source):
        if not (any_name or is_log(path.as_posix())):
            passed_over += 1
            continue
        try:
            about = path.stat()
        except FileNotFoundError:
            # It was rotated away since it was listed; its new name comes with the next run.
            continue
        version, modified = f"{about.st_size}-{about.st_mtime_ns}", datetime.fromtimestamp(about.st_mtime, UTC)
        found.append(Delivery(str(path), version, about.st_size, path.read_bytes, modified))
    if not found and not source.is_file():
        raise NotFoundError(f"no log in {source}", f"such files end in {', '.join(TRAIL_SUFFIXES)}")
    return Offered(found, passed_over)


def is_log(key: str) -> bool:
    """Tell whether an object may hold events: by where CloudTrail put it, else by the end of its name."""
    placed = parse_key(key)
    return placed.kind in EVENTS if placed is not None else key.lower().endswith(TRAIL_SUFFIXES)


def make_app(
    clock: Clock | None = None,
    endpoint: str | None = None,
    keys: tuple[str, str] | None = None,
    role: str | None = None,
) -> App:
    """Build an app on AWS, or on a stand-in at `endpoint` with the key pair it takes; see `Accounts` for the role."""
    accounts = Accounts(endpoint, keys, role)
    # In a rehearsal time stands still or is moved by whoever tells it: there is nothing to wait for.
    sleep: Callable[[float], object] = time.sleep if clock is None or isinstance(clock, SystemClock) else _no_wait
    found = clock or SystemClock()
    outside = make_outside(accounts, sleep)
    app = App(found, accounts, AwsCloud(accounts), endpoint, keys, Shells(accounts), sleep)
    return replace(app, outside=outside, performers=outside.performers())


def _no_wait(_: float) -> None:
    """Wait for nothing."""
