"""Who can when, against point decisions: at random instants, at every edge and a microsecond to either side."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from tests.teams import MONDAY, grant, team

from watchbill.access.compile import compile_account
from watchbill.access.effective import answers, whole
from watchbill.access.model import PATH, AccountState, Freeze, GroupState, PolicyState, RoleState, UserState
from watchbill.access.ways import Ways
from watchbill.access.who import Part, who_can
from watchbill.intervals import Interval, iso
from watchbill.policy.model import Effect, Request
from watchbill.policy.residual import conditions, rules_of


ALLOWED, DEPENDS, DENIED = Effect.ALLOWED, Effect.DEPENDS, "denied"
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
WEEK = Interval(MONDAY, MONDAY + timedelta(days=7))
MFA = "aws:MultiFactorAuthPresent"
NUMBER = "111111111111"


def at_instant(asked, at):
    """Ask at an instant, by both clocks."""
    seconds = str((at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1))
    return replace(asked, context={**asked.context, "aws:CurrentTime": iso(at), "aws:EpochTime": seconds})


def answer_at(way, asked, at):
    """Decide a way at an instant: its effect, the statements, and the conditions; denied by whatever is `DENIED`."""
    requests = [step.request(at_instant(asked, at)) for step in way.steps]
    decisions = [step.evaluator.decide(request) for step, request in zip(way.steps, requests, strict=True)]
    effect = whole([decision.effect for decision in decisions], unread=way.unread)
    if effect not in (ALLOWED, DEPENDS):
        return DENIED
    said = [
        condition
        for step, request, decision in zip(way.steps, requests, decisions, strict=True)
        for condition in conditions(rules_of(step.evaluator, request.action), request, decision)
    ]
    because = tuple(str(origin) for decision in decisions for origin in decision.deciding)
    return effect, because, tuple(dict.fromkeys(said))


def parts_of(ways, asked, within):
    """Give the parts of everybody's ways."""
    found = who_can(ways, asked, within)
    assert len({(each.user, each.way) for each in found}) == len(found)
    return {(each.user, each.way): each.parts for each in found}


def said_at(parts, at):
    """Give what the part that holds an instant says; there is one at most."""
    holding = [part for part in parts if at in part.interval]
    assert len(holding) <= 1, "parts overlap"
    if not holding:
        return DENIED
    (part,) = holding
    of_policies = tuple(each for each in part.conditions if ", not read," not in each)
    return part.effect, part.because, of_policies


def check(state, asked, within, instants):
    """Hold the parts of a span against point decisions at instants of it."""
    ways = Ways(state)
    found = parts_of(ways, asked, within)
    for user in state.users:
        for way in ways.of(user):
            parts = found.pop((user, way.name), ())
            for at in instants:
                if at in within:
                    assert said_at(parts, at) == answer_at(way, asked, at), f"{user}, {way.name}, at {iso(at)}"
            for part in parts:
                assert within.start <= part.interval.start < part.interval.end <= within.end
                assert bool(part.conditions) is (part.effect is DEPENDS)
            for one, other in pairwise(parts):
                assert one.interval.end <= other.interval.start, "parts are in order"
                touching = one.interval.end == other.interval.start
                assert not touching or replace(one, interval=other.interval) != other, "parts alike are one"
    assert not found, "ways that nobody has"


def around(edges):
    """Give edges, and the instants next to them."""
    return [edge + off for edge in edges for off in (-TICK, timedelta(0), TICK)]


# --- compiled teams ---

MODIFY = Request("rds:ModifyDBInstance", "*", {}, some=True)
JAMES = Interval(MONDAY + HOUR * 18, MONDAY + HOUR * 26)
"""James's first shift."""


def production(at=MONDAY, freezes=(), of=None):
    """Compile the account `production` of the team."""
    found = of or team()
    return compile_account(found, found.accounts["production"], at, freezes).state


def test_who_is_on_call_can_with_mfa_until_the_shift_ends():
    """The main question, as people read the answer: who, when, by which statements, and if what."""
    found = parts_of(Ways(production()), MODIFY, Interval(MONDAY + HOUR * 12, MONDAY + HOUR * 27))
    policies = f"arn:aws:iam::{NUMBER}:policy/watchbill"
    trust, allow = "role/oncall-platform/trust#OnWatch", f"{policies}/set-prod-oncall#Allow"
    gate = f"{policies}/gate-oncall-platform-1"
    mfa = f"if {MFA} is true"
    assert found == {
        ("rick", "role oncall-platform"): (
            Part(
                Interval(MONDAY + HOUR * 12, MONDAY + HOUR * 18),
                DEPENDS,
                (trust, f"{gate}#Take", allow),
                (mfa,),
            ),
        ),
        ("james", "role oncall-platform"): (Part(JAMES, DEPENDS, (trust, f"{gate}#Take", allow), (mfa,)),),
        ("priya", "role oncall-platform"): (
            Part(
                Interval(JAMES.end, MONDAY + HOUR * 27),
                DEPENDS,
                (trust, f"{gate}#Take", allow),
                (mfa,),
            ),
        ),
    }


