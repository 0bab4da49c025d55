"""Who everyone in the table was: told when a row is written, and told anew when more comes out.

More comes out when the opening of a key arrives after what was done with it, when it comes out what a role's trust
policy forced, and when the team file names people that it did not. A name that was given stays where nobody would be
named any more: whoever left the team was still that person. But where the opening of a key on which it hangs has come
since, what that says counts. Rows of hosts are told by `hosts` alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.lake.batch import Caller, Claim, callers_of, with_actors
from watchbill.lake.hosts import touched
from watchbill.lake.manifest import Manifest, PartRow
from watchbill.lake.parts import leave, read_part, write_part
from watchbill.lake.place import Lake
from watchbill.trail.hosts.model import IDENTITY as HOST_USER
from watchbill.trail.model import Actor, Event, Identity, Opening, Outcome
from watchbill.trail.openings import Openings
from watchbill.trail.table import IDENTITY, WHO, WORDS, actor_of, identity_of, milliseconds, rows_of


class Names(Protocol):
    """Names who a caller was: `trail.everyone.Everyone`, or anything like it."""

    def actor(self, identity: Identity, account: str, source: str, outcome: Outcome) -> Actor:
        """Name the actor."""
        ...


Namer = Callable[[Callable[[str], Opening | None], Sequence[Event]], Names]
"""Makes what names actors, of how openings are found and of every change of a role's trust policy."""


class People:
    """Who callers were, by all the openings and trust policies that are known."""

    def __init__(self, manifest: Manifest, namer: Namer) -> None:
        self._manifest, self._namer = manifest, namer
        self._fresh = Openings()
        self._trusts = {event.id: event for event in manifest.trusts()}
        self._came: list[Event] = []
        self._told: dict[str, int] = {}
        self._found: dict[str, Opening | None] = {}
        self._names = self._named()

    def learn(self, claim: Claim) -> None:
        """Take what a batch tells of keys and roles, and look for the openings that its callers hang on."""
        for each in claim.openings:
            self._fresh.add(each)
        trusts = [event for event in claim.trusts if self._trusts.get(event.id) != event]
        self._trusts.update((event.id, event) for event in trusts)
        self._came += trusts
        # A copy without a key tells of one that is not named in it.
        blank = any(not each.key for each in claim.openings)
        known = self._found if blank else {each.key for each in claim.openings} & self._found.keys()
        if known or trusts:
            # Whoever was named before may have been named without what came now.
            self._names = self._named()
            for opened in list(known):
                del self._found[opened]
        self.look_up({key for caller in claim.callers if (key := caller.identity.access_key) is not None})

    @property
    def heard(self) -> int:
        """How many changes of trust policies came in claims until now."""
        return len(self._came)

    def told(self, parts: Iterable[str], heard: int) -> None:
        """Say that who is in some files was told when so many changes had come."""
        self._told.update(dict.fromkeys(parts, heard))

    def hangs_on(self, part: PartRow, untold: Sequence[Event]) -> bool:
        """Tell whether a file has rows of after a change of a trust policy, of those it was not told by.

        `untold` are all that the table as a whole was not told of. Who is in a file that this run wrote was named by
        what had come by then.
        """
        late = self._came[self._told[part.name] :] if part.name in self._told else untold
        return any(part.last_ms >= milliseconds(event.at) for event in late)

    def forget(self) -> None:
        """Look again for every opening: what is in the manifest by now is all there is."""
        self._fresh = Openings()
        self._found.clear()
        self._names = self._named()

    def actor(self, caller: Caller) -> Actor:
        """Name a caller."""
        return self._names.actor(caller.identity, caller.account, caller.source, caller.outcome)

    def missing(self, caller: Caller) -> str | None:
        """Give the key whose opening is not there, or only as another account had it, and would tell who it was."""
        for key in self.chain(caller):
            found = self._find(key)
            if found is None or found.identity.type == "AWSAccount":
                return key
        return None

    def chain(self, caller: Caller) -> Iterator[str]:
        """Give the temporary keys that tell who it was: the caller's, the one it was handed out to, and so on."""
        key: str | None = caller.identity.access_key
        seen = set[str]()
        while key is not None and key.startswith("ASIA") and key not in seen:
            seen.add(key)
            yield key
            found = self._find(key)
            key = None if found is None else found.identity.access_key

    def _named(self) -> Names:
        return self._namer(self._find, sorted(self._trusts.values(), key=lambda event: (event.at, event.id)))

    def look_up(self, keys: set[str]) -> None:
        """Look for the openings of keys, many at once."""
        for key in [key for key in keys if key not in self._found]:
            # What says who called says all there is to know.
            if (fresh := self._fresh.find(key)) is not None and fresh.identity.type != "AWSAccount":
                self._found[key] = fresh
        wanted = sorted(key for key in keys if key not in self._found)
        kept = Openings(self._manifest.openings(wanted))
        for key in wanted:
            copies = [each for each in (kept.find(key), self._fresh.find(key)) if each is not None]
            self._found[key] = Openings(copies).find(key)

    def _find(self, key: str) -> Opening | None:
        if key not in self._found:
            self.look_up({key})
        return self._found[key]


