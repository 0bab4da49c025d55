"""Compile the team file to the IAM that one account should have at an instant: the desired state.

Only objects under watchbill's path are in it. The horizon of a rota is counted from the UTC midnight before `at`, so
that two plans of one day are equal and access rolls forward once a day; it reaches a day back, so that a window in
progress is not cut at midnight. Limits of AWS are checked here, before any call.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from watchbill.access.documents import (
    POLICY_LIMIT,
    TRUST_LIMIT,
    deny_all,
    fence_documents,
    gate_documents,
    size,
    trust_document,
)
from watchbill.access.entitlements import granted, in_order, is_frozen, on_call, role_name, standing, without_frozen
from watchbill.access.model import (
    PATH,
    QUARANTINE,
    AccountState,
    Document,
    Freeze,
    GroupState,
    Holding,
    PolicyState,
    RoleState,
    UserState,
)
from watchbill.access.permissions import granted_documents, own_documents
from watchbill.errors import Problem
from watchbill.intervals import Interval
from watchbill.schedule.oncall import gaps
from watchbill.team.model import Account, Kind, PermissionSet, Rota, Team


ATTACHED_LIMIT = 10
"""Managed policies attached to a group (not adjustable) or, by default, to a role (IAM and STS quotas)."""

GROUPS_LIMIT = 10
"""Groups that one user may be in (IAM and STS quotas; not adjustable)."""


_GRANTS_AHEAD = timedelta(days=366)
"""How far ahead of its beginning a grant is written."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The desired state of one account, with what it gives to whom and what stands in its way."""

    state: AccountState
    holdings: tuple[Holding, ...]
    problems: tuple[Problem, ...]


class _Draft:
    """The parts of a desired state while they are gathered."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.policies: dict[str, PolicyState] = {}
        self.groups: dict[str, GroupState] = {}
        self.roles: dict[str, RoleState] = {}
        self.memberships: dict[str, set[str]] = {}
        self.user_policies: dict[str, set[str]] = {}
        self.problems: list[Problem] = []

    def policy(self, name: str, document: Document) -> str:
        arn = f"arn:aws:iam::{self.account.number}:policy{PATH}{name}"
        self.policies[arn] = PolicyState(arn, name, PATH, document)
        return arn

    def numbered(self, name: str, documents: Iterable[Document]) -> Iterator[str]:
        for number, document in enumerate(documents, start=1):
            yield self.policy(name if number == 1 else f"{name}-{number}", document)

    def permissions(self, permissions: PermissionSet) -> Iterator[str]:
        yield from self.numbered(permissions.name, own_documents(permissions))

    def role_arn(self, name: str) -> str:
        return f"arn:aws:iam::{self.account.number}:role{PATH}{name}"

    def user_arn(self, name: str) -> str:
        return f"arn:aws:iam::{self.account.number}:user{PATH}{name}"


def horizon_of(rota: Rota, at: datetime) -> Interval:
    """Give the span for which a plan made at an instant writes access."""
    midnight = datetime.combine(at.astimezone(UTC).date(), time(), UTC)
    return Interval(midnight - timedelta(days=1), midnight + rota.horizon)


def compile_account(team: Team, account: Account, at: datetime, freezes: Collection[Freeze] = ()) -> Compiled:
    """Give what the account's IAM should be, as far as watchbill owns it."""
    draft = _Draft(account)
    held = [h for h in standing(team) if h.account == account.name and not is_frozen(h.person, freezes, at)]
    _job_roles(team, draft, held)
    for rota in team.rotas.values():
        if account.name in rota.accounts:
            held.extend(_rota(team, rota, draft, at, freezes))
    held.extend(_grants(team, draft, at, freezes))
    users = _users(team, draft, at, freezes)
    draft.problems.extend(_limits(draft, users))
    state = AccountState(account.name, account.number, users, draft.groups, draft.roles, draft.policies)
    return Compiled(state, tuple(held), tuple(draft.problems))


def _job_roles(team: Team, draft: _Draft, held: Iterable[Holding]) -> None:
    for group in team.groups.values():
        sets = sorted({a.permission_set for a in group.access if draft.account.name in a.accounts})
        if sets:
            arns = [arn for name in sets for arn in draft.permissions(team.permission_sets[name])]
            draft.groups[group.name] = GroupState(group.name, PATH, frozenset(arns))
    for holding in held:
        draft.memberships.setdefault(_iam_user(team, holding.person), set()).add(holding.through.removeprefix("group "))


def _rota(team: Team, rota: Rota, draft: _Draft, at: datetime, freezes: Collection[Freeze]) -> Iterator[Holding]:
    horizon = horizon_of(rota, at)
    for gap in gaps(rota, Interval(at, horizon.end)):
        message = f"rota `{rota.name}` has {gap}; add a member, a layer or an override"
        draft.problems.append(Problem.at("coverage-gap", message, rota.where))
    every = [h for h in in_order(on_call(rota, horizon), horizon) if h.account == draft.account.name]
    free = [h for h in without_frozen(every, freezes, horizon) if h.interval is not None]
    group = f"oncall-{rota.name}"
    gates: list[str] = []
    for kind, permission_set in sorted(rota.entitlement.items()):
        mine = [h for h in free if h.permission_set == permission_set]
        gates.extend(_on_call_role(team, rota, draft, kind, [(_iam_user(team, h.person), h) for h in mine]))
        yield from mine
    draft.groups[group] = GroupState(group, PATH, frozenset(gates))
    for person in rota.people:
        user = _iam_user(team, person)
        draft.memberships.setdefault(user, set())
        if not is_frozen(person, freezes, at):
            draft.memberships[user].add(group)


