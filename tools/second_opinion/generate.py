"""Draw random neutral policy cases for two engines to answer: `generate.py SEED COUNT [--layer LAYER] [--odd SHARE]`.

The vocabulary is small on purpose, so that patterns, values and principals collide. The same arguments give the same
cases. A case has no `expected`: what matters is whether two engines agree. `--odd` is the share of values that are
badly written (dates, numbers, addresses, undefined variables); at 0 every value reads.
"""

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar


Json = dict[str, Any]
Item = TypeVar("Item")

OWN, OTHER = "111111111111", "222222222222"
USER, USER2, ROLE = (f"arn:aws:iam::{OWN}:{name}" for name in ("user/u", "user/v", "role/r"))
SESSION, SESSION2 = (f"arn:aws:sts::{OWN}:assumed-role/r/{name}" for name in "st")
ROOT, FEDERATED = f"arn:aws:iam::{OWN}:root", f"arn:aws:sts::{OWN}:federated-user/u"
PROVIDER = f"arn:aws:iam::{OWN}:oidc-provider/token.example.com"
SERVICE = "lambda.amazonaws.com"

ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:ListBucket", "sqs:SendMessage", "sqs:DeleteQueue", "kms:Decrypt")
RARE_ACTIONS = ("sts:AssumeRole", "sts:TagSession", "sts:GetCallerIdentity", "iam:DeletePolicy", "s3:ListAllMyBuckets")
TRUST_ACTIONS = ("sts:AssumeRole", "sts:TagSession")


@dataclass(frozen=True)
class Family:
    """One kind of condition key."""

    operators: tuple[str, ...]
    keys: tuple[str, ...]
    values: tuple[str, ...]
    """Values of a policy that read."""
    odd: tuple[str, ...]
    """Values that are badly written, or at the edge; in policies and requests."""
    held: tuple[str, ...]
    """Values of a request that read."""


