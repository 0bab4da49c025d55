"""Resources that name who may use them: which calls make them do so, and whom they let.

Within an account a resource's own policy can let a principal that it names, whatever IAM gives (IAM User Guide, "Policy
evaluation logic"). Read are calls that put a policy on a bucket, a key, a secret, a queue, a topic or a repository,
those that let a function be called, and grants of keys. Permissions of queues and topics that are given by number of
account let nobody in their own account and are not looked at.

A policy that was put later stands in place of the one before; what a policy that cannot be read says is not known.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.rules import Policy
from watchbill.policy.statements import PolicyError, parse_policy
from watchbill.trail.model import Event


SHARES: Mapping[str, frozenset[str]] = {
    "s3.amazonaws.com": frozenset({"PutBucketPolicy", "DeleteBucketPolicy"}),
    "kms.amazonaws.com": frozenset({"PutKeyPolicy", "CreateGrant"}),
    "secretsmanager.amazonaws.com": frozenset({"PutResourcePolicy", "DeleteResourcePolicy"}),
    "lambda.amazonaws.com": frozenset({"AddPermission20150331v2", "RemovePermission20150331v2"}),
    "sqs.amazonaws.com": frozenset({"SetQueueAttributes"}),
    "sns.amazonaws.com": frozenset({"SetTopicAttributes"}),
    "ecr.amazonaws.com": frozenset({"SetRepositoryPolicy", "DeleteRepositoryPolicy"}),
}
"""Calls that say who may use a resource, by source."""

_LONGEST = 65_536
"""How long a policy may be and still be read; the largest that AWS takes, of a bucket, is 20 KB (S3 User Guide)."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a call says of who may use a resource."""

    service: str
    """The prefix of its actions."""
    name: str
    """The resource's, as `named_in` gives it of an ARN."""
    document: Mapping[str, Any] | None
    """The policy; None where the call takes one away, or it cannot be read."""
    replaces: bool = True
    """Whether it stands in place of what was said before."""
    statement: str | None = None
    """What it is called where it can be taken away by that name."""


def shared_by(event: Event) -> Iterator[Shared]:
    """Read who may use what after a call; nothing where it does not say of which resource."""
    if event.name not in SHARES.get(event.source, ()):
        return
    found = event.record.get("requestParameters")
    given = found if isinstance(found, dict) else {}
    yield from _READERS[event.source](event.name, given)


def named_in(request: Request) -> tuple[str, str] | None:
    """Give the service and the name of the resource of a request; None where it is of none of the kinds that share."""
    service, parts = request.action.partition(":")[0], (request.resource or "").split(":", 5)
    if len(parts) < 6:  # noqa: PLR2004 - parts of an ARN
        return None
    rest = parts[5]
    match service:
        case "s3":
            name = rest.partition("/")[0]
        case "kms":
            name = rest.removeprefix("key/")
        case "secretsmanager":
            name = _secret(request.resource or "")
        case "lambda":
            name = rest.removeprefix("function:").partition(":")[0]
        case "ecr":
            name = rest.removeprefix("repository/")
        case "sqs" | "sns":
            name = rest
        case _:
            return None
    return service, name


def lets(said: Sequence[Shared], request: Request, principal: str) -> tuple[int, bool] | None:
    """Tell which of what was said of a resource, latest first, lets a principal do something, and whether surely.

    None where none does, by itself and without anything that IAM gives.
    """
    removed: set[str] = set()
    for place, each in enumerate(said):
        if each.document is None and each.statement is not None:
            removed.add(each.statement)
        elif each.document is not None and each.statement not in removed:
            policy = _policy(each.document)
            asked = replace(request, principal=Principal.of(principal))
            effect = None if policy is None else Evaluator(Layers(resource=policy)).decide(asked).effect
            if effect in (Effect.ALLOWED, Effect.DEPENDS):
                return place, effect is Effect.ALLOWED
        if each.replaces:
            return None
    return None


