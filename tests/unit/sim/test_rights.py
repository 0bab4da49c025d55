"""What simulated people take to be theirs: never more than the team file gives."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.sim.samples import HERE, START, team

from watchbill.access.outlive import kept_out
from watchbill.intervals import Interval
from watchbill.policy.patterns import glob_matches
from watchbill.sim import calls
from watchbill.sim.rights import OUTLIVES, on_call_rights, rights_of, standing_rights
from watchbill.team.model import Grant, PermissionSet


def permissions(allow=(), deny=(), policy=None):
    """Make a permission set."""
    return PermissionSet("x", "", tuple(allow), tuple(deny), policy, HERE)


@pytest.mark.parametrize(
    ("allow", "deny", "action", "expected"),
    [
        ((), (), "ec2:DescribeInstances", False),
        (("ec2:Describe*",), (), "ec2:DescribeInstances", True),
        (("EC2:describe*",), (), "ec2:DescribeInstances", True),
        (("ec2:Describe*",), (), "ec2:StopInstances", False),
        (("ec2:Describe?nstances",), (), "ec2:DescribeInstances", True),
        (("*",), ("ec2:*",), "ec2:DescribeInstances", False),
        (("ec2.*",), (), "ec2:DescribeInstances", False),
        ((), ("*",), None, True),
    ],
)
def test_patterns(allow, deny, action, expected):
    """A star and a question mark, in any case; a deny wins; a call that needs nothing is anyone's."""
    assert rights_of([permissions(allow, deny)]).permit(action) is expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}, True),
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::a"}, False),
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"a": "true"}}}, False),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, False),
    ],
)
def test_policy_documents_are_read_narrowly(statement, expected):
    """What hangs on a resource or a condition is not used, so that nobody can judge it otherwise."""
    document = {"Version": "2012-10-17", "Statement": statement}
    assert rights_of([permissions(policy=document)]).permit("s3:ListAllMyBuckets") is expected


@pytest.mark.parametrize(
    "deny",
    [
        {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::a"},
        {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"},
    ],
)
def test_any_deny_counts_in_full(deny):
    """A deny under conditions might apply, so its actions are left alone."""
    both = [permissions(["*"]), permissions(policy={"Statement": [deny]})]
    assert not rights_of(both).permit("s3:ListAllMyBuckets")


def test_a_grant_counts_in_its_span_only():
    """A simulated person must not go on after a grant has ended."""
    span = Interval(START, START + timedelta(hours=1))
    grant = Grant("g", "hal", "builder", ("staging",), span, "why", "jo", HERE)
    granted = replace(team(), grants=(grant,))
    assert standing_rights(granted, "hal", "staging", span.start).permit("rds:ModifyDBInstance")
    assert not standing_rights(granted, "hal", "staging", span.end)
    assert not standing_rights(granted, "hal", "production", span.start).permit("rds:ModifyDBInstance")


def actions_in(found):
    """Give the actions of calls, however deep they lie in lists and tables."""
    if isinstance(getattr(found, "action", None), str):
        yield found.action
    elif isinstance(found, list | tuple | set | frozenset):
        for each in found:
            yield from actions_in(each)
    elif isinstance(found, dict):
        yield from actions_in(list(found.values()))


def test_nobody_does_on_call_what_outlives_the_shift():
    """The calls of the simulation are held against what watchbill denies; a set that names one may make it."""
    made = set(actions_in(list(vars(calls).values())))
    assert len(made) > 40
    closed = {
        (e.name, a) for e in kept_out(()) for a in made if any(glob_matches(p.lower(), a.lower()) for p in e.actions)
    }
    told = {(name, action) for name, actions in OUTLIVES.items() for action in actions}
    assert closed <= told
    assert all(any(e.name == name for e in kept_out(())) for name in OUTLIVES)
    everything = permissions(("*",))
    assert not on_call_rights(everything).permit("lambda:UpdateFunctionCode")
    assert on_call_rights(replace(everything, may_outlive=("function-code",))).permit("lambda:UpdateFunctionCode")
    assert on_call_rights(everything).permit("rds:RebootDBInstance")
