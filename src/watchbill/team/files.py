"""Read a team file: the text to a `Team`, or every mistake in it, each with its place.

The rules, in order:

1. It is YAML in UTF-8, one mapping, with no key twice and nothing that contains itself.
2. Its shape is that of `document`; unknown keys are mistakes.
3. Every name refers to something in the file; groups do not include each other in a circle.
4. What must make sense does: zones, addresses, spans that end after they start, approvers who are not the receiver.

Nothing is built from a file with a mistake in it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, time
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from watchbill.errors import FileError, Location, Problem
from watchbill.intervals import Interval, parse_instant
from watchbill.team.document import LayerPart, TeamPart
from watchbill.team.model import (
    Access,
    Account,
    Grant,
    Group,
    Kind,
    Layer,
    Leave,
    Override,
    PermissionSet,
    Person,
    Restriction,
    Rota,
    Team,
    Turn,
)
from watchbill.team.names import length, meant, name_problems
from watchbill.team.places import Path, Places, has_cycle


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse(text: str | bytes, path: str) -> Team:
    """Read a team file; `path` is what problems call it. Raises FileError with every mistake in it."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    document = _load(data, path)
    plain, places = _plain(document), Places(document, path)
    try:
        part = TeamPart.model_validate(plain)
    except ValidationError as error:
        wrong = {_path(each) for each in error.errors(include_url=False) if "[key]" not in each["loc"]}
        found = _shape_problems(error, places) + name_problems(plain, wrong, places)
        raise FileError(_in_order(found)) from error
    if found := name_problems(plain, (), places):
        raise FileError(_in_order(found))
    return _Builder(part, places).team(path, data)


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda p: (p.line or 0, p.col or 0))


