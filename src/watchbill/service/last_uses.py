"""When what people hold was last used, by the lake: what a review of access is opened with.

The whole trail of a span is read for it, which takes a minute for some millions of events.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from watchbill.access.history import History
from watchbill.access.recertification import Use
from watchbill.aws.operations import called_actions
from watchbill.errors import Problem
from watchbill.intervals import Interval, iso
from watchbill.judge.rightsize import Holder, SetUse, Trail, rightsize
from watchbill.judge.used import Used
from watchbill.lake.place import Lake
from watchbill.lake.stream import batches
from watchbill.service.lake import unread
from watchbill.service.questions import coverage_of
from watchbill.team.model import Team


Way = tuple[str, str, str, str]
"""Person, account, permission set, and through what."""


def used_in(lake: Lake, span: Interval, at: datetime, team: Team) -> tuple[Trail, list[Problem]]:
    """Give what the lake shows of the use of actions in a span, and what could not be read whole."""
    used = Used()
    for batch in batches(lake, span):
        used.learn(batch)
    flawed = unread(lake)
    return Trail(span, used, coverage_of(lake, span, at, team), len(flawed)), flawed


def span_of(at: datetime, days: int) -> Interval:
    """Give the span that so many days back are."""
    return Interval(at - timedelta(days=days), at)


def last_uses(
    lake: Lake, team: Team, history: History | None, at: datetime, days: int
) -> tuple[Mapping[Way, Use], list[Problem]]:
    """Give when each thing was last used, of so many days back, and what could not be read whole."""
    trail, flawed = used_in(lake, span_of(at, days), at, team)
    found: dict[Way, Use] = {}
    for each in rightsize(team, trail, history, called_actions):
        for holder in each.holders:
            way = (holder.person, holder.account, each.permissions.name, holder.through)
            found[way] = _use(each, holder, days)
    return found, flawed


def _use(found: SetUse, holder: Holder, days: int) -> Use:
    if holder.last is not None:
        return Use(iso(holder.last), f"{holder.events} events in {days} days")
    if found.nothing_said:
        return Use(None, f"not known: {found.nothing_said[0]}")
    return Use(None, f"nothing of it was seen in {days} days")