def _bucket(name: str, given: Mapping[str, Any]) -> Iterator[Shared]:
    yield from _put("s3", _text(given, "bucketName"), given.get("bucketPolicy"))


def _key(name: str, given: Mapping[str, Any]) -> Iterator[Shared]:
    key = _text(given, "keyId").rpartition("/")[2]
    if name == "CreateGrant":
        yield from _granted(key, given)
    else:
        yield from _put("kms", key, given.get("policy"))


def _of_secret(name: str, given: Mapping[str, Any]) -> Iterator[Shared]:
    yield from _put("secretsmanager", _secret(_text(given, "secretId")), given.get("resourcePolicy"))


def _queue(name: str, given: Mapping[str, Any]) -> Iterator[Shared]:
    attributes = given.get("attributes")
    if isinstance(attributes, dict) and "Policy" in attributes:
        yield from _put("sqs", _text(given, "queueUrl").rpartition("/")[2], attributes["Policy"])


def _topic(name: str, given: Mapping[str, Any]) -> Iterator[Shared]:
    if given.get("attributeName") == "Policy":
        yield from _put("sns", _text(given, "topicArn").rpartition(":")[2], given.get("attributeValue"))


def _repository(name: str, given: Mapping[str, Any]) -> Iterator[Shared]:
    yield from _put("ecr", _text(given, "repositoryName"), given.get("policyText"))


def _put(service: str, name: str, written: object) -> Iterator[Shared]:
    if name:
        yield Shared(service, name, _document(written))


def _function(name: str, given: Mapping[str, Any]) -> Iterator[Shared]:
    """Read who may call a function (API: AWS Lambda, AddPermission)."""
    function = _text(given, "functionName")
    function = function.partition(":function:")[2] or function
    function, statement = function.partition(":")[0], _text(given, "statementId")
    if not function:
        return
    if name.startswith("Remove"):
        yield Shared("lambda", function, None, replaces=False, statement=statement)
        return
    principal, action = _text(given, "principal"), _text(given, "action")
    if principal and action:
        document = _allow({"AWS": principal} if principal != "*" else "*", [action])
        yield Shared("lambda", function, document, replaces=False, statement=statement or None)


def _granted(key: str, given: Mapping[str, Any]) -> Iterator[Shared]:
    """Read a grant of a key (KMS Developer Guide, "Grants in AWS KMS")."""
    grantee, operations = _text(given, "granteePrincipal"), given.get("operations")
    if key and grantee and isinstance(operations, list):
        actions = [f"kms:{each}" for each in operations if isinstance(each, str)]
        yield Shared("kms", key, _allow({"AWS": grantee}, actions), replaces=False)


_READERS = {
    "s3.amazonaws.com": _bucket,
    "kms.amazonaws.com": _key,
    "secretsmanager.amazonaws.com": _of_secret,
    "lambda.amazonaws.com": _function,
    "sqs.amazonaws.com": _queue,
    "sns.amazonaws.com": _topic,
    "ecr.amazonaws.com": _repository,
}


def _allow(principal: object, actions: list[str]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _document(written: object) -> Mapping[str, Any] | None:
    if isinstance(written, str) and len(written) <= _LONGEST:
        try:
            written = json.loads(written)
        except (ValueError, RecursionError):
            return None
    return written if isinstance(written, dict) else None


def _policy(document: Mapping[str, Any]) -> Policy | None:
    try:
        return parse_policy(document, "resource policy")
    except (PolicyError, RecursionError):
        return None


def _secret(said: str) -> str:
    """Give the name of a secret; its ARN has six letters more (Secrets Manager User Guide, "What's in a secret?")."""
    before, found, name = said.partition(":secret:")
    return name[:-7] if found and before and name[-7:-6] == "-" else name or said


def _text(given: Mapping[str, Any], name: str) -> str:
    found = given.get(name)
    return found if isinstance(found, str) else ""
