"""Asking: what each answer does to a case, whom it tells, and that a process may die anywhere in between."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.service.desk import MINUTE, NOW, Fate, KilledError, Office, asking_team, questions

from watchbill.alerts.stories import Story
from watchbill.errors import ProviderError, RefusedError
from watchbill.ledger.chain import verify
from watchbill.ledger.model import Kind, State
from watchbill.respond.interfaces import StepUp
from watchbill.respond.model import Verdict
from watchbill.respond.notices import LEADS, NoticeKind
from watchbill.respond.telling import calls_unseen
from watchbill.service import asking
from watchbill.service.clicks import take
from watchbill.service.links import Links
from watchbill.service.outbox import LEASE


@pytest.fixture
def office(tmp_path):
    """Give an office whose cases nobody has worked on."""
    made = Office(tmp_path)
    yield made
    made.store.close()


def stand(office, case_id):
    """Give where a case and its question stand, and why."""
    row, asked = office.store.cases.get(case_id), office.store.questions.of(case_id)
    return row.status, asked.stand, row.note


def test_a_no_is_a_leads_at_once_with_the_calls_of_the_freeze(office):
    """The person is thanked, the leads get facts, stories and buttons; the calls are spelled out when AWS was read."""
    asking.ask(office.as_("watchbill"), "C-late")
    office.deliver()
    answered = asking.answer(office.as_("james"), "C-late", "no")
    assert (answered.status, answered.moved) == ("escalated", True)
    assert stand(office, "C-late") == (
        "escalated",
        "escalated",
        "james says it was not them: a lead decides on the freeze",
    )
    office.deliver()
    (escalation,) = office.slack.sent(NoticeKind.ESCALATION)
    assert escalation.to == LEADS
    assert "Their answer: no" in escalation.lines
    assert [b.action for b in escalation.buttons][:2] == ["open", "freeze"]
    assert escalation.buttons[1].confirm == calls_unseen("C-late")
    office.hear()
    office.deliver()
    (leads,) = [shown for shown in office.slack.messages if shown[0].to == LEADS]
    assert leads[-1].buttons[1].confirm == ("production: iam:AttachUserPolicy (C-late)",)
    assert leads[-1].lines == escalation.lines
    assert [each.key for each in office.mail.sent()] == [escalation.key]
    asking.decide(office.as_("sofia"), "C-late", Verdict.FALSE_ALARM, "he was there")
    office.deliver()
    assert [len(shown) for shown in office.mail.messages] == [2]
    (asked,) = [shown for shown in office.slack.messages if shown[0].to == "james"]
    assert [each.kind for each in asked] == [NoticeKind.QUESTION, NoticeKind.ANSWERED, NoticeKind.ANSWERED]


def test_calls_that_come_first_keep_nobody_from_being_told(office):
    """Worked out before anything went out: Slack says it with them, and mail says it all the same."""
    asking.ask(office.as_("watchbill"), "C-late")
    asking.answer(office.as_("james"), "C-late", "no")
    office.hear()
    office.deliver()
    (slack,) = [each for each in office.slack.sent() if each.to == LEADS]
    (mail,) = office.mail.sent()
    assert slack.buttons[1].confirm == ("production: iam:AttachUserPolicy (C-late)",)
    assert (mail.kind, mail.lines) == (NoticeKind.ESCALATION, slack.lines)


def test_a_yes_about_what_was_not_theirs_closes_nothing(office):
    """Neither by itself nor with the strongest sign-in: a mistake or an insider, a lead says which and why."""
    asking.ask(office.as_("watchbill"), "C-late")
    answered = asking.answer(office.as_("james"), "C-late", "yes")
    assert answered.status == "escalated"
    assert "sign in afresh" in answered.words
    office.later(MINUTE)
    confirmed = asking.confirm(office.as_("web"), "C-late", StepUp("james", office.clock.now(), ("hwk",), "phrh"))
    assert (confirmed.status, confirmed.moved) == ("escalated", False)
    view = office.as_("sofia").case("C-late")[1]
    assert view.facts["answer"] == "yes with second factor"
    assert office.store.mutes.all() == []
    office.deliver()
    update = office.slack.sent(NoticeKind.UPDATE)[-1]
    assert "Their answer: yes with second factor" in update.lines


def test_a_yes_about_what_was_theirs_takes_a_fresh_sign_in(office):
    """It stays open until then; after it is closed, and the same rule on the same key keeps quiet."""
    office.go_to(NOW - timedelta(hours=8))
    asking.ask(office.as_("watchbill"), "C-theirs")
    assert asking.answer(office.as_("james"), "C-theirs", "yes").status == "asked"
    assert stand(office, "C-theirs")[:2] == ("asked", "answered")
    office.later(MINUTE)
    weak = StepUp("james", office.clock.now(), ("pwd",))
    with pytest.raises(RefusedError, match="second factor"):
        asking.confirm(office.as_("web"), "C-theirs", weak)
    assert asking.confirm(office.as_("web"), "C-theirs", replace(weak, amr=("pwd", "otp"))).status == "closed"
    assert stand(office, "C-theirs")[:2] == ("closed", "stepped up")
    (mute,) = office.store.mutes.all()
    assert (mute.rule, mute.access_key, mute.person) == ("R1", "ASIA1", "james")
    assert [each.rule for each in asking.mutes(office.as_("watchbill"))] == ["R1"]
    assert Kind.PROOF_REFUSED in office.kinds()
    office.deliver()
    assert not [each for each in office.slack.sent() if each.to == LEADS]


def test_a_sign_in_that_does_not_come_is_a_leads(office):
    """Five minutes at least, however late the yes came."""
    asking.ask(office.as_("watchbill"), "C-theirs")
    deadline = office.store.questions.of("C-theirs").deadline_at
    office.go_to(deadline - MINUTE)
    asking.answer(office.as_("james"), "C-theirs", "yes")
    office.go_to(deadline + 3 * MINUTE)
    assert asking.deadlines(office.as_("watchbill")) == []
    office.later(MINUTE)
    assert asking.deadlines(office.as_("watchbill")) == ["C-theirs"]
    assert "did not prove it" in stand(office, "C-theirs")[2]


def test_what_is_harmless_closes_on_a_plain_yes(office):
    """Rick forgot his password, and gets help."""
    asking.ask(office.as_("watchbill"), "C-forgot")
    assert asking.answer(office.as_("rick"), "C-forgot", "yes").status == "closed"
    assert "a password manager" in stand(office, "C-forgot")[2]


def test_silence_is_told_and_pages_whoever_can_keep_the_watch(office):
    """About what was not theirs: the leads, and Priya, who has it next."""
    office.go_to(NOW - timedelta(hours=8))
    asking.ask(office.as_("watchbill"), "C-late")
    office.deliver()
    office.later(timedelta(hours=3))
    assert asking.deadlines(office.as_("watchbill")) == ["C-late"]
    assert asking.deadlines(office.as_("watchbill")) == []
    assert stand(office, "C-late")[:2] == ("escalated", "silent")
    office.deliver()
    kinds = [(each.kind, each.to) for each in office.slack.sent()]
    assert (NoticeKind.ESCALATION, LEADS) in kinds
    assert [to for kind, to in kinds if kind is NoticeKind.STAND_IN] == ["priya"]


def test_who_was_never_reached_has_not_kept_silent(office):
    """Slack was down: the leads are told that, and silence is no evidence."""
    office.slack.down = office.mail.down = True
    asking.ask(office.as_("watchbill"), "C-late")
    for _ in range(80):
        office.deliver()
        office.later(MINUTE)
    asking.deadlines(office.as_("watchbill"))
    assert "could not be reached" in stand(office, "C-late")[2]
    assert "answer" not in office.as_("sofia").case("C-late")[1].facts


def test_late_words_are_kept_and_answered(office):
    """Nothing moves, the leads are told in the same message, and a no counts for the stories."""
    asking.ask(office.as_("watchbill"), "C-late")
    office.deliver()
    office.later(timedelta(hours=3))
    asking.deadlines(office.as_("watchbill"))
    office.deliver()
    late = asking.answer(office.as_("james"), "C-late", "no")
    assert not late.moved
    assert "The time to answer is over" in late.words
    assert stand(office, "C-late")[:2] == ("escalated", "silent")
    assert office.as_("sofia").case("C-late")[1].facts["answer"] == "no"
    office.deliver()
    (leads,) = [shown for shown in office.slack.messages if shown[0].to == LEADS]
    assert [each.kind for each in leads] == [NoticeKind.ESCALATION, NoticeKind.UPDATE]
    assert leads[-1].lines[0].startswith("later: james says it was not them")
    assert Kind.QUESTION_HEARD in office.kinds()
    assert "answered already, no by james" in asking.answer(office.as_("james"), "C-late", "yes").words


def test_a_decision_settles_the_question(office):
    """Everybody's message is replaced; the leads' does not say what was concluded, for that would tell of an insider."""
    asking.ask(office.as_("watchbill"), "C-late")
    asking.answer(office.as_("james"), "C-late", "yes")
    office.deliver()
    asking.decide(office.as_("sofia"), "C-late", Verdict.INSIDER, "sold the plans")
    office.deliver()
    assert stand(office, "C-late")[:2] == ("closed", "decided")
    last = {shown[-1].to: shown[-1] for shown in office.slack.messages}
    assert last["james"].lines == ("This is settled, and there is nothing more to do. Thank you.",)
    assert last[LEADS].buttons == ()
    everything = " ".join(str(each) for each in office.slack.sent() + office.mail.sent())
    assert "insider" not in everything
    assert "sold the plans" not in everything
    assert not asking.answer(office.as_("james"), "C-late", "no").moved


def test_nobody_who_is_asked_is_told_what_is_suspected(office):
    """Whatever happens to the case."""
    office.team = replace(office.team, security_leads=("sofia",))
    for case_id in ("C-late", "C-away"):
        asking.ask(office.as_("watchbill"), case_id)
        asking.answer(office.as_("james"), case_id, "yes")
        asking.answer(office.as_("james"), case_id, "no")
        asking.decide(office.as_("sofia"), case_id, Verdict.HIJACK, "stolen password")
    office.deliver()
    for each in office.slack.sent():
        if each.to != LEADS:
            text = " ".join((each.title, *each.lines, *each.context, *(b.label for b in each.buttons))).lower()
            for word in (*Story, "suspect", "severity", "critical", "freeze", "stolen"):
                assert word not in text, (word, text)
            assert each.severity == "info"
            assert {b.action.partition(":")[0] for b in each.buttons} <= {"answer", "confirm"}


# --- proof ----------------------------------------------------------------------------------------


def test_a_doubtful_yes_takes_a_key_or_a_peer(office):
    """After a new network a code is not enough; Ada, who is of his groups, may speak to him."""
    asking.ask(office.as_("watchbill"), "C-away")
    words = asking.answer(office.as_("james"), "C-away", "yes").words
    peer = office.store.questions.of("C-away").peer
    assert peer is not None
    assert peer != "james"
    assert "with a security key or a passkey" in words
    assert f"speak to {peer}" in words
    with pytest.raises(RefusedError, match="security key"):
        asking.confirm(office.as_("web"), "C-away", StepUp("james", NOW, ("pwd", "otp")))
    for other in ("james", "sofia", "nobody"):
        with pytest.raises(RefusedError, match=f"`{peer}` is to confirm it"):
            asking.vouch(office.as_(other), "C-away", them=True)
    vouched = asking.vouch(office.as_(peer), "C-away", them=True)
    assert "has spoken to them" in vouched.why
    assert office.store.questions.of("C-away").confirmed_by == peer
    assert office.as_("sofia").case("C-away")[1].facts["answer"] == "yes"


def test_a_peer_who_hears_a_no_is_a_no(office):
    """Whoever wrote the yes was somebody else."""
    asking.ask(office.as_("watchbill"), "C-away")
    asking.answer(office.as_("james"), "C-away", "yes")
    peer = office.store.questions.of("C-away").peer
    asking.vouch(office.as_(peer), "C-away", them=False)
    assert office.as_("sofia").case("C-away")[1].facts["answer"] == "no"


# --- links ----------------------------------------------------------------------------------------


def by_mail(office, case_id="C-late"):
    """Ask by mail, and give the addresses in it."""
    office.team = asking_team(slack=False)
    asking.ask(office.as_("watchbill"), case_id)
    secrets = count(1)
    office.deliver(Links("https://w.example", lambda: f"secret{next(secrets)}"))
    (question,) = office.mail.sent(NoticeKind.QUESTION)
    return {each.action: each.url for each in question.buttons}


def test_a_link_answers_once(office):
    """By mail without Slack: what is kept is no secret, and nothing else can be made of the link."""
    urls = by_mail(office)
    assert urls["answer:no"] == "https://w.example/answer/secret1?say=no"
    assert "secret1" not in "".join(row.payload for row in office.notices())
    with pytest.raises(RefusedError, match="good no more"):
        asking.answer_by_link(office.as_("web"), "secret2", "no")
    assert asking.answer_by_link(office.as_("web"), "secret1", "no").status == "escalated"
    assert office.store.questions.of("C-late").answered_by == "james"
    with pytest.raises(RefusedError, match="good no more"):
        asking.answer_by_link(office.as_("web"), "secret1", "yes")


def test_a_link_ends_with_the_question(office):
    """An old mail is no key."""
    by_mail(office)
    office.go_to(office.store.questions.of("C-late").deadline_at)
    with pytest.raises(RefusedError, match="good no more"):
        asking.answer_by_link(office.as_("web"), "secret1", "no")


def test_a_link_that_could_not_answer_is_not_used_up(office):
    """Both are one transaction."""
    by_mail(office)
    office.fate.cut = office.fate.steps + 1
    with pytest.raises(KilledError):
        asking.answer_by_link(office.as_("web"), "secret1", "no")
    office.fate.cut = None
    assert asking.answer_by_link(office.as_("web"), "secret1", "no").moved


# --- kills ----------------------------------------------------------------------------------------


def story(office):
    """Ask, press no twice, freeze by a button, and decide; done again from the start it goes on where it was."""
    if office.store.questions.of("C-late") is None:
        asking.ask(office.as_("watchbill"), "C-late")
    office.deliver()
    for click in (office.press("james", "answer:no"), office.press("james", "answer:no")):
        take(office.store, click)
    office.hear()
    office.deliver()
    take(office.store, office.press("sofia", "freeze"))
    office.hear()
    take(office.store, office.press("sofia", "verdict:hijack", text="his laptop was stolen"))
    office.hear()
    office.deliver()


def check(office):
    """Check that all was done, and once."""
    assert questions(office.slack) == ["C-late:question:james"]
    keys = office.slack.said()
    assert len(keys) == len(set(keys))
    assert len([shown for shown in office.slack.messages if shown[0].to == LEADS]) == 1
    assert len([shown for shown in office.slack.messages if shown[0].to == "james"]) == 1
    assert office.store.outbox.unsent() == []
    assert office.frozen == ["C-late"]
    kinds = office.kinds()
    for once in (Kind.QUESTION_ASKED, Kind.QUESTION_ANSWERED, Kind.CASE_DECIDED):
        assert kinds.count(once) == 1
    assert kinds.count(Kind.CLICK_WORKED) == 3
    assert Kind.QUESTION_HEARD not in kinds
    assert stand(office, "C-late")[:2] == ("closed", "decided")
    assert verify(office.store.ledger.entries()).state is State.INTACT


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_process_may_die_at_every_step(tmp_path, every):
    """Before and after every write and every sending: exactly one question, one freeze, and nothing is lost."""
    cuts = 0
    for cut in count(1, every):
        office = Office(tmp_path / str(cut), fate=Fate(cut))
        died = False
        while True:
            try:
                story(office)
                break
            except KilledError:
                died = True
                office.later(LEASE)
        office.deliver()
        check(office)
        office.store.close()
        if not died:
            break
        cuts = cut
    assert cuts > 30


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 40), min_size=2, max_size=4))
def test_processes_may_die_one_after_another(tmp_path_factory, cuts):
    """Each after so many steps."""
    office = Office(tmp_path_factory.mktemp("office"))
    for cut in [*cuts, None]:
        office.fate.steps, office.fate.cut = 0, cut
        try:
            story(office)
        except KilledError:
            office.later(LEASE)
    office.deliver()
    check(office)
    office.store.close()


def test_a_preview_that_fails_keeps_nobody_from_being_told(office):
    """AWS is down: the leads are told all the same, and how to see the calls."""

    def fails(case_id):
        raise ProviderError("AWS is down")

    asking.ask(office.as_("watchbill"), "C-late")
    asking.answer(office.as_("james"), "C-late", "no")
    office.hear(preview=fails)
    office.deliver()
    (told,) = [each for each in office.slack.sent() if each.to == LEADS]
    assert told.buttons[1].confirm == ("The exact calls: `watchbill freeze C-late --dry-run`",)


def test_a_frozen_case_is_not_moved_by_an_answer(office):
    """What went its way meanwhile goes on."""
    asking.ask(office.as_("watchbill"), "C-late")
    row = office.store.cases.get("C-late")
    office.store.cases.put(replace(row, status="frozen"))
    asking.answer(office.as_("james"), "C-late", "yes")
    assert stand(office, "C-late")[:2] == ("frozen", "escalated")
    office.later(timedelta(hours=3))
    assert asking.deadlines(office.as_("watchbill")) == []


def test_protected_people_are_offered_no_freeze(office):
    """Not even by a button."""
    office.team = replace(office.team, protected=("james",))
    asking.ask(office.as_("watchbill"), "C-late")
    asking.answer(office.as_("james"), "C-late", "no")
    office.deliver()
    (escalation,) = office.slack.sent(NoticeKind.ESCALATION)
    assert "freeze" not in [each.action for each in escalation.buttons]


def test_without_channels_nothing_waits(office):
    """A team that asks by the terminal has no letters from last year to send."""
    office.team = asking_team(slack=False, mail=False)
    asking.ask(office.as_("watchbill"), "C-late")
    asking.answer(office.as_("james"), "C-late", "no")
    asking.decide(office.as_("sofia"), "C-late", Verdict.HIJACK, "r")
    assert office.notices() == []
