"""One witness for every combination of answers that a set of tests on one value can give.

Tests on one key, on the resource or on the action part its domain into finitely many cells: two values are in the same
cell when every test answers the same for both. The rules, in order:

1. Every cell that is not empty has a witness, or BudgetError is raised. Nothing is sampled and nothing is left out.
2. A witness is a value of the domain as a request writes it; which tests it passes is left to those who ask.
3. Characters that no test tells apart are one character. Unicode has more characters than any policy names, so there
   is one that no pattern names, unless patterns name them all.
4. Of the texts of a cell, one that a person would write is preferred; the empty text comes last.

Globs are walked together, character by character, as one automaton in which patterns that begin alike are one. One that
has reached a `*` at its end is decided; one that can match no more is gone; of the places in a pattern only those from
its latest `*` on count; where a single pattern is left undecided the walk ends.

Not asked here: values that do not read as a number, a date or an address, and keys that are absent.
"""

import ipaddress
import math
import sys
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple

from watchbill.policy.operators import PARTS, Tokens, arn_parts, read_network, text_of
from watchbill.policy.patterns import ANY, ONE, Token, glob, matches, widest


class BudgetError(Exception):
    """Finding the cells takes more than was allowed."""

    def __init__(self, what: str, limit: int, spent: int = 0) -> None:
        super().__init__(f"takes more than the budget of {limit:,} {what}")
        self.what = what
        """`states`, `looks` or `characters of patterns`: a look is at one place in a pattern."""
        self.limit = limit
        self.spent = spent
        """Looks taken until then."""


BUDGET = 20_000
"""States that a search may take, if not told otherwise."""

_LOOKS = 100
"""Looks allowed for each state of the budget, so that neither time nor memory hangs on how wide a state is."""
_ROOM = 16
"""Characters of a text that take as much room as a look."""
_CHARACTERS = 25
"""Characters of patterns allowed for each state of the budget: each may take a node, and a node takes memory."""
_WIDE = 4_096
"""Patterns whose bits are copied in the time of a look."""


# --- texts ----------------------------------------------------------------------------------------


def text_witnesses(
    patterns: Iterable[Tokens], *, arns: Iterable[Tokens] = (), folded: Iterable[str] = (), budget: int = BUDGET
) -> tuple[str, ...]:
    """Give a text for every set of tests that some text passes and all others fail; the empty set is one of them.

    `patterns` match a whole text; `arns` as `ArnLike` does, part by part; `folded` are texts compared without regard
    to case. Names that AWS compares in lower case are given in lower case, and then no witness has capitals.

    Raises BudgetError where that takes more than `budget` states; there are at most two cells to a state.
    """
    return text_cells(patterns, arns=arns, folded=folded, budget=budget)[0]


def text_cells(
    patterns: Iterable[Tokens], *, arns: Iterable[Tokens] = (), folded: Iterable[str] = (), budget: int = BUDGET
) -> tuple[tuple[str, ...], int]:
    """Give what `text_witnesses` does, and the looks that it took."""
    net = _Net(patterns, arns, folded, budget)
    return tuple(_plausible(net, text, answers) for answers, text in _search(net, budget)), net.looks


def covers(general: Tokens, special: Tokens, *, budget: int = BUDGET) -> bool:
    """Tell whether one pattern matches every text that another does.

    Without a `?` in the general pattern this takes no search; with one it may raise BudgetError.
    """
    general, special = _normal(general), _normal(special)
    if ONE not in general:
        # A character that it does not name is taken by a `*` alone, which takes whatever else may stand there too.
        stranger = _stranger({each for each in general if isinstance(each, str)})
        if stranger is not None:
            return matches(general, "".join(each if isinstance(each, str) else stranger for each in special))
    if general == special:
        return True
    net = _Net((general, special), (), (), budget)
    alone = 1 << net.patterns.index(special)
    return all(answers != alone for answers, _ in _search(net, budget))


def arn_covers(general: Tokens, special: Tokens, *, budget: int = BUDGET) -> bool:
    """Tell whether one pattern of ARNs covers another, both matched part by part where both have six parts."""
    parts = arn_parts(general), arn_parts(special)
    if any(len(each) != PARTS for each in parts):
        return covers(general, special, budget=budget)
    return all(covers(one, other, budget=budget) for one, other in zip(*parts, strict=True))


