"""What an organization bounds an account by, held to the rules of AWS written down a second time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.teams import team

from watchbill.access.effective import answers
from watchbill.access.explain import explain_ways
from watchbill.access.invariants import Prover, read_invariant
from watchbill.access.model import (
    PATH,
    AccountState,
    ControlPolicy,
    GroupState,
    Lineage,
    LineageLevel,
    RoleState,
    UserState,
)
from watchbill.access.organization import NOWHERE, RCP, SCP, Organization, Target, lineage, under
from watchbill.access.permissions import known_documents
from watchbill.access.plan import make_plan, state_digest
from watchbill.access.ways import Ways
from watchbill.access.who import who_can
from watchbill.access.withheld import Emptied, emptied, emptied_sets
from watchbill.errors import ProviderError
from watchbill.intervals import Interval
from watchbill.policy.model import Effect, Request
from watchbill.policy.prove import Counterexample, NotKnown, Proof
from watchbill.team.model import Claim


TEAM = team()
BOUND = replace(TEAM, organization="production")
NUMBER, OTHER = TEAM.accounts["production"].number, "999999999999"
ROOT, UNIT, INNER = "r-abcd", "ou-abcd-11111111", "ou-abcd-22222222"
AT = datetime(2026, 1, 14, tzinfo=UTC)
JAMES = f"arn:aws:iam::{NUMBER}:user/james"
ACTIONS = ("s3:GetObject", "s3:PutObject", "sqs:SendMessage")
BUCKET, QUEUE = "arn:aws:s3:::orders/a", f"arn:aws:sqs:eu-west-1:{NUMBER}:orders"


def document(*statements):
    """Give a document of statements, each an effect and actions."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Action": list(actions), "Resource": "*"} for effect, *actions in statements],
    }


FULL = ("Allow", "*")
BOUNDS = (FULL, ("Deny", "s3:*"), ("Allow", "s3:*", "ec2:*"))


def organization(attached, management=OTHER, types=(SCP, RCP)):
    """Give an organization of one line of units: `attached` gives by target its policies, a kind and statements each."""
    targets = {
        ROOT: Target(ROOT, "Root", "root", None),
        UNIT: Target(UNIT, "Work", "OU", ROOT),
        INNER: Target(INNER, "Production", "OU", UNIT),
        NUMBER: Target(NUMBER, "production", "account", INNER),
        OTHER: Target(OTHER, "management", "account", ROOT),
    }
    policies: dict[str, ControlPolicy] = {}
    places: dict[str, tuple[str, ...]] = {}
    for target, found in attached.items():
        for kind, *statements in found:
            name = f"p-{len(policies):08}"
            policies[name] = ControlPolicy(name, f"policy {len(policies)}", kind, document(*statements))
            places[name] = (target,)
    return Organization("o-1234567890", management, targets, policies, places, frozenset(types))


def everywhere(*found, at=UNIT):
    """Attach full access to every target, and some policies to one."""
    plain = {target: [(SCP, FULL), (RCP, FULL)] for target in (ROOT, UNIT, INNER, NUMBER)}
    return {**plain, at: [*plain[at], *found]}


def account(made=None, *, role=False):
    """Give an account in which James may do everything, and can take a role that may, bounded by an organization."""
    groups = {"all": GroupState("all", "/", inline={"all": document(FULL)})}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": JAMES}, "Action": "sts:AssumeRole"}],
    }
    arn = f"arn:aws:iam::{NUMBER}:role{PATH}oncall"
    roles = {"oncall": RoleState("oncall", arn, PATH, trust, inline={"all": document(FULL)})} if role else {}
    users = {"james": UserState("james", JAMES, "/", frozenset({"all"}))}
    state = AccountState("production", NUMBER, users, groups, roles, {})
    return under(BOUND, {"production": state}, made)["production"]


def ask(state, action=ACTIONS[0], resource=BUCKET):
    """Give what each way of James answers."""
    return answers(state, "james", action, resource, AT, {})


def test_a_denial_names_the_policy_and_where_it_is_attached():
    """By its name, its id and the unit."""
    found = ask(account(organization(everywhere((SCP, ("Deny", "s3:*"))))))[0]
    assert found.effect is Effect.EXPLICITLY_DENIED
    assert [str(each) for each in found.decision.deciding] == [
        "SCP policy 4 (p-00000004) attached to OU Work#0",
    ]


