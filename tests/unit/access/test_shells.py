"""Shells on hosts by tag: while on watch, on hosts of the tags, by the documents that are meant, and one's own alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import MONDAY, PRODUCTION, permission_set, team

from watchbill.access.compile import compile_account
from watchbill.access.permissions import own_documents
from watchbill.access.plan import make_plan
from watchbill.access.shells import OUTLIVING, shell_statements
from watchbill.access.ways import Ways
from watchbill.errors import FileError
from watchbill.policy.evaluate import evaluate
from watchbill.policy.grammar import grammar_error
from watchbill.policy.model import Effect, Request
from watchbill.team.files import parse
from watchbill.team.model import Shells


SHELLS = Shells({"Environment": ("production", "dr"), "Team": ("orders",)}, ("ec2-user",))
INSTANCE = f"arn:aws:ec2:eu-west-1:{PRODUCTION}:instance/i-0123456789abcdef0"
MANAGED = f"arn:aws:ssm:eu-west-1:{PRODUCTION}:managed-instance/mi-0123456789abcdef0"
SHELL = f"arn:aws:ssm:eu-west-1:{PRODUCTION}:document/SSM-SessionManagerRunShell"
TUNNEL = "arn:aws:ssm:eu-west-1::document/AWS-StartSSHSession"
FORWARD = "arn:aws:ssm:eu-west-1::document/AWS-StartPortForwardingSession"
TAGGED = {"ssm:resourceTag/Environment": "production", "ssm:resourceTag/Team": "orders"}
ON, AFTER = MONDAY + timedelta(hours=20), MONDAY + timedelta(hours=26)
"""James is on watch, and ten minutes after the hour he no longer is."""


def of(shells=SHELLS, may_outlive=OUTLIVING):
    """Give the team, whose on-call set opens shells and little else."""
    base = team()
    made = replace(permission_set("prod-oncall", allow=("rds:*",)), shells=shells, may_outlive=may_outlive)
    return replace(base, permission_sets={**base.permission_sets, "prod-oncall": made})


def effect(action, resource, context=None, at=ON, team_=None):
    """Decide for James's session of the on-call role, by all that is attached to it."""
    made = team_ or of()
    state = compile_account(made, made.accounts["production"], MONDAY).state
    policies, _ = Ways(state).role_policies(state.roles["oncall-platform"])
    known = {
        "aws:userid": "AROAEXAMPLE:james",
        "aws:SourceIdentity": "james",
        "aws:CurrentTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **(context or {}),
    }
    return evaluate(Request(action, resource, known, complete=True), identity=policies).effect


@pytest.mark.parametrize("host", [INSTANCE, MANAGED])
def test_a_shell_opens_on_hosts_of_the_tags_while_on_watch_and_ends_with_it(host):
    """Every tag must be there, with one of its values; off watch the fence denies it, by AWS's clock."""
    other = {**TAGGED, "ssm:resourceTag/Environment": "dr"}
    assert effect("ssm:StartSession", host, TAGGED) is Effect.ALLOWED
    assert effect("ssm:StartSession", host, other) is Effect.ALLOWED
    assert effect("ssm:StartSession", host, TAGGED, at=AFTER) is Effect.EXPLICITLY_DENIED
    for wrong in ({}, {"ssm:resourceTag/Team": "orders"}, {**TAGGED, "ssm:resourceTag/Environment": "staging"}):
        assert effect("ssm:StartSession", host, wrong) is Effect.IMPLICITLY_DENIED


def test_only_the_documents_that_are_meant_open_one():
    """The default shell, the tunnel where SSH is meant, and none that forwards ports or runs a command."""
    assert effect("ssm:StartSession", SHELL) is Effect.ALLOWED
    assert effect("ssm:StartSession", TUNNEL) is Effect.ALLOWED
    assert effect("ssm:StartSession", FORWARD) is Effect.IMPLICITLY_DENIED
    assert effect("ssm:SendCommand", INSTANCE, TAGGED) is not Effect.ALLOWED
    alone = of(replace(SHELLS, users=()))
    assert effect("ssm:StartSession", TUNNEL, team_=alone) is Effect.IMPLICITLY_DENIED
    assert effect("ssm:StartSession", SHELL, team_=alone) is Effect.ALLOWED


