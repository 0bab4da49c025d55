"""A simulated month of a team's trail: ordinary life with its mishaps, misuse in it, and a label for each of both.

The same chapters, shifts, span, seed and casting give the same bytes. Nothing here knows how anything is detected: the
month is made from what the team file says and from how AWS writes its records.
"""

import gzip
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.sim import ordinary
from watchbill.sim.events import Written
from watchbill.sim.labels import Label, Misuse, Quirk
from watchbill.sim.misuse import Told
from watchbill.sim.model import TrailFile
from watchbill.sim.ordinary import Chapter, Company
from watchbill.sim.tales import every_variation, tell


LENGTH = timedelta(days=30)
SETTLED = timedelta(days=8)
"""Nothing is told before this: what is usual for whom has to be known by then."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

Casting = Sequence[tuple[Misuse | Quirk, int]]
"""What is to happen, each with its variation."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much goes on, and how it is delivered."""

    busy: float = 1.0
    """Calls in a piece of work, against those of a month."""
    quirks: float = 1.0
    """How often mishaps happen by themselves, against how often they do in a month."""
    slot: timedelta = timedelta(minutes=20)
    """Workloads call once in each."""
    machine_calls: int = 8
    every: timedelta = timedelta(minutes=5)
    """How long CloudTrail gathers before it writes a file."""
    twice: float = 0.03
    """The share of files that a second trail delivers once more."""
    late: float = 0.01
    """The share of events that come late, a few by more than a day."""


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the team's trail, or another span of it."""

    files: tuple[TrailFile, ...]
    """In order of delivery, then of key; some hold what another one holds."""
    labels: tuple[Label, ...]
    """What was cast, in order of time; empty for an ordinary month."""
    mishaps: tuple[Label, ...]
    """What happened by itself, in order of time."""
    events: int
    """How many distinct events there are."""
    not_told: tuple[tuple[Misuse | Quirk, int], ...] = field(default=())
    """What could not be cast."""


def everything() -> Casting:
    """Give every misuse in every variation."""
    return every_variation(Misuse)


def make_month(
    chapters: Sequence[Chapter],
    shifts: Sequence[Shift],
    span: Interval,
    seed: int,
    casting: Casting = (),
    pace: Pace | None = None,
) -> Month:
    """Make a span of the trail. `shifts` are those of each chapter in its time; what cannot be cast is said."""
    pace = pace or Pace()
    company = Company(chapters, shifts, span, seed, pace.busy, pace.quirks)
    told, not_told = tell(company, casting, settled=span.start + min(SETTLED, span.length - timedelta(days=1.5)))
    bouts = [*_bouts(company, pace, told)]
    events = [event for bout in bouts for event in bout.events if event.at in span]
    events += [event for each in told for event in each.events if event.at in span]
    mishaps = sorted((bout.label for bout in bouts if bout.label), key=lambda label: (label.at, label.person or ""))
    files = _delivered(company.world.rng("month delivery"), events, pace)
    labels = tuple(sorted((each.label for each in told), key=lambda label: (label.at, label.what)))
    return Month(files, labels, tuple(mishaps), len(events), tuple(not_told))


def _bouts(company: Company, pace: Pace, told: Sequence[Told]) -> Iterable[ordinary.Bout]:
    quiet = [each for story in told for each in story.quiet]
    for bout in (*ordinary.work(company), *ordinary.watch(company)):
        if not any(who == bout.person and bout.span.meets(when) for who, when in quiet):
            yield bout
    yield from ordinary.machines(company, pace.slot, pace.machine_calls)
    yield from ordinary.services(company, pace.slot)
    yield from ordinary.ours(company)


def _delivered(rng: random.Random, events: Iterable[Written], pace: Pace) -> tuple[TrailFile, ...]:
    """Write events to files as they arrive: minutes after they happened, a few late, some files twice."""
    parcels: list[tuple[datetime, str, str, str, Written]] = []
    for event in sorted(events, key=lambda each: (each.at, each.id)):
        wait = timedelta(seconds=rng.randint(60, 300))
        if rng.random() < pace.late:
            wait = timedelta(seconds=rng.choice((rng.randint(540, 840), rng.randint(3600, 110_000))))
        parcels.append((_file_time(event.at + wait, pace.every), event.account, event.region, event.id, event))
    parcels.sort(key=lambda parcel: parcel[:4])
    files: list[TrailFile] = []
    for (delivered, account, region), group in groupby(parcels, key=lambda parcel: parcel[:3]):
        file = _file(rng, account, region, delivered, [parcel[4] for parcel in group])
        files.append(file)
        if rng.random() < pace.twice:
            again = delivered + timedelta(minutes=5)
            files.append(replace(file, key=_key(rng, account, region, again), delivered=again))
    return tuple(sorted(files, key=lambda file: (file.delivered, file.key)))


def _file_time(at: datetime, every: timedelta) -> datetime:
    """Give the next full five minutes, or whatever the trail gathers for."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + -((midnight - at) // every) * every


def _key(rng: random.Random, account: str, region: str, at: datetime) -> str:
    name = f"{account}_CloudTrail_{region}_{at:%Y%m%dT%H%MZ}_{''.join(rng.choices(_LETTERS, k=16))}.json.gz"
    return f"AWSLogs/{account}/CloudTrail/{region}/{at:%Y/%m/%d}/{name}"


def _file(rng: random.Random, account: str, region: str, at: datetime, events: Sequence[Written]) -> TrailFile:
    text = json.dumps({"Records": [event.record for event in events]}, separators=(",", ":"))
    body = gzip.compress(text.encode(), compresslevel=1, mtime=0)
    return TrailFile(_key(rng, account, region, at), body, at, tuple(event.id for event in events))
