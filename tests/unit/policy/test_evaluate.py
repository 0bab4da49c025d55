"""Decisions over the layers this release has: what decides, what blocks, and that unknown never becomes allowed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchbill.policy.evaluate import evaluate, trusts
from watchbill.policy.model import Effect, Request
from watchbill.policy.rules import Policy
from watchbill.policy.statements import parse_policy


ALLOWED, DEPENDS = Effect.ALLOWED, Effect.DEPENDS
IMPLICIT, EXPLICIT = Effect.IMPLICITLY_DENIED, Effect.EXPLICITLY_DENIED
OBJECT = "arn:aws:s3:::orders/2026/a"
REQUEST = Request("s3:GetObject", OBJECT, {}, complete=True)
ROLE, USER = "arn:aws:iam::111122223333:role/oncall", "arn:aws:iam::111122223333:user/james"
TAKE = Request("sts:AssumeRole", ROLE, {"aws:MultiFactorAuthPresent": "true"}, complete=True)


def statement(effect="Allow", action="*", resource="*", **more):
    """Give one statement; `not_action` and `not_resource` take the place of what they negate."""
    found = {"Effect": effect, "Action": action, "Resource": resource}
    for name, element in (("not_action", "Action"), ("not_resource", "Resource")):
        if name in more:
            del found[element]
            found[f"Not{element}"] = more[name]
    if "condition" in more:
        found["Condition"] = more["condition"]
    if "sid" in more:
        found["Sid"] = more["sid"]
    return found


def policy(*statements, name="p"):
    """Parse statements as one policy."""
    return parse_policy({"Version": "2012-10-17", "Statement": list(statements)}, name)


def decide(*statements, request=REQUEST, **layers):
    """Decide by one identity policy and whatever other layers there are."""
    return evaluate(request, identity=[policy(*statements)], **layers)


ALLOW, DENY = statement(), statement("Deny")
BY_KEY = {"StringEquals": {"aws:userid": "x"}}
MAYBE_ALLOW, MAYBE_DENY = statement(condition=BY_KEY), statement("Deny", condition=BY_KEY)
ODD = {"StringSounds": {"k": "a"}}
ODD_ALLOW, ODD_DENY = statement(condition=ODD), statement("Deny", condition=ODD)
OTHER_ALLOW, OTHER_DENY = statement(action="ec2:*"), statement("Deny", action="ec2:*")


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], IMPLICIT),
        ([OTHER_ALLOW], IMPLICIT),
        ([ALLOW], ALLOWED),
        ([DENY], EXPLICIT),
        ([ALLOW, DENY], EXPLICIT),
        ([DENY, ALLOW], EXPLICIT),
        ([ALLOW, OTHER_DENY], ALLOWED),
        ([MAYBE_ALLOW], DEPENDS),
        ([MAYBE_DENY], IMPLICIT),
        ([ALLOW, MAYBE_DENY], DEPENDS),
        ([ALLOW, MAYBE_ALLOW], ALLOWED),
        ([MAYBE_ALLOW, MAYBE_DENY], DEPENDS),
        ([MAYBE_ALLOW, DENY], EXPLICIT),
        ([MAYBE_DENY, DENY], EXPLICIT),
        ([ODD_ALLOW], DEPENDS),
        ([ODD_DENY], IMPLICIT),
        ([ALLOW, ODD_DENY], DEPENDS),
        ([ALLOW, ODD_ALLOW], ALLOWED),
        ([ODD_ALLOW, DENY], EXPLICIT),
    ],
)
def test_an_explicit_deny_beats_allow_and_silence_denies(statements, expected):
    """The first rules of IAM, with statements that surely apply, may apply, and cannot be evaluated."""
    request = replace(REQUEST, complete=False)
    assert decide(*statements, request=request).effect is expected
    assert decide(*reversed(statements), request=request).effect is expected


@pytest.mark.parametrize(
    ("identity", "boundary", "session", "effect", "layer"),
    [
        (ALLOW, None, None, ALLOWED, None),
        (ALLOW, ALLOW, ALLOW, ALLOWED, None),
        (OTHER_ALLOW, ALLOW, ALLOW, IMPLICIT, "identity"),
        (ALLOW, OTHER_ALLOW, ALLOW, IMPLICIT, "boundary"),
        (ALLOW, ALLOW, OTHER_ALLOW, IMPLICIT, "session"),
        (OTHER_ALLOW, OTHER_ALLOW, OTHER_ALLOW, IMPLICIT, "identity"),
        (DENY, ALLOW, ALLOW, EXPLICIT, "identity"),
        (ALLOW, DENY, ALLOW, EXPLICIT, "boundary"),
        (ALLOW, ALLOW, DENY, EXPLICIT, "session"),
        (OTHER_ALLOW, ALLOW, DENY, EXPLICIT, "session"),
        (ALLOW, MAYBE_ALLOW, ALLOW, DEPENDS, "boundary"),
        (ALLOW, ALLOW, MAYBE_ALLOW, DEPENDS, "session"),
        (MAYBE_ALLOW, OTHER_ALLOW, None, IMPLICIT, "boundary"),
        (ALLOW, MAYBE_ALLOW, DENY, EXPLICIT, "session"),
        (MAYBE_DENY, ALLOW, None, IMPLICIT, "identity"),
    ],
)
def test_every_layer_that_is_there_must_allow(identity, boundary, session, effect, layer):
    """A boundary or a session policy gives nothing and takes what it does not name; the blocker is named."""
    layers = {"boundary": boundary, "session": session}
    given_layers = {name: [policy(found)] for name, found in layers.items() if found is not None}
    decision = decide(identity, request=replace(REQUEST, complete=False), **given_layers)
    assert (decision.effect, decision.layer) == (effect, layer)


@pytest.mark.parametrize("layer", ["boundary", "session"])
def test_a_layer_that_is_empty_allows_nothing(layer):
    """Empty means no, and none means not there: a role without a boundary is not one with an empty boundary."""
    assert decide(ALLOW, **{layer: []}).effect is IMPLICIT
    assert decide(ALLOW, **{layer: [Policy("empty", ())]}).effect is IMPLICIT
    assert decide(ALLOW, **{layer: None}).effect is ALLOWED


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("s3:GetObject", True),
        ("S3:getobject", True),
        ("s3:Get*", True),
        ("s3:*", True),
        ("*", True),
        ("*:*", True),
        ("s3:GetObjec?", True),
        ("s3:Put*", False),
        ("s3:GetObjectAcl", False),
        ("s3:Get", False),
        (["s3:Put*", "s3:Get*"], True),
    ],
)
def test_actions_are_globs_without_regard_to_case(action, expected):
    """`Action` and `NotAction` with the same patterns split all actions between them."""
    assert (decide(statement(action=action)).effect is ALLOWED) is expected
    assert (decide(statement(not_action=action)).effect is ALLOWED) is not expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (OBJECT, True),
        ("*", True),
        ("arn:aws:s3:::orders/*", True),
        ("arn:aws:s3:::*/a", True),
        ("arn:*:s3:::orders/2026/?", True),
        ("arn:aws:s3", True),
        ("arn:aws:s3:*", True),
        ("arn:aws:sqs", False),
        ("arn:aws:s3:::orders", False),
        ("arn:aws:s3:::Orders/*", False),
        (["arn:aws:s3:::other", "arn:aws:s3:::orders/2026/*"], True),
    ],
)
def test_resources_are_globs_with_regard_to_case(resource, expected):
    """`Resource` and `NotResource` split all resources; an ARN that is cut short stands for all that could follow."""
    assert (decide(statement(resource=resource)).effect is ALLOWED) is expected
    assert (decide(statement(not_resource=resource)).effect is ALLOWED) is not expected


def test_a_resource_that_is_not_known_matches_only_a_star():
    """What was acted on may lie outside any narrower resource, so nothing narrower may allow it."""
    request = replace(REQUEST, resource="*")
    assert decide(ALLOW, request=request).effect is ALLOWED
    assert decide(statement(resource="arn:aws:s3:::*"), request=request).effect is IMPLICIT


HOME = "arn:aws:s3:::home/${aws:username}/*"
TEAM = "arn:aws:s3:::home/${aws:PrincipalTag/team, 'all'}/*"


@pytest.mark.parametrize(
    ("resource", "request_", "effect"),
    [
        (HOME, Request("s3:GetObject", "arn:aws:s3:::home/james/a", {"aws:username": "james"}), ALLOWED),
        (HOME, Request("s3:GetObject", "arn:aws:s3:::home/rick/a", {"aws:username": "james"}), IMPLICIT),
        (HOME, Request("s3:GetObject", "arn:aws:s3:::home/rick/a", {"aws:username": "*"}), IMPLICIT),
        (HOME, Request("s3:GetObject", "arn:aws:s3:::home/rick/a", {}), DEPENDS),
        (HOME, Request("s3:GetObject", "arn:aws:s3:::away/rick/a", {}), IMPLICIT),
        (HOME, Request("s3:GetObject", "arn:aws:s3:::home//a", {}, complete=True), IMPLICIT),
        (TEAM, Request("s3:GetObject", "arn:aws:s3:::home/all/a", {}, complete=True), ALLOWED),
        (TEAM, Request("s3:GetObject", "arn:aws:s3:::home/all/a", {}), DEPENDS),
        (TEAM, Request("s3:GetObject", "arn:aws:s3:::home/sre/a", {"aws:PrincipalTag/team": "sre"}), ALLOWED),
        ([HOME, "arn:aws:s3:::home/*"], Request("s3:GetObject", "arn:aws:s3:::home/rick/a", {}), ALLOWED),
        (["arn:aws:s3:::home/*", HOME], Request("s3:GetObject", "arn:aws:s3:::home/rick/a", {}), ALLOWED),
    ],
)
def test_a_variable_in_a_resource(resource, request_, effect):
    """A home folder is its owner's alone, and whose it is hangs on a key that may not be known."""
    decision = decide(statement(resource=resource), request=request_)
    assert decision.effect is effect
    if effect is DEPENDS:
        assert decision.unknown_keys[0] in ("aws:username", "aws:PrincipalTag/team")


