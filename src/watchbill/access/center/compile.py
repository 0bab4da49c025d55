"""Compile the team file to the permission sets that Identity Center should have, and what they need in each account.

A permission set refers to policies by name and path, the same in every account. So a fence is packed once for all its
accounts (`packing`), and lies in each under the same numbers. What is there decides where a statement lies: of several
accounts, what lies in any. Whatever is in these documents names no account: `*` stands for its number.

Names: `watchbill-oncall-<rota>` and `watchbill-job-<permission set>` for sets, `watchbill-oncall-<rota>` and
`watchbill-job-<group>` for groups, and `watchbill-grant-<grant>` for both; `fence-center-`, `guard-center-` and
`guard-center-freeze` for what denies.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from watchbill.access.center.state import (
    PLACE,
    Assigned,
    CenterGroup,
    CenterState,
    Holder,
    Reference,
    SetState,
    group_name,
    owner_of,
    set_name,
)
from watchbill.access.compile import GRANTS_AHEAD, Compiler, Laid, horizon_of, opted_in, policies_of
from watchbill.access.documents import Statement, center_fence, slices_of
from watchbill.access.entitlements import delivered, granted, role_name, standing, without_frozen
from watchbill.access.guards import center_job_statements, frozen_statement, on_call_statements, users_in
from watchbill.access.limits import Limits
from watchbill.access.model import PATH, AccountState, Capacity, Holding
from watchbill.access.packing import TooLargeError, brakes_of, pack, place_of, statements_of
from watchbill.errors import Location, Problem
from watchbill.intervals import Interval
from watchbill.team.model import By, Kind, Rota, Team


MOST = 20
"""Managed policies of a permission set (User Guide, "Quotas and limits in IAM Identity Center"). The role that it
becomes may have as many as the account lets any role have, which is ten unless it was raised."""

SESSION = "PT1H"
"""How long a session lasts: as short as AWS takes. Who has left a group goes on until then."""


FREEZE = "guard-center-freeze"
"""Family of the policy on every set that denies everything to whoever is frozen."""


@dataclass(frozen=True, slots=True)
class CenterCompiled:
    """What Identity Center should have, with what it gives to whom and what stands in its way."""

    state: CenterState
    laid: dict[str, Laid]
    """What it needs in each account, by the name of the account."""
    holdings: tuple[Holding, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    capacity: tuple[Capacity, ...]


@dataclass(frozen=True, slots=True)
class _Set:
    """A permission set as the team file wants it."""

    name: str
    permission_set: str
    given: Mapping[str, frozenset[str]]
    """By the name of each account, the groups that have it there."""
    families: Mapping[str, Sequence[Statement]]
    where: Location


def compile_center(compiler: Compiler, center: CenterState, observed: Mapping[str, AccountState]) -> CenterCompiled:
    """Give what Identity Center should have, by what it has and by what the accounts have, each by its name."""
    return _Compiling(compiler, center, observed).compiled()


def given_in_center(
    compiler: Compiler, person: str, user: str, management: str, observed: Mapping[str, AccountState]
) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Give the groups in which a team has somebody, by name, and what it assigns to themselves, by account and name.

    Nothing of Identity Center is read for it; `user` is their id there, `management` the management account's number.
    """
    center = compiler.team.identity_center
    if center is None or person not in compiler.team.people:
        return frozenset(), frozenset()
    there = {name: state for name, state in observed.items() if name in compiler.team.accounts}
    state = compile_center(
        compiler, CenterState(center.instance, center.store, management, {person: user}), there
    ).state
    groups = frozenset(name for name, group in state.groups.items() if user in group.members)
    assigned = (each for each in state.assignments if each.holder is Holder.USER)
    return groups, frozenset((each.account, each.permission_set) for each in assigned)


