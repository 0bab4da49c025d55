"""What is held of what detectors look at, beside the whole events."""

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import PRODUCTION, team
from tests.trails import after
from tests.unit.alerts.records import AWAY, HOME, failed, hidden, made_key, seen, signed_in

from watchbill.alerts.audit import Held
from watchbill.alerts.noise import seen as said_of
from watchbill.alerts.noticed import Noticed, Noticing
from watchbill.alerts.sittings import SITTING, Item, Sitting, Subject
from watchbill.detect.baseline import learn
from watchbill.detect.model import Finding, Severity, Signal
from watchbill.detect.networks import network_of
from watchbill.detect.signin import sign_in_findings


NOON = after(12)
TRIES = st.lists(
    st.tuples(
        st.sampled_from(["failed", "hidden", "mfa", "bare", "key"]),
        st.sampled_from(["james", "rick"]),
        st.sampled_from([0, 1, 2, 3, 33, 34, 70, 120]),
        st.sampled_from([HOME, AWAY]),
    ),
    max_size=12,
)
"""What was tried, by whom, in which minute, from where."""


def made(tries):
    """Make the events of what was tried, in order of time."""
    records = []
    for n, (what, name, minute, ip) in enumerate(tries):
        at = NOON + timedelta(minutes=minute, seconds=n)
        match what:
            case "failed":
                records.append(failed(name, at, ip))
            case "hidden":
                records.append(hidden(at, ip))
            case "key":
                records.append(made_key(name, at, ip))
            case _:
                records.append(signed_in(name, at, ip, mfa="No" if what == "bare" else "Yes"))
    return seen(records)


def noticed(events):
    """Notice all of some events, a few at a time."""
    noticing = Noticing()
    for batch in Held(events).batches():
        for start in range(0, batch.num_rows, 3):
            some = batch.slice(start, 3)
            noticing.take(some, np.ones(some.num_rows, np.bool_), np.zeros(some.num_rows, np.bool_))
    return noticing.all()


@given(TRIES)
def test_what_is_not_told_of_sign_ins_finds_nothing(tries):
    """Sign-ins by the few columns that are held find what the whole events do."""
    events = made(tries)
    baseline = learn(events, team())
    assert list(sign_in_findings(noticed(events).sign_ins(), baseline)) == list(sign_in_findings(events, baseline))


@given(TRIES)
def test_suppressions_are_told_the_same(tries):
    """And only of the events that they ask about."""
    events = made(tries)
    asked = [each.event.id for each in events[::2]]
    assert noticed(events).seen(asked) == said_of(events[::2])


@given(TRIES)
def test_what_gave_somebody_more_is_whole(tries):
    """Its record says what it gave."""
    events = made(tries)
    assert list(noticed(events).changes) == [each for each in events if each.event.name == "CreateAccessKey"]


@given(TRIES)
def test_the_last_arn_of_a_user_is_told_last(tries):
    """Of every event that has one, in order of time."""
    told = [
        (each.event.at, each.event.id, PRODUCTION, each.event.identity.user_name, each.event.identity.arn)
        for each in made(tries)
        if each.event.identity.type == "IAMUser" and each.event.identity.arn
    ]
    assert list(noticed(made(tries)).arns()) == told


@given(
    TRIES,
    st.sampled_from([Subject("james"), Subject(None, network=network_of(AWAY)), Subject(None, principal="e of 1")]),
    st.lists(st.integers(0, 1), min_size=1, max_size=2, unique=True),
)
def test_what_lies_in_a_sitting_is_read_whole(tries, subject, when):
    """What its subject did around it, what a finding cites, and what a break-glass user did."""
    events = made(tries)
    cited, opened = {each.event.id for each in events[:1]}, {each.event.id: "e of 1" for each in events[1:4]}
    sittings = []
    for hour in when:
        at = NOON + timedelta(hours=2 * hour)
        finding = Finding(Signal.RULE, "found", Severity.LOW, None, None, tuple(cited) or ("no",), at, at, {})
        sittings.append(Sitting(subject, (Item(at, at, Severity.LOW, None, finding),)))

    def of(each):
        yield from (Subject(each.actor.person), Subject(None, network=network_of(each.event.ip)))
        yield Subject(None, principal=opened.get(each.event.id))

    near = {
        each.event.id
        for each in events
        for sitting in sittings
        if subject in of(each) and sitting.first - SITTING <= each.event.at <= sitting.last + SITTING
    }
    assert noticed(events).in_sittings(sittings, opened) == near | cited


def test_nothing_is_noticed_in_nothing():
    """Nor asked of it."""
    nothing = Noticing().all()
    assert nothing == Noticed()
    assert (nothing.sign_ins(), nothing.seen(["e"]), list(nothing.arns()), nothing.in_sittings([], {})) == (
        *([], {}, []),
        set(),
    )
