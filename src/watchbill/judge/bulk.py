"""Judge events in bulk: a function of Arrow batches, which runs here, or on the workers of an engine.

Each event is judged as `Judges` would judge it alone, so that it makes no difference how events are cut into batches,
in which order they come, or how many judges share them. It is done once for all events that are surely judged alike:

1. What somebody has in an account turns at known instants (`Judge.turns`); between two of them lies a *piece* of time.
2. Within a piece, events of one *kind* (source, name and type) are judged alike where the answer hangs on nothing else
   (`hanging`), and nothing in their parameters makes them another call (`policy.shapes`).
3. Where it hangs on more, only those alike in the columns that this is read from. One of them is read whole.
4. What is held now decides most of it by itself, whoever holds it and whenever: that is asked first, once for all
   pieces of the same *state*. Only what is not theirs now is asked of the piece, which knows the windows near it.
5. Which of two windows lay nearer to what was off shift turns once within a piece: halfway between them.

Answers are remembered from batch to batch, up to a limit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.access.history import History
from watchbill.intervals import Interval
from watchbill.judge.columns import Coded, Codes, Rows, alike, coded, places, texts_with
from watchbill.judge.hanging import NOTHING, OF_CALL, Hanging, Hangs, Remembering, columns_of
from watchbill.judge.judge import ENDED, NEEDS_NONE, Held, Judge, Judges, is_ending, is_user, right_of_nobody
from watchbill.judge.model import Right, Watch
from watchbill.judge.workloads import outside, undeclared, workload_of
from watchbill.policy.denials import denial_of
from watchbill.policy.model import Request
from watchbill.policy.requests import requests_of_record
from watchbill.policy.shapes import ALWAYS, Shape, shape_of
from watchbill.team.model import Team
from watchbill.trail.model import Actor, Confidence, Method, Outcome
from watchbill.trail.table import attributed_of, record_of, rows_of


JUDGED = pa.schema(
    [
        pa.field("account", pa.string()),
        pa.field("id", pa.string(), nullable=False),
        pa.field("person", pa.string()),
        pa.field("right", pa.string(), nullable=False),
        pa.field("why", pa.string(), nullable=False),
        pa.field("through", pa.string()),
        pa.field("entitled", pa.string(), nullable=False),
        pa.field("past_role", pa.bool_(), nullable=False),
        pa.field("unexpected", pa.bool_(), nullable=False),
        pa.field("watch", pa.string()),
        pa.field("minutes", pa.int64()),
        pa.field("started_on_shift", pa.bool_()),
    ]
)
"""A row for each event. The same id in two accounts is two events, hence `account`; `right` is a `judge.model.Right`;
`through` is that of the judgement's holding: what gave the right or, off shift, what would have. `entitled` is yes, no
or unknown. `unexpected` is whether a workload called what is not declared for it.

`watch` is a `judge.model.Watch`, null where the actor is no person of the team file in force, or that can be read no
more. `minutes` are whole ones since the shift ended, or until it begins; null on shift. `started_on_shift` is whether
the session began while the person was on shift by the rota that `watch` speaks of; null where its begin is unknown."""

ENTITLED: Mapping[Right, str] = {
    Right.ENTITLED: "yes",
    Right.NEEDS_NONE: "yes",
    Right.OFF_SHIFT: "no",
    Right.BEYOND_ROLE: "no",
    Right.FROZEN: "no",
}
"""What a right says in one word; every other is unknown."""

REMEMBERED = 100_000
"""How many answers are kept: those that follow from names and pieces of time, and as many that hang on more."""


def judge_batches(batches: Iterable[pa.RecordBatch], history: History, span: Interval) -> Iterator[pa.RecordBatch]:
    """Judge the events of batches of `trail.table.SCHEMA`: for each batch one of `JUDGED`, its rows in the same order.

    An event outside the span is not judgeable, since what was in force then is not known here.
    """
    bulk = Bulk(history, span)
    for batch in batches:
        yield bulk.judge(batch)


@dataclass(frozen=True, slots=True)
class BulkJudge:
    """`judge_batches` with its history and span bound: a value that can be pickled and sent to where the events are."""

    history: History
    span: Interval

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Judge batches: see `judge_batches`."""
        return judge_batches(batches, self.history, self.span)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000
