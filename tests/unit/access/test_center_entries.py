"""Who comes into accounts by Identity Center, and what they may do there."""

from dataclasses import replace
from datetime import timedelta

from tests.teams import MONDAY, team

from watchbill.access.center.entries import entered
from watchbill.access.center.state import Assigned, CenterGroup, CenterState, Holder, Reference, SetState
from watchbill.access.effective import answers
from watchbill.access.explain import explain_ways
from watchbill.access.invariants import Prover, read_invariant
from watchbill.access.model import AccountState, PolicyState, RoleState, UserState
from watchbill.access.ways import Ways
from watchbill.access.who import who_can
from watchbill.intervals import Interval
from watchbill.policy.model import Effect, Request
from watchbill.policy.prove import Counterexample, NotKnown, Proof


TEAM = team()
NUMBER = TEAM.accounts["production"].number
IAM = f"arn:aws:iam::{NUMBER}"
ADA, RICK = "90676d5c3a-ada", "90676d5c3a-rick"
ASKED = Request("ec2:RunInstances", "*", {"aws:MultiFactorAuthPresent": "true"})
SPAN = Interval(MONDAY, MONDAY + timedelta(hours=1))


def document(effect="Allow", action="ec2:*", **more):
    """Give a document of one statement."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": "*", **more}]}


def center(*sets, assigned=(), groups=(), unread=()):
    """Give an instance in which Ada and Rick have users."""
    return CenterState(
        "arn:aws:sso:::instance/ssoins-1",
        "d-1",
        "999999999999",
        {"ada": ADA, "rick": RICK},
        {each.name: each for each in sets},
        frozenset(Assigned(NUMBER, *each) for each in assigned),
        {each.name: each for each in groups},
        unread=unread,
    )


def account(found, *policies, roles=(), users=()):
    """Give an account with who comes into it."""
    state = AccountState(
        "production",
        NUMBER,
        {each.name: each for each in users},
        {},
        {each.name: each for each in roles},
        {each.arn: each for each in policies},
    )
    return entered({"production": state}, found, TEAM)["production"]


OWN = SetState("own", inline=document())
BY_USER = ("own", Holder.USER, ADA)


def ask(state, who="ada", asked=ASKED):
    """Give what each way of somebody answers, with its name."""
    found = answers(state, who, asked.action, asked.resource, MONDAY, asked.context, complete=False)
    return {each.path: each.effect for each in found}


def test_a_user_has_what_a_set_assigned_to_them_says_and_nobody_else():
    """Though they have no IAM user in the account."""
    state = account(center(OWN, assigned=[BY_USER]))
    assert ask(state) == {"permission set own": Effect.ALLOWED}
    assert ask(state, "rick") == {}
    assert ask(account(center(OWN, assigned=[("own", Holder.USER, RICK)]))) == {}


def test_a_set_of_another_account_gives_nothing_here():
    """An assignment is of one account."""
    found = replace(center(OWN), assignments=frozenset({Assigned("222222222222", *BY_USER)}))
    assert ask(account(found)) == {}


def test_a_group_gives_it_to_whoever_is_in_it():
    """By its display name; a group that is not known gives it to nobody."""
    devs = CenterGroup("devs", "g-1", members={RICK: "m-1"})
    state = account(center(OWN, assigned=[("own", Holder.GROUP, "devs")], groups=[devs]))
    assert ask(state, "rick") == {"permission set own": Effect.ALLOWED}
    assert ask(state, "ada") == {}
    assert state.entries["rick"][0].by == ("group devs",)


def test_all_that_a_set_is_made_of_counts():
    """Inline, AWS's own and references, each found in the account; one that is not there leaves the answer open."""
    reads = SetState(
        "own",
        managed=frozenset({"arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"}),
        references=frozenset({Reference("extra", "/team/")}),
    )
    extra = PolicyState(f"{IAM}:policy/team/extra", "extra", "/team/", document(action="ec2:RunInstances"))
    state = account(center(reads, assigned=[BY_USER]), extra)
    assert ask(state) == {"permission set own": Effect.ALLOWED}
    assert ask(state, asked=Request("ec2:DescribeInstances", "*", {})) == {"permission set own": Effect.ALLOWED}
    missing = account(center(reads, assigned=[BY_USER]))
    assert ask(missing) == {"permission set own": Effect.DEPENDS}
    assert Ways(missing).of("ada").__next__().unread == (f"{IAM}:policy/team/extra",)


def test_a_boundary_bounds_a_set():
    """A policy of the account, or one of AWS's own."""
    narrow = PolicyState(f"{IAM}:policy/narrow", "narrow", "/", document(action="s3:*"))
    for boundary in (Reference("narrow"), "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"):
        state = account(center(replace(OWN, boundary=boundary), assigned=[BY_USER]), narrow)
        assert ask(state) == {"permission set own": Effect.IMPLICITLY_DENIED}
    gone = account(center(replace(OWN, boundary=Reference("gone")), assigned=[BY_USER]))
    assert ask(gone) == {"permission set own": Effect.DEPENDS}


