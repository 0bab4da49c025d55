"""What an outside schedule says: who is on call when, in its own words, and whom of us it means.

Whatever the source is, it comes down to entries. Only declared members of a layer may gain anything from one: an entry
of anybody else is a problem that names what the source calls them, never a guess.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from watchbill.errors import Problem
from watchbill.intervals import Interval
from watchbill.team.model import Kind, Person


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """Somebody is on call for a span, by an outside schedule."""

    interval: Interval
    names: tuple[str, ...]
    """What the source calls the person, the surest first: addresses, then ids, then names; all of one person."""
    uid: str
    """The source's own id of the entry, for whoever looks it up there."""
    kind: Kind | None = None
    """In what capacity, where the source says so in our words."""


@dataclass(frozen=True, slots=True)
class Imported:
    """An outside schedule, read."""

    name: str
    """What the source calls the schedule; empty where it does not say."""
    entries: tuple[Entry, ...]
    """In order of time."""
    problems: tuple[Problem, ...]
    """What could not be read; the rest of the schedule is kept."""
    complete_to: Interval | None = None
    """The span the source answers for, where it says so: outside it, no entry does not mean nobody."""


def person_of(names: Iterable[str], people: Mapping[str, Person]) -> str | None:
    """Find whom of us a source means: by address, then by our own name for them or their full name, in any case.

    None where nobody is meant, or where it could be several.
    """
    by_name = _known(people)
    for name in names:
        if len(found := by_name.get(_folded(name), set())) == 1:
            return next(iter(found))
    return None


def matched(
    imported: Imported, people: Mapping[str, Person], members: Collection[str], file: str
) -> tuple[tuple[tuple[Entry, str], ...], tuple[Problem, ...]]:
    """Give the entries that are about declared members, each with the person; and a problem for each other name."""
    kept: list[tuple[Entry, str]] = []
    problems: dict[str, Problem] = {}
    for entry in imported.entries:
        person = person_of(entry.names, people)
        if person is not None and person in members:
            kept.append((entry, person))
            continue
        said = " / ".join(entry.names) or "nobody"
        why = "is nobody of the team file" if person is None else f"is `{person}`, who is no member of the layer"
        problems.setdefault(said, Problem("unknown-member", f"`{said}` {why}; entry {entry.uid}", file))
    return tuple(kept), tuple(problems.values())


def _known(people: Mapping[str, Person]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, person in people.items():
        for text in (person.email, name, person.full_name, person.iam_user):
            found.setdefault(_folded(text), set()).add(name)
    return found


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
