"""Rule files: pySigma parses and validates them, this compiles them. Nothing is lost in silence.

1. Each document of a file is parsed by itself, so that what is wrong with one does not touch the others. Documents
   with an `action` (`global`, `reset`, `repeat`) depend on each other, and their file is parsed as a whole.
2. A file whose YAML cannot be read, a rule that pySigma refuses, and one that uses what is not run here are each a
   problem that names the file, and `failed`. `| count()` in a condition is one of them: it is Sigma before 2.0.
3. Sigma filters are applied to the rules they name, whichever file those are in.
4. A correlation names its members by id, by name or, with a warning, by title; they may be in other files. One without
   all of its members, or that is its own member, is not loaded.
5. A rule that correlations count alerts by itself only where one of them has `generate: true`.
6. What is odd and does no harm is a warning: a deprecated rule, a title or an id that two rules have, a log source that
   is not read here.

Source: Sigma specification 2.1, "Sigma rules", "Sigma correlation rules" and "Sigma filters".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import yaml
from sigma.collection import SigmaCollection
from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionItem,
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaCorrelationCondition,
    SigmaCorrelationConditionOperator,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaLogSource, SigmaRule

from watchbill.detect.sigma.block import Block, BlockError, is_unknown, read_block
from watchbill.detect.sigma.hosts import AUDITD, EVERY_LINE, PROGRAMS, Views, on_views
from watchbill.detect.sigma.model import Correlation, Expression, Failed, Kind, LoadedRules, Records, Rule
from watchbill.detect.sigma.tree import all_of, allowed, either_of, paths_of, predicate_of, tree_of
from watchbill.detect.sigma.values import Path, UnsupportedError
from watchbill.errors import Problem


_LONGEST: Final = 1 << 20
"""Characters of a rule file."""

_BOUNDS: Final = "_watchbill_bounds"
"""Where the further comparisons of a correlation are kept past pySigma, which takes only one."""

_OPERATORS: Final = ("gt", "gte", "lt", "lte", "eq", "neq")
_NAME: Final[Path] = ("eventName",)
_OUTDATED: Final = frozenset({"deprecated", "unsupported"})
_EXPECTED: Final = (UnsupportedError, BlockError, SigmaError, re.error, ValueError, TypeError, RecursionError)
"""What a rule that cannot be compiled raises, here or in pySigma."""


def load(text: str, file: str) -> LoadedRules:
    """Load the rules of one file. Never raises for what is in it."""
    return load_all([(text, file)])


def load_all(files: Iterable[tuple[str, str]], unread: Sequence[Problem] = ()) -> LoadedRules:
    """Load rules from the texts of files, each with its name; `unread` are files that could not be read."""
    loader = _Loader()
    for problem in unread:
        loader.fail(None, problem.file or "", problem.message)
    for text, file in files:
        loader.parse(text, file)
    return loader.loaded()


@dataclass(slots=True)
class _Parsed:
    """A rule that pySigma took."""

    rule: SigmaRule | SigmaCorrelationRule
    file: str
    title: str
    members: "tuple[_Parsed, ...]" = ()
    alerts: bool = True
    made: Rule | Correlation | None = None
    tried: bool = False
    """Of a correlation, whether it was made, or could not be."""


class _Yaml(yaml.CSafeLoader):
    """Reads YAML, and notes keys that stand twice in one mapping, of which the last counts."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twins: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """Make a mapping, as the reader of YAML asks for it."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        self.twins += [key for key in dict.fromkeys(keys) if keys.count(key) > 1 and key != "<<"]
        return super().construct_mapping(node, deep)


def _documents(text: str) -> tuple[list[Any], list[str]]:
    """Give the documents of a text, and the keys that stand twice in a mapping."""
    loader = _Yaml(text)
    try:
        found = []
        while loader.check_data():  # type: ignore[no-untyped-call]
            found.append(loader.get_data())
        return [each for each in found if each is not None], list(dict.fromkeys(loader.twins))
    finally:
        loader.dispose()


