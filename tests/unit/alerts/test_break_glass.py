"""Cases of break-glass users: one a use, as loud as can be, and never of anybody's account."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import DAY, HERE, PRODUCTION, STAGING, team
from tests.trails import after, assume_role, record, session, user
from tests.unit.alerts.records import AWAY, FIREFOX, HOME, OFFICE, audited, failed, made_key, signed_in, the_case

from watchbill.access.model import Freeze
from watchbill.alerts.assess import assess
from watchbill.alerts.model import ActionKind
from watchbill.alerts.plain import reassessed, view
from watchbill.detect.model import Severity, Signal
from watchbill.team.model import BreakGlass


NIGHT = after(27)
MINUTE = timedelta(minutes=1)
EMERGENCY = user("emergency")
LABEL = f"emergency of account {PRODUCTION}"
ROLE_KEY = "ASIAROLEXXXXXXXXXXXX"
BROKEN = replace(team(), break_glass=(BreakGlass("emergency", ("production",), HERE),))
"""The team with a break-glass user in production."""


def use(at=NIGHT, ip=AWAY):
    """Make the records of a night on which all at once was found: guesses, a way in, keys, and doors that were tried."""
    return [
        *(failed("emergency", at + n * MINUTE / 4, ip) for n in range(4)),
        signed_in("emergency", at + 2 * MINUTE, ip, mfa="No"),
        made_key("emergency", at + 3 * MINUTE, ip),
        record("cloudtrail:StopLogging", EMERGENCY, at + 4 * MINUTE, sourceIPAddress=ip),
        *(
            record("ec2:StopInstances", EMERGENCY, at + 5 * MINUTE, error="AccessDenied", event_id=f"d{n}")
            for n in range(6)
        ),
    ]


def test_a_use_is_one_case_whatever_else_is_found_in_it():
    """Bursts, sign-ins without MFA and ways back in are evidence in it, not cases beside it."""
    records = use()
    case = the_case(*records, of=BROKEN)
    assert (case.severity, case.kind, case.person) == (Severity.CRITICAL, "break-glass", None)
    assert (case.principal, case.network, case.account) == (LABEL, None, None)
    assert {finding.signal for finding in case.findings} == {
        Signal.BREAK_GLASS,
        Signal.FAILED_SIGN_INS,
        Signal.NO_MFA,
        Signal.RULE,
    }
    assert case.sentence == (
        "the break-glass user emergency failed to sign in 4 times from 203.0.113.9 at Tue 03:00 UTC, "
        "signed in without MFA from 203.0.113.9 at Tue 03:02 UTC "
        "and made 8 calls, 6 of them refused, in production from 203.0.113.9 and 1 more at Tue 03:03 UTC"
    )
    assert case.how_known == f"{LABEL} is a break-glass user by watchbill.yaml:1:1"
    assert case.stolen_keys == ("AKIASTOLENXXXXXXXXXX",)
    assert {each.event_id for each in case.evidence if each.note} == {each["eventID"] for each in records}
    notes = {each.event_id: each.note for each in case.evidence}
    assert notes["d0"].startswith("by a break-glass user")
    assert notes[records[5]["eventID"]].startswith("by a break-glass user; ")


def test_no_story_is_weighed():
    """Neither what is usual, nor an answer, can speak for it; what is next is to find who opened it."""
    case = the_case(*use(ip=OFFICE), of=BROKEN)
    assert case.facts == {"action": "break-glass used"}
    assert (case.assessment.hypotheses, case.assessment.leading) == ((), None)
    assert case.assessment.why == (
        "undecided: nothing is usual for a break-glass user, so no story is weighed and a lead finds out"
    )
    assert case.assessment.question == "who opened the break-glass user, and why?"
    answered = reassessed(view(case), {"answer": "yes", "place": "usual", "outcome": "success with mfa"})
    assert (answered.leading, answered.severity, answered.question) == (
        None,
        "critical",
        "who opened the break-glass user, and why?",
    )


@pytest.mark.parametrize(
    ("records", "sentence", "question"),
    [
        (
            [failed("emergency", NIGHT)],
            "the break-glass user emergency failed to sign in from 198.51.100.7 at Tue 03:00 UTC",
            "who tried to open the break-glass user, and why?",
        ),
        (
            [made_key("mallory", NIGHT, requestParameters={"userName": "emergency"})],
            f"arn:aws:iam::{PRODUCTION}:user/mallory did CreateAccessKey on the break-glass user emergency"
            " in production from 198.51.100.7 at Tue 03:00 UTC",
            "who asked for the change of the break-glass user, and who can open it now?",
        ),
    ],
)
def test_trying_and_changing_are_as_loud(records, sentence, question):
    """One wrong password is enough, and is said to have failed; nobody needs to have got in."""
    case = next(each for each in audited(*records, of=BROKEN).cases if each.kind == "break-glass")
    assert (case.severity, case.sentence, case.assessment.question) == (Severity.CRITICAL, sentence, question)
    assert case.actions == ()


def test_who_changed_it_has_a_case_too():
    """James is asked about what he did; the break-glass user has its own, with the same event in it."""
    made = made_key("james", NIGHT, requestParameters={"userName": "emergency"})
    first, second = audited(made, of=BROKEN).cases
    assert (first.kind, first.principal, first.severity) == ("break-glass", LABEL, Severity.CRITICAL)
    assert first.evidence[0].note.startswith("of a break-glass user; ")
    assert (second.person, ActionKind.ASK in {action.kind for action in second.actions}) == ("james", True)


def test_a_session_that_claims_to_be_a_person_is_the_users_own():
    """Whoever opened it took a role as James: what it did is a use of it, and no reason to freeze James."""
    acts = session("admin", "james", ROLE_KEY, source_identity="james")
    records = [
        assume_role(EMERGENCY, "admin", ROLE_KEY, NIGHT),
        record("rds:DeleteDBInstance", acts, NIGHT + MINUTE, sourceIPAddress=AWAY),
    ]
    case = the_case(*records, of=BROKEN)
    assert (case.person, case.kind, len(case.evidence)) == (None, "break-glass", 2)
    assert case.evidence[1].right == "off shift"


def test_it_is_never_frozen_even_where_it_is_somebodys_user():
    """Were James given that user by mistake, or frozen, it would still be protected."""
    of = replace(BROKEN, people={**team().people, "james": replace(team().people["james"], iam_user="emergency")})
    freeze = Freeze("F-1", "james", after(26), None, None)
    for freezes in ((), (freeze,)):
        case = the_case(*use(), of=of, freezes=freezes)
        assert (case.kind, case.person, case.account, case.actions) == ("break-glass", None, None, ())


def test_where_it_is_not_break_glass_it_is_as_anybody():
    """The user of that name in staging is an ordinary one."""
    there = user("emergency", account=STAGING)
    one = record("iam:CreateAccessKey", there, NIGHT, account=STAGING)
    case = the_case(one, of=BROKEN)
    assert (case.kind, case.severity, case.principal) == ("action", Severity.HIGH, there["arn"])


def test_a_use_that_grows_keeps_its_case():
    """What comes within half an hour is the same use, what comes later another one."""
    records = use()
    more = record(who=EMERGENCY, at=NIGHT + 34 * MINUTE, event_id="0")
    later = record(who=EMERGENCY, at=NIGHT + 65 * MINUTE, event_id="1")
    alone = the_case(*records, of=BROKEN)
    assert the_case(*records, more, of=BROKEN).id == alone.id
    grown, other = audited(*records, more, later, of=BROKEN).cases
    assert (grown.id, other.kind) == (alone.id, "break-glass")
    assert other.id != alone.id


def test_a_spray_over_its_name_too_is_both():
    """The network is blocked as ever, and the break-glass user is told of by itself."""
    names = ("emergency", "james", "rick")
    loud, spray = audited(*(failed(n, NIGHT + i * MINUTE / 60, AWAY) for i, n in enumerate(names)), of=BROKEN).cases
    assert (loud.kind, len(loud.evidence)) == ("break-glass", 1)
    assert [action.kind for action in spray.actions] == [ActionKind.BLOCK_NETWORK]


ACTS = st.sampled_from(
    [
        lambda at: record("ec2:DescribeInstances", EMERGENCY, at, sourceIPAddress=HOME, userAgent=FIREFOX),
        lambda at: record("ec2:StopInstances", EMERGENCY, at, error="AccessDenied"),
        lambda at: failed("emergency", at, OFFICE),
        lambda at: signed_in("emergency", at, OFFICE),
        lambda at: signed_in("emergency", at, AWAY, mfa="No"),
        lambda at: made_key("emergency", at),
        lambda at: record("s3:ListBuckets", session("admin", "x", ROLE_KEY, source_identity="emergency"), at),
    ]
)


@given(st.lists(st.tuples(st.integers(0, 40), ACTS), min_size=1, max_size=25))
def test_every_event_of_it_counts_in_one_critical_case(acts):
    """Whatever it did, however often, however usual: nothing is lost, nothing is told twice, nothing is made less."""
    records, at = [], NIGHT - 2 * DAY
    for number, (pause, act) in enumerate(acts):
        at += pause * MINUTE
        records.append({**act(at), "eventID": f"{number:02}"})
    cases = audited(*records, of=BROKEN).cases
    assert {(case.kind, case.severity, case.principal, case.actions) for case in cases} == {
        ("break-glass", Severity.CRITICAL, LABEL, ())
    }
    counted = [each.event_id for case in cases for each in case.evidence if each.note]
    assert sorted(counted) == [each["eventID"] for each in records]
    assert {case.assessment.leading for case in cases} == {None}


def test_facts_of_another_kind_are_not_of_this_one():
    """Even with every fact that speaks, this kind is left to people."""
    facts = {"place": "usual", "device": "usual", "outcome": "success with mfa", "answer": "yes", "time": "on shift"}
    assert assess("break-glass", facts, None).leading is None
    assert assess("sign-in", facts, None).leading is not None
