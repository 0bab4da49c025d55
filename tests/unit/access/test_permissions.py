"""Permission sets as documents: they say exactly what the team file says, and fit."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.teams import HERE, MONDAY, permission_set

from watchbill.access.permissions import (
    LEVELS,
    POLICY_LIMIT,
    capability_patterns,
    granted_documents,
    known_documents,
    managed_arns,
    own_documents,
    permission_problems,
)
from watchbill.intervals import Interval, iso
from watchbill.policy.actions import access_level, actions_matching
from watchbill.policy.evaluate import evaluate
from watchbill.policy.grammar import grammar_error
from watchbill.policy.managed import ManagedPolicy, UnsureVersion, managed_policy
from watchbill.policy.model import Effect, Request
from watchbill.policy.statements import parse_policy
from watchbill.team.model import PermissionSet


POWER = "arn:aws:iam::aws:policy/PowerUserAccess"
VIEW = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
UNSURE = "AIDevOpsAgentAccessPolicy"
UNSURE_AT = datetime(2026, 5, 2, tzinfo=UTC)
HOUR = Interval(MONDAY, MONDAY + timedelta(hours=1))
SERVICES = tuple(dict.fromkeys(action.partition(":")[0] for action in actions_matching("*")))
EC2 = actions_matching("ec2:*")


def made(**parts):
    """Make a permission set of some parts."""
    return replace(permission_set("made"), **parts)


def decided(documents, action, resource="*", **context):
    """Decide a request under some documents, as an identity's own."""
    policies = [parse_policy(document, str(number)) for number, document in enumerate(documents)]
    return evaluate(Request(action, resource, context, complete=True), identity=policies).effect


def length(document):
    """Count characters as AWS does."""
    return len(json.dumps(document, separators=(",", ":")))


def said(documents):
    """Give every statement of some documents without its Sid, by action: what they say, whoever says it."""
    found = set()
    for document in documents:
        statements = document["Statement"]
        for each in [statements] if isinstance(statements, dict) else statements:
            rest = json.dumps({k: v for k, v in each.items() if k not in ("Sid", "Action")}, sort_keys=True)
            actions = each.get("Action", [None])
            found |= {(rest, action) for action in ([actions] if isinstance(actions, str) else actions)}
    return found


def codes(permissions):
    """Give what is wrong with a set, by code."""
    return [(problem.code, problem.message) for problem in permission_problems(permissions)]


@given(st.sampled_from(SERVICES), st.sets(st.sampled_from(sorted(LEVELS)), min_size=1))
@settings(max_examples=200)
def test_a_capability_is_exactly_the_actions_of_its_levels(service, levels):
    """Its patterns match the service's actions with those levels, and no other action of AWS."""
    patterns = capability_patterns(service, frozenset(levels))
    names = {LEVELS[level] for level in levels}
    wanted = {each for each in actions_matching(f"{service}:*") if access_level(each) in names}
    assert {each for pattern in patterns for each in actions_matching(pattern)} == wanted


@example("resiliencehub", {"read"})
@given(st.sampled_from(SERVICES), st.sets(st.sampled_from(sorted(LEVELS)), min_size=1, max_size=4))
def test_no_pattern_of_a_capability_can_be_left_out(service, levels):
    """Each pattern is needed, and one with a wildcard stands for several actions."""
    patterns = capability_patterns(service, frozenset(levels))
    matched = [set(actions_matching(pattern)) for pattern in patterns]
    for index, each in enumerate(matched):
        assert not each & set().union(*matched[:index], *matched[index + 1 :])
        assert len(each) > 1 if patterns[index].endswith("*") else len(each) == 1


def test_a_capability_reads_well():
    """Patterns end where words end; a whole service stands only where all levels are given."""
    found = capability_patterns("ec2", frozenset({"read", "list"}))
    assert {"ec2:Describe*", "ec2:Get*"} <= set(found)
    assert len(found) < 15
    assert capability_patterns("ec2", frozenset(LEVELS)) == ("ec2:*",)
    # Everything in Cost Explorer's pricing is read, and what will be added to it may not be.
    assert {access_level(each) for each in actions_matching("pricing:*")} <= {"Read", "List"}
    assert "pricing:*" not in capability_patterns("pricing", frozenset({"read", "list"}))


