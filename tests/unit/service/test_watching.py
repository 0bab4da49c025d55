"""What access a swap changes: told by the rotas near it, and the same as by all of them."""

from datetime import timedelta

from hypothesis import given
from tests.examples import examples
from tests.unit.schedule.test_swaps import overridden_teams

from watchbill.access.entitlements import windows
from watchbill.intervals import Interval
from watchbill.schedule.swaps import overridden
from watchbill.service.watching import windows_that_change


def said(team, within):
    """Say every window of a team, as the oracle."""
    return dict.fromkeys(
        f"{each.person}: {each.permission_set} in {each.account} from {each.interval or within}"
        for each in windows(team, within)
    )


@given(overridden_teams())
@examples(20, 200)
def test_what_access_changes_is_told_by_the_rotas_near_it(drawn):
    """What somebody holds by another rota all the same is neither gained nor lost."""
    team, override = drawn
    after = overridden(team, "rota0", override)
    span = Interval(override.interval.start - timedelta(hours=5), override.interval.end)
    had, has = said(team, span), said(after, span)
    gains, losses = [each for each in has if each not in had], [each for each in had if each not in has]
    assert windows_that_change(team, after, span) == (gains, losses)
