"""What can happen besides ordinary work, what it really was, and the label that says which events it was.

The words are the simulation's own: what a detector would call any of it is not known here.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Misuse(StrEnum):
    """Something that a lead would want to hear of."""

    DRIFT_CHANGE = "off shift by a policy attached by hand"
    OUTLIVED = "session outlived the shift"
    OVERRUN = "overrun by minutes"
    HIJACK_PASSWORD = "hijack by password without MFA"  # noqa: S105 - the name of a misuse
    HIJACK_KEY = "hijack by stolen access key"
    HIJACK_TOKEN = "hijack by stolen session token"  # noqa: S105 - the name of a misuse
    ROLE_CHAIN = "chain of roles by an intruder"
    BULK_READS = "bulk reads at night"
    KEY_FOR_ANOTHER = "way in made for another user"
    OWN_WAY = "opened their own way"
    SPRAY = "spray"
    GUESSED_AT = "one name guessed at in vain"
    GUESSED = "one name guessed at, and in"
    FORGOTTEN = "forgotten password"
    LOGGING_STOPPED = "logging stopped"
    TRAIL_NARROWED = "trail narrowed"
    POLICY_VERSION = "escalation by a policy version"
    ROLE_TRUST = "backdoor by a role's trust"
    NEW_USER = "backdoor by a new user"
    SNAPSHOT_SHARED = "snapshot shared out"
    DELETIONS = "deletion spree"
    SHARED = "one user, two people at once"
    AUTOMATION = "automation under a person's key"
    APPROVED = "approved emergency"
    BREAK_GLASS = "break-glass used"
    LEAVER = "leaver's key still used"
    JOINER = "joiner too early"
    OURS = "write to what watchbill keeps"
    DOORS = "doors tried"
    MFA_SWAP = "MFA device swapped"
    ROOT = "root used"


class Quirk(StrEnum):
    """Something that happens to anybody and that nobody wants to be told of."""

    TRAVEL = "travel"
    MOVED = "new home network"
    LAPTOP = "new laptop"
    PHONE = "new phone"
    MISTYPED = "password mistyped"
    LATE = "late at what is theirs"
    HELPERS = "pages that ask for what is denied"
    CURIOUS = "asked for what is not theirs"
    ROTATED = "own access key rotated"
    GRACE = "overrun within grace"
    CHAINED = "roles taken in turn in the sandbox"
    CI_RUN = "pipeline under a person's name"
    LONG_SESSION = "session that ends with the shift"
    IDENTITY = "roles tried out by who may"


class Nature(StrEnum):
    """What it really was."""

    HARMLESS = "harmless"
    FORGOT = "forgot"
    GUESSING = "guessing"
    """Somebody tried passwords and got in nowhere."""
    SLIP = "slip"
    """A person of good will did what was not theirs then."""
    SANCTIONED = "sanctioned"
    THEFT = "theft"
    """Somebody else acted as the person."""
    ABUSE = "abuse"
    """The person meant harm."""
    MACHINE = "machine"
    """A program under a person's name."""
    UNTOLD = "untold"
    """Nothing in the trail could tell: a shared user, the root user, break-glass."""


@dataclass(frozen=True, slots=True)
class Label:
    """The truth about one thing that happened."""

    what: Misuse | Quirk
    variation: int
    nature: Nature
    person: str | None
    """Whom the trail points at, by their name in the team file; None where it is nobody of the team."""
    at: datetime
    """The instant that it turns on: the change, the first failure, the sign-in."""
    account: str
    """The account's name in the team file."""
    network: str
    """The CIDR block that it came from."""
    event_ids: tuple[str, ...]
    """Its own events in order of time, without what made it possible."""
    cause_ids: tuple[str, ...] = ()
    """Events that made it possible, in order of time."""
    victims: tuple[str, ...] = ()
    """People of the team whose names were tried or used by another, sorted."""
    principal: str | None = None
    """The IAM user, role or root that AWS saw, where no person is behind the name."""
    unheard: bool = False
    """Whether it was within everybody's rights, so that to hear nothing of it is right."""