def test_a_set_is_one_document_of_what_it_says():
    """Allow, capabilities and deny, each in a statement of its own."""
    permissions = made(allow=("ssm:StartSession",), deny=("iam:*",), capabilities={"s3": ("list",), "sqs": ("list",)})
    (document,) = own_documents(permissions)
    assert [(each["Effect"], each["Resource"]) for each in document["Statement"]] == [
        ("Allow", "*"),
        ("Allow", "*"),
        ("Deny", "*"),
    ]
    assert grammar_error(document) is None
    assert decided([document], "s3:ListBucket") is Effect.ALLOWED
    assert decided([document], "s3:GetObject") is Effect.IMPLICITLY_DENIED
    assert decided([document], "iam:CreateUser") is Effect.EXPLICITLY_DENIED


def test_a_set_of_managed_policies_alone_has_no_document():
    """AWS refuses a policy without statements."""
    assert own_documents(made(managed=("PowerUserAccess",))) == ()
    assert own_documents(made()) == ()


def test_a_policy_that_fits_is_left_as_it_is():
    """Not a character of what the team wrote is changed."""
    policy = {"Id": "ours", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}
    assert own_documents(made(policy=policy)) == (policy,)


@given(
    st.lists(st.sampled_from(EC2), min_size=1, max_size=700, unique=True),
    st.lists(st.sampled_from(EC2), max_size=400, unique=True),
)
@settings(max_examples=25, deadline=None)
def test_a_set_that_is_split_says_the_same(allow, deny):
    """Every document fits, AWS takes it, and together they allow and deny what the set does."""
    documents = own_documents(made(allow=tuple(allow), deny=tuple(deny)))
    assert all(length(document) <= POLICY_LIMIT and grammar_error(document) is None for document in documents)
    rest = {effect: json.dumps({"Effect": effect, "Resource": "*"}) for effect in ("Allow", "Deny")}
    assert said(documents) == {(rest["Allow"], each) for each in allow} | {(rest["Deny"], each) for each in deny}
    for action in (*allow[:5], *deny[:5]):
        expected = Effect.EXPLICITLY_DENIED if action in deny else Effect.ALLOWED
        assert decided(documents, action) is expected


