"""Three nights told to the end: asked in Slack, pressed, decided, frozen, restored, with what goes wrong in between.

Real parts but for time: trail files go through the lake and passes, IAM is the stand-in for AWS over HTTP, Slack is
spoken to by its own client over the stand-in and heard over a socket, and the jobs are those of `serve`. The clock is
simulated; each call that changes IAM takes a second of it.

1. James at 3 a.m.: a stranger signs in as him and makes a key. James says that it was not him, a lead freezes him with
   the calls in view, what AWS has allows him nothing, and an hour later he is given back all but the stolen key.
2. Rick at 11: he cannot get in as his shift begins. He has forgotten his password; nobody is stopped, a lead lets him
   have another, and when he has signed in afresh the case is closed.
3. James after his shift: a change that he should not have made. He says yes and proves it, and a lead calls it a
   mistake; or he keeps silent until a lead decides, and what he says then is kept.
"""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from tests.contract.test_slack import eventually
from tests.contract.test_talking import Place
from tests.lakes import delivery, log
from tests.teams import MONDAY, enforced
from tests.trails import record, user
from tests.unit.alerts.records import AWAY, FIREFOX, HOME, failed, made_key, pack, signed_in, usual
from tests.workspace import populate, user_of

from watchbill.access.effective import answers
from watchbill.aws.accounts import Accounts
from watchbill.aws.iam import AwsCloud
from watchbill.bootstrap import App
from watchbill.errors import RefusedError
from watchbill.lake.place import Lake
from watchbill.ledger.chain import verify
from watchbill.ledger.model import Kind, State
from watchbill.policy.model import Effect
from watchbill.respond.help import Wanted
from watchbill.respond.interfaces import StepUp
from watchbill.service import asking, helping, requests
from watchbill.service.jobs import at_once, due, freeze, outbox, presses, preview_of, restore, slow_presses
from watchbill.service.lake import take_in
from watchbill.service.lead import Lead
from watchbill.service.reconcile import Reconciled, Watched, bring_in_step, reconcile
from watchbill.service.serve import Turn
from watchbill.service.standing import standing_case
from watchbill.sim.slack import SlackStandIn
from watchbill.sim.stand_in import StandIn


MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WEDNESDAY = MONDAY + timedelta(days=2)
MFA = {"aws:MultiFactorAuthPresent": "true"}


class Paced(AwsCloud):
    """IAM, each of whose changes takes a second of the simulated clock."""

    def __init__(self, accounts, clock):
        super().__init__(accounts)
        self._clock = clock

    def perform(self, account, call):
        """Make one call."""
        self._clock.advance(timedelta(seconds=1))
        super().perform(account, call)


