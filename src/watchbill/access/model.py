"""Entitlement over time, AWS state as it is and as it should be, and the plan between them: all of it data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from watchbill.errors import Location, Problem
from watchbill.intervals import Interval


PATH = "/watchbill/"
"""IAM path of everything watchbill owns; what lies elsewhere is shown, never changed by a plan."""

_OURS = f":policy{PATH}"


def is_ours(policy_arn: str) -> bool:
    """Tell whether a policy lies under watchbill's path itself; what lies deeper is somebody else's."""
    before, found, name = policy_arn.partition(_OURS)
    return bool(found) and "/" not in before + name


def last_of(arn: str) -> str:
    """Give the name at the end of an ARN, without its path."""
    return arn.rpartition("/")[2]


TAG = "watchbill:team"
"""The tag that says whose file an object is from; groups cannot have one, and those of policies are not read."""

QUARANTINE = "watchbill-quarantine"
"""Name of the inline policy that denies a frozen user everything."""

REVOKE = "watchbill-revoke"
"""Name of the inline policy that denies a frozen person's sessions on a role; suffixed with the person."""


FREEZE_POLICY = "watchbill-freeze"
"""Name of the policy on every role of watchbill's that denies everything to the sessions of whoever is frozen."""


@dataclass(frozen=True, slots=True, order=True)
class Holding:
    """A person holds a permission set in an account: always (`interval` None) or for a window."""

    person: str
    account: str
    permission_set: str
    interval: Interval | None
    through: str
    """`group developers`, `rota platform` or `grant g1`."""
    why: str
    """Why, in words the person would accept."""
    where: Location
    """The line of the team file that gives it."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """A person may do nothing in `[start, end)`; `end` None means until it is ended. Outranks everything."""

    name: str
    person: str
    start: datetime
    end: datetime | None
    case: str | None

    def covers(self, at: datetime) -> bool:
        """Tell whether the freeze is in force at an instant."""
        return self.start <= at and (self.end is None or at < self.end)


Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PolicyState:
    """A customer-managed policy."""

    arn: str
    name: str
    path: str
    document: Document
    """The default version."""
    versions: tuple[str, ...] = ()
    """Ids of versions that are not the default, oldest first."""
    team: str | None = None
    """The team whose file made it, by its tag; None where it has no such tag."""


@dataclass(frozen=True, slots=True)
class UserState:
    """An IAM user."""

    name: str
    arn: str
    path: str
    groups: frozenset[str] = frozenset()
    attached: frozenset[str] = frozenset()
    """ARNs of attached policies."""
    inline: Mapping[str, Document] = field(default_factory=dict)
    boundary: str | None = None
    """ARN of the policy that is its permissions boundary."""
    id: str = ""
    """AWS's unique id of it; another one of the same name has another. Empty where it is not known."""
    team: str | None = None
    """The team whose file made it, by its tag; None where it has no such tag."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """An IAM group."""

    name: str
    path: str
    attached: frozenset[str] = frozenset()
    inline: Mapping[str, Document] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoleState:
    """An IAM role."""

    name: str
    arn: str
    path: str
    trust: Document
    attached: frozenset[str] = frozenset()
    inline: Mapping[str, Document] = field(default_factory=dict)
    boundary: str | None = None
    """ARN of the policy that is its permissions boundary."""
    id: str = ""
    """AWS's unique id of it. Empty where it is not known."""
    team: str | None = None
    """The team whose file made it, by its tag; None where it has no such tag."""


@dataclass(frozen=True, slots=True)
class ControlPolicy:
    """A policy of an organization that bounds requests."""

    id: str
    name: str
    kind: str
    """`SERVICE_CONTROL_POLICY` or `RESOURCE_CONTROL_POLICY`."""
    document: Document


