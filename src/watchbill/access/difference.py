"""What people gain and lose between two team files: person, action, resource and time, not text.

Only actions of which some statement changed can differ. Of those, actions that the same statements speak of before and
after are one question, asked over the whole span by `who_can`, for each resource pattern that the statements name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from watchbill.access.compile import compile_account
from watchbill.access.ways import Step, Way, Ways
from watchbill.access.who import who_can
from watchbill.intervals import Interval, merge, subtract
from watchbill.policy.actions import actions_matching, resource_types
from watchbill.policy.cells import arn_covers, text_witnesses
from watchbill.policy.conditions import Predicate
from watchbill.policy.model import Request, Statement
from watchbill.policy.patterns import any_of, glob, widest
from watchbill.policy.resources import in_parts
from watchbill.policy.services import ALWAYS_ALLOWED, BY_SERVICE
from watchbill.team.model import Team


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """Somebody gains or loses actions for some spans."""

    account: str
    person: str
    gained: bool
    intervals: tuple[Interval, ...]
    resource: str
    actions: tuple[str, ...]
    """As few patterns as say it: `ec2:*` for all that a service has, `ec2:Describe*` for all of a verb."""
    conditions: tuple[str, ...]


def differences(old: Team, new: Team, within: Interval) -> tuple[Change, ...]:
    """Give what people gain and lose within a span, compiled from two team files as of its start."""
    found: dict[Key, list[str]] = {}
    for account in dict.fromkeys((*old.accounts, *new.accounts)):
        before, after = _ways(old, account, within), _ways(new, account, within)
        for actions in _questions(before, after):
            for change in _compared(old, new, before, after, account, actions[0], within):
                found.setdefault(change, []).extend(actions)
    return tuple(sorted(_change(key, actions) for key, actions in found.items()))


Key = tuple[str, str, bool, tuple[Interval, ...], str, tuple[str, ...]]
"""Account, person, whether gained, spans, resource, conditions."""


def _change(key: Key, actions: Sequence[str]) -> Change:
    account, person, gained, intervals, resource, needs = key
    return Change(account, person, gained, intervals, resource, _patterns(actions), needs)


def _ways(team: Team, account: str, within: Interval) -> Ways | None:
    if account not in team.accounts:
        return None
    return Ways(compile_account(team, team.accounts[account], within.start).state)


def _questions(before: Ways | None, after: Ways | None) -> Iterator[list[str]]:
    """Give the actions that may differ, those together that the same statements speak of."""
    pairs = list(_pairs(before, after))
    patterns = dict.fromkeys(pattern for old, new in pairs for pattern in _changed(old, new))
    evaluators = list(dict.fromkeys(step.evaluator for pair in pairs for side in pair for step in side))
    groups: dict[tuple[object, ...], list[str]] = {}
    for action in dict.fromkeys(action for pattern in sorted(patterns) for action in _standing_for(pattern)):
        if action.lower() not in ALWAYS_ALLOWED:
            special = action if action.lower().startswith(BY_SERVICE) else ""
            speaking = tuple(evaluator.speaking_of(action.lower()) for evaluator in evaluators)
            groups.setdefault((special, *speaking), []).append(action)
    yield from groups.values()


def _standing_for(pattern: str) -> tuple[str, ...]:
    """Give the listed actions of a pattern; where AWS lists none, the pattern itself stands for what it may mean."""
    return actions_matching(pattern) or (pattern,)


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
        sides = [{_content(s): s for s in _statements(side[place])} if place < len(side) else {} for side in (old, new)]
        differ = [sides[0].get(key) or sides[1][key] for key in sides[0].keys() ^ sides[1].keys()]
        if place < longer - 1 and any(_of_taking(each) for each in differ):
            differ = [s for side in (old, new) for step in side[place + 1 :] for s in _statements(step)]
        for statement in differ:
            yield from ("*",) if statement.not_actions else statement.actions


def _of_taking(statement: Statement) -> bool:
    return any_of(statement.actions)("sts:assumerole") is not statement.not_actions


def _statements(step: Step) -> Iterator[Statement]:
    layers = step.evaluator.layers
    for policy in (*layers.identity, *((layers.resource,) if layers.resource else ())):
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
            spans.setdefault(part.conditions, []).append(part.interval)
    return {person: _by_needs(spans) for person, spans in found.items()}


def _by_needs(spans: Mapping[tuple[str, ...], Sequence[Interval]]) -> dict[tuple[str, ...], list[Interval]]:
    """Merge spans; what is held without conditions is not held under conditions besides."""
    always = merge(spans.get((), ()))
    found: dict[tuple[str, ...], list[Interval]] = {(): list(always)} if always else {}
    for needs, each in spans.items():
        if needs and (rest := [part for span in merge(each) for part in subtract(span, always)]):
            found[needs] = rest
    return found


def _patterns(actions: Iterable[str]) -> tuple[str, ...]:
    """Say actions in as few patterns as possible: a service as a whole, all there are as `*`."""
    listed = set(actions)
    if listed >= set(actions_matching("*")):
        return ("*",)
    found: list[str] = []
    for service in sorted({action.partition(":")[0] for action in listed}):
        mine = sorted(action for action in listed if action.startswith(f"{service}:"))
        found += [f"{service}:*"] if set(mine) >= set(actions_matching(f"{service}:*")) else _by_verb(mine)
    return tuple(found)


def _by_verb(actions: Sequence[str]) -> Iterator[str]:
    """Say the actions of one service by their first word where they are all there are of it."""
    by_verb: dict[str, list[str]] = {}
    for action in actions:
        found = _VERB.match(action)
        by_verb.setdefault(found.group() if found else action, []).append(action)
    for verb, mine in by_verb.items():
        whole = len(mine) > 1 and set(mine) >= set(actions_matching(f"{verb}*"))
        yield from (f"{verb}*",) if whole else mine


_VERB = re.compile(r"[a-z0-9-]+:[A-Z][a-z]+")