def test_a_document_of_the_old_version_has_no_variables():
    """Before 2012-10-17 a dollar and a brace are a dollar and a brace."""
    document = {"Statement": [statement(resource="arn:aws:s3:::home/${aws:username}")]}
    found = parse_policy(document, "old")
    for resource, effect in (("arn:aws:s3:::home/james", IMPLICIT), ("arn:aws:s3:::home/${aws:username}", ALLOWED)):
        request = Request("s3:GetObject", resource, {"aws:username": "james"}, complete=True)
        assert evaluate(request, identity=[found]).effect is effect


@pytest.mark.parametrize(
    ("condition", "known", "effect"),
    [
        ({"StringEquals": {"a": "1", "b": "1"}}, {"a": "1", "b": "1"}, ALLOWED),
        ({"StringEquals": {"a": "1", "b": "1"}}, {"a": "1", "b": "2"}, IMPLICIT),
        ({"StringEquals": {"a": "1"}, "StringNotEquals": {"a": "1"}}, {"a": "1"}, IMPLICIT),
        ({"StringEquals": {"a": ["2", "1"]}}, {"a": "1"}, ALLOWED),
        ({"StringEquals": {"a": "1", "b": "1"}}, {"b": "2"}, IMPLICIT),
        ({"StringEquals": {"a": "1", "b": "1"}}, {"b": "1"}, DEPENDS),
        ({"Bool": {"a": True}}, {"a": "true"}, ALLOWED),
        ({"NumericLessThan": {"a": 5}}, {"a": "4"}, ALLOWED),
        ({}, {}, ALLOWED),
        ({**ODD, "StringEquals": {"a": "1"}}, {"a": "2"}, IMPLICIT),
        ({**ODD, "StringEquals": {"a": "1"}}, {"a": "1"}, DEPENDS),
        ({**ODD, "StringEquals": {"a": "1"}}, {}, DEPENDS),
    ],
)
def test_all_entries_of_a_condition_must_hold(condition, known, effect):
    """One entry that fails decides, though another is not known or cannot be evaluated."""
    request = replace(REQUEST, context=known, complete=False)
    assert decide(statement(condition=condition), request=request).effect is effect


