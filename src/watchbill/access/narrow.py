"""A permission set without some actions: as a proposal that a person reads, and never more than the set gives.

The rules, in order:

1. Only what allows is narrowed. What denies stays, and so do resources and conditions: of every action that is left the
   set says what it said, on every resource and under every condition.
2. A pattern of which no listed action is to go stays as it is written, so that what AWS adds later is in it. One of
   which all are to go is left out. Any other is written out as the fewest patterns of what is left of it.
3. A capability is a service and levels: a level goes where every action of it does. A managed policy is AWS's to write:
   it goes where all that it allows does.
4. A statement of a whole policy keeps its place though nothing of it is left: it is told, and a person takes it out.
   `NotAction` is left alone.
5. A set of which nothing would be left is not narrowed: it is to be taken away from people, not to be emptied.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from watchbill.access.permissions import LEVELS, fewest_patterns, known_documents
from watchbill.policy.actions import access_level, actions_matching, is_action
from watchbill.policy.managed import ManagedPolicy, managed_policy
from watchbill.policy.patterns import any_of
from watchbill.team.model import PermissionSet


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A permission set that gives less, and what of it a person has to write."""

    permissions: PermissionSet
    by_hand: tuple[str, ...] = ()
    """What of the set is not used and stands in it all the same, in words."""
    actions: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Of a whole policy: by the place of a statement, from 0, the actions that it is left with."""


def allowed_actions(permissions: PermissionSet) -> tuple[str, ...]:
    """Give the listed actions that a set allows somewhere, in order; managed policies as they are now."""
    found: dict[str, None] = {}
    documents, _ = known_documents(permissions, None)
    for document in documents:
        for statement in _statements(document):
            if statement.get("Effect") == "Allow" and "NotAction" not in statement:
                found.update(dict.fromkeys(a for each in _listed(statement["Action"]) for a in actions_matching(each)))
    return tuple(sorted(found))


def narrowed(permissions: PermissionSet, unused: Iterable[str], used: Iterable[str] = ()) -> Narrowed | None:
    """Give a set without actions that were not used; None where it would be left with nothing, or has nothing to lose.

    `used` are those that must stay though AWS's reference may not list them.
    """
    goes = _Going(frozenset(action.lower() for action in unused), tuple(used))

    if permissions.policy is not None:
        return _policy(permissions, goes)
    made = replace(
        permissions,
        allow=_narrow(permissions.allow, goes),
        capabilities=_capabilities(permissions.capabilities, goes),
        managed=tuple(each for each in permissions.managed if not _managed_goes(each, goes)),
    )
    nothing = not (made.allow or made.capabilities or made.managed or made.shells)
    return None if nothing or made == permissions else Narrowed(made)


@dataclass(frozen=True, slots=True)
class _Going:
    """Tells which actions are to go."""

    gone: frozenset[str]
    used: tuple[str, ...]

    def __call__(self, action: str) -> bool:
        return action.lower() in self.gone

    def unlisted(self, pattern: str) -> list[str]:
        """Give what a pattern allows that was used and is not listed."""
        matches = any_of([pattern.lower()])
        return [each for each in self.used if not is_action(each) and matches(each.lower())]


def _policy(permissions: PermissionSet, goes: _Going) -> Narrowed | None:
    assert permissions.policy is not None, "who asks has looked"
    statements, by_hand, changed = list(_statements(permissions.policy)), list[str](), dict[int, tuple[str, ...]]()
    for place, statement in enumerate(statements):
        if statement.get("Effect") != "Allow" or "Action" not in statement:
            continue
        actions = tuple(_listed(statement["Action"]))
        left = _narrow(actions, goes)
        if not left:
            by_hand.append(f"statement {statement.get('Sid') or place + 1} gives nothing that was used")
        elif left != actions:
            changed[place] = left
            statements[place] = {**statement, "Action": list(left)}
    allows = sum(1 for each in statements if each.get("Effect") == "Allow")
    if (not changed and not by_hand) or len(by_hand) == allows:
        return None
    policy = {**permissions.policy, "Statement": statements}
    return Narrowed(replace(permissions, policy=policy), tuple(by_hand), changed)


def _narrow(patterns: Sequence[str], goes: _Going) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for pattern in patterns for each in _left(pattern, goes)))


def _left(pattern: str, goes: _Going) -> Iterator[str]:
    every = actions_matching(pattern)
    kept = [action for action in every if not goes(action)]
    if len(kept) == len(every):
        # One that AWS does not list may be newer than the list, so that nothing is known of it.
        yield pattern
        return
    within = frozenset(every)
    for service, group in groupby(kept, key=lambda action: action.partition(":")[0]):
        of_service = list(group)
        others = [action for action in actions_matching(f"{service}:*") if goes(action) or action not in within]
        short = fewest_patterns(of_service, others) if others else (f"{service}:*",)
        yield from short if _is_within(short, pattern) else of_service
    yield from goes.unlisted(pattern)


def _is_within(patterns: Iterable[str], pattern: str) -> bool:
    """Tell whether patterns are within another whatever AWS comes to list: it must be how all of them begin."""
    stem = pattern.lower().removesuffix("*")
    return not set(stem) & set("*?") and all(each.lower().startswith(stem) for each in patterns)


def _capabilities(capabilities: Mapping[str, tuple[str, ...]], goes: _Going) -> Mapping[str, tuple[str, ...]]:
    found = {
        service: tuple(level for level in levels if not _level_goes(service, level, goes))
        for service, levels in capabilities.items()
    }
    return {service: levels for service, levels in found.items() if levels}


def _level_goes(service: str, level: str, goes: _Going) -> bool:
    every = [each for each in actions_matching(f"{service}:*") if access_level(each) == LEVELS.get(level)]
    return bool(every) and all(map(goes, every))


def _managed_goes(name: str, goes: _Going) -> bool:
    policy = managed_policy(name)
    if not isinstance(policy, ManagedPolicy):
        return False
    allowed = list(_statements(policy.document))
    if any("NotAction" in statement for statement in allowed if statement.get("Effect") == "Allow"):
        return False
    patterns = [p for s in allowed if s.get("Effect") == "Allow" for p in _listed(s["Action"])]
    # A managed policy that denies something is no mere gift.
    gives = all(statement.get("Effect") == "Allow" for statement in allowed)
    return gives and all(bool(every := actions_matching(p)) and all(map(goes, every)) for p in patterns)


def _statements(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    found = document["Statement"]
    yield from [found] if isinstance(found, Mapping) else found


def _listed(found: str | Sequence[str]) -> Sequence[str]:
    return [found] if isinstance(found, str) else found
