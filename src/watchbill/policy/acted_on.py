"""Which resources a call was on, as policies name them.

The rules, in order:

1. An action that takes no resource is on `*`.
2. What the record itself lists in `resources` goes before what the call named: CloudTrail resolves aliases for us. It
   counts where it is of a kind that the action may be on.
3. A kind of resource is named by its ARN, or by parameters that fill what varies in the ARN of its kind: by the name
   of the part (`FunctionName`), its stem with another ending (`DBInstanceIdentifier`), or the kind itself.
4. What a call creates has no name of its own yet where AWS chooses it; AWS then asks for the kind with `*`, as in its
   own refusals (`arn:aws:ec2:eu-west-1:111122223333:instance/*`).
5. A kind that each call of the action is on, and that nothing names, is not known: None.

Names that do not tell are in the tables of `kinds`; services that go by rules of their own have a function below.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from watchbill.policy.actions import ResourceType, arn_form, path_of, resource_types
from watchbill.policy.kinds import (
    ALIASES,
    ANY_OF_KIND,
    BEGINS,
    BESIDES,
    BY_ID_ONLY,
    CREATED,
    DEFAULTS,
    EC2_IDS,
    EXACT,
    LOOSE,
    LOWERED,
    NOT_NAMED,
    OWNED_BY_AWS,
    SPELT,
    WHOLE,
)
from watchbill.policy.parameters import Texts, fold, texts, unwrapped


@dataclass(frozen=True)
class Call:
    """One call as plain columns of a CloudTrail record."""

    source: str
    """`eventSource`."""
    name: str
    """`eventName`."""
    account: str
    region: str
    parameters: Mapping[str, Any] | None = None
    """`requestParameters`."""
    resources: Sequence[Mapping[str, Any]] | None = None
    principal_arn: str | None = None
    """ARN of the user or role that called."""
    kind: str | None = None
    """`eventType`."""
    cut: bool = False
    """Whether the record may leave parameters out, as it does of most calls that were denied."""
    answer: Mapping[str, Any] | None = None
    """`responseElements`."""

    @cached_property
    def parts(self) -> Mapping[str, Any]:
        """Give the parameters without their wrapping."""
        return unwrapped(self.parameters)

    @cached_property
    def given(self) -> Texts:
        """Give the texts of the parameters by folded name."""
        return texts(self.parts)


@dataclass(slots=True)
class Found:
    """The resources of one action of a call."""

    arns: list[str | None]
    """`*` where the action takes none; a None stands for one that is not known."""
    assumed: list[str] = field(default_factory=list)
    """What was taken for granted, in words."""


_CREATES = ("Create", "Run", "Allocate", "Request", "Import", "Copy", "Register", "Purchase", "Provision")

_OWN = frozenset(
    # API: AWS IAM: "If you do not specify a user name, IAM determines the user name implicitly."
    {
        "iam:ChangePassword",
        "iam:CreateAccessKey",
        "iam:DeleteAccessKey",
        "iam:UpdateAccessKey",
        "iam:ListAccessKeys",
        "iam:GetUser",
        "iam:GetLoginProfile",
        "iam:CreateLoginProfile",
        "iam:DeleteLoginProfile",
        "iam:ListMFADevices",
        "iam:ListSSHPublicKeys",
        "iam:ListSigningCertificates",
        "iam:UploadSigningCertificate",
        "iam:UpdateSigningCertificate",
        "iam:DeleteSigningCertificate",
        "iam:CreateServiceSpecificCredential",
        "iam:DeleteServiceSpecificCredential",
        "iam:ListServiceSpecificCredentials",
        "iam:ResetServiceSpecificCredential",
        "iam:UpdateServiceSpecificCredential",
    }
)
"""Calls that are on their caller's own user where they name none."""

_WITH_PATH = frozenset({"group", "instance-profile", "policy", "role", "server-certificate", "user"})
"""Kinds of IAM whose ARN has a path, which calls do not name."""

_PART = re.compile(r"\$\{([^}]*)\}")

