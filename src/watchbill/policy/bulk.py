"""Decide a table of requests at once, with the reasons of each.

Rows that no rule can tell apart get the same decision, so one of them is decided for all:

1. Rows are of one *plan* when the same rules speak of them. Most actions of most people are of few plans.
2. What rules ask are predicates. Each looks at few columns, and is asked once for each distinct value of them that
   occurs where it matters, by the very test that a single decision uses; one that looks for texts, or compares numbers,
   is asked of all of these values at once.
3. From that follows which rules apply to a row, a bit for each, and which of them hang on what is not known. Rows of
   one plan that are alike in these are decided once.

Columns: `evaluator` (which of those given, from 0), `action`, `resource` (null: not known), and optionally `principal`,
`resource_account`, and condition keys by their names, as text or lists of text.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from itertools import chain
from operator import or_
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.policy.conditions import Predicate
from watchbill.policy.context import FOLLOWING, RESOURCE, Context
from watchbill.policy.evaluate import NAMING, Evaluator, Layers, Level, decided_by_service, names
from watchbill.policy.model import Decision, Principal, Request
from watchbill.policy.operators import Compare, Ordered, Read
from watchbill.policy.patterns import Match
from watchbill.policy.rules import Policy, Rule
from watchbill.policy.services import BY_SERVICE, fixed, must_allow
from watchbill.policy.table import Codes, Holds, Keys, Names, Table, compact, first_of, joined


_BITS = 62
"""Rules whose bits one number takes."""

Answers = npt.NDArray[np.int32]
"""What a predicate answered: one of the numbers below."""
_NOT_ASKED, _FAILS, _HOLDS, _HANGS = 0, 1, 2, 3
"""From the last on: where it hangs on different keys, the numbers differ."""

_SPARSE = 32
"""How many times more codes there may be than rows, that all are looked through rather than the rows sorted."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of a table's rows."""

    codes: Codes
    """For each row the index of its decision in `distinct`."""
    distinct: tuple[Decision, ...]

    def __getitem__(self, row: int) -> Decision:
        return self.distinct[int(self.codes[row])]

    def batch(self) -> pa.RecordBatch:
        """Give them as columns: `effect`, `layer`, `deciding`, `unknown_keys`, each a dictionary over the decisions."""
        index = pa.array(self.codes)
        columns = {
            "effect": [str(each.effect) for each in self.distinct],
            "layer": [each.layer for each in self.distinct],
            "deciding": ["; ".join(map(str, each.deciding)) for each in self.distinct],
            "unknown_keys": ["; ".join(each.unknown_keys) for each in self.distinct],
        }
        arrays = [pa.DictionaryArray.from_arrays(index, pa.array(values, pa.string())) for values in columns.values()]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def decide_batch(
    evaluators: Sequence[Evaluator],
    batch: pa.RecordBatch,
    *,
    absent: frozenset[str] = frozenset(),
    present: frozenset[str] = frozenset(),
    unknown: frozenset[str] = frozenset(),
    complete: bool = False,
    some: bool = False,
) -> Decisions:
    """Decide every row. What is said besides the columns is said of each row, as of a request.

    A null in the column of a key is a key of which the row says nothing: not known, unless `absent` or `complete` says
    that it is not there. Raises ValueError where a column is missing, or not of its type.
    """
    table = Table(batch, Request("", None, {}, absent, complete, present=present, unknown=unknown, some=some))
    codes = np.zeros(table.count, np.int32)
    if not table.count:
        return Decisions(codes, ())
    plans, of = _plans(evaluators, table)
    # Rows of one plan stand together, so that what is asked of them is asked of a slice.
    order = np.argsort(of, kind="stable")
    table.reorder(order)
    ends = np.cumsum(np.bincount(of, minlength=len(plans))).tolist()
    asked = _Asked(table, plans)
    distinct: dict[Decision, int] = {}
    for plan, start, end in zip(plans, [0, *ends], ends, strict=False):
        alike, decisions = asked.decide(plan, slice(start, end))
        numbers = np.array([distinct.setdefault(each, len(distinct)) for each in decisions], np.int32)
        codes[order[start:end]] = numbers[alike]
    return Decisions(codes, tuple(distinct))


