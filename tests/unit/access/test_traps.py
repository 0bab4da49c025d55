"""Traps of IAM that time-bound access falls into: each is shown to be one, and that what watchbill writes avoids it.

All is judged by our evaluator over the documents that a plan has written into an account. `docs/traps.md` is the table.
"""

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest
from tests.cloud import MemoryCloud, by
from tests.teams import DAY, MONDAY, group, permission_set, team, with_rota

from watchbill.access.apply import apply
from watchbill.access.compile import compile_account
from watchbill.access.documents import size, slices_of
from watchbill.access.entitlements import on_call
from watchbill.access.model import PATH, QUARANTINE, AccountState, Freeze, GroupState, State, UserState, Verb
from watchbill.access.outlive import CATALOGUE, can_outlive
from watchbill.access.permissions import dates
from watchbill.access.plan import make_plan
from watchbill.access.ways import Ways
from watchbill.intervals import Interval, iso
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.grammar import grammar_error
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.patterns import glob_matches
from watchbill.policy.statements import parse_policy


NOON = MONDAY + timedelta(hours=12)
SECOND = timedelta(seconds=1)
START, END = MONDAY + timedelta(hours=18), MONDAY + timedelta(hours=26)
"""James's evening; before it Rick is on, after it Priya."""
EVENING = START + timedelta(hours=2)
MORNING = MONDAY + DAY + timedelta(hours=10)
"""James is off."""
IAM = "arn:aws:iam::111111111111"
ROLE = f"{IAM}:role/watchbill/oncall-platform"
REBOOT = "rds:RebootDBInstance"
MFA = "aws:MultiFactorAuthPresent"
ALLOWED, DENIED, SILENT = Effect.ALLOWED, Effect.EXPLICITLY_DENIED, Effect.IMPLICITLY_DENIED
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def settle(cloud, of, at, freezes=()):
    """Plan and apply production, and give the plan."""
    account = of.accounts["production"]
    plan = make_plan(of, {"production": cloud.observe(account)}, at, freezes)
    assert all(outcome.state is State.DONE for outcome in apply(plan.changes, by(of, cloud)))
    return plan


def generous():
    """Make a team in which a job role may take any role, and change IAM, and whoever is on call may do everything."""
    base = team()
    wide = permission_set("wide", allow=("sts:AssumeRole", "iam:*", "ec2:*"))
    sets = {**base.permission_sets, "wide": wide, "prod-oncall": permission_set("prod-oncall", allow=("*",))}
    groups = {**base.groups, "staff": group("staff", ("james", "sofia"), ("wide", "production"))}
    return replace(base, permission_sets=sets, groups=groups)


@cache
def written(of=team):
    """Give production as a plan of Monday noon leaves it."""
    cloud, made = MemoryCloud(), of()
    settle(cloud, made, NOON)
    return cloud.states["production"]


