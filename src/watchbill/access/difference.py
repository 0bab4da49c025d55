"""What people gain and lose between two team files: person, action, resource and time, not text.

Only actions that some changed statement speaks of can differ, and of those only such as some statement allows. Actions
of which the same statements speak before and after are one question, asked over the whole span by `who_can`, for each
resource pattern that the statements name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from watchbill.access.center.declared import declared_state
from watchbill.access.ways import Step, Way, Ways
from watchbill.access.who import who_can
from watchbill.intervals import Interval, merge, subtract
from watchbill.policy.actions import actions_matching, resource_types
from watchbill.policy.cells import arn_covers, text_witnesses
from watchbill.policy.conditions import Predicate
from watchbill.policy.evaluate import Evaluator
from watchbill.policy.model import Request, Statement
from watchbill.policy.patterns import Match, any_of, glob, widest
from watchbill.policy.resources import in_parts
from watchbill.policy.services import ALWAYS_ALLOWED, rules_of_services
from watchbill.policy.statements import PolicyError, parse_policy
from watchbill.team.model import PermissionSet, Team


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """Somebody gains or loses actions for some spans."""

    account: str
    person: str
    gained: bool
    intervals: tuple[Interval, ...]
    resource: str
    actions: tuple[str, ...]
    """Patterns, none of which has more in it: `ec2:*` for all that a service has, `ec2:Describe*` for all of a verb."""
    words: str
    """The same actions in fewer words: `ec2:* but ec2:Describe*; s3:GetObject`."""
    conditions: tuple[str, ...]


def differences(old: Team, new: Team, within: Interval) -> tuple[Change, ...]:
    """Give what people gain and lose within a span, compiled from two team files as of its start."""
    old, new = _in_order(old), _in_order(new)
    found: dict[Key, list[str]] = {}
    unlisted: dict[str, None] = {}
    for account in dict.fromkeys((*old.accounts, *new.accounts)):
        before, after = _ways(old, account, within), _ways(new, account, within)
        unlisted |= dict.fromkeys(_unlisted(before, after))
        for actions in _questions(before, after):
            for change in _compared(old, new, before, after, account, actions[0], within):
                found.setdefault(change, []).extend(actions)
    return tuple(sorted(_change(key, actions, frozenset(unlisted)) for key, actions in found.items()))


Key = tuple[str, str, bool, tuple[Interval, ...], str, tuple[str, ...]]
"""Account, person, whether gained, spans, resource, conditions."""


def _change(key: Key, actions: Iterable[str], unlisted: frozenset[str]) -> Change:
    account, person, gained, intervals, resource, needs = key
    every, told = _every(unlisted, of_resources=resource != "*"), frozenset(actions)
    return Change(account, person, gained, intervals, resource, tuple(_listed(every, told)), _words(every, told), needs)


def _in_order(team: Team) -> Team:
    """Give a team whose policies are in one order, so that what differs by order alone reads alike."""
    return replace(team, permission_sets={name: _set_in_order(each) for name, each in team.permission_sets.items()})


def _set_in_order(found: PermissionSet) -> PermissionSet:
    if found.policy is None:
        return replace(found, allow=tuple(sorted(found.allow)), deny=tuple(sorted(found.deny)))
    try:
        parse_policy(found.policy, found.name)
    except PolicyError:
        return found  # refused where it is held, statement by its number in the file
    return replace(found, policy=_sorted(found.policy))


_SINGLE = frozenset({"Version", "Id", "Effect"})


def _sorted(found: Any) -> Any:
    """Sort what has no order in a policy. One value is a list of one; names of statements are left out."""
    if isinstance(found, Mapping):
        of = {name: found[name] for name in sorted(found) if name != "Sid"}
        return {name: each if name in _SINGLE else _sorted(_several(each)) for name, each in of.items()}
    return sorted(map(_sorted, found), key=repr) if isinstance(found, list | tuple) else found


def _several(found: Any) -> Any:
    return found if isinstance(found, Mapping | list | tuple) else [found]


def _ways(team: Team, account: str, within: Interval) -> Ways | None:
    if account not in team.accounts:
        return None
    return Ways(declared_state(team, team.accounts[account], within.start))


def _questions(before: Ways | None, after: Ways | None) -> Iterator[list[str]]:
    """Give the actions that may differ, those together that the same statements speak of."""
    pairs = list(_pairs(before, after))
    lasts = [side[-1] for pair in pairs for side in pair if side]
    spoken = dict.fromkeys(_spoken(statement) for step in lasts for statement in _statements(step.evaluator))
    speak = [_speaks(each) for each in spoken]
    groups: dict[tuple[object, ...], list[str]] = {}
    for action in _in_question(pairs):
        name = action.lower()
        if name not in ALWAYS_ALLOWED:
            # An action that takes no resource is not asked about those that statements name.
            alike = (rules_of_services(name), resource_types(name) == (), *(each(name) for each in speak))
            groups.setdefault(alike, []).append(action)
    yield from groups.values()


_Spoken = tuple[tuple[str, ...], bool]
"""The patterns of a statement's actions, and whether it speaks of all others."""


