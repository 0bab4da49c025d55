"""Changes are made side by side: how many at once, which wait for which, and what a failure keeps back."""

import random
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import MemoryCloud, by
from tests.teams import DAY, MONDAY, group, rota, team, with_rota

from watchbill.access.apply import OUTSTANDING, apply
from watchbill.access.center.state import PLACE
from watchbill.access.model import Call, Change, Phase, State
from watchbill.access.plan import make_plan
from watchbill.errors import ProviderError
from watchbill.team.model import Kind


NOON = MONDAY + timedelta(hours=12)


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

    outcomes = list(apply(plan, slow.perform, note, lanes=16))
    assert [outcome.number for outcome in outcomes] == list(range(len(plan)))
    assert {outcome.state for outcome in outcomes} == {State.DONE}
    assert slow.most == OUTSTANDING
    assert set(slow.beside) == {(False, False)}
    assert (slow.made[0].call.operation, slow.made[-1].call.operation) == ("CreatePermissionSet", "DeletePermissionSet")
    assert threads == {threading.get_ident()}
    for number in range(len(plan)):
        assert [state for each, state in journal if each == number] == [State.BEGUN, State.DONE]


@pytest.mark.parametrize("phase", [Phase.GRANT, Phase.TIDY])
def test_identity_center_waits_for_accounts_and_they_for_it(phase):
    """A set that refers to a policy is made after it in every account, and let go of before it."""
    there = [replace(change("CreatePolicy", phase), account=name) for name in ("a", "b")]
    center = [change("UpdatePermissionSet", phase)]
    plan = [*there, *center] if phase is Phase.GRANT else [*center, *there]
    slow = Slow()
    list(apply(plan, slow.perform, lanes=4))
    assert [one.account for one in slow.made].index(PLACE) == plan.index(*center)
    assert slow.most == 2


@pytest.mark.parametrize("phase", [Phase.GRANT, Phase.REVOKE])
def test_after_a_failure_nothing_more_is_given_and_what_takes_goes_on(phase):
    """Those that go on already are not called back; of those that wait none begins, unless it takes access."""
    operation = "CreateAccountAssignment" if phase is Phase.GRANT else "DeleteAccountAssignment"
    slow = Slow(refused=["000000000000"])
    outcomes = list(apply(assignments(30, operation=operation, phase=phase), slow.perform, together=True, lanes=4))
    states = Counter(outcome.state for outcome in outcomes)
    assert states[State.FAILED] == 1
    assert (states[State.SKIPPED] >= 22) is (phase is Phase.GRANT)
    assert states[State.DONE] + states[State.SKIPPED] == 29


def test_what_was_done_before_is_not_made_again():
    """The rest is, side by side too."""
    slow = Slow()
    outcomes = list(apply(assignments(12), slow.perform, done=range(3, 8), lanes=4))
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
        list(apply(assignments(12), slow.perform, note, lanes=4))
    made = {int(each.call.parameters["TargetId"]) for each in slow.made}
    assert made <= set(journal)


# --- accounts --------------------------------------------------------------------------------------------

NAMES = tuple(f"a{number}" for number in range(5))


def many(edit=lambda of: of):
    """Give a team that has the same in several accounts."""
    of = edit(team())
    accounts = {name: replace(of.accounts["production"], name=name, number=f"{n:012}") for n, name in enumerate(NAMES)}
    rotas = {name: replace(found, accounts=NAMES) for name, found in of.rotas.items()}
    groups = {
        name: replace(found, access=tuple(replace(each, accounts=NAMES) for each in found.access))
        for name, found in of.groups.items()
    }
    return replace(of, accounts=accounts, rotas=rotas, groups=groups)


def without_a_shift(of):
    """Give a team whose rota gives something else, and one of whose people left."""
    groups = {**of.groups, "developers": group("developers", ("ada", "rick"), ("developer", "production"))}
    return replace(with_rota(of, replace(rota(), entitlement={Kind.PRIMARY: "support"})), groups=groups)


