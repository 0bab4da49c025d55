"""From a CloudTrail event to the IAM request or requests it was.

By default the action is the service's prefix and the event's name. The tables below hold what is otherwise, each with
where it comes from: the Service Authorization Reference (SAR) or the CloudTrail User Guide (CTG). A resource that an
event does not name is `*`; that it is not known is said in the answer. Takes plain columns, no types of the trail.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watchbill.policy.model import Request


@dataclass(frozen=True, slots=True)
class Mapped:
    """The requests that an event was."""

    requests: tuple[Request, ...]
    """Empty where no IAM permission stands behind the event."""
    why_not: str | None
    """Why there is no request."""
    resource_known: bool
    """Whether the event names what was acted on."""


PREFIXES: Mapping[str, str] = {
    "monitoring": "cloudwatch",  # SAR: Amazon CloudWatch
    "email": "ses",  # SAR: Amazon SES
    "mail-manager": "ses",  # SAR: Amazon SES Mail Manager
    "appstream2": "appstream",  # SAR: Amazon AppStream 2.0
    "models.lex": "lex",  # SAR: Amazon Lex
    "runtime.lex": "lex",  # SAR: Amazon Lex
    "models-v2-lex": "lex",  # SAR: Amazon Lex V2
    "streams.dynamodb": "dynamodb",  # SAR: Amazon DynamoDB
    "tagging": "tag",  # SAR: Resource Group Tagging API
    "pinpoint": "mobiletargeting",  # SAR: Amazon Pinpoint
    "cloudhsmv2": "cloudhsm",  # SAR: AWS CloudHSM
    "memory-db": "memorydb",  # SAR: Amazon MemoryDB
    "s3-control": "s3",  # SAR: Amazon S3
    "runtime.sagemaker": "sagemaker",  # SAR: Amazon SageMaker
    "bedrock-runtime": "bedrock",  # SAR: Amazon Bedrock
    "bedrock-agent": "bedrock",  # SAR: Amazon Bedrock
    "api.ecr": "ecr",  # SAR: Amazon ECR
    "portal.sso": "sso",  # SAR: AWS IAM Identity Center
    "ec2-instance-connect": "ec2-instance-connect",  # SAR: EC2 Instance Connect
}
"""Prefix of IAM actions by the first part of `eventSource`, where the two differ."""

ACTIONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    # SAR: Amazon S3, "Actions defined by Amazon S3".
    ("s3", "ListBuckets"): ("s3:ListAllMyBuckets",),
    ("s3", "HeadBucket"): ("s3:ListBucket",),
    ("s3", "ListObjects"): ("s3:ListBucket",),
    ("s3", "ListObjectsV2"): ("s3:ListBucket",),
    ("s3", "HeadObject"): ("s3:GetObject",),
    ("s3", "SelectObjectContent"): ("s3:GetObject",),
    ("s3", "ListObjectVersions"): ("s3:ListBucketVersions",),
    ("s3", "ListParts"): ("s3:ListMultipartUploadParts",),
    ("s3", "ListMultipartUploads"): ("s3:ListBucketMultipartUploads",),
    ("s3", "UploadPart"): ("s3:PutObject",),
    ("s3", "CreateMultipartUpload"): ("s3:PutObject",),
    ("s3", "CompleteMultipartUpload"): ("s3:PutObject",),
    ("s3", "CopyObject"): ("s3:GetObject", "s3:PutObject"),
    ("s3", "DeleteObjects"): ("s3:DeleteObject",),
    ("s3", "DeleteBucketEncryption"): ("s3:PutEncryptionConfiguration",),
    ("s3", "PutBucketEncryption"): ("s3:PutEncryptionConfiguration",),
    ("s3", "GetBucketEncryption"): ("s3:GetEncryptionConfiguration",),
    ("s3", "DeleteBucketLifecycle"): ("s3:PutLifecycleConfiguration",),
    ("s3", "PutBucketLifecycle"): ("s3:PutLifecycleConfiguration",),
    ("s3", "GetBucketLifecycle"): ("s3:GetLifecycleConfiguration",),
    ("s3", "PutBucketReplication"): ("s3:PutReplicationConfiguration",),
    ("s3", "GetBucketReplication"): ("s3:GetReplicationConfiguration",),
    ("s3", "DeleteBucketReplication"): ("s3:PutReplicationConfiguration",),
    ("s3", "DeleteBucketTagging"): ("s3:PutBucketTagging",),
    ("s3", "DeleteBucketCors"): ("s3:PutBucketCORS",),
    ("s3", "PutBucketCors"): ("s3:PutBucketCORS",),
    ("s3", "GetBucketCors"): ("s3:GetBucketCORS",),
    ("s3", "GetPublicAccessBlock"): ("s3:GetBucketPublicAccessBlock",),
    ("s3", "PutPublicAccessBlock"): ("s3:PutBucketPublicAccessBlock",),
    ("s3", "DeletePublicAccessBlock"): ("s3:PutBucketPublicAccessBlock",),
    # SAR: AWS Lambda and AWS KMS.
    ("lambda", "Invoke"): ("lambda:InvokeFunction",),
    ("lambda", "InvokeAsync"): ("lambda:InvokeFunction",),
    ("kms", "ReEncrypt"): ("kms:ReEncryptFrom", "kms:ReEncryptTo"),
    # SAR: Amazon SQS, "batch" calls have no action of their own.
    ("sqs", "SendMessageBatch"): ("sqs:SendMessage",),
    ("sqs", "DeleteMessageBatch"): ("sqs:DeleteMessage",),
    # SAR: Amazon DynamoDB.
    ("dynamodb", "ExecuteStatement"): ("dynamodb:PartiQLSelect",),
}
"""Actions of events whose name is not the action's."""

