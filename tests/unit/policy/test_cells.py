"""Witnesses against brute force: every set of answers that some short value gives is found, and none that none gives."""

import ipaddress
import itertools
import json
import math
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchbill.policy.cells import (
    BudgetError,
    address_witnesses,
    arn_covers,
    arn_overlap,
    arn_shared,
    covers,
    instant_witnesses,
    number_witnesses,
    overlap,
    shared,
    text_witnesses,
)
from watchbill.policy.operators import read_instant, read_number
from watchbill.policy.patterns import ANY, ONE, glob, matches


def texts_of(alphabet, length):
    """Give every text up to a length."""
    return ["".join(each) for size in range(length + 1) for each in itertools.product(alphabet, repeat=size)]


def sets_of_answers(tests, values):
    """Give the sets of answers that values give."""
    return {tuple(test(value) for test in tests) for value in values}


def check(tests, witnesses, values):
    """Hold witnesses against all values: none is missing, and no two are of one cell."""
    found = [tuple(test(value) for test in tests) for value in witnesses]
    assert len(set(found)) == len(found), "two witnesses of one cell"
    missing = sets_of_answers(tests, values) - set(found)
    assert not missing, f"no witness for {missing}"


# --- texts ---

SHORT = texts_of("abz", 7)


@lru_cache(maxsize=4096)
def matched(pattern):
    """Give the short texts that a pattern matches."""
    tokens = glob(pattern)
    return frozenset(text for text in SHORT if matches(tokens, text))


def is_like(tokens):
    """Give the test whether a text matches."""
    return lambda text: text in matched(tokens) if text in SHORT_SET else matches(glob(tokens), text)


SHORT_SET = frozenset(SHORT)
patterns = st.text("ab*?", max_size=4)


@given(st.lists(patterns, max_size=4))
@example(["*", "?*", "a*"])
@example(["*a", "*a*", "a*a", "?a*"])
@example(["*ab*ab", "*ba*", "aab*"])
@example(["a*b*", "a*b*a*", "a*"])
@example(["abab", "abaa", "*ba"])
@example(["aab", "aaa", "*b*"])
def test_every_set_of_answers_has_one_witness(written):
    """A set that is missed is a way into an account that a proof would call closed."""
    tests = [is_like(each) for each in dict.fromkeys(written)]
    check(tests, text_witnesses(map(glob, written)), SHORT)


@given(st.lists(st.text("ab*?", min_size=3, max_size=9), min_size=1, max_size=3))
@example(["a*b?", "a*?b?", "?bbba", "?bbbb"])
def test_longer_patterns_have_all_their_witnesses(written):
    """Long patterns bring chains of characters, which are passed over at once."""
    tests = [is_like(each) for each in dict.fromkeys(written)]
    check(tests, text_witnesses(map(glob, written)), SHORT)


@given(st.lists(st.text("ab", max_size=4), max_size=3), st.lists(patterns, max_size=3))
def test_a_literal_wildcard_is_a_character(values, written):
    """A value that a variable brings in may hold an asterisk, which is then no wildcard."""
    tokens = [("*", *value, "?") for value in values] + [glob(each) for each in written]
    tests = [lambda text, each=each: matches(each, text) for each in dict.fromkeys(tokens)]
    check(tests, text_witnesses(tokens), texts_of("ab*?z", 4))


FOLDING = texts_of(["k", "K", "\u212a", "s", "\u017f", "\u00df", "\u1e9e", "1"], 4)


@given(
    st.lists(st.text("kKsS\u00df1", max_size=3), max_size=2),
    st.lists(st.text(["k", "K", "\u212a", "s", "\u00df", "*", "?"], max_size=4), max_size=2),
)
@example(["k"], ["k", "K"])
@example(["ss"], ["s*", "?"])
@example(["k", "K"], [])
@example(["1k"], ["*K*"])
@example(["1ss"], ["*\u00df*"])
def test_texts_compared_without_case_have_all_their_witnesses(folded, written):
    """Some letters fold to an ASCII one, or to two of them; a pattern that names them meets such a text."""
    tests = [lambda text, each=each: matches(glob(each), text) for each in dict.fromkeys(written)]
    tests += [lambda text, each=each: text.casefold() == each for each in dict.fromkeys(map(str.casefold, folded))]
    check(tests, text_witnesses(map(glob, written), folded=folded), FOLDING)


