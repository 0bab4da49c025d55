"""PagerDuty's webhooks: what is signed is heard, and nothing else; what is in a message counts for nothing."""

import hashlib
import hmac

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from watchbill.service.overrides import PATH, is_signed, route


SECRET = "8Vd3-not-a-real-one"
BODY = b'{"event": {"event_type": "incident.reassigned", "data": {"rota": "platform", "add": "mallory"}}}'


def signature(body=BODY, secret=SECRET):
    """Sign as PagerDuty does."""
    return f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


@pytest.fixture
def served():
    """Give a client, and what was heard."""
    heard = []
    app = Starlette(routes=[route(SECRET, lambda: heard.append(True))])
    return TestClient(app), heard


def test_a_signed_message_is_heard(served):
    """Whatever is in it, valid JSON or not; also while a secret is being replaced."""
    client, heard = served
    assert client.post(PATH, content=BODY, headers={"X-PagerDuty-Signature": signature()}).status_code == 202
    both = f"{signature(secret='old')},{signature(b'none of it')}"
    two = {"X-PagerDuty-Signature": f"{both}, {signature(b'x')}"}
    assert client.post(PATH, content=b"x", headers=two).status_code == 202
    assert len(heard) == 2


@pytest.mark.parametrize(
    "header",
    ["", "v1=", signature(secret="another"), signature(BODY + b" "), signature().replace("v1=", "v2="), "v1=\xe9"],
)
def test_what_is_not_signed_is_not_heard(served, header):
    """Nothing is done, and nothing of it is said back."""
    client, heard = served
    answer = client.post(PATH, content=BODY, headers={"X-PagerDuty-Signature": header.encode("latin-1")})
    assert (answer.status_code, heard) == (401, [])
    assert "mallory" not in answer.text


def test_too_much_is_not_read(served):
    """Nor is it signed for."""
    client, heard = served
    body = b"x" * 1_000_001
    assert client.post(PATH, content=body, headers={"X-PagerDuty-Signature": signature(body)}).status_code == 413
    assert client.get(PATH).status_code == 405
    assert heard == []


def test_of_many_signatures_a_few_are_looked_at():
    """A header is no way to try many."""
    many = ",".join([signature(secret=str(n)) for n in range(20)] + [signature()])
    assert not is_signed(SECRET, BODY, many)
