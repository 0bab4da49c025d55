"""What happened, as CloudTrail recorded it, in our shape; and who it was.

An event keeps its whole record. Every field that a record may lack is None when it does, never a guess. Times are
UTC. `Place` says which object and which entry of it the event was read from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
    """Files that are not a trail by their name, such as a README."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that came out of some files."""

    events: tuple[Event, ...]
    """Distinct, ordered by time, then by id."""
    tally: Tally
    problems: tuple[Problem, ...]
