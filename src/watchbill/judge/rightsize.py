"""What of each permission set nobody used in a trail, with what that rests on; and the set without it, as a proposal.

The rules, in order:

1. A set is judged by all who hold it, in all accounts in which they do: whoever asked for one of its actions there used
   it, in whatever capacity and by whatever way. So what was used is never less than it was.
2. Nothing is said of a set where the trail does not reach: of an account that it has nothing of, that it begins too
   late or ends too early for, that it has gaps in, or where files could not be read; and where nobody has held the set
   since the span began, or was ever on watch by it.
3. Of an action that was not seen nothing is said where the trail would not show it (`policy.recorded`).
4. What is left is unused, and the set is narrowed by it (`access.narrow`). A set of which nothing was used, and all is
   known, is for a person to take away.
5. That the narrower set allows whatever was seen is asked of the policy engine before it is proposed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchbill.access.entitlements import granted, on_call, role_name, standing
from watchbill.access.history import History
from watchbill.access.narrow import Narrowed, allowed_actions, narrowed
from watchbill.access.permissions import known_documents
from watchbill.errors import Location
from watchbill.intervals import Interval, iso
from watchbill.judge.used import MACHINE, ROLE, Count, Used
from watchbill.judge.workloads import workload_of
from watchbill.policy.actions import actions_matching
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Request
from watchbill.policy.patterns import any_of
from watchbill.policy.recorded import Calls, why_not_sure
from watchbill.policy.statements import parse_policy
from watchbill.team.model import PermissionSet, Team, Workload
from watchbill.trail.coverage import Coverage, GapKind
from watchbill.trail.model import Actor, Confidence, Method


SLACK = timedelta(days=1)
"""How much later than the span a trail may begin, or earlier end, at most: nobody works around the clock."""
_SHARE = 7
"""Of a short span a seventh at most: a trail of an hour says nothing of a day."""

_NAMED = 3
"""How many gaps of an account are named; of the others it is said how many there are."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who holds a set, and what they made of it."""

    person: str
    account: str
    """The name of the account."""
    through: str
    where: Location
    since: datetime | None
    """From when on in the span they have held it; None is all of it."""
    on_watch: timedelta | None
    """How long in the span; None where they hold it at all times."""
    used: Mapping[str, Count]
    """Actions of the set that they asked for, by whatever way."""

    @property
    def events(self) -> int:
        """Give how many events these were."""
        return sum(each.events for each in self.used.values())

    @property
    def last(self) -> datetime | None:
        """Give the instant of the last; None where there is none."""
        return max((each.last for each in self.used.values()), default=None)


@dataclass(frozen=True, slots=True)
class SetUse:
    """What became of one permission set."""

    permissions: PermissionSet
    holders: tuple[Holder, ...]
    allowed: int
    """How many listed actions it allows."""
    used: Mapping[str, Count]
    unused: tuple[str, ...]
    unsure: Mapping[str, tuple[str, ...]]
    """By the reason, actions that were not seen and of which nothing follows from that."""
    nothing_said: tuple[str, ...]
    """Why nothing is said of what was not seen; empty where something is."""
    narrowed: Narrowed | None

    @property
    def never(self) -> bool:
        """Tell whether it is known that nobody used any of it."""
        return bool(self.holders) and not (self.used or self.unsure or self.nothing_said)

    def of_others(self, holder: Holder) -> tuple[str, ...]:
        """Give the actions that were used and not by this holder; none where nothing is said.

        That others used them shows that the trail would have shown it.
        """
        return () if self.nothing_said else tuple(action for action in self.used if action not in holder.used)

    @property
    def services_unused(self) -> tuple[str, ...]:
        """Give the services that it allows something of, and nothing that was used or is not known."""
        left = {each.partition(":")[0] for each in (*self.used, *(a for found in self.unsure.values() for a in found))}
        return tuple(sorted({each.partition(":")[0] for each in self.unused} - left))


@dataclass(frozen=True, slots=True)
class WorkloadUse:
    """What a workload did of what the team file expects of it."""

    workload: Workload
    used: Mapping[str, Count]
    unseen: Mapping[str, int]
    """Patterns of which nothing was seen, each with how many of its listed actions a trail would have shown."""
    nothing_said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trail:
    """What is known of a trail in a span."""

    span: Interval
    used: Used
    coverage: Coverage
    unread: int
    """Files of which not everything could be read."""


