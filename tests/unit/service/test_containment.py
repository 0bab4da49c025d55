"""A freeze from its plan to its restore: cut at every point, undone by others, and what takes two people."""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import MemoryCloud
from tests.teams import MONDAY
from tests.unit.service.world import NOON, STOLEN, World, hijack

from watchbill.access.effective import answers
from watchbill.access.model import AccessKey, Call, Device, Door, DoorKind, Shell
from watchbill.access.quarantine import DENY_ALL
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.policy.model import Effect
from watchbill.respond.help import Wanted
from watchbill.respond.model import Verdict
from watchbill.service import asking, containment, eviction, helping
from watchbill.service.reconcile import reconcile
from watchbill.service.stand_ins import with_stand_ins
from watchbill.store.database import open_store
from watchbill.store.rows import FreezeRow, StepRow


ARN = "arn:aws:iam::111111111111:user/watchbill/james"
PHONE = Device("arn:aws:iam::111111111111:mfa/phone", MONDAY - timedelta(days=300))
THEIRS = Device("arn:aws:iam::111111111111:mfa/theirs", NOON + timedelta(minutes=30))


@pytest.fixture
def world(tmp_path):
    """Give a world in which James's hijack has become a case, and he has all kinds of credentials."""
    with open_store(tmp_path) as store:
        made = World(store)
        of = ("production", "james")
        made.cloud.doors[of] = [
            Door(DoorKind.SERVICE, "ACCA1", active=True, service="codecommit.amazonaws.com"),
            Door(DoorKind.SSH, "APKA1", active=True),
            Door(DoorKind.CERTIFICATE, "CERT1", active=False),
        ]
        made.cloud.devices[of] = [PHONE, THEIRS]
        made.cloud.passwords.add(of)
        made.cloud.shells["production"] = [
            Shell("james-1", "eu-west-1", ARN, "i-1"),
            Shell("james-2", "us-east-1", "arn:aws:sts::111111111111:assumed-role/oncall-platform/james", "i-2"),
            Shell("rick-1", "eu-west-1", "arn:aws:sts::111111111111:assumed-role/oncall-platform/rick", "i-1"),
        ]
        made.team = replace(made.team, leads=("sofia", "ada"))
        yield made


@pytest.fixture
def case_id(world):
    """Give the id of the case."""
    (found,) = reconcile(world.as_("watchbill"), world.watched(*hijack())).raised
    return found


def freeze(world, case_id, actor="sofia"):
    """Freeze the person of a case."""
    return containment.freeze(world.as_(actor), containment.plan(world.as_(actor), case_id))


def kinds(world):
    """Give what the ledger says was done."""
    return [entry.kind for entry in world.store.ledger.entries()]


def effective(cloud):
    """Give all that a cloud has, but for what policies said before."""
    states = {
        name: replace(state, policies={arn: replace(p, versions=()) for arn, p in state.policies.items()})
        for name, state in cloud.states.items()
    }
    # What these hold is never changed, only taken for something else.
    of_users = ({of: list(held) for of, held in each.items()} for each in (cloud.keys, cloud.doors, cloud.devices))
    shells = {account: list(open_) for account, open_ in cloud.shells.items()}
    return states, *of_users, set(cloud.passwords), shells


class Dying(MemoryCloud):
    """Dies before or after a call, and counts how often each call came to change anything."""

    def __init__(self, of):
        super().__init__()
        for name in ("states", "keys", "doors", "devices", "passwords", "shells"):
            setattr(self, name, deepcopy(getattr(of, name)))
        self.before = self.after = None
        self.changed = []

    def perform(self, account, call):
        """Make one call, unless it is the last."""
        if self.before == len(self.calls):
            raise KeyboardInterrupt
        was = effective(self)
        super().perform(account, call)
        if effective(self) != was:
            self.changed.append(f"{account.name} {call}")
        if self.after == len(self.calls) - 1:
            raise KeyboardInterrupt


def dying(world):
    """Put a cloud in the world that can die; give it."""
    world.cloud = Dying(world.cloud)
    world.app = replace(world.app, cloud=world.cloud, shells=world.cloud)
    return world.cloud


# --- what it stops -------------------------------------------------------------------------------


