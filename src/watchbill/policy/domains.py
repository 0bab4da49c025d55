"""Cut a condition key, or the resource, into finitely many cells that no predicate tells apart.

A cell is told by a witness: a value of it. In which cells a predicate holds, the predicate itself tells, so that cells
cannot mean anything else than decisions do. It is asked of every witness, or of one of those that it cannot tell apart:
what begins like none of its texts, what is in none of its networks.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain, combinations

from watchbill.policy.actions import resource_patterns
from watchbill.policy.cells import BudgetError, address_witnesses, instant_witnesses, number_witnesses, text_cells
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
    read_address,
    read_instant,
    read_network,
    read_number,
    text_of,
)
from watchbill.policy.patterns import AbsentKeyError, expand, glob, has_variables, matcher
from watchbill.policy.resources import in_parts


Value = str | tuple[str, ...] | None

_MOST_VALUES = 8
"""Cells of a key that may hold several values: every set of them is one more cell."""
_MOST_WANTED = 200_000
"""Values that policies may ask of one key."""
_LOOKS = 20_000_000
"""Looks that asking the predicates of one key may take."""
_OF_A_VALUE = 8
"""Looks that a value of a policy takes to be read, and a witness to be made."""
_WIDE = 4_096
"""Cells whose bits are copied in the time of a look."""
_LONG = 32
"""Characters of a text compared with one place of a pattern in the time of a look."""
_STRIDE = 1_024
"""Witnesses in order that are put together as bits once for all."""
_IS_ARN = "arn:*:*:*:*:*"
_WILDCARD = re.compile(r"[*?$]")
_BY_BEGINNING = frozenset({"stringequals", "stringlike", "arnlike", "arnequals"})
"""Operators that want a value to begin as one of theirs does."""
_COMPARED = frozenset({"number", "date", "address"})
"""Kinds of values whose witnesses can be put in order."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The cells of one key."""

    values: tuple[Value, ...]
    """A witness of each; None is an absent key, a tuple several values."""
    masks: dict[Predicate, int]
    """For each predicate the cells in which it holds, a bit for each witness."""
    mixed: bool
    """Whether predicates read it as values of different types, so that a cell may have no witness."""
    looks: int
    """The work that it was."""


def cut(key: str, predicates: Sequence[Predicate], asked: Request, also: Sequence[str] = ()) -> Domain:
    """Cut a key in lower case, or the resource, by the predicates that ask for it alone, under the keys given.

    `also` are patterns by which the resource is cut besides. Raises BudgetError where there are too many cells.
    """
    given = {each.lower(): found for each, found in asked.context.items()}
    brought = {each.lower() for predicate in predicates for each in predicate.keys[1:]}
    if brought or key == RESOURCE:
        # What follows from who asks may be brought in too.
        told = replace(asked, context={each: given[each] for each in sorted(brought & given.keys())})
    else:
        told = Request("", None, {}, present=frozenset({key}) & {each.lower() for each in asked.present})
    found = _cut(key, tuple(predicates), _Told(told), tuple(also))
    if isinstance(found, BudgetError):
        raise BudgetError(found.what, found.limit, found.spent)
    return found


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
def _cut(key: str, predicates: tuple[Predicate, ...], told: _Told, also: tuple[str, ...]) -> Domain | BudgetError:
    """Cut a key, or say why not, which is remembered as well."""
    wanted = sum(len(each.entry.values) if each.entry else len(each.patterns) for each in predicates)
    try:
        _check(f"values of `{key}`", wanted, _MOST_WANTED, 0)
        if key == RESOURCE:
            (values, looks), mixed = _resources(predicates, told.request, also), False
        else:
            values, looks, mixed = _values(key, predicates, told.request)
        asking = _Asking(key, values, told.request, mixed=mixed)
        asking.looks += looks + (wanted + len(values)) * _OF_A_VALUE
        masks = {predicate: asking.mask(predicate) for predicate in predicates}
    except BudgetError as error:
        return error
    return Domain(values, masks, mixed, asking.looks)


def _check(what: str, needed: int, limit: int, spent: int) -> None:
    if needed > limit:
        raise BudgetError(what, limit, spent)


