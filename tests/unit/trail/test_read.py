"""Reading trail files: whatever the bytes are, every record is an event, a repetition or a problem with its place."""

import gzip
import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.teams import MONDAY, STAGING
from tests.trails import after, document, event, reading, record, root, session, sign_in, stamp, user, zipped

from watchbill.trail.model import Outcome, Place
from watchbill.trail.read import combine, read_file


ONE, TWO, THREE = (record("ec2:StopInstances", at=after(hour), event_id=f"e{hour}") for hour in (1, 2, 3))
"""Three records that are well."""


def text(*records):
    """Write records as JSON lines."""
    return b"\n".join(json.dumps(each).encode() for each in records)


def ids(found):
    """Name the events that were read."""
    return [each.id for each in found.events]


def damaged(raw):
    """Write three records as an envelope and as lines, the second with some raw text as the value of `x`."""
    second = json.dumps(TWO).encode()[:-1] + b', "x": ' + raw + b"}"
    written = [json.dumps(ONE).encode(), second, json.dumps(THREE).encode()]
    return b'{"Records": [' + b", ".join(written) + b"]}", b"\n".join(written)


def flipped(data, position):
    """Damage one byte."""
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


def adds_up(tally):
    """Tell whether every record is accounted for."""
    return tally.records == tally.distinct + tally.duplicates + tally.unreadable_records


# --- the forms a trail comes in ------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        document(ONE, TWO, THREE),
        zipped(ONE, TWO, THREE),
        b"\xef\xbb\xbf" + document(ONE, TWO, THREE),
        gzip.compress(b"\xef\xbb\xbf" + document(ONE, TWO, THREE), mtime=0),
        b"\n\t " + document(ONE, TWO, THREE) + b"\r\n",
        json.dumps({"Records": [ONE, TWO, THREE]}, indent=2).encode(),
        json.dumps([ONE, TWO, THREE]).encode(),
        text(ONE, TWO, THREE),
        text(ONE, TWO, THREE).replace(b"\n", b"\r\n") + b"\r\n\r\n",
        gzip.compress(document(ONE, TWO, THREE)[:700], mtime=0)
        + gzip.compress(document(ONE, TWO, THREE)[700:], mtime=0),
        zipped(ONE, TWO, THREE) + b"\0" * 512,
        zipped(ONE) + zipped(TWO, THREE),
        document(ONE) + document(TWO, THREE),
        document(ONE) + b"\n" + document(TWO) + b"\n" + document(THREE) + b"\n",
        json.dumps([ONE]).encode() + b"\n" + json.dumps([TWO, THREE]).encode(),
    ],
    ids=[
        "plain",
        "gzip",
        "byte order mark",
        "byte order mark in gzip",
        "white space",
        "indented",
        "array",
        "lines",
        "lines of Windows",
        "members that cut the document",
        "padded gzip",
        "members that are documents",
        "documents",
        "lines of documents",
        "arrays",
    ],
)
def test_every_form_gives_the_same_events(data):
    """AWS, tools and people write the same records in many forms."""
    found = read_file("t.json", data)
    assert ids(found) == ["e1", "e2", "e3"]
    assert [each.place for each in found.events] == [Place("t.json", index) for index in range(3)]
    assert [each.record for each in found.events] == [ONE, TWO, THREE]
    assert (found.records, found.problems, found.readable) == (3, (), True)


@pytest.mark.parametrize("indent", [None, 2])
def test_one_event_may_be_a_file(indent):
    """Collections of examples keep one event a file, indented or not."""
    assert ids(read_file("t.json", json.dumps(ONE, indent=indent).encode())) == ["e1"]


@pytest.mark.parametrize("data", [document(), b"[]", zipped()])
def test_a_trail_without_records_is_read(data):
    """A quiet quarter of an hour is no problem."""
    found = read_file("t.json", data)
    assert (found.events, found.records, found.problems, found.readable) == ((), 0, (), True)