def tell(lake: Lake, people: People) -> int:
    """Name anew those of whom more came out since the table was last told; give how many files that changed."""
    manifest = lake.manifest
    people.forget()
    names, trusts = manifest.to_tell(), manifest.untold_trusts()
    keys = manifest.news() if names else set()
    told = [part for part in manifest.parts() if part.name in names or people.hangs_on(part, trusts)]
    changed = sum(rename(lake, part, people, keys) for part in told)
    with manifest.transaction() as connection:
        manifest.mark_told(connection)
        manifest.mark_trusts_told(connection, [event.id for event in trusts])
    return changed


def tell_all(lake: Lake, people: People, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Name everyone anew, such as by another team file; give how many files that changed."""
    parts = lake.manifest.parts()
    changed = 0
    for done, part in enumerate(parts, start=1):
        changed += rename(lake, part, people)
        progress(done, len(parts))
    return changed


def rename(lake: Lake, part: PartRow, people: People, told: AbstractSet[str] = frozenset()) -> bool:
    """Say anew who everyone in a file of the table was; tell whether that changed anything.

    `told` are keys whose openings came since the file was last told.
    """
    anew = _anew(read_part(lake.folder, part.name, _ASKED), people, told)
    made, untied = part, set[int]()
    if anew.changed:
        whole = read_part(lake.folder, part.name)
        made = write_part(lake.folder, with_actors(whole, anew.actors, anew.of_row), part.state)
        leave(lake.folder, [part.name])
        other = np.array([now != was for now, was in zip(anew.actors, anew.before, strict=True)])
        # Who pushed a key to a host is who logged in with it.
        untied = touched(whole.filter(pa.array(other[anew.of_row])))
    with lake.manifest.transaction() as connection:
        lake.manifest.replace(connection, [part.name], [made])
        lake.manifest.arrive(connection, [made] if anew.changed else [])
        lake.manifest.wait(connection, made.name, anew.waiting)
        lake.manifest.untie(connection, untied)
    return anew.changed


def renamed(table: pa.Table, people: People) -> pa.Table:
    """Give rows of the table, with all columns, as people name them; who was named stays where nobody would be."""
    anew = _anew(table, people, frozenset())
    return with_actors(table, anew.actors, anew.of_row) if anew.changed else table


_ASKED = [*(field.name for field in (*IDENTITY, *WHO)), "account", "source", "outcome"]


@dataclass(frozen=True, slots=True)
class _Anew:
    """Who it was in some rows, said anew."""

    actors: list[Actor]
    before: list[Actor]
    """For each of the actors whom it takes the place of."""
    of_row: npt.NDArray[np.int32]
    waiting: list[str]
    """Keys whose openings would tell more."""

    @property
    def changed(self) -> bool:
        return self.actors != self.before


def _anew(table: pa.Table, people: People, told: AbstractSet[str]) -> _Anew:
    identities, who = _distinct(table, [field.name for field in IDENTITY])
    callers, which = callers_of(table, [identity_of(row) for row in identities], who)
    old, was = _distinct(table, [field.name for field in WHO])
    before = [actor_of(row) for row in old]
    people.look_up({key for caller in callers if (key := caller.identity.access_key) is not None})
    after = [people.actor(caller) for caller in callers]
    pairs, of_row = np.unique(np.stack([which, was]), axis=1, return_inverse=True)
    kept = [_is_kept(caller, actor, people, told) for caller, actor in zip(callers, after, strict=True)]
    hosts = [caller.identity.type == HOST_USER for caller in callers]
    numbers = pairs.T.tolist()
    actors = [
        before[old] if hosts[new] or (kept[new] and before[old].person is not None) else after[new]
        for new, old in numbers
    ]
    waiting = sorted({key for key in map(people.missing, callers) if key is not None})
    return _Anew(actors, [before[old] for _, old in numbers], of_row.reshape(-1).astype(np.int32), waiting)


def _is_kept(caller: Caller, after: Actor, people: People, told: AbstractSet[str]) -> bool:
    """Tell whether a name that the caller had stays: nobody would be named now, and not for what has come since."""
    return after.person is None and told.isdisjoint(people.chain(caller))


def _distinct(table: pa.Table, names: Iterable[str]) -> tuple[list[dict[str, object]], npt.NDArray[np.int32]]:
    """Give each distinct row of some columns, and for each row of the table which of them it is."""
    which: npt.NDArray[np.int64] = np.zeros(len(table), np.int64)
    columns = table.select(list(names)).unify_dictionaries().combine_chunks()
    for field, column in zip(columns.schema, columns.columns, strict=True):
        shared = column if field.type == WORDS else column.dictionary_encode()
        codes = shared.combine_chunks().indices.fill_null(-1).to_numpy().astype(np.int64) + 1
        _, which = np.unique(which * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)
    _, first = np.unique(which, return_index=True)
    return rows_of(columns.take(pa.array(first))), which.astype(np.int32)
