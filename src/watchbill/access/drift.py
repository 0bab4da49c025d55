"""What others did to watchbill's own objects, and which of it a plan undoes.

Undone is what gives: a policy attached to an owned user, group or role, or written into it, that allows something and
denies nothing; a membership the file does not have. What denies may be somebody's emergency brake, and what cannot be
read may be one: both are shown, and a person decides.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from watchbill.access.documents import brakes_of_freeze, brakes_of_trust
from watchbill.access.mfa import MFA_POLICY, mfa_document
from watchbill.access.model import (
    FREEZE_POLICY,
    PATH,
    QUARANTINE,
    REVOKE,
    AccountState,
    Document,
    Drift,
    DriftKind,
    GroupState,
    PolicyState,
    RoleState,
    UserState,
    is_ours,
    last_of,
)
from watchbill.access.packing import brakes_of, place_of, statements_of
from watchbill.policy.managed import ManagedPolicy, managed_policy


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something of others' on an owned user, group or role."""

    kind: str
    """`user`, `group` or `role`."""
    name: str
    what: str
    """ARN of a policy, name of an inline one, or name of a group."""
    drift: DriftKind
    healed: bool
    operation: str
    """The call that undoes it."""
    parameters: Mapping[str, Any]
    why: str


def foreign_of(
    desired: AccountState, observed: AccountState, expected: AccountState | None = None
) -> Iterator[Foreign]:
    """Give all that is on owned users, groups and roles and not from the team file.

    `expected` is what was last applied: what is from there is watchbill's own, and undone whatever it says.
    """
    for user in observed.users.values():
        if user.path == PATH:
            if user.attached or user.inline:
                yield from _foreign("user", user, desired.users.get(user.name), observed, frozenset())
            yield from _joined(user, observed)
    for group in observed.groups.values():
        if group.path == PATH:
            was = expected.groups.get(group.name) if expected is not None else None
            ours = was.attached if was is not None else frozenset[str]()
            yield from _foreign("group", group, desired.groups.get(group.name), observed, ours)
    for role in observed.roles.values():
        if role.path == PATH:
            before = expected.roles.get(role.name) if expected is not None else None
            ours = before.attached if before is not None else frozenset[str]()
            yield from _foreign("role", role, desired.roles.get(role.name), observed, ours)


def find_drift(
    desired: AccountState, observed: AccountState, foreign: Iterable[Foreign], expected: AccountState | None = None
) -> Iterator[Drift]:
    """Give what others did: what is foreign, and how what is there differs from what was last applied (`expected`)."""
    for each in foreign:
        arn = f"arn:aws:iam::{observed.number}:{each.kind}{PATH}{each.name}"
        yield Drift(observed.account, arn, f"{each.kind} {each.name} {each.why}", each.what, each.drift, each.healed)
    for user in observed.users.values():
        if user.path == PATH and user.name not in desired.users:
            what = f"user {user.name} holds nothing here by the team file; a person removes it"
            yield Drift(observed.account, user.arn, what, None, DriftKind.UNKNOWN_USER)
        elif user.path != PATH and user.name in desired.users:
            yield from _beside(user, desired.users[user.name], observed)
    for role in desired.roles.values():
        there = observed.roles.get(role.name)
        if there is not None and there.boundary not in (None, role.boundary):
            healed = role.boundary is not None and not is_brake(there.boundary, observed)
            what = f"role {role.name} is bounded by {there.boundary}, not from the team file"
            yield Drift(observed.account, role.arn, what, there.boundary, DriftKind.BOUNDARY, healed)
    yield from _brakes(desired, observed)
    if expected is not None:
        yield from _moved(expected, observed)


