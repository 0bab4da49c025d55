"""Proofs against brute force: a proof is never contradicted, a counterexample always real, and both are found."""

import itertools
from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.patterns import glob_matches
from watchbill.policy.prove import Counterexample, NotKnown, Proof, any_allowed
from watchbill.policy.statements import parse_policy


HERE, AWAY = "111122223333", "444455556666"
USER = f"arn:aws:iam::{HERE}:user/james"
ROLE = f"arn:aws:iam::{HERE}:role/oncall"
SESSION = f"arn:aws:sts::{HERE}:assumed-role/oncall/james"
GET, PUT = "s3:GetObject", "s3:PutObject"
ASKED = Request("", None, {}, principal=Principal.of(USER))


def statement(effect="Allow", action="*", resource="*", condition=None, **more):
    """Give one statement."""
    return {"Effect": effect, "Action": action, "Resource": resource, "Condition": condition or {}, **more}


def deny(operator, key, values, **more):
    """Give a Deny with one condition."""
    return statement("Deny", condition={operator: {key: values}}, **more)


PRESENT = deny("Null", "k", "true")
NO_ARN = deny("StringNotLike", "k", "arn:*:*:*:*:*")


def policy(*statements, name="p"):
    """Parse statements as one policy."""
    return parse_policy({"Version": "2012-10-17", "Statement": list(statements)}, name)


def evaluator(*statements, **layers):
    """Give the evaluator of an identity policy and whatever other layers there are."""
    return Evaluator(Layers((policy(*statements),), **layers))


def ask(found, actions=(GET,), asked=ASKED, **more):
    """Ask whether any request is allowed, and check a counterexample against the evaluator."""
    answer = any_allowed(found, asked, actions, **more)
    if isinstance(answer, Counterexample):
        decision = found.decide(answer.request)
        assert decision.effect is Effect.ALLOWED
        assert decision == answer.decision
        assert answer.request.action in actions
        assert answer.request.resource is not None
        assert glob_matches(asked.resource or "*", answer.request.resource)
        assert answer.request.principal == asked.principal
        assert {key: answer.request.context.get(key) for key in asked.context} == asked.context
        assert not {key.lower() for key in asked.absent} & {key.lower() for key in answer.request.context}
    return answer


# --- against brute force over a universe that has every cell ---

RESOURCES = [f"arn:aws:s3:::{each}" for each in ("a", "b", "ab", "x", "aa", "bb", "aab")]
TEXTS = ["a", "aa", "b", "x"]
SETS = [each for size in range(len(TEXTS) + 1) for each in itertools.combinations(TEXTS, size)]
NUMBERS = ["0", "1", "1.5", "2", "3"]


def conditions_on(key, operators, values):
    """Draw a condition on one key."""
    wanted = st.lists(st.sampled_from(values), min_size=1, max_size=2)
    null = st.sampled_from([{"Null": {key: "true"}}, {"Null": {key: "false"}}])
    return st.builds(lambda name, listed: {name: {key: listed}}, st.sampled_from(operators), wanted) | null


EXACT = [f"{each}String{name}" for each in ("", "ForAllValues:", "ForAnyValue:") for name in ("Equals", "NotEquals")]
LIKE = ["StringLike", "StringNotLike", "ForAllValues:StringNotLike", "ForAnyValue:StringLike", "StringLikeIfExists"]
OF_NUMBERS = [
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericGreaterThanEquals",
    "NumericLessThanIfExists",
]
one_condition = (
    st.just({})
    | conditions_on("k", [*EXACT, "StringEqualsIfExists"], ["a", "b"])
    | conditions_on("k", LIKE, ["a*", "a", "b"])
    | conditions_on("n", OF_NUMBERS, ["1", "2"])
)
both_conditions = st.builds(lambda one, other: {**one, **other}, one_condition, one_condition)
places = st.lists(st.sampled_from(["*", *RESOURCES[:3], "arn:aws:s3:::a*", "arn:aws:s3:::*b"]), min_size=1, max_size=2)
seldom = st.sampled_from([False, False, False, True])


def statements_of(effects, named=None):
    """Draw statements; those of a resource's policy name somebody."""
    return st.builds(
        lambda effect, action, resource, negated, condition, who: {
            "Effect": effect,
            "Action": action,
            "NotResource" if negated else "Resource": resource,
            "Condition": condition,
            **({} if named is None else {"Principal": who}),
        },
        st.sampled_from(effects),
        st.sampled_from(["*", "s3:*", GET]),
        places,
        seldom,
        both_conditions,
        st.sampled_from(named or ["*"]),
    )


