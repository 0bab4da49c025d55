"""What each condition operator compares: one value of the request with the values of a policy.

A value that does not read as what is compared (a date, a number, an address, an ARN) is never as wanted; it is not
unequal to anything either. Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

import base64
import binascii
import ipaddress
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from watchbill.policy.patterns import Match, Token, matcher


Tokens = tuple[Token, ...]
Read = Callable[[str], float | None]
"""Reads a text as a number; None where it is none."""
Compare = Callable[[Any, Any], Any]
"""Compares two numbers, or an array of them with one."""

PARTS = 6
"""Parts of an ARN."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an operator compares, its negation apart."""

    any_of: Callable[[Sequence[Tokens]], Match]
    """Compile a policy's values to what tells whether a value of the request is as any of them wants it."""
    reads: Match
    """Whether a value of the request reads as what is compared."""
    wants: Match
    """Whether a policy's value does."""


@dataclass(frozen=True, slots=True)
class Operator:
    """What an operator compares, and how it treats absent keys and several values."""

    name: str
    """Its positive form in lower case, without quantifier and suffix: `stringlike`."""
    negated: bool
    quantifier: str
    """`forallvalues`, `foranyvalue` or empty."""
    if_exists: bool


WILD = frozenset({"stringlike", "arnlike", "arnequals"})
"""Operators whose values are patterns."""

_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
    "binarynotequals": "binaryequals",
}
_ORDERED: Mapping[str, Compare] = {
    "equals": operator.eq,
    "lessthan": operator.lt,
    "lessthanequals": operator.le,
    "greaterthan": operator.gt,
    "greaterthanequals": operator.ge,
}
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""
_FIRST_SECOND = -62_135_596_800
"""The beginning of the year 1."""


def operator_of(written: str) -> Operator | None:
    """Read an operator's name; None where IAM has no such operator."""
    quantifier, colon, name = written.lower().rpartition(":")
    if colon and quantifier not in ("forallvalues", "foranyvalue"):
        return None
    if_exists = name.endswith("ifexists")
    bare = name.removesuffix("ifexists")
    positive = _NEGATED.get(bare, bare)
    if positive not in COMPARISONS and positive != "null":
        return None
    return Operator(positive, bare in _NEGATED, quantifier, if_exists)


def text_of(tokens: Iterable[Token]) -> str:
    """Give the characters of tokens."""
    return "".join(token for token in tokens if isinstance(token, str))


def arn_parts(tokens: Sequence[Token]) -> list[Tokens]:
    """Split the pattern of an ARN at its first five colons."""
    parts: list[list[Token]] = [[]]
    for each in tokens:
        if each == ":" and len(parts) < PARTS:
            parts.append([])
        else:
            parts[-1].append(each)
    return [tuple(part) for part in parts]


def read_number(text: str) -> float | None:
    """Read a number as IAM writes them; None where it is none, or larger than any that can be told from others."""
    found = float(text) if _NUMBER.fullmatch(text) else None
    return found if found is not None and math.isfinite(found) else None


@lru_cache(maxsize=65536)
def read_instant(text: str) -> float | None:
    """Read a date as seconds since 1970: ISO-8601, or a count of seconds; one past the calendar is of milliseconds."""
    number = read_number(text)
    if number is not None:
        seconds = number if abs(number) <= _LAST_SECOND else number / 1000
        return seconds if _FIRST_SECOND <= seconds <= _LAST_SECOND else None
    try:
        at = datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
    except ValueError:
        return None
    seconds = at.replace(tzinfo=at.tzinfo or UTC).timestamp()
    # An offset may lead out of the calendar.
    return seconds if _FIRST_SECOND <= seconds < _LAST_SECOND + 1 else None


@lru_cache(maxsize=65536)
def read_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address; None where it is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def read_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Read a CIDR block, or an address as one; bits of the host are passed over. None where it is none."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


class Texts(frozenset[str]):
    """Tells whether a value is one of these texts."""

    __slots__ = ()

    __call__ = frozenset.__contains__


