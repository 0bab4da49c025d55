"""Work out what to change, without changing it.

A plan is data: printed, stored, reviewed, applied later by another process. It is shown first as who gains and loses
what and when, read from the documents themselves, then as the calls. Only what lies under watchbill's path is
changed; what others did to it is shown as drift, and undone where that is safe.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from watchbill.access.center.planning import CenterPlanning, in_phases
from watchbill.access.center.state import CenterState
from watchbill.access.changes import changes_of
from watchbill.access.compile import Compiler, policies_of
from watchbill.access.drift import find_drift, foreign_of
from watchbill.access.gainers import with_people
from watchbill.access.keys import key_warnings
from watchbill.access.limits import fullest
from watchbill.access.model import AccountState, Capacity, Change, Drift, Effect, Freeze, Holding, Plan, Verb
from watchbill.access.modes import NOTHING_HELD, Held, holdings_of, withhold, without_unseen
from watchbill.access.readback import Readback
from watchbill.access.review import (
    account_warnings,
    after,
    invariants_held,
    set_problems,
    set_warnings,
    taken_names,
)
from watchbill.access.withheld import withheld
from watchbill.errors import Problem
from watchbill.garbage import newest_alone
from watchbill.intervals import Interval, iso, subtract
from watchbill.team.model import Team


@dataclass(frozen=True, slots=True)
class Applied:
    """What was last applied: from which team file, when, and with which freezes."""

    team: Team
    at: datetime
    freezes: tuple[Freeze, ...] = ()


@newest_alone()
def make_plan(
    team: Team,
    observed: Mapping[str, AccountState],
    at: datetime,
    freezes: Collection[Freeze] = (),
    applied: Applied | None = None,
    held: Held = NOTHING_HELD,
    center: CenterState | None = None,
) -> Plan:
    """Compare what the team file gives at an instant with what AWS has, by account name, and in Identity Center.

    `applied` tells what others did from what the team file has changed; without it only what is foreign is drift. What
    is `held` stays as it is in AWS, and the plan is a whole one for all the rest (`modes`). `center` is what Identity
    Center has, where it delivers anything, or did (`needs_center`).
    """
    whole, team = team, without_unseen(team, observed, held)
    compiler, readback = Compiler(team, at, freezes), Readback(team)
    before = None if applied is None else Compiler(applied.team, applied.at, applied.freezes)
    by_center = CenterPlanning(compiler, before, center, observed, whole, held)
    changes: list[Change] = []
    effects: list[Effect] = []
    drift: list[Drift] = []
    problems: list[Problem] = [*set_problems(team, observed.values())]
    warnings: list[Problem] = []
    capacity: list[Capacity] = []
    desired: dict[str, AccountState] = {}
    come: dict[str, AccountState] = {}
    placed: set[tuple[str, str]] = set()
    for name, state in sorted(observed.items()):
        cut = withhold(compiler.account(team.accounts[name], state), state, held.rotas)
        compiled = cut.compiled
        if name in held.accounts:
            if team.invariants:
                desired[name], come[name] = compiled.state, state
            continue
        expected = None
        if before is not None and name in before.team.accounts:
            expected = before.state(before.team.accounts[name], state)
        foreign = tuple(foreign_of(compiled.state, state, expected))
        changes.extend(changes_of(team.name, compiled, state, foreign))
        have = (*readback.holdings(state), *by_center.held(state))
        wanted = (*compiled.holdings, *by_center.holdings(name))
        wanted = holdings_of(wanted, have, cut.through | by_center.left)
        effects.extend(_effects(wanted, have, name, at))
        drift.extend(with_people(find_drift(compiled.state, state, foreign, expected), team, compiled.state, state))
        problems.extend((*compiled.problems, *taken_names(team, compiled, state)))
        warnings.extend((*account_warnings(team, compiled, state), *key_warnings(team, state, at)))
        capacity.extend(compiled.capacity)
        if state.lineage is not None:
            placed.update((holding.permission_set, name) for holding in compiled.holdings)
        if team.invariants:
            # What the organization denies is denied; where it is not known, the file must hold by itself.
            desired[name] = replace(compiled.state, lineage=state.lineage)
            come[name] = after(compiled.state, state, foreign)
    desired, come = by_center.entered(desired), by_center.entered_with_others(come)
    changes = in_phases(changes, by_center.changes())
    broken, told = invariants_held(team, desired, come)
    problems.extend((*by_center.problems(), *broken))
    touched = _touched(team, changes)
    gained = {(each.permission_set, each.account) for each in effects if each.verb is Verb.GAINS}
    given = {each for each in placed if each[0] in touched or each in gained}
    risky = (*set_warnings(team, touched, at), *withheld(team, observed, given, at))
    warnings.extend((*by_center.warnings(), *risky, *told))
    digest = state_digest(observed, center)
    identity = msgspec.json.encode([team.digest, digest, iso(at), changes], order="sorted")
    return Plan(
        hashlib.sha256(identity).hexdigest()[:12],
        at,
        team.digest,
        digest,
        tuple(sorted(effects, key=lambda e: (e.person, e.verb, e.account, str(e.interval or ""), e.permission_set))),
        tuple(changes),
        (*drift, *by_center.drift()),
        tuple(dict.fromkeys(problems)),
        tuple(dict.fromkeys(warnings)),
        fullest([*capacity, *by_center.capacity()]),
    )


def state_digest(observed: Mapping[str, AccountState], center: CenterState | None = None) -> str:
    """Give the SHA-256 of what was observed, by which a plan knows that AWS has moved since it was made.

    What the organization bounds accounts by, and Identity Center, are in it where they are known.
    """
    iam = {name: (each.users, each.groups, each.roles, each.policies) for name, each in observed.items()}
    bounds = {name: each.lineage for name, each in observed.items() if each.lineage is not None}
    more = [each for each in (bounds, center) if each]
    return hashlib.sha256(msgspec.json.encode((iam, *more) if more else iam, order="sorted")).hexdigest()


def _touched(team: Team, changes: Iterable[Change]) -> set[str]:
    """Give the permission sets that changes write or attach."""
    named = {name for change in changes for name in _named_in(change.call.parameters)}
    return {name for name, found in team.permission_sets.items() if named & set(policies_of(found))}


def _named_in(parameters: Mapping[str, object]) -> Iterator[str]:
    if isinstance(name := parameters.get("PolicyName"), str):
        yield name
    if isinstance(arn := parameters.get("PolicyArn"), str):
        yield arn if ":iam::aws:" in arn else arn.rpartition("/")[2]


def _effects(wanted: tuple[Holding, ...], have: tuple[Holding, ...], account: str, at: datetime) -> Iterator[Effect]:
    """Compare who holds what by the documents to come with who holds what by the documents that are there."""
    for verb, present, absent in ((Verb.GAINS, wanted, have), (Verb.LOSES, have, wanted)):
        always: set[tuple[str, str]] = set()
        other: dict[tuple[str, str], list[Interval]] = {}
        for holding in absent:
            key = (holding.person, holding.permission_set)
            if holding.interval is None:
                always.add(key)
            else:
                other.setdefault(key, []).append(holding.interval)
        for holding in present:
            key = (holding.person, holding.permission_set)
            for interval in () if key in always else _beyond(holding, other.get(key, ()), at):
                where = holding.where if verb is Verb.GAINS else None
                given = (holding.person, verb, holding.permission_set, account, interval, holding.why, where)
                yield Effect(*given)


def _beyond(holding: Holding, others: Iterable[Interval], at: datetime) -> Iterator[Interval | None]:
    """Give the time from `at` on that one holding covers and none of the others does; None stands for always."""
    if holding.interval is None:
        yield None
    elif holding.interval.end > at:
        yield from subtract(Interval(max(holding.interval.start, at), holding.interval.end), others)
