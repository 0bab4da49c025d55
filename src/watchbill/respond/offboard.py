"""Delete the IAM users of somebody who has left, for good, once they are shut out; and say what is left of them.

A freeze has shut them out before: everything is denied to them, and could still be given back. This takes away what
the user has in an order that AWS accepts, since DeleteUser refuses a user who still has anything, and that gives nobody
more at any point. AWSDenyAll becomes the user's boundary first, and no policy goes before that: a session that was made
before outlives keys and passwords, and the boundary stays until the user is gone, which AWS does not mind.

Source: IAM API Reference, "DeleteUser".
"""

from collections.abc import Iterator
from dataclasses import dataclass

from watchbill.access.center.state import PLACE
from watchbill.access.drift import has_effect
from watchbill.access.model import PATH, QUARANTINE, REVOKE, AccountState, Call, Change, Credentials, Phase, UserState
from watchbill.access.packing import statements_of
from watchbill.access.quarantine import DENY_ALL
from watchbill.errors import RefusedError
from watchbill.respond.elsewhere import Elsewhere
from watchbill.respond.evict import taken_off
from watchbill.respond.freeze import DELETED_BY, DOOR_CALLS
from watchbill.respond.hosts import EXPIRED, Known
from watchbill.respond.model import Seen


@dataclass(frozen=True, slots=True)
class Remains:
    """Something that is left of somebody."""

    place: str
    """The name of an account, a host or a directory, or `team file`."""
    what: str
    by_hand: bool
    """Whether it is for a person to remove, since watchbill does not."""


def delete_users(user: str, seen: Seen) -> Iterator[Change]:
    """Give the changes that delete a user in every account where it is, with all it has.

    What could not be read of a user is a RefusedError: it may be there, and AWS would refuse half-way.
    """
    for name, state in sorted(seen.observed.items()):
        if user in state.users:
            held = seen.credentials.get(name, Credentials())
            if held.unread:
                unread = "; ".join(held.unread)
                raise RefusedError(f"not all credentials of {user} in {name} could be read: {unread}")
            yield from _deleted(state, state.users[user], held)


def remains(user: str, seen: Seen) -> Iterator[Remains]:
    """Say what is left of a user in the accounts; nothing where all of it is gone."""
    for name, state in sorted(seen.observed.items()):
        if user in state.users:
            yield Remains(name, f"user {user}", by_hand=False)
            yield from _held(name, state.users[user], seen.credentials.get(name, Credentials()))
        for role in state.roles.values():
            if f"{REVOKE}-{user}" in role.inline:
                yield Remains(name, f"policy {REVOKE}-{user} on role {role.name}, which denies", by_hand=True)
            # Whom watchbill's own roles trust, plans say.
            if role.path != PATH and _trusts(role.trust, f"arn:aws:iam::{state.number}:user/", user):
                yield Remains(name, f"role {role.name} trusts user {user} by name", by_hand=True)
    for what in seen.unread:
        yield Remains("accounts", f"what could not be read: {what}", by_hand=True)


def remains_elsewhere(now: Elsewhere) -> Iterator[Remains]:
    """Say what is left of somebody on hosts, at identity providers and in Identity Center: watchbill deletes none."""
    for found in now.hosts:
        if found.known is Known.LOCAL:
            stands = "expired" if found.expiry == EXPIRED else "not expired"
            yield Remains(found.host, f"user {found.user}, {stands}, with their files", by_hand=True)
        elif found.known is Known.ELSEWHERE:
            yield Remains(found.host, f"user {found.user}, of the directory that the host asks", by_hand=True)
    for login in now.directories:
        yield Remains(login.directory, f"user {login.login}, {login.stands}", by_hand=True)
    if now.seat is not None:
        for each in now.seat.users:
            former = ", whom they were known by before" if each.user in now.seat.former else ""
            yield Remains(PLACE, f"user {each.user}{former}", by_hand=True)
    for place, why in now.unread.items():
        yield Remains(place, f"what could not be read: {why}", by_hand=True)


def _deleted(state: AccountState, user: UserState, held: Credentials) -> Iterator[Change]:
    name, account = user.name, state.account
    if user.boundary != DENY_ALL:
        given = {"UserName": name, "PermissionsBoundary": DENY_ALL}
        why = f"deny {name} everything until the user is gone, whatever else is taken off"
        yield Change(account, Phase.FENCE, Call("PutUserPermissionsBoundary", given), why)
    yield from _credentials(account, name, held)
    for group in sorted(user.groups):
        call = Call("RemoveUserFromGroup", {"GroupName": group, "UserName": name})
        yield Change(account, Phase.REVOKE, call, f"take {name} out of {group}")
    # What follows waits for all before it: the deny above must stand when the last of the others goes.
    denying = {arn for arn in user.attached if arn == DENY_ALL or has_effect(arn, "Deny", state)}
    for arn in (*sorted(user.attached - denying), *sorted(denying)):
        call = Call("DetachUserPolicy", {"UserName": name, "PolicyArn": arn})
        yield Change(account, Phase.TIDY, call, f"take {arn} off {name}")
    for policy in sorted(user.inline, key=lambda each: (each == QUARANTINE, each)):
        call = Call("DeleteUserPolicy", {"UserName": name, "PolicyName": policy})
        yield Change(account, Phase.TIDY, call, f"delete the policy {policy} of {name}")
    yield Change(account, Phase.TIDY, Call("DeleteUser", {"UserName": name}), f"delete the user {name}")


def _credentials(account: str, user: str, held: Credentials) -> Iterator[Change]:
    """Give the changes that delete what a user can sign in with; the password before the devices, as an eviction."""
    for key in held.keys:
        given = {"UserName": user, "AccessKeyId": key.id}
        if key.active:
            off = Call("UpdateAccessKey", {**given, "Status": "Inactive"})
            yield Change(account, Phase.REVOKE, off, f"switch off key {key.id}")
        yield Change(account, Phase.REVOKE, Call("DeleteAccessKey", given), f"delete key {key.id}")
    if held.password:
        call = Call("DeleteLoginProfile", {"UserName": user})
        yield Change(account, Phase.REVOKE, call, f"delete the password of {user}")
    for door in held.doors:
        call = Call(DELETED_BY[door.kind], {"UserName": user, DOOR_CALLS[door.kind][1]: door.id})
        yield Change(account, Phase.REVOKE, call, f"delete {door.kind} {door.id}")
    for device in held.devices:
        yield from taken_off(account, user, device)


def _held(account: str, user: UserState, held: Credentials) -> Iterator[Remains]:
    what = [
        *(f"key {key.id}, {'on' if key.active else 'off'}" for key in held.keys),
        *(["password"] if held.password else []),
        *(f"{door.kind} {door.id}, {'on' if door.active else 'off'}" for door in held.doors),
        *(f"MFA device {device.serial}" for device in held.devices),
        *(f"group {group}" for group in sorted(user.groups)),
        *(f"policy {policy}" for policy in (*sorted(user.attached), *sorted(user.inline))),
        *(f"what could not be read: {each}" for each in held.unread),
    ]
    yield from (Remains(account, f"{each} of {user.name}", by_hand=False) for each in what)


def _trusts(trust: object, before: str, user: str) -> bool:
    """Tell whether a trust policy names a user, wherever it lies."""
    statements = statements_of(trust) if isinstance(trust, dict) else ()
    named = (statement.get("Principal") for statement in statements)
    listed = (each.get("AWS", ()) for each in named if isinstance(each, dict))
    arns = (arn for each in listed for arn in ([each] if isinstance(each, str) else each))
    return any(arn.startswith(before) and arn.rpartition("/")[2] == user for arn in arns)
