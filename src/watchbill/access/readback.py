"""Read who holds what, and when, back from IAM documents that watchbill wrote: the plan's "before" picture.

Only the forms that `compile` writes are understood: memberships of owned groups, slices of gates, and grants. What
others wrote is drift, and is left to the policy engine.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise

from watchbill.access.compile import GRANT, JOB, SET, policies_of
from watchbill.access.documents import span_of, users_of
from watchbill.access.entitlements import role_name
from watchbill.access.limits import ON_CALL
from watchbill.access.model import PATH, AccountState, Holding, PolicyState
from watchbill.access.packing import place_of, statements_of
from watchbill.errors import Location
from watchbill.intervals import Interval, merge
from watchbill.team.model import Team


_NOWHERE = Location("aws", 0, 0)


class Readback:
    """Reads accounts back in the words of one team; what they share is worked out once."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self._people = {person.iam_user.lower(): person.name for person in team.people.values()}
        # A set is held where all that it is made of is attached.
        self._sets = {name: frozenset(policies_of(found)) for name, found in team.permission_sets.items()}
        self._given = {
            (group.name, account): frozenset(a.permission_set for a in group.access if account in a.accounts)
            for group in team.groups.values()
            for account in team.accounts
        }
        self._roles = {
            role_name(rota, kind): (rota.name, permission_set)
            for rota in team.rotas.values()
            for kind, permission_set in rota.entitlement.items()
        }

    def holdings(self, observed: AccountState) -> Iterator[Holding]:
        """Give what people hold by the documents of an account; users that the team does not know are passed over."""
        sets = {
            group.name: self._sets_of(
                group.attached, self._given.get((group.name.removeprefix(JOB), observed.account), frozenset())
            )
            for group in observed.groups.values()
            if group.path == PATH and group.name.startswith(JOB)
        }
        for user in observed.users.values():
            person = self._people.get(user.name.lower())
            if person is None:
                continue
            for group in sorted(user.groups):
                if group in sets:
                    yield from self._standing(observed, person, group, sets[group])
                if group.startswith(GRANT):
                    yield from self._granted(observed, person, group)
        yield from self._on_call(observed)

    def _sets_of(self, attached: frozenset[str], given: frozenset[str]) -> tuple[str, ...]:
        """Give the sets that what is attached makes up, `given` being those that the file gives to the group.

        What a set is found by speaks for no other that is of managed policies alone, and may be a part of it.
        """
        names = {arn.rpartition("/")[2] for arn in attached if f":policy{PATH}{SET}" in arn}
        unsaid = names | attached
        found = []
        for name in sorted(self._sets, key=lambda each: (each not in given, -len(self._sets[each]))):
            policies = self._sets[name]
            if policies and policies <= names | attached and (name in given or policies & unsaid):
                found.append(name)
                unsaid -= policies
        left = sorted(name.removeprefix(SET) for name in names & unsaid)
        return (*sorted(found), *left)

    def _standing(self, observed: AccountState, person: str, group: str, sets: Iterable[str]) -> Iterator[Holding]:
        role = group.removeprefix(JOB)
        for name in sets:
            why = f"{person} is no longer in group {role}, or the group no longer holds {name}"
            yield Holding(person, observed.account, name, None, f"group {role}", why, _NOWHERE)

    def _on_call(self, observed: AccountState) -> Iterator[Holding]:
        """Give who may take each on-call role when: in slices that let them, and in none that does not."""
        for role in observed.roles.values():
            if role.path != PATH or role.name not in self._roles:
                continue
            rota, permission_set = self._roles[role.name]
            group = observed.groups.get(ON_CALL + rota)
            if group is None:
                continue
            gates = [
                found
                for arn in sorted(group.attached)
                if (found := observed.policies.get(arn)) is not None and _is_gate_of(role.name, found)
            ]
            slices = [
                (span, users)
                for policy in gates
                for statement in statements_of(policy.document)
                if (users := users_of(statement)) is not None and (span := span_of(statement)) is not None
            ]
            for name, spans in let_through(slices).items():
                person, user = self._people.get(name.lower()), observed.users.get(name)
                if person is None or user is None or group.name not in user.groups:
                    continue
                why = f"rota {rota} no longer has {person} on call then"
                for span in spans:
                    yield Holding(person, observed.account, permission_set, span, f"rota {rota}", why, _NOWHERE)

    def _granted(self, observed: AccountState, person: str, group: str) -> Iterator[Holding]:
        found = observed.groups.get(group)
        if found is None or found.path != PATH:
            return
        name = group.removeprefix(GRANT)
        given = {grant.name: grant.permission_set for grant in self._team.grants}
        spans = [
            span
            for arn in sorted(found.attached)
            if arn in observed.policies
            for statement in statements_of(observed.policies[arn].document)
            if (span := span_of(statement)) is not None
        ]
        for span in merge(spans):
            held, why = given.get(name, f"grant {name}"), f"grant {name} is gone"
            yield Holding(person, observed.account, held, span, f"grant {name}", why, _NOWHERE)


def _is_gate_of(role: str, policy: PolicyState) -> bool:
    """Tell whether a policy is of a role's gate; that of `oncall-a-secondary` begins as those of `oncall-a` do."""
    place = place_of(policy)
    return place is not None and place[0] == f"gate-{role}"


def let_through(slices: Iterable[tuple[Interval, frozenset[str]]]) -> Mapping[str, tuple[Interval, ...]]:
    """Give the time in which each user is let through by every slice that is in force, one at least."""
    edges: dict[datetime, list[tuple[int, frozenset[str]]]] = {}
    for span, users in slices:
        edges.setdefault(span.start, []).append((1, users))
        edges.setdefault(span.end, []).append((-1, users))
    count, let = 0, dict[str, int]()
    found: dict[str, list[Interval]] = {}
    for start, end in pairwise(sorted(edges)):
        for step, users in edges[start]:
            count += step
            for user in users:
                let[user] = let.get(user, 0) + step
        for user, times in let.items():
            if count and times == count:
                found.setdefault(user, []).append(Interval(start, end))
    return {user: merge(spans) for user, spans in found.items()}