# --- what is no trail ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"# A README\n\nRead me.", "no JSON"),
        (b"<!DOCTYPE html><html><body>Access Denied</body></html>", "no JSON"),
        (b"\x00\x01\x02\x03", "no JSON"),
        (json.dumps({"Records": [ONE]}).encode("utf-16"), "no JSON"),
        (b"eventID,eventTime\ne1,2026-01-12T00:00:00Z\n", "no JSON"),
        (b"null", "no JSON"),
        (b'{"digestStartTime": "2026-01-12T00:00:00Z", "logFiles": []}', "digest"),
        (b'{"Version": "2012-10-17", "Statement": []}', "neither Records nor eventID"),
        (b'{"Records": 5}', "neither Records nor eventID"),
        (b"{", "no CloudTrail log"),
        (json.dumps(ONE).encode()[:-40], "no CloudTrail log"),
        (b"[1, 2, 3]", "nothing in it"),
        (b"[1, 2,", "nothing in it"),
        (b'[{"id": 1}, {"id": 2}]', "nothing in it"),
        (b'{"level": "info"}\n{"level": "warn"}\n', "nothing in it"),
        (zipped(ONE)[:12], "cut short"),
        (b"\x1f\x8b\x08", "cut short"),
        (b"\x1f\x8bnot gzip at all", "damaged gzip"),
    ],
)
def test_what_is_no_trail_is_said_with_its_name(data, word):
    """A file that gives nothing is one problem that names it and says why."""
    found = read_file("dir/t.json", data)
    (problem,) = found.problems
    assert (problem.code, problem.file) == ("unreadable-file", "dir/t.json")
    assert word in problem.message
    assert (found.events, found.records, found.readable) == ((), 0, False)


# --- records that are bad ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "code", "word"),
    [
        ({**TWO, "eventID": None}, "no-event-id", "no eventID"),
        ({**TWO, "eventID": ""}, "no-event-id", "no eventID"),
        ({**TWO, "eventID": 7}, "no-event-id", "no eventID"),
        ({k: v for k, v in TWO.items() if k != "eventID"}, "no-event-id", "no eventID"),
        ({k: v for k, v in TWO.items() if k != "eventTime"}, "no-event-time", "no eventTime"),
        ({**TWO, "eventTime": 1768212000}, "no-event-time", "no eventTime"),
        ({**TWO, "eventTime": "yesterday"}, "no-event-time", "`yesterday`"),
        ({**TWO, "eventTime": "2026-01-12T02:00:00"}, "no-event-time", "`2026-01-12T02:00:00`"),
        ({**TWO, "eventTime": "2026-02-30T02:00:00Z"}, "no-event-time", "`2026-02-30T02:00:00Z`"),
        ({**TWO, "eventTime": "0001-01-01T00:00:00+23:59"}, "no-event-time", "`0001-01-01T00:00:00+23:59`"),
        ({**TWO, "eventTime": "9999-12-31T23:59:59-23:59"}, "no-event-time", "`9999-12-31T23:59:59-23:59`"),
        ({**TWO, "eventTime": "1970-01-01T00:00:00Z"}, "no-event-time", "`1970-01-01T00:00:00Z`"),
        ({**TWO, "eventTime": "x" * 100_000}, "no-event-time", "`xxx"),
        (["e2"], "unreadable-record", "no JSON object"),
        ("e2", "unreadable-record", "no JSON object"),
        (None, "unreadable-record", "no JSON object"),
        (2, "unreadable-record", "no JSON object"),
    ],
)
def test_a_bad_record_costs_only_itself(bad, code, word):
    """Its neighbours are events, and the problem names file and record, or line, and the event where it can."""
    for data, line in ((document(ONE, bad, THREE), None), (text(ONE, bad, THREE), 2)):
        found = read_file("t.json", data)
        assert ids(found) == ["e1", "e3"]
        assert found.records == 3
        (problem,) = found.problems
        assert (problem.code, problem.file, problem.line) == (code, "t.json", line)
        assert word in problem.message
        assert problem.message.startswith("record 1: ") is (line is None)
        assert problem.event_id == ("e2" if code == "no-event-time" else None)
        assert len(str(problem)) < 300


