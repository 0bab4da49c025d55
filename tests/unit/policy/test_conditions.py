"""Condition operators one by one, and what each says of a key that is absent, and of one that is not known."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchbill.policy.conditions import holds, predicate_of
from watchbill.policy.context import Context
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import ConditionEntry, Request
from watchbill.policy.statements import parse_policy


PAIRS = {
    "StringEquals": "StringNotEquals",
    "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase",
    "StringLike": "StringNotLike",
    "NumericEquals": "NumericNotEquals",
    "DateEquals": "DateNotEquals",
    "IpAddress": "NotIpAddress",
    "ArnEquals": "ArnNotEquals",
    "ArnLike": "ArnNotLike",
}
"""Operators that have a negated twin."""

ALONE = [
    *(f"{kind}{rest}" for kind in ("Numeric", "Date") for rest in ("LessThan", "LessThanEquals")),
    *(f"{kind}{rest}" for kind in ("Numeric", "Date") for rest in ("GreaterThan", "GreaterThanEquals")),
    "Bool",
]
"""Operators that have none."""

POSITIVE = [*PAIRS, *ALONE]
EVERY = [*POSITIVE, *PAIRS.values()]
QUANTIFIERS = ["", "ForAllValues:", "ForAnyValue:"]
ARN = "arn:aws:iam::111122223333:role/oncall"


def context(known=(), absent=(), *, complete=True):
    """Give the context of a request."""
    return Context(Request("s3:GetObject", "*", dict(known), frozenset(absent), complete))


def ask(operator, wanted, value, more=()):
    """Tell whether an operator holds for the value of key `k`; None is an absent key."""
    wanted = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    known = {**dict(more), **({} if value is None else {"k": value})}
    return holds(ConditionEntry(operator, "k", wanted), context(known))


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a*", "a*", True),
        ("StringEquals", ["b", "a"], "a", True),
        ("StringEquals", [], "a", False),
        ("StringEquals", "", "", True),
        ("StringEqualsIgnoreCase", "James", "jAMES", True),
        ("StringEqualsIgnoreCase", "James", "jam", False),
        ("StringLike", "a*", "ab", True),
        ("StringLike", "a?", "a", False),
        ("StringLike", "a*", "Ab", False),
        ("StringLike", "*", "", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", "10", "1e1", True),
        ("NumericEquals", "10", "11", False),
        ("NumericLessThan", "10", "9.99", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericLessThanEquals", "10", "10.01", False),
        ("NumericGreaterThan", "10", "10", False),
        ("NumericGreaterThan", "-1", "0", True),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericGreaterThanEquals", "10", "9", False),
        ("DateEquals", "2026-09-07T08:00:00Z", "2026-09-07T10:00:00+02:00", True),
        ("DateEquals", "2026-09-07T08:00:00Z", "2026-09-07T08:00:00.000Z", True),
        ("DateEquals", "2026-09-07T08:00:00", "2026-09-07T08:00:00Z", True),
        ("DateEquals", "2026-09-07", "2026-09-07T00:00:00Z", True),
        ("DateEquals", "2026-09", "2026-09-01T00:00:00Z", True),
        ("DateEquals", "2026-09-07T08:00:00Z", "1788768000", True),
        ("DateEquals", "2026-09-07T08:00:00Z", "1788768000.5", False),
        ("DateEquals", "2026-09-07T08:00:00.5Z", "1788768000500", True),
        ("DateEquals", "2026-09-07T08:00:00Z", "2026-09-07T08:00:01Z", False),
        ("DateLessThan", "2026-09-07T08:00:00Z", "2026-09-07T07:59:59.999Z", True),
        ("DateLessThan", "2026-09-07T08:00:00Z", "2026-09-07T08:00:00Z", False),
        ("DateLessThanEquals", "2026-09-07T08:00:00Z", "2026-09-07T08:00:00Z", True),
        ("DateGreaterThan", "2026-09-07T08:00:00Z", "2026-09-07T08:00:00Z", False),
        ("DateGreaterThan", "2026-09-07T08:00:00Z", "2026-09-07T08:00:00.001Z", True),
        ("DateGreaterThanEquals", "2026-09-07T08:00:00Z", "2026-09-07T08:00:00Z", True),
        ("DateGreaterThanEquals", "2026-09-07T08:00:00Z", "2026-09-07T07:59:59Z", False),
        ("Bool", "true", "true", True),
        ("Bool", "True", "true", True),
        ("Bool", "false", "false", True),
        ("Bool", "true", "false", False),
        ("Bool", "false", "true", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.9", True),
        ("IpAddress", "203.0.113.0/24", "203.0.114.9", False),
        ("IpAddress", "203.0.113.9", "203.0.113.9", True),
        ("IpAddress", "203.0.113.9/24", "203.0.113.1", True),
        ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
        ("IpAddress", "0.0.0.0/0", "2001:db8::1", False),
        ("ArnEquals", ARN, ARN, True),
        ("ArnLike", "arn:aws:iam::*:role/*", ARN, True),
        ("ArnEquals", "arn:aws:iam::*:role/*", ARN, True),
        ("ArnLike", "arn:aws:iam::111122223333:role/on?all", ARN, True),
        ("ArnLike", "arn:aws:iam::111122223333:user/*", ARN, False),
        ("ArnLike", "arn:aws:*:*:*:user/oncall", ARN, False),
        ("ArnLike", "arn:aws:sns:*:*:a:*", "arn:aws:sns:eu-west-1:111122223333:a:b:c", True),
        ("stringequals", "a", "a", True),
    ],
)
def test_an_operator_compares_as_aws_says(operator, wanted, value, expected):
    """Each operator on values that decide it, and its negated twin on the same, which says the opposite."""
    assert ask(operator, wanted, value) is expected
    if operator in PAIRS:
        assert ask(PAIRS[operator], wanted, value) is not expected


@pytest.mark.parametrize(
    ("operator", "wanted", "value"),
    [
        ("NumericEquals", "ten", "ten"),
        ("NumericEquals", "10", "ten"),
        ("NumericLessThan", "inf", "10"),
        ("NumericGreaterThan", "10", "1_000"),
        ("NumericLessThan", "10", " 9"),
        ("NumericEquals", "nan", "nan"),
        ("DateEquals", "tomorrow", "tomorrow"),
        ("DateLessThan", "2026-09-07T08:00:00Z", "yesterday"),
        ("Bool", "no", "false"),
        ("Bool", "yes", "yes"),
        ("IpAddress", "203.0.113.0/24", "AWS Internal"),
        ("IpAddress", "203.0.113.0/99", "203.0.113.9"),
        ("ArnLike", "*", "not:an:arn"),
        ("ArnLike", "arn:aws:*:role/oncall", ARN),
        ("ArnLike", "arn:aws:iam::*:role/*", "oncall"),
    ],
)
def test_a_value_that_does_not_read_matches_nothing(operator, wanted, value):
    """`aws:SourceIp` may hold a service's name: no comparison holds, and its negated twin does not either."""
    assert ask(operator, wanted, value) is False
    if operator in PAIRS:
        assert ask(PAIRS[operator], wanted, value) is False
        assert ask(PAIRS[operator], [wanted, "1", "arn:a:b:c:d:e", "10.0.0.0/8"], value) is False