_ENDINGS = ("withoutleadingslash", "withpath", "friendlyname", "identifier", "name", "uuid", "arn", "id")

_BARE = ("name", "id", "identifier", "arn")


def acted_on(action: str, call: Call) -> Found:
    """Tell which resources an action of a call was on, each once."""
    service = action.partition(":")[0]
    special = _SPECIAL.get(service)
    found = special(action, call) if special else None
    if found is None:
        found = _usual(action, call)
    found.arns = list(dict.fromkeys(found.arns))
    return found


def partition_of(call: Call) -> str:
    """Give the partition that a call was made in."""
    if call.principal_arn and call.principal_arn.count(":") > 1:
        return call.principal_arn.split(":", 2)[1]
    return next((partition for start, partition in _PARTITIONS if call.region.startswith(start)), "aws")


_PARTITIONS = (
    # AWS General Reference, "Amazon Resource Names"; botocore's `partitions.json`.
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-iso-", "aws-iso"),
    ("eusc-", "aws-eusc"),
)


@dataclass(frozen=True, slots=True)
class _Part:
    """What varies in an ARN."""

    name: str
    candidates: tuple[str, ...]
    """Folded names of parameters that may fill it, the likeliest first."""


@dataclass(frozen=True, slots=True)
class _Form:
    """The form of a kind's ARN for one action."""

    service: str
    """The prefix of the action, not of the kind."""
    kind: ResourceType
    literals: tuple[str, ...]
    """What stands before, between and after the parts."""
    parts: tuple[_Part, ...]
    whole: re.Pattern[str]
    created: bool
    """Whether the action makes one."""

    @property
    def free(self) -> list[_Part]:
        """The parts that a call must name."""
        return [part for part in self.parts if part.name not in _PLACES]


@lru_cache(maxsize=8192)
def _forms(action: str) -> tuple[_Form, ...] | None:
    types = resource_types(action)
    if types is None:
        return None
    service, _, name = action.partition(":")
    more, arn = BESIDES.get(action), arn_form(service, BESIDES.get(action, ""))
    types += (ResourceType(more, arn, required=True),) if more and arn else ()
    sole = len({each.name for each in types}) == 1
    return tuple(_form(service, name, each, sole=sole) for each in types)


def _form(service: str, name: str, kind: ResourceType, *, sole: bool) -> _Form:
    pieces = _PART.split(kind.arn)
    named = pieces[1::2]
    last = next((each for each in reversed(named) if each not in _PLACES), None)
    folded = fold(kind.name)
    bare = sole or folded in fold(name)
    parts = tuple(_Part(each, _candidates(service, each, folded if each == last else "", bare=bare)) for each in named)
    pattern = "".join(
        re.escape(piece) if index % 2 == 0 else "[^:]*" if piece in _PLACES else ".+"
        for index, piece in enumerate(pieces)
    )
    makes = name.startswith(_CREATES) and (
        fold(name).endswith((folded, f"{folded}s")) or kind.name in CREATED.get(f"{service}:{name}", ())
    )
    return _Form(service, kind, tuple(pieces[0::2]), parts, re.compile(pattern), makes)


_PLACES = ("Partition", "Region", "Account")

_GENERIC = frozenset({"resource", "resourceid", "resourceids", "resourcename", "resourcearn", "id", "name"})
"""Names that tell nothing of the kind."""


def _candidates(service: str, part: str, kind: str, *, bare: bool) -> tuple[str, ...]:
    folded = fold(part)
    stem = next((folded.removesuffix(ending) for ending in _ENDINGS if folded.endswith(ending)), folded)
    stem = next((stem.removesuffix(ending) for ending in _ENDINGS[-5:] if stem.endswith(ending)), stem)
    made = [*ALIASES.get((service, part), ()), folded]
    if service in EXACT:
        made += ["groupname"] if bare and part == "PlacementGroupName" else []
    else:
        made += [
            f"{each}{ending}" for each in (stem, kind) if each for ending in ("name", "id", "identifier", "arn", "")
        ]
    made = [each for each in made if bare or each not in _GENERIC or each in ALIASES.get((service, part), ())]
    made += _BARE if bare and kind and service not in EXACT else ()
    return tuple(dict.fromkeys([*made, *(f"{each}{plural}" for each in made for plural in ("s", "list", "set"))]))


