"""What a plan of Identity Center leaves as it is, for the modes of the accounts that a thing reaches (`modes`).

The rules:

1. An account that is held is left as it is: what is assigned there, and what policies lie there.
2. A rota's sets and group, or a job role's group or set, that reach nothing but such accounts are left whole.
3. A group that has something in such an account, and in others, is one for both: whoever loses their place in it loses
   it, and nobody comes to be in it. What is not assigned there yet gives nothing there, and holds nobody up.

What a thing reaches is what the team file gives it and what it has in AWS.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from watchbill.access.center.compile import CenterCompiled
from watchbill.access.center.state import CenterGroup, CenterState, Holder, group_name, owner_of, set_name
from watchbill.access.entitlements import delivered, role_name
from watchbill.access.model import AccountState
from watchbill.access.modes import Held
from watchbill.errors import Problem
from watchbill.team.model import By, Team


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """What a plan leaves as it is, in the words of Identity Center."""

    team: Team
    """The whole team file, with what is left alone."""
    accounts: frozenset[str] = frozenset()
    """Names of accounts."""
    numbers: frozenset[str] = frozenset()
    """Numbers of these."""
    rotas: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()
    """Names of permission sets of these rotas."""
    jobs: frozenset[str] = frozenset()
    """Names of permission sets of job roles that are left whole; nothing refers to their policies in other accounts."""
    groups: frozenset[str] = frozenset()
    """Names of groups that are left whole."""
    closed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By name of each group that nobody comes to be in, the ids of the users who are."""

    def seen(self, center: CenterState) -> CenterState:
        """Give what a plan looks at: not what is left alone, nor what people have in accounts that are."""
        return replace(
            center,
            sets={name: each for name, each in center.sets.items() if name not in self.sets | self.jobs},
            assignments=frozenset(
                each
                for each in center.assignments
                if each.account not in self.numbers and each.permission_set not in self.sets
            ),
            groups={name: each for name, each in center.groups.items() if name not in self.groups},
        )

    def withheld(self, compiled: CenterCompiled) -> CenterCompiled:
        """Give what should be, without groups that are left whole, and without whoever would come into a closed one."""
        state = compiled.state
        groups = {name: self._kept(group) for name, group in state.groups.items() if name not in self.groups}
        out = {
            (through, person)
            for through, name in _groups_of(self.team).items()
            if name in groups
            for person, user in state.people.items()
            if user in state.groups[name].members.keys() - groups[name].members.keys()
        }
        holdings = tuple(each for each in compiled.holdings if (each.through, each.person) not in out)
        warnings = (*compiled.warnings, *self._told(out))
        return replace(compiled, state=replace(state, groups=groups), holdings=holdings, warnings=warnings)

    def _kept(self, group: CenterGroup) -> CenterGroup:
        there = self.closed.get(group.name)
        if there is None:
            return group
        return replace(group, members={user: each for user, each in group.members.items() if user in there})

    def _told(self, out: set[tuple[str, str]]) -> Iterator[Problem]:
        groups = _groups_of(self.team)
        for through, person in sorted(out):
            message = f"`{person}` does not come into group `{groups[through]}` of Identity Center by this plan"
            yield Problem("held-back", f"{message}: it has access in an account whose mode holds that back")


def of_center(team: Team, held: Held, center: CenterState | None, observed: Mapping[str, AccountState]) -> LeftAlone:
    """Give what is left alone for the modes of accounts and rotas."""
    numbers = frozenset(observed[name].number for name in held.accounts if name in observed)
    ours = delivered(team, By.CENTER)
    assigned = frozenset() if center is None else center.assignments

    def is_held(accounts: set[str], has: set[str]) -> bool:
        """Tell whether something reaches accounts that are held, and no other."""
        return bool(accounts) and accounts <= held.accounts and has <= numbers

    sets = {rota.name: {set_name(role_name(rota, kind)) for kind in rota.entitlement} for rota in ours.rotas.values()}
    rotas = frozenset(
        name
        for name, rota in ours.rotas.items()
        if name in held.rotas
        or is_held(set(rota.accounts), {each.account for each in assigned if each.permission_set in sets[name]})
    )
    has: dict[str, set[str]] = {}
    for each in assigned:
        if each.holder is Holder.GROUP:
            has.setdefault(each.principal, set()).add(each.account)
    jobs = {
        group_name(f"job-{group.name}"): {account for access in group.access for account in access.accounts}
        for group in ours.groups.values()
    }
    groups = {name for name, accounts in jobs.items() if is_held(accounts, has.get(name, set()))}
    groups |= {group_name(f"oncall-{name}") for name in rotas}
    given: dict[str, set[str]] = {}
    for access in (each for group in ours.groups.values() for each in group.access):
        given.setdefault(set_name(f"job-{access.permission_set}"), set()).update(access.accounts)
    left = {
        name
        for name, accounts in given.items()
        if is_held(accounts, {each.account for each in assigned if each.permission_set == name})
    }
    there = {} if center is None else center.groups
    closed = {
        name: frozenset(group.members)
        for name, group in there.items()
        if group.team == owner_of(team.name) and has.get(name, set()) & numbers and name not in groups
    }
    whole = frozenset(each for name in rotas for each in sets[name])
    return LeftAlone(team, held.accounts, numbers, rotas, whole, frozenset(left), frozenset(groups), closed)


def _groups_of(team: Team) -> dict[str, str]:
    """Give the names of groups by what people hold something through, as a holding says it."""
    ours = delivered(team, By.CENTER)
    return {
        **{f"group {name}": group_name(f"job-{name}") for name in ours.groups},
        **{f"rota {name}": group_name(f"oncall-{name}") for name in ours.rotas},
        **{f"grant {each.name}": group_name(f"grant-{each.name}") for each in ours.grants},
    }
