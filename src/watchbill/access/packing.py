"""Put statements into as few managed policies as hold them, and leave what is there where it is.

A slice that is live, or next, never moves to another policy: between the two calls of a move there would be a hole. So
each statement stays in the policy in which one of the same time lies already, as long as there is room, and room is
counted as if what is to go were still there: both together are what a plan may have to write first (`changes`).
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from watchbill.access.documents import BEFORE, Statement, document, size, span_of
from watchbill.access.model import PATH, Document, PolicyState
from watchbill.intervals import Interval


LEFTOVER = "Old"
"""Ends the Sid of a statement that stays for a moment beside what takes its place; a document has a Sid once."""

_EMPTY = size(document(()))
_NUMBERED = re.compile(r"(?P<family>(?:gate|fence|guard)-.+)-(?P<number>[1-9][0-9]{0,5})")


class TooLargeError(ValueError):
    """One statement alone is larger than a policy may be."""


def pack(
    wanted: Sequence[Statement], placed: Mapping[int, Sequence[Statement]], limit: int, since: datetime
) -> Mapping[int, tuple[Statement, ...]]:
    """Give what each policy of a family comes to hold, by number from 1; a number that is missing holds nothing more.

    `placed` is what each holds now, `limit` the characters of one, `since` the instant before which nothing matters.
    """
    there = _There(placed, since)
    wanted = [there.same_as(each) or each for each in wanted]
    keys, lengths = [_key(each) for each in wanted], [_length([each]) for each in wanted]
    said = frozenset(keys)
    room = {number: limit - _EMPTY - _length(there.gone(number, said)) for number in sorted(placed)}
    number_of: dict[int, int] = {}

    def put(index: int, number: int) -> None:
        number_of[index] = number
        room[number] -= lengths[index]

    # What is there already fits, whatever is counted for it, and keeps its room before what is new gets any.
    for index, key in enumerate(keys):
        if (home := there.with_text(key)) is not None:
            put(index, home)
    for index, each in enumerate(wanted):
        home = None if index in number_of else there.of_same_time(each)
        if home is not None and lengths[index] <= room[home]:
            put(index, home)
    for index, (each, length) in enumerate(zip(wanted, lengths, strict=True)):
        if index in number_of:
            continue
        if length > limit - _EMPTY:
            raise TooLargeError(f"statement {each.get('Sid')} has {length} characters")
        put(index, _with_room(length, room, limit))
    found: dict[int, list[Statement]] = {}
    for index, number in sorted(number_of.items()):
        found.setdefault(number, []).append(wanted[index])
    return {number: tuple(held) for number, held in sorted(found.items())}


def _with_room(length: int, room: dict[int, int], limit: int) -> int:
    """Give the first policy that has so much room, a new one where none has."""
    number = next((n for n in sorted(room) if length <= room[n]), None)
    if number is None:
        number = next(n for n in range(1, len(room) + 2) if n not in room)
        room[number] = limit - _EMPTY
    return number


def place_of(policy: PolicyState) -> tuple[str, int] | None:
    """Give the family of a packed policy of watchbill's and its number; None for any other."""
    match = _NUMBERED.fullmatch(policy.name) if policy.path == PATH else None
    return None if match is None else (match["family"], int(match["number"]))


def gone_from(held: Iterable[Statement], wanted: Iterable[Statement], since: datetime) -> tuple[Statement, ...]:
    """Give the statements of a document that are wanted in it no more and that still matter at `since` or later.

    One whose time another of the same document takes over, and more, is not among them: what it said is still said.
    """
    wanted = list(wanted)
    gone = _unwanted(held, wanted, since)
    return tuple(each for each in gone if not any(_takes_over(new, each) for new in wanted))


def _unwanted(held: Iterable[Statement], wanted: Iterable[Statement], since: datetime) -> list[Statement]:
    keys = {_key(each) for each in wanted}
    return [each for each in held if _key(each) not in keys and not _is_past(each, since)]


def _takes_over(new: Statement, old: Statement) -> bool:
    after, before = span_of(new), span_of(old)
    if after is None or before is None or not (after.start <= before.start and before.end <= after.end):
        return False
    return _undated(new) == _undated(old)


def both(new: Sequence[Statement], stays: Iterable[Statement]) -> Document:
    """Give the document that holds new statements and, for a moment, old ones; each Sid in it is there once."""
    used = {each.get("Sid") for each in new}
    old: list[Statement] = []
    for each in stays:
        if "Sid" not in each:
            old.append(each)
            continue
        sid = str(each.get("Sid", "")).removesuffix(LEFTOVER) + LEFTOVER
        while sid in used:
            sid = f"X{sid}"
        used.add(sid)
        old.append({**each, "Sid": sid})
    return document([*new, *old])


