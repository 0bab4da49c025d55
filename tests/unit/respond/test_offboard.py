"""Whoever has left is deleted in an order that AWS accepts, and holds no more at any point than before."""

from dataclasses import replace
from itertools import pairwise

import pytest
from tests.cloud import MemoryCloud, by
from tests.teams import DAY, MONDAY
from tests.unit.respond.frozen import TEAM, by_hand, carry_out, frozen, read, seen, world

from watchbill.access.apply import apply
from watchbill.access.model import Credentials, Device, Door, DoorKind, Phase, State
from watchbill.access.quarantine import DENY_ALL
from watchbill.access.ways import Ways
from watchbill.errors import ProviderError, RefusedError
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Effect, Request
from watchbill.policy.statements import parse_policy
from watchbill.respond.center import Seat
from watchbill.respond.directory import DirectoryUser
from watchbill.respond.elsewhere import Elsewhere
from watchbill.respond.hosts import HostUser, Known
from watchbill.respond.offboard import delete_users, remains, remains_elsewhere
from watchbill.respond.verify import PROBES


GIVES = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
DENIES = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:*","Resource":"*"}]}'
BOUND = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}


def full(form_slots=0):
    """Give a cloud in which James has everything that a user can have, and others' policies and groups besides."""
    cloud, of = world(), ("production", "james")
    cloud.doors[of] = [
        Door(DoorKind.SERVICE, "ACCA1", active=True),
        Door(DoorKind.SSH, "APKA1", active=True),
        Door(DoorKind.CERTIFICATE, "CERT1", active=False),
    ]
    phone = Device("arn:aws:iam::111111111111:mfa/phone", MONDAY - DAY)
    cloud.devices[of] = [phone, Device("GAHT12345678", MONDAY - DAY)]
    cloud.passwords.add(of)
    by_hand(cloud, "CreateGroup", GroupName="admins", Path="/")
    by_hand(cloud, "AddUserToGroup", GroupName="admins", UserName="james")
    for name, written in (("gives", GIVES), ("denies", DENIES)):
        by_hand(cloud, "CreatePolicy", PolicyName=name, Path="/", PolicyDocument=written)
        by_hand(cloud, "AttachUserPolicy", UserName="james", PolicyArn=f"arn:aws:iam::111111111111:policy/{name}")
    by_hand(cloud, "PutUserPolicy", UserName="james", PolicyName="own", PolicyDocument=GIVES)
    for number in range(form_slots):
        by_hand(cloud, "CreatePolicy", PolicyName=f"p{number}", Path="/", PolicyDocument=GIVES)
        arn = f"arn:aws:iam::111111111111:policy/p{number}"
        by_hand(cloud, "AttachUserPolicy", UserName="james", PolicyArn=arn)
    return cloud


def may(cloud, account="production"):
    """Give which of the probes James's user may do, by its policies, its groups' and its boundary."""
    state = read(cloud)[account]
    user = state.users.get("james")
    if user is None:
        return set()
    policies, _ = Ways(state).user_policies(user)
    boundary = (parse_policy(BOUND, "boundary"),) if user.boundary == DENY_ALL else None
    found = {}
    for action in PROBES:
        request = Request(action, "*", {"aws:username": "james"}, complete=True)
        found[action] = evaluate(request, identity=policies, boundary=boundary).effect
    return {action for action, effect in found.items() if effect is Effect.ALLOWED}


def denied(cloud, account="production"):
    """Tell whether everything is denied to James's user outright, by what it has itself or its boundary."""
    state = read(cloud)[account]
    user = state.users.get("james")
    if user is None:
        return True
    return DENY_ALL in (user.boundary, *user.attached) or "watchbill-quarantine" in user.inline


def credentials(cloud):
    """Count what James can sign in with."""
    found = seen(cloud).credentials.get("production", Credentials())
    on = [key for key in found.keys if key.active], [door for door in found.doors if door.active]
    return len(on[0]) + len(on[1]) + found.password


@pytest.mark.parametrize("form_slots", [0, 8])
def test_everything_goes_before_the_user_and_nobody_holds_more_meanwhile(form_slots):
    """From before the freeze to after the deletion, whichever form the freeze took: AWS's order, and never more."""
    cloud = full(form_slots)
    held = [(may(cloud), credentials(cloud), denied(cloud))]
    shut = frozen(cloud)
    for changes in (shut.changes, None):
        made = list(delete_users("james", seen(cloud))) if changes is None else changes
        for change in made:
            carry_out([change], cloud)
            held.append((may(cloud), credentials(cloud), denied(cloud)))
    assert held[0][0] == {each for each in PROBES if not each.startswith("iam:")}
    for (before, keys, shut_before), (after, left, shut_after) in pairwise(held):
        assert after <= before
        assert left <= keys
        assert shut_after or not shut_before
    assert list(remains("james", seen(cloud))) == []
    assert all("james" not in state.users for state in read(cloud).values())


