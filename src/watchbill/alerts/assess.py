"""Weigh the stories against each other: every addend shown, and able to abstain."""

from collections.abc import Mapping

from watchbill.alerts.stories import Addend, Assessment, Hypothesis, Story
from watchbill.alerts.weights import BREAK_GLASS, DECIDED_AT, FAMILIES_LEAST, GAP, PRIORS, WEIGHTS
from watchbill.detect.break_glass import CHANGED, TRIED


def assess(kind: str, facts: Mapping[str, str], person: str | None) -> Assessment:
    """Weigh the facts of a case. `kind` is `sign-in` or `action`; unknown facts add nothing and count for nothing.

    Decided only when the likeliest story has four chances in five and three families of evidence have spoken: a family
    speaks when it adds something to one of the stories that compete. Of two kinds no story is weighed: `break-glass`,
    since nothing is usual for such a user and only people know why it was used, and `gap`, where nothing was recorded.
    """
    if kind == GAP:
        why = "undecided: nothing was recorded that could be weighed"
        return Assessment(
            (), None, why, "why was nothing recorded, and what was done meanwhile that others may have seen?"
        )
    if kind == BREAK_GLASS:
        why = "undecided: nothing is usual for a break-glass user, so no story is weighed and a lead finds out"
        return Assessment((), None, why, _break_glass_question(facts))
    spoken = {family: fact for family, fact in facts.items() if _speaks(family, fact, kind)}
    scores = {
        story: (*(Addend(f, fact, WEIGHTS[f][fact][story]) for f, fact in spoken.items() if story in WEIGHTS[f][fact]),)
        for story in PRIORS[kind]
    }
    totals = {story: PRIORS[kind][story] + sum(a.decibans for a in addends) for story, addends in scores.items()}
    odds = {story: 10 ** (total / 10) for story, total in totals.items()}
    whole = sum(odds.values())
    ranked = sorted(scores, key=lambda story: -odds[story])
    hypotheses = tuple(Hypothesis(s, odds[s] / whole, totals[s], scores[s]) for s in ranked)
    leading, why = _decide(hypotheses, len(spoken))
    return Assessment(hypotheses, leading, why, _question(kind, facts, person, leading))


def _speaks(family: str, fact: str, kind: str) -> bool:
    adds = WEIGHTS.get(family, {}).get(fact, {})
    return any(adds.get(story) for story in PRIORS[kind])


def _decide(hypotheses: tuple[Hypothesis, ...], families: int) -> tuple[Story | None, str]:
    first, second = hypotheses[0], hypotheses[1]
    if families < FAMILIES_LEAST:
        return None, f"undecided: only {families} kinds of evidence speak"
    if first.probability < DECIDED_AT:
        return None, (
            f"undecided: {first.story} {first.probability:.2f} against {second.story} {second.probability:.2f}"
        )
    return first.story, f"{first.story} {first.probability:.2f} by {families} kinds of evidence"


def _question(kind: str, facts: Mapping[str, str], person: str | None, leading: Story | None) -> str:
    if person is None:
        tried = "which names did it try, and did any of them sign in since?"
        return tried if kind == "sign-in" else "who is behind it, and who else can act as it?"
    if "answer" not in facts:
        return f"was it {person}? ask them" + ("" if leading else ", on a channel the account does not reach")
    if facts["answer"] == "no":
        return f"what else did whoever it was do as {person}?"
    return "does a lead agree?"


def _break_glass_question(facts: Mapping[str, str]) -> str:
    if facts.get("action") == CHANGED:
        return "who asked for the change of the break-glass user, and who can open it now?"
    if facts.get("action") == TRIED:
        return "who tried to open the break-glass user, and why?"
    return "who opened the break-glass user, and why?"
