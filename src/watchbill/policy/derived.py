"""What a call needs besides its own action: passing a role, tagging what it makes, and the like.

Each is a request of its own that no event stands for, read from the parameters of the call that did.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from watchbill.policy.acted_on import Call, partition_of
from watchbill.policy.actions import access_level, arn_form
from watchbill.policy.parameters import entries, fold, plain, walk


@dataclass(frozen=True, slots=True)
class Need:
    """One more permission that a call needed."""

    action: str
    resource: str | None
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    present: frozenset[str] = frozenset()


PASSES: Mapping[str, str] = {
    # IAM User Guide, "Grant a user permissions to pass a role to an AWS service", and each service's guide, "Identity
    # and access management": the service that the role is handed to; empty where that is one of several.
    "airflow": "airflow.amazonaws.com",
    "amplify": "amplify.amazonaws.com",
    "apigateway": "apigateway.amazonaws.com",
    "application-autoscaling": "application-autoscaling.amazonaws.com",
    "appconfig": "appconfig.amazonaws.com",
    "appflow": "appflow.amazonaws.com",
    "appstream": "appstream.amazonaws.com",
    "apprunner": "",
    "appsync": "appsync.amazonaws.com",
    "autoscaling": "",
    "backup": "backup.amazonaws.com",
    "batch": "",
    "bedrock": "bedrock.amazonaws.com",
    "budgets": "budgets.amazonaws.com",
    "cloudformation": "cloudformation.amazonaws.com",
    "cloudtrail": "cloudtrail.amazonaws.com",
    "codebuild": "codebuild.amazonaws.com",
    "codedeploy": "codedeploy.amazonaws.com",
    "codepipeline": "codepipeline.amazonaws.com",
    "cognito-identity": "cognito-identity.amazonaws.com",
    "cognito-idp": "cognito-idp.amazonaws.com",
    "comprehend": "comprehend.amazonaws.com",
    "config": "config.amazonaws.com",
    "databrew": "databrew.amazonaws.com",
    "datapipeline": "",
    "datasync": "datasync.amazonaws.com",
    "dax": "dax.amazonaws.com",
    "dlm": "dlm.amazonaws.com",
    "dms": "dms.amazonaws.com",
    "ec2": "",
    "ecs": "ecs-tasks.amazonaws.com",
    "eks": "",
    "elasticbeanstalk": "elasticbeanstalk.amazonaws.com",
    "elasticmapreduce": "",
    "elastictranscoder": "elastictranscoder.amazonaws.com",
    "emr-serverless": "emr-serverless.amazonaws.com",
    "es": "",
    "events": "events.amazonaws.com",
    "firehose": "firehose.amazonaws.com",
    "fis": "fis.amazonaws.com",
    "forecast": "forecast.amazonaws.com",
    "gamelift": "gamelift.amazonaws.com",
    "glue": "glue.amazonaws.com",
    "grafana": "grafana.amazonaws.com",
    "greengrass": "greengrass.amazonaws.com",
    "imagebuilder": "",
    "iot": "",
    "iotanalytics": "iotanalytics.amazonaws.com",
    "iotsitewise": "",
    "kafkaconnect": "kafkaconnect.amazonaws.com",
    "kendra": "kendra.amazonaws.com",
    "kinesisanalytics": "kinesisanalytics.amazonaws.com",
    "lakeformation": "lakeformation.amazonaws.com",
    "lambda": "lambda.amazonaws.com",
    "lex": "",
    "logs": "logs.amazonaws.com",
    "machinelearning": "machinelearning.amazonaws.com",
    "mediaconnect": "mediaconnect.amazonaws.com",
    "mediaconvert": "mediaconvert.amazonaws.com",
    "medialive": "medialive.amazonaws.com",
    "omics": "omics.amazonaws.com",
    "opsworks": "",
    "osis": "osis-pipelines.amazonaws.com",
    "personalize": "personalize.amazonaws.com",
    "pipes": "pipes.amazonaws.com",
    "proton": "proton.amazonaws.com",
    "rds": "",
    "redshift": "redshift.amazonaws.com",
    "rekognition": "rekognition.amazonaws.com",
    "robomaker": "robomaker.amazonaws.com",
    "s3": "",
    "sagemaker": "sagemaker.amazonaws.com",
    "scheduler": "scheduler.amazonaws.com",
    "ses": "ses.amazonaws.com",
    "sns": "sns.amazonaws.com",
    "ssm": "ssm.amazonaws.com",
    "ssm-incidents": "",
    "states": "states.amazonaws.com",
    "storagegateway": "storagegateway.amazonaws.com",
    "swf": "swf.amazonaws.com",
    "synthetics": "lambda.amazonaws.com",
    "textract": "textract.amazonaws.com",
    "timestream": "timestream.amazonaws.com",
    "transfer": "transfer.amazonaws.com",
    "translate": "translate.amazonaws.com",
}
"""Services to which a role that a call names is passed, by prefix."""

PROFILES = frozenset(
    {
        "ec2:RunInstances",
        "ec2:RequestSpotInstances",
        "ec2:AssociateIamInstanceProfile",
        "ec2:ReplaceIamInstanceProfileAssociation",
        "autoscaling:CreateLaunchConfiguration",
    }
)
"""Calls that pass the role in an instance profile; which role that is, they do not say (EC2 User Guide, IAM roles)."""

TAGGING: Mapping[str, str] = {
    # SAR, each service's page: the action for tags given to a call that makes something.
    "autoscaling": "autoscaling:CreateOrUpdateTags",
    "backup": "backup:TagResource",
    "batch": "batch:TagResource",
    "cloudtrail": "cloudtrail:AddTags",
    "cloudwatch": "cloudwatch:TagResource",
    "dynamodb": "dynamodb:TagResource",
    "ecr": "ecr:TagResource",
    "ecs": "ecs:TagResource",
    "eks": "eks:TagResource",
    "elasticache": "elasticache:AddTagsToResource",
    "elasticfilesystem": "elasticfilesystem:TagResource",
    "elasticloadbalancing": "elasticloadbalancing:AddTags",
    "events": "events:TagResource",
    "firehose": "firehose:TagDeliveryStream",
    "fsx": "fsx:TagResource",
    "glue": "glue:TagResource",
    "imagebuilder": "imagebuilder:TagResource",
    "kms": "kms:TagResource",
    "lambda": "lambda:TagResource",
    "logs": "logs:TagResource",
    "memorydb": "memorydb:TagResource",
    "rds": "rds:AddTagsToResource",
    "secretsmanager": "secretsmanager:TagResource",
    "sns": "sns:TagResource",
    "sqs": "sqs:TagQueue",
    "ssm": "ssm:AddTagsToResource",
    "states": "states:TagResource",
}
"""Actions for tags given at creation, by prefix."""

_IAM_TAGGING = (
    # SAR: AWS IAM.
    ("User", "iam:TagUser"),
    ("Role", "iam:TagRole"),
    ("InstanceProfile", "iam:TagInstanceProfile"),
    ("Policy", "iam:TagPolicy"),
    ("VirtualMFADevice", "iam:TagMFADevice"),
    ("OpenIDConnectProvider", "iam:TagOpenIDConnectProvider"),
    ("SAMLProvider", "iam:TagSAMLProvider"),
)

_TAG_NAMES = ("tags", "tagset", "taglist", "tagslist", "tagsmodel")

_MAKES = ("Create", "Put", "Run", "Copy", "Restore", "Import", "Register", "Allocate", "Start", "Request")


def needs(action: str, call: Call, resource: str | None) -> Iterator[Need]:
    """Give what a call needed besides its first action; `resource` is what that was on."""
    for way in _ways(action):
        yield from way(action, call, resource)


Way = Callable[[str, Call, str | None], Iterator[Need]]


@lru_cache(maxsize=8192)
def _ways(action: str) -> tuple[Way, ...]:
    """Give the ways in which calls of an action may need more."""
    service, _, name = action.partition(":")
    found: list[Way] = []
    if action == "iam:AddRoleToInstanceProfile":
        found.append(_profile_filled)
    if action in PROFILES:
        found.append(_profile_passed)
    if service in PASSES and access_level(action) in ("Write", None):
        found.append(_passed)
    if service == "ec2":
        found += [_ec2_tagged] if name not in ("CreateTags", "DeleteTags") else []
    elif name.startswith(_MAKES) and _tagging(service, name) not in (None, action):
        found.append(_tagged)
    if action in _SESSIONS:
        found.append(_sessions)
    if action == "s3:PutObject":
        found.append(_with_object)
    return tuple(found)


def words_of_needs(action: str) -> tuple[str, ...]:
    """Give words, folded as names of parameters are, without any of which in its parameters a call needs no more."""
    return tuple(dict.fromkeys(_WORDS[way] for way in _ways(action)))


_SESSIONS = ("sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity")


def _tagging(service: str, name: str) -> str | None:
    if service == "iam":
        return next((tag for word, tag in _IAM_TAGGING if name.endswith(word)), None)
    return TAGGING.get(service)


def request_tags(call: Call, kind: str = "") -> Mapping[str, str] | None:
    """Give the tags that a call gives; None where its parameters may have been left out.

    EC2 gives tags by kind of resource: then those of `kind` only.
    """
    if call.cut:
        return None
    found: dict[str, str] = {}
    for name, value in call.parts.items():
        if fold(str(name)) in _TAG_NAMES:
            found |= _tags(value)
    for of, tags in _by_kind(call):
        found |= tags if kind in ("", of) else {}
    return found


def _by_kind(call: Call) -> Iterator[tuple[str, dict[str, str]]]:
    for name, value in call.parts.items():
        if fold(str(name)).startswith("tagspecification"):
            for each in entries(value):
                yield next(plain(_of(each, "resourcetype")), ""), _tags(_of(each, "tags", "tag", "tagset"))


def _profile_filled(action: str, call: Call, resource: str | None) -> Iterator[Need]:
    for role in call.given.get("rolename", ()):
        yield _pass(_role_arn(role, call), "ec2.amazonaws.com")


def _profile_passed(action: str, call: Call, resource: str | None) -> Iterator[Need]:
    if any(fold(str(name)) == "iaminstanceprofile" and call.parts[name] for name in call.parts):
        yield _pass(None, "ec2.amazonaws.com")


def _passed(action: str, call: Call, resource: str | None) -> Iterator[Need]:
    service = action.partition(":")[0]
    seen: dict[str, None] = {}
    for name, text in walk(call.parts):
        if ":role/" in text and text.startswith("arn:") and ("role" in name or name.startswith("credentials")):
            seen[text] = None
        elif name in _ROLE_NAMES and service == "elasticmapreduce" and not text.startswith("arn:"):
            seen[_role_arn(text, call)] = None
    for role in seen:
        if ":role/aws-service-role/" not in role:
            yield _pass(role, PASSES[service])


_ROLE_NAMES = ("servicerole", "jobflowrole", "autoscalingrole")
"""Parameters of EMR that name roles without their ARN (API: Amazon EMR)."""


def _pass(role: str | None, to: str) -> Need:
    key = "iam:PassedToService"
    return Need("iam:PassRole", role, {key: to}) if to else Need("iam:PassRole", role, present=frozenset({key}))


def _role_arn(role: str, call: Call) -> str:
    return role if role.startswith("arn:") else f"arn:{partition_of(call)}:iam::{call.account}:role/{role}"


def _tagged(action: str, call: Call, resource: str | None) -> Iterator[Need]:
    service, _, name = action.partition(":")
    tags, tagging = request_tags(call), _tagging(service, name)
    if tags and tagging:
        yield Need(tagging, resource, _tag_context(tags))


def _ec2_tagged(action: str, call: Call, resource: str | None) -> Iterator[Need]:
    """Ask for tags by kind, as EC2 does, and tell which call makes them (EC2 User Guide, "Tag on creation")."""
    for kind, tags in _by_kind(call):
        if kind and tags:
            context = {**_tag_context(tags), "ec2:CreateAction": action.partition(":")[2]}
            yield Need("ec2:CreateTags", _any_of_kind(kind, call), context)


def _any_of_kind(kind: str, call: Call) -> str | None:
    """Give the ARN by which EC2 asks for something that is not there yet."""
    form = arn_form("ec2", kind)
    if form is None:
        return None
    places = {"Partition": partition_of(call), "Region": call.region, "Account": call.account}
    for name, place in places.items():
        form = form.replace(f"${{{name}}}", place)
    head, _, _ = form.partition("${")
    return f"{head}*"


def _sessions(action: str, call: Call, resource: str | None) -> Iterator[Need]:
    """Give a session's tags and source identity, rights of their own (IAM User Guide, "Pass session tags")."""
    given = call.given
    if identity := given.get("sourceidentity"):
        yield Need("sts:SetSourceIdentity", resource, {"sts:SourceIdentity": identity[0]})
    if tags := request_tags(call):
        yield Need("sts:TagSession", resource, _tag_context(tags))


