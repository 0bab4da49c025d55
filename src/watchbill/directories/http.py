"""Speak to an identity provider: JSON over https, its pace honoured, its answers not trusted, no secret in an error."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from watchbill.errors import ProviderError
from watchbill.respond.interfaces import LaterError


TRIES = 4
LONGEST_WAIT = 60.0
"""Seconds that are waited for at most where a provider says to come later; more is told, and tried another time."""
_MOST = 1_000_000
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered."""

    status: int
    body: Any
    """The JSON of it; None where it is none."""


@dataclass(frozen=True, slots=True)
class Http:
    """Asks, and asks again where it is told to come later."""

    name: str
    """Of the directory, for whoever reads an error."""
    sleep: Callable[[float], object] = time.sleep
    now: Callable[[], float] = time.time  # noqa: TID251 - tokens expire by the clock of whoever asks for them
    longest_wait: float = LONGEST_WAIT
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(timeout=urllib3.Timeout(connect=10, read=20), retries=False)
    )

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: object = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask, up to three times more where it answers 429 or 503; what cannot be reached is a ProviderError."""
        must_be_safe(self.name, url)
        data, kind = None, {}
        if form is not None:
            data, kind = urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
        elif body is not None:
            data, kind = json.dumps(body).encode(), {"Content-Type": "application/json"}
        for left in reversed(range(TRIES)):
            answer, wait = self._once(method, url, {"Accept": "application/json", **kind, **headers}, data)
            if wait is None:
                return answer
            if not left or wait > self.longest_wait:
                raise LaterError(f"{self.name} takes no more calls for {wait:.0f} s", timedelta(seconds=wait))
            self.sleep(wait)
        raise AssertionError("the last try returned or raised")

    def done(self, answer: Answer, what: str, *fine: int) -> Any:
        """Give the body of an answer that is a success, or one of `fine`; else a ProviderError with its words."""
        if answer.status < HTTPStatus.MULTIPLE_CHOICES or answer.status in fine:
            return answer.body
        hint = "look at what its token may do" if answer.status in (401, 403) else None
        raise ProviderError(f"{self.name} answered {answer.status} to {what}{_said(answer.body)}", hint)

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | None
    ) -> tuple[Answer, float | None]:
        try:
            got = self.pool.request(method, url, body=data, headers=headers, redirect=False, preload_content=False)
            raw = got.read(_MOST, decode_content=True)
            got.release_conn() if len(raw) < _MOST else got.close()
        except HTTPError as error:
            raise ProviderError(f"could not reach {self.name}: {type(error).__name__}", "look at its address") from None
        later = got.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
        return Answer(got.status, _json(raw)), self._wait(got.headers) if later else None

    def _wait(self, headers: Mapping[str, str]) -> float:
        """Give the seconds to wait: Retry-After, or Okta's own instant at which its limit is set back."""
        try:
            if (after := headers.get("Retry-After")) is not None:
                return max(0.0, float(after))
            return max(1.0, float(headers["X-Rate-Limit-Reset"]) - self.now())
        except (KeyError, ValueError):
            return 1.0


def must_be_safe(name: str, url: str) -> None:
    """Refuse an address to which a token would go in the clear, but for this machine's own."""
    parsed = parse_url(url)
    host = (parsed.host or "").strip("[]")
    if parsed.scheme == "https" or host == "localhost":
        return
    try:
        if ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise ProviderError(f"the address of {name} is not https", "write https:// in the team file")


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _said(body: Any) -> str:
    """Give a provider's own words: Okta's `errorSummary`, Microsoft's and Google's `error.message`."""
    if not isinstance(body, Mapping):
        return ""
    error = body.get("error")
    words = body.get("errorSummary") or (error.get("message") if isinstance(error, Mapping) else None)
    return f": {' '.join(words.split())[:200]}" if isinstance(words, str) else ""
