"""Sigma rules: parsed by pySigma, compiled by us to predicates over CloudTrail records, with Sigma's semantics.

* Strings compare without regard to case, unless `cased`; `*` and `?` are wildcards.
* A field that is missing is null; a list matches when any of its elements does; a dotted path walks through lists.
* A number equals a text that reads the same; a rule without fields searches every text of the record.
* What cannot be compiled is a problem that names the rule. No rule is lost in silence.

Rules are tried only on events whose name they can match, found by what their condition demands of `eventName`.
Source: Sigma specification 2.1, "Sigma rules" and "Modifiers".
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sigma.collection import SigmaCollection
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SpecialChars,
)

from watchbill.detect.baseline import network_of
from watchbill.detect.model import Finding, Severity, Signal
from watchbill.errors import Problem
from watchbill.trail.model import Attributed


Record = Mapping[str, Any]
Predicate = Callable[[Record], bool]
Test = Callable[[Any], bool]

_LEVELS = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "low": Severity.LOW,
}


_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: re.IGNORECASE,
    SigmaRegularExpressionFlag.MULTILINE: re.MULTILINE,
    SigmaRegularExpressionFlag.DOTALL: re.DOTALL,
}


class UnsupportedError(Exception):
    """A rule uses something that this release does not compile."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to run."""

    title: str
    id: str | None
    author: str | None
    level: str | None
    file: str
    for_cloudtrail: bool
    """Whether its log source is CloudTrail, so that it runs on a trail."""
    matches: Predicate
    names: frozenset[str] | None
    """Event names, in lower case, outside which it cannot match; None where it may match any."""


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """What came out of some rule files."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]


def load(text: str, file: str) -> LoadedRules:
    """Compile the rules of one file; what is wrong with one does not touch the others."""
    try:
        parsed = SigmaCollection.from_yaml(text, collect_errors=True)
    except Exception as error:  # noqa: BLE001 - pySigma lets errors of its YAML reader and its own bugs through
        return LoadedRules((), (Problem("bad-rule", f"no Sigma rule: {_first_line(error)}", file),))
    rules: list[Rule] = []
    broken = [*parsed.errors, *(error for found in parsed.rules for error in found.errors)]
    problems = [Problem("bad-rule", said, file) for said in dict.fromkeys(_first_line(error) for error in broken)]
    for found in parsed.rules:
        if found.errors:
            continue
        title = str(getattr(found, "title", "") or "without title")
        if not isinstance(found, SigmaRule):
            problems.append(Problem("unsupported-rule", f"`{title}` is a correlation, which is not run yet", file))
            continue
        try:
            rules.append(_rule(found, title, file))
        except (UnsupportedError, SigmaError, re.error) as error:
            problems.append(Problem("unsupported-rule", f"`{title}` cannot be run: {_first_line(error)}", file))
    if not parsed.rules and not problems:
        problems.append(Problem("bad-rule", "there is no rule in it", file))
    return LoadedRules(tuple(rules), tuple(problems))


def run_rules(rules: Sequence[Rule], events: Iterable[Attributed]) -> list[Finding]:
    """Give a finding for every hit of every CloudTrail rule, in order of the events."""
    named: dict[str, list[Rule]] = {}
    anywhere: list[Rule] = []
    for rule in rules:
        if not rule.for_cloudtrail:
            continue
        if rule.names is None:
            anywhere.append(rule)
        for name in rule.names or ():
            named.setdefault(name, []).append(rule)
    return [
        _finding(rule, each)
        for each in events
        for rule in (*named.get(each.event.name.lower(), ()), *anywhere)
        if rule.matches(each.event.record)
    ]


def _finding(rule: Rule, each: Attributed) -> Finding:
    event = each.event
    return Finding(
        Signal.SIGMA,
        rule.title,
        _LEVELS.get(rule.level or "", Severity.INFO),
        each.actor.person,
        network_of(event.ip),
        (event.id,),
        event.at,
        event.at,
        author=rule.author or "",
    )


def _rule(found: SigmaRule, title: str, file: str) -> Rule:
    source = found.logsource
    conditions = [_compile(each.parsed) for each in found.detection.parsed_condition]
    names = [_names(each.parsed) for each in found.detection.parsed_condition]
    known = [each for each in names if each is not None]
    return Rule(
        title,
        str(found.id) if found.id else None,
        found.author,
        found.level.name.lower() if found.level else None,
        file,
        source.product == "aws" and source.service == "cloudtrail",
        _any_of(conditions),
        frozenset().union(*known) if len(known) == len(names) else None,
    )


def _compile(node: Any) -> Predicate:
    match node:
        case ConditionAND():
            return _all_of([_compile(each) for each in node.args])
        case ConditionOR():
            return _any_of([_compile(each) for each in node.args])
        case ConditionNOT():
            inner = _compile(node.args[0])
            return lambda record: not inner(record)
        case ConditionFieldEqualsValueExpression():
            return _field(node.field, node.value)
        case ConditionValueExpression():
            test = _test(node.value)
            return lambda record: any(test(text) for text in _texts(record))
        case _:
            raise UnsupportedError(f"condition of type {type(node).__name__}")


def _all_of(parts: Sequence[Predicate]) -> Predicate:
    return lambda record: all(part(record) for part in parts)


def _any_of(parts: Sequence[Predicate]) -> Predicate:
    return lambda record: any(part(record) for part in parts)


def _field(name: str, value: Any) -> Predicate:
    path = tuple(name.split("."))
    if isinstance(value, SigmaNull):
        return lambda record: not any(found is not None for found in _walk(record, path))
    if isinstance(value, SigmaExists):
        wanted = bool(value)
        return lambda record: any(True for _ in _walk(record, path)) == wanted
    if isinstance(value, SigmaFieldReference):
        other = tuple(value.field.split("."))
        return lambda record: _same(list(_walk(record, path)), list(_walk(record, other)))
    test = _test(value)
    return lambda record: any(test(found) for found in _walk(record, path))


def _same(left: Sequence[Any], right: Sequence[Any]) -> bool:
    others = {str(each).casefold() for each in right if each is not None}
    return any(each is not None and str(each).casefold() in others for each in left)


def _walk(found: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Give every value at a path; lists on the way stand for each of their elements."""
    if isinstance(found, list):
        for each in found:
            yield from _walk(each, path)
    elif not path:
        yield found
    elif isinstance(found, Mapping):
        if path[0] in found:
            yield from _walk(found[path[0]], path[1:])
        elif len(path) > 1 and (joined := ".".join(path)) in found:
            yield found[joined]


