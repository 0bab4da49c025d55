"""Cases by HTTPS to an address of the reader's choice, signed as Standard Webhooks has it (standardwebhooks.com, 1.0).

1. `webhook-id` is the case in its state: the same for every attempt and every run, so that a receiver that keeps the
   ids takes each state once. `webhook-timestamp` is the instant of the attempt, and `webhook-signature` is HMAC-SHA256
   over both and the body, once for each secret that is given, so that secrets can be changed without a gap.
2. At least once: what failed is a problem by its case, and the next run sends it again. Errors of the connection and
   the answers 408, 425, 429 and 5xx are tried again, after 1, 2, 4 and 8 seconds or what `Retry-After` says, 30 at
   most; others are not.
3. Only https, or http to this machine. A redirect is a failure: the address that a person wrote is the only one that is
   asked, private ones too where that is what was written.
4. The address may hold a secret in its path, so nothing raised here names more of it than the host. The secret of the
   signature is never written anywhere.
"""

import base64
import binascii
import hashlib
import hmac
import http.client
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Timer
from urllib.parse import SplitResult, urlsplit

from watchbill.errors import Problem, ProviderError, RefusedError
from watchbill.respond.interfaces import LaterError


_PREFIX = "whsec_"
_KEY_LEAST = 24
"""Bytes of a secret, at least (Standard Webhooks, "Signature scheme")."""
_PAUSES = (1.0, 2.0, 4.0, 8.0)
_PAUSE_MOST = 30.0
_AGAIN = frozenset({408, 425, 429})
_DRAINED = 64 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """One state of one case, to be sent."""

    case: str
    id: str
    """Letters, digits, `-` and `.` alone."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of deliveries."""

    ids: tuple[str, ...]
    """Those that were taken."""
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one attempt may cost, in seconds."""

    idle: float = 10
    """To connect, and between two pieces of an answer."""
    total: float = 30


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Hook:
    """Where deliveries go, and what they are signed with."""

    address: SplitResult = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)
    trusted: Path | None = None
    """Certificates to trust instead of the machine's own."""

    def __str__(self) -> str:
        """Name it without its path, which may be a secret."""
        return f"{self.address.scheme}://{_host(self.address)}"


class _RefusedHereError(Exception):
    """The receiver will not take it, now or later."""


class _TryAgainError(Exception):
    """The receiver may take it later."""

    def __init__(self, why: str, pause: float | None = None) -> None:
        super().__init__(why)
        self.pause = pause


def parse_hook(address: str, secrets: str, trusted: Path | None = None) -> Hook:
    """Read the address of a webhook and its secrets, `whsec_...`, one or more with blanks between.

    RefusedError for http to another machine, for a name and password in the address, and for what is no secret; it
    quotes neither.
    """
    try:
        parts = urlsplit(address.strip())
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise RefusedError("the address of the webhook is none", "write https://host/path") from None
    if not host or parts.scheme not in ("http", "https") or not (address.isascii() and address.strip().isprintable()):
        raise RefusedError("the address of the webhook is none", "write https://host/path")
    if parts.scheme == "http" and not _is_here(host):
        raise RefusedError(
            "the webhook has an address without https, by which anybody on the way could read cases", "use https://"
        )
    if parts.username is not None or parts.password is not None:
        raise RefusedError("the webhook has a name or password in its address", "deliveries are signed instead")
    keys = tuple(_key(secret) for secret in secrets.split())
    if not keys:
        raise RefusedError("the webhook has no secret", "give a file with whsec_ and the base64 of 24 bytes or more")
    return Hook(parts, keys, trusted)


def send(
    hook: Hook,
    deliveries: Iterable[Delivery],
    now: Callable[[], datetime],
    sleep: Callable[[float], object] = time.sleep,
    limits: Limits = LIMITS,
) -> Sent:
    """Send deliveries in their order; what was not taken is a problem, by its case, and the next one is sent."""
    taken: list[str] = []
    problems: list[Problem] = []
    for delivery in deliveries:
        try:
            _deliver(hook, delivery, now, sleep, limits)
            taken.append(delivery.id)
        except ProviderError as error:
            problems.append(Problem("webhook", f"case `{delivery.case}` was not taken by {hook}: {error}"))
    return Sent(tuple(taken), tuple(problems))


