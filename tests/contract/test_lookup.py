"""LookupEvents by real boto3, against a server of ours: the stand-in has no such call.

What the server answers is checked against botocore's own model of the service, so that it cannot say what AWS never
would. Nothing here was run against AWS.
"""

import json
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.model import Shape
from tests.trails import after, record

from watchbill.aws.lookup import PACE, PAGE, look_up
from watchbill.errors import ProviderError
from watchbill.intervals import Interval
from watchbill.trail.read import combine, read_file


MODEL = botocore.session.get_session().get_service_model("cloudtrail").operation_model("LookupEvents")
SPAN = Interval(after(0), after(24))
EVENTS = [record("ec2:StopInstances", at=after(n / 10), event_id=f"e{n:03}") for n in range(130)]


def conform(value, shape: Shape, where=""):
    """Hold a value against a shape of the model: every member is known, of its type, and within its bounds."""
    if shape.type_name == "structure":
        assert set(value) <= set(shape.members), where
        assert set(shape.required_members) <= set(value), where
        for name, each in value.items():
            conform(each, shape.members[name], f"{where}.{name}")
    elif shape.type_name == "list":
        for number, each in enumerate(value):
            conform(each, shape.member, f"{where}[{number}]")
    elif shape.type_name == "timestamp":
        assert type(value) in (int, float), where
    elif shape.type_name == "integer":
        assert type(value) is int, where
        assert shape.metadata.get("min", value) <= value <= shape.metadata.get("max", value), where
    else:
        assert shape.type_name == "string", where
        assert isinstance(value, str), where
        assert value in (getattr(shape, "enum", None) or [value]), where


class Trail:
    """Serves LookupEvents over some records, newest first; the first answers may be errors."""

    def __init__(self, records, *errors):
        self.asked: list[dict[str, Any]] = []
        self.errors = list(errors)
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                target = self.headers["X-Amz-Target"]
                assert target == f"{MODEL.service_model.metadata['targetPrefix']}.LookupEvents"
                conform(body, MODEL.input_shape)
                served.asked.append(body)
                assert len(served.asked) < 20, "asked again and again"
                status, answer = (400, served.errors.pop(0)) if served.errors else (200, served.answer(records, body))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def answer(self, records, asked):
        """Give one page as the model of the service has it."""
        within = [r for r in records if asked["StartTime"] <= stamp(r["eventTime"]) <= asked["EndTime"]]
        for attribute in asked.get("LookupAttributes", ()):
            assert attribute["AttributeKey"] == "Username"
            within = [r for r in within if r["userIdentity"].get("userName") == attribute["AttributeValue"]]
        newest = sorted(within, key=lambda r: r["eventTime"], reverse=True)
        begin = int(asked.get("NextToken", "0"))
        page = newest[begin : begin + asked["MaxResults"]]
        made: dict[str, Any] = {"Events": [looked_up(each) for each in page]}
        if begin + len(page) < len(newest):
            made["NextToken"] = str(begin + len(page))
        conform(made, MODEL.output_shape)
        return made

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def client(self, attempts=4):
        """Make a client that speaks to it."""
        return boto3.client(
            "cloudtrail",
            endpoint_url=f"http://127.0.0.1:{self._server.server_port}",
            region_name="eu-west-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"mode": "standard", "max_attempts": attempts}),
        )


def stamp(written):
    """Give the seconds since 1970 of a time that a record says."""
    return datetime.fromisoformat(written).timestamp()


def looked_up(of):
    """Give a record as LookupEvents does."""
    return {
        "EventId": of["eventID"],
        "EventName": of["eventName"],
        "ReadOnly": "false",
        "EventTime": stamp(of["eventTime"]),
        "EventSource": of["eventSource"],
        "Resources": [],
        "CloudTrailEvent": json.dumps(of),
    }


def read(files):
    """Read the answers as files of a trail."""
    return combine([read_file(name, data) for name, data in files])


