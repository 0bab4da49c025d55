"""Watchbill's own rights: enough for every step that it makes, and for nothing else, by two evaluators."""

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import botocore.session
import pytest
from tests.cloud import MemoryCloud, by
from tests.judged import Judged, may
from tests.teams import rota, team
from tests.unit.respond.frozen import NOON, before, frozen, observe, seen, world

from watchbill.access.apply import apply
from watchbill.access.documents import size
from watchbill.access.model import Call as Step
from watchbill.access.model import Credentials, Device, Door, DoorKind, Freeze, Shell, State
from watchbill.access.own_rights import (
    ASSIST,
    CENTER,
    CENTER_PLANS,
    CENTER_READ,
    CENTER_RESTORE,
    EVICT,
    FREEZE,
    NOT_GIVEN,
    OFFBOARD,
    ONBOARD,
    RECONCILER,
    RESPONDER,
    RESTORE,
    OwnRole,
    Place,
    boundary,
    home_of,
    own_policies,
    where_of,
)
from watchbill.access.plan import make_plan
from watchbill.access.quarantine import DENY_ALL
from watchbill.aws.calls import CALLS
from watchbill.errors import ProviderError
from watchbill.policy.actions import access_level, actions_of, resource_patterns
from watchbill.policy.grammar import grammar_error
from watchbill.respond.evict import Since, plan_eviction
from watchbill.respond.help import Wanted, plan_help
from watchbill.respond.offboard import delete_users
from watchbill.respond.onboard import plan_onboarding
from watchbill.respond.restore import plan_restore
from watchbill.team.model import BreakGlass, IdentityCenter


NUMBER = "111111111111"
IAM = f"arn:aws:iam::{NUMBER}"
CEILING = "watchbill-ceiling"
TEAM = replace(
    team(),
    ceiling=CEILING,
    break_glass=(BreakGlass("sealed", ("production",), team().groups["support"].where),),
    identity_center=IdentityCenter(
        "production", "eu-west-1", "d-1234567890", "arn:aws:sso:::instance/ssoins-1", "p-frozen", None, rota().where
    ),
)
ADMINISTRATOR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def policies(*parts, of=TEAM):
    """Give the documents of some policies, by account."""
    return {
        name: [each.document for each in own_policies(CALLS, where_of(of, account)) if each.part in parts]
        for name, account in of.accounts.items()
    }


def of_role(role, account="production"):
    """Give all that a role can be given."""
    return [
        each.document for each in own_policies(CALLS, where_of(TEAM, TEAM.accounts[account])) if each.part.role is role
    ]


def bounded(role):
    """Give what makes the boundary of a role, by the name of an account."""
    return lambda name: boundary(CALLS, role, TEAM.accounts[name].number)


def done(changes, cloud):
    """Make every change; give what was refused."""
    outcomes = apply(changes, by(TEAM, cloud))
    return [str(each.error) for each in outcomes if each.state is not State.DONE]


# --- enough ----------------------------------------------------------------------------------------