@pytest.mark.parametrize(
    "raw",
    [b"nope", b"1" * 5000, b"[" * 3000 + b"]" * 3000, b"[", b"}", b'{"a": [}', b"'a'", b"", b"1 2"],
    ids=["word", "endless number", "deep", "open", "closed", "crossed", "single quotes", "nothing", "two values"],
)
def test_broken_json_costs_only_its_record(raw):
    """A list that no JSON reader takes is split by its brackets; records around the broken one are whole."""
    for data, line in zip(damaged(raw), (None, 2), strict=True):
        found = read_file("t.json", data)
        assert {"e1", "e3"} <= set(ids(found)), found.problems
        assert found.records == len(found.events) + len(found.problems) == 3
        assert all(problem.file == "t.json" and problem.line == line for problem in found.problems)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"\\ud800"', "\ufffd"),
        (b'{"\\udfffa": "\\ud83d\\ude00 \\ude00\\ud83d"}', {"\ufffda": "\U0001f600 \ufffd\ufffd"}),
        (b'"\\\\ud800"', "\\ud800"),
        (b'"\\u202egnp.exe"', "\u202egnp.exe"),
        (b'"\\u0000"', "\0"),
        (b'"a\x01b\tc"', "a\x01b\tc"),
        (b"Infinity", float("inf")),
        (b"1e999", float("inf")),
        (b'"\xff"', "\ufffd"),
        (b'"]}, {[\\" \\\\"', ']}, {[" \\'),
        ('"\U0001f600 \u200b"'.encode(), "\U0001f600 \u200b"),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
    ids=[
        "surrogate",
        "surrogates and a pair",
        "escaped backslash",
        "right to left",
        "NUL",
        "control",
        "infinity",
        "huge",
        "no UTF-8",
        "brackets",
        "emoji",
        "big",
        "twice",
    ],
)
def test_odd_values_are_kept_as_they_are(raw, value):
    """What a strict reader refuses is no harm: it stays in the record, but for text that nothing could print."""
    for data in (*damaged(raw), gzip.compress(damaged(raw)[0], mtime=0)):
        found = read_file("t.json", data)
        assert ids(found) == ["e1", "e2", "e3"], found.problems
        assert found.events[1].record["x"] == value
        assert not found.problems
        json.dumps(found.events[1].record, ensure_ascii=False).encode()


def test_not_a_number_is_kept():
    """NaN is no JSON, but the record is."""
    for data in damaged(b"NaN"):
        found = read_file("t.json", data)
        assert ids(found) == ["e1", "e2", "e3"]
        assert math.isnan(found.events[1].record["x"])


def test_the_line_is_the_line_of_the_file():
    """Empty lines count, so that an editor finds the bad one."""
    found = read_file("t.json", b"\n" + text(ONE) + b"\n\n\n{oops\n" + text(THREE))
    assert ids(found) == ["e1", "e3"]
    assert [str(problem)[:18] for problem in found.problems] == ["t.json:5 no JSON: "]


# --- files that break off ------------------------------------------------------------------------


def test_a_document_that_breaks_off_anywhere_keeps_its_whole_records():
    """A download that was cut loses the record it was cut in, and says so, wherever the cut is."""
    whole = document(ONE, TWO, THREE)
    begins = whole.index(b"[") + 1
    ends = [whole.index(json.dumps(each).encode()) + len(json.dumps(each)) for each in (ONE, TWO, THREE)]
    for cut in range(begins, len(whole) - 1):
        found = read_file("t.json", whole[:cut])
        assert ids(found) == [f"e{n}" for n, end in enumerate(ends, start=1) if end <= cut]
        assert found.records - len(found.events) in (0, 1)
        assert found.problems[0].code == "damaged-file"
        assert all(problem.file == "t.json" for problem in found.problems)


def test_what_follows_the_end_is_said():
    """Bytes after the document are neither an event nor passed over."""
    found = read_file("t.json", document(ONE, TWO) + b" and more")
    assert ids(found) == ["e1", "e2"]
    assert found.records == 3
    assert [problem.code for problem in found.problems] == ["damaged-file", "unreadable-record"]


