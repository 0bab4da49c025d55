"""Addresses of collectors and webhooks, and the secrets that deliveries are signed with."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.errors import RefusedError
from watchbill.siem.syslog import Collector, parse_collector
from watchbill.siem.webhook import parse_hook, signature


KEY = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@pytest.mark.parametrize(
    ("address", "collector"),
    [
        ("udp://siem.example", Collector("udp", "siem.example", 514)),
        ("tcp://192.0.2.1:1514", Collector("tcp", "192.0.2.1", 1514)),
        ("tls://[2001:db8::1]", Collector("tls", "2001:db8::1", 6514)),
    ],
)
def test_collectors(address, collector):
    """Each transport has its port."""
    assert parse_collector(address) == collector
    assert parse_collector(str(collector)) == collector


@pytest.mark.parametrize(
    "address",
    ["siem:514", "http://siem", "udp://", "udp://h:99999", "udp://h:x", "udp://h/p", "tls://u:p@h", "", "udp://[h"],
)
def test_what_is_no_collector(address):
    """Nothing is guessed."""
    with pytest.raises(RefusedError):
        parse_collector(address)


@pytest.mark.parametrize(
    "address", ["https://siem.example/a?b=c", "http://127.0.0.1:9/x", "http://[::1]/", "http://localhost/"]
)
def test_webhooks(address):
    """Https, or this machine."""
    assert parse_hook(address, SECRET).keys == (KEY,)


@pytest.mark.parametrize(
    "address",
    [
        "http://siem.example/hook-secret",
        "http://127.0.0.1.example/hook-secret",
        "ftp://siem.example/hook-secret",
        "https://user:hook-secret@siem.example/",
        "https:///hook-secret",
        "https://siem.example/hook-secret\r\nX-A: b",
        "https://siem.example:hook-secret/",
        "https://[siem/hook-secret",
        "",
    ],
)
def test_what_is_no_webhook_is_refused_without_quoting_it(address):
    """An address may hold a secret."""
    with pytest.raises(RefusedError) as error:
        parse_hook(address, SECRET)
    assert "hook-secret" not in f"{error.value} {error.value.hint} {error.value.__cause__}"


@pytest.mark.parametrize(
    "secret", ["", "  ", "whsec_", "whsec_c2hvcnQ=", SECRET.removeprefix("whsec_"), "whsec_!" + SECRET]
)
def test_what_is_no_secret_is_refused_without_quoting_it(secret):
    """Too short a key can be guessed."""
    with pytest.raises(RefusedError) as error:
        parse_hook("https://siem.example/", secret)
    assert not secret.strip() or secret[8:] == "" or secret[6:] not in f"{error.value} {error.value.hint}"


def test_nothing_shows_a_secret():
    """Neither the address beyond its host, nor what signs."""
    hook = parse_hook("https://siem.example:8443/services/T0/token?k=v", SECRET)
    assert str(hook) == "https://siem.example:8443"
    shown = f"{hook!r} {hook}"
    assert "token" not in shown
    assert "k=v" not in shown
    assert repr(KEY) not in shown


def test_the_signature_is_that_of_standard_webhooks():
    """The example of the specification's own libraries: id, timestamp and body as they are there."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(max_size=200), st.integers(0, 1 << 40))
def test_a_signature_is_over_all_three(body, timestamp):
    """Whoever has the secret can tell."""
    expected = hmac.new(KEY, b"C-1.%d.%s" % (timestamp, body), hashlib.sha256).digest()
    assert signature(KEY, "C-1", timestamp, body) == "v1," + base64.b64encode(expected).decode()


def test_several_secrets_sign_while_one_takes_the_place_of_another():
    """The new one and the old one, in the order given."""
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    assert parse_hook("https://siem.example/", f"{SECRET}\n{other}\n").keys == (KEY, bytes(32))
