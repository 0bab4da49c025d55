"""Globs and policy variables against a matcher of six lines, and the cases that a glob library would get wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.policy.patterns import (
    ANY,
    ONE,
    AbsentKeyError,
    UnknownKeyError,
    expand,
    glob,
    glob_matches,
    has_variables,
    matches,
    widest,
)


KEYS = {"aws:username": "james", "aws:PrincipalTag/team": "*", "empty": ""}


def value_of(key):
    """Look a key up: `no:key` is absent, any other that is not there is unknown."""
    if key in KEYS:
        return KEYS[key]
    if key == "no:key":
        return None
    raise UnknownKeyError(key)


def oracle(pattern, text):
    """Match by definition: exponential, and too short to be wrong."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return oracle(pattern[1:], text) or (text != "" and oracle(pattern, text[1:]))
    return text != "" and pattern[0] in ("?", text[0]) and oracle(pattern[1:], text[1:])


@given(st.text("ab*?", max_size=7), st.text("ab", max_size=8))
def test_a_glob_matches_what_its_definition_says(pattern, text):
    """Letters are few so that runs collide, where a matcher that steps back too little goes wrong."""
    assert matches(glob(pattern), text) is oracle(pattern, text)
    assert glob_matches(pattern, text) is oracle(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True),
        ("**", "a", True),
        ("?", "", False),
        ("", "", True),
        ("", "a", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*ab", "aab", True),
        ("*a?", "aba", False),
        ("s3:Get*", "s3:GetObject", True),
        ("s3:Get*", "s3:get", False),
        ("arn:aws:s3:::[ab]", "arn:aws:s3:::a", False),
        ("arn:aws:s3:::[ab]", "arn:aws:s3:::[ab]", True),
        ("a.c", "abc", False),
        (r"a\*", r"a\b", True),
        ("a*c", "a\nc", True),
        ("a?c", "a\nc", True),
        ("a", "a\n", False),
        ("*/*", "a/b/c", True),
        ("arn:aws:s3:::a*", "arn:aws:s3:::a/b:c", True),
    ],
)
def test_only_the_star_and_the_question_mark_are_special(pattern, text, expected):
    """Brackets, dots, backslashes and line ends mean themselves, unlike in shells and regular expressions."""
    assert glob_matches(pattern, text) is expected
    assert matches(glob(pattern), text) is expected


class Counted(tuple[str | int, ...]):
    """Tokens that count how often one is looked at."""

    __slots__ = ()
    looks = 0

    def __getitem__(self, index):
        """Count and look."""
        Counted.looks += 1
        return super().__getitem__(index)


def test_no_pattern_takes_more_looks_than_its_length_times_the_text():
    """A policy is somebody else's text; a hostile one must not hang the audit."""
    tokens = Counted(glob("a*" * 50 + "b"))
    Counted.looks = 0
    assert not matches(tokens, "a" * 500)
    assert Counted.looks < 6 * len(tokens) * 500


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("plain", "plain"),
        ("home/${aws:username}/x", "home/james/x"),
        ("${ aws:username }", "james"),
        ("${aws:username}${aws:username}", "jamesjames"),
        ("${no:key, 'nobody'}", "nobody"),
        ("${no:key,'a b'}", "a b"),
        ("${no:key, ''}", ""),
        ("${aws:username, 'nobody'}", "james"),
        ("${empty, 'nobody'}", ""),
        ("${$}{aws:username}", "${aws:username}"),
        ("${*}${?}${$}", "*?$"),
        ("${aws:username", "${aws:username"),
        ("$aws:username", "$aws:username"),
    ],
)
def test_a_variable_is_replaced_by_its_value(pattern, expected):
    """A default stands in for an absent key only, and `${$}` writes the dollar that would open a variable."""
    tokens = expand(pattern, value_of, wild=True)
    assert "".join(map(str, tokens)) == expected


@pytest.mark.parametrize("pattern", ["${no:key}", "${no:key, nobody}", "${no:key,}", "a/${no:key}/b"])
def test_an_absent_key_without_a_default_matches_nothing(pattern):
    """A default needs its quotes; anything else would turn a missing name into a match."""
    with pytest.raises(AbsentKeyError):
        expand(pattern, value_of, wild=True)


@pytest.mark.parametrize("pattern", ["${aws:userid}", "${aws:userid, 'nobody'}"])
def test_an_unknown_key_is_said_whatever_its_default(pattern):
    """Unknown is not absent, so the default does not speak for it."""
    with pytest.raises(UnknownKeyError) as caught:
        expand(pattern, value_of, wild=True)
    assert caught.value.key == "aws:userid"


def test_wildcards_are_special_only_outside_variables():
    """A tag whose value is `*` opens nothing, and `${*}` is an asterisk."""
    assert expand("*${aws:PrincipalTag/team}?${*}${?}", value_of, wild=True) == (ANY, "*", ONE, "*", "?")
    assert expand("*?", value_of, wild=False) == ("*", "?")


@given(st.text("ab*?${}", max_size=6), st.text("ab*?", max_size=6))
def test_a_value_brought_in_matches_itself_alone(value, text):
    """Whoever may name themselves must not be able to name a pattern."""
    tokens = expand("x/${name}", lambda _: value, wild=True)
    assert matches(tokens, f"x/{text}") is (text == value)


@given(st.lists(st.sampled_from(["a", "*", "?", "${k}", "${*}", "${", "}"]), max_size=6), st.text("ab*?", max_size=4))
def test_the_widest_reading_has_every_other_in_it(parts, value):
    """What the widest reading refuses may be left out before a value is known."""
    pattern = "".join(parts)
    tokens = expand(pattern, lambda _: value, wild=True)
    text = "".join("b" if token in (ANY, ONE) else str(token) for token in tokens)
    assert matches(tokens, text)
    assert glob_matches(widest(pattern), text)


@pytest.mark.parametrize(("pattern", "expected"), [("a", False), ("$a{b}", False), ("${a}", True), ("x${*}", True)])
def test_a_pattern_with_a_variable_is_told_from_one_without(pattern, expected):
    """Those without take the quick way, so the test must not miss one."""
    assert has_variables(pattern) is expected
