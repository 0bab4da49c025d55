"""Who made a drift: the right change is named out of a whole trail, and no other."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import DAY, MONDAY, PRODUCTION, STAGING, team
from tests.trails import FOREIGN, after, event, federated, reading, record, root, service, session, user

from watchbill.access.authors import Changes, words_of_author
from watchbill.access.model import DriftKind


SECOND = timedelta(seconds=1)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
GATE = f"arn:aws:iam::{PRODUCTION}:policy/watchbill/gate-platform-0"
JAMES = f"arn:aws:iam::{PRODUCTION}:user/watchbill/james"
DEVELOPERS = f"arn:aws:iam::{PRODUCTION}:group/watchbill/developers"
ONCALL = f"arn:aws:iam::{PRODUCTION}:role/watchbill/oncall-platform"
MALLORY, WATCHBILL = user("mallory"), user("watchbill")


def change(name, at=MONDAY, who=MALLORY, **given):
    """Make the record of a change of IAM; its parameters are given by name, among other fields of the record."""
    beside = ("account", "error", "event_id", "responseElements")
    fields = {key: value for key, value in given.items() if key in beside}
    named = {key: value for key, value in given.items() if key not in beside}
    return record(f"iam:{name}", who, at, requestParameters=named or None, awsRegion="us-east-1", **fields)


def attach(at=MONDAY, who=MALLORY, name="AttachUserPolicy", **fields):
    """Make the record that gives James, or takes from him, the policy of an administrator."""
    return change(name, at, who, **{"userName": "james", "policyArn": ADMIN} | fields)


def author(kind, principal, other, *records, account=PRODUCTION):
    """Give the id of the change that made a drift."""
    found = Changes(reading(*records).events, team()).author_of(kind, account, principal, other)
    return found.id if found else None


def attacher(*records):
    """Give the id of the change by which James has the policy of an administrator."""
    return author(DriftKind.ATTACHED, JAMES, ADMIN, *records)


# --- each kind of drift --------------------------------------------------------------------------

D = DriftKind


@pytest.mark.parametrize(
    ("kind", "principal", "other", "name", "given"),
    [
        (D.ATTACHED, JAMES, ADMIN, "AttachUserPolicy", {"userName": "james", "policyArn": ADMIN}),
        (D.ATTACHED, DEVELOPERS, ADMIN, "AttachGroupPolicy", {"groupName": "developers", "policyArn": ADMIN}),
        (D.ATTACHED, ONCALL, ADMIN, "AttachRolePolicy", {"roleName": "oncall-platform", "policyArn": ADMIN}),
        (D.DETACHED, JAMES, ADMIN, "DetachUserPolicy", {"userName": "james", "policyArn": ADMIN}),
        (D.DETACHED, DEVELOPERS, GATE, "DetachGroupPolicy", {"groupName": "developers", "policyArn": GATE}),
        (D.DETACHED, ONCALL, GATE, "DetachRolePolicy", {"roleName": "oncall-platform", "policyArn": GATE}),
        (D.DETACHED, ONCALL, GATE, "CreateRole", {"roleName": "oncall-platform", "path": "/watchbill/"}),
        (D.DETACHED, JAMES, "p", "DeleteUserPolicy", {"userName": "james", "policyName": "p"}),
        (D.INLINE, JAMES, "p", "PutUserPolicy", {"userName": "james", "policyName": "p"}),
        (D.INLINE, DEVELOPERS, "p", "PutGroupPolicy", {"groupName": "developers", "policyName": "p"}),
        (D.INLINE, ONCALL, "p", "PutRolePolicy", {"roleName": "oncall-platform", "policyName": "p"}),
        (D.JOINED, JAMES, "admins", "AddUserToGroup", {"userName": "james", "groupName": "admins"}),
        (D.LEFT, JAMES, "developers", "RemoveUserFromGroup", {"userName": "james", "groupName": "developers"}),
        (D.LEFT, JAMES, "developers", "CreateUser", {"userName": "james", "path": "/watchbill/"}),
        (D.DOCUMENT, GATE, GATE, "CreatePolicyVersion", {"policyArn": GATE, "setAsDefault": True}),
        (D.DOCUMENT, GATE, None, "CreatePolicyVersion", {"policyArn": GATE, "setAsDefault": "true"}),
        (D.DOCUMENT, ONCALL, GATE, "SetDefaultPolicyVersion", {"policyArn": GATE, "versionId": "v2"}),
        (D.DOCUMENT, JAMES, "p", "PutUserPolicy", {"userName": "james", "policyName": "p"}),
        (D.TRUST, ONCALL, None, "UpdateAssumeRolePolicy", {"roleName": "oncall-platform"}),
        (D.TRUST, ONCALL, None, "CreateRole", {"roleName": "oncall-platform"}),
        (D.BOUNDARY, ONCALL, ADMIN, "PutRolePermissionsBoundary", {"roleName": "oncall-platform"}),
        (D.BOUNDARY, ONCALL, ADMIN, "DeleteRolePermissionsBoundary", {"roleName": "oncall-platform"}),
        (D.BOUNDARY, JAMES, None, "PutUserPermissionsBoundary", {"userName": "james", "permissionsBoundary": ADMIN}),
        (D.BOUNDARY, JAMES, None, "DeleteUserPermissionsBoundary", {"userName": "james"}),
        (D.MISSING, JAMES, None, "DeleteUser", {"userName": "james"}),
        (D.MISSING, JAMES, None, "UpdateUser", {"userName": "james", "newUserName": "jim"}),
        (D.MISSING, DEVELOPERS, None, "DeleteGroup", {"groupName": "developers"}),
        (D.MISSING, DEVELOPERS, None, "UpdateGroup", {"groupName": "developers", "newGroupName": "devs"}),
        (D.MISSING, ONCALL, None, "DeleteRole", {"roleName": "oncall-platform"}),
        (D.MISSING, GATE, GATE, "DeletePolicy", {"policyArn": GATE}),
        (D.UNKNOWN_USER, JAMES, None, "CreateUser", {"userName": "james", "path": "/watchbill/"}),
        (D.UNKNOWN_USER, JAMES, None, "UpdateUser", {"userName": "james", "newPath": "/watchbill/"}),
        (D.UNKNOWN_USER, JAMES, None, "UpdateUser", {"userName": "jim", "newUserName": "james"}),
    ],
)
def test_each_drift_has_its_author(kind, principal, other, name, given):
    """By the call that makes it, whatever the case of names; not by what was done to another, elsewhere, or refused."""
    made = change(name, event_id="made", **given)
    assert author(kind, principal, other, made) == "made"
    louder = {key: value.upper() if key.endswith("Name") else value for key, value in given.items()}
    assert author(kind, principal, other, change(name, event_id="made", **louder)) == "made"
    another = {key: f"{value}-2" if key.endswith(("Name", "Arn")) else value for key, value in given.items()}
    assert author(kind, principal, other, change(name, **another)) is None
    assert author(kind, principal, other, change(name, account=STAGING, **given)) is None
    assert author(kind, principal, other, made, account=STAGING) is None
    assert author(kind, principal, other, change(name, error="AccessDenied", **given)) is None
    assert author(kind, principal, other, change(name, error="NoSuchEntityException", **given)) is None
    assert author(kind, principal, other, change(name)) is None
    assert author(kind, principal, other, change(name, who=WATCHBILL, **given)) is None
    assert author(kind, principal, other, {**made, "eventSource": "other.amazonaws.com"}) is None
    assert all(author(k, principal, other, made) is None for k in _elsewise(kind, name))


def _elsewise(kind, name):
    """Give the kinds that the same call cannot have made."""
    same = {D.BOUNDARY, kind}
    if name in ("CreateRole", "CreateUser", "CreatePolicy"):
        return {D.ATTACHED, D.JOINED, D.MISSING} - same
    if name.startswith(("PutUserPolicy", "PutGroup", "PutRolePolicy")):
        same |= {D.INLINE, D.DOCUMENT, D.ATTACHED}
    if name.startswith("Update"):
        return {D.ATTACHED, D.JOINED} - same
    opposite = {D.ATTACHED: D.DETACHED, D.DETACHED: D.ATTACHED, D.JOINED: D.LEFT, D.LEFT: D.JOINED}
    return {opposite.get(kind, D.JOINED), D.TRUST, D.UNKNOWN_USER} - same


def test_a_policy_made_anew_says_what_its_maker_wrote():
    """AWS answers with the ARN; the request has only a name."""
    answer = {"policy": {"policyName": "gate-platform-0", "arn": GATE}}
    made = change("CreatePolicy", event_id="made", policyName="gate-platform-0", responseElements=answer)
    assert author(D.DOCUMENT, GATE, GATE, made) == "made"
    assert author(D.DOCUMENT, GATE, GATE, {**made, "responseElements": None}) is None
    assert author(D.DOCUMENT, GATE, GATE, made, change("DeletePolicy", after(1), policyArn=GATE)) is None


def test_a_version_that_is_not_in_force_changes_nothing():
    """It was written beside the one that counts."""
    for said in ({}, {"setAsDefault": False}, {"setAsDefault": "false"}):
        assert author(D.DOCUMENT, GATE, GATE, change("CreatePolicyVersion", policyArn=GATE, **said)) is None


@pytest.mark.parametrize(
    "given",
    [
        {"userName": "james"},
        {"userName": "james", "path": "/"},
        {"userName": "james", "path": "/watchbill/ops/"},
    ],
)
def test_a_user_made_elsewhere_was_put_there_by_somebody_else(given):
    """Who made it outside watchbill's path did not put it there."""
    made = change("CreateUser", event_id="made", **given)
    moved = change("UpdateUser", after(1), user("rick"), event_id="moved", userName="james", newPath="/watchbill/")
    assert author(D.UNKNOWN_USER, JAMES, None, made) is None
    assert author(D.UNKNOWN_USER, JAMES, None, made, moved) == "moved"
    away = change("UpdateUser", after(2), userName="james", newPath="/")
    assert author(D.UNKNOWN_USER, JAMES, None, made, moved, away) is None


