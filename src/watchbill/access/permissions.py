"""Permission sets as policy documents: what a group, a role or a grant is given.

A set is made of its own documents, which watchbill writes, and of AWS managed policies, which are attached as they are.

1. A capability is a service and some of AWS's access levels. It is written out as the fewest patterns that speak of
   the actions of these levels and of no other that AWS lists. Patterns end where a word of a name ends, so that what
   AWS adds later is likely to be of the same kind; `ec2:*` stands only where all levels are given.
2. What is larger than a policy may be is spread over several, by statement, and in a statement by action. Statements
   are independent, and one of several actions says what several of one action each say: Allow and Deny keep their
   meaning (IAM User Guide, "Policy evaluation logic"). A `NotAction` cannot be spread.
3. AWS cannot end an attached policy by a date. A grant of a managed policy is given a copy of its statements, each of
   which holds inside the grant only, as they are when the copy is made.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import count
from typing import Any

from watchbill.access.model import Document
from watchbill.access.shells import shell_statements
from watchbill.errors import Problem
from watchbill.intervals import Interval, iso
from watchbill.policy.actions import access_level, actions_matching
from watchbill.policy.grammar import grammar_error
from watchbill.policy.managed import ManagedPolicy, UnsureVersion, extract_date, managed_names, managed_policy
from watchbill.team.model import PermissionSet
from watchbill.team.names import meant


LEVELS = {
    "list": "List",
    "read": "Read",
    "write": "Write",
    "tagging": "Tagging",
    "permissions": "Permissions management",
}
"""AWS's access levels, by what the team file calls them."""

POLICY_LIMIT = 6144
"""Characters of a managed policy, white space not counted (IAM and STS quotas)."""

_VERSION = "2012-10-17"

_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z0-9]+|[^A-Za-z0-9]")

_Statement = Mapping[str, Any]


def own_documents(permissions: PermissionSet) -> tuple[Document, ...]:
    """Give the documents of a permission set that watchbill writes, each within the size that AWS takes.

    There are none where a set is made of managed policies alone. A single statement that cannot be made to fit is in a
    document of its own all the same; `permission_problems` and the limits of a plan say so.
    """
    policy = permissions.policy
    if policy is not None and (_size(policy) <= POLICY_LIMIT or grammar_error(policy)):
        return (dict(policy),)
    return _packed(_own(permissions))


def managed_arns(permissions: PermissionSet) -> tuple[str, ...]:
    """Give the ARNs of the managed policies of a set, each once; a name that is not known has none.

    An ARN is taken as it is, whether it is known or not.
    """
    return tuple(dict.fromkeys(arn for arn in map(_arn, permissions.managed) if arn.startswith("arn:")))


def known_documents(permissions: PermissionSet, at: datetime | None) -> tuple[tuple[Document, ...], tuple[str, ...]]:
    """Give all documents of a set, and the ARNs, or names, of managed policies that are not known for sure.

    Managed policies are as they were in force at an instant; None is the newest that is known. Of one that is not known
    for sure there is no document: what it gives, and what it denies, is unknown.
    """
    found: list[Document] = [*own_documents(permissions)]
    unsure: list[str] = []
    for name in permissions.managed:
        policy = managed_policy(name, at)
        if isinstance(policy, ManagedPolicy):
            found.append(policy.document)
        else:
            known = policy or managed_policy(name)  # a name has an ARN although it was not there yet
            unsure.append(known.arn if known else name)
    return tuple(found), tuple(dict.fromkeys(unsure))


def granted_documents(
    permissions: PermissionSet, interval: Interval, at: datetime | None = None
) -> tuple[Document, ...]:
    """Give the documents of a permission set, each statement of which holds inside an interval only.

    Statements of its managed policies, as in force at `at` (None is the newest known), are copied. A statement that has
    a bound of its own on the same end of `aws:CurrentTime`, a malformed policy, and a managed policy that is not known
    for sure, are a ValueError.
    """
    statements = [*_own(permissions), *_copied(permissions, at)]
    return _packed(_bounded(each, interval) for each in statements)


def permission_problems(permissions: PermissionSet) -> Iterator[Problem]:
    """Say what is wrong with a permission set that the team file alone cannot tell, at the place of the set."""
    for code, message in (
        *_managed_problems(permissions),
        *_capability_problems(permissions.capabilities),
        *_size_problems(permissions),
    ):
        yield Problem.at(code, f"permission set `{permissions.name}`: {message}", permissions.where)


