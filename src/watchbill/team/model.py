"""Who is who and who may hold what, as declared in the team file.

Frozen values without behaviour beyond look-up. Names are the keys of the file: `james`, `developers`,
`prod-oncall`, `production`. An account's `number` is its twelve-digit AWS id. Local times live only in layers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from watchbill.errors import Location
from watchbill.intervals import Interval


class Kind(StrEnum):
    """In what capacity somebody is on call."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    SHADOW = "shadow"
    MANAGER = "manager"


class Mode(StrEnum):
    """What may be done in AWS by itself."""

    OBSERVE = "observe"
    """Nothing is written, whoever asks."""
    PROPOSE = "propose"
    """A plan waits for a person."""
    ENFORCE = "enforce"
    """A plan is applied at once, as far as `Approval` lets it."""


class ChangeKind(StrEnum):
    """What a change of access is, to whoever lets it be made."""

    UPKEEP = "upkeep"
    """What is in force goes on: access rolls forward, what others did is undone, a request that was approved."""
    REMOVAL = "removal"
    SCHEDULE = "schedule"
    """Watches move among people who may come to be on call anyhow: a swap, a cover, another order."""
    NEW_ACCESS = "new-access"
    """Somebody who is known comes to hold, or may come to hold on call, what they did not."""
    NEW_PERSON = "new-person"
    NEW_CAPABILITY = "new-capability"
    """A permission set allows more, or denies less."""
    SELF_ADDED = "self-added"
    """Who wrote it gains by it."""
    UNKNOWN_AUTHOR = "unknown-author"
    """Somebody gains, and nobody knows who wrote it."""
    SAFEGUARD = "safeguard"
    """What holds others back: leads, modes, approval, invariants, the ceiling."""
    WARNED = "warned"
    """An invariant does not hold, or is not proven, for what comes together with what others have in AWS."""
    FIRST = "first"
    """Nothing was applied from a team file yet, or what was can be read no more."""


@dataclass(frozen=True, slots=True)
class Approval:
    """Which changes of the team file are applied by themselves in accounts that enforce it."""

    unattended: tuple[ChangeKind, ...] = (ChangeKind.REMOVAL, ChangeKind.SCHEDULE)
    """Those that wait for nobody. Upkeep never waits; what is not named here does."""
    two_people: tuple[ChangeKind, ...] = ()
    """Those that wait for two leads rather than one."""


class By(StrEnum):
    """By what access is delivered."""

    IAM = "iam"
    """IAM users, groups and roles in each account."""
    CENTER = "identity center"
    """Permission sets of IAM Identity Center."""


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account."""

    name: str
    number: str
    environment: str
    """`production`, `staging`, ...: what the team calls it; `production` raises the severity of a case."""
    role: str | None
    """The role that watchbill assumes to reach the account; None means the credentials it runs with."""
    where: Location
    mode: Mode = Mode.PROPOSE


@dataclass(frozen=True, slots=True)
class Person:
    """A human we know, with the names they have elsewhere."""

    name: str
    full_name: str
    email: str
    iam_user: str
    """The name of their IAM user, the same in each account."""
    time_zone: str
    networks: tuple[str, ...]
    """CIDR blocks that are usual for them, besides the team's own."""
    where: Location
    holidays: str = ""
    """The country, or part of one (`GB`, `GB-SCT`), whose public holidays they have off; empty is none."""
    host_users: tuple[str, ...] = ()
    """Users of hosts that are theirs alone."""
    ssh_keys: tuple[str, ...] = ()
    """Fingerprints of their SSH keys, as OpenSSH prints them: `SHA256:` and 43 characters of base64."""
    public_keys: tuple[str, ...] = ()
    """Those of them that the file has whole, for which certificates are signed: type and base64, no comment."""
    identity_center_user: str = ""
    """Their user id in the Identity Store; empty where none is declared."""
    also_known_as: tuple[str, ...] = ()
    """More addresses by which identity providers know them, besides `email`."""
    ci_users: tuple[str, ...] = ()
    """Their logins where runs of CI start, each after the host that issues the tokens: `gitlab.com:ana`."""


@dataclass(frozen=True, slots=True)
class Shells:
    """On which hosts a set opens shells."""

    tags: Mapping[str, tuple[str, ...]]
    """By the key of a tag the values of which a host has one; it has all keys."""
    users: tuple[str, ...] = ()
    """Users of the hosts for whom a key of SSH may be sent; empty is no SSH."""
    end_after: timedelta | None = None
    """How long after a watch what is still open of it is ended by a pass; None leaves it open."""


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """A named policy: actions allowed and denied on all resources, or a whole policy document."""

    name: str
    description: str
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    policy: Mapping[str, Any] | None
    """An IAM policy document instead of `allow` and `deny`."""
    where: Location
    managed: tuple[str, ...] = ()
    """AWS managed policies, by name or ARN, that are part of it."""
    capabilities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By service prefix (`ec2`), what AWS calls access levels: `read`, `list`, `write`, `tagging`, `permissions`."""
    may_outlive: tuple[str, ...] = ()
    """What it may do on call although its effect can outlive the shift: names of `access.outlive`'s catalogue."""
    shells: Shells | None = None
    """None where it opens none by itself."""