@dataclass(frozen=True)
class _Plan:
    """The rules that speak of some rows, and an evaluator that settles them."""

    evaluator: Evaluator
    levels: tuple[Level, ...]
    action: str
    """In lower case; empty where no service has a rule of its own about it."""

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Give the rules of all levels, each once."""
        return tuple(dict.fromkeys(rule for level in self.levels for rule in (*level.denies, *level.allows)))

    @cached_property
    def predicates(self) -> tuple[Predicate, ...]:
        """Give what its rules ask, each once."""
        return tuple(dict.fromkeys(chain.from_iterable(rule.predicates for rule in self.rules)))

    @cached_property
    def names_callers(self) -> bool:
        """Tell whether some of its rules speak of those alone whom they name."""
        return any(level.name in NAMING for level in self.levels)

    def special(self, resource: str | None, *, some: bool) -> object:
        """Tell what services decide, or ask for, by a resource."""
        return fixed(self.action, resource), must_allow(self.action, resource, has_policy=True, some=some)

    def named(self, principal: str | None) -> object:
        """Tell how the rules name a caller."""
        caller = Principal.of(principal) if principal else None
        named = (level for level in self.levels if level.name in NAMING)
        return tuple(names(level.name, rule, caller) for level in named for rule in (*level.denies, *level.allows))


def _plans(evaluators: Sequence[Evaluator], table: Table) -> tuple[list[_Plan], npt.NDArray[Any]]:
    """Give the plans of a table, and the number of its plan for each row."""
    action = table.columns["action"]
    if table.evaluators.min() < 0 or table.evaluators.max() >= len(evaluators):
        raise ValueError(f"column `evaluator` must number the {len(evaluators)} evaluators from 0")
    pairs = compact(table.evaluators * action.size + action.codes)
    policies = [tuple(_policies(each.layers)) for each in evaluators]
    shapes = [_shape(each.layers) for each in evaluators]
    spoken: dict[tuple[object, ...], int] = {}
    plans: dict[tuple[object, ...], int] = {}
    found: list[_Plan] = []
    first = first_of(pairs)
    numbers = np.zeros(len(first), np.uint32)
    # Plans of one evaluator follow each other, so that what its policies alone ask is soon forgotten.
    for pair in np.argsort(table.evaluators[first], kind="stable").tolist():
        chosen = int(table.evaluators[first[pair]])
        name = table.value("action", first[pair]).lower()
        special = name if name.startswith(BY_SERVICE) else ""
        # The same rules in the same places are the same levels: those need not be put together again.
        said = (shapes[chosen], special, *(policy.speaking_of(name) for policy in policies[chosen]))
        place = spoken.get(said)
        if place is None:
            plan = _Plan(evaluators[chosen], evaluators[chosen].speaking_of(name), special)
            place = spoken[said] = plans.setdefault((plan.levels, _kind(plan.evaluator.layers), special), len(plans))
            if place == len(found):
                found.append(plan)
        numbers[pair] = place
    # Small numbers are sorted faster.
    return found, numbers.astype(np.uint16 if len(found) <= 1 << 16 else np.uint32)[pairs]


def _policies(layers: Layers) -> Iterator[Policy]:
    for level in (layers.identity, layers.boundary, layers.session, layers.endpoint):
        yield from level or ()
    for levels in (layers.scps, layers.rcps):
        yield from chain.from_iterable(levels or ())
    if layers.resource is not None:
        yield layers.resource


def _shape(layers: Layers) -> tuple[object, ...]:
    """Tell layers apart by all but what the rules of their policies say."""
    counts = [None if level is None else len(level) for level in (layers.identity, layers.boundary, layers.session)]
    endpoint = None if layers.endpoint is None else len(layers.endpoint)
    scps = tuple(map(len, layers.scps or ()))
    # What AWS adds to a level of RCPs hangs on all that its policies say.
    rcps = tuple(tuple(map(id, level)) for level in layers.rcps or ())
    return (*counts, endpoint, scps, rcps, _kind(layers))


def _kind(layers: Layers) -> tuple[bool, ...]:
    """Tell what a decision hangs on besides the rules of its levels."""
    places = layers.in_management_account, layers.service_linked, layers.rcps_of_caller
    return layers.boundary is None, layers.resource is None, layers.resource_unread, *places


@dataclass(frozen=True, slots=True)
class _Word:
    """Whether each of some rules applies to each of some rows, a bit for each rule."""

    rules: Sequence[Rule]
    applies: Keys
    """Whether it applies, or may."""
    may: Keys
    """Whether it hangs on something, where it is not known not to apply."""
    hanging: list[Answers]
    """By which of their predicates rules that may apply hang, and on which keys: rows that differ are told apart."""

    def applying(self, row: int) -> Iterator[tuple[Rule, bool | None]]:
        """Give the rules that apply, or may, to a row."""
        bits, may = int(self.applies[row]), int(self.may[row])
        while bits:
            lowest = bits & -bits
            yield self.rules[lowest.bit_length() - 1], None if may & lowest else True
            bits ^= lowest


class _Asked:
    """The rows of a table, asked by plan."""

    def __init__(self, table: Table, plans: Sequence[_Plan]) -> None:
        self._table = table
        self._answers = _Answered(table, plans)
        self._ways = _ways(table) if "principal" in table.columns else None
        """For each row, who asks from where, as a small code."""

    def decide(self, plan: _Plan, span: slice) -> tuple[Codes, list[Decision]]:
        """Decide the rows of a plan: for each the number of its decision among those given."""
        starts = range(0, len(plan.rules), _BITS)
        words = [self._word(plan.rules[start : start + _BITS], span) for start in starts]
        told: list[npt.NDArray[Any]] = list(self._callers(plan, span))
        for word in words:
            told += [word.applies, *word.hanging]
        alike = compact(joined(told))
        decisions: list[Decision] = []
        for row in first_of(alike).tolist():
            applying = dict(chain.from_iterable(word.applying(row) for word in words))
            decisions.append(self._settled(plan, applying, span.start + row))
        self._answers.forget(plan)
        return alike, decisions

    def _settled(self, plan: _Plan, applying: Mapping[Rule, bool | None], row: int) -> Decision:
        request = self._table.request(row)
        if plan.action and (decision := decided_by_service(request)) is not None:
            return decision
        asked = (level for level in plan.levels if plan.evaluator.is_asked(level.name, request))
        levels = [level.only(applying) for level in asked]
        context = Context(request)
        return plan.evaluator.settle(request, levels, applying.__getitem__, lambda: context)

    def _callers(self, plan: _Plan, span: slice) -> Iterator[Codes]:
        """Tell rows apart by what a decision hangs on besides the rules that apply."""
        yield np.zeros(span.stop - span.start, np.int32)
        if plan.action:
            yield self._alike("resource", span, partial(plan.special, some=self._table.like.some))
        if self._ways is not None:
            yield self._ways[span]
            if plan.names_callers:
                yield self._alike("principal", span, plan.named)

    def _alike(self, name: str, span: slice, of: Callable[[str | None], object]) -> Codes:
        """Give rows numbers by what follows from the value of a column."""
        column = self._table.columns[name]
        occurring, places = _occurring(column.codes[span], column.size)
        numbers: dict[object, int] = {}
        found = [numbers.setdefault(of(column.values[code]), len(numbers)) for code in occurring.tolist()]
        return np.array(found, np.int32)[places]

    def _word(self, rules: Sequence[Rule], span: slice) -> _Word:
        """Tell which of some rules apply to which rows."""
        never, may, asking = self._answers.sorted_by_columns(rules)
        applies: Keys = np.full(span.stop - span.start, ((1 << len(rules)) - 1) & ~never, np.int64)
        open_ones: list[tuple[int, Answers]] = []
        for columns, asked in asking:
            # Asked is of rows to which one of the rules may still apply.
            rows = np.flatnonzero(applies & reduce(or_, asked.values()))
            if not len(rows):
                continue
            column = self._table.together(columns)
            occurring, places = _occurring(column.codes[span][rows], column.size)
            failed, hanging = self._answers.of(columns, asked, occurring)
            applies[rows] &= ~failed[places]
            for bits, by_what in hanging:
                open_ones.append((bits, np.zeros(len(applies), np.int32)))
                open_ones[-1][1][rows] = by_what[places]
        open_ones = [(bits, np.where(applies & bits, by_what, 0)) for bits, by_what in open_ones]
        hangs: Keys = np.full(len(applies), may, np.int64)
        for bits, by_what in open_ones:
            hangs |= np.where(by_what, bits, 0)
        return _Word(rules, applies, hangs, [by_what for _, by_what in open_ones])


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """A predicate as it is asked of a table."""

    predicate: Predicate
    columns: Names
    """On which its answer hangs; empty where it is the same for all rows."""
    match: Match | None
    """What is asked of a text, where it is asked of one column of texts and of nothing else."""
    turn: tuple[tuple[Read, Compare], float] | None
    """How it compares with which one number, where that is all it asks of such a text."""


class _Answered:
    """What predicates answer of the distinct values of their columns."""

    def __init__(self, table: Table, plans: Sequence[_Plan]) -> None:
        self._table = table
        self._questions: dict[Predicate, _Question] = {}
        self._of_rule: dict[Rule, tuple[_Question, ...]] = {}
        self._constants: dict[_Question, int] = {}
        self._kept: dict[_Question, Answers] = {}
        self._open: dict[tuple[str, ...], int] = {}
        self._left = Counter(chain.from_iterable(plan.predicates for plan in plans))
        """How many plans have not asked a predicate yet: what none will ask any more is not kept."""

    def forget(self, plan: _Plan) -> None:
        """Take a plan to have asked all it asks."""
        for predicate in plan.predicates:
            self._left[predicate] -= 1
            if not self._left[predicate]:
                self._kept.pop(self._question(predicate), None)

    def sorted_by_columns(self, rules: Sequence[Rule]) -> tuple[int, int, list[tuple[Names, dict[_Question, int]]]]:
        """Sort what rules ask by the columns it hangs on, with the bits of the rules; those of few values first.

        Before these the bits of rules that never apply, and of those that hang, by what hangs on no column.
        """
        never, may = 0, 0
        found: dict[Names, dict[_Question, int]] = {}
        for place, rule in enumerate(rules):
            for question in self._questions_of(rule):
                if question.columns:
                    asked = found.setdefault(question.columns, {})
                    asked[question] = asked.get(question, 0) | 1 << place
                    continue
                answer = self._constant(question)
                never |= (answer == _FAILS) << place
                may |= (answer >= _HANGS) << place
        return never, may, sorted(found.items(), key=lambda each: self._table.together(each[0]).size)

    def of(self, columns: Names, asked: Mapping[_Question, int], codes: Keys) -> tuple[Keys, list[tuple[int, Answers]]]:
        """Tell of distinct values of some columns the bits of what fails, and by what others hang.

        What hangs is given with its bits; 0 is where it does not.
        """
        failed: Keys = np.zeros(len(codes), np.int64)
        hanging: list[tuple[int, Answers]] = []
        limits: dict[tuple[Read, Compare], list[tuple[float, int]]] = {}
        none_missing = codes[0] != 0
        for question, bits in asked.items():
            if question.turn is not None and none_missing:
                how, limit = question.turn
                limits.setdefault(how, []).append((limit, bits))
                continue
            fails, by_what = self._one(question, codes)
            failed |= np.where(fails, bits, 0)
            if by_what is not None:
                hanging.append((bits, by_what))
        for (read, compare), each in limits.items():
            failed |= self._table.columns[columns[0]].beyond(read, compare, each, codes)
        return failed, hanging

    def _one(self, question: _Question, codes: Keys) -> tuple[Holds, Answers | None]:
        """Tell of which distinct values a predicate fails, and by what it hangs of which: 0 is by nothing.

        None where it hangs of none.
        """
        held = None
        if question.match is not None:
            held = self._table.columns[question.columns[0]].holding(question.match, codes)
        if held is None:
            answers = self._asked_once(question, codes)
        elif codes[0] != 0:
            return ~held, None
        else:
            answers = np.where(held, np.int32(_HOLDS), np.int32(_FAILS))
            answers[0] = self._ask(question, [0])[0]
        hung = answers * (answers >= _HANGS)
        return answers == _FAILS, hung if hung.any() else None

    def _asked_once(self, question: _Question, codes: Keys) -> Answers:
        if self._left[question.predicate] == 1:
            return np.array(self._ask(question, codes.tolist()), np.int32)
        kept = self._kept.get(question)
        if kept is None:
            kept = self._kept[question] = np.zeros(self._table.together(question.columns).size, np.int32)
        missing = codes[kept[codes] == _NOT_ASKED]
        if len(missing):
            kept[missing] = self._ask(question, missing.tolist())
        return kept[codes]

    def _ask(self, question: _Question, codes: Sequence[int]) -> list[int]:
        """Ask of each of some values, in order of their codes."""
        predicate, columns, match = question.predicate, question.columns, question.match
        if match is not None and codes[0] != 0:
            values = self._table.columns[columns[0]].values
            return [_HOLDS if match(values[code]) else _FAILS for code in codes]
        put = self._table.keys.intersection(columns)
        if RESOURCE in columns and not any(RESOURCE in FOLLOWING.get(key.lower(), ()) for key in predicate.keys):
            put |= {RESOURCE}
        return [self._outcome(predicate, context) for context in self._table.contexts(columns, codes, put)]

    def _outcome(self, predicate: Predicate, context: Context) -> int:
        held = predicate.test(context)
        if held is not None:
            return _HOLDS if held else _FAILS
        # Which keys are not known is part of the decision.
        return _HANGS + self._open.setdefault(tuple(filter(context.unknown, predicate.keys)), len(self._open))

    def _constant(self, question: _Question) -> int:
        if question not in self._constants:
            self._constants[question] = self._outcome(question.predicate, Context(self._table.made({})))
        return self._constants[question]

    def _questions_of(self, rule: Rule) -> tuple[_Question, ...]:
        found = self._of_rule.get(rule)
        if found is None:
            found = self._of_rule[rule] = tuple(map(self._question, rule.predicates))
        return found

    def _question(self, predicate: Predicate) -> _Question:
        found = self._questions.get(predicate)
        if found is None:
            columns = tuple(sorted(self._columns_of(predicate)))
            of_texts = columns == (predicate.keys[0].lower(),) and self._table.columns[columns[0]].has_texts
            match = predicate.match if of_texts else None
            turn = None
            if isinstance(match, Ordered) and len(match.limits) == 1:
                turn = ((match.read, match.compare), match.limits[0])
            found = _Question(predicate, columns, match, turn)
            self._questions[predicate] = found
        return found

    def _columns_of(self, predicate: Predicate) -> set[str]:
        """Name the columns that an answer hangs on."""
        if predicate.why_not:
            return set()
        table, found = self._table, set[str]()
        for key in map(str.lower, predicate.keys):
            if predicate.entry is None and key == RESOURCE:
                # Whether `*` is a pattern hangs on the action.
                found |= {RESOURCE, "action"} if table.like.some else {RESOURCE}
            elif key in table.keys:
                found.add(key)
            if key not in table.keys or table.columns[key].has_nulls:
                # Where a row has no value of its own, some keys follow from who asks for what.
                found |= table.columns.keys() & FOLLOWING.get(key, ())
        return found


def _occurring(codes: Codes, size: int) -> tuple[Keys, Keys]:
    """Give the codes that occur, in order, and for each row the place of its own among them."""
    if len(codes) * _SPARSE < size:
        sorted_codes, places = np.unique(codes, return_inverse=True)
        return sorted_codes.astype(np.int64), places.astype(np.int64)
    seen = np.zeros(size, np.bool_)
    seen[codes] = True
    occurring = np.flatnonzero(seen)
    place_of = np.empty(size, np.int64)
    place_of[occurring] = np.arange(len(occurring))
    return occurring, place_of[codes]


def _ways(table: Table) -> Codes:
    """Give a code for each row of who asks from where: callers that rules name alike are still told apart."""
    principal, resource = table.columns["principal"], table.columns["resource"]
    callers = [Principal.of(name) if name else None for name in principal.values]
    accounts: dict[str | None, int] = {None: 0}
    mine = _numbered((caller.account if caller else None for caller in callers), accounts)[principal.codes]
    codes, named = resource.accounts()
    theirs = _numbered(named, accounts)[codes][resource.codes]
    if "resource_account" in table.columns:
        given = table.columns["resource_account"]
        said = _numbered(given.values, accounts)[given.codes]
        theirs = np.where(said > 0, said, theirs)
    kind = _numbered((f"{each.kind} {each.entity[0]}" if each else None for each in callers), {})[principal.codes]
    crosses = (mine > 0) & (theirs > 0) & (mine != theirs)
    ways: Codes = kind * 2 + crosses
    return ways


def _numbered(values: Iterable[str | None], numbers: dict[str | None, int]) -> Codes:
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int32)
