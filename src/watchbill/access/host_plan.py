"""Hosts by shift: what was read of hosts compared with what they are to have, and who gains and loses by it."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watchbill.access.model import Call, Change, Effect, Freeze, Phase, Plan, Verb
from watchbill.access.sudo import EVERYTHING, FILE, SERVICE, WRITE, Rule, read, rotas_on, rules_on, write
from watchbill.errors import Location, Problem
from watchbill.intervals import Interval, iso, merge, subtract
from watchbill.team.model import Host, Person, Team


_CLOCK = timedelta(seconds=60)
"""How far the clock of a host may be from ours without a word."""


@dataclass(frozen=True, slots=True)
class HostSeen:
    """What decides about sudo on a host, as it was read."""

    host: str
    text: str = ""
    """Of our file; empty where there is none."""
    digest: str = ""
    """The SHA-256 of it; empty where there is none."""
    access: str = "440 root:root"
    """Its mode and owner."""
    included: bool = True
    """Whether sudo reads the folder that it is in."""
    users: frozenset[str] = frozenset()
    """Which of those that were asked about the host knows."""
    others: tuple[tuple[str, str], ...] = ()
    """Users of those, each with a file or a group by which they may more at all times."""
    clock: datetime | None = None
    """What the host's clock said."""


@dataclass(frozen=True, slots=True)
class HostEffect:
    """Who gains or loses what on a host, and when."""

    person: str
    verb: Verb
    user: str
    host: str
    interval: Interval
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What would change on hosts; `problems` are what could not be read or written."""

    changes: tuple[Change, ...] = ()
    effects: tuple[HostEffect, ...] = ()
    drift: tuple[str, ...] = ()
    """What others did, in words: to our file, and beside it."""
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Found:
    """What is being gathered for a plan."""

    changes: list[Change] = field(default_factory=list)
    effects: list[HostEffect] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def plan_hosts(
    team: Team,
    seen: Mapping[str, HostSeen | str],
    freezes: Collection[Freeze],
    at: datetime,
    now: datetime,
    held: Collection[str] = (),
) -> HostPlan:
    """Compare hosts as they were read, each or why it was not, with what they are to have.

    `held` are hosts that are left as they are; `now` is our clock when they were read.
    """
    found = _Found()
    for name, host in seen.items():
        if isinstance(host, str):
            where = _place(team, name)
            found.problems.append(_problem("unread-host", f"sudo on `{name}` is not known: {host}", where))
            continue
        _others(found, team, host, now)
        rules = rules_on(team, name, host.users, freezes, at)
        wanted = write(rules)
        if not host.included and wanted:
            message = f"sudo on `{name}` does not read /etc/sudoers.d: nothing was written there"
            found.problems.append(_problem("sudoers-not-included", message, _place(team, name)))
        elif name not in held:
            _compare(found, team, host, wanted, at)
    return HostPlan(*(tuple(getattr(found, each)) for each in ("changes", "effects", "drift", "warnings", "problems")))


def _compare(found: _Found, team: Team, host: HostSeen, wanted: str, at: datetime) -> None:
    old, ours = read(host.text)
    if host.text and not ours:
        found.drift.append(f"{FILE} on {host.host} was changed by others; undone by this plan")
    if host.text and host.access != "440 root:root":
        found.drift.append(f"{FILE} on {host.host} is {host.access}; undone by this plan")
    if wanted == host.text and (not wanted or host.access == "440 root:root"):
        return
    effects = list(_effects(team, host.host, old, read(wanted)[0], at))
    found.effects.extend(effects)
    lost = sum(each.verb is Verb.LOSES for each in effects)
    why = f"write {FILE} on {host.host}" if wanted else f"remove {FILE} from {host.host}: nobody is to have sudo by it"
    given = {
        "FileName": FILE,
        "Was": host.digest,
        "Digest": hashlib.sha256(wanted.encode()).hexdigest() if wanted else "",
        "Rules": wanted,
    }
    diff = (*_lines("-", host.text, wanted), *_lines("+", wanted, host.text))
    phase = Phase.REVOKE if lost or not wanted else Phase.GRANT
    found.changes.append(Change(host.host, phase, Call(WRITE, given, SERVICE), why, diff))


def _lines(sign: str, text: str, other: str) -> Iterator[str]:
    there = set(other.splitlines())
    yield from (f"{sign} {line}" for line in text.splitlines() if line not in there and not line.startswith("#"))


def _effects(team: Team, host: str, old: Iterable[Rule], new: Iterable[Rule], at: datetime) -> Iterator[HostEffect]:
    """Say who may what when they might not, and the other way; what is over is neither."""
    was, comes = _times(old, at), _times(new, at)
    for verb, more, less in ((Verb.LOSES, was, comes), (Verb.GAINS, comes, was)):
        spans: dict[tuple[str, Interval], list[str]] = {}
        for (user, command), times in sorted(more.items()):
            for span in (rest for time in times for rest in subtract(time, less.get((user, command), ()))):
                spans.setdefault((user, span), []).append(command)
        for (user, span), commands in sorted(spans.items()):
            yield HostEffect(_person(team, user), verb, user, host, span, tuple(commands))


def _times(rules: Iterable[Rule], at: datetime) -> dict[tuple[str, str], tuple[Interval, ...]]:
    """Give from an instant on when each user may run each command."""
    found: dict[tuple[str, str], list[Interval]] = {}
    for rule in rules:
        if rule.interval.end > at:
            span = Interval(max(rule.interval.start, at), rule.interval.end)
            found.setdefault((rule.user, rule.command), []).append(span)
    return {key: merge(spans) for key, spans in found.items()}


def _person(team: Team, user: str) -> str:
    return next((name for name, person in team.people.items() if user in person.host_users), user)


def _others(found: _Found, team: Team, host: HostSeen, now: datetime) -> None:
    """Say what about a host is beside our file."""
    for user, other in host.others:
        found.drift.append(f"{_person(team, user)} may use sudo as {user} on {host.host} by {other}, on shift or off")
    if host.clock is not None and abs(host.clock - now) > _CLOCK:
        found.warnings.append(f"the clock of {host.host} says {iso(host.clock)}: shifts begin and end by it")
    people = dict.fromkeys(name for rota in rotas_on(team, host.host) for name in rota.people)
    for name in people:
        if not host.users.intersection(team.people[name].host_users):
            found.warnings.append(_no_user(team.people[name], host.host))


def _no_user(person: Person, host: str) -> str:
    if not person.host_users:
        return f"{person.name} has no user of hosts, and so no sudo on {host}: name `host_users` of theirs"
    return f"{person.name} has no sudo on {host}: none of {', '.join(person.host_users)} is a user there"


def _place(team: Team, host: str) -> Location | None:
    known: Host | None = team.reached.get(host)
    return None if known is None else known.where


def _problem(code: str, message: str, where: Location | None) -> Problem:
    return Problem(code, message) if where is None else Problem.at(code, message, where)


def id_of(changes: Iterable[Change]) -> str:
    """Name a plan by what it does."""
    said = [[change.account, change.call.operation, dict(change.call.parameters)] for change in changes]
    return f"H-{hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]}"


def plan_of(made: HostPlan, at: datetime, team_digest: str) -> Plan:
    """Give what would change on hosts as a plan that leads approve."""
    effects = tuple(Effect(e.person, e.verb, _held(e), e.host, e.interval, "of the shift") for e in made.effects)
    warnings = tuple(Problem("on-host", text) for text in (*made.drift, *made.warnings))
    return Plan(id_of(made.changes), at, team_digest, "", effects, made.changes, (), (), warnings)


def _held(effect: HostEffect) -> str:
    return f"sudo as {effect.user} ({', '.join(_words(effect.commands))})"


def _words(commands: Iterable[str]) -> Iterator[str]:
    yield from ("anything" if command == EVERYTHING else command for command in commands)


def words_of(effects: Sequence[HostEffect]) -> Iterator[str]:
    """Say effects: `+ james gains sudo on bastion 2026-01-12T18:00:00Z - 2026-01-13T02:00:00Z: anything`."""
    for each in effects:
        sign = "+" if each.verb is Verb.GAINS else "-"
        what = ", ".join(_words(each.commands))
        yield f"{sign} {each.person} {each.verb} sudo on {each.host} as {each.user} {each.interval}: {what}"
