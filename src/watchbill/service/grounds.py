"""What a judgement of what was done follows from, named: the name is another where any of that is.

1. Of a time: the team files that were in force, with the organization and the outside schedules of then. What lies in a
   week that is not over, by an outside schedule, may be judged otherwise in a minute, and has no name.
2. Of a person near a time, as far as a judgement looks: what was approved for them, when they were frozen, and who had
   whose watch in the rotas that they are in. Each of these begins and ends by itself, and many come in a day.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable

import msgspec

from watchbill.access.history import History, Revision, in_force_in
from watchbill.intervals import Interval, parse_instant
from watchbill.respond.requests import Swap
from watchbill.schedule.copies import sources
from watchbill.service.approved import span_of, wanted_of
from watchbill.service.as_read import kept_organizations, organizations_met
from watchbill.service.casework import Casework
from watchbill.service.history import reach_of, week_of
from watchbill.service.stand_ins import containment_of
from watchbill.store.rows import Asked, FreezeRow, RequestRow
from watchbill.team.model import Team


_TICK = timedelta(microseconds=1)


class Grounds:
    """Names what was in force in a span, for any part of it. The state is read once, when it is made."""

    def __init__(self, work: Casework, history: History) -> None:
        """Take the history of the span, as `history_of` gives it."""
        store = work.store
        self._store, self._at, self._history = store, work.at, history
        self._applied = [Revision(digest, at, "") for digest, at in store.revisions.applied()]
        self._copies = store.feeds.numbers()
        self._beside = [*_approved(store.requests.all(Asked.APPROVED)), *_frozen(store.freezes.all())]
        self._known: dict[Interval, tuple[str | None, Mapping[str, str]]] = {}

    def of_time(self, span: Interval) -> str | None:
        """Name what was in force in a part of the span, whoever acted; None where it may be another in a minute."""
        return self._of(span)[0]

    def of_people(self, span: Interval) -> Mapping[str, str]:
        """Name what held beside it for each person for whom anything did."""
        return self._of(span)[1]

    def _of(self, span: Interval) -> tuple[str | None, Mapping[str, str]]:
        if span not in self._known:
            pieces = self._history.spans(span)
            teams = [each.team for _, each in pieces if each.team is not None]
            stood = [(each.digest, each.since) for each in in_force_in(self._applied, span)]
            read = [(each.revision or f"given {self._history.given.digest}", each.why_not) for _, each in pieces]
            organizations = organizations_met(self._store, teams, span)
            copies = self._copies_of(teams, span)
            said = [_judged_with(), list(dict.fromkeys(read)), stood, organizations, copies]
            self._known[span] = (None if copies is None else _digest(said)), self._people(teams, span)
        return self._known[span]

    def _copies_of(self, teams: Iterable[Team], span: Interval) -> list[int] | None:
        """Name the copies of outside schedules by which a span is filled; None where its last week is not over."""
        names = {source.name for team in teams for source in sources(team)}
        if not names:
            return []
        until = week_of(span.end - _TICK).end
        if until > self._at:
            return None
        mine = [(number, feed, parse_instant(since)) for number, feed, since in self._copies if feed in names]
        first = {feed: number for number, feed, _ in reversed(mine)}
        return sorted({*first.values(), *(number for number, _, since in mine if since <= until)})

    def _people(self, teams: Sequence[Team], span: Interval) -> Mapping[str, str]:
        wide = reach_of(span, teams)
        members = [rota for team in teams for rota in team.rotas.values()]
        found: dict[str, list[object]] = {}
        for each in self._beside:
            if each.start < wide.end and (each.end is None or each.end > wide.start):
                of_rotas = {name for rota in members if rota.name in each.rotas for name in rota.people}
                for person in {*each.people, *of_rotas}:
                    found.setdefault(person, []).append(each.said)
        return {person: _digest(said) for person, said in found.items()}


def stamp_of(work: Casework) -> str:
    """Name the state of everything that says what was in force when: it is another where any of that is."""
    store = work.store
    said: list[object] = [work.team.digest, store.revisions.dates(), store.feeds.numbers()]
    said += [*store.freezes.all(), *store.requests.all(Asked.APPROVED), kept_organizations(store)]
    if sources(work.team):
        # How far copies of outside schedules are read hangs on now.
        said.append(f"{work.at:%Y-%m-%dT%H:%M}")
    return _digest(said)


class _Beside(msgspec.Struct, frozen=True):
    """Something that holds beside a team file."""

    start: datetime
    end: datetime | None
    people: tuple[str, ...]
    rotas: frozenset[str]
    """Whose watches it changes: one passed on may be passed on again."""
    said: tuple[object, ...]


def _approved(rows: Iterable[RequestRow]) -> Iterable[_Beside]:
    for row in rows:
        wanted, (start, end) = wanted_of(row), span_of(row)
        said = (row.id, row.kind, row.payload, start, end, row.decided_by)
        if isinstance(wanted, Swap):
            yield _Beside(start, end, wanted.people, frozenset([wanted.rota]), said)
        else:
            yield _Beside(start, end, (row.person,), frozenset(), said)


def _frozen(rows: Iterable[FreezeRow]) -> Iterable[_Beside]:
    for row in rows:
        made = containment_of(row)
        stood = () if made is None else made.stand_ins
        people = (row.person, *(each.person for each in stood if each.person is not None))
        rotas = frozenset(each.rota for each in stood)
        yield _Beside(row.start, row.end, people, rotas, (row.id, row.start, row.end, stood))


@cache
def _judged_with() -> tuple[str, ...]:
    """Name what judges: our own code and data, and whose word on holidays, time zones and dates is taken."""
    others = ("holidays", "icalendar", "python-dateutil", "tzdata")
    return (content_of(resources.files("watchbill")), *(f"{name} {version(name)}" for name in others))


def content_of(folder: Traversable) -> str:
    """Name what is in a folder: between two releases our version is the same, and what it judges by may be another."""
    inside = sorted((each for each in folder.iterdir() if each.name != "__pycache__"), key=lambda each: each.name)
    return _digest([(each.name, content_of(each) if each.is_dir() else _hashed(each.read_bytes())) for each in inside])


def _digest(said: object) -> str:
    return _hashed(msgspec.json.encode(said))


def _hashed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]
