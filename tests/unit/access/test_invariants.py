"""Invariants: how they read, and that what is proven, broken or not known agrees with asking request by request."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.teams import HERE, MONDAY, PRODUCTION, grant, group, permission_set, rota, team, with_rota
from tests.unit.access.drawn import ACTIONS, ELSEWHERE, MFA, OFFICE, RESOURCES, allowed, instants, teams

from watchbill.access.compile import compile_account
from watchbill.access.effective import answers
from watchbill.access.invariants import Invariant, InvariantError, Prover, read_invariant, read_invariants
from watchbill.access.model import AccountState, Freeze, PolicyState, RoleState, UserState
from watchbill.access.ways import Ways
from watchbill.intervals import Interval, iso, parse_instant
from watchbill.policy.model import Effect, Request
from watchbill.policy.patterns import glob, matches
from watchbill.policy.prove import Counterexample, NotKnown, Proof
from watchbill.team.model import PermissionSet


T = team()
NOON = MONDAY + timedelta(hours=12)
NOW, SECONDS = "aws:CurrentTime", "aws:EpochTime"
OWN, ON_CALL = "user", "role oncall-platform"


def ways_of(of, at=NOON, freezes=()):
    """Compile every account of a team."""
    return {name: Ways(compile_account(of, account, at, freezes).state) for name, account in of.accounts.items()}


def prove(text, of=T, ways=None, **more):
    """Prove one invariant anew, and give the answers by person, account and way."""
    prover = Prover(of, ways_of(of) if ways is None else ways, **more)
    found = {}
    for finding in prover.prove(read_invariant(text, of)):
        way = OWN if finding.way.startswith("user ") else finding.way
        assert (finding.person, finding.account, way) not in found
        found[finding.person, finding.account, way] = finding
    return found


def kinds(found):
    """Say of each way whether it is proven, broken or not known."""
    names = {Proof: "proven", Counterexample: "broken", NotKnown: "unknown"}
    return {key: names[type(finding.answer)] for key, finding in found.items()}


def with_set(name, *statements, of=T):
    """Put a permission set that is a whole policy document in the place of another."""
    made = PermissionSet(name, "", (), (), {"Version": "2012-10-17", "Statement": list(statements)}, HERE)
    return replace(of, permission_sets={**of.permission_sets, name: made})


def check_broken(finding, ways):
    """Hold a counterexample to what it says: every step is allowed by the evaluators, to that person, at one instant."""
    way = next(each for each in ways.of(finding.person) if each.name == finding.way)
    found = [finding.answer] if finding.taking is None else [finding.taking, finding.answer]
    assert len(found) == len(way.steps)
    for step, each in zip(way.steps, found, strict=True):
        assert step.evaluator.decide(each.request).effect is Effect.ALLOWED
        assert each.decision.effect is Effect.ALLOWED
        assert each.request.complete
        assert each.request.principal.name == step.principal
        assert step.context.items() <= each.request.context.items()
        assert not {key.lower() for key in each.request.context} & step.absent
        if step.action is not None:
            assert (each.request.action, each.request.resource) == (step.action, step.resource)
    last = finding.answer.request
    assert matches(glob(finding.invariant.action.lower()), last.action.lower())
    assert matches(glob(finding.invariant.resource), last.resource)
    times = {each.request.context.get(NOW) for each in found}
    assert len(times) == 1, times
    if len(found) > 1:
        parse_instant(times.pop())


# --- how they read ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("support never ec2:TerminateInstances", ("support", "ec2:TerminateInstances", "*", None)),
        ("everyone never *", ("everyone", "*", "*", None)),
        ("james never iam:Create?ser in staging", ("james", "iam:Create?ser", "*", "staging")),
        ("james never s3:* on arn:aws:s3:::ledger/*", ("james", "s3:*", "arn:aws:s3:::ledger/*", None)),
        ("  james\tnever   s3:*  in staging on arn:aws:s3:::x ", ("james", "s3:*", "arn:aws:s3:::x", "staging")),
    ],
)
def test_an_invariant_reads_as_a_sentence(text, expected):
    """Subject, action, and in any order where: spaces between words do not matter."""
    found = read_invariant(text, T)
    assert (found.about, found.action, found.resource, found.account) == expected
    assert found.text == text


FORM = "is no invariant; write: support never ec2:TerminateInstances"
OPTIONS = "after the action there may be `on RESOURCE` and `in ACCOUNT`"
ERRORS = [
    ("", f"`` {FORM}"),
    ("support never", f"`support never` {FORM}"),
    ("support always s3:*", f"`support always s3:*` {FORM}"),
    ("never support s3:*", f"`never support s3:*` {FORM}"),
    ("support Never s3:*", f"`support Never s3:*` {FORM}"),
    ("support never s3:* on", f"`support never s3:* on`: {OPTIONS}"),
    ("support never s3:* at noon", f"`support never s3:* at noon`: {OPTIONS}"),
    ("support never s3:* on x in", f"`support never s3:* on x in`: {OPTIONS}"),
    ("sales never s3:*", "`sales never s3:*`: `sales` is no group and nobody in the team; groups: everyone, developers, support, security"),
    ("support never s3:* in dev", "`support never s3:* in dev`: no account `dev`; accounts: production, staging"),
    ("support never TerminateInstances", "`support never TerminateInstances`: an action is a service and a name: ec2:TerminateInstances"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_what_is_no_invariant_is_said_with_what_to_write(text, message):
    """Each way of going wrong has its own words, and names what there is."""
    with pytest.raises(InvariantError) as raised:
        read_invariant(text, T)
    assert str(raised.value) == message


def test_a_word_that_is_given_twice_is_refused():
    """Of two accounts one would be left out in silence."""
    for text in ("support never s3:* in staging in production", "support never s3:* on a on b"):
        with pytest.raises(InvariantError, match="after the action there may be"):
            read_invariant(text, T)


def test_a_file_is_read_line_by_line():
    """Comments, empty lines, and line ends of other systems are no invariants."""
    text = "# why\r\n\r\nsupport never ec2:*  # not even by accident\r\n   \n\teveryone never iam:*\n#james never s3:*"
    assert read_invariants(text, "x", T) == (
        Invariant("support never ec2:*", "support", "ec2:*", "*", None),
        Invariant("everyone never iam:*", "everyone", "iam:*", "*", None),
    )
    assert read_invariants("", "x", T) == ()


def test_a_file_says_every_mistake_with_its_line():
    """One that stopped at the first would be run as often as it has mistakes."""
    text = "# ours\nsupport never\neveryone never iam:*\nsales never s3:* # who?\njames nie s3:*"
    with pytest.raises(InvariantError) as raised:
        read_invariants(text, "never.txt", T)
    assert [(p.code, p.file, p.line) for p in raised.value.problems] == [
        ("bad-invariant", "never.txt", 2),
        ("bad-invariant", "never.txt", 4),
        ("bad-invariant", "never.txt", 5),
    ]
    assert raised.value.problems[1].message.startswith("`sales never s3:*`: `sales` is no group")
    assert all(f"never.txt:{line}" in str(raised.value) for line in (2, 4, 5))


# --- whom and what they are about ---


def test_everyone_is_every_way_of_every_person():
    """Each IAM user there is, and each role that may be taken, in each account."""
    found = prove("everyone never organizations:LeaveOrganization")
    rota_members = ("ada", "james", "lee", "priya", "rick")
    expected = {(name, "production", way) for name in rota_members for way in (OWN, ON_CALL)}
    expected |= {("sofia", "production", OWN)}
    expected |= {(name, "staging", OWN) for name in ("ada", "james", "rick", "sofia")}
    assert set(found) == expected
    assert set(kinds(found).values()) == {"proven"}


def test_a_group_is_its_members_and_those_of_groups_in_it():
    """Somebody who is in a group by another is not left out."""
    nested = replace(T.groups["security"], includes=("support",))
    of = replace(T, groups={**T.groups, "security": nested})
    assert {person for person, _, _ in prove("security never s3:*", of)} == {"sofia", "lee", "priya"}
    assert {person for person, _, _ in prove("security never s3:*")} == {"sofia"}
    assert {person for person, _, _ in prove("james never s3:*")} == {"james"}
    assert prove("none never s3:*", replace(T, groups={"none": group("none", ())})) == {}


def test_in_is_one_account_and_on_some_resources():
    """What is allowed elsewhere, or on other resources, breaks nothing."""
    assert set(prove("james never s3:* in staging")) == {("james", "staging", OWN)}
    of = with_set("audit", {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::ledger/*"})
    expected = {"arn:aws:s3:::ledger/a": "broken", "arn:aws:s3:::l*": "broken", "arn:aws:s3:::orders/*": "proven"}
    for resource, answer in expected.items():
        found = kinds(prove(f"sofia never s3:* on {resource} in staging", of))
        assert found == {("sofia", "staging", OWN): answer}, resource


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("cloudtrail:StopLogging", "broken"),
        ("CloudTrail:stoplogging", "broken"),
        ("cloudtrail:*", "broken"),
        ("iam:Get*", "broken"),
        ("iam:?etUser", "broken"),
        ("iam:Put*", "proven"),
        ("*:Put*", "broken"),
        ("iam:Create*", "proven"),
        ("cloudtrail:ShinyNew*", "broken"),
        ("cloudtrail:ShinyNewThing", "broken"),
        ("iam:ShinyNew*", "proven"),
        ("iam:GetShiny*", "broken"),
        ("shiny:*", "proven"),
        ("*", "broken"),
    ],
)
def test_a_pattern_is_about_all_actions_there_are_and_may_be(action, answer):
    """One that AWS has not thought of yet, and a policy speaks of already, is covered too."""
    found = prove(f"sofia never {action} in staging")
    assert kinds(found) == {("sofia", "staging", OWN): answer}
    if answer == "broken":
        check_broken(found["sofia", "staging", OWN], ways_of(T)["staging"])


def test_a_statement_of_all_actions_but_some_covers_names_of_our_own():
    """NotAction gives what nobody has named."""
    of = with_set("audit", {"Effect": "Allow", "NotAction": ["iam:*", "shiny:Old*"], "Resource": "*"})
    for action, answer in (
        ("iam:*", "proven"),
        ("shiny:Old*", "proven"),
        ("shiny:*", "broken"),
        ("new:Thing", "broken"),
    ):
        assert kinds(prove(f"sofia never {action} in staging", of)) == {("sofia", "staging", OWN): answer}, action


# --- what holds them, and what breaks them ---


def test_what_holds_it_is_named():
    """A reader sees the Deny, or that nothing allows it."""
    found = prove("priya never ec2:TerminateInstances")
    own = found["priya", "production", OWN].answer
    # Nothing that priya's own policies allow is what support denies, so no Deny is needed.
    assert own == Proof((), "identity")
    of = replace(T, groups={**T.groups, "all": group("all", ("priya",), ("developer", "production"))})
    own = prove("priya never ec2:TerminateInstances", of)["priya", "production", OWN].answer
    (held,) = own.held_by
    assert str(held) == f"arn:aws:iam::{PRODUCTION}:policy/watchbill/set-support#Deny"
    assert own.layer == ""


def test_a_role_must_be_taken_first():
    """The counterexample has both requests, each allowed by the evaluators, at one instant of the person's own watch."""
    ways = ways_of(T)
    found = prove("everyone never rds:RebootDBInstance in production", ways=ways)
    assert {key for key, kind in kinds(found).items() if kind == "broken"} == {
        (name, "production", ON_CALL) for name in ("ada", "james", "lee", "priya", "rick")
    }
    for finding in found.values():
        if isinstance(finding.answer, Counterexample):
            check_broken(finding, ways["production"])
            at = parse_instant(str(finding.answer.request.context[NOW]))
            (role,) = [
                each.effect
                for each in answers(compiled(), finding.person, "rds:RebootDBInstance", "*", at, {MFA: "true"})
                if each.path == ON_CALL
            ]
            assert role is Effect.ALLOWED
            assert finding.taking.request.context[MFA] == "true"


