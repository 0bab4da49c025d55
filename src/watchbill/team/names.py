"""Check what the shape of a team file cannot: that names refer to something, and that zones, dates and spans exist.

It reads the plain document, whatever its shape, and passes over values whose shape is a mistake already said, so that
one report holds every mistake and none follows from another.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from holidays import country_holidays

from watchbill.errors import Problem
from watchbill.intervals import parse_instant
from watchbill.team.places import Path, Places
from watchbill.team.rules import read_rule
from watchbill.team.ssh_keys import fingerprint_of


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Weekdays as the file has them, Monday first."""

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_YEARS = range(1970, 2200)
_ZONES = frozenset(available_timezones())
SUPPRESSED_BY = ("rule", "person", "network", "account", "action")
"""Conditions of a suppression, one of which it has at least."""
_DIRECTORY_TAKES = {"okta": ("url",), "entra": ("client", "tenant"), "google": ("admin",)}
"""By kind of directory, what it says besides its secret."""
_CEILING_ACCOUNT = re.compile(r"arn:[^:]*:iam::([0-9]{12}):")


def is_loopback(url: str) -> bool:
    """Tell whether an address is of this machine alone."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost")


def is_safe(url: str) -> bool:
    """Tell whether what is said to an address is encrypted, or leaves this machine never."""
    return urlsplit(url).scheme == "https" or is_loopback(url)


def name_problems(plain: Mapping[str, Any], wrong: Collection[Path], places: Places) -> list[Problem]:
    """Give the mistakes of names and values; `wrong` has the paths whose shape is a mistake, and unknown keys."""
    checker = _Checker(_Document(plain, frozenset(wrong)), places)
    checker.check()
    return checker.problems


def length(text: str) -> timedelta:
    """Read a length such as `14d` or `15m`."""
    return int(text[:-1]) * _UNITS[text[-1]]


def instant_or_date(text: str, zone: ZoneInfo) -> datetime:
    """Read an instant, or a date as the midnight with which it begins in a zone; raises ValueError."""
    if len(text) == len("2026-01-01"):
        return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
    return parse_instant(text)


def meant(name: str, known: Iterable[str]) -> str:
    """Say what may have been meant by a name that is not known; empty when nothing is close."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean `{close[0]}`?)" if close else ""


@dataclass(frozen=True)
class _Document:
    """A plain document of any shape, and the paths in it that are known to be wrong."""

    root: Mapping[str, Any]
    wrong: frozenset[Path]

    def value(self, at: Path) -> Any:
        """Give the value at a path; None where there is none, or a wrong one."""
        if at in self.wrong:
            return None
        found: Any = self.root
        for step in at:
            if isinstance(found, Mapping):
                found = found.get(str(step))
            elif isinstance(found, list) and isinstance(step, int):
                found = found[step]
            else:
                return None
        return found

    def text(self, *at: str | int) -> str | None:
        found = self.value(at)
        return found if isinstance(found, str) else None

    def texts(self, at: Path) -> Iterator[tuple[Path, str]]:
        """Give the texts of a list with their paths."""
        for here in self._inside(at):
            found = self.text(*here)
            if found is not None:
                yield here, found

    def entries(self, *at: str | int) -> Iterator[Path]:
        """Give the paths of the mappings in a mapping or list."""
        for here in self._inside(at):
            if isinstance(self.value(here), Mapping):
                yield here

    def lists(self, *at: str | int) -> Iterator[Path]:
        """Give the paths of the lists in a mapping or list."""
        for here in self._inside(at):
            if isinstance(self.value(here), list):
                yield here

    def whole(self, at: Path) -> bool:
        """Tell whether nothing at or below a path is wrong."""
        return not any(path[: len(at)] == at for path in self.wrong)

    def names(self, section: str) -> Collection[str] | None:
        """Give the names a section declares; None when that cannot be known, for it is misspelt or misshapen."""
        found = self.value((section,))
        if isinstance(found, Mapping):
            return list(found)
        misspelt = any(len(path) == 1 for path in self.wrong)
        return None if misspelt or section in self.root else ()

    def _inside(self, at: Path) -> Iterator[Path]:
        found = self.value(at)
        steps: Iterable[str | int] = ()
        if isinstance(found, Mapping):
            steps = found
        elif isinstance(found, list):
            steps = range(len(found))
        for step in steps:
            yield (*at, step)