# --- which of several ----------------------------------------------------------------------------


def test_the_latest_change_made_it():
    """What was undone in between was not it."""
    gone = attach(after(2), name="DetachUserPolicy")
    first, second = attach(event_id="first"), attach(after(4), user("rick"), event_id="second")
    assert attacher(first, gone, second) == "second"
    assert attacher(first, second) == "second"
    assert attacher(second, gone, first) == "second"


def test_what_the_trail_does_not_hold_is_nobodys():
    """The last change took it away: who gave it again is not in the trail, and the one before did not."""
    assert attacher() is None
    assert attacher(attach(), attach(after(1), name="DetachUserPolicy")) is None
    assert attacher(attach(), attach(after(1), WATCHBILL, "DetachUserPolicy")) is None
    assert attacher(attach(), attach(after(1), WATCHBILL)) is None


def test_changes_of_one_second_are_taken_to_end_in_what_is_seen():
    """CloudTrail does not tell their order, and AWS shows how it ended."""
    gone = attach(name="DetachUserPolicy", event_id="gone")
    for name in ("0", "z"):
        made = attach(event_id=name)
        assert attacher(gone, made) == name
        assert author(D.DETACHED, JAMES, ADMIN, gone, made) == "gone"
    assert attacher(gone, attach(at=MONDAY - SECOND)) is None


