"""`rightsize`: what of the permission sets nobody used, and the team file without it, as a diff."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import rich_click as click

from watchbill.aws.operations import called_actions
from watchbill.cli.commands.events import laid_out
from watchbill.cli.commands.lake import lake_option, opened
from watchbill.cli.commands.trail import kept, trail_option
from watchbill.cli.session import Session, command
from watchbill.errors import Problem, WatchbillError
from watchbill.files.report import write_text
from watchbill.intervals import Interval, iso
from watchbill.judge.rightsize import Holder, SetUse, Trail, WorkloadUse, rightsize, workloads
from watchbill.judge.used import Count
from watchbill.service.audit import scratch
from watchbill.service.lake import take_in
from watchbill.service.last_uses import used_in
from watchbill.team.edit import with_values
from watchbill.team.files import parse
from watchbill.team.model import PermissionSet, Team


_LEAST, _MOST = 1, 3650
"""Days that may be looked back."""


@dataclass(frozen=True, slots=True)
class UseView:
    """How an action was used."""

    action: str
    events: int
    last: str


@dataclass(frozen=True, slots=True)
class HolderView:
    """Somebody who holds a set, and what they made of it."""

    person: str
    account: str
    through: str
    file: str
    line: int
    since: str | None
    """From when on in the span they have held it; null is all of it."""
    hours_on_watch: float | None
    """In the span; null where they hold it at all times."""
    events: int
    actions: int
    """How many of its actions they used."""
    last: str | None
    of_others: list[str]
    """Actions that others who hold it used, and they did not; empty where nothing is said of the set."""


@dataclass(frozen=True, slots=True)
class UnsureActions:
    """Actions that were not seen, and of which nothing follows from that."""

    why: str
    actions: list[str]


@dataclass(frozen=True, slots=True)
class SetView:
    """What became of one permission set."""

    permission_set: str
    verdict: str
    """`narrower`, `as it is`, `never used`, or `not said`."""
    allowed: int
    """How many actions it allows, by AWS's reference."""
    used: list[UseView]
    unused: list[str]
    services_unused: list[str]
    unsure: list[UnsureActions]
    nothing_said: list[str]
    """Why nothing is said of what was not seen."""
    by_hand: list[str]
    """What of it was not used and is for a person to take out."""
    holders: list[HolderView]


@dataclass(frozen=True, slots=True)
class UnseenPattern:
    """What a workload is expected to call and did not."""

    pattern: str
    would_show: int
    """How many of its actions, by AWS's reference, a trail would have shown."""


@dataclass(frozen=True, slots=True)
class WorkloadUseView:
    """What a workload did of what the team file expects of it."""

    workload: str
    file: str
    line: int
    used: list[UseView]
    unseen: list[UnseenPattern]
    nothing_said: list[str]


@dataclass(frozen=True, slots=True)
class RightsizeView:
    """What of the permission sets nobody used."""

    start: str
    end: str
    events: int
    sets: list[SetView]
    workloads: list[WorkloadUseView]
    diff: str
    """The proposed change of the team file, as `patch -p0` takes it; empty where there is none."""


@command("rightsize", team=True, state=True)
@trail_option
@lake_option
@click.option(
    "--days",
    type=click.IntRange(_LEAST, _MOST),
    default=90,
    show_default=True,
    help="How many days back from now a thing must not have been used.",
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Also write the diff to this file."
)
def rightsize_command(session: Session, source: str | None, folder: Path | None, days: int, output: Path | None) -> int:
    """Propose smaller permission sets: what nobody who holds one used in so many days, as a diff of the team file.

    What a trail would not show is never called unused: data events, what has no call of its own, and everything in an
    account where the trail has gaps, begins too late, or could not be read. The diff still allows all that was seen.
    Nothing is changed: read it, and what each line rests on, before you apply it.
    """
    team = session.team()
    span = Interval(session.at - timedelta(days=days), session.at)
    with ExitStack() as stack:
        known = kept(session, team, stack)
        if source is None:
            lake = stack.enter_context(opened(session, folder))
        else:
            lake = stack.enter_context(scratch())
            offered = session.app().deliveries(source)
            take_in(lake, offered.deliveries, known.library, session.at)
        trail, problems = used_in(lake, span, session.at, team)
        history = known.history_of(span)
    uses = rightsize(team, trail, history, called_actions)
    proposed, left = _edited(team, uses)
    diff = "".join(_diff(team, proposed))
    counted = [trail.used.counted(account.number) for account in team.accounts.values()]
    events = sum(each.events for each in counted if each is not None)
    machines = [_workload_view(use) for use in workloads(team, trail, called_actions)]
    result = RightsizeView(iso(span.start), iso(span.end), events, [_set_view(use) for use in uses], machines, diff)
    _show(session, result, trail, team)
    if output is not None:
        write_text(output, diff)
        session.out.line(f"diff written to {output}")
    assumed = [Problem("assumed", words) for words in (history.assumed if history is not None else ())]
    session.out.answer(result, [*assumed, *problems, *left])
    return 0


