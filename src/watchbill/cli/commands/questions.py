"""`can`, `explain`, `who-can`, `prove`, `diff`: who can do what, when and why; and what nobody ever can."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import rich_click as click

from watchbill.access.center.declared import declared_state
from watchbill.access.difference import Change, differences
from watchbill.access.effective import PathAnswer, answers
from watchbill.access.explain import explain_ways
from watchbill.access.invariants import EVERYONE, Finding, Invariant, Prover, read_invariant, read_invariants
from watchbill.access.model import AccountState, Freeze
from watchbill.access.organization import under
from watchbill.access.outlive import prove_no_escape
from watchbill.access.review import on_call_roles
from watchbill.access.ways import Ways
from watchbill.access.who import who_can
from watchbill.cli.session import CHANGES, Session, command
from watchbill.errors import NotFoundError, Problem, WatchbillError
from watchbill.files.team_file import LIMIT, read_team
from watchbill.intervals import Interval, iso, parse_instant
from watchbill.policy.actions import actions_matching, is_action
from watchbill.policy.model import Effect, Request
from watchbill.policy.prove import Counterexample, NotKnown, Proof
from watchbill.service.as_read import AsRead, as_read
from watchbill.service.rights import (
    ExplainView,
    HolderView,
    IntervalView,
    explain_view,
    holder_view,
    span_view,
)
from watchbill.team.files import parse
from watchbill.team.model import Team
from watchbill.team.names import meant


MFA = "aws:MultiFactorAuthPresent"

TIMES = frozenset({"aws:currenttime", "aws:epochtime"})
"""Keys that follow from the instant asked about."""

_YEARS = range(1971, 9000)
"""Instants that can be asked about: policies reach some years ahead of them, and calendars end."""


@dataclass(frozen=True, slots=True)
class PathView:
    """What one way to an action answers."""

    path: str
    decision: str
    because: list[str]
    hangs_on: list[str]
    """Condition keys that are not known."""
    unread: list[str]


@dataclass(frozen=True, slots=True)
class CanView:
    """Whether somebody can do something."""

    person: str
    action: str
    resource: str
    account: str
    at: str
    decision: str
    paths: list[PathView]


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request that is allowed."""

    action: str
    resource: str
    context: dict[str, str | list[str]]
    because: list[str]


@dataclass(frozen=True, slots=True)
class ProofView:
    """Whether an invariant holds for one way of one person."""

    invariant: str
    person: str
    account: str
    way: str
    answer: str
    """`proven`, `broken` or `unknown`."""
    held_by: list[str]
    """Denies that hold it; empty where nothing allows."""
    counterexample: RequestView | None
    taking: RequestView | None
    """How the role is taken, where the way is a role."""
    why: str


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """What somebody gains or loses between two team files."""

    person: str
    account: str
    verb: str
    actions: list[str]
    resource: str
    intervals: list[IntervalView]
    conditions: list[str]


@dataclass(frozen=True, slots=True)
class _Question:
    """What every question shares: of whom, where, when, and what is known."""

    session: Session
    team: Team
    at: datetime
    live: bool
    account: str | None
    freezes: tuple[Freeze, ...]
    read: AsRead
    """What is known of the organization and of Identity Center, where AWS is not asked."""

    def states(self, horizon: timedelta | None = None) -> Mapping[str, AccountState]:
        """Give the documents asked, by account; compiled ones reach as far ahead as asked."""
        if self.account is not None and self.account not in self.team.accounts:
            known = ", ".join(self.team.accounts)
            raise NotFoundError(f"no account `{self.account}` in {self.session.settings.team}", f"accounts: {known}")
        names = self.team.accounts if self.account is None else (self.account,)
        if self.live:
            app = self.session.app()
            observed = app.entered(self.team, app.observe(self.team))
            return {name: observed[name] for name in names}
        team = self.team if horizon is None else _reaching(self.team, horizon)
        given = (self.at, self.freezes, self.read.center)
        declared = {name: declared_state(team, team.accounts[name], *given) for name in names}
        return under(team, declared, self.read.organization)

    def answer(self, result: Any) -> None:
        """Give the answer, and as of when what it rests on was read."""
        said = () if self.live else self.read.said
        self.session.out.answer(result, [Problem("assumed", words) for words in said])

    def user(self, person: str) -> str:
        """Give somebody's IAM user."""
        if person not in self.team.people:
            known = ", ".join(self.team.people)
            raise NotFoundError(f"no person `{person}` in {self.session.settings.team}", f"people: {known}")
        return self.team.people[person].iam_user

    def person(self, user: str) -> str | None:
        """Give whose IAM user it is."""
        found = self.team.person_of_iam_user(user)
        return found.name if found is not None else None


