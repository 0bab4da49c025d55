"""What is new is audited in pieces, the latest first, and comes to the same as all at once."""

import contextlib
import gc
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.alerts.records import pack
from tests.unit.service.world import NOON, World, hijack, record

from watchbill.alerts.audit import Asked
from watchbill.alerts.plain import view
from watchbill.detect.sigma import load
from watchbill.lake.place import Lake
from watchbill.service import audit
from watchbill.service.audit import Reach, audit_lake, audit_news, news
from watchbill.service.casework import view_of
from watchbill.service.history import history_of
from watchbill.service.reconcile import library_of, reconcile
from watchbill.store.database import open_store


DAY = 24 * 60
BEFORE = Reach(timedelta(minutes=30))


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
    return audit_news(world.lake, library_of(work), work.team, partial(history_of, work), new, lambda _: Asked())


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
    # Days in a row came as one file: what is left of it is the days before the one that was audited.
    assert spans(world) == [(DAY // 2, DAY // 2 + DAY)]


def test_a_case_that_reaches_far_over_midnight_is_kept_whole(world, monkeypatch):
    """Two pieces of one pass, each with more of it than the other looks at: it does not shrink, nor come twice."""
    records = [each for n in range(-6, 7) for each in hijack(12 * 60 + n * 20, f"h{n}")]
    sizes(monkeypatch, 1, 1, 10_000)
    put(world, *records)
    done = reconcile(world.as_("watchbill"), world.watched(*records))
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
@examples(6, 30)
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
                reconcile(world.as_("watchbill"), world.watched(*records))
                if not world.lake.manifest.arrived():
                    break
            assert world.lake.manifest.arrived() == []
            found.append(cases(world))
    assert found[0] == found[1]
    assert found[0]


LISTED = """
title: Listed
name: listed
level: low
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: ListUsers}, condition: s}
---
title: Listed often
level: medium
correlation: {type: event_count, rules: [listed], group-by: [userIdentity.userName], timespan: 3h, condition: {gte: 3}}
watchbill: {stage: live}
"""

OFTEN = load(LISTED, "often.yml")

ALIKE = load(
    """
title: Made a policy
level: high
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: CreatePolicy}, condition: s}
watchbill: {stage: live, dedupe: {by: [userIdentity.arn], within: 24h}}
---
title: Looked at a policy
level: low
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: GetPolicy}, condition: s}
watchbill: {stage: live, dedupe: {by: [wb.person], within: 7h}}
---"""
    + LISTED,
    "alike.yml",
)


def of_kind(number, kind):
    """Make a record, some number of forty minutes after noon. What Mallory does is judged by no file: rules alone see it."""
    user, name = kind
    return record(f"{user} {name} {number}", number * 40, user, name, readOnly=name != "CreatePolicy")


def standing(world):
    """Give whom each case that was not closed is about, what counts in it, and what it says."""
    views = [view_of(row) for row in world.store.cases.all() if row.status != "closed"]
    return sorted((case.subject, sorted(case.counted), case.findings) for case in views)


def of_all(world, rules=ALIKE):
    """Give the same of an audit of everything at once."""
    work = world.as_("watchbill")
    found = audit_lake(world.lake, library_of(work), work.team, partial(history_of, work), Asked(rules)).cases
    views = [view(case) for case in found]
    return sorted((case.subject, sorted(case.counted), case.findings) for case in views)


KINDS = st.sampled_from([("james", "GetPolicy"), ("mallory", "GetPolicy"), ("mallory", "CreatePolicy")])


@given(st.lists(st.tuples(st.integers(0, 150), KINDS), min_size=1, max_size=14, unique=True), st.data())
@examples(5, 25)
def test_passes_over_any_cuts_come_to_the_same_cases_as_all_at_once(tmp_path_factory, drawn, data):
    """What rules put together is raised once, whatever came with what, and in whatever order."""
    arrival = data.draw(st.permutations(drawn))
    cuts = data.draw(st.lists(st.integers(1, len(drawn)), max_size=5))
    with open_store(tmp_path_factory.mktemp("cut")) as store:
        world = World(store)
        for start, end in pairwise(sorted({0, *cuts, len(drawn)})):
            records = [of_kind(*each) for each in arrival[start:end]]
            reconcile(world.as_("watchbill"), world.watched(*records, rules=ALIKE))
        assert standing(world) == of_all(world)


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        # In the next seven hours comes one more; of the three before only the last two would be looked at.
        ((112, 119, 120, 124), (128,), [" and 2 more like it", None, None, " and 1 more like it", None]),
        # The day ends in the middle of the seven hours in which two are alike, and what came is of that day.
        ((122, 131), (121,), ["", " and 1 more like it", None]),
    ],
)
def test_what_is_looked_at_in_part_is_not_said_anew(tmp_path, first, then, said):
    """What is alike in seven hours is seen whole, or nothing is said of it: in parts it would be counted wrong."""
    look = ("james", "GetPolicy")
    with open_store(tmp_path) as store:
        world = World(store)
        for numbers in (first, then):
            records = [of_kind(number, look) for number in numbers]
            reconcile(world.as_("watchbill"), world.watched(*records, rules=ALIKE))
        words = "Looked at a policy: james did GetPolicy"
        of_each = [[] if more is None else [",".join(filter(None, [words, more]))] for more in said]
        assert [each[2] for each in standing(world)] == of_each


