"""The Terraform module and the CloudFormation template: in step with the code, and what they make in an account."""

import json
import os
import shutil
import subprocess
from dataclasses import replace

import boto3
import pytest
from moto.events.models import EventPattern
from tests.trails import record, session, sign_in, user
from tools.own_rights import CLOUDFORMATION, TERRAFORM, WISHED, written

from watchbill.access.own_alarms import alive, break_glass_used, horizon_moved, written_by_others
from watchbill.access.own_rights import OwnRole, Place, Where, boundary, own_policies
from watchbill.aws.calls import CALLS
from watchbill.sim.stand_in import StandIn


NUMBER = "123456789012"
IAM = f"arn:aws:iam::{NUMBER}"
MANAGED = ("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/job-function/Billing")
HOME = f"{IAM}:role/home"
WHERE = Where(
    NUMBER,
    f"{IAM}:policy/top",
    MANAGED,
    ("break-glass",),
    "arn:aws:sso:::instance/ssoins-1",
    "d-1",
    "p-frozen",
    organization=True,
)
PLUGINS = os.environ.get("WATCHBILL_TERRAFORM_PLUGINS")  # noqa: TID251 - only the environment knows
"""A folder in which Terraform finds its provider of AWS; without it the registry is asked."""


def test_what_is_committed_is_what_the_code_says():
    """`python tools/own_rights.py` writes both anew."""
    for path, text in written().items():
        assert path.read_text("utf-8") == text, f"run `python tools/own_rights.py`: {path.name} is behind"


# --- CloudFormation --------------------------------------------------------------------------------


class Stack:
    """Fills in a template by the rules of the intrinsic functions that ours uses, and no others."""

    def __init__(self, **given):
        self.template = json.loads(CLOUDFORMATION.read_text("utf-8"))
        parameters = self.template["Parameters"]
        assert set(given) <= set(parameters)
        self.values = {name: str(given.get(name, each.get("Default", ""))) for name, each in parameters.items()}
        self.lists = {name for name, each in parameters.items() if each["Type"] == "CommaDelimitedList"}
        self.values["AWS::AccountId"] = NUMBER
        self.resources = {
            name: self.filled(each["Properties"])
            for name, each in self.template["Resources"].items()
            if "Condition" not in each or self.holds(each["Condition"])
        }

    def holds(self, name):
        """Tell whether a condition holds."""
        return self._true(self.template["Conditions"][name])

    def _true(self, condition):
        ((function, given),) = condition.items()
        match function:
            case "Fn::Equals":
                first, second = map(self.filled, given)
                return str(first) == str(second)
            case "Fn::And":
                return all(map(self._true, given))
            case "Fn::Not":
                return not self._true(given[0])
            case "Condition":
                return self.holds(given)
        raise AssertionError(function)

    def filled(self, value):
        """Give a value with what stands in it filled in."""
        match value:
            case {"Ref": name}:
                text = self.values.get(name, name)
                return text.split(",") if name in self.lists else text
            case {"Fn::Sub": text}:
                for name, filling in self.values.items():
                    text = text.replace(f"${{{name}}}", filling)
                assert "${" not in text
                return text
            case {"Fn::Join": [by, parts]}:
                return by.join(self.filled(parts))
            case {"Fn::Split": [by, text]}:
                return self.filled(text).split(by)
            case dict():
                assert not any(name.startswith("Fn::") and name != "Fn::GetAtt" for name in value)
                return {name: self.filled(each) for name, each in value.items()}
            case list():
                return [self.filled(each) for each in value]
        return value

    def documents(self):
        """Give the policies by name."""
        made = [each for each in self.resources.values() if "ManagedPolicyName" in each]
        return {each["ManagedPolicyName"]: each["PolicyDocument"] for each in made}


def everything(**more):
    """Fill in the template with all that can be wished for."""
    wished = {parameter: "yes" for parameter, _ in WISHED.values()}
    given = {"HomeArn": HOME, "Ceiling": "top", "ManagedPolicies": ",".join(MANAGED), "Reconciler": "yes"}
    center = {"Responder": "yes", "Instance": "ssoins-1", "IdentityStore": "d-1", "FrozenPolicy": "p-frozen"}
    return Stack(**given, **center, **wished, HalfHorizonDays=7, **more)


def test_a_stack_makes_the_same_policies():
    """Each as `watchbill roles --print` has it, with its boundary."""
    wanted = {p.part.name: p.document for p in own_policies(CALLS, WHERE, (Place.ACCOUNT, Place.CENTER))}
    bounds = {role.boundary: boundary(CALLS, role, NUMBER) for role in OwnRole}
    assert everything().documents() == wanted | bounds


def test_a_stack_makes_no_more_than_is_wished():
    """By itself the reader alone, and of the responder's policies the one that can only contain."""
    alone = Stack(HomeArn=HOME, Ceiling="top")
    assert set(alone.documents()) == {"watchbill-reader", "watchbill-reader-boundary"}
    responder = Stack(HomeArn=HOME, Ceiling="top", Responder="yes").documents()
    assert set(responder) - set(alone.documents()) == {"watchbill-responder", "watchbill-responder-boundary"}
    assert "Silent" in alone.resources
    assert "HalfTheHorizonLeft" not in alone.resources


