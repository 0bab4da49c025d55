"""The shape of the team file: what editors complete and what is checked before anything is looked up.

Values are strict: nothing is turned from one type into another. Dates and instants are text here; whether they exist
is checked in `names`, as are names that refer to something, where the place in the file is known.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}$")]
"""A name that we choose: it becomes part of names in IAM."""
Key = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9+=,.@_-]{0,63}$")]
"""A name of IAM: IAM User Guide, "IAM and STS quotas"."""
Action = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9-]+:[A-Za-z0-9*?]+)$")]
Call = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+:[A-Za-z0-9*?]+$")]
"""What was called, of what service, as cases write it, with `*` and `?`. One that is `*` alone would be anything."""
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Length = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}[mhdw]$")]
LocalDate = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
LocalTime = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
Service = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
"""What stands before the colon of an action."""
Managed = Annotated[
    str,
    StringConstraints(
        pattern=r"^(arn:aws[a-z-]*:iam::aws:policy/([A-Za-z0-9+=,.@_-]+/)*)?[A-Za-z0-9+=,.@_-]{1,128}$",
    ),
]
"""An AWS managed policy, by name or ARN."""
Bound = Annotated[
    str,
    StringConstraints(
        pattern=r"^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/([A-Za-z0-9+=,.@_-]+/)*)?[A-Za-z0-9+=,.@_-]{1,128}$",
    ),
]
"""Any managed policy, AWS's or one of the accounts' own, by name or ARN."""
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
HostUser = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,255}\$?$")]
"""A user of hosts, of a domain too: useradd(8)."""
LocalUser = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")]
"""A user of one host: useradd(8), without what a shell or a command could take for something else."""
SudoCommand = Annotated[
    str,
    StringConstraints(pattern=r"^(/[A-Za-z0-9_][A-Za-z0-9_.+@-]*)+( [A-Za-z0-9_./+@:=,-]+)*$", max_length=500),
]
"""A command of sudoers(5): its whole path and its arguments, without what is a pattern there or starts a comment."""
Web = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
Issuer = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$")]
"""The issuer of tokens, to the letter: OpenID Connect Core 1.0, section 2, `iss`."""
SshKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^(SHA256:[A-Za-z0-9+/]{43}|"
        r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|"
        r"sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]{20,4000}={0,2}( [^\x00-\x1f\x7f]{0,200})?)$"
    ),
]
"""A public key as its file has it; or its fingerprint as ssh-keygen(1) and sshd(8) print it: no padding."""
StoreUser = Annotated[
    str, StringConstraints(pattern=r"^([0-9a-f]{10}-)?[A-Fa-f0-9]{8}(-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}$")
]
"""The id of a user: Identity Store API Reference, "User"."""
CiUser = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*(/[A-Za-z0-9._~/-]*)?:[A-Za-z0-9_.@-]+$")]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$")]
Instance = Annotated[str, StringConstraints(pattern=r"^(i-[0-9a-f]{8}|m?i-[0-9a-f]{17})$")]
"""An instance of EC2, or one that Systems Manager manages elsewhere: Systems Manager API Reference, "Target"."""
Subject = Annotated[str, StringConstraints(pattern=r"^\S{1,255}$")]
"""The subject of a token, with `*` for any characters. One that is all `*` would be anybody's."""
Channel = Annotated[str, StringConstraints(pattern=r"^([CG][A-Z0-9]{8,20}|#[^\s#@,.]{1,79})$")]
"""A channel of Slack: its id, or `#` and its name, of 80 characters at most."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
KindName = Literal["primary", "secondary", "shadow", "manager"]
RoleName = Literal["viewer", "auditor", "lead", "admin"]
Scope = Annotated[str, StringConstraints(pattern=r"^[!#-\[\]-~]+$")]
"""A scope: RFC 6749, section 3.3."""
NoticeName = Literal["question", "answered", "escalation", "update", "stand-in", "request", "help", "news"]
_USUALLY_TOLD: tuple[NoticeName, ...] = ("escalation", "update", "stand-in")
Filled = Annotated[str, StringConstraints(min_length=1)]
Sentence = Annotated[str, StringConstraints(pattern=r"\S")]
Level = Literal["list", "read", "write", "tagging", "permissions"]
Named = Annotated[list[str], Field(min_length=1)]
ModeName = Literal["observe", "propose", "enforce"]
ChangeName = Literal["removal", "schedule", "new-access", "new-person", "new-capability"]
"""Changes that may be let go unattended."""
_UNATTENDED: tuple[ChangeName, ...] = ("removal", "schedule")
WeighedName = Literal[
    "removal",
    "schedule",
    "new-access",
    "new-person",
    "new-capability",
    "self-added",
    "unknown-author",
    "safeguard",
    "warned",
    "first",
]


def _form_of_days(value: object) -> str:
    return "[list]" if isinstance(value, list) else "[all]"


Days = Annotated[
    Annotated[Literal["all"], Tag("[all]")] | Annotated[list[Day], Field(min_length=1), Tag("[list]")],
    Discriminator(_form_of_days),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class AccountPart(_Part):
    """An AWS account."""

    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")] = Field(
        description='The twelve digits of the account, in quotes: "111111111111".'
    )
    environment: Filled = Field(description="`production` raises the severity of what happens there.")
    role: Key | None = Field(None, description="The role that watchbill assumes to reach the account.")
    mode: ModeName = Field(
        "propose",
        description="observe: nothing is written; propose: plans wait for a person; enforce: applied at once.",
    )


class PersonPart(_Part):
    """A person."""

    name: Filled = Field(description="Their full name.")
    email: Address = Field(description="Their address.")
    iam_user: Key | None = Field(None, description="The name of their IAM user; the key of the person by default.")
    time_zone: str = Field("UTC", description="Where they live: an IANA time zone, such as Europe/London.")
    networks: list[str] = Field(default_factory=list, description="CIDR blocks that are usual for them.")
    holidays: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")] | None = Field(
        None, description="Where they live, if they have public holidays off: a country, GB, or a part of it, GB-SCT."
    )
    host_users: list[HostUser] = Field(default_factory=list, description="Users of hosts that are theirs alone.")
    ssh_keys: list[SshKey] = Field(
        default_factory=list,
        description="Their SSH keys: the line of a .pub file, which certificates take, or what `ssh-keygen -l` prints.",
    )
    identity_center_user: StoreUser | None = Field(
        None, description="Their user id in IAM Identity Center: `aws identitystore list-users` gives it."
    )
    also_known_as: list[Address] = Field(
        default_factory=list, description="More addresses by which identity providers know them."
    )
    ci_users: list[CiUser] = Field(
        default_factory=list,
        description="Their logins where runs of CI start, after the host that issues the tokens: gitlab.com:ana.",
    )


_BY = "By what it is delivered: IAM users and roles, or permission sets of `identity_center`."
ByName = Literal["iam", "identity center"]


class AccessPart(_Part):
    """A permission set held in some accounts at all times."""

    permission_set: str = Field(description="The name of a permission set.")
    accounts: Named = Field(description="Names of accounts.")
    by: ByName = Field("iam", description=_BY)


class GroupPart(_Part):
    """A job role: its members get its access on joining."""

    members: list[str] = Field(default_factory=list, description="People of the file.")
    includes: list[str] = Field(default_factory=list, description="Groups whose members are members of this one too.")
    access: list[AccessPart] = Field(default_factory=list, description="What its members hold at all times.")
    reviewer: str | None = Field(
        None, description="The person who reviews who is in it; the leads where nobody is named."
    )


class ShellsPart(_Part):
    """Shells by Session Manager on hosts that have these tags; and by SSH, where users of hosts are named."""

    tags: Annotated[
        dict[
            Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/=+@-]{1,127}$")],
            Annotated[list[Annotated[str, StringConstraints(pattern=r"^[^*?$]{1,256}$")]], Field(min_length=1)],
        ],
        Field(min_length=1),
    ] = Field(description="Tags that a host has all of, each with one of these values: {Environment: [production]}.")
    users: list[LocalUser] = Field(
        default_factory=list, description="Users of the hosts for whom EC2 Instance Connect sends a key: [ec2-user]."
    )
    end_after: Length | None = Field(
        None, description="How long after a watch a pass ends what is still open of it: 15m. By default it stays open."
    )


class PermissionSetPart(_Part):
    """What a job or a duty may do: actions on all resources, or a whole policy document; beside it AWS's policies."""

    description: str = Field("", description="What it is for, in the team's words.")
    allow: list[Action] = Field(default_factory=list, description="Actions, such as ec2:Describe*.")
    deny: list[Action] = Field(default_factory=list, description="Actions that nothing else can allow.")
    capabilities: dict[Service, Annotated[list[Level], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="By service, the access levels whose actions are allowed: {ec2: [list, read]}.",
    )
    policy: dict[str, Any] | None = Field(
        None, description="An IAM policy document instead of allow, deny and capabilities."
    )
    managed: list[Managed] = Field(
        default_factory=list, description="AWS managed policies besides, by name or ARN: PowerUserAccess."
    )
    shells: ShellsPart | None = Field(default=None, description="On which hosts it opens shells, by their tags.")
    may_outlive: list[Filled] = Field(
        default_factory=list,
        description="What it may do on call although the effect can outlive the shift, by the name a plan gives it.",
    )


class HandoffPart(_Part):
    """When a turn begins, by the layer's wall clock."""

    day: Day | None = Field(None, description="The weekday, for the reader: it must be that of the anchor's date.")
    time: Clock = Field(description='The time of day in quotes: "09:00".')


class AnchorPart(_Part):
    """Who starts, and on which local date: roster and turns are counted from here."""

    date: LocalDate = Field(description="The local date on which a turn begins, such as 2026-01-12.")
    member: str = Field(description="The member whose turn begins then.")


class RosterPart(_Part):
    """Who takes part from a date on: it changes neither turns before nor the one that is running then."""

    since: LocalDate = Field(alias="from", description="From the first turn that begins on this local date or later.")
    members: Named = Field(description="People of the file, in the order of their turns.")
    first: str | None = Field(None, description="Whose turn that is; by default it goes on from before.")


class RestrictPart(_Part):
    """Weekly hours; `to` at or before `from` is on the next day."""

    days: Days = Field(description="`all`, or the weekdays on which the hours begin: [mon, tue].")
    start: Clock = Field(alias="from", description='The time of day in quotes at which the hours begin: "09:00".')
    end: Clock = Field(alias="to", description="The time of day in quotes at which they end.")


class RecursPart(_Part):
    """Shifts that recur by a rule, instead of turn, handoff and anchor."""

    start: LocalTime = Field(description="When the first begins by the layer's wall clock: 2026-01-10T09:00.")
    length: Length = Field(description="How long each is by the wall clock: 12h, 2d.")
    rule: Filled = Field(description="A recurrence rule of RFC 5545: FREQ=WEEKLY;BYDAY=SA,SU.")
    without: list[LocalTime] = Field(default_factory=list, description="Local starts that are left out.")
    also: list[LocalTime] = Field(default_factory=list, description="Local starts besides those of the rule.")
    each: Annotated[int, Field(ge=1, le=999)] | Literal["everyone"] = Field(
        1, description="How many in a row one member takes; `everyone` is on call together."
    )


class FeedPart(_Part):
    """An outside schedule, instead of turns. Its members alone may come to be on call by it."""

    form: Literal["ics", "csv", "pagerduty", "goalert", "opsgenie", "grafana"] = Field(
        "ics", description="What it is: a calendar, a table, or what that product's API answers."
    )
    secret: Variable | None = Field(
        None, description="The environment variable that holds its address, which is a secret and stands nowhere else."
    )
    file: Filled | None = Field(None, description="A file, from where the team file is, instead of an address.")
    most_change: Annotated[float, Field(ge=0, le=1)] = Field(
        0.25, description="The share of the coming month that a new copy may change before a person must say yes."
    )


class LayerPart(_Part):
    """One part of a rota; where two of a kind overlap, the later in the file wins."""

    name: Name = Field(description="What shifts of this layer are said to come from.")
    kind: KindName = Field("primary", description="In what capacity its members are on call.")
    time_zone: str = Field(description="Whose wall clock it goes by: an IANA time zone, such as Europe/London.")
    members: Named = Field(description="People of the file, in the order of their turns.")
    turn: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,2}(h|d|w|mo)$")] | None = Field(
        None, description="How long a turn is by the wall clock: 12h, 1d, 1w or 1mo."
    )
    handoff: HandoffPart | None = Field(None, description="When a turn begins.")
    anchor: AnchorPart | None = Field(None, description="Where counting starts.")
    rosters: list[RosterPart] = Field(default_factory=list, description="Other members, each from a date on.")
    recurs: RecursPart | None = Field(None, description="Shifts by a recurrence rule, instead of turns.")
    feed: FeedPart | None = Field(None, description="Shifts from an outside schedule, instead of turns.")
    restrict: list[RestrictPart] = Field(
        default_factory=list, description="Weekly hours in which the layer is in force; around the clock by default."
    )
    beside: bool = Field(default=False, description="On call together with the layer before it, not instead of it.")
    start: str | None = Field(None, alias="from", description="In force from this instant: 2026-01-12T09:00:00Z.")
    end: str | None = Field(None, alias="to", description="In force up to this instant: 2026-01-13T09:00:00Z.")


