"""`oncall import`: a schedule that another product keeps, as parts of the team file."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import rich_click as click
from ruamel.yaml import YAML

from watchbill.cli.session import Session, command
from watchbill.errors import Problem, WatchbillError
from watchbill.feeds.fetch import LIMITS
from watchbill.intervals import Interval, iso
from watchbill.schedule.imported import Entry, person_of
from watchbill.schedule.outside import Definition, definition, read_outside
from watchbill.service.rights import IntervalView
from watchbill.team.model import FORMS, Person


_AROUND = timedelta(days=31), timedelta(days=180)
"""How far back and ahead shifts are read."""
_DEFINED = ("pagerduty", "goalert")


@dataclass(frozen=True, slots=True)
class EntryView:
    """A shift of the outside schedule."""

    names: list[str]
    person: str | None
    """Whom of the team file it means; null where nobody, or it could be several."""
    interval: IntervalView


@dataclass(frozen=True, slots=True)
class ImportView:
    """What a schedule comes to in the team file, and the shifts it has."""

    name: str
    document: dict[str, Any]
    """Parts of a team file: people that it has not yet, and the rota."""
    shifts: list[EntryView]


@command("oncall import", team=True)
@click.argument("form", type=click.Choice(FORMS))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--rota", default="imported", help="What to call the rota [default: imported].")
@click.option("--time-zone", "zone", default="UTC", help="Of times in a calendar that name none [default: UTC].")
def take(session: Session, form: str, file: Path, rota: str, zone: str) -> int:
    """Turn FILE, a schedule in FORM, into parts of a team file: printed, nothing is written.

    Where PagerDuty's or GoAlert's answer defines the schedule, its rotations and overrides are taken over. Of any
    other, --json lists the shifts; what is printed is the layer that would follow the file as an outside schedule.
    """
    team = session.team_if_any()
    people = team.people if team is not None else {}
    data = _read(file)
    entries, problems, name = _shifts(form, data, session, file, zone)
    defined = _defined(form, data, file, has_shifts=bool(entries))
    if defined is not None:
        known = {each.name: person_of((each.email, each.full_name), people) for each in defined.people}
        document = _of_definition(defined, rota, known)
        problems, name = [*problems, *defined.problems], defined.name
    else:
        document = _of_shifts(entries, people, rota, (form, file.name, zone))
    if not session.out.as_json:
        sys.stdout.write(_yaml(document, name, entries))
    views = [EntryView(list(e.names), person_of(e.names, people), _span(e.interval)) for e in entries]
    session.out.answer(ImportView(name, document, views), problems)
    return 0


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(LIMITS.size + 1)
    except OSError as error:
        raise WatchbillError(f"could not read {file}: {error.strerror}") from error
    if len(data) > LIMITS.size:
        raise WatchbillError(f"{file} has more than {LIMITS.size / 1_000_000:g} MB; that is no schedule")
    return data


def _shifts(
    form: str, data: bytes, session: Session, file: Path, zone: str
) -> tuple[tuple[Entry, ...], list[Problem], str]:
    within = Interval(session.at - _AROUND[0], session.at + _AROUND[1])
    try:
        found = read_outside(form, data, within, file.name, zone)
    except WatchbillError:
        if form in _DEFINED:
            return (), [], ""  # it may define a schedule, and have no shifts
        raise
    return found.entries, list(found.problems), found.name


def _defined(form: str, data: bytes, file: Path, *, has_shifts: bool) -> Definition | None:
    if form not in _DEFINED:
        return None
    try:
        found = definition(form, data, file.name)
    except WatchbillError:
        if has_shifts:
            return None  # it is a list of shifts alone
        raise
    return found if found.layers or found.overrides else None


def _of_definition(found: Definition, rota: str, known: Mapping[str, str | None]) -> dict[str, Any]:
    missing = {
        each.name: {"name": each.full_name or each.name, "email": each.email or f"{each.name}@example.com"}
        for each in found.people
        if known[each.name] is None
    }
    names = {name: person for name, person in known.items() if person is not None}
    parts = {"layers": list(found.layers), "overrides": list(found.overrides)}
    made = {"accounts": ["production"], "entitlement": {"primary": "oncall"}, **_renamed(parts, names)}
    return {**({"people": missing} if missing else {}), "rotas": {rota: made}}


_NAMING = frozenset({"members", "member", "first", "add", "remove", "swap", "person", "by"})
"""Keys of layers and overrides under which people are named."""


def _renamed(value: Any, names: Mapping[str, str], *, naming: bool = False) -> Any:
    """Call people as the team file does."""
    if isinstance(value, Mapping):
        return {key: _renamed(each, names, naming=key in _NAMING) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(each, names, naming=naming) for each in value]
    return names.get(value, value) if naming and isinstance(value, str) else value


def _of_shifts(
    entries: Iterable[Entry], people: Mapping[str, Person], rota: str, source: tuple[str, str, str]
) -> dict[str, Any]:
    form, file, zone = source
    members = {person for entry in entries if (person := person_of(entry.names, people)) is not None}
    feed = {"form": form, "file": file}
    layer = {"name": "outside", "time_zone": zone, "members": sorted(members), "feed": feed}
    return {"rotas": {rota: {"accounts": ["production"], "entitlement": {"primary": "oncall"}, "layers": [layer]}}}


def _yaml(document: Mapping[str, Any], name: str, entries: tuple[Entry, ...]) -> str:
    yaml: Any = YAML(typ="safe")
    yaml.default_flow_style = None
    yaml.width, yaml.sort_base_mapping_type_on_output = 4096, False
    text = StringIO()
    yaml.dump(document, text)
    what = " ".join(f"the schedule {name}".split()) if name else "a schedule"
    said = f"# From {what}: {len(entries)} shifts read. Set accounts and entitlement; then `watchbill validate`.\n"
    return said + text.getvalue()


def _span(interval: Interval) -> IntervalView:
    return IntervalView(iso(interval.start), iso(interval.end))
