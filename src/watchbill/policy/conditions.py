"""Condition operators, three-valued: true, false, or None where it hangs on a key that is not known.

The rules, in order:

1. A key known to be absent makes a positive operator false and a negated one true; `...IfExists` makes any true;
   `Null` asks for it. `ForAllValues` is true of an absent key; `ForAnyValue` false, with `...IfExists` too.
2. Values under one key are OR-ed; a negated operator is the negation of its positive twin, so none of them may match.
   A value that surely matches decides, whatever the others hang on.
3. A value that does not read as what the operator compares (a date, a number, a boolean, an address) matches nothing.
4. An operator this release does not evaluate raises NotEvaluableError, which the decision carries.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Multivalued context keys".
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from watchbill.policy.model import Request
from watchbill.policy.patterns import AbsentKeyError, Token, UnknownKeyError, expand, has_variables, matches
from watchbill.policy.statements import ConditionEntry


class NotEvaluableError(Exception):
    """A construct that this release does not evaluate."""


@dataclass(frozen=True, slots=True)
class Context:
    """The keys of a request, looked up without regard to case."""

    known: Mapping[str, tuple[str, ...]]
    absent: frozenset[str]
    complete: bool

    @classmethod
    def of(cls, request: Request) -> "Context":
        """Take the keys of a request."""
        known = {k.lower(): (v,) if isinstance(v, str) else tuple(v) for k, v in request.context.items()}
        return cls(known, frozenset(key.lower() for key in request.absent), request.complete)

    def values(self, key: str) -> tuple[str, ...] | None:
        """Give a key's values, None where it is known to be absent; raises UnknownKeyError where it is not known."""
        folded = key.lower()
        if folded in self.known:
            return self.known[folded]
        if self.complete or folded in self.absent:
            return None
        raise UnknownKeyError(key)

    def single(self, key: str) -> str | None:
        """Give the one value of a key for a variable; several values cannot be put into a text."""
        values = self.values(key)
        return values[0] if values is not None and len(values) == 1 else None


_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""

Test = Callable[[str, tuple[Token, ...], str], bool]
"""Compares a request's value with a policy's: as tokens with variables put in, and as text."""


def holds(entry: ConditionEntry, context: Context) -> bool | None:
    """Tell whether one condition entry holds; None where that hangs on a key that is not known."""
    operator, quantifier, if_exists = _parts(entry.operator)
    if operator == "null":
        return _null(entry, context)
    if operator not in _OPERATORS:
        raise NotEvaluableError(f"condition operator `{entry.operator}` is not evaluated")
    test, negated, wild = _OPERATORS[operator]
    try:
        values = context.values(entry.key)
    except UnknownKeyError:
        return None
    if values is None or not values:
        if quantifier:
            return quantifier == "forallvalues"
        return if_exists or negated
    hits = [_any([_compare(test, value, wanted, context, wild=wild) for wanted in entry.values]) for value in values]
    if negated:
        hits = [None if hit is None else not hit for hit in hits]
    # Without a quantifier a key of several values is matched by any of them, negated by none.
    every = quantifier == "forallvalues" or (not quantifier and negated)
    return _all(hits) if every else _any(hits)


def unknown_key(entry: ConditionEntry, context: Context) -> str:
    """Name the key that an entry hangs on: its own, or one that a variable in its values names."""
    for value in entry.values:
        try:
            context.values(entry.key)
            expand(value, context.single, wild=True)
        except UnknownKeyError as error:
            return error.key
        except AbsentKeyError:
            continue
    return entry.key


def _parts(written: str) -> tuple[str, str, bool]:
    operator = written.lower()
    quantifier, colon, rest = operator.partition(":")
    if colon:
        if quantifier not in ("forallvalues", "foranyvalue"):
            raise NotEvaluableError(f"condition operator `{written}` is not evaluated")
        operator = rest
    else:
        quantifier = ""
    if_exists = operator.endswith("ifexists")
    return operator.removesuffix("ifexists"), quantifier, if_exists


def _any(found: list[bool | None]) -> bool | None:
    return True if True in found else None if None in found else False


def _all(found: list[bool | None]) -> bool | None:
    return False if False in found else None if None in found else True


