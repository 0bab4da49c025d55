"""The review of who holds what, which somebody does every quarter: what there is to decide, and who decides it.

The rules, in order:

1. There is a row for each person, permission set and way to it: a group, a rota that may put them on watch, a grant
   that is not over; and for what others gave in AWS, as far as it was observed.
2. A row of a group is its reviewer's, any other a lead's. Nobody reviews their own access: it goes to another lead, and
   where there is none no review can be opened.
3. What is frozen is never changed. A reviewer signs the digest of their rows with what they decided of each.
4. A removal is a proposal: of the team file without it where it can be written, in words where not.
"""

import difflib
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from watchbill.access.entitlements import on_call, standing
from watchbill.access.limits import DENYING
from watchbill.access.model import Drift, DriftKind, Holding, last_of
from watchbill.errors import Location, RefusedError
from watchbill.intervals import Interval, iso
from watchbill.team.edit import with_values
from watchbill.team.files import parse
from watchbill.team.model import Rota, Team


OUTSIDE = "outside of watchbill"
_GIVES = frozenset(
    {
        *(DriftKind.ATTACHED, DriftKind.INLINE, DriftKind.JOINED),
        *(DriftKind.DOCUMENT, DriftKind.TRUST, DriftKind.BOUNDARY),
    }
)
"""Drift that may give something: what else a document says, or whom else a role trusts, is not looked at."""

Way = tuple[str, str, str]
"""Person, permission set, and through what."""


@dataclass(frozen=True, slots=True)
class Use:
    """What is known of the use of something somebody holds."""

    last: str | None
    said: str
    """In words."""


NOT_LOOKED = Use(None, "not looked up")


@dataclass(frozen=True, slots=True)
class AccessRow:
    """Something that somebody holds, to be kept or removed."""

    number: int
    person: str
    """Whose it is; the ARN where it is of nobody known."""
    permission_set: str
    """Or in words what it is, where it is from outside of watchbill."""
    accounts: tuple[str, ...]
    through: str
    """`group developers`, `rota platform`, `grant g1`, or `OUTSIDE`."""
    until: str | None
    """When it ends by itself; None where it does not."""
    where: str
    """The line of the team file; empty where it is in none."""
    reviewer: str
    last_used: str | None
    use: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What is decided of a row."""

    keeps: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What removals come to."""

    diff: str
    """Of the team file, as `patch -p0` takes it; empty where nothing can be written."""
    losses: tuple[str, ...]
    """Who loses what by it, in words."""
    by_hand: tuple[str, ...]
    """What a person is to do, in words."""
    text: str
    """The team file without what goes."""


@dataclass(frozen=True, slots=True)
class _Held:
    accounts: tuple[str, ...]
    until: datetime | None
    where: str


def rows_of(
    team: Team, at: datetime, drift: Iterable[Drift] = (), uses: Mapping[tuple[str, str, str, str], Use] | None = None
) -> tuple[AccessRow, ...]:
    """Give the rows of a review as of an instant, in order of reviewer, person and way.

    `uses` has what is known by person, account, permission set and way; None where nobody has looked.
    """
    made = list[AccessRow]()
    for (person, permission_set, through), held in _held(team, at).items():
        use = _use(uses, (person, permission_set, through), held.accounts)
        until = None if held.until is None else iso(held.until)
        by = reviewer_of(team, through, person)
        what = (person, permission_set, held.accounts, through, until, held.where)
        made.append(AccessRow(0, *what, by, use.last, use.said))
    for each in drift:
        if gives_something(each):
            person = person_of(team, each.principal)
            given = f"{each.what} ({each.other})" if each.other else each.what
            by = reviewer_of(team, OUTSIDE, person, but=each.people)
            made.append(AccessRow(0, person, given, (each.account,), OUTSIDE, None, "", by, None, NOT_LOOKED.said))
    ordered = sorted(made, key=lambda row: (row.reviewer, row.person, row.through, row.permission_set))
    return tuple(replace(row, number=number) for number, row in enumerate(ordered, 1))


def reviewer_of(team: Team, through: str, person: str, before: str | None = None, but: Collection[str] = ()) -> str:
    """Tell who reviews something: whoever did `before`, if they still may; else the first who may.

    Raises RefusedError where nobody could but its holder, and those `but` whom it is about.
    """
    kind, _, name = through.partition(" ")
    group = team.groups.get(name) if kind == "group" else None
    named = () if group is None or group.reviewer is None else (group.reviewer,)
    may = [each for each in (*named, *team.leads) if each != person and each not in but and each in team.people]
    if not may:
        raise RefusedError(f"nobody may review what `{person}` holds", "name another lead in the team file")
    return before if before is not None and before in may else may[0]


def gives_something(drift: Drift) -> bool:
    """Tell whether what others did may have given somebody something: what denies and is gone did, too."""
    gone = drift.kind in (DriftKind.DETACHED, DriftKind.MISSING)
    return drift.kind in _GIVES or (gone and last_of(drift.other or "").startswith(DENYING))


