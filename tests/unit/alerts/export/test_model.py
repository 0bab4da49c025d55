"""What all documents share: ids of states, addresses, ARNs, and how sure one is."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.alerts.export.samples import AT, JAMES, case, evidence, kept

from watchbill.alerts.export.model import address, arn_of, confidence, counted, facts, said, state, state_id


def test_a_state_has_one_id_and_another_state_another():
    """A receiver that keeps the ids takes each state once."""
    first = kept()
    assert state_id(first) == state_id(kept())
    others = [
        kept(status="asked"),
        kept(note="more"),
        kept(updated=AT + timedelta(hours=1)),
        kept(sentence="another"),
        kept(facts={"place": "usual"}),
        replace(first, case=replace(first.case, evidence=[*first.case.evidence, evidence(9)])),
    ]
    assert len({state_id(each) for each in [first, *others]}) == len(others) + 1


def test_the_order_of_facts_makes_no_other_state():
    """What is kept in a database may come back in another order."""
    turned = dict(reversed(list(case().facts.items())))
    assert state_id(kept(facts=turned)) == state_id(kept())


@given(st.text())
def test_an_id_of_a_state_can_stand_in_a_header(text):
    """Whatever a case is called."""
    made = state_id(kept(id=text, sentence=text))
    assert made.isascii()
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")


def test_what_became_of_it_last():
    """New, changed, or closed."""
    assert state(kept(updated=AT)) == "opened"
    assert state(kept()) == "updated"
    assert state(kept(status="closed")) == "closed"


def test_parts_of_an_arn():
    """The name is without its path; what is no ARN has no parts."""
    found = arn_of("arn:aws-cn:iam::111111111111:user/team/a/james")
    assert found is not None
    assert (found.partition, found.account, found.kind, found.name) == ("aws-cn", "111111111111", "user", "james")
    session = arn_of("arn:aws:sts::111111111111:assumed-role/admin/james")
    assert session is not None
    assert (session.kind, session.name) == ("assumed-role", "james")
    root = arn_of("arn:aws:iam::111111111111:root")
    assert root is not None
    assert (root.kind, root.name) == ("root", "root")
    assert [arn_of(text) for text in (None, "", "james", "arn:aws:iam", "urn:aws:iam::1:user/x")] == [None] * 5


def test_addresses_are_written_shortest():
    """And what is none is not taken for one."""
    assert address("2001:DB8:0:0::1") == "2001:db8::1"
    assert [address(text) for text in (None, "", "rds.amazonaws.com", "1.2.3.4\n", "999.1.1.1")] == [None] * 5


def test_how_sure_one_is():
    """Only what is decided is high; where nothing is weighed nothing is said."""
    assert confidence(case()) == ("high", 98)
    assert confidence(case(leading=None)) == ("medium", 98)
    assert confidence(case(leading=None, hypotheses=[replace(case().hypotheses[0], probability=0.4)])) == ("low", 40)
    assert confidence(case(hypotheses=[], leading=None)) is None


def test_events_that_count():
    """Those with a note; where none has one, all of them."""
    assert [event.event_id for event in counted(case())] == ["e0001", "e0002"]
    assert len(counted(case(evidence=[evidence(1, note=""), evidence(2, note="")]))) == 2


def test_facts_whose_names_become_alike_are_all_there():
    """Nothing is lost by being made inert."""
    assert facts({"a\x01": "1", "a\\u0001": "2"}) == {"a\\u0001": "1", "a\\u0001 (2)": "2"}


def test_a_text_is_never_empty_and_never_too_long():
    """Some formats refuse an empty one."""
    assert said("") == "-"
    assert len(said("x" * 5000, 300)) == 300
    assert said("x" * 5000, 300).endswith("... (5000 characters)")
    assert said(JAMES) == JAMES