def test_every_step_of_plans_is_allowed():
    """From nothing to the team file, to another one, to people frozen, and what others did undone; within the boundary."""
    cloud = Judged(MemoryCloud(), policies(RECONCILER), bounded(OwnRole.RECONCILER))
    made: list[str] = []

    def brought(of, freezes=()):
        plan = make_plan(of, {n: cloud.observe(a) for n, a in of.accounts.items()}, NOON, freezes)
        assert done(plan.changes, cloud) == []
        made.extend(change.call.operation for change in plan.changes)

    brought(TEAM)
    for operation, given in (
        ("AttachUserPolicy", {"UserName": "rick", "PolicyArn": f"{IAM}:policy/watchbill/set-read-only"}),
        (
            "PutUserPolicy",
            {"UserName": "rick", "PolicyName": "own", "PolicyDocument": '{"Statement":[{"Effect":"Allow"}]}'},
        ),
        (
            "PutRolePolicy",
            {
                "RoleName": "oncall-platform",
                "PolicyName": "own",
                "PolicyDocument": '{"Statement":[{"Effect":"Allow"}]}',
            },
        ),
        ("DeleteRolePermissionsBoundary", {"RoleName": "oncall-platform"}),
        ("CreateGroup", {"GroupName": "old", "Path": "/"}),
        ("AddUserToGroup", {"GroupName": "old", "UserName": "rick"}),
    ):
        MemoryCloud.perform(cloud, TEAM.accounts["production"], Step(operation, given))
    brought(replace(TEAM, rotas={"platform": rota(rota().layers[0])}))
    brought(TEAM, [Freeze("F-1", "james", NOON - timedelta(hours=1), None, None)])
    brought(TEAM)
    brought(replace(TEAM, rotas={}, groups={"support": TEAM.groups["support"]}, grants=()))
    of_plans = {operation for service, operation in CALLS if service == "iam" and operation in made}
    assert of_plans >= {
        *("AddUserToGroup", "AttachGroupPolicy", "AttachRolePolicy", "CreateGroup", "CreatePolicy", "CreateRole"),
        *("CreatePolicyVersion", "CreateUser", "DeleteGroup", "DeletePolicy", "DeletePolicyVersion", "DeleteRole"),
        *("DeleteRolePolicy", "DeleteUserPolicy", "DetachGroupPolicy", "DetachRolePolicy", "DetachUserPolicy"),
        *("PutRolePermissionsBoundary", "PutUserPolicy", "RemoveUserFromGroup", "UpdateAssumeRolePolicy"),
    }


def attacked():
    """Give a cloud in which James has every kind of credential."""
    cloud, of = world(), ("production", "james")
    cloud.doors[of] = [
        Door(DoorKind.SERVICE, "ACCA1", active=True),
        Door(DoorKind.SSH, "APKA1", active=True),
        Door(DoorKind.CERTIFICATE, "CERT1", active=True),
    ]
    cloud.devices[of] = [Device(f"{IAM}:mfa/theirs", NOON)]
    cloud.passwords.add(of)
    cloud.shells["production"] = [Shell("james-1", "eu-west-1", f"{IAM}:user/watchbill/james", "i-1")]
    return cloud


def responding(*parts, cloud=None):
    """Give the attacked cloud, in which the responder has some of its policies; within its boundary."""
    return Judged(cloud or attacked(), policies(RESPONDER, *parts), bounded(OwnRole.RESPONDER))


def test_a_freeze_takes_no_policy_to_be_written_but_one():
    """The responder denies, switches off, takes out of groups and ends shells; its sessions take the freeze policy."""
    cloud = attacked()
    plan = frozen(cloud)
    assert done(plan.changes, responding(FREEZE, cloud=cloud)) == []
    alone = responding(cloud=cloud)
    done([change for change in plan.changes if change.call.operation != "CreatePolicyVersion"], alone)
    assert alone.refused == []
    assert done(plan.changes, alone) != []
    assert alone.refused == ["CreatePolicyVersion"]
    user = alone.observe(TEAM.accounts["production"]).users["james"]
    assert DENY_ALL in user.attached
    assert not user.groups


def test_with_no_slot_left_the_boundary_is_what_denies():
    """What would be written into the user is refused; the next form is the boundary, which is AWS's own policy."""
    cloud = attacked()
    bound = Step("PutUserPermissionsBoundary", {"UserName": "james", "PermissionsBoundary": DENY_ALL})
    written = Step("PutUserPolicy", {"UserName": "james", "PolicyName": "watchbill-quarantine", "PolicyDocument": "{}"})
    there = responding(cloud=cloud)
    with pytest.raises(ProviderError, match="AccessDenied: iam:PutUserPolicy"):
        there.perform(TEAM.accounts["production"], written)
    there.perform(TEAM.accounts["production"], bound)
    there.perform(TEAM.accounts["production"], Step("DeleteUserPermissionsBoundary", {"UserName": "james"}))


