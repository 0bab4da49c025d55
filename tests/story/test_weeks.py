"""The stories, told on many weeks: each has other people, times, places and accounts, and the cases move with them.

What really happened is known to the simulation alone; what is held against it here came out of the audit of its files.
"""

import pytest
from tests.story.weeks import SHIFTS, TEAM, audited, week_of

from watchbill.alerts.model import ActionKind
from watchbill.alerts.stories import Story as Hypothesis
from watchbill.detect.model import Severity
from watchbill.judge.model import Right, Watch
from watchbill.sim.model import Story


SEEDS = range(12)

every_week = pytest.mark.parametrize("seed", SEEDS)


def truth(seed, story):
    """Give what really happened."""
    (found,) = [each for each in week_of(seed).truths if each.story is story]
    return found


def case_about(seed, told):
    """Give the one case whose counted evidence is of the story."""
    (found,) = [
        case
        for case in audited(seed).cases
        if any(event.note and event.event_id in told.event_ids for event in case.evidence)
    ]
    return found


@every_week
def test_james_changes_production_after_his_shift(seed):
    """He was off shift for minutes; the case names the account, the shift, who was on call, and who opened the way."""
    told = truth(seed, Story.OFF_SHIFT_CHANGE)
    case = case_about(seed, told)
    account = TEAM.accounts[told.account]
    ended = max(s.interval.end for s in SHIFTS if s.person == told.person and s.interval.end <= told.at)
    on_call = {s.person for s in SHIFTS if told.at in s.interval and account.name in TEAM.rotas[s.rota].accounts}
    assert case.person == told.person
    assert case.account == f"arn:aws:iam::{account.number}:user/watchbill/{told.person}"
    assert case.severity is (Severity.HIGH if account.environment == "production" else Severity.MEDIUM)
    assert case.state is not None
    assert (case.state.watch, case.state.end, set(case.state.on_call)) == (Watch.ENDED, ended, on_call)
    minutes = round((case.first - ended).total_seconds() / 60)
    assert f"the shift ended at {ended:%H:%M} UTC, {minutes} min before" in case.sentence
    (opening,) = case.openings
    assert opening.event_id == told.cause_ids[-1]
    assert (opening.by or "").endswith(f"/{told.cause_by}")
    off = {event.event_id for event in case.evidence if event.right == Right.OFF_SHIFT}
    assert off
    assert off <= set(told.event_ids)
    closing = [action for action in case.actions if action.kind is ActionKind.CLOSE_OPENING]
    assert [action.target for action in closing] == [case.account]
    assert {action.kind for action in case.actions} >= {ActionKind.ASK, ActionKind.FREEZE}


@every_week
def test_rick_forgets_his_password_as_his_shift_begins(seed):
    """Likely forgotten; he is asked and helped, and nobody offers to freeze him."""
    told = truth(seed, Story.FORGOTTEN_PASSWORD)
    case = case_about(seed, told)
    assert case.person == told.person
    assert case.assessment.leading is Hypothesis.FORGOTTEN_PASSWORD
    assert case.severity is Severity.LOW
    assert case.facts["time"] == "shift start"
    number = TEAM.accounts[told.account].number
    assert case.account == f"arn:aws:iam::{number}:user/watchbill/{told.person}", "AWS leaves it out of failed sign-ins"
    assert {action.kind for action in case.actions} == {ActionKind.ASK, ActionKind.HELP}


@every_week
def test_a_spray_is_brute_force_and_touches_nobody(seed):
    """The network is the subject; the people whose names were tried are in no case of their own."""
    told = truth(seed, Story.SPRAY)
    case = case_about(seed, told)
    assert (case.person, case.network, case.account) == (None, told.network, None)
    assert case.assessment.leading is Hypothesis.BRUTE_FORCE
    assert [(action.kind, action.target) for action in case.actions] == [(ActionKind.BLOCK_NETWORK, told.network)]
    assert sum(bool(event.note) for event in case.evidence) + case.more == len(told.event_ids)
    elsewhere = {t.person for t in week_of(seed).truths}
    assert not [c for c in audited(seed).cases if c.person in set(told.victims) - elsewhere]


@every_week
def test_a_stolen_sign_in_is_a_hijack(seed):
    """A new network, no MFA and a new key: critical, to be frozen, and the key is marked stolen."""
    told = truth(seed, Story.HIJACK)
    case = case_about(seed, told)
    assert case.person == told.person
    assert case.severity is Severity.CRITICAL
    assert case.assessment.leading is Hypothesis.HIJACK
    assert told.keys[0] in case.stolen_keys
    assert {action.kind for action in case.actions} >= {ActionKind.ASK, ActionKind.FREEZE}
    assert (case.account or "").endswith(f"/{told.person}")


@every_week
def test_nothing_else_is_alarming(seed):
    """Besides the stories there is only the policy that was attached by hand, which belongs to one of them."""
    told = {event for each in week_of(seed).truths for event in (*each.event_ids, *each.cause_ids)}
    for case in audited(seed).cases:
        assert any(event.note and event.event_id in told for event in case.evidence), case.sentence


@every_week
def test_an_ordinary_week_raises_nothing_above_low(seed):
    """People at work, people on watch, one wrong password now and then: nobody is woken."""
    found = audited(seed, frozenset())
    assert found.tally.distinct > 4000
    assert [case.sentence for case in found.cases if case.severity > Severity.LOW] == []


def test_the_weeks_are_not_alike():
    """What is held above is held of many people, hours, networks and accounts, not of one cast."""
    for story in Story:
        told = [truth(seed, story) for seed in SEEDS]
        assert len({each.at for each in told}) == len(told)
        assert len({each.person or each.victims for each in told}) >= 3
        if story in (Story.SPRAY, Story.HIJACK):
            assert len({each.network for each in told}) >= len(told) // 2
    assert len({truth(seed, Story.SPRAY).account for seed in SEEDS}) > 1


def test_every_event_of_a_week_is_somebodys_or_said_why_not():
    """The account of the whole: people and nobodies add up to what was read."""
    found = audited(0)
    counted = sum(person.events for person in found.people) + sum(found.others.values())
    assert counted == found.tally.distinct == sum(len(file.event_ids) for file in week_of(0).files)
