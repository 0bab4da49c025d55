"""Break-glass users: every use and every change of one is heard of, and of nobody else's."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import HERE, PRODUCTION, STAGING, team
from tests.trails import FOREIGN, after, assume_role, federated, other_account, record, root, service, session, user
from tests.unit.alerts.records import AWAY, HOME, OFFICE, failed, hidden, made_key, seen, signed_in

from watchbill.detect.break_glass import CHANGED, TRIED, USED, BreakGlassUsers, break_glass_findings
from watchbill.detect.model import Severity, Signal
from watchbill.team.model import BreakGlass


NIGHT = after(27)
MINUTE = timedelta(minutes=1)
LABEL = f"emergency of account {PRODUCTION}"
EMERGENCY = user("emergency")
ROLE_KEY = "ASIAROLEXXXXXXXXXXXX"


def declared(*accounts, name="emergency"):
    """Give the team with a break-glass user in some accounts, production by default."""
    return replace(team(), break_glass=(BreakGlass(name, accounts or ("production",), HERE),))


def found(*records, of=None):
    """Give the findings about break-glass users."""
    of = of or declared()
    return list(break_glass_findings(seen(records, of), of))


def call(who=EMERGENCY, at=NIGHT, action="ec2:DescribeInstances", **fields):
    """Make the record of a call."""
    return record(action, who, at, **fields)


def changing(name, target="emergency", who=None, at=NIGHT, **fields):
    """Make the record of a change of a user by somebody."""
    given = {"requestParameters": {"userName": target}, "sourceIPAddress": HOME}
    return record(f"iam:{name}", who or user("mallory"), at, **given | fields)


# --- what it says --------------------------------------------------------------------------------


def test_a_use_is_one_sentence():
    """Who, from where, when, how much and in which account; every event of it is cited."""
    records = [signed_in("emergency", NIGHT), *(call(at=NIGHT + n * MINUTE, event_id=f"c{n}") for n in range(1, 5))]
    (finding,) = found(*records)
    assert finding.title == (
        "the break-glass user emergency signed in from 198.51.100.7 at Tue 03:00 UTC and made 4 calls in production"
    )
    assert (finding.signal, finding.severity) == (Signal.BREAK_GLASS, Severity.CRITICAL)
    assert (finding.person, finding.principal, finding.network) == (None, LABEL, "198.51.100.0/24")
    assert finding.event_ids == tuple(each["eventID"] for each in records)
    assert (finding.first, finding.last) == (NIGHT, NIGHT + 4 * MINUTE)
    assert finding.facts == {"action": USED}


@pytest.mark.parametrize(
    ("records", "words", "action"),
    [
        ([failed("emergency", NIGHT)], "failed to sign in from 198.51.100.7 at Tue 03:00 UTC", TRIED),
        (
            [failed("emergency", NIGHT), failed("emergency", NIGHT + MINUTE, AWAY)],
            "failed to sign in 2 times from 198.51.100.7 and 1 more at Tue 03:00 UTC",
            TRIED,
        ),
        (
            [failed("emergency", NIGHT), signed_in("emergency", NIGHT + MINUTE, mfa="No"), call(at=NIGHT + 2 * MINUTE)],
            "failed to sign in from 198.51.100.7 at Tue 03:00 UTC, "
            "signed in without MFA from 198.51.100.7 at Tue 03:01 UTC and made 1 call in production",
            USED,
        ),
        (
            [call(), call(at=NIGHT + MINUTE, error="AccessDenied")],
            "made 2 calls, 1 of them refused, in production from 198.51.100.7 at Tue 03:00 UTC",
            USED,
        ),
        (
            [signed_in("emergency", NIGHT), call(at=NIGHT + MINUTE, sourceIPAddress=AWAY)],
            "signed in from 198.51.100.7 at Tue 03:00 UTC "
            "and made 1 call in production from 203.0.113.9 at Tue 03:01 UTC",
            USED,
        ),
        ([call(sourceIPAddress=None)], "made 1 call in production at Tue 03:00 UTC", USED),
        (
            [record("signin:CheckMfa", {**EMERGENCY, "accessKeyId": ""}, NIGHT, eventType="AwsConsoleSignIn")],
            "began to sign in from 198.51.100.7 at Tue 03:00 UTC",
            USED,
        ),
    ],
)
def test_what_the_user_did_is_told(records, words, action):
    """A failure is said to be one; what AWS refused is counted; a second place is named."""
    (finding,) = found(*records)
    assert finding.title == f"the break-glass user emergency {words}"
    assert finding.facts == {"action": action}
    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    "name",
    [
        "AddUserToGroup",
        "AttachUserPolicy",
        "CreateAccessKey",
        "CreateLoginProfile",
        "CreateUser",
        "DeactivateMFADevice",
        "DeleteAccessKey",
        "DeleteLoginProfile",
        "DeleteUser",
        "DeleteUserPolicy",
        "DetachUserPolicy",
        "EnableMFADevice",
        "PutUserPermissionsBoundary",
        "PutUserPolicy",
        "RemoveUserFromGroup",
        "TagUser",
        "UpdateAccessKey",
        "UpdateLoginProfile",
        "UpdateUser",
        "UploadSSHPublicKey",
    ],
)
def test_whoever_changes_the_user_is_told(name):
    """A key made for it is as good as a use of it; deleting it, or its MFA, is to lose the way in."""
    (finding,) = found(changing(name))
    arn = user("mallory")["arn"]
    assert finding.title == (
        f"{arn} did {name} on the break-glass user emergency in production from 198.51.100.7 at Tue 03:00 UTC"
    )
    assert (finding.facts, finding.principal) == ({"action": CHANGED}, LABEL)
    assert finding.severity is Severity.CRITICAL


def test_changes_are_told_after_what_the_user_did():
    """By a person's name where it is known."""
    records = [changing("CreateAccessKey", who=user("sofia")), changing("DeleteUser", who=user("sofia"), at=NIGHT)]
    (finding,) = found(*records, call(at=NIGHT + MINUTE))
    assert finding.title.startswith("the break-glass user emergency made 1 call in production")
    assert finding.title.endswith(" on it from 198.51.100.7 at Tue 03:00 UTC")
    assert "; sofia did " in finding.title
    assert {"CreateAccessKey", "DeleteUser"} <= set(finding.title.replace(",", "").split())


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("on resource: user emergency because no identity-based policy allows the iam:CreateAccessKey action", True),
        ("on resource: user emergency", True),
        (f"on resource: arn:aws:iam::{PRODUCTION}:user/ops/emergency with an explicit deny", True),
        ("on resource: user emergency-2 because no identity-based policy allows it", False),
        ("on resource: group emergency because no identity-based policy allows it", False),
    ],
)
def test_who_was_refused_tried(message, told):
    """AWS leaves the parameters out of a refused call; its message says whom it was about."""
    text = f"User: {user('mallory')['arn']} is not authorized to perform: iam:CreateAccessKey {message}"
    refused = changing("CreateAccessKey", error="AccessDenied", requestParameters=None, errorMessage=text)
    assert ["tried CreateAccessKey on" in each.title for each in found(refused)] == [True] * told