def _with_object(action: str, call: Call, resource: str | None) -> Iterator[Need]:
    """Give an access list or tags given with an object, which are rights of their own (S3 User Guide)."""
    given = {str(name).lower(): value for name, value in call.parts.items()}
    if given.get("x-amz-acl") or any(name.startswith("x-amz-grant-") for name in given):
        yield Need("s3:PutObjectAcl", resource)
    if given.get("x-amz-tagging"):
        yield Need("s3:PutObjectTagging", resource)


_WORDS: Mapping[Way, str] = {
    _profile_filled: "role",
    _profile_passed: "profile",
    _passed: "role",
    _ec2_tagged: "tagspec",
    _tagged: "tag",
    _sessions: "",
    _with_object: "xamz",
}
"""What must stand in the parameters for a way to need anything; an empty word stands in all."""


def copied_from(call: Call) -> str | None:
    """Give the ARN of the object that an S3 call copies from; None where it does not say (API: Amazon S3)."""
    said = next(plain(call.parts.get("x-amz-copy-source")), "")
    source = unquote(said.partition("?")[0]).removeprefix("/")
    if source.startswith("arn:"):
        return source
    return f"arn:{partition_of(call)}:s3:::{source}" if "/" in source else None


def _tag_context(tags: Mapping[str, str]) -> dict[str, str | tuple[str, ...]]:
    return {**{f"aws:RequestTag/{key}": value for key, value in tags.items()}, "aws:TagKeys": tuple(tags)}


def _of(entry: Mapping[str, Any], *names: str) -> object:
    """Give the member of an object by the first of some folded names, whichever way it is written."""
    by_name = {fold(str(name)): value for name, value in entry.items()}
    return next((by_name[name] for name in names if name in by_name and not isinstance(by_name[name], int)), None)


def _tags(value: object) -> dict[str, str]:
    """Read tags: a list of keys with values, or an object of them."""
    found: dict[str, str] = {}
    for each in entries(value):
        key = next(plain(_of(each, "key", "tagkey")), None)
        if key is not None:
            found[key] = next(plain(_of(each, "value", "tagvalue")), "")
    if not found and isinstance(value, Mapping) and "items" not in value:
        found = {str(key): text for key, text in value.items() if isinstance(text, str)}
    return found
