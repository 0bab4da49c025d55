"""Calls that are worth a look by what they are, and doors that were tried."""

from datetime import timedelta

import pytest
from tests.teams import PRODUCTION, team
from tests.trails import FOREIGN, after, record, root, service, session, sign_in, user
from tests.unit.alerts.records import AWAY, HOME, OFFICE, seen

from watchbill.detect.actions import LOGGING, PERSISTENCE, action_findings
from watchbill.detect.baseline import learn
from watchbill.detect.model import Severity, Signal


NOON = after(12)
MINUTE = timedelta(minutes=1)
KEY = "iam:CreateAccessKey"


def found(*records):
    """Give the findings of records by the team file."""
    events = seen(records)
    return list(action_findings(events, team(), learn(events, team())))


def calls(of):
    """Write calls as actions."""
    return [f"{source.removesuffix('.amazonaws.com')}:{name}" for source, name in sorted(of)]


@pytest.mark.parametrize("action", calls(PERSISTENCE))
def test_a_way_back_in_is_found(action):
    """Who has got in makes sure of getting in again: each such call is told with who did it and from where."""
    (finding,) = found(record(action, user("james"), NOON, event_id="e1"))
    assert (finding.signal, finding.severity, finding.person) == (Signal.PERSISTENCE, Severity.MEDIUM, "james")
    assert finding.title == f"james did {action.split(':')[1]}, which leaves a way back in"
    assert (finding.event_ids, finding.first, finding.last) == (("e1",), NOON, NOON)
    assert finding.facts == {"action": "persistence", "place": "usual", "device": "unknown"}
    assert (finding.network, finding.principal) == ("198.51.100.0/24", None)


@pytest.mark.parametrize("action", calls(LOGGING))
def test_a_blinded_trail_is_found(action):
    """What comes after it may never be seen."""
    (finding,) = found(record(action, user("james"), NOON))
    assert (finding.signal, finding.severity) == (Signal.LOGGING, Severity.HIGH)
    assert finding.title == f"james did {action.split(':')[1]}, which blinds the trail"


@pytest.mark.parametrize("action", [KEY, "cloudtrail:StopLogging", "ec2:RunInstances"])
@pytest.mark.parametrize("error", ["AccessDenied", "Client.UnauthorizedOperation", "NoSuchEntityException"])
def test_what_aws_refused_did_nothing(action, error):
    """A trail that was not stopped is not blind, and a finding that says so would be a lie."""
    assert found(record(action, user("james"), NOON, error=error), record(action, root(), NOON, error=error)) == []


@pytest.mark.parametrize(
    ("ip", "severity"), [(HOME, Severity.MEDIUM), (OFFICE, Severity.MEDIUM), (AWAY, Severity.HIGH)]
)
def test_a_new_network_makes_it_worse(ip, severity):
    """The same key made from where James never was is likelier another's."""
    (finding,) = found(record(KEY, user("james"), NOON, sourceIPAddress=ip))
    assert finding.severity is severity


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
    assert (found(record("iam:AddUserToGroup", who, NOON)) == []) is ours


def test_aws_itself_is_no_finding():
    """Services attach policies to their own roles all day."""
    assert found(record("iam:AttachRolePolicy", service("rds"), NOON)) == []


def test_the_principal_is_told_where_nobody_is_known():
    """A way back in that was left by a machine, or by somebody of no team file, is one all the same."""
    (finding,) = found(record(KEY, user("deploy-bot"), NOON, sourceIPAddress=AWAY))
    arn = f"arn:aws:iam::{PRODUCTION}:user/deploy-bot"
    assert (finding.person, finding.principal) == (None, arn)
    assert finding.title == f"{arn} did CreateAccessKey, which leaves a way back in"
    assert finding.facts == {"action": "persistence"}


def test_the_root_user_is_seen_doing_and_not_looking():
    """Nobody works as root; reading is left to those who must look."""
    (finding,) = found(record("ec2:RunInstances", root(), NOON), record("ec2:DescribeInstances", root(), NOON))
    assert (finding.signal, finding.principal) == (Signal.ROOT, "root")
    assert finding.title == "root did RunInstances as the root user"


def test_a_wrong_password_of_root_is_not_the_root_user():
    """Somebody tried the name; nobody got in."""
    assert found(sign_in(root(), NOON, mfa="No", success=False)) == []
    assert [each.signal for each in found(sign_in(root(), NOON))] == [Signal.ROOT]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ((0, 1, 2, 3), []),
        ((0, 1, 2, 3, 4), [5]),
        ((0, 150, 300, 450, 600), [5]),
        ((0, 150, 300, 450, 601), []),
        ((0, 540, 1080, 1620, 2160, 2700), []),
        ((0, 540, 1080, 1081, 1082, 1083, 1084), [7]),
        ((0, 1, 2, 3, 4, 2000, 2001, 2002, 2003, 2004, 2005), [5, 6]),
    ],
)
def test_many_refusals_in_a_short_time_are_doors_tried(seconds, expected):
    """Five within ten minutes; a console page now and then that a person may not see is none."""
    denied = [record(at=NOON + timedelta(seconds=s), error="AccessDenied") for s in seconds]
    assert [len(each.event_ids) for each in found(*denied)] == expected


@pytest.mark.parametrize(("last", "minutes"), [(4, 1), (60, 1), (61, 2), (240, 4)])
def test_refusals_are_told_in_one_sentence(last, minutes):
    """How many and how fast, never in no time and never faster than it was."""
    denied = [record(at=NOON + timedelta(seconds=s), error="AccessDenied") for s in (0, 1, 2, 3, last)]
    (finding,) = found(*denied)
    assert finding.title == f"james was refused 5 times within {minutes} min"
    assert (finding.signal, finding.severity, finding.person) == (Signal.DENIED_BURST, Severity.MEDIUM, "james")
    assert (finding.first, finding.last) == (NOON, NOON + timedelta(seconds=last))


def test_refusals_are_counted_by_person():
    """Three of James's and two of Ada's are nobody's burst, nor are those of a machine."""
    people = ["james", "ada", "james", "ada", "james", *["deploy-bot"] * 9]
    denied = [record(who=user(p), at=NOON + n * MINUTE / 4, error="AccessDenied") for n, p in enumerate(people)]
    assert found(*denied) == []


def test_what_fails_otherwise_is_no_door_tried():
    """Throttling and what is not there say nothing of permission."""
    assert found(*(record(at=NOON + n * MINUTE / 4, error="ThrottlingException") for n in range(9))) == []


def test_without_a_team_nothing_is_watchbills():
    """What is worth a look is so without a team file too."""
    events = seen([record(KEY, user("watchbill"), NOON)])
    assert [each.signal for each in action_findings(events, None, learn(events, None))] == [Signal.PERSISTENCE]