REQUESTS = 4_000
"""Rows whose requests are remembered, a few kilobytes each; what was answered to them is remembered longer."""

_FOREVER = np.iinfo(np.int64).max

_SPEAKS_OF_KIND = r"eventSource|eventName|eventType|errorMessage|requestParameters|\\"
"""Where `rest` has one of these, the columns by which kinds are told apart do not say what the record says."""

_HAS_ARN = r"arn:|\\"
"""An answer in which no ARN stands tells nothing of a call."""


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What is said of an event; `why` is None where it is said by the event's own column."""

    right: Right
    why: str | None
    through: str | None = None
    by_role: bool = False
    unexpected: bool = False
    unless_allowed: str = ""
    """Why it is not judgeable where AWS did not allow it."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The outcome of events, by number: another after an instant in microseconds."""

    outcome: int
    later: int
    until: int = _FOREVER


@dataclass(frozen=True, slots=True)
class _Kind:
    """Events of one source, name and type, and of one refusal."""

    number: int
    shape: Shape
    actions: tuple[str, ...]
    """Those of the shape, and the one that AWS refused."""
    ending: bool
    """Whether it is how a session ends."""


@dataclass(slots=True)
class _Piece:
    """A person in an account, for a time in which what they have does not change."""

    frozen: bool
    first: Held
    last: Held
    """The same at the last instant."""
    why_not: str
    """Why nothing is known of the time; empty where it is."""
    state: int
    """The number of its state: pieces that have the same are answered alike where what is held now decides."""
    hangs: dict[tuple[bool, tuple[str, ...]], Hangs] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """A person in an account, with the numbers of the pieces."""

    edges: npt.NDArray[np.int64]
    base: int


@dataclass(frozen=True, slots=True)
class _Watching:
    """Where instants lie against a person's shifts: between two edges it is one shift."""

    edges: npt.NDArray[np.int64]
    watch: npt.NDArray[np.int64]
    """The place of the word in `_WATCHES`."""
    measured: npt.NDArray[np.int64]
    """From where minutes are counted: the shift's end, or its start."""
    rota: tuple[str | None, ...]


_WATCHES: tuple[Watch | None, ...] = (None, *Watch)

_TURNS = _Verdict(-1, -1)
"""That what is held now does not decide it."""

_BY_NOW = (Right.ENTITLED, Right.NOT_JUDGEABLE)
"""What is said by what is held now alone; it is said of a call only where it is so of each of its requests."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Rows of people, with what they are judged by: states or pieces of time, by number."""

    rows: Rows
    units: Codes
    kinds: Codes
    worded: npt.NDArray[np.bool_]
    """Which rows must be read to know their actions."""
    by_state: bool

    def of(self, pieces: Codes, some: Rows) -> "_Asked":
        """Give some of the rows, to be judged by their pieces."""
        return _Asked(self.rows[some], pieces[some], self.kinds[some], self.worded[some], by_state=False)