def test_what_lies_after_is_not_said_anew(tmp_path):
    """Two are alike in a day, and of the day before comes one: of the later day only the beginning is looked at."""
    with open_store(tmp_path) as store:
        world = World(store)
        made = [of_kind(number, ("mallory", "CreatePolicy")) for number in (19, 51)]
        for records in (made, [of_kind(0, ("james", "GetPolicy"))]):
            reconcile(world.as_("watchbill"), world.watched(*records, rules=ALIKE))
        assert standing(world) == of_all(world)


def test_a_burst_that_goes_on_is_raised_once(tmp_path):
    """Listed every forty minutes for days, and looked at pass after pass: it is one alert, where it began."""
    with open_store(tmp_path) as store:
        world = World(store)
        for number in range(0, 40, 4):
            records = [of_kind(each, ("mallory", "ListUsers")) for each in range(number, number + 4)]
            reconcile(world.as_("watchbill"), world.watched(*records, rules=ALIKE))
        (found,) = standing(world)
        assert found[1] == [f"mallory ListUsers {n}" for n in range(3)]
        assert [each[1] for each in of_all(world)] == [found[1]]


def events_of(cases):
    """Leave out what cases say: how many more there are of a burst is not written anew where it began long before."""
    return [(subject, counted) for subject, counted, _ in cases]


@given(st.lists(st.integers(0, 24), min_size=8, max_size=18, unique=True), st.data())
@examples(8, 80)
def test_bursts_that_come_in_any_order_stand_as_all_at_once(tmp_path_factory, drawn, data):
    """Whatever comes between two of them later: they are one then, and the second has no case of its own."""
    arrival = data.draw(st.permutations(drawn))
    cuts = data.draw(st.lists(st.integers(1, len(drawn)), max_size=5))
    with open_store(tmp_path_factory.mktemp("cut")) as store:
        world = World(store)
        for start, end in pairwise(sorted({0, *cuts, len(drawn)})):
            records = [of_kind(number, ("mallory", "ListUsers")) for number in arrival[start:end]]
            reconcile(world.as_("watchbill"), world.watched(*records, rules=OFTEN))
        assert events_of(standing(world)) == events_of(of_all(world, OFTEN))


