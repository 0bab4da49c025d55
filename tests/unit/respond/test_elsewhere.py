"""What a freeze does outside of IAM, planned as one: in which order, what is left to people, what could not be read."""

import json
from dataclasses import replace

from tests.teams import team

from watchbill.errors import Location
from watchbill.respond.center import Assignment, Due, Membership, Seat
from watchbill.respond.directory import DirectoryUser
from watchbill.respond.elsewhere import (
    Elsewhere,
    by_hand_elsewhere,
    differences_elsewhere,
    drift_elsewhere,
    freeze_elsewhere,
    is_last,
    joined,
    restore_elsewhere,
    verify_elsewhere,
    warnings_elsewhere,
)
from watchbill.respond.hosts import HostFile, HostUser, Password
from watchbill.team.model import IdentityCenter


WHERE = Location("w.yaml", 1)
CENTER = IdentityCenter("production", "eu-west-1", "d-1", "arn:instance", "p-1", "corp", WHERE)
TEAM = replace(team(), identity_center=CENTER)
KEYS = HostFile("/home/james/.ssh/authorized_keys", "0" * 64, "600", "james:james")
HOST = HostUser("bastion", "james", keys=(KEYS,), groups=("sudo",), processes=2, jobs=("a crontab",))
OKTA = DirectoryUser("corp", "okta", "00u1", "james@example.com", "ACTIVE", enabled=True)
MAIL = DirectoryUser("mail", "google", "117", "james@example.com", "active", enabled=True)
POLICY = {"Version": "2012-10-17", "Statement": []}
SEAT = Seat(
    "james",
    "u-1",
    (Assignment("222222222222", "arn:set/ps-1"), Assignment("222222222222", "arn:set/ps-2", "g-1")),
    (Membership("g-1", "m-1"),),
    {"arn:set/ps-1": None, "arn:set/ps-2": None},
    POLICY,
    1,
    "999999999999",
)
WAS = Elsewhere((HOST,), (OKTA, MAIL), SEAT)


def words(changes):
    """Give where each change is made, and what it is."""
    return [f"{change.account} {change.call.service}:{change.call.operation}" for change in changes]


def frozen():
    """Give the person with everything done to them."""
    host = replace(HOST, expiry="1", password=Password.LOCKED, keys=(), groups=(), processes=0)
    (update, *_) = freeze_elsewhere(TEAM, WAS, WAS)
    policy = json.loads(update.call.parameters["Content"])
    seat = replace(SEAT, assignments=(), memberships=(), policy=policy)
    off = [replace(OKTA, stands="SUSPENDED", enabled=False), replace(MAIL, stands="suspended", enabled=False)]
    return Elsewhere((host,), tuple(off), seat)


def test_what_feeds_identity_center_is_suspended_before_its_groups_go():
    """In one place and one order: the deny, the provider that would give them back, assignments, groups."""
    changes = list(freeze_elsewhere(TEAM, WAS, WAS))
    assert words(c for c in changes if c.account == "identity-center") == [
        "identity-center organizations:UpdatePolicy",
        "identity-center okta:SuspendUser",
        "identity-center okta:ClearSessions",
        "identity-center sso-admin:DeleteAccountAssignment",
        "identity-center identitystore:DeleteGroupMembership",
    ]
    assert words(c for c in changes if c.account not in ("identity-center", "bastion")) == [
        "mail google:SuspendUser",
        "mail google:ClearSessions",
    ]
    assert words(c for c in changes if c.account == "bastion") == [
        "bastion host:ExpireUser",
        "bastion host:LockPassword",
        "bastion host:EndSessions",
        "bastion host:LeaveGroup",
        "bastion host:SetAside",
    ]
    assert words(by_hand_elsewhere(TEAM, WAS)) == ["identity-center console:DeletePortalSessions"]


def test_nothing_is_left_to_do_when_all_is_frozen():
    """And everything that is verified holds."""
    now = frozen()
    assert list(freeze_elsewhere(TEAM, now, WAS)) == []
    assert [check.what for check in verify_elsewhere(TEAM, WAS, now) if not check.holds] == []
    assert sum(not check.holds for check in verify_elsewhere(TEAM, WAS, WAS)) == 9
    assert list(drift_elsewhere(WAS, now)) == []


def test_a_restore_lifts_the_deny_of_the_organization_last():
    """The reverse order, and what it leaves is what the plan says."""
    changes, last, left = restore_elsewhere(TEAM, WAS, frozen(), Due(dict.fromkeys(["arn:set/ps-1", "g-1"])))
    assert left == ()
    assert words(last) == ["identity-center organizations:UpdatePolicy"]
    assert not any(map(is_last, changes))
    assert all(map(is_last, last))
    assert words(changes) == [
        "bastion host:PutBack",
        "bastion host:JoinGroup",
        "bastion host:UnlockPassword",
        "bastion host:SetExpiry",
        "mail google:ResumeUser",
        "identity-center identitystore:CreateGroupMembership",
        "identity-center sso-admin:CreateAccountAssignment",
        "identity-center okta:ResumeUser",
    ]
    assert list(differences_elsewhere(WAS, WAS)) == []
    assert len(list(differences_elsewhere(WAS, frozen()))) == 4


def test_what_could_not_be_read_is_told_and_frozen_when_it_can():
    """It never holds; what is read later is what a restore gives back."""
    blind = Elsewhere(directories=(OKTA,), seat=SEAT, unread={"bastion": "no route"})
    assert "bastion could not be read" in " ".join(warnings_elsewhere(TEAM, blind))
    assert [c.what for c in verify_elsewhere(TEAM, blind, blind) if "read" in c.what] == ["bastion can be read"]
    still = joined(blind, blind)
    assert still is blind
    later = joined(blind, Elsewhere((HOST,), (OKTA, MAIL), replace(SEAT, assignments=())))
    assert (later.hosts, later.directories, later.seat, later.unread) == ((HOST,), (OKTA,), SEAT, {})
    center = joined(Elsewhere(unread={"identity-center": "denied"}), Elsewhere(seat=SEAT))
    assert center.seat is SEAT


def test_a_lead_is_told_of_what_runs_by_itself():
    """And of what a directory gives back."""
    told = list(warnings_elsewhere(TEAM, WAS))
    assert told == [
        "corp feeds Identity Center: it puts them back into its groups unless it suspends them",
        "james on bastion has a crontab: look what it does",
    ]


def test_a_team_that_names_nothing_has_nothing_elsewhere():
    """Its freeze is what it was."""
    assert not Elsewhere()
    assert list(freeze_elsewhere(team(), Elsewhere(), Elsewhere())) == []
    assert restore_elsewhere(team(), Elsewhere(), Elsewhere(), Due()) == ((), (), ())
