"""How things stand: who is next, looked for no further than must be."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import team, with_rota
from tests.unit.schedule.drawn import rotas

from watchbill.intervals import Interval
from watchbill.schedule.oncall import shifts
from watchbill.service.now import on_watch


FIVE_WEEKS = timedelta(days=35)


@settings(max_examples=50)
@given(rotas(), st.integers(-40, 40))
def test_each_kind_is_handed_over_as_one_look_over_five_weeks_says(drawn, hours):
    """At the first instant at which others hold it than hold it now."""
    made, change = drawn
    at = change + timedelta(hours=hours)
    coming = shifts(made, Interval(at, at + FIVE_WEEKS))

    def holders(kind, instant):
        return tuple(sorted({each.person for each in coming if each.kind is kind and instant in each.interval}))

    edges = sorted({edge for each in coming for edge in (each.interval.start, each.interval.end)})
    for told in on_watch(with_rota(team(), replace(made, name="platform")), at):
        others = (edge for edge in edges if at < edge < at + FIVE_WEEKS and holders(told.kind, edge) != told.people)
        until = next(others, None)
        assert told.people == holders(told.kind, at)
        assert told.until == until
        assert told.following == (told.people if until is None else holders(told.kind, until))