def test_a_level_that_does_not_allow_is_named():
    """Though no statement denies: the level has none that allows."""
    levels = {**everywhere(), INNER: [(SCP, ("Allow", "sqs:*")), (RCP, FULL)]}
    found = ask(account(organization(levels)))[0]
    assert found.effect is Effect.IMPLICITLY_DENIED
    assert found.withheld == ("no statement of SCP policy 4 (p-00000004) attached to OU Production allows it",)
    (explained,) = explain_ways(
        TEAM, "james", account(organization(levels)), "james", Request(ACTIONS[0], BUCKET, {}), AT
    )
    assert explained.steps[0].statements == found.withheld
    assert ask(account(organization(levels)), "sqs:SendMessage", QUEUE)[0].withheld == ()


def test_a_role_is_bounded_as_a_user_is_and_so_is_taking_it():
    """What may be used and what may be taken are denied apart."""
    used = ask(account(organization(everywhere((SCP, ("Deny", "s3:*")))), role=True))
    assert [each.effect for each in used] == [Effect.EXPLICITLY_DENIED] * 2
    taken = ask(account(organization(everywhere((RCP, ("Deny", "sts:AssumeRole")))), role=True))
    assert [each.effect for each in taken] == [Effect.ALLOWED, Effect.EXPLICITLY_DENIED]
    assert str(taken[1].taking.deciding[0]).startswith("RCP policy ")


def test_policies_of_a_type_that_is_not_in_force_bind_nobody():
    """They may be attached all the same."""
    levels = everywhere((SCP, ("Deny", "s3:*")), (RCP, ("Deny", "sqs:*")))
    assert ask(account(organization(levels, types=(RCP,))))[0].effect is Effect.ALLOWED
    assert ask(account(organization(levels, types=(RCP,))), ACTIONS[2], QUEUE)[0].effect is Effect.EXPLICITLY_DENIED
    assert ask(account(organization(levels, types=(SCP,))), ACTIONS[2], QUEUE)[0].effect is Effect.ALLOWED


def test_a_caller_knows_its_organization():
    """So that a perimeter of the usual form denies others, and leaves one's own as they are."""
    perimeter = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "*",
                "Resource": "*",
                "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1234567890"}},
            }
        ],
    }
    made = organization(everywhere((RCP, FULL)))
    policies = {**made.policies, "p-00000004": replace(made.policies["p-00000004"], document=perimeter)}
    assert ask(account(replace(made, policies=policies)))[0].effect is Effect.ALLOWED
    other = replace(made, policies=policies, id="o-other00000")
    assert ask(account(other))[0].effect is Effect.EXPLICITLY_DENIED


def test_the_path_of_a_caller_goes_from_the_root_down():
    """To the unit that the account is in, as `aws:PrincipalOrgPaths` has it."""
    state = account(organization(everywhere()))
    assert [level.id for level in state.lineage.levels] == [ROOT, UNIT, INNER, NUMBER]
    (way,) = Ways(state).of("james")
    assert way.steps[0].context["aws:PrincipalOrgPaths"] == f"o-1234567890/{ROOT}/{UNIT}/{INNER}/"


def test_rcps_bind_the_accounts_own_resources_alone():
    """Those of an account elsewhere are under others, which are not known."""
    state = account(organization(everywhere((RCP, ("Deny", "sqs:*")))))
    assert ask(state, "sqs:SendMessage", QUEUE)[0].effect is Effect.EXPLICITLY_DENIED
    assert ask(state, "sqs:SendMessage", QUEUE.replace(NUMBER, OTHER))[0].effect is Effect.DEPENDS


def test_what_may_not_be_read_leaves_what_is_allowed_open_and_what_is_denied_denied():
    """It may deny, and never give: who is not allowed anyway is not listed."""
    error = "AccessDenied"
    state = account(error)
    assert [each.effect for each in ask(state)] == [Effect.DEPENDS]
    none = replace(state, users={"james": replace(state.users["james"], groups=frozenset())})
    assert [each.effect for each in ask(none)] == [Effect.IMPLICITLY_DENIED]
    span = Interval(AT, AT + timedelta(hours=1))
    (holder,) = who_can(Ways(state), Request(ACTIONS[0], BUCKET, {}, complete=True), span)
    assert [part.effect for part in holder.parts] == [Effect.DEPENDS]
    assert holder.parts[0].conditions == ("unless organization policies: AccessDenied, not read, denies it",)
    assert who_can(Ways(none), Request(ACTIONS[0], BUCKET, {}, complete=True), span) == ()


