"""How much each fact speaks for each story, in decibans, and by what it is decided: read from `weights.toml`.

One addend per family of evidence, so that an address, its network and its country do not count three times. The rules
that a file of weights must keep, or it is not taken:

1. It knows every family, fact and story, and names no other.
2. `unknown` competes in every kind and is flat: it has a prior and no weight.
3. The time adds at most 6 to anything, an answer at most 15, silence at most 2.
4. Of each story, base rates and decibans make about one together (within `SLACK`): a row that does not would speak for
   its story, or against it, whatever is found.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import log10
from typing import Any

from watchbill.alerts.stories import Further, Story
from watchbill.errors import FileError, Problem
from watchbill.team.names import meant


BREAK_GLASS = "break-glass"
"""The kind of case whose stories are never weighed, so that nothing can speak for it."""

GAP = "gap"
"""The kind of case about something that was not recorded: there is nothing to weigh."""

KINDS = ("sign-in", "action")
"""The kinds of case that are weighed."""

FACTS: Mapping[str, Sequence[str]] = {
    "place": ("usual", "known to others", "new"),
    "device": ("usual", "known to others", "new"),
    "time": ("shift start", "on shift", "just outside", "ended", "off", "no shift"),
    "continuity": (
        "session of the shift",
        "fresh sign-in with mfa",
        "fresh sign-in without mfa",
        "long-term key",
    ),
    "habit": ("usual", "new to them", "new to the role", "new to all"),
    "action": (
        "read",
        "change",
        "irreversible",
        "persistence",
        "escalation",
        "logging",
        "secrets",
        "denied-burst",
    ),
    "breadth": ("one name", "many names", "few targets", "bulk"),
    "rhythm": ("human", "machine"),
    "outcome": ("success with mfa", "success without mfa", "success", "failures only"),
    "control": ("opened by another", "opened by the person", "session outlived the shift", "nothing found"),
    "approval": ("announced", "refused"),
    "answer": ("yes", "yes with second factor", "no", "silence"),
    "telemetry": ("whole", "late", "gap"),
    "detector": ("credential misuse", "reconnaissance", "exfiltration", "other"),
    "identity": ("person", "shared", "automation"),
}
"""The families of evidence and their facts. A fact that is not here is weighed as if it were absent."""

_ONLY: Mapping[str, Mapping[str, Sequence[str]]] = {
    "breadth": {"sign-in": ("one name", "many names"), "action": ("few targets", "bulk")},
}
"""Families whose facts differ by the kind of case: names tried, or things touched."""

MOST = 20
"""What one addend may be at most, in decibans."""
_MOST_OF_FAMILY: Mapping[str, int] = {"time": 6, "answer": 15}
_MOST_OF_SILENCE = 2

SLACK = 1.0
"""How far base rates and decibans of a story may be from one, in decibans: what rounding leaves."""

_WHOLE = 100


def facts_of(family: str, kind: str) -> Sequence[str]:
    """Give the facts that a family may tell in a kind of case."""
    return _ONLY.get(family, {}).get(kind, FACTS.get(family, ()))


def most_of(family: str) -> int:
    """Give what an addend of a family may be at most, whoever says it: the file or a rule."""
    return _MOST_OF_FAMILY.get(family, MOST)


@dataclass(frozen=True, slots=True)
class Family:
    """The weights of one family of evidence."""

    base: Mapping[str, float]
    """Chance of each fact where none of the stories is true; what is missing to one finds nothing."""
    decibans: Mapping[str, Mapping[Story, int]]
    """By fact and story; a story that is not there gets 0."""
    counts: bool
    """Whether it is one of the families that must have spoken: who it is, or how well it is recorded, is no evidence of
    what happened."""

    def chance(self, fact: str, story: Story) -> float:
        """Give the chance of a fact where a story is true, before `likelihoods` makes a whole of it."""
        return float(self.base[fact] * 10 ** (self.decibans[fact].get(story, 0) / 10))


@dataclass(frozen=True, slots=True)
class Ask:
    """Something that may be asked or looked up, and the family of evidence that would speak."""

    family: str
    kinds: frozenset[str]
    person: bool
    """Whether it can be asked only where a person is known."""
    text: str
    apart: str | None
    """Said instead of `text` where a hijack is likely."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One version of all of it."""

    version: int
    decided_at: float
    """Probability from which a story is called decided."""
    families_least: int
    """Families that must have spoken before anything is decided."""
    likely: float
    """Probability from which a hijack is reckoned with when somebody is asked."""
    freeze_at: float
    """Probability of a hijack or an insider from which a freeze needs no lead's word."""
    priors: Mapping[str, Mapping[Story, int]]
    """By kind of case: where each story that competes starts."""
    families: Mapping[str, Family]
    asks: Sequence[Ask]

    def likelihoods(self, family: str, kind: str, story: Story) -> Mapping[str | None, float]:
        """Give the chance of each fact of a family where a story is true; None is the chance that nothing is found.

        They make one. Decibans that leave more than one, by rounding, are scaled.
        """
        known = self.families[family]
        said: dict[str | None, float] = {fact: known.chance(fact, story) for fact in facts_of(family, kind)}
        whole = sum(said.values())
        looked = sum(known.base[fact] for fact in facts_of(family, kind))
        if whole > 1 or looked > 1 - 1e-9:
            return {fact: chance / whole for fact, chance in said.items()}
        return {**said, None: 1 - whole}


