"""How people come into accounts by Identity Center: a permission set each, with the policies that it gives there.

What a session may do is what the role says that Identity Center made of the set in the account, where that was read;
else what the set itself says, which is what will be provisioned.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from watchbill.access.center.state import Assigned, CenterState, Holder, Reference, SetState, is_reserved_for
from watchbill.access.model import AccountState, Entry, RoleState, spelled
from watchbill.team.model import Team


def entered(states: Mapping[str, AccountState], center: CenterState | str, team: Team) -> dict[str, AccountState]:
    """Lay over the accounts who comes into them by Identity Center; a text says why that is not known."""
    return {name: replace(state, entries=_of_account(state, center, team)) for name, state in states.items()}


def _of_account(state: AccountState, center: CenterState | str, team: Team) -> Mapping[str, tuple[Entry, ...]]:
    """Give the entries by the name of a person's IAM user, whether it is there or not."""
    found: dict[str, tuple[Entry, ...]] = {}
    for person in team.people.values():
        entries = tuple(_of_person(state, center, person.name))
        if entries:
            found[spelled(person.iam_user, state)] = entries
    return found


def _of_person(state: AccountState, center: CenterState | str, person: str) -> Iterator[Entry]:
    if isinstance(center, str):
        yield Entry("", unread=(f"Identity Center: {center}",))
        return
    user = center.people.get(person)
    if user is None:
        return
    held: dict[str, list[Assigned]] = {}
    for each in sorted(center.assigned_to(user)):
        if each.account == state.number:
            held.setdefault(each.permission_set, []).append(each)
    for name, assigned in held.items():
        yield _entry(state, center, name, user, assigned)
    if center.unread:
        yield Entry("", user=user, unread=tuple(f"Identity Center: {each}" for each in center.unread))


def _entry(state: AccountState, center: CenterState, name: str, user: str, assigned: list[Assigned]) -> Entry:
    by = tuple("an assignment" if each.holder is Holder.USER else f"group {each.principal}" for each in assigned)
    roles = [role for role in state.roles.values() if is_reserved_for(role.name, role.path, name)]
    if len(roles) == 1:
        return _by_role(name, user, by, roles[0])
    found = center.sets.get(name)
    if found is None:
        return Entry(name, user, by, unread=(f"permission set {name}",))
    return _by_set(name, user, by, found, state.number)


def _by_role(name: str, user: str, by: tuple[str, ...], role: RoleState) -> Entry:
    return Entry(name, user, by, role.attached, role.inline, role.boundary, role.arn)


def _by_set(name: str, user: str, by: tuple[str, ...], found: SetState, number: str) -> Entry:
    attached = found.managed | {each.arn_in(number) for each in found.references}
    inline = {} if found.inline is None else {"inline": found.inline}
    bound = found.boundary.arn_in(number) if isinstance(found.boundary, Reference) else found.boundary
    return Entry(name, user, by, frozenset(attached), inline, bound)
