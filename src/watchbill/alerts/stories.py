"""The stories that compete to explain a case, and how they were weighed."""

from dataclasses import dataclass
from enum import StrEnum


class Story(StrEnum):
    """A hypothesis of what happened; they compete."""

    FORGOTTEN_PASSWORD = "forgotten password"  # noqa: S105 - a hypothesis, not a password
    BRUTE_FORCE = "brute force"
    MISTAKE = "mistake or shift overrun"
    APPROVED = "approved work"
    HIJACK = "hijack"
    INSIDER = "insider"


@dataclass(frozen=True, slots=True)
class Addend:
    """What one kind of evidence adds to a hypothesis."""

    family: str
    fact: str
    decibans: int
    """10 log10 of the likelihood ratio."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One story with its weight and every addend of it."""

    story: Story
    probability: float
    decibans: int
    addends: tuple[Addend, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """The competing stories, likeliest first; `leading` is None where the evidence does not decide."""

    hypotheses: tuple[Hypothesis, ...]
    leading: Story | None
    why: str
    """Why it is decided, or what is missing."""
    question: str
    """What to find out next."""
