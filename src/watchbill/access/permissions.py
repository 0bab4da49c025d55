"""Permission sets as policy documents: what a group, a role or a grant is given.

A set is made of its own documents, which watchbill writes, and of AWS managed policies, which are attached as they are.
"""

from typing import Any

from watchbill.access.model import Document
from watchbill.intervals import Interval, iso
from watchbill.team.model import PermissionSet


_VERSION = "2012-10-17"


def own_documents(permissions: PermissionSet) -> tuple[Document, ...]:
    """Give the documents of a permission set that watchbill writes, each within the size that AWS takes."""
    if permissions.policy is not None:
        return (dict(permissions.policy),)
    statements: list[dict[str, Any]] = []
    if permissions.allow:
        statements.append({"Sid": "Allow", "Effect": "Allow", "Action": list(permissions.allow), "Resource": "*"})
    if permissions.deny:
        statements.append({"Sid": "Deny", "Effect": "Deny", "Action": list(permissions.deny), "Resource": "*"})
    return ({"Version": _VERSION, "Statement": statements},)


def granted_documents(permissions: PermissionSet, interval: Interval) -> tuple[Document, ...]:
    """Give the documents of a permission set, each statement of which holds inside an interval only.

    A statement that has a bound of its own on the same end of `aws:CurrentTime` is a ValueError.
    """
    bounded: list[Document] = []
    for document in own_documents(permissions):
        statements = document["Statement"]
        statements = [statements] if isinstance(statements, dict) else statements
        bounded.append({"Version": _VERSION, "Statement": [_bounded(each, interval) for each in statements]})
    return tuple(bounded)


def dates(interval: Interval) -> dict[str, Any]:
    """Give the condition that holds inside an interval, by AWS's clock."""
    return {
        "DateGreaterThanEquals": {"aws:CurrentTime": iso(interval.start)},
        "DateLessThan": {"aws:CurrentTime": iso(interval.end)},
    }


def _bounded(statement: Document, interval: Interval) -> dict[str, Any]:
    condition = {operator: dict(keys) for operator, keys in statement.get("Condition", {}).items()}
    for operator, keys in dates(interval).items():
        if set(condition.get(operator, {})) & set(keys):
            # Two dates under one key would be read as "either"; the statement's own bound cannot be kept beside ours.
            raise ValueError(f"a granted statement already has {operator} on aws:CurrentTime")
        condition[operator] = {**condition.get(operator, {}), **keys}
    return {**statement, "Condition": condition}
