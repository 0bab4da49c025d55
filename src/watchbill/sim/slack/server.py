"""The stand-in itself: it serves a workspace, and does what people do in it.

1. People press buttons, submit dialogues and type commands by `press`, `submit` and `command`. What they do goes over
   the socket, or signed to `request_url`; whether the app acknowledged it in time is told.
2. It may answer 429 for a while, be down for a while, and do what it was asked for and lose the answer.
3. It keeps all that was said, for whoever asserts or looks at `inbox`.

Slack itself was never asked: that it behaves so is what its documentation says.
"""

import asyncio
import hashlib
import hmac
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from socket import create_server
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import parse_qsl, urlencode

from watchbill.clock import SystemClock
from watchbill.errors import WatchbillError
from watchbill.sim.slack.inbox import page
from watchbill.sim.slack.model import APP, SIGNING_SECRET, TEAM, Conversation, Ephemeral, Message, Pressed, User, View
from watchbill.sim.slack.workspace import Workspace


if TYPE_CHECKING:
    import uvicorn
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

R = TypeVar("R")

HOST = "127.0.0.1"
_WAIT = 3.0
"""Seconds in which an app has to acknowledge (Slack, "Handling user interaction in your Slack apps")."""
_USES = 5
"""How often a response address may be used."""
_PLAIN = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"}


