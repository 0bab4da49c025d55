"""The list of calls that watchbill's code makes, held to the code itself and to AWS's own models of its services."""

import ast
from dataclasses import replace
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from tests.teams import team

import watchbill.aws
from watchbill.access.own_rights import NOT_GIVEN, PARTS, Where, own_policies, parts_of
from watchbill.aws.accounts import Accounts
from watchbill.aws.calls import BESIDE, CALLS, CHANGES, READS
from watchbill.policy.actions import access_level, actions_of
from watchbill.sim.stand_in import StandIn


PACKAGE = Path(watchbill.aws.__file__).parent
SERVICES = {
    "__init__": (),
    "accounts": ("s3", "sts"),
    "bucket": ("s3",),
    "calls": (),
    "center_reading": ("identitystore", "sso-admin"),
    "iam": ("iam",),
    "identity_center": ("identitystore", "sso-admin"),
    "lookup": ("cloudtrail",),
    "operations": (),
    "organizations": ("organizations",),
    "pace": (),
    "queue": ("sqs",),
    "reached": ("iam",),
    "security_hub": ("securityhub", "sts"),
    "shells": ("ssm",),
    "trail_keys": ("cloudtrail", "s3"),
}
"""Which services each file speaks to."""

WHOLE = Where(
    "111111111111",
    "arn:aws:iam::111111111111:policy/ceiling",
    ("arn:aws:iam::aws:policy/ReadOnlyAccess",),
    (),
    "arn:aws:sso:::instance/ssoins-1",
    "d-1",
    "p-1",
    ("arn:aws:iam::111111111111:role/watchbill-reader",),
    (("trail", ""),),
    ("arn:aws:sqs:eu-west-1:111111111111:trail",),
    ("arn:aws:kms:eu-west-1:111111111111:key/k",),
    organization=True,
)


@pytest.fixture(scope="module")
def models():
    """Give AWS's own model of each service that is spoken to."""
    session = botocore.session.get_session()
    return {name: session.get_service_model(name) for each in SERVICES.values() for name in each}


def words(tree):
    """Give every name and every text of a file: methods are called by name, or looked up by text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_list_is_every_call_of_the_code(models):
    """Whatever in a file has the name of a method of a service that it speaks to is on the list, and nothing else."""
    assert {path.stem for path in PACKAGE.glob("*.py")} == set(SERVICES)
    found = set()
    for name, services in SERVICES.items():
        said = set(words(ast.parse((PACKAGE / f"{name}.py").read_text("utf-8"))))
        for service in services:
            found |= {(service, each) for each in models[service].operation_names if xform_name(each) in said}
    assert found == set(CALLS)


def test_clients_are_made_of_the_services_that_are_told():
    """A file that makes a client of one more service is one that the test above must read for it."""
    known = set(botocore.session.get_session().get_available_services())
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            made = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if made in ("client", "_client", "_make", "resource"):
                texts = {
                    each.value
                    for each in [*node.args, *(k.value for k in node.keywords)]
                    if isinstance(each, ast.Constant)
                }
                assert texts & known <= set(SERVICES[path.stem]) | {"sts"}, path.name


def test_what_only_reads_is_told_from_what_changes(models):
    """By what AWS says of the actions: nothing that is listed as reading changes anything."""
    for service, operations in READS.items():
        for operation in operations:
            levels = {access_level(action) for action in actions_of(f"{service}.amazonaws.com", operation).actions}
            assert levels <= {"List", "Read"}, operation
    for calls in (BESIDE, CHANGES):
        for service, operations in calls.items():
            for operation in operations:
                levels = {access_level(action) for action in actions_of(f"{service}.amazonaws.com", operation).actions}
                assert levels & {"Permissions management", "Write"} or operation == "ReceiveMessage", operation


def test_each_call_is_in_the_policies_that_it_is_said_to_be_in():
    """And one that is in none says why."""
    allowed = {
        policy.part: {
            action for each in policy.document["Statement"] if each["Effect"] == "Allow" for action in each["Action"]
        }
        for policy in own_policies(CALLS, WHOLE)
    }
    assert set(allowed) == set(PARTS)
    for service, operation in CALLS:
        actions = set(actions_of(f"{service}.amazonaws.com", operation).actions)
        parts = parts_of(service, operation)
        assert (parts == ()) == (f"{service}:{operation}" in NOT_GIVEN)
        if actions:
            assert {part for part, given in allowed.items() if actions <= given} == set(parts), operation
    assert set(NOT_GIVEN) <= {f"{service}:{operation}" for service, operation in CALLS}


def test_a_call_that_nobody_ruled_on_makes_no_policy():
    """Whoever adds a call to the code says who may make it."""
    with pytest.raises(KeyError, match="iam:CreateAccessKey"):
        own_policies({*CALLS, ("iam", "CreateAccessKey")}, WHOLE)


def test_an_instance_may_act_by_another_role():
    """The one that the environment names stands for the team file's; an account without a role has none all the same."""
    account = team().accounts["production"]
    with StandIn() as stand_in:
        for named, role in ((None, "watchbill"), ("watchbill-reader", "watchbill-reader")):
            accounts = Accounts(stand_in.endpoint, ("any", "any"), named)
            arn = accounts.client(account, "sts").get_caller_identity()["Arn"]
            assert f":assumed-role/{role}/" in arn
    assert Accounts(role="watchbill-reader").acting(replace(account, role=None)).role is None
