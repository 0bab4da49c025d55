"""Who has access to what at any time, as pages show it and programs read it.

What was: by the team file that was in force then, as the state has kept it. What is: by the one that is in force. What
will be: by the file as it is now, and its schedule; whether it was applied is said. What others gave in AWS itself is
laid over, as drift, as far as passes saw it (`drift_seen`) and it comes to a permission set (`access.drifted`).
What their organization bounds accounts by is as it was last read before that time, and it is said when that was.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from watchbill.access.center.declared import declared_state
from watchbill.access.compile import nothing
from watchbill.access.drifted import given_by
from watchbill.access.explain import explain_ways
from watchbill.access.history import InForce
from watchbill.access.matrix import (
    Cell,
    Difference,
    Moment,
    Only,
    Place,
    Standing,
    Turning,
    cells_at,
    differences,
    gist,
    in_account,
    last_turning,
    next_turning,
    turnings,
)
from watchbill.access.model import AccountState, Freeze
from watchbill.access.organization import under
from watchbill.access.ways import Ways
from watchbill.access.who import who_can
from watchbill.access.withheld import Emptied, emptied_sets, withheld
from watchbill.errors import NotFoundError
from watchbill.garbage import uncollected
from watchbill.intervals import Interval, iso
from watchbill.policy.model import Request
from watchbill.service.approved import laid_over
from watchbill.service.as_read import NOTHING_READ, AsRead, as_read
from watchbill.service.casework import Casework
from watchbill.service.drift_seen import SeenDrift, drift_at
from watchbill.service.history import history_of
from watchbill.service.rights import ExplainView, HolderView, explain_view, holder_view
from watchbill.store.rows import Asked
from watchbill.team.model import Person, Team


ROWS = 50
"""People on a page."""
COLUMNS = 40
"""Permission sets on a page, of all accounts."""
AROUND = timedelta(hours=12)
"""How far before and after an instant the changes around it are."""
_ASKED_AT_ONCE = 1_000
"""People times accounts up to which a question about an action is asked in all accounts: what that takes is short."""
_MOMENT, _DAY = timedelta(microseconds=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Then:
    """An instant, with what it is known by."""

    moment: Moment
    by: str
    """Which team file says so, in words."""
    assumed: tuple[str, ...]
    """What was taken to be so, in words."""
    seen: tuple[SeenDrift, ...] = ()
    """What others gave in AWS as of the instant; of one that lies ahead, as of now."""
    drift: Mapping[Place, tuple[SeenDrift, ...]] = field(default_factory=dict)
    """What of it gives a permission set, by where."""
    read: AsRead = NOTHING_READ
    """What is known of the organization then, and of Identity Center, where the team file names an organization."""

    def cells(self, only: Only) -> Mapping[Place, Cell]:
        """Give the cells of the instant, with drift, in order of their places."""
        cells = cells_at(self.moment, only)
        if not self.drift:
            return cells
        cells = dict(cells)
        for place, seen in self.drift.items():
            if only.has_place(place):
                cell = cells.get(place) or Cell((), self.moment.freeze_of(place.person))
                cells[place] = replace(cell, drift=tuple(each.drift for each in seen))
        return dict(sorted(cells.items()))


@dataclass(frozen=True, slots=True)
class Filters:
    """What of it is asked for; empty is all."""

    person: str = ""
    """A name, or a part of it or of the full one."""
    group: str = ""
    account: str = ""
    permission_set: str = ""
    """A name, or a part of it."""
    own: str | None = None
    """The one person of whom whoever asks may see anything; None is everybody."""


@dataclass(frozen=True, slots=True)
class Row:
    """One person of a page of the matrix."""

    person: Person
    freeze: Freeze | None
    cells: tuple[Cell | None, ...]
    """One for each column; None is a plain no."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """One page of the matrix."""

    columns: tuple[tuple[str, str], ...]
    """Account and permission set; those of an account stand together."""
    rows: tuple[Row, ...]
    people: int
    """On all pages."""
    sets: int
    """Columns on all pages across."""
    before: Turning | None
    after: Turning | None
    """The changes next to the instant, of what is asked for."""
    around: tuple[Turning, ...]
    """Those within `AROUND` of it."""
    emptied: Mapping[tuple[str, str], Emptied] = field(default_factory=dict)
    """Of the columns, those of which the organization leaves nothing, or of which that is not known."""

    def is_empty(self, column: tuple[str, str]) -> bool:
        """Tell whether the organization denies all of a column for sure."""
        return column in self.emptied and self.emptied[column].is_sure

    @property
    def open_bounds(self) -> dict[str, list[str]]:
        """Give why it is not known what the organization denies, each with the accounts for which it is not."""
        found: dict[str, dict[str, None]] = {}
        for (account, _), each in self.emptied.items():
            if not each.is_sure:
                found.setdefault(each.why, {})[account] = None
        return {why: list(accounts) for why, accounts in found.items()}

    @property
    def accounts(self) -> list[tuple[str, int]]:
        """Give the accounts of the columns, with how many each has."""
        found: dict[str, int] = {}
        for account, _ in self.columns:
            found[account] = found.get(account, 0) + 1
        return list(found.items())


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell, for programs; a place that is not told of is a plain no."""

    standing: str
    """`held`, `frozen` (held, but for a freeze), `off watch`, or `drift` where nothing but that gives it."""
    by: list[str]
    """`job`, `on call`, `override`, `grant` or `drift`, for each reason."""
    why: list[str]
    until: list[str | None]
    """When each ends; null where no end is known."""
    where: list[str]
    """The line of the team file of each; of drift the ARN of what it is on."""
    organization: str
    """By what the organization denies all of what is held, or why that is not known; empty where something is left."""