def test_an_account_of_no_organization_or_of_another_one():
    """None bounds the one; what bounds the other is not known."""
    assert account(None).lineage == NOWHERE
    assert ask(account(None))[0].effect is Effect.ALLOWED
    made = organization(everywhere())
    strange = replace(made, targets={k: t for k, t in made.targets.items() if k != NUMBER})
    with pytest.raises(ProviderError, match=f"account {NUMBER} is not in the organization o-1234567890"):
        lineage(strange, NUMBER)
    assert ask(account(strange))[0].effect is Effect.DEPENDS


def prove(state, text):
    """Give the answers to an invariant by each way of James."""
    found = Prover(TEAM, {"production": Ways(state)}).prove(read_invariant(text, TEAM))
    return [each.answer for each in found]


def test_an_invariant_that_the_organization_holds_is_proven():
    """By the statement of the organization's policy; where it may not be read, nothing is proven and nothing broken."""
    denied = account(organization(everywhere((SCP, ("Deny", "s3:Put*")))))
    (proof,) = prove(denied, "james never s3:PutObject")
    assert isinstance(proof, Proof)
    assert [str(each) for each in proof.held_by] == ["SCP policy 4 (p-00000004) attached to OU Work#0"]
    assert isinstance(prove(account(organization(everywhere())), "james never s3:PutObject")[0], Counterexample)
    assert isinstance(prove(account("no"), "james never s3:PutObject")[0], NotKnown)


def test_rcps_prove_nothing_of_resources_elsewhere():
    """Only where the resource asked about is of the account itself."""
    state = account(organization(everywhere((RCP, ("Deny", "sqs:SendMessage")))))
    assert isinstance(prove(state, "james never sqs:SendMessage")[0], NotKnown)
    assert isinstance(prove(state, f"james never sqs:SendMessage on {QUEUE}")[0], Proof)


def test_the_digest_moves_when_a_policy_does():
    """A plan that was made before is refused then."""
    before = {"production": account(organization(everywhere()))}
    after = {"production": account(organization(everywhere((SCP, ("Deny", "s3:*")))))}
    moved = {"production": account(organization(everywhere((SCP, ("Deny", "s3:*")), at=INNER)))}
    none = {"production": account(None)}
    assert len({state_digest(each) for each in (before, after, moved, none)}) == 4


def test_an_invariant_of_the_file_may_rest_on_the_organization_only_where_it_is_known():
    """A plan is stopped where the organization does not hold it, and where nobody could look."""
    claimed = replace(TEAM, invariants=(Claim("everyone never s3:GetObject", TEAM.people["james"].where),))
    holding = organization(everywhere((SCP, ("Deny", "s3:*"))))
    empty = AccountState("production", NUMBER, {}, {}, {}, {})
    accounts = {"production": TEAM.accounts["production"]}
    for made, codes in (
        (holding, set()),
        (organization(everywhere()), {"invariant-broken"}),
        ("no", {"invariant-broken"}),
    ):
        observed = under(BOUND, {"production": empty}, made)
        plan = make_plan(replace(claimed, accounts={**claimed.accounts, **accounts}), observed, AT)
        assert {p.code for p in plan.problems} & {"invariant-broken"} == codes


# --- the rules, written down a second time ---

SETS = st.lists(
    st.tuples(st.sampled_from(["Allow", "Allow", "Deny"]), st.sampled_from(["*", "s3:*", *ACTIONS])), max_size=3
)


@st.composite
def trees(draw):
    """Draw what is attached where, to which management account, and which types are in force."""
    attached = {}
    for target in (ROOT, UNIT, INNER, NUMBER):
        scps = draw(st.lists(SETS.filter(bool), max_size=2))
        attached[target] = [(SCP, *each) for each in scps]
        if draw(st.integers(0, 3)):
            attached[target].append((SCP, FULL))
        attached[target] += [(RCP, *each) for each in draw(st.lists(SETS.filter(bool), max_size=1))] + [(RCP, FULL)]
    types = draw(st.sampled_from([(SCP, RCP), (SCP, RCP), (SCP,), (RCP,), ()]))
    return organization(attached, draw(st.sampled_from([OTHER, OTHER, OTHER, NUMBER])), types)


def applies(statement, action):
    """Tell whether a statement speaks of an action."""
    return any(each in ("*", action) or each == f"{action.partition(':')[0]}:*" for each in statement["Action"])


