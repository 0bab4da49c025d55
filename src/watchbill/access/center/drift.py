"""What others did to watchbill's permission sets and groups, and which of it a plan undoes.

As in accounts (`access.drift`), what gives is undone: an assignment, a membership, an allowing policy. What denies may
be somebody's emergency brake, and what cannot be read may be one: both are shown, and a person decides. Sets and groups
of others are never touched.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from watchbill.access.center.state import PLACE, Assigned, CenterState, Holder, Reference, SetState
from watchbill.access.documents import CENTER_USER
from watchbill.access.drift import judged
from watchbill.access.model import PATH, AccountState, Document, Drift, DriftKind
from watchbill.access.packing import statements_of
from watchbill.policy.managed import ManagedPolicy, managed_policy


@dataclass(frozen=True, slots=True)
class CenterForeign:
    """Something of others' on a permission set of watchbill's."""

    permission_set: str
    what: str
    drift: DriftKind
    healed: bool
    operation: str
    """The call that undoes it."""
    parameters: Mapping[str, Any]
    why: str


def center_foreign(
    desired: CenterState,
    observed: CenterState,
    accounts: Iterable[AccountState],
    expected: CenterState | None = None,
) -> Iterator[CenterForeign]:
    """Give what is on the sets that stay and not from the team file; `expected` is what was last applied."""
    states = list(accounts)
    for name, wanted in desired.sets.items():
        there = observed.sets.get(name)
        if there is None or there.team != wanted.team:
            continue
        before = None if expected is None else expected.sets.get(name)
        yield from _managed(wanted, there, before)
        yield from _referred(wanted, there, states)
        if there.inline is not None and not _is_freeze(there.inline):
            healed, reason = judged([there.inline])
            why = f"has an inline policy, not from the team file{reason}"
            yield CenterForeign(
                name, "inline", DriftKind.INLINE, healed, "DeleteInlinePolicyFromPermissionSet", {}, why
            )


def center_drift(
    desired: CenterState,
    observed: CenterState,
    foreign: Iterable[CenterForeign],
    expected: CenterState | None = None,
) -> Iterator[Drift]:
    """Give what others did: what is foreign, and how what is there differs from what was last applied."""
    states = [desired, observed, *([] if expected is None else [expected])]
    for each in foreign:
        what, people = f"permission set {each.permission_set} {each.why}", _holders(each.permission_set, states)
        arn = observed.sets[each.permission_set].arn
        yield Drift(PLACE, arn, what, each.what, each.drift, each.healed, people=people)
    for name, wanted in desired.sets.items():
        there = observed.sets.get(name)
        if there is not None and there.boundary not in (None, wanted.boundary):
            what = f"permission set {name} is bounded by {there.boundary}, not from the team file"
            healed, people = wanted.boundary is not None, _holders(name, states)
            yield Drift(PLACE, there.arn, what, None, DriftKind.BOUNDARY, healed, people=people)
    if expected is not None:
        holders = {name: _holders(name, states) for name in expected.sets}
        yield from _sets_moved(expected, observed, holders)
        yield from _assignments_moved(expected, observed)
        yield from _groups_moved(expected, observed)


def _holders(name: str, states: Iterable[CenterState]) -> tuple[str, ...]:
    """Give the people of the team who have a permission set, in any of some states."""
    found = {
        person
        for state in states
        for each in state.assignments
        if each.permission_set == name
        for person in _people(each, state)
    }
    return tuple(sorted(found))


def _people(assigned: Assigned, state: CenterState) -> tuple[str, ...]:
    """Give the people of the team who have an assignment, themselves or by the group that it is to."""
    users: Collection[str] = [assigned.principal]
    if assigned.holder is Holder.GROUP:
        group = state.groups.get(assigned.principal)
        users = () if group is None else group.members
    return tuple(sorted(name for name, user in state.people.items() if user in users))


def _sets_moved(
    expected: CenterState, observed: CenterState, holders: Mapping[str, tuple[str, ...]]
) -> Iterator[Drift]:
    for name, was in expected.sets.items():
        there, mine = observed.sets.get(name), holders[name]
        if there is None:
            what = f"permission set {name} is gone"
            yield Drift(PLACE, f"{expected.instance}/{name}", what, None, DriftKind.MISSING, healed=True, people=mine)
            continue
        gone = sorted([*(r.name for r in was.references - there.references), *(was.managed - there.managed)])
        for policy in gone:
            what = f"permission set {name} no longer has {policy}"
            yield Drift(PLACE, there.arn, what, policy, DriftKind.DETACHED, healed=True, people=mine)
        if was.session != there.session:
            what = f"a session of permission set {name} lasts {there.session}"
            yield Drift(PLACE, there.arn, what, None, DriftKind.DOCUMENT, healed=True, people=mine)


def _assignments_moved(expected: CenterState, observed: CenterState) -> Iterator[Drift]:
    mine = {name for name in expected.sets if name in observed.sets}
    now = {each for each in observed.assignments if each.permission_set in mine}
    was = {each for each in expected.assignments if each.permission_set in mine}
    names = {user: name for name, user in observed.people.items()}
    for each in sorted(now - was):
        what = f"permission set {each.permission_set} was given to {each.principal} in {each.account}"
        arn, by_group = observed.sets[each.permission_set].arn, observed.groups.get(each.principal)
        users = [each.principal] if each.holder is Holder.USER else by_group.members if by_group else ()
        given = tuple((names[user], each.account, each.permission_set) for user in users if user in names)
        people = _people(each, observed)
        yield Drift(PLACE, arn, what, each.principal, DriftKind.ATTACHED, healed=True, given=given, people=people)
    for each in sorted(was - now):
        what = f"{each.principal} no longer has permission set {each.permission_set} in {each.account}"
        arn, people = observed.sets[each.permission_set].arn, _people(each, expected)
        yield Drift(PLACE, arn, what, each.principal, DriftKind.DETACHED, healed=True, people=people)


def _groups_moved(expected: CenterState, observed: CenterState) -> Iterator[Drift]:
    names = {user: name for name, user in observed.people.items()}
    for name, was in expected.groups.items():
        there = observed.groups.get(name)
        if there is None:
            what, people = f"group {name} is gone", tuple(sorted(names[user] for user in was.members if user in names))
            yield Drift(PLACE, f"{expected.store}/{name}", what, None, DriftKind.MISSING, healed=True, people=people)
            continue
        assigned = sorted((a.account, a.permission_set) for a in observed.assignments if a.principal == name)
        for user in sorted(set(there.members) - set(was.members)):
            what = f"{names.get(user, user)} was put into group {name}"
            given = tuple((names[user], account, each) for account, each in assigned if user in names)
            found = Drift(PLACE, f"{observed.store}/{name}", what, name, DriftKind.JOINED, healed=True, given=given)
            yield replace(found, people=tuple(names[each] for each in (user,) if each in names))
        for user in sorted(set(was.members) - set(there.members)):
            what = f"{names.get(user, user)} is no longer in group {name}"
            found = Drift(PLACE, f"{observed.store}/{name}", what, name, DriftKind.LEFT, healed=True)
            yield replace(found, people=tuple(names[each] for each in (user,) if each in names))


def _managed(wanted: SetState, there: SetState, before: SetState | None) -> Iterator[CenterForeign]:
    ours = frozenset[str]() if before is None else before.managed
    for arn in sorted(there.managed - wanted.managed):
        published = managed_policy(arn)
        document = published.document if isinstance(published, ManagedPolicy) else None
        healed, reason = (True, "") if arn in ours else judged([document])
        why = f"has policy {arn} attached, not from the team file{reason}"
        call, given = "DetachManagedPolicyFromPermissionSet", {"ManagedPolicyArn": arn}
        yield CenterForeign(wanted.name, arn, DriftKind.ATTACHED, healed, call, given, why)


def _referred(wanted: SetState, there: SetState, states: Iterable[AccountState]) -> Iterator[CenterForeign]:
    for each in sorted(there.references - wanted.references):
        if each.path == PATH:
            continue  # watchbill's own policies are the plan's
        found = [state.policies.get(each.arn_in(state.number)) for state in states]
        healed, reason = judged([None if policy is None else policy.document for policy in found])
        why = f"refers to policy {_said(each)}, not from the team file{reason}"
        given = {"CustomerManagedPolicyReference": {"Name": each.name, "Path": each.path}}
        call = "DetachCustomerManagedPolicyReferenceFromPermissionSet"
        yield CenterForeign(wanted.name, _said(each), DriftKind.ATTACHED, healed, call, given, why)


def _said(reference: Reference) -> str:
    return f"{reference.path}{reference.name}"


def _is_freeze(inline: Document) -> bool:
    """Tell whether an inline policy is what a freeze writes (`respond.center`): denies by user id, and no more."""
    return all(
        each.get("Effect") == "Deny" and CENTER_USER in (each.get("Condition") or {}).get("StringEquals", {})
        for each in statements_of(inline)
    )
