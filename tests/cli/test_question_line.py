"""Where a question stands, in a line of `watchbill case`."""

from dataclasses import replace

from watchbill.cli.commands.cases import question_line
from watchbill.service.standing import QuestionView


ASKED = QuestionView("C-1", "james", "was it you?", "t0", "t9", None, None, "asked", None, None, None)


def test_a_question_names_its_time_and_who_may_confirm():
    """The time while it counts, the peer while nobody has confirmed."""
    assert question_line(ASKED) == "question to james: asked, until t9"
    doubtful = replace(ASKED, stand="answered", peer="rick")
    assert question_line(doubtful) == (
        "question to james: answered, until t9; rick may confirm it: watchbill confirm C-1 yes"
    )
    confirmed = replace(doubtful, stand="stepped up", confirmed_by="rick", confirmed_at="t5")
    assert question_line(confirmed) == "question to james: stepped up; confirmed by rick at t5"
    assert question_line(replace(ASKED, stand="silent")) == "question to james: silent"
