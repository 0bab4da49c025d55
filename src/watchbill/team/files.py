"""Read a team file: the text to a `Team`, or every mistake in it, each with its place.

The rules, in order:

1. It is YAML in UTF-8, one mapping, with no key twice and nothing that contains itself.
2. Its shape is that of `document`; unknown keys are mistakes.
3. Every name refers to something in the file; groups do not include each other in a circle.
4. What must make sense does: zones, addresses, spans that end after they start, approvers who are not the receiver.

Nothing is built from a file with a mistake in it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from watchbill.errors import FileError, Location, Problem
from watchbill.intervals import Interval, parse_instant
from watchbill.team.document import (
    LayerPart,
    OverridePart,
    QuietHoursPart,
    RequiredPart,
    RestrictPart,
    ShellsPart,
    TeamPart,
)
from watchbill.team.model import (
    Access,
    Account,
    Alerts,
    Approval,
    BreakGlass,
    By,
    ChangeKind,
    Claim,
    Directory,
    Feed,
    Grant,
    Group,
    Host,
    IdentityCenter,
    KeyLimits,
    Kind,
    Layer,
    Leave,
    Mode,
    Notify,
    Override,
    PermissionSet,
    Person,
    QuietHours,
    Recurrence,
    Required,
    Restriction,
    Roster,
    Rota,
    Rotation,
    Shells,
    SignIn,
    Slack,
    Stage,
    Stint,
    Suppression,
    Team,
    Turn,
    Web,
    Workload,
)
from watchbill.team.names import DAYS, instant_or_date, length, meant, name_problems
from watchbill.team.places import Path, Places, has_cycle
from watchbill.team.ssh_keys import bare, fingerprint_of


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


_FORMS = frozenset(("[key]", "[all]", "[list]", "[kind]", "[whole]", "[instance]"))
"""What pydantic has in a path besides keys and numbers: that a key is meant, and the tags of `document`."""


def _path(mistake: Any) -> Path:
    return tuple(step for step in mistake["loc"] if step not in _FORMS and not _is_type(step))


def _is_type(step: object) -> bool:
    """Tell whether a step is one of the types that a value may have, as pydantic calls them."""
    return isinstance(step, str) and step.startswith(("literal[", "constrained-"))


def _shape_message(each: Any, path: Path) -> str:
    name = str(path[-1]) if path else ""
    field = _field(path, key="[key]" in each["loc"])
    match each["type"]:
        case "extra_forbidden":
            known = _keys_at(path[:-1])
            return f"unknown key `{name}`" + (meant(name, known) or f"; here may be: {', '.join(sorted(known))}")
        case "missing":
            return f"`{name}` is missing"
        case "string_pattern_mismatch" if not each["input"].strip():
            return f"`{field}` must not be empty; {_EXPECTED.get(field, 'see the schema')}"
        case "string_pattern_mismatch":
            return f"`{each['input']}` is no valid {field}; {_EXPECTED.get(field, 'see the schema')}"
        case "string_type":
            return f"`{each['input']}` must be a text; put it in quotes"
        case "string_too_short":
            return f"`{field}` must not be empty"
        case "literal_error":
            return f"`{each['input']}` must be {each['ctx']['expected']}"
        case _:
            return f"{each['msg'][:1].lower()}{each['msg'][1:]}"


def _field(path: Path, *, key: bool) -> str:
    """Name the field of a path in words: a key of people, accounts and so on is a name."""
    match [step for step in path if isinstance(step, str)]:
        case ["permission_sets", _, "capabilities", _]:
            return "service"
        case ["accounts" | "people" | "groups" | "permission_sets" | "rotas", _]:
            return "name"
        case ["workloads", _]:
            return "workload"
        case ["hosts", _]:
            return "host" if key else "instance"
        case ["alerts", "suppress", *_, "action"]:
            return "call"
        case [*_, last] as steps:
            return _CALLED.get((steps[0], last), last)
        case _:
            return "value"


_CALLED = {
    ("notify", "to"): "address",
    ("hosts", "user"): "local user",
    ("directories", "url"): "web address",
    ("web", "base"): "web address",
}
"""By section and key, what a field is where that key means something else elsewhere."""

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
    "managed": "name an AWS managed policy, or give its ARN: PowerUserAccess",
    "ceiling": "name a managed policy of each account, or give an ARN",
    "invariants": "write who may never do what: support never ec2:TerminateInstances",
    "service": "a service is what stands before the colon of an action: ec2",
    "iam_user": "IAM names have letters, digits and +=,.@_-, 64 at most",
    "workload": "IAM names have letters, digits and +=,.@_-, 64 at most",
    "role": "IAM names have letters, digits and +=,.@_-, 64 at most",
    "holidays": "write a country, GB, or a part of one, GB-SCT",
    "rest": "write 11h",
    "length": "write 12h or 2d",
    "start": "write a local time such as 2026-01-10T09:00",
    "sudo": "write all, or commands with their whole paths and no patterns: [/usr/bin/systemctl restart shop]",
    "host_users": "write the name of a user of your hosts",
    "ssh_keys": "write the line of a .pub file, or what `ssh-keygen -l` prints: SHA256: and 43 characters",
    "identity_center_user": "write the id that `aws identitystore list-users` gives",
    "also_known_as": "an address has one `@`",
    "ci_users": "write the host that issues the tokens, and the login: gitlab.com:ana",
    "actions": "an action is a service and a name: ec2:Describe*",
    "subjects": "write the subject of a token: repo:acme/shop:*",
    "host": "write the name of the host as its logs have it",
    "instance": "write the id of an instance: i- and 8 or 17 characters",
    "local user": "write the name of a user of the host: small letters, digits, `-`, `_` and `.`",
    "web address": "write https:// and a host: https://acme.okta.com",
    "region": "write the region it is in: eu-west-1",
    "store": "write what `aws sso-admin list-instances` gives: d-1234567890",
    "policy": "write the id of a service control policy: p-examplepolicy",
    "issuer": "write it as its tokens have it: https://acme.okta.com",
    "scopes": "a scope is a word: groups",
    "secret": "name an environment variable: PLATFORM_FEED",
    "channel": "write the id of a channel, C0123456789, or its name: #oncall",
    "address": "an address has one `@`",
    "call": "write what was called as a case writes it: iam:CreateAccessKey",
    "until": "write a date: 2026-03-01",
    "reason": "say why",
}


_SCHEMA: Mapping[str, Any] = TeamPart.model_json_schema(by_alias=True)


def _keys_at(path: Path) -> frozenset[str]:
    """Name the keys of what may stand at a path, in each form that it may take."""
    forms = [_SCHEMA]
    for step in path:
        forms = [form for part in forms for form in _forms(_below(part, step))]
    return frozenset(name for form in forms for name in form.get("properties", ()))


def _below(part: Mapping[str, Any], step: object) -> Mapping[str, Any]:
    if isinstance(step, int):
        return dict(part.get("items", {}))
    # A name that people choose is of a pattern, and what it names is of one shape.
    chosen = next(iter(part.get("patternProperties", {}).values()), part.get("additionalProperties"))
    found = part.get("properties", {}).get(step, chosen)
    return found if isinstance(found, Mapping) else {}


def _forms(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give a part of the schema, each form of it where it has several, with what it refers to in its place."""
    if "$ref" in part:
        yield from _forms(_SCHEMA["$defs"][part["$ref"].rpartition("/")[2]])
    elif several := part.get("anyOf") or part.get("oneOf"):
        for each in several:
            yield from _forms(each)
    else:
        yield part


