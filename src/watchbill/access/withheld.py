"""What a plan gives that the organization withholds: actions that a permission set names, and that nobody may do there.

A pattern is said where all that it speaks of is denied, so that a set that is wide on purpose is not complained of. The
engine decides over every resource, time and context: what is denied on a condition, or on some resources, is not said.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from watchbill.access.model import AccountState, Lineage
from watchbill.access.permissions import known_documents
from watchbill.access.ways import Levels, scps_of
from watchbill.errors import Problem
from watchbill.policy.actions import actions_matching
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Request
from watchbill.policy.prove import Counterexample, Proof, any_allowed
from watchbill.policy.rules import Policy
from watchbill.policy.statements import PolicyError, parse_policy
from watchbill.team.model import PermissionSet, Team


_MOST = 8
"""Names that are written out."""


def withheld(
    team: Team, observed: Mapping[str, AccountState], given: Collection[tuple[str, str]], at: datetime
) -> Iterator[Problem]:
    """Give what is void of permission sets, each `given` in an account, at the place of the set."""
    found: dict[tuple[str, str], tuple[dict[str, None], dict[str, None]]] = {}
    known: dict[tuple[str, object], tuple[tuple[str, str], ...]] = {}
    for name, account in sorted(given):
        lineage = observed[account].lineage
        levels = None if lineage is None else scps_of(lineage)
        if lineage is None or levels is None:
            continue
        key = (name, _alike(lineage))
        if key not in known:
            known[key] = tuple(_void(team.permission_sets[name], levels, at))
        for pattern, by in known[key]:
            patterns, accounts = found.setdefault((name, by), ({}, {}))
            patterns[pattern] = accounts[account] = None
    for (name, by), (patterns, accounts) in found.items():
        message = f"permission set `{name}` gives in {_few(accounts)} what is denied there {by}: {_few(patterns)}"
        yield Problem.at("withheld", message, team.permission_sets[name].where)


def _alike(lineage: Lineage) -> object:
    """Tell apart what bounds accounts; what is attached to the account itself is named by the account."""
    *above, own = lineage.levels
    same = {policy.id for level in above for policy in level.scps}
    return tuple(level.id for level in above), tuple(p.id for p in own.scps), {p.id for p in own.scps} <= same or own.id


def _few(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MOST} more" if len(every) > _MOST else ""
    return ", ".join(every[:_MOST]) + more


def _void(permissions: PermissionSet, levels: Levels, at: datetime) -> Iterator[tuple[str, str]]:
    """Give the patterns that a set allows and of which nothing is left, each with what denies it, in words."""
    try:
        policies = tuple(parse_policy(each, permissions.name) for each in known_documents(permissions, at)[0])
    except PolicyError:
        return  # `permission_problems` says so
    asking = _Asking(policies, levels)
    allowing = (s for policy in policies for s in policy.statements if s.allows and not s.not_actions)
    named = (pattern for statement in allowing for pattern in statement.actions)
    for pattern in dict.fromkeys(named):
        by = asking.denied(pattern)
        if by is not None:
            yield next(iter(actions_matching(pattern)), pattern) if set(pattern).isdisjoint("*?") else pattern, by


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks what is left of a permission set."""

    policies: tuple[Policy, ...]
    levels: Levels

    def denied(self, pattern: str) -> str | None:
        """Say by what all that a pattern speaks of is denied; None where something is left, or was not given at all."""
        by: dict[str, None] = {}
        bounds = Evaluator(Layers(scps=self.levels))
        for action in actions_matching(pattern) or (pattern,):
            speaking = [level for level in bounds.speaking_of(action.lower()) if level.name == "scp"]
            if all(level.allows and not level.denies for level in speaking):
                return None
            said = self._denied(action, [n for n, level in enumerate(speaking) if not level.allows])
            if said is None:
                return None
            by |= dict.fromkeys(said)
        return " and ".join(by) or None

    def _denied(self, action: str, without: list[int]) -> list[str] | None:
        asked = Request(action, "*", {})
        alone = any_allowed(Evaluator(Layers(self.policies, resource_unread=True)), asked, [action])
        left = any_allowed(Evaluator(Layers(self.policies, scps=self.levels, resource_unread=True)), asked, [action])
        if not isinstance(alone, Counterexample) or not isinstance(left, Proof):
            return None
        own = {policy.name for policy in self.policies}
        held = [origin.document for origin in left.held_by if origin.document not in own]
        return [f"by {name}" for name in held] or [
            f"for want of an Allow in {' or '.join(p.name for p in self.levels[n])}" for n in without[:1]
        ]
