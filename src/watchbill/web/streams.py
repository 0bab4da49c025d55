"""Streams that tell open pages that something changed, and never what: each asks for its own address again.

The rules, in order:

1. One reader looks at the state for all, once a turn, and only while anybody listens.
2. A stream ends with its session: before anything is told, and every `CHECKED` besides, each is looked at as it is
   then. Listening keeps nobody signed in.
3. There are so many of one session, so many in all, and no more.
4. Whoever does not take what is sent is let go, and all are when the instance stops.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import anyio
from anyio.to_thread import run_sync
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from watchbill.errors import WatchbillError
from watchbill.service.pulse import TURN


EACH: Final = 4
"""Streams of one session: browsers hold six connections to one server, and pages need some."""
ALL: Final = 400
"""Streams of one instance."""
HEARTBEAT: Final = 15.0
"""Seconds after which something is said though there is nothing to say: proxies end what is silent."""
CHECKED: Final = 5.0
"""Seconds after which sessions are looked at again though nothing changed."""
_TAKES = 10.0
"""Seconds in which something must be taken that is sent."""


@dataclass(slots=True, eq=False)
class Stream:
    """One open page."""

    session: str
    """The digest of its session."""
    mark: str
    """What its page shows, or what was told since."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    signed_out: bool = False
    stops: bool = False


class Streams:
    """All that are open. But for `told`, everything happens in the one loop that serves."""

    def __init__(
        self,
        mark: Callable[[], str],
        lasting: Callable[[Collection[str]], Collection[str]],
        stops: Callable[[], bool],
    ) -> None:
        self.mark = mark
        """Gives what is another once something changed that pages show."""
        self._lasting, self._stops = lasting, stops
        self._open: set[Stream] = set()
        self._reader: asyncio.Task[None] | None = None

    def told(self, session: str, mark: str) -> Response:
        """Give the answer that goes on: to a page of a session that was drawn when the mark was this one."""
        return _Told(self, session, mark)

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def opened(self, session: str, mark: str) -> Iterator[Stream | None]:
        """Open one; None where there are too many."""
        own = sum(1 for each in self._open if each.session == session)
        if own >= EACH or len(self._open) >= ALL:
            yield None
            return
        stream = Stream(session, mark)
        self._open.add(stream)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        try:
            yield stream
        finally:
            self._open.discard(stream)

    async def _read(self) -> None:
        """Look, as long as anybody listens, and wake those to whom something is new; where it ends, so do they."""
        try:
            # Where the state is out of reach, nobody can be told whose session still lasts: they come again.
            with suppress(WatchbillError):
                await self._look_on()
        finally:
            for each in self._open:
                each.stops = True
                each.news.set()

    async def _look_on(self) -> None:
        mark, checked = "", float("-inf")
        while self._open and not self._stops():
            found = await run_sync(self.mark)
            if found != mark or time.monotonic() - checked >= CHECKED or self._is_new(found):
                # Whoever comes amid it was let by just now, and is looked at in the next turn.
                there = tuple(self._open)
                lasting = await run_sync(self._lasting, {each.session for each in there})
                mark, checked = found, time.monotonic()
                _wake(there, mark, lasting)
            await asyncio.sleep(TURN.total_seconds())

    def _is_new(self, mark: str) -> bool:
        """Tell whether somebody has come since, whose page is of before."""
        return any(each.mark != mark for each in self._open)


def _wake(those: Collection[Stream], mark: str, lasting: Collection[str]) -> None:
    for each in those:
        if each.session not in lasting:
            each.signed_out = True
            each.news.set()
        elif each.mark != mark:
            each.mark = mark
            each.news.set()


class _Told(Response):
    """Server-sent events (HTML, 9.2): `change` with the mark, `end` where the session is over, and comments between."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, session: str, mark: str) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._streams, self._session, self._mark = streams, session, mark

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._streams.opened(self._session, self._mark) as stream:
            if stream is None:
                text = "too many pages are open; close one\n"
                await PlainTextResponse(text, 429, {"Retry-After": "60"})(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with anyio.create_task_group() as group:
                group.start_soon(_until_gone, receive, group.cancel_scope)
                await _tell(stream, send)
                group.cancel_scope.cancel()


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    """End what is told to somebody who left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _tell(stream: Stream, send: Send) -> None:
    """Say what there is to say, until it is over or is not taken."""
    text, over = ": listening\n\n", False
    while True:
        with anyio.move_on_after(_TAKES) as taking:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": not over})
        if over or taking.cancelled_caught:
            return
        text, over = await _next(stream)


async def _next(stream: Stream) -> tuple[str, bool]:
    """Give what is to be said next and whether it is the last, once there is something, or it was silent for long."""
    with anyio.move_on_after(HEARTBEAT):
        await stream.news.wait()
    if not stream.news.is_set():
        return ": still here\n\n", False
    stream.news.clear()
    if stream.signed_out:
        return "event: end\ndata: end\n\n", True
    if stream.stops:
        return ": stops\n\n", True
    return f"event: change\ndata: {stream.mark}\n\n", False
