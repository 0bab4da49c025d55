"""The outbox: order, waiting, trying again, the next channel, and never the same thing twice."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.teams import HERE
from tests.unit.service.desk import MINUTE, Channel, KilledError, Office, asking_team, questions

from watchbill.errors import RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.notices import LEADS, Notice, NoticeKind
from watchbill.service import asking
from watchbill.service.outbox import LEASE, MOST, TRIES, deliver, put
from watchbill.store.rows import Sending
from watchbill.team.model import Notify


HOUR = timedelta(hours=1)


class Refusing(Channel):
    """A channel that reaches nobody."""

    def send(self, notice, to, before):
        """Refuse."""
        raise RefusedError("the team has no leads to tell")


@pytest.fixture
def office(tmp_path):
    """Give an office."""
    made = Office(tmp_path)
    yield made
    made.store.close()


def notice(key, to="james", kind=NoticeKind.QUESTION, replaces=None):
    """Make something to tell."""
    return Notice(key, kind, to, None, "info", "title", ("line",), replaces=replaces)


def say(office, *keys, to="james", **more):
    """Write some notices."""
    for key in keys:
        put(office.as_("watchbill"), notice(key, to, **more))


def run(office, until, step=timedelta(seconds=10)):
    """Make passes for a while."""
    end = office.clock.now() + until
    while office.clock.now() < end:
        office.deliver()
        office.later(step)


def states(office):
    """Give where every notice stands."""
    return {(row.key, row.channel): str(row.state) for row in office.store.outbox.of_case(None)}


def test_each_is_sent_once_in_its_order(office):
    """The same key again is the same notice."""
    say(office, "a", "b", "a")
    assert office.deliver().sent == 2
    assert office.deliver().sent == 0
    assert office.slack.said() == ["a", "b"]
    assert office.kinds() == [Kind.NOTICE_SENT, Kind.NOTICE_SENT]


def test_slack_is_down_for_an_hour(tmp_path):
    """Without mail nothing is lost, nothing comes twice, each keeps its place; it is tried once in ten minutes at last."""
    office = Office(tmp_path, asking_team(mail=False))
    office.slack.down = True
    say(office, "a", "b")
    say(office, "c", to="rick")
    tries = office.fate.steps
    run(office, HOUR)
    assert office.slack.said() == []
    (row,) = office.store.outbox.of("a")
    assert 8 < row.tries < 14
    assert office.store.outbox.of("b")[0].tries == 0
    office.slack.down = False
    run(office, 10 * MINUTE)
    assert [each for each in office.slack.said() if each in "ab"] == ["a", "b"]
    assert sorted(each for each in office.slack.said() if each in "abc") == ["a", "b", "c"]
    assert [each.to for each in office.slack.sent(NoticeKind.NEWS)] == [LEADS, LEADS]
    assert office.store.outbox.unsent() == []
    assert tries < office.fate.steps
    office.store.close()


def test_where_slack_fails_mail_has_it_and_says_so(office):
    """After a minute or so; what follows goes the same way, and back by Slack once that works for another."""
    office.slack.down = True
    say(office, "a")
    run(office, 2 * MINUTE)
    assert states(office) == {("a", "slack"): "failed", ("a", "notify:ops"): "sent"}
    assert office.mail.sent()[0].context == ("This could not be said by slack.",)
    assert office.kinds() == [Kind.NOTICE_FAILED, Kind.NOTICE_SENT]
    office.slack.down = False
    say(office, "b", kind=NoticeKind.ANSWERED, replaces="a")
    office.deliver()
    assert [each.key for each in office.mail.messages[0]] == ["a", "b"]
    assert office.slack.said() == []


def test_however_many_wait_each_comes_in_its_place(office, monkeypatch):
    """They are read in parts; where every channel asks to wait, no further."""
    monkeypatch.setattr("watchbill.service.outbox._PAGE", 10)
    keys = [f"a{number}" for number in range(35)]
    with office.store.transaction():
        say(office, *keys)
    office.slack.busy = MINUTE
    reads, unsent = [], office.store.outbox.unsent

    def read(*given):
        reads.append(given)
        return unsent(*given)

    monkeypatch.setattr(office.store.outbox, "unsent", read)
    deliver(office.as_("watchbill"), {"slack": office.slack})
    assert len(reads) == 1
    office.slack.busy = None
    office.later(MINUTE)
    office.deliver()
    assert office.slack.said() == keys


def test_what_never_works_has_the_next_channel_at_once(office):
    """A guest, or nobody: trying again would change nothing."""

    def refuse(notice, to, before):
        raise RefusedError("they are a guest")

    office.slack.send = refuse
    say(office, "a")
    office.deliver()
    office.deliver()
    assert office.mail.said() == ["a"]


def test_whoever_cannot_be_told_at_all_is_news_for_the_leads(tmp_path):
    """They are in the team file no more."""
    office = Office(tmp_path, asking_team(mail=False))
    say(office, "a", to="gone")
    office.deliver()
    office.deliver()
    (news,) = office.slack.sent()
    assert (news.to, news.kind) == (LEADS, NoticeKind.NEWS)
    assert "gone could not be told" in news.title
    assert states(office)["a", "slack"] == "failed"
    office.store.close()


KINDS = ("mail", "pagerduty", "webhook", "apprise")


def leading(*leads, slack, kinds):
    """Make a team of whose leads each kind of channel tells."""
    entries = [Notify(each, each, None, each.upper(), frozenset({"escalation"}), HERE) for each in kinds]
    return replace(asking_team(slack=slack, leads=leads), notify=tuple(entries))


@pytest.mark.parametrize(
    ("slack", "kinds", "others"),
    [
        (True, KINDS, ["slack", "notify:mail"]),
        (True, ("pagerduty",), ["slack"]),
        (False, KINDS, ["notify:mail"]),
        (False, ("pagerduty", "webhook", "apprise"), []),
    ],
)
def test_a_lead_is_told_nothing_of_their_own_case(tmp_path, slack, kinds, others):
    """Whatever the notice says: by channels that can leave one out, and the ledger says so where there is none."""
    office = Office(tmp_path, leading("sofia", "james", slack=slack, kinds=kinds))
    every = [*(["slack"] if slack else []), *(f"notify:{kind}" for kind in kinds)]
    for case_id, channels in (("C-late", others), (None, every)):
        told = replace(notice(f"of {case_id}", LEADS, NoticeKind.ESCALATION), case=case_id)
        put(office.as_("watchbill"), told)
        assert {row.channel for row in office.store.outbox.of(told.key)} == set(channels)
    assert {msgspec.json.decode(row.payload, type=Notice).about for row in office.store.outbox.of("of C-late")} <= {
        "james"
    }
    assert (Kind.NOTICE_FAILED in office.kinds()) == (not others)
    office.store.close()


def test_the_case_of_the_only_lead_is_told_to_nobody(tmp_path):
    """Nor does it hold up what else leads are told, though it was written before the others went."""
    office = Office(tmp_path, leading("sofia", "james", slack=True, kinds=("mail",)))
    told = replace(notice("a", LEADS, NoticeKind.ESCALATION), case="C-late")
    put(office.as_("watchbill"), told)
    office.team = leading("james", slack=True, kinds=("mail",))
    put(office.as_("watchbill"), replace(told, key="b"))
    assert office.store.outbox.of("b") == []

    deliver(office.as_("watchbill"), {"slack": Refusing(), "notify:mail": Refusing()})
    assert {str(row.state) for row in office.store.outbox.of("a")} == {"failed"}
    office.store.close()


def test_a_channel_that_asks_to_wait_is_let_alone(office):
    """429: as long as it says, all of it, and no other; it counts as no failure."""
    office.slack.busy = timedelta(seconds=45)
    say(office, "a")
    say(office, "b", to="rick")
    say(office, "c", to=LEADS, kind=NoticeKind.ESCALATION)
    problems = office.deliver().problems
    assert [each.code for each in problems] == ["channel-busy"]
    assert office.mail.said() == ["c"]
    office.slack.busy = None
    office.later(timedelta(seconds=44))
    office.deliver()
    assert office.slack.said() == ["b", "c"]
    office.later(timedelta(seconds=1))
    office.deliver()
    assert office.slack.said() == ["b", "c", "a"]
    assert office.store.outbox.of("a")[0].tries == 0


def test_what_waits_holds_up_what_comes_behind_it(office):
    """An answer is not told before its question; others are not kept waiting."""
    office.slack.busy = 5 * MINUTE
    say(office, "a")
    office.deliver()
    office.slack.busy = None
    say(office, "b")
    say(office, "c", to="rick")
    office.deliver()
    assert office.slack.said() == ["c"]
    office.later(5 * MINUTE)
    office.deliver()
    assert office.slack.said() == ["c", "a", "b"]


def test_what_is_put_off_holds_up_nothing(office):
    """A reminder for later is none of today's business."""
    put(office.as_("watchbill"), notice("later"), office.clock.now() + HOUR)
    say(office, "now")
    office.deliver()
    assert office.slack.said() == ["now"]
    office.later(HOUR)
    office.deliver()
    assert office.slack.said() == ["now", "later"]


