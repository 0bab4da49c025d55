"""A case as a finding of AWS Security Hub, in the AWS Security Finding Format.

1. `Id` is the case and never changes, so that Security Hub updates the finding in place; it takes what has a later
   `UpdatedAt` (Security Hub User Guide, "BatchImportFindings for finding providers").
2. `Workflow`, `Note`, `VerificationState` and `UserDefinedFields` are the customer's and never set. Severity, types and
   confidence are also given as `FindingProviderFields`, by which a provider changes them later (the same).
3. A finding is of the account it is sent to, since the default product of an account may name no other one; what it is
   about is among the resources, by its own ARN.
4. A finding is 240 KB at most: what does not fit is left out, the last evidence first, and the field
   `watchbill/left-out` counts it.

Lengths are those of the Security Hub API Reference, "AwsSecurityFinding".
"""

import json
import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import Any

from watchbill.alerts.export.attack import techniques
from watchbill.alerts.export.model import (
    CLOSED,
    Kept,
    access_keys,
    address,
    arn_of,
    confidence,
    counted,
    said,
    state_id,
)
from watchbill.alerts.view import CaseView, EvidenceView
from watchbill.intervals import iso, parse_instant


SCHEMA_VERSION = "2018-10-08"
FINDING_MOST = 240_000
"""Bytes of one finding. AWS says 240 KB; this is the smaller reading of it."""
RESOURCES_MOST = 32
FIELDS_MOST = 50
_FIELD_MOST = 2048
_TITLE, _DESCRIPTION, _ID, _TEXT = 256, 1024, 512, 512
_NAME = 64
"""Characters of a name of IAM."""
_API = 128

