"""The shape of the team file: what editors complete and what is checked before anything is looked up.

Names that refer to something are checked in `files`, where the place in the file is known.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}$")]
"""A name that we choose: it becomes part of names in IAM."""
Key = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9+=,.@_-]{0,63}$")]
"""A name of IAM: IAM User Guide, "IAM and STS quotas"."""
Action = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9-]+:[A-Za-z0-9*?]+)$")]
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Length = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}[mhdw]$")]
Zone = Annotated[str, Field(description="An IANA time zone, such as Europe/London.")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
KindName = Literal["primary", "secondary", "shadow", "manager"]
Instant = Annotated[datetime | str, Field(description="An instant with its zone, such as 2026-01-12T09:00:00Z.")]
Filled = Annotated[str, StringConstraints(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False, arbitrary_types_allowed=False)


class AccountPart(_Part):
    """An AWS account."""

    number: Annotated[str, StringConstraints(pattern=r"^\d{12}$")] = Field(
        description='The twelve digits of the account, in quotes: "111111111111".'
    )
    environment: Filled = Field(description="`production` raises the severity of what happens there.")
    role: Key | None = Field(None, description="The role that watchbill assumes to reach the account.")


class PersonPart(_Part):
    """A person."""

    name: Filled = Field(description="Their full name.")
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")] = Field(description="Their address.")
    iam_user: Key | None = Field(None, description="The name of their IAM user; the key of the person by default.")
    time_zone: Zone = "UTC"
    networks: list[str] = Field(default_factory=list, description="CIDR blocks that are usual for them.")


class AccessPart(_Part):
    """A permission set held in some accounts at all times."""

    permission_set: str = Field(description="The name of a permission set.")
    accounts: Annotated[list[str], Field(min_length=1)] = Field(description="Names of accounts.")


class GroupPart(_Part):
    """A job role: its members get its access on joining."""

    members: list[str] = Field(default_factory=list, description="People of the file.")
    includes: list[str] = Field(default_factory=list, description="Groups whose members are members of this one too.")
    access: list[AccessPart] = Field(default_factory=list)


class PermissionSetPart(_Part):
    """What a job or a duty may do: actions on all resources, or a whole policy document."""

    description: str = ""
    allow: list[Action] = Field(default_factory=list, description="Actions, such as ec2:Describe*.")
    deny: list[Action] = Field(default_factory=list, description="Actions that nothing else can allow.")
    policy: dict[str, Any] | None = Field(None, description="An IAM policy document instead of allow and deny.")


class HandoffPart(_Part):
    """When a turn begins, by the layer's wall clock. The weekday is that of the anchor's date."""

    time: Clock


class AnchorPart(_Part):
    """Who starts, and on which local date: roster and turns are counted from here."""

    date: date
    member: str


class RestrictPart(_Part):
    """Weekly hours in which a layer is in force; `to` at or before `from` is on the next day."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    days: Literal["all"] | Annotated[list[Day], Field(min_length=1)]
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")


class LayerPart(_Part):
    """One rotation; where two of a kind overlap, the later in the file wins."""

    name: Name
    kind: KindName = "primary"
    time_zone: Zone
    members: Annotated[list[str], Field(min_length=1)]
    turn: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,2}(h|d|w|mo)$")] = Field(
        description="How long a turn is by the wall clock: 12h, 1d, 1w or 1mo."
    )
    handoff: HandoffPart
    anchor: AnchorPart
    restrict: list[RestrictPart] = Field(default_factory=list)


class OverridePart(_Part):
    """For a span, `add` takes over what `remove` holds, or all of it when no `remove` is named."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Name
    kind: KindName = "primary"
    start: Instant = Field(alias="from")
    end: Instant = Field(alias="to")
    add: str | None = None
    remove: str | None = None
    reason: Filled
    by: str


class LeavePart(_Part):
    """A person is away."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    person: str
    start: Instant = Field(alias="from")
    end: Instant = Field(alias="to")


class GracePart(_Part):
    """How much earlier and later than the shift its access holds; it never changes who is on call."""

    before: Length = "0m"
    after: Length = "0m"


class RotaPart(_Part):
    """All that decides who is on call for a duty, and what that gives."""

    accounts: Annotated[list[str], Field(min_length=1)]
    entitlement: dict[KindName, str] = Field(description="Permission set for each kind.")
    horizon: Length = Field("14d", description="How far ahead access is written; nothing is granted past it.")
    grace: GracePart = Field(default_factory=GracePart)
    required: list[KindName] = Field(["primary"], description="Kinds that must be covered around the clock.")
    layers: list[LayerPart] = Field(default_factory=list)
    overrides: list[OverridePart] = Field(default_factory=list)
    leave: list[LeavePart] = Field(default_factory=list)


class GrantPart(_Part):
    """A permission set for one person for a span."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Name
    person: str
    permission_set: str
    accounts: Annotated[list[str], Field(min_length=1)]
    start: Instant = Field(alias="from")
    end: Instant = Field(alias="to")
    reason: Filled
    approver: str


class TeamPart(_Part):
    """A team file: people, what they may hold, and who is on watch."""

    team: Filled = Field(description="The team's name.")
    accounts: dict[Name, AccountPart] = Field(default_factory=dict)
    people: dict[Name, PersonPart] = Field(default_factory=dict)
    groups: dict[Name, GroupPart] = Field(default_factory=dict)
    permission_sets: dict[Name, PermissionSetPart] = Field(default_factory=dict)
    rotas: dict[Name, RotaPart] = Field(default_factory=dict)
    grants: list[GrantPart] = Field(default_factory=list)
    networks: list[str] = Field(default_factory=list, description="CIDR blocks that are usual for everyone.")
    leads: list[str] = Field(default_factory=list, description="People who may decide cases and freeze.")
    protected: list[Key] = Field(default_factory=list, description="IAM names that a freeze refuses.")
    managed_by: list[Key] = Field(
        default_factory=lambda: ["watchbill"], description="IAM names that act for watchbill: not drift."
    )
    workloads: list[Key] = Field(default_factory=list, description="IAM users and roles that are machines.")
    session_names: Literal["iam_user", "email"] | None = Field(
        None, description="What role session names are by your convention; weak evidence, since callers choose them."
    )