def statements_of(found: Document) -> tuple[Statement, ...]:
    """Give the statements of a document, whatever shape others may have given it."""
    statements = found.get("Statement", ())
    listed = [statements] if isinstance(statements, Mapping) else statements
    return tuple(each for each in listed if isinstance(each, Mapping))


_SIDS = re.compile(r"X*(Take|Before|Beyond|(Outlive|Guard|Only)[A-Za-z0-9]+|S[0-9]{8}T[0-9]{6,12})")


def brakes_of(found: Document) -> tuple[Statement, ...]:
    """Give the Denies of a packed policy that no plan of watchbill's wrote: they may be somebody's emergency brake."""
    denied = (each for each in statements_of(found) if each.get("Effect") != "Allow")
    return tuple(each for each in denied if not _SIDS.fullmatch(str(each.get("Sid", "")).removesuffix(LEFTOVER)))


class _There:
    """What lies in the policies of a family, found by what it says and by its time."""

    def __init__(self, placed: Mapping[int, Sequence[Statement]], since: datetime) -> None:
        self._since = since
        self._keyed = {number: [(_key(each), each) for each in held] for number, held in sorted(placed.items())}
        self._by_text: dict[bytes, int] = {}
        self._by_sid: dict[str, int] = {}
        self._by_end: dict[datetime, list[tuple[Interval, Statement]]] = {}
        spans: list[tuple[Interval, int]] = []
        for number, held in self._keyed.items():
            for key, each in held:
                self._by_text.setdefault(key, number)
                if (span := span_of(each)) is None:
                    self._by_sid.setdefault(str(each.get("Sid")), number)
                elif not str(each.get("Sid")).endswith(LEFTOVER):
                    self._by_end.setdefault(span.end, []).append((span, each))
                if span is not None and span.end > since:
                    spans.append((span, number))
        self._spans = sorted(spans, key=lambda pair: pair[0])
        self._starts = [span.start for span, _ in self._spans]
        self._longest = max((span.length for span, _ in self._spans), default=timedelta(0))

    def same_as(self, wanted: Statement) -> Statement | None:
        """Give a statement that is there and says the same of all time that matters: it is not written anew."""
        span = span_of(wanted)
        if span is None or span.start > self._since:
            return None
        for there, each in self._by_end.get(span.end, ()):
            if there.start <= span.start and _undated(each) == _undated(wanted):
                return each
        return None

    def gone(self, number: int, wanted: Collection[bytes]) -> Iterator[Statement]:
        """Give the statements of a policy that are wanted no more, by what these say, and that still matter."""
        return (each for key, each in self._keyed[number] if key not in wanted and not _is_past(each, self._since))

    def with_text(self, key: bytes) -> int | None:
        """Give the policy in which a statement lies, by what it says; None where there is none."""
        return self._by_text.get(key)

    def of_same_time(self, wanted: Statement) -> int | None:
        """Give the policy in which one of the same time lies, or of the same Sid where it has none; None for none."""
        if (span := span_of(wanted)) is None:
            return self._by_sid.get(str(wanted.get("Sid")))
        return min(self._overlapping(span), default=(None, None))[1]

    def _overlapping(self, span: Interval) -> Iterator[tuple[datetime, int]]:
        low, high = bisect_left(self._starts, span.start - self._longest), bisect_right(self._starts, span.end)
        for there, number in self._spans[low:high]:
            if (shared := there.intersection(span)) is not None and shared.end > self._since:
                yield shared.start, number


def _length(statements: Iterable[Statement]) -> int:
    # The comma after each, and what marks a leftover, are counted too.
    return sum(size(each) + 1 + len(LEFTOVER) for each in statements)


def _key(statement: Statement) -> bytes:
    return msgspec.json.encode(statement, order="sorted")


def _undated(statement: Statement) -> object:
    condition = {k: v for k, v in statement["Condition"].items() if not k.startswith("Date")}
    return {**{k: v for k, v in statement.items() if k != "Sid"}, "Condition": condition}


def _is_past(statement: Statement, since: datetime) -> bool:
    span = span_of(statement)
    # The Deny before the horizon is about the past alone.
    return span.end <= since if span else str(statement.get("Sid")).removesuffix(LEFTOVER) == BEFORE
