"""Measure how well the stories are weighed: on generated cases, or on cases that leads have closed.

    python tools/calibrate.py [--cases 2000] [--seed 7]
    python tools/calibrate.py --closed FILE
    python tools/calibrate.py --tables

The generated cases know nothing of `alerts/weights.toml`. Each story is told by what goes on (somebody is away
with or without the laptop, a thief holds a password, a key or a whole session, a job runs on a server of ours), and the
facts follow from that: they hang together as they do in the world, which the weights, taking one family after another,
do not know. Some facts are wrong and many are missing. All figures are set by hand, by what seems so: what is measured
is how far two tables made by hand agree, and not how the world is.

FILE has a closed case in each line, as JSON: `{"verdict": "hijack", "hypotheses": [{"story": .., "probability": ..}]}`.
Fewer than 50 are refused. What is said of them is for those who may see the insider.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, log10
from pathlib import Path

from watchbill.alerts.assess import assess, may_freeze
from watchbill.alerts.stories import Story
from watchbill.alerts.weights import Weights, facts_of, shipped
from watchbill.errors import RefusedError


CLOSED_LEAST = 50
"""Closed cases below which nothing is said of the weights."""
_LEAST = 1e-6
"""A story that was given no chance at all is taken to have had this one, so that one case does not swallow the rest."""
_VERDICTS = {"mistake": Story.MISTAKE, "approved": Story.APPROVED, "false-alarm": Story.UNKNOWN}

Facts = dict[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """What was thought of one case, and what it was."""

    chances: Mapping[Story, float]
    leading: Story | None
    truth: Story
    may_freeze: bool = False
    """Whether a freeze of the person was offered without a lead's word."""


@dataclass(frozen=True, slots=True)
class Decile:
    """Chances that were said to lie in one tenth, and how often it was so."""

    least: float
    said: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class Report:
    """How good the chances were."""

    cases: int
    log_loss: float
    """Mean of -ln of the chance that the true story was given."""
    brier: float
    """Mean over cases of the squared differences, summed over stories: 0 is perfect, 2 the worst."""
    table: Sequence[Decile]
    decided: float
    """Share of the cases that were decided."""
    right: float
    """Share of the decided that were decided rightly."""
    shares: Mapping[Story, tuple[float, float]]
    """By story, the mean of its chances, and how often it was true."""
    freezes: int
    """Cases in which a freeze was offered without a lead's word."""
    freezes_wrong: int
    """How many of these were neither a hijack nor an insider."""
    shifts: Mapping[Story, float] | None = None
    """Decibans by which each prior would move to meet how often its story was true; None without leave."""


def measure(judged: Sequence[Judged]) -> Report:
    """Report on cases whose truth is known; there must be one at least."""
    loss = sum(-log(max(_LEAST, each.chances.get(each.truth, 0.0))) for each in judged) / len(judged)
    brier = sum(
        sum((chance - (story is each.truth)) ** 2 for story, chance in each.chances.items())
        + (each.truth not in each.chances)
        for each in judged
    )
    said = [(chance, story is each.truth) for each in judged for story, chance in each.chances.items()]
    decided = [each for each in judged if each.leading is not None]
    right = sum(each.leading is each.truth for each in decided)
    return Report(
        len(judged),
        loss,
        brier / len(judged),
        tuple(_deciles(said)),
        len(decided) / len(judged),
        right / len(decided) if decided else 0.0,
        {
            story: (
                sum(each.chances.get(story, 0.0) for each in judged) / len(judged),
                sum(each.truth is story for each in judged) / len(judged),
            )
            for story in Story
        },
        sum(each.may_freeze for each in judged),
        sum(each.may_freeze and each.truth not in (Story.HIJACK, Story.INSIDER) for each in judged),
    )


