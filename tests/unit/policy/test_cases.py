"""Neutral cases, layer by layer: what they ask is asked, and what does not read disagrees with a reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchbill.policy.cases import run_case
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.sets import decide_set
from watchbill.policy.statements import parse_policy


USER = "arn:aws:iam::111122223333:user/james"
BUCKET = "arn:aws:s3:::b"


def document(*statements):
    """Give a document of the current version."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(effect="Allow", resource="*", condition=None, **more):
    """Give one statement."""
    return {"Effect": effect, "Action": "*", "Resource": resource, "Condition": condition or {}, **more}


def case(layer, expected, **more):
    """Give a case."""
    return {"id": "own/1", "layer": layer, "expected": expected, **more}


def decision(expected, *identity, request=None, layer="decision", policies=None, **more):
    """Give a case that asks for a decision."""
    asked = {"principal": USER, "action": "s3:GetObject", "resource": f"{BUCKET}/a", "context": {}, **(request or {})}
    return case(
        layer, expected, policies={"identity": [document(*identity)], **(policies or {})}, request=asked, **more
    )


def got(found):
    """Run a case that can be expressed, and give what we answer."""
    result = run_case(found)
    assert result.got is not None, result.reasons
    return result.got


TAGGED = {"StringEquals": {"aws:PrincipalTag/Team": "sre"}}


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (decision({}, statement()), "Allowed"),
        (decision({}), "ImplicitlyDenied"),
        (decision({}, statement(), statement("Deny")), "ExplicitlyDenied"),
        (decision({}, statement(condition=TAGGED), request={"context": {"AWS:principaltag/team": "sre"}}), "Allowed"),
        (decision({}, statement(condition=TAGGED), request={"context": {}}), "ImplicitlyDenied"),
        (decision({}, statement(condition=TAGGED), request={"context": {}}, tags=["existential-context"]), "Allowed"),
        (decision({}, statement(condition={"Bool": {"k": "true"}}), request={"context": {"k": True}}), "Allowed"),
        (decision({}, statement(condition={"NumericEquals": {"k": 5}}), request={"context": {"k": 5}}), "Allowed"),
        (decision({}, statement(condition={"Null": {"k": "true"}}), request={"context": {"k": None}}), "Allowed"),
        (decision({}, statement(condition={"ForAnyValue:StringEquals": {"k": "a"}}), request={"context": {"k": ["a", "b"]}}), "Allowed"),
        (decision({}, statement(condition={"StringEquals": {"aws:username": "james"}})), "ImplicitlyDenied"),
        (decision({}, statement(), request={"resource_account": "444455556666"}), "ImplicitlyDenied"),
        (decision({}, statement(), policies={"boundary": [document()]}), "ImplicitlyDenied"),
        (decision({}, statement(), policies={"boundary": None, "session": [], "scps": [], "rcps": None, "endpoint": []}), "Allowed"),
        (decision({}, statement(), policies={"session": [document(statement("Deny"))]}), "ExplicitlyDenied"),
        (decision({}, statement(), policies={"scps": [[document(statement())], [document()]]}), "ImplicitlyDenied"),
        (decision({}, statement(), policies={"scps": [[document(statement("Deny"))]]}, account_is_management=True), "Allowed"),
        (decision({}, statement(), policies={"scps": [[document(statement("Deny"))]]}, tags=["service-linked-role"]), "Allowed"),
        (decision({}, statement(), policies={"rcps": [[document(statement("Deny"))]]}), "ExplicitlyDenied"),
        (decision({}, statement(), policies={"endpoint": [document()]}), "ImplicitlyDenied"),
        (decision({}, policies={"resource": document(statement(Principal={"AWS": USER}))}), "Allowed"),
        (decision({}, policies={"resource": {"name": "r", "policy": document(statement(Principal="*"))}}), "Allowed"),
        (decision({}, request={"principal": {"type": "Service", "name": "ec2.amazonaws.com"}}, policies={"resource": document(statement(Principal={"Service": "ec2.amazonaws.com"}))}), "Allowed"),
        (decision({}, statement(), request={"principal": {"type": "Anonymous"}}), "ImplicitlyDenied"),
        (decision({}, request={"principal": {"type": "Anonymous"}}, policies={"resource": document(statement(Principal="*"))}), "Allowed"),
        (decision({}, statement(resource=f"{BUCKET}/a*"), request={"resource": f"{BUCKET}/*"}), "Allowed"),
        (decision({}, statement(), statement("Deny", resource=f"{BUCKET}/a*"), request={"resource": f"{BUCKET}/*"}), "Allowed"),
    ],
)  # fmt: skip
def test_a_decision_case_is_decided(found, answer):
    """Every layer of the format is taken, and a key that the context leaves out is absent."""
    assert got(found) == {"decision": answer}


