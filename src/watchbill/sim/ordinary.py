"""A month in which nothing happens: people with their habits, their mishaps and their journeys, and the machines.

1. A person works on weekdays by their own clock, unless on leave or not in the team file yet or any more, and calls
   only what their standing permission sets allow, or is refused.
2. Who is on watch takes the on-call role with MFA, sometimes for many hours, and is done by the end of the grace.
3. People travel, move house, get new laptops and phones, mistype passwords, work late on what is theirs, turn their
   own keys, open pages of the console that ask for what is denied, and let pipelines run under their names.
4. Workloads, services, pipelines and watchbill itself call around the clock.

Each mishap is noted with the ids of its events, so that a false alarm can be told by what it came from.
"""

import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.sim.calls import CREATE_ACCESS_KEY, MACHINE, READS, WHO_AM_I, WRITES, Call
from watchbill.sim.clerk import HELPERS, Clerk, Step
from watchbill.sim.events import Caller, SignIn, Written, spelled
from watchbill.sim.labels import Label, Nature, Quirk
from watchbill.sim.people import TERRAFORM, Spot, World, role_of, spot
from watchbill.sim.rights import Rights, standing_rights
from watchbill.team.model import Kind, Rota, Team


_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_BROWSERS = (
    f"{_MAC} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
)
_SDK = "Boto3/1.40.11 md/Botocore#1.40.11 ua/2.1 os/macos#23.6.0 lang/python#3.12.5"
_RUNNERS = "20.55.17.0/24"
"""Where the machines of a provider of CI run: not a network of the team."""

_ATHENA = Call("athena", "StartQueryExecution", "athena:StartQueryExecution", read_only=False,
               parameters={"workGroup": "primary", "queryString": "HIDDEN_DUE_TO_SECURITY_REASONS"},
               response={"queryExecutionId": "0c1f2d6e-5b8f-4f0e-9d35-0c6f7a2a9f11"})  # fmt: skip
_GLUE = Call("glue", "GetTables", "glue:GetTables", read_only=True, parameters={"databaseName": "sales"})
_REBOOT = next(call for call in WRITES if call.name == "RebootInstances")
_INVOKE = Call("lambda", "Invoke", "lambda:InvokeFunction", read_only=False,
               parameters={"functionName": "resize-images", "invocationType": "RequestResponse"})  # fmt: skip
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""An instant at which no grant is in force."""


def iam(name: str, parameters: Mapping[str, Any], response: Mapping[str, Any] | None = None) -> Call:
    """Give a call that changes something in IAM."""
    return Call("iam", name, f"iam:{name}", read_only=False, parameters=parameters, response=response, is_global=True)


@dataclass(frozen=True, slots=True)
class Chapter:
    """The team file from an instant on; None is from the beginning."""

    since: datetime | None
    team: Team


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person may call in an account."""

    account: str
    reads: tuple[Call, ...]
    writes: tuple[Call, ...]
    others: tuple[Call, ...]
    """Reads that are not theirs."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a person works, and what changes in that while the month goes by."""

    homes: tuple[tuple[datetime, Spot], ...]
    """From when they live where, in order."""
    office: Spot
    vpn: Spot
    at_home: float
    """The share of days on which they work from home."""
    laptops: tuple[tuple[datetime, str, str], ...]
    """From when they have which CLI and browser, in order."""
    trips: tuple[tuple[Interval, Spot], ...]
    late: bool
    """Whether they often work late on what is theirs."""
    turns_key: datetime | None
    new_phone: datetime | None
    calls: int
    """About how many calls a piece of their work has."""

    def cli(self, at: datetime) -> str:
        """Give the AWS CLI that they have at an instant."""
        return max((each for each in self.laptops if each[0] <= at), key=lambda each: each[0])[1]

    def browser(self, at: datetime) -> str:
        """Give the browser that they have at an instant."""
        return max((each for each in self.laptops if each[0] <= at), key=lambda each: each[0])[2]

    def home(self, at: datetime) -> Spot:
        """Tell where they live at an instant."""
        return max((each for each in self.homes if each[0] <= at), key=lambda each: each[0])[1]

    def trip(self, at: datetime) -> Spot | None:
        """Tell where they are on a journey; None where they are on none."""
        return next((where for when, where in self.trips if at in when), None)


