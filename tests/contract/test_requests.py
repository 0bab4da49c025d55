"""Requests end to end: typed and pressed in the stand-in for Slack, applied to the one for AWS, read back, and judged.

And an outside schedule that somebody changed: PagerDuty says so over HTTP, and who is on call has what they need.
"""

from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from tests.contract.test_slack import eventually
from tests.contract.test_talking import Place, typed
from tests.teams import MONDAY, enforced
from tests.trails import named, record, user
from tests.unit.service.desk import MINUTE
from tests.unit.service.test_feeds import NAME, feed_team, table
from tests.workspace import CHANNEL, populate, user_of

from watchbill.access.effective import answers
from watchbill.aws.accounts import Accounts
from watchbill.aws.iam import AwsCloud
from watchbill.bootstrap import App
from watchbill.feeds.fetch import Fetched
from watchbill.intervals import Interval
from watchbill.judge.judge import Judges
from watchbill.judge.model import Right
from watchbill.ledger.chain import verify
from watchbill.ledger.model import State
from watchbill.policy.model import Effect
from watchbill.respond.requests import SOON, Access
from watchbill.service import requests
from watchbill.service.approved import wanted_of
from watchbill.service.feeds import accept, refresh, with_feeds
from watchbill.service.history import history_of
from watchbill.service.jobs import at_once
from watchbill.service.lead import Lead
from watchbill.service.reconcile import Reconciled, bring_in_step
from watchbill.service.serve import Turn
from watchbill.sim.slack import SlackStandIn
from watchbill.sim.stand_in import StandIn


CALL = "rds:DeleteDBCluster"
TWO = timedelta(hours=2)


class Site(Place):
    """The office over both stand-ins, with the job that brings to AWS what cannot wait."""

    def __init__(self, folder, slack, endpoint, of=None):
        super().__init__(folder, slack)
        accounts = Accounts(endpoint, ("any", "any"))
        self.app = App(self.clock, accounts, AwsCloud(accounts))
        self.team = enforced(self.team if of is None else replace(of, slack=self.team.slack))
        self.store.revisions.add(self.team.digest, self.clock.now(), self.team.text, "watchbill")
        self.talk.wishes = requests.WISHES
        self.desk_ = replace(self.desk_, others={"request": requests.press})
        self.rung, self.feed, self.fetched = Event(), b"", 0
        self.job = at_once(self._works, self.bring, self.refresh_all, self.rung)
        self.lease = Lead(self.store, "a", self.clock, timedelta(days=365))
        self.lease.turn()

    def _works(self, turn):
        return replace(self.as_("watchbill"), team=with_feeds(self.team, self.store, turn.at))

    def bring(self, work):
        """Bring AWS in step as a pass does."""
        done = Reconciled()
        bring_in_step(work, done)
        assert [o.error for o in done.outcomes if o.error] == []
        return done.problems

    def _fetch(self, *_):
        self.fetched += 1
        return Fetched(self.feed)

    def refresh_all(self, work):
        """Fetch what the outside schedule says."""
        refresh(work.team, work.store, self._fetch, work.at, {"NIGHTS": "https://x.example.com/a"}, "watchbill")
        return replace(work, team=with_feeds(work.team, work.store, work.at))

    def turn(self):
        """Let the job have a turn."""
        assert self.lease.lease is not None
        return self.job.work(Turn(self.store, self.lease.lease, self.clock.now(), lambda: True))

    def may(self, who, at, role=None, action=CALL):
        """Tell whether somebody may, in production by what AWS gives back: by their user, or by a role."""
        state = self.app.observe(self.team)["production"]
        way = f"user {who}" if role is None else f"role {role}"
        context = {"aws:MultiFactorAuthPresent": "true"}
        return any(
            each.effect is Effect.ALLOWED for each in answers(state, who, action, "*", at, context) if each.path == way
        )


@pytest.fixture(scope="module")
def endpoint():
    """Run the stand-in for AWS."""
    with StandIn() as found:
        yield found.endpoint


@pytest.fixture
def slack():
    """Run the stand-in for Slack, with the team in it."""
    with SlackStandIn() as running:
        populate(running)
        yield running