LIKE = ("Like", "NotLike")
ORDER = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
FAMILIES = {
    "string": Family(
        tuple(f"String{each}" for each in ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", *LIKE)),
        ("aws:PrincipalTag/team", "aws:username", "aws:PrincipalOrgID"),
        ("a", "ab", "A", "b", "${aws:username}"),
        ("", "*", "a*", "?", "${aws:none}", "${aws:none, 'a'}", "${*}", "${}", "a b"),
        ("a", "ab", "A", "b"),
    ),
    "arn": Family(
        ("ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"),
        ("aws:PrincipalArn", "aws:SourceArn"),
        (USER, ROLE, f"arn:aws:iam::{OWN}:role/*", "arn:aws:iam::*:user/u", "arn:*:*:*:*:*"),
        ("", "*", "arn:aws:iam:*", "not-an-arn", f"arn:aws:iam::{OWN}:user/${{aws:username}}", "arn:aws:sns:x:1:a:b"),
        (USER, ROLE, f"arn:aws:iam::{OTHER}:user/u"),
    ),
    "numeric": Family(
        tuple(f"Numeric{each}" for each in ORDER),
        ("aws:MultiFactorAuthAge", "s3:max-keys"),
        ("1", "2", "10", "1.5"),
        ("", "x", "01", "1.0", "+1", "1e1", "-1", "9007199254740993"),
        ("1", "2", "10", "1.5"),
    ),
    "date": Family(
        tuple(f"Date{each}" for each in ORDER),
        ("aws:CurrentTime", "aws:TokenIssueTime"),
        ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-01-01T01:00:00+01:00"),
        ("", "x", "2026-01-01", "1767225600", "1767225600000", "2026-02-30T00:00:00Z", "2026"),
        ("2026-01-01T00:00:00Z", "2026-01-31T23:59:59Z", "2026-02-01T00:00:00.500Z"),
    ),
    "bool": Family(
        ("Bool",),
        ("aws:SecureTransport", "aws:MultiFactorAuthPresent"),
        ("true", "false"),
        ("", "True", "x", "0"),
        ("true", "false"),
    ),
    "ip": Family(
        ("IpAddress", "NotIpAddress"),
        ("aws:SourceIp", "aws:VpcSourceIp"),
        ("10.0.0.1", "10.0.0.0/8", "10.0.0.1/32", "192.0.2.7", "2001:db8::/32"),
        ("", "x", "0.0.0.0/0", "10.0.0.1/33", "10.0.0.7/8", "::/0", "2001:0DB8:0::1", "::ffff:10.0.0.1"),
        ("10.0.0.1", "10.1.0.1", "192.0.2.7", "2001:db8::1"),
    ),
    "binary": Family(("BinaryEquals",), ("x:blob",), ("QQ==", "Qg=="), ("", "QQ", "A"), ("QQ==", "Qg==")),
    "list": Family(
        ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike"),
        ("aws:TagKeys", "aws:CalledVia"),
        ("a", "ab", "b"),
        ("", "*", "a*", "${aws:username}"),
        ("a", "ab", "b"),
    ),
}
GLOBAL = tuple(name for name in FAMILIES if name != "binary")


class Draw:
    """The random choices of one case; `odd` is the share of values that are badly written."""

    def __init__(self, seed: str, odd: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 - cases that can be drawn again are the point
        self._odd = odd

    def chance(self, share: float) -> bool:
        """Say yes in this share of the calls."""
        return self._random.random() < share

    def one(self, items: Sequence[Item]) -> Item:
        """Take one item, each as likely."""
        return items[self._random.randrange(len(items))]

    def some(self, items: Sequence[Item], most: int) -> list[Item]:
        """Take one to `most` different items, in any order."""
        return self._random.sample(list(items), min(len(items), self._random.randint(1, most)))

    def weighted(self, items: dict[Item, int]) -> Item:
        """Take one item, as likely as its weight."""
        return self._random.choices(list(items), list(items.values()))[0]

    def value(self, family: Family) -> str:
        """Take a value as a policy writes it."""
        return self.one(family.odd if self.chance(self._odd) else family.values)

    def held(self, family: Family) -> str:
        """Take a value as a request holds it."""
        return self.one(family.odd if self.chance(self._odd) else family.held)

    def loose(self, values: list[str]) -> str | list[str]:
        """Write a list of one value as the value alone, at times."""
        return values[0] if len(values) == 1 and self.chance(0.5) else values


def _operator(draw: Draw, family: str) -> str:
    if draw.chance(0.06):
        return "Null"
    name = draw.one(FAMILIES[family].operators)
    if draw.chance(0.9 if family == "list" else 0.06):
        name = f"{draw.one(('ForAllValues', 'ForAnyValue'))}:{name}"
    return f"{name}IfExists" if draw.chance(0.15) else name


def _entry(draw: Draw, families: Sequence[str]) -> tuple[str, str, str | list[str]]:
    family = draw.one(families)
    operator, key = _operator(draw, family), draw.one(FAMILIES[family].keys)
    if draw.chance(0.05):
        key = key.swapcase()
    if operator.startswith("Null"):
        return operator, key, draw.one(("true", "false"))
    values = [draw.value(FAMILIES[family]) for _ in range(draw.one((1, 1, 1, 2, 3)))]
    return operator, key, draw.loose(values)


def _conditions(draw: Draw, families: Sequence[str]) -> Json:
    found: Json = {}
    for _ in range(draw.one((1, 1, 1, 2, 2, 3))):
        operator, key, values = _entry(draw, families)
        found.setdefault(operator, {})[key] = values
    return found


def _context(draw: Draw, share: float) -> Json:
    found: Json = {}
    for name, family in FAMILIES.items():
        for key in family.keys:
            if not draw.chance(share):
                continue
            if name == "list":
                found[key] = [draw.held(family) for _ in range(draw.one((0, 1, 1, 2, 3)))]
            else:
                found[key] = draw.held(family)
    return found


def _resource(draw: Draw, action: str, account: str) -> str:
    service, name = action.split(":")
    if name in ("GetCallerIdentity", "ListAllMyBuckets"):
        return "*"
    if service == "s3":
        bucket = draw.one(("b", "b", "c"))
        return f"arn:aws:s3:::{bucket}" if name == "ListBucket" else f"arn:aws:s3:::{bucket}/{draw.one(('k', 'k/x'))}"
    return {
        "sqs": f"arn:aws:sqs:eu-west-1:{account}:{draw.one(('q', 'queue'))}",
        "kms": f"arn:aws:kms:eu-west-1:{account}:{draw.one(('key/k', 'key/k', 'key/l', 'alias/k'))}",
        "sts": f"arn:aws:iam::{account}:role/t",
        "iam": draw.one((f"arn:aws:iam::{account}:policy/p", "arn:aws:iam::aws:policy/ReadOnlyAccess")),
    }[service]


def _action_pattern(draw: Draw, action: str) -> str:
    service, name = action.split(":")
    good = (action, f"{service}:*", "*", f"{service}:{name[:3]}*", f"{service}:?{name[1:]}", action.upper())
    return draw.one(good) if draw.chance(0.8) else draw.one((*ACTIONS, *RARE_ACTIONS))


def _resource_pattern(draw: Draw, resource: str) -> str:
    if resource == "*":
        return draw.one(("*", "*", "*", "arn:aws:s3:::*", "arn:aws:s3:::b"))
    head, tail = resource.rsplit(":", 1)
    sections = resource.split(":")
    good = (
        resource,
        "*",
        f"{resource[:-1]}*",
        f"{resource[:-1]}?",
        f"{head}:*",
        f"{head}:{tail[0]}*",
        f"arn:*:{sections[2]}:*:*:{tail}",
        f"arn:aws:{sections[2]}:*",
        f"{resource}*",
        f"{head}:{tail.split('/')[0]}/*",
    )
    bad = (
        f"{head}:{tail.upper()}",
        f"{head}:z*",
        f"{resource}/more",
        f"{head}:{tail[:-1]}${{aws:username}}",
        f"{head}:${{aws:none}}",
        f"{head}:*/${{aws:username, 'k'}}",
        "arn:aws:s3:::c/*",
        f"{head}:?{tail[1:]}",
    )
    return draw.one(good) if draw.chance(0.75) else draw.one(bad)


def _statement(draw: Draw, request: Json, deny: float, families: Sequence[str]) -> Json:
    statement: Json = {"Effect": "Deny" if draw.chance(deny) else "Allow"}
    if draw.chance(0.3):
        statement["Sid"] = draw.one(("One", "Two", "Three"))
    actions = [_action_pattern(draw, request["action"]) for _ in range(draw.one((1, 1, 2)))]
    resources = [_resource_pattern(draw, request["resource"]) for _ in range(draw.one((1, 1, 2)))]
    if draw.chance(0.1):
        statement["NotAction"] = [each for each in actions if each != "*"] or "ec2:*"
    else:
        statement["Action"] = draw.loose(actions)
    statement["NotResource" if draw.chance(0.1) else "Resource"] = draw.loose(resources)
    if draw.chance(0.45):
        statement["Condition"] = _conditions(draw, families)
    return statement


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def _policy(draw: Draw, request: Json, deny: float, families: Sequence[str] = tuple(FAMILIES)) -> Json:
    statements = [_statement(draw, request, deny, families) for _ in range(draw.one((1, 1, 2, 3)))]
    if draw.chance(0.35):
        statements.append({"Effect": "Allow", "Action": "*", "Resource": "*"})
    return _document(statements)


def _principal(draw: Draw) -> str | Json:
    kind = draw.weighted(
        {USER: 36, SESSION: 26, ROLE: 6, ROOT: 3, FEDERATED: 5, "service": 8, "anonymous": 7, PROVIDER: 3, "plain": 1}
    )
    if kind == "service":
        return {"type": "Service", "value": SERVICE}
    if kind == "anonymous":
        return {"type": "Anonymous"}
    return {"type": "Federated", "value": "accounts.google.com"} if kind == "plain" else kind


def _principal_element(draw: Draw, principal: str | Json) -> Any:
    if isinstance(principal, dict):
        named = {principal["type"]: principal["value"]} if "value" in principal else "*"
    else:
        named = {"Federated": principal} if principal == PROVIDER else {"AWS": principal}
    others = (
        *(named,) * 6,
        *("*", {"AWS": "*"}) * 2,
        *({"AWS": each} for each in (USER, ROLE, ROLE, SESSION, SESSION2, ROOT, ROOT, OWN, USER2, OTHER, FEDERATED)),
        {"AWS": [ROOT, USER]},
        {"AWS": [ROLE, SESSION]},
        {"Service": SERVICE},
        {"Service": ["ec2.amazonaws.com", SERVICE]},
        {"Federated": PROVIDER},
        {"AWS": f"arn:aws:iam::{OWN}:user/*"},
    )
    return draw.one(others)


def _resource_policy(draw: Draw, request: Json, families: Sequence[str] = tuple(FAMILIES)) -> Json:
    statements = []
    for _ in range(draw.one((1, 1, 2, 2, 3))):
        statement = _statement(draw, request, 0.2, families)
        element = "NotPrincipal" if draw.chance(0.08) else "Principal"
        statement[element] = _principal_element(draw, request["principal"])
        if request["action"] in TRUST_ACTIONS:
            statement.pop("NotResource", None)
            statement.pop("Resource", None)
        statements.append(statement)
    return _document(statements)


def _levels(draw: Draw, request: Json, whole: Json, kept: float) -> list[list[Json]]:
    found = []
    for _ in range(draw.one((1, 1, 2, 3))):
        level = [whole] if draw.chance(kept) else []
        if draw.chance(0.6):
            level.append(_policy(draw, request, 0.5))
        found.append(level)
    return found


def decision(draw: Draw, *, odd_layers: bool = True) -> Json:
    """Draw a whole decision: a request and the policies of every layer."""
    action = draw.one(ACTIONS if draw.chance(0.88) else RARE_ACTIONS)
    account = OTHER if draw.chance(0.25) else OWN
    principal = _principal(draw)
    request: Json = {
        "principal": principal,
        "action": action,
        "resource": _resource(draw, action, account),
        "resource_account": account,
        "context": _context(draw, 0.55),
    }
    session = principal in (SESSION, FEDERATED)
    needs = account == OTHER or action.startswith(("kms:", "sts:")) or isinstance(principal, dict)
    identity = not isinstance(principal, dict) and principal != PROVIDER and draw.chance(0.9)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    case: Json = {
        "layer": "decision",
        "policies": {
            "identity": [_policy(draw, request, 0.12) for _ in range(draw.one((1, 1, 2)))] if identity else [],
            "boundary": [_policy(draw, request, 0.1)] if identity and draw.chance(0.2) else None,
            "session": [_policy(draw, request, 0.1)] if session and draw.chance(0.3) else None,
            "scps": _levels(draw, request, _document([everything]), 0.85) if identity and draw.chance(0.25) else None,
            "rcps": _levels(draw, request, _document([{**everything, "Principal": "*"}]), 1)
            if draw.chance(0.12)
            else None,
            "resource": _resource_policy(draw, request) if draw.chance(0.97 if needs else 0.45) else None,
            "endpoint": [_policy(draw, request, 0.1)] if draw.chance(0.1) else None,
        },
        "request": request,
    }
    if odd_layers and draw.chance(0.02):
        case["account_is_management"] = True
    return case


def discovery(draw: Draw) -> Json:
    """Draw a decision of which some keys are not known."""
    case = decision(draw, odd_layers=False)
    unknown = []
    for family in FAMILIES.values():
        for key in family.keys:
            if draw.chance(0.7):
                presence = draw.chance(0.7)
                known = presence and draw.chance(0.6)
                unknown.append({"keyName": key, "presenceIsKnown": presence, "valueIsKnown": known})
    return {**case, "mode": "discovery", "unknown_context": unknown}


def operator(draw: Draw) -> Json:
    """Draw one operator on one value, without set operators."""
    family = FAMILIES[draw.one(tuple(FAMILIES))]
    return {
        "layer": "operator",
        "operator": draw.one(family.operators),
        "context_value": draw.held(family),
        "policy_values": [draw.value(family) for _ in range(draw.one((1, 1, 2)))],
        "context": {"aws:username": draw.one(("a", "b", "*"))} if draw.chance(0.6) else {},
    }


def condition(draw: Draw) -> Json:
    """Draw a whole Condition element, as triples, on a context."""
    triples = [list(_entry(draw, tuple(FAMILIES))) for _ in range(draw.one((1, 1, 2, 3)))]
    return {"layer": "condition", "conditions": triples, "context": _context(draw, 0.7)}


def statement_part(draw: Draw) -> Json:
    """Draw one element of a statement on a request."""
    action = draw.one(ACTIONS)
    request: Json = {
        "principal": _principal(draw),
        "action": action,
        "resource": _resource(draw, action, OWN),
        "context": {"aws:username": draw.one(("k", "b", "*"))} if draw.chance(0.6) else {},
    }
    part = draw.one(("Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal"))
    values: Any
    if part.endswith("Action"):
        values = [_action_pattern(draw, action) for _ in range(draw.one((1, 1, 2)))]
    elif part.endswith("Resource"):
        values = [_resource_pattern(draw, request["resource"]) for _ in range(draw.one((1, 1, 2)))]
    else:
        values = _principal_element(draw, request["principal"])
    return {"layer": "statement-part", "part": part, "values": values, "request": request}


def statement(draw: Draw) -> Json:
    """Draw a whole statement of which one element is asked about."""
    case = statement_part(draw)
    request = case["request"]
    whole = _statement(draw, request, 0.3, tuple(FAMILIES))
    part = draw.one([name for name in ("Action", "NotAction", "Resource", "NotResource") if name in whole])
    return {"layer": "statement", "part": part, "statement": whole, "request": request}


def decision_set(draw: Draw) -> Json:
    """Draw a request for a pattern of resources; only documents and keys that the documented entry accepts."""
    action = draw.one(ACTIONS)
    account = OTHER if draw.chance(0.15) else OWN
    principal = draw.one((USER, USER, SESSION))
    resource = _resource(draw, action, account).replace("alias/k", "key/k")
    head, tail = resource.rsplit(":", 1)
    patterns = [resource, f"{resource[:-1]}*", f"{head}:*", f"{head}:{tail[0]}*"]
    if "/" in tail:
        patterns.append(f"{head}:{tail.split('/')[0]}/*")
    asked = draw.one(patterns)
    context = {key: value for key, value in _context(draw, 0.55).items() if not key.startswith(("x:", "s3:"))}
    request = {
        "principal": principal,
        "action": action,
        "resource": resource,
        "resource_account": account,
        "context": context,
    }
    families = tuple(name for name in GLOBAL if name != "numeric")

    def policy(deny: float) -> Json:
        return _policy(draw, request, deny, families)

    guard = _statement(draw, request, 1, families) | {"Principal": "*", "Action": f"{action.split(':')[0]}:*"}
    guard.pop("NotAction", None)
    needs = account == OTHER or action.startswith("kms:")
    return {
        "layer": "decision-set",
        "policies": {
            "identity": [policy(0.15) for _ in range(draw.one((1, 1, 2)))],
            "boundary": [policy(0.1)] if draw.chance(0.2) else None,
            "session": [policy(0.1)] if principal == SESSION and draw.chance(0.3) else None,
            "scps": [[policy(0.3)] for _ in range(draw.one((1, 2)))] if draw.chance(0.2) else None,
            "rcps": [[_document([guard])]] if draw.chance(0.1) else None,
            "resource": _resource_policy(draw, request, families) if draw.chance(0.9 if needs else 0.3) else None,
            "endpoint": None,
        },
        "request": {**request, "resource": asked},
    }


MAKERS: dict[str, Callable[[Draw], Json]] = {
    "decision": decision,
    "discovery": discovery,
    "operator": operator,
    "condition": condition,
    "statement-part": statement_part,
    "statement": statement,
    "decision-set": decision_set,
}


def cases(seed: str, count: int, layer: str = "decision", odd: float = 0.08) -> list[Json]:
    """Draw `count` cases of a layer; `all` takes every layer in turn. A case does not depend on how many are drawn."""
    names = list(MAKERS) if layer == "all" else [layer]
    found = []
    for number in range(count):
        name = names[number % len(names)]
        made = MAKERS[name](Draw(f"{seed}/{name}/{number}", odd))
        found.append({"id": f"{name}/{seed}/{number}", **made})
    return found


def main() -> None:
    """Print the cases, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed")
    parser.add_argument("count", type=int)
    parser.add_argument("--layer", choices=[*MAKERS, "all"], default="decision")
    parser.add_argument("--odd", type=float, default=0.08)
    given = parser.parse_args()
    for case in cases(given.seed, given.count, given.layer, given.odd):
        print(json.dumps(case))


if __name__ == "__main__":
    main()