@dataclass(frozen=True, slots=True)
class Search:
    """Who can do something at an instant, by the evaluator that `who-can` asks."""

    action: str
    resource: str
    accounts: list[str]
    """In which it was asked."""
    others: list[str]
    """In which it was not."""
    holders: list[HolderView] = field(default_factory=list)


def then(work: Casework, at: datetime) -> Then:
    """Give what says who has access at an instant; NotFoundError where the file of the time can be read no more."""
    found = _then(work, at)
    read = as_read(work.store, found.moment.team, at)
    return replace(found, assumed=tuple(dict.fromkeys((*found.assumed, *read.said))), read=read)


def _then(work: Casework, at: datetime) -> Then:
    rows = work.store.requests.all(Asked.APPROVED)
    freezes = tuple(work.freezes())
    if at > work.at:
        latest = work.store.revisions.latest()
        applied = latest is None or latest.digest == work.team.digest
        assumed = () if applied else ("the team file as it is now is not applied yet",)
        moment = Moment(at, work.laid_over(), freezes)
        return _with_drift(work, Then(moment, "the team file as it is now, and its schedule", assumed))
    history = history_of(work, Interval(at, at + _MOMENT))
    found = history.in_force(at)
    if found.team is None:
        raise NotFoundError(found.why_not)
    return _with_drift(work, Then(Moment(at, laid_over(found.team, rows), freezes), _said(found), history.assumed))


def _with_drift(work: Casework, found: Then) -> Then:
    moment = found.moment
    seen = drift_at(work, moment.team, min(moment.at, work.at))
    known = {each.drift: each for each in seen}
    gives: dict[Place, dict[SeenDrift, None]] = {}
    for place, drift in given_by(moment, list(known)):
        gives.setdefault(place, {})[known[drift]] = None
    return replace(found, seen=tuple(seen), drift={place: tuple(each) for place, each in gives.items()})


def _said(found: InForce) -> str:
    if found.revision is None:
        return "the team file as it is now"
    since = f", applied at {iso(found.since)}" if found.since else ""
    return f"revision {found.revision[:12]} of the team file{since}"


def only_of(team: Team, filters: Filters) -> Only:
    """Give what filters leave; a name that is one to the letter means that one alone."""
    people = _people(team, filters)
    accounts = None if not filters.account else {name for name in team.accounts if name == filters.account}
    sets = None if not filters.permission_set else _meant(filters.permission_set, {n: n for n in team.permission_sets})
    return Only(people, accounts, sets)


