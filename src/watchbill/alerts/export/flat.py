"""A case as one flat object: a line of JSON for a SIEM, and the `data` of a webhook.

Its shape has a version, `schema`: fields may be added within one, and none changes its meaning. Every value is a text,
a number, null, or a list of texts, so that no SIEM has to be taught how to look inside.
"""

from typing import Any

import msgspec

from watchbill.alerts.export.model import (
    NAME_MOST,
    Kept,
    access_keys,
    address,
    arn_of,
    confidence,
    counted,
    facts,
    said,
    shift,
    state,
    state_id,
)
from watchbill.alerts.view import EvidenceView
from watchbill.inert import inert_json
from watchbill.intervals import iso


SCHEMA = "watchbill.case/1"

EVENTS_MOST = 100
"""Events that are named; how many there are is said beside them."""


def flat(kept: Kept) -> dict[str, Any]:
    """Give the object of a case."""
    case, sure = kept.case, confidence(kept.case)
    events = counted(case)
    named, principal = events[:EVENTS_MOST], arn_of(case.account)
    times, on_shift = shift(case) or {}, case.shift
    return {
        "schema": SCHEMA,
        "id": said(case.id, NAME_MOST),
        "state_id": state_id(kept),
        "state": state(kept),
        "status": said(kept.status, NAME_MOST),
        "note": said(kept.note) if kept.note else None,
        "kind": said(case.kind, NAME_MOST),
        "severity": said(case.severity, NAME_MOST),
        "opened_at": iso(kept.opened),
        "updated_at": iso(kept.updated),
        "first_event_at": case.first,
        "last_event_at": case.last,
        "sentence": said(case.sentence),
        "person": None if case.person is None else said(case.person, NAME_MOST),
        "how_known": said(case.how_known),
        "principal": None if case.principal is None else said(case.principal),
        "network": None if case.network is None else said(case.network, NAME_MOST),
        "account_arn": None if case.account is None else said(case.account),
        "aws_account": principal.account if principal else None,
        "shift": times.get("watch"),
        "rota": times.get("rota"),
        "shift_start": times.get("start"),
        "shift_end": times.get("end"),
        "shift_minutes_away": on_shift.minutes_away if on_shift else None,
        "on_call": times.get("on_call", []),
        "how_possible": [said(opening.what) for opening in case.openings],
        "findings": [said(title) for title in case.findings[:EVENTS_MOST]],
        "facts": [f"{name}={value}" for name, value in facts(case.facts).items()],
        "leading": None if case.leading is None else said(case.leading, NAME_MOST),
        "confidence": sure[0] if sure else None,
        "probability_percent": sure[1] if sure else None,
        "stories": [f"{said(story.story, NAME_MOST)}={story.probability:.3f}" for story in case.hypotheses],
        "why": said(case.why),
        "question": said(case.question),
        "actions": [said(f"{action.kind} {action.target}: {action.why}") for action in case.actions],
        "access_keys": [said(key, NAME_MOST) for key in access_keys(case)[:EVENTS_MOST]],
        "ips": sorted({shown for event in events if (shown := address(event.ip)) is not None})[:EVENTS_MOST],
        "devices": list(dict.fromkeys(said(each.device, NAME_MOST) for each in case.whence if each.device)),
        "operators": list(dict.fromkeys(said(each.operator, NAME_MOST) for each in case.whence if each.operator)),
        "countries": list(dict.fromkeys(said(each.country, NAME_MOST) for each in case.whence if each.country)),
        "session": [said(f"{hop.at} {hop.what} (event {hop.event_id})") for hop in case.session[:EVENTS_MOST]],
        "side_effects": [said(effect) for effect in case.side_effects],
        "undo": said(case.undo) if case.undo else None,
        "telemetry": said(case.telemetry) if case.telemetry else None,
        "events": len(events) + case.more,
        "events_around": len(case.evidence) - len(events),
        "event_ids": [said(event.event_id, NAME_MOST) for event in named],
        "event_ids_left_out": len(events) + case.more - len(named),
        "actions_seen": list(dict.fromkeys(said(event.what, NAME_MOST) for event in events))[:EVENTS_MOST],
        "trail_files": list(dict.fromkeys(said(_file(event)) for event in named)),
    }


def _file(event: EvidenceView) -> str:
    """Name the file of an event, and its hash where it is known."""
    return f"{event.file} sha256:{event.digest}" if event.digest else event.file


def json_line(document: object) -> str:
    """Write a document as one line of JSON, without its end, and inert: see `inert_json`."""
    return inert_json(msgspec.json.encode(document).decode())
