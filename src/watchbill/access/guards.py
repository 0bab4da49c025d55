"""Denies that stand beside every grant: what an on-call role may not leave behind, and what a job role may not become.

They are statements without dates, with Sids that stay the same from plan to plan; the caller packs them into policies.

* `on_call_statements` go on on-call roles: the two that follow, as far as the permission set needs them.
* `outlive_statements` are of whatever of the catalogue (`outlive`) is neither opted in to nor ordinary.
* `object_statements` keep what watchbill wrote as it is. They go on job roles, as the first of the guards, and on an
  on-call role that was opted in to changes of IAM: it must not take off its own fence.
* `guard_statements` go on the groups of job roles and of grants. Either may give `iam:*`, and without them whoever
  holds it could give themselves the rest: change what watchbill wrote, take another's keys, or be on call when they are
  not. Those after the first speak of IAM users only, by `${aws:username}`, which is in no request of a role's session.

An IAM user's ARN is `user/` with their path and their name, and a name has no slash in it. So `user/james` and
`user/*/james` are James wherever he lies, and nobody else; `user/*james` would be Mary-James too (IAM User Guide,
"IAM identifiers"). No read of IAM is denied, nor a member's own `sts:AssumeRole`.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from watchbill.access.documents import CENTER_USER, NOBODY, Statement
from watchbill.access.model import PATH, TAG
from watchbill.access.outlive import Family, kept_out, outliving
from watchbill.policy.actions import actions_matching


_OBJECTS = ("group", "role", "policy", "instance-profile")
"""Kinds of objects of IAM that have a path and are not users."""

_CHANGES = (
    "iam:Add*",
    "iam:Attach*",
    "iam:Create*",
    "iam:Delete*",
    "iam:Detach*",
    "iam:PassRole",
    "iam:Put*",
    "iam:Remove*",
    "iam:Set*",
    "iam:Tag*",
    "iam:Untag*",
    "iam:Update*",
)
"""Every verb of IAM that changes an object or uses it for something else, so that a new action is among them too."""

_OF_USERS = (
    "iam:AttachUserPolicy",
    "iam:CreateUser",
    "iam:DeleteUser",
    "iam:DeleteUserPermissionsBoundary",
    "iam:DeleteUserPolicy",
    "iam:DetachUserPolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:TagUser",
    "iam:UntagUser",
)
"""What makes a user somebody else, or gives them more, their own hand included."""

_OF_CREDENTIALS = (
    "iam:ChangePassword",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreateServiceSpecificCredential",
    "iam:DeactivateMFADevice",
    "iam:DeleteAccessKey",
    "iam:DeleteLoginProfile",
    "iam:DeleteSSHPublicKey",
    "iam:DeleteServiceSpecificCredential",
    "iam:DeleteSigningCertificate",
    "iam:EnableMFADevice",
    "iam:ResetServiceSpecificCredential",
    "iam:ResyncMFADevice",
    "iam:UpdateAccessKey",
    "iam:UpdateLoginProfile",
    "iam:UpdateSSHPublicKey",
    "iam:UpdateServiceSpecificCredential",
    "iam:UpdateSigningCertificate",
    "iam:UploadSSHPublicKey",
    "iam:UploadSigningCertificate",
)
"""What gives a way to sign in as a user, or takes it. All are on users: any other resource is no user's own."""

_TAKING = ("sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession")


def on_call_statements(number: str, may_outlive: Iterable[str]) -> tuple[Statement, ...]:
    """Give the Denies of an on-call role in an account; raises NotFoundError for a name that the catalogue has not.

    Whoever is opted in to anything of IAM is kept off what watchbill wrote: the role's own policies, fence and trust,
    and the ways in of the people on watch.
    """
    entries = outliving(may_outlive)
    found = outlive_statements(each.name for each in entries)
    if not any(action.startswith("iam:") for each in entries for action in each.actions):
        return found
    people = f"arn:aws:iam::{number}:user{PATH}*"
    return (*found, *object_statements(number), _deny("GuardSignIns", _OF_CREDENTIALS, people))


def outlive_statements(may_outlive: Iterable[str]) -> tuple[Statement, ...]:
    """Give the Denies of what can outlive a shift and is neither opted in to nor ordinary; raises NotFoundError.

    One for each family, and one for each entry with a condition. Packed together, they fit one managed policy.
    """
    found: list[Statement] = []
    entries = kept_out(may_outlive)
    for family in Family:
        mine = (each for each in entries if each.family is family and each.only is None)
        if actions := tuple(action for each in mine for action in each.actions):
            found.append(_deny(f"Outlive{family}", _shortened(actions), "*"))
    found += [
        {**_deny(f"Outlive{_sid(each.name)}", each.actions, "*"), "Condition": each.condition}
        for each in entries
        if each.only
    ]
    return tuple(found)