def rightsize(team: Team, trail: Trail, history: History | None, calls: Calls) -> tuple[SetUse, ...]:
    """Give what became of each permission set of a team, in the order of the file."""
    holders = list(_holders(team, trail, history))
    return tuple(
        _set_use(team, permissions, [each for name, each in holders if name == permissions.name], trail, calls)
        for permissions in team.permission_sets.values()
    )


def workloads(team: Team, trail: Trail, calls: Calls) -> tuple[WorkloadUse, ...]:
    """Give what each workload did of what is declared for it; those of which nothing is declared are left out.

    A declaration says in no account that it holds, so that all of the team's must be reached.
    """
    numbers = sorted(account.number for account in team.accounts.values())
    nothing_said = tuple(why for number in numbers for why in _not_reached(number, trail))
    shown = [trail.used.shown(number) for number in numbers]
    found = []
    for workload in team.workloads.values():
        if workload.actions:
            used = _merged(_of_workload(workload, team, trail.used))
            unseen = (
                [] if nothing_said else [p for p in workload.actions if not any(map(any_of([p.lower()]), _lower(used)))]
            )
            sure = {p: sum(why_not_sure(a, calls, shown) is None for a in actions_matching(p)) for p in unseen}
            found.append(WorkloadUse(workload, used, sure, nothing_said))
    return tuple(found)


def _lower(actions: Iterable[str]) -> list[str]:
    return [action.lower() for action in actions]


def _of_workload(workload: Workload, team: Team, used: Used) -> Iterator[Mapping[str, Count]]:
    for (holder, _), actions in used.actions.items():
        if holder.startswith(MACHINE):
            why = holder.removeprefix(MACHINE)
            if workload_of(Actor(None, "", Method.WORKLOAD, Confidence.NONE, why), team) is workload:
                yield actions


def _set_use(team: Team, permissions: PermissionSet, holders: list[Holder], trail: Trail, calls: Calls) -> SetUse:
    numbers = sorted({team.accounts[each.account].number for each in holders})
    allowed = allowed_actions(permissions)
    used = _merged([*(each.used for each in holders), *_of_roles(team, permissions, trail.used)])
    nothing_said = tuple(_nothing_said(holders, numbers, trail))
    unseen = [action for action in allowed if action not in used]
    unused: list[str] = []
    unsure: dict[str, list[str]] = {}
    shown = [trail.used.shown(number) for number in numbers]
    for action in unseen if not nothing_said else ():
        if (why := why_not_sure(action, calls, shown)) is None:
            unused.append(action)
        else:
            unsure.setdefault(why, []).append(action)
    made = narrowed(permissions, unused, used) if unused else None
    if made is not None:
        _must_allow_the_same(permissions, made.permissions, used)
    reasons = {why: tuple(actions) for why, actions in unsure.items()}
    return SetUse(permissions, tuple(holders), len(allowed), used, tuple(unused), reasons, nothing_said, made)


def _nothing_said(holders: Collection[Holder], numbers: Iterable[str], trail: Trail) -> Iterator[str]:
    if not holders:
        yield "nobody holds it"
        return
    if trail.unread:
        yield f"of {trail.unread} files of the trail not everything could be read"
    for number in numbers:
        yield from _not_reached(number, trail)
    latest = [each.since for each in holders]
    if None not in latest:
        since = min(each for each in latest if each is not None)
        yield f"nobody has held it before {iso(since)}"
    if all(each.on_watch == timedelta() for each in holders):
        yield "nobody who holds it was ever on watch"


def _not_reached(number: str, trail: Trail) -> Iterator[str]:
    counted, span = trail.used.counted(number), trail.span
    slack = min(SLACK, (span.end - span.start) / _SHARE)
    if counted is None:
        yield f"the trail has nothing of account {number}"
        return
    if counted.first > span.start + slack:
        yield f"the trail of account {number} begins at {iso(counted.first)}"
    if counted.last < span.end - slack:
        yield f"the trail of account {number} ends at {iso(counted.last)}"
    gaps = [gap for gap in trail.coverage.gaps if gap.account in (number, None) and gap.kind is not GapKind.HOST]
    for gap in gaps[:_NAMED]:
        yield f"the trail of account {number} has a gap, {gap.interval}: {gap.why}"
    if more := len(gaps[_NAMED:]):
        yield f"the trail of account {number} has {more} more gaps"


