"""What AWS said when it refused, and whether it asked for what we say an event was."""

import re
from fnmatch import fnmatchcase

import pytest

from watchbill.files.trail_folder import read_folder
from watchbill.policy.circumstances import Known
from watchbill.policy.denials import Denial, denial_of
from watchbill.policy.requests import call_of, requests_of_call, requests_of_record


JAMES = "arn:aws:iam::111122223333:user/james"
STOP = "ec2:StopInstances"
INSTANCE = "arn:aws:ec2:eu-west-1:111122223333:instance/i-1"
START = f"User: {JAMES} is not authorized to perform: {STOP}"
ON = f"{START} on resource: {INSTANCE}"


def refusal(message):
    """Read a message that is a refusal."""
    found = denial_of(message)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("message", "layer", "explicit"),
    [
        (f"{ON} because no identity-based policy allows the {STOP} action", "identity", False),
        (f"{ON} because no resource-based policy allows the {STOP} action", "resource", False),
        (f"{ON} because no service control policy allows the {STOP} action", "scp", False),
        (f"{ON} because no resource control policy allows the {STOP} action", "rcp", False),
        (f"{ON} because no permissions boundary allows the {STOP} action", "boundary", False),
        (f"{ON} because no session policy allows the {STOP} action", "session", False),
        (f"{ON} because no VPC endpoint policy allows the {STOP} action", "endpoint", False),
        (f"{ON} because no role trust policy allows the {STOP} action", "trust", False),
        (f"{ON} with an explicit deny in an identity-based policy", "identity", True),
        (f"{ON} with an explicit deny in a service control policy", "scp", True),
        (f"{ON} with an explicit deny in a resource control policy", "rcp", True),
        (f"{ON} with an explicit deny in a permissions boundary", "boundary", True),
        (f"{ON} with an explicit deny in a session policy", "session", True),
        (f"{ON} with an explicit deny in a VPC endpoint policy", "endpoint", True),
        (f"{ON} with an explicit deny in a resource-based policy", "resource", True),
        (f"{ON} with an explicit deny in the role trust policy", "trust", True),
        (f"{ON} with an explicit deny", None, True),
        (ON, None, None),
        (
            f"You are not authorized to perform this operation. {ON} because no identity-based policy allows the {STOP} "
            "action. Encoded authorization failure message: abc-DEF",
            "identity",
            False,
        ),
        (
            f"{ON} because no identity-based policy allows the {STOP} action (Service: Ec2, Status Code: 403, Request ID: "
            "x)",
            "identity",
            False,
        ),
    ],
)
def test_a_refusal_names_action_resource_and_layer(message, layer, explicit):
    """It is AWS's own answer, and says more than the record's other fields."""
    assert refusal(message) == Denial(STOP, INSTANCE, JAMES, layer, explicit)


def test_a_refusal_may_name_the_policy():
    """Then the statement to look at is known."""
    arn = "arn:aws:organizations::999999999999:policy/o-1/service_control_policy/p-1"
    found = refusal(f"{ON} with an explicit deny in a service control policy: {arn}")
    assert (found.layer, found.explicit, found.policy) == ("scp", True, arn)


@pytest.mark.parametrize(
    ("said", "resource", "arn"),
    [
        (START, None, None),
        (f"{START} because no identity-based policy allows the {STOP} action", None, None),
        (f"{START} on the specified resource", None, None),
        (f"{START} on resource: * because no x policy allows it", "*", "*"),
        (f'{START} on resource: "{INSTANCE}" because no x policy allows it', INSTANCE, INSTANCE),
        (f"{START} on resource: orders because no x policy allows it", "orders", None),
    ],
)
def test_a_resource_is_given_where_it_is_named(said, resource, arn):
    """A name alone is no ARN, and is not made into one."""
    found = refusal(said)
    assert (found.resource, found.arn) == (resource, arn)


@pytest.mark.parametrize(
    ("words", "arn"),
    [
        ("user rick", "arn:aws:iam::111122223333:user/rick"),
        ("role app", "arn:aws:iam::111122223333:role/app"),
        ("instance profile app", "arn:aws:iam::111122223333:instance-profile/app"),
        ("policy arn:aws:iam::aws:policy/X", "arn:aws:iam::aws:policy/X"),
        ("policy arn:aws:iam::1:policy/X version v2", "arn:aws:iam::1:policy/X"),
        ("policy path /", None),
        ("user ", None),
        ("user rick or so", None),
    ],
)
def test_iam_names_its_own_in_words(words, arn):
    """A user or role is in the account of who asked."""
    said = (
        f"User: {JAMES} is not authorized to perform: iam:DeleteUser on resource: {words} because no x policy allows it"
    )
    assert refusal(said).arn == arn
    assert refusal(said.replace("iam:DeleteUser", "x:DeleteUser")).arn is None or not words.startswith(("user", "role"))