def arn_like(pattern):
    """Give the test of `ArnLike`, by its definition."""
    wanted = pattern.split(":", 5)

    def test(text):
        parts = text.split(":", 5)
        fits = len(parts) == len(wanted) == 6 and parts[0] == "arn"
        return fits and all(matches(glob(one), part) for one, part in zip(wanted, parts, strict=True))

    return test


HEADS = ["", "a", "z", "aa", "za"]
ARNS = [
    f"arn:{p}:{s}::{a}:{r}" for p in HEADS for s in HEADS for a in ("", "a", "z") for r in ("", "a", "z", "a:a", ":")
]
ARNS += ["", "z", "a", "arn:", "arn:a:a:a:a", "a:a:a:::a", "aarn:a:a:::a", "arn::::::", "arn::::::a", "arn:::::a:"]
parts = st.sampled_from(["", "a", "*", "?", "a*", "*a", "?*", "**?"])
arn_patterns = st.builds(
    "{}:{}:{}::{}:{}".format, st.sampled_from(["arn", "*", "a??", "z*"]), parts, parts, parts, parts
)


@given(st.lists(arn_patterns, max_size=3), st.lists(st.sampled_from(["*", "arn:*", "*a", "*:a:*", "arn"]), max_size=2))
@example(["arn:*:*::*:*", "arn:*:*::*:*:*"], [])
@example(["*:*:*::*:*", "arn:aws"], [])
@example(["arn:?::::"], ["arn:?::::"])
@example(["arn:::::*a"], ["arn::::::*"])
def test_patterns_of_arns_are_told_apart_part_by_part(written, plain):
    """A wildcard that reached over a colon would let one account's ARN stand for another's."""
    tests = [arn_like(each) for each in dict.fromkeys(written)]
    tests += [lambda text, each=each: matches(glob(each), text) for each in dict.fromkeys(plain)]
    check_some(tests, text_witnesses(map(glob, plain), arns=map(glob, written)), ARNS)


def check_some(tests, witnesses, values):
    """Hold witnesses against values, where two tests may be the same in other words."""
    missing = sets_of_answers(tests, values) - sets_of_answers(tests, witnesses)
    assert not missing, f"no witness for {missing}"
    assert len(sets_of_answers(tests, witnesses)) == len(witnesses), "two witnesses of one cell"


def test_no_patterns_have_one_cell():
    """A key that nothing asks for has a value all the same."""
    assert text_witnesses([]) == ("x",)
    assert text_witnesses([glob("*")]) == ("x",)


def test_the_empty_text_is_a_witness_only_where_no_other_is():
    """A resource or a name is never empty, so an empty one explains nothing; but a value of a key may be."""
    assert "" not in text_witnesses([glob("a*")])
    assert text_witnesses([glob("?*")]) == ("x", "")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["s3:get*"], {"x:x", "s3:get"}),
        (["s3:*", "*:get*"], {"x:x", "s3:x", "x:get", "s3:get"}),
        (["xray:get*"], {"y:x", "xray:get"}),
        (["arn:aws:s3:::logs/*"], {"arn:aws:s3:::x", "arn:aws:s3:::logs/x"}),
        (["arn:aws:s3:::*/private/*"], {"arn:aws:s3:::x", "arn:aws:s3:::x/private/x"}),
        (["*", "arn:aws:s3:::*"], {"arn:aws:ec2:us-east-1:123456789012:x", "arn:aws:s3:::x"}),
        (["arn:*:iam::*:role/ops"], {"arn:aws:s3:::x", "arn:aws:iam::123456789012:role/ops"}),
        (["arn:aws:ec2:*:*:instance/*"], {"arn:aws:s3:::x", "arn:aws:ec2:us-east-1:123456789012:instance/x"}),
    ],
)
def test_a_witness_reads_like_something_real(written, expected):
    """A person reads it to see what a policy lets through."""
    assert set(text_witnesses(map(glob, written))) == expected


