"""Where CloudTrail puts its files, and which places to look at again: keys in, facts out.

A trail delivers to `PREFIX/AWSLogs/[O-ID/]ACCOUNT/KIND/REGION/YYYY/MM/DD/`, where the prefix is of the trail's own
choosing and the organization stands for trails of an organization only. So one bucket may hold several trails, each of
which is a set of folders. Day and minute are those of the delivery, not of the events in a file.

There is no "last key": files of the same minute have random ends, files come late, and a trail whose bucket could not
be reached tries again for 30 days. What was read is told by the set of objects that were processed, and by nothing
else; the prefixes of the last days are listed again and again, and `unprocessed` is what the set does not hold.

Sources: CloudTrail User Guide, "Finding your CloudTrail log files", "CloudTrail log file name format" and "Digest file
location".
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from watchbill.intervals import Interval


RELIST = timedelta(hours=48)
"""How long after an event its file is still looked for by listing; nearly all are there after ten minutes."""

_KEY = re.compile(
    r"(?P<prefix>(?:.*/)?)AWSLogs/(?:(?P<organization>o-[a-z0-9]{10,32})/)?(?P<account>\d{12})/"
    r"(?P<kind>CloudTrail(?:-[A-Za-z]+)?)/(?P<region>[a-z0-9-]+)/"
    r"(?P<year>\d{4})/(?P<month>\d\d)/(?P<day>\d\d)/(?P<file>[^/]+)",
    re.ASCII | re.DOTALL,
)

_FILE = re.compile(
    r"(?P<account>\d{12})_(?P<kind>CloudTrail(?:-[A-Za-z]+)?)_(?P<region>[a-z0-9-]+)_(?P<trail>.*?)"
    r"(?P<at>\d{8}T\d{4}(?:\d\d)?)Z(?P<rest>[^/]*)",
    re.ASCII | re.DOTALL,
)

_DIGEST_TRAIL = re.compile(r"(?P<trail>.+)_(?P<home>[a-z0-9-]+)_", re.ASCII | re.DOTALL)

_BACKFILL = "_backfill"


class Kind(StrEnum):
    """What a file of CloudTrail holds, by the name of its folder."""

    LOG = "CloudTrail"
    """Management and data events."""
    DIGEST = "CloudTrail-Digest"
    """Hashes of the log files of an hour, signed."""
    INSIGHT = "CloudTrail-Insight"
    NETWORK_ACTIVITY = "CloudTrail-NetworkActivity"
    AGGREGATED = "CloudTrail-Aggregated"
    """Counts of data events in windows of minutes: not events themselves."""


_KINDS = frozenset(Kind)

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}", re.ASCII)

EVENTS = frozenset({Kind.LOG, Kind.INSIGHT, Kind.NETWORK_ACTIVITY})
"""Kinds of files that hold events."""


@dataclass(frozen=True, slots=True, order=True)
class Folder:
    """Where one trail delivers what one account did in one region."""

    prefix: str
    """What the trail puts before `AWSLogs/`, with the slash at its end; empty where it puts nothing."""
    organization: str
    """`o-...` for a trail of an organization; empty for one of an account."""
    account: str
    kind: Kind
    region: str

    @property
    def path(self) -> str:
        """The key prefix of all its days."""
        organization = f"{self.organization}/" if self.organization else ""
        return f"{self.prefix}AWSLogs/{organization}{self.account}/{self.kind}/{self.region}/"

    def day(self, day: date) -> str:
        """Give the key prefix of one day."""
        return f"{self.path}{day:%Y/%m/%d}/"


@dataclass(frozen=True, slots=True)
class LogKey:
    """The key of a file in the AWS layout, taken apart."""

    folder: Folder
    day: date
    """The day of its folder: when it was delivered, in UTC."""
    at: datetime
    """The minute that its name says: when a log was delivered, or the second at which the hour of a digest ends."""
    key: str
    trail: str | None = None
    """The name of the trail, which only digests carry."""
    home_region: str | None = None
    """The region that the trail was made in, which only digests carry."""
    backfill: bool = False
    """Whether it is a digest that was made later, for an hour that had none."""

    @property
    def organization(self) -> str | None:
        """The organization of the trail; None where it is of one account."""
        return self.folder.organization or None

    @property
    def account(self) -> str:
        """The account whose events it holds."""
        return self.folder.account

    @property
    def region(self) -> str:
        """The region whose events it holds."""
        return self.folder.region

    @property
    def kind(self) -> Kind:
        """What it holds."""
        return self.folder.kind


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing or a notification tells of it."""

    bucket: str
    key: str
    etag: str | None
    """Which contents it has, without quotes; None where that was not told."""
    size: int | None = None
    """Bytes, as they lie there."""
    modified: datetime | None = None


