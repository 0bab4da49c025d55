"""Shells of Session Manager that are still open when the watch by which they were opened is over."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from watchbill.access.center.state import set_name
from watchbill.access.entitlements import role_name, watches
from watchbill.access.model import Call, Change, Phase, Shell
from watchbill.intervals import Interval
from watchbill.team.model import By, Person, Rota, Team


def left_open(team: Team, shells: Mapping[str, Sequence[Shell]], at: datetime) -> Iterator[Change]:
    """Give the changes that end shells of on-call roles, by account, whose person's watch is over for long enough.

    The owner is the session of the role: whose it is its name says, which the role's trust demands. What a session of
    another role, or a user, has open is no matter of a watch, and a name of nobody is left as it is.
    """
    now = at + timedelta(seconds=1)
    for account, found in sorted(shells.items()):
        duties = list(_duties(team, account))
        for shell in found:
            role, person = _session(team, shell.owner)
            for pattern, rota, permission_set, after in duties if person is not None else ():
                if re.fullmatch(pattern, role) and not _is_on(rota, person, permission_set, Interval(at - after, now)):
                    why = f"end the shell of {person} on {shell.target}: their watch of {rota.name} is over"
                    call = Call("TerminateSession", {"SessionId": shell.id}, "ssm", shell.region)
                    yield Change(account, Phase.REVOKE, call, why)


def _duties(team: Team, account: str) -> Iterator[tuple[str, Rota, str, timedelta]]:
    """Give the on-call roles of an account whose shells are ended, as patterns of their names."""
    for rota in team.rotas.values():
        for kind, name in rota.entitlement.items() if account in rota.accounts else ():
            shells = team.permission_sets[name].shells
            if shells is not None and shells.end_after is not None:
                role = role_name(rota, kind)
                by_center = f"AWSReservedSSO_{re.escape(set_name(role))}_[0-9a-f]{{16}}"
                yield by_center if rota.by is By.CENTER else re.escape(role), rota, name, shells.end_after


def _session(team: Team, owner: str) -> tuple[str, str | None]:
    """Give the role of a session by its ARN, and the person whose name it has; None where that is nobody's."""
    kind, _, rest = owner.rpartition(":")[2].partition("/")
    role, _, name = rest.rpartition("/")
    if kind != "assumed-role":
        return "", None
    people = (p for p in team.people.values() if name.lower() in {p.iam_user.lower(), *map(str.lower, _addresses(p))})
    return role, next((person.name for person in people), None)


def _addresses(person: Person) -> tuple[str, ...]:
    return person.email, *person.also_known_as


def _is_on(rota: Rota, person: str | None, permission_set: str, lately: Interval) -> bool:
    return any(w.person == person and w.permission_set == permission_set for w in watches(rota, lately))
