"""Which team files were in force in a span of time, as the state has kept them, with the outside schedules of the time.

An outside schedule is filled week by week, from the copies that were in force up to the end of the week: a copy is read
for a month back at most, so that one filling would not reach over a long trail. Before the first copy, that one is
taken, and that is said.

What was in force at an instant is the same by whatever span it is asked: weeks are those of the calendar, and what was
approved counts as far as a judgement looks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta

from watchbill.access.history import History, InForce, Revision, declared, in_force_in, not_known
from watchbill.intervals import Interval, iso
from watchbill.judge.judge import REACH
from watchbill.schedule.copies import Source, read_span, sources, with_held
from watchbill.service.approved import approved_in, laid_over
from watchbill.service.as_read import organizations_in
from watchbill.service.casework import Casework
from watchbill.service.feeds import with_feeds
from watchbill.service.stand_ins import with_stand_ins
from watchbill.store.database import Store
from watchbill.team.model import Held, Team


_WEEK = timedelta(days=7)
_TICK = timedelta(microseconds=1)
_EVER = datetime.min.replace(tzinfo=UTC)


def history_of(work: Casework, within: Interval) -> History:
    """Give the team files that were in force in a span, and every freeze; what is assumed is said in it."""
    kept = declared(_kept(work.store, within), work.team, within, work.freezes())
    return _completed(_laid_over(kept, work.store, within), work.store, work.at, within)


def history_as_if(team: Team, store: Store, at: datetime, within: Interval) -> History:
    """Give a team file as if it had been in force in all of a span, with what `history_of` lays over it."""
    bare = replace(declared((), team, within), assumed=())
    return _completed(_laid_over(bare, store, within), store, at, within)


def reach_of(within: Interval, teams: Iterable[Team]) -> Interval:
    """Give the time in which something may say what is judged of a span: the grace of a watch reaches farther."""
    rotas = [rota for team in teams for rota in team.rotas.values()]
    far = REACH + max((max(rota.grace_before, rota.grace_after) for rota in rotas), default=timedelta())
    return Interval(within.start - far - _TICK, within.end + far)


def week_of(at: datetime) -> Interval:
    """Give the week of an instant, from Monday on, in UTC."""
    monday = datetime.combine(at.date() - timedelta(days=at.weekday()), time(), UTC)
    return Interval(monday, monday + _WEEK)


def _completed(history: History, store: Store, at: datetime, within: Interval) -> History:
    """Fill the outside schedules of the team files, and add what organizations were."""
    teams = [each.team for each in history.files if each.team is not None]
    history = replace(history, organizations=organizations_in(store, teams, within))
    known = [known for span, each in history.spans(within) for _, known in history.organized(each.team, span)]
    beside = "what AWS allowed then is taken to be allowed by them"
    unknown = dict.fromkeys(f"{not_known(each)}; {beside}" for each in known if isinstance(each, str))
    history = replace(history, assumed=(*history.assumed, *unknown))
    spans = history.spans(within)
    if not any(sources(each.team) for _, each in spans if each.team is not None):
        return history
    filler = _Filler(store, at)
    first, *rest = (piece for span, each in spans for piece in filler.pieces(span, each))
    files = (replace(first, since=None), *rest)
    return replace(history, files=files, assumed=(*history.assumed, *filler.assumed))


def _kept(store: Store, within: Interval) -> list[Revision]:
    """Give every revision, with the text of those alone that were in force in the span: files are large, and many."""
    bare = [Revision(digest, at, "") for digest, at in store.revisions.applied()]
    texts = store.revisions.texts(each.digest for each in in_force_in(bare, within))
    return [replace(each, text=texts.get(each.digest, "")) for each in bare]


def _laid_over(history: History, store: Store, within: Interval) -> History:
    """Let the team files of every time say who stood in for whom, and what was approved beside them."""
    teams = [each.team for each in history.files if each.team is not None]
    rows = approved_in(store, reach_of(within, teams))

    def filled(team: Team) -> Team:
        return laid_over(with_stand_ins(team, store), rows)

    files = (each if each.team is None else replace(each, team=filled(each.team)) for each in history.files)
    return replace(history, files=tuple(files), given=filled(history.given))


@dataclass(slots=True)
class _Filler:
    """Fills the outside schedules of team files by the copies of the time."""

    store: Store
    at: datetime
    assumed: dict[str, None] = field(default_factory=dict)
    """What was taken to be so, in words, each once."""
    _first: dict[str, datetime | None] = field(default_factory=dict)

    def pieces(self, span: Interval, each: InForce) -> Iterator[InForce]:
        """Cut a span in which one file was in force into weeks, where that file has outside schedules."""
        if each.team is None or not sources(each.team):
            yield replace(each, since=span.start)
            return
        start = span.start
        while start < span.end:
            week = week_of(start)
            yield replace(each, since=start, team=self._filled(each.team, start, min(week.end, self.at)))
            start = week.end

    def _filled(self, team: Team, start: datetime, until: datetime) -> Team:
        known: dict[datetime, dict[str, tuple[Held, ...] | None]] = {}
        held: dict[str, tuple[Held, ...]] = {}
        for source in sources(team):
            asked = self._asked(source, start, until)
            if asked not in known:
                filled = sources(with_feeds(team, self.store, asked))
                known[asked] = {each.name: each.feed.held for each in filled}
            if (found := known[asked][source.name]) is not None:
                held[source.name] = found
        return with_held(team, held)

    def _asked(self, source: Source, start: datetime, until: datetime) -> datetime:
        """Give the instant by whose copies a source is filled: the end of the week, or when its first copy came."""
        name = source.name
        if name not in self._first:
            copies = self.store.feeds.in_force(name, _EVER, self.at)
            self._first[name] = copies[0].since if copies else None
        first = self._first[name]
        if first is None:
            self.assumed[f"the outside schedule {name} has no copy: nobody is taken to be on call by it"] = None
            return until
        if start < first:
            said = f"before {iso(first)} the outside schedule {name} is taken from its first copy, of that time"
            self.assumed[said] = None
        if start < (back := read_span(first).start):
            said = (
                f"before {iso(back)} shifts of the outside schedule {name} may be missing: no copy is read so far back"
            )
            self.assumed[said] = None
        return max(until, first)
