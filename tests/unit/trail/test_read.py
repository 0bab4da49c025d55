"""Reading trail files: whatever the bytes are, every record is an event, a repetition or a problem with its place."""

import gzip
import json
import math
import re
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.teams import MONDAY, STAGING
from tests.trails import after, document, event, reading, record, root, session, sign_in, stamp, user, zipped

from watchbill.trail.model import Outcome, Place
from watchbill.trail.read import combine, inflate, read_file


ONE, TWO, THREE = (record("ec2:StopInstances", at=after(hour), event_id=f"e{hour}") for hour in (1, 2, 3))
"""Three records that are well."""


def text(*records):
    """Write records as JSON lines."""
    return b"\n".join(json.dumps(each).encode() for each in records)


def bridged(of):
    """Put a record into the envelope of EventBridge."""
    return {
        "version": "0",
        "id": "36eb8523-97d0-4518-b33d-ee3579ff19f0",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2",
        "account": "111111111111",
        "time": of["eventTime"],
        "region": "eu-west-1",
        "resources": [],
        "detail": of,
    }


def looked_up(of):
    """Give a record as LookupEvents does, and as the CLI prints that."""
    return {
        "EventId": of["eventID"],
        "EventName": of["eventName"],
        "ReadOnly": "false",
        "EventTime": "2026-01-12T01:00:00+00:00",
        "EventSource": of["eventSource"],
        "Username": "james",
        "Resources": [],
        "CloudTrailEvent": json.dumps(of),
    }


def subscribed(*of, kind="DATA_MESSAGE"):
    """Give records as CloudWatch Logs delivers them to a subscription."""
    logged = [
        {"id": f"3195310660696698337880902507980421114328961542429{n}", "timestamp": 1432826855000 + n, "message": each}
        for n, each in enumerate(each if isinstance(each, str) else json.dumps(each) for each in of)
    ]
    return {
        "messageType": kind,
        "owner": "111111111111",
        "logGroup": "CloudTrail/logs",
        "logStream": "111111111111_CloudTrail/logs_us-east-1",
        "subscriptionFilters": ["Destination"],
        "logEvents": logged,
    }


def filtered(*of):
    """Give records as the CLI prints what FilterLogEvents answers."""
    logged = [
        {"logStreamName": "s", "timestamp": 1, "message": json.dumps(each), "ingestionTime": 2, "eventId": "3"}
        for each in of
    ]
    return {"events": logged, "searchedLogStreams": [{"logStreamName": "s", "searchedCompletely": True}]}


def queried(*of):
    """Give records as the CLI prints what GetQueryResults answers."""
    rows = [[{"eventTime": each["eventTime"]}, {"eventJson": json.dumps(each)}] for each in of]
    return {"QueryStatus": "FINISHED", "QueryStatistics": {"ResultsCount": len(of)}, "QueryResultRows": rows}


def saved(*of, quote='"'):
    """Write records as CloudTrail Lake saves the results of a query."""
    lines = ["eventTime,eventJson,awsRegion"]
    for each in of:
        made = json.dumps(each).replace('"', quote + quote)
        lines.append(f'2026-01-12 01:00:00.000,"{made}",""')
    return "\r\n".join(lines).encode() + b"\n"


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
    position %= len(data)
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
        json.dumps([bridged(ONE), bridged(TWO), bridged(THREE)]).encode(),
        text(bridged(ONE), bridged(TWO), bridged(THREE)),
        b"".join(json.dumps(bridged(each)).encode() for each in (ONE, TWO, THREE)),
        b"".join(json.dumps(each, indent=1).encode() for each in (ONE, TWO, THREE)),
        json.dumps({"Events": [looked_up(each) for each in (ONE, TWO, THREE)], "NextToken": "x"}).encode(),
        json.dumps({"Events": [looked_up(each) for each in (ONE, TWO, THREE)]}, indent=4).encode(),
        json.dumps([looked_up(each) for each in (ONE, TWO, THREE)]).encode(),
        json.dumps({"Events": [looked_up(ONE)]}).encode()
        + json.dumps({"Events": list(map(looked_up, (TWO, THREE)))}).encode(),
        gzip.compress(json.dumps(subscribed(ONE, TWO, THREE)).encode(), mtime=0),
        b"".join(
            gzip.compress(json.dumps(each).encode(), mtime=0)
            for each in (subscribed(ONE), subscribed("CWL CONTROL", kind="CONTROL_MESSAGE"), subscribed(TWO, THREE))
        ),
        json.dumps(filtered(ONE, TWO, THREE)).encode(),
        json.dumps(filtered(ONE, TWO, THREE), indent=4).encode(),
        json.dumps(subscribed(*map(bridged, (ONE, TWO, THREE)))).encode(),
        json.dumps(queried(ONE, TWO, THREE), indent=4).encode(),
        gzip.compress(saved(ONE, TWO, THREE), mtime=0),
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
        "EventBridge",
        "EventBridge in lines",
        "EventBridge by Firehose",
        "objects without a line of their own",
        "LookupEvents",
        "LookupEvents indented",
        "LookupEvents without its envelope",
        "pages of LookupEvents",
        "a subscription",
        "subscriptions by Firehose",
        "FilterLogEvents",
        "FilterLogEvents indented",
        "EventBridge into a log group",
        "results of a query",
        "saved results of a query",
    ],
)
def test_every_form_gives_the_same_events(data):
    """AWS, tools and people write the same records in many forms."""
    found = read_file("t.json", data)
    assert ids(found) == ["e1", "e2", "e3"]
    assert [each.place for each in found.events] == [Place("t.json", index) for index in range(3)]
    assert [each.record for each in found.events] == [ONE, TWO, THREE]
    assert (found.records, found.problems, found.readable) == (3, (), True)


