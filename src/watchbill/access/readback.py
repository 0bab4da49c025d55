"""Read who holds what, and when, back from IAM documents that watchbill wrote: the plan's "before" picture.

Only the forms that `documents` writes are understood: memberships of owned groups, gate statements, and grants. What
others wrote is drift, and is left to the policy engine.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from watchbill.access.entitlements import role_name
from watchbill.access.model import PATH, AccountState, Document, Holding, UserState
from watchbill.errors import Location
from watchbill.intervals import Interval, parse_instant
from watchbill.team.model import Team


_NOWHERE = Location("aws", 0, 0)


def holdings_of(team: Team, observed: AccountState) -> Iterator[Holding]:
    """Give what people hold by the documents of an account; users that the team does not know are passed over."""
    for user in observed.users.values():
        person = team.person_of_iam_user(user.name)
        if person is None or user.path != PATH:
            continue
        for group in sorted(user.groups):
            yield from _through_group(team, observed, person.name, group)
        yield from _granted(team, observed, person.name, user)
    yield from _gates(team, observed)


def _through_group(team: Team, observed: AccountState, person: str, group: str) -> Iterator[Holding]:
    found = observed.groups.get(group)
    if found is None or found.path != PATH:
        return
    for arn in sorted(found.attached):
        policy = observed.policies.get(arn)
        if policy is not None and policy.path == PATH and not policy.name.startswith("gate-"):
            why = f"{person} is no longer in group {group}, or the group no longer holds {policy.name}"
            yield Holding(person, observed.account, policy.name, None, f"group {group}", why, _NOWHERE)


def _gates(team: Team, observed: AccountState) -> Iterator[Holding]:
    given = {
        role_name(rota, kind): (rota.name, permission_set)
        for rota in team.rotas.values()
        for kind, permission_set in rota.entitlement.items()
    }
    for policy in observed.policies.values():
        if policy.path != PATH or not policy.name.startswith("gate-"):
            continue
        rota, permission_set = given.get(policy.name.removeprefix("gate-").rsplit("-", 1)[0], ("", ""))
        for statement in policy.document["Statement"]:
            interval = _interval(statement)
            for user in statement["Condition"]["StringEquals"]["aws:username"]:
                person = team.person_of_iam_user(user)
                if person is not None and interval is not None and user in observed.users:
                    group = observed.groups.get(f"oncall-{rota}")
                    if group is None or policy.arn not in group.attached:
                        continue
                    if group.name not in observed.users[user].groups:
                        continue
                    yield Holding(
                        person.name,
                        observed.account,
                        permission_set,
                        interval,
                        f"rota {rota}",
                        f"rota {rota} no longer has {person.name} on call then",
                        _NOWHERE,
                    )


def _granted(team: Team, observed: AccountState, person: str, user: UserState) -> Iterator[Holding]:
    given = {grant.name: grant.permission_set for grant in team.grants}
    for arn in sorted(user.attached):
        policy = observed.policies.get(arn)
        if policy is None or policy.path != PATH or not policy.name.startswith("grant-"):
            continue
        name = policy.name.removeprefix("grant-")
        interval = _interval(policy.document["Statement"][0])
        held, why = given.get(name, f"grant {name}"), f"grant {name} is gone"
        yield Holding(person, observed.account, held, interval, f"grant {name}", why, _NOWHERE)


def _interval(statement: Document) -> Interval | None:
    condition: dict[str, Any] = statement.get("Condition", {})
    with contextlib.suppress(KeyError, ValueError):
        return Interval(
            parse_instant(condition["DateGreaterThanEquals"]["aws:CurrentTime"]),
            parse_instant(condition["DateLessThan"]["aws:CurrentTime"]),
        )
    return None
