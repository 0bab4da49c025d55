"""What is applied by itself, what waits for whom, and what becomes of it: whatever changes, dies or acts beside it."""

import os
import subprocess
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from tests.cloud import MemoryCloud
from tests.teams import PRODUCTION
from tests.unit.service.world import NOON

from watchbill.access.effective import answers
from watchbill.aws.accounts import Accounts
from watchbill.bootstrap import App
from watchbill.errors import NotFoundError, RefusedError
from watchbill.intervals import Interval
from watchbill.policy.model import Effect
from watchbill.service import offboarding, proposals, requests
from watchbill.service.casework import Casework
from watchbill.service.history import history_of
from watchbill.service.reconcile import Reconciled, apply_plan, bring_in_step, reconcile
from watchbill.service.stepping import step_of
from watchbill.sim.clock import SimClock
from watchbill.store.database import open_store
from watchbill.store.rows import ContainmentRow, FreezeRow, Proposed
from watchbill.team.files import parse


HOUR = timedelta(hours=1)
FILE = """
team: orders
leads: [ada, sofia, rick]
slack: {channel: C0123456789}
accounts:
  production: {number: "111111111111", environment: production, mode: MODE}
people:
  ada: {name: Ada, email: ada@example.com}
  james: {name: James, email: james@example.com}
  rick: {name: Rick, email: rick@example.com}
  sofia: {name: Sofia, email: sofia@example.com}
groups:
  developers:
    members: [james, rick]
    access:
      - {permission_set: developer, accounts: [production]}
  admins:
    members: [ada]
    access:
      - {permission_set: admin, accounts: [production]}
permission_sets:
  developer: {allow: ["ec2:*"]}
  admin: {allow: ["s3:*", "sqs:*"]}
  on-call: {allow: ["rds:*"]}
rotas:
  platform:
    accounts: [production]
    entitlement: {primary: on-call}
    horizon: 3d
    layers:
      - name: all
        time_zone: UTC
        members: [james, rick]
        turn: 1d
        handoff: {time: "09:00"}
        anchor: {date: 2026-01-12, member: james}
"""


class Site:
    """A team file in a repository of git, a cloud in memory, and passes."""

    def __init__(self, folder, mode="enforce"):
        self.folder, self.cloud, self.clock = folder, MemoryCloud(), SimClock(NOON)
        self.app = App(self.clock, Accounts("http://127.0.0.1:9", ("any", "any")), self.cloud, lanes=1)
        self.path, self.text = folder / "watchbill.yaml", FILE.replace("MODE", mode).lstrip()
        self.store = open_store(folder / "state")
        self.git("init", "-q")
        self.write(self.text, "sofia")

    def git(self, *arguments, by="sofia"):
        """Run git as somebody."""
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", by), ("EMAIL", f"{by}@example.com"))}  # fmt: skip
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **who}  # noqa: TID251 - what a child is given
        subprocess.run(["git", *arguments], cwd=self.folder, env=environment, check=True, capture_output=True)

    def write(self, text, by=None):
        """Write the file anew, committed by somebody, or by nobody yet."""
        self.text = text
        self.path.write_text(text, "utf-8")
        if by is not None:
            self.git("add", "watchbill.yaml", by=by)
            self.git("commit", "-q", "-m", "change", by=by)

    def edit(self, old, new, by=None):
        """Write the file with some words in place of others."""
        assert old in self.text
        self.write(self.text.replace(old, new), by)

    def as_(self, actor):
        """Work as somebody, by the file as it is."""
        return Casework(self.app, self.store, parse(self.text, str(self.path)), self.clock.now(), actor)

    def run(self) -> Any:
        """Make a pass, as far as AWS goes."""
        done = Reconciled()
        bring_in_step(self.as_("watchbill"), done)
        return done

    def row(self, proposal_id) -> Any:
        """Give a proposal as it is kept."""
        return self.store.proposals.get(proposal_id)

    def begin(self):
        """Let the first plan be approved and applied."""
        waits = self.run().proposal
        assert waits is not None
        proposals.approve(self.as_("sofia"), waits.id)
        assert self.run().proposal.state is Proposed.APPLIED

    def may(self, who, action):
        """Tell whether somebody may do something now, by what the cloud has and by any way."""
        state = self.cloud.states["production"]
        context = {"aws:MultiFactorAuthPresent": "true"}
        return any(
            each.effect is Effect.ALLOWED for each in answers(state, who, action, "*", self.clock.now(), context)
        )

    def ledger(self):
        """Give what the ledger has of plans."""
        return [e.kind.split(":")[2] for e in self.store.ledger.entries() if e.kind.startswith("access:plan")]