class _Asking:
    """Asks predicates of the witnesses of one key: of all of them, or of one of those that it cannot tell apart."""

    def __init__(self, key: str, values: Sequence[Value], asked: Request, *, mixed: bool) -> None:
        self.looks = 0
        self._key, self._values, self._asked, self._mixed = key, values, asked, mixed
        self._size = len(values)
        self._contexts: dict[int, Context] = {}
        self._alone = [place for place, value in enumerate(values) if not isinstance(value, str)]
        self._texts = sorted((value, place) for place, value in enumerate(values) if isinstance(value, str))
        self._places = [place for _, place in self._texts]
        arns = self._bits(
            place for text, place in self._texts if text.startswith("arn:") and text.count(":") >= PARTS - 1
        )
        # An operator of ARNs tells ARNs from what is none.
        self._sorts = (arns, self._bits(self._places) & ~arns)
        self._longest = max((len(text) for text, _ in self._texts), default=0)
        self._orders: dict[str, _Order] = {}

    def mask(self, predicate: Predicate) -> int:
        """Give the cells in which a predicate holds."""
        near, together = self._near(predicate)
        asked = [*self._alone, *near]
        self._spend(predicate, len(asked))
        apart = together | self._bits(asked)
        held = self._bits(place for place in asked if self._holds(predicate, place))
        for bits in (together, *(sort & ~apart for sort in self._sorts)):
            if bits and self._holds(predicate, (bits & -bits).bit_length() - 1):
                held |= bits
        return held

    def _bits(self, places: Iterable[int]) -> int:
        return _bits(places, self._size)

    def _holds(self, predicate: Predicate, place: int) -> bool:
        context = self._contexts.get(place)
        if context is None:
            context = self._contexts[place] = _context(self._key, self._values[place], self._asked)
        return bool(predicate.test(context))

    def _spend(self, predicate: Predicate, asked: int) -> None:
        """Count the work before it is done: of a predicate that is asked so often, and of its bits."""
        texts = predicate.entry.values if predicate.entry else predicate.patterns
        weight = 1 + sum(self._weight(each) for each in texts)
        more = 1 + len(self._sorts)
        self.looks += int((asked + more) * weight) + more * self._size // _WIDE
        _check(f"looks at cells of `{self._key}`", self.looks, _LOOKS, self.looks)

    def _weight(self, text: str) -> float:
        """Give the looks that comparing one text takes; next to none where texts are looked up."""
        if set(text).isdisjoint("*?$"):
            return 1 / _LONG
        by_step = self._longest / _LONG if "?" in text and "*" in text else 1 / _LONG
        return 1 + text.count("*") + len(text) * by_step

    def _near(self, predicate: Predicate) -> tuple[Collection[int], int]:
        """Give the witnesses that a predicate may tell from the rest: those to ask of one by one, and those alike."""
        entry = predicate.entry
        if entry is None:
            return self._beginning(predicate.patterns), 0
        operator = operator_of(entry.operator)
        if operator is None or operator.name == "null":
            return (), 0
        if operator.name in _BY_BEGINNING:
            return self._beginning(entry.values), 0
        kind = _kind(operator.name)
        if kind not in _COMPARED or self._mixed or any(map(has_variables, entry.values)):
            return self._places, 0
        return (), self._inside(entry.values) if kind == "address" else self._compared(operator.name, entry.values)

    def _beginning(self, patterns: Iterable[str]) -> Collection[int]:
        """Give the witnesses that begin as one of some patterns does, up to its first wildcard or variable."""
        found: set[int] = set()
        for begin in {_WILDCARD.split(each, maxsplit=1)[0] for each in patterns}:
            first = last = bisect_left(self._texts, begin, key=_text)
            while last < len(self._texts) and self._texts[last][0].startswith(begin):
                last += 1
            found.update(self._places[first:last])
        return found

    def _compared(self, name: str, wanted: Iterable[str]) -> int:
        """Give the witnesses that compare as an operator of numbers or dates wants with one of some values."""
        kind = _kind(name)
        read = read_number if kind == "number" else read_instant
        limits = {found for each in wanted if (found := read(each)) is not None}
        if kind not in self._orders:
            readings = ((read(text), place) for text, place in self._texts)
            self._orders[kind] = _Order(((each, place) for each, place in readings if each is not None), self._size)
        order, how = self._orders[kind], name.removeprefix("numeric").removeprefix("date")
        if not limits:
            return 0
        if how == "equals":
            return self._bits(chain.from_iterable(order.between(each, each) for each in limits))
        if how.startswith("less"):
            return order.first(max(limits), itself=how.endswith("equals"))
        return order.all & ~order.first(min(limits), itself=not how.endswith("equals"))

    def _inside(self, wanted: Iterable[str]) -> int:
        """Give the witnesses that are addresses in one of some networks."""
        found: set[int] = set()
        for network in {read for each in wanted if (read := read_network(each)) is not None}:
            order = self._addresses[network.version]
            found.update(order.between(int(network.network_address), int(network.broadcast_address)))
        self.looks += len(found) // _LONG
        return self._bits(found)

    @cached_property
    def _addresses(self) -> dict[int, "_Order"]:
        """The witnesses that are addresses, by version."""
        read = [(address, place) for text, place in self._texts if (address := read_address(text)) is not None]
        return {
            version: _Order(((int(each), place) for each, place in read if each.version == version), self._size)
            for version in (4, 6)
        }


