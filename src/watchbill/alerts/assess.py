"""Weigh the stories against each other: every addend shown, and able to abstain.

The rules, in order:

1. A fact adds decibans to stories, a rule may add more: of one family the larger counts, never both. What is not known
   adds nothing.
2. `unknown` always competes and nothing moves it. Where it wins, nothing is decided.
3. Decided is what has four chances in five, three families of evidence that spoke, and a trail without a gap. Nobody
   is cleared of what they deny: a story in which the person did it is not decided against the person's no.
4. Where it is undecided, the next question is the one whose answer takes away most entropy, by the weights themselves.
   Nobody is asked on a channel that a likely hijacker would read, nor asked at all who is a likely insider.
5. Who may not see the insider is given what would be said if there were no such story.
6. A freeze takes more than a story: `may_freeze`.

Left to others: where facts come from (`cases`), and whom a question reaches (`respond`).
"""

from collections.abc import Mapping, Sequence
from math import log2

from watchbill.alerts.stories import Addend, Assessment, Basis, Further, Hypothesis, Question, Story
from watchbill.alerts.weights import BREAK_GLASS, GAP, Weights, facts_of, most_of, shipped
from watchbill.detect.break_glass import CHANGED, TRIED


_NOBODY: frozenset[Story] = frozenset()
_HARMFUL = (Story.HIJACK, Story.INSIDER)
_OWN = frozenset({Story.FORGOTTEN_PASSWORD, Story.MISTAKE, Story.APPROVED, Story.CONTROL_GAP})
"""Harmless stories of what the person did."""
_LEAST_GAIN = 0.005
"""Bits below which a question is not worth a line."""


def assess(
    kind: str,
    facts: Mapping[str, str],
    person: str | None,
    more: Sequence[Further] = (),
    weights: Weights | None = None,
) -> Assessment:
    """Weigh the facts of a case. `kind` is `sign-in` or `action`; unknown facts add nothing and count for nothing.

    `more` is what rules add, bounded as the file of weights is. A family speaks when it adds something to one of the
    stories that compete. Of two kinds no story is weighed: `break-glass`, since nothing is usual for such a user and
    only people know why it was used, and `gap`, where nothing was recorded.
    """
    if kind == GAP:
        why = "undecided: nothing was recorded that could be weighed"
        return Assessment(
            (), None, why, "why was nothing recorded, and what was done meanwhile that others may have seen?"
        )
    if kind == BREAK_GLASS:
        why = "undecided: nothing is usual for a break-glass user, so no story is weighed and a lead finds out"
        return Assessment((), None, why, _break_glass_question(facts))
    return _weighed(Basis(kind, dict(facts), person, tuple(more)), weights or shipped(), _NOBODY)


def for_reader(assessment: Assessment, *, may_see_insider: bool, weights: Weights | None = None) -> Assessment:
    """Give what a reader may see; `weights` are those it was made with, or else ValueError.

    For all but named security leads it is weighed anew without the insider: probabilities, order, reason and questions
    are those of the other stories among themselves, so that neither a sum nor a count nor a question tells of it.
    """
    if may_see_insider or assessment.basis is None:
        return assessment
    used = weights or shipped()
    if used.version != assessment.weights_version:
        raise ValueError(f"weighed with version {assessment.weights_version}, and these are {used.version}")
    return _weighed(assessment.basis, used, frozenset({Story.INSIDER}))


def may_freeze(assessment: Assessment, facts: Mapping[str, str], weights: Weights | None = None) -> tuple[bool, str]:
    """Tell whether a freeze of the person may be offered without a lead's word for it, and why or why not.

    `assessment` is the whole one, so what it says is for security leads. `facts` has `identity: person` only where it
    is certain who acted; below that nothing but the credential or session may be stopped. Failures alone, of signing in
    or for lack of permission, freeze nobody: else whoever knows a name could lock its owner out.
    """
    at = (weights or shipped()).freeze_at
    if not _succeeded(facts):
        return False, "nothing succeeded: failures alone freeze nobody"
    if facts.get("identity") != "person":
        return False, "only the credential or session: it is not certain that the person acted"
    harmful = max(_HARMFUL, key=assessment.probability)
    chance = assessment.probability(harmful)
    if assessment.leading not in _HARMFUL:
        return False, f"only by a lead's word: {assessment.why}"
    if chance < at:
        return False, f"only by a lead's word: {harmful} {chance:.2f} is below {at}"
    return True, f"{harmful} {chance:.2f}, with something that succeeded, by a person named with certainty"


