"""From CloudTrail events to the IAM requests they were: resources, what was needed besides, and what is not known."""

import json
import random
from typing import Any

import pytest

from watchbill.policy.acted_on import Call
from watchbill.policy.circumstances import Known
from watchbill.policy.denials import Denial
from watchbill.policy.model import Request
from watchbill.policy.requests import call_of, requests_of, requests_of_call, requests_of_record


ACCOUNT, REGION = "111122223333", "eu-west-1"
HERE = f"{REGION}:{ACCOUNT}"
JAMES = f"arn:aws:iam::{ACCOUNT}:user/team/james"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
OBJECT_AND_BUCKET = [
    {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::orders/a"},
    {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::orders", "accountId": ACCOUNT},
]


def mapped(source, name, parameters=None, resources=None, context=None, principal=None):
    """Map one event of one account and region."""
    return requests_of(
        source=f"{source}.amazonaws.com",
        name=name,
        account=ACCOUNT,
        region=REGION,
        principal_arn=principal,
        request_parameters=parameters,
        resources=resources,
        context=context or {},
    )


def own(found):
    """Give what a call's own requests were, as pairs."""
    return [(request.action, request.resource) for request in found.requests[: found.own]]


def besides(found):
    """Give what a call needed besides, as pairs."""
    return [(request.action, request.resource) for request in found.requests[found.own :]]


def acted_on(source, name, parameters=None, resources=None, principal=None):
    """Give the resources of an event's own requests, each once."""
    return list(dict.fromkeys(arn for _, arn in own(mapped(source, name, parameters, resources, principal=principal))))


def items(**named):
    """Make the lists that EC2 wraps, one entry of each value."""
    (name, values) = next(iter(named.items()))
    return {"items": [{name: value} for value in values]}


# --- resources ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name", "parameters", "expected"),
    [
        ("ec2", "DescribeInstances", {"instancesSet": items(instanceId=["i-1"])}, ["*"]),
        ("ec2", "StopInstances", {"instanceId": "i-1"}, [f"arn:aws:ec2:{HERE}:instance/i-1"]),
        (
            "ec2",
            "TerminateInstances",
            {"instancesSet": items(instanceId=["i-1", "i-2", "i-1"])},
            [f"arn:aws:ec2:{HERE}:instance/i-1", f"arn:aws:ec2:{HERE}:instance/i-2"],
        ),
        (
            "ec2",
            "AssociateAddress",
            {"instanceId": "i-1", "allocationId": "eipalloc-1"},
            [f"arn:aws:ec2:{HERE}:elastic-ip/eipalloc-1", f"arn:aws:ec2:{HERE}:instance/i-1"],
        ),
        ("ec2", "DeleteSnapshot", {"snapshotId": "snap-1"}, ["arn:aws:ec2:eu-west-1::snapshot/snap-1"]),
        (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            {"groupId": "sg-1", "ipPermissions": {"items": [{"groups": items(groupId=["sg-2"])}]}},
            [f"arn:aws:ec2:{HERE}:security-group/sg-1"],
        ),
        ("ec2", "DeleteNetworkAclEntry", {"networkAclId": "acl-1"}, [f"arn:aws:ec2:{HERE}:network-acl/acl-1"]),
        ("ec2", "CreateKeyPair", {"keyName": "k"}, [f"arn:aws:ec2:{HERE}:key-pair/k"]),
        ("ec2", "CreateVolume", {"size": "8"}, [f"arn:aws:ec2:{HERE}:volume/*"]),
        (
            "ec2",
            "CreateSecurityGroup",
            {"groupName": "web", "vpcId": "vpc-1"},
            [f"arn:aws:ec2:{HERE}:security-group/*", f"arn:aws:ec2:{HERE}:vpc/vpc-1"],
        ),
        (
            "ec2",
            "DeleteNatGateway",
            {"DeleteNatGatewayRequest": {"NatGatewayId": "nat-1"}},
            [f"arn:aws:ec2:{HERE}:natgateway/nat-1"],
        ),
        (
            "ec2",
            "DeleteFlowLogs",
            {"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-1"}}},
            [f"arn:aws:ec2:{HERE}:vpc-flow-log/fl-1"],
        ),
        (
            "ec2",
            "CreateTags",
            {"resourcesSet": items(resourceId=["i-1", "ami-2", "tgw-rtb-3"])},
            [
                f"arn:aws:ec2:{HERE}:instance/i-1",
                "arn:aws:ec2:eu-west-1::image/ami-2",
                f"arn:aws:ec2:{HERE}:transit-gateway-route-table/tgw-rtb-3",
            ],
        ),
        ("ec2", "CreateTags", {"resourcesSet": items(resourceId=["odd"])}, [None]),
        ("s3", "GetObject", {"bucketName": "orders", "key": "a/b"}, ["arn:aws:s3:::orders/a/b"]),
        ("s3", "ListObjects", {"bucketName": "orders", "prefix": "a/"}, ["arn:aws:s3:::orders"]),
        ("s3", "PutBucketPolicy", {"bucketName": "orders", "key": ""}, ["arn:aws:s3:::orders"]),
        ("s3", "ListBuckets", {"Host": "s3.amazonaws.com"}, ["*"]),
        ("s3", "DeleteObjects", {"bucketName": "orders", "delete": ""}, [None]),
        (
            "s3",
            "GetObject",
            {"bucketName": f"arn:aws:s3:{HERE}:accesspoint/p", "key": "a"},
            [f"arn:aws:s3:{HERE}:accesspoint/p/object/a"],
        ),
        ("rds", "RebootDBInstance", {"dBInstanceIdentifier": "DB"}, [f"arn:aws:rds:{HERE}:db:db"]),
        ("rds", "DescribeDBInstances", {}, [f"arn:aws:rds:{HERE}:db:*"]),
        ("rds", "DeleteDBCluster", {"dBClusterIdentifier": "c"}, [f"arn:aws:rds:{HERE}:cluster:c"]),
        ("iam", "CreateUser", {"userName": "rick"}, [f"arn:aws:iam::{ACCOUNT}:user/rick"]),
        ("iam", "CreateRole", {"roleName": "r", "path": "/team/"}, [f"arn:aws:iam::{ACCOUNT}:role/team/r"]),
        (
            "iam",
            "AttachUserPolicy",
            {"userName": "rick", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
            [f"arn:aws:iam::{ACCOUNT}:user/rick"],
        ),
        ("iam", "AddUserToGroup", {"userName": "rick", "groupName": "g"}, [f"arn:aws:iam::{ACCOUNT}:group/g"]),
        (
            "iam",
            "CreatePolicyVersion",
            {"policyArn": f"arn:aws:iam::{ACCOUNT}:policy/p"},
            [f"arn:aws:iam::{ACCOUNT}:policy/p"],
        ),
        ("iam", "CreatePolicy", {"policyName": "p"}, [f"arn:aws:iam::{ACCOUNT}:policy/p"]),
        ("iam", "ListRoles", None, [f"arn:aws:iam::{ACCOUNT}:role/"]),
        ("sts", "AssumeRole", {"roleArn": "arn:aws:iam::1:role/r"}, ["arn:aws:iam::1:role/r"]),
        ("sts", "GetFederationToken", {"name": "n"}, [f"arn:aws:sts::{ACCOUNT}:federated-user/n"]),
        ("lambda", "Invoke", {"functionName": "f"}, [f"arn:aws:lambda:{HERE}:function:f"]),
        ("lambda", "Invoke", {"functionName": "f", "qualifier": "2"}, [f"arn:aws:lambda:{HERE}:function:f:2"]),
        ("lambda", "Invoke", {"functionName": "9:function:f"}, ["arn:aws:lambda:eu-west-1:9:function:f"]),
        ("lambda", "Invoke", {"functionName": "arn:aws:lambda:x:1:function:f"}, ["arn:aws:lambda:x:1:function:f"]),
        ("kms", "Decrypt", {"keyId": "k"}, [f"arn:aws:kms:{HERE}:key/k"]),
        ("kms", "Decrypt", {"keyId": "alias/orders"}, [None]),
        (
            "kms",
            "CreateAlias",
            {"aliasName": "alias/orders", "targetKeyId": "k"},
            [f"arn:aws:kms:{HERE}:alias/orders", f"arn:aws:kms:{HERE}:key/k"],
        ),
        ("cloudtrail", "StopLogging", {"name": "main"}, [f"arn:aws:cloudtrail:{HERE}:trail/main"]),
        ("ssm", "StartSession", {"target": "i-1"}, [f"arn:aws:ec2:{HERE}:instance/i-1"]),
        ("ssm", "GetParameters", {"names": ["/a/b", "c"]}, [f"arn:aws:ssm:{HERE}:parameter/{x}" for x in ("a/b", "c")]),
        (
            "ssm",
            "SendCommand",
            {"instanceIds": ["i-1", "mi-2"], "documentName": "AWS-RunShellScript"},
            [
                "arn:aws:ssm:eu-west-1::document/AWS-RunShellScript",
                f"arn:aws:ec2:{HERE}:instance/i-1",
                f"arn:aws:ssm:{HERE}:managed-instance/mi-2",
            ],
        ),
        (
            "ssm",
            "ListTagsForResource",
            {"resourceType": "Parameter", "resourceId": "/a"},
            [f"arn:aws:ssm:{HERE}:parameter/a"],
        ),
        ("ssm", "DescribeParameters", {}, [f"arn:aws:ssm:{HERE}:*"]),
        ("sns", "ListTopics", None, [f"arn:aws:sns:{HERE}:*"]),
        ("sqs", "SendMessage", {"queueUrl": f"https://sqs.x/{ACCOUNT}/q"}, [f"arn:aws:sqs:{HERE}:q"]),
        ("sqs", "SendMessage", {"queueUrl": "odd"}, [None]),
        ("logs", "DeleteLogGroup", {"logGroupName": "g"}, [f"arn:aws:logs:{HERE}:log-group:g:log-stream:"]),
        (
            "logs",
            "CreateLogStream",
            {"logGroupName": "g", "logStreamName": "s"},
            [f"arn:aws:logs:{HERE}:log-group:g:log-stream:s"],
        ),
        ("logs", "DescribeLogGroups", {}, [f"arn:aws:logs:{HERE}:log-group::log-stream:"]),
        ("logs", "DescribeLogGroups", {"logGroupNamePrefix": "a"}, [None]),
        ("secretsmanager", "GetSecretValue", {"secretId": "orders"}, [None]),
        (
            "secretsmanager",
            "GetSecretValue",
            {"secretId": f"arn:aws:secretsmanager:{HERE}:secret:orders-a1b2c3"},
            [f"arn:aws:secretsmanager:{HERE}:secret:orders-a1b2c3"],
        ),
        (
            "monitoring",
            "DeleteAlarms",
            {"alarmNames": ["a", "b"]},
            [f"arn:aws:cloudwatch:{HERE}:alarm:{x}" for x in "ab"],
        ),
        ("events", "DisableRule", {"name": "r"}, [f"arn:aws:events:{HERE}:rule/r"]),
        ("events", "DisableRule", {"name": "r", "eventBusName": "bus"}, [f"arn:aws:events:{HERE}:rule/bus/r"]),
        ("events", "DisableRule", {"name": "r", "eventBusName": "default"}, [f"arn:aws:events:{HERE}:rule/r"]),
        ("cloudformation", "DeleteStack", {"stackName": "s"}, [f"arn:aws:cloudformation:{HERE}:stack/s/*"]),
        (
            "autoscaling",
            "UpdateAutoScalingGroup",
            {"autoScalingGroupName": "g"},
            [f"arn:aws:autoscaling:{HERE}:autoScalingGroup:*:autoScalingGroupName/g"],
        ),
        ("ecs", "UpdateService", {"service": "s", "cluster": "c"}, [f"arn:aws:ecs:{HERE}:service/c/s"]),
        ("ecs", "UpdateService", {"service": "s"}, [f"arn:aws:ecs:{HERE}:service/default/s"]),
        (
            "ecs",
            "UpdateService",
            {"service": "s", "cluster": f"arn:aws:ecs:{HERE}:cluster/c"},
            [f"arn:aws:ecs:{HERE}:service/c/s"],
        ),
        ("ecs", "RunTask", {"taskDefinition": "f:3"}, [f"arn:aws:ecs:{HERE}:task-definition/f:3"]),
        ("ecs", "RunTask", {"taskDefinition": "f"}, [None]),
        ("ecs", "RegisterTaskDefinition", {"family": "f"}, [f"arn:aws:ecs:{HERE}:task-definition/f:*"]),
        ("apigateway", "CreateRestApi", {"name": "n"}, ["arn:aws:apigateway:eu-west-1::/restapis"]),
        ("apigateway", "GetRestApi", {"restApiId": "r"}, ["arn:aws:apigateway:eu-west-1::/restapis/r"]),
        (
            "apigateway",
            "CreateStage",
            {"apiId": "a", "stageName": "s"},
            ["arn:aws:apigateway:eu-west-1::/apis/a/stages"],
        ),
        ("apigateway", "GetRestApi", {}, [None]),
        (
            "wafv2",
            "DeleteWebACL",
            {"name": "n", "id": "1", "scope": "REGIONAL"},
            [f"arn:aws:wafv2:{HERE}:regional/webacl/n/1"],
        ),
        (
            "elasticloadbalancing",
            "CreateRule",
            {"listenerArn": f"arn:aws:elasticloadbalancing:{HERE}:listener/app/a/b/c"},
            [f"arn:aws:elasticloadbalancing:{HERE}:listener/app/a/b/c"],
        ),
        (
            "dynamodb",
            "BatchGetItem",
            {"requestItems": {"a": {}, "b": {}}},
            [f"arn:aws:dynamodb:{HERE}:table/{x}" for x in "ab"],
        ),
        ("ce", "GetCostAndUsage", {"Granularity": "DAILY"}, [f"arn:aws:ce:us-east-1:{ACCOUNT}:/GetCostAndUsage"]),
        ("codebuild", "StartBuild", {"projectName": "p"}, [f"arn:aws:codebuild:{HERE}:project/p"]),
    ],
)
def test_a_resource_is_read_from_the_call(source, name, parameters, expected):
    """A right on one instance is not a right on all, so what was acted on is named as policies name it."""
    assert acted_on(source, name, parameters) == expected
    assert mapped(source, name, parameters).resource_known == (None not in expected)


