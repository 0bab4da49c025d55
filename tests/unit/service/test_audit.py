"""What is new is audited in pieces, the latest first, and comes to the same as all at once."""

import contextlib
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.alerts.records import pack
from tests.unit.service.world import NOON, World, hijack

from watchbill.alerts.audit import Asked
from watchbill.lake.place import Lake
from watchbill.service import audit
from watchbill.service.audit import audit_lake, audit_news, news
from watchbill.service.casework import view_of
from watchbill.service.history import history_of
from watchbill.service.reconcile import library_of, reconcile
from watchbill.store.database import open_store


DAY = 24 * 60
BEFORE = timedelta(minutes=30)


@pytest.fixture
def world(tmp_path):
    """Give a world."""
    with open_store(tmp_path) as store:
        yield World(store)


def sizes(patch, first, piece, a_pass):
    """Say how many events are audited at once."""
    for name, value in (("FIRST", first), ("PIECE", piece), ("A_PASS", a_pass)):
        patch.setattr(audit, name, value)


def put(world, *records):
    """Take records into the lake, and audit nothing."""
    world.watched(*records).take_in(library_of(world.as_("watchbill")))


def spans(world):
    """Give the pieces of the next pass, in minutes after noon of the Monday."""
    new = news(world.lake, (), BEFORE)
    minute = timedelta(minutes=1)
    return [(round((p.span.start - NOON) / minute), round((p.span.end - NOON) / minute)) for p in new.pieces]


def audited(world):
    """Audit what is new and keep nothing of it."""
    work = world.as_("watchbill")
    new = news(world.lake, (), BEFORE)
    return audit_news(world.lake, library_of(work), work.team, partial(history_of, work), new, Asked())


def cases(world):
    """Give whom each case is about and what counts in it."""
    views = [view_of(row) for row in world.store.cases.all()]
    return sorted((case.subject, sorted(case.counted), case.severity) for case in views)