def _null(entry: ConditionEntry, context: Context) -> bool | None:
    try:
        absent = context.values(entry.key) in (None, ())
    except UnknownKeyError:
        return None
    return any((value.lower() == "true") == absent for value in entry.values)


def _compare(test: Test, value: str, wanted: str, context: Context, *, wild: bool) -> bool | None:
    try:
        tokens = expand(wanted, context.single, wild=wild)
    except UnknownKeyError:
        return None
    except AbsentKeyError:
        return False
    text = wanted
    if has_variables(wanted):
        text = "".join(token for token in tokens if isinstance(token, str))
    return test(value, tokens, text)


def _equals(value: str, tokens: tuple[Token, ...], text: str) -> bool:
    return value == text


def _equals_folded(value: str, tokens: tuple[Token, ...], text: str) -> bool:
    return value.casefold() == text.casefold()


def _like(value: str, tokens: tuple[Token, ...], text: str) -> bool:
    return matches(tokens, value)


def _arn_like(value: str, tokens: tuple[Token, ...], text: str) -> bool:
    """Compare ARNs part by part: a wildcard never reaches over one of the first five colons."""
    if value.count(":") < 5 or not value.startswith("arn:"):  # noqa: PLR2004 - an ARN has six parts
        return False
    wanted = _split(tokens)
    parts = value.split(":", 5)
    return len(wanted) == len(parts) and all(matches(w, p) for w, p in zip(wanted, parts, strict=True))


def _split(tokens: tuple[Token, ...]) -> list[tuple[Token, ...]]:
    parts: list[list[Token]] = [[]]
    for each in tokens:
        if each == ":" and len(parts) < 6:  # noqa: PLR2004 - an ARN has six parts
            parts.append([])
        else:
            parts[-1].append(each)
    return [tuple(part) for part in parts]


def _boolean(value: str, tokens: tuple[Token, ...], text: str) -> bool:
    return value.lower() == text.lower() and value.lower() in ("true", "false")


def _ordered(compare: Callable[[float, float], bool], read: Callable[[str], float | None]) -> Test:
    def test(value: str, tokens: tuple[Token, ...], text: str) -> bool:
        left, right = read(value), read(text)
        return left is not None and right is not None and compare(left, right)

    return test


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=65536)
def _instant(text: str) -> float | None:
    """Read a date: ISO-8601, or seconds since 1970; a count that no calendar holds as seconds is of milliseconds."""
    number = _number(text)
    if number is not None:
        return number if abs(number) <= _LAST_SECOND else number / 1000
    try:
        at = datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC).timestamp()


def _address(value: str, tokens: tuple[Token, ...], text: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False


def _operators() -> dict[str, tuple[Test, bool, bool]]:
    """Give each operator in lower case: how it compares, whether it is negated, whether it has wildcards."""
    found: dict[str, tuple[Test, bool, bool]] = {}
    for name, test, wild in (
        ("stringequals", _equals, False),
        ("stringequalsignorecase", _equals_folded, False),
        ("stringlike", _like, True),
        ("arnequals", _arn_like, True),
        ("arnlike", _arn_like, True),
    ):
        found[name] = (test, False, wild)
        kind = "arn" if name.startswith("arn") else "string"
        found[f"{kind}not{name.removeprefix(kind)}"] = (test, True, wild)
    for kind, read in (("numeric", _number), ("date", _instant)):
        found[f"{kind}equals"] = (_ordered(float.__eq__, read), False, False)
        found[f"{kind}notequals"] = (_ordered(float.__eq__, read), True, False)
        found[f"{kind}lessthan"] = (_ordered(float.__lt__, read), False, False)
        found[f"{kind}lessthanequals"] = (_ordered(float.__le__, read), False, False)
        found[f"{kind}greaterthan"] = (_ordered(float.__gt__, read), False, False)
        found[f"{kind}greaterthanequals"] = (_ordered(float.__ge__, read), False, False)
    found["bool"] = (_boolean, False, False)
    found["ipaddress"] = (_address, False, False)
    found["notipaddress"] = (_address, True, False)
    return found


_OPERATORS = _operators()