def _question(session: Session, when: str | None, *, live: bool, account: str | None) -> _Question:
    team, at = session.team(), _instant(when) if when else session.at
    if live or not session.has_state():
        # A question makes no state.
        return _Question(session, team, at, live, account, (), as_read(None, team, at))
    with session.store() as store:
        freezes = tuple(Freeze(f.id, f.person, f.start, f.end, f.case_id) for f in store.freezes.all())
        return _Question(session, team, at, live, account, freezes, as_read(store, team, at))


def _reaching(team: Team, horizon: timedelta) -> Team:
    """Let every rota be written ahead as far as a question asks."""
    rotas = {n: replace(rota, horizon=max(rota.horizon, horizon)) for n, rota in team.rotas.items()}
    return replace(team, rotas=rotas)


def _pairs(pairs: Sequence[str]) -> dict[str, str]:
    """Read `key=value` pairs; of a key that is given twice, in any case, the last counts."""
    known: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"`{pair}` is no key=value, such as aws:SourceIp=203.0.113.9")
        if key.lower() in TIMES:
            raise click.BadParameter(f"`{key}` follows from the instant asked about; use --at")
        known = {each: found for each, found in known.items() if each.lower() != key.lower()} | {key: value}
    return known


def _known(pairs: Sequence[str], *, without_mfa: bool) -> dict[str, str]:
    """Read `key=value` pairs; MFA is supposed unless it is said otherwise."""
    known = _pairs(pairs)
    supposed = {} if MFA.lower() in map(str.lower, known) else {MFA: "false" if without_mfa else "true"}
    return supposed | known


def _warn(session: Session, action: str) -> None:
    """Say that an action is none that AWS lists: a slip in a name would look like nobody can."""
    listed = actions_matching(action) if _is_pattern(action) else is_action(action)
    if not listed:
        close = meant(action, actions_matching(f"{action.partition(':')[0]}:*"))
        session.out.line(f"note: AWS's reference lists no action `{action}`{close}", style="yellow")


def _is_pattern(action: str) -> bool:
    return "*" in action or "?" in action


def _one_action(session: Session, action: str) -> None:
    if _is_pattern(action):
        raise click.BadParameter(f"`{action}` is a pattern: ask about one action; `prove` is about all of a pattern")
    _warn(session, action)


def _on_account(function: Callable[..., int]) -> Callable[..., int]:
    text = "Ask the policies read back from AWS instead of the team file."
    live = click.option("--live", is_flag=True, help=text)
    account = click.option("--account", help="Name of the account [default: every one of the team file].")
    return account(live(function))