@pytest.fixture
def site(tmp_path):
    """Give a site whose file enforces, with nothing in AWS."""
    made = Site(tmp_path)
    with made.store:
        yield made


def test_the_first_plan_waits_and_is_applied_when_a_lead_says_so(site):
    """By whoever leads; from then on it rolls forward by itself."""
    done = site.run()
    assert (site.cloud.calls, done.outcomes, done.proposal.state) == ([], (), Proposed.WAITING)
    with pytest.raises(RefusedError, match="no lead"):
        proposals.approve(site.as_("james"), done.proposal.id)
    assert "the next pass applies it" in proposals.approve(site.as_("sofia"), done.proposal.id)
    done = site.run()
    assert (done.proposal.state, site.may("james", "ec2:RunInstances")) == (Proposed.APPLIED, True)
    assert site.ledger() == ["proposed", "approved", "applied"]
    site.clock.advance(timedelta(days=1))
    assert site.run().outcomes
    assert (site.ledger()[3:], proposals.waiting(site.store), site.run().outcomes) == (["applied"], [], ())


def test_progress_is_told_once_of_each_change(site):
    """When it is made, and not when it is begun: a bar that is full says that all is done."""
    work, told = site.as_("sofia"), list[Any]()
    made = step_of(work).plan
    apply_plan(work, made, told.append)
    assert [outcome.change for outcome in told] == list(made.changes)


def test_what_takes_away_is_applied_by_itself(site):
    """Though nobody knows who wrote it."""
    site.begin()
    site.edit("members: [james, rick]\n    access", "members: [rick]\n    access")
    assert (bool(site.run().outcomes), site.may("james", "ec2:RunInstances")) == (True, False)
    assert site.as_("x").in_force() is not None
    assert site.store.revisions.all()[-1].digest == site.as_("x").team.digest


def test_a_swap_that_another_wrote_is_applied_by_itself_and_ones_own_is_not(site):
    """By git, which says who wrote each line."""
    site.begin()
    override = "    overrides:\n      - {name: NAME, kind: primary, from: 2026-01-13T10:00:00Z, to: 2026-01-13T12:00:00Z, add: james, reason: r, by: sofia}\n"
    site.write(site.text + override.replace("NAME", "first"), "sofia")
    assert site.run().proposal is None
    site.edit("12:00:00Z, add", "14:00:00Z, add", "james")
    done = site.run()
    (waits,) = {each.kind for each in proposals.content_of(done.proposal).waits}
    assert (waits, done.outcomes, done.proposal.people) == ("self-added", (), 1)
    site.clock.set(NOON + timedelta(hours=25))
    site.run()
    assert not site.may("james", "rds:RebootDBInstance")


def test_sudo_by_a_new_file_waits_as_its_access_does(site):
    """No host is looked at for it until a lead has let it be; what hosts then are is not known here, and said."""

    def hosts():
        done = reconcile(site.as_("watchbill"), None)
        return done.proposal, [each.code for each in done.problems if "bastion" in each.message]

    site.begin()
    given = "rotas:\n  platform:\n    hosts: [bastion]\n    sudo: all\n"
    text = site.text.replace("james@example.com}", "james@example.com, host_users: [james]}")
    text = text.replace("rotas:\n  platform:\n", given) + "hosts:\n  bastion: {address: bastion.example.com}\n"
    site.write(text, "sofia")
    waits, said = hosts()
    assert (waits.state, said) == (Proposed.WAITING, [])
    (found,) = proposals.content_of(waits).waits
    where = "bastion, as james@bastion.example.com:22"
    assert found.what == f"james may come to run ALL as root on {where}, by rota platform"
    proposals.approve(site.as_("ada"), waits.id)
    assert hosts()[0].state is Proposed.APPLIED
    assert hosts() == (None, ["unread-host"])
    site.edit("    sudo: all\n", "", "sofia")
    site.edit("    hosts: [bastion]\n", "", "sofia")
    assert hosts() == (None, [])