def test_a_restore_takes_a_policy_of_its_own():
    """Lifting the deny and switching keys on is the responder's; groups come back by a plan, or by this policy."""
    cloud = attacked()
    was, untouched = observe(cloud), before(cloud)
    plan = frozen(cloud)
    there = responding(FREEZE, RESTORE, cloud=cloud)
    assert done(plan.changes, there) == []
    back = plan_restore(plan, was, seen(there), untouched, ())
    assert done(back.changes, there) == []
    without = responding(FREEZE, cloud=cloud)
    done(plan.changes, without)
    done(back.changes, without)
    assert set(without.refused) == {"AddUserToGroup"}


def test_evicting_and_helping_take_policies_of_their_own():
    """Whoever may only contain can delete no credential, and sign in as nobody."""
    cloud = attacked()
    plan = frozen(cloud)
    evicted = plan_eviction(
        plan, seen(cloud), Since(NOON - timedelta(hours=2), frozenset({"AKIAFIRST"}), NOON - timedelta(hours=1)), NOON
    )
    helped = plan_help("james", "james", "production", seen(cloud), Wanted(password=True, devices=True), NOON)
    told = [
        replace(c, call=replace(c.call, parameters={**c.call.parameters, "Password": "x"}))
        if "LoginProfile" in c.call.operation
        else c
        for c in helped.changes
    ]
    for changes, part in ((evicted.changes, EVICT), (told, ASSIST)):
        assert changes
        assert done(changes, responding(part, cloud=cloud)) == []
        for change in changes:
            assert done([change], responding(cloud=cloud)) != []