def document(*statements):
    """Give a document of statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def decide(documents, action, at=EVENING, resource="*", **context):
    """Decide by some documents alone; keys that are not given are absent."""
    policies = tuple(parse_policy(each, f"p{number}") for number, each in enumerate(documents))
    given = {key.replace("__", ":"): value for key, value in context.items()}
    asked = Request(action, resource, {"aws:CurrentTime": iso(at), **given}, complete=True)
    return Evaluator(Layers(policies)).decide(asked).effect


def attached(state, owner):
    """Give the documents attached to a group or role."""
    found = state.roles.get(owner) or state.groups[owner]
    return [state.policies[arn].document for arn in sorted(found.attached)]


def session(state, at, **context):
    """Decide what a session of the on-call role may reboot."""
    return decide(attached(state, "oncall-platform"), REBOOT, at, **context)


def way(state, user, kind="role oncall-platform"):
    """Give one way of a user."""
    return next(each for each in Ways(state).of(user) if each.name == kind)


def taking(state, at, user="james", **context):
    """Decide whether somebody may take the on-call role, by their own policies and its trust."""
    step = way(state, user).steps[0]
    given = {key.replace("__", ":"): value for key, value in context.items()}
    asked = step.request(Request("sts:AssumeRole", ROLE, {"aws:CurrentTime": iso(at), MFA: "true"}, complete=True))
    kept = {k: v for k, v in {**asked.context, **given}.items() if v is not None}
    return step.evaluator.decide(replace(asked, context=kept)).effect


def own(state, user, action, at, resource="*"):
    """Decide what somebody may do as their own user, with MFA."""
    asked = Request(action, resource, {"aws:CurrentTime": iso(at), MFA: "true"}, complete=True)
    step = way(state, user, f"user {user}").steps[0]
    return step.evaluator.decide(step.request(asked)).effect


def documents_of(state):
    """Give every document in an account: of policies, of trust, and inline."""
    found = [policy.document for policy in state.policies.values()]
    for owner in (*state.users.values(), *state.groups.values(), *state.roles.values()):
        found += owner.inline.values()
    return [*found, *(role.trust for role in state.roles.values())]


def conditions(state):
    """Give every entry of every condition: operator, key, values."""
    for each in documents_of(state):
        for statement in each["Statement"]:
            for operator, keys in statement.get("Condition", {}).items():
                for key, values in keys.items():
                    yield operator, key, values


def without(state, kind, change):
    """Give a state in which a change is made to each statement of the policies whose names begin so."""
    policies = {
        arn: replace(each, document=document(*map(change, each.document["Statement"])))
        if each.name.startswith(kind)
        else each
        for arn, each in state.policies.items()
    }
    return replace(state, policies=policies)


def test_dates_are_never_listed_under_one_key():
    """Two windows in one statement leave the time between them open; a statement for each does not."""
    one, two = Interval(START, END), Interval(START + 2 * DAY, END + 2 * DAY)
    listed = {
        "DateGreaterThanEquals": {"aws:CurrentTime": [iso(one.start), iso(two.start)]},
        "DateLessThan": {"aws:CurrentTime": [iso(one.end), iso(two.end)]},
    }
    assert decide([document({**EVERYTHING, "Condition": listed})], REBOOT, MORNING) is ALLOWED
    apart = document(*({**EVERYTHING, "Condition": dates(each)} for each in (one, two)))
    assert decide([apart], REBOOT, MORNING) is SILENT
    found = [values for operator, _, values in conditions(written()) if operator.startswith("Date")]
    assert len(found) > 100
    assert all(isinstance(each, str) for each in found)
    for at in (START + day * DAY for day in range(7)):
        assert session(written(), at - SECOND, aws__userid="AROA:james") is DENIED
        assert session(written(), at, aws__userid="AROA:james") is ALLOWED


def test_no_document_asks_when_a_token_was_issued():
    """A user's access keys have no such time: a Deny by it does not hit them. The gate asks AWS's clock alone."""
    deny = {"DateLessThan": {"aws:TokenIssueTime": iso(END)}}
    revoked = document({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": deny})
    assert decide([document(EVERYTHING), revoked], REBOOT) is ALLOWED
    assert decide([document(EVERYTHING), revoked], REBOOT, aws__TokenIssueTime=iso(START)) is DENIED
    assert "aws:TokenIssueTime" not in {key for _, key, _ in conditions(written())}
    for issued in (None, iso(START), iso(END + DAY)):
        assert taking(written(), EVENING, aws__TokenIssueTime=issued) is ALLOWED
        assert taking(written(), END, aws__TokenIssueTime=issued) is DENIED
        given = {} if issued is None else {"aws__TokenIssueTime": issued}
        assert session(written(), EVENING, aws__userid="AROA:james", **given) is ALLOWED
        assert session(written(), END, aws__userid="AROA:james", **given) is DENIED


def test_the_fence_knows_a_session_by_its_user_id():
    """A role's session has no user name: a fence by it would hit whoever is on watch. An absent key denies."""
    state = written()
    for policy in state.policies.values():
        if policy.name.startswith("fence-"):
            asked = {key for s in policy.document["Statement"] for of in s["Condition"].values() for key in of}
            assert asked <= {"aws:CurrentTime", "aws:userid"}, policy.name
    assert session(state, EVENING, aws__userid="AROA:james") is ALLOWED
    assert session(state, EVENING, aws__userid="AROA:rick") is DENIED
    assert session(state, EVENING, aws__userid="AROA:notjames") is DENIED
    assert session(state, EVENING) is DENIED

    def by_name(statement):
        found = dict(statement["Condition"])
        names = found.pop("StringNotLike", {"aws:userid": []})["aws:userid"]
        return {**statement, "Condition": {**found, "StringNotEquals": {"aws:username": [n[2:] for n in names]}}}

    trapped = without(state, "fence-", by_name)
    assert session(trapped, EVENING, aws__userid="AROA:james") is DENIED