def test_who_wrote_it_or_gains_by_it_does_not_approve_it(site):
    """Nor counts twice; where nobody knows who wrote it, two say so."""
    site.begin()
    site.edit("members: [ada]", "members: [ada, rick]", "ada")
    waits = site.run().proposal
    for who in ("ada", "rick"):
        with pytest.raises(RefusedError, match="another lead approves it"):
            proposals.approve(site.as_(who), waits.id)
    site.edit("members: [ada, rick]", "members: [ada, james]")
    again = site.run().proposal
    assert (again.people, site.row(waits.id).state) == (2, Proposed.VOID)
    for _ in range(2):
        assert "waits for 1 of" in proposals.approve(site.as_("sofia"), again.id)
    assert site.run().outcomes == ()
    proposals.approve(site.as_("rick"), again.id)
    site.run()
    assert (site.may("james", "sqs:SendMessage"), site.may("rick", "sqs:SendMessage")) == (True, False)


def test_a_lead_by_the_new_file_alone_is_none_yet(site):
    """Nobody names themselves into those who say so."""
    site.begin()
    site.edit("leads: [ada, sofia, rick]", "leads: [ada, sofia, rick, james]", "ada")
    waits = site.run().proposal
    assert proposals.approvers(site.as_("james"), waits) == ("sofia", "rick")
    with pytest.raises(RefusedError, match="not yet by the file in force"):
        proposals.approve(site.as_("james"), waits.id)


def test_the_word_of_a_lead_who_is_frozen_counts_no_more(site):
    """Found to be stolen after they approved: it is not applied, waits anew, and another lead says so."""
    waits = site.run().proposal
    proposals.approve(site.as_("sofia"), waits.id)
    site.store.freezes.add(FreezeRow("F-1", "sofia", site.clock.now(), None, None, "{}"))
    again = site.run()
    assert (again.proposal.state, again.outcomes, site.cloud.calls) == (Proposed.WAITING, (), [])
    for decides in (proposals.approve, partial(proposals.refuse, reason="no")):
        with pytest.raises(RefusedError, match="`sofia` is frozen"):
            decides(site.as_("sofia"), again.proposal.id)
    assert "the next pass applies it" in proposals.approve(site.as_("rick"), again.proposal.id)
    assert site.run().proposal.state is Proposed.APPLIED


def test_what_waits_holds_up_nothing_else(site):
    """The watch rolls forward by the file in force, and whoever is gone is out at once."""
    site.begin()
    site.edit('  admin: {allow: ["s3:*", "sqs:*"]}', '  admin: {allow: ["s3:*", "sqs:*", "iam:*"]}')
    site.edit("members: [james, rick]\n    access", "members: [rick]\n    access", "ada")
    site.clock.advance(timedelta(days=1))
    done = site.run()
    assert (done.proposal.state, bool(done.outcomes)) == (Proposed.WAITING, True)
    assert (site.may("james", "ec2:RunInstances"), site.may("ada", "iam:CreateUser")) == (False, False)
    site.clock.advance(timedelta(days=2, hours=12))
    site.run()
    assert site.may("james", "rds:RebootDBInstance") != site.may("rick", "rds:RebootDBInstance")
    assert site.run().outcomes == ()
    work = site.as_("sofia")
    history = history_of(work, Interval(NOON, work.at))
    assert history.problems == ()
    now = history.at(work.at - timedelta(seconds=1))
    assert now is not None
    assert (now.members("developers"), now.permission_sets["admin"].allow) == (("rick",), ("s3:*", "sqs:*"))
    assert work.plan().drift == ()


