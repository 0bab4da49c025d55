"""Who else can tell that it was them."""

from collections.abc import Iterator
from datetime import datetime

from watchbill.schedule.oncall import Schedule
from watchbill.team.model import Team


def peer_of(team: Team, person: str, at: datetime) -> str | None:
    """Name who can tell that it was them: whoever is on watch with them, else one of their rotas, else of their groups.

    None where they share neither with anybody.
    """
    return next((peer for peer in _peers(team, person, at) if peer != person), None)


def _peers(team: Team, person: str, at: datetime) -> Iterator[str]:
    theirs = [rota for rota in team.rotas.values() if person in rota.people]
    for rota in theirs:
        yield from sorted(duty.person for duty in Schedule(rota).on_call(at))
    for rota in theirs:
        yield from rota.people
    for group in sorted(team.groups):
        members = team.members(group)
        if person in members:
            yield from members
