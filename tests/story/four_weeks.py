"""Four weeks in which a schedule changes while they go by, planned and applied day by day, and an oracle of them.

The oracle says who may do what when by the team file alone. It is slow and simple on purpose, and shares no code with
the schedule, the compiler or the evaluator: it finds a local time by waiting for the wall clock to reach it.

From 2 March 2026, with three layers in two time zones. California changes its clocks on the 8th, London on the 29th in
the hour in which a shift ends. People swap in the running shift, for the next day, and take a swap back; they are on
leave, covered and not; one has a grant, two are frozen, one joins late.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from tests.cloud import by
from tests.teams import HERE, PRODUCTION, group, permission_set, person

from watchbill.access.apply import apply
from watchbill.access.model import AccountState, Freeze, State
from watchbill.access.plan import make_plan
from watchbill.access.ways import Step, Ways, session_context
from watchbill.intervals import Interval, iso
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Request
from watchbill.policy.statements import parse_policy
from watchbill.team.model import (
    Account,
    Grant,
    Kind,
    Layer,
    Leave,
    Override,
    Restriction,
    Roster,
    Rota,
    Rotation,
    Team,
    Turn,
)


FIRST = date(2026, 3, 2)
DAYS = range(28)
SECOND, QUARTER, DAY, WEEK = timedelta(seconds=1), timedelta(minutes=15), timedelta(days=1), timedelta(weeks=1)
AFTER = 3 * DAY
"""How far past the horizon is asked."""

BY_PRIMARY = "rds:RebootDBInstance"
BY_SECONDARY = "elasticache:RebootCacheCluster"
BY_JOB = "ec2:DescribeInstances"
BY_GRANT = "dynamodb:UpdateTable"
BY_NOTHING = "organizations:LeaveOrganization"
RESOURCES = {
    BY_PRIMARY: f"arn:aws:rds:eu-west-1:{PRODUCTION}:db:orders",
    BY_SECONDARY: f"arn:aws:elasticache:eu-west-1:{PRODUCTION}:cluster:sessions",
    BY_JOB: "*",
    BY_GRANT: f"arn:aws:dynamodb:eu-west-1:{PRODUCTION}:table/orders",
    BY_NOTHING: "*",
}
"""What is asked, and of what; each action is given by one thing only, but for `BY_JOB`, which the primary has too."""

TAKE, NAME_SOURCE = "sts:AssumeRole", "sts:SetSourceIdentity"
ROLES = {Kind.PRIMARY: "oncall-platform", Kind.SECONDARY: "oncall-platform-secondary"}
GIVES = {Kind.PRIMARY: {BY_PRIMARY, BY_JOB}, Kind.SECONDARY: {BY_SECONDARY}}
NAMES = ("ada", "james", "lee", "nina", "omar", "priya", "rick", "sofia", "tom")
"""Rick and Nina may take any role by their job role; Nina and Sofia are in no rota; Omar joins late."""
POWER = {"nina", "rick"}


def utc(day, hour, minute=0):
    """Give an instant of March 2026; day 32 is the first of April."""
    return datetime(2026, 3, 1, hour, minute, tzinfo=UTC) + (day - 1) * DAY


# --- the weeks ------------------------------------------------------------------------------------------------------

HOURS = {2: (0, 0), 7: (20, 0), 9: (5, 0), 10: (20, 0), 13: (18, 0), 17: (19, 0), 19: (23, 59), 26: (0, 30)}
"""Hour and minute of the plan of some days: midnight, in a shift, at a handoff, in grace; of the others noon."""


def at_of(day):
    """Give the instant of a day's plan."""
    hour, minute = HOURS.get(day, (12, 0))
    return utc(2 + day, hour, minute)


