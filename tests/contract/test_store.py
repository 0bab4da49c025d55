"""The store on a real SQLite file, and in a real Postgres: each test that asks for a `place` is run on both."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from sqlite3 import OperationalError
from threading import Event

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from watchbill.errors import ProviderError
from watchbill.ledger.chain import verify
from watchbill.ledger.model import Sought, State
from watchbill.store.database import open_store
from watchbill.store.migrate import scripts
from watchbill.store.rows import (
    CaseRow,
    CopyRow,
    CopyState,
    FindingRow,
    FreezeRow,
    ProposalRow,
    Proposed,
    QuestionRow,
    StepRow,
    TryRow,
)
from watchbill.store.tables import METADATA


AT = datetime(2026, 1, 12, 3, 0, 0, 5, tzinfo=UTC)


@contextmanager
def past(place):
    """Give a connection past the store; what is done over it stays."""
    engine = place.past_the_store()
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def go_back(connection, to):
    """Take the migrations after one back, the last first."""
    with Operations.context(MigrationContext.configure(connection)):
        for revision in scripts().walk_revisions():
            if revision.revision == to:
                return
            revision.module.downgrade()


def case(status="open"):
    """Make a case."""
    return CaseRow("C-1", AT, AT, status, "high", "james", "", "{}")


def test_what_is_written_is_there_when_it_is_opened_again(place):
    """Every part gives back what it took, instants to the microsecond and in UTC."""
    question = QuestionRow("C-1", "james", "was it you?", AT, AT + timedelta(minutes=10))
    freeze = FreezeRow("F-1", "james", AT, None, "C-1", "{}")
    step = StepRow("F-1", 0, AT, "iam:PutUserPolicy", "done", None)
    with place.open() as store:
        store.cases.put(case())
        store.cases.put(case("asked"))
        assert store.questions.ask(question)
        store.freezes.add(freeze)
        store.journal.write(step)
        assert store.revisions.add("d1", AT, "team: x", "ana")
    with place.open() as store:
        assert store.cases.all() == [case("asked")]
        assert store.questions.all() == [question]
        assert store.freezes.active(AT) == [freeze]
        assert store.journal.of("F-1") == [step]
        assert not store.revisions.add("d1", AT, "team: x", "ana")
        assert store.revisions.applied() == [("d1", AT)]
        assert store.revisions.settled() is None
        for user in ("u-1", "u-2"):
            store.center_users.keep("d-1", "ana", user, AT)
        assert (store.center_users.all("d-1"), store.center_users.all("d-2")) == ({"ana": "u-2"}, {})
        for digest in ("d0", "d1", "d1"):
            store.revisions.settle(digest)
            assert (store.revisions.settled() is not None) is (digest == "d1")
        assert store.revisions.add("d2", AT, "team: y", "ana")
        for settled in ("d1", "d2"):
            store.revisions.settle("d2", hosts=True)
            assert store.revisions.settled(hosts=True).digest == settled
            store.revisions.settle("d2")
        assert store.revisions.texts(["d1", "d1", "d0"]) == {"d1": "team: x"}
        assert store.revisions.at(AT - timedelta(seconds=1)) is None


def test_what_was_read_is_kept_once_for_each_that_differs(place):
    """What has the same digest takes its place; another comes after it, the first once more too; each is about its own."""
    hour = timedelta(hours=1)
    with place.open() as store:
        assert store.readings.keep("a", "one", "1", AT, "ana")
        assert not store.readings.keep("a", "one", "1 anew", AT + hour, "bo")
        assert store.readings.keep("b", "two", "2", AT, "ana")
        assert store.readings.keep("a", "two", "2", AT + 2 * hour, "ana")
        assert not store.readings.keep("a", "three", "3", AT + hour, "ana")
        assert store.readings.keep("a", "one", "1", AT + 3 * hour, "ana")
    with place.open() as store:
        rows = store.readings.all("a")
        assert [(row.digest, row.since, row.seen_at, row.by) for row in rows] == [
            ("one", AT, AT + hour, "bo"),
            ("two", AT + 2 * hour, AT + 2 * hour, "ana"),
            ("one", AT + 3 * hour, AT + 3 * hour, "ana"),
        ]
        wanted = [row.number for row in rows]
        assert store.readings.contents(wanted) == dict(zip(wanted, ("1 anew", "2", "1"), strict=True))
        assert store.readings.all("c") == []


def copy(fetched_at=AT, content=b"BEGIN"):
    """Make a copy of a feed that waits."""
    return CopyRow("platform/nights", fetched_at, "ab12", "ics", '"1"', None, "d1", content)


def test_copies_that_were_in_force_are_kept(place):
    """One waits and one is in force at most; what was in force is there with its bytes and time, what was not is not."""
    with place.open() as store:
        for day in range(3):
            made = store.feeds.add(copy(AT + timedelta(days=day), bytes([day])))
            store.feeds.take(made, AT + timedelta(days=day, hours=1))
        store.feeds.add(copy(content=b"waits"))
        last = store.feeds.add(copy(content=b"waits now"))
    with place.open() as store:
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
    with past(place) as connection:
        kept = connection.exec_driver_sql("SELECT content FROM feed_copies ORDER BY number").scalars().all()
    assert [bytes(each) for each in kept] == [b"\0", b"\1", b"\2", b"", b""]


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
def test_what_was_in_force_when_is_known(place, since, at, found):
    """Every copy that was in force at some instant of a span, and no other; of this feed alone."""
    with place.open() as store:
        for day in range(3):
            for feed in ("platform/nights", "platform/days"):
                made = store.feeds.add(replace(copy(content=bytes([day])), feed=feed))
                store.feeds.take(made, AT + timedelta(days=day))
        store.feeds.add(copy())
        span = AT + timedelta(days=since), AT + timedelta(days=at)
        assert [each.content[0] for each in store.feeds.in_force("platform/nights", *span)] == found


def test_the_last_try_of_a_feed_is_kept(place):
    """Over the one before; each feed has its own."""
    with place.open() as store:
        assert store.feeds.last_try("platform/nights") is None
        store.feeds.tried(TryRow("platform/days", AT, None, None))
        for error, since in (("answered 500", AT), (None, None)):
            found = TryRow("platform/nights", AT, error, since)
            store.feeds.tried(found)
            assert store.feeds.last_try("platform/nights") == found
        assert store.feeds.last_try("platform/days") == TryRow("platform/days", AT, None, None)


def test_an_older_state_is_brought_up_to_date(place):
    """A database of the first watchbill gets the new tables, and keeps what it has."""
    questions = {"asked": None, "escalated": "no", "silent": None, "decided": "yes"}
    with place.open() as store:
        store.cases.put(case())
        for stand, answer in questions.items():
            status = {"decided": "closed", "silent": "escalated"}.get(stand, stand)
            store.cases.put(replace(case(status), id=stand))
            store.questions.ask(QuestionRow(stand, "james", "was it you?", AT, AT, answer))
    with past(place) as connection:
        go_back(connection, "0001")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    with place.open() as store:
        assert store.cases.get("C-1") == case()
        assert {each.case_id: each.stand for each in store.questions.all()} == {each: each for each in questions}
        assert store.feeds.last_try("platform/nights") is None


def test_a_plan_that_waits_stays_when_its_place_changes(place):
    """It is kept beside what is said of it, which is read without it; what is written of that leaves it as it is."""
    row = ProposalRow("P-1", AT, "d1", 2, None, payload='{"plan": 1}')
    with place.open() as store:
        assert store.proposals.add(row)
    with past(place) as connection:
        go_back(connection, "0014")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0014'")
    with place.open() as store:
        assert (store.proposals.get("P-1"), store.proposals.open()) == (row, [row])
        (head,) = store.proposals.open_heads()
        assert store.proposals.turn(head, replace(head, state=Proposed.APPROVED, shown="{}"))
        assert store.proposals.get("P-1") == replace(row, state=Proposed.APPROVED, shown="{}")
        assert store.proposals.head("P-1") == replace(head, state=Proposed.APPROVED, shown="{}")


def test_the_first_answer_stands(place):
    """A second answer, or a second question, changes nothing and says so."""
    question = QuestionRow("C-1", "james", "was it you?", AT, AT)
    with place.open() as store:
        assert store.questions.ask(question)
        assert not store.questions.ask(question)
        no = replace(question, answer="no", answered_at=AT, answered_by="james", stand="escalated")
        assert store.questions.turn(question, no)
        assert not store.questions.turn(question, replace(question, answer="yes", answered_by="eve"))
        assert store.questions.of("C-1") == no


def test_the_ledger_refuses_change_and_removal(place):
    """Not even somebody with the database open can change an entry by SQL without dropping the guard."""
    with place.open() as store:
        store.ledger.record(at=AT, kind="x", actor="ana", subject="s", facts={})
    refused = ["UPDATE ledger SET actor = 'eve'", "DELETE FROM ledger"]
    guard = "DROP TRIGGER ledger_no_update"
    if place.url is not None:
        refused.append("TRUNCATE ledger")
        guard = "DROP TRIGGER ledger_only_grows ON ledger"
    for statement in refused:
        with pytest.raises(DBAPIError, match="append-only"), past(place) as connection:
            connection.exec_driver_sql(statement)
    with past(place) as connection:
        connection.exec_driver_sql(guard)
        connection.exec_driver_sql("UPDATE ledger SET actor = 'eve'")
    with place.open() as store:
        assert verify(store.ledger.entries()).state is State.BROKEN


def test_entries_are_found_by_kind_actor_and_time(place):
    """The last first; a whole second has all that is within it."""
    halves = [AT.replace(microsecond=0) + n * timedelta(microseconds=500_000) for n in range(8)]
    with place.open() as store:
        for number, at in enumerate(halves):
            kind, actor = "x" if number % 2 else "y", "ana" if number % 3 else "eve"
            store.ledger.record(at=at, kind=kind, actor=actor, subject="s", facts={})

        def numbers(**asked):
            return [entry.number for entry in store.ledger.found(Sought(**asked))]

        assert numbers() == [8, 7, 6, 5, 4, 3, 2, 1]
        assert numbers(kind="x", actor="ana") == [8, 6, 2]
        assert numbers(start=halves[2], end=halves[6]) == [6, 5, 4, 3]
        assert numbers(before=4, actor="eve") == [1]


def test_a_transaction_is_all_or_nothing(place):
    """An error in the middle leaves neither the case nor its entry."""

    def half_done(store):
        with store.transaction():
            store.cases.put(case())
            store.ledger.record(at=AT, kind="x", actor="ana", subject="s", facts={})
            raise RuntimeError

    with place.open() as store:
        with pytest.raises(RuntimeError):
            half_done(store)
        assert store.cases.all() == []
        assert verify(store.ledger.entries()).state is State.EMPTY


def test_processes_append_one_chain(place):
    """Four processes append at once: one unbroken chain with every entry in it."""
    program = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC;"
        "from watchbill.store.database import open_store\n"
        "with open_store(Path(sys.argv[1]), sys.argv[3] or None) as store:\n"
        "    for n in range(15):\n"
        "        store.ledger.record(at=datetime(2026, 1, 1, tzinfo=UTC), kind='x', actor=sys.argv[2], subject='s', facts={'n': n})\n"
    )
    where = [str(place.folder), place.url or ""]
    running = [subprocess.Popen([sys.executable, "-c", program, where[0], name, where[1]]) for name in "abcd"]
    assert [process.wait(60) for process in running] == [0, 0, 0, 0]
    with place.open() as store:
        found = verify(store.ledger.entries())
    assert (found.state, found.entries) == (State.INTACT, 60)


def test_migrations_make_the_tables(place):
    """What the migrations make is what `tables.py` declares."""
    with place.open():
        pass
    with past(place) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_migrations_go_back_as_they_came(place):
    """Each one's way back takes away what it made, and nothing is left of the first but the mark of Alembic."""
    with place.open():
        pass
    with past(place) as connection:
        go_back(connection, None)
        assert inspect(connection).get_table_names() == ["alembic_version"]
        connection.exec_driver_sql("DELETE FROM alembic_version")
    with place.open() as store:
        store.ledger.record(at=AT, kind="x", actor="ana", subject="s", facts={})


