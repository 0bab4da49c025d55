"""Guards of job roles: nobody who may do everything gives themselves what they were not given."""

import json
import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.access.guards import guard_statements, object_statements, on_call_statements, outlive_statements
from watchbill.access.outlive import CATALOGUE
from watchbill.errors import NotFoundError
from watchbill.policy.actions import access_level, actions_matching, resource_types
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.grammar import grammar_error
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.patterns import glob_matches
from watchbill.policy.prove import Counterexample, Proof, any_allowed
from watchbill.policy.statements import parse_policy


NUMBER = "111122223333"
IAM = f"arn:aws:iam::{NUMBER}"
MEMBERS = {"oncall-platform": ("ada", "james"), "oncall-data": ("li",), "oncall-nobody": ()}
KINDS = ("user", "group", "role", "policy", "instance-profile")
"""Kinds of objects of IAM that watchbill makes, or would have to fear under its path."""


def document(statements):
    """Give a document of statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


@cache
def guarded():
    """Decide as for a job role that may do everything, with its guards."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policies = document([everything]), document(guard_statements(NUMBER, MEMBERS))
    return Evaluator(
        Layers(tuple(parse_policy(each, name) for each, name in zip(policies, ("all", "guards"), strict=True)))
    )


def decide(action, resource, user="james", path="/watchbill/"):
    """Decide what James asks for, with his own credentials and MFA."""
    context = {"aws:username": user, "aws:MultiFactorAuthPresent": "true", "aws:CurrentTime": "2026-01-14T20:00:00Z"}
    who = Principal.of(f"{IAM}:user{path}{user}")
    return guarded().decide(Request(action, resource, context, complete=True, principal=who)).effect


def changing(kind):
    """Give the actions of IAM that change, or use, a kind of object."""
    return [
        action
        for action in actions_matching("iam:*")
        if access_level(action) not in ("Read", "List") and kind in {each.name for each in resource_types(action) or ()}
    ]


OF_ONESELF = {
    "one's own keys": "iam:*AccessKey",
    "one's own password": "iam:ChangePassword iam:*LoginProfile",
    "one's own devices": "iam:*MFADevice",
    "one's own keys for git and for single services": "iam:*SSHPublicKey iam:*ServiceSpecificCredential iam:*SigningCertificate",
}
"""What stays allowed to a user of watchbill's, on themselves alone."""


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_under_watchbills_path_is_changed(kind):
    """Every action that AWS lists for such an object, its use for something else among them."""
    actions = changing(kind)
    assert len(actions) >= 6
    for action in actions:
        assert decide(action, f"{IAM}:{kind}/watchbill/rick") is Effect.EXPLICITLY_DENIED, action
        assert decide(action, f"{IAM}:{kind}/watchbill/eu/rick") is Effect.EXPLICITLY_DENIED, action


def test_what_is_left_of_ones_own_user_is_ones_own_credentials():
    """A user of watchbill's may do these to themselves, and nothing else: no policy, no tag, no other name."""
    patterns = [p.lower() for group in OF_ONESELF.values() for p in group.split()]
    used = set()
    for action in changing("user"):
        reasons = {p for p in patterns if glob_matches(p, action.lower())}
        used |= reasons
        wanted = Effect.ALLOWED if reasons else Effect.EXPLICITLY_DENIED
        assert decide(action, f"{IAM}:user/watchbill/james") is wanted, action
    assert used == set(patterns)


OTHERS = ("user/rick", "user/watchbill/rick", "user/ci", "user/robots/ci", "user/xjames", "user/watchbill/mary-james",
          "user/james/mallory", "user/watchbill/james/mallory", "user/jamesx", "user/JAMES")  # fmt: skip
SELF = ("user/james", "user/watchbill/james", "user/staff/james", "user/staff/london/james")


@pytest.mark.parametrize("action", [a for a in changing("user") if any(
    glob_matches(p.lower(), a.lower()) for group in OF_ONESELF.values() for p in group.split())])  # fmt: skip
def test_nobody_gets_anothers_way_to_sign_in(action):
    """Wherever the other lies, and whatever their name ends or begins with; one's own is one's own at any path."""
    for other in OTHERS:
        assert decide(action, f"{IAM}:{other}") is Effect.EXPLICITLY_DENIED, other
    for own in SELF:
        assert decide(action, f"{IAM}:{own}") is Effect.ALLOWED, own


def test_nobody_becomes_another_by_a_name():
    """Windows go by the user's name; who renames a user is asked for the old name and for the new one."""
    for target in (*OTHERS, *SELF):
        assert decide("iam:UpdateUser", f"{IAM}:{target}") is Effect.EXPLICITLY_DENIED
    assert decide("iam:CreateUser", f"{IAM}:user/watchbill/rick") is Effect.EXPLICITLY_DENIED