def _interval(start: str, end: str) -> Interval:
    return Interval(parse_instant(start), parse_instant(end))


def _hours(parts: Iterable[RestrictPart | QuietHoursPart]) -> tuple[Restriction, ...]:
    return tuple(
        Restriction(
            frozenset(range(7)) if part.days == "all" else frozenset(DAYS.index(day) for day in part.days),
            time.fromisoformat(part.start),
            time.fromisoformat(part.end),
        )
        for part in parts
    )


def _quiet_hours(part: QuietHoursPart | None) -> QuietHours | None:
    if part is None:
        return None
    (hours,) = _hours([part])
    return QuietHours(ZoneInfo(part.time_zone).key, hours, part.below)


def _required(part: str | RequiredPart) -> Required:
    if isinstance(part, str):
        return Required(Kind(part), 1, (), "UTC")
    return Required(Kind(part.kind), part.people, _hours(part.hours), ZoneInfo(part.time_zone).key)


def _shells(part: ShellsPart | None) -> Shells | None:
    if part is None:
        return None
    after = None if part.end_after is None else length(part.end_after)
    return Shells({key: tuple(values) for key, values in part.tags.items()}, tuple(part.users), after)


def _pattern(layer: LayerPart) -> tuple[Rotation | Recurrence | Feed, tuple[str, ...]]:
    """Give what a layer's shifts come from, and everyone who may have one."""
    members = tuple(dict.fromkeys([*layer.members, *(name for each in layer.rosters for name in each.members)]))
    if layer.feed is not None:
        feed = layer.feed
        return Feed(feed.form, feed.secret or "", feed.file or "", feed.most_change), members
    if layer.recurs is not None:
        recurs = layer.recurs
        found = Recurrence(
            datetime.fromisoformat(recurs.start),
            length(recurs.length),
            recurs.rule,
            frozenset(map(datetime.fromisoformat, recurs.without)),
            tuple(map(datetime.fromisoformat, recurs.also)),
            None if isinstance(recurs.each, str) else recurs.each,
        )
        return found, members
    assert layer.turn is not None
    assert layer.handoff is not None
    assert layer.anchor is not None
    count = layer.turn.rstrip("hdwmo")
    anchor = date.fromisoformat(layer.anchor.date)
    later = (Roster(date.fromisoformat(each.since), tuple(each.members), each.first) for each in layer.rosters)
    rosters = (Roster(anchor, tuple(layer.members), layer.anchor.member), *later)
    turn = Turn(int(count), layer.turn[len(count) :])
    return Rotation(turn, time.fromisoformat(layer.handoff.time), anchor, rosters), members


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
            {n: self._permission_set(n) for n in part.permission_sets},
            {n: self._rota(n) for n in part.rotas},
            tuple(self._grant(i) for i in range(len(part.grants))),
            tuple(part.networks),
            tuple(part.leads),
            self._protected(),
            tuple(part.managed_by),
            part.session_names,
            {n: self._workload(n) for n in part.workloads},
            self._instances(),
            path,
            hashlib.sha256(data).hexdigest(),
            data.decode("utf-8-sig"),
            tuple(
                BreakGlass(each.iam_user, tuple(each.accounts), at(("break_glass", i)))
                for i, each in enumerate(part.break_glass)
            ),
            part.ceiling,
            tuple(Claim(text.strip(), at(("invariants", i))) for i, text in enumerate(part.invariants)),
            tuple(part.security_leads),
            self._alerts(),
            slack=self._slack(),
            keys=self._keys(),
            notify=tuple(
                Notify(each.name, each.kind, each.to, each.secret, frozenset(each.on), at(("notify", i)))
                for i, each in enumerate(part.notify)
            ),
            reached=self._reached(),
            directories={
                n: Directory(n, d.kind, d.secret, d.url, d.tenant, d.client, d.admin, at(("directories", n), key=True))
                for n, d in part.directories.items()
            },
            identity_center=self._identity_center(),
            organization=part.organization or (part.identity_center.account if part.identity_center else None),
            web=self._web(),
            approval=Approval(
                tuple(ChangeKind(each) for each in part.approval.unattended),
                tuple(ChangeKind(each) for each in part.approval.two_people),
            ),
        )

    def _instances(self) -> dict[str, str]:
        hosts = self._part.hosts.items()
        found = {name: host if isinstance(host, str) else host.instance for name, host in hosts}
        return {name: instance for name, instance in found.items() if instance is not None}

    def _reached(self) -> dict[str, Host]:
        return {
            name: Host(name, host.address, host.user, host.port, self._at(("hosts", name), key=True))
            for name, host in self._part.hosts.items()
            if not isinstance(host, str) and host.address is not None
        }

    def _identity_center(self) -> IdentityCenter | None:
        part = self._part.identity_center
        if part is None:
            return None
        where = self._at(("identity_center",), key=True)
        return IdentityCenter(part.account, part.region, part.store, part.instance, part.policy, part.fed_by, where)

    def _web(self) -> Web | None:
        part = self._part.web
        if part is None:
            return None
        given, found = part.sign_in, None
        if given is not None:
            roles: dict[str, tuple[str, ...]] = {role: tuple(groups) for role, groups in given.roles.items()}
            found = SignIn(given.issuer, given.client, given.secret, tuple(given.scopes), given.groups_claim, roles)
        return Web(part.base.lower(), found, self._at(("web",), key=True))

    def _keys(self) -> KeyLimits | None:
        part = self._part.keys
        if part is None:
            return None
        age, unused = (None if text is None else length(text) for text in (part.max_age, part.unused))
        return KeyLimits(age, unused, self._at(("keys",)))

    def _slack(self) -> Slack | None:
        part = self._part.slack
        return None if part is None else Slack(part.channel, part.respond, self._at(("slack",), key=True))

    def _alerts(self) -> Alerts:
        part, at = self._part.alerts, self._at
        return Alerts(
            tuple(
                Suppression(
                    each.rule,
                    each.person,
                    each.network,
                    each.account,
                    each.action,
                    date.fromisoformat(each.until),
                    each.reason.strip(),
                    at(("alerts", "suppress", i)),
                )
                for i, each in enumerate(part.suppress)
            ),
            _quiet_hours(part.quiet_hours),
            tuple(
                Stage(rule, stage == "live", at(("alerts", "stage", rule), key=True))
                for rule, stage in part.stage.items()
            ),
        )

    def _protected(self) -> tuple[str, ...]:
        """Give what a freeze refuses: IAM names are one without regard to case."""
        named = {name.lower() for name in self._part.protected}
        users = [each.iam_user for each in self._part.break_glass]
        return (*self._part.protected, *(user for user in users if user.lower() not in named))

    def _permission_set(self, name: str) -> PermissionSet:
        found = self._part.permission_sets[name]
        return PermissionSet(
            name,
            found.description,
            tuple(found.allow),
            tuple(found.deny),
            found.policy,
            self._at(("permission_sets", name), key=True),
            tuple(found.managed),
            {service: tuple(levels) for service, levels in found.capabilities.items()},
            tuple(found.may_outlive),
            _shells(found.shells),
        )

    def _account(self, name: str) -> Account:
        found = self._part.accounts[name]
        where = self._at(("accounts", name), key=True)
        return Account(name, found.number, found.environment, found.role, where, Mode(found.mode))

    def _person(self, name: str) -> Person:
        found = self._part.people[name]
        user, where = found.iam_user or name, self._at(("people", name), key=True)
        networks, holidays = tuple(found.networks), found.holidays or ""
        return Person(
            name,
            found.name,
            found.email,
            user,
            found.time_zone,
            networks,
            where,
            holidays,
            tuple(found.host_users),
            tuple(filter(None, map(fingerprint_of, found.ssh_keys))),
            tuple(bare(key) for key in found.ssh_keys if not key.startswith("SHA256:")),
            found.identity_center_user or "",
            tuple(found.also_known_as),
            tuple(found.ci_users),
        )

    def _workload(self, name: str) -> Workload:
        found, where = self._part.workloads[name], self._at(("workloads", name), key=True)
        return Workload(name, found.owner, tuple(found.actions), tuple(found.subjects), where)

    def _group(self, name: str) -> Group:
        group = self._part.groups[name]
        access = tuple(
            Access(a.permission_set, tuple(a.accounts), self._at(("groups", name, "access", i)), By(a.by))
            for i, a in enumerate(group.access)
        )
        where = self._at(("groups", name), key=True)
        return Group(name, tuple(group.members), tuple(group.includes), access, where, group.reviewer)

    def _rota(self, name: str) -> Rota:
        rota = self._part.rotas[name]
        layers = tuple(self._layer(layer, ("rotas", name, "layers", i)) for i, layer in enumerate(rota.layers))
        overrides = tuple(
            self._override(each, self._at(("rotas", name, "overrides", i))) for i, each in enumerate(rota.overrides)
        )
        found = Rota(
            name,
            tuple(rota.accounts),
            {Kind(kind): permission_set for kind, permission_set in rota.entitlement.items()},
            length(rota.horizon),
            length(rota.grace.before),
            length(rota.grace.after),
            tuple(_required(each) for each in rota.required),
            layers,
            overrides,
            (),
            self._at(("rotas", name), key=True),
            rest=length(rota.rest),
            mode=None if rota.mode is None else Mode(rota.mode),
            by=By(rota.by),
            hosts=tuple(dict.fromkeys(rota.hosts)),
            sudo=("ALL",) if rota.sudo == "all" else tuple(dict.fromkeys(rota.sudo or ())),
            ssh=rota.ssh,
        )
        leave = tuple(self._leave(i) for i, each in enumerate(self._part.leave) if each.person in found.people)
        return replace(found, leave=leave, holidays=self._holidays(found.people))

    def _holidays(self, people: Iterable[str]) -> dict[str, tuple[str, str]]:
        parts = {name: self._part.people[name] for name in people}
        return {name: (part.holidays, part.time_zone) for name, part in parts.items() if part.holidays is not None}

    def _leave(self, index: int) -> Leave:
        leave = self._part.leave[index]
        zone = ZoneInfo(self._part.people[leave.person].time_zone)
        span = Interval(instant_or_date(leave.start, zone), instant_or_date(leave.end, zone))
        return Leave(leave.person, span, self._at(("leave", index)))

    def _override(self, override: OverridePart, where: Location) -> Override:
        stints = override.instead
        return Override(
            override.name,
            Kind(override.kind),
            _interval(override.start, override.end),
            override.add,
            override.remove,
            override.reason,
            override.by,
            where,
            None if override.swap is None else (override.swap[0], override.swap[1]),
            None if stints is None else tuple(Stint(s.person, _interval(s.start, s.end)) for s in stints),
            override.beside,
        )

    def _layer(self, layer: LayerPart, path: Path) -> Layer:
        pattern, members = _pattern(layer)
        return Layer(
            layer.name,
            Kind(layer.kind),
            ZoneInfo(layer.time_zone).key,
            members,
            pattern,
            _hours(layer.restrict),
            self._at(path),
            layer.beside,
            parse_instant(layer.start) if layer.start is not None else None,
            parse_instant(layer.end) if layer.end is not None else None,
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
            By(grant.by),
        )