def _usual(action: str, call: Call) -> Found:
    forms = _forms(action)
    listed = [each["ARN"] for each in call.resources or () if isinstance(each.get("ARN"), str)]
    if forms is None:
        return Found([*listed] or [None])
    if not forms:
        return Found([_whole(action, call)])
    given = call.given
    found = Found([])
    made: list[tuple[_Form, list[str]]] = []
    for form in forms:
        mine = [arn for arn in listed if form.whole.fullmatch(arn)] or [*_named(form, given, call, found)]
        if not mine and not call.cut and (form.created or form.kind.name == ANY_OF_KIND.get(action)):
            mine = [*_new(form, call, found)]
        made.append((form, mine))
    narrowest = [
        (form, mine)
        for form, mine in made
        if form.kind.required or not any(_narrower(other, form) for other, _ in _met(made))
    ]
    resolved = {_family(form) for form, mine in narrowest if mine}
    for form, mine in narrowest:
        found.arns += mine
        if not mine and form.kind.required and _family(form) not in resolved and form.service not in LOOSE:
            found.arns.append(None)
    if not any(found.arns):
        found.arns = [*listed] or [*_answered(forms, call)] or [None]
        optional = not any(form.kind.required for form in forms)
        if found.arns == [None] and optional and not call.cut and _whole(action, call) != "*":
            found.arns = [_whole(action, call)]
    return found


def _family(form: _Form) -> str:
    """Give what kinds have in common of which a call is on one: `listener/app`, `listener/net`."""
    return form.kind.name.partition("/")[0]


def _whole(action: str, call: Call) -> str:
    """Give what an action that takes no resource is asked of: `*`, or what AWS's own refusals name instead."""
    form = WHOLE.get(action) or WHOLE.get(action.partition(":")[0])
    if form is None:
        return "*"
    name = action.partition(":")[2]
    return form.format(partition=partition_of(call), region=call.region, account=call.account, name=name)


def _met(made: Sequence[tuple[_Form, list[str]]]) -> list[tuple[_Form, list[str]]]:
    return [(form, mine) for form, mine in made if mine]


def _narrower(form: _Form, other: _Form) -> bool:
    """Tell whether a form names all that another does, and more: a rule on a bus, beside a rule."""
    mine, theirs = ({part.name for part in each.free} for each in (form, other))
    return mine > theirs and form.literals[0] == other.literals[0]


def _answered(forms: Sequence[_Form], call: Call) -> Iterator[str]:
    """Give the ARNs in the answer that are of a kind the action is on, where the call itself named none."""
    for name, values in texts(call.answer or {}).items():
        if name.endswith("arn"):
            yield from (text for text in values if any(form.whole.fullmatch(text) for form in forms))


def _named(form: _Form, given: Texts, call: Call, found: Found) -> Iterator[str]:
    """Give the ARNs of one kind that the parameters name."""
    free = form.free
    if not free:
        if form.kind.required:
            yield _put(form, [], call)
        return
    whole = [text for each in given.values() for text in each if text.startswith("arn:") and form.whole.fullmatch(text)]
    if whole:
        yield from dict.fromkeys(whole)
        return
    values = [_values(form, part, given, call) for part in free]
    if not all(values) or (form.service, form.kind.name) in BY_ID_ONLY:
        return
    *before, last = values
    begins = BEGINS.get((form.service, form.kind.name))
    for text in last:
        filled = [each[0].rpartition("/")[2] if each[0].startswith("arn:") else each[0] for each in before]
        if text.startswith("arn:") or (begins and not begins.match(text)):
            continue  # an ARN or an id, but not of this kind
        filled.append(_path(form.kind.name, text, given, call, found) if _has_path(form) else text)
        yield _put(form, [each.lower() for each in filled] if form.service in LOWERED else filled, call)