class Night(Place):
    """The team over both stand-ins, and an instance that leads and does its jobs by turns."""

    cases = ()
    begins = WEDNESDAY

    def __init__(self, folder, slack, endpoint, lake):
        super().__init__(folder, slack, mail=False, leads=("sofia", "ada"))
        accounts = Accounts(endpoint, ("any", "any"))
        self.app = App(self.clock, accounts, Paced(accounts, self.clock), sleep=self.wait, lanes=1)
        self.team = enforced(self.team)
        self.store.revisions.add(self.team.digest, self.clock.now(), self.team.text, "watchbill")
        self.lake, self.files = lake, 0
        lease = Lead(self.store, "a", self.clock, timedelta(days=365)).turn()
        assert lease is not None
        self.lease = lease
        works = self._works
        self.jobs = [
            presses(works, self._desk),
            slow_presses(works, self._desk),
            due(works),
            outbox(works, lambda team: {"slack": self.sender}),
            at_once(works, self._bring, lambda work: work, Event()),
        ]
        self.bring()

    def _works(self, turn):
        return replace(self.as_("watchbill"), store=turn.store, at=turn.at)

    def _desk(self, work):
        others = {"request": requests.press}
        return replace(self.desk_, freeze=freeze, restore=restore, preview=preview_of(work), others=others)

    def _bring(self, work):
        done = Reconciled()
        bring_in_step(work, done)
        assert [each.error for each in done.outcomes if each.error] == []
        return done.problems

    def bring(self):
        """Bring AWS in step with the team file."""
        self._bring(self.as_("watchbill"))

    def wait(self, seconds):
        """Let time pass."""
        self.clock.advance(timedelta(seconds=seconds))

    def client(self):
        """Give a client of production's IAM, to do what others would."""
        return self.app.accounts.client(self.team.accounts["production"], "iam")

    def turn(self):
        """Let every job have its turn, until there is nothing to do."""
        for _ in range(3):
            for job in self.jobs:
                while job.work(Turn(self.store, self.lease, self.clock.now(), lambda: True)).more:
                    pass

    def until(self, at):
        """Let time pass, with turns, but not past where slow work has brought it."""
        while self.clock.now() < at:
            self.clock.set(min(at, self.clock.now() + MINUTE))
            self.turn()

    def trail(self, *records):
        """Let a file of the trail come, and a pass audit it; give the cases that it raised."""
        self.files += 1
        files = [delivery(f"{self.files}.json.gz", log(records))]

        def take_all(library):
            return take_in(self.lake, files, library, self.clock.now())

        done = reconcile(self.as_("watchbill"), Watched(self.lake, take_all, pack()))
        assert [each for each in done.problems if each.code != "open-shift"] == []
        return done.raised

    def does(self, who, message, action, text=None):
        """Press a button, write what its dialogue asks for, and let it be worked on; give what only they are told."""
        heard = len(self.stand_in.whispered(user_of(who)))
        assert self.stand_in.press(user_of(who), message, action).is_acknowledged
        if text is not None:
            assert eventually(lambda: self.stand_in.views)
            assert self.stand_in.submit(self.stand_in.views[0], text).is_acknowledged
        self.turn()
        return self.stand_in.whispered(user_of(who))[heard:]

    def question(self, who):
        """Give the message in which somebody was asked, as it stands now."""
        (found,) = [each for each in self.stand_in.direct(user_of(who)) if "uestion" in each.words]
        return found

    def briefing(self):
        """Give the messages in which the leads see where a case stands, as they stand now."""
        return [each for each in self.to_leads() if ":leads" in each.key and each.key.startswith("C-")]

    def may(self, who, action="s3:GetObject"):
        """Tell whether somebody may do something by any path, by what AWS gives back."""
        state = self.app.observe(self.team)["staging"]
        return any(each.effect is Effect.ALLOWED for each in answers(state, who, action, "*", self.clock.now(), MFA))

    def told(self, case_id):
        """Give the report of a case."""
        return standing_case(self.store, case_id, lambda case: True)

    def times(self, case_id):
        """Give how long each step of a case took, in minutes."""
        times = self.told(case_id).times
        return {name: None if (took := getattr(times, name)) is None else took / 60 for name in times.__slots__}

    def keys(self):
        """Give James's keys, with whether each is on."""
        found = self.client().list_access_keys(UserName="james")["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in found}

    def entries(self, case_id, kind):
        """Give what of a kind the ledger has of a case."""
        return [each for each in self.store.ledger.entries() if each.kind == kind and each.subject == case_id]


@pytest.fixture(scope="module")
def endpoint():
    """Run the stand-in for AWS."""
    with StandIn() as found:
        yield found.endpoint


@pytest.fixture
def night(tmp_path, endpoint):
    """Give a night that begins, with an instance that is connected to Slack."""
    with SlackStandIn() as slack, closing(Lake(tmp_path / "lake")) as lake:
        populate(slack)
        made = Night(tmp_path, slack, endpoint, lake)
        with made.serving():
            yield made
        assert verify(made.store.ledger.entries()).state is State.INTACT
        assert made.store.outbox.unsent() == []
        keys = [
            given["metadata"] for method, given in slack.calls if method == "chat.postMessage" and "metadata" in given
        ]
        assert len(keys) == len(set(map(str, keys)))
        made.store.close()


def taken_over(night, three):
    """Let a stranger sign in as James and make a key, and a pass find it; give the case, that key and his own."""
    made = [night.client().create_access_key(UserName="james")["AccessKey"]["AccessKeyId"] for _ in range(2)]
    night.clock.set(three + 5 * MINUTE)
    (case_id,) = night.trail(
        *usual("james", three),
        signed_in("james", three, AWAY, mfa="No"),
        made_key("james", three + MINUTE, AWAY, key=made[0]),
    )
    assert night.may("james")
    night.until(three + 6 * MINUTE)
    asking.ask(night.as_("sofia"), case_id)
    night.turn()
    return case_id, *made


def says_no(night):
    """Let Rick press what is not his to press, and James say no, twice; give the question, and the button for a yes."""
    question = night.question("james")
    yes, no = question.buttons[:2]
    night.does("rick", question, "answer:yes")
    assert "we do not know who of the team you are" in night.stand_in.direct(user_of("rick"))[-1].words
    night.until(night.clock.now() + 3 * MINUTE)
    for _ in range(2):
        assert night.stand_in.press_button(user_of("james"), question.channel, question.ts, no).is_acknowledged
    night.turn()
    assert [each[:32] for each in night.stand_in.whispered(user_of("james"))] == [
        "You pressed that already; it is ",
        "Thank you. A lead looks at it no",
    ]
    assert night.question("james").buttons == []
    return question, yes


def is_frozen(night, three):
    """Let James press the leads' button, and Sofia, twice; what AWS has allows him nothing, at each look."""
    (briefing,) = night.briefing()
    assert "Their answer: no" in briefing.words
    button = next(each for each in briefing.buttons if each["action_id"].endswith("freeze"))
    assert "AttachUserPolicy" in button["confirm"]["text"]["text"]
    night.does("james", briefing, "freeze")
    assert "james` is no lead" in night.stand_in.direct(user_of("james"))[-1].words
    night.until(three + 11 * MINUTE)
    assert night.does("sofia", briefing, "freeze") == ["james is being frozen: you will see here what came of it."]
    assert any("james is frozen:" in each.text for each in night.to_leads())
    night.stand_in.press_button(user_of("sofia"), briefing.channel, briefing.ts, button)
    night.turn()
    assert eventually(lambda: "You pressed that already" in night.stand_in.whispered(user_of("sofia"))[-1])
    assert not night.may("james")
    assert set(night.keys().values()) == {"Inactive"}
    for seconds in (5, 10, 45):
        night.wait(seconds)
        night.turn()
    looks = [each.facts for each in night.store.ledger.entries() if each.kind == Kind.FREEZE_VERIFIED]
    assert [each["hold"] for each in looks] == [each["checks"] for each in looks]
    assert len(looks) == 4


def test_james_at_three(night):
    """A stranger in his name: no, frozen, concluded, and an hour later restored; what is pressed twice is done once."""
    three = WEDNESDAY + 3 * HOUR
    case_id, stolen, own = taken_over(night, three)
    question, yes = says_no(night)
    is_frozen(night, three)

    # What whoever holds his account says later moves nothing; a lead concludes while he stays frozen.
    night.stand_in.press_button(user_of("james"), question.channel, question.ts, yes)
    night.turn()
    assert "answered already, no by james" in night.stand_in.whispered(user_of("james"))[-1]
    night.does("ada", night.briefing()[0], "verdict:hijack", "his laptop was stolen")
    assert night.told(case_id).status == "frozen"
    assert not night.may("james")

    # An hour after the freeze he is given back all but the stolen key, and the case is closed.
    night.clock.set(three + 71 * MINUTE)
    night.turn()
    assert "james is being restored" in night.does("sofia", night.briefing()[0], "restore")[0]
    assert night.keys() == {own: "Active", stolen: "Inactive"}
    assert night.may("james")
    night.does("sofia", night.briefing()[0], "verdict:hijack", "his password was changed")
    assert night.told(case_id).status == "closed"
    assert [each.buttons for each in night.briefing()] == [[]]
    times = night.times(case_id)
    contained = times.pop("contain")
    assert times == {"notice": 5, "ask": 1, "answer": 3, "decide": 6, "restore": pytest.approx(60, abs=1)}
    assert 0 < contained < 2
    kinds = [each.kind for each in night.store.ledger.entries()]
    for once in (Kind.QUESTION_ASKED, Kind.QUESTION_ANSWERED, Kind.FREEZE_APPLIED, Kind.RESTORE_APPLIED):
        assert kinds.count(once) == 1


def test_rick_at_eleven(night):
    """He forgot his password while Slack was down for an hour: asked once, helped, nobody stopped, closed when proven."""
    eleven = WEDNESDAY + 11 * HOUR
    night.clock.set(eleven + 5 * MINUTE)
    night.client().create_login_profile(UserName="rick", Password="Forgotten-2026!", PasswordResetRequired=False)
    burst = [failed("rick", eleven + number * MINUTE) for number in range(5)]
    (case_id,) = night.trail(*usual("rick", eleven), *burst)
    assert "freeze" not in {action.kind for action in night.told(case_id).case.actions}

    # Slack is down when he is asked. Nobody is taken to keep silent for that, and he is asked once.
    night.stand_in.go_down()
    night.clock.set(eleven + 7 * MINUTE)
    asking.ask(night.as_("ada"), case_id)
    night.until(eleven + 17 * MINUTE)
    night.clock.set(eleven + 67 * MINUTE)
    night.turn()
    assert night.stand_in.direct(user_of("rick")) == []
    night.stand_in.come_back()
    assert eventually(lambda: night.stand_in.connections)
    night.until(eleven + 78 * MINUTE)
    question = night.question("rick")
    said = night.does("rick", question, "answer:more", "I forgot my password over the holidays")
    assert "it is kept" in said[0]
    assert "sign in afresh with a second factor" in night.does("rick", question, "answer:yes")[0]
    assert night.told(case_id).status == "asked"

    # He cannot sign in, so he asks for help; not he but a lead approves it, and he alone sees the password.
    help_id, _ = helping.ask(night.as_("rick"), "rick", "production", Wanted(password=True, devices=False), "forgotten")
    with pytest.raises(RefusedError, match="no lead"):
        helping.approve(night.as_("rick"), help_id)
    helping.approve(night.as_("sofia"), help_id)
    night.turn()
    assert "has approved the help" in night.stand_in.direct(user_of("rick"))[-1].words
    given = helping.collect(night.as_("rick"), help_id)
    assert given.password is not None
    assert night.client().get_login_profile(UserName="rick")["LoginProfile"]["PasswordResetRequired"]

    # A sign-in from before the question proves nothing; a fresh one closes the case.
    with pytest.raises(RefusedError, match="before the question"):
        asking.confirm(night.as_("web"), case_id, StepUp("rick", eleven, ("otp",)))
    night.until(night.clock.now() + 2 * MINUTE)
    confirmed = asking.confirm(night.as_("web"), case_id, StepUp("rick", night.clock.now(), ("pwd", "otp")))
    night.turn()
    assert (confirmed.status, night.told(case_id).status) == ("closed", "closed")
    assert night.question("rick").buttons == []
    assert night.briefing() == []
    kinds = {each.kind for each in night.store.ledger.entries()}
    assert not kinds & {Kind.FREEZE_APPLIED, Kind.QUESTION_ESCALATED}
    assert night.may("rick")
    times = night.times(case_id)
    assert times == {
        "notice": 5,
        "ask": 2,
        "answer": 71,
        "decide": pytest.approx(75, abs=1),
        "contain": None,
        "restore": None,
    }


def overrun(night, three):
    """Let James reboot a database an hour after his shift, and a pass find it; give the case."""
    night.clock.set(three + 4 * MINUTE)
    said = {"sourceIPAddress": HOME, "userAgent": FIREFOX}
    change = record("rds:RebootDBInstance", user("james"), three, **said)
    (case_id,) = night.trail(*usual("james", three), change)
    night.clock.set(three + 5 * MINUTE)
    asking.ask(night.as_("sofia"), case_id)
    night.turn()
    return case_id


def test_james_after_his_shift(night):
    """He says yes and proves it, which closes nothing that was not his; a lead says why it was a mistake, another is late."""
    three = WEDNESDAY + 3 * HOUR
    case_id = overrun(night, three)
    question = night.question("james")
    night.clock.set(three + 8 * MINUTE)
    assert "sign in afresh" in night.does("james", question, "answer:yes")[0]
    (briefing,) = night.briefing()
    assert "Their answer: yes" in briefing.words
    night.clock.set(three + 10 * MINUTE)
    with pytest.raises(RefusedError, match="strong enough"):
        asking.confirm(night.as_("web"), case_id, StepUp("james", night.clock.now(), ("pwd", "sms")))
    asking.confirm(night.as_("web"), case_id, StepUp("james", night.clock.now(), ("pwd", "otp")))
    night.turn()
    assert night.told(case_id).status == "escalated"
    assert "yes with second factor" in night.briefing()[0].words
    night.clock.set(three + 14 * MINUTE)
    briefing = night.briefing()[0]
    closing = next(each for each in briefing.buttons if each["value"].endswith("verdict:mistake"))
    night.does("sofia", briefing, "verdict:mistake", "a deploy that ran late; the standing policy goes")
    assert night.told(case_id).status == "closed"
    night.stand_in.press_button(user_of("ada"), briefing.channel, briefing.ts, closing)
    assert eventually(lambda: night.stand_in.views)
    night.stand_in.submit(night.stand_in.views[0], "I think so too")
    night.turn()
    assert f"{case_id} is closed already" in night.stand_in.whispered(user_of("ada"))[-1]
    (decided,) = night.entries(case_id, Kind.CASE_DECIDED)
    assert (decided.actor, decided.facts["verdict"]) == ("sofia", "mistake")
    assert night.may("james")
    expected = {"notice": 4, "ask": 1, "answer": 3, "decide": 10, "contain": None, "restore": None}
    assert night.times(case_id) == expected


def test_james_keeps_silent_after_his_shift(night):
    """The leads hear of it in time and are reminded; what he says too late is in both messages, and a lead decides."""
    three = WEDNESDAY + 3 * HOUR
    case_id = overrun(night, three)
    question = night.question("james")
    night.until(three + 14 * MINUTE)
    assert night.briefing() == []
    night.until(three + 15 * MINUTE)
    (briefing,) = night.briefing()
    assert "james did not answer within 10 min" in briefing.words
    night.does("sofia", briefing, "snooze:30")
    night.until(three + 46 * MINUTE)
    first, second = night.briefing()
    assert first.buttons
    assert second.buttons
    assert "The time to answer is over" in night.does("james", question, "answer:no")[0]
    for each in night.briefing():
        assert "Their answer: no" in each.words
    assert [bool(each.buttons) for each in night.briefing()] == [False, True]
    assert night.told(case_id).status == "escalated"
    night.does("ada", night.briefing()[1], "verdict:false-alarm", "he was asleep; the build ran by itself")
    assert [each.buttons for each in night.briefing()] == [[], []]
    assert night.told(case_id).status == "closed"
    (silence,) = night.entries(case_id, Kind.QUESTION_ESCALATED)
    assert silence.at - three == 15 * MINUTE
    times = night.times(case_id)
    assert (times["notice"], times["ask"], times["answer"], times["decide"]) == (4, 1, None, 42)