class SlackStandIn(Workspace):
    """Serves while inside its `with` block; raises WatchbillError where its server is not installed."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        super().__init__(lambda: self.address, now or SystemClock().now)
        self.address = ""
        """Where it is, as `http://127.0.0.1:PORT`; empty outside the block."""
        self.request_url: str | None = None
        """Where what people do is posted to; None is over the socket."""
        self.unheard: list[str] = []
        """What people did and no app acknowledged in time, by what it was: Slack would have shown its warning."""
        self._responses: dict[str, tuple[str, str, int]] = {}
        self._sockets: list[WebSocket] = []
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._made_loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Tell where the Web API is."""
        return f"{self.address}/api/"

    @property
    def inbox(self) -> str:
        """Tell where the page is that shows everything."""
        return f"{self.address}/"

    def __enter__(self) -> Self:
        self._server = _server(self)
        self._made_loop = asyncio.new_event_loop()
        listening = create_server((HOST, 0))
        self.address = f"http://{HOST}:{listening.getsockname()[1]}"
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._server.serve([listening]),), name="slack-stand-in"
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self.hang_up()
        self._server.should_exit = True
        self._thread.join()
        self._loop.close()
        self.address = ""

    # --- who is there, and what was said ---

    def add_user(self, user: User) -> User:
        """Let somebody into the workspace."""
        with self.lock:
            self.users[user.id] = user
        return user

    def add_channel(self, channel: str, name: str, members: Sequence[str], kind: str = "channel") -> None:
        """Make a channel; the app is in it if it is among the members."""
        with self.lock:
            self.conversations[channel] = Conversation(channel, kind, frozenset(members), name)

    def messages(self, channel: str) -> list[Message]:
        """Give what the app said in a conversation, the oldest first."""
        with self.lock:
            return [each for each in self.said if each.channel == channel]

    def direct(self, user: str) -> list[Message]:
        """Give what the app said to one person in direct messages, the oldest first."""
        with self.lock:
            alone = {c.id for c in self.conversations.values() if c.kind == "im" and user in c.members}
            return [each for each in self.said if each.channel in alone]

    def whispered(self, user: str) -> list[str]:
        """Give what only this person was shown, the oldest first."""
        with self.lock:
            return [each.text for each in self.whispers if each.user == user]

    def count(self, method: str) -> int:
        """Tell how often a method was called."""
        with self.lock:
            return sum(name == method for name, _ in self.calls)

    @property
    def connections(self) -> int:
        """Tell how many sockets of apps are open."""
        return len(self._sockets)

    # --- what goes wrong ---

    def limit(self, method: str, times: int, retry_after: int = 1) -> None:
        """Answer 429 to the next so many calls of a method."""
        with self.lock:
            self.weather.limited[method] = times
            self.weather.retry_after = retry_after

    def lose_answers(self, method: str, times: int = 1) -> None:
        """Do what the next so many calls of a method ask for, and answer 500 all the same."""
        with self.lock:
            self.weather.lost[method] = times

    def refresh(self) -> None:
        """Ask apps to connect anew, as Slack does every few hours, and then close their sockets."""
        for socket in list(self._sockets):
            self._run(socket.send_text(json.dumps({"type": "disconnect", "reason": "refresh_requested"})))
        self.hang_up()

    def go_down(self) -> None:
        """Answer 503 to everything, and hang up on who is connected."""
        with self.lock:
            self.weather.is_down = True
        self.hang_up()

    def come_back(self) -> None:
        """Be there again."""
        with self.lock:
            self.weather.is_down = False

    # --- what people do ---

    def press(self, user: str, message: Message, action: str) -> Pressed:
        """Press the button of a message whose action id ends in `action`."""
        found = next((b for b in message.buttons if b["action_id"].endswith(action)), None)
        if found is None:
            raise WatchbillError(f"the message has no button `{action}`")
        return self.press_button(user, message.channel, message.ts, found)

    def press_button(self, user: str, channel: str, ts: str, button: Mapping[str, Any]) -> Pressed:
        """Press any button, one that the message shows no more too."""
        pressed = {key: button[key] for key in ("type", "action_id", "value", "text", "style") if key in button}
        payload = {
            "type": "block_actions",
            **self._about_press(user),
            "container": {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False},
            "channel": {"id": channel, "name": "directmessage"},
            "message": {"type": "message", "ts": ts, "bot_id": "B0WATCHBILL"},
            "state": {"values": {}},
            "response_url": self._response_url(channel, user),
            "actions": [{"block_id": "b", "action_ts": self.ts(), **pressed}],
        }
        return self._deliver("interactive", payload)

    def submit(self, view: View, value: str) -> Pressed:
        """Write into the input of a dialogue, as much as it takes, and submit it."""
        given = next(block for block in view.view["blocks"] if block["type"] == "input")
        value = value[: given["element"].get("max_length", 3000)]
        values = {given["block_id"]: {given["element"]["action_id"]: {"type": "plain_text_input", "value": value}}}
        document = {**view.view, "id": view.id, "state": {"values": values}, "hash": "h", "bot_id": "B0WATCHBILL"}
        payload = {"type": "view_submission", **self._about_press(view.user), "view": document, "response_urls": []}
        found = self._deliver("interactive", payload)
        if found.is_acknowledged and not found.answer:
            with self.lock:
                self.views.remove(view)
        return found

    def command(self, user: str, channel: str, text: str, command: str = "/watch") -> Pressed:
        """Type a command."""
        payload = {
            "team_id": self.users[user].team,
            "team_domain": "stand-in",
            "channel_id": channel,
            "channel_name": "directmessage",
            "user_id": user,
            "user_name": self.users[user].name,
            "command": command,
            "text": text,
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": self._response_url(channel, user),
            "trigger_id": self.trigger(user),
        }
        return self._deliver("slash_commands", payload)

    def _about_press(self, user: str) -> dict[str, Any]:
        found = self.users[user]
        return {
            "user": {"id": user, "username": found.name, "name": found.name, "team_id": found.team},
            "api_app_id": APP,
            "trigger_id": self.trigger(user),
            "team": {"id": TEAM, "domain": "stand-in"},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _response_url(self, channel: str, user: str) -> str:
        token = f"R{self.number()}"
        with self.lock:
            self._responses[token] = (channel, user, _USES)
        return f"{self.address}/response/{token}"

    # --- how it gets there ---

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        assert self._made_loop is not None, "it serves inside its `with` block"
        return self._made_loop

    def _deliver(self, kind: str, payload: dict[str, Any]) -> Pressed:
        begun = time.monotonic()
        answer = self._post(kind, payload) if self.request_url else self._run(self._over_socket(kind, payload))
        if answer is None:
            self.unheard.append(str(payload.get("type", kind)))
        return Pressed(answer is not None, answer or {}, time.monotonic() - begun)

    def _run(self, work: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT + 2)

    async def _over_socket(self, kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Send to one of the app's sockets and give the payload of what came back; None where nothing came in time."""
        if not self._sockets:
            return None
        envelope = f"E{self.number()}"
        self._waiting[envelope] = self._loop.create_future()
        socket = self._sockets[self.number() % len(self._sockets)]
        document = {"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": True}
        try:
            await socket.send_text(json.dumps(document))
            return await asyncio.wait_for(self._waiting[envelope], _WAIT)
        except (TimeoutError, RuntimeError):
            return None
        finally:
            del self._waiting[envelope]

    def _post(self, kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Post as Slack does, signed; None where the answer is none, late, or no 2xx."""
        assert self.request_url is not None
        body = urlencode({"payload": json.dumps(payload)} if kind == "interactive" else payload).encode()
        headers = signed(body, int(self._now().timestamp()))
        asked = urllib.request.Request(self.request_url, body, headers)  # noqa: S310 - whoever set it is a test
        try:
            with urllib.request.urlopen(asked, timeout=_WAIT) as answer:  # noqa: S310 - as above
                said = answer.read()
        except (urllib.error.URLError, TimeoutError):
            return None
        return dict(json.loads(said)) if said.strip().startswith(b"{") else {}

    def hang_up(self) -> None:
        """Close the sockets of apps, which may come again."""
        for socket in list(self._sockets):
            self._run(socket.close(1001))

    async def serve_socket(self, socket: "WebSocket") -> None:
        """Keep one connection of Socket Mode."""
        await socket.accept()
        hello = {"type": "hello", "num_connections": 1, "connection_info": {"app_id": APP}, "debug_info": {}}
        await socket.send_text(json.dumps(hello))
        self._sockets.append(socket)
        try:
            async for text in socket.iter_text():
                said = json.loads(text)
                waiting = self._waiting.get(said.get("envelope_id", ""))
                if waiting is not None and not waiting.done():
                    waiting.set_result(said.get("payload") or {})
        finally:
            self._sockets.remove(socket)

    async def serve_response(self, request: "Request") -> "Response":
        """Take what is posted to a response address."""
        token, said = request.path_params["token"], await request.json()
        with self.lock:
            channel, user, left = self._responses.get(token, ("", "", 0))
            if left == 0 or self.weather.is_down:
                return _json({"ok": False, "error": "used_url"}, 404)
            self._responses[token] = (channel, user, left - 1)
            if said.get("response_type") == "in_channel":
                self.say(Message(channel, self.ts(), str(said.get("text", "")), said.get("blocks") or [], None))
            else:
                self.whispers.append(Ephemeral(channel, user, str(said.get("text", ""))))
        return _json({"ok": True})

    async def serve_call(self, request: "Request") -> "Response":
        """Answer a call of the Web API, in the weather that there is."""
        method, given = request.path_params["method"], await _given(request)
        with self.lock:
            if self.weather.is_down:
                return _json({"ok": False, "error": "service_unavailable"}, 503)
            if _is_due(self.weather.limited, method):
                after = {"retry-after": str(self.weather.retry_after)}
                return _json({"ok": False, "error": "ratelimited"}, 429, after)
            answer = self.call(method, given, request.headers.get("authorization", ""))
            if _is_due(self.weather.lost, method):
                return _json({"ok": False, "error": "internal_error"}, 500)
            return _json(answer, 200, {"x-oauth-scopes": ",".join(sorted(self.scopes))})

    async def serve_inbox(self, request: "Request") -> "Response":
        """Show what somebody sees, or everybody; what is posted is what they do."""
        from starlette.responses import HTMLResponse, RedirectResponse  # noqa: PLC0415 - see `_server`

        # A page of elsewhere must not press buttons here, under a name of its own for this machine or not.
        own = request.headers.get("host") == self.address.removeprefix("http://")
        if not own or (request.method == "POST" and request.headers.get("origin", self.address) != self.address):
            return _json({"ok": False, "error": "not_from_here"}, 403)
        user = request.query_params.get("user", "")
        if request.method == "GET":
            with self.lock:
                return HTMLResponse(page(self, user), headers=_PLAIN)
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        await asyncio.to_thread(self._do, user, form)
        return RedirectResponse(str(request.url), 303)

    def _do(self, user: str, form: Mapping[str, str]) -> None:
        """Do what somebody did on the page."""
        if "view" in form:
            self.submit(next(view for view in self.views if view.id == form["view"]), form["value"])
        elif "command" in form:
            own = next((c.id for c in self.conversations.values() if user in c.members), "D0")
            self.command(user, own, form["command"].removeprefix("/watch").strip())
        else:
            message = next(m for m in self.said if (m.channel, m.ts) == (form["channel"], form["ts"]))
            button = next(b for b in message.buttons if b["action_id"] == form["action"])
            self.press_button(user, message.channel, message.ts, button)


def signed(body: bytes, timestamp: int) -> dict[str, str]:
    """Give the headers of a request of Slack's (Slack, "Verifying requests from Slack")."""
    mac = hmac.new(SIGNING_SECRET.encode(), b"v0:%d:" % timestamp + body, hashlib.sha256)
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": str(timestamp),
        "X-Slack-Signature": f"v0={mac.hexdigest()}",
    }


def _is_due(left: dict[str, int], method: str) -> bool:
    if not left.get(method):
        return False
    left[method] -= 1
    return True


async def _given(request: "Request") -> dict[str, Any]:
    """Read what a call was given: in its address, as a form, or as JSON."""
    found: dict[str, Any] = dict(request.query_params)
    body = (await request.body()).decode()
    if request.headers.get("content-type", "").startswith("application/json"):
        return found | (json.loads(body) if body else {})
    return found | dict(parse_qsl(body, keep_blank_values=True))


def _json(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> "Response":
    from starlette.responses import JSONResponse  # noqa: PLC0415 - see `_server`

    return JSONResponse(document, status, headers)


def _server(stand_in: SlackStandIn) -> "uvicorn.Server":
    try:
        # Imported here, since only the demo needs what `watchbill[demo]` installs.
        import uvicorn  # noqa: PLC0415 - see above
        from starlette.applications import Starlette  # noqa: PLC0415 - see above
        from starlette.routing import Route, WebSocketRoute  # noqa: PLC0415 - see above
    except ImportError as error:
        message = f"the Slack stand-in is not installed: {error.name or error} is missing"
        raise WatchbillError(message, "run `pip install 'watchbill[demo]'`") from error
    routes = [
        Route("/api/{method}", stand_in.serve_call, methods=["GET", "POST"]),
        Route("/response/{token}", stand_in.serve_response, methods=["POST"]),
        WebSocketRoute("/socket/{ticket}", stand_in.serve_socket),
        Route("/", stand_in.serve_inbox, methods=["GET", "POST"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), log_config=None, ws="websockets-sansio", lifespan="off")
    config.timeout_graceful_shutdown = 1
    return uvicorn.Server(config)
