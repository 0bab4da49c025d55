"""Write watchbill's own rights and alarms into the Terraform module and the CloudFormation template of `deploy/`.

`python tools/own_rights.py` writes `deploy/terraform/rights.tf` and `deploy/cloudformation/watchbill.template.json`
from the list of calls that the code makes; `tests/contract/test_own_deploy.py` holds what is committed to them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from watchbill.access.own_alarms import alive, break_glass_used, horizon_moved, written_by_others
from watchbill.access.own_rights import (
    ASSIST,
    CENTER,
    CENTER_PLANS,
    CENTER_READ,
    CENTER_RESTORE,
    EVICT,
    FINDINGS,
    FREEZE,
    OFFBOARD,
    ONBOARD,
    OWN_PATH,
    READER_ORGANIZATION,
    RECONCILER_ORGANIZATION,
    RESTORE,
    OwnPolicy,
    OwnRole,
    Part,
    Place,
    Where,
    boundary,
    own_policies,
)
from watchbill.aws.calls import CALLS


ROOT = Path(__file__).parents[1]
TERRAFORM = ROOT / "deploy/terraform/rights.tf"
HOME = ROOT / "deploy/terraform/home/rights.tf"
CLOUDFORMATION = ROOT / "deploy/cloudformation/watchbill.template.json"

Json = dict[str, Any]

PROTECTED, MANAGED = "@protected", "@managed"
"""What stands in a document for each of several that a variable names."""

MANY: Mapping[str, str] = {
    PROTECTED: "var.break_glass_users",
    MANAGED: "var.managed_policies",
    "@account": "var.accounts",
    "@trail": "var.trails",
    "@queue": "var.queue_arns",
    "@key": "var.key_arns",
}
"""By what stands for it the variable of Terraform with all of them."""

SILENT = "No pass of watchbill has read this account for as long as it must."
HALF = "Nobody has written a fence anew for half the horizon: on-call access ends when it does."

HEADER = "# Written by tools/own_rights.py from the calls that watchbill's code makes. Change it there.\n\n"

IN_ACCOUNTS = (Place.ACCOUNT, Place.CENTER)


def written() -> Mapping[Path, str]:
    """Give the text of each file by its path."""
    template = json.dumps(cloudformation(), indent=2) + "\n"
    return {TERRAFORM: terraform(), HOME: home(), CLOUDFORMATION: template}


def main() -> None:
    """Write the files."""
    for path, text in written().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(path.relative_to(ROOT))


# --- Terraform -----------------------------------------------------------------------------------


def terraform() -> str:
    """Give the policies and patterns as local values, which the module's own files use."""
    account = "${local.account}"
    where = Where(
        account,
        "${local.ceiling}",
        (MANAGED,),
        (PROTECTED,),
        "arn:aws:sso:::instance/${local.instance}",
        "${local.store}",
        "${local.frozen}",
        organization=True,
    )
    policies = {
        each.part.name: {
            "role": str(each.part.role),
            "place": str(each.part.place),
            "optional": each.part.optional,
            "means": each.part.means,
            "document": _Encoded(each.document),
        }
        for each in own_policies(CALLS, where, IN_ACCOUNTS)
    }
    patterns = {
        "break_glass": break_glass_used([PROTECTED]),
        "by_others": written_by_others(account),
        "alive": alive(account),
        "horizon": horizon_moved(account),
    }
    values = {
        "own_path": OWN_PATH,
        "roles": {str(role): role.iam_name for role in OwnRole},
        "policies": policies,
        "boundaries": {role.boundary: _Encoded(boundary(CALLS, role, account)) for role in OwnRole},
        "patterns": {name: _Encoded(pattern) for name, pattern in patterns.items()},
    }
    return f"{HEADER}locals {_hcl(values)}\n"


def home() -> str:
    """Give the policies of the identity that watchbill runs with as local values of a module of their own."""
    policies = {}
    for role in OwnRole:
        takes = (f"arn:aws:iam::@account:role/{role.iam_name}",)
        where = Where(
            "", takes=takes, buckets=(("@trail.bucket", "@trail.prefix"),), queues=("@queue",), keys=("@key",)
        )
        for each in own_policies(CALLS, where, (Place.HOME,)):
            if each.part.role is role:
                statements = _NotEmpty(each.document["Statement"])
                document = _Encoded({**each.document, "Statement": statements})
                policies[each.part.name] = {"role": str(role), "means": each.part.means, "document": document}
    return f"{HEADER}locals {_hcl({'own_path': OWN_PATH, 'policies': policies})}\n"


class _Encoded(dict[str, Any]):
    """A document that is written as text of JSON."""


