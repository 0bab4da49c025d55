"""Freeze a person: one step of reversible calls, deny first, then keys, then sessions, groups and side doors.

The deny on the user is what stops open console sessions and temporary credentials made with a key; switching a key off
does not. Sessions of a role outlive everything done to the user. Those of watchbill's own roles are denied by one
policy that lies on all of them beforehand: a freeze is one new version of it for an account. Roles that do not have it,
and roles of others that the person can reach, get a deny of their own, that hits this person's sessions and nobody
else's, as long as these carry their name. Where a role demands no name, every session of it ends that was taken before:
whoever else holds one takes it anew. Deleting a password or a key is not here: AWS cannot give them back (`evict`).

Source: IAM User Guide, "Disabling permissions for temporary security credentials"; AWS incident response playbooks.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from watchbill.access.documents import (
    brakes_of_freeze,
    deny_all,
    deny_sessions_of,
    freeze_document,
    frozen_by,
    size,
)
from watchbill.access.limits import Limits
from watchbill.access.model import (
    FREEZE_POLICY,
    PATH,
    QUARANTINE,
    REVOKE,
    AccountState,
    Call,
    Change,
    Document,
    DoorKind,
    Phase,
    PolicyState,
    Shell,
    UserState,
    spelled,
)
from watchbill.access.quarantine import DENY_ALL, Form, form_for, form_of
from watchbill.errors import NotFoundError, RefusedError
from watchbill.intervals import iso
from watchbill.respond.model import ISSUED_BY, Containment, Seen
from watchbill.respond.reach import Reached, lifted, reached
from watchbill.team.model import Team


DOOR_CALLS = {
    DoorKind.SERVICE: ("UpdateServiceSpecificCredential", "ServiceSpecificCredentialId"),
    DoorKind.SSH: ("UpdateSSHPublicKey", "SSHPublicKeyId"),
    DoorKind.CERTIFICATE: ("UpdateSigningCertificate", "CertificateId"),
}
"""By the kind of a credential the call that switches it on and off, and the parameter with its id."""

DELETED_BY = {
    DoorKind.SERVICE: "DeleteServiceSpecificCredential",
    DoorKind.SSH: "DeleteSSHPublicKey",
    DoorKind.CERTIFICATE: "DeleteSigningCertificate",
}
"""By the kind of a credential the call that deletes it, which takes the same parameter."""

_ROLE_ROOM = 10_240
"""Characters of a role's inline policies together, where the account does not say (IAM User Guide, "IAM quotas")."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Why somebody is frozen, and who says so."""

    case: str | None
    reason: str
    by: str


def plan_freeze(
    team: Team, person: str, seen: Seen, at: datetime, asked: Asked, *, elsewhere: bool = False
) -> Containment:
    """Work out a freeze of IAM from what was read.

    A protected identity, and a person freezing themselves, are refused; somebody without an IAM user is not found,
    unless there is something to freeze `elsewhere`.
    """
    user = _user_of(team, person, seen.observed, asked.by)
    accounts = tuple(sorted(name for name, state in seen.observed.items() if user in state.users))
    if not accounts and not elsewhere:
        raise NotFoundError(f"`{person}` has no IAM user `{user}` in any account of the team")
    digest = hashlib.sha256(f"{person}|{iso(at)}|{asked.case}".encode()).hexdigest()
    held = {name: seen.credentials[name] for name in accounts if name in seen.credentials}
    made = Containment(
        f"F-{digest[:6]}",
        person,
        user,
        asked.case,
        at,
        asked.reason,
        asked.by,
        (),
        keys=tuple((name, key) for name, found in held.items() for key in found.keys),
        groups=tuple((name, group) for name in accounts for group in _owned_groups(seen.observed[name], user)),
        roles=(),
        accounts=accounts,
        forms={name: _form(seen.observed[name], user) for name in accounts},
        doors=tuple((name, door) for name, found in held.items() for door in found.doors),
        shells=tuple((name, shell) for name, found in sorted(seen.shells.items()) for shell in _theirs(found, user)),
    )
    made = _with_roles(made, seen.observed, reached(user, seen.observed))
    unread = (f"could not be read, so it is not shut: {what}" for what in seen.unread)
    made = replace(made, warnings=(*_last_of(team, person), *_warnings(made, seen.observed), *unread))
    return replace(made, changes=tuple(needed(made, seen)))