class StintPart(_Part):
    """One person for a span."""

    person: str = Field(description="Who is on call.")
    start: str = Field(alias="from", description="From this instant, with its zone: 2026-01-12T09:00:00Z.")
    end: str = Field(alias="to", description="Up to this instant, with its zone: 2026-01-13T09:00:00Z.")


class OverridePart(_Part):
    """For a span: `add` takes over what `remove` holds, or all of it; or two swap; or stints stand instead."""

    name: Name = Field(description="What shifts of this override are said to come from.")
    kind: KindName = Field("primary", description="In what capacity they are on call.")
    start: str = Field(alias="from", description="From this instant, with its zone: 2026-01-12T09:00:00Z.")
    end: str = Field(alias="to", description="Up to this instant, with its zone: 2026-01-13T09:00:00Z.")
    add: str | None = Field(None, description="The person who takes over.")
    remove: str | None = Field(None, description="The person who is relieved.")
    beside: bool = Field(default=False, description="`add` is on call together with whoever is, not instead.")
    swap: Annotated[list[str], Field(min_length=2, max_length=2)] | None = Field(
        None, description="Two people who exchange what they hold in the span."
    )
    instead: list[StintPart] | None = Field(None, description="All there is in the span, whatever the layers say.")
    reason: Filled = Field(description="Why, for whoever reads the audit.")
    by: str = Field(description="The person who arranged it.")


