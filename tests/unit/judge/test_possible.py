"""How it was possible: what had opened the way to what was not the person's to do."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import DAY, MONDAY, PRODUCTION, STAGING, team
from tests.trails import FOREIGN, after, assume_role, named, record, session, user

from watchbill.access.model import Freeze
from watchbill.intervals import Interval
from watchbill.judge.judge import Judge
from watchbill.judge.model import Right, Step
from watchbill.judge.possible import GIVES, MOST, NOTHING, OPENERS, iam_changes, openings
from watchbill.trail.openings import Openings, opening


SECOND = timedelta(seconds=1)
WEEK = Interval(MONDAY, MONDAY + 7 * DAY)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
END = after(26)
"""James's shift on Monday evening ends."""

SOFIA = user("sofia")


def attach(who=SOFIA, at=MONDAY, target="james", name="AttachUserPolicy", **fields):
    """Make the record of a change of IAM by hand."""
    kind = GIVES.get(name, "userName")
    given = {"requestParameters": {kind: target, "policyArn": ADMIN}, "event_id": "opened"}
    return record(f"iam:{name}", who, at, **given | fields)


def opened(*records, act=None, freezes=(), of=None, say_none=False):
    """Judge an act by James off shift, among other records, and give what opened the way to it."""
    of = of or team()
    act = act or record("rds:DeleteDBInstance", user("james"), after(84), event_id="act")
    found = named([*records, act], of)
    handed = Openings(made for each in found.values() if (made := opening(each.event)) is not None)
    judged = Judge(of, WEEK, freezes).judge(found["act"])
    return openings(judged, iam_changes(found.values(), of), (), handed.find, say_none=say_none)


def ids(found):
    """Name the events that openings cite."""
    return [each.event_id for each in found]


def test_a_policy_attached_by_hand_days_before_is_named():
    """Sofia made James an administrator on Monday; on Thursday he used it."""
    (found,) = opened(attach())
    assert found.what == "sofia did AttachUserPolicy AdministratorAccess on james at 2026-01-12T00:00:00Z"
    assert (found.event_id, found.by, found.at) == ("opened", "sofia", MONDAY)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("PutUserPolicy", {"userName": "james", "policyName": "all"}, "PutUserPolicy all on james"),
        ("AddUserToGroup", {"userName": "james", "groupName": "admins"}, "AddUserToGroup admins on james"),
        ("DeleteUserPermissionsBoundary", {"userName": "james"}, "DeleteUserPermissionsBoundary on james"),
        ("DeleteUserPolicy", {"userName": "james", "policyName": "deny"}, "DeleteUserPolicy deny on james"),
        ("RemoveUserFromGroup", {"userName": "JAMES", "groupName": "g"}, "RemoveUserFromGroup g on JAMES"),
    ],
)
def test_each_way_to_give_a_user_more_is_known(name, given, words):
    """A policy, a group, a boundary that goes, a deny that goes; names of IAM are the same in any case."""
    (found,) = opened(attach(name=name, requestParameters=given))
    assert words in found.what


def test_the_latest_opening_comes_first():
    """What was opened last is the likeliest."""
    found = opened(attach(event_id="a"), attach(at=after(40), event_id="b"), attach(at=after(20), event_id="c"))
    assert [each.event_id for each in found] == ["b", "c", "a"]


@pytest.mark.parametrize(
    "change",
    [
        attach(at=after(84)),
        attach(at=after(90)),
        attach(target="rick"),
        attach(error="AccessDenied"),
        attach(name="DetachRolePolicy", target="james"),
        attach(name="CreateUser"),
        attach(account=STAGING),
        attach(requestParameters=None),
        attach(requestParameters={"userName": None}),
        attach(requestParameters={"userName": ["james"]}),
        attach(eventSource="ec2.amazonaws.com"),
    ],
    ids=[
        "at the same time",
        "later",
        "somebody else",
        "refused",
        "a role of the name",
        "gives nothing",
        "other account",
        "no parameters",
        "no name",
        "odd name",
        "not IAM",
    ],
)
def test_what_did_not_open_the_way_is_not_named(change):
    """Only a change before it, allowed, to the same principal in the same account."""
    assert opened(change) == ()


@pytest.mark.parametrize(
    "who",
    [user("watchbill"), session("watchbill", "run", "ASIAW"), session("watchbill", "run", "ASIAW", path="/ops/")],
)
def test_what_watchbill_did_is_no_drift(who):
    """What `managed_by` names acts for watchbill itself."""
    assert opened(attach(who)) == ()


