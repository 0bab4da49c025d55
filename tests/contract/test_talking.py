"""Asking in Slack, from the outbox to a press and back: the service, Bolt and the stand-in for Slack together.

What each answer does is tested in `test_asking.py`; here it is that all of it fits, over sockets, and happens once.
"""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from threading import Timer

import pytest
from tests.contract.test_slack import eventually
from tests.unit.service.desk import KilledError, Office, asking_team, heard
from tests.workspace import CHANNEL, populate, recipient, settings_of, user_of

from watchbill.errors import RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.interfaces import SlackId
from watchbill.respond.telling import news
from watchbill.service import asking
from watchbill.service.casework import Casework
from watchbill.service.outbox import LEASE, deliver, put
from watchbill.service.talking import Talk
from watchbill.sim.slack import SlackStandIn, User
from watchbill.sim.slack.model import TEAM
from watchbill.slack.connect import connect
from watchbill.slack.model import AskSwap, Press, RequestAccess


class _Dying:
    """A sender in a process that may die before it and after it."""

    def __init__(self, sender, fate):
        self._sender, self._fate = sender, fate

    def send(self, notice, to, before):
        """Send, unless the process is dead by then."""
        self._fate.step()
        sent = self._sender.send(notice, to, before)
        self._fate.step()
        return sent

    def find(self, notice, to):
        """Look for it."""
        return self._sender.find(notice, to)


class Place(Office):
    """The office with Slack, one process that serves it, and mail in memory."""

    def __init__(self, folder, slack, fate=None, **team):
        of = asking_team(**team)
        if of.slack is not None:
            of = replace(of, slack=replace(of.slack, channel=CHANNEL))
        super().__init__(folder, of, fate)
        self.stand_in, self.woken = slack, 0
        self.talk = Talk(self.store, self._working, self.clock.now, self._wake)
        self.desk_ = replace(self.desk(), say=self.talk.say)

    def _wake(self):
        self.woken += 1

    def _working(self, store, at, actor):
        return Casework(self.app, store, self.team, at, actor)

    def connect(self):
        """Connect as a process that begins, which hears nothing yet."""
        chat = connect(
            settings_of(self.stand_in),
            self.team,
            self.talk.take,
            self.talk.handle,
            leads=self.talk.leads,
            pin=self.talk.pin,
            now=self.clock.now,
        )
        self.talk.chat = chat
        self.desk_ = replace(self.desk_, look_up=chat.look_up)
        self.sender = _Dying(chat.sender, self.fate)
        return chat

    @contextmanager
    def serving(self):
        """Be connected, and hear."""
        chat = self.connect()
        chat.start()
        assert eventually(lambda: self.stand_in.connections)
        hanging_up = Timer(0.05, self.stand_in.hang_up)
        try:
            yield self
        finally:
            hanging_up.start()
            chat.stop()
            hanging_up.join()

    def deliver(self, links=None):
        """Send what is due."""
        return deliver(self.as_("watchbill"), {"slack": self.sender, "notify:ops": self.mail}, links)

    def hear(self, **more):
        """Work on what was pressed."""
        return heard(self, replace(self.desk_, **more))

    def asked(self):
        """Ask about the case, and give the message."""
        asking.ask(self.as_("watchbill"), "C-late")
        self.deliver()
        (message,) = self.stand_in.direct(user_of("james"))
        return message

    def to_leads(self):
        """Give the messages in the channel of leads."""
        return self.stand_in.messages(CHANNEL)


@pytest.fixture
def slack():
    """Run the stand-in, with the team in it."""
    with SlackStandIn() as running:
        populate(running)
        yield running


@pytest.fixture
def office(tmp_path, slack):
    """Give an office that is connected."""
    with Place(tmp_path, slack).serving() as made:
        yield made
    made.store.close()


def test_a_no_is_frozen_by_a_lead_in_three_presses(office):
    """The question is replaced, leads see the calls, one freezes, and everybody in the channel is told."""
    message = office.asked()
    assert message.buttons[1]["text"]["text"] == "No, not me"
    assert office.stand_in.press(user_of("james"), message, "answer:no").is_acknowledged
    assert office.woken == 1
    assert office.hear() == 1
    office.deliver()
    assert message.buttons == []
    assert message.edited == 1
    (escalation,) = office.to_leads()
    assert "Their answer: no" in escalation.words
    assert office.stand_in.press(user_of("sofia"), escalation, "freeze").is_acknowledged
    office.hear()
    office.deliver()
    assert office.frozen == ["C-late"]
    assert [m.text for m in office.to_leads() if "frozen by sofia" in m.text] == ["frozen by sofia"]
    pinned = {name: office.store.identities.of(name).user for name in ("james", "sofia")}
    assert pinned == {"james": user_of("james"), "sofia": user_of("sofia")}