def test_what_is_known_is_no_condition():
    """With MFA the answer is yes, without it is no; neither is a condition any more."""
    ways = Ways(production())
    for value, expected in (("true", {ALLOWED}), ("false", set())):
        found = parts_of(ways, replace(MODIFY, context={MFA: value}), WEEK)
        assert {part.effect for parts in found.values() for part in parts} == expected
        assert {part.conditions for parts in found.values() for part in parts} <= {()}


def test_a_part_holds_its_start_and_not_its_end():
    """Two people on the edge of a shift at once would be one too many."""
    found = parts_of(Ways(production()), MODIFY, WEEK)
    (james,) = (parts for (user, _), parts in found.items() if user == "james")
    assert james[0].interval == JAMES
    edges = [each.interval for parts in found.values() for each in parts]
    for at in around([JAMES.start, JAMES.end]):
        assert sum(at in each for each in edges) == 1


@pytest.mark.parametrize("action", ["rds:ModifyDBInstance", "ec2:DescribeInstances", "iam:GetUser", "s3:GetObject"])
@pytest.mark.parametrize("known", [{}, {MFA: "true"}])
def test_a_team_answers_in_spans_as_at_instants(action, known):
    """Standing access, shifts and a grant, at every edge of a week and next to it."""
    of = replace(team(), grants=(grant("g1", "ada", (5, 9)), grant("g2", "lee", (9, 12))))
    state = production(MONDAY + HOUR * 6, of=of)
    edges = [MONDAY + HOUR * hours for hours in range(168)]
    check(state, Request(action, "*", known, some=True), WEEK, around(edges))


def test_spans_agree_with_the_answers_about_one_person():
    """`watchbill can` and `watchbill who` must never tell two stories."""
    state = production()
    found = parts_of(Ways(state), replace(MODIFY, context={MFA: "true"}, complete=True), WEEK)
    for at in around([JAMES.start, JAMES.end, MONDAY + HOUR * 50]):
        for user in state.users:
            for path in answers(state, user, MODIFY.action, "*", at, {MFA: "true"}):
                said = said_at(found.get((user, path.path), ()), at)
                assert (said == DENIED) is (path.effect not in (ALLOWED, DEPENDS))
                assert said == DENIED or said[0] is path.effect


def test_a_frozen_person_is_not_there():
    """Whoever is frozen can nothing, by whatever way; the others can what they could."""
    before = parts_of(Ways(production()), MODIFY, WEEK)
    freeze = Freeze("f1", "james", MONDAY - HOUR, None, None)
    after = parts_of(Ways(production(freezes=[freeze])), MODIFY, WEEK)
    assert {user for user, _ in before} - {user for user, _ in after} == {"james"}


def test_nobody_can_what_no_statement_allows():
    """An empty answer is an answer."""
    assert who_can(Ways(production()), replace(MODIFY, action="iam:DeleteUser"), WEEK) == ()
    assert who_can(Ways(AccountState("production", NUMBER, {}, {}, {}, {})), MODIFY, WEEK) == ()


def test_what_needs_no_permission_is_everybodys():
    """Whatever their policies say, and where they say nothing."""
    (found,) = who_can(one_user({"Effect": "Allow"}), Request("sts:GetCallerIdentity", "*", {}), WEEK)
    assert [(part.interval, part.effect) for part in found.parts] == [(WEEK, Effect.ALLOWED)]


