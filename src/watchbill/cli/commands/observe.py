"""`observe`: who would have been denied what, had the team file been enforced over the last while. It only reads."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import rich_click as click

from watchbill.access.history import History, declared
from watchbill.access.model import PATH, AccountState, is_ours, last_of
from watchbill.access.plan import make_plan
from watchbill.cli.commands.events import laid_out
from watchbill.cli.commands.lake import lake_option, opened
from watchbill.cli.commands.trail import trail_option
from watchbill.cli.session import CHANGES, Session, command
from watchbill.errors import Problem
from watchbill.intervals import Interval, iso
from watchbill.judge.denied import Denied, Past, past_of
from watchbill.lake.stream import batches
from watchbill.service.audit import scratch
from watchbill.service.history import history_as_if
from watchbill.service.lake import KNOWN_FOR, Library, take_in, unread
from watchbill.service.plan_view import words_of
from watchbill.service.questions import coverage_of
from watchbill.team.model import Team
from watchbill.trail.coverage import Gap


_TIME = re.compile(r"([1-9]\d{0,3})([hd])", re.ASCII)
_UNITS = {"h": "hours", "d": "days"}
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class DeniedView:
    """An event that would have been denied."""

    event_id: str
    at: str
    account: str
    person: str
    action: str
    resource: str
    right: str
    why: str
    outcome: str
    """What AWS made of it: one that it denied would be denied still."""


@dataclass(frozen=True, slots=True)
class OpenView:
    """Events of which it cannot be said whether they would have been denied."""

    why: str
    events: int


@dataclass(frozen=True, slots=True)
class PersonView:
    """What would have become of somebody's events."""

    person: str
    allowed: int
    free: int
    """Sign-ins and the like, which take no permission."""
    denied: int
    refused_anyway: int
    """Of the denied, those that AWS refused as things are."""
    not_judgeable: list[OpenView]
    locked_out: bool
    """Whether nothing that takes a permission would have been left to them."""


@dataclass(frozen=True, slots=True)
class UnknownView:
    """Somebody in AWS who is nobody of the team file."""

    account: str
    who: str
    why: str
    events: int


@dataclass(frozen=True, slots=True)
class BesideView:
    """What somebody holds beside the file: watchbill takes it from nobody, and a person may."""

    account: str
    person: str
    what: str


@dataclass(frozen=True, slots=True)
class AccessView:
    """The file against AWS as it is."""

    gained: list[str]
    """What the file gives that AWS does not."""
    lost: list[str]
    """What people hold by watchbill and would hold no more."""
    beside: list[BesideView]


@dataclass(frozen=True, slots=True)
class ObserveView:
    """Who would have been denied what, had the file been enforced over a span."""

    start: str
    end: str
    events: int
    machines: int
    """Events of machines and services, which are not judged."""
    people: list[PersonView]
    denied: list[DeniedView]
    unknown: list[UnknownView]
    silent: list[str]
    """People of the file of whom the span has no event."""
    access: AccessView | None
    """Null without --aws."""


@command("observe", team=True, state=True)
@trail_option
@lake_option
@click.option("--since", default="30d", show_default=True, metavar="TIME", help="How far back: 12h, 30d.")
@click.option("--aws", is_flag=True, help="Read IAM too: what the file gives and takes against what is there.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when somebody would have been denied something.")
def observe(
    session: Session, source: str | None, folder: Path | None, since: str, *, aws: bool, detailed_exitcode: bool
) -> int:
    """Say who would have been denied what, had the team file been enforced: before it is. Nothing is written.

    Each event of a person is judged by the file as it is now, at the moment of the event. Listed is every one that
    would have been denied, who would have been locked out, who acts and is nobody of the file, and what cannot be
    judged.
    """
    found = _TIME.fullmatch(since)
    if found is None:
        raise click.BadParameter(f"`{since}` is no time; write 12h or 30d", param_hint="--since")
    team, end = session.team(), session.at
    span = Interval(end - timedelta(**{_UNITS[found[2]]: int(found[1])}), end)
    with ExitStack() as stack:
        history = _as_if(session, team, span)
        if source is None:
            lake = stack.enter_context(opened(session, folder))
        else:
            lake = stack.enter_context(scratch())
            known = declared((), team, Interval(end - KNOWN_FOR, end))
            take_in(lake, session.app().deliveries(source).deliveries, Library(team, known), end)
        past = past_of(batches(lake, span), history, span)
        problems = [*unread(lake), *_gaps(coverage_of(lake, span, end, team).gaps)]
    result = _view(past, team, span, _access(session, team) if aws else None)
    _show(session, result)
    session.out.answer(result, [*(Problem("assumed", words) for words in history.assumed), *problems])
    return CHANGES if detailed_exitcode and result.denied else 0


