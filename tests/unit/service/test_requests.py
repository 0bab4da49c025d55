"""Requests for access and swaps, over IAM in memory: asked, decided, in AWS for the time alone, and judged by it."""

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import MemoryCloud
from tests.teams import DAY, HERE, MONDAY
from tests.unit.service.desk import MINUTE, NOW, Fate, KilledError, Office, asking_team

from watchbill.access.effective import answers
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.intervals import Interval
from watchbill.policy.model import Effect
from watchbill.respond.notices import NoticeKind
from watchbill.respond.requests import SOON
from watchbill.service import requests
from watchbill.service.approved import with_requests
from watchbill.service.clicks import take, told
from watchbill.service.history import history_of
from watchbill.service.reconcile import apply_plan
from watchbill.store.rows import Asked, FreezeRow, IdentityRow
from watchbill.team.model import Claim


HOUR = timedelta(hours=1)
TWO = 2 * HOUR
SET, CALL = "prod-oncall", "rds:DeleteDBCluster"


class Requests(Office):
    """The office with requests, whose plans are applied to a cloud in memory."""

    def __init__(self, folder, of=None, fate=None):
        super().__init__(folder, of, fate)
        self.pass_()

    @property
    def cloud(self):
        """Give the cloud in memory, to do what others would."""
        assert isinstance(self.app.cloud, MemoryCloud)
        return self.app.cloud

    def pass_(self):
        """Let AWS be brought in step, and read back."""
        work = self.as_("watchbill")
        requests.expire(work)
        apply_plan(work, work.plan())
        return requests.settle(self.as_("watchbill"))

    def ask(self, who="james", permission_set=SET, length=TWO, accounts=(), reason="the queue stands", key="k"):
        """Ask for access."""
        return requests.ask_access(self.as_(who), permission_set, length, accounts, reason, key)

    def swap(self, who="rick", people=("rick", "ada"), hours=(35, 36), key="s", reason="a dentist"):
        """Ask for a swap, some hours after `MONDAY`."""
        span = (MONDAY + timedelta(hours=hours[0]), MONDAY + timedelta(hours=hours[1]))
        return requests.ask_swap(self.as_(who), people, span, reason, None, key)

    def decide(self, row, who="sofia", *, approves=True):
        """Decide about a request."""
        return requests.decide(self.as_(who), row.id, approves=approves)

    def row(self, row):
        """Give a request as it stands."""
        return self.store.requests.get(row.id)

    def may(self, who, at, action=CALL):
        """Tell whether somebody may do something in production by their own user, by what AWS gives back."""
        state = self.app.observe(self.team)["production"]
        found = answers(state, who, action, "*", at, {})
        return any(each.effect is Effect.ALLOWED for each in found if each.path.startswith("user"))

    def told(self, to):
        """Give what somebody was told."""
        return [each for each in self.slack.sent() if each.to == to]

    def hear(self, **more):
        """Work on what was pressed."""
        return super().hear(others={"request": requests.press}, **more)


@pytest.fixture
def desk(tmp_path):
    """Give the office."""
    with_it = Requests(tmp_path)
    yield with_it
    with_it.store.close()


def test_a_request_is_in_aws_for_its_time_alone(desk):
    """Asked, pressed, applied by the next pass, read back, told; it ends by the document's own date condition."""
    assert not desk.may("james", NOW)
    row = desk.ask()
    desk.deliver()
    (asked,) = desk.slack.sent(NoticeKind.REQUEST)
    assert (asked.to, [each.action for each in asked.buttons]) == ("leads", ["request:approve", "request:refuse"])
    desk.later(5 * MINUTE)
    take(desk.store, desk.press("sofia", "request:approve", row.id))
    assert desk.hear() == 1
    assert "it holds until 2026-01-13T06:05:00Z" in desk.said[-1][1]
    approved = desk.clock.now()
    desk.later(MINUTE)
    assert desk.pass_() == [row.id]
    assert desk.row(row).effective_at - approved <= SOON
    ends = approved + TWO
    at = (approved - MINUTE, approved, ends - MINUTE, ends, ends + 24 * HOUR)
    assert [desk.may("james", each) for each in at] == [False, True, True, False, False]
    assert not desk.may("rick", approved)
    desk.deliver()
    assert [each.title.split(" ", 2)[2][:9] for each in desk.told("james")] == [f"{row.id} was"[:9], "in effect"]
    assert "in effect in AWS until" in desk.told("sofia")[-1].title
    assert desk.slack.messages[0][-1].buttons == ()
    kinds = [kind for kind in desk.kinds() if "request" in kind]
    assert kinds == [f"respond:request:{each}" for each in ("asked", "approved", "effective")]