def test_one_that_was_sent_although_it_failed_is_found(office):
    """The channel gave no answer in time: it is asked before anything is sent again."""
    office.slack.times_out = True
    say(office, "a")
    office.deliver()
    office.slack.times_out = False
    run(office, MINUTE)
    assert office.slack.said() == ["a"]
    assert states(office)["a", "slack"] == "sent"


def test_one_that_a_dead_process_sent_is_found(office):
    """Not before its claim is too old: the process may be slow."""
    say(office, "a")
    office.fate.steps, office.fate.cut = 0, 4
    with pytest.raises(KilledError):
        office.deliver()
    office.fate.cut = None
    assert office.slack.said() == ["a"]
    assert states(office)["a", "slack"] == "sending"
    office.deliver()
    assert states(office)["a", "slack"] == "sending"
    office.later(LEASE)
    office.deliver()
    assert office.slack.said() == ["a"]
    assert states(office)["a", "slack"] == "sent"


def test_two_processes_send_it_once(office):
    """Who comes second finds it claimed."""
    say(office, "a")
    send = office.slack.send

    def meanwhile(told, to, before):
        assert office.deliver().sent == 0
        return send(told, to, before)

    office.slack.send = meanwhile
    assert office.deliver().sent == 1
    assert office.slack.said() == ["a"]


