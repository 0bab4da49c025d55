"""What a value of a record says, and whether it is what a rule asks for.

* A text compares without regard to case unless the rule says `cased`; `*` and `?` are wildcards, and a wildcard takes
  any character, line feeds too.
* A number equals a text that reads the same: `0123` is 123, ` 1` and `1_0` are no numbers.
* A truth value is the text `true` or `false`, or `yes` and `no`, `on` and `off`: YAML reads these, unquoted, as such.
* An object is its JSON without white space. A list stands for each of its elements, at the end of a path and on it.
* A regular expression is RE2's, found anywhere in the text; with regard to case unless the rule says `i`. Its time
  grows with the text and no faster, whoever wrote it; so it has no look-around and no back-references.

Source: Sigma specification 2.1, "Sigma rules" and appendix "Modifiers".
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import re2  # type: ignore[import-untyped]
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RE2RegexEngine
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExpansion,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
    TimestampPart,
)

from watchbill.trail.read import instant
from watchbill.trail.table import json_text


Test = Callable[[Any], bool]
"""Asked of one value, never of null."""

Path = tuple[str, ...]
"""Names of fields, outermost first."""

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(\.\d*)?|(\.\d+))([eE][+-]?\d{1,3})?\Z", re.ASCII)
_TRUTHS: Final = {True: frozenset({"true", "yes", "on"}), False: frozenset({"false", "no", "off"})}
_LONGEST_NUMBER: Final = 40
"""Characters of a text that may be a number."""

_FLAGS: Final = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
_INLINE: Final = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}
_BEYOND: Final = ("(?!", "(?=", "(?<!", "(?<=", "(?P=")
"""How look-around and references back to a named group begin."""
_COMPARISONS: Final[Mapping[CompareOperators, Callable[[float, float], bool]]] = {
    CompareOperators.LT: lambda number, bound: number < bound,
    CompareOperators.LTE: lambda number, bound: number <= bound,
    CompareOperators.GT: lambda number, bound: number > bound,
    CompareOperators.GTE: lambda number, bound: number >= bound,
    CompareOperators.NEQ: lambda number, bound: number != bound,
}
_MILLISECONDS: Final = 10**11
"""A number of time from here on counts milliseconds since 1970, below it seconds: the year 5138."""


class UnsupportedError(Exception):
    """A rule uses something that this release does not run."""


def path_of(field: str) -> Path:
    """Split a name such as `requestParameters.items[].id`; brackets say what is so anyway: lists are looked into."""
    return tuple(part.removesuffix("[]").removesuffix("[*]") for part in field.split("."))


def values_at(found: Any, path: Path) -> list[Any]:
    """Give every value at a path that is not null; a list on the way or at the end stands for each of its elements.

    A field whose own name has dots in it is found too.
    """
    for place, name in enumerate(path):
        if type(found) is not dict:
            return list(_walk(found, path[place:]))
        if name not in found:
            joined = ".".join(path[place:])
            return list(_flat(found[joined])) if joined in found else []
        found = found[name]
    return list(_flat(found))


def _walk(found: Any, path: Path) -> Iterator[Any]:
    if isinstance(found, list):
        for each in found:
            yield from values_at(each, path) if isinstance(each, dict) else _walk(each, path)
    elif isinstance(found, Mapping):
        yield from values_at(dict(found), path)
    elif not path and found is not None:
        yield found


def _flat(found: Any) -> Iterator[Any]:
    if isinstance(found, list):
        for each in found:
            yield from _flat(each)
    elif found is not None:
        yield found


def texts_in(found: Any) -> Iterator[str]:
    """Give every value of a record as text, whatever it stands under."""
    if isinstance(found, Mapping):
        for each in found.values():
            yield from texts_in(each)
    elif isinstance(found, list):
        for each in found:
            yield from texts_in(each)
    elif found is not None:
        yield text_of(found)


def text_of(found: Any) -> str:
    """Give a value as the text that rules compare."""
    if isinstance(found, str):
        return found
    return json_text(found) if isinstance(found, (bool, Mapping)) else str(found)


def number_of(found: Any) -> float | int | None:
    """Give the number that a value is or reads as; None where it is none."""
    if isinstance(found, (int, float)):
        return None if isinstance(found, bool) else found
    if not isinstance(found, str) or len(found) > _LONGEST_NUMBER or (match := _NUMBER.match(found)) is None:
        return None
    return int(found) if match.group(1, 2, 3) == (None, None, None) else float(found)


def plain_text(value: Any) -> str | None:
    """Give the text of a value that is one without wildcards, as it is written; None where it is none."""
    if not isinstance(value, SigmaString) or any(not isinstance(part, str) for part in value.s):
        return None
    return "".join(str(part) for part in value.s)


def value_test(value: Any) -> Test:
    """Give the test that a value of a rule is. Raises UnsupportedError where there is none."""
    match value:
        case SigmaString():
            return _string(value)
        case SigmaTimestampPart():
            part, wanted = value.timestamp_part, value.number
            return lambda found: _part(found, part) == wanted
        case SigmaNumber():
            number = value.number
            return lambda found: number_of(found) == number
        case SigmaBool():
            words = _TRUTHS[value.boolean]
            return lambda found: text_of(found).lower() in words
        case SigmaRegularExpression():
            finds = finder(value)
            return lambda found: finds(text_of(found))
        case SigmaCIDRExpression():
            network = ipaddress.ip_network(value.cidr, strict=False)
            return lambda found: _in_network(found, network)
        case SigmaCompareExpression():
            return _comparison(value)
        case SigmaExpansion():
            tests = [value_test(each) for each in value.values]
            return lambda found: any(test(found) for test in tests)
        case _:
            raise UnsupportedError(f"a value of type {type(value).__name__}")


class Engine(RE2RegexEngine):
    """RE2 for pySigma, as rules are run with it: it says what is wrong to its caller, and not to standard error."""

    def __init__(self) -> None:
        """Take nothing: pySigma copies it with rules, and a module cannot be copied."""

    @property
    def error(self) -> type[Exception]:
        """What is raised for what is no expression."""
        return re2.error  # type: ignore[no-any-return]

    def compile(self, pattern: str, flags: int = 0) -> Any:
        """Compile. Raises `re2.error`."""
        return _compiled("".join(word for flag, word in _INLINE.items() if flags & flag), pattern)


POLICY: Final = SigmaPolicy(regex_engine=Engine())
"""How pySigma is to read rules."""


def finder(value: SigmaRegularExpression) -> Callable[[str], bool]:
    """Give the function that looks for a regular expression in a text. Raises `re2.error` where it is none of RE2's."""
    pattern = _compiled("".join(sorted(_FLAGS[flag] for flag in value.flags)), str(value.regexp))
    # A lone surrogate, which JSON can escape, is no UTF-8: it becomes a question mark.
    return lambda text: pattern.search(text.encode("utf-8", "replace")) is not None