def test_a_verdict_is_given_with_its_reason(office):
    """Asked for in a dialogue; sent twice it is one verdict, and nothing happens without."""
    message = office.asked()
    office.stand_in.press(user_of("james"), message, "answer:no")
    office.hear()
    office.deliver()
    (escalation,) = office.to_leads()
    for _ in range(2):
        assert office.stand_in.press(user_of("sofia"), escalation, "verdict:false-alarm").is_acknowledged
        assert eventually(lambda: office.stand_in.views)
        assert office.hear() == 0
        assert office.stand_in.submit(office.stand_in.views[0], "he fixed it by phone").is_acknowledged
        office.hear()
    decided = [entry for entry in office.store.ledger.entries() if entry.kind == Kind.CASE_DECIDED]
    assert [(entry.actor, entry.facts["reason"]) for entry in decided] == [("sofia", "he fixed it by phone")]


def test_pressed_twice_it_is_done_once_and_told(office):
    """While it waits, and when it is done."""
    message = office.asked()
    james = user_of("james")
    button = message.buttons[1]
    for _ in range(2):
        assert office.stand_in.press_button(james, message.channel, message.ts, button).is_acknowledged
    assert eventually(lambda: len(office.stand_in.whispered(james)) == 1)
    assert "being worked on" in office.stand_in.whispered(james)[0]
    assert office.hear() == 1
    office.deliver()
    before = len(office.stand_in.whispered(james))
    office.stand_in.press_button(james, message.channel, message.ts, button)
    assert eventually(lambda: len(office.stand_in.whispered(james)) > before)
    assert "You pressed that already, at 2026-01-13T04:00:00Z" in office.stand_in.whispered(james)[-1]
    assert office.kinds().count(Kind.QUESTION_ANSWERED) == 1


@pytest.mark.parametrize("who", ["lee", "sofia", "guest", "stranger"])
def test_others_do_not_answer_and_are_told(office, who):
    """A colleague, a lead, a guest with the person's own name, somebody of another workspace."""
    message = office.asked()
    office.stand_in.add_user(User("U0GUEST", "james", "james.guest@example.com", is_guest=True))
    office.stand_in.add_user(User("U0STRANGER", "james", "james@other.example", team="T0OTHER"))
    assert office.stand_in.press(user_of(who), message, "answer:no").is_acknowledged
    assert office.hear() == 1
    assert eventually(lambda: office.stand_in.direct(user_of(who)))
    assert office.store.questions.of("C-late").answer is None
    assert office.kinds().count(Kind.CLICK_REFUSED) == 1


def test_who_has_become_a_guest_is_not_heard(office):
    """Though they were asked and pinned when they were a member."""
    message = office.asked()
    assert office.store.identities.of("james").user == user_of("james")
    office.stand_in.users[user_of("james")].is_guest = True
    office.stand_in.press(user_of("james"), message, "answer:yes")
    office.hear()
    assert office.store.questions.of("C-late").answer is None
    assert "you are a guest there" in office.stand_in.whispered(user_of("james"))[0]


def test_the_subject_of_a_case_freezes_nobody(office):
    """Nor closes it, though they got hold of the leads' buttons."""
    office.team = replace(office.team, leads=("sofia", "james"))
    message = office.asked()
    office.stand_in.press(user_of("james"), message, "answer:no")
    office.hear()
    office.deliver()
    assert office.to_leads() == []
    (escalation,) = [m for m in office.stand_in.direct(user_of("sofia")) if m.buttons]
    assert "Their answer: no" in escalation.words
    for action in ("freeze", "verdict:false-alarm"):
        office.stand_in.press(user_of("james"), escalation, action)
        if action.startswith("verdict"):
            assert eventually(lambda: office.stand_in.views)
            office.stand_in.submit(office.stand_in.views[0], "nothing happened")
        office.hear()
    assert office.frozen == []
    refused = [m.text for m in office.stand_in.direct(user_of("james")) if "subject of this case" in m.text]
    assert len(refused) == 2
    assert office.store.cases.get("C-late").status == "escalated"