def rightly(made, action, kinds=None):
    """Say what AWS would of somebody who may do everything by their own policies: Deny anywhere, Allow at every level."""
    if made.management == NUMBER:
        return Effect.ALLOWED
    speaking = [
        [
            statement["Effect"]
            for name, policy in made.policies.items()
            if policy.kind == kind and target in made.attached[name]
            for statement in policy.document["Statement"]
            if applies(statement, action)
        ]
        for kind in (made.types if kinds is None else made.types & kinds)
        for target in (ROOT, UNIT, INNER, NUMBER)
    ]
    if any("Deny" in level for level in speaking):
        return Effect.EXPLICITLY_DENIED
    return Effect.ALLOWED if all("Allow" in level for level in speaking) else Effect.IMPLICITLY_DENIED


def worst(found):
    """Give the answer of all that must be allowed at once: a Deny anywhere outranks a want of an Allow."""
    order = (Effect.EXPLICITLY_DENIED, Effect.IMPLICITLY_DENIED, Effect.ALLOWED)
    return min(found, key=order.index)


@examples(40, 400)
@given(trees())
def test_an_organization_decides_as_the_guide_says(made):
    """One instant, a span and a proof all agree with it."""
    state = account(made, role=True)
    span = Interval(AT, AT + timedelta(hours=1))
    for action in ACTIONS:
        resource = QUEUE if action.startswith("sqs") else BUCKET
        wanted = rightly(made, action)
        own, role = ask(state, action, resource)
        assert own.effect is wanted
        assert role.effect is worst([wanted, rightly(made, "sts:AssumeRole")])
        holders = who_can(Ways(state), Request(action, resource, {}, complete=True), span)
        names = {"user james": own, "role oncall": role}
        assert {h.way for h in holders} == {name for name, each in names.items() if each.effect is Effect.ALLOWED}
        proof = prove(state, f"james never {action} on {resource}")[0]
        if wanted is Effect.ALLOWED:
            assert isinstance(proof, Counterexample)
        else:
            assert isinstance(proof, Proof | NotKnown)


# --- what a plan gives and the organization withholds ---


def planned(made, *actions, policy=None):
    """Give the warnings of a plan that gives a set of some actions in an account so bounded."""
    given = replace(TEAM.permission_sets["read-only"], allow=actions, deny=(), policy=policy)
    changed = replace(TEAM, permission_sets={**TEAM.permission_sets, "read-only": given})
    observed = under(BOUND, {"production": AccountState("production", NUMBER, {}, {}, {}, {})}, made)
    plan = make_plan(changed, observed, AT)
    return [str(each) for each in plan.warnings if each.code == "withheld" and "`read-only`" in str(each)]


def test_a_plan_warns_of_what_it_gives_and_an_scp_denies():
    """With the policy, what it is attached to, and the line of the set; of nothing that is left in part."""
    made = organization(everywhere((SCP, ("Deny", "rds:Delete*"))))
    policy = "SCP policy 4 (p-00000004) attached to OU Work"
    assert planned(made, "rds:DeleteDBInstance", "rds:Describe*", "rds:*") == [
        "watchbill.yaml:1:1 permission set `read-only` gives in production what is denied there by "
        f"{policy}: rds:DeleteDBInstance"
    ]
    assert planned(made, "rds:Describe*", "*") == []
    assert planned(organization(everywhere()), "rds:DeleteDBInstance") == []
    assert planned(None, "rds:DeleteDBInstance") == []
    assert planned("no", "rds:DeleteDBInstance") == []
    assert planned(organization(everywhere((SCP, ("Deny", "rds:Delete*"))), NUMBER), "rds:DeleteDBInstance") == []


def test_a_plan_warns_of_what_no_scp_of_a_level_allows():
    """There is no Deny to be named, but the policies that could have allowed it."""
    made = organization({**everywhere(), INNER: [(SCP, ("Allow", "s3:*")), (RCP, FULL)]})
    (said,) = planned(made, "sqs:SendMessage", "s3:GetObject")
    assert said.endswith(
        "denied there for want of an Allow in SCP policy 4 (p-00000004) attached to OU Production: sqs:SendMessage"
    )


def test_what_is_denied_under_a_condition_or_by_the_set_itself_is_no_warning():
    """Something of the first is left, and the second was never given."""
    made = organization(everywhere((SCP, ("Deny", "rds:Delete*"))))
    document_ = dict(made.policies["p-00000004"].document)
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}
    document_["Statement"] = [{**document_["Statement"][0], "Condition": elsewhere}]
    policies = {**made.policies, "p-00000004": replace(made.policies["p-00000004"], document=document_)}
    assert planned(replace(made, policies=policies), "rds:DeleteDBInstance") == []
    own = document(("Allow", "rds:DeleteDBInstance"), ("Deny", "rds:*"))
    assert planned(made, policy=own) == []


# --- what is left empty ---

