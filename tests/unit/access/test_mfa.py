"""Whoever has a password and no MFA enrols a device and chooses a password, their own alone, and nothing else."""

from dataclasses import replace

import pytest
from tests.teams import MONDAY, PRODUCTION, team

from watchbill.access.compile import compile_account
from watchbill.access.documents import size
from watchbill.access.drift import foreign_of
from watchbill.access.mfa import MFA_POLICY, mfa_document
from watchbill.access.plan import make_plan
from watchbill.access.ways import Ways
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Effect, Request
from watchbill.policy.statements import parse_policy


TEAM = team()
OWN = f"arn:aws:iam::{PRODUCTION}:user/watchbill/james"
OTHERS = f"arn:aws:iam::{PRODUCTION}:user/watchbill/rick"
NEAR = f"arn:aws:iam::{PRODUCTION}:user/watchbill/x/james"


def state():
    """Give the account as compiled, with the policy on James."""
    made = compile_account(TEAM, TEAM.accounts["production"], MONDAY).state
    james = replace(made.users["james"], inline={MFA_POLICY: mfa_document()})
    return replace(made, users={**made.users, "james": james})


def effect(action, resource, **context):
    """Decide for James's user by all that it has: its job roles, their guards, and the policy."""
    there = state()
    policies, _ = Ways(there).user_policies(there.users["james"])
    request = Request(action, resource, {"aws:username": "james", **context}, complete=True)
    return evaluate(request, identity=policies).effect


MFA = {"aws:MultiFactorAuthPresent": "true"}
NO_MFA = {"aws:MultiFactorAuthPresent": "false"}


@pytest.mark.parametrize("context", [NO_MFA, {}], ids=["console", "key"])
def test_without_mfa_only_enrolling_and_choosing_a_password_is_left(context):
    """At the console of the first sign-in, and by a key, which says nothing of MFA."""
    for action, resource in (
        ("iam:ChangePassword", OWN),
        ("iam:EnableMFADevice", OWN),
        ("iam:ListMFADevices", OWN),
        ("iam:CreateVirtualMFADevice", f"arn:aws:iam::{PRODUCTION}:mfa/phone"),
        ("iam:ListVirtualMFADevices", "*"),
    ):
        assert effect(action, resource, **context) is Effect.ALLOWED, action
    for action, resource in (
        ("ec2:DescribeInstances", "*"),
        ("s3:GetObject", "arn:aws:s3:::x/y"),
        ("sts:AssumeRole", f"arn:aws:iam::{PRODUCTION}:role/watchbill/oncall-platform"),
        ("iam:DeactivateMFADevice", OWN),
        ("iam:CreateAccessKey", OWN),
    ):
        assert effect(action, resource, **context) is Effect.EXPLICITLY_DENIED, action


def test_with_mfa_it_gives_their_own_device_and_stands_in_the_way_of_nothing():
    """What the job gives works; nobody else's device is theirs to touch."""
    assert effect("ec2:DescribeInstances", "*", **MFA) is Effect.ALLOWED
    assert effect("iam:DeactivateMFADevice", OWN, **MFA) is Effect.ALLOWED
    for context in (MFA, NO_MFA):
        for resource in (OTHERS, NEAR):
            for action in ("iam:EnableMFADevice", "iam:ChangePassword", "iam:DeactivateMFADevice"):
                assert effect(action, resource, **context) is not Effect.ALLOWED


def test_it_is_ours_and_one_that_says_something_else_is_not():
    """No plan takes it off, and under its name nobody gives what nobody sees."""
    there = state()
    desired = compile_account(TEAM, TEAM.accounts["production"], MONDAY).state
    assert list(foreign_of(desired, there)) == []
    gives = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    james = replace(there.users["james"], inline={MFA_POLICY: gives})
    (found,) = foreign_of(desired, replace(there, users={**there.users, "james": james}))
    assert (found.what, found.healed) == (MFA_POLICY, True)
    staging = compile_account(TEAM, TEAM.accounts["staging"], MONDAY).state
    plan = make_plan(TEAM, {"production": there, "staging": staging}, MONDAY)
    assert "DeleteUserPolicy" not in {change.call.operation for change in plan.changes}


def test_it_fits_and_leaves_room_for_a_freeze():
    """A user's inline policies may have 2,048 characters together."""
    assert size(mfa_document()) < 1000
    assert len(parse_policy(mfa_document(), MFA_POLICY).statements) == 4
