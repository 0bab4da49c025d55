"""From CloudTrail events to the IAM requests they were: names that differ, resources, and events that need no right."""

import pytest

from watchbill.policy.model import Request
from watchbill.policy.requests import ACTIONS, PREFIXES, prefix_of, requests_of


ACCOUNT, REGION = "111122223333", "eu-west-1"
OBJECT_AND_BUCKET = [
    {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::orders/a"},
    {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::orders", "accountId": ACCOUNT},
]


def mapped(source, name, parameters=None, resources=None, context=None):
    """Map one event of one account and region."""
    return requests_of(
        source=f"{source}.amazonaws.com",
        name=name,
        account=ACCOUNT,
        region=REGION,
        principal_arn=None,
        request_parameters=parameters,
        resources=resources,
        context=context or {},
    )


def actions(source, name):
    """Give the actions of an event that names nothing."""
    return [request.action for request in mapped(source, name).requests]


def acted_on(source, name, parameters=None, resources=None):
    """Give the resources of an event, each once."""
    return list(dict.fromkeys(r.resource for r in mapped(source, name, parameters, resources).requests))


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("ec2", "TerminateInstances", ["ec2:TerminateInstances"]),
        ("iam", "CreateUser", ["iam:CreateUser"]),
        ("monitoring", "PutMetricAlarm", ["cloudwatch:PutMetricAlarm"]),
        ("email", "SendEmail", ["ses:SendEmail"]),
        ("tagging", "GetResources", ["tag:GetResources"]),
        ("runtime.lex", "PostText", ["lex:PostText"]),
        ("s3", "ListBuckets", ["s3:ListAllMyBuckets"]),
        ("s3", "HeadBucket", ["s3:ListBucket"]),
        ("s3", "ListObjectsV2", ["s3:ListBucket"]),
        ("s3", "HeadObject", ["s3:GetObject"]),
        ("s3", "UploadPart", ["s3:PutObject"]),
        ("s3", "DeleteObjects", ["s3:DeleteObject"]),
        ("s3", "CopyObject", ["s3:GetObject", "s3:PutObject"]),
        ("s3", "DeleteBucketEncryption", ["s3:PutEncryptionConfiguration"]),
        ("s3", "PutBucketCors", ["s3:PutBucketCORS"]),
        ("s3", "GetPublicAccessBlock", ["s3:GetBucketPublicAccessBlock"]),
        ("s3", "GetObject", ["s3:GetObject"]),
        ("lambda", "Invoke", ["lambda:InvokeFunction"]),
        ("lambda", "ListFunctions20150331", ["lambda:ListFunctions"]),
        ("lambda", "UpdateFunctionConfiguration20150331v2", ["lambda:UpdateFunctionConfiguration"]),
        ("cloudfront", "CreateDistribution2020_05_31", ["cloudfront:CreateDistribution"]),
        ("kms", "ReEncrypt", ["kms:ReEncryptFrom", "kms:ReEncryptTo"]),
        ("kms", "Decrypt", ["kms:Decrypt"]),
        ("sqs", "SendMessageBatch", ["sqs:SendMessage"]),
        ("dynamodb", "ExecuteStatement", ["dynamodb:PartiQLSelect"]),
        ("sts", "AssumeRole", ["sts:AssumeRole"]),
        ("new-service", "DoThing", ["new-service:DoThing"]),
    ],
)
def test_an_event_is_the_actions_it_needed(source, name, expected):
    """IAM knows some calls by other names, and a right is judged by IAM's."""
    assert actions(source, name) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ec2.amazonaws.com", "ec2"),
        ("EC2.amazonaws.com", "ec2"),
        ("monitoring.amazonaws.com", "cloudwatch"),
        ("streams.dynamodb.amazonaws.com", "dynamodb"),
        ("ec2", "ec2"),
    ],
)
def test_a_source_gives_the_prefix_of_its_actions(source, expected):
    """Policies name services by their prefix, which is not always the host's name."""
    assert prefix_of(source) == expected


