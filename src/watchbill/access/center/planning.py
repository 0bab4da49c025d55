"""The part that Identity Center has in a plan: nothing where it delivers nothing, and did not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from watchbill.access.center.changes import center_changes
from watchbill.access.center.compile import CenterCompiled, compile_center
from watchbill.access.center.drift import CenterForeign, center_drift, center_foreign
from watchbill.access.center.entries import entered
from watchbill.access.center.left import of_center
from watchbill.access.center.readback import CenterReadback
from watchbill.access.center.state import PLACE, CenterState, is_of_ours, owner_of
from watchbill.access.compile import Compiler, Laid, without_rotas
from watchbill.access.entitlements import uses_center
from watchbill.access.model import PATH, AccountState, Capacity, Change, Drift, Holding, Phase, RoleState
from watchbill.access.modes import Held
from watchbill.errors import Problem
from watchbill.team.model import Team


_OF_CENTER = ("fence-center-", "guard-center-")


def needs_center(team: Team, observed: Iterable[AccountState]) -> bool:
    """Tell whether a plan has to know what Identity Center has: it delivers something, or left its policies behind."""
    return uses_center(team) or any(
        policy.path == PATH and policy.name.startswith(_OF_CENTER)
        for state in observed
        for policy in state.policies.values()
    )


def in_phases(of_accounts: Iterable[Change], of_center: Iterable[Change]) -> list[Change]:
    """Put changes in the order in which they are made.

    Within a phase those of accounts come first: policies that a set refers to. When things are removed they come last.
    """
    changes = [*of_accounts, *of_center]
    return sorted(changes, key=lambda c: (c.phase, (c.account == PLACE) is not (c.phase is Phase.TIDY)))


class CenterPlanning:
    """Compares what the team file wants of Identity Center with what it has; lays in accounts what it needs there."""

    def __init__(
        self,
        compiler: Compiler,
        before: Compiler | None,
        center: CenterState | None,
        observed: Mapping[str, AccountState],
        whole: Team,
        held: Held,
    ) -> None:
        left = of_center(whole, held, center, observed)
        self._team = compiler.team
        self._owner = owner_of(compiler.team.name)
        self._whole = center
        self._center = None if center is None else left.seen(center)
        self._observed = observed
        self._left = left
        self._compiled: CenterCompiled | None = None
        self._expected: CenterCompiled | None = None
        if center is None or self._center is None or self._team.identity_center is None:
            return
        compiler.laid = dict.fromkeys(observed, self._kept())
        there = {name: each for name, each in observed.items() if name not in left.accounts}
        self._compiled = left.withheld(compile_center(without_rotas(compiler, left.rotas), self._center, there))
        for name, laid in self._compiled.laid.items():
            compiler.laid[name] = replace(laid, kept=self._kept().kept)
        if before is not None and before.team.identity_center is not None:
            there = {name: each for name, each in there.items() if name in before.team.accounts}
            self._expected = left.withheld(compile_center(without_rotas(before, left.rotas), self._center, there))
            before.laid = self._expected.laid

    @property
    def left(self) -> frozenset[str]:
        """Give by what people hold something that stays as it is: `rota platform`."""
        return frozenset(f"rota {name}" for name in self._left.rotas)

    def _kept(self) -> Laid:
        """Give what stays in accounts for the sets that are left alone."""
        sets = () if self._whole is None else self._whole.sets.values()
        mine = (each for each in sets if each.name in self._left.sets)
        return Laid((), {}, frozenset(r.name for each in mine for r in each.references if r.path == PATH))

    def holdings(self, account: str) -> Iterator[Holding]:
        """Give what the team file gives in an account by way of Identity Center."""
        if self._compiled is not None:
            yield from (each for each in self._compiled.holdings if each.account == account)

    def held(self, observed: AccountState) -> Iterator[Holding]:
        """Give what people hold there by what is written now."""
        if self._whole is not None:
            yield from CenterReadback(self._left.team, self._whole).holdings(observed)

    def changes(self) -> Iterator[Change]:
        """Give the changes of Identity Center."""
        center = self._team.identity_center
        if self._compiled is not None and self._center is not None and center is not None:
            desired = self._compiled.state
            apart = self._apart()
            yield from center_changes(self._team.name, center.region, desired, self._center, self._foreign, apart)

    def _apart(self) -> frozenset[str]:
        """Give the sets that somebody has in an account that is left alone: they stay as they are there."""
        if self._whole is None:
            return frozenset()
        numbers = self._left.numbers
        return frozenset(each.permission_set for each in self._whole.assignments if each.account in numbers)

    def drift(self) -> Iterator[Drift]:
        """Give what others did there."""
        if self._compiled is not None and self._center is not None:
            expected = None if self._expected is None else self._expected.state
            yield from center_drift(self._compiled.state, self._center, self._foreign, expected)

    def entered(self, states: dict[str, AccountState]) -> dict[str, AccountState]:
        """Lay over accounts who is to come into them by the team file."""
        return states if self._compiled is None else entered(states, self._compiled.state, self._team)

    def entered_with_others(self, states: dict[str, AccountState]) -> dict[str, AccountState]:
        """Lay over accounts who comes to come into them, by the team file and by what others have there."""
        if self._compiled is None or self._center is None:
            return states
        desired = self._compiled.state
        others = {name: each for name, each in self._center.sets.items() if each.team != self._owner}
        kept = {each for each in self._center.assignments if each.permission_set in others}
        groups = {name: each for name, each in self._center.groups.items() if each.team != self._owner}
        whole = replace(
            desired,
            sets={**others, **desired.sets},
            assignments=desired.assignments | kept,
            groups={**groups, **desired.groups},
            unread=self._center.unread,
        )
        # Roles that are there say what they say now, and not what they will.
        bare = {name: replace(each, roles=_without_reserved(each)) for name, each in states.items()}
        laid = entered(bare, whole, self._team)
        return {name: replace(each, roles=states[name].roles) for name, each in laid.items()}

    def problems(self) -> Iterator[Problem]:
        """Give what stops the plan; that Identity Center was not read, where it must be, is one."""
        if self._compiled is not None:
            yield from self._compiled.problems
        elif needs_center(self._team, self._observed.values()):
            message = "Identity Center delivers access, or did, and was not read"
            hint = "name it under `identity_center`, and let watchbill read it"
            yield Problem("center-not-read", f"{message}: {hint}")

    def warnings(self) -> Iterator[Problem]:
        """Give what to think about: who would hold something and has no user there, and what was not read."""
        if self._compiled is not None and self._center is not None:
            yield from self._compiled.warnings
            yield from (Problem("not-read", f"Identity Center: {layer}") for layer in self._center.unread)

    def capacity(self) -> Iterator[Capacity]:
        """Give how much of its limits is used."""
        if self._compiled is not None:
            yield from self._compiled.capacity

    @cached_property
    def _foreign(self) -> tuple[CenterForeign, ...]:
        if self._compiled is None or self._center is None:
            return ()
        expected = None if self._expected is None else self._expected.state
        return tuple(center_foreign(self._compiled.state, self._center, self._observed.values(), expected))


def _without_reserved(state: AccountState) -> dict[str, RoleState]:
    return {name: role for name, role in state.roles.items() if not is_of_ours(role.name, role.path)}