def team_on(day):
    """Give the team file of a day, counted from 0."""
    joined = day >= 8
    late = (Roster(date(2026, 3, 16), ("james", "ada", "omar"), "omar"),) if joined else ()
    names = [name for name in NAMES if name != "omar" or joined]
    sets = (
        permission_set("primary", allow=("ec2:*", "rds:*", "s3:*"), deny=("iam:*", "cloudtrail:*")),
        permission_set("secondary", allow=("elasticache:*",)),
        permission_set("reader", allow=("ec2:Describe*",)),
        permission_set("power", allow=("sts:*", "s3:*", "lambda:*")),
        permission_set("migration", allow=("dynamodb:*",)),
    )
    groups = (
        group("staff", tuple(names), ("reader", "production")),
        group("power", tuple(sorted(POWER)), ("power", "production")),
    )
    rota = Rota(
        "platform",
        ("production",),
        {Kind.PRIMARY: "primary", Kind.SECONDARY: "secondary"},
        timedelta(days=10),
        timedelta(minutes=10),
        timedelta(minutes=5),
        (),
        (
            _layer("amer", "America/Los_Angeles", (time(17), time(4)), ("priya", "lee")),
            _layer("emea-day", "Europe/London", (time(11), time(18)), ("rick", "ada")),
            _layer("emea", "Europe/London", (time(18), time(1, 30)), ("james", "ada"), late),
            _layer("second", "Europe/London", (), ("tom", "lee"), kind=Kind.SECONDARY),
        ),
        tuple(_overrides(day)),
        tuple(_leave(day)),
        HERE,
    )
    span = Interval(utc(9, 13), utc(11, 9, 30))
    grant = Grant("g1", "lee", "migration", ("production",), span, "migration", "sofia", HERE)
    return Team(
        "orders",
        {"production": Account("production", PRODUCTION, "production", "watchbill", HERE)},
        {name: person(name) for name in names},
        {each.name: each for each in groups},
        {each.name: each for each in sets},
        {"platform": rota},
        (grant,) if day >= 6 else (),
        (),
        ("sofia",),
        (),
        ("watchbill",),
        None,
    )


def freezes_on(day):
    """Give the freezes that are known on a day, those that have ended too."""
    found: list[Freeze] = []
    if day >= 9:  # its end is known: that it comes changes nothing until a plan is made
        found.append(Freeze("F-1", "lee", utc(11, 5), utc(12, 6, 30), None))
    if day >= 17:  # in the shift that was the first of his
        found.append(Freeze("F-2", "omar", utc(19, 19), utc(21, 0) if day >= 19 else None, None))
    return tuple(found)


def _layer(name, zone, hours, members, more=(), kind=Kind.PRIMARY):
    begins = hours[0] if hours else time(9)
    rosters = (Roster(FIRST, members, members[0]), *more)
    everyone = tuple(dict.fromkeys(member for roster in rosters for member in roster.members))
    rotation = Rotation(Turn(1, "w"), begins, FIRST, rosters)
    restrictions = (Restriction(frozenset(range(7)), *hours),) if hours else ()
    return Layer(name, kind, zone, everyone, rotation, restrictions, HERE)


def _overrides(day):
    def override(name, start, end, add=None, remove=None, kind=Kind.PRIMARY, swap=None):
        return Override(name, kind, Interval(start, end), add, remove, "wedding", "sofia", HERE, swap)

    if day >= 5:  # two exchange what they hold on the next day, on which the clocks change
        yield override("tomorrow", utc(8, 0), utc(9, 0), swap=("rick", "james"))
    if day >= 7:  # from the very instant of the plan on
        yield override("running", utc(9, 20), utc(10, 1, 30), "james", "ada")
    if 8 <= day < 10:  # taken back after it has begun
        yield override("taken-back", utc(12, 18), utc(13, 1, 30), "james", "ada")
    if day >= 9:
        yield override("cover", utc(13, 18), utc(14, 1, 30), "rick")
    if day >= 15:
        yield override("second", utc(20, 6), utc(20, 22), "sofia", "tom", Kind.SECONDARY)
    if day >= 22:
        yield override("nobody", utc(26, 12), utc(26, 13), remove="ada")


def _leave(day):
    if day >= 9:  # the first evening is covered, the second is a gap
        yield Leave("ada", Interval(utc(13, 17), utc(15, 12)), HERE)
    if day >= 18:
        yield Leave("james", Interval(utc(24, 0), utc(27, 0)), HERE)


@dataclass(frozen=True, slots=True)
class Applied:
    """A day whose plan was carried out, and what AWS then gave back."""

    day: int
    at: datetime
    oracle: "Oracle"
    state: AccountState


def weeks(cloud, days=DAYS):
    """Plan and apply each day's team file, and give what was read back."""
    for day in days:
        at, of, freezes = at_of(day), team_on(day), freezes_on(day)
        account = of.accounts["production"]
        plan = make_plan(of, {"production": cloud.observe(account)}, at, freezes)
        assert plan.problems == ()
        assert [
            outcome.error for outcome in apply(plan.changes, by(of, cloud)) if outcome.state is not State.DONE
        ] == []
        state = cloud.observe(account)
        assert make_plan(of, {"production": state}, at, freezes).changes == ()
        yield Applied(day, at, Oracle(of, at, freezes), state)


# --- the oracle -----------------------------------------------------------------------------------------------------


@cache
def reached(local, zone):
    """Give the first quarter of an hour at which the wall clock of a zone shows a local time, or has skipped it."""
    at = local.replace(tzinfo=UTC) - 15 * timedelta(hours=1)
    while at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) < local:
        at += QUARTER
    return at


