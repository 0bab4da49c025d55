"""The ledger as its reader may see it: for commands and for pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchbill.intervals import iso
from watchbill.ledger.model import Entry, Verdict


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry."""

    number: int
    at: str
    kind: str
    actor: str
    subject: str
    facts: dict[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class VerifyView:
    """Whether the chain holds; `head` is what to keep elsewhere, `NUMBER:DIGEST`."""

    state: str
    entries: int
    head: str | None
    why: str


def entry_view(entry: Entry) -> EntryView:
    """Turn an entry into plain facts."""
    facts = dict(entry.facts)
    return EntryView(entry.number, iso(entry.at), entry.kind, entry.actor, entry.subject, facts, entry.digest)


def verify_view(found: Verdict) -> VerifyView:
    """Turn what a verification found into plain facts."""
    head = f"{found.head.number}:{found.head.digest}" if found.head else None
    return VerifyView(str(found.state), found.entries, head, found.why)


def facts_said(facts: Mapping[str, Any]) -> str:
    """Say the facts of an entry: `person james, severity high`."""
    return ", ".join(f"{key} {value}" for key, value in facts.items())