class LeavePart(_Part):
    """A person is away from every rota."""

    person: str = Field(description="Who is away.")
    start: str = Field(
        alias="from", description="From this instant, 2026-01-12T00:00:00Z, or from midnight of a date where they live."
    )
    end: str = Field(alias="to", description="Up to this instant, or to midnight of the date on which they are back.")


class RequiredPart(_Part):
    """How many people of a kind must be on call at once, and when."""

    kind: KindName = Field("primary", description="In what capacity.")
    people: Annotated[int, Field(ge=1, le=99)] = Field(1, description="How many, at the least.")
    time_zone: str = Field("UTC", description="Whose wall clock the hours go by.")
    hours: list[RestrictPart] = Field(default_factory=list, description="Weekly hours; around the clock by default.")


def _form_of_required(value: object) -> str:
    return "[kind]" if isinstance(value, str) else "[whole]"


class GracePart(_Part):
    """How much earlier and later than the shift its access holds; it never changes who is on call."""

    before: Length = Field(default="0m", description="How much earlier: 15m or 1h.")
    after: Length = Field(default="0m", description="How much later: 15m or 1h.")


def _form_of_sudo(value: object) -> str:
    return "[list]" if isinstance(value, list) else "[all]"


Sudo = Annotated[
    Annotated[Literal["all"], Tag("[all]")] | Annotated[list[SudoCommand], Field(min_length=1), Tag("[list]")],
    Discriminator(_form_of_sudo),
]


