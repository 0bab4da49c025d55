"""Who may change a lake, and when: everybody in turn, each event once, whoever is let in and whoever is killed."""

import contextlib
import fcntl
import multiprocessing
import os
import shutil
import signal
import threading
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.lakes import AT, delivery, log, named_on_hosts, rows, table, taken_in
from tests.teams import team
from tests.trails import after, assume_role, record, session, user

from watchbill.errors import ProviderError, RefusedError
from watchbill.lake.delivery import Delivery
from watchbill.lake.ingest import ingest
from watchbill.lake.place import Hold, Lake
from watchbill.lake.raw import keep_raw
from watchbill.lake.seal import seal
from watchbill.trail.everyone import Everyone
from watchbill.trail.interfaces import NothingKnown


EVENTS = [
    *(record(event_id=f"e{n}", at=after(13 * n)) for n in range(4)),
    record(event_id="forged", error="AccessDenied"),
    {**record(event_id="forged"), "userAgent": "curl"},
    assume_role(user("james"), "oncall", "ASIAONE", event_id="opens"),
    record(who=session("oncall", "x", "ASIAONE"), at=after(3), event_id="acts"),
    record(who=session("oncall", "x", "ASIAONE"), at=after(30), event_id="acts later"),
]
"""Two of them contradict each other; two were done with a key of which only another one tells whose it was."""

FILES = st.lists(st.lists(st.sampled_from(range(len(EVENTS))), min_size=1, max_size=4), min_size=1, max_size=6)


@pytest.fixture(autouse=True)
def _short_turns(monkeypatch):
    monkeypatch.setattr("watchbill.lake.place.TURN", 0.0)
    monkeypatch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 1)


def files(some):
    """Make objects, named by what is in them: the same events are the same object."""
    return [delivery("-".join(map(str, each)), log([EVENTS[n] for n in each])) for each in some]


class KilledError(Exception):
    """Stands for a kill: what was not committed is gone."""


def kill():
    """Stop whatever fetches this."""
    raise KilledError


@given(FILES, FILES, st.sets(st.integers(0, 6)), st.sampled_from(["whole", "sealed", "killed"]))
@examples(8, 40)
def test_whoever_is_let_in_each_event_is_there_once(tmp_path_factory, mine, others, turns, what):
    """Another ingest of some of the same events comes between any two batches, then seals, or is killed on its way."""
    folder = tmp_path_factory.mktemp("lake")
    at, turn = folder / "beside", iter(range(99))
    theirs = files(others)

    def let_others(hold):
        if next(turn) not in turns or not theirs:
            return False
        hold.let_go()
        given = [theirs.pop(0) for _ in theirs[:2]]
        if what == "killed":
            given.insert(1, Delivery("killed", "1", 1, kill))
        with contextlib.suppress(KilledError):
            taken_in(at, given, team())
        if what == "sealed":
            with contextlib.closing(Lake(at)) as lake:
                seal(lake, after(24 * 30))
        hold.take(None)
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hold, "let_others", let_others)
        taken_in(at, files(mine), team())
    whole = [*files(mine), *files(others)]
    taken_in(at, whole, team())
    taken_in(folder / "alone", whole, team())
    assert table(at) == table(folder / "alone")
    with contextlib.closing(Lake(at)) as lake:
        totals = lake.manifest.totals()
        assert totals["events"] - totals["duplicates"] == sum(part.rows for part in lake.manifest.parts())
    shutil.rmtree(folder)


def let_in(monkeypatch, turn, work):
    """Have something done by others when they may come in for the `turn`-th time."""
    turns = iter(range(1, 99))

    def let_others(hold):
        if next(turns) != turn:
            return False
        hold.let_go()
        work()
        hold.take(None)
        return True

    monkeypatch.setattr(Hold, "let_others", let_others)


