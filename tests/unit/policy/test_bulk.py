"""A table decided at once against its rows decided one by one: every field of every decision is the same."""

from random import Random
from typing import Any

import pyarrow as pa
import pytest

from watchbill.policy.bulk import decide_batch
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.operators import read_instant
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


def flags(random):
    """Draw what is said of all rows."""
    return {
        **{name: frozenset(random.sample(list(WANTED), random.choice([0, 0, 1, 3]))) for name in ("absent", "unknown")},
        "present": frozenset(random.sample(list(WANTED), random.choice([0, 0, 0, 2]))),
        "complete": random.random() < 0.4,
        "some": random.random() < 0.15,
    }


def request(columns, row, said):
    """Read one row as a request."""
    found = {name: values[row] for name, values in columns.items()}
    del found["evaluator"]
    action, resource = found.pop("action"), found.pop("resource")
    principal, account = found.pop("principal", None), found.pop("resource_account", None)
    return Request(
        action,
        resource,
        {key: value for key, value in found.items() if value is not None},
        principal=Principal.of(principal) if principal else None,
        resource_account=account,
        **said,
    )


def differences(seed, rows):
    """Decide the rows of a drawn table both ways; give the effects that occurred, and the first difference."""
    random = Random(seed)
    deciding = evaluators(random)
    columns, batch = table(random, rows, len(deciding))
    said = flags(random)
    decisions = decide_batch(deciding, batch, **said)
    effects = set()
    for row in range(rows):
        asked = request(columns, row, said)
        expected = deciding[columns["evaluator"][row]].decide(asked)
        effects.add(expected.effect)
        if decisions[row] != expected:
            return effects, f"seed {seed}, row {row}: {asked}\n  at once    {decisions[row]}\n  one by one {expected}"
    return effects, None


@pytest.mark.parametrize("seed", range(16))
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


# --- what drawn tables do not reach ---


def evaluator_of(*statements, **layers):
    """Make an evaluator of one identity policy."""
    found = [{"Effect": "Allow", "Action": "*", "Resource": "*", **each} for each in statements]
    return Evaluator(Layers((parse_policy({"Version": "2012-10-17", "Statement": found}, "p"),), **layers))


def batch_of(columns):
    """Make a table of texts; `evaluator` is 0, `action` and `resource` are the same in all rows unless given."""
    rows = len(next(iter(columns.values())))
    usual = {"evaluator": [0] * rows, "action": ["s3:GetObject"] * rows, "resource": ["arn:aws:s3:::a"] * rows}
    return pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in {**usual, **columns}.items()})


def agree(deciding, columns, **said):
    """Hold every row of a table of texts against its own decision; give the decisions."""
    batch = batch_of(columns)
    decisions = decide_batch(deciding, batch, **said)
    known = {name: batch.column(name).to_pylist() for name in batch.schema.names}
    for row in range(batch.num_rows):
        asked = request(known, row, said)
        assert decisions[row] == deciding[known["evaluator"][row]].decide(asked), asked
    return decisions


def test_rows_that_hang_on_different_keys_are_told_apart():
    """Both may apply, by the same statement; what a person must find out differs."""
    deciding = [evaluator_of({"Condition": {"StringEquals": {"k": "${j}"}}})]
    decisions = agree(deciding, {"k": [None, "a", None, "a"], "j": ["a", None, None, "a"]})
    assert [each.unknown_keys for each in map(decisions.__getitem__, range(4))] == [("k",), ("j",), ("k", "j"), ()]


def test_whether_a_star_is_a_pattern_hangs_on_the_action():
    """An action that takes no resource is asked of `*` itself, others of some resource, though one statement speaks."""
    deciding = [evaluator_of({"Resource": "arn:aws:s3:::a"})]
    columns = {"action": ["ec2:DescribeInstances", "s3:GetObject"], "resource": ["*", "*"]}
    decisions = agree(deciding, columns, some=True, complete=True)
    assert [decisions[row].effect for row in (0, 1)] == [Effect.IMPLICITLY_DENIED, Effect.ALLOWED]