def _people(team: Team, filters: Filters) -> set[str]:
    found = set(team.people)
    if filters.person:
        found = _meant(filters.person, {name: f"{name} {p.full_name}" for name, p in team.people.items()})
    if filters.group:
        found &= set(team.members(filters.group)) if filters.group in team.groups else set()
    return found if filters.own is None else found & {filters.own}


def _meant(asked: str, names: Mapping[str, str]) -> set[str]:
    if asked in names:
        return {asked}
    return {name for name, words in names.items() if asked.lower() in words.lower()}


@uncollected()
def matrix(found: Then, filters: Filters, page: int = 1, across: int = 1) -> Matrix:
    """Give a page of the matrix: people by name, and the permission sets that any of them has or has turns for.

    Where accounts or permission sets are asked for, people who have nothing of them are left out.
    """
    moment, team = found.moment, found.moment.team
    only = only_of(team, filters)
    people = sorted(only.people or ())
    if filters.account or filters.permission_set:
        people = sorted({place.person for place in found.cells(only)})
    shown = people[(page - 1) * ROWS : page * ROWS]
    cells = found.cells(replace(only, people=set(shown)))
    columns = _columns(team, cells)
    here = columns[(across - 1) * COLUMNS : across * COLUMNS]
    rows = tuple(
        Row(
            team.people[name],
            moment.freeze_of(name),
            tuple(cells.get(Place(name, account, each)) for account, each in here),
        )
        for name in shown
    )
    around = turnings(moment, Interval(moment.at - AROUND, moment.at + AROUND), only)
    before = next((each for each in reversed(around) if each.at < moment.at), None) or last_turning(moment, only)
    after = next((each for each in around if each.at > moment.at), None) or next_turning(moment, only)
    return Matrix(here, rows, len(people), len(columns), before, after, around, emptied_in(found, here))


def _columns(team: Team, cells: Mapping[Place, Cell]) -> tuple[tuple[str, str], ...]:
    """Give the columns in the order of the file, by account."""
    accounts = {name: number for number, name in enumerate(team.accounts)}
    sets = {name: number for number, name in enumerate(team.permission_sets)}
    found = {(place.account, place.permission_set) for place in cells}
    return tuple(sorted(found, key=lambda pair: (accounts[pair[0]], sets[pair[1]])))


@uncollected()
def cells_of(found: Then, filters: Filters) -> Mapping[Place, Cell]:
    """Give every cell that filters leave, in order of their places."""
    return found.cells(only_of(found.moment.team, filters))


def cell_view(cell: Cell, bound: Emptied | None) -> CellView:
    """Give a cell as plain facts, with what is known of how the organization bounds it."""
    return CellView(
        str(cell.standing),
        [*(str(reason.by) for reason in cell.reasons), *(str(Standing.DRIFT) for _ in cell.drift)],
        [*(reason.why for reason in cell.reasons), *(each.what for each in cell.drift)],
        [
            *(None if reason.until is None else iso(reason.until) for reason in cell.reasons),
            *(None for _ in cell.drift),
        ],
        [*(str(reason.where) for reason in cell.reasons), *(each.principal for each in cell.drift)],
        bound.words if bound is not None and cell.standing in (Standing.HELD, Standing.DRIFT) else "",
    )


@uncollected()
def compared(before: Then, after: Then, filters: Filters) -> tuple[Difference, ...]:
    """Give what filters leave of what is not the same at two times, by person."""
    old, new = (only_of(each.moment.team, filters) for each in (before, after))
    only = replace(new, people={*(old.people or ()), *(new.people or ())})
    if filters.permission_set:
        only = replace(only, permission_sets={*(old.permission_sets or ()), *(new.permission_sets or ())})
    if filters.account:
        only = replace(only, accounts={filters.account})
    found = {each.place: each for each in differences(before.moment, after.moment, only)}
    for place in {*before.drift, *after.drift}:
        if only.has_place(place):
            here = Only({place.person}, {place.account}, {place.permission_set})
            was, is_ = (each.cells(here).get(place) for each in (before, after))
            if gist(was) == gist(is_):
                found.pop(place, None)
            else:
                found[place] = Difference(place, was, is_)
    return tuple(found[place] for place in sorted(found))