def _values(form: _Form, part: _Part, given: Texts, call: Call) -> tuple[str, ...]:
    """Give the texts that may fill a part of an ARN."""
    key = (form.service, part.name)
    if key in NOT_NAMED:
        return (NOT_NAMED[key],)
    found = next((given[name] for name in part.candidates if name in given), ())
    if key in SPELT:
        found = tuple(filter(None, (SPELT[key].get(each, each) for each in found)))
    return found or ((DEFAULTS[key],) if key in DEFAULTS and not call.cut else ())


def _has_path(form: _Form) -> bool:
    return form.service == "iam" and form.kind.name in _WITH_PATH


def _path(kind: str, name: str, given: Texts, call: Call, found: Found) -> str:
    """Give a name of IAM with its path: as the call says, as the caller's own ARN says, or else none."""
    own = call.principal_arn or ""
    if kind in own and own.rsplit("/", 1)[-1] == name and f":{kind}/" in own:
        return own.partition(f":{kind}/")[2]
    path = given.get("path", ("",))[0]
    if not path and not name.startswith("/"):
        found.assumed.append(f"{kind} {name} has the path /")
    return f"{path}{name}".lstrip("/")


def _put(form: _Form, values: Sequence[str], call: Call) -> str:
    """Put an ARN together; `values` fill the parts that are no place, in order."""
    rest = iter(values)
    owned = OWNED_BY_AWS.get((form.service, form.kind.name))
    account = "" if owned and values and owned.match(values[-1]) else call.account
    places = {"Partition": partition_of(call), "Region": call.region, "Account": account}
    made = form.literals[0]
    for part, literal in zip(form.parts, form.literals[1:], strict=True):
        made += places[part.name] if part.name in places else _bare(made, next(rest))
        made += literal
    return made


def _bare(before: str, value: str) -> str:
    """Take off a value what already stands before it: `alias/orders` after `...:alias/`, a slash after a slash."""
    word = before.rpartition(":")[2]
    for start in (word, f"/{word}"):
        if len(word) > 1 and value.startswith(start):
            return value[len(start) :]
    return value[1:] if before.endswith("/") and value.startswith("/") else value


def _new(form: _Form, call: Call, found: Found) -> Iterator[str]:
    if len(form.free) == 1:
        found.assumed.append(f"a new {form.kind.name} is asked for as *")
        yield _put(form, ["*"], call)


def _s3(action: str, call: Call) -> Found | None:
    """Read S3, which names an object by bucket and key, and lists the bucket beside the object acted on (SAR: S3)."""
    kinds = {each.name for each in resource_types(action) or ()}
    given = call.parts
    bucket, key = given.get("bucketName"), given.get("key")
    partition = partition_of(call)
    if not kinds & {"object", "bucket"}:
        return None
    listed = {str(each.get("type")): each["ARN"] for each in call.resources or () if isinstance(each.get("ARN"), str)}
    if not isinstance(bucket, str) or not bucket:
        arn = listed.get("AWS::S3::Object" if "object" in kinds else "AWS::S3::Bucket")
        return Found([arn])
    within = bucket if bucket.startswith("arn:") else f"arn:{partition}:s3:::{bucket}"
    joint = "/object/" if ":accesspoint" in within else "/"
    if "object" not in kinds:
        return Found([within])
    return Found([f"{within}{joint}{key}" if isinstance(key, str) and key else listed.get("AWS::S3::Object")])


def _kms(action: str, call: Call) -> Found | None:
    """Read KMS, where an alias is no key's ARN: CloudTrail lists the key it stood for, or nobody knows it (SAR)."""
    kinds = {each.name for each in resource_types(action) or ()}
    given = call.given
    listed = [each["ARN"] for each in call.resources or () if isinstance(each.get("ARN"), str)]
    keys = [arn for arn in listed if ":key/" in arn]
    if action in ("kms:ReEncryptFrom", "kms:ReEncryptTo"):
        return Found([*_reencrypted(action, call, given, keys)])
    if "key" not in kinds or "alias" in kinds:
        return None
    if keys:
        return Found([*keys])
    found: list[str | None] = []
    for key in given.get("keyid", ()):
        alias = key.startswith("alias/") or ":alias/" in key
        full = key if key.startswith("arn:") else f"arn:{partition_of(call)}:kms:{call.region}:{call.account}:key/{key}"
        found.append(None if alias else full)
    return Found(found or [None])