def test_a_split_set_takes_no_more_documents_than_it_must():
    """A document is filled before another is begun: all but one are nearly full."""
    documents = own_documents(made(allow=EC2))
    longest = max(map(len, EC2)) + 3
    assert sorted(map(length, documents))[1] > POLICY_LIMIT - longest
    assert len(documents) == -(-sum(len(each) + 3 for each in EC2) // (POLICY_LIMIT - 120))


def test_a_policy_that_is_split_keeps_conditions_and_resources():
    """Each piece is under the same condition, on the same resources, and nothing else is said."""
    condition = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    long = {"Sid": "Long", "Effect": "Allow", "Action": list(EC2), "Resource": "*", "Condition": condition}
    other = {"Effect": "Deny", "NotAction": "ec2:*", "Resource": "arn:aws:s3:::${aws:username}"}
    policy = {"Version": "2012-10-17", "Statement": [long, other]}
    documents = own_documents(made(policy=policy))
    assert len(documents) > 1
    assert all(length(document) <= POLICY_LIMIT and grammar_error(document) is None for document in documents)
    assert said(documents) == said([policy])


def test_statements_of_one_document_have_sids_of_their_own():
    """AWS refuses a Sid that is there twice, as it may be once documents are put together."""
    one = {"Sid": "Look", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [one, {**one, "Action": "s3:GetBucketTagging"}]}
    assert grammar_error(policy) is not None
    with pytest.raises(ValueError, match="malformed"):
        granted_documents(made(policy=policy), HOUR)
    # Each of these has a statement `DescribeInstances`, and a `DescribeSubnets`.
    faults = ("AWSFaultInjectionSimulatorEC2Access", "AWSFaultInjectionSimulatorECSAccess")
    (found,) = granted_documents(made(managed=faults), HOUR)
    assert grammar_error(found) is None
    sids = [each["Sid"] for each in found["Statement"] if "Sid" in each]
    assert {"DescribeInstances", "DescribeInstances2"} <= set(sids)
    assert len(sids) == len(set(sids))


def test_managed_policies_are_named_by_their_arns():
    """With their real path; given twice in two ways they are one, and one that is not known has no ARN."""
    permissions = made(managed=("ViewOnlyAccess", VIEW, "PowerUserAccess", "NoSuchPolicy"))
    assert managed_arns(permissions) == (VIEW, POWER)
    unknown = "arn:aws:iam::aws:policy/NewerThanTheData"
    assert managed_arns(made(managed=(unknown,))) == (unknown,)


def test_what_is_known_has_the_managed_policies_of_the_time():
    """PowerUserAccess says other things today than in 2016."""
    permissions = made(allow=("s3:GetObject",), managed=("PowerUserAccess",))
    today, unsure = known_documents(permissions, None)
    assert unsure == ()
    assert decided(today, "organizations:CreateAccount") is Effect.IMPLICITLY_DENIED
    assert today[0] == own_documents(permissions)[0]
    then, unsure = known_documents(permissions, datetime(2016, 1, 1, tzinfo=UTC))
    assert unsure == ()
    assert decided(then, "organizations:CreateAccount") is Effect.ALLOWED


def test_what_is_not_known_for_sure_is_said_and_never_guessed():
    """One of two versions, one that was not there yet, and one that nobody knows: no document, but a name."""
    assert isinstance(managed_policy(UNSURE, UNSURE_AT), UnsureVersion)
    arn = f"arn:aws:iam::aws:policy/{UNSURE}"
    assert known_documents(made(managed=(UNSURE,)), UNSURE_AT) == ((), (arn,))
    assert known_documents(made(managed=("NoSuchPolicy",)), None) == ((), ("NoSuchPolicy",))
    before = datetime(2010, 1, 1, tzinfo=UTC)
    assert known_documents(made(managed=("PowerUserAccess",)), before) == ((), (POWER,))


def test_a_grant_of_a_managed_policy_ends_by_the_clock():
    """Its statements are copied, each within the grant: to the second, and an exclusive end."""
    documents = granted_documents(made(managed=("PowerUserAccess",)), HOUR)
    assert all(grammar_error(document) is None and length(document) <= POLICY_LIMIT for document in documents)
    second = timedelta(seconds=1)
    for at, effect in (
        (HOUR.start - second, Effect.IMPLICITLY_DENIED),
        (HOUR.start, Effect.ALLOWED),
        (HOUR.end - second, Effect.ALLOWED),
        (HOUR.end, Effect.IMPLICITLY_DENIED),
    ):
        assert decided(documents, "ec2:RunInstances", **{"aws:CurrentTime": iso(at)}) is effect
    assert decided(documents, "iam:CreateUser", **{"aws:CurrentTime": iso(HOUR.start)}) is Effect.IMPLICITLY_DENIED


@pytest.mark.parametrize("name", ["ReadOnlyAccess", "SecurityAudit", "AmazonEC2FullAccess", "ViewOnlyAccess"])
def test_a_granted_copy_fits_and_says_all_that_the_policy_says(name):
    """Larger than a policy of one's own may be, it is spread over several; every action is in one of them."""
    policy = managed_policy(name)
    assert isinstance(policy, ManagedPolicy)
    documents = granted_documents(made(managed=(name,)), HOUR)
    assert all(length(document) <= POLICY_LIMIT for document in documents)
    assert {action for _, action in said(documents)} == {action for _, action in said([policy.document])}
    statements = [each for document in documents for each in document["Statement"]]
    assert all(each["Condition"]["DateLessThan"] == {"aws:CurrentTime": iso(HOUR.end)} for each in statements)


def test_a_grant_is_of_the_managed_policy_as_it_is_when_it_is_written():
    """At another time another version is copied."""
    permissions = made(managed=("PowerUserAccess",))
    then = granted_documents(permissions, HOUR, datetime(2016, 1, 1, tzinfo=UTC))
    assert then != granted_documents(permissions, HOUR)


@pytest.mark.parametrize(
    ("name", "at", "said_of_it"),
    [
        (UNSURE, UNSURE_AT, "it is not sure which is in force at 2026-05-02T00:00:00Z: v2 or v3"),
        ("NoSuchPolicy", None, "the managed policy `NoSuchPolicy` is not known"),
        ("PowerUserAccess", datetime(2010, 1, 1, tzinfo=UTC), "is not known at 2010-01-01T00:00:00Z"),
    ],
)
def test_no_copy_is_made_of_what_is_not_known_for_sure(name, at, said_of_it):
    """The plan is told why, rather than given half of it."""
    with pytest.raises(ValueError, match=said_of_it):
        granted_documents(made(managed=(name,)), HOUR, at)


@pytest.mark.parametrize(
    "condition",
    [
        {"DateLessThan": {"aws:CurrentTime": "2026-01-12T00:30:00Z"}},
        {"DateLessThan": {"AWS:currenttime": "2026-01-12T00:30:00Z"}},
    ],
)
def test_a_statement_with_a_bound_of_its_own_is_not_granted(condition):
    """Two dates under one key would be read as "either", in whatever case the key is written."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": condition}
    with pytest.raises(ValueError, match="already has DateLessThan"):
        granted_documents(made(policy={"Version": "2012-10-17", "Statement": statement}), HOUR)


def test_a_bound_of_another_kind_is_kept_beside_ours():
    """All operators and keys of a condition must hold."""
    own = {"DateLessThan": {"aws:TokenIssueTime": "2026-01-12T00:30:00Z"}, "Bool": {"aws:SecureTransport": "true"}}
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": own}
    (document,) = granted_documents(made(policy={"Version": "2012-10-17", "Statement": statement}), HOUR)
    assert document["Statement"][0]["Condition"] == {
        "DateLessThan": {"aws:TokenIssueTime": "2026-01-12T00:30:00Z", "aws:CurrentTime": iso(HOUR.end)},
        "DateGreaterThanEquals": {"aws:CurrentTime": iso(HOUR.start)},
        "Bool": {"aws:SecureTransport": "true"},
    }


def test_a_set_without_mistakes_has_no_problems():
    """Levels, services and managed policies that there are; nothing at all."""
    assert codes(made(capabilities={"ec2": ("read", "list")}, managed=("PowerUserAccess", VIEW))) == []
    assert codes(made(allow=("ec2:*",), deny=("iam:*",))) == []
    assert codes(made()) == []


@pytest.mark.parametrize(
    ("parts", "code", "message"),
    [
        ({"managed": ("PowerUserAcess",)}, "unknown-managed-policy", "no managed policy `PowerUserAcess`"),
        ({"managed": ("PowerUserAcess",)}, "unknown-managed-policy", "(did you mean `PowerUserAccess`?)"),
        (
            {"managed": ("arn:aws:iam::aws:policy/ViewOnlyAccess",)},
            "unknown-managed-policy",
            "(did you mean `arn:aws:iam::aws:policy/job-function/ViewOnlyAccess`?)",
        ),
        ({"managed": ("AmazonMacieSetupRole",)}, "managed-policy-gone", "AWS no longer lists `AmazonMacieSetupRole`"),
        (
            {"capabilities": {"clodtrail": ("read",)}},
            "unknown-service",
            "no action begins with `clodtrail:` (did you mean `cloudtrail`?)",
        ),
        ({"capabilities": {"ec*": ("read",)}}, "unknown-service", "no action begins with `ec*:`"),
        (
            {"capabilities": {"ec2": ("reads",)}},
            "unknown-level",
            "`reads` of `ec2` is no access level (did you mean `read`?)",
        ),
        ({"capabilities": {"sts": ("permissions",)}}, "empty-capability", "`sts` has no action of level `permissions`"),
        ({"policy": {"Statement": [{"Effect": "Allow"}]}}, "bad-policy", "its policy is malformed"),
    ],
)
def test_what_only_aws_can_tell_is_said_with_its_place(parts, code, message):
    """One problem for one mistake, at the place of the set."""
    permissions = made(**parts)
    (problem,) = permission_problems(permissions)
    assert problem.code == code
    assert problem.message.startswith("permission set `made`: ")
    assert message in problem.message
    assert (problem.file, problem.line) == (HERE.path, HERE.line)


def test_a_statement_that_cannot_fit_is_said():
    """A NotAction, or thousands of resources, cannot be spread; a long list of actions can."""
    statement = {"Sid": "Wide", "Effect": "Allow", "NotAction": list(EC2), "Resource": "*"}
    wide = made(policy={"Version": "2012-10-17", "Statement": [statement]})
    ((code, message),) = codes(wide)
    assert code == "quota"
    assert "statement `Wide` alone has" in message
    assert max(map(length, own_documents(wide))) > POLICY_LIMIT
    assert codes(made(allow=EC2)) == []


@given(st.data())
@settings(max_examples=50)
def test_any_capabilities_make_documents_that_aws_takes(data):
    """Whatever services and levels are asked for."""
    levels = st.sets(st.sampled_from(sorted(LEVELS)), min_size=1).map(tuple)
    capabilities = data.draw(st.dictionaries(st.sampled_from(SERVICES), levels, min_size=1, max_size=12))
    permissions = PermissionSet("made", "", (), (), None, HERE, capabilities=capabilities)
    documents = own_documents(permissions)
    assume(documents)
    assert all(grammar_error(document) is None and length(document) <= POLICY_LIMIT for document in documents)