def test_the_console_can_take_the_role():
    """It names the session and cannot set a source identity; where there is one, it is the user's own name too."""
    state = written()
    assert taking(state, EVENING) is ALLOWED
    assert taking(state, EVENING, sts__SourceIdentity=None) is ALLOWED
    assert taking(state, EVENING, sts__SourceIdentity="rick") is not ALLOWED
    assert taking(state, EVENING, sts__RoleSessionName="rick") is not ALLOWED
    assert taking(state, EVENING, sts__RoleSessionName=None) is not ALLOWED
    assert taking(state, EVENING, aws__MultiFactorAuthPresent=None) is not ALLOWED
    role = state.roles["oncall-platform"]
    strict = json.loads(json.dumps(role.trust).replace("StringEqualsIfExists", "ForAnyValue:StringEquals"))
    trapped = replace(state, roles={**state.roles, role.name: replace(role, trust=strict)})
    assert taking(trapped, EVENING, sts__SourceIdentity=None) is not ALLOWED


def test_the_denies_of_the_on_call_group_hit_nothing_but_taking_its_role():
    """A Deny hits all that its user may do: what James has through his job stays as it is, on watch and off."""
    state = written(generous)
    for arn in state.groups["oncall-platform"].attached:
        for statement in state.policies[arn].document["Statement"]:
            if statement["Effect"] == "Deny":
                assert (statement["Action"], statement["Resource"]) == ("sts:AssumeRole", ROLE)
    late = NOON + 40 * DAY
    for at in (EVENING, MORNING, START - SECOND, END, late):
        assert own(state, "james", "ec2:RunInstances", at) is ALLOWED
        # What the other role's trust says is not known here; nothing of James's own denies it.
        assert own(state, "james", "sts:AssumeRole", at, f"{IAM}:role/deploy") is Effect.DEPENDS
        assert own(state, "james", "sts:AssumeRole", at, ROLE) is (Effect.DEPENDS if at == EVENING else DENIED)
        assert taking(state, at) is (ALLOWED if at == EVENING else DENIED)
    trapped = without(state, "gate-", lambda s: {**s, "Action": "*", "Resource": "*"} if s["Effect"] == "Deny" else s)
    assert own(trapped, "james", "ec2:RunInstances", MORNING) is DENIED


def test_no_variable_is_compared_with_the_clock():
    """A tag cannot hold the end of a watch: AWS refuses a variable in the place of a date."""
    tag = {"DateLessThan": {"aws:CurrentTime": "${aws:PrincipalTag/until}"}}
    assert grammar_error(document({**EVERYTHING, "Condition": tag}))
    assert not any(map(grammar_error, (policy.document for policy in written().policies.values())))
    found = [(operator, values) for operator, _, values in conditions(written()) if "${" in str(values)]
    assert found
    assert {operator.removesuffix("IfExists") for operator, _ in found} == {"StringEquals", "StringNotEquals"}