def test_side_doors_and_shells_are_shut_too(world, case_id):
    """Credentials for one service, SSH keys, certificates, and the shells that no change of IAM ends; nobody else's."""
    assert freeze(world, case_id).holds
    assert {door.active for door in world.cloud.doors["production", "james"]} == {False}
    assert [shell.id for shell in world.cloud.shells["production"]] == ["rick-1"]
    restored = containment.restore(world.as_("sofia"), case_id)
    assert restored.differences == ()
    on = {door.id: door.active for door in world.cloud.doors["production", "james"]}
    assert on == {"ACCA1": True, "APKA1": True, "CERT1": False}


def test_what_was_there_is_written_down_and_its_hash_in_the_ledger(world, case_id):
    """Before the first call: whoever changes the snapshot later is found out."""
    world.cloud.dies_at = len(world.cloud.calls)
    with pytest.raises(KeyboardInterrupt):
        freeze(world, case_id)
    (entry,) = [entry for entry in world.store.ledger.entries() if entry.kind == Kind.FREEZE_APPLIED]
    (row,) = world.store.freezes.all()
    kept = json.loads(row.payload)
    assert len(entry.facts["snapshot"]) == 64
    groups = kept["before"]["production"]["users"]["james"]["groups"]
    assert sorted(groups) == ["job-developers", "oncall-platform"]
    assert {key["id"] for key in kept["credentials"]["production"]["keys"]} >= {STOLEN}
    assert row.applied_at is None


# --- cut at every point --------------------------------------------------------------------------


def test_a_freeze_cut_anywhere_is_carried_on_with(world, case_id):
    """Killed before and after every call, and while the journal is written: the same end, each step effective once."""
    original = world.cloud
    whole = dying(world)
    planned = containment.plan(world.as_("sofia"), case_id)
    assert containment.freeze(world.as_("sofia"), planned).holds
    end, once, steps = effective(whole), sorted(whole.changed), len(planned.containment.changes)
    assert len(once) == steps
    containment.restore(world.as_("sofia"), case_id)
    for where in ("before", "after"):
        for cut in range(steps):
            world.clock.advance(timedelta(minutes=5))
            world.cloud = original
            cloud = dying(world)
            setattr(cloud, where, cut)
            with pytest.raises(KeyboardInterrupt):
                freeze(world, case_id)
            cloud.before = cloud.after = None
            made = len(cloud.calls)
            assert freeze(world, case_id).holds
            assert effective(cloud) == end
            assert sorted(cloud.changed) == once
            # What the journal has as done is not asked of AWS again; what was begun is.
            assert len(cloud.calls) - made == steps - cut
            assert kinds(world).count(Kind.FREEZE_APPLIED) == len(world.store.freezes.all())
            assert [step.state for step in world.store.journal.of(world.store.freezes.all()[-1].id)] == ["done"] * steps
            containment.restore(world.as_("sofia"), case_id)


@pytest.mark.parametrize("told", ["begun", "done"])
def test_a_freeze_cut_while_the_journal_is_written(world, case_id, told):
    """Where the entry itself is lost the step is made again, and that changes nothing more."""
    original, journal = world.cloud, world.store.journal.write
    steps = len(containment.plan(world.as_("sofia"), case_id).containment.changes)
    for cut in range(steps):
        world.clock.advance(timedelta(minutes=5))
        world.cloud = original
        cloud = dying(world)
        written: list[StepRow] = []

        def dies(step, cut=cut, written=written):
            if step.state == told:
                written.append(step)
                if len(written) == cut + 1:
                    raise KeyboardInterrupt
            journal(step)

        world.store.journal.write = dies
        with pytest.raises(KeyboardInterrupt):
            freeze(world, case_id)
        world.store.journal.write = journal
        assert freeze(world, case_id).holds
        assert len(cloud.changed) == len(set(cloud.changed)) == steps
        containment.restore(world.as_("sofia"), case_id)


def test_a_restore_cut_anywhere_is_carried_on_with(world, case_id):
    """The freeze stays in force until every step of its undoing was made; then all is as it was."""
    before = effective(world.cloud)
    freeze(world, case_id)
    steps = len(containment.plan_back(world.as_("sofia"), case_id)[1].changes)
    original = world.cloud
    for cut in range(steps):
        world.cloud = original
        cloud = dying(world)
        cloud.after = cut
        with pytest.raises(KeyboardInterrupt):
            containment.restore(world.as_("sofia"), case_id)
        cloud.after = None
        assert len(world.store.freezes.active(world.clock.now())) == 1
        made, back = cloud, containment.restore(world.as_("sofia"), case_id)
        assert back.differences == ()
        assert effective(made)[0] == before[0]
        assert len(cloud.changed) == len(set(cloud.changed))
        # Frozen anew for the next cut.
        world.clock.advance(timedelta(minutes=5))
        world.cloud = cloud
        world.cloud.keys = deepcopy(before[1])
        world.cloud.shells = deepcopy(before[5])
        freeze(world, case_id)
        original = world.cloud