def test_while_slack_is_down_for_an_hour(office):
    """It goes by mail then, and says so; what was to be told to leads comes when Slack is back."""
    office.stand_in.go_down()
    asking.ask(office.as_("watchbill"), "C-late")
    for _ in range(60):
        office.deliver()
        office.later(timedelta(minutes=1))
    assert [each.key for each in office.mail.sent() if each.to == "james"] == ["C-late:question:james"]
    assert "could not be said by slack" in " ".join(office.mail.sent()[0].context)
    office.stand_in.come_back()
    for _ in range(20):
        office.deliver()
        office.later(timedelta(minutes=1))
    assert office.stand_in.direct(user_of("james")) == []


def test_without_mail_slack_is_tried_until_it_is_back(tmp_path, slack):
    """The question is asked once."""
    with Place(tmp_path, slack, mail=False).serving() as office:
        slack.go_down()
        asking.ask(office.as_("watchbill"), "C-late")
        for _ in range(60):
            office.deliver()
            office.later(timedelta(minutes=1))
        slack.come_back()
        for _ in range(20):
            office.deliver()
            office.later(timedelta(minutes=1))
        assert len([m for m in slack.direct(user_of("james")) if m.key == "C-late:question:james"]) == 1
        office.store.close()


def test_a_busy_slack_is_let_alone_as_long_as_it_asks(office):
    """And then everything comes, once, in its order."""
    office.stand_in.limit("chat.postMessage", 1, retry_after=120)
    asking.ask(office.as_("watchbill"), "C-late")
    asking.ask(office.as_("watchbill"), "C-theirs")
    office.deliver()
    calls = office.stand_in.count("chat.postMessage")
    office.later(timedelta(seconds=119))
    office.deliver()
    assert office.stand_in.count("chat.postMessage") <= calls + 1
    office.later(timedelta(seconds=5))
    office.deliver()
    keys = [m.key for m in office.stand_in.direct(user_of("james"))]
    assert sorted(keys) == ["C-late:question:james", "C-theirs:question:james"]


def test_lost_answers_ask_nobody_twice(office):
    """Slack took it and could not say so, over and over."""
    office.stand_in.lose_answers("chat.postMessage", 3)
    asking.ask(office.as_("watchbill"), "C-late")
    for _ in range(5):
        office.deliver()
        office.later(timedelta(minutes=1))
    assert [m.key for m in office.stand_in.direct(user_of("james"))] == ["C-late:question:james"]
    assert office.mail.sent() == []


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_a_process_may_die_at_every_step(tmp_path, slack, every):
    """Before and after every write and every sending: each message is there once, and nothing is lost."""
    cuts = 0
    for cut in count(1, every):
        slack.said.clear()
        office = Place(tmp_path / str(cut), slack)
        office.fate.cut = cut
        died = False
        while True:
            # The next process knows nothing of what this one had in memory.
            office.connect()
            try:
                _story(office)
                break
            except KilledError:
                died = True
                office.later(LEASE)
        office.deliver()
        said = [message.key for message in slack.said if message.key]
        assert len(said) == len(set(said)), (cut, said)
        assert len([m for m in slack.direct(user_of("james")) if m.key]) == 1, cut
        assert len([m for m in office.to_leads() if m.key]) == 1, cut
        assert office.frozen == ["C-late"]
        assert office.store.outbox.unsent() == []
        assert office.kinds().count(Kind.QUESTION_ANSWERED) == 1
        office.store.close()
        if not died:
            break
        cuts = cut
    assert cuts > 20


def _story(office):
    """Ask, hear a no, and freeze; begun again it goes on where it was."""
    if office.store.questions.of("C-late") is None:
        asking.ask(office.as_("watchbill"), "C-late")
    office.deliver()
    office.talk.take(_press(office, "james", "answer:no"))
    office.hear()
    office.deliver()
    office.talk.take(_press(office, "sofia", "freeze"))
    office.hear()
    office.deliver()


def _press(office, who, action):
    """Make what Slack would bring again and again until it was taken."""
    actor = SlackId(TEAM, user_of(who))
    where = {"channel": CHANNEL, "ts": "1.1"}
    return Press(f"C-late|{TEAM}:{actor.user}|{action}", "slack", actor, action, "C-late", office.clock.now(), where)


