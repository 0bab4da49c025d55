"""The calls people and machines make: what AWS names them, which permission stands behind them, what they carry.

A text that begins with `$` in parameters or responses stands for a resource of the account: `$instance`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One API operation as the trail names it."""

    source: str
    """The first part of `eventSource`."""
    name: str
    """`eventName`, with the version suffix that Lambda's operations carry there."""
    action: str | None
    """The IAM action; None where no permission is needed."""
    read_only: bool
    parameters: JsonObject | None = None
    response: JsonObject | None = None
    is_global: bool = False
    """Whether the service has one endpoint for all regions, so that its events are in us-east-1."""


def _read(action: str, parameters: JsonObject | None = None, *, source: str = "", name: str = "") -> Call:
    prefix, operation = action.split(":")
    return Call(
        source or prefix, name or operation, action, read_only=True, parameters=parameters, is_global=prefix == "iam"
    )


def _write(
    action: str, parameters: JsonObject, response: JsonObject | None = None, *, source: str = "", name: str = ""
) -> Call:
    prefix, operation = action.split(":")
    name = name or operation
    return Call(
        source or prefix,
        name,
        action,
        read_only=False,
        parameters=parameters,
        response=response,
        is_global=prefix == "iam",
    )


WHO_AM_I = Call("sts", "GetCallerIdentity", None, read_only=True)

DESCRIBE_INSTANCES = _read(
    "ec2:DescribeInstances", {"filterSet": {}, "instancesSet": {"items": [{"instanceId": "$instance"}]}}
)
DESCRIBE_DATABASE = _read("rds:DescribeDBInstances", {"dBInstanceIdentifier": "$database"})
LIST_BUCKETS = _read("s3:ListAllMyBuckets", {"Host": "s3.eu-west-1.amazonaws.com"}, name="ListBuckets")
LIST_USERS = _read("iam:ListUsers")
DESCRIBE_SERVICES = _read("ecs:DescribeServices", {"cluster": "$cluster", "services": ["$service"]})

READS: tuple[Call, ...] = (
    WHO_AM_I,
    DESCRIBE_INSTANCES,
    _read("ec2:DescribeInstanceStatus", {"filterSet": {}, "instancesSet": {}, "includeAllInstances": True}),
    _read("ec2:DescribeSecurityGroups", {"securityGroupIdSet": {"items": [{"groupId": "$group"}]}, "filterSet": {}}),
    _read("ec2:DescribeVolumes", {"volumeSet": {"items": [{"volumeId": "$volume"}]}, "filterSet": {}}),
    _read("ec2:DescribeSubnets", {"subnetSet": {}, "filterSet": {}}),
    _read("ec2:DescribeVpcs", {"vpcSet": {}, "filterSet": {}}),
    DESCRIBE_DATABASE,
    _read("rds:DescribeDBSnapshots", {"dBInstanceIdentifier": "$database", "snapshotType": "automated"}),
    _read("rds:DescribeEvents", {"sourceType": "db-instance", "duration": 1440}),
    LIST_BUCKETS,
    _read("s3:GetBucketLocation", {"bucketName": "$bucket", "Host": "s3.eu-west-1.amazonaws.com", "location": ""}),
    _read("s3:GetBucketTagging", {"bucketName": "$bucket", "Host": "s3.eu-west-1.amazonaws.com", "tagging": ""}),
    DESCRIBE_SERVICES,
    _read("ecs:ListTasks", {"cluster": "$cluster", "serviceName": "$service"}),
    _read("ecs:DescribeTaskDefinition", {"taskDefinition": "$service"}),
    _read("lambda:ListFunctions", {"maxItems": 50}, name="ListFunctions20150331"),
    _read("lambda:GetFunctionConfiguration", {"functionName": "$function"}, name="GetFunctionConfiguration20150331v2"),
    _read("logs:DescribeLogGroups", {"logGroupNamePrefix": "/ecs/"}),
    _read("logs:DescribeLogStreams", {"logGroupName": "$log", "orderBy": "LastEventTime", "descending": True}),
    _read("cloudwatch:DescribeAlarms", {"stateValue": "ALARM"}, source="monitoring"),
    _read("cloudwatch:ListMetrics", {"namespace": "AWS/ECS"}, source="monitoring"),
    _read("elasticloadbalancing:DescribeLoadBalancers", {"pageSize": 400}),
    _read("elasticloadbalancing:DescribeTargetHealth", {"targetGroupArn": "$target"}),
    _read("autoscaling:DescribeAutoScalingGroups", {"autoScalingGroupNames": ["$asg"]}),
    _read("cloudformation:DescribeStacks", {"stackName": "$stack"}),
    _read("cloudformation:ListStacks"),
    _read("ssm:DescribeInstanceInformation", {"maxResults": 50}),
    LIST_USERS,
    _read("iam:ListRoles"),
    _read("iam:GetAccountSummary"),
    _read("iam:GetUser", {"userName": "$user"}),
    _read("iam:ListAttachedUserPolicies", {"userName": "$user"}),
    _read("iam:ListAccessKeys", {"userName": "$user"}),
    _read("iam:ListGroupsForUser", {"userName": "$user"}),
    _read("cloudtrail:LookupEvents", {"maxResults": 50}),
    _read("cloudtrail:DescribeTrails", {"trailNameList": [], "includeShadowTrails": True}),
    _read("cloudtrail:GetTrailStatus", {"name": "$trail"}),
    _read("guardduty:ListFindings", {"detectorId": "$detector"}),
    _read("config:DescribeConfigRules"),
)
"""What an ordinary person looks at."""