@pytest.mark.parametrize("operator", EVERY)
def test_an_absent_key_fails_positive_operators_and_passes_the_rest(operator):
    """Absent matches nothing; so a negated operator and `...IfExists` hold."""
    negated = operator in PAIRS.values()
    assert ask(operator, "1", None) is negated
    assert ask(f"{operator}IfExists", "1", None) is True
    assert ask(f"ForAllValues:{operator}", "1", None) is True
    assert ask(f"ForAnyValue:{operator}", "1", None) is False
    assert ask(f"ForAllValues:{operator}IfExists", "1", None) is True
    assert ask(f"ForAnyValue:{operator}IfExists", "1", None) is False


@pytest.mark.parametrize("operator", EVERY)
def test_a_key_without_values_is_as_absent(operator):
    """A list that is empty has nothing that could match."""
    for written in (
        operator,
        f"{operator}IfExists",
        *(f"{each}:{operator}" for each in ("ForAllValues", "ForAnyValue")),
    ):
        several = written.startswith("For")
        assert ask(written, "1", ()) is (ask(written, "1", None) if several else False)


@pytest.mark.parametrize("operator", [q + o for q in QUANTIFIERS for o in [*EVERY, "Null"]])
def test_an_unknown_key_is_neither_true_nor_false(operator):
    """What we do not know may be anything, `...IfExists` and `Null` included."""
    for written in (operator, f"{operator}IfExists"):
        assert holds(ConditionEntry(written, "k", ("true",)), context(complete=False)) is None


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("StringEqualsIfExists", "a", True),
        ("StringEqualsIfExists", "b", False),
        ("StringNotEqualsIfExists", "a", False),
        ("BoolIfExists", "a", False),
        ("StringLikeIfExists", "a", True),
    ],
)
def test_if_exists_compares_a_key_that_is_there(operator, value, expected):
    """A key that is there gets no indulgence."""
    assert ask(operator, "a", value) is expected


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("true", None, True),
        ("true", "x", False),
        ("false", None, False),
        ("false", "x", True),
        ("True", None, True),
        ("true", (), False),
        (["true", "false"], "x", True),
    ],
)
def test_null_asks_whether_a_key_is_absent(wanted, value, expected):
    """The one operator that is about the key and not its value."""
    assert ask("Null", wanted, value) is expected


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], ("a", "b"), True),
        ("ForAllValues:StringEquals", ["a", "b"], ("a", "c"), False),
        ("ForAllValues:StringEquals", ["a", "b"], "a", True),
        ("ForAllValues:StringLike", ["a*"], ("a", "ab"), True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ("c", "d"), True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ("a", "d"), False),
        ("ForAnyValue:StringEquals", ["a", "b"], ("x", "b"), True),
        ("ForAnyValue:StringEquals", ["a", "b"], ("x", "y"), False),
        ("ForAnyValue:StringNotEquals", ["a"], ("a", "x"), True),
        ("ForAnyValue:StringNotEquals", ["a"], ("a", "a"), False),
        ("forallvalues:stringequals", ["a"], ("a",), True),
        ("ForAllValues:StringEqualsIfExists", ["a"], ("a", "b"), False),
        ("ForAnyValue:ArnLike", ["arn:aws:iam::*:role/*"], ("x", ARN), True),
        ("StringEquals", ["a"], ("x", "a"), False),
        ("StringEquals", ["a"], ("a",), False),
        ("StringNotEquals", ["a"], ("x", "a"), False),
        ("StringNotEquals", ["a"], ("x", "y"), False),
    ],
)
def test_quantifiers_say_how_many_values_must_match(operator, wanted, value, expected):
    """`ForAllValues` wants each of the request's values matched, `ForAnyValue` one; several values need either."""
    assert ask(operator, wanted, value) is expected


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "${aws:username}", "james", True),
        ("StringEquals", "home/${aws:username}", "home/rick", False),
        ("StringNotEquals", "${aws:username}", "james", False),
        ("StringLike", "home/${aws:username}/*", "home/james/x", True),
        ("StringLike", "${star}", "anything", False),
        ("StringLike", "${star}", "*", True),
        ("StringEquals", "${*}", "*", True),
        ("StringEquals", "${none, 'james'}", "james", True),
        ("StringEquals", "${none}", "", False),
        ("StringNotEquals", "${none}", "x", False),
        ("StringNotEquals", ["a", "${none}"], "x", False),
        ("StringNotEquals", ["a", "${aws:username}"], "x", True),
        ("StringEquals", "${several, 'x'}", "x", True),
        ("ArnLike", "arn:aws:iam::${account}:role/*", ARN, True),
        ("ArnEquals", "${arn}", ARN, True),
        ("NumericEquals", "${account}", "111122223333", True),
        ("IpAddress", "${net}", "10.1.2.3", True),
    ],
)
def test_a_variable_takes_the_value_of_its_key(operator, wanted, value, expected):
    """Values differ by request, and none of them is ever read as a pattern."""
    more = {
        "AWS:UserName": "james",
        "star": "*",
        "account": "111122223333",
        "arn": ARN,
        "net": "10.0.0.0/8",
        "several": ("x", "y"),
    }
    assert ask(operator, wanted, value, more) is expected


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", ["${u}"], "a", None),
        ("StringEquals", ["${u}", "a"], "a", True),
        ("StringEquals", ["a", "${u}"], "a", True),
        ("StringNotEquals", ["${u}", "a"], "a", False),
        ("StringNotEquals", ["${u}", "a"], "b", None),
        ("ForAllValues:StringEquals", ["${u}", "a"], ("a", "b"), None),
        ("ForAllValues:StringNotEquals", ["${u}", "a"], ("b", "a"), False),
        ("ForAnyValue:StringEquals", ["${u}", "a"], ("b", "a"), True),
        ("ForAnyValue:StringEquals", ["${u}"], ("b", "a"), None),
    ],
)
def test_a_sure_match_decides_whatever_the_others_hang_on(operator, wanted, value, expected):
    """The order of values is no one's intent, so a variable that is not known must not hide a plain match."""
    for order in (tuple(wanted), tuple(reversed(wanted))):
        assert holds(ConditionEntry(operator, "k", order), context({"k": value}, complete=False)) is expected


