"""Packing: every statement in one policy, none moved, and room for what goes beside what comes."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.teams import DAY, HERE, MONDAY

from watchbill.access.documents import document, fence_statements, gate_statements, size, slices_of, span_of
from watchbill.access.model import Holding, PolicyState
from watchbill.access.packing import TooLargeError, both, gone_from, pack, place_of, statements_of
from watchbill.intervals import Interval


ROLE = "arn:aws:iam::111111111111:role/watchbill/oncall-platform"
USERS = ("ada", "james", "rick", "x" * 32)
SINCE = MONDAY + DAY
"""The instant before which nothing matters: statements of the drawn schedules lie on both sides of it."""
LIMITS = (900, 1500, 6144)


def at(hours):
    """Give the instant some hours after `MONDAY`."""
    return MONDAY + timedelta(hours=hours)


def windows(spans):
    """Give windows of users by the hours in which they begin and last."""
    of = ((user, Interval(at(start), at(start + length))) for user, start, length in spans)
    return [(user, Holding(user, "production", "prod-oncall", span, "rota r", "why", HERE)) for user, span in of]


def made(spans, hours, *, is_gate):
    """Make the statements of a gate or a fence of some shifts, from an hour on and for so many."""
    horizon = Interval(at(hours[0]), at(hours[0] + hours[1]))
    slices = slices_of(windows(spans), horizon)
    return gate_statements(slices, horizon, ROLE) if is_gate else fence_statements(slices, horizon)


def schedules():
    """Draw the statements of a gate or a fence: four days of shifts, some of them at once, and a horizon."""
    shift = st.tuples(st.sampled_from(USERS), st.integers(0, 90), st.integers(1, 24))
    return st.builds(
        made,
        st.lists(shift, max_size=25),
        st.tuples(st.sampled_from((0, 12, 24)), st.sampled_from((48, 72, 96))),
        is_gate=st.booleans(),
    )


FOREIGN = st.dictionaries(
    st.sampled_from(("Sid", "Effect", "Action", "Resource", "Condition", "Principal", "Odd")),
    st.recursive(
        st.one_of(
            st.sampled_from(("Before", "Beyond", "Take", "Old", "S20260113T000000", "S20260113T000000Old", "")),
            st.sampled_from(("2026-01-13T00:00:00Z", "2026-01-13", "Deny", "*")),
            st.none(),
            st.booleans(),
            st.integers(-5, 5),
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=2),
            st.dictionaries(
                st.sampled_from(("DateGreaterThanEquals", "DateLessThan", "aws:CurrentTime")), inner, max_size=3
            ),
        ),
        max_leaves=6,
    ),
    max_size=5,
)
"""Statements of any shape that is JSON: others may have written into the policies of a family."""


def placements(limit):
    """Draw what lies in the policies of a family: an earlier packing, gaps in the numbers, and others' statements."""

    def made(earlier, foreign, numbers):
        packed = pack(earlier, {}, limit, SINCE)
        held = {numbers.get(number, number + 10): statements for number, statements in packed.items()}
        for number, statements in foreign.items():
            held[number] = (*held.get(number, ()), *statements)
        return held

    return st.builds(
        made,
        schedules(),
        st.dictionaries(st.integers(1, 6), st.lists(FOREIGN, max_size=3), max_size=2),
        st.permutations(range(1, 7)).map(lambda found: dict(enumerate(found, start=1))),
    )


def text(statement):
    """Give a statement as text."""
    return json.dumps(statement, sort_keys=True)


def meaning(statement):
    """Give what a statement says of the time that matters: a slice that began earlier than `SINCE` says the same."""
    span = span_of(statement)
    if span is None or span.start > SINCE:
        return text(statement)
    condition = {k: v for k, v in statement["Condition"].items() if k != "DateGreaterThanEquals"}
    return text({**statement, "Sid": "", "Condition": condition})


def everything(packed):
    """Give the statements of all policies."""
    return [each for held in packed.values() for each in held]


@st.composite
def tasks(draw):
    """Draw what is wanted, what is there, and how long a policy may be."""
    limit = draw(st.sampled_from(LIMITS))
    return draw(schedules()), draw(st.just({}) | placements(limit)), limit


@given(tasks())
def test_each_statement_is_in_one_policy_and_nothing_else_is(task):
    """Whatever is there, of whatever shape: what is wanted is held once, and no policy is empty."""
    wanted, placed, limit = task
    packed = pack(wanted, placed, limit, SINCE)
    assert Counter(map(meaning, everything(packed))) == Counter(map(meaning, wanted))
    assert all(packed.values())
    assert list(packed) == sorted(packed)
    assert min(packed) >= 1


@given(tasks())
def test_packing_again_moves_nothing(task):
    """What a plan has written is what the next one wants, where it is."""
    wanted, placed, limit = task
    packed = pack(wanted, placed, limit, SINCE)
    assert pack(wanted, packed, limit, SINCE) == packed
    assert pack(everything(packed), packed, limit, SINCE) == packed


