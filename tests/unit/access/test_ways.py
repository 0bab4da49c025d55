"""The ways of a user into an account: their own, each role that trusts them, and what could not be read."""

from dataclasses import replace

import pytest

from watchbill.access.documents import trust_document
from watchbill.access.model import PATH, AccountState, GroupState, PolicyState, RoleState, UserState
from watchbill.access.ways import Ways
from watchbill.policy.model import Effect, Kind, Principal, Request


NUMBER = "111122223333"
JAMES, RICK = (f"arn:aws:iam::{NUMBER}:user/{name}" for name in ("james", "rick"))
READ = f"arn:aws:iam::{NUMBER}:policy/read"
ASKED = Request("s3:GetObject", "arn:aws:s3:::orders/a", {"aws:MultiFactorAuthPresent": "true"})


def document(effect="Allow", action="*", **more):
    """Give a document of one statement."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": "*", **more}]}


def trust(principal, **more):
    """Give a trust policy."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}],
    }


def role(name="oncall", trusted=None, path=PATH, **more):
    """Give a role; by default one that trusts James as watchbill writes it."""
    arn = f"arn:aws:iam::{NUMBER}:role{path}{name}"
    return RoleState(name, arn, path, trusted or trust_document([JAMES]), **more)


def state(*roles, james=None, groups=(), policies=()):
    """Give an account with two users."""
    users = {"james": james or UserState("james", JAMES, "/"), "rick": UserState("rick", RICK, "/")}
    return AccountState(
        "production",
        NUMBER,
        users,
        {each.name: each for each in groups},
        {each.name: each for each in roles},
        {each.arn: each for each in policies},
    )


def user(**more):
    """Give James with something attached."""
    return UserState("james", JAMES, "/", **more)


def decide(step, asked=ASKED):
    """Decide a step of a way."""
    return step.evaluator.decide(step.request(asked)).effect


def own(found):
    """Give the way of James as himself."""
    return next(iter(Ways(found).of("james")))


@pytest.mark.parametrize(
    ("trusted", "ways"),
    [
        (trust_document([JAMES]), True),
        (trust_document([RICK, JAMES]), True),
        (trust_document([RICK]), False),
        (trust({"AWS": f"arn:aws:iam::{NUMBER}:root"}), True),
        (trust({"AWS": NUMBER}), True),
        (trust("*"), True),
        ({"Version": "2012-10-17", "Statement": []}, False),
    ],
)
def test_each_role_that_may_trust_a_user_is_a_way(trusted, ways):
    """By their ARN, or by whatever else than a user; whether it lets them in is for the step to decide."""
    found = [way.name for way in Ways(state(role(trusted=trusted))).of("james")]
    assert found == ["user james", *(["role oncall"] if ways else [])]


def test_a_role_that_names_all_but_some_is_a_way():
    """`NotPrincipal` may be about anybody."""
    found = trust(None)
    del found["Statement"][0]["Principal"]
    found["Statement"][0]["NotPrincipal"] = {"AWS": RICK}
    assert len(list(Ways(state(role(trusted=found))).of("james"))) == 2


def test_roles_that_are_not_watchbills_are_no_ways():
    """What lies elsewhere is shown as drift."""
    found = Ways(state(role("theirs", path="/"), role("b"), role("a")))
    assert [way.name for way in found.of("james")] == ["user james", "role a", "role b"]
    assert found.roles == {role("a").arn, role("b").arn}


def test_nobody_has_ways_without_a_user():
    """A person who has left has none, and one user has not those of another."""
    found = Ways(state(role()))
    assert list(found.of("nobody")) == []
    assert found.users == ("james", "rick")
    assert found.only("james").users == ("james",)
    assert found.only("nobody").users == ()
    assert [way.user for way in found.of("rick")] == ["rick"]


@pytest.mark.parametrize(
    ("james", "groups", "effect"),
    [
        (user(), [], Effect.IMPLICITLY_DENIED),
        (user(inline={"x": document()}), [], Effect.ALLOWED),
        (user(attached=frozenset({READ})), [], Effect.ALLOWED),
        (user(groups=frozenset({"g"})), [GroupState("g", "/", inline={"x": document()})], Effect.ALLOWED),
        (user(groups=frozenset({"g"})), [GroupState("g", "/", frozenset({READ}))], Effect.ALLOWED),
        (user(), [GroupState("g", "/", frozenset({READ}))], Effect.IMPLICITLY_DENIED),
        (user(attached=frozenset({READ}), inline={"x": document("Deny")}), [], Effect.EXPLICITLY_DENIED),
        (
            user(attached=frozenset({READ, "arn:aws:iam::aws:policy/AWSDenyAll"})),
            [],
            Effect.EXPLICITLY_DENIED,
        ),
    ],
)
def test_a_users_own_policies_are_its_and_its_groups(james, groups, effect):
    """Attached and inline, of the user and of each group it is in."""
    policies = [PolicyState(READ, "read", "/", document())]
    way = own(state(james=james, groups=groups, policies=policies))
    assert decide(way.steps[0]) is effect
    assert way.unread == ()