def overlap(one: str, other: str) -> bool:
    """Tell whether some text matches two patterns without variables."""
    return shared(glob(one), glob(other)) is not None


def shared(one: Tokens, other: Tokens) -> str | None:
    """Give a text that both patterns match; None where there is none. The work is the product of their lengths."""
    one, other = _normal(one), _normal(other)
    meeting = _meeting(one, other)
    if not meeting[0] & 1:
        return None
    text: list[str] = []
    i = j = 0
    while i < len(one) or j < len(other):
        if i < len(one) and one[i] == ANY and meeting[i + 1] >> j & 1:
            i += 1
        elif j < len(other) and other[j] == ANY and meeting[i] >> (j + 1) & 1:
            j += 1
        elif one[i] == ANY:
            text.append(_character(other[j]))
            j += 1
        elif other[j] == ANY:
            text.append(_character(one[i]))
            i += 1
        else:
            text.append(_character(other[j] if one[i] == ONE else one[i]))
            i, j = i + 1, j + 1
    return "".join(text)


def arn_shared(one: Tokens, other: Tokens) -> str | None:
    """Give an ARN that both patterns match, part by part where both have six parts; None where there is none."""
    parts = arn_parts(one), arn_parts(other)
    if any(len(each) != PARTS for each in parts):
        return shared(one, other)
    found = [shared(*each) for each in zip(*parts, strict=True)]
    texts = [each for each in found if each is not None]
    return ":".join(texts) if len(texts) == PARTS else None


def arn_overlap(form: str, pattern: str, *, strictly: bool = False) -> bool:
    """Tell whether an ARN of a resource type's form can match a policy's resource pattern, whatever its variables are.

    A form is one of the Service Authorization Reference with `*` for what differs: `arn:*:s3:::*/*`. One of its first
    five parts that differs is not empty.

    `strictly` asks too that the resource's type is spelled out: IAM takes no wildcard in it (`u*` for `user/...`), only
    `*` for the whole (General Reference, "Paths in ARNs").
    """
    *head, resource = form.split(":", PARTS - 1)
    filled = ":".join((*("?*" if part == "*" else part for part in head), resource))
    pattern = widest(pattern)
    if arn_shared(glob(filled), glob(pattern)) is None:
        return False
    return not strictly or _spelled_out(resource, pattern)


def _spelled_out(form: str, pattern: str) -> bool:
    name = form.replace(":", "/").partition("/")[0]
    resource = pattern.split(":", PARTS - 1)[-1]
    return name == form or not set(name).isdisjoint("*?") or resource == "*" or resource.startswith(name)


def _normal(tokens: Tokens) -> Tokens:
    """Write every run of `*` as one."""
    return tuple(each for place, each in enumerate(tokens) if each != ANY or tokens[place - 1 : place] != (ANY,))


def _meeting(one: Tokens, other: Tokens) -> list[int]:
    """Give, for each place in the first, the places in the other from which both match a same text, as bits."""
    of: dict[Token, int] = {}
    for j, each in enumerate(other):
        of[each] = of.get(each, 0) | 1 << j
    runs = of.get(ANY, 0)
    single = ((1 << len(other)) - 1) & ~runs
    last = 1 << len(other)
    row = last | (last >> 1 & runs)
    found = [row]
    for token in reversed(one):
        if token == ANY:
            row = (1 << row.bit_length()) - 1
        else:
            both = row >> 1 & (single if token == ONE else of.get(token, 0) | of.get(ONE, 0))
            row = both | runs & (row | both >> 1)
        found.append(row)
    return found[::-1]


def _character(token: Token) -> str:
    return token if isinstance(token, str) else _STRANGERS[0]