def test_gzip_that_is_cut_short_keeps_what_came_before():
    """However much of it is there: events are the first ones, and the file is named."""
    many = [record(at=after(n), event_id=f"e{n:03}") for n in range(200)]
    packed = zipped(*many)
    counts = []
    for cut in range(20, len(packed) - 1, len(packed) // 20):
        found = read_file("t.json.gz", packed[:cut])
        assert ids(found) == [f"e{n:03}" for n in range(len(found.events))]
        assert found.problems[0].file == "t.json.gz"
        assert "cut short" in found.problems[0].message
        counts.append(len(found.events))
    assert counts == sorted(counts)
    assert counts[-1] > 150


def test_gzip_that_is_damaged_keeps_what_came_before():
    """A wrong checksum loses nothing; a broken middle keeps the beginning."""
    many = [record(at=after(n), event_id=f"e{n:03}") for n in range(200)]
    packed = zipped(*many)
    checked = read_file("t.gz", flipped(packed, len(packed) - 7))
    assert len(checked.events) == 200
    assert [problem.code for problem in checked.problems] == ["damaged-gzip"]
    broken = read_file("t.gz", zipped(*many[:100]) + flipped(zipped(*many[100:]), 10))
    assert ids(broken)[:100] == [f"e{n:03}" for n in range(100)]
    assert broken.problems[0].code == "damaged-gzip"


def test_what_follows_gzip_is_said():
    """Bytes that are no gzip after the last member are named, the events kept."""
    found = read_file("t.gz", zipped(ONE) + b"junk")
    assert ids(found) == ["e1"]
    assert "after the end" in found.problems[0].message


@pytest.mark.parametrize("members", [1, 50])
def test_a_bomb_stops_at_the_limit(members):
    """What inflates past the limit is cut there, over all members together, and what came before is kept."""
    padding = gzip.compress(b" " * 1_000_000, mtime=0) * members
    found = read_file("t.gz", zipped(ONE, TWO) + padding, limit=900_000)
    assert ids(found) == ["e1", "e2"]
    assert [problem.code for problem in found.problems] == ["damaged-gzip"]
    assert "more than 900000 bytes" in found.problems[0].message


def test_a_file_of_the_limit_is_whole():
    """The limit itself is allowed, one byte more is not."""
    size = len(document(ONE))
    assert not read_file("t.gz", zipped(ONE), limit=size).problems
    assert read_file("t.gz", zipped(ONE), limit=size - 1).problems


# --- size ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5_000_000, pytest.param(100_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("make", "events"),
    [
        (lambda n: document(ONE, {**TWO, "userAgent": "x" * n}, THREE), ["e1", "e2", "e3"]),
        (lambda n: text(ONE, {**TWO, "userAgent": "x" * n}, THREE), ["e1", "e2", "e3"]),
        (lambda n: text(ONE) + b"\n{" + b"x" * n + b"\n" + text(THREE), ["e1", "e3"]),
        (lambda n: document(ONE)[:-2] + b", " + b"[" * n, ["e1"]),
        (lambda n: document(ONE)[:-2] + b', "' + b'\\"' * (n // 2), ["e1"]),
        (lambda n: document(ONE)[:-2] + b" " * n, ["e1"]),
        (lambda n: zipped(ONE) + gzip.compress(b"", mtime=0) * (n // 20), ["e1"]),
    ],
    ids=["value", "value in a line", "line", "brackets", "escapes", "blanks", "members"],
)
def test_a_very_long_line_is_read_or_named(make, events, size):
    """Time grows with size and no faster, whatever the bytes: a file that would not end is not met."""
    found = read_file("t.json", make(size))
    assert ids(found) == events
    assert found.records == len(events) + sum(problem.code == "unreadable-record" for problem in found.problems)


# --- what is in an event -------------------------------------------------------------------------


def test_an_event_has_what_the_record_says():
    """Each field of a record where the rest of watchbill looks for it."""
    made = record(
        "rds:RebootDBInstance",
        session("oncall-platform", "james", "ASIA1", path="/watchbill/", began=after(18), source_identity="james"),
        after(20),
        account=STAGING,
        error="AccessDenied",
    )
    found = event(made)
    assert (found.id, found.at) == (made["eventID"], after(20))
    assert (found.source, found.name, found.region) == ("rds.amazonaws.com", "RebootDBInstance", "eu-west-1")
    assert (found.account, found.ip, found.user_agent) == (STAGING, made["sourceIPAddress"], made["userAgent"])
    assert (found.outcome, found.error_code) == (Outcome.DENIED, "AccessDenied")
    assert (found.read_only, found.type) == (False, "AwsApiCall")
    who = found.identity
    assert (who.type, who.account, who.access_key) == ("AssumedRole", "111111111111", "ASIA1")
    assert (who.session_name, who.source_identity) == ("james", "james")
    assert who.issuer_arn == "arn:aws:iam::111111111111:role/watchbill/oncall-platform"
    assert (who.session_began, who.mfa, who.user_name) == (after(18), None, None)


@pytest.mark.parametrize("identity", [None, {}, "james", [], 7])
def test_a_record_may_name_nobody(identity):
    """Service events and some examples have no userIdentity, or nothing in it: that is an event all the same."""
    found = event({**ONE, "userIdentity": identity})
    assert found.identity.type is None
    assert found.identity.arn is None
    assert found.account == "111111111111"


def test_a_record_needs_no_more_than_an_id_and_a_time():
    """Everything else may be missing, and is then unknown, not a guess."""
    found = event({"eventID": "e", "eventTime": stamp(MONDAY)})
    assert (found.source, found.name, found.account) == ("", "", "")
    assert (found.ip, found.user_agent, found.error_code, found.read_only, found.type) == (None,) * 5
    assert found.outcome is Outcome.ALLOWED


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, Outcome.ALLOWED),
        ({"errorCode": "AccessDenied"}, Outcome.DENIED),
        ({"errorCode": "AccessDeniedException"}, Outcome.DENIED),
        ({"errorCode": "Client.UnauthorizedOperation"}, Outcome.DENIED),
        ({"errorCode": "NotAuthorized"}, Outcome.DENIED),
        ({"errorCode": "Forbidden"}, Outcome.DENIED),
        ({"errorCode": "ThrottlingException"}, Outcome.FAILED),
        ({"errorCode": "NoSuchEntityException"}, Outcome.FAILED),
        ({"errorMessage": "Failed authentication"}, Outcome.FAILED),
        ({"responseElements": {"ConsoleLogin": "Failure"}}, Outcome.FAILED),
        ({"responseElements": {"ConsoleLogin": "Success"}}, Outcome.ALLOWED),
    ],
)
def test_the_outcome_is_told_by_the_error(fields, outcome):
    """AWS has many words for a refusal; a failure is not one."""
    assert event({**ONE, **fields}).outcome is outcome


@pytest.mark.parametrize(
    ("made", "mfa"),
    [
        (record(who=user("james")), None),
        (record(who=user("james", mfa=True)), True),
        (record(who=user("james", mfa=False)), False),
        (record(who=session("r", "james", "ASIA1")), None),
        (sign_in(user("james"), mfa="Yes"), True),
        (sign_in(user("james"), mfa="No"), False),
        (sign_in(root(), mfa="No"), False),
        (sign_in(session("r", "james", "ASIA1"), mfa="No"), None),
    ],
)
def test_mfa_is_unknown_where_aws_cannot_tell(made, mfa):
    """A session by an identity provider says `false` whatever was asked there: that is no knowledge."""
    assert event(made).identity.mfa is mfa


def test_the_user_is_named_whatever_its_path():
    """A user under a path, whose record has no userName, is named by the end of its ARN."""
    identity = {k: v for k, v in user("james", path="/division/team/").items() if k != "userName"}
    assert event(record(who=identity)).identity.user_name == "james"


@pytest.mark.parametrize("written", ["2026-01-12T01:00:00Z", "2026-01-12T02:00:00+01:00", "2026-01-12T01:00:00.000Z"])
def test_instants_are_utc(written):
    """Offsets and fractions are the same instant."""
    assert event({**ONE, "eventTime": written}).at == datetime(2026, 1, 12, 1, tzinfo=UTC)


# --- files together ------------------------------------------------------------------------------


def test_events_come_in_order_of_time_whatever_the_order_of_delivery():
    """Files arrive late and are not ordered inside; equal times are ordered by id."""
    twins = [record(at=MONDAY, event_id=name) for name in ("b", "a")]
    assert ids(reading(THREE, *twins, ONE, TWO)) == ["a", "b", "e1", "e2", "e3"]


def test_one_event_of_two_accounts_is_two():
    """An id is unique in an account's trail; each account's trail is its own."""
    found = reading(record(event_id="e"), record(event_id="e", account=STAGING))
    assert [each.account for each in found.events] == ["111111111111", STAGING]


def test_the_first_place_of_a_repeated_event_is_kept():
    """Which of two files an event is said to be from does not hang on which was read first."""
    first, second = (read_file(name, document(ONE)) for name in ("a.json", "b.json"))
    for order in ([first, second], [second, first]):
        together = combine(order)
        assert [each.place.file for each in together.events] == ["a.json"]
        assert (together.tally.distinct, together.tally.duplicates) == (1, 1)


def test_files_are_counted():
    """Read, not readable and ignored files each have their number."""
    found = combine([read_file("a", document(ONE, {}, ONE)), read_file("b", b"x"), read_file("c", b"[]")], 4)
    tally = found.tally
    assert (tally.files, tally.unreadable_files, tally.ignored_files) == (2, 1, 4)
    assert (tally.records, tally.distinct, tally.duplicates, tally.unreadable_records) == (3, 1, 1, 1)
    assert [problem.file for problem in found.problems] == ["a", "b"]


# --- whatever the input --------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
"""Anything that JSON can say."""

FIELDS = st.sampled_from(
    [
        "eventID",
        "eventTime",
        "userIdentity",
        "eventName",
        "errorCode",
        "readOnly",
        "responseElements",
        "requestParameters",
    ]
)

RECORDS = st.dictionaries(FIELDS | st.text(), VALUES, max_size=4).flatmap(
    lambda extra: st.sampled_from([extra, {**ONE, **extra}, {**extra, **ONE}, {**TWO, **extra, "eventID": "e2"}])
)
"""Records from nonsense to whole."""

DOCUMENTS = st.lists(RECORDS | VALUES, max_size=6).flatmap(
    lambda records: st.sampled_from(
        [document(*records), json.dumps(records).encode(), text(*records), zipped(*records), document(*records)[1:-1]]
    )
)
FRAGMENTS = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b'"Records"', b"1", b"\n", b"\xff", document(ONE)]
    ),
    max_size=20,
).map(b"".join)

