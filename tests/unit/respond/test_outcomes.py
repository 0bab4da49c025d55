"""What a question comes to: the whole table, what a case asks of a "yes", and what a sign-in proves."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trails import after
from tests.unit.alerts.records import AWAY
from tests.unit.respond.test_ask import counting, forgot, hijack, late

from watchbill.alerts.plain import reassessed
from watchbill.alerts.view import EvidenceView
from watchbill.respond.ask import Status
from watchbill.respond.interfaces import StepUp
from watchbill.respond.outcomes import (
    FRESH,
    TABLE,
    Heard,
    Outcome,
    Proof,
    Stand,
    doubts,
    is_theirs,
    needed,
    objection,
    outcome,
    strength,
)


ASKED_AT = after(11)
NOW = ASKED_AT + timedelta(minutes=4)
OPEN = (Stand.ASKED, Stand.ANSWERED)
SURE = (Heard.ENOUGH, Heard.PROVEN)


def entitled(case, **facts):
    """Give a case whose events were all the person's to do, from the usual place."""
    events = [replace(event, right="entitled") for event in case.evidence]
    known = {key: value for key, value in case.facts.items() if key != "control"} | {"place": "usual"} | facts
    return replace(case, evidence=events, facts=known, whence=[])


# --- the table ------------------------------------------------------------------------------------


def test_the_table_is_whole():
    """Whatever is heard whenever, something is said of it."""
    assert set(TABLE) == set(product(Stand, Heard))


@pytest.mark.parametrize("stand", Stand)
def test_what_was_not_theirs_is_never_closed_by_what_they_say(stand):
    """A thief and an insider both say yes, and may both prove it."""
    for heard in Heard:
        if heard is not Heard.VERDICT:
            assert outcome(stand, heard, entitled=False).case is not Status.CLOSED


@pytest.mark.parametrize(("stand", "heard", "theirs"), list(product(Stand, Heard, (True, False))))
def test_only_a_sure_yes_about_what_was_theirs_closes(stand, heard, theirs):
    """And a lead's verdict."""
    closes = outcome(stand, heard, entitled=theirs).case is Status.CLOSED
    sure = (heard is Heard.PROVEN and stand in OPEN) or (heard is Heard.ENOUGH and stand is Stand.ASKED)
    assert closes is (heard is Heard.VERDICT or (sure and theirs))


@pytest.mark.parametrize(("stand", "theirs"), list(product(Stand, (True, False))))
def test_a_no_readies_the_freeze_until_a_lead_has_decided(stand, theirs):
    """Also after a yes: whoever took the account over said that one, or this one, and a lead finds out."""
    found = outcome(stand, Heard.NO, entitled=theirs)
    assert found.freeze is (stand is not Stand.DECIDED)
    if stand in (*OPEN, Stand.STEPPED_UP):
        assert (found.stand, found.case) == (Stand.ESCALATED, Status.ESCALATED)


@pytest.mark.parametrize("stand", OPEN)
def test_silence_is_told_and_pages_where_it_was_not_theirs(stand):
    """Who does not answer about what was theirs to do sleeps, perhaps."""
    for theirs in (True, False):
        found = outcome(stand, Heard.SILENCE, entitled=theirs)
        assert found.case is Status.ESCALATED
        assert (found.page, found.freeze) == (not theirs, not theirs)
        assert found.stand is (Stand.SILENT if stand is Stand.ASKED else Stand.ESCALATED)


@given(st.lists(st.sampled_from(Heard), max_size=8), st.booleans())
def test_the_first_outcome_stands(heard, theirs):
    """Once it is a lead's, only a lead ends it; once a lead has decided, nothing moves it."""
    stand, case = Stand.ASKED, Status.ASKED
    for each in heard:
        found = outcome(stand, each, entitled=theirs)
        if stand is Stand.DECIDED:
            assert found in (Outcome(Stand.DECIDED), Outcome(Stand.DECIDED, Status.CLOSED))
        elif stand in (Stand.SILENT, Stand.ESCALATED):
            assert found.stand is (Stand.DECIDED if each is Heard.VERDICT else stand)
            assert found.case in (None, Status.CLOSED)
        stand, case = found.stand, found.case or case
    assert (case is Status.CLOSED) is (stand in (Stand.DECIDED, Stand.STEPPED_UP))


# --- what a case asks of a "yes" ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "proof"),
    [
        (forgot(), Proof.NONE),
        (forgot(history=False), Proof.NONE),
        (forgot(ends=False), Proof.SECOND_FACTOR),
        (forgot(mfa="No"), Proof.SECOND_FACTOR),
        (forgot(ip=AWAY), Proof.PHISHING_RESISTANT),
        (forgot(ip=AWAY, ends=False), Proof.PHISHING_RESISTANT),
        (late(), Proof.SECOND_FACTOR),
        (hijack(), Proof.PHISHING_RESISTANT),
        (replace(entitled(late()), severity="low"), Proof.NONE),
        (replace(entitled(late()), severity="medium"), Proof.SECOND_FACTOR),
        (replace(entitled(late(), place="unknown"), severity="low"), Proof.SECOND_FACTOR),
        (replace(entitled(late(), action="persistence"), severity="low"), Proof.SECOND_FACTOR),
        (replace(late(), severity="low"), Proof.SECOND_FACTOR),
    ],
)
def test_what_it_takes_to_believe_a_yes(case, proof):
    """A plain yes is enough for what a forgetful person did, or what is low and usual in every way."""
    assert needed(case) is proof


