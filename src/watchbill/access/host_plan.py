"""Hosts by shift: what was read of hosts compared with what they are to have, and who gains and loses by it."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watchbill.access import logins, sudo
from watchbill.access.logins import Login, logins_on
from watchbill.access.model import Call, Change, Effect, Freeze, Phase, Plan, Verb
from watchbill.access.sudo import EVERYTHING, rotas_on, rules_on
from watchbill.errors import Location, Problem
from watchbill.intervals import Interval, iso, merge, subtract
from watchbill.team.model import Host, Person, Team
from watchbill.team.ssh_keys import fingerprint_of


_CLOCK = timedelta(seconds=60)
"""How far the clock of a host may be from ours without a word."""


@dataclass(frozen=True, slots=True)
class HostLogins:
    """What decides who signs in to a host by a certificate, as it was read."""

    text: str = ""
    """Of our file; empty where there is none."""
    digest: str = ""
    access: str = "644 root:root"
    standing: tuple[tuple[str, str], ...] = ()
    """Users who were asked about, each with a file of keys that open the host for them at all times."""
    sshd: tuple[tuple[str, str, str], ...] = ()
    """For these users, what sshd has for some of the names of `logins.SSHD`."""
    trusted: tuple[tuple[str, str], ...] = ()
    """For these users, the fingerprints of the authorities whose certificates sshd takes."""


@dataclass(frozen=True, slots=True)
class HostSeen:
    """What decides about sudo on a host, and who signs in there, as it was read."""

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
    logins: HostLogins = HostLogins()


@dataclass(frozen=True, slots=True)
class HostEffect:
    """Who gains or loses what on a host, and when."""

    person: str
    verb: Verb
    user: str
    host: str
    interval: Interval
    commands: tuple[str, ...]
    """With sudo; none with ssh."""

    @property
    def what(self) -> str:
        """Say what is gained or lost: `sudo` or `ssh`."""
        return "sudo" if self.commands else "ssh"


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What would change on hosts; `problems` are what could not be read or written."""

    changes: tuple[Change, ...] = ()
    effects: tuple[HostEffect, ...] = ()
    drift: tuple[str, ...] = ()
    """What others did, in words: to our file, and beside it."""
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    logins: Mapping[str, tuple[Login, ...]] = field(default_factory=dict)
    """By host who is to sign in by certificates, once the changes are made; none of those that are held."""


@dataclass(slots=True)
class _Found:
    """What is being gathered for a plan."""

    changes: list[Change] = field(default_factory=list)
    effects: list[HostEffect] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    logins: dict[str, tuple[Login, ...]] = field(default_factory=dict)


def plan_hosts(
    team: Team,
    seen: Mapping[str, HostSeen | str],
    freezes: Collection[Freeze],
    at: datetime,
    now: datetime,
    held: Collection[str] = (),
    authority: str = "",
) -> HostPlan:
    """Compare hosts as they were read, each or why it was not, with what they are to have.

    `held` are hosts that are left as they are; `now` is our clock when they were read; `authority` is the public key
    that certificates are signed by.
    """
    found = _Found()
    for name, host in seen.items():
        if isinstance(host, str):
            where = _place(team, name)
            found.problems.append(_problem("unread-host", f"sudo on `{name}` is not known: {host}", where))
            continue
        _others(found, team, host, now)
        wanted = sudo.write(rules_on(team, name, host.users, freezes, at))
        if name not in held:
            _logins(found, team, host, logins_on(team, name, host.users, freezes, at), authority, at)
        if not host.included and wanted:
            message = f"sudo on `{name}` does not read /etc/sudoers.d: nothing was written there"
            found.problems.append(_problem("sudoers-not-included", message, _place(team, name)))
        elif name not in held:
            _compare(found, team, host, _Text(sudo.FILE, sudo.WRITE, "440 root:root", host), wanted, at)
    return HostPlan(
        tuple(found.changes),
        tuple(found.effects),
        tuple(found.drift),
        tuple(found.warnings),
        tuple(found.problems),
        found.logins,
    )


