"""Which events a case is made of are read whole: bounded whatever happened, and never too few to say what it was."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import MONDAY

from watchbill.alerts.around import ALIKE, CITED, LOOK_AT, MOST, Wanted, cited
from watchbill.alerts.sittings import SITTING, Item, Sitting, Subject, Wrong
from watchbill.detect.model import Finding, Severity, Signal
from watchbill.judge.model import Right
from watchbill.trail.table import milliseconds


def minute(number):
    """Give an instant some minutes after the beginning."""
    return MONDAY + timedelta(minutes=number)


def wrong(number, name="Describe", ip="203.0.113.9", right=Right.OFF_SHIFT, agent="aws-cli/2"):
    """Make something that counts, a second after another."""
    at = MONDAY + timedelta(seconds=number)
    return Wrong(f"w{number}", at, "james", "1", "ec2", name, read_only=True, ip=ip, user_agent=agent, right=right)


def finding(ids, subject="james"):
    """Make a finding of some events."""
    return Finding(Signal.RULE, "found", Severity.LOW, subject, None, tuple(ids), MONDAY, MONDAY, {})


def sitting(*things, subject=None):
    """Make a sitting of what counts."""
    items = [
        Item(each.first, each.last, each.severity, None, each)
        if isinstance(each, Finding)
        else Item(each.at, each.at, Severity.LOW, each, None)
        for each in things
    ]
    return Sitting(subject or Subject("james"), tuple(items))


def batch(rows):
    """Make a batch with the columns to look at; each row is given by what it has."""
    columns = {
        "id": [row.get("id", f"r{number}") for number, row in enumerate(rows)],
        "time_ms": [milliseconds(row.get("at", MONDAY)) for row in rows],
        **{name: [row.get(name) for row in rows] for name in LOOK_AT[2:]},
    }
    kinds = {"id": pa.string(), "time_ms": pa.int64()}
    arrays = [pa.array(columns[name], kinds.get(name, pa.string())) for name in LOOK_AT]
    return pa.RecordBatch.from_arrays(arrays, [*LOOK_AT])


def wanted(sittings, rows, ips=()):
    """Give the ids of the rows that are wanted."""
    found = Wanted(sittings, dict(ips))(batch(rows))
    return [row.get("id", f"r{number}") for number, row in enumerate(rows) if found[number]]


def test_of_a_storm_a_few_of_each_kind_and_the_last_are_read():
    """A night of a script is a hundred thousand calls."""
    found = cited(sitting(*(wrong(n, f"Describe{n % 3}") for n in range(100_000))))
    assert found == {*(f"w{n}" for n in range(3 * ALIKE)), "w99999"}


@pytest.mark.parametrize(
    "other",
    [{"name": "Delete"}, {"ip": "203.0.113.10"}, {"right": Right.FROZEN}, {"agent": "Boto3/1"}],
    ids=lambda each: next(iter(each)),
)
def test_the_first_of_another_kind_is_read(other):
    """However much of the same went before it."""
    found = cited(sitting(*(wrong(n) for n in range(50)), wrong(50, **other), *(wrong(n) for n in range(51, 60))))
    assert "w50" in found
    assert len(found) == ALIKE + 2


def test_a_storm_of_different_calls_is_bounded():
    """Whoever makes up a new name for each call does not fill the memory; how it ended is read all the same."""
    found = cited(sitting(*(wrong(n, f"Made{n}") for n in range(5_000))))
    assert len(found) == MOST + 1
    assert {"w0", "w4999"} <= found


def test_of_a_finding_the_beginning_and_the_end_are_read():
    """One of many thousand failures."""
    ids = [f"f{n}" for n in range(10_000)]
    assert cited(sitting(finding(ids))) == {*ids[:CITED], ids[-1]}
    assert cited(sitting(finding(ids[:3]))) == set(ids[:3])


def test_nothing_counts_nothing():
    """Without sittings no row is wanted, and an empty batch is no error."""
    assert wanted([], [{"person": "james"}]) == []
    assert wanted([sitting(wrong(0))], []) == []


def test_what_is_cited_is_read_wherever_it_lies():
    """Even under another's name, and long after."""
    rows = [{"id": "w0", "person": "rick", "at": minute(9_999)}, {"id": "w1", "person": "rick"}]
    assert wanted([sitting(wrong(0))], rows) == ["w0"]


@pytest.mark.parametrize(
    ("at", "near"),
    [
        (MONDAY - SITTING - timedelta(milliseconds=1), False),
        (MONDAY - SITTING, True),
        (MONDAY, True),
        (MONDAY + SITTING, True),
        (MONDAY + SITTING + timedelta(milliseconds=1), False),
    ],
)
def test_what_the_subject_did_half_an_hour_around_it_is_read(at, near):
    """Both ends are in it; what another did is not."""
    rows = [{"id": "mine", "person": "james", "at": at}, {"id": "theirs", "person": "rick", "at": at}]
    assert wanted([sitting(wrong(0))], rows) == ["mine"] * near


def test_a_principal_is_nobody_else():
    """Where nobody answers to it, its own events are read."""
    subject = Subject(None, principal="deploy-bot")
    rows = [{"id": "bot", "principal": "deploy-bot"}, {"id": "other", "principal": "x"}, {"id": "p", "person": "bot"}]
    assert wanted([sitting(finding(["f"], None), subject=subject)], rows) == ["bot"]


def test_of_a_network_the_addresses_that_were_seen_are_read():
    """Those of what counts, as far as they are in it; others of the same network were not seen to do anything."""
    subject = Subject(None, network="203.0.113.0/24")
    ips = {"f0": "203.0.113.7", "f1": "198.51.100.1", "other": "203.0.113.8"}
    rows = [{"id": ip, "ip": ip} for ip in ("203.0.113.7", "203.0.113.8", "198.51.100.1")]
    assert wanted([sitting(finding(["f0", "f1"], None), subject=subject)], rows, ips) == ["203.0.113.7"]


KINDS = st.fixed_dictionaries(
    {
        "person": st.sampled_from(["james", "rick"]),
        "name": st.sampled_from(["Get", "Put"]),
        "outcome": st.sampled_from(["allowed", "denied"]),
        "access_key": st.sampled_from([None, "AKIA"]),
        "at": st.sampled_from([minute(-61), minute(-20), minute(-1), minute(10), minute(70)]),
    }
)


@given(st.lists(KINDS, max_size=80), st.integers(1, 30))
def test_of_what_is_alike_a_few_an_hour_are_read_however_it_is_cut(rows, size):
    """The first ones in the order in which they come, in one batch or in many."""
    rows = [{**row, "id": f"r{number}"} for number, row in enumerate(rows)]
    near, alike = [], Counter[object]()
    for row in rows:
        kind = tuple(value for key, value in row.items() if key not in ("id", "at"))
        if row["person"] == "james" and minute(-30) <= row["at"] <= minute(30):
            alike[row["at"].hour, kind] += 1
            near += [row["id"]] * (alike[row["at"].hour, kind] <= ALIKE)
    asked = Wanted([sitting(wrong(0))], {})
    masks = [asked(batch(rows[start : start + size])) for start in range(0, len(rows), size)]
    mask = np.concatenate([*masks, np.array([], np.bool_)])
    assert [row["id"] for row, each in zip(rows, mask, strict=True) if each] == near
