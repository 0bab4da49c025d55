"""Reading into columns: the same as reading record by record, which is the oracle, and nothing of a record lost."""

import gzip
import json
import math
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.examples import examples
from tests.trails import assume_role, record, root, session, sign_in, user

from watchbill.trail.columns import FIELDS, Source, columns_of, joined, read_columns
from watchbill.trail.read import FileReading, read_file
from watchbill.trail.table import SCHEMA, event_of, record_of


KNOWN = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "readOnly",
    "resources",
    "eventType",
    "apiVersion",
    "managementEvent",
    "recipientAccountId",
    "sharedEventID",
    "vpcEndpointId",
    "eventCategory",
    "serviceEventDetails",
    "addendum",
    "insightDetails",
    "edgeDeviceDetails",
    "eventContext",
    "sessionCredentialFromConsole",
    "tlsDetails",
    "vpcEndpointAccountId",
    "unknown",
]
"""The fields that CloudTrail's documentation names, and one that it does not."""

TOKENS = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.50",
    "0.1000000000000000055",
    "123456789012345678901234567890",
    "1e400",
    '""',
    '"x"',
    '"\\u00e9"',
    '"\\ud83d\\ude00"',
    '"\\ud800"',
    '"tru\\u0065"',
    '"NaN"',
    "[]",
    "{}",
    '[null,""]',
    '{"a":{"b":[1,2.0,"c\\n"]}}',
    '{"a":1,"a":2}',
    "NaN",
    '"2026-01-12T08:00:00Z"',
    '"2026-01-12T08:00:00.25Z"',
    '"2026-01-12T09:00:00+01:00"',
    '"1999-01-12T08:00:00Z"',
    '"2099-12-31T23:59:59Z"',
    '"2100-01-01T00:00:00Z"',
    '"Failed\\u0020authentication"',
    '"AccessDenied"',
    '{"ConsoleLogin":"Failure"}',
    '{"ConsoleLogin":"Success"}',
    '{"MFAUsed":"Yes"}',
]
"""Values that a field may have, right and wrong ones, as JSON writes them."""

EVERYONE = (
    user("james"),
    session("oncall", "rick", "ASIARICK"),
    root(),
    sign_in(user("rick"))["userIdentity"],
    {"type": "Unknown"},
)


def written(fields):
    """Write a record of which each field is given as JSON text."""
    return "{" + ",".join(f"{json.dumps(name)}:{token}" for name, token in fields) + "}"


def whole(**fields):
    """Give a whole record, each field as JSON text."""
    return {name: json.dumps(value) for name, value in record(**fields).items()}


@st.composite
def records(draw):
    """Draw a record in which some fields have odd values, are gone, or come twice."""
    name = draw(st.sampled_from(["ec2:DescribeInstances", "signin:ConsoleLogin", "sts:AssumeRole"]))
    fields = whole(action=name, who=draw(st.sampled_from(EVERYONE)), event_id=str(draw(st.integers(0, 3))))
    odd = draw(st.lists(st.tuples(st.sampled_from(KNOWN), st.sampled_from(TOKENS)), max_size=3))
    gone = draw(st.sets(st.sampled_from(KNOWN), max_size=1))
    kept = [(field, token) for field, token in fields.items() if field not in gone]
    again = draw(st.lists(st.tuples(st.sampled_from(KNOWN), st.sampled_from(TOKENS)), max_size=1))
    return written(
        [*((f, dict(odd).get(f, t)) for f, t in kept), *(pair for pair in odd if pair[0] not in fields), *again]
    )


FILES = st.lists(
    st.builds(
        lambda found: ('{"Records":[' + ",".join(found) + "]}").encode("utf-8", "surrogatepass"),
        st.lists(records(), max_size=4),
    ),
    min_size=1,
    max_size=3,
)


def plain(event):
    """Give an event without fields that are null, which a table cannot tell from those that are not there."""
    said = {field: worded(value) for field, value in event.record.items() if value is not None}
    return replace(event, record=said)


