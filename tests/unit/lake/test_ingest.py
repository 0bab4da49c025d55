"""Taking objects in: each event once, whatever is delivered in what order, how often, how late, how damaged."""

import contextlib
import json
import multiprocessing
import os
import random
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.lakes import age, delivery, log, rows, table, taken_in
from tests.teams import MONDAY, team
from tests.trails import assume_role, other_account, record, session, user

from watchbill.errors import ProviderError, RefusedError
from watchbill.lake.delivery import Delivery
from watchbill.lake.manifest import Manifest
from watchbill.lake.place import Lake


RECORDS = [
    *(
        record(event_id=f"e{n}", at=MONDAY + timedelta(hours=9 * n), who=user("james" if n % 2 else "rick"))
        for n in range(6)
    ),
    assume_role(user("james"), "oncall", "ASIAONE", MONDAY + timedelta(hours=1), event_id="opens"),
    record(who=session("oncall", "x", "ASIAONE"), at=MONDAY + timedelta(hours=2), event_id="acts"),
    record(who=session("oncall", "x", "ASIAONE"), at=MONDAY + timedelta(hours=30), event_id="acts-next-day"),
    record(who=session("oncall", "y", "ASIANONE"), at=MONDAY + timedelta(hours=3), event_id="nobody"),
]
"""Records over three days, of people and of a session that another record opens."""