@dataclass(frozen=True, slots=True)
class LineageLevel:
    """A root, an organizational unit or an account, with the policies that are attached to it itself."""

    id: str
    name: str
    """`OU Production`."""
    scps: tuple[ControlPolicy, ...] = ()
    rcps: tuple[ControlPolicy, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where an account is in its organization, from the root down to itself; no levels where it is in none."""

    organization: str = ""
    levels: tuple[LineageLevel, ...] = ()
    is_management: bool = False
    """Whether it is the management account, which organization policies do not bound."""
    has_scps: bool = False
    """Whether service control policies are in force in the organization."""
    has_rcps: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A way into an account by Identity Center: what a permission set gives somebody there."""

    permission_set: str
    """Its name; empty where it is not known which there are, and `unread` says why."""
    user: str = ""
    """The id of the user in the identity store."""
    by: tuple[str, ...] = ()
    """`an assignment`, `group devs`."""
    attached: frozenset[str] = frozenset()
    """ARNs of policies."""
    inline: Mapping[str, Document] = field(default_factory=dict)
    boundary: str | None = None
    role: str | None = None
    """ARN of the role that Identity Center made of the set in the account; None where it was not found."""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An active access key as the credential report tells of it: not by its id."""

    since: datetime
    """When it was made, or last switched on or off."""
    used: datetime | None
    """When it was last used; None where it never was, as far as AWS knows."""


@dataclass(frozen=True, slots=True)
class AccountState:
    """The IAM of one account: observed when it was read from AWS, desired when compiled from the team file."""

    account: str
    number: str
    users: Mapping[str, UserState]
    groups: Mapping[str, GroupState]
    roles: Mapping[str, RoleState]
    policies: Mapping[str, PolicyState]
    """By ARN; in an observed state also those watchbill does not own, so that decisions can be made from it."""
    mfa: Mapping[str, bool] = field(default_factory=dict)
    """Whether each user has an MFA device, by the credential report; absent where it is not known."""
    quotas: Mapping[str, int] = field(default_factory=dict)
    """The account's real limits by the names of GetAccountSummary: `PolicySizeQuota`."""
    unread: tuple[str, ...] = ()
    """Layers that could not be read, and why: answers that hang on them are open."""
    lineage: Lineage | None = None
    """What the organization bounds it by; None where it was not asked, or could not be read."""
    unread_bounds: tuple[str, ...] = ()
    """What may deny and never give, and could not be read: where something is allowed, it depends."""
    entries: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    """Who comes in by Identity Center, by the name that their IAM user has or would have."""
    keys: Mapping[str, tuple[KeyUse, ...]] = field(default_factory=dict)
    """The active access keys of each user, by the credential report; absent where it is not known."""


def spelled(user: str, state: AccountState) -> str:
    """Give the name of an IAM user as an account spells it: IAM does not tell names apart by case, conditions do."""
    if user in state.users:
        return user
    return next((name for name in state.users if name.lower() == user.lower()), user)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A long-term access key of a user."""

    id: str
    active: bool


class DoorKind(StrEnum):
    """What a credential of a user is, besides access keys: each has a call of its own that switches it off."""

    SERVICE = "service credential"
    """A name and password, or an API key, for one service: CodeCommit, Keyspaces, Bedrock."""
    SSH = "SSH key"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Door:
    """A credential of a user besides access keys, which most forget."""

    kind: DoorKind
    id: str
    active: bool
    service: str = ""
    """The service that a service credential is for."""


@dataclass(frozen=True, slots=True)
class Device:
    """An MFA device of a user."""

    serial: str
    """For a virtual one its ARN."""
    since: datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """All that a user can prove who they are with."""

    keys: tuple[AccessKey, ...] = ()
    doors: tuple[Door, ...] = ()
    devices: tuple[Device, ...] = ()
    password: bool = False
    unread: tuple[str, ...] = ()
    """Kinds that could not be read, and why: they may be there."""


@dataclass(frozen=True, slots=True)
class Shell:
    """An open session of Session Manager: it survives every change of IAM."""

    id: str
    region: str
    owner: str
    """ARN of the user, or of the session of a role, that opened it."""
    target: str
    """The machine it is on."""


class Phase(IntEnum):
    """When a change is made. The order keeps a half-applied plan from granting more than either end state."""

    PREPARE = 0
    """Make objects that give nothing yet: users, groups, unattached policies."""
    FENCE = 1
    """Deny what is new to deny, before anything is given: gates and fences are only ever added to here."""
    REVOKE = 2
    ROLE = 3
    """Make roles and say who may take them, their fences attached before their permissions."""
    GRANT = 4
    RETIRE = 5
    """Take what an on-call role may do no more, now that it has what it may do instead."""
    UNFENCE = 6
    """Take old denies off, once nothing they stood before is there any more. Between those of roles that stay and the
    others, let go of the roles in whose place others of their rota now let people in."""
    TIDY = 7
    """Remove what nothing uses any more; AWS refuses to remove what is still attached."""


@dataclass(frozen=True, slots=True)
class Call:
    """One writing call, to AWS with the names of botocore's service model: what is shown is what is sent."""

    operation: str
    """`AddUserToGroup`."""
    parameters: Mapping[str, Any]
    service: str = "iam"
    """What is called: a service of AWS, or `host`, `okta` and the like; `console` is what only a person can do."""
    region: str = ""
    """The region it is called in; empty where the service is the same everywhere."""

    def __str__(self) -> str:
        names = [str(value) for key, value in self.parameters.items() if key.endswith(("Name", "Arn", "Id", "Status"))]
        return f"{self.service}:{self.operation}({', '.join([*names, *filter(None, [self.region])])})"


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a plan."""

    account: str
    """Where it is made: the name of an account, of a host or of a directory."""
    phase: Phase
    call: Call
    why: str
    diff: tuple[str, ...] = ()
    """How the statements of a policy change, a line each: `+ ...` and `- ...`."""


class Verb(StrEnum):
    """How a person's access changes."""

    GAINS = "gains"
    LOSES = "loses"


@dataclass(frozen=True, slots=True, order=True)
class Effect:
    """A change of a person's access, as a reader thinks of it; `interval` None means from now on, always."""

    person: str
    verb: Verb
    permission_set: str
    account: str
    interval: Interval | None
    why: str
    where: Location | None = None
    """The line of the team file that gives it; None where it is only in AWS."""


class DriftKind(StrEnum):
    """In what way AWS differs from what watchbill wrote."""

    ATTACHED = "attached"
    DETACHED = "detached"
    INLINE = "inline"
    JOINED = "joined"
    LEFT = "left"
    DOCUMENT = "document"
    TRUST = "trust"
    BOUNDARY = "boundary"
    MISSING = "missing"
    UNKNOWN_USER = "unknown user"


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that others did to watchbill's own objects."""

    account: str
    principal: str
    """ARN of the user, group, role or policy."""
    what: str
    """In words."""
    other: str | None
    """ARN or name of the policy, or name of the group, that it is about."""
    kind: DriftKind = DriftKind.ATTACHED
    healed: bool = False
    """Whether the plan undoes it; what denies, or cannot be read, is left for a person to decide."""
    given: tuple[tuple[str, str, str], ...] = ()
    """What it gives by Identity Center: a person, the number of an account, and a permission set of there, for each."""
    people: tuple[str, ...] = ()
    """Names of those of the team whom it is about: who gains or loses by it."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much of a limit of AWS a plan comes to use in an account."""

    account: str
    what: str
    """`policies attached to role oncall-platform`."""
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What turns the observed state into the desired one, in order. Applying it does this and nothing else."""

    id: str
    made_at: datetime
    team_digest: str
    observed_digest: str
    effects: tuple[Effect, ...]
    changes: tuple[Change, ...]
    drift: tuple[Drift, ...]
    problems: tuple[Problem, ...]
    """What stops the plan from being applied: a gap in required coverage, a limit of AWS exceeded."""
    warnings: tuple[Problem, ...] = ()
    """What a reviewer should know of it, and what does not stop it."""
    capacity: tuple[Capacity, ...] = ()
    """The limits that are nearest, the fullest first."""

    def __bool__(self) -> bool:
        return bool(self.changes)


class State(StrEnum):
    """What became of a change."""

    BEGUN = "begun"
    """It is being made; where that is the last that is known of it, it is made again."""
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not tried, because a change before it that it rests on failed."""
    WAITING = "waiting"
    """A person has to do it, and to say so."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change."""

    number: int
    change: Change
    state: State
    error: str | None = None
