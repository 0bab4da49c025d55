"""Measure what is found, what is passed over and what is cried for nothing, on a month and on scenarios with labels.

A seeded month of a team of 40: first an ordinary one, in which at most one case a person may be raised, then one with
every misuse in every variation. Both are asked again without entitlements, in a team in which everybody may do
everything, and with every rule live, so that what each is worth shows. How well stories are weighed is measured on
scenarios, small trails with exactly one thing in them.

What happened is known to the simulation alone, and its words are brought together with the product's only here.
"""

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from importlib import resources
from itertools import chain
from multiprocessing import Pool
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.story.month import audited, everybody_may, history, month, reading_of, scenario
from tests.unit.sim.staffs import SPAN, staff

from watchbill.alerts.model import Case
from watchbill.alerts.stories import Story
from watchbill.detect.sigma import LoadedRules, load_all
from watchbill.judge.judge import Judges
from watchbill.judge.model import Right
from watchbill.sim.labels import Label, Misuse, Nature
from watchbill.sim.month import Month
from watchbill.trail.attribute import attribute


HOUR = timedelta(hours=1)
UNHEARD = frozenset({Misuse.FORGOTTEN, Misuse.APPROVED})
"""Misuse that nobody is harmed by: to hear of it is right, and not to hear of it is no loss."""

RIGHT: Mapping[Nature, frozenset[Story]] = {
    Nature.FORGOT: frozenset({Story.FORGOTTEN_PASSWORD}),
    Nature.GUESSING: frozenset({Story.BRUTE_FORCE}),
    Nature.SLIP: frozenset({Story.MISTAKE, Story.CONTROL_GAP}),
    Nature.SANCTIONED: frozenset({Story.APPROVED}),
    Nature.THEFT: frozenset({Story.HIJACK}),
    Nature.ABUSE: frozenset({Story.INSIDER}),
    Nature.MACHINE: frozenset({Story.AUTOMATION}),
    Nature.HARMLESS: frozenset({Story.MISTAKE, Story.APPROVED, Story.FORGOTTEN_PASSWORD, Story.AUTOMATION}),
    Nature.UNTOLD: frozenset(),
}
"""Which stories tell what it really was; none does of what no trail could tell."""


# --- what a case has to do with a label -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Brief:
    """What is needed of a case: it goes from one process to another."""

    person: str | None
    first: datetime
    last: datetime
    leading: Story | None
    shares: Mapping[Story, float]
    """Probabilities of the stories; empty where none was weighed."""
    cited: frozenset[str]
    """Events that count."""
    said: tuple[str, ...]
    """What raised it, sorted."""


def brief(case: Case) -> Brief:
    """Take from a case what is needed."""
    noted = {event.event_id for event in case.evidence if event.note}
    found = {event_id for finding in case.findings for event_id in finding.event_ids}
    said = {str(finding.rule or finding.signal) for finding in case.findings if not finding.staged}
    shares = {each.story: each.probability for each in case.assessment.hypotheses}
    return Brief(
        case.person,
        case.first,
        case.last,
        case.assessment.leading,
        shares,
        frozenset(noted | found),
        tuple(sorted(said)) or ("judgement",),
    )


def tells(case: Brief, label: Label) -> bool:
    """Tell whether a case is about what a label says: whom, when, and by at least one of its events."""
    people = {label.person, *label.victims} - {None}
    about = case.person in people or (label.person is None and case.person is None)
    near = case.first - HOUR <= label.at <= case.last + HOUR
    return about and near and not case.cited.isdisjoint(label.event_ids)


def belongs(case: Brief, labels: Iterable[Label]) -> bool:
    """Tell whether a case comes of any label, by its events or by those that made it possible."""
    return any(not case.cited.isdisjoint((*label.event_ids, *label.cause_ids)) for label in labels)


def right_stories(label: Label) -> frozenset[Story]:
    """Give the stories that tell what a label was; that somebody got in by guessing is a guess too."""
    more = {Story.BRUTE_FORCE} if label.what is Misuse.GUESSED else set()
    return RIGHT[label.nature] | more


