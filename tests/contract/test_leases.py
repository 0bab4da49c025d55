"""One leader among several instances, on a SQLite file and in a real Postgres; time passes by itself here."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from tests.states import Place

from watchbill.clock import SystemClock
from watchbill.errors import ProviderError, RefusedError
from watchbill.ledger.chain import verify
from watchbill.ledger.model import Kind, State
from watchbill.service.lead import Lead, led
from watchbill.store.leases import LostLeaseError


LASTS = timedelta(seconds=0.5)
LONG = timedelta(minutes=5)
CLOCK = SystemClock()


def take(store, holder, lasts=LASTS):
    """Take the lease, or try to."""
    return store.leases.take("leader", holder, lasts, CLOCK.now())


def record(store, actor="a"):
    """Write an entry of the ledger."""
    store.ledger.record(at=CLOCK.now(), kind="x", actor=actor, subject="s", facts={})


def test_one_holds_a_lease(place):
    """Whoever holds it renews it under the same token; another waits until it runs out, and gets a greater one."""
    with place.open() as store:
        first = take(store, "a", LONG)
        assert take(store, "b") is None
        again = take(store, "a")
        assert again is not None
        assert again.token == first.token == 1
        assert store.leases.holder("leader", CLOCK.now()) == "a"
        assert store.leases.holder("other", CLOCK.now()) is None
        time.sleep(0.6)
        assert store.leases.holder("leader", CLOCK.now()) is None
        second = take(store, "b", LONG)
        assert second.token > first.token
        assert take(store, "a") is None


def test_a_lease_that_ran_out_comes_back_under_another_token(place):
    """Its holder cannot know that nobody had it between."""
    with place.open() as store:
        first = take(store, "a")
        time.sleep(0.6)
        assert take(store, "a").token > first.token


def test_a_lease_that_is_given_up_is_free_at_once(place):
    """Only by its holder: one that was lost is another's."""
    with place.open() as store:
        first = take(store, "a", LONG)
        store.leases.give_up(first, CLOCK.now())
        second = take(store, "b", LONG)
        store.leases.give_up(first, CLOCK.now())
        assert store.leases.holder("leader", CLOCK.now()) == "b"
        assert second.token > first.token


def test_whoever_lost_its_lease_writes_nothing(place):
    """Not one row of a transaction; it may still read. One whose lease ran out and was taken by nobody writes on."""
    with place.open() as store:
        first = store.under(take(store, "a"))
        time.sleep(0.6)
        record(first)
        take(store, "b", LONG)
        for write in (
            lambda: record(first),
            lambda: first.revisions.add("d", CLOCK.now(), "team: x", "a"),
            lambda: first.leases.take("other", "a", LONG, CLOCK.now()),
        ):
            with pytest.raises(LostLeaseError, match="a leads no more"):
                write()
        assert len(list(first.ledger.entries())) == 1
        assert store.revisions.all() == []


def test_of_many_that_try_one_gets_it(place):
    """At the same instant, each on a connection of its own."""
    with place.open() as store, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: take(store, f"holder-{n}", LONG), range(32)))
    assert len([lease for lease in found if lease is not None]) == 1


def test_postgres_goes_by_its_own_clock(postgres, tmp_path):
    """An instance whose clock is a day ahead takes nothing from another."""
    with Place(tmp_path, postgres.database()).open() as store:
        take(store, "a", LONG)
        assert store.leases.take("leader", "b", LONG, CLOCK.now() + timedelta(days=1)) is None
        assert store.leases.holder("leader", CLOCK.now() + timedelta(days=1)) == "a"


LEADER = """
import sys, time
from datetime import timedelta
from pathlib import Path
from watchbill.clock import SystemClock
from watchbill.errors import ProviderError, RefusedError
from watchbill.service.lead import Lead, led
from watchbill.store import engine
from watchbill.store.database import open_store
from watchbill.store.leases import LostLeaseError

engine._IDLE = 1
folder, url, holder, rests = sys.argv[1:]
clock = SystemClock()
with open_store(Path(folder), url or None) as store:
    lead = Lead(store, holder, clock, timedelta(seconds=0.5))
    lease = lead.turn()
    fenced = store.under(lease)
    print("leads", flush=True)
    try:
        while True:
            with fenced.transaction():
                fenced.ledger.record(at=clock.now(), kind="x", actor=holder, subject="s", facts={})
                if rests == "inside":
                    print("inside", flush=True)
                    time.sleep(2)
            if rests == "between":
                print("between", flush=True)
                sys.stdin.readline()
    except LostLeaseError:
        print("lost", lead.lease, flush=True)
    except ProviderError as error:
        print("ended", lead.lease, flush=True)
"""


