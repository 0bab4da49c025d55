"""Answer for all requests at once: can any be allowed? A proof that none can, or a request that is.

The way, in order:

1. Actions are taken by the rules that speak of them: those that the same rules speak of are one case.
2. Each key, and the resource, is cut into finitely many cells that no condition tells apart (`domains`).
3. A request that is allowed needs an Allow in each layer that must allow, and must escape every Deny. Each rule is a
   conjunction of predicates, each of one key, so every step only narrows the cells that keys may be in.
4. What the search finds is decided by the evaluator. Only what is allowed there is a counterexample.
5. Where it is not allowed, resources are cut once more, by whose they are and by what services decide themselves, and
   searched anew; what is not allowed even then is not known, and what the evaluator said of it is the reason.

The work is counted in looks, at a place of a pattern or at the cells of a key, over all actions of a question; where
they are more than the budget, the answer is that it is not known.

A predicate that brings a key that is not given into what another is compared with is taken to hold and to fail, as
suits the request: a proof holds all the same, but what is found may be no request, and then the answer is that it is
not known. Assumed: keys hold values of the type that conditions read them as, and one value unless a condition has a
quantifier. Keys that follow from each other, as `aws:CurrentTime` and `aws:EpochTime` do, are taken as free.

Source of the idea: "Stratified Abstraction of Access Control Policies" (CAV 2020).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from watchbill.policy.actions import resource_patterns
from watchbill.policy.cells import BudgetError
from watchbill.policy.conditions import Predicate
from watchbill.policy.context import RESOURCE, Context
from watchbill.policy.domains import Domain, cut
from watchbill.policy.evaluate import (
    NAMING,
    Evaluator,
    Level,
    Way,
    crosses,
    decided_by_service,
    excepts,
    has_policies,
    names,
)
from watchbill.policy.model import Decision, Effect, Origin, Request
from watchbill.policy.operators import arn_matcher
from watchbill.policy.patterns import Match, glob
from watchbill.policy.principals import Naming
from watchbill.policy.rules import Rule
from watchbill.policy.services import BY_SERVICE, always_allowed, must_allow, rules_of_services


@dataclass(frozen=True, slots=True)
class Proof:
    """No request is allowed."""

    held_by: tuple[Origin, ...]
    """Denies that leave no way out, together; empty where no statement allows."""
    layer: str
    """The layer that blocks for want of an Allow; empty where denies hold."""


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A request that is allowed."""

    request: Request
    decision: Decision


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Neither was found."""

    why: str


Answer = Proof | Counterexample | NotKnown

STEPS = 50_000
"""Steps that a search may take, if not told otherwise."""

LOOKS = 100_000_000
"""Looks that a question may take over all its actions."""

_TRIES = 20
"""Requests that are tried by the evaluator before a search is given up."""

_OF_SERVICES = ("*:key/*", "arn:*:iam::aws:policy/*", "arn:*:alias/aws/*", "arn:*:role/aws-reserved/*")
"""Resources of which services have rules of their own."""

_WIDE = 4_096
"""Cells whose bits are copied in the time of a look."""

_LONGEST = 200
"""Characters of a resource that a reason shows."""


def any_allowed(evaluator: Evaluator, asked: Request, actions: Iterable[str], *, steps: int = STEPS) -> Answer:
    """Tell whether any request is allowed: by one of the actions, on a resource that the pattern asked for matches.

    `asked` gives who asks, a pattern as the resource, and the keys that are given, absent or present; every other key
    may be anything. Its action is not looked at.
    """
    proofs: list[Proof] = []
    unknown: NotKnown | None = None
    asked, work = replace(asked, some=False), _Work("looks", LOOKS)
    for action, levels in _cases(evaluator, asked, actions):
        found = _answer(evaluator, replace(asked, action=action), levels, steps, work)
        if isinstance(found, Counterexample):
            return found
        if isinstance(found, Proof):
            proofs.append(found)
        else:
            unknown = unknown or found
    if not proofs and unknown is None:
        return NotKnown("no action was asked")
    held = dict.fromkeys(chain.from_iterable(proof.held_by for proof in proofs))
    return unknown or Proof(tuple(held), "" if held else next((proof.layer for proof in proofs), ""))


def _cases(evaluator: Evaluator, asked: Request, actions: Iterable[str]) -> Iterator[tuple[str, Sequence[Level]]]:
    seen: set[tuple[tuple[bool, ...], tuple[Level, ...]]] = set()
    for action in actions:
        levels = evaluator.asked(replace(asked, action=action))
        case = (rules_of_services(action.lower()), levels)
        if case not in seen:
            seen.add(case)
            yield action, levels


def _answer(evaluator: Evaluator, asked: Request, levels: Sequence[Level], steps: int, work: "_Work") -> Answer:
    """Answer for one action: by a search, and by one that tells more resources apart where that was too coarse."""
    try:
        search = _Search(evaluator, asked, levels, _Work("steps", steps), work)
        found = search.answer()
        if isinstance(found, NotKnown) and search.refused:
            found = _Search(evaluator, asked, levels, _Work("steps", steps), work, fine=True).answer()
    except BudgetError as error:
        return NotKnown(f"{asked.action}: {error}")
    except _TwoClocksError:
        return NotKnown(f"{asked.action}: the time is asked both as a date and as seconds")
    return found


class _Work:
    """Counts work against a budget."""

    def __init__(self, what: str, limit: int) -> None:
        self._what, self._limit, self._left = what, limit, limit

    def spend(self, amount: int) -> None:
        """Take from what is left; raises BudgetError where that is too little."""
        self._left -= amount
        if self._left < 0:
            raise BudgetError(self._what, self._limit)


class _TwoClocksError(Exception):
    """Two keys that are free say the same instant, which cells of each do not tell."""


Cells = Mapping[str, int]
"""For each key the cells that it may still be in, a bit for each."""

Choice = tuple[Rule, Naming] | None
_Asks = tuple[Origin, list[tuple[str, int]]]
"""A Deny, and for each key it asks the cells in which it applies."""
_By = tuple["_By", Origin] | None
"""The Denies that narrowed cells, the latest last: linked, since each way of a search has a list of its own."""
_Open = tuple[Cells, Sequence[_Asks], _By]
"""Cells left, Denies that may still apply in them, and those that narrowed them."""


class _Search:
    """Looks for a request of one action that is allowed."""

    def __init__(
        self,
        evaluator: Evaluator,
        asked: Request,
        levels: Sequence[Level],
        steps: _Work,
        work: _Work,
        *,
        fine: bool = False,
    ) -> None:
        self._evaluator, self._asked, self._levels = evaluator, asked, levels
        self._steps, self._work, self._fine = steps, work, fine
        self._way = Way(evaluator.layers, asked)
        self._forms = _forms(asked)
        self._sure: dict[Predicate, bool] = {}
        """Predicates that hang on no free key."""
        self._domains: dict[str, Domain] = {}
        self._of: dict[Predicate, str] = {}
        """The key that each of the others is about; those in neither may hold and fail."""
        self._held_by: dict[Origin, None] = {}
        self._layer = ""
        """What blocks some resources for want of an Allow."""
        self._loose = ""
        """Why what is found may be no request."""
        self.refused = ""
        """Why something that was found is not allowed after all."""

    def answer(self) -> Answer:
        if always_allowed(self._asked):
            request = replace(self._asked, resource="*", complete=True)
            return Counterexample(request, self._evaluator.decide(request))
        options = [self._allows(level) for level in self._levels]
        best = [max(each, key=lambda option: option[1], default=None) for each in options]
        if (blocked := self._blocked(best)) is not None:
            return Proof((), blocked)
        self._cut()
        for cells in islice(self._found(options, best), _TRIES):
            request = self._request(cells)
            self._work.spend(sum(len(level.denies) + len(level.allows) for level in self._levels))
            decision = self._evaluator.decide(request)
            if decision.effect is Effect.ALLOWED and self._can_be(request.resource):
                return Counterexample(request, decision)
            self.refused = self.refused or _refused(decision, request.resource)
        if self.refused:
            return NotKnown(f"{self._asked.action}: {self._loose or self.refused}")
        if any(domain.mixed for domain in self._domains.values()):
            return NotKnown(f"{self._asked.action}: a key is compared as values of different types")
        return Proof(tuple(self._held_by), "" if self._held_by else self._layer or "identity")

    def _found(self, options: Sequence[Sequence[tuple[Rule, Naming]]], best: Sequence[Choice]) -> Iterator[Cells]:
        """Give cells in which every layer allows that must, and no Deny applies."""
        denies = [found for rule in self._denies() if (found := self._asks(rule)) is not None]
        start = {key: (1 << len(domain.values)) - 1 for key, domain in self._domains.items()}
        for resources in self._alike():
            if (blocked := self._blocked(best)) is not None:
                self._layer = self._layer or blocked
                continue
            for rules in self._choices(options, []):
                cells = self._applying({**start, RESOURCE: resources}, rules)
                if cells is not None:
                    yield from self._escaping(cells, denies)

    def _alike(self) -> Iterator[int]:
        """Give the cells of resources, apart by who must allow for them, which is set anew for each."""
        values = self._domains[RESOURCE].values
        if not self._fine:
            yield (1 << len(values)) - 1
            return
        self._work.spend(len(values) * (1 + len(values) // _WIDE))
        found: dict[tuple[bool, bool | None], tuple[Request, int]] = {}
        for place, value in enumerate(values):
            request = replace(self._asked, resource=str(value))
            if decided_by_service(request) is not None:
                self._layer = self._layer or "service"
            elif self._can_be(request.resource):
                kind = crosses(request), must_allow(request.action.lower(), request.resource, has_policy=True)
                _, cells = found.get(kind, (request, 0))
                found[kind] = request, cells | 1 << place
        for request, cells in found.values():
            self._way = Way(self._evaluator.layers, request)
            yield cells

    def _can_be(self, resource: str | None) -> bool:
        """Tell whether the action can be on a resource: KMS asks of a key, whatever name of it is given."""
        return not self._forms or (resource is not None and any(match(resource) for match in self._forms))

    def _step(self, looks: int) -> None:
        self._steps.spend(1)
        self._work.spend(looks)

    # --- what predicates ask ----------------------------------------------------------------------

    def _cut(self) -> None:
        asked = replace(self._asked, resource=None)
        if asked.resource_account is None:
            # Whose the resource is follows from the resource, which is free: it is not absent, whatever else is.
            asked = replace(asked, unknown=asked.unknown | {"aws:ResourceAccount"})
        given = Context(asked)
        by_key: dict[str, list[Predicate]] = {RESOURCE: []}
        rules = (rule for level in self._levels for rule in (*level.denies, *level.allows))
        for predicate in dict.fromkeys(chain.from_iterable(rule.predicates for rule in rules)):
            free = [key for key in predicate.keys if given.unknown(key)]
            if predicate.why_not:
                self._loose = predicate.why_not
            elif not free:
                self._sure[predicate] = bool(predicate.test(given))
            elif free != [predicate.keys[0]]:
                self._loose = f"`{free[-1]}` is brought into what `{predicate.keys[0]}` is compared with"
            else:
                by_key.setdefault(free[0] if free[0] == RESOURCE else free[0].lower(), []).append(predicate)
        if {"aws:currenttime", "aws:epochtime"} <= by_key.keys():
            raise _TwoClocksError
        for key, asking in by_key.items():
            try:
                domain = cut(key, asking, self._asked, _finer(self._asked) if self._fine and key == RESOURCE else ())
            except BudgetError as error:
                self._work.spend(error.spent)
                raise
            self._work.spend(domain.looks)
            self._domains[key] = domain
            self._of |= dict.fromkeys(asking, key)
        self._width = 1 + max(len(domain.values) for domain in self._domains.values()) // _WIDE

    def _mask(self, predicate: Predicate) -> tuple[str, int] | bool | None:
        """Give the key and the cells in which a predicate holds, or whether it does; None where it is both."""
        key = self._of.get(predicate)
        return self._sure.get(predicate) if key is None else (key, self._domains[key].masks[predicate])

    # --- who must allow ---------------------------------------------------------------------------

    def _allows(self, level: Level) -> list[tuple[Rule, Naming]]:
        asks = level.name in NAMING
        principal = self._asked.principal
        found = [(rule, names(level.name, rule, principal) if asks else Naming.ANYONE) for rule in level.allows]
        # One that always applies is as good as all that name as directly.
        always = max((how for rule, how in found if not rule.predicates), default=None)
        kept = [(rule, how) for rule, how in found if how and (always is None or how > always)]
        return [*kept, *[each for each in found if not each[0].predicates and each[1] == always and each[1]][:1]]

    def _blocked(self, chosen: Sequence[Choice]) -> str | None:
        levels = [(level.name, each is not None) for level, each in zip(self._levels, chosen, strict=True)]
        resource = (
            each[1] for level, each in zip(self._levels, chosen, strict=True) if level.name == "resource" and each
        )
        return self._way.blocked(levels, max(resource, default=Naming.NOT), generous=True)

    def _choices(self, options: Sequence[Sequence[tuple[Rule, Naming]]], chosen: list[Choice]) -> Iterator[list[Rule]]:
        """Give every choice of Allows, one of each level that must allow."""
        self._step(len(options))
        if len(chosen) == len(options):
            if self._blocked(chosen) is None:
                yield [each[0] for each in chosen if each is not None]
            return
        without = [*chosen, None, *[max(each, key=lambda o: o[1], default=None) for each in options[len(chosen) + 1 :]]]
        if self._blocked(without) is None:
            yield from self._choices(options, [*chosen, None])
            if self._levels[len(chosen)].name not in ("resource", "identity"):
                return
        for option in options[len(chosen)]:
            yield from self._choices(options, [*chosen, option])

    def _applying(self, cells: Cells, rules: Sequence[Rule]) -> Cells | None:
        """Keep the cells in which rules apply; None where there are none."""
        self._work.spend(len(cells) // 8 + 1)
        found = dict(cells)
        for predicate in chain.from_iterable(rule.predicates for rule in rules):
            held = self._mask(predicate)
            if isinstance(held, tuple):
                found[held[0]] &= held[1]
            if held is False or not all(found.values()):
                return None
        return found if all(found.values()) else None

    # --- what must not deny -----------------------------------------------------------------------

    def _denies(self) -> list[Rule]:
        principal = self._asked.principal
        bounded = self._evaluator.layers.boundary is not None and has_policies(principal)
        found = []
        for level in self._levels:
            every = level.name not in NAMING
            found += [r for r in level.denies if every or (bounded and excepts(r)) or names(level.name, r, principal)]
        return found

    def _escaping(self, cells: Cells, denies: Sequence["_Asks"]) -> Iterator[Cells]:
        """Give cells in which no Deny applies: each must fail in one of the keys it asks; the hardest first."""
        open_ones: list[_Open] = [(cells, denies, None)]
        while open_ones:
            here, left, by = open_ones.pop()
            self._step(len(here) + len(left))
            forced = self._forced(here, left, by)
            if forced is None:
                continue
            here, left, by = forced
            if not left:
                yield here
                continue
            hardest = min(left, key=lambda each: len(each[1]))
            others = [each for each in left if each is not hardest]
            ways = [(key, here[key] & ~mask) for key, mask in hardest[1]]
            open_ones += [({**here, key: rest}, others, (by, hardest[0])) for key, rest in reversed(ways) if rest]

    def _forced(self, cells: Cells, denies: Sequence["_Asks"], by: "_By") -> "_Open | None":
        """Take every way out that is the only one; give what is left of cells and Denies, None where one has none.

        `by` are the Denies that narrowed the cells so far: with the one that ends the search they hold the proof.
        """
        here, left, before = dict(cells), list(denies), -1
        while before != len(left):
            before, kept = len(left), []
            self._work.spend(sum(len(masks) for _, masks in left) * self._width)
            for each in left:
                origin, masks = each
                if any(not here[key] & mask for key, mask in masks):
                    continue  # it applies in none of these cells
                ways = [(key, rest) for key, mask in masks if (rest := here[key] & ~mask)]
                if not ways:
                    self._held_by |= dict.fromkeys((*_listed(by), origin))
                    return None
                if len(ways) == 1:
                    here[ways[0][0]] = ways[0][1]
                    by = by, origin
                else:
                    kept.append(each)
            left = kept
        return here, _bound(here, left), by

    def _asks(self, rule: Rule) -> "_Asks | None":
        """Give the cells of each key in which a Deny applies; None where it may be taken never to apply."""
        masks: dict[str, int] = {}
        for predicate in rule.predicates:
            held = self._mask(predicate)
            if held is False or held is None:
                return None
            if isinstance(held, tuple):
                key, mask = held
                masks[key] = masks.get(key, mask) & mask
        return rule.origin, list(masks.items())

    def _request(self, cells: Cells) -> Request:
        values = {key: self._domains[key].values[(mask & -mask).bit_length() - 1] for key, mask in cells.items()}
        resource = values.pop(RESOURCE)
        written = {key.lower(): key for predicate in self._of for key in predicate.keys}
        found = {written.get(key, key): value for key, value in values.items() if value is not None}
        context = {**self._asked.context, **found}
        known = replace(self._asked, present=frozenset(), unknown=frozenset())
        return replace(known, resource=str(resource), context=context, complete=True)


def _listed(by: _By) -> Iterator[Origin]:
    found: list[Origin] = []
    while by is not None:
        by, origin = by
        found.append(origin)
    return reversed(found)


def _bound(cells: dict[str, int], denies: Sequence[_Asks]) -> Sequence[_Asks]:
    """Leave out Denies that fail in a key that no other asks, which are free to; narrow that key."""
    asked = Counter(key for _, masks in denies for key, _ in masks)
    left = []
    for each in denies:
        free = next(((key, rest) for key, mask in each[1] if asked[key] == 1 and (rest := cells[key] & ~mask)), None)
        if free is None:
            left.append(each)
        else:
            cells[free[0]] = free[1]
    return left


def _forms(asked: Request) -> tuple[Match, ...]:
    """Give what tells the resources that an action can be on; none where that is left open."""
    forms = resource_patterns(asked.action) if asked.action.lower().startswith("kms:") else None
    return () if forms is None or forms == ("*",) else tuple(arn_matcher(glob(each)) for each in forms)


def _finer(asked: Request) -> tuple[str, ...]:
    """Give patterns that tell resources apart by account, and by what services decide of them."""
    account = asked.principal.account if asked.principal else None
    of_account = () if account is None else (f"arn:*:*:*:{account}:*", "arn:*:*:*::*")
    if not asked.action.lower().startswith(BY_SERVICE):
        return of_account
    return (*of_account, *(resource_patterns(asked.action) or ()), *_OF_SERVICES)


def _refused(decision: Decision, resource: str | None) -> str:
    """Say why what was found is not allowed, for somebody who can do something about it."""
    where = f"on `{(resource or '*')[:_LONGEST]}`"
    if decision.effect is Effect.EXPLICITLY_DENIED:
        return f"{where} it is denied by {decision.deciding[0]}"
    if decision.effect is Effect.IMPLICITLY_DENIED:
        return f"{where} {_WANTING.get(decision.layer or '', f'no {decision.layer} policy allows it')}"
    if decision.not_evaluable:
        return f"{where} it depends on {decision.not_evaluable[0][0]}: {decision.not_evaluable[0][1]}"
    if decision.unknown_keys:
        return f"{where} it depends on {', '.join(decision.unknown_keys)}, which no value was found for"
    return f"{where} the resource's policy, which is not known, must allow it"


_WANTING = {
    "service": "AWS keeps it from everybody",
    "resource": "the resource's own policy must allow it, and does not",
}
"""What an implicit denial says, by layer."""