def _of_context(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the condition keys that are known, as `context`."""

    @functools.wraps(function)
    def run(*given: Any, pairs: tuple[str, ...], without_mfa: bool, **named: Any) -> int:
        return function(*given, context=_known(pairs, without_mfa=without_mfa), **named)

    wrapped: Callable[..., int] = click.option("--without-mfa", is_flag=True, help="Suppose no MFA.")(run)
    text = "A condition key that is known, such as aws:SourceIp=203.0.113.9; others are not known, which is said."
    return click.option("--context", "pairs", multiple=True, metavar="KEY=VALUE", help=text)(wrapped)


@command("can", team=True, state=True)
@click.argument("person")
@click.argument("action")
@click.argument("resource", default="*")
@click.option("--at", "when", help="An instant, such as 2026-01-14T03:00:00Z [default: now].")
@_on_account
@_of_context
def can(
    session: Session,
    person: str,
    action: str,
    resource: str,
    when: str | None,
    account: str | None,
    context: dict[str, str],
    *,
    live: bool,
) -> int:
    """Answer whether PERSON can do ACTION to RESOURCE at an instant, by each way they have, and why.

    The answer comes from the very documents that `plan` would write, or with --live from those AWS has. A RESOURCE
    with `*` asks for some resource that it matches. MFA is supposed; what hangs on another key that is not given with
    --context depends, and the key is named. Policies of resources themselves are not read.
    """
    question = _question(session, when, live=live, account=account)
    user, found = question.user(person), list[CanView]()
    _one_action(session, action)
    for name, state in question.states().items():
        paths = answers(state, user, action, resource, question.at, context, complete=False)
        if paths:
            found.append(_can(person, action, resource, name, question.at, paths))
    for each in found:
        for path in each.paths:
            because = "; ".join(_because(path)) or "no statement allows it"
            session.out.line(f"{each.account}, {path.path}: {path.decision} ({because})", style=_style(path.decision))
    if not found:
        session.out.line(f"{person} has no IAM user in any account asked")
    question.answer(found)
    return 0


def _style(decision: str) -> str:
    return {"Allowed": "green", "Depends": "yellow"}.get(decision, "")


def _because(path: PathView) -> list[str]:
    hangs_on = [f"hangs on {key}" for key in path.hangs_on]
    return [*map(_brief, path.because), *hangs_on, *(f"not read: {arn}" for arn in path.unread)]


def _brief(origin: str) -> str:
    """Leave out of a statement's origin what its account says already: `developer#Allow`."""
    return _POLICY.sub("", origin)


_POLICY = re.compile(r"^arn:aws[a-z-]*:iam::(\d{12}|aws):policy/([^/#\s]+/)*")


def _can(person: str, action: str, resource: str, account: str, at: datetime, paths: Iterable[PathAnswer]) -> CanView:
    views = []
    for path in paths:
        steps = [step for step in (path.taking, path.decision) if step is not None]
        # A step that is allowed is no reason for a denial, and what another hangs on does not matter then.
        told = (
            steps if path.effect in (Effect.ALLOWED, Effect.DEPENDS) else [s for s in steps if s.effect == path.effect]
        )
        because = [*(str(origin) for step in told for origin in step.deciding), *path.withheld]
        keys = list(dict.fromkeys(key for step in told for key in step.unknown_keys))
        views.append(PathView(path.path, str(path.effect), because, keys, [*path.unread, *path.unread_bounds]))
    ranked = ("Allowed", "Depends", "ExplicitlyDenied", "ImplicitlyDenied")
    best = min((view.decision for view in views), key=ranked.index)
    return CanView(person, action, resource, account, iso(at), best, views)


@command("who-can", team=True, state=True)
@click.argument("action")
@click.argument("resource", default="*")
@click.option("--at", "when", help="An instant, such as 2026-01-14T03:00:00Z [default: now].")
@click.option("--between", nargs=2, metavar="FROM TO", help="A span: every part of it, with who can in it.")
@_on_account
@click.option("--context", "pairs", multiple=True, metavar="KEY=VALUE", help="A condition key that is known.")
def who(
    session: Session,
    action: str,
    resource: str,
    when: str | None,
    between: tuple[str, str] | None,
    account: str | None,
    pairs: tuple[str, ...],
    *,
    live: bool,
) -> int:
    """List everyone who can do ACTION to RESOURCE at an instant or within a span, with the times and the reasons.

    Nothing is supposed: what else must be so, such as MFA, is said as a condition.
    """
    if when is not None and between is not None:
        raise click.UsageError("give --at or --between, not both")
    question = _question(session, between[0] if between else when, live=live, account=account)
    end = _instant(between[1]) if between else question.at + timedelta(microseconds=1)
    if end <= question.at:
        raise click.BadParameter("the span must end after it starts")
    within = Interval(question.at, end)
    asked = Request(action, resource, _pairs(pairs), some="*" in resource)
    _one_action(session, action)
    views: list[HolderView] = []
    for name, state in question.states(within.length + timedelta(days=1)).items():
        for holder in who_can(Ways(state), asked, within):
            views += [holder_view(question.person(holder.user), name, holder, part) for part in holder.parts]
    views.sort(key=lambda view: (view.account, view.person or view.user, view.interval.start))
    _show_holders(session, views, span_view(within) if between else None)
    question.answer(views)
    return 0


def _show_holders(session: Session, views: Sequence[HolderView], within: IntervalView | None) -> None:
    """Print who can, those together who can by the same way on the same conditions; with the times, where asked."""
    groups: dict[str, dict[tuple[str, str], list[str]]] = {}
    for view in views:
        way = "their own user" if view.way.startswith("user ") else view.way
        conditions = [*view.conditions, *(f"unless {arn}, which was not read, denies it" for arn in view.unread)]
        if not conditions and view.decision != str(Effect.ALLOWED):
            conditions = [view.decision]
        named = ", ".join([f"{view.account}, {way}", *conditions])
        who = view.person or f"{view.user} (not in the team)"
        groups.setdefault(named, {}).setdefault((view.interval.start, view.interval.end), []).append(who)
    for named, times in groups.items():
        if within is None:
            session.out.line(f"{named}: {', '.join(chain.from_iterable(times.values()))}")
            continue
        session.out.line(named, style="bold")
        for (start, end), people in sorted(times.items()):
            session.out.line(f"  {_during(IntervalView(start, end), within)}  {', '.join(people)}")
    if not views:
        session.out.line("nobody")


def _during(interval: IntervalView, within: IntervalView) -> str:
    """Say a part of the span asked about; one that is all of it in a word."""
    return "throughout" if interval == within else f"{interval.start} - {interval.end}"


@command("explain", team=True, state=True)
@click.argument("person")
@click.argument("action")
@click.argument("resource", default="*")
@click.option("--at", "when", help="An instant, such as 2026-01-14T03:00:00Z [default: now].")
@_on_account
@_of_context
def explain(
    session: Session,
    person: str,
    action: str,
    resource: str,
    when: str | None,
    account: str | None,
    context: dict[str, str],
    *,
    live: bool,
) -> int:
    """Explain why PERSON can or cannot do ACTION: each way, step by step, down to the line of the team file.

    It ends with what would change the answer: the next time that allows it, a condition, or who can instead.
    """
    question = _question(session, when, live=live, account=account)
    user, views = question.user(person), list[ExplainView]()
    _one_action(session, action)
    asked = Request(action, resource, context, some="*" in resource)
    for state in question.states().values():
        views += [explain_view(each) for each in explain_ways(question.team, person, state, user, asked, question.at)]
    for view in views:
        session.out.line(f"{view.account}, {view.way}: {view.decision}", style=f"bold {_style(view.decision)}".rstrip())
        for step in view.steps:
            session.out.line(f"  {step.request}: {step.decision}")
            for statement in step.statements:
                session.out.line(f"    by {_brief(statement)}")
            if step.blocked_by is not None and not step.statements:
                session.out.line(f"    no statement of the {step.blocked_by} layer allows it")
        for line in view.because:
            session.out.line(f"  because {line}")
        for line in view.what_would_change_it:
            session.out.line(f"  what would change it: {line}", style="cyan")
    if not views:
        session.out.line(f"{person} has no IAM user in any account asked")
    question.answer(views)
    return 0


@command("prove", team=True, state=True)
@click.argument("invariants", nargs=-1)
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file of invariants, one a line; `#` starts a comment.",
)
@click.option("--at", "when", help="The documents as of an instant [default: now].")
@_on_account
def prove(
    session: Session,
    invariants: tuple[str, ...],
    file: Path | None,
    when: str | None,
    account: str | None,
    *,
    live: bool,
) -> int:
    """Prove INVARIANTS over all requests, or give a request that breaks them.

    Without any, those of the team file are proven, as every plan does, and for each on-call role that nothing done on
    watch outlives the shift but what its permission set says may.

    An invariant reads `support never ec2:TerminateInstances`, with `on RESOURCE` and `in ACCOUNT` where wanted; it is
    about a group, a person or `everyone`, and about every way they have: a role they may take when on call is one. It
    is over every resource, time and context that the account's IAM documents allow; policies of resources themselves
    are not read. Exits with 1 when one is broken or not known.
    """
    question = _question(session, when, live=live, account=account)
    asked = [read_invariant(text, question.team) for text in invariants]
    if file is not None:
        asked += read_invariants(file.read_text("utf-8", "replace"), str(file), question.team)
    own = not asked
    if own:
        asked = [read_invariant(claim.text, question.team) for claim in question.team.invariants]
    for invariant in asked:
        if account is not None and invariant.account not in (None, account):
            raise click.UsageError(f"`{invariant.text}` is about another account than --account {account}")
        _warn(session, invariant.action)
    ways = {name: Ways(state) for name, state in question.states().items()}
    prover = Prover(question.team, ways)
    views = [_proof(finding) for invariant in asked for finding in prover.prove(invariant)]
    for invariant in asked:
        _show_proof(session, invariant.text, [view for view in views if view.invariant == invariant.text])
    if own:
        views.extend(_no_escape(session, question, ways))
    question.answer(views)
    return 0 if all(view.answer == "proven" for view in views) else 1


