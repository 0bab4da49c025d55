"""Changes that take time are made side by side: how many at once, which wait for which, and what a failure keeps back."""

import threading
import time
from collections import Counter

import pytest

from watchbill.access.apply import OUTSTANDING, apply
from watchbill.access.center.state import PLACE
from watchbill.access.model import Call, Change, Phase, State
from watchbill.errors import ProviderError


def change(operation, phase=Phase.GRANT, **given):
    """Make a change of Identity Center."""
    return Change(PLACE, phase, Call(operation, given, "sso-admin", "eu-west-1"), "why")


def assignments(count, sets=("ps-1",), operation="CreateAccountAssignment", phase=Phase.GRANT):
    """Make assignments in some accounts."""
    return [change(operation, phase, TargetId=f"{n:012}", PermissionSetArn=each) for n in range(count) for each in sets]


class Slow:
    """Makes changes, each for a while, and keeps what went on at once."""

    def __init__(self, refused=(), takes=0.02):
        self.lock, self.going, self.most, self.made, self.refused, self.takes = (
            threading.Lock(),
            [],
            0,
            [],
            refused,
            takes,
        )
        self.beside = Counter[tuple[bool, bool]]()

    def perform(self, one):
        """Make one."""
        with self.lock:
            self.going.append(one)
            self.most = max(self.most, len(self.going))
            where = [
                (each.call.parameters.get("TargetId"), each.call.parameters.get("PermissionSetArn"))
                for each in self.going
            ]
            self.beside[max(Counter(where).values()) > 1, len({each.call.operation for each in self.going}) > 1] += 1
        time.sleep(self.takes)
        with self.lock:
            self.going.remove(one)
            self.made.append(one)
        if one.call.parameters.get("TargetId") in self.refused:
            raise ProviderError("AccessDenied")


def test_several_go_on_at_once_and_what_comes_after_waits_for_all():
    """As many as may, never two of one set in one account, nothing of another operation; outcomes are in order."""
    plan = [
        change("CreatePermissionSet", Phase.PREPARE, Name="x"),
        *assignments(20),
        *assignments(2, ("ps-1", "ps-1")),
        change("DeletePermissionSet", Phase.TIDY, PermissionSetArn="ps-9"),
    ]
    slow, journal, threads = Slow(), [], set()

    def note(outcome):
        journal.append((outcome.number, outcome.state))
        threads.add(threading.get_ident())

    outcomes = list(apply(plan, slow.perform, note, outstanding=OUTSTANDING))
    assert [outcome.number for outcome in outcomes] == list(range(len(plan)))
    assert {outcome.state for outcome in outcomes} == {State.DONE}
    assert slow.most == OUTSTANDING
    assert set(slow.beside) == {(False, False)}
    assert (slow.made[0].call.operation, slow.made[-1].call.operation) == ("CreatePermissionSet", "DeletePermissionSet")
    assert threads == {threading.get_ident()}
    for number in range(len(plan)):
        assert [state for each, state in journal if each == number] == [State.BEGUN, State.DONE]


@pytest.mark.parametrize("phase", [Phase.GRANT, Phase.REVOKE])
def test_after_a_failure_nothing_more_is_given_and_what_takes_goes_on(phase):
    """Those that go on already are not called back; of those that wait none begins, unless it takes access."""
    operation = "CreateAccountAssignment" if phase is Phase.GRANT else "DeleteAccountAssignment"
    slow = Slow(refused=["000000000000"])
    outcomes = list(
        apply(assignments(30, operation=operation, phase=phase), slow.perform, together=True, outstanding=4)
    )
    states = Counter(outcome.state for outcome in outcomes)
    assert states[State.FAILED] == 1
    assert (states[State.SKIPPED] >= 22) is (phase is Phase.GRANT)
    assert states[State.DONE] + states[State.SKIPPED] == 29


def test_what_was_done_before_is_not_made_again():
    """The rest is, side by side too."""
    slow = Slow()
    outcomes = list(apply(assignments(12), slow.perform, done=range(3, 8), outstanding=4))
    assert sorted(outcome.number for outcome in outcomes) == list(range(12))
    assert len(slow.made) == 7


def test_who_dies_in_between_leaves_each_begun_or_done():
    """What the journal cannot keep ends it; whatever was begun is in the journal as begun."""
    slow, journal = Slow(), {}

    def note(outcome):
        if outcome.state is State.DONE and len(slow.made) > 5:
            raise KeyboardInterrupt
        journal[outcome.number] = outcome.state

    with pytest.raises(KeyboardInterrupt):
        list(apply(assignments(12), slow.perform, note, outstanding=4))
    made = {int(each.call.parameters["TargetId"]) for each in slow.made}
    assert made <= set(journal)