BAD = {**TWO, "eventID": ""}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (json.dumps(subscribed(ONE, BAD, THREE)).encode(), "no-event-id"),
        (json.dumps(subscribed(ONE, "a line of another kind", THREE)).encode(), "unreadable-record"),
        (json.dumps(subscribed(ONE, THREE)).replace("]}", ", 7]}").encode(), "unreadable-record"),
        (json.dumps(filtered(ONE, BAD, THREE)).encode(), "no-event-id"),
        (json.dumps(queried(ONE, BAD, THREE)).encode(), "no-event-id"),
        (json.dumps(queried(ONE, THREE)).replace("]]", '], [{"eventID": "e2"}]]').encode(), "unreadable-record"),
        (saved(ONE, BAD, THREE), "no-event-id"),
        (saved(ONE, THREE) + b'2026-01-12,"{""eventID"": ""e2', "unreadable-record"),
        (saved(ONE) + b'"a quote that is open\n' + saved(THREE).split(b"\n", 1)[1], "unreadable-record"),
    ],
)
def test_a_bad_record_in_a_log_or_a_query_costs_only_itself(data, code):
    """Also where a line of CSV has quotes that do not pair: the next one is read."""
    found = read_file("t.json", data)
    assert ids(found) == ["e1", "e3"]
    assert [problem.code for problem in found.problems] == [code]
    assert (found.records, found.readable) == (3, True)


@pytest.mark.parametrize(
    ("wrapped", "end"),
    [
        (subscribed(ONE, TWO, THREE), rb'(?<!\\)"\}(?=[,\]])'),
        (filtered(ONE, TWO, THREE), rb'(?<!\\)"\}(?=[,\]])'),
        (queried(ONE, TWO, THREE), rb'(?<!\\)"\}\](?=[,\]])'),
    ],
)
def test_an_envelope_that_breaks_off_keeps_its_whole_records(wrapped, end):
    """Wherever it does: what is whole before that is an event, and the rest is said."""
    data = json.dumps(wrapped).encode()
    # The quotes inside of a record are escaped.
    ends = [found.end() for found in re.finditer(end, data)][:3]
    for cut in range(ends[0] - 400, ends[2] + 1, 50):
        found = read_file("t.json", data[:cut])
        whole = sum(each <= cut for each in ends)
        assert ids(found) == ["e1", "e2", "e3"][:whole]
        assert found.problems != ()
        assert found.records >= whole


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(subscribed("CWL CONTROL MESSAGE: Checking health of destination", kind="CONTROL_MESSAGE")).encode(),
        json.dumps(subscribed()).encode(),
        json.dumps(queried()).encode(),
        saved(),
    ],
)
def test_an_envelope_may_hold_nothing(data):
    """A message that only asks whether the destination is there, and a query that found nothing."""
    found = read_file("t.json", data)
    assert (found.events, found.records, found.problems, found.readable) == ((), 0, (), True)


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(subscribed("a line", "another")).encode(),
        json.dumps({"events": [{"type": "login", "name": "x"}], "eventTime": "2026-01-12T00:00:00Z"}).encode(),
        b"name,value\n1,2\n",
    ],
)
def test_a_log_without_any_event_is_no_trail(data):
    """Lines of a program in CloudWatch Logs, or what merely has a key of that name."""
    found = read_file("t.json", data)
    assert (found.readable, len(found.problems)) == (False, 1)