def test_what_is_over_is_taken_out_by_the_next_plan(desk):
    """The group and its membership go; nothing else does."""
    before = desk.app.observe(desk.team)
    row = desk.ask()
    desk.decide(row)
    desk.pass_()
    assert f"grant-{row.id.lower()}" in desk.app.observe(desk.team)["production"].groups
    desk.later(TWO)
    desk.pass_()
    after = desk.app.observe(desk.team)
    assert after["production"].groups.keys() == before["production"].groups.keys()
    assert after["production"].users["james"].groups == before["production"].users["james"].groups


def test_what_was_done_under_a_request_is_entitled_through_it(desk):
    """By an audit later too, by the file of the time, and not a moment before or after."""
    row = desk.ask()
    desk.decide(row)
    desk.pass_()
    approved = desk.row(row).decided_at
    desk.later(30 * 24 * HOUR)
    desk.pass_()
    within = Interval(approved - HOUR, approved + 3 * HOUR)
    history = history_of(desk.as_("sofia"), within)
    team = history.at(approved)
    assert team is not None
    given = [each for each in team.grants if each.person == "james"]
    assert [(each.name, each.interval.end - each.interval.start) for each in given] == [(row.id.lower(), TWO)]
    assert given[0].interval.start == approved.replace(microsecond=0)


def test_what_was_approved_counts_as_far_as_a_judgement_looks(desk):
    """Whoever asks about a day before it judges that day as whoever asks about a month does."""
    row = desk.ask()
    desk.decide(row)
    approved = desk.row(row).decided_at

    def given(start, end):
        history = history_of(desk.as_("sofia"), Interval(approved + start, approved + end))
        team = history.at(approved + start)
        assert team is not None
        return [each.name for each in team.grants]

    assert given(-30 * DAY, -29 * DAY) == given(-30 * DAY, DAY) == given(30 * DAY, 31 * DAY) == [row.id.lower()]
    assert given(-40 * DAY, -39 * DAY) == given(40 * DAY, 41 * DAY) == []


def test_a_request_changes_no_digest_and_is_laid_over_once(desk):
    """The revision of the team file is the file's own."""
    row = desk.ask()
    desk.decide(row)
    once = with_requests(desk.team, desk.store)
    assert once.digest == desk.team.digest
    assert with_requests(once, desk.store) == once
    assert with_requests(desk.team, desk.store, NOW - MINUTE) == desk.team
    requests.end(desk.as_("james"), row.id)
    assert [each.interval for each in with_requests(once, desk.store).grants] == []


def test_what_a_team_file_does_not_know_is_left_out(desk):
    """By the file of another time, or once the file has changed: nothing is given, and people hear of it."""
    rows = [desk.ask(), desk.swap()]
    desk.decide(rows[0])
    desk.decide(rows[1], "ada")
    laid = with_requests(desk.team, desk.store)
    assert (len(laid.grants), len(laid.rotas["platform"].overrides)) == (1, 1)
    without = {name: found for name, found in desk.team.permission_sets.items() if name != SET}
    bare = replace(desk.team, permission_sets=without, rotas={})
    assert with_requests(bare, desk.store) == bare
    desk.team = bare
    desk.later(3 * MINUTE)
    assert requests.settle(desk.as_("watchbill")) == []
    assert [desk.row(row).late_at for row in rows] == [desk.clock.now()] * 2
    desk.deliver()
    assert "has no more what it speaks of" in desk.told("james")[-1].lines[0]


def test_a_set_that_ends_by_itself_cannot_be_asked_for(tmp_path):
    """Two ends on one statement are more than its meaning can be kept with."""
    base = asking_team()
    condition = {"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": condition}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    dated = replace(base.permission_sets["support"], allow=(), deny=(), policy=policy)
    desk = Requests(tmp_path, replace(base, permission_sets={**base.permission_sets, "support": dated}))
    with pytest.raises(RefusedError, match="cannot be given for a while"):
        desk.ask(permission_set="support")