def _deciles(said: Sequence[tuple[float, bool]]) -> Iterable[Decile]:
    for n in range(10):
        of = [(chance, true) for chance, true in said if min(9, int(chance * 10)) == n]
        if of:
            yield Decile(n / 10, len(of), sum(c for c, _ in of) / len(of), sum(true for _, true in of) / len(of))


def recalibrate(closed: Sequence[Judged], *, leave_to_propose: bool = False) -> Report:
    """Report on cases that leads have closed; RefusedError below `CLOSED_LEAST` of them.

    Changes nothing, and without leave proposes nothing. With leave it says by how much each prior is off.
    """
    if len(closed) < CLOSED_LEAST:
        raise RefusedError(
            f"{len(closed)} closed cases say nothing of the weights: {CLOSED_LEAST} are needed",
            "close more cases with a verdict, and do not tune by these",
        )
    found = measure(closed)
    if not leave_to_propose:
        return found
    half = 0.5 / len(closed)
    shifts = {story: 10 * log10((true + half) / (said + half)) for story, (said, true) in found.shares.items()}
    return replace(found, shifts=shifts)


def verdict_story(verdict: str) -> Story:
    """Give the story that a lead's verdict names; ValueError for one that no story knows."""
    return _VERDICTS.get(verdict) or Story(verdict.replace("-", " "))