def test_every_page_is_asked_for_and_read_as_a_trail():
    """Each record is what CloudTrail wrote, in order of time, and each answer is a file by its region and number."""
    waits: list[float] = []
    with Trail(EVENTS) as trail:
        files = list(look_up(trail.client(), SPAN, sleep=waits.append))
    assert [name for name, _ in files] == [f"lookup/eu-west-1/{n:06}.json" for n in range(3)]
    found = read(files)
    assert [event.record for event in found.events] == EVENTS
    assert found.problems == ()
    assert [(asked["MaxResults"], asked.get("NextToken")) for asked in trail.asked] == [
        (PAGE, None),
        (PAGE, "50"),
        (PAGE, "100"),
    ]
    assert [(asked["StartTime"], asked["EndTime"]) for asked in trail.asked] == [
        (SPAN.start.timestamp(), SPAN.end.timestamp())
    ] * 3


def test_calls_are_paced_to_two_a_second():
    """Between calls it waits for what is left of half a second, and not at all after a slow one."""
    waits: list[float] = []
    ticks = iter([0.0, 0.1, 10.0, 10.9, 20.0, 20.2, 30.0])
    with Trail([*EVENTS, *(record(at=after(20), event_id=f"f{n}") for n in range(60))]) as trail:
        files = list(look_up(trail.client(), SPAN, sleep=waits.append, clock=lambda: next(ticks)))
    assert len(files) == 4
    assert waits == pytest.approx([PACE - 0.1, PACE - 0.2])


def test_a_throttled_call_is_made_again():
    """AWS throttles what others of the account ask for at the same time, too."""
    throttled = {"__type": "ThrottlingException", "message": "Rate exceeded"}
    with Trail(EVENTS[:3], throttled) as trail:
        found = read(look_up(trail.client(), SPAN, sleep=lambda _: None))
    assert [event.id for event in found.events] == ["e000", "e001", "e002"]
    assert len(trail.asked) == 2


def test_what_aws_refuses_is_said_and_what_came_before_is_kept():
    """A token that has run out ends it: what was yielded is there, and the caller knows that more is missing."""
    refused = {"__type": "InvalidNextTokenException", "message": "the token is not valid"}
    with Trail(EVENTS) as trail:
        files = look_up(trail.client(), SPAN, sleep=lambda _: trail.errors.append(refused))
        first = next(files)
        with pytest.raises(ProviderError, match="InvalidNextToken"):
            next(files)
    assert len(read([first]).events) == PAGE


def test_it_can_be_narrowed():
    """To one user, or to insights; nothing else is asked then."""
    with Trail(EVENTS) as trail:
        assert read(look_up(trail.client(), SPAN, ("Username", "nobody"))).events == ()
        assert read(look_up(trail.client(), Interval(after(-5), after(-4)), insights=True)).events == ()
    assert trail.asked[0]["LookupAttributes"] == [{"AttributeKey": "Username", "AttributeValue": "nobody"}]
    assert trail.asked[1]["EventCategory"] == "insight"


@pytest.mark.parametrize("bad", [{"EventId": "e"}, {"EventId": "e", "CloudTrailEvent": "{"}, {}])
def test_an_answer_without_its_record_is_a_problem(bad):
    """It is named with its place, and the others of its page are events."""
    with Trail(EVENTS[:2]) as trail:
        trail.answer = lambda *_: {"Events": [looked_up(EVENTS[0]), bad, looked_up(EVENTS[1])]}
        found = read(look_up(trail.client(), SPAN))
    assert [event.id for event in found.events] == ["e000", "e001"]
    assert [problem.file for problem in found.problems] == ["lookup/eu-west-1/000000.json"]


def test_the_limits_are_those_of_the_model():
    """Fifty a page, as botocore's model of the service says, and two a second, as its description says."""
    assert MODEL.input_shape.members["MaxResults"].metadata["max"] == PAGE
    assert "limited to two per second" in MODEL.documentation
    assert 2 * PACE >= 1
