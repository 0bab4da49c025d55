"""Put the pieces together. The only module that knows both the core and the edges."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from watchbill.access.interfaces import Cloud
from watchbill.access.model import AccessKey, AccountState, spelled
from watchbill.aws.accounts import Accounts
from watchbill.aws.bucket import list_objects, read_object
from watchbill.aws.iam import AwsCloud
from watchbill.clock import Clock, SystemClock
from watchbill.errors import NotFoundError, WatchbillError
from watchbill.files.trail_folder import TRAIL_SUFFIXES, read_folder
from watchbill.intervals import parse_instant
from watchbill.settings import Settings
from watchbill.team.model import Team
from watchbill.trail.model import Reading
from watchbill.trail.read import FileReading, combine, read_file


_READERS = 8
"""Objects of S3 that are fetched side by side."""


class FixedClock:
    """A clock that stands still, for rehearsals (`WATCHBILL_AT`)."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the instant it was set to."""
        return self._at


@dataclass(frozen=True, slots=True)
class App:
    """Everything a command needs to reach the outside."""

    clock: Clock
    accounts: Accounts
    cloud: Cloud
    _read: dict[tuple[str, str, str], FileReading] = field(default_factory=dict)
    """What came out of each object of S3 already: an object with the same ETag is not fetched again."""

    def observe(self, team: Team) -> Mapping[str, AccountState]:
        """Read the IAM of every account of the team, side by side."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            states = pool.map(self.cloud.observe, team.accounts.values())
            return dict(zip(team.accounts, states, strict=True))

    def keys_of(
        self, team: Team, person: str, observed: Mapping[str, AccountState]
    ) -> Mapping[str, Sequence[AccessKey]]:
        """Read the access keys of a person in every account of the team, by their user as it was `observed`."""
        if person not in team.people:
            raise NotFoundError(f"no person `{person}` in {team.path}")
        user = team.people[person].iam_user
        return {n: self.cloud.access_keys(account, spelled(user, observed[n])) for n, account in team.accounts.items()}

    def read_trail(self, source: str, progress: Callable[[int, int], None] | None = None) -> Reading:
        """Read a trail from a folder or file, or from `s3://bucket/prefix`; `progress` is told done and of how many.

        What has no trail file in it is a NotFoundError: nothing audited must never look like nothing found.
        """
        if not source.startswith("s3://"):
            return read_folder(Path(source), progress)
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
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

    def _reading(self, place: tuple[str, str, str]) -> FileReading:
        if place in self._read:
            return self._read[place]
        bucket, key, _ = place
        return read_file(key, read_object(self.accounts, bucket, key))


def make_app(clock: Clock | None = None, endpoint: str | None = None, keys: tuple[str, str] | None = None) -> App:
    """Build an app on AWS, or on a stand-in at `endpoint` with the key pair it takes."""
    accounts = Accounts(endpoint, keys)
    return App(clock or SystemClock(), accounts, AwsCloud(accounts))


def clock_of(settings: Settings) -> Clock:
    """Give the clock the settings ask for."""
    if settings.at is None:
        return SystemClock()
    try:
        return FixedClock(parse_instant(settings.at))
    except ValueError as error:
        raise WatchbillError(f"WATCHBILL_AT: {error}") from error
