"""What a new team file changes, and which of it a person has to let be done.

Compared are the file that is in force, which people have let be, and the new one. So what goes on by itself under the
one in force is nobody's to approve: the horizon that rolls forward, a request that was approved, drift that is undone.

The rules:

1. What is taken from people is a removal. What they lose a Deny by is more than that: it may allow something.
2. A watch that moves among people who may come to be on it anyhow is the schedule's. It is looked at over a year, and
   overrides one by one at any time: what is past the horizon now comes within it later.
3. Whoever gains and wrote it has added it themselves; where nobody knows who wrote it, that is said. Neither goes
   unattended, whatever the file in force says of its kind.
4. What holds others back is weighed by the file in force: nobody lets themselves in by a file that has not been let in.
5. What is not understood waits.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from watchbill.access.entitlements import on_call, standing
from watchbill.access.model import Effect, Plan, Verb
from watchbill.access.modes import is_looser
from watchbill.access.packing import statements_of
from watchbill.access.permissions import known_documents
from watchbill.intervals import Interval, iso, merge, subtract
from watchbill.team.model import (
    Approval,
    By,
    ChangeKind,
    Grant,
    Mode,
    Override,
    PermissionSet,
    Person,
    Rota,
    Team,
)
from watchbill.team.ssh_keys import fingerprint_of


_YEAR = timedelta(days=366)
_SAFEGUARDS = (
    "approval",
    "leads",
    "security_leads",
    "ceiling",
    "managed_by",
    "protected",
    "break_glass",
    "identity_center",
    "organization",
)
"""Parts of a team file that hold others back, or say where it is decided who somebody is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a new team file changes."""

    kind: ChangeKind
    what: str
    """In words: `james comes to hold admin in production, by group developers`."""
    why: str = ""
    """Why it is of that kind, where that is not plain: `sofia wrote it, and gains by it`."""
    people: tuple[str, ...] = ()
    """Who gains by it."""
    basis: ChangeKind | None = None
    """What it would be if somebody else had written it."""


@dataclass(frozen=True, slots=True)
class Authors:
    """Who wrote what is new in a team file."""

    people: frozenset[str] = frozenset()
    """Names of people of the file."""
    known: bool = False
    """Whether that is all of them."""


NOBODY_KNOWN = Authors()


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a new team file changes, and what of it waits."""

    findings: tuple[Finding, ...]
    waits: tuple[Finding, ...]
    """Those that a person has to let be done."""
    people: int
    """How many leads that takes; none where nothing waits."""
    barred: frozenset[str]
    """Who may not be one of them: they wrote it, or gain by what waits."""


def weigh(before: Team | None, after: Team, at: datetime, authors: Authors, plan: Plan | None = None) -> Weighed:
    """Tell what of a new file waits for whom; `before` is the file in force, None where it is not known.

    Both are to be laid over with what was approved beside them. A plan of the new one says what invariants it warns of.
    """
    if before is None:
        everybody = tuple(sorted({person for person, *_ in _reaches(after)}))
        first = Finding(ChangeKind.FIRST, "the first plan of this team file", people=everybody)
        return Weighed((first,), (first,), _needed(Approval(), (first,), authors), authors.people)
    findings = [*_authored(_found(before, after, at), before, after, authors)]
    if findings and plan is not None:
        warned = (each for each in plan.warnings if each.code in ("invariant-broken", "invariant-not-known"))
        findings.extend(Finding(ChangeKind.WARNED, each.message) for each in warned)
    found = tuple(dict.fromkeys(findings))
    waits = tuple(each for each in found if each.kind not in (*before.approval.unattended, ChangeKind.UPKEEP))
    gains = {person for each in waits for person in each.people}
    return Weighed(found, waits, _needed(before.approval, waits, authors), authors.people | gains)


