"""Certificates for log-ins on hosts by shift: sign those that are due, write each into the ledger, and give them out.

1. Only what a host has in its file already is signed: a certificate follows what was let be.
2. The same certificate is signed once. The one whose window begins first is signed first, so many in a pass.
3. Each is in the ledger whole, as it was signed: it is no secret, and that is where whoever it is for gets it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchbill.access import logins
from watchbill.access.certificates import Certificate, certificates, taken
from watchbill.access.host_plan import HostPlan
from watchbill.access.model import Outcome, State
from watchbill.errors import Problem, RefusedError, WatchbillError
from watchbill.intervals import Interval, iso, parse_instant
from watchbill.ledger.model import Entry, Kind, Sought
from watchbill.service.casework import Casework, view_of
from watchbill.team.model import Team
from watchbill.team.ssh_keys import fingerprint_of


AT_ONCE = 500
"""How many are signed in one pass, which takes some seconds."""
_SLACK = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Given:
    """A certificate that was signed and is still taken."""

    person: str
    interval: Interval
    key: str
    """The fingerprint of its key."""
    hosts: tuple[str, ...]
    serial: str
    text: str
    """The line of the file that ssh reads."""

    @property
    def file(self) -> str:
        """Name a file for it: ssh finds one of the key itself by another name, and takes this by `CertificateFile`."""
        return f"{self.person}-{self.interval.start:%Y%m%dT%H%M%SZ}-{self.serial[-6:]}-cert.pub"


def without_stolen(work: Casework, team: Team) -> Team:
    """Give a team without the public keys that a case marks stolen, once its freeze is over."""
    over = [row.case_id for row in work.store.freezes.all() if row.case_id is not None and row.end is not None]
    rows = (work.store.cases.get(case) for case in dict.fromkeys(over))
    stolen = {key for row in rows if row is not None for key in view_of(row).stolen_keys}
    people = {
        name: replace(person, public_keys=tuple(k for k in person.public_keys if fingerprint_of(k) not in stolen))
        for name, person in team.people.items()
    }
    return replace(team, people=people) if stolen else team


def authority_of(work: Casework, team: Team) -> tuple[str, tuple[Problem, ...]]:
    """Give the public key by which certificates are signed, where a rota asks for any; empty where nobody signs."""
    if not any(rota.ssh for rota in team.rotas.values()):
        return "", ()
    try:
        signs = work.app.authority()
        return ("" if signs is None else signs.public()), ()
    except WatchbillError as error:
        return "", tuple(error.problems)


def sign_due(
    work: Casework, team: Team, made: HostPlan, outcomes: Sequence[Outcome], most: int | None = AT_ONCE
) -> tuple[int, tuple[Problem, ...]]:
    """Sign what hosts take and nobody has yet, once a plan was carried out; tell how many, and why not more."""
    signs = work.app.authority() if made.logins else None
    if signs is None:
        return 0, ()
    count, problems, refused = 0, list[Problem](), set[str]()
    try:
        public = signs.public()
        authority = str(fingerprint_of(public))
        for wanted in list(due(work, team, made, outcomes, authority)):
            if count == most:
                break
            if wanted.key in refused:
                continue
            try:
                text = signs.sign(wanted, public)
            except RefusedError as error:
                # What is wrong with one key keeps nobody else's back.
                refused.add(wanted.key)
                problems.extend(error.problems)
                continue
            _keep(work, wanted, authority, text)
            count += 1
    except WatchbillError as error:
        problems.extend(error.problems)
    return count, tuple(problems)


def _keep(work: Casework, wanted: Certificate, authority: str, text: str) -> None:
    facts = {
        "serial": str(wanted.serial(authority)),
        "authority": authority,
        "key": fingerprint_of(wanted.key),
        "from": iso(wanted.interval.start),
        "to": iso(wanted.interval.end),
        "principals": list(wanted.principals),
        "certificate": text,
    }
    work.record(Kind.CERTIFICATE_SIGNED, wanted.person, facts)


def due(
    work: Casework, team: Team, made: HostPlan, outcomes: Sequence[Outcome], authority: str
) -> Iterator[Certificate]:
    """Give what is to be signed by an authority, by its fingerprint; what begins first is first."""
    written = {each.change.account for each in outcomes if each.state is State.DONE and _is_of_logins(each)}
    still = {change.account for change in made.changes if change.call.operation == logins.WRITE} - written
    let_in = [login for host, found in made.logins.items() if host not in still for login in found]
    wanted = [each for each in certificates(team, let_in) if each.interval.end > work.at]
    if wanted:
        first = min(each.interval.start for each in wanted)
        signed = {str(entry.facts["serial"]) for entry in _signed(work, team, first)}
        yield from sorted(
            (each for each in wanted if str(each.serial(authority)) not in signed), key=lambda each: each.interval
        )


def given(work: Casework, person: str) -> list[Given]:
    """Give the certificates of a person that are not over and that some host is to take, in order of time."""
    sides = [side for side in (work.team, work.in_force()) if side is not None]
    hosts = {name: on for side in sides for name, on in _taken(work, side).items()}
    found: dict[str, Given] = {}
    if hosts:
        for entry in _signed(work, work.team, work.at - timedelta(days=62)):
            end, names = parse_instant(entry.facts["to"]), entry.facts["principals"]
            places = sorted({host for name in names for host in hosts.get(name, ())})
            if entry.subject == person and end > work.at and places:
                facts = entry.facts
                span = Interval(parse_instant(facts["from"]), end)
                made = Given(person, span, facts["key"], tuple(places), facts["serial"], facts["certificate"])
                found.setdefault(made.serial, made)
    return sorted(found.values(), key=lambda each: (each.interval.start, each.serial))


def _taken(work: Casework, side: Team) -> dict[str, tuple[str, ...]]:
    return taken(without_stolen(work, work.laid_over(side)), work.freezes(), work.at)


def _signed(work: Casework, team: Team, start: datetime) -> Iterator[Entry]:
    """Give what was signed for windows from an instant on: at most a horizon before they begin."""
    ahead = max((rota.horizon for rota in team.rotas.values()), default=timedelta()) + _SLACK
    since = (start - ahead).replace(microsecond=0)
    return work.store.ledger.found(Sought(str(Kind.CERTIFICATE_SIGNED), start=since))


def _is_of_logins(outcome: Outcome) -> bool:
    return outcome.change.call.operation == logins.WRITE
