"""Who else can tell that it was them."""

from dataclasses import replace
from datetime import timedelta

from tests.teams import MONDAY, team

from watchbill.respond.peers import peer_of


def test_whoever_is_on_watch_with_them_is_asked_first():
    """Else one of their rota, else of their groups; never they themselves."""
    evening, night = MONDAY + timedelta(hours=20), MONDAY + timedelta(hours=28)
    assert peer_of(team(), "james", night) == "priya"
    assert peer_of(team(), "james", evening) == "ada"
    without = replace(team(), rotas={})
    assert peer_of(without, "james", evening) == "ada"
    assert peer_of(without, "priya", evening) == "lee"
    assert peer_of(without, "sofia", evening) is None
