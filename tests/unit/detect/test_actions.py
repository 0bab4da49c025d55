"""Calls that are worth a look by what they are, and doors that were tried: what whole audits by the pack make of them."""

from datetime import timedelta

import pytest
from tests.teams import PRODUCTION, team
from tests.trails import FOREIGN, after, reading, record, root, service, session, user
from tests.unit.alerts.records import AWAY, HOME, OFFICE, audited, made_key, pack

from watchbill.alerts.audit import audit
from watchbill.detect.model import Severity


NOON = after(12)
MINUTE = timedelta(minutes=1)
KEY = "iam:CreateAccessKey"
FROM_ELSEWHERE = "Way back in left from elsewhere than its maker usually works"
DOORS = "Many kinds of changes or secrets of one principal refused"
STRANGER = "IAM user of no team file acted in the team's accounts"
WAYS_IN = (
    "iam:AddUserToGroup",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreateServiceSpecificCredential",
    "iam:CreateUser",
    "iam:DeactivateMFADevice",
    "iam:EnableMFADevice",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "sts:GetFederationToken",
    "rolesanywhere:CreateTrustAnchor",
    "lambda:AddPermission20150331v2",
    "ec2-instance-connect:SendSSHPublicKey",
    "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
)
"""Calls that leave a way back in (AWS incident response playbooks, compromised IAM credentials)."""
BLINDING = (
    "cloudtrail:DeleteTrail",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:StopLogging",
    "cloudtrail:UpdateTrail",
    "config:StopConfigurationRecorder",
    "ec2:DeleteFlowLogs",
    "guardduty:DeleteDetector",
    "organizations:LeaveOrganization",
    "route53resolver:DeleteResolverQueryLogConfig",
)
"""Calls that blind the trail."""


def raised(*records, of=None):
    """Give by title of the rule what findings open a case, with the case's severity."""
    cases = audited(*records, of=of).cases
    found = [(finding, case) for case in cases for finding in case.findings if not finding.staged]
    return {finding.title.partition(":")[0]: (finding, case) for finding, case in found}


@pytest.mark.parametrize("action", WAYS_IN)
def test_a_way_back_in_from_elsewhere_is_found(action):
    """Who has got in makes sure of getting in again: each such call is told with who did it and from where."""
    finding, _ = raised(record(action, user("james"), NOON, event_id="e1", sourceIPAddress=AWAY))[FROM_ELSEWHERE]
    assert (finding.person, finding.event_ids, finding.first) == ("james", ("e1",), NOON)
    assert (finding.facts["action"], finding.facts["place"]) == ("persistence", "new")
    assert finding.ask


@pytest.mark.parametrize("ip", [HOME, OFFICE])
def test_who_turns_their_own_key_where_they_work_is_not_asked(ip):
    """Rotation is what they should do; its staged evidence stays for a case that something else opens."""
    quiet = raised(made_key("james", NOON, ip))
    assert FROM_ELSEWHERE not in quiet
    assert all(finding.facts.get("action") != "persistence" for finding, _ in quiet.values())


@pytest.mark.parametrize("action", BLINDING)
def test_a_blinded_trail_is_found(action):
    """What comes after it may never be seen, so that it does not matter from where."""
    found = [finding for finding, _ in raised(record(action, user("james"), NOON)).values()]
    assert "logging" in {finding.facts.get("action") for finding in found}
    assert max(finding.severity for finding in found) >= Severity.HIGH


@pytest.mark.parametrize("action", [KEY, "cloudtrail:StopLogging", "ec2:RunInstances"])
@pytest.mark.parametrize("error", ["NoSuchEntityException", "ThrottlingException"])
def test_what_failed_did_nothing(action, error):
    """A trail that was not stopped is not blind, and a finding that says so would be a lie."""
    refused = record(action, user("james"), NOON, error=error, sourceIPAddress=AWAY)
    assert raised(refused, record(action, root(), NOON, error=error)) == {}


@pytest.mark.parametrize(
    ("who", "ours"),
    [
        (user("watchbill"), True),
        (user("watchbill", path="/watchbill/"), True),
        (session("watchbill", "run-1", "ASIA1"), True),
        ({**session("watchbill", "run-1", "ASIA1"), "sessionContext": {}}, True),
        (user("watchbill", account=FOREIGN), False),
        (session("watchbill", "run-1", "ASIA1", account=FOREIGN), False),
        (session("admin", "watchbill", "ASIA1"), False),
        ({**session("admin", "watchbill", "ASIA1"), "sessionContext": {}}, False),
        (user("watchbill-2"), False),
    ],
)
def test_watchbill_is_known_by_its_own_name_only(who, ours):
    """What it does itself is no finding; anybody may call a session, or a user elsewhere, by its name."""
    found = raised(record("iam:AddUserToGroup", who, NOON, sourceIPAddress=AWAY))
    assert (FROM_ELSEWHERE not in found) is ours
    assert not (ours and found)