@given(st.lists(st.text(["a", "A", "\x00", "\n", "é", "*", "?"], max_size=4), max_size=3))
def test_no_witness_has_a_character_of_its_own_that_is_odd(written):
    """A witness is printed, and names are asked in lower case: only patterns bring in control characters and capitals."""
    named = set("".join(written)) - {"*", "?"}
    for witness in text_witnesses(map(glob, written)):
        assert all(each in named or (each.isprintable() and each == each.lower()) for each in witness)


@pytest.mark.parametrize(("last", "expected"), [("~", "\u00e0"), ("\u00f6", "\u00f8"), ("\u00ff", "\u0101")])
def test_a_stranger_is_found_where_all_plain_characters_are_named(last, expected):
    """Action names use every letter, and one that nothing names must still be had: a letter, and no capital."""
    named = [(chr(each),) for each in range(ord(" "), ord(last) + 1)]
    witnesses = text_witnesses([*named, (ONE,)])
    assert len(witnesses) == len(named) + 2
    assert [each for each in witnesses if len(each) == 1 and (each,) not in named] == [expected]


@given(st.lists(patterns, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_patterns_changes_nothing(written, random):
    """A proof is stored and compared, so its witnesses must not hang on the order of statements."""
    shuffled = random.sample(written, len(written))
    assert text_witnesses(map(glob, written)) == text_witnesses(map(glob, shuffled))


# --- work ---


def test_buckets_take_few_states():
    """Hundreds of names that begin alike are the common case; the work must grow with their text only."""
    buckets = [glob(f"arn:aws:s3:::bucket-{number}/*") for number in range(500)]
    wide = [glob(each) for each in ("*", "arn:aws:s3:::*", "arn:aws:s3:::*/private/*")]
    assert len(text_witnesses(buckets, budget=1_000)) == 501
    assert len(text_witnesses([*buckets, *wide], budget=3_000)) == 1_003


def test_account_numbers_of_all_kinds_take_few_states_part_by_part():
    """As plain globs these have a cell for every set of names, since a text may hold them all."""
    roles = [glob(f"arn:aws:iam::*:role/app-{number}-*") for number in range(500)]
    assert len(text_witnesses([], arns=roles, budget=1_000)) == 501
    with pytest.raises(BudgetError):
        text_witnesses(roles)


def test_places_before_the_latest_star_take_no_states():
    """What a later `*` takes needs no earlier place; kept, the places of several patterns would multiply."""
    assert len(text_witnesses(map(glob, ["*abc*bcd*cde*def*efg", "*bca*cdb*dec*efd*fge"]), budget=150)) == 3


def read_only():
    """Make the actions of a policy of the size of AWS's own ReadOnlyAccess."""
    services = [
        f"{one}{other}" for one in ("ab", "ac", "bo", "el", "ro", "sa") for other in ("", "ck", "data", "-x", "ns")
    ]
    nouns = [
        "account",
        "alarm",
        "backup",
        "cluster",
        "domain",
        "event",
        "function",
        "group",
        "image",
        "job",
        "key",
        "log",
    ]
    verbs = ["batchget", "describe", "get", "list", "lookup", "search", "view", "download"]
    names = [f"{s}:{v}{n}" for s in services for v in verbs for n in nouns]
    return names + [f"{s}:{v}*" for s in services[:4] for v in verbs]


def test_a_read_only_policy_is_within_the_budget():
    """The widest policy that people really use is the one that must be proved, with room for more."""
    names = read_only()
    assert len(names) > 2_900
    witnesses = text_witnesses(map(glob, [*names, "*", "*:describe*", "*:list*", "rock:*"]), budget=8_000)
    assert len(witnesses) > len(names)


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ([f"*{each}*" for each in "abcdefghijklmnopqrstuvwxyz"], "states"),
        ([f"*a{'?' * size}" for size in range(1, 30)], "states"),
        (["?" * size + "*" + chr(0x4E00 + size) for size in range(300)], "looks"),
        (["?" * 20_000 + each for each in ("a", "b")], "states"),
        (["?" * 40_000 + each for each in ("a", "b")], "characters of patterns"),
    ],
    ids=["sets", "places", "wide", "long", "longer"],
)
def test_hostile_patterns_are_given_up_and_said(written, what):
    """A policy is somebody else's text; what takes too long must end, and must not end as an answer."""
    with pytest.raises(BudgetError) as caught:
        text_witnesses(map(glob, written), budget=2_000)
    assert caught.value.what == what
    assert str(caught.value) == f"takes more than the budget of {caught.value.limit:,} {what}"
    assert caught.value.limit == {"states": 2_000, "looks": 200_000, "characters of patterns": 50_000}[what]