def spans_of(layer, first, last):
    """Give the spans in which a layer is in force, of the local days from one to another."""
    if not layer.restrictions:
        return [(reached(datetime.combine(first, time()), layer.time_zone), utc(90, 0))]
    hours = layer.restrictions[0]
    found = []
    for number in range((last - first).days + 1):
        day = first + number * DAY
        ends = day if hours.start < hours.end else day + DAY
        start, end = datetime.combine(day, hours.start), datetime.combine(ends, hours.end)
        found.append((reached(start, layer.time_zone), reached(end, layer.time_zone)))
    return found


def turns_of(layer):
    """Give when each weekly turn begins, and whose it is."""
    found, place, members = [], 0, ()
    for number in range(-1, 8):
        local = datetime.combine(FIRST, layer.pattern.handoff) + number * WEEK
        rosters = [roster for roster in layer.pattern.rosters if roster.since <= max(local.date(), FIRST)]
        if rosters[-1].members != members:
            members = rosters[-1].members
            place = members.index(rosters[-1].first) + min(number, 0)
        found.append((reached(local, layer.time_zone), members[place % len(members)]))
        place += 1
    return found


class Oracle:
    """Who may do what when, by one team file, as of its plan and with no further one."""

    def __init__(self, team, at, freezes):
        self.team, self.at, self.freezes = team, at, freezes
        self.rota = team.rotas["platform"]
        self.midnight = datetime.combine(at.date(), time(), UTC)
        self.horizon = self.midnight + self.rota.horizon
        first, last = (self.midnight - 3 * DAY).date(), (self.horizon + 3 * DAY).date()
        self._layers = [(layer, spans_of(layer, first, last), turns_of(layer)) for layer in self.rota.layers]

    def on_call(self, kind, at):
        """Give who is on call at an instant, without grace."""
        found = set()
        for layer, spans, turns in self._layers:  # the later layer wins
            if layer.kind is kind and any(start <= at < end for start, end in spans):
                name = [name for start, name in turns if start <= at][-1]
                if not any(leave.person == name and at in leave.interval for leave in self.rota.leave):
                    found = {name}
        for each in self.rota.overrides:
            if each.kind is kind and at in each.interval:
                if each.swap:
                    turned = dict([each.swap, each.swap[::-1]])
                    found = {turned.get(name, name) for name in found}
                elif each.remove is None:
                    found = {each.add}
                elif each.remove in found:
                    found = found - {each.remove} | ({each.add} if each.add else set())
        return found

    @cached_property
    def windows(self):
        """Give the spans, grace included, of each person and kind: what is written to AWS until the horizon."""
        turning = {at for _, spans, turns in self._layers for span in (*spans, *turns) for at in span}
        turning |= {at for e in (*self.rota.overrides, *self.rota.leave) for at in (e.interval.start, e.interval.end)}
        low, high = self.midnight - 2 * DAY, self.horizon + 2 * DAY
        edges = sorted({low, high, *(at for at in turning if isinstance(at, datetime) and low < at < high)})
        found: dict[tuple[str, Kind], list[tuple[datetime, datetime]]] = {}
        for kind in ROLES:
            for start, end in pairwise(edges):
                for name in self.on_call(kind, start):
                    wide = (start - self.rota.grace_before, min(end + self.rota.grace_after, self.horizon))
                    if wide[0] < self.horizon:
                        found.setdefault((name, kind), []).append(wide)
        return found

    def on_watch(self, name, kind, at):
        """Tell whether somebody is on watch; nobody who is frozen is, nor anybody past the horizon."""
        frozen = any(each.person == name and each.covers(at) for each in self.freezes)
        return not frozen and any(start <= at < end for start, end in self.windows.get((name, kind), ()))

    def is_out(self, name):
        """Tell whether somebody was frozen when the plan was made: then they may do nothing until another is."""
        return any(each.person == name and each.covers(self.at) for each in self.freezes)

    def may_take(self, name, kind, at):
        """Tell whether somebody may take a kind's role."""
        return self.on_watch(name, kind, at) and not self.is_out(name)

    def may_act_in(self, name, kind, action, at):
        """Tell whether a session of somebody's, taken when it could be, may do something."""
        return action in GIVES[kind] and self.on_watch(name, kind, at)

    def may(self, name, action, at):
        """Tell whether somebody may do something, one way or another."""
        if self.is_out(name) or name not in self.team.people:
            return False
        granted = action == BY_GRANT and any(g.person == name and at in g.interval for g in self.team.grants)
        by_role = any(action in GIVES[kind] and self.may_take(name, kind, at) for kind in ROLES)
        return action == BY_JOB or granted or by_role

    def edges(self, first, last):
        """Give every instant at which something may change in a span, and the seconds before and after."""
        spans = [span for found in self.windows.values() for span in found]
        spans += [(grant.interval.start, grant.interval.end) for grant in self.team.grants]
        spans += [(freeze.start, freeze.end or freeze.start) for freeze in self.freezes]
        found = {first, last, *(at for span in spans for at in span)}
        around = {at + second for at in found for second in (-SECOND, timedelta(0), SECOND)}
        return sorted(at for at in around if first <= at <= last)

    def next_day(self):
        """Give the edges until the next day's plan, and a day at least."""
        following = self.at + DAY
        later = [at_of(day) for day in DAYS if at_of(day) > self.at]
        return self.edges(self.at, max(following, *later[:1]) if later else following)

    def ends(self):
        """Give the end of each window after the plan, with whose it was."""
        return sorted((e, key) for key, spans in self.windows.items() for _, e in spans if self.at < e)

    def to_the_end(self):
        """Give the edges from the plan to some days past the horizon, and some instants between."""
        past = [self.horizon + each for each in (timedelta(hours=1), DAY, 2 * DAY)]
        return sorted({*self.edges(self.at, self.horizon + AFTER), *past})