def test_whoever_makes_passes_carries_on_with_what_was_left(world, case_id):
    """The process of the lead died, and nobody is at the keyboard: two minutes later a pass ends what was begun."""
    world.cloud.dies_at = len(world.cloud.calls) + 3
    with pytest.raises(KeyboardInterrupt):
        freeze(world, case_id)
    world.cloud.dies_at = None
    assert containment.recheck_due(world.as_("watchbill")) == []
    world.clock.advance(containment.ABANDONED)
    (looked,) = containment.recheck_due(world.as_("watchbill"))
    assert all(step.state == "done" for step in world.store.journal.of(looked))
    assert not may(world, "james")


def test_accounts_are_worked_on_side_by_side(world, case_id):
    """To the same end as one after the other, each step in the journal under its number in the plan."""
    original, alone = world.cloud, dying(world)
    assert freeze(world, case_id).holds
    containment.restore(world.as_("sofia"), case_id)
    world.clock.advance(timedelta(minutes=5))
    world.cloud = original
    together = dying(world)
    world.app = replace(world.app, lanes=8)
    frozen = freeze(world, case_id)
    assert frozen.holds
    assert [outcome.number for outcome in frozen.outcomes] == list(range(len(frozen.containment.changes)))
    steps = world.store.journal.of(frozen.containment.id)
    assert [step.call for step in steps] == [f"{c.account} {c.call}" for c in frozen.containment.changes]
    containment.restore(world.as_("sofia"), case_id)
    assert effective(together)[1:] == effective(alone)[1:]
    assert sorted(together.changed) == sorted(alone.changed)


# --- undone by others, and looked at again -------------------------------------------------------


def may(world, user):
    """Tell whether somebody may do anything in production, by what the cloud has."""
    state = world.cloud.observe(world.team.accounts["production"])
    paths = answers(state, user, "ec2:DescribeInstances", "*", NOON, {"aws:MultiFactorAuthPresent": "true"})
    return any(path.effect is Effect.ALLOWED for path in paths)


UNDOINGS = {
    "the deny": Call("DetachUserPolicy", {"UserName": "james", "PolicyArn": DENY_ALL}),
    "a key": Call("UpdateAccessKey", {"UserName": "james", "AccessKeyId": STOLEN, "Status": "Active"}),
    "a group": Call("AddUserToGroup", {"UserName": "james", "GroupName": "job-developers"}),
    "an SSH key": Call("UpdateSSHPublicKey", {"UserName": "james", "SSHPublicKeyId": "APKA1", "Status": "Active"}),
    "the policy on the role": Call(
        "DetachRolePolicy",
        {
            "RoleName": "oncall-platform",
            "PolicyArn": "arn:aws:iam::111111111111:policy/watchbill/watchbill-freeze",
        },
    ),
}


@pytest.mark.parametrize("undoing", UNDOINGS)
def test_what_somebody_undoes_is_done_again(world, case_id, undoing):
    """Whoever has the account is quick: five seconds later it is shut again, and both stand in the ledger."""
    frozen = freeze(world, case_id)
    world.cloud.perform(world.team.accounts["production"], UNDOINGS[undoing])
    looks: list[containment.Frozen] = []
    last = containment.settle(world.as_("sofia"), frozen.containment.id, looks.append)
    assert last.holds
    assert [look.mended > 0 for look in looks] == [True, False, False]
    assert all(look.holds for look in looks)
    assert kinds(world).count(Kind.FREEZE_MENDED) == 1
    assert not may(world, "james")


def test_a_way_in_that_is_made_meanwhile_is_shut(world, case_id):
    """A new key, a new credential for a service, a shell that is opened: each look finds what is new."""
    frozen = freeze(world, case_id)
    of = ("production", "james")
    world.cloud.keys[of].append(AccessKey("AKIAFRESH", active=True))
    world.cloud.doors[of].append(Door(DoorKind.SERVICE, "ACCAFRESH", active=True))
    world.cloud.shells["production"].append(Shell("james-9", "eu-west-1", ARN, "i-9"))
    assert containment.settle(world.as_("sofia"), frozen.containment.id).holds
    assert {key.active for key in world.cloud.keys[of]} == {False}
    assert {door.active for door in world.cloud.doors[of]} == {False}
    assert [shell.id for shell in world.cloud.shells["production"]] == ["rick-1"]
    with pytest.raises(RefusedError, match="key AKIAFRESH was made since the freeze"):
        containment.restore(world.as_("sofia"), case_id)
    containment.restore(world.as_("sofia"), case_id, acknowledge_drift=True)
    on = {key.id: key.active for key in world.cloud.keys[of]}
    assert on == {"AKIAOWN000000000": True, STOLEN: False, "AKIAFRESH": False}