@lru_cache(maxsize=256)
def _shortened(actions: tuple[str, ...]) -> tuple[str, ...]:
    """Write what makes a thing and what changes it as one pattern, where AWS lists nothing else that it matches.

    `iam:CreateAccessKey` and `iam:UpdateAccessKey` are `iam:*ateAccessKey`: one policy has not the room for both.
    """
    found = dict.fromkeys(actions)
    for create in actions:
        update, both = create.replace(":Create", ":Update", 1), create.replace(":Create", ":*ate", 1)
        if update == create or update not in found:
            continue
        if set(actions_matching(both)) == {*actions_matching(create), *actions_matching(update)}:
            found = dict.fromkeys(both if each == create else each for each in found if each != update)
    return tuple(found)


def object_statements(number: str) -> tuple[Statement, ...]:
    """Give the Denies that keep an account's objects under watchbill's path as they are, and every user's name."""
    iam = f"arn:aws:iam::{number}"
    return (
        _deny("GuardObjects", _CHANGES, [f"{iam}:{kind}{PATH}*" for kind in _OBJECTS]),
        _deny("GuardUsers", _OF_USERS, f"{iam}:user{PATH}*"),
        # Who renames a user is asked for both names, and windows go by the name: nobody becomes another by it.
        _deny("GuardNames", ["iam:UpdateUser"], f"{iam}:user/*"),
    )


_OF_SETS = ("sso:Attach*", "sso:Create*", "sso:Delete*", "sso:Detach*", "sso:P*", "sso:Tag*", "sso:Un*", "sso:Update*")
"""Every verb of Identity Center that changes a permission set, or who has it."""
_OF_MEMBERS = ("identitystore:Create*", "identitystore:Delete*", "identitystore:Update*")


def center_statements() -> tuple[Statement, ...]:
    """Give the Denies that keep a job role from the permission sets of watchbill's, and from being put into groups.

    A set is known by its tag. A group has none, and no path: so no user, group or membership is changed at all.
    """
    tagged = {"StringLike": {f"aws:ResourceTag/{TAG}": "*"}}
    return (
        {**_deny("GuardSets", _OF_SETS, "*"), "Condition": tagged},
        _deny("GuardMembers", _OF_MEMBERS, "*"),
    )


def center_job_statements() -> tuple[Statement, ...]:
    """Give the Denies that keep a job role of Identity Center from giving itself more, in whichever account.

    Whoever has it has no IAM user of their own by it, so there is none whose keys and passwords it may change.
    """
    return (
        *object_statements("*"),
        _deny("GuardCredentials", _OF_CREDENTIALS, "arn:aws:iam::*:user/*"),
        *center_statements(),
    )


def frozen_statement(users: Collection[str]) -> Statement:
    """Give the Deny of everything to users of Identity Center, by their ids.

    It is there where it names nobody too, so that it can lie on every set beforehand, and one call freezes.
    """
    named = sorted(users) or [NOBODY]
    return {**_deny("GuardFrozen", ["*"], "*"), "Condition": {"StringEquals": {CENTER_USER: named}}}


def users_in(statement: Statement) -> frozenset[str]:
    """Give the ids that such a statement denies everything to; none for any other."""
    said = statement.get("Condition", {}).get("StringEquals", {}).get(CENTER_USER, ())
    named = frozenset([said] if isinstance(said, str) else said)
    return named - {NOBODY} if statement == frozen_statement(named) else frozenset()


def guard_statements(number: str, rota_members: Mapping[str, Collection[str]]) -> tuple[Statement, ...]:
    """Give the Denies that keep a job role in an account from giving itself more.

    `number` is the account's; `rota_members` has, by the name of each on-call role, the names of the IAM users who may
    come to take it.
    """
    iam = f"arn:aws:iam::{number}"
    own = [f"{iam}:user/${{aws:username}}", f"{iam}:user/*/${{aws:username}}"]
    return (
        *object_statements(number),
        {"Sid": "GuardCredentials", "Effect": "Deny", "Action": list(_OF_CREDENTIALS), "NotResource": own},
        *(
            _taken_by(members, _deny(f"Only{_sid(name)}", _TAKING, f"{iam}:role{PATH}{name}"))
            for name, members in sorted(rota_members.items())
        ),
    )


_PLAIN = re.compile(r"[a-z]+[0-9]*(-[a-z]+[0-9]*)*")
"""Names that no other makes the same words of."""


def _sid(name: str) -> str:
    """Write a name with letters and digits only, as a Sid must be: `oncall-platform` is `OncallPlatform`."""
    words = "".join(word.capitalize() for word in re.split("[^A-Za-z0-9]+", name))
    return words if _PLAIN.fullmatch(name) else words + sha256(name.encode()).hexdigest()[:8]


def _taken_by(members: Collection[str], deny: Statement) -> Statement:
    """Except those who may take a role from the Deny of it."""
    if not members:
        return deny
    return {**deny, "Condition": {"StringNotEquals": {"aws:username": sorted(members)}}}


def _deny(sid: str, actions: Sequence[str], resource: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Deny", "Action": list(actions), "Resource": resource}