def test_a_newer_database_is_refused(place):
    """A database from a newer watchbill is refused with what to do."""
    with place.open():
        pass
    with past(place) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ProviderError, match="newer watchbill"):
        place.open()


def test_one_who_only_reads_changes_nothing(place):
    """Nothing is made where there is no state, and no older one is brought up to date."""
    assert place.read() is None
    assert place.url is not None or list(place.folder.iterdir()) == []
    with place.open() as store:
        store.ledger.record(at=AT, kind="x", actor="ana", subject="s", facts={})
    with place.read() as store:
        assert [each.subject for each in store.ledger.entries()] == ["s"]
        with pytest.raises((ProviderError, OperationalError), match=r"read-?only"):
            store.ledger.record(at=AT, kind="x", actor="ana", subject="t", facts={})
    with past(place) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0013'")
    with pytest.raises(ProviderError, match="older watchbill"):
        place.read()
    with past(place) as connection:
        assert MigrationContext.configure(connection).get_current_revision() == "0013"
        connection.exec_driver_sql("DELETE FROM alembic_version")
    assert place.read() is None


def test_another_kind_of_file_is_refused(tmp_path):
    """With what to do."""
    (tmp_path / "state.db").write_text("this is no database, but it is long enough to be looked at")
    with pytest.raises(ProviderError, match="is no database of watchbill"):
        open_store(tmp_path)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ana:horse@host:port/w", "no address of Postgres"),
        ("mysql://ana:horse@host/w", "no address of Postgres"),
        ("horse", "no address of Postgres"),
        ("postgresql://ana:battery@horse@host/w", "more than one @"),
        ("postgresql://ana:horse@/w?host=/nowhere", "could not be used"),
    ],
)
def test_an_address_is_never_shown(tmp_path, url, said):
    """Whatever is wrong with it: it may hold a password."""
    with pytest.raises(ProviderError, match=said) as caught:
        open_store(tmp_path, url)
    assert "horse" not in f"{caught.value} {caught.value.hint}"


