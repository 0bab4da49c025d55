"""Keep copies of outside schedules: fetch, read, and put in force what may be; a lead accepts the rest.

Rules: the last good copy stays in force whatever happens to the next; a copy that changes too much waits for a lead,
and so does the first one, since before it nobody has said that this is the right schedule; what waits gives nobody
anything. The address of a feed is a secret and is in nothing that is written or shown.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from watchbill.errors import NotFoundError, Problem, ProviderError, WatchbillError
from watchbill.feeds.beside import read_beside
from watchbill.feeds.fetch import Fetched
from watchbill.inert import inert
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.schedule.copies import (
    Change,
    Source,
    changes,
    held_by,
    may_pass,
    over_time,
    read_span,
    sources,
    with_held,
)
from watchbill.schedule.outside import read_outside
from watchbill.store.database import Store
from watchbill.store.rows import CopyRow, CopyState, TryRow
from watchbill.team.model import Held, Team


Fetch = Callable[[str, str | None, str | None], Fetched]
"""Takes an address, an ETag and a Last-Modified; may be called from several threads."""

_SIDE_BY_SIDE = 8
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class FeedReport:
    """Where a feed stands."""

    feed: str
    """`rota/layer`."""
    copy_at: datetime | None
    """When the copy in force was fetched; None where there is none, so that nobody is on call by it."""
    since: datetime | None
    """Since when it is in force."""
    waiting_at: datetime | None
    """When the copy was fetched that waits for a lead, where one does."""
    changes: tuple[Change, ...]
    """What the copy that waits would change; where none does, what has just changed."""
    error: str | None
    """Why the last try failed."""
    failing_since: datetime | None
    problems: tuple[Problem, ...]
    """What the newest copy has that could not be understood, or is about nobody of the layer."""

    @property
    def is_well(self) -> bool:
        """Tell whether nothing about it needs a person."""
        return self.error is None and self.waiting_at is None and self.copy_at is not None

    def needs(self) -> tuple[Problem, ...]:
        """Say what about it needs a person, and which copy is in force meanwhile."""
        held = f"the copy of {iso(self.copy_at)} is in force" if self.copy_at else "nobody is on call by it"
        found = []
        if self.error is not None:
            since = f", failing since {iso(self.failing_since)}" if self.failing_since else ""
            found.append(Problem("feed", f"{held}{since}: {self.error}", self.feed))
        if self.waiting_at is not None:
            accept = f"watchbill oncall fetch --accept {self.feed}"
            message = f"{held}; the copy of {iso(self.waiting_at)} waits for a lead: {accept}"
            found.append(Problem("feed-waits", message, self.feed))
        if self.copy_at is None and not found:
            found.append(Problem("feed", f"{held}: no copy was accepted yet; run watchbill oncall fetch", self.feed))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Got:
    """What a try gave."""

    fetched: Fetched
    source: str
    """The fingerprint of where it is from."""


def refresh(
    team: Team, store: Store, fetch: Fetch, at: datetime, secrets: Mapping[str, str], actor: str
) -> list[FeedReport]:
    """Fetch every feed of the team once; `secrets` has the values of the variables that the team file names."""
    found = sources(team)
    known = [_newest(store, source.name) for source in found]
    # The store is for one thread alone: each try is given what it needs of it.
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        tries = pool.map(lambda source, copy: _tried(team, source, fetch, secrets, copy), found, known)
        got = list(tries)
    keeper = _Keeper(team, store, at, actor)
    return [
        keeper.keep(source, each, secrets.get(source.feed.secret, "")) for source, each in zip(found, got, strict=True)
    ]


class Lead(Protocol):
    """Somebody's work, as far as it is needed to take their word: a `casework.Casework`."""

    store: Store
    team: Team
    at: datetime
    actor: str

    def must_lead(self, subject: str | None) -> None:
        """Refuse whoever is no lead, or not yet by the file in force, or is frozen."""


def accept(work: Lead, name: str) -> FeedReport:
    """Put the copy of a feed that waits in force, on a lead's word."""
    source = next((each for each in sources(work.team) if each.name == name), None)
    if source is None:
        known = ", ".join(each.name for each in sources(work.team)) or "none"
        raise NotFoundError(f"no feed `{name}`", f"feeds of the team, as rota/layer: {known}")
    work.must_lead(None)
    return _Keeper(work.team, work.store, work.at, work.actor).accept(source)


def standing_feeds(team: Team, store: Store, at: datetime) -> list[FeedReport]:
    """Give where every feed of the team stands, without fetching any."""
    keeper = _Keeper(team, store, at, "")
    return [keeper.report(source, ()) for source in sources(team)]