def test_a_user_that_is_renamed_to_it_is_a_change_of_it():
    """The new name has all that the old one was given."""
    given = {"userName": "bob", "newUserName": "Emergency"}
    assert len(found(changing("UpdateUser", requestParameters=given))) == 1


@pytest.mark.parametrize("fields", [{}, {"readOnly": None}])
@pytest.mark.parametrize("name", ["GetUser", "ListAccessKeys"])
def test_looking_at_it_is_no_change(name, fields):
    """Auditors and watchbill itself look at every user."""
    assert found(changing(name, **fields)) == []


# --- who it was ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who",
    [
        EMERGENCY,
        user("EMERGENCY"),
        user("emergency", path="/ops/"),
        user("emergency", key="ASIASESSIONXXXXXXXXX", mfa=True),
        federated("emergency", "anybody", "ASIAFEDERATEDXXXXXXX"),
        session("admin", "x", ROLE_KEY, source_identity="emergency"),
        session("admin", "x", ROLE_KEY, source_identity="Emergency", account=STAGING),
    ],
)
def test_its_sessions_are_it(who):
    """Whatever it acts by, and however its name is written."""
    (finding,) = found(call(who))
    assert finding.principal == LABEL
    assert ("by the source identity alone" in finding.title) is (who["type"] == "AssumedRole")


def test_a_role_that_it_took_is_it():
    """From role to role, into another account, whatever the sessions are called; the order of records is no matter."""
    first, second = "ASIAFIRSTXXXXXXXXXXX", "ASIASECONDXXXXXXXXXX"
    records = [
        call(session("deep", "rick", second, account=STAGING), NIGHT + 2 * MINUTE, account=STAGING),
        assume_role(session("admin", "rick", first), "deep", second, NIGHT + MINUTE, account=STAGING),
        assume_role(other_account(PRODUCTION), "admin", first, NIGHT, event_id="0"),
        assume_role(EMERGENCY, "admin", first, NIGHT, event_id="1"),
    ]
    (finding,) = found(*records)
    assert len(finding.event_ids) == 3
    assert "made 3 calls in production, staging" in finding.title
    assert "alone" not in finding.title


def test_who_called_from_elsewhere_is_unknown_without_their_own_record():
    """The record of the account that was called says only whence: then the source identity is all there is."""
    acts = session("admin", "x", ROLE_KEY, source_identity="emergency")
    taken = assume_role(other_account(STAGING), "admin", ROLE_KEY, NIGHT)
    (finding,) = found(taken, call(acts, NIGHT + MINUTE))
    assert finding.title.endswith("by the source identity alone")


def test_the_file_may_write_its_name_in_any_case():
    """The name is told as the team file has it."""
    of = declared(name="Emergency")
    (finding,) = found(call(), changing("CreateAccessKey"), of=of)
    assert finding.principal == f"Emergency of account {PRODUCTION}"
    assert len(finding.event_ids) == 2