def test_the_signature_of_a_query_is_named_as_no_trail():
    """It lies beside saved results: CTG, "CloudTrail sign file structure"."""
    signature = {"version": "1.0", "region": "us-east-1", "files": [], "hashSignature": "00", "queryCompleteTime": "x"}
    found = read_file("result_sign.json", json.dumps(signature).encode())
    assert (found.digest, [problem.code for problem in found.problems]) == (True, ["digest-file"])


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", [dict, bridged, looked_up])
def test_one_event_may_be_a_file(indent, wrap):
    """Collections of examples keep one event a file, indented or not, and a message of a queue is one."""
    found = read_file("t.json", json.dumps(wrap(ONE), indent=indent).encode())
    assert ids(found) == ["e1"]
    assert found.events[0].record == ONE


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (bridged({**TWO, "eventID": ""}), "no-event-id"),
        (bridged({**TWO, "eventTime": "x"}), "no-event-time"),
        ({**bridged(TWO), "detail": "text"}, "no-event-id"),
        ({"detail": TWO}, "no-event-id"),
        ({**looked_up(TWO), "CloudTrailEvent": "{"}, "unreadable-record"),
        ({**looked_up(TWO), "CloudTrailEvent": ""}, "unreadable-record"),
        ({**looked_up(TWO), "CloudTrailEvent": "[]"}, "unreadable-record"),
        ({**looked_up(TWO), "CloudTrailEvent": None}, "no-event-id"),
        ({**looked_up(TWO), "CloudTrailEvent": json.dumps(looked_up(TWO))}, "no-event-id"),
    ],
)
def test_a_bad_record_in_an_envelope_costs_only_itself(bad, code):
    """Its neighbours are events, whatever the envelope holds."""
    found = read_file("t.json", json.dumps([looked_up(ONE), bad, bridged(THREE)]).encode())
    assert ids(found) == ["e1", "e3"]
    assert [problem.code for problem in found.problems] == [code]


INSIGHT = {
    "eventVersion": "1.07",
    "eventTime": stamp(after(1)),
    "awsRegion": "us-east-1",
    "eventID": "aab985f2-3a56-48cc-a8a5-e0af77606f5f",
    "eventType": "AwsCloudTrailInsight",
    "recipientAccountId": "111111111111",
    "sharedEventID": "12edc982-3348-4794-83d3-a3db26525049",
    "insightDetails": {
        "state": "Start",
        "eventSource": "ssm.amazonaws.com",
        "eventName": "UpdateInstanceInformation",
        "insightType": "ApiCallRateInsight",
        "insightContext": {"statistics": {"baseline": {"average": 1.75}, "insight": {"average": 50.1}}},
    },
    "eventCategory": "Insight",
}

NETWORK = {
    "eventVersion": "1.09",
    "userIdentity": {"type": "AWSAccount", "principalId": "ASIA1", "accountId": "999999999999"},
    "eventTime": stamp(after(2)),
    "eventSource": "kms.amazonaws.com",
    "eventName": "ListKeys",
    "awsRegion": "us-east-1",
    "sourceIPAddress": "10.0.0.1",
    "errorCode": "VpceAccessDenied",
    "errorMessage": "The request was denied due to a VPC endpoint policy",
    "requestID": "16bcc089-ac49-43f1-9177-EXAMPLE23731",
    "eventID": "228ca3c8-5f95-4a8a-9732-EXAMPLE60ed9",
    "eventType": "AwsVpceEvent",
    "recipientAccountId": "111111111111",
    "sharedEventID": "a1f3720c-ef19-47e9-a5d5-EXAMPLE8099f",
    "vpcEndpointId": "vpce-0123456789abcdef0",
    "vpcEndpointAccountId": "111111111111",
    "eventCategory": "NetworkActivity",
}

DATA = record("s3:GetObject", at=after(3), event_id="d", eventCategory="Data", managementEvent=False, readOnly=True)