@pytest.mark.parametrize(
    ("source", "name", "parameters"),
    [
        ("ec2", "StopInstances", None),
        ("ec2", "StopInstances", {"instanceId": 5}),
        ("ec2", "StopInstances", {"instanceId": ""}),
        ("ec2", "StopInstances", {"instancesSet": "i-1"}),
        ("ec2", "StopInstances", {"instancesSet": {"items": ["i-1", None, {"instanceId": 5}]}}),
        ("ec2", "StopInstances", {"StopInstancesRequest": ""}),
        ("ec2", "DisassociateRouteTable", {"associationId": "rtbassoc-1"}),
        ("s3", "GetObject", {"bucketName": None, "key": "a"}),
        ("s3", "GetObject", {"bucketName": "orders"}),
        ("lambda", "GetFunction", {"functionName": ["f", 5]}),
        ("new-service", "DoThing", {"thing": "x"}),
    ],
)
def test_a_resource_that_is_not_named_is_not_known(source, name, parameters):
    """Hand-made or cut records must not stop the audit, and must not be read as naming something or everything."""
    found = mapped(source, name, parameters)
    if (source, name) == ("lambda", "GetFunction"):
        assert acted_on(source, name, parameters) == [f"arn:aws:lambda:{HERE}:function:f"]
        return
    assert [request.resource for request in found.requests] == [None]
    assert not found.resource_known
    assert found.why_not is None