NO_ACTION: Mapping[str, str] = {
    "signin": "sign-in events need no IAM permission (CTG: console sign-in events)",
}
"""Sources whose events no IAM action stands behind."""

_ALWAYS_ALLOWED = {
    ("sts", "GetCallerIdentity"): "GetCallerIdentity is always allowed (STS API reference)",
    ("sts", "GetSessionToken"): "GetSessionToken needs no permission and cannot be denied (STS API reference)",
}

_DATED = re.compile(r"(20\d{6}|20\d\d_\d\d_\d\d)(v\d+)?$")
"""Versions that Lambda and CloudFront put behind their event names."""

_NAMED: Mapping[str, tuple[tuple[str, str], ...]] = {
    # SAR, "Resource types defined by ...": parameter of the request, ARN with the account and region put in.
    "ec2": (
        ("instanceId", "arn:aws:ec2:{region}:{account}:instance/{}"),
        ("volumeId", "arn:aws:ec2:{region}:{account}:volume/{}"),
        ("snapshotId", "arn:aws:ec2:{region}::snapshot/{}"),
        ("groupId", "arn:aws:ec2:{region}:{account}:security-group/{}"),
        ("vpcId", "arn:aws:ec2:{region}:{account}:vpc/{}"),
    ),
    "rds": (
        ("dBInstanceIdentifier", "arn:aws:rds:{region}:{account}:db:{}"),
        ("dBClusterIdentifier", "arn:aws:rds:{region}:{account}:cluster:{}"),
        ("dBSnapshotIdentifier", "arn:aws:rds:{region}:{account}:snapshot:{}"),
    ),
    "iam": (
        ("policyArn", "{}"),
        ("userName", "arn:aws:iam::{account}:user/{}"),
        ("roleName", "arn:aws:iam::{account}:role/{}"),
        ("groupName", "arn:aws:iam::{account}:group/{}"),
        ("policyName", "arn:aws:iam::{account}:policy/{}"),
    ),
    "lambda": (("functionName", "arn:aws:lambda:{region}:{account}:function:{}"),),
    "dynamodb": (("tableName", "arn:aws:dynamodb:{region}:{account}:table/{}"),),
    "secretsmanager": (("secretId", "arn:aws:secretsmanager:{region}:{account}:secret:{}"),),
    "ssm": (
        ("name", "arn:aws:ssm:{region}:{account}:parameter/{}"),
        ("target", "arn:aws:ec2:{region}:{account}:instance/{}"),
    ),
    "kms": (("keyId", "arn:aws:kms:{region}:{account}:key/{}"),),
    "sts": (("roleArn", "{}"),),
    "logs": (("logGroupName", "arn:aws:logs:{region}:{account}:log-group:{}"),),
    "cloudtrail": (
        ("name", "arn:aws:cloudtrail:{region}:{account}:trail/{}"),
        ("trailName", "arn:aws:cloudtrail:{region}:{account}:trail/{}"),
    ),
    "ecs": (("cluster", "arn:aws:ecs:{region}:{account}:cluster/{}"),),
    "sns": (("topicArn", "{}"),),
}