def _spoken(statement: Statement) -> _Spoken:
    return statement.actions, statement.not_actions


def _speaks(spoken: _Spoken) -> Match:
    patterns, negated = spoken
    match = any_of(patterns)
    return (lambda action: not match(action)) if negated else match


def _in_question(pairs: Iterable[tuple[Sequence[Step], Sequence[Step]]]) -> Iterable[str]:
    """Give the actions that changed statements of a way speak of and that its last step may allow."""
    cases: dict[tuple[frozenset[str], frozenset[_Spoken]], None] = {}
    for old, new in pairs:
        lasts = [side[-1] for side in (old, new) if side]
        allows = frozenset(_spoken(each) for step in lasts for each in _statements(step.evaluator) if each.allows)
        cases[frozenset(_changed(old, new)), allows] = None
    found: dict[str, None] = {}
    for changed, allows in cases:
        for spoken in allows if changed else ():
            found |= dict.fromkeys(_in_both(changed, spoken))
    return sorted(found)


def _in_both(changed: frozenset[str], allowed: _Spoken) -> Iterator[str]:
    """Give the actions of both; where AWS lists none of a pattern, the pattern itself stands for what it may mean."""
    differs, allows = any_of(changed), _speaks(allowed)
    for pattern in ("*",) if allowed[1] else allowed[0]:
        yield from (a for a in actions_matching(pattern) or (pattern,) if differs(a.lower()) and allows(a.lower()))
    yield from (pattern for pattern in changed if not actions_matching(pattern) and allows(pattern))


def _unlisted(*sides: Ways | None) -> Iterator[str]:
    """Give the patterns of which AWS lists no action, as far as steps that are asked about have them."""
    steps = (way.steps[-1] for side in sides for way in _by_way(side).values())
    for evaluator in dict.fromkeys(step.evaluator for step in steps):
        for statement in _statements(evaluator):
            yield from (pattern for pattern in statement.actions if not actions_matching(pattern))


def _pairs(before: Ways | None, after: Ways | None) -> Iterator[tuple[Sequence[Step], Sequence[Step]]]:
    """Pair the steps of each user's ways before and after."""
    sides = [_by_way(ways) for ways in (before, after)]
    seen: set[tuple[object, ...]] = set()
    for key in dict.fromkeys((*sides[0], *sides[1])):
        old, new = (side[key].steps if key in side else () for side in sides)
        told = tuple(tuple(step.evaluator for step in steps) for steps in (old, new))
        if told not in seen:
            seen.add(told)
            yield old, new


def _by_way(ways: Ways | None) -> dict[tuple[str, str], Way]:
    return {} if ways is None else {(way.user, way.name): way for user in ways.users for way in ways.of(user)}


