"""Events are made in a quick way: they are what the plain way makes, with the ids that are promised."""

import hashlib
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.trail.hosts.events import EventMaker
from watchbill.trail.hosts.model import CATEGORY, IDENTITY, HostAction, Said
from watchbill.trail.model import Event, Identity, Outcome, Place


AT = datetime(2026, 4, 21, 12, 0, tzinfo=UTC)
SAID = Said("sshd", HostAction.LOGIN_FAILED, "ada", {}, "192.0.2.1", Outcome.FAILED, "why")


def plain(event_id, index, record, *, login=None, user="ada"):
    """Make the event field by field."""
    identity = Identity(
        type=IDENTITY, arn=None, principal_id=login, account=None, user_name=user, access_key=None, session_name=None,
        issuer_arn=None, source_identity=None, mfa=None, session_began=None, invoked_by=None, identity_center_user=None,
    )  # fmt: skip
    return Event(
        id=event_id, at=AT, source="sshd", name=HostAction.LOGIN_FAILED, region="", account="", identity=identity,
        ip="192.0.2.1", user_agent=None, outcome=Outcome.FAILED, error_code=None, error_message="why", read_only=None,
        type=CATEGORY, record=record, place=Place("f", index), host="web1",
    )  # fmt: skip


def test_an_event_is_what_the_plain_way_makes():
    """Equal, of the same type, as frozen, with the same hash of its place, and it survives a process."""
    made = EventMaker("f").make("web1", AT, "stamp", "text", SAID, {"auid": "7"}, 3)
    wanted = plain(hashlib.sha256(b"web1\0stamp\0text\0").hexdigest()[:40], 3, {"auid": "7"}, login="7")
    assert (made, type(made), type(made.place), hash(made.place)) == (wanted, Event, Place, hash(wanted.place))
    assert pickle.loads(pickle.dumps(made)) == made
    for each, name in ((made, "id"), (made.place, "file")):
        with pytest.raises(AttributeError):
            setattr(each, name, "x")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4)), max_size=6))
def test_a_repetition_makes_what_so_many_lines_make(steps):
    """The n-th equal one has the same id, whether it came by itself or in a repetition; each has its own record."""
    together, single = EventMaker("f"), EventMaker("f")
    record = {"a": "b"}
    for text, times in steps:
        made = together.repeat(times, "web1", AT, "stamp", text, SAID, record, 0)
        assert made == [single.make("web1", AT, "stamp", text, SAID, {"a": "b"}, 0) for _ in range(times)]
        assert len({id(event.record) for event in made} | {id(record)}) == times + 1


def test_the_number_of_an_equal_one_is_in_its_id():
    """`host, time, text` of the first, and how many came before of the others: as the next version must make it too."""
    maker = EventMaker("f")
    ids = [maker.make("web1", AT, "stamp", "text", SAID, {}, 0).id for _ in range(11)]
    base = "web1\0stamp\0text\0"
    counts = ["", *(str(count) for count in range(1, 11))]
    assert ids == [hashlib.sha256(f"{base}{count}".encode()).hexdigest()[:40] for count in counts]
