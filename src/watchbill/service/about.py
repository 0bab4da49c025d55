"""What the state has about one person beside the trail, as its reader may see it; and who looked at it.

A person is shown what is held about themself but for their cases: they are told what they are asked. Whoever looks at
what another one did stands in the ledger, once for each hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from watchbill.intervals import Interval, parse_instant
from watchbill.ledger.model import Kind
from watchbill.respond.requests import Swap
from watchbill.service.approved import span_of, wanted_of
from watchbill.service.casework import Casework, view_of
from watchbill.service.requests import asking_of
from watchbill.service.standing import QuestionView, Sees, as_read, question_of
from watchbill.store.rows import Asked, FreezeRow, RequestRow


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case, in a list."""

    id: str
    status: str
    severity: str
    first: datetime
    sentence: str
    note: str


@dataclass(frozen=True, slots=True)
class RequestLine:
    """Something that was asked for, in a list."""

    id: str
    at: datetime
    what: str
    state: str
    by: str | None
    """Who decided."""
    holds: Interval | None
    """When it holds, or held; None where it was not approved, or ended before it began."""


@dataclass(frozen=True, slots=True)
class About:
    """What the state has about a person."""

    questions: tuple[QuestionView, ...]
    cases: tuple[CaseLine, ...]
    """Those that have anything in the span that is asked about."""
    freezes: tuple[FreezeRow, ...]
    requests: tuple[RequestLine, ...]


def about(work: Casework, person: str, span: Interval, sees: Sees) -> About:
    """Give what the state has about a person, as whoever works may see it; cases of a span, and all else."""
    questions = tuple(question_of(row) for row in reversed(work.store.questions.of_person(person)))
    cases = () if work.actor == person else tuple(_cases(work, person, span, sees))
    freezes = tuple(row for row in reversed(work.store.freezes.all()) if row.person == person)
    requests = tuple(request_line(row) for row in reversed(work.store.requests.all()) if _is_for(row, person))
    return About(questions, cases, freezes, requests)


def _cases(work: Casework, person: str, span: Interval, sees: Sees) -> Iterator[CaseLine]:
    for row in reversed(work.store.cases.of_person(person)):
        view = view_of(row)
        if parse_instant(view.first) < span.end and parse_instant(view.last) >= span.start:
            kept = as_read(row, view, sees)
            yield CaseLine(row.id, row.status, row.severity, parse_instant(view.first), view.sentence, kept.note)


def _is_for(row: RequestRow, person: str) -> bool:
    wanted = wanted_of(row)
    return row.person == person or (isinstance(wanted, Swap) and person in wanted.people)


def request_line(row: RequestRow) -> RequestLine:
    """Give a request as it is listed."""
    start, end = span_of(row)
    holds = Interval(start, end) if row.state is Asked.APPROVED and start < end else None
    return RequestLine(row.id, row.at, asking_of(row).sentence, str(row.state), row.decided_by, holds)


def note_reader(work: Casework, person: str) -> None:
    """Write down that whoever works looks at what somebody else did, where this hour's entry is not there yet."""
    if work.actor == person or _is_noted(work, person):
        return
    with work.store.transaction():
        # Another page of theirs may have come in between.
        if not _is_noted(work, person):
            work.record(Kind.PERSON_SEEN, person, {})


def _is_noted(work: Casework, person: str) -> bool:
    hour = work.at.replace(minute=0, second=0, microsecond=0)
    wanted = (Kind.PERSON_SEEN, work.actor, person)
    return any((each.kind, each.actor, each.subject) == wanted for each in work.store.ledger.since(hour))


def is_known(work: Casework, person: str) -> bool:
    """Tell whether the team file has somebody, or the state has anything about them: they may have left since."""
    store = work.store
    return (
        person in work.team.people
        or bool(store.cases.of_person(person))
        or bool(store.questions.of_person(person))
        or any(row.person == person for row in store.freezes.all())
    )