@dataclass(frozen=True, slots=True)
class Bout:
    """Calls that belong together."""

    person: str | None
    events: tuple[Written, ...]
    label: Label | None = None

    @property
    def span(self) -> Interval:
        """From the first call until just after the last."""
        return Interval(self.events[0].at, self.events[-1].at + timedelta(seconds=1))


@dataclass(slots=True)
class Company:
    """A team over a span of time, by the files in force in it."""

    chapters: Sequence[Chapter]
    shifts: Sequence[Shift]
    """Those of each file, in the time in which it was in force."""
    span: Interval
    seed: int
    busy: float = 1.0
    """How much is done, against what people of a full-sized team do."""
    quirks: float = 1.0
    """How often mishaps happen, against how often they do."""
    world: World = field(init=False)
    _starts: list[datetime] = field(init=False)
    _choices: dict[tuple[str, str, int], Choice] = field(init=False, default_factory=dict)
    _habits: dict[str, Habits] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.world = World(max((each.team for each in self.chapters), key=lambda team: len(team.people)), self.seed)
        self._starts = [each.since for each in self.chapters if each.since is not None]

    def team_at(self, at: datetime) -> Team:
        """Give the file in force at an instant."""
        return self.chapters[bisect_right(self._starts, at)].team

    def rights(self, person: str, account: str, at: datetime) -> Rights:
        """Give what a person may do as their IAM user, grants left out; nothing for whom the file does not know."""
        return standing_rights(self.team_at(at), person, account, _ANY_DAY)

    def choice(self, person: str, account: str, at: datetime) -> Choice:
        """Give what a person may call in an account."""
        key = (person, account, bisect_right(self._starts, at))
        if key not in self._choices:
            self._choices[key] = choice_of(account, self.rights(person, account, at))
        return self._choices[key]

    def watch_choice(self, rota: Rota, kind: Kind, account: str) -> Choice:
        """Give what the role of a rota may call; nothing that could outlive the shift."""
        key = (rota.name, f"{account} {kind}", -1)
        if key not in self._choices:
            self._choices[key] = choice_of(account, self.world.watch_rights(rota, kind))
        return self._choices[key]

    def habits(self, person: str) -> Habits:
        """Give how a person works."""
        if person not in self._habits:
            self._habits[person] = _habits(self, person)
        return self._habits[person]


def choice_of(account: str, rights: Rights) -> Choice:
    """Sort what is called by whether it is permitted."""
    reads = tuple(call for call in READS if call is not WHO_AM_I and rights.permit(call.action))
    others = tuple(call for call in READS if not rights.permit(call.action))
    return Choice(account, reads, tuple(call for call in WRITES if rights.permit(call.action)), others)


def somewhere(rng: random.Random) -> str:
    """Make up a network of a hotel, a phone or a house: a /24 that nobody has declared."""
    return f"{rng.choice((31, 46, 62, 77, 81, 86, 92))}.{rng.randrange(10, 250)}.{rng.randrange(256)}.0/24"


def _habits(company: Company, name: str) -> Habits:
    world, rng = company.world, company.world.rng("habits", name)
    person, start = world.team.people[name], company.span.start
    room = company.span.length / timedelta(days=1)
    chance = company.quirks

    def day(least: float = 2.0) -> datetime:
        return start + timedelta(days=rng.uniform(min(least, room / 2), room))

    browser, cli = rng.choice(_BROWSERS), world.cli(rng)
    homes = [(start - timedelta(days=99), spot(rng, person.networks[0] if person.networks else somewhere(rng)))]
    laptops = [(start - timedelta(days=99), cli, browser)]
    if rng.random() < 0.08 * chance:
        homes.append((day(), spot(rng, somewhere(rng))))
    if rng.random() < 0.15 * chance:
        laptops.append((day(), world.cli(rng), rng.choice([each for each in _BROWSERS if each != browser])))
    trips = list[tuple[Interval, Spot]]()
    if rng.random() < 0.25 * chance:
        leaves = day()
        trips.append((Interval(leaves, leaves + timedelta(days=rng.randint(2, 5))), spot(rng, somewhere(rng))))
    networks = world.team.networks
    return Habits(
        tuple(homes),
        spot(rng, networks[0]),
        spot(rng, networks[-1]),
        rng.choice((0.2, 0.5, 0.9)),
        tuple(laptops),
        tuple(trips),
        rng.random() < 0.15,
        day(1) if rng.random() < 0.2 * chance else None,
        day(1) if rng.random() < 0.06 * chance else None,
        max(3, round(rng.randint(10, 26) * company.busy)),
    )


