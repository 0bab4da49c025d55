"""A table decided at once against its rows decided one by one: every field of every decision is the same."""

from random import Random
from typing import Any

import pyarrow as pa
import pytest

from watchbill.policy.bulk import decide_batch
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.statements import parse_policy


# Few words, close together, so that statements and rows collide; of each kind the odd one too.
HOME, AWAY = "111111111111", "222222222222"
USER = f"arn:aws:iam::{HOME}:user/james"
SESSION = f"arn:aws:sts::{HOME}:assumed-role/ops/james"
CALLERS = [
    None,
    USER,
    f"arn:aws:iam::{HOME}:user/eu/rick",
    f"arn:aws:iam::{AWAY}:user/james",
    SESSION,
    f"arn:aws:sts::{AWAY}:assumed-role/ops/james",
    f"arn:aws:sts::{HOME}:federated-user/james",
    f"arn:aws:iam::{HOME}:role/ops",
    f"arn:aws:iam::{HOME}:root",
    f"arn:aws:iam::{HOME}:saml-provider/corp",
    "ec2.amazonaws.com",
    "*",
    "AIDAEXAMPLE",
    "",
]
NAMED = [
    "*",
    {"AWS": "*"},
    {"AWS": HOME},
    {"AWS": f"arn:aws:iam::{AWAY}:root"},
    {"AWS": [USER, f"arn:aws:iam::{AWAY}:user/james"]},
    {"AWS": SESSION},
    {"AWS": f"arn:aws:iam::{HOME}:role/ops"},
    {"Service": "ec2.amazonaws.com"},
    {"Federated": f"arn:aws:iam::{HOME}:saml-provider/corp"},
    {"CanonicalUser": "x"},
]
ACTIONS = [
    "s3:GetObject",
    "s3:GetObject",
    "S3:getobject",
    "s3:PutObject",
    "ec2:DescribeInstances",
    "kms:Decrypt",
    "kms:DeleteAlias",
    "sts:AssumeRole",
    "sts:GetCallerIdentity",
    "iam:CreatePolicyVersion",
    "iam:DeleteRole",
    "odd:Thing",
]
PATTERNS = ["*", "s3:*", "s3:Get*", "S3:PutObject", "ec2:Describe*", "kms:*", "sts:*", "iam:*", "*:get*", "o?d:thing"]
THINGS = [
    None,
    "*",
    "arn:aws:s3:::a",
    "arn:aws:s3:::a",
    "arn:aws:s3:::a/james",
    "arn:aws:s3:::a/*",
    f"arn:aws:kms:eu-west-1:{HOME}:key/a",
    f"arn:aws:kms:eu-west-1:{AWAY}:key/a",
    f"arn:aws:kms:eu-west-1:{HOME}:alias/aws/a",
    f"arn:aws:iam::{HOME}:role/ops",
    f"arn:aws:iam::{AWAY}:role/aws-reserved/a",
    "arn:aws:iam::aws:policy/a",
    "a",
    "",
]
RESOURCES = [
    "*",
    "*",
    "arn:aws:s3:::a",
    "arn:aws:s3:::a*",
    "arn:aws:s3:::a/${aws:username}",
    "arn:aws:s3:::a/${k, 'james'}",
    "arn:aws:s3:::${k}/${j}",
    f"arn:aws:kms:*:{HOME}:key/*",
    "arn:aws:iam::*:role/ops",
    "arn:aws:i*",
]
TEXTS = ["a", "b", "A", "1", "true", "*", "a/james", HOME, "", "Yg=="]
TIMES = [
    "2026-01-12T00:00:00Z",
    "2026-01-12T08:00:00Z",
    "2026-01-12T08:00:00.000001Z",
    "2026-01-12T09:00:00+01:00",
    "2026-01-12 08:00:00Z",
    "2026-01-12",
    "2026-W03-1T08:00:00Z",
    "2026-02-30T08:00:00Z",
    "1768204800",
    "1768204800000",
    "never",
]
ADDRESSES = ["10.0.0.1", "10.0.1.1", "10.0.0.1/32", "2001:db8::1", "cloudtrail.amazonaws.com"]
NUMBERS = ["0", "1", "1.0", "2", "-1", "1e3", "many"]
WANTED = {
    "aws:CurrentTime": TIMES,
    "aws:SourceIp": [*ADDRESSES, "10.0.0.0/24", "::/0"],
    "n": NUMBERS,
    "k": [*TEXTS, "a*", "?", "${j}", "${j, 'a'}", "${aws:username}", "${*}"],
    "j": [*TEXTS, "${k}", "${n}"],
    "aws:PrincipalArn": [USER, f"arn:aws:iam::{HOME}:*", "arn:aws:iam::*:role/ops", "arn", "${j}"],
    "aws:PrincipalAccount": [HOME, AWAY, "${aws:ResourceAccount}"],
    "aws:PrincipalType": ["User", "AssumedRole", "Account"],
    "aws:username": ["james", "rick", "j*", "${k}"],
    "aws:ResourceAccount": [HOME, AWAY, "${aws:PrincipalAccount}"],
}
GIVEN = {
    **{key: [each for each in values if "$" not in each] for key, values in WANTED.items()},
    "aws:CurrentTime": TIMES,
    "aws:SourceIp": ADDRESSES,
}
OPERATORS = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Bool",
    "BinaryEquals",
    "BinaryNotEquals",
    "IpAddress",
    "NotIpAddress",
    *(
        f"{kind}{name}"
        for kind in ("Date", "Numeric")
        for name in ("Equals", "NotEquals", "LessThan", "LessThanEquals")
    ),
    *(f"{kind}{name}" for kind in ("Date", "Numeric") for name in ("GreaterThan", "GreaterThanEquals")),
]
USUAL = {
    "aws:CurrentTime": [each for each in OPERATORS if each.startswith("Date")],
    "aws:SourceIp": ["IpAddress", "NotIpAddress"],
    "n": [each for each in OPERATORS if each.startswith("Numeric")],
}