MODIFY_DATABASE = _write(
    "rds:ModifyDBInstance",
    {"dBInstanceIdentifier": "$database", "applyImmediately": False, "allocatedStorage": 200},
    {"dBInstanceIdentifier": "$database", "dBInstanceStatus": "available", "engine": "postgres"},
)
REBOOT_DATABASE = _write(
    "rds:RebootDBInstance",
    {"dBInstanceIdentifier": "$database"},
    {"dBInstanceIdentifier": "$database", "dBInstanceStatus": "rebooting", "engine": "postgres"},
)
STOP_INSTANCES = _write(
    "ec2:StopInstances",
    {"instancesSet": {"items": [{"instanceId": "$instance"}]}, "force": False},
    {"instancesSet": {"items": [{"instanceId": "$instance", "currentState": {"code": 64, "name": "stopping"}}]}},
)
TERMINATE_INSTANCES = _write(
    "ec2:TerminateInstances",
    {"instancesSet": {"items": [{"instanceId": "$instance"}]}},
    {"instancesSet": {"items": [{"instanceId": "$instance", "currentState": {"code": 32, "name": "shutting-down"}}]}},
)
UPDATE_SERVICE = _write(
    "ecs:UpdateService",
    {"cluster": "$cluster", "service": "$service", "forceNewDeployment": True},
    {"service": {"serviceName": "$service", "status": "ACTIVE", "desiredCount": 4}},
)

WRITES: tuple[Call, ...] = (
    MODIFY_DATABASE,
    REBOOT_DATABASE,
    STOP_INSTANCES,
    UPDATE_SERVICE,
    _write(
        "ec2:StartInstances",
        {"instancesSet": {"items": [{"instanceId": "$instance"}]}},
        {"instancesSet": {"items": [{"instanceId": "$instance", "currentState": {"code": 0, "name": "pending"}}]}},
    ),
    _write("ec2:RebootInstances", {"instancesSet": {"items": [{"instanceId": "$instance"}]}}, {"_return": True}),
    _write(
        "ec2:CreateTags",
        {
            "resourcesSet": {"items": [{"resourceId": "$instance"}]},
            "tagSet": {"items": [{"key": "team", "value": "x"}]},
        },
        {"_return": True},
    ),
    _write(
        "rds:CreateDBSnapshot",
        {"dBInstanceIdentifier": "$database", "dBSnapshotIdentifier": "before-change"},
        {"dBInstanceIdentifier": "$database", "dBSnapshotIdentifier": "before-change", "status": "creating"},
    ),
    _write("autoscaling:SetDesiredCapacity", {"autoScalingGroupName": "$asg", "desiredCapacity": 6}),
    _write(
        "ecs:RegisterTaskDefinition",
        {"family": "$service", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]},
        {"taskDefinition": {"family": "$service", "revision": 41, "status": "ACTIVE"}},
    ),
    _write(
        "lambda:UpdateFunctionCode",
        {"functionName": "$function", "publish": False, "dryRun": False},
        {"functionName": "$function", "runtime": "python3.11", "state": "Active"},
        name="UpdateFunctionCode20150331v2",
    ),
    _write("cloudwatch:PutMetricAlarm", {"alarmName": "$service-errors", "threshold": 5.0}, source="monitoring"),
    _write("cloudformation:UpdateStack", {"stackName": "$stack", "usePreviousTemplate": True}, {"stackId": "$stack"}),
    _write("logs:PutRetentionPolicy", {"logGroupName": "$log", "retentionInDays": 30}),
    _write("s3:PutBucketTagging", {"bucketName": "$bucket", "Host": "s3.eu-west-1.amazonaws.com", "tagging": ""}),
)
"""What an ordinary person changes; nothing that gives anyone more, and nothing that hides a trace."""

MACHINE: tuple[Call, ...] = (
    _read("ecr:GetAuthorizationToken"),
    _read("ecr:DescribeImages", {"repositoryName": "$service"}),
    DESCRIBE_SERVICES,
    _read("ecs:DescribeTaskDefinition", {"taskDefinition": "$service"}),
    _read("ssm:GetParameters", {"names": ["/app/config"], "withDecryption": True}),
    _read("cloudformation:DescribeStacks", {"stackName": "$stack"}),
    _read("elasticloadbalancing:DescribeTargetHealth", {"targetGroupArn": "$target"}),
    _read("cloudwatch:DescribeAlarms", {"alarmNames": ["$service-errors"]}, source="monitoring"),
)
"""What a deploy pipeline calls around the clock."""

CREATE_POLICY = _write("iam:CreatePolicy", {})
ATTACH_USER_POLICY = _write("iam:AttachUserPolicy", {})
CREATE_ACCESS_KEY = _write("iam:CreateAccessKey", {})
CREATE_USER = _write("iam:CreateUser", {"userName": "support-tooling"})
ASSUME_ROLE = Call("sts", "AssumeRole", "sts:AssumeRole", read_only=True)