def discovering(*statements, unknown, context=None):
    """Give a case in which only some keys are known."""
    request = {"context": context or {}}
    return decision({"decision": "Allowed"}, *statements, request=request, mode="discovery", unknown_context=unknown)


def knows(name, what):
    """Give what a case says of a key: that its value is known, its presence alone, or nothing."""
    return {"keyName": name, "presenceIsKnown": what != "nothing", "valueIsKnown": what == "value"}


ONLY_A = statement(condition={"StringEquals": {"k": "a"}})
NOT_A = statement("Deny", condition={"StringEquals": {"k": "a"}})


@pytest.mark.parametrize(
    ("statements", "unknown", "context", "answer"),
    [
        ([ONLY_A], [], {}, "Allowed"),
        ([ONLY_A], None, {"k": "b"}, "Allowed"),
        ([ONLY_A], [knows("k", "value")], {"k": "a"}, "Allowed"),
        ([ONLY_A], [knows("k", "value")], {"k": "b"}, "ImplicitlyDenied"),
        ([ONLY_A], [knows("K", "presence")], {"k": "b"}, "Allowed"),
        ([ONLY_A], [knows("k", "presence")], {}, "ImplicitlyDenied"),
        ([ONLY_A], [knows("k", "nothing")], {}, "Allowed"),
        ([ONLY_A], [knows("/^K$/", "value")], {"k": "b"}, "ImplicitlyDenied"),
        ([ONLY_A], [knows("/other/", "value")], {"k": "b"}, "Allowed"),
        ([statement(condition={"Null": {"k": "true"}})], [knows("k", "presence")], {"k": "a"}, "ImplicitlyDenied"),
        ([statement(), NOT_A], [], {}, "Allowed"),
        ([statement(), NOT_A], [knows("k", "value")], {"k": "a"}, "ExplicitlyDenied"),
        ([statement(), statement("Deny")], [], {}, "ExplicitlyDenied"),
        ([], [], {}, "ImplicitlyDenied"),
    ],
)
def test_in_discovery_what_depends_may_be_allowed(statements, unknown, context, answer):
    """Of a key that a case says nothing of, nothing is known; of one it speaks of, its presence or its value."""
    assert got(discovering(*statements, unknown=unknown, context=context)) == {"decision": answer}


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (case("operator", {}, operator="NumericLessThan", policy_values=["5"], context_value="4", context={}), True),
        (case("operator", {}, operator="NumericLessThan", policy_values="5", context_value=5), False),
        (case("operator", {}, operator="StringEqualsIfExists", policy_values=["a"], context={}), True),
        (case("operator", {}, operator="StringEquals", policy_values=["${k}"], context_value="a", context={"k": "a"}), True),
        (case("operator", {}, operator="StringSounds", policy_values=["a"], context_value="a"), False),
        (case("condition", {}, conditions=[["Bool", "k", "true"], ["Null", "j", ["true"]]], context={"k": "true"}), True),
        (case("condition", {}, conditions=[["Bool", "k", "true"], ["Null", "j", ["false"]]], context={"k": "true"}), False),
        (case("condition", {}, conditions=[], context={}), True),
        (case("statement-part", {}, part="NotAction", values=["s3:Get*"], request={"action": "S3:PutObject"}), True),
        (case("statement-part", {}, part="Action", values="s3:Get*", request={"action": "s3:getobject"}), True),
        (case("statement-part", {}, part="Resource", values=["arn:aws:s3:::${k}"], request={"resource": "arn:aws:s3:::a", "context": {"k": "a"}}), True),
        (case("statement-part", {}, part="NotResource", values=["arn:aws:s3:::a"], request={"resource": "arn:aws:s3:::a"}), False),
        (case("statement-part", {}, part="Principal", values={"AWS": "111122223333"}, request={"principal": USER}), True),
        (case("statement-part", {}, part="NotPrincipal", values={"AWS": USER}, request={"principal": USER}), False),
        (case("statement", {}, part="Action", statement=statement(), request={"action": "s3:GetObject"}), True),
        (case("statement", {}, part="Action", statement={"NotAction": "s3:*"}, request={"action": "s3:GetObject"}), False),
        (case("statement", {}, part="Condition", statement=ONLY_A, request={"context": {"k": "a"}}), True),
        (case("statement", {}, part="Condition", statement=ONLY_A, request={}), False),
        (case("pattern-overlap", {}, args=["a*", "*b"]), True),
        (case("pattern-overlap", {}, args=["bucket", "a*", "b*"]), False),
    ],
)  # fmt: skip
def test_a_case_of_a_part_is_matched(found, answer):
    """Operators, conditions, and parts of statements by themselves."""
    assert got(found) == {"matches": answer}