def verdict(case: Brief, label: Label) -> str:
    """Hold what a case says likely happened against what did: `right`, `wrong`, `abstained` or `not weighed`."""
    leading = case.leading
    if not case.shares:
        return "not weighed"
    if leading is None or leading is Story.UNKNOWN:
        return "abstained"
    return "right" if leading in right_stories(label) else "wrong"


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one label."""

    label: Label
    cases: tuple[Brief, ...]


def heard(labels: Sequence[Label], cases: Sequence[Brief]) -> list[Heard]:
    """Find the cases about each label."""
    return [Heard(label, tuple(case for case in cases if tells(case, label))) for label in labels]


def recall(found: Sequence[Heard]) -> float:
    """Give the share of misuse that was heard of, without what nobody is harmed by."""
    asked = [each for each in found if each.label.what not in UNHEARD and not each.label.unheard]
    return sum(bool(each.cases) for each in asked) / len(asked)


def precision(labels: Sequence[Label], cases: Sequence[Brief]) -> float:
    """Give the share of cases that come of what was cast."""
    return sum(belongs(case, labels) for case in cases) / max(1, len(cases))


def per_person(cases: Iterable[Brief], people: Collection[str]) -> Counter[str]:
    """Count the cases about each person, those without any too."""
    counts = Counter(dict.fromkeys(people, 0))
    counts.update(case.person for case in cases if case.person is not None and case.person in counts)
    return counts


# --- variants -------------------------------------------------------------------------------------------------------


@cache
def own_rules(*, all_live: bool = False) -> LoadedRules:
    """Load the pack of rules that the product comes with; with `all_live` as if none of them was staged."""
    folder = resources.files("watchbill.rules")
    files = sorted((each.name, each.read_text("utf-8")) for each in folder.iterdir() if each.name.endswith(".yml"))
    return load_all((text.replace("stage: staged", "stage: live") if all_live else text, name) for name, text in files)


def variant(name: str, seed: int) -> tuple[Brief, ...]:
    """Audit a month: `ordinary` or `misuse`, `open ...` without entitlements, `live ...` without staging."""
    how, _, what = name.rpartition(" ")
    files = month(seed, None if what == "misuse" else ()).files
    rules = own_rules(all_live=how == "live")
    by = everybody_may(seed) if how == "open" else history(staff(40, seed))
    return tuple(brief(case) for case in audited(files, by, rules).cases)


def judged(seed: int) -> tuple[Counter[Right], Counter[str]]:
    """Judge every event of people in an ordinary month: how often each right, and what the remainders hang on."""
    by, everyone = (
        history(staff(40, seed)),
        max((c.team for c in staff(40, seed).chapters), key=lambda t: len(t.people)),
    )
    judges, rights, why = Judges(by, SPAN), Counter[Right](), Counter[str]()
    for each in attribute(reading_of(month(seed).files).events, everyone):
        if each.actor.person is not None and each.event.at in SPAN:
            judgement = judges.judge(each)
            rights[judgement.right] += 1
            if judgement.right is Right.NOT_JUDGEABLE:
                why[judgement.why] += 1
    return rights, why


# --- scenarios ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one scenario."""

    what: str
    variation: int
    nature: Nature
    heard: bool
    unheard: bool
    """Whether to hear nothing of it is right."""
    others: int
    """Cases that come of nothing that was cast."""
    verdict: str | None
    leading: str | None
    right: float | None
    """The probability of the stories that are right; None where nothing was weighed, or none is right."""
    brier: float | None
    top: float | None
    """The probability of the likeliest story."""
    top_right: bool