def dates(interval: Interval) -> dict[str, Any]:
    """Give the condition that holds inside an interval, by AWS's clock."""
    return {
        "DateGreaterThanEquals": {"aws:CurrentTime": iso(interval.start)},
        "DateLessThan": {"aws:CurrentTime": iso(interval.end)},
    }


@lru_cache(maxsize=1024)
def capability_patterns(service: str, levels: frozenset[str]) -> tuple[str, ...]:
    """Give the fewest patterns that match exactly the listed actions of a service that have one of some levels.

    Levels are those of the team file (`LEVELS`). Empty where no action has one, or the service is not known.
    """
    every = _actions_of(service)
    names = {LEVELS[level] for level in levels if level in LEVELS}
    if names == set(LEVELS.values()):
        return (f"{service}:*",) if every else ()
    return fewest_patterns(
        [each for each in every if access_level(each) in names],
        [each for each in every if access_level(each) not in names],
    )


def fewest_patterns(wanted: Sequence[str], others: Iterable[str]) -> tuple[str, ...]:
    """Give the fewest patterns, with `*` at the end of a word, that match some actions and none of some others.

    All are of one service. Patterns end where a word of a name ends; where nothing can be put together, an action
    stands for itself.
    """
    apart = [each.lower() for each in others]
    found: list[str] = []
    for action in wanted:
        if not any(each.endswith("*") and _begins(action, each[:-1]) for each in found):
            found.append(_pattern(action, wanted, apart))
    # Without regard to case `ListTests*` is of `ListTestSources` too, which came before it.
    wide = [each[:-1] for each in found if each.endswith("*")]
    return tuple(p for p in found if not any(p != f"{each}*" and _begins(p.rstrip("*"), each) for each in wide))


def _own(permissions: PermissionSet) -> Iterator[_Statement]:
    if permissions.policy is not None:
        yield from _statements(permissions.policy)
        return
    if permissions.allow:
        yield {"Sid": "Allow", "Effect": "Allow", "Action": list(permissions.allow), "Resource": "*"}
    capable = [
        pattern
        for service, levels in permissions.capabilities.items()
        for pattern in capability_patterns(service, frozenset(levels))
    ]
    if capable:
        yield {"Sid": "Capabilities", "Effect": "Allow", "Action": capable, "Resource": "*"}
    if permissions.shells is not None:
        yield from shell_statements(permissions.shells)
    if permissions.deny:
        yield {"Sid": "Deny", "Effect": "Deny", "Action": list(permissions.deny), "Resource": "*"}


def _copied(permissions: PermissionSet, at: datetime | None) -> Iterator[_Statement]:
    when = "" if at is None else f" at {iso(at)}"
    for name in permissions.managed:
        match managed_policy(name, at):
            case ManagedPolicy(document=document):
                yield from _statements(document)
            case UnsureVersion(candidates=candidates, lost=lost):
                versions = " or ".join([*(each.version_id for each in candidates), *lost])
                raise ValueError(f"of the managed policy `{name}` it is not sure which is in force{when}: {versions}")
            case None:
                raise ValueError(f"the managed policy `{name}` is not known{when}, so that no copy of it can be made")


def _statements(document: Document) -> Iterator[_Statement]:
    """Give the statements of a document that AWS takes; any other is a ValueError."""
    if fault := grammar_error(document):
        raise ValueError(f"its policy is malformed: {fault}")
    found = document["Statement"]
    yield from [found] if isinstance(found, Mapping) else found


def _bounded(statement: _Statement, interval: Interval) -> dict[str, Any]:
    condition = {operator: dict(keys) for operator, keys in statement.get("Condition", {}).items()}
    for operator, keys in dates(interval).items():
        # Keys are one in any case.
        if {key.lower() for key in condition.get(operator, {})} & {key.lower() for key in keys}:
            # Two dates under one key would be read as "either"; the statement's own bound cannot be kept beside ours.
            raise ValueError(f"a granted statement already has {operator} on aws:CurrentTime")
        condition[operator] = {**condition.get(operator, {}), **keys}
    return {**statement, "Condition": condition}


def _packed(statements: Iterable[_Statement]) -> tuple[Document, ...]:
    """Put statements into documents that fit, each into the first that has room."""
    filled: list[list[_Statement]] = []
    for statement in statements:
        for piece in _pieces(statement):
            for batch in filled:
                named = _named(piece, batch)
                if _size(_document([*batch, named])) <= POLICY_LIMIT:
                    batch.append(named)
                    break
            else:
                filled.append([piece])
    return tuple(map(_document, filled))


