"""Cells of condition keys and of resources: every value that a request may have is in the cell of some witness."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchbill.policy.cells import BudgetError
from watchbill.policy.conditions import predicate_of
from watchbill.policy.context import RESOURCE, Context
from watchbill.policy.domains import cut
from watchbill.policy.model import ConditionEntry, Principal, Request
from watchbill.policy.patterns import glob_matches
from watchbill.policy.resources import resource_predicate


USER = "arn:aws:iam::111122223333:user/james"
ASKED = Request("s3:GetObject", "*", {"given": "b"}, frozenset({"gone"}), principal=Principal.of(USER))

OPERATORS = {
    "text": [
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLike",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "ArnLike",
        "ArnNotEquals",
        "Bool",
    ],
    "number": [f"Numeric{each}" for each in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan")],
    "date": [f"Date{each}" for each in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThanEquals")],
    "address": ["IpAddress", "NotIpAddress"],
    "binary": ["BinaryEquals", "BinaryNotEquals"],
    "boolean": ["Bool"],
}
WANTED = {
    "text": ["a", "A", "ab", "*", "a*", "?b", "", "true", "arn:aws:s3:::a", "arn:*:s3:*:*:a*", "${given}", "${gone}"],
    "number": ["1", "1.5", "2", "-3", "1e3", "9007199254740993", "none"],
    "date": ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-02-01", "1767225600", "0", "none"],
    "address": ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "::/0", "2001:db8::/32", "::1", "none"],
    "binary": ["YQ==", "Yg==", "bm9uZQ==", "==", "Y", ""],
    "boolean": ["true", "false", "none"],
}
"""What policies ask for, a value that does not read as its type among them."""
DATES = st.datetimes().map(lambda at: at.isoformat() + "Z")
ADDRESSES = st.ip_addresses().map(str)
VALUES = {
    "text": st.text("abAx", max_size=3)
    | st.sampled_from(["true", "TRUE", "arn:aws:s3:::a", "arn:aws:s3:::ab", "arn:a:s3:b:c:a/d"]),
    "number": st.integers(-4, 4).map(str)
    | st.floats(-1e4, 1e4).map(str)
    | st.sampled_from(["9007199254740992", "1.25"]),
    "date": st.sampled_from(["2026-01-01T00:00:00.25Z", "2026-01-01T00:00:00Z", "2026-01-15", "0001-01-01", "-1"])
    | DATES,
    "address": st.sampled_from(["10.1.2.3", "10.1.2.4", "10.2.0.0", "11.0.0.1", "::1", "2001:db8::7", "::ffff"])
    | ADDRESSES,
    "binary": st.sampled_from(["YQ==", "Yg==", "bm9uZQ==", "Yw==", "Y", "==="]),
    "boolean": st.sampled_from(["true", "false", "True"]),
}
"""What requests have: of the type that conditions read them as."""


def entries_of(kind):
    """Draw conditions on one key."""
    operator = st.builds(
        lambda quantifier, name, suffix: f"{quantifier}{name}{suffix}",
        st.sampled_from(["", "", "", "ForAllValues:", "ForAnyValue:"]),
        st.sampled_from(OPERATORS[kind]),
        st.sampled_from(["", "", "IfExists"]),
    )
    wanted = st.lists(st.sampled_from(WANTED[kind]), max_size=2).map(tuple)
    null = st.sampled_from([ConditionEntry("Null", "k", (each,)) for each in ("true", "false")])
    return (
        st.builds(lambda name, values, key: ConditionEntry(name, key, values), operator, wanted, st.sampled_from("kK"))
        | null
    )


def answers(predicates, key, value, asked=ASKED):
    """Give what each predicate says of a value of a key; None is absent."""
    known = {**asked.context, **({} if value is None else {key: value})}
    context = Context(Request("s3:GetObject", "x", known, asked.absent, complete=True, principal=asked.principal))
    return tuple(predicate.test(context) for predicate in predicates)


def cells_of(domain, predicates):
    """Give what each predicate says of each witness, by the masks."""
    return [tuple(bool(domain.masks[each] >> place & 1) for each in predicates) for place in range(len(domain.values))]


@settings(max_examples=300)
@given(
    st.sampled_from(list(OPERATORS)).flatmap(
        lambda kind: st.tuples(
            st.just(kind),
            st.lists(entries_of(kind), max_size=3),
            st.none() | VALUES[kind] | st.lists(VALUES[kind], max_size=3).map(tuple),
        )
    )
)
def test_every_value_is_in_the_cell_of_a_witness(drawn):
    """A value that no witness stands for is a request that a proof has not looked at."""
    _, entries, value = drawn
    predicates = list(dict.fromkeys(map(predicate_of, entries)))
    several = any(each.operator.startswith("For") for each in entries)
    try:
        domain = cut("k", predicates, ASKED)
    except BudgetError:
        assert several
        return
    cells = cells_of(domain, predicates)
    assert cells == [answers(predicates, "k", each) for each in domain.values], "masks are what predicates say"
    assert not domain.mixed
    if isinstance(value, tuple) and not several:
        return
    assert answers(predicates, "k", value) in cells


@given(st.lists(entries_of("text"), max_size=2))
def test_a_key_that_is_known_to_be_there_is_never_absent(entries):
    """Its value is free, its presence is not."""
    predicates = list(map(predicate_of, entries))
    asked = replace(ASKED, present=frozenset({"K"}))
    assert None not in cut("k", predicates, asked).values
    assert None in cut("k", predicates, ASKED).values


@pytest.mark.parametrize(
    ("operators", "mixed"),
    [
        (["StringEquals"], False),
        (["StringEquals", "StringLike", "ArnLike", "Null"], False),
        (["StringEquals", "Bool"], False),
        (["NumericEquals", "NumericLessThan", "Null"], False),
        (["Null"], False),
        ([], False),
        (["NumericEquals", "StringEquals"], True),
        (["DateEquals", "NumericEquals"], True),
        (["IpAddress", "StringLike"], True),
        (["BinaryEquals", "Bool"], True),
    ],
)
def test_a_key_that_is_read_as_several_types_is_said_to_be_mixed(operators, mixed):
    """Then a value of none of the types may be in a cell without a witness."""
    values = {"Null": "true", "Bool": "true", "NumericEquals": "1", "IpAddress": "10.0.0.1"}
    predicates = [predicate_of(ConditionEntry(each, "k", (values.get(each, "2026"),))) for each in operators]
    domain = cut("k", predicates, ASKED)
    assert domain.mixed is mixed
    assert None in domain.values
    assert len(domain.values) > 1, "there is always a value that is present"


def test_sets_of_values_are_cut_where_a_condition_asks_for_them():
    """Without a quantifier a key has one value; with one, each set of cells is a cell."""
    single = cut("k", [predicate_of(ConditionEntry("StringEquals", "k", ("a",)))], ASKED)
    assert not any(isinstance(each, tuple) for each in single.values)
    several = cut("k", [predicate_of(ConditionEntry("ForAnyValue:StringEquals", "k", ("a", "b")))], ASKED)
    found = {frozenset(each) for each in several.values if isinstance(each, tuple)}
    assert {frozenset(), frozenset("a"), frozenset("ab")} <= found
    assert any(len(each) == 3 for each in found)


def test_too_many_sets_are_not_cut():
    """Every set of cells would be a cell; the key is named."""
    many = predicate_of(ConditionEntry("ForAllValues:StringEquals", "k", tuple("abcdefghij")))
    with pytest.raises(BudgetError, match=r"more than the budget of 8 cells of `k`, which may hold several values"):
        cut("k", [many], ASKED)


def test_a_value_that_is_given_stands_in_the_place_of_its_variable():
    """A variable of a given key is a constant; one of a key that is absent is as nothing."""
    template = predicate_of(ConditionEntry("StringEquals", "k", ("${given}",)))
    assert "b" in cut("k", [template], ASKED).values
    nothing = predicate_of(ConditionEntry("StringNotEquals", "k", ("${gone}", "c")))
    domain = cut("k", [nothing], ASKED)
    held = [value for place, value in enumerate(domain.values) if domain.masks[nothing] >> place & 1]
    assert held == [None]


# --- resources ---

PATTERNS = [
    "*",
    "arn:aws:s3:::a",
    "arn:aws:s3:::a*",
    "arn:aws:s3:::*/b",
    "arn:*:s3:::a?",
    "arn:aws:s3:*:*:*",
    "arn:aws:ec2:*:*:instance/*",
    "arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
    "arn:aws:ec2:*:111122223333:*",
    "arn:aws:iam::*:u*/james",
    "arn:aws:s3:::${given}/*",
    "arn:aws:s3:::${gone}",
]
PIECES = st.sampled_from(
    ["a", "ab", "b", "a/b", "b/x", "c:d", "instance/i-1", "instance/x:y", "user/james", "unit/james", ""]
)
ARNS = st.builds(
    lambda partition, service, region, account, rest: f"arn:{partition}:{service}:{region}:{account}:{rest}",
    st.sampled_from(["aws", "aws-cn"]),
    st.sampled_from(["s3", "ec2", "iam"]),
    st.sampled_from(["", "eu-west-1"]),
    st.sampled_from(["", "111122223333", "444455556666"]),
    PIECES,
)
sides = st.tuples(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2).map(tuple), st.booleans(), st.booleans())


def on(predicates, resource):
    """Give what each predicate says of a resource."""
    context = Context(
        Request("s3:GetObject", resource, ASKED.context, ASKED.absent, complete=True, principal=ASKED.principal)
    )
    return tuple(predicate.test(context) for predicate in predicates)


@settings(max_examples=300)
@given(
    st.lists(sides, max_size=3), st.sampled_from(["*", "arn:aws:s3:::*", "arn:aws:ec2:*:*:*", "arn:aws:s3:::a"]), ARNS
)
def test_every_resource_is_in_the_cell_of_a_witness(drawn, asked, resource):
    """Witnesses are of the pattern that is asked for, and no resource of it is left out."""
    made = (resource_predicate(patterns, negated=negated, allows=allows) for patterns, negated, allows in drawn)
    predicates = list(dict.fromkeys(each for each in made if each is not None))
    request = Request("ec2:StartInstances", asked, ASKED.context, ASKED.absent, principal=ASKED.principal)
    domain = cut(RESOURCE, predicates, request)
    assert domain.values
    assert all(isinstance(each, str) and glob_matches(asked, each) for each in domain.values)
    cells = cells_of(domain, predicates)
    assert cells == [on(predicates, each) for each in domain.values]
    if glob_matches(asked, resource):
        assert on(predicates, resource) in cells


@pytest.mark.parametrize(
    ("action", "first"),
    [
        ("ec2:StartInstances", "arn:aws:ec2:us-east-1:111122223333:instance/"),
        ("sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223333:"),
        ("ec2:DescribeInstances", "*"),
        ("nobody:HeardOf", "arn:aws:"),
    ],
)
def test_the_first_witness_reads_as_a_request_that_may_be_made(action, first):
    """Of the kind that the action takes, in the caller's account: so that a reader can try it."""
    request = Request(action, None, {}, principal=Principal.of(USER))
    values = cut(RESOURCE, [], request).values
    assert str(values[0]).startswith(first)
