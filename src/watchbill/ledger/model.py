"""An entry of the ledger: one thing watchbill did, chained to the one before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What was done: `source:subject:action`. The vocabulary is closed; a retired kind stays readable."""

    REVISION_RECORDED = "team:revision:recorded"
    PLAN_APPLIED = "access:plan:applied"
    PLAN_PROPOSED = "access:plan:proposed"
    """A plan waits for a person."""
    PLAN_APPROVED = "access:plan:approved"
    PLAN_REFUSED = "access:plan:refused"
    PLAN_VOID = "access:plan:void"
    """What it would change is not the same any more."""
    SUDO_BEGUN = "access:sudo:begun"
    """Rules of sudo by shift are written on a host, or removed."""
    SUDO_WRITTEN = "access:sudo:written"
    SUDO_FAILED = "access:sudo:failed"
    LOGINS_BEGUN = "access:logins:begun"
    """Who signs in by certificates is written on a host, or removed."""
    LOGINS_WRITTEN = "access:logins:written"
    LOGINS_FAILED = "access:logins:failed"
    SHELL_ENDED = "access:shell:ended"
    """A shell of Session Manager that was open after the watch was ended."""
    CERTIFICATE_SIGNED = "access:certificate:signed"
    """A certificate for log-ins of somebody in one window; it is in the entry, and no secret."""
    CASE_RAISED = "alerts:case:raised"
    CASE_UPDATED = "alerts:case:updated"
    QUESTION_ASKED = "respond:question:asked"
    QUESTION_ANSWERED = "respond:question:answered"
    QUESTION_ESCALATED = "respond:question:escalated"
    QUESTION_CONFIRMED = "respond:question:confirmed"
    QUESTION_HEARD = "respond:question:heard"
    """Something was said that moved nothing: too late, or more words."""
    PROOF_REFUSED = "respond:proof:refused"
    NOTICE_SENT = "respond:notice:sent"
    NOTICE_FAILED = "respond:notice:failed"
    CLICK_WORKED = "respond:click:worked"
    CLICK_REFUSED = "respond:click:refused"
    IDENTITY_PINNED = "respond:identity:pinned"
    IDENTITY_REFUSED = "respond:identity:refused"
    SIGNED_IN = "web:session:begun"
    SIGNED_OUT = "web:session:ended"
    SIGN_IN_REFUSED = "web:session:refused"
    PERSON_SEEN = "web:person:seen"
    """Somebody looked at what another one did: once for each hour."""
    CASE_DECIDED = "respond:case:decided"
    FREEZE_APPLIED = "respond:freeze:applied"
    FREEZE_VERIFIED = "respond:freeze:verified"
    FREEZE_MENDED = "respond:freeze:mended"
    """Steps of a freeze were made again, or anew: somebody had undone one, or found another way in."""
    STEP_TICKED = "respond:step:ticked"
    """A person made a step that only a person can make."""
    RESTORE_ASKED = "respond:restore:asked"
    RESTORE_APPLIED = "respond:restore:applied"
    EVICTION_ASKED = "respond:eviction:asked"
    EVICTION_APPLIED = "respond:eviction:applied"
    ONBOARDING_BEGUN = "respond:onboarding:begun"
    ONBOARDING_APPLIED = "respond:onboarding:applied"
    OFFBOARDING_BEGUN = "respond:offboarding:begun"
    OFFBOARDING_CANCELLED = "respond:offboarding:cancelled"
    OFFBOARDING_CONFIRMED = "respond:offboarding:confirmed"
    OFFBOARDING_APPLIED = "respond:offboarding:applied"
    HELP_ASKED = "respond:help:asked"
    HELP_APPROVED = "respond:help:approved"
    HELP_REFUSED = "respond:help:refused"
    HELP_GIVEN = "respond:help:given"
    REQUEST_ASKED = "respond:request:asked"
    REQUEST_APPROVED = "respond:request:approved"
    REQUEST_REFUSED = "respond:request:refused"
    REQUEST_EXPIRED = "respond:request:expired"
    REQUEST_EFFECTIVE = "respond:request:effective"
    """AWS was read back, and has it."""
    REQUEST_LATE = "respond:request:late"
    REQUEST_ENDED = "respond:request:ended"
    DRIFT_SEEN = "access:drift:seen"
    """What others gave in AWS is another than a pass saw before."""
    ORGANIZATION_SEEN = "access:organization:seen"
    """The organization was read, and is another than was read last."""
    CENTER_USER_MOVED = "access:center-user:moved"
    """Somebody is another user of Identity Center than before, and that was let be."""
    DRIFT_ACKNOWLEDGED = "access:drift:acknowledged"
    REVIEW_OPENED = "access:review:opened"
    REVIEW_DRAFTED = "access:review:drafted"
    """Somebody saved what they have decided so far; nothing is signed by it."""
    REVIEW_SIGNED = "access:review:signed"
    FEED_TAKEN = "schedule:feed:taken"
    FEED_HELD_BACK = "schedule:feed:held-back"
    FEED_ACCEPTED = "schedule:feed:accepted"
    FEED_WITHDRAWN = "schedule:feed:withdrawn"
    FEED_FAILED = "schedule:feed:failed"
    FEED_RECOVERED = "schedule:feed:recovered"
    LEAD_TAKEN = "service:lead:taken"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `digest` covers every other field, `previous` among them."""

    number: int
    """From 1, without a hole."""
    at: datetime
    kind: str
    actor: str
    subject: str
    """What it was done to: a plan, a case, a person."""
    facts: Mapping[str, Any]
    """Plain JSON values, no secrets."""
    previous: str
    """Digest of the entry before; 64 zeros for the first."""
    digest: str
    """SHA-256, hex."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which entries are asked for; what is empty asks for all."""

    kind: str = ""
    actor: str = ""
    start: datetime | None = None
    """A whole second, from which on."""
    end: datetime | None = None
    """A whole second, before which."""
    before: int | None = None
    """The number that comes after the newest one."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry somebody saw: kept elsewhere, it shows when the end of the chain was cut off."""

    number: int
    digest: str


class State(StrEnum):
    """What a verification found."""

    INTACT = "intact"
    BROKEN = "broken"
    EMPTY = "empty"
    """Nothing to verify, which is not a success."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the chain holds."""

    state: State
    entries: int
    head: Head | None
    why: str
    """Where and how it is broken, or empty."""