MIXED = ["Allow", "Deny"]
several = st.lists(statements_of(MIXED), max_size=2)
WHO = ["*", {"AWS": USER}, {"AWS": HERE}, {"AWS": ROLE}, {"AWS": SESSION}, {"Service": "ec2.amazonaws.com"}]
universes = st.fixed_dictionaries(
    {"identity": st.lists(statements_of(["Allow", "Allow", "Deny", "Deny"]), max_size=4)},
    optional={
        "boundary": several,
        "session": several,
        "scps": several,
        "rcps": several,
        "endpoint": several,
        "resource": st.lists(statements_of(MIXED, WHO), max_size=3),
    },
)


def layers_of(drawn):
    """Parse the layers that were drawn, each of one policy and one level."""
    made = {name: policy(*found, name=name) for name, found in drawn.items()}
    shape = {"resource": lambda each: each, "scps": lambda each: ((each,),), "rcps": lambda each: ((each,),)}
    return Layers(**{name: shape.get(name, lambda each: (each,))(found) for name, found in made.items()})


def quantified(drawn, action):
    """Tell whether a statement that speaks of an action asks for several values of the text key."""
    speaking = (each for found in drawn.values() for each in found if each["Action"] in ("*", "s3:*", action))
    return any("For" in str(each["Condition"]) for each in speaking)


def allowed_ones(drawn, decider, asked, actions):
    """Give every request of the universe that is allowed."""
    resources = [each for each in RESOURCES if glob_matches(asked.resource or "*", each)]
    for action in actions:
        texts = [None, *TEXTS, *(SETS if quantified(drawn, action) else ())] if "'k'" in str(drawn) else [None]
        numbers = [None, *NUMBERS] if "'n'" in str(drawn) else [None]
        for resource, k, n in itertools.product(resources, texts, numbers):
            known = {key: value for key, value in (("k", k), ("n", n)) if value is not None}
            request = replace(asked, action=action, resource=resource, context=known, complete=True)
            if decider.decide(request).effect is Effect.ALLOWED:
                yield request


@settings(max_examples=250)
@given(
    universes,
    st.sampled_from([USER, SESSION, "ec2.amazonaws.com", "*"]),
    st.sampled_from(["arn:aws:s3:::*", "arn:aws:s3:::a", "arn:aws:s3:::?b", "*"]),
    st.sampled_from([[GET], [PUT], [GET, PUT]]),
)
@example(
    {"identity": [statement(), deny("StringEquals", "k", "a"), deny("StringNotEquals", "k", "a")]}, USER, "*", [GET]
)
def test_the_answer_is_that_of_brute_force(drawn, caller, resource, actions):
    """Over a universe with a request of every cell: a proof where none is allowed, an example where one is."""
    decider = Evaluator(layers_of(drawn))
    asked = replace(ASKED, resource=resource, principal=Principal.of(caller))
    found = next(allowed_ones(drawn, decider, asked, actions), None)
    answer = ask(decider, actions, asked)
    assert isinstance(answer, Proof if found is None else Counterexample), (answer, found)


# --- against random requests, over everything that policies may say ---