@pytest.mark.parametrize("kind", ["group", "role", "policy", "instance-profile"])
def test_what_is_not_watchbills_is_left_to_the_job_role(kind):
    """A guard takes nothing that is not about watchbill."""
    for action in changing(kind):
        for name in ("deploy", "watchbill", "watchbills/x", "a/watchbill/x"):
            assert decide(action, f"{IAM}:{kind}/{name}") is Effect.ALLOWED, action
        assert decide(action, f"arn:aws:iam::444455556666:{kind}/watchbill/x") is not Effect.EXPLICITLY_DENIED
    for action in ("iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:CreateUser", "iam:DeleteUser", "iam:TagUser"):
        assert decide(action, f"{IAM}:user/ci") is Effect.ALLOWED


def test_no_read_of_iam_is_denied():
    """Everybody sees who may do what."""
    reads = [a for a in actions_matching("iam:*") if access_level(a) in ("Read", "List")]
    assert len(reads) > 60
    for action in reads:
        for resource in ("*", *(f"{IAM}:{kind}/watchbill/rick" for kind in KINDS), f"{IAM}:mfa/rick"):
            assert decide(action, resource) is Effect.ALLOWED, action


@pytest.mark.parametrize("action", [
    a for a in actions_matching("iam:*") if access_level(a) not in ("Read", "List") and not
    {each.name for each in resource_types(a) or ()} & set(KINDS)])  # fmt: skip
def test_what_is_on_no_user_is_not_taken_for_anothers(action):
    """A Deny of all but one's own user would hit what is on no user at all: a new virtual device, a provider."""
    for resource in ("*", f"{IAM}:mfa/james", f"{IAM}:oidc-provider/x", f"{IAM}:server-certificate/x"):
        assert decide(action, resource) is Effect.ALLOWED


@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"])
def test_an_on_call_role_is_for_its_members(action):
    """Each role for its own, whatever else a job role allows."""
    for role, members in MEMBERS.items():
        for user in ("ada", "james", "li", "rick", "adam"):
            wanted = Effect.ALLOWED if user in members else Effect.EXPLICITLY_DENIED
            assert decide(action, f"{IAM}:role/watchbill/{role}", user) is wanted, (role, user)
    for role in ("role/deploy", "role/oncall-platform", "role/watchbill/oncall-platform-secondary"):
        assert decide(action, f"{IAM}:{role}", "rick") is Effect.ALLOWED


def test_who_has_no_user_name_takes_no_on_call_role():
    """A session that somehow had the guards would be nobody's."""
    asked = Request("sts:AssumeRole", f"{IAM}:role/watchbill/oncall-platform", {}, complete=True)
    assert guarded().decide(asked).effect is Effect.EXPLICITLY_DENIED


@pytest.mark.parametrize(
    "resource", [f"{IAM}:{kind}/watchbill/*" for kind in ("group", "role", "policy", "instance-profile")]
)
def test_it_is_proven_for_every_request(resource):
    """Over all resources under the path, times and contexts, for each action of the kind."""
    kind = resource.split(":")[-1].split("/")[0]
    asked = Request("", resource, {}, principal=Principal.of(f"{IAM}:user/watchbill/james"))
    answer = any_allowed(guarded(), asked, changing(kind))
    assert isinstance(answer, Proof)
    assert {origin.sid for origin in answer.held_by} == {"GuardObjects"}


def test_it_is_proven_that_a_stranger_never_takes_a_role():
    """For all times and contexts; and that a member can."""
    for user, kind in (("rick", Proof), ("james", Counterexample)):
        who = Principal.of(f"{IAM}:user/watchbill/{user}")
        asked = Request("", f"{IAM}:role/watchbill/oncall-platform", {"aws:username": user}, principal=who)
        assert isinstance(any_allowed(guarded(), asked, ["sts:AssumeRole", "sts:TagSession"]), kind), user


def test_it_is_proven_that_a_role_without_members_is_taken_by_nobody():
    """Whatever they are called."""
    asked = Request("", f"{IAM}:role/watchbill/oncall-nobody", {})
    assert isinstance(any_allowed(guarded(), asked, ["sts:AssumeRole"]), Proof)


OF_IAM = [each.name for each in CATALOGUE if any(action.startswith("iam:") for action in each.actions)]
SESSION = Principal.of(f"arn:aws:sts::{NUMBER}:assumed-role/oncall-platform/james")


@cache
def on_call():
    """Decide as for an on-call role that may change all of IAM, with all of it opted in to."""
    everything = {"Effect": "Allow", "Action": ["iam:*", "ec2:*"], "Resource": "*"}
    policies = document([everything]), document(on_call_statements(NUMBER, OF_IAM))
    return Evaluator(
        Layers(tuple(parse_policy(each, name) for each, name in zip(policies, ("all", "guards"), strict=True)))
    )


