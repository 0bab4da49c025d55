"""Where the trail says nothing: accounts, regions and hours without a file, hosts that fell silent, gaps of digests.

CloudTrail writes no file where nothing happens, so an hour without one is no gap by itself. The rules, in order:

1. A declared account of which there is nothing at all is a gap; so is a region that was asked for.
2. Hours in a row with neither a file nor an event are a gap where their account and region is otherwise steady: without
   all silences as long as theirs there are at least 24 hours, nine in ten of them with something, and silences as long
   are rare: two, or one in three days.
3. What a verified digest covers is no gap: it says that nothing was delivered then.
4. Before the first thing that is known of an account and region nothing is said to be a gap: it is not known whether
   there was anything to record.
5. A host is silent when it has logged nothing for longer than is usual for it: more than three hours, and more than
   twice the longest of its silences before, but for the twentieth part that are the longest.
6. What digests say is missing, changed or not verifiable is a gap for as long as they say.
7. The last quarter of an hour, or what is given as the watermark, is not judged: its files are still on their way.

Where the rules cannot tell, that is said as well.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate

from watchbill.intervals import Interval, iso, merge
from watchbill.trail.digest import GOOD, Covered, Finding, Kind, log_minute


WATERMARK = timedelta(minutes=15)
"""How long CloudTrail takes to deliver, nearly always."""

STEADY = 0.9
"""Share of hours with something in them, from which on an account and region is steady."""
ENOUGH = 24
"""Hours that must be known to tell what is usual."""
RARE_DAYS = 3
"""Silences of a length are rare where there is at most one in so many days."""
RARE = 2
"""Silences of a length are rare where there are so few."""
HISTORY = timedelta(days=90)
"""How long before the span what is usual is looked for."""
QUIET = timedelta(hours=3)
"""No host is silent before."""

_HOUR = timedelta(hours=1)
_USUAL = 0.95
_LOG = re.compile(r"(?:^|/)(\d{12})_CloudTrail(?:-[A-Za-z]+)?_([a-z0-9-]+)_\d{8}T\d{4}Z_[^/]*$")


class GapKind(StrEnum):
    """What a gap is in."""

    ACCOUNT = "account"
    REGION = "region"
    HOURS = "hours"
    HOST = "host"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of time of which the trail should say something and does not."""

    kind: GapKind
    account: str | None
    region: str | None
    host: str | None
    interval: Interval
    why: str

    def __str__(self) -> str:
        named = (("account", self.account), ("region", self.region), ("host", self.host))
        where = ", ".join(f"{what} {name}" for what, name in named if name is not None)
        return f"{where}: {self.why}, {self.interval}"


@dataclass(frozen=True, slots=True)
class Unsure:
    """Something of which it cannot be told whether it is a gap."""

    account: str | None
    region: str | None
    host: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the trail covers, and what it does not."""

    gaps: tuple[Gap, ...]
    unsure: tuple[Unsure, ...]
    areas: tuple[tuple[str, str], ...]
    """Account and region of which there is anything."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a trail, as plain counts."""

    files: Iterable[str] = ()
    """Keys of objects in the layout of AWS; others are passed over."""
    events: Mapping[tuple[str, str, datetime], int] = field(default_factory=dict)
    """Number of events by account, region and hour."""
    hosts: Mapping[str, Collection[datetime]] = field(default_factory=dict)
    """The hours in which each host logged anything."""
    digests: Sequence[Covered] = ()
    findings: Sequence[Finding] = ()
    """Of digests and of the files that they name."""


def coverage(
    known: Known,
    within: Interval,
    at: datetime,
    *,
    accounts: Collection[str] = (),
    regions: Collection[str] = (),
    watermark: timedelta = WATERMARK,
) -> Coverage:
    """Tell the gaps within a span, as of `at`; `accounts` and `regions` are those that there should be."""
    end = min(within.end, at - watermark)
    if end <= within.start:
        return Coverage((), (), ())
    span = Interval(within.start, end)
    gaps: list[Gap] = []
    unsure: list[Unsure] = []
    busy = _busy(known)
    proven = _proven(known.digests)
    for account, region in sorted(busy):
        _area(account, region, span, busy[account, region], proven.get((account, region), ()), gaps, unsure)
    _absent(span, busy, proven, accounts, regions, gaps)
    if accounts:
        strangers = sorted({account for account, _ in busy} - set(accounts))
        unsure += [Unsure(each, None, None, "there are files of this account, not declared") for each in strangers]
    for host, logged in sorted(known.hosts.items()):
        _host(host, logged, span, gaps, unsure)
    gaps.extend(_of_digests(known.findings, span))
    ordered = sorted(
        gaps, key=lambda gap: (gap.interval, gap.kind, gap.account or "", gap.region or "", gap.host or "")
    )
    return Coverage(tuple(ordered), tuple(unsure), tuple(sorted(busy)))


def file_area(key: str) -> tuple[str, str, datetime] | None:
    """Give account, region and the minute of delivery of a log file by its key; None where it is none."""
    found, minute = _LOG.search(key), log_minute(key)
    return None if found is None or minute is None else (found[1], found[2], minute)


def _busy(known: Known) -> dict[tuple[str, str], set[datetime]]:
    busy: dict[tuple[str, str], set[datetime]] = defaultdict(set)
    for key in known.files:
        area = file_area(key)
        if area is not None:
            busy[area[0], area[1]].add(_floor(area[2]))
    for (account, region, hour), count in known.events.items():
        if count > 0:
            busy[account, region].add(_floor(hour))
    return busy