def _brakes(desired: AccountState, observed: AccountState) -> Iterator[Drift]:
    """Say what others deny in documents that watchbill writes: it is left in them."""
    decides = "denies what watchbill did not write, so a person must decide"
    for name in desired.roles:
        if (found := observed.roles.get(name)) is not None and found.path == PATH and brakes_of_trust(found.trust):
            yield Drift(observed.account, found.arn, f"the trust of role {name} {decides}", None, DriftKind.TRUST)
    for arn in desired.policies:
        policy = observed.policies.get(arn)
        if policy is not None and _braked(policy):
            yield Drift(observed.account, arn, f"policy {policy.name} {decides}", arn, DriftKind.DOCUMENT)


def _braked(policy: PolicyState) -> bool:
    if policy.name == FREEZE_POLICY:
        return bool(brakes_of_freeze(policy.document))
    return place_of(policy) is not None and bool(brakes_of(policy.document))


def _beside(user: UserState, wanted: UserState, observed: AccountState) -> Iterator[Drift]:
    """Say what somebody has who was there before watchbill: it is not watchbill's to take."""
    groups = sorted(name for name in user.groups if name not in observed.groups or observed.groups[name].path != PATH)
    policies = [*sorted(map(last_of, user.attached - wanted.attached)), *sorted(set(user.inline) - {QUARANTINE})]
    if groups or policies:
        has = [*(f"group {name}" for name in groups), *(f"policy {name}" for name in policies)]
        what = f"user {user.name} was there before watchbill and also has {', '.join(has)}"
        yield Drift(observed.account, user.arn, what, None)


def _moved(expected: AccountState, observed: AccountState) -> Iterator[Drift]:
    """Give how watchbill's objects differ from what it left there."""
    found = [
        *_policies_moved(expected, observed),
        *_roles_moved(expected, observed),
        *_groups_moved(expected, observed),
        *_users_moved(expected, observed),
    ]
    for arn, what, other, kind in found:
        yield Drift(observed.account, arn, what, other, kind, healed=True)


_Moved = Iterator[tuple[str, str, str | None, DriftKind]]


def _policies_moved(expected: AccountState, observed: AccountState) -> _Moved:
    for arn, policy in expected.policies.items():
        found = observed.policies.get(arn)
        if found is None:
            yield arn, f"policy {policy.name} is gone", arn, DriftKind.MISSING
        elif found.document != policy.document:
            yield arn, f"policy {policy.name} says something else", arn, DriftKind.DOCUMENT


def _roles_moved(expected: AccountState, observed: AccountState) -> _Moved:
    for role in expected.roles.values():
        found = observed.roles.get(role.name)
        if found is None:
            yield role.arn, f"role {role.name} is gone", None, DriftKind.MISSING
            continue
        if found.trust != role.trust:
            yield role.arn, f"role {role.name} trusts others", None, DriftKind.TRUST
        if role.boundary is not None and found.boundary is None:
            yield role.arn, f"role {role.name} is bounded by nothing", role.boundary, DriftKind.BOUNDARY
        for gone in sorted(role.attached - found.attached):
            yield role.arn, f"role {role.name} no longer has {last_of(gone)}", gone, DriftKind.DETACHED


def _groups_moved(expected: AccountState, observed: AccountState) -> _Moved:
    for group in expected.groups.values():
        arn = f"arn:aws:iam::{observed.number}:group{PATH}{group.name}"
        found = observed.groups.get(group.name)
        if found is None:
            yield arn, f"group {group.name} is gone", None, DriftKind.MISSING
            continue
        for gone in sorted(group.attached - found.attached):
            yield arn, f"group {group.name} no longer has {last_of(gone)}", gone, DriftKind.DETACHED


def _users_moved(expected: AccountState, observed: AccountState) -> _Moved:
    for user in expected.users.values():
        found = observed.users.get(user.name)
        if found is None:
            yield user.arn, f"user {user.name} is gone", None, DriftKind.MISSING
            continue
        if user.groups == found.groups:
            continue
        for name in sorted(user.groups - found.groups):
            yield user.arn, f"user {user.name} is no longer in {name}", name, DriftKind.LEFT
    for found in observed.users.values():
        was = expected.users.get(found.name)
        if was is not None and was.groups == found.groups:
            continue
        for name in sorted(found.groups - (was.groups if was is not None else frozenset())):
            if name in observed.groups and observed.groups[name].path == PATH:
                yield found.arn, f"user {found.name} was put into {name}", name, DriftKind.JOINED