# --- the automaton of many patterns ---------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Node:
    """What a pattern has matched so far; patterns that begin alike share their nodes."""

    number: int
    """Nodes nearer to the end of their patterns have higher numbers."""
    depth: int
    loops: bool = False
    """Whether it stands behind a `*`, which takes any character and stays."""
    colons: int = 0
    barred: bool = False
    """Whether its wildcards take no colon: in the first five parts of an ARN."""
    folded: bool = False
    low: int = 0
    count: int = 0
    """It is of the patterns `low` up to `low + count`."""
    ends: int = -1
    """The pattern that ends here."""
    next: dict[Token, "_Node"] = field(default_factory=dict)

    def successor(self, symbol: str) -> "_Node | None":
        """Give where a character leads by its name."""
        if not self.folded:
            return self.next.get(symbol)
        found: _Node | None = self
        for each in symbol.casefold():
            found = found.next.get(each) if found is not None else None
        return found

    def symbols(self) -> Iterator[str]:
        """Give the characters that lead elsewhere than any other character does."""
        if self.folded:
            yield from self._spelled("", self)
            return
        for token in self.next:
            if isinstance(token, str):
                yield token
        if self.barred and (self.loops or ONE in self.next):
            yield ":"

    def _spelled(self, so_far: str, at: "_Node") -> Iterator[str]:
        yield from _unfolded().get(so_far, ())
        if len(so_far) == 1 and so_far.casefold() == so_far:
            yield so_far
        if len(so_far) < _LONGEST_FOLD:
            for token, node in at.next.items():
                yield from self._spelled(f"{so_far}{token}", node)


class _State(NamedTuple):
    """All that matters of the text read so far."""

    live: tuple[_Node, ...]
    """From the nearest to an end to the farthest."""
    decided: int
    """Patterns that match whatever follows, as bits."""

    @property
    def answers(self) -> int:
        """Give the patterns that match the text read so far, as bits."""
        found = self.decided
        for node in self.live:
            if node.ends >= 0:
                found |= 1 << node.ends
        return found

    @property
    def open(self) -> int:
        """Give the patterns that may match or not by what follows, as bits."""
        found = 0
        for node in self.live:
            found |= ((1 << node.count) - 1) << node.low
        return found & ~self.decided


