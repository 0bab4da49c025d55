"""Presses that speak to AWS, in a process that dies anywhere: one freeze and one restore, and everybody told."""

import shutil
from copy import deepcopy
from dataclasses import replace
from itertools import count

from tests.cloud import MemoryCloud
from tests.unit.service.desk import KilledError, Office, asking_team, heard
from tests.unit.service.test_containment import effective

from watchbill.bootstrap import App
from watchbill.ledger.chain import verify
from watchbill.ledger.model import Kind, State
from watchbill.respond.notices import LEADS
from watchbill.service import asking
from watchbill.service.clicks import take, told
from watchbill.service.jobs import freeze, preview_of, restore
from watchbill.service.outbox import LEASE
from watchbill.service.reconcile import apply_plan


class DyingCloud(MemoryCloud):
    """Dies before or after a call."""

    def __init__(self, fate):
        super().__init__()
        self.fate = fate

    def perform(self, account, call):
        """Make one call, or die."""
        self.fate.step()
        super().perform(account, call)
        self.fate.step()


class Frozen(Office):
    """The office over IAM in memory, in which presses freeze and restore James."""

    def __init__(self, folder, of=None):
        """Begin where James has said no; `of` is an office that did, and whose state lies in the folder."""
        team = asking_team(mail=False)
        super().__init__(folder, replace(team, accounts={"production": team.accounts["production"]}, groups={}))
        self.cloud = DyingCloud(self.fate)
        self.app = App(self.clock, self.app.accounts, self.cloud, lanes=1)
        if of is None:
            apply_plan(self.as_("watchbill"), self.as_("watchbill").plan())
            asking.ask(self.as_("watchbill"), "C-late")
            asking.answer(self.as_("james"), "C-late", "no")
            self.deliver()
        else:
            self.slack.messages = deepcopy(of.slack.messages)
            for name in ("states", "keys", "doors", "devices", "passwords", "shells", "_versions"):
                setattr(self.cloud, name, deepcopy(getattr(of.cloud, name)))
        self.before = effective(self.cloud)
        self.fate.steps = 0

    def hear(self, **more):
        """Work on what was pressed, by what AWS is asked to do."""
        work = self.as_("watchbill")
        return heard(self, self.desk(freeze=freeze, restore=restore, preview=preview_of(work), **more))

    def story(self):
        """Press freeze and then restore; begun again, it goes on where it was."""
        for action in ("freeze", "restore"):
            take(self.store, self.press("sofia", action))
            self.hear()
            self.deliver()


def until_done(office):
    """Tell the story until it comes to its end, each time by another process."""
    while True:
        try:
            office.story()
            break
        except KilledError:
            office.fate.cut = None
            office.later(LEASE)
    office.deliver()


def check(office):
    """Check that all was done and told, and once."""
    assert effective(office.cloud) == office.before
    kinds = office.kinds()
    for once in (Kind.FREEZE_APPLIED, Kind.RESTORE_APPLIED):
        assert kinds.count(once) == 1
    assert kinds.count(Kind.CLICK_WORKED) == 2
    assert Kind.CLICK_REFUSED not in kinds
    assert "james is restored" in told(office.store, office.press("sofia", "restore")).text
    leads = [shown for shown in office.slack.messages if shown[0].to == LEADS and shown[0].case == "C-late"]
    assert len(leads) == 1
    assert leads[0][-1].lines[0] == "james restored by sofia: a lead closes the case"
    keys = office.slack.said()
    assert len(keys) == len(set(keys))
    assert office.store.outbox.unsent() == []
    assert office.store.cases.get("C-late").status == "escalated"
    assert verify(office.store.ledger.entries()).state is State.INTACT


def test_a_press_that_speaks_to_aws_is_carried_on_with_wherever_it_was_cut(tmp_path):
    """Before and after every write, every call and every message, from the press to what came of it."""
    begun = Frozen(tmp_path / "begun")
    begun.store.close()
    cuts = 0
    for cut in count(1):
        folder = shutil.copytree(tmp_path / "begun", tmp_path / str(cut))
        office = Frozen(folder, begun)
        office.fate.cut = cut
        until_done(office)
        died = office.fate.cut is None
        check(office)
        office.store.close()
        if not died:
            break
        cuts = cut
    assert cuts > 60
