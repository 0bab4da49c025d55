"""What ends TLS before the pages, as their operators have it: cookies of hosts and strict transport are for https alone."""

import ipaddress
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import SHUT_WR, create_connection, socket
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


_CHUNK = 65_536


class Ending(ThreadingTCPServer):
    """Listens on a port of the loopback, and passes what it decrypts on to `to`, another one."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), _Passing)
        self.to = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(_certificate(folder))
        self._thread = Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """Give where it listens."""
        return int(self.server_address[1])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        """Pass over browsers that open connections and think better of it."""


class _Passing(BaseRequestHandler):
    server: Any

    def handle(self):
        with (
            self.server.context.wrap_socket(self.request, server_side=True) as near,
            create_connection(("127.0.0.1", self.server.to)) as far,
        ):
            back = Thread(target=_pass, args=(far, near), daemon=True)
            back.start()
            _pass(near, far)
            back.join()


def _pass(source: socket, to: socket) -> None:
    """Pass on what comes until no more does."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(SHUT_WR)


def _certificate(folder: Path) -> Path:
    """Write a certificate of our own, which the browser is told to take."""
    key, now = generate_private_key(SECP256R1()), datetime.now(UTC)  # noqa: TID251 - the browser's clock, not ours
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "watchbill.example.com")])
    names: list[x509.GeneralName] = [
        x509.DNSName("watchbill.example.com"),
        x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")),
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path
