"""Cut a condition key, or the resource, into finitely many cells that no predicate tells apart.

A cell is told by a witness: a value of it. In which cells a predicate holds, the predicate itself tells, asked of every
witness, so that cells cannot mean anything else than decisions do.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, combinations

from watchbill.policy.actions import resource_patterns
from watchbill.policy.cells import BudgetError, address_witnesses, instant_witnesses, number_witnesses, text_witnesses
from watchbill.policy.conditions import Predicate
from watchbill.policy.context import RESOURCE, Context
from watchbill.policy.model import ConditionEntry, Request
from watchbill.policy.operators import (
    PARTS,
    WILD,
    Operator,
    Tokens,
    arn_matcher,
    operator_of,
    read_instant,
    read_number,
    text_of,
)
from watchbill.policy.patterns import AbsentKeyError, expand, glob, matches
from watchbill.policy.resources import in_parts


Value = str | tuple[str, ...] | None

_MOST_VALUES = 8
"""Cells of a key that may hold several values: every set of them is one more cell."""
_IS_ARN = "arn:*:*:*:*:*"


@dataclass(frozen=True, slots=True)
class Domain:
    """The cells of one key."""

    values: tuple[Value, ...]
    """A witness of each; None is an absent key, a tuple several values."""
    masks: dict[Predicate, int]
    """For each predicate the cells in which it holds, a bit for each witness."""
    mixed: bool
    """Whether predicates read it as values of different types, so that a cell may have no witness."""


def cut(key: str, predicates: Sequence[Predicate], asked: Request) -> Domain:
    """Cut a key in lower case, or the resource, by the predicates that ask for it alone, under the keys given.

    Raises BudgetError where there are too many cells.
    """
    given = {each.lower(): found for each, found in asked.context.items()}
    brought = {each.lower() for predicate in predicates for each in predicate.keys[1:]}
    if brought or key == RESOURCE:
        # What follows from who asks may be brought in too.
        told = replace(asked, context={each: given[each] for each in sorted(brought & given.keys())})
    else:
        told = Request("", None, {}, present=frozenset({key}) & {each.lower() for each in asked.present})
    return _cut(key, tuple(predicates), _Told(told))


class _Told:
    """A request by which cells are cut, equal to one that says the same."""

    __slots__ = ("key", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        context = tuple(sorted(request.context.items()))
        self.key = (
            context,
            request.action,
            request.resource,
            request.resource_account,
            request.principal,
            request.absent,
            request.present,
            request.unknown,
            request.complete,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Told) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=4096)
def _cut(key: str, predicates: tuple[Predicate, ...], told: _Told) -> Domain:
    asked = told.request
    if key == RESOURCE:
        values, mixed = _resources(predicates, asked), False
    else:
        values, mixed = _values(key, predicates, asked)
    contexts = [_context(key, value, asked) for value in values]
    masks = {
        predicate: sum(1 << place for place, context in enumerate(contexts) if predicate.test(context))
        for predicate in predicates
    }
    return Domain(values, masks, mixed)


def _context(key: str, value: Value, asked: Request) -> Context:
    if key == RESOURCE:
        resource = value if isinstance(value, str) else None
        return Context(replace(asked, resource=resource, complete=True, some=False))
    given = {each: found for each, found in asked.context.items() if each.lower() != key}
    if value is None:
        return Context(replace(asked, context=given, absent=asked.absent | {key}, complete=True))
    return Context(replace(asked, context={**given, key: value}, complete=True))


def _resources(predicates: Sequence[Predicate], asked: Request) -> tuple[Value, ...]:
    """Give resources: first such as the action takes, so that what is found reads as a request that may be made."""
    wanted, given = glob(asked.resource or "*"), Context(asked)
    usual = [glob(_own(each, asked)) for each in resource_patterns(asked.action) or (_IS_ARN,)]
    arns = list(chain.from_iterable(_filled(predicate.patterns, given, wild=True) for predicate in predicates))
    if usual == [glob("*")]:
        usual = [("*",)]
    parted = [each for each in (*arns, *usual) if in_parts(each)]
    whole = [each for each in (*arns, *usual) if not in_parts(each)]
    found = [text for text in text_witnesses([wanted, *whole], arns=parted) if matches(wanted, text)]
    return tuple(sorted(found, key=lambda text: not any(arn_matcher(each)(text) for each in usual)))


def _own(form: str, asked: Request) -> str:
    """Put the caller's account into the form of an ARN that leaves it open."""
    parts = form.split(":", PARTS - 1)
    account = asked.principal.account if asked.principal else None
    if len(parts) == PARTS and parts[4] == "*" and account is not None:
        parts[4] = account
    return ":".join(parts)