def _compiled(flags: str, pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile((f"(?{flags})" if flags else "").encode() + pattern.encode(), options)
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        if any(begin in pattern for begin in _BEYOND):
            said = f"{said}; it has no look-around and no reference back, whose time has no bound"
        raise re2.error(said) from None


def _string(value: SigmaString) -> Test:
    """Compare as a text; the usual places of wildcards need no pattern."""
    fold: Callable[[str], str] = str if isinstance(value, SigmaCasedString) else str.lower
    parts = [fold(part) if isinstance(part, str) else part for part in value.s]
    match parts:
        case []:
            return lambda found: found == ""
        case [str() as text]:
            return lambda found: fold(text_of(found)) == text
        case [str() as text, SpecialChars.WILDCARD_MULTI]:
            return lambda found: fold(text_of(found)).startswith(text)
        case [SpecialChars.WILDCARD_MULTI, str() as text]:
            return lambda found: fold(text_of(found)).endswith(text)
        case [SpecialChars.WILDCARD_MULTI, str() as text, SpecialChars.WILDCARD_MULTI]:
            return lambda found: text in fold(text_of(found))
    matches = wild(parts)
    return lambda found: matches(fold(text_of(found)))


def wild(parts: Sequence[Any]) -> Callable[[str], bool]:
    """Give the test of a whole text against one with wildcards. Its time grows with the text, whatever is in it.

    Between two `*` stands something of fixed length, so that the first place where it fits is as good as any later one.
    Raises UnsupportedError for a placeholder: nothing says what to put in its place.
    """
    pieces = _pieces(parts)
    (first, start), (last, end) = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return lambda text: len(text) == start and first.match(text) is not None
    between = [piece for piece, _ in pieces[1:-1]]

    def matches(text: str) -> bool:
        if len(text) < start + end or first.match(text) is None or last.match(text, len(text) - end) is None:
            return False
        position = start
        for piece in between:
            found = piece.search(text, position, len(text) - end)
            if found is None:
                return False
            position = found.end()
        return True

    return matches


def _pieces(parts: Sequence[Any]) -> list[tuple["re.Pattern[str]", int]]:
    """Split a text with wildcards at each `*` into patterns of fixed length, each with its length."""
    pieces: list[tuple[str, int]] = [("", 0)]
    for part in parts:
        pattern, length = pieces[-1]
        match part:
            case str():
                pieces[-1] = (pattern + re.escape(part), length + len(part))
            case SpecialChars.WILDCARD_SINGLE:
                pieces[-1] = (f"{pattern}.", length + 1)
            case SpecialChars.WILDCARD_MULTI:
                pieces.append(("", 0))
            case _:
                raise UnsupportedError(
                    f"the placeholder `%{getattr(part, 'name', part)}%`, for which there is no value"
                )
    return [(re.compile(pattern, re.DOTALL), length) for pattern, length in pieces]


def _comparison(value: SigmaCompareExpression) -> Test:
    bound, compare = value.number.number, _COMPARISONS[value.op]
    if isinstance(value.number, SigmaTimestampPart):
        part = value.number.timestamp_part
        return lambda found: (number := _part(found, part)) is not None and compare(number, bound)
    return lambda found: (number := number_of(found)) is not None and compare(number, bound)


def _part(found: Any, part: TimestampPart) -> int | None:
    """Give the minute, hour, ... of an instant in UTC; None where the value is no instant."""
    number = number_of(found)
    try:
        if number is None:
            at = instant(found)
        else:
            at = datetime.fromtimestamp(number / 1000 if abs(number) >= _MILLISECONDS else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if at is None:
        return None
    return at.isocalendar().week if part is TimestampPart.WEEK else int(getattr(at, part.name.lower()))


def _in_network(found: Any, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(text_of(found)) in network
    except ValueError:
        return False