class _Compiling:
    """Gathers the sets and groups of one team."""

    def __init__(self, compiler: Compiler, center: CenterState, observed: Mapping[str, AccountState]) -> None:
        self._compiler = compiler
        self._team = delivered(compiler.team, By.CENTER)
        self._center = center
        self._observed = observed
        self._owner = owner_of(compiler.team.name)
        self._problems: list[Problem] = []
        self._holdings: list[Holding] = []
        self._members: dict[str, set[str]] = {}
        """By the name of each group the people in it."""
        self._claimed: dict[str, tuple[str, str]] = {}

    def compiled(self) -> CenterCompiled:
        """Give all of it."""
        sets = [*self._on_call_sets(), *self._job_sets(), *self._grant_sets()]
        packed = {family: self._pack(family, said) for each in sets for family, said in each.families.items()}
        states = {each.name: self._set_state(each, packed) for each in sets}
        groups = {name: self._group(name, people) for name, people in sorted(self._members.items())}
        directly = self._is_fed
        state = replace(
            self._center,
            sets=states,
            assignments=frozenset(self._assignments(sets, directly=directly)),
            groups={} if directly else groups,
            taken=frozenset(),
            unread=(),
        )
        capacity = tuple(self._capacity(states, sets))
        self._problems.extend(problem for each in capacity if (problem := _exceeded(each)) is not None)
        laid = {name: self._laid(name, sets, packed) for name in self._observed}
        return CenterCompiled(
            state,
            laid,
            tuple(self._holdings),
            tuple(dict.fromkeys(self._problems)),
            tuple(self._strangers()),
            capacity,
        )

    @property
    def _is_fed(self) -> bool:
        center = self._team.identity_center
        return center is not None and center.fed_by is not None

    def _on_call_sets(self) -> Iterator[_Set]:
        for rota in self._team.rotas.values():
            what = f"rota `{rota.name}` would give on-call access"
            accounts = [a for a in rota.accounts if a in self._observed and self._is_open(a, what, rota.where)]
            group = group_name(f"oncall-{rota.name}")
            self._members[group] = self._known(rota.people)
            windows = [h for h in self._compiler.windows(rota) if h.person in self._center.people]
            self._holdings.extend(h for h in windows if h.account in accounts)
            for kind, permission_set in sorted(rota.entitlement.items()):
                mine = [h for h in windows if h.permission_set == permission_set and h.account == rota.accounts[0]]
                role = role_name(rota, kind)
                if self._claims(role, rota):
                    given = {name: frozenset([group]) for name in accounts}
                    families = self._on_call_families(rota, kind, mine)
                    yield _Set(set_name(role), permission_set, given, families, rota.where)

    def _on_call_families(self, rota: Rota, kind: Kind, mine: Iterable[Holding]) -> Mapping[str, Sequence[Statement]]:
        horizon, role = horizon_of(rota, self._compiler.at), f"center-{role_name(rota, kind)}"
        slices = slices_of([(self._center.people[h.person], h) for h in mine], horizon)
        opted = opted_in(self._team.permission_sets[rota.entitlement[kind]])
        return {
            f"guard-{role}": on_call_statements("*", opted),
            f"fence-{role}": center_fence(slices, horizon),
            **self._freeze,
        }

    @cached_property
    def _freeze(self) -> Mapping[str, Sequence[Statement]]:
        """Give what denies the frozen everything: one policy for all sets, which lies on them beforehand."""
        known, former = [*self._center.people.items(), *self._center.gone.items()], self._center.former.items()
        ids = [*known, *((name, id_) for name, others in former for id_ in others)]
        frozen = {id_ for name, id_ in ids if self._compiler.is_frozen(name)}
        return {FREEZE: [frozen_statement(frozen | self._lost())]}

    def _lost(self) -> set[str]:
        """Give whom it denies already and who is nobody of the file any more, as long as anybody is frozen.

        A user that is deleted, or made anew, has another id; sessions of the old one live on, and stay denied.
        """
        if not any(self._compiler.is_frozen(name) for name in self._compiler.team.people):
            return set()
        placed = (_placed(account, FREEZE) for account in self._observed.values())
        listed = {id_ for packed in placed for said in packed.values() for each in said for id_ in users_in(each)}
        return listed - set(self._center.people.values())

    def _job_sets(self) -> Iterator[_Set]:
        given: dict[str, dict[str, set[str]]] = {}
        where: dict[str, Location] = {}
        for group in self._team.groups.values():
            name = group_name(f"job-{group.name}")
            for access in group.access:
                self._members[name] = self._known(self._team.members(group.name))
                where.setdefault(access.permission_set, access.where)
                for account in access.accounts:
                    if account in self._observed and not self._is_out_of_reach(account, access.where):
                        given.setdefault(access.permission_set, {}).setdefault(account, set()).add(name)
        for holding in standing(self._team):
            there = given.get(holding.permission_set, {}).get(holding.account, ())
            if holding.person in self._known([holding.person]) and there:
                self._holdings.append(holding)
        for permission_set, accounts in sorted(given.items()):
            names = {account: frozenset(groups) for account, groups in accounts.items()}
            families = {f"guard-center-job-{permission_set}": center_job_statements(), **self._freeze}
            yield _Set(set_name(f"job-{permission_set}"), permission_set, names, families, where[permission_set])

    def _grant_sets(self) -> Iterator[_Set]:
        """Give a set for each grant that is not over: by one fence of two either had what the other has."""
        ahead = Interval(self._compiler.at, self._compiler.at + GRANTS_AHEAD)
        for grant in self._team.grants:
            if grant.interval.intersection(ahead) is None or grant.person not in self._center.people:
                continue
            what = f"grant `{grant.name}` would give access"
            accounts = [a for a in grant.accounts if a in self._observed and self._is_open(a, what, grant.where)]
            if not accounts:
                # It is left alone wherever it would be had: nothing of it is made by itself.
                continue
            name, role = group_name(f"grant-{grant.name}"), f"grant-{grant.name}"
            self._members[name] = self._known([grant.person])
            whole = replace(self._team, grants=(grant,))
            mine = without_frozen(granted(whole, grant.interval), self._compiler.freezes, grant.interval)
            self._holdings.extend(h for h in mine if h.account in accounts)
            slices = slices_of(
                [(self._center.people[h.person], h) for h in mine if h.account == grant.accounts[0]], grant.interval
            )
            families = {
                f"guard-center-{role}": on_call_statements(
                    "*", opted_in(self._team.permission_sets[grant.permission_set])
                ),
                f"fence-center-{role}": center_fence(slices, grant.interval),
                **self._freeze,
            }
            given = {account: frozenset([name]) for account in accounts}
            yield _Set(set_name(role), grant.permission_set, given, families, grant.where)

    def _claims(self, role: str, rota: Rota) -> bool:
        """Tell whether a set is this rota's: rota `x` has `oncall-x-secondary`, and rota `x-secondary` its first."""
        other = self._claimed.setdefault(set_name(role), (role, rota.name))
        if other == (role, rota.name):
            return True
        message = f"rotas `{other[1]}` and `{rota.name}` would both have the permission set `{set_name(role)}`"
        self._problems.append(Problem.at("name-taken", f"{message}; rename one of them", rota.where))
        return False

    def _is_open(self, account: str, what: str, where: Location) -> bool:
        """Tell whether access for a time may be had in an account: in the management account it is not."""
        if self._compiler.team.accounts[account].number != self._center.management:
            return True
        message = (
            f"{what} to the management account `{account}`: no policy of the "
            "organization acts there; leave it out of that"
        )
        self._problems.append(Problem.at("management-account", message, where))
        return False

    def _is_out_of_reach(self, account: str, where: Location) -> bool:
        """Tell whether AWS lets nobody manage sets of an account from where Identity Center is run."""
        center, number = self._team.identity_center, self._compiler.team.accounts[account].number
        delegated = center is not None and self._team.accounts[center.account].number != self._center.management
        if number != self._center.management or not delegated:
            return False
        message = (
            f"a permission set in the management account `{account}` can be managed from that account alone: "
            "deliver it there by `iam`"
        )
        self._problems.append(Problem.at("management-account", message, where))
        return True

    def _known(self, people: Iterable[str]) -> set[str]:
        """Give those who have a user there and are not frozen."""
        return {p for p in people if p in self._center.people and not self._compiler.is_frozen(p)}

    def _strangers(self) -> Iterator[Problem]:
        """Say who would hold something and has no user in Identity Center."""
        on_call = {person for rota in self._team.rotas.values() for person in rota.people}
        standing_by = {h.person for h in standing(self._team)} | {each.person for each in self._team.grants}
        for name, ids in sorted(self._center.former.items()):
            person, held = self._team.people.get(name), name not in self._center.people
            if person is None:
                continue
            message = f"`{name}` is another user in Identity Center than was let be, {' or '.join(ids)} before"
            then = "they hold nothing there until a lead lets it be" if held else "this gives it to them all the same"
            yield Problem.at("center-user-moved", f"{message}: {then}", person.where)
        for name in sorted((on_call | standing_by) - set(self._center.people) - set(self._center.former)):
            person = self._team.people[name]
            message = f"`{name}` has no user in Identity Center, under {person.email} or the declared id: they hold"
            yield Problem.at("no-center-user", f"{message} nothing there", person.where)

    def _group(self, name: str, people: Iterable[str]) -> CenterGroup:
        found = self._center.groups.get(name)
        if found is not None and found.team != self._owner:
            self._problems.append(
                Problem("name-taken", f"group `{name}` of Identity Center is not of this file: rename it")
            )
        there: Mapping[str, str] = {} if found is None else found.members
        users = sorted(self._center.people[person] for person in people)
        return CenterGroup(
            name, "" if found is None else found.id, self._owner, {user: there.get(user, "") for user in users}
        )

    def _assignments(self, sets: Iterable[_Set], *, directly: bool) -> Iterator[Assigned]:
        for each in sets:
            for account, groups in each.given.items():
                number = self._observed[account].number
                if not directly:
                    yield from (Assigned(number, each.name, Holder.GROUP, group) for group in groups)
                    continue
                people = {person for group in groups for person in self._members[group]}
                for person in people:
                    yield Assigned(number, each.name, Holder.USER, self._center.people[person])

    def _set_state(self, each: _Set, packed: Mapping[str, "_Packed"]) -> SetState:
        found = self._center.sets.get(each.name)
        if each.name in self._center.taken or (found is not None and found.team != self._owner):
            whose = "others" if found is None or found.team is None else f"team `{found.team}`"
            message = f"permission set `{each.name}` is there and is of {whose}: rename it, or what it is for here"
            self._problems.append(Problem.at("name-taken", message, each.where))
        policies = policies_of(self._team.permission_sets[each.permission_set])
        numbers = {
            f"{family}-{number}" for family in each.families for number in packed[family] if packed[family][number]
        }
        return SetState(
            each.name,
            "" if found is None else found.arn,
            self._owner,
            frozenset(Reference(name, PATH) for name in (*policies, *numbers) if not name.startswith("arn:")),
            frozenset(name for name in policies if name.startswith("arn:")),
            boundary=boundary_of(self._team),
            session=SESSION,
        )

    def _capacity(self, states: Mapping[str, SetState], sets: Iterable[_Set]) -> Iterator[Capacity]:
        for each in sets:
            wanted, there = states[each.name], self._center.sets.get(each.name, SetState(each.name))
            used = len(wanted.references | there.references) + len(wanted.managed | there.managed)
            limits = [Limits(self._observed[n].quotas).of("AttachedPoliciesPerRoleQuota") for n in each.given]
            yield Capacity(PLACE, f"policies of permission set {each.name}", used, min([MOST, *limits]))

    def _pack(self, family: str, wanted: Sequence[Statement]) -> "_Packed":
        """Pack a family for all accounts: each statement stays where any account has it."""
        there: dict[int, list[Statement]] = {}
        for account in self._observed.values():
            for number, held in _placed(account, family).items():
                known = there.setdefault(number, [])
                known.extend(each for each in held if each not in known)
        limit = min((Limits(account.quotas).policy for account in self._observed.values()), default=0)
        try:
            return pack(wanted, there, limit, self._compiler.since)
        except TooLargeError as error:
            self._problems.append(Problem("quota", f"policy `{family}` does not fit: {error}, AWS allows {limit}"))
            return {}

    def _laid(self, account: str, sets: Iterable[_Set], packed: Mapping[str, "_Packed"]) -> Laid:
        mine = [each for each in sets if account in each.given]
        families = {family: packed[family] for each in mine for family in each.families}
        return Laid(
            tuple(dict.fromkeys(each.permission_set for each in mine)),
            {family: _with_brakes(said, self._observed[account], family) for family, said in families.items()},
        )