def test_a_decision_names_what_decided():
    """An answer can be checked by opening the document at the statement it names."""
    first = policy(statement(action="ec2:*"), statement(sid="Read"), name="one")
    second = policy(statement("Deny", action="s3:Get*", sid="Stop"), name="two")
    allowed = evaluate(REQUEST, identity=[first], boundary=[policy(ALLOW, name="edge")])
    assert [str(origin) for origin in allowed.deciding] == ["one#Read", "edge#0"]
    denied = evaluate(REQUEST, identity=[first, second])
    assert [str(origin) for origin in denied.deciding] == ["two#Stop"]
    silent = evaluate(REQUEST, identity=[policy(OTHER_ALLOW)])
    assert silent.deciding == ()


def test_an_answer_that_depends_names_the_keys_it_hangs_on():
    """Only the keys of statements that could still turn the answer, each once."""
    odd = {"StringEquals": {"aws:userid": "x", "aws:SourceIp": "y"}, "StringNotEquals": {"aws:userid": "z"}}
    aside = statement("Deny", action="ec2:*", condition={"StringEquals": {"aside": "x"}})
    decision = decide(ALLOW, statement("Deny", condition=odd), aside, request=replace(REQUEST, complete=False))
    assert decision.effect is DEPENDS
    assert decision.unknown_keys == ("aws:userid", "aws:SourceIp")
    assert [origin.index for origin in decision.deciding] == [1]


