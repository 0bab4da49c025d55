"""The ways of a user into an account: their own, each role that trusts them, and what could not be read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from watchbill.access.documents import trust_document
from watchbill.access.effective import answers, whole
from watchbill.access.model import PATH, AccountState, GroupState, PolicyState, RoleState, UserState
from watchbill.access.ways import Ways
from watchbill.access.who import who_can
from watchbill.intervals import Interval
from watchbill.policy.managed import UnsureVersion
from watchbill.policy.model import Effect, Kind, Principal, Request
from watchbill.policy.statements import parse_policy


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


def test_a_document_is_parsed_once_under_one_name_while_it_says_the_same():
    """However often it is made anew; one that says another thing, if only by its type, is another."""

    def parsed(said, by="x"):
        ((policy,), _) = Ways(state()).user_policies(user(inline={by: said}))
        return policy

    def made():
        values = (1, 1.0, True, "1", "true")
        bound = (document(Condition={"StringEquals": {"a": each}}) for each in values)
        return [document(), document("Deny"), *bound]

    found = [parsed(each) for each in made()]
    assert all(parsed(each) is policy for each, policy in zip(made(), found, strict=True))
    assert [parse_policy(each, "user/james/x") for each in made()] == found
    assert len(set(map(id, [*found, parsed(document(), by="y")]))) == len(found) + 1


def test_a_users_id_is_not_told():
    """IAM's id of a user is not in its documents, and a condition on it must not be decided by a guess."""
    guarded = document(Condition={"StringLike": {"aws:userid": "*:james"}})
    assert decide(own(state(james=user(inline={"x": guarded}))).steps[0]) is not Effect.ALLOWED


BOUND = f"arn:aws:iam::{NUMBER}:policy/bound"
AWS_OWN = "arn:aws:iam::aws:policy/"
ALL = {"x": document()}
S3 = document(action="s3:*")
OTHER = replace(ASKED, action="ec2:RunInstances", resource=None)


def bounded(by, *roles, **more):
    """Give an account in which James may do everything that a boundary of one document lets him."""
    return state(
        *roles, james=user(inline=ALL, boundary=BOUND, **more), policies=[PolicyState(BOUND, "bound", "/", by)]
    )


@pytest.mark.parametrize(
    ("by", "asked", "effect"),
    [
        (document(), ASKED, Effect.ALLOWED),
        (S3, ASKED, Effect.ALLOWED),
        (S3, OTHER, Effect.IMPLICITLY_DENIED),
        (document("Deny", "s3:*"), ASKED, Effect.EXPLICITLY_DENIED),
        (document("Deny", "s3:*"), OTHER, Effect.IMPLICITLY_DENIED),
        ({"Version": "2012-10-17", "Statement": []}, ASKED, Effect.IMPLICITLY_DENIED),
        (document(Condition={"StringEquals": {"aws:SourceVpc": "v"}}), ASKED, Effect.DEPENDS),
    ],
)
def test_a_boundary_limits_what_a_user_may_do(by, asked, effect):
    """What their policies allow, it must allow as well."""
    found = own(bounded(by))
    assert (decide(found.steps[0], asked), found.unread) == (effect, ())


def test_a_boundary_gives_nothing():
    """It only limits what policies give."""
    policies = [PolicyState(BOUND, "bound", "/", document())]
    assert decide(own(state(james=user(boundary=BOUND), policies=policies)).steps[0]) is Effect.IMPLICITLY_DENIED


def test_a_roles_boundary_limits_its_sessions():
    """And not the user; the user's does not limit what they do as the role."""
    policies = [PolicyState(BOUND, "bound", "/", S3)]
    of_role = state(role(inline=ALL, boundary=BOUND), james=user(inline=ALL), policies=policies)
    mine, theirs = Ways(of_role).of("james")
    assert (decide(mine.steps[0], OTHER), decide(theirs.steps[1], OTHER)) == (Effect.ALLOWED, Effect.IMPLICITLY_DENIED)
    assert decide(theirs.steps[1]) is Effect.ALLOWED
    mine, theirs = Ways(bounded(S3, role(inline=ALL))).of("james")
    assert (decide(mine.steps[0], OTHER), decide(theirs.steps[1], OTHER)) == (Effect.IMPLICITLY_DENIED, Effect.ALLOWED)


@pytest.mark.parametrize(
    ("trusted", "by", "effect"),
    [
        (trust({"AWS": JAMES}), S3, Effect.ALLOWED),
        (trust({"AWS": JAMES}), document("Deny", "sts:*"), Effect.EXPLICITLY_DENIED),
        (trust({"AWS": NUMBER}), S3, Effect.IMPLICITLY_DENIED),
        (trust({"AWS": NUMBER}), document(action="sts:AssumeRole"), Effect.ALLOWED),
    ],
)
def test_a_role_that_names_a_user_is_taken_past_their_boundary(trusted, by, effect):
    """Of one account, a policy that names the user gives by itself (IAM User Guide, "Permissions boundaries").

    Nothing comes past an explicit Deny; and where the account is named, the user's policies and boundary must allow.
    """
    _, theirs = Ways(bounded(by, role(trusted=trusted))).of("james")
    assert decide(theirs.steps[0]) is effect