def test_every_kind_of_event_is_read():
    """Insights have nobody who acted and no name at the top; network activity may be of an account alone."""
    insight, network, data = reading(INSIGHT, NETWORK, DATA).events
    assert (insight.type, insight.name, insight.source) == ("AwsCloudTrailInsight", "", "")
    assert (insight.identity.type, insight.identity.arn, insight.outcome) == (None, None, Outcome.ALLOWED)
    assert insight.record == INSIGHT
    assert (network.type, network.outcome, network.identity.account) == ("AwsVpceEvent", Outcome.DENIED, "999999999999")
    assert network.account == "111111111111"
    assert (data.name, data.read_only) == ("GetObject", True)


def test_counts_of_data_events_are_no_events_and_said():
    """CloudTrail can deliver counts of data events beside them: none of them is a call, and none is passed over."""
    counted = {
        "eventVersion": "1.0",
        "accountId": "111111111111",
        "eventId": "0ac1e1f3-example",
        "eventCategory": "Aggregated",
        "eventType": "AwsAggregatedEvent",
        "awsRegion": "eu-west-1",
        "timeWindow": {"windowStart": stamp(MONDAY), "windowEnd": stamp(after(1)), "windowSize": "PT1H"},
    }
    found = read_file("t.json", document(ONE, counted))
    assert ids(found) == ["e1"]
    assert [(each.code, each.event_id) for each in found.problems] == [("aggregated-record", "0ac1e1f3-example")]


@pytest.mark.parametrize(
    "data",
    [
        b'{"digestStartTime": "2026-01-12T00:00:00Z", "logFiles": []}',
        gzip.compress(
            b'{"awsAccountId":"111111111111","digestStartTime":"2026-01-12T00:00:00Z","logFiles":[{}]}', mtime=0
        ),
    ],
)
def test_a_digest_among_logs_is_named_as_one(data):
    """It is no log, and nothing is wrong with it: a problem of its own, and counted as no trail."""
    found = combine([read_file("digest.json", data), read_file("t.json", document(ONE))])
    assert [(problem.code, problem.file) for problem in found.problems] == [("digest-file", "digest.json")]
    assert "digest" in found.problems[0].message
    tally = found.tally
    assert (tally.files, tally.unreadable_files, tally.ignored_files, tally.records) == (1, 0, 1, 1)


# --- keys that stand twice -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        document(ONE)[:-1] + b", " + document(TWO, THREE)[1:],
        document(ONE)[:-1] + b', "Records" : ' + json.dumps([TWO, THREE], indent=8).encode() + b"}",
        document(ONE)[:-1] + b', "Events": ' + json.dumps([looked_up(TWO), bridged(THREE)]).encode() + b"}",
    ],
)
def test_a_second_list_hides_no_record(data):
    """A JSON reader gives the last of two equal keys, and the records of the first would be gone unseen."""
    found = read_file("t.json", data)
    assert ids(found) == ["e1", "e2", "e3"]
    twice = b'"Events"' not in data
    assert [problem.code for problem in found.problems] == ["damaged-file"] * twice
    assert all("twice" in problem.message for problem in found.problems)


def test_a_second_list_behind_something_else_is_said():
    """What is hidden so is at least not hidden unseen."""
    found = read_file("t.json", b'{"x": 1, ' + document(ONE)[1:-1] + b", " + document(TWO)[1:])
    assert ids(found) == ["e2"]
    assert [problem.code for problem in found.problems] == ["damaged-file"]


def test_the_word_may_stand_in_a_record():
    """Records of other services hold a list of that name, too."""
    inner = {**TWO, "requestParameters": {"Records": [{"Data": "x"}], "Events": []}}
    found = read_file("t.json", json.dumps({"Records": [ONE, inner]}, indent=8).encode())
    assert (ids(found), found.problems) == (["e1", "e2"], ())


def test_of_two_equal_keys_in_a_record_the_last_counts():
    """As for every JSON reader that an investigator would use beside this one."""
    twice = json.dumps(ONE).encode()[:-1] + b', "eventName": "TerminateInstances"}'
    for data in (b'{"Records":[' + twice + b"]}", twice):
        (found,) = read_file("t.json", data).events
        assert found.name == "TerminateInstances"


@pytest.mark.parametrize(("depth", "read"), [(900, True), (1000, False), (5000, False), (200_000, False)])
def test_a_record_that_is_nested_deep_costs_only_itself(depth, read):
    """No JSON reader takes a thousand brackets inside one another: the record is named, its neighbours are events."""
    for data, line in zip(damaged(b'{"a":' * depth + b"1" + b"}" * depth), (None, 2), strict=True):
        found = read_file("t.json", data)
        assert ids(found) == (["e1", "e2", "e3"] if read else ["e1", "e3"])
        codes = [(problem.code, problem.line) for problem in found.problems if problem.code != "damaged-file"]
        assert codes == ([] if read else [("unreadable-record", line)])


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