class _Net:
    """Patterns walked together."""

    __slots__ = ("_width", "form", "limit", "looks", "patterns", "start")

    def __init__(self, patterns: Iterable[Tokens], arns: Iterable[Tokens], folded: Iterable[str], budget: int) -> None:
        self.patterns: list[Tokens] = []
        """In normal form, so ordered that those of one beginning are together; by the bits of the answers."""
        self.limit = budget * _LOOKS
        patterns, arns, folded = set(patterns), set(arns), set(folded)
        self._width = 1 + (len(patterns) + len(arns) + len(folded)) // _WIDE
        self.looks = sum(map(len, (*patterns, *arns, *folded)))
        _check("characters of patterns", self.looks, budget * _CHARACTERS)
        roots = [_Node(number, 0, barred=number == 1, folded=number == 2) for number in range(3)]  # noqa: PLR2004
        at: list[_Node] = []
        for root, group in zip(roots, (patterns, _readable_arns(arns), map(_folded, folded)), strict=True):
            found = sorted(set(map(_normal, group)), key=_order)
            self.patterns += found
            at += [root] * len(found)
        self._grow(at, len(roots))
        self.form = _form(self.patterns)
        self.start = self._settled({root for root in roots if root.count}, 0)

    def _grow(self, at: list[_Node], made: int) -> None:
        """Make the nodes level by level, so that their numbers follow their depth."""
        growing = list(range(len(at)))
        while growing:
            for pattern in growing:
                node, tokens = at[pattern], self.patterns[pattern]
                if not node.count:
                    node.low = pattern
                node.count += 1
                if node.depth == len(tokens):
                    node.ends = pattern
                    continue
                each = tokens[node.depth]
                after = node.next.get(each)
                if after is None:
                    colons = node.colons + int(each == ":")
                    barred = node.barred and colons < PARTS - 1
                    after = _Node(made, node.depth + 1, each == ANY, colons, barred, node.folded)
                    node.next[each] = after
                    made += 1
                at[pattern] = after
            growing = [each for each in growing if at[each].ends != each]

    def step(self, state: _State, symbol: str) -> _State:
        """Read one more character."""
        self.looks += len(state.live) * self._width
        reached: set[_Node] = set()
        for node in state.live:
            if (after := node.successor(symbol)) is not None:
                reached.add(after)
            if not node.barred or symbol != ":":
                if node.loops:
                    reached.add(node)
                if (after := node.next.get(ONE)) is not None:
                    reached.add(after)
        return self._settled(reached, state.decided)

    def _settled(self, reached: set[_Node], decided: int) -> _State:
        reached |= {node.next[ANY] for node in reached if ANY in node.next}
        for node in reached:
            if node.loops and node.ends >= 0:
                decided |= 1 << node.ends
        live: list[_Node] = []
        covered = decided
        for node in sorted(reached, key=_number, reverse=True):
            its = (1 << node.count) - 1
            if covered >> node.low & its == its:
                continue  # all its patterns are decided, or have a later `*` that takes what this would
            live.append(node)
            if node.loops:
                covered |= its << node.low
        return _State(tuple(live), decided)

    def answers(self, text: str) -> int:
        """Give the patterns that match a text, as bits."""
        state = self.start
        for each in text:
            state = self.step(state, each)
        return state.answers

    def onward(self, state: _State, text: str) -> Iterator[tuple[_State, str]]:
        """Give where each character that matters leads on from a text; what is passed over adds no answers."""
        self.looks += len(text) // _ROOM
        named = {symbol for node in state.live for symbol in node.symbols()}
        alone: _Node | None = None
        if (stranger := _stranger(named)) is not None:
            astray = self.step(state, stranger)
            yield astray, text + stranger
            alone = _alone(state, astray)
        for symbol in sorted(named, key=_oddness):
            after = self.step(state, symbol), text + symbol
            yield after if alone is None or _only(alone) != symbol else self._along(alone.next[symbol], *after)

    def _along(self, node: _Node, state: _State, text: str) -> tuple[_State, str]:
        """Follow a place from which one character leads on, to where there is a choice again or a pattern ends.

        Any other character leaves only the other places, and to those a stranger has led before.
        """
        while node.ends < 0 and (symbol := _only(node)) is not None:
            node, state, text = node.next[symbol], self.step(state, symbol), text + symbol
        return state, text

    def told(self, state: _State, text: str) -> Iterator[tuple[int, str]]:
        """Give the answers for a text that led to a state, and for the next ones where all is told by these two."""
        yield state.answers, text
        if state.open and self.all_told(state):
            yield state.decided | state.open, text + self._rest(state)

    def all_told(self, state: _State) -> bool:
        """Tell whether at most one pattern is undecided, and does not match yet."""
        undecided = state.open
        return undecided & (undecided - 1) == 0 and state.answers == state.decided

    def _rest(self, state: _State) -> str:
        """Give what to read for the only open pattern of a state to match."""
        pattern = self.patterns[state.open.bit_length() - 1]
        return "".join(_character(each) for each in pattern[state.live[0].depth :] if each != ANY)


def _alone(state: _State, astray: _State) -> _Node | None:
    """Give the place that is all that a stranger leads away from; None where more changes than that.

    Not of a text compared without case, where several characters lead on.
    """
    gone = [node for node in state.live if node not in astray.live and not node.folded]
    same = astray.live == tuple(node for node in state.live if node not in gone)
    return gone[0] if same and len(gone) == 1 else None


def _only(node: _Node) -> str | None:
    """Give the one character that leads on from a place; None where others do, or any."""
    token = next(iter(node.next)) if len(node.next) == 1 else None
    return token if isinstance(token, str) else None


def _readable_arns(arns: Iterable[Tokens]) -> Iterator[Tokens]:
    """Leave out what `ArnLike` never matches, and spell out the first part, which is `arn` in any ARN."""
    for tokens in arns:
        parts = arn_parts(tokens)
        if len(parts) == PARTS and matches(parts[0], "arn"):
            yield ("a", "r", "n", *tokens[len(parts[0]) :])


def _folded(text: str) -> Tokens:
    return tuple(text.casefold())


def _order(tokens: Tokens) -> tuple[tuple[bool, Token], ...]:
    return tuple((isinstance(each, str), each) for each in tokens)


def _number(node: _Node) -> int:
    return node.number


def _form(patterns: Sequence[Tokens]) -> str:
    """Say what patterns are of, to give witnesses that look like it: `arn`, `name` (of an action), or nothing."""
    texts = [text for each in patterns if (text := text_of(each))]
    if any(each.startswith("arn:") for each in texts):
        return "arn"
    return "name" if texts and all(":" in each for each in texts) else ""