def test_what_was_given_to_another_of_the_name_is_gone():
    """A user that was deleted and made again has nothing of the old one's; the attachment is not in the trail."""
    deleted = change("DeleteUser", after(1), userName="james")
    again = change("CreateUser", after(2), user("rick"), event_id="again", userName="james", path="/watchbill/")
    renamed = change("UpdateUser", after(2), userName="jim", newUserName="james")
    assert attacher(attach(), deleted) is None
    assert attacher(attach(), deleted, again) is None
    assert attacher(attach(), renamed) is None
    assert attacher(attach(), deleted, again, attach(after(3), event_id="anew")) == "anew"
    left = change("RemoveUserFromGroup", userName="james", groupName="developers", event_id="left")
    assert author(D.LEFT, JAMES, "developers", left, again) == "again"
    assert (
        author(D.LEFT, JAMES, "developers", left, change("CreateUser", after(2), WATCHBILL, userName="james")) is None
    )
    moved = change("UpdateUser", after(2), userName="james", newPath="/watchbill/")
    assert author(D.LEFT, JAMES, "developers", left, moved) == "left"


@pytest.mark.parametrize(
    ("who", "ours"),
    [
        (WATCHBILL, True),
        (user("watchbill", path="/ops/"), True),
        (session("watchbill", "run", "ASIA1"), True),
        ({**session("watchbill", "run", "ASIA1"), "sessionContext": {}}, True),
        (session("admin", "watchbill", "ASIA1"), False),
        ({**session("admin", "watchbill", "ASIA1"), "sessionContext": {}}, False),
        (session("watchbill", "run", "ASIA1", account=FOREIGN), False),
        (user("watchbill", account=FOREIGN), False),
    ],
)
def test_watchbill_is_no_author(who, ours):
    """What it did itself is no drift; a session or a stranger that has its name is not it."""
    assert (attacher(attach(who=who)) is None) is ours


def test_without_a_team_nothing_is_watchbills():
    """Nobody said what it is called."""
    events = reading(attach(who=WATCHBILL)).events
    assert Changes(events).author_of(D.ATTACHED, PRODUCTION, JAMES, ADMIN) == events[0]


@pytest.mark.parametrize("given", [None, {"userName": None, "policyArn": ADMIN}, {"userName": ["james"]}, {}])
def test_what_a_record_does_not_name_is_left_out(given):
    """Even where the drift names nothing either."""
    odd = [{**attach(), "requestParameters": given}, change("PutUserPolicy", userName="james", policyName="")]
    assert attacher(*odd) is None
    assert author(D.ATTACHED, JAMES, None, *odd) is None