def _texts(found: Any) -> Iterator[Any]:
    if isinstance(found, Mapping):
        for each in found.values():
            yield from _texts(each)
    elif isinstance(found, list):
        for each in found:
            yield from _texts(each)
    elif found is not None:
        yield found


def _test(value: Any) -> Test:
    match value:
        case SigmaString():
            return _string(value)
        case SigmaNumber():
            number = value.number
            return lambda found: not isinstance(found, bool) and _number(found) == number
        case SigmaBool():
            wanted = bool(value)
            return lambda found: found is wanted or (isinstance(found, str) and found.lower() == str(wanted).lower())
        case SigmaRegularExpression():
            pattern = re.compile(str(value.regexp), _flags(value))
            return lambda found: found is not None and pattern.search(_text(found)) is not None
        case SigmaCIDRExpression():
            network = ipaddress.ip_network(value.cidr, strict=False)
            return lambda found: _in_network(found, network)
        case SigmaCompareExpression():
            return _comparison(value)
        case SigmaExpansion():
            tests = [_test(each) for each in value.values]
            return lambda found: any(test(found) for test in tests)
        case _:
            raise UnsupportedError(f"value of type {type(value).__name__}")


def _string(value: SigmaString) -> Test:
    """Compare as a text: whole when there is no wildcard, else by a pattern made of literal pieces."""
    cased = isinstance(value, SigmaCasedString)
    parts = [each if isinstance(each, str) else _wildcard(each) for each in value.s]
    if not value.contains_special():
        text = "".join(str(each) for each in value.s)
        if cased:
            return lambda found: _text(found) == text
        folded = text.casefold()
        return lambda found: found is not None and _text(found).casefold() == folded
    escaped = "".join(
        re.escape(each) if isinstance(original, str) else each for each, original in zip(parts, value.s, strict=True)
    )
    pattern = re.compile(escaped, re.DOTALL | (0 if cased else re.IGNORECASE))
    return lambda found: found is not None and pattern.fullmatch(_text(found)) is not None


def _wildcard(special: Any) -> str:
    if special is SpecialChars.WILDCARD_MULTI:
        return ".*"
    if special is SpecialChars.WILDCARD_SINGLE:
        return "."
    raise UnsupportedError("a placeholder")


def _flags(value: SigmaRegularExpression) -> int:
    flags = 0
    for flag in value.flags:
        flags |= _FLAGS[flag]
    return flags


def _comparison(value: SigmaCompareExpression) -> Test:
    bound, operation = float(value.number.number), value.op.name
    compare: Mapping[str, Callable[[float], bool]] = {
        "LT": lambda number: number < bound,
        "LTE": lambda number: number <= bound,
        "GT": lambda number: number > bound,
        "GTE": lambda number: number >= bound,
        "NEQ": lambda number: number != bound,
    }
    if operation not in compare:
        raise UnsupportedError(f"comparison {operation}")
    return lambda found: (number := _number(found)) is not None and compare[operation](number)


def _number(found: Any) -> float | None:
    if isinstance(found, bool) or found is None:
        return None
    try:
        return float(found)
    except (TypeError, ValueError):
        return None


def _in_network(found: Any, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(str(found)) in network
    except ValueError:
        return False


def _text(found: Any) -> str:
    return str(found).lower() if isinstance(found, bool) else str(found)


def _names(node: Any) -> frozenset[str] | None:
    """Give the event names outside which a condition cannot hold, None where it may hold for any."""
    match node:
        case ConditionAND():
            known = [names for each in node.args if (names := _names(each)) is not None]
            return min(known, key=len) if known else None
        case ConditionOR():
            found = [_names(each) for each in node.args]
            known = [names for names in found if names is not None]
            return frozenset().union(*known) if len(known) == len(found) else None
        case ConditionFieldEqualsValueExpression(field="eventName", value=SigmaString() as value):
            if value.contains_special() or isinstance(value, SigmaCasedString):
                return None
            return frozenset({"".join(str(each) for each in value.s).lower()})
        case _:
            return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