_SECTION = {
    "person": "people",
    "group": "groups",
    "permission set": "permission_sets",
    "account": "accounts",
    "directory": "directories",
}


class _Checker:
    """Checks names, circles, zones and spans, and keeps what it finds."""

    def __init__(self, document: _Document, places: Places) -> None:
        self._document = document
        self._places = places
        self.problems: list[Problem] = []

    def check(self) -> None:
        document = self._document
        for at in document.entries("people"):
            self._zone((*at, "time_zone"))
            self._networks((*at, "networks"))
            self._place((*at, "holidays"))
        for at in document.entries("groups"):
            self._refs("person", (*at, "members"))
            self._refs("group", (*at, "includes"))
            self._ref("person", (*at, "reviewer"))
            for access in document.entries(*at, "access"):
                self._ref("permission set", (*access, "permission_set"))
                self._refs("account", (*access, "accounts"))
        for at in document.entries("permission_sets"):
            self._permission_set(at)
        for at in document.entries("rotas"):
            self._rota(at)
        for at in document.entries("leave"):
            self._ref("person", (*at, "person"))
            self._span(at, dates=True)
        for at in document.entries("grants"):
            self._grant(at)
        self._circles()
        self._uniques()
        self._refs("person", ("leads",))
        self._refs("person", ("security_leads",))
        self._networks(("networks",))
        self._alerts()
        self._notify()
        self._break_glass()
        self._workloads()
        self._hosts()
        self._directories()
        self._web()
        self._ceiling()

    def _permission_set(self, at: Path) -> None:
        document, found = self._document, self._document.value(at)
        if found.get("policy") is not None:
            if found.get("allow") or found.get("deny"):
                self._say("both-forms", f"`{at[-1]}` has a policy and actions; keep one", at)
            elif found.get("capabilities"):
                self._say("both-forms", f"`{at[-1]}` has a policy and capabilities; keep one", at)
            elif found.get("shells"):
                self._say("both-forms", f"`{at[-1]}` has a policy and shells; keep one", at)
        # By name and by ARN it is one policy.
        managed = [(name.rpartition("/")[2], here) for here, name in document.texts((*at, "managed"))]
        self._unique(f"managed policy of `{at[-1]}`", managed)
        self._unique(
            f"`may_outlive` of `{at[-1]}`", [(name, here) for here, name in document.texts((*at, "may_outlive"))]
        )
        for levels in document.lists(*at, "capabilities"):
            self._unique(f"level of `{levels[-1]}`", [(level, here) for here, level in document.texts(levels)])

    def _break_glass(self) -> None:
        document = self._document
        entries = list(document.entries("break_glass"))
        people = {user.lower(): at for user, at in self._iam_users()}
        for at in entries:
            self._refs("account", (*at, "accounts"))
            user = document.text(*at, "iam_user")
            if user is not None and user.lower() in people:
                message = f"`{user}` is the IAM user of `{people[user.lower()][1]}`; break-glass is nobody's own"
                self._say("break-glass", message, (*at, "iam_user"))
        self._unique("break-glass user", [(text.lower(), at) for text, at in self._texts(entries, "iam_user")])

    def _alerts(self) -> None:
        """Check that each suppression says of what and until when, and that quiet hours end."""
        document = self._document
        judges = {name for key in ("leads", "security_leads") for _, name in document.texts((key,))}
        for at in document.entries("alerts", "suppress"):
            self._ref("person", (*at, "person"))
            self._ref("account", (*at, "account"))
            self._network((*at, "network"))
            self._date((*at, "until"))
            person = document.text(*at, "person")
            if person in judges:
                message = f"`{person}` is a lead, and what leads do is never suppressed"
                self._say("suppressed-lead", message, (*at, "person"))
            if document.whole(at) and all(document.value((*at, key)) is None for key in SUPPRESSED_BY):
                message = f"a suppression says of what: {', '.join(SUPPRESSED_BY[:-1])} or {SUPPRESSED_BY[-1]}"
                self._say("suppresses-all", message, at)
        self._quiet_hours(("alerts", "quiet_hours"))

    def _notify(self) -> None:
        """Check that each way of telling leads has its own name, and an address or the variable that holds one."""
        document = self._document
        entries = list(document.entries("notify"))
        self._unique("name of a channel", self._texts(entries, "name"))
        for at in entries:
            name, kind = document.text(*at, "name"), document.text(*at, "kind")
            if not document.whole(at) or kind is None:
                continue
            has_secret = document.value((*at, "secret")) is not None
            if kind == "mail" and has_secret:
                self._say("notify-secret", "mail has no `secret`: WATCHBILL_SMTP_... say how it is sent", at)
            if kind != "mail" and not has_secret:
                self._say("notify-secret", f"`{name}` lacks `secret`: the variable that holds its address or key", at)
            if kind != "mail" and document.value((*at, "to")) is not None:
                self._say("notify-to", f"`{kind}` has no `to`: its address is a secret", (*at, "to"))

    def _network(self, at: Path) -> None:
        """Check what a suppression calls a network: a block, and not all there is."""
        text = self._document.text(*at)
        if text is None or not self._is_block(text, at):
            return
        if ipaddress.ip_network(text).prefixlen == 0:
            self._say("suppresses-all", f"`{text}` is every network", at)

    def _quiet_hours(self, at: Path) -> None:
        document = self._document
        self._zone((*at, "time_zone"))
        start, days = document.text(*at, "from"), document.value((*at, "days"))
        if start is None or start != document.text(*at, "to") or not document.whole(at):
            return
        if days is None or days == "all" or set(days) == set(DAYS):
            self._say("endless", f"quiet hours from {start} to {start} on all days have no end", (*at, "to"))

    def _workloads(self) -> None:
        """Check that machines are nobody's own, have owners that exist, and subjects that are one machine's."""
        document = self._document
        entries = list(document.entries("workloads"))
        people = {user.lower(): at[1] for user, at in self._iam_users()}
        for at in entries:
            if (person := people.get(str(at[-1]).lower())) is not None:
                self._say(
                    "workload", f"`{at[-1]}` is the IAM user of `{person}`; a machine is nobody's own", at, key=True
                )
            self._owner((*at, "owner"))
            for here, subject in document.texts((*at, "subjects")):
                if not subject.strip("*:"):
                    self._say("workload", f"`{subject}` would be the subject of anybody", here)
        self._unique("workload", [(str(at[-1]).lower(), at) for at in entries], key=True)
        self._unique("subject", [(text, here) for at in entries for here, text in document.texts((*at, "subjects"))])

    def _owner(self, at: Path) -> None:
        document, name = self._document, self._document.text(*at)
        people, groups = document.names("people"), document.names("groups")
        if name is not None and people is not None and groups is not None and name not in (*people, *groups):
            known = (*people, *groups)
            self._say("unknown-owner", f"unknown person or group `{name}`{meant(name, known)}", at)

    def _hosts(self) -> None:
        """Check that a host is declared once, by whatever name, and an instance too: DNS has no case (RFC 4343)."""
        document, hosts = self._document, self._document.value(("hosts",))
        names = [("hosts", str(name)) for name in hosts] if isinstance(hosts, Mapping) else []
        self._unique("host", [(at[1].lower(), at) for at in names], key=True)
        whole = [(*at, "instance") for at in document.entries("hosts")]
        self._unique("instance", [(text, at) for at in (*names, *whole) if (text := document.text(*at)) is not None])

    def _directories(self) -> None:
        """Check that each directory says what its kind takes, and that Identity Center names what there is."""
        document = self._document
        for at in document.entries("directories"):
            kind = document.text(*at, "kind")
            if not document.whole(at) or kind not in _DIRECTORY_TAKES:
                continue
            taken = _DIRECTORY_TAKES[kind]
            for name in sorted({each for fields in _DIRECTORY_TAKES.values() for each in fields}):
                has = document.value((*at, name)) is not None
                if has is not (name in taken):
                    said = f"`{kind}` has no `{name}`" if has else f"`{at[-1]}` lacks `{name}`, which `{kind}` takes"
                    self._say("directory", said, (*at, name) if has else at)
        self._ref("account", ("identity_center", "account"))
        self._ref("directory", ("identity_center", "fed_by"))
        self._ref("account", ("organization",))
        if "identity_center" not in document.root:
            self._undelivered()

    def _undelivered(self) -> None:
        """Say what is to be delivered by an Identity Center that the file does not name."""
        document = self._document
        given = [access for group in document.entries("groups") for access in document.entries(*group, "access")]
        for at in (*given, *document.entries("rotas"), *document.entries("grants")):
            if document.text(*at, "by") == "identity center":
                self._say("identity-center", "this file names no `identity_center` to deliver it by", (*at, "by"))

    def _web(self) -> None:
        """Check that what crosses a network is encrypted, and that nobody signs in without a provider but here."""
        document, base = self._document, self._document.text("web", "base")
        for at, said in (
            (("web", "base"), base),
            (("web", "sign_in", "issuer"), document.text("web", "sign_in", "issuer")),
        ):
            if said is not None and not is_safe(said):
                self._say("web", f"`{said}` is not encrypted: write https", at)
        if base is not None and document.value(("web", "sign_in")) is None and not is_loopback(base):
            said = "without `sign_in` the pages are for this machine alone"
            self._say("web", f"{said}: write http://127.0.0.1:8470, or say where to sign in", ("web", "base"))

    def _ceiling(self) -> None:
        """Check that every account can have the ceiling: a boundary is AWS's, or of the same account."""
        document, text = self._document, self._document.text("ceiling")
        found = _CEILING_ACCOUNT.match(text or "")
        if found is None:
            return
        for at in document.entries("accounts"):
            number = document.text(*at, "number")
            if number is not None and number != found[1]:
                message = f"`{text}` cannot bound roles of account `{at[-1]}`; give the policy's name alone"
                self._say("ceiling", message, ("ceiling",))
                return

    def _rota(self, at: Path) -> None:
        document, name = self._document, at[-1]
        self._refs("account", (*at, "accounts"))
        self._refs("permission set", (*at, "entitlement"))
        horizon = document.text(*at, "horizon")
        if horizon is not None and length(horizon) < timedelta(days=1):
            self._say("horizon", "a horizon is at least a day", (*at, "horizon"))
        for layer in document.entries(*at, "layers"):
            self._layer(layer)
        for override in document.entries(*at, "overrides"):
            self._override(override)
        for required in document.entries(*at, "required"):
            self._zone((*required, "time_zone"))
        self._sudo(at)
        self._unique(f"layer of rota `{name}`", self._texts(document.entries(*at, "layers"), "name"))
        self._unique(f"override of rota `{name}`", self._texts(document.entries(*at, "overrides"), "name"))

    def _sudo(self, at: Path) -> None:
        """Check that sudo and SSH by shift say where and what, and that the hosts can be reached."""
        document, known = self._document, self._document.names("hosts")
        hosts = document.value((*at, "hosts"))
        given = [name for name in ("sudo", "ssh") if document.value((*at, name))]
        if document.whole(at) and bool(hosts) is not bool(given):
            say = "`hosts` without `sudo` or `ssh`" if hosts else f"`{given[0]}` without `hosts`"
            self._say("sudo", f"{say} gives nothing: say where, and what is given there", at, key=True)
        for here, name in document.texts((*at, "hosts")):
            if known is not None and name not in known:
                self._say("unknown-host", f"unknown host `{name}`{meant(name, known)}", here)
            elif known is not None and document.whole(("hosts", name)):
                found = document.value(("hosts", name))
                if not isinstance(found, Mapping) or found.get("address") is None:
                    self._say("unknown-host", f"host `{name}` has no address by which to reach it", here)

    def _layer(self, at: Path) -> None:
        document = self._document
        self._zone((*at, "time_zone"))
        self._refs("person", (*at, "members"))
        self._span(at)
        self._forms_of_layer(at)
        self._anchor(at)
        self._rosters(at)
        self._recurs((*at, "recurs"))
        feed = document.value((*at, "feed"))
        if isinstance(feed, Mapping) and document.whole((*at, "feed")) and ("secret" in feed) is ("file" in feed):
            self._say("feed", "a feed has a `secret` or a `file`: one of them", (*at, "feed"))

    def _forms_of_layer(self, at: Path) -> None:
        found = self._document.value(at)
        turns = [key for key in ("turn", "handoff", "anchor") if found.get(key) is not None]
        others = [key for key in ("recurs", "feed") if found.get(key) is not None]
        unknown = any(path[:-1] == at and path[-1] not in found for path in self._document.wrong)
        if len(others) > 1 or (others and (turns or found.get("rosters"))):
            keys = [*turns, *(["rosters"] if found.get("rosters") else []), *others]
            self._say("both-forms", f"a layer has turns, `recurs` or `feed`: not {' and '.join(keys)}", at)
        elif not others and not unknown:
            for key in ("turn", "handoff", "anchor"):
                if key not in turns and not any(path[: len(at) + 1] == (*at, key) for path in self._document.wrong):
                    self._say("bad-shape", f"`{key}` is missing", at)

    def _anchor(self, at: Path) -> None:
        document = self._document
        day = self._date((*at, "anchor", "date"))
        weekday = document.text(*at, "handoff", "day")
        if day is not None and weekday in DAYS and DAYS[day.weekday()] != weekday:
            message = f"{day} is a {DAYS[day.weekday()]}, and turns begin on {weekday}"
            self._say("anchor", message, (*at, "anchor", "date"))
        self._one_of((*at, "anchor", "member"), (*at, "members"), f"layer `{document.value((*at, 'name'))}`")

    def _rosters(self, at: Path) -> None:
        last = self._date((*at, "anchor", "date"), quiet=True)
        for roster in self._document.entries(*at, "rosters"):
            self._refs("person", (*roster, "members"))
            self._one_of((*roster, "first"), (*roster, "members"), "this roster")
            day = self._date((*roster, "from"))
            if day is not None and last is not None and day <= last:
                self._say("rosters", f"rosters go on in time: {day} is not after {last}", (*roster, "from"))
            last = day or last

    def _one_of(self, at: Path, listed: Path, of: str) -> None:
        document, name = self._document, self._document.text(*at)
        members = [found for _, found in document.texts(listed)]
        # A member whose name cannot be read may be the one who starts.
        if name is not None and members and name not in members and document.whole(listed):
            self._say("anchor", f"`{name}` is no member of {of}{meant(name, members)}", at)

    def _recurs(self, at: Path) -> None:
        document = self._document
        for here in ((*at, "start"), *(here for key in ("without", "also") for here, _ in document.texts((*at, key)))):
            text = document.text(*here)
            if text is not None and not _is_local(text):
                self._say("bad-date", f"`{text}` is no time of the calendar", here)
        if document.text(*at, "length") is not None and not length(document.value((*at, "length"))):
            self._say("bad-shape", "a shift lasts some time", (*at, "length"))
        rule, start = document.text(*at, "rule"), document.text(*at, "start")
        if rule is None:
            return
        try:
            found = read_rule(rule)
        except ValueError as error:
            self._say("bad-rule", str(error), (*at, "rule"))
            return
        if start is not None and _is_local(start) and not found.fits(datetime.fromisoformat(start)):
            self._say("bad-rule", f"the first shift begins at {start}, which does not fit `{rule}`", (*at, "start"))

    def _date(self, at: Path, *, quiet: bool = False) -> date | None:
        text = self._document.text(*at)
        if text is None or _is_local(text):
            return None if text is None else date.fromisoformat(text)
        if not quiet:
            self._say("bad-date", f"`{text}` is no date of the calendar", at)
        return None

    def _place(self, at: Path) -> None:
        text = self._document.text(*at)
        if text is None:
            return
        country, _, part = text.partition("-")
        try:
            country_holidays(country, subdiv=part or None)
        except NotImplementedError:
            self._say("unknown-place", f"the public holidays of `{text}` are not known here", at)

    def _override(self, at: Path) -> None:
        document = self._document
        self._span(at)
        for field in ("add", "remove", "by"):
            self._ref("person", (*at, field))
        self._refs("person", (*at, "swap"))
        for stint in document.entries(*at, "instead"):
            self._ref("person", (*stint, "person"))
            self._span(stint)
        found = document.value(at)
        if not document.whole(at):
            return
        forms = [
            key for key, has in (("swap", found.get("swap")), ("instead", found.get("instead") is not None)) if has
        ]
        forms += ["add or remove"] if found.get("add") is not None or found.get("remove") is not None else []
        if not forms:
            message = f"override `{found['name']}` has neither `add` nor `remove`, `swap` or `instead`"
            self._say("empty-override", message, at)
        elif len(forms) > 1:
            self._say("both-forms", f"override `{found['name']}` has {' and '.join(forms)}; keep one", at)
        if found.get("swap") and found["swap"][0] == found["swap"][1]:
            self._say("both-forms", f"`{found['swap'][0]}` cannot swap with themselves", (*at, "swap"))
        if found.get("beside") and (found.get("add") is None or found.get("remove") is not None):
            self._say("both-forms", "`beside` is about an `add` that removes nobody", (*at, "beside"))

    def _grant(self, at: Path) -> None:
        self._ref("person", (*at, "person"))
        self._ref("permission set", (*at, "permission_set"))
        self._refs("account", (*at, "accounts"))
        self._ref("person", (*at, "approver"))
        self._span(at)
        person = self._document.text(*at, "person")
        if person is not None and person == self._document.text(*at, "approver"):
            self._say("self-approved", f"`{person}` cannot approve their own grant", (*at, "approver"))

    def _circles(self) -> None:
        includes = {
            str(at[-1]): [name for _, name in self._document.texts((*at, "includes"))]
            for at in self._document.entries("groups")
        }
        reported: set[frozenset[str]] = set()
        for start in includes:
            trail = [start]
            while (following := next((g for g in includes[trail[-1]] if g in includes), None)) is not None:
                if following in trail:
                    circle = [*trail[trail.index(following) :], following]
                    if frozenset(circle) not in reported:
                        reported.add(frozenset(circle))
                        message = f"groups include each other: {' -> '.join(circle)}"
                        self._say("group-cycle", message, ("groups", circle[0], "includes"))
                    break
                trail.append(following)

    def _uniques(self) -> None:
        document = self._document
        people = list(document.entries("people"))
        self._unique("IAM user", [(name.lower(), at) for name, at in self._iam_users()])
        addresses = [*self._texts(people, "email"), *self._listed(people, "also_known_as")]
        self._unique("email", [(text.lower(), at) for text, at in addresses])
        self._unique("host user", users := self._listed(people, "host_users"))
        for user, at in users:
            if user == "root":
                self._say("host-user", "`root` of a host is nobody's own", at)
        self._ssh_keys(self._listed(people, "ssh_keys"))
        self._unique(
            "Identity Center user", [(text.lower(), at) for text, at in self._texts(people, "identity_center_user")]
        )
        self._unique("CI user", [(text.lower(), at) for text, at in self._listed(people, "ci_users")])
        self._unique("account number", self._texts(document.entries("accounts"), "number"))
        self._unique("grant", self._texts(document.entries("grants"), "name"))

    def _ssh_keys(self, keys: Iterable[tuple[str, Path]]) -> None:
        """Check that each key is one of its type, and one person's: whole or by its fingerprint it is the same."""
        named = [(fingerprint_of(text), at) for text, at in keys]
        for fingerprint, at in named:
            if fingerprint is None:
                self._say("ssh-key", "this is no whole public key of the type that it says", at)
        self._unique("SSH key", [(fingerprint, at) for fingerprint, at in named if fingerprint is not None])

    def _iam_users(self) -> list[tuple[str, Path]]:
        """Give the IAM users of people: called as they are, unless the file says how; a wrong one may be any."""
        document = self._document
        users = [(*at, "iam_user") for at in document.entries("people")]
        return [(document.text(*at) or str(at[1]), at) for at in users if at not in document.wrong]

    def _texts(self, entries: Iterable[Path], field: str) -> list[tuple[str, Path]]:
        found = [(self._document.text(*at, field), (*at, field)) for at in entries]
        return [(text, at) for text, at in found if text is not None]

    def _listed(self, entries: Iterable[Path], field: str) -> list[tuple[str, Path]]:
        return [(text, here) for at in entries for here, text in self._document.texts((*at, field))]

    def _zone(self, at: Path) -> None:
        name = self._document.text(*at)
        if name is not None and name not in _ZONES:
            self._say("unknown-zone", f"unknown time zone `{name}`{meant(name, _ZONES)}", at)

    def _networks(self, at: Path) -> None:
        for here, network in self._document.texts(at):
            self._is_block(network, here)

    def _is_block(self, text: str, at: Path) -> bool:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            self._say("bad-network", f"`{text}` is no CIDR block: {error}", at)
            return False
        return True

    def _span(self, at: Path, *, dates: bool = False) -> None:
        """Check that a span ends after it starts; where it may be of dates, by the clock of the person it is about."""
        found: list[datetime] = []
        for field in ("from", "to"):
            text = self._document.text(*at, field)
            if text is None:
                continue
            try:
                found.append(instant_or_date(text, self._zone_of(at)) if dates else parse_instant(text))
            except (ValueError, OverflowError) as error:
                self._say("bad-instant", str(error), (*at, field))
        if len(found) == 2 and found[0] >= found[1]:  # noqa: PLR2004 - both could be read
            self._say("bad-span", "`to` must be later than `from`", (*at, "to"))

    def _zone_of(self, at: Path) -> ZoneInfo:
        name = self._document.text("people", self._document.text(*at, "person") or "", "time_zone")
        return ZoneInfo(name) if name in _ZONES else ZoneInfo("UTC")

    def _refs(self, what: str, at: Path) -> None:
        for here, _ in self._document.texts(at):
            self._ref(what, here)

    def _ref(self, what: str, at: Path) -> None:
        name, known = self._document.text(*at), self._document.names(_SECTION[what])
        if name is not None and known is not None and name not in known:
            self._say(f"unknown-{what.replace(' ', '-')}", f"unknown {what} `{name}`{meant(name, known)}", at)

    def _unique(self, what: str, values: Sequence[tuple[str, Path]], *, key: bool = False) -> None:
        first: dict[str, Path] = {}
        for value, path in values:
            if value in first:
                line = self._places.of(first[value], key=key).line
                self._say("twice", f"{what} `{value}` is given twice, first in line {line}", path, key=key)
            first.setdefault(value, path)

    def _say(self, code: str, message: str, path: Path, *, key: bool = False) -> None:
        self.problems.append(Problem.at(code, message, self._places.of(path, key=key)))


def _is_local(text: str) -> bool:
    """Tell whether a local date or time exists, and is not so far away that to count turns from it takes for ever."""
    try:
        return datetime.fromisoformat(text).year in _YEARS
    except ValueError:
        return False