class _Batch:
    """A batch that is judged, and what is found of its rows."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        rows = batch.num_rows
        self.batch = batch
        self.micros: Codes = np.asarray(batch.column("time_ms").to_numpy(zero_copy_only=False), np.int64) * 1000
        self.outcome = np.zeros(rows, np.int64)
        self.later = np.zeros(rows, np.int64)
        self.until = np.full(rows, _FOREVER, np.int64)
        self.watch = np.zeros(rows, np.int64)
        self.measured = np.zeros(rows, np.int64)
        self.started = np.zeros(rows, np.bool_)
        self.requests: dict[int, tuple[Request, ...]] = {}
        """Those of the rows that were read whole."""
        self._coded: dict[str, Coded] = {}

    def coded(self, name: str) -> Coded:
        """Give a column by its distinct values."""
        if name not in self._coded:
            self._coded[name] = coded(self.batch.column(name))
        return self._coded[name]

    def some(self, name: str, rows: Rows) -> pa.Array:
        """Give some rows of a column."""
        return self.batch.column(name).take(pa.array(rows))

    def say(self, rows: Rows, numbers: Codes, verdicts: Sequence[_Verdict]) -> None:
        """Note the verdicts of rows, each by its number."""
        told = np.array([(each.outcome, each.later, each.until) for each in verdicts], np.int64).reshape(-1, 3)[numbers]
        self.outcome[rows], self.later[rows], self.until[rows] = told[:, 0], told[:, 1], told[:, 2]


class Bulk:
    """Judges batches, and remembers."""

    def __init__(self, history: History, span: Interval) -> None:
        self._span = span
        self._deciding = Remembering()
        self._judges = Judges(history, span, self._deciding)
        self._starts = np.array([_micros(piece.start) for piece, _ in self._judges.pieces], np.int64)
        self._watching: dict[tuple[int, str], _Watching] = {}
        self._forget()

    def _forget(self) -> None:
        self._places: dict[tuple[int, str, str], _Place] = {}
        self._pieces: dict[int, tuple[int, _Piece]] = {}
        self._kinds: dict[tuple[object, ...], _Kind] = {}
        self._by_number: list[_Kind] = []
        self._outcomes: dict[_Outcome, int] = {}
        self._states: dict[tuple[object, ...], int] = {}
        self._first: dict[int, tuple[int, _Piece]] = {}
        self._settled: dict[tuple[bool, int, int], _Verdict | None] = {}
        self._read: dict[tuple[bool, int, bytes], _Verdict] = {}
        self._known: dict[bytes, tuple[Request, ...]] = {}
        self._machines: dict[tuple[int, str, int], _Verdict] = {}
        self._hanging: dict[int, Hanging] = {}
        self._next = 0

    def judge(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Judge one batch."""
        kept = (self._settled, self._places, self._pieces, self._kinds, self._outcomes, self._read, self._known)
        if any(len(each) > REMEMBERED for each in (*kept, self._machines)):
            self._forget()
        asked = _Batch(batch)
        start, end = _micros(self._span.start), _micros(self._span.end)
        inside = (asked.micros >= start) & (asked.micros < end)
        outside_rows = np.flatnonzero(~inside)
        if len(outside_rows):
            why = f"it lies outside the span that is judged, {self._span}"
            self._say_all(asked, outside_rows, _Outcome(Right.NOT_JUDGEABLE, why))
        rows = np.flatnonzero(inside)
        numbers = np.searchsorted(self._starts, asked.micros[rows], side="right") - 1
        for number in np.unique(numbers).tolist():
            self._by_one_file(asked, number, rows[numbers == number])
        return self._made(asked)

    def _say_all(self, asked: _Batch, rows: Rows, outcome: _Outcome) -> None:
        asked.say(rows, np.zeros(len(rows), np.int64), [self._always(outcome)])

    def _always(self, outcome: _Outcome) -> _Verdict:
        number = self._outcomes.setdefault(outcome, len(self._outcomes))
        return _Verdict(number, number)

    def _by_one_file(self, asked: _Batch, number: int, rows: Rows) -> None:
        """Judge rows of the time in which one team file was in force."""
        judge, person = self._judges.judge_of(number), asked.coded("person")
        known = [each is not None and (judge is None or each in judge.team.people) for each in person.values]
        named = np.array(known, np.bool_)[person.codes[rows]]
        self._nobodies(asked, judge, number, rows[~named])
        rows = rows[named]
        if not len(rows):
            return
        if judge is not None:
            self._watched(asked, judge, number, rows)
        odd = self._odd(asked, rows)
        self._one_by_one(asked, rows[odd])
        rows = rows[~odd]
        if len(rows):
            self._people(asked, number, rows)

    def _odd(self, asked: _Batch, rows: Rows) -> npt.NDArray[np.bool_]:
        """Tell which rows are of records whose columns are not what the record says of its kind."""
        rest = asked.batch.column("rest")
        if rest.null_count == len(rest):
            return np.zeros(len(rows), np.bool_)
        return texts_with(asked.some("rest", rows), _SPEAKS_OF_KIND, any_case=False)

    def _one_by_one(self, asked: _Batch, rows: Rows) -> None:
        if not len(rows):
            return
        verdicts = []
        for each in attributed_of(asked.batch.take(pa.array(rows))):
            judged = self._judges.judge(each)
            through = None if judged.holding is None else judged.holding.through
            verdicts.append(self._always(_Outcome(judged.right, judged.why, through, judged.past_role)))
        asked.say(rows, np.arange(len(rows)), verdicts)

    def _nobodies(self, asked: _Batch, judge: Judge | None, number: int, rows: Rows) -> None:
        """Judge rows of whom is no person of the team."""
        if not len(rows):
            return
        method = asked.coded("method")
        codes = method.codes[rows]
        rights = [self._always(_Outcome(right_of_nobody(Method(str(m or Method.NONE))), None)) for m in method.values]
        asked.say(rows, codes, rights)
        declared = judge is not None and any(each.actions for each in judge.team.workloads.values())
        if judge is None or not declared or Method.WORKLOAD not in method.values:
            return
        machine = np.array([each == Method.WORKLOAD for each in method.values], np.bool_)
        rows = rows[machine[codes]]
        whys = asked.coded("why")
        kinds, every = self._kinds_of(asked, rows)
        numbers, first = alike([whys.codes[rows], kinds])
        odd = self._odd(asked, rows) | self._with_words(asked, rows, kinds, [each.shape.own_words for each in every])
        verdicts = []
        for place in first.tolist():
            why, kind = str(whys.values[int(whys.codes[rows[place]])] or ""), every[int(kinds[place])]
            key = (number, why, kind.number)
            if key not in self._machines:
                self._machines[key] = self._of_machine(judge.team, why, kind)
            verdicts.append(self._machines[key])
        asked.say(rows, numbers, verdicts)
        rows = rows[odd]
        if len(rows):
            events = attributed_of(asked.batch.take(pa.array(rows)))
            words = [undeclared(each.actor, each.event.record, judge.team) for each in events]
            made = [self._always(_Outcome(Right.NOT_A_PERSON, said, unexpected=said is not None)) for said in words]
            asked.say(rows, np.arange(len(rows)), made)

    def _of_machine(self, team: Team, why: str, kind: _Kind) -> _Verdict:
        """Judge a workload, known by `why`, by what is declared for it."""
        found, said = workload_of(_machine(why), team), None
        if found is not None and found.actions:
            said = outside(found, why, [Request(each, None, {}) for each in kind.shape.actions])
        return self._always(_Outcome(Right.NOT_A_PERSON, said, unexpected=said is not None))

    def _kinds_of(self, asked: _Batch, rows: Rows) -> tuple[Codes, list[_Kind]]:
        """Give the kinds of rows: for each row its place among them."""
        denied, refused = self._refused(asked, rows)
        columns = [asked.coded(name) for name in ("source", "name", "type")]
        numbers, first = alike([*(each.codes[rows] for each in columns), denied])
        found = []
        for place in first.tolist():
            key = (*(each.values[int(each.codes[rows[place]])] for each in columns), refused[int(denied[place])])
            found.append(self._kind(key))
        return numbers, found

    def _kind(self, key: tuple[Any, ...]) -> _Kind:
        if key not in self._kinds:
            source, name, kind, refused = key
            shape = shape_of(source or "", name or "", kind)
            own = {each.lower() for each in shape.actions}
            more = (refused,) if shape.actions and refused is not None and refused.lower() not in own else ()
            self._kinds[key] = _Kind(len(self._by_number), shape, shape.actions + more, is_ending(name))
            self._by_number.append(self._kinds[key])
        return self._kinds[key]

    def _refused(self, asked: _Batch, rows: Rows) -> tuple[Codes, list[str | None]]:
        """Give which action AWS says that it refused: for each row its place among them, of which the first is None."""
        places_of, actions = np.zeros(len(rows), np.int64), dict[str | None, int]({None: 0})
        message = asked.batch.column("error_message")
        if message.null_count < len(message):
            texts = asked.some("error_message", rows)
            told = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
            found = coded(texts.take(pa.array(told)))
            denials = [denial_of(str(each)) if each is not None else None for each in found.values]
            numbers = [actions.setdefault(each.action if each else None, len(actions)) for each in denials]
            places_of[told] = np.array(numbers, np.int64)[found.codes]
        return places_of, list(actions)

    def _with_words(
        self, asked: _Batch, rows: Rows, kinds: Codes, words: Sequence[str | None]
    ) -> npt.NDArray[np.bool_]:
        """Tell in the parameters of which rows the words of their kind stand."""
        found = np.zeros(len(rows), np.bool_)
        for pattern in {each for each in words if each is not None}:
            mine = np.flatnonzero(np.array([each == pattern for each in words], np.bool_)[kinds])
            if pattern == ALWAYS:
                found[mine] = True
            elif len(mine):
                found[mine] = texts_with(asked.some("request_parameters", rows[mine]), pattern)
        return found

    def _people(self, asked: _Batch, number: int, rows: Rows) -> None:
        """Judge rows of people of the team: by what they held then, and what that leaves open by windows near it."""
        pieces = self._pieces_of(asked, number, rows)
        places_of, first = alike([pieces])
        held = [self._pieces[number][1] for number in pieces[first].tolist()]
        states = np.array([each.state for each in held], np.int64)[places_of]
        frozen = np.array([each.frozen for each in held], np.bool_)[places_of]
        places_of, every = self._kinds_of(asked, rows)
        # No parameters matter to a kind of which there is no request at all.
        must = [each.shape.words if each.actions else None for each in every]
        worded = self._with_words(asked, rows, places_of, must) & ~frozen
        kinds = np.array([each.number for each in every], np.int64)[places_of]
        by_state = _Asked(rows, states, kinds, worded, by_state=True)
        self._judge_by(asked, by_state)
        left = np.flatnonzero(asked.outcome[rows] == _TURNS.outcome)
        if len(left):
            self._judge_by(asked, by_state.of(pieces, left))

    def _judge_by(self, asked: _Batch, some: _Asked) -> None:
        """Judge rows by their states or pieces."""
        numbers, first = alike([some.units, some.kinds])
        verdicts: list[_Verdict] = []
        hanging: list[bool] = []
        for place in first.tolist():
            verdict = self._by_names(int(some.units[place]), self._by_number[int(some.kinds[place])], some.by_state)
            hanging.append(verdict is None)
            verdicts.append(verdict or _TURNS)
        asked.say(some.rows, numbers, verdicts)
        hangs = np.array(hanging, np.bool_)[numbers]
        self._read_rows(asked, some, np.flatnonzero(hangs & ~some.worded), None)
        for actions, mine in self._actions_of(asked, some, np.flatnonzero(some.worded)).items():
            self._read_rows(asked, some, np.array(mine, np.int64), actions)

    def _pieces_of(self, asked: _Batch, number: int, rows: Rows) -> Codes:
        """Give the piece of each row."""
        person, account = asked.coded("person"), asked.coded("account")
        numbers, first = alike([person.codes[rows], account.codes[rows]])
        order = np.argsort(numbers, kind="stable")
        ends = np.searchsorted(numbers[order], np.arange(len(first)), side="right")
        pieces = np.zeros(len(rows), np.int64)
        start = 0
        for place, end in zip(first.tolist(), ends.tolist(), strict=True):
            row = rows[place]
            who, where = person.values[int(person.codes[row])], account.values[int(account.codes[row])]
            mine = order[start:end]
            start = end
            pieces[mine] = self._placed(number, str(who), str(where or ""), asked.micros[rows[mine]])
        return pieces

    def _placed(self, number: int, person: str, account: str, micros: Codes) -> Codes:
        judge, key = self._judges.judge_of(number), (number, person, account)
        place = self._places.get(key)
        if place is None:
            turns = self._judges.freezes_of(person) if judge is None else judge.turns(person, account)
            place = self._places[key] = _Place(np.array([_micros(each) for each in turns], np.int64), self._next)
            self._next += len(turns) + 1
        found = np.searchsorted(place.edges, micros, side="right")
        for index in np.unique(found).tolist():
            if place.base + index not in self._pieces:
                self._pieces[place.base + index] = number, self._piece(number, person, account, place.edges, index)
        return found + place.base

    def _piece(self, number: int, person: str, account: str, edges: npt.NDArray[np.int64], index: int) -> _Piece:
        within, in_force = self._judges.pieces[number]
        start = within.start if index == 0 else max(within.start, _instant(int(edges[index - 1])))
        end = within.end if index == len(edges) else min(within.end, _instant(int(edges[index])))
        judge = self._judges.judge_of(number)
        why_not = "" if judge else in_force.why_not or "?"
        frozen = self._judges.is_frozen(person, start)
        held = Held(person, account, start, None) if judge is None else judge.held(person, account, start)
        said = (person,) if frozen else (account, why_not, *_held_now(judge, held))
        state = self._states.setdefault((number, frozen, *said), len(self._states))
        piece = _Piece(frozen, held, replace(held, at=end - _MICROSECOND), why_not, state)
        self._first.setdefault(state, (number, piece))
        return piece

    def _unit(self, unit: int, by_state: bool) -> tuple[int, _Piece]:  # noqa: FBT001 - a fact
        """Give the number of the file of a piece, or of the first piece of a state, and that piece."""
        return self._first[unit] if by_state else self._pieces[unit]

    def _by_names(self, unit: int, kind: _Kind, by_state: bool) -> _Verdict | None:  # noqa: FBT001 - a fact
        """Judge by names and time; None where it hangs on more."""
        key = (by_state, unit, kind.number)
        if key not in self._settled:
            self._settled[key] = self._settle(unit, kind, by_state)
        return self._settled[key]

    def _settle(self, unit: int, kind: _Kind, by_state: bool) -> _Verdict | None:  # noqa: FBT001 - a fact
        _, piece = self._unit(unit, by_state)
        if piece.frozen and kind.ending:
            return self._always(_Outcome(Right.NEEDS_NONE, ENDED))
        if piece.frozen:
            return self._always(_Outcome(Right.FROZEN, f"{piece.first.person} was frozen"))
        if not kind.actions:
            return self._always(_Outcome(Right.NEEDS_NONE, kind.shape.why_not or NEEDS_NONE))
        if self._hangs(unit, kind.actions, by_state):
            return None
        return self._answered(unit, [Request(action, None, {}) for action in kind.actions], by_state)

    def _hangs(self, unit: int, actions: tuple[str, ...], by_state: bool) -> Hangs:  # noqa: FBT001 - a fact
        file, piece = self._unit(unit, by_state)
        key = (by_state, actions)
        if key not in piece.hangs:
            judge = self._judges.judge_of(file)
            if judge is None:
                return NOTHING
            if file not in self._hanging:
                self._hanging[file] = Hanging(judge, self._deciding)
            hanging = self._hanging[file]
            piece.hangs[key] = (hanging.of_now if by_state else hanging.of)(piece.first, actions)
        return piece.hangs[key]

    def _answered(self, unit: int, requests: Sequence[Request], by_state: bool) -> _Verdict:  # noqa: FBT001 - a fact
        """Judge requests of a person within a piece, or of whoever is in a state."""
        file, piece = self._unit(unit, by_state)
        judge = self._judges.judge_of(file)
        if judge is None:
            return self._always(_Outcome(Right.NOT_JUDGEABLE, piece.why_not))
        answer, _ = judge.answer_all(piece.first, requests)
        if by_state and answer.right not in _BY_NOW:
            return _TURNS
        through = None if answer.holding is None else answer.holding.through
        said = _Outcome(answer.right, answer.why, through, answer.by_role, unless_allowed=answer.unless_allowed)
        made = self._always(said)
        if answer.right is not Right.OFF_SHIFT:
            return made
        later, _ = judge.answer_all(piece.last, requests)
        if later == answer or answer.window is None or later.window is None:
            return made
        through = None if later.holding is None else later.holding.through
        then = self._always(_Outcome(later.right, later.why, through))
        # At the middle itself the window before is still taken for the nearer one: it comes first.
        return _Verdict(made.outcome, then.outcome, (_micros(answer.window.end) + _micros(later.window.start)) // 2)

    def _actions_of(self, asked: _Batch, some: _Asked, mine: Rows) -> dict[tuple[str, ...], list[int]]:
        """Give the actions of rows that must be read to be known, with their places."""
        found: dict[tuple[str, ...], list[int]] = {}
        if not len(mine):
            return found
        rows = some.rows[mine]
        numbers, first, keys = self._keys(asked, rows, some.kinds[mine], ("account", *sorted(OF_CALL)))
        requests = self._requests(asked, rows, first, keys)
        actions = [tuple(dict.fromkeys(each.action for each in of)) for of in requests]
        for place, each in zip(mine.tolist(), numbers.tolist(), strict=True):
            found.setdefault(actions[each], []).append(place)
        return found

    def _read_rows(self, asked: _Batch, some: _Asked, mine: Rows, actions: tuple[str, ...] | None) -> None:
        """Judge rows by what they hang on; `actions` are theirs, None where their kind tells."""
        if not len(mine):
            return
        numbers, first = alike([some.units[mine], some.kinds[mine]])
        wanted: dict[tuple[str, ...], list[int]] = {}
        for place, at in enumerate(mine[first].tolist()):
            named = actions or self._by_number[int(some.kinds[at])].actions
            hangs = self._hangs(int(some.units[at]), named, some.by_state)
            wanted.setdefault(columns_of(hangs), []).append(place)
        for columns, kept in wanted.items():
            self._read_alike(asked, some, mine[np.isin(numbers, kept)], columns, actions)

    def _read_alike(
        self, asked: _Batch, some: _Asked, mine: Rows, columns: tuple[str, ...], actions: tuple[str, ...] | None
    ) -> None:
        """Judge rows by some columns: requests that are alike in them are read once, whosever they are."""
        rows = some.rows[mine]
        alone, first, keys = self._keys(asked, rows, some.kinds[mine], ("account", *columns), str(actions))
        requests = self._requests(asked, rows, first, keys)
        numbers, first = alike([some.units[mine], alone])
        verdicts = []
        for unit, each in zip(some.units[mine][first].tolist(), alone[first].tolist(), strict=True):
            key = (some.by_state, unit, keys[each])
            if key not in self._read:
                self._read[key] = self._answered(unit, requests[each], some.by_state)
            verdicts.append(self._read[key])
        asked.say(rows, numbers, verdicts)

    def _keys(
        self, asked: _Batch, rows: Rows, kinds: Codes, columns: Sequence[str], more: str = ""
    ) -> tuple[Codes, Codes, list[bytes]]:
        """Give rows numbers by kinds and columns, and for each its first row, and what tells it from any other."""
        arrays = [_told(name, asked.some(name, rows)) for name in columns]
        numbers, first = alike([kinds, *map(places, arrays)])
        at = pa.array(first)
        values = [each.take(at).to_pylist() for each in arrays]
        keys = [_digest((more, *columns, *each)) for each in zip(kinds[first].tolist(), *values, strict=True)]
        return numbers, first, keys

    def _requests(self, asked: _Batch, rows: Rows, first: Codes, keys: Sequence[bytes]) -> list[tuple[Request, ...]]:
        """Give the requests of some of the rows, by what tells them from any other; what is not known is read whole."""
        if len(self._known) > REQUESTS:
            self._known = {}
        missing = [n for n, key in enumerate(keys) if key not in self._known]
        where = rows[first[missing]].tolist()
        unread = [row for row in where if row not in asked.requests]
        if unread:
            found = rows_of(asked.batch.take(pa.array(unread)))
            asked.requests |= {
                n: requests_of_record(record_of(row)).requests for n, row in zip(unread, found, strict=True)
            }
        self._known |= {keys[n]: asked.requests[row] for n, row in zip(missing, where, strict=True)}
        return [self._known[key] for key in keys]

    def _watched(self, asked: _Batch, judge: Judge, number: int, rows: Rows) -> None:
        """Tell where rows lie against the shifts of their people."""
        person = asked.coded("person")
        began = asked.batch.column("session_began_ms")
        told = began.is_valid().to_numpy(zero_copy_only=False)
        since = began.fill_null(0).to_numpy(zero_copy_only=False) * 1000
        codes = person.codes[rows]
        order = np.argsort(codes, kind="stable")
        present = np.unique(codes)
        ends = np.searchsorted(codes[order], present, side="right").tolist()
        for code, start, end in zip(present.tolist(), [0, *ends], ends, strict=False):
            mine, name = rows[order[start:end]], str(person.values[code])
            watching = self._watching_of(judge, number, name)
            found = np.searchsorted(watching.edges, asked.micros[mine], side="right")
            asked.watch[mine], asked.measured[mine] = watching.watch[found], watching.measured[found]
            for rota in {watching.rota[index] for index in np.unique(found).tolist()} - {None}:
                by = np.array([each == rota for each in watching.rota], np.bool_)[found] & told[mine]
                edges = [s.interval for s in judge.shifts.get(name, ()) if s.rota == rota]
                asked.started[mine[by]] = _within(since[mine[by]], edges)

    def _watching_of(self, judge: Judge, number: int, person: str) -> _Watching:
        key = (number, person)
        if key not in self._watching:
            within, _ = self._judges.pieces[number]
            turns = [at for at in judge.watch_turns(person) if at in within]
            states = [judge.watch(person, at) for at in (within.start, *turns)]
            measured = [state.end if state.watch is Watch.ENDED else state.start for state in states]
            self._watching[key] = _Watching(
                np.array([_micros(each) for each in turns], np.int64),
                np.array([_WATCHES.index(state.watch) for state in states], np.int64),
                np.array([0 if at is None else _micros(at) for at in measured], np.int64),
                tuple(state.rota for state in states),
            )
        return self._watching[key]

    def _with_outcome(self, asked: _Batch, numbers: Codes) -> Codes:
        """Let what is judged by what AWS made of it be so."""
        every = list(self._outcomes)
        hanging = [number for number in np.unique(numbers).tolist() if every[number].unless_allowed]
        if hanging:
            outcome = asked.coded("outcome")
            refused = np.array([each != Outcome.ALLOWED for each in outcome.values], np.bool_)[outcome.codes]
            for number in hanging:
                open_one = self._always(_Outcome(Right.NOT_JUDGEABLE, every[number].unless_allowed))
                numbers[(numbers == number) & refused] = open_one.outcome
        return numbers

    def _made(self, asked: _Batch) -> pa.RecordBatch:
        """Make the rows of what was found."""
        batch = asked.batch
        numbers = self._with_outcome(asked, np.where(asked.micros > asked.until, asked.later, asked.outcome))
        present, at = np.unique(numbers, return_inverse=True)
        every = list(self._outcomes)
        said = [every[number] for number in present.tolist()]
        where = pa.array(at)
        by_role, user = np.array([each.by_role for each in said], np.bool_), asked.coded("identity_type")
        as_user = np.array([is_user(None if each is None else str(each)) for each in user.values], np.bool_)
        own = np.array([each.why is None for each in said], np.bool_)
        why = pa.array([each.why or "" for each in said], pa.string()).take(where)
        if own.any():
            why = pa.compute.if_else(pa.array(own[at]), batch.column("why").cast(pa.string()), why)
        watch, began = asked.watch, batch.column("session_began_ms")
        off = (watch == _WATCHES.index(Watch.ENDED)) | (watch == _WATCHES.index(Watch.NOT_YET))
        return pa.RecordBatch.from_arrays(
            [
                batch.column("account").cast(pa.string()),
                batch.column("id"),
                batch.column("person").cast(pa.string()),
                pa.array([str(each.right) for each in said], pa.string()).take(where),
                why,
                pa.array([each.through for each in said], pa.string()).take(where),
                pa.array([ENTITLED.get(each.right, "unknown") for each in said], pa.string()).take(where),
                pa.array(by_role[at] & as_user[user.codes]),
                pa.array(np.array([each.unexpected for each in said], np.bool_)[at]),
                pa.array([None if each is None else str(each) for each in _WATCHES], pa.string()).take(pa.array(watch)),
                pa.array(np.abs(asked.micros - asked.measured) // _MINUTE, mask=~off),
                pa.array(asked.started, mask=(watch == 0) | began.is_null().to_numpy(zero_copy_only=False)),
            ],
            schema=JUDGED,
        )


def _held_now(judge: Judge | None, held: Held) -> Iterator[object]:
    """Give what decides by what is held now, and says so."""
    if judge is not None and held.account is not None:
        for path in judge.paths(held, held.now):
            said = tuple((each.permission_set, each.through, each.why) for each in path.held)
            yield path.evaluator, path.gate, path.unsure, said


def _within(micros: Codes, spans: Sequence[Interval]) -> npt.NDArray[np.bool_]:
    """Tell which instants lie in one of some spans."""
    starts, ends = (
        np.sort([_micros(edge) for edge in each]) for each in ((s.start for s in spans), (s.end for s in spans))
    )
    # Of those that began, fewer ended.
    return np.searchsorted(starts, micros, side="right") > np.searchsorted(ends, micros, side="right")


def _told(name: str, column: pa.Array) -> pa.Array:
    """Give of a column what it can tell of a request."""
    if name == "error_code":
        return column.is_valid()
    if name == "response_elements" and column.null_count < len(column):
        has = pa.array(texts_with(column, _HAS_ARN, any_case=False))
        return pa.compute.if_else(has, column.cast(pa.string()), None)
    return column


def _digest(values: tuple[object, ...]) -> bytes:
    """Tell values from any others, in little room."""
    return blake2b(repr(values).encode(errors="surrogatepass"), digest_size=16).digest()


def _machine(why: str) -> Actor:
    return Actor(None, "", Method.WORKLOAD, Confidence.NONE, why)
