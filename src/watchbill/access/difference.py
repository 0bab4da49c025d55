"""What people gain and lose between two team files: person, action, resource and time, not text.

Only actions of which some statement changed can differ. Of those, actions that the same statements speak of before and
after are one question, asked over the whole span by `who_can`, for each resource pattern that the statements name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from watchbill.access.compile import compile_account
from watchbill.access.ways import Way, Ways
from watchbill.access.who import who_can
from watchbill.intervals import Interval, merge, subtract
from watchbill.policy.actions import actions_matching
from watchbill.policy.conditions import Predicate
from watchbill.policy.evaluate import Evaluator
from watchbill.policy.model import Request, Statement
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
    patterns = {pattern for old, new in pairs for pattern in _changed(old, new)}
    groups: dict[tuple[object, ...], list[str]] = {}
    evaluators = list(dict.fromkeys(evaluator for pair in pairs for side in pair for evaluator in side))
    for action in dict.fromkeys(action for pattern in sorted(patterns) for action in actions_matching(pattern)):
        speaking = tuple(evaluator.speaking_of(action.lower()) for evaluator in evaluators)
        groups.setdefault(speaking, []).append(action)
    yield from groups.values()


def _pairs(before: Ways | None, after: Ways | None) -> Iterator[tuple[list[Evaluator], list[Evaluator]]]:
    """Pair what decides for each user by each way before and after, where the two are not alike."""
    sides = [_by_way(ways) for ways in (before, after)]
    seen: set[tuple[object, ...]] = set()
    for key in dict.fromkeys((*sides[0], *sides[1])):
        pair = tuple([step.evaluator for step in side[key].steps] if key in side else [] for side in sides)
        told = tuple(tuple(map(id, evaluators)) for evaluators in pair)
        if told not in seen:
            seen.add(told)
            yield pair[0], pair[1]


def _by_way(ways: Ways | None) -> dict[tuple[str, str], Way]:
    return {} if ways is None else {(way.user, way.name): way for user in ways.users for way in ways.of(user)}


def _changed(old: Iterable[Evaluator], new: Iterable[Evaluator]) -> Iterator[str]:
    """Give the action patterns of statements that only one side has."""
    sides = [{_content(s): s for e in side for s in _statements(e)} for side in (old, new)]
    for key in sides[0].keys() ^ sides[1].keys():
        statement = sides[0].get(key) or sides[1][key]
        yield from ("*",) if statement.not_actions else statement.actions


def _statements(evaluator: Evaluator) -> Iterator[Statement]:
    layers = evaluator.layers
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
    for resource in _resources(action, before, after):
        if resource in ours:
            continue  # taking a role gives what the role gives, which is compared itself
        asked = Request(action, resource, {}, some=True)
        was, becomes = (_held(team, ways, asked, within) for team, ways in ((old, before), (new, after)))
        for person in sorted(was.keys() | becomes.keys()):
            mine, yours = was.get(person, {}), becomes.get(person, {})
            for needs in sorted(mine.keys() | yours.keys()):
                gone, come = mine.get(needs, []), yours.get(needs, [])
                for gained, have, had in ((True, come, gone), (False, gone, come)):
                    if spans := tuple(rest for interval in have for rest in subtract(interval, had)):
                        yield account, person, gained, spans, resource, needs


def _resources(action: str, *sides: Ways | None) -> list[str]:
    """Give the resource patterns that statements about an action name; `*` where one speaks of all."""
    predicates: dict[Predicate, None] = {}
    everything = False
    for evaluator in dict.fromkeys(s.evaluator for side in sides for way in _by_way(side).values() for s in way.steps):
        for level in evaluator.speaking_of(action.lower()):
            for rule in level.allows:
                of_resource = [each for each in rule.predicates if each.patterns]
                everything = everything or not of_resource
                predicates |= dict.fromkeys(of_resource)
    named = dict.fromkeys(pattern for predicate in predicates for pattern in predicate.patterns if "${" not in pattern)
    return [*(["*"] if everything or not named else []), *named]


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
    return {person: {needs: list(merge(each)) for needs, each in spans.items()} for person, spans in found.items()}


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