def _no_escape(session: Session, question: _Question, ways: Mapping[str, Ways]) -> list[ProofView]:
    """Prove of each on-call role that what may not outlive the shift cannot be done on it."""
    views: list[ProofView] = []
    for account, found in ways.items():
        for role, may_outlive in on_call_roles(question.team, account):
            policies, unread = found.policies_of(role)
            answers = prove_no_escape(policies, may_outlive) if policies else ()
            made: list[ProofView] = []
            for each, answer in answers:
                invariant = Invariant(f"{role} never {each.name}", EVERYONE, "*", "*", account)
                known = NotKnown(f"not read: {', '.join(unread)}") if unread else answer
                made.append(_proof(Finding(invariant, EVERYONE, account, f"role {role}", known)))
            views.extend(made)
            proven = sum(view.answer == "proven" for view in made)
            style = "green" if made and proven == len(made) else "red"
            said = f"{proven} of {len(made)} ways to outlive the shift are closed: {role} in {account}"
            session.out.line(said, style=style)
            for view in made:
                if view.answer != "proven":
                    _show_proof(session, view.invariant, [view])
    return views


def _proof(finding: Finding) -> ProofView:
    answer, broken = finding.answer, None
    said, held, why = "unknown", list[str](), ""
    if isinstance(answer, Proof):
        said, held = "proven", [str(origin) for origin in answer.held_by]
        why = "" if held else f"no statement of the {answer.layer} layer allows it"
    elif isinstance(answer, Counterexample):
        said, broken = "broken", _request(answer)
    else:
        why = answer.why
    taking = _request(finding.taking) if finding.taking is not None else None
    text = finding.invariant.text
    return ProofView(text, finding.person, finding.account, finding.way, said, held, broken, taking, why)