@given(tasks())
def test_packing_hangs_on_nothing_but_what_it_is_given(task):
    """The order in which policies were read is no matter, also where two hold the same."""
    wanted, placed, limit = task
    placed = {**placed, 9: wanted[:3], 8: wanted[:3]}
    backwards = dict(reversed(placed.items()))
    assert pack(wanted, backwards, limit, SINCE) == pack(wanted, placed, limit, SINCE)


@given(st.lists(schedules(), min_size=2, max_size=5), st.sampled_from(LIMITS))
def test_what_stays_as_it_is_stays_where_it_is(history, limit):
    """Edit after edit: a statement that is in two of them on end is in the same policy in both."""
    there = pack(history[0], {}, limit, SINCE)
    for wanted in history[1:]:
        packed = pack(wanted, there, limit, SINCE)
        was = {text(each): number for number, held in there.items() for each in held}
        now = {text(each): number for number, held in packed.items() for each in held}
        assert all(now[each] == number for each, number in was.items() if each in now)
        there = packed


@given(st.lists(schedules(), min_size=1, max_size=5), st.sampled_from(LIMITS))
@example(
    [
        made([], (0, 48), is_gate=True),
        made([("ada", 27, 1), ("x" * 32, 25, 1)], (0, 48), is_gate=True),
        made([("ada", 1, 24)], (0, 48), is_gate=False),
    ],
    1500,
)
def test_old_and_new_fit_together(history, limit):
    """Edit after edit: each policy has room for what comes beside what goes, as a plan writes them first."""
    there = pack((), {}, limit, SINCE)
    for wanted in history:
        packed = pack(wanted, there, limit, SINCE)
        for number, held in packed.items():
            union = both(held, gone_from(there.get(number, ()), held, SINCE))
            assert size(union) <= limit, (number, size(union))
            assert size(document(held)) <= limit
        # A plan that is cut short leaves both; the next one plans from there.
        cut = {n: both(packed.get(n, ()), gone_from(held, packed.get(n, ()), SINCE)) for n, held in there.items()}
        left = {n: statements_of(written) for n, written in cut.items()}
        again = pack(wanted, {**packed, **left}, limit, SINCE)
        for number, held in again.items():
            assert size(both(held, gone_from(left.get(number, ()), held, SINCE))) <= limit
        there = packed


@given(schedules(), st.sampled_from(LIMITS))
def test_a_first_packing_is_dense(wanted, limit):
    """Numbers have no hole, and all policies together are more than half full."""
    packed = pack(wanted, {}, limit, SINCE)
    assert list(packed) == list(range(1, len(packed) + 1))
    largest = max(map(size, wanted))
    for held in list(packed.values())[:-1]:
        assert size(document(held)) + largest + len(held) * len("Old") + 10 > limit


@given(schedules(), st.integers(300, 700))
def test_a_statement_that_no_policy_holds_is_refused(wanted, limit):
    """It is said, never left out: either all is packed within the limit, or nothing is."""
    if max(map(size, wanted)) + len("Old") + 1 > limit - size(document(())):
        with pytest.raises(TooLargeError, match=r"^statement "):
            pack(wanted, {}, limit, SINCE)
        return
    packed = pack(wanted, {}, limit, SINCE)
    assert Counter(map(text, everything(packed))) == Counter(map(text, wanted))
    assert all(size(document(held)) <= limit for held in packed.values())


@given(st.lists(FOREIGN, max_size=6), schedules(), schedules())
def test_a_union_holds_all_and_each_sid_once(foreign, new, old):
    """AWS refuses a policy in which a Sid is twice; what is new keeps its own."""
    stays = [*foreign, *old]
    found = both(new, stays)["Statement"]
    assert found[: len(new)] == list(new)
    sids = [each["Sid"] for each in found if "Sid" in each]
    assert len(set(sids)) == len(sids)
    without = [{k: v for k, v in each.items() if k != "Sid"} for each in found[len(new) :]]
    assert without == [{k: v for k, v in each.items() if k != "Sid"} for each in stays]


@given(st.lists(FOREIGN, max_size=4), schedules(), schedules())
def test_what_is_gone_is_what_is_wanted_no_more_and_still_matters(foreign, held, wanted):
    """All that was held is wanted, or over, or gone; nothing is two of these."""
    there = [*held, *foreign]
    gone = gone_from(there, wanted, SINCE)
    keys = set(map(text, wanted))
    assert not {text(each) for each in gone} & keys
    for each in there:
        if text(each) not in keys and each not in gone:
            span = span_of(each)
            if span is None:
                assert str(each.get("Sid")) in ("Before", "BeforeOld")
            elif span.end > SINCE:  # what is wanted says it of all that time
                assert any(
                    there and there.start <= span.start and span.end <= there.end for there in map(span_of, wanted)
                )
    assert all(span is None or span.end > SINCE for span in map(span_of, gone))


