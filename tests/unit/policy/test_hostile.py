"""Documents and requests that outsiders make as large, deep and odd as they can: bounded work, an answer or an error."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchbill.policy.cases import run_case
from watchbill.policy.evaluate import Evaluator, Layers, evaluate
from watchbill.policy.grammar import grammar_error
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.prove import Counterexample, NotKnown, Proof, any_allowed
from watchbill.policy.statements import PolicyError, parse_policy


USER = Principal.of("arn:aws:iam::111122223333:user/james")
OBJECT = "arn:aws:s3:::orders/a"


def policy(*statements):
    """Parse statements as one policy."""
    return parse_policy({"Version": "2012-10-17", "Statement": list(statements)}, "p")


def statement(effect="Allow", action="*", resource="*", **conditions):
    """Give a statement; conditions are named by operator."""
    found = {"Effect": effect, "Action": action, "Resource": resource}
    return {**found, "Condition": conditions} if conditions else found


def ask(identity, resource=OBJECT, **context):
    """Decide whether the user may read an object."""
    request = Request("s3:GetObject", resource, context, complete=True, principal=USER)
    return evaluate(request, identity=[identity]).effect


def test_ten_megabytes_of_patterns_are_decided():
    """Ten megabytes of actions and resources: the one that matters is found, and nothing else allows."""
    filler = [f"arn:aws:s3:::bucket-{number:07d}-{'x' * 180}/*" for number in range(50_000)]
    large = policy(statement(resource=[*filler, OBJECT]), statement("Deny", [f"ec2:Never{n}" for n in range(10_000)]))
    assert len(json.dumps(filler)) > 10_000_000
    assert ask(large) is Effect.ALLOWED
    assert ask(large, "arn:aws:s3:::orders/b") is Effect.IMPLICITLY_DENIED


def test_ten_thousand_statements_are_decided_and_searched():
    """The last of ten thousand statements decides, for one request and for all."""
    allows = [statement(resource=f"arn:aws:s3:::b{number}/*") for number in range(9_999)]
    many = policy(*allows, statement("Deny", resource="arn:aws:s3:::b7/*"))
    assert ask(many, "arn:aws:s3:::b9998/a") is Effect.ALLOWED
    assert ask(many, "arn:aws:s3:::b7/a") is Effect.EXPLICITLY_DENIED
    evaluator = Evaluator(Layers((many,)))
    asked = Request("", "arn:aws:s3:::b7/*", {}, principal=USER)
    assert not isinstance(any_allowed(evaluator, asked, ["s3:GetObject"]), Counterexample)


@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*a*a*a*b", "*?a*?a*?a*?a*b", "?*" * 40 + "b", "a*" * 200 + "b"])
def test_a_pathological_glob_is_bounded(pattern):
    """What makes regular expressions take forever takes no longer than its lengths multiplied."""
    text = "a" * 20_000
    identity = policy(statement(resource=f"arn:aws:s3:::{pattern}"))
    assert ask(identity, f"arn:aws:s3:::{text}") is Effect.IMPLICITLY_DENIED
    assert ask(identity, f"arn:aws:s3:::{text}b") is Effect.ALLOWED
    like = policy(statement(StringLike={"aws:userid": pattern}))
    assert ask(like, **{"aws:userid": text}) is Effect.IMPLICITLY_DENIED


def test_variables_in_variables_are_text():
    """A variable brings in a value once; what looks like a variable in the value stays text."""
    deep = "${" * 5_000 + "aws:username" + "}" * 5_000
    assert ask(policy(statement(resource=f"arn:aws:s3:::{deep}"))) is Effect.IMPLICITLY_DENIED
    brought = policy(statement(StringEquals={"k": "${aws:userid}"}))
    assert ask(brought, k="${aws:username}", **{"aws:userid": "${aws:username}"}) is Effect.ALLOWED
    assert ask(brought, k="james", **{"aws:userid": "${aws:username}"}) is Effect.IMPLICITLY_DENIED


def test_thousands_of_values_are_compared():
    """A condition of fifty thousand values, asked with as many."""
    values = tuple(f"v{number}" for number in range(50_000))
    wide = policy(statement(**{"ForAllValues:StringEquals": {"k": list(values)}}))
    assert ask(wide, k=values) is Effect.ALLOWED
    assert ask(wide, k=(*values, "other")) is Effect.IMPLICITLY_DENIED


@pytest.mark.parametrize("odd", ["\ud800", "\x00", "\u202e", "a\nb", "🜁" * 1000, "\uffff"])
def test_odd_characters_are_characters(odd):
    """Lone surrogates, NUL, directions and line ends match themselves and nothing else."""
    exact = policy(statement(resource=f"arn:aws:s3:::{odd}"), statement("Deny", StringEquals={"k": odd}))
    assert ask(exact, f"arn:aws:s3:::{odd}") is Effect.ALLOWED
    assert ask(exact, "arn:aws:s3:::x") is Effect.IMPLICITLY_DENIED
    assert ask(exact, f"arn:aws:s3:::{odd}", k=odd) is Effect.EXPLICITLY_DENIED
    grammar_error({"Version": "2012-10-17", "Statement": statement(resource=f"arn:aws:s3:::{odd}")})


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("NumericEquals", "9" * 5_000),
        ("NumericEquals", "1e999999999"),
        ("DateEquals", "9" * 400),
        ("DateEquals", "99999-99-99T99:99:99Z"),
        ("IpAddress", "1" * 10_000),
        ("IpAddress", "::" * 1_000),
        ("BinaryEquals", "=" * 10_000),
        ("ArnLike", ":" * 10_000),
    ],
)
def test_values_beyond_all_bounds_allow_nothing(operator, value):
    """What is no number, date or address that can be told from others is never as wanted, as wanted itself."""
    found = ask(policy(statement(**{operator: {"k": value}})), k=value)
    assert (
        found is (Effect.ALLOWED if operator == "BinaryEquals" else Effect.IMPLICITLY_DENIED) or operator == "ArnLike"
    )
    assert ask(policy(statement(**{operator: {"k": value}})), k="x") is Effect.IMPLICITLY_DENIED


def test_a_number_of_thousands_of_digits_is_refused():
    """Python itself writes no such number."""
    with pytest.raises(PolicyError, match="too many digits"):
        policy(statement(NumericEquals={"k": 10**5000}))


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300)
@given(json_like, json_like, json_like)
def test_whatever_a_document_is_it_is_parsed_or_refused(one, other, third):
    """A wrong type anywhere is an error of ours, and never another."""
    for document in (
        one,
        {"Version": "2012-10-17", "Statement": one},
        {"Statement": [{"Effect": "Allow", "Action": one}]},
    ):
        try:
            parse_policy(document, "p")
        except PolicyError:
            continue
    full = {"Effect": "Allow", "Action": other, "Resource": third, "Condition": one, "Principal": other}
    try:
        parse_policy({"Version": "2012-10-17", "Statement": [full]}, "p")
    except PolicyError:
        return


@settings(max_examples=300)
@given(
    json_like, st.sampled_from(["decision", "decision-set", "operator", "condition", "grammar", "statement-part", "x"])
)
def test_whatever_a_case_says_it_has_a_result(found, layer):
    """A case that does not read disagrees and says why."""
    for case in (found, {"layer": layer, "expected": found, "request": found, "policies": found, "document": found}):
        assert run_case(case).reasons is not None


def test_variables_without_an_end_are_text():
    """A hundred thousand openings and no closing brace: looking for it from each would take the square."""
    opened = "${" * 100_000
    identity = policy(statement(resource=f"arn:aws:s3:::{opened}"))
    assert ask(identity, f"arn:aws:s3:::{opened}") is Effect.ALLOWED
    assert ask(identity, f"arn:aws:s3:::{opened}x") is Effect.IMPLICITLY_DENIED


def test_a_long_value_brought_in_often_is_put_together_once():
    """Two million characters come of a policy of eight thousand."""
    identity = policy(statement(resource="arn:aws:s3:::" + "${k}" * 2_000))
    value = "x" * 1_000
    assert ask(identity, "arn:aws:s3:::" + value * 2_000, k=value) is Effect.ALLOWED
    assert ask(identity, "arn:aws:s3:::" + value * 1_999, k=value) is Effect.IMPLICITLY_DENIED


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_date_whose_offset_leaves_the_calendar_is_no_date(date):
    """The proof has no cell for it, and so the decision must not hold either."""
    identity = policy(statement(DateEquals={"aws:CurrentTime": date}))
    assert ask(identity, **{"aws:CurrentTime": date}) is Effect.IMPLICITLY_DENIED


@pytest.mark.parametrize("name", ["root/x", "root/", "rootx", "user/root"])
def test_only_the_root_user_needs_no_policy(name):
    """Whatever else has the word in its name is asked as everyone is."""
    request = Request("s3:GetObject", OBJECT, {}, principal=Principal.of(f"arn:aws:iam::111122223333:{name}"))
    assert evaluate(request, identity=[]).effect is Effect.IMPLICITLY_DENIED
    root = Request("s3:GetObject", OBJECT, {}, principal=Principal.of("arn:aws:iam::111122223333:root"))
    assert evaluate(root, identity=[]).effect is Effect.ALLOWED


@pytest.mark.parametrize("name", ["/(a+)+$x/", "/(a*)*x/", "/(a|a){30}x/", "/a*a*a*a*a*a*a*x/"])
def test_an_expression_that_may_match_for_ever_is_refused(name):
    """A case is somebody else's text."""
    case = {
        "id": "x",
        "layer": "decision",
        "mode": "discovery",
        "policies": {"identity": [{"Version": "2012-10-17", "Statement": [statement(StringEquals={"a" * 60: "a"})]}]},
        "request": {"action": "s3:GetObject", "resource": OBJECT, "context": {}},
        "unknown_context": [{"keyName": name, "presenceIsKnown": True, "valueIsKnown": False}],
        "expected": {"decision": "Allowed"},
    }
    result = run_case(case)
    assert not result.agrees
    assert any("for ever" in reason for reason in result.reasons)