@pytest.mark.parametrize(
    "who",
    [
        session("admin", "watchbill", "ASIAW"),
        {k: v for k, v in session("admin", "watchbill", "ASIAW").items() if k != "sessionContext"},
        user("watchbill", account=FOREIGN),
        session("watchbill", "run", "ASIAW", account=FOREIGN),
    ],
    ids=["name of a session", "session without its issuer", "user elsewhere", "role elsewhere"],
)
def test_who_only_has_the_name_of_watchbill_is_not_it(who):
    """A session may be called anything, and so may a role of another account."""
    (found,) = opened(attach(who))
    assert found.event_id == "opened"
    assert found.by == who["arn"]


def test_a_role_that_was_given_more_opens_the_way_of_its_sessions():
    """By the role's name, whatever its path and whatever the session is called."""
    acts = session("ops", "james", "ASIA1", path="/team/", source_identity="james")
    act = record("rds:DeleteDBInstance", acts, after(84), event_id="act")
    assert ids(opened(attach(name="AttachRolePolicy", target="ops"), act=act)) == ["opened", None]
    assert ids(opened(attach(target="james"), act=act)) == [None], "only that the role is none of watchbill's"
    assert ids(opened(attach(target="ops"), act=act)) == [None]
    bare = {**act, "userIdentity": {k: v for k, v in acts.items() if k != "sessionContext"}}
    of = replace(team(), session_names="iam_user")
    assert "opened" in ids(opened(attach(name="PutRolePolicy", target="ops"), act=bare, of=of))


@pytest.mark.parametrize(
    ("began", "at", "expected"),
    [
        (END - SECOND, END + 600 * SECOND, True),
        (after(18), END, True),
        (after(18) - SECOND, END + 600 * SECOND, False),
        (END, END + 600 * SECOND, False),
        (END + 300 * SECOND, END + 600 * SECOND, False),
    ],
    ids=["last second", "first instant", "before the shift", "at its end", "after it"],
)
def test_a_session_begun_on_shift_may_outlive_it(began, at, expected):
    """It was his to take, and it was not ended: only a session that truly began on shift is such a one."""
    acts = session("oncall-platform", "james", "ASIA1", path="/watchbill/", began=began, source_identity="james")
    found = opened(act=record("rds:RebootDBInstance", acts, at, event_id="act"))
    assert [each.what.split(",")[0] for each in found] == (["the session began on shift"] if expected else [])
    assert [each.at for each in found] == ([began] if expected else [])


def test_a_change_by_hand_outranks_the_session():
    """Where the role was given more, that is how."""
    acts = session("oncall-platform", "james", "ASIA1", path="/watchbill/", began=after(20), source_identity="james")
    act = record("rds:RebootDBInstance", acts, END + SECOND, event_id="act")
    found = opened(attach(name="PutRolePolicy", target="oncall-platform"), act=act)
    assert [each.event_id for each in found] == ["opened"]


@pytest.mark.parametrize(
    "act",
    [
        record("rds:RebootDBInstance", user("james"), after(20), event_id="act"),
        record("ec2:DescribeInstances", user("james"), after(84), event_id="act"),
        record("sts:GetCallerIdentity", user("james"), after(84), event_id="act"),
        record("rds:RebootDBInstance", user("stranger"), after(84), event_id="act"),
        record("rds:RebootDBInstance", user("james"), after(84), event_id="act", error="AccessDenied"),
        record("rds:RebootDBInstance", user("james"), after(84), event_id="act", error="Throttling"),
    ],
    ids=["on shift", "theirs", "needs none", "unknown", "refused", "failed"],
)
def test_only_what_was_wrong_and_done_asks_how(act):
    """What was theirs needs no opening, and what AWS refused had none."""
    assert opened(attach(target="james"), attach(target="stranger", event_id="other"), act=act) == ()


def test_a_frozen_person_whose_quarantine_was_taken_away():
    """What AWS still allowed somebody who was frozen was opened by whoever took the deny away."""
    quarantine = {"userName": "james", "policyName": "watchbill-quarantine"}
    freed = attach(at=after(83), name="DeleteUserPolicy", requestParameters=quarantine)
    freezes = (Freeze("f1", "james", after(80), None, None),)
    act = record("ec2:DescribeInstances", user("james"), after(84), event_id="act")
    (found,) = opened(freed, act=act, freezes=freezes)
    assert "DeleteUserPolicy watchbill-quarantine on james" in found.what