def read_closed(text: str) -> list[Judged]:
    """Read closed cases, one JSON object a line; ValueError with the number of the line that is none."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            chances = {Story(each["story"]): float(each["probability"]) for each in given["hypotheses"]}
            leading = Story(given["leading"]) if given.get("leading") else None
            found.append(Judged(chances, leading, verdict_story(given["verdict"])))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"line {number} is no closed case: {error}") from error
    return found


# --- cases as they might be ----------------------------------------------------------------------


class Teller:
    """Tells stories, seeded: what goes on behind each of them, and the facts that follow."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - the same cases in each run are the point

    def case(self) -> tuple[str, Facts, Story]:
        """Tell one case: its kind, its facts and the truth."""
        signing_in = self._is(0.35)
        kind = "sign-in" if signing_in else "action"
        story = Story(self._one(_SIGN_INS if signing_in else _ACTIONS))
        facts = _TELL[kind][story](self)
        return kind, self._seen(kind, facts), story

    def _is(self, chance: float) -> bool:
        return self._chance.random() < chance

    def _one(self, of: Mapping[str, float]) -> str:
        return self._chance.choices(list(of), list(of.values()))[0]

    def _seen(self, kind: str, facts: Facts) -> Facts:
        """Lose what is not known, and get something wrong now and then."""
        lost = set()
        if self._is(0.10):
            lost |= {"place", "device", "habit"}  # too little history to call anything new
        lost |= {family for family, chance in _LOST.items() if self._is(chance)}
        found = {family: fact for family, fact in facts.items() if family not in lost}
        return {
            family: self._chance.choice(facts_of(family, kind)) if self._is(0.03) else fact
            for family, fact in found.items()
        }

    # What people do.

    def _where(self, away: float) -> Facts:
        """Be at one of one's places, or away: with the laptop, or on whatever is at hand."""
        if self._is(away):
            return {
                "place": self._one({"new": 0.8, "known to others": 0.2}),
                "device": self._one({"usual": 0.75, "new": 0.2, "known to others": 0.05}),
            }
        return {
            "place": self._one({"usual": 0.9, "known to others": 0.1}),
            "device": self._one({"usual": 0.86, "new": 0.06, "known to others": 0.08}),
        }

    def _work(self, *, usual: float, action: Mapping[str, float]) -> Facts:
        """Tell what somebody does by hand, to a few things."""
        known = self._is(usual)
        done = self._one(action)
        return {
            "habit": "usual" if known else self._one({"new to them": 0.6, "new to the role": 0.27, "new to all": 0.13}),
            "action": done,
            "breadth": "bulk" if self._is(0.05) else "few targets",
            "rhythm": "machine" if self._is(0.1) else "human",
            "outcome": self._one({"success": 0.9, "failures only": 0.1}) if done != "denied-burst" else "failures only",
        }

    def _asked(self, chances: Mapping[str, float]) -> Facts:
        """Give the answer of the person, who is asked in three cases of ten."""
        return {"answer": self._one(chances)} if self._is(0.3) else {}

    def _said(self, announced: float, refused: float) -> Facts:
        found = self._one({"announced": announced, "refused": refused, "": 1 - announced - refused})
        return {"approval": found} if found else {}

    def _detected(self, chance: float, which: Mapping[str, float]) -> Facts:
        return {"detector": self._one(which)} if self._is(chance) else {}

    # Signing in.

    def forgot(self) -> Facts:
        """Mistype a password, often as the shift begins, and get in or ask for help."""
        outcome = self._one(
            {"success with mfa": 0.5, "success": 0.2, "success without mfa": 0.04, "failures only": 0.26}
        )
        return {
            **self._where(0.12),
            "time": self._one({"shift start": 0.4, "on shift": 0.3, "off": 0.14, "no shift": 0.06, "ended": 0.1}),
            "breadth": "one name",
            "rhythm": "machine" if self._is(0.04) else "human",
            "outcome": outcome,
            "identity": "person",
            **self._asked({"yes": 0.5, "yes with second factor": 0.24, "silence": 0.23, "no": 0.03}),
        }

    def guessed(self) -> Facts:
        """Try a list of names, or one name, by a program and seldom by hand; it seldom gets in."""
        spray = self._is(0.6)
        machine = self._is(0.9 if spray else 0.72)
        inside = self._is(0.06)
        return {
            "place": "known to others" if inside else self._one({"new": 0.95, "usual": 0.05}),
            "device": self._one({"new": 0.8, "known to others": 0.12, "usual": 0.08}),
            "time": self._one({"on shift": 0.3, "off": 0.35, "ended": 0.2, "no shift": 0.1, "shift start": 0.05}),
            "breadth": "many names" if spray else "one name",
            "rhythm": "machine" if machine else "human",
            "outcome": "failures only" if self._is(0.93) else "success without mfa",
            **self._asked({"no": 0.6, "silence": 0.35, "yes": 0.05}),
            **self._detected(0.12, {"other": 0.5, "credential misuse": 0.3, "reconnaissance": 0.2}),
        }

    def broken_in(self) -> Facts:
        """Let a thief sign in: with a password that was guessed or bought, or by a page that passed all of it on."""
        passed_on = self._is(0.2)
        at_desk = self._is(0.08)
        place = "usual" if at_desk else "new" if self._is(0.92) else "known to others"
        device = "usual" if at_desk else self._one({"new": 0.8, "usual": 0.12, "known to others": 0.08})
        ended = self._one({"success without mfa": 0.6, "success": 0.22, "failures only": 0.18})
        return {
            "place": place,
            "device": device,
            "time": self._one({"on shift": 0.3, "off": 0.36, "ended": 0.2, "no shift": 0.1, "shift start": 0.04}),
            "breadth": "many names" if self._is(0.08) else "one name",
            "rhythm": "machine" if self._is(0.4) else "human",
            "outcome": "success with mfa" if passed_on else ended,
            "identity": "person",
            **self._asked({"no": 0.5, "silence": 0.4, "yes": 0.1}),
            **self._detected(0.3, {"credential misuse": 0.6, "other": 0.3, "reconnaissance": 0.1}),
        }

    def old_password(self) -> Facts:
        """Let a program keep on with a password that was changed, or sign in as a person every night."""
        server = self._is(0.5)
        return {
            "place": self._one({"known to others": 0.75, "usual": 0.25}) if server else "usual",
            "device": self._one({"known to others": 0.5, "usual": 0.3, "new": 0.2}) if server else "usual",
            "time": self._one({"on shift": 0.3, "off": 0.35, "ended": 0.15, "no shift": 0.12, "shift start": 0.08}),
            "breadth": "one name",
            "rhythm": "machine" if self._is(0.95) else "human",
            "outcome": "failures only" if self._is(0.85) else "success",
            "identity": "automation" if self._is(0.5) else "person",
            **self._asked({"no": 0.55, "silence": 0.3, "yes": 0.15}),
        }

    def at_a_colleagues(self) -> Facts:
        """Try a colleague's name, from inside the house."""
        return {
            "place": self._one({"usual": 0.6, "known to others": 0.4}),
            "device": self._one({"known to others": 0.6, "usual": 0.4}),
            "time": self._one({"on shift": 0.4, "off": 0.4, "ended": 0.2}),
            "breadth": "one name",
            "rhythm": "human",
            "outcome": self._one({"failures only": 0.7, "success": 0.2, "success without mfa": 0.1}),
            **self._asked({"no": 0.7, "silence": 0.3}),
        }

    # What was done.

    def overran(self) -> Facts:
        """Work on after the shift, or do what one does not know to be another's."""
        late = self._is(0.75)
        time = self._one({"just outside": 0.5, "ended": 0.38, "off": 0.12}) if late else "on shift"
        went_on = late and self._is(0.7)
        fresh = {"fresh sign-in with mfa": 0.65, "session of the shift": 0.1, "long-term key": 0.2}
        began = "session of the shift" if went_on else self._one({**fresh, "fresh sign-in without mfa": 0.05})
        tried = {"change": 0.4, "read": 0.36, "irreversible": 0.06, "denied-burst": 0.07, "secrets": 0.05}
        opened = {"nothing found": 0.55, "session outlived the shift": 0.3, "opened by another": 0.1}
        return {
            **self._where(0.07),
            **self._work(usual=0.78, action={**tried, "escalation": 0.06}),
            "time": time,
            "continuity": began,
            "control": self._one({**opened, "opened by the person": 0.05}),
            "identity": "person",
            **self._said(0.015, 0.05),
            **self._asked({"yes": 0.52, "yes with second factor": 0.24, "silence": 0.2, "no": 0.04}),
            **self._detected(0.03, {"other": 0.5, "reconnaissance": 0.4, "credential misuse": 0.1}),
        }

    def was_approved(self) -> Facts:
        """Do what somebody asked for, at whatever hour; often it is something new."""
        tried = {"change": 0.45, "read": 0.18, "irreversible": 0.12, "escalation": 0.1, "persistence": 0.07}
        opened = {"nothing found": 0.55, "opened by another": 0.22, "opened by the person": 0.1}
        return {
            **self._where(0.1),
            **self._work(usual=0.45, action={**tried, "secrets": 0.06, "logging": 0.02}),
            "time": self._one({"on shift": 0.35, "off": 0.27, "ended": 0.13, "just outside": 0.13, "no shift": 0.12}),
            "continuity": self._one(
                {"fresh sign-in with mfa": 0.5, "session of the shift": 0.3, "long-term key": 0.15}
                | {"fresh sign-in without mfa": 0.05}
            ),
            "control": self._one({**opened, "session outlived the shift": 0.13}),
            "identity": "shared" if self._is(0.12) else "person",
            **self._said(0.65, 0.01),
            **self._asked({"yes": 0.53, "yes with second factor": 0.27, "silence": 0.18, "no": 0.02}),
            **self._detected(0.05, {"other": 0.5, "reconnaissance": 0.3, "exfiltration": 0.2}),
        }

    def drifted(self) -> Facts:
        """Leave a right that should not be there any more to a person who does what they always did."""
        return {
            **self._where(0.08),
            **self._work(usual=0.75, action={"change": 0.4, "read": 0.4, "irreversible": 0.08, "escalation": 0.12}),
            "time": self._one({"on shift": 0.3, "no shift": 0.3, "ended": 0.16, "off": 0.14, "just outside": 0.1}),
            "continuity": self._one(
                {"fresh sign-in with mfa": 0.42, "session of the shift": 0.35, "long-term key": 0.18}
                | {"fresh sign-in without mfa": 0.05}
            ),
            "control": self._one({"opened by another": 0.72, "session outlived the shift": 0.2, "nothing found": 0.08}),
            "identity": "person",
            **self._said(0.03, 0.04),
            **self._asked({"yes": 0.5, "yes with second factor": 0.25, "silence": 0.2, "no": 0.05}),
        }

    def stolen(self) -> Facts:
        """Let a thief in: with a password, a copied key, a whole session, or in the person's own machine."""
        way = self._one({"password": 0.45, "key": 0.3, "session": 0.15, "machine": 0.1})
        afar = way != "machine" and self._is(0.93)
        looks_alike = way == "machine" or self._is(0.35 if way == "session" else 0.08)
        began = {
            "password": "fresh sign-in without mfa" if self._is(0.82) else "fresh sign-in with mfa",
            "key": "long-term key",
            "session": "session of the shift",
            "machine": self._one({"session of the shift": 0.6, "fresh sign-in with mfa": 0.4}),
        }[way]
        sought = {"persistence": 0.25, "read": 0.14, "secrets": 0.15, "escalation": 0.14, "logging": 0.08}
        done = self._one({**sought, "denied-burst": 0.12, "change": 0.08, "irreversible": 0.04})
        habit = {"new to them": 0.3, "new to the role": 0.33, "new to all": 0.25, "usual": 0.12}
        return {
            "place": self._one({"new": 0.94, "known to others": 0.06}) if afar else "usual",
            "device": "usual" if looks_alike else self._one({"new": 0.88, "known to others": 0.12}),
            "time": self._one({"on shift": 0.28, "off": 0.36, "ended": 0.2, "no shift": 0.1, "just outside": 0.06}),
            "continuity": began,
            "habit": self._one(habit),
            "action": done,
            "breadth": "bulk" if self._is(0.3) else "few targets",
            "rhythm": "machine" if self._is(0.5) else "human",
            "control": self._one({"nothing found": 0.65, "opened by the person": 0.2, "opened by another": 0.15}),
            "outcome": "failures only" if done == "denied-burst" else "success",
            "identity": "person" if self._is(0.8) else "shared",
            **self._said(0.015, 0.04),
            **self._asked({"no": 0.5, "silence": 0.39, "yes": 0.1, "yes with second factor": 0.01}),
            **self._detected(
                0.4, {"credential misuse": 0.5, "exfiltration": 0.2, "other": 0.15, "reconnaissance": 0.15}
            ),
        }

    def meant_harm(self) -> Facts:
        """Let the person take, hide or destroy: mostly from their own desk, and often by a way they made."""
        takes = self._is(0.6)
        done = {"read": 0.55, "secrets": 0.45} if takes else {"logging": 0.3, "escalation": 0.25, "irreversible": 0.2}
        rest = {} if takes else {"persistence": 0.15, "change": 0.1}
        return {
            **self._where(0.1),
            "time": self._one({"off": 0.36, "on shift": 0.25, "ended": 0.24, "no shift": 0.1, "just outside": 0.05}),
            "continuity": self._one(
                {"fresh sign-in with mfa": 0.5, "session of the shift": 0.22, "long-term key": 0.2}
                | {"fresh sign-in without mfa": 0.08}
            ),
            "habit": self._one({"new to them": 0.48, "new to the role": 0.28, "usual": 0.14, "new to all": 0.1}),
            "action": self._one({**done, **rest}),
            "breadth": "bulk" if self._is(0.8 if takes else 0.25) else "few targets",
            "rhythm": "machine" if self._is(0.3) else "human",
            "control": self._one({"nothing found": 0.5, "opened by the person": 0.37, "opened by another": 0.13}),
            "outcome": "success",
            "identity": "person",
            **self._said(0.05, 0.14),
            **self._asked({"yes": 0.4, "yes with second factor": 0.2, "silence": 0.22, "no": 0.18}),
            **self._detected(
                0.2, {"exfiltration": 0.45, "reconnaissance": 0.3, "other": 0.15, "credential misuse": 0.1}
            ),
        }

    def was_a_machine(self) -> Facts:
        """Run a job by a person's key, on a server of ours or on the person's own machine."""
        server = self._is(0.6)
        return {
            "place": self._one({"known to others": 0.8, "new": 0.2}) if server else "usual",
            "device": self._one({"known to others": 0.5, "new": 0.3, "usual": 0.2}) if server else "usual",
            "time": self._one({"off": 0.34, "on shift": 0.28, "ended": 0.16, "no shift": 0.14, "just outside": 0.08}),
            "continuity": self._one({"long-term key": 0.85, "fresh sign-in without mfa": 0.15}),
            "habit": self._one({"usual": 0.75, "new to them": 0.12, "new to the role": 0.08, "new to all": 0.05}),
            "action": self._one({"read": 0.45, "change": 0.4, "denied-burst": 0.08, "secrets": 0.07}),
            "breadth": "bulk" if self._is(0.4) else "few targets",
            "rhythm": "machine" if self._is(0.95) else "human",
            "control": self._one({"nothing found": 0.8, "opened by another": 0.15, "opened by the person": 0.05}),
            "outcome": "success" if self._is(0.85) else "failures only",
            "identity": "automation" if self._is(0.55) else "person",
            **self._said(0.06, 0.02),
            **self._asked({"no": 0.5, "silence": 0.35, "yes": 0.15}),
        }

    def strange(self, kind: str = "action") -> Facts:
        """Tell none of the stories: whatever may be."""
        told = ("place", "device", "time", "breadth", "rhythm", "outcome", "continuity", "habit", "action", "control")
        return {family: self._chance.choice(facts_of(family, kind)) for family in told}

    def strange_sign_in(self) -> Facts:
        """Tell none of the stories, of signing in."""
        told = ("place", "device", "time", "breadth", "rhythm", "outcome")
        return {family: fact for family, fact in self.strange("sign-in").items() if family in told}


