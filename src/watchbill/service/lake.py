"""The lake of a team: taking objects in, from a source or as a queue tells of them.

Who everyone was is told by the team file given now, by what the trail tells of keys and of roles' trust policies, and
by the team files that were applied then.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from watchbill.access.history import History
from watchbill.access.trusts import Trusts
from watchbill.aws.queue import Queue
from watchbill.bootstrap import App
from watchbill.errors import Problem
from watchbill.lake.delivery import Delivery
from watchbill.lake.hosts import tell_all_hosts
from watchbill.lake.ingest import Ingested, ingest
from watchbill.lake.people import Namer, Names, People, tell, tell_all
from watchbill.lake.place import Lake
from watchbill.team.model import Team
from watchbill.trail.everyone import Everyone
from watchbill.trail.forms import Hosts
from watchbill.trail.hosts.logins import attribute_hosts
from watchbill.trail.interfaces import NothingKnown
from watchbill.trail.model import Attributed, Event, Opening
from watchbill.trail.people import says_who
from watchbill.trail.sources import Listed


KNOWN_FOR = timedelta(days=400)
"""How far back team files are looked at for what watchbill itself wrote."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Library:
    """Who is who, for a lake."""

    team: Team | None
    history: History | None
    """Which team files were in force; None where there is no state that tells."""

    def namer(self) -> Namer:
        """Give what names callers."""
        return self._names

    def _names(self, find: Callable[[str], Opening | None], trusts: Sequence[Event]) -> Names:
        forced = NothingKnown() if self.team is None else Trusts(trusts, self.history)
        return Everyone(self.team, find, forced)

    def tie(self, events: Sequence[Event], aws: Sequence[Attributed]) -> Sequence[Attributed]:
        """Name who did what on hosts."""
        return attribute_hosts(events, self.team, aws)


def take_in(
    lake: Lake,
    deliveries: Sequence[Delivery],
    library: Library,
    at: datetime,
    *,
    hosts: Hosts | None = None,
    progress: Progress = lambda done, total: None,
) -> Ingested:
    """Take objects into the lake."""
    return ingest(lake, deliveries, library.namer(), library.tie, at, hosts=hosts, progress=progress)


def take_in_told(
    app: App, lake: Lake, queue: Queue, library: Library, at: datetime, *, wait: int, progress: Progress
) -> Ingested:
    """Take in what a queue tells of, until it tells of nothing for `wait` seconds.

    A message is deleted when what it told of is in the table, and not before. An object that could not be fetched
    leaves its message in the queue. Logs that were deleted from their bucket are named: nothing of a trail should be.
    """
    total = Ingested()
    while True:
        batch = queue.receive(wait=wait)
        total.problems.extend(batch.problems)
        if not batch.messages:
            if batch.problems:
                # Those are hidden for a while now, and there may be others behind them.
                continue
            return total
        wanted = {}
        for message in batch.messages:
            total.problems.extend(
                Problem("deleted-object", "was deleted from its bucket; what was taken in of it stays", _name(each))
                for each in message.told.gone
                if app.is_log(each.key)
            )
            wanted[message.id] = [app.delivery(each) for each in message.told.created if app.is_log(each.key)]
            if (file := message.file()) is not None:
                name, data = file
                wanted[message.id].append(
                    Delivery(name, hashlib.sha256(data).hexdigest(), len(data), partial(bytes, data))
                )
        done = take_in(lake, [each for found in wanted.values() for each in found], library, at, progress=progress)
        left = {problem.file for problem in done.problems if problem.code == "unread-object"}
        finished = [each for each in batch.messages if left.isdisjoint(found.name for found in wanted[each.id])]
        total.problems.extend(queue.done(finished))
        total.add(done)
        if len(finished) < len(batch.messages):
            # They come again when their time is up, and would otherwise be asked for without end.
            return total


def _name(listed: Listed) -> str:
    return f"s3://{listed.bucket}/{listed.key}"


def rename_all(lake: Lake, library: Library, progress: Progress = lambda done, total: None) -> Ingested:
    """Name everyone in the lake anew, those on hosts too, by the team file as it is now."""
    with lake.held():
        people = People(lake.manifest, library.namer())
        # What came in and was not told yet says more than a team file.
        changed = tell(lake, people) + tell_all(lake, people, progress)
        return Ingested(renamed=changed + tell_all_hosts(lake, library.tie))


_NAMED_BY = "named by"


def rename_if_needed(lake: Lake, library: Library) -> None:
    """Name everyone in the lake anew where the team file says otherwise who is who than when that was last done."""
    said = hashlib.sha256(says_who(library.team).encode()).hexdigest() if library.team else ""
    if lake.manifest.noted(_NAMED_BY) == said:
        return
    if lake.manifest.parts():
        rename_all(lake, library)
    with lake.manifest.transaction() as connection:
        lake.manifest.note(connection, _NAMED_BY, said)


def unread(lake: Lake) -> list[Problem]:
    """Name the objects of which not everything could be read."""
    return [Problem("unreadable-object", row.reason or "", row.name) for row in lake.manifest.objects(flawed=True)]
