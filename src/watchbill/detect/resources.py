"""What a call was made to, coarsely: which bucket, secret, key, table, database, ...; elsewhere just which service.

Only for services where the target matters more than the call: that somebody reads secrets is their work, that they read
this one for the first time may not be. The target is named in `requestParameters`, each service with its own word for
it. The account belongs to the name, since `orders/db` in staging is another secret than in production; an ARN says its
own. Buckets have none: their names are unique in all of AWS.

An ARN and the name inside it are one target (a secret's ARN ends in six random characters, a function's may end in a
version). Where a call names several, all of them together are its target. A text may be anything and is cut.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec


SENSITIVE: Mapping[str, Sequence[tuple[str, str]]] = {
    "s3.amazonaws.com": (("bucketName", "bucket"),),
    "secretsmanager.amazonaws.com": (("secretId", "secret"), ("name", "secret"), ("secretIdList", "secret")),
    "ssm.amazonaws.com": (
        ("name", "parameter"),
        ("names", "parameter"),
        ("path", "parameter"),
        ("target", "instance"),
    ),
    "kms.amazonaws.com": (("keyId", "key"),),
    "dynamodb.amazonaws.com": (("tableName", "table"),),
    "ecr.amazonaws.com": (("repositoryName", "repository"),),
    "codecommit.amazonaws.com": (("repositoryName", "repository"),),
    "rds.amazonaws.com": (
        ("dBInstanceIdentifier", "database"),
        ("dBClusterIdentifier", "database"),
        ("dBSnapshotIdentifier", "database snapshot"),
    ),
    "redshift.amazonaws.com": (("clusterIdentifier", "database"),),
    "lambda.amazonaws.com": (("functionName", "function"),),
    "logs.amazonaws.com": (("logGroupName", "log group"), ("logGroupIdentifier", "log group")),
    "iam.amazonaws.com": (
        ("instanceProfileName", "instance profile"),
        ("roleName", "role"),
        ("userName", "user"),
        ("groupName", "group"),
        ("policyArn", "policy"),
    ),
    "sts.amazonaws.com": (("roleArn", "role"),),
    "cloudtrail.amazonaws.com": (("name", "trail"), ("trailName", "trail")),
}
"""By service the parameters that name a target, the first that is there counts, and what it is called."""

LONGEST = 160
"""Characters of what is kept of a text; a longer one keeps its beginning and a digest of all of it."""

_FIELDS = sorted({field for fields in SENSITIVE.values() for field, _ in fields})
_Parameters = msgspec.defstruct("_Parameters", [(field, Any, None) for field in _FIELDS])
_DECODER = msgspec.json.Decoder(_Parameters)
"""Reads the few fields that matter and passes over the others, which is several times as fast as to build them."""

_ARN = re.compile(r"arn:[^:]*:[^:]*:[^:]*:(?P<account>[^:]*):(?:(?P<kind>[a-z-]+)[:/])?(?P<name>.*)", re.DOTALL)
_RANDOM = re.compile(r"-[A-Za-z0-9]{6}$")


def resource_of(source: str, account: str, parameters: object) -> str | None:
    """Give what a call was made to, its parameters being decoded JSON; None where there is no source."""
    get = parameters.get if isinstance(parameters, Mapping) else _nothing
    return _target(source, account, get)


def resource_of_text(source: str, account: str, parameters: str | None) -> str | None:
    """Give what a call was made to, its parameters being the text of JSON."""
    if parameters is None or source not in SENSITIVE:
        return _target(source, account, _nothing)
    try:
        return _target(source, account, partial(getattr, _DECODER.decode(parameters)))
    except msgspec.ValidationError:
        return _target(source, account, _nothing)
    except (msgspec.DecodeError, RecursionError):
        # What the other reader of the texts reads: half an emoji, a number too large for a double.
        try:
            return resource_of(source, account, json.loads(parameters))
        except (ValueError, RecursionError):
            return _target(source, account, _nothing)


def short(text: str) -> str:
    """Keep a text of any length in little room, different ones different."""
    if len(text) <= LONGEST:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return f"{text[: LONGEST - len(digest) - 1]}~{digest}"


def _nothing(field: str) -> None:
    return None


def _target(source: str, account: str, get: Callable[[str], object]) -> str | None:
    for field, kind in SENSITIVE.get(source, ()):
        value = get(field)
        names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        targets = sorted({_named(kind, name, account) for name in names if isinstance(name, str) and name})
        if targets:
            return short(", ".join(targets))
    return short(source) if source else None


def _named(kind: str, name: str, account: str) -> str:
    if found := _ARN.fullmatch(name):
        account = found["account"] or account
        name = _TAILS.get(kind, _as_it_is)(found["name"])
        # `alias/orders` is how an alias is called without its ARN too.
        name = f"alias/{name}" if kind == "key" and found["kind"] == "alias" else name
    if kind == "parameter":
        name = name.removeprefix("/")
    return f"{kind} {name}" if kind == "bucket" else f"{kind} {name} of {account}"


def _as_it_is(name: str) -> str:
    return name


_TAILS: Mapping[str, Callable[[str], str]] = {
    "secret": lambda name: _RANDOM.sub("", name),
    "function": lambda name: name.partition(":")[0],
    "log group": lambda name: name.removesuffix(":*"),
    "role": lambda name: name.rpartition("/")[2],
}
"""What is left of the name in an ARN, by kind: without what a plain name does not have."""
