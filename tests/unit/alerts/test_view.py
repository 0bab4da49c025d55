"""A case as plain facts, and what an answer makes of it."""

from dataclasses import fields
from datetime import timedelta

import msgspec
import pytest
from tests.trails import after, record, user
from tests.unit.alerts.records import AWAY, FIREFOX, HOME, audited, failed, made_key, signed_in, the_case, usual

from watchbill.alerts.model import Case
from watchbill.alerts.plain import reassessed, view
from watchbill.alerts.view import CaseView


MINUTE = timedelta(minutes=1)
NIGHT = after(27)


def late():
    """Give the case of James's change after his shift, with what made it possible."""
    given = {"userName": "james", "policyArn": "arn:aws:iam::aws:policy/PowerUserAccess"}
    opened = record("iam:AttachUserPolicy", user("rick"), after(12), event_id="opened", requestParameters=given)
    change = record(
        "rds:RebootDBInstance", user("james"), NIGHT, event_id="change", sourceIPAddress=HOME, userAgent=FIREFOX
    )
    around = record("ec2:DescribeInstances", user("james"), NIGHT + MINUTE, event_id="around", userAgent=FIREFOX)
    return the_case_of("james", *usual("james", NIGHT), opened, change, around)


def the_case_of(person, *records):
    """Give the case of one person out of a trail's."""
    (found,) = [case for case in audited(*records).cases if case.person == person]
    return found


def test_a_case_is_told_in_plain_facts():
    """Everything a reader decides by is in it, as text, numbers and lists."""
    case = late()
    made = view(case)
    assert (made.id, made.person, made.subject, made.kind, made.severity) == (
        case.id,
        "james",
        "james",
        "action",
        "high",
    )
    assert (made.first, made.last) == ("2026-01-13T03:00:00Z", "2026-01-13T03:00:00Z")
    assert made.shift is not None
    assert (made.shift.watch, made.shift.rota, made.shift.minutes_away, made.shift.on_call) == (
        "ended",
        "platform",
        60,
        ["priya"],
    )
    assert (made.shift.start, made.shift.end) == ("2026-01-12T18:00:00Z", "2026-01-13T02:00:00Z")
    (opening,) = made.openings
    assert (opening.event_id, opening.by, opening.at) == ("opened", "rick", "2026-01-12T12:00:00Z")
    assert [event.event_id for event in made.evidence] == ["change", "around"]
    assert made.counted == ["change"]
    assert [action.kind for action in made.actions] == ["ask", "freeze", "close opening"]
    assert made.account == "arn:aws:iam::111111111111:user/james"
    assert sum(each.probability for each in made.hypotheses) == pytest.approx(1, abs=0.002)
    assert made.hypotheses[0].story == "control gap"
    assert (made.leading, made.why, made.question) == (None, case.assessment.why, case.assessment.question)


def test_the_view_has_a_field_for_all_that_a_case_has():
    """What is added to a case and forgotten here would be lost to every reader."""
    told = {field.name for field in fields(CaseView)}
    lost = {field.name for field in fields(Case)} - told
    assert lost == {"state", "assessment"}
    assert told >= {"shift", "leading", "why", "question", "questions", "hypotheses", "further", "weights_version"}


def test_a_view_survives_being_written_down():
    """What the store keeps is what was raised."""
    made = view(late())
    assert msgspec.json.decode(msgspec.json.encode(made), type=CaseView) == made


@pytest.mark.parametrize(
    ("answer", "leading", "question"),
    [
        ("yes", "control gap", "approval"),
        ("no", "control gap", "rhythm"),
    ],
)
def test_an_answer_is_weighed(answer, leading, question):
    """The stories are weighed anew with it, and nothing else of the case changes."""
    before = view(late())
    after_it = reassessed(before, {"answer": answer})
    assert (after_it.hypotheses[0].story, after_it.questions[0].family) == (leading, question)
    assert after_it.facts == {**before.facts, "answer": answer}
    assert {f.name for f in fields(CaseView) if getattr(before, f.name) != getattr(after_it, f.name)} <= {
        "facts",
        "leading",
        "why",
        "question",
        "hypotheses",
        "questions",
    }
    assert "answer" not in before.facts


def test_weighing_the_same_facts_changes_nothing():
    """What is kept and what is audited again agree."""
    for case in (late(), the_case(*(failed("rick", NIGHT + n * MINUTE) for n in range(3)))):
        assert reassessed(view(case), {}) == view(case)


@pytest.mark.parametrize(
    ("answer", "leading"), [("yes", "hijack"), ("yes with second factor", None), ("no", "hijack"), (None, "hijack")]
)
def test_a_yes_from_a_strangers_hands_settles_nothing(answer, leading):
    """Whoever has the account can say yes on chat; with a second factor the hijack is no longer decided, nor anything else."""
    stolen = [signed_in("james", after(60), AWAY, mfa="No"), made_key("james", after(60) + MINUTE, AWAY)]
    made = reassessed(view(the_case(*usual("james", after(60)), *stolen)), {"answer": answer} if answer else {})
    assert made.leading == leading


def test_the_subject_is_whom_it_is_about():
    """A person, else what AWS saw, else a network."""
    spray = the_case(*(failed(name, NIGHT + n * MINUTE, AWAY) for n, name in enumerate(("ada", "rick", "lee"))))
    assert view(spray).subject == "203.0.113.0/24"
    assert view(the_case(made_key("deploy-bot", NIGHT))).subject == "arn:aws:iam::111111111111:user/deploy-bot"