def play(seed: int) -> Outcome | None:
    """Make a scenario, audit it, and hold the case against the truth; None where it had nothing in it."""
    team, made = scenario(seed)
    if not made.labels:
        return None
    (label,) = made.labels
    cases = [brief(case) for case in audited(made.files, history(team), own_rules()).cases]
    about = sorted(
        (case for case in cases if tells(case, label)), key=lambda case: -len(case.cited & set(label.event_ids))
    )
    others = sum(not belongs(case, made.labels) for case in cases)
    case = about[0] if about else None
    head = (
        str(label.what),
        label.variation,
        label.nature,
        case is not None,
        label.unheard or label.what in UNHEARD,
        others,
    )
    if case is None:
        return Outcome(*head, None, None, None, None, None, top_right=False)
    leading, stories = case.leading, right_stories(label)
    said = verdict(case, label)
    if not stories or not case.shares:
        return Outcome(*head, said, str(leading) if leading else None, None, None, None, top_right=False)
    shares = case.shares
    right = sum(share for story, share in shares.items() if story in stories)
    brier = (1 - right) ** 2 + sum(share**2 for story, share in shares.items() if story not in stories)
    top = max(shares, key=lambda story: shares[story])
    return Outcome(*head, said, str(leading) if leading else None, right, brier, shares[top], top in stories)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well what is said to be likely is."""

    weighed: int
    log_loss: float
    """In nats, over cases that were weighed and have a right story."""
    brier: float
    decided: float
    """The share in which a story leads."""
    right: float
    """The share of those in which it is right."""
    tenths: tuple[tuple[float, float, int], ...]
    """By tenths of the likeliest story's probability: its mean, how often it was right, of how many."""


def calibration(outcomes: Sequence[Outcome]) -> Calibration:
    """Sum outcomes up."""
    weighed = [each for each in outcomes if each.right is not None and each.brier is not None and each.top is not None]
    decided = [each for each in weighed if each.verdict in ("right", "wrong")]
    count = max(1, len(weighed))
    tenths = list[tuple[float, float, int]]()
    for tenth in range(10):
        inside = [each for each in weighed if min(9, int((each.top or 0) * 10)) == tenth]
        if inside:
            mean = sum(each.top or 0 for each in inside) / len(inside)
            tenths.append((mean, sum(each.top_right for each in inside) / len(inside), len(inside)))
    return Calibration(
        len(weighed),
        sum(-math.log(max(each.right or 0, 1e-6)) for each in weighed) / count,
        sum(each.brier or 0 for each in weighed) / count,
        len(decided) / count,
        sum(each.verdict == "right" for each in decided) / max(1, len(decided)),
        tuple(tenths),
    )


# --- printing -------------------------------------------------------------------------------------------------------


def _benign(cases: Sequence[Brief], made: Month, people: Collection[str]) -> Iterator[str]:
    counts = per_person(cases, people)
    histogram = Counter(counts.values())
    mean = sum(counts.values()) / len(people)
    yield f"cases of {len(people)} people in an ordinary month: mean {mean:.2f}, most {max(counts.values())}"
    yield "  people by number of cases: " + ", ".join(f"{number}: {histogram[number]}" for number in sorted(histogram))
    yield f"  about nobody of the team: {sum(case.person is None for case in cases)}"
    what = {event_id: str(label.what) for label in made.mishaps for event_id in label.event_ids}
    by_cause: Counter[str] = Counter()
    for case in cases:
        causes = sorted({what.get(event_id, "ordinary work") for event_id in case.cited})
        by_cause[f"{' + '.join(causes)}: {', '.join(case.said)}"] += 1
    for cause, count in by_cause.most_common(25):
        yield f"  {count:4} {cause}"


def _misuse(cases: Sequence[Brief], made: Month) -> Iterator[str]:
    found = heard(made.labels, cases)
    exact = precision(made.labels, cases)
    yield f"recall {recall(found):.2f}, precision {exact:.2f} of {len(cases)} cases, {len(found)} labels"
    yield f"  {'kind':<40} {'heard':>7}  right abstained wrong not-weighed  leading"
    for what in Misuse:
        mine = [each for each in found if each.label.what is what]
        said = Counter(verdict(each.cases[0], each.label) for each in mine if each.cases)
        leading = sorted({str(each.cases[0].leading or "-") for each in mine if each.cases})
        columns = f"{said['right']:>6} {said['abstained']:>9} {said['wrong']:>5} {said['not weighed']:>11}"
        yield f"  {what:<40} {sum(bool(e.cases) for e in mine):>3}/{len(mine):<3} {columns}  {', '.join(leading)}"
    missed = [f"{each.label.what} ({each.label.variation})" for each in found if not each.cases]
    yield f"  not heard of: {', '.join(missed) or 'nothing'}"