@pytest.mark.parametrize(
    "statement",
    [
        {"Sid": "Old", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": []},
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
        {"Sid": ["a"], "Condition": {"DateGreaterThanEquals": [], "DateLessThan": "x"}},
        {"Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": ["2026-01-13T00:00:00Z"]}, "DateLessThan": {}}},
        {"Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": 7}, "DateLessThan": {"aws:CurrentTime": None}}},
        {"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-13T00:00:00Z"}}},
        {
            "Condition": {
                "DateGreaterThanEquals": {"aws:CurrentTime": "2026-01-14T00:00:00Z"},
                "DateLessThan": {"aws:CurrentTime": "2026-01-13T00:00:00Z"},
            }
        },
    ],
)
def test_a_foreign_statement_does_no_harm(statement):
    """It is no slice, so it is not kept for one; until the plan is done it stays beside what comes."""
    horizon = Interval(MONDAY, MONDAY + 3 * DAY)
    wanted = fence_statements(slices_of(windows([("ada", 0, 40)]), horizon), horizon)
    assert span_of(statement) is None
    packed = pack(wanted, {1: (statement, statement), 3: ()}, 6144, SINCE)
    assert Counter(map(text, everything(packed))) == Counter(map(text, wanted))
    assert gone_from([statement], wanted, SINCE) == (statement,)


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ({}, 0),
        ({"Statement": {"Effect": "Deny"}}, 1),
        ({"Statement": [{"Effect": "Deny"}, "no statement", None, {"Sid": "a"}]}, 2),
    ],
)
def test_a_document_of_any_shape_is_read(written, count):
    """A statement may stand alone; what is none is left out."""
    assert len(statements_of(written)) == count


def test_room_is_kept_for_what_goes():
    """A slice changes its people: the new one is where the old one is, unless both together are too much."""
    horizon = Interval(MONDAY, MONDAY + 3 * DAY)
    old = fence_statements(slices_of(windows([("ada", 30, 8), ("rick", 40, 8)]), horizon), horizon)
    new = fence_statements(slices_of(windows([("james", 30, 8), ("rick", 40, 8)]), horizon), horizon)
    assert set(pack(new, {2: old}, 6144, SINCE)) == {2}
    tight = size(document(old)) + len(old) * len("Old") + 1
    packed = pack(new, {1: old}, tight, SINCE)
    stay = {text(each) for each in old} & {text(each) for each in new}
    assert stay <= {text(each) for each in packed[1]}
    assert set(packed) == {1, 2}
    assert [span_of(each) for each in packed[2]] == [Interval(at(30), at(38))]


def test_room_is_kept_for_statements_without_a_sid():
    """Others may have written some into a policy of a family, and AWS demands no Sid."""
    horizon = Interval(MONDAY, MONDAY + 3 * DAY)
    wanted = fence_statements(slices_of(windows([("ada", hour, 1) for hour in range(24, 60, 2)]), horizon), horizon)
    for count in range(22):
        held = [{"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::b{n}/*"} for n in range(count)]
        for number, new in pack(wanted, {1: held}, 1500, SINCE).items():
            assert size(both(new, gone_from(held if number == 1 else (), new, SINCE))) <= 1500, count


def test_a_slice_in_progress_is_not_written_anew():
    """A day later the horizon begins a day later; the slice that runs over it is left as it was written."""
    first = Interval(MONDAY, MONDAY + 3 * DAY)
    second = Interval(SINCE, SINCE + 3 * DAY)
    of = windows([("ada", 20, 30)])
    there = pack(fence_statements(slices_of(of, first), first), {}, 6144, MONDAY)
    wanted = fence_statements(slices_of(of, second), second)
    packed = pack(wanted, there, 6144, SINCE)
    running = next(each for each in there[1] if span_of(each) == Interval(at(20), at(50)))
    assert running in packed[1]
    assert not any(span_of(each) == Interval(SINCE, at(50)) for each in packed[1])


@pytest.mark.parametrize(
    ("name", "path", "place"),
    [
        ("gate-oncall-platform-1", "/watchbill/", ("gate-oncall-platform", 1)),
        ("fence-oncall-platform-secondary-12", "/watchbill/", ("fence-oncall-platform-secondary", 12)),
        ("guard-jobs-1", "/watchbill/", ("guard-jobs", 1)),
        ("gate-oncall-7-1", "/watchbill/", ("gate-oncall-7", 1)),
        ("gate-oncall-platform-1", "/", None),
        ("gate-oncall-platform-01", "/watchbill/", None),
        ("gate-oncall-platform-0", "/watchbill/", None),
        ("gate-oncall-platform", "/watchbill/", None),
        ("set-fence-1", "/watchbill/", None),
        ("gate-oncall-platform-1234567", "/watchbill/", None),
    ],
)
def test_a_packed_policy_is_known_by_its_name(name, path, place):
    """Others' policies are no part of a family, whatever they are called."""
    assert place_of(PolicyState("arn", name, path, {})) == place