def with_feeds(team: Team, store: Store, at: datetime) -> Team:
    """Give the team whose feeds hold what their copies in force say; a feed without one holds nobody."""
    reader = _Reader(team, at)
    held: dict[str, tuple[Held, ...]] = {}
    for source in sources(team):
        copies = store.feeds.in_force(source.name, read_span(at).start, at)
        if copies:
            held[source.name] = over_time([(copy.since or at, reader.held(source, copy) or ()) for copy in copies])
    return with_held(team, held)


def _newest(store: Store, name: str) -> CopyRow | None:
    return store.feeds.standing(name, CopyState.WAITING) or store.feeds.standing(name, CopyState.IN_FORCE)


def _tried(team: Team, source: Source, fetch: Fetch, secrets: Mapping[str, str], copy: CopyRow | None) -> _Got | str:
    """Fetch a feed, or say what went wrong."""
    try:
        if source.feed.file:
            return _Got(Fetched(read_beside(team.path, source.feed.file)), _fingerprint(source.feed.file))
        address = secrets.get(source.feed.secret)
        if not address:
            raise ProviderError(f"has no address: the environment variable {source.feed.secret} is not set")
        place = _fingerprint(address)
        # Those of another address would make that of this one look unchanged.
        same = copy if copy is not None and copy.source == place else None
        etag, modified = (same.etag, same.modified) if same is not None else (None, None)
        return _Got(fetch(address, etag, modified), place)
    except WatchbillError as error:
        return f"{source.name} {_said(error)}"


@dataclass(slots=True)
class _Reader:
    """Reads copies, each once."""

    team: Team
    at: datetime
    _known: dict[tuple[str, str, str], tuple[tuple[Held, ...], tuple[Problem, ...]]] = field(default_factory=dict)

    def read(self, source: Source, form: str, data: bytes) -> tuple[tuple[Held, ...], tuple[Problem, ...]]:
        """Give what a document holds, and what is wrong with it; a wrong document is a WatchbillError."""
        key = (source.name, form, _digest(data))
        if key not in self._known:
            imported = read_outside(form, data, read_span(self.at), source.name, source.layer.time_zone)
            held, problems = held_by(imported, source.layer, self.team.people, source.name)
            self._known[key] = held, (*imported.problems, *problems)
        return self._known[key]

    def held(self, source: Source, copy: CopyRow | None) -> tuple[Held, ...] | None:
        """Give what a copy holds; None where there is no copy, or it can be read no more."""
        if copy is None:
            return None
        try:
            return self.read(source, copy.form, copy.content)[0]
        except WatchbillError:
            return None