def test_typed_pressed_applied_read_back_and_judged(tmp_path, slack, endpoint):
    """From `/watch request` to the verdict about what was done under it, and what it is when the time is over."""
    with Site(tmp_path, slack, endpoint).serving() as site:
        site.bring(site.as_("watchbill"))
        before = site.clock.now()
        assert not site.may("james", before)
        slack.command(user_of("james"), CHANNEL, 'request prod-oncall --for 2h --reason "the queue stands"')
        assert eventually(site.store.requests.all)
        (row,) = site.store.requests.all()
        assert row.person == "james"
        assert wanted_of(row) == Access("prod-oncall", ("production",), 7200, "the queue stands")
        site.deliver()
        (message,) = site.to_leads()
        slack.press(user_of("ada"), message, "request:approve")
        site.hear()
        assert site.store.requests.get(row.id).state == "waiting"
        slack.press(user_of("sofia"), message, "request:approve")
        slack.press(user_of("sofia"), message, "request:approve")
        site.hear()
        approved = site.clock.now()
        site.later(timedelta(seconds=1))
        assert site.turn().facts == {"effective": [row.id]}
        row = site.store.requests.get(row.id)
        assert row.effective_at - approved <= SOON
        ends = approved + TWO
        at = (approved - MINUTE, approved, ends - MINUTE, ends, ends + MINUTE)
        assert [site.may("james", each) for each in at] == [False, True, True, False, False]
        assert not site.may("rick", approved)
        site.deliver()
        assert "in effect in AWS" in str(slack.direct(user_of("james"))[-1])
        assert "in effect in AWS" in str(slack.direct(user_of("sofia"))[-1])
        assert site.turn().facts == {}
        site.later(3 * TWO)
        site.bring(site.as_("watchbill"))
        assert f"grant-{row.id.lower()}" not in site.app.observe(site.team)["production"].groups
        assert _judged(site, approved) == [Right.OFF_SHIFT, Right.ENTITLED, Right.OFF_SHIFT]
        entries = list(site.store.ledger.entries())
        kinds = [str(each.kind) for each in entries if each.subject == row.id and "request" in each.kind]
        assert kinds == [f"respond:request:{each}" for each in ("asked", "approved", "effective")]
        assert verify(entries).state is State.INTACT
    site.store.close()


def _judged(site, approved):
    """Judge the same call before, in and after the time of the request."""
    within = Interval(approved - TWO, approved + 2 * TWO)
    history = history_of(site.as_("sofia"), within)
    judges = Judges(history, within)
    times = {"a": approved - MINUTE, "b": approved + MINUTE, "c": approved + TWO}
    made = [record(CALL, user("james"), at, event_id=name) for name, at in times.items()]
    found = {each.event.id: judges.judge(each) for each in named(made, history.given).values()}
    assert "grant r-" in str(found["b"])
    return [found[name].right for name in times]


def test_a_swap_is_asked_of_the_other_and_in_aws(tmp_path, slack, endpoint):
    """Typed by one, pressed by the other, whom nobody had pinned before; leads and both are told."""
    with Site(tmp_path, slack, endpoint).serving() as site:
        site.bring(site.as_("watchbill"))
        span = "--from 2026-01-14T11:00:00Z --to 2026-01-14T12:00:00Z"
        slack.command(user_of("rick"), CHANNEL, f"swap rick @ada {span} --reason dentist")
        assert eventually(site.store.requests.all)
        (row,) = site.store.requests.all()
        site.deliver()
        (message,) = slack.direct(user_of("ada"))
        slack.press(user_of("ada"), message, "request:approve")
        site.hear()
        assert site.store.requests.get(row.id).state == "approved"
        assert site.turn().facts == {"effective": [row.id]}
        at = MONDAY + timedelta(days=2, hours=11, minutes=30)
        assert [site.may(who, at, "oncall-platform") for who in ("rick", "ada")] == [False, True]
        after = at + timedelta(hours=1)
        assert [site.may(who, after, "oncall-platform") for who in ("rick", "ada")] == [True, False]
        site.deliver()
        assert row.id in str(site.to_leads()[-1])
        assert typed(site, "james", "who 2026-01-14T11:30:00Z").endswith("platform: Ada (primary)")
    site.store.close()


def test_an_override_elsewhere_is_in_aws_at_once(tmp_path, slack, endpoint):
    """A signed message is all it takes, and nothing in it counts: the schedule is fetched from where it lies."""
    with Site(tmp_path, slack, endpoint, feed_team()).serving() as site:
        site.feed = table(("james", 0, 20), ("ada", 20, 20))
        site.refresh_all(site.as_("watchbill"))
        accept(replace(site.as_("sofia"), team=site.team), NAME)
        site.bring(replace(site.as_("watchbill"), team=with_feeds(site.team, site.store, site.clock.now())))
        day = MONDAY + timedelta(days=3, hours=1)
        role = "oncall-platform"
        assert (site.may("james", day, role), site.may("ada", day, role)) == (True, False)
        site.feed = table(("james", 0, 3), ("ada", 3, 1), ("james", 4, 16), ("ada", 20, 20))
        site.later(MINUTE)
        assert site.turn().facts == {}
        site.rung.set()
        begun, asked = site.clock.now(), site.fetched
        site.turn()
        assert site.fetched == asked + 1
        assert (site.may("james", day, role), site.may("ada", day, role)) == (False, True)
        assert site.clock.now() - begun <= SOON
        site.rung.set()
        site.turn()
        assert site.fetched == asked + 1, "not twice within ten seconds"
        site.later(MINUTE)
        site.turn()
        assert site.fetched == asked + 2
    site.store.close()