@pytest.mark.parametrize(
    ("source", "name", "parameters", "resources", "expected"),
    [
        ("kms", "Decrypt", {"keyId": "alias/a"}, [{"ARN": "arn:aws:kms:x:1:key/k"}], ["arn:aws:kms:x:1:key/k"]),
        ("s3", "GetObject", {"bucketName": "orders", "key": "a"}, OBJECT_AND_BUCKET, ["arn:aws:s3:::orders/a"]),
        ("s3", "ListObjects", {"bucketName": "orders"}, OBJECT_AND_BUCKET, ["arn:aws:s3:::orders"]),
        ("s3", "GetObject", None, OBJECT_AND_BUCKET, ["arn:aws:s3:::orders/a"]),
        ("s3", "GetBucketAcl", None, OBJECT_AND_BUCKET, ["arn:aws:s3:::orders"]),
        ("iam", "CreateUser", {"userName": "rick"}, [{"ARN": "odd"}], [f"arn:aws:iam::{ACCOUNT}:user/rick"]),
        ("kms", "Decrypt", {"keyId": "k"}, [{"ARN": None}, {}], [f"arn:aws:kms:{HERE}:key/k"]),
        ("new", "Do", None, [{"ARN": "b"}, {"ARN": "a"}, {"ARN": "b"}], ["b", "a"]),
        (
            "dynamodb",
            "PutItem",
            {"tableName": "other"},
            [{"ARN": "arn:aws:dynamodb:x:9:table/t"}, {"ARN": "arn:aws:iam::9:role/r"}],
            ["arn:aws:dynamodb:x:9:table/t"],
        ),
    ],
)
def test_what_the_event_lists_goes_before_what_the_call_names(source, name, parameters, resources, expected):
    """CloudTrail resolves aliases for us; but it lists more than was asked for, such as a bucket beside its object."""
    assert acted_on(source, name, parameters, resources) == expected


