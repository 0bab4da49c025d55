"""What the store keeps of asking, on SQLite and in a real Postgres: notices, clicks, identities, links, mutes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from watchbill.store.rows import (
    ClickRow,
    IdentityRow,
    LinkRow,
    MuteRow,
    OutboxRow,
    QuestionRow,
    Sending,
    Worked,
)


AT = datetime(2026, 1, 12, 3, 0, 0, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def notice(key="C-1:question:james", channel="slack", number=0, **more):
    """Make a notice that waits."""
    row = OutboxRow(key, channel, number, "james", '{"title": "\\u2603"}', Sending.WAITING, 0, AT, AT, case_id="C-1")
    return replace(row, **more)


def test_a_notice_is_there_once_a_channel_and_in_its_place(place):
    """The same again is not written; one that has a place keeps it."""
    with place.open() as store:
        assert store.outbox.put(notice())
        assert not store.outbox.put(notice(payload="{}"))
        assert store.outbox.put(notice("C-2:question:rick", case_id=None))
        assert store.outbox.put(notice(channel="notify:ops", number=1))
    with place.open() as store:
        assert [(row.key, row.channel, row.number) for row in store.outbox.unsent()] == [
            ("C-1:question:james", "notify:ops", 1),
            ("C-1:question:james", "slack", 1),
            ("C-2:question:rick", "slack", 2),
        ]
        assert store.outbox.get("C-1:question:james", "slack") == notice(number=1)
        assert len(store.outbox.of("C-1:question:james")) == 2
        assert [row.key for row in store.outbox.of_case("C-1")] == ["C-1:question:james"] * 2
        assert [row.key for row in store.outbox.of_case(None)] == ["C-2:question:rick"]
        assert store.outbox.waiting_since() == AT


def test_a_notice_is_claimed_by_one(place):
    """Whoever read it as it was before is told so."""
    with place.open() as store:
        store.outbox.put(notice())
        (row,) = store.outbox.unsent()
        claimed = replace(row, state=Sending.SENDING, next_at=AT + MINUTE)
        assert store.outbox.turn(row, claimed)
        assert not store.outbox.turn(row, claimed)
        sent = replace(claimed, state=Sending.SENT, sent_at=AT, reference='{"ts": "1"}')
        assert store.outbox.turn(claimed, sent)
        assert store.outbox.unsent() == []
        assert store.outbox.of(row.key) == [sent]
        assert store.outbox.waiting_since() is None


def test_only_what_was_never_tried_is_replaced(place):
    """One that may have been sent goes on."""
    with place.open() as store:
        for number, state in enumerate((Sending.WAITING, Sending.SENDING, Sending.SENT), start=1):
            store.outbox.put(notice("k", f"c{number}", state=state))
        store.outbox.put(notice("k", "c4", tries=1))
        store.outbox.replace("k")
        assert {row.channel: row.state for row in store.outbox.of("k")} == {
            "c1": Sending.REPLACED,
            "c2": Sending.SENDING,
            "c3": Sending.SENT,
            "c4": Sending.WAITING,
        }


def click(click_id="C-1|T1:U1|answer:no", at=AT):
    """Make a click that waits."""
    return ClickRow(click_id, "slack", "T1:U1", "member", "answer:no", "C-1", at, '{"ts": "1"}', "")


def test_a_click_is_taken_once_but_again_after_it_was_refused(place):
    """Twice pressed is once done; who was refused may have learned why."""
    with place.open() as store:
        assert store.clicks.take(click("b", AT + MINUTE))
        assert store.clicks.take(click("a", AT))
        assert not store.clicks.take(click("a", AT + MINUTE))
        assert [each.id for each in store.clicks.waiting()] == ["a", "b"]
        store.clicks.worked(click("a", AT), Worked.DONE, '{"text": "done"}', AT + MINUTE)
        store.clicks.worked(click("b", AT + MINUTE), Worked.REFUSED, "{}", AT + MINUTE)
        assert store.clicks.waiting() == []
        assert not store.clicks.take(click("a"))
        assert store.clicks.take(click("b", AT + 2 * MINUTE))
    with place.open() as store:
        done = store.clicks.get("a")
        assert done == replace(click("a"), state=Worked.DONE, reply='{"text": "done"}', worked_at=AT + MINUTE)
        assert store.clicks.get("c") is None


def test_a_person_is_one_user_and_a_user_one_person(place):
    """What was pinned first stands."""
    with place.open() as store:
        james = IdentityRow("james", "T1", "U1", AT)
        assert store.identities.pin(james)
        assert not store.identities.pin(replace(james, user="U2"))
        assert not store.identities.pin(replace(james, person="rick"))
        assert store.identities.pin(IdentityRow("rick", "T2", "U1", AT))
        assert store.identities.of("james") == store.identities.person("T1", "U1") == james
        assert store.identities.of("ada") is store.identities.person("T3", "U1") is None


def test_a_link_is_good_once(place):
    """It is kept by the digest of its secret."""
    link = LinkRow("0" * 64, "C-1", "james", AT + MINUTE)
    with place.open() as store:
        store.links.add(link)
        assert store.links.get("0" * 64) == link
        assert store.links.use("0" * 64, AT)
        assert not store.links.use("0" * 64, AT)
        assert not store.links.use("1" * 64, AT)
        assert store.links.get("0" * 64) == replace(link, used_at=AT)


def test_mutes_are_kept(place):
    """One of a case, a rule and a key is there once."""
    mute = MuteRow("C-1", "rule", "ASIA1", "james", AT, AT + MINUTE)
    with place.open() as store:
        store.mutes.add(mute)
        store.mutes.add(replace(mute, end=AT))
        store.mutes.add(replace(mute, access_key="ASIA2"))
        assert store.mutes.all() == [mute, replace(mute, access_key="ASIA2")]


def test_a_question_turns_only_from_where_it_was_read(place):
    """By where it stood and what was answered; those whose time is over are given, to the microsecond."""
    question = QuestionRow("C-1", "james", "was it you?", AT, AT + MINUTE)
    yes = replace(question, stand="answered", answer="yes", answered_at=AT, answered_by="james", peer="rick")
    proven = replace(yes, stand="stepped up", confirmed_at=AT, confirmed_by="rick")
    with place.open() as store:
        store.questions.ask(question)
        assert store.questions.due(AT + MINUTE - timedelta(microseconds=1)) == []
        assert store.questions.due(AT + MINUTE) == [question]
        assert store.questions.turn(question, yes)
        assert not store.questions.turn(question, proven)
        assert not store.questions.turn(replace(question, stand="answered"), proven)
        assert store.questions.due(AT + MINUTE) == [yes]
        assert store.questions.turn(yes, proven)
        assert store.questions.due(AT + MINUTE) == []
        assert store.questions.of("C-1") == proven