def test_a_document_is_held_against_the_grammar():
    """As an object or as text."""
    assert got(case("grammar", {"valid": True}, document=document(statement()))) == {"valid": True}
    broken = got(case("grammar", {"valid": False}, document='{"Version": 1'))
    assert broken["valid"] is False
    assert broken["error"]


@pytest.mark.parametrize(
    ("expected", "agrees"),
    [
        ({"decision": "ExplicitlyDenied"}, True),
        ({"decision": "Denied"}, True),
        ({"decision": "Allowed"}, False),
        ({"decision": "ImplicitlyDenied"}, False),
        ({"decision": "ExplicitlyDenied", "matches": True}, False),
        ({}, False),
        ({"decided": "ExplicitlyDenied"}, False),
        ({"conditions": []}, False),
        (None, False),
        ([], False),
    ],
)
def test_only_what_is_compared_agrees(expected, agrees):
    """A case that checks nothing does not pass, and one thing that differs is enough."""
    assert run_case(decision(expected, statement(), statement("Deny"))).agrees is agrees


def test_reasons_say_what_decided():
    """So that a disagreement can be read."""
    found = run_case(decision({"decision": "Allowed"}, statement("Deny", Sid="Stop")))
    assert found.reasons == ["blocked by identity", "by identity/0#Stop"]
    hanging = run_case(discovering(ONLY_A, unknown=[]))
    assert hanging.agrees
    assert "hangs on k" in hanging.reasons


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        "case",
        {},
        {"layer": "decision"},
        {"layer": "no-such-layer", "expected": {"matches": True}},
        {"layer": ["decision"]},
        case("decision", {"decision": "Allowed"}, policies=None, request={}),
        decision({"decision": "Allowed"}, {"Effect": "Maybe"}),
        decision({"decision": "Allowed"}, statement(), request={"principal": {"type": "Martian"}}),
        decision({"decision": "Allowed"}, statement(), request={"principal": 5}),
        decision({"decision": "Allowed"}, statement(), request={"action": None}),
        decision({"decision": "Allowed"}, statement(), request={"context": []}),
        decision({"decision": "Allowed"}, statement(), tags=5),
        discovering(ONLY_A, unknown=[{"keyName": "/[/"}]),
        discovering(ONLY_A, unknown=[{}]),
        discovering(ONLY_A, unknown=5),
        case("operator", {"matches": True}, operator=5, policy_values=["a"]),
        case("operator", {"matches": True}, operator="StringEquals"),
        case("condition", {"matches": True}, conditions=[["Bool"]]),
        case("statement-part", {"matches": True}, part="Sid", values=[], request={}),
        case("statement", {"matches": True}, part="Action", statement=[], request={}),
        case("pattern-overlap", {"matches": True}, args=["a"]),
        case("grammar", {"valid": True}),
        decision({"decision": "Allowed"}, statement("Deny", "arn:aws:sqs:::*a" + "?" * 18), request={"resource": "arn:aws:sqs:::*b" + "?" * 18 + "*"}),
    ],
)  # fmt: skip
def test_a_malformed_case_disagrees_and_says_why(found):
    """Whoever wrote it must see that it was not run; the run goes on."""
    result = run_case(found)
    assert result.agrees is False
    assert result.reasons


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
LAYERS = [
    "decision",
    "decision-set",
    "operator",
    "condition",
    "statement-part",
    "statement",
    "grammar",
    "pattern-overlap",
]
PARTS = ["Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"]