def _on_call_role(
    team: Team, rota: Rota, draft: _Draft, kind: Kind, windows_of: list[tuple[str, Holding]]
) -> Iterator[str]:
    """Add the role of one kind with its fence and trust; give the ARNs of its gates."""
    name = role_name(rota, kind)
    permission_set = rota.entitlement[kind]
    horizon = _covering(windows_of, rota)
    members = sorted({user for user, _ in windows_of})
    if not members or horizon is None:
        return
    attached = [*draft.permissions(team.permission_sets[permission_set])]
    for number, document in enumerate(fence_documents(windows_of, horizon), start=1):
        attached.append(draft.policy(f"fence-{name}-{number}", document))
    trust = trust_document([draft.user_arn(user) for user in members])
    draft.roles[name] = RoleState(name, draft.role_arn(name), PATH, trust, frozenset(attached))
    for number, document in enumerate(gate_documents(windows_of, draft.role_arn(name)), start=1):
        yield draft.policy(f"gate-{name}-{number}", document)


def _covering(windows_of: Iterable[tuple[str, Holding]], rota: Rota) -> Interval | None:
    """Give the span from the first window's start to the last one's end: outside it the fence denies everyone."""
    spans = [holding.interval for _, holding in windows_of if holding.interval is not None]
    return Interval(min(s.start for s in spans), max(s.end for s in spans)) if spans else None


def _grants(team: Team, draft: _Draft, at: datetime, freezes: Collection[Freeze]) -> Iterator[Holding]:
    for holding in in_order(granted(team, Interval(at, at + _GRANTS_AHEAD)), Interval(at, at + _GRANTS_AHEAD)):
        if holding.account != draft.account.name:
            continue
        grant = next(g for g in team.grants if f"grant {g.name}" == holding.through)
        if is_frozen(holding.person, freezes, at):
            continue
        permissions = team.permission_sets[holding.permission_set]
        try:
            documents = granted_documents(permissions, grant.interval)
        except ValueError as error:
            draft.problems.append(Problem.at("unbounded-grant", f"grant `{grant.name}`: {error}", grant.where))
            continue
        user = _iam_user(team, holding.person)
        draft.user_policies.setdefault(user, set()).update(draft.numbered(f"grant-{grant.name}", documents))
        draft.memberships.setdefault(user, set())
        yield replace(holding, interval=grant.interval)


def _users(team: Team, draft: _Draft, at: datetime, freezes: Collection[Freeze]) -> Mapping[str, UserState]:
    """Make a user of everyone who holds or may come to hold something here; the frozen ones quarantined."""
    names = set(draft.memberships) | set(draft.user_policies)
    for person in {freeze.person for freeze in freezes if freeze.covers(at)} & set(team.people):
        if any(
            draft.account.name in a.accounts
            for h in team.groups.values()
            for a in h.access
            if person in team.members(h.name)
        ):
            names.add(_iam_user(team, person))
    frozen = {_iam_user(team, f.person) for f in freezes if f.covers(at) and f.person in team.people}
    return {
        name: UserState(
            name,
            draft.user_arn(name),
            PATH,
            frozenset(draft.memberships.get(name, ())),
            frozenset(draft.user_policies.get(name, ())),
            {QUARANTINE: deny_all()} if name in frozen else {},
        )
        for name in sorted(names)
    }


def _limits(draft: _Draft, users: Mapping[str, UserState]) -> Iterator[Problem]:
    for policy in draft.policies.values():
        if (length := size(policy.document)) > POLICY_LIMIT:
            yield _too_large(f"policy `{policy.name}`", f"{length} characters", f"{POLICY_LIMIT}")
    for role in draft.roles.values():
        if (length := size(role.trust)) > TRUST_LIMIT:
            yield _too_large(f"the trust policy of role `{role.name}`", f"{length} characters", f"{TRUST_LIMIT}")
    for kind, name, count, limit in (
        *(("group", g.name, len(g.attached), ATTACHED_LIMIT) for g in draft.groups.values()),
        *(("role", r.name, len(r.attached), ATTACHED_LIMIT) for r in draft.roles.values()),
        *(("user", u.name, len(u.groups), GROUPS_LIMIT) for u in users.values()),
    ):
        if count > limit:
            what = "groups" if kind == "user" else "attached policies"
            yield _too_large(f"{kind} `{name}` in account `{draft.account.name}`", f"{count} {what}", f"{limit}")


def _too_large(what: str, count: str, limit: str) -> Problem:
    return Problem("quota", f"{what} would have {count}, AWS allows {limit}; shorten the horizon or split the rota")


def _iam_user(team: Team, person: str) -> str:
    return team.people[person].iam_user
