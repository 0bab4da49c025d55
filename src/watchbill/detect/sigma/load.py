"""Rule files: pySigma parses and validates them, this compiles them. Nothing is lost in silence.

1. Each document of a file is parsed by itself, so that what is wrong with one does not touch the others. Documents
   with an `action` (`global`, `reset`, `repeat`) depend on each other, and their file is parsed as a whole.
2. A file whose YAML cannot be read, a rule that pySigma refuses, and one that uses what is not run here are each a
   problem that names the file, and `failed`. `| count()` in a condition is one of them: it is Sigma before 2.0.
3. Sigma filters are applied to the rules they name by id, by name or, with a warning, by title, whichever file those
   are in. One that no rule is for is a warning.
4. A correlation names its members by id, by name or, with a warning, by title; they may be in other files. One without
   all of its members, or that is its own member, is not loaded.
5. A rule that correlations count alerts by itself only where one of them has `generate: true`.
6. What is odd and does no harm is a warning: a deprecated rule, a title or an id that two rules have, a log source that
   is not read here, and what pySigma refuses of a rule that decides nothing: a status or a level that is none, a day
   that never was, tags that are no list. An id that is no UUID stays as it is written, and a rule without a title has
   its file's name.
7. `AND`, `OR` and `NOT` in capitals are what they are in small letters, as older rules have them; a whole number that
   is to be contained is its digits, and `exists: 'true'` is `exists: true`.

Source: Sigma specification 2.1, "Sigma rules", "Sigma correlation rules" and "Sigma filters".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import re2  # type: ignore[import-untyped]
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
from sigma.exceptions import (
    SigmaAuthorError,
    SigmaDateError,
    SigmaDescriptionError,
    SigmaError,
    SigmaFalsePositivesError,
    SigmaFieldsError,
    SigmaIdentifierError,
    SigmaLevelError,
    SigmaLicenseError,
    SigmaModifiedError,
    SigmaNameError,
    SigmaReferencesError,
    SigmaRelatedError,
    SigmaScopeError,
    SigmaStatusError,
    SigmaTagError,
    SigmaTaxonomyError,
    SigmaTitleError,
)
from sigma.filters import SigmaFilter
from sigma.rule import SigmaLogSource, SigmaRule

from watchbill.detect.sigma.block import Block, BlockError, is_unknown, read_block
from watchbill.detect.sigma.hosts import AUDITD, EVERY_LINE, PROGRAMS, Views, on_views
from watchbill.detect.sigma.model import Correlation, Expression, Failed, Kind, LoadedRules, Records, Rule
from watchbill.detect.sigma.tree import all_of, allowed, either_of, paths_of, predicate_of, tree_of
from watchbill.detect.sigma.values import POLICY, Path, UnsupportedError
from watchbill.errors import Problem


_LONGEST: Final = 1 << 20
"""Characters of a rule file."""

_BOUNDS: Final = "_watchbill_bounds"
"""Where the further comparisons of a correlation are kept past pySigma, which takes only one."""

_OPERATORS: Final = ("gt", "gte", "lt", "lte", "eq", "neq")
_NAME: Final[Path] = ("eventName",)
_OUTDATED: Final = frozenset({"deprecated", "unsupported"})
_EXPECTED: Final = (UnsupportedError, BlockError, SigmaError, re2.error, ValueError, TypeError, RecursionError)
"""What a rule that cannot be compiled raises, here or in pySigma."""

_HARMLESS: Final[Mapping[type[SigmaError], str]] = {
    SigmaAuthorError: "author",
    SigmaDateError: "date",
    SigmaDescriptionError: "description",
    SigmaFalsePositivesError: "falsepositives",
    SigmaFieldsError: "fields",
    SigmaIdentifierError: "id",
    SigmaLevelError: "level",
    SigmaLicenseError: "license",
    SigmaModifiedError: "modified",
    SigmaNameError: "name",
    SigmaReferencesError: "references",
    SigmaRelatedError: "related",
    SigmaScopeError: "scope",
    SigmaStatusError: "status",
    SigmaTagError: "tags",
    SigmaTaxonomyError: "taxonomy",
    SigmaTitleError: "title",
}
"""Keys of a rule that decide nothing, by what pySigma says of them."""

_LONGEST_TITLE: Final = 256
"""Characters of a title that pySigma takes."""

_OF_TEXTS: Final = frozenset({"contains", "startswith", "endswith"})
_CAPITALS: Final = re.compile(r"\b(?:AND|OR|NOT|OF|ALL|ANY|THEM)\b")
"""Words of a condition that the specification writes in small letters."""


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
    id: str | None
    members: "tuple[_Parsed, ...]" = ()
    alerts: bool = True
    made: Rule | Correlation | None = None
    tried: bool = False
    """Of a correlation, whether it was made, or could not be."""


class _Yaml(yaml.CSafeLoader):
    """Reads YAML, but leaves instants and days the texts that they are."""


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class _Documents:
    """Makes values of the nodes of a text, and notes keys that stand twice in a mapping, of which the last counts.

    It does what the reader of YAML does in a third of the time; what is out of the common is left to that.
    """

    def __init__(self, text: str) -> None:
        self.twins: dict[str, None] = {}
        self._made: dict[int, Any] = {}
        self._loader = _Yaml(text)

    def read(self) -> list[Any]:
        """Give the documents that are not empty. Raises YAMLError, ValueError or RecursionError."""
        try:
            found = []
            while self._loader.check_node():
                self._made.clear()
                node = self._loader.get_node()
                found.append(None if node is None else self._value(node))
            return [each for each in found if each is not None]
        finally:
            self._loader.dispose()

    def _value(self, node: yaml.Node) -> Any:
        if node.tag == "tag:yaml.org,2002:str":
            return node.value
        if isinstance(node, yaml.ScalarNode):
            return self._loader.construct_object(node)
        # What an alias stands for again is the same value; inside of itself it is not made yet.
        if id(node) in self._made:
            if (known := self._made[id(node)]) is _UNFINISHED:
                raise ValueError("an alias stands for what it is in")
            return known
        self._made[id(node)] = _UNFINISHED
        made = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        self._made[id(node)] = made
        return made

    def _sequence(self, node: yaml.Node) -> Any:
        if node.tag != "tag:yaml.org,2002:seq":
            return self._loader.construct_object(node, deep=True)
        return [self._value(each) for each in node.value]

    def _mapping(self, node: yaml.MappingNode) -> Any:
        if node.tag == "tag:yaml.org,2002:map" and any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            self._loader.flatten_mapping(node)
        elif node.tag != "tag:yaml.org,2002:map":
            return self._loader.construct_object(node, deep=True)
        else:
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if len(set(keys)) < len(keys):
                self.twins.update(dict.fromkeys(key for key in keys if keys.count(key) > 1))
        found: dict[Any, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"line {key.start_mark.line + 1}: a key that is no text")  # noqa: TRY004 - of a file
            found[self._value(key)] = self._value(value)
        return found


_UNFINISHED: Final = object()


class _Loader:
    """Gathers what is in files, then ties and compiles it."""

    def __init__(self) -> None:
        self._parsed: list[_Parsed] = []
        self._filters: list[tuple[SigmaFilter, str]] = []
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
            read = _Documents(text)
            documents, twins = read.read(), read.twins
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
        documents = [_plainly(each) for each in documents]
        try:
            found = _collected(documents)
            if len(documents) == 1 and (harmless := _harmless(found)):
                for key, message in harmless.items():
                    self.warn(f"`{documents[0].get('title') or file}`: `{key}` is passed over: {message}", file)
                found = _collected([_without(documents[0], harmless, file)])
        except Exception as error:  # noqa: BLE001 - pySigma lets its own bugs through for what it does not expect
            self.fail(_Named(documents), file, f"no Sigma rule: {_first_line(error)}")
            return
        of_rules = {id(error) for rule in [*found.rules, *found.filters] for error in rule.errors}
        for flaw in found.errors:
            if id(flaw) not in of_rules:
                self.fail(_Named(documents), file, _first_line(flaw))
        said = documents[0].get("id") if len(documents) == 1 else None
        for rule in [*found.rules, *found.filters]:
            self._take(rule, file, said)

    def _take(self, rule: Any, file: str, said: str | None) -> None:
        """Take what pySigma made; `said` is the id as it is written."""
        if rule.errors:
            self.fail(rule, file, "; ".join(dict.fromkeys(_first_line(error) for error in rule.errors)))
        elif isinstance(rule, SigmaFilter):
            self._filters.append((rule, file))
        else:
            own = str(rule.id) if rule.id else said
            # So that whoever names it by that finds it.
            rule.name = rule.name or (said if rule.id is None else None)
            self._parsed.append(_Parsed(rule, file, str(rule.title or "without title"), own))

    def loaded(self) -> LoadedRules:
        """Tie and compile what was parsed."""
        self._look_for_twins()
        for found, file in self._filters:
            self._filter(found, file)
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
            if each.id is not None:
                self._twin(each, "id", each.id, ids)

    def _twin(self, each: _Parsed, what: str, value: str, seen: dict[str, str]) -> None:
        if value not in seen:
            seen[value] = each.file
            return
        other = f" in {seen[value]}" if seen[value] != each.file else ""
        self.warn(f"`{each.title}` has the {what} of another rule{other}", each.file, "duplicate-rule")

    def _filter(self, found: SigmaFilter, file: str) -> None:
        """Apply a filter to the rules that it is for."""
        self._name_filtered(found, file)
        applied = False
        for each in self._parsed:
            if not isinstance(each.rule, SigmaRule):
                continue
            before = len(each.rule.detection.detections)
            try:
                found.apply_on_rule(each.rule)
            except Exception as error:  # noqa: BLE001 - as above
                self.warn(f"the filter cannot be applied to `{each.title}`: {_first_line(error)}", file)
            applied = applied or len(each.rule.detection.detections) > before
        if not applied:
            self.warn(f"the filter `{found.title}` is for no rule that was loaded", file)

    def _name_filtered(self, found: SigmaFilter, file: str) -> None:
        """Make references of titles, as pySigma knows them."""
        if isinstance(found.filter.rules, str):
            return
        for reference in [each.reference for each in found.filter.rules]:
            if any(reference in (each.id, each.rule.name) for each in self._parsed):
                continue
            titled = [each for each in self._parsed if each.title == reference]
            for each in titled:
                each.rule.name = each.rule.name or reference
                found.filter.rules.append(SigmaRuleReference(each.rule.name))
            if titled:
                self.warn(
                    f"the filter `{found.title}` names `{reference}` by its title; Sigma takes an id or a name", file
                )

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
            if reference in (each.id, each.rule.name):
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


def _collected(documents: list[dict[str, Any]]) -> SigmaCollection:
    return SigmaCollection.from_dicts(
        [_without_range(each) for each in documents],
        collect_errors=True,
        collect_filters=True,
        resolve_references=False,
        policy=POLICY,
    )


def _plainly(document: dict[str, Any]) -> dict[str, Any]:
    """Write what pySigma takes one way only as it takes it: an id as a text, words of a condition in small letters."""
    if "id" in document and document["id"] is not None:
        document = {**document, "id": str(document["id"])}
    detection = document.get("detection")
    if not isinstance(detection, dict):
        return document
    return {**document, "detection": {name: _plain_part(name, part, detection) for name, part in detection.items()}}


def _plain_part(name: Any, part: Any, detection: Mapping[Any, Any]) -> Any:
    if name != "condition":
        return _plain_tests(part)
    if isinstance(part, list):
        return [_plain_part(name, each, detection) for each in part]
    return _CAPITALS.sub(lambda word: _small(word[0], detection), part) if isinstance(part, str) else part


def _small(word: str, names: Mapping[Any, Any]) -> str:
    return word if word in names else word.lower()


def _plain_tests(part: Any) -> Any:
    if isinstance(part, list):
        return [_plain_tests(each) if isinstance(each, dict) else each for each in part]
    if not isinstance(part, dict):
        return part
    return {test: _plain_wanted(str(test).split("|")[1:], wanted) for test, wanted in part.items()}


def _plain_wanted(modifiers: Sequence[str], wanted: Any) -> Any:
    if isinstance(wanted, list):
        return [_plain_wanted(modifiers, each) for each in wanted]
    if "exists" in modifiers and isinstance(wanted, str):
        return {"true": True, "false": False}.get(wanted.lower(), wanted)
    if type(wanted) is int and not _OF_TEXTS.isdisjoint(modifiers):
        return str(wanted)
    return wanted


def _harmless(found: SigmaCollection) -> Mapping[str, str]:
    """Give what pySigma says of keys that decide nothing, by key; nothing where it also says something else."""
    odd: dict[str, str] = {}
    for error in found.errors:
        key = _HARMLESS.get(type(error)) or ("tags" if str(error).startswith("Sigma tag ") else None)
        if key is None:
            return {}
        odd[key] = _first_line(error)
    return odd


def _without(document: Mapping[str, Any], odd: Iterable[str], file: str) -> dict[str, Any]:
    """Leave out odd keys; a title becomes a text."""
    left = {key: value for key, value in document.items() if key not in odd}
    if "title" in odd:
        left["title"] = str(document.get("title") or file)[:_LONGEST_TITLE]
    return left


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
        each.id,
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
        known = {value for m in each.members if m.made for value in (m.id, m.rule.name, m.title)}
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
        each.id,
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