def test_offboarding_takes_a_policy_of_its_own_and_strips_those_alone_who_are_shut_out():
    """Every step of it is allowed, none without it; and no policy is taken off somebody whom nothing denies."""
    cloud = attacked()
    MemoryCloud.perform(cloud, TEAM.accounts["production"], Step("CreateGroup", {"GroupName": "old", "Path": "/"}))
    joined = Step("AddUserToGroup", {"GroupName": "old", "UserName": "james"})
    written = {"UserName": "james", "PolicyName": "own", "PolicyDocument": '{"Statement":[{"Effect":"Allow"}]}'}
    for step in (joined, Step("PutUserPolicy", written)):
        MemoryCloud.perform(cloud, TEAM.accounts["production"], step)
    there = responding(FREEZE, OFFBOARD, cloud=cloud)
    assert done(frozen(cloud).changes, there) == []
    changes = list(delete_users("james", seen(there)))
    without = responding(FREEZE, cloud=deepcopy(cloud))
    assert done(changes, without) != []
    assert done(changes, there) == []
    assert "james" not in there.observe(TEAM.accounts["production"]).users
    documents = policies(RESPONDER, OFFBOARD)["production"]
    for action in ("iam:DetachUserPolicy", "iam:DeleteUserPolicy"):
        for bound in ({}, {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}):
            keys = {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess", **bound}
            assert not may(documents, action, f"{IAM}:user/x", keys)
    assert not may(documents, "iam:DeleteUser", f"{IAM}:user/sealed", {})


def test_onboarding_takes_a_policy_of_its_own_and_ends_at_the_path():
    """The reconciler alone sets no password; with it, only of users under the path, and none that is there."""
    cloud = attacked()
    cloud.passwords.clear()
    account = TEAM.accounts["production"]
    changes = plan_onboarding("james", "james", cloud.observe(account), Credentials()).changes
    told = [
        replace(c, call=replace(c.call, parameters={**c.call.parameters, "Password": "x"}))
        if c.call.operation == "CreateLoginProfile"
        else c
        for c in changes
    ]
    alone = Judged(cloud, policies(RECONCILER), bounded(OwnRole.RECONCILER))
    assert done(told, alone) != []
    assert alone.refused == ["CreateLoginProfile"]
    assert done(told, Judged(cloud, policies(RECONCILER, ONBOARD), bounded(OwnRole.RECONCILER))) == []
    documents = policies(RECONCILER, ONBOARD)["production"]
    assert not may(documents, "iam:CreateLoginProfile", f"{IAM}:user/x", {})
    assert not may(documents, "iam:UpdateLoginProfile", f"{IAM}:user/watchbill/x", {})


# --- nothing else -----------------------------------------------------------------------------------

OURS = {kind: f"{IAM}:{kind}/watchbill/x" for kind in ("group", "policy", "role", "user")}
THEIRS = {kind: f"{IAM}:{kind}/x" for kind in ("group", "policy", "role", "user")}
NEAR = {kind: f"{IAM}:{kind}/watchbill-own/x" for kind in ("group", "policy", "role")}
ELSEWHERE = {kind: f"arn:aws:iam::999999999999:{kind}/watchbill/x" for kind in OURS}
FREEZE_ARN = f"{IAM}:policy/watchbill/watchbill-freeze"
KEYS: tuple[dict[str, str], ...] = (
    {},
    {"iam:PolicyARN": DENY_ALL, "iam:PermissionsBoundary": DENY_ALL},
    {"iam:PolicyARN": f"{IAM}:policy/watchbill/x", "iam:PermissionsBoundary": f"{IAM}:policy/{CEILING}"},
    {
        "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess",
        "iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess",
    },
)
"""What is attached, and what bounds: AWS's deny, what is watchbill's, and what nobody is to be given."""


def writes():
    """Give every action of AWS's models that changes something in IAM, Identity Center, the organization, STS or SSM."""
    session = botocore.session.get_session()
    for service in ("iam", "identitystore", "organizations", "ssm", "sso-admin", "sts"):
        for operation in session.get_service_model(service).operation_names:
            for action in actions_of(f"{service}.amazonaws.com", operation).actions:
                if access_level(action) not in ("List", "Read"):
                    yield service, operation, action


WRITES = sorted(set(writes()))


def given(role):
    """Give the actions that a role is to have, by the list of calls; what comes with them besides included."""
    found = {action for document in of_role(role) for s in document["Statement"] for action in s["Action"]}
    by_calls = {
        action
        for service, operation in CALLS
        if f"{service}:{operation}" not in NOT_GIVEN
        for action in actions_of(f"{service}.amazonaws.com", operation).actions
    }
    assert found <= by_calls | {"iam:TagPolicy", "iam:TagRole", "iam:TagUser", "sso:TagResource"}
    return found


@pytest.mark.parametrize("role", list(OwnRole))
def test_every_other_write_of_awss_models_is_denied(role):
    """On whatever resource: ours, others', another account's, everything. The reader changes nothing at all."""
    documents, listed = of_role(role), given(role)
    assert len(WRITES) > 250
    refused = 0
    for _, _, action in WRITES:
        if action in listed:
            continue
        places = [
            *OURS.values(),
            *THEIRS.values(),
            "*",
            *(p.replace("${Account}", NUMBER) for p in resource_patterns(action) or ()),
        ]
        for resource in places:
            assert not may(documents, action, resource, KEYS[1]), (action, resource)
            refused += 1
    assert refused > 1500
    if role is OwnRole.READER:
        assert {action for action in listed if access_level(action) not in ("List", "Read")} == {
            *("securityhub:BatchImportFindings", "sts:AssumeRole", "sqs:ChangeMessageVisibility"),
            *("sqs:DeleteMessage", "sqs:ReceiveMessage", "kms:Decrypt"),
        } & listed


def may_reach(role, action, resource):
    """Tell, written down a second time, on what a role may do what it may do."""
    kind = resource.split(":")[5].partition("/")[0]
    if resource.startswith("arn:aws:iam::999999999999:"):
        return False
    if kind == "user":
        return (
            "watchbill/" in resource
            or action not in ("iam:CreateUser", "iam:TagUser", "iam:DetachUserPolicy")
            or role is OwnRole.RESPONDER
        )
    if action == "iam:RemoveUserFromGroup":
        return kind == "group"
    if role is OwnRole.RESPONDER and kind == "policy":
        return resource == FREEZE_ARN
    return resource in (*OURS.values(), FREEZE_ARN)


@pytest.mark.parametrize("role", [OwnRole.RECONCILER, OwnRole.RESPONDER])
def test_what_is_allowed_ends_at_the_path(role):
    """Objects of others, of another account, and those whose path only begins alike are out of reach."""
    documents = of_role(role)
    changes = [a for a in given(role) if a.startswith("iam:") and access_level(a) not in ("List", "Read")]
    reached = set()
    for action in changes:
        for resource in (*OURS.values(), *THEIRS.values(), *NEAR.values(), *ELSEWHERE.values(), FREEZE_ARN):
            for keys in KEYS:
                if may(documents, action, resource, keys):
                    assert may_reach(role, action, resource), (action, resource)
                    reached.add(action)
    assert reached == {action for action in changes if "MFADevice" not in action or action == "iam:DeactivateMFADevice"}
    if role is OwnRole.RESPONDER:
        assert may(documents, "iam:DeleteVirtualMFADevice", f"{IAM}:mfa/phone", {})


def test_only_what_is_meant_can_be_attached_or_bounds():
    """The responder attaches AWS's deny and nothing else; the reconciler only what the team file's sets are made of."""
    administrator, ours = KEYS[3], KEYS[2]
    responder, reconciler = policies(RESPONDER)["production"], policies(RECONCILER)["production"]
    for document in (responder, reconciler):
        for action in ("iam:AttachUserPolicy", "iam:PutUserPermissionsBoundary"):
            assert may(document, action, THEIRS["user"], KEYS[1])
            assert not may(document, action, THEIRS["user"], administrator)
            assert not may(document, action, THEIRS["user"], ours)
            assert not may(document, action, THEIRS["user"], {})
    assert may(reconciler, "iam:AttachGroupPolicy", OURS["group"], ours)
    assert not may(reconciler, "iam:AttachGroupPolicy", OURS["group"], administrator)
    assert may(reconciler, "iam:CreateRole", OURS["role"], ours)
    assert not may(reconciler, "iam:CreateRole", OURS["role"], administrator)
    assert not may(reconciler, "iam:CreateRole", OURS["role"], {})
    assert may(reconciler, "iam:TagRole", OURS["role"], {"aws:TagKeys": ("watchbill:team",)})
    assert not may(reconciler, "iam:TagRole", OURS["role"], {"aws:TagKeys": ("watchbill:team", "admin")})


def test_the_responder_writes_no_policy_but_the_one():
    """With all that it may be wished to have, no Put*Policy and no way to make itself more."""
    documents = of_role(OwnRole.RESPONDER)
    assert not [
        a
        for a in given(OwnRole.RESPONDER)
        if "Policy" in a and a.startswith(("iam:Put", "iam:Create")) and a != "iam:CreatePolicyVersion"
    ]
    assert may(documents, "iam:CreatePolicyVersion", FREEZE_ARN, {})
    for near in (f"{FREEZE_ARN}x", f"{IAM}:policy/watchbill/fence-oncall-platform-1", f"{IAM}:policy/watchbill-freeze"):
        assert not may(documents, "iam:CreatePolicyVersion", near, {})


def test_who_is_protected_cannot_be_shut_out():
    """Wherever their user lies; their namesakes can."""
    documents = of_role(OwnRole.RESPONDER)
    for way in ("", "watchbill/", "a/b/"):
        for name in ("sealed", "break-glass"):
            for action in (
                "iam:UpdateAccessKey",
                "iam:AttachUserPolicy",
                "iam:DeleteLoginProfile",
                "iam:UpdateLoginProfile",
            ):
                assert not may(documents, action, f"{IAM}:user/{way}{name}", KEYS[1]), (action, way)
        assert may(documents, "iam:UpdateAccessKey", f"{IAM}:user/{way}un-sealed", {})
    assert may(
        of_role(OwnRole.RESPONDER, "staging"), "iam:UpdateAccessKey", "arn:aws:iam::222222222222:user/sealed", {}
    )


@pytest.mark.parametrize("role", list(OwnRole))
def test_the_boundary_holds_whatever_the_role_is_given(role):
    """As an administrator it could still only make its own calls, and change none of its own roles and policies."""
    bound = boundary(CALLS, role, NUMBER)
    listed = given(role) | {"sts:AssumeRole"}
    for _, _, action in WRITES:
        for resource in ("*", *OURS.values()):
            assert (
                not may([ADMINISTRATOR], action, resource, KEYS[1], bound)
                or action in listed
                or action.startswith("iam:Tag")
            )
    for resource in (*(f"{IAM}:role/{each.iam_name}" for each in OwnRole), NEAR["policy"]):
        for _, _, action in WRITES:
            assert not (action.startswith("iam:") and may([ADMINISTRATOR], action, resource, KEYS[1], bound)), (
                action,
                resource,
            )


def test_identity_center_is_there_alone_where_it_is():
    """In its own account, on its own instance, store and policy; assigning somebody anew is a policy of its own."""
    assert not policies(CENTER, CENTER_RESTORE)["staging"]
    contain, restore = (policies(part)["production"] for part in (CENTER, CENTER_RESTORE))
    ours, other = "arn:aws:sso:::instance/ssoins-1", "arn:aws:sso:::instance/ssoins-2"
    assert may(contain, "sso:DeleteAccountAssignment", ours, {})
    assert not may(contain, "sso:DeleteAccountAssignment", other, {})
    assert not may(contain, "sso:CreateAccountAssignment", ours, {})
    assert may(restore, "sso:CreateAccountAssignment", ours, {})
    scp = "arn:aws:organizations::999999999999:policy/o-1/service_control_policy/"
    assert may(contain, "organizations:UpdatePolicy", f"{scp}p-frozen", {})
    assert not may(contain, "organizations:UpdatePolicy", f"{scp}p-other", {})


def test_plans_reach_tagged_sets_alone_and_only_where_identity_center_is():
    """What watchbill made carries its tag, and nothing else can be written; the reader changes nothing there."""
    assert not policies(CENTER_READ, CENTER_PLANS)["staging"]
    read, plans = (policies(part)["production"] for part in (CENTER_READ, CENTER_PLANS))
    a_set, tagged = "arn:aws:sso:::permissionSet/ssoins-1/ps-1", {"aws:ResourceTag/watchbill:team": "orders"}
    for action in ("sso:AttachManagedPolicyToPermissionSet", "sso:ProvisionPermissionSet", "sso:DeletePermissionSet"):
        assert may(plans, action, a_set, tagged)
        assert not may(plans, action, a_set, {"aws:ResourceTag/other": "orders"})
        assert not may(plans, action, a_set.replace("ssoins-1", "ssoins-2"), tagged)
        assert not may(read, action, a_set, tagged)
    assert not may(plans, "sso:PutInlinePolicyToPermissionSet", a_set, tagged)
    assert may(read, "sso:DescribePermissionSet", a_set, {})


def test_home_takes_these_roles_and_no_others():
    """And reads only the trail that is named."""
    where = replace(
        where_of(TEAM, TEAM.accounts["production"]),
        buckets=(("trail", "AWSLogs/"),),
        queues=("arn:aws:sqs:eu-west-1:1:q",),
    )
    documents = [
        each.document
        for each in own_policies(CALLS, home_of(TEAM, OwnRole.READER, where), (Place.HOME,))
        if each.part.role is OwnRole.READER
    ]
    assert may(documents, "sts:AssumeRole", "arn:aws:iam::222222222222:role/watchbill-reader", {})
    for role in ("watchbill-reconciler", "admin", "watchbill/watchbill-reader"):
        assert not may(documents, "sts:AssumeRole", f"{IAM}:role/{role}", {})
    assert may(documents, "s3:GetObject", "arn:aws:s3:::trail/AWSLogs/1/x", {})
    assert not may(documents, "s3:GetObject", "arn:aws:s3:::trail/other", {})
    assert not may(documents, "s3:PutObject", "arn:aws:s3:::trail/AWSLogs/1/x", {})
    assert not may(documents, "kms:Decrypt", "arn:aws:kms:eu-west-1:1:key/k", {})


def test_aws_takes_every_document():
    """By its grammar and its size."""
    for account in TEAM.accounts.values():
        documents = [each.document for each in own_policies(CALLS, where_of(TEAM, account))]
        for document in (*documents, *(boundary(CALLS, role, account.number) for role in OwnRole)):
            assert grammar_error(document) is None
            assert size(document) <= 6144