def _edited(team: Team, uses: Sequence[SetUse]) -> tuple[str, list[Problem]]:
    """Give the text of the team file with the narrower sets; those that cannot be edited are told."""
    narrower = [use for use in uses if use.narrowed is not None]
    try:
        return _with(team, team.text, narrower), []
    except WatchbillError:
        # Which one it is shows one by one.
        text, problems = team.text, list[Problem]()
    for use in narrower:
        try:
            text = _with(team, text, [use])
        except WatchbillError as error:
            message = f"permission set `{use.permissions.name}` could be narrower, but not by a diff: {error}"
            problems.append(Problem.at("not-edited", message, use.permissions.where))
    return text, problems


def _with(team: Team, text: str, uses: Sequence[SetUse]) -> str:
    """Give a text with some sets narrower; raises WatchbillError where it cannot be written, or has mistakes then."""
    edited = with_values(text, {way: value for use in uses for way, value in _values(use.permissions, use).items()})
    found = parse(edited, team.path).permission_sets
    for use in uses:
        assert use.narrowed is not None, "who asks has looked"
        same = _says(found[use.permissions.name]) == _says(use.narrowed.permissions)
        assert same, "what is written is what was proposed"
    return edited


def _values(old: PermissionSet, use: SetUse) -> Mapping[tuple[str | int, ...], Any]:
    assert use.narrowed is not None, "who asks has looked"
    new, at = use.narrowed.permissions, ("permission_sets", old.name)
    found: dict[tuple[str | int, ...], Any] = {}
    if new.allow != old.allow:
        found[*at, "allow"] = list(new.allow)
    if new.managed != old.managed:
        found[*at, "managed"] = list(new.managed)
    if new.capabilities != old.capabilities:
        found[*at, "capabilities"] = {service: list(levels) for service, levels in new.capabilities.items()}
    whole = old.policy is not None and isinstance(old.policy["Statement"], Mapping)
    for place, actions in use.narrowed.actions.items():
        found[*at, "policy", "Statement", *(() if whole else (place,)), "Action"] = list(actions)
    return found


def _says(permissions: PermissionSet) -> tuple[Any, ...]:
    """Give what a set gives, without the place where it stands."""
    policy = permissions.policy
    statements = [] if policy is None else policy["Statement"]
    listed = [statements] if isinstance(statements, Mapping) else list(statements)
    return (permissions.allow, permissions.deny, permissions.managed, dict(permissions.capabilities), listed)


def _diff(team: Team, proposed: str) -> Iterator[str]:
    before, after = (text.splitlines(keepends=True) for text in (team.text, proposed))
    yield from difflib.unified_diff(before, after, team.path, team.path)


def _verdict(use: SetUse) -> str:
    if use.never:
        return "never used"
    if use.nothing_said:
        return "not said"
    return "narrower" if use.narrowed is not None else "as it is"


def _set_view(use: SetUse) -> SetView:
    return SetView(
        use.permissions.name,
        _verdict(use),
        use.allowed,
        [_use_view(action, count) for action, count in use.used.items()],
        list(use.unused),
        list(use.services_unused),
        [UnsureActions(why, list(actions)) for why, actions in use.unsure.items()],
        list(use.nothing_said),
        list(use.narrowed.by_hand) if use.narrowed is not None else [],
        [_holder_view(each, use) for each in use.holders],
    )


