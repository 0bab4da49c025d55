"""Risks of permission sets: what a security engineer would point at, and nothing that is not so."""

from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import HERE, permission_set

from watchbill.access import risks
from watchbill.access.risks import risks_of
from watchbill.policy.actions import is_action
from watchbill.team.files import parse


SAMPLE = parse(resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8"), "watchbill.yaml")
KEYS = "let anybody use any key"
ROLES = "give any role to a service"
SIGN_IN = "sign in as somebody else"
GIVE = "give themselves any policy"
EVERY_ACTION = sorted({need.action for kind in risks._KINDS for way in kind.ways for need in way})  # noqa: SLF001
TO_LAMBDA = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}


def allow(*actions, on="*", **condition):
    """Make an Allow; `condition` is by operator."""
    made = {"Effect": "Allow", "Action": list(actions), "Resource": on}
    return {**made, "Condition": condition} if condition else made


def deny(*actions, on="*", **condition):
    """Make a Deny."""
    return {**allow(*actions, on=on, **condition), "Effect": "Deny"}


def said(*statements, at=None, **parts):
    """Give the warnings of a set made of statements, or of parts, each as its code and its words."""
    policy = {"Version": "2012-10-17", "Statement": list(statements)} if statements else None
    made = replace(permission_set("made"), policy=policy, **parts)
    found = list(risks_of(made, at))
    assert all((each.file, each.line) == (HERE.path, HERE.line) for each in found)
    return [(each.code, each.message.removeprefix("permission set `made`: ")) for each in found]


def escalations(*statements, **parts):
    """Give the warnings of ways to more power."""
    return [message for code, message in said(*statements, **parts) if code == "escalation"]


def test_every_action_of_a_way_is_one_of_aws():
    """A name that is misspelt would never be found."""
    assert [action for action in EVERY_ACTION if not is_action(action)] == []


def test_everything_is_one_warning():
    """All of AWS, or all of IAM, is not forty ways to more power but the one that has them all."""
    everything = (
        "it allows everything on every resource, and what AWS will add to that; and with it every way to more power"
    )
    assert said(allow("*")) == [("wildcard", everything)]
    assert said(managed=("AdministratorAccess",)) == [("wildcard", everything)]
    ((code, message),) = said(managed=("IAMFullAccess",))
    assert code == "wildcard"
    assert message.startswith("it allows everything in iam on every resource")
    assert message.endswith("every way to more power")


def test_what_is_denied_is_not_everything():
    """A Deny of the set takes a service out, and with IAM the ways that lead through it."""
    ((wild, everything), *others) = said(allow("*"), deny("iam:*", "organizations:*"))
    assert wild == "wildcard"
    assert everything.startswith("it allows everything but iam and organizations on every resource")
    assert not everything.endswith("every way to more power")
    assert not any(" iam:" in message for _, message in others)
    assert any("sts:AssumeRole" in message for _, message in others)


def test_some_ways_taken_out_leave_the_others_said():
    """All of IAM but its users' policies is not every way any more; what is left is said one by one."""
    warned = said(allow("iam:*"), deny("iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:AddUserToGroup"))
    assert not warned[0][1].endswith("every way to more power")
    messages = " ".join(message for _, message in warned)
    assert "iam:AttachGroupPolicy" in messages
    assert "iam:AttachUserPolicy" not in messages
    assert "iam:AddUserToGroup" not in messages