def listed(random, values, most=2):
    """Draw one value or a list of some."""
    return random.choice(values) if random.random() < 0.6 else random.choices(values, k=random.randint(0, most))


def condition(random):
    """Draw up to three entries, mostly of operators that suit the key."""
    found: dict[str, Any] = {}
    for _ in range(random.choice([0, 1, 1, 1, 2, 3])):
        key = random.choice(list(WANTED))
        operator = random.choice(USUAL.get(key, OPERATORS[:13]) if random.random() < 0.8 else OPERATORS)
        if random.random() < 0.15:
            operator = random.choice(["Null", "StringSounds"])
        operator = random.choice(["", "", "", "", "ForAllValues:", "ForAnyValue:"]) + operator
        operator += random.choice(["", "", "", "IfExists"])
        values = ["true", "false"] if operator.startswith("Null") else WANTED[key]
        spelt = random.choice([key, key, key.upper()])
        found.setdefault(operator, {})[spelt] = listed(random, values)
    return found


def statement(random, *, names_someone=False):
    """Draw one statement."""
    found = {"Effect": random.choice(["Allow", "Allow", "Deny"]), "Condition": condition(random)}
    found[random.choice(["Action", "Action", "Action", "NotAction"])] = random.choices(PATTERNS, k=random.randint(1, 2))
    found[random.choice(["Resource"] * 5 + ["NotResource"])] = random.choices(RESOURCES, k=random.randint(1, 2))
    if names_someone:
        found[random.choice(["Principal"] * 5 + ["NotPrincipal"])] = random.choice(NAMED)
    return found


def policy(random, name, **more):
    """Draw one policy: mostly one that allows something, so that other layers matter."""
    found = [statement(random, **more) for _ in range(random.choice([0, 1, 2, 3]))]
    if random.random() < 0.6:
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        found.append({**everything, **({"Principal": "*"} if more else {})})
    return parse_policy({"Version": "2012-10-17", "Statement": found}, name)


def layers(random):
    """Draw every layer, or leave it out."""

    def maybe(draw, chance):
        return draw() if random.random() < chance else None

    def levels(name):
        return tuple((policy(random, f"{name}{level}"),) for level in range(random.randint(1, 2)))

    return Layers(
        tuple(policy(random, f"own{number}") for number in range(random.choice([0, 1, 1, 2]))),
        maybe(lambda: (policy(random, "boundary"),), 0.3),
        maybe(lambda: (policy(random, "session"),), 0.2),
        maybe(lambda: levels("scp"), 0.3),
        maybe(lambda: levels("rcp"), 0.2),
        maybe(lambda: policy(random, "resource", names_someone=True), 0.5),
        random.random() < 0.3,
        maybe(lambda: (policy(random, "endpoint", names_someone=True),), 0.2),
        random.random() < 0.1,
        random.random() < 0.1,
    )


