"""Which team file was in force when: what was somebody's right then is said by the file that was applied by then.

The rules, in order:

1. A revision is in force from the instant at which it was applied until the next one is; that instant belongs to the
   new one.
2. The file that is given is nobody's right until it is applied: after the last revision, that one stays in force.
3. Before the first revision, and where none is recorded, the given file is assumed to have been in force.
4. So it is where a revision is of another team: a state may have served one before.
5. A revision that can be read no more leaves its time open: nobody knows what it gave, and no other stands in for it.

Organizations have a history of their own, of what was read of them: each is taken to be so until another is read, and
what it was before the first is not known.

What is assumed is said in words, once for the whole span that is asked about; what is open is a problem.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from watchbill.access.interim import read
from watchbill.access.model import Freeze
from watchbill.access.organization import Known, Organization
from watchbill.errors import FileError, Problem
from watchbill.intervals import Interval, iso
from watchbill.team.model import Team


@dataclass(frozen=True, slots=True)
class Revision:
    """A team file as it was kept when it was applied."""

    digest: str
    since: datetime
    text: str


@dataclass(frozen=True, slots=True)
class InForce:
    """What was in force from an instant on."""

    since: datetime | None
    """None: from the beginning of time."""
    team: Team | None
    """None where the revision can be read no more."""
    revision: str | None
    """Its digest; None where the given file is assumed."""
    why_not: str = ""
    """Why the revision can be read no more."""


@dataclass(frozen=True, slots=True)
class Organized:
    """What an organization was read to be, from an instant on; None where there was none."""

    since: datetime
    organization: Organization | None


NEVER = "they were never read: `watchbill plan` reads them, and each pass of `watchbill run`"


def not_known(why: str) -> str:
    """Say that it is not known what an organization denies."""
    return f"what policies of the organization deny is not known: {why}"


def not_before(first: datetime) -> str:
    """Say that nothing is known of an organization before it was first read."""
    return f"they were not read before {iso(first)}"


@dataclass(frozen=True, slots=True)
class History:
    """The team files of a span of time, each from when it was in force, and the freezes beside them."""

    given: Team
    files: tuple[InForce, ...]
    """In order of time, the first one from the beginning. No two begin together."""
    freezes: tuple[Freeze, ...] = ()
    """They begin and end by themselves, and outrank whichever file is in force."""
    assumed_before: datetime | None = None
    """No revision is recorded before this instant; None where none is recorded at all."""
    assumed: tuple[str, ...] = ()
    """What was taken to be in force, in words, where it is not plainly the file that was given."""
    problems: tuple[Problem, ...] = ()
    """Revisions that can be read no more."""
    organizations: Mapping[str, tuple[Organized, ...]] = field(default_factory=dict)
    """What organizations were in the span, in order of time, by the number of the account that they are read by."""

    def in_force(self, instant: datetime) -> InForce:
        """Give what was in force at an instant."""
        starts = [each.since for each in self.files if each.since is not None]
        return self.files[bisect_right(starts, instant)]

    def at(self, instant: datetime) -> Team | None:
        """Give the team file that was in force at an instant; None where it can be read no more."""
        return self.in_force(instant).team

    def spans(self, within: Interval) -> tuple[tuple[Interval, InForce], ...]:
        """Cut a span of time by what was in force in it, in order: every instant of it is in one piece."""
        starts = [max(within.start, each.since or within.start) for each in self.files]
        ends = [*(min(start, within.end) for start in starts[1:]), within.end]
        placed = zip(self.files, starts, ends, strict=True)
        return tuple((Interval(start, end), each) for each, start, end in placed if start < end)

    def organized(self, team: Team | None, within: Interval) -> tuple[tuple[Interval, Known], ...]:
        """Cut a span by what the organization of a team was in it."""
        if team is None or team.organization is None:
            return ((within, None),)
        read = self.organizations.get(team.accounts[team.organization].number, ())
        found: list[tuple[datetime, Known]] = [(max(each.since, within.start), each.organization) for each in read]
        if not read or read[0].since > within.start:
            found.insert(0, (within.start, not_before(read[0].since) if read else NEVER))
        ends = [*(start for start, _ in found[1:]), within.end]
        spans = ((start, min(end, within.end), known) for (start, known), end in zip(found, ends, strict=True))
        return tuple((Interval(start, end), known) for start, end, known in spans if start < end)


def declared(revisions: Sequence[Revision], given: Team, within: Interval, freezes: Collection[Freeze] = ()) -> History:
    """Give what was in force in a span of time.

    `revisions` are all that were applied, in the order in which they were. Only those in force at some instant of the
    span are read. Where a clock was set back, what was applied later counts from the time it was applied at.
    """
    stood = _stood(revisions)
    wanted = _of_span(stood, within)
    teams = {each.digest: _read(each, given) for each in wanted}
    files = (InForce(None, given, None), *(_in_force(each, teams[each.digest], given) for each in wanted))
    history = History(given, files, tuple(freezes), stood[0].since if stood else None)
    assumed = [*_unrecorded(history, within), *_others(teams, given), *_not_applied(files[-1], stood, given)]
    return replace(history, assumed=tuple(assumed), problems=tuple(_problems(history, within)))


def in_force_in(revisions: Sequence[Revision], within: Interval) -> list[Revision]:
    """Give those that were in force at some instant of a span: the only ones whose text `declared` reads."""
    return _of_span(_stood(revisions), within)


def _stood(revisions: Sequence[Revision]) -> list[Revision]:
    """Give those that ever counted, in order of time."""
    stood: list[Revision] = []
    for revision in revisions:
        while stood and stood[-1].since >= revision.since:
            stood.pop()
        stood.append(revision)
    return stood


def _of_span(stood: Sequence[Revision], within: Interval) -> list[Revision]:
    first = max(bisect_right([each.since for each in stood], within.start) - 1, 0)
    return [each for each in stood[first:] if each.since < within.end]


def _read(revision: Revision, given: Team) -> Team | FileError:
    if revision.digest == given.digest:
        return given
    return _parsed(revision.text, f"{given.path}@{_short(revision.digest)}")


@lru_cache(maxsize=16)
def _parsed(text: str, path: str) -> Team | FileError:
    """Read a revision. A large file takes seconds, and the same ones are asked for again and again."""
    try:
        return read(text, path)
    except FileError as error:
        return error


def _in_force(revision: Revision, read: Team | FileError, given: Team) -> InForce:
    if isinstance(read, FileError):
        why = f"revision {_short(revision.digest)} of the team file can be read no more: {read.problems[0]}"
        return InForce(revision.since, None, revision.digest, why)
    if read.name != given.name:
        return InForce(revision.since, given, None)
    return InForce(revision.since, read, revision.digest)


_TAKEN = "the given file is taken to have been in force"


def _unrecorded(history: History, within: Interval) -> Iterator[str]:
    first = history.assumed_before
    if first is None:
        yield f"no revision of the team file is recorded: {_TAKEN} all the time"
    elif within.start < first:
        yield f"no revision of the team file is recorded before {iso(first)}: {_TAKEN} until then"


def _others(teams: Mapping[str, Team | FileError], given: Team) -> Iterator[str]:
    names = {each.name for each in teams.values() if isinstance(each, Team)} - {given.name}
    if names:
        of = ", ".join(f"`{name}`" for name in sorted(names))
        yield f"some revisions in the state are of team {of}, not `{given.name}`: {_TAKEN} in their place"


def _not_applied(last: InForce, stood: Sequence[Revision], given: Team) -> Iterator[str]:
    """Say that the given file is not the one in force at the end, unless it was applied later than that."""
    if stood and last.since == stood[-1].since and last.revision not in (None, given.digest):
        since, short = iso(stood[-1].since), _short(stood[-1].digest)
        yield f"the given file is not applied yet: from {since} on, revision {short} is in force and is judged by"


def _problems(history: History, within: Interval) -> Iterator[Problem]:
    for span, each in history.spans(within):
        if each.team is None:
            message = f"{each.why_not}; what was done under it, {span}, cannot be judged"
            yield Problem("unreadable-revision", message, history.given.path)


def _short(digest: str) -> str:
    return digest[:12]
