"""Plans carried out over HTTP on the stand-in: killed at every single call, and while others change the same account.

What a half-applied plan lets anybody do is judged in `tests/unit/access/test_apply.py`, over the same documents.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import by
from tests.teams import DAY, MONDAY, grant, rota, team, with_rota

from watchbill.access.apply import apply
from watchbill.access.model import Call, State
from watchbill.access.plan import make_plan
from watchbill.aws.accounts import Accounts
from watchbill.aws.iam import AwsCloud
from watchbill.sim.stand_in import StandIn


NOON = MONDAY + timedelta(hours=12)
ANYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


class Dying:
    """A cloud that ends the process at the n-th writing call, once it was made or before."""

    def __init__(self, cloud, cut, *, made):
        self._cloud, self._cut, self._made, self.calls = cloud, cut, made, 0

    def observe(self, account):
        """Read an account."""
        return self._cloud.observe(account)

    def access_keys(self, account, user):
        """Read the keys of a user."""
        return self._cloud.access_keys(account, user)

    def perform(self, account, call):
        """Make a call, or die."""
        self.calls += 1
        if self.calls > self._cut and not self._made:
            raise KeyboardInterrupt
        self._cloud.perform(account, call)
        if self.calls > self._cut:
            raise KeyboardInterrupt


def observe(cloud, of):
    """Read production."""
    return {"production": cloud.observe(of.accounts["production"])}


def settle(cloud, of, at):
    """Plan, apply, and plan again: nothing is left to do. Give the first plan."""
    plan = make_plan(of, observe(cloud, of), at)
    assert [outcome.error for outcome in apply(plan.changes, by(of, cloud)) if outcome.state is not State.DONE] == []
    again = make_plan(of, observe(cloud, of), at)
    assert not again.changes
    assert not again.effects
    return plan


def plain(state):
    """Give what an account says, without what the stand-in makes up."""
    users = {user.name: (user.groups, dict(user.inline)) for user in state.users.values()}
    groups = {group.name: (group.attached, dict(group.inline)) for group in state.groups.values()}
    roles = {role.name: (role.trust, role.attached) for role in state.roles.values()}
    return users, groups, roles, {arn: policy.document for arn, policy in state.policies.items()}


def later():
    """Give the team of the day after: hours moved, somebody moved, a grant."""
    of = with_rota(team(), rota(*reversed(rota().layers)))
    members = {"developers": ("ada", "james"), "support": ("lee", "priya", "rick")}
    moved = {name: replace(of.groups[name], members=found) for name, found in members.items()}
    return replace(of, groups={**of.groups, **moved}, grants=(grant("g1", "lee", (40, 60)),))


@pytest.mark.slow
@pytest.mark.parametrize("made", [False, True], ids=["before the call", "after the call"])
def test_killed_at_every_call_and_run_again_it_reaches_the_same_state(made):
    """The first plan and that of the day after, cut at each of their calls; what is there then is the same each time."""
    first, then = team(), later()
    with StandIn() as stand_in:
        whole = AwsCloud(Accounts(stand_in.endpoint, ("any", "any")))
        counts = len(settle(whole, first, NOON).changes), len(settle(whole, then, NOON + DAY).changes)
        end = plain(whole.observe(then.accounts["production"]))
    assert min(counts) > 10
    for which, count in enumerate(counts):
        for cut in range(count):
            with StandIn() as stand_in:
                cloud = AwsCloud(Accounts(stand_in.endpoint, ("any", "any")))
                if which:
                    settle(cloud, first, NOON)
                of, at = (then, NOON + DAY) if which else (first, NOON)
                plan = make_plan(of, observe(cloud, of), at)
                with pytest.raises(KeyboardInterrupt):
                    list(apply(plan.changes, by(of, Dying(cloud, cut, made=made))))
                settle(cloud, of, at)
                if not which:
                    settle(cloud, then, NOON + DAY)
                assert plain(cloud.observe(then.accounts["production"])) == end, (which, cut)


def test_fifty_changes_by_others_while_it_is_applied():
    """Between the calls of a plan; the next plan undoes what gave, shows what denied, and nothing is left to do."""
    of = team()
    with StandIn() as stand_in:
        cloud = AwsCloud(Accounts(stand_in.endpoint, ("any", "any")))
        settle(cloud, of, NOON)
        clean = plain(cloud.observe(of.accounts["production"]))
        account, then = of.accounts["production"], later()
        others = [
            *(Call("PutUserPolicy", {"UserName": user, "PolicyName": f"mine-{n}", "PolicyDocument": ANYTHING}) for n in range(8) for user in ("james", "rick")),
            *(Call("AddUserToGroup", {"GroupName": "job-security", "UserName": user}) for user in ("james", "rick", "ada")),
            *(Call("RemoveUserFromGroup", {"GroupName": "job-support", "UserName": user}) for user in ("lee", "priya")),
            *(Call("PutRolePolicy", {"RoleName": "oncall-platform", "PolicyName": f"mine-{n}", "PolicyDocument": ANYTHING}) for n in range(8)),
            *(Call("CreateUser", {"UserName": f"guest-{n}", "Path": "/"}) for n in range(10)),
            *(Call("AddUserToGroup", {"GroupName": "oncall-platform", "UserName": f"guest-{n}"}) for n in range(10)),
            Call("PutUserPolicy", {"UserName": "ada", "PolicyName": "brake", "PolicyDocument": ANYTHING.replace("Allow", "Deny")}),
        ]  # fmt: skip
        assert len(others) == 50
        plan = make_plan(then, observe(cloud, then), NOON)
        share = 1 + len(others) // len(plan.changes)
        for _ in apply(plan.changes, by(then, cloud)):
            for call in others[:share]:
                cloud.perform(account, call)
            del others[:share]
        assert not others
        settle(cloud, of, NOON)
        left = make_plan(of, observe(cloud, of), NOON)
        assert [(drift.other, drift.healed) for drift in left.drift] == [("brake", False)]
        users, groups, roles, policies = plain(cloud.observe(account))
        assert users["ada"][1].keys() == {"brake"}
        mine = {name: held for name, held in users.items() if not name.startswith("guest")}
        assert {name: held[0] for name, held in mine.items()} == {name: held[0] for name, held in clean[0].items()}
        assert (groups, roles) == clean[1:3]
        assert policies.keys() == clean[3].keys()