def test_sizes_are_counted_without_white_space():
    """As AWS counts; what is sent has none either, and no policy is written inline but the deny of who is frozen."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    settle(cloud, of, NOON, (Freeze("F-1", "james", NOON - DAY, None, None),))
    for call in cloud.calls:
        assert call.operation not in ("PutGroupPolicy", "PutRolePolicy")
        if call.operation == "PutUserPolicy":
            assert call.parameters["PolicyName"] == QUARANTINE
        for key, text in call.parameters.items():
            if key.endswith("Document"):
                spaced = json.dumps(json.loads(text), indent=4)
                assert size(json.loads(spaced)) == len(re.sub(r"\s", "", spaced)) == len(text)
    james = cloud.states["production"].users["james"]
    assert set(james.inline) == {QUARANTINE}
    assert sum(map(size, james.inline.values())) <= 2048


def test_a_policy_never_has_more_than_five_versions():
    """The oldest goes before a sixth comes; that holds for daily plans with swaps between them."""
    cloud, of = MemoryCloud(), team()
    most = 0
    for day in range(30):
        zone = with_rota(of, replace(of.rotas["platform"], grace_after=timedelta(minutes=day % 3)))
        settle(cloud, zone, NOON + day * DAY)
        versions = [1 + len(policy.versions) for policy in cloud.states["production"].policies.values()]
        most = max(most, *versions)
    assert most == 5
    assert any(call.operation == "DeletePolicyVersion" for call in cloud.calls)


def test_an_eleventh_group_of_a_user_is_said_before_aws_is_called():
    """Each job role, rota and grant is a group in an account, and AWS lets a user be in ten."""
    base = team()

    def problems(count):
        made = {f"g{n}": group(f"g{n}", ("james",), ("developer", "production")) for n in range(count)}
        of = replace(base, groups=made)
        return [p for p in compile_account(of, of.accounts["production"], NOON).problems if p.code == "quota"]

    assert not problems(9)
    (found,) = problems(10)
    assert "groups of user james" in found.message
    assert "would be 11, AWS allows 10" in found.message


def test_a_user_made_anew_under_the_same_name_holds_nothing():
    """AWS keeps ids in a trust, and groups of whom there was: the next plan shows what the new one would be given.

    The cloud in memory keeps names in a trust; what AWS makes of them is put there by hand.
    """
    cloud, of = MemoryCloud(), team()
    account = of.accounts["production"]
    settle(cloud, of, NOON)
    old = cloud.states["production"].users["james"]
    cloud.recreate(account, "james")
    state = cloud.states["production"]
    assert state.users["james"].id != old.id
    role = state.roles["oncall-platform"]
    trust = json.loads(json.dumps(role.trust).replace(old.arn, old.id))
    state = cloud.states["production"] = replace(state, roles={**state.roles, role.name: replace(role, trust=trust)})
    for at in (EVENING, MORNING):
        assert own(state, "james", "ec2:DescribeInstances", at) is SILENT
        ways = [each for each in Ways(state).of("james") if len(each.steps) > 1]
        for each in ways:
            step = each.steps[0]
            asked = Request("sts:AssumeRole", ROLE, {"aws:CurrentTime": iso(at), MFA: "true"}, complete=True)
            assert step.evaluator.decide(step.request(asked)).effect is not ALLOWED
    plan = make_plan(of, {"production": state}, NOON)
    gained = {(each.person, each.permission_set) for each in plan.effects if each.verb is Verb.GAINS}
    assert gained == {("james", "read-only"), ("james", "prod-oncall")}
    calls = {str(change.call) for change in plan.changes}
    assert "iam:AddUserToGroup(oncall-platform, james)" in calls
    assert "iam:UpdateAssumeRolePolicy(oncall-platform)" in calls


def test_at_the_instant_of_a_handoff_exactly_one_is_on():
    """Windows are half-open: at the very second the next is on and the one before is not, at gate and fence."""
    state = written()
    for edge, before, after in ((START, "rick", "james"), (END, "james", "priya")):
        for at, on in ((edge - SECOND, before), (edge, after), (edge + SECOND, after)):
            found = {user for user in state.users if taken(state, user, at)}
            assert found == {on}, at
            inside = {user for user in state.users if session(state, at, aws__userid=f"AROA:{user}") is ALLOWED}
            assert inside == {on}, at
    closed = {
        "DateGreaterThanEquals": {"aws:CurrentTime": iso(START)},
        "DateLessThanEquals": {"aws:CurrentTime": iso(END)},
    }
    assert decide([document({**EVERYTHING, "Condition": closed})], REBOOT, END) is ALLOWED
    operators = {operator for operator, key, _ in conditions(state) if key == "aws:CurrentTime"}
    assert operators == {"DateGreaterThanEquals", "DateLessThan"}


def taken(state, user, at):
    """Tell whether somebody may take the on-call role at an instant."""
    ways = {each.name for each in Ways(state).of(user)}
    return "role oncall-platform" in ways and taking(state, at, user) is ALLOWED


def test_dates_are_in_utc_and_say_so():
    """A rota of London and Los Angeles is written in UTC with a Z, also over the end of summer time."""
    cloud, of = MemoryCloud(), team()
    for at in (NOON, datetime.fromisoformat("2026-03-25T12:00:00Z"), datetime.fromisoformat("2026-10-24T12:00:00Z")):
        settle(cloud, of, at)
        state = cloud.states["production"]
        found = {values for operator, _, values in conditions(state) if operator.startswith("Date")}
        assert found
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each) for each in found)
    # On 2026-10-26 the evening of London begins at 18:00Z, on the 24th it began at 17:00Z.
    assert session(state, datetime.fromisoformat("2026-10-24T17:00:00Z"), aws__userid="AROA:rick") is DENIED
    shifts = on_call(of.rotas["platform"], Interval(MONDAY + 285 * DAY, MONDAY + 289 * DAY))
    for each in shifts:
        assert each.interval is not None
        for edge, effect in ((each.interval.start, ALLOWED), (each.interval.end - SECOND, ALLOWED)):
            assert session(state, edge, aws__userid=f"AROA:{each.person}") is effect


def test_a_session_ends_with_the_shift_whatever_was_taken_before():
    """Nothing ends a session's credentials. The gate alone would leave them an hour; the fence denies their calls."""
    state = written()
    assert session(state, END - SECOND, aws__userid="AROA:james") is ALLOWED
    assert session(state, END, aws__userid="AROA:james") is DENIED
    unfenced = replace(state, policies={arn: p for arn, p in state.policies.items() if not p.name.startswith("fence-")})
    role = unfenced.roles["oncall-platform"]
    kept = frozenset(arn for arn in role.attached if arn in unfenced.policies)
    trapped = replace(unfenced, roles={**unfenced.roles, role.name: replace(role, attached=kept)})
    assert session(trapped, END, aws__userid="AROA:james") is ALLOWED


