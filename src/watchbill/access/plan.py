"""Work out what to change, without changing it.

A plan is data: printed, stored, reviewed, applied later by another process. It is shown first as who gains and loses
what and when, read from the documents themselves, then as the calls. Only what lies under watchbill's path is
changed; what was put onto it or beside it by others is shown as drift.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from watchbill.access.compile import Compiled, compile_account
from watchbill.access.model import (
    PATH,
    QUARANTINE,
    REVOKE,
    AccountState,
    Call,
    Change,
    Document,
    Drift,
    Effect,
    Freeze,
    GroupState,
    Holding,
    Phase,
    Plan,
    PolicyState,
    RoleState,
    UserState,
    Verb,
)
from watchbill.access.readback import holdings_of
from watchbill.errors import Problem
from watchbill.intervals import Interval, iso, subtract
from watchbill.team.model import Team


VERSIONS_KEPT = 5
"""Versions of a managed policy that AWS keeps (IAM and STS quotas)."""


def make_plan(team: Team, observed: Mapping[str, AccountState], at: datetime, freezes: Collection[Freeze] = ()) -> Plan:
    """Compare what the team file gives at an instant with what AWS has, by account name."""
    changes: list[Change] = []
    effects: list[Effect] = []
    drift: list[Drift] = []
    problems: list[Problem] = []
    for name, state in sorted(observed.items()):
        compiled = compile_account(team, team.accounts[name], at, freezes)
        changes.extend(_changes(compiled, state))
        effects.extend(_effects(team, compiled, state, at))
        drift.extend(find_drift(compiled.state, state))
        problems.extend(compiled.problems)
    changes.sort(key=lambda change: change.phase)
    digest = state_digest(observed)
    identity = json.dumps([team.digest, digest, iso(at), [_plain(change) for change in changes]], sort_keys=True)
    return Plan(
        hashlib.sha256(identity.encode()).hexdigest()[:12],
        at,
        team.digest,
        digest,
        tuple(sorted(effects, key=lambda e: (e.person, e.verb, e.account, str(e.interval or ""), e.permission_set))),
        tuple(changes),
        tuple(drift),
        tuple(problems),
    )


def state_digest(observed: Mapping[str, AccountState]) -> str:
    """Give the SHA-256 of an observed state, by which a plan knows that AWS has moved since it was made."""
    return hashlib.sha256(json.dumps(_plain(observed), sort_keys=True).encode()).hexdigest()


def find_drift(desired: AccountState, observed: AccountState) -> Iterator[Drift]:
    """Give what others put onto watchbill's users, groups and roles, which no plan removes."""
    owned_roles = [role for role in observed.roles.values() if role.path == PATH]
    owned_groups = [group for group in observed.groups.values() if group.path == PATH]
    for user in observed.users.values():
        if user.path != PATH:
            continue
        if user.name not in desired.users:
            yield Drift(observed.account, user.arn, f"user {user.name} is in no team file", None)
        yield from _foreign(observed, user.arn, f"user {user.name}", user.attached, user.inline)
        for group in sorted(user.groups):
            if (found := observed.groups.get(group)) is not None and found.path != PATH:
                what = f"user {user.name} is in group {group}, which the team file does not declare"
                yield Drift(observed.account, user.arn, what, None)
    for group_state in owned_groups:
        arn = f"arn:aws:iam::{observed.number}:group{PATH}{group_state.name}"
        yield from _foreign(observed, arn, f"group {group_state.name}", group_state.attached, group_state.inline)
    for role in owned_roles:
        yield from _foreign(observed, role.arn, f"role {role.name}", role.attached, role.inline)


def _foreign(
    observed: AccountState, arn: str, who: str, attached: Iterable[str], inline: Mapping[str, Document]
) -> Iterator[Drift]:
    for policy in sorted(attached):
        if not _is_owned_policy(policy):
            yield Drift(observed.account, arn, f"{who} has policy {policy} attached, not from the team file", policy)
    for name in sorted(inline):
        if name != QUARANTINE and not name.startswith(REVOKE):
            yield Drift(observed.account, arn, f"{who} has inline policy {name}, not from the team file", name)


def _is_owned_policy(arn: str) -> bool:
    return f":policy{PATH}" in arn


def _changes(compiled: Compiled, observed: AccountState) -> Iterator[Change]:
    desired = compiled.state
    make = _Maker(desired.account)
    yield from _policy_changes(make, desired, observed)
    yield from _group_changes(make, desired, observed)
    yield from _role_changes(make, desired, observed)
    for user in desired.users.values():
        yield from _user_changes(make, user, observed.users.get(user.name))
    for user in observed.users.values():
        if user.path == PATH and user.name not in desired.users:
            yield from _leaver_changes(make, user, observed)