def _as_if(session: Session, team: Team, span: Interval) -> History:
    """Give the file as if it had been in force, with what was approved beside it and the schedules of the time."""
    store = session.store_to_read()
    if store is None:
        return replace(declared((), team, span), assumed=())
    with store:
        return history_as_if(team, store, session.at, span)


def _gaps(gaps: Iterable[Gap]) -> Iterator[Problem]:
    for gap in gaps:
        yield Problem("trail-gap", f"nothing is known of what was done in {gap}")


def _view(past: Past, team: Team, span: Interval, access: AccessView | None) -> ObserveView:
    people = [
        PersonView(
            name,
            seen.allowed,
            seen.free,
            seen.denied,
            seen.refused_anyway,
            [OpenView(why, count) for why, count in seen.open.most_common()],
            seen.is_locked_out,
        )
        for name, seen in sorted(past.people.items())
    ]
    unknown = [UnknownView(*key, count) for key, count in past.unknown.most_common()]
    silent = sorted(team.people.keys() - past.people.keys())
    denied = [_denied_view(each) for each in past.denied]
    return ObserveView(
        iso(span.start), iso(span.end), past.events, past.machines, people, denied, unknown, silent, access
    )


def _denied_view(each: Denied) -> DeniedView:
    return DeniedView(
        each.id,
        iso(each.at),
        each.account,
        each.person,
        each.action,
        each.resource,
        each.right,
        each.why,
        each.outcome,
    )


def _access(session: Session, team: Team) -> AccessView:
    """Compare the file with AWS as it is; the plan is made and thrown away."""
    observed = session.app().observe(team)
    center = session.app().observe_center(team, observed)
    effects = make_plan(team, observed, session.at, center=center).effects
    gained = [words_of(each) for each in effects if each.verb == "gains"]
    lost = [words_of(each) for each in effects if each.verb == "loses"]
    return AccessView(gained, lost, [each for state in observed.values() for each in _beside(team, state)])


def _beside(team: Team, state: AccountState) -> Iterator[BesideView]:
    for user in state.users.values():
        person = team.person_of_iam_user(user.name)
        if person is None:
            continue
        groups = {name for name in user.groups if name not in state.groups or state.groups[name].path != PATH}
        held = [
            *(f"group {name}" for name in sorted(groups)),
            *(f"policy {last_of(arn)}" for arn in sorted(user.attached) if not is_ours(arn)),
            *(f"inline policy {name}" for name in sorted(user.inline)),
        ]
        yield from (BesideView(state.account, person.name, what) for what in held)


def _show(session: Session, result: ObserveView) -> None:
    out = session.out
    out.line(f"{result.events} events from {result.start} to {result.end}, {result.machines} of machines")
    if result.people:
        laid_out(out, _HEADER, [_row(each) for each in result.people])
    _first(session, [_words_of(event) for event in result.denied])
    for who in result.unknown:
        out.line(f"nobody of the file: {who.who} in {who.account}: {who.events} events ({who.why})")
    if result.silent:
        out.line(f"no event of: {', '.join(result.silent)}")
    if result.access is not None:
        _first(session, [f"+ {line}" for line in result.access.gained])
        _first(session, [f"- {line}" for line in result.access.lost])
        for each in result.access.beside:
            out.line(f"beside the file: {each.person} in {each.account}: {each.what}")


_HEADER = ("person", "allowed", "denied", "refused anyway", "not judgeable", "locked out")


def _row(each: PersonView) -> tuple[str, ...]:
    numbers = each.allowed, each.denied, each.refused_anyway, sum(part.events for part in each.not_judgeable)
    return (each.person, *map(str, numbers), "LOCKED OUT" if each.locked_out else "")


def _words_of(event: DeniedView) -> str:
    on = f"{event.action} on {event.resource} in {event.account}"
    return f"{event.at} {event.person} {on}: {event.right}: {event.why} ({event.event_id})"


def _first(session: Session, lines: Sequence[str]) -> None:
    for line in lines[:_SHOWN]:
        session.out.line(line)
    if len(lines) > _SHOWN:
        session.out.line(f"... and {len(lines) - _SHOWN} more; --json has them all")


COMMANDS = (observe,)