def test_what_a_resource_allows_to_a_session_ends_too():
    """A bucket's policy that names the session needs no policy of the role, and an explicit Deny stands before it."""
    state = written()
    arn = "arn:aws:sts::111111111111:assumed-role/oncall-platform/james"
    bucket = parse_policy(
        document({**EVERYTHING, "Principal": {"AWS": arn}, "Resource": "arn:aws:s3:::ledger/*"}), "bucket"
    )
    policies = tuple(parse_policy(each, "role") for each in attached(state, "oncall-platform"))
    for at, effect in ((END - SECOND, ALLOWED), (END, DENIED), (NOON + 40 * DAY, DENIED)):
        context = {"aws:CurrentTime": iso(at), "aws:userid": "AROA:james", "aws:PrincipalArn": ROLE}
        who = Principal.of(arn)
        asked = Request("s3:GetObject", "arn:aws:s3:::ledger/a", context, complete=True, principal=who)
        assert Evaluator(Layers(policies, resource=bucket)).decide(asked).effect is effect


def test_roles_are_not_chained_into_or_out_of_a_watch():
    """From an on-call session no other role is taken; from another role's session no on-call role is."""
    state = written(generous)
    out = attached(state, "oncall-platform")
    context = {"aws__userid": "AROA:james"}
    assert decide(out, "rds:RebootDBInstance", **context) is ALLOWED
    assert decide(out, "sts:AssumeRole", resource=f"{IAM}:role/deploy", **context) is DENIED
    assert decide(out, "sts:AssumeRole", resource=ROLE, **context) is DENIED
    trust = parse_policy(state.roles["oncall-platform"].trust, "trust")
    given = {"aws:CurrentTime": iso(EVENING), MFA: "true", "sts:RoleSessionName": "james"}
    for arn, name, effect in (
        (f"{IAM}:user/watchbill/james", {"aws:username": "james"}, ALLOWED),
        ("arn:aws:sts::111111111111:assumed-role/deploy/james", {}, SILENT),
        ("arn:aws:sts::111111111111:assumed-role/oncall-platform/james", {}, SILENT),
    ):
        asked = Request("sts:AssumeRole", ROLE, {**given, **name}, complete=True, principal=Principal.of(arn))
        layers = Layers((parse_policy(document(EVERYTHING), "own"),), resource=trust)
        assert Evaluator(layers).decide(asked).effect is effect, arn