def weighed_with(weighed: Weighed, more: Iterable[Finding], before: Team) -> Weighed:
    """Give what is weighed with findings that are not of the file, by the policy of the file in force (`before`)."""
    found = tuple(more)
    waits = tuple(each for each in found if each.kind not in (*before.approval.unattended, ChangeKind.UPKEEP))
    people = max(weighed.people, _needed(before.approval, waits, Authors(known=True)))
    barred = weighed.barred | {person for each in waits for person in each.people}
    return Weighed((*weighed.findings, *found), (*weighed.waits, *waits), people, barred)


def _needed(policy: Approval, waits: Collection[Finding], authors: Authors) -> int:
    """Give how many leads it takes. Where nobody knows who wrote it, one of two at least did not."""
    if not waits:
        return 0
    kinds = {kind for each in waits for kind in (each.kind, each.basis)}
    return 2 if kinds & set(policy.two_people) or (kinds & {ChangeKind.UNKNOWN_AUTHOR} and not authors.known) else 1


def kind_of(effect: Effect, weighed: Weighed) -> ChangeKind:
    """Tell what an effect of a plan is: what nobody finds in the new file goes on by the one in force."""
    if effect.verb is Verb.LOSES:
        return ChangeKind.REMOVAL
    mine = [each.kind for each in weighed.findings if effect.person in each.people]
    return max(mine, key=list(ChangeKind).index, default=ChangeKind.UPKEEP)


def _found(before: Team, after: Team, at: datetime) -> Iterator[Finding]:
    yield from _safeguards(before, after)
    yield from _of_people(before, after, at)
    yield from _of_hosts(before, after)
    yield from _of_sets(before, after)
    yield from _of_grants(before, after, at)
    for name, rota in after.rotas.items():
        if (old := before.rotas.get(name)) is not None:
            yield from _of_schedule(old, rota, at)


_Reach = tuple[str, str, str, str]
"""Person, account, permission set, and how: at all times, or on call by a rota."""
_ALWAYS = "at all times"


def _reaches(team: Team) -> Mapping[_Reach, str]:
    """Give what people hold at all times or may come to hold on call, with through what.

    By which of their groups somebody holds a set is all the same: a group that is named anew changes nothing.
    """
    found = {(h.person, h.account, h.permission_set, _ALWAYS): h.through for h in standing(team)}
    for rota in team.rotas.values():
        for person in rota.people:
            for kind, permission_set in rota.entitlement.items():
                for account in rota.accounts:
                    through = f"rota {rota.name} as {kind}"
                    found[person, account, permission_set, through] = through
    return found


def _host_reaches(team: Team) -> Mapping[tuple[str, str, str, str], str]:
    """Give what people may come to do on hosts: by person, user and address, what, and rota; with the host's name."""
    found = {}
    for rota in team.rotas.values():
        for person in rota.people if rota.entitlement else ():
            for user in team.people[person].host_users:
                for host in (team.reached[name] for name in rota.hosts):
                    # Whoever has a key comes in by it: another one is another way in.
                    keys = team.people[person].public_keys if rota.ssh else ()
                    for what in (
                        *(f"run {command} as root" for command in rota.sudo),
                        *(f"sign in by a certificate of {fingerprint_of(key)}" for key in keys),
                    ):
                        found[person, f"{user}@{host.address}:{host.port}", what, rota.name] = host.name
    return found


def _of_hosts(before: Team, after: Team) -> Iterator[Finding]:
    """Give what changes of sudo and SSH by shift: another address of a host is another host."""
    old, new = _host_reaches(before), _host_reaches(after)
    for reach, host in new.items():
        if reach not in old:
            person, user, what, rota = reach
            kind = ChangeKind.NEW_ACCESS if person in before.people else ChangeKind.NEW_PERSON
            words = f"{person} may come to {what} on {host}, as {user}, by rota {rota}"
            yield Finding(kind, words, people=(person,))
    for reach, host in old.items():
        if reach not in new:
            person, user, what, rota = reach
            words = f"{person} may no longer {what} on {host}, as {user}, by rota {rota}"
            yield Finding(ChangeKind.REMOVAL, words)