def test_what_others_read_is_not_read_again(tmp_path, monkeypatch):
    """An object that somebody who was let in took in is not fetched, and progress counts it as done."""
    asked: list[str] = []

    def fetch(name, data):
        asked.append(name)
        return data

    made = files([[0], [1], [2], [3]])
    mine = [Delivery(each.name, each.version, each.size, partial(fetch, each.name, each.fetch())) for each in made]
    seen: list[tuple[int, int]] = []
    let_in(monkeypatch, 2, partial(taken_in, tmp_path, made[1:3]))
    found = taken_in(tmp_path, mine, progress=lambda done, total: seen.append((done, total)))
    assert (found.objects, found.events, asked) == (2, 2, ["0", "3"])
    assert seen[-1] == (4, 4)
    assert len(rows(tmp_path)) == 4


def test_an_opening_that_somebody_else_took_in_names_whoever_acts_by_its_key(tmp_path, monkeypatch):
    """Nobody had the key when it was looked for first; who was let in brought its opening; what comes then is named."""
    opens, acts, later = 6, 7, 8
    let_in(monkeypatch, 2, partial(taken_in, tmp_path, files([[opens]]), team()))
    taken_in(tmp_path, files([[acts], [later]]), team())
    assert {row["id"]: row["person"] for row in rows(tmp_path)}.items() >= {
        "acts": "james",
        "acts later": "james",
    }.items()


def test_bytes_are_kept_from_the_moment_that_somebody_wants_them(tmp_path, monkeypatch):
    """`trail raw on` beside a long ingest: what it reads from then on has its bytes."""

    def on():
        with contextlib.closing(Lake(tmp_path)) as lake:
            keep_raw(lake, kept=True)

    let_in(monkeypatch, 2, on)
    taken_in(tmp_path, files([[0], [1]]))
    kept = {row["id"]: row.get("raw") for row in rows(tmp_path)}
    assert kept["e0"] is None
    assert kept["e1"]


def test_with_processes_beside_it_others_come_in_when_nothing_is_under_way(tmp_path):
    """A waiter gets in between batches of two workers, and finds a lake that is whole; nothing is lost or doubled."""
    some = [delivery(f"{n}", log([record(event_id=f"{n % 30}", at=after(n % 5))])) for n in range(60)]
    seen: list[int] = []
    began = threading.Event()

    def watch():
        began.wait(30)
        for _ in range(3):
            with contextlib.closing(Lake(tmp_path, wait=30)) as lake, lake.held():
                totals = lake.manifest.totals()
                assert totals["events"] - totals["duplicates"] == sum(part.rows for part in lake.manifest.parts())
                seen.append(totals["objects"])

    other = threading.Thread(target=watch)
    other.start()
    taken_in(tmp_path, some, beside=2, progress=lambda done, total: began.set())
    other.join()
    assert len(seen) == 3
    assert seen[0] < 60
    assert len(rows(tmp_path)) == 30


def hold_for(folder, seconds, held, wait=30.0):
    """Hold a lake for some seconds, in a process of its own."""
    with contextlib.closing(Lake(folder, wait=wait)) as lake, lake.held():
        held.set()
        time.sleep(seconds)