def test_a_session_is_resumed_and_ended_by_whoever_opened_it():
    """Its id begins with the id of the role's session; one whose name only begins alike is another's."""
    for name, expected in (
        ("AROAEXAMPLE:james-0123", Effect.ALLOWED),
        ("AROAEXAMPLE:rick-0123", Effect.IMPLICITLY_DENIED),
        ("AROAEXAMPLE:jamesina-0123", Effect.IMPLICITLY_DENIED),
    ):
        for action in ("ssm:ResumeSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel"):
            assert effect(action, f"arn:aws:ssm:eu-west-1:{PRODUCTION}:session/{name}") is expected


def test_a_key_is_sent_for_the_named_user_of_hosts_of_the_tags():
    """Nobody becomes root by it, nor gets into another host; without users there is no SSH at all."""
    there = {"aws:ResourceTag/Environment": "production", "aws:ResourceTag/Team": "orders"}
    send = "ec2-instance-connect:SendSSHPublicKey"
    assert effect(send, INSTANCE, {**there, "ec2:osuser": "ec2-user"}) is Effect.ALLOWED
    assert effect(send, INSTANCE, {**there, "ec2:osuser": "ec2-user"}, at=AFTER) is Effect.EXPLICITLY_DENIED
    assert effect(send, INSTANCE, {**there, "ec2:osuser": "root"}) is Effect.IMPLICITLY_DENIED
    assert effect(send, INSTANCE, {"ec2:osuser": "ec2-user"}) is Effect.IMPLICITLY_DENIED
    assert "SendKeys" in {each["Sid"] for each in shell_statements(SHELLS)}
    assert "SendKeys" not in {each["Sid"] for each in shell_statements(replace(SHELLS, users=()))}


def test_what_outlives_a_shift_is_opted_in_to_or_denied_and_said():
    """An open shell asks IAM no more: without the word of the file it is denied on call, and a plan says which is missing."""
    closed = of(may_outlive=())
    assert effect("ssm:StartSession", INSTANCE, TAGGED, team_=closed) is Effect.EXPLICITLY_DENIED
    for made, missing in (
        (closed, "instance-shells and instance-connect"),
        (of(may_outlive=OUTLIVING[:1]), OUTLIVING[1]),
    ):
        said = [each.message for each in warnings(made) if each.code == "shells-denied"]
        assert said == [
            "the shells of `prod-oncall` are denied on call: an open one outlives the shift; "
            f"name {missing} under its `may_outlive` if they are to work"
        ]
    assert "shells-denied" not in {each.code for each in warnings(of())}
    assert any("instance-shells" in each.message for each in warnings(of()) if each.code == "outlives")


def warnings(made):
    """Give what a plan from nothing warns of."""
    observed = {name: compile_account(made, account, MONDAY).state for name, account in made.accounts.items()}
    return make_plan(made, observed, MONDAY).warnings


def test_aws_takes_the_document():
    """It is well-formed, and a set of shells alone is whole."""
    (document,) = own_documents(replace(permission_set("s"), shells=SHELLS))
    assert not grammar_error(document)


def test_the_file_says_it():
    """Tags with their values, users of hosts; nothing that a pattern or a variable could stand for."""
    text = "team: t\npermission_sets: {s: {shells: {tags: {Environment: [production]}, users: [ec2-user]}}}\n"
    made = parse(text.encode(), "watchbill.yaml").permission_sets["s"].shells
    assert made == Shells({"Environment": ("production",)}, ("ec2-user",))
    for wrong in (
        text.replace("[production]", '["*"]'),
        text.replace("[production]", "['${aws:username}']"),
        text.replace("[production]", "[]"),
        text.replace("{Environment: [production]}", "{}"),
        text.replace("[ec2-user]", "['*']"),
        text.replace("{s: {", "{s: {policy: {Version: '2012-10-17', Statement: []}, "),
    ):
        with pytest.raises(FileError):
            parse(wrong.encode(), "watchbill.yaml")
