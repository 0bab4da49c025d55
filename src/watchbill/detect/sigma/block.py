"""The `watchbill:` block of a rule: what a plain Sigma file cannot say of shifts, rights, news and what to do.

It is read strictly: an unknown key, or a value of the wrong form, is said with its key, and the rule is not loaded: a
slip must never make a rule milder or louder than whoever wrote it meant. YAML reads `on`, `off`, `yes` and `no` as
truth values; here they are the words again.

What the block asks of an event (`actor`, `shift`, `entitled`, `new_for`, `outcome`) is asked of the derived fields
`wb.*`, together with the detection of the rule. Where an event has no derived fields such a rule does not match.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from watchbill.detect.sigma.tree import Leaf, Node, all_of, equals
from watchbill.detect.sigma.values import Path, number_of, text_of


ACTORS: Final = ("person", "service", "workload", "root", "unknown")
OUTCOMES: Final = ("allowed", "denied", "failed")
OFF_SHIFT: Final = ("ended", "not yet", "never")
"""States of a shift in which somebody is not on it."""

NEW_FOR: Final = ("person", "role", "company")
NEW: Final = ("network", "device", "action", "account", "resource", "hour")

FAMILIES: Final = (
    "place",
    "device",
    "time",
    "continuity",
    "habit",
    "action",
    "breadth",
    "rhythm",
    "outcome",
    "control",
    "approval",
    "answer",
    "telemetry",
    "detector",
    "identity",
)
"""Families of evidence that a rule may weigh in."""

STORIES: Final = (
    "forgotten password",
    "brute force",
    "mistake or shift overrun",
    "approved work",
    "hijack",
    "insider",
    "control gap",
    "automation",
    "unknown",
)
"""Stories that a rule may speak for or against."""

FIELDS: Final = frozenset(
    {
        "wb.person",
        "wb.actor",
        "wb.method",
        "wb.confidence",
        "wb.right",
        "wb.entitled",
        "wb.outcome",
        "wb.shift.state",
        "wb.shift.minutes_after_end",
        "wb.session.started_on_shift",
        "wb.ours",
        "wb.environment",
        *(f"wb.first_seen.{what}" for what in NEW),
        *(f"wb.first_seen.{whose}.{what}" for whose in NEW_FOR[1:] for what in NEW),
    }
)
"""Derived fields, by which an event is known to the team file, the judge and the baselines."""

_TRUTHS: Final[Mapping[Path, Mapping[bool, str]]] = {
    ("wb", "entitled"): {True: "yes", False: "no"},
    ("wb", "session", "started_on_shift"): {True: "yes", False: "no"},
    ("wb", "shift", "state"): {True: "on", False: "never"},
}
"""Derived fields of words that YAML reads as truth values where they are not quoted."""

_SPAN: Final = re.compile(r"(\d{1,6})([smhd])\Z", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ENDED: Final = re.compile(r"ended ?< ?(\d{1,6}[smhd])\Z", re.ASCII)
_MOST: Final = 100
"""Decibans that one rule may add, either way; more would decide alone."""


@dataclass(frozen=True, slots=True)
class Dedupe:
    """One finding for each key and window; the rest are counted."""

    by: tuple[str, ...]
    """Fields whose values are the key."""
    within: timedelta


@dataclass(frozen=True, slots=True)
class RuleTest:
    """Events that come with a rule, and how many of them it is to match."""

    name: str
    events: tuple[Mapping[str, Any], ...]
    hits: int
    """For a correlation: how many alerts."""


@dataclass(frozen=True, slots=True)
class Block:
    """What the block says; what it does not say is as here."""

    live: bool = False
    """Whether a hit opens a case; else it is shown as evidence only."""
    asks: Node | None = None
    """What it asks of derived fields; None where it asks nothing."""
    ask: str = ""
    """A question for the person."""
    dedupe: Dedupe | None = None
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """A fact by family, for `alerts.weights`."""
    decibans: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    """Decibans by family and story."""
    tests: tuple[RuleTest, ...] = ()
    absent: str | None = None
    """Which rule of a correlation is the one that must not have matched, as the correlation names it."""


class BlockError(Exception):
    """The block says something that it cannot; the message names the key."""


def read_block(given: Any) -> Block:
    """Read a block. Raises BlockError for the first thing wrong with it."""
    if given is None:
        return Block()
    if not isinstance(given, Mapping):
        raise BlockError("`watchbill` is no mapping")
    if unknown := [str(key) for key in given if key not in _READERS]:
        raise BlockError(f"`watchbill` has no key `{unknown[0]}`; it has {', '.join(_READERS)}")
    said: dict[str, Any] = {}
    asked: list[Node] = []
    for key, value in given.items():
        found = _READERS[key](key, value)
        if key in _ASKS:
            asked += found
        else:
            said.update(found)
    return Block(asks=all_of(asked) if asked else None, **said)


def _stage(key: str, value: Any) -> Mapping[str, Any]:
    return {"live": _one_of(key, value, ("staged", "live")) == "live"}


def _actor(key: str, value: Any) -> Sequence[Node]:
    kinds = [_one_of(key, each, (*ACTORS, "any")) for each in _listed(key, value)]
    return [] if "any" in kinds else [equals(("wb", "actor"), *kinds)]


def _shift(key: str, value: Any) -> Sequence[Node]:
    word = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
    state: Path = ("wb", "shift", "state")
    if isinstance(word, str) and (found := _ENDED.match(word)) is not None:
        minutes = _span(key, found[1]) / timedelta(minutes=1)
        return [equals(state, "ended"), _less_than(("wb", "shift", "minutes_after_end"), minutes)]
    match _one_of(key, word, ("on", "off", "any"), "ended<2h"):
        case "on":
            return [equals(state, "on")]
        case "off":
            return [equals(state, *OFF_SHIFT)]
        case _:
            return []


def _entitled(key: str, value: Any) -> Sequence[Node]:
    word = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
    return [] if _one_of(key, word, ("no", "yes", "any")) == "any" else [equals(("wb", "entitled"), word)]


def _new_for(key: str, value: Any) -> Sequence[Node]:
    found: list[Node] = []
    for each in _listed(key, value):
        whose, _, what = str(each).partition(".")
        if whose not in NEW_FOR or what not in NEW:
            raise BlockError(f"`{key}` is `{each}`; it takes ({'|'.join(NEW_FOR)}).({'|'.join(NEW)})")
        between = () if whose == "person" else (whose,)
        found.append(equals(("wb", "first_seen", *between, what), "true"))
    return found


def _outcome(key: str, value: Any) -> Sequence[Node]:
    words = [_one_of(key, each, (*OUTCOMES, "any")) for each in _listed(key, value)]
    return [] if "any" in words else [equals(("wb", "outcome"), *words)]


def _ask(key: str, value: Any) -> Mapping[str, Any]:
    return {"ask": _text(key, value)}


def _dedupe(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or set(value) != {"by", "within"}:
        raise BlockError(f"`{key}` takes `by` and `within`, and nothing else")
    by = tuple(_text(f"{key}.by", each) for each in _listed(f"{key}.by", value["by"]))
    if wrong := [each for each in by if is_unknown(each)]:
        raise BlockError(f"`{key}.by` has `{wrong[0]}`, which is no derived field")
    return {"dedupe": Dedupe(by, _span(f"{key}.within", value["within"]))}


def _weigh(key: str, value: Any) -> Mapping[str, Any]:
    facts: dict[str, str] = {}
    decibans: dict[str, Mapping[str, int]] = {}
    for each in _listed(key, value):
        if not isinstance(each, Mapping) or set(each) not in ({"family", "fact"}, {"family", "decibans"}):
            raise BlockError(f"`{key}` takes `family` with either `fact` or `decibans`")
        family = _one_of(f"{key}.family", each["family"], FAMILIES)
        if family in facts or family in decibans:
            raise BlockError(f"`{key}` weighs the family `{family}` twice")
        if "fact" in each:
            facts[family] = _text(f"{key}.fact", each["fact"])
        else:
            decibans[family] = _decibans(f"{key}.decibans", each["decibans"])
    return {"facts": MappingProxyType(facts), "decibans": MappingProxyType(decibans)}


def _decibans(key: str, value: Any) -> Mapping[str, int]:
    if not isinstance(value, Mapping) or not value:
        raise BlockError(f"`{key}` takes a number for each story")
    for story, number in value.items():
        _one_of(key, story, STORIES)
        if not isinstance(number, int) or isinstance(number, bool) or abs(number) > _MOST:
            raise BlockError(f"`{key}` of `{story}` is `{number}`; it takes a whole number from -{_MOST} to {_MOST}")
    return MappingProxyType(dict(value))


def _tests(key: str, value: Any) -> Mapping[str, Any]:
    return {"tests": tuple(_test(f"{key}[{place}]", each) for place, each in enumerate(_listed(key, value)))}


def _test(key: str, value: Any) -> RuleTest:
    if not isinstance(value, Mapping) or set(value) != {"name", "events", "hits"}:
        raise BlockError(f"`{key}` takes `name`, `events` and `hits`, and nothing else")
    events, hits = value["events"], value["hits"]
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise BlockError(f"`{key}.events` is no list of records")
    if not isinstance(hits, int) or isinstance(hits, bool) or hits < 0:
        raise BlockError(f"`{key}.hits` is `{hits}`; it takes a whole number")
    return RuleTest(_text(f"{key}.name", value["name"]), tuple(_worded(_plain(event)) for event in events), hits)


def _worded(event: dict[str, Any]) -> dict[str, Any]:
    """Put words for the truth values that YAML reads where a derived field has words."""
    for path, words in _TRUTHS.items():
        inner: Any = event
        for name in path[:-1]:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and isinstance(truth := inner.get(path[-1]), bool):
            inner[path[-1]] = words[truth]
    return event


def _plain(value: Any) -> Any:
    """Give an event as JSON would: YAML reads an instant that is not quoted as one."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _absent(key: str, value: Any) -> Mapping[str, Any]:
    return {"absent": _text(key, value)}


