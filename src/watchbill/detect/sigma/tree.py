"""The condition of a rule as a tree, which decides on one record, or in part.

A leaf looks at what stands at one path of a record, and is asked once for each distinct value where many records are
decided together (`columns`). A leaf about a missing field is false, so its negation is true: there is no third truth
value, other than in SQL. `null` holds where a field is missing, null or an empty list; `exists` where it is not.

A keyword, a value without a field, is looked for anywhere in any text of the record. Leaves of one `or` that look at
one path are made one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

from watchbill.detect.sigma.values import (
    Path,
    UnsupportedError,
    finder,
    path_of,
    plain_text,
    text_of,
    texts_in,
    value_test,
    values_at,
    wild,
)


Record = Mapping[str, Any]
Predicate = Callable[[Record], bool]

_DEEPEST: Final = 100
"""How deep a condition may be nested."""

_WORDS: Final = {True: ("true", "yes", "on"), False: ("false", "no", "off", "ended", "not yet", "never")}
"""What YAML's truth values stand for in a derived field: it reads `on` and `no` as such."""

_HOST: Final = "Host"
_DERIVED: Final = frozenset({"wb"})
OF_HOSTS: Final = frozenset({"wb", "eventSource", "eventName", "eventTime", "eventID", "sourceIPAddress", "host"})
"""Fields that watchbill puts into the record of an event of a host."""

_BETWEEN: Final = "\0"
"""What stands between the texts of a record where all are searched at once; no keyword reaches over it."""


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A test of what stands at one path."""

    key: str
    """Equal for leaves that decide alike."""
    path: Path
    decide: Callable[[Sequence[Any]], bool]
    """Asked with every value at the path that is not null."""
    equal: frozenset[str] | None = None
    """Texts in lower case one of which it must be; None where it asks for something else."""
    about: Any = None
    """The value of the rule, for whoever explains it."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A comparison of what stands at two paths."""

    key: str
    path: Path
    other: Path
    decide: Callable[[Sequence[Any], Sequence[Any]], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Keyword:
    """A search of all texts of a record."""

    key: str
    decide: Callable[[str, str], bool]
    """Asked with all texts, as they are and in lower case."""


@dataclass(frozen=True, slots=True, eq=False)
class Not:
    """Holds where the other does not."""

    key: str
    part: "Node"


@dataclass(frozen=True, slots=True, eq=False)
class All:
    """Holds where every part does."""

    key: str
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True, eq=False)
class Either:
    """Holds where some part does."""

    key: str
    parts: "tuple[Node, ...]"


Node = Leaf | Pair | Keyword | Not | All | Either


def tree_of(parsed: Any, deep: int = 0) -> Node:
    """Make the tree of a condition that pySigma parsed. Raises UnsupportedError, SigmaError or re.error."""
    if deep > _DEEPEST:
        raise UnsupportedError(f"a condition nested more than {_DEEPEST} deep")
    match parsed:
        case ConditionAND():
            return all_of([tree_of(each, deep + 1) for each in parsed.args])
        case ConditionOR():
            return either_of([tree_of(each, deep + 1) for each in parsed.args])
        case ConditionNOT():
            return not_of(tree_of(parsed.args[0], deep + 1))
        case ConditionFieldEqualsValueExpression():
            return _field(parsed.field, parsed.value)
        case ConditionValueExpression():
            return _keyword(parsed.value)
        case _:
            raise UnsupportedError(f"a condition of type {type(parsed).__name__}")


def all_of(parts: Sequence[Node]) -> Node:
    """Join by `and`."""
    flat = _flat(parts, All)
    return flat[0] if len(flat) == 1 else All(_key("and", flat), tuple(flat))


def either_of(parts: Sequence[Node]) -> Node:
    """Join by `or`; leaves of one path become one, and so do keywords."""
    flat = _flat(parts, Either)
    found: list[Node] = []
    leaves: dict[Path, list[Leaf]] = {}
    keywords: list[Keyword] = []
    for part in flat:
        if isinstance(part, Leaf):
            leaves.setdefault(part.path, []).append(part)
        elif isinstance(part, Keyword):
            keywords.append(part)
        else:
            found.append(part)
    found[:0] = [reduce(_one_leaf, of_path) for of_path in leaves.values()]
    if keywords:
        found.append(_one_keyword(keywords))
    return found[0] if len(found) == 1 else Either(_key("or", found), tuple(found))


def not_of(part: Node) -> Node:
    """Negate."""
    return part.part if isinstance(part, Not) else Not(f"not({part.key})", part)


def equals(path: Path, *texts: str) -> Leaf:
    """Make the leaf that asks for one of some plain texts."""
    return _equal_leaf(path, frozenset(text.lower() for text in texts))