def compiled(of=T):
    """Compile production."""
    return compile_account(of, of.accounts["production"], NOON).state


def test_a_role_that_gives_nothing_needs_no_taking():
    """What the role denies at all times is proven without a word about who takes it."""
    found = prove("james never iam:CreateUser in production")
    finding = found["james", "production", ON_CALL]
    assert isinstance(finding.answer, Proof)
    assert finding.taking is None


TRUST_ALL = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{PRODUCTION}:root"}, "Action": "sts:AssumeRole"}
OWN_POLICY, OF_ROLE = (f"arn:aws:iam::{PRODUCTION}:policy/{name}" for name in ("own", "of-role"))


def document(*statements):
    """Write a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def hand_made(own, of_role, trust=TRUST_ALL, **unread):
    """Make an account with james and one role that trusts the account; `unread` adds policies that were not read."""
    arn = f"arn:aws:iam::{PRODUCTION}:%s/watchbill/%s"
    attached = {"user": {OWN_POLICY} if own else set(), "role": {OF_ROLE}}
    for who, name in unread.items():
        attached[who].add(f"arn:aws:iam::aws:policy/{name}")
    user = UserState("james", arn % ("user", "james"), "/watchbill/", attached=frozenset(attached["user"]))
    role = RoleState(
        "oncall-platform",
        arn % ("role", "oncall-platform"),
        "/watchbill/",
        document(trust),
        frozenset(attached["role"]),
    )
    policies = {
        OWN_POLICY: PolicyState(OWN_POLICY, "own", "/", document(*own)),
        OF_ROLE: PolicyState(OF_ROLE, "of-role", "/", document(*of_role)),
    }
    return AccountState("production", PRODUCTION, {"james": user}, {}, {"oncall-platform": role}, policies)


def of_hand_made(text, state):
    """Prove an invariant over a hand-made account, and give the answers by way."""
    ways = Ways(state)
    found = prove(text, ways={"production": ways})
    for finding in found.values():
        if isinstance(finding.answer, Counterexample):
            check_broken(finding, ways)
    return {way: kind for (_, _, way), kind in kinds(found).items()}


def allow(action="*", **condition):
    """Write an Allow on all resources, under conditions given by operator."""
    return {"Effect": "Allow", "Action": action, "Resource": "*", **({"Condition": condition} if condition else {})}


TAKE = allow("sts:AssumeRole")
RUN = "james never ec2:RunInstances"


def test_a_role_that_nobody_may_take_gives_nothing():
    """All that the role may do is out of reach without the right to take it."""
    assert of_hand_made(RUN, hand_made([TAKE], [allow("ec2:*")])) == {OWN: "proven", ON_CALL: "broken"}
    assert of_hand_made(RUN, hand_made([allow("s3:*")], [allow("ec2:*")])) == {OWN: "proven", ON_CALL: "proven"}
    deny = {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}
    assert of_hand_made(RUN, hand_made([TAKE, deny], [allow("ec2:*")])) == {OWN: "proven", ON_CALL: "proven"}


@pytest.mark.parametrize("keys", [(NOW, NOW), ("aws:currenttime", "AWS:CurrentTime"), (SECONDS, NOW), (NOW, SECONDS)])
def test_a_role_is_taken_and_used_at_one_instant(keys):
    """Two spans that never meet break nothing, however the key of the time is written."""
    take = allow("sts:AssumeRole", DateLessThan={keys[0]: "2026-01-13T00:00:00Z"})
    late = allow("ec2:*", DateGreaterThanEquals={keys[1]: "2026-01-13T00:00:00Z"})
    found = of_hand_made(RUN, hand_made([take], [late]))
    assert found[ON_CALL] in ("proven", "unknown")
    last = allow("ec2:*", DateGreaterThanEquals={keys[1]: "2026-01-12T23:59:59Z"})
    assert of_hand_made(RUN, hand_made([take], [last]))[ON_CALL] == "broken"
    early = allow("ec2:*", DateLessThan={keys[1]: "2026-01-11T00:00:00Z"})
    assert of_hand_made(RUN, hand_made([take], [late, early]))[ON_CALL] == "broken"
    assert of_hand_made(RUN, hand_made([take], [early, late]))[ON_CALL] == "broken"


def test_every_request_has_a_time():
    """A Deny of all times denies all requests: one without a time is not to be found."""
    outside = [
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {operator: {NOW: "2026-01-13T00:00:00Z"}}}
        for operator in ("DateLessThan", "DateGreaterThanEquals")
    ]
    assert of_hand_made(RUN, hand_made([TAKE, allow("ec2:*"), *outside], [allow("ec2:*")]))[OWN] == "proven"
    assert of_hand_made(RUN, hand_made([TAKE], [allow("ec2:*"), *outside]))[ON_CALL] == "proven"
    assert of_hand_made(RUN, hand_made([TAKE], [allow("ec2:*"), outside[0]]))[ON_CALL] == "broken"


def test_a_user_and_their_session_are_told_apart():
    """What is found for the one is no answer for the other, though the same policies decide both."""
    kind = {"StringEquals": {"aws:PrincipalType": "AssumedRole"}}
    same = [TAKE, allow("ec2:RunInstances", **kind), allow("s3:GetObject", Null={"aws:FederatedProvider": "false"})]
    state = hand_made(same, same)
    both = replace(
        state,
        roles={"oncall-platform": replace(state.roles["oncall-platform"], attached=frozenset({OWN_POLICY}))},
    )
    assert of_hand_made(RUN, both) == {OWN: "proven", ON_CALL: "broken"}
    assert of_hand_made("james never s3:GetObject", both) == {OWN: "proven", ON_CALL: "broken"}


# --- what was asked before ---


def test_what_was_found_for_one_names_whoever_is_asked():
    """Equal questions are answered once; each person reads their own name in the request."""
    ways = ways_of(T)
    found = prove("developers never lambda:InvokeFunction", ways=ways)
    broken = {person: finding for (person, account, way), finding in found.items() if account == "staging"}
    assert set(broken) == {"ada", "james", "rick"}
    for person, finding in broken.items():
        check_broken(finding, ways["staging"])
        assert finding.answer.request.context["aws:username"] == person
        assert finding.answer.request.principal.name.endswith(f":user/watchbill/{person}")


def test_what_names_somebody_is_asked_of_each():
    """Conditions on who asks, a variable in a resource, and a trust that names users make people differ."""
    for statement in (
        allow("lambda:*", StringEquals={"aws:username": "rick"}),
        allow("lambda:*", ArnLike={"aws:PrincipalArn": "arn:*:*:*:*:user/*/rick"}),
        {"Effect": "Allow", "Action": "lambda:*", "Resource": "arn:aws:lambda:*:*:function:${aws:username}"},
    ):
        of = with_set("developer", statement)
        text = "developers never lambda:* on arn:aws:lambda:eu-west-1:222222222222:function:rick in staging"
        found = {person: kind for (person, _, _), kind in kinds(prove(text, of)).items()}
        assert found == {"ada": "proven", "james": "proven", "rick": "broken"}


@settings(max_examples=12)
@given(
    teams(), st.permutations([f"everyone never {action}" for action in ("ec2:TerminateInstances", "s3:Get*", "rds:*")])
)
def test_what_was_asked_before_changes_no_answer(of, texts):
    """One prover for all questions, in any order, says what a new one says for each."""
    ways = ways_of(of)
    prover = Prover(of, ways)
    for text in texts:
        invariant = read_invariant(text, of)
        for finding in prover.prove(invariant):
            anew = Prover(of, ways).prove(replace(invariant, about=finding.person))
            (alone,) = [each for each in anew if each.way == finding.way]
            assert type(alone.answer) is type(finding.answer)
            if isinstance(finding.answer, Counterexample):
                check_broken(finding, ways["production"])
            else:
                assert alone.answer == finding.answer


# --- against asking request by request ---


def requests(at):
    """Give requests of every kind that conditions of drawn teams tell apart, at an instant."""
    for action, mfa, address in itertools.product(ACTIONS, ("true", "false"), (OFFICE, ELSEWHERE)):
        for resource in RESOURCES:
            context = {NOW: iso(at), MFA: mfa, "aws:SourceIp": address}
            yield Request(action, resource, context, complete=True)


INVARIANTS = [
    *(f"everyone never {action} on {resource}" for action in ACTIONS for resource in RESOURCES),
    "everyone never ec2:* in production",
    "everyone never s3:* on arn:aws:s3:::home/*",
    "everyone never *",
]


@settings(max_examples=60)
@given(teams(), st.sampled_from(INVARIANTS), st.lists(instants(), min_size=3, max_size=5))
def test_proofs_and_counterexamples_agree_with_asking_one_by_one(of, text, times):
    """What is broken is allowed by the documents as it says; what is proven, no request that is tried is allowed."""
    ways = ways_of(of)["production"]
    state = compile_account(of, of.accounts["production"], NOON).state
    found = Prover(of, {"production": ways}).prove(read_invariant(text, of))
    for finding in found:
        way = next(each for each in ways.of(finding.person) if each.name == finding.way)
        event(type(finding.answer).__name__)
        assert not isinstance(finding.answer, NotKnown)
        if isinstance(finding.answer, Counterexample):
            check_broken(finding, ways)
            if finding.taking is None:
                request = finding.answer.request
                at = parse_instant(str(request.context.get(NOW, iso(NOON))))
                told = answers(state, finding.person, request.action, request.resource, at, request.context)
                assert [each.effect for each in told if each.path == way.name] == [Effect.ALLOWED]
            continue
        action, resource = (glob(each) for each in (finding.invariant.action.lower(), finding.invariant.resource))
        for at in times:
            for asked in requests(at):
                if matches(action, asked.action.lower()) and matches(resource, asked.resource):
                    assert not allowed(way, asked), (finding, asked)


def test_both_answers_come_out_of_drawn_teams():
    """A check of teams in which everything is proven would prove nothing of the other half."""
    seen: set[tuple[str, str]] = set()

    @settings(max_examples=30, database=None, derandomize=True)
    @given(teams())
    def draw(of):
        found = prove("everyone never s3:GetObject", of)
        seen.update((way, kind) for (_, _, way), kind in kinds(found).items())

    draw()
    assert seen == {(way, kind) for way in (OWN, ON_CALL) for kind in ("proven", "broken")}


# --- freezes, grants, what was not read, what takes too long ---


def test_a_frozen_person_can_do_nothing():
    """The quarantine denies all, whatever they hold; others are as they were."""
    freeze = Freeze("f1", "rick", MONDAY, None, "C-1")
    found = prove("developers never ec2:DescribeInstances", ways=ways_of(T, freezes=(freeze,)))
    assert {person for (person, _, _), kind in kinds(found).items() if kind == "broken"} == {"ada", "james"}
    assert {way for person, _, way in found if person == "rick"} == {OWN}
    before = prove("developers never ec2:DescribeInstances")
    assert kinds(before)["rick", "production", OWN] == "broken"


def test_a_grant_breaks_it_within_its_span():
    """The instant of the counterexample is one at which the grant holds."""
    of = replace(T, grants=(grant("g1", "sofia", (30, 33)),))
    ways = ways_of(of)
    finding = prove("sofia never s3:PutObject", of, ways)["sofia", "production", OWN]
    check_broken(finding, ways["production"])
    at = parse_instant(str(finding.answer.request.context[NOW]))
    assert at in Interval(MONDAY + timedelta(hours=30), MONDAY + timedelta(hours=33))
    assert kinds(prove("sofia never s3:PutObject"))["sofia", "production", OWN] == "proven"


def test_a_rota_whose_watch_is_over_is_not_over_for_ever():
    """An invariant is about all times that the documents speak of, not about now."""
    of = with_rota(T, replace(rota(), horizon=timedelta(days=1)))
    assert kinds(prove("rick never rds:RebootDBInstance", of))["rick", "production", ON_CALL] == "broken"


@pytest.mark.parametrize("who", ["user", "role"])
@pytest.mark.parametrize("action", ["ec2:RunInstances", "s3:GetObject"])
def test_what_was_not_read_leaves_it_open(who, action):
    """It may allow, for the user and for taking the role, and it may deny what others allow."""
    state = hand_made([TAKE, allow("ec2:*")], [allow("ec2:*")], **{who: "NotListed"})
    found = of_hand_made(f"james never {action}", state)
    assert found[ON_CALL] == "unknown"
    if who == "user":
        assert found[OWN] == "unknown"
    else:
        assert found[OWN] == ("broken" if action == "ec2:RunInstances" else "proven")
    why = prove(f"james never {action}", ways={"production": Ways(state)})["james", "production", ON_CALL].answer.why
    assert why == "not read: arn:aws:iam::aws:policy/NotListed"


def test_an_unread_policy_may_let_somebody_take_a_role():
    """What they are known to have does not, which proves nothing."""
    state = hand_made([], [allow("ec2:*")], user="NotListed")
    assert of_hand_made(RUN, state) == {OWN: "unknown", ON_CALL: "unknown"}
    assert of_hand_made(RUN, hand_made([], [allow("ec2:*")])) == {OWN: "proven", ON_CALL: "proven"}


def test_a_group_that_was_not_read_leaves_it_open():
    """A user may be in groups that the account's listing does not have."""
    state = hand_made([], [allow("s3:*")])
    user = replace(state.users["james"], groups=frozenset({"gone"}))
    found = prove(RUN, ways={"production": Ways(replace(state, users={"james": user}))})
    assert found["james", "production", OWN].answer == NotKnown("not read: group gone")