OPERATORS = {
    "k": (
        ["StringEquals", "StringNotLike", "StringLike", "ForAnyValue:StringLike", "ForAllValues:StringEquals"],
        ["a", "b*", "", "${given}", "${free}"],
    ),
    "K": (
        ["ArnLike", "ArnNotEquals", "StringEqualsIgnoreCase", "Bool"],
        ["arn:aws:s3:::a", "arn:*:*:*:*:b", "A", "true"],
    ),
    "free": (["StringEquals", "StringNotEquals", "Null"], ["a", "b", "true"]),
    "aws:username": (["StringEquals", "StringLike"], ["james", "r*", "${free}"]),
    "n": (["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThan"], ["1", "2.5", "x"]),
    "d": (
        ["DateEquals", "DateNotEquals", "DateLessThan", "DateGreaterThanEquals"],
        ["2026-01-01T00:00:00Z", "1767225600.5"],
    ),
    "i": (["IpAddress", "NotIpAddress"], ["10.0.0.0/8", "10.1.0.0/16", "::/0", "x"]),
    "b": (["BinaryEquals", "BinaryNotEquals"], ["YQ==", "bm9uZQ=="]),
    "odd": (["StringSounds"], ["a"]),
}
ANSWERS: dict[str, list[str | tuple[str, ...]]] = {
    "k": ["a", "b", "bb", "", "A", "true", "x", "arn:aws:s3:::a", "arn:aws:s3:::b", ("a",), ("a", "b"), ()],
    "free": ["a", "b", "c"],
    "n": ["0", "1", "2", "2.5", "3"],
    "d": ["2025-12-31T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2027-01-01T00:00:00Z"],
    "i": ["10.1.2.3", "10.2.0.0", "11.0.0.0", "::1"],
    "b": ["YQ==", "bm9uZQ==", "Yw=="],
    "odd": ["a"],
}
wild_condition = st.sampled_from(list(OPERATORS)).flatmap(
    lambda key: st.builds(
        lambda name, listed: {name: {key: listed}},
        st.sampled_from(OPERATORS[key][0]),
        st.lists(st.sampled_from(OPERATORS[key][1]), min_size=1, max_size=2),
    )
)
WHERE = [
    "*",
    "arn:aws:s3:::a*",
    "arn:aws:s3:::${given}",
    "arn:aws:s3:::${free}",
    f"arn:aws:sqs:*:{AWAY}:*",
    f"arn:aws:sqs:*:{HERE}:q?",
    "arn:aws:sqs",
]
wild_statement = st.builds(
    lambda effect, action, resource, negated, conditions, who, whom: {
        "Effect": effect,
        "Action": action,
        "NotResource" if negated else "Resource": resource,
        "Condition": {name: keys for each in conditions for name, keys in each.items()},
        who: whom,
    },
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from(["*", "s3:*", "sqs:*"]),
    st.lists(st.sampled_from(WHERE), min_size=1, max_size=2),
    seldom,
    st.lists(wild_condition, max_size=2),
    st.sampled_from(["Principal", "Principal", "NotPrincipal"]),
    st.sampled_from([*WHO, {"AWS": AWAY}]),
)
wild_policy = st.lists(wild_statement, min_size=1, max_size=3)
wild_layers = st.fixed_dictionaries(
    {"identity": wild_policy},
    optional=dict.fromkeys(("boundary", "session", "scps", "rcps", "endpoint", "resource"), wild_policy),
)
SAMPLES = [*RESOURCES, "arn:aws:s3:::b/x", f"arn:aws:sqs:eu-west-1:{HERE}:q1", f"arn:aws:sqs:eu-west-1:{AWAY}:q1", "*"]
TRIES = 100
"""Requests that each proof is held against."""


