"""What the store keeps of requests, on SQLite and in a real Postgres."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from watchbill.store.rows import Asked, RequestRow


AT = datetime(2026, 1, 12, 3, 0, 0, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROW = RequestRow("R-1", "access", "james", AT, AT + MINUTE, '{"reason": "\\u2603"}')


def test_a_request_is_there_once(place):
    """The same again is not written, and they come in order of time."""
    other = replace(ROW, id="R-0", at=AT + MINUTE, person="rick")
    with place.open() as store:
        assert store.requests.add(other)
        assert store.requests.add(ROW)
        assert not store.requests.add(replace(ROW, person="ada"))
    with place.open() as store:
        assert store.requests.all() == [ROW, other]
        assert store.requests.get("R-1") == ROW
        assert store.requests.get("R-2") is None


def test_a_request_turns_only_from_where_it_was_read(place):
    """By its state, and by whether it is in effect, late or ended."""
    approved = replace(ROW, state=Asked.APPROVED, decided_at=AT, decided_by="sofia")
    effective = replace(approved, effective_at=AT + MINUTE)
    with place.open() as store:
        store.requests.add(ROW)
        assert store.requests.turn(ROW, approved)
        assert not store.requests.turn(ROW, replace(ROW, state=Asked.REFUSED))
        assert store.requests.turn(approved, effective)
        assert not store.requests.turn(approved, replace(approved, late_at=AT))
        assert not store.requests.turn(approved, replace(approved, ended_at=AT, ended_by="james"))
        ended = replace(effective, ended_at=AT + MINUTE, ended_by="james")
        assert store.requests.turn(effective, ended)
        assert store.requests.all(Asked.APPROVED) == [ended]
        assert store.requests.all(Asked.WAITING) == []
