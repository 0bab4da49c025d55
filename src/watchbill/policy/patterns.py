"""IAM's globs and policy variables: `*` is any run of characters, `?` any one, `${key}` the value of a context key.

A value that a variable brings in is literal: a `*` in it is an asterisk. `${*}`, `${?}` and `${$}` are the characters
themselves, and so are those of `${}`, which names nothing. Matching is bounded by pattern length times text length,
whatever the pattern; no regular expressions.
Source: IAM User Guide, "IAM policy elements: Variables and tags".
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache


ANY, ONE = 1, 2
"""Tokens of a glob that are not characters."""

Token = str | int

Match = Callable[[str], bool]

_VARIABLE = re.compile(r"\$\{([^}]+)\}")


class UnknownKeyError(Exception):
    """A variable names a key whose value is not known."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class AbsentKeyError(Exception):
    """A variable names a key that is absent and has no default: the value matches nothing."""


@lru_cache(maxsize=65536)
def glob(pattern: str) -> tuple[Token, ...]:
    """Turn a pattern without variables into tokens."""
    return tuple(ANY if c == "*" else ONE if c == "?" else c for c in pattern)


def has_variables(pattern: str) -> bool:
    """Tell whether a pattern has policy variables in it."""
    return "${" in pattern


def variables(pattern: str) -> tuple[str, ...]:
    """Name the keys whose values a pattern brings in."""
    found = (each.group(1).partition(",")[0].strip() for each in _variables(pattern))
    return tuple(key for key in found if key not in ("*", "?", "$"))


def widest(pattern: str) -> str:
    """Give a pattern without variables that matches all that a pattern may match, whatever its variables are."""
    return "".join("*" if isinstance(piece, re.Match) else piece for piece in _cut(pattern))


def expand(pattern: str, value_of: Callable[[str], str | None], *, wild: bool) -> tuple[Token, ...]:
    """Turn a pattern into tokens, its variables put in; `wild` says whether `*` and `?` are wildcards in it.

    `value_of` gives a key's value, None where it is known to be absent, and raises UnknownKeyError where it is not
    known. A key that is absent and has no default raises AbsentKeyError.
    """
    tokens: list[Token] = []
    for piece in _pieces(pattern, wild=wild):
        tokens.extend(_value(piece, value_of) if isinstance(piece, _Brought) else piece)
    return tuple(tokens)


def _variables(pattern: str) -> Iterator[re.Match[str]]:
    # Past the last brace none can end: to look for it from every `${` would take the square of their number.
    return _VARIABLE.finditer(pattern, 0, pattern.rfind("}") + 1)


def _cut(pattern: str) -> Iterator[str | re.Match[str]]:
    """Cut a pattern into variables and the texts between them."""
    position = 0
    for found in _variables(pattern):
        yield pattern[position : found.start()]
        yield found
        position = found.end()
    yield pattern[position:]


@dataclass(frozen=True, slots=True)
class _Brought:
    """What a variable brings in."""

    key: str
    default: str | None


@lru_cache(maxsize=65536)
def _pieces(pattern: str, *, wild: bool) -> tuple[Sequence[Token] | _Brought, ...]:
    pieces = (
        _variable(piece[1]) if isinstance(piece, re.Match) else _plain(piece, wild=wild) for piece in _cut(pattern)
    )
    return tuple(piece for piece in pieces if piece)


def _plain(text: str, *, wild: bool) -> Sequence[Token]:
    return glob(text) if wild else tuple(text)


def _variable(inside: str) -> Sequence[Token] | _Brought:
    if inside in ("*", "?", "$"):
        return inside
    key, comma, rest = inside.partition(",")
    default = re.fullmatch(r"\s*'(.*)'\s*", rest) if comma else None
    return _Brought(key.strip(), default.group(1) if default else None)


def _value(brought: _Brought, value_of: Callable[[str], str | None]) -> str:
    value = value_of(brought.key)
    if value is None:
        value = brought.default
    if value is None:
        raise AbsentKeyError(brought.key)
    return value


def matches(tokens: Sequence[Token], text: str) -> bool:
    """Tell whether tokens match the whole of a text: greedy, stepping back to the last run only."""
    at, star, mark, position = 0, -1, 0, 0
    while position < len(text):
        if at < len(tokens) and tokens[at] == ANY:
            star, mark = at, position
            at += 1
        elif at < len(tokens) and (tokens[at] == ONE or tokens[at] == text[position]):
            at += 1
            position += 1
        elif star >= 0:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return all(token == ANY for token in tokens[at:])


def matcher(tokens: Sequence[Token]) -> Match:
    """Compile tokens to what tells whether they match the whole of a text, as `matches` does."""
    if ONE in tokens:
        return lambda text: matches(tokens, text)
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token == ANY:
            parts.append([])
        else:
            parts[-1].append(str(token))
    runs = ["".join(part) for part in parts]
    first, last = runs[0], runs[-1]
    middle = [run for run in runs[1:-1] if run]
    if len(runs) == 1:
        return first.__eq__
    if middle:
        return lambda text: _in_order(text, first, middle, last)
    if not last:
        return lambda text: text.startswith(first)
    if not first:
        return lambda text: text.endswith(last)
    least = len(first) + len(last)
    return lambda text: len(text) >= least and text.startswith(first) and text.endswith(last)


def _in_order(text: str, first: str, middle: Sequence[str], last: str) -> bool:
    end = len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last):
        return False
    position = len(first)
    for run in middle:
        found = text.find(run, position, end)
        if found < 0:
            return False
        position = found + len(run)
    return position <= end


def any_of(patterns: Iterable[str], compiled: Callable[[tuple[Token, ...]], Match] = matcher) -> Match:
    """Compile patterns without variables to what tells whether any of them matches the whole of a text.

    `compiled` compiles those with a wildcard before their end.
    """
    exact: set[str] = set()
    starts: list[str] = []
    others: list[Match] = []
    for pattern in dict.fromkeys(patterns):
        star = pattern.find("*")
        if "?" not in pattern and star < 0:
            exact.add(pattern)
        elif "?" not in pattern and star == len(pattern) - 1:
            starts.append(pattern[:-1])
        else:
            others.append(compiled(glob(pattern)))
    if "" in starts:
        return lambda text: True
    heads, rest = tuple(starts), tuple(others)
    if not rest and not heads:
        return exact.__contains__
    if not rest:
        return lambda text: text in exact or text.startswith(heads)
    return lambda text: text in exact or text.startswith(heads) or any(match(text) for match in rest)


@lru_cache(maxsize=262144)
def glob_matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern without variables matches the whole of a text."""
    return matcher(glob(pattern))(text)
