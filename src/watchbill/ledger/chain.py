"""Append to the hash chain, and verify it.

The digest of an entry is the SHA-256 of its other fields as canonical JSON: keys sorted, no white space, UTF-8, times
as ISO-8601 with `Z`. Changing, dropping, swapping or inserting any entry breaks it from there on. Cutting off its end
does not show in the chain itself: for that `verify` takes the head that was seen before.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from watchbill.intervals import iso
from watchbill.ledger.model import Entry, Head, State, Verdict


GENESIS = "0" * 64


def append(
    previous: Entry | None, *, at: datetime, kind: str, actor: str, subject: str, facts: Mapping[str, Any]
) -> Entry:
    """Make the entry that follows another, or the first. `facts` must be plain JSON values."""
    number = 1 if previous is None else previous.number + 1
    before = GENESIS if previous is None else previous.digest
    plain = json.loads(json.dumps(facts))
    digest = _digest(number, at, kind, actor, subject, plain, before)
    return Entry(number, at, kind, actor, subject, plain, before, digest)


def verify(entries: Iterable[Entry], head: Head | None = None) -> Verdict:
    """Verify a whole chain from its first entry; `head` is one that was seen before and must still be in it."""
    last: Entry | None = None
    seen_head = head is None
    for entry in entries:
        why = _broken(entry, last)
        if why:
            return Verdict(State.BROKEN, entry.number, None, f"entry {entry.number}: {why}")
        if head is not None and entry.number == head.number:
            if entry.digest != head.digest:
                why = f"entry {entry.number} is not the one that was seen: the chain was rewritten"
                return Verdict(State.BROKEN, entry.number, None, why)
            seen_head = True
        last = entry
    if not seen_head and head is not None:
        found = last.number if last else 0
        return Verdict(State.BROKEN, found, None, f"entry {head.number} was seen, but the chain ends at {found}")
    if last is None:
        return Verdict(State.EMPTY, 0, None, "there is no entry")
    return Verdict(State.INTACT, last.number, Head(last.number, last.digest), "")


def _broken(entry: Entry, last: Entry | None) -> str:
    expected = 1 if last is None else last.number + 1
    if entry.number != expected:
        return f"number {expected} is missing"
    if entry.previous != (GENESIS if last is None else last.digest):
        return "it does not follow the entry before it"
    made = _digest(entry.number, entry.at, entry.kind, entry.actor, entry.subject, entry.facts, entry.previous)
    return "" if made == entry.digest else "it was changed after it was written"


def _digest(
    number: int, at: datetime, kind: str, actor: str, subject: str, facts: Mapping[str, Any], previous: str
) -> str:
    fields = {
        "number": number,
        "at": iso(at),
        "kind": str(kind),
        "actor": actor,
        "subject": subject,
        "facts": facts,
        "previous": previous,
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
