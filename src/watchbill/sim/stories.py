"""What happens in a week besides ordinary work, cast from the team by the seed.

Each story has people of its own and a time of its own. With seed 0 the off-shift change is James's, an hour after a
shift of his ends, as near Thursday 02:00 as the rota has it, and the forgotten password is Rick's, from the instant of
a shift's start; where the team has nobody of that name, the seed decides as it does otherwise.
"""

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network, ip_network
from json import dumps
from typing import TypeVar
from zoneinfo import ZoneInfo

from watchbill.errors import RefusedError
from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.sim.calls import (
    ASSUME_ROLE,
    ATTACH_USER_POLICY,
    CREATE_ACCESS_KEY,
    CREATE_POLICY,
    CREATE_USER,
    DESCRIBE_DATABASE,
    DESCRIBE_INSTANCES,
    DESCRIBE_SERVICES,
    LIST_BUCKETS,
    LIST_USERS,
    MODIFY_DATABASE,
    READS,
    REBOOT_DATABASE,
    STOP_INSTANCES,
    TERMINATE_INSTANCES,
    UPDATE_SERVICE,
    WHO_AM_I,
    Call,
)
from watchbill.sim.events import Caller, Scribe, SignIn, Written, role_request, spelled
from watchbill.sim.model import HandMade, NextCall, Story, Truth
from watchbill.sim.people import FOUNDER, PATH, Spot, World, role_of, spot
from watchbill.team.model import Kind


LEGACY_POLICY = "legacy-prod-admin"

_APART = timedelta(hours=2)
"""How far stories keep from each other."""

_EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        # It denies something too, so that no plan takes it away by itself.
        {"Effect": "Deny", "Action": "organizations:*", "Resource": "*"},
    ],
}
_DOCUMENTATION = ("192.0.2.0/24", "203.0.113.0/24")
"""Networks that are nobody's (RFC 5737); the third of them is where lonely people live."""

_ORDERS = replace(
    MODIFY_DATABASE,
    parameters={
        "dBInstanceIdentifier": "orders-db",
        "applyImmediately": True,
        "backupRetentionPeriod": 0,
        "deletionProtection": False,
    },
    response={"dBInstanceIdentifier": "orders-db", "dBInstanceStatus": "modifying", "engine": "postgres"},
)
_LOOK = replace(DESCRIBE_DATABASE, parameters={"dBInstanceIdentifier": "orders-db"})
_REBOOT = replace(REBOOT_DATABASE, parameters={"dBInstanceIdentifier": "orders-db"})
_DEEDS: tuple[tuple[Call, Call, Call], ...] = (
    (_LOOK, _ORDERS, _REBOOT),
    (DESCRIBE_INSTANCES, STOP_INSTANCES, TERMINATE_INSTANCES),
    (DESCRIBE_SERVICES, UPDATE_SERVICE, UPDATE_SERVICE),
)
"""Looking, the change itself, and another: what somebody does who should not; the first is for seed 0."""

_STRANGERS_BROWSER = "Mozilla/5.0 (Windows NT 6.1; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0"
_STRANGERS_CLI = (
    "aws-cli/1.36.2 md/Botocore#1.35.61 ua/2.0 os/linux#6.6.9-amd64 md/arch#x86_64 lang/python#3.12.6 "
    "md/pyimpl#CPython cfg/retry-mode#legacy"
)
_SPRAYER = "python-requests/2.31.0"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told:
    """A story as it comes out."""

    truth: Truth
    events: tuple[Written, ...]
    hand_made: tuple[HandMade, ...]
    quiet: tuple[tuple[str, Interval], ...]
    """When people of the story do nothing ordinary."""


