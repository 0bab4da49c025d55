"""Compile the team file to the IAM that one account should have at an instant: the desired state.

Only objects under watchbill's path are in it, and people's users wherever they lie. The horizon of a rota is counted
from the UTC midnight before `at`, so that two plans of one day are equal and access rolls forward once a day; it
reaches a day back, so that a window in progress is not cut at midnight. What is there already decides one thing alone:
in which of a family's policies a statement lies (`packing`). Limits of AWS are checked here, before any call.

Names in IAM: `job-<group>`, `oncall-<rota>` and `grant-<grant>` for groups, `set-<permission set>` for what they hold,
`gate-`, `fence-` and `guard-` for what denies.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import cached_property

from watchbill.access.documents import (
    Statement,
    brakes_of_freeze,
    brakes_of_trust,
    deny_all,
    document,
    fence_statements,
    freeze_document,
    frozen_by,
    gate_statements,
    slices_of,
    trust_document,
)
from watchbill.access.entitlements import (
    delivered,
    granted,
    in_order,
    on_call,
    role_name,
    standing,
    uses_center,
    without_frozen,
)
from watchbill.access.guards import center_statements, guard_statements, on_call_statements
from watchbill.access.limits import ON_CALL, Limits, exceeded, usage
from watchbill.access.model import (
    FREEZE_POLICY,
    PATH,
    QUARANTINE,
    AccountState,
    Capacity,
    Document,
    Freeze,
    GroupState,
    Holding,
    PolicyState,
    RoleState,
    UserState,
)
from watchbill.access.outlive import unknown_names
from watchbill.access.packing import TooLargeError, brakes_of, pack, place_of, statements_of
from watchbill.access.permissions import granted_documents, managed_arns, own_documents
from watchbill.access.quarantine import DENY_ALL, Form, form_for, form_of
from watchbill.errors import Problem
from watchbill.intervals import Interval
from watchbill.schedule.oncall import gaps
from watchbill.team.model import Account, By, Grant, Kind, PermissionSet, Rota, Team


JOB = "job-"
GRANT = "grant-"
SET = "set-"

GRANTS_AHEAD = timedelta(days=366)
"""How far ahead of its beginning a grant is written."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The desired state of one account, with what it gives to whom and what stands in its way."""

    state: AccountState
    holdings: tuple[Holding, ...]
    problems: tuple[Problem, ...]
    families: Mapping[str, Mapping[int, tuple[Statement, ...]]]
    """The statements of the policies `<family>-<number>`, which are packed, by family and number."""
    capacity: tuple[Capacity, ...]
    since: datetime
    """The instant before which nothing in them matters."""
    ceiling: str | None = None
    """ARN of the policy that bounds watchbill's roles; it is the team's own, also where it lies under our path."""
    released: frozenset[str] = frozenset()
    """Users of whom a freeze is known: a quarantine of anybody else is not watchbill's to lift."""


@dataclass(frozen=True, slots=True)
class Laid:
    """What permission sets of Identity Center need in one account."""

    permission_sets: tuple[str, ...]
    """Sets of the team file whose policies they refer to."""
    families: Mapping[str, Mapping[int, tuple[Statement, ...]]]
    """The statements of the policies `<family>-<number>` that stand beside them."""
    kept: frozenset[str] = frozenset()
    """Names of policies under watchbill's path that stay as they are."""


def horizon_of(rota: Rota, at: datetime) -> Interval:
    """Give the span for which a plan made at an instant writes access."""
    return Interval(_since(at), _since(at) + timedelta(days=1) + rota.horizon)


def tag_of(team: str) -> str:
    """Give the value of the tag that names a team: what AWS does not take in one is replaced."""
    return re.sub(r"[^\w .:/=+@-]", "_", team)[:256]


def nothing(account: Account) -> AccountState:
    """Give the state of an account with no IAM in it."""
    return AccountState(account.name, account.number, {}, {}, {}, {})


def compile_account(
    team: Team,
    account: Account,
    at: datetime,
    freezes: Collection[Freeze] = (),
    observed: AccountState | None = None,
) -> Compiled:
    """Give what the account's IAM should be, as far as watchbill owns it; `observed` is what it is, where known."""
    return Compiler(team, at, freezes).account(account, observed or nothing(account))


