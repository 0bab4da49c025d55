"""Which places of the matrix drift gives: what others did in AWS, as far as it comes to a permission set of the team.

The rules, in order:

1. Whoever others put into a job group, or into the group of a grant that is in force, has what that gives. The group of
   a rota gives nothing: its gates name who may take the role.
2. A set is given where others attached all the policies that it consists of; a part of a set is no set.
3. What is attached to a group is had by its members, to an on-call role by who is on watch.
4. By Identity Center the set of a job is given where others assigned it, or put somebody into a group that has it;
   those of rotas and grants deny everything to whoever is not named in them.

All else is in no place: what an inline policy says, a role that trusts others, a document that says something else.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta

from watchbill.access.center.state import set_name
from watchbill.access.compile import GRANT, JOB, SET, policies_of
from watchbill.access.entitlements import role_name, watches
from watchbill.access.limits import ON_CALL
from watchbill.access.matrix import Moment, Place
from watchbill.access.model import PATH, Drift, DriftKind, last_of
from watchbill.access.permissions import managed_arns
from watchbill.access.recertification import person_of
from watchbill.intervals import Interval
from watchbill.team.model import Account, By, Grant, PermissionSet, Team


_MOMENT = timedelta(microseconds=1)


def given_by(moment: Moment, drift: Sequence[Drift]) -> Iterator[tuple[Place, Drift]]:
    """Give each place that drift gives at an instant, with what gives it."""
    attached: dict[tuple[str, str], dict[str, Drift]] = {}
    for each in drift:
        yield from ((place, each) for place in _by_center(moment.team, each))
        if each.account not in moment.team.accounts or not each.other:
            continue
        if each.kind is DriftKind.JOINED:
            yield from ((place, each) for place in _joined(moment, each))
        elif each.kind is DriftKind.ATTACHED:
            attached.setdefault((each.account, each.principal), {})[each.other] = each
    for (account, principal), policies in attached.items():
        for name, arns in _whole(moment.team, moment.team.accounts[account], policies):
            for person in _holders(moment, account, principal):
                yield from ((Place(person, account, name), policies[arn]) for arn in sorted(arns))


def _by_center(team: Team, drift: Drift) -> Iterator[Place]:
    """Give what it gives by a job's set of Identity Center."""
    sets = {set_name(f"job-{name}"): name for name in team.permission_sets} if drift.given else {}
    for person, number, name in drift.given:
        account = team.account_of(number)
        if person in team.people and account is not None and name in sets:
            yield Place(person, account.name, sets[name])


def _joined(moment: Moment, drift: Drift) -> Iterator[Place]:
    person, name = person_of(moment.team, drift.principal), drift.other or ""
    if person in moment.team.people:
        for permission_set in _sets_of(moment, drift.account, name):
            yield Place(person, drift.account, permission_set)


def _sets_of(moment: Moment, account: str, group: str) -> Iterable[str]:
    """Give the permission sets that membership in a group of watchbill's gives in an account."""
    found = moment.team.groups.get(group.removeprefix(JOB)) if group.startswith(JOB) else None
    if found is not None:
        return [a.permission_set for a in found.access if account in a.accounts and a.by is By.IAM]
    return [grant.permission_set for grant in _grants(moment, account, group)]


def _grants(moment: Moment, account: str, group: str) -> list[Grant]:
    grants = (each for each in moment.team.grants if group == GRANT + each.name)
    return [each for each in grants if account in each.accounts and moment.at in each.interval]


def _whole(team: Team, account: Account, attached: Collection[str]) -> Iterator[tuple[str, Collection[str]]]:
    """Give the sets all of whose policies are among some ARNs, with those."""
    names = {last_of(arn) for arn in attached}
    for found in team.permission_sets.values():
        if SET + found.name in names or not names.isdisjoint(map(last_of, managed_arns(found))):
            arns = _arns(found, account)
            if arns and arns <= set(attached):
                yield found.name, arns


def _arns(permissions: PermissionSet, account: Account) -> set[str]:
    own = f"arn:aws:iam::{account.number}:policy{PATH}"
    return {each if each.startswith("arn:") else own + each for each in policies_of(permissions)}


def _holders(moment: Moment, account: str, principal: str) -> Iterable[str]:
    """Name the people who have what is attached to a user, a group or a role of watchbill's at the instant."""
    team, name = moment.team, principal.rpartition("/")[2]
    if ":user/" in principal:
        return [person for person in (person_of(team, principal),) if person in team.people]
    if ":group/" in principal:
        if name.startswith(ON_CALL):
            rota = team.rotas.get(name.removeprefix(ON_CALL))
            return () if rota is None or account not in rota.accounts else rota.people
        if any(_sets_of(moment, account, name)) and name.startswith(JOB):
            return team.members(name.removeprefix(JOB))
        return [grant.person for grant in _grants(moment, account, name)]
    return _on_watch(moment, account, name)


def _on_watch(moment: Moment, account: str, role: str) -> list[str]:
    """Name who is on watch by an on-call role."""
    for rota in moment.team.rotas.values():
        for kind, permission_set in rota.entitlement.items():
            if role_name(rota, kind) == role and account in rota.accounts:
                held = watches(rota, Interval(moment.at, moment.at + _MOMENT), {permission_set})
                return sorted({watch.person for watch in held})
    return []
