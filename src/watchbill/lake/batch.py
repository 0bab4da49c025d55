"""One batch of objects on its way into the table, in the process that does the work.

Two steps, since whether an event is there already is known to one process only. `claim` reads the objects and says
what is in them; `settle` is told what is there already, and who everyone was, and writes the rest. Two records of one
event that do not say the same are both kept, and named: neither is thrown away unseen.
"""

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.errors import Problem
from watchbill.lake.hosts import touched
from watchbill.lake.keys import Keys, keys_of
from watchbill.lake.manifest import HOT, PartRow
from watchbill.lake.parts import day_of, read_part, write_part
from watchbill.trail.columns import FIELDS, Columns, FileTally
from watchbill.trail.model import Actor, Event, Identity, Opening, Outcome
from watchbill.trail.openings import HANDS_OUT, TRUSTS, opening
from watchbill.trail.table import PLACE, SCHEMA, WHO, WORDS, actor_row, event_of, identity_row, record_of, rows_of


SAID = [each.name for each in FIELDS if each not in PLACE]
"""The columns of what a record says."""

_SAY_ALL = frozenset({"IAMUser", "AssumedRole", "FederatedUser", "Root", "IdentityCenterUser", "AWSAccount"})
"""Types of identities that say all there is to say of who it was."""

_LEFT_OUT = ["additional_event_data", "service_event_details", "resources", "tls_details", "user_agent", "request_id"]
_LEFT_OUT += [
    "error_message",
    "vpc_endpoint_id",
    "api_version",
    "version",
    "management",
    "type",
    "category",
    "read_only",
]
"""Columns that tell nothing of a role."""

_OPENS = ["time_ms", "id", "account", "region", "source", "name", "outcome", "shared_event_id"]
_OPENS += ["user_identity", "request_parameters", "response_elements", "rest", "object", "object_digest", "record"]
"""Columns that `opening` asks for, besides those of an identity, and where the event was read."""

_NOT_SAID = dict.fromkeys(name for name in SAID if name not in _OPENS)

Rows = npt.NDArray[np.int64]

TOGETHER = 20_000
"""Rows up to which days in a row share a file: each file costs as much as some thousand rows."""

_FEW = 1_000
"""Rows that are written out at once, each a few kilobytes."""