def parse_key(key: str) -> LogKey | None:
    """Take a key apart; None where it is none of CloudTrail's, or where its folders and its name tell two stories."""
    found = _KEY.fullmatch(key)
    if found is None or found["kind"] not in _KINDS:
        return None
    folder = Folder(
        found["prefix"], found["organization"] or "", found["account"], Kind(found["kind"]), found["region"]
    )
    named = _FILE.fullmatch(found["file"])
    if named is None or (named["account"], named["kind"], named["region"]) != (
        folder.account,
        folder.kind,
        folder.region,
    ):
        return None
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        digest = _digest(named) if folder.kind is Kind.DIGEST else None
        at = _instant(named["at"] if digest is None else digest["at"])
    except ValueError:
        return None
    if digest is None:
        # A log has nothing between its region and its time.
        return None if named["trail"] else LogKey(folder, day, at, key)
    of = _DIGEST_TRAIL.fullmatch(digest["trail"])
    backfill = digest["rest"].startswith(_BACKFILL)
    return LogKey(folder, day, at, key, of and of["trail"], of and of["home"], backfill)


def _digest(named: re.Match[str]) -> dict[str, str]:
    """Read the name of a digest, whose time is the last in it: the name of its trail may look like one."""
    trail, at, rest = named["trail"], named["at"], named["rest"]
    while (further := re.fullmatch(r"(.*?)(\d{8}T\d{6})Z(.*)", rest, re.ASCII | re.DOTALL)) is not None:
        trail, at, rest = f"{trail}{at}Z{further[1]}", further[2], further[3]
    return {"trail": trail, "at": at, "rest": rest}


def _instant(written: str) -> datetime:
    """Read a time such as `20150801T0210` or `20150801T021000`."""
    parts = (written[:4], written[4:6], written[6:8], written[9:11], written[11:13], written[13:] or "0")
    year, month, day, hour, minute, second = map(int, parts)
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def is_account(name: str) -> bool:
    """Tell whether a folder is named for an account."""
    return _ACCOUNT.fullmatch(name) is not None


def is_organization(name: str) -> bool:
    """Tell whether a folder is named for an organization."""
    return _ORGANIZATION.fullmatch(name) is not None


def folders_of(keys: Iterable[str]) -> tuple[Folder, ...]:
    """Give the folders that some keys lie in, in order; keys of other layouts are passed over."""
    return tuple(sorted({found.folder for key in keys if (found := parse_key(key)) is not None}))


def days_to_list(span: Interval, late: timedelta = RELIST) -> tuple[date, ...]:
    """Give the days whose folders may hold events of a span: from its first day to `late` after its end."""
    first, last = span.start.date(), (span.end + late).date()
    return tuple(first + timedelta(days=count) for count in range((last - first).days + 1))


def days_to_list_again(at: datetime, late: timedelta = RELIST) -> tuple[date, ...]:
    """Give the days that a look for new files lists anew at an instant: those of the last `late`, and today."""
    return days_to_list(Interval(at - late, at), timedelta(0))


def prefixes_to_list(folders: Iterable[Folder], days: Iterable[date]) -> tuple[str, ...]:
    """Give the key prefixes of some days of some folders, each once and in order."""
    wanted = tuple(days)
    return tuple(sorted({folder.day(day) for folder in folders for day in wanted}))


def unprocessed(listed: Iterable[Listed], processed: Container[tuple[str, str, str | None]]) -> Iterator[Listed]:
    """Give each object that is not processed, once: by bucket, key and ETag, so that one written over is another.

    Neither the order of keys nor any time has a say in it: an object is left out only because it was processed. One
    whose ETag was not told, as by CloudTrail's own notification, is not known to be processed until it is read.
    """
    given: set[tuple[str, str, str | None]] = set()
    for found in listed:
        which = (found.bucket, found.key, found.etag)
        if which not in processed and which not in given:
            given.add(which)
            yield found