def _values(key: str, predicates: Sequence[Predicate], asked: Request) -> tuple[tuple[Value, ...], bool]:
    given = Context(asked)
    by_kind: dict[str, list[tuple[Operator, ConditionEntry]]] = {}
    several = False
    for predicate in predicates:
        entry = predicate.entry
        operator = operator_of(entry.operator) if entry else None
        if entry is not None and operator is not None:
            by_kind.setdefault(_kind(operator.name), []).append((operator, entry))
            several = several or bool(operator.quantifier)
    by_kind.pop("null", None)
    if "text" in by_kind:
        by_kind["text"] += by_kind.pop("boolean", [])
    found = dict.fromkeys(chain.from_iterable(_of_kind(kind, asking, given) for kind, asking in by_kind.items()))
    texts = tuple(found) or ("x",)
    values: list[Value] = [*texts] if key in {each.lower() for each in asked.present} else [None, *texts]
    if several:
        if len(texts) > _MOST_VALUES:
            raise BudgetError(f"cells of `{key}`, which may hold several values", _MOST_VALUES)
        values += chain.from_iterable(combinations(texts, size) for size in range(len(texts) + 1))
    return tuple(values), len(by_kind) > 1


def _kind(name: str) -> str:
    for start, kind in (
        ("numeric", "number"),
        ("date", "date"),
        ("ip", "address"),
        ("binary", "binary"),
        ("bool", "boolean"),
    ):
        if name.startswith(start):
            return kind
    return "null" if name == "null" else "text"


def _of_kind(kind: str, asking: Sequence[tuple[Operator, ConditionEntry]], given: Context) -> Iterable[str]:
    if kind == "text":
        return _texts(asking, given)
    if kind == "boolean":
        return ("true", "false")
    texts = [text_of(each) for _, entry in asking for each in _filled(entry.values, given, wild=False)]
    if kind == "number":
        return number_witnesses(found for text in texts if (found := read_number(text)) is not None)
    if kind == "date":
        return instant_witnesses(found for text in texts if (found := read_instant(text)) is not None)
    return address_witnesses(texts) if kind == "address" else (*texts, "=" * (1 + max(map(len, texts), default=0)))


def _texts(asking: Sequence[tuple[Operator, ConditionEntry]], given: Context) -> Iterable[str]:
    patterns: list[Tokens] = []
    arns: list[Tokens] = []
    folded: list[str] = []
    for operator, entry in asking:
        filled = list(_filled(entry.values, given, wild=operator.name in WILD))
        if operator.name == "bool":
            folded.append("true")
        elif operator.name == "stringequalsignorecase":
            folded += map(text_of, filled)
        elif operator.name.startswith("arn"):
            arns += [glob(_IS_ARN), *filled]
        else:
            patterns += filled
    return text_witnesses(patterns, arns=arns, folded=folded)


def _filled(texts: Iterable[str], given: Context, *, wild: bool) -> Iterator[Tokens]:
    """Put keys that are given into texts; nothing is as those want that bring in an absent key."""
    for text in texts:
        try:
            yield expand(text, given.single, wild=wild)
        except AbsentKeyError:
            continue