def person_of(team: Team, principal: str) -> str:
    """Tell whose a user of AWS is; of anything else, and of a user of nobody, its ARN."""
    name = principal.rpartition("/")[2]
    found = (person.name for person in team.people.values() if ":user/" in principal and person.iam_user == name)
    return next(found, principal)


def digest_of(review_id: str, rows: Sequence[AccessRow], decided: Mapping[int, Decided]) -> str:
    """Give the digest that a reviewer signs: of their rows as they were frozen, and what is decided of each."""
    said = [(row, decided.get(row.number)) for row in rows]
    text: bytes = msgspec.json.encode([review_id, said], order="deterministic")
    return hashlib.sha256(text).hexdigest()


def proposed(team: Team, removed: Sequence[AccessRow], every: Sequence[AccessRow]) -> Proposal:
    """Give what removals come to by the team file as it is now.

    Somebody is taken out of a group where all that it gave them is to go; `every` has all rows of the review.
    """
    leaves, by_hand = dict[str, set[str]](), list[str]()
    for row in removed:
        kind, _, name = row.through.partition(" ")
        gone = set(removed)
        whole = all(each in gone for each in every if (each.person, each.through) == (row.person, row.through))
        group = team.groups.get(name) if kind == "group" else None
        if group is not None and row.person in group.members and whole:
            leaves.setdefault(name, set()).add(row.person)
        elif kind != "group" or (group is not None and row.person in team.members(name)):
            by_hand.append(_by_hand(row, whole=whole))
    text = team.text
    for name, people in sorted(leaves.items()):
        kept = [each for each in team.groups[name].members if each not in people]
        try:
            text = with_values(text, {("groups", name, "members"): kept})
        except RefusedError as error:
            by_hand += [f"take {', '.join(sorted(people))} out of group {name}: {error}"]
    before, after = (each.splitlines(keepends=True) for each in (team.text, text))
    diff = "".join(difflib.unified_diff(before, after, team.path, team.path))
    return Proposal(diff, tuple(_losses(team, text)) if diff else (), tuple(dict.fromkeys(by_hand)), text)


def _losses(team: Team, text: str) -> Iterator[str]:
    """Say who holds less by another text of the team file."""
    after = {(each.person, each.account, each.permission_set) for each in standing(parse(text.encode(), team.path))}
    lost = {(each.person, each.account, each.permission_set) for each in standing(team)} - after
    for person, account, permission_set in sorted(lost):
        yield f"{person} loses {permission_set} in {account}, for good"


def _by_hand(row: AccessRow, *, whole: bool) -> str:
    kind, _, name = row.through.partition(" ")
    what = f"{row.person}: {row.permission_set} in {', '.join(row.accounts)}"
    if kind == "group":
        way = "they are in it by another group that it includes" if whole else "the group gives them more, which stays"
        return f"{what}, through {row.through} ({row.where}): {way}"
    if kind == "rota":
        return f"{what}: take them out of rota {name} ({row.where}), whose shifts somebody else must take"
    if kind == "grant":
        return f"{what}: take grant {name} out ({row.where})"
    return f"{what}: it was given {OUTSIDE}; `watchbill drift` shows it"


def _held(team: Team, at: datetime) -> Mapping[Way, _Held]:
    """Give what people hold, by way; what a group gives in several accounts is one."""
    groups: dict[Way, list[Holding]] = {}
    for holding in standing(team):
        groups.setdefault((holding.person, holding.permission_set, holding.through), []).append(holding)
    found = {
        way: _Held(tuple(sorted({each.account for each in held})), None, _place(held[0].where))
        for way, held in groups.items()
    }
    for rota in team.rotas.values():
        for person, permission_set in _on_rota(rota, at):
            place = _Held(tuple(sorted(rota.accounts)), None, _place(rota.where))
            found[person, permission_set, f"rota {rota.name}"] = place
    for grant in team.grants:
        if grant.interval.end > at:
            held_by = _Held(tuple(sorted(grant.accounts)), grant.interval.end, _place(grant.where))
            found[grant.person, grant.permission_set, f"grant {grant.name}"] = held_by
    return found


def _place(where: Location) -> str:
    return f"{where.path}:{where.line}"


def _on_rota(rota: Rota, at: datetime) -> Collection[tuple[str, str]]:
    """Give whom a rota may put on watch, and what that gives: members, and whoever else is on within its horizon."""
    entitled = (layer for layer in rota.layers if layer.kind in rota.entitlement)
    members = {(person, rota.entitlement[layer.kind]) for layer in entitled for person in layer.members}
    ahead = {(each.person, each.permission_set) for each in on_call(rota, Interval(at, at + rota.horizon))}
    return members | ahead


def _use(uses: Mapping[tuple[str, str, str, str], Use] | None, way: Way, accounts: Iterable[str]) -> Use:
    if uses is None:
        return NOT_LOOKED
    person, permission_set, through = way
    found = [uses.get((person, account, permission_set, through)) for account in accounts]
    known = [each for each in found if each is not None]
    if not known:
        return Use(None, "not known")
    return max(known, key=lambda each: each.last or "")