class _Maker:
    """Makes the changes of one account."""

    def __init__(self, account: str) -> None:
        self._account = account

    def __call__(self, phase: Phase, operation: str, why: str, **parameters: Any) -> Change:
        return Change(self._account, phase, Call(operation, parameters), why)


def _policy_changes(make: _Maker, desired: AccountState, observed: AccountState) -> Iterator[Change]:
    for arn, policy in desired.policies.items():
        found = observed.policies.get(arn)
        if found is None:
            yield make(
                Phase.PREPARE,
                "CreatePolicy",
                f"{policy.name} is in the team file",
                PolicyName=policy.name,
                Path=policy.path,
                PolicyDocument=_text(policy.document),
            )
        elif found.document != policy.document:
            yield from _new_version(make, policy, found)
    for arn, policy in observed.policies.items():
        if policy.path == PATH and arn not in desired.policies:
            why = f"{policy.name} is no longer in the team file"
            for version in policy.versions:
                yield make(Phase.TIDY, "DeletePolicyVersion", why, PolicyArn=arn, VersionId=version)
            yield make(Phase.TIDY, "DeletePolicy", why, PolicyArn=arn)


def _new_version(make: _Maker, policy: PolicyState, found: PolicyState) -> Iterator[Change]:
    # A fence goes first, so that nothing is given before it is denied outside the windows.
    phase = Phase.FENCE if policy.name.startswith("fence-") else Phase.GRANT
    why = f"{policy.name} has changed"
    for version in found.versions[: max(0, len(found.versions) + 2 - VERSIONS_KEPT)]:
        yield make(phase, "DeletePolicyVersion", why, PolicyArn=policy.arn, VersionId=version)
    yield make(
        phase,
        "CreatePolicyVersion",
        why,
        PolicyArn=policy.arn,
        PolicyDocument=_text(policy.document),
        SetAsDefault=True,
    )


def _group_changes(make: _Maker, desired: AccountState, observed: AccountState) -> Iterator[Change]:
    for group in desired.groups.values():
        found = observed.groups.get(group.name)
        if found is None:
            why = f"group {group.name} is in the team file"
            yield make(Phase.PREPARE, "CreateGroup", why, GroupName=group.name, Path=PATH)
        have = found.attached if found else frozenset[str]()
        yield from _attachments(make, "Group", group.name, group.attached, have, (Phase.REVOKE, Phase.GRANT))
    for group in observed.groups.values():
        if group.path == PATH and group.name not in desired.groups:
            why = f"group {group.name} is no longer in the team file"
            for user in sorted(u.name for u in observed.users.values() if group.name in u.groups):
                yield make(Phase.REVOKE, "RemoveUserFromGroup", why, GroupName=group.name, UserName=user)
            yield from _attachments(make, "Group", group.name, frozenset(), group.attached, (Phase.REVOKE, Phase.GRANT))
            if not group.inline and all(_is_owned_policy(arn) for arn in group.attached):
                yield make(Phase.TIDY, "DeleteGroup", why, GroupName=group.name)


def _role_changes(make: _Maker, desired: AccountState, observed: AccountState) -> Iterator[Change]:
    for role in desired.roles.values():
        found = observed.roles.get(role.name)
        if found is None:
            why = f"role {role.name} is in the team file"
            yield make(
                Phase.ROLE,
                "CreateRole",
                why,
                RoleName=role.name,
                Path=PATH,
                AssumeRolePolicyDocument=_text(role.trust),
            )
        elif found.trust != role.trust:
            yield make(
                Phase.ROLE,
                "UpdateAssumeRolePolicy",
                f"who may assume {role.name} has changed",
                RoleName=role.name,
                PolicyDocument=_text(role.trust),
            )
        yield from _role_attachments(make, role, found)
    for role in observed.roles.values():
        if role.path == PATH and role.name not in desired.roles:
            yield from _role_removal(make, role)


def _role_attachments(make: _Maker, role: RoleState, found: RoleState | None) -> Iterator[Change]:
    """Attach fences before permissions, and detach permissions before fences."""
    have = found.attached if found else frozenset[str]()
    fences, rest = _split(role.attached)
    old_fences, old_rest = _split(have)
    first = Phase.FENCE if found else Phase.ROLE
    yield from _attachments(make, "Role", role.name, fences, old_fences, (Phase.UNFENCE, first))
    yield from _attachments(make, "Role", role.name, rest, old_rest, (Phase.REVOKE, Phase.GRANT))


def _role_removal(make: _Maker, role: RoleState) -> Iterator[Change]:
    why = f"role {role.name} is no longer in the team file"
    fences, rest = _split(role.attached)
    yield from _attachments(make, "Role", role.name, frozenset(), rest, (Phase.REVOKE, Phase.GRANT))
    yield from _attachments(make, "Role", role.name, frozenset(), fences, (Phase.UNFENCE, Phase.GRANT))
    if not role.inline and all(_is_owned_policy(arn) for arn in role.attached):
        yield make(Phase.TIDY, "DeleteRole", why, RoleName=role.name)