_LABELS = {"info": "INFORMATIONAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "critical": "CRITICAL"}
_TACTICS = ("Initial Access", "Persistence", "Privilege Escalation", "Defense Evasion", "Credential Access")
"""Categories of the namespace `TTPs` (Security Hub User Guide, "Types taxonomy for ASFF")."""
_BY_KIND = {
    "sign-in": "Unusual Behaviors/User",
    "action": "Unusual Behaviors/User",
    "break-glass": "Unusual Behaviors/User",
    "gap": "Software and Configuration Checks/AWS Security Best Practices",
}
_LEFT_OUT = "watchbill/left-out"
_UNKEYED = re.compile(r"[^A-Za-z0-9 _./=+@-]")
"""What the key of a product field may not have."""


def finding_id(case_id: str) -> str:
    """Name the finding of a case."""
    return f"watchbill/case/{said(case_id, _ID - 20)}"


def asff(kept: Kept, account: str, region: str, partition: str = "aws") -> dict[str, Any]:
    """Give the finding of a case for the account, by its twelve digits, and the region that it will be sent to."""
    case = kept.case
    label, sure = _LABELS.get(case.severity, "INFORMATIONAL"), confidence(case)
    types = _types(case)
    provided: dict[str, Any] = {"Severity": {"Label": label, "Original": said(case.severity, _NAME)}, "Types": types}
    if sure:
        provided["Confidence"] = sure[1]
    made: dict[str, Any] = {
        "SchemaVersion": SCHEMA_VERSION,
        "Id": finding_id(case.id),
        "ProductArn": f"arn:{partition}:securityhub:{region}:{account}:product/{account}/default",
        "GeneratorId": f"watchbill/{said(case.kind, _NAME)}",
        "AwsAccountId": account,
        "Types": types,
        "FirstObservedAt": _stamp(case.first),
        "LastObservedAt": _stamp(case.last),
        "CreatedAt": iso(kept.opened),
        "UpdatedAt": iso(max(kept.updated, kept.opened)),
        "Severity": provided["Severity"],
        "Title": said(case.sentence, _TITLE),
        "Description": said(f"{case.sentence}. {case.why}; next: {case.question}", _DESCRIPTION),
        "Remediation": {"Recommendation": {"Text": said(_advice(case), _TEXT)}},
        "RecordState": "ARCHIVED" if kept.status == CLOSED else "ACTIVE",
        "Resources": _resources(case, account, region, partition),
        "FindingProviderFields": provided,
    }
    if sure:
        made["Confidence"] = sure[1]
    events = counted(case)
    if (action := _action(events)) is not None:
        made["Action"] = action
    return _with_fields(made, _about(kept), [_line(event) for event in events], case.more)


def size(finding: Mapping[str, Any]) -> int:
    """Give the bytes of a finding as it is sent."""
    # As botocore writes JSON.
    return len(json.dumps(finding).encode())


def _with_fields(made: dict[str, Any], about: Mapping[str, str], lines: Sequence[str], more: int) -> dict[str, Any]:
    """Add product fields: all that tells about the case, then as many lines of evidence as there is room for.

    `more` events are in none of the lines.
    """
    shown = min(len(lines), FIELDS_MOST - len(about) - 1)
    while True:
        fields = dict(about)
        fields |= {f"watchbill/evidence/{n:02}": line for n, line in enumerate(lines[:shown], start=1)}
        if shown < len(lines) + more:
            fields[_LEFT_OUT] = f"{len(lines) + more - shown} of {len(lines) + more} events"
        found = made | {"ProductFields": fields}
        if size(found) <= FINDING_MOST or shown <= 0:
            return found
        shown -= max(shown // 8, 1)


def _types(case: CaseView) -> list[str]:
    seen = (each for each in techniques(case) if each.tactic in _TACTICS)
    ways = (f"TTPs/{each.tactic}/{each.name.replace('/', ' ')}" for each in seen)
    return [_BY_KIND.get(case.kind, "Unusual Behaviors/User"), *ways]


def _resources(case: CaseView, account: str, region: str, partition: str) -> list[dict[str, Any]]:
    """Name what it is about: the principal, and the keys that were made or used; else the account itself."""
    found: list[dict[str, Any]] = []
    principal = arn_of(case.account)
    if principal:
        where = {"Id": principal.text[:_ID], "Partition": partition, "Region": region}
        match principal.kind:
            case "user":
                details = {"AwsIamUser": {"UserName": principal.name[:_NAME]}}
                found.append({"Type": "AwsIamUser", **where, "Details": details})
            case "role":
                found.append(
                    {"Type": "AwsIamRole", **where, "Details": {"AwsIamRole": {"RoleName": principal.name[:_NAME]}}}
                )
            case "root":
                found.append(
                    {"Type": "AwsAccount", "Id": f"AWS::::Account:{principal.account}", "Partition": partition}
                )
            case _:
                found.append({"Type": "Other", **where})
    for key in access_keys(case)[: RESOURCES_MOST - 1]:
        shown = said(key, _API)
        of = {"AccessKeyId": shown} | (
            {"PrincipalName": principal.name, "PrincipalType": "IAMUser"} if principal else {}
        )
        found.append(
            {
                "Type": "AwsIamAccessKey",
                "Id": f"AWS::IAM::AccessKey:{shown}",
                "Partition": partition,
                "Region": region,
                "Details": {"AwsIamAccessKey": of},
            }
        )
    return found or [{"Type": "AwsAccount", "Id": f"AWS::::Account:{account}", "Partition": partition}]


def _action(events: Sequence[EvidenceView]) -> dict[str, Any] | None:
    """Give the first call that counts. The format has a field for addresses of version 4 alone."""
    if not events:
        return None
    first = events[0]
    service, _, name = first.what.rpartition(":")
    call: dict[str, Any] = {
        "Api": said(name, _API),
        "ServiceName": said(service, _API),
        "FirstSeen": _stamp(first.at),
        "LastSeen": _stamp(next(event.at for event in reversed(events) if event.what == first.what)),
    }
    ip = address(first.ip)
    if ip is not None and ":" not in ip:
        call |= {"CallerType": "remoteip", "RemoteIpDetails": {"IpAddressV4": str(IPv4Address(ip))}}
    return {"ActionType": "AWS_API_CALL", "AwsApiCallAction": call}


def _about(kept: Kept) -> dict[str, str]:
    case = kept.case
    found = {
        "case": case.id,
        "state-id": state_id(kept),
        "status": kept.status,
        "note": kept.note,
        "kind": case.kind,
        "person": case.person or "",
        "how-known": case.how_known,
        "network": case.network or "",
        "leading": case.leading or "",
        "why": case.why,
        "question": case.question,
        "events": str(len(counted(case)) + case.more),
        "shift": "" if case.shift is None else f"{case.shift.watch}, {case.shift.minutes_away} minutes away",
        "on-call": "" if case.shift is None else ", ".join(case.shift.on_call[:20]),
        "how-possible": "; ".join(opening.what for opening in case.openings[:5]),
        "stories": "; ".join(f"{story.story} {story.probability:.3f}" for story in case.hypotheses),
        "facts": "; ".join(f"{family} {fact}" for family, fact in case.facts.items()),
        "findings": "; ".join(case.findings[:20]),
        "devices": "; ".join(each.device for each in case.whence[:20] if each.device),
        "session": "; ".join(f"{hop.at} {hop.what}" for hop in case.session[:20]),
        "side-effects": "; ".join(case.side_effects),
        "undo": case.undo,
        "telemetry": case.telemetry,
    }
    return {f"watchbill/{_UNKEYED.sub('-', name)}": said(text, _FIELD_MOST) for name, text in found.items() if text}


def _line(event: EvidenceView) -> str:
    where = f" from {event.ip}" if event.ip else ""
    text = f"{event.at} {event.what}: {event.right}; {event.outcome} by AWS{where} (event {event.event_id})"
    return said(f"{text} {event.note}", _FIELD_MOST)


def _advice(case: CaseView) -> str:
    return "; ".join([case.question, *(f"{action.kind} {action.target}: {action.why}" for action in case.actions)])


def _stamp(at: str) -> str:
    return iso(parse_instant(at))