_ASKS: Final[Mapping[str, Callable[[str, Any], Sequence[Node]]]] = {
    "actor": _actor,
    "shift": _shift,
    "entitled": _entitled,
    "new_for": _new_for,
    "outcome": _outcome,
}
_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "stage": _stage,
    **_ASKS,
    "ask": _ask,
    "dedupe": _dedupe,
    "weigh": _weigh,
    "tests": _tests,
    "absent": _absent,
}


KEYS: Final = tuple(_READERS)
"""What the block may say."""


def is_unknown(name: str) -> bool:
    """Tell whether a field begins like a derived one and is none: such a rule would never match, in silence."""
    return (name == "wb" or name.startswith("wb.")) and name not in FIELDS


def _less_than(path: Path, bound: float) -> Leaf:
    def decide(values: Sequence[Any]) -> bool:
        return any((number := number_of(found)) is not None and number < bound for found in values)

    return Leaf(f"{'.'.join(path)}<{bound}", path, decide)


def _one_of(key: str, value: Any, words: Sequence[str], example: str = "") -> str:
    if not isinstance(value, str) or value not in words:
        also = f", or such as `{example}`" if example else ""
        raise BlockError(f"`{key}` is `{text_of(value)}`; it takes {', '.join(words)}{also}")
    return value


def _listed(key: str, value: Any) -> Sequence[Any]:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise BlockError(f"`{key}` is an empty list")
    return listed


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BlockError(f"`{key}` takes a text")
    return value.strip()


def _span(key: str, value: Any) -> timedelta:
    """Read `90s`, `15m`, `2h` or `7d`."""
    found = _SPAN.match(value) if isinstance(value, str) else None
    if found is None or found[1].strip("0") == "":
        raise BlockError(f"`{key}` is `{value}`; it takes such as `15m`, in s, m, h or d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