class RotaPart(_Part):
    """All that decides who is on call for a duty, and what that gives."""

    accounts: Named = Field(description="Names of accounts in which being on call gives access.")
    entitlement: dict[KindName, str] = Field(description="Permission set for each kind; an absent kind gives nothing.")
    horizon: Length = Field("14d", description="How far ahead access is written; nothing is granted past it.")
    grace: GracePart = Field(default_factory=GracePart, description="Access a little around the shift.")
    required: list[
        Annotated[
            Annotated[KindName, Tag("[kind]")] | Annotated[RequiredPart, Tag("[whole]")],
            Discriminator(_form_of_required),
        ]
    ] = Field(["primary"], description="What must be covered: a kind around the clock, or how many people and when.")
    by: ByName = Field("iam", description=_BY)
    rest: Length = Field("11h", description="The least time between two shifts of one person; `oncall check` holds it.")
    layers: list[LayerPart] = Field(default_factory=list, description="Rotations; a later one wins over an earlier.")
    overrides: list[OverridePart] = Field(default_factory=list, description="Swaps and covers for a span.")
    mode: ModeName | None = Field(None, description="A mode stricter than that of its accounts, to watch it first.")
    hosts: list[str] = Field(default_factory=list, description="Hosts, with addresses, on which it gives sudo or ssh.")
    sudo: Sudo | None = Field(
        None, description="What is run there as root: `all`, or commands: [/usr/bin/systemctl restart shop]."
    )
    ssh: bool = Field(
        default=False, description="Whether certificates let people sign in there for the time of their shifts."
    )