def test_an_allow_of_all_but_some_is_a_wildcard():
    """NotAction with Allow gives every service that is not named, those that do not exist yet too."""
    statement = {"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}
    assert said(statement)[0] == (
        "wildcard",
        "it allows everything but iam and sts on every resource, and what AWS will add to that",
    )
    # A Deny of all but some gives nothing.
    assert said({**statement, "Effect": "Deny"}) == []


def test_services_are_named_together():
    """One warning for a set, however many services it opens."""
    warned = [message for code, message in said(allow("logs:*", "cloudwatch:*", "sqs:Get*")) if code == "wildcard"]
    assert warned == ["it allows everything in cloudwatch and logs on every resource, and what AWS will add to that"]


@pytest.mark.parametrize(
    "statement",
    [
        allow("logs:*", on="arn:aws:logs:*:*:log-group:orders-*"),
        allow("logs:Get*", "logs:List*"),
        allow("logs:PutLogEvents"),
    ],
)
def test_what_is_bound_to_resources_or_names_actions_is_no_wildcard(statement):
    """Only what nobody has named is."""
    assert said(statement) == []


def test_a_condition_is_said():
    """What an answer hangs on stands beside it: of the Allow, and of a Deny."""
    ((_, message),) = said(allow("*", StringEquals={"aws:RequestedRegion": "eu-west-1"}))
    assert "everything on every resource if aws:RequestedRegion is eu-west-1" in message
    without_mfa = deny("*", BoolIfExists={"aws:MultiFactorAuthPresent": "false"})
    ((_, message),) = said(allow("*"), without_mfa)
    assert "unless aws:MultiFactorAuthPresent is false" in message
    (message,) = escalations(allow("iam:AddUserToGroup"), without_mfa)
    assert message.startswith("whoever has it can join a group that holds more, by iam:AddUserToGroup unless aws:Multi")


def test_conditions_that_exclude_each_other_are_no_way():
    """An Allow in one region beside a Deny of it never gives anything."""
    here = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    assert said(allow("iam:AddUserToGroup", **here), deny("iam:*", **here)) == []
    assert said(allow("*", **here), deny("*", **here)) == []


def test_most_services_under_a_condition_and_some_without():
    """A Deny of all but STS: what holds of each is said."""
    all_but = {**deny("x:y", BoolIfExists={"aws:MultiFactorAuthPresent": "false"}), "NotAction": "sts:*"}
    del all_but["Action"]
    message = said(allow("*"), all_but)[0][1]
    assert message.startswith(
        "it allows everything but sts on every resource unless aws:MultiFactorAuthPresent is false"
    )
    assert "and everything in sts on every resource," in message


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ("iam:CreatePolicyVersion", "rewrite a policy"),
        ("iam:SetDefaultPolicyVersion", "rewrite a policy"),
        ("iam:AttachUserPolicy", GIVE),
        ("iam:AttachGroupPolicy", GIVE),
        ("iam:AttachRolePolicy", GIVE),
        ("iam:PutUserPolicy", GIVE),
        ("iam:PutGroupPolicy", GIVE),
        ("iam:PutRolePolicy", GIVE),
        ("iam:AddUserToGroup", "join a group"),
        ("iam:UpdateAssumeRolePolicy", "let themselves take a role"),
        ("iam:CreateAccessKey", SIGN_IN),
        ("iam:CreateLoginProfile", SIGN_IN),
        ("iam:UpdateLoginProfile", SIGN_IN),
        ("iam:DeleteUserPermissionsBoundary", "take off the ceiling"),
        ("lambda:UpdateFunctionCode", "in functions, tasks, jobs and stacks"),
        ("ssm:SendCommand", "on instances"),
        ("ssm:StartSession", "on instances"),
        ("sts:AssumeRole", "take every role"),
        ("kms:CreateGrant", KEYS),
        ("s3:PutBucketPolicy", "open to anybody"),
        ("sso:CreateAccountAssignment", "Identity Center"),
        ("organizations:DetachPolicy", "organization bounds"),
    ],
)
def test_one_action_that_is_enough_is_one_warning(action, why):
    """The action, on all resources, by itself; and none where the set denies it."""
    (message,) = escalations(allow(action))
    assert why in message
    assert message.endswith(f"by {action}")
    assert said(allow(action), deny(action)) == []


