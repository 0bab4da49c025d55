"""What libraries log comes as lines of ours, without what would give a secret away."""

import io
import json
import logging
import warnings

import boto3
import pytest
from botocore.config import Config
from slack_bolt import App
from slack_sdk import WebClient
from tests.teams import MONDAY

from watchbill.service.logs import libraries_heard, lines_of_json
from watchbill.sim.clock import SimClock


TOKEN = "xoxb-1234567890-secret"
HOOK = "https://hooks.example.com/T1/B2 whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ACCOUNT = json.dumps({"client_email": "a@b.example", "private_key": "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n"})
CLOSED = "http://127.0.0.1:1/"


@pytest.fixture
def heard():
    """Give what writes lines, and a function that gives those written."""
    stream = io.StringIO()
    say = lines_of_json(stream, "a", SimClock(MONDAY), (TOKEN, HOOK, ACCOUNT))
    return say, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def everything(caplog):
    """Ask every library for all it has."""
    caplog.set_level(logging.DEBUG)
    kept = {name: logging.getLogger(name).level for name in ("boto3", "botocore", "slack_bolt", "slack_sdk", "urllib3")}
    yield
    for name, level in kept.items():
        logging.getLogger(name).setLevel(level)


def test_what_libraries_log_is_lines_too(heard, everything):
    """Slack's, AWS's and those of HTTP, each by its own logger; of their requests nothing, though all is asked for."""
    say, lines = heard
    with libraries_heard(say):
        logging.getLogger("slack_sdk.web.base_client").setLevel(logging.DEBUG)
        app = App(client=WebClient(TOKEN, base_url=CLOSED), signing_secret="s", token_verification_enabled=False)
        app.logger.error("could not say it with %s", TOKEN)
        with pytest.raises(OSError, match="refused"):
            WebClient(TOKEN, base_url=CLOSED).api_test()
        config = Config(retries={"max_attempts": 1}, connect_timeout=1)
        client = boto3.client("sts", "eu-west-1", aws_access_key_id="AKIAX", aws_secret_access_key=TOKEN,
                              endpoint_url=CLOSED, config=config)  # fmt: skip
        with pytest.raises(Exception, match="Could not connect"):
            client.get_caller_identity()
        logging.getLogger("urllib3.connectionpool").warning("Retrying after %s", HOOK.split(maxsplit=1)[0])
        logging.getLogger("uvicorn.error").error("broken", exc_info=ValueError("MIIEvQIBADANBgkqhkiG9w0B"))
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old", stacklevel=1)
    found = lines()
    assert {line["level"] for line in found} <= {"info", "warning", "error"}
    assert {line["event"] for line in found} == {"library"}
    text = json.dumps(found)
    for secret in (TOKEN, "whsec_", "hooks.example.com", "MIIEvQ", "Signature=", "Bearer"):
        assert secret not in text
    said = {(line["logger"].partition(".")[0], line["level"]): line["message"] for line in found}
    assert said["urllib3", "warning"] == "Retrying after ***"
    assert said["uvicorn", "error"] == "broken"
    assert "could not say it with ***" in said.values()
    assert "old" in said["py", "warning"]
    assert "ValueError: ***" in next(line["exception"] for line in found if line["message"] == "broken")


def test_a_record_that_does_not_fit_is_said_all_the_same(heard):
    """What a library got wrong is no traceback between the lines; and after the block nothing is heard."""
    say, lines = heard
    with libraries_heard(say):
        record = logging.LogRecord("x", logging.WARNING, "x.py", 1, "%d of %d", (1,), None)
        logging.getLogger().handlers[-1].handle(record)
    logging.getLogger("x").warning("after")
    assert [line["message"] for line in lines()] == ["%d of %d (1,)"]