@pytest.mark.parametrize(
    ("key", "wanted", "known", "absent", "expected"),
    [
        ("aws:SourceIp", ["x"], {}, (), ("aws:SourceIp",)),
        ("k", ["${aws:userid}"], {"k": "x"}, (), ("aws:userid",)),
        ("k", ["plain", "${aws:userid}"], {"k": "x"}, (), ("aws:userid",)),
        ("k", ["${none}", "${aws:userid}"], {"k": "x"}, ("none",), ("aws:userid",)),
        ("k", ["${aws:userid}"], {}, (), ("k", "aws:userid")),
        ("k", [], {}, (), ("k",)),
    ],
)
def test_the_key_that_is_missing_is_named(key, wanted, known, absent, expected):
    """A reader who is told that it depends is told on what."""
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {key: wanted}}}
    allowing = parse_policy({"Version": "2012-10-17", "Statement": statement}, "p")
    request = Request("s3:GetObject", "*", known, frozenset(absent))
    assert evaluate(request, identity=[allowing]).unknown_keys == expected


@pytest.mark.parametrize(
    "operator",
    [
        "BinaryLike",
        "StringMatches",
        "",
        "IfExists",
        "ForSomeValues:StringEquals",
        "ForAllValues:ForAnyValue:StringEquals",
        "ForAnyValue::StringEquals",
        "NotBool",
    ],
)
def test_an_operator_that_is_not_evaluated_says_so(operator):
    """A guess either way would be an answer that nobody gave."""
    predicate = predicate_of(ConditionEntry(operator, "k", ("a",)))
    assert "is not evaluated" in predicate.why_not
    assert ask(operator, "a", "a") is None
    assert ask(operator, "a", None) is None