@pytest.mark.parametrize("moves", ["the file", "aws", "time"])
def test_an_approval_is_void_when_what_it_does_changes(site, moves):
    """And leads hear that what they said counts no more."""
    site.begin()
    site.edit("horizon: 3d", "horizon: 4d", "james")
    site.edit("members: [ada]", "members: [ada, james]", "sofia")
    waits = site.run().proposal
    two = site.as_("sofia"), site.as_("ada"), site.as_("rick")
    (may,) = [work for work in two if work.actor in proposals.approvers(work, waits)][:1]
    proposals.approve(may, waits.id)
    assert site.row(waits.id).state is Proposed.APPROVED
    if moves == "the file":
        site.edit('allow: ["ec2:*"]', 'allow: ["ec2:*", "iam:*"]', "sofia")
    elif moves == "aws":
        state = site.cloud.states["production"]
        users = {**state.users, "james": replace(state.users["james"], groups=frozenset())}
        site.cloud.states["production"] = replace(state, users=users)
    else:
        site.clock.advance(timedelta(days=1))
    after = site.run()
    row = site.row(waits.id)
    if moves == "aws":
        # What others took out comes back by itself; then it would do the same again.
        assert row.state in (Proposed.APPLIED, Proposed.VOID)
        return
    assert (row.state, row.why, after.proposal.state) == (
        Proposed.VOID,
        "what it would change has changed",
        Proposed.WAITING,
    )
    assert (after.proposal.id != waits.id, site.may("james", "sqs:SendMessage")) == (True, False)
    told = [each.payload for each in site.store.outbox.of_case(waits.id)]
    assert any("counts no more" in each for each in told)
    assert site.store.proposals.approvals(waits.id) == []
    with pytest.raises(RefusedError, match="was void"):
        proposals.approve(site.as_("sofia"), waits.id)


def test_one_that_is_refused_stays_so(site):
    """Until the file is another; nobody approves it after."""
    site.begin()
    site.edit("members: [ada]", "members: [ada, james]", "rick")
    waits = site.run().proposal
    assert "was refused by sofia" in proposals.refuse(site.as_("sofia"), waits.id, "not now")
    assert (site.run().proposal.state, site.may("james", "sqs:SendMessage")) == (Proposed.REFUSED, False)
    with pytest.raises(RefusedError, match="was refused by sofia"):
        proposals.approve(site.as_("ada"), waits.id)
    with pytest.raises(NotFoundError, match="no plan `P-x` is kept"):
        proposals.approve(site.as_("ada"), "P-x")
    assert site.ledger()[-2:] == ["proposed", "refused"]


def test_killed_at_any_call_what_was_approved_is_carried_on_with(tmp_path):
    """In mode propose, where nothing goes by itself: each call of it once approved is made, and no other."""
    whole = None
    for cut in range(0, 60, 3):
        folder = tmp_path / str(cut)
        folder.mkdir()
        site = Site(folder, "propose")
        with site.store:
            waits = site.run().proposal
            proposals.approve(site.as_("sofia"), waits.id)
            site.cloud.dies_at = cut
            try:
                site.run()
                died = False
            except KeyboardInterrupt:
                died = True
            site.cloud.dies_at = None
            done = site.run()
            assert done.proposal is None or done.proposal.state is Proposed.APPLIED
            assert site.row(waits.id).state is Proposed.APPLIED
            assert site.may("james", "ec2:RunInstances")
            assert [row for row in proposals.waiting(site.store) if row.id != waits.id] == []
            whole = whole or site.cloud.states["production"].policies
            assert site.cloud.states["production"].policies.keys() == whole.keys()
            if not died:
                break
    assert not died


