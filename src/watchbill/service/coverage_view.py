"""What the lake covers of a span, and what it does not: for commands and for pages."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from watchbill.intervals import Interval, iso
from watchbill.trail.coverage import Coverage


LATELY: Final = timedelta(days=7)
"""How far back is looked at where nobody says."""


@dataclass(frozen=True, slots=True)
class GapView:
    """Something that should have been recorded and was not."""

    kind: str
    account: str | None
    region: str | None
    host: str | None
    start: str
    end: str
    why: str


@dataclass(frozen=True, slots=True)
class UnsureView:
    """Something of which it cannot be told whether it is a gap."""

    account: str | None
    region: str | None
    host: str | None
    why: str


@dataclass(frozen=True, slots=True)
class AreaView:
    """An account and a region of which the lake has something."""

    account: str
    region: str


@dataclass(frozen=True, slots=True)
class CoverageView:
    """What the lake covers of a span, and what it does not."""

    start: str
    end: str
    gaps: list[GapView]
    unsure: list[UnsureView]
    areas: list[AreaView]


def coverage_view(found: Coverage, within: Interval) -> CoverageView:
    """Turn what is covered of a span into plain facts."""
    gaps = [
        GapView(str(g.kind), g.account, g.region, g.host, iso(g.interval.start), iso(g.interval.end), g.why)
        for g in found.gaps
    ]
    unsure = [UnsureView(each.account, each.region, each.host, each.why) for each in found.unsure]
    areas = [AreaView(account, region) for account, region in found.areas]
    return CoverageView(iso(within.start), iso(within.end), gaps, unsure, areas)