class _NotEmpty(list[Any]):
    """Statements of which those without a resource are left out."""


def _hcl(value: object, depth: int = 0) -> str:
    """Write a value as `terraform fmt` would."""
    match value:
        case _Encoded():
            return f"jsonencode({_block(value, depth)})"
        case dict():
            return _block(value, depth)
        case _NotEmpty():
            inside = "  " * (depth + 1)
            kept = f"{inside}for statement in {_hcl_list(value, depth + 1)} :"
            return f"[\n{kept}\n{inside}statement if length(statement.Resource) > 0\n{'  ' * depth}]"
        case list() | tuple():
            return _hcl_list(list(value), depth)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _block(value: Mapping[str, Any], depth: int) -> str:
    inside = "  " * (depth + 1)
    items = [(name if name.isidentifier() else json.dumps(name), _hcl(each, depth + 1)) for name, each in value.items()]
    lines: list[str] = []
    for number, (name, text) in enumerate(items):
        width = len(name) if "\n" in text else max(len(n) for n, _ in _beside(items, number))
        lines.append(f"{inside}{name:<{width}} = {text}")
    return "{\n" + "\n".join(lines) + f"\n{'  ' * depth}}}"


def _beside(items: Sequence[tuple[str, str]], number: int) -> Sequence[tuple[str, str]]:
    """Give the items of one line each that stand together with one of them: their signs are aligned."""
    first = last = number
    while first > 0 and "\n" not in items[first - 1][1]:
        first -= 1
    while last + 1 < len(items) and "\n" not in items[last + 1][1]:
        last += 1
    return items[first : last + 1]


def _hcl_list(values: Sequence[Any], depth: int) -> str:
    plain = [each for each in values if not (isinstance(each, str) and "@" in each)]
    many = [_hcl_many(each) for each in values if isinstance(each, str) and "@" in each]
    if not many:
        return _items([_hcl(each, depth + 1) for each in plain], depth)
    if not plain and len(many) == 1:
        return many[0]
    parts = [*([_items([_hcl(each, depth + 2) for each in plain], depth + 1)] if plain else []), *many]
    inside = "  " * (depth + 1)
    return "concat(\n" + "".join(f"{inside}{part},\n" for part in parts) + f"{'  ' * depth})"


def _items(texts: Sequence[str], depth: int) -> str:
    if len(texts) == 1 and "\n" not in texts[0]:
        return f"[{texts[0]}]"
    inside = "  " * (depth + 1)
    return "[\n" + "".join(f"{inside}{text},\n" for text in texts) + f"{'  ' * depth}]"


def _hcl_many(text: str) -> str:
    """Write a text in which something stands for each of several: all of these, or a text with each."""
    mark, variable = next((mark, variable) for mark, variable in MANY.items() if mark in text)
    if text == mark:
        return variable
    filled = re.sub(rf"{mark}((?:\.[a-z]+)?)", r"${one\1}", text)
    return f"[for one in {variable} : {json.dumps(filled)}]"


# --- CloudFormation ------------------------------------------------------------------------------

WISHED: Mapping[Part, tuple[str, str]] = {
    FINDINGS: ("Findings", "Whether cases are sent to Security Hub."),
    READER_ORGANIZATION: ("Organization", "Whether watchbill reads the organization from here."),
    RECONCILER_ORGANIZATION: ("PlanOrganization", "Whether watchbill's plans read the organization from here."),
    FREEZE: ("FreezePolicy", "Whether a freeze ends live sessions of on-call roles: see docs/own-rights.md."),
    RESTORE: ("Restore", "Whether the responder gives groups and boundaries back: see docs/own-rights.md."),
    ONBOARD: ("Onboard", "Whether the reconciler sets first passwords: it can sign in as whoever has none."),
    EVICT: ("Evict", "Whether the responder deletes passwords, keys and MFA devices."),
    OFFBOARD: ("Offboard", "Whether the responder deletes users with all they have."),
    ASSIST: ("Assist", "Whether the responder sets passwords: it can sign in as anybody then."),
    CENTER_RESTORE: ("CenterRestore", "Whether the responder assigns permission sets: it is an administrator then."),
    CENTER_READ: ("CenterRead", "Whether Identity Center is read for plans: where it delivers access."),
    CENTER_PLANS: ("CenterPlans", "Whether plans write permission sets: the reconciler is an administrator then."),
}
"""By policy that not everybody wants the parameter that asks for it."""

YES_NO: Json = {"Type": "String", "AllowedValues": ["yes", "no"]}