@st.composite
def arrivals(draw):
    """Draw files of the records, each in one file at least, in some order, and how they come: in which runs, cut short."""
    order = draw(st.permutations(range(len(RECORDS))))
    again = draw(st.lists(st.sampled_from(range(len(RECORDS))), max_size=6))
    cuts = sorted(draw(st.sets(st.integers(1, len(RECORDS) + len(again) - 1), max_size=5)))
    pieces, start = [], 0
    for cut in [*cuts, len(RECORDS) + len(again)]:
        pieces.append([RECORDS[n] for n in [*order, *again][start:cut]])
        start = cut
    cut_short = draw(st.sets(st.integers(0, len(pieces) - 1), max_size=2))
    run = [draw(st.integers(0, 2)) for _ in pieces]
    return [(f"f{draw(st.integers(0, 9))}-{n}", log(piece), n in cut_short, run[n]) for n, piece in enumerate(pieces)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Give the table of all records in one clean file."""
    folder = tmp_path_factory.mktemp("whole")
    taken_in(folder, [delivery("all", log(RECORDS))], team())
    return table(folder)


@given(arrivals())
@examples(10, 40)
def test_any_delivery_gives_the_same_table(whole, tmp_path_factory, drawn):
    """Order, repetition, splitting, lateness, and files that come cut short and whole later: one and the same table."""
    folder = tmp_path_factory.mktemp("lake")
    counted = 0
    for run in range(3):
        came = [
            delivery(n, data[: len(data) * 2 // 3] if cut else data, "cut" if cut else "1")
            for n, data, cut, r in drawn
            if r == run
        ]
        counted += taken_in(folder, came, team()).events
    counted += taken_in(folder, [delivery(name, data, "1") for name, data, _, _ in drawn], team()).events
    assert table(folder) == whole
    assert counted == len(RECORDS)
    shutil.rmtree(folder)


def test_the_table_has_each_record_whole(whole):
    """What went in comes out, field by field, with who it was."""
    said = {found["eventID"]: found for _, found, _ in whole}
    assert said == {made["eventID"]: {k: v for k, v in made.items() if v is not None} for made in RECORDS}


def test_what_was_read_is_not_read_again(tmp_path):
    """An object of a known name and version is not even fetched; another version of it is."""
    data = log(RECORDS)
    assert taken_in(tmp_path, [delivery("a", data)]).events == len(RECORDS)

    def refuse():
        raise AssertionError

    again = taken_in(tmp_path, [Delivery("a", "1", len(data), refuse)])
    assert (again.objects, again.events) == (0, 0)
    other = taken_in(tmp_path, [delivery("a", data, "2")])
    assert (other.objects, other.events, other.duplicates) == (1, 0, len(RECORDS))


def test_every_record_is_accounted_for(tmp_path):
    """Records are events, duplicates or unreadable, and each object says what is wrong with it."""
    bad = json.dumps({"Records": [RECORDS[0], {"eventID": "x"}, RECORDS[0]]}).encode()
    found = taken_in(tmp_path, [delivery("a", log(RECORDS)), delivery("b", bad), delivery("c", b"\x1f\x8bnothing")])
    assert (found.objects, found.records, found.events) == (3, len(RECORDS) + 3, len(RECORDS))
    assert (found.duplicates, found.unreadable_records, found.unreadable_objects) == (2, 1, 1)
    assert {problem.file for problem in found.problems} == {"b", "c"}
    lake = Lake(tmp_path)
    assert [(row.name, row.readable) for row in lake.manifest.objects(flawed=True)] == [("b", True), ("c", False)]
    assert lake.manifest.totals() == {
        "objects": 3,
        "records": len(RECORDS) + 3,
        "events": len(RECORDS) + 2,
        "duplicates": 2,
    }
    lake.close()


def test_what_cannot_be_fetched_is_tried_again(tmp_path):
    """An object that could not be had is named, and costs no other; the next run takes it."""

    def broken():
        raise ProviderError("gone")

    found = taken_in(tmp_path, [Delivery("a", "1", 1, broken), delivery("b", log(RECORDS[:2]))])
    assert (found.events, found.unreadable_objects) == (2, 1)
    assert [problem.file for problem in found.problems] == ["a"]
    assert taken_in(tmp_path, [delivery("a", log(RECORDS[2:]))]).events == len(RECORDS) - 2


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_two_records_of_one_event_are_both_kept(tmp_path, together, reverse):
    """Whoever forges a record with the id of another cannot make that one disappear, nor hide that there are two."""
    true = record(event_id="same", error="AccessDenied")
    files = [delivery("a", log([true])), delivery("b", log([{**true, "errorCode": None}])), delivery("c", log([true]))]
    files = files[::-1] if reverse else files
    found = [taken_in(tmp_path, files)] if together else [taken_in(tmp_path, [each]) for each in files]
    assert sorted(row["outcome"] for row in rows(tmp_path)) == ["allowed", "denied"]
    assert sum(each.duplicates for each in found) == 1
    assert {problem.code for each in found for problem in each.problems} == {"two-records-one-id"}


def test_an_event_of_two_accounts_is_two(tmp_path):
    """The same id in the trails of two accounts is two records of one call, and both count."""
    made = record(event_id="shared")
    other = {**made, "recipientAccountId": "222222222222", "userIdentity": other_account()}
    assert taken_in(tmp_path, [delivery("a", log([made, other]))]).events == 2


def test_who_it_was_is_told_later(tmp_path):
    """What a session did before its AssumeRole arrived is nobody's, and becomes the person's when it does."""
    late, early = RECORDS[6:7], RECORDS[7:9]
    first = taken_in(tmp_path, [delivery("a", log(early))], team())
    assert [row["person"] for row in rows(tmp_path)] == [None, None]
    second = taken_in(tmp_path, [delivery("b", log(late))], team())
    # Two days in a row share a file.
    assert (first.renamed, second.renamed) == (0, 1)
    assert [row["person"] for row in rows(tmp_path)] == ["james"] * 3
    assert [row["method"] for row in rows(tmp_path)] == ["iam-user", "key-chain", "key-chain"]


def test_a_chain_of_roles_is_told_link_by_link(tmp_path):
    """Each link may come in a run of its own, the last one first."""
    links = [
        assume_role(user("james"), "first", "ASIAFIRST", event_id="one"),
        assume_role(session("first", "x", "ASIAFIRST"), "second", "ASIASECOND", event_id="two"),
        assume_role(session("second", "y", "ASIASECOND"), "third", "ASIATHIRD", event_id="three"),
        record(who=session("third", "z", "ASIATHIRD"), event_id="acts"),
    ]
    for number, link in enumerate(reversed(links)):
        taken_in(tmp_path, [delivery(f"{number}", log([link]))], team())
    assert {row["person"] for row in rows(tmp_path)} == {"james"}


def test_one_lake_is_changed_by_one_process(tmp_path):
    """A second ingest into the same lake is refused while the first one runs."""
    lake = Lake(tmp_path)
    with lake.held(), pytest.raises(RefusedError, match="another process"):
        taken_in(tmp_path, [delivery("a", log(RECORDS))])
    lake.close()


def test_a_lake_of_another_version_is_refused(tmp_path):
    """A manifest that this watchbill cannot read is left as it is."""
    manifest = Manifest(tmp_path)
    with manifest.transaction() as connection:
        manifest.note(connection, "version", "0")
    manifest.close()
    with pytest.raises(ProviderError, match="version 0"):
        Lake(tmp_path)
    (tmp_path / "manifest.db").write_bytes(b"no database at all, but long enough to look like one" * 99)
    with pytest.raises(ProviderError, match="no manifest"):
        Lake(tmp_path)


def test_processes_side_by_side_give_the_same_table(tmp_path):
    """Two processes that read at once, with duplicates among their batches, agree with one that reads alone."""
    chance = random.Random(7)
    made = [
        record(event_id=f"e{n}", at=MONDAY + timedelta(minutes=7 * n), who=user(chance.choice(["james", "rick"])))
        for n in range(400)
    ]
    files = [delivery(f"{n:03}", log(chance.sample(made, 60))) for n in range(40)] + [delivery("z", log(made))]
    taken_in(tmp_path / "alone", files, team())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 3)
        found = taken_in(tmp_path / "beside", files, team(), beside=2)
    assert (found.events, found.duplicates) == (400, 40 * 60)
    assert table(tmp_path / "beside") == table(tmp_path / "alone")


CALLS = ("os.fsync", "pathlib.Path.replace", "sqlalchemy.engine.base.RootTransaction.commit")
"""What makes something last: each is a point at which a process may be killed, before it or after it."""


def _killed(folder, files, call, after, number):
    """Take files in, and kill this process at the so-many-th call of one of what makes something last."""
    seen = 0
    owner, name = call.rsplit(".", 1)
    holder = {"os": os, "pathlib.Path": Path}.get(owner)
    if holder is None:
        from sqlalchemy.engine.base import RootTransaction as holder  # noqa: N813, PLC0415
    true = getattr(holder, name)

    def counted(*given, **more):
        nonlocal seen
        seen += 1
        if seen == number and not after:
            os._exit(9)
        result = true(*given, **more)
        if seen == number:
            os._exit(9)
        return result

    setattr(holder, name, counted)
    for each in files:
        taken_in(folder, [delivery(*each)], team())
    os._exit(0)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_every_write_nothing_is_lost_nor_doubled(whole, tmp_path, call, after):
    """Wherever a run is killed, the next one makes the same table, and leaves no file behind that is not part of it."""
    opened = next(n for n, made in enumerate(RECORDS) if made["eventID"] == "opens")
    late = [RECORDS[opened]]
    files = [("a", log([each for each in RECORDS if each not in late])), ("b", log(RECORDS[:4])), ("c", log(late))]
    context = multiprocessing.get_context("fork")
    for number in range(1, 60):
        folder = tmp_path / f"{number}"
        process = context.Process(target=_killed, args=(folder, files, call, after, number))
        process.start()
        process.join()
        taken_in(folder, [delivery(*each) for each in files], team())
        assert table(folder) == whole, number
        age(folder)
        taken_in(folder, [], team())
        with contextlib.closing(Lake(folder)) as lake:
            listed = {part.name for part in lake.manifest.parts()}
        assert {path.name for path in (folder / "events").iterdir()} == listed, number
        if process.exitcode == 0:
            break
    else:
        pytest.fail("it was never left to finish")
    assert number > 3
