"""Presses: who may, once each, never in silence."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.service.desk import MINUTE, NOW, Office, asking_team

from watchbill.errors import ProviderError
from watchbill.ledger.model import Kind
from watchbill.respond.interfaces import SlackId
from watchbill.respond.notices import LEADS, NoticeKind
from watchbill.service import asking
from watchbill.service.clicks import Click, take, told, work_clicks
from watchbill.service.identities import pin
from watchbill.store.rows import FreezeRow


@pytest.fixture
def office(tmp_path):
    """Give an office in which James was asked."""
    made = Office(tmp_path)
    asking.ask(made.as_("watchbill"), "C-late")
    yield made
    made.store.close()


def press(office, who, action, case="C-late", **more):
    """Press, let it be worked on, and give the reply."""
    preview = more.pop("preview", office.preview)
    click = office.press(who, action, case, **more)
    if not take(office.store, click):
        return told(office.store, click).text
    office.hear(preview=preview)
    return office.said[-1][1]


def status(office, case="C-late"):
    """Give where a case stands."""
    return office.store.cases.get(case).status


def test_a_press_is_done_once(office):
    """The second is told what became of the first, by whoever it comes and whenever."""
    assert "A lead looks at it now" in press(office, "james", "answer:no")
    office.later(MINUTE)
    again = press(office, "james", "answer:no")
    assert again.startswith("You pressed that already, at 2026-01-13T04:00:00Z. Thank you.")
    assert office.kinds().count(Kind.QUESTION_ANSWERED) == 1
    assert office.kinds().count(Kind.CLICK_WORKED) == 1


def test_one_that_waits_is_known_too(office):
    """Pressed twice before anything was done."""
    click = office.press("james", "answer:yes")
    assert take(office.store, click)
    assert not take(office.store, click)
    assert told(office.store, click).text == "You pressed that already; it is being worked on."
    assert work_clicks(office.as_("watchbill"), office.desk()) == 1
    assert work_clicks(office.as_("watchbill"), office.desk()) == 0


@pytest.mark.parametrize(
    ("who", "action", "why"),
    [
        ("rick", "answer:yes", "nobody answers for somebody else"),
        ("sofia", "answer:no", "nobody answers for somebody else"),
        ("rick", "freeze", "`rick` is no lead"),
        ("james", "freeze", "`james` is no lead"),
        ("james", "verdict:mistake", "`james` is no lead"),
        ("james", "snooze:30", "`james` is no lead"),
        ("james", "answer:peer-yes", "nobody is to confirm it"),
        ("stranger", "answer:yes", "we do not know who of the team you are"),
        ("sofia", "verdict:nonsense", "does nothing any more"),
        ("sofia", "snooze:-1", "does nothing any more"),
        ("sofia", "snooze:99999", "does nothing any more"),
        ("james", "answer:maybe", "does nothing any more"),
        ("james", "answer:more", "you wrote nothing"),
        ("james", "nonsense", "does nothing any more"),
    ],
)
def test_who_may_not_is_told_so(office, who, action, why):
    """Nothing moves, and it is in the ledger; it may be pressed again."""
    pin(office.as_("watchbill"), "rick", office.users["rick@example.com"])
    before = office.store.cases.all()
    assert why in press(office, who, action)
    assert office.store.cases.all() == before
    assert office.frozen == []
    (refused,) = [entry for entry in office.store.ledger.entries() if entry.kind == Kind.CLICK_REFUSED]
    assert refused.facts["action"] == action
    assert why in press(office, who, action)


@pytest.mark.parametrize("standing", ["guest", "bot", "deleted", "stranger", "unknown"])
def test_only_members_count(office, standing):
    """Even with the pin of James."""
    assert "only members of the workspace" in press(office, "james", "answer:no", standing=standing)
    assert status(office) == "asked"


@pytest.mark.parametrize(
    ("respond", "action", "done"),
    [
        ("freeze", "freeze", True),
        ("freeze", "verdict:hijack", True),
        ("freeze", "restore", True),
        ("verdicts", "freeze", False),
        ("verdicts", "restore", False),
        ("verdicts", "verdict:hijack", True),
        ("off", "freeze", False),
        ("off", "verdict:hijack", False),
        ("off", "snooze:30", False),
    ],
)
def test_the_team_file_says_what_leads_may_do_in_slack(office, respond, action, done):
    """By the page they may all of it."""
    office.team = asking_team(respond=respond)
    office.frozen = ["C-late"]
    text = press(office, "sofia", action, text="so it is")
    assert ("does not let leads do this" not in text) is done
    office.frozen = ["C-late"]
    by_page = Click("x", "web", "sofia", action, "C-late", office.clock.now(), {})
    take(office.store, by_page)
    office.hear()
    assert "does not let" not in office.said[-1][1]


def test_the_subject_and_other_leads_are_no_business_of_slack(office):
    """A lead never decides about themselves, and about another lead not here."""
    office.team = replace(office.team, leads=("sofia", "james", "ada"))
    assert "is the subject of this case" in press(office, "james", "freeze")
    assert "james is a lead" in press(office, "sofia", "freeze")
    assert "james is a lead" in press(office, "ada", "verdict:mistake")


@pytest.mark.parametrize("action", ["freeze", "verdict:mistake", "snooze:30"])
def test_a_lead_who_is_frozen_decides_nothing(office, action):
    """It may not be them: neither in Slack nor by what was pressed on a page before, once it is worked on."""
    office.store.freezes.add(FreezeRow("F-1", "sofia", office.clock.now(), None, None, "{}"))
    assert "`sofia` is frozen" in press(office, "sofia", action, text="so it is")
    take(office.store, Click("x", "web", "sofia", action, "C-late", office.clock.now(), {}, "so it is"))
    office.hear()
    assert "`sofia` is frozen" in office.said[-1][1]
    assert (office.frozen, status(office)) == ([], "asked")


def test_a_verdict_by_a_button_closes(office):
    """With what the lead wrote for a reason; without one, or where another decided before, it is refused with how."""
    refused = press(office, "sofia", "verdict:mistake")
    assert "press again and write one, or `watchbill verdict C-late mistake --reason ...`" in refused
    assert press(office, "sofia", "verdict:mistake", text="late deploy") == "C-late is closed."
    (decided,) = [entry for entry in office.store.ledger.entries() if entry.kind == Kind.CASE_DECIDED]
    assert (decided.actor, decided.facts["reason"]) == ("sofia", "late deploy")
    office.team = replace(office.team, leads=("sofia", "ada"))
    assert "C-late is closed already" in press(office, "ada", "verdict:hijack", text="I do not think so")
    assert office.kinds().count(Kind.CASE_DECIDED) == 1


def test_a_press_is_in_the_ledger_with_who_and_where(office):
    """The person, the user of Slack, the message."""
    press(office, "james", "answer:no")
    (worked,) = [entry for entry in office.store.ledger.entries() if entry.kind == Kind.CLICK_WORKED]
    assert (worked.actor, worked.subject) == ("james", "C-late")
    assert worked.facts["as"] == "T1:UJAMES"
    assert worked.facts["message"] == {"ts": "0"}


def test_a_reminder_comes_unless_it_is_settled(office):
    """Half an hour later, as a message of its own."""
    press(office, "james", "answer:no")
    office.deliver()
    assert press(office, "sofia", "snooze:30") == "You are reminded in 30 min."
    office.later(29 * MINUTE)
    office.deliver()
    assert len(office.slack.sent(NoticeKind.ESCALATION)) == 1
    office.later(MINUTE)
    office.deliver()
    assert len([shown for shown in office.slack.messages if shown[0].to == LEADS]) == 2
    press(office, "sofia", "snooze:60")
    press(office, "sofia", "verdict:hijack", text="his laptop was stolen")
    office.later(timedelta(hours=2))
    office.deliver()
    leads = [shown for shown in office.slack.messages if shown[0].to == LEADS]
    assert len(leads) == 2
    assert [shown[-1].buttons for shown in leads] == [(), ()]
    assert [shown[-1].title.startswith("C-late is closed") for shown in leads] == [True, True]
    assert office.store.outbox.unsent() == []


def test_when_a_case_moves_every_message_about_it_says_so(office):
    """The newest has the buttons; a reminder that is yet to come comes, as the case stands then; mail has each once."""
    press(office, "james", "answer:yes")
    office.deliver()
    press(office, "sofia", "snooze:30")
    office.later(30 * MINUTE)
    office.deliver()
    press(office, "sofia", "snooze:60")
    assert "What you say now is kept as well" in press(office, "james", "answer:no")
    office.deliver()
    first, second = [shown for shown in office.slack.messages if shown[0].to == LEADS]
    for shown in (first, second):
        assert "Their answer: no" in shown[-1].lines
    assert first[-1].buttons == ()
    assert first[-1].context[-1] == "What may be done is below the newest message."
    assert "freeze" in [each.action for each in second[-1].buttons]
    mails = len(office.mail.sent())
    office.later(60 * MINUTE)
    office.deliver()
    third = [shown for shown in office.slack.messages if shown[0].to == LEADS][2]
    assert "Their answer: no" in third[-1].lines
    assert len(office.mail.sent()) == mails + 1
    assert office.store.outbox.unsent() == []


def test_what_is_told_besides_is_kept_and_told_on(office):
    """Each text is a press of its own."""
    press(office, "james", "answer:no")
    office.deliver()
    assert "it is kept" in press(office, "james", "answer:more", text="my laptop was stolen")
    assert "it is kept" in press(office, "james", "answer:more", text="on Monday")
    assert "already" in press(office, "james", "answer:more", text="on Monday")
    office.deliver()
    said = [each.lines[0] for each in office.slack.sent(NoticeKind.UPDATE)]
    assert said[-1] == "james says: on Monday"
    heard = [entry.facts["words"] for entry in office.store.ledger.entries() if entry.kind == Kind.QUESTION_HEARD]
    assert heard == ["my laptop was stolen", "on Monday"]


def test_a_freeze_that_failed_may_be_pressed_again(office):
    """AWS did not answer: the lead is told, and the next press goes on with it."""

    def fails(work, case_id):
        raise ProviderError("AWS did not answer")

    click = office.press("sofia", "freeze")
    assert take(office.store, click)
    office.hear(freeze=fails)
    assert office.said[-1][1] == "That could not be done now, so press again later: AWS did not answer"
    assert press(office, "sofia", "freeze") == "frozen by sofia"
    assert office.frozen == ["C-late"]


def test_other_kinds_of_presses_are_others_business(office):
    """As the person who pressed."""

    def approve(work, row):
        return f"{work.actor} pressed {row.action}"

    take(office.store, office.press("rick", "request:refuse", None))
    office.hear(others={"request": approve})
    assert "we do not know who" in office.said[-1][1]
    for action in ("refuse", "approve"):
        take(office.store, office.press("sofia", f"request:{action}", "R-1"))
        office.hear(others={"request": approve})
        assert office.said[-1][1] == f"sofia pressed request:{action}"


# --- what takes long ------------------------------------------------------------------------------


def test_what_takes_long_is_taken_on_and_said(office):
    """The presses behind it do not wait; the same press again is told that it is under way, and then what came of it."""
    clicks = [office.press("sofia", "freeze"), office.press("james", "answer:no", at=NOW + MINUTE)]
    assert [take(office.store, click) for click in clicks] == [True, True]
    assert work_clicks(office.as_("watchbill"), office.desk()) == 2
    assert [text for _, text in office.said] == [
        "james is being frozen: you will see here what came of it.",
        "Thank you. A lead looks at it now and will speak to you.",
    ]
    assert (office.frozen, office.store.clicks.waiting()) == ([], [])
    assert not take(office.store, clicks[0])
    assert "james is being frozen" in told(office.store, clicks[0]).text
    office.hear()
    assert office.frozen == ["C-late"]
    assert "frozen by sofia" in told(office.store, clicks[0]).text
    assert office.kinds().count(Kind.CLICK_WORKED) == 2


def test_the_most_urgent_comes_first(office):
    """Whatever was taken on before: a freeze before what somebody asked for, and calls to be shown last."""
    done = []

    def freeze(work, case_id):
        done.append("freeze")
        return "frozen"

    def approve(work, row):
        done.append(row.action)
        return "approved"

    def preview(case_id):
        done.append("calls")
        return ["a"]

    press(office, "james", "answer:no", preview=preview)
    asking.tell_more(office.as_("james"), "C-late", "more")
    for click in (office.press("sofia", "request:approve", "R-1"), office.press("sofia", "freeze")):
        take(office.store, click)
    done.clear()
    office.hear(freeze=freeze, preview=preview, others={"request": approve})
    assert done == ["freeze", "request:approve", "calls"]


def test_nobody_decides_while_a_freeze_is_under_way(office):
    """What comes of it is not known yet; whoever may not freeze is refused before anything is taken on."""
    take(office.store, office.press("rick", "freeze", at=NOW - MINUTE))
    take(office.store, office.press("sofia", "freeze"))
    take(office.store, office.press("sofia", "verdict:mistake", text="a deploy"))
    work_clicks(office.as_("watchbill"), office.desk())
    assert [text for _, text in office.said][1:] == [
        "james is being frozen: you will see here what came of it.",
        "a freeze is under way in C-late. Try: press again when it has come to its end",
    ]
    assert "we do not know who" in office.said[0][1]
    office.hear()
    assert press(office, "sofia", "verdict:mistake", text="a deploy") == "C-late is closed."


def test_nobody_presses_what_is_ours(office):
    """What waits among presses without having been pressed is watchbill's own."""
    assert "does nothing any more" in press(office, "sofia", "calls")


