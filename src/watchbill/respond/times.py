"""How long each step of a case took, and what was done in which order: by the ledger, and by nothing else.

| time | from | to |
|---|---|---|
| notice | the first event that counts | the case is raised |
| ask | the case is raised | the person is asked |
| answer | the person is asked | the first answer, or the proof of it |
| decide | the case is raised | a freeze, a verdict, or a "yes" that closed it, whichever was first |
| contain | a freeze is decided on | all checks hold over what AWS gives back |
| restore | that freeze | its restore |

AWS's names for some of these are time to detect, to contain and to recover.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from watchbill.ledger.model import Entry, Kind


@dataclass(frozen=True, slots=True)
class Times:
    """How long each step took; None where it did not come, or began before the ledger."""

    notice: timedelta | None
    ask: timedelta | None
    answer: timedelta | None
    decide: timedelta | None
    contain: timedelta | None
    restore: timedelta | None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done about a case."""

    at: datetime
    by: str
    words: str


def times_of(first: datetime, entries: Sequence[Entry]) -> Times:
    """Measure a case whose first event was at an instant, by its entries and those of its freezes, in their order."""
    raised = _first(entries, Kind.CASE_RAISED)
    asked = _first(entries, Kind.QUESTION_ASKED)
    frozen = _first(entries, Kind.FREEZE_APPLIED)
    held = next((entry.at for entry in entries if entry.kind == Kind.FREEZE_VERIFIED and _holds(entry.facts)), None)
    decided = [at for at in (frozen, _first(entries, Kind.CASE_DECIDED), _closed(entries)) if at is not None]
    return Times(
        _between(first, raised),
        _between(raised, asked),
        _between(asked, _first(entries, Kind.QUESTION_ANSWERED, Kind.QUESTION_CONFIRMED)),
        _between(raised, min(decided, default=None)),
        _between(frozen, held),
        _between(frozen, _first(entries, Kind.RESTORE_APPLIED)),
    )


def _first(entries: Iterable[Entry], *kinds: Kind) -> datetime | None:
    return next((entry.at for entry in entries if entry.kind in kinds), None)


def _holds(facts: Mapping[str, Any]) -> bool:
    return facts.get("checks", 0) > 0 and facts.get("hold") == facts.get("checks")


def _closed(entries: Iterable[Entry]) -> datetime | None:
    """Give when what the person said closed the case."""
    said = (Kind.QUESTION_ANSWERED, Kind.QUESTION_CONFIRMED)
    return next((e.at for e in entries if e.kind in said and e.facts.get("status") == "closed"), None)


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    return None if start is None or end is None or end < start else end - start


_WORDS: Mapping[str, str] = {
    Kind.CASE_RAISED: "raised the case: {severity}",
    Kind.QUESTION_ASKED: "asked {person}, until {deadline}",
    Kind.QUESTION_ANSWERED: "answered {answer}",
    Kind.QUESTION_CONFIRMED: "confirmed the answer",
    Kind.QUESTION_HEARD: "said something that moved nothing",
    Kind.QUESTION_ESCALATED: "told the leads: no answer of {person} in time",
    Kind.PROOF_REFUSED: "refused a sign-in: {why}",
    Kind.CLICK_WORKED: "pressed {action} on {source}",
    Kind.CLICK_REFUSED: "refused {action} of {by} on {source}: {why}",
    Kind.FREEZE_APPLIED: "froze {person}",
    Kind.FREEZE_MENDED: "made {steps} steps of the freeze again",
    Kind.FREEZE_VERIFIED: "verified the freeze: {hold} of {checks} checks hold",
    Kind.STEP_TICKED: "did by hand: {what}",
    Kind.EVICTION_ASKED: "asked another lead to confirm the eviction of {person}",
    Kind.EVICTION_APPLIED: "evicted {person}",
    Kind.RESTORE_ASKED: "asked another lead to confirm that {person} is restored",
    Kind.RESTORE_APPLIED: "restored {person}",
}
"""What an entry says, by its facts. What a lead concluded is left to `steps_of`; what was written, to the ledger."""


def steps_of(entries: Iterable[Entry], *, may_see_insider: bool) -> Iterator[Step]:
    """Tell what was done in order; what was concluded, only to those who may see who was taken for an insider."""
    for entry in entries:
        words = words_of(entry, may_see_insider=may_see_insider)
        if words is not None:
            yield Step(entry.at, entry.actor, words)


def words_of(entry: Entry, *, may_see_insider: bool) -> str | None:
    """Say what was done in words that follow who did it; None where that is no step of a case."""
    if entry.kind == Kind.CASE_DECIDED:
        verdict = f" as {entry.facts.get('verdict')}: {entry.facts.get('reason')}" if may_see_insider else ""
        return f"closed the case{verdict}"
    if entry.kind not in _WORDS:
        return None
    facts = _Facts(entry.facts)
    if is_verdict(entry) and not may_see_insider:
        facts["action"] = "a verdict"
    return _WORDS[entry.kind].format_map(facts)


def is_verdict(entry: Entry) -> bool:
    """Tell whether an entry has what a lead concluded."""
    return entry.kind == Kind.CASE_DECIDED or str(entry.facts.get("action", "")).startswith("verdict:")


class _Facts(dict[str, Any]):
    """Facts of an entry; an older one may lack some."""

    def __missing__(self, key: str) -> str:
        return "?"