def _changed(old: Sequence[Step], new: Sequence[Step]) -> Iterator[str]:
    """Give the action patterns of statements that only one side has, step by step.

    Where taking the role has changed, all that the role gives may differ.
    """
    longer = max(len(old), len(new))
    for place in range(longer):
        sides = [
            {_content(s): s for s in _statements(side[place].evaluator)} if place < len(side) else {}
            for side in (old, new)
        ]
        differ = [sides[0].get(key) or sides[1][key] for key in sides[0].keys() ^ sides[1].keys()]
        if place < longer - 1 and any(_of_taking(each) for each in differ):
            differ = [s for side in (old, new) for step in side[place + 1 :] for s in _statements(step.evaluator)]
        for statement in differ:
            yield from ("*",) if statement.not_actions else statement.actions


def _of_taking(statement: Statement) -> bool:
    return any_of(statement.actions)("sts:assumerole") is not statement.not_actions


def _statements(evaluator: Evaluator) -> Iterator[Statement]:
    layers = evaluator.layers
    for policy in (*layers.identity, *(layers.boundary or ()), *((layers.resource,) if layers.resource else ())):
        yield from policy.statements


def _content(statement: Statement) -> tuple[object, ...]:
    principals = tuple(sorted((kind, names) for kind, names in (statement.principals or {}).items()))
    return (
        statement.allows,
        statement.actions,
        statement.not_actions,
        statement.resources,
        statement.not_resources,
        principals,
        statement.conditions,
    )


def _compared(
    old: Team, new: Team, before: Ways | None, after: Ways | None, account: str, action: str, within: Interval
) -> Iterator[Key]:
    ours = {role for side in (before, after) if side is not None for role in side.roles}
    for said, resource in _resources(action, before, after).items():
        if resource in ours:
            continue  # taking a role gives what the role gives, which is compared itself
        asked = Request(action, resource, {}, some=resource == "*")
        was, becomes = (_held(team, ways, asked, within) for team, ways in ((old, before), (new, after)))
        for person in sorted(was.keys() | becomes.keys()):
            mine, yours = was.get(person, {}), becomes.get(person, {})
            for needs in sorted(mine.keys() | yours.keys()):
                gone, come = mine.get(needs, []), yours.get(needs, [])
                for gained, have, had in ((True, come, gone), (False, gone, come)):
                    if spans := tuple(rest for interval in have for rest in subtract(interval, had)):
                        yield account, person, gained, spans, said, needs


def _resources(action: str, *sides: Ways | None) -> dict[str, str]:
    """Give a resource for each way in which the statements about an action tell resources apart, by words for it."""
    predicates: dict[Predicate, None] = {}
    steps = (step for side in sides for way in _by_way(side).values() for step in way.steps if step.action is None)
    for evaluator in dict.fromkeys(step.evaluator for step in steps):
        for level in evaluator.speaking_of(action.lower()):
            predicates |= dict.fromkeys(p for rule in (*level.denies, *level.allows) for p in rule.predicates)
    patterns = list(dict.fromkeys(widest(pattern) for p in predicates for pattern in p.patterns if pattern != "*"))
    if not patterns or resource_types(action) == ():
        return {"*": "*"}
    tokens = [glob(pattern) for pattern in patterns]
    parted, whole = [t for t in tokens if in_parts(t)], [t for t in tokens if not in_parts(t)]
    return {_said(text, patterns): text for text in text_witnesses(whole, arns=parted)}


def _said(resource: str, patterns: Sequence[str]) -> str:
    """Say which resources one stands for: the narrowest pattern it matches, without those inside that it does not."""
    hits = [pattern for pattern in patterns if arn_covers(glob(pattern), glob(resource))]
    misses = [pattern for pattern in patterns if pattern not in hits]
    if not hits:
        return f"all but {', '.join(patterns)}"
    narrowest = max(hits, key=len)
    inside = [pattern for pattern in misses if arn_covers(glob(narrowest), glob(pattern))]
    return f"{narrowest} but {', '.join(inside)}" if inside else narrowest