class _Keeper:
    """Writes down what became of feeds, for one actor at one instant."""

    def __init__(self, team: Team, store: Store, at: datetime, actor: str) -> None:
        self._store, self._at, self._actor = store, at, actor
        self._reader = _Reader(team, at)

    def keep(self, source: Source, got: _Got | str, address: str) -> FeedReport:
        """Write down what a try gave, and give where the feed stands."""
        if isinstance(got, _Got) and got.fetched.data is not None:
            try:
                self._reader.read(source, source.feed.form, got.fetched.data)
            except WatchbillError as error:
                got = _without(_said(error), address)
        with self._store.transaction():
            self._write_try(source.name, got if isinstance(got, str) else None)
            taken = () if isinstance(got, str) else self._keep_copy(source, got)
            return self.report(source, taken, address)

    def accept(self, source: Source) -> FeedReport:
        """Put the copy that waits in force."""
        with self._store.transaction():
            waiting = self._store.feeds.standing(source.name, CopyState.WAITING)
            if waiting is None:
                raise NotFoundError(f"no copy of {source.name} waits for anybody")
            self._reader.read(source, waiting.form, waiting.content)
            made = self._changes_by(source, waiting)
            self._take(waiting, Kind.FEED_ACCEPTED, made)
            return self.report(source, made)

    def _write_try(self, name: str, error: str | None) -> None:
        before = self._store.feeds.last_try(name)
        failing_since = before.failing_since if before is not None else None
        if error is not None and failing_since is None:
            failing_since = self._at
            self._record(Kind.FEED_FAILED, name, {"error": error})
        elif error is None and failing_since is not None:
            self._record(Kind.FEED_RECOVERED, name, {})
            failing_since = None
        self._store.feeds.tried(TryRow(name, self._at, error, failing_since))

    def _keep_copy(self, source: Source, got: _Got) -> tuple[Change, ...]:
        """Keep what was fetched where it says something new; give what it has changed already."""
        feeds, name = self._store.feeds, source.name
        data, newest = got.fetched.data, _newest(self._store, name)
        if data is None:
            return ()
        if newest is not None and (newest.digest, newest.form) == (_digest(data), source.feed.form):
            feeds.confirm(newest, got.source, got.fetched.etag, got.fetched.modified)
            return ()
        if self._says_the_same(source, data, CopyState.WAITING):
            return ()
        if self._says_the_same(source, data, CopyState.IN_FORCE):
            # Its validators are not kept: they would hide what it says about a time that is still too far off.
            self._withdraw(name)
            return ()
        return self._keep_new(source, got, data)

    def _says_the_same(self, source: Source, data: bytes, state: CopyState) -> bool:
        known = self._reader.held(source, self._store.feeds.standing(source.name, state))
        return known is not None and not changes(known, self._held(source, data), self._at)

    def _keep_new(self, source: Source, got: _Got, data: bytes) -> tuple[Change, ...]:
        in_force = self._reader.held(source, self._store.feeds.standing(source.name, CopyState.IN_FORCE))
        passes = may_pass(in_force, self._held(source, data), self._at, source.feed.most_change)
        self._withdraw(source.name)
        fetched, form = got.fetched, source.feed.form
        row = CopyRow(source.name, self._at, got.source, form, fetched.etag, fetched.modified, _digest(data), data)
        copy = self._store.feeds.add(row)
        made = self._changes_by(source, copy)
        if passes:
            self._take(copy, Kind.FEED_TAKEN, made)
            return made
        self._record(Kind.FEED_HELD_BACK, copy.feed, _facts(copy, made))
        return ()

    def _held(self, source: Source, data: bytes) -> tuple[Held, ...]:
        return self._reader.read(source, source.feed.form, data)[0]

    def _changes_by(self, source: Source, copy: CopyRow) -> tuple[Change, ...]:
        """Give what a copy changes when it is put in force."""
        before = self._reader.held(source, self._store.feeds.standing(source.name, CopyState.IN_FORCE))
        return changes(before or (), self._reader.held(source, copy) or (), self._at)

    def _take(self, copy: CopyRow, kind: Kind, made: Sequence[Change]) -> None:
        self._store.feeds.take(copy, self._at)
        self._record(kind, copy.feed, _facts(copy, made))

    def _withdraw(self, name: str) -> None:
        waiting = self._store.feeds.standing(name, CopyState.WAITING)
        if waiting is not None:
            self._store.feeds.withdraw(name)
            self._record(Kind.FEED_WITHDRAWN, name, _facts(waiting, ()))

    def report(self, source: Source, taken: tuple[Change, ...], address: str = "") -> FeedReport:
        """Give where a feed stands; `taken` are the changes just made."""
        feeds = self._store.feeds
        in_force, waiting = (feeds.standing(source.name, s) for s in (CopyState.IN_FORCE, CopyState.WAITING))
        last, newest = feeds.last_try(source.name), waiting or in_force
        error = last.error if last is not None else None
        if in_force is not None and self._reader.held(source, in_force) is None:
            error = error or f"{source.name} holds nobody: its copy in force can be read no more"
        problems: tuple[Problem, ...] = ()
        if newest is not None and self._reader.held(source, newest) is not None:
            problems = self._reader.read(source, newest.form, newest.content)[1]
        return FeedReport(
            source.name,
            in_force.fetched_at if in_force is not None else None,
            in_force.since if in_force is not None else None,
            waiting.fetched_at if waiting is not None else None,
            self._changes_by(source, waiting) if waiting is not None else taken,
            error,
            last.failing_since if last is not None else None,
            tuple(Problem(p.code, _without(p.message, address), p.file, p.line, p.col) for p in problems),
        )

    def _record(self, kind: Kind, name: str, facts: Mapping[str, object]) -> None:
        self._store.ledger.record(at=self._at, kind=kind, actor=self._actor, subject=name, facts=facts)


def _facts(copy: CopyRow, made: Sequence[Change]) -> Mapping[str, object]:
    people = sorted({change.person for change in made})
    return {"digest": copy.digest, "fetched_at": iso(copy.fetched_at), "changes": len(made), "people": people}


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def _fingerprint(place: str) -> str:
    """Tell one address from another, by too little to find an address by."""
    return sha256(place.encode()).hexdigest()[:8]


def _said(error: WatchbillError) -> str:
    hint = f"; {error.hint}" if error.hint else ""
    return inert(f"{error}{hint}")[:_LONGEST_ERROR]


def _without(text: str, address: str) -> str:
    """Take out of a text what a document may have said of the address it came from."""
    rest = address.partition("://")[2]
    parts = re.split(r"[/?&=#@:]", rest)
    # A word that is in many addresses, such as `calendar`, is no secret, and would be missed in the text.
    telling = [part for part in parts if "." in part or len(part) >= 16 or re.search(r"(?=.{6}).*\d", part)]  # noqa: PLR2004 - told by example above
    for part in sorted((each for each in (address, rest, *telling) if each), key=len, reverse=True):
        text = text.replace(part, "...")
    return text