def cloudformation() -> Json:
    """Give the template: roles, their policies and boundaries, rules and alarms. It is for us-east-1, where IAM is."""
    account = "${AWS::AccountId}"
    where = Where(
        account,
        f"arn:aws:iam::{account}:policy/${{Ceiling}}",
        (MANAGED,),
        (PROTECTED,),
        "arn:aws:sso:::instance/${Instance}",
        "${IdentityStore}",
        "${FrozenPolicy}",
        organization=True,
    )
    resources: Json = {}
    for role in OwnRole:
        resources[f"{_camel(role)}Boundary"] = _managed(role.boundary, boundary(CALLS, role, account), _role_if(role))
        resources[f"{_camel(role)}Role"] = _role(role)
    for policy in own_policies(CALLS, where, IN_ACCOUNTS):
        made = _managed(policy.part.name, policy.document, _policy_if(policy))
        made["Properties"]["Roles"] = [{"Ref": f"{_camel(policy.part.role)}Role"}]
        made["Properties"]["Description"] = f"Who holds it {policy.part.means}"
        resources[_name(policy.part)] = made
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Watchbill's own roles and alarms, for us-east-1. Written by tools/own_rights.py.",
        "Parameters": _parameters(),
        "Conditions": _conditions(),
        "Resources": {**resources, **_alarms(account)},
        "Outputs": {
            f"{_camel(role)}Arn": {
                **({} if role is OwnRole.READER else {"Condition": _role_if(role)}),
                "Value": {"Fn::GetAtt": [f"{_camel(role)}Role", "Arn"]},
            }
            for role in OwnRole
        },
    }


def _parameters() -> Json:
    name = {"Type": "String"}
    return {
        "HomeArn": {**name, "Description": "ARN of the role or user that watchbill runs as, which takes these roles."},
        "Ceiling": {
            **name,
            "Description": "Name of the policy, here already, that bounds the roles of plans: the team file's ceiling.",
        },
        "ManagedPolicies": {
            "Type": "CommaDelimitedList",
            "Default": "arn:aws:iam::aws:policy/AWSDenyAll",
            "Description": "ARNs of the managed policies that permission sets of the team file name.",
        },
        "BreakGlassUser": {
            **name,
            "Default": "break-glass",
            "Description": "IAM user for when all else fails: the responder cannot touch it, and its use is told.",
        },
        "Reconciler": {**YES_NO, "Default": "no", "Description": "Whether watchbill applies plans here."},
        "Responder": {**YES_NO, "Default": "no", "Description": "Whether watchbill freezes people here."},
        **{parameter: {**YES_NO, "Default": "no", "Description": why} for parameter, why in WISHED.values()},
        "Instance": {**name, "Default": "", "Description": "Id (ssoins-...) of Identity Center, where it is here."},
        "IdentityStore": {**name, "Default": "", "Description": "Id (d-...) of its identity store."},
        "FrozenPolicy": {**name, "Default": "p-none", "Description": "Id (p-...) of the policy that lists the frozen."},
        "HeartbeatSeconds": {
            "Type": "Number",
            "Default": 3600,
            "AllowedValues": [300, 900, 3600, 21600, 86400],
            "Description": "After how long without a pass of watchbill there is an alarm.",
        },
        "HalfHorizonDays": {
            "Type": "Number",
            "Default": 0,
            "MinValue": 0,
            "MaxValue": 7,
            "Description": "Half the shortest horizon of the rotas here, 7 at most; 0 where there is no rota.",
        },
    }


def _conditions() -> Json:
    def wanted(parameter: str) -> Json:
        return {"Fn::Equals": [{"Ref": parameter}, "yes"]}

    def both(first: Json, second: Json) -> Json:
        return {"Fn::And": [first, second]}

    there = {"Fn::Not": [{"Fn::Equals": [{"Ref": "Instance"}, ""]}]}
    found: Json = {"HasReconciler": wanted("Reconciler"), "HasResponder": wanted("Responder")}
    for part, (parameter, _) in WISHED.items():
        of_role = {"Condition": _role_if(part.role)}
        wished = wanted(parameter)
        found[f"Has{parameter}"] = wished if part.role is OwnRole.READER else both(of_role, wished)
    found["HasCenter"] = both({"Condition": "HasResponder"}, there)
    found["HasCenterRead"] = both(there, wanted("CenterRead"))
    found["HasCenterPlans"] = {"Fn::And": [{"Condition": "HasReconciler"}, there, wanted("CenterPlans")]}
    found["HasCenterRestore"] = both({"Condition": "HasCenter"}, wanted("CenterRestore"))
    found["HasRota"] = both(
        {"Condition": "HasReconciler"}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "HalfHorizonDays"}, 0]}]}
    )
    return found


def _role_if(role: OwnRole) -> str:
    return "" if role is OwnRole.READER else f"Has{_camel(role)}"