def test_a_policy_that_was_not_read_leaves_the_answer_open():
    """It may allow what the others are silent of, and deny what they allow; what is denied stays so."""
    unread = "arn:aws:iam::aws:policy/NotRead"
    allow = {"Statement": [{"Effect": "Allow", "Action": "rds:*", "Resource": "*"}]}
    deny = {"Statement": [{"Effect": "Deny", "Action": "rds:*", "Resource": "*"}]}
    users = {
        name: UserState(name, f"arn:aws:iam::{NUMBER}:user/{name}", "/", frozenset(), frozenset({unread}), inline)
        for name, inline in (("ada", {"own": allow}), ("james", {}), ("rick", {"own": deny}))
    }
    found = who_can(Ways(AccountState("production", NUMBER, users, {}, {}, {})), MODIFY, WEEK)
    assert {each.user: (each.unread, each.parts) for each in found} == {
        "ada": ((unread,), (Part(WEEK, DEPENDS, ("user/ada/own#0",), (f"unless {unread}, not read, denies it",)),)),
        "james": ((unread,), (Part(WEEK, DEPENDS, (), (f"if {unread}, not read, allows it",)),)),
    }


def one_user(*statements):
    """Make an account of one user who has some statements."""
    own = {"Version": "2012-10-17", "Statement": [{"Resource": "*", "Action": "rds:*", **each} for each in statements]}
    user = UserState("ada", f"arn:aws:iam::{NUMBER}:user/ada", "/", inline={"own": own})
    return Ways(AccountState("production", NUMBER, {"ada": user}, {}, {}, {}))


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"StringLike": {"aws:CurrentTime": "2026-01-1*"}}, "if aws:CurrentTime is like 2026-01-1*"),
        ({"DateLessThan": {"aws:CurrentTime": "${aws:PrincipalTag/until}"}}, "if aws:CurrentTime is before ${aws:PrincipalTag/until}"),
        ({"StringEquals": {"aws:username": "${aws:EpochTime}"}}, "if aws:username is ${aws:EpochTime}"),
    ],
)  # fmt: skip
def test_time_that_is_read_otherwise_than_compared_is_a_condition(condition, said):
    """Where it would turn cannot be told, so that it is said and not guessed."""
    ways = one_user({"Effect": "Allow", "Condition": condition})
    known = {"aws:PrincipalTag/until": "2026-01-13T00:00:00Z", "aws:CurrentTime": iso(MONDAY), "aws:EpochTime": "0"}
    (found,) = who_can(ways, replace(MODIFY, context=known, complete=True), WEEK)
    assert found.parts == (Part(WEEK, DEPENDS, ("user/ada/own#0",), (said,)),)


def test_the_time_of_the_question_is_that_of_the_span():
    """A time that is asked with would make the whole span one instant."""
    ways = one_user({"Effect": "Allow", "Condition": {"DateLessThan": {"aws:CurrentTime": iso(JAMES.start)}}})
    asked = replace(MODIFY, context={"AWS:CurrentTime": iso(JAMES.end), "aws:epochtime": "0"})
    (found,) = who_can(ways, asked, WEEK)
    assert [(part.interval, part.effect) for part in found.parts] == [(Interval(MONDAY, JAMES.start), ALLOWED)]


def test_parts_that_answer_alike_are_one():
    """An edge that changes nothing is none to the reader; one that changes the reason is."""
    until = {"DateLessThan": {"aws:CurrentTime": iso(JAMES.end)}}
    since = {"DateGreaterThanEquals": {"aws:CurrentTime": iso(JAMES.start)}}
    other = {"Effect": "Deny", "Action": "s3:*", "Condition": since}
    (found,) = who_can(one_user({"Effect": "Allow"}, other), MODIFY, WEEK)
    assert [part.interval for part in found.parts] == [WEEK]
    (found,) = who_can(one_user({"Effect": "Allow", "Condition": until}, {"Effect": "Allow"}), MODIFY, WEEK)
    assert [part.because for part in found.parts] == [("user/ada/own#0", "user/ada/own#1"), ("user/ada/own#1",)]
    assert [part.interval for part in found.parts] == [Interval(MONDAY, JAMES.end), Interval(JAMES.end, WEEK.end)]


@pytest.mark.parametrize(
    ("limit", "turns"),
    [("1768262400", 0), ("1768262400.5", 1_000_000), ("1768262399.5", 0), ("1768262400000", 0)],
)
def test_a_count_of_seconds_turns_at_whole_seconds(limit, turns):
    """`aws:EpochTime` has no fractions, so that half a second later is the next one."""
    edge = datetime(2026, 1, 13, tzinfo=UTC) + timedelta(microseconds=turns)
    condition = {"DateLessThan": {"aws:EpochTime": limit}}
    (found,) = who_can(one_user({"Effect": "Allow", "Condition": condition}), MODIFY, WEEK)
    assert [part.interval for part in found.parts] == [Interval(MONDAY, edge)]