def searched(record: Record) -> tuple[str, str]:
    """Give all texts of a record as one, as they are and in lower case; what watchbill put into it is none of them."""
    ours = OF_HOSTS if record.get("eventCategory") == _HOST else _DERIVED
    text = _BETWEEN.join(text for field, value in record.items() if field not in ours for text in texts_in(value))
    return text, text.lower()


class Search:
    """Gives the texts of a record, and gives them again where the same record is asked for next."""

    def __init__(self) -> None:
        self._record: Record | None = None
        self._texts = ("", "")

    def __call__(self, record: Record) -> tuple[str, str]:
        """Give the texts of a record."""
        if record is not self._record:
            self._record, self._texts = record, searched(record)
        return self._texts


def predicate_of(node: Node, search: Callable[[Record], tuple[str, str]] = searched) -> Predicate:
    """Make the function that decides on one record; `search` gives its texts, for keywords."""
    match node:
        case All():
            parts = [predicate_of(part, search) for part in sorted(node.parts, key=_cost)]
            return lambda record: all(part(record) for part in parts)
        case Either():
            parts = [predicate_of(part, search) for part in sorted(node.parts, key=_cost)]
            return lambda record: any(part(record) for part in parts)
        case Not():
            inner = predicate_of(node.part, search)
            return lambda record: not inner(record)
        case Leaf():
            path, decide = node.path, node.decide
            return lambda record: decide(values_at(record, path))
        case Pair():
            path, other, both = node.path, node.other, node.decide
            return lambda record: both(values_at(record, path), values_at(record, other))
        case Keyword():
            found = node.decide
            return lambda record: found(*search(record))


def known_of(node: Node, known: Mapping[Path, Sequence[Any]]) -> Node | bool:
    """Decide as far as `known` goes, which is what stands at some paths: whether it holds, or what is left to ask."""
    match node:
        case Leaf(path=path) if path in known:
            return node.decide(known[path])
        case Not():
            inner = known_of(node.part, known)
            return (not inner) if isinstance(inner, bool) else node if inner is node.part else not_of(inner)
        case All() | Either():
            return _known_parts(node, known)
        case _:
            return node


def _known_parts(node: All | Either, known: Mapping[Path, Sequence[Any]]) -> Node | bool:
    decisive = isinstance(node, Either)
    left: list[Node] = []
    for part in node.parts:
        found = known_of(part, known)
        if isinstance(found, bool):
            if found is decisive:
                return decisive
        else:
            left.append(found)
    if not left:
        return not decisive
    if len(left) == len(node.parts) and all(one is other for one, other in zip(left, node.parts, strict=True)):
        return node
    if len(left) == 1:
        return left[0]
    return Either(_key("or", left), tuple(left)) if decisive else All(_key("and", left), tuple(left))


def allowed(node: Node, path: Path) -> frozenset[str] | None:
    """Give the texts, in lower case, outside which it cannot hold at a path of one value; None where any may do."""
    match node:
        case Leaf(path=own) if own == path:
            return node.equal
        case All():
            known = [texts for part in node.parts if (texts := allowed(part, path)) is not None]
            return frozenset.intersection(*known) if known else None
        case Either():
            found = [allowed(part, path) for part in node.parts]
            known = [texts for texts in found if texts is not None]
            return frozenset().union(*known) if len(known) == len(found) else None
        case _:
            return None


def leaves_of(node: Node) -> "list[Leaf | Pair | Keyword]":
    """Give every leaf of a tree, from left to right."""
    match node:
        case All() | Either():
            return [leaf for part in node.parts for leaf in leaves_of(part)]
        case Not():
            return leaves_of(node.part)
        case _:
            return [node]


def paths_of(node: Node) -> frozenset[Path]:
    """Give every path that is looked at."""
    leaves = leaves_of(node)
    paths = {leaf.path for leaf in leaves if not isinstance(leaf, Keyword)}
    return frozenset(paths | {leaf.other for leaf in leaves if isinstance(leaf, Pair)})


def _flat(parts: Sequence[Node], kind: type[All | Either]) -> list[Node]:
    return [inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,))]


def _key(word: str, parts: Sequence[Node]) -> str:
    return f"{word}({','.join(sorted({part.key for part in parts}))})"


def _cost(node: Node) -> int:
    match node:
        case Leaf():
            return 0
        case Pair():
            return 1
        case Keyword():
            return 3
        case Not():
            return _cost(node.part)
        case _:
            return max(2, *map(_cost, node.parts))


def _one_leaf(one: Leaf, other: Leaf) -> Leaf:
    if one.equal is not None and other.equal is not None:
        return _equal_leaf(one.path, one.equal | other.equal, (one.about, other.about))
    first, second = one.decide, other.decide
    key = "or({})".format(",".join(sorted({*_either_keys(one), *_either_keys(other)})))
    return Leaf(key, one.path, lambda values: first(values) or second(values), None, (one.about, other.about))