def mostly(*good):
    """Draw what belongs there, or anything."""
    return st.one_of(*(st.just(each) for each in good), *(st.just(each) for each in good), json)


almost = st.fixed_dictionaries(
    {"layer": st.sampled_from(LAYERS), "expected": mostly({"decision": "Allowed"}, {"matches": True})},
    optional={
        "policies": mostly({"identity": [document(ONLY_A)]}) | st.fixed_dictionaries(dict.fromkeys(("identity", "scps", "resource"), json)),
        "request": mostly({"action": "s3:GetObject", "resource": "*"}) | st.fixed_dictionaries({"action": json, "resource": json, "context": json, "principal": json}),
        "mode": st.just("discovery"),
        "unknown_context": st.lists(st.fixed_dictionaries({"keyName": json, "presenceIsKnown": json, "valueIsKnown": json}), max_size=2) | json,
        "tags": mostly(["existential-context"]),
        "operator": mostly("StringEquals", "Null"),
        "policy_values": mostly(["a"]),
        "context_value": json,
        "context": json,
        "conditions": mostly([["StringEquals", "k", "a"]]) | st.lists(st.lists(json, max_size=3), max_size=2),
        "part": st.sampled_from(PARTS) | json,
        "values": mostly(["*"]),
        "statement": mostly(ONLY_A),
        "document": mostly(document(ONLY_A)),
        "args": st.lists(json, max_size=3) | json,
    },
)  # fmt: skip


@settings(max_examples=400)
@given(json | almost)
def test_no_case_raises(found):
    """Whatever stands in a line, it is one result."""
    result = run_case(found)
    assert result.agrees in (True, False)
    assert result.got is not None or (result.reasons and not result.agrees)


# --- requests about the resources of a pattern ---


def policy(*statements):
    """Parse statements as one policy."""
    return parse_policy(document(*statements), "p")


def sets(asked, *identity, **layers):
    """Give the overall effect, and the effect of each part."""
    found = Evaluator(Layers((policy(*identity),), **layers))
    request = Request("s3:GetObject", asked, {}, complete=True, principal=Principal.of(USER))
    overall, parts = decide_set(found, request)
    return str(overall), {pattern: str(each.effect) for pattern, each in parts.items()}


A, NO, E = "Allowed", "ImplicitlyDenied", "ExplicitlyDenied"