def test_reads_wait_for_no_writer(place):
    """While one writes another reads what was there before; what is written is seen when it is whole."""
    with place.open() as one, place.open() as other:
        one.cases.put(case())
        with one.transaction():
            one.cases.put(case("asked"))
            assert other.cases.get("C-1") == case()
            assert one.cases.get("C-1") == case("asked")
        assert other.cases.get("C-1") == case("asked")


def test_threads_share_a_store(place):
    """Each has transactions of its own: what one has not written whole, another neither sees nor undoes."""
    with place.open() as store, ThreadPoolExecutor(1) as another:

        def half_done():
            with store.transaction():
                store.cases.put(case())
                assert another.submit(store.cases.get, "C-1").result() is None
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            half_done()
        another.submit(store.cases.put, case()).result()
        assert store.cases.get("C-1") == case()


def test_a_finding_that_is_updated_is_audited_again(place):
    """One by each id; what was updated while it was audited is not taken for audited."""
    row = FindingRow("arn:f1", AT, 1_768_186_800_000, 1_768_186_860_000, says_who=True, payload="{}")
    later = replace(row, updated_at=AT + timedelta(minutes=1))
    with place.open() as store:
        store.findings.put(row)
        assert store.findings.nobodys() == [row]
        store.findings.put(later)
        store.findings.mark_audited([row])
        store.findings.place("arn:f1", "C-1")
    with place.open() as store:
        assert store.findings.unaudited() == [replace(later, case_id="C-1")]
        assert store.findings.within(row.last_ms, row.last_ms + 1) == store.findings.unaudited()
        assert store.findings.within(row.last_ms + 1, row.last_ms + 2) == []
        store.findings.mark_audited([later])
        assert store.findings.unaudited() == []
        assert store.findings.some(["arn:f1", "arn:f2"])["arn:f1"].audited


def test_a_writer_gets_its_turn_beside_one_that_never_rests(place):
    """Within a few of the other's writes: hundreds, where it looks less and less often."""
    with place.open() as store, ThreadPoolExecutor(1) as another:
        stop = Event()
        written: list[None] = []

        def hammer():
            while not stop.is_set():
                store.ledger.record(at=AT, kind="x", actor="a", subject="s", facts={})
                written.append(None)

        hammering = another.submit(hammer)
        waited = []
        for _ in range(40):
            time.sleep(0.005)
            before = len(written)
            store.ledger.record(at=AT, kind="y", actor="b", subject="s", facts={})
            waited.append(len(written) - before)
        stop.set()
        hammering.result()
    assert sorted(waited)[-4] < 10