def test_it_is_looked_at_after_5_15_and_60_seconds(world, case_id):
    """By whoever makes passes, when a pass comes late all that is due is one look; then no more."""
    frozen = freeze(world, case_id)
    looked = []
    for _ in range(14):
        world.clock.advance(timedelta(seconds=5))
        if containment.recheck_due(world.as_("watchbill")):
            looked.append((world.clock.now() - frozen.containment.at).total_seconds())
    assert looked == [5, 15, 60]


def test_what_is_refused_is_tried_in_another_form(world, case_id):
    """AWS has no room for one more policy though it did not say so: it is denied inline, else by the boundary."""
    perform = world.cloud.perform
    for refused, form in ((("AttachUserPolicy",), "inline"), (("AttachUserPolicy", "PutUserPolicy"), "boundary")):

        def refuse(account, call, refused=refused):
            if call.operation in refused and account.name == "production":
                raise ProviderError("LimitExceeded")
            perform(account, call)

        world.cloud.perform = refuse
        frozen = freeze(world, case_id)
        last = containment.settle(world.as_("sofia"), frozen.containment.id)
        assert last.holds, [check for check in last.checks if not check.holds]
        kept = json.loads(world.store.freezes.all()[-1].payload)["containment"]
        assert kept["forms"] == {"production": form, "staging": "attached"}
        world.cloud.perform = perform
        assert containment.restore(world.as_("sofia"), case_id).differences == ()
        world.clock.advance(timedelta(minutes=5))


def test_what_may_not_be_read_holds_up_no_freeze(world, case_id):
    """Watchbill's role may lack a permission: everything else is shut, and the freeze is not said to hold."""

    def refuse(account):
        raise ProviderError(f"could not list the open shells of account `{account.name}`: AccessDenied")

    credentials = world.cloud.credentials
    refused = ("certificate: AccessDenied: no",)
    world.cloud.open_in = refuse
    world.cloud.credentials = lambda account, user: replace(credentials(account, user), unread=refused)
    planned = containment.plan(world.as_("sofia"), case_id)
    assert [warning for warning in planned.containment.warnings if "AccessDenied" in warning]
    frozen = containment.freeze(world.as_("sofia"), planned)
    assert not frozen.holds
    assert {check.what for check in frozen.checks if not check.holds} == {"everything of theirs could be read"}
    assert not may(world, "james")
    assert {key.active for key in world.cloud.keys["production", "james"]} == {False}


# --- the watch -----------------------------------------------------------------------------------


def test_who_is_next_keeps_the_watch_of_whoever_is_frozen(world, case_id):
    """James has the watch when he is frozen: Priya, who is next, has it for the rest of the shift."""
    world.clock.advance(timedelta(hours=8))
    frozen = freeze(world, case_id)
    (stands_in,) = frozen.containment.stand_ins
    assert (stands_in.rota, stands_in.person) == ("platform", "priya")
    team = with_stand_ins(world.team, world.store)
    (override,) = team.rotas["platform"].overrides
    assert (override.add, override.remove) == ("priya", "james")
    assert (override.interval.start, override.interval.end) == (stands_in.start, stands_in.end)
    plan = world.as_("sofia").plan()
    assert [(e.person, str(e.verb), e.permission_set) for e in plan.effects if e.person == "priya"] == [
        ("priya", "gains", "prod-oncall")
    ]
    world.clock.advance(timedelta(hours=1))
    containment.restore(world.as_("sofia"), case_id)
    (override,) = with_stand_ins(world.team, world.store).rotas["platform"].overrides
    assert override.interval.end == world.clock.now()


# --- evict ---------------------------------------------------------------------------------------


