"""What people may ask for, for a while: a permission set, or to exchange a watch; who decides; and whether it is so.

The rules, in order:

1. Asked for may be a permission set that a group or a rota of the team file gives, in an account in which one does, for
   `LEAST` to `MOST`. A set is refused that the team file protects, or that cannot be ended by AWS's own clock.
2. Nobody asks who is frozen, protected or a break-glass user; nor with more than `OPEN_MOST` requests that wait.
3. A lead decides about access, never whoever asked. About a swap the other of the two does, and leads are told.
4. It is decided within `WAITS`, and checked then once more. Access begins when it is approved.
5. A swap may leave no gap, no short rest and nobody on two watches that was not there without it; it takes nothing back
   that is over by the time it is agreed to.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from watchbill.access.center.state import set_name
from watchbill.access.compile import GRANT, horizon_of
from watchbill.access.effective import answers
from watchbill.access.entitlements import comes_by, on_call, role_name
from watchbill.access.model import PATH, AccountState, Holding, spelled
from watchbill.access.packing import statements_of
from watchbill.access.permissions import granted_documents, known_documents
from watchbill.errors import NotFoundError, RefusedError
from watchbill.intervals import Interval, iso
from watchbill.policy.actions import actions_matching
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Effect, Request
from watchbill.policy.statements import parse_policy
from watchbill.respond.model import Check
from watchbill.schedule.swaps import brings_about, kind_of, rota_of
from watchbill.team.model import By, Grant, Kind, Override, PermissionSet, Rota, Team


LEAST = timedelta(minutes=5)
MOST = timedelta(hours=12)
WAITS = timedelta(hours=1)
"""How long a request waits for whoever decides."""
SOON = timedelta(minutes=2)
"""By when what was approved is in effect, or people are told that it is not."""
OPEN_MOST = 5

_REASON_MOST = 500
_SWAP_MOST = timedelta(days=31)
_TRIED = 5
"""How many actions of a set are tried."""
_LOOKED_AT = 200
"""How many are where some of them are denied by a guard."""
_MAY = (Effect.ALLOWED, Effect.DEPENDS)


@dataclass(frozen=True, slots=True)
class Access:
    """A permission set for a while."""

    permission_set: str
    accounts: tuple[str, ...]
    seconds: int
    reason: str

    @property
    def length(self) -> timedelta:
        """Give how long it is for, from when it is approved."""
        return timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Swap:
    """Two people exchange what they hold; the first of them asks."""

    rota: str
    kind: Kind
    people: tuple[str, str]
    start: datetime
    end: datetime
    reason: str


def said_length(length: timedelta) -> str:
    """Say how long something is: `2 h`, `90 min`."""
    minutes = int(length.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes and minutes % 60 == 0 else f"{minutes} min"


def access_wanted(
    team: Team, person: str, permission_set: str, length: timedelta, accounts: Sequence[str], reason: str
) -> Access:
    """Give what somebody asks for; RefusedError or NotFoundError where nobody may have that by a request."""
    must_be_let_ask(team, person)
    found = _accounts_of(team, permission_set)
    if permission_set not in team.permission_sets or not found:
        known = ", ".join(_sets(team)) or "none"
        raise NotFoundError(
            f"no permission set `{permission_set}` that a group or a rota gives",
            f"those that may be asked for: {known}",
        )
    if permission_set.lower() in {name.lower() for name in team.protected}:
        raise RefusedError(f"`{permission_set}` is protected: nobody has it by a request")
    if not LEAST <= length <= MOST:
        raise RefusedError(f"a request is for {said_length(LEAST)} to {said_length(MOST)}, not {said_length(length)}")
    return Access(
        permission_set,
        _meant(permission_set, tuple(dict.fromkeys(accounts)), found),
        int(length.total_seconds()),
        _reason(reason),
    )


def swap_wanted(
    team: Team, people: tuple[str, str], span: tuple[datetime, datetime], reason: str, rota: str | None, at: datetime
) -> Swap:
    """Give the swap that the first of two people asks for, which may begin now at the earliest."""
    for person in people:
        if person not in team.people:
            raise NotFoundError(f"no person `{person}`", f"people: {', '.join(team.people)}")
        must_be_let_ask(team, person)
    if people[0] == people[1]:
        raise RefusedError("a swap takes two people")
    start, end = max(span[0], at), span[1]
    if start >= end:
        raise RefusedError(f"that is over, or ends before it begins: {iso(span[0])} to {iso(span[1])}")
    if end - start > _SWAP_MOST:
        raise RefusedError(f"a swap is of {_SWAP_MOST.days} days at the most", "write an override into the team file")
    name = rota_of(team, rota, people)
    outside = [person for person in people if person not in team.rotas[name].people]
    if outside:
        raise RefusedError(f"{' and '.join(outside)} is not on rota {name}")
    wanted = Swap(name, kind_of(team.rotas[name], people, Interval(start, end)), people, start, end, _reason(reason))
    must_fit(team, wanted, at)
    return wanted


def must_be_let_ask(team: Team, person: str) -> None:
    """Refuse those whose access is never changed by a request."""
    user = team.people[person].iam_user.lower()
    kept = {name.lower() for name in (*team.protected, *(each.iam_user for each in team.break_glass))}
    if {user, person.lower()} & kept:
        raise RefusedError(f"`{person}` is protected: the team file alone says what they have")


def must_fit(team: Team, wanted: Swap, at: datetime) -> None:
    """Refuse a swap that would leave the schedule worse than it is."""
    made = override_of("swap", wanted, at, wanted.end, wanted.people[1], team)
    if made is None:
        raise RefusedError("that swap is over, or its rota or its people are in the team file no more")
    wrong = brings_about(team, wanted.rota, made)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise RefusedError(f"that would not be sound: {wrong[0].message}{more}", "choose another span")


def must_end(team: Team, person: str, wanted: Access, at: datetime) -> None:
    """Refuse a set whose statements cannot all be given an end; by Identity Center a fence ends whatever it says."""
    if comes_by(team, person, wanted.permission_set, wanted.accounts) is By.CENTER:
        return
    try:
        granted_documents(team.permission_sets[wanted.permission_set], Interval(at, at + wanted.length), at)
    except ValueError as error:
        raise RefusedError(f"`{wanted.permission_set}` cannot be given for a while: {error}") from None


def must_decide(team: Team, person: str, wanted: Access | Swap, actor: str) -> None:
    """Refuse whoever may not decide about what `person` asks for."""
    if isinstance(wanted, Swap):
        if actor != wanted.people[1]:
            raise RefusedError(f"this is for {wanted.people[1]} to say, and nobody else")
        return
    if actor not in team.leads:
        leads = ", ".join(team.leads) or "nobody: name them under `leads`"
        who = "" if actor in team.people else "WATCHBILL_ACTOR says who you are; "
        raise RefusedError(f"`{actor}` is no lead of team {team.name}", f"{who}leads: {leads}")
    if actor == person:
        raise RefusedError(f"`{actor}` asked for this, and another lead decides it")


def grant_of(
    request_id: str, person: str, wanted: Access, span: tuple[datetime, datetime], approver: str, team: Team
) -> Grant | None:
    """Give what an approved request gives by a team file; None where that has not all of what it speaks of."""
    accounts = tuple(name for name in wanted.accounts if name in team.accounts)
    if person not in team.people or wanted.permission_set not in team.permission_sets or not accounts:
        return None
    if span[0] >= span[1]:
        return None
    where = team.permission_sets[wanted.permission_set].where
    given = (person, wanted.permission_set, accounts, Interval(*span), wanted.reason, approver, where)
    return Grant(request_id.lower(), *given, comes_by(team, person, wanted.permission_set, accounts))


def override_of(
    request_id: str, wanted: Swap, start: datetime, end: datetime, agreed_by: str, team: Team
) -> Override | None:
    """Give the override that a swap is by a team file, from `start` on; None where nothing is left of it."""
    rota = team.rotas.get(wanted.rota)
    begins = max(wanted.start, start)
    if rota is None or begins >= end or not set(wanted.people) <= set(team.people):
        return None
    span = Interval(begins, end)
    return Override(
        request_id.lower(), wanted.kind, span, None, None, wanted.reason, agreed_by, rota.where, swap=wanted.people
    )


def verify_granted(team: Team, grant: Grant, observed: Mapping[str, AccountState], at: datetime) -> tuple[Check, ...]:
    """Check over what AWS gives back that the person may use the set now, and by the grant no more once it ends.

    What hangs on something that is not known, such as MFA, counts as what they may.
    """
    checks: list[Check] = []
    for account in grant.accounts:
        state = observed[account]
        user = spelled(team.people[grant.person].iam_user, state)
        if grant.by is By.CENTER:
            checks.extend(_verify_in_center(team, grant, (state, user), at))
            continue
        tried = _probes(team, grant, at)
        may = [action for action in tried if _may(state, user, action, at)]
        named = ", ".join(may) or f"none of {', '.join(tried) or 'its actions'}"
        checks.append(Check(f"{user} may use {grant.permission_set} in {account}", bool(may), named))
        late = [action for action in tried if _gives(state, user, grant, action, grant.interval.end)]
        said = ", ".join(late) or f"by aws:CurrentTime, from {iso(grant.interval.end)} on"
        checks.append(Check(f"{grant.name} ends by itself in {account}", bool(may) and not late, said))
    return tuple(checks) or (Check("something is given", holds=False, detail="no account was named"),)


def _verify_in_center(team: Team, grant: Grant, who: tuple[AccountState, str], at: datetime) -> Iterator[Check]:
    """Check it of somebody who comes by Identity Center, by the role that it made of the permission set."""
    (state, user), name = who, set_name(f"grant-{grant.name}")
    there = any(each.permission_set == name and each.role is not None for each in state.entries.get(user, ()))
    tried = _probes_of(team.permission_sets[grant.permission_set], at)
    allowed = (action for action in tried if there and _by_set(state, user, name, action, at))
    may = list(islice(allowed, _TRIED))
    named = ", ".join(may) or (
        f"none of {', '.join(tried[:_TRIED]) or 'its actions'}" if there else "no role of it is there"
    )
    yield Check(f"{grant.person} may use {grant.permission_set} in {state.account}", bool(may), named)
    late = [action for action in may if _by_set(state, user, name, action, grant.interval.end)]
    said = ", ".join(late) or f"by aws:CurrentTime, from {iso(grant.interval.end)} on"
    yield Check(f"{grant.name} ends by itself in {state.account}", bool(may) and not late, said)


def verify_swapped(
    team: Team, rota: Rota, swap: Override, observed: Mapping[str, AccountState], at: datetime
) -> tuple[Check, ...]:
    """Check over what AWS gives back that each of the two may take the watch's role when it is theirs, and only then.

    What lies past the horizon is not in AWS yet, and is not looked at.
    """
    begins, ends = max(swap.interval.start, at), min(swap.interval.end, horizon_of(rota, at).end)
    role, checks = role_name(rota, swap.kind), list[Check]()
    what = f"permission set {set_name(role)}" if rota.by is By.CENTER else role
    held = [] if begins >= ends else [h for h in on_call(rota, Interval(begins, ends)) if h.person in (swap.swap or ())]
    for holding in held:
        state, then = observed[holding.account], holding.interval.start if holding.interval else begins
        for person in swap.swap or ():
            theirs = any(h.account == holding.account and h.person == person and _covers(h, then) for h in held)
            user = spelled(team.people[person].iam_user, state)
            may = _works(team, rota, swap.kind, (state, user), then)
            said = f"{user} {'may' if theirs else 'may not'} take {what} in {holding.account} at {iso(then)}"
            checks.append(Check(said, may is theirs, "may" if may else "may not"))
    return tuple(checks) or (Check("nothing of it is to be in AWS yet", holds=True, detail=f"up to {iso(ends)}"),)


def _covers(holding: Holding, at: datetime) -> bool:
    return holding.interval is None or at in holding.interval


def _works(team: Team, rota: Rota, kind: Kind, who: tuple[AccountState, str], at: datetime) -> bool:
    """Tell whether what a rota gives works for somebody at an instant: its role, or its permission set."""
    (state, user), role = who, role_name(rota, kind)
    if rota.by is By.IAM:
        return _takes(state, user, role, at)
    tried = _probes_of(team.permission_sets[rota.entitlement[kind]], at)
    return any(_by_set(state, user, set_name(role), action, at) for action in tried)


def _by_set(state: AccountState, user: str, name: str, action: str, at: datetime) -> bool:
    """Tell whether somebody may do something at an instant by a permission set of Identity Center."""
    found = answers(state, user, action, "*", at, {}, complete=False)
    return any(each.path == f"permission set {name}" and each.effect in _MAY for each in found)


def _takes(state: AccountState, user: str, role: str, at: datetime) -> bool:
    """Tell whether somebody may take a role at an instant."""
    found = answers(state, user, "sts:GetCallerIdentity", "*", at, {}, complete=False)
    return any(each.path == f"role {role}" and each.taking is not None and each.taking.effect in _MAY for each in found)


def _may(state: AccountState, user: str, action: str, at: datetime) -> bool:
    """Tell whether somebody may do something by their own user."""
    found = answers(state, user, action, "*", at, {}, complete=False)
    return any(each.effect in _MAY and each.taking is None for each in found)


def _gives(state: AccountState, user: str, grant: Grant, action: str, at: datetime) -> bool:
    """Tell whether the documents of a grant alone allow something at an instant."""
    group = state.groups.get(GRANT + grant.name)
    if group is None or group.path != PATH:
        return False
    documents = [state.policies[arn] for arn in sorted(group.attached) if arn in state.policies]
    policies = [parse_policy(each.document, each.name) for each in documents]
    context = {"aws:username": user, "aws:CurrentTime": iso(at)}
    return evaluate(Request(action, "*", context, some=True), identity=policies).effect in _MAY


def _probes(team: Team, grant: Grant, at: datetime) -> list[str]:
    """Give some actions that a set allows; none where it cannot be given an end any more."""
    try:
        written = granted_documents(team.permission_sets[grant.permission_set], grant.interval, at)
    except ValueError:
        return []
    found = dict.fromkeys(action for document in written for action in _allowed(document))
    return list(found)[:_TRIED]


def _probes_of(permissions: PermissionSet, at: datetime) -> list[str]:
    """Give actions that a set allows, of which a guard may deny some."""
    documents, _ = known_documents(permissions, at)
    return list(dict.fromkeys(action for document in documents for action in _allowed(document)))[:_LOOKED_AT]


def _allowed(document: Mapping[str, object]) -> Iterator[str]:
    for statement in statements_of(document):
        named = statement.get("Action") if statement.get("Effect") == "Allow" else None
        for pattern in [named] if isinstance(named, str) else named or ():
            matching = actions_matching(pattern)
            # One that AWS has added since is known by its name alone.
            yield from matching[:1] or ([pattern] if "*" not in pattern and "?" not in pattern else ())


def _sets(team: Team) -> tuple[str, ...]:
    return tuple(name for name in team.permission_sets if _accounts_of(team, name))


def _accounts_of(team: Team, permission_set: str) -> tuple[str, ...]:
    """Give the accounts in which a group or a rota gives a set."""
    groups = (access for group in team.groups.values() for access in group.access)
    found = {account for access in groups if access.permission_set == permission_set for account in access.accounts}
    for rota in team.rotas.values():
        if permission_set in rota.entitlement.values():
            found.update(rota.accounts)
    return tuple(sorted(found))


def _meant(permission_set: str, asked: tuple[str, ...], found: tuple[str, ...]) -> tuple[str, ...]:
    """Give the accounts that are meant: those named, or the only one there is."""
    for account in asked:
        if account not in found:
            raise NotFoundError(
                f"`{permission_set}` is nowhere given in account `{account}`", f"in: {', '.join(found)}"
            )
    if not asked and len(found) > 1:
        raise RefusedError(f"`{permission_set}` is given in {', '.join(found)}", "say which with --account")
    return asked or found


def _reason(text: str) -> str:
    said = " ".join(text.split())
    if not said:
        raise RefusedError("a request has a reason", "say why with --reason")
    if len(said) > _REASON_MOST:
        raise RefusedError(f"a reason has {_REASON_MOST} characters at the most")
    return said
