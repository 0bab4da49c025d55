"""Quiet hours: when what is not severe wakes nobody."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from watchbill.detect.model import Severity
from watchbill.intervals import Interval
from watchbill.schedule.wall import weekly_hours
from watchbill.team.model import QuietHours


_ACROSS = timedelta(days=9)
"""More than quiet hours can last: a week but for a minute, and the clocks may change in that minute."""


def wakes_at(severity: Severity, at: datetime, quiet_hours: QuietHours | None) -> datetime:
    """Give when a case that is raised at an instant may wake somebody: then, or when the quiet hours end.

    The end of quiet hours is not among them. Where the clocks change they are as shifts are: see `schedule.wall`.
    """
    if quiet_hours is None or severity >= Severity[quiet_hours.below.upper()]:
        return at
    now = at.astimezone(UTC)
    around = Interval(now - _ACROSS, now + _ACROSS)
    for quiet in weekly_hours([quiet_hours.hours], ZoneInfo(quiet_hours.time_zone), around):
        if now in quiet:
            return quiet.end
    return at
