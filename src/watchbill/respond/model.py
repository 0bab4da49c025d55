"""Containment and restoration: plans over the same calls as access, with what they leave out said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from watchbill.access.model import AccessKey, AccountState, Change, Credentials, Door, Drift, Shell
from watchbill.access.quarantine import Form
from watchbill.team.model import Kind


ISSUED_BY = timedelta(minutes=1)
"""How long after a freeze sessions under another name still count as taken before it: a deny takes a moment to hold."""


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
class Seen:
    """What was read of the team's accounts, by account name."""

    observed: Mapping[str, AccountState]
    credentials: Mapping[str, Credentials] = field(default_factory=dict)
    """Those of the person; none where they have no user."""
    shells: Mapping[str, Sequence[Shell]] = field(default_factory=dict)
    """All that are open, whoever opened them."""
    unread: tuple[str, ...] = ()
    """What could not be read of it, and why: a freeze goes on without, and does not hold."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """Somebody who takes over a watch from a frozen person, until the end of the shift."""

    rota: str
    kind: Kind
    person: str | None
    """None where nobody of the rota is free."""
    start: datetime
    end: datetime


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
    """Account and role, for each role that gets a deny of its own against the person's sessions."""
    accounts: tuple[str, ...]
    """Accounts in which the user was quarantined."""
    forms: Mapping[str, Form] = field(default_factory=dict)
    """By account how; one that is not there is `INLINE`."""
    policies: tuple[str, ...] = ()
    """Accounts whose freeze policy comes to name the person."""
    covered: tuple[tuple[str, str], ...] = ()
    """Account and role, for each role on which that policy lies."""
    ended: tuple[tuple[str, str], ...] = ()
    """Those of `roles` of which every session ends that was taken before: the person's carry no name of theirs."""
    doors: tuple[tuple[str, Door], ...] = ()
    """The person's other credentials as they were, each with its account."""
    shells: tuple[tuple[str, Shell], ...] = ()
    """Shells that are ended, which nothing brings back and which they open anew."""
    warnings: tuple[str, ...] = ()
    """What a lead should know before."""
    stand_ins: tuple[StandIn, ...] = ()

    def form(self, account: str) -> Form:
        """Give how the user is denied everything in an account."""
        return self.forms.get(account, Form.INLINE)


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