@settings(max_examples=200)
@given(
    wild_layers,
    st.sampled_from([USER, SESSION, "ec2.amazonaws.com", "*", None]),
    st.sampled_from(["*", "arn:aws:s3:::*", "arn:aws:sqs:*:*:*", f"arn:aws:sqs:eu-west-1:{AWAY}:q?"]),
    st.sampled_from([{}, {"given": "b"}, {"given": "*", "n": "1"}]),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_a_proof_is_never_contradicted(drawn, caller, resource, known, unread, seed):
    """Thousands of requests are tried against what was proven to allow none of them."""
    decider = Evaluator(replace(layers_of(drawn), resource_unread=unread))
    principal = None if caller is None else Principal.of(caller)
    gone = frozenset({"given"} - set(known))
    asked = replace(ASKED, resource=resource, principal=principal, context=known, absent=gone)
    actions = [GET, "sqs:SendMessage"]
    answer = ask(decider, actions, asked)
    if isinstance(answer, NotKnown):
        assert any(reason in answer.why for reason in REASONS), answer
    if not isinstance(answer, Proof):
        return
    random, text = Random(seed), str(drawn)
    resources = [each for each in SAMPLES if glob_matches(resource, each)]
    for _ in range(TRIES if resources else 0):
        free = {key: random.choice(values) for key, values in ANSWERS.items() if random.random() < 0.7}
        if "For" not in text:
            free = {key: "a" if isinstance(value, tuple) else value for key, value in free.items()}
        if random.random() < 0.3 and caller is None:
            free["aws:username"] = random.choice(["james", "rick", "a"])
        context = {**free, **known}
        request = replace(
            asked, action=random.choice(actions), resource=random.choice(resources), context=context, complete=True
        )
        assert decider.decide(request).effect is not Effect.ALLOWED, request


REASONS = (
    "is brought into what",
    "is compared as values of different types",
    "is not evaluated",
    "takes more than the budget of",
    "the resource's policy, which is not known, must allow it",
)
"""Why an answer may not be known."""


# --- each kind of cell ---

COVERED = [
    ("numbers that meet", [deny("NumericLessThan", "k", "5"), deny("NumericGreaterThan", "k", "4")], None),
    ("numbers and a gap of one", [deny("NumericLessThan", "k", "5"), deny("NumericGreaterThan", "k", "5")], "5"),
    ("numbers and a gap", [deny("NumericLessThanEquals", "k", "5"), deny("NumericGreaterThanEquals", "k", "6")], "5.5"),
    ("a number that is no number", [deny("NumericLessThan", "k", "x")], "0"),
    ("dates that meet", [deny("DateLessThan", "k", "2026-01-01"), deny("DateGreaterThanEquals", "k", "2026-01-01")], None),
    ("dates and a gap of one", [deny("DateLessThan", "k", "2026-01-01"), deny("DateGreaterThan", "k", "2026-01-01")], "2026-01-01T00:00:00Z"),
    ("dates of two forms", [deny("DateLessThan", "k", "2026-01-01"), deny("DateGreaterThanEquals", "k", "1767225600")], None),
    ("dates from the beginning on", [deny("DateGreaterThanEquals", "k", "0001-01-01")], None),
    ("half of all addresses, twice", [deny("IpAddress", "k", ["0.0.0.0/1", "128.0.0.0/1", "::/0"])], None),
    ("half of all addresses", [deny("IpAddress", "k", ["0.0.0.0/1", "::/0"])], "198.51.100.1"),
    ("an address in a network", [deny("NotIpAddress", "k", "10.0.0.0/24"), deny("IpAddress", "k", ["10.0.0.0/25", "10.0.0.128/26"])], "10.0.0.193"),
    ("an address outside its network", [deny("NotIpAddress", "k", "10.0.0.0/24"), deny("NotIpAddress", "k", "10.0.1.0/24")], None),
    ("ARNs covered", [NO_ARN, deny("ArnNotLike", "k", "arn:aws:iam::*:role/ab*"), deny("ArnLike", "k", "arn:aws:iam::*:role/a*")], None),
    ("ARNs not covered", [NO_ARN, deny("ArnNotLike", "k", "arn:aws:iam::*:role/a*"), deny("ArnLike", "k", "arn:aws:iam::*:role/ab*")], "arn:aws:iam::123456789012:role/a"),
    ("ARNs part by part", [NO_ARN, deny("ArnNotLike", "k", "arn:aws:s3:::*"), deny("ArnLike", "k", "arn:aws:*:*:*:a*"), deny("ArnLike", "k", "arn:aws:s3:::?*")], "arn:aws:s3:::"),
    ("what is no ARN and unlike none", [deny("ArnLike", "k", "arn:aws:s3:::a"), deny("ArnNotLike", "k", "arn:aws:s3:::a")], "x"),
    ("what is no ARN", [deny("ArnLike", "k", "arn:*:*:*:*:*")], "x"),
    ("both booleans", [deny("Bool", "k", "true"), deny("Bool", "k", "false")], None),
    ("one boolean", [deny("Bool", "k", "true")], "false"),
    ("texts that cover", [deny("StringNotLike", "k", "*ab"), deny("StringLike", "k", ["a*", "?a*", "*b"])], None),
    ("texts that do not", [deny("StringNotLike", "k", "*b"), deny("StringLike", "k", ["*a*", "?b"])], "b"),
    ("no text", [deny("StringLike", "k", "*")], None),
    ("any text but the empty one", [deny("StringLike", "k", "?*")], ""),
    ("case", [deny("StringNotEqualsIgnoreCase", "k", "ab"), deny("StringEquals", "k", ["ab", "AB", "Ab"])], "aB"),
    ("case, all four", [deny("StringNotEqualsIgnoreCase", "k", "ab"), deny("StringEquals", "k", ["ab", "AB", "Ab", "aB"])], None),
    ("binary", [deny("BinaryNotEquals", "k", "YQ=="), deny("BinaryEquals", "k", "YQ==")], None),
    ("a binary that means none", [deny("BinaryEquals", "k", "bm9uZQ==")], "========="),
    ("all values", [deny("ForAnyValue:StringNotEquals", "k", ["a", "b"]), deny("ForAnyValue:StringEquals", "k", ["a", "b"]), deny("ForAllValues:StringEquals", "k", "z")], None),
]  # fmt: skip
"""What is denied of a key that is there, and a value that escapes; None where none does."""


@pytest.mark.parametrize(("denies", "escaping"), [row[1:] for row in COVERED], ids=[row[0] for row in COVERED])
def test_cells_of_every_kind(denies, escaping):
    """The value that escapes is found, however narrow the gap, and where there is none that is proven."""
    answer = ask(evaluator(statement(), PRESENT, *denies))
    if escaping is None:
        assert isinstance(answer, Proof)
    else:
        assert isinstance(answer, Counterexample)
        assert answer.request.context == {"k": escaping}


@pytest.mark.parametrize(
    ("denies", "value"),
    [
        ([deny("Null", "k", "true"), deny("Null", "k", "false")], "proof"),
        ([deny("Null", "k", "false")], None),
        ([deny("StringEquals", "k", "a"), deny("StringNotEquals", "k", "a")], "proof"),
        ([deny("StringEquals", "k", "a"), deny("StringNotEqualsIfExists", "k", "a")], "proof"),
        ([deny("StringLike", "k", "*")], None),
        ([deny("StringEqualsIfExists", "k", "a"), deny("StringLike", "k", "?*")], ""),
        ([deny("ForAllValues:StringEquals", "k", "a"), deny("ForAnyValue:StringNotEquals", "k", "a")], "proof"),
        ([deny("ForAllValues:StringEquals", "k", "a"), deny("ForAllValues:StringNotEquals", "k", "a")], ("a", "x")),
    ],
)
def test_an_absent_key_is_a_cell_too(denies, value):
    """A key that is not sent escapes a positive operator, and neither a negated one nor `...IfExists`."""
    answer = ask(evaluator(statement(), *denies))
    if value == "proof":
        assert isinstance(answer, Proof)
    else:
        assert isinstance(answer, Counterexample)
        found = answer.request.context.get("k")
        assert (set(found) if isinstance(found, tuple) else found) == (
            set(value) if isinstance(value, tuple) else value
        )


def test_keys_that_are_given_are_constants():
    """Absent, present or of a value; of one known to be there the value is free."""
    found = evaluator(statement(condition={"StringEquals": {"K": "a"}}))
    for more, kind in (
        ({}, Counterexample),
        ({"context": {"k": "a"}}, Counterexample),
        ({"context": {"k": "b"}}, Proof),
        ({"absent": frozenset({"k"})}, Proof),
        ({"present": frozenset({"k"})}, Counterexample),
        ({"complete": True}, Proof),
        ({"complete": True, "unknown": frozenset({"k"})}, Counterexample),
    ):
        assert isinstance(ask(found, asked=replace(ASKED, **more)), kind), more
    there = evaluator(statement(), deny("StringLike", "k", "*"))
    assert isinstance(ask(there, asked=replace(ASKED, present=frozenset({"k"}))), Proof)
    hanging = evaluator(statement(), deny("StringEquals", "k", "a"))
    asked = replace(ASKED, complete=True, unknown=frozenset({"k"}))
    assert isinstance(ask(hanging, asked=asked), Counterexample)


@pytest.mark.parametrize(
    ("condition", "caller", "kind"),
    [
        ({"StringEquals": {"aws:username": "james"}}, USER, Counterexample),
        ({"StringEquals": {"aws:username": "rick"}}, USER, Proof),
        ({"StringEquals": {"aws:username": "rick"}}, None, Counterexample),
        ({"ArnLike": {"aws:PrincipalArn": ROLE}}, SESSION, Counterexample),
        ({"ArnLike": {"aws:PrincipalArn": ROLE}}, USER, Proof),
        ({"StringEquals": {"aws:PrincipalAccount": AWAY}}, USER, Proof),
        ({"StringNotEquals": {"aws:PrincipalType": "User"}}, USER, Proof),
        ({"StringEquals": {"k": "${aws:username}"}}, USER, Counterexample),
        ({"StringEquals": {"aws:username": "${aws:PrincipalAccount}"}}, USER, Proof),
    ],
)
def test_keys_that_follow_from_who_asks_are_constants(condition, caller, kind):
    """Nobody sends another name than their own."""
    principal = None if caller is None else Principal.of(caller)
    assert isinstance(ask(evaluator(statement(condition=condition)), asked=replace(ASKED, principal=principal)), kind)


def test_a_variable_that_is_given_is_its_value():
    """A home folder is proven to be its owner's alone."""
    home = evaluator(statement(resource="arn:aws:s3:::home/${aws:username}/*"))
    assert isinstance(ask(home, asked=replace(ASKED, resource="arn:aws:s3:::home/rick/*")), Proof)
    assert isinstance(ask(home, asked=replace(ASKED, resource="arn:aws:s3:::home/james/*")), Counterexample)
    wild = replace(ASKED, context={"k": "*"}, resource="arn:aws:s3:::a")
    assert isinstance(ask(evaluator(statement(resource="arn:aws:s3:::${k}")), asked=wild), Proof)


# --- what is not known, and why ---


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        ([statement(condition={"StringEquals": {"k": "${j}"}}), deny("StringLikeIfExists", "k", "*")], "proof"),
        ([statement(condition={"StringEquals": {"k": "${j}"}})], "`j` is brought into what `k` is compared with"),
        ([statement(resource="arn:aws:s3:::${j}")], "`j` is brought into what `resource` is compared with"),
        (
            [statement(), deny("StringNotEquals", "k", "${j}"), PRESENT, deny("StringLikeIfExists", "j", "x*")],
            "`j` is brought into",
        ),
        ([statement(condition={"StringSounds": {"k": "a"}})], "`StringSounds` is not evaluated"),
        ([statement(), deny("StringSounds", "k", "a")], "`StringSounds` is not evaluated"),
        ([statement("Deny", condition={"StringSounds": {"k": "a"}})], "proof"),
        ([statement(condition={"StringSounds": {"k": "a"}}), statement("Deny")], "proof"),
        (
            [statement(), deny("NumericLessThan", "k", "1"), deny("StringLike", "k", "*"), deny("Null", "k", "true")],
            "a key is compared as values of different types",
        ),
    ],
)
def test_what_is_not_known_says_why(statements, why):
    """The action and the reason; never a proof where a predicate was left open that it needs."""
    answer = ask(evaluator(*statements))
    if why == "proof":
        assert isinstance(answer, Proof)
    else:
        assert isinstance(answer, NotKnown)
        assert answer.why.startswith("s3:GetObject: ")
        assert why in answer.why


