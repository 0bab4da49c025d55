"""The words of what an answer hangs on: each operator, what must be and what must not, and what was not read."""

import pytest

from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import ConditionEntry, Effect, Principal, Request
from watchbill.policy.residual import conditions, rules_of, words
from watchbill.policy.statements import parse_policy


USER = "arn:aws:iam::111122223333:user/james"
ASKED = Request("s3:GetObject", "arn:aws:s3:::orders/a", {}, principal=Principal.of(USER))
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
NEAR = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}


def statement(effect="Allow", condition=None, **more):
    """Give one statement."""
    return {"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition or {}, **more}


def policy(*statements, name="p"):
    """Parse statements as one policy."""
    return parse_policy({"Version": "2012-10-17", "Statement": list(statements)}, name)


def said(*identity, request=ASKED, effect=Effect.DEPENDS, **layers):
    """Say what an answer hangs on."""
    found = Evaluator(Layers(identity, **layers))
    decision = found.decide(request)
    assert decision.effect is effect
    return conditions(rules_of(found, request.action), request, decision)


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("StringEquals", ["a"], "k is a"),
        ("StringEquals", ["a", "b"], "k is a or b"),
        ("StringEquals", [], "k is nothing"),
        ("StringEquals", [""], 'k is ""'),
        ("StringNotEquals", ["a"], "k is not a"),
        ("StringEqualsIgnoreCase", ["a"], "k is, in any case, a"),
        ("StringLike", ["a*"], "k is like a*"),
        ("stringnotlike", ["a*"], "k is not like a*"),
        ("ArnEquals", ["arn:*"], "k is like arn:*"),
        ("ArnNotLike", ["arn:*"], "k is not like arn:*"),
        ("Bool", ["true"], "k is true"),
        ("IpAddress", ["10.0.0.0/8"], "k is in 10.0.0.0/8"),
        ("NotIpAddress", ["10.0.0.0/8"], "k is not in 10.0.0.0/8"),
        ("BinaryEquals", ["YQ=="], "k is YQ=="),
        ("NumericEquals", ["1"], "k is 1"),
        ("NumericNotEquals", ["1"], "k is not 1"),
        ("NumericLessThan", ["1"], "k is below 1"),
        ("NumericLessThanEquals", ["1"], "k is at most 1"),
        ("NumericGreaterThan", ["1"], "k is above 1"),
        ("NumericGreaterThanEquals", ["1"], "k is at least 1"),
        ("DateEquals", ["2026-01-01"], "k is 2026-01-01"),
        ("DateLessThan", ["2026-01-01"], "k is before 2026-01-01"),
        ("DateLessThanEquals", ["2026-01-01"], "k is at the latest 2026-01-01"),
        ("DateGreaterThan", ["2026-01-01"], "k is after 2026-01-01"),
        ("DateGreaterThanEquals", ["2026-01-01"], "k is at the earliest 2026-01-01"),
        ("Null", ["true"], "k is absent"),
        ("Null", ["false"], "k is there"),
        ("StringEqualsIfExists", ["a"], "k is a, if it is there"),
        ("ForAllValues:StringEquals", ["a"], "every value of k is a"),
        ("ForAnyValue:StringNotLike", ["a*"], "some value of k is not like a*"),
        ("StringSounds", ["a", "b"], "StringSounds k a or b"),
    ],
)
def test_every_operator_has_its_words(operator, values, expected):
    """A reader must not have to know IAM's names of operators."""
    assert words(ConditionEntry(operator, "k", tuple(values))) == expected


def test_null_is_read_without_regard_to_case():
    """`True` asks for an absent key, as it does where it is decided."""
    assert words(ConditionEntry("Null", "k", ("True",))) == "k is absent"


def test_an_allow_says_if_and_a_deny_unless():
    """Each line must be so for the request to be allowed."""
    assert said(policy(statement(condition=MFA))) == ("if aws:MultiFactorAuthPresent is true",)
    assert said(policy(statement(), statement("Deny", NEAR))) == ("unless aws:SourceIp is in 10.0.0.0/8",)
    both = policy(statement(condition=MFA), statement("Deny", NEAR))
    assert set(said(both)) == {"if aws:MultiFactorAuthPresent is true", "unless aws:SourceIp is in 10.0.0.0/8"}


def test_conditions_of_one_statement_are_said_together():
    """All must hold of one, any of several."""
    together = policy(statement(condition={**MFA, **NEAR}))
    assert said(together) == ("if aws:MultiFactorAuthPresent is true and aws:SourceIp is in 10.0.0.0/8",)
    apart = policy(statement(condition=MFA), statement(condition=NEAR), statement(condition=MFA))
    assert said(apart) == ("if aws:MultiFactorAuthPresent is true or aws:SourceIp is in 10.0.0.0/8",)


def test_layers_are_said_one_by_one():
    """What the identity policy wants, and what the boundary wants, must both be so."""
    found = said(
        policy(statement(condition=MFA), name="own"), boundary=(policy(statement(condition=NEAR), name="edge"),)
    )
    assert set(found) == {"if aws:MultiFactorAuthPresent is true", "if aws:SourceIp is in 10.0.0.0/8"}


def test_what_is_settled_is_not_said():
    """A condition that is known to hold, and statements that cannot matter, are left out."""
    mine = Request("s3:GetObject", ASKED.resource, {"aws:MultiFactorAuthPresent": "true"}, principal=ASKED.principal)
    assert said(policy(statement(condition={**MFA, **NEAR})), request=mine) == ("if aws:SourceIp is in 10.0.0.0/8",)
    assert said(policy(statement(), statement(condition=MFA)), effect=Effect.ALLOWED) == ()
    assert said(policy(statement(condition=MFA), statement("Deny")), effect=Effect.EXPLICITLY_DENIED) == ()
    assert said(policy(), effect=Effect.IMPLICITLY_DENIED) == ()


def test_a_resource_that_is_not_known_is_said():
    """Which resource it is may decide."""
    unknown = Request("s3:GetObject", None, {}, principal=ASKED.principal)
    assert said(policy(statement(Resource="arn:aws:s3:::a")), request=unknown) == ("if the resource is arn:aws:s3:::a",)
    denied = policy(statement(), statement("Deny", Resource="arn:aws:s3:::a"))
    assert said(denied, request=unknown) == ("unless the resource is arn:aws:s3:::a",)


def test_a_resource_that_is_left_out_is_said_to_be_left_out():
    """`NotResource` is about every other resource."""
    unknown = Request("s3:GetObject", None, {}, principal=ASKED.principal)
    found = {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::a"}
    assert said(policy(found), request=unknown) == ("if the resource is not arn:aws:s3:::a",)


def test_a_policy_that_was_not_read_is_said():
    """Nothing can be named of it but that it must allow."""
    away = Request("sqs:SendMessage", "arn:aws:sqs:eu-west-1:444455556666:q", {}, principal=ASKED.principal)
    found = said(policy(statement()), request=away, resource_unread=True)
    assert found == ("if the resource policy, which is not known, allows it",)


def test_an_unread_policy_is_said_beside_what_else_must_be():
    """Both must be so."""
    away = Request("sqs:SendMessage", "arn:aws:sqs:eu-west-1:444455556666:q", {}, principal=ASKED.principal)
    found = said(policy(statement(condition=MFA)), request=away, resource_unread=True)
    assert len(found) == 2
