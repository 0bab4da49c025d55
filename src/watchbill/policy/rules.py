"""Statements compiled: which of a policy's speak of an action, and whether one of them applies to a request.

Three-valued: a statement applies, does not, or may, where that hangs on a key that is not known or on a construct that
is not evaluated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from watchbill.policy.conditions import Predicate, predicate_of
from watchbill.policy.context import Context
from watchbill.policy.model import Origin, Statement
from watchbill.policy.patterns import Match, any_of
from watchbill.policy.principals import Named
from watchbill.policy.resources import resource_predicate


_REMEMBERED = 20_000
"""Actions whose statements a policy remembers: action names come from trails, so their number is not ours to say."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One statement, compiled."""

    origin: Origin
    allows: bool
    predicates: tuple[Predicate, ...]
    """All of which must hold: of its resource, then of its conditions."""
    principals: Named | None
    """None where the policy is no resource's."""

    def applies(self, context: Context) -> bool | None:
        """Tell whether it applies to a request for one of its actions, by anyone it names."""
        hanging = False
        for predicate in self.predicates:
            held = predicate.test(context)
            if held is False:
                return False
            if held is None:
                hanging = True
        return None if hanging else True

    def hangs_on(self, context: Context) -> tuple[tuple[str, ...], str]:
        """Say why it may apply: the keys that are not known, and what is not evaluated."""
        open_ones = [each for each in self.predicates if each.test(context) is None]
        reasons = [each.why_not for each in open_ones if each.why_not]
        keys = [key for each in open_ones if not each.why_not for key in each.keys if context.unknown(key)]
        return tuple(dict.fromkeys(keys)), "; ".join(reasons)


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The statements of one policy that speak of one action: one object for all actions of which the same speak."""

    denies: tuple[Rule, ...]
    allows: tuple[Rule, ...]


_NONE = Rules((), ())


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy document."""

    name: str
    statements: tuple[Statement, ...]
    _index: "_Index | None" = field(default=None, init=False, repr=False, compare=False)

    def speaking_of(self, action: str) -> Rules:
        """Give the rules that speak of an action in lower case; compiled when first asked."""
        index = self._index
        if index is None:
            index = _Index(self.statements)
            object.__setattr__(self, "_index", index)
        return index.speaking_of(action)


class _Index:
    """Statements, compiled and found by action."""

    __slots__ = ("_by_service", "_everywhere", "_found", "_known", "_rules")

    def __init__(self, statements: Sequence[Statement]) -> None:
        self._rules = tuple(map(_rule, statements))
        self._known: dict[str, Rules] = {}
        self._found: dict[tuple[int, ...], Rules] = {(): _NONE}
        self._everywhere: list[tuple[int, Match]] = []
        self._by_service: dict[str, list[tuple[int, Match]]] = {}
        for index, statement in enumerate(statements):
            self._file(index, statement)

    def speaking_of(self, action: str) -> Rules:
        found = self._known.get(action)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
                self._found = {(): _NONE}
            found = self._known[action] = self._find(action)
        return found

    def _file(self, index: int, statement: Statement) -> None:
        """File the patterns of a statement by service, so that an action meets those of its own only."""
        if statement.not_actions:
            match = any_of(statement.actions)
            self._everywhere.append((index, lambda action: not match(action)))
            return
        services: dict[str, list[str]] = {}
        for pattern in statement.actions:
            service = pattern.partition(":")[0]
            services.setdefault("" if "*" in service or "?" in service else service, []).append(pattern)
        for service, patterns in services.items():
            where = self._by_service.setdefault(service, []) if service else self._everywhere
            where.append((index, any_of(patterns)))

    def _find(self, action: str) -> Rules:
        filed = (*self._everywhere, *self._by_service.get(action.partition(":")[0], ()))
        places = tuple(sorted({index for index, match in filed if match(action)}))
        found = self._found.get(places)
        if found is None:
            speaking = [self._rules[index] for index in places]
            denies, allows = (r for r in speaking if not r.allows), (r for r in speaking if r.allows)
            found = self._found[places] = Rules(tuple(denies), tuple(allows))
        return found


def _rule(statement: Statement) -> Rule:
    resource = None
    if statement.resources:
        resource = resource_predicate(statement.resources, negated=statement.not_resources, allows=statement.allows)
    conditions = tuple(dict.fromkeys(map(predicate_of, statement.conditions)))
    return Rule(
        statement.origin,
        statement.allows,
        (resource, *conditions) if resource is not None else conditions,
        None if statement.principals is None else Named(statement.principals, negated=statement.not_principals),
    )