class Stage:
    """The week while stories are placed in it."""

    def __init__(self, world: World, shifts: Sequence[Shift], span: Interval) -> None:
        self.world = world
        self.shifts = tuple(shift for shift in shifts if shift.person in world.residents)
        self.span = span
        self.taken: set[str] = set()
        self._busy: list[Interval] = []
        self._networks = list(world.networks())

    @property
    def first(self) -> bool:
        """Whether this is seed 0, whose stories are the told ones."""
        return self.world.seed == 0

    def is_free(self, span: Interval) -> bool:
        """Tell whether a span lies in the week and apart from every story so far."""
        inside = self.span.start <= span.start and span.end <= self.span.end
        wide = Interval(span.start - _APART, span.end + _APART)
        return inside and not any(wide.meets(other) for other in self._busy)

    def take(self, span: Interval, people: Iterable[str]) -> None:
        """Keep a span and people for one story."""
        self._busy.append(span)
        self.taken.update(people)

    def on_watch_near(self, shift: Shift, span: Interval) -> bool:
        """Tell whether the shift's person is on call in a span by another shift, or nearly so by its grace."""
        graces = {rota.name: (rota.grace_before, rota.grace_after) for rota in self.world.team.rotas.values()}
        for other in self.shifts:
            before, after = graces.get(other.rota, (timedelta(), timedelta()))
            wide = Interval(other.interval.start - before, other.interval.end + after)
            if other != shift and other.person == shift.person and wide.meets(span):
                return True
        return False

    def new_network(self, rng: random.Random) -> str:
        """Choose a /24 outside everyone's networks that no story has used; RefusedError where none is to be found."""
        for _ in range(1000):
            strange = ip_network(_strange_network(rng))
            if isinstance(strange, IPv4Network) and not any(strange.overlaps(known) for known in self._networks):
                self._networks.append(strange)
                return str(strange)
        message = "no network is left for a stranger: the team's own cover too many addresses"
        raise RefusedError(message, "name narrower networks in the team file")

    def accounts_of(self, rota: str, rng: random.Random) -> list[str]:
        """Give a rota's accounts in the order in which to try them: production first in the told week."""
        accounts = list(self.world.team.rotas[rota].accounts)
        rng.shuffle(accounts)
        if self.first:
            accounts.sort(key=self._is_not_production)
        return accounts

    def accounts(self, rng: random.Random) -> list[str]:
        """Give all accounts in the order in which to try them: production first in the told week."""
        accounts = list(self.world.team.accounts)
        rng.shuffle(accounts)
        if self.first:
            accounts.sort(key=self._is_not_production)
        return accounts

    def _is_not_production(self, account: str) -> bool:
        return self.world.team.accounts[account].environment != "production"


def tell(world: World, shifts: Sequence[Shift], span: Interval, stories: Collection[Story]) -> tuple[Told, ...]:
    """Tell stories in a week; RefusedError where the team has nobody to play in one."""
    stage = Stage(world, shifts, span)
    tellers: dict[Story, Callable[[Stage, random.Random], Told]] = {
        Story.OFF_SHIFT_CHANGE: _off_shift_change,
        Story.FORGOTTEN_PASSWORD: _forgotten_password,
        Story.HIJACK: _hijack,
        Story.SPRAY: _spray,
    }
    told = [teller(stage, world.rng("story", story)) for story, teller in tellers.items() if story in stories]
    return tuple(sorted(told, key=lambda each: (each.truth.at, each.truth.story)))


def _off_shift_change(stage: Stage, rng: random.Random) -> Told:
    shift, account, at, deed = _first(_off_shift_casts(stage, rng), Story.OFF_SHIFT_CHANGE)
    world, scribe = stage.world, Scribe(stage.world, rng)
    resident = world.residents[shift.person]
    user, before = resident.person.iam_user, timedelta(hours=48) if stage.first else _hours(rng, 20, 50)
    caused = max(at - before, stage.span.start + timedelta(minutes=5))
    causes, hand_made = _standing_policy(scribe, account, user, caused)
    caller = scribe.by_key(account, user, resident.usual, resident.cli)
    look, change, more = deed
    events = (
        scribe.call(caller, look, at - timedelta(seconds=36)),
        scribe.call(caller, change, at),
        scribe.call(caller, look, at + timedelta(seconds=rng.randint(40, 90))),
        scribe.call(caller, more, at + timedelta(seconds=rng.randint(100, 400))),
    )
    stage.take(Interval(shift.interval.end, events[-1].at), (shift.person,))
    truth = Truth(
        Story.OFF_SHIFT_CHANGE,
        shift.person,
        at,
        account,
        resident.usual.network,
        _ids(events),
        cause_ids=_ids(causes),
        cause_by=FOUNDER,
    )
    quiet = Interval(shift.interval.end, events[-1].at + timedelta(hours=1))
    return Told(truth, (*causes, *events), hand_made, ((shift.person, quiet),))


