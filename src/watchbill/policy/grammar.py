"""Whether AWS would take a document as an identity policy, and the error it would give, in its own words.

AWS reports one error, the first of these:

1. what is no JSON, or has an element, a type or an operator that the grammar does not have;
2. another version than 2012-10-17;
3. what only its older parser refuses: the case of an effect, a date that is none, an ARN without a service;
4. a Sid given twice; 5. a statement without actions; 6. a resource that is no ARN of its service;
7. an action without a service; 8. a statement without resources.

Resources of a list are looked at from the last to the first in order of text, and the last error found counts.
Sources: IAM User Guide, "Grammar of the IAM JSON policy language"; the order and the words are as AWS's API gives them.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from watchbill.policy.operators import operator_of


SYNTAX = "Syntax errors in policy."
VERSION = "Policy document must be version 2012-10-17 or greater."
LEGACY = "The policy failed legacy parsing"
SIDS = "Statement IDs (SID) in a single policy must be unique."
NO_ACTIONS = "Policy statement must contain actions."
NO_RESOURCES = "Policy statement must contain resources."
NO_VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
COLONS = "Actions/Condition can contain only one colon."
NOT_QUALIFIED = "Resource vendor must be fully qualified and cannot contain regexes."

_TOP = frozenset({"Version", "Id", "Statement", "Conditions"})
_ELEMENTS = frozenset(
    {"Sid", "Effect", "Condition", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal"}
)
_VERSIONS = ("2008-10-17", "2012-10-17")
_LISTED = ("Action", "NotAction", "Resource", "NotResource")
_PARTITIONS = frozenset({"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"})
_IAM_PATHS = (
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
)
_ODD_VENDOR = re.compile(r"[^a-zA-Z0-9\-.]")
_TIME = re.compile(
    r"(?P<year>-?\d+)(-(?P<month>\d+)(-(?P<day>\d+))?)?"
    r"(t((?P<hour>\d+)(:(?P<minute>\d+)(:(?P<second>\d+)(\.(?P<fraction>\d+))?(z|\+(?P<zh>\d\d)(:(?P<zm>\d\d))?)?)?)?)?)?",
    re.IGNORECASE,
)
_RANGES: Mapping[str, tuple[int, int]] = {
    "year": (-292_275_054, 292_278_993),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
    "fraction": (0, 999_999_999),
    "zh": (0, 23),
    "zm": (0, 59),
}
_LAST_COUNT = 9_223_372_036_854_775_807
_DIGITS = 19
"""Digits that a number of a date may have: no more are ever read."""


def grammar_error(document: object) -> str | None:
    """Give the error AWS would give for an identity policy, as JSON text or decoded; None where it takes it."""
    if isinstance(document, str | bytes):
        try:
            document = json.loads(document)
        except (ValueError, RecursionError):
            return SYNTAX
    statements = _statements(document)
    if statements is None:
        return SYNTAX
    assert isinstance(document, Mapping)
    return next((error for check in _CHECKS if (error := check(document, statements)) is not None), None)


Statements = Sequence[Mapping[str, Any]]
Check = Callable[[Mapping[str, Any], Statements], str | None]


def _statements(document: object) -> Statements | None:
    """Give the statements of a document whose form the grammar has; None where it has not."""
    if not isinstance(document, Mapping) or not set(document) <= _TOP:
        return None
    if "Version" in document and document["Version"] not in _VERSIONS:
        return None
    if not isinstance(document.get("Id", ""), str):
        return None
    found = document.get("Statement")
    statements = [found] if isinstance(found, Mapping) else found
    if not isinstance(statements, list) or not statements:
        return None
    return statements if all(map(_is_statement, statements)) else None


def _is_statement(found: object) -> bool:
    if not isinstance(found, Mapping) or not set(found) <= _ELEMENTS:
        return False
    if ("Resource" in found and "NotResource" in found) or ("Action" in found and "NotAction" in found):
        return False
    effect = found.get("Effect")
    if not isinstance(effect, str) or effect.lower() not in ("allow", "deny"):
        return False
    if not all(_is_texts(found[name]) for name in _LISTED if name in found):
        return False
    return isinstance(found.get("Sid", ""), str) and _is_condition(found.get("Condition", {}))


def _is_texts(found: object) -> bool:
    if isinstance(found, list):
        return all(each is None or isinstance(each, str) for each in found)
    return isinstance(found, str)


def _is_condition(found: object) -> bool:
    if not isinstance(found, Mapping):
        return False
    for operator, keys in found.items():
        if not isinstance(keys, Mapping) or not all(isinstance(each, bool | list | str) for each in keys.values()):
            return False
        if keys and not _is_operator(operator):
            return False
    return True


def _is_operator(written: str) -> bool:
    """Tell whether IAM has an operator; unlike when it decides, its name's case matters."""
    operator = operator_of(written)
    bare = written.removeprefix("ForAnyValue:").removeprefix("ForAllValues:").removesuffix("IfExists")
    return operator is not None and bare in _OPERATORS


_OPERATORS = frozenset(
    {
        *(
            f"String{name}"
            for name in ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")
        ),
        *(
            f"{kind}{name}"
            for kind in ("Numeric", "Date")
            for name in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
        ),
        *(f"Arn{name}" for name in ("Equals", "NotEquals", "Like", "NotLike")),
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "NotIpAddress",
        "Null",
    }
)