_IAM_BY_CALL = (
    ("Group", "groupName"),
    ("Role", "roleName"),
    ("User", "userName"),
    ("LoginProfile", "userName"),
    ("AccessKey", "userName"),
    ("MFADevice", "userName"),
    ("Policy", "policyArn"),
)
"""Which parameter names the resource of an IAM call: by what its name speaks of, in this order (SAR: IAM)."""


def requests_of(
    *,
    source: str,
    name: str,
    account: str,
    region: str,
    principal_arn: str | None,
    request_parameters: Mapping[str, Any] | None,
    resources: Sequence[Mapping[str, Any]] | None,
    context: Mapping[str, str],
) -> Mapped:
    """Give the requests that an event was: one per action and resource, all with the same context."""
    service = prefix_of(source)
    if service in NO_ACTION:
        return Mapped((), NO_ACTION[service], resource_known=False)
    if (service, name) in _ALWAYS_ALLOWED:
        return Mapped((), _ALWAYS_ALLOWED[service, name], resource_known=False)
    bare = _DATED.sub("", name)
    actions = ACTIONS.get((service, bare), (f"{service}:{bare}",))
    named = tuple(
        dict.fromkeys(
            _named(service, bare, {"account": account, "region": region}, request_parameters or {}, resources or ())
        )
    )
    requests = tuple(Request(action, arn, dict(context)) for action in actions for arn in named or ("*",))
    return Mapped(requests, None, resource_known=bool(named))


def prefix_of(source: str) -> str:
    """Give the prefix of a service's IAM actions from an `eventSource`."""
    first = source.removesuffix(".amazonaws.com").lower()
    return PREFIXES.get(first, first)


def _named(
    service: str,
    name: str,
    place: Mapping[str, str],
    parameters: Mapping[str, Any],
    resources: Sequence[Mapping[str, Any]],
) -> Iterator[str]:
    listed = [each["ARN"] for each in resources if isinstance(each.get("ARN"), str)]
    in_s3 = list(_s3(parameters)) if service == "s3" else []
    if (listed or in_s3) and service != "iam":
        yield from in_s3 or listed  # an S3 event lists the bucket beside the object that was acted on
        return
    if service == "ec2":
        yield from _instances(place, parameters)
    forms = dict(_NAMED.get(service, ()))
    if service == "iam":
        wanted = next((parameter for word, parameter in _IAM_BY_CALL if word in name), None)
        forms = {wanted: forms[wanted]} if wanted in forms and wanted in parameters else forms
    for parameter, form in forms.items():
        value = parameters.get(parameter)
        if isinstance(value, str) and value:
            yield value if value.startswith("arn:") else form.format(value, **place)
            return


def _s3(parameters: Mapping[str, Any]) -> Iterator[str]:
    bucket, key = parameters.get("bucketName"), parameters.get("key")
    if isinstance(bucket, str) and bucket:
        yield f"arn:aws:s3:::{bucket}/{key}" if isinstance(key, str) and key else f"arn:aws:s3:::{bucket}"


def _instances(place: Mapping[str, str], parameters: Mapping[str, Any]) -> Iterator[str]:
    listed = parameters.get("instancesSet")
    items = listed.get("items") if isinstance(listed, Mapping) else None
    for item in items if isinstance(items, list) else ():
        instance = item.get("instanceId") if isinstance(item, Mapping) else None
        if isinstance(instance, str) and instance:
            yield f"arn:aws:ec2:{place['region']}:{place['account']}:instance/{instance}"