def test_a_search_that_takes_too_long_says_so():
    """With few steps the answer is not known, and never a proof."""
    few = prove("priya never ec2:*", steps=1)
    assert set(kinds(few).values()) == {"unknown"}
    assert "steps" in few["priya", "production", OWN].answer.why
    known = {key: kind for key, kind in kinds(prove("priya never ec2:*", steps=300)).items() if kind != "unknown"}
    assert known.items() <= kinds(prove("priya never ec2:*")).items()
    assert known


def test_what_a_construct_we_do_not_evaluate_may_allow_is_never_proven():
    """A condition with an operator of the future may hold."""
    state = hand_made([allow("ec2:*", StringSounds={"aws:username": "jaymes"})], [])
    assert of_hand_made(RUN, state)[OWN] != "proven"


def test_what_a_service_allows_to_all_is_never_proven():
    """`sts:GetCallerIdentity` needs no permission: no policy keeps it from anybody."""
    found = prove("sofia never sts:GetCallerIdentity in staging")
    assert kinds(found) == {("sofia", "staging", OWN): "broken"}


def test_patterns_of_actions_too_many_to_tell_apart_are_not_proven():
    """Where names of our own cannot be found for all that policies speak of, listed actions alone are no proof."""
    many = permission_set("audit", allow=tuple(f"shiny:*a{n}*b{n}*c{n}*d{n}*" for n in range(40)))
    of = replace(T, permission_sets={**T.permission_sets, "audit": many})
    found = kinds(prove("sofia never *:*x* in staging", of))
    assert found["sofia", "staging", OWN] != "proven"


def test_findings_are_of_the_invariant_asked():
    """Who reads them sees which sentence they are about."""
    invariant = read_invariant("sofia never s3:* in staging", T)
    (finding,) = Prover(T, ways_of(T)).prove(invariant)
    assert finding.invariant is invariant
    assert (finding.person, finding.account, finding.way) == ("sofia", "staging", "user sofia")