def mended(
    frozen: Containment, seen: Seen, before: Mapping[str, AccountState], refused: Collection[str] = ()
) -> Containment:
    """Give a freeze with the changes that it takes now to make it hold: what was undone, and what is new.

    In accounts that have `refused` to deny the user everything another form is taken.
    """
    user = frozen.user
    open_ = {
        name: lifted(user, state, before[name].users.get(user) if name in before else None)
        for name, state in seen.observed.items()
    }
    forms = dict(frozen.forms)
    for name in refused:
        state = seen.observed[name]
        if user in state.users:
            forms[name] = form_for(state.users[user], state.quotas, _up_to(frozen.form(name)))
    now = _with_roles(replace(frozen, forms=forms), seen.observed, reached(user, open_))
    return replace(now, changes=tuple(needed(now, seen)))


def needed(frozen: Containment, seen: Seen) -> Iterator[Change]:
    """Give the changes that it takes for a freeze to hold in accounts as they were read, in order."""
    there = {name: seen.observed[name] for name in frozen.accounts if name in seen.observed}
    for name, state in there.items():
        if frozen.user in state.users:
            yield from _deny(frozen, name, state.users[frozen.user])
    yield from _keys(frozen.user, seen)
    yield from _sessions(frozen, seen.observed)
    for name, state in there.items():
        for group in _owned_groups(state, frozen.user):
            call = Call("RemoveUserFromGroup", {"GroupName": group, "UserName": frozen.user})
            yield Change(name, Phase.REVOKE, call, f"take {frozen.user} out of {group}")
    yield from _doors(frozen.user, seen)
    yield from shells_ended(frozen.user, seen)


def _keys(user: str, seen: Seen) -> Iterator[Change]:
    for name, found in seen.credentials.items():
        for key in found.keys:
            if key.active:
                yield _switch(name, "UpdateAccessKey", user, "AccessKeyId", key.id, "key")


def _sessions(frozen: Containment, observed: Mapping[str, AccountState]) -> Iterator[Change]:
    for name in frozen.policies:
        if name in observed:
            yield from _named(name, observed[name], frozen.user)
    for name, role in frozen.roles:
        if name in observed and role in observed[name].roles:
            yield from _deny_sessions(frozen, name, role, observed[name])


def _doors(user: str, seen: Seen) -> Iterator[Change]:
    for name, found in seen.credentials.items():
        for door in found.doors:
            if door.active:
                operation, key = DOOR_CALLS[door.kind]
                yield _switch(name, operation, user, key, door.id, str(door.kind))


def shells_ended(user: str, seen: Seen) -> Iterator[Change]:
    """Give the changes that end the open shells of a person."""
    for name, shells in sorted(seen.shells.items()):
        for shell in _theirs(shells, user):
            call = Call("TerminateSession", {"SessionId": shell.id}, "ssm", shell.region)
            yield Change(name, Phase.REVOKE, call, f"end the shell of {user} on {shell.target}")


def versions(account: str, policy: PolicyState, written: Document, most: int, why: str) -> Iterator[Change]:
    """Write a new version of a policy, room made for it by the oldest that is not in force."""
    for version in policy.versions[: max(0, len(policy.versions) + 2 - most)]:
        old = Call("DeletePolicyVersion", {"PolicyArn": policy.arn, "VersionId": version})
        yield Change(account, Phase.REVOKE, old, f"make room for another version of {policy.name}")
    given = {"PolicyArn": policy.arn, "PolicyDocument": _text(written), "SetAsDefault": True}
    yield Change(account, Phase.REVOKE, Call("CreatePolicyVersion", given), why)