def test_prefixes_are_in_lower_case():
    """SNS spells its own in capitals; policies of people do not."""
    assert refusal(START.replace("ec2:", "SNS:")).action == "sns:StopInstances"


def test_a_role_passed_across_accounts_is_a_refusal():
    """AWS names no action there, but there is one."""
    assert refusal("Cross-account pass role is not allowed.").action == "iam:PassRole"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Access Denied",
        "An unknown error occurred",
        "You are not authorized to perform this operation. Encoded authorization failure message: 1Qju-r",
        "not authorized to perform:",
        "IAM user access not activated",
    ],
)
def test_what_names_no_action_is_no_refusal_here(message):
    """Nothing can be compared with it."""
    assert denial_of(message) is None


def test_a_long_message_is_read_in_reasonable_time():
    """Messages come from outside; none may take more than a look along it."""
    for filler in ("on resource: ", "because no ", "user: x is ", " " * 13, "explicit deny in a "):
        denial_of(f"{START} on resource: {filler * 20_000}")
        denial_of(filler * 20_000 + "not authorized to perform")
    assert denial_of(" " * 5000 + ON) is None


# --- real trails ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records(data_dir):
    """Read every distinct record of the three trails."""
    names = ("invictus", "stratus", "traildiscover")
    return [event.record for name in names for event in read_folder(data_dir / "cloudtrail" / name).events]


def _any_account(arn):
    """Take the account off an ARN: publishers replaced numbers, and not everywhere by the same."""
    return re.sub(r":\d{12}(?=:)", ":", arn)


def test_aws_refused_what_we_say_was_asked(records):
    """Of 246 refusals that name an action, ours is AWS's in all; but in four the record hides a role that was passed.

    Where both name a resource the two agree: AWS names what is not there by `*`.
    """
    read = ((record, denial_of(record.get("errorMessage") or "")) for record in records)
    compared = [(record, denial) for record, denial in read if denial is not None]
    actions = resources = 0
    differ: list[tuple[str, str]] = []
    for record, denial in compared:
        ours = requests_of_call(call_of(record), Known()).requests
        mine = {each.resource for each in ours if each.action.lower() == denial.action.lower()}
        if not mine:
            differ.append((record["eventName"], denial.action))
            continue
        actions += 1
        if denial.resource is None or not denial.resource.startswith(("arn:", "*")) or None in mine:
            continue
        resources += 1
        theirs = _any_account(denial.resource)
        assert any(fnmatchcase(_any_account(each), theirs) for each in mine), (record["eventName"], theirs, mine)
    assert {action for _, action in differ} == {"iam:PassRole"}
    assert (len(compared), actions, resources) == (246, 242, 95)


def test_cloudtrail_lists_what_we_read_from_the_call(records):
    """Of 707 records that list resources, ours is among them in all where the call names one: 466, and 241 by alias."""
    agree = silent = 0
    for record in records:
        listed = {_any_account(each["ARN"]) for each in record.get("resources") or () if "ARN" in each}
        if not listed or record.get("requestParameters") is None:
            continue
        found = requests_of_record({**record, "resources": None})
        ours = {_any_account(each.resource) for each in found.requests[: found.own] if each.resource not in (None, "*")}
        if not ours:
            silent += 1
            continue
        assert any(fnmatchcase(each, one) for each in listed for one in ours), (record["eventName"], listed, ours)
        agree += 1
    assert (agree, silent) == (466, 241)


def test_most_real_events_are_mapped_whole(records):
    """Of 3,457 calls under IAM it is known of 3,327 what each was on; the others are refused, or do not say."""
    found = [requests_of_record(record) for record in records]
    calls = [each for each in found if each.requests]
    assert len(calls) == 3457
    assert sum(each.resource_known for each in calls) >= 3300
    assert [each.requests[0].action for each in calls if not each.listed] == ["aws-marketplace:GetListingView"]
    assert all(each.why_not for each in found if not each.requests)
