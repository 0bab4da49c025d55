"""What the team file still gives to somebody who leaves, and the file without it.

The file is a person's to change: this only proposes. Who is left of a layer goes on in the same order, and the turn
that is running stays whose it is. Overrides that put the leaver on call go, past ones too: what was in force when is
known by the revisions of the file that were applied, not by what stands in it now. Their entry under `people` stays, so
that what they did is still known to be theirs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from watchbill.errors import Location, WatchbillError
from watchbill.schedule.rotation import Turns
from watchbill.schedule.wall import reached
from watchbill.team.edit import with_values, without_items
from watchbill.team.files import parse
from watchbill.team.model import Layer, Override, Rota, Rotation, Team


@dataclass(frozen=True, slots=True)
class Given:
    """Something that the team file gives to somebody."""

    what: str
    where: Location | None
    """The line that gives it; None where it stands at the top of the file."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A team file without a leaver, as far as it can be written."""

    text: str
    by_hand: tuple[str, ...]
    """What a person has to change, in words."""


_Edit = Callable[[str], str]


def given_to(team: Team, person: str, at: datetime) -> Iterator[Given]:
    """Give what a team gives to somebody at an instant or later: groups, rotas, grants, and deciding."""
    for group in team.groups.values():
        if person in group.members:
            yield Given(f"group {group.name}", group.where)
    for rota in team.rotas.values():
        yield from _given_by(rota, person)
    for grant in team.grants:
        if grant.person == person and grant.interval.end > at:
            yield Given(f"grant {grant.name}", grant.where)
    for key, names in (("leads", team.leads), ("security_leads", team.security_leads)):
        if person in names:
            yield Given(f"their place among {key}", None)


def _given_by(rota: Rota, person: str) -> Iterator[Given]:
    for layer in rota.layers:
        if person in layer.members:
            yield Given(f"layer {layer.name} of rota {rota.name}", layer.where)
    for override in rota.overrides:
        if _puts_on(override, person):
            yield Given(f"override {override.name} of rota {rota.name}", override.where)


def answers_for(team: Team, person: str) -> Iterator[str]:
    """Say what somebody answers for and another has to take over."""
    for workload in team.workloads.values():
        if workload.owner == person:
            yield f"workload {workload.name} is theirs to answer for: name another owner"


def without(team: Team, person: str, at: datetime) -> Proposal:
    """Give the text of a team file without what it gives to somebody; what cannot be written so is said."""
    text, by_hand = team.text, list(answers_for(team, person))
    plain = parse(text.encode(), team.path)
    for what, edit in _edits(plain, person, at):
        try:
            edited = edit(text)
            parse(edited.encode(), team.path)
        except WatchbillError as error:
            by_hand.append(f"{what}: {error}")
        else:
            text = edited
    found = given_to(parse(text.encode(), team.path), person, at)
    said = {each.partition(":")[0] for each in by_hand}
    by_hand.extend(f"{each.what}: take them out of it" for each in found if each.what not in said)
    return Proposal(text, tuple(by_hand))


def _edits(team: Team, person: str, at: datetime) -> Iterator[tuple[str, _Edit]]:
    for name, group in team.groups.items():
        if person in group.members:
            yield f"group {name}", _valued(("groups", name), {"members": _less(group.members, person)})
    for key, names in (("leads", team.leads), ("security_leads", team.security_leads)):
        if person in names:
            yield f"their place among {key}", _valued((), {key: _less(names, person)})
    for rota in team.rotas.values():
        yield from _edits_of(rota, person, at)
    granted = [number for number, each in enumerate(team.grants) if each.person == person]
    if granted:
        yield "grants", partial(without_items, way=("grants",), numbers=granted)


def _edits_of(rota: Rota, person: str, at: datetime) -> Iterator[tuple[str, _Edit]]:
    for number, layer in enumerate(rota.layers):
        if person in layer.members and (found := _layer(layer, person, at)):
            yield f"layer {layer.name} of rota {rota.name}", _valued(("rotas", rota.name, "layers", number), found)
    theirs = [number for number, each in enumerate(rota.overrides) if _puts_on(each, person)]
    if theirs:
        yield (
            f"overrides of rota {rota.name}",
            partial(without_items, way=("rotas", rota.name, "overrides"), numbers=theirs),
        )


def _valued(way: tuple[str | int, ...], values: Mapping[str, Any]) -> _Edit:
    return partial(with_values, values={(*way, key): value for key, value in values.items()})


def _layer(layer: Layer, person: str, at: datetime) -> Mapping[str, Any]:
    """Give the values of a layer that goes on without somebody; none where a person has to decide how."""
    pattern = layer.pattern
    if not isinstance(pattern, Rotation):
        # Turns by a rule are counted over its members from its start, so that with one less all of them move.
        moves = getattr(pattern, "each", None) is not None
        left = _less(layer.members, person)
        return {} if moves or not left else {"members": left}
    found = Turns(pattern, layer.time_zone).without(person, reached(at, layer.time_zone))
    if found is None:
        return {}
    anchor, place, members = found
    today = reached(at, layer.time_zone).date()
    coming = [roster for roster in pattern.rosters[1:] if roster.since > today]
    values: dict[str, Any] = {
        "members": list(members),
        "anchor": {"date": anchor.isoformat(), "member": members[place]},
    }
    if len(pattern.rosters) > 1:
        values["rosters"] = [
            {
                "from": roster.since.isoformat(),
                "members": _less(roster.members, person),
                **({} if roster.first in (None, person) else {"first": roster.first}),
            }
            for roster in coming
        ]
    return values


def _less(names: tuple[str, ...], person: str) -> list[str]:
    return [name for name in names if name != person]


def _puts_on(override: Override, person: str) -> bool:
    """Tell whether somebody may come to be on call by an override."""
    stints = (stint.person for stint in override.instead or ())
    return person in (override.add, *(override.swap or ()), *stints)