def _reencrypted(action: str, call: Call, given: Texts, keys: Sequence[str]) -> Iterator[str | None]:
    to = action.endswith("To")
    named = given.get("destinationkeyid" if to else "sourcekeyid", ())
    matching = [key for key in keys if any(key.endswith(each.rpartition("/")[2]) for each in named)]
    if matching:
        yield from matching
    elif len(keys) == 2 and (given.get("destinationkeyid") or not given):  # noqa: PLR2004 - one from, one to
        # KMS Developer Guide, "ReEncrypt": the record lists the key from which first.
        yield keys[1] if to else keys[0]
    elif keys:
        yield keys[0]
    else:
        prefix = f"arn:{partition_of(call)}:kms:{call.region}:{call.account}:key/"
        usable = [each for each in named if "alias/" not in each]
        yield next((each if each.startswith("arn:") else f"{prefix}{each}" for each in usable), None)


def _logs(action: str, call: Call) -> Found | None:
    """Read a log group as AWS's own refusals write it, with the form of its streams: `log-group:orders:log-stream:`."""
    kinds = {each.name for each in resource_types(action) or ()}
    if not kinds & {"log-group", "log-stream"} and action != "logs:DescribeLogGroups":
        return None
    given = call.given
    prefix = f"arn:{partition_of(call)}:logs:{call.region}:{call.account}:log-group:"
    found: list[str | None] = []
    for name in ("loggroupname", "loggroupidentifier", "loggroupnames", "loggroupidentifiers"):
        for group in given.get(name, ()):
            base = group.removesuffix(":*") if group.startswith("arn:") else f"{prefix}{group}"
            streams = given.get("logstreamname", ("",)) if "log-stream" in kinds else ("",)
            found += [f"{base}:log-stream:{stream}" for stream in streams]
    if action == "logs:DescribeLogGroups":
        found = [f"{prefix}:log-stream:"] if not call.cut and "loggroupnameprefix" not in given else [None]
    return Found(found) if found else None


def _apigateway(action: str, call: Call) -> Found | None:
    """Read a verb as being on the path of the call (SAR: Amazon API Gateway Management)."""
    if action.partition(":")[2] not in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        return None
    given = call.given
    path = path_of(call.source, f"{call.name} v2") if _is_v2(given) else None
    path = path or path_of(call.source, call.name)
    if path is None:
        return Found([None])
    for part in re.findall(r"\{([^}]*)\}", path):
        folded = fold(part.rstrip("+"))
        value = next((given[each][0] for each in (folded, *_apigateway_names(folded)) if each in given), None)
        if value is None:
            return Found([None])
        path = path.replace("{" + part + "}", value)
    path = path.removeprefix("/v2").partition("?")[0]
    return Found([f"arn:{partition_of(call)}:apigateway:{call.region}::{path}"])


def _is_v2(given: Texts) -> bool:
    """Tell whether a call is of the newer API: it names an API, not a REST API."""
    return "apiid" in given and "restapiid" not in given


def _apigateway_names(folded: str) -> tuple[str, ...]:
    return (f"{folded}name", f"{folded}id", folded.removesuffix("id"), folded.removesuffix("name"))


def _sqs(action: str, call: Call) -> Found | None:
    """Read a queue from its URL, which ends in account and name (API: Amazon SQS)."""
    given = call.given
    urls = given.get("queueurl", ())
    found: list[str | None] = []
    for url in urls:
        parts = url.rsplit("/", 2)
        if len(parts) == 3 and parts[1].isdigit():  # noqa: PLR2004 - host, account, name
            found.append(f"arn:{partition_of(call)}:sqs:{call.region}:{parts[1]}:{parts[2]}")
    return Found(found) if found and resource_types(action) else None