def test_an_eviction_takes_a_hijack_and_two_leads(world, case_id):
    """Without the verdict, without the freeze, by one lead alone, by the subject: refused. By two: done for good."""
    sofia, ada = "sofia", "ada"
    with pytest.raises(RefusedError, match="not found to be a hijack"):
        eviction.evict(world.as_(sofia), case_id)
    freeze(world, case_id)
    with pytest.raises(RefusedError, match="is frozen in case"):
        asking.decide(world.as_(sofia), case_id, Verdict.MISTAKE, "r")
    asking.decide(world.as_(sofia), case_id, Verdict.HIJACK, "it was not him")
    assert world.as_(sofia).case(case_id)[0].status == "frozen"
    with pytest.raises(RefusedError, match="is no lead"):
        eviction.evict(world.as_("rick"), case_id)
    calls = len(world.cloud.calls)
    asked = eviction.evict(world.as_(sofia), case_id)
    assert asked.outcomes == ()
    with pytest.raises(RefusedError, match="another lead confirms it"):
        eviction.evict(world.as_(sofia), case_id)
    assert len(world.cloud.calls) == calls
    done = eviction.evict(world.as_(ada), case_id)
    assert [outcome.change.call.operation for outcome in done.outcomes] == [
        "DeleteLoginProfile",
        "DeactivateMFADevice",
        "DeleteVirtualMFADevice",
    ]
    assert world.cloud.devices["production", "james"] == [PHONE]
    assert any("deleted once it was quiet for 30 minutes" in left for left in done.eviction.left_out)
    assert kinds(world)[-2:] == [Kind.EVICTION_ASKED, Kind.EVICTION_APPLIED]


@pytest.mark.parametrize("gone", ["no lead any more", "frozen"])
def test_the_word_of_who_is_gone_is_none_of_the_two(world, case_id, gone):
    """Who asked left the leads, or turned out to be stolen: whoever comes next asks, and it takes another one."""
    world.team = replace(world.team, leads=("sofia", "ada", "rick"))
    freeze(world, case_id)
    asking.decide(world.as_("sofia"), case_id, Verdict.HIJACK, "it was not him")
    eviction.evict(world.as_("rick"), case_id)
    lose(world, "rick", gone)
    calls = len(world.cloud.calls)
    assert eviction.due(world.as_("sofia"), case_id).asked_by is None
    assert eviction.evict(world.as_("sofia"), case_id).outcomes == ()
    assert len(world.cloud.calls) == calls
    assert eviction.due(world.as_("ada"), case_id).asked_by == "sofia"
    assert eviction.evict(world.as_("ada"), case_id).outcomes


@pytest.mark.parametrize("gone", ["no lead any more", "frozen"])
def test_a_restore_that_who_is_gone_asked_for_takes_two_others(world, case_id, gone):
    """What was evicted is not given back by one lead and somebody who counts no more."""
    world.team = replace(world.team, leads=("sofia", "ada", "rick"))
    freeze(world, case_id)
    asking.decide(world.as_("sofia"), case_id, Verdict.HIJACK, "it was not him")
    for lead in ("sofia", "ada"):
        eviction.evict(world.as_(lead), case_id)
    with pytest.raises(RefusedError, match="another lead"):
        containment.restore(world.as_("rick"), case_id)
    lose(world, "rick", gone)
    for _ in range(2):
        with pytest.raises(RefusedError, match="another lead"):
            containment.restore(world.as_("sofia"), case_id)
    containment.restore(world.as_("ada"), case_id)
    assert "james" not in {row.person for row in world.store.freezes.active(world.clock.now())}


def lose(world, name, how):
    """Have somebody lose the right to decide."""
    if how == "frozen":
        world.store.freezes.add(FreezeRow("F-other", name, world.clock.now(), None, None, "{}"))
    else:
        world.team = replace(world.team, leads=tuple(each for each in world.team.leads if each != name))


def test_stolen_keys_are_deleted_after_a_quiet_while(world, case_id):
    """The eviction is asked for again, half an hour later, and again takes two."""
    freeze(world, case_id)
    asking.decide(world.as_("sofia"), case_id, Verdict.HIJACK, "it was not him")
    for lead in ("sofia", "ada"):
        eviction.evict(world.as_(lead), case_id)
    with pytest.raises(RefusedError, match="nothing to evict"):
        eviction.evict(world.as_("sofia"), case_id)
    world.clock.advance(timedelta(minutes=32))
    for lead in ("ada", "sofia"):
        done = eviction.evict(world.as_(lead), case_id)
    assert [str(outcome.change.call) for outcome in done.outcomes] == [f"iam:DeleteAccessKey(james, {STOLEN})"]
    assert STOLEN not in {key.id for key in world.cloud.keys["production", "james"]}