def policies_of(permissions: PermissionSet) -> tuple[str, ...]:
    """Give what a permission set is attached as: the names of watchbill's own policies, the ARNs of AWS's."""
    own = len(own_documents(permissions))
    names = (f"{SET}{permissions.name}" if n == 1 else f"{SET}{permissions.name}-{n}" for n in range(1, own + 1))
    return (*names, *managed_arns(permissions))


def opted_in(permissions: PermissionSet) -> list[str]:
    """Give what a permission set may do that outlives a shift; names that nobody knows open nothing (`review`)."""
    return [name for name in permissions.may_outlive if not unknown_names([name])]


class Compiler:
    """Compiles the accounts of a team at an instant; what they share is worked out once."""

    def __init__(self, team: Team, at: datetime, freezes: Collection[Freeze] = ()) -> None:
        self.team = team
        self.at = at
        self.freezes = tuple(freezes)
        self.since = _since(at)
        self.laid: dict[str, Laid] = {}
        """What Identity Center needs in each account, by name; nothing of it is attached to anybody here."""
        self._iam = delivered(team, By.IAM)
        self._documents = {name: own_documents(found) for name, found in team.permission_sets.items()}
        self._managed = {name: managed_arns(found) for name, found in team.permission_sets.items()}
        self.iam_users = {name: (each.iam_user, each.iam_user.lower()) for name, each in team.people.items()}
        """By person the name of their IAM user, as the file has it and in small letters."""
        self._windows: dict[str, tuple[Holding, ...]] = {}
        self._missing: dict[str, tuple[Problem, ...]] = {}
        self._frozen = {freeze.person for freeze in self.freezes if freeze.covers(at)}

    def account(self, account: Account, observed: AccountState) -> Compiled:
        """Give what one account's IAM should be, with what it gives and what stands in its way."""
        draft, timed, state = self._compiled(account, observed)
        held = (*(h for h in self._standing.get(account.name, ()) if not self.is_frozen(h.person)), *timed)
        for rota in self.team.rotas.values():
            if account.name in rota.accounts:
                draft.problems.extend(self._gaps(rota))
        capacity = tuple(usage(state, observed))
        draft.problems.extend(problem for each in capacity if (problem := exceeded(each)) is not None)
        released = frozenset(draft.user(f.person) for f in self.freezes if f.person in self.team.people)
        return Compiled(
            state,
            held,
            tuple(draft.problems),
            draft.families,
            capacity,
            self.since,
            draft.ceiling,
            released,
        )

    def state(self, account: Account, observed: AccountState) -> AccountState:
        """Give what one account's IAM should be, and nothing besides."""
        return self._compiled(account, observed)[2]

    def _compiled(self, account: Account, observed: AccountState) -> tuple["_Draft", list[Holding], AccountState]:
        draft = _Draft(self, account, observed)
        self._job_roles(draft)
        timed: list[Holding] = []
        for rota in self._iam.rotas.values():
            if account.name in rota.accounts:
                timed.extend(self._rota(rota, draft))
        timed.extend(self._grants(draft))
        if (laid := self.laid.get(account.name)) is not None:
            draft.lay(laid)
        state = AccountState(
            account.name, account.number, self._users(draft), draft.groups, draft.roles, draft.policies
        )
        return draft, timed, state

    def is_frozen(self, person: str) -> bool:
        """Tell whether somebody is frozen now."""
        return person in self._frozen

    def documents(self, permission_set: str) -> tuple[tuple[Document, ...], tuple[str, ...]]:
        """Give the documents of a permission set that watchbill writes, and the ARNs of AWS's own that go with them."""
        return self._documents[permission_set], self._managed[permission_set]

    @cached_property
    def _standing(self) -> Mapping[str, list[Holding]]:
        found: dict[str, list[Holding]] = {}
        for holding in standing(self._iam):
            found.setdefault(holding.account, []).append(holding)
        return found

    @cached_property
    def _given(self) -> Mapping[str, Mapping[str, set[str]]]:
        """Give the permission sets of each group in each account, groups in the order of the file."""
        found: dict[str, dict[str, set[str]]] = {}
        for group in self._iam.groups.values():
            for access in group.access:
                for account in access.accounts:
                    found.setdefault(account, {}).setdefault(group.name, set()).add(access.permission_set)
        return found

    @cached_property
    def _members(self) -> Mapping[str, tuple[tuple[str, bool], ...]]:
        """Give the members of each group, and whether each is frozen."""
        return {
            name: tuple((person, self.is_frozen(person)) for person in self._iam.members(name))
            for name in self._iam.groups
        }

    def _job_roles(self, draft: "_Draft") -> None:
        """Add the groups of job roles and who is in them; whoever is frozen keeps their user, and is in none."""
        for name, sets in self._given.get(draft.account.name, {}).items():
            arns = [arn for each in sorted(sets) for arn in draft.permissions(each)]
            group = JOB + name
            draft.groups[group] = GroupState(group, PATH, frozenset([*arns, *draft.guards]))
            for person, is_frozen in self._members[name]:
                draft.join(person, None if is_frozen else group)

    def _gaps(self, rota: Rota) -> tuple[Problem, ...]:
        """Give the gaps of a rota, which are the same in all its accounts."""
        if rota.name not in self._missing:
            found = gaps(rota, Interval(self.at, horizon_of(rota, self.at).end))
            said = (f"rota `{rota.name}` has {gap}; add a member, a layer or an override" for gap in found)
            self._missing[rota.name] = tuple(Problem.at("coverage-gap", each, rota.where) for each in said)
        return self._missing[rota.name]

    def windows(self, rota: Rota) -> tuple[Holding, ...]:
        """Give what a rota gives in its horizon, in all its accounts, the frozen left out."""
        if rota.name not in self._windows:
            horizon = horizon_of(rota, self.at)
            every = in_order(on_call(rota, horizon), horizon)
            self._windows[rota.name] = without_frozen(every, self.freezes, horizon)
        return self._windows[rota.name]

    def _rota(self, rota: Rota, draft: "_Draft") -> Iterator[Holding]:
        windows = [h for h in self.windows(rota) if h.account == draft.account.name]
        group = ON_CALL + rota.name
        gates: list[str] = []
        for kind, permission_set in sorted(rota.entitlement.items()):
            mine = [h for h in windows if h.permission_set == permission_set]
            gates.extend(self._on_call_role(rota, draft, kind, mine))
            yield from mine
        draft.groups[group] = GroupState(group, PATH, frozenset(gates))
        for person in rota.people:
            draft.join(person, group if not self.is_frozen(person) else None)

    def _on_call_role(self, rota: Rota, draft: "_Draft", kind: Kind, windows: list[Holding]) -> list[str]:
        """Add the role of one kind with its fence and trust; give the ARNs of its gates."""
        name, permission_set = role_name(rota, kind), self.team.permission_sets[rota.entitlement[kind]]
        if (other := draft.claimed.setdefault(name, rota.name)) != rota.name:
            # Rota `x` has the role `oncall-x-secondary` for its second kind, and rota `x-secondary` for its first.
            message = f"rotas `{other}` and `{rota.name}` would both have the role `{name}`; rename one of them"
            draft.problems.append(Problem.at("name-taken", message, rota.where))
            return []
        if not windows:
            return []
        held = [(draft.user(h.person), h) for h in windows]
        horizon = horizon_of(rota, self.at)
        slices = slices_of(held, horizon)
        attached = [
            *draft.permissions(permission_set.name),
            *draft.family(f"guard-{name}", on_call_statements(draft.account.number, opted_in(permission_set))),
            *draft.family(f"fence-{name}", fence_statements(slices, horizon)),
            draft.freeze,
        ]
        trust = draft.braked(
            name, trust_document([draft.user_arn(user) for user in sorted({user for user, _ in held})])
        )
        arn = draft.role_arn(name)
        draft.roles[name] = RoleState(name, arn, PATH, trust, frozenset(attached), boundary=draft.ceiling)
        return draft.family(f"gate-{name}", gate_statements(slices, horizon, arn))

    def _grants(self, draft: "_Draft") -> Iterator[Holding]:
        ahead = Interval(self.at, self.at + GRANTS_AHEAD)
        of_name = {f"grant {grant.name}": grant for grant in self._iam.grants}
        for holding in in_order(granted(self._iam, ahead), ahead):
            if holding.account != draft.account.name or self.is_frozen(holding.person):
                continue
            grant = of_name[holding.through]
            if self._grant(draft, grant):
                yield replace(holding, interval=grant.interval)

    def _grant(self, draft: "_Draft", grant: Grant) -> bool:
        try:
            documents = granted_documents(self.team.permission_sets[grant.permission_set], grant.interval, self.at)
        except ValueError as error:
            draft.problems.append(Problem.at("unbounded-grant", f"grant `{grant.name}`: {error}", grant.where))
            return False
        group = GRANT + grant.name
        # What is granted may be changes of IAM too, to somebody who has no job role here that guards them.
        arns = [*draft.numbered(group, documents), *draft.guards]
        draft.groups[group] = GroupState(group, PATH, frozenset(arns))
        draft.join(grant.person, group)
        return True

    def _users(self, draft: "_Draft") -> Mapping[str, UserState]:
        """Make a user of everyone who holds or may come to hold something here; the frozen ones quarantined."""
        frozen = {draft.user(person) for person in self._frozen & set(self.team.people)}
        return {name: draft.made(name, frozen=name in frozen) for name in sorted(draft.memberships)}