@pytest.mark.parametrize(
    ("operator", "key"), [("NumericLessThan", "aws:EpochTime"), ("DateLessThan", "aws:CurrentTime")]
)
@pytest.mark.parametrize("limit", ["1e999", "1e305", "-1e305", "1e20", "253402300799", "0", "-1"])
def test_limits_far_away_are_read_as_at_an_instant(operator, key, limit):
    """A policy is somebody else's text; a number without end, or before all time, must not be one in the question."""
    ways = one_user({"Effect": "Allow", "Condition": {operator: {key: limit}}})
    (way,) = ways.of("ada")
    parts = parts_of(ways, MODIFY, WEEK).get(("ada", "user ada"), ())
    assert said_at(parts, MONDAY) == said_at(parts, WEEK.end - TICK) == answer_at(way, MODIFY, MONDAY)


def test_many_people_in_many_shifts_are_each_told_apart():
    """More statements than one number has bits for: none may be lost between two."""
    people = [f"p{number}" for number in range(40)]
    spans = [Interval(MONDAY + HOUR * number, MONDAY + HOUR * (number + 1)) for number in range(80)]
    statements = [
        {
            "Effect": "Allow",
            "Action": "rds:*",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:username": people[number % 40]},
                "DateGreaterThanEquals": {"aws:CurrentTime": iso(span.start)},
                "DateLessThan": {"aws:CurrentTime": iso(span.end)},
            },
        }
        for number, span in enumerate(spans)
    ]
    shared = GroupState("all", "/", inline={"shifts": {"Statement": statements, "Version": "2012-10-17"}})
    users = {name: UserState(name, f"arn:aws:iam::{NUMBER}:user/{name}", "/", frozenset({"all"})) for name in people}
    found = parts_of(Ways(AccountState("production", NUMBER, users, {"all": shared}, {}, {})), MODIFY, WEEK)
    for number, name in enumerate(people):
        parts = found[name, f"user {name}"]
        assert [part.interval for part in parts] == [spans[number], spans[number + 40]]
        assert [part.because for part in parts] == [
            (f"group/all/shifts#{number}",),
            (f"group/all/shifts#{number + 40}",),
        ]


# --- random documents ---

# Few instants, close together, some on no whole second, in the forms that a policy may have them in.
EDGES = [MONDAY + HOUR * hours for hours in (0, 1, 2, 3, 30, 60)] + [MONDAY + HOUR + TICK, MONDAY + HOUR * 2.00001]
SPAN = Interval(MONDAY, MONDAY + HOUR * 60)
USERS = ("ada", "james", "rick")
ACTIONS = ("rds:ModifyDBInstance", "s3:GetObject")


def date(random):
    """Draw a date as a policy may write it; some are none."""
    at = random.choice(EDGES)
    seconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)
    offset = f"{(at + HOUR).replace(tzinfo=None).isoformat()}+01:00"
    return random.choice([iso(at), iso(at), iso(at), offset, repr(seconds), f"{seconds:.0f}", "never"])


def entry(random):
    """Draw an operator, a key, and its values."""
    name = random.choice(["GreaterThanEquals", "LessThan", "GreaterThan", "LessThanEquals", "Equals", "NotEquals"])
    dates = [date(random) for _ in range(random.choice([1, 1, 1, 2]))]
    return random.choice(
        [
            (f"Date{name}", "aws:CurrentTime", dates),
            (f"Date{name}", "aws:CurrentTime", dates),
            (f"Date{name}", "AWS:currenttime", dates),
            (f"Date{name}IfExists", "aws:CurrentTime", dates),
            (f"ForAnyValue:Date{name}", "aws:CurrentTime", dates),
            (f"Date{name}", "aws:EpochTime", dates),
            (f"Numeric{name}", "aws:EpochTime", dates),
            (f"Numeric{name}", "aws:CurrentTime", dates),
            (random.choice(["StringEquals", "StringNotEquals"]), "aws:CurrentTime", dates),
            (random.choice(["StringEquals", "StringNotEquals"]), "aws:EpochTime", dates),
            ("Null", "aws:CurrentTime", [random.choice(["true", "false"])]),
            ("StringEquals", "aws:username", [random.choice(USERS)]),
            ("StringNotLike", "aws:userid", [f"*:{random.choice(USERS)}"]),
            ("StringEquals", "aws:PrincipalTag/of", ["${aws:username}", random.choice(USERS)]),
            ("Bool", MFA, ["true"]),
            ("BoolIfExists", MFA, ["false"]),
            ("IpAddress", "aws:SourceIp", ["10.0.0.0/8"]),
        ]
    )


