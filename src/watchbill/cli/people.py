"""What an instance works with besides its passes: the team file as it is, and the channels that reach people."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from watchbill.bootstrap import App
from watchbill.cli.session import Session
from watchbill.clock import SystemClock
from watchbill.errors import RefusedError, WatchbillError
from watchbill.files.team_file import read_team
from watchbill.notify import connect as channels
from watchbill.notify.mail import PASSWORD, read_smtp_settings
from watchbill.respond.interfaces import Sender
from watchbill.schedule.copies import sources
from watchbill.service import eviction, overrides, requests
from watchbill.service.casework import Casework
from watchbill.service.clicks import Desk
from watchbill.service.feeds import with_feeds
from watchbill.service.health import Routes
from watchbill.service.jobs import freeze, preview_of, restore
from watchbill.service.logs import Say
from watchbill.service.outbox import SLACK
from watchbill.service.serve import Turn
from watchbill.service.talking import Talk
from watchbill.settings import read_variables
from watchbill.store.database import Store
from watchbill.store.engine import secrets_of
from watchbill.team.model import Team


if TYPE_CHECKING:
    from watchbill.slack.connect import Connection

FRESH = timedelta(minutes=30)
"""How long sessions of roles are used: those that were assumed by a role live for an hour."""

_FILLED = timedelta(minutes=1)
"""How long what outside schedules say is gone by."""

_AGAIN = 10.0
"""Seconds between tries to connect."""


_TOKENS = (
    "WATCHBILL_SLACK_BOT_TOKEN",
    "WATCHBILL_SLACK_APP_TOKEN",
    "WATCHBILL_SLACK_SIGNING_SECRET",
    PASSWORD,
    overrides.SECRET,
)


def secrets_given(session: Session, team: Team) -> tuple[str, ...]:
    """Give every secret that the environment holds for a team: what no log may have."""
    feeds = (source.feed.secret for source in sources(team))
    directories = (directory.secret for directory in team.directories.values())
    pages = [] if team.web is None or team.web.sign_in is None else [team.web.sign_in.secret]
    known = read_variables([*_TOKENS, *channels.secrets_of(team), *feeds, *directories, *pages])
    return (*secrets_of(session.settings.database or ""), *known.values())


class Workers:
    """Makes who works on cases, by the team file as it is; the last one that could be read where it cannot be."""

    def __init__(self, session: Session) -> None:
        """Read the team file, so that whoever starts it sees at once where there is none to go by."""
        self._session, self._lock = session, Lock()
        self._stamp, self._team = self._stamped(), read_team(session.settings.team)
        self._filled: tuple[datetime, Team] | None = None
        self._app: tuple[datetime, App] | None = None

    @property
    def team(self) -> Team:
        """Give the team file as it is, without what outside schedules say."""
        with self._lock:
            return self._read()

    def app(self, at: datetime) -> App:
        """Give the way to AWS, made anew before its sessions end."""
        with self._lock:
            if self._app is None or at - self._app[0] >= FRESH:
                self._app = at, replace(self._session, _app=None).app()
            return self._app[1]

    def __call__(self, store: Store, at: datetime, actor: str) -> Casework:
        """Give somebody's work at an instant."""
        app = self.app(at)
        with self._lock:
            team = self._read()
            if self._filled is None or at - self._filled[0] >= _FILLED:
                self._filled = at, with_feeds(team, store, at)
            return Casework(app, store, self._filled[1], at, actor)

    def of(self, turn: Turn) -> Casework:
        """Give the work of a job."""
        return self(turn.store, turn.at, self._session.settings.actor)

    def _read(self) -> Team:
        if (stamp := self._stamped()) != self._stamp:
            try:
                self._team, self._stamp, self._filled = read_team(self._session.settings.team), stamp, None
            except WatchbillError:
                # Passes say what is wrong with it.
                return self._team
        return self._team

    def _stamped(self) -> tuple[int, int, int]:
        try:
            about = self._session.settings.team.stat()
        except OSError:
            return 0, 0, 0
        return about.st_ino, about.st_size, about.st_mtime_ns


class Channels:
    """What reaches people: Slack, and what the team file names under `notify`."""

    def __init__(self, workers: Workers, store: Store, say: Say) -> None:
        """Refuse what is set up by half, so that whoever starts it sees that at once."""
        self._say = say
        self._now = SystemClock().now
        self.talk = Talk(store, workers, self._now, wishes=requests.WISHES)
        self._connection = self._connected(workers.team)
        self.talk.chat = self._connection
        self._of: tuple[str, Mapping[str, Sender]] = "", {}
        self.senders(workers.team)

    def senders(self, team: Team) -> Mapping[str, Sender]:
        """Give each channel of a team file by its name."""
        if self._of[0] != team.digest:
            secrets = read_variables(channels.secrets_of(team))
            found = channels.connect(team, read_smtp_settings(), secrets, self._now)
            if self._connection is not None:
                found[SLACK] = sender = self._connection.sender
                sender.channel = None if team.slack is None else team.slack.channel
            self._of = team.digest, found
        return self._of[1]

    def desk(self, work: Casework) -> Desk:
        """Give what presses may set in motion."""
        look_up = None if self._connection is None else self._connection.look_up
        return Desk(
            freeze,
            restore,
            preview_of(work),
            look_up,
            self.talk.say,
            {"request": requests.press, "evict": eviction.press},
        )

    def close(self) -> None:
        """Let go of what was made; for whoever sends, and does not hear."""
        if self._connection is not None:
            self._connection.stop()

    @property
    def routes(self) -> Routes:
        """Give what answers to Slack over HTTP; nothing in Socket Mode."""
        served = None if self._connection is None else self._connection.asgi
        return () if served is None else served.routes

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Hear what people press inside the block; where Slack is not there it is tried again and again."""
        connection = self._connection
        if connection is None:
            yield
            return
        over = Event()
        thread = Thread(target=self._connect, args=(connection, over), name="slack", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(_AGAIN)
            connection.stop()

    def _connect(self, connection: "Connection", over: Event) -> None:
        while not over.is_set():
            try:
                connection.start()
            except WatchbillError as error:
                self._say.warning("slack", message=str(error), hint=error.hint)
                over.wait(_AGAIN)
            else:
                self._say.info("slack", connected=connection.is_connected)
                return

    def _connected(self, team: Team) -> "Connection | None":
        if team.slack is None:
            return None
        try:
            # Imported here, since only who uses Slack needs what `watchbill[slack]` installs.
            from watchbill.slack import connect as slack  # noqa: PLC0415 - see above
        except ImportError as error:
            message = f"what speaks to Slack is not installed: {error.name or error} is missing"
            raise WatchbillError(message, "run `pip install 'watchbill[slack]'`") from error
        settings = slack.read_slack_settings()
        if settings is None:
            raise RefusedError(
                f"the team file has `slack`, and {slack.BOT_TOKEN} is not set", "set it, as docs/slack.md says"
            )
        talk = self.talk
        return slack.connect(settings, team, talk.take, talk.handle, leads=talk.leads, pin=talk.pin, now=self._now)
