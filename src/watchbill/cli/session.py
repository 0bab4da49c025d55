"""What every command shares: its options, the settings, the clock, and how an error is said.

What speaks to AWS, to a database or of networks is loaded when a command first asks for it: whoever checks a file, or
asks who is on call, waits for none of that.
"""

import functools
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import rich_click as click
from click import get_current_context
from click.core import ParameterSource

from watchbill.cli.output import Output
from watchbill.clock import Clock, SystemClock
from watchbill.errors import Problem, WatchbillError
from watchbill.files.team_file import read_team
from watchbill.intervals import parse_instant
from watchbill.schedule.copies import sources
from watchbill.settings import Settings, read_settings
from watchbill.team.model import Team


if TYPE_CHECKING:
    from watchbill.bootstrap import App
    from watchbill.detect.networks import Networks
    from watchbill.service.casework import Casework
    from watchbill.service.standing import Sees
    from watchbill.store.database import Store
    from watchbill.store.leases import Lease


CHANGES = 2
"""Exit code of `--detailed-exitcode` where there is something to see."""


class FixedClock:
    """A clock that stands still, for rehearsals (`WATCHBILL_AT`)."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the instant it was set to."""
        return self._at


@dataclass(slots=True)
class Session:
    """One run of one command."""

    settings: Settings
    out: Output
    at: datetime
    _app: "App | None" = field(default=None)
    lease: "Lease | None" = None
    """By which an instance of several acts."""

    current: ClassVar["Session | None"] = None
    """The session of the command that is running, so that an error is said in the form it asked for."""

    def team(self) -> Team:
        """Read the team file, and what the copies in force of its outside schedules hold."""
        return self.filled(read_team(self.settings.team))

    def filled(self, team: Team) -> Team:
        """Give a team whose outside schedules hold what their copies in force say."""
        if not sources(team):
            return team
        from watchbill.service.feeds import with_feeds  # noqa: PLC0415 - see above

        with self.store() as store:
            return with_feeds(team, store, self.at)

    def team_on_watch(self) -> Team:
        """Read the team file, with the swaps that were approved beside it and who stands in for whom."""
        from watchbill.service.approved import with_requests  # noqa: PLC0415 - see above
        from watchbill.service.stand_ins import with_stand_ins  # noqa: PLC0415 - see above

        team = self.team()
        if not self.has_state():
            return team
        with self.store() as store:
            return with_requests(with_stand_ins(team, store), store)

    def team_if_any(self) -> Team | None:
        """Read the team file; None where none was named and none is there."""
        return self.team() if self.settings.team_named or self.settings.team.exists() else None

    def feeds(self, team: Team) -> list[Problem]:
        """Say what about the outside schedules of a team needs a person: failing since when, waiting for whom."""
        if not sources(team):
            return []
        from watchbill.service.feeds import standing_feeds  # noqa: PLC0415 - see above

        with self.store() as store:
            return [need for report in standing_feeds(team, store, self.at) for need in report.needs()]

    def app(self) -> "App":
        """Give the way to AWS, made once."""
        from watchbill.bootstrap import make_app  # noqa: PLC0415 - see above

        if self._app is None:
            self._app = make_app(clock_of(self.settings), role=self.settings.role)
        return self._app

    def sees_insider(self) -> "Sees":
        """Give what tells in which cases whoever is at the keyboard may see an insider: in none without a team file."""
        from watchbill.alerts.export.reader import sees_insider  # noqa: PLC0415 - see above

        try:
            team = self.team_if_any()
        except WatchbillError:
            team = None
        return lambda case: sees_insider(team, self.settings.actor, case)

    def networks(self) -> "Networks | None":
        """Give what tells whose network an address is of; None where the settings name no database."""
        if self.settings.asn is None and self.settings.geo is None:
            return None
        from watchbill.files.geo import read_networks  # noqa: PLC0415 - see above

        return read_networks(self.settings.asn, self.settings.geo)

    def store(self) -> "Store":
        """Open watchbill's own state; for one that acts by a lease, as it may write it."""
        from watchbill.store.database import open_store  # noqa: PLC0415 - see above

        found = open_store(self.settings.state, self.settings.database)
        return found if self.lease is None else found.under(self.lease)

    def store_to_read(self) -> "Store | None":
        """Open the state as one who changes nothing of it; None where there is none."""
        from watchbill.store.database import open_to_read  # noqa: PLC0415 - see above

        return open_to_read(self.settings.state, self.settings.database)

    def has_state(self) -> bool:
        """Tell whether watchbill has a state here: to open it would make one."""
        from watchbill.store.database import FILE  # noqa: PLC0415 - see above

        return self.settings.database is not None or (self.settings.state / FILE).exists()

    @contextmanager
    def casework(self) -> "Iterator[Casework]":
        """Give what works on the team's access and cases, as whoever is at the keyboard."""
        from watchbill.service.casework import Casework  # noqa: PLC0415 - see above

        team, ahead = self.team(), self.at > SystemClock().now()
        with self.store() as store:
            yield Casework(self.app(), store, team, self.at, self.settings.actor, rehearses=ahead)

    @classmethod
    def report(cls, error: WatchbillError) -> None:
        """Say an error as the command that ran wants it said."""
        if cls.current is None:
            click.echo(f"error: {error}", err=True)
            return
        out = cls.current.out
        if out.as_json:
            out.answer(None, error.problems)
        else:
            out.err.print("error:", style="bold red", end=" ")
            out.problems(error.problems)
        if error.hint and not out.as_json:
            out.err.print(f"try: {error.hint}", markup=False)


