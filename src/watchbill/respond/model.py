"""Containment and restoration: plans over the same calls as access, with what they leave out said."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watchbill.access.model import AccessKey, Change, Drift


class Verdict(StrEnum):
    """What a lead concludes a case was."""

    FORGOTTEN_PASSWORD = "forgotten-password"  # noqa: S105 - a conclusion, not a password
    BRUTE_FORCE = "brute-force"
    MISTAKE = "mistake"
    APPROVED = "approved"
    HIJACK = "hijack"
    INSIDER = "insider"
    CONTROL_GAP = "control-gap"
    AUTOMATION = "automation"
    FALSE_ALARM = "false-alarm"


@dataclass(frozen=True, slots=True)
class Containment:
    """Everything a freeze does, and everything needed to undo it. Every step is reversible."""

    id: str
    person: str
    user: str
    """Name of the IAM user."""
    case: str | None
    at: datetime
    reason: str
    by: str
    changes: tuple[Change, ...]
    keys: tuple[tuple[str, AccessKey], ...]
    """The person's keys as they were, each with its account."""
    groups: tuple[tuple[str, str], ...]
    """Account and group, for each membership taken away."""
    roles: tuple[tuple[str, str], ...]
    """Account and role, for each role on which the person's sessions are denied."""
    accounts: tuple[str, ...]
    """Accounts in which the user was quarantined."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """Everything a restore does, and what it leaves out on purpose."""

    containment: str
    changes: tuple[Change, ...]
    left_out: tuple[str, ...]
    """In words: stolen keys that stay off, groups that the schedule no longer gives."""
    drift: tuple[Drift, ...]
    """What others changed on the user since the freeze; a restore waits until a person has acknowledged it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing verified by reading AWS back."""

    what: str
    holds: bool
    detail: str