def test_a_boundary_that_was_not_read_leaves_it_open():
    """It may stop what policies allow; a Deny that was read stays one. The user's is named for their roles too."""
    gone = f"{AWS_OWN}NotListed"
    found = state(role(inline=ALL, boundary=BOUND), james=user(inline=ALL, boundary=gone))
    mine, theirs = Ways(found).of("james")
    assert mine.unread == (f"permissions boundary {gone}",)
    assert theirs.unread == (f"permissions boundary {gone}", f"permissions boundary {BOUND}")
    assert whole([decide(mine.steps[0])], unread=mine.unread) is Effect.DEPENDS
    denied = state(james=user(inline={"x": document("Deny")}, boundary=gone))
    assert whole([decide(own(denied).steps[0])], unread=own(denied).unread) is Effect.EXPLICITLY_DENIED


def test_who_may_and_who_can_mind_boundaries():
    """The question about an instant and the one about a span, past a boundary, under it and not knowing it."""
    start = datetime(2026, 1, 12, tzinfo=UTC)
    for found, effect in (
        (bounded(S3), Effect.ALLOWED),
        (bounded(document(action="ec2:*")), Effect.IMPLICITLY_DENIED),
        (replace(bounded(S3), policies={}), Effect.DEPENDS),
    ):
        (answer,) = answers(found, "james", ASKED.action, ASKED.resource, start, {})
        spans = who_can(Ways(found).only("james"), ASKED, Interval(start, start + timedelta(hours=1)))
        assert answer.effect is effect
        assert [part.effect for each in spans for part in each.parts] == [effect] * (
            effect is not Effect.IMPLICITLY_DENIED
        )


def test_who_has_another_boundary_is_decided_by_another_evaluator():
    """One for each boundary, and for having none; and one for all who have the same."""
    group = GroupState("g", "/", inline=ALL)
    policies = [PolicyState(BOUND, "bound", "/", S3), PolicyState(READ, "read", "/", document())]
    found = state(groups=[group], policies=policies)
    in_group = UserState("", JAMES, "/", groups=frozenset({"g"}))
    users = {
        name: replace(in_group, name=name, boundary=boundary)
        for name, boundary in (("a", None), ("b", BOUND), ("c", READ), ("d", BOUND), ("e", None))
    }
    ways = Ways(replace(found, users=users))
    a, b, c, d, e = (next(iter(ways.of(name))).steps[0].evaluator for name in users)
    assert (a is e, b is d, len({a, b, c})) == (True, True, 3)
    assert [decide(next(iter(ways.of(name))).steps[0], OTHER) for name in "abc"] == [
        Effect.ALLOWED,
        Effect.IMPLICITLY_DENIED,
        Effect.ALLOWED,
    ]


@pytest.mark.parametrize(
    ("arn", "read", "effect"),
    [
        (f"{AWS_OWN}AdministratorAccess", True, Effect.ALLOWED),
        (f"{AWS_OWN}PowerUserAccess", True, Effect.ALLOWED),
        (f"{AWS_OWN}IAMReadOnlyAccess", True, Effect.IMPLICITLY_DENIED),
        (f"{AWS_OWN}job-function/ViewOnlyAccess", True, Effect.IMPLICITLY_DENIED),
        ("arn:aws-cn:iam::aws:policy/AdministratorAccess", True, Effect.ALLOWED),
        (f"{AWS_OWN}ViewOnlyAccess", False, Effect.IMPLICITLY_DENIED),
        (f"{AWS_OWN}NotListed", False, Effect.IMPLICITLY_DENIED),
        (f"arn:aws:iam::{NUMBER}:policy/AdministratorAccess", False, Effect.IMPLICITLY_DENIED),
        ("AdministratorAccess", False, Effect.IMPLICITLY_DENIED),
    ],
)
def test_policies_of_aws_are_known_by_their_arn(arn, read, effect):
    """Attached, as published; a customer's of the same name is another, and so is one under another path."""
    found = own(state(james=user(attached=frozenset({arn}))))
    assert (found.unread, decide(found.steps[0])) == (() if read else (arn,), effect)


def test_a_policy_of_aws_can_be_a_boundary():
    """What it leaves out stays out, whatever is attached."""
    found = own(
        state(james=user(attached=frozenset({f"{AWS_OWN}AdministratorAccess"}), boundary=f"{AWS_OWN}PowerUserAccess"))
    )
    assert found.unread == ()
    assert decide(found.steps[0]) is Effect.ALLOWED
    making = replace(ASKED, action="iam:CreateUser", resource=None)
    assert decide(found.steps[0], making) is Effect.IMPLICITLY_DENIED
    assert found.steps[0].evaluator.decide(making).layer == "boundary"


def test_what_the_account_says_of_a_policy_of_aws_comes_first():
    """AWS gives the document in force there, which may be newer than what is known here."""
    arn = f"{AWS_OWN}AdministratorAccess"
    found = state(james=user(attached=frozenset({arn})), policies=[PolicyState(arn, "AdministratorAccess", "/", S3)])
    assert decide(own(found).steps[0]) is Effect.ALLOWED
    assert decide(own(found).steps[0], OTHER) is Effect.IMPLICITLY_DENIED


def test_a_policy_of_aws_of_no_sure_version_is_not_read(monkeypatch):
    """One of some versions is in force, and no answer is made from a guess."""
    arn = f"{AWS_OWN}OneOfTwoVersions"
    unsure = UnsureVersion(arn, "OneOfTwoVersions", (), ("v2", "v3"))
    monkeypatch.setattr("watchbill.access.ways.managed_policy", lambda _: unsure)
    assert own(state(james=user(attached=frozenset({arn})))).unread == (arn,)
