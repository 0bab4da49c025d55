"""IAM Identity Center as it is and as it should be: permission sets, who is assigned them where, groups and people.

Everything is known by its name, which an instance has once: permission sets by theirs, groups by their display name. So
what is not made yet has the same name in what is desired as it will have in what is observed.

What is watchbill's says so in its name and in its description; neither has a path, and to read tags takes a call for
each permission set (API Reference, ListTagsForResource).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from watchbill.access.model import Document


PLACE = "identity-center"
"""The place of its changes, and of what a freeze does there; so it is of a directory's where that feeds it, so that
all of it has one order."""

PREFIX = "watchbill-"
"""How the names of permission sets and groups of watchbill's begin."""

RESERVED = "/aws-reserved/sso.amazonaws.com/"
"""How the IAM path of the roles begins that Identity Center makes of permission sets; nobody else changes them."""

_LONGEST = 32
"""Characters of the name of a permission set (API Reference, CreatePermissionSet)."""
_MARK = "Written by watchbill for team "


class Holder(StrEnum):
    """What a permission set is assigned to, as AWS writes it."""

    USER = "USER"
    GROUP = "GROUP"


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A customer-managed policy by name and path: it must be there in each account where a set is provisioned."""

    name: str
    path: str = "/"

    def arn_in(self, number: str) -> str:
        """Give the ARN of it in an account."""
        return f"arn:aws:iam::{number}:policy{self.path}{self.name}"


@dataclass(frozen=True, slots=True)
class SetState:
    """A permission set."""

    name: str
    arn: str = ""
    """Empty where it is not made yet."""
    team: str | None = None
    """The team whose file made it, by its description; None where it is not watchbill's."""
    references: frozenset[Reference] = frozenset()
    managed: frozenset[str] = frozenset()
    """ARNs of AWS's own policies."""
    inline: Document | None = None
    boundary: Reference | str | None = None
    """A policy of each account's, or the ARN of one of AWS's own."""
    session: str = "PT1H"
    """How long a session of it lasts, as ISO 8601 writes a span."""
    stale: frozenset[str] = frozenset()
    """Numbers of accounts where an older form of it is provisioned."""


@dataclass(frozen=True, slots=True, order=True)
class Assigned:
    """A permission set that somebody, or a group, has in an account."""

    account: str
    """Twelve digits."""
    permission_set: str
    """Its name."""
    holder: Holder
    principal: str
    """The id of a user, the display name of a group, or the id of a group that is there no more."""


@dataclass(frozen=True, slots=True)
class CenterGroup:
    """A group of the identity store."""

    name: str
    id: str = ""
    """Empty where it is not made yet."""
    team: str | None = None
    """The team whose file made it, by its description; None where it is not watchbill's."""
    members: Mapping[str, str] = field(default_factory=dict)
    """By the id of each user who is in it, the id of the membership; empty where that is not made yet."""


@dataclass(frozen=True, slots=True)
class CenterState:
    """What there is in an instance: observed when it was read from AWS, desired when compiled from the team file."""

    instance: str
    """ARN of it."""
    store: str
    """Id of its identity store."""
    management: str
    """Number of the organization's management account."""
    people: Mapping[str, str] = field(default_factory=dict)
    """By the name that the team file has for a person, their user id; who has none there is absent."""
    sets: Mapping[str, SetState] = field(default_factory=dict)
    """By name. Observed, it has all of watchbill's, and those that people of the file hold; of others the name alone
    is known, and is in `taken`."""
    assignments: frozenset[Assigned] = frozenset()
    """All of watchbill's sets, and all that people of the file hold by any set, themselves or by a group."""
    groups: Mapping[str, CenterGroup] = field(default_factory=dict)
    """By display name: watchbill's, and those that people of the file are in."""
    taken: frozenset[str] = frozenset()
    """Names of permission sets that are neither watchbill's nor held by people of the file."""
    unread: tuple[str, ...] = ()
    """What could not be read, and why: answers that hang on it are open."""
    former: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By name of whoever is another user than was let be (`moved`), their ids that are not in `people`."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """By name of whoever has no user there any more, the id that was let be: sessions of it may live on."""

    def groups_of(self, user: str) -> frozenset[str]:
        """Give the names of the groups that a user is in."""
        return frozenset(name for name, group in self.groups.items() if user in group.members)

    def assigned_to(self, user: str) -> frozenset[Assigned]:
        """Give what a user has, themselves or by a group."""
        groups = self.groups_of(user)
        return frozenset(
            each
            for each in self.assignments
            if each.principal == (user if each.holder is Holder.USER else None)
            or (each.holder is Holder.GROUP and each.principal in groups)
        )


def set_name(name: str) -> str:
    """Give the name of a permission set of watchbill's; one that would be too long is cut and made unmistakable."""
    whole = PREFIX + name
    if len(whole) <= _LONGEST:
        return whole
    digest = sha256(name.encode()).hexdigest()[:8]
    return f"{whole[: _LONGEST - 9]}-{digest}"


def group_name(name: str) -> str:
    """Give the display name of a group of watchbill's."""
    return PREFIX + name


def owner_of(team: str) -> str:
    """Give a team's name as a description has it: that takes no more than Latin-1 (API Reference)."""
    return re.sub(r"[^\x20-\x7e]", "_", team)[:200]


def mark_of(team: str) -> str:
    """Give the description of what a team's file makes."""
    return _MARK + owner_of(team)


def team_of(name: str, description: str | None) -> str | None:
    """Give the team whose file made something, by its name and description; None for what is not watchbill's."""
    if not name.startswith(PREFIX) or description is None or not description.startswith(_MARK):
        return None
    return description.removeprefix(_MARK)


def is_of_ours(name: str, path: str) -> bool:
    """Tell whether a role of an account is what Identity Center made there of a permission set of watchbill's name."""
    return path.startswith(RESERVED) and name.startswith(f"AWSReservedSSO_{PREFIX}")


def is_reserved_for(name: str, path: str, permission_set: str) -> bool:
    """Tell whether a role of an account is what Identity Center made there of a permission set."""
    made = re.fullmatch(r"AWSReservedSSO_(?P<set>.+)_[0-9a-f]{16}", name)
    return path.startswith(RESERVED) and made is not None and made["set"] == permission_set