def worded(value):
    """Write numbers that JSON has no word for as text, as a table does."""
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if isinstance(value, dict):
        return {key: worded(each) for key, each in value.items()}
    return [worded(each) for each in value] if isinstance(value, list) else value


def of_table(table):
    """Give the events of a table by where they were read."""
    found = {}
    for row in table.to_pylist():
        event = event_of(row)
        found[event.place] = plain(event)
    return found


def of_files(readings):
    """Give the events of readings by where they were read; instants as exact as a table has them."""
    found = {}
    for event in (event for reading in readings for event in reading.events):
        found[event.place] = plain(replace(event, at=event.at.replace(microsecond=event.at.microsecond // 1000 * 1000)))
    return found


def assert_the_same(files):
    """Hold the columns of some files to what is read of each record by record."""
    names = [f"file-{number}" for number in range(len(files))]
    found = read_columns([Source(name, data) for name, data in zip(names, files, strict=True)])
    readings = [read_file(name, data) for name, data in zip(names, files, strict=True)]
    assert of_table(found.table) == of_files(readings)
    assert len(found.table) == sum(len(reading.events) for reading in readings)
    assert [(f.name, f.records, f.events, f.readable, f.problems) for f in found.files] == [
        (name, r.records, len(r.events), r.readable, r.problems) for name, r in zip(names, readings, strict=True)
    ]
    identities = [found.identities[number] for number in found.who]
    assert identities == [event_of(row).identity for row in found.table.to_pylist()]
    return found


@given(FILES)
@examples(120, 800)
@example([b'{"Records":[' + written([*whole().items(), ("errorMessage", '""')]).encode() + b"]}"])
@example([b'{"Records":[' + written(whole().items()).encode() + b'],"Records":[]}'])
@example([b'{"Records":[' + written(whole().items()).encode() + b'],"Rec\\u006frds":[]}'])
@example(
    [
        b'{"Records":['
        + written([*whole(action="signin:ConsoleLogin").items(), ("additionalEventData", "1e400")]).encode()
        + b"]}"
    ]
)
@example([b' { "Records" : [' + written(whole().items()).encode() + b"] } \n"])
@example([b'{"Records":[' + written([*whole().items(), ("requestParameters", '"\xff"')]).encode("latin-1") + b"]}"])
def test_columns_are_what_is_read_record_by_record(files):
    """Whatever a field holds, and whatever lies beside it: the fast way and the plain one agree in every field."""
    assert_the_same(files)


@pytest.mark.parametrize(
    "stamp", ["2012-12-31T23:59:59Z", "2013-01-01T00:00:00Z", "2099-12-31T23:59:59Z", "2100-01-01T00:00:00Z"]
)
def test_times_that_cannot_be_are_refused_both_ways(stamp):
    """CloudTrail's years have a first and a last second, the same ones for both readers."""
    assert_the_same([json.dumps({"Records": [record(), record(event_id="odd", eventTime=stamp)]}).encode()])


@pytest.mark.parametrize("most", ["_AT_ONCE", "_A_PIECE"])
def test_much_is_made_into_columns_piece_by_piece(monkeypatch, most):
    """However few bytes are taken at once, the columns are the same."""
    files = [
        json.dumps({"Records": [record(event_id=f"{n}"), record(who=root(), event_id=f"r{n}")]}).encode()
        for n in range(5)
    ]
    whole = assert_the_same(files)
    monkeypatch.setattr("watchbill.trail.columns._A_PIECE", 1)
    monkeypatch.setattr(f"watchbill.trail.columns.{most}", 1)
    assert of_table(assert_the_same(files).table) == of_table(whole.table)


def test_clean_files_take_the_fast_way():
    """Records as CloudTrail writes them never need the slow reader, and every column of them is filled."""
    made = [
        record(),
        sign_in(user("rick")),
        assume_role(user("james"), "oncall", "james"),
        record(error="AccessDenied"),
    ]
    data = gzip.compress(json.dumps({"Records": made}).encode())

    def refuse(source):
        raise AssertionError(source.name)

    found = read_columns([Source("a", data)], reader=refuse)
    assert len(found.table) == len(made)
    assert found.table.schema == FIELDS


def test_an_odd_file_among_clean_ones_is_the_only_one_read_slowly():
    """One bad file costs its neighbours nothing: each of the others is decoded in bulk."""
    clean = [json.dumps({"Records": [record(event_id=f"{n}")]}).encode() for n in range(9)]
    odd = json.dumps({"Records": [record(event_id="odd", userAgent="")]}).encode()
    asked = []

    def slow(source):
        asked.append(source.name)
        return read_file(source.name, source.data)

    sources = [Source(f"{n}", data) for n, data in enumerate([*clean[:5], odd, *clean[5:]])]
    found = read_columns(sources, reader=slow)
    assert asked == ["5"]
    assert len(found.table) == 10
    assert [tally.name for tally in found.files] == [f"{n}" for n in range(10)]


def test_texts_are_the_bytes_of_the_record():
    """A text of JSON is evidence: numbers, escapes and double keys stand as AWS wrote them."""
    odd = '{"big":123456789012345678901234567890,"small":0.1000000000000000055,"twice":1,"twice":2,"e":"\\u00e9"}'
    fields = [(name, odd if name == "requestParameters" else token) for name, token in whole().items()]
    found = read_columns([Source("a", b'{"Records":[' + written(fields).encode() + b"]}")])
    assert found.table["request_parameters"].to_pylist() == [odd]


def test_what_has_no_column_is_kept_beside_them():
    """Fields that few records have, and those of tomorrow, come back with the record."""
    made = record(addendum={"reason": "DELIVERY_DELAY"}, sessionCredentialFromConsole="true", newField=[1])
    found = read_columns([Source("a", json.dumps({"Records": [made]}).encode())])
    (row,) = found.table.to_pylist()
    assert record_of(row) == {field: value for field, value in made.items() if value is not None}


def test_no_files_give_an_empty_table():
    """Nothing read is a table without rows, not an error; so is a file without records."""
    assert len(read_columns([]).table) == 0
    found = read_columns([Source("a", b'{"Records":[]}')])
    assert (len(found.table), found.files[0].readable) == (0, True)


def test_columns_joined_keep_their_identities():
    """Rows point at the same identity when tables of several readings are put together."""
    one = read_columns([Source("a", json.dumps({"Records": [record(), record(who=root(), event_id="r")]}).encode())])
    two = read_columns(
        [Source("b", json.dumps({"Records": [record(who=root(), event_id="s"), record(event_id="t")]}).encode())]
    )
    both = joined([one, two])
    assert [both.identities[number].type for number in both.who] == ["IAMUser", "Root", "Root", "IAMUser"]
    assert both.table["id"].to_pylist() == one.table["id"].to_pylist() + two.table["id"].to_pylist()
    assert len(both.identities) == 2


def test_every_column_can_be_written_as_parquet(tmp_path):
    """What is made in bulk is a table of the schema that the lake keeps, to the type."""
    empty = joined([columns_of(FileReading((), 0, (), readable=True), "a", "0")])
    assert [field.name for field in empty.table.schema] == [field.name for field in FIELDS]
    assert set(FIELDS.names) < set(SCHEMA.names)
    assert isinstance(empty.table, pa.Table)


@pytest.mark.parametrize("name", ["invictus", "stratus", "traildiscover"])
def test_real_trails_are_the_same_both_ways(data_dir, name):
    """Every record of the public sets, as published and as CloudTrail would deliver it, agrees field by field."""
    files = [path.read_bytes() for path in sorted((data_dir / "cloudtrail" / name).rglob("*.json*"))]
    assert_the_same(files)
    events = [event.record for number, data in enumerate(files) for event in read_file(f"{number}", data).events]
    assert_the_same([json.dumps({"Records": events}, separators=(",", ":")).encode()])