@dataclass(frozen=True, slots=True)
class Access:
    """A permission set held in some accounts, at all times."""

    permission_set: str
    accounts: tuple[str, ...]
    where: Location
    by: By = By.IAM


@dataclass(frozen=True, slots=True)
class Group:
    """A job role: its members get its access at once, on joining."""

    name: str
    members: tuple[str, ...]
    includes: tuple[str, ...]
    """Groups whose members are members of this one too."""
    access: tuple[Access, ...]
    where: Location
    reviewer: str | None = None
    """Who reviews its members' access; None is the leads."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How long one member stays on: exactly one unit, by the wall clock of the layer's zone."""

    count: int
    unit: str
    """`h`, `d`, `w` or `mo`."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """Weekly hours in which a layer is in force, by the wall clock; `end <= start` wraps past midnight."""

    days: frozenset[int]
    """Weekdays on which the hours begin, Monday 0."""
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Roster:
    """Who takes turns from a date on, and in what order."""

    since: date
    """The local date: it holds from the first turn that begins on it or later."""
    members: tuple[str, ...]
    first: str | None
    """Whose turn that first one is; None goes on after whoever was on before."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """Turns one after the other without end, in both directions of time."""

    turn: Turn
    handoff: time
    """Wall-clock time at which turns begin."""
    anchor: date
    """The local date, at `handoff`, from which turns are counted."""
    rosters: tuple[Roster, ...]
    """In order of their dates, one at least. The first names whose turn begins at the anchor, and reaches back too."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Shifts that recur by a rule of RFC 5545, section 3.3.10."""

    start: datetime
    """When the first begins, by the layer's wall clock (naive)."""
    length: timedelta
    """How long each lasts by the wall clock."""
    rule: str
    """`FREQ=WEEKLY;BYDAY=SA,SU`; an UNTIL in it is by the wall clock unless it ends in Z."""
    without: frozenset[datetime]
    """Local starts that are left out. Whose turn the others are does not change by it."""
    also: tuple[datetime, ...]
    """Local starts besides: each is of whoever had the shift before it."""
    each: int | None
    """How many in a row one member takes before the next; None: all members are on together."""


@dataclass(frozen=True, slots=True)
class Held:
    """A shift that an outside schedule gives to a member."""

    interval: Interval
    person: str
    uid: str
    """The source's own id of it."""


@dataclass(frozen=True, slots=True)
class Feed:
    """An outside schedule: its members are on call as its last good copy says."""

    form: str
    """One of `FORMS`."""
    secret: str
    """The environment variable that holds its address; empty where it is a file. An address is never in the file."""
    file: str
    """A file beside the team file; empty where it is fetched."""
    most_change: float
    """The share of a coming month that one new copy may change at once without a person's word."""
    held: tuple[Held, ...] | None = None
    """What its copy in force gives; None where there is none yet, so that nobody is on call by it."""


FORMS = ("ics", "csv", "pagerduty", "goalert", "opsgenie", "grafana")
"""Forms of outside schedules that are read."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One part of a rota; where two layers of a kind are in force at once, the later one wins."""

    name: str
    kind: Kind
    time_zone: str
    members: tuple[str, ...]
    """Everyone who may come to be on call by it."""
    pattern: Rotation | Recurrence | Feed
    restrictions: tuple[Restriction, ...]
    """Weekly hours that it is cut to; none is around the clock."""
    where: Location
    beside: bool = False
    """Whether its people are on call together with those of the layer before it, rather than instead of them."""
    since: datetime | None = None
    """The instant from which it is in force; None is always."""
    until: datetime | None = None
    """The instant up to which it is; None is for ever."""


