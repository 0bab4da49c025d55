"""Requests: take them, have them decided, lay what was approved over the team file, and see that AWS has it.

1. What was asked for is written down with the question to whoever decides, and its decision with what people are told:
   each in one transaction, so that a process may die between any two, and the same again finds it done.
2. What was approved is in the state and not in the team file. It is laid over the file as a grant or an override
   wherever that counts (`with_requests`): for plans, for what was last applied, and for what was somebody's right then.
3. Before something is approved a plan with it is made, and what nobody could apply is refused.
4. It is in effect when AWS was read back and has it. Where it is not within `SOON`, leads and whoever asked are told.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from watchbill.access.center.moved import moved
from watchbill.access.entitlements import is_frozen, uses_center
from watchbill.access.model import AccountState
from watchbill.access.plan import make_plan
from watchbill.errors import NotFoundError, RefusedError
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.respond.model import Check
from watchbill.respond.notices import LEADS
from watchbill.respond.request_notices import Asking, asked_notice, decided_notice, told_notice
from watchbill.respond.requests import (
    OPEN_MOST,
    SOON,
    WAITS,
    Access,
    Swap,
    access_wanted,
    must_be_let_ask,
    must_decide,
    must_end,
    must_fit,
    swap_wanted,
    verify_granted,
    verify_swapped,
)
from watchbill.service.approved import ACCESS, SWAP, given_by, laid_over, span_of, wanted_of, with_requests
from watchbill.service.casework import Casework
from watchbill.service.outbox import SLACK, put
from watchbill.service.stand_ins import with_stand_ins
from watchbill.slack.model import AskSwap, Command, RequestAccess, Wish
from watchbill.store.database import Store
from watchbill.store.rows import Asked, ClickRow, RequestRow
from watchbill.team.model import By, Grant, Override, Team
from watchbill.team.names import instant_or_date


def ask_access(
    work: Casework, permission_set: str, length: timedelta, accounts: Sequence[str], reason: str, key: str
) -> RequestRow:
    """Ask for a permission set for a while, as the person it is for. The same `key` again is the same request."""
    person = _known(work)
    wanted = access_wanted(work.team, person, permission_set, length, accounts, reason)
    must_end(work.team, person, wanted, work.at)
    if not set(work.team.leads) - {person}:
        raise RefusedError("nobody could decide about this: the team has no lead but you")
    return _ask(work, ACCESS, wanted, key)


def ask_swap(
    work: Casework,
    people: tuple[str, str],
    span: tuple[datetime, datetime],
    reason: str,
    rota: str | None,
    key: str,
) -> RequestRow:
    """Ask somebody to swap watches, as one of the two; the other one decides."""
    person = _known(work)
    if person not in people:
        raise RefusedError("you can swap a watch of your own alone", "a lead writes others' into the team file")
    other = people[1] if person == people[0] else people[0]
    team = with_requests(with_stand_ins(work.team, work.store), work.store)
    wanted = swap_wanted(team, (person, other), span, reason, rota, work.at)
    _must_not_be_frozen(work, *wanted.people)
    return _ask(work, SWAP, wanted, key)


def _known(work: Casework) -> str:
    if work.actor not in work.team.people:
        hint = f"WATCHBILL_ACTOR says who you are; people: {', '.join(work.team.people)}"
        raise NotFoundError(f"no person `{work.actor}` in {work.team.path}", hint)
    return work.actor


def _ask(work: Casework, kind: str, wanted: Access | Swap, key: str) -> RequestRow:
    """Write a request with the question to whoever decides."""
    person = work.actor
    _must_not_be_frozen(work, person)
    name = f"R-{hashlib.sha256(f'{kind}|{person}|{key}'.encode()).hexdigest()[:8]}"
    payload = msgspec.json.encode(wanted).decode()
    row = RequestRow(name, kind, person, work.at, work.at + WAITS, payload)
    with work.store.transaction():
        known = work.store.requests.get(name)
        if known is not None:
            return known
        waiting = [each for each in work.store.requests.all(Asked.WAITING) if each.person == person]
        if len(waiting) >= OPEN_MOST:
            raise RefusedError(f"{len(waiting)} requests of yours wait already: {', '.join(r.id for r in waiting)}")
        work.store.requests.add(row)
        work.record(Kind.REQUEST_ASKED, name, {"person": person, "kind": kind, "wanted": msgspec.to_builtins(wanted)})
        put(work, asked_notice(asking_of(row)))
    return row


def _must_not_be_frozen(work: Casework, *people: str) -> None:
    for person in people:
        if is_frozen(person, work.freezes(), work.at):
            raise RefusedError(f"`{person}` may not have this now", "speak to a lead")


def asking_of(row: RequestRow) -> Asking:
    """Give a request as people are told of it."""
    return Asking(row.id, row.person, wanted_of(row), row.expires_at)


def find(store: Store, request_id: str) -> RequestRow:
    """Give a request by its id; one that is not there is a NotFoundError."""
    row = store.requests.get(request_id)
    if row is None:
        known = ", ".join(each.id for each in store.requests.all(Asked.WAITING)) or "none"
        raise NotFoundError(f"no request `{request_id}`", f"those that wait: {known}")
    return row


def decide(work: Casework, request_id: str, *, approves: bool, reason: str = "") -> str:
    """Approve a request or refuse it, as whoever may; the same again says the same. Gives what is said to them."""
    row = find(work.store, request_id)
    wanted, state = wanted_of(row), Asked.APPROVED if approves else Asked.REFUSED
    if row.state is state and row.decided_by == work.actor:
        return _decided(row)
    work.must_not_be_frozen()
    must_decide(replace(work.team, leads=work.leads()), row.person, wanted, work.actor)
    if row.state is Asked.WAITING and row.expires_at <= work.at:
        expire(work)
        row = find(work.store, request_id)
    if row.state is not Asked.WAITING:
        raise RefusedError(_decided(row))
    after = replace(row, state=state, decided_at=work.at, decided_by=work.actor)
    if approves:
        _must_hold_still(work, after)
    with work.store.transaction():
        if not work.store.requests.turn(row, after):
            raise RefusedError(_decided(find(work.store, request_id)))
        kind = Kind.REQUEST_APPROVED if approves else Kind.REQUEST_REFUSED
        facts = {"person": row.person, "wanted": msgspec.to_builtins(wanted), "until": iso(span_of(after)[1])}
        work.record(kind, row.id, facts | ({"reason": reason} if reason else {}))
        _tell_decided(work, after, reason)
    return _decided(after)


def _decided(row: RequestRow) -> str:
    """Say where a request stands."""
    if row.state is Asked.EXPIRED:
        return f"{row.id} waited until {iso(row.expires_at)}, and nobody decided"
    by = f"{row.id} was {row.state} by {row.decided_by} at {iso(row.decided_at or row.at)}"
    if row.state is not Asked.APPROVED:
        return by
    start, end = span_of(row)
    begins = f"from {iso(start)} " if start > (row.decided_at or start) else ""
    return f"{by}; it holds {begins}until {iso(end)}"


def _tell_decided(work: Casework, row: RequestRow, reason: str = "") -> None:
    """Take the buttons away, and tell whoever asked; of a swap the leads, too."""
    asking, words = asking_of(row), _decided(row) + (f": {reason}" if reason else "")
    put(work, decided_notice(asking, words))
    put(work, told_notice(asking, row.person, str(row.state), words))
    if row.kind == SWAP and row.state is Asked.APPROVED:
        put(work, told_notice(asking, LEADS, str(row.state), words))


def _must_hold_still(work: Casework, row: RequestRow) -> None:
    """Refuse what is not sound any more, and what would keep the plan from being applied."""
    wanted, team = wanted_of(row), work.laid_over()
    people = wanted.people if isinstance(wanted, Swap) else (row.person,)
    gone = [person for person in people if person not in team.people]
    if gone:
        raise RefusedError(f"{', '.join(gone)} is in the team file no more")
    _must_not_be_frozen(work, *people)
    for person in people:
        must_be_let_ask(team, person)
    if isinstance(wanted, Swap):
        must_fit(team, wanted, work.at)
    else:
        access_wanted(team, row.person, wanted.permission_set, wanted.length, wanted.accounts, wanted.reason)
        must_end(team, row.person, wanted, work.at)
    _must_be_applicable(work, team, row)


def _must_be_applicable(work: Casework, team: Team, row: RequestRow) -> None:
    """Refuse what a plan could not be applied with, though it could without: one request never holds up the others."""
    observed, freezes = work.observe(team), work.freezes()
    center, given = work.observe_center(team, observed), given_by(row, team)
    by_center = isinstance(given, Grant) and given.by is By.CENTER
    if by_center and center is not None and row.person not in center.people:
        raise RefusedError(f"`{row.person}` has no user in Identity Center, by which this would be had")
    if by_center and center is not None:
        known = work.store.center_users.all(center.store)
        for each in (each for each in moved(team, center, known) if each.person == row.person):
            raise RefusedError(f"{each.finding.what}, and nobody let that be", "watchbill plans")
    with_it = make_plan(laid_over(team, [row]), observed, work.at, freezes, center=center).problems
    if not with_it:
        return
    before = make_plan(team, observed, work.at, freezes, center=center).problems
    new = [problem for problem in with_it if problem not in before]
    if new:
        raise RefusedError(f"AWS could not be brought to that: {new[0].message}")


def expire(work: Casework) -> list[str]:
    """Let go of what nobody decided in time, and tell whoever asked; give the ids."""
    found = []
    for row in work.store.requests.all(Asked.WAITING):
        if row.expires_at > work.at:
            continue
        after = replace(row, state=Asked.EXPIRED, decided_at=work.at)
        with work.store.transaction():
            if work.store.requests.turn(row, after):
                work.record(Kind.REQUEST_EXPIRED, row.id, {"person": row.person})
                _tell_decided(work, after)
                found.append(row.id)
    return found


def is_overdue(store: Store, at: datetime) -> bool:
    """Tell whether a request waits that nobody decided in time."""
    return any(row.expires_at <= at for row in store.requests.all(Asked.WAITING))


def end(work: Casework, request_id: str) -> str:
    """End what was approved before its time, as a lead or one of those it is for."""
    row = find(work.store, request_id)
    wanted = wanted_of(row)
    people = wanted.people if isinstance(wanted, Swap) else (row.person,)
    if work.actor not in (*people, *work.team.leads):
        raise RefusedError(f"`{work.actor}` is no lead, and {row.id} is not theirs")
    if row.state is not Asked.APPROVED or span_of(row)[1] <= work.at:
        raise RefusedError(f"{row.id} is not in force: {_decided(row)}")
    after = replace(row, ended_at=work.at, ended_by=work.actor)
    words = f"{row.id} was ended by {work.actor} at {iso(work.at)}"
    with work.store.transaction():
        if not work.store.requests.turn(row, after):
            raise RefusedError(f"{row.id} has changed meanwhile", "try again")
        work.record(Kind.REQUEST_ENDED, row.id, {"person": row.person})
        for to in (*people, LEADS):
            put(work, told_notice(asking_of(after), to, "ended", words))
    return words


def unsettled(store: Store, at: datetime) -> list[RequestRow]:
    """Give what was approved and has not been seen in AWS, while it holds."""
    rows = store.requests.all(Asked.APPROVED)
    return [row for row in rows if row.effective_at is None and row.ended_at is None and span_of(row)[1] > at]


def settle(work: Casework) -> list[str]:
    """Read AWS back for what was approved, and tell people that it is in effect, or is late; give the ids in effect."""
    rows = unsettled(work.store, work.at)
    if not rows:
        return []
    team = work.laid_over()
    observed = work.observe(team)
    if uses_center(team):
        observed = work.app.entered(team, observed)
    found = []
    for row in rows:
        checks = _checks(team, row, observed, work.at)
        if all(check.holds for check in checks):
            found += [row.id] if _now_in_effect(work, row, checks) else []
        elif row.late_at is None and row.decided_at is not None and work.at - row.decided_at >= SOON:
            _is_late(work, row, next(check for check in checks if not check.holds))
    return found


def _checks(team: Team, row: RequestRow, observed: Mapping[str, AccountState], at: datetime) -> tuple[Check, ...]:
    given, wanted = given_by(row, team), wanted_of(row)
    match given:
        case Grant():
            return verify_granted(team, given, observed, at)
        case Override() if isinstance(wanted, Swap):
            return verify_swapped(team, team.rotas[wanted.rota], given, observed, at)
        case _:
            gone = "the team file has no more what it speaks of"
            return (Check("it can be given", holds=False, detail=gone),)


def _now_in_effect(work: Casework, row: RequestRow, checks: Sequence[Check]) -> bool:
    after = replace(row, effective_at=work.at)
    words = f"in effect in AWS until {iso(span_of(row)[1])}: read back at {iso(work.at)}, {len(checks)} checks hold"
    with work.store.transaction():
        if not work.store.requests.turn(row, after):
            return False
        seconds = (work.at - (row.decided_at or work.at)).total_seconds()
        facts = {"person": row.person, "seconds": seconds, "checks": [f"{c.what}: {c.detail}" for c in checks]}
        work.record(Kind.REQUEST_EFFECTIVE, row.id, facts)
        for to in dict.fromkeys((row.person, row.decided_by or LEADS)):
            put(work, told_notice(asking_of(row), to, "effective", words))
    return True


def _is_late(work: Casework, row: RequestRow, broken: Check) -> None:
    words = f"approved, and not in effect in AWS yet: {broken.what} does not hold ({broken.detail})"
    with work.store.transaction():
        if work.store.requests.turn(row, replace(row, late_at=work.at)):
            work.record(Kind.REQUEST_LATE, row.id, {"person": row.person, "why": f"{broken.what}: {broken.detail}"})
            for to in (row.person, LEADS):
                put(work, told_notice(asking_of(row), to, "late", words))


def press(work: Casework, row: ClickRow) -> str:
    """Do what a button of a request is for, as whoever pressed."""
    what = row.action.partition(":")[2]
    if row.case_id is None or what not in ("approve", "refuse"):
        raise RefusedError("this button does nothing any more")
    off = work.team.slack is None or work.team.slack.respond == "off"
    if row.source == SLACK and off and find(work.store, row.case_id).kind == ACCESS:
        raise RefusedError(
            "the team file does not let leads do this in Slack (`respond: off`)",
            f"`watchbill requests {what} {row.case_id}`",
        )
    return decide(work, row.case_id, approves=what == "approve")


def wish_access(work: Casework, command: Command, person: str) -> str:
    """Do what `/watch request` wishes for."""
    assert isinstance(command.wish, RequestAccess)
    wish = command.wish
    as_them = replace(work, actor=person)
    row = ask_access(as_them, wish.permission_set, wish.length, wish.accounts, wish.reason, command.id)
    return said(row)


def wish_swap(work: Casework, command: Command, person: str) -> str:
    """Do what `/watch swap` wishes for."""
    assert isinstance(command.wish, AskSwap)
    return said(ask_swap_as_typed(replace(work, actor=person), command.wish, command.id))


def ask_swap_as_typed(work: Casework, wish: AskSwap, key: str) -> RequestRow:
    """Ask for a swap; dates are by the clock of whoever asks."""
    zone = ZoneInfo(work.team.people[_known(work)].time_zone)
    try:
        span = instant_or_date(wish.start, zone), instant_or_date(wish.end, zone)
    except (ValueError, OverflowError) as error:
        raise RefusedError(f"{error}", "write an instant with its zone, or a date: 2026-01-14T03:00:00Z") from None
    return ask_swap(work, wish.people, span, wish.reason, wish.rota, key)


def said(row: RequestRow) -> str:
    """Say to whoever asked where their request stands."""
    asking = asking_of(row)
    if row.state is not Asked.WAITING:
        return _decided(row)
    who = "a lead" if asking.decider == LEADS else asking.decider
    return f"{row.id}: {asking.sentence}. It waits for {who} until {iso(row.expires_at)}."


WISHES: Mapping[type[Wish], Callable[[Casework, Command, str], str]] = {
    RequestAccess: wish_access,
    AskSwap: wish_swap,
}
"""What does the commands of Slack that ask for something."""