def test_a_variable_that_may_hold_and_fail_does_not_hide_another_way():
    """What is left open does not keep a plain counterexample from being found."""
    found = evaluator(
        statement(condition={"StringEquals": {"k": "${j}"}}), statement(condition={"StringEquals": {"k": "a"}})
    )
    assert isinstance(ask(found), Counterexample)


def test_too_many_cells_are_not_known():
    """The key is named; a proof that needs none of them is still given."""
    many = {"ForAllValues:StringEquals": {"k": list("abcdefghij")}}
    answer = ask(evaluator(statement(), statement("Deny", condition=many)))
    assert isinstance(answer, NotKnown)
    assert "cells of `k`" in answer.why


@settings(max_examples=60)
@given(universes, st.integers(0, 60))
def test_a_search_that_is_cut_short_is_never_wrong(drawn, steps):
    """With few steps the answer is what it is with many, or it is said that they were too few."""
    decider = Evaluator(layers_of(drawn))
    short, full = (any_allowed(decider, ASKED, [GET], **more) for more in ({"steps": steps}, {}))
    if isinstance(short, NotKnown):
        assert f"budget of {steps} steps" in short.why
    else:
        assert type(short) is type(full)


def test_no_steps_are_too_few_for_what_has_to_be_searched():
    """What needs no search is answered all the same."""
    found = evaluator(statement(), deny("StringEquals", "k", "a"))
    answer = any_allowed(found, ASKED, [GET], steps=0)
    assert isinstance(answer, NotKnown)
    assert answer.why == "s3:GetObject: takes more than the budget of 0 steps"
    assert isinstance(any_allowed(evaluator(), ASKED, [GET], steps=0), Proof)
    assert isinstance(any_allowed(found, ASKED, [GET], steps=10), Counterexample)


