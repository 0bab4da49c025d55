"""How a notice looks in Slack: within its limits, and never more than text."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile import HOSTILE, hidden
from tests.workspace import notice

from watchbill.errors import RefusedError
from watchbill.respond.notices import LEADS, Button, NoticeKind
from watchbill.sim.slack.model import checked, texts
from watchbill.slack.blocks import dialogue, draw, fitted, read_value, said, value_of


ESCALATION = notice(
    NoticeKind.ESCALATION,
    LEADS,
    title="rick did not answer",
    buttons=(
        Button("freeze", "Freeze rick", "danger", ("iam:PutUserPolicy(rick)", "iam:UpdateAccessKey(AKIA1)")),
        Button("verdict:mistake", "It was a mistake"),
        Button("open", "Open the case", url="https://watch.example.com/case/C-1"),
    ),
)


def plain_objects(found):
    """Give every text object of blocks."""
    if isinstance(found, dict):
        if "text" in found and found.get("type") in ("plain_text", "mrkdwn"):
            yield found
        for value in found.values():
            yield from plain_objects(value)
    elif isinstance(found, list):
        for each in found:
            yield from plain_objects(each)


def test_a_question_has_a_title_facts_and_answers():
    """In that order, with the key in the metadata, which people do not see."""
    drawn = draw(notice())
    assert [block["type"] for block in drawn.blocks] == ["header", "section", "context", "actions"]
    assert list(texts(drawn.blocks)) == [
        "Was that you?",
        "Since 11:00 UTC, from 203.0.113.7",
        "We never ask for passwords.",
        "Yes, that was me",
        "No, not me",
        "Tell us more",
    ]
    assert [b["value"] for b in drawn.blocks[-1]["elements"]] == ["C-1|answer:yes", "C-1|answer:no", "C-1|answer:more"]
    assert [b.get("style") for b in drawn.blocks[-1]["elements"]] == [None, "danger", None]
    assert drawn.metadata == {"event_type": "watchbill", "event_payload": {"key": "C-1:question:rick"}}
    assert drawn.text == "Was that you?"


def test_what_was_answered_has_no_buttons():
    """It is plain text then."""
    drawn = draw(notice(NoticeKind.ANSWERED))
    assert "actions" not in {block["type"] for block in drawn.blocks}


def test_leads_see_what_a_press_will_do_before_it_counts():
    """And a link is told from a press."""
    freeze, _, opened = draw(ESCALATION).blocks[-1]["elements"]
    assert freeze["confirm"]["text"]["text"] == "iam:PutUserPolicy(rick)\niam:UpdateAccessKey(AKIA1)"
    assert freeze["style"] == "danger"
    assert freeze["action_id"] == "watchbill.press:freeze"
    assert (opened["action_id"], opened["url"]) == ("watchbill.link:open", "https://watch.example.com/case/C-1")


def test_what_should_lead_somewhere_and_does_not_is_left_out():
    """Nobody presses what does nothing."""
    for asked, action in ((notice(), "confirm"), (ESCALATION, "open")):
        drawn = draw(replace(asked, buttons=(Button(action, "Somewhere"),)))
        assert drawn.blocks == draw(replace(asked, buttons=())).blocks


def test_of_many_calls_it_is_said_how_many_are_not_shown():
    """Slack has room for three hundred characters."""
    for number in (1, 3, 7, 12, 200):
        lines = tuple(f"iam:UpdateAccessKey(AKIA{n:016}) <&>" for n in range(number))
        drawn = draw(replace(ESCALATION, buttons=(replace(ESCALATION.buttons[0], confirm=lines),)))
        shown = drawn.blocks[-1]["elements"][0]["confirm"]["text"]["text"]
        assert len(shown) <= 300
        left = re.search(r"\.\.\. and (\d+) more$", shown)
        assert shown.count("AKIA") + (int(left[1]) if left else 0) == number


@pytest.mark.parametrize(
    "action", ["freeze", "verdict:mistake", "request:approve", "snooze:30", "answers", "confirmed"]
)
@pytest.mark.parametrize("kind", [NoticeKind.QUESTION, NoticeKind.ANSWERED])
def test_the_person_of_a_case_can_only_answer(kind, action):
    """Whatever somebody puts into a question by mistake."""
    with pytest.raises(RefusedError, match="would have the button"):
        draw(notice(kind, buttons=(Button("answer:yes", "Yes"), Button(action, "x"))))
    draw(notice(NoticeKind.ESCALATION, LEADS, buttons=(Button(action, "x"),)))


@pytest.mark.parametrize("url", ["http://watch.example.com/", "javascript:alert(1)", "//x", "", "https:" + "a" * 3000])
def test_a_button_leads_nowhere_without_https(url):
    """But for this machine itself."""
    with pytest.raises(RefusedError, match="without https"):
        draw(notice(buttons=(Button("confirm", "Confirm", url=url),)))
    draw(notice(buttons=(Button("confirm", "Confirm", url="http://127.0.0.1:8484/confirm/C-1"),)))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_strings_are_text(text):
    """In every place: nothing is mrkdwn or emoji, nothing is hidden, no limit is broken, and nothing calls anybody."""
    hostile = notice(
        NoticeKind.ESCALATION,
        LEADS,
        case="C-1",
        title=text,
        lines=(text,) * 100,
        context=(text,) * 100,
        buttons=tuple(Button(f"verdict:{n}", text, "", (text,) * 20) for n in range(3)),
    )
    drawn = draw(hostile)
    checked({"text": drawn.text, "blocks": drawn.blocks, "metadata": drawn.metadata})
    objects = list(plain_objects(drawn.blocks))
    assert len(objects) > 10
    assert {(each["type"], each["emoji"]) for each in objects} == {("plain_text", False)}
    shown_text, shown_blocks = said(text)
    for shown in (drawn.text, shown_text, *texts(drawn.blocks), *texts([b.to_dict() for b in shown_blocks])):
        assert not hidden(shown)
        assert not {"<", ">"} & set(shown)
        assert "://" not in shown
        assert re.fullmatch(r"(?:[^&]|&amp;|&lt;|&gt;)*", shown)


@given(st.text(max_size=400), st.integers(30, 300))
def test_a_text_fits_escapes_and_all(text, most):
    """No escape is cut in two."""
    shown = fitted(text, most)
    assert len(shown) <= most
    assert re.fullmatch(r"(?:[^&]|&amp;|&lt;|&gt;)*", shown)


@given(st.none() | st.from_regex(r"C-[0-9a-f]{6}", fullmatch=True), st.sampled_from(["answer:yes", "snooze:30", "a|b"]))
def test_what_a_button_carries_is_read_back(case, action):
    """Its case and its action."""
    assert read_value(value_of(case, action)) == (case, action)


def test_the_dialogue_takes_text_alone():
    """Of a length that is kept."""
    view = dialogue("C-1", "answer:more", "about")
    assert (view["callback_id"], view["private_metadata"]) == ("watchbill.write", "about")
    (given_in,) = view["blocks"]
    assert given_in["element"]["max_length"] == 3000


def test_a_verdict_is_asked_its_reason():
    """Of the case, and of what is concluded."""
    view = dialogue("C-1", "verdict:false-alarm", "about")
    (given_in,) = view["blocks"]
    assert given_in["label"]["text"] == "Why is C-1 to be closed as false alarm?"
    assert view["submit"]["text"] == "Close the case"