def _of_people(before: Team, after: Team, at: datetime) -> Iterator[Finding]:
    old, new = _reaches(before), _reaches(after)
    for name, now in after.people.items():
        was = before.people.get(name)
        if was is not None and was.iam_user != now.iam_user:
            words = f"{name} is the IAM user {now.iam_user} rather than {was.iam_user}"
            yield Finding(ChangeKind.NEW_PERSON, words, people=(name,))
        if was is not None and _known_by(was) != _known_by(now):
            words = f"{name} is another user of Identity Center, or has another address, by which one is found there"
            yield Finding(ChangeKind.NEW_PERSON, words, people=(name,))
    for reach, through in new.items():
        if reach not in old:
            person, account, permission_set, _ = reach
            kind = ChangeKind.NEW_ACCESS if person in before.people else ChangeKind.NEW_PERSON
            may = "may come to hold" if through.startswith("rota ") else "comes to hold"
            yield Finding(kind, f"{person} {may} {permission_set} in {account}, by {through}", people=(person,))
    for reach, through in old.items():
        if reach not in new:
            person, account, permission_set, _ = reach
            words = f"{person} no longer holds {permission_set} in {account}, by {through}"
            # A role's Deny is its own sessions'; a group's is for all that its member may do.
            anyhow = through.startswith("group ") and person in after.people
            if anyhow and denies(before.permission_sets[permission_set], at):
                why = f"{permission_set} denies something, which other access of theirs may allow"
                yield Finding(ChangeKind.NEW_CAPABILITY, words, why, (person,))
            else:
                yield Finding(ChangeKind.REMOVAL, words)


def _known_by(person: Person) -> Any:
    """Give by what somebody is found where they sign in, and is told from others."""
    return person.identity_center_user, person.email.lower(), sorted(each.lower() for each in person.also_known_as)


def denies(permissions: PermissionSet, at: datetime) -> bool:
    """Tell whether a permission set takes away what others give; one that is not known in full may."""
    documents, unknown = known_documents(permissions, at)
    return bool(unknown) or any(each.get("Effect") != "Allow" for found in documents for each in statements_of(found))


def _of_sets(before: Team, after: Team) -> Iterator[Finding]:
    holders: dict[str, set[str]] = {}
    for team in (before, after):
        for person, _, permission_set, _ in _reaches(team):
            holders.setdefault(permission_set, set()).add(person)
        for grant in team.grants:
            holders.setdefault(grant.permission_set, set()).add(grant.person)
    for name, new in after.permission_sets.items():
        old = before.permission_sets.get(name)
        if old is None or name not in holders or says_same(new, old):
            continue
        if is_narrower(new, old):
            yield Finding(ChangeKind.REMOVAL, f"permission set {name} allows less")
        else:
            words = (
                f"permission set {name} allows more, or denies less: {', '.join(_more(old, new)) or 'another policy'}"
            )
            yield Finding(ChangeKind.NEW_CAPABILITY, words, people=tuple(sorted(holders[name])))


def is_narrower(new: PermissionSet, old: PermissionSet) -> bool:
    """Tell whether a permission set plainly allows no more than another: what it says is among what that says."""
    return not list(_more(old, new)) and new.policy == old.policy


def _more(old: PermissionSet, new: PermissionSet) -> Iterator[str]:
    """Say what a permission set says more than another, where that lets somebody do more."""
    yield from (f"allow {each}" for each in new.allow if each not in old.allow)
    yield from (f"no longer deny {each}" for each in old.deny if each not in new.deny)
    yield from (f"managed {each}" for each in new.managed if each not in old.managed)
    yield from (f"no longer managed {each}" for each in old.managed if each not in new.managed)
    yield from (f"may outlive a shift: {each}" for each in new.may_outlive if each not in old.may_outlive)
    for service, levels in new.capabilities.items():
        yield from (f"{level} of {service}" for level in levels if level not in old.capabilities.get(service, ()))
    if new.shells is not None and _bare(new.shells) != _bare(old.shells):
        yield "shells on other hosts, or as other users"


def says_same(one: PermissionSet, other: PermissionSet) -> bool:
    """Tell whether two permission sets say the same, wherever they stand and however they are described."""
    first, second = (_bare(replace(each, description="")) for each in (one, other))
    return bool(first == second)