_SIGN_INS = {
    "forgotten password": 0.5,
    "brute force": 0.25,
    "hijack": 0.1,
    "automation": 0.1,
    "insider": 0.02,
    "unknown": 0.03,
}
_ACTIONS = {
    "mistake or shift overrun": 0.4,
    "approved work": 0.22,
    "hijack": 0.11,
    "control gap": 0.09,
    "insider": 0.07,
    "automation": 0.07,
    "unknown": 0.04,
}
_LOST = {
    "place": 0.08,
    "device": 0.15,
    "time": 0.03,
    "continuity": 0.25,
    "habit": 0.25,
    "action": 0.0,
    "breadth": 0.25,
    "rhythm": 0.3,
    "outcome": 0.25,
    "control": 0.3,
    "identity": 0.4,
}
_TELL: Mapping[str, Mapping[Story, Callable[[Teller], Facts]]] = {
    "sign-in": {
        Story.FORGOTTEN_PASSWORD: Teller.forgot,
        Story.BRUTE_FORCE: Teller.guessed,
        Story.HIJACK: Teller.broken_in,
        Story.AUTOMATION: Teller.old_password,
        Story.INSIDER: Teller.at_a_colleagues,
        Story.UNKNOWN: Teller.strange_sign_in,
    },
    "action": {
        Story.MISTAKE: Teller.overran,
        Story.APPROVED: Teller.was_approved,
        Story.CONTROL_GAP: Teller.drifted,
        Story.HIJACK: Teller.stolen,
        Story.INSIDER: Teller.meant_harm,
        Story.AUTOMATION: Teller.was_a_machine,
        Story.UNKNOWN: Teller.strange,
    },
}


