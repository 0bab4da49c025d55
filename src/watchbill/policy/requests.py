"""From a CloudTrail event to the IAM request or requests it was.

The rules, in order:

1. What is no call under IAM is no request, and says why: sign-ins, what AWS did itself, calls that need no permission.
2. The actions are those of `actions.actions_of`; where they hang on what the call carried (a PartiQL statement, the
   items of a transaction, a version of an object), that is read.
3. Each action is asked once for each resource of `acted_on`. One that is not known is None, never guessed.
4. What the call needed besides comes after: a role that it passed, tags that it gave (`derived`).
5. The context is what the record tells (`circumstances`) and what the parameters fill (`given`).

Takes plain columns, no types of the trail. Nothing in a record raises.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watchbill.policy.acted_on import Call, acted_on, partition_of
from watchbill.policy.actions import Named, actions_of, prefix_of
from watchbill.policy.circumstances import Known, circumstances_of
from watchbill.policy.denials import Denial, denial_of
from watchbill.policy.derived import Need, copied_from, needs
from watchbill.policy.given import given
from watchbill.policy.irregular import KINDS_WITHOUT
from watchbill.policy.model import Request
from watchbill.policy.parameters import entries, fold, plain


@dataclass(frozen=True, slots=True)
class Mapped:
    """The requests that an event was."""

    requests: tuple[Request, ...]
    """Empty where no IAM permission stands behind the event. The call's own come first."""
    why_not: str | None
    """Why there is no request."""
    resource_known: bool
    """Whether it is known what the call itself acted on."""
    own: int = 0
    """How many of the requests are the call's own; the others are for what it needed besides."""
    listed: bool = True
    """Whether AWS's reference has the actions; where it does not, the name is what is usual."""
    assumed: tuple[str, ...] = ()
    """What was taken for granted, in words."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """An action with the resources it was on."""

    action: str
    arns: tuple[str | None, ...]


def requests_of(
    *,
    source: str,
    name: str,
    account: str,
    region: str,
    principal_arn: str | None,
    request_parameters: Mapping[str, Any] | None,
    resources: Sequence[Mapping[str, Any]] | None,
    context: Mapping[str, str | tuple[str, ...]],
) -> Mapped:
    """Give the requests that an event was, all with the same context; parameters are taken to be whole."""
    call = Call(source, name, account, region, request_parameters, resources, principal_arn)
    return requests_of_call(call, Known(dict(context)))


def requests_of_call(call: Call, known: Known, denial: Denial | None = None) -> Mapped:
    """Give the requests that a call was; `denial` is what AWS said of it, and names a resource that nothing else does.

    Every request carries what is known of the circumstances and what the parameters fill.
    """
    if call.kind is not None and call.kind in KINDS_WITHOUT:
        return Mapped((), KINDS_WITHOUT[call.kind], resource_known=False)
    named = actions_of(call.source, call.name)
    if not named.actions:
        return Mapped((), named.why_not, resource_known=False)
    assumed: list[str] = []
    own = [(asked.action, arn) for asked in _asked(call, named, assumed) for arn in _by(denial, asked)]
    requests = [_request(call, known, Need(action, arn)) for action, arn in own]
    more: dict[tuple[str, str | None], Need] = {}
    for action, arn in own:
        for need in needs(action, call, arn):
            more.setdefault((need.action, need.resource), need)
    asked = {action.lower() for action, _ in own} | {action.lower() for action, _ in more}
    if denial is not None and denial.action.lower() not in asked:
        more[denial.action, denial.arn] = Need(denial.action, denial.arn)  # AWS says itself that it asked for it
    requests += [_request(call, known, need) for need in more.values()]
    resource_known = all(arn is not None for _, arn in own)
    said = tuple(dict.fromkeys(assumed))
    return Mapped(tuple(requests), None, resource_known, len(own), named.listed, said)


def requests_of_record(record: Mapping[str, Any]) -> Mapped:
    """Give the requests that a CloudTrail record was, with all that the record tells."""
    message = record.get("errorMessage")
    denial = denial_of(message) if isinstance(message, str) else None
    return requests_of_call(call_of(record), circumstances_of(record), denial)


def call_of(record: Mapping[str, Any]) -> Call:
    """Read a call from a CloudTrail record; what is missing or of another form is left out."""
    identity = _mapping(record.get("userIdentity"))
    issuer = _mapping(_mapping(identity.get("sessionContext")).get("sessionIssuer"))
    parameters, resources = record.get("requestParameters"), record.get("resources")
    return Call(
        _text(record.get("eventSource")),
        _text(record.get("eventName")),
        _text(record.get("recipientAccountId")) or _text(identity.get("accountId")),
        _text(record.get("awsRegion")),
        parameters if isinstance(parameters, dict) else None,
        [each for each in resources if isinstance(each, dict)] if isinstance(resources, list) else None,
        _text(issuer.get("arn")) or _text(identity.get("arn")) or None,
        _text(record.get("eventType")) or None,
        bool(record.get("errorCode")) and not isinstance(parameters, dict),
        _mapping(record.get("responseElements")),
    )


def _request(call: Call, known: Known, need: Need) -> Request:
    context, absent = given(need.action, call, need.resource)
    return Request(
        need.action,
        need.resource,
        {**context, **need.context, **known.context},
        known.absent | absent,
        present=known.present | need.present,
    )


def _by(denial: Denial | None, asked: _Asked) -> tuple[str | None, ...]:
    """Give the resources of an action, with the one that AWS named in place of those that are not known."""
    if denial is None or denial.arn is None or denial.action.lower() != asked.action.lower():
        return asked.arns
    return tuple(dict.fromkeys(denial.arn if arn is None else arn for arn in asked.arns))


def _asked(call: Call, named: Named, assumed: list[str]) -> Iterator[_Asked]:
    """Give the actions of a call, each with what it was on."""
    special = SPECIAL.get((prefix_of(call.source), call.name))
    if special is not None:
        yield from special(call, assumed)
        return
    for action in named.actions:
        found = acted_on(_versioned(action, call), call)
        assumed.extend(found.assumed)
        yield _Asked(_versioned(action, call), tuple(found.arns))


VERSIONED: Mapping[str, str] = {
    # SAR: Amazon S3: a version of an object has actions of its own.
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:GetObjectAcl": "s3:GetObjectVersionAcl",
    "s3:GetObjectAttributes": "s3:GetObjectVersionAttributes",
    "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
    "s3:GetObjectTorrent": "s3:GetObjectVersionTorrent",
    "s3:PutObjectAcl": "s3:PutObjectVersionAcl",
    "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
}


def _versioned(action: str, call: Call) -> str:
    if action not in VERSIONED:
        return action
    version = next(plain(call.parts.get("versionId")), "")
    return VERSIONED[action] if version not in ("", "null") else action


def _copy(call: Call, assumed: list[str]) -> Iterator[_Asked]:
    """Read a copy: it reads one object and writes another (API: Amazon S3, CopyObject)."""
    source = str(call.parts.get("x-amz-copy-source", ""))
    yield _Asked("s3:GetObjectVersion" if "?versionId=" in source else "s3:GetObject", (copied_from(call),))
    yield _Asked("s3:PutObject", tuple(acted_on("s3:PutObject", call).arns))


_STATEMENT = re.compile(
    r"\s*(EXISTS\s*\(\s*)?(?P<verb>SELECT|INSERT|UPDATE|DELETE)\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)

_TABLE: Mapping[str, re.Pattern[str]] = {
    "SELECT": re.compile(r"\bFROM\s+([\"\w.\-]+)", re.IGNORECASE),
    "INSERT": re.compile(r"\bINTO\s+([\"\w.\-]+)", re.IGNORECASE),
    "UPDATE": re.compile(r"\s*([\"\w.\-]+)"),
    "DELETE": re.compile(r"\bFROM\s+([\"\w.\-]+)", re.IGNORECASE),
}


def _partiql(call: Call, assumed: list[str]) -> Iterator[_Asked]:
    """Read statements: the verb is the action, and it names its table (DynamoDB Developer Guide, "PartiQL")."""
    given = call.parts
    written = [*plain(given.get("statement"))]
    for name in ("statements", "transactStatements"):
        written += [text for each in entries(given.get(name)) for text in plain(each.get("statement"))]
    found: dict[str, list[str | None]] = {}
    for text in written:
        match = _STATEMENT.match(text)
        if match is None:
            continue
        verb = match["verb"].upper()
        table = _TABLE[verb].search(match["rest"])
        index = table[1].replace('"', "").partition(".") if table else ("", "", "")
        arn = f"{_table_arn(index[0], call)}/index/{index[2]}" if index[2] else _table_arn(index[0], call)
        found.setdefault(f"dynamodb:PartiQL{verb.capitalize()}", []).append(arn if index[0] else None)
    if not found:
        assumed.append("the statement is not named and taken to be a SELECT")
        found["dynamodb:PartiQLSelect"] = list(acted_on("dynamodb:PartiQLSelect", call).arns)
    for action, arns in found.items():
        yield _Asked(action, tuple(dict.fromkeys(arns)))


_ITEMS = {
    "get": "dynamodb:GetItem",
    "put": "dynamodb:PutItem",
    "update": "dynamodb:UpdateItem",
    "delete": "dynamodb:DeleteItem",
    "conditioncheck": "dynamodb:ConditionCheckItem",
}


def _transaction(call: Call, assumed: list[str]) -> Iterator[_Asked]:
    """Read a transaction, each item of which is a call of its own (DynamoDB Developer Guide, "Transactions: IAM")."""
    found: dict[str, list[str | None]] = {}
    for name, value in call.parts.items():
        if fold(str(name)) not in ("transactitems", "transactwriteitems"):
            continue
        for entry in entries(value):
            for verb, item in entry.items():
                if fold(str(verb)) in _ITEMS and isinstance(item, Mapping):
                    table = next(plain(item.get("tableName", item.get("TableName"))), None)
                    arns = found.setdefault(_ITEMS[fold(str(verb))], [])
                    arns.append(_table_arn(table, call) if table else None)
    if not found:
        action = "dynamodb:GetItem" if call.name == "TransactGetItems" else "dynamodb:PutItem"
        if call.name != "TransactGetItems":
            assumed.append("the items are not named and taken to be put")
        found[action] = list(acted_on(action, call).arns)
    for action, arns in found.items():
        yield _Asked(action, tuple(dict.fromkeys(arns)))


def _batch_items(call: Call, assumed: list[str]) -> Iterator[_Asked]:
    """Read a batch, whose items are by table (API: Amazon DynamoDB)."""
    action = f"dynamodb:{call.name}"
    items = call.parts.get("requestItems")
    tables = [str(name) for name in items] if isinstance(items, Mapping) else []
    listed = acted_on(action, call).arns
    yield _Asked(action, tuple(_table_arn(table, call) for table in tables) or tuple(listed))


def _table_arn(table: str, call: Call) -> str:
    if table.startswith("arn:"):
        return table
    return f"arn:{partition_of(call)}:dynamodb:{call.region}:{call.account}:table/{table}"


SPECIAL = {
    ("dynamodb", "BatchExecuteStatement"): _partiql,
    ("dynamodb", "BatchGetItem"): _batch_items,
    ("dynamodb", "BatchWriteItem"): _batch_items,
    ("dynamodb", "ExecuteStatement"): _partiql,
    ("dynamodb", "ExecuteTransaction"): _partiql,
    ("dynamodb", "TransactGetItems"): _transaction,
    ("dynamodb", "TransactWriteItems"): _transaction,
    ("s3", "CopyObject"): _copy,
    ("s3", "UploadPartCopy"): _copy,
}
"""Calls whose actions are read from what they carried, by prefix and name."""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
