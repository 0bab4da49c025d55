"""Whether AWS's IAM API would take a document as an identity policy, and the error it would give, in its own words.

AWS gives one error, the first of these:

1. no JSON, a key given twice, or an element, a type or an operator that the grammar does not have;
2. another version than 2012-10-17;
3. what only its older parser refuses: the case of an effect, a date that is none, an ARN without a service;
4. a Sid with other characters than letters and digits; 5. a Sid given twice; 6. a statement without actions;
7. a resource that is no ARN of its service; 8. an action without a service; 9. a principal;
10. a statement without resources.

A null in a list is no value. Resources of a list are looked at from the last to the first in the order of text, and
the last error found counts.

Left to others: quotas of size, which characters the API takes, which partition an account is in (any that there is
passes), and whether an action, a key or a resource exists.

Sources: IAM User Guide, the page that each rule names. The order, and words that no page has, are as public reports of
AWS's answers give them.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any


Statement = Mapping[str, Any]
Statements = Sequence[Statement]
Check = Callable[[Mapping[str, Any], Statements], str | None]

SYNTAX = "Syntax errors in policy."
VERSION = "Policy document must be version 2012-10-17 or greater."
LEGACY = "The policy failed legacy parsing"
SID_FORM = (
    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
)
SID_TWICE = "Statement IDs (SID) in a single policy must be unique."
NO_ACTIONS = "Policy statement must contain actions."
NO_RESOURCES = "Policy statement must contain resources."
NO_VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
WILD_VENDOR = "Action vendors (e.g., aws, ec2, etc.) must not contain wildcards."
COLONS = "Actions/Condition can contain only one colon."
NOT_QUALIFIED = "Resource vendor must be fully qualified and cannot contain regexes."
PRINCIPAL = "Policy document should not specify a principal."


def grammar_error(document: object) -> str | None:
    """Give the error AWS would give for an identity policy; None where AWS takes it.

    A text or bytes is JSON as it is sent, bytes as UTF-8; anything else is JSON decoded, where a key that was given
    twice can no longer be seen. An error quotes the document, lone surrogates too. Nothing is raised.
    """
    decoded = _decoded(document) if isinstance(document, str | bytes) else document
    if not isinstance(decoded, Mapping) or (statements := _statements(decoded)) is None:
        return SYNTAX
    return next((error for check in _CHECKS if (error := check(decoded, statements)) is not None), None)


# --- 1. Syntax: "Grammar of the IAM JSON policy language" -----------------------------------------

_TOP = frozenset({"Version", "Id", "Statement"})
_VERSIONS = ("2008-10-17", "2012-10-17")
_ACTIONS = ("Action", "NotAction")
_RESOURCES = ("Resource", "NotResource")
_PRINCIPALS = ("Principal", "NotPrincipal")
_ELEMENTS = frozenset({"Sid", "Effect", "Condition", *_ACTIONS, *_RESOURCES, *_PRINCIPALS})
_EFFECTS = ("Allow", "Deny")

# "Condition operators". Unlike when IAM decides, their case matters.
_COMPARED = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
_OPERATORS = (
    *map("".join, product(("Numeric", "Date"), _COMPARED)),
    *map("".join, product(("String", "Arn"), ("Equals", "NotEquals", "Like", "NotLike"))),
    *("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
    *("IpAddress", "NotIpAddress", "Bool", "BinaryEquals", "Null"),
)
_OPERATOR = re.compile(rf"(?:ForAnyValue:|ForAllValues:)?(?P<name>{'|'.join(_OPERATORS)})(?:IfExists)?")


def _decoded(text: str | bytes) -> object:
    """Give what JSON text says; None, which is no policy, where it is not JSON."""
    try:
        return json.loads(
            text if isinstance(text, str) else text.decode(),
            object_pairs_hook=_without_twins,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError):
        return None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key given twice: "Troubleshoot IAM policies", "More than one Effect, Action, or Resource element"."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _no_number(name: str) -> float:
    """Refuse `NaN` and its like, which Python reads and RFC 7159 does not have."""
    raise ValueError(name)


def _statements(document: Mapping[Any, Any]) -> Statements | None:
    """Give the statements of a document whose form the grammar has; None where it has not."""
    if not set(document) <= _TOP or document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        return None
    found = document.get("Statement")
    statements = [found] if isinstance(found, Mapping) else found
    if not isinstance(document.get("Id", ""), str) or not isinstance(statements, list) or not statements:
        return None
    return statements if all(map(_is_statement, statements)) else None


def _is_statement(found: object) -> bool:
    if not isinstance(found, Mapping) or not set(found) <= _ELEMENTS:
        return False
    if any(one in found and other in found for one, other in (_ACTIONS, _RESOURCES, _PRINCIPALS)):
        return False
    effect = found.get("Effect")
    return (
        isinstance(effect, str)
        and effect.lower() in {name.lower() for name in _EFFECTS}
        and all(_are_texts(found[name]) for name in (*_ACTIONS, *_RESOURCES) if name in found)
        and _is_condition(found.get("Condition", {}))
        and isinstance(found.get("Sid", ""), str)
    )


def _are_texts(found: object) -> bool:
    if isinstance(found, list):
        return all(each is None or isinstance(each, str) for each in found)
    return isinstance(found, str)


def _is_condition(found: object) -> bool:
    return isinstance(found, Mapping) and all(_is_comparison(operator, keys) for operator, keys in found.items())


def _is_comparison(operator: object, keys: object) -> bool:
    """Tell whether the grammar has it; an operator that compares nothing may have any name, as AWS answers."""
    if not isinstance(operator, str) or not isinstance(keys, Mapping):
        return False
    if keys and not _OPERATOR.fullmatch(operator):
        return False
    return all(map(_is_value, (value for found in keys.values() for value in _listed(found))))


def _is_value(found: object) -> bool:
    """Tell whether it is a text, a number or a boolean: of numbers, JSON has the finite ones only."""
    return math.isfinite(found) if isinstance(found, float) else isinstance(found, str | int)


def _listed(found: object) -> list[Any]:
    return found if isinstance(found, list) else [found]


def _texts(found: object) -> list[str]:
    return [each for each in _listed(found) if each is not None]


# --- 2. "Version" ---------------------------------------------------------------------------------


def _version(document: Mapping[str, Any], statements: Statements) -> str | None:
    return None if document.get("Version") == _VERSIONS[-1] else VERSION


# --- 3. The older parser: "Effect", "Condition operators" (dates), "Resource" ---------------------

_DIGITS = "[0-9]{1,19}"  # no number of a date is longer, and Python reads these fast
_YEAR_TO_DAY = rf"(?P<year>-?{_DIGITS})(?:-(?P<month>{_DIGITS})(?:-(?P<day>{_DIGITS}))?)?"
_SECONDS = rf":(?P<second>{_DIGITS})(?:\.(?P<fraction>{_DIGITS}))?"
_ZONE = r"z|[+-](?P<zone_hour>[0-9]{2})(?::(?P<zone_minute>[0-9]{2}))?"
_CLOCK = rf"(?P<hour>{_DIGITS})(?::(?P<minute>{_DIGITS})(?:{_SECONDS})?(?:{_ZONE})?)?"
_DATE = re.compile(rf"{_YEAR_TO_DAY}(?:t(?:{_CLOCK})?)?", re.IGNORECASE | re.ASCII)
_SINCE_1970 = re.compile(_DIGITS)
_LAST_COUNT = 9_223_372_036_854_775_807
# Years are those of AWS's calendar: what 64 bits of milliseconds reach.
_RANGES: Mapping[str, tuple[int, int]] = {
    "year": (-292_275_054, 292_278_993),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
    "fraction": (0, 999_999_999),
    "zone_hour": (0, 23),
    "zone_minute": (0, 59),
}
_ARN_COLONS = 5


def _legacy(document: Mapping[str, Any], statements: Statements) -> str | None:
    if all(map(_is_read_by_older_parser, statements)) and _resource_fault(statements) != LEGACY:
        return None
    return LEGACY


def _is_read_by_older_parser(statement: Statement) -> bool:
    compared = (
        value
        for operator, keys in statement.get("Condition", {}).items()
        if (known := _OPERATOR.fullmatch(operator)) and known["name"].startswith("Date")
        for found in keys.values()
        for value in _listed(found)
    )
    return statement["Effect"] in _EFFECTS and all(map(_is_date, compared))


def _is_date(found: object) -> bool:
    """Tell whether it is a date of ISO 8601, as far as it is written, or seconds since 1970."""
    text = str(found) if isinstance(found, int) and 0 <= found <= _LAST_COUNT else found
    if not isinstance(text, str):
        return False
    if "t" not in text.lower() and "-" not in text:
        return _SINCE_1970.fullmatch(text) is not None and int(text) <= _LAST_COUNT
    read = _DATE.fullmatch(text)
    parts = read.groupdict() if read else {}
    return bool(parts) and all(
        _RANGES[name][0] <= int(part) <= _RANGES[name][1] for name, part in parts.items() if part is not None
    )


def _is_completable(resource: str) -> bool:
    """Tell whether an ARN names a service, and has no empty part where it has too few of them to fill in."""
    parts = resource.split(":", _ARN_COLONS)
    return resource == "*" or (parts[2] != "" and (len(parts) > _ARN_COLONS or "::" not in resource))


# --- 4, 5. "Sid" ----------------------------------------------------------------------------------

# The page, and the words AWS answers with, have no underscore; public cases say that AWS took it, so it is let pass.
_SID = re.compile("[0-9A-Za-z_]*")


def _sid_form(document: Mapping[str, Any], statements: Statements) -> str | None:
    return None if all(_SID.fullmatch(statement.get("Sid", "")) for statement in statements) else SID_FORM


def _sid_twice(document: Mapping[str, Any], statements: Statements) -> str | None:
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    return SID_TWICE if len(set(sids)) < len(sids) else None


# --- 6, 8. "Action", "NotAction" ------------------------------------------------------------------

_VENDOR = re.compile("[a-zA-Z0-9.-]+")


def _actions_missing(document: Mapping[str, Any], statements: Statements) -> str | None:
    return None if all(any(_texts(each.get(name, [])) for name in _ACTIONS) for each in statements) else NO_ACTIONS


def _action_form(document: Mapping[str, Any], statements: Statements) -> str | None:
    actions = (action for name in _ACTIONS for each in statements for action in _texts(each.get(name, [])))
    return next((fault for action in actions if (fault := _action_fault(action)) is not None), None)


def _action_fault(action: str) -> str | None:
    vendor, *names = action.split(":")
    if action in ("*", "*:*"):
        return None
    if not names:
        return NO_VENDOR
    if len(names) > 1:
        return COLONS
    if "*" in vendor or "?" in vendor:
        return WILD_VENDOR
    return None if _VENDOR.fullmatch(vendor) else f"Vendor {vendor} is not valid"


# --- 7, 10. "Resource", "NotResource"; types of resources: Service Authorization Reference --------

_PARTITIONS = frozenset(
    {"*", "aws", "aws-cn", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-us-gov"}
)
_IAM_NAMED = (
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
"""What AWS's error names, in its order."""
_IAM_UNNAMED = ("role-template/",)
"""What AWS takes all the same: its managed policies have it, as they have `root` and `*`."""
_S3_REGIONAL = ("accesspoint/", "access-grants/", "async-request/", "job/", "storage-lens/", "storage-lens-group/")
"""Types of S3 resources whose ARN has a region."""