def clock_of(settings: Settings) -> Clock:
    """Give the clock the settings ask for."""
    if settings.at is None:
        return SystemClock()
    try:
        return FixedClock(parse_instant(settings.at))
    except ValueError as error:
        raise WatchbillError(f"WATCHBILL_AT: {error}") from error


def instance_name() -> str:
    """Name this process as one that acts: where it runs, and so that one that is started anew is another."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def command(
    name: str, *, team: bool = False, state: bool = False, group: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """Make a command that takes a `Session` first and has `--json`, and `--team` and `--state` where it needs them.

    One that is a group runs where none of its own commands is named.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def run(**given: Any) -> Any:
            context = get_current_context()
            if context.invoked_subcommand is not None:
                _nothing_before(context, given)
                return None
            settings = read_settings()
            if given.get("team") is not None:
                settings = replace(settings, team=given["team"], team_named=True)
            if given.get("state") is not None:
                settings = replace(settings, state=given["state"])
            at = clock_of(settings).now()
            out = Output(name, at, as_json=given.pop("as_json"), colour=settings.colour)
            Session.current = Session(settings, out, at)
            return function(
                Session.current, **{key: value for key, value in given.items() if key not in ("team", "state")}
            )

        wrapped: Callable[..., Any] = run
        wrapped = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for programs.")(wrapped)
        if state:
            where = click.Path(path_type=Path, file_okay=False)
            text = "Folder of watchbill's own state [default: .watchbill, or $WATCHBILL_STATE]."
            wrapped = click.option("--state", type=where, help=text)(wrapped)
        if team:
            where = click.Path(path_type=Path)
            text = "The team file [default: watchbill.yaml, or $WATCHBILL_TEAM]."
            wrapped = click.option("--team", type=where, help=text)(wrapped)
        if group:
            return click.group(name, cls=click.RichGroup, invoke_without_command=True)(wrapped)
        return click.command(name.rsplit(maxsplit=1)[-1])(wrapped)

    return decorate


def _nothing_before(context: click.Context, given: Mapping[str, Any]) -> None:
    """Refuse options that stand before a group's command and would be passed over in silence."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in given and source is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"put {parameter.opts[0]} after `{context.invoked_subcommand}`", context)