def _holders(team: Team, trail: Trail, history: History | None) -> Iterator[tuple[str, Holder]]:
    """Give who holds which set where; a person who holds it in two ways is there twice."""
    watch = _on_watch(team, trail.span)
    spans = history.spans(trail.span) if history is not None else ()
    pieces = [(piece, _held(each.team, trail.span) if each.team is not None else {}) for piece, each in spans]
    for key, where in _held(team, trail.span).items():
        person, account, name, through = key
        matches = _Speaks(team.permission_sets[name])
        asked = trail.used.actions.get((person, team.accounts[account].number), {})
        used = {action: count for action, count in asked.items() if matches(action)}
        on_watch = None if through.startswith("group ") else watch.get(key, timedelta())
        since = _since(key, trail.span, pieces)
        yield name, Holder(person, account, through, where, since, on_watch, used)


_Key = tuple[str, str, str, str]
"""Person, account, permission set, and through what."""


def _held(team: Team, span: Interval) -> dict[_Key, Location]:
    found = {
        (h.person, h.account, h.permission_set, h.through): h.where for h in (*standing(team), *granted(team, span))
    }
    for rota in team.rotas.values():
        for name in rota.entitlement.values():
            for account in rota.accounts:
                for person in rota.people:
                    found.setdefault((person, account, name, f"rota {rota.name}"), rota.where)
    return found


def _on_watch(team: Team, span: Interval) -> Mapping[_Key, timedelta]:
    found: dict[_Key, timedelta] = {}
    windows = [holding for rota in team.rotas.values() for holding in on_call(rota, span)]
    for h in (*windows, *granted(team, span)):
        assert h.interval is not None, "these are for a time"
        key = (h.person, h.account, h.permission_set, h.through)
        found[key] = found.get(key, timedelta()) + (h.interval.end - h.interval.start)
    return found


def _since(key: _Key, span: Interval, pieces: Sequence[tuple[Interval, Mapping[_Key, Location]]]) -> datetime | None:
    """Give from when on somebody has held something up to the end; None where that is all of the span."""
    since = span.end
    for piece, held in reversed(pieces):
        if key not in held:
            return since
        since = piece.start
    return None


def _of_roles(team: Team, permissions: PermissionSet, used: Used) -> Iterator[Mapping[str, Count]]:
    """Give what was done by sessions of the roles that have a set, where it is not known by whom."""
    matches = _Speaks(permissions)
    for rota in team.rotas.values():
        for kind, name in rota.entitlement.items():
            for account in rota.accounts if name == permissions.name else ():
                asked = used.actions.get((f"{ROLE}{role_name(rota, kind)}", team.accounts[account].number), {})
                yield {action: count for action, count in asked.items() if matches(action)}


class _Speaks:
    """Tells whether a set allows an action somewhere, also one that is not listed."""

    def __init__(self, permissions: PermissionSet) -> None:
        documents, _ = known_documents(permissions, None)
        statements = [each for document in documents for each in _listed(document["Statement"])]
        allows = [each for each in statements if each.get("Effect") == "Allow"]
        self._all = any("NotAction" in each for each in allows)
        actions = [action for each in allows for action in _texts(each.get("Action", ()))]
        self._matches = any_of([action.lower() for action in actions])

    def __call__(self, action: str) -> bool:
        return self._all or self._matches(action.lower())


def _listed(found: object) -> list[Mapping[str, object]]:
    return [found] if isinstance(found, Mapping) else list(found) if isinstance(found, list | tuple) else []


def _texts(found: object) -> list[str]:
    return (
        [found] if isinstance(found, str) else [str(each) for each in found] if isinstance(found, list | tuple) else []
    )


def _merged(found: Iterable[Mapping[str, Count]]) -> dict[str, Count]:
    """Add up what several did; one who holds a set in two ways is counted once for each event."""
    made: dict[str, dict[int, Count]] = {}
    for counts in found:
        for action, count in counts.items():
            made.setdefault(action, {})[id(count)] = count
    return {action: _sum(counts.values()) for action, counts in sorted(made.items())}


def _sum(counts: Collection[Count]) -> Count:
    return Count(sum(each.events for each in counts), min(c.first_ms for c in counts), max(c.last_ms for c in counts))


def _must_allow_the_same(old: PermissionSet, new: PermissionSet, used: Iterable[str]) -> None:
    """Ask the policy engine of everything that was used, with nothing else known: what it hangs on must stay so."""
    before, after = _evaluator(old), _evaluator(new)
    for action in used:
        was, now = (each.decide(Request(action, None, {})).effect for each in (before, after))
        assert was is now or was is Effect.IMPLICITLY_DENIED, f"{old.name} without what was not used denies {action}"


def _evaluator(permissions: PermissionSet) -> Evaluator:
    documents, _ = known_documents(permissions, None)
    return Evaluator(Layers(identity=tuple(parse_policy(each, permissions.name) for each in documents)))
