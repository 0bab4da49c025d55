"""A case as an OCSF Detection Finding (class 2004 of OCSF 1.5), one document a case.

`py-ocsf-models` checks each document before it leaves; `faults` checks what that library does not look at: it takes any
number for an id that goes with a caption, any time for any other, and does not know `actor` and `src_endpoint` of an
evidence (OCSF 1.5, "Evidence Artifacts"), which it passes over.

`finding_info.uid` is the case and never changes; `metadata.uid` is the case in this state.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from watchbill.alerts.export.attack import VERSION as ATTACK_VERSION
from watchbill.alerts.export.attack import Technique, techniques
from watchbill.alerts.export.model import (
    CLOSED,
    NAME_MOST,
    TEXT_MOST,
    Kept,
    access_keys,
    address,
    arn_of,
    confidence,
    counted,
    facts,
    hypotheses,
    millis,
    said,
    shift,
    state,
    state_id,
)
from watchbill.alerts.view import EvidenceView, WhenceView
from watchbill.errors import WatchbillError


CLASS = 2004
CATEGORY = 2
EVIDENCE_MOST = 100
"""Events in one document; the rest are counted in `unmapped.evidence_left_out`."""

_SEVERITIES = {
    "info": (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}
_STATUSES = {"open": (1, "New"), CLOSED: (4, "Resolved")}
_IN_PROGRESS = (2, "In Progress")
_ACTIVITIES = {"opened": (1, "Create"), "updated": (2, "Update"), "closed": (3, "Close")}
_SURE = {"low": (1, "Low"), "medium": (2, "Medium"), "high": (3, "High")}
_UNKNOWN = (0, "Unknown")
_RULE = (1, "Rule")
"""The kind of an analytic."""
_AWS_ACCOUNT = (10, "AWS Account")
_USER = (1, "User")
_RESOURCES = {"user": "AwsIamUser", "role": "AwsIamRole", "assumed-role": "AwsIamRole", "root": "AwsAccount"}


def ocsf(kept: Kept, version: str) -> dict[str, Any]:
    """Give the document of a case; `version` is watchbill's own.

    WatchbillError where the library is not installed; that it refuses a document is a bug of ours, whose error escapes.
    """
    document = _document(kept, version)
    validate(document)
    return document


def validate(document: Mapping[str, Any]) -> None:
    """Check a document; ValueError says everything that is wrong with it."""
    try:
        # Imported here, since only who exports OCSF needs what `watchbill[ocsf]` installs.
        from py_ocsf_models.events.findings import detection_finding  # type: ignore[import-untyped] # noqa: PLC0415
    except ImportError as error:
        message = f"OCSF documents cannot be checked: {error.name or error} is not installed"
        raise WatchbillError(message, "run `pip install 'watchbill[ocsf]'`") from error
    # What it raises is a ValueError of pydantic's.
    detection_finding.DetectionFinding.model_validate(document)
    if found := faults(document):
        raise ValueError("; ".join(found))


def faults(document: Mapping[str, Any]) -> Sequence[str]:
    """Say what is wrong with a document that the library would let pass."""
    info, found = document["finding_info"], []
    if (document["class_uid"], document["category_uid"]) != (CLASS, CATEGORY):
        found.append("it is no Detection Finding")
    if document["type_uid"] != document["class_uid"] * 100 + document["activity_id"]:
        found.append("type_uid is not that of its class and activity")
    for name, captions in (
        ("severity", _SEVERITIES.values()),
        ("status", [*_STATUSES.values(), _IN_PROGRESS]),
        ("confidence", [*_SURE.values(), _UNKNOWN]),
    ):
        if (document[f"{name}_id"], document[name]) not in captions:
            found.append(f"{name} and {name}_id do not go together")
    times = [info["first_seen_time"], info["last_seen_time"]]
    if times != sorted(times) or info["created_time"] > info["modified_time"]:
        found.append("a time is before the one that it follows")
    if not 0 <= document.get("confidence_score", 0) <= 100:  # noqa: PLR2004 - per cent
        found.append("confidence_score is no per cent")
    if document.get("cloud") and "cloud" not in document["metadata"]["profiles"]:
        found.append("it has a cloud but not its profile")
    for number, evidence in enumerate(document["evidences"]):
        found += [f"evidence {number}: {fault}" for fault in _faults_of(evidence)]
    return found


def _faults_of(evidence: Mapping[str, Any]) -> Iterator[str]:
    ip = evidence.get("src_endpoint", {}).get("ip")
    if ip is not None and address(ip) != ip:
        yield "src_endpoint.ip is no address"
    if not evidence.get("data", {}).get("event_id"):
        yield "it names no event"
    if not evidence["actor"]["user"].keys() & {"name", "uid"}:
        yield "its actor has neither name nor uid"


def _document(kept: Kept, version: str) -> dict[str, Any]:
    case = kept.case
    events = counted(case)
    activity = _ACTIVITIES[state(kept)]
    severity, status = _SEVERITIES.get(case.severity, _SEVERITIES["info"]), _STATUSES.get(kept.status, _IN_PROGRESS)
    sure, principal = confidence(case), arn_of(case.account)
    certainty = _SURE[sure[0]] if sure else _UNKNOWN
    document: dict[str, Any] = {
        "activity_id": activity[0],
        "activity_name": activity[1],
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + activity[0],
        "type_name": f"Detection Finding: {activity[1]}",
        "severity_id": severity[0],
        "severity": severity[1],
        "status_id": status[0],
        "status": status[1],
        "status_detail": said(f"{kept.status}: {kept.note}" if kept.note else kept.status),
        "confidence_id": certainty[0],
        "confidence": certainty[1],
        "time": millis(kept.updated),
        "start_time": millis(case.first),
        "end_time": millis(case.last),
        "count": max(len(events) + case.more, 1),
        "message": said(case.sentence),
        "metadata": {
            "uid": state_id(kept),
            "version": "1.5.0",
            "product": {"name": "watchbill", "vendor_name": "watchbill", "version": version},
            "event_code": said(case.kind, NAME_MOST),
            "profiles": ["cloud"] if principal else [],
        },
        "finding_info": _info(kept, events, version),
        "evidences": [_evidence(kept, event) for event in events[:EVIDENCE_MOST]],
        "resources": _resources(kept),
        "observables": _observables(kept, events),
        "remediation": {"desc": said(_advice(kept), 2 * TEXT_MOST)},
        "unmapped": {
            "hypotheses": hypotheses(case),
            "leading": None if case.leading is None else said(case.leading, NAME_MOST),
            "why": said(case.why),
            "question": said(case.question),
            "how_known": said(case.how_known),
            "facts": facts(case.facts),
            "shift": shift(case),
            "how_possible": [said(opening.what) for opening in case.openings],
            "evidence_left_out": max(len(events) - EVIDENCE_MOST, 0) + case.more,
            "whence": [_whence(each) for each in case.whence[:EVIDENCE_MOST]],
            "session": [said(f"{hop.at} {hop.what} (event {hop.event_id})") for hop in case.session[:EVIDENCE_MOST]],
            "side_effects": [said(effect) for effect in case.side_effects],
            "undo": said(case.undo) if case.undo else None,
            "telemetry": said(case.telemetry) if case.telemetry else None,
        },
    }
    if sure:
        document["confidence_score"] = sure[1]
    if principal:
        document["cloud"] = {"provider": "AWS", "account": _account(principal.account)}
    return document


def _info(kept: Kept, events: Sequence[EvidenceView], version: str) -> dict[str, Any]:
    case = kept.case
    return {
        "uid": said(case.id, NAME_MOST),
        "title": said(case.sentence, NAME_MOST),
        "desc": said(f"{case.sentence}. {case.why}; next: {case.question}", 2 * TEXT_MOST),
        "types": [said(case.kind, NAME_MOST)],
        "created_time": millis(kept.opened),
        "modified_time": max(millis(kept.updated), millis(kept.opened)),
        "first_seen_time": millis(case.first),
        "last_seen_time": millis(case.last),
        "data_sources": ["AWS CloudTrail"],
        "analytic": {
            "name": f"watchbill {said(case.kind, NAME_MOST)}",
            "uid": f"watchbill.case.{said(case.kind, NAME_MOST)}",
            "type_id": _RULE[0],
            "type": _RULE[1],
            "version": version,
        },
        "related_analytics": [
            {"name": said(title, NAME_MOST), "uid": said(title, NAME_MOST), "type_id": _RULE[0], "type": _RULE[1]}
            for title in dict.fromkeys(case.findings[:EVIDENCE_MOST])
        ],
        "related_events": [{"uid": said(e.event_id, NAME_MOST), "type": "CloudTrail"} for e in events[:EVIDENCE_MOST]],
        "attacks": [_attack(technique) for technique in techniques(case)],
    }


def _attack(found: Technique) -> dict[str, Any]:
    made: dict[str, Any] = {"version": ATTACK_VERSION, "tactic": {"uid": found.tactic_uid, "name": found.tactic}}
    if not found.parent:
        return made | {"technique": {"uid": found.uid, "name": found.name}}
    technique = {"uid": found.uid.partition(".")[0], "name": found.parent}
    return made | {"technique": technique, "sub_technique": {"uid": found.uid, "name": found.name}}


def _evidence(kept: Kept, event: EvidenceView) -> dict[str, Any]:
    service, _, operation = event.what.rpartition(":")
    made: dict[str, Any] = {
        "name": said(event.what, NAME_MOST),
        "actor": {"user": _user(kept)},
        "api": {
            "operation": said(operation, NAME_MOST),
            # The library wants all three.
            "service": {"name": said(service, NAME_MOST), "uid": said(service, NAME_MOST), "version": "unknown"},
        },
        "data": {
            "event_id": said(event.event_id, NAME_MOST),
            "time": event.at,
            "right": said(event.right, NAME_MOST),
            "outcome": said(event.outcome, NAME_MOST),
            "note": said(event.note),
            "file": said(event.file),
            "index": event.index,
            "sha256": said(event.digest) if event.digest else None,
        },
    }
    if (ip := address(event.ip)) is not None:
        made["src_endpoint"] = {"ip": ip}
    elif event.ip:
        # AWS writes the name of a service there where one called for somebody.
        made["src_endpoint"] = {"svc_name": said(event.ip, NAME_MOST)}
    return made


def _whence(found: WhenceView) -> dict[str, Any]:
    texts = (found.ip, found.network, found.device, found.place, found.device_was, found.operator, found.country)
    names = ("ip", "network", "device", "place", "device_was", "operator", "country")
    told = {name: said(text, NAME_MOST) for name, text in zip(names, texts, strict=True) if text}
    return {**told, "events": found.events}


def _user(kept: Kept) -> dict[str, Any]:
    case, principal = kept.case, arn_of(kept.case.account)
    name = case.person or (principal.name if principal else None) or case.principal or "unknown"
    user = {"name": said(name, NAME_MOST), "type_id": _USER[0], "type": _USER[1]}
    if principal:
        user |= {"uid": principal.text, "account": _account(principal.account)}
    return user


def _account(number: str) -> dict[str, Any]:
    return {"uid": number, "name": number, "type_id": _AWS_ACCOUNT[0], "type": _AWS_ACCOUNT[1]}


def _resources(kept: Kept) -> list[dict[str, Any]]:
    principal = arn_of(kept.case.account)
    found: list[dict[str, Any]] = []
    if principal:
        kind = _RESOURCES.get(principal.kind, said(principal.kind, NAME_MOST))
        found.append(
            {"uid": principal.text, "name": principal.name, "type": kind, "cloud_partition": principal.partition}
        )
    elif kept.case.principal:
        found.append({"uid": said(kept.case.principal), "name": said(kept.case.principal, NAME_MOST), "type": "Other"})
    found += [
        {"uid": said(key, NAME_MOST), "name": said(key, NAME_MOST), "type": "AwsIamAccessKey"}
        for key in access_keys(kept.case)[:EVIDENCE_MOST]
    ]
    return found


def _observables(kept: Kept, events: Sequence[EvidenceView]) -> list[dict[str, Any]]:
    ips = dict.fromkeys(ip for event in events[:EVIDENCE_MOST] if (ip := address(event.ip)) is not None)
    found = [
        {"name": "evidences[].src_endpoint.ip", "type_id": 2, "type": "IP Address", "value": ip} for ip in sorted(ips)
    ]
    if kept.case.person is not None:
        value = said(kept.case.person, NAME_MOST)
        found.append({"name": "evidences[].actor.user.name", "type_id": 4, "type": "User Name", "value": value})
    return found


def _advice(kept: Kept) -> str:
    case = kept.case
    return "; ".join([case.question, *(f"{action.kind} {action.target}: {action.why}" for action in case.actions)])