@pytest.mark.parametrize(
    ("asked", "statements", "expected"),
    [
        (f"{BUCKET}/x", [statement()], (A, {f"{BUCKET}/x": A})),
        (f"{BUCKET}/x", [], (NO, {f"{BUCKET}/x": NO})),
        ("arn:aws:s3:::*", [statement(resource=["arn:*:s3:*:*:c/x", "arn:aws:s3:::c*"]), statement("Deny", resource="arn:aws:s3:::c*")], (E, {"arn:*:s3:*:*:c/x": E, "arn:aws:s3:::c*": E})),
        ("arn:aws:s3:::c/*", [statement(resource="arn:aws:s3:::*/x"), statement("Deny", resource="arn:aws:s3:::c/*")], (E, {"arn:aws:s3:::c/*": E})),
        ("arn:aws:s3:::c/*", [statement(resource="arn:aws:s3:::*/x"), statement("Deny", resource="arn:aws:s3:::d/*")], (A, {"arn:aws:s3:::*/x": A})),
        (f"{BUCKET}/*", [], (NO, {})),
        (f"{BUCKET}/*", [statement("Deny")], (E, {f"{BUCKET}/*": E})),
        (f"{BUCKET}/*", [statement(resource="arn:aws:s3:::c/*")], (NO, {})),
        (f"{BUCKET}/*", [statement(resource=f"{BUCKET}/*"), statement("Deny", f"{BUCKET}/x*")], (A, {f"{BUCKET}/*": A})),
        (
            f"{BUCKET}/*",
            [statement(resource=[f"{BUCKET}/x1*", f"{BUCKET}/y*"]), statement("Deny", f"{BUCKET}/x*")],
            (A, {f"{BUCKET}/x1*": E, f"{BUCKET}/y*": A}),
        ),
        (
            f"{BUCKET}/*",
            [statement(resource=f"{BUCKET}/x1*"), statement("Deny", f"{BUCKET}/x*")],
            (E, {f"{BUCKET}/x1*": E}),
        ),
        ("arn:aws:s3:::home/*", [statement(resource="arn:aws:s3:::home/${aws:username}/*")], (A, {"arn:aws:s3:::home/${aws:username}/*": A})),
    ],
)  # fmt: skip
def test_a_pattern_is_decided_part_by_part(asked, statements, expected):
    """Allowed where some part is; denied as a whole it has no parts."""
    assert sets(asked, *statements) == expected


def test_other_layers_give_no_parts_and_take_them():
    """A boundary is asked of each part, and names none."""
    edge = policy(statement(resource=f"{BUCKET}/a*"))
    found = sets(f"{BUCKET}/*", statement(resource=[f"{BUCKET}/a*", f"{BUCKET}/x*"]), boundary=(edge,))
    assert found == (A, {f"{BUCKET}/a*": A, f"{BUCKET}/x*": NO})


def test_a_set_is_denied_explicitly_where_every_part_is():
    """One part that nothing allows makes it an implicit denial."""
    edge = policy(statement(resource=f"{BUCKET}/x*"))
    found = [statement(resource=[f"{BUCKET}/x1*", f"{BUCKET}/y*"]), statement("Deny", f"{BUCKET}/x*")]
    assert sets(f"{BUCKET}/*", *found, boundary=(edge,)) == (NO, {f"{BUCKET}/x1*": E, f"{BUCKET}/y*": NO})


def test_what_is_allowed_but_for_a_part_is_said_in_either_shape():
    """As a mapping or as a list of rows, by what the case expects."""
    asked = {"resource": f"{BUCKET}/*"}
    one = decision({"decision": A, "results": {"*": A}}, statement(), request=asked, layer="decision-set")
    assert run_case(one).agrees
    two = decision(
        {"decision": A, "results": [{"pattern": "*", "decision": A}]}, statement(), request=asked, layer="decision-set"
    )
    assert run_case(two).agrees
    other = decision({"decision": A, "results": {}}, statement(), request=asked, layer="decision-set")
    assert not run_case(other).agrees


@given(
    st.lists(
        st.builds(
            statement,
            st.sampled_from(["Allow", "Allow", "Deny"]),
            st.sampled_from(["*", BUCKET, f"{BUCKET}/*", f"{BUCKET}/a*", f"{BUCKET}/ab"]),
        ),
        max_size=4,
    )
)
def test_a_set_is_allowed_only_where_one_of_its_parts_is(statements):
    """The overall answer is none that no part gives."""
    found = Evaluator(Layers((policy(*statements),)))
    request = Request("s3:GetObject", f"{BUCKET}/*", {}, complete=True, principal=Principal.of(USER))
    overall, parts = decide_set(found, request)
    effects = [each.effect for each in parts.values()]
    assert (overall is Effect.ALLOWED) is (Effect.ALLOWED in effects)
    assert overall is not Effect.EXPLICITLY_DENIED or set(effects) == {Effect.EXPLICITLY_DENIED}
