"""Small teams drawn at random, close together, so that what they give meets: for questions asked of whole teams."""

from dataclasses import replace
from datetime import date, time, timedelta

from hypothesis import strategies as st
from tests.teams import HERE, MONDAY, group, permission_set, person, rota

from watchbill.access.ways import Way
from watchbill.intervals import Interval
from watchbill.policy.model import Effect, Request
from watchbill.team.model import (
    Account,
    Grant,
    Kind,
    Layer,
    Leave,
    PermissionSet,
    Restriction,
    Roster,
    Rotation,
    Team,
    Turn,
)


PEOPLE = ("ana", "bo", "cy")
ACTIONS = ("ec2:TerminateInstances", "ec2:DescribeInstances", "s3:GetObject", "rds:RebootDBInstance", "iam:PassRole")
LEDGER = "arn:aws:s3:::ledger/2026/a"
RESOURCES = (LEDGER, "arn:aws:s3:::home/ana", "arn:aws:ec2:eu-west-1:111111111111:instance/i-1")
OFFICE, ELSEWHERE = "192.0.2.7", "203.0.113.7"
MFA = "aws:MultiFactorAuthPresent"
WEEK = Interval(MONDAY, MONDAY + timedelta(days=7))

_PATTERNS = ("ec2:*", "ec2:Describe*", "ec2:TerminateInstances", "s3:*", "s3:Get*", "rds:*", "*", "iam:PassRole")
_CONDITIONS: tuple[dict[str, dict[str, str]], ...] = (
    {},
    {"Bool": {MFA: "true"}},
    {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
    {"StringEquals": {"aws:username": "ana"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}},
    {"StringLike": {"aws:userid": "*:bo"}},
    {"DateLessThan": {"aws:CurrentTime": "2026-01-14T00:00:00Z"}},
    {"DateGreaterThanEquals": {"aws:CurrentTime": "2026-01-13T06:00:00Z"}},
)
_ON = (
    {"Resource": "*"},
    {"Resource": "arn:aws:s3:::ledger/*"},
    {"Resource": "arn:aws:s3:::home/${aws:username}"},
    {"NotResource": "arn:aws:s3:::ledger/*"},
)


def statements(resources=_ON, conditions=_CONDITIONS):
    """Draw a statement of a permission set."""
    made = st.builds(
        lambda effect, actions, on, condition: {"Effect": effect, "Action": actions, **on, "Condition": condition},
        st.sampled_from(("Allow", "Allow", "Allow", "Deny")),
        st.lists(st.sampled_from(_PATTERNS), min_size=1, max_size=2, unique=True),
        st.sampled_from(resources),
        st.sampled_from(conditions),
    )
    return made.map(lambda found: {key: value for key, value in found.items() if value != {}})


def _set(name, of):
    document = {"Version": "2012-10-17", "Statement": of}
    return PermissionSet(name, "", (), (), document, HERE)


def _layer(number, start, hours, members, turn):
    within = Restriction(frozenset(range(7)), time(start), time((start + hours) % 24))
    first = date(2026, 1, 12)
    rotation = Rotation(turn, time(start), first, (Roster(first, members, members[0]),))
    return Layer(f"l{number}", Kind.PRIMARY, "UTC", members, rotation, (within,), HERE)


_MEMBERS = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True).map(tuple)
_HOURS = st.tuples(st.integers(0, 150), st.integers(1, 30)).map(lambda found: (found[0], sum(found)))


def _within(hours):
    return Interval(*(MONDAY + timedelta(hours=each) for each in hours))


def grants():
    """Draw a grant in production."""
    return st.builds(
        lambda who, hours, gives: Grant("g", who, gives, ("production",), _within(hours), "why", "cy", HERE),
        st.sampled_from(PEOPLE),
        _HOURS,
        st.sampled_from(("one", "two")),
    )


@st.composite
def teams(draw, of=None):
    """Draw a team of three with two permission sets, a group, a rota and perhaps a grant, all in one account."""
    of = statements() if of is None else of
    sets = [_set(name, draw(st.lists(of, min_size=1, max_size=3))) for name in ("one", "two")]
    turns = st.sampled_from((Turn(1, "d"), Turn(1, "w")))
    layers = tuple(
        _layer(
            number, draw(st.sampled_from((0, 6, 18))), draw(st.sampled_from((6, 12, 23))), draw(_MEMBERS), draw(turns)
        )
        for number in range(draw(st.integers(1, 2)))
    )
    leave = [Leave(draw(st.sampled_from(PEOPLE)), _within(draw(_HOURS)), HERE)] if draw(st.booleans()) else []
    made = replace(rota(*layers, leave=tuple(leave)), entitlement={Kind.PRIMARY: draw(st.sampled_from(("one", "two")))})
    members = draw(st.lists(st.sampled_from(PEOPLE), max_size=3, unique=True).map(tuple))
    return Team(
        "drawn",
        {"production": Account("production", "111111111111", "production", None, HERE)},
        {name: person(name) for name in PEOPLE},
        {"staff": group("staff", members, (draw(st.sampled_from(("one", "two"))), "production"))},
        {each.name: each for each in (*sets, permission_set("unused", allow=("lambda:*",)))},
        {"platform": made},
        tuple(draw(st.lists(grants(), max_size=1))),
        (),
        ("cy",),
        (),
        (),
        None,
    )


def instants():
    """Draw an instant of the week: on the hour, where shifts begin and end, or a second beside it."""
    hour, beside = st.integers(0, 7 * 24 - 1), st.sampled_from((-1, 0, 0, 1))
    return st.builds(lambda h, s: max(WEEK.start, MONDAY + timedelta(hours=h, seconds=s)), hour, beside)


def allowed(way: Way, asked: Request) -> bool:
    """Tell whether every step of a way is allowed."""
    return all(step.evaluator.decide(step.request(asked)).effect is Effect.ALLOWED for step in way.steps)