def _foreign(
    kind: str,
    there: UserState | GroupState | RoleState,
    desired: UserState | GroupState | RoleState | None,
    observed: AccountState,
    ours: frozenset[str],
) -> Iterator[Foreign]:
    key = f"{kind.capitalize()}Name"
    wanted = desired.attached if desired is not None else frozenset[str]()
    for arn in sorted(there.attached - wanted):
        if is_ours(arn) and kind != "user":
            continue  # watchbill's own policies are the plan's; to a user it attaches none
        healed, reason = (True, "") if arn in ours else judged([_document(arn, observed)])
        why = f"has policy {arn} attached, not from the team file{reason}"
        call, given = f"Detach{kind.capitalize()}Policy", {key: there.name, "PolicyArn": arn}
        yield Foreign(kind, there.name, arn, DriftKind.ATTACHED, healed, call, given, why)
    for name, written in sorted(there.inline.items()):
        if desired is not None and name in desired.inline:
            continue  # a freeze that goes on: the plan writes it as it should be
        if kind == "user" and name == MFA_POLICY and written == mfa_document():
            continue  # an onboarding wrote it
        healed, reason = judged([written])
        # A freeze writes these, and nothing but denies; under the same name somebody could give what nobody sees.
        of_freeze = name == QUARANTINE if kind == "user" else kind == "role" and name.startswith(f"{REVOKE}-")
        if not (of_freeze and _only_denies(written)):
            why = f"has inline policy {name}, not from the team file{reason}"
            call, given = f"Delete{kind.capitalize()}Policy", {key: there.name, "PolicyName": name}
            yield Foreign(kind, there.name, name, DriftKind.INLINE, healed, call, given, why)


def _joined(user: UserState, observed: AccountState) -> Iterator[Foreign]:
    for name in sorted(user.groups):
        group = observed.groups.get(name)
        if group is None or group.path == PATH:
            continue
        documents = [*(_document(arn, observed) for arn in sorted(group.attached)), *group.inline.values()]
        healed, reason = judged(documents)
        why = f"is in group {name}, which the team file does not declare{reason}"
        given = {"GroupName": name, "UserName": user.name}
        yield Foreign("user", user.name, name, DriftKind.JOINED, healed, "RemoveUserFromGroup", given, why)


def judged(documents: Iterable[Document | None]) -> tuple[bool, str]:
    """Tell whether documents may be taken away without a person, and if not, in words why."""
    found = list(documents)
    if any(each is None for each in found):
        return False, "; what it says was not read, so a person must decide"
    statements = [s for each in found if each is not None for s in statements_of(each)]
    if any(s.get("Effect") != "Allow" for s in statements):
        return False, "; it denies something, so a person must decide"
    return True, ""


def has_effect(arn: str, effect: str, *states: AccountState) -> bool:
    """Tell whether a policy has statements of an effect in any of some states; one that is not known has any."""
    found = [_document(arn, state) for state in states if arn in state.policies] or [_document(arn, states[0])]
    return any(each is None or any(s.get("Effect") == effect for s in statements_of(each)) for each in found)


def is_brake(boundary: str | None, observed: AccountState) -> bool:
    """Tell whether a boundary lets nothing through, or may: one that somebody put there in need is not replaced."""
    if boundary is None:
        return False
    written = _document(boundary, observed)
    return written is None or _only_denies(written)


def _only_denies(written: Document) -> bool:
    """Tell whether a document allows nothing, whatever else it says."""
    return all(s.get("Effect") == "Deny" for s in statements_of(written))


def _document(arn: str, observed: AccountState) -> Document | None:
    if (found := observed.policies.get(arn)) is not None:
        return found.document
    managed = managed_policy(arn)
    return managed.document if isinstance(managed, ManagedPolicy) else None