def plainly(data, limit):
    """Inflate as `inflate` should, with the standard library alone and byte by byte: slow, and plainly right."""
    if data[:2] != b"\x1f\x8b":
        return data, False
    inflated, position = bytearray(), 0
    while data[position : position + 2] == b"\x1f\x8b":
        member = zlib.decompressobj(31)
        while not member.eof:
            if position == len(data):
                return bytes(inflated[:limit]), True
            try:
                inflated += member.decompress(data[position : position + 1])
            except zlib.error:
                return bytes(inflated[:limit]), True
            position += 1
    return bytes(inflated[:limit]), len(inflated) > limit or bool(data[position:].strip(b"\0"))


HEADERS = [b"", b"\x08name\0", b"\x04\x02\0xx", b"\x10comment\0", b"\x20"]
"""Flags of a gzip member with what they announce: nothing, a name, a field, a comment, and a reserved one."""


def member_of(content, header=b""):
    """Write a member of gzip with some header."""
    made = gzip.compress(content, mtime=0)
    return made[:3] + (header[:1] or b"\0") + made[4:10] + header[1:] + made[10:]


GZIP = st.lists(
    st.builds(member_of, st.binary(max_size=40) | st.sampled_from([b"ab" * 9000, b""]), st.sampled_from(HEADERS)),
    min_size=1,
    max_size=3,
).map(b"".join)


@given(GZIP, st.data())
def test_what_inflates_fast_is_what_inflates_plainly(made, data):
    """Whole or damaged anywhere, cut off, followed by something or past the limit: the same bytes, to the last."""
    damage = data.draw(st.sampled_from(["none", "flip", "cut", "junk", "zeros"]))
    position = data.draw(st.integers(0, len(made) - 1))
    if damage == "flip":
        made = flipped(made, position)
    elif damage == "cut":
        made = made[:position]
    elif damage in ("junk", "zeros"):
        made += b"junk" if damage == "junk" else b"\0" * 9
    limit = data.draw(st.sampled_from([10_000_000, 18_000, 50, 0]))
    expected, flawed = plainly(made, limit)
    inflated, said = inflate(made, limit)
    assert inflated == expected
    assert (said is not None) == flawed


def test_damaged_data_ends_at_the_limit_as_well():
    """One byte past it, with a checksum that is wrong."""
    assert inflate(flipped(gzip.compress(b"x" * 51, mtime=0), -7), 50)[0] == b"x" * 50


def test_what_is_no_gzip_is_given_as_it_is():
    """So that a reader needs not look first."""
    assert inflate(b"plain", 1) == (b"plain", None)


def test_a_bomb_needs_little_memory():
    """A file of a megabyte that would inflate to a gigabyte takes twice what the limit allows, and no more."""
    bomb = gzip.compress(b"\0" * 2**28, mtime=0) * 4
    tracemalloc.start()
    try:
        inflated, said = inflate(bomb, 2**25)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(inflated), said) == (2**25, f"inflates to more than {2**25} bytes")
    assert most < 2.5 * 2**25


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


def test_clocks_that_jump_lose_nothing():
    """Within CloudTrail's years a time is taken as it is said, years ahead or back; beyond them it is named."""
    said = [
        "2099-12-31T23:59:59Z",
        "2026-01-12T00:00:00Z",
        "2013-01-01T00:00:00Z",
        "2026-01-11T23:59:60Z",
        "2100-01-01T00:00:00Z",
    ]
    found = reading(*({**ONE, "eventID": f"e{n}", "eventTime": each} for n, each in enumerate(said)))
    assert ids(found) == ["e2", "e1", "e0"]
    assert [(each.code, each.event_id) for each in found.problems] == [("no-event-time", "e3"), ("no-event-time", "e4")]


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
    assert tally.files + tally.unreadable_files + tally.ignored_files == len(files) + ignored
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
@example({"Records": []})
@example({"Records": [None, {}], "Events": []})
def test_an_event_keeps_its_whole_record(extra):
    """Rules, reports and people look for fields that watchbill does not know of: what was written is what is kept."""
    made = {**extra, "eventID": "e", "eventTime": stamp(MONDAY)}
    for data in (document(made), text(made), zipped(made)):
        (found,) = read_file("t.json", data).events
        assert found.record == json.loads(json.dumps(made))
        assert list(found.record) == list(made)