def _request(found: Counterexample) -> RequestView:
    context = {key: list(v) if isinstance(v, tuple) else v for key, v in found.request.context.items()}
    because = [str(origin) for origin in found.decision.deciding]
    return RequestView(found.request.action, str(found.request.resource), context, because)


def _show_proof(session: Session, text: str, views: Sequence[ProofView]) -> None:
    out = session.out
    broken = [view for view in views if view.answer == "broken"]
    unknown = [view for view in views if view.answer == "unknown"]
    if not broken and not unknown:
        people = _counted(len({view.person for view in views}), "person", "people")
        of = f"{people}, {_counted(len(views), 'way', 'ways')}" if views else "nobody it is about has an IAM user there"
        out.line(f"proven: {text} ({of})", style="green")
        for held in dict.fromkeys(_brief(held) for view in views for held in view.held_by):
            out.line(f"  held by {held}")
    for view in broken:
        out.line(f"broken: {text}: {view.person} in {view.account} by {view.way}", style="red")
        for request in (view.taking, view.counterexample):
            if request is not None:
                out.line(f"  {request.action} on {request.resource}")
                out.line(f"    with {', '.join(f'{key}={value}' for key, value in request.context.items())}")
                out.line(f"    by {'; '.join(map(_brief, request.because))}")
    for view in unknown:
        out.line(f"unknown: {text}: {view.person} in {view.account} by {view.way}: {view.why}", style="yellow")


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