def _either_keys(leaf: Leaf) -> list[str]:
    return leaf.key[3:-1].split(",") if leaf.key.startswith("or(") else [leaf.key]


def _one_keyword(keywords: Sequence[Keyword]) -> Keyword:
    if len(keywords) == 1:
        return keywords[0]
    searches = [keyword.decide for keyword in keywords]
    return Keyword(_key("or", keywords), lambda text, lower: any(search(text, lower) for search in searches))


def _equal_leaf(path: Path, texts: frozenset[str], about: Any = None) -> Leaf:
    key = f"{'.'.join(path)}={sorted(texts)!r}"
    if len(texts) == 1:
        (only,) = texts
        return Leaf(key, path, lambda values: any(text_of(found).lower() == only for found in values), texts, about)
    return Leaf(key, path, lambda values: any(text_of(found).lower() in texts for found in values), texts, about)


def _field(field: str, value: Any) -> Node:
    path = path_of(field)
    if isinstance(value, SigmaNull):
        return Leaf(f"{field} null", path, lambda values: not values)
    if isinstance(value, SigmaExists):
        present = Leaf(f"{field} null", path, lambda values: not values)
        return not_of(present) if value.exists else present
    if isinstance(value, SigmaFieldReference):
        return _pair(path, value)
    if isinstance(value, SigmaBool) and path[0] == "wb":
        return equals(path, *_WORDS[value.boolean])
    text = plain_text(value)
    if text is not None and not isinstance(value, SigmaCasedString):
        return _equal_leaf(path, frozenset({text.lower()}), value)
    test = value_test(value)
    key = f"{'.'.join(path)}:{_spelled(value)}"
    return Leaf(key, path, lambda values: any(test(found) for found in values), None, value)


def _spelled(value: Any) -> str:
    """Write a value so that equal ones, and no others, are spelled alike."""
    if isinstance(value, SigmaRegularExpression):
        return f"re{sorted(flag.name for flag in value.flags)}{str(value.regexp)!r}"
    if isinstance(value, SigmaString):
        fold = str if isinstance(value, SigmaCasedString) else str.lower
        return f"{type(value).__name__}{[fold(part) if isinstance(part, str) else part for part in value.s]!r}"
    return f"{type(value).__name__}{vars(value)!r}"


def _pair(path: Path, value: SigmaFieldReference) -> Pair:
    other = path_of(value.field)
    ways: Mapping[tuple[bool, bool], Callable[[str, str], bool]] = {
        (False, False): str.__eq__,
        (True, False): str.startswith,
        (False, True): str.endswith,
        (True, True): str.__contains__,
    }
    how = ways[value.starts_with, value.ends_with]

    def compare(values: Sequence[Any], others: Sequence[Any]) -> bool:
        theirs = [text_of(each).lower() for each in others]
        return any(how(text_of(each).lower(), their) for each in values for their in theirs)

    key = f"{'.'.join(path)} {value.starts_with} {value.ends_with} {value.field}"
    return Pair(key, path, other, compare)


def _keyword(value: Any) -> Node:
    """Search for a text anywhere in the record's texts."""
    if isinstance(value, SigmaRegularExpression):
        finds = finder(value)
        return Keyword(f"keyword {_spelled(value)}", lambda text, _: any(map(finds, text.split(_BETWEEN))))
    if isinstance(value, SigmaNumber) and type(value) is SigmaNumber:
        value = SigmaString(str(value.number))
    values = getattr(value, "values", None)
    if values is not None:
        return either_of([_keyword(each) for each in values])
    if not isinstance(value, SigmaString):
        raise UnsupportedError(f"a keyword of type {type(value).__name__}")
    return _text_keyword(value, cased=isinstance(value, SigmaCasedString))


def _text_keyword(value: SigmaString, *, cased: bool) -> Keyword:
    fold = str if cased else str.lower
    parts: list[Any] = [fold(part) if isinstance(part, str) else part for part in value.s]
    key = f"keyword {_spelled(value)}"
    while parts and parts[0] is SpecialChars.WILDCARD_MULTI:
        del parts[0]
    while parts and parts[-1] is SpecialChars.WILDCARD_MULTI:
        del parts[-1]
    if all(isinstance(part, str) for part in parts):
        wanted = "".join(parts)
        return Keyword(key, (lambda text, _: wanted in text) if cased else (lambda _, lower: wanted in lower))
    # Most texts lack the longest piece of it, which is soon seen.
    longest = max((part for part in parts if isinstance(part, str)), key=len, default="")
    matches = wild([SpecialChars.WILDCARD_MULTI, *parts, SpecialChars.WILDCARD_MULTI])
    if cased:
        return Keyword(key, lambda text, _: longest in text and any(map(matches, text.split(_BETWEEN))))
    return Keyword(key, lambda _, lower: longest in lower and any(map(matches, lower.split(_BETWEEN))))