def _succeeded(facts: Mapping[str, str]) -> bool:
    if facts.get("outcome", "").startswith("success"):
        return True
    return facts.get("action") in set(facts_of("action", "action")) - {"denied-burst"}


def _weighed(basis: Basis, weights: Weights, hidden: frozenset[Story]) -> Assessment:
    priors = {story: prior for story, prior in weights.priors[basis.kind].items() if story not in hidden}
    scores = {story: _addends(story, basis, weights) for story in priors}
    totals = {story: priors[story] + sum(addend.decibans for addend in addends) for story, addends in scores.items()}
    highest = max(totals.values())
    odds = {story: 10 ** ((total - highest) / 10) for story, total in totals.items()}
    whole = sum(odds.values())
    ranked = sorted(scores, key=lambda story: -totals[story])
    hypotheses = tuple(Hypothesis(s, odds[s] / whole, totals[s], scores[s]) for s in ranked)
    spoken = {addend.family for addends in scores.values() for addend in addends}
    families = sum(weights.families[family].counts for family in spoken)
    leading, why = _decide(hypotheses, families, basis, weights)
    questions = _questions(hypotheses, families, basis, weights)
    return Assessment(
        hypotheses,
        leading,
        why,
        _next(basis, leading, hypotheses, questions, weights),
        weights.version,
        questions,
        None if hidden else basis,
    )


def _known(basis: Basis) -> dict[str, str]:
    """Give the facts that are known to the weights; of others it is as if nothing had been found out."""
    return {family: fact for family, fact in basis.facts.items() if fact in facts_of(family, basis.kind)}


def _addends(story: Story, basis: Basis, weights: Weights) -> tuple[Addend, ...]:
    """Give what speaks for or against a story, one addend a family: the larger, and of equals the fact's own."""
    if story is Story.UNKNOWN:
        return ()
    found: dict[str, Addend] = {}
    for family, fact in _known(basis).items():
        found[family] = Addend(family, fact, weights.families[family].decibans[fact].get(story, 0))
    for each in sorted(basis.more, key=lambda each: (each.family, each.said_by)):
        most = most_of(each.family)
        added = Addend(each.family, each.said_by, max(-most, min(most, each.decibans.get(story, 0))))
        before = found.get(each.family)
        if before is None or abs(added.decibans) > abs(before.decibans):
            found[each.family] = added
    return tuple(addend for addend in found.values() if addend.decibans)


def _decide(
    hypotheses: Sequence[Hypothesis], families: int, basis: Basis, weights: Weights
) -> tuple[Story | None, str]:
    first, second = hypotheses[0], hypotheses[1]
    said = f"{first.story} {first.probability:.2f}"
    if families < weights.families_least:
        few = {0: "no evidence speaks", 1: "only 1 kind of evidence speaks"}
        return None, f"undecided: {few.get(families, f'only {families} kinds of evidence speak')}"
    if first.story is Story.UNKNOWN:
        return None, f"undecided: no story explains it; the likeliest is {second.story} {second.probability:.2f}"
    if first.probability < weights.decided_at:
        return None, f"undecided: {said} against {second.story} {second.probability:.2f}"
    bar = _bar(first.story, basis.facts)
    if bar is not None:
        return None, f"undecided: {said}, but {bar}"
    return first.story, f"{said} by {families} kinds of evidence"


def _bar(story: Story, facts: Mapping[str, str]) -> str | None:
    """Give what forbids to decide for a story, however likely it is."""
    if story is Story.UNKNOWN:
        return "that is no story"
    if facts.get("telemetry") == "gap":
        return "the trail has a gap, and what speaks against it may lie there"
    if facts.get("answer") == "no" and story in _OWN:
        return "the person says no"
    return None


