"""What an instance does besides its passes: presses, deadlines and what is to be told, while it leads."""

import io
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from tests.unit.service.desk import MINUTE, Office, questions

from watchbill.ledger.chain import verify
from watchbill.ledger.model import Kind, State
from watchbill.service import asking
from watchbill.service.clicks import take, told, work_clicks
from watchbill.service.jobs import PRESSES, SLOW, due, outbox, presses, slow_presses
from watchbill.service.lead import Lead
from watchbill.service.logs import lines_of_json
from watchbill.service.serve import Instance


@pytest.fixture
def office(tmp_path):
    """Give an office."""
    made = Office(tmp_path)
    yield made
    made.store.close()


@contextmanager
def serving(office, name="a", lasts=MINUTE):
    """Run an instance over the state of an office."""

    def works(turn):
        return replace(office.as_("watchbill"), store=turn.store, at=turn.at)

    senders = {"slack": office.slack, "notify:ops": office.mail}
    pressed = [presses(works, lambda _: office.desk()), slow_presses(works, lambda _: office.desk())]
    jobs = [*pressed, due(works), outbox(works, lambda team: senders)]
    lead = Lead(office.store, name, office.clock, lasts)
    with Instance(office.store, office.clock, lead, jobs, lines_of_json(io.StringIO(), name, office.clock)) as instance:
        yield instance


def until(what, seconds=20.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_question_goes_out_and_its_answer_is_worked_on(office):
    """By the instance that leads, each once, in the order of things."""
    asking.ask(office.as_("watchbill"), "C-late")
    with serving(office) as instance:
        until(lambda: len(questions(office.slack)) == 1)
        click = office.press("james", "answer:no")
        assert take(office.store, click)
        instance.wake(PRESSES)
        until(lambda: "A lead looks at it now" in told(office.store, click).text)
        assert not take(office.store, click)
        until(lambda: office.store.outbox.waiting_since() is None or office.slack.sent("escalation"))
    assert questions(office.slack) == questions(office.slack)[:1]
    assert office.kinds().count(Kind.QUESTION_ANSWERED) == 1
    assert office.store.cases.get("C-late").status == "escalated"


def test_no_press_waits_for_aws(office):
    """While a freeze is under way others press and are answered; whoever pressed it is told so at once, and then again."""
    for case_id in ("C-late", "C-theirs"):
        asking.ask(office.as_("watchbill"), case_id)
    begun, go_on, freeze = Event(), Event(), office.freeze

    def slow(work, case_id):
        begun.set()
        assert go_on.wait(30)
        return freeze(work, case_id)

    office.freeze = slow
    with serving(office) as instance:
        pressed, answered = office.press("sofia", "freeze"), office.press("james", "answer:yes", "C-theirs")
        assert take(office.store, pressed)
        until(begun.is_set)
        assert "james is being frozen" in told(office.store, pressed).text
        assert take(office.store, answered)
        instance.wake(PRESSES)
        until(lambda: "sign in afresh" in told(office.store, answered).text)
        assert office.frozen == []
        go_on.set()
        until(lambda: "frozen by sofia" in told(office.store, pressed).text)
        assert instance.board.standings()[SLOW].error is None
    assert office.kinds().count(Kind.CLICK_WORKED) == 2


def test_what_was_taken_on_is_done_by_the_next_that_leads(office):
    """Whoever took it on is gone, and had told of it."""
    asking.ask(office.as_("watchbill"), "C-late")
    click = office.press("sofia", "freeze")
    take(office.store, click)
    work_clicks(office.as_("watchbill"), office.desk())
    assert office.frozen == []
    with serving(office, "b"):
        until(lambda: "frozen by sofia" in told(office.store, click).text)
    assert office.frozen == ["C-late"]


def test_silence_is_heard_without_a_pass(office):
    """As soon as a question's time is over."""
    asked = asking.ask(office.as_("watchbill"), "C-late")
    with serving(office, lasts=timedelta(days=30)):
        until(lambda: len(questions(office.slack)) == 1)
        assert office.store.cases.get("C-late").status == "asked"
        office.clock.set(asked.deadline_at)
        until(lambda: office.store.cases.get("C-late").status == "escalated")
    assert office.kinds().count(Kind.QUESTION_ESCALATED) == 1


def test_two_instances_tell_each_thing_once(office):
    """The one that stands by goes on when the first ends in the middle."""
    for case_id in ("C-late", "C-theirs", "C-away"):
        asking.ask(office.as_("watchbill"), case_id)
    with serving(office, "b"):
        until(lambda: office.store.leases.holder("leader", office.clock.now()) == "b")
        clicks = [office.press("james", "answer:no"), office.press("rick", "answer:yes", "C-theirs")]
        with serving(office, "a"):
            assert [take(office.store, click) for click in clicks] == [True, True]
            until(lambda: len(questions(office.slack)) == 3)
    with serving(office, "a"):
        until(lambda: not office.store.clicks.waiting())
    assert len(questions(office.slack)) == len(set(questions(office.slack))) == 3
    assert office.kinds().count(Kind.CLICK_WORKED) + office.kinds().count(Kind.CLICK_REFUSED) == 2
    assert verify(office.store.ledger.entries()).state is State.INTACT