def test_roles_are_bounded_and_taken_from_home_alone():
    """No role without its boundary, and no one else in its trust."""
    stack = everything()
    roles = {name: each for name, each in stack.resources.items() if "RoleName" in each}
    assert {each["RoleName"] for each in roles.values()} == {role.iam_name for role in OwnRole}
    for name, each in roles.items():
        assert each["PermissionsBoundary"] == name.replace("Role", "Boundary")
        (statement,) = each["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"AWS": HOME}


@pytest.mark.parametrize("name", ["Silent", "HalfTheHorizonLeft"])
def test_what_is_missing_is_an_alarm(name):
    """Where nothing is counted nothing is sent, so that missing data must be the breach."""
    alarm = everything().resources[name]
    assert (alarm["TreatMissingData"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "breaching",
        "LessThanThreshold",
        1,
    )
    assert alarm["AlarmActions"] == ["Topic"]
    seconds = int(alarm["Period"]) * int(alarm["EvaluationPeriods"])
    # CloudWatch API Reference, PutMetricAlarm: a day, or seven where a period is an hour or more.
    assert seconds <= (7 * 86_400 if int(alarm["Period"]) >= 3600 else 86_400)


def test_cfn_lint_finds_nothing():
    """By AWS's own schemas of the resources, in the region that the template is for."""
    command = ["cfn-lint", "--regions", "us-east-1", "--template", str(CLOUDFORMATION)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


# --- alarms ----------------------------------------------------------------------------------------


def matches(pattern, event, detail_type="AWS API Call via CloudTrail"):
    """Ask the matcher that others wrote for their stand-in of EventBridge."""
    source = f"aws.{event['eventSource'].partition('.')[0]}"
    return EventPattern(None, dict(pattern)).matches_event(
        {"source": source, "detail-type": detail_type, "detail": event}
    )


def call(name, who, **parameters):
    """Make the record of a call of IAM."""
    return record(f"iam:{name}", who, account=NUMBER, requestParameters=parameters)


def own(role):
    """Give a session of one of watchbill's roles."""
    return session(role.iam_name, "watchbill", "ASIAWATCHBILL", account=NUMBER)


MARTA, OTHER = user("marta", account=NUMBER), session("admin", "marta", "ASIAMARTA", account=NUMBER)
POLICY = f"{IAM}:policy/watchbill/fence-oncall-platform-1"
WRITES = [
    call("CreatePolicyVersion", MARTA, policyArn=POLICY),
    call("AttachGroupPolicy", MARTA, groupName="other", policyArn=POLICY),
    call(
        "AttachGroupPolicy", MARTA, groupName="job-developers", policyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    ),
    call("UpdateAssumeRolePolicy", MARTA, roleName="oncall-platform", policyDocument="{}"),
    call("CreateRole", MARTA, roleName="x", path="/watchbill/"),
    call("AddUserToGroup", MARTA, groupName="oncall-platform", userName="marta"),
]


@pytest.mark.parametrize("number", range(len(WRITES)))
def test_what_others_write_is_told_and_what_watchbill_writes_is_not(number):
    """By a user as by a session of another role; a role of watchbill's own is known by its ARN, not by its name."""
    pattern, event = written_by_others(NUMBER), WRITES[number]
    assert matches(pattern, event)
    assert matches(pattern, {**event, "userIdentity": OTHER})
    elsewhere = session("watchbill-reconciler", "x", "ASIAX", account="999999999999")
    assert matches(pattern, {**event, "userIdentity": elsewhere})
    for role in OwnRole:
        assert not matches(pattern, {**event, "userIdentity": own(role)})


def test_whoever_writes_to_watchbills_own_rights_is_told():
    """Even watchbill itself; what is neither's is nobody's alarm."""
    pattern = written_by_others(NUMBER)
    for who in (MARTA, own(OwnRole.RECONCILER)):
        assert matches(
            pattern, call("AttachRolePolicy", who, roleName="watchbill-reader", policyArn="arn:aws:iam::aws:policy/A")
        )
        assert matches(
            pattern, call("CreatePolicyVersion", who, policyArn=f"{IAM}:policy/watchbill-own/watchbill-reader")
        )
    assert not matches(pattern, call("AttachRolePolicy", MARTA, roleName="app", policyArn="arn:aws:iam::aws:policy/A"))
    assert not matches(pattern, call("CreateUser", MARTA, userName="x"))


def test_break_glass_is_heard_of_whatever_it_does():
    """Reading and signing in too; a namesake's session is somebody else's."""
    pattern = break_glass_used(["break-glass"])
    used = user("break-glass", account=NUMBER)
    assert matches(pattern, record("ec2:DescribeInstances", used, account=NUMBER))
    assert matches(pattern, sign_in(used, account=NUMBER), "AWS Console Sign In via CloudTrail")
    assert not matches(pattern, call("CreateUser", MARTA, userName="break-glass"))


def test_a_pass_and_a_horizon_that_moves_are_counted():
    """By watchbill's own roles alone, and a fence that could not be written moved nothing."""
    read = call("GetAccountAuthorizationDetails", own(OwnRole.READER))
    assert matches(alive(NUMBER), read)
    assert matches(alive(NUMBER), {**read, "userIdentity": own(OwnRole.RECONCILER)})
    assert not matches(alive(NUMBER), {**read, "userIdentity": OTHER})
    moved = call("CreatePolicyVersion", own(OwnRole.RECONCILER), policyArn=POLICY)
    assert matches(horizon_moved(NUMBER), moved)
    assert matches(
        horizon_moved(NUMBER), call("CreatePolicy", own(OwnRole.RECONCILER), policyName="fence-x-2", path="/watchbill/")
    )
    assert not matches(horizon_moved(NUMBER), {**moved, "errorCode": "AccessDenied"})
    assert not matches(horizon_moved(NUMBER), {**moved, "userIdentity": MARTA})
    gate = call("CreatePolicyVersion", own(OwnRole.RECONCILER), policyArn=f"{IAM}:policy/watchbill/set-support")
    assert not matches(horizon_moved(NUMBER), gate)


def test_patterns_are_within_what_eventbridge_takes():
    """2,048 characters (EventBridge User Guide, "Quotas")."""
    for pattern in (break_glass_used(["break-glass"]), written_by_others(NUMBER), alive(NUMBER), horizon_moved(NUMBER)):
        assert len(json.dumps(pattern, separators=(",", ":"))) <= 2048


# --- Terraform -------------------------------------------------------------------------------------

PROVIDER = """
variable "endpoint" { type = string }
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "any"
  secret_key                  = "any"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    iam = var.endpoint
    sts = var.endpoint
    sns = var.endpoint
    events = var.endpoint
    cloudwatch = var.endpoint
  }
}
module "home" {
  source     = "./home"
  roles      = ["reader", "responder"]
  accounts   = ["111111111111", "222222222222"]
  trails     = [{ bucket = "trail", prefix = "AWSLogs/" }]
  queue_arns = ["arn:aws:sqs:eu-west-1:1:new"]
}
"""
AT_HOME = {
    role: Where(
        "",
        takes=tuple(f"arn:aws:iam::{number * 12}:role/{role.iam_name}" for number in "12"),
        buckets=(("trail", "AWSLogs/"),),
        queues=("arn:aws:sqs:eu-west-1:1:new",),
    )
    for role in (OwnRole.READER, OwnRole.RESPONDER)
}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_makes_the_same_policies_and_then_has_nothing_to_do(tmp_path):
    """Applied to the stand-in and read back; takes half a minute, nearly all of it Terraform's."""
    shutil.copytree(TERRAFORM.parent, tmp_path / "module")
    folder = tmp_path / "module"
    (folder / "provider.tf").write_text(PROVIDER, "utf-8")
    assert (
        run(folder, "fmt", "-check", "-diff", "home", *(p.name for p in TERRAFORM.parent.glob("*.tf"))).returncode == 0
    )
    begun = run(folder, "init", *([f"-plugin-dir={PLUGINS}"] if PLUGINS else []))
    if begun.returncode != 0:
        pytest.skip("terraform has no provider of AWS: name a folder of it by WATCHBILL_TERRAFORM_PLUGINS")
    where = replace(WHERE, instance="", store="", scp=None)
    policies = own_policies(CALLS, where, (Place.ACCOUNT,))
    given = {
        "home_arn": HOME,
        "ceiling": "top",
        "roles": json.dumps([str(role) for role in OwnRole]),
        "wished": json.dumps([policy.part.name for policy in policies if policy.part.optional]),
        "managed_policies": json.dumps(MANAGED),
        "horizon_days": "14",
    }
    with StandIn() as stand_in:
        values = [f"-var={name}={value}" for name, value in {**given, "endpoint": stand_in.endpoint}.items()]
        made = run(folder, "apply", "-auto-approve", *values)
        assert made.returncode == 0, made.stderr
        iam = boto3.client(
            "iam",
            endpoint_url=stand_in.endpoint,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )
        found = {
            each["PolicyName"]: iam.get_policy_version(PolicyArn=each["Arn"], VersionId="v1")["PolicyVersion"][
                "Document"
            ]
            for each in iam.list_policies(Scope="Local")["Policies"]
        }
        assert run(folder, "plan", "-detailed-exitcode", *values).returncode == 0
    bounds = {role.boundary: boundary(CALLS, role, NUMBER) for role in OwnRole}
    home = {
        policy.part.name: policy.document
        for role, there in AT_HOME.items()
        for policy in own_policies(CALLS, there, (Place.HOME,))
        if policy.part.role is role
    }
    assert found == {policy.part.name: policy.document for policy in policies} | bounds | home


def run(folder, *arguments):
    """Run Terraform in a folder."""
    command = ["terraform", arguments[0], "-no-color", *arguments[1:]]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
