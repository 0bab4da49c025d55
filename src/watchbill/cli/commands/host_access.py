"""`hosts`: sudo on hosts by shift, planned and written."""

from dataclasses import dataclass

import rich_click as click

from watchbill.access.host_plan import HostEffect, HostPlan, words_of
from watchbill.access.model import State
from watchbill.cli.session import CHANGES, Session, command
from watchbill.intervals import iso
from watchbill.service import host_access
from watchbill.service.plan_view import ChangeView, OutcomeView, change_view, outcome_view
from watchbill.service.rights import IntervalView
from watchbill.service.stepping import must_be_anothers, step_of


_MOST = 30
"""Lines of who gains and loses what that people are shown; programs get them all."""


@dataclass(frozen=True, slots=True)
class HostEffectView:
    """Who gains or loses sudo on a host, and when."""

    person: str
    verb: str
    host: str
    user: str
    interval: IntervalView
    commands: list[str]
    """With their arguments; `ALL` is anything."""


@dataclass(frozen=True, slots=True)
class HostPlanView:
    """What would change of sudo by shift; outcomes are empty for a mere plan."""

    effects: list[HostEffectView]
    changes: list[ChangeView]
    drift: list[str]
    warnings: list[str]
    outcomes: list[OutcomeView]


@click.group("hosts", cls=click.RichGroup)
def hosts() -> None:
    """Give sudo on hosts for the time of a shift: written beforehand, ended by the host's own clock."""


@command("hosts plan", team=True, state=True)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
def plan(session: Session, *, detailed_exitcode: bool) -> int:
    """Show who would gain or lose sudo on which host and when, and what others did there, without changing it."""
    with session.casework() as work:
        made = host_access.plan(work)
    _show(session, made)
    session.out.answer(_view(made, []), made.problems)
    if made.problems:
        return 1
    return CHANGES if detailed_exitcode and made.changes else 0


@command("hosts apply", team=True, state=True)
@click.option("--yes", is_flag=True, help="Apply without asking.")
def apply(session: Session, *, yes: bool) -> int:
    """Write it on every host that can be read, when you say yes; then read it back.

    Refused, as `apply` is, where you gain by what waits for somebody else. What is in mode `observe` is left as it is.
    """
    with session.casework() as work:
        must_be_anothers(work, step_of(work))
        made = host_access.plan(work)
        _show(session, made)
        if made.changes and not yes:
            click.confirm("write this on the hosts?", abort=True, err=True)
        outcomes = host_access.write(work, made)
        left = host_access.plan(work) if outcomes else made
    failed = [outcome for outcome in outcomes if outcome.state is not State.DONE]
    for outcome in failed:
        session.out.line(f"{outcome.state}: {outcome.change.account}: {outcome.error}", style="red")
    session.out.line(f"wrote {len(outcomes) - len(failed)} of {len(outcomes)} hosts")
    for change in left.changes:
        session.out.line(f"{change.account} is not as it was written: {change.why}", style="red")
    session.out.answer(_view(made, [outcome_view(outcome) for outcome in outcomes]), made.problems)
    return 1 if failed or left.changes or made.problems else 0


def _show(session: Session, made: HostPlan) -> None:
    lines = list(words_of(made.effects))
    for line in lines[:_MOST]:
        session.out.line(line)
    if len(lines) > _MOST:
        session.out.line(f"... and {len(lines) - _MOST} more lines; --json has them all")
    for change in made.changes:
        session.out.line(change.why)
    if not made.changes and not made.problems:
        session.out.line("no changes: hosts are as the team file says", style="green")
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
    return HostEffectView(effect.person, str(effect.verb), effect.host, effect.user, span, list(effect.commands))


for part in (plan, apply):
    hosts.add_command(part)

COMMANDS = (hosts,)