def test_what_takes_its_place_before_it_was_sent_is_all_there_is(office):
    """Nobody is asked what is settled already."""
    say(office, "a")
    say(office, "b", replaces="a", kind=NoticeKind.ANSWERED)
    office.deliver()
    assert office.slack.said() == ["b"]
    assert states(office)["a", "slack"] == "replaced"
    assert questions(office.slack) == []


def test_many_are_sent_in_pieces(office):
    """So that no claim grows old while others are sent; a stop is heard."""
    say(office, *(f"n{n:03}" for n in range(MOST + 5)))
    first = office.deliver()
    assert (first.sent, first.more) == (MOST, True)
    senders = {"slack": office.slack}
    assert deliver(office.as_("watchbill"), senders, goes_on=lambda: False).more
    assert (office.deliver().sent, office.deliver().more) == (5, False)
    assert office.slack.said() == [f"n{n:03}" for n in range(MOST + 5)]


STEPS = st.lists(
    st.sampled_from(["say", "say", "pass", "pass", "down", "up", "busy", "slow", "die", "wait", "long"]), max_size=25
)


@settings(examples(12, 60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.booleans(), st.integers(1, 9))
def test_whatever_happens_each_is_told_once_and_in_order(tmp_path_factory, steps, mail, cut):
    """Outages, limits, lost answers and deaths in any order: nothing lost, nothing twice where one channel is."""
    office = Office(tmp_path_factory.mktemp("outbox"), asking_team(mail=mail))
    said: list[str] = []
    for step in steps:
        one(office, step, said, cut)
    one(office, "up", said, cut)
    for _ in range(40):
        office.deliver()
        office.later(10 * MINUTE)
    by_slack = [each for each in office.slack.said() if each in said]
    by_mail = [each for each in office.mail.said() if each in said]
    assert len(by_slack) == len(set(by_slack))
    assert len(by_mail) == len(set(by_mail))
    assert {*by_slack, *by_mail} == set(said)
    assert by_slack == sorted(by_slack)
    if not mail:
        assert by_mail == []
    assert all(row.tries >= TRIES for row in office.store.outbox.of_case(None) if row.state is Sending.FAILED)
    assert office.store.outbox.unsent() == []
    office.store.close()


def one(office, step, said, cut):
    """Do one step of what may happen."""
    if step == "say":
        said.append(f"k{len(said):02}")
        say(office, said[-1])
    elif step in ("down", "up"):
        office.slack.down, office.slack.busy, office.slack.times_out = step == "down", None, False
    elif step == "busy":
        office.slack.busy = MINUTE
    elif step == "slow":
        office.slack.times_out = True
    elif step in ("wait", "long"):
        office.later(MINUTE if step == "wait" else 10 * MINUTE)
    else:
        office.fate.steps, office.fate.cut = 0, cut if step == "die" else None
        with suppress(KilledError):
            office.deliver()
        office.fate.cut = None


def test_who_is_asked_without_a_page_is_told_the_command(tmp_path):
    """By mail alone there is nothing to press."""
    office = Office(tmp_path, asking_team(slack=False))
    asking.ask(office.as_("watchbill"), "C-late")
    office.deliver()
    (asked,) = office.mail.sent(NoticeKind.QUESTION)
    assert asked.context[1:] == ("By command: watchbill answer C-late yes", "By command: watchbill answer C-late no")
    office.store.close()
