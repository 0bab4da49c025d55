"""A case as it goes out, and what all documents of it share.

Rules of every document: each string that a stranger may have chosen is inert and bounded; what was left out for its
size is said in the document; the same case in the same state makes the same document, with the same `state_id`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import ip_address
from itertools import count
from typing import Any

from watchbill.alerts.view import CaseView, EvidenceView
from watchbill.inert import shortened
from watchbill.intervals import parse_instant


NAME_MOST = 256
"""Characters of a name, an ARN's parts and the like."""
TEXT_MOST = 1024
"""Characters of a sentence."""

SEVERITIES = ("info", "low", "medium", "high", "critical")
STATUSES = ("open", "asked", "escalated", "frozen", "closed")
CLOSED = "closed"

OTHER = "other"
"""Stands for a word that is in no vocabulary of ours."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A case with where it stands, as the store has it and as its reader may see it (`reader.readable`)."""

    case: CaseView
    status: str
    note: str
    """Why it stands there."""
    opened: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Arn:
    """The parts of an ARN that documents name."""

    text: str
    partition: str
    account: str
    kind: str
    """`user`, `role`, `assumed-role`, `root`, or whatever stands there."""
    name: str
    """Its last part: the name without path."""


def said(text: object, most: int = TEXT_MOST) -> str:
    """Give a text fit to leave: inert, bounded, and never empty."""
    return shortened(text, most) or "-"


def arn_of(text: str | None) -> Arn | None:
    """Read an ARN of IAM or STS; None for what is none."""
    parts = (text or "").split(":", 5)
    if len(parts) != len(("arn", "partition", "service", "region", "account", "resource")) or parts[0] != "arn":
        return None
    kind, _, path = parts[5].partition("/")
    return Arn(
        said(text, 2048),
        said(parts[1], 20),
        said(parts[4], 12),
        said(kind, NAME_MOST),
        said(path.rsplit("/", 1)[-1] or kind, NAME_MOST),
    )


def address(ip: str | None) -> str | None:
    """Give an address as it is written shortest; None for what is no address, such as the name of a service."""
    try:
        return str(ip_address(ip or ""))
    except ValueError:
        return None


def counted(case: CaseView) -> Sequence[EvidenceView]:
    """Give the events that count; all there are where none does."""
    return [event for event in case.evidence if event.note] or case.evidence


def access_keys(case: CaseView) -> list[str]:
    """Give the access keys among the credentials that stay off: for others documents have no place."""
    return [key for key in case.stolen_keys if key.startswith("AKIA")]


def confidence(case: CaseView) -> tuple[str, int] | None:
    """Give how sure the leading story is, in a word and in per cent; None where none is weighed.

    `high` is decided, `medium` likelier than not; what abstains is never high.
    """
    if not case.hypotheses:
        return None
    first = case.hypotheses[0].probability
    if case.leading is not None:
        return "high", round(100 * first)
    return ("medium" if first >= 0.5 else "low"), round(100 * first)  # noqa: PLR2004 - likelier than not


def state_id(kept: Kept) -> str:
    """Name a case in one state: whoever has seen this id has seen all that is to be said.

    Of letters, digits, `-` and `.` alone, so that it can stand in a header or be the name of a file.
    """
    text = json.dumps(asdict(kept), sort_keys=True, default=str)
    return f"{_plain(kept.case.id)}.{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def state(kept: Kept) -> str:
    """Tell what became of it last: `opened`, `updated` or `closed`."""
    if kept.status == CLOSED:
        return "closed"
    return "opened" if kept.updated <= kept.opened else "updated"


def vocabulary(word: str, words: Sequence[str]) -> str:
    """Give a word of a vocabulary, or `other`: what labels and ids are made of is never a stranger's choice."""
    return word if word in words else OTHER


def millis(at: datetime | str) -> int:
    """Give an instant in milliseconds since 1970."""
    moment = parse_instant(at) if isinstance(at, str) else at
    return round(moment.timestamp() * 1000)


def hypotheses(case: CaseView) -> list[dict[str, Any]]:
    """Give the competing stories with every addend, as plain facts."""
    return [
        {
            "story": said(story.story, NAME_MOST),
            "probability": story.probability,
            "decibans": story.decibans,
            "addends": [
                {"family": said(a.family, NAME_MOST), "fact": said(a.fact, NAME_MOST), "decibans": a.decibans}
                for a in story.addends
            ],
        }
        for story in case.hypotheses
    ]


def facts(found: Mapping[str, object]) -> dict[str, str]:
    """Give facts by their names, inert; names that become alike by that are numbered, so that none is lost."""
    made: dict[str, str] = {}
    for name, value in found.items():
        shown = said(name, NAME_MOST)
        key = next(each for n in count(1) if (each := shown if n == 1 else f"{shown} ({n})") not in made)
        made[key] = said(value)
    return made


def shift(case: CaseView) -> dict[str, Any] | None:
    """Give where it lies against the person's shift."""
    if case.shift is None:
        return None
    found = case.shift
    return {
        "watch": said(found.watch, NAME_MOST),
        "rota": None if found.rota is None else said(found.rota, NAME_MOST),
        "start": found.start,
        "end": found.end,
        "minutes_away": found.minutes_away,
        "on_call": [said(person, NAME_MOST) for person in found.on_call],
    }


def _plain(text: str) -> str:
    kept = "".join(c for c in text[:NAME_MOST] if c.isascii() and (c.isalnum() or c == "-"))
    return kept or "case"