@cache
def shipped() -> Weights:
    """Give the weights that come with watchbill."""
    text = resources.files("watchbill.alerts").joinpath("weights.toml").read_text("utf-8")
    return read_weights(text, "weights.toml")


def further(title: str, weigh: Mapping[str, Mapping[str, int]]) -> tuple[Further, ...]:
    """Give what a rule adds, by its block's decibans per family and story; ValueError for names that nobody knows.

    The loader of rules has refused such names before; what a rule may add is bounded when it is weighed.
    """
    strange = sorted(set(weigh) - set(FACTS))
    if strange:
        raise ValueError(f"rule `{title}` weighs the family `{strange[0]}`, which nobody knows")
    return tuple(
        Further(family, title, {Story(name): decibans for name, decibans in stories.items()})
        for family, stories in weigh.items()
    )


def read_weights(text: str, file: str) -> Weights:
    """Read a file of weights; FileError with every mistake in it, each naming its key."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError([Problem("not-toml", f"this is no TOML: {error}", file)]) from error
    reader = _Reader(file)
    made = reader.weights(given)
    if reader.problems:
        raise FileError(reader.problems)
    return made


class _Reader:
    """Takes a file apart and gathers what is wrong with it."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file

    def weights(self, given: Mapping[str, Any]) -> Weights:
        """Make weights of what TOML gave; whatever is wrong is among the problems, and stands in as nothing."""
        self._names("", given, ("version", "decide", "prior", "family", "question"))
        decide = self._table("decide", given.get("decide"))
        self._names("decide", decide, ("at", "families", "likely", "freeze"))
        priors = self._table("prior", given.get("prior"))
        self._names("prior", priors, KINDS)
        families = self._table("family", given.get("family"))
        self._names("family", families, FACTS)
        asks = given.get("question")
        if not isinstance(asks, list):
            self._wrong("question", "is to be a list of tables: `[[question]]`")
            asks = []
        return Weights(
            self._whole("version", given.get("version"), 1, 1_000_000),
            self._chance("decide.at", decide.get("at"), 0.5),
            self._whole("decide.families", decide.get("families"), 1, len(FACTS)),
            self._chance("decide.likely", decide.get("likely"), 0.0),
            self._chance("decide.freeze", decide.get("freeze"), 0.9),
            {kind: self._prior(kind, priors.get(kind)) for kind in KINDS},
            {name: self._family(name, families.get(name)) for name in FACTS},
            tuple(self._ask(f"question[{n}]", each) for n, each in enumerate(asks)),
        )

    def _prior(self, kind: str, given: object) -> Mapping[Story, int]:
        key = f"prior.{kind}"
        table = self._table(key, given)
        self._names(key, table, Story, needed=(Story.UNKNOWN,))
        return {
            Story(name): self._whole(f"{key}.{name}", value, -30, 0) for name, value in table.items() if _story(name)
        }

    def _family(self, name: str, given: object) -> Family:
        key = f"family.{name}"
        table = self._table(key, given)
        self._names(key, table, ("base", "counts", "decibans"), needed=("base",))
        counts = table.get("counts", True)
        if not isinstance(counts, bool):
            self._wrong(f"{key}.counts", "is to be true or false")
        base_key = f"{key}.base"
        base = self._table(base_key, table.get("base"))
        self._names(base_key, base, FACTS[name])
        rates = {f: self._whole(f"{base_key}.{f}", base.get(f), 1, _WHOLE) / _WHOLE for f in FACTS[name]}
        rows = self._table(f"{key}.decibans", table.get("decibans", {}))
        self._names(f"{key}.decibans", rows, [s for s in Story if s is not Story.UNKNOWN], needed=())
        weights: dict[str, dict[Story, int]] = {fact: {} for fact in FACTS[name]}
        for story, row in rows.items():
            row_key = f"{key}.decibans.{story}"
            cells = self._table(row_key, row)
            self._names(row_key, cells, FACTS[name], needed=())
            for fact, value in cells.items():
                if fact in weights and _story(story):
                    most = _MOST_OF_SILENCE if fact == "silence" else most_of(name)
                    weights[fact][Story(story)] = self._whole(f"{row_key}.{fact}", value, -most, most)
        made = Family(rates, weights, bool(counts))
        if not self.problems:
            self._sound(name, made)
        return made

    def _sound(self, name: str, family: Family) -> None:
        for kind in KINDS:
            facts = facts_of(name, kind)
            base = sum(family.base[fact] for fact in facts)
            if base > 1 + 1e-9:
                self._wrong(f"family.{name}.base", f"is more than 100 per cent together for `{kind}`")
            for story in Story:
                whole = sum(family.chance(fact, story) for fact in facts)
                off = 10 * log10(whole / base)
                if whole > 10 ** (SLACK / 10) or (base > 1 - 1e-9 and abs(off) > SLACK):
                    said = f"makes {100 * whole:.0f} per cent of 100 with the base rates, for `{kind}`"
                    self._wrong(f"family.{name}.decibans.{story}", said)

    def _ask(self, key: str, given: object) -> Ask:
        table = self._table(key, given)
        needed = ("family", "kinds", "text")
        self._names(key, table, (*needed, "apart", "person"), needed=needed)
        family, kinds, person = table.get("family"), table.get("kinds"), table.get("person", False)
        if family not in FACTS:
            self._wrong(f"{key}.family", f"is to be a family of evidence, not `{family}`")
        if not isinstance(kinds, list) or not kinds or not set(map(str, kinds)) <= set(KINDS):
            self._wrong(f"{key}.kinds", f"is to be a list of {' and '.join(KINDS)}")
            kinds = []
        if not isinstance(person, bool):
            self._wrong(f"{key}.person", "is to be true or false")
        for name in ("text", "apart"):
            if not isinstance(table.get(name, ""), str):
                self._wrong(f"{key}.{name}", "is to be a text")
        apart = table.get("apart")
        if family == "answer" and apart is None:
            self._wrong(key, "needs `apart`: whoever has the account reads what is sent to it")
        return Ask(
            str(family),
            frozenset(map(str, kinds)),
            bool(person),
            str(table.get("text")),
            None if apart is None else str(apart),
        )

    def _table(self, key: str, given: object) -> Mapping[str, Any]:
        if isinstance(given, dict):
            return given
        self._wrong(key, "is to be a table")
        return {}

    def _names(
        self, key: str, table: Mapping[str, Any], known: Iterable[str], needed: Iterable[str] | None = None
    ) -> None:
        names = [str(name) for name in known]
        for name in table:
            if name not in names:
                self._wrong(f"{key}.{name}".removeprefix("."), "is known to nobody" + meant(name, names))
        if table or not key:
            for name in names if needed is None else needed:
                if name not in table:
                    self._wrong(f"{key}.{name}".removeprefix("."), "is missing")

    def _whole(self, key: str, given: object, least: int, most: int) -> int:
        if isinstance(given, int) and not isinstance(given, bool) and least <= given <= most:
            return given
        if given is not None:
            self._wrong(key, f"is to be a whole number from {least} to {most}, not `{given}`")
        return most

    def _chance(self, key: str, given: object, least: float) -> float:
        if isinstance(given, int | float) and not isinstance(given, bool) and least <= given < 1:
            return float(given)
        if given is not None:
            self._wrong(key, f"is to be a number from {least} up to 1, not `{given}`")
        return 1.0

    def _wrong(self, key: str, message: str) -> None:
        self.problems.append(Problem("weights", f"`{key}` {message}", self._file))


def _story(name: str) -> bool:
    return name in set(Story)