def test_a_frozen_person_neither_asks_nor_is_given(desk):
    """A request from before the freeze is not approved while it lasts."""
    row = desk.ask()
    desk.store.freezes.add(FreezeRow("F-1", "james", NOW, None, "C-late", "{}"))
    with pytest.raises(RefusedError, match="may not have this now"):
        desk.ask(key="another")
    with pytest.raises(RefusedError, match="may not have this now"):
        desk.decide(row)
    desk.decide(row, approves=False)


def test_a_lead_who_is_frozen_gives_nothing(desk):
    """It may not be them who presses."""
    row = desk.ask()
    desk.store.freezes.add(FreezeRow("F-1", "sofia", NOW, None, None, "{}"))
    for approves in (True, False):
        with pytest.raises(RefusedError, match="`sofia` is frozen"):
            desk.decide(row, approves=approves)
    assert desk.row(row).state is Asked.WAITING


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"permission_set": "root"}, NotFoundError, "no permission set `root`"),
        ({"length": 13 * HOUR}, RefusedError, "5 min to 12 h, not 13 h"),
        ({"length": MINUTE}, RefusedError, "not 1 min"),
        ({"reason": "  "}, RefusedError, "has a reason"),
        ({"reason": "x" * 501}, RefusedError, "500 characters"),
        ({"permission_set": "audit"}, RefusedError, "production, staging"),
        ({"accounts": ("staging",)}, NotFoundError, "nowhere given in account `staging`"),
        (
            {"who": "nobody"},
            NotFoundError,
            "no person `nobody` in watchbill.yaml WATCHBILL_ACTOR says who you are; people: ",
        ),
        ({"who": "sofia"}, RefusedError, "no lead but you"),
    ],
)
def test_what_cannot_be_asked_for(desk, more, error, said):
    """It is said why, and nothing is written."""
    with pytest.raises(error) as caught:
        desk.ask(**more)
    assert said in f"{caught.value} {caught.value.hint}"
    assert desk.store.requests.all() == []


def test_protected_sets_and_people_are_refused(tmp_path):
    """By either name of a person, in any case."""
    for protected in ("JAMES", "Prod-Oncall"):
        desk = Requests(tmp_path / protected, replace(asking_team(), protected=(protected,)))
        with pytest.raises(RefusedError, match="is protected"):
            desk.ask()


def test_nobody_asks_for_everything(desk):
    """A few requests may wait at once; the same again is the same one."""
    rows = [desk.ask(key=str(number)) for number in range(5)]
    assert desk.ask(key="0") == rows[0]
    with pytest.raises(RefusedError, match="5 requests of yours wait already"):
        desk.ask(key="5")


def test_who_may_not_decide(tmp_path):
    """Neither whoever asked, though a lead, nor anybody else; it is said, and written down."""
    desk = Requests(tmp_path, replace(asking_team(), leads=("sofia", "james")))
    row = desk.ask()
    with pytest.raises(RefusedError, match="another lead decides"):
        desk.decide(row, "james")
    with pytest.raises(RefusedError, match="`rick` is no lead"):
        desk.decide(row, "rick")
    take(desk.store, desk.press("james", "request:approve", row.id))
    desk.hear()
    assert "another lead decides" in desk.said[-1][1]
    assert desk.row(row).state is Asked.WAITING
    assert "respond:click:refused" in desk.kinds()


def test_a_button_counts_where_the_team_file_lets_it(tmp_path):
    """Under `respond: off` leads are sent to the command, which does it."""
    desk = Requests(tmp_path, asking_team(respond="off"))
    row = desk.ask()
    take(desk.store, desk.press("sofia", "request:approve", row.id))
    desk.hear()
    assert f"watchbill requests approve {row.id}" in desk.said[-1][1]
    assert "was approved by sofia" in desk.decide(row)


