"""One small trail with exactly one thing in it: a misuse, or a mishap that is nobody's fault.

Cheap to make, so that hundreds can be: how well stories are weighed shows only over many.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.sim.labels import Misuse, Quirk
from watchbill.sim.month import Month, Pace, make_month
from watchbill.sim.ordinary import Chapter
from watchbill.sim.tales import every_variation


LEAST_DAYS, MOST_DAYS = 9, 14

LIGHT = Pace(busy=0.15, quirks=0.0, slot=timedelta(hours=6), machine_calls=4, every=timedelta(hours=2), twice=0.02)
"""A tenth of what goes on in a month of the same team, and no mishap but the one that is cast."""

NEEDS_CHANGES = frozenset({(Misuse.APPROVED, 1)})
"""What can be told only where the team file changes in the first days."""

NEEDS_A_MONTH = frozenset({Misuse.LEAVER, Misuse.JOINER})
"""What happens later than a scenario lasts."""

CASTS = tuple(
    cast
    for cast in (*every_variation(Misuse), *every_variation(Quirk))
    if cast[0] not in NEEDS_A_MONTH and cast not in NEEDS_CHANGES
)
"""What a scenario may be about, in a fixed order."""


def span_of(start: datetime, seed: int) -> Interval:
    """Give how long the scenario of a seed lasts."""
    days = random.Random(f"scenario:{seed}").randint(LEAST_DAYS, MOST_DAYS)
    return Interval(start, start + timedelta(days=days))


def make_scenario(chapters: Sequence[Chapter], shifts: Sequence[Shift], start: datetime, seed: int) -> Month:
    """Make the scenario of a seed: seeds in a row are about each of `CASTS` in turn.

    Where nobody fits what the seed says, the next one in order is told; `shifts` are those of 14 days from the start.
    """
    span = span_of(start, seed)
    for number in range(len(CASTS)):
        cast = CASTS[(seed + number) % len(CASTS)]
        made = make_month(chapters, shifts, span, seed, [cast], LIGHT)
        if made.labels:
            return made
    return make_month(chapters, shifts, span, seed, (), LIGHT)