@contextmanager
def leader(place, holder, rests=""):
    """Run a process that leads, and writes until it may not; it rests `inside` each write, or `between` two."""
    command = [sys.executable, "-c", LEADER, str(place.folder), place.url or "", holder, rests]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        try:
            assert said(process) == "leads"
            yield process
        finally:
            process.kill()


def said(process):
    """Give the next line that a process says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def taken_over(store, holder="b"):
    """Take the lease over as soon as may be, and write; give the lead."""
    lead = Lead(store, holder, CLOCK, LONG)
    for _ in range(200):
        if (lease := lead.turn()) is not None:
            record(store.under(lease), holder)
            return lead
        time.sleep(0.05)
    raise AssertionError("nobody took over")


def test_a_leader_that_was_paused_cannot_write(place):
    """It stops for longer than its lease, another leads, it goes on: its next write is refused, and it knows."""
    with leader(place, "a", "between") as process, place.open() as store:
        assert said(process) == "between"
        process.send_signal(signal.SIGSTOP)
        taken_over(store)
        entries = list(store.ledger.entries())
        process.stdin.write("go on\n")
        process.send_signal(signal.SIGCONT)
        assert said(process) == "lost None"
        assert process.wait(10) == 0
        assert list(store.ledger.entries()) == entries
        assert [entry.actor for entry in entries] == ["a", "a", "b", "b"]


def test_one_that_was_paused_inside_a_write_keeps_nobody_waiting(postgres, tmp_path):
    """Postgres ends its transaction, of which nothing stays, and another leads."""
    place = Place(tmp_path, postgres.database())
    with leader(place, "a", "inside") as process, place.open() as store:
        assert said(process) == "inside"
        process.send_signal(signal.SIGSTOP)
        taken_over(store)
        process.send_signal(signal.SIGCONT)
        assert said(process) == "ended None"
        assert [entry.kind for entry in store.ledger.entries()] == [Kind.LEAD_TAKEN, Kind.LEAD_TAKEN, "x"]
        assert process.wait(10) == 0


def test_another_leads_when_the_leader_is_killed(place):
    """As soon as its lease has run out; what it had written is there, and the chain is whole."""
    with leader(place, "a") as process, place.open() as store:
        process.kill()
        process.wait(10)
        begun = time.monotonic()
        lead = taken_over(store)
        assert time.monotonic() - begun < 5
        assert lead.leader() == "b"
        found = verify(store.ledger.entries())
        assert (found.state, found.entries > 1) == (State.INTACT, True)


def test_who_leads_is_in_the_ledger(place):
    """Each that took the lead, once, however often it renewed its lease."""
    with place.open() as store:
        first, second = Lead(store, "a", CLOCK, LONG), Lead(store, "b", CLOCK, LONG)
        assert [each.turn() is not None for each in (first, second, first)] == [True, False, True]
        first.give_up()
        assert first.lease is None
        assert [each.turn() is not None for each in (second, first)] == [True, False]
        found = [(entry.kind, entry.actor, entry.facts) for entry in store.ledger.entries()]
    assert found == [(Kind.LEAD_TAKEN, "a", {"token": 1}), (Kind.LEAD_TAKEN, "b", {"token": 2})]


def test_an_instance_that_is_cut_off_stops_to_lead_by_itself(place):
    """By its own clock, when the state cannot be reached to renew the lease."""
    with place.open() as store:
        lead = Lead(store, "a", CLOCK, LASTS)
        assert lead.turn() is not None

        def fails(*_):
            raise ProviderError("cut off")

        store.leases.take = fails
        with pytest.raises(ProviderError):
            lead.turn()
        assert lead.lease is not None
        time.sleep(0.6)
        assert lead.lease is None


def test_whoever_comes_and_goes_leads_as_long_as_the_block_lasts(place, monkeypatch):
    """However long that is; another waits for one that was killed, and is refused while one goes on."""
    with place.open() as store:
        take(store, "killed")
        with led(store, "a", CLOCK, timedelta(seconds=5)) as lead:
            first = lead._until  # noqa: SLF001 - that it is renewed is seen nowhere else
            while lead._until == first:  # noqa: SLF001 - as above
                time.sleep(0.05)
            record(store.under(lead.lease))
            # It waits for less than a lease that was just renewed goes on: a slow machine gives it no turn.
            monkeypatch.setattr("watchbill.service.lead._PATIENCE", timedelta(seconds=0.5))
            with pytest.raises(RefusedError, match="a leads"), led(store, "b", CLOCK, LASTS):
                pass
        with led(store, "b", CLOCK, LONG):
            assert store.leases.holder("leader", CLOCK.now()) == "b"
        assert store.leases.holder("leader", CLOCK.now()) is None
        assert [entry.kind for entry in store.ledger.entries()] == ["x"]