def test_long_texts_count_as_work():
    """Every state keeps its text, so that few states can still fill the memory."""
    with pytest.raises(BudgetError, match="looks"):
        text_witnesses([("x",) * 19_000, (*[ONE] * 19_000, "a"), (*[ONE] * 19_000, "b")])


# --- overlap and inclusion ---


@given(patterns, patterns)
@example("a*", "*?")
@example("?*", "*")
@example("*a*b", "a*?b")
def test_patterns_overlap_where_a_text_matches_both(one, other):
    """Whether a Deny can meet an Allow hangs on it, either way round."""
    expected = bool(matched(one) & matched(other))
    assert overlap(one, other) is expected
    found = shared(glob(one), glob(other))
    assert (found is not None) is expected
    assert found is None or (matches(glob(one), found) and matches(glob(other), found))


@given(st.text("ab*?", max_size=12), st.text("ab*?", max_size=12))
def test_overlap_and_witnesses_agree(one, other):
    """Two ways to the same answer, one by length times length, the other by states."""
    both = [w for w in text_witnesses([glob(one), glob(other)]) if matches(glob(one), w) and matches(glob(other), w)]
    assert overlap(one, other) is bool(both)


@given(patterns, patterns)
@example("*", "")
@example("?*", "*a")
@example("?*", "*?")
@example("??", "a*b")
@example("*a*", "*")
def test_a_pattern_covers_another_where_it_matches_all_its_texts(general, special):
    """A statement is called needless only where it adds nothing."""
    assert covers(glob(general), glob(special)) is (matched(special) <= matched(general))


def test_a_literal_asterisk_is_not_covered_by_a_letter():
    """Tokens, not texts, are compared: what a variable brought in is literal."""
    assert covers((ANY,), ("*",))
    assert not covers(("*",), (ANY,))
    assert covers((ONE,), ("*",))
    assert shared(("*",), ("?",)) is None


def test_overlap_of_long_patterns_needs_no_search():
    """Questions of two patterns are asked of every pair, so they have no budget to run out of."""
    assert not overlap("*a" * 300 + "b", "*a" * 300 + "c")
    assert covers(glob("*a" * 300), glob("*b*a" * 300))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("arn:aws:s3:::*", "arn:aws:s3:::logs/*", "arn:aws:s3:::logs/"),
        ("arn:aws:iam::*:role/a", "arn:aws:iam::1:*", "arn:aws:iam::1:role/a"),
        ("arn:aws:iam::*:role/a", "arn:aws:iam::1:x:role/a", None),
        ("*", "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/a"),
        ("arn:aws:s3:::a", "arn:aws:sqs:::a", None),
        ("arn:aws:s3", "arn:aws:s3:::a", None),
    ],
)
def test_an_arn_of_both_is_found_part_by_part(one, other, expected):
    """A `*` for the account is not the start of the resource's name."""
    assert arn_shared(glob(one), glob(other)) == expected
    assert (arn_shared(glob(other), glob(one)) is None) is (expected is None)


@pytest.mark.parametrize(
    ("general", "special", "expected"),
    [
        ("arn:aws:s3:::*", "arn:aws:s3:::logs/*", True),
        ("arn:aws:s3:::logs/*", "arn:aws:s3:::*", False),
        ("arn:aws:iam::*:role/a", "arn:aws:iam::1:role/a", True),
        ("arn:aws:iam::*:role/a", "arn:aws:iam::1:x:role/a", False),
        ("arn:*:*:*:*:*", "arn:aws:iam::*:*", True),
        ("*", "arn:aws:iam::1:role/a", True),
        ("arn:*:*:*:*:*", "*", False),
    ],
)
def test_arns_are_covered_part_by_part(general, special, expected):
    """Plain globs would say that the third pair is one of each kind."""
    assert arn_covers(glob(general), glob(special)) is expected