def test_nothing_found_is_nothing_said():
    """Not every way is in the trail: then none is guessed."""
    assert opened() == ()


@pytest.mark.parametrize("right", [Right.OFF_SHIFT, Right.BEYOND_ROLE])
def test_both_kinds_of_wrong_are_asked(right):
    """Off shift and beyond the role alike."""
    action = {Right.OFF_SHIFT: "rds:RebootDBInstance", Right.BEYOND_ROLE: "iam:CreateUser"}[right]
    act = record(action, user("james"), after(84), event_id="act")
    assert len(opened(attach(), act=act)) == 1


# --- what several have, what a resource says, and ways beside watchbill ---------------------------


def iam(name, hours=0, who=SOFIA, event_id="opened", answer=None, **given):
    """Make the record of a call of IAM."""
    more = {"requestParameters": given, "responseElements": answer}
    return record(f"iam:{name}", who, after(hours), event_id=event_id, **more)


POLICY = f"arn:aws:iam::{PRODUCTION}:policy/work"
JOINED = iam("AddUserToGroup", 0, user("watchbill"), "joined", userName="James", groupName="Admins")
HAS = iam("AttachUserPolicy", 0, user("watchbill"), "had", userName="james", policyArn=POLICY)
GROUP_HAS = iam("AttachGroupPolicy", 0, user("watchbill"), "had", groupName="admins", policyArn=POLICY)
NEW_VERSION = iam("CreatePolicyVersion", 50, policyArn=POLICY, setAsDefault=True)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (
            [JOINED, iam("AttachGroupPolicy", 50, groupName="admins", policyArn=ADMIN)],
            "sofia did AttachGroupPolicy AdministratorAccess on admins at 2026-01-14T02:00:00Z, a group of james",
        ),
        (
            [JOINED, iam("PutGroupPolicy", 50, groupName="ADMINS", policyName="all")],
            "sofia did PutGroupPolicy all on ADMINS at 2026-01-14T02:00:00Z, a group of james",
        ),
        (
            [iam("AttachGroupPolicy", 50, groupName="job-developers", policyArn=ADMIN)],
            "sofia did AttachGroupPolicy AdministratorAccess on job-developers at 2026-01-14T02:00:00Z, a group of james",
        ),
        (
            [iam("AttachGroupPolicy", 50, groupName="oncall-platform", policyArn=ADMIN)],
            "sofia did AttachGroupPolicy AdministratorAccess on oncall-platform at 2026-01-14T02:00:00Z, a group of james",
        ),
        ([HAS, NEW_VERSION], "sofia did CreatePolicyVersion on work at 2026-01-14T02:00:00Z, a policy of james"),
        (
            [JOINED, GROUP_HAS, NEW_VERSION],
            "sofia did CreatePolicyVersion on work at 2026-01-14T02:00:00Z, a policy of james",
        ),
        (
            [HAS, iam("SetDefaultPolicyVersion", 50, policyArn=POLICY, versionId="v1")],
            "sofia did SetDefaultPolicyVersion on work at 2026-01-14T02:00:00Z, a policy of james",
        ),
        (
            [
                iam(
                    "CreatePolicyVersion",
                    50,
                    policyArn=f"arn:aws:iam::{PRODUCTION}:policy/watchbill/x",
                    setAsDefault=True,
                )
            ],
            "sofia did CreatePolicyVersion on x at 2026-01-14T02:00:00Z, a policy that watchbill wrote",
        ),
        (
            [
                iam(
                    "CreateAccessKey",
                    50,
                    userName="james",
                    answer={"accessKey": {"accessKeyId": user("james")["accessKeyId"]}},
                )
            ],
            f"sofia did CreateAccessKey on james at 2026-01-14T02:00:00Z, with which it was done: {user('james')['accessKeyId']}",
        ),
    ],
)
def test_what_several_have_in_common_opens_the_way_of_each(records, words):
    """A group that he was in, a policy that he had, and a key that was made for him."""
    (found,) = opened(*records)
    assert (found.what, found.event_id, found.by) == (words, "opened", "sofia")


