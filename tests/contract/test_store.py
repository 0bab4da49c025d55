"""The store on a real SQLite file."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from watchbill.errors import ProviderError
from watchbill.ledger.chain import verify
from watchbill.ledger.model import State
from watchbill.store.database import open_store
from watchbill.store.rows import CaseRow, CopyRow, CopyState, FreezeRow, QuestionRow, StepRow, TryRow
from watchbill.store.tables import METADATA


AT = datetime(2026, 1, 12, 3, 0, 0, 5, tzinfo=UTC)

FIRST = {"ledger", "revisions", "cases", "questions", "freezes", "steps"}
"""The tables of the first watchbill."""


def case(status="open"):
    """Make a case."""
    return CaseRow("C-1", AT, AT, status, "high", "james", "", "{}")


def test_what_is_written_is_there_when_it_is_opened_again(tmp_path):
    """Every part gives back what it took, instants to the microsecond and in UTC."""
    question = QuestionRow("C-1", "james", "was it you?", AT, AT + timedelta(minutes=10))
    freeze = FreezeRow("F-1", "james", AT, None, "C-1", "{}")
    step = StepRow("F-1", 0, AT, "iam:PutUserPolicy", "done", None)
    with open_store(tmp_path) as store:
        store.cases.put(case())
        store.cases.put(case("asked"))
        assert store.questions.ask(question)
        store.freezes.add(freeze)
        store.journal.write(step)
        assert store.revisions.add("d1", AT, "team: x", "ana")
    with open_store(tmp_path) as store:
        assert store.cases.all() == [case("asked")]
        assert store.questions.all() == [question]
        assert store.freezes.active(AT) == [freeze]
        assert store.journal.of("F-1") == [step]
        assert not store.revisions.add("d1", AT, "team: x", "ana")
        assert store.revisions.at(AT - timedelta(seconds=1)) is None


def copy(fetched_at=AT, content=b"BEGIN"):
    """Make a copy of a feed that waits."""
    return CopyRow("platform/nights", fetched_at, "ab12", "ics", '"1"', None, "d1", content)


def test_copies_that_were_in_force_are_kept(tmp_path):
    """One waits and one is in force at most; what was in force is there with its bytes and time, what was not is not."""
    with open_store(tmp_path) as store:
        for day in range(3):
            made = store.feeds.add(copy(AT + timedelta(days=day), bytes([day])))
            store.feeds.take(made, AT + timedelta(days=day, hours=1))
        store.feeds.add(copy(content=b"waits"))
        last = store.feeds.add(copy(content=b"waits now"))
    with open_store(tmp_path) as store:
        in_force = store.feeds.standing("platform/nights", CopyState.IN_FORCE)
        assert in_force is not None
        assert (in_force.content, in_force.fetched_at, in_force.since) == (
            b"\2",
            AT + timedelta(days=2),
            AT + timedelta(days=2, hours=1),
        )
        assert last.content == b"waits now"
        assert store.feeds.standing("platform/nights", CopyState.WAITING) == last
        assert store.feeds.standing("platform/days", CopyState.IN_FORCE) is None
        store.feeds.withdraw("platform/nights")
        assert store.feeds.standing("platform/nights", CopyState.WAITING) is None
    connection = sqlite3.connect(tmp_path / "state.db")
    assert [row[0] for row in connection.execute("SELECT content FROM feed_copies ORDER BY number")] == [
        *(b"\0", b"\1", b"\2", b"", b""),
    ]
    connection.close()


@pytest.mark.parametrize(
    ("since", "at", "found"),
    [
        (0, 9, [0, 1, 2]),
        (0, 1, [0, 1]),
        (0, 0, [0]),
        (1, 9, [1, 2]),
        (1.5, 9, [1, 2]),
        (2, 9, [2]),
        (5, 9, [2]),
        (-5, -1, []),
        (-5, 0.5, [0]),
    ],
)
def test_what_was_in_force_when_is_known(tmp_path, since, at, found):
    """Every copy that was in force at some instant of a span, and no other; of this feed alone."""
    with open_store(tmp_path) as store:
        for day in range(3):
            for feed in ("platform/nights", "platform/days"):
                made = store.feeds.add(replace(copy(content=bytes([day])), feed=feed))
                store.feeds.take(made, AT + timedelta(days=day))
        store.feeds.add(copy())
        span = AT + timedelta(days=since), AT + timedelta(days=at)
        assert [each.content[0] for each in store.feeds.in_force("platform/nights", *span)] == found


def test_the_last_try_of_a_feed_is_kept(tmp_path):
    """Over the one before; each feed has its own."""
    with open_store(tmp_path) as store:
        assert store.feeds.last_try("platform/nights") is None
        store.feeds.tried(TryRow("platform/days", AT, None, None))
        for error, since in (("answered 500", AT), (None, None)):
            found = TryRow("platform/nights", AT, error, since)
            store.feeds.tried(found)
            assert store.feeds.last_try("platform/nights") == found
        assert store.feeds.last_try("platform/days") == TryRow("platform/days", AT, None, None)


def test_an_older_state_is_brought_up_to_date(tmp_path):
    """A database of the first watchbill gets the new tables, and keeps what it has."""
    with open_store(tmp_path) as store:
        store.cases.put(case())
    connection = sqlite3.connect(tmp_path / "state.db")
    for table in set(METADATA.tables) - FIRST:
        connection.execute(f"DROP TABLE {table}")
    connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.commit()
    connection.close()
    with open_store(tmp_path) as store:
        assert store.cases.all() == [case()]
        assert store.feeds.last_try("platform/nights") is None


def test_the_first_answer_stands(tmp_path):
    """A second answer, or a second question, changes nothing and says so."""
    question = QuestionRow("C-1", "james", "was it you?", AT, AT)
    with open_store(tmp_path) as store:
        assert store.questions.ask(question)
        assert not store.questions.ask(question)
        assert store.questions.answer("C-1", "no", AT, "james")
        assert not store.questions.answer("C-1", "yes", AT, "eve")
        found = store.questions.of("C-1")
    assert found is not None
    assert (found.answer, found.answered_by) == ("no", "james")


def test_the_ledger_refuses_change_and_removal(tmp_path):
    """Not even somebody with the file open can change an entry by SQL without dropping the guard."""
    with open_store(tmp_path) as store:
        store.ledger.record(at=AT, kind="x", actor="ana", subject="s", facts={})
    connection = sqlite3.connect(tmp_path / "state.db")
    for statement in ("UPDATE ledger SET actor = 'eve'", "DELETE FROM ledger"):
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            connection.execute(statement)
    connection.execute("DROP TRIGGER ledger_no_update")
    connection.execute("UPDATE ledger SET actor = 'eve'")
    connection.commit()
    connection.close()
    with open_store(tmp_path) as store:
        assert verify(store.ledger.entries()).state is State.BROKEN


def test_a_transaction_is_all_or_nothing(tmp_path):
    """An error in the middle leaves neither the case nor its entry."""

    def half_done(store):
        with store.transaction():
            store.cases.put(case())
            store.ledger.record(at=AT, kind="x", actor="ana", subject="s", facts={})
            raise RuntimeError

    with open_store(tmp_path) as store:
        with pytest.raises(RuntimeError):
            half_done(store)
        assert store.cases.all() == []
        assert verify(store.ledger.entries()).state is State.EMPTY


def test_processes_append_one_chain(tmp_path):
    """Four processes append at once: one unbroken chain with every entry in it."""
    with open_store(tmp_path):
        pass
    program = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC;"
        "from watchbill.store.database import open_store\n"
        "with open_store(Path(sys.argv[1])) as store:\n"
        "    for n in range(15):\n"
        "        store.ledger.record(at=datetime(2026, 1, 1, tzinfo=UTC), kind='x', actor=sys.argv[2], subject='s', facts={'n': n})\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name]) for name in "abcd"]
    assert [process.wait(60) for process in running] == [0, 0, 0, 0]
    with open_store(tmp_path) as store:
        found = verify(store.ledger.entries())
    assert (found.state, found.entries) == (State.INTACT, 60)


def test_migrations_make_the_tables(tmp_path):
    """What the migrations make is what `tables.py` declares."""
    with open_store(tmp_path):
        pass
    engine = create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_what_is_no_state_is_refused(tmp_path):
    """Another kind of file, and a database from a newer watchbill, are refused with what to do."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "state.db").write_text("this is no database, but it is long enough to be looked at")
    with pytest.raises(ProviderError, match="is no database of watchbill"):
        open_store(other)
    with open_store(tmp_path / "newer"):
        pass
    connection = sqlite3.connect(tmp_path / "newer" / "state.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(ProviderError, match="newer watchbill"):
        open_store(tmp_path / "newer")