@pytest.mark.parametrize("long", [0, 30])
def test_a_burst_that_a_late_event_joins_with_the_one_before_is_closed(tmp_path, long):
    """However long ago that one began; it says which case it is one with. What somebody has worked on stays open."""
    first, second = range(-long, 5), range(13, 16)
    late = range(5, 13)
    with open_store(tmp_path) as store:
        world = World(store)
        for numbers in (first, second):
            records = [of_kind(number + long, ("mallory", "ListUsers")) for number in numbers]
            reconcile(world.as_("watchbill"), world.watched(*records, rules=OFTEN))
        one, other = sorted(store.cases.all(), key=lambda row: view_of(row).first)
        store.cases.put(replace(other, status="asked"))
        records = [of_kind(number + long, ("mallory", "ListUsers")) for number in late[:4]]
        reconcile(world.as_("watchbill"), world.watched(*records, rules=OFTEN))
        records = [of_kind(number + long, ("mallory", "ListUsers")) for number in late[4:]]
        reconcile(world.as_("watchbill"), world.watched(*records, rules=OFTEN))
        assert {row.id: row.status for row in store.cases.all()} == {one.id: "open", other.id: "asked"}
        store.cases.put(replace(other, status="open"))
        reconcile(world.as_("watchbill"), world.watched(of_kind(15.5 + long, ("mallory", "ListUsers")), rules=OFTEN))
        kept = {row.id: (row.status, row.note) for row in store.cases.all()}
        assert kept == {one.id: ("open", ""), other.id: ("closed", f"it is one with {one.id}")}
        assert events_of(standing(world)) == events_of(of_all(world, OFTEN))


def test_what_comes_late_is_counted_with_what_came_before(tmp_path):
    """Two were listed and are no case; then comes one from before them: the three are an alert."""
    with open_store(tmp_path) as store:
        world = World(store)
        for numbers in ((18, 20), (17,)):
            records = [of_kind(number, ("mallory", "ListUsers")) for number in numbers]
            reconcile(world.as_("watchbill"), world.watched(*records, rules=OFTEN))
        assert [each[1] for each in standing(world)] == [[f"mallory ListUsers {n}" for n in (17, 18, 20)]]
        assert standing(world) == of_all(world, OFTEN)


def test_what_comes_late_amends_what_was_raised(tmp_path):
    """The first of what is alike comes last: the case that was raised has it, and nobody is told of another."""
    with open_store(tmp_path) as store:
        world = World(store)
        passes = [
            reconcile(world.as_("watchbill"), world.watched(of_kind(n, kind), rules=ALIKE))
            for n, kind in ((15, ("mallory", "GetPolicy")), (12, ("mallory", "GetPolicy")))
        ]
        (case,) = passes[0].raised
        assert (passes[1].raised, passes[1].amended) == ((), (case,))
        assert standing(world) == of_all(world)


def test_what_is_kept_under_another_id_counts_what_comes_after(tmp_path):
    """The first of what is alike came late, and then comes one more, hours after: the case says that it is two."""
    with open_store(tmp_path) as store:
        world = World(store)
        for number in (12, 6, 17):
            made = of_kind(number, ("mallory", "CreatePolicy"))
            reconcile(world.as_("watchbill"), world.watched(made, rules=ALIKE))
        ((_, _, (said,)),) = standing(world)
        assert said.endswith(", and 2 more like it")
        assert standing(world) == of_all(world)


def test_what_is_kept_under_another_id_says_so_in_what_undoes_it(world):
    """An earlier beginning comes late: the case keeps its id, and the command that is shown restores that case."""
    for records in (hijack(20, "a"), hijack(10, "b")):
        reconcile(world.as_("watchbill"), world.watched(*records))
    (row,) = world.store.cases.all()
    (whole,) = audit_of_all(world)
    assert whole.id != row.id
    assert view_of(row).undo == f"watchbill restore {row.id}"


def test_cycles_are_looked_for_again_after_a_pass(world, monkeypatch):
    """Also after one that failed: it is left out for the time of a pass, not for the life of the process."""
    meanwhile = []

    def fails(*_):
        meanwhile.append(gc.isenabled())
        raise KeyError

    monkeypatch.setattr(audit, "audit_events", fails)
    put(world, *hijack(0, "a"))
    with pytest.raises(KeyError):
        list(audited(world))
    assert (meanwhile, gc.isenabled()) == ([False], True)