@pytest.mark.parametrize("name", ["action", "resource", "principal", "resource_account", "evaluator"])
def test_a_condition_key_may_be_called_like_a_column(name):
    """A policy is somebody else's text: such a key is not known, and is not that column."""
    deciding = [evaluator_of({"Condition": {"StringLike": {name: "*"}}})]
    columns = {"principal": [USER, None], "resource_account": [HOME, None]}
    assert agree(deciding, columns)[0].effect is Effect.DEPENDS
    assert agree(deciding, columns, complete=True)[0].effect is Effect.IMPLICITLY_DENIED


def test_more_rules_than_one_number_has_bits_are_each_told_apart():
    """A bit that falls off the end is a statement that is not read."""
    texts = [f"t{number}" for number in range(150)]
    deciding = [evaluator_of(*({"Condition": {"StringEquals": {"k": text}}} for text in texts))]
    decisions = agree(deciding, {"k": [*texts, None, "other"]})
    assert [decisions[row].deciding[0].index for row in range(150)] == list(range(150))
    assert len(decisions[150].deciding) == 150


def test_more_that_hangs_than_one_number_holds_is_told_apart():
    """Rows differ by which of many keys is not known."""
    keys = [f"k{number}" for number in range(70)]
    deciding = [evaluator_of(*({"Condition": {"StringEquals": {key: "a"}}} for key in keys))]
    decisions = agree(
        deciding, {key: [None if row == place else "b" for row in range(70)] for place, key in enumerate(keys)}
    )
    assert [decisions[row].unknown_keys for row in range(70)] == [(key,) for key in keys]


def test_few_rows_of_columns_of_many_values_are_decided_as_one_by_one():
    """Large columns are looked at by what occurs in the rows of a plan, small ones as a whole."""
    random = Random(1)
    deciding = [
        evaluator_of(
            {"Resource": f"arn:aws:s3:::b{number}/*", "Condition": {"StringLike": {"aws:userid": "*:u?*"}}},
            {"Effect": "Deny", "Condition": {"IpAddress": {"aws:SourceIp": f"10.0.{number}.0/24"}}},
            {
                "Effect": "Deny",
                "Condition": {"DateLessThan": {"aws:CurrentTime": f"2026-01-{number + 1:02d}T12:00:00Z"}},
            },
        )
        for number in range(30)
    ]
    rows = range(3_000)
    columns = {
        "evaluator": [row % 30 for row in rows],
        "resource": [f"arn:aws:s3:::b{random.choice([row % 30, 0])}/{row}" for row in rows],
        "aws:userid": [random.choice([f"A{row}:u{row}", f"A{row}", None]) for row in rows],
        "aws:SourceIp": [f"10.0.{random.randrange(30)}.{row % 256}" for row in rows],
        "aws:CurrentTime": [
            f"2026-01-{random.randrange(1, 31):02d}T{row // 60 % 24:02d}:{row % 60:02d}:00Z" for row in rows
        ],
    }
    decisions = agree(deciding, columns)
    assert {decision.effect for decision in decisions.distinct} == set(Effect)


def test_many_limits_on_many_instants_are_each_compared():
    """More comparisons than are held at once are made part by part."""
    hours = [f"2026-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z" for hour in range(62)]
    times = [
        f"2026-01-{1 + at // 86400:02d}T{at // 3600 % 24:02d}:{at // 60 % 60:02d}:{at % 60:02d}Z"
        for at in range(0, 230_400, 11)
    ]
    decisions = decide_batch(
        [evaluator_of(*({"Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": hour}}} for hour in hours))],
        batch_of({"aws:CurrentTime": times}),
    )
    for row, text in enumerate(times):
        assert [origin.index for origin in decisions[row].deciding] == [
            n for n, hour in enumerate(hours) if hour <= text
        ]


def odd_texts(random, text, alphabet, count):
    """Give a text with one or two characters changed, taken out, or put in, many times."""
    for _ in range(count):
        found = list(text)
        for _ in range(random.choice([0, 1, 1, 2])):
            place = random.randrange(len(found))
            found[place : place + random.choice([0, 1, 1])] = random.choice([[], *alphabet, *alphabet])
        yield "".join(found)