def test_the_role_in_the_account_outranks_what_the_set_says():
    """Provisioned once, it is what counts until it is provisioned anew; the role of another set is not taken for it."""
    path = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
    made = [
        RoleState(
            f"AWSReservedSSO_{name}_0123456789abcdef",
            f"{IAM}:role{path}AWSReservedSSO_{name}_0123456789abcdef",
            path,
            {},
            inline={"AwsSSOInlinePolicy": said},
        )
        for name, said in (("own", document(action="s3:*")), ("own_2", document()))
    ]
    state = account(center(OWN, assigned=[BY_USER]), roles=made)
    assert ask(state) == {"permission set own": Effect.IMPLICITLY_DENIED}
    assert ask(state, asked=Request("s3:GetObject", "arn:aws:s3:::a/b", {})) == {"permission set own": Effect.ALLOWED}


def test_mfa_is_no_key_of_such_a_session():
    """Whatever is supposed of it: who asks for it lets nobody in, and who denies without it denies everybody."""
    needs = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    state = account(center(replace(OWN, inline=document(**needs)), assigned=[BY_USER]))
    assert ask(state) == {"permission set own": Effect.IMPLICITLY_DENIED}


def test_a_fence_by_the_id_of_the_user_holds_to_the_second():
    """What names Ada alone, until half past, denies Rick always, and Ada from then on."""
    half = MONDAY + timedelta(minutes=30)
    fence = [
        {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringNotEquals": {"identitystore:UserId": ADA}},
        },
        {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": f"{half:%Y-%m-%dT%H:%M:%SZ}"}},
        },
    ]
    inline = {"Version": "2012-10-17", "Statement": [*document()["Statement"], *fence]}
    state = account(center(replace(OWN, inline=inline), assigned=[BY_USER, ("own", Holder.USER, RICK)]))
    (holder,) = who_can(Ways(state), ASKED, SPAN)
    assert (holder.user, holder.way) == ("ada", "permission set own")
    assert [part.interval for part in holder.parts] == [Interval(MONDAY, half)]


def test_who_the_caller_is_in_iam_is_not_guessed():
    """The name of the role has a part that AWS makes up, and that of the session is the identity store's."""
    keyed = {"Condition": {"ArnLike": {"aws:PrincipalArn": f"{IAM}:role/aws-reserved/*"}}}
    state = account(center(replace(OWN, inline=document(**keyed)), assigned=[BY_USER]))
    assert ask(state) == {"permission set own": Effect.DEPENDS}


def test_an_iam_user_and_a_set_are_two_ways_of_one_person():
    """The user first."""
    user = UserState("Ada", f"{IAM}:user/Ada", "/", inline={"own": document(action="s3:*")})
    state = account(center(OWN, assigned=[BY_USER]), users=[user])
    assert ask(state, "Ada") == {"user Ada": Effect.IMPLICITLY_DENIED, "permission set own": Effect.ALLOWED}
    assert Ways(state).users == ("Ada",)


def test_what_may_not_be_read_leaves_open_what_people_have():
    """Of whoever has a user there; of everybody where nothing could be read at all."""
    part = account(center(OWN, assigned=[BY_USER], unread=("assignments: AccessDenied",)))
    assert ask(part) == {"permission set own": Effect.ALLOWED, "Identity Center": Effect.DEPENDS}
    assert ask(part, "rick") == {"Identity Center": Effect.DEPENDS}
    none = account("AccessDenied")
    assert {name: ask(none, name) for name in TEAM.people} == {
        person.iam_user: {"Identity Center": Effect.DEPENDS} for person in TEAM.people.values()
    }
    holders = who_can(Ways(none), ASKED, SPAN)
    assert {h.parts[0].conditions for h in holders} == {("if Identity Center: AccessDenied, not read, allows it",)}


def test_proofs_and_explanations_know_of_it():
    """An invariant is broken by a set that somebody is assigned, and proven where a Deny of the set holds."""
    state = account(center(OWN, assigned=[BY_USER]))
    asked = read_invariant("ada never ec2:RunInstances", TEAM)
    prove = lambda each: [f.answer for f in Prover(TEAM, {"production": Ways(each)}).prove(asked)]  # noqa: E731 - short
    assert [type(each) for each in prove(state)] == [Counterexample]
    both = {
        "Version": "2012-10-17",
        "Statement": [*document()["Statement"], *document("Deny", "ec2:Run*")["Statement"]],
    }
    assert [type(each) for each in prove(account(center(replace(OWN, inline=both), assigned=[BY_USER])))] == [Proof]
    assert [type(each) for each in prove(account("no"))] == [NotKnown]
    (said,) = explain_ways(TEAM, "ada", state, "ada", ASKED, MONDAY)
    assert said.steps[0].statements == ("permission set own/inline#0: Allow ec2:* on *",)
