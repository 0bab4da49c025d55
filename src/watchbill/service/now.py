"""How things stand now: who is on watch and who is next, what is open, who holds what for a while, what is not known.

Each part by itself, as a plain value, from the state and the team file alone: nothing is asked of AWS for it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from watchbill.access.compile import horizon_of
from watchbill.access.entitlements import is_frozen, windows
from watchbill.access.model import Holding
from watchbill.alerts.weights import GAP
from watchbill.intervals import Interval
from watchbill.ledger.model import Kind as Entry
from watchbill.respond.ask import Status
from watchbill.respond.outcomes import Stand
from watchbill.schedule.copies import sources
from watchbill.schedule.model import Duty, Shift
from watchbill.schedule.oncall import Schedule, shifts
from watchbill.service.about import request_line
from watchbill.service.board import Standing
from watchbill.service.casework import Casework, view_of
from watchbill.store.rows import Asked, QuestionRow
from watchbill.team.model import Kind, Rota, Team


SEVERITIES: Final = ("critical", "high", "medium", "low", "info")
"""Worst first."""
_AHEAD: Final = (timedelta(days=1), timedelta(days=8), timedelta(days=35))
"""How far the next handoff is looked for: most are near."""
_LIVE = timedelta(days=2)
"""How far the end of what somebody holds is looked for."""
_STALE = timedelta(hours=1)
"""How old the trail may be before that is said to be odd: CloudTrail delivers within a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class OnWatch:
    """Who holds a watch now, and who is next."""

    rota: str
    kind: Kind
    people: tuple[str, ...]
    """None where nobody holds it."""
    until: datetime | None
    """The next handoff; None where none is within five weeks."""
    following: tuple[str, ...]
    """Who is on call from then on."""
    required: bool
    """Whether somebody must be, at some hours at least."""


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case that is not closed."""

    id: str
    severity: str
    status: str
    person: str | None
    opened_at: datetime
    sentence: str
    is_gap: bool
    """Whether it is about what nothing is recorded of."""


@dataclass(frozen=True, slots=True)
class Live:
    """What somebody holds for a while, now."""

    person: str
    permission_set: str
    accounts: tuple[str, ...]
    through: str
    until: datetime | None
    """None where that is more than two days away."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """Somebody who may do nothing now."""

    id: str
    person: str
    since: datetime
    case: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """Something that is read again and again, and how fresh it is."""

    name: str
    at: datetime | None
    """When it was read last, or up to when it is complete; None where it never was."""
    well: bool
    said: str
    """What is wrong with it, or what that instant is."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far ahead access is written into AWS."""

    rotas: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What was last applied to AWS."""

    at: datetime | None
    """None where nothing was."""
    failed: int
    horizons: tuple[Horizon, ...]
    """The nearest first."""


def asked_of(work: Casework, person: str) -> list[QuestionRow]:
    """Give the questions that wait for somebody, the most urgent first."""
    waiting = (Stand.ASKED, Stand.ANSWERED)
    found = [row for row in work.store.questions.of_person(person) if row.stand in waiting]
    return sorted(found, key=lambda row: (row.deadline_at, row.case_id))


def on_watch(team: Team, at: datetime) -> list[OnWatch]:
    """Tell who holds each watch, when it is handed over, and to whom, in the order of the team file."""
    return [each for rota in team.rotas.values() for each in _of_rota(rota, at)]


def _of_rota(rota: Rota, at: datetime) -> Iterator[OnWatch]:
    duties = Schedule(rota).on_call(at)
    needed = {each.kind for each in rota.required}
    kinds = {layer.kind for layer in rota.layers} | {duty.kind for duty in duties} | needed
    nexts = _nexts(rota, at, {kind: _named(duties, kind) for kind in kinds})
    for kind in sorted(kinds, key=list(Kind).index):
        people = _named(duties, kind)
        until, following = nexts.get(kind, (None, people))
        yield OnWatch(rota.name, kind, people, until, following, kind in needed)


def _named(duties: Iterable[Duty | Shift], kind: Kind) -> tuple[str, ...]:
    return tuple(sorted({duty.person for duty in duties if duty.kind is kind}))


def _nexts(
    rota: Rota, at: datetime, holding: Mapping[Kind, tuple[str, ...]]
) -> Mapping[Kind, tuple[datetime, tuple[str, ...]]]:
    """Give for each kind when somebody else holds the watch, and who: a day is looked at, and more where it must be."""
    found: dict[Kind, tuple[datetime, tuple[str, ...]]] = {}
    for ahead in _AHEAD:
        left = holding.keys() - found.keys()
        coming = shifts(rota, Interval(at, at + ahead), left)
        for kind in left:
            mine = [shift for shift in coming if shift.kind is kind]
            edges = {edge for shift in mine for edge in (shift.interval.start, shift.interval.end)}
            for edge in sorted(edge for edge in edges if at < edge < at + ahead):
                then = _named((shift for shift in mine if edge in shift.interval), kind)
                if then != holding[kind]:
                    found[kind] = edge, then
                    break
        if holding.keys() == found.keys():
            break
    return found


def open_cases(work: Casework) -> list[OpenCase]:
    """Give the cases that are not closed, the worst first and the oldest of each; never one about whoever works.

    Nothing of them is told that not every reader may see: no story, and nothing of how one was decided.
    """
    found = []
    for row in work.store.cases.not_in(str(Status.CLOSED)):
        if row.person != work.actor:
            view = view_of(row)
            said = (row.person, row.opened_at, view.sentence)
            found.append(OpenCase(row.id, row.severity, row.status, *said, view.kind == GAP))
    return sorted(found, key=lambda case: (SEVERITIES.index(case.severity), case.opened_at, case.id))


def live(work: Casework, team: Team) -> list[Live]:
    """Give what people hold now for a while, on call, by a grant or a request: what ends first comes first."""
    within = Interval(work.at, work.at + _LIVE)
    frozen = work.freezes()
    held: dict[tuple[str, str, str, datetime | None], list[str]] = {}
    for each in windows(team, within):
        if _holds(each, work.at) and not is_frozen(each.person, frozen, work.at):
            end = each.interval.end if each.interval is not None else within.end
            key = (each.person, each.permission_set, each.through, end if end < within.end else None)
            held.setdefault(key, []).append(each.account)
    found = [
        Live(person, permission_set, tuple(sorted(set(accounts))), through, until)
        for (person, permission_set, through, until), accounts in held.items()
    ]
    return sorted(found, key=lambda each: (each.until or within.end, each.person, each.permission_set, each.through))


def _holds(holding: Holding, at: datetime) -> bool:
    return holding.interval is not None and at in holding.interval


def frozen_people(work: Casework) -> list[Frozen]:
    """Give who is frozen now, the longest first."""
    return [Frozen(row.id, row.person, row.start, row.case_id) for row in work.store.freezes.active(work.at)]


def waiting(work: Casework) -> list[str]:
    """Say what was asked for and waits for somebody."""
    rows = work.store.requests.all(Asked.WAITING)
    return [f"{each.id}: {each.what}" for each in map(request_line, rows)]


def fresh(work: Casework, complete_to: datetime | None, jobs: Mapping[str, Standing]) -> list[Source]:
    """Say how fresh each source is: the trail, outside schedules, and what the jobs of an instance read."""
    return [_trail(work.at, complete_to), *_schedules(work), *_jobs(jobs)]


def _trail(at: datetime, complete_to: datetime | None) -> Source:
    if complete_to is None:
        return Source("trail", None, well=False, said="there is none: `watchbill trail ingest SOURCE` takes one in")
    well = at - complete_to <= _STALE
    said = "complete to then" if well else "complete to then, and nothing is recorded since"
    return Source("trail", complete_to, well, said)


def _schedules(work: Casework) -> Iterator[Source]:
    for source in sources(work.team):
        tried = work.store.feeds.last_try(source.name)
        if tried is None:
            said = "never fetched: `watchbill oncall fetch` fetches it"
            yield Source(f"schedule {source.name}", None, well=False, said=said)
        else:
            said = tried.error or "fetched"
            yield Source(f"schedule {source.name}", tried.at, well=tried.error is None, said=said)


def _jobs(jobs: Mapping[str, Standing]) -> Iterator[Source]:
    for name, each in jobs.items():
        wrong = [*(f"could not read: {what}" for what in each.stale), *([each.error] if each.error else [])]
        if each.done_at is not None or wrong:
            said = "; ".join(wrong) or "done"
            yield Source(f"job {name}", each.done_at, well=not wrong, said=said)


def written(work: Casework) -> Written:
    """Tell what was last applied to AWS, and how far ahead: where that runs out AWS lets nobody on call in any more."""
    entry = work.store.ledger.last(Entry.PLAN_APPLIED)
    if entry is None:
        return Written(None, 0, ())
    by_end: dict[datetime, list[str]] = {}
    for rota in work.team.rotas.values():
        by_end.setdefault(horizon_of(rota, entry.at).end, []).append(rota.name)
    horizons = (Horizon(tuple(names), until) for until, names in sorted(by_end.items()))
    return Written(entry.at, int(entry.facts["failed"]), tuple(horizons))