def test_a_launch_is_asked_for_each_thing_it_is_on():
    """AWS asks for the image, the subnet, the group, and for what there is not yet; a right may lack in any of them."""
    parameters = {
        "instancesSet": {"items": [{"imageId": "ami-1", "keyName": "k"}]},
        "groupSet": items(groupId=["sg-1"]),
        "subnetId": "subnet-1",
    }
    found = mapped("ec2", "RunInstances", parameters)
    assert set(own(found)) == {
        ("ec2:RunInstances", arn)
        for arn in (
            "arn:aws:ec2:eu-west-1::image/ami-1",
            *(
                f"arn:aws:ec2:{HERE}:{x}"
                for x in ("instance/*", "key-pair/k", "network-interface/*", "security-group/sg-1")
            ),
            *(f"arn:aws:ec2:{HERE}:{x}" for x in ("subnet/subnet-1", "volume/*")),
        )
    }
    assert "a new instance is asked for as *" in found.assumed
    del parameters["subnetId"]
    assert None in acted_on("ec2", "RunInstances", parameters), "the default subnet is somebody's, we know not which"


def test_a_subnet_and_groups_may_lie_in_the_network_interface():
    """EC2 takes them there, too."""
    interface = {"subnetId": "subnet-1", "groupSet": items(groupId=["sg-1"])}
    found = acted_on("ec2", "RunInstances", {"networkInterfaceSet": {"items": [interface]}})
    assert f"arn:aws:ec2:{HERE}:subnet/subnet-1" in found
    assert f"arn:aws:ec2:{HERE}:security-group/sg-1" in found


def test_a_call_of_iam_that_names_no_user_is_on_the_callers_own():
    """Who makes a key for themselves makes it for their user, path and all."""
    assert acted_on("iam", "CreateAccessKey", None, principal=JAMES) == [JAMES]
    assert acted_on("iam", "CreateAccessKey", {"userName": "james"}, principal=JAMES) == [JAMES]
    assert acted_on("iam", "CreateAccessKey", {"userName": "rick"}, principal=JAMES) == [
        f"arn:aws:iam::{ACCOUNT}:user/rick"
    ]
    assert acted_on("iam", "CreateAccessKey", None, principal=ROLE) == [None]
    assert acted_on("iam", "DeleteUser", None, principal=JAMES) == [None]
    cut = Call("iam.amazonaws.com", "CreateAccessKey", ACCOUNT, REGION, principal_arn=JAMES, cut=True)
    assert own(requests_of_call(cut, Known())) == [("iam:CreateAccessKey", None)]


