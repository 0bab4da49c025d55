"""A team that comes by Identity Center, at work against the stand-in, for tests of passes and requests."""

from dataclasses import replace
from datetime import timedelta

from tests.centers import Bench, Org, by_center, sessions_of
from tests.teams import enforced
from tests.unit.service.world import NOON

from watchbill.access.center.state import set_name
from watchbill.bootstrap import make_app
from watchbill.service import requests
from watchbill.service.casework import Casework
from watchbill.service.reconcile import Reconciled, bring_in_step
from watchbill.sim.clock import SimClock


HOUR = timedelta(hours=1)


class Office:
    """A team that comes by Identity Center alone, in two accounts that enforce; its file was applied."""

    def __init__(self, stand_in, store, fed_by=None):
        self.clock = SimClock(NOON)
        self.org, self.store = Org(make_app(self.clock, stand_in.endpoint, ("any", "any")), 2), store
        self.org.people(self.org.team())
        self.team = enforced(replace(by_center(self.org.team(fed_by), self.org.accounts), leads=("sofia", "james")))
        Bench(self.org).settle(self.team, NOON)
        store.revisions.add(self.team.digest, NOON, self.team.text, "watchbill")

    def as_(self, actor):
        """Work as somebody."""
        return Casework(self.org.app, self.store, self.team, self.clock.now(), actor)

    def run(self):
        """Make a pass, as far as AWS goes, and see what is in effect."""
        done = Reconciled()
        bring_in_step(self.as_("watchbill"), done)
        assert [problem for problem in done.problems if problem.code != "center-user-moved"] == []
        return done, requests.settle(self.as_("watchbill"))

    def ask(self, person="james", wanted="prod-oncall", account="a01", length=2 * HOUR):
        """Ask for a set, and have it approved; give the request's id."""
        row = requests.ask_access(self.as_(person), wanted, length, (account,), "the queue stands", f"{person}{wanted}")
        requests.decide(self.as_("sofia"), row.id, approves=True)
        return row.id

    def documents(self, request, account="a01"):
        """Give what the role of a request says in an account; None where there is none."""
        state = self.org.app.cloud.observe(self.org.accounts[account])
        return sessions_of(state, set_name(f"grant-{request.lower()}"))

    def has(self, person, request, account="a01"):
        """Tell whether somebody is assigned the set of a request in an account."""
        number = self.org.accounts[account].number
        center = Bench(self.org).observe(self.team)[1]
        held = {(each.account, each.permission_set) for each in center.assigned_to(self.org.users[person])}
        return (number, set_name(f"grant-{request.lower()}")) in held