@dataclass(frozen=True, slots=True)
class Stint:
    """One person for a span, as an override says."""

    person: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody else than the layers say, for a span: one of four forms.

    `add`, `remove` or both: `add` is on call instead of `remove`, or of everyone. `swap`: two exchange what they hold.
    `instead`: these stints and nothing else.
    """

    name: str
    kind: Kind
    interval: Interval
    add: str | None
    remove: str | None
    reason: str
    by: str
    where: Location
    swap: tuple[str, str] | None = None
    instead: tuple[Stint, ...] | None = None
    beside: bool = False
    """Whether `add` is on call together with whoever is, rather than instead."""


@dataclass(frozen=True, slots=True)
class Leave:
    """A person is away: their turns fall out and leave a gap unless somebody covers."""

    person: str
    interval: Interval
    where: Location


@dataclass(frozen=True, slots=True)
class Required:
    """How many people of a kind must be on call at once, and when."""

    kind: Kind
    people: int
    hours: tuple[Restriction, ...]
    """Weekly hours by the wall clock of `time_zone`; none is around the clock."""
    time_zone: str


@dataclass(frozen=True, slots=True)
class Rota:
    """All that decides who is on call for a duty, and what being on call gives."""

    name: str
    accounts: tuple[str, ...]
    entitlement: Mapping[Kind, str]
    """Permission set per kind; a kind that is absent gives nothing."""
    horizon: timedelta
    """How far ahead access is written into AWS; nothing is granted past it."""
    grace_before: timedelta
    grace_after: timedelta
    required: tuple[Required, ...]
    """What must be covered; a gap in it is an error of the plan."""
    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...]
    leave: tuple[Leave, ...]
    where: Location
    holidays: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By person the part of the world whose public holidays they have off, and the time zone they live in."""
    rest: timedelta = timedelta(hours=11)
    """The least time between two shifts of one person (Directive 2003/88/EC, article 3, unless the team says else)."""
    mode: Mode | None = None
    """One that is stricter than that of its accounts; None goes by theirs."""
    by: By = By.IAM
    hosts: tuple[str, ...] = ()
    """Names of `reached` hosts on which being on call gives sudo, or lets people sign in."""
    sudo: tuple[str, ...] = ()
    """What may be run there as root: commands with their arguments, or `ALL` alone."""
    ssh: bool = False
    """Whether being on call lets people sign in there, by certificates for the time of their shifts."""

    @property
    def people(self) -> tuple[str, ...]:
        """Everyone who may come to be on call by it, sorted."""
        found = {member for layer in self.layers for member in layer.members}
        for override in self.overrides:
            found.update(stint.person for stint in override.instead or ())
            found.update(person for person in (override.add, *(override.swap or ())) if person is not None)
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Workload:
    """A machine: an IAM user, a role, or whatever an OIDC provider gives a token to, such as a pipeline."""

    name: str
    owner: str | None
    """The person or the group that answers for it; None where the file says nobody."""
    actions: tuple[str, ...]
    """What it is expected to do, as patterns: `s3:Put*`; empty where nothing is said of it."""
    subjects: tuple[str, ...]
    """Subjects of its OIDC tokens, as patterns with `*`; the issuing host may stand before one, as IAM writes it."""
    where: Location


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission set for one person for a span, with a reason and an approver."""

    name: str
    person: str
    permission_set: str
    accounts: tuple[str, ...]
    interval: Interval
    reason: str
    approver: str
    where: Location
    by: By = By.IAM


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """An IAM user for when all else fails. Watchbill never makes nor changes it; whoever uses it is heard of."""

    iam_user: str
    accounts: tuple[str, ...]
    where: Location


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """From when on access keys are told of; None never."""

    max_age: timedelta | None
    """Since it was made: keys are made anew by then."""
    unused: timedelta | None
    """Since it was used, or made where it never was."""
    where: Location


@dataclass(frozen=True, slots=True)
class Claim:
    """What must hold of every plan: `support never ec2:TerminateInstances`."""

    text: str
    where: Location


@dataclass(frozen=True, slots=True)
class Suppression:
    """What makes no case for a while: all of its conditions that are not None must hold."""

    rule: str | None
    """Id or title of a rule, or a signal."""
    person: str | None
    network: str | None
    """A CIDR block."""
    account: str | None
    """The name of an account."""
    action: str | None
    """What was called, such as `iam:CreateAccessKey`, with `*` and `?`."""
    until: date
    """It ends when this date begins, in UTC."""
    reason: str
    where: Location


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When what is not severe wakes nobody."""

    time_zone: str
    hours: Restriction
    below: str
    """The least severity that wakes somebody all the same."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the team file says of a rule's stage, instead of the rule itself."""

    rule: str
    """Its id or title."""
    live: bool
    where: Location


@dataclass(frozen=True, slots=True)
class Alerts:
    """How loud it is."""

    suppress: tuple[Suppression, ...] = ()
    quiet_hours: QuietHours | None = None
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class Slack:
    """That people are asked in Slack, and how."""

    channel: str | None
    """Where leads are told: the id of a channel, or `#` and its name; None is a message to them."""
    respond: str
    """What leads may do by a button: `off`, `verdicts`, or `freeze`, which is verdicts as well."""
    where: Location


@dataclass(frozen=True, slots=True)
class Notify:
    """One more way by which leads are told."""

    name: str
    kind: str
    """`mail`, `apprise`, `pagerduty` or `webhook`."""
    to: str | None
    """With `mail`: the address of the leads; None is their own."""
    secret: str | None
    """The environment variable that holds an address or a key; None with `mail`."""
    on: frozenset[str]
    """Kinds of notices that it is told."""
    where: Location


