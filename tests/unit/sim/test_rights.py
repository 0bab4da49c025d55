"""What simulated people take to be theirs: never more than the team file gives."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.sim.samples import HERE, START, team

from watchbill.intervals import Interval
from watchbill.sim.rights import rights_of, standing_rights
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