def start(target, *given):
    """Start a process and give it."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=given, daemon=True)
    process.start()
    return process


def test_who_waits_gets_the_lake_when_it_is_free(tmp_path):
    """Within its bound; one that does not wait is refused at once, and told who has it."""
    held = multiprocessing.get_context("spawn").Event()
    process = start(hold_for, tmp_path, 2, held)
    assert held.wait(30)
    with contextlib.closing(Lake(tmp_path)) as lake:
        with pytest.raises(RefusedError, match=f"another process .*: process {process.pid} on "), lake.held():
            pass
        lake.wait = 30
        with lake.held():
            process.join()
        lake.wait = 0
        with lake.held():
            pass


def test_whoever_waits_too_long_is_refused(tmp_path):
    """At the bound and not before, and the line is free for the next one."""
    with contextlib.closing(Lake(tmp_path)) as lake, contextlib.closing(Lake(tmp_path, wait=0.3)) as other:
        with lake.held():
            begun = time.monotonic()
            with pytest.raises(RefusedError), other.held():
                pass
            assert time.monotonic() - begun >= 0.3
            assert not multiprocessing.active_children()
        with other.held():
            pass


@pytest.mark.parametrize("where", ["holding", "in line"])
def test_whoever_is_killed_holds_nobody_up(tmp_path, where):
    """Killed while it holds the lake, or while it waits in line: the next one gets it."""
    context = multiprocessing.get_context("spawn")
    held, late = context.Event(), context.Event()
    process = start(hold_for, tmp_path, 60, held)
    assert held.wait(30)
    waiting = start(hold_for, tmp_path, 60, late) if where == "in line" else None
    with contextlib.closing(Lake(tmp_path, wait=30)) as lake:
        if waiting is not None:
            line = (tmp_path / "line.lock").open("a+")
            hold = Hold(tmp_path, line, line)
            while not hold.wanted():
                time.sleep(0.01)
            line.close()
            os.kill(waiting.pid or 0, signal.SIGKILL)
            waiting.join()
        os.kill(process.pid or 0, signal.SIGKILL)
        with lake.held():
            assert not late.is_set()
        process.join()


def test_nobody_waits_for_ever(tmp_path):
    """Two long works that let others in, and three short ones that come again and again: each gets its turns."""
    turns = {"long 0": 0, "long 1": 0, "short 0": 0, "short 1": 0, "short 2": 0}
    Lake(tmp_path).close()
    until = time.monotonic() + 3
    wrong: list[str] = []
    inside: list[str] = []

    def enter(name):
        inside.append(name)
        if inside != [name]:
            wrong.append(f"{inside}")
        time.sleep(0.005)
        inside.remove(name)
        turns[name] += 1

    def long(name):
        with contextlib.closing(Lake(tmp_path, wait=30)) as lake, lake.held() as hold:
            while time.monotonic() < until:
                enter(name)
                hold.let_others()

    def short(name):
        with contextlib.closing(Lake(tmp_path, wait=30)) as lake:
            while time.monotonic() < until:
                with lake.held():
                    enter(name)

    threads = [threading.Thread(target=long if "long" in name else short, args=(name,)) for name in turns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert min(turns.values()) >= 3, turns


def test_a_turn_lasts_for_a_while(tmp_path, monkeypatch):
    """Who has just begun does not let others in, though they wait: else two long works would only look things up."""
    with contextlib.closing(Lake(tmp_path)) as lake, lake.held() as hold, (tmp_path / "line.lock").open("a+") as line:
        fcntl.flock(line, fcntl.LOCK_EX)
        assert hold.wanted()
        monkeypatch.setattr("watchbill.lake.place.TURN", 60.0)
        assert not hold.wanted()
        assert not hold.let_others()


def take_in_beside(folder, names):
    """Take in some of the events, letting others in after each batch; in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("watchbill.lake.place.TURN", 0.0)
        patch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 1)
        with contextlib.closing(Lake(folder, wait=60)) as lake:
            some = [delivery(f"{n}", log([record(event_id=f"{n % 20}", at=after(n % 20 % 5))])) for n in names]
            namer = lambda find, trusts: Everyone(team(), find, NothingKnown())  # noqa: E731 - of this process
            ingest(lake, some, namer, partial(named_on_hosts, team()), AT)


def test_two_ingests_at_once_one_of_them_killed(tmp_path):
    """Both take in objects that the other one has too, in turn; one is killed; run again, each event is there once."""
    first, second = start(take_in_beside, tmp_path, range(24)), start(take_in_beside, tmp_path, range(8, 32))
    with contextlib.closing(Lake(tmp_path)) as lake:
        while lake.manifest.totals()["objects"] < 6:
            time.sleep(0.01)
            assert first.is_alive()
        os.kill(first.pid or 0, signal.SIGKILL)
        first.join()
        second.join()
        assert second.exitcode == 0
        take_in_beside(tmp_path, range(32))
        totals = lake.manifest.totals()
        assert (totals["objects"], totals["events"] - totals["duplicates"]) == (32, 20)
    assert sorted(row["id"] for row in rows(tmp_path)) == sorted(f"{n}" for n in range(20))


def test_a_line_that_cannot_be_made_is_said(tmp_path):
    """With what to look at, as for the lock itself."""
    with contextlib.closing(Lake(tmp_path)) as lake:
        (tmp_path / "line.lock").mkdir()
        with pytest.raises(ProviderError, match="could not lock"), lake.held():
            pass