def _held(
    team: Team, ways: Ways | None, asked: Request, within: Interval
) -> Mapping[str, dict[tuple[str, ...], list[Interval]]]:
    """Give when each person may do something, by the conditions under which; the ways they have are put together."""
    found: dict[str, dict[tuple[str, ...], list[Interval]]] = {}
    if ways is None:
        return found
    people = {person.iam_user: name for name, person in team.people.items()}
    for holder in who_can(ways, asked, within):
        spans = found.setdefault(people.get(holder.user, holder.user), {})
        for part in holder.parts:
            spans.setdefault(tuple(sorted(part.conditions)), []).append(part.interval)
    return {person: _by_needs(spans) for person, spans in found.items()}


def _by_needs(spans: Mapping[tuple[str, ...], Sequence[Interval]]) -> dict[tuple[str, ...], list[Interval]]:
    """Merge spans; what is held without conditions is not held under conditions besides."""
    always = merge(spans.get((), ()))
    found: dict[tuple[str, ...], list[Interval]] = {(): list(always)} if always else {}
    for needs, each in spans.items():
        if needs and (rest := [part for span in merge(each) for part in subtract(span, always)]):
            found[needs] = rest
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Branch:
    """Actions that a pattern speaks of."""

    pattern: str
    actions: frozenset[str]
    parts: tuple["_Branch", ...] = ()
    """The same actions by narrower patterns."""
    exact: bool = True
    """Whether the pattern speaks of no others."""


@lru_cache(maxsize=8)
def _every(unlisted: frozenset[str], *, of_resources: bool) -> _Branch:
    """Give all actions by service and verb: those that AWS lists, or may be on a resource, and others besides."""
    listed = (a for a in actions_matching("*") if not of_resources or resource_types(a) != ())
    services: dict[str, list[str]] = {}
    for action in sorted({*listed, *unlisted}):
        services.setdefault(action.partition(":")[0], []).append(action)
    return _branch("*", [_service(name, actions) for name, actions in services.items()])


def _service(name: str, actions: Sequence[str]) -> _Branch:
    verbs: dict[str, list[str]] = {}
    for action in actions:
        found = _VERB.match(action)
        verbs.setdefault(found.group() if found else action, []).append(action)
    parts = [_verb(verb, mine, actions) for verb, mine in verbs.items()]
    return _branch(f"{name}:*", parts, exact=bool(actions_matching(f"{name}:*")))


def _verb(verb: str, mine: Sequence[str], actions: Sequence[str]) -> _Branch:
    """Give the actions that begin with a word; another word may begin so too (`kms:Re` and `kms:Revoke`)."""
    beginning = [action for action in actions if action.lower().startswith(verb.lower())]
    parts = [_Branch(action, frozenset({action})) for action in mine]
    return parts[0] if len(parts) == 1 else _branch(f"{verb}*", parts, exact=len(beginning) == len(mine))


def _branch(pattern: str, parts: Sequence[_Branch], *, exact: bool = True) -> _Branch:
    return _Branch(pattern, frozenset().union(*(part.actions for part in parts)), tuple(parts), exact)


_VERB = re.compile(r"[a-z0-9-]+:[A-Z][a-z]+")


def _listed(branch: _Branch, told: frozenset[str]) -> list[str]:
    """Say those of some actions that are of a branch in as few patterns as have no others."""
    if branch.actions.isdisjoint(told):
        return []
    if branch.exact and branch.actions <= told:
        return [branch.pattern]
    return [pattern for part in branch.parts for pattern in _listed(part, told)]


def _words(every: _Branch, told: frozenset[str]) -> str:
    said = [(pattern, ", ".join(excepted)) for pattern, *excepted in _but(every, told)]
    between = "; " if any(excepted for _, excepted in said) else ", "
    return between.join(f"{pattern} but {excepted}" if excepted else pattern for pattern, excepted in said)


def _but(branch: _Branch, told: frozenset[str]) -> list[list[str]]:
    """Say what `_listed` says, but a pattern with what it has besides behind it where that takes fewer patterns."""
    if branch.actions.isdisjoint(told):
        return []
    if branch.exact and branch.actions <= told:
        return [[branch.pattern]]
    parts = [each for part in branch.parts for each in _but(part, told)]
    whole = [branch.pattern, *_listed(branch, branch.actions - told)]
    return [whole] if branch.exact and len(whole) < sum(map(len, parts)) else parts