@command("diff")
@click.argument("old", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("new", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--at", "when", help="From this instant on [default: now].")
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 366), help="How far ahead to compare.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are differences.")
def diff(session: Session, old: Path, new: Path, when: str | None, days: int, *, detailed_exitcode: bool) -> int:
    r"""Show what people gain and lose between two team files OLD and NEW: person, action, resource and time.

    It compares what may be done, not the texts: a policy written differently that allows the same is no difference.

    Either file may be a pipe, so that a revision that git has need not be checked out:

    \b
      watchbill diff <(git show main:watchbill.yaml) watchbill.yaml
      watchbill diff <(git show v1:watchbill.yaml) <(git show v2:watchbill.yaml)
      git show main:watchbill.yaml | watchbill diff /dev/stdin watchbill.yaml
    """
    at = _instant(when) if when else session.at
    within = Interval(at, at + timedelta(days=days))
    before, after = _read(old), _read(new)
    reach = within.length + timedelta(days=1)
    changes = differences(_reaching(before, reach), _reaching(after, reach), within)
    views = [_difference(change) for change in changes]
    for change, view in zip(changes, views, strict=True):
        on = "" if view.resource == "*" else f" on {view.resource}"
        sign = "+" if view.verb == "gains" else "-"
        style = "green" if view.verb == "gains" else "red"
        session.out.line(f"{sign} {view.account}: {view.person} {view.verb} {change.words}{on}", style=style)
        first, others = _during(view.intervals[0], span_view(within)), len(view.intervals) - 1
        more = f" and {_counted(others, 'more span', 'more spans')}" if others else ""
        session.out.line(", ".join([f"    {first}{more}", *view.conditions]))
    if not views:
        session.out.line("no difference in what anybody can do", style="green")
    session.out.answer(views)
    return CHANGES if detailed_exitcode and views else 0


def _read(path: Path) -> Team:
    """Read a team file, or a pipe that one comes out of: once, since what is read from a pipe is gone."""
    if not path.is_fifo():
        return read_team(path)
    with path.open("rb") as pipe:
        content = pipe.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise WatchbillError(f"{path} gives more than {LIMIT // 1024 // 1024} MiB; that is no team file")
    if not content.strip():
        raise WatchbillError(f"nothing came out of {path}: the command that was to give a team file gave none")
    return parse(content, str(path))


def _difference(change: Change) -> DifferenceView:
    spans = [span_view(each) for each in change.intervals]
    verb = "gains" if change.gained else "loses"
    return DifferenceView(
        change.person, change.account, verb, list(change.actions), change.resource, spans, list(change.conditions)
    )


def _instant(text: str) -> datetime:
    try:
        at = parse_instant(text)
    except (ValueError, OverflowError) as error:
        why = str(error) if str(error).startswith("`") else f"`{text}` is no instant; write 2026-01-14T03:00:00Z"
        raise click.BadParameter(why) from error
    if at.year not in _YEARS:
        raise click.BadParameter(f"`{text}` is out of reach: years {_YEARS.start} to {_YEARS.stop - 1}")
    return at


COMMANDS = (can, explain, who, prove, diff)