@dataclass(frozen=True, slots=True)
class Host:
    """A host that watchbill reaches by SSH, to freeze people there and to give sudo to whoever is on call."""

    name: str
    address: str
    user: str
    port: int
    where: Location


@dataclass(frozen=True, slots=True)
class Directory:
    """An identity provider in which a frozen person is suspended."""

    name: str
    kind: str
    """`okta`, `entra` or `google`."""
    secret: str
    """The environment variable that holds its token, client secret or service account."""
    url: str | None
    tenant: str | None
    client: str | None
    admin: str | None
    where: Location


@dataclass(frozen=True, slots=True)
class IdentityCenter:
    """IAM Identity Center, by which access may be delivered, and from which a frozen person is taken out."""

    account: str
    region: str
    store: str
    instance: str
    policy: str | None
    """The service control policy that lists the frozen; None where there is none."""
    fed_by: str | None
    """The directory that feeds it; None where it has its own users."""
    where: Location


@dataclass(frozen=True, slots=True)
class SignIn:
    """The identity provider at which people sign in to the pages."""

    issuer: str
    """To the letter as its tokens name it."""
    client: str
    """The id of the client that it knows watchbill by."""
    secret: str
    """The environment variable that holds the secret of that client."""
    scopes: tuple[str, ...]
    """What is asked for beside openid, email and profile."""
    groups_claim: str
    roles: Mapping[str, tuple[str, ...]]
    """By role the groups whose members have it."""


@dataclass(frozen=True, slots=True)
class Web:
    """The pages that people look at."""

    base: str
    """Where people reach them, without a slash at the end, in small letters."""
    sign_in: SignIn | None
    """None where people sign in by a one-time link on the machine itself."""
    where: Location


@dataclass(frozen=True, slots=True)
class Team:
    """One team file, checked: every name in it refers to something in it."""

    name: str
    accounts: Mapping[str, Account]
    people: Mapping[str, Person]
    groups: Mapping[str, Group]
    permission_sets: Mapping[str, PermissionSet]
    rotas: Mapping[str, Rota]
    grants: tuple[Grant, ...]
    networks: tuple[str, ...]
    """CIDR blocks that are usual for everyone: offices, VPN."""
    leads: tuple[str, ...]
    """Who may decide cases and freeze."""
    protected: tuple[str, ...]
    """IAM user or role names that a freeze refuses: break-glass, the last administrator."""
    managed_by: tuple[str, ...]
    """Names of IAM users or roles that act for watchbill itself: what they change is not drift."""
    session_names: str | None
    """`iam_user` or `email` where role session names are, by the team's convention, that name of a person."""
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    """Machines by name, which is that of an IAM user or a role, or any other where it has subjects."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """EC2 instance ids by the name that a host has in its own logs."""
    path: str = field(default="watchbill.yaml")
    digest: str = ""
    """SHA-256 of the file's bytes: which revision this is."""
    text: str = field(default="", repr=False)
    """The file's own text, kept with what is applied from it."""
    break_glass: tuple[BreakGlass, ...] = ()
    ceiling: str | None = None
    """The policy that bounds every role watchbill makes: a name in each account, or an ARN. It is never written."""
    invariants: tuple[Claim, ...] = ()
    """A plan that breaks one of them cannot be applied."""
    security_leads: tuple[str, ...] = ()
    """Who alone may see that a case may be an insider's; empty is nobody."""
    alerts: Alerts = field(default_factory=Alerts)
    slack: Slack | None = None
    """None where people are not asked in Slack."""
    notify: tuple[Notify, ...] = ()
    reached: Mapping[str, Host] = field(default_factory=dict)
    """Hosts that watchbill reaches, by name."""
    directories: Mapping[str, Directory] = field(default_factory=dict)
    identity_center: IdentityCenter | None = None
    organization: str | None = None
    """The account by which the organization is read: the management account or a delegated one; None is not at all."""
    web: Web | None = None
    """None where no pages are served."""
    approval: Approval = field(default_factory=Approval)
    keys: KeyLimits | None = None
    """None where nothing is said of access keys."""

    def members(self, group: str) -> tuple[str, ...]:
        """Give everyone in the group, those of included groups too, sorted, each once."""
        found: set[str] = set()
        pending, seen = [group], set[str]()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            found.update(self.groups[name].members)
            pending.extend(self.groups[name].includes)
        return tuple(sorted(found))

    def account_of(self, number: str) -> Account | None:
        """Find an account by its twelve digits."""
        return next((account for account in self.accounts.values() if account.number == number), None)

    def person_of_iam_user(self, user: str) -> Person | None:
        """Find the person whose IAM user has this name; IAM names are unique without regard to case."""
        return next((p for p in self.people.values() if p.iam_user.lower() == user.lower()), None)
