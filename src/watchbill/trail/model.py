"""What happened, as CloudTrail, hosts and identity providers recorded it, in our shape; and who it was.

An event of a host or of an identity provider has the same shape: `source` is what wrote it (`sshd`, `okta`), and what
they do not have, such as a region, is empty. An event keeps its whole record. Every field that a record may lack is
None when it does, never a guess. Times are UTC. `Place` says which object and which entry of it the event was read
from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from watchbill.errors import Problem


class Outcome(StrEnum):
    """What AWS did with a call."""

    ALLOWED = "allowed"
    DENIED = "denied"
    """AWS refused it for lack of permission."""
    FAILED = "failed"
    """It was refused or failed for another reason: throttling, no such resource, a wrong password."""


HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
"""What stands for a user name that does not exist, since it may be a password (CTG: console sign-in events)."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record was read."""

    file: str
    index: int
    """Position in the file, from 0."""
    digest: str = field(default="", compare=False)
    """SHA-256 of the file's bytes as they lie there; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The `userIdentity` of a record. Empty strings in the record are None here."""

    type: str | None
    arn: str | None
    principal_id: str | None
    account: str | None
    user_name: str | None
    access_key: str | None
    session_name: str | None
    """The last part of an assumed-role ARN: chosen by whoever assumed the role."""
    issuer_arn: str | None
    """ARN of the role behind a role session."""
    source_identity: str | None
    mfa: bool | None
    """Whether AWS MFA backs the session; None when the record does not say."""
    session_began: datetime | None
    invoked_by: str | None
    identity_center_user: str | None
    """`onBehalfOf.userId` of an Identity Center user."""


@dataclass(frozen=True, slots=True)
class Event:
    """One call or sign-in."""

    id: str
    at: datetime
    source: str
    """`eventSource`, such as `ec2.amazonaws.com`."""
    name: str
    """`eventName`, such as `RunInstances`."""
    region: str
    account: str
    """The account whose trail recorded it (`recipientAccountId`)."""
    identity: Identity
    ip: str | None
    """`sourceIPAddress`; the name of an AWS service where that called."""
    user_agent: str | None
    outcome: Outcome
    error_code: str | None
    error_message: str | None
    read_only: bool | None
    type: str | None
    """`eventType`, such as `AwsApiCall` or `AwsConsoleSignIn`."""
    record: Mapping[str, Any]
    """The whole record as decoded JSON."""
    place: Place
    host: str | None = None
    """The host that logged it; None where it is no event of a host."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an identity provider vouched for."""

    provider: str
    """The provider as the record names it: an ARN, a host, or the hash of an issuer; empty where it does not."""
    name: str
    """The subject of the token or assertion: `repo:acme/shop:ref:refs/heads/main`, `ana@example.com`."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What handed out a temporary key: all that is kept of the event to trace a session by, and nothing besides."""

    key: str
    """The access key; empty in a copy that lacks it, which `shared_event_id` joins to the one that has it."""
    event_id: str
    at: datetime
    name: str
    """`eventName`, one of `openings.HANDS_OUT`."""
    account: str
    """The account whose trail recorded it."""
    source: str
    region: str
    identity: Identity
    """Who called. In the copy that another account got it is of type AWSAccount, and says no more than which."""
    role_arn: str | None
    session_name: str | None
    source_identity: str | None
    """The one that was asked for; one that was set before is in `identity`."""
    subject: Subject | None
    shared_event_id: str | None
    """The same in both copies of a call into another account."""


class Method(StrEnum):
    """How we know who it was, strongest first."""

    SOURCE_IDENTITY = "source-identity"
    IAM_USER = "iam-user"
    KEY_CHAIN = "key-chain"
    """A role session traced by its access key to the AssumeRole call that made it, and on to its caller."""
    IDENTITY_CENTER = "identity-center"
    SESSION_NAME = "session-name"
    """The name of the session, where the team file declares that convention."""
    ROOT = "root"
    SERVICE = "service"
    WORKLOAD = "workload"
    HOST_USER = "host-user"
    """The user of a host, where the team file says whose it is."""
    SSH_KEY = "ssh-key"
    """The fingerprint of the SSH key of a login, where the team file says whose it is."""
    HOST_LOGIN = "host-login"
    """What AWS recorded of the login: a key pushed by EC2 Instance Connect, or a session of SSM."""
    IDENTITY_PROVIDER = "identity-provider"
    """The address by which an identity provider knows them."""
    WEB_IDENTITY = "web-identity"
    """The subject of the OIDC token that a session was made for, such as who started a run of CI."""
    NONE = "none"


class Confidence(StrEnum):
    """How far to trust an attribution."""

    CERTAIN = "certain"
    STRONG = "strong"
    WEAK = "weak"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who an event is ascribed to."""

    person: str | None
    """Key in the team file, or the IAM user's name when there is no team file; None when it is nobody known."""
    principal: str
    """Who AWS saw: an ARN, a service name, `root`, or `unknown`."""
    method: Method
    confidence: Confidence
    why: str
    """How we know, or why we do not, in words."""
    traced: bool = False
    """Whether a role session was traced to whoever took the role, be that a person or not."""


@dataclass(frozen=True, slots=True)
class Attributed:
    """An event with who it was."""

    event: Event
    actor: Actor


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of everything that was read: the counts add up, so that nothing is lost unseen.

    `records == distinct + duplicates + unreadable_records`.
    """

    files: int
    """Files that were read as a trail, in whole or in part."""
    records: int
    distinct: int
    duplicates: int
    unreadable_records: int
    unreadable_files: int
    ignored_files: int
    """Files that are no trail by their name, such as a README, or that are digests of one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that came out of some files."""

    events: tuple[Event, ...]
    """Distinct, ordered by time, then by id."""
    tally: Tally
    problems: tuple[Problem, ...]
