"""All that pages show of a span, at once, for whoever audits it: gathered from the state and the lake, and kept small.

What is left out for its size is said. Nothing is judged anew by other rules than the pages' own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from watchbill.access.history import History
from watchbill.access.model import Freeze
from watchbill.errors import NotFoundError, RefusedError
from watchbill.intervals import Interval, parse_instant
from watchbill.ledger.chain import verify
from watchbill.schedule.model import Gap, Shift
from watchbill.service.access_view import COLUMNS, ROWS, Filters, Matrix, Then, matrix, then
from watchbill.service.casework import Casework, view_of
from watchbill.service.coverage_view import CoverageView, coverage_view
from watchbill.service.held import Held, held_over
from watchbill.service.history import history_of
from watchbill.service.ledger_view import VerifyView, verify_view
from watchbill.service.person import LANES, Done, Lane, Seen, shifts_of
from watchbill.service.recertification import ReviewView, review_view, reviews
from watchbill.service.seen import Trail, Unmapped
from watchbill.service.standing import Sees, StandingCase, standing_case
from watchbill.service.watching import on_call
from watchbill.team.model import Team


T = TypeVar("T")

CASES: Final = 100
PEOPLE: Final = 60
"""People whose events are drawn: those with the most that was outside, then the most events."""
EVENTS: Final = 40
"""Events of each that are listed: those that were outside, or not judged."""
LINES: Final = 1_500
"""Lines of what was held, and gaps of the trail."""
NOBODY: Final = 100
"""Of those who are nobody we know."""
TABLES: Final = 6
"""Pages of the matrix."""


@dataclass(frozen=True, slots=True)
class PersonPart:
    """What one person did."""

    person: str
    full_name: str
    seen: Seen
    shifts: tuple[Shift, ...]
    frozen: tuple[Interval, ...]
    counts: Mapping[Lane, int]
    listed: tuple[Done, ...]
    """What was outside of their right, or could not be judged; the latest of each first."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything about a span."""

    span: Interval
    made_at: datetime
    team: str
    end: Then | None
    """What access at the end of the span is known by; None where the team file of then can be read no more."""
    no_end: str
    """Why it is not known; empty where it is."""
    matrices: tuple[Matrix, ...]
    """Access at the end, page after page."""
    held: tuple[Held, ...]
    assumed: tuple[str, ...]
    shifts: tuple[Shift, ...]
    gaps: tuple[Gap, ...]
    people: tuple[PersonPart, ...]
    idle: tuple[str, ...]
    """People of whom nothing is recorded."""
    unmapped: tuple[Unmapped, ...]
    """Who acted and is nobody we know, those with the most events first."""
    complete_to: datetime | None
    cases: tuple[StandingCase, ...]
    reviews: tuple[ReviewView, ...]
    """Those that were opened or signed in the span, as they stand now."""
    ledger: VerifyView
    entries: Mapping[str, int]
    """Entries of the ledger in the span, by kind."""
    coverage: CoverageView | None
    """None where there is no trail."""
    left_out: tuple[str, ...]
    """What is not in it for its size, in words."""


def dossier(work: Casework, lake: Path, span: Interval, sees: Sees) -> Dossier:
    """Gather a span, as whoever works may see it; RefusedError where its end lies ahead."""
    if span.end > work.at:
        raise RefusedError("it is of what was, and ends no later than now", "give an earlier --until")
    left_out: list[str] = []
    history, trail = history_of(work, span), Trail(lake)
    try:
        people, idle = _people(work, trail, history, span, left_out)
        unmapped = _first(trail.unmapped(span), NOBODY, "who are nobody we know", left_out)
        coverage = trail.coverage(work.team, span, work.at)
        complete_to = trail.complete_to()
    finally:
        trail.close()
    holdings = held_over(history, span)
    if holdings.known != span:
        left_out.append(f"what was held after {holdings.known.end:%Y-%m-%d %H:%M} UTC: too much changed before")
    shifts, gaps = _on_call(history, span)
    end, no_end = _end(work, span.end)
    entries = [entry for entry in work.store.ledger.entries() if span.start <= entry.at < span.end]
    return Dossier(
        span,
        work.at,
        work.team.name,
        end,
        no_end,
        () if end is None else tuple(_matrices(end, left_out)),
        _first(holdings.lines, LINES, "lines of what was held", left_out),
        tuple(dict.fromkeys((*history.assumed, *(() if end is None else end.assumed), *holdings.unread))),
        shifts,
        gaps,
        people,
        idle,
        unmapped,
        complete_to,
        _cases(work, span, sees, left_out),
        tuple(_reviews(work, span, left_out)),
        verify_view(verify(work.store.ledger.entries())),
        dict(sorted(Counter(entry.kind for entry in entries).items())),
        None if coverage is None else _cut(coverage_view(coverage, span), left_out),
        tuple(left_out),
    )