def _stories(outcomes: Sequence[Outcome]) -> Iterator[str]:
    found = calibration(outcomes)
    yield f"{len(outcomes)} scenarios, {found.weighed} weighed: log-loss {found.log_loss:.3f}, Brier {found.brier:.3f}"
    yield f"  decided {found.decided:.2f}, of these right {found.right:.2f}"
    yield f"  cases that come of nothing cast: {sum(each.others for each in outcomes)}"
    for mean, right, count in found.tenths:
        yield f"  said {mean:.2f}: right {right:.2f} of {count}"
    yield f"  {'what':<40} {'heard':>9}  right abstained wrong  leading"
    for what in dict.fromkeys(each.what for each in sorted(outcomes, key=lambda each: each.what)):
        mine = [each for each in outcomes if each.what == what]
        said, leading = (
            Counter(each.verdict for each in mine),
            Counter(each.leading or "-" for each in mine if each.heard),
        )
        columns = f"{said['right']:>6} {said['abstained']:>9} {said['wrong']:>5}"
        told = ", ".join(f"{story} {count}" for story, count in leading.most_common())
        yield f"  {what:<40} {sum(each.heard for each in mine):>4}/{len(mine):<4} {columns}  {told}"


VARIANTS = ("ordinary", "misuse", "open misuse", "live ordinary", "open ordinary", "live misuse")


def _month(audits: Iterable[tuple[Brief, ...]], seed: int) -> Iterator[str]:
    """Tell of the month, as fast as `audits` come in the order of `VARIANTS`."""
    everyone = max((each.team for each in staff(40, seed).chapters), key=lambda team: len(team.people)).people
    made, told = month(seed), month(seed, None)
    yield f"a month of {made.events} events in {len(made.files)} files, seed {seed}"
    for name, cases in zip(VARIANTS, audits, strict=True):
        if name == "ordinary":
            yield from _benign(cases, made, everyone)
        elif name == "misuse":
            yield from _misuse(cases, told)
        elif name.endswith("misuse"):
            found = heard(told.labels, cases)
            exact = precision(told.labels, cases)
            lost = Counter(str(each.label.what) for each in found if not each.cases)
            yield f"{_WORDS[name.split()[0]]}: recall {recall(found):.2f}, precision {exact:.2f} of {len(cases)} cases"
            yield f"  not heard of: {', '.join(f'{what} {count}' for what, count in lost.items()) or 'nothing'}"
        else:
            counts = per_person(cases, everyone)
            mean, most = sum(counts.values()) / len(everyone), max(counts.values())
            yield f"{_WORDS[name.split()[0]]}: in an ordinary month cases a person mean {mean:.2f}, most {most}"


_WORDS = {"open": "without entitlements", "live": "with every rule live"}


def _rights(seed: int) -> Iterator[str]:
    rights, why = judged(seed)
    decisive = 1 - rights[Right.NOT_JUDGEABLE] / rights.total()
    yield f"judged decisively: {decisive:.4f} of {rights.total()} events of people"
    yield from (f"  {count:6} {right}" for right, count in rights.most_common())
    yield from (f"  {count:6} not judgeable: {reason}" for reason, count in why.most_common(12))


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenarios", type=int, default=500)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", choices=("month", "scenarios"))
    given = parser.parse_args()
    begun = time.monotonic()
    with Pool(given.processes) as pool:
        if given.only != "scenarios":
            audits = pool.imap(partial(variant, seed=given.seed), VARIANTS)
            for line in chain(_month(audits, given.seed), _rights(given.seed)):
                print(line, flush=True)
        if given.only != "month":
            played = [each for each in pool.imap(play, range(given.scenarios), chunksize=8) if each]
            print(*_stories(played), sep="\n")
    print(f"in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
