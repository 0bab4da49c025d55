"""What a statement says of resources: part by part, with variables, and of some resource of a pattern."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.policy.context import Context
from watchbill.policy.model import Request
from watchbill.policy.resources import resource_predicate


INSTANCE = "arn:aws:ec2:eu-west-1:111122223333:instance/i-1"
JAMES = "arn:aws:iam::111122223333:user/eng/james"


def speaks(patterns, resource, *, negated=False, allows=True, some=False, known=None, complete=True):
    """Tell whether a statement speaks of a resource; None where that is not known."""
    listed = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    predicate = resource_predicate(listed, negated=negated, allows=allows)
    request = Request("ec2:StartInstances", resource, known or {}, complete=complete, some=some)
    return True if predicate is None else predicate.test(Context(request))


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        ("*", INSTANCE, True),
        (INSTANCE, INSTANCE, True),
        (INSTANCE, INSTANCE + "0", False),
        ("arn:aws:ec2:*:*:instance/*", INSTANCE, True),
        ("arn:aws:ec2:*:*:*", INSTANCE, True),
        ("arn:*:*:*:*:*", INSTANCE, True),
        ("arn:aws:ec2:eu-west-?:*:instance/i-?", INSTANCE, True),
        ("arn:aws:e*:*:111122223333:instance/i-1", INSTANCE, True),
        ("arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:eu-west-1:1:2:instance/i-1", False),
        ("arn:aws:s3:::a*", "arn:aws:s3:::a:b/c", True),
        ("arn:aws:s3:::*", "arn:aws:s3:::a:b/c", True),
        ("arn:aws:ec2:*:*:INSTANCE/*", INSTANCE, False),
        ("arn:aws:iam::*:user/*", JAMES, True),
        ("arn:aws:iam::*:user/*/james", JAMES, True),
        ("arn:aws:iam::*:*", JAMES, True),
        ("arn:aws:sqs:*:*:*", "*", False),
        ("arn:aws:sqs:*:*:*", "", False),
    ],
)
def test_a_pattern_is_matched_part_by_part(pattern, resource, expected):
    """No wildcard of the first five parts reaches over a colon; within the last one any does."""
    assert speaks(pattern, resource) is expected
    assert speaks(pattern, resource, allows=False) is expected
    assert speaks(pattern, resource, negated=True) is not expected


@pytest.mark.parametrize(
    ("pattern", "resource"),
    [
        ("arn:aws:iam::*:u*/eng/james", JAMES),
        ("arn:aws:iam::111122223333:use?/*", JAMES),
        ("arn:aws:logs:*:*:log*:x", "arn:aws:logs:eu-west-1:111122223333:log-group:x"),
    ],
)
def test_a_wildcard_in_a_type_gives_nothing_and_takes_all(pattern, resource):
    """Of two readings the one that gives less: an Allow does not speak of it, a Deny does."""
    assert speaks(pattern, resource, allows=True) is False
    assert speaks(pattern, resource, allows=False) is True
    assert speaks(pattern, resource, negated=True, allows=True) is False
    assert speaks(pattern, resource, negated=True, allows=False) is True


def test_a_whole_type_and_s3_may_be_wildcards():
    """`*/x` is any type, and S3 has none."""
    assert speaks("arn:aws:iam::*:*/james", JAMES) is True
    assert speaks("arn:aws:s3:::a*/x", "arn:aws:s3:::ab/x") is True


@pytest.mark.parametrize(
    ("known", "complete", "expected", "negated"),
    [
        ({"k": "james"}, True, True, False),
        ({"k": "rick"}, True, False, True),
        ({"k": "*"}, True, False, True),
        ({"k": ("james",)}, True, False, False),
        ({}, True, False, False),
        ({}, False, None, None),
    ],
)
def test_a_variable_is_the_value_of_its_key(known, complete, expected, negated):
    """A value is literal; of an absent key a pattern matches nothing, and `NotResource` speaks of nothing."""
    pattern = "arn:aws:iam::*:user/eng/${k}"
    assert speaks(pattern, JAMES, known=known, complete=complete) is expected
    assert speaks(pattern, JAMES, known=known, complete=complete, negated=True) is negated


def test_what_matches_whatever_a_variable_is_does_not_hang_on_it():
    """Another pattern may match already, and none of them may."""
    assert speaks(["arn:aws:s3:::${k}", "arn:aws:s3:::a"], "arn:aws:s3:::a", complete=False) is True
    assert speaks(["arn:aws:s3:::b/${k}"], "arn:aws:s3:::a", complete=False) is False


def test_a_resource_that_is_not_known_is_not_known():
    """But of all resources a statement speaks whatever it is."""
    for negated in (False, True):
        assert speaks("arn:aws:s3:::a", None, negated=negated) is None
    assert speaks("*", None) is True


SOME = [
    ("arn:aws:s3:::a*", "arn:aws:s3:::*b", True, False),
    ("arn:aws:s3:::*", "arn:aws:s3:::a*", True, True),
    ("arn:aws:s3:::a", "arn:aws:s3:::a*", True, False),
    ("arn:aws:s3:::b*", "arn:aws:s3:::a*", False, False),
    ("arn:aws:ec2:*:*:*", "arn:aws:ec2:*:*:instance/*", True, True),
    ("arn:aws:s3:::a?", "arn:aws:s3:::a*", True, False),
    ("arn:aws:s3:::a*", "arn:aws:s3:::a?", True, True),
]
"""A pattern, the one asked about, whether they overlap, whether the first covers the second."""


@pytest.mark.parametrize(("pattern", "asked", "meets", "covers"), SOME)
def test_an_allow_speaks_of_some_and_a_deny_of_all(pattern, asked, meets, covers):
    """Of a question about some resource of a pattern."""
    assert speaks(pattern, asked, some=True) is meets
    assert speaks(pattern, asked, some=True, allows=False) is covers
    assert speaks(pattern, asked, some=True, negated=True) is not covers
    assert speaks(pattern, asked, some=True, negated=True, allows=False) is not meets


GLOBS = st.text("ab*?", max_size=4)
TEXTS = st.text("ab", max_size=4)


@given(st.lists(GLOBS, min_size=1, max_size=2), GLOBS, TEXTS)
def test_some_resource_is_one_that_a_single_question_could_be_about(found, wanted, text):
    """What is said of some resource follows from what is said of each: an Allow of one is an Allow of some."""
    patterns = tuple(f"arn:aws:s3:::{each}" for each in found)
    asked, one = f"arn:aws:s3:::{wanted}", f"arn:aws:s3:::{text}"
    if speaks(asked, one) is not True:
        return
    for negated in (False, True):
        if speaks(patterns, one, negated=negated):
            assert speaks(patterns, asked, negated=negated, some=True) is True
        elif speaks(patterns, asked, negated=negated, some=True, allows=False):
            raise AssertionError("a Deny of all of them does not hit this one")


def test_an_action_without_resources_is_asked_of_the_star_itself():
    """`*` is then no pattern."""
    predicate = resource_predicate(("arn:aws:ec2:*:*:*",), negated=False, allows=True)
    assert predicate is not None
    for action, expected in (("ec2:DescribeInstances", False), ("ec2:StartInstances", True)):
        assert predicate.test(Context(Request(action, "*", {}, complete=True, some=True))) is expected


def test_too_much_to_compare_is_not_known():
    """Whether one pattern covers another may take too long; then it is neither yes nor no."""
    dots = "?" * 18
    assert speaks(f"arn:aws:sqs:::*a{dots}", f"arn:aws:sqs:::*b{dots}*", some=True, allows=False) is None