@pytest.mark.parametrize(
    "records",
    [
        [iam("AttachGroupPolicy", 50, groupName="admins", policyArn=ADMIN)],
        [iam("AttachGroupPolicy", 50, groupName="job-support", policyArn=ADMIN)],
        [JOINED, iam("AttachGroupPolicy", 50, user("watchbill"), groupName="admins", policyArn=ADMIN)],
        [
            JOINED,
            iam("RemoveUserFromGroup", 1, user("watchbill"), "gone", userName="james", groupName="admins"),
            iam("AttachGroupPolicy", 50, groupName="admins", policyArn=ADMIN),
        ],
        [
            iam("AddUserToGroup", 90, user("watchbill"), "late", userName="james", groupName="admins"),
            iam("AttachGroupPolicy", 50, groupName="admins", policyArn=ADMIN),
        ],
        [NEW_VERSION],
        [HAS, iam("CreatePolicyVersion", 50, policyArn=POLICY, setAsDefault=False)],
        [HAS, iam("CreatePolicyVersion", 50, policyArn=POLICY)],
        [iam("CreateAccessKey", 50, userName="james", answer={"accessKey": {"accessKeyId": "AKIAOTHER"}})],
        [iam("CreateAccessKey", 50, userName="rick")],
        [iam("UpdateAccessKey", 50, userName="james", accessKeyId=user("james")["accessKeyId"], status="Inactive")],
        [iam("CreateLoginProfile", 50, userName="james")],
    ],
    ids=[
        *("no member", "another job", "by watchbill", "left it before", "joined later", "policy of nobody known"),
        *("not in force", "not said to be", "another key", "another user", "a key put to rest", "not by console"),
    ],
)
def test_what_he_did_not_have_opens_nothing(records):
    """Who is in a group, and what is attached to whom, is not guessed."""
    assert opened(*records) == ()


def test_a_key_of_long_ago_opens_nothing():
    """Everybody has a key that somebody made once."""
    week = iam("CreateAccessKey", -84, userName="james")
    assert opened(week, act=record("rds:DeleteDBInstance", user("james"), after(84), event_id="act")) != ()
    longer = iam("CreateAccessKey", -84.01, userName="james")
    assert opened(longer) == ()


def test_a_password_that_was_set_opens_the_way_of_a_session_of_the_console():
    """Its keys are temporary."""
    act = record("rds:DeleteDBInstance", user("james", key="ASIACONSOLE", mfa=False), after(84), event_id="act")
    assert ids(opened(iam("UpdateLoginProfile", 83, userName="james"), act=act)) == ["opened"]


def test_a_role_beside_watchbill_is_named_with_the_call_that_took_it():
    """A path that the team file does not know."""
    took = assume_role(user("james"), "ops/deploy", "ASIA1", after(83), event_id="took")
    acts = session("deploy", "james", "ASIA1", path="/ops/", began=after(83))
    act = record("rds:DeleteDBInstance", acts, after(84), event_id="act")
    (found,) = opened(took, act=act)
    words = "it was done by a role that is not watchbill's, deploy, taken by AssumeRole at 2026-01-15T11:00:00Z"
    assert (found.what, found.event_id, found.by, found.at) == (words, "took", "james", after(83))


def test_a_role_of_watchbills_is_no_way_beside_it():
    """By its path, or by its name where the record has no path."""
    acts = session("oncall-platform", "james", "ASIA1", path="/watchbill/", began=after(83), source_identity="james")
    act = record("rds:DeleteDBInstance", acts, after(84), event_id="act")
    assert opened(act=act) == ()
    bare = {**act, "userIdentity": {k: v for k, v in acts.items() if k != "sessionContext"}}
    assert opened(act=bare, of=replace(team(), session_names="iam_user")) == ()
    same_name = session("oncall-platform", "james", "ASIA1", path="/ops/", began=after(83), source_identity="james")
    assert len(opened(act={**act, "userIdentity": same_name})) == 1
    other = {**bare, "userIdentity": {**bare["userIdentity"], "arn": acts["arn"].replace("oncall-platform", "ops")}}
    assert len(opened(act=other, of=replace(team(), session_names="iam_user"))) == 1


def put(policy, event_id="opened", hours=50, bucket="orders", name="PutBucketPolicy"):
    """Make the record of a policy that was put on a bucket."""
    given = {"bucketName": bucket, "bucketPolicy": policy}
    return record(f"s3:{name}", SOFIA, after(hours), event_id=event_id, requestParameters=given)