# --- what the documents say -----------------------------------------------------------------------------------------


class Reading:
    """What the documents of one state let people do, by our evaluator: to take a role is a request of its own."""

    def __init__(self, state):
        """Make every step of every way; also those that no way leads to, for a role that does not trust somebody."""
        ways = Ways(state)
        self.own: dict[str, Step] = {}
        self.taking: dict[tuple[str, Kind], Step] = {}
        self.inside: dict[tuple[str, Kind], Step] = {}
        self.roles = {kind: state.roles[name] for kind, name in ROLES.items() if name in state.roles}
        acting = {}
        for user in ways.users:
            found = {way.name: way.steps for way in ways.of(user)}
            assert all(not way.unread for way in ways.of(user))
            (self.own[user],) = found[f"user {user}"]
            for kind, role in self.roles.items():
                steps = found.get(f"role {role.name}")
                if steps is not None:
                    self.taking[user, kind], acting[kind] = steps
                else:
                    policies, _ = ways.user_policies(state.users[user])
                    trust = Evaluator(Layers(policies, resource=parse_policy(role.trust, "trust")))
                    named = {"sts:RoleSessionName": user, "sts:SourceIdentity": user}
                    step = replace(self.own[user], evaluator=trust, action=TAKE, resource=role.arn)
                    self.taking[user, kind] = replace(step, context={**step.context, **named})
        for name in NAMES:
            for kind, role in self.roles.items():
                session = f"arn:aws:sts::{state.number}:assumed-role/{role.name}/{name}"
                keys = {**session_context(name), "aws:PrincipalArn": role.arn}
                self.inside[name, kind] = replace(acting[kind], principal=session, context=keys)

    def may_take(self, name, kind, at, **others):
        """Ask whether somebody is let into a role, `others` being other condition keys (`_` for the colon)."""
        step = self.taking.get((name, kind))
        if step is None:
            return False
        if others:
            keys = {key.replace("_", ":"): value for key, value in others.items()}
            step = replace(step, context={**step.context, **keys})
        return _allowed(step, TAKE, step.resource, at)

    def may_name_source(self, name, kind, at):
        """Ask whether somebody may set their source identity, which AWS asks apart, without the session's name.

        Source: Service Authorization Reference, "Condition keys for AWS Security Token Service".
        """
        step = self.taking[name, kind]
        keys = {key: value for key, value in step.context.items() if key != "sts:RoleSessionName"}
        return _allowed(replace(step, action=NAME_SOURCE, context=keys), NAME_SOURCE, step.resource, at)

    def may_act_in(self, name, kind, action, at):
        """Ask whether a session of somebody's may do something, however they came by it."""
        return _allowed(self.inside[name, kind], action, RESOURCES[action], at)

    def may(self, name, action, at):
        """Ask whether somebody may do something by their user, or by taking a role and then doing it."""
        if name not in self.own:
            return False
        return _allowed(self.own[name], action, RESOURCES[action], at) or any(
            self.may_take(name, kind, at) and self.may_act_in(name, kind, action, at) for kind in self.roles
        )


def effect_of(step, action, resource, at):
    """Ask one request in a step, with the context that AWS would give it and no other key."""
    context = {"aws:CurrentTime": iso(at), "aws:MultiFactorAuthPresent": "true"}
    return step.evaluator.decide(step.request(Request(action, resource, context, complete=True))).effect


def _allowed(step, action, resource, at):
    effect = effect_of(step, action, resource, at)
    assert effect is not Effect.DEPENDS, (step.principal, action, at)
    return effect is Effect.ALLOWED