def _off_shift_casts(
    stage: Stage, rng: random.Random
) -> Iterator[tuple[Shift, str, datetime, tuple[Call, Call, Call]]]:
    """Give who could act after which shift, where, when and how: what they do is not theirs then."""
    world, shifts = stage.world, list(stage.shifts)
    rng.shuffle(shifts)
    if stage.first:
        thursday = stage.span.start + timedelta(days=(3 - stage.span.start.weekday()) % 7)
        two = thursday.replace(hour=2, minute=0, second=0)
        shifts.sort(key=lambda shift: (shift.person != "james", abs(shift.interval.end - two)))
    for shift in shifts:
        rota, end = world.team.rotas[shift.rota], shift.interval.end
        after = timedelta(hours=1) if stage.first else timedelta(minutes=rng.randint(25, 200))
        at = end + max(after, rota.grace_after + timedelta(minutes=20))
        span = Interval(end, at + timedelta(minutes=30))
        early = at - timedelta(hours=24) < stage.span.start
        if shift.person in stage.taken or early or shift.kind not in rota.entitlement:
            continue
        if not stage.is_free(span) or stage.on_watch_near(shift, span):
            continue
        deeds = list(_DEEDS)
        if not stage.first:
            rng.shuffle(deeds)
        for account in stage.accounts_of(shift.rota, rng):
            rights = world.rights(shift.person, account, at)
            for deed in deeds:
                if not any(rights.permit(call.action) for call in deed[1:]):
                    yield shift, account, at, deed


def _standing_policy(
    scribe: Scribe, account: str, user: str, at: datetime
) -> tuple[tuple[Written, ...], tuple[HandMade, ...]]:
    """Write how somebody from before gives a user everything by hand, and what it takes to do it for real."""
    world, document = scribe.world, dumps(_EVERYTHING)
    arn = f"arn:aws:iam::{world.number(account)}:policy/{LEGACY_POLICY}"
    then = at + timedelta(seconds=45)
    policy = {
        "policyName": LEGACY_POLICY,
        "policyId": world.identifier("ANPA", account, LEGACY_POLICY),
        "arn": arn,
        "path": "/",
        "defaultVersionId": "v1",
        "attachmentCount": 0,
        "permissionsBoundaryUsageCount": 0,
        "isAttachable": True,
        "createDate": spelled(at),
        "updateDate": spelled(at),
    }
    creates = replace(
        CREATE_POLICY,
        parameters={"policyName": LEGACY_POLICY, "policyDocument": document},
        response={"policy": policy},
    )
    attaches = replace(ATTACH_USER_POLICY, parameters={"userName": user, "policyArn": arn})
    founder = scribe.by_key(account, FOUNDER, world.founder(), world.cli(world.rng("founder cli")))
    events = (scribe.call(founder, creates, at), scribe.call(founder, attaches, then))
    hand_made = (
        HandMade(account, at, "CreatePolicy", {"PolicyName": LEGACY_POLICY, "PolicyDocument": document}),
        HandMade(account, then, "AttachUserPolicy", {"UserName": user, "PolicyArn": arn}),
    )
    return events, hand_made


def _forgotten_password(stage: Stage, rng: random.Random) -> Told:
    shift, account, at = _first(_coming_on(stage, rng), Story.FORGOTTEN_PASSWORD)
    resident = stage.world.residents[shift.person]
    scribe = Scribe(stage.world, rng)
    sign_in = SignIn(account, resident.person.iam_user, resident.usual, resident.browser)
    moment, events = at, list[Written]()
    for _ in range(5 if stage.first else rng.randint(5, 6)):
        events.append(scribe.failed_sign_in(sign_in, moment))
        moment += timedelta(seconds=rng.randint(5, 60))
    events.append(scribe.signed_in(sign_in, moment + timedelta(seconds=20)))
    stage.take(Interval(at, events[-1].at), (shift.person,))
    truth = Truth(Story.FORGOTTEN_PASSWORD, shift.person, at, account, resident.usual.network, _ids(events))
    quiet = Interval(at - timedelta(minutes=30), events[-1].at + timedelta(minutes=30))
    return Told(truth, tuple(events), (), ((shift.person, quiet),))