def test_what_is_little_is_one_piece(world):
    """Days with few events are audited together; spans with nothing near each other are not."""
    put(world, *hijack(0, "a"), *hijack(DAY // 60, "b"), *hijack(20 * DAY, "c"))
    assert spans(world) == [(20 * DAY, 20 * DAY + 1), (0, 25)]


def test_much_is_cut_at_midnight_and_the_last_day_comes_first(world, monkeypatch):
    """Each day by itself where two would be too many; the first piece is smaller; a pass takes only so many."""
    put(world, *(each for hour in range(0, 72, 1) for each in hijack(hour * 60, f"h{hour}")))
    midnight = 12 * 60
    sizes(monkeypatch, 1, 1, 10_000)
    days = [midnight + 2 * DAY, midnight + DAY, midnight, 0]
    assert spans(world) == list(zip(days, [71 * 60 + 1, *days], strict=False))
    sizes(monkeypatch, 1, 10_000, 10_000)
    assert spans(world) == [(days[0], 71 * 60 + 1), (0, days[0])]
    sizes(monkeypatch, 1, 1, 50)
    assert spans(world) == [(days[0], 71 * 60 + 1)]
    assert world.lake.manifest.arrived() != []
    sizes(monkeypatch, 50_000, 50_000, 50_000)
    assert spans(world) == [(0, 71 * 60 + 1)]


def test_a_pass_that_is_killed_goes_on_where_it_was(world, monkeypatch):
    """What was audited and kept is not audited again; the piece that it was killed in is."""
    put(world, *hijack(0, "a"), *hijack(13 * 60, "b"), *hijack(DAY + 13 * 60, "c"))
    sizes(monkeypatch, 1, 1, 10_000)
    whole = spans(world)
    assert len(whole) == 3
    going = audited(world)
    next(going)
    assert spans(world) == whole
    next(going)
    going.close()
    assert spans(world) == whole[1:]
    assert len(list(audited(world))) == 2
    assert (spans(world), world.lake.manifest.arrived()) == ([], [])


def test_what_comes_meanwhile_goes_first(world, monkeypatch):
    """In the middle of a backfill: the next pass begins with what is latest, and the rest is still there."""
    put(world, *hijack(0, "a"), *hijack(DAY, "b"), *hijack(2 * DAY, "c"))
    sizes(monkeypatch, 1, 1, 1)
    assert len(list(audited(world))) == 1
    put(world, *hijack(5 * DAY, "live"))
    first = spans(world)
    assert first == [(5 * DAY, 5 * DAY + 1)]
    list(audited(world))
    assert spans(world) == [(DAY, DAY + 1)]


def test_a_case_that_reaches_far_over_midnight_is_kept_whole(world, monkeypatch):
    """Two pieces of one pass, each with more of it than the other looks at: it does not shrink, nor come twice."""
    records = [each for n in range(-6, 7) for each in hijack(12 * 60 + n * 20, f"h{n}")]
    sizes(monkeypatch, 1, 1, 10_000)
    put(world, *records)
    done = reconcile(world.as_("watchbill"), world.watched(*records), enforce=False)
    assert (len(done.audits), len(set(done.raised))) == (2, 1)
    (whole,) = audit_of_all(world)
    ((_, counted, _),) = cases(world)
    assert counted == sorted(each.event_id for each in whole.evidence if each.note)


def audit_of_all(world):
    """Give the cases of everything in the lake, audited at once."""
    work = world.as_("watchbill")
    return audit_lake(world.lake, library_of(work), work.team, partial(history_of, work), Asked(pack())).cases


def test_days_that_are_just_coming_in_wait(world):
    """While a backfill has the lake, what happens now is audited, and nothing else; all of it when that is over."""
    put(world, *hijack(0, "a"), *hijack(20 * DAY, "live"))
    with contextlib.closing(Lake(world.lake.folder)) as other, other.held():
        assert spans(world) == [(20 * DAY, 20 * DAY + 1)]
        assert len(list(audited(world))) == 1
        assert spans(world) == []
        assert world.lake.manifest.arrived() != []
    assert spans(world) == [(0, 1)]


def test_what_is_of_many_days_is_marked_day_by_day(world, monkeypatch):
    """Such as a sealed file whose people were named anew: what is left of it is what lies before the last piece."""
    put(world, *hijack(0, "a"), *hijack(2 * DAY, "c"))
    list(audited(world))
    (first, last) = world.lake.manifest.parts()
    with world.lake.manifest.transaction() as connection:
        world.lake.manifest.arrive(connection, [replace(first, last_ms=last.last_ms)])
    sizes(monkeypatch, 1, 1, 2)
    left = []
    for _ in range(9):
        list(audited(world))
        left += [(each.last_ms - first.first_ms) / 60_000 / DAY for each in world.lake.manifest.arrived()]
    assert [round(days, 1) for days in left] == [0.5]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=7, unique=True),
    st.sampled_from([(1, 1, 1), (1, 4, 4), (3, 6, 10_000)]),
)
@settings(max_examples=20)
def test_pieces_come_to_the_same_cases_as_all_at_once(tmp_path_factory, starts, sized):
    """Whatever lies on both sides of midnight: no case is cut, shrinks, or comes twice."""
    # Twenty minutes apart around midnight, then further away, so that sittings reach over it, or end at it.
    records = [each for n in starts for each in hijack(12 * 60 + (n - 20) * (20 if n % 3 else 90), f"h{n}")]
    found = []
    for way in ("whole", "pieces"):
        with open_store(tmp_path_factory.mktemp(way)) as store, pytest.MonkeyPatch.context() as patch:
            world = World(store)
            if way == "pieces":
                sizes(patch, *sized)
            put(world, *records)
            for _ in range(20):
                reconcile(world.as_("watchbill"), world.watched(*records), enforce=False)
                if not world.lake.manifest.arrived():
                    break
            assert world.lake.manifest.arrived() == []
            found.append(cases(world))
    assert found[0] == found[1]
    assert found[0]