def _policy_if(policy: OwnPolicy) -> str:
    part = policy.part
    if part in WISHED:
        return f"Has{WISHED[part][0]}"
    return "HasCenter" if part is CENTER else _role_if(part.role)


def _role(role: OwnRole) -> Json:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": {"Ref": "HomeArn"}}, "Action": "sts:AssumeRole"}],
    }
    properties = {
        "RoleName": role.iam_name,
        "AssumeRolePolicyDocument": trust,
        "PermissionsBoundary": {"Ref": f"{_camel(role)}Boundary"},
    }
    return _resource("AWS::IAM::Role", properties, _role_if(role))


def _managed(name: str, document: Mapping[str, Any], condition: str) -> Json:
    properties = {"ManagedPolicyName": name, "Path": OWN_PATH, "PolicyDocument": _substituted(document)}
    return _resource("AWS::IAM::ManagedPolicy", properties, condition)


def _alarms(account: str) -> Json:
    here = {"AWS:SourceAccount": {"Ref": "AWS::AccountId"}}
    publish = {
        "Effect": "Allow",
        "Principal": {"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com"]},
        "Action": "sns:Publish",
        "Resource": {"Ref": "Topic"},
        "Condition": {"StringEquals": here},
    }
    policy = {"Topics": [{"Ref": "Topic"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [publish]}}
    every = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    silent, half = {"Ref": "HeartbeatSeconds"}, {"Ref": "HalfHorizonDays"}
    return {
        "Topic": _resource("AWS::SNS::Topic", {"TopicName": "watchbill-alarms"}),
        "TopicPolicy": _resource("AWS::SNS::TopicPolicy", policy),
        "BreakGlassUsed": _rule("watchbill-break-glass", break_glass_used([PROTECTED]), every, told=True),
        "WrittenByOthers": _rule("watchbill-by-others", written_by_others(account), "ENABLED", told=True),
        "Alive": _rule("watchbill-alive", alive(account), every),
        "HorizonMoved": _rule("watchbill-horizon", horizon_moved(account), "ENABLED", "HasRota"),
        "Silent": _alarm("watchbill-silent", "Alive", SILENT, silent, 1),
        "HalfTheHorizonLeft": _alarm("watchbill-half-the-horizon-left", "HorizonMoved", HALF, 86_400, half, "HasRota"),
    }


def _rule(name: str, pattern: Mapping[str, Any], state: str, condition: str = "", *, told: bool = False) -> Json:
    properties: Json = {"Name": name, "EventPattern": _substituted(pattern), "State": state}
    if told:
        properties["Targets"] = [{"Id": "told", "Arn": {"Ref": "Topic"}}]
    return _resource("AWS::Events::Rule", properties, condition)


def _alarm(name: str, rule: str, why: str, period: object, periods: object, condition: str = "") -> Json:
    properties = {
        "AlarmName": name,
        "AlarmDescription": why,
        "Namespace": "AWS/Events",
        "MetricName": "TriggeredRules",
        "Dimensions": [{"Name": "RuleName", "Value": {"Ref": rule}}],
        "Statistic": "Sum",
        "Period": period,
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": periods,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
        "AlarmActions": [{"Ref": "Topic"}],
        "OKActions": [{"Ref": "Topic"}],
    }
    return _resource("AWS::CloudWatch::Alarm", properties, condition)


def _resource(kind: str, properties: Json, condition: str = "") -> Json:
    return {"Type": kind, **({"Condition": condition} if condition else {}), "Properties": properties}


def _substituted(value: object) -> Any:
    """Write a document as CloudFormation fills it in."""
    match value:
        case str():
            text = value.replace(PROTECTED, "${BreakGlassUser}")
            return {"Fn::Sub": text} if "${" in text else text
        case Mapping():
            return {name: _substituted(each) for name, each in value.items()}
        case list() | tuple() if MANAGED in value:
            rest = [_substituted(each) for each in value if each != MANAGED]
            return _joined([*rest, {"Fn::Join": [",", {"Ref": "ManagedPolicies"}]}])
        case list() | tuple():
            return [_substituted(each) for each in value]
        case _:
            return value


def _joined(texts: Sequence[Any]) -> Json:
    """Give a list of texts, some of which are lists themselves, joined by commas."""
    return {"Fn::Split": [",", {"Fn::Join": [",", list(texts)]}]}


def _camel(role: OwnRole) -> str:
    return role.value.capitalize()


def _name(part: Part) -> str:
    return "".join(word.capitalize() for word in part.name.removeprefix("watchbill-").split("-")) + "Policy"


if __name__ == "__main__":
    main()