def _pieces(statement: _Statement) -> Iterator[_Statement]:
    """Give statements that together say the same and each fit into a policy, as far as its actions can be parted."""
    actions = statement.get("Action")
    if _size(_document([statement])) <= POLICY_LIMIT or actions is None:
        yield statement
        return
    empty = _size(_document([{**statement, "Action": []}]))
    batch, length = list[str](), empty
    for action in [actions] if isinstance(actions, str) else actions:
        more = len(json.dumps(action)) + 1
        if batch and length + more > POLICY_LIMIT:
            yield {**statement, "Action": batch}
            batch, length = [], empty
        batch.append(action)
        length += more
    yield {**statement, "Action": batch}


def _named(statement: _Statement, beside: Iterable[_Statement]) -> _Statement:
    """Give a statement a Sid that no other of its document has; one without a Sid needs none."""
    used, sid = {each.get("Sid") for each in beside}, statement.get("Sid")
    if sid is None or sid not in used:
        return statement
    number = next(n for n in count(2) if f"{sid}{n}" not in used)
    return {**statement, "Sid": f"{sid}{number}"}


def _document(statements: Iterable[_Statement]) -> Document:
    return {"Version": _VERSION, "Statement": list(statements)}


def _size(document: Document) -> int:
    return len(json.dumps(document, separators=(",", ":"), default=str))


def _actions_of(service: str) -> tuple[str, ...]:
    return actions_matching(f"{service}:*") if set(service).isdisjoint("*?:") else ()


def _pattern(action: str, wanted: Sequence[str], others: Sequence[str]) -> str:
    """Give the shortest pattern that speaks of an action, of others that are wanted, and of no other; or the action."""
    service, _, name = action.partition(":")
    end = 0
    for word in _WORD.findall(name):
        end += len(word)
        start = f"{service}:{name[:end]}"
        many = sum(_begins(each, start) for each in wanted) > 1
        if many and not any(_begins(each, start) for each in others):
            return f"{start}*"
    return action


def _begins(action: str, start: str) -> bool:
    return action.lower().startswith(start.lower())


@lru_cache(maxsize=1024)
def _arn(name: str) -> str:
    """Give the ARN of a managed policy; what is not known as one, as it is. To look one up reads a part of the data."""
    found = managed_policy(name)
    return found.arn if found else name


def _managed_problems(permissions: PermissionSet) -> Iterator[tuple[str, str]]:
    for name in permissions.managed:
        policy = managed_policy(name)
        if policy is None:
            # An ARN may have the wrong path.
            bare = name.rpartition("/")[2]
            real = managed_policy(bare)
            close = f" (did you mean `{real.arn}`?)" if real else meant(bare, managed_names())
            yield "unknown-managed-policy", f"AWS has no managed policy `{name}` as of {extract_date()}{close}"
        elif isinstance(policy, ManagedPolicy) and not policy.listed:
            yield (
                "managed-policy-gone",
                f"AWS no longer lists `{name}`: it cannot be attached anew; name what replaced it",
            )


def _capability_problems(capabilities: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    for service, levels in capabilities.items():
        every = _actions_of(service)
        if not every:
            known = dict.fromkeys(each.partition(":")[0] for each in actions_matching("*"))
            yield "unknown-service", f"no action begins with `{service}:`{meant(service, known)}"
            continue
        there = {access_level(each) for each in every}
        for level in levels:
            if level not in LEVELS:
                message = f"`{level}` of `{service}` is no access level{meant(level, LEVELS)}; there are "
                yield "unknown-level", message + ", ".join(LEVELS)
            elif LEVELS[level] not in there:
                has = ", ".join(name for name, spelt in LEVELS.items() if spelt in there)
                yield (
                    "empty-capability",
                    f"`{service}` has no action of level `{level}`, so that it gives nothing; it has {has}",
                )


def _size_problems(permissions: PermissionSet) -> Iterator[tuple[str, str]]:
    if permissions.policy is not None and (fault := grammar_error(permissions.policy)):
        yield "bad-policy", f"its policy is malformed: {fault}"
        return
    for document in own_documents(permissions):
        if (length := _size(document)) > POLICY_LIMIT:
            sid = document["Statement"][0].get("Sid") if isinstance(document["Statement"], list) else None
            which = f"statement `{sid}`" if sid else "a statement"
            message = (
                f"{which} alone has {length} characters, AWS allows {POLICY_LIMIT}; name fewer resources or values"
            )
            yield "quota", message