def without_rotas(compiler: Compiler, names: Collection[str]) -> Compiler:
    """Give a compiler of the same instant for a team without some rotas."""
    rotas = {name: rota for name, rota in compiler.team.rotas.items() if name not in names}
    return Compiler(replace(compiler.team, rotas=rotas), compiler.at, compiler.freezes)


class _Draft:
    """The parts of an account's desired state while they are gathered."""

    def __init__(self, compiler: Compiler, account: Account, observed: AccountState) -> None:
        self.account = account
        self.policies: dict[str, PolicyState] = {}
        self.groups: dict[str, GroupState] = {}
        self.roles: dict[str, RoleState] = {}
        self.families: dict[str, Mapping[int, tuple[Statement, ...]]] = {}
        self.memberships: dict[str, set[str]] = {}
        self.claimed: dict[str, str] = {}
        """By the name of each on-call role the rota that has it."""
        self.problems: list[Problem] = []
        self._compiler = compiler
        self._observed = observed
        self._limit = Limits(observed.quotas).policy
        # IAM does not tell names apart by case, but conditions do: a user is called what it is called in AWS.
        self._spelled = {name.lower(): name for name in observed.users}
        self._users_arn = f"arn:aws:iam::{account.number}:user"

    @property
    def ceiling(self) -> str | None:
        """Give the ARN of the policy that bounds watchbill's roles here."""
        name = self._compiler.team.ceiling
        return name if name is None or name.startswith("arn:") else f"arn:aws:iam::{self.account.number}:policy/{name}"

    @cached_property
    def guards(self) -> list[str]:
        """Add what every job role and every grant is denied; give the ARNs of its policies."""
        team = self._compiler.team
        center = team.identity_center
        here = center is not None and center.account == self.account.name and uses_center(team)
        own = guard_statements(self.account.number, self.takers)
        return self.family("guard-jobs", (*own, *center_statements()) if here else own)

    @cached_property
    def freeze(self) -> str:
        """Add the policy that denies the sessions of whoever is frozen; give its ARN.

        Somebody it names of whom no freeze is known stays in it: that is not watchbill's to lift.
        """
        people = self._compiler.team.people
        known = {self.user(f.person): f.person for f in self._compiler.freezes if f.person in people}
        # One whose end is known is in the fence to the second; this has no time in it.
        open_ = {f.person for f in self._compiler.freezes if f.end is None and f.covers(self._compiler.at)}
        named = {user for user, person in known.items() if person in open_}
        found = self._observed.policies.get(f"arn:aws:iam::{self.account.number}:policy{PATH}{FREEZE_POLICY}")
        there = {} if found is None else found.document
        others = frozen_by(there) - set(known)
        return self.policy(FREEZE_POLICY, freeze_document(named | others, brakes_of_freeze(there)))

    def made(self, name: str, *, frozen: bool) -> UserState:
        """Make a user of what was gathered; a frozen one is denied everything as they are now, or by watchbill's name.

        A plan that finds no deny writes one that it can tell from somebody else's when the freeze is over.
        """
        path = self.path_of(name)
        arn = f"{self._users_arn}{path}{name}"
        user = UserState(name, arn, path, frozenset(self.memberships[name]))
        if not frozen:
            return user
        there = self._observed.users.get(name, user)
        match form_of(there) or form_for(there, self._observed.quotas, (Form.ATTACHED,)):
            case Form.ATTACHED:
                return replace(user, attached=frozenset([DENY_ALL]))
            case Form.INLINE:
                return replace(user, inline={QUARANTINE: deny_all()})
            case Form.BOUNDARY:
                return replace(user, boundary=DENY_ALL)

    @cached_property
    def takers(self) -> Mapping[str, Collection[str]]:
        """Give the users who may come to take each on-call role of the account."""
        return {
            role_name(rota, kind): sorted({self.user(person) for person in rota.people})
            for rota in self._compiler.team.rotas.values()
            if rota.by is By.IAM and self.account.name in rota.accounts
            for kind in rota.entitlement
        }

    @cached_property
    def _placed(self) -> Mapping[str, Mapping[int, tuple[Statement, ...]]]:
        found: dict[str, dict[int, tuple[Statement, ...]]] = {}
        for policy in self._observed.policies.values():
            if (place := place_of(policy)) is not None:
                found.setdefault(place[0], {})[place[1]] = statements_of(policy.document)
        return found

    @cached_property
    def _brakes(self) -> Mapping[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for policy in self._observed.policies.values():
            if (place := place_of(policy)) is not None:
                found.setdefault(place[0], []).extend(brakes_of(policy.document))
        return found

    def user(self, person: str) -> str:
        """Give the name of somebody's IAM user, as AWS spells it."""
        name, folded = self._compiler.iam_users[person]
        return self._spelled.get(folded, name)

    def user_arn(self, name: str) -> str:
        """Give the ARN of a user: where it is, or where it will be made."""
        return f"{self._users_arn}{self.path_of(name)}{name}"

    def path_of(self, name: str) -> str:
        """Give the path of a user; one that was there before watchbill keeps its own."""
        found = self._observed.users.get(name)
        return PATH if found is None else found.path

    def role_arn(self, name: str) -> str:
        """Give the ARN of a role of watchbill's."""
        return f"arn:aws:iam::{self.account.number}:role{PATH}{name}"

    def braked(self, role: str, trust: Document) -> Document:
        """Add to a trust what others deny in it: a person takes that out, no plan."""
        found = self._observed.roles.get(role)
        brakes = () if found is None or found.path != PATH else brakes_of_trust(found.trust)
        return {**trust, "Statement": [*trust["Statement"], *brakes]}

    def join(self, person: str, group: str | None) -> None:
        """Put somebody into a group, or say that they need a user and no more."""
        groups = self.memberships.setdefault(self.user(person), set())
        if group is not None:
            groups.add(group)

    def policy(self, name: str, written: Document) -> str:
        """Add a policy; give its ARN."""
        arn = f"arn:aws:iam::{self.account.number}:policy{PATH}{name}"
        there = self.policies.get(arn)
        if there is not None and there.document is not written and there.document != written:
            # A large set `x` has a second policy `set-x-2`, and a set `x-2` its first.
            message = f"two sets, or two grants, of the team file would both have the policy `{name}`; rename one"
            self.problems.append(Problem("name-taken", message))
        self.policies[arn] = PolicyState(arn, name, PATH, written)
        return arn

    def numbered(self, name: str, documents: Iterable[Document]) -> list[str]:
        """Add policies that belong together, the first without a number; give their ARNs."""
        return [
            self.policy(name if number == 1 else f"{name}-{number}", written)
            for number, written in enumerate(documents, start=1)
        ]

    def permissions(self, permission_set: str) -> list[str]:
        """Add the policies of a permission set; give their ARNs and those of AWS's own that go with them."""
        documents, managed = self._compiler.documents(permission_set)
        return [*self.numbered(SET + permission_set, documents), *managed]

    def lay(self, laid: "Laid") -> None:
        """Add the policies that permission sets of Identity Center refer to."""
        for name in laid.permission_sets:
            self.permissions(name)
        for name, packed in laid.families.items():
            self._packed(name, packed)
        for policy in self._observed.policies.values():
            if policy.path == PATH and policy.name in laid.kept:
                self.policies[policy.arn] = policy
                if (place := place_of(policy)) is not None:
                    there = statements_of(policy.document)
                    self.families[place[0]] = {**self.families.get(place[0], {}), place[1]: there}

    def family(self, name: str, statements: Sequence[Statement]) -> list[str]:
        """Add the policies that hold some statements, each left where it lies; give their ARNs."""
        brakes = self._brakes.get(name, ())
        try:
            packed = pack([*statements, *brakes], self._placed.get(name, {}), self._limit, self._compiler.since)
        except TooLargeError as error:
            self.problems.append(Problem("quota", f"policy `{name}` does not fit: {error}, AWS allows {self._limit}"))
            return []
        return self._packed(name, packed)

    def _packed(self, name: str, packed: Mapping[int, tuple[Statement, ...]]) -> list[str]:
        self.families[name] = packed
        return [self.policy(f"{name}-{number}", document(held)) for number, held in packed.items()]


def _since(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC) - timedelta(days=1)