class _Order:
    """Witnesses in the order of the numbers that they are read as."""

    def __init__(self, read: Iterable[tuple[float, int]], size: int) -> None:
        found = sorted(read)
        self._numbers = [number for number, _ in found]
        self._places = [place for _, place in found]
        self._size = size
        self._marks = [0]
        """The first of them as bits, at every so manieth."""
        self.all = _bits(self._places, size)

    def between(self, low: float, high: float) -> list[int]:
        """Give the places of those from one number up to another."""
        return self._places[bisect_left(self._numbers, low) : bisect_right(self._numbers, high)]

    def first(self, limit: float, *, itself: bool) -> int:
        """Give those below a limit, or up to it, as bits."""
        count = (bisect_right if itself else bisect_left)(self._numbers, limit)
        while len(self._marks) * _STRIDE <= count:
            begin = (len(self._marks) - 1) * _STRIDE
            self._marks.append(self._marks[-1] | _bits(self._places[begin : begin + _STRIDE], self._size))
        mark = count // _STRIDE
        return self._marks[mark] | _bits(self._places[mark * _STRIDE : count], self._size)


def _bits(places: Iterable[int], size: int) -> int:
    found = bytearray(size // 8 + 1)
    for place in places:
        found[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(found, "little")


def _text(found: tuple[str, int]) -> str:
    return found[0]


def _context(key: str, value: Value, asked: Request) -> Context:
    if key == RESOURCE:
        resource = value if isinstance(value, str) else None
        return Context(replace(asked, resource=resource, complete=True, some=False))
    given = {each: found for each, found in asked.context.items() if each.lower() != key}
    if value is None:
        return Context(replace(asked, context=given, absent=asked.absent | {key}, complete=True))
    return Context(replace(asked, context={**given, key: value}, complete=True))


def _resources(predicates: Sequence[Predicate], asked: Request, also: Sequence[str]) -> tuple[tuple[Value, ...], int]:
    """Give resources: first such as the action takes, so that what is found reads as a request that may be made."""
    wanted, given = glob(asked.resource or "*"), Context(asked)
    usual = [glob(_own(each, asked)) for each in resource_patterns(asked.action) or (_IS_ARN,)]
    arns = list(chain.from_iterable(_filled(predicate.patterns, given, wild=True) for predicate in predicates))
    if usual == [glob("*")]:
        usual = [("*",)]
    cutting = (*arns, *usual, *map(glob, also))
    parted = [each for each in cutting if in_parts(each)]
    whole = [each for each in cutting if not in_parts(each)]
    texts, looks = text_cells([wanted, *whole], arns=parted)
    is_wanted, is_usual = matcher(wanted), [arn_matcher(each) for each in usual]
    found = [text for text in texts if is_wanted(text)]

    def oddness(text: str) -> tuple[bool, bool]:
        return not any(match(text) for match in is_usual), not text.startswith("arn:aws")

    return tuple(sorted(found, key=oddness)), looks


def _own(form: str, asked: Request) -> str:
    """Put the caller's account into the form of an ARN that leaves it open."""
    parts = form.split(":", PARTS - 1)
    account = asked.principal.account if asked.principal else None
    if len(parts) == PARTS and parts[4] == "*" and account is not None:
        parts[4] = account
    return ":".join(parts)


def _values(key: str, predicates: Sequence[Predicate], asked: Request) -> tuple[tuple[Value, ...], int, bool]:
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
    by_text, looks = _texts(by_kind["text"], given) if "text" in by_kind else ((), 0)
    others = (_of_kind(kind, asking, given) for kind, asking in by_kind.items() if kind != "text")
    texts = tuple(dict.fromkeys(chain(by_text, *others))) or ("x",)
    values: list[Value] = [*texts] if key in {each.lower() for each in asked.present} else [None, *texts]
    if several:
        if len(texts) > _MOST_VALUES:
            raise BudgetError(f"cells of `{key}`, which may hold several values", _MOST_VALUES)
        values += chain.from_iterable(combinations(texts, size) for size in range(len(texts) + 1))
    return tuple(values), looks, len(by_kind) > 1


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
    if kind == "boolean":
        return ("true", "false")
    texts = [text_of(each) for _, entry in asking for each in _filled(entry.values, given, wild=False)]
    if kind == "number":
        return number_witnesses(found for text in texts if (found := read_number(text)) is not None)
    if kind == "date":
        return instant_witnesses(found for text in texts if (found := read_instant(text)) is not None)
    return address_witnesses(texts) if kind == "address" else (*texts, "=" * (1 + max(map(len, texts), default=0)))


def _texts(asking: Sequence[tuple[Operator, ConditionEntry]], given: Context) -> tuple[tuple[str, ...], int]:
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
    return text_cells(patterns, arns=arns, folded=folded)


def _filled(texts: Iterable[str], given: Context, *, wild: bool) -> Iterator[Tokens]:
    """Put keys that are given into texts; nothing is as those want that bring in an absent key."""
    for text in texts:
        try:
            yield expand(text, given.single, wild=wild)
        except AbsentKeyError:
            continue