def test_aws_refuses_any_other_order():
    """The stand-in refuses to delete a user who has anything left: each step before the last is needed."""
    cloud = full()
    carry_out(frozen(cloud).changes, cloud)
    made = [change for change in delete_users("james", seen(cloud)) if change.account == "production"]
    needed = [
        change for change in made if change.call.operation.startswith(("Delete", "Detach", "Deactivate", "Remove"))
    ]
    needed = [change for change in needed if change.call.operation not in ("DeleteUser", "DeleteVirtualMFADevice")]
    assert {change.call.operation for change in needed} == {
        *("DeleteAccessKey", "DeleteLoginProfile", "DeleteServiceSpecificCredential", "DeleteSSHPublicKey"),
        *("DeleteSigningCertificate", "DeactivateMFADevice", "RemoveUserFromGroup", "DetachUserPolicy"),
        "DeleteUserPolicy",
    }
    for left_out in needed:
        again = full()
        carry_out(frozen(again).changes, again)
        outcomes = list(apply([change for change in made if change is not left_out], by(TEAM, again)))
        assert [outcome.error for outcome in outcomes if outcome.state is not State.DONE] == [
            "DeleteConflict: must remove all that the user has first"
        ], left_out


def test_the_deny_stays_where_the_boundary_could_not_be_put():
    """What waits for the boundary is not tried without it; what takes credentials away is."""
    cloud = full()
    carry_out(frozen(cloud).changes, cloud)

    class Refuses(MemoryCloud):
        def perform(self, account, call):
            if call.operation == "PutUserPermissionsBoundary":
                raise ProviderError("AccessDenied")
            cloud.perform(account, call)

    outcomes = list(apply(tuple(delete_users("james", seen(cloud))), by(TEAM, Refuses())))
    skipped = {outcome.change.call.operation for outcome in outcomes if outcome.state is State.SKIPPED}
    assert skipped == {"DetachUserPolicy", "DeleteUserPolicy", "DeleteUser"}
    assert denied(cloud)
    assert credentials(cloud) == 0


def test_what_could_not_be_read_is_refused():
    """It may be there, and AWS would refuse when half is gone."""
    cloud = full()
    found = seen(cloud)
    held = {**found.credentials, "production": replace(found.credentials["production"], unread=("password: no",))}
    with pytest.raises(RefusedError, match="not all credentials of james in production could be read: password: no"):
        list(delete_users("james", replace(found, credentials=held)))


def test_what_is_left_is_named():
    """The user with each thing it has; and what names it elsewhere, for a person to remove."""
    cloud = full()
    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":'
        '{"AWS":["arn:aws:iam::111111111111:user/watchbill/james","arn:aws:iam::111111111111:user/jamesina"]}}]}'
    )
    by_hand(cloud, "CreateRole", account="staging", RoleName="deploy", Path="/", AssumeRolePolicyDocument=trust)
    by_hand(cloud, "CreateRole", RoleName="deploy", Path="/", AssumeRolePolicyDocument=trust)
    by_hand(cloud, "PutRolePolicy", RoleName="deploy", PolicyName="watchbill-revoke-james", PolicyDocument=DENIES)
    found = [(each.place, each.what, each.by_hand) for each in remains("james", seen(cloud))]
    assert ("production", "user james", False) in found
    for what in ("key AKIAFIRST, on", "password", "group admins", "MFA device GAHT12345678", "certificate CERT1, off"):
        assert ("production", f"{what} of james", False) in found
    assert {each[:2] for each in found if each[2]} == {
        ("production", "policy watchbill-revoke-james on role deploy, which denies"),
        ("production", "role deploy trusts user james by name"),
    }
    assert next(change.phase for change in delete_users("james", seen(cloud))) is Phase.FENCE


def test_a_second_run_finds_nothing_to_do():
    """What is gone is planned no more."""
    cloud = full()
    carry_out(tuple(delete_users("james", seen(cloud))), cloud)
    assert list(delete_users("james", seen(cloud))) == []


def test_what_is_left_elsewhere_is_for_a_person():
    """Users of hosts, of directories and of Identity Center are deleted by nobody here; what was not read may be there."""
    found = Elsewhere(
        (
            HostUser("web-1", "james", expiry="1"),
            HostUser("web-2", "james"),
            HostUser("web-3", "james", Known.ELSEWHERE),
            HostUser("web-4", "james", Known.NOBODY),
        ),
        (DirectoryUser("okta", "okta", "00u1", "james@example.com", "SUSPENDED", enabled=False),),
        Seat("james", "12345678-1234-1234-1234-123456789012"),
        {"web-5": "no route"},
    )
    assert [(each.place, each.what) for each in remains_elsewhere(found)] == [
        ("web-1", "user james, expired, with their files"),
        ("web-2", "user james, not expired, with their files"),
        ("web-3", "user james, of the directory that the host asks"),
        ("okta", "user james@example.com, SUSPENDED"),
        ("identity-center", "user 12345678-1234-1234-1234-123456789012"),
        ("web-5", "what could not be read: no route"),
    ]
    assert all(each.by_hand for each in remains_elsewhere(found))
    assert list(remains_elsewhere(Elsewhere(seat=Seat("james", None)))) == []