@pytest.mark.parametrize(
    "statements", [[ODD_ALLOW], [ALLOW, ODD_DENY], [ODD_DENY], [ODD_ALLOW, DENY], [ALLOW, ODD_ALLOW]]
)
def test_what_was_not_evaluated_is_said_whatever_the_answer(statements):
    """Nothing is skipped in silence, though the answer may not need it."""
    (found,) = decide(*statements).not_evaluable
    assert "`StringSounds` is not evaluated" in found[1]


def test_a_statement_that_does_not_apply_is_not_said_to_be_unevaluated():
    """Noise about statements on other actions or resources would hide the one that matters."""
    aside = [statement(action="ec2:*", condition=ODD), statement(resource="arn:aws:s3:::x", condition=ODD)]
    assert decide(ALLOW, *aside).not_evaluable == ()


def trust(*statements):
    """Parse a trust policy."""
    found = [{"Effect": "Allow", "Action": "sts:AssumeRole", **each} for each in statements]
    return parse_policy({"Version": "2012-10-17", "Statement": found}, "trust")


MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
NO_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "false"}}


@pytest.mark.parametrize(
    ("statements", "effect"),
    [
        ([{"Principal": {"AWS": USER}}], ALLOWED),
        ([{"Principal": {"AWS": [USER.replace("james", "rick"), USER]}}], ALLOWED),
        ([{"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}], ALLOWED),
        ([{"Principal": {"AWS": "111122223333"}}], ALLOWED),
        ([{"Principal": "*"}], ALLOWED),
        ([{"Principal": {"AWS": "*"}}], ALLOWED),
        ([{"Principal": {"AWS": USER.replace("james", "rick")}}], IMPLICIT),
        ([{"Principal": {"AWS": USER.replace("james", "*")}}], IMPLICIT),
        ([{"Principal": {"AWS": "arn:aws:iam::999900001111:root"}}], IMPLICIT),
        ([{"Principal": {"AWS": "arn:aws-cn:iam::111122223333:root"}}], IMPLICIT),
        ([{"Principal": {"Service": "ec2.amazonaws.com"}}], IMPLICIT),
        ([{"Principal": {"Federated": USER}}], IMPLICIT),
        ([{"Principal": {"AWS": USER}, "Action": "sts:TagSession"}], IMPLICIT),
        ([{"Principal": {"AWS": USER}, "Condition": MFA}], ALLOWED),
        ([{"Principal": {"AWS": USER}, "Condition": NO_MFA}], IMPLICIT),
        ([{"Principal": {"AWS": USER}}, {"Effect": "Deny", "Principal": "*", "Condition": MFA}], EXPLICIT),
        ([{"Principal": {"AWS": USER}}, {"Effect": "Deny", "Principal": "*", "Condition": NO_MFA}], ALLOWED),
        ([{"Principal": {"AWS": USER}, "Condition": ODD}], DEPENDS),
        ([{"NotPrincipal": {"AWS": USER.replace("james", "rick")}}], ALLOWED),
        ([{"NotPrincipal": {"AWS": USER}}], IMPLICIT),
        ([{"Principal": {"AWS": USER}}, {"Effect": "Deny", "NotPrincipal": {"AWS": USER}}], ALLOWED),
        ([{"Principal": "*"}, {"Effect": "Deny", "NotPrincipal": {"AWS": USER.replace("james", "rick")}}], EXPLICIT),
        ([{"Effect": "Deny", "NotPrincipal": {"AWS": USER}}], IMPLICIT),
        ([], IMPLICIT),
    ],
)
def test_a_role_trusts_whom_its_policy_names(statements, effect):
    """By ARN, by account, or everybody; no pattern names a person, and `NotPrincipal` names all but those it lists."""
    decision = trusts(TAKE, trust(*statements), USER)
    assert decision.effect is effect
    assert bool(decision.not_evaluable) is ("StringSounds" in str(statements))


def test_the_root_of_an_account_is_that_of_its_partition():
    """An account of another partition has the same form of name and is another."""
    user = "arn:aws-us-gov:iam::111122223333:user/james"
    for partition, effect in (("aws-us-gov", ALLOWED), ("aws", IMPLICIT)):
        root = {"Principal": {"AWS": f"arn:{partition}:iam::111122223333:root"}}
        assert trusts(TAKE, trust(root), user).effect is effect


def test_a_principal_that_is_no_arn_is_trusted_only_by_name_or_star():
    """A name that has no account must not be of every account."""
    root = trust({"Principal": {"AWS": ["arn:aws:iam:::root", ""]}})
    assert trusts(TAKE, root, "AIDAEXAMPLE").effect is IMPLICIT
    assert trusts(TAKE, trust({"Principal": {"AWS": "AIDAEXAMPLE"}}), "AIDAEXAMPLE").effect is ALLOWED


MANY = 500
"""Examples of a property that only a rare meeting of statements could break."""

# Few keys and values, close together, so that what is drawn collides and statements do apply.
texts = st.sampled_from(["a", "b", "1", "true", "${j}", "${k, 'a'}", "*"])
seldom = st.sampled_from([False, False, False, True])
operators = st.sampled_from(
    [
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringEqualsIfExists",
        "NumericLessThan",
        "Bool",
        "Null",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringNotEquals",
        "BinaryEquals",
        "StringSounds",
    ]
)
conditions = st.dictionaries(
    operators,
    st.dictionaries(st.sampled_from(["j", "k"]), st.lists(texts, max_size=2), min_size=1, max_size=2),
    max_size=2,
)
resources = st.lists(
    st.sampled_from(["*", "arn:aws:s3:::a", "arn:aws:s3:::b*", "arn:aws:s3:::${j}", "arn:aws:s3:::${j, 'a'}"]),
    min_size=1,
    max_size=2,
)


def statements_of(effects):
    """Draw statements, negated elements among them."""
    return st.builds(
        lambda effect, action, negate_action, resource, negate_resource, condition: statement(
            effect,
            condition=condition,
            **({"not_action": action} if negate_action else {"action": action}),
            **({"not_resource": resource} if negate_resource else {"resource": resource}),
        ),
        effects,
        st.sampled_from(["*", "s3:Get*", "s3:Put*"]),
        seldom,
        resources,
        seldom,
        conditions,
    )


several = st.lists(statements_of(st.sampled_from(["Allow", "Allow", "Deny"])), max_size=3)
answers = st.sampled_from([None, "a", "b", "1", "true", "0", ("a", "b"), ()])
layered = st.fixed_dictionaries({"identity": several}, optional={"session": several})


def parsed(layers):
    """Parse every layer that was drawn."""
    return {name: [policy(*found, name=name)] for name, found in layers.items()}


def request_with(k, j, *, known_j=True):
    """Give a request with two keys, each of a value or absent; the second may be left unknown."""
    known = {"k": k, **({"j": j} if known_j else {})}
    context = {key: value for key, value in known.items() if value is not None}
    absent = frozenset(key for key, value in known.items() if value is None)
    return Request("s3:GetObject", "arn:aws:s3:::a", context, absent)


@settings(max_examples=MANY)
@given(layered, answers, answers, st.data())
def test_one_more_deny_never_allows(layers, k, j, data):
    """Taking rights away must not be able to give any, in whichever layer and at whichever place."""
    name = data.draw(st.sampled_from(sorted(layers)))
    place = data.draw(st.integers(0, len(layers[name])))
    deny = data.draw(statements_of(st.just("Deny")))
    more = {**layers, name: [*layers[name][:place], deny, *layers[name][place:]]}
    request = request_with(k, j, known_j=data.draw(st.booleans()))
    before, after = evaluate(request, **parsed(layers)), evaluate(request, **parsed(more))
    assert after.effect is not ALLOWED or before.effect is ALLOWED
    assert before.effect is not EXPLICIT or after.effect is EXPLICIT


@settings(max_examples=MANY)
@given(layered, answers, answers)
def test_an_answer_given_without_a_key_holds_for_every_value_of_it(layers, k, j):
    """Allowed stays allowed and denied stays denied when a key becomes known; only Depends may turn."""
    before = evaluate(request_with(k, j, known_j=False), **parsed(layers))
    after = evaluate(request_with(k, j), **parsed(layers))
    expected = {
        ALLOWED: {ALLOWED},
        EXPLICIT: {EXPLICIT},
        IMPLICIT: {IMPLICIT, EXPLICIT},
        DEPENDS: {ALLOWED, IMPLICIT, EXPLICIT, DEPENDS},
    }
    assert after.effect in expected[before.effect]
    assert before.effect is not DEPENDS or before.unknown_keys or before.not_evaluable
    assert after.effect is not DEPENDS or after.not_evaluable


@given(layered, answers)
def test_only_keys_that_are_missing_are_named(layers, k):
    """An answer that is given hangs on nothing, and one that depends does not blame what it knows."""
    before = evaluate(request_with(k, None, known_j=False), **parsed(layers))
    assert set(before.unknown_keys) <= {"j"}
    assert bool(before.unknown_keys) <= (before.effect is DEPENDS)


@given(several, answers, answers)
def test_what_cannot_be_evaluated_never_allows(statements, k, j):
    """Were every Allow in doubt, nothing would be allowed, whatever else is there."""
    doubted = [
        {**each, "Condition": {**each["Condition"], "StringSounds": {"b": "a"}}} if each["Effect"] == "Allow" else each
        for each in statements
    ]
    decision = evaluate(request_with(k, j), identity=[policy(*doubted)])
    assert decision.effect is not ALLOWED


@given(layered, answers, answers, st.booleans())
def test_the_order_of_statements_decides_nothing(layers, k, j, known_j):
    """IAM has no first match, so neither have we."""
    turned = {name: list(reversed(found)) for name, found in layers.items()}
    request = request_with(k, j, known_j=known_j)
    assert evaluate(request, **parsed(layers)).effect is evaluate(request, **parsed(turned)).effect