def test_the_order_of_a_trail_is_no_matter():
    """Files come as they come."""
    events = reading(attach(event_id="first"), attach(after(1), event_id="second")).events
    for order in (events, events[::-1]):
        found = Changes(order, team()).author_of(D.ATTACHED, PRODUCTION, JAMES, ADMIN)
        assert found == events[1]


OWNERS = ("mallory", "rick", "watchbill")
USERS, POLICIES = ("james", "ada"), (ADMIN, GATE)
ACTS = st.one_of(
    st.tuples(st.sampled_from(["Attach", "Detach"]), st.sampled_from(USERS), st.sampled_from(POLICIES)),
    st.tuples(st.sampled_from(["Create", "Delete"]), st.sampled_from(USERS), st.just("")),
)


@given(st.lists(st.tuples(ACTS, st.sampled_from(OWNERS), st.sampled_from([PRODUCTION, STAGING])), max_size=30))
def test_the_author_is_who_left_it_as_it_is(acts):
    """Replay a trail in a world of who has what, with who last touched it: the same events are named."""
    records, world = [], {}
    for number, ((verb, whom, policy), owner, account) in enumerate(acts):
        given_ = {"userName": whom, "path": "/watchbill/"} | ({"policyArn": policy} if policy else {})
        name = f"{verb}User{'Policy' if policy else ''}"
        made = user(owner, account=account)
        at = MONDAY + number * SECOND
        records.append(change(name, at, made, account=account, event_id=f"{number:02}", **given_))
        told = None if owner == "watchbill" else f"{number:02}"
        for each in [policy] if policy else POLICIES:
            world[account, whom, each] = {
                "Attach": (told, None),
                "Detach": (None, told),
                "Create": (None, told),
                "Delete": (None, None),
            }[verb]
    changes = Changes(reading(*records).events, team())
    for account in (PRODUCTION, STAGING):
        for whom in USERS:
            arn = f"arn:aws:iam::{account}:user/watchbill/{whom}"
            for policy in POLICIES:
                kinds = (D.ATTACHED, D.DETACHED)
                found = [changes.author_of(kind, account, arn, policy) for kind in kinds]
                wanted = world.get((account, whom, policy), (None, None))
                assert tuple(each.id if each else None for each in found) == wanted


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "person", "words"),
    [
        (MALLORY, None, "mallory attached it from 198.51.100.7"),
        (MALLORY, "mallory", "mallory attached it from 198.51.100.7"),
        (user("s.off"), "sofia", "sofia, as s.off, attached it from 198.51.100.7"),
        (session("admin", "bob", "ASIA1"), None, "session bob of role admin attached it from 198.51.100.7"),
        (session("admin", "bob", "ASIA1"), "rick", "rick, as session bob of role admin, attached it from 198.51.100.7"),
        (federated("mallory", "x", "ASIA1"), None, "mallory attached it from 198.51.100.7"),
        (root(), None, "the root user attached it from 198.51.100.7"),
        (service("cloudformation"), None, "cloudformation.amazonaws.com attached it from 198.51.100.7"),
        ({"type": "Unknown"}, None, "somebody the record does not name attached it from 198.51.100.7"),
    ],
)
def test_the_author_in_words(who, person, words):
    """Who, what, from where, when, and in which event."""
    found = event(attach(MONDAY + timedelta(hours=3, minutes=10), who, event_id="e-1"))
    assert words_of_author(found, person) == f"{words} on Mon 12 Jan 2026 at 03:10 UTC (event e-1)"


def test_words_without_a_place_and_with_tricks():
    """What the record lacks is left out, and what others chose in it breaks no line."""
    made = attach(MONDAY - 9 * DAY, user("mal\nlory"), event_id="e")
    assert words_of_author(event({**made, "sourceIPAddress": None})) == (
        "mal\\u000alory attached it on Sat 3 Jan 2026 at 00:00 UTC (event e)"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DetachRolePolicy", "mallory detached it from "),
        ("AddUserToGroup", "mallory added the user to it from "),
        ("RemoveUserFromGroup", "mallory took the user out of it from "),
        ("CreatePolicyVersion", "mallory wrote a new version of it from "),
        ("UpdateAssumeRolePolicy", "mallory changed who may take it from "),
        ("TagUser", "mallory did TagUser from "),
    ],
)
def test_each_change_has_its_words(name, words):
    """What was done to it."""
    assert words_of_author(event(change(name))).startswith(words)
