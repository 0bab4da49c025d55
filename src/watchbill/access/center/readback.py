"""Read who holds what by Identity Center, and when, back from what watchbill wrote: the plan's "before" picture."""

from collections.abc import Iterator, Mapping

from watchbill.access.center.state import CenterState, SetState, owner_of, set_name
from watchbill.access.compile import SET, policies_of
from watchbill.access.documents import center_users_of, span_of
from watchbill.access.entitlements import delivered, role_name
from watchbill.access.model import PATH, AccountState, Holding
from watchbill.access.packing import place_of, statements_of
from watchbill.access.readback import let_through
from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.team.model import By, Team


_NOWHERE = Location("aws", 0, 0)


class CenterReadback:
    """Reads accounts back in the words of one team."""

    def __init__(self, team: Team, center: CenterState) -> None:
        self._team = team
        self._center = center
        self._people = {user: name for name, user in center.people.items()}
        self._owner = owner_of(team.name)
        mine = delivered(team, By.CENTER)
        self._known: dict[str, tuple[str, str]] = {
            set_name(role_name(rota, kind)): (f"rota {rota.name}", permission_set)
            for rota in mine.rotas.values()
            for kind, permission_set in rota.entitlement.items()
        }
        self._known |= {
            set_name(f"grant-{grant.name}"): (f"grant {grant.name}", grant.permission_set) for grant in mine.grants
        }
        for group in mine.groups.values():
            for access in group.access:
                name = set_name(f"job-{access.permission_set}")
                self._known.setdefault(name, (f"group {group.name}", access.permission_set))

    def holdings(self, observed: AccountState) -> Iterator[Holding]:
        """Give what people hold in an account by watchbill's sets; users the team does not know are passed over."""
        for each in self._center.sets.values():
            if each.team == self._owner:
                yield from self._of(each, observed)

    def _said(self, each: SetState) -> tuple[str, str]:
        """Give through what a set is held, and what it gives: by what it refers to, which the file may have changed."""
        through, given = self._known.get(each.name, (f"permission set {each.name}", ""))
        names = {r.name for r in each.references if r.path == PATH and r.name.startswith(SET)}
        wanted = set(policies_of(self._team.permission_sets[given])) if given else set[str]()
        if given and wanted <= names | each.managed:
            return through, given
        return through, min(names, default=each.name).removeprefix(SET)

    def _of(self, each: SetState, observed: AccountState) -> Iterator[Holding]:
        through, permission_set = self._said(each)
        fence = _fence(each, observed)
        for user, person in self._people.items():
            mine = {a for a in self._center.assigned_to(user) if a.permission_set == each.name}
            if not each.references or not any(a.account == observed.number for a in mine):
                continue
            why = f"{person} holds permission set {each.name}, which the team file does not give"
            spans: tuple[Interval | None, ...] = (None,) if fence is None else fence.get(user, ())
            for span in spans:
                yield Holding(person, observed.account, permission_set, span, through, why, _NOWHERE)


def _fence(each: SetState, observed: AccountState) -> Mapping[str, tuple[Interval, ...]] | None:
    """Give the time in which the fence of a set lets each user through; None where it has none."""
    names = {reference.name for reference in each.references if reference.path == PATH}
    policies = [
        policy
        for policy in observed.policies.values()
        if policy.name in names and (place := place_of(policy)) is not None and place[0].startswith("fence-")
    ]
    if not policies:
        return None
    slices = [
        (span, users)
        for policy in policies
        for statement in statements_of(policy.document)
        if (span := span_of(statement)) is not None and (users := center_users_of(statement)) is not None
    ]
    return let_through(slices)
