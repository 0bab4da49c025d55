"""The stand-in for AWS, spoken to over HTTP as any client would."""

import logging
import sys
import threading
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from watchbill.errors import WatchbillError
from watchbill.sim.stand_in import StandIn


SCOPE = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260907/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0"


def iam(endpoint, **parameters):
    """Ask the stand-in's IAM and give its answer as text."""
    body = urlencode({"Version": "2010-05-08", **parameters}).encode()
    with urlopen(Request(endpoint, data=body, headers={"Authorization": SCOPE}), timeout=20) as answer:
        return answer.read().decode()


def test_it_serves_on_the_loopback_and_stops():
    """Nothing is left listening, and no thread behind."""
    before = threading.active_count()
    with StandIn() as stand_in:
        endpoint = stand_in.endpoint
        assert endpoint.startswith("http://127.0.0.1:")
        assert "ListUsersResponse" in iam(endpoint, Action="ListUsers")
    assert stand_in.endpoint == ""
    with pytest.raises(URLError):
        iam(endpoint, Action="ListUsers")
    assert threading.active_count() == before


def test_it_starts_empty_every_time():
    """What one story did must not show in the next."""
    with StandIn() as stand_in:
        iam(stand_in.endpoint, Action="CreateUser", UserName="james")
        assert "james" in iam(stand_in.endpoint, Action="ListUsers")
    with StandIn() as stand_in:
        assert "james" not in iam(stand_in.endpoint, Action="ListUsers")


def test_it_says_nothing(capfd, caplog):
    """A demo's output is its own; the server's log level is given back."""
    caplog.set_level(logging.INFO, logger="werkzeug")
    with StandIn() as stand_in:
        iam(stand_in.endpoint, Action="ListUsers")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert logging.getLogger("werkzeug").level == logging.INFO


def test_it_stops_when_the_block_fails():
    """A failing demo must not hang on a server thread."""
    stand_in = StandIn()

    def go_wrong():
        with stand_in:
            raise RuntimeError(stand_in.endpoint)

    with pytest.raises(RuntimeError) as caught:
        go_wrong()
    endpoint = str(caught.value)
    with pytest.raises(URLError):
        iam(endpoint, Action="ListUsers")


def test_without_moto_it_says_what_to_install(monkeypatch):
    """The stand-in is an extra; who lacks it is told its name."""
    monkeypatch.setitem(sys.modules, "moto.moto_server.threaded_moto_server", None)
    with pytest.raises(WatchbillError) as caught, StandIn():
        pass
    assert caught.value.hint is not None
    assert "pip install 'watchbill[demo]'" in caught.value.hint
