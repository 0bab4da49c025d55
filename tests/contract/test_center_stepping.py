"""Passes over a team that comes by Identity Center, against the stand-in: what `run` and `apply` make of its plans."""

from dataclasses import replace
from typing import Any

import pytest
from tests.center_office import Office
from tests.centers import Bench, Org, by_center
from tests.unit.service.world import NOON

from watchbill.access.center.state import PLACE
from watchbill.bootstrap import make_app
from watchbill.cli.commands.observe import _access
from watchbill.service import proposals
from watchbill.service.casework import Casework
from watchbill.service.reconcile import Reconciled, bring_in_step
from watchbill.service.stepping import step_of
from watchbill.sim.stand_in import StandIn
from watchbill.store.database import open_store
from watchbill.store.rows import Proposed
from watchbill.team.model import Mode


class Looking:
    """What `observe --aws` asks of a session."""

    def __init__(self, app):
        self._app, self.at = app, NOON

    def app(self):
        """Give the way to AWS."""
        return self._app


def test_a_pass_keeps_and_applies_what_identity_center_takes(tmp_path):
    """And observing tells of it. What waits has its calls, and once approved all of them are made; then there is nothing left to do."""
    with StandIn() as stand_in, open_store(tmp_path / "state") as store:
        org = Org(make_app(None, stand_in.endpoint, ("any", "any")), 1)
        org.people(org.team())
        of = by_center(org.team(), org.accounts)

        session: Any = Looking(org.app)
        found = _access(session, of)
        assert any("prod-oncall" in line for line in found.gained)

        def work(actor):
            return Casework(org.app, store, of, NOON, actor)

        def run():
            done = Reconciled()
            bring_in_step(work("watchbill"), done)
            return done

        waits = run().proposal
        assert waits is not None
        assert PLACE in {change.account for change in proposals.content_of(waits).plan.changes}
        proposals.approve(work("sofia"), waits.id)
        done = run()
        assert (done.problems, done.proposal.state) == ([], Proposed.APPLIED)
        step = step_of(work("watchbill"))
        assert (step.plan.changes, step.plan.problems) == ((), ())


@pytest.mark.parametrize("mode", [Mode.PROPOSE, Mode.OBSERVE])
def test_who_joins_a_group_waits_as_its_strictest_account_does(mode, tmp_path):
    """A pass lets nobody into an account that enforces by what another shares; whoever leaves is out at once."""
    with StandIn() as stand_in, open_store(tmp_path / "state") as store:
        office = Office(stand_in, store)
        stricter = replace(office.team.accounts["a01"], mode=mode)
        developers = replace(office.team.groups["developers"], members=("ada", "james", "lee"))
        accounts = {**office.team.accounts, "a01": stricter}
        office.team = replace(office.team, accounts=accounts, groups={"developers": developers})

        def members():
            group = Bench(office.org).observe(office.team)[1].groups["watchbill-job-developers"]
            return {name for name, user in office.org.users.items() if user in group.members}

        waits = office.run()[0].proposal
        assert members() == {"ada", "james"}
        assert office.run()[0].outcomes == ()
        if mode is Mode.OBSERVE:
            assert waits is None
            return
        calls = [change.call.operation for change in proposals.content_of(waits).plan.changes]
        assert calls == ["CreateGroupMembership"]
        proposals.approve(office.as_("sofia"), waits.id)
        assert office.run()[0].proposal.state is Proposed.APPLIED
        assert members() == {"ada", "james", "lee"}
