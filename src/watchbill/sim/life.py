"""A week in which nothing happens: people at work, people on watch, machines, and AWS itself.

1. A person works on weekdays in the working hours of their own zone, unless on leave, and calls only what their
   standing permission sets allow; rarely they ask for a single thing that is not theirs and are refused.
2. Who is on watch steps into the on-call role with MFA, anew each hour, and is done before the shift ends.
3. Sign-ins are with MFA from a usual place; rarely one wrong password comes first.
4. Machines and services call around the clock.

The number of calls is shared out, so that teams of any size make trails of like size.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.sim.calls import MACHINE, READS, WHO_AM_I, WRITES, Call
from watchbill.sim.events import GLOBAL, HOME, Caller, Scribe, SignIn, Written
from watchbill.sim.people import TERRAFORM, Resident, World, role_of
from watchbill.sim.rights import Rights


WORKING_CALLS = 1900
"""Calls that all people together make in working hours."""

WATCH_CALLS = 900
"""Calls that all people together make on watch."""

WATCH_BOUTS = 70
"""How often anyone is called up on watch, all rotas together."""

WORKING_DAYS_AT_MOST = 400
"""Of larger teams not everyone works in AWS each day."""

SLOT = timedelta(minutes=30)

_AUTO_SCALING_GROUPS = next(call for call in READS if call.name == "DescribeAutoScalingGroups")


@dataclass(frozen=True, slots=True)
class Bout:
    """Calls that belong together: whoever leaves one out leaves all out."""

    person: str | None
    """The person's name in the team file; None for machines and services."""
    events: tuple[Written, ...]

    @property
    def span(self) -> Interval:
        """From the first call until just after the last."""
        return Interval(self.events[0].at, self.events[-1].at + timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class _Day:
    """One person's working hours on one day."""

    resident: Resident
    hours: Interval
    calls: int


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a person may call in an account."""

    account: str
    reads: tuple[Call, ...]
    writes: tuple[Call, ...]
    others: tuple[Call, ...]
    """Reads that are not theirs."""


def work(world: World, span: Interval) -> list[Bout]:
    """Give everyone's working days."""
    days = [(name, hours) for name in sorted(world.residents) for hours in _working_hours(world, name, span)]
    chance = min(1.0, WORKING_DAYS_AT_MOST / max(1, len(days)))
    share = max(4, min(45, round(WORKING_CALLS / max(1, min(len(days), WORKING_DAYS_AT_MOST)))))
    bouts: list[Bout] = []
    for name, hours in days:
        rng = world.rng("work", name, hours.start.isoformat())
        if rng.random() < chance:
            calls = max(2, round(share * rng.uniform(0.7, 1.3)))
            bouts.extend(_working_day(Scribe(world, rng), rng, _Day(world.residents[name], hours, calls)))
    return bouts


def watch(world: World, shifts: Sequence[Shift], span: Interval) -> list[Bout]:
    """Give what people do on watch, each shift by itself."""
    total = sum((shift.interval.length for shift in shifts), timedelta()) or timedelta(hours=1)
    counts = [max(1, round(WATCH_BOUTS * (shift.interval.length / total))) for shift in shifts]
    calls = max(3, round(WATCH_CALLS / max(1, sum(counts))))
    chance = min(1.0, 2 * WATCH_BOUTS / max(1, len(shifts)))
    bouts: list[Bout] = []
    for shift, count in zip(shifts, counts, strict=True):
        rng = world.rng("watch", shift.rota, shift.kind, shift.person, shift.interval.start.isoformat())
        on_watch = shift.interval.intersection(span)
        if on_watch is not None and shift.person in world.residents and rng.random() < chance:
            bouts.extend(
                bout for _ in range(count) if (bout := _called_up(Scribe(world, rng), rng, shift, on_watch, calls))
            )
    return bouts


def machines(world: World, span: Interval, calls: int) -> list[Bout]:
    """Give what the team's workloads call, evenly over the span; nothing where it has none."""
    pairs = [(name, account) for name in sorted(world.team.workloads) for account in world.team.accounts]
    if not pairs:
        return []
    slots, rng = span.length // SLOT, world.rng("machines")
    scribe, bouts = Scribe(world, rng), list[Bout]()
    for slot in range(slots):
        name, account = pairs[slot % len(pairs)]
        at = span.start + slot * SLOT + timedelta(seconds=rng.randrange(240))
        caller = scribe.by_key(account, name, world.machine(name, account), "Boto3/1.40.11 md/Botocore#1.40.11 ua/2.1")
        events: list[Written] = []
        for call in rng.choices(MACHINE, k=calls * (slot + 1) // slots - calls * slot // slots):
            events.append(scribe.call(caller, call, at))
            at += timedelta(seconds=rng.randrange(3))
        if events:
            bouts.append(Bout(None, tuple(events)))
    return bouts


def services(world: World, span: Interval, calls: int) -> list[Bout]:
    """Give what AWS does by itself, evenly over the span: services in their own roles, and events without a caller."""
    accounts, rng = list(world.team.accounts), world.rng("services")
    count, scribe, bouts = max(1, calls // 3), Scribe(world, rng), list[Bout]()
    for slot in range(count):
        account = accounts[slot % len(accounts)]
        at = span.start + span.length * slot / count + timedelta(seconds=rng.randrange(200))
        if slot % 12 == 11:
            instance = rng.choice(world.things[account]["instance"])
            events = [scribe.service_event(account, "ec2", "BidEvictedEvent", {"instanceIdSet": [instance]}, at)]
        else:
            assumed, caller = scribe.service_assumes(account, "autoscaling", "AWSServiceRoleForAutoScaling", at)
            moments = (at + timedelta(seconds=1), at + timedelta(seconds=2))
            events = [assumed, *(scribe.call(caller, _AUTO_SCALING_GROUPS, moment) for moment in moments)]
        bouts.append(Bout(None, tuple(events)))
    return bouts


def _working_hours(world: World, name: str, span: Interval) -> Iterator[Interval]:
    """Give a person's weekdays, nine to half past five by their own clock, those on leave left out."""
    zone = ZoneInfo(world.residents[name].person.time_zone)
    away = [leave.interval for rota in world.team.rotas.values() for leave in rota.leave if leave.person == name]
    day = span.start.astimezone(zone).date() - timedelta(days=1)
    while (opening := datetime.combine(day, time(9), zone).astimezone(UTC)) < span.end:
        closing = datetime.combine(day, time(17, 30), zone).astimezone(UTC)
        hours = Interval(opening, closing)
        inside = opening >= span.start and closing <= span.end
        if inside and day.weekday() < 5 and not any(leave.intersection(hours) for leave in away):
            yield hours
        day += timedelta(days=1)


def _working_day(scribe: Scribe, rng: random.Random, day: _Day) -> Iterator[Bout]:
    parts = rng.randint(1, min(3, day.calls))
    for part in range(parts):
        # A bout lasts twenty minutes at most, so none outlasts the working hours.
        at = day.hours.start + (day.hours.length - timedelta(minutes=30)) * ((part + rng.random()) / parts)
        account = _workplace(scribe.world, rng, day.resident.person.name, at)
        if account is not None and (events := _at_work(scribe, rng, day, account, at, day.calls // parts)):
            yield Bout(day.resident.person.name, tuple(events))


def _workplace(world: World, rng: random.Random, person: str, at: datetime) -> _Choice | None:
    """Choose an account to work in, rather one where there is something to change; None where there is none."""
    choices = [
        choice
        for account in world.team.accounts
        if (choice := _choice(account, world.rights(person, account, at))).reads or choice.writes
    ]
    weights = [3 if choice.writes else 1 for choice in choices]
    return rng.choices(choices, weights)[0] if choices else None


def _choice(account: str, rights: Rights) -> _Choice:
    reads = tuple(call for call in READS if call is not WHO_AM_I and rights.permit(call.action))
    others = tuple(call for call in READS if not rights.permit(call.action))
    return _Choice(account, reads, tuple(call for call in WRITES if rights.permit(call.action)), others)


def _at_work(scribe: Scribe, rng: random.Random, day: _Day, choice: _Choice, at: datetime, calls: int) -> list[Written]:
    resident = day.resident
    place = resident.office if rng.random() < 0.2 else resident.usual
    user, style = resident.person.iam_user, rng.random()
    if style < 0.3:
        return _in_console(scribe, rng, SignIn(choice.account, user, place, resident.browser), choice, at, calls)
    if style < 0.55 and choice.writes:
        caller = scribe.by_key(choice.account, user, place, TERRAFORM)
        return _calls(scribe, rng, caller, _mixed(rng, choice, calls), at, 2)
    caller = scribe.by_key(choice.account, user, place, resident.cli)
    events = _calls(scribe, rng, caller, [WHO_AM_I, *_mixed(rng, choice, calls)], at, 40)
    if choice.others and rng.random() < 0.02:
        events.append(scribe.denied(caller, rng.choice(choice.others), events[-1].at + timedelta(seconds=20)))
    return events


def _in_console(
    scribe: Scribe, rng: random.Random, sign_in: SignIn, choice: _Choice, at: datetime, calls: int
) -> list[Written]:
    events = _through_the_door(scribe, rng, sign_in, at)
    at = events[-1].at
    caller = scribe.by_console(sign_in, at)
    return [*events, *_calls(scribe, rng, caller, _mixed(rng, choice, calls), at + timedelta(seconds=5), 40)]


def _through_the_door(scribe: Scribe, rng: random.Random, sign_in: SignIn, at: datetime) -> list[Written]:
    """Write a sign-in, rarely after one wrong password."""
    events: list[Written] = []
    if rng.random() < 0.06:
        events.append(scribe.failed_sign_in(sign_in, at))
        at += timedelta(seconds=rng.randint(8, 40))
    return [*events, scribe.signed_in(sign_in, at)]


def _mixed(rng: random.Random, choice: _Choice, calls: int) -> list[Call]:
    """Choose what to call: mostly looking, changing now and then, and looking first."""
    if not choice.reads:
        return rng.choices(choice.writes, k=max(1, calls // 3))
    chosen = [rng.choice(choice.reads)]
    while len(chosen) < calls:
        change = choice.writes and rng.random() < 0.15
        chosen.append(rng.choice(choice.writes if change else choice.reads))
    return chosen


def _calls(
    scribe: Scribe, rng: random.Random, caller: Caller, calls: Sequence[Call], at: datetime, pause: int
) -> list[Written]:
    """Write calls one after another, `pause` seconds apart at most; twenty minutes in all at most."""
    region = GLOBAL if rng.random() < 0.1 else HOME
    latest, events = at + timedelta(minutes=20), list[Written]()
    for call in calls:
        if at > latest:
            break
        events.append(scribe.call(caller, call, at, region=region))
        at += timedelta(seconds=rng.randint(0 if pause < 5 else 3, pause))
    return events


def _called_up(scribe: Scribe, rng: random.Random, shift: Shift, on_watch: Interval, calls: int) -> Bout | None:
    """Write one piece of work on watch: into the role, anew each hour, out before the shift ends."""
    world, rota = scribe.world, scribe.world.team.rotas[shift.rota]
    length = min(timedelta(minutes=rng.randint(8, 100)), on_watch.length * 0.7)
    rights = world.watch_rights(rota, shift.kind)
    if not rights or length < timedelta(minutes=4) or not rota.accounts:
        return None
    choice = _choice(rng.choice(rota.accounts), rights)
    resident = world.residents[shift.person]
    begin = on_watch.start + timedelta(minutes=1) + (on_watch.length - length - timedelta(minutes=2)) * rng.random()
    moments = sorted(begin + length * rng.random() for _ in range(calls))
    user, events = resident.person.iam_user, list[Written]()
    if rng.random() < 0.3:
        sign_in = SignIn(choice.account, user, resident.usual, resident.browser)
        events.extend(_through_the_door(scribe, rng, sign_in, begin))
    by_key = scribe.by_key(choice.account, user, resident.usual, resident.cli)
    renewed = list(_hourly(begin + timedelta(minutes=1), begin + length))
    todo = iter(_mixed(rng, choice, calls) if choice.reads or choice.writes else [WHO_AM_I] * calls)
    for session, until in zip(renewed, [*renewed[1:], begin + length], strict=True):
        assumed, on_call = scribe.assume_watch(by_key, role_of(rota, shift.kind), session)
        inside = [moment for moment in moments if session + timedelta(seconds=5) <= moment < until]
        events.append(assumed)
        events.extend(scribe.call(on_call, call, moment) for moment, call in zip(inside, todo, strict=False))
    return Bout(shift.person, tuple(events))


def _hourly(start: datetime, end: datetime) -> list[datetime]:
    """Give the instants at which a session of an hour has to be begun."""
    hours = max(1, -((start - end) // timedelta(hours=1)))
    return [start + timedelta(hours=hour) for hour in range(hours)]