def generated(count: int, seed: int, weights: Weights | None = None) -> list[Judged]:
    """Weigh so many generated cases."""
    teller = Teller(seed)
    found = []
    for _ in range(count):
        kind, facts, truth = teller.case()
        made = assess(kind, facts, "james", weights=weights)
        freeze, _why = may_freeze(made, facts, weights)
        found.append(Judged({each.story: each.probability for each in made.hypotheses}, made.leading, truth, freeze))
    return found


def by_chance(count: int, seed: int, weights: Weights) -> list[Judged]:
    """Give what is thought of the same cases by the priors alone: what no evidence at all would do."""
    teller = Teller(seed)
    found = []
    for _ in range(count):
        kind, _facts, truth = teller.case()
        made = assess(kind, {}, None, weights=weights)
        found.append(Judged({each.story: each.probability for each in made.hypotheses}, None, truth))
    return found


def printed(report: Report) -> str:
    """Write a report as text."""
    decided = f"decided {report.decided:.1%}, right among the decided {report.right:.1%}"
    lines = [
        f"cases {report.cases}, log-loss {report.log_loss:.3f}, Brier {report.brier:.3f}, {decided}",
        "  said      times  predicted  observed",
    ]
    lines += [
        f"  {d.least:.1f}-{d.least + 0.1:.1f}  {d.said:7,}  {d.predicted:9.3f}  {d.observed:8.3f}" for d in report.table
    ]
    lines += ["  story                     predicted  observed"]
    lines += [f"  {story:<24}  {said:9.3f}  {true:8.3f}" for story, (said, true) in report.shares.items()]
    lines += [f"  freeze without a lead's word: {report.freezes}, of whom {report.freezes_wrong} meant no harm"]
    if report.shifts is not None:
        lines += [f"  prior of {story}: {shift:+.1f} db" for story, shift in report.shifts.items()]
    return "\n".join(lines)


