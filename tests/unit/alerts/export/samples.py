"""Cases made by hand, for tests of what becomes of them outside."""

from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime, timedelta

from watchbill.alerts.export.model import Kept
from watchbill.alerts.view import (
    ActionView,
    AddendView,
    CaseView,
    EvidenceView,
    HopView,
    HypothesisView,
    OpeningView,
    ShiftView,
    WhenceView,
)


AT = datetime(2026, 1, 15, 3, 12, tzinfo=UTC)
JAMES = "arn:aws:iam::111111111111:user/james"


def evidence(number=1, **changes):
    """Make an event that counts."""
    made = EvidenceView(
        f"e{number:04}",
        "2026-01-15T03:00:00Z",
        "rds:ModifyDBInstance",
        "off shift",
        "allowed",
        "203.0.113.9",
        "AWSLogs/111111111111/CloudTrail/trail.json.gz",
        number,
        "off shift: ended 60 minutes ago",
    )
    return replace(made, **changes)


def case(**changes):
    """Make the case of James at three in the morning, whatever fields a case has by now."""
    known = {
        "id": "C-1a2b3c",
        "kind": "action",
        "person": "james",
        "network": "203.0.113.0/24",
        "principal": None,
        "first": "2026-01-15T03:00:00Z",
        "last": "2026-01-15T03:05:00Z",
        "severity": "high",
        "sentence": "james changed prod 60 minutes after the shift ended",
        "how_known": "IAM user james",
        "shift": ShiftView("ended", "platform", "2026-01-14T18:00:00Z", "2026-01-15T02:00:00Z", 60, ["priya"]),
        "openings": [OpeningView("a policy attached by hand", "e0000", "sam", "2026-01-13T09:00:00Z")],
        "findings": ["a new network"],
        "evidence": [evidence(1), evidence(2), evidence(3, note="", what="ec2:DescribeInstances")],
        "facts": {"place": "new", "time": "ended", "action": "persistence"},
        "leading": "hijack",
        "why": "hijack 0.98 by 4 kinds of evidence",
        "question": "was it james? ask them",
        "hypotheses": [
            HypothesisView(
                "hijack", 0.98, 12, [AddendView("place", "new", 10), AddendView("action", "persistence", 8)]
            ),
            HypothesisView("insider", 0.015, -6, [AddendView("place", "new", -3)]),
            HypothesisView("mistake or shift overrun", 0.005, -9, [AddendView("place", "new", -6)]),
        ],
        "actions": [ActionView("freeze", JAMES, "it may be a hijack")],
        "account": JAMES,
        "stolen_keys": ["AKIASTOLENXXXXXXXXXX"],
        "whence": [
            WhenceView("203.0.113.9", "203.0.113.0/24", "Firefox on Linux", "new", "usual", "Example Ltd", "NL", 2)
        ],
        "session": [HopView("2026-01-15T02:58:00Z", "AssumeRole of prod by james", "e0000")],
        "side_effects": ["james is the only one on call"],
        "undo": "watchbill restore C-1a2b3c",
        "telemetry": "whole",
    }
    for each in fields(CaseView):
        if each.name not in known and each.default is MISSING and each.default_factory is MISSING:
            known[each.name] = _empty(str(each.type))
    return CaseView(**(known | changes))


def kept(status="open", note="", opened=AT, updated=AT + timedelta(minutes=5), **changes):
    """Make a case and where it stands."""
    return Kept(case(**changes), status, note, opened, updated)


def _empty(kind):
    """Give what a field holds where nothing is known of it."""
    if "None" in kind:
        return None
    plain = kind.removeprefix("<class '").removesuffix("'>")
    return {"str": "", "int": 0, "bool": False, "float": 0.0}.get(plain, {} if plain.startswith("dict") else [])