@pytest.mark.parametrize(
    "doubt", [{"place": "unknown"}, {"place": "new"}, {"outcome": "success"}, {"outcome": "failures only"}]
)
def test_any_doubt_takes_proof(doubt):
    """Even where forgetting leads by far, the place must be usual and the end must have MFA."""
    assert needed(reassessed(forgot(), {"answer": "yes", **doubt})) is not Proof.NONE


def named(*whats):
    """Give a harmless case around which some events lie."""
    made = forgot()
    events = [
        EvidenceView(f"m{n}", made.first, what, "needs none", "allowed", None, "f", n, "")
        for n, what in enumerate(whats)
    ]
    return replace(made, evidence=[*made.evidence, *events])


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (hijack(), ("a new network",)),
        (named("iam:EnableMFADevice"), ("a second factor that was changed",)),
        (named("sso-directory:StartVirtualMfaDeviceRegistration"), ("a second factor that was changed",)),
        (named("okta:MfaAdded"), ("a second factor that was changed",)),
        (named("google:SuspiciousSignIn"), ("a sign-in that the identity provider found odd",)),
        (named("entra:MfaDenied"), ("a sign-in that the identity provider found odd",)),
        (named("ec2:SuspiciousSignIn", "okta:MfaPassed", "iam:ListMFADevices"), ()),
        (forgot(), ()),
    ],
)
def test_what_makes_a_yes_doubtful(case, why):
    """Whoever is in the mailbox, or has put a factor of their own beside, says yes as easily."""
    assert doubts(case) == why
    assert (needed(case) is Proof.PHISHING_RESISTANT) is bool(why)


def test_what_cannot_be_judged_is_not_theirs():
    """Nothing closes on what is not known; nor on nothing."""
    case = entitled(counting("a:A", "b:B"))
    assert is_theirs(case)
    assert not is_theirs(replace(case, evidence=[]))
    for right in ("not judgeable", "off shift", "beyond role", "frozen", "unknown actor"):
        assert not is_theirs(replace(case, evidence=[*case.evidence, replace(case.evidence[0], right=right)]))
    assert not is_theirs(replace(case, facts={"control": "nothing found"}))


# --- what a sign-in proves ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amr", "acr", "proof"),
    [
        ((), "", Proof.NONE),
        (("pwd",), "", Proof.NONE),
        (("pwd", "sms"), "1", Proof.NONE),
        (("pwd", "otp"), "", Proof.SECOND_FACTOR),
        (("mfa",), "urn:example:2", Proof.SECOND_FACTOR),
        (("pwd", "hwk"), "", Proof.PHISHING_RESISTANT),
        (("HWK",), "", Proof.PHISHING_RESISTANT),
        ((), "phr", Proof.PHISHING_RESISTANT),
        (("pwd",), "phrh", Proof.PHISHING_RESISTANT),
        ((), "phr-ish", Proof.NONE),
    ],
)
def test_what_a_sign_in_proves(amr, acr, proof):
    """By the words of RFC 8176 and OpenID's EAP; by no words, nothing."""
    assert strength(StepUp("james", NOW, amr, acr)) is proof


@pytest.mark.parametrize(
    ("proof", "needs", "why"),
    [
        (StepUp("james", NOW, ("otp",)), Proof.SECOND_FACTOR, None),
        (StepUp("james", ASKED_AT, ("otp",)), Proof.SECOND_FACTOR, None),
        (StepUp("james", NOW, ("hwk",)), Proof.PHISHING_RESISTANT, None),
        (StepUp("rick", NOW, ("hwk",)), Proof.SECOND_FACTOR, "`rick` signed in"),
        (StepUp("james", NOW + timedelta(minutes=2), ("hwk",)), Proof.SECOND_FACTOR, "yet to come"),
        (StepUp("james", ASKED_AT - timedelta(seconds=1), ("hwk",)), Proof.SECOND_FACTOR, "before the question"),
        (StepUp("james", NOW, ("pwd",)), Proof.NONE, "with a second factor"),
        (StepUp("james", NOW, ("pwd",)), Proof.SECOND_FACTOR, "with a second factor"),
        (StepUp("james", NOW, ("otp",)), Proof.PHISHING_RESISTANT, "a security key or a passkey"),
    ],
)
def test_which_sign_in_confirms(proof, needs, why):
    """Of the person, fresh, from after the question, and strong enough."""
    found = objection(proof, "james", ASKED_AT, NOW, needs)
    assert found is why or (found is not None and why is not None and why in found)


def test_a_sign_in_grows_stale():
    """Five minutes, to the microsecond."""
    proof = StepUp("james", ASKED_AT, ("otp",))
    assert objection(proof, "james", ASKED_AT, ASKED_AT + FRESH, Proof.SECOND_FACTOR) is None
    too_old = ASKED_AT + FRESH + timedelta(microseconds=1)
    assert "older than 5 min" in (objection(proof, "james", ASKED_AT, too_old, Proof.SECOND_FACTOR) or "")
