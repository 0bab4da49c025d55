"""A simulated week of a team's trail: ordinary life, with stories in it, as files in a bucket.

The same team, shifts, start, seed and stories give the same bytes. Nothing here knows how anything is detected: the
week is made from what the team file says and from how AWS writes its records.
"""

import gzip
import json
import random
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.sim import life
from watchbill.sim.events import Written
from watchbill.sim.model import ALL, Story, TrailFile, Week
from watchbill.sim.people import Keys, World
from watchbill.sim.stories import Told, tell
from watchbill.team.model import Team


LENGTH = timedelta(days=7)
CALLS = 4400
"""About how many calls a week holds; people come first, machines make up the rest."""

MACHINE_CALLS_AT_LEAST = 600
SERVICE_CALLS = 420

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_EVERY = timedelta(minutes=5)
"""CloudTrail gathers about this long before it writes a file."""


def make_week(
    team: Team,
    shifts: Sequence[Shift],
    start: datetime,
    seed: int,
    stories: Collection[Story] = ALL,
    keys: Keys | None = None,
) -> Week:
    """Make the seven days from an instant on; no stories make an ordinary week.

    `keys` names access keys that exist, by account name and IAM user: the first is the user's own, a second one is
    what a hijacker makes; ids are made up where it names none. RefusedError where a story cannot be cast.
    """
    world, span = World(team, seed, keys), Interval(start, start + LENGTH)
    told = tell(world, shifts, span, stories)
    events = [*_ordinary(world, shifts, span, told), *(event for each in told for event in each.events)]
    inside = [event for event in events if event.at in span]
    hand_made = sorted((made for each in told for made in each.hand_made), key=lambda made: made.at)
    return Week(_delivered(world, inside), tuple(hand_made), tuple(each.truth for each in told))


def _ordinary(world: World, shifts: Sequence[Shift], span: Interval, told: Iterable[Told]) -> list[Written]:
    people = [*life.work(world, span), *life.watch(world, shifts, span)]
    rest = max(MACHINE_CALLS_AT_LEAST, CALLS - sum(len(bout.events) for bout in people))
    by_services = min(rest, SERVICE_CALLS) if world.team.workloads else rest
    machines = [*life.machines(world, span, rest - by_services), *life.services(world, span, by_services)]
    quiet = [each for story in told for each in story.quiet]
    kept = [bout for bout in people if not any(who == bout.person and bout.span.meets(when) for who, when in quiet)]
    return [event for bout in (*kept, *machines) for event in bout.events]


def _delivered(world: World, events: Iterable[Written]) -> tuple[TrailFile, ...]:
    """Write events to files as they arrive: some minutes after they happened, a few of them late."""
    rng = world.rng("delivery")
    parcels: list[tuple[datetime, str, str, datetime, Written]] = []
    for event in sorted(events, key=lambda each: (each.at, each.id)):
        late = rng.random() < 0.01
        arrives = event.at + timedelta(seconds=rng.randint(540, 840) if late else rng.randint(60, 180))
        parcels.append((_file_time(arrives), event.account, event.region, arrives, event))
    parcels.sort(key=lambda parcel: (*parcel[:4], parcel[4].id))
    files = [
        _file(rng, account, region, delivered, [parcel[4] for parcel in group])
        for (delivered, account, region), group in groupby(parcels, key=lambda parcel: parcel[:3])
    ]
    return tuple(sorted(files, key=lambda file: (file.delivered, file.key)))


def _file_time(at: datetime) -> datetime:
    """Give the next full five minutes."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + -((midnight - at) // _EVERY) * _EVERY


def _file(rng: random.Random, account: str, region: str, at: datetime, events: Sequence[Written]) -> TrailFile:
    name = f"{account}_CloudTrail_{region}_{at:%Y%m%dT%H%MZ}_{''.join(rng.choices(_LETTERS, k=16))}.json.gz"
    text = json.dumps({"Records": [event.record for event in events]}, separators=(",", ":"))
    body = gzip.compress(text.encode(), compresslevel=6, mtime=0)
    key = f"AWSLogs/{account}/CloudTrail/{region}/{at:%Y/%m/%d}/{name}"
    return TrailFile(key, body, at, tuple(event.id for event in events))