class Uneven(MemoryCloud):
    """Takes another while for each call, so that accounts get on unevenly, and keeps every state of each."""

    def __init__(self, states, dies_at=None, refuses=None):
        super().__init__(dies_at)
        self.states = dict(states)
        self.seen = {name: [state] for name, state in states.items()}
        self.refuses = refuses
        self.going, self.most = Counter(dict.fromkeys(states, 0)), 0

    def perform(self, account, call):
        """Do one call."""
        self.going[account.name] += 1
        self.most = max(self.most, sum(self.going.values()))
        assert self.going[account.name] == 1
        try:
            time.sleep(random.Random(f"{account.name}{call}").choice((0, 0.0005, 0.002)))
            if self.refuses is not None and self.refuses(account.name, call):
                raise ProviderError("AccessDenied")
            super().perform(account, call)
        finally:
            self.going[account.name] -= 1
        self.seen[account.name].append(self.states[account.name])


def said(state):
    """Give what an account says, without the ids that the cloud makes up."""
    users = {name: replace(user, id="") for name, user in state.users.items()}
    return replace(state, users=users, roles={name: replace(role, id="") for name, role in state.roles.items()})


def before_and_after(first, then):
    """Give what accounts have by a team, the plan of another, and each state of each account where it is made alone."""
    cloud = MemoryCloud()
    states = {name: cloud.observe(account) for name, account in first.accounts.items()}
    if first is not then:
        list(apply(make_plan(first, states, NOON - DAY).changes, by(first, cloud)))
    states = dict(cloud.states)
    plan = make_plan(then, states, NOON)
    alone = Uneven(states)
    assert {outcome.state for outcome in apply(plan.changes, by(then, alone))} == {State.DONE}
    assert alone.most == 1
    return states, plan, alone


FIRST = many()
EDITED = {"the first plan": (FIRST, FIRST), "an edit": (FIRST, many(without_a_shift))}


@pytest.mark.parametrize("edit", EDITED)
def test_accounts_side_by_side_are_cut_anywhere_as_each_would_be_alone(edit):
    """Each is in a state that it has alone too, nothing of a phase is made before all of the last, and all is resumed."""
    first, then = EDITED[edit]
    states, plan, alone = before_and_after(first, then)
    numbers = {id(change.call): number for number, change in enumerate(plan.changes)}
    for cut in range(0, len(plan.changes) + 1, 7):
        cloud, journal = Uneven(states, dies_at=cut), dict[int, State]()

        def note(outcome, journal=journal):
            journal[outcome.number] = outcome.state

        with suppress(KeyboardInterrupt):
            list(apply(plan.changes, by(then, cloud), note, lanes=4))
        assert all(said(cloud.states[name]) in map(said, alone.seen[name]) for name in NAMES)
        made = [numbers[id(call)] for call in cloud.calls]
        phases = [plan.changes[number].phase for number in made]
        assert phases == sorted(phases)
        assert cloud.most <= 4
        assert set(made) <= set(journal)
        cloud.dies_at = None
        done = {number for number, state in journal.items() if state is State.DONE}
        outcomes = list(apply(plan.changes, by(then, cloud), done=done, lanes=4))
        assert [outcome.number for outcome in outcomes] == list(range(len(plan.changes)))
        assert {outcome.state for outcome in outcomes} == {State.DONE}
        assert not make_plan(then, cloud.states, NOON).changes


@pytest.mark.parametrize("together", [False, True])
def test_what_fails_in_one_account_is_said_and_keeps_others_back_only_where_all_hang_together(together):
    """Two accounts fail, each with its own error; what takes access away goes on there too."""
    states, plan, _ = before_and_after(FIRST, many(without_a_shift))
    fails = {"a1", "a3"}
    cloud = Uneven(states, refuses=lambda name, call: name in fails and call.operation == "CreatePolicyVersion")
    outcomes = list(apply(plan.changes, by(FIRST, cloud), together=together, lanes=4))
    failed = {outcome.change.account for outcome in outcomes if outcome.state is State.FAILED}
    skipped = {outcome.change.account for outcome in outcomes if outcome.state is State.SKIPPED}
    assert failed == fails
    assert skipped == (set(NAMES) if together else fails)
    assert not any(
        outcome.state is State.SKIPPED and outcome.change.phase in (Phase.FENCE, Phase.REVOKE) for outcome in outcomes
    )
    assert {o.state for o in outcomes if o.change.account not in fails} == (
        {State.DONE, State.SKIPPED} if together else {State.DONE}
    )