def _resource_form(document: Mapping[str, Any], statements: Statements) -> str | None:
    return _resource_fault(statements)


def _resource_fault(statements: Statements) -> str | None:
    """Give the last fault of all; LEGACY where the older parser refuses a statement before any fault was found."""
    fault = None
    for resources in _resources(statements):
        fault = next((found for each in resources if (found := _arn_fault(each)) is not None), fault)
        if fault is None and not all(map(_is_completable, resources)):
            return LEGACY
    return fault


def _resources(statements: Statements) -> Iterator[list[str]]:
    """Give the resources of each statement, the one that is looked at last first."""
    for name in _RESOURCES:
        for statement in statements:
            yield sorted(_texts(statement.get(name, [])))


def _arn_fault(resource: str) -> str | None:
    if resource == "*":
        return None
    prefix, *parts = resource.split(":", _ARN_COLONS)
    if not parts:
        return _no_arn(resource)
    partition, *parts = parts
    if partition not in _PARTITIONS:
        return f'Partition "{partition}" is not valid for resource "arn:{partition}:{_filled_in(parts)}".'
    if prefix != "arn":
        return _no_arn(resource)
    if not parts or "*" in parts[0] or "?" in parts[0]:
        return NOT_QUALIFIED
    service, *parts = parts
    fault = _SERVICE_FAULTS.get(service)
    return fault(resource, parts) if fault else None


