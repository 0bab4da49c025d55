"""Connect to Slack by what the environment says: Socket Mode by default, or requests that Slack posts to us.

Socket Mode needs no address that the world can reach, and Slack sends each press to one of the processes that are
connected. Without its token, presses come as signed requests to `Connection.asgi`, for whoever runs several instances
behind one address.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from slack_sdk import WebClient
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from watchbill.clock import SystemClock
from watchbill.errors import RefusedError
from watchbill.respond.interfaces import Recipient, SlackId
from watchbill.settings import read_variables
from watchbill.slack.app import make_app, tell
from watchbill.slack.blocks import said
from watchbill.slack.calls import client_of, plainly
from watchbill.slack.model import Handle, Take
from watchbill.slack.people import People
from watchbill.slack.sender import SlackSender
from watchbill.team.model import Team


BOT_TOKEN = "WATCHBILL_SLACK_BOT_TOKEN"  # noqa: S105 - the name of a variable
APP_TOKEN = "WATCHBILL_SLACK_APP_TOKEN"  # noqa: S105 - the name of a variable
SIGNING_SECRET = "WATCHBILL_SLACK_SIGNING_SECRET"  # noqa: S105 - the name of a variable
URL = "WATCHBILL_SLACK_URL"
_SLACK = "https://slack.com/api/"
PATH = "/slack/events"
"""Where Slack posts to."""
_BODY_MOST = 1024 * 1024
"""Bytes of a request: anybody may post here, and who it is shows when it was read."""
_AT_ONCE = 2
"""Seconds in which Slack has to say who pressed; a press has to be acknowledged in three."""
_MACHINE = SystemClock()
_WORKERS = 10
"""Presses and commands that are worked on side by side."""
_PING = 5
"""Seconds between looks at whether the socket is still there; a lost one is made anew then."""


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """What the environment says of Slack."""

    bot_token: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    """With it, presses come over a socket."""
    signing_secret: str | None = field(default=None, repr=False)
    """With it and no token for a socket, they come as requests."""
    url: str = _SLACK
    """Where the Web API is: a stand-in, for rehearsals."""


def read_slack_settings() -> SlackSettings | None:
    """Read the environment; None where it has no token of Slack's."""
    found = read_variables([BOT_TOKEN, APP_TOKEN, SIGNING_SECRET, URL])
    if BOT_TOKEN not in found:
        return None
    url = found.get(URL, _SLACK)
    return SlackSettings(found[BOT_TOKEN], found.get(APP_TOKEN), found.get(SIGNING_SECRET), url.rstrip("/") + "/")


class Connection:
    """One process's connection: what sends, what hears, and both ends of its life."""

    def __init__(
        self, client: WebClient, app: App, sender: SlackSender, app_token: str | None, workers: Executor
    ) -> None:
        self.sender = sender
        """Sends notices."""
        self._workers = workers
        self._client, self._app, self._people = client, app, People(client)
        self._socket = None if app_token is None else SocketModeHandler(app, app_token, ping_interval=_PING).client

    def look_up(self, email: str) -> SlackId:
        """Find a member by their address; NotFoundError and RefusedError say why they are none."""
        return self._people.look_up(email)

    @property
    def asgi(self) -> Starlette | None:
        """Give what answers at `PATH`; None in Socket Mode."""
        if self._socket is not None:
            return None

        async def events(request: Request) -> Response:
            body = b""
            async for piece in request.stream():
                body += piece
                if len(body) > _BODY_MOST:
                    return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            if not _is_text(body):
                return Response(status_code=HTTPStatus.BAD_REQUEST)
            # A press is written down meanwhile, and who pressed is asked of Slack: other requests do not wait for that.
            answer = await run_in_threadpool(self._app.dispatch, to_bolt_request(request, body))
            return to_starlette_response(answer)

        return Starlette(routes=[Route(PATH, events, methods=["POST"])])

    @property
    def is_connected(self) -> bool:
        """Tell whether presses can get here; where they come as requests, that is for Slack to know."""
        return self._socket is None or self._socket.is_connected()

    def start(self) -> None:
        """Begin to hear, in threads of its own; a socket that is lost comes back by itself.

        ProviderError where Slack is not there or will not have us: it may be called again.
        """
        if self._socket is not None:
            with plainly():
                self._socket.connect()

    def stop(self) -> None:
        """Hear nothing any more, for good; what came before is done."""
        if self._socket is not None:
            self._socket.close()
        self._workers.shutdown()

    def tell(self, who: SlackId, where: Mapping[str, str], text: str) -> None:
        """Say what became of a press to whoever pressed, where they did; nobody else sees it."""
        tell(self._client, who, where, text)

    def say(self, channel: str, text: str) -> None:
        """Say something in a conversation, for everybody in it; ProviderError where it was not said."""
        shown, blocks = said(text)
        with plainly():
            self._client.chat_postMessage(channel=channel, text=shown, blocks=blocks, parse="none")


def connect(
    settings: SlackSettings,
    team: Team,
    take: Take,
    commands: Handle,
    *,
    leads: Callable[[], Sequence[Recipient]],
    pin: Callable[[Recipient, SlackId], object],
    now: Callable[[], datetime],
    slack_now: Callable[[], datetime] = _MACHINE.now,
) -> Connection:
    """Make a connection that has not started yet; RefusedError where the settings do not say how presses get here.

    `leads` are those whom what is to `LEADS` goes to, with the ids that were pinned; `pin` keeps whom an address was
    found to be, and raises RefusedError where that name has somebody else already; `now` is when a press came.
    `slack_now` is the time by which Slack names messages: the machine's, whatever the time of a rehearsal is, unless
    a stand-in goes by another.
    """
    if settings.app_token is None and settings.signing_secret is None:
        raise RefusedError(
            "nothing says how presses in Slack get here",
            f"set {APP_TOKEN} for Socket Mode, or {SIGNING_SECRET} for requests to {PATH}",
        )
    client = client_of(settings.bot_token, settings.url)
    channel = team.slack.channel if team.slack is not None else None
    sender = SlackSender(client, channel, leads, pin, slack_now)
    workers = ThreadPoolExecutor(_WORKERS, "watchbill-slack")
    people = People(client_of(settings.bot_token, settings.url, _AT_ONCE))
    app = make_app(client, people, settings.signing_secret, take, commands, now, workers)
    return Connection(client, app, sender, settings.app_token, workers)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