@given(st.lists(arn_patterns, min_size=2, max_size=2))
def test_arn_inclusion_and_witnesses_agree(pair):
    """Inclusion part by part is what the witnesses of both patterns show."""
    general, special = (f"arn:{each.split(':', 1)[1]}" for each in pair)
    witnesses = text_witnesses([], arns=[glob(general), glob(special)])
    alone = [w for w in witnesses if arn_like(special)(w) and not arn_like(general)(w)]
    both = [w for w in witnesses if arn_like(special)(w) and arn_like(general)(w)]
    assert arn_covers(glob(general), glob(special)) is not bool(alone)
    found = arn_shared(glob(general), glob(special))
    assert (found is not None) is bool(both)
    assert found is None or (arn_like(general)(found) and arn_like(special)(found))


ASKED: dict[str, Callable[..., bool]] = {
    "is_glob_match": overlap,
    "is_arn_match": lambda kind, form, pattern: arn_overlap(form, pattern),
    "is_arn_strictly_valid": lambda kind, form, pattern: arn_overlap(form, pattern, strictly=True),
}
"""What each function of the source asks, in our words; the type's name is for its messages."""


def test_others_cases_of_overlapping_patterns_agree(data_dir):
    """The only public cases of overlap; a linter's, so that its forms of ARNs are asked for too."""
    file = data_dir / "iam_conformance" / "matchers_parliament.jsonl"
    cases = [json.loads(line) for line in file.read_text().splitlines()]
    wrong = [case["id"] for case in cases if ASKED[case["fn"]](*case["args"]) is not case["expected"]["matches"]]
    assert cases
    assert not wrong


@pytest.mark.parametrize(
    ("form", "pattern", "expected", "strictly"),
    [
        ("arn:*:s3:::*/*", "arn:aws:s3:::logs/*", True, True),
        ("arn:*:s3:::*/*", "arn:aws:s3:::logs", False, False),
        ("arn:*:iam::*:role/*", "arn:aws:iam:::role/a", False, False),
        ("arn:*:iam::*:role/*", "arn:aws:iam::*:r*", True, False),
        ("arn:*:iam::*:role/*", "arn:aws:iam::*:*", True, True),
        ("arn:*:iam::*:role/*", "*", True, True),
        ("arn:*:iam::*:role/*", "arn:aws:iam::${aws:PrincipalAccount}:role/${aws:username}", True, True),
        ("arn:*:iam::*:root", "arn:aws:iam::1:r*", True, True),
        ("*", "arn:aws:s3:::logs", True, True),
    ],
)
def test_a_resource_pattern_fits_a_form(form, pattern, expected, strictly):
    """A statement whose resources fit none of its actions' forms allows nothing; so it is said."""
    assert arn_overlap(form, pattern) is expected
    assert arn_overlap(form, pattern, strictly=True) is strictly


# --- numbers, instants, addresses ---


def order(value, literals):
    """Give how a value compares with each literal."""
    return tuple((value > each) - (value < each) for each in literals)


LEAST = math.ulp(1.0)
numbers = st.sampled_from([-1.5, 0.0, -0.0, 1.0, 1.0 + LEAST, 1.0 + 2 * LEAST, 1.0 - LEAST / 2, 2.0, 2.25, 1e300])
edges = st.sampled_from([1.7976931348623157e308, -1.7976931348623157e308, 5e-324, -5e-324])


@given(st.lists(numbers | edges, max_size=5))
def test_numbers_have_a_witness_for_every_cell(literals):
    """Numbers next to each other leave no room between them; all others do."""
    near = [0.0, *literals, *(math.nextafter(each, way) for each in literals for way in (-math.inf, math.inf))]
    found = [order(read_number(each), literals) for each in number_witnesses(literals)]
    assert set(found) == {order(each, literals) for each in near if math.isfinite(each)}
    assert len(found) == len(set(found))


