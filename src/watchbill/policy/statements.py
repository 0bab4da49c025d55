"""Parse IAM policy documents into statements, each keeping where it came from.

A document whose form AWS would refuse is refused here, saying which statement and which element. What only one
service refuses (its ARNs, its condition keys) is not looked at. What is legal but not evaluated by this release is
kept, and surfaces in the decision: nothing is skipped in silence. What AWS reads into a document is written out:

1. Without the version 2012-10-17, `${` opens no variable; it is read as these two characters.
2. A null in a list is no value.
3. An ARN of fewer than six parts stands for all that the missing parts may be: `arn:aws:sqs` is `arn:aws:sqs:*:*:*`.

Sources: IAM User Guide, "Grammar of the IAM JSON policy language", "Version", and "Resource".
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from watchbill.errors import WatchbillError
from watchbill.policy.model import ConditionEntry, Document, Origin, Statement
from watchbill.policy.patterns import widest
from watchbill.policy.rules import Policy


_PAIRS = (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal"))
_ELEMENTS = frozenset({"Sid", "Effect", "Condition", *(name for pair in _PAIRS for name in pair)})
_TOP = frozenset({"Version", "Id", "Statement"})
_VARIABLES_SINCE = "2012-10-17"
_VERSIONS = ("2008-10-17", _VARIABLES_SINCE)
_ACTION = re.compile(r"\*|[\w.*?-]+:[^:]*")
_RESOURCE = re.compile(r"\*|arn:(aws[a-z-]*:[^:]+|[^:]*[*?][^:]*)(:.*)?", re.DOTALL)
_ARN_COLONS = 5


class PolicyError(WatchbillError):
    """A policy document is malformed."""

    code = "bad-policy"


def parse_policy(document: Document, name: str, why: str = "") -> Policy:
    """Parse a document as decoded JSON; `name` is what decisions call it. Malformed raises PolicyError."""
    if not isinstance(document, Mapping):
        raise PolicyError(f"{name}: a policy is an object")
    if extra := {str(key) for key in document} - _TOP:
        raise PolicyError(f"{name}: unknown element `{min(extra)}`")
    version = document.get("Version", _VERSIONS[0])
    if version not in _VERSIONS:
        raise PolicyError(f"{name}: Version must be 2012-10-17 or 2008-10-17, not `{version}`")
    if not isinstance(document.get("Id", ""), str):
        raise PolicyError(f"{name}: Id must be a text")
    found = document.get("Statement")
    statements = [found] if isinstance(found, Mapping) else found
    if not isinstance(statements, list | tuple):
        raise PolicyError(f"{name}: Statement must be a statement or a list of them")
    parsed = (_statement(each, name, index, why) for index, each in enumerate(statements))
    return Policy(name, tuple(each if version == _VARIABLES_SINCE else _without_variables(each) for each in parsed))


def _statement(found: Any, name: str, index: int, why: str) -> Statement:
    where = f"{name}: statement {index}"
    if not isinstance(found, Mapping):
        raise PolicyError(f"{where} is no object")
    if extra := {str(key) for key in found} - _ELEMENTS:
        raise PolicyError(f"{where}: unknown element `{min(extra)}`")
    if found.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"{where}: Effect must be Allow or Deny")
    for one, other in _PAIRS:
        if one in found and other in found:
            raise PolicyError(f"{where}: {one} and {other} cannot both be there")
    if "Action" not in found and "NotAction" not in found:
        raise PolicyError(f"{where}: Action or NotAction is missing")
    sid = found.get("Sid", "")
    if not isinstance(sid, str):
        raise PolicyError(f"{where}: Sid must be a text")
    principal = found.get("Principal", found.get("NotPrincipal"))
    if principal is None and "Resource" not in found and "NotResource" not in found:
        raise PolicyError(f"{where}: Resource or NotResource is missing")
    actions = _patterns(found, ("Action", "NotAction"), _ACTION, "`*` or `service:Name`", where)
    resources = _patterns(found, ("Resource", "NotResource"), _RESOURCE, "`*` or an ARN", where)
    return Statement(
        Origin(name, index, sid, why),
        found["Effect"] == "Allow",
        tuple(action.lower() for action in actions),
        "NotAction" in found,
        tuple(_completed(resource) for resource in resources),
        "NotResource" in found,
        None if principal is None else _principals(principal, where),
        "NotPrincipal" in found,
        _conditions(found.get("Condition", {}), where),
    )


def _patterns(
    found: Mapping[Any, Any], names: tuple[str, str], form: re.Pattern[str], what: str, where: str
) -> tuple[str, ...]:
    name = next((each for each in names if each in found), None)
    if name is None:
        return ()
    texts = _texts(found[name], f"{where}: {name}")
    if not texts:
        raise PolicyError(f"{where}: {name} must not be empty")
    if odd := [text for text in texts if not form.fullmatch(text)]:
        raise PolicyError(f"{where}: {name} must be {what}, not `{odd[0]}`")
    return texts


def _completed(pattern: str) -> str:
    missing = _ARN_COLONS - widest(pattern).count(":")
    return pattern if pattern == "*" or missing <= 0 else pattern + ":*" * missing


def _without_variables(statement: Statement) -> Statement:
    return replace(
        statement,
        resources=tuple(_plain(each) for each in statement.resources),
        conditions=tuple(replace(each, values=tuple(map(_plain, each.values))) for each in statement.conditions),
    )


def _plain(text: str) -> str:
    return text.replace("${", "${$}{")


def _texts(value: Any, where: str) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(each, str | None) for each in listed):
        raise PolicyError(f"{where} must be a text or a list of texts")
    return tuple(each for each in listed if each is not None)


def _principals(value: Any, where: str) -> Mapping[str, tuple[str, ...]]:
    if value == "*":
        return {"*": ("*",)}
    if isinstance(value, str) and value.startswith("arn:"):
        return {"AWS": (value,)}
    if not isinstance(value, Mapping):
        raise PolicyError(f"{where}: Principal must be `*` or an object")
    return {str(kind): _texts(names, f"{where}: Principal {kind}") for kind, names in value.items()}


def _conditions(value: Any, where: str) -> tuple[ConditionEntry, ...]:
    if not isinstance(value, Mapping):
        raise PolicyError(f"{where}: Condition must be an object")
    found: list[ConditionEntry] = []
    for operator, keys in value.items():
        if not isinstance(keys, Mapping):
            raise PolicyError(f"{where}: Condition {operator} must be an object")
        for key, values in keys.items():
            listed = values if isinstance(values, list | tuple) else [values]
            if not all(isinstance(each, str | bool | int | float) for each in listed):
                raise PolicyError(f"{where}: Condition {operator} {key} must be a value or a list of values")
            found.append(ConditionEntry(str(operator), str(key), tuple(_text(each) for each in listed)))
    return tuple(found)


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return str(value)
    except ValueError as error:  # Python writes no number of thousands of digits
        raise PolicyError("a number in a condition has too many digits") from error