# --- who holds a proof ---


def test_a_proof_for_want_of_an_allow_names_the_layer():
    """Nothing denies, so that nothing else could be named."""
    nothing = policy(statement(action="ec2:*"))
    away = replace(ASKED, resource=f"arn:aws:sqs:eu-west-1:{AWAY}:q")
    assert ask(evaluator()) == Proof((), "identity")
    assert ask(evaluator(statement(), boundary=(nothing,))) == Proof((), "boundary")
    assert ask(evaluator(statement(), session=())) == Proof((), "session")
    assert ask(evaluator(statement(), scps=((policy(statement()),), (nothing,)))) == Proof((), "scp")
    assert ask(evaluator(statement(), endpoint=(nothing,))) == Proof((), "endpoint")
    assert ask(evaluator(statement()), ["sqs:SendMessage"], away) == Proof((), "resource")


@given(universes, st.sampled_from([USER, SESSION]))
def test_the_only_deny_holds_the_proof_where_it_is_named(drawn, caller):
    """Without the one Deny that is named, a request is allowed; and where none is named, none is needed."""
    kept = {name: [each for each in found if each["Effect"] == "Allow"] for name, found in drawn.items()}
    denying = next(((name, each) for name, found in drawn.items() for each in found if each["Effect"] == "Deny"), None)
    if denying is None:
        return
    name, only = denying
    one = {**kept, name: [*kept[name], {**only, "Sid": "Only"}]}
    if name == "rcps" and not kept["rcps"]:
        return  # without the Deny this level is empty, and not one that only denies
    asked = replace(ASKED, principal=Principal.of(caller), resource="arn:aws:s3:::*")
    answer = ask(Evaluator(layers_of(one)), asked=asked)
    if not isinstance(answer, Proof):
        return
    without = ask(Evaluator(layers_of(kept)), asked=asked)
    assert [origin.sid for origin in answer.held_by] == ([] if isinstance(without, Proof) else ["Only"])
    assert bool(answer.layer) is not bool(answer.held_by)