def freeze_policy(state: AccountState) -> PolicyState | None:
    """Give the freeze policy of an account; None where no plan has put it there yet."""
    return state.policies.get(f"arn:aws:iam::{state.number}:policy{PATH}{FREEZE_POLICY}")


def sessions_document(frozen: Containment, account: str, role: str) -> Document:
    """Give the deny that a role of others, or one without the freeze policy, gets against the person's sessions."""
    written = deny_sessions_of(frozen.user)
    if (account, role) not in frozen.ended:
        return written
    before = {"DateLessThan": {"aws:TokenIssueTime": iso(frozen.at + ISSUED_BY)}}
    every = {"Sid": "Before", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": before}
    return {**written, "Statement": [*written["Statement"], every]}


def _user_of(team: Team, person: str, observed: Mapping[str, AccountState], by: str) -> str:
    """Give the name of a person's IAM user as AWS spells it; refuses whoever may not be frozen."""
    if person not in team.people:
        raise NotFoundError(f"no person `{person}` in {team.path}")
    user = team.people[person].iam_user
    must_not_be_protected(team, person)
    if by.lower() in (user.lower(), person.lower()):
        raise RefusedError(f"`{person}` cannot freeze themselves; a lead decides")
    names = {found for state in observed.values() if (found := spelled(user, state)) in state.users}
    if len(names) > 1:
        listed = ", ".join(f"`{name}`" for name in sorted(names))
        raise RefusedError(f"the IAM user of `{person}` is spelled {listed} in different accounts: spell it in one way")
    return next(iter(names), user)


def must_not_be_protected(team: Team, person: str) -> None:
    """Refuse a person whom the team file protects, by either of their names."""
    user = team.people[person].iam_user
    # IAM does not tell names apart by case.
    if {user.lower(), person.lower()} & {name.lower() for name in team.protected}:
        raise RefusedError(f"`{person}` is protected: the team file forbids freezing them")


def _with_roles(frozen: Containment, observed: Mapping[str, AccountState], found: Iterable[Reached]) -> Containment:
    """Say by which deny the person's sessions of each role are hit."""
    named = {(each.account, each.role): each.named for each in found}
    covered: list[tuple[str, str]] = []
    own: list[tuple[str, str]] = []
    for name, state in sorted(observed.items()):
        policy = freeze_policy(state)
        for role in state.roles.values():
            key = (name, role.name)
            has_it = policy is not None and role.path == PATH and policy.arn in role.attached
            if has_it:
                covered.append(key)
            if (not has_it and (role.path == PATH or key in named)) or not named.get(key, True):
                own.append(key)
    editable = [key for key in own if not _is_aws_own(observed[key[0]].roles[key[1]].path)]
    return replace(
        frozen,
        roles=tuple(dict.fromkeys([*frozen.roles, *editable])),
        covered=tuple(covered),
        ended=tuple(dict.fromkeys([*frozen.ended, *(key for key in editable if not named.get(key, True))])),
        policies=tuple(dict.fromkeys([*frozen.policies, *(name for name, _ in covered)])),
    )


def _is_aws_own(path: str) -> bool:
    """Tell whether AWS lets nobody edit a role: those of Identity Center, and those linked to services."""
    return path.startswith(("/aws-reserved/", "/aws-service-role/"))


def _form(state: AccountState, user: str) -> Form:
    there = state.users[user]
    # A deny of somebody else's stays theirs to lift.
    already = form_of(there)
    return form_for(there, state.quotas, () if already is None else (already,))


def _up_to(form: Form) -> list[Form]:
    """Give a form and those that are tried before it."""
    every = list(Form)
    return every[: every.index(form) + 1]


def _deny(frozen: Containment, account: str, user: UserState) -> Iterator[Change]:
    why = f"deny {user.name} everything: {frozen.case or frozen.reason}"
    given: dict[str, Any] = {"UserName": user.name}
    match frozen.form(account):
        case Form.ATTACHED if DENY_ALL not in user.attached:
            call = Call("AttachUserPolicy", {**given, "PolicyArn": DENY_ALL})
        case Form.INLINE if user.inline.get(QUARANTINE) != deny_all():
            call = Call("PutUserPolicy", {**given, "PolicyName": QUARANTINE, "PolicyDocument": _text(deny_all())})
        case Form.BOUNDARY if user.boundary != DENY_ALL:
            call = Call("PutUserPermissionsBoundary", {**given, "PermissionsBoundary": DENY_ALL})
        case _:
            return
    yield Change(account, Phase.REVOKE, call, why)


def _switch(account: str, operation: str, user: str, key: str, name: str, what: str) -> Change:
    call = Call(operation, {"UserName": user, key: name, "Status": "Inactive"})
    return Change(account, Phase.REVOKE, call, f"switch off {what} {name}")


def _named(account: str, state: AccountState, user: str) -> Iterator[Change]:
    policy = freeze_policy(state)
    if policy is None or user in (frozen := frozen_by(policy.document)):
        return
    written = freeze_document(frozen | {user}, brakes_of_freeze(policy.document))
    most = Limits(state.quotas).of("VersionsPerPolicyQuota")
    yield from versions(account, policy, written, most, f"deny {user}'s sessions of every role of watchbill's")


def _deny_sessions(frozen: Containment, account: str, role: str, state: AccountState) -> Iterator[Change]:
    name, written = f"{REVOKE}-{frozen.user}", sessions_document(frozen, account, role)
    if state.roles[role].inline.get(name) == written:
        return
    given = {"RoleName": role, "PolicyName": name, "PolicyDocument": _text(written)}
    whose = "every session taken before" if (account, role) in frozen.ended else f"{frozen.user}'s sessions"
    yield Change(account, Phase.REVOKE, Call("PutRolePolicy", given), f"deny {whose} of {role}")


def _owned_groups(state: AccountState, user: str) -> list[str]:
    groups = state.users[user].groups if user in state.users else ()
    return sorted(name for name in groups if name in state.groups and state.groups[name].path == PATH)


def _theirs(shells: Iterable[Shell], user: str) -> Iterator[Shell]:
    """Give the shells of a person: opened by their user, or by a session that carries their name."""
    for shell in shells:
        resource = shell.owner.rpartition(":")[2]
        if resource.startswith(("user/", "assumed-role/")) and resource.rpartition("/")[2] == user:
            yield shell


def _last_of(team: Team, person: str) -> Iterator[str]:
    if team.leads and set(team.leads) <= {person}:
        yield f"{person} is the only lead: nobody is left who may restore them"


def _warnings(frozen: Containment, observed: Mapping[str, AccountState]) -> Iterator[str]:
    for name in frozen.accounts:
        if frozen.form(name) is Form.BOUNDARY:
            yield f"{name}: no policy has room on {frozen.user}, so the permissions boundary is replaced"
    for name, role in frozen.roles:
        state = observed[name]
        inline = {**state.roles[role].inline, REVOKE: sessions_document(frozen, name, role)}
        if sum(map(size, inline.values())) > state.quotas.get("RolePolicySizeQuota", _ROLE_ROOM):
            yield f"{name}: role {role} has no room for a deny: trim its inline policies, or its sessions live on"
        if (name, role) in frozen.ended:
            yield f"{name}: role {role} demands no name, so everybody's sessions of it end; they can be taken anew"
    for name, state in sorted(observed.items()):
        own = [role.name for role in state.roles.values() if role.path.startswith("/aws-reserved/sso.amazonaws.com/")]
        if own:
            yield f"{name}: {len(own)} roles of Identity Center can only be denied there"


def _text(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))