def _load(data: bytes, path: str) -> object:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FileError([Problem("not-utf-8", "this is no UTF-8 text", path, line, 1)]) from error
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    try:
        document = yaml.load(StringIO(text))
    except DuplicateKeyError as error:
        # ruamel's text shows both values whole; the key is enough.
        name = (error.problem or "").partition('"')[2].partition('"')[0]
        place = _marked("duplicate-key", error, path)
        raise FileError([replace(place, message=f"key `{name}` is given twice")]) from error
    except MarkedYAMLError as error:
        raise FileError([_marked("not-yaml", error, path)]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else "it is nested too deeply"
        raise FileError([Problem("not-yaml", f"this is no YAML: {first}", path, 1, 1)]) from error
    if not isinstance(document, Mapping):
        message = "a team file is a mapping with `team`, `people`, `groups`, ...; this one is empty or something else"
        raise FileError([Problem("not-a-team", message, path, 1, 1)])
    if has_cycle(document):
        message = "an alias stands inside its own anchor, or aliases multiply without end"
        raise FileError([Problem("alias-cycle", message, path, 1, 1)])
    return document


class _Constructor(RoundTripConstructor):
    """Keeps dates and instants as the text they are, so that what is checked is what was written."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_scalar)


def _marked(code: str, error: MarkedYAMLError, path: str) -> Problem:
    mark = error.problem_mark
    said = (error.problem or "it cannot be read").strip().splitlines()[0]
    return Problem(code, f"this is no YAML: {said}", path, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1)


def _plain(value: Any) -> Any:
    """Take ruamel's types off, so that only the shape is left to check."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return str(value)
    return value


def _shape_problems(error: ValidationError, places: Places) -> list[Problem]:
    found: dict[Location, Problem] = {}
    for each in error.errors(include_url=False):
        path = _path(each)
        is_key = each["type"] == "extra_forbidden" or "[key]" in each["loc"]
        place = places.of(path, key=is_key)
        found.setdefault(place, Problem.at("bad-shape", _shape_message(each, path), place))
    return list(found.values())


def _path(mistake: Any) -> Path:
    return tuple(step for step in mistake["loc"] if step not in ("[key]", "str", "datetime") and not _is_tag(step))


def _is_tag(step: object) -> bool:
    return isinstance(step, str) and (step.startswith(("literal[", "list[", "function-", "constrained")))


def _shape_message(each: Any, path: Path) -> str:
    name = str(path[-1]) if path else ""
    match each["type"]:
        case "extra_forbidden":
            return f"unknown key `{name}`{meant(name, _KEYS)}"
        case "missing":
            return f"`{name}` is missing"
        case "string_pattern_mismatch":
            return f"`{each['input']}` is no valid {_field(path)}; {_EXPECTED.get(_field(path), 'see the schema')}"
        case "string_type":
            return f"`{each['input']}` must be a text; put it in quotes"
        case "literal_error":
            return f"`{each['input']}` must be {each['ctx']['expected']}"
        case _:
            return f"{each['msg'][:1].lower()}{each['msg'][1:]}"


def _field(path: Path) -> str:
    """Name the field of a path in words: a key of people, accounts and so on is a name."""
    names = [str(step) for step in path if isinstance(step, str)]
    if len(names) == 2 and names[0] in ("accounts", "people", "groups", "permission_sets", "rotas"):  # noqa: PLR2004
        return "name"
    return names[-1] if names else "value"


_EXPECTED = {
    "name": "use lower-case letters, digits, `-`, `_` and `.`, 32 at most",
    "number": 'an account number has twelve digits: "111111111111"',
    "email": "an address has one `@`",
    "turn": "write 12h, 1d, 1w or 1mo",
    "horizon": "write 14d or 2w",
    "before": "write 15m or 1h",
    "after": "write 15m or 1h",
    "time": 'write a time of day in quotes: "09:00"',
    "from": 'write a time of day in quotes: "09:00"',
    "to": 'write a time of day in quotes: "09:00"',
    "allow": "an action is a service and a name: ec2:Describe*",
    "deny": "an action is a service and a name: ec2:Describe*",
    "iam_user": "IAM names have letters, digits and +=,.@_-, 64 at most",
    "role": "IAM names have letters, digits and +=,.@_-, 64 at most",
}


def _keys_of(schema: Mapping[str, Any]) -> frozenset[str]:
    parts = (schema, *schema["$defs"].values())
    return frozenset(name for part in parts for name in part.get("properties", ()))


_KEYS = _keys_of(TeamPart.model_json_schema(by_alias=True))


def _interval(start: str, end: str) -> Interval:
    return Interval(parse_instant(start), parse_instant(end))


class _Builder:
    """Builds the team of a file that has no mistakes."""

    def __init__(self, part: TeamPart, places: Places) -> None:
        self._part = part
        self._at = places.of

    def team(self, path: str, data: bytes) -> Team:
        part, at = self._part, self._at
        return Team(
            part.team,
            {n: self._account(n) for n in part.accounts},
            {n: self._person(n) for n in part.people},
            {n: self._group(n) for n in part.groups},
            {
                n: PermissionSet(
                    n, s.description, tuple(s.allow), tuple(s.deny), s.policy, at(("permission_sets", n), key=True)
                )
                for n, s in part.permission_sets.items()
            },
            {n: self._rota(n) for n in part.rotas},
            tuple(self._grant(i) for i in range(len(part.grants))),
            tuple(part.networks),
            tuple(part.leads),
            tuple(part.protected),
            tuple(part.managed_by),
            part.session_names,
            tuple(part.workloads),
            path,
            hashlib.sha256(data).hexdigest(),
            data.decode("utf-8-sig"),
        )

    def _account(self, name: str) -> Account:
        found = self._part.accounts[name]
        return Account(name, found.number, found.environment, found.role, self._at(("accounts", name), key=True))

    def _person(self, name: str) -> Person:
        found = self._part.people[name]
        user, where = found.iam_user or name, self._at(("people", name), key=True)
        return Person(name, found.name, found.email, user, found.time_zone, tuple(found.networks), where)

    def _group(self, name: str) -> Group:
        group = self._part.groups[name]
        access = tuple(
            Access(a.permission_set, tuple(a.accounts), self._at(("groups", name, "access", i)))
            for i, a in enumerate(group.access)
        )
        where = self._at(("groups", name), key=True)
        return Group(name, tuple(group.members), tuple(group.includes), access, where)

    def _rota(self, name: str) -> Rota:
        rota = self._part.rotas[name]
        overrides = tuple(
            Override(
                o.name,
                Kind(o.kind),
                _interval(o.start, o.end),
                o.add,
                o.remove,
                o.reason,
                o.by,
                self._at(("rotas", name, "overrides", i)),
            )
            for i, o in enumerate(rota.overrides)
        )
        leave = tuple(
            Leave(v.person, _interval(v.start, v.end), self._at(("rotas", name, "leave", i)))
            for i, v in enumerate(rota.leave)
        )
        return Rota(
            name,
            tuple(rota.accounts),
            {Kind(kind): permission_set for kind, permission_set in rota.entitlement.items()},
            length(rota.horizon),
            length(rota.grace.before),
            length(rota.grace.after),
            frozenset(Kind(kind) for kind in rota.required),
            tuple(self._layer(layer, ("rotas", name, "layers", i)) for i, layer in enumerate(rota.layers)),
            overrides,
            leave,
            self._at(("rotas", name), key=True),
        )

    def _layer(self, layer: LayerPart, path: Path) -> Layer:
        count = layer.turn.rstrip("hdwmo")
        restrictions = tuple(
            Restriction(
                frozenset(range(7)) if r.days == "all" else frozenset(_DAYS.index(day) for day in r.days),
                time.fromisoformat(r.start),
                time.fromisoformat(r.end),
            )
            for r in layer.restrict
        )
        return Layer(
            layer.name,
            Kind(layer.kind),
            ZoneInfo(layer.time_zone).key,
            tuple(layer.members),
            Turn(int(count), layer.turn[len(count) :]),
            time.fromisoformat(layer.handoff.time),
            date.fromisoformat(layer.anchor.date),
            layer.anchor.member,
            restrictions,
            self._at(path),
        )

    def _grant(self, index: int) -> Grant:
        grant = self._part.grants[index]
        return Grant(
            grant.name,
            grant.person,
            grant.permission_set,
            tuple(grant.accounts),
            _interval(grant.start, grant.end),
            grant.reason,
            grant.approver,
            self._at(("grants", index)),
        )