LATER = """
cloudformation:CreateStack cloudformation:UpdateStack states:StartExecution codebuild:StartBuild batch:SubmitJob
ssm:StartAutomationExecution ssm:SendCommand scheduler:CreateSchedule events:PutTargets lambda:UpdateFunctionCode
ecs:RunTask glue:StartJobRun ec2:RunInstances
"""
"""Work that AWS goes on with by itself, in its own name or a role's."""


@pytest.mark.parametrize("action", LATER.split())
def test_work_that_goes_on_by_itself_is_denied_or_told(action):
    """What a session has set going ends with no clock: it is kept out, or the team is told that it may outlive it."""
    state = written(generous)
    (entry, *_) = [each for each in CATALOGUE if any(glob_matches(p.lower(), action.lower()) for p in each.actions)]
    policies = attached(state, "oncall-platform")
    if decide(policies, action, aws__userid="AROA:james") is not DENIED:
        told = can_outlive((parse_policy(document(EVERYTHING), "all"),), (), EVENING)
        assert entry.name in {each.name for each, _ in told}
    assert decide(policies, "iam:PassRole", resource=f"{IAM}:role/deploy", aws__userid="AROA:james") is DENIED


def test_calls_that_a_service_forwards_meet_the_fence_too():
    """They carry AWS's time and the session's id: `aws:ViaAWSService` neither opens nor closes anything."""
    state = written()
    for via in ("true", "false"):
        given = {"aws__userid": "AROA:james", "aws__ViaAWSService": via, "aws__CalledVia": ("athena.amazonaws.com",)}
        assert session(state, EVENING, **given) is ALLOWED
        assert session(state, END, **given) is DENIED
    assert not {"aws:viaawsservice", "aws:calledvia", "aws:sourceip"} & {key.lower() for _, key, _ in conditions(state)}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreateAccessKey", f"{IAM}:user/watchbill/rick"),
        ("iam:UpdateLoginProfile", f"{IAM}:user/watchbill/rick"),
        ("iam:PutUserPolicy", f"{IAM}:user/watchbill/james"),
        ("iam:AttachUserPolicy", f"{IAM}:user/watchbill/james"),
        ("iam:AddUserToGroup", f"{IAM}:group/watchbill/job-security"),
        ("iam:RemoveUserFromGroup", f"{IAM}:group/watchbill/oncall-platform"),
        ("iam:CreatePolicyVersion", f"{IAM}:policy/watchbill/fence-oncall-platform-1"),
        ("iam:DetachGroupPolicy", f"{IAM}:group/watchbill/oncall-platform"),
        ("iam:DetachRolePolicy", ROLE),
        ("iam:PutRolePolicy", ROLE),
        ("iam:UpdateAssumeRolePolicy", ROLE),
        ("iam:PassRole", ROLE),
        ("iam:UpdateUser", f"{IAM}:user/watchbill/james"),
    ],
)
def test_a_job_role_with_all_of_iam_cannot_raise_itself(action, resource):
    """Neither by what watchbill wrote nor by another's keys; the guards are attached beside every job role."""
    state = written(generous)
    for at in (EVENING, MORNING):
        assert own(state, "james", action, at, resource) is DENIED
    assert own(state, "james", "iam:CreateAccessKey", MORNING, f"{IAM}:user/watchbill/james") is ALLOWED
    assert own(state, "james", "iam:CreateRole", MORNING, f"{IAM}:role/deploy") is ALLOWED
    unguarded = without(state, "guard-jobs", lambda s: {**s, "Action": "none:None"})
    assert own(unguarded, "james", action, MORNING, resource) is ALLOWED