def test_what_was_evicted_is_restored_by_two(world, case_id):
    """One lead asks, another restores; nobody alone gives back what was taken from a thief."""
    freeze(world, case_id)
    asking.decide(world.as_("sofia"), case_id, Verdict.HIJACK, "it was not him")
    for lead in ("sofia", "ada"):
        eviction.evict(world.as_(lead), case_id)
    for _ in range(2):
        with pytest.raises(RefusedError, match="another lead"):
            containment.restore(world.as_("sofia"), case_id)
    assert world.store.freezes.active(world.clock.now())
    containment.restore(world.as_("ada"), case_id)
    assert world.store.freezes.active(world.clock.now()) == []


# --- help ----------------------------------------------------------------------------------------


def test_a_password_is_seen_by_its_person_alone_and_once(world, tmp_path):
    """A lead approves, the person takes it over; it is in no answer, no state, no journal and no ledger."""
    name, made = helping.ask(
        world.as_("james"), "james", "production", Wanted(password=True, devices=True), "lost both"
    )
    assert [change.call.operation for change in made.changes] == [
        "UpdateLoginProfile",
        *["DeactivateMFADevice", "DeleteVirtualMFADevice"] * 2,
    ]
    for refused in ("james", "rick"):
        with pytest.raises(RefusedError):
            helping.approve(world.as_(refused), name)
    with pytest.raises(RefusedError, match="no lead has approved it yet"):
        helping.collect(world.as_("james"), name)
    helping.approve(world.as_("sofia"), name)
    for other in ("sofia", "rick"):
        with pytest.raises(RefusedError, match="nobody else sees a password"):
            helping.collect(world.as_(other), name)
    given = helping.collect(world.as_("james"), name)
    assert given.password is not None
    assert len(given.password) == 40
    assert world.cloud.calls[-5].parameters["Password"] == given.password
    with pytest.raises(RefusedError, match="taken over already"):
        helping.collect(world.as_("james"), name)
    assert given.password not in repr(given)
    world.store.close()
    assert not [path for path in tmp_path.iterdir() if given.password.encode() in path.read_bytes()]


def test_a_help_cut_short_gives_another_password(world):
    """What was set and never shown is of no use to anybody."""
    name, _ = helping.ask(world.as_("rick"), "james", "production", Wanted(password=True, devices=True), "lost both")
    helping.approve(world.as_("sofia"), name)
    world.cloud.dies_at = len(world.cloud.calls) + 2
    with pytest.raises(KeyboardInterrupt):
        helping.collect(world.as_("james"), name)
    first = world.cloud.calls[-2].parameters["Password"]
    world.cloud.dies_at = None
    assert helping.collect(world.as_("james"), name).password != first
    assert world.cloud.devices["production", "james"] == []


def test_an_error_never_tells_a_password(world):
    """AWS may repeat what it was given."""
    name, _ = helping.ask(world.as_("james"), "james", "production", Wanted(password=True, devices=False), "lost")
    helping.approve(world.as_("sofia"), name)

    def repeat(account, call):
        raise ProviderError(f"PasswordPolicyViolation: {call.parameters['Password']}")

    world.cloud.perform = repeat
    with pytest.raises(ProviderError, match=r"PasswordPolicyViolation: \*\*\*"):
        helping.collect(world.as_("james"), name)
    assert world.store.journal.of(name)[0].error == "PasswordPolicyViolation: ***"


def test_help_is_refused(world, case_id):
    """To whoever is protected, frozen, or not there; and a lead's refusal stands."""
    name, _ = helping.ask(world.as_("james"), "james", "production", Wanted(password=True, devices=False), "lost")
    freeze(world, case_id)
    with pytest.raises(RefusedError, match="is frozen"):
        helping.ask(world.as_("james"), "james", "production", Wanted(password=True, devices=False), "lost")
    helping.approve(world.as_("sofia"), name)
    with pytest.raises(RefusedError, match="is frozen"):
        helping.collect(world.as_("james"), name)
    helping.refuse(world.as_("sofia"), name, "it was a thief who asked")
    with pytest.raises(RefusedError, match="it was refused"):
        helping.collect(world.as_("james"), name)
    world.team = replace(world.team, protected=("rick",))
    with pytest.raises(RefusedError, match="is protected"):
        helping.ask(world.as_("rick"), "rick", "production", Wanted(password=True, devices=False), "lost")
    with pytest.raises(NotFoundError):
        helping.ask(world.as_("rick"), "zoe", "production", Wanted(password=True, devices=False), "lost")
