"""The stories that compete to explain a case, and how they were weighed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Story(StrEnum):
    """A hypothesis of what happened; they compete."""

    FORGOTTEN_PASSWORD = "forgotten password"  # noqa: S105 - a hypothesis, not a password
    BRUTE_FORCE = "brute force"
    """Guesses at one name or, as a spray, at many."""
    MISTAKE = "mistake or shift overrun"
    APPROVED = "approved work"
    HIJACK = "hijack"
    """Somebody else acts in the person's name."""
    INSIDER = "insider"
    """The person means harm. Shown to those alone who may see it: `assess.for_reader`."""
    CONTROL_GAP = "control gap"
    """What we grant should have made it impossible, and did not; no fault of the person's."""
    AUTOMATION = "automation"
    """A machine that bears a person's name."""
    UNKNOWN = "unknown"
    """None of the others. It is flat: no evidence speaks for or against it, so that strange evidence wins nothing."""


@dataclass(frozen=True, slots=True)
class Addend:
    """What one kind of evidence adds to a hypothesis."""

    family: str
    fact: str
    """The fact, or the title of the rule that says so."""
    decibans: int
    """10 log10 of the likelihood ratio against `Story.UNKNOWN`."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One story with its weight and every addend of it."""

    story: Story
    probability: float
    decibans: int
    addends: tuple[Addend, ...]
    """None that adds nothing, and at most one a family."""


@dataclass(frozen=True, slots=True)
class Further:
    """What a rule adds to one family of evidence."""

    family: str
    said_by: str
    """Title of the rule."""
    decibans: Mapping[Story, int]


@dataclass(frozen=True, slots=True)
class Question:
    """What may be asked or looked up next, and what is to be had by it."""

    family: str
    """The family of evidence that would speak."""
    text: str
    gain: float
    """Bits of entropy that the answer takes away on the average, by the model itself."""
    decides: float
    """Chance that a story is decided once it is answered."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What was weighed, so that it can be weighed anew for another reader."""

    kind: str
    facts: Mapping[str, str]
    person: str | None
    more: tuple[Further, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """The competing stories, likeliest first; `leading` is None where the evidence does not decide."""

    hypotheses: tuple[Hypothesis, ...]
    leading: Story | None
    why: str
    """Why it is decided, or what is missing."""
    question: str
    """What to find out next."""
    weights_version: int = 0
    """Version of the weights; 0 where no story is weighed."""
    questions: tuple[Question, ...] = ()
    """All that may still be asked or looked up, most to be had first."""
    basis: Basis | None = None
    """None where nothing is weighed, and for a reader who may not see all."""

    def probability(self, story: Story) -> float:
        """Give the probability of a story, 0 where it does not compete."""
        return next((each.probability for each in self.hypotheses if each.story is story), 0.0)