@dataclass(frozen=True, slots=True)
class Caller:
    """All of an event that tells who it was."""

    identity: Identity
    account: str
    source: str
    """Empty where it tells no more."""
    outcome: Outcome
    """`allowed` where it tells no more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is in a batch."""

    keys: Mapping[int, Keys]
    """By day, counted from 1970-01-01, the keys of its events, each once."""
    callers: Sequence[Caller]
    openings: Sequence[Opening]
    trusts: Sequence[Event]
    """Changes of roles' trust policies."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pack it for another process: pickle takes ten times as long for so many small things."""
        return _claim, (self.keys, msgspec.msgpack.encode((self.callers, self.openings, self.trusts)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the one who knows says of a claim."""

    there: Mapping[int, Sequence[Sequence[str] | None]]
    """By day and for each key, the files of which one has the event already; without days that are all new."""
    actors: Sequence[Actor]
    """Who each caller was."""
    missing: Sequence[str | None]
    """For each caller the key whose opening would tell more of them."""
    files: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """By day, every file of it."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pack it for another process."""
        return _answer, (self.there, msgspec.msgpack.encode(self.actors), self.missing, self.files)


_TOLD = msgspec.msgpack.Decoder(tuple[list[Caller], list[Opening], list[Event]])
_ACTORS = msgspec.msgpack.Decoder(list[Actor])
_FILES = msgspec.msgpack.Decoder(tuple[list[FileTally], list[Problem]])


def _claim(keys: Mapping[int, Keys], told: bytes) -> Claim:
    return Claim(keys, *_TOLD.decode(told))


def _answer(there: Any, actors: bytes, missing: Any, files: Any) -> Answer:
    return Answer(there, _ACTORS.decode(actors), missing, files)


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a batch."""

    files: Sequence[FileTally]
    kept: Sequence[int]
    """For each file the events of it that were new."""
    parts: Sequence[PartRow]
    waiting: Mapping[str, Sequence[str]]
    """By part the temporary keys of which it is not known yet who had them."""
    touched: AbstractSet[int]
    """Days whose hosts are to be named anew because of it."""
    problems: Sequence[Problem]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pack it for another process."""
        told = msgspec.msgpack.encode((self.files, self.problems))
        return _settled, (told, self.kept, self.parts, self.waiting, self.touched)


def _settled(told: bytes, kept: Any, parts: Any, waiting: Any, touched: Any) -> Settled:
    files, problems = _FILES.decode(told)
    return Settled(files, kept, parts, waiting, touched, problems)


class Batch:
    """A batch between its two steps."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._problems: list[Problem] = []
        table = columns.table
        self._keys = keys_of(_one(table["id"]), _one(table["account"])) if len(table) else np.empty((0, 2), np.uint64)
        self._rows = self._distinct()
        self._of_day = self._days()
        self._callers, self._which = callers_of(table, columns.identities, columns.who)

    def claim(self) -> Claim:
        """Say what is in it."""
        keys = {day: self._keys[rows] for day, rows in self._of_day.items()}
        openings = [found for event in self._handed_out() if (found := opening(event)) is not None]
        return Claim(keys, self._callers, openings, self._trusts())

    def _handed_out(self) -> Iterator[Event]:
        """Give the events that may have handed out a key, with as much of their records as `opening` asks for."""
        table, identities = self._columns.table, self._columns.identities
        named = _named(table, HANDS_OUT)
        told = rows_of(table.select(_OPENS).take(named))
        for who, row in zip(self._columns.who[named.to_numpy()].tolist(), told, strict=True):
            yield event_of({**_NOT_SAID, **identity_row(identities[who]), **row})

    def _trusts(self) -> list[Event]:
        """Give the changes of roles' trust policies."""
        table = self._columns.table.drop_columns(_LEFT_OUT)
        told = rows_of(table.take(_named(table, TRUSTS)))
        return [event_of({**dict.fromkeys(_LEFT_OUT), **row}) for row in told]

    def settle(self, folder: Path, answer: Answer) -> Settled:
        """Write what is not there yet."""
        keep = np.zeros(len(self._columns.table), bool)
        for day, rows in self._of_day.items():
            there = answer.there.get(day)
            if there is None:
                keep[rows] = True
                continue
            keep[rows] = [name is None for name in there]
            doubles = [(row, name) for row, name in zip(rows, there, strict=True) if name is not None]
            keep[self._contradicting(folder, doubles, answer.files.get(day, ()))] = True
        table = with_actors(self._columns.table, answer.actors, self._which)
        parts: list[PartRow] = []
        waiting: dict[str, list[str]] = {}
        waits = np.array([key is not None for key in answer.missing], bool)[self._which]
        # Rows that wait for a key have a file of their own, so that little is written anew when it comes.
        for taken in (*self._files(keep & ~waits), *self._files(keep & waits)):
            part = write_part(folder, table.take(pa.array(taken)), HOT)
            parts.append(part)
            keys = {answer.missing[caller] for caller in np.unique(self._which[taken]).tolist()}
            waiting[part.name] = sorted(key for key in keys if key is not None)
        days = touched(table.filter(pa.array(keep)))
        return Settled(self._columns.files, self._kept(keep), parts, waiting, days, tuple(self._problems))

    def _kept(self, keep: npt.NDArray[np.bool_]) -> list[int]:
        """Count for each file its events that are kept."""
        objects = _one(self._columns.table["object"])
        counts = (
            np.bincount(objects.indices.to_numpy()[keep], minlength=len(objects.dictionary)).tolist()
            if len(objects)
            else []
        )
        by_name = dict(zip(objects.dictionary.to_pylist(), counts, strict=True)) if len(objects) else {}
        return [by_name.get(tally.name, 0) for tally in self._columns.files]

    def _days(self) -> dict[int, Rows]:
        days = self._columns.table["day"].cast(pa.int32()).to_numpy()[self._rows]
        return {int(day): self._rows[days == day] for day in np.unique(days)}

    def _files(self, wanted: npt.NDArray[np.bool_]) -> Iterator[Rows]:
        """Give the rows of each file to write: of one day, or of days in a row of one month that have few rows each."""
        held: list[Rows] = []
        last, size = 0, 0
        for day, rows in self._of_day.items():
            taken = rows[wanted[rows]]
            if not len(taken):
                continue
            if held and (day != last + 1 or day_of(day)[:7] != day_of(last)[:7] or size + len(taken) > TOGETHER):
                yield np.concatenate(held)
                held, size = [], 0
            held.append(taken)
            last, size = day, size + len(taken)
        if held:
            yield np.concatenate(held)

    def _distinct(self) -> Rows:
        """Give one row of each event, the one that was read at the least place; and all that contradict it."""
        table, keys = self._columns.table, self._keys
        alone, some = _by_key(keys)
        if not len(some):
            return alone
        objects = _one(table["object"])
        rank = np.argsort(np.argsort(objects.dictionary.to_numpy(zero_copy_only=False)))
        objects, records = rank[objects.indices.to_numpy()[some]], table["record"].to_numpy()[some]
        order = some[np.lexsort((records, objects, keys[some, 1], keys[some, 0]))]
        fresh = np.concatenate([[True], (keys[order][1:] != keys[order][:-1]).any(axis=1)])
        heads = order[fresh][np.cumsum(fresh) - 1]
        doubles, heads = order[~fresh], heads[~fresh]
        alike = _alike(table.take(pa.array(doubles)), table.take(pa.array(heads)))
        doubles, heads = doubles[~alike], heads[~alike]
        kept: dict[int, set[str]] = {}
        contradicting = []
        for row, head, said, of_head in zip(
            doubles.tolist(), heads.tolist(), _said(table, doubles), _said(table, heads), strict=True
        ):
            others = kept.setdefault(head, {of_head})
            if said not in others:
                others.add(said)
                contradicting.append(row)
        self._problems.extend(_contradictions(table, contradicting))
        return np.sort(np.concatenate([alone, order[fresh], np.array(contradicting, np.int64)]))

    def _contradicting(
        self, folder: Path, doubles: Sequence[tuple[int, Sequence[str]]], files: Iterable[str]
    ) -> list[int]:
        """Give those rows that no row with their key in the table agrees with."""
        open_: dict[int, Sequence[str]] = dict(doubles)
        table = self._columns.table
        for name in dict.fromkeys([*(each for names in open_.values() for each in names), *files]):
            if not open_:
                break
            known = read_part(folder, name, SAID)
            mine, at = _with_one_id(table, np.array(sorted(open_)), known)
            for row in mine[_alike(table.take(pa.array(mine)), known.take(pa.array(at)))].tolist():
                open_.pop(row, None)
            # What is left may be written otherwise, or be one of several with its id.
            left = np.array(sorted(open_), np.int64)
            _, at = _with_one_id(table, left, known)
            if len(at):
                left = left[
                    pc.is_in(_one(table["id"]).take(pa.array(left)), _one(known["id"])).to_numpy(zero_copy_only=False)
                ]
                there = set(_said(known, at))
                for row, said in zip(left.tolist(), _said(table, left), strict=True):
                    if said in there:
                        del open_[row]
        self._problems.extend(_contradictions(table, sorted(open_)))
        return sorted(open_)


def _by_key(keys: Keys) -> tuple[Rows, Rows]:
    """Give the rows whose key no other has, by its first half, and the rest."""
    order = np.argsort(keys[:, 0])
    alike = np.flatnonzero(keys[order[1:], 0] == keys[order[:-1], 0])
    shared = np.zeros(len(keys), bool)
    shared[order[alike]] = shared[order[alike + 1]] = True
    return np.flatnonzero(~shared), np.flatnonzero(shared)


def callers_of(
    table: pa.Table, identities: Sequence[Identity], who: npt.NDArray[np.int32]
) -> tuple[list[Caller], npt.NDArray[np.int32]]:
    """Give each distinct caller of a table, and for each row which of them it has."""
    if not len(table):
        return [], np.array([], np.int32)
    account, accounts = _numbered(table["account"])
    source, sources = _numbered(table["source"])
    outcome, outcomes = _numbered(table["outcome"])
    # Of most callers neither source nor outcome tells more, so that what they called makes no more callers of them.
    more = np.array([identity.type not in _SAY_ALL for identity in identities])[who]
    source = np.where(more, source, len(sources) - 1)
    outcome = np.where(more, outcome, len(outcomes) - 1)
    joined = ((who.astype(np.int64) * len(accounts) + account) * len(sources) + source) * len(outcomes) + outcome
    found, which = np.unique(joined, return_inverse=True)
    rest, of_outcome = np.divmod(found, len(outcomes))
    rest, of_source = np.divmod(rest, len(sources))
    of_identity, of_account = np.divmod(rest, len(accounts))
    numbers = zip(of_identity.tolist(), of_account.tolist(), of_source.tolist(), of_outcome.tolist(), strict=True)
    known = [*map(Outcome, outcomes[:-1]), Outcome.ALLOWED]
    callers = [Caller(identities[i], accounts[a], sources[s], known[o]) for i, a, s, o in numbers]
    return callers, which.astype(np.int32)


def _numbered(column: pa.ChunkedArray) -> tuple[Rows, list[str]]:
    """Give a column of shared texts as numbers, and the text of each number; no text is an empty one."""
    words = _one(column)
    texts = [*words.dictionary.to_pylist(), ""]
    return words.indices.fill_null(len(texts) - 1).to_numpy().astype(np.int64), texts


def with_actors(table: pa.Table, actors: Sequence[Actor], which: npt.NDArray[np.int32]) -> pa.Table:
    """Put in who it was: `which` says for each row the actor it has."""
    rows = [actor_row(actor) for actor in actors]
    columns = {}
    for each in WHO:
        shared = each.type == WORDS
        kinds = pa.array([row[each.name] for row in rows], pa.string() if shared else each.type)
        kinds = kinds.dictionary_encode() if shared else kinds
        columns[each.name] = kinds.take(pa.array(which))
    more = [field for field in table.schema if field.name not in SCHEMA.names]
    schema = pa.schema([*SCHEMA, *more])
    return pa.table([columns.get(name, table[name] if name not in columns else None) for name in schema.names], schema)


def _named(table: pa.Table, wanted: Container[str]) -> pa.Array:
    """Give the rows of a table whose event has one of some names."""
    if not len(table):
        return pa.array([], pa.int64())
    names = _one(table["name"])
    meant = np.array([name in wanted for name in names.dictionary.to_pylist()] + [False])
    return pa.array(np.flatnonzero(meant[names.indices.fill_null(len(meant) - 1).to_numpy()]))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.unify_dictionaries().combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _with_one_id(table: pa.Table, rows: Rows, known: pa.Table) -> tuple[Rows, Rows]:
    """Give the rows of `known` that have the id of one of some rows, each with the first of those that has it."""
    places = pc.index_in(_one(known["id"]), value_set=_one(table["id"]).take(pa.array(rows)))
    at = np.flatnonzero(pc.is_valid(places).to_numpy(zero_copy_only=False))
    return rows[places.take(pa.array(at)).to_numpy()], at


def _said(table: pa.Table, rows: Rows) -> Iterator[str]:
    """Give what some rows say, the same for two whose texts of JSON are written otherwise."""
    for start in range(0, len(rows), _FEW):
        for row in rows_of(table.take(pa.array(rows[start : start + _FEW]))):
            try:
                yield json.dumps([row["host"], record_of(row)], sort_keys=True)
            except RecursionError:
                # Nested too deep for that: then it counts how it is written.
                yield repr([row[name] for name in SAID])


def _alike(some: pa.Table, others: pa.Table) -> npt.NDArray[np.bool_]:
    """Tell for each row whether the one beside it says the same, to the letter."""
    alike = np.ones(len(some), bool)
    for name in SAID:
        one, other = (_plain(each[name]) for each in (some, others))
        same = pc.equal(one, other).fill_null(fill_value=False)
        alike &= pc.or_(same, pc.and_(one.is_null(), other.is_null())).to_numpy(zero_copy_only=False)
    return alike


def _plain(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return found.cast(pa.string()) if pa.types.is_dictionary(found.type) else found


def _contradictions(table: pa.Table, rows: Sequence[int]) -> Iterator[Problem]:
    places = table.select(["object", "record", "id"]).take(pa.array(rows, pa.int64()))
    for row in rows_of(places):
        message = f"record {row['record']}: another record with this event id says something else; both are kept"
        yield Problem("two-records-one-id", message, row["object"], None, None, row["id"])
