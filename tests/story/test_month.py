"""A month of a team of forty with every misuse in it, and one without any, held against what the simulation knows.

The goals are those of `docs/quality.md`.
"""

from functools import cache

import pytest
from tests.story.month import month, scenario
from tests.unit.sim.staffs import staff
from tools.bench_detection import (
    calibration,
    heard,
    judged,
    per_person,
    play,
    precision,
    recall,
    tells,
    variant,
)

from watchbill.judge.model import Right
from watchbill.sim.labels import Misuse, Nature
from watchbill.sim.scenario import CASTS


pytestmark = pytest.mark.slow

SEED = 1


@cache
def cases(name):
    """Audit a month once: `ordinary` or `misuse`, with `open` or `live` before it."""
    return variant(name, SEED)


@cache
def outcomes():
    """Play a scenario of everything that can be cast."""
    return [each for each in map(play, range(len(CASTS))) if each is not None]


def people():
    """Name everybody who was ever in the team."""
    return {name for chapter in staff(40, SEED).chapters for name in chapter.team.people}


def found():
    """Find the cases about each misuse of the month."""
    return heard(month(SEED, None).labels, cases("misuse"))


def missed(*kinds):
    """Name what was not heard of among some kinds of misuse."""
    return sorted(
        {f"{each.label.what} {each.label.variation}" for each in found() if each.label.what in kinds and not each.cases}
    )


def test_the_month_is_a_full_one():
    """What is held below is held of a month of this size, with everything in it."""
    assert 60_000 <= month(SEED).events <= 120_000
    assert month(SEED, None).not_told == ()
    assert len(month(SEED, None).labels) > 70


def test_nearly_every_event_of_a_person_is_judged_decisively():
    """The goal is 95 of 100; what is not names what it hangs on."""
    rights, why = judged(SEED)
    assert 1 - rights[Right.NOT_JUDGEABLE] / rights.total() >= 0.95
    assert why.total() == rights[Right.NOT_JUDGEABLE]
    assert all("hangs on" in reason for reason in why)


def test_what_was_not_theirs_then_is_always_heard_of():
    """Nothing but a schedule and a grant can tell these; all of them are found."""
    assert missed(Misuse.DRIFT_CHANGE, Misuse.OUTLIVED, Misuse.OVERRUN) == []


def test_what_no_entitlement_tells_is_not_hidden_by_one():
    """That somebody may do something does not make it theirs that it is done in their name."""
    assert missed(Misuse.HIJACK_PASSWORD, Misuse.GUESSED, Misuse.SPRAY, Misuse.ROOT, Misuse.BREAK_GLASS) == []


def test_a_grant_is_not_cried_about():
    """An emergency that was approved beforehand is in the file, and so it is theirs."""
    told = [label for label in month(SEED, None).labels if label.what is Misuse.APPROVED and label.unheard]
    assert told
    assert [case for case in cases("misuse") for label in told if tells(case, label)] == []


def test_off_shift_is_told_by_entitlements():
    """The same month where everybody may do everything: most of what only a shift or a grant tells is lost."""
    kinds = (Misuse.DRIFT_CHANGE, Misuse.OVERRUN, Misuse.OUTLIVED)
    labels = [label for label in month(SEED, None).labels if label.what in kinds]
    known, open_to_all = (heard(labels, cases(name)) for name in ("misuse", "open misuse"))
    assert sum(bool(each.cases) for each in known) == len(labels)
    assert sum(bool(each.cases) for each in open_to_all) <= len(labels) / 3


def test_staging_spares_people():
    """With every rule live there are several times as many cases about people to whom nothing happened."""
    staged, live = (sum(per_person(cases(name), people()).values()) for name in ("ordinary", "live ordinary"))
    assert live > 2 * staged


def test_nearly_all_misuse_is_heard_of():
    """Nine in ten, of every kind together."""
    assert recall(found()) >= 0.9


def test_a_decided_story_is_right():
    """Where a story leads it is what happened, nine times in ten."""
    sums = calibration(outcomes())
    assert sums.decided > 0.2
    assert sums.right >= 0.9


def test_nobody_of_good_will_is_taken_for_an_insider():
    """The one mistake that may not be made."""
    wrong = [
        each.what
        for each in outcomes()
        if each.leading == "insider" and each.nature in (Nature.SLIP, Nature.HARMLESS, Nature.FORGOT, Nature.SANCTIONED)
    ]
    assert wrong == []


def test_a_scenario_is_about_what_it_says():
    """A case that comes of the one thing in it cites that; the label is in the trail."""
    _, made = scenario(1)
    (label,) = made.labels
    ids = {event_id for file in made.files for event_id in file.event_ids}
    assert set(label.event_ids) <= ids


def test_at_most_one_case_for_a_person_in_an_ordinary_month():
    """Nobody to whom nothing happened is asked about more than once a month, and most are never."""
    counts = per_person(cases("ordinary"), people()).values()
    assert max(counts) <= 1
    assert sum(counts) <= len(counts) / 4


def test_most_cases_come_of_something():
    """Three in four cases of a month with misuse in it are about the misuse."""
    assert precision(month(SEED, None).labels, cases("misuse")) >= 0.75


def test_what_is_theirs_is_heard_of_by_how_it_is_done():
    """No entitlement tells these: bulk, a rhythm, a stranger's name, a place and a program that are new together."""
    assert missed(Misuse.DELETIONS, Misuse.BULK_READS, Misuse.AUTOMATION, Misuse.LEAVER, Misuse.JOINER) == []