@dataclass(frozen=True, slots=True)
class Ordered:
    """Tells whether a value reads as a number that compares as wanted with one of these."""

    read: Read
    compare: Compare
    limits: tuple[float, ...]

    def __call__(self, value: str) -> bool:
        """Ask of one value."""
        found = self.read(value)
        if found is None:
            return False
        for limit in self.limits:  # noqa: SIM110 - asked of every slice of every fence: a generator costs half of it
            if self.compare(found, limit):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Negated:
    """Tells whether a value reads as what is compared, and yet is not as wanted."""

    match: Match
    reads: Match

    def __call__(self, value: str) -> bool:
        """Ask of one value."""
        return self.reads(value) and not self.match(value)


def _always(value: str) -> bool:
    return True


def _equals(values: Sequence[Tokens]) -> Match:
    return Texts(map(text_of, values))


def _equals_folded(values: Sequence[Tokens]) -> Match:
    folded = frozenset(text_of(each).casefold() for each in values)
    return lambda value: value.casefold() in folded


def _like(values: Sequence[Tokens]) -> Match:
    matchers = [matcher(each) for each in values]
    return matchers[0] if len(matchers) == 1 else lambda value: any(match(value) for match in matchers)


def arn_matcher(tokens: Sequence[Token]) -> Match:
    """Compile the pattern of an ARN, matched part by part: no wildcard reaches over one of the first five colons."""
    parts = [matcher(part) for part in arn_parts(tokens)]

    def match(value: str) -> bool:
        found = value.split(":", PARTS - 1)
        return len(found) == len(parts) and all(m(part) for m, part in zip(parts, found, strict=True))

    return match


def _arn_like(values: Sequence[Tokens]) -> Match:
    matchers = [arn_matcher(each) for each in values]
    return lambda value: _is_arn(value) and any(match(value) for match in matchers)


def _is_arn(text: str) -> bool:
    return text.startswith("arn:") and text.count(":") >= PARTS - 1


def _boolean(values: Sequence[Tokens]) -> Match:
    wanted = frozenset(text_of(each).lower() == "true" for each in values)
    return lambda value: (value.lower() == "true") in wanted


def _ordered(compare: Compare, read: Read) -> Comparison:
    def any_of(values: Sequence[Tokens]) -> Match:
        return Ordered(read, compare, tuple(found for each in values if (found := read(text_of(each))) is not None))

    def reads(value: str) -> bool:
        return read(value) is not None

    return Comparison(any_of, reads, reads)


def _address(values: Sequence[Tokens]) -> Match:
    networks = [found for each in values if (found := read_network(text_of(each))) is not None]

    def match(value: str) -> bool:
        address = read_address(value)
        return address is not None and any(address in network for network in networks)

    return match


def _binary(values: Sequence[Tokens]) -> Match:
    wanted = {_bytes(text_of(each)) for each in values}
    return lambda value: _bytes(value) in wanted


def _bytes(text: str) -> bytes:
    """Read base 64; what is none stands for its own bytes."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "surrogatepass")


def _comparisons() -> dict[str, Comparison]:
    found = {
        "stringequals": Comparison(_equals, _always, _always),
        "stringequalsignorecase": Comparison(_equals_folded, _always, _always),
        "stringlike": Comparison(_like, _always, _always),
        "arnequals": Comparison(_arn_like, _is_arn, _is_arn),
        "arnlike": Comparison(_arn_like, _is_arn, _is_arn),
        # What is not "true" is false: so AWS itself reads them, as others measured.
        "bool": Comparison(_boolean, _always, lambda text: text.lower() in ("true", "false")),
        "ipaddress": Comparison(
            _address, lambda text: read_address(text) is not None, lambda text: read_network(text) is not None
        ),
        "binaryequals": Comparison(_binary, _always, _always),
    }
    for kind, read in (("numeric", read_number), ("date", read_instant)):
        found |= {f"{kind}{name}": _ordered(compare, read) for name, compare in _ORDERED.items()}
    return found


COMPARISONS: Mapping[str, Comparison] = _comparisons()
"""By an operator's positive name in lower case."""