def test_an_on_call_role_keeps_its_fence_even_where_it_may_change_iam():
    """With every change of IAM opted in to, what watchbill wrote is denied to it, and the rest is not."""
    fence = {"iam:PolicyARN": f"{IAM}:policy/watchbill/fence-oncall-platform-1"}
    for action, theirs, other in (
        ("iam:DetachRolePolicy", "role/watchbill/oncall-platform", "role/deploy"),
        ("iam:AttachRolePolicy", "role/watchbill/oncall-platform", "role/deploy"),
        ("iam:PutRolePolicy", "role/watchbill/oncall-platform", "role/deploy"),
        ("iam:DeleteRolePermissionsBoundary", "role/watchbill/oncall-platform", "role/deploy"),
        ("iam:UpdateAssumeRolePolicy", "role/watchbill/oncall-platform", "role/deploy"),
        ("iam:TagRole", "role/watchbill/oncall-platform", "role/deploy"),
        ("iam:PassRole", "role/watchbill/oncall-platform", "role/deploy"),
        ("iam:CreatePolicyVersion", "policy/watchbill/fence-oncall-platform-1", "policy/deploy"),
        ("iam:SetDefaultPolicyVersion", "policy/watchbill/fence-oncall-platform-1", "policy/deploy"),
        ("iam:DeletePolicy", "policy/watchbill/guard-oncall-platform-1", "policy/deploy"),
        ("iam:AddUserToGroup", "group/watchbill/admins", "group/admins"),
        ("iam:PutUserPolicy", "user/watchbill/james", "user/ci"),
        ("iam:CreateAccessKey", "user/watchbill/ada", "user/ci"),
        ("iam:UpdateLoginProfile", "user/watchbill/james", "user/ci"),
        ("iam:DeactivateMFADevice", "user/watchbill/ada", "user/ci"),
    ):
        for resource, wanted in ((theirs, Effect.EXPLICITLY_DENIED), (other, Effect.ALLOWED)):
            context = {"aws:userid": "AROA:james", **fence}
            asked = Request(action, f"{IAM}:{resource}", context, complete=True, principal=SESSION)
            assert on_call().decide(asked).effect is wanted, (action, resource)


@pytest.mark.parametrize("kind", ["group", "role", "policy", "instance-profile"])
def test_it_is_proven_that_an_on_call_role_changes_nothing_of_watchbills(kind):
    """Whatever action of IAM, request and time, with every entry of IAM opted in to."""
    answer = any_allowed(on_call(), Request("", f"{IAM}:{kind}/watchbill/*", {}, principal=SESSION), changing(kind))
    assert isinstance(answer, Proof)
    assert {origin.sid for origin in answer.held_by} == {"GuardObjects"}
    other = any_allowed(on_call(), Request("", f"{IAM}:{kind}/*", {}, principal=SESSION), changing(kind))
    assert isinstance(other, Counterexample)


def test_the_objects_are_kept_where_anything_of_iam_is_opted_in_to():
    """One entry is enough, and no other entry asks for it."""
    assert len(OF_IAM) > 10
    for each in CATALOGUE:
        kept = {s["Sid"] for s in object_statements(NUMBER)} | {"GuardSignIns"} if each.name in OF_IAM else set()
        without = {s["Sid"] for s in outlive_statements([each.name])}
        assert {s["Sid"] for s in on_call_statements(NUMBER, [each.name])} - without == kept, each.name
    assert on_call_statements(NUMBER, ()) == outlive_statements(())
    # An iterator is read once.
    assert on_call_statements(NUMBER, iter(OF_IAM)) == on_call_statements(NUMBER, OF_IAM)
    with pytest.raises(NotFoundError):
        on_call_statements(NUMBER, ["acess-keys"])


def test_the_statements_are_as_aws_takes_them():
    """One small policy for a team of a few rotas; no dates, so that they do not change from day to day."""
    found = document(guard_statements(NUMBER, MEMBERS))
    assert grammar_error(json.dumps(found)) is None
    assert "Current" not in json.dumps(found)
    assert [each["Sid"] for each in found["Statement"]] == [
        "GuardObjects", "GuardUsers", "GuardNames", "GuardCredentials", "OnlyOncallData", "OnlyOncallNobody",
        "OnlyOncallPlatform",
    ]  # fmt: skip
    assert len(json.dumps(found, separators=(",", ":"))) < 6144
    assert guard_statements(NUMBER, MEMBERS) == guard_statements(NUMBER, dict(reversed([*MEMBERS.items()])))
    assert guard_statements(NUMBER, {"oncall-a": ["b", "a"]}) == guard_statements(NUMBER, {"oncall-a": ("a", "b")})


NAMES = st.text("abAB01_.-", min_size=1, max_size=8)


@given(st.sets(NAMES, min_size=1, max_size=12))
def test_every_role_has_a_sid_of_its_own(names):
    """Whatever roles there are beside it, and one that AWS takes."""
    roles = [f"oncall-{name}" for name in sorted(names)]
    sids = [each["Sid"] for each in guard_statements(NUMBER, dict.fromkeys(roles, ()))]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
    for role, sid in zip(roles, sids[4:], strict=True):
        assert guard_statements(NUMBER, {role: ()})[4]["Sid"] == sid
