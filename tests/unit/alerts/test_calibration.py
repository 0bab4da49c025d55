"""How good the chances of the stories are, over cases that know nothing of the weights."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from watchbill.alerts.stories import Story
from watchbill.alerts.weights import shipped
from watchbill.errors import RefusedError


ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("calibrate", ROOT / "tools" / "calibrate.py")
assert spec is not None
assert spec.loader is not None
calibrate = importlib.util.module_from_spec(spec)
sys.modules["calibrate"] = calibrate
spec.loader.exec_module(calibrate)

CASES = 600
SEED = 11


def flaws(report):
    """Name the bounds that a report breaks."""
    off = [abs(each.predicted - each.observed) for each in report.table if each.said >= report.cases / 20]
    held = {
        "log-loss": report.log_loss <= 0.85,
        "Brier": report.brier <= 0.40,
        "table": max(off) <= 0.13,
        "decided": report.decided >= 0.45,
        "right": report.right >= 0.90,
        "freezes": report.freezes_wrong <= report.cases / 1000,
        "shares": max(abs(said - true) for said, true in report.shares.values()) <= 0.042,
    }
    return [name for name, holds in held.items() if not holds]


def turned(family, fact, story):
    """Give the weights with the sign of one figure turned round."""
    weights = shipped()
    of = weights.families[family]
    row = {**of.decibans[fact], Story(story): -of.decibans[fact][Story(story)]}
    changed = {**of.decibans, fact: row}
    return replace(weights, families={**weights.families, family: replace(of, decibans=changed)})


def test_chances_are_about_as_often_true_as_they_say():
    """Bounds that the weights keep on cases told by another hand."""
    assert flaws(calibrate.measure(calibrate.generated(CASES, SEED))) == []


@pytest.mark.parametrize(
    ("family", "fact", "story"),
    [
        ("place", "new", "mistake or shift overrun"),
        ("place", "new", "approved work"),
        ("rhythm", "human", "automation"),
        ("approval", "announced", "approved work"),
        ("control", "nothing found", "control gap"),
        ("control", "opened by another", "control gap"),
        ("breadth", "bulk", "insider"),
        ("outcome", "failures only", "approved work"),
    ],
)
def test_a_wrong_weight_is_noticed(family, fact, story):
    """One figure with the wrong sign breaks a bound: else the bounds would hold nothing."""
    assert flaws(calibrate.measure(calibrate.generated(CASES, SEED, turned(family, fact, story))))


@pytest.mark.slow
def test_nearly_every_strong_weight_is_worth_having():
    """Turned round, all but a few of those from six decibans on make the chances worse on the very same cases."""
    loss = calibrate.measure(calibrate.generated(CASES, SEED)).log_loss
    worse = {
        (family, fact, story): calibrate.measure(calibrate.generated(CASES, SEED, turned(family, fact, story))).log_loss
        > loss
        for family, of in shipped().families.items()
        for fact, row in of.decibans.items()
        for story, decibans in row.items()
        if abs(decibans) >= 6
    }
    assert len(worse) > 40
    assert sum(worse.values()) >= 0.8 * len(worse), [weight for weight, is_worse in worse.items() if not is_worse]


def test_a_wrong_prior_is_noticed():
    """A story that is let in too easily takes the place of others."""
    weights = shipped()
    action = {**weights.priors["action"], Story.INSIDER: 0}
    wrong = replace(weights, priors={**weights.priors, "action": action})
    assert flaws(calibrate.measure(calibrate.generated(CASES, SEED, wrong)))


def test_the_evidence_is_worth_having():
    """By the priors alone it is twice as bad, and nothing is decided."""
    bare = calibrate.measure(calibrate.by_chance(CASES, SEED, shipped()))
    weighed = calibrate.measure(calibrate.generated(CASES, SEED))
    assert bare.decided == 0
    assert weighed.log_loss < bare.log_loss / 1.8
    assert weighed.brier < bare.brier / 1.8


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, 25))
def test_chances_hold_for_other_cases_too(seed):
    """The bounds are not those of one seed."""
    assert flaws(calibrate.measure(calibrate.generated(2000, seed))) == []


@pytest.mark.slow
def test_the_docs_give_the_figures_that_are_measured():
    """What `python tools/calibrate.py` prints stands in docs/stories.md."""
    told = (ROOT / "docs" / "stories.md").read_text("utf-8")
    assert calibrate.printed(calibrate.measure(calibrate.generated(2000, 7))) in told


def test_the_docs_have_every_weight():
    """The tables are those of the file; `python tools/calibrate.py --tables` writes them anew."""
    assert calibrate.tables(shipped()) in (ROOT / "docs" / "stories.md").read_text("utf-8")


def test_the_same_seed_tells_the_same_cases():
    """A measure that cannot be repeated is none."""
    one, same, other = (calibrate.generated(20, seed) for seed in (1, 1, 2))
    assert one == same != other


def test_a_freeze_without_a_leads_word_is_seldom_and_seldom_wrong():
    """The harm of a wrong one is a person locked out: at most one in a thousand cases, and one in twenty of them."""
    found = calibrate.measure(calibrate.generated(3000, SEED))
    assert found.freezes > 20
    assert found.freezes_wrong <= found.freezes / 20


# --- what is measured ----------------------------------------------------------------------------


def judged(chance, *, right, story=Story.HIJACK):
    """Give a case of two stories, one of them true."""
    chances = {story: chance, Story.MISTAKE: 1 - chance}
    return calibrate.Judged(chances, story if chance >= 0.8 else None, story if right else Story.MISTAKE)


def test_the_measures_are_what_they_are_called():
    """By hand: two cases at 0.9, one of them wrong, and one at 0.5."""
    found = calibrate.measure([judged(0.9, right=True), judged(0.9, right=False), judged(0.5, right=True)])
    assert found.log_loss == pytest.approx((0.10536 + 2.30259 + 0.69315) / 3, abs=1e-4)
    assert found.brier == pytest.approx((0.02 + 1.62 + 0.5) / 3)
    assert (found.cases, found.decided, found.right) == (3, pytest.approx(2 / 3), 0.5)
    assert [(each.said, each.observed) for each in found.table] == [(2, 0.5), (2, 0.5), (2, 0.5)]


def test_a_truth_that_did_not_compete_counts_against():
    """Else a story could look good by leaving out its rivals."""
    missed = calibrate.Judged({Story.HIJACK: 1.0}, Story.HIJACK, Story.APPROVED)
    found = calibrate.measure([missed])
    assert (found.brier, found.right, found.freezes) == (2, 0, 0)
    assert found.log_loss > 10


def test_few_closed_cases_say_nothing():
    """Forty-nine are refused, fifty are not."""
    closed = [judged(0.9, right=n % 10 != 0) for n in range(50)]
    with pytest.raises(RefusedError, match="49 closed cases say nothing of the weights: 50 are needed"):
        calibrate.recalibrate(closed[:49])
    found = calibrate.recalibrate(closed)
    assert (found.cases, found.right) == (50, 0.9)
    assert found.shifts is None


def test_changes_are_proposed_with_leave_alone():
    """What was true more often than was said would start higher; the file stays as it is."""
    before = shipped()
    closed = [judged(0.6, right=n % 10 != 0) for n in range(60)]
    shifts = calibrate.recalibrate(closed, leave_to_propose=True).shifts
    assert shifts[Story.HIJACK] > 1
    assert shifts[Story.MISTAKE] < -1
    assert shipped() == before


def test_closed_cases_are_read():
    """A verdict names its story; a false alarm is none of them."""
    line = {"hypotheses": [{"story": "hijack", "probability": 0.9}], "leading": "hijack"}
    verdicts = ("forgotten-password", "mistake", "approved", "false-alarm", "control-gap", "insider")
    lines = "\n\n".join(json.dumps({**line, "verdict": verdict}) for verdict in verdicts)
    assert [each.truth for each in calibrate.read_closed(lines)] == [
        Story.FORGOTTEN_PASSWORD,
        Story.MISTAKE,
        Story.APPROVED,
        Story.UNKNOWN,
        Story.CONTROL_GAP,
        Story.INSIDER,
    ]


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"verdict": "guilty", "hypotheses": []}', '{"hypotheses": [1]}'])
def test_what_is_no_closed_case_is_named_by_its_line(line):
    """Nothing is left out in silence."""
    with pytest.raises(ValueError, match="line 3 is no closed case: "):
        calibrate.read_closed("\n\n" + line)