# --- people at work -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Desk:
    """A person while they write records: from where, with what."""

    company: Company
    name: str
    rng: random.Random
    clerk: Clerk

    @property
    def user(self) -> str:
        """The name of their IAM user."""
        return self.company.world.team.people[self.name].iam_user

    @property
    def habits(self) -> Habits:
        """How they work."""
        return self.company.habits(self.name)

    def place(self, at: datetime, *, from_home: bool) -> Spot:
        """Tell where they are."""
        trip = self.habits.trip(at)
        if trip is not None:
            return trip
        return self.habits.home(at) if from_home else self.rng.choice((self.habits.office, self.habits.vpn))

    def by_key(self, account: str, place: Spot, at: datetime) -> Caller:
        """Give them with their own access key, another one once it was turned."""
        turned, world = self.habits.turns_key, self.company.world
        new = world.identifier("AKIA", "turned key", account, self.name, length=16)
        key = new if turned is not None and at >= turned else ""
        return self.clerk.by_key(account, self.user, place, self.habits.cli(at), key)

    def signs_in(self, account: str, place: Spot, at: datetime) -> SignIn:
        """Give them at the console's door."""
        return SignIn(account, self.user, place, self.habits.browser(at))

    def note(self, quirk: Quirk, account: str, place: Spot, events: Sequence[Written]) -> Label:
        """Note a mishap."""
        ids, at = tuple(event.id for event in events), events[0].at
        return Label(quirk, 0, Nature.HARMLESS, self.name, at, account, place.network, ids, unheard=True)

    def noted(self, events: Sequence[Written], quirk: Quirk | None, account: str, place: Spot) -> Bout:
        """Give what they did, noted if there is anything to it."""
        return Bout(self.name, tuple(events), self.note(quirk, account, place, events) if quirk else None)


def desk(company: Company, name: str, *purpose: str) -> Desk:
    """Seat a person; what is random is apart for each purpose."""
    rng = company.world.rng("month", name, *purpose)
    return Desk(company, name, rng, Clerk(company.world, rng))


def work(company: Company) -> Iterator[Bout]:
    """Give everyone's working days, what they do late, and what they do once."""
    for name in sorted(company.world.residents):
        for hours in working_hours(company, name):
            at_desk = desk(company, name, hours.start.isoformat())
            rng, pieces = at_desk.rng, at_desk.rng.randint(1, 3)
            from_home = rng.random() < at_desk.habits.at_home
            for piece in range(pieces):
                share = (piece + 0.8 * rng.random()) / pieces
                yield from _piece(
                    at_desk, hours.start + (hours.length - timedelta(minutes=40)) * share, from_home=from_home
                )
            if rng.random() < (0.5 if at_desk.habits.late else 0.02 * company.quirks):
                yield from _late(at_desk, hours)
        yield from _once(desk(company, name, "once"))


def working_hours(company: Company, name: str) -> Iterator[Interval]:
    """Give a person's working days: nine to half past five by their clock, while the file has them."""
    zone = ZoneInfo(company.world.team.people[name].time_zone)
    away = [
        leave.interval for rota in company.world.team.rotas.values() for leave in rota.leave if leave.person == name
    ]
    day = company.span.start.astimezone(zone).date() - timedelta(days=1)
    while (opening := datetime.combine(day, time(9), zone).astimezone(UTC)) < company.span.end:
        hours = Interval(opening, opening + timedelta(hours=8, minutes=30))
        inside = hours.start >= company.span.start and hours.end <= company.span.end
        employed = name in company.team_at(hours.start).people and name in company.team_at(hours.end).people
        if inside and employed and day.weekday() < 5 and not any(leave.meets(hours) for leave in away):
            yield hours
        day += timedelta(days=1)


