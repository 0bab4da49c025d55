"""One pass: level-triggered, in parts that stand alone, and amending rather than repeating."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import HERE
from tests.unit.service.desk import USERS, Channel
from tests.unit.service.world import NOON, STOLEN, World, hijack, record

from watchbill.access.model import Call
from watchbill.alerts.gaps import gap_cases
from watchbill.detect.sigma import load
from watchbill.errors import NotFoundError, ProviderError
from watchbill.intervals import Interval
from watchbill.ledger.model import Kind
from watchbill.respond.interfaces import SlackId
from watchbill.respond.model import Verdict
from watchbill.respond.notices import NoticeKind
from watchbill.service import asking
from watchbill.service.clicks import Click, Desk, take
from watchbill.service.jobs import preview_of
from watchbill.service.reconcile import Watched, apply_plan, keep_cases, reconcile
from watchbill.store.database import open_store
from watchbill.store.rows import FreezeRow, MuteRow, StepRow
from watchbill.team.files import parse
from watchbill.team.model import Slack
from watchbill.trail.coverage import Gap, GapKind


@pytest.fixture
def world(tmp_path):
    """Give a world."""
    with open_store(tmp_path) as store:
        yield World(store)


def run(world, *records, people=None):
    """Make a pass over some records."""
    return reconcile(world.as_("watchbill"), world.watched(*records), people=people)


def kinds(world):
    """Give what the ledger says was done."""
    return [entry.kind for entry in world.store.ledger.entries()]


class People:
    """Channels in memory, and what presses set in motion."""

    def __init__(self, error=None):
        self.slack, self.error = Channel(), error

    def senders(self, team):
        """Give them, or fail."""
        if self.error is not None:
            raise self.error
        return {"slack": self.slack}

    def links(self, team):
        """Make no addresses."""
        return

    def desk(self, work):
        """Give what a press does."""
        return Desk(
            lambda working, case_id: "frozen",
            lambda working, case_id: "restored",
            preview_of(work),
            lambda email: USERS[email],
        )


def test_a_pass_tells_people_and_works_on_what_they_pressed(world):
    """Asked in one pass, answered by a press, and the leads told in the next: by cron, with nothing else running."""
    world.team, people = replace(world.team, slack=Slack("C1", "freeze", HERE)), People()
    (case_id,) = run(world, *hijack(), people=people).raised
    asking.ask(world.as_("watchbill"), case_id)
    run(world, *hijack(), people=people)
    assert [each.kind for each in people.slack.sent()] == [NoticeKind.QUESTION]
    pressed = Click("x", "slack", SlackId("T1", "UJAMES"), "answer:no", case_id, world.clock.now(), {})
    take(world.store, pressed)
    run(world, *hijack(), people=people)
    assert [each.kind for each in people.slack.sent()] == [
        NoticeKind.QUESTION,
        NoticeKind.ANSWERED,
        NoticeKind.ESCALATION,
    ]
    (freeze,) = [each for each in people.slack.sent()[-1].buttons if each.action == "freeze"]
    assert any("iam:AttachUserPolicy(james" in line for line in freeze.confirm)


def test_a_channel_that_cannot_be_made_is_a_problem_of_the_pass(world):
    """The trail is audited all the same."""
    done = run(world, *hijack(), people=People(ProviderError("no server for mail")))
    assert done.raised
    assert "no server for mail" in [problem.message for problem in done.problems]


def test_what_was_proven_makes_no_case(world):
    """A mute of the state, from a pass on: the same rule on the same key, and nothing else."""
    rules = load(
        "title: looked\nid: 0f06a3a5-0000-409f-8743-e6cf35561297\nlevel: high\n"
        "logsource: {product: aws, service: cloudtrail}\n"
        "detection: {s: {eventName: DescribeInstances}, condition: s}\nwatchbill: {stage: live}\n",
        "r.yml",
    )
    looked = record("r1", 0, "james", "DescribeInstances", eventSource="ec2.amazonaws.com", readOnly=True)
    span = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
    world.store.mutes.add(MuteRow("C-0", "0f06a3a5-0000-409f-8743-e6cf35561297", STOLEN, "james", *span))
    assert reconcile(world.as_("watchbill"), world.watched(looked, rules=rules)).raised == ()
    after = record("r2", 90, "james", "DescribeInstances", eventSource="ec2.amazonaws.com", readOnly=True)
    assert len(reconcile(world.as_("watchbill"), world.watched(looked, after, rules=rules)).raised) == 1


def test_a_second_pass_changes_nothing(world):
    """No call, no case, no entry: a timer may run it every minute."""
    run(world, *hijack())
    calls, entries = len(world.cloud.calls), kinds(world)
    again = run(world, *hijack())
    assert (again.raised, again.amended, again.outcomes) == ((), (), ())
    assert (len(world.cloud.calls), kinds(world)) == (calls, entries)


def test_in_mode_propose_aws_is_only_read(world):
    """A membership taken away by hand is planned back, not put back; in mode enforce it is."""
    world.cloud.perform(
        world.team.accounts["production"],
        Call("RemoveUserFromGroup", {"GroupName": "job-security", "UserName": "sofia"}),
    )
    calls = len(world.cloud.calls)
    looked = run(world, *hijack())
    assert looked.plan is not None
    assert [str(change.call) for change in looked.plan.changes] == ["iam:AddUserToGroup(job-security, sofia)"]
    assert len(world.cloud.calls) == calls
    world.enforce()
    assert [outcome.state for outcome in run(world, *hijack()).outcomes] == ["done"]
    assert world.store.revisions.latest() is not None


def test_a_part_that_fails_leaves_the_others(world):
    """With AWS away the trail is still read; with the trail away access is still kept."""

    def away(account):
        raise ProviderError("could not connect")

    observe, world.cloud.observe = world.cloud.observe, away
    done = run(world, *hijack())
    assert (done.plan, len(done.raised)) == (None, 1)
    assert [problem.message for problem in done.problems] == ["could not connect"]
    world.cloud.observe = observe

    def missing(library):
        raise NotFoundError("no trail at x")

    done = reconcile(world.as_("watchbill"), Watched(world.lake, missing))
    assert done.plan is not None
    assert (done.ingested, done.audits) == (None, ())
    assert [problem.message for problem in done.problems] == ["no trail at x"]


def test_a_plan_with_a_problem_is_not_applied(world):
    """A gap in the watch stops the plan, and is said."""
    world.team = replace(world.team, rotas={"platform": replace(world.team.rotas["platform"], layers=())})
    calls = len(world.cloud.calls)
    done = run(world, *hijack())
    assert {problem.code for problem in done.problems} == {"coverage-gap"}
    assert len(world.cloud.calls) == calls


def test_more_of_the_same_amends_the_case(world):
    """The key is used a little later: one case, with more in it."""
    (case_id,) = run(world, *hijack()).raised
    more = record("h3", 10, "james", "CreateUser")
    done = run(world, *hijack(), more)
    assert (done.raised, done.amended) == ((), (case_id,))
    assert "h3" in world.as_("sofia").case(case_id)[1].counted
    assert kinds(world).count(Kind.CASE_UPDATED) == 1


def test_a_late_event_before_the_first_one_is_no_new_case(world):
    """CloudTrail delivers out of order; what was first may come last."""
    door, key = hijack()
    (case_id,) = run(world, key).raised
    done = run(world, door, key)
    assert (done.raised, done.amended) == ((), (case_id,))
    assert len(world.store.cases.all()) == 1


def test_what_comes_after_a_verdict_opens_the_case_again(world):
    """A closed case that grows was closed too early; one that does not stays closed."""
    (case_id,) = run(world, *hijack()).raised
    asking.decide(world.as_("sofia"), case_id, Verdict.MISTAKE, "a test")
    run(world, *hijack())
    assert world.as_("sofia").case(case_id)[0].status == "closed"
    run(world, *hijack(), record("h3", 10, "james", "CreateUser"))
    row, _ = world.as_("sofia").case(case_id)
    assert (row.status, row.note) == ("open", "1 more events since it was closed (mistake: a test)")


def test_an_answer_stays_in_a_case_that_grows(world):
    """What the person said is weighed again with what is new."""
    (case_id,) = run(world, *hijack()).raised
    asking.ask(world.as_("watchbill"), case_id)
    asking.answer(world.as_("james"), case_id, "no")
    run(world, *hijack(), record("h3", 10, "james", "CreateUser"))
    row, view = world.as_("sofia").case(case_id)
    assert (row.status, view.facts["answer"]) == ("escalated", "no")
    assert any(addend.family == "answer" for story in view.hypotheses for addend in story.addends)


def test_an_answer_that_comes_while_a_pass_goes_on_stays(world):
    """A pass takes its time; what it amends is the case as it is then."""
    done = run(world, *hijack())
    (case_id,) = done.raised
    (case,) = (case for audit in done.audits for case in audit.cases if case.id == case_id)
    asking.ask(world.as_("watchbill"), case_id)

    def meanwhile():
        asking.answer(world.as_("james"), case_id, "no")
        yield replace(case, sentence="more came to light")

    assert keep_cases(world.as_("watchbill"), meanwhile()) == ((), (case_id,))
    row, view = world.as_("sofia").case(case_id)
    assert (row.status, view.facts["answer"], view.sentence) == ("escalated", "no", "more came to light")


def test_a_gap_that_lasts_is_written_anew_once_an_hour(world):
    """Not in every pass: it is longer by a minute in each."""
    silent = Gap(GapKind.ACCOUNT, "111111111111", None, None, Interval(NOON, NOON + timedelta(hours=3)), "no file")

    def kept(minutes):
        longer = replace(silent, interval=Interval(NOON, silent.interval.end + timedelta(minutes=minutes)))
        raised, amended = keep_cases(world.as_("watchbill"), gap_cases([longer]))
        return len(raised), len(amended)

    assert [kept(minutes) for minutes in (0, 1, 59, 60, 61, 119, 120)] == [
        (1, 0),
        (0, 0),
        (0, 0),
        (0, 1),
        (0, 0),
        (0, 0),
        (0, 1),
    ]


def test_a_gap_has_nothing_audited_again(world):
    """What was before it is not looked at with what comes after it: no event tells more or less of a gap."""
    old = record("old", -20 * 24 * 60, "james", "CreateUser")
    run(world, old)
    silent = Gap(GapKind.ACCOUNT, "111111111111", None, None, Interval(NOON - timedelta(days=20), NOON), "no file")
    keep_cases(world.as_("watchbill"), gap_cases([silent]))
    (audit,) = run(world, old, *hijack()).audits
    assert audit.start == NOON


def test_silence_tells_a_lead(world):
    """No answer within the patience of a critical case: five minutes, to the second."""
    (case_id,) = run(world, *hijack()).raised
    asking.ask(world.as_("watchbill"), case_id)
    world.clock.set(NOON + timedelta(minutes=5) - timedelta(seconds=1))
    assert run(world, *hijack()).escalated == ()
    world.clock.set(NOON + timedelta(minutes=5))
    assert run(world, *hijack()).escalated == (case_id,)
    assert world.as_("sofia").case(case_id)[0].note == "james did not answer within 5 min"
    assert run(world, *hijack()).escalated == ()
    assert kinds(world).count(Kind.QUESTION_ESCALATED) == 1


# --- the file of the time ------------------------------------------------------------------------

HOUR = timedelta(hours=1)

FILE = """\
team: orders
accounts:
  production: {{ number: "111111111111", environment: production }}