def allow(principal, action="s3:*", resource="arn:aws:s3:::orders/*", **more):
    """Make a policy of one statement."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


JAMES = {"AWS": f"arn:aws:iam::{PRODUCTION}:user/james"}
READ = record(
    "s3:PutObject",
    user("james"),
    after(84),
    event_id="act",
    requestParameters={"bucketName": "orders", "key": "a"},
)


@pytest.mark.parametrize(
    ("records", "verb"),
    [
        ([put(allow(JAMES))], "lets"),
        ([put(allow("*"))], "lets"),
        ([put(allow(JAMES, Condition={"StringEquals": {"aws:PrincipalTag/team": "x"}}))], "may let"),
        ([put(allow(JAMES)), put({"broken": 1}, "other", bucket="shipments")], "lets"),
        ([put({}, "gone", 10, name="DeleteBucketPolicy"), put(allow(JAMES))], "lets"),
    ],
)
def test_a_policy_of_the_resource_that_names_him_opens_the_way(records, verb):
    """It lets him whatever IAM gives him."""
    (found,) = opened(*records, act=READ)
    arn = JAMES["AWS"]
    assert found.what == f"sofia did PutBucketPolicy on orders at 2026-01-14T02:00:00Z, which {verb} {arn} s3:PutObject"
    assert (found.event_id, found.by) == ("opened", "sofia")


@pytest.mark.parametrize(
    "records",
    [
        [put(allow({"AWS": f"arn:aws:iam::{PRODUCTION}:root"}))],
        [put(allow({"AWS": f"arn:aws:iam::{PRODUCTION}:user/rick"}))],
        [put(allow(JAMES, "s3:GetObject"))],
        [put(allow(JAMES), bucket="shipments")],
        [put(allow(JAMES)), put(allow({"Service": "s3.amazonaws.com"}), "other", 60)],
        [put(allow(JAMES)), put(None, "gone", 60, name="DeleteBucketPolicy")],
        [put(allow(JAMES), hours=85)],
        [put("{")],
        [put("[" * 30_000)],
        [put({"Statement": {"Effect": "Perhaps"}})],
        [put(None)],
    ],
    ids=[
        *("his account", "another", "another action", "another bucket", "put over", "taken away", "later"),
        *("no JSON", "deep", "no policy", "nothing"),
    ],
)
def test_a_policy_of_a_resource_that_does_not_let_him_opens_nothing(records):
    """An account that is named gives by IAM, and what it gave is looked for there."""
    assert opened(*records, act=READ) == ()


_KEY = f"arn:aws:kms:eu-west-1:{PRODUCTION}:key/k-1"
_SECRET = f"arn:aws:secretsmanager:eu-west-1:{PRODUCTION}:secret:orders/db-AbCdEf"
_QUEUE = f"https://sqs.eu-west-1.amazonaws.com/{PRODUCTION}/orders"
_TOPIC = f"arn:aws:sns:eu-west-1:{PRODUCTION}:orders"
_TEXT = json.dumps(allow(JAMES, "*", "*"))


@pytest.mark.parametrize(
    ("name", "given", "action", "on"),
    [
        ("kms:PutKeyPolicy", {"keyId": _KEY, "policy": _TEXT}, "kms:Decrypt", {"resources": [{"ARN": _KEY}]}),
        (
            "kms:CreateGrant",
            {"keyId": "k-1", "granteePrincipal": JAMES["AWS"], "operations": ["Decrypt"]},
            "kms:Decrypt",
            {"resources": [{"ARN": _KEY}]},
        ),
        (
            "secretsmanager:PutResourcePolicy",
            {"secretId": "orders/db", "resourcePolicy": _TEXT},
            "secretsmanager:GetSecretValue",
            {"requestParameters": {"secretId": _SECRET}},
        ),
        (
            "lambda:AddPermission20150331v2",
            {"functionName": "f", "principal": JAMES["AWS"], "action": "lambda:InvokeFunction", "statementId": "s"},
            "lambda:Invoke",
            {"requestParameters": {"functionName": "f"}},
        ),
        (
            "sqs:SetQueueAttributes",
            {"queueUrl": _QUEUE, "attributes": {"Policy": _TEXT}},
            "sqs:PurgeQueue",
            {"requestParameters": {"queueUrl": _QUEUE}},
        ),
        (
            "sns:SetTopicAttributes",
            {"topicArn": _TOPIC, "attributeName": "Policy", "attributeValue": _TEXT},
            "sns:Publish",
            {"requestParameters": {"topicArn": _TOPIC}},
        ),
        (
            "ecr:SetRepositoryPolicy",
            {"repositoryName": "orders", "policyText": _TEXT},
            "ecr:DeleteRepository",
            {"requestParameters": {"repositoryName": "orders"}},
        ),
    ],
)
def test_every_kind_of_resource_is_read(name, given, action, on):
    """Each names itself and its policy in its own way."""
    change = record(name, SOFIA, after(50), event_id="opened", requestParameters=given)
    act = record(action, user("james"), after(84), event_id="act", **on)
    assert ids(opened(change, act=act)) == ["opened"]
    assert name.partition(":")[2] in OPENERS
    assert opened(change, act={**act, "userIdentity": user("rick")}) == ()


def test_a_permission_of_a_function_that_was_taken_away_opens_nothing():
    """By the name of its statement."""
    given = {"functionName": "f", "principal": JAMES["AWS"], "action": "lambda:InvokeFunction", "statementId": "s"}
    added = record("lambda:AddPermission20150331v2", SOFIA, after(50), event_id="opened", requestParameters=given)
    taken = {"functionName": "f", "statementId": "s"}
    removed = record("lambda:RemovePermission20150331v2", SOFIA, after(51), event_id="gone", requestParameters=taken)
    act = record("lambda:Invoke", user("james"), after(84), event_id="act", requestParameters={"functionName": "f"})
    assert opened(added, removed, act=act) == ()
    other = {**removed, "requestParameters": {**taken, "statementId": "t"}}
    assert ids(opened(added, other, act=act)) == ["opened"]


_SET = "arn:aws:sso:::permissionSet/ssoins-1/ps-1"
_ROLE = "AWSReservedSSO_Admin_0123456789abcdef"
_ASSIGN = {"targetId": PRODUCTION, "permissionSetArn": _SET, "principalType": "USER", "principalId": "u-1"}


def center(call, hours=50, event_id="opened", answer=None, **given):
    """Make the record of a call of Identity Center."""
    made = {"requestParameters": given, "responseElements": answer}
    return record(f"sso:{call}", SOFIA, after(hours), event_id=event_id, account=FOREIGN, **made)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([center("CreateAccountAssignment", **_ASSIGN)], ["opened"]),
        ([center("CreateAccountAssignment", **{**_ASSIGN, "principalType": "GROUP", "principalId": "g"})], ["opened"]),
        ([center("CreateAccountAssignment", **{**_ASSIGN, "principalId": "u-2"})], []),
        ([center("CreateAccountAssignment", **{**_ASSIGN, "targetId": STAGING})], []),
        (
            [
                center("CreatePermissionSet", 1, "made", {"permissionSet": {"permissionSetArn": _SET}}, name="Admin"),
                center("PutInlinePolicyToPermissionSet", permissionSetArn=_SET, inlinePolicy="{}"),
            ],
            ["opened"],
        ),
        (
            [
                center("CreatePermissionSet", 1, "made", {"permissionSet": {"permissionSetArn": _SET}}, name="Other"),
                center("PutInlinePolicyToPermissionSet", permissionSetArn=_SET, inlinePolicy="{}"),
                center("CreateAccountAssignment", 2, "assigned", **_ASSIGN),
            ],
            [],
        ),
        (
            [
                center("CreateAccountAssignment", 2, "assigned", **_ASSIGN),
                center("AttachManagedPolicyToPermissionSet", permissionSetArn=_SET, managedPolicyArn=ADMIN),
            ],
            ["opened", "assigned"],
        ),
    ],
)
def test_identity_center_opens_the_way_of_its_sessions(records, expected):
    """By an assignment in the account, or a change of the permission set."""
    acts = session(_ROLE, "james@example.com", "ASIA1", path="/aws-reserved/sso.amazonaws.com/", began=after(83))
    acts["onBehalfOf"] = {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::111111111111:identitystore/d-1"}
    of = replace(team(), people={**team().people, "james": replace(team().people["james"], identity_center_user="u-1")})
    act = record("rds:DeleteDBInstance", acts, after(84), event_id="act")
    found = opened(*records, act=act, of=of)
    assert [each for each in ids(found) if each] == expected
    (role,) = (each.what for each in found if each.event_id is None)
    assert role.startswith(f"it was done by a permission set of IAM Identity Center that is not watchbill's, {_ROLE};")


def test_nothing_found_is_said_where_it_is_asked_for():
    """Only where an opening is needed."""
    assert opened(say_none=True) == (NOTHING,)
    assert opened(act=record("ec2:DescribeInstances", user("james"), after(84), event_id="act"), say_none=True) == ()


def test_of_many_changes_the_latest_are_named_and_the_others_counted():
    """What is told has an end, and says what it leaves out."""
    found = opened(*(attach(at=after(number / 10), event_id=f"e{number}") for number in range(MOST + 5)))
    assert len(found) == MOST + 1
    assert found[0].event_id == f"e{MOST + 4}"
    assert found[-1].what == "5 more such changes before, the last of them AttachUserPolicy"
    assert found[-1].event_id == "e4"


# --- what watchbill left undone ------------------------------------------------------------------


def step(call="RemoveUserFromGroup(oncall-platform, james)", at=MONDAY, plan="p1", *, failed=True, account=PRODUCTION):
    """Make a step of a plan."""
    return Step(plan, 0, at, account, f"iam:{call}", failed, "Throttling" if failed else None)


def left(*steps, records=(), act=None):
    """Judge an act by James off shift after some steps, and give what opened the way to it."""
    act = act or record("rds:DeleteDBInstance", user("james"), after(84), event_id="act")
    found = named([*records, act], team())
    return openings(Judge(team(), WEEK).judge(found["act"]), iam_changes(found.values(), team()), steps)


def test_a_step_that_failed_is_named():
    """AWS refused to take James out of the group: he could still do what was no longer his."""
    (found,) = left(step())
    call = "iam:RemoveUserFromGroup(oncall-platform, james)"
    assert found.what.startswith(f"step 0 of watchbill's plan p1 failed at 2026-01-12T00:00:00Z: {call}: Throttling;")
    assert (found.event_id, found.by, found.at) == (None, "watchbill", MONDAY)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("DetachUserPolicy(JAMES, arn:aws:iam::aws:policy/ReadOnlyAccess)", True),
        ("DetachUserPolicy(rick, arn:aws:iam::aws:policy/ReadOnlyAccess)", False),
        ("PutRolePolicy(oncall-platform, watchbill-fence)", False),
        ("CreatePolicyVersion(arn:aws:iam::111111111111:policy/watchbill/gate)", True),
        ("DetachGroupPolicy(oncall-platform, arn)", True),
        ("CreateUser(james)", False),
        ("TagUser(james)", False),
        ("a form of its own", True),
    ],
)
def test_only_what_may_have_kept_the_way_open_is_named(call, named):
    """Who acted, or what several have in common; what was only to be made leaves nothing open when it is not."""
    assert bool(left(step(call))) is named


def test_a_role_that_was_not_fenced_in_is_named_for_its_sessions():
    """A session acts by the role; the group of whoever took it counts too."""
    acts = session("oncall-platform", "james", "ASIA1", path="/watchbill/", source_identity="james")
    act = record("rds:DeleteDBInstance", acts, after(84), event_id="act")
    fence = step("PutRolePolicy(oncall-platform, watchbill-fence)")
    assert len(left(fence, step(), step("PutRolePolicy(other, watchbill-fence)"), act=act)) == 2


@pytest.mark.parametrize(
    "steps",
    [
        [step(failed=False)],
        [step(at=after(84))],
        [step(at=after(90))],
        [step(account=STAGING)],
        [step(), step(at=after(1), plan="p2", failed=False)],
        [step(), step("AddUserToGroup(g, rick)", after(1), "p2", failed=False)],
    ],
    ids=["done", "at the same time", "later", "other account", "made good", "a plan since did without"],
)
def test_what_was_done_or_made_good_is_not_named(steps):
    """A plan that was carried out later was made of what was there then."""
    assert left(*steps) == ()


def test_a_plan_in_another_account_makes_nothing_good():
    """Each account has its own last plan."""
    assert len(left(step(), step(at=after(1), plan="p2", failed=False, account=STAGING))) == 1


def test_what_was_opened_last_comes_first_whoever_opened_it():
    """A change by hand and a step that failed, in order of time."""
    assert [each.by for each in left(step(at=after(5)), records=[attach(at=after(3))])] == ["watchbill", "sofia"]
    assert [each.by for each in left(step(at=after(2)), records=[attach(at=after(3))])] == ["sofia", "watchbill"]