EACH = (*ACTIONS, "s3:ListBucket", "ec2:RunInstances")
"""One action of each kind that the statements drawn tell apart."""
NEW = "arn:aws:iam::aws:policy/NewToAWS"


def left_of(made, statements, *, more=False):
    """Give what of a set is left in an account, and what it gives: `more` is everything that it does not deny."""
    given = [
        action
        for action in EACH
        if (
            said := [effect for effect, *actions in statements if applies({"Action": actions}, action)]
            + ["Allow"] * more
        )
        and "Deny" not in said
    ]
    return [action for action in given if rightly(made, action, {SCP}) is Effect.ALLOWED], given


@examples(80, 800)
@given(trees(), SETS, st.booleans())
def test_a_set_is_said_to_be_empty_where_nothing_is_left_of_it(made, statements, unsure):
    """By a set that is not known whole everything may be given but what it denies itself: then it is not known."""
    managed = (NEW,) if unsure else ()
    own = replace(TEAM.permission_sets["read-only"], allow=(), deny=(), policy=document(*statements), managed=managed)
    found = emptied(own, account(made), AT)
    left, given = left_of(made, statements)
    if left or made.management == NUMBER or SCP not in made.types:
        assert found is None
    elif unsure and left_of(made, statements, more=True)[0]:
        assert found == Emptied(is_sure=False, why=f"what {NEW} gives is not known")
    else:
        given = given or (unsure and left_of(made, statements, more=True)[1])
        assert (found is not None and found.is_sure) is bool(given)


@settings(max_examples=50)
@given(st.lists(st.lists(st.sampled_from(BOUNDS), max_size=2), min_size=3, max_size=3))
def test_accounts_that_are_bounded_alike_are_told_what_each_is_told_alone(attached):
    """By whichever of their policies; where nothing bounds them, and where that is not known."""
    shared = {each: ControlPolicy(f"p-{n}", f"policy {n}", SCP, document(each)) for n, each in enumerate(BOUNDS)}
    root = LineageLevel(ROOT, "Root", (shared[FULL],))

    def state(name, own):
        level = LineageLevel(name, f"account {name}", tuple(shared[each] for each in own))
        return replace(account(None), lineage=Lineage("o-1", (root, level), has_scps=True))

    sets = {"s": ("s3:*",), "e": ("ec2:*", "s3:*"), "q": ("sqs:*",)}
    made = {name: replace(TEAM.permission_sets["read-only"], allow=each, deny=()) for name, each in sets.items()}
    of = replace(TEAM, permission_sets=made)
    states = {f"a{number}": state(f"a{number}", own) for number, own in enumerate((*attached, *attached))}
    states |= {"free": account(None), "unread": account("AccessDenied")}
    alone = {(name, each): emptied(of.permission_sets[each], one, AT) for name, one in states.items() for each in made}
    wanted = {column: told for column, told in alone.items() if told is not None}
    assert emptied_sets(of, states, list(alone), AT) == wanted


def test_it_is_said_by_what_a_set_is_left_empty():
    """By a Deny, for want of an Allow, or both; where the organization is not known, why."""
    own = replace(TEAM.permission_sets["read-only"], allow=("s3:*", "sqs:*"), deny=())
    guard = everywhere((SCP, ("Deny", "s3:*")))
    assert emptied(own, account(organization(guard)), AT) is None
    both = {**guard, INNER: [(SCP, ("Allow", "s3:*", "ec2:*")), (RCP, FULL)]}

    def found(made, given=own):
        said = emptied(given, account(made), AT)
        assert said is not None
        return said

    assert found(organization(both)).words == (
        "denied by the organization, by SCP policy 4 (p-00000004) attached to OU Work "
        "and for want of an Allow in SCP policy 5 (p-00000005) attached to OU Production"
    )
    assert found("AccessDenied").words == "not known if denied: organization policies: AccessDenied"
    assert emptied(own, account(None), AT) is None
    # AWS changes this one often: what it gave at the instant is not sure, but hardly nothing.
    reads = replace(own, allow=(), managed=("ReadOnlyAccess",))
    assert known_documents(reads, AT)[1]
    assert emptied(reads, account(organization(guard)), AT) is None
    assert found(organization(everywhere((SCP, ("Deny", "*")))), reads).is_sure
    # Nobody needs to be allowed to ask who they are, and that is no use to anybody.
    all_of_it = replace(own, allow=("*",))
    assert found(organization(everywhere((SCP, ("Deny", "*")))), all_of_it).is_sure
    assert planned(organization(everywhere((SCP, ("Deny", "*")))), "*")
