"""In what mode accounts and rotas are, and what a plan leaves alone for it.

The rules:

1. A change is in the stricter of the modes of its account and of its rota: `observe` before `propose` before `enforce`.
2. What several share is in the strictest of their modes: a policy that two roles have, and then both roles.
3. What is left alone is left whole: a group, a role, all that is attached to it and changes, and who is in it. So
   nobody comes to what a role did by an old policy and a new trust.
4. Where a set denies something, all groups of a person that has it go together: one's Deny may hold another's Allow.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from watchbill.access.compile import GRANT, JOB, Compiled
from watchbill.access.documents import frozen_by
from watchbill.access.limits import ON_CALL
from watchbill.access.model import (
    FREEZE_POLICY,
    PATH,
    AccountState,
    GroupState,
    Holding,
    PolicyState,
    RoleState,
    UserState,
    last_of,
)
from watchbill.access.packing import place_of, statements_of
from watchbill.team.model import Kind, Mode, Team


_STRICT = (Mode.OBSERVE, Mode.PROPOSE, Mode.ENFORCE)
_GUARD = "guard-jobs-"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Held:
    """What a plan leaves as it is."""

    accounts: frozenset[str] = frozenset()
    rotas: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.accounts or self.rotas)


NOTHING_HELD = Held()


def held_by(teams: Iterable[Team], mode: Mode) -> Held:
    """Give what may not be done in `mode`: all that any of some team files puts into a stricter one."""
    teams = list(teams)
    accounts = {a.name for team in teams for a in team.accounts.values() if _is_stricter(a.mode, mode)}
    rotas = {r.name for team in teams for r in team.rotas.values() if r.mode is not None and _is_stricter(r.mode, mode)}
    return Held(frozenset(accounts), frozenset(rotas))


def is_looser(new: Mode, old: Mode) -> bool:
    """Tell whether a mode lets more be done than another."""
    return _is_stricter(old, new)


def _is_stricter(one: Mode, other: Mode) -> bool:
    return _STRICT.index(one) < _STRICT.index(other)


@dataclass(frozen=True, slots=True)
class Withheld:
    """The desired state of an account in which what is held is as it is, and what that is."""

    compiled: Compiled
    through: frozenset[str]
    """By what people hold something of it: `group developers`, `rota platform`, `grant g1`."""


def without_unseen(team: Team, observed: Mapping[str, AccountState], held: Held) -> Team:
    """Give a team without the rotas that are held and are nowhere in AWS: nothing at all is written for them."""
    unseen = {
        name
        for name in held.rotas & team.rotas.keys()
        if not any(ON_CALL + name in state.groups for state in observed.values())
    }
    return replace(team, rotas={name: rota for name, rota in team.rotas.items() if name not in unseen})


def withhold(compiled: Compiled, observed: AccountState, rotas: Iterable[str]) -> Withheld:
    """Give the desired state in which rotas, and what shares something with them, are as they are in AWS."""
    names = _Closure(compiled.state, observed).of(rotas)
    if not names:
        return Withheld(compiled, frozenset())
    desired = compiled.state
    groups = _as_observed(desired.groups, observed.groups, names.groups)
    roles = _as_observed(desired.roles, observed.roles, names.roles)
    policies = _as_observed(desired.policies, observed.policies, names.policies)
    guards = frozenset(arn for arn in observed.policies if last_of(arn).startswith(_GUARD))
    if guards & names.policies:
        groups = {name: group if name in names.groups else _guarded(group, guards) for name, group in groups.items()}
    users = dict(_users(desired, observed, names.groups))
    state = replace(desired, users=users, groups=groups, roles=roles, policies=policies)
    families = {name: held for name, held in compiled.families.items() if not names.has_family(name)}
    for arn in names.policies & observed.policies.keys():
        if (place := place_of(observed.policies[arn])) is not None:
            there = statements_of(observed.policies[arn].document)
            families[place[0]] = {**families.get(place[0], {}), place[1]: there}
    return Withheld(replace(compiled, state=state, families=families), names.through())


def holdings_of(wanted: Iterable[Holding], have: Iterable[Holding], through: frozenset[str]) -> tuple[Holding, ...]:
    """Give what people hold where what is held stays as it is."""
    kept = [each for each in wanted if each.through not in through]
    return (*kept, *(each for each in have if each.through in through))


@dataclass(slots=True)
class _Names:
    groups: set[str]
    roles: set[str]
    policies: set[str]

    def __bool__(self) -> bool:
        return bool(self.groups or self.roles)

    def has_family(self, family: str) -> bool:
        return any(last_of(arn).rpartition("-")[0] == family for arn in self.policies)

    def through(self) -> frozenset[str]:
        of = ((JOB, "group "), (ON_CALL, "rota "), (GRANT, "grant "))
        found = (
            word + name.removeprefix(prefix) for name in self.groups for prefix, word in of if name.startswith(prefix)
        )
        return frozenset(found)


class _Closure:
    """Finds all that is to be left alone together with some rotas."""

    def __init__(self, desired: AccountState, observed: AccountState) -> None:
        self._sides = (desired, observed)
        self._desired, self._observed = desired, observed

    def of(self, rotas: Iterable[str]) -> _Names:
        """Give it; nothing where no such rota is in the account."""
        rotas = set(rotas)
        names = _Names(set(), set(), set())
        for rota in rotas:
            self._add_rota(names, rota)
        size = -1
        while size != (size := len(names.groups) + len(names.roles) + len(names.policies)):
            self._share(names)
            self._deny(names)
        if names:
            self._common(names)
        return names

    def _add_rota(self, names: _Names, rota: str) -> None:
        group = ON_CALL + rota
        roles = {group, *(f"{group}-{kind}" for kind in Kind)}
        names.roles |= {role for side in self._sides for role in roles & side.roles.keys()}
        if any(group in side.groups for side in self._sides):
            names.groups.add(group)

    def _share(self, names: _Names) -> None:
        """Add what changes of what is attached to what is held, and what else has that."""
        for group, attached in self._attached("groups"):
            if group in names.groups or attached & names.policies:
                names.groups.add(group)
                names.policies |= attached
                for rota in (group.removeprefix(ON_CALL),) if group.startswith(ON_CALL) else ():
                    self._add_rota(names, rota)
        for role, attached in self._attached("roles"):
            if role in names.roles or attached & names.policies:
                names.roles.add(role)
                names.policies |= attached
                names.groups |= set(self._groups_of(role))

    def _groups_of(self, role: str) -> Iterator[str]:
        """Give the on-call groups whose role it may be, by its name."""
        for side in self._sides:
            yield from (g for g in side.groups if g.startswith(ON_CALL) and (role == g or role.startswith(f"{g}-")))

    def _attached(self, kind: str) -> Iterator[tuple[str, set[str]]]:
        """Give what of watchbill's is attached to each group or role on either side and is another document there."""
        for side in self._sides:
            principals: Mapping[str, GroupState | RoleState] = getattr(side, kind)
            for name, found in principals.items():
                if found.path == PATH:
                    yield name, {arn for arn in found.attached if self._changes(arn)}

    def _changes(self, arn: str) -> bool:
        new, old = self._desired.policies.get(arn), self._observed.policies.get(arn)
        if last_of(arn).startswith((_GUARD, FREEZE_POLICY)) or (new is None and old is None):
            return False
        return new is None or old is None or new.document != old.document

    def _deny(self, names: _Names) -> None:
        """Add the groups of whoever is in a group that is held, where one of the two denies something."""
        if not names.groups:
            return
        for user in {name for side in self._sides for name in side.users}:
            mine = {
                group
                for side in self._sides
                if user in side.users
                for group in side.users[user].groups
                if group.startswith((JOB, GRANT))
            }
            if mine & names.groups and any(self._denies(group) for group in mine):
                names.groups |= mine

    def _denies(self, group: str) -> bool:
        for side in self._sides:
            found = side.groups.get(group)
            for arn in () if found is None else found.attached:
                policy = side.policies.get(arn)
                if policy is None or last_of(arn).startswith(_GUARD):
                    continue
                if any(each.get("Effect") == "Deny" for each in statements_of(policy.document)):
                    return True
        return False

    def _common(self, names: _Names) -> None:
        """Add what all have in common, where it speaks of what is held: the guard, and a freeze that ends."""
        there = {arn for arn in self._observed.policies if last_of(arn).startswith(_GUARD)}
        if there:
            names.policies |= there | {arn for arn in self._desired.policies if last_of(arn).startswith(_GUARD)}
        for arn, old in self._observed.policies.items():
            new = self._desired.policies.get(arn)
            if last_of(arn) == FREEZE_POLICY and (new is None or not _frozen(new) >= _frozen(old)):
                names.policies.add(arn)


