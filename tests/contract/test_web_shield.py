"""What comes over HTTP and is no request of a browser: bodies that do not come, no name, no HTTP at all."""

import socket
import time

import pytest
from tests.pages import pages

from watchbill.web import shield


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the pages."""
    with pages(tmp_path_factory.mktemp("pages")) as served:
        yield served


def said(site, text):
    """Send a text over a connection; give the first line of what is answered."""
    with socket.create_connection(("127.0.0.1", site.port), 5) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        return connection.recv(4096).decode().partition("\r\n")[0]


def test_a_body_that_does_not_come_is_not_waited_for(site, monkeypatch):
    """Whoever says a word a minute holds nothing up for long."""
    monkeypatch.setattr(shield, "_SOON", 0.2)
    begun = time.monotonic()
    head = "POST /sign-in HTTP/1.1\nHost: watchbill.example.com\nSec-Fetch-Site: same-origin\nContent-Length: 10\n\nto="
    assert said(site, head).split()[1] == "413"
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize("host", ["", "Host: evil.example\n", "Host: watchbill.example.com\nHost: evil.example\n"])
def test_whoever_does_not_name_us_is_not_answered(site, host):
    """No name, another's, and two."""
    line = said(site, f"GET / HTTP/1.1\n{host}\n")
    assert line.split()[1] in ("400", "421")


def test_there_are_no_sockets_that_stay_open(site):
    """A browser that asks for a web socket gets none."""
    asked = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
    line = said(site, f"GET / HTTP/1.1\nHost: watchbill.example.com\n{asked}\n")
    assert line.split()[1] in ("403", "200")
    assert "101" not in line