@pytest.mark.parametrize(
    ("source", "name", "said"),
    [
        ("signin", "ConsoleLogin", "sign-in events need no IAM permission"),
        ("signin", "SwitchRole", "sign-in events need no IAM permission"),
        ("sts", "GetCallerIdentity", "always allowed"),
        ("sts", "GetSessionToken", "needs no permission"),
    ],
)
def test_an_event_that_needs_no_right_says_why(source, name, said):
    """No policy can forbid these, so nobody is judged by one."""
    found = mapped(source, name)
    assert found.requests == ()
    assert said in str(found.why_not)
    assert not found.resource_known


@pytest.mark.parametrize(
    ("source", "name", "parameters", "expected"),
    [
        ("s3", "GetObject", {"bucketName": "orders", "key": "a/b"}, ["arn:aws:s3:::orders/a/b"]),
        ("s3", "ListObjects", {"bucketName": "orders", "prefix": "a/"}, ["arn:aws:s3:::orders"]),
        ("s3", "PutBucketPolicy", {"bucketName": "orders", "key": ""}, ["arn:aws:s3:::orders"]),
        ("ec2", "StopInstances", {"instanceId": "i-1"}, ["arn:aws:ec2:eu-west-1:111122223333:instance/i-1"]),
        (
            "ec2",
            "TerminateInstances",
            {"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}, {"instanceId": "i-1"}]}},
            [f"arn:aws:ec2:eu-west-1:111122223333:instance/i-{number}" for number in (1, 2)],
        ),
        ("ec2", "DeleteSnapshot", {"snapshotId": "snap-1"}, ["arn:aws:ec2:eu-west-1::snapshot/snap-1"]),
        ("rds", "RebootDBInstance", {"dBInstanceIdentifier": "db"}, ["arn:aws:rds:eu-west-1:111122223333:db:db"]),
        ("iam", "CreateUser", {"userName": "rick"}, ["arn:aws:iam::111122223333:user/rick"]),
        (
            "iam",
            "AttachUserPolicy",
            {"userName": "rick", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
            ["arn:aws:iam::111122223333:user/rick"],
        ),
        (
            "iam",
            "AttachRolePolicy",
            {"roleName": "oncall", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
            ["arn:aws:iam::111122223333:role/oncall"],
        ),
        (
            "iam",
            "AddUserToGroup",
            {"userName": "rick", "groupName": "admins"},
            ["arn:aws:iam::111122223333:group/admins"],
        ),
        (
            "iam",
            "CreatePolicyVersion",
            {"policyArn": "arn:aws:iam::111122223333:policy/p"},
            ["arn:aws:iam::111122223333:policy/p"],
        ),
        ("iam", "CreatePolicy", {"policyName": "p"}, ["arn:aws:iam::111122223333:policy/p"]),
        ("iam", "CreateAccessKey", {"userName": "rick"}, ["arn:aws:iam::111122223333:user/rick"]),
        ("sts", "AssumeRole", {"roleArn": "arn:aws:iam::1:role/r"}, ["arn:aws:iam::1:role/r"]),
        ("lambda", "Invoke", {"functionName": "f"}, ["arn:aws:lambda:eu-west-1:111122223333:function:f"]),
        (
            "lambda",
            "Invoke",
            {"functionName": "arn:aws:lambda:us-east-1:1:function:f"},
            ["arn:aws:lambda:us-east-1:1:function:f"],
        ),
        ("kms", "Decrypt", {"keyId": "k"}, ["arn:aws:kms:eu-west-1:111122223333:key/k"]),
        ("cloudtrail", "StopLogging", {"name": "main"}, ["arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"]),
        ("ssm", "StartSession", {"target": "i-1"}, ["arn:aws:ec2:eu-west-1:111122223333:instance/i-1"]),
    ],
)
def test_a_resource_is_read_from_the_call(source, name, parameters, expected):
    """A right on one instance is not a right on all, so what was acted on is named as policies name it."""
    assert acted_on(source, name, parameters) == expected
    assert mapped(source, name, parameters).resource_known


@pytest.mark.parametrize(
    ("source", "name", "parameters"),
    [
        ("ec2", "DescribeInstances", None),
        ("ec2", "DescribeInstances", {}),
        ("ec2", "StopInstances", {"instanceId": 5}),
        ("ec2", "StopInstances", {"instanceId": ""}),
        ("ec2", "StopInstances", {"instancesSet": "i-1"}),
        ("ec2", "StopInstances", {"instancesSet": {"items": ["i-1", None, {"instanceId": 5}]}}),
        ("s3", "ListBuckets", {}),
        ("s3", "GetObject", {"bucketName": None, "key": "a"}),
        ("new-service", "DoThing", {"thing": "x"}),
    ],
)
def test_a_resource_that_is_not_named_is_said_to_be_unknown(source, name, parameters):
    """Hand-made or cut records must not stop the audit, and must not be read as naming something."""
    found = mapped(source, name, parameters)
    assert [request.resource for request in found.requests] == ["*"]
    assert not found.resource_known
    assert found.why_not is None


@pytest.mark.parametrize(
    ("source", "name", "parameters", "resources", "expected"),
    [
        ("kms", "Decrypt", {"keyId": "alias/a"}, [{"ARN": "arn:aws:kms:x:1:key/k"}], ["arn:aws:kms:x:1:key/k"]),
        ("s3", "GetObject", {"bucketName": "orders", "key": "a"}, OBJECT_AND_BUCKET, ["arn:aws:s3:::orders/a"]),
        ("s3", "ListObjects", {"bucketName": "orders"}, OBJECT_AND_BUCKET, ["arn:aws:s3:::orders"]),
        ("s3", "GetBucketAcl", None, [{"ARN": "arn:aws:s3:::orders"}], ["arn:aws:s3:::orders"]),
        (
            "iam",
            "CreateUser",
            {"userName": "rick"},
            [{"ARN": "arn:aws:iam::1:other/x"}],
            ["arn:aws:iam::111122223333:user/rick"],
        ),
        ("kms", "Decrypt", {"keyId": "k"}, [{"ARN": None}, {}], ["arn:aws:kms:eu-west-1:111122223333:key/k"]),
        ("sns", "Publish", None, [{"ARN": "b"}, {"ARN": "a"}, {"ARN": "b"}], ["b", "a"]),
    ],
)
def test_what_the_event_lists_goes_before_what_the_call_names(source, name, parameters, resources, expected):
    """CloudTrail resolves aliases for us; but S3 lists a bucket beside its object, and only one was asked for."""
    assert acted_on(source, name, parameters, resources) == expected


def test_several_actions_and_resources_are_all_asked():
    """Every pair was needed; each request carries the whole context and knows no more than it."""
    resources = [{"ARN": "arn:aws:kms:x:1:key/a"}, {"ARN": "arn:aws:kms:x:1:key/b"}]
    found = mapped("kms", "ReEncrypt", None, resources, {"aws:SourceIp": "10.0.0.1"})
    assert found.requests == tuple(
        Request(action, f"arn:aws:kms:x:1:key/{key}", {"aws:SourceIp": "10.0.0.1"})
        for action in ("kms:ReEncryptFrom", "kms:ReEncryptTo")
        for key in ("a", "b")
    )


def test_the_tables_are_written_as_iam_writes():
    """A table entry with a wrong prefix or a capital in it would never match a policy."""
    assert all(prefix == prefix.lower() for prefix in [*PREFIXES, *PREFIXES.values()])
    for (service, name), found in ACTIONS.items():
        assert found
        assert (f"{service}:{name}",) != found
        assert all(action.startswith(f"{service}:") for action in found)