# --- who is who -----------------------------------------------------------------------------------


def test_somebody_is_pinned_at_their_first_press(office):
    """By their address once; from then on it counts no more."""
    press(office, "james", "answer:no")
    row = office.store.identities.of("james")
    assert (row.team, row.user) == ("T1", "UJAMES")
    office.users = {}
    assert "answered already" in press(office, "james", "answer:yes")
    assert office.kinds().count(Kind.IDENTITY_PINNED) == 1


def test_an_address_that_is_anothers_now_is_refused_and_told(office):
    """Whoever changed it, the leads hear of it, once."""
    office.users = {"james@example.com": SlackId("T1", "UJAMES")}
    press(office, "james", "answer:more", text="hello")
    office.users = {"james@example.com": SlackId("T1", "UEVE")}
    for _ in range(2):
        assert "another user of Slack to us" in press(office, "eve", "answer:yes")
    assert status(office) == "asked"
    office.deliver()
    (news,) = office.slack.sent(NoticeKind.NEWS)
    assert (news.to, news.title) == (LEADS, "The address of james is another's in Slack")
    assert "UEVE" in news.lines[0]
    assert "james is pinned to UJAMES of T1." in news.lines


def test_the_same_user_of_another_workspace_is_nobody(office):
    """Ids of users are of a workspace."""
    press(office, "james", "answer:more", text="hello")
    foreign = SlackId("T2", "UJAMES")
    assert "we do not know" in press(office, "james", "answer:no", id="x", actor=foreign)


def test_who_left_the_team_counts_no_more(office):
    """The pin stays, the person is gone."""
    press(office, "rick", "answer:yes", case="C-late")
    press(office, "james", "answer:more", text="hello")
    office.team = replace(office.team, people={k: v for k, v in office.team.people.items() if k != "james"})
    assert "in the team file no more" in press(office, "james", "answer:no")