def post(hook: Hook, delivery: Delivery, at: datetime, limits: Limits = LIMITS) -> None:
    """Try a delivery once, for whoever tries again later: LaterError where the receiver says when."""
    try:
        _attempt(hook, delivery, int(at.timestamp()), limits)
    except _RefusedHereError as error:
        found = ProviderError(f"{hook} did not take it: {error}")
    except _TryAgainError as error:
        said = f"{hook} did not take it: {error}"
        found = ProviderError(said) if error.pause is None else LaterError(said, timedelta(seconds=error.pause))
    else:
        return
    # Raised here and not above, as in `_deliver`.
    raise found


def signature(key: bytes, identity: str, timestamp: int, body: bytes) -> str:
    """Sign a delivery: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _deliver(
    hook: Hook, delivery: Delivery, now: Callable[[], datetime], sleep: Callable[[float], object], limits: Limits
) -> None:
    why = ""
    for pause in (*_PAUSES, None):
        try:
            _attempt(hook, delivery, int(now().timestamp()), limits)
        except _RefusedHereError as error:
            why, pause = str(error), None  # noqa: PLW2901 - it is not tried again
        except _TryAgainError as error:
            why = str(error)
            if pause is not None:
                sleep(pause if error.pause is None else min(max(error.pause, pause), _PAUSE_MOST))
                continue
        else:
            return
        break
    # Raised here and not above: there the error would carry the one it comes from, and that one perhaps the address.
    raise ProviderError(why)


def _attempt(hook: Hook, delivery: Delivery, timestamp: int, limits: Limits) -> None:
    connection = _connection(hook, limits)
    is_over = Event()
    timer = Timer(limits.total, _end, [connection, is_over])
    timer.daemon = True
    timer.start()
    try:
        path = (hook.address.path or "/") + (f"?{hook.address.query}" if hook.address.query else "")
        connection.request("POST", path, delivery.body, _headers(hook.keys, delivery, timestamp))
        answer = connection.getresponse()
        answer.read(_DRAINED)
        status, after = answer.status, answer.getheader("Retry-After")
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = f"it took longer than {limits.total:g} s" if is_over.is_set() else _why(error, limits)
    else:
        _judge(status, after)
        return
    finally:
        timer.cancel()
        connection.close()
    raise _TryAgainError(why)


def _headers(keys: Sequence[bytes], delivery: Delivery, timestamp: int) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "watchbill",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, delivery.id, timestamp, delivery.body) for key in keys),
    }


def _judge(status: int, after: str | None) -> None:
    """Raise what an answer means, unless it means that the delivery was taken."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        seconds = int(after) if after is not None and after.isascii() and after.isdigit() and len(after) < 6 else None  # noqa: PLR2004 - a day, and not a year
        raise _TryAgainError(f"it answered {status}", seconds)
    if status < HTTPStatus.BAD_REQUEST:
        raise _RefusedHereError(f"it answered {status}, and redirects are not followed")
    if status == HTTPStatus.GONE:
        raise _RefusedHereError("it answered 410: the receiver is gone for good")
    raise _RefusedHereError(f"it answered {status}")


def _connection(hook: Hook, limits: Limits) -> http.client.HTTPConnection:
    host, port = hook.address.hostname or "", hook.address.port
    if hook.address.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=limits.idle)
    context = ssl.create_default_context(cafile=None if hook.trusted is None else str(hook.trusted))
    return http.client.HTTPSConnection(host, port, timeout=limits.idle, context=context)


def _end(connection: http.client.HTTPConnection, is_over: Event) -> None:
    """End a connection whatever it waits for."""
    is_over.set()
    with suppress(OSError):
        if connection.sock is not None:
            # The method of the plain socket: that of TLS would take the layer away under a reader.
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def _key(secret: str) -> bytes:
    """Read a secret; what is wrong with it is said without it."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or len(key) < _KEY_LEAST:
        raise RefusedError(
            f"a secret of the webhook is not {_PREFIX} and the base64 of {_KEY_LEAST} bytes or more",
            "make one: echo whsec_$(openssl rand -base64 32)",
        ) from None
    return key


def _host(address: SplitResult) -> str:
    host = address.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return shown if address.port is None else f"{shown}:{address.port}"


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _why(error: Exception, limits: Limits) -> str:
    """Say what went wrong in our own words: those of libraries may name the address."""
    match error:
        case TimeoutError():
            return f"it said nothing for {limits.idle:g} s"
        case ssl.SSLCertVerificationError():
            return "its certificate is not valid"
        case ssl.SSLError():
            return "it speaks no TLS that is safe"
        case socket.gaierror():
            return "the name of its host is not known"
        case OSError() if error.errno:
            return f"it could not be reached: {os.strerror(error.errno).lower()}"
        case _:
            return "it broke off, or speaks no HTTP"
