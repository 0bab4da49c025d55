"""What a detector says about events: facts, no judgement of a person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How bad it is if the finding is right."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()


class Signal(StrEnum):
    """What was seen; the closed vocabulary that cases and hypotheses are written in."""

    FAILED_SIGN_INS = "failed-sign-ins"
    """Several failed sign-ins of one person from one network."""
    SPRAY = "spray"
    """Failed sign-ins over many names from one network."""
    NO_MFA = "no-mfa"
    """A console sign-in without MFA."""
    BREAK_GLASS = "break-glass"
    """A break-glass user acted, or was acted on."""
    SIGMA = "sigma"
    """A Sigma rule matched that is staged: a sign on the events of a case."""
    RULE = "rule"
    """A rule matched, or a correlation of some, that is live: it may open a case."""
    AWS = "aws"
    """A finding of AWS's own: GuardDuty, Security Hub, Access Analyzer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A detector matched some events."""

    signal: Signal
    title: str
    """One line, readable without opening anything else."""
    severity: Severity
    person: str | None
    """Whom it concerns; None when it concerns a network or nobody known."""
    network: str | None
    event_ids: tuple[str, ...]
    first: datetime
    last: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    """What hypotheses weigh, by name: see `alerts.weights`."""
    principal: str | None = None
    """Who AWS saw, where no person is known."""
    author: str = ""
    """Who wrote the rule, where others did."""
    rule: str | None = None
    """Id of the rule, else its title; None where no rule file found it."""
    staged: bool = False
    """Whether it is shown on what counts and opens no case by itself."""
    ask: str = ""
    """What to ask the person, where the rule has better words than the case."""
    weigh: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Decibans that the rule itself adds, by family and story."""
    account: str | None = None
    """The account it happened in, where it is one."""
    alike: tuple[str, ...] = ()
    """Events that a rule's `dedupe` put together with it: counted in its title, and of no case."""
    until: datetime | None = None
    """Until when a correlation went on, which is one finding where it began; None of all else."""
