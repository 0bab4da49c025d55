"""Why one cell of the matrix is as it is: from the person down to the statements, each link with its line of the file.

What would change it is said from what is declared, nothing guessed: when what gives it ends, when the next watch
begins, what else gives the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchbill.access.compile import policies_of
from watchbill.access.entitlements import Watch, role_name, watches
from watchbill.access.explain import statement_words
from watchbill.access.matrix import AHEAD, By, Cell, Moment, Only, Place, Reason, Standing, cells_at
from watchbill.access.permissions import managed_arns, own_documents
from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.policy.managed import ManagedPolicy, managed_policy
from watchbill.policy.statements import parse_policy
from watchbill.team.model import PermissionSet, Rota, Team


_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a chain."""

    what: str
    """`person`, `group`, `rota`, `watch`, `grant`, `permission set` or `freeze`."""
    says: str
    where: Location | None
    """The line of the team file; None where it is not from there."""
    span: tuple[datetime | None, datetime | None] | None = None
    """From when to when it holds; None for either end where it is not known, and for the whole where it always does."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement of a permission set."""

    policy: str
    """Name of watchbill's policy that has it, or the ARN of AWS's own."""
    words: str


@dataclass(frozen=True, slots=True)
class Change:
    """What would change a cell."""

    says: str
    at: datetime | None = None
    """When, where that is known."""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Why a cell is as it is."""

    place: Place
    cell: Cell | None
    """None is a plain no."""
    person: Link
    ways: tuple[tuple[Link, ...], ...]
    """For each reason of the cell the links from the person to the permission set."""
    freeze: Link | None
    permission_set: Link
    statements: tuple[Stated, ...]
    would_change: tuple[Change, ...]


def chain_of(moment: Moment, place: Place) -> Chain:
    """Explain a cell of a person, an account and a permission set that the team has."""
    team = moment.team
    person = team.people[place.person]
    cell = cells_at(moment, Only({place.person}, {place.account}, {place.permission_set})).get(place)
    reasons = () if cell is None else cell.reasons
    given = team.permission_sets[place.permission_set]
    freeze = moment.freeze_of(place.person)
    return Chain(
        place,
        cell,
        Link("person", f"{person.name}: {person.full_name}, IAM user {person.iam_user}", person.where),
        tuple(tuple(_links(moment, place, reason)) for reason in reasons),
        None if freeze is None else Link("freeze", "frozen: holds nothing", None, (freeze.start, freeze.end)),
        Link("permission set", _said(given), given.where),
        tuple(_statements(given, moment.at)),
        tuple(_would_change(moment, place, cell)),
    )


def _said(given: PermissionSet) -> str:
    described = f": {given.description.strip().rstrip('.')}" if given.description.strip() else ""
    return f"{given.name}{described}; in IAM {', '.join(policies_of(given))}"


def _links(moment: Moment, place: Place, reason: Reason) -> Iterator[Link]:
    if reason.by is By.JOB:
        yield from _of_group(moment.team, place, reason)
    elif reason.by is By.GRANT:
        grant = next(grant for grant in moment.team.grants if grant.name == reason.name)
        yield Link("grant", reason.why, reason.where, (grant.interval.start, grant.interval.end))
    else:
        yield from _of_rota(moment, place, reason)


def _of_group(team: Team, place: Place, reason: Reason) -> Iterator[Link]:
    path = _path(team, reason.name, place.person)
    yield Link("group", f"member of group {path[-1]}", team.groups[path[-1]].where)
    for inner, outer in zip(path[:0:-1], path[-2::-1], strict=True):
        yield Link("group", f"group {outer} includes group {inner}", team.groups[outer].where)
    yield Link("group", f"group {reason.name} gives {place.permission_set} in {place.account}", reason.where)


def _path(team: Team, group: str, person: str) -> list[str]:
    """Give the groups from one that somebody is a member of by others, down to the one that names them."""
    paths, seen = [[group]], set[str]()
    for path in paths:
        found = team.groups[path[-1]]
        if person in found.members:
            return path
        seen.add(path[-1])
        paths += [[*path, inner] for inner in found.includes if inner not in seen]
    raise AssertionError("a cell says that they are a member")


def _of_rota(moment: Moment, place: Place, reason: Reason) -> Iterator[Link]:
    at, rota = moment.at, moment.team.rotas[reason.name]
    around = Interval(at - AHEAD, at + AHEAD)
    watch = next(w for w in watches(rota, around) if at in w.interval and _is_of(w, place))
    start, end = watch.interval.start, watch.interval.end
    span = (start if start > around.start else None, end if end < around.end else None)
    shift = watch.during(Interval(at, at + _MOMENT), rota)[0]
    yield Link("watch", f"on watch as {shift.kind}, by {_source(rota, shift.source)}", shift.where, span)
    if at not in shift.interval:
        yield Link("watch", f"in the grace of rota {rota.name} before or after a shift", rota.where)
    role = role_name(rota, shift.kind)
    gives = f"rota {rota.name} gives {place.permission_set} to its {shift.kind} in {place.account}, by the role {role}"
    yield Link("rota", gives, rota.where)


def _is_of(watch: Watch, place: Place) -> bool:
    return (watch.person, watch.permission_set) == (place.person, place.permission_set)


def _source(rota: Rota, source: str) -> str:
    """Say what put somebody on watch; of an override who made it, and why."""
    override = next((each for each in rota.overrides if source == f"override {each.name}"), None)
    if override is None:
        return source
    by = f" by {override.by}" if override.by else ""
    return f"{source}{by}: {override.reason}" if override.reason else f"{source}{by}"


def _statements(given: PermissionSet, at: datetime) -> Iterator[Stated]:
    for name, document in zip(policies_of(given), own_documents(given), strict=False):
        for statement in parse_policy(document, name).statements:
            yield Stated(name, statement_words(statement))
    for arn in managed_arns(given):
        found = managed_policy(arn, at)
        if not isinstance(found, ManagedPolicy):
            yield Stated(arn, "what it says is not known for sure")
            continue
        for statement in parse_policy(found.document, arn).statements:
            yield Stated(arn, statement_words(statement))


def _would_change(moment: Moment, place: Place, cell: Cell | None) -> Iterator[Change]:
    freeze = moment.freeze_of(place.person)
    if freeze is not None:
        yield Change("the end of the freeze" if freeze.end is None else "the freeze ends", freeze.end)
    if cell is not None and cell.standing is not Standing.OFF_WATCH:
        for reason in cell.reasons:
            yield from _ends(place, reason)
        if len(cell.reasons) > 1:
            yield Change("it is held in several ways: only without all of them it is not")
        return
    yield from _coming(moment, place)
    yield from _others(moment.team, place)


def _ends(place: Place, reason: Reason) -> Iterator[Change]:
    if reason.by is By.JOB:
        yield Change(f"{place.person} leaves group {reason.name}, or the group gives it no more")
    elif reason.by is By.GRANT:
        yield Change(f"grant {reason.name} ends", reason.until)
    else:
        yield Change(f"the watch of rota {reason.name} ends" + ("" if reason.until else ", later"), reason.until)
        yield Change("a swap, or an override, that puts somebody else on watch")


def _coming(moment: Moment, place: Place) -> Iterator[Change]:
    """Say when it is held next, and with whom somebody could swap."""
    ahead = Interval(moment.at, moment.at + AHEAD)
    for rota in moment.team.rotas.values():
        if place.account not in rota.accounts or place.permission_set not in rota.entitlement.values():
            continue
        found = [w for w in watches(rota, ahead) if w.permission_set == place.permission_set]
        mine = [w for w in found if w.person == place.person]
        if mine:
            following = min(mine, key=lambda watch: watch.interval)
            end = following.interval.end if following.interval.end < ahead.end else None
            yield Change(f"the next watch of rota {rota.name}", following.interval.start, end)
        elif place.person in rota.people:
            yield Change(f"a watch of rota {rota.name}: there is none within {AHEAD.days} days")
        now = [w.person for w in found if moment.at in w.interval and w.person != place.person]
        if now and place.person in rota.people:
            yield Change(f"a swap with who is on watch for rota {rota.name}: {', '.join(dict.fromkeys(now))}")
    for grant in moment.team.grants:
        same = (grant.person, grant.permission_set) == (place.person, place.permission_set)
        if same and place.account in grant.accounts and grant.interval.start > moment.at:
            yield Change(f"grant {grant.name} begins", grant.interval.start, grant.interval.end)


def _others(team: Team, place: Place) -> Iterator[Change]:
    """Say what else gives the same in the account."""
    groups = [
        group.name
        for group in team.groups.values()
        for access in group.access
        if access.permission_set == place.permission_set and place.account in access.accounts
    ]
    if groups:
        yield Change(f"not in group {' or '.join(dict.fromkeys(groups))}, which gives it")
    every = [
        rota
        for rota in team.rotas.values()
        if place.account in rota.accounts and place.permission_set in rota.entitlement.values()
    ]
    rotas = [rota.name for rota in every if place.person not in rota.people]
    if rotas:
        yield Change(f"no turn in rota {' or '.join(rotas)}, which gives it to whoever is on watch")
    if groups or every:
        yield Change(f"a grant, or a request that a lead approves: watchbill request {place.permission_set}")
    else:
        yield Change(f"nothing gives {place.permission_set} in {place.account}: a group, a rota or a grant would")