_Packed = Mapping[int, tuple[Statement, ...]]


def boundary_of(team: Team) -> Reference | str | None:
    """Give the policy that bounds the permission sets of a team: a name in each account, or one of AWS's own."""
    ceiling = team.ceiling
    if ceiling is None or ":iam::aws:" in ceiling:
        return ceiling
    path, _, name = ceiling.partition(":policy")[2].rpartition("/") if ceiling.startswith("arn:") else ("", "", ceiling)
    return Reference(name, f"{path}/")


def _placed(account: AccountState, family: str) -> Mapping[int, tuple[Statement, ...]]:
    found: dict[int, tuple[Statement, ...]] = {}
    for policy in account.policies.values():
        place = place_of(policy)
        if place is not None and place[0] == family:
            found[place[1]] = statements_of(policy.document)
    return found


def _with_brakes(packed: _Packed, account: AccountState, family: str) -> _Packed:
    """Keep what others deny in an account's own policies where it is, or in the first where that is wanted no more."""
    found = dict(packed)
    for policy in account.policies.values():
        place = place_of(policy)
        if place is not None and place[0] == family and (brakes := brakes_of(policy.document)):
            number = place[1] if place[1] in found else min(found, default=place[1])
            found[number] = (*found.get(number, ()), *brakes)
    return found


def _exceeded(found: Capacity) -> Problem | None:
    if found.used <= found.limit:
        return None
    hint = "shorten the horizon, split the rota or the permission set, or ask AWS to raise what a role may have"
    return Problem("quota", f"{found.what} would be {found.used}, AWS allows {found.limit}; {hint}")
