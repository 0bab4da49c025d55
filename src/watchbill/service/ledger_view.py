"""The ledger for commands, which show all of it, and for pages, which show what their reader may see.

On a page nobody sees what the ledger has of a case about themselves, nor who looked at them: it stands there as a
number and a hash. What a lead concluded is for whoever may see the story of an insider in that case.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from watchbill.alerts.export.reader import sees_insider
from watchbill.intervals import iso
from watchbill.ledger.model import Entry, Kind, Sought, Verdict
from watchbill.respond.times import is_verdict, words_of
from watchbill.service.casework import Casework, view_of


WITHHELD: Final = "withheld"
"""The kind of an entry, or the one fact, that its reader may not see."""


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


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as its reader may see it."""

    entry: Entry
    said: str | None
    """What was done, in words that follow who did it; None where the facts have to do."""
    withheld: bool
    """Whether nothing of it is told but its number, time and hash."""


class Reader:
    """Reads the ledger for whoever works."""

    def __init__(self, work: Casework) -> None:
        self._work, self._person = work, work.actor
        cases = [row.id for row in work.store.cases.of_person(work.actor)]
        self._own = {*cases, *(row.id for row in work.store.freezes.all() if row.person == work.actor)}
        self._sees: dict[str, bool] = {}

    def lines(self, sought: Sought) -> Iterator[Line]:
        """Give the entries that are asked for, the last first.

        One of whose kind or actor nothing may be told is left out where those are asked for: that it is found would
        tell it.
        """
        by_what = bool(sought.kind or sought.actor)
        for entry in self._work.store.ledger.found(sought):
            line = self._line(entry)
            if not (by_what and line.withheld):
                yield line

    def page(self, sought: Sought, most: int) -> tuple[list[Line], int | None]:
        """Give so many entries at most, and before which number there are more; None where there are none."""
        found = list(islice(self.lines(sought), most + 1))
        return found[:most], found[most - 1].entry.number if len(found) > most else None

    def _line(self, entry: Entry) -> Line:
        if self._is_own(entry):
            kept = replace(entry, kind=WITHHELD, actor="", subject="", facts={})
            return Line(kept, None, withheld=True)
        if not is_verdict(entry):
            return Line(entry, words_of(entry, may_see_insider=True), withheld=False)
        sees = self._sees_insider(entry.subject)
        shown = entry if sees else replace(entry, facts={WITHHELD: "what was concluded"})
        return Line(shown, words_of(entry, may_see_insider=sees), withheld=False)

    def _is_own(self, entry: Entry) -> bool:
        """Tell whether an entry is about a case of whoever reads, or about a look at them."""
        if entry.kind in _OF_PERSON and self._person in (entry.subject, entry.facts.get("person")):
            return True
        # The keys of notices begin with the case that they are about.
        names = {entry.subject, entry.subject.partition(":")[0], str(entry.facts.get("case"))}
        return not self._own.isdisjoint(names)

    def _sees_insider(self, case_id: str) -> bool:
        if case_id not in self._sees:
            row = self._work.store.cases.get(case_id)
            self._sees[case_id] = row is not None and sees_insider(self._work.team, self._person, view_of(row))
        return self._sees[case_id]


_OF_PERSON: Final = frozenset(
    {
        Kind.PERSON_SEEN,
        Kind.CASE_RAISED,
        Kind.FREEZE_APPLIED,
        Kind.EVICTION_ASKED,
        Kind.EVICTION_APPLIED,
        Kind.RESTORE_ASKED,
        Kind.RESTORE_APPLIED,
    }
)
"""What is about a person by its subject or its facts, whether the state still has the case or not."""
