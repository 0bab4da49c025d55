"""What is wrong with rules, told to whoever writes or takes them over.

Without records it tells what can be seen of a rule by itself:

* `contradiction`: its condition can never hold, since it wants of one field two different texts, or something and its
  opposite. Only fields that have one value in a record are judged by that.
* `unknown-source`, `unknown-name`: AWS publishes no service, or no action, that the event it asks for would be. The
  data may be older than the action.
* `field-as-text`: it compares with the name of a field, as a text: `fieldref` was meant.
* `case`: it is `cased`, and asks for a spelling that AWS does not use.
* `derived`: it asks for derived fields, which only are where a team file is; by itself it matches nothing.
* `same-logic`: another rule asks for exactly the same.

With records it also tells what they show: `unseen-field`, a field that none of them has, of rules that match nothing;
`overlap`, a rule all of whose hits another has too; and the share of the time that each rule takes.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import pyarrow as pa
from sigma.types import SigmaCasedString

from watchbill.detect.sigma.columns import NAME, SOURCE, Matcher
from watchbill.detect.sigma.model import LoadedRules, Records, Rule
from watchbill.detect.sigma.tree import All, Either, Leaf, Node, Not, allowed, leaves_of, paths_of
from watchbill.detect.sigma.values import Path, plain_text
from watchbill.policy.actions import actions_matching, actions_of, prefix_of
from watchbill.trail.table import PLAIN


_SINGLE: Final = frozenset((field,) for field in PLAIN) | {("userIdentity", "type"), ("userIdentity", "arn")}
"""Paths at which a record has one value at most."""

_FIELD_STARTS: Final = ("userIdentity.", "requestParameters.", "responseElements.", "additionalEventData.")
_TYPES: Final = frozenset(
    {
        "Root",
        "IAMUser",
        "AssumedRole",
        "Role",
        "FederatedUser",
        "SAMLUser",
        "WebIdentityUser",
        "AWSAccount",
        "AWSService",
        "IdentityCenterUser",
        "Directory",
        "Unknown",
    }
)
"""What `userIdentity.type` may be (CTG: "CloudTrail userIdentity element")."""

_MOST_HITS: Final = 200_000
"""Hits of one rule that are compared with those of others."""

_NO_AWS: Final = "amazonaws.com"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something about a rule."""

    code: str
    title: str
    file: str
    message: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What one rule takes of the time."""

    title: str
    hits: int
    share: float


class Doctor:
    """Looks at rules, and at records that they are asked of."""

    def __init__(self, loaded: LoadedRules, timer: Callable[[], float] | None = None) -> None:
        """Take rules; `timer` gives the time that costs are measured by."""
        self._loaded = loaded
        self._matcher = Matcher(loaded.rules, timer)
        self._hits: dict[int, set[int]] = defaultdict(set)
        self._seen: set[Path] = set()
        self._wanted = {path for rule in loaded.rules for path in paths_of(rule.condition)}
        self.records = 0
        """Records that were looked at."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Look at a batch of the table."""
        hits = self._matcher.match(batch)
        for row, number in zip(hits.rows.tolist(), hits.rules.tolist(), strict=True):
            if len(self._hits[number]) < _MOST_HITS:
                self._hits[number].add(self.records + row)
        for path in self._wanted - self._seen:
            if any(hits.columns.values(path, hits.columns.rows(hosts=False))):
                self._seen.add(path)
        self.records += batch.num_rows

    def add_record(self, record: Mapping[str, Any], name: str) -> None:
        """Pass over a record that is no event: it tells nothing of the others."""

    def costs(self) -> list[Cost]:
        """Give what each rule takes, the dearest first; nothing where no time was measured."""
        total = sum(self._matcher.spent)
        if not total:
            return []
        found = [
            Cost(rule.title, len(self._hits[number]), self._matcher.spent[number] / total)
            for number, rule in enumerate(self._loaded.rules)
        ]
        return sorted(found, key=lambda cost: (-cost.share, cost.title))

    def flaws(self) -> list[Flaw]:
        """Give all that is wrong, in the order of the rules."""
        found: list[Flaw] = []
        same: dict[tuple[Any, ...], Rule] = {}
        for number, rule in enumerate(self._loaded.rules):
            said = [*_by_itself(rule), *self._by_records(number, rule)]
            logic = (rule.records, rule.programs, rule.by_record, rule.by_process, rule.condition.key)
            if (other := same.setdefault(logic, rule)) is not rule:
                said.append(("same-logic", f"asks for exactly what `{other.title}` in {other.file} asks for"))
            found += [Flaw(code, rule.title, rule.file, message) for code, message in said]
        return found

    def _by_records(self, number: int, rule: Rule) -> Iterator[tuple[str, str]]:
        if not self.records or not rule.for_cloudtrail:
            return
        mine = self._hits[number]
        if not mine:
            unseen = sorted(".".join(path) for path in paths_of(rule.condition) - self._seen if path[0] != "wb")
            if unseen:
                yield "unseen-field", f"no record has {_list(unseen)}, and it matches nothing"
            return
        others = [
            self._loaded.rules[other].title
            for other, theirs in sorted(self._hits.items())
            if other != number and len(mine) <= len(theirs) and mine <= theirs and (mine < theirs or other < number)
        ]
        if others:
            yield "overlap", f"all its {len(mine)} hits are hits of {_list(others)} too"