def _piece(at_desk: Desk, at: datetime, *, from_home: bool) -> Iterator[Bout]:
    """Write one piece of work in one account."""
    company, rng, clerk = at_desk.company, at_desk.rng, at_desk.clerk
    choices = [
        choice
        for account in company.world.team.accounts
        if (choice := company.choice(at_desk.name, account, at)).reads or choice.writes
    ]
    if not choices:
        return
    choice = rng.choices(choices, [3 if each.writes else 2 for each in choices])[0]
    account, place = choice.account, at_desk.place(at, from_home=from_home)
    quirk = Quirk.TRAVEL if at_desk.habits.trip(at) else None
    if rng.random() < 0.02 * company.quirks:
        quirk, place = Quirk.TRAVEL, spot(rng, somewhere(rng))
    calls, style = max(2, round(at_desk.habits.calls * rng.uniform(0.5, 1.5))), rng.random()
    caller = at_desk.by_key(account, place, at)
    if style < 0.35:
        yield _console(at_desk, choice, place, at, calls, quirk)
    elif style < 0.5 and choice.writes:
        events = run(clerk, rng, replace(caller, agent=TERRAFORM), mixed(rng, choice, calls), at, 2)
        yield at_desk.noted(events, quirk, account, place)
    elif style < 0.58:
        fetched, with_token = clerk.temporary(replace(caller, agent=_SDK), at)
        events = [fetched, *run(clerk, rng, with_token, mixed(rng, choice, calls), at + timedelta(seconds=2), 3)]
        yield at_desk.noted(events, quirk, account, place)
    elif style < 0.66 and account == "sandbox" and choice.writes and company.quirks:
        yield at_desk.noted(chained(at_desk, caller, choice, at), quirk or Quirk.CHAINED, account, place)
    elif style < 0.72 and account == "staging" and company.quirks and company.world.team.people[at_desk.name].ci_users:
        yield by_pipeline(at_desk, choice, at)
    else:
        events = run(clerk, rng, caller, [WHO_AM_I, *mixed(rng, choice, calls)], at, 40)
        events += _of_their_own(at_desk, caller, events[-1].at + timedelta(seconds=20))
        if choice.others and rng.random() < 0.03 * company.quirks:
            quirk = quirk or Quirk.CURIOUS
            events += curious(at_desk, caller, choice, events[-1].at)
        yield at_desk.noted(events, quirk, account, place)


def curious(at_desk: Desk, caller: Caller, choice: Choice, at: datetime) -> list[Written]:
    """Write that somebody asks for one to three things that are not theirs, and is refused."""
    rng, events = at_desk.rng, list[Written]()
    for other in rng.sample(choice.others, k=min(len(choice.others), rng.randint(1, 3))):
        at += timedelta(seconds=rng.randint(8, 60))
        events.append(at_desk.clerk.denied(caller, other, at))
    return events


def through_the_door(at_desk: Desk, sign_in: SignIn, at: datetime, wrong: int) -> list[Written]:
    """Write a sign-in with MFA after some wrong passwords."""
    rng, events = at_desk.rng, list[Written]()
    for _ in range(wrong):
        events.append(at_desk.clerk.failed_sign_in(sign_in, at))
        at += timedelta(seconds=rng.randint(7, 55))
    events.append(at_desk.clerk.second_factor(sign_in, at))
    return [*events, at_desk.clerk.signed_in(sign_in, at + timedelta(seconds=rng.randint(4, 15)))]


def helpers(at_desk: Desk, caller: Caller, at: datetime, count: int) -> list[Written]:
    """Write what a page of the console asks by itself and is denied, within two seconds."""
    rng = at_desk.rng
    return [
        at_desk.clerk.denied(caller, call, at + timedelta(seconds=rng.randint(0, 2)))
        for call in rng.sample(HELPERS, k=count)
    ]


