"""`roles` as a user runs it: nothing is asked of AWS, and what is printed can be attached as it is."""

import json

from watchbill.policy.grammar import grammar_error


def test_what_is_printed_are_documents_by_account_and_name(watchbill, sample):
    """Of one role and account, with the trail that is read from home."""
    trail = ("--trail", "s3://trail/AWSLogs/", "--queue", "arn:aws:sqs:eu-west-1:111111111111:new")
    found = json.loads(watchbill("roles", "--print", "--role", "reader", *trail).out)
    assert list(found) == ["production", "staging", "home"]
    assert list(found["production"]) == ["watchbill-reader", "watchbill-reader-findings", "watchbill-reader-boundary"]
    (take,) = found["home"]["watchbill-reader-home"]["Statement"]
    assert take["Resource"] == [f"arn:aws:iam::{number * 12}:role/watchbill-reader" for number in "12"]
    assert "arn:aws:s3:::trail/AWSLogs/*" in json.dumps(found["home"]["watchbill-reader-trail"])
    assert all(grammar_error(each) is None for held in found.values() for each in held.values())


def test_who_holds_what_is_said_in_words(watchbill, sample):
    """Each policy says what it means to hold it, and each call that is in none of them why."""
    ran = watchbill("roles", "--role", "responder", "--account", "production")
    assert "watchbill-responder: who holds it can shut anybody out, and lift such a deny again" in ran.out
    assert "watchbill-responder-freeze-policy  production  255" in ran.out
    assert "in none of them, iam:PutRolePolicy: whoever may write into any role is an administrator" in ran.out
    assert "reconciler" not in ran.out.partition("in none of them")[0]
    assert "name a policy as `ceiling`" in ran.err


def test_a_ceiling_is_demanded_of_every_role_that_is_made(watchbill, sample):
    """And nothing is left to say then."""
    sample.write_text(sample.read_text("utf-8").replace("team: orders", "team: orders\nceiling: top"), "utf-8")
    ran = watchbill("roles", "--print", "--role", "reconciler", "--account", "staging")
    statements = {each["Sid"]: each for each in json.loads(ran.out)["staging"]["watchbill-reconciler"]["Statement"]}
    top = {"ArnEquals": {"iam:PermissionsBoundary": ["arn:aws:iam::222222222222:policy/top"]}}
    assert statements["MakeRoles"]["Condition"] == statements["BoundRoles"]["Condition"] == top
    assert ran.err == ""


def test_what_is_no_account_bucket_or_arn_is_refused(watchbill, sample):
    """Nothing is printed that names what is not there."""
    for wrong in (("--account", "nowhere"), ("--trail", "trail"), ("--queue", "https://sqs/1"), ("--key", "alias/x")):
        assert watchbill("roles", *wrong).code == 1