def _logins(found: _Found, team: Team, host: HostSeen, wanted: Sequence[Login], authority: str, at: datetime) -> None:
    """Compare who signs in by certificates, and say what sshd there lacks for it."""
    rotas = [rota for rota in rotas_on(team, host.host) if rota.ssh]
    if rotas and not authority:
        message = f"nobody signs certificates for `{host.host}`: WATCHBILL_SSH_AUTHORITY names no key that can be read"
        found.problems.append(_problem("no-authority", message, _place(team, host.host)))
        return
    if rotas:
        _around(found, team, host, authority)
    text = _Text(logins.FILE, logins.WRITE, "644 root:root", host.logins)
    _compare(found, team, host, text, logins.write(wanted), at)
    found.logins[host.host] = tuple(wanted)


def _around(found: _Found, team: Team, host: HostSeen, authority: str) -> None:
    """Say what opens a host beside certificates, whom none opens it, and what its sshd lacks."""
    for user, path in host.logins.standing:
        who = _person(team, user)
        found.drift.append(f"{who} may sign in as {user} on {host.host} by a key in {path}, on shift or off")
    for other in sorted({found for _, found in host.logins.trusted} - {fingerprint_of(authority)}):
        found.warnings.append(
            f"sshd on {host.host} trusts authority {other} too: it may sign for all that {logins.FILE} names"
        )
    lacking = {user: lacks for user in sorted(host.users) if (lacks := tuple(_lacking(host.logins, user, authority)))}
    for lines in dict.fromkeys(lacking.values()):
        users = ", ".join(user for user, lacks in lacking.items() if lacks == lines)
        found.warnings.append(f"sshd on {host.host} is to have for {users}: {'; '.join(lines)}")
    for name in dict.fromkeys(name for rota in rotas_on(team, host.host) if rota.ssh for name in rota.people):
        if not team.people[name].public_keys:
            found.warnings.append(
                f"{name} has no certificate for {host.host}: put a public key into `ssh_keys` of theirs"
            )


def _lacking(seen: HostLogins, user: str, authority: str) -> Iterator[str]:
    has = {name: value for whose, name, value in seen.sshd if whose == user}
    for name, line in logins.SSHD:
        value = has.get(name, "")
        if name == "trustedusercakeys" and (user, fingerprint_of(authority)) not in seen.trusted:
            yield f"{f'TrustedUserCAKeys {value}' if value else line}, and in that file: {authority}"
        elif not value or (name == "authorizedprincipalscommand" and value.removeprefix("/usr") != logins.TAKES):
            yield line


class _Text:
    """One of our files on a host: what it is called, how it is written, and as it was read."""

    def __init__(self, path: str, operation: str, access: str, seen: HostSeen | HostLogins) -> None:
        self.path, self.operation, self.access, self.seen = path, operation, access, seen

    def times(self, text: str, at: datetime) -> tuple[dict[tuple[str, str], tuple[Interval, ...]], bool]:
        """Give from an instant on when each user may do what, and whether the text is as watchbill wrote it."""
        spans: Iterable[tuple[tuple[str, str], Interval]]
        if self.operation == sudo.WRITE:
            rules, ours = sudo.read(text)
            spans = (((rule.user, rule.command), rule.interval) for rule in rules)
        else:
            found, ours = logins.read(text)
            spans = (((login.user, ""), login.interval) for login in found)
        kept: dict[tuple[str, str], list[Interval]] = {}
        for key, span in spans:
            if span.end > at:
                kept.setdefault(key, []).append(Interval(max(span.start, at), span.end))
        return {key: merge(each) for key, each in kept.items()}, ours


def _compare(found: _Found, team: Team, host: HostSeen, text: _Text, wanted: str, at: datetime) -> None:
    seen = text.seen
    was, ours = text.times(seen.text, at)
    if seen.text and not ours:
        found.drift.append(f"{text.path} on {host.host} was changed by others; undone by this plan")
    if seen.text and seen.access != text.access:
        found.drift.append(f"{text.path} on {host.host} is {seen.access}; undone by this plan")
    if wanted == seen.text and (not wanted or seen.access == text.access):
        return
    effects = list(_effects(team, host.host, was, text.times(wanted, at)[0]))
    found.effects.extend(effects)
    lost = sum(each.verb is Verb.LOSES for each in effects)
    gone = "nobody is to have sudo by it" if text.operation == sudo.WRITE else "nobody is to sign in by it"
    why = f"write {text.path} on {host.host}" if wanted else f"remove {text.path} from {host.host}: {gone}"
    given = {
        "FileName": text.path,
        "Was": seen.digest,
        "Digest": hashlib.sha256(wanted.encode()).hexdigest() if wanted else "",
        "Rules": wanted,
    }
    diff = (*_lines("-", seen.text, wanted), *_lines("+", wanted, seen.text))
    phase = Phase.REVOKE if lost or not wanted else Phase.GRANT
    found.changes.append(Change(host.host, phase, Call(text.operation, given, sudo.SERVICE), why, diff))