class GrantPart(_Part):
    """A permission set for one person for a span."""

    name: Name = Field(description="What the access is said to come from.")
    person: str = Field(description="Who receives it.")
    permission_set: str = Field(description="The name of a permission set.")
    accounts: Named = Field(description="Names of accounts.")
    start: str = Field(alias="from", description="From this instant, with its zone: 2026-01-12T09:00:00Z.")
    end: str = Field(alias="to", description="Up to this instant, with its zone: 2026-01-13T09:00:00Z.")
    reason: Filled = Field(description="Why, for whoever reads the audit.")
    approver: str = Field(description="The person who approved it: somebody else than the receiver.")
    by: ByName = Field("iam", description="By IAM users, or by permission sets of IAM Identity Center.")


class KeysPart(_Part):
    """From when on `plan` tells of active access keys; none is ever switched off for it."""

    max_age: Length | None = Field(None, description="How old a key may be: 90d.")
    unused: Length | None = Field(None, description="How long a key may go unused, or never be used: 45d.")


class BreakGlassPart(_Part):
    """An IAM user for when all else fails: watchbill leaves it alone, and tells of every use."""

    iam_user: Key = Field(description="The name of the IAM user; nobody's own.")
    accounts: Named = Field(description="Names of accounts in which it is.")


class WorkloadPart(_Part):
    """A machine: an IAM user, a role, or whatever has OIDC tokens of its own, such as a pipeline."""

    owner: str | None = Field(None, description="The person or the group that answers for it.")
    actions: list[Action] = Field(
        default_factory=list, description="What it is expected to do, such as s3:Put*; empty says nothing of it."
    )
    subjects: list[Subject] = Field(
        default_factory=list,
        description="Subjects of its OIDC tokens, with `*` for any characters: repo:acme/shop:ref:refs/heads/*. The "
        "issuing host may stand before one: token.actions.githubusercontent.com:repo:acme/shop:*.",
    )


class SuppressPart(_Part):
    """What is not worth a case for a while: all that is said here must hold of it."""

    rule: Filled | None = Field(None, description="Id or title of a rule, or a signal of watchbill's own: no-mfa.")
    person: str | None = Field(None, description="Who did it; nobody of `leads` or `security_leads`.")
    network: str | None = Field(None, description="A CIDR block that it came from.")
    account: str | None = Field(None, description="The account it was done in, by name.")
    action: Call | None = Field(
        None, description="What was called, as a case writes it, with `*` for any characters: iam:CreateAccessKey."
    )
    until: LocalDate = Field(
        description="It ends when this date begins, in UTC, and covers what happened in the year before that at most."
    )
    reason: Sentence = Field(description="Why, for whoever reads the audit.")


class QuietHoursPart(_Part):
    """When what is not severe wakes nobody; `to` at or before `from` is on the next day."""

    time_zone: str = Field(description="Whose wall clock the hours go by: an IANA time zone, such as Europe/London.")
    start: Clock = Field(alias="from", description='The time of day in quotes at which they begin: "22:00".')
    end: Clock = Field(alias="to", description='The time of day in quotes at which they end: "07:00".')
    days: Days = Field("all", description="`all`, or the weekdays on which they begin: [mon, tue].")
    below: Literal["low", "medium", "high", "critical"] = Field(
        "high", description="What is less severe than this waits for the end of them."
    )


class AlertsPart(_Part):
    """How loud it is."""

    suppress: list[SuppressPart] = Field(default_factory=list, description="What makes no case for a while.")
    quiet_hours: QuietHoursPart | None = Field(default=None, description="When what is not severe wakes nobody.")
    stage: dict[Filled, Literal["staged", "live"]] = Field(
        default_factory=dict,
        description="By id or title of a rule: `live`, a hit opens a case; `staged`, it is evidence only.",
    )


