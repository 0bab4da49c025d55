"""The bytes of records, kept in the lake: what was delivered, through everything that a row goes through."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from tests.lakes import AT, delivery, log, rows, taken_in
from tests.teams import MONDAY, team
from tests.trails import assume_role, record, session, user

from watchbill.lake.export import export
from watchbill.lake.iceberg import iceberg
from watchbill.lake.place import Lake
from watchbill.lake.raw import keep_raw, kept_raw
from watchbill.lake.seal import seal
from watchbill.lake.sql import run
from watchbill.service.questions import files_of
from watchbill.trail.forms import Hosts
from watchbill.trail.table import SCHEMA


ODD = b'[{"eventID": "odd",\n "eventTime":"2026-01-12T00:00:00Z", "eventName":"X", "n": 1.50}, {"no": "event"}]'
LINE = b"Jan 12 09:00:00 web-1 sudo: james : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls"
LATER = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path):
    """Give a lake that keeps the bytes of records, and one event from before it did."""
    taken_in(tmp_path, [delivery("before", log([record(event_id="before", at=MONDAY)]))], team())
    with contextlib.closing(Lake(tmp_path)) as found:
        keep_raw(found, kept=True)
        yield found


def raws(lake):
    """Give the bytes that each row has, by event id."""
    return {row["id"]: row.get("raw") for row in rows(lake.folder)}


@pytest.mark.parametrize("beside", [0, 1])
def test_the_bytes_are_those_that_were_delivered(lake, beside):
    """Of clean files and odd ones, to the letter; what came before has none."""
    made = [record(event_id=f"e{n}", at=MONDAY + timedelta(days=n)) for n in range(3)]
    taken_in(lake.folder, [delivery("a", log(made)), delivery("b", ODD)], team(), beside=beside)
    found = raws(lake)
    assert {key: json.loads(found[key]) for key in ("e0", "e1", "e2")} == {each["eventID"]: each for each in made}
    assert found["odd"] == ODD[1 : ODD.index(b", {")]
    assert found["before"] is None


def test_a_line_of_a_host_is_kept_as_it_is(lake):
    """A host's record is its line."""
    taken_in(lake.folder, [delivery("auth.log", b"\n" + LINE + b"\n")], team(), hosts=Hosts(AT))
    assert set(raws(lake).values()) == {None, LINE}


def test_the_bytes_stay_through_naming_and_sealing(lake):
    """Rows written anew because somebody's name came out, and put together with rows that have none, keep theirs."""
    acts = record(who=session("oncall", "x", "ASIAONE"), at=MONDAY, event_id="acts")
    taken_in(lake.folder, [delivery("a", log([acts]))], team())
    opens = assume_role(user("james"), "oncall", "ASIAONE", MONDAY, event_id="opens")
    assert taken_in(lake.folder, [delivery("b", log([opens]))], team()).renamed == 1
    seal(lake, LATER)
    found = raws(lake)
    assert (json.loads(found["acts"]), json.loads(found["opens"]), found["before"]) == (acts, opens, None)
    assert sorted(iceberg(lake.folder).scan(selected_fields=("id",)).to_arrow()["id"].to_pylist()) == sorted(found)
    assert kept_raw(lake, "acts", acts["recipientAccountId"]) == found["acts"]
    assert kept_raw(lake, "acts", "another") is None
    assert kept_raw(lake, "none", None) is None


def test_questions_and_exports_do_not_mind(lake, tmp_path):
    """Files with the column and without it are one table."""
    taken_in(lake.folder, [delivery("a", log([record(event_id="after")]))], team())
    answer = run(files_of(lake), "SELECT id, raw IS NULL AS none FROM events ORDER BY id")
    assert answer.table.to_pylist() == [{"id": "after", "none": False}, {"id": "before", "none": True}]
    assert export(files_of(lake), tmp_path / "all.parquet", "parquet", None, None) == 2
    assert pq.read_table(tmp_path / "all.parquet").schema.names == SCHEMA.names


def test_it_can_be_ended(lake):
    """From then on rows have none; those that have it keep it."""
    taken_in(lake.folder, [delivery("a", log([record(event_id="with")]))], team())
    keep_raw(lake, kept=False)
    taken_in(lake.folder, [delivery("b", log([record(event_id="without")]))], team())
    found = raws(lake)
    assert (found["with"] is None, found["without"]) == (False, None)