def test_every_deny_that_a_proof_needs_is_named():
    """Each of the two leaves what the other takes."""
    found = evaluator(
        statement(),
        {**deny("StringEquals", "k", "a"), "Sid": "One"},
        {**deny("StringNotEquals", "k", "a"), "Sid": "Two"},
    )
    answer = ask(found)
    assert isinstance(answer, Proof)
    assert {origin.sid for origin in answer.held_by} == {"One", "Two"}


@settings(max_examples=150)
@given(universes)
def test_the_denies_that_are_named_are_enough(drawn):
    """With all other Denies taken out the proof still holds, so that a reader may look at these alone."""
    drawn = {**drawn, "identity": [statement(), *drawn["identity"]]}
    answer = ask(Evaluator(layers_of(drawn)))
    if not isinstance(answer, Proof):
        return
    named = {(origin.document, origin.index) for origin in answer.held_by}
    kept = {
        name: [each for place, each in enumerate(found) if each["Effect"] == "Allow" or (name, place) in named]
        for name, found in drawn.items()
    }
    assert isinstance(ask(Evaluator(layers_of(kept))), Proof)


# --- actions ---


def test_actions_are_asked_one_by_one():
    """The answer names the one that is allowed, and a proof is one for all of them."""
    found = evaluator(statement(action=["s3:Get*", "ec2:*"]), statement("Deny", action="ec2:*"))
    answer = ask(found, [PUT, "ec2:RunInstances", GET])
    assert isinstance(answer, Counterexample)
    assert answer.request.action == GET
    assert ask(found, ["ec2:RunInstances", PUT]) == Proof(ask(found, ["ec2:RunInstances"]).held_by, "")
    assert isinstance(ask(found, []), NotKnown)


def test_one_action_that_is_not_known_leaves_the_rest():
    """A counterexample for another is found, and no proof is given for all."""
    hanging = statement(action=GET, condition={"StringEquals": {"k": "${j}"}})
    assert isinstance(ask(evaluator(hanging), [GET, PUT]), NotKnown)
    assert isinstance(ask(evaluator(hanging, statement(action=PUT)), [GET, PUT]), Counterexample)


@pytest.mark.parametrize("before", [[], [GET], ["sts:GetFederationToken"]])
def test_what_needs_no_permission_is_allowed(before):
    """Nobody can be kept from asking who they are, so nothing proves it."""
    answer = ask(evaluator(statement("Deny")), [*before, "sts:GetCallerIdentity"])
    assert isinstance(answer, Counterexample)
    assert answer.request.action == "sts:GetCallerIdentity"


