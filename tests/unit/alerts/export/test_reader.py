"""The insider story is for named people."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.alerts.export.samples import case, kept

from watchbill.alerts.assess import assess
from watchbill.alerts.export.flat import flat
from watchbill.alerts.export.model import STATUSES
from watchbill.alerts.export.reader import HIDDEN_NOTE, kept_for, readable
from watchbill.alerts.stories import Further, Story
from watchbill.alerts.view import AddendView, FurtherView, HypothesisView


BULK = {
    "place": "usual",
    "device": "usual",
    "time": "off",
    "breadth": "bulk",
    "action": "secrets",
    "outcome": "success",
}


def weighed(facts=None, more=()):
    """Make a case whose stories are really weighed."""
    facts = BULK if facts is None else facts
    found = assess("action", facts, "james", more)
    stories = [
        HypothesisView(
            str(each.story),
            round(each.probability, 3),
            each.decibans,
            [AddendView(addend.family, addend.fact, addend.decibans) for addend in each.addends],
        )
        for each in found.hypotheses
    ]
    leading = str(found.leading) if found.leading else None
    further = [FurtherView(f.family, f.said_by, {str(s): n for s, n in f.decibans.items()}) for f in more]
    return case(
        facts=facts, hypotheses=stories, leading=leading, why=found.why, question=found.question, further=further
    )


def test_who_may_see_it_sees_all():
    """Nothing is changed for them."""
    assert readable(weighed(), may_see_insider=True) == weighed()


def test_nothing_of_it_is_shown_to_others():
    """Neither as a story, nor as what leads, nor in the words; the others make one among themselves."""
    assert "insider" in repr(weighed())
    shown = readable(weighed())
    assert "insider" not in repr(shown)
    assert sum(story.probability for story in shown.hypotheses) == pytest.approx(1, abs=0.01)


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-9, 9))
def test_its_weight_cannot_be_told(one, other, hijack):
    """Two cases that differ in it alone look alike, in every document."""
    first, second = (
        weighed(more=[Further("habit", "a rule", {Story.INSIDER: value, Story.HIJACK: hijack})])
        for value in (one, other)
    )
    assert readable(first) == readable(second)
    assert flat(kept_for(replace(kept(), case=first))) == flat(kept_for(replace(kept(), case=second)))


def test_what_rules_added_to_the_others_still_counts():
    """It is among the addends that a case has kept."""
    more = [Further("habit", "a rule", {Story.HIJACK: 9})]
    found = {each.story: each.decibans for each in weighed(more=more).hypotheses}
    shown = {each.story: each.decibans for each in readable(weighed(more=more)).hypotheses}
    assert found.pop("insider") is not None
    assert shown == found


def test_a_case_without_the_story_is_as_it_was():
    """A sign-in has no insider, and a gap no story at all."""
    for each in (case(hypotheses=[], leading=None), case(hypotheses=[case().hypotheses[0]])):
        assert readable(each) == each


@pytest.mark.parametrize("verdict", ["insider: he said so", "mistake: he said so"])
@pytest.mark.parametrize("status", STATUSES)
def test_a_conclusion_is_not_told(status, verdict):
    """If it were kept back for one verdict alone, that would tell it."""
    shown = kept_for(kept(status=status, note=verdict))
    assert shown.note == (HIDDEN_NOTE if status == "closed" else verdict)
    again = kept_for(kept(status="open", note=f"2 more events since it was closed ({verdict})"))
    assert again.note == HIDDEN_NOTE
    assert kept_for(kept(status=status, note=verdict), may_see_insider=True).note == verdict