def _coming_on(stage: Stage, rng: random.Random) -> Iterator[tuple[Shift, str, datetime]]:
    """Give who comes on shift, where and when: after a day at least, so that their habits are known by then."""
    shifts = list(stage.shifts)
    rng.shuffle(shifts)
    if stage.first:
        shifts.sort(key=lambda shift: (shift.person != "rick", not _at_eleven(stage.world, shift), shift.interval))
    for shift in shifts:
        start = shift.interval.start
        at = start if stage.first else start + timedelta(seconds=rng.randint(0, 900))
        span = Interval(at, at + timedelta(minutes=10))
        settled = start >= stage.span.start + timedelta(days=1)
        just_before = Interval(start - timedelta(minutes=1), start)
        if shift.person in stage.taken or not settled or not stage.is_free(span):
            continue
        if stage.on_watch_near(shift, just_before):
            continue
        for account in stage.accounts_of(shift.rota, rng):
            yield shift, account, at


def _hijack(stage: Stage, rng: random.Random) -> Told:
    person, account, at = _first(_to_be_hijacked(stage, rng), Story.HIJACK)
    world, scribe = stage.world, Scribe(stage.world, rng)
    user, place = world.residents[person].person.iam_user, spot(rng, stage.new_network(rng))
    sign_in = SignIn(account, user, place, _STRANGERS_BROWSER, mfa=False)
    made_at = at + timedelta(seconds=rng.randint(40, 120))
    by_console, key = scribe.by_console(sign_in, at), world.second_key(account, user)
    made = {"userName": user, "accessKeyId": key, "status": "Active", "createDate": spelled(made_at)}
    makes_key = replace(CREATE_ACCESS_KEY, parameters={"userName": user}, response={"accessKey": made})
    by_key = scribe.by_key(account, user, place, _STRANGERS_CLI, key)
    events = (
        scribe.signed_in(sign_in, at),
        scribe.call(by_console, makes_key, made_at),
        *_looking_round(scribe, rng, by_key, person, made_at),
    )
    stage.take(Interval(at, events[-1].at), (person,))
    truth = Truth(
        Story.HIJACK,
        person,
        at,
        account,
        place.network,
        _ids(events),
        keys=(key, by_console.key),
        next_call=_next_call(world, person, account, at),
    )
    quiet = Interval(at - timedelta(minutes=30), events[-1].at + timedelta(hours=2))
    return Told(truth, events, (), ((person, quiet),))


def _to_be_hijacked(stage: Stage, rng: random.Random) -> Iterator[tuple[str, str, datetime]]:
    """Give whose sign-in could be stolen, where and when: those who may make themselves a key, if there is a choice."""
    world, people = stage.world, sorted(set(stage.world.residents) - stage.taken)
    rng.shuffle(people)
    at = _free_moment(stage, rng)
    if at is None:
        return
    casts = [(who, account) for account in stage.accounts(rng) for who in people if world.rights(who, account, at)]
    able = [cast for cast in casts if world.rights(*cast, at).permit(CREATE_ACCESS_KEY.action)]
    # A single person who may would make every week's story the same.
    for person, account in able if len({person for person, _ in able}) > 1 else casts:
        yield person, account, at


def _looking_round(scribe: Scribe, rng: random.Random, caller: Caller, person: str, at: datetime) -> Iterator[Written]:
    """Write how a stranger finds out what the new key is good for."""
    world, account = scribe.world, caller.account
    rights, rotas = world.rights(person, account, at), world.team.rotas.values()
    watch = next((role_of(rota, Kind.PRIMARY) for rota in rotas if account in rota.accounts), "admin")
    role = f"arn:aws:iam::{world.number(account)}:role{PATH}{watch}"
    asks = replace(ASSUME_ROLE, parameters=role_request(role, str(caller.identity["userName"])))
    for call in (WHO_AM_I, LIST_USERS, LIST_BUCKETS, DESCRIBE_INSTANCES, asks, CREATE_USER):
        at += timedelta(seconds=rng.randint(6, 50))
        # Without a second factor nobody gets into a role, whatever else they may do.
        allowed = call is not asks and rights.permit(call.action)
        yield scribe.call(caller, call, at) if allowed else scribe.denied(caller, call, at)