def _lines(sign: str, text: str, other: str) -> Iterator[str]:
    there = set(other.splitlines())
    yield from (f"{sign} {line}" for line in text.splitlines() if line not in there and not line.startswith("#"))


_Times = Mapping[tuple[str, str], tuple[Interval, ...]]


def _effects(team: Team, host: str, was: _Times, comes: _Times) -> Iterator[HostEffect]:
    """Say who may what when they might not, and the other way; what is over is neither."""
    for verb, more, less in ((Verb.LOSES, was, comes), (Verb.GAINS, comes, was)):
        spans: dict[tuple[str, Interval], list[str]] = {}
        for (user, command), times in sorted(more.items()):
            for span in (rest for time in times for rest in subtract(time, less.get((user, command), ()))):
                spans.setdefault((user, span), []).append(command)
        for (user, span), commands in sorted(spans.items()):
            yield HostEffect(_person(team, user), verb, user, host, span, tuple(filter(None, commands)))


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
            found.warnings.append(_no_user(team, team.people[name], host.host))


def _no_user(team: Team, person: Person, host: str) -> str:
    rotas = [rota for rota in rotas_on(team, host) if person.name in rota.people]
    given = [name for name in ("sudo", "ssh") if any(getattr(rota, name) for rota in rotas)]
    what = " and ".join(given)
    if not person.host_users:
        return f"{person.name} has no user of hosts, and so no {what} on {host}: name `host_users` of theirs"
    return f"{person.name} has no {what} on {host}: none of {', '.join(person.host_users)} is a user there"


def _place(team: Team, host: str) -> Location | None:
    known: Host | None = team.reached.get(host)
    return None if known is None else known.where


def _problem(code: str, message: str, where: Location | None) -> Problem:
    return Problem(code, message) if where is None else Problem.at(code, message, where)


def id_of(changes: Iterable[Change]) -> str:
    """Name a plan by what it does."""
    said = [[change.account, change.call.operation, dict(change.call.parameters)] for change in changes]
    return f"H-{hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]}"


def plan_of(made: HostPlan, team: Team, at: datetime, digest: str) -> Plan:
    """Give what would change on hosts by a team as a plan that leads approve; `digest` is of the team file at hand."""
    effects = tuple(Effect(e.person, e.verb, _held(e), e.host, e.interval, _by(team, e)) for e in made.effects)
    warnings = tuple(Problem("on-host", text) for text in (*made.drift, *made.warnings))
    return Plan(id_of(made.changes), at, digest, "", effects, made.changes, (), (), warnings)


def _by(team: Team, effect: HostEffect) -> str:
    rotas = [rota.name for rota in rotas_on(team, effect.host) if effect.person in rota.people]
    return f"rota {' and '.join(rotas)}" if rotas else "no rota gives it"


def _held(effect: HostEffect) -> str:
    commands = f" ({', '.join(_words(effect.commands))})" if effect.commands else ""
    return f"{effect.what} as {effect.user}{commands}"


def _words(commands: Iterable[str]) -> Iterator[str]:
    yield from ("anything" if command == EVERYTHING else command for command in commands)


def words_of(effects: Sequence[HostEffect]) -> Iterator[str]:
    """Say effects: `+ james gains sudo on bastion 2026-01-12T18:00:00Z - 2026-01-13T02:00:00Z: anything`."""
    for each in effects:
        sign = "+" if each.verb is Verb.GAINS else "-"
        commands = f": {', '.join(_words(each.commands))}" if each.commands else ""
        yield f"{sign} {each.person} {each.verb} {each.what} on {each.host} as {each.user} {each.interval}{commands}"
