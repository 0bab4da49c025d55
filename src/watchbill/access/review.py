"""What a reviewer must know of a plan besides its changes: what stops it, and what to think about."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from watchbill.access.compile import Compiled, opted_in, tag_of
from watchbill.access.documents import document
from watchbill.access.drift import Foreign
from watchbill.access.entitlements import role_name
from watchbill.access.guards import outlive_statements
from watchbill.access.invariants import Finding, InvariantError, Prover, read_invariant
from watchbill.access.limits import Limits
from watchbill.access.model import PATH, QUARANTINE, AccountState, Document, Plan, UserState, Verb, is_ours
from watchbill.access.outlive import Outliving, can_outlive, unknown_names
from watchbill.access.permissions import known_documents, managed_arns, permission_problems
from watchbill.access.quarantine import Form, form_for, form_of
from watchbill.access.risks import risks_of
from watchbill.access.shells import not_opted_in
from watchbill.access.ways import Ways
from watchbill.errors import Problem
from watchbill.policy.prove import Counterexample, Proof
from watchbill.policy.statements import PolicyError, parse_policy
from watchbill.team.model import Claim, PermissionSet, Team


def set_problems(team: Team, observed: Iterable[AccountState]) -> Iterator[Problem]:
    """Give what is wrong with the permission sets of a file that the file alone does not show.

    A policy that AWS lists no more cannot be attached anew; where it is attached already, it goes on to hold.
    """
    attached: set[str] = set()
    for state in observed:
        for group in state.groups.values():
            attached |= group.attached
        for role in state.roles.values():
            attached |= role.attached
    for permissions in team.permission_sets.values():
        held = attached.issuperset(managed_arns(permissions))
        yield from (p for p in permission_problems(permissions) if not (held and p.code == "managed-policy-gone"))
        yield from unknown_names(permissions.may_outlive, permissions.where)


def taken_names(team: Team, compiled: Compiled, observed: AccountState) -> Iterator[Problem]:
    """Give the names that watchbill needs and that something of others has: IAM has each name once in an account."""
    desired = compiled.state
    own = [p for p in observed.policies.values() if ":iam::aws:" not in p.arn]
    for kind, wanted, there in (
        ("group", desired.groups, [(each.name, each.path) for each in observed.groups.values()]),
        ("role", desired.roles, [(each.name, each.path) for each in observed.roles.values()]),
        ("policy", {p.name for p in desired.policies.values()}, [(each.name, each.path) for each in own]),
    ):
        foreign = {name.lower(): path for name, path in there if path != PATH}
        for name in wanted:
            if (path := foreign.get(name.lower())) is not None:
                message = f"{kind} `{name}` is there in account `{desired.account}` under the path {path}"
                yield Problem("name-taken", f"{message}: rename it there, or what it is for in the team file")
    users, roles = observed.users.values(), observed.roles.values()
    owners = {u.team for u in users if u.path == PATH} | {r.team for r in roles if r.path == PATH}
    for owner in sorted(each for each in owners if each not in (None, tag_of(team.name))):
        message = f"account `{desired.account}` is in the hands of the file of team `{owner}`"
        yield Problem("another-team", f"{message}: two files would undo each other; put both teams into one file")


def account_warnings(team: Team, compiled: Compiled, observed: AccountState) -> Iterator[Problem]:
    """Give what to think about in one account: who could not come in, and what was not read."""
    account = compiled.state.account
    for layer in (*observed.unread, *observed.unread_bounds):
        yield Problem("not-read", f"account `{account}`: {layer}")
    taking = {h.person for h in compiled.holdings if h.through.startswith("rota ")}
    # IAM does not tell names apart by case.
    mfa = {name.lower(): has for name, has in observed.mfa.items()}
    users = {name.lower(): user for name, user in observed.users.items()}
    for person in sorted(taking):
        if mfa.get(team.people[person].iam_user.lower()) is False:
            message = f"`{person}` has no MFA device in account `{account}` and cannot take the on-call role"
            yield Problem.at("no-mfa", message, team.people[person].where)
    yield from _no_room(team, observed)
    for each in team.break_glass:
        if account not in each.accounts:
            continue
        user = users.get(each.iam_user.lower())
        if user is None:
            message = f"break-glass user `{each.iam_user}` is not in account `{account}`: make it by hand, and seal it"
            yield Problem.at("no-break-glass", message, each.where)
        elif mfa.get(user.name.lower()) is False:
            message = f"break-glass user `{each.iam_user}` has no MFA device in account `{account}`"
            yield Problem.at("no-mfa", message, each.where)
        elif user.path == PATH:
            message = f"break-glass user `{each.iam_user}` lies under {PATH}: it must not depend on watchbill"
            yield Problem.at("no-break-glass", message, each.where)


def _no_room(team: Team, observed: AccountState) -> Iterator[Problem]:
    """Say whose freeze would have to replace a permissions boundary, while there is time to make room."""
    slots = Limits(observed.quotas).of("AttachedPoliciesPerUserQuota")
    crowded = [user for user in observed.users.values() if len(user.attached) >= slots]
    people = {person.iam_user.lower(): person for person in team.people.values()} if crowded else {}
    for user in crowded:
        person = people.get(user.name.lower())
        if person is None or form_of(user) is not None or form_for(user, observed.quotas) is not Form.BOUNDARY:
            continue
        message = (
            f"a freeze of `{person.name}` in account `{observed.account}` would replace their permissions boundary: the"
            " user has no room for a policy, attached or inline"
        )
        yield Problem.at("no-room-to-freeze", message, person.where)


def set_warnings(team: Team, touched: Collection[str], at: datetime) -> Iterator[Problem]:
    """Give what is risky in the permission sets that a plan makes or changes, and what outlives a shift in any."""
    on_call = _on_call_sets(team)
    anyhow = {access.permission_set for group in team.groups.values() for access in group.access}
    anyhow |= {grant.permission_set for grant in team.grants}
    for name, permissions in team.permission_sets.items():
        if name in touched:
            guarded = name in on_call and name not in anyhow
            guard = [document(outlive_statements(opted_in(permissions)))] if guarded else []
            yield from risks_of(permissions, at, guard)
    for name, roles in on_call.items():
        permissions = team.permission_sets[name]
        if permissions.shells is not None and (missing := not_opted_in(permissions.shells, permissions.may_outlive)):
            message = f"the shells of `{name}` are denied on call: an open one outlives the shift"
            hint = f"name {' and '.join(missing)} under its `may_outlive` if they are to work"
            yield Problem.at("shells-denied", f"{message}; {hint}", permissions.where)
        said = [f"{each.name} ({each.lasts})" for each in _outliving(permissions, at)]
        if said:
            message = f"what is done as {' or '.join(roles)} can outlive the shift: {', '.join(said)}"
            yield Problem.at("outlives", message, permissions.where)


def on_call_roles(team: Team, account: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give the on-call roles of an account, each with what its permission set may do that outlives a shift."""
    for rota in team.rotas.values():
        if account in rota.accounts:
            for kind, permission_set in rota.entitlement.items():
                yield role_name(rota, kind), tuple(opted_in(team.permission_sets[permission_set]))


