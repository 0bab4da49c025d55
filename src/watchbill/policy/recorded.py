"""Of which actions a trail tells for sure that nobody used them: those whose calls it always records.

The rules, in order:

1. An action under whose name there is no call is never recorded as itself: `iam:PassRole`, and what is permission only.
   Which calls there are is told from outside (`calls`); of a service of which no calls are known nothing is sure.
2. What CloudTrail calls data events it records only where a trail asks for them, and for the resources that the trail
   names, which the trail itself does not tell. Of the services that are used most these actions are listed by name; of
   every other service that has such events all that reads or writes is taken for one.
3. Calls that only read are recorded unless a trail is set to record what writes alone; those of KMS and of RDS's Data
   API unless it leaves them out. That they are recorded shows where there is one.

Sources: CloudTrail User Guide, "Logging data events" and "Logging management events", read in 2026; it grows. API:
CloudTrail, AdvancedFieldSelector.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from watchbill.policy.actions import access_level, resource_types
from watchbill.policy.patterns import any_of


Calls = Callable[[str], Collection[str] | None]
"""Gives the actions, in lower case, under whose name there is a call, by a service's prefix; None where not known."""

BY_NAME: Final[Mapping[str, tuple[str, ...]]] = {
    "cloudwatch": ("getmetric*", "listmetrics", "putmetricdata"),
    "dynamodb": ("*item*", "partiql*", "query", "scan", "getrecords", "getsharditerator"),
    "ec2": (),
    "events": ("putevents",),
    "kinesis": ("get*", "put*", "subscribetoshard", "listshards"),
    "lambda": ("invoke*",),
    "logs": ("get*", "put*", "filterlogevents", "startlivetail", "tail*", "unmask"),
    "rds": ("connect",),
    "s3": (),
    "sns": ("publish*",),
    "sqs": ("*message*",),
    "ssm": ("requestmanaged*", "putinventory", "updateinstance*"),
    "states": ("*sync*", "sendtask*", "getactivitytask"),
}
"""By service the names of actions whose calls are data events, or are recorded nowhere; no other of it are. Those of S3
are all that are on an object."""

SOME: Final = frozenset(
    {
        *("apigateway", "appconfig", "appsync", "b2bi", "bedrock", "bedrock-agentcore", "cassandra", "chime"),
        *("cloudfront-keyvaluestore", "cloudtrail-data", "codeguru-profiler", "codewhisperer", "cognito-identity"),
        *("cognito-idp", "cognito-sync", "connect", "dataexchange", "dax", "deadline", "ebs", "ec2messages"),
        *("elasticfilesystem", "elasticmapreduce", "emr-serverless", "emrwal", "es", "execute-api", "finspace"),
        *("finspace-api", "freertos", "gamelift", "geo", "glue", "greengrass", "guardduty", "healthlake"),
        *("inspector2", "iot", "iotfleetwise", "iotsitewise", "iottwinmaker", "ivs", "kafka-cluster"),
        *("kendra-ranking", "kinesisanalytics", "kinesisvideo", "lakeformation", "lex", "machinelearning"),
        *("managedblockchain", "managedblockchain-query", "medical-imaging", "mobiletargeting", "mq", "neptune-db"),
        *("neptune-graph", "opensearch", "osis", "payment-cryptography", "pca-connector-ad", "personalize"),
        *("pipes", "polly", "q", "qapps", "qbusiness", "rds-data", "rds-db", "redshift-data", "rekognition"),
        *("robomaker", "rolesanywhere", "rum", "s3-object-lambda", "s3-outposts", "s3express", "s3tables"),
        *("s3vectors", "sagemaker", "scn", "sdb", "servicediscovery", "ses", "signer", "sms-voice"),
        *("social-messaging", "ssmmessages", "sso-oauth", "support", "swf", "textract", "thinclient", "timestream"),
        *("transcribe", "translate", "verifiedpermissions", "workmail", "workspaces", "xray"),
    }
)
"""Services some of whose calls are data events, or of which it is not sure."""

LEFT_OUT: Final = frozenset({"kms", "rds-data"})
"""Services whose events a trail may leave out."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a trail shows of itself in an account."""

    reads: bool = False
    """Whether it has a management event that only reads."""
    services: frozenset[str] = frozenset()
    """Prefixes of the services of which it has any event."""


def why_not_sure(action: str, calls: Calls, shown: Collection[Shown]) -> str | None:
    """Say why nothing follows from a trail without an action; None where it was not used there.

    `shown` is what the trail shows in each account that is asked about.
    """
    service, _, name = action.lower().partition(":")
    known = calls(service)
    if known is None:
        return "the calls of this service are not known here"
    if action.lower() not in known:
        return "no call is recorded under its name"
    level = access_level(action)
    if _is_data(action, service, name, level):
        return "its calls may be data events, which are recorded only where a trail asks for them"
    if level in ("List", "Read", None) and not all(each.reads for each in shown):
        return "the trail has no event that only reads: it may be set to record what writes alone"
    if service in LEFT_OUT and not all(service in each.services for each in shown):
        return "a trail may leave out this service, and this one has no event of it"
    return None


def _is_data(action: str, service: str, name: str, level: str | None) -> bool:
    if service == "s3":
        return any("object" in kind.name.lower() for kind in resource_types(action) or ())
    if service in BY_NAME:
        return any_of(list(BY_NAME[service]))(name)
    return service in SOME and level in ("Read", "Write", None)