def _of_grants(before: Team, after: Team, at: datetime) -> Iterator[Finding]:
    old, new = ({grant.name: grant for grant in team.grants} for team in (before, after))
    for name, grant in new.items():
        known = old.get(name)
        if known is None or not _is_within(grant, known):
            kind = ChangeKind.NEW_ACCESS if grant.person in before.people else ChangeKind.NEW_PERSON
            span = f"{iso(grant.interval.start)} to {iso(grant.interval.end)}"
            where = " and ".join(grant.accounts)
            words = f"{grant.person} is granted {grant.permission_set} in {where} from {span}, by grant {name}"
            yield Finding(kind, words, people=(grant.person,))
        elif _bare(replace(grant, by=known.by)) != _bare(known):
            yield Finding(ChangeKind.REMOVAL, f"grant {name} gives {grant.person} less")
    for name, grant in old.items():
        denied = denies(before.permission_sets[grant.permission_set], at) and grant.person in after.people
        if name not in new and denied and grant.interval.end > at:
            yield Finding(ChangeKind.NEW_CAPABILITY, f"grant {name}, whose set denies something, is gone")
        elif name not in new:
            yield Finding(ChangeKind.REMOVAL, f"grant {name} of {grant.person} is gone")


def _is_within(new: Grant, old: Grant) -> bool:
    same = (new.person, new.permission_set) == (old.person, old.permission_set)
    span = old.interval.start <= new.interval.start and new.interval.end <= old.interval.end
    return same and span and set(new.accounts) <= set(old.accounts)


def _of_schedule(old: Rota, new: Rota, at: datetime) -> Iterator[Finding]:
    """Give what changes of who is on watch when; people who may come to be on it anew are told of elsewhere."""
    if _schedule(old) == _schedule(new):
        return
    span = Interval(at, at + _YEAR)
    was, comes = ({name: _times(rota, span, name) for name in rota.people} for rota in (old, new))
    gains = {
        name: more
        for name, times in comes.items()
        if (more := [r for t in times for r in subtract(t, was.get(name, []))])
    }
    for name, more in sorted(gains.items()):
        first = f"{iso(more[0].start)} to {iso(more[0].end)}"
        others = f" and {len(more) - 1} more times within a year" if len(more) > 1 else ""
        words = f"{name} is on watch by rota {new.name} from {first}{others}"
        yield Finding(ChangeKind.SCHEDULE, words, people=(name,))
    known = [_bare(each) for each in old.overrides]
    overrides = [_of_override(each, new) for each in new.overrides if _bare(each) not in known]
    yield from overrides
    if not gains and _layers(old) != _layers(new):
        # What it changes lies further ahead than is looked at, or nowhere: it may be anybody's of the rota.
        yield Finding(ChangeKind.SCHEDULE, f"the layers of rota {new.name} are written anew", people=new.people)
    elif not gains and not overrides:
        yield Finding(ChangeKind.REMOVAL, f"rota {new.name} gives less, or the same, to who is on watch")


def _of_override(override: Override, rota: Rota) -> Finding:
    stints = {stint.person for stint in override.instead or ()}
    gains = {each for each in (override.add, *(override.swap or ())) if each is not None} | stints
    words = f"override {override.name} of rota {rota.name}, by {override.by}"
    if override.by in gains:
        why = f"{override.by} is said to have made it, and gains by it"
        return Finding(ChangeKind.SELF_ADDED, words, why, tuple(sorted(gains)), ChangeKind.SCHEDULE)
    return Finding(ChangeKind.SCHEDULE, words, people=tuple(sorted(gains)))


def _times(rota: Rota, span: Interval, person: str) -> list[Interval]:
    found = [h.interval for h in on_call(rota, span) if h.person == person and h.interval is not None]
    return list(merge(found))


def _schedule(rota: Rota) -> Any:
    """Give what says who is on watch when; not to whom it gives what, nor what must be covered."""
    names = ("horizon", "grace_before", "grace_after", "layers", "overrides", "leave", "holidays")
    return [_bare(getattr(rota, name)) for name in names]