def _end(work: Casework, at: datetime) -> tuple[Then | None, str]:
    """Give what is known of who has access at an instant, or why nothing is."""
    try:
        return then(work, at), ""
    except NotFoundError as error:
        return None, str(error)


def _people(
    work: Casework, trail: Trail, history: History, span: Interval, left_out: list[str]
) -> tuple[tuple[PersonPart, ...], tuple[str, ...]]:
    """Give what each person did, those with the most that was outside of their right first; and who did nothing."""
    found, idle = [], []
    freezes = work.freezes()
    for name, full_name in _names(work.team, history, span).items():
        seen = trail.seen(work, name, span)
        counts = seen.counts()
        if not any(counts.values()):
            idle.append(name)
            continue
        if not seen.whole:
            left_out.append(f"events of {name} before the last {sum(counts.values())}")
        listed = tuple(_listed(name, seen, left_out))
        frozen = tuple(each for freeze in freezes if freeze.person == name for each in _frozen(freeze, span))
        shifts = shifts_of(history, name, span)
        found.append(PersonPart(name, full_name, seen, shifts, frozen, counts, listed))
    found.sort(key=lambda part: (-part.counts[Lane.OUTSIDE], -sum(part.counts.values()), part.person))
    return _first(found, PEOPLE, "people, those with the fewest events", left_out), tuple(idle)


def _names(team: Team, history: History, span: Interval) -> dict[str, str]:
    """Name everybody of the span with their full name: who left meanwhile, too."""
    teams = (*(each.team for _, each in history.spans(span) if each.team is not None), team)
    return {name: person.full_name for each in teams for name, person in each.people.items()}


def _listed(name: str, seen: Seen, left_out: list[str]) -> Iterator[Done]:
    """List what was outside of somebody's right, then what could not be judged; what of it is too much is said."""
    counts, room = seen.counts(), EVENTS
    for lane, words in ((Lane.OUTSIDE, "were outside of their right"), (Lane.UNJUDGED, "could not be judged")):
        before = sum(count for each, count in counts.items() if LANES.index(each) < LANES.index(lane))
        shown = min(counts[lane], room)
        yield from seen.listed(before, shown)
        room -= shown
        if shown < counts[lane]:
            left_out.append(f"{counts[lane] - shown} events of {name} that {words}, of {counts[lane]}")


def _frozen(freeze: Freeze, span: Interval) -> Iterator[Interval]:
    end = freeze.end or span.end
    inside = Interval(freeze.start, end).intersection(span) if freeze.start < end else None
    if inside is not None:
        yield inside


def _on_call(history: History, span: Interval) -> tuple[tuple[Shift, ...], tuple[Gap, ...]]:
    """Give who was on call, by the team files that were in force."""
    held: list[Shift] = []
    missing: list[Gap] = []
    for piece, each in history.spans(span):
        if each.team is not None:
            shifts, gaps = on_call(each.team, piece, None)
            held, missing = [*held, *shifts], [*missing, *gaps]
    return tuple(held), tuple(missing)


def _matrices(end: Then, left_out: list[str]) -> Iterator[Matrix]:
    """Give the matrix page after page, down and then across."""
    first = matrix(end, Filters())
    pages, across = -(-first.people // ROWS) or 1, -(-first.sets // COLUMNS) or 1
    wanted = [(page, over) for over in range(1, across + 1) for page in range(1, pages + 1)]
    if len(wanted) > TABLES:
        left_out.append(
            f"{len(wanted) - TABLES} of {len(wanted)} pages of access at the end: `watchbill serve` has all"
        )
    for page, over in wanted[:TABLES]:
        yield first if (page, over) == (1, 1) else matrix(end, Filters(), page, over)


def _cases(work: Casework, span: Interval, sees: Sees, left_out: list[str]) -> tuple[StandingCase, ...]:
    """Give the cases that have anything in the span, with what was decided, the first to be raised first."""
    found = []
    for row in work.store.cases.all():
        view = view_of(row)
        if parse_instant(view.first) < span.end and parse_instant(view.last) >= span.start:
            found.append(row)
    kept = _first(sorted(found, key=lambda row: (row.opened_at, row.id)), CASES, "cases", left_out)
    return tuple(standing_case(work.store, row.id, sees) for row in kept)


def _reviews(work: Casework, span: Interval, left_out: list[str]) -> Iterator[ReviewView]:
    for review in reversed(reviews(work.store)):
        if any(at in span for at in (review.at, *(each.at for each in review.signatures))):
            found = review_view(work, review)
            yield replace(found, rows=list(_first(found.rows, LINES, f"rows of the review {review.id}", left_out)))


def _cut(coverage: CoverageView, left_out: list[str]) -> CoverageView:
    return replace(coverage, gaps=list(_first(coverage.gaps, LINES, "gaps of the trail", left_out)))


def _first(found: Sequence[T], most: int, what: str, left_out: list[str]) -> tuple[T, ...]:
    if len(found) > most:
        left_out.append(f"{len(found) - most} of {len(found)} {what}")
    return tuple(found[:most])