def _search(net: _Net, budget: int) -> Iterator[tuple[int, str]]:
    """Give every set of answers once, with a text; that of the empty text, if no other has it, comes last."""
    told: set[int] = set()
    seen: set[_State] = set()
    waiting = deque([(net.start, "")])
    while waiting:
        for state, text in net.onward(*waiting.popleft()):
            if state not in seen:
                seen.add(state)
                for answers, witness in net.told(state, text):
                    if answers not in told:
                        told.add(answers)
                        yield answers, witness
                if not net.all_told(state):
                    waiting.append((state, text))
            _check("states", len(seen), budget, net.looks)
            _check("looks", net.looks, net.limit, net.looks)
    if net.start.answers not in told:
        yield net.start.answers, ""


def _check(what: str, needed: int, limit: int, spent: int = 0) -> None:
    if needed > limit:
        raise BudgetError(what, limit, spent)


# --- characters -----------------------------------------------------------------------------------

_STRANGERS = "xyzwvutsrqponmlkjihgfedcba0123456789-_."
_FIRST_FOREIGN = 0xE0
_LONGEST_FOLD = 3
"""Characters that one may fold to (Unicode, CaseFolding.txt)."""


def _oddness(symbol: str) -> tuple[int, str]:
    """Order characters: letters and digits, then punctuation, then foreign ones."""
    return (0 if symbol.isalnum() else 1) if symbol.isascii() else 2, symbol


def _stranger(named: set[str]) -> str | None:
    """Give a character that is not named, the same in lower case; None where all of Unicode is named."""
    for each in _STRANGERS:
        if each not in named:
            return each
    codes = range(_FIRST_FOREIGN, sys.maxunicode + 1)
    free = (each for each in map(chr, codes) if each not in named)
    return next((each for each in free if each.isalpha() and each.casefold() == each), None)


@lru_cache(maxsize=1)
def _unfolded() -> dict[str, tuple[str, ...]]:
    """Give the characters that fold to something other than themselves, by what they fold to."""
    found: dict[str, tuple[str, ...]] = {}
    for each in map(chr, range(sys.maxunicode + 1)):
        folded = each.casefold()
        if folded != each:
            found[folded] = (*found.get(folded, ()), each)
    return found


_FILLED = {1: "aws", 2: "s3", 3: "us-east-1", 4: "123456789012"}
"""What a part of an ARN may well be, by its position."""
_ARNS = ("arn:aws:s3:::x", "arn:aws:ec2:us-east-1:123456789012:x", "arn:aws:x:us-east-1:123456789012:x")


def _plausible(net: _Net, text: str, answers: int) -> str:
    """Give a text of the same cell that reads more like a real one, if there is one at hand."""
    filler = _STRANGERS[0]
    if net.form == "arn":
        if text.startswith("arn:") and text.count(":") >= PARTS - 1:
            text = _filled(net, text, answers)
        else:
            text = _first(net, answers, *_ARNS, text)
    elif net.form == "name" and not text.partition(":")[0]:
        text = _first(net, answers, filler + text, text)
    elif net.form == "name" and ":" not in text:
        text = _first(net, answers, f"{text}:{filler}", text)
    return text if not text or text[-1].isalnum() else _first(net, answers, text + filler, text)


def _filled(net: _Net, text: str, answers: int) -> str:
    filler = _STRANGERS[0]
    parts = text.split(":", PARTS - 1)
    for position, usual in _FILLED.items():
        before, found, after = ":".join(parts[:position]), parts[position], ":".join(parts[position + 1 :])
        if found in ("", filler):
            tries = [f"{before}:{each}:{after}" for each in (usual, filler, found)]
            parts[position] = _first(net, answers, *tries).split(":")[position]
    text = ":".join(parts)
    for end in range(len(text) - 1, len(text) - len(parts[-1]) - 1, -1):
        if text[end] in ":/" and text[end - 1] in ":/":
            text = _first(net, answers, text[:end] + filler + text[end:], text)
    return text


def _first(net: _Net, answers: int, *texts: str) -> str:
    """Give the first of some texts that is of a cell, the last of which is; that one where the looks are used up."""
    return next((each for each in texts[:-1] if net.looks <= net.limit and net.answers(each) == answers), texts[-1])