def _split(attached: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    fences = frozenset(arn for arn in attached if f":policy{PATH}fence-" in arn)
    return fences, attached - fences


def _attachments(
    make: _Maker,
    kind: str,
    name: str,
    wanted: frozenset[str],
    have: frozenset[str],
    phases: tuple[Phase, Phase],
) -> Iterator[Change]:
    detach, attach = phases
    for arn in sorted(have - wanted):
        if _is_owned_policy(arn):
            why = f"{kind.lower()} {name} no longer has {_short(arn)}"
            yield make(detach, f"Detach{kind}Policy", why, **{f"{kind}Name": name, "PolicyArn": arn})
    for arn in sorted(wanted - have):
        why = f"{kind.lower()} {name} has {_short(arn)}"
        yield make(attach, f"Attach{kind}Policy", why, **{f"{kind}Name": name, "PolicyArn": arn})


def _user_changes(make: _Maker, user: UserState, found: UserState | None) -> Iterator[Change]:
    if found is None:
        why = f"{user.name} is in the team file"
        yield make(Phase.PREPARE, "CreateUser", why, UserName=user.name, Path=PATH)
    groups = found.groups if found else frozenset[str]()
    attached = found.attached if found else frozenset[str]()
    inline = found.inline if found else {}
    if QUARANTINE in user.inline and inline.get(QUARANTINE) != user.inline[QUARANTINE]:
        yield make(
            Phase.FENCE,
            "PutUserPolicy",
            f"{user.name} is frozen",
            UserName=user.name,
            PolicyName=QUARANTINE,
            PolicyDocument=_text(user.inline[QUARANTINE]),
        )
    for group in sorted(groups - user.groups):
        why = f"{user.name} is not in {group} by the team file"
        yield make(Phase.REVOKE, "RemoveUserFromGroup", why, GroupName=group, UserName=user.name)
    for group in sorted(user.groups - groups):
        why = f"{user.name} is in {group} by the team file"
        yield make(Phase.GRANT, "AddUserToGroup", why, GroupName=group, UserName=user.name)
    yield from _attachments(make, "User", user.name, user.attached, attached, (Phase.REVOKE, Phase.GRANT))
    if QUARANTINE in inline and QUARANTINE not in user.inline:
        why = f"the freeze of {user.name} has ended"
        yield make(Phase.GRANT, "DeleteUserPolicy", why, UserName=user.name, PolicyName=QUARANTINE)


def _leaver_changes(make: _Maker, user: UserState, observed: AccountState) -> Iterator[Change]:
    """Take what watchbill gave from a user the file no longer names; the user itself is left for a person to remove."""
    why = f"{user.name} is in no team file"
    for group in sorted(user.groups):
        if (found := observed.groups.get(group)) is not None and found.path == PATH:
            yield make(Phase.REVOKE, "RemoveUserFromGroup", why, GroupName=group, UserName=user.name)
    yield from _attachments(make, "User", user.name, frozenset(), user.attached, (Phase.REVOKE, Phase.GRANT))


def _effects(team: Team, compiled: Compiled, observed: AccountState, at: datetime) -> Iterator[Effect]:
    """Compare who holds what by the documents to come with who holds what by the documents that are there."""
    wanted, have = compiled.holdings, tuple(holdings_of(team, observed))
    for verb, present, absent in ((Verb.GAINS, wanted, have), (Verb.LOSES, have, wanted)):
        other: dict[tuple[str, str], list[Holding]] = {}
        for holding in absent:
            other.setdefault((holding.person, holding.permission_set), []).append(holding)
        for holding in present:
            for interval in _beyond(holding, other.get((holding.person, holding.permission_set), ()), at):
                yield Effect(holding.person, verb, holding.permission_set, observed.account, interval, holding.why)


def _beyond(holding: Holding, others: Iterable[Holding], at: datetime) -> Iterator[Interval | None]:
    """Give the time from `at` on that one holding covers and none of the others does; None stands for always."""
    others = tuple(others)
    if any(other.interval is None for other in others):
        return
    if holding.interval is None:
        yield None
    elif holding.interval.end > at:
        rest = Interval(max(holding.interval.start, at), holding.interval.end)
        yield from subtract(rest, [other.interval for other in others if other.interval is not None])


def _short(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _text(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """Turn states and changes into what JSON can carry, sets sorted, so that equal values have equal text."""
    match value:
        case AccountState() | UserState() | GroupState() | RoleState() | PolicyState() | Change():
            return {key: _plain(each) for key, each in asdict(value).items()}
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case frozenset():
            return sorted(value)
        case str() | int() | None:
            return value
        case Sequence():
            return [_plain(each) for each in value]
        case _:
            return str(value)