def test_what_could_not_be_read_is_named():
    """A policy whose document is not at hand, and a group that is not, of the user and of the role."""
    james = user(attached=frozenset({"arn:aws:iam::aws:policy/X"}), groups=frozenset({"gone"}))
    found = state(role(attached=frozenset({"arn:aws:iam::aws:policy/Y"})), james=james)
    mine, theirs = Ways(found).of("james")
    assert mine.unread == ("arn:aws:iam::aws:policy/X", "group gone")
    assert theirs.unread == ("arn:aws:iam::aws:policy/X", "group gone", "arn:aws:iam::aws:policy/Y")


def test_a_role_is_taken_and_then_used():
    """Taking needs both the trust and the user's own policies only where the trust names the account."""
    found = state(role(inline={"x": document(action="s3:*")}))
    taking, using = list(Ways(found).of("james"))[1].steps
    assert (taking.action, taking.resource) == ("sts:AssumeRole", role().arn)
    assert decide(taking) is Effect.ALLOWED
    assert decide(taking, replace(ASKED, context={})) is Effect.DEPENDS
    assert decide(taking, replace(ASKED, context={"aws:MultiFactorAuthPresent": "false"})) is Effect.IMPLICITLY_DENIED
    assert (using.action, using.resource) == (None, None)
    assert decide(using) is Effect.ALLOWED
    by_account = state(role(trusted=trust({"AWS": NUMBER})))
    assert decide(list(Ways(by_account).of("james"))[1].steps[0]) is Effect.IMPLICITLY_DENIED
    let_in = replace(by_account, users={"james": user(inline={"x": document(action="sts:AssumeRole")})})
    assert decide(list(Ways(let_in).of("james"))[1].steps[0]) is Effect.ALLOWED


def test_each_step_has_the_context_of_who_asks():
    """A user has a user name and no source identity, a session the other way round; the role's path is kept."""
    taking, using = list(Ways(state(role())).of("james"))[1].steps
    first, then = taking.request(ASKED), using.request(ASKED)
    assert first.principal == Principal(Kind.AWS, JAMES)
    assert first.context["aws:username"] == "james"
    assert first.context["sts:RoleSessionName"] == "james"
    assert "aws:sourceidentity" in first.absent
    assert then.principal == Principal(Kind.AWS, f"arn:aws:sts::{NUMBER}:assumed-role/oncall/james")
    assert then.context["aws:SourceIdentity"] == "james"
    assert then.context["aws:PrincipalArn"] == role().arn
    assert "aws:username" in then.absent
    assert str(then.context["aws:userid"]).endswith(":james")
    for request in (first, then):
        assert request.context["aws:MultiFactorAuthPresent"] == "true"


def test_what_is_asked_is_asked_of_the_last_step_only():
    """A role is taken whatever it is taken for."""
    taking, using = list(Ways(state(role())).of("james"))[1].steps
    asked = replace(ASKED, resource="arn:aws:s3:::*", some=True)
    assert (taking.request(asked).action, taking.request(asked).some) == ("sts:AssumeRole", False)
    assert (using.request(asked).resource, using.request(asked).some) == ("arn:aws:s3:::*", True)


def test_a_resource_of_another_account_depends_on_its_policy():
    """An account's IAM does not tell what other accounts allow."""
    found = state(james=user(inline={"x": document()}))
    away = replace(ASKED, action="sqs:SendMessage", resource="arn:aws:sqs:eu-west-1:444455556666:q")
    assert decide(own(found).steps[0], away) is Effect.DEPENDS
    key = replace(ASKED, action="kms:Decrypt", resource=f"arn:aws:kms:eu-west-1:{NUMBER}:key/k")
    assert decide(own(found).steps[0], key) is Effect.DEPENDS


def test_equal_policies_are_decided_by_one_evaluator():
    """Two people with the same policies share what is learnt, and two questions about one are one."""
    shared = GroupState("g", "/", inline={"x": document()})
    found = state(role(trusted=trust_document([JAMES, RICK])), groups=[shared])
    both = {name: replace(each, groups=frozenset({"g"})) for name, each in found.users.items()}
    ways = Ways(replace(found, users=both))
    one, other = (next(iter(ways.of(name))).steps[0].evaluator for name in ("james", "rick"))
    assert one is other
    assert next(iter(ways.of("james"))).steps[0].evaluator is one


def test_a_users_id_is_not_told():
    """IAM's id of a user is not in its documents, and a condition on it must not be decided by a guess."""
    guarded = document(Condition={"StringLike": {"aws:userid": "*:james"}})
    assert decide(own(state(james=user(inline={"x": guarded}))).steps[0]) is not Effect.ALLOWED
