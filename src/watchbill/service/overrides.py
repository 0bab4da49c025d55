"""Hear from outside that a schedule has changed, and look at once: PagerDuty's webhooks, version 3.

A message says that there is something to look at, and no more: whatever is in it, the schedule is fetched from where
the team file says, and what is new there is held to the same rules (`feeds`). It counts where its signature is right:
an HMAC-SHA256 of the body as it came, in hex after `v1=`, of several in one header where a secret is being replaced
(PagerDuty's developer docs, "Verifying Webhook Signatures").
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


PATH: Final = "/pagerduty/events"
SECRET: Final = "WATCHBILL_PAGERDUTY_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable, not what is in it

_BODY_MOST = 1_000_000
_SIGNATURES_MOST = 8


def route(secret: str, heard: Callable[[], object]) -> Route:
    """Give what answers at `PATH`; `heard` is called for each message that is PagerDuty's."""

    async def event(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _BODY_MOST:
                return PlainTextResponse("that is too long\n", 413)
        if not is_signed(secret, body, request.headers.get("X-PagerDuty-Signature", "")):
            return PlainTextResponse("the signature is not right\n", 401)
        heard()
        return PlainTextResponse("heard\n", 202)

    return Route(PATH, event, methods=["POST"])


def is_signed(secret: str, body: bytes, header: str) -> bool:
    """Tell whether one of the signatures in a header is that of a body."""
    wanted = f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}".encode()
    given = [each.strip().encode() for each in header.split(",", _SIGNATURES_MOST)[:_SIGNATURES_MOST]]
    return any(hmac.compare_digest(wanted, each) for each in given)
