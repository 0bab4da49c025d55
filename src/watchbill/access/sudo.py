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
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watchbill.access.compile import horizon_of
from watchbill.access.entitlements import is_frozen, watches
from watchbill.access.model import Freeze
from watchbill.intervals import Interval, merge
from watchbill.team.model import Rota, Team


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


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """What a user of a host may run as root, and when."""

    user: str
    interval: Interval
    command: str
    """With its arguments; `ALL` is anything, as anybody."""


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


def is_text_of_ours(text: str) -> bool:
    """Tell whether a text is one that `write` gives, whole."""
    return not text or read(text)[1]