def test_what_the_chain_says_outranks_the_source_identity():
    """Rick may call himself what he likes where the trail holds that it was him."""
    acts = session("admin", "x", ROLE_KEY, source_identity="emergency")
    assert found(assume_role(user("rick"), "admin", ROLE_KEY, NIGHT), call(acts, NIGHT + MINUTE)) == []
    saml = {"type": "SAMLUser", "principalId": "x", "userName": "emergency"}
    assert found(assume_role(saml, "admin", ROLE_KEY, NIGHT), call(acts, NIGHT + MINUTE)) == []


def test_a_chain_that_is_a_circle_ends():
    """Records that hand each other's keys out tell nothing."""
    one, two = "ASIAONEXXXXXXXXXXXXX", "ASIATWOXXXXXXXXXXXXX"
    records = [
        assume_role(session("a", "x", two), "b", one, NIGHT),
        assume_role(session("b", "x", one), "a", two, NIGHT),
        assume_role(session("b", "x", ROLE_KEY), "a", ROLE_KEY, NIGHT),
    ]
    assert found(*records) == []


@pytest.mark.parametrize(
    "made",
    [
        call(user("emergency", account=STAGING), account=STAGING),
        failed("emergency", NIGHT, account=STAGING),
        changing("CreateAccessKey", account=STAGING, who=user("sofia", account=STAGING)),
        call(federated("emergency", "x", "ASIAF", account=STAGING), account=STAGING),
        call(session("admin", "emergency", ROLE_KEY)),
        call(session("emergency", "x", ROLE_KEY)),
        call(session("admin", "x", ROLE_KEY, account=FOREIGN, source_identity="emergency"), account=FOREIGN),
        call(user("emergency", account=FOREIGN)),
        call(user("emergency-2")),
        changing("CreateAccessKey", "emergency-2"),
        changing("CreateAccessKey", None),
        changing("CreateAccessKey", ["emergency"]),
        changing("CreateAccessKey", eventSource="elsewhere.amazonaws.com"),
        call(root()),
        call(service("ec2")),
        call({**EMERGENCY, "userName": None, "arn": None}),
        hidden(NIGHT),
    ],
)
def test_who_is_not_break_glass_is_not_told(made):
    """The same name in an account where it is an ordinary user, a session or role of the name, and everybody else."""
    assert found(made) == []
    assert [each.signal for each in found(made, of=team())] == []


def test_accounts_have_a_user_each():
    """The same name in two accounts is two users, each with a case of its own."""
    of = declared("production", "staging")
    records = [call(), call(user("emergency", account=STAGING), account=STAGING)]
    assert [each.principal for each in found(*records, of=of)] == [LABEL, f"emergency of account {STAGING}"]
    third = replace(of, accounts={**of.accounts, "lab": replace(of.accounts["staging"], name="lab", number=FOREIGN)})
    acts = session("admin", "x", ROLE_KEY, account=FOREIGN, source_identity="emergency")
    (finding,) = found(call(acts, account=FOREIGN), of=third)
    assert finding.principal == f"emergency of account {PRODUCTION} or {STAGING}"
    users = BreakGlassUsers((), third)
    assert users.declared(finding.principal) is users.declared(LABEL) is of.break_glass[0]
    assert users.declared("rick") is None


def test_two_users_may_meet_in_one_event():
    """One break-glass user makes a key for another: a use of the one, a change of the other."""
    of = replace(declared(), break_glass=tuple(BreakGlass(n, ("production",), HERE) for n in ("emergency", "spare")))
    one, two = found(changing("CreateAccessKey", "spare", who=EMERGENCY), of=of)
    assert (one.principal, one.facts) == (LABEL, {"action": USED})
    assert (two.principal, two.facts) == (f"spare of account {PRODUCTION}", {"action": CHANGED})


def test_a_user_that_changes_itself_acts():
    """One use, not a use and a change."""
    (finding,) = found(made_key("emergency", NIGHT))
    assert finding.facts == {"action": USED}


# --- when, and however usual ---------------------------------------------------------------------


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12))
def test_a_use_ends_after_half_an_hour_of_quiet(pauses):
    """Every event is in exactly one use, in order, and uses are never less than half an hour apart."""
    times = [NIGHT + sum(pauses[:n]) * MINUTE for n in range(1, len(pauses) + 1)]
    findings = found(*(call(at=at, event_id=f"{n:02}") for n, at in enumerate(times)))
    assert [event_id for each in findings for event_id in each.event_ids] == [f"{n:02}" for n in range(len(times))]
    assert all(b.first - a.last > 30 * MINUTE for a, b in pairwise(findings))
    assert len(findings) == 1 + sum(pause > 30 for pause in pauses[1:])


@pytest.mark.parametrize("ip", [HOME, OFFICE, AWAY])
def test_nothing_is_usual_for_it(ip):
    """A month of uses from the office makes the next one no less loud."""
    month = [call(at=NIGHT - timedelta(days=n), sourceIPAddress=ip, event_id=f"d{n}") for n in range(30)]
    of = declared()
    events = seen(month, of)
    findings = list(break_glass_findings(events, of))
    assert [each.severity for each in findings] == [Severity.CRITICAL] * 30


def test_without_a_team_file_there_is_no_break_glass():
    """Nobody declared any."""
    assert list(break_glass_findings(seen([call()]), None)) == []