def test_in_mode_observe_nothing_is_written_whoever_says_so(tmp_path):
    """No plan waits, none is made."""
    site = Site(tmp_path, "observe")
    with site.store:
        done = site.run()
        assert (site.cloud.calls, done.plan.changes) == ([], ())
        assert {each.kind for each in proposals.content_of(done.proposal).waits} == {"first"}
        proposals.approve(site.as_("sofia"), done.proposal.id)
        site.run()
        assert site.cloud.calls == []
        site.edit("mode: observe", "mode: enforce", "ada")
        waits = site.run().proposal
        assert ({each.kind for each in proposals.content_of(waits).waits}, site.cloud.calls) == ({"safeguard"}, [])


def test_in_mode_propose_each_plan_waits(tmp_path):
    """Also what rolls forward, and what takes away."""
    site = Site(tmp_path, "propose")
    with site.store:
        site.begin()
        calls = len(site.cloud.calls)
        site.clock.advance(timedelta(days=1))
        waits = site.run().proposal
        assert (waits.state, waits.people, len(site.cloud.calls)) == (Proposed.WAITING, 1, calls)
        site.edit("members: [james, rick]\n    access", "members: [rick]\n    access")
        again = site.run().proposal
        assert (again.id != waits.id, site.may("james", "ec2:RunInstances")) == (True, True)
        proposals.approve(site.as_("ada"), again.id)
        site.run()
        assert not site.may("james", "ec2:RunInstances")


def test_who_wrote_what_is_done_in_part_does_not_approve_the_rest(tmp_path):
    """One account enforces, and has it at once; in the other it waits, day after day, for somebody else."""
    site = Site(tmp_path, "propose")
    with site.store:
        more = '\n  staging: {number: "222222222222", environment: staging, mode: enforce}'
        site.edit("mode: propose}", "mode: propose}" + more)
        site.edit("permission_set: developer, accounts: [production]", "permission_set: developer, accounts: [production, staging]", "sofia")  # fmt: skip
        site.begin()
        site.edit("members: [james, rick]\n    access", "members: [rick]\n    access", "rick")
        first = site.run()
        assert {outcome.change.account for outcome in first.outcomes} == {"staging"}
        assert proposals.content_of(first.proposal).barred == ("rick",)
        assert [d for d, _ in site.store.revisions.applied()][-1] == site.as_("sofia").team.digest
        site.clock.advance(timedelta(days=1))
        waits = site.run().proposal
        assert waits.id != first.proposal.id
        assert proposals.content_of(waits).barred == ("rick",)
        with pytest.raises(RefusedError, match="`rick` wrote what is in"):
            proposals.approve(site.as_("rick"), waits.id)
        proposals.approve(site.as_("ada"), waits.id)
        assert site.run().proposal.state is Proposed.APPLIED
        site.clock.advance(timedelta(days=1))
        assert proposals.content_of(site.run().proposal).barred == ()


def test_two_instances_apply_what_was_approved_once(site):
    """Two that believe they lead: one turns it, and the calls are made once."""
    waits = site.run().proposal
    proposals.approve(site.as_("sofia"), waits.id)
    site.run()
    calls = len(site.cloud.calls)
    with open_store(site.folder / "state") as other:
        done = Reconciled()
        bring_in_step(replace(site.as_("watchbill"), store=other), done)
        row = site.row(waits.id)
        assert not other.proposals.turn(replace(row, state=Proposed.APPROVED), replace(row, state=Proposed.BEGUN))
    assert (len(site.cloud.calls), done.outcomes) == (calls, ())
    assert site.ledger() == ["proposed", "approved", "applied"]
    assert PRODUCTION == "111111111111"


def test_who_wrote_a_line_is_not_what_the_repository_says_of_itself(site):
    """A `.mailmap` names others than those who committed: nobody is let in by that."""
    site.begin()
    (site.folder / ".mailmap").write_text("Sofia <sofia@example.com> <james@example.com>\n")
    site.git("add", ".mailmap")
    site.edit("members: [ada]", "members: [ada, james]", "james")
    waits = proposals.content_of(site.run().proposal).waits
    assert [each.kind for each in waits] == ["self-added"]