def test_dates_in_a_column_are_read_as_one_by_one():
    """A column of dates is read in parts; whatever is odd in one must be so for both."""
    random = Random(2)
    texts = [
        "2026-01-12T08:15:30Z",
        "2026-W03-1T08:15:30Z",
        "2024-02-29T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ]
    odd = [each for text in texts for each in odd_texts(random, text, "0123456789TZ:-+. tz\n\u0661", 400)]
    odd += [
        "2026-01-12T24:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-12T08:15:60Z",
        "2026-01-12T08:60:00Z",
        "2026-13-12T08:15:30Z",
    ]
    assert sum(read_instant(text) is not None for text in odd) > 300
    for operator in ("DateEquals", "DateLessThan", "DateNotEquals"):
        for limit in ("2026-01-12T08:15:30Z", "2026-01-12T08:15:31Z"):
            agree([evaluator_of({"Condition": {operator: {"aws:CurrentTime": limit}}})], {"aws:CurrentTime": odd})


def test_accounts_of_a_column_of_arns_are_read_as_one_by_one():
    """Whether a caller asks across accounts decides which policies must allow."""
    random = Random(3)
    arns = list(odd_texts(random, f"arn:aws:sqs:eu-west-1:{AWAY}:q:r", "arn:12\n*", 1_000))
    decisions = agree([evaluator_of({})], {"resource": arns, "principal": [USER] * len(arns)}, complete=True)
    assert {decisions[row].effect for row in range(len(arns))} == {Effect.ALLOWED, Effect.IMPLICITLY_DENIED}


def test_the_same_statements_in_other_layers_are_other_layers():
    """Policies are shared between evaluators; which layer one is of decides what it is for."""
    some, every = (
        parse_policy({"Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}, action)
        for action in ("s3:Put*", "*")
    )
    layered = [
        Layers((some, every)),
        Layers((some,), session=(every,)),
        Layers((every,), session=(some,)),
        Layers((every,), scps=((some,),)),
        Layers((every,), scps=((some,), (every,))),
        Layers((every,), scps=((some, every),)),
        Layers((every,), endpoint=(some,)),
        Layers((every,), endpoint=()),
        Layers((every,), endpoint=None),
    ]
    agree([Evaluator(each) for each in layered], {"evaluator": list(range(len(layered)))})


def test_a_level_that_only_denies_is_not_one_that_allows_something_else():
    """No statement of either speaks of the action; what AWS itself adds to the first does."""
    allow, deny, own = (
        parse_policy({"Statement": [{"Effect": effect, "Action": action, "Resource": "*"}]}, effect)
        for effect, action in (("Allow", "sqs:*"), ("Deny", "sqs:*"), ("Allow", "*"))
    )
    deciding = [Evaluator(Layers((own,), rcps=((level,),))) for level in (allow, deny)]
    decisions = agree(deciding, {"evaluator": [0, 1]})
    assert [decisions[row].effect for row in (0, 1)] == [Effect.IMPLICITLY_DENIED, Effect.ALLOWED]


def test_values_of_dictionaries_may_repeat_and_be_null():
    """Whoever wrote the table decides how it is coded; the rows mean the same."""
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3, None]), pa.array(["a", "b", None, "a"]))
    batch = batch_of({"k": ["a", "b", None, "a", None]})
    batch = batch.set_column(batch.schema.get_field_index("k"), "k", coded)
    decisions = decide_batch([evaluator_of({"Condition": {"StringEquals": {"k": "a"}}})], batch)
    effects = [decisions[row].effect for row in range(5)]
    assert effects == [Effect.ALLOWED, Effect.IMPLICITLY_DENIED, Effect.DEPENDS, Effect.ALLOWED, Effect.DEPENDS]