def _version(document: Mapping[str, Any], statements: Statements) -> str | None:
    return None if document.get("Version") == _VERSIONS[1] else VERSION


def _legacy(document: Mapping[str, Any], statements: Statements) -> str | None:
    for statement in statements:
        if statement["Effect"] not in ("Allow", "Deny"):
            return LEGACY
        for operator, keys in statement.get("Condition", {}).items():
            of_date = operator.removeprefix("ForAnyValue:").removeprefix("ForAllValues:").startswith("Date")
            if of_date and not all(_is_date(each) for value in keys.values() for each in _listed(value)):
                return LEGACY
    return LEGACY if _resource_error(statements) is None and not _has_services(statements) else None


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_date(found: object) -> bool:
    if not isinstance(found, str):
        return False
    if "t" not in found.lower() and "-" not in found:
        return found.isascii() and found.isdigit() and len(found) <= _DIGITS and int(found) <= _LAST_COUNT
    match = _TIME.fullmatch(found)
    if match is None:
        return False
    parts = {name: text for name, text in match.groupdict().items() if text is not None}
    return all(
        len(text) <= _DIGITS and _RANGES[name][0] <= int(text) <= _RANGES[name][1] for name, text in parts.items()
    )


def _has_services(statements: Statements) -> bool:
    """Tell whether every ARN names a service and has no empty part where too few are written."""
    for resource in _resources(statements):
        if resource != "*" and resource:
            parts = resource.split(":")
            if (len(parts) < 6 and "::" in resource) or len(parts) < 3 or not parts[2]:  # noqa: PLR2004 - parts of an ARN
                return False
    return True


def _sids(document: Mapping[str, Any], statements: Statements) -> str | None:
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    return SIDS if len(set(sids)) < len(sids) else None


def _actions(document: Mapping[str, Any], statements: Statements) -> str | None:
    named = [statement.get("Action", statement.get("NotAction", [])) for statement in statements]
    return None if all(each != [] for each in named) else NO_ACTIONS


def _resource_form(document: Mapping[str, Any], statements: Statements) -> str | None:
    return _resource_error(statements)


def _resources(statements: Statements) -> Iterator[str]:
    for name in ("Resource", "NotResource"):
        for statement in statements:
            listed = statement.get(name, [])
            yield from [listed] if isinstance(listed, str) else sorted((each for each in listed if each), reverse=True)


def _resource_error(statements: Statements) -> str | None:
    errors = [error for resource in _resources(statements) if (error := _form_error(resource)) is not None]
    return errors[-1] if errors else None


def _form_error(resource: str) -> str | None:
    if resource == "*":
        return None
    if ":" not in resource:
        return f'Resource {resource} must be in ARN format or "*".'
    _, partition, *rest = resource.split(":")
    if partition != "*" and partition not in _PARTITIONS:
        return f'Partition "{partition}" is not valid for resource "arn:{partition}:{_written_out(rest)}".'
    if not rest:
        return NOT_QUALIFIED
    service, region, _, *path = [*rest, "", "", ""][: max(len(rest), 4)]
    inside = ":".join(path)
    if region and service == "iam":
        return f"IAM resource {resource} cannot contain region information."
    if region and service == "s3" and not inside.startswith("accesspoint/"):
        return f"Resource {resource} can not contain region information."
    if service == "iam" and not inside.startswith(_IAM_PATHS):
        return f'IAM resource path must either be "*" or start with {", ".join(_IAM_PATHS)}.'
    return None


def _written_out(rest: Sequence[str]) -> str:
    """Write the parts after the partition as AWS quotes them: what is missing as `*`."""
    found = list(rest[:3]) + ["*"] * (3 - len(rest[:3]))
    if len(rest) <= 1 and not found[0]:
        found[0] = "*"
    return ":".join([*found, ":".join(rest[3:]) if len(rest) > 3 else "*"])  # noqa: PLR2004 - parts of an ARN


def _prefixes(document: Mapping[str, Any], statements: Statements) -> str | None:
    named = (
        each
        for name in ("Action", "NotAction")
        for statement in statements
        for each in _listed(statement.get(name, []))
    )
    return next((error for action in _texts(named) if (error := _prefix_error(action)) is not None), None)


def _texts(found: Iterable[object]) -> Iterator[str]:
    return (each for each in found if isinstance(each, str))


def _prefix_error(action: str) -> str | None:
    vendor, *rest = action.split(":")
    if not rest and vendor != "*":
        return NO_VENDOR
    if len(rest) > 1:
        return COLONS
    if vendor != "*" and _ODD_VENDOR.search(vendor):
        return f"Vendor {vendor} is not valid"
    return None


def _resources_there(document: Mapping[str, Any], statements: Statements) -> str | None:
    named = [statement.get("Resource", statement.get("NotResource", [])) for statement in statements]
    return None if all(each != [] for each in named) else NO_RESOURCES


_CHECKS: tuple[Check, ...] = (_version, _legacy, _sids, _actions, _resource_form, _prefixes, _resources_there)