def test_a_path_that_no_call_names_is_said_to_be_assumed():
    """The user may lie elsewhere; whoever reads the judgement can see it."""
    assert mapped("iam", "DeleteUser", {"userName": "rick"}).assumed == ("user rick has the path /",)
    assert mapped("iam", "CreateUser", {"userName": "rick", "path": "/team/"}).assumed == ()


def test_the_partition_is_the_callers_or_the_regions():
    """ARNs of China's or the government's regions begin otherwise."""
    call = Call("ec2.amazonaws.com", "StopInstances", ACCOUNT, "cn-north-1", {"instanceId": "i-1"})
    assert requests_of_call(call, Known()).requests[0].resource == f"arn:aws-cn:ec2:cn-north-1:{ACCOUNT}:instance/i-1"
    call = Call(
        "ec2.amazonaws.com", "StopInstances", "1", "x", {"instanceId": "i-1"}, None, "arn:aws-iso:iam::1:user/u"
    )
    assert requests_of_call(call, Known()).requests[0].resource == "arn:aws-iso:ec2:x:1:instance/i-1"


# --- several actions ------------------------------------------------------------------------------


def test_a_copy_reads_one_object_and_writes_another():
    """Who may write the copy need not be allowed to read what is copied."""
    parameters = {"bucketName": "b", "key": "k", "x-amz-copy-source": "/from/a%2Fb"}
    assert own(mapped("s3", "CopyObject", parameters)) == [
        ("s3:GetObject", "arn:aws:s3:::from/a/b"),
        ("s3:PutObject", "arn:aws:s3:::b/k"),
    ]
    parameters["x-amz-copy-source"] = "from/a?versionId=1"
    assert own(mapped("s3", "CopyObject", parameters))[0] == ("s3:GetObjectVersion", "arn:aws:s3:::from/a")
    assert own(mapped("s3", "CopyObject")) == [("s3:GetObject", None), ("s3:PutObject", None)]


def test_a_version_of_an_object_has_actions_of_its_own():
    """A right to an object is none to its versions."""
    parameters = {"bucketName": "b", "key": "k", "versionId": "v"}
    assert own(mapped("s3", "GetObject", parameters)) == [("s3:GetObjectVersion", "arn:aws:s3:::b/k")]
    parameters["versionId"] = "null"
    assert own(mapped("s3", "DeleteObject", parameters)) == [("s3:DeleteObject", "arn:aws:s3:::b/k")]


def test_what_is_encrypted_anew_is_asked_of_either_key():
    """From one key and to another: the one that the call names is where it goes."""
    keys = ["arn:aws:kms:x:1:key/a", "arn:aws:kms:x:1:key/b"]
    listed = [{"ARN": each} for each in keys]
    assert own(mapped("kms", "ReEncrypt", {"destinationKeyId": "b"}, listed)) == [
        ("kms:ReEncryptFrom", keys[0]),
        ("kms:ReEncryptTo", keys[1]),
    ]
    assert own(mapped("kms", "ReEncrypt", None, listed)) == [
        ("kms:ReEncryptFrom", keys[0]),
        ("kms:ReEncryptTo", keys[1]),
    ]
    assert own(mapped("kms", "ReEncrypt", None, listed[:1])) == [
        ("kms:ReEncryptFrom", keys[0]),
        ("kms:ReEncryptTo", keys[0]),
    ]
    assert own(mapped("kms", "ReEncrypt", {"sourceKeyId": "a", "destinationKeyId": "b"})) == [
        ("kms:ReEncryptFrom", f"arn:aws:kms:{HERE}:key/a"),
        ("kms:ReEncryptTo", f"arn:aws:kms:{HERE}:key/b"),
    ]


@pytest.mark.parametrize(
    ("statement", "action", "resource"),
    [
        ('SELECT * FROM "Music" WHERE a = ?', "PartiQLSelect", "table/Music"),
        ('select a from "Music"."ByYear"', "PartiQLSelect", "table/Music/index/ByYear"),
        ("INSERT INTO Music VALUE {}", "PartiQLInsert", "table/Music"),
        ('UPDATE "Music" SET a=1', "PartiQLUpdate", "table/Music"),
        ("DELETE FROM Music WHERE a=1", "PartiQLDelete", "table/Music"),
        ("EXISTS(SELECT * FROM Music)", "PartiQLSelect", "table/Music"),
    ],
)
def test_a_statement_is_read_for_its_verb_and_table(statement, action, resource):
    """One call runs any statement; what it needed is in its words."""
    expected = [(f"dynamodb:{action}", f"arn:aws:dynamodb:{HERE}:{resource}")]
    assert own(mapped("dynamodb", "ExecuteStatement", {"statement": statement})) == expected
    assert own(mapped("dynamodb", "BatchExecuteStatement", {"statements": [{"statement": statement}]})) == expected


def test_a_statement_that_is_hidden_is_said_to_be_assumed():
    """CloudTrail may leave it out; then the least it can have been is asked, and said."""
    found = mapped("dynamodb", "ExecuteStatement", {"statement": "***"})
    assert own(found) == [("dynamodb:PartiQLSelect", None)]
    assert found.assumed == ("the statement is not named and taken to be a SELECT",)


