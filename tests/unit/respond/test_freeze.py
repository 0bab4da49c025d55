"""Freezing: deny first, nothing that cannot be undone, nothing left, and whom it refuses."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import MemoryCloud, by
from tests.unit.respond.frozen import (
    KEYS,
    NOON,
    ON_SHIFT,
    TEAM,
    by_hand,
    carry_out,
    frozen,
    keys_of,
    observe,
    seen,
    world,
)

from watchbill.access.apply import apply
from watchbill.access.effective import answers
from watchbill.access.model import Phase, State
from watchbill.access.plan import make_plan
from watchbill.access.quarantine import DENY_ALL
from watchbill.errors import NotFoundError, RefusedError
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Effect, Request
from watchbill.policy.statements import parse_policy
from watchbill.respond.freeze import Asked, plan_freeze
from watchbill.respond.model import Seen
from watchbill.respond.verify import verify_frozen


REVERSIBLE = {"AttachUserPolicy", "UpdateAccessKey", "CreatePolicyVersion", "RemoveUserFromGroup"}
"""Each has a call that undoes it: DetachUserPolicy, itself, another version, AddUserToGroup."""

ACTIONS = ("s3:GetObject", "rds:RebootDBInstance", "iam:CreateAccessKey", "sts:AssumeRole", "ec2:DescribeInstances")


def test_a_freeze_denies_first_and_only_in_ways_that_can_be_undone():
    """The deny stops all that is open at once, in every account; nothing is deleted that AWS could not give back."""
    found = frozen(world())
    assert [str(change.call) for change in found.changes] == [
        "iam:AttachUserPolicy(james, arn:aws:iam::aws:policy/AWSDenyAll)",
        "iam:AttachUserPolicy(james, arn:aws:iam::aws:policy/AWSDenyAll)",
        "iam:UpdateAccessKey(james, AKIAFIRST, Inactive)",
        "iam:UpdateAccessKey(james, AKIASECOND, Inactive)",
        "iam:UpdateAccessKey(james, AKIASTAGING, Inactive)",
        "iam:CreatePolicyVersion(arn:aws:iam::111111111111:policy/watchbill/watchbill-freeze)",
        "iam:RemoveUserFromGroup(job-developers, james)",
        "iam:RemoveUserFromGroup(oncall-platform, james)",
        "iam:RemoveUserFromGroup(job-developers, james)",
    ]
    assert {change.call.operation for change in found.changes} <= REVERSIBLE
    assert {change.phase for change in found.changes} == {Phase.REVOKE}
    assert found.accounts == ("production", "staging")


def test_a_freeze_remembers_what_it_takes():
    """Keys as they were, groups and roles: all that a restore needs, with the case, the reason and who did it."""
    found = frozen(world())
    assert found.keys == (*(("production", key) for key in KEYS), ("staging", keys_of(world())["staging"][0]))
    assert found.groups == (
        ("production", "job-developers"),
        ("production", "oncall-platform"),
        ("staging", "job-developers"),
    )
    assert found.covered == (("production", "oncall-platform"),)
    assert (found.roles, found.policies) == ((), ("production",))
    assert found.forms == {"production": "attached", "staging": "attached"}
    assert (found.person, found.user, found.case, found.reason, found.by, found.at) == (
        "james",
        "james",
        "C-1",
        "seen elsewhere",
        "sofia",
        NOON,
    )
    assert found.id == frozen(world()).id
    assert (
        len({found.id, frozen(world(), "rick").id, frozen(world(), case="C-2").id, frozen(world(), at=ON_SHIFT).id})
        == 4
    )


@pytest.mark.parametrize("at", [NOON, ON_SHIFT])
@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_left_after_a_freeze(at, action):
    """By the user, by the role, by a session of it that is open, with MFA or without: every path is denied outright."""
    cloud = world()
    by_hand(cloud, "AttachUserPolicy", UserName="james", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    carry_out(frozen(cloud).changes, cloud)
    for name in TEAM.accounts:
        state = observe(cloud)[name]
        for mfa in ({}, {"aws:MultiFactorAuthPresent": "true"}):
            for path in answers(state, "james", action, "*", at, mfa):
                assert path.decision.effect is Effect.EXPLICITLY_DENIED
    assert [key.active for keys in keys_of(cloud).values() for key in keys] == [False] * 4


def test_nobody_else_is_touched():
    """Rick works on, by his user and by the same role."""
    cloud = world()
    before = observe(cloud)
    carry_out(frozen(cloud).changes, cloud)
    for name, state in observe(cloud).items():
        assert {u: s for u, s in state.users.items() if u != "james"} == {
            u: s for u, s in before[name].users.items() if u != "james"
        }
    context = {"aws:userid": "AROA:rick", "aws:SourceIdentity": "rick"}
    role = observe(cloud)["production"].roles["oncall-platform"]
    arn = "arn:aws:iam::111111111111:policy/watchbill/watchbill-freeze"
    assert arn in role.attached
    policies = [parse_policy(observe(cloud)["production"].policies[arn].document, "freeze")]
    asked = Request("rds:RebootDBInstance", "*", context, complete=True)
    assert evaluate(asked, identity=policies).effect is Effect.IMPLICITLY_DENIED


def test_groups_that_are_not_ours_are_left_alone():
    """The deny outweighs what they give; taking them would be a change that no plan could give back."""
    cloud = world()
    by_hand(cloud, "CreateGroup", GroupName="legacy", Path="/")
    by_hand(cloud, "AddUserToGroup", GroupName="legacy", UserName="james")
    carry_out(frozen(cloud).changes, cloud)
    assert observe(cloud)["production"].users["james"].groups == {"legacy"}


def test_a_freeze_is_of_the_accounts_where_the_user_is():
    """Priya holds nothing in staging, and has no user there."""
    assert frozen(world(), "priya").accounts == ("production",)


@pytest.mark.parametrize("cut", range(1, 10))
def test_a_freeze_cut_short_has_denied_most_already(cut):
    """Killed after any of its calls it leaves nothing open that was shut, and done again it is done."""
    cloud, dying = world(), world()
    changes = frozen(cloud).changes
    dying = MemoryCloud(dies_at=cut)
    dying.states, dying.keys = dict(cloud.states), dict(cloud.keys)
    if cut < len(changes):
        with pytest.raises(KeyboardInterrupt):
            list(apply(changes, by(TEAM, dying)))
    else:
        carry_out(changes, dying)
    assert observe(dying)["production"].users["james"].attached == {DENY_ALL}
    again = MemoryCloud()
    again.states, again.keys = dict(dying.states), dict(dying.keys)
    carry_out(changes, again)
    carry_out(changes, cloud)
    assert (observe(again), keys_of(again)) == (observe(cloud), keys_of(cloud))


def test_a_step_that_fails_stops_no_other():
    """Where AWS refuses one call, the rest of the freeze goes on: half of it is better than none."""
    cloud = world()
    changes = frozen(cloud).changes
    wrong = replace(changes[0], call=replace(changes[0].call, operation="NoSuchCall"))
    outcomes = list(apply([wrong, *changes[1:]], by(TEAM, cloud)))
    assert [outcome.state for outcome in outcomes] == [State.FAILED, *[State.DONE] * (len(changes) - 1)]


# --- whom it refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize("protected", [("james",), ("JAMES",), ("break-glass", "James")])
def test_protected_people_are_refused(protected):
    """The last administrator stays; IAM does not tell names apart by case, and neither may the list."""
    cloud = world()
    of = replace(TEAM, protected=protected)
    with pytest.raises(RefusedError, match="`james` is protected"):
        frozen(cloud, team=of)


@pytest.mark.parametrize("listed", ["jim", "j.smith", "J.Smith"])
def test_a_person_is_protected_by_either_name(listed):
    """The name of the IAM user, or the key of the file."""
    of = replace(
        TEAM, people={"jim": replace(TEAM.people["james"], name="jim", iam_user="j.smith")}, protected=(listed,)
    )
    with pytest.raises(RefusedError, match="protected"):
        plan_freeze(of, "jim", Seen({}), NOON, Asked(None, "r", "sofia"))


@pytest.mark.parametrize("by", ["james", "James"])
def test_nobody_freezes_themselves(by):
    """Whoever holds the account could lock its person out, and hide behind it."""
    with pytest.raises(RefusedError, match="cannot freeze themselves"):
        frozen(world(), by=by)


def test_a_user_is_frozen_by_the_name_that_aws_spells():
    """IAM takes `James` and `james` for one, and a plan leaves it as it was spelled before; conditions tell them apart."""
    cloud = MemoryCloud()
    for account in TEAM.accounts:
        by_hand(cloud, "CreateUser", account, UserName="James", Path="/")
    carry_out(make_plan(TEAM, observe(cloud), NOON).changes, cloud)
    containment = frozen(cloud)
    assert containment.user == "James"
    carry_out(containment.changes, cloud)
    now = seen(cloud, "James")
    checks = verify_frozen(containment, now, now.observed, ON_SHIFT, ["ec2:RunInstances"])
    assert all(check.holds for check in checks)
    assert all(DENY_ALL in state.users["James"].attached for state in observe(cloud).values())


def test_a_user_who_is_spelled_in_two_ways_is_refused():
    """A freeze is of one name; to freeze one of them and say that all is well would be worse."""
    cloud = MemoryCloud()
    by_hand(cloud, "CreateUser", "production", UserName="James", Path="/")
    by_hand(cloud, "CreateUser", "staging", UserName="james", Path="/")
    with pytest.raises(RefusedError, match="spelled `James`, `james`"):
        frozen(cloud)


def test_who_is_not_there_is_not_found():
    """Somebody of no team file, and somebody without a user, by name."""
    with pytest.raises(NotFoundError, match=r"no person `zoe` in watchbill\.yaml"):
        frozen(world(), "zoe")
    with pytest.raises(NotFoundError, match="`james` has no IAM user `james`"):
        frozen(MemoryCloud())


def test_a_reason_is_kept_with_the_deny():
    """A reader of the plan sees the case, or else the reason in words."""
    assert frozen(world()).changes[0].why == "deny james everything: C-1"
    assert frozen(world(), case=None).changes[0].why == "deny james everything: seen elsewhere"


def test_a_later_freeze_has_another_id():
    """Two freezes of one person are told apart, also without a case."""
    first, second = (frozen(world(), case=None, at=NOON + timedelta(hours=n)) for n in range(2))
    assert first.id != second.id