def _layers(rota: Rota) -> Any:
    return _bare(rota.layers), rota.horizon, rota.grace_before, rota.grace_after


def _safeguards(before: Team, after: Team) -> Iterator[Finding]:
    """Give what holds others back and does so less, or otherwise."""
    for name in _SAFEGUARDS:
        if _bare(getattr(before, name)) != _bare(getattr(after, name)):
            yield Finding(ChangeKind.SAFEGUARD, f"`{name}` of the team file is another")
    claims = {claim.text for claim in after.invariants}
    for claim in before.invariants:
        if claim.text not in claims:
            yield Finding(ChangeKind.SAFEGUARD, f"the invariant `{claim.text}` is gone")
    yield from _delivered(before, after)
    yield from _modes(before, after)


def _delivered(before: Team, after: Team) -> Iterator[Finding]:
    """Give what is delivered by another way than before: sessions of Identity Center are never asked for MFA."""
    old = _deliveries(before)
    for (permission_set, account, through), ways in _deliveries(after).items():
        for way in sorted(ways - old.get((permission_set, account, through), ways)):
            yield Finding(ChangeKind.SAFEGUARD, f"{permission_set} in {account}, {through}, is delivered by {way}")


def _deliveries(team: Team) -> Mapping[tuple[str, str, str], set[By]]:
    """Give by what ways a permission set is delivered in an account, by any group, and by each rota."""
    found: dict[tuple[str, str, str], set[By]] = {}
    for access in (each for group in team.groups.values() for each in group.access):
        for account in access.accounts:
            found.setdefault((access.permission_set, account, _ALWAYS), set()).add(access.by)
    for rota in team.rotas.values():
        for permission_set in rota.entitlement.values():
            for account in rota.accounts:
                found.setdefault((permission_set, account, f"by rota {rota.name}"), set()).add(rota.by)
    for grant in team.grants:
        for account in grant.accounts:
            found.setdefault((grant.permission_set, account, f"by grant {grant.name}"), set()).add(grant.by)
    return found


def _modes(before: Team, after: Team) -> Iterator[Finding]:
    for name, account in after.accounts.items():
        old = before.accounts.get(name)
        if old is None and account.mode is Mode.PROPOSE:
            continue
        if old is None or is_looser(account.mode, old.mode):
            yield Finding(ChangeKind.SAFEGUARD, f"account {name} is in mode {account.mode}")
        if old is not None and (account.number, account.role) != (old.number, old.role):
            yield Finding(ChangeKind.SAFEGUARD, f"account {name} is another account, or reached by another role")
    for name, rota in after.rotas.items():
        was = before.rotas[name].mode if name in before.rotas else None
        if was is not None and (rota.mode is None or is_looser(rota.mode, was)):
            yield Finding(ChangeKind.SAFEGUARD, f"rota {name} is in mode {rota.mode or 'of its accounts'}")


def _authored(found: Iterable[Finding], before: Team, after: Team, authors: Authors) -> Iterator[Finding]:
    """Say of what somebody gains by whether they wrote it themselves, or nobody knows who did."""
    for each in found:
        own = sorted(set(each.people) & authors.people)
        if own and each.kind is not ChangeKind.SELF_ADDED:
            why = f"{' and '.join(own)} wrote in this file, and gains by it"
            yield replace(each, kind=ChangeKind.SELF_ADDED, why=why, basis=each.kind)
        elif each.people and not authors.known and each.kind is not ChangeKind.SELF_ADDED:
            why = "nobody knows who wrote all that is new in this file"
            yield replace(each, kind=ChangeKind.UNKNOWN_AUTHOR, why=why, basis=each.kind)
        else:
            yield each


def _bare(found: Any) -> Any:
    """Give what a part of a team file says, without where it stands in it."""
    return _without_places(msgspec.to_builtins(found, builtin_types=(datetime, timedelta)))


def _without_places(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _without_places(each) for name, each in found.items() if name != "where"}
    return [_without_places(each) for each in found] if isinstance(found, list | tuple) else found