def test_keys_are_found_whatever_their_case():
    """AWS compares names of condition keys without regard to case."""
    found = context({"AWS:SourceIP": "10.0.0.1"}, absent={"AWS:UserName"}, complete=False)
    assert holds(ConditionEntry("IpAddress", "aws:sourceip", ("10.0.0.0/8",)), found) is True
    assert holds(ConditionEntry("StringEquals", "aws:username", ("x",)), found) is False
    assert holds(ConditionEntry("StringEquals", "aws:userid", ("x",)), found) is None


values = st.sampled_from(["a", "ab", "1", "2", "true", "10.0.0.1", "2026-09-07", ARN])
patterns = st.sampled_from(["a", "a*", "1", "2", "true", "10.0.0.0/8", "2026-09-07", "${j}", "${j, 'a'}", "*", ARN])
entries = st.builds(
    lambda quantifier, operator, suffix, key, wanted: ConditionEntry(
        quantifier + operator + suffix, key, tuple(wanted)
    ),
    st.sampled_from(QUANTIFIERS),
    st.sampled_from([*EVERY, "Null"]),
    st.sampled_from(["", "IfExists"]),
    st.sampled_from(["j", "k"]),
    st.lists(patterns, max_size=3),
)
answers = st.none() | values | st.lists(values, max_size=2).map(tuple)


@settings(max_examples=500)
@given(entries, answers, answers)
def test_an_answer_given_without_a_key_holds_for_every_value_of_it(entry, k, j):
    """Not knowing `j` may leave a question open, but what is answered must not be taken back when it becomes known."""
    known = {} if k is None else {"k": k}
    before = holds(entry, context(known, absent=() if known else {"k"}, complete=False))
    after = holds(entry, context({**known, **({} if j is None else {"j": j})}))
    assert after is not None
    assert before in (None, after)


@given(st.sampled_from(sorted(PAIRS)), st.lists(patterns, max_size=3), values | st.lists(values, min_size=1).map(tuple))
def test_a_negated_operator_is_its_twin_turned_round(operator, wanted, value):
    """Two tables that drift apart would let a Deny and its exception both apply; what does not read is in neither."""
    both = ask(PAIRS[operator], wanted, value), ask(operator, wanted, value)
    assert both != (True, True)
    if operator.startswith("String") and isinstance(value, str) and "${" not in "".join(wanted):
        assert True in both


@given(
    st.sampled_from(["Numeric", "Date"]), st.sampled_from(["1", "2", "2.0", "-1"]), st.sampled_from(["1", "2", "2.0"])
)
def test_order_operators_agree_with_each_other(kind, value, wanted):
    """Of less, equal and greater exactly one holds, and the inclusive ones are the unions."""
    less, equal, greater = (ask(f"{kind}{name}", wanted, value) for name in ("LessThan", "Equals", "GreaterThan"))
    assert [less, equal, greater].count(True) == 1
    assert ask(f"{kind}LessThanEquals", wanted, value) is (less or equal)
    assert ask(f"{kind}GreaterThanEquals", wanted, value) is (greater or equal)