def test_the_items_of_a_transaction_are_asked_each():
    """A transaction needs the right of each of its parts, on its table."""
    parameters = {
        "transactItems": [{"put": {"tableName": "a"}}, {"delete": {"tableName": "b"}}, {"put": {}}, {"odd": 1}]
    }
    assert own(mapped("dynamodb", "TransactWriteItems", parameters)) == [
        ("dynamodb:PutItem", f"arn:aws:dynamodb:{HERE}:table/a"),
        ("dynamodb:PutItem", None),
        ("dynamodb:DeleteItem", f"arn:aws:dynamodb:{HERE}:table/b"),
    ]
    assert own(mapped("dynamodb", "TransactGetItems", {})) == [("dynamodb:GetItem", None)]


# --- what was needed besides ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name", "parameters", "role", "to"),
    [
        ("lambda", "CreateFunction20150331", {"functionName": "f", "role": ROLE}, ROLE, "lambda.amazonaws.com"),
        ("ecs", "RegisterTaskDefinition", {"family": "f", "taskRoleArn": ROLE}, ROLE, "ecs-tasks.amazonaws.com"),
        ("codebuild", "CreateProject", {"name": "p", "serviceRole": ROLE}, ROLE, "codebuild.amazonaws.com"),
        ("cloudformation", "CreateStack", {"stackName": "s", "roleARN": ROLE}, ROLE, "cloudformation.amazonaws.com"),
        ("events", "PutTargets", {"rule": "r", "targets": [{"roleArn": ROLE}]}, ROLE, "events.amazonaws.com"),
        ("iam", "AddRoleToInstanceProfile", {"instanceProfileName": "p", "roleName": "app"}, ROLE, "ec2.amazonaws.com"),
        ("ec2", "RunInstances", {"iamInstanceProfile": {"name": "p"}}, None, "ec2.amazonaws.com"),
        ("elasticmapreduce", "RunJobFlow", {"jobFlowRole": "app"}, ROLE, None),
    ],
)
def test_a_role_that_a_call_hands_over_is_passed(source, name, parameters, role, to):
    """CloudTrail has no event for iam:PassRole; it is the shortest way to rights of others."""
    passed = [each for each in mapped(source, name, parameters).requests if each.action == "iam:PassRole"]
    assert [each.resource for each in passed] == [role]
    assert passed[0].context.get("iam:PassedToService") == to
    assert (passed[0].present == {"iam:PassedToService"}) == (to is None)


@pytest.mark.parametrize(
    ("source", "name", "parameters"),
    [
        ("sts", "AssumeRole", {"roleArn": ROLE}),
        ("lambda", "GetFunction20150331", {"functionName": "f", "role": ROLE}),
        ("eks", "CreateAccessEntry", {"name": "c", "principalArn": ROLE}),
        ("iam", "DeleteRole", {"roleName": "app"}),
        ("ec2", "RunInstances", {"iamInstanceProfile": {}}),
        ("lambda", "CreateFunction", {"functionName": "f", "role": f"{ROLE[:-3]}aws-service-role/x/y"}),
    ],
)
def test_a_role_that_is_only_named_is_not_passed(source, name, parameters):
    """A role may be taken, read or given rights; that is another matter."""
    assert besides(mapped(source, name, parameters)) == []


def test_tags_given_at_creation_are_a_right_of_their_own():
    """EC2 asks by the kind that is tagged, and tells for which call; others on what is made."""
    tags = [{"key": "team", "value": "orders"}]
    specified = {"tagSpecificationSet": {"items": [{"resourceType": "volume", "tags": tags}]}}
    found = mapped("ec2", "CreateVolume", specified)
    assert besides(found) == [("ec2:CreateTags", f"arn:aws:ec2:{HERE}:volume/*")]
    assert found.requests[-1].context["ec2:CreateAction"] == "CreateVolume"
    assert found.requests[-1].context["aws:RequestTag/team"] == "orders"
    newer = {
        "TagSpecification": {"ResourceType": "natgateway", "tag": 1, "Tag": {"Key": "team", "Value": "o", "tag": 1}}
    }
    found = mapped("ec2", "CreateNatGateway", {"CreateNatGatewayRequest": newer})
    assert besides(found) == [("ec2:CreateTags", f"arn:aws:ec2:{HERE}:natgateway/*")]
    found = mapped("iam", "CreateUser", {"userName": "rick", "tags": tags})
    assert besides(found) == [("iam:TagUser", f"arn:aws:iam::{ACCOUNT}:user/rick")]
    found = mapped("lambda", "CreateFunction20150331", {"functionName": "f", "tags": {"team": "orders"}})
    assert besides(found) == [("lambda:TagResource", f"arn:aws:lambda:{HERE}:function:f")]
    assert besides(mapped("ec2", "CreateTags", {"tagSet": {"items": tags}, **specified})) == []
    assert besides(mapped("autoscaling", "CreateOrUpdateTags", {"tags": tags})) == []


def test_a_session_names_its_source_by_a_right_of_its_own():
    """Whoever may take a role may not yet say who they are, or tag themselves."""
    parameters = {"roleArn": ROLE, "sourceIdentity": "james", "tags": [{"key": "a", "value": "b"}]}
    assert besides(mapped("sts", "AssumeRole", parameters)) == [
        ("sts:SetSourceIdentity", ROLE),
        ("sts:TagSession", ROLE),
    ]