class _Loader:
    """Gathers what is in files, then ties and compiles it."""

    def __init__(self) -> None:
        self._parsed: list[_Parsed] = []
        self._filters: list[SigmaFilter] = []
        self._problems: list[Problem] = []
        self._failed: list[Failed] = []

    def fail(self, rule: Any, file: str, error: str, code: str = "bad-rule") -> None:
        """Keep that a rule, or the whole file where it is none, cannot be loaded."""
        title = str(getattr(rule, "title", "") or "")
        found = getattr(rule, "id", None)
        self._failed.append(Failed(title or file, str(found) if found else None, file, error))
        self._problems.append(Problem(code, f"`{title}`: {error}" if title else error, file))

    def warn(self, message: str, file: str, code: str = "odd-rule") -> None:
        """Keep what does no harm."""
        self._problems.append(Problem(code, message, file))

    def parse(self, text: str, file: str) -> None:
        """Parse a file."""
        if len(text) > _LONGEST:
            self.fail(None, file, f"longer than {_LONGEST} characters")
            return
        try:
            documents, twins = _documents(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            self.fail(None, file, f"no Sigma rule: {_first_line(error)}")
            return
        for key in twins:
            self.warn(f"the key `{key}` stands twice in one place; the last counts", file)
        if not documents:
            self.fail(None, file, "there is no rule in it")
        depend = any(isinstance(each, dict) and "action" in each for each in documents)
        for group in [documents] if depend else [[each] for each in documents]:
            self._parse_group(group, file)

    def _parse_group(self, documents: list[Any], file: str) -> None:
        if odd := [each for each in documents if not isinstance(each, dict)]:
            self.fail(None, file, f"no Sigma rule: a document of it is no mapping but `{str(odd[0])[:40]}`")
            return
        try:
            found = SigmaCollection.from_dicts(
                [_without_range(each) for each in documents],
                collect_errors=True,
                collect_filters=True,
                resolve_references=False,
            )
        except Exception as error:  # noqa: BLE001 - pySigma lets its own bugs through for what it does not expect
            self.fail(_Named(documents), file, f"no Sigma rule: {_first_line(error)}")
            return
        of_rules = {id(error) for rule in [*found.rules, *found.filters] for error in rule.errors}
        for flaw in found.errors:
            if id(flaw) not in of_rules:
                self.fail(_Named(documents), file, _first_line(flaw))
        for rule in [*found.rules, *found.filters]:
            self._take(rule, file)

    def _take(self, rule: Any, file: str) -> None:
        if rule.errors:
            self.fail(rule, file, "; ".join(dict.fromkeys(_first_line(error) for error in rule.errors)))
        elif isinstance(rule, SigmaFilter):
            self._filters.append(rule)
        else:
            self._parsed.append(_Parsed(rule, file, str(rule.title or "without title")))

    def loaded(self) -> LoadedRules:
        """Tie and compile what was parsed."""
        self._look_for_twins()
        for each in self._parsed:
            self._filter(each)
        self._tie()
        for each in self._parsed:
            if isinstance(each.rule, SigmaRule):
                self._compile(each)
        correlations: list[Correlation] = []
        for each in self._parsed:
            if isinstance(each.rule, SigmaCorrelationRule):
                self._correlate(each, correlations, ())
        rules = tuple(each.made for each in self._parsed if isinstance(each.made, Rule))
        return LoadedRules(rules, tuple(self._problems), tuple(correlations), tuple(self._failed))

    def _look_for_twins(self) -> None:
        titles: dict[str, str] = {}
        ids: dict[str, str] = {}
        for each in self._parsed:
            self._twin(each, "title", each.title, titles)
            if each.rule.id is not None:
                self._twin(each, "id", str(each.rule.id), ids)

    def _twin(self, each: _Parsed, what: str, value: str, seen: dict[str, str]) -> None:
        if value not in seen:
            seen[value] = each.file
            return
        other = f" in {seen[value]}" if seen[value] != each.file else ""
        self.warn(f"`{each.title}` has the {what} of another rule{other}", each.file, "duplicate-rule")

    def _filter(self, each: _Parsed) -> None:
        try:
            for found in self._filters:
                each.rule = found.apply_on_rule(each.rule)
        except Exception as error:  # noqa: BLE001 - as above
            self.warn(f"a filter cannot be applied to `{each.title}`: {_first_line(error)}", each.file)

    def _tie(self) -> None:
        """Find the members of every correlation, and which rules alert by themselves."""
        counted: dict[int, bool] = {}
        for each in self._parsed:
            if isinstance(each.rule, SigmaCorrelationRule):
                found = [self._member(each, reference) for reference in _references(each.rule)]
                each.members = tuple(member for member in found if member is not None)
                for member in each.members:
                    counted[id(member)] = counted.get(id(member), False) or bool(each.rule.generate)
        for each in self._parsed:
            each.alerts = counted.get(id(each), True)

    def _member(self, of: _Parsed, reference: str) -> _Parsed | None:
        """Find a member by its id or name, else by its title, in the same file first."""
        near = sorted(self._parsed, key=lambda each: each.file != of.file)
        for each in near:
            if reference in (str(each.rule.id), each.rule.name):
                return each
        titled = [each for each in near if each.title == reference]
        if not titled:
            return None
        again = f", which {len(titled)} rules have: the first is taken" if len(titled) > 1 else ""
        self.warn(f"`{of.title}` names `{reference}` by its title{again}; Sigma takes an id or a name", of.file)
        return titled[0]

    def _compile(self, each: _Parsed) -> None:
        try:
            each.made = _rule(each)
        except _EXPECTED as error:
            self.fail(each.rule, each.file, f"cannot be run: {_first_line(error)}", "unsupported-rule")
            return
        if each.made.records is Records.OTHER:
            self.warn(f"`{each.title}` is for {_source(each.rule)}, which is not read here", each.file, "other-source")
        if each.made.status in _OUTDATED:
            self.warn(f"`{each.title}` is {each.made.status}", each.file, "outdated-rule")

    def _correlate(self, each: _Parsed, found: list[Correlation], above: tuple[int, ...]) -> None:
        """Make a correlation after its members."""
        if each.tried or id(each) in above:
            return
        for member in each.members:
            if isinstance(member.rule, SigmaCorrelationRule):
                self._correlate(member, found, (*above, id(each)))
        each.tried = True
        try:
            each.made = _correlation(each)
        except _EXPECTED as error:
            self.fail(each.rule, each.file, f"cannot be run: {_first_line(error)}", "unsupported-rule")
            return
        found.append(each.made)


class _Named:
    """What of documents names them, where pySigma made no rule of them."""

    def __init__(self, documents: Sequence[Mapping[str, Any]]) -> None:
        titles = [each["title"] for each in documents if isinstance(each.get("title"), str)]
        ids = [each["id"] for each in documents if isinstance(each.get("id"), str)]
        self.title = titles[0] if titles else ""
        self.id = ids[0] if ids else None


def _without_range(document: dict[str, Any]) -> dict[str, Any]:
    """Put all but one comparison of a correlation aside: pySigma takes one, the specification several."""
    correlation = document.get("correlation")
    if not isinstance(correlation, dict) or not isinstance(condition := correlation.get("condition"), dict):
        return document
    named = [name for name in _OPERATORS if name in condition]
    if len(named) < 2:  # noqa: PLR2004 - one is what pySigma takes
        return document
    rest = {name: value for name, value in condition.items() if name not in named[1:]}
    aside = {name: condition[name] for name in named[1:]}
    return {**document, "correlation": {**correlation, "condition": rest}, _BOUNDS: aside}


def _rule(each: _Parsed) -> Rule:
    found = each.rule
    assert isinstance(found, SigmaRule)
    block = read_block(found.custom_attributes.get("watchbill"))
    if block.absent is not None:
        raise BlockError("`absent` is for correlations")
    condition = either_of([tree_of(parsed.parsed) for parsed in found.detection.parsed_condition])
    if block.asks is not None:
        condition = all_of([block.asks, condition])
    if wrong := [name for path in paths_of(condition) if is_unknown(name := ".".join(path))]:
        raise BlockError(f"`{wrong[0]}` is no derived field")
    records, programs, views = _records(found.logsource)
    predicate = predicate_of(condition)
    return Rule(
        each.title,
        str(found.id) if found.id else None,
        found.author,
        found.level.name.lower() if found.level else None,
        each.file,
        records is Records.CLOUDTRAIL,
        predicate if views.kind == "whole" else on_views(views, predicate),
        allowed(condition, _NAME),
        condition,
        records,
        programs,
        views.kind == "records",
        found.name,
        block,
        each.alerts,
        found.status.name.lower() if found.status else None,
        found.description or "",
        tuple(str(said) for said in found.falsepositives),
        tuple(str(said) for said in found.references),
        tuple(str(tag) for tag in found.tags),
        by_process=views.kind == "executed",
    )


def _records(source: SigmaLogSource) -> tuple[Records, frozenset[str] | None, Views]:
    """Tell which records a log source is, which programs of hosts, and how their records are looked at."""
    product, service, category = ((part or "").lower() for part in (source.product, source.service, source.category))
    whole = Views("whole")
    if product in ("aws", "") and (service == "cloudtrail" or (product == "aws" and not service and not category)):
        return Records.CLOUDTRAIL, None, whole
    if product != "linux" or (category and category != "process_creation"):
        return Records.OTHER, None, whole
    if category:
        return Records.HOST, PROGRAMS[AUDITD], Views("executed")
    if service == AUDITD:
        return Records.HOST, PROGRAMS[AUDITD], Views("records")
    if service in EVERY_LINE:
        return Records.HOST, EVERY_LINE, whole
    return Records.HOST, PROGRAMS.get(service, frozenset({service})) if service else None, whole


def _source(rule: Any) -> str:
    parts = (rule.logsource.product, rule.logsource.service, rule.logsource.category)
    return " ".join(part for part in parts if part) or "no log source"


def _references(rule: SigmaCorrelationRule) -> list[str]:
    if rule.rules is not None:
        return [str(each.reference) for each in rule.rules]
    condition = rule.condition
    return condition.get_referenced_rules() if isinstance(condition, SigmaExtendedCorrelationCondition) else []


def _correlation(each: _Parsed) -> Correlation:
    found = each.rule
    assert isinstance(found, SigmaCorrelationRule)
    references = tuple(_references(found))
    members = tuple(member.made for member in each.members if member.made is not None)
    if not references:
        raise UnsupportedError("it names no rules")
    if len(members) < len(references):
        known = {value for m in each.members if m.made for value in (str(m.rule.id), m.rule.name, m.title)}
        missing = next((name for name in references if name not in known), references[0])
        raise UnsupportedError(f"there is no rule `{missing}`, which it counts")
    block = read_block(found.custom_attributes.get("watchbill"))
    if block.asks is not None:
        raise BlockError("a correlation asks nothing of single events: its members do")
    kind = _kind(found, references, block)
    bounds, fields, percentile = _condition(found)
    group_by = tuple(found.group_by or ())
    aliases = _aliases(found, references)
    looked_at = [*group_by, *fields, *(field for alias in aliases.values() for field in alias.values())]
    if wrong := [name for name in looked_at if is_unknown(name)]:
        raise BlockError(f"`{wrong[0]}` is no derived field")
    expression = _expression(found, kind)
    if kind is Kind.TEMPORAL_ORDERED and bounds not in ((), (("gte", len(references)),)):
        raise UnsupportedError("of an order all rules must match: it takes no condition")
    return Correlation(
        each.title,
        str(found.id) if found.id else None,
        found.author,
        found.level.name.lower() if found.level else None,
        each.file,
        kind,
        references,
        members,
        found.timespan.seconds * 1000,
        group_by,
        aliases,
        bounds,
        fields,
        percentile,
        expression,
        bool(found.generate),
        found.name,
        block,
        each.alerts,
        found.status.name.lower() if found.status else None,
        found.description or "",
        tuple(str(said) for said in found.falsepositives),
        tuple(str(tag) for tag in found.tags),
    )


def _kind(found: SigmaCorrelationRule, references: Sequence[str], block: Block) -> Kind:
    kind = Kind(found.type.name.lower())
    if block.absent is None:
        return kind
    if kind is not Kind.TEMPORAL_ORDERED or len(references) != 2:  # noqa: PLR2004 - the one and the other
        raise BlockError("`absent` is for `temporal_ordered` of two rules")
    if block.absent not in references:
        raise BlockError(f"`absent` is `{block.absent}`, which is none of its rules")
    return Kind.ABSENT_BEFORE if block.absent == references[0] else Kind.ABSENT_AFTER


def _condition(found: SigmaCorrelationRule) -> tuple[tuple[tuple[str, float], ...], tuple[str, ...], int]:
    """Give the comparisons, the fields that are counted, and the percentile."""
    condition = found.condition
    if not isinstance(condition, SigmaCorrelationCondition):
        return (), (), 50
    bounds = [(condition.op.name.lower(), float(condition.count))]
    for name, value in found.custom_attributes.get(_BOUNDS, {}).items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UnsupportedError(f"`{name}: {value}` of its condition is no number")
        bounds.append((SigmaCorrelationConditionOperator[name.upper()].name.lower(), float(value)))
    named = condition.fieldref
    fields = () if named is None else tuple(str(each) for each in ([named] if isinstance(named, str) else named))
    percentile = 50 if condition.percentile is None else condition.percentile
    if not 0 <= percentile <= 100:  # noqa: PLR2004 - per cent
        raise UnsupportedError(f"a percentile of {percentile}")
    return tuple(bounds), fields, percentile


def _aliases(found: SigmaCorrelationRule, references: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    aliases = {
        str(alias.alias): {str(of.reference): str(field) for of, field in alias.mapping.items()}
        for alias in found.aliases or ()
    }
    for alias, mapping in aliases.items():
        if unknown := [name for name in mapping if name not in references]:
            raise UnsupportedError(f"its alias `{alias}` is of `{unknown[0]}`, which is none of its rules")
    return MappingProxyType({alias: MappingProxyType(mapping) for alias, mapping in aliases.items()})


def _expression(found: SigmaCorrelationRule, kind: Kind) -> Expression | None:
    condition = found.condition
    if not isinstance(condition, SigmaExtendedCorrelationCondition):
        return None
    if kind is not Kind.TEMPORAL:
        raise UnsupportedError("an order takes no condition in words")
    return _expressed(condition.parsed)


def _expressed(node: CorrelationConditionItem | SigmaRuleReference) -> Expression:
    match node:
        case SigmaRuleReference():
            return str(node.reference)
        case CorrelationConditionAND():
            word = "and"
        case CorrelationConditionOR():
            word = "or"
        case CorrelationConditionNOT():
            word = "not"
        case _:
            raise UnsupportedError(f"a condition of type {type(node).__name__}")
    return word, tuple(_expressed(each) for each in node.args)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
