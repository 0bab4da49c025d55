"""The hash chain: whatever is done to it shows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from watchbill.ledger.chain import append, verify
from watchbill.ledger.model import Entry, Head, State


AT = datetime(2026, 1, 12, tzinfo=UTC)


def chain(length):
    """Make a chain."""
    found: list[Entry] = []
    for number in range(length):
        facts = {"n": number, "text": "\u202e\ud800 <b>"} if number % 2 else {"n": number}
        last = found[-1] if found else None
        at = AT + timedelta(minutes=number)
        found.append(append(last, at=at, kind="access:plan:applied", actor="ana", subject=f"p{number}", facts=facts))
    return found


def test_a_chain_verifies():
    """An untouched chain is intact and tells its head."""
    entries = chain(5)
    found = verify(entries)
    assert (found.state, found.entries, found.head) == (State.INTACT, 5, Head(5, entries[-1].digest))


def test_an_empty_chain_is_no_success():
    """Nothing to verify is a result of its own."""
    assert verify([]).state is State.EMPTY


@given(st.integers(1, 6), st.data())
def test_tampering_shows(length, data):
    """Any field changed, any entry dropped from the middle, swapped or inserted breaks the chain."""
    entries = chain(length)
    at = data.draw(st.integers(0, length - 1))
    change = data.draw(
        st.sampled_from(
            ["at", "kind", "actor", "subject", "facts", "previous", "digest", "number", "swap", "insert", "drop"]
        )
    )
    other = {"at": AT + timedelta(days=1), "facts": {"n": -1}, "number": 77, "previous": "f" * 64, "digest": "f" * 64}
    if change == "swap":
        if length == 1:
            return
        at = max(at, 1)
        entries[at - 1], entries[at] = entries[at], entries[at - 1]
    elif change == "insert":
        entries.insert(at, entries[at])
    elif change == "drop":
        if at == length - 1:
            return
        del entries[at]
    else:
        entries[at] = replace(entries[at], **{change: other.get(change, "x")})
    assert verify(entries).state is State.BROKEN


@given(st.integers(2, 6), st.integers(1, 5))
def test_a_cut_off_end_shows_against_a_head(length, cut):
    """The chain alone cannot show that its end is gone; the head seen before can."""
    entries = chain(length)
    head = verify(entries).head
    kept = entries[: max(0, length - cut)]
    assert verify(kept, head).state is State.BROKEN
    assert verify(entries, head).state is State.INTACT


def test_a_rewritten_chain_shows_against_a_head():
    """Whoever rewrites all of it makes a chain that verifies, but not one that holds the head."""
    head = verify(chain(3)).head
    first = append(None, at=AT, kind="x", actor="eve", subject="s", facts={})
    second = append(first, at=AT, kind="x", actor="eve", subject="s", facts={})
    third = append(second, at=AT, kind="x", actor="eve", subject="s", facts={})
    assert verify([first, second, third]).state is State.INTACT
    assert verify([first, second, third], head).state is State.BROKEN
