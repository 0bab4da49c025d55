"""Of what a trail says nothing by its silence."""

import pytest

from watchbill.aws.operations import called_actions
from watchbill.policy.recorded import Shown, why_not_sure


READS = Shown(reads=True, services=frozenset({"kms"}))
SURE = [
    *(
        "ec2:TerminateInstances",
        "ec2:DescribeInstances",
        "rds:ModifyDBInstance",
        "iam:CreateUser",
        "s3:ListAllMyBuckets",
    ),
    *("s3:CreateBucket", "s3:ListBucket", "s3:PutBucketPolicy", "lambda:UpdateFunctionCode", "dynamodb:CreateTable"),
    *("sqs:CreateQueue", "sns:Subscribe", "logs:CreateLogGroup", "secretsmanager:GetSecretValue", "kms:Decrypt"),
    *("elasticloadbalancing:DescribeTargetHealth", "states:CreateStateMachine", "sts:AssumeRole"),
]
NOT = {
    "no call": ["iam:PassRole", "ec2:InjectApiError", "s3:BypassGovernanceRetention"],
    "data events": [
        *(
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            "dynamodb:GetItem",
            "dynamodb:Query",
            "lambda:InvokeFunction",
        ),
        *("sqs:SendMessage", "sns:Publish", "logs:PutLogEvents", "logs:FilterLogEvents", "cloudwatch:PutMetricData"),
        *("kinesis:PutRecord", "states:StartSyncExecution", "cognito-idp:AdminGetUser"),
    ],
    "not known here": ["nonesuch:DoIt"],
}


@pytest.mark.parametrize("action", SURE)
def test_what_is_always_recorded_is_sure(action):
    """Management events, reading ones too where the trail has any."""
    assert why_not_sure(action, called_actions, [READS]) is None


@pytest.mark.parametrize(("why", "action"), [(why, action) for why, actions in NOT.items() for action in actions])
def test_what_a_trail_would_not_show_is_not_sure(why, action):
    """Whatever else the trail has."""
    assert why in (why_not_sure(action, called_actions, [READS]) or "")


def test_a_trail_may_leave_out_what_reads_and_two_services():
    """In one account of several is enough; what writes is recorded all the same."""
    blind = Shown()
    assert "only reads" in (why_not_sure("ec2:DescribeInstances", called_actions, [READS, blind]) or "")
    assert why_not_sure("ec2:TerminateInstances", called_actions, [READS, blind]) is None
    assert "leave out" in (why_not_sure("kms:CreateKey", called_actions, [Shown(reads=True)]) or "")