DAMAGED = st.builds(
    lambda data, cut, dropped: data[: cut % (len(data) + 1)] + data[cut % (len(data) + 1) + dropped :],
    DOCUMENTS,
    st.integers(0, 5000),
    st.integers(0, 5),
)

ANYTHING = st.binary() | st.binary().map(lambda data: b"\x1f\x8b\x08" + data) | DOCUMENTS | FRAGMENTS | DAMAGED


@given(ANYTHING)
@example(b'{"Records":[' + b"[" * 100_000)
@example(json.dumps(ONE).encode() + b"\n" + b"[" * 100_000)
def test_no_bytes_raise(data):
    """A file that crashes the reader would hide all the others: it is read, or it is a problem with its name."""
    found = read_file("t.json", data)
    assert found.readable or len(found.problems) == 1
    assert all(problem.file == "t.json" for problem in found.problems)
    assert found.records - len(found.events) == sum(
        p.code not in {"damaged-gzip", "damaged-file", "unreadable-file"} for p in found.problems
    )


@given(st.lists(ANYTHING, max_size=5), st.integers(0, 3))
def test_the_tally_always_adds_up(files, ignored):
    """Records are distinct, repeated or unreadable; files are read, unreadable or ignored: nothing is lost unseen."""
    found = combine([read_file(f"{number}.json", data) for number, data in enumerate(files)], ignored)
    tally = found.tally
    assert adds_up(tally)
    assert tally.distinct == len(found.events)
    assert tally.files + tally.unreadable_files == len(files)
    assert tally.ignored_files == ignored
    assert min(tally.distinct, tally.duplicates, tally.unreadable_records) >= 0
    assert tally.unreadable_records + tally.unreadable_files <= len(found.problems)