people:
  james: {{ name: James, email: james@example.com, time_zone: Europe/London }}
permission_sets:
  keys: {{ allow: ["iam:*"] }}
groups:
  admins:
    members: [{members}]
    access: [{{ permission_set: keys, accounts: [production] }}]
leads: []
"""


def apply_file(world, at, members):
    """Keep a revision of a small file, as if it had been applied at an instant; give its team."""
    made = parse(FILE.format(members=members), "watchbill.yaml")
    world.store.revisions.add(made.digest, at, made.text, "sofia")
    return made


def rights(done):
    """Give how often each right was told of James."""
    ((james,),) = (found.people for found in done.audits)
    return dict(james.by_right)


def test_each_event_is_judged_by_the_file_that_was_applied_by_then(world):
    """James was moved out of the admins at one: what he did before was his, from the instant on it is not."""
    apply_file(world, NOON - 30 * HOUR, "james")
    world.team = apply_file(world, NOON + HOUR, "")
    acts = [record(f"a{minute}", minute, "james", "CreateUser") for minute in (0, 59, 60, 61)]
    done = run(world, *acts)
    assert rights(done) == {"entitled": 2, "beyond role": 2}
    assert done.assumed == ()


def test_an_edit_that_is_not_applied_is_nobodys_right(world):
    """The file at hand gives it already, what is applied does not: said, and not given, until it is applied."""
    before = apply_file(world, NOON - 30 * HOUR, "")
    world.team = parse(FILE.format(members="james"), "watchbill.yaml")
    act = record("a", 5, "james", "CreateUser")
    done = run(world, act)
    assert rights(done) == {"beyond role": 1}
    (said,) = done.assumed
    assert f"revision {before.digest[:12]} is in force" in said
    assert [problem.message for problem in done.problems] == []
    world.clock.set(NOON + HOUR)
    apply_plan(world.as_("watchbill"), replace(world.as_("watchbill").plan(), changes=()))
    more = record("b", 60, "james", "CreateUser")
    assert rights(run(world, act, more)) == {"beyond role": 1, "entitled": 1}


def test_what_is_assumed_is_said_once_a_pass_and_is_no_problem(world):
    """Nothing is recorded at first; the pass that applies the file records it, from then on."""
    looked = run(world, *hijack())
    assert len(looked.assumed) == 1
    assert looked.problems == []
    run(world, *hijack())
    world.clock.set(NOON + 30 * HOUR)
    acted = run(world, *hijack(30 * 60, "more"))
    assert (len(acted.audits), acted.assumed) == (1, ())


def test_a_revision_that_can_be_read_no_more_is_a_problem_of_the_pass(world):
    """What was done under it is not judged, and the rest is."""
    world.store.revisions.add("f" * 64, NOON, "team: orders\nshape: old\n", "sofia")
    world.team = apply_file(world, NOON + HOUR, "")
    done = run(world, record("a", 5, "james", "CreateUser"), record("b", 60, "james", "CreateUser"))
    assert rights(done) == {"not judgeable": 1, "beyond role": 1}
    assert [problem.code for problem in done.problems] == ["unreadable-revision"]


def test_a_freeze_that_is_over_is_still_judged_by(world):
    """From its beginning to its end, whatever the file gave."""
    world.team = apply_file(world, NOON - HOUR, "james")
    world.store.freezes.add(FreezeRow("F-1", "james", NOON + HOUR, None, None, "{}"))
    world.store.freezes.end("F-1", NOON + 2 * HOUR)
    acts = [record(f"a{minute}", minute, "james", "CreateUser") for minute in (59, 60, 119, 120)]
    done = run(world, *acts)
    assert rights(done) == {"entitled": 2, "frozen": 2}


def test_a_step_that_failed_is_named_in_the_case_of_what_it_left_open(world):
    """James was moved out by a plan that AWS refused in part: what he still could is said to be watchbill's own doing."""
    world.team = apply_file(world, NOON - HOUR, "")
    gone = StepRow("p1", 0, NOON, "production iam:RemoveUserFromGroup(admins, james)", "failed", "Throttling")
    world.store.journal.write(gone)
    (case_id, *_) = run(world, record("a", 5, "james", "CreateUser")).raised
    (opening,) = world.as_("sofia").case(case_id)[1].openings
    assert opening.by == "watchbill"
    assert "plan p1 failed" in opening.what
    world.store.journal.write(replace(gone, plan="p2", at=NOON + timedelta(minutes=1), state="done", error=None))
    (later, *_) = run(world, record("b", 65, "james", "CreateUser")).raised
    assert world.as_("sofia").case(later)[1].openings == []


def test_what_is_applied_while_a_trail_comes_in_is_what_it_is_judged_by(world):
    """AWS is read first, and taking in may last: what was applied or frozen until the audit begins counts in it."""
    world.team = apply_file(world, NOON - HOUR, "james")
    watched = world.watched(*(record(f"a{minute}", minute, "james", "CreateUser") for minute in (59, 61, 121)))

    def take_in(library):
        world.store.freezes.add(FreezeRow("F-1", "james", NOON + HOUR, NOON + 2 * HOUR, None, "{}"))
        apply_file(world, NOON + 2 * HOUR, "")
        return watched.take_in(library)

    done = reconcile(world.as_("watchbill"), replace(watched, take_in=take_in))
    assert rights(done) == {"entitled": 1, "frozen": 1, "beyond role": 1}
