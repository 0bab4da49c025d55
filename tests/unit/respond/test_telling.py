"""What is told to whom about a case."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.alerts.records import AWAY, failed, the_case
from tests.unit.respond.test_ask import MINUTE, NIGHT, forgot, hijack, late

from watchbill.alerts.plain import view
from watchbill.alerts.stories import Story
from watchbill.alerts.view import HypothesisView
from watchbill.respond.notices import LEADS, NoticeKind
from watchbill.respond.telling import TITLE_MOST, VERDICTS, Standing, calls_unseen, leads_notice


@pytest.mark.parametrize("case", [late(), hijack(), forgot()])
def test_leads_are_told_the_stories_without_the_insider(case):
    """It is weighed anew without it, as any other reader sees it; no button concludes it."""
    assert any(each.story == Story.INSIDER for each in case.hypotheses) or case.kind == "sign-in"
    notice = leads_notice(Standing(case, "escalated", "why"), 0, None)
    assert "insider" not in str(notice)
    assert Story.INSIDER not in VERDICTS
    assert notice.lines[:2] == ("why", case.sentence)
    assert any(line.endswith(f"next: {case.question}") or "next: " in line for line in notice.lines)


def test_a_freeze_is_a_button_only_where_it_is_offered():
    """With how to see the calls, until they are shown."""
    actions = [each.action for each in leads_notice(Standing(hijack(), "escalated", "w"), 0, None).buttons]
    assert "freeze" not in actions
    offered = leads_notice(Standing(hijack(), "escalated", "w", freeze=True), 0, None)
    (freeze,) = [each for each in offered.buttons if each.action == "freeze"]
    assert (freeze.style, freeze.confirm) == ("danger", calls_unseen(hijack().id))


def test_of_somebody_who_is_frozen_a_restore_is_offered():
    """And of verdicts the one alone that leaves them so."""
    actions = [each.action for each in leads_notice(Standing(hijack(), "frozen", "w"), 1, "before").buttons]
    assert actions == ["open", "restore", "verdict:hijack", "snooze:30"]


def test_what_takes_the_place_of_a_message_has_another_key():
    """The same fact never makes two; a later one is another fact."""
    first = leads_notice(Standing(late(), "escalated", "w"), 0, None)
    then = leads_notice(Standing(late(), "closed", "w"), 1, first.key)
    assert (first.key, first.kind, first.to) == (f"{late().id}:escalation:leads", NoticeKind.ESCALATION, LEADS)
    assert (then.key, then.kind, then.replaces) == (f"{late().id}:update:leads:1", NoticeKind.UPDATE, first.key)
    assert then.buttons == ()


def test_a_case_of_nobody_is_told_too():
    """A network has no person."""
    spray = view(the_case(*(failed(name, NIGHT + n * MINUTE, AWAY) for n, name in enumerate(("ada", "rick", "lee")))))
    notice = leads_notice(Standing(spray, "open", "w"), 0, None)
    assert f"Who: {spray.network}" in str(notice)


@given(st.text(max_size=400))
def test_a_title_fits(sentence):
    """Whatever somebody wrote into a record."""
    notice = leads_notice(Standing(replace(late(), sentence=sentence), "escalated", "w"), 0, None)
    assert len(notice.title) <= TITLE_MOST


def test_a_story_of_an_older_watchbill_makes_no_button():
    """What was kept under words that are used no more is told, and concludes nothing."""
    old = HypothesisView("a story of old", 0.9, 9, [])
    case = replace(late(), hypotheses=[old])
    notice = leads_notice(Standing(case, "escalated", "w"), 0, None)
    assert [each.action for each in notice.buttons if each.action.startswith("verdict:")] == ["verdict:false-alarm"]
