"""An instance that runs: jobs again and again while it leads, well or not, and told in lines."""

import gc
import http.client
import io
import json
import time
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, current_thread
from weakref import WeakSet

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.teams import MONDAY

from watchbill.clock import SystemClock
from watchbill.errors import Problem, ProviderError
from watchbill.garbage import newest_alone
from watchbill.service.health import Listening, pages, readiness
from watchbill.service.lead import Lead
from watchbill.service.logs import lines_of_json
from watchbill.service.serve import Did, Instance, Job
from watchbill.sim.clock import SimClock
from watchbill.store.database import open_store


SOON = timedelta(milliseconds=5)
LASTS = timedelta(seconds=0.5)


def job(work, name="pass", every=SOON, fresh=timedelta(minutes=1)):
    """Make a job."""
    return Job(name, every, work, fresh)


def until(what, seconds=30.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


class Lines(io.StringIO):
    """What was said."""

    def all(self, event=None):
        """Give the lines, or those of an event."""
        found = [json.loads(line) for line in self.getvalue().splitlines()]
        return [each for each in found if event in (None, each["event"])]


@contextmanager
def running(store, *jobs, holder="a", clock=None, lasts=LASTS):
    """Run an instance; give it with what it says."""
    clock = clock or SystemClock()
    lines = Lines()
    instance = Instance(store, clock, Lead(store, holder, clock, lasts), jobs, lines_of_json(lines, holder, clock))
    with instance:
        yield instance, lines


def test_jobs_are_done_again_and_again_by_the_leader_alone(tmp_path):
    """The one that stands by does nothing, until the other ends: then it does at once what is to be done."""
    done = {"a": 0, "b": 0}

    def count(name):
        def work(turn):
            turn.store.ledger.record(at=turn.at, kind="x", actor=name, subject="s", facts={})
            done[name] += 1
            return Did()

        return job(work)

    minute = timedelta(minutes=1)
    with (
        open_store(tmp_path) as one,
        open_store(tmp_path) as other,
        running(other, count("b"), holder="b", lasts=minute),
    ):
        until(lambda: done["b"] > 1)
        with running(one, count("a"), lasts=minute) as (standing_by, _):
            time.sleep(0.1)
            assert (done["a"], standing_by.lead.leader(), readiness(standing_by).ready) == (0, "b", True)
    assert done["a"] == 0
    with open_store(tmp_path) as store, running(store, count("a")):
        # It was given up, so that nobody has to wait for its end: that would be longer than is waited here.
        until(lambda: done["a"] > 1)


def test_a_job_that_fails_is_done_again_and_keeps_no_other_waiting(tmp_path):
    """By what may happen and by what must not; each is said once, with where it stands."""
    tries = {"fails": 0, "breaks": 0, "works": 0}

    def fails(turn):
        tries["fails"] += 1
        if tries["fails"] < 3:
            raise ProviderError("AWS said no", "wait")
        return Did({"third": "time"})

    def breaks(turn):
        tries["breaks"] += 1
        raise ZeroDivisionError

    def works(turn):
        tries["works"] += 1
        return Did()

    jobs = [job(fails, "fails"), job(breaks, "breaks"), job(works, "works")]
    with open_store(tmp_path) as store, running(store, *jobs) as (instance, lines):
        until(lambda: lines.all("fails") and tries["breaks"] > 1)
        assert tries["works"] > 5
        assert [each["message"] for each in lines.all("problem")] == ["AWS said no"]
        assert "ZeroDivisionError" in lines.all("bug")[0]["exception"]
        assert instance.lives()
        found = readiness(instance)
        assert found.jobs["breaks"].error == "bug"
        assert (found.jobs["fails"].error, found.jobs["works"].error) == (None, None)


def test_what_stays_wrong_is_said_once(tmp_path):
    """And again where it was mended between."""
    wrong = Problem("late", "the trail is late")
    said = iter([[wrong], [wrong], [], [wrong]])
    with open_store(tmp_path) as store:
        with running(store, job(lambda turn: Did(problems=next(said, [wrong])))) as (instance, lines):
            until(lambda: len(lines.all("problem")) == 2)
            until(lambda: instance.board.standings()["pass"].done_at is not None)
        assert len(lines.all("problem")) == 2


def test_a_job_with_more_to_do_and_one_that_is_woken_do_not_wait(tmp_path):
    """However long it is to the next time."""
    left, seen = [3], []

    def work(turn):
        left[0] -= 1
        seen.append(left[0])
        return Did(more=left[0] > 0)

    with open_store(tmp_path) as store, running(store, job(work, every=timedelta(hours=1))) as (instance, _):
        until(lambda: seen == [2, 1, 0])
        instance.wake("pass")
        until(lambda: seen == [2, 1, 0, -1])


def test_what_is_under_way_ends_and_nothing_more_is_begun(tmp_path):
    """When it is to stop; the job may ask, so as to leave the rest to the next time."""
    begun, go_on, told = Event(), Event(), []

    def work(turn):
        told.append(turn.goes_on())
        begun.set()
        go_on.wait(10)
        told.append(turn.goes_on())
        turn.store.ledger.record(at=turn.at, kind="x", actor="a", subject="s", facts={})
        return Did(more=True)

    with open_store(tmp_path) as store:
        with running(store, job(work), lasts=timedelta(minutes=1)) as (instance, lines):
            assert begun.wait(10)
            instance.ask_to_stop()
            assert not readiness(instance).ready
            go_on.set()
        assert told == [True, False]
        assert [entry.kind for entry in store.ledger.entries()][-1] == "x"
        assert instance.lead.leader() is None
        assert [each["event"] for each in lines.all()] == ["started", "leads", "stands by", "stopped"]


def test_whoever_lost_the_lead_writes_nothing_and_says_so(tmp_path):
    """A job that is under way while another takes over is refused by the state itself."""
    begun, go_on = Event(), Event()

    def work(turn):
        begun.set()
        go_on.wait(10)
        turn.store.ledger.record(at=turn.at, kind="x", actor="a", subject="s", facts={})
        return Did()

    clock = SimClock(MONDAY)
    with open_store(tmp_path) as store, running(store, job(work), clock=clock, lasts=timedelta(hours=1)) as (_, lines):
        assert begun.wait(10)
        clock.advance(timedelta(hours=2))
        assert store.leases.take("leader", "b", timedelta(hours=1), clock.now()) is not None
        go_on.set()
        until(lambda: lines.all("problem"))
        assert lines.all("problem")[0]["code"] == "lost-lease"
        assert "x" not in [entry.kind for entry in store.ledger.entries()]


def asked(port, path, host="127.0.0.1"):
    """Ask for a page; give its status and text."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_pages_tell_whether_it_is_well(tmp_path):
    """It lives, it is ready while each job is done lately, and what it counts is told; others are served beside."""
    clock = SimClock(MONDAY)
    more = Event()

    def work(turn):
        more.wait(0.01)
        return Did(stale=["trail"])

    others = [Route("/slack", lambda _: PlainTextResponse("clicked"))]
    with (
        open_store(tmp_path) as store,
        running(store, job(work), clock=clock, lasts=timedelta(days=1)) as (instance, _),
        Listening(pages(instance, lambda: "more 1\n", others), "127.0.0.1", 0) as listening,
    ):
        until(lambda: instance.board.standings()["pass"].done_at is not None)
        assert asked(listening.port, "/healthz") == (200, "lives\n")
        assert asked(listening.port, "/slack") == (200, "clicked")
        status, text = asked(listening.port, "/readyz")
        assert status == 200
        assert json.loads(text) == {
            "ready": True,
            "instance": "a",
            "leader": "a",
            "state": "reachable",
            "stops": False,
            "jobs": {"pass": {"done_at": "2026-01-12T00:00:00Z", "fresh": True, "error": None, "stale": ["trail"]}},
        }
        _, counted = asked(listening.port, "/metrics")
        assert "watchbill_leads 1.0" in counted
        assert 'watchbill_job_stale_sources{job="pass"} 1.0' in counted
        assert counted.endswith("more 1\n")


def test_a_job_that_was_not_done_lately_makes_it_not_ready(tmp_path):
    """Not before it had the time to do it."""
    clock, hold, begun = SimClock(MONDAY), Event(), Event()

    def work(turn):
        begun.set()
        hold.wait(10)
        return Did()

    with (
        open_store(tmp_path) as store,
        running(store, job(work), clock=clock, lasts=timedelta(days=1)) as (instance, _),
    ):
        assert begun.wait(10)
        assert readiness(instance).ready
        clock.advance(timedelta(minutes=2))
        assert not readiness(instance).ready
        assert not readiness(instance).jobs["pass"].fresh
        hold.set()
        until(lambda: readiness(instance).ready)


def test_a_state_that_cannot_be_reached_is_told(tmp_path):
    """It lives, it is not ready, and what it counts itself is there."""

    def fails():
        raise ProviderError("postgresql://ana:horse@host: no")

    with open_store(tmp_path) as store, running(store, job(lambda turn: Did())) as (instance, _):
        instance.lead.leader = fails
        with Listening(pages(instance, fails), "127.0.0.1", 0) as listening:
            assert asked(listening.port, "/healthz")[0] == 200
            status, text = asked(listening.port, "/readyz")
            assert (status, json.loads(text)["state"]) == (503, "provider")
            assert "horse" not in text
            assert "watchbill_leads" in asked(listening.port, "/metrics")[1]


def test_a_port_that_is_taken_is_said(tmp_path):
    """With what to do."""
    with open_store(tmp_path) as store:
        clock = SystemClock()
        instance = Instance(store, clock, Lead(store, "a", clock), [], lines_of_json(Lines(), "a", clock))
        with (
            Listening(pages(instance), "127.0.0.1", 0) as listening,
            pytest.raises(ProviderError, match="could not listen"),
            Listening(pages(instance), "127.0.0.1", listening.port),
        ):
            pass


class Knot:
    """One of what somebody keeps for a while, and each holds itself."""

    def __init__(self):
        self.own = self


def test_what_is_there_before_it_serves_is_not_looked_at_for_circles_and_what_comes_is_let_go(monkeypatch):
    """Looking stops every page: it is done in turns, and by no page; yet what passes keep until the next fills no memory."""
    monkeypatch.setattr("watchbill.garbage._EVERY", 0.02)
    there: WeakSet[Knot] = WeakSet()
    lookers = set()

    def looked(phase, told):
        if told["generation"] == 2:
            lookers.add(current_thread().name)

    def nobody_looks():
        lookers.clear()
        time.sleep(0.2)
        return not lookers

    before = gc.get_threshold()
    gc.callbacks.append(looked)
    try:
        with Listening(Starlette(), "127.0.0.1", 0):
            until(lambda: gc.get_freeze_count() > 0)
            assert gc.isenabled()
            for _ in range(100):
                kept = [Knot() for _ in range(2_000)]
                there.update(kept)
            until(lambda: len(there) == len(kept))
            with newest_alone():
                monkeypatch.setattr("watchbill.garbage._MOST_LEFT", 1_000_000)
                until(nobody_looks)
                # It is left for a while, and not for ever: what never ends to make fills no memory either.
                monkeypatch.setattr("watchbill.garbage._MOST_LEFT", 10)
                until(lambda: lookers)
            assert lookers == {"circles"}
    finally:
        gc.callbacks.remove(looked)
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before


def test_lines_hold_no_secret_and_obey_nothing():
    """Secrets are taken out wherever they stand; what strangers chose is one value of JSON on one line."""
    lines = Lines()
    say = lines_of_json(lines, "a", SimClock(MONDAY), ['hor"se', "horse battery", "horse", ""])
    hostile = 'x", "level": "info\n\x1b[2J\u202e</script>'
    say.warning("problem", message=hostile, url='postgresql://ana:hor"se@host', words="horse battery", none=None)
    text = lines.getvalue()
    assert text.count("\n") == 1
    assert text.isprintable() or text[:-1].isprintable()
    assert "</script>" not in text
    assert json.loads(text) == {
        "at": "2026-01-12T00:00:00Z",
        "level": "warning",
        "event": "problem",
        "instance": "a",
        "message": hostile,
        "url": "postgresql://ana:***@host",
        "words": "***",
    }
