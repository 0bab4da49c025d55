"""Freeze a person: one step of reversible calls, deny first, then keys, then sessions, then groups.

The deny on the user is what stops open console sessions and temporary credentials made with a key; switching a key off
does not. Sessions of a role outlive everything done to the user, so each on-call role gets a deny that hits this
person's sessions and nobody else's. Deleting a password or a key is not here: AWS cannot give them back.

Source: IAM User Guide, "Disabling permissions for temporary security credentials"; AWS incident response playbooks.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from watchbill.access.documents import deny_all, deny_sessions_of
from watchbill.access.model import (
    PATH,
    QUARANTINE,
    REVOKE,
    AccessKey,
    AccountState,
    Call,
    Change,
    Document,
    Phase,
    spelled,
)
from watchbill.errors import NotFoundError, RefusedError
from watchbill.intervals import iso
from watchbill.respond.model import Containment
from watchbill.team.model import Team


def plan_freeze(
    team: Team,
    person: str,
    observed: Mapping[str, AccountState],
    keys: Mapping[str, Sequence[AccessKey]],
    at: datetime,
    *,
    case: str | None,
    reason: str,
    by: str,
) -> Containment:
    """Work out a freeze from what was read; `observed` and `keys` are by account name.

    A protected identity, and a person freezing themselves, are refused; somebody without an IAM user is not found.
    """
    if person not in team.people:
        raise NotFoundError(f"no person `{person}` in {team.path}")
    user = team.people[person].iam_user
    # IAM does not tell names apart by case.
    if {user.lower(), person.lower()} & {name.lower() for name in team.protected}:
        raise RefusedError(f"`{person}` is protected: the team file forbids freezing them")
    if by.lower() in (user.lower(), person.lower()):
        raise RefusedError(f"`{person}` cannot freeze themselves; a lead decides")
    names = {found for state in observed.values() if (found := spelled(user, state)) in state.users}
    if len(names) > 1:
        listed = ", ".join(f"`{name}`" for name in sorted(names))
        raise RefusedError(f"the IAM user of `{person}` is spelled {listed} in different accounts: spell it in one way")
    user = next(iter(names), user)
    accounts = tuple(sorted(name for name, state in observed.items() if user in state.users))
    if not accounts:
        raise NotFoundError(f"`{person}` has no IAM user `{user}` in any account of the team")
    groups = tuple((name, group) for name in accounts for group in _owned_groups(observed[name], user))
    roles = tuple((name, role.name) for name in accounts for role in observed[name].roles.values() if role.path == PATH)
    held = tuple((name, key) for name in accounts for key in keys.get(name, ()))
    changes = (
        *(_deny(name, user, case or reason) for name in accounts),
        *(_switch_off(name, user, key) for name, key in held if key.active),
        *(_deny_sessions(name, user, role) for name, role in roles),
        *(_take_out(name, user, group) for name, group in groups),
    )
    digest = hashlib.sha256(f"{person}|{iso(at)}|{case}".encode()).hexdigest()
    return Containment(
        f"F-{digest[:6]}",
        person,
        user,
        case,
        at,
        reason,
        by,
        changes,
        held,
        groups,
        roles,
        accounts,
    )


def _deny(account: str, user: str, why: str) -> Change:
    given = {"UserName": user, "PolicyName": QUARANTINE, "PolicyDocument": _text(deny_all())}
    return Change(account, Phase.REVOKE, Call("PutUserPolicy", given), f"deny {user} everything: {why}")


def _switch_off(account: str, user: str, key: AccessKey) -> Change:
    given = {"UserName": user, "AccessKeyId": key.id, "Status": "Inactive"}
    return Change(account, Phase.REVOKE, Call("UpdateAccessKey", given), f"switch off key {key.id}")


def _deny_sessions(account: str, user: str, role: str) -> Change:
    document = _text(deny_sessions_of(user))
    given = {"RoleName": role, "PolicyName": f"{REVOKE}-{user}", "PolicyDocument": document}
    return Change(account, Phase.REVOKE, Call("PutRolePolicy", given), f"deny {user}'s sessions of {role}")


def _take_out(account: str, user: str, group: str) -> Change:
    call = Call("RemoveUserFromGroup", {"GroupName": group, "UserName": user})
    return Change(account, Phase.REVOKE, call, f"take {user} out of {group}")


def _owned_groups(state: AccountState, user: str) -> list[str]:
    groups = state.users[user].groups
    return sorted(name for name in groups if name in state.groups and state.groups[name].path == PATH)


def _text(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))