def test_an_access_list_given_with_an_object_is_a_right_of_its_own():
    """It may make the object public."""
    parameters = {"bucketName": "b", "key": "k", "x-amz-acl": "public-read", "x-amz-tagging": "a=b"}
    assert besides(mapped("s3", "PutObject", parameters)) == [
        ("s3:PutObjectAcl", "arn:aws:s3:::b/k"),
        ("s3:PutObjectTagging", "arn:aws:s3:::b/k"),
    ]


# --- context --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name", "parameters", "key", "value"),
    [
        ("s3", "ListObjects", {"bucketName": "b", "prefix": "a/"}, "s3:prefix", "a/"),
        ("ec2", "RunInstances", {"instanceType": "t3.micro"}, "ec2:InstanceType", "t3.micro"),
        ("ec2", "StopInstances", {"instanceId": "i-1"}, "ec2:Region", REGION),
        ("iam", "AttachUserPolicy", {"policyArn": "arn:p"}, "iam:PolicyARN", "arn:p"),
        ("sts", "AssumeRole", {"roleSessionName": "s"}, "sts:RoleSessionName", "s"),
        ("kms", "Decrypt", {"encryptionContext": {"a": "b"}}, "kms:EncryptionContext:a", "b"),
        ("kms", "Decrypt", {"keyId": "alias/x"}, "kms:RequestAlias", "alias/x"),
        ("kms", "ScheduleKeyDeletion", {"pendingWindowInDays": 7}, "kms:ScheduleKeyDeletionPendingWindowInDays", "7"),
        ("iam", "TagUser", {"tags": [{"key": "a", "value": "b"}]}, "aws:RequestTag/a", "b"),
        ("iam", "UntagUser", {"tagKeys": ["a", "b"]}, "aws:TagKeys", ("a", "b")),
    ],
)
def test_parameters_fill_condition_keys(source, name, parameters, key, value):
    """A right may hang on what the call said, and the record has it."""
    assert mapped(source, name, parameters).requests[0].context[key] == value


def test_a_parameter_fills_no_key_that_the_service_does_not_know_there():
    """A prefix is a key of listings only."""
    (request,) = mapped("s3", "GetObject", {"bucketName": "b", "key": "k", "prefix": "a/"}).requests
    assert "s3:prefix" not in request.context
    assert "s3:prefix" not in request.absent


def test_a_key_that_the_parameters_do_not_fill_is_known_to_be_absent():
    """A listing of a whole bucket has no prefix; a call without tags gives none. A cut record tells neither."""
    assert "s3:prefix" in mapped("s3", "ListObjects", {"bucketName": "b"}).requests[0].absent
    assert "aws:TagKeys" in mapped("iam", "CreateUser", {"userName": "u"}).requests[0].absent
    call = Call("s3.amazonaws.com", "ListObjects", ACCOUNT, REGION, cut=True)
    (request,) = requests_of_call(call, Known()).requests
    assert "s3:prefix" not in request.absent
    assert "aws:TagKeys" not in mapped("new", "Do").requests[0].absent
    cut = Call("iam.amazonaws.com", "CreateUser", ACCOUNT, REGION, cut=True)
    assert "aws:TagKeys" not in requests_of_call(cut, Known()).requests[0].absent
    (request,) = mapped("s3", "GetObject", {"bucketName": "b", "key": "k", "tags": {"a": "b"}}).requests
    assert "aws:RequestTag/a" not in request.context, "reading gives no tags"


def test_tags_of_one_kind_are_not_those_of_another():
    """An instance is tagged and its image is not: AWS asks for each with its own tags."""
    tags = {"items": [{"resourceType": "instance", "tags": [{"key": "a", "value": "b"}]}]}
    found = mapped("ec2", "RunInstances", {"tagSpecificationSet": tags, "instancesSet": items(imageId=["ami-1"])})
    by_resource = {request.resource: request for request in found.requests[: found.own]}
    assert by_resource[f"arn:aws:ec2:{HERE}:instance/*"].context["aws:RequestTag/a"] == "b"
    image = by_resource["arn:aws:ec2:eu-west-1::image/ami-1"]
    assert "aws:RequestTag/a" not in image.context
    assert "aws:TagKeys" in image.absent


def test_every_request_carries_the_circumstances():
    """They go before what parameters say, and are the same for all of an event's requests."""
    context = {"aws:SourceIp": "10.0.0.1"}
    known = Known(context, frozenset({"aws:SourceVpc"}), frozenset({"aws:username"}))
    call = Call("lambda.amazonaws.com", "CreateFunction", ACCOUNT, REGION, {"functionName": "f", "role": ROLE})
    found = requests_of_call(call, known).requests
    assert len(found) == 2
    assert all(each.context["aws:SourceIp"] == "10.0.0.1" for each in found)
    assert all("aws:SourceVpc" in each.present and "aws:username" in each.absent for each in found)
    (request,) = mapped("ec2", "DescribeInstances", context=context).requests
    assert request == Request(
        "ec2:DescribeInstances", "*", {"aws:SourceIp": "10.0.0.1", "ec2:Region": REGION}, frozenset({"aws:TagKeys"})
    )