@given(st.data())
def test_any_delivery_gives_the_same_events(data):
    """CloudTrail delivers late, twice and in any cut; what happened is the same."""
    made = [record(at=MONDAY + timedelta(seconds=n // 2), event_id=f"e{n}") for n in range(8)]
    repeated = data.draw(st.lists(st.sampled_from(made), max_size=8))
    order = data.draw(st.permutations([*made, *repeated]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    parts = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    write = st.sampled_from([document, zipped, text, lambda *records: json.dumps(records).encode()])
    files = [read_file(f"{n}", data.draw(write)(*part)) for n, part in enumerate(parts) if part]
    found = combine(files)
    assert [(each.at, each.id, each.record) for each in found.events] == [
        (each.at, each.id, each.record) for each in reading(*made).events
    ]
    assert adds_up(found.tally)
    assert found.tally.duplicates == len(repeated)


@given(st.dictionaries(FIELDS | st.text(), VALUES, max_size=6))
def test_an_event_keeps_its_whole_record(extra):
    """Rules, reports and people look for fields that watchbill does not know of: what was written is what is kept."""
    made = {**extra, "eventID": "e", "eventTime": stamp(MONDAY)}
    for data in (document(made), text(made), zipped(made)):
        (found,) = read_file("t.json", data).events
        assert found.record == json.loads(json.dumps(made))
        assert list(found.record) == list(made)