@uncollected()
def search(found: Then, filters: Filters, action: str, resource: str) -> Search:
    """Tell who can do something at the instant, in an account; in all of them while the team is small.

    An ARN that names an account of the team is asked about there. Nothing is supposed: what else must be so, such as
    MFA, is a condition.
    """
    team = found.moment.team
    accounts = _accounts_for(team, filters, resource)
    asked = Request(action, resource, {}, some="*" in resource)
    only = only_of(team, filters)
    holders = [view for name in accounts for view in _holders(found, name, asked, only)]
    return Search(action, resource, accounts, [name for name in team.accounts if name not in accounts], holders)


def _accounts_for(team: Team, filters: Filters, resource: str) -> list[str]:
    if filters.account:
        return [filters.account] if filters.account in team.accounts else []
    named = team.account_of("".join(resource.split(":")[4:5]))
    if named is not None:
        return [named.name]
    together = _ASKED_AT_ONCE // max(len(team.people), 1)
    return list(islice(team.accounts, max(together, 1)))


def _holders(found: Then, account: str, asked: Request, only: Only) -> Iterator[HolderView]:
    moment = found.moment
    if not asked.action.lower().startswith("sts:"):
        found = replace(found, moment=replace(moment, team=_written_for_a_day(moment.team)))
    ways = Ways(_state(found, account))
    if only.people is not None:
        users = {moment.team.people[name].iam_user for name in only.people}
        ways.users = tuple(name for name in ways.users if name in users)
    names = {person.iam_user: person.name for person in moment.team.people.values()}
    span = Interval(moment.at, moment.at + _MOMENT)
    for holder in who_can(ways, asked, span):
        for part in holder.parts:
            yield holder_view(names.get(holder.user), account, holder, part)


def _written_for_a_day(team: Team) -> Team:
    """Let no rota be written further ahead than a decision of the instant needs: it is the same, and found sooner.

    But for whoever may take a role: one that nobody is on watch for within a day is not written then.
    """
    return replace(team, rotas={name: replace(rota, horizon=_DAY) for name, rota in team.rotas.items()})


def _state(then: Then, account: str) -> AccountState:
    """Give the documents that an account has at the instant, by the team file, and what bounds it."""
    moment = then.moment
    team = in_account(moment.team, account)
    declared = declared_state(team, team.accounts[account], moment.at, moment.freezes, then.read.center)
    return under(team, {account: declared}, then.read.organization)[account]


def explained(found: Then, person: str, account: str, asked: Request) -> list[ExplainView]:
    """Explain every way of somebody to an action in an account, as `explain` does."""
    moment = found.moment
    state, user = _state(found, account), moment.team.people[person].iam_user
    # What else would give it may be a set that nobody has there yet.
    team = replace(in_account(moment.team, account), permission_sets=moment.team.permission_sets)
    return [explain_view(each) for each in explain_ways(team, person, state, user, asked, moment.at)]


def emptied_in(found: Then, columns: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Emptied]:
    """Tell of which permission sets the organization leaves nothing in which accounts, or that it is not known."""
    team, at = found.moment.team, found.moment.at
    if team.organization is None:
        return {}
    columns = list(dict.fromkeys(columns))
    bare = {account: nothing(team.accounts[account]) for account, _ in columns}
    return emptied_sets(team, under(team, bare, found.read.organization), columns, at)


def denied_of(found: Then, place: Place) -> list[str]:
    """Say what of a permission set the organization denies in an account, over every resource and context."""
    team = in_account(found.moment.team, place.account)
    team = replace(team, permission_sets=found.moment.team.permission_sets)
    bare = under(team, {place.account: nothing(team.accounts[place.account])}, found.read.organization)
    return [each.message for each in withheld(team, bare, [(place.permission_set, place.account)], found.moment.at)]


def place_of(found: Then, person: str, account: str, permission_set: str) -> Place:
    """Give a place of the matrix; NotFoundError where the team of the time has no such person, account or set."""
    team = found.moment.team
    known: Sequence[tuple[str, str, Mapping[str, object]]] = (
        ("person", person, team.people),
        ("account", account, team.accounts),
        ("permission set", permission_set, team.permission_sets),
    )
    for what, name, names in known:
        if name not in names:
            raise NotFoundError(f"no {what} `{name}` in {found.by}")
    return Place(person, account, permission_set)