def test_two_presses_are_one(desk):
    """The same press is known; another lead's or another button's is told what was decided."""
    row = desk.ask()
    press = desk.press("sofia", "request:approve", row.id)
    assert take(desk.store, press)
    assert not take(desk.store, press)
    desk.hear()
    assert not take(desk.store, press)
    assert "was approved by sofia" in told(desk.store, press).text
    assert desk.decide(row) == desk.decide(row)
    with pytest.raises(RefusedError, match="was approved by sofia"):
        desk.decide(row, approves=False)
    desk.deliver()
    assert len(desk.told("james")) == 1
    assert desk.kinds().count("respond:request:approved") == 1


def test_a_refusal_gives_nothing(desk):
    """And whoever asked is told."""
    row = desk.ask()
    desk.decide(row, approves=False)
    assert desk.pass_() == []
    assert not desk.may("james", NOW)
    desk.deliver()
    assert "was refused by sofia" in desk.told("james")[-1].title


def test_nobody_decides_after_an_hour(desk):
    """It expires by itself, whether a pass or a press comes first."""
    rows = [desk.ask(key=key) for key in ("one", "two")]
    desk.later(HOUR - MINUTE)
    assert requests.expire(desk.as_("watchbill")) == []
    desk.later(MINUTE)
    with pytest.raises(RefusedError, match="nobody decided"):
        desk.decide(rows[0])
    assert [desk.row(row).state for row in rows] == [Asked.EXPIRED] * 2
    desk.deliver()
    assert len(desk.told("james")) == 2
    assert requests.unsettled(desk.store, desk.clock.now()) == []


def test_what_would_hold_up_the_plan_is_refused(tmp_path):
    """One that breaks an invariant is not approved, and what others have is applied as before."""
    of = replace(asking_team(), invariants=(Claim("lee never rds:DeleteDBCluster in production", HERE),))
    of = replace(of, rotas={}, groups=of.groups)
    desk = Requests(tmp_path, of)
    wide = replace(of.permission_sets["support"], allow=("ec2:Describe*", "rds:*"))
    desk.team = replace(of, permission_sets={**of.permission_sets, "support": wide})
    desk.team = replace(desk.team, groups={**of.groups, "support": replace(of.groups["support"], members=("priya",))})
    row = desk.ask(who="lee", permission_set="support")
    with pytest.raises(RefusedError, match="AWS could not be brought to that"):
        desk.decide(row)
    assert desk.row(row).state is Asked.WAITING


def test_what_is_not_in_aws_is_late_and_told_once(desk):
    """Where nobody applies plans, whoever asked and the leads hear it after two minutes; later it may still come."""
    row = desk.ask()
    desk.decide(row)
    for _ in range(3):
        desk.later(MINUTE)
        assert requests.settle(desk.as_("watchbill")) == []
    assert desk.row(row).late_at == NOW + 2 * MINUTE
    desk.deliver()
    assert "not in effect in AWS yet" in desk.told("james")[-1].title
    assert [each.title for each in desk.told("leads")].count(desk.told("james")[-1].title) == 1
    assert desk.pass_() == [row.id]


def test_a_grant_that_others_took_out_does_not_count_as_in_effect(desk):
    """It is what AWS gives back that counts, not that the calls were made."""
    row = desk.ask()
    desk.decide(row)
    apply_plan(desk.as_("watchbill"), desk.as_("watchbill").plan())
    cloud = desk.cloud
    state = cloud.states["production"]
    james = state.users["james"]
    group = f"grant-{row.id.lower()}"
    users = {**state.users, "james": replace(james, groups=james.groups - {group})}
    cloud.states["production"] = replace(state, users=users)
    assert requests.settle(desk.as_("watchbill")) == []


def test_what_was_ended_early_is_gone_with_the_next_plan(desk):
    """By whoever asked or a lead, and by nobody else."""
    row = desk.ask()
    desk.decide(row)
    desk.pass_()
    desk.later(10 * MINUTE)
    with pytest.raises(RefusedError, match="not theirs"):
        requests.end(desk.as_("rick"), row.id)
    requests.end(desk.as_("james"), row.id)
    desk.pass_()
    assert not desk.may("james", desk.clock.now())
    with pytest.raises(RefusedError, match="is not in force"):
        requests.end(desk.as_("james"), row.id)


