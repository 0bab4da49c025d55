"""A server that answers LookupEvents as botocore's own model of the service has it, so that it says nothing else."""

import json
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.model import Shape


MODEL = botocore.session.get_session().get_service_model("cloudtrail").operation_model("LookupEvents")


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

    @property
    def endpoint(self):
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def client(self, attempts=4):
        """Make a client that speaks to it."""
        return boto3.client(
            "cloudtrail",
            endpoint_url=self.endpoint,
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
