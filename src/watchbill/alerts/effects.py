"""What else would come of disabling somebody: told before it is done."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from watchbill.intervals import Interval, iso
from watchbill.schedule.oncall import Schedule
from watchbill.team.model import Team


_AHEAD = timedelta(hours=12)
"""How far ahead a watch is looked for that somebody else would have to take."""


class SideEffects:
    """What would come of disabling people, asked for many of them."""

    def __init__(self, team: Team | None) -> None:
        self._team = team
        self._schedules = [Schedule(rota) for rota in team.rotas.values()] if team is not None else []

    def of(self, person: str, at: datetime) -> tuple[str, ...]:
        """Say what else would come of disabling a person at an instant."""
        return () if self._team is None else tuple(self._effects(self._team, person, at))

    def _effects(self, team: Team, person: str, at: datetime) -> Iterator[str]:
        for schedule in self._schedules:
            rota, found = schedule.rota, schedule.shifts(Interval(at, at + _AHEAD))
            now = {shift.person for shift in found if at in shift.interval}
            mine = [shift for shift in found if shift.person == person]
            if now == {person}:
                end = max(shift.interval.end for shift in mine if at in shift.interval)
                yield f"{person} is the only one on call for {rota.name} until {iso(end)}: somebody must take over"
            elif mine and person not in now:
                yield f"{person} comes on call for {rota.name} at {iso(min(shift.interval.start for shift in mine))}"
        if person in team.leads:
            others = [lead for lead in team.leads if lead != person]
            yield f"{person} is a lead; {', '.join(others) if others else 'nobody else'} may decide cases then"
        known = team.people.get(person)
        if known is not None and known.iam_user in team.protected:
            yield f"{known.iam_user} is protected: a freeze refuses it"
