"""A case with where it stands and what was done about it, as its reader may see it: for commands and for pages."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from watchbill.alerts.export.model import Kept
from watchbill.alerts.export.reader import kept_for
from watchbill.alerts.view import CaseView
from watchbill.intervals import iso, parse_instant
from watchbill.respond.times import Times, steps_of, times_of
from watchbill.service.casework import find_case, view_of
from watchbill.store.database import Store
from watchbill.store.rows import CaseRow, QuestionRow


WORST_FIRST: Final = ("critical", "high", "medium", "low", "info")
"""How grave a case is."""

Sees = Callable[[CaseView], bool]
"""Tells whether whoever reads a case may see the story of an insider in it."""


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question to a person, and the answer where there is one."""

    case: str
    person: str
    text: str
    asked_at: str
    deadline_at: str
    answer: str | None
    answered_at: str | None
    stand: str
    """asked, answered, stepped up, silent, escalated or decided."""
    peer: str | None
    """Who may confirm it."""
    confirmed_by: str | None
    confirmed_at: str | None


@dataclass(frozen=True, slots=True)
class StepView:
    """One thing that was done about a case."""

    at: str
    by: str
    what: str


@dataclass(frozen=True, slots=True)
class TimesView:
    """How long each step took, in seconds; null where it did not come. docs/asking.md says from when to when."""

    notice: float | None
    ask: float | None
    answer: float | None
    decide: float | None
    contain: float | None
    restore: float | None


@dataclass(frozen=True, slots=True)
class StandingCase:
    """A case with where it stands."""

    case: CaseView
    status: str
    note: str
    opened_at: str
    updated_at: str
    question: QuestionView | None
    times: TimesView
    steps: list[StepView]


@dataclass(frozen=True, slots=True)
class ListedCase:
    """A case in a list."""

    id: str
    status: str
    severity: str
    person: str | None
    subject: str
    """The person, or what else it is about."""
    first: str
    opened_at: datetime
    sentence: str
    note: str
    leading: str | None
    """The likeliest story; None where the evidence does not decide."""
    chance: float | None
    """Its probability."""


def worst_first(rows: Iterable[CaseRow]) -> list[CaseRow]:
    """Put cases in the order of every list: the worst first, and the oldest of each."""
    return sorted(rows, key=lambda row: (WORST_FIRST.index(row.severity), row.opened_at, row.id))


def listed(row: CaseRow, sees: Sees) -> ListedCase:
    """Give a case of a list, as its reader may see it."""
    kept = as_read(row, view_of(row), sees)
    view = kept.case
    chance = next((each.probability for each in view.hypotheses if each.story == view.leading), None)
    what = (row.person, view.subject, view.first, row.opened_at, view.sentence, kept.note)
    return ListedCase(row.id, row.status, row.severity, *what, view.leading, chance)


def as_read(row: CaseRow, view: CaseView, sees: Sees) -> Kept:
    """Give a case as its reader may see it."""
    return kept_for(Kept(view, row.status, row.note, row.opened_at, row.updated_at), may_see_insider=sees(view))


def standing_case(store: Store, case_id: str, sees: Sees) -> StandingCase:
    """Give a case with where it stands and what was asked, as its reader may see it."""
    row, view = find_case(store, case_id)
    kept = as_read(row, view, sees)
    asked = store.questions.of(case_id)
    question = None if asked is None else question_of(asked)
    freezes = [each.id for each in store.freezes.all() if each.case_id == case_id]
    entries = store.ledger.about([case_id, *freezes])
    times = times_of(parse_instant(view.first), entries)
    steps = [StepView(iso(s.at), s.by, s.words) for s in steps_of(entries, may_see_insider=sees(view))]
    opened, updated = iso(row.opened_at), iso(row.updated_at)
    return StandingCase(kept.case, row.status, kept.note, opened, updated, question, _times(times), steps)


def _times(times: Times) -> TimesView:
    return TimesView(
        *(
            None if length is None else length.total_seconds()
            for length in (times.notice, times.ask, times.answer, times.decide, times.contain, times.restore)
        )
    )


def lengths(times: TimesView) -> Iterator[tuple[str, str]]:
    """Give how long each step took that came, in words."""
    for each in fields(times):
        seconds = getattr(times, each.name)
        if seconds is not None:
            whole, rest = divmod(round(seconds), 60)
            yield each.name, f"{whole} min {rest} s" if whole else f"{rest} s"


def question_of(asked: QuestionRow) -> QuestionView:
    """Give a question as it is shown."""
    return QuestionView(
        asked.case_id,
        asked.person,
        asked.text,
        iso(asked.asked_at),
        iso(asked.deadline_at),
        asked.answer,
        iso(asked.answered_at) if asked.answered_at else None,
        asked.stand,
        asked.peer,
        asked.confirmed_by,
        iso(asked.confirmed_at) if asked.confirmed_at else None,
    )