def statement(random, **more):
    """Draw a statement: mostly of all resources, with some conditions."""
    condition: dict[str, dict[str, list[str]]] = {}
    for _ in range(random.choice([0, 1, 1, 2, 2, 3])):
        operator, key, values = entry(random)
        condition.setdefault(operator, {})[key] = values
    return {
        "Effect": random.choice(["Allow", "Allow", "Deny"]),
        "Action": random.choice(["*", "rds:*", ["s3:GetObject", "sts:*"], "sts:AssumeRole"]),
        "Condition": condition,
        **(more or {"Resource": random.choice(["*", "*", f"arn:aws:iam::{NUMBER}:role{PATH}*"])}),
    }


def document(random, **more):
    """Draw a document that mostly allows something."""
    found = [statement(random, **more) for _ in range(random.choice([0, 1, 2, 3]))]
    if random.random() < 0.5:
        found.append({"Effect": "Allow", "Action": "*", **(more or {"Resource": "*"})})
    return {"Version": "2012-10-17", "Statement": found}


def account(random):
    """Draw an account: users, groups, roles that trust them, and policies of which some were not read."""
    policies = [f"arn:aws:iam::{NUMBER}:policy/p{number}" for number in range(4)]

    def attached():
        found = random.sample(policies, random.choice([0, 1, 2]))
        return frozenset(found + (["arn:aws:iam::aws:policy/Unread"] if random.random() < 0.05 else []))

    def users_of(name):
        groups = frozenset(random.sample(["devs", "ops"], random.choice([0, 1, 2])))
        inline = {"own": document(random)} if random.random() < 0.5 else {}
        return UserState(name, f"arn:aws:iam::{NUMBER}:user{PATH}{name}", PATH, groups, attached(), inline)

    def role(name):
        named = [f"arn:aws:iam::{NUMBER}:user{PATH}{user}" for user in random.sample(USERS, 2)]
        principal = random.choice([{"AWS": named}, {"AWS": named}, {"AWS": NUMBER}, "*"])
        trust = document(random, Principal=principal)
        return RoleState(name, f"arn:aws:iam::{NUMBER}:role{PATH}{name}", PATH, trust, attached())

    return AccountState(
        "production",
        NUMBER,
        {name: users_of(name) for name in USERS},
        {name: GroupState(name, PATH, attached()) for name in ("devs", "ops")},
        {name: role(name) for name in ("oncall", "deploy")},
        {arn: PolicyState(arn, arn[-2:], "/", document(random)) for arn in policies[: random.choice([3, 4, 4])]},
    )


def question(random):
    """Draw what is asked: with keys that are known, absent, or neither."""
    context: dict[str, str | tuple[str, ...]] = {MFA: "true"} if random.random() < 0.5 else {}
    if random.random() < 0.2:
        context["aws:PrincipalTag/of"] = random.choice(USERS)
    if random.random() < 0.1:
        context["aws:SourceIp"] = ("10.0.0.1",)
    keys = frozenset({"aws:SourceIp", "aws:PrincipalTag/of"})
    absent, present, unknown = random.choice([((),) * 3, (keys, (), ()), ((), keys, ()), ((), (), keys)])
    account = random.choice([None, None, NUMBER, "222222222222"])
    return Request(
        random.choice(ACTIONS),
        random.choice(["*", None]),
        context,
        frozenset(absent),
        random.random() < 0.3,
        resource_account=account,
        present=frozenset(present),
        unknown=frozenset(unknown),
        some=True,
    )


def agree(seed):
    """Hold a drawn account against point decisions."""
    random = Random(seed)
    anywhere = [MONDAY + timedelta(microseconds=random.randrange(60 * 3600 * 1_000_000)) for _ in range(5)]
    seconds = [edge.replace(microsecond=0) + timedelta(seconds=1) for edge in EDGES]
    check(account(random), question(random), SPAN, around([*EDGES, *seconds, SPAN.end]) + anywhere)


@pytest.mark.parametrize("seed", range(8))
def test_the_parts_of_a_span_are_what_each_instant_of_it_answers(seed):
    """A part that is a microsecond too long is access after the shift."""
    for number in range(20):
        agree(seed * 1_000 + number)


@pytest.mark.slow
def test_many_accounts_answer_in_spans_as_at_instants():
    """Rare meetings of statements need many tries."""
    for seed in range(10_000, 15_000):
        agree(seed)