def evaluators(random):
    """Draw some evaluators, some of which share policies, so that their rows may be of one plan."""
    first = layers(random)
    found = [first]
    for _ in range(random.randint(0, 3)):
        other = layers(random)
        shared = random.sample(Layers.__slots__, random.randint(0, len(Layers.__slots__)))
        found.append(Layers(**{name: getattr(first if name in shared else other, name) for name in Layers.__slots__}))
    return [Evaluator(each) for each in found]


TYPES = [pa.string(), pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]


def column(random, values, rows, nulls):
    """Draw the values of a column, as some type of texts or lists of texts."""
    found = [None if random.random() < nulls else random.choice(values) for _ in range(rows)]
    return found, random.choice(TYPES)


def table(random, rows, tables_of):
    """Draw a table: its columns as lists, and as what is decided."""
    columns = {
        "evaluator": ([random.randrange(tables_of) for _ in range(rows)], pa.int32()),
        "action": column(random, ACTIONS, rows, 0),
        "resource": column(random, THINGS, rows, random.choice([0, 0, 0.2])),
    }
    if random.random() < 0.7:
        columns["principal"] = column(random, CALLERS, rows, random.choice([0, 0.2]))
    if random.random() < 0.3:
        columns["resource_account"] = column(random, [None, HOME, AWAY, ""], rows, 0)
    for key, values in GIVEN.items():
        if random.random() < 0.5:
            texts, kind = column(random, values, rows, random.choice([0, 0, 0.2, 0.5, 1]))
            if random.random() < 0.2:
                several = [
                    None if each is None else (each, *random.choices(values, k=2))[: random.randint(0, 3)]
                    for each in texts
                ]
                texts, kind = several, random.choice([pa.list_(pa.string()), pa.large_list(pa.string())])
            columns[random.choice([key, key.lower()])] = texts, kind
    arrays = {name: pa.array(values, kind) for name, (values, kind) in columns.items()}
    return {name: values for name, (values, _) in columns.items()}, pa.RecordBatch.from_pydict(arrays)


def request(columns, row, absent, *, complete, some):
    """Read one row as a request."""
    found = {name: values[row] for name, values in columns.items()}
    del found["evaluator"]
    action, resource = found.pop("action"), found.pop("resource")
    principal, account = found.pop("principal", None), found.pop("resource_account", None)
    return Request(
        action,
        resource,
        {key: value for key, value in found.items() if value is not None},
        absent,
        complete,
        Principal.of(principal) if principal else None,
        account,
        some=some,
    )


def differences(seed, rows):
    """Decide the rows of a drawn table both ways; give the effects that occurred, and the first difference."""
    random = Random(seed)
    deciding = evaluators(random)
    columns, batch = table(random, rows, len(deciding))
    absent = frozenset(random.sample(list(WANTED), random.choice([0, 0, 1, 3])))
    complete, some = random.random() < 0.4, random.random() < 0.15
    decisions = decide_batch(deciding, batch, absent=absent, complete=complete, some=some)
    effects = set()
    for row in range(rows):
        asked = request(columns, row, absent, complete=complete, some=some)
        expected = deciding[columns["evaluator"][row]].decide(asked)
        effects.add(expected.effect)
        if decisions[row] != expected:
            return effects, f"seed {seed}, row {row}: {asked}\n  at once    {decisions[row]}\n  one by one {expected}"
    return effects, None


@pytest.mark.parametrize("seed", range(24))
def test_a_table_is_decided_as_its_rows_are(seed):
    """What is shared between rows must never be shared between rows that a statement tells apart."""
    seen = set()
    for number in range(20):
        effects, difference = differences(seed * 1_000_000 + number, rows=100)
        assert difference is None, difference
        seen |= effects
    assert seen == set(Effect), "the tables do not reach every answer"


@pytest.mark.slow
def test_a_million_rows_are_decided_as_one_by_one():
    """Rare meetings of statements and rows need many tries."""
    for seed in range(10_000):
        _, difference = differences(-1 - seed, rows=100)
        assert difference is None, difference
