"""Sudo on hosts by shift: rules with dates, written beforehand, which the host's own clock begins and ends.

The rules:

1. Whoever is on call by a rota with `hosts`, in a kind to which it gives something, may run what its `sudo` says there
   as root, for the shift and its grace, within the horizon. It is for every user of hosts who is theirs and is there.
2. Who is frozen has no rule at all.
3. A rule says `NOTBEFORE=` and `NOTAFTER=` in UTC: sudoers(5), from sudo 1.8.20 on. sudo compares whole seconds and
   takes the last one in, so that it is the second before the end: nobody may more than in `[start, end)`.
4. The same rules are the same text. No rules are no file.

A user or a command that could mean something else in a sudoers file is never written, wherever it comes from.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from watchbill.access.compile import horizon_of
from watchbill.access.entitlements import is_frozen, watches
from watchbill.access.model import Call, Change, Freeze, Phase, Verb
from watchbill.errors import Location, Problem
from watchbill.intervals import Interval, iso, merge, subtract
from watchbill.team.model import Host, Person, Rota, Team


FILE = "/etc/sudoers.d/watchbill-oncall"
SERVICE = "host"
"""The service of calls that are made on hosts."""
WRITE = "WriteOnCall"
EVERYTHING = "ALL"
USER = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
"""A user of one host; what sudoers takes for a group, an alias, a number or a word of its own begins otherwise."""
_COMMAND = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.+@-]*)+( [A-Za-z0-9_./+@:=,-]+)*")
_SPECIAL = re.compile(r"[,:=\\]")
"""What sudoers(5) wants a backslash before, in a command."""
_INSTANT = "%Y%m%d%H%M%SZ"
_RULE = re.compile(
    r"(?P<user>[a-z_][a-z0-9_.-]{0,31}) ALL=\((?P<runas>root|ALL:ALL)\)"
    r" NOTBEFORE=(?P<start>[0-9]{14}Z) NOTAFTER=(?P<last>[0-9]{14}Z) NOPASSWD: (?P<command>ALL|/[^\n]*)"
)
_HEAD = (
    "# Sudo for whoever is on call, by watchbill: it begins and ends by the clock of this host, in UTC.\n"
    "# What is changed here by hand is undone; the team file says what stands here.\n"
)
_DIGEST = "# rules "
_SECOND = timedelta(seconds=1)
_CLOCK = timedelta(seconds=60)
"""How far the clock of a host may be from ours without a word."""


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """What a user of a host may run as root, and when."""

    user: str
    interval: Interval
    command: str
    """With its arguments; `ALL` is anything, as anybody."""


@dataclass(frozen=True, slots=True)
class HostSudo:
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
class SudoEffect:
    """Who gains or loses what on a host, and when."""

    person: str
    verb: Verb
    user: str
    host: str
    interval: Interval
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SudoPlan:
    """What would change on hosts; `problems` are what could not be read or written."""

    changes: tuple[Change, ...] = ()
    effects: tuple[SudoEffect, ...] = ()
    drift: tuple[str, ...] = ()
    """What others did, in words: to our file, and beside it."""
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Found:
    """What is being gathered for a plan."""

    changes: list[Change] = field(default_factory=list)
    effects: list[SudoEffect] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def rotas_on(team: Team, host: str) -> tuple[Rota, ...]:
    """Give the rotas that give sudo on a host."""
    return tuple(rota for rota in team.rotas.values() if host in rota.hosts)


def users_on(team: Team, host: str) -> tuple[str, ...]:
    """Give the users who may come to have sudo on a host by shift, as far as a host may have them."""
    people = dict.fromkeys(name for rota in rotas_on(team, host) for name in rota.people)
    users = (user for name in people for user in team.people[name].host_users)
    return tuple(sorted({user for user in users if USER.fullmatch(user)}))


def rules_on(team: Team, host: str, users: Collection[str], freezes: Collection[Freeze], at: datetime) -> list[Rule]:
    """Give the rules that a host is to have, for those of its users who are there."""
    spans: dict[tuple[str, str], list[Interval]] = {}
    for rota in rotas_on(team, host):
        horizon = horizon_of(rota, at)
        for watch in watches(rota, horizon):
            cut = watch.interval.intersection(horizon)
            if cut is None or is_frozen(watch.person, freezes, at):
                continue
            for user in set(users).intersection(team.people[watch.person].host_users):
                for command in rota.sudo:
                    spans.setdefault((user, command), []).append(cut)
    return sorted(Rule(user, span, command) for (user, command), found in spans.items() for span in merge(found))


def write(rules: Iterable[Rule]) -> str:
    """Write the file of a host. A user or a command that is none is a ValueError; no rules are an empty text."""
    lines = "".join(f"{line}\n" for rule in sorted(rules) if (line := _line(rule)) is not None)
    return f"{_HEAD}{_DIGEST}{hashlib.sha256(lines.encode()).hexdigest()}\n{lines}" if lines else ""


def _line(rule: Rule) -> str | None:
    """Write a rule; None where it has no whole second in it."""
    if USER.fullmatch(rule.user) is None:
        raise ValueError(f"{rule.user!r} is no user of a host")
    if rule.command != EVERYTHING and _COMMAND.fullmatch(rule.command) is None:
        raise ValueError(f"{rule.command!r} is no command")
    start = rule.interval.start.replace(microsecond=0)
    start += _SECOND if start < rule.interval.start else timedelta()
    last = rule.interval.end.replace(microsecond=0) - _SECOND
    if last < start:
        return None
    runas = "ALL:ALL" if rule.command == EVERYTHING else "root"
    span = f"NOTBEFORE={start.strftime(_INSTANT)} NOTAFTER={last.strftime(_INSTANT)}"
    command = _SPECIAL.sub(r"\\\g<0>", rule.command)
    return f"{rule.user} ALL=({runas}) {span} NOPASSWD: {command}"


def read(text: str) -> tuple[list[Rule], bool]:
    """Read the rules of a file, and whether it is as watchbill wrote it; a line that is no rule of ours is none."""
    rules = [rule for line in text.splitlines() if (rule := _rule(line)) is not None]
    try:
        return rules, write(rules) == text
    except ValueError:
        return rules, False


def _rule(line: str) -> Rule | None:
    found = _RULE.fullmatch(line)
    if found is None:
        return None
    try:
        start, last = (datetime.strptime(found[name], _INSTANT).replace(tzinfo=UTC) for name in ("start", "last"))
        span = Interval(start, last + _SECOND)
    except (ValueError, OverflowError):
        return None
    return Rule(found["user"], span, re.sub(r"\\(.)", r"\1", found["command"]))


def plan_sudo(
    team: Team,
    seen: Mapping[str, HostSudo | str],
    freezes: Collection[Freeze],
    at: datetime,
    now: datetime,
    held: Collection[str] = (),
) -> SudoPlan:
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
    return SudoPlan(*(tuple(getattr(found, each)) for each in ("changes", "effects", "drift", "warnings", "problems")))


def _compare(found: _Found, team: Team, host: HostSudo, wanted: str, at: datetime) -> None:
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


def _effects(team: Team, host: str, old: Iterable[Rule], new: Iterable[Rule], at: datetime) -> Iterator[SudoEffect]:
    """Say who may what when they might not, and the other way; what is over is neither."""
    was, comes = _times(old, at), _times(new, at)
    for verb, more, less in ((Verb.LOSES, was, comes), (Verb.GAINS, comes, was)):
        spans: dict[tuple[str, Interval], list[str]] = {}
        for (user, command), times in sorted(more.items()):
            for span in (rest for time in times for rest in subtract(time, less.get((user, command), ()))):
                spans.setdefault((user, span), []).append(command)
        for (user, span), commands in sorted(spans.items()):
            yield SudoEffect(_person(team, user), verb, user, host, span, tuple(commands))


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


def _others(found: _Found, team: Team, host: HostSudo, now: datetime) -> None:
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


def is_text_of_ours(text: str) -> bool:
    """Tell whether a text is one that `write` gives, whole."""
    return not text or read(text)[1]


def words_of(effects: Sequence[SudoEffect]) -> Iterator[str]:
    """Say effects: `+ james gains sudo on bastion 2026-01-12T18:00:00Z - 2026-01-13T02:00:00Z: anything`."""
    for each in effects:
        sign = "+" if each.verb is Verb.GAINS else "-"
        what = ", ".join("anything" if command == EVERYTHING else command for command in each.commands)
        yield f"{sign} {each.person} {each.verb} sudo on {each.host} as {each.user} {each.interval}: {what}"