# --- numbers, instants, addresses -----------------------------------------------------------------


def number_witnesses(literals: Iterable[float]) -> tuple[str, ...]:
    """Give a number for each literal, between neighbours, below the first and above the last; whole where it can be.

    A cell that no number falls in has none: between neighbours of the machine's precision, or beyond its largest.
    """
    values = sorted({float(each) for each in literals if not math.isnan(each)})
    if not values:
        return ("0",)
    found = list(values)
    for low, high in pairwise((-math.inf, *values, math.inf)):
        found += islice((each for each in _between(low, high) if low < each < high), 1)
    return tuple(map(_number_text, found))


def _between(low: float, high: float) -> Iterator[float]:
    """Give what may lie between two numbers, the more readable first; nothing does if none of these does."""
    if math.isfinite(low):
        yield math.floor(low) + 1.0
    if math.isfinite(high):
        yield math.ceil(high) - 1.0
    yield low / 2 + high / 2
    yield math.nextafter(low, high)


def _number_text(value: float) -> str:
    return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - as repr does


def instant_witnesses(literals: Iterable[float]) -> tuple[str, ...]:
    """Give an instant for each literal, between neighbours, before the first and after the last.

    Literals are seconds since 1970; witnesses are ISO-8601 in UTC, whole seconds where it can be. Instants have
    microseconds and lie in the years 1 to 9999: a cell that none of them falls in has no witness.
    """
    edges = [0]
    for each in sorted({each for each in literals if not math.isnan(each)}):
        edges += [bisect_left(_MOMENTS, each, key=_seconds), bisect_right(_MOMENTS, each, key=_seconds)]
    edges.append(len(_MOMENTS))
    return tuple(_instant(start, end) for start, end in pairwise(edges) if start < end)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_MOMENTS = range(
    (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND,
    (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND + 1,
)
"""Every instant that a date can write, in microseconds since 1970."""


def _seconds(moment: int) -> float:
    return moment / _SECOND


def _instant(start: int, end: int) -> str:
    """Write one of the instants from one place in `_MOMENTS` up to another, near the end that a literal is at."""
    first, last = _MOMENTS[start], _MOMENTS[end - 1]
    whole = -(-first // _SECOND) * _SECOND if start else last // _SECOND * _SECOND
    moment = whole if first <= whole <= last else first
    return (_EPOCH + moment * _MICROSECOND).isoformat().replace("+00:00", "Z")


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_witnesses(networks: Iterable[str]) -> tuple[str, ...]:
    """Give an address for every set of networks that some address is in and in no other, of IPv4 and of IPv6.

    A text that is no network has no address in it. Where the networks cover a family there is none outside them.
    """
    read = {found for text in networks if (found := read_network(text)) is not None}
    four = sorted((each for each in read if each.version == 4), key=_place)  # noqa: PLR2004 - the family
    six = sorted((each for each in read if each.version == 6), key=_place)  # noqa: PLR2004 - the family
    return (
        *_addresses(four, ipaddress.IPv4Address("198.51.100.1")),
        *_addresses(six, ipaddress.IPv6Address("2001:db8::1")),
    )


def _addresses(networks: Sequence[Network], usual: Address) -> Iterator[str]:
    """Give an address for each network that its inner ones do not fill, and one outside all, the usual one if it is."""
    whole = 1 << usual.max_prefixlen
    edges = {0, whole}
    for each in networks:
        edges |= {int(each[0]), int(each[-1]) + 1}
    chosen: dict[Network | None, int] = {}
    around: list[Network] = []
    entering = deque(networks)
    for start, end in pairwise(sorted(edges)):
        while around and int(around[-1][-1]) < start:
            around.pop()
        while entering and int(entering[0][0]) == start:
            around.append(entering.popleft())
        chosen.setdefault(around[-1] if around else None, min(start + 1, end - 1))
    if None in chosen and not any(usual in each for each in networks):
        chosen[None] = int(usual)
    for value in chosen.values():
        yield str(type(usual)(value))


def _place(network: Network) -> tuple[int, int]:
    return int(network[0]), network.prefixlen
