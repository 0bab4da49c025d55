"""Messages of syslog to a collector: over UDP (RFC 5426), TCP with octets counted (RFC 6587), or TLS (RFC 5425).

None of them has an answer: that a message was sent does not say that it was kept. UDP loses some and tells nobody; over
a stream, a collector that goes away is noticed when it resets the connection, for which it has a moment at the end.
What goes over UDP or plain TCP can be read, and changed, by anybody on the way.
"""

import os
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from watchbill.alerts.export.syslog import TCP_MOST, UDP_MOST, framed
from watchbill.errors import ProviderError, RefusedError


PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
"""By transport (RFC 5426, 3.3; RFC 3195 for 601; RFC 5425, 4.1)."""

WAIT = 10.0
"""Seconds to connect, and for a piece to be taken."""
_GOODBYE = 1.0
"""Seconds in which a collector that is lost may say so at the end."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Where messages go."""

    transport: str
    host: str
    port: int

    @property
    def most(self) -> int:
        """Give the bytes of the longest message that it should take."""
        return UDP_MOST if self.transport == "udp" else TCP_MOST

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}"


def parse_collector(address: str) -> Collector:
    """Read `udp://host:514`, `tcp://host:601` or `tls://host:6514`; RefusedError for anything else."""
    hint = "write udp://host:514, tcp://host:601 or tls://host:6514"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RefusedError("the address of the collector is none", hint) from None
    if parts.scheme not in PORTS or not host or parts.path.strip("/") or parts.query or parts.username is not None:
        raise RefusedError("the address of the collector is none", hint)
    return Collector(parts.scheme, host, port or PORTS[parts.scheme])


def this_host() -> str:
    """Give the name by which messages of this machine are known."""
    return socket.gethostname()


def send(collector: Collector, messages: Iterable[bytes], trusted: Path | None = None, wait: float = WAIT) -> int:
    """Send messages in their order and give how many; ProviderError says after how many it broke off.

    `trusted` is a file of certificates to trust instead of the machine's own.
    """
    sent = 0
    try:
        with _connected(collector, trusted, wait) as connection:
            for message in messages:
                connection.sendall(message if collector.transport == "udp" else framed(message))
                sent += 1
            if collector.transport != "udp" and sent:
                _see_off(connection)
    except ssl.SSLCertVerificationError as error:
        raise ProviderError(f"{collector} has a certificate that is not valid: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise ProviderError(f"{collector} speaks no TLS that is safe") from error
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error) or "it broke off"
        raise ProviderError(f"{collector} took {sent} messages at most: {why}") from error
    return sent


@contextmanager
def _connected(collector: Collector, trusted: Path | None, wait: float) -> Iterator[socket.socket]:
    if collector.transport == "udp":
        found = socket.getaddrinfo(collector.host, collector.port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, place = found[0]
        with socket.socket(family, kind, protocol) as datagrams:
            datagrams.settimeout(wait)
            datagrams.connect(place)
            yield datagrams
        return
    with socket.create_connection((collector.host, collector.port), timeout=wait) as stream:
        if collector.transport == "tcp":
            yield stream
            return
        context = ssl.create_default_context(cafile=None if trusted is None else str(trusted))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with context.wrap_socket(stream, server_hostname=collector.host) as safe:
            yield safe


def _see_off(connection: socket.socket) -> None:
    """Give a collector a moment to say that it is lost; one that says nothing took it all, as far as can be told."""
    connection.settimeout(_GOODBYE)
    with suppress(TimeoutError, ssl.SSLEOFError):
        if isinstance(connection, ssl.SSLSocket):
            # Says that nothing was cut off (RFC 5425, 4.4), and waits for the same.
            connection.unwrap()
        else:
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