def _proven(digests: Iterable[Covered]) -> dict[tuple[str, str], tuple[Interval, ...]]:
    spans: dict[tuple[str, str], list[Interval]] = defaultdict(list)
    for each in digests:
        spans[each.chain.account, each.chain.region].extend(each.spans)
    return {area: merge(found) for area, found in spans.items() if found}


def _area(
    account: str,
    region: str,
    span: Interval,
    busy: Collection[datetime],
    proven: Sequence[Interval],
    gaps: list[Gap],
    unsure: list[Unsure],
) -> None:
    """Find the silences of one account and region that are not usual for it, by what is known of a while before too."""
    first = _floor(min(busy))
    hours = _hours(Interval(max(first, span.start - HISTORY), span.end)) if first < span.end else []
    silences = list(_silences(hours, busy, proven))
    lengths = sorted(len(silence) for silence in silences)
    sums = [0, *accumulate(lengths)]
    for silence in silences:
        shorter = bisect_left(lengths, len(silence))
        rest = len(hours) - (sums[-1] - sums[shorter])
        steady = rest >= ENOUGH and rest - sums[shorter] >= STEADY * rest
        rare = len(lengths) - shorter <= max(RARE, len(hours) / 24 / RARE_DAYS)
        when = Interval(silence[0], silence[-1] + _HOUR).intersection(span)
        if steady and rare and when is not None:
            why = "neither a file nor an event, in an account and region that is otherwise steady"
            gaps.append(Gap(GapKind.HOURS, account, region, None, when, why))
    if len(hours) - sums[-1] < ENOUGH and silences:
        why = "too little is known of it to tell whether its silences are usual; digests would say for sure"
        unsure.append(Unsure(account, region, None, why))
    elif span.start < first:
        unsure.append(Unsure(account, region, None, f"nothing is known of it before {iso(first)}"))


def _silences(
    hours: Iterable[datetime], busy: Collection[datetime], proven: Sequence[Interval]
) -> Iterator[list[datetime]]:
    """Give hours in a row in which nothing is known to have been, nor proven to have been nothing."""
    silence: list[datetime] = []
    for hour in hours:
        if hour in busy or _is_proven(hour, proven):
            if silence:
                yield silence
            silence = []
        else:
            silence.append(hour)
    if silence:
        yield silence


def _is_proven(hour: datetime, proven: Sequence[Interval]) -> bool:
    place = bisect_right(proven, hour, key=lambda span: span.start) - 1
    return place >= 0 and hour + _HOUR <= proven[place].end


def _absent(
    span: Interval,
    busy: Mapping[tuple[str, str], Collection[datetime]],
    proven: Mapping[tuple[str, str], Sequence[Interval]],
    accounts: Collection[str],
    regions: Collection[str],
    gaps: list[Gap],
) -> None:
    """Find accounts and regions of which there is nothing at all."""
    here = {account for account, _ in (*busy, *proven)}
    nothing = "nothing at all of a declared account"
    gaps += [Gap(GapKind.ACCOUNT, each, None, None, span, nothing) for each in sorted(set(accounts) - here)]
    for account in sorted(here):
        for region in sorted(set(regions) - {region for number, region in (*busy, *proven) if number == account}):
            why = "nothing at all of this region: its trail does not reach it, or nothing ever happened there"
            gaps.append(Gap(GapKind.REGION, account, region, None, span, why))


def _host(host: str, logged: Collection[datetime], span: Interval, gaps: list[Gap], unsure: list[Unsure]) -> None:
    """Find the silences of one host that are not usual for it, the one that lasts until now too."""
    hours = sorted({_floor(hour) for hour in logged if hour < span.end})
    if len(hours) < ENOUGH:
        unsure.append(Unsure(None, None, host, f"it logged in {len(hours)} hours only: what is usual cannot be told"))
        return
    ends = [*hours[1:], span.end]
    silences = [(start + _HOUR, end) for start, end in zip(hours, ends, strict=True)]
    lengths = sorted(end - start for start, end in silences[:-1])
    usual = lengths[int(_USUAL * (len(lengths) - 1))]
    limit = max(QUIET, 2 * usual)
    for start, end in silences:
        if end - start <= limit or end <= span.start:
            continue
        silence = Interval(max(start, span.start), end)
        last = "until now" if end == span.end else "for a while"
        why = f"it logged nothing {last}; it is never quiet for long: {_said(usual)} at most, nearly always"
        gaps.append(Gap(GapKind.HOST, None, None, host, silence, why))


def _said(length: timedelta) -> str:
    return f"{max(length, _HOUR) / _HOUR:.0f} h"


def _of_digests(findings: Iterable[Finding], span: Interval) -> Iterator[Gap]:
    """Put in what digests say: a log file that is gone leaves the hour in which it was delivered open."""
    for each in findings:
        interval = each.span
        if interval is None and each.kind is not Kind.SPAN:
            minute = log_minute(each.name)
            interval = None if minute is None else Interval(_floor(minute), _floor(minute) + _HOUR)
        shared = None if interval is None or each.status in GOOD else interval.intersection(span)
        if shared is None:
            continue
        account, region = (each.chain.account, each.chain.region) if each.chain else _area_of(each.name)
        why = f"{each.kind} {each.status}: {each.why}" if not each.name else f"{each.name} {each.status}: {each.why}"
        yield Gap(GapKind.DIGEST, account, region, None, shared, why)


def _area_of(name: str) -> tuple[str | None, str | None]:
    area = file_area(name)
    return (None, None) if area is None else (area[0], area[1])


def _hours(span: Interval) -> list[datetime]:
    """Give the whole hours of a span."""
    first = _floor(span.start)
    first = first if first == span.start else first + _HOUR
    return [first + number * _HOUR for number in range(max(0, (span.end - first) // _HOUR))]


@lru_cache(maxsize=4096)
def _floor(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
