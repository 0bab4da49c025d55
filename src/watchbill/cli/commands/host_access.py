"""`hosts`: sudo and SSH on hosts by shift, planned and written, and the certificates that people get."""

from dataclasses import dataclass
from pathlib import Path

import rich_click as click

from watchbill.access.host_plan import HostEffect, HostPlan, words_of
from watchbill.access.model import State
from watchbill.cli.session import CHANGES, Session, command
from watchbill.errors import NotFoundError
from watchbill.files.report import write_text
from watchbill.intervals import iso
from watchbill.service import host_access
from watchbill.service.certificates import Given, given, sign_due
from watchbill.service.plan_view import ChangeView, OutcomeView, change_view, outcome_view
from watchbill.service.rights import IntervalView
from watchbill.service.stepping import must_be_anothers, step_of
from watchbill.team.model import Team


_MOST = 30
"""Lines of who gains and loses what that people are shown; programs get them all."""


@dataclass(frozen=True, slots=True)
class HostEffectView:
    """Who gains or loses sudo or SSH on a host, and when."""

    person: str
    verb: str
    host: str
    user: str
    interval: IntervalView
    commands: list[str]
    """With sudo, with their arguments; `ALL` is anything."""
    what: str
    """`sudo`, or `ssh`."""


@dataclass(frozen=True, slots=True)
class HostPlanView:
    """What would change on hosts by shift; outcomes are empty for a mere plan."""

    effects: list[HostEffectView]
    changes: list[ChangeView]
    drift: list[str]
    warnings: list[str]
    outcomes: list[OutcomeView]


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A certificate by which somebody signs in to hosts while on call."""

    person: str
    interval: IntervalView
    hosts: list[str]
    key: str
    """The fingerprint of the key that it is for."""
    serial: str
    certificate: str
    file: str | None
    """Where it was written; null where it was not."""


@click.group("hosts", cls=click.RichGroup)
def hosts() -> None:
    """Give sudo and SSH on hosts for the time of a shift: written beforehand, ended by the host's own clock."""


@command("hosts plan", team=True, state=True)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
def plan(session: Session, *, detailed_exitcode: bool) -> int:
    """Show who would gain or lose sudo or SSH on which host and when, and what others did there; change nothing."""
    with session.casework() as work:
        made = host_access.plan(work)
    _show(session, work.team, made)
    session.out.answer(_view(made, []), made.problems)
    if made.problems:
        return 1
    return CHANGES if detailed_exitcode and made.changes else 0


@command("hosts apply", team=True, state=True)
@click.option("--yes", is_flag=True, help="Apply without asking.")
def apply(session: Session, *, yes: bool) -> int:
    """Write it on every host that can be read, when you say yes; then read it back, and sign certificates that are due.

    Refused, as `apply` is, where you gain by what waits for somebody else. What is in mode `observe` is left as it is.
    """
    with session.casework() as work:
        must_be_anothers(work, step_of(work))
        made = host_access.plan(work)
        _show(session, work.team, made)
        if made.changes and not yes:
            click.confirm("write this on the hosts?", abort=True, err=True)
        outcomes = host_access.write(work, made)
        signed, unsigned = sign_due(work, work.laid_over(), made, outcomes, None)
        problems = (*made.problems, *unsigned)
        left = host_access.plan(work) if outcomes else made
    failed = [outcome for outcome in outcomes if outcome.state is not State.DONE]
    for outcome in failed:
        session.out.line(f"{outcome.state}: {outcome.change.account}: {outcome.error}", style="red")
    session.out.line(f"wrote {len(outcomes) - len(failed)} of {len(outcomes)} hosts")
    if signed:
        session.out.line(f"signed {signed} certificates: watchbill hosts certificates PERSON --out DIR")
    for change in left.changes:
        session.out.line(f"{change.account} is not as it was written: {change.why}", style="red")
    session.out.answer(_view(made, [outcome_view(outcome) for outcome in outcomes]), problems)
    return 1 if failed or left.changes or problems else 0


@command("hosts certificates", team=True, state=True)
@click.argument("person", required=False)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Write each into a file.",
)
def certificates(session: Session, person: str | None, out: Path | None) -> int:
    """Show the certificates by which PERSON, or you, may sign in to hosts, each for one watch; they are no secrets.

    With ssh: `ssh -i KEY -o CertificateFile=FILE HOST`, or `CertificateFile` in its configuration. Whoever has the
    private key signs in by it, within the watch and at no other time.
    """
    with session.casework() as work:
        name = person or work.actor
        if name not in work.team.people:
            raise NotFoundError(f"nobody is called `{name}`", f"people: {', '.join(work.team.people)}")
        found = given(work, name)
    views = []
    for each in found:
        path = None if out is None else _written(out, each)
        views.append(_certificate_view(each, path))
        session.out.line(f"{each.interval} on {', '.join(each.hosts)}, key {each.key}{f': {path}' if path else ''}")
    if not found:
        session.out.line(f"{name} has none: they are signed when a watch is within the horizon, and hosts were written")
    session.out.answer(views)
    return 0


def _written(folder: Path, each: Given) -> Path:
    path = folder / each.file
    write_text(path, f"{each.text}\n")
    return path


def _certificate_view(each: Given, path: Path | None) -> CertificateView:
    span = IntervalView(iso(each.interval.start), iso(each.interval.end))
    file = None if path is None else str(path)
    return CertificateView(each.person, span, list(each.hosts), each.key, each.serial, each.text, file)


def _show(session: Session, team: Team, made: HostPlan) -> None:
    lines = list(words_of(made.effects))
    for line in lines[:_MOST]:
        session.out.line(line)
    if len(lines) > _MOST:
        session.out.line(f"... and {len(lines) - _MOST} more lines; --json has them all")
    for change in made.changes:
        session.out.line(change.why)
    if not made.changes and not made.problems:
        named = any(rota.hosts for rota in team.rotas.values())
        nothing = "nothing to do: no rota of the team file names `hosts` (docs/hosts-by-shift.md)"
        session.out.line("no changes: hosts are as the team file says" if named else nothing, style="green")
    for line in made.drift:
        session.out.line(f"drift: {line}", style="yellow")
    for line in made.warnings:
        session.out.line(f"warning: {line}", style="yellow")


def _view(made: HostPlan, outcomes: list[OutcomeView]) -> HostPlanView:
    return HostPlanView(
        [_effect_view(each) for each in made.effects],
        [change_view(change) for change in made.changes],
        list(made.drift),
        list(made.warnings),
        outcomes,
    )


def _effect_view(effect: HostEffect) -> HostEffectView:
    span = IntervalView(iso(effect.interval.start), iso(effect.interval.end))
    commands = list(effect.commands)
    return HostEffectView(effect.person, str(effect.verb), effect.host, effect.user, span, commands, effect.what)


for part in (plan, apply, certificates):
    hosts.add_command(part)

COMMANDS = (hosts,)