QUEUE = "arn:aws:sqs:eu-west-1:111122223333:q"


def of_many(kind):
    """Give statements by the ten thousand, of one kind, of which none or all of a queue's senders are left."""
    numbers = range(10_000)
    return {
        "allows": [*(statement(resource=f"{QUEUE}{n}") for n in numbers), statement("Deny", resource="arn:aws:sqs:*")],
        "denies": [statement(), *(statement("Deny", resource=f"{QUEUE}{n}") for n in numbers)],
        "numbers": [statement(), statement("Deny", NumericEquals={"k": [str(n) for n in numbers]}), statement("Deny", NumericNotEquals={"k": [str(n) for n in numbers]}), statement("Deny", Null={"k": "true"})],
        "networks": [statement(), statement("Deny", IpAddress={"k": [f"10.{n >> 8}.{n & 255}.0/24" for n in numbers]})],
        "keys": [statement(), *(statement("Deny", StringEquals={f"k{n}": "a"}) for n in numbers)],
        "keys allowed": [*(statement(StringEquals={f"k{n}": "a"}) for n in numbers), statement("Deny")],
        "stars": [statement(resource="arn:aws:sqs:::" + "a*" * 100_000)],
    }[kind]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("allows", Proof),
        ("denies", Counterexample),
        ("numbers", Proof),
        ("networks", Counterexample),
        ("keys", Counterexample),
        ("keys allowed", NotKnown),
        ("stars", Counterexample),
    ],
)
def test_a_search_through_many_statements_ends_with_what_is_so(kind, expected):
    """Cells times predicates would be a hundred million looks; what is above the budget says so."""
    asked = Request("", "arn:aws:sqs:*", {}, principal=USER)
    answer = any_allowed(Evaluator(Layers((policy(*of_many(kind)),))), asked, ["sqs:SendMessage"])
    assert isinstance(answer, expected), answer
    if isinstance(answer, NotKnown):
        assert "budget" in answer.why


def test_without_a_keys_own_policy_nobody_is_allowed_to_use_one():
    """The key's policy must allow (KMS Developer Guide, "Key policies"), whatever identity policies say of all."""
    identity = policy(statement(action="kms:*"))
    asked = Request("", "*", {}, principal=USER)
    assert isinstance(any_allowed(Evaluator(Layers((identity,))), asked, ["kms:Decrypt"]), Proof)
    listing = any_allowed(Evaluator(Layers((identity,))), asked, ["kms:ListKeys"])
    assert isinstance(listing, Counterexample)