def _no_arn(resource: str) -> str:
    return f'Resource {resource} must be in ARN format or "*".'


def _filled_in(parts: Sequence[str]) -> str:
    """Write service, region, account and what follows as AWS quotes them: what is not there is `*`."""
    written = [] if list(parts) == [""] else list(parts)
    return ":".join(written + ["*"] * (_ARN_COLONS - 1 - len(written)))


def _is_regional(parts: Sequence[str]) -> bool:
    """Tell whether an ARN has a region; one that ends there stands for all regions."""
    return len(parts) <= 1 or parts[0] != ""


def _iam_fault(resource: str, parts: Sequence[str]) -> str | None:
    if _is_regional(parts):
        return f"IAM resource {resource} cannot contain region information."
    path = ":".join(parts[2:])
    if path in ("*", "root") or path.startswith(_IAM_NAMED + _IAM_UNNAMED):
        return None
    return f'IAM resource path must either be "*" or start with {", ".join(_IAM_NAMED)}.'


def _s3_fault(resource: str, parts: Sequence[str]) -> str | None:
    if not _is_regional(parts) or ":".join(parts[2:]).startswith(_S3_REGIONAL):
        return None
    return f"Resource {resource} can not contain region information."


_SERVICE_FAULTS: Mapping[str, Callable[[str, Sequence[str]], str | None]] = {"iam": _iam_fault, "s3": _s3_fault}


def _resources_missing(document: Mapping[str, Any], statements: Statements) -> str | None:
    return None if all(any(_texts(each.get(name, [])) for name in _RESOURCES) for each in statements) else NO_RESOURCES


# --- 9. "Principal", "NotPrincipal": not in an identity policy ------------------------------------


def _principal(document: Mapping[str, Any], statements: Statements) -> str | None:
    return PRINCIPAL if any(name in each for name in _PRINCIPALS for each in statements) else None


_CHECKS: tuple[Check, ...] = (
    _version,
    _legacy,
    _sid_form,
    _sid_twice,
    _actions_missing,
    _resource_form,
    _action_form,
    _principal,
    _resources_missing,
)