def _by_itself(rule: Rule) -> Iterator[tuple[str, str]]:
    if (why := impossible(rule.condition)) is not None:
        yield "contradiction", f"can never match: {why}"
    if rule.records is Records.CLOUDTRAIL:
        yield from _unknown_events(rule)
    for leaf in leaves_of(rule.condition):
        if isinstance(leaf, Leaf):
            yield from _odd_leaf(leaf)
    derived = sorted(".".join(path) for path in paths_of(rule.condition) if path[0] == "wb")
    if derived:
        yield "derived", f"asks for {_list(derived)}, which only events have that were held against a team file"


def impossible(node: Node) -> str | None:
    """Say why a tree can never hold; None where nothing says so."""
    match node:
        case All():
            return next((why for part in node.parts if (why := impossible(part))), None) or _clash(node)
        case Either():
            found = [impossible(part) for part in node.parts]
            return found[0] if all(found) else None
        case _:
            return None


def _clash(node: All) -> str | None:
    """Say why the parts of an `and` exclude each other."""
    keys = {part.key for part in node.parts}
    for part in node.parts:
        if isinstance(part, Not) and part.part.key in keys:
            return "it wants something and its opposite"
    for path in sorted(paths_of(node) & _SINGLE):
        wanted = [(part, texts) for part in node.parts if (texts := allowed(part, path)) is not None]
        if not wanted:
            continue
        left = frozenset.intersection(*(texts for _, texts in wanted))
        refused: frozenset[str] = frozenset().union(*(_refused(part, path) for part in node.parts))
        if not left - refused:
            named = sorted({text for _, texts in wanted for text in texts})
            return f"`{'.'.join(path)}` cannot be {_list(named)} as it wants"
    return None


def _refused(part: Node, path: Path) -> frozenset[str]:
    """Give the texts that a part excludes at a path, whatever else there is."""
    if isinstance(part, Not) and isinstance(part.part, Leaf) and part.part.path == path:
        return part.part.equal or frozenset()
    if isinstance(part, Not) and isinstance(part.part, Either):
        return frozenset().union(*(_refused(Not("", inner), path) for inner in part.part.parts))
    return frozenset()


def _unknown_events(rule: Rule) -> Iterator[tuple[str, str]]:
    sources, names = allowed(rule.condition, SOURCE), allowed(rule.condition, NAME)
    for source in sorted(sources or ()):
        if not source.endswith(_NO_AWS) or not actions_matching(f"{prefix_of(source)}:*"):
            yield "unknown-source", f"AWS publishes no service whose events come from `{source}`"
    if sources and names:
        leaves = [leaf for leaf in leaves_of(rule.condition) if isinstance(leaf, Leaf) and leaf.path == NAME]
        # As the rule spells them: a few names that are not regular are known by their spelling only.
        spelled = {text.lower(): text for leaf in leaves for text in _texts(leaf)}
        asked = {spelled.get(name, name) for name in names}
        known = {name for source, name in product(sources, asked) if _is_known(source, name)}
        if unknown := sorted(asked - known):
            yield "unknown-name", f"AWS publishes no action of {_list(sorted(sources))} for {_list(unknown)}"


def _is_known(source: str, name: str) -> bool:
    named = actions_of(source, name)
    return named.listed or (not named.actions and named.why_not is not None)


def _odd_leaf(leaf: Leaf) -> Iterator[tuple[str, str]]:
    field = ".".join(leaf.path)
    for value in _values(leaf.about):
        text = plain_text(value)
        if isinstance(value, SigmaCasedString) and text is not None and leaf.path == ("userIdentity", "type"):
            folded = {each.lower(): each for each in _TYPES}
            if text not in _TYPES and text.lower() in folded:
                yield "case", f"`{field}` is `{folded[text.lower()]}`, never `{text}`, and it minds the case"
    for text in _texts(leaf):
        bare = text.strip("*")
        if bare.lower().startswith(tuple(start.lower() for start in _FIELD_STARTS)) and " " not in bare:
            yield "field-as-text", f"compares `{field}` with the text `{bare}`: `fieldref` compares with that field"


def _values(about: Any) -> Iterator[Any]:
    if isinstance(about, tuple):
        for each in about:
            yield from _values(each)
    elif about is not None:
        yield about


def _texts(leaf: Leaf) -> Iterator[str]:
    for value in _values(leaf.about):
        parts = getattr(value, "s", None)
        if parts is not None:
            yield "".join(part if isinstance(part, str) else "*" for part in parts)


def _list(texts: Sequence[str]) -> str:
    shown = [f"`{text}`" for text in texts[:5]]
    more = len(texts) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