def _frozen(policy: PolicyState) -> frozenset[str]:
    return frozenset(frozen_by(policy.document))


def _as_observed(desired: Mapping[str, _T], observed: Mapping[str, _T], held: Iterable[str]) -> dict[str, _T]:
    held = set(held)
    kept = {name: each for name, each in desired.items() if name not in held}
    return kept | {name: observed[name] for name in held if name in observed}


def _guarded(group: GroupState, guards: frozenset[str]) -> GroupState:
    """Give a group with the guard that is there instead of the one to come."""
    others = frozenset(arn for arn in group.attached if not last_of(arn).startswith(_GUARD))
    return replace(group, attached=others | guards) if others != group.attached else group


def _users(desired: AccountState, observed: AccountState, held: set[str]) -> Iterator[tuple[str, UserState]]:
    """Give the users with their places in what is held as they are."""
    for name in {**desired.users, **observed.users}:
        new, old = desired.users.get(name), observed.users.get(name)
        stays = (old.groups if old is not None else frozenset()) & held
        if new is not None:
            groups = (new.groups - held) | stays
            bare = not groups and new.groups and old is None and not (new.inline or new.attached or new.boundary)
            if not bare:
                yield name, replace(new, groups=groups)
        elif old is not None and stays:
            # What else watchbill gave them goes, as of anybody whom the file no longer names.
            yield name, UserState(name, old.arn, old.path, stays)
