"""What a team file gives that the organization withholds: actions that are given in vain, and sets left empty.

A pattern is said where all that it speaks of is denied, so that a set that is wide on purpose is not complained of. The
engine decides over every resource, time and context: what is denied on a condition, or on some resources, is not said.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import msgspec

from watchbill.access.model import AccountState, Lineage
from watchbill.access.permissions import known_documents
from watchbill.access.ways import Levels, scps_of
from watchbill.errors import Problem
from watchbill.policy.actions import actions_matching
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Request
from watchbill.policy.prove import Counterexample, NotKnown, Proof, any_allowed
from watchbill.policy.rules import Policy
from watchbill.policy.services import ALWAYS_ALLOWED
from watchbill.policy.statements import PolicyError, parse_policy
from watchbill.team.model import PermissionSet, Team


_MOST = 8
"""Names that are written out."""

_OWN = "the permission set"
_BY_ALL = "by what its policies allow"
_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


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


@dataclass(frozen=True, slots=True)
class Emptied:
    """That all which a permission set gives in an account is denied there, or that this is not known."""

    is_sure: bool
    why: str
    """By what it is denied, or why it is not known."""

    @property
    def words(self) -> str:
        """Say it."""
        return f"denied by the organization, {self.why}" if self.is_sure else f"not known if denied: {self.why}"


def emptied(permissions: PermissionSet, state: AccountState, at: datetime) -> Emptied | None:
    """Tell whether the organization leaves nothing of a permission set in an account; None where something is left.

    AWS changes its managed policies: where it is not sure what one gave at an instant, something is taken to be left of
    it where something is of the newest that is known.
    """
    if state.lineage is None:
        return Emptied(is_sure=False, why="; ".join(state.unread_bounds)) if state.unread_bounds else None
    if not state.lineage.has_scps or state.lineage.is_management:
        return None
    documents, unsure = known_documents(permissions, at)
    # As JSON it can be looked up: the same few are asked about on every page, and in every account of a unit.
    bounds = msgspec.json.encode(_of_any(state.lineage))
    found = _emptied(msgspec.json.encode(documents), bounds, unsure)
    if found is not None and not found.is_sure and unsure:
        newest, unknown = known_documents(permissions, None)
        if not unknown and _emptied(msgspec.json.encode(newest), bounds, ()) is None:
            return None
    return found


def _of_any(lineage: Lineage) -> Lineage:
    """Give a lineage by what SCPs say of it, and not of which account it is: accounts that are bound alike have one."""
    *above, own = (replace(level, rcps=()) for level in lineage.levels)
    return replace(lineage, levels=(*above, replace(own, id="", name="the account")))


def emptied_sets(
    team: Team, bounded: Mapping[str, AccountState], columns: Iterable[tuple[str, str]], at: datetime
) -> dict[tuple[str, str], Emptied]:
    """Tell it of permission sets in accounts, each by account and name: of accounts that are bound alike once."""
    alike = {account: _bounds(state) for account, state in bounded.items()}
    known: dict[tuple[str, object], Emptied | None] = {}
    found: dict[tuple[str, str], Emptied] = {}
    for account, name in columns:
        key = (name, alike[account])
        if key not in known:
            known[key] = emptied(team.permission_sets[name], bounded[account], at)
        if (told := known[key]) is not None:
            found[account, name] = told
    return found


def _bounds(state: AccountState) -> object:
    """Tell apart what bounds accounts."""
    lineage = state.lineage
    if lineage is None or not lineage.has_scps or lineage.is_management:
        return state.unread_bounds
    return msgspec.json.encode(_of_any(lineage))


@lru_cache(maxsize=1_024)
def _emptied(documents: bytes, lineage: bytes, unsure: tuple[str, ...]) -> Emptied | None:
    policies = tuple(parse_policy(each, _OWN) for each in msgspec.json.decode(documents))
    levels = scps_of(msgspec.json.decode(lineage, type=Lineage)) or ()
    found = _Asking(policies, levels).denied(_actions_of(policies))
    if unsure and found is not None:
        # Nothing is left of what is known: what is not gives everything at the most.
        policies = (*policies, parse_policy(_EVERYTHING, _OWN))
        found = _Asking(policies, levels).denied(_actions_of(policies))
        if found is None:
            return Emptied(is_sure=False, why=f"what {' and '.join(unsure)} gives is not known")
    if isinstance(found, NotKnown):
        return Emptied(is_sure=False, why=found.why)
    return Emptied(is_sure=True, why=found) if found else None


def _actions_of(policies: Iterable[Policy]) -> dict[str, None]:
    """Give the actions that a set speaks of; those that it names are asked about though AWS lists none of the name."""
    allowing = [each for policy in policies for each in policy.statements if each.allows]
    patterns = (pattern for each in allowing for pattern in (("*",) if each.not_actions else each.actions))
    return {action: None for pattern in dict.fromkeys(patterns) for action in actions_matching(pattern) or (pattern,)}


def _void(permissions: PermissionSet, levels: Levels, at: datetime) -> Iterator[tuple[str, str]]:
    """Give the patterns that a set allows and of which nothing is left, each with what denies it, in words."""
    try:
        policies = tuple(parse_policy(each, _OWN) for each in known_documents(permissions, at)[0])
    except PolicyError:
        return  # `permission_problems` says so
    asking = _Asking(policies, levels)
    allowing = (s for policy in policies for s in policy.statements if s.allows and not s.not_actions)
    named = (pattern for statement in allowing for pattern in statement.actions)
    for pattern in dict.fromkeys(named):
        by = asking.denied(actions_matching(pattern) or (pattern,))
        if by and isinstance(by, str):
            yield next(iter(actions_matching(pattern)), pattern) if set(pattern).isdisjoint("*?") else pattern, by


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks what is left of a permission set."""

    policies: tuple[Policy, ...]
    levels: Levels

    def denied(self, actions: Iterable[str]) -> str | NotKnown | None:
        """Say by what all that a set gives of some actions is denied: empty where it gives nothing of them.

        None where something is left.
        """
        asked = Request("", "*", {})
        actions = [each for each in actions if each.lower() not in ALWAYS_ALLOWED]
        wanting: dict[str, None] = {}
        bounds = Evaluator(Layers(scps=self.levels))
        for action in actions:
            speaking = [level for level in bounds.speaking_of(action.lower()) if level.name == "scp"]
            if all(level.allows and not level.denies for level in speaking) and self._gives([action]):
                return None
            without = [n for n, level in enumerate(speaking) if not level.allows]
            wanting |= dict.fromkeys(" or ".join(p.name for p in self.levels[n]) for n in without[:1])
        if not self._gives(actions):
            return ""
        left = any_allowed(Evaluator(Layers(self.policies, scps=self.levels, resource_unread=True)), asked, actions)
        if not isinstance(left, Proof):
            return left if isinstance(left, NotKnown) else None
        held = dict.fromkeys(f"by {each.document}" for each in left.held_by if each.document != _OWN)
        return " and ".join((*held, *(f"for want of an Allow in {each}" for each in wanting))) or _BY_ALL

    def _gives(self, actions: Sequence[str]) -> bool:
        alone = Evaluator(Layers(self.policies, resource_unread=True))
        return isinstance(any_allowed(alone, Request("", "*", {}), actions), Counterexample)
