"""What holds for every answer over HTTP, whatever page gives it: headers, whose it is, who asks, how much is sent.

The rules, in order:

1. Only what asks for the configured base is answered: a name that an attacker points here is not ours (DNS rebinding).
2. What changes anything comes from our own pages: by `Sec-Fetch-Site`, which pages cannot set (W3C Fetch Metadata), or
   in browsers without it by `Origin`.
3. What is sent is small, and comes soon.
4. Every answer forbids frames, sniffing, referrers and scripts, and is kept by nobody unless it says otherwise. A page
   that is kept up to date may load the scripts that we serve; what stands in it is not run there either.
5. A bug is a line in the log and a page of one sentence.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from anyio import fail_after
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchbill.service.logs import Say


BODY: Final = 64 * 1024
"""Bytes of what may be sent: a form of ours."""
_SOON = 10.0
"""Seconds in which it must have come."""
_PORTS = {"http": ":80", "https": ":443"}
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{more}; base-uri 'none'; "
    "frame-ancestors 'none'{scripts}"
)
_SCRIPTS = "; script-src 'self'; connect-src 'self'"


def policy(form_to: str | None = None, *, scripts: bool = False) -> str:
    """Give the content security policy.

    `form_to` is where a form of the page leads besides to ourselves; `scripts` lets it load those of ours, and ask us.
    Nothing that stands in a page itself is ever run.
    """
    return _CSP.format(more=f" {form_to}" if form_to else "", scripts=_SCRIPTS if scripts else "")


_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": policy(),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ONLY_TLS = "max-age=31536000"


class Shield:
    """Stands before the pages."""

    def __init__(self, app: ASGIApp, base: str, say: Say) -> None:
        parsed = urlsplit(base)
        self._app, self._base, self._say = app, base, say
        self._host = parsed.netloc.removesuffix(_PORTS[parsed.scheme])
        self._port = _PORTS[parsed.scheme]
        self._headers = dict(_HEADERS)
        if parsed.scheme == "https":
            self._headers["Strict-Transport-Security"] = _ONLY_TLS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(scope["method"], Headers(scope=scope))
        try:
            replay = None if answer else await _whole(receive)
            if replay is not None:
                await self._app(scope, replay, sending)
                return
            answer = answer or PlainTextResponse("what was sent is too much, or came too slowly\n", 413)
        except Exception:  # noqa: BLE001 - what a page must not raise is told to whoever runs it, and to no visitor
            self._say.exception("bug", page=getattr(scope.get("route"), "path", None))
            answer = PlainTextResponse("something is broken here; whoever runs watchbill sees it in its log\n", 500)
        if not begun:
            await answer(scope, receive, sending)

    def _refusal(self, method: str, headers: Headers) -> Response | None:
        host = headers.get("host", "").lower().removesuffix(self._port)
        if host != self._host:
            return PlainTextResponse("this is not served here\n", 421)
        if method in ("GET", "HEAD") or self._is_ours(headers):
            return None
        return PlainTextResponse(
            "refused: this was not pressed on a page of ours; open the page and press it there\n", 403
        )

    def _is_ours(self, headers: Headers) -> bool:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is None:
            return origin == self._base
        # A page whose policy is to send no referrer says `null` here.
        return site == "same-origin" and origin in (None, "null", self._base)


async def _whole(receive: Receive) -> Receive | None:
    """Read all that is sent, and give what gives it again; None where it is too much, or does not come."""
    parts, size, more = list[bytes](), 0, True
    try:
        with fail_after(_SOON):
            while more and size <= BODY:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                parts.append(message.get("body", b""))
                size, more = size + len(parts[-1]), message.get("more_body", False)
    except TimeoutError:
        return None
    if size > BODY:
        return None
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": b"".join(parts), "more_body": False}

    return again