def test_numbers_are_whole_where_they_can_be():
    """An age of 3,601 seconds reads better than one of 3,600 and the least fraction."""
    assert set(number_witnesses([3600, 60])) == {"59", "60", "61", "3600", "3601"}
    assert set(number_witnesses([0.5])) == {"0", "0.5", "1"}
    assert number_witnesses([math.nan]) == number_witnesses([]) == ("0",)


MOMENT = 1_800_000_000_000_000
moments = st.integers(MOMENT - 3, MOMENT + 3) | st.integers(MOMENT - 3_000_000, MOMENT + 3_000_000)


@given(st.lists(moments, max_size=4))
def test_instants_have_a_witness_for_every_cell(literals):
    """Instants have microseconds: two literals that are one apart have none between."""
    seconds = [each / 1_000_000 for each in literals]
    near = [(each + step) / 1_000_000 for each in [MOMENT, *literals] for step in (-1, 0, 1)]
    found = [order(read_instant(each), seconds) for each in instant_witnesses(seconds)]
    assert set(found) == {order(each, seconds) for each in near}
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("literals", "expected"),
    [
        ([0.0], ["1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"]),
        ([1e300], ["9999-12-31T23:59:59Z"]),
        ([-math.inf], ["9999-12-31T23:59:59Z"]),
        ([-62_135_596_800.0], ["0001-01-01T00:00:00Z", "0001-01-01T00:00:01Z"]),
        ([0.0000001], ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"]),
    ],
)
def test_instants_are_whole_seconds_within_the_calendar(literals, expected):
    """A literal that no instant equals, or that lies past the calendar, has fewer cells."""
    assert list(instant_witnesses(literals)) == expected


def test_the_end_of_the_calendar_is_told_as_the_evaluator_tells_it():
    """There a number holds fewer digits than microseconds have, so several instants are one."""
    literals = [253_402_300_799.0, 253_402_300_799.5]
    found = [order(read_instant(each), literals) for each in instant_witnesses(literals)]
    assert found == [(-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
    assert all(datetime.fromisoformat(each) for each in instant_witnesses(literals))


four = st.builds("10.0.0.{}/{}".format, st.integers(0, 31), st.integers(26, 32))
six = st.builds("2001:db8::{:x}/{}".format, st.integers(0, 31), st.integers(122, 128))
near_addresses = [ipaddress.ip_address(f"10.0.0.{each}") for each in range(64)]
near_addresses += [ipaddress.ip_address(f"2001:db8::{each:x}") for each in range(64)]
near_addresses += [ipaddress.ip_address("9.0.0.1"), ipaddress.ip_address("2001:db9::1")]


@given(
    st.lists(four | six | st.sampled_from(["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "no network"]), max_size=6)
)
@example(["10.0.0.0/31", "10.0.0.0/32", "10.0.0.1/32"])
@example(["0.0.0.0/0", "::/0"])
def test_addresses_have_a_witness_for_every_cell(written):
    """A block that its inner blocks fill has no address of its own; the two families never mix."""
    networks = [ipaddress.ip_network(each, strict=False) for each in written if each != "no network"]
    found = [ipaddress.ip_address(each) for each in address_witnesses(written)]
    everywhere = [*near_addresses, ipaddress.ip_address("200.0.0.1")]
    signs = [(each.version, *(each in network for network in networks)) for each in found]
    assert {(each.version, *(each in network for network in networks)) for each in everywhere} <= set(signs)
    assert len(signs) == len(set(signs))


def test_an_address_outside_all_blocks_is_one_of_documentation():
    """A counterexample must not name somebody's real address, where it need not."""
    assert address_witnesses([]) == ("198.51.100.1", "2001:db8::1")
    assert address_witnesses(["10.0.0.0/8"]) == ("198.51.100.1", "10.0.0.1", "2001:db8::1")
    assert address_witnesses(["198.51.100.0/24"]) == ("0.0.0.1", "198.51.100.1", "2001:db8::1")