def _likely(story: Story, hypotheses: Sequence[Hypothesis], weights: Weights) -> bool:
    return any(each.story is story and each.probability >= weights.likely for each in hypotheses)


def _questions(hypotheses: Sequence[Hypothesis], families: int, basis: Basis, weights: Weights) -> tuple[Question, ...]:
    """Rank what is not yet known by how much entropy it takes away; ties in the order of the file."""
    chances = {each.story: each.probability for each in hypotheses}
    warned = _likely(Story.INSIDER, hypotheses, weights)
    apart = _likely(Story.HIJACK, hypotheses, weights)
    known = _known(basis)
    heard = {addend.family for each in hypotheses for addend in each.addends}
    found: list[Question] = []
    for ask in weights.asks:
        if ask.family in known or basis.kind not in ask.kinds or (ask.person and basis.person is None):
            continue
        if ask.family == "answer" and warned:
            continue
        gain, decides = _expected(ask.family, chances, basis, weights)
        if gain >= _LEAST_GAIN:
            text = ask.apart if apart and ask.apart else ask.text
            named = text.replace("{person}", basis.person or "whoever it was")
            speaks = weights.families[ask.family].counts and ask.family not in heard
            enough = families + speaks >= weights.families_least
            found.append(Question(ask.family, named, gain, decides if enough else 0.0))
    return tuple(sorted(found, key=lambda question: -question.gain))


def _expected(family: str, chances: Mapping[Story, float], basis: Basis, weights: Weights) -> tuple[float, float]:
    """Give the bits that a family is expected to take away, and the chance that a story is decided then.

    How likely each answer is follows from the decibans and base rates. That nothing is found is news too, but no fact:
    it counts for the bits and decides nothing.
    """
    likelihoods = {story: weights.likelihoods(family, basis.kind, story) for story in chances}
    left, decides = 0.0, 0.0
    for fact in likelihoods[Story.UNKNOWN]:
        joint = {story: chance * likelihoods[story].get(fact, 0.0) for story, chance in chances.items()}
        share = sum(joint.values())
        after = {story: each / share for story, each in joint.items()}
        left += share * _entropy(after)
        first = max(after, key=lambda story: after[story])
        if fact is not None and after[first] >= weights.decided_at and not _bar(first, {**basis.facts, family: fact}):
            decides += share
    return max(0.0, _entropy(chances) - left), min(1.0, decides)


def _entropy(chances: Mapping[Story, float]) -> float:
    return -sum(chance * log2(chance) for chance in chances.values() if chance > 0)


def _next(
    basis: Basis,
    leading: Story | None,
    hypotheses: Sequence[Hypothesis],
    questions: Sequence[Question],
    weights: Weights,
) -> str:
    person = basis.person
    if leading is None and basis.facts.get("telemetry") == "gap":
        return "what was not recorded, and what else saw it?"
    if leading is None and questions:
        return f"{questions[0].text} (expected gain {questions[0].gain:.2f} bits)"
    if person is None:
        tried = "which names did it try, and did any of them sign in since?"
        return tried if basis.kind == "sign-in" else "who is behind it, and who else can act as it?"
    if basis.facts.get("answer") == "no":
        return f"what else did whoever it was do as {person}?"
    if _likely(Story.INSIDER, hypotheses, weights):
        return "does a second lead agree, before anybody is asked?"
    if "answer" not in _known(basis):
        apart = _likely(Story.HIJACK, hypotheses, weights)
        return f"was it {person}? ask them" + (", on a channel the account does not reach" if apart else "")
    return "does a lead agree?"


def _break_glass_question(facts: Mapping[str, str]) -> str:
    if facts.get("action") == CHANGED:
        return "who asked for the change of the break-glass user, and who can open it now?"
    if facts.get("action") == TRIED:
        return "who tried to open the break-glass user, and why?"
    return "who opened the break-glass user, and why?"