# --- records --------------------------------------------------------------------------------------


RECORD = {
    "eventSource": "ec2.amazonaws.com",
    "eventName": "StopInstances",
    "eventTime": "2026-01-12T12:00:00Z",
    "awsRegion": REGION,
    "recipientAccountId": ACCOUNT,
    "eventType": "AwsApiCall",
    "userIdentity": {"type": "IAMUser", "arn": JAMES, "accountId": ACCOUNT, "userName": "james"},
    "requestParameters": {"instancesSet": items(instanceId=["i-1"])},
    "responseElements": None,
}


def test_a_whole_record_is_read():
    """One call does all: who, where, what, and what is known besides."""
    (request,) = requests_of_record(RECORD).requests
    assert (request.action, request.resource) == ("ec2:StopInstances", f"arn:aws:ec2:{HERE}:instance/i-1")
    assert request.context["aws:username"] == "james"
    assert request.context["aws:CurrentTime"] == "2026-01-12T12:00:00Z"


@pytest.mark.parametrize("kind", ["AwsServiceEvent", "AwsConsoleSignIn", "AwsCloudTrailInsight"])
def test_what_is_no_call_is_no_request(kind):
    """AWS does things itself, under names that look like calls."""
    found = requests_of_record({**RECORD, "eventType": kind})
    assert found.requests == ()
    assert "CTG" in str(found.why_not)


def test_what_aws_said_fills_what_a_denied_record_leaves_out():
    """Of a refused call the parameters are often missing, but the refusal names what was asked."""
    arn = f"arn:aws:ec2:{HERE}:instance/i-9"
    message = f"User: {JAMES} is not authorized to perform: ec2:StopInstances on resource: {arn} because no x"
    denied = {**RECORD, "requestParameters": None, "errorCode": "Client.UnauthorizedOperation", "errorMessage": message}
    assert own(requests_of_record(denied)) == [("ec2:StopInstances", arn)]
    whole = {**denied, "requestParameters": RECORD["requestParameters"]}
    assert own(requests_of_record(whole)) == [("ec2:StopInstances", f"arn:aws:ec2:{HERE}:instance/i-1")]


def test_a_permission_that_aws_names_is_asked_though_we_did_not_think_of_it():
    """Its refusal is proof that it asked."""
    call = Call("rds.amazonaws.com", "StartExportTask", ACCOUNT, REGION, cut=True)
    found = requests_of_call(call, Known(), Denial("iam:PassRole", ROLE, None, None, None))
    assert own(found) == [("rds:StartExportTask", None)]
    assert besides(found) == [("iam:PassRole", ROLE)]


def test_a_role_session_acts_as_its_role():
    """The role's ARN is what policies speak of, and what a path is read from."""
    identity = {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/app/s",
        "sessionContext": {"sessionIssuer": {"arn": ROLE}},
    }
    assert call_of({**RECORD, "userIdentity": identity}).principal_arn == ROLE


def test_the_answer_names_what_the_call_did_not():
    """A secret named without the end of its ARN is in the answer whole."""
    arn = f"arn:aws:secretsmanager:{HERE}:secret:orders-a1b2c3"
    record = {
        **RECORD,
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": "DeleteSecret",
        "requestParameters": {"secretId": "orders"},
        "responseElements": {"name": "orders", "arn": arn},
    }
    assert own(requests_of_record(record)) == [("secretsmanager:DeleteSecret", arn)]


def test_no_record_stops_the_reading():
    """Records come from outside; one of another form maps to something or to nothing, and never raises."""
    chance = random.Random(11)
    odd: list[Any] = [
        None,
        7,
        "",
        "x",
        [],
        {},
        [None],
        ["x", {"ARN": 5}],
        {"items": 5},
        {"items": [[]]},
        {"a": {"b": {"c": []}}},
        True,
    ]
    names = [
        "RunInstances",
        "CopyObject",
        "TransactWriteItems",
        "ExecuteStatement",
        "ReEncrypt",
        "GetRestApi",
        "PutObject",
    ]
    sources = ["ec2", "s3", "dynamodb", "kms", "apigateway", "sqs", "lambda", "iam", "ssm", "ecs", "logs", "x"]
    keys = [
        *("instancesSet", "tagSpecificationSet", "bucketName", "key", "versionId", "transactItems", "statements"),
        *("requestItems", "keyId", "encryptionContext", "tags", "queueUrl", "functionName", "taskDefinition", "role"),
        *("iamInstanceProfile", "x-amz-copy-source", "resourceId", "resourceType", "XRequest", "logGroupName"),
    ]
    for _ in range(3000):
        record = {
            **RECORD,
            "eventSource": f"{chance.choice(sources)}.amazonaws.com",
            "eventName": chance.choice(names),
            "requestParameters": {chance.choice(keys): chance.choice(odd) for _ in range(chance.randrange(4))},
            chance.choice([*RECORD]): chance.choice(odd),
            "resources": chance.choice(odd),
        }
        found = requests_of_record(record)
        assert found.requests or found.why_not
        assert len(found.requests) >= found.own
        assert json.dumps([str(each) for each in found.requests])