@pytest.mark.parametrize(
    ("service", "actions"),
    [
        ("ec2", ["ec2:RunInstances"]),
        ("lambda", ["lambda:CreateFunction", "lambda:InvokeFunction"]),
        ("glue", ["glue:CreateDevEndpoint"]),
        ("cloudformation", ["cloudformation:CreateStack"]),
        (
            "datapipeline",
            ["datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition", "datapipeline:ActivatePipeline"],
        ),
        ("sagemaker", ["sagemaker:CreateNotebookInstance"]),
        ("codebuild", ["codebuild:CreateProject", "codebuild:StartBuild"]),
        ("ecs-tasks", ["ecs:RegisterTaskDefinition", "ecs:RunTask"]),
    ],
)
def test_a_role_can_be_given_to_a_service_only_with_all_it_takes(service, actions):
    """PassRole and each of the actions; to that service, and not to another."""
    to_it = {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    other = {"StringEquals": {"iam:PassedToService": "monitoring.rds.amazonaws.com"}}
    for needs in ({}, to_it):
        (message,) = [each for each in escalations(allow("iam:PassRole", **needs), allow(*actions)) if ROLES in each]
        assert message.endswith(f"by {' with '.join([actions[0], ' and '.join(actions[1:])]).removesuffix(' with ')}")
    assert not any(ROLES in each for each in escalations(allow("iam:PassRole", **other), allow(*actions)))
    for missing in actions:
        left = [each for each in actions if each != missing]
        assert not any(ROLES in each for each in escalations(allow("iam:PassRole", *left)))
    assert not any(ROLES in each for each in escalations(allow(*actions)))
    named = allow("iam:PassRole", on="arn:aws:iam::111111111111:role/orders-worker")
    assert not any(ROLES in each for each in escalations(named, allow(*actions)))


def test_what_only_passing_a_role_has_in_its_requests_is_known_to_be_absent_elsewhere():
    """A condition on it does not hold for the call that makes the function: AWS allows nothing by it."""
    assert escalations(allow("iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction", **TO_LAMBDA)) == []


@pytest.mark.parametrize("action", ["iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile"])
@pytest.mark.parametrize(
    "on", ["arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::111111111111:user/${aws:username}"]
)
def test_what_people_do_for_themselves_is_no_way(action, on):
    """Their own key or password is theirs already; those of some others are not."""
    assert said(allow(action, on=on)) == []
    (message,) = escalations(allow(action, on="arn:aws:iam::*:user/dev-*"))
    assert SIGN_IN in message


def test_a_policy_of_ones_own_is_a_way():
    """Whoever may write their own user's policy has everything."""
    (message,) = escalations(allow("iam:PutUserPolicy", on="arn:aws:iam::*:user/${aws:username}"))
    assert message.startswith(
        f"whoever has it can {GIVE}, by iam:PutUserPolicy if the resource is arn:aws:iam::*:user/"
    )


@pytest.mark.parametrize(
    ("action", "named", "every"),
    [
        ("sts:AssumeRole", "arn:aws:iam::111111111111:role/deploy", "arn:aws:iam::111111111111:role/*"),
        ("kms:CreateGrant", "arn:aws:kms:eu-west-1:111111111111:key/1234", "arn:aws:kms:eu-west-1:111111111111:key/*"),
        ("lambda:UpdateFunctionCode", "arn:aws:lambda:*:*:function:orders-*", "arn:aws:lambda:*:*:function:*"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::orders-*", "arn:aws:s3:::*"),
        ("ssm:StartSession", "arn:aws:ec2:*:*:instance/i-0123", "arn:aws:ec2:*:*:instance/*"),
    ],
)
def test_what_is_bound_to_named_resources_is_not_warned_of(action, named, every):
    """Names that somebody chose were thought of; all of an account, or of a region, were not."""
    assert said(allow(action, on=named)) == []
    assert len(escalations(allow(action, on=every))) == 1


def test_commands_on_named_instances_are_not_warned_of():
    """SendCommand is on a document and on instances: the instances count."""
    documents = "arn:aws:ssm:*:*:document/*"
    assert said(allow("ssm:SendCommand", on=[documents, "arn:aws:ec2:*:*:instance/i-0123"])) == []
    assert len(escalations(allow("ssm:SendCommand", on=[documents, "arn:aws:ec2:*:*:instance/*"]))) == 1


def test_a_deny_in_another_document_of_the_set_counts():
    """What the team denies beside a managed policy is denied."""
    with_deny = said(managed=("PowerUserAccess",), deny=("sts:AssumeRole", "kms:*"))
    messages = " ".join(message for _, message in with_deny)
    assert "sts:AssumeRole" not in messages
    assert KEYS not in messages
    assert "everything but account, iam, kms and organizations" in messages
    assert "sts:AssumeRole" in " ".join(message for _, message in said(managed=("PowerUserAccess",)))


def test_what_is_not_known_for_sure_is_said():
    """Nobody looked at it: no warning must not mean no risk."""
    unsure = said(managed=("AIDevOpsAgentAccessPolicy",), at=datetime(2026, 5, 2, tzinfo=UTC))
    name = "arn:aws:iam::aws:policy/AIDevOpsAgentAccessPolicy"
    assert unsure == [("not-known", f"what `{name}` allows is not known for sure: nobody looked at it")]
    ((code, message),) = said({"Effect": "Allow"})
    assert code == "not-known"
    assert "Action or NotAction is missing" in message


@pytest.mark.parametrize("name", ["ReadOnlyAccess", "ViewOnlyAccess", "SecurityAudit"])
def test_looking_is_no_risk(name):
    """AWS's own policies for readers have no warning."""
    assert said(managed=(name,)) == []


def test_the_sample_is_warned_of_where_it_is_wide():
    """Those that look have none; the two that work have theirs at their lines."""
    found = {name: list(risks_of(each, None)) for name, each in SAMPLE.permission_sets.items()}
    assert {name for name, warned in found.items() if not warned} == {"read-only", "support", "security-audit"}
    assert [each.code for each in found["developer"]] == ["wildcard", *["escalation"] * 3]
    assert [each.code for each in found["prod-oncall"]] == ["wildcard", *["escalation"] * 3]
    assert {each.line for each in found["prod-oncall"]} == {SAMPLE.permission_sets["prod-oncall"].where.line}


@given(st.sets(st.sampled_from(EVERY_ACTION), max_size=6), st.sets(st.sampled_from(EVERY_ACTION), max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_warning_names_only_what_is_allowed(allowed, denied):
    """Whatever is allowed and denied, no action is named that the set does not give, and there is one of each kind."""
    messages = escalations(*([allow(*allowed)] if allowed else []), *([deny(*denied)] if denied else []))
    named = {action for message in messages for action in EVERY_ACTION if action in message.replace(",", " ").split()}
    assert named <= allowed - denied
    whys = [message.split(", by ")[0] for message in messages]
    assert len(whys) == len(set(whys))


@given(st.lists(st.sampled_from(EVERY_ACTION), min_size=1, max_size=8, unique=True))
@settings(max_examples=40, deadline=None)
def test_to_allow_more_takes_no_warning_away(actions):
    """A kind that is warned of stays warned of when one more action is allowed."""
    kinds = [{m.split(", by ")[0] for m in escalations(allow(*actions[: i + 1]))} for i in range(len(actions))]
    assert all(fewer <= more for fewer, more in pairwise(kinds))