def _workload_view(use: WorkloadUse) -> WorkloadUseView:
    return WorkloadUseView(
        use.workload.name,
        use.workload.where.path,
        use.workload.where.line,
        [_use_view(action, count) for action, count in use.used.items()],
        [UnseenPattern(pattern, sure) for pattern, sure in use.unseen.items()],
        list(use.nothing_said),
    )


def _use_view(action: str, count: Count) -> UseView:
    return UseView(action, count.events, iso(count.last))


def _holder_view(holder: Holder, use: SetUse) -> HolderView:
    return HolderView(
        holder.person,
        holder.account,
        holder.through,
        holder.where.path,
        holder.where.line,
        None if holder.since is None else iso(holder.since),
        None if holder.on_watch is None else round(holder.on_watch / timedelta(hours=1), 1),
        holder.events,
        len(holder.used),
        None if holder.last is None else iso(holder.last),
        list(use.of_others(holder)),
    )


def _show(session: Session, result: RightsizeView, trail: Trail, team: Team) -> None:
    out = session.out
    out.line(f"from {result.start} to {result.end}: {result.events} events of the team's accounts")
    for account in team.accounts.values():
        regions = ", ".join(sorted(trail.used.regions(account.number))) or "none"
        out.line(f"  {account.name}: regions in the trail: {regions}; a trail of some regions says nothing of others")
    rows = [
        (
            each.permission_set,
            each.verdict,
            str(len(each.used)),
            str(len(each.unused)),
            _unsure(each),
            str(each.allowed),
        )
        for each in result.sets
    ]
    laid_out(out, ("permission set", "verdict", "used", "never", "not known", "allows"), rows)
    for each in result.sets:
        _show_set(session, each)
    for machine in result.workloads:
        _show_workload(session, machine)
    out.line()
    for line in result.diff.splitlines():
        out.line(line, style={"+": "green", "-": "red"}.get(line[:1], ""))
    if not result.diff:
        out.line("nothing is proposed")


def _unsure(found: SetView) -> str:
    return "all" if found.nothing_said else str(sum(len(each.actions) for each in found.unsure))


def _show_set(session: Session, found: SetView) -> None:
    out = session.out
    out.line()
    out.line(f"{found.permission_set}: {found.verdict}", style="bold")
    for why in found.nothing_said:
        out.line(f"  nothing is said of what was not seen: {why}")
    for holder in found.holders:
        out.line(f"  {_said_of(holder)}")
    if found.services_unused:
        out.line(f"  services never used: {', '.join(found.services_unused)}")
    if found.verdict == "never used":
        places = dict.fromkeys(f"{each.through} ({each.file}:{each.line})" for each in found.holders)
        out.line(f"  take it away from {', '.join(places)}, or keep it knowingly")
    for unsure in found.unsure:
        out.line(f"  {len(unsure.actions)} actions not known: {unsure.why}")
    for words in found.by_hand:
        out.line(f"  {words}: take it out by hand")


def _show_workload(session: Session, found: WorkloadUseView) -> None:
    out = session.out
    out.line()
    out.line(f"workload {found.workload}: {len(found.used)} actions", style="bold")
    for why in found.nothing_said:
        out.line(f"  nothing is said of what was not seen: {why}")
    for each in found.unseen:
        out.line(f"  nothing of {each.pattern} was seen; a trail would have shown {each.would_show} actions of it")


def _said_of(holder: HolderView) -> str:
    since = "" if holder.since is None else f", held since {holder.since}"
    watch = "" if holder.hours_on_watch is None else f", {holder.hours_on_watch:g} hours on watch"
    others = f", {len(holder.of_others)} that others used never" if holder.of_others else ""
    used = f"{holder.actions} actions in {holder.events} events, last {holder.last}{others}"
    # That nothing was seen is not that nothing was used: a set may allow what a trail does not show.
    seen = "nothing of it was seen" if holder.last is None else used
    return f"{holder.person} in {holder.account} through {holder.through}: {seen}{since}{watch}"


COMMANDS = (rightsize_command,)
