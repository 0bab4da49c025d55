"""What each rule has found in the cases that are kept, and what became of those: how much is noise.

Cases about whoever reads are passed over. What a case was concluded to be counts for those alone who may see the story
of an insider in it: to others a case is closed, and no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Final

from watchbill.alerts.noise import staged_as
from watchbill.alerts.view import CaseView
from watchbill.detect.sigma import Correlation, LoadedRules, Rule
from watchbill.intervals import parse_instant
from watchbill.ledger.model import Kind, Sought
from watchbill.respond.ask import Status
from watchbill.respond.model import Verdict
from watchbill.service.casework import Casework, view_of
from watchbill.service.standing import Sees
from watchbill.team.model import Team


MISUSE: Final = frozenset({Verdict.BRUTE_FORCE, Verdict.HIJACK, Verdict.INSIDER})
HARMLESS: Final = frozenset(
    {Verdict.FORGOTTEN_PASSWORD, Verdict.MISTAKE, Verdict.APPROVED, Verdict.AUTOMATION, Verdict.FALSE_ALARM}
)
"""A gap of a control is neither: nobody misused anything, and it is no noise."""


@dataclass(slots=True)
class Tally:
    """What something found in the cases that are kept."""

    cases: int = 0
    hits: int = 0
    """Events in the evidence of cases that it says something of; long evidence is cut."""
    closed: int = 0
    misuse: int = 0
    harmless: int = 0
    last: datetime | None = None
    """The last event of the last case."""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule that is loaded, with what it found."""

    rule: Rule | Correlation
    found: Tally

    @property
    def stage(self) -> str:
        """Say whether a hit opens a case."""
        if not self.rule.alerts:
            return "counted by others"
        return "live" if self.rule.block.live else "staged"


@dataclass(frozen=True, slots=True)
class Rules:
    """All that finds something."""

    lines: tuple[RuleLine, ...]
    """Those with the most cases first."""
    others: tuple[tuple[str, Tally], ...]
    """What opened cases and is no rule that is loaded: signals of watchbill's own, rules of before."""
    told: bool
    """Whether the reader was told what any case was concluded to be."""
    failed: tuple[str, ...]
    """Files and why they could not be loaded."""


class Rulebook:
    """The rules that an instance has loaded, at the stages that the team file says."""

    def __init__(self, loaded: LoadedRules) -> None:
        self._loaded, self._lock = loaded, Lock()
        self._staged: tuple[str, LoadedRules] | None = None

    def at_stages(self, team: Team) -> LoadedRules:
        """Give the rules by a team file."""
        with self._lock:
            if self._staged is None or self._staged[0] != team.digest:
                self._staged = team.digest, staged_as(self._loaded, team.alerts.stages)
            return self._staged[1]


def rules_of(work: Casework, loaded: LoadedRules, sees: Sees) -> Rules:
    """Give each rule with what it found, as whoever works may see it."""
    tallies, told = _tallied(work, sees)
    lines = []
    every: tuple[Rule | Correlation, ...] = (*loaded.rules, *loaded.correlations)
    for rule in every:
        named = tallies.by_name.pop(rule.id or rule.title, Tally())
        said = tallies.said.get(rule.title, _Said())
        last = max((each for each in (named.last, said.last) if each is not None), default=None)
        lines.append(RuleLine(rule, replace(named, hits=said.hits, last=last)))
    lines.sort(key=lambda line: (-line.found.cases, -line.found.hits, line.rule.title.casefold()))
    others = sorted(tallies.by_name.items(), key=lambda each: (-each[1].cases, each[0]))
    failed = tuple(f"{problem.file or ''}: {problem.message}" for problem in loaded.problems)
    return Rules(tuple(lines), tuple(others), told, failed)


@dataclass(slots=True)
class _Said:
    """How often a rule says something of an event of a case."""

    hits: int = 0
    last: datetime | None = None


@dataclass(slots=True)
class _Tallies:
    by_name: dict[str, Tally] = field(default_factory=dict)
    said: dict[str, _Said] = field(default_factory=dict)
    """By title."""


def _tallied(work: Casework, sees: Sees) -> tuple[_Tallies, bool]:
    tallies, told, verdicts = _Tallies(), False, _verdicts(work)
    for row in work.store.cases.all():
        if row.person == work.actor:
            continue
        view = view_of(row)
        settled = row.status in (Status.CLOSED, Status.FROZEN)
        verdict = verdicts.get(row.id) if settled and sees(view) else None
        told = told or verdict is not None
        for name in dict.fromkeys(view.rules):
            _add(tallies.by_name.setdefault(name, Tally()), view, verdict, closed=row.status == Status.CLOSED)
        _hear(tallies.said, view)
    return tallies, told


def _verdicts(work: Casework) -> Mapping[str, str]:
    """Give the last verdict on each case that has one."""
    found: dict[str, str] = {}
    for entry in work.store.ledger.found(Sought(str(Kind.CASE_DECIDED))):
        found.setdefault(entry.subject, str(entry.facts.get("verdict")))
    return found


def _add(tally: Tally, view: CaseView, verdict: str | None, *, closed: bool) -> None:
    last = parse_instant(view.last)
    tally.cases += 1
    tally.closed += closed
    tally.misuse += verdict in MISUSE
    tally.harmless += verdict in HARMLESS
    tally.last = last if tally.last is None else max(tally.last, last)


def _hear(said: dict[str, _Said], view: CaseView) -> None:
    for event in view.evidence:
        for title in {part.removeprefix("rule: ") for part in event.note.split("; ") if part}:
            heard, at = said.setdefault(title, _Said()), parse_instant(event.at)
            heard.hits += 1
            heard.last = at if heard.last is None else max(heard.last, at)
