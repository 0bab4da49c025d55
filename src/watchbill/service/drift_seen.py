"""What others gave in AWS, as passes saw it: kept in the ledger when it changes, so that any instant can be asked of.

A lead acknowledges one with a reason, which takes nothing back: it says that somebody knows of it. Whoever it is about
never does: whose user it is on, and who has a part in the group, the role or the policy that it is on.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from watchbill.access.model import Drift
from watchbill.access.recertification import gives_something, person_of
from watchbill.errors import NotFoundError, RefusedError
from watchbill.ledger.model import Entry, Kind, Sought
from watchbill.service.casework import Casework
from watchbill.team.model import Team


_MOST = 500
"""What of it one entry has; of more it is said how much there is."""
_SECOND = timedelta(seconds=1)
_REMEMBERED = 64
_SINCE: dict[str, Mapping[str, datetime]] = {}
"""By the digest of an entry, since when what it has is there."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """That a lead knows of it."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class SeenDrift:
    """Something that others gave, as it stood at an instant."""

    id: str
    drift: Drift
    person: str
    """Whose user it is on; the ARN where it is on something else."""
    about: frozenset[str]
    """Who never acknowledges it, since it is about them."""
    since: datetime
    """When a pass first saw it, of those in a row that did."""
    acknowledged: Acknowledged | None


def keep_drift(work: Casework, drift: Iterable[Drift]) -> None:
    """Write what a pass saw into the ledger, where it is another than what was seen last."""
    found = sorted((each for each in drift if gives_something(each)), key=_key)
    last = work.store.ledger.last(Kind.DRIFT_SEEN)
    before = ([], 0) if last is None else (_of(last), last.facts["count"])
    if (found[:_MOST], len(found)) != before:
        said = msgspec.to_builtins(found[:_MOST])
        work.record(Kind.DRIFT_SEEN, work.team.name, {"drift": said, "count": len(found)})


def drift_at(work: Casework, team: Team, at: datetime) -> list[SeenDrift]:
    """Give what others gave as of an instant, by the last pass before it that saw something new."""
    sought = Sought(kind=Kind.DRIFT_SEEN, end=at.replace(microsecond=0) + _SECOND)
    entries = (entry for entry in work.store.ledger.found(sought) if entry.at <= at)
    last = next(entries, None)
    if last is None or not last.facts["drift"]:
        return []
    here = {id_of(each): each for each in _of(last)}
    since = _since(last, entries)
    known = {entry.subject: entry for entry in work.store.ledger.about(list(here)) if entry.at <= at}
    return [
        SeenDrift(
            name,
            each,
            person := person_of(team, each.principal),
            frozenset({person, *each.people}),
            since[name],
            _acknowledged(known.get(name), since[name]),
        )
        for name, each in here.items()
    ]


def _since(last: Entry, before: Iterable[Entry]) -> Mapping[str, datetime]:
    """Tell since when what an entry has is there; what is known of one before it is not read again.

    An entry has the digest of all that came before it: what follows from that never changes.
    """
    # Others may let all of it go meanwhile.
    if (whole := _SINCE.get(last.digest)) is not None:
        return whole
    left = {id_of(each) for each in _of(last)}
    since = dict.fromkeys(left, last.at)
    for entry in before:
        if (known := _SINCE.get(entry.digest)) is not None:
            since.update((name, known[name]) for name in left & known.keys())
            break
        left &= {id_of(each) for each in _of(entry)}
        since.update(dict.fromkeys(left, entry.at))
        if not left:
            break
    if len(_SINCE) >= _REMEMBERED:
        _SINCE.clear()
    _SINCE[last.digest] = since
    return since


def acknowledge(work: Casework, drift_id: str, reason: str) -> None:
    """Write that a lead knows of what stands now; refused for whoever's user it is on, and without a reason."""
    work.must_lead(None)
    found = next((each for each in drift_at(work, work.team, work.at) if each.id == drift_id), None)
    if found is None:
        raise NotFoundError(f"no drift `{drift_id}` is known now", "the last pass did not see it")
    if work.actor in found.about:
        raise RefusedError(f"`{work.actor}` gains by it: another lead acknowledges it")
    if not reason.strip():
        raise RefusedError("it needs a reason, for whoever reads the ledger")
    if found.acknowledged is None:
        facts = {"account": found.drift.account, "person": found.person, "what": found.drift.what}
        work.record(Kind.DRIFT_ACKNOWLEDGED, drift_id, {**facts, "reason": reason.strip()})


def id_of(drift: Drift) -> str:
    """Name something that others gave, by what it is and where."""
    return f"D-{hashlib.sha256(msgspec.json.encode(_key(drift))).hexdigest()[:16]}"


def _key(drift: Drift) -> tuple[str, ...]:
    return drift.account, drift.principal, str(drift.kind), drift.other or "", drift.what


def _of(entry: Entry) -> list[Drift]:
    return msgspec.convert(entry.facts["drift"], list[Drift])


def _acknowledged(entry: Entry | None, since: datetime) -> Acknowledged | None:
    """Give the word of a lead; one from before it went away and came back counts no more."""
    if entry is None or entry.at < since:
        return None
    return Acknowledged(entry.actor, entry.at, str(entry.facts["reason"]))