def test_a_swap_takes_the_other_of_the_two(desk):
    """No lead agrees for them; when they have, it is in AWS, and leads are told."""
    row = desk.swap()
    desk.deliver()
    (asked,) = desk.slack.sent(NoticeKind.REQUEST)
    assert asked.to == "ada"
    for who in ("sofia", "rick"):
        with pytest.raises(RefusedError, match="for ada to say"):
            desk.decide(row, who)
    desk.store.identities.pin(IdentityRow("ada", "T1", "UADA", NOW))
    take(desk.store, desk.press("ada", "request:approve", row.id))
    desk.hear()
    assert desk.row(row).state is Asked.APPROVED, desk.said
    assert desk.pass_() == [row.id]
    state = desk.app.observe(desk.team)["production"]

    def takes(who, hours):
        found = answers(state, who, CALL, "*", MONDAY + timedelta(hours=hours), {"aws:MultiFactorAuthPresent": "true"})
        return [each.effect is Effect.ALLOWED for each in found if each.path == "role oncall-platform"]

    assert (takes("ada", 35.5), takes("rick", 35.5)) == ([True], [False])
    assert (takes("ada", 36.5), takes("rick", 36.5)) == ([False], [True])
    desk.deliver()
    assert any(row.id in each.title for each in desk.told("leads"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"who": "sofia"}, "a watch of your own"),
        ({"people": ("rick", "sofia")}, "rotas that both"),
        ({"people": ("rick", "rick")}, "two people"),
        ({"hours": (20, 27)}, "is over"),
        ({"hours": (36, 35)}, "before it begins"),
        ({"hours": (44, 45)}, "neither rick nor ada"),
        ({"hours": (35, 2000)}, "31 days"),
        ({"people": ("rick", "james"), "hours": (35, 50)}, "would not be sound"),
    ],
)
def test_which_swaps_are_refused(desk, more, said):
    """Before anybody is asked."""
    with pytest.raises((RefusedError, NotFoundError), match=said):
        desk.swap(**more)
    assert desk.store.requests.all() == []


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_cut_anywhere_a_request_is_asked_decided_and_told_once(tmp_path, every):
    """A process dies before and after each write and each sending; another goes on, and all of it happens once."""
    base = asking_team()
    of = replace(base, rotas={}, groups={"support": base.groups["support"]})
    first = Requests(tmp_path / "0", of)
    first.store.close()
    cut, done = 0, False
    while not done:
        cut += every
        folder = tmp_path / str(cut)
        shutil.copytree(tmp_path / "0", folder)
        desk = Requests.__new__(Requests)
        Office.__init__(desk, folder, of, Fate(cut))
        desk.cloud.states.update(first.cloud.states)
        try:
            _whole(desk)
            done = True
        except KilledError:
            desk.fate.cut = None
            desk.later(3 * MINUTE)
            _whole(desk)
        (row,) = desk.store.requests.all()
        assert row.effective_at is not None
        kinds = [kind for kind in desk.kinds() if kind.startswith("respond:request")]
        assert kinds == [f"respond:request:{each}" for each in ("asked", "approved", "effective")], cut
        said = [each.key for each in desk.slack.sent()]
        assert len(said) == len(set(said)), cut
        assert {each.to for each in desk.slack.sent()} == {"leads", "james", "sofia"}
        assert desk.may("james", row.effective_at, "ec2:DescribeInstances")
        desk.store.close()
    assert cut > 20


def _whole(desk):
    """Ask, press, bring AWS in step and tell, as far as it was not done before."""
    row = desk.ask(permission_set="support")
    desk.deliver()
    take(desk.store, desk.press("sofia", "request:approve", row.id))
    desk.hear()
    desk.pass_()
    desk.deliver()


def test_aws_that_cannot_be_read_keeps_a_request_waiting(desk, monkeypatch):
    """The press is refused and may be made again."""
    row = desk.ask()

    def fails(account):
        raise ProviderError("no answer")

    monkeypatch.setattr(desk.app.cloud, "observe", fails)
    take(desk.store, desk.press("sofia", "request:approve", row.id))
    desk.hear()
    assert "press again later" in desk.said[-1][1]
    monkeypatch.undo()
    assert take(desk.store, desk.press("sofia", "request:approve", row.id))
    desk.hear()
    assert desk.row(row).state is Asked.APPROVED