def test_aws_itself_is_no_finding():
    """Services attach policies to their own roles all day."""
    assert raised(record("iam:AttachRolePolicy", service("rds"), NOON)) == {}


def test_the_principal_is_told_where_nobody_is_known():
    """A way back in that was left by somebody of no team file is one all the same."""
    arn = f"arn:aws:iam::{PRODUCTION}:user/oldrick"
    found = raised(record(KEY, user("oldrick"), NOON, sourceIPAddress=AWAY))
    finding, case = found[FROM_ELSEWHERE]
    assert (finding.person, finding.principal, case.principal) == (None, arn, arn)
    assert found[STRANGER][1] is case


def test_a_user_of_no_team_file_is_told_once_a_day():
    """Nothing they do can be judged, be it to look; it is one case, and what AWS refused or others' accounts are none."""
    calls = [record(who=user("oldrick"), at=NOON + n * MINUTE) for n in range(5)]
    finding, _ = raised(*calls)[STRANGER]
    assert finding.title.endswith("and 4 more like it")
    assert STRANGER not in raised(record(who=user("oldrick"), at=NOON, error="AccessDenied"))
    assert STRANGER not in raised(record(who=user("oldrick", account=FOREIGN), at=NOON, account=FOREIGN))
    assert STRANGER not in raised(record(who=user("james"), at=NOON))


def test_the_root_user_is_seen_doing_and_not_looking():
    """Nobody works as root; reading is left to those who must look."""
    doing, looking = record("ec2:RunInstances", root(), NOON), record("ec2:DescribeInstances", root(), NOON)
    finding, case = raised(doing, looking)["Root user changed something"]
    assert (finding.principal, finding.event_ids, case.severity) == ("root", (doing["eventID"],), Severity.HIGH)


CHANGES = ("iam:CreateUser", "iam:PutUserPolicy", "ec2:RunInstances", "s3:DeleteBucket", "cloudtrail:CreateTrail")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [((0, 1, 2, 3), 0), ((0, 1, 2, 3, 4), 5), ((0, 150, 300, 450, 600), 5), ((0, 150, 300, 450, 601), 0)],
)
def test_many_kinds_of_refusals_in_a_short_time_are_doors_tried(seconds, expected):
    """Five within ten minutes."""
    pairs = zip(CHANGES, seconds, strict=False)
    found = raised(*(record(a, at=NOON + timedelta(seconds=s), error="AccessDenied") for a, s in pairs))
    assert (len(found[DOORS][0].event_ids) if DOORS in found else 0) == expected
    if expected:
        assert found[DOORS][0].facts["action"] == "denied-burst"


@pytest.mark.parametrize(
    "actions",
    [
        [
            "ce:GetCostAndUsage",
            "health:DescribeEventAggregates",
            "ec2:DescribeRegions",
            "iam:ListUsers",
            "s3:ListBuckets",
        ],
        ["ec2:RunInstances"] * 9,
    ],
)
def test_a_page_of_the_console_and_a_stubborn_program_are_none(actions):
    """A page asks by itself for what most may not see; one thing that fails nine times is one door."""
    denied = [
        record(a, at=NOON + n * MINUTE / 30, error="AccessDenied", sessionCredentialFromConsole="true")
        for n, a in enumerate(actions)
    ]
    assert raised(*denied) == {}


def test_refusals_are_counted_by_principal():
    """Three of James's and two of Ada's are nobody's burst."""
    people = ["james", "ada", "james", "ada", "james"]
    pairs = zip(CHANGES, people, strict=True)
    denied = [record(a, user(p), NOON + n * MINUTE / 4, error="AccessDenied") for n, (a, p) in enumerate(pairs)]
    assert DOORS not in raised(*denied)


def test_without_a_team_nothing_is_watchbills():
    """What is worth a look is so without a team file too; of strangers nothing can be said then."""
    found = audit(reading(record(KEY, user("watchbill"), NOON)), None, pack())
    assert [f.title.partition(":")[0] for case in found.cases for f in case.findings] == [FROM_ELSEWHERE]
    assert team().managed_by
