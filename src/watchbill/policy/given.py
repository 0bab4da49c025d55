"""Condition keys that a call's own parameters fill: each service's, by what the parameter is called.

Source of every row: Service Authorization Reference, "Condition keys for ..." of the service. Only keys that the
service fills for the action are given, so that a row for all calls of a service is not one for each.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from watchbill.policy.acted_on import Call
from watchbill.policy.actions import condition_keys
from watchbill.policy.derived import request_tags
from watchbill.policy.parameters import fold


ROWS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cloudformation": (
        ("cloudformation:RoleArn", "rolearn"),
        ("cloudformation:TemplateUrl", "templateurl"),
        ("cloudformation:StackPolicyUrl", "stackpolicyurl"),
        ("cloudformation:ChangeSetName", "changesetname"),
    ),
    "cloudwatch": (("cloudwatch:namespace", "namespace"),),
    "ec2": (
        ("ec2:InstanceType", "instancetype"),
        ("ec2:Attribute", "attribute"),
        ("ec2:VolumeType", "volumetype"),
        ("ec2:AuthorizedService", "authorizedservice"),
    ),
    "ecs": (("ecs:task-definition", "taskdefinition"),),
    "iam": (
        ("iam:PolicyARN", "policyarn"),
        ("iam:PermissionsBoundary", "permissionsboundary"),
        ("iam:AWSServiceName", "awsservicename"),
    ),
    "kms": (
        ("kms:GranteePrincipal", "granteeprincipal"),
        ("kms:RetiringPrincipal", "retiringprincipal"),
        ("kms:EncryptionAlgorithm", "encryptionalgorithm"),
        ("kms:SigningAlgorithm", "signingalgorithm"),
        ("kms:MessageType", "messagetype"),
        ("kms:ScheduleKeyDeletionPendingWindowInDays", "pendingwindowindays"),
    ),
    "lambda": (
        ("lambda:Principal", "principal"),
        ("lambda:FunctionUrlAuthType", "functionurlauthtype"),
    ),
    "rds": (
        ("rds:DatabaseClass", "dbinstanceclass"),
        ("rds:DatabaseEngine", "engine"),
        ("rds:DatabaseName", "dbname"),
    ),
    "s3": (
        ("s3:prefix", "prefix"),
        ("s3:delimiter", "delimiter"),
        ("s3:max-keys", "maxkeys"),
        ("s3:x-amz-acl", "xamzacl"),
        ("s3:x-amz-server-side-encryption", "xamzserversideencryption"),
        ("s3:x-amz-server-side-encryption-aws-kms-key-id", "xamzserversideencryptionawskmskeyid"),
        ("s3:x-amz-storage-class", "xamzstorageclass"),
        ("s3:x-amz-copy-source", "xamzcopysource"),
        ("s3:VersionId", "versionid"),
        ("s3:locationconstraint", "locationconstraint"),
    ),
    "secretsmanager": (
        ("secretsmanager:Name", "name"),
        ("secretsmanager:SecretId", "secretid"),
        ("secretsmanager:VersionId", "versionid"),
        ("secretsmanager:VersionStage", "versionstage"),
        ("secretsmanager:RecoveryWindowInDays", "recoverywindowindays"),
    ),
    "sns": (("sns:Protocol", "protocol"), ("sns:Endpoint", "endpoint")),
    "sts": (
        ("sts:RoleSessionName", "rolesessionname"),
        ("sts:ExternalId", "externalid"),
        ("sts:SourceIdentity", "sourceidentity"),
    ),
}
"""Keys and the folded names of the parameters that fill them, by prefix."""

_ABSENT = frozenset({"s3:prefix", "s3:delimiter", "sts:ExternalId", "sts:SourceIdentity", "iam:PermissionsBoundary"})
"""Keys that a record whose parameters are whole shows to be absent by not naming them."""


def given(
    action: str, call: Call, resource: str | None = None
) -> tuple[dict[str, str | tuple[str, ...]], frozenset[str]]:
    """Give the condition keys that a call's parameters fill, and those that they show to be absent.

    `resource` is what is asked of; EC2 gives tags to some of the resources of a call and not to others.
    """
    fills = _fills(action)
    if fills is None:
        return {}, frozenset()
    context: dict[str, str | tuple[str, ...]] = {}
    absent: set[str] = set()
    for key, name in fills.rows:
        if (value := _value(name, call)) is not None:
            context[key] = value
        elif key in _ABSENT and not call.cut:
            absent.add(key)
    if fills.region and call.region:
        context["ec2:Region"] = call.region
    if fills.encryption:
        context.update(_encryption_context(call))
    tagged = _tagged(call, resource) if fills.tags else {}
    if tagged:
        return {**context, **tagged}, frozenset(absent)
    return context, _NO_TAGS.union(absent) if tagged is not None else frozenset(absent)


_NO_TAGS = frozenset({"aws:TagKeys"})


@dataclass(frozen=True, slots=True)
class _Fills:
    """What the service fills for an action."""

    rows: tuple[tuple[str, str], ...]
    region: bool
    tags: bool
    encryption: bool


@lru_cache(maxsize=8192)
def _fills(action: str) -> _Fills | None:
    filled = condition_keys(action)
    if filled is None:
        return None
    service = action.partition(":")[0]
    rows = tuple(row for row in ROWS.get(service, ()) if row[0].lower() in filled)
    tags = "aws:tagkeys" in filled or "aws:requesttag/" in filled
    return _Fills(rows, service == "ec2" and "ec2:region" in filled, tags, service == "kms")


def _tagged(call: Call, resource: str | None) -> dict[str, str | tuple[str, ...]] | None:
    """Give the keys of tags that a call gives or takes away; empty where it surely has none, None where unknown."""
    kind = (resource or "").rpartition(":")[2].partition("/")[0] if (resource or "").startswith(_EC2) else ""
    tags = request_tags(call, kind)
    if tags:
        return {**{f"aws:RequestTag/{key}": value for key, value in tags.items()}, "aws:TagKeys": tuple(tags)}
    if "tagkeys" in call.given:
        return {"aws:TagKeys": call.given["tagkeys"]}
    if kind and tags is not None:
        return {}
    return None if tags is None or any("tag" in str(name).lower() for name in call.parts) else {}


_EC2 = tuple(f"arn:{partition}:ec2:" for partition in ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b"))


def _value(name: str, call: Call) -> str | None:
    """Give the text of a parameter, or its number as one."""
    if name in call.given:
        return call.given[name][0]
    numbers = (value for key, value in call.parts.items() if type(value) is int and fold(str(key)) == name)
    return next(map(str, numbers), None)


def _encryption_context(call: Call) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    found = call.parts.get("encryptionContext")
    if isinstance(found, Mapping) and found:
        yield from ((f"kms:EncryptionContext:{key}", str(value)) for key, value in found.items())
        yield "kms:EncryptionContextKeys", tuple(map(str, found))
    for key in call.given.get("keyid", ()):
        if "alias/" in key:
            yield "kms:RequestAlias", key[key.index("alias/") :]