def _console(at_desk: Desk, choice: Choice, place: Spot, at: datetime, calls: int, quirk: Quirk | None) -> Bout:
    rng, company, clerk = at_desk.rng, at_desk.company, at_desk.clerk
    sign_in = at_desk.signs_in(choice.account, place, at)
    wrong = rng.choices((0, 1, 2, 3, 4), (94, 4, 1.2, 0.5, 0.3))[0] if company.quirks else 0
    quirk = Quirk.MISTYPED if wrong and quirk is None else quirk
    events = through_the_door(at_desk, sign_in, at, wrong)
    caller = clerk.by_console(sign_in, events[-1].at)
    at = events[-1].at + timedelta(seconds=4)
    # A page asks for all that it shows at once.
    pages = rng.randint(1, 4)
    for _ in range(pages):
        if choice.reads:
            page = rng.choices(choice.reads, k=max(1, round(rng.randint(4, 14) * company.busy)))
            events += run(clerk, rng, caller, page, at, 0)
        if rng.random() < 0.15 * company.quirks:
            quirk = quirk or Quirk.HELPERS
            events += helpers(at_desk, caller, at, rng.randint(2, len(HELPERS)))
        at += timedelta(seconds=rng.randint(20, 240))
    events += run(clerk, rng, caller, mixed(rng, choice, calls // 2), at, 60) if calls > 1 else []
    return at_desk.noted(sorted(events, key=lambda event: event.at), quirk, choice.account, place)


def mixed(rng: random.Random, choice: Choice, calls: int) -> list[Call]:
    """Choose what to call: mostly looking, changing now and then, and looking first."""
    if not choice.reads:
        return rng.choices(choice.writes, k=max(1, calls // 3))
    chosen = [rng.choice(choice.reads)]
    while len(chosen) < calls:
        change = choice.writes and rng.random() < 0.15
        chosen.append(rng.choice(choice.writes if change else choice.reads))
    return chosen


def run(
    clerk: Clerk, rng: random.Random, caller: Caller, calls: Sequence[Call], at: datetime, pause: int
) -> list[Written]:
    """Write calls one after another, `pause` seconds apart at most; 0 is all within two seconds."""
    events = list[Written]()
    for number, call in enumerate(calls):
        step = rng.randint(1, pause) if pause else 1 if number % 8 == 7 else 0
        at += timedelta(seconds=step)
        events.append(clerk.call(caller, call, at))
    return events


def _of_their_own(at_desk: Desk, caller: Caller, at: datetime) -> list[Written]:
    """Write what only statements on narrow resources, or under conditions, allow."""
    team, rng, clerk = at_desk.company.team_at(at), at_desk.rng, at_desk.clerk
    if caller.account != "production" or rng.random() < 0.5:
        return []
    jobs = {group for group in ("developers", "data", "support") if at_desk.name in team.members(group)}
    bucket = f"production-{'warehouse' if 'data' in jobs else 'assets'}-0017"
    moments = [at + timedelta(seconds=9 * number + rng.randint(1, 8)) for number in range(rng.randint(2, 6))]
    if "support" in jobs:
        return [clerk.call(caller, _REBOOT, moments[0])] if rng.random() < 0.3 else []
    if not jobs:
        return []
    last = clerk.call(caller, _INVOKE if "developers" in jobs else _ATHENA, moments[-1] + timedelta(seconds=9))
    reads = [clerk.object_read(caller, bucket, f"2026/{rng.randrange(400)}.parquet", moment) for moment in moments]
    return [*reads, last]


def chained(at_desk: Desk, caller: Caller, choice: Choice, at: datetime) -> list[Written]:
    """Write that somebody takes one role by way of another in the sandbox, with names that programs make up."""
    clerk, rng = at_desk.clerk, at_desk.rng
    first, tools = clerk.take_role(caller, Step("sandbox-tools", f"botocore-session-{int(at.timestamp())}"), at)
    soon = at + timedelta(seconds=rng.randint(2, 30))
    second, deeper = clerk.take_role(
        tools, Step("sandbox-build", f"{int(soon.timestamp())}{rng.randrange(10**9):09}"), soon
    )
    return [first, second, *run(clerk, rng, deeper, mixed(rng, choice, 6), soon + timedelta(seconds=2), 20)]


def by_pipeline(at_desk: Desk, choice: Choice, at: datetime) -> Bout:
    """Write a run of CI that somebody of the team started, by the claim that names them."""
    clerk, rng, world = at_desk.clerk, at_desk.rng, at_desk.company.world
    login, place = world.team.people[at_desk.name].ci_users[0].partition(":")[2], spot(rng, _RUNNERS)
    subject = f"repo:acme/tools:actor:{login}"
    begun, caller = clerk.pipeline(choice.account, "ci-tools", subject, place, at)
    events = [begun, *run(clerk, rng, caller, mixed(rng, choice, 8), at + timedelta(seconds=3), 6)]
    return at_desk.noted(events, Quirk.CI_RUN, choice.account, place)


def _late(at_desk: Desk, hours: Interval) -> Iterator[Bout]:
    """Write work late in the evening on what is theirs at any time."""
    rng, company = at_desk.rng, at_desk.company
    at = hours.start + timedelta(hours=11.5) + timedelta(minutes=rng.randint(0, 240))
    accounts = [a for a in company.world.team.accounts if company.choice(at_desk.name, a, at).reads]
    if not accounts or at + timedelta(hours=1) > company.span.end:
        return
    yield late(at_desk, rng.choice(accounts), at)


def late(at_desk: Desk, account: str, at: datetime) -> Bout:
    """Write a piece of work from home at whatever hour."""
    place, choice = at_desk.place(at, from_home=True), at_desk.company.choice(at_desk.name, account, at)
    calls = [WHO_AM_I, *mixed(at_desk.rng, choice, at_desk.habits.calls)]
    events = run(at_desk.clerk, at_desk.rng, at_desk.by_key(account, place, at), calls, at, 60)
    return at_desk.noted(events, Quirk.LATE, account, place)


def _once(at_desk: Desk) -> Iterator[Bout]:
    """Write what happens to a person once in the month: a key turned, a new phone, roles tried out by who may."""
    company, rng, habits = at_desk.company, at_desk.rng, at_desk.habits
    hours = list(working_hours(company, at_desk.name))
    if not hours:
        return
    accounts = [a for a in company.world.team.accounts if company.choice(at_desk.name, a, hours[0].start).reads]
    if habits.turns_key is not None and accounts:
        # In the hour in which the new key comes into use; nobody does anything with either meanwhile.
        yield turn_key(at_desk, accounts[0], habits.turns_key)
    if habits.new_phone is not None and accounts:
        yield new_phone(at_desk, accounts[0], rng.choice(hours).start + timedelta(minutes=rng.randint(5, 400)))
    if at_desk.name in company.world.team.members("admins") and company.quirks:
        for day in rng.sample(hours, k=min(2, len(hours))):
            yield tries_roles(at_desk, day.start + timedelta(minutes=rng.randint(10, 400)))


def turn_key(at_desk: Desk, account: str, at: datetime) -> Bout:
    """Write that a person makes themselves a new key and does away with the old one."""
    world, user, clerk = at_desk.company.world, at_desk.user, at_desk.clerk
    old, new = world.key(account, user), world.identifier("AKIA", "turned key", account, at_desk.name, length=16)
    place = at_desk.place(at, from_home=True)
    caller = clerk.by_key(account, user, place, at_desk.habits.cli(at), old)
    answer = {"accessKey": {"userName": user, "accessKeyId": new, "status": "Active", "createDate": spelled(at)}}
    makes = replace(CREATE_ACCESS_KEY, parameters={"userName": user}, response=answer)
    stops, drops = (
        iam(name, {"userName": user, "accessKeyId": old, **more})
        for name, more in (("UpdateAccessKey", {"status": "Inactive"}), ("DeleteAccessKey", {}))
    )  # fmt: skip
    after = clerk.by_key(account, user, place, at_desk.habits.cli(at), new)
    events = [
        clerk.call(caller, makes, at),
        clerk.call(after, WHO_AM_I, at + timedelta(seconds=70)),
        clerk.call(after, stops, at + timedelta(seconds=120)),
        clerk.call(after, drops, at + timedelta(seconds=190)),
    ]
    return at_desk.noted(events, Quirk.ROTATED, account, place)


def new_phone(at_desk: Desk, account: str, at: datetime) -> Bout:
    """Write that a person puts a second factor on a new phone, in a session opened with the old one."""
    clerk, user, place = at_desk.clerk, at_desk.user, at_desk.place(at, from_home=False)
    sign_in = at_desk.signs_in(account, place, at)
    events = through_the_door(at_desk, sign_in, at, 0)
    caller = clerk.by_console(sign_in, events[-1].at)
    events += mfa_swap(clerk, caller, user, events[-1].at + timedelta(seconds=40))
    return at_desk.noted(events, Quirk.PHONE, account, place)


def mfa_swap(clerk: Clerk, caller: Caller, user: str, at: datetime) -> list[Written]:
    """Write that a user's second factor is taken off and another put on."""
    serial = f"arn:aws:iam::{clerk.world.number(caller.account)}:mfa/{user}"
    new = f"{serial}-2"
    calls = (
        ("DeactivateMFADevice", {"userName": user, "serialNumber": serial}, None),
        ("CreateVirtualMFADevice", {"virtualMFADeviceName": f"{user}-2"}, {"virtualMFADevice": {"serialNumber": new}}),
        ("EnableMFADevice", {"userName": user, "serialNumber": new}, None),
    )  # fmt: skip
    return [
        clerk.call(
            caller,
            iam(name, asked, answer),
            at + timedelta(seconds=25 * number),
        )
        for number, (name, asked, answer) in enumerate(calls)
    ]


def tries_roles(at_desk: Desk, at: datetime) -> Bout:
    """Write that somebody who may do so makes a role in the sandbox."""
    clerk, place = at_desk.clerk, at_desk.place(at, from_home=False)
    caller = at_desk.by_key("sandbox", place, at)
    calls = (
        ("CreateRole", {"roleName": "trial", "assumeRolePolicyDocument": '{"Version":"2012-10-17","Statement":[]}'}),
        ("AttachRolePolicy", {"roleName": "trial", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
    )
    events = [
        clerk.call(caller, iam(name, asked), at + n * timedelta(seconds=30))
        for n, (name, asked) in enumerate(calls)
    ]  # fmt: skip
    return at_desk.noted(events, Quirk.IDENTITY, "sandbox", place)


# --- people on watch ------------------------------------------------------------------------------------------------


def watch(company: Company) -> Iterator[Bout]:
    """Give what people do on watch: some shifts are quiet, some are busy to their end and a little past it."""
    for shift in sorted(company.shifts, key=lambda each: (each.interval, each.rota, each.person)):
        on_watch = shift.interval.intersection(company.span)
        rota = company.world.team.rotas[shift.rota]
        if on_watch is None or on_watch.length < timedelta(hours=2) or shift.person not in company.world.residents:
            continue
        at_desk = desk(company, shift.person, "watch", shift.rota, shift.interval.start.isoformat())
        rng, quiet = at_desk.rng, 0.1 if rota.name == "contract" else 0.45
        if rng.random() < quiet or on_watch.end != shift.interval.end:
            continue
        style = rng.random()
        if style < 0.1 * company.quirks:
            yield to_the_end(at_desk, shift, rota, timedelta(minutes=-rng.randint(1, 8)), Quirk.LONG_SESSION)
        elif style < 0.18 * company.quirks and rota.grace_after > timedelta(minutes=12):
            yield to_the_end(at_desk, shift, rota, timedelta(minutes=rng.randint(2, 12)), Quirk.GRACE)
        else:
            begin = on_watch.start + (on_watch.length - timedelta(hours=1)) * rng.random()
            yield called_up(at_desk, shift, rota, begin, begin + timedelta(minutes=rng.randint(10, 55)))


def called_up(
    at_desk: Desk, shift: Shift, rota: Rota, begin: datetime, until: datetime, quirk: Quirk | None = None
) -> Bout:
    """Write a piece of work on watch, in one session of the role."""
    rng, clerk, company = at_desk.rng, at_desk.clerk, at_desk.company
    account, place = rng.choice(rota.accounts), at_desk.place(begin, from_home=True)
    choice = company.watch_choice(rota, shift.kind, account)
    hours = max(1, -((begin - until) // timedelta(hours=1)))
    by_key = at_desk.by_key(account, place, begin)
    taken, on_call = clerk.take_watch(by_key, role_of(rota, shift.kind), begin, timedelta(hours=hours))
    calls = max(3, round(rng.randint(8, 30) * company.busy))
    room = until - begin - timedelta(seconds=5)
    moments = sorted(begin + timedelta(seconds=4) + room * rng.random() for _ in range(calls))
    if quirk is not None:
        moments[-1] = until
    todo = mixed(rng, choice, calls) if choice.reads or choice.writes else [WHO_AM_I] * calls
    events = [taken, *(clerk.call(on_call, call, moment) for call, moment in zip(todo, moments, strict=False))]
    return at_desk.noted(events, quirk, account, place)


def to_the_end(at_desk: Desk, shift: Shift, rota: Rota, past: timedelta, quirk: Quirk) -> Bout:
    """Write one long session that lasts until about the end of a shift: `past` it, or before where that is negative."""
    length = min(shift.interval.length, timedelta(hours=at_desk.rng.randint(3, 7)))
    until = shift.interval.end + past
    return called_up(at_desk, shift, rota, until - length, until, quirk)


# --- machines -------------------------------------------------------------------------------------------------------


def machines(company: Company, slot: timedelta, calls: int) -> Iterator[Bout]:
    """Give what the team's workloads call, a bout of `calls` for each in each slot of time."""
    world, rng = company.world, company.world.rng("month machines")
    clerk, at = Clerk(world, rng), company.span.start
    pairs = [(name, account) for name in ("deploy-bot", "metrics-agent") for account in ("production", "staging")]
    number = 0
    while at < company.span.end - slot:
        name, account = pairs[number % len(pairs)]
        caller = clerk.by_key(account, name, world.machine(name, account), _SDK.replace("macos#23.6.0", "linux"))
        moment = at + timedelta(seconds=rng.randrange(200))
        known = MACHINE if name == "deploy-bot" else MACHINE[-1:] + READS[1:3]
        yield Bout(None, tuple(run(clerk, rng, caller, rng.choices(known, k=calls), moment, 2)))
        if number % 3 == 0:
            yield Bout(None, tuple(_pipeline(company, clerk, rng, moment + timedelta(minutes=3), calls)))
        number, at = number + 1, at + slot


def _pipeline(company: Company, clerk: Clerk, rng: random.Random, at: datetime, calls: int) -> list[Written]:
    account = rng.choice(("production", "staging"))
    begun, caller = clerk.pipeline(account, "deploy", "repo:acme/shop:ref:refs/heads/main", spot(rng, _RUNNERS), at)
    return [begun, *run(clerk, rng, caller, rng.choices(MACHINE, k=calls), at + timedelta(seconds=2), 4)]


def services(company: Company, every: timedelta) -> Iterator[Bout]:
    """Give what AWS does by itself, in roles of its own."""
    world, rng = company.world, company.world.rng("month services")
    clerk, accounts, at, number = Clerk(world, rng), list(world.team.accounts), company.span.start, 0
    looks = {
        ("autoscaling", "AWSServiceRoleForAutoScaling"): ("DescribeAutoScalingGroups", "DescribeInstances"),
        ("guardduty", "AWSServiceRoleForAmazonGuardDuty"): ("DescribeInstances", "DescribeVpcs", "ListUsers"),
        ("config", "AWSServiceRoleForConfig"): ("DescribeSecurityGroups", "ListRoles", "DescribeVolumes"),
    }
    by_name = {call.name: call for call in READS}
    while at < company.span.end - every:
        (service, role), names = list(looks.items())[number % len(looks)]
        moment = at + timedelta(seconds=rng.randrange(100))
        taken, caller = clerk.service_assumes(accounts[number % len(accounts)], service, role, moment)
        yield Bout(None, (taken, *run(clerk, rng, caller, [by_name[name] for name in names], moment, 2)))
        number, at = number + 1, at + every


def ours(company: Company) -> Iterator[Bout]:
    """Give what watchbill itself does: looks every few hours, and writes a policy and memberships once a day."""
    world, rng = company.world, company.world.rng("month watchbill")
    clerk, place, at = Clerk(world, rng), spot(rng, "52.211.97.0/24"), company.span.start
    looks = [call for call in READS if call.name in ("ListUsers", "ListRoles", "ListAttachedUserPolicies")]
    while at < company.span.end - timedelta(hours=1):
        for account in world.team.accounts:
            caller = clerk.own_role(account, "watchbill", "watchbill", place, at)
            number = world.number(account)
            writes = [
                Call("iam", "CreatePolicyVersion", None, read_only=False, is_global=True, parameters={
                    "policyArn": f"arn:aws:iam::{number}:policy/watchbill/gate-platform", "setAsDefault": True,
                    "policyDocument": '{"Version":"2012-10-17","Statement":[]}'}),
                Call("iam", "AddUserToGroup", None, read_only=False, is_global=True, parameters={
                    "groupName": "oncall-platform", "userName": rng.choice(world.things[account]["user"])}),
            ]  # fmt: skip
            calls = [*looks, *writes] if at.hour == 0 else looks
            yield Bout(None, tuple(run(clerk, rng, caller, calls, at + timedelta(minutes=2), 2)))
        at += timedelta(hours=6)