def _lambda(action: str, call: Call) -> Found | None:
    """Read a function from its name, part of its ARN, or either with a version or alias behind it (API: AWS Lambda)."""
    kinds = {each.name for each in resource_types(action) or ()}
    given = call.given
    names = given.get("functionname", ())
    if "function" not in kinds or not names or any("ARN" in each for each in call.resources or ()):
        return None
    prefix = f"arn:{partition_of(call)}:lambda:{call.region}:"
    found: list[str | None] = []
    for name in names:
        if name.startswith("arn:"):
            arn = name
        elif ":function:" in name:
            arn = f"{prefix}{name}"
        else:
            arn = f"{prefix}{call.account}:function:{name}"
        qualifier = given.get("qualifier", ("",))[0]
        found.append(f"{arn}:{qualifier}" if qualifier and arn.count(":") == _FUNCTION_COLONS else arn)
    return Found(found)


_FUNCTION_COLONS = 6
"""Colons in a function's ARN without a version."""


def _iam(action: str, call: Call) -> Found | None:
    """Take a call that names no user to be on the caller's own (API: AWS IAM)."""
    own = call.principal_arn
    if action not in _OWN or call.cut or own is None or ":user/" not in own:
        return None
    return None if "username" in call.given else Found([own])


def _sts(action: str, call: Call) -> Found | None:
    """Read a federated user from its name (SAR: AWS STS)."""
    if action != "sts:GetFederationToken":
        return None
    names = call.given.get("name", ())
    return Found([f"arn:{partition_of(call)}:sts::{call.account}:federated-user/{name}" for name in names] or [None])


def _ecs(action: str, call: Call) -> Found | None:
    """Read a task definition from family and revision; without one the newest is meant (API: Amazon ECS)."""
    kinds = {each.name for each in resource_types(action) or ()}
    given = call.given
    named = given.get("taskdefinition", ())
    if kinds != {"task-definition"} or any(each.startswith("arn:") for each in named):
        return None
    prefix = f"arn:{partition_of(call)}:ecs:{call.region}:{call.account}:task-definition/"
    if named:
        return Found([f"{prefix}{each}" if ":" in each else None for each in named])
    return Found([f"{prefix}{family}:*" for family in given.get("family", ())] or [None])


def _ssm(action: str, call: Call) -> Found | None:
    """Tags are of a kind that a parameter names (API: AWS Systems Manager)."""
    given = call.given
    ids, of = given.get("resourceid", ()), given.get("resourcetype", ("",))[0].lower()
    form = next((each for each in _forms(action) or () if fold(each.kind.name) == fold(_SSM_KINDS.get(of, of))), None)
    if form is None or not ids or len(form.free) != 1:
        return None
    return Found([_put(form, [each], call) for each in ids])


def _ec2(action: str, call: Call) -> Found | None:
    """Read what is tagged, or whose flow is logged, from its id alone, which begins by its kind (EC2 User Guide)."""
    if action not in ("ec2:CreateTags", "ec2:DeleteTags", "ec2:CreateFlowLogs"):
        return None
    found = _usual(action, call) if action == "ec2:CreateFlowLogs" else Found([])
    found.arns = [arn for arn in found.arns if arn is not None]
    for each in call.given.get("resourceid", ()):
        kind = EC2_IDS.get(each.rpartition("-")[0])
        form = next((each for each in _forms("ec2:CreateTags") or () if each.kind.name == kind), None)
        found.arns.append(_put(form, [each], call) if form else None)
    return Found(found.arns or [None], found.assumed)


_SSM_KINDS = {"managedinstance": "managed-instance", "automation": "automation-execution"}

_SPECIAL = {
    "apigateway": _apigateway,
    "ec2": _ec2,
    "ecs": _ecs,
    "iam": _iam,
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "s3": _s3,
    "sqs": _sqs,
    "ssm": _ssm,
    "sts": _sts,
}