def _on_call_sets(team: Team) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for rota in team.rotas.values():
        for kind, permission_set in rota.entitlement.items():
            found.setdefault(permission_set, []).append(role_name(rota, kind))
    return found


def _outliving(permissions: PermissionSet, at: datetime) -> tuple[Outliving, ...]:
    if tuple(unknown_names(permissions.may_outlive, permissions.where)):
        return ()
    said = msgspec.json.encode(known_documents(permissions, at)[0])
    asks_time = any(key in said.lower() for key in _TIMES)
    return _given(said, permissions.may_outlive, at if asks_time else _WHENEVER)


_TIMES = (b"aws:currenttime", b"aws:epochtime")
_WHENEVER = datetime(2026, 1, 1, tzinfo=UTC)
"""Stands for every instant, for documents that do not ask for the time: they say the same at all."""


@lru_cache(maxsize=256)
def _given(said: bytes, may_outlive: tuple[str, ...], at: datetime) -> tuple[Outliving, ...]:
    """Give what documents let outlive a shift; kept, as each plan asks it of sets that seldom change."""
    try:
        policies = [parse_policy(written, "") for written in msgspec.json.decode(said)]
    except PolicyError:
        return ()  # `permission_problems` says so
    return tuple(each for each, _actions in can_outlive(policies, may_outlive, at))


