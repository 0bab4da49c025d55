"""Policy documents: what is read out of them, and that a malformed one is refused by place."""

import pytest

from watchbill.policy.model import ConditionEntry, Origin
from watchbill.policy.statements import PolicyError, parse_policy


GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def document(*statements, **more):
    """Give a document of the current version."""
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


def without(name, **more):
    """Give a good statement without one element and with others."""
    return {**{key: value for key, value in GOOD.items() if key != name}, **more}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("text", "p: a policy is an object"),
        (["list"], "p: a policy is an object"),
        ({}, "p: Statement must be a statement or a list of them"),
        (document(GOOD, Extra=1), "p: unknown element `Extra`"),
        (document(GOOD, Version="2012-10-18"), "p: Version must be 2012-10-17 or 2008-10-17, not `2012-10-18`"),
        (document(GOOD, Version=2012), "p: Version must be"),
        (document(GOOD, Id=["x"]), "p: Id must be a text"),
        ({"Statement": "text"}, "p: Statement must be a statement or a list of them"),
        (document(GOOD, "text"), "p: statement 1 is no object"),
        (document(GOOD, {**GOOD, "Actoin": "*"}), "p: statement 1: unknown element `Actoin`"),
        (document(without("Effect")), "p: statement 0: Effect must be Allow or Deny"),
        (document({**GOOD, "Effect": "allow"}), "p: statement 0: Effect must be Allow or Deny"),
        (document({**GOOD, "NotAction": "*"}), "p: statement 0: Action and NotAction cannot both be there"),
        (document({**GOOD, "NotResource": "*"}), "p: statement 0: Resource and NotResource cannot both be there"),
        (
            document({**GOOD, "Principal": "*", "NotPrincipal": "*"}),
            "p: statement 0: Principal and NotPrincipal cannot both be there",
        ),
        (document(without("Action")), "p: statement 0: Action or NotAction is missing"),
        (document(without("Resource")), "p: statement 0: Resource or NotResource is missing"),
        (document({**GOOD, "Sid": 1}), "p: statement 0: Sid must be a text"),
        (document({**GOOD, "Action": 1}), "p: statement 0: Action must be a text or a list of texts"),
        (document({**GOOD, "Action": ["*", 1]}), "p: statement 0: Action must be a text or a list of texts"),
        (document(without("Action", NotAction=1)), "p: statement 0: NotAction must be a text or a list of texts"),
        (document({**GOOD, "Action": []}), "p: statement 0: Action must not be empty"),
        (document(without("Action", NotAction=[])), "p: statement 0: NotAction must not be empty"),
        (document({**GOOD, "Action": "GetObject"}), "Action must be `*` or `service:Name`, not `GetObject`"),
        (document({**GOOD, "Action": ["*", "s3:Get:Object"]}), "not `s3:Get:Object`"),
        (document({**GOOD, "Action": "s 3:Get"}), "not `s 3:Get`"),
        (document({**GOOD, "Action": ""}), "not ``"),
        (document({**GOOD, "Resource": {}}), "p: statement 0: Resource must be a text or a list of texts"),
        (document({**GOOD, "Resource": []}), "p: statement 0: Resource must not be empty"),
        (document({**GOOD, "Resource": [None]}), "p: statement 0: Resource must not be empty"),
        (document(without("Resource", NotResource=[])), "p: statement 0: NotResource must not be empty"),
        (document({**GOOD, "Resource": ["*", "orders"]}), "Resource must be `*` or an ARN, not `orders`"),
        (document({**GOOD, "Resource": "aws:s3:::orders"}), "not `aws:s3:::orders`"),
        (document({**GOOD, "Resource": "arn:azure:s3:::orders"}), "not `arn:azure:s3:::orders`"),
        (document({**GOOD, "Resource": "arn:aws"}), "not `arn:aws`"),
        (document({**GOOD, "Resource": "arn:aws::x"}), "not `arn:aws::x`"),
        (document({**GOOD, "Principal": "me"}), "p: statement 0: Principal must be `*` or an object"),
        (document({**GOOD, "Principal": {"AWS": 1}}), "p: statement 0: Principal AWS must be a text or a list"),
        (document({**GOOD, "Condition": "x"}), "p: statement 0: Condition must be an object"),
        (document({**GOOD, "Condition": {"Bool": "x"}}), "p: statement 0: Condition Bool must be an object"),
        (
            document({**GOOD, "Condition": {"Bool": {"k": [None]}}}),
            "p: statement 0: Condition Bool k must be a value or a list of values",
        ),
        (document({**GOOD, "Condition": {"Bool": {"k": {}}}}), "p: statement 0: Condition Bool k must be"),
    ],
)
def test_a_malformed_document_is_refused_by_place(found, said):
    """Whoever wrote it must find the statement and the element, and nothing of it may be judged by."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(found, "p")
    assert said in str(caught.value)
    assert str(caught.value).startswith("p: ")


def test_a_statement_is_read_with_where_it_comes_from():
    """Decisions name statements, so each keeps its document, its place, its sid and why it is there."""
    second = {
        "Sid": "Read",
        "Effect": "Deny",
        "NotAction": ["S3:Get*", "ec2:*"],
        "NotResource": "arn:aws:s3:::A",
        "Condition": {"StringEquals": {"aws:UserName": "James"}, "Null": {"k": [True]}},
    }
    found = parse_policy(document(GOOD, second), "p", "on shift")
    first, read = found.statements
    assert (found.name, first.origin) == ("p", Origin("p", 0, "", "on shift"))
    assert (first.allows, first.not_actions, first.not_resources, first.principals) == (True, False, False, None)
    assert read.origin == Origin("p", 1, "Read", "on shift")
    assert (read.allows, read.not_actions, read.not_resources) == (False, True, True)
    assert read.actions == ("s3:get*", "ec2:*")
    assert read.resources == ("arn:aws:s3:::A",)
    assert read.conditions == (
        ConditionEntry("StringEquals", "aws:UserName", ("James",)),
        ConditionEntry("Null", "k", ("true",)),
    )


@pytest.mark.parametrize("statements", [GOOD, [GOOD], (GOOD,)])
def test_one_statement_needs_no_list(statements):
    """AWS gives back either form."""
    assert len(parse_policy({"Version": "2012-10-17", "Statement": statements}, "p").statements) == 1


def test_a_document_without_statements_is_one_that_says_nothing():
    """A permission set with no actions compiles to it."""
    assert parse_policy(document(), "p").statements == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, ("true",)), (False, ("false",)), (5, ("5",)), (1.5, ("1.5",)), (["a", 1], ("a", "1")), ([], ())],
)
def test_condition_values_are_texts(value, expected):
    """JSON's numbers and booleans mean what their texts do."""
    (found,) = parse_policy(document({**GOOD, "Condition": {"Bool": {"k": value}}}), "p").statements
    assert found.conditions[0].values == expected


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", {"*": ("*",)}),
        ({"AWS": "111122223333"}, {"AWS": ("111122223333",)}),
        ({"AWS": ["a", "b"], "Service": "c"}, {"AWS": ("a", "b"), "Service": ("c",)}),
    ],
)
def test_principals_are_read_by_kind(principal, expected):
    """A service and a person of the same name are not the same; a trust policy names no resource."""
    for element, negated in (("Principal", False), ("NotPrincipal", True)):
        (found,) = parse_policy(document(without("Resource", **{element: principal})), "p").statements
        assert (found.principals, found.not_principals, found.resources) == (expected, negated, ())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("*", "*"),
        ("arn:aws:sqs", "arn:aws:sqs:*:*:*"),
        ("arn:aws:sqs:eu-west-1", "arn:aws:sqs:eu-west-1:*:*"),
        ("arn:aws:sqs:${aws:RequestedRegion}", "arn:aws:sqs:${aws:RequestedRegion}:*:*"),
        ("arn:*", "arn:*:*:*:*:*"),
        ("arn:aws:s3:::a:b", "arn:aws:s3:::a:b"),
        ("arn:aws-us-gov:s3:::a", "arn:aws-us-gov:s3:::a"),
    ],
)
def test_an_arn_that_is_cut_short_is_completed(written, read):
    """AWS adds a star for each part that is missing, so a Deny on `arn:aws:sqs` is a Deny on every queue."""
    (found,) = parse_policy(document({**GOOD, "Resource": written}), "p").statements
    assert found.resources == (read,)


@pytest.mark.parametrize("version", [{}, {"Version": "2008-10-17"}])
def test_the_old_version_has_no_variables(version):
    """Without the current version `${` is text, and stays so in conditions as in resources."""
    old = {**GOOD, "Resource": "arn:aws:s3:::${k}", "Condition": {"StringEquals": {"k": "${k}*"}}}
    (found,) = parse_policy({**version, "Statement": old}, "p").statements
    assert found.resources == ("arn:aws:s3:::${$}{k}",)
    assert found.conditions[0].values == ("${$}{k}*",)


def test_a_null_in_a_list_is_no_value():
    """Tools write it for an optional resource, and AWS takes it."""
    (found,) = parse_policy(document({**GOOD, "Resource": ["arn:aws:s3:::a", None]}), "p").statements
    assert found.resources == ("arn:aws:s3:::a",)


def test_what_is_legal_but_not_evaluated_is_kept():
    """Dropping it would turn a narrow Allow into a wide one."""
    (found,) = parse_policy(document({**GOOD, "Condition": {"StringSounds": {"k": "eA=="}}}), "p").statements
    assert found.conditions == (ConditionEntry("StringSounds", "k", ("eA==",)),)