def test_who_is_never_on_call_cannot_take_the_role():
    """Sofia's job lets her take any role: her job's guard denies this one, and the trust does not name her."""
    state = written(generous)
    assert own(state, "sofia", "sts:AssumeRole", EVENING, f"{IAM}:role/deploy") is Effect.DEPENDS
    assert own(state, "sofia", "sts:AssumeRole", EVENING, ROLE) is DENIED


def test_everything_lies_under_watchbills_path():
    """So that its own role can be bound to that path; what lies elsewhere is not touched, whatever it is called."""
    of, cloud = team(), MemoryCloud()
    account = of.accounts["production"]
    theirs = f"{IAM}:policy/gate-oncall-platform-9"
    foreign = AccountState(
        "production",
        account.number,
        {"mallory": UserState("mallory", f"{IAM}:user/mallory", "/", frozenset({"admins"}))},
        {"admins": GroupState("admins", "/", frozenset({theirs})), "empty": GroupState("empty", "/")},
        {},
        {},
    )
    cloud.states["production"] = foreign
    settle(cloud, of, NOON)
    smaller = replace(of, rotas={}, groups={"security": of.groups["security"]})
    settle(cloud, smaller, NOON + DAY)
    state = cloud.states["production"]
    assert state.users["mallory"] == foreign.users["mallory"]
    assert foreign.groups.items() <= state.groups.items()
    created = [call for call in cloud.calls if call.operation.startswith("Create") and "Version" not in call.operation]
    assert {call.operation for call in created} == {"CreateUser", "CreateGroup", "CreateRole", "CreatePolicy"}
    assert all(call.parameters["Path"] == PATH for call in created)
    paths = {call.parameters["PolicyArn"] for call in cloud.calls if "PolicyArn" in call.parameters}
    assert all(arn.startswith(f"{IAM}:policy{PATH}") for arn in paths)
    named = {call.parameters.get("UserName") or call.parameters.get("GroupName") for call in cloud.calls}
    assert not named & {"mallory", "admins", "empty"}


def test_slices_cover_the_horizon_without_a_hole():
    """Each instant of it is in one slice, so that nobody is forgotten by the denies, and outside it all are denied."""
    of = team()
    horizon = Interval(MONDAY, MONDAY + 14 * DAY)
    held = [(each.person, each) for each in on_call(of.rotas["platform"], horizon)]
    slices = slices_of(held, horizon)
    assert slices[0].interval.start == horizon.start
    assert slices[-1].interval.end == horizon.end
    for one, two in pairwise(slices):
        assert one.interval.end == two.interval.start
        assert one.users != two.users
    for at in (MONDAY - 5 * DAY, NOON + 40 * DAY):
        for user in written().users:
            assert session(written(), at, aws__userid=f"AROA:{user}") is DENIED
            assert not taken(written(), user, at)


def test_mfa_that_is_not_told_is_no_mfa():
    """Plain access keys have no such key in their requests: an Allow that wants `true` does not hold, nor the trust."""
    state = written()
    assert taking(state, EVENING) is ALLOWED
    for value in ("false", None):
        assert taking(state, EVENING, aws__MultiFactorAuthPresent=value) is not ALLOWED
    loose = {"Bool": {MFA: "false"}}
    deny = document({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": loose})
    assert decide([document(EVERYTHING), deny], REBOOT) is ALLOWED
    asked = [(operator, values) for operator, key, values in conditions(state) if key == MFA]
    assert asked
    assert set(asked) == {("Bool", "true")}
