"""Whom a drift is about: who of the team gains or loses by what others did to a user, a group, a role or a policy.

Counted are people as AWS has them and as the team file would: whoever is put out of a group, or comes into it by the
next plan, has a part in what lies on it. A role that others trust is its takers', as far as its trust names users.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from watchbill.access.model import AccountState, Drift, RoleState, last_of
from watchbill.access.packing import statements_of
from watchbill.team.model import Team


def with_people(drift: Iterable[Drift], team: Team, desired: AccountState, observed: AccountState) -> Iterator[Drift]:
    """Give each drift of an account with whom of a team it is about."""
    for each in drift:
        users = {user.lower() for state in (desired, observed) for user in _users(each.principal, state)}
        yield replace(each, people=tuple(sorted(n for n, p in team.people.items() if p.iam_user.lower() in users)))


def _users(principal: str, state: AccountState) -> Iterator[str]:
    """Give the users that have a part in something of an account, by its ARN."""
    kind, name = principal.rpartition(":")[2].partition("/")[0], last_of(principal)
    if kind == "user":
        yield name
    elif kind == "group":
        yield from (user.name for user in state.users.values() if name in user.groups)
    elif kind == "role" and (role := state.roles.get(name)) is not None:
        yield from _takers(role)
    elif kind == "policy":
        yield from (user.name for user in state.users.values() if principal in user.attached)
        for group in (each for each in state.groups.values() if principal in each.attached):
            yield from (user.name for user in state.users.values() if group.name in user.groups)
        for role in (each for each in state.roles.values() if principal in each.attached):
            yield from _takers(role)


def _takers(role: RoleState) -> Iterator[str]:
    for statement in statements_of(role.trust):
        named = statement.get("Principal")
        listed = named.get("AWS", ()) if isinstance(named, dict) else ()
        for arn in [listed] if isinstance(listed, str) else listed:
            if ":user/" in arn:
                yield last_of(arn)