class SlackPart(_Part):
    """How Slack is used."""

    channel: Channel | None = Field(
        None, description="Where leads are told: the id of a channel, C0123456789, or #oncall; else a message to them."
    )
    respond: Literal["off", "verdicts", "freeze"] = Field(
        "freeze", description="What leads may do by a button: nothing, give verdicts, or freeze as well."
    )


class NotifyPart(_Part):
    """One more way by which leads are told; `mail` reaches people as well."""

    name: Name = Field(description="What it is called.")
    kind: Literal["mail", "apprise", "pagerduty", "webhook"] = Field(description="How it is spoken to.")
    to: Address | None = Field(None, description="With `mail`: the address of the leads; by default their own.")
    secret: Variable | None = Field(
        None,
        description="The environment variable with the address of Apprise or a webhook, or PagerDuty's routing key; "
        "the same with _FILE behind it may name a file.",
    )
    on: Annotated[list[NoticeName], Field(min_length=1)] = Field(
        default_factory=lambda: list(_USUALLY_TOLD), description="Of what it tells."
    )


class HostPart(_Part):
    """A host, and how watchbill reaches it: to freeze people, to give sudo by shift. Without an address it does not."""

    instance: Instance | None = Field(None, description="Its instance id.")
    address: HostName | None = Field(None, description="The name or address at which its sshd is reached.")
    user: LocalUser = Field("watchbill", description="As whom watchbill signs in: a user who may use sudo.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(22, description="The port of its sshd.")


def _form_of_host(value: object) -> str:
    return "[instance]" if isinstance(value, str) else "[whole]"


class DirectoryPart(_Part):
    """An identity provider in which a frozen person is suspended and signed out."""

    kind: Literal["okta", "entra", "google"] = Field(description="Whose it is.")
    secret: Variable = Field(
        description="The environment variable with Okta's API token, Entra's client secret, or the JSON of Google's "
        "service account; the same with _FILE behind it may name a file."
    )
    url: Web | None = Field(None, description="With `okta`: its address, https://acme.okta.com.")
    tenant: Filled | None = Field(None, description="With `entra`: the id of the tenant.")
    client: Filled | None = Field(None, description="With `entra`: the id of the application.")
    admin: Address | None = Field(None, description="With `google`: the administrator the service account acts for.")


class SignInPart(_Part):
    """The identity provider at which people sign in to the pages: OpenID Connect."""

    issuer: Issuer = Field(description="Its issuer, to the letter as its tokens name it: https://acme.okta.com.")
    client: Filled = Field(description="The id of the client that it knows watchbill by.")
    secret: Variable = Field(
        description="The environment variable with the secret of that client; the same with _FILE behind it may name "
        "a file."
    )
    scopes: list[Scope] = Field(default_factory=list, description="What is asked for beside openid, email and profile.")
    groups_claim: Filled = Field("groups", description="The claim that names the groups somebody is in.")
    roles: Annotated[dict[RoleName, Named], Field(min_length=1)] = Field(
        description="By role (viewer, auditor, lead, admin) the groups whose members have it; who is in none sees "
        "nothing but questions to themselves."
    )


class WebPart(_Part):
    """The pages that people look at, served by `watchbill serve`."""

    base: Web = Field(description="Where people reach them: https://watchbill.example.com, or http://127.0.0.1:8470.")
    sign_in: SignInPart | None = Field(
        None, description="Where people sign in; without it, by a one-time link on the machine itself."
    )


class IdentityCenterPart(_Part):
    """IAM Identity Center, by which access may be delivered, and from which a frozen person is taken out."""

    account: str = Field(description="The account that manages it: the management account, or a delegated one.")
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")] = Field(
        description="The region that it is in: eu-west-1."
    )
    store: Annotated[
        str, StringConstraints(pattern=r"^d-[0-9a-f]{10}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
    ] = Field(description="The id of its identity store: d-1234567890.")
    instance: Annotated[
        str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sso:::instance/(sso)?ins-[a-zA-Z0-9-.]{16}$")
    ] = Field(description="The ARN of the instance, as `aws sso-admin list-instances` gives it.")
    policy: Annotated[str, StringConstraints(pattern=r"^p-[0-9a-zA-Z_]{8,128}$")] | None = Field(
        None, description="The id of a service control policy, attached beforehand, in which the frozen are listed."
    )
    fed_by: str | None = Field(
        None, description="The directory that feeds it by SCIM; none where it has its own users."
    )


class ApprovalPart(_Part):
    """Which changes of this file are applied by themselves in accounts that enforce it."""

    unattended: list[ChangeName] = Field(
        default_factory=lambda: list(_UNATTENDED),
        description="Changes that wait for nobody, where who wrote them is known and gains nothing by them.",
    )
    two_people: list[WeighedName] = Field(
        default_factory=list, description="Changes that wait for two leads rather than one."
    )


class TeamPart(_Part):
    """A team file: people, what they may hold, and who is on watch."""

    team: Filled = Field(description="The team's name.")
    accounts: dict[Name, AccountPart] = Field(default_factory=dict, description="AWS accounts by the name you use.")
    people: dict[Name, PersonPart] = Field(default_factory=dict, description="People by the name you use.")
    groups: dict[Name, GroupPart] = Field(default_factory=dict, description="Job roles and what they hold.")
    permission_sets: dict[Name, PermissionSetPart] = Field(
        default_factory=dict, description="Named policies that groups, rotas and grants give."
    )
    rotas: dict[Name, RotaPart] = Field(default_factory=dict, description="Duties and who is on call for them.")
    leave: list[LeavePart] = Field(default_factory=list, description="Who is away when; their turns leave a gap.")
    grants: list[GrantPart] = Field(default_factory=list, description="Access for one person for a span.")
    networks: list[str] = Field(default_factory=list, description="CIDR blocks that are usual for everyone.")
    leads: list[str] = Field(default_factory=list, description="People who may decide cases and freeze.")
    protected: list[Key] = Field(default_factory=list, description="IAM names that a freeze refuses.")
    managed_by: list[Key] = Field(
        default_factory=lambda: ["watchbill"], description="IAM names that act for watchbill: not drift."
    )
    workloads: dict[Key, WorkloadPart] = Field(
        default_factory=dict, description="IAM users, roles and pipelines that are machines, by name."
    )
    hosts: dict[
        HostName,
        Annotated[
            Annotated[Instance, Tag("[instance]")] | Annotated[HostPart, Tag("[whole]")], Discriminator(_form_of_host)
        ],
    ] = Field(
        default_factory=dict,
        description="Hosts by the name that they have in their own logs: an instance id, or how they are reached too.",
    )
    directories: dict[Name, DirectoryPart] = Field(
        default_factory=dict, description="Identity providers in which a frozen person is suspended, by name."
    )
    identity_center: IdentityCenterPart | None = Field(
        default=None,
        description="IAM Identity Center, by which access may be delivered, and which a frozen person is taken out of.",
    )
    organization: str | None = Field(
        None,
        description="The account by which AWS Organizations is read: the management account, or one that is delegated "
        "for any service [default: the account of identity_center].",
    )
    session_names: Literal["iam_user", "email"] | None = Field(
        None, description="What role session names are by your convention; weak evidence, since callers choose them."
    )
    break_glass: list[BreakGlassPart] = Field(
        default_factory=list, description="IAM users for when all else fails; a freeze refuses them."
    )
    keys: KeysPart | None = Field(default=None, description="What is said of access keys, and when.")
    ceiling: Bound | None = Field(
        None,
        description="The policy that bounds every role watchbill makes: a name in each account, or an ARN.",
    )
    invariants: list[Sentence] = Field(
        default_factory=list, description="What no plan may break: support never ec2:TerminateInstances."
    )
    security_leads: list[str] = Field(
        default_factory=list, description="People who alone may see that a case may be an insider's."
    )
    alerts: AlertsPart = Field(default_factory=AlertsPart, description="How loud it is.")
    slack: SlackPart | None = Field(default=None, description="That people are asked in Slack, and how.")
    notify: list[NotifyPart] = Field(default_factory=list, description="More ways by which leads are told.")
    web: WebPart | None = Field(default=None, description="The pages that people look at, and where they sign in.")
    approval: ApprovalPart = Field(
        default_factory=ApprovalPart, description="Which changes of this file wait for a lead before they are applied."
    )
