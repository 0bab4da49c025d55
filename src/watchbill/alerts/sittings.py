"""What counts, cut into sittings: of one subject, and without half an hour between any two things.

A subject is a person, or else a principal nobody answers to, or else a network. What counts is what AWS allowed and was
not the person's to do, and every finding that is not staged. What a break-glass user did is its own case, whatever it
was, and a finding of what only it did is about that user.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchbill.detect.model import Finding, Severity
from watchbill.intervals import Interval
from watchbill.judge.model import Judgement, Right
from watchbill.team.model import Team
from watchbill.trail.model import Outcome


SITTING = timedelta(minutes=30)
"""What is closer than this together is one case."""

_INSTANT = timedelta(milliseconds=1)


WRONG = frozenset({Right.OFF_SHIFT, Right.BEYOND_ROLE, Right.FROZEN})
"""Judgements that say it was not the person's to do."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a case is about: a person, or else a principal nobody answers to, or else a network."""

    person: str | None
    network: str | None = None
    principal: str | None = None

    @property
    def name(self) -> str:
        """Give it in one word."""
        return self.person or self.principal or self.network or "unknown"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that AWS allowed and that was not the person's to do: as much of it as tells what is one case."""

    id: str
    at: datetime
    person: str | None
    account: str
    source: str
    name: str
    read_only: bool | None
    ip: str | None
    user_agent: str | None
    right: Right


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that counts."""

    first: datetime
    last: datetime
    severity: Severity
    wrong: Wrong | None
    finding: Finding | None

    @property
    def event_ids(self) -> tuple[str, ...]:
        """Give the events it consists of, in order."""
        if self.finding is not None:
            return self.finding.event_ids
        return (self.wrong.id,) if self.wrong else ()


@dataclass(frozen=True, slots=True)
class Sitting:
    """What counts of one subject, without half an hour between any two: one case will be made of it."""

    subject: Subject
    items: tuple[Item, ...]
    """In order of their first event."""

    @property
    def first(self) -> datetime:
        """When it began."""
        return min(item.first for item in self.items)

    @property
    def last(self) -> datetime:
        """When it ended."""
        return max(item.last for item in self.items)

    @property
    def around(self) -> Interval:
        """Give the time whose events are shown around it."""
        return Interval(self.first - SITTING, self.last + SITTING + _INSTANT)


def is_wrong(judgement: Judgement) -> bool:
    """Tell whether AWS allowed what was not the person's to do."""
    return judgement.right in WRONG and judgement.attributed.event.outcome is Outcome.ALLOWED


def wrong_of(judgement: Judgement) -> Wrong:
    """Give what a judgement counts as."""
    event, person = judgement.attributed.event, judgement.attributed.actor.person
    what = (event.account, event.source, event.name, event.read_only)
    return Wrong(event.id, event.at, person, *what, event.ip, event.user_agent, judgement.right)


def sittings(
    wrongs: Iterable[Wrong], findings: Iterable[Finding], opened: Mapping[str, str], team: Team | None
) -> list[Sitting]:
    """Cut all that counts into sittings. `opened` gives by event id the break-glass user that acted.

    What a break-glass user did is its own case, whatever it was; a finding of what only it did is about that user.
    """
    subjects: dict[Subject, list[Item]] = {}
    for wrong in wrongs:
        if wrong.id not in opened:
            item = Item(wrong.at, wrong.at, _grave(wrong, team), wrong, None)
            subjects.setdefault(Subject(wrong.person), []).append(item)
    for finding in findings:
        item = Item(finding.first, finding.last, finding.severity, None, finding)
        subjects.setdefault(_subject(finding, opened), []).append(item)
    return [Sitting(subject, tuple(items)) for subject, found in subjects.items() for items in _sittings(found)]


def _subject(finding: Finding, opened: Mapping[str, str]) -> Subject:
    user = opened.get(finding.event_ids[0])
    if user is not None and all(opened.get(event_id) == user for event_id in finding.event_ids):
        return Subject(None, principal=user)
    if finding.person or finding.principal:
        return Subject(finding.person, principal=finding.principal)
    return Subject(None, network=finding.network)


def _grave(wrong: Wrong, team: Team | None) -> Severity:
    if wrong.right is Right.FROZEN:
        return Severity.CRITICAL
    if wrong.read_only is True:
        return Severity.LOW
    account = team.account_of(wrong.account) if team else None
    return Severity.HIGH if account is None or account.environment == "production" else Severity.MEDIUM


def _sittings(items: Iterable[Item]) -> Iterable[tuple[Item, ...]]:
    sitting: list[Item] = []
    until: datetime | None = None
    for item in sorted(items, key=lambda item: (item.first, item.last)):
        if until is not None and item.first - until > SITTING:
            yield tuple(sitting)
            sitting, until = [], None
        sitting.append(item)
        until = item.last if until is None else max(until, item.last)
    if sitting:
        yield tuple(sitting)