def tables(weights: Weights) -> str:
    """Write the priors and all weights as tables of Markdown, as docs/stories.md has them."""
    heads = [story for story in Story if story is not Story.UNKNOWN]
    rule = "|---" * (len(heads) + 2) + "|"
    names = " | ".join(str(story) for story in heads)
    lines = [f"Weights, version {weights.version}.", "", f"| Prior | {names} | unknown |", rule]
    for kind, priors in weights.priors.items():
        cells = " | ".join(_signed(priors.get(story)) for story in heads)
        lines.append(f"| {kind} | {cells} | {_signed(priors[Story.UNKNOWN])} |")
    for name, family in weights.families.items():
        silent = "" if family.counts else " (is none of the families that must have spoken)"
        lines += ["", f"**{name}**{silent}", "", f"| Fact | base | {names} |", rule]
        for fact, base in family.base.items():
            cells = " | ".join(_signed(family.decibans[fact].get(story, 0)) for story in heads)
            lines.append(f"| {fact} | {base:.0%} | {cells} |")
    return "\n".join(lines)


def _signed(decibans: int | None) -> str:
    return "" if decibans is None else f"{decibans:+d}" if decibans else "0"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--closed", type=Path)
    parser.add_argument("--propose", action="store_true", help="with --closed: say by how much the priors are off")
    parser.add_argument("--tables", action="store_true", help="print the weights for docs/stories.md")
    given = parser.parse_args()
    if given.tables:
        print(tables(shipped()))
        return
    if given.closed is not None:
        try:
            print(printed(recalibrate(read_closed(given.closed.read_text("utf-8")), leave_to_propose=given.propose)))
        except (RefusedError, ValueError) as error:
            sys.exit(f"{given.closed}: {error}")
        return
    weights = shipped()
    print(f"weights {weights.version}, seed {given.seed}")
    print(printed(measure(generated(given.cases, given.seed, weights))))
    bare = measure(by_chance(given.cases, given.seed, weights))
    print(f"by the priors alone: log-loss {bare.log_loss:.3f}, Brier {bare.brier:.3f}")


if __name__ == "__main__":
    main()
