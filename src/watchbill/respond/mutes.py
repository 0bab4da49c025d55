"""What a confirmed "yes" keeps quiet: the same rule on the same credential until the shift ends, and nothing lasting.

The rules, in order:

1. Only a "yes" that was proven, about what was theirs to do, mutes anything.
2. It mutes what is found from then on by one of the rules of the case in what one of its keys did: an access key, or
   the temporary key of a session. What no key stands behind, such as signing in, is not muted.
3. Rules about ways to stay, to gain rights and to blind the trail are never muted, nor what no suppression covers.
4. It ends with the shift that the person is in. Who is on no shift mutes nothing.
"""

from datetime import datetime, timedelta
from typing import Final

from watchbill.alerts.noise import LASTING, Mute
from watchbill.alerts.view import CaseView
from watchbill.intervals import Interval
from watchbill.respond.outcomes import is_theirs
from watchbill.schedule.oncall import Schedule
from watchbill.team.model import Team


_LONGEST: Final = timedelta(days=40)
"""No shift is longer: turns are of a month at most."""


def shift_end(team: Team, person: str, at: datetime) -> datetime | None:
    """Give when the last of the shifts ends that a person is in at an instant; None where they are in none.

    Shifts that follow each other without a gap are several: it is the end of the one at hand.
    """
    around = Interval(at, at + _LONGEST)
    ends = [
        shift.interval.end
        for rota in team.rotas.values()
        for shift in Schedule(rota).shifts(around)
        if shift.person == person and at in shift.interval
    ]
    return max(ends, default=None)


def mutes_of(case: CaseView, team: Team, at: datetime) -> tuple[Mute, ...]:
    """Give what a case mutes whose person has just proven that it was them."""
    end = shift_end(team, case.person, at) if case.person else None
    if end is None or not is_theirs(case) or case.facts.get("action") in LASTING:
        return ()
    pairs = ((rule, key) for rule in case.rules for key in case.keys)
    return tuple(Mute(rule, key, case.person or "", Interval(at, end)) for rule, key in pairs)