def _next_call(world: World, person: str, account: str, at: datetime) -> NextCall:
    rights, known = world.rights(person, account, at), (WHO_AM_I, LIST_USERS, LIST_BUCKETS, DESCRIBE_INSTANCES)
    usable = [call for call in READS if call not in known and call.parameters and rights.permit(call.action)]
    # Who may see nothing else looks at the machines once more.
    call = usable[0] if usable else DESCRIBE_INSTANCES
    scribe = Scribe(world, world.rng("next call", person, account))
    nobody = Caller(account, {"accessKeyId": ""}, "", "")
    record = scribe.call(nobody, call, at).record
    return NextCall(record["eventSource"], record["eventName"], record["requestParameters"])


def _spray(stage: Stage, rng: random.Random) -> Told:
    at = _free_moment(stage, rng)
    account = stage.accounts(rng)[0] if stage.world.team.accounts else None
    account, at = _first([(account, at)] if account and at else [], Story.SPRAY)
    scribe, network = Scribe(stage.world, rng), stage.new_network(rng)
    living = [p for p in sorted(set(stage.world.residents) - stage.taken) if stage.world.lives_in(p, account)]
    victims = sorted(rng.sample(living, k=min(len(living), rng.randint(3, 4))))
    names: list[str | None] = [*victims, *([None] * rng.randint(12, 20))]
    rng.shuffle(names)
    step, events, moment = timedelta(seconds=rng.randint(3, 6)), list[Written](), at
    places = [spot(rng, network) for _ in range(2)]
    # One password over all names, then the next: so each name fails five times, and none often in a row.
    for turn in range(5):
        for name in names:
            events.append(_attempt(scribe, account, name, places[turn % 2], moment))
            moment += step
    stage.take(Interval(at, moment), victims)
    truth = Truth(Story.SPRAY, None, at, account, network, _ids(events), victims=tuple(victims))
    quiet = Interval(at - timedelta(minutes=30), moment + timedelta(minutes=30))
    return Told(truth, tuple(events), (), tuple((victim, quiet) for victim in victims))


def _attempt(scribe: Scribe, account: str, name: str | None, place: Spot, at: datetime) -> Written:
    user = scribe.world.residents[name].person.iam_user if name else ""
    sign_in = SignIn(account, user, place, _SPRAYER, mfa=False)
    return scribe.failed_sign_in(sign_in, at) if name else scribe.unknown_sign_in(sign_in, at)


def _free_moment(stage: Stage, rng: random.Random) -> datetime | None:
    """Choose an instant after the first day with half an hour free, None where there seems to be none."""
    first = stage.span.start + timedelta(days=1)
    room = int((stage.span.end - first - timedelta(hours=1)).total_seconds())
    for _ in range(500):
        at = first + timedelta(seconds=rng.randrange(room))
        if stage.is_free(Interval(at, at + timedelta(minutes=30))):
            return at
    return None


def _strange_network(rng: random.Random) -> str:
    if rng.random() < 0.25:
        return rng.choice(_DOCUMENTATION)
    if rng.random() < 0.3:
        return f"100.{rng.randrange(64, 128)}.{rng.randrange(256)}.0/24"
    return f"45.{rng.randrange(8, 250)}.{rng.randrange(256)}.0/24"


def _at_eleven(world: World, shift: Shift) -> bool:
    local = shift.interval.start.astimezone(ZoneInfo(world.residents[shift.person].person.time_zone))
    return 11 in {shift.interval.start.hour, local.hour}


def _first(casts: Iterable[T], story: Story) -> T:
    for cast in casts:
        return cast
    message = f"the story `{story}` cannot be cast: nobody in the team fits it in this week"
    raise RefusedError(message, "name more people in a rota, or leave the story out")


def _hours(rng: random.Random, low: int, high: int) -> timedelta:
    return timedelta(minutes=rng.randint(low * 60, high * 60))


def _ids(events: Iterable[Written]) -> tuple[str, ...]:
    return tuple(event.id for event in events)
