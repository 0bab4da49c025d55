"""Fetch an outside schedule over HTTP.

Its address is a secret, since whoever knows it reads the schedule: nothing raised here holds it or a part of it, not in
words, not as an error's cause. So each way to fail has words of its own, and none of the server's are passed on.

The server is not trusted either: a body, the time it takes and the redirects it asks for have limits, and nothing is
ever decompressed. What is not asked for by https is on this machine.
"""

import logging
import os
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from ipaddress import ip_address
from socket import SHUT_RDWR, socket
from threading import Lock, Timer
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urljoin

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError, ReadTimeoutError
from urllib3.util import Url, make_headers, parse_url

from watchbill.errors import ProviderError


# It writes addresses into its warnings, about headers it cannot read for one.
logging.getLogger("urllib3.connection").disabled = True

_PIECE = 64 * 1024
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_LONGEST_VALIDATOR = 1_000

_CERTIFICATE = {
    10: "has expired",
    18: "is signed by itself",
    19: "is signed by nobody this machine trusts",
    20: "is signed by nobody this machine trusts",
    62: "is that of another host",
    64: "is that of another host",
}
"""What OpenSSL's codes mean; its own words name the host."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fetch may cost."""

    size: int = 20_000_000
    """Bytes of a body."""
    idle: float = 10
    """Seconds to connect, and between two pieces of an answer."""
    total: float = 30
    """Seconds from the connection to the end of the body, redirects and all."""
    redirects: int = 5


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered."""

    data: bytes | None
    """None where it is unchanged since the copy that the validators were of."""
    etag: str | None = None
    modified: str | None = None


def fetch(address: str, etag: str | None = None, modified: str | None = None, limits: Limits = LIMITS) -> Fetched:
    """Fetch what is at an address, unless it is unchanged since the copy whose ETag and Last-Modified are given.

    Whatever goes wrong is a ProviderError that says what, as something its subject did: "answered 500".
    """
    validators = {"If-None-Match": etag, "If-Modified-Since": modified}
    headers = {name: value for name, value in validators.items() if value is not None}
    with _Watch(limits.total) as watch:
        try:
            return _Fetch(limits, watch, headers).fetched(address)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            why = f"took longer than {limits.total:g} s" if watch.has_ended else _why(error, limits)
    # Raised here and not above: there the error would carry the one it comes from, and that one the address.
    raise ProviderError(why)


class _Watch:
    """Ends every connection when the time is up, whatever it is waiting for."""

    def __init__(self, seconds: float) -> None:
        self.has_ended = False
        self._connected: list[socket] = []
        self._lock = Lock()
        self._timer = Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def over(self, connected: socket) -> None:
        """Watch over a connection."""
        with self._lock:
            self._connected.append(connected)
        self.check()

    def check(self) -> None:
        """Raise TimeoutError when the time is up: what was read then may be cut short."""
        if self.has_ended:
            raise TimeoutError

    def _end(self) -> None:
        with self._lock:
            self.has_ended = True
            for connected in self._connected:
                with suppress(OSError):
                    # The method of the plain socket: that of TLS would take the layer away under a reader.
                    socket.shutdown(connected, SHUT_RDWR)


class _Fetch:
    """One fetch, through its redirects."""

    def __init__(self, limits: Limits, watch: _Watch, validators: Mapping[str, str]) -> None:
        self._limits, self._watch, self._validators = limits, watch, validators

    def fetched(self, address: str) -> Fetched:
        """Give what an address comes to."""
        for _ in range(self._limits.redirects + 1):
            place = _place(address)
            with closing(_connection(place, self._limits.idle)) as connection:
                connection.connect()
                self._watch.over(connection.sock)
                connection.request(
                    "GET", place.request_uri, headers=self._headers(place), preload_content=False, decode_content=False
                )
                with closing(connection.getresponse()) as response:
                    if response.status not in _REDIRECTS:
                        return self._answer(response)
                    address = _target(place, response)
        raise ProviderError(f"redirected more than {self._limits.redirects} times")

    def _headers(self, place: Url) -> dict[str, str]:
        mine = {"User-Agent": "watchbill", "Accept": "*/*", "Accept-Encoding": "identity"}
        known = make_headers(basic_auth=unquote(place.auth)) if place.auth else {}
        return {**mine, **self._validators, **known}

    def _answer(self, response: BaseHTTPResponse) -> Fetched:
        etag, modified = (_validator(response.headers.get(name)) for name in ("ETag", "Last-Modified"))
        if response.status == HTTPStatus.NOT_MODIFIED and self._validators:
            return Fetched(None, etag, modified)
        if response.status != HTTPStatus.OK:
            raise _refused(response.status)
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise ProviderError("answered in a compressed form, which was not asked for")
        return Fetched(self._body(response), etag, modified)

    def _body(self, response: BaseHTTPResponse) -> bytes:
        found = bytearray()
        while piece := response.read(_PIECE):
            found += piece
            if len(found) > self._limits.size:
                raise ProviderError(f"answered with more than {self._limits.size / 1_000_000:g} MB")
        self._watch.check()
        return bytes(found)


def _place(address: str) -> Url:
    scheme, colon, rest = address.strip().partition("://")
    place = parse_url(f"{'https' if scheme.lower() == 'webcal' else scheme}{colon}{rest}")
    if not colon or not place.host or place.scheme not in ("http", "https"):
        raise ProviderError("has no address that begins with https:// or webcal://")
    if place.scheme == "http" and not _is_here(place.host):
        raise ProviderError("has an address without https, which anybody on the way could answer", "use https://")
    return place


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _target(place: Url, response: BaseHTTPResponse) -> str:
    """Give where a redirect leads."""
    location = response.headers.get("Location")
    if location is None:
        raise _refused(response.status)
    target = urljoin(place.url, location)
    if place.scheme == "https" and target.lower().startswith("http:"):
        raise ProviderError("redirected from https to http")
    return target


def _connection(place: Url, idle: float) -> HTTPConnection:
    host = place.host or ""
    if place.scheme == "http":
        return HTTPConnection(host, place.port, timeout=idle)
    return HTTPSConnection(host, place.port, timeout=idle, ssl_context=ssl.create_default_context())


def _validator(text: str | None) -> str | None:
    """Give a validator that can be sent back as it came; without one the next fetch is of the whole."""
    fits = text is not None and text.isascii() and text.isprintable() and len(text) <= _LONGEST_VALIDATOR
    return text if fits else None


def _refused(status: int) -> ProviderError:
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    return ProviderError(f"answered {status}{phrase}")


def _why(error: Exception, limits: Limits) -> str:
    """Say what went wrong, in our own words: those of libraries name hosts and paths."""
    match error:
        case NameResolutionError():
            return "is at a host whose name is not known"
        case NewConnectionError() if isinstance(error.__cause__, OSError) and error.__cause__.errno:
            return f"could not be reached: {os.strerror(error.__cause__.errno).lower()}"
        case ConnectTimeoutError() | ReadTimeoutError() | TimeoutError():
            return f"said nothing for {limits.idle:g} s"
        case ssl.SSLCertVerificationError():
            return f"has a certificate that {_CERTIFICATE.get(error.verify_code, 'is not valid')}"
        case ssl.SSLError():
            return "speaks no TLS that is safe"
        case OSError():
            return f"broke off: {os.strerror(error.errno).lower()}" if error.errno else "broke off"
        case ValueError():
            return "has an address that is none"
        case _:
            return "broke off in the middle, or speaks no HTTP"