def test_telling_more_is_kept(office):
    """And the leads read it."""
    message = office.asked()
    office.stand_in.press(user_of("james"), message, "answer:more")
    (view,) = eventually(lambda: list(office.stand_in.views))
    office.stand_in.submit(view, "I was on the train <!channel>")
    assert office.hear() == 1
    assert eventually(lambda: office.stand_in.whispered(user_of("james")))
    assert "it is kept" in office.stand_in.whispered(user_of("james"))[0]


# --- what is typed -------------------------------------------------------------------------------------------------


def typed(office, who, text):
    """Type a command, and give what was answered."""
    before = len(office.stand_in.whispered(user_of(who)))
    office.stand_in.command(user_of(who), CHANNEL, text)
    found = eventually(lambda: office.stand_in.whispered(user_of(who))[before:])
    return found[0]


def test_who_is_on_watch_is_told_to_members(office):
    """Now, or at an instant."""
    assert typed(office, "lee", "who") == "At 2026-01-13T04:00:00Z:\nplatform: Priya (primary)"
    assert typed(office, "lee", "who 2026-01-14T12:00:00Z") == "At 2026-01-14T12:00:00Z:\nplatform: Rick (primary)"
    assert "write an instant with its zone" in typed(office, "lee", "who tomorrow")
    office.stand_in.add_user(User("U0MO", "mo", "mo@example.com", is_guest=True))
    assert "you are guest there" in typed(office, "mo", "who")


def test_a_case_is_told_to_leads_and_to_whoever_was_asked(office):
    """As each may see it; whether there is another, nobody is told."""
    office.asked()
    assert typed(office, "sofia", "case C-late").startswith("C-late, ")
    assert "please answer by" in typed(office, "james", "case C-late")
    others = {typed(office, "lee", f"case {case}") for case in ("C-late", "C-none", "C-hijack")}
    assert len(others) == 1
    assert "C-" not in others.pop()
    assert "no case `C-none`" in typed(office, "sofia", "case C-none")
    office.talk.pin(recipient("lee"), SlackId(TEAM, user_of("lee")))
    known = {typed(office, "lee", f"case {case}") for case in ("C-late", "C-none", "C-hijack")}
    assert known == {"that is for leads, and for whoever was asked"}


def test_a_lead_does_not_read_what_is_about_them(office):
    """Whoever else may."""
    office.team = replace(office.team, leads=("sofia", "james"))
    assert "for leads, and for whoever was asked" in typed(office, "james", "case C-late")


def test_other_wishes_are_for_whoever_can_fulfil_them(office):
    """With the person who typed; where nobody can, that is said."""
    text = "request prod-oncall --for 2h --reason slow"
    assert typed(office, "rick", text) == "nothing does that here yet"
    seen = []

    def fulfil(work, command, person):
        seen.append((command.wish, person))
        return "a lead is asked"

    office.talk.wishes = {RequestAccess: fulfil, AskSwap: fulfil}
    assert typed(office, "rick", text) == "a lead is asked"
    assert seen == [(RequestAccess("prod-oncall", timedelta(hours=2), "slow"), "rick")]


def test_presses_are_answered_at_once_while_much_waits(office):
    """Each is written down and acknowledged, with a thousand notices in the outbox."""
    message = office.asked()
    with office.store.transaction():
        for n in range(1000):
            put(office.as_("watchbill"), news(f"news:{n}", "Something", ("else",)))
    took = []
    for n in range(100):
        button = {**message.buttons[0], "value": f"C-{n}|answer:yes"}
        took.append(office.stand_in.press_button(user_of("james"), message.channel, message.ts, button).seconds)
    took.sort()
    assert len(office.store.clicks.waiting()) == 100
    # Slack waits three seconds; docs/slack.md has what it takes on a machine that is not busy.
    assert took[-1] < 3, took[-5:]


def test_a_pin_is_for_good(office):
    """Somebody else with the address is refused, and the leads are told."""
    office.asked()
    office.stand_in.users[user_of("james")].email = "old@example.com"
    thief = office.stand_in.add_user(User("U0THIEF", "james", "james@example.com"))
    message = office.stand_in.direct(user_of("james"))[0]
    office.stand_in.press(thief.id, message, "answer:yes")
    office.hear()
    assert office.store.questions.of("C-late").answer is None
    office.deliver()
    assert any("address of james is another's" in m.words for m in office.to_leads())
    with pytest.raises(RefusedError, match="another user of Slack"):
        office.talk.pin(office.talk.leads()[0], SlackId(TEAM, user_of("james")))