def invariants_held(
    team: Team, desired: Mapping[str, AccountState], come: Mapping[str, AccountState]
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Prove the invariants of a file, by account; give what stops a plan, and what is to be thought about.

    What the file itself breaks stops it. What is broken only together with what others have there (`come`) does not:
    no plan of ours made it, and one that was held up would let the watch run out. Nor does what is not known.
    """
    stops: list[Problem] = []
    told: list[Problem] = []
    own = Prover(team, {name: Ways(state) for name, state in desired.items()})
    whole = Prover(team, {name: Ways(state) for name, state in come.items()})
    for claim in team.invariants:
        try:
            invariant = read_invariant(claim.text, team)
        except InvariantError as error:
            stops.append(Problem.at("bad-invariant", str(error), claim.where))
            continue
        broken, _ = _against(claim, own.prove(invariant))
        if broken is not None:
            stops.append(broken)
        else:
            told.extend(each for each in _against(claim, whole.prove(invariant)) if each is not None)
    return tuple(stops), tuple(told)


def _against(claim: Claim, findings: Iterable[Finding]) -> tuple[Problem | None, Problem | None]:
    """Give what breaks an invariant, if anything does, and what keeps it from being proven."""
    unknown: Problem | None = None
    for found in findings:
        if isinstance(found.answer, Counterexample):
            asked = found.answer.request
            way = f"`{found.person}` may {asked.action} on {asked.resource} in `{found.account}` by {found.way}"
            return Problem.at("invariant-broken", f"`{claim.text}` does not hold: {way}", claim.where), None
        if not isinstance(found.answer, Proof) and unknown is None:
            message = f"`{claim.text}` is not proven: {found.answer.why}"
            unknown = Problem.at("invariant-not-known", message, claim.where)
    return None, unknown


def after(desired: AccountState, observed: AccountState, foreign: Iterable[Foreign]) -> AccountState:
    """Give what an account comes to be by a plan: what is desired, and what others have there and is not undone."""
    gone = {(f.kind, f.name, f.what) for f in foreign if f.healed}
    users = {user.name: _user_after(user, desired, observed, gone) for user in observed.users.values()}
    users |= {name: user for name, user in desired.users.items() if name not in users}
    groups = {n: g for n, g in observed.groups.items() if g.path != PATH}
    for name, group in desired.groups.items():
        there = observed.groups.get(name)
        left = {} if there is None else _left("group", name, there.inline, gone)
        others = frozenset() if there is None else _kept("group", name, there.attached, gone)
        groups[name] = replace(group, attached=group.attached | others, inline=left)
    roles = {n: r for n, r in observed.roles.items() if r.path != PATH}
    for name, role in desired.roles.items():
        found = observed.roles.get(name)
        left = {} if found is None else _left("role", name, found.inline, gone)
        others = frozenset() if found is None else _kept("role", name, found.attached, gone)
        boundary = role.boundary or (found.boundary if found is not None else None)
        roles[name] = replace(role, attached=role.attached | others, inline=left, boundary=boundary)
    policies = {arn: p for arn, p in observed.policies.items() if p.path != PATH} | dict(desired.policies)
    return replace(observed, users=users, groups=groups, roles=roles, policies=policies)


_FEW, _SHARE = 10, 0.25


def too_large(plan: Plan, team: Team) -> Problem | None:
    """Give why a plan must not be applied without a word that it is meant: it reaches more people than edits do.

    Counted is who loses anything, or gains something for good. Those who come to be on call are not: that is every day.
    """
    people = {e.person for e in plan.effects if e.verb is Verb.LOSES or e.interval is None}
    most = max(_FEW, int(_SHARE * len(team.people)))
    if len(people) <= most:
        return None
    message = f"the plan changes what {len(people)} people may do, more than {most} at once"
    return Problem("large-plan", f"{message}: look at it, then apply it with --allow-large")


_Gone = Collection[tuple[str, str, str]]


def _user_after(user: UserState, desired: AccountState, observed: AccountState, gone: _Gone) -> UserState:
    wanted = desired.users.get(user.name)
    ours = wanted.groups if wanted is not None else frozenset[str]()
    theirs = {n for n in user.groups if n not in observed.groups or observed.groups[n].path != PATH}
    groups = ours | {name for name in theirs if ("user", user.name, name) not in gone}
    inline = _left("user", user.name, user.inline, gone)
    inline = {k: v for k, v in inline.items() if k != QUARANTINE} | dict(wanted.inline if wanted is not None else {})
    attached = frozenset(arn for arn in user.attached if ("user", user.name, arn) not in gone)
    attached |= wanted.attached if wanted is not None else frozenset()
    boundary = (wanted.boundary if wanted is not None else None) or user.boundary
    return replace(user, groups=frozenset(groups), inline=inline, attached=attached, boundary=boundary)


def _left(kind: str, name: str, inline: Mapping[str, Document], gone: _Gone) -> dict[str, Document]:
    return {key: written for key, written in inline.items() if (kind, name, key) not in gone}


def _kept(kind: str, name: str, attached: Iterable[str], gone: _Gone) -> frozenset[str]:
    return frozenset(arn for arn in attached if not is_ours(arn) and (kind, name, arn) not in gone)