def test_whose_an_address_is_the_file_in_force_says(site):
    """Nobody makes what they wrote another's by an address that they write into the new file."""
    site.begin()
    site.edit("email: sofia@example.com}", "email: sofia@example.com, also_known_as: [james2@example.com]}", "james2")
    site.edit("members: [ada]", "members: [ada, james]", "james2")
    waits = site.run().proposal
    assert ({each.kind.value for each in proposals.content_of(waits).waits}, waits.people) == ({"unknown-author"}, 2)


def test_a_lead_by_the_new_file_alone_decides_nothing(site):
    """Neither a request for access by the file in force, nor a case; nor does one who is frozen."""
    site.begin()
    site.edit("leads: [ada, sofia, rick]", "leads: [ada, sofia, rick, james]", "ada")
    row = requests.ask_access(site.as_("rick"), "admin", HOUR, (), "the queue stands", "k")
    with pytest.raises(RefusedError, match="`james` is no lead"):
        requests.decide(site.as_("james"), row.id, approves=True)
    with pytest.raises(RefusedError, match="not yet by the file in force"):
        site.as_("james").must_lead(None)
    site.store.freezes.add(FreezeRow("F-1", "ada", site.clock.now(), None, None, "{}"))
    assert site.as_("ada").leads() == ("sofia", "rick")
    with pytest.raises(RefusedError, match="`ada` is frozen"):
        requests.decide(site.as_("ada"), row.id, approves=True)
    assert "was approved by sofia" in requests.decide(site.as_("sofia"), row.id, approves=True)


def test_nobody_is_deleted_whom_the_file_in_force_would_make_anew(site):
    """The file at hand gives them nothing, and waits."""
    site.begin()
    payload = '{"freeze": "F-1", "reason": "left"}'
    begun = ContainmentRow("O-1", "offboard", "ada", None, site.clock.now(), "sofia", "asked", payload)
    site.store.containments.add(begun)
    site.edit("members: [ada]", "members: [rick]")
    site.edit("leads: [ada, sofia, rick]", "leads: [sofia, rick]")
    with pytest.raises(RefusedError, match="the file in force still gives ada group admins"):
        offboarding.finish(site.as_("rick"), "ada")
    assert [each.state for each in site.store.containments.all()] == ["asked"]


def test_nobody_is_put_back_into_a_group_by_a_file_that_waits(site):
    """They were in it as they were frozen; the file in force has them there no more, and another that does waits."""
    site.begin()
    old = "members: [james, rick]\n    access"
    frozen = offboarding.begin(site.as_("sofia"), offboarding.plan(site.as_("sofia"), "james", "left"), "left")
    assert "job-developers" in {group for _, group in frozen.containment.groups}
    site.edit(old, "members: [rick]\n    access", "ada")
    site.run()
    site.edit("members: [rick]\n    access", "members: [rick, james]\n    access", "ada")
    assert [f.kind for f in proposals.content_of(site.run().proposal).waits] == ["new-access"]
    assert offboarding.cancel(site.as_("sofia"), "james", acknowledge_drift=True) is not None
    assert "job-developers" not in site.cloud.states["production"].users["james"].groups


def test_who_wrote_what_was_let_be_stays_no_author_of_what_waits(site):
    """Also once the file in force is one less something, and again less something, which is no longer for it."""
    site.begin()
    site.edit("members: [ada]", "members: [ada, rick]", "ada")
    for old, new in (("[james, rick]\n    access", "[rick]\n    access"), ('"s3:*", ', "")):
        site.edit(old, new, "ada")
        assert site.run().outcomes
        again = site.run()
        assert again.outcomes == ()
        assert set(proposals.content_of(again.proposal).barred) == {"ada", "rick"}
    kept = site.store.revisions.latest().text
    assert len(kept) < 4 * len(site.text)
    assert (site.may("james", "ec2:RunInstances"), site.may("ada", "s3:GetObject")) == (False, False)