def test_actions_that_a_service_treats_differently_are_not_one():
    """A role's trust must allow to take it, and what it does not speak of needs none."""
    trust = policy(statement(action="s3:*", Principal="*"))
    found = evaluator(statement(), resource=trust)
    assert isinstance(ask(found, ["sts:AssumeRole"]), Proof)
    assert isinstance(ask(found, ["sts:AssumeRole", "sts:GetFederationToken"]), Counterexample)
    assert isinstance(ask(evaluator(statement()), ["kms:Decrypt", GET]), Counterexample)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:DeletePolicy", "arn:aws:iam::aws:policy/*"),
        ("kms:Decrypt", f"arn:aws:kms:eu-west-1:{HERE}:key/*"),
        ("kms:DeleteAlias", f"arn:aws:kms:eu-west-1:{HERE}:alias/aws/*"),
    ],
)
def test_what_a_service_keeps_from_everybody_has_no_counterexample(action, resource):
    """Whatever policies say."""
    assert not isinstance(ask(evaluator(statement()), [action], replace(ASKED, resource=resource)), Counterexample)


# --- resources ---


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        (None, Counterexample),
        ("*", Counterexample),
        ("arn:aws:s3:::prod", Proof),
        ("arn:aws:s3:::prod*", Counterexample),
        ("arn:aws:s3:::prod/*", Proof),
        ("arn:aws:s3:::pro?", Counterexample),
        ("arn:aws:s3:::pr?d", Counterexample),
        ("arn:aws:s3:::test", Counterexample),
        ("arn:aws:ec2:*:*:instance/*", Proof),
    ],
)
def test_only_resources_of_the_pattern_are_asked_for(resource, kind):
    """A Deny that covers the pattern proves it; one that covers a part of it does not."""
    found = evaluator(
        statement(resource="arn:aws:s3:::*"),
        statement("Deny", resource=["arn:aws:s3:::prod", "arn:aws:s3:::prod/*"]),
    )
    assert isinstance(ask(found, asked=replace(ASKED, resource=resource)), kind)


@pytest.mark.parametrize("account", ["*", "1111*", "11112222333?", "????????????", HERE])
def test_a_pattern_of_accounts_has_the_callers_own_in_it(account):
    """What another account would have to allow, their own need not."""
    asked = replace(ASKED, resource=f"arn:aws:sqs:eu-west-1:{account}:q")
    assert isinstance(ask(evaluator(statement()), ["sqs:SendMessage"], asked), Counterexample)


@pytest.mark.parametrize("resource", ["*", "arn:aws:sqs:*:*:*", f"arn:aws:sqs:*:{AWAY}:*"])
def test_another_accounts_resources_are_not_given_by_identity_policies(resource):
    """Their own policy would have to allow, and there is none."""
    found = evaluator(statement(resource=f"arn:aws:sqs:*:{AWAY}:*"))
    assert isinstance(ask(found, ["sqs:SendMessage"], replace(ASKED, resource=resource)), Proof)


def test_what_an_unread_policy_must_allow_is_not_known():
    """The evaluator says that it depends on it, so the reason is that policy."""
    answer = ask(
        evaluator(statement(), resource_unread=True),
        ["kms:Decrypt"],
        replace(ASKED, resource=f"arn:aws:kms:*:{HERE}:key/*"),
    )
    assert isinstance(answer, NotKnown)
    assert f":{HERE}:key/" in answer.why
    assert "the resource's policy, which is not known, must allow it" in answer.why


def test_a_question_about_some_resource_is_one_about_all_of_the_pattern():
    """`some` asks the evaluator what the search asks anyway."""
    asked = replace(ASKED, resource="arn:aws:s3:::a*", some=True)
    answer = ask(evaluator(statement(resource="arn:aws:s3:::ab")), asked=asked)
    assert isinstance(answer, Counterexample)
    assert not answer.request.some


@pytest.mark.parametrize(
    "operator", [{"StringEquals": {"aws:ResourceAccount": HERE}}, {"Null": {"aws:ResourceAccount": "false"}}]
)
def test_whose_a_resource_is_follows_from_it_though_all_keys_are_told(operator):
    """A request that says all its keys says nothing of this one, which AWS adds."""
    asked = replace(ASKED, resource=f"arn:aws:sqs:eu-west-1:{HERE}:*", complete=True)
    answer = ask(evaluator(statement(Condition=operator)), ["sqs:SendMessage"], asked)
    assert isinstance(answer, Counterexample)


# --- layers ---


@pytest.mark.parametrize(
    ("caller", "named", "limits", "kind"),
    [
        (USER, {"AWS": USER}, {"boundary": ()}, Counterexample),
        (USER, {"AWS": HERE}, {"boundary": ()}, Proof),
        (USER, "*", {"boundary": ()}, Counterexample),
        (SESSION, {"AWS": SESSION}, {"boundary": (), "session": ()}, Counterexample),
        (SESSION, {"AWS": ROLE}, {"session": ()}, Proof),
        (SESSION, {"AWS": ROLE}, {}, Counterexample),
        (USER, {"AWS": ROLE}, {}, Proof),
        ("ec2.amazonaws.com", {"Service": "ec2.amazonaws.com"}, {"scps": ((),)}, Counterexample),
        ("ec2.amazonaws.com", {"Service": "ec2.amazonaws.com"}, {"rcps": ((policy(statement("Deny")),),)}, Proof),
        ("*", "*", {}, Counterexample),
        ("*", {"AWS": HERE}, {}, Proof),
    ],
)
def test_layers_are_asked_as_the_evaluator_asks_them(caller, named, limits, kind):
    """What a resource's policy overrides for whom it names, it overrides in a proof as well."""
    found = Evaluator(Layers((), resource=policy(statement(Principal=named)), **limits))
    asked = replace(ASKED, principal=Principal.of(caller))
    assert isinstance(ask(found, asked=asked), kind)


def test_a_more_direct_allow_is_taken_where_the_other_is_limited():
    """Two Allows of one policy: the one for the account always holds, the one for the user overrides the boundary."""
    both = policy(
        statement(Principal={"AWS": HERE}), statement(Principal={"AWS": USER}, condition={"Bool": {"k": "true"}})
    )
    answer = ask(Evaluator(Layers((policy(statement()),), boundary=(), resource=both)))
    assert isinstance(answer, Counterexample)
    assert answer.request.context == {"k": "true"}


# --- how much there may be ---


@pytest.mark.parametrize("count", [1_500])
def test_many_denies_are_many_steps_and_no_deeper(count):
    """One Deny for each of many resources, and one for each of many keys."""
    by_resource = [statement("Deny", resource=f"arn:aws:s3:::b{each}") for each in range(count)]
    assert isinstance(ask(evaluator(statement(), *by_resource)), Counterexample)
    by_key = [deny("StringEquals", f"k{each}", "a") for each in range(count)]
    answer = ask(evaluator(statement(), *by_key))
    assert isinstance(answer, Counterexample | NotKnown)