def test_a_null_in_a_list_is_no_value():
    """It says nothing, as in a policy's own lists."""
    deciding = [evaluator_of({"Condition": {"ForAllValues:StringEquals": {"k": "a"}}})]
    decisions = decide_batch(deciding, batch_of({"k": [["a", None], [None], ["a", "b"]]}))
    effects = [decisions[row].effect for row in range(3)]
    assert effects == [Effect.ALLOWED, Effect.ALLOWED, Effect.IMPLICITLY_DENIED]


def test_a_column_of_nulls_alone_is_a_key_that_is_not_known():
    """Arrow gives such a column a type of its own."""
    deciding = [evaluator_of({"Condition": {"StringEquals": {"k": "a"}}})]
    assert agree(deciding, {"k": [None, None]})[0].unknown_keys == ("k",)


def test_a_slice_of_a_table_is_decided_as_a_slice():
    """Tables are read in parts, and parts share their memory with the whole."""
    deciding = [evaluator_of({"Condition": {"ForAnyValue:StringEquals": {"k": "a"}, "StringEquals": {"j": "b"}}})]
    batch = batch_of({"k": [["a"], ["b"], ["a"], None], "j": ["a", "b", "b", "b"]})
    whole, part = decide_batch(deciding, batch), decide_batch(deciding, batch.slice(1, 2))
    assert [part[0], part[1]] == [whole[1], whole[2]]
    assert whole[1] != whole[2]


def test_decisions_are_given_as_columns():
    """What is written beside the rows says the same as the decisions."""
    deciding = [evaluator_of({"Condition": {"StringEquals": {"k": "a"}}}, boundary=())]
    decisions = agree(deciding, {"k": ["a", "b", None]})
    assert decisions.batch().to_pylist() == [
        {"effect": "ImplicitlyDenied", "layer": "boundary", "deciding": "", "unknown_keys": ""},
        {"effect": "ImplicitlyDenied", "layer": "identity", "deciding": "", "unknown_keys": ""},
        {"effect": "ImplicitlyDenied", "layer": "boundary", "deciding": "", "unknown_keys": ""},
    ]
    deciding = [evaluator_of({"Condition": {"StringEquals": {"k": "a"}}})]
    assert agree(deciding, {"k": ["a", None]}).batch().to_pylist() == [
        {"effect": "Allowed", "layer": None, "deciding": "p#0", "unknown_keys": ""},
        {"effect": "Depends", "layer": "identity", "deciding": "p#0", "unknown_keys": "k"},
    ]


def test_no_rows_have_no_decisions():
    """An empty part of a trail is no error."""
    decisions = decide_batch([], batch_of({"k": ["a"]}).slice(0, 0))
    assert decisions.distinct == ()
    assert decisions.batch().num_rows == 0


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("evaluator", [1], "column `evaluator` must number the 1 evaluators from 0"),
        ("evaluator", [-1], "column `evaluator` must number the 1 evaluators from 0"),
        ("evaluator", [1 << 32], "column `evaluator` must number the 1 evaluators from 0"),
        ("evaluator", [None], "column `evaluator` must hold whole numbers, and no nulls"),
        ("evaluator", [0.5], "column `evaluator` must hold whole numbers, and no nulls"),
        ("action", [None], "column `action` must not have nulls"),
        ("action", [["a"]], "column `action` must hold texts"),
        ("principal", [["a"]], "column `principal` must hold texts"),
        ("k", [True], "column `k` must hold texts or lists of texts, not bool"),
        ("k", [[1]], "column `k` must hold texts or lists of texts, not int64"),
    ],
)
def test_a_table_that_is_none_of_requests_is_refused(name, values, why):
    """A value that is not read as it was meant would be a wrong answer without a word."""
    with pytest.raises(ValueError, match=why):
        decide_batch([evaluator_of({})], batch_of({name: values}))


@pytest.mark.parametrize("name", ["evaluator", "action", "resource"])
def test_a_table_without_a_column_that_it_needs_is_refused(name):
    """A resource that is not known is a null, not a column that was forgotten."""
    with pytest.raises(ValueError, match=f"needs a column `{name}`"):
        decide_batch([evaluator_of({})], batch_of({"k": ["a"]}).drop_columns([name]))
