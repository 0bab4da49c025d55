"""Which reader a file is for, and where its records lie in it."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from tests.trails import record

from watchbill.trail.columns import Source, columns_of, read_columns
from watchbill.trail.forms import Hosts, raw_record, read_any, records_of
from watchbill.trail.read import read_file


HOSTS = Hosts(datetime(2026, 1, 12, tzinfo=UTC), "web-1")
LINES = [
    "Jan 11 03:00:01 web-1 sshd[7]: Accepted publickey for james from 192.0.2.7 port 4 ssh2: ED25519 SHA256:x",
    "Jan 11 03:00:02 web-1 sudo:    james : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
]
RECORDS = [record("ec2:StopInstances", event_id=f"e{number}") for number in range(3)]


def logged(*messages):
    """Write what was logged as CloudWatch Logs delivers it to a subscription, compressed."""
    events = [{"id": str(number), "timestamp": 1, "message": each} for number, each in enumerate(messages)]
    return gzip.compress(
        json.dumps({"messageType": "DATA_MESSAGE", "logGroup": "/var/log", "logEvents": events}).encode()
    )


def test_lines_of_hosts_lie_in_a_log_group():
    """What an agent sent there is what stands in the file that it sent."""
    plain = read_any("log", "\n".join(LINES).encode(), hosts=HOSTS)
    found = read_any("log", logged(*LINES), hosts=HOSTS)
    assert len(found.events) == 2
    assert [(e.id, e.at, e.name, e.place) for e in found.events] == [
        (e.id, e.at, e.name, e.place) for e in plain.events
    ]
    assert found.problems == plain.problems


def test_a_line_of_several_lines_keeps_the_places_of_the_others():
    """An event of a log may have lines in it: the record of the one after it is found again."""
    data = logged(LINES[0] + "\nmore of it", LINES[1])
    found = read_any("log", data, hosts=HOSTS)
    assert json.loads(raw_record(data, found.events[-1].place.index))["message"] == LINES[1]


@pytest.mark.parametrize(
    "data",
    [
        logged(*map(json.dumps, RECORDS)),
        logged(*map(json.dumps, RECORDS)) + logged("no record") + logged(json.dumps(RECORDS[0])),
        ("eventJson\n" + "\n".join('"' + json.dumps(each).replace('"', '""') + '"' for each in RECORDS)).encode(),
        json.dumps({"QueryResultRows": [[{"eventJson": json.dumps(each)}] for each in RECORDS]}).encode(),
    ],
)
def test_what_lies_in_envelopes_is_in_columns_and_found_again(data):
    """Both readers give the same, and the bytes of each record stand at its place."""
    plain = read_file("t", data)
    columns = read_columns([Source("t", data)])
    (tally,) = columns.files
    assert columns.table.equals(columns_of(plain, "t", tally.digest).table)
    assert (tally.records, tally.problems) == (plain.records, plain.problems)
    assert len(records_of(data)) == plain.records
    assert all(event.id.encode() in raw_record(data, event.place.index) for event in plain.events)
