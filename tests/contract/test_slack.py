"""Notices in Slack, and what people press there: on the stand-in, and where it can on `emulate`, which others wrote.

Both are spoken to over HTTP by Slack's own client, presses come over Bolt's own socket client.
"""

import json
import os
import re
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import SHUT_RDWR, create_server
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import uvicorn
from ruamel.yaml import YAML
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier
from tests.hostile import HOSTILE, hidden
from tests.workspace import (
    AT,
    CHANNEL,
    Desk,
    connected,
    notice,
    populate,
    recipient,
    settings_of,
    slack_team,
    user_of,
)

from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.respond.interfaces import LaterError, Recipient, SlackId
from watchbill.respond.notices import LEADS, Button, NoticeKind
from watchbill.sim.slack import SlackStandIn, User
from watchbill.sim.slack.model import BOT, BOT_TOKEN, SCOPES, SIGNING_SECRET, TEAM
from watchbill.sim.slack.server import signed
from watchbill.slack.calls import client_of
from watchbill.slack.connect import PATH, SlackSettings, connect
from watchbill.slack.model import RequestAccess, ShowCase, Standing, Who
from watchbill.slack.people import People
from watchbill.slack.sender import SlackSender


ROOT = Path(__file__).parents[2]
MANIFEST = YAML(typ="safe").load((ROOT / "deploy/slack-app-manifest.yaml").read_text("utf-8"))
PEERS = ROOT / "tests/peers"
EMULATE = PEERS / "node_modules/emulate/dist/index.js"


@pytest.fixture
def slack():
    """Run the stand-in, with the team in it."""
    with SlackStandIn() as running:
        populate(running)
        yield running


def sender_of(slack, channel=CHANNEL, leads=("sofia",), desk=None):
    """Make a sender to the stand-in."""
    people = [recipient(name) for name in leads]
    pin = (desk or Desk()).pin
    return SlackSender(client_of(BOT_TOKEN, slack.url), channel, lambda: people, pin, lambda: datetime.now(UTC))  # noqa: TID251 - Slack's time is the machine's


def eventually(found, seconds=5.0):
    """Wait until something is so, and give it."""
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.01)
    return value


# --- one contract, two peers ---------------------------------------------------------------------------------------


@dataclass
class Peer:
    """A workspace that a sender writes to, and how to look at it past the sender."""

    client: WebClient
    rick: SlackId
    lead: SlackId
    channel: str

    def sender(self, channel=None, pin=lambda *_: None):
        """Make a sender."""
        lead = Recipient("sofia", "sofia@example.com", self.lead)
        return SlackSender(self.client, channel, lambda: [lead], pin, lambda: datetime.now(UTC))  # noqa: TID251 - as above

    def history(self, channel):
        """Give what was said, the newest first."""
        return self.client.conversations_history(channel=channel, include_all_metadata=True)["messages"]


@pytest.fixture(scope="session")
def emulate(tmp_path_factory):
    """Run `emulate`, whose one bot has the scopes of our manifest and no more."""
    assert EMULATE.exists(), "run `make test`, which installs it"
    names = ("watchbill", "rick", "sofia", "ada")
    seed = {
        "slack": {
            "team": {"name": "Orders", "domain": "orders"},
            "users": [{"name": name, "real_name": name, "email": f"{name}@example.com"} for name in names],
            "channels": [{"name": "oncall"}],
            "tokens": [
                {
                    "token": BOT_TOKEN,
                    "user": "watchbill",
                    "type": "bot",
                    "scopes": MANIFEST["oauth_config"]["scopes"]["bot"],
                }
            ],
            "strict_scopes": True,
        }
    }
    folder = tmp_path_factory.mktemp("emulate")
    (folder / "seed.json").write_text(json.dumps(seed), "utf-8")
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["node", "--require", str(PEERS / "loopback.cjs"), str(EMULATE)]
    arguments += ["start", "--service", "slack", "--port", str(port), "--seed", "seed.json"]
    log = (folder / "log").open("wb")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}  # noqa: TID251 - node is on it
    process = subprocess.Popen(arguments, cwd=folder, stdout=log, stderr=log, env=env)
    client = client_of(BOT_TOKEN, f"http://127.0.0.1:{port}/api/")
    try:
        assert eventually(lambda: _is_there(client), 30), (folder / "log").read_text("utf-8")
        yield client
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def _is_there(client):
    with suppress(OSError):
        return client.auth_test()["ok"]


@pytest.fixture(params=["stand-in", "emulate"])
def peer(request):
    """Give each peer in turn."""
    if request.param == "emulate":
        client = request.getfixturevalue("emulate")
        people = People(client)
        (channel,) = (c for c in client.conversations_list()["channels"] if c["name"] == "oncall")
        yield Peer(client, people.look_up("rick@example.com"), people.look_up("sofia@example.com"), channel["id"])
        return
    with SlackStandIn() as running:
        populate(running)
        yield Peer(
            client_of(BOT_TOKEN, running.url), SlackId(TEAM, user_of("rick")), SlackId(TEAM, user_of("sofia")), CHANNEL
        )


def unique(peer):
    """Give a key that no other test has used."""
    return f"C-1:question:{time.monotonic_ns()}"


def test_a_person_is_written_to_directly_and_found_again(peer):
    """By the key, though people never see it; a key that was not sent is not found."""
    sender, rick = peer.sender(), Recipient("rick", "rick@example.com", peer.rick)
    asked = notice(key=unique(peer))
    assert sender.find(asked, rick) is None
    sent = sender.send(asked, rick, None)
    assert sender.find(asked, rick) == sent
    assert sender.find(replace(asked, key=unique(peer)), rick) is None
    (message, *_) = peer.history(sent["channel"])
    assert message["ts"] == sent["ts"]
    assert message["text"] == "Was that you?"
    assert [block["type"] for block in message["blocks"]] == ["header", "section", "context", "actions"]
    assert asked.key not in json.dumps(message["blocks"])


def test_an_answered_question_is_replaced(peer):
    """By plain text, where it was; it is found by its own key then."""
    sender, rick = peer.sender(), Recipient("rick", "rick@example.com", peer.rick)
    asked = notice(key=unique(peer))
    sent = sender.send(asked, rick, None)
    answered = notice(NoticeKind.ANSWERED, key=unique(peer), title="You said it was you, at 11:31.", replaces=asked.key)
    count = len(peer.history(sent["channel"]))
    assert sender.send(answered, rick, sent) == sent
    assert sender.find(answered, rick) == sent
    assert sender.find(asked, rick) is None
    message, *_ = peer.history(sent["channel"])
    assert len(peer.history(sent["channel"])) == count
    assert "actions" not in {block["type"] for block in message["blocks"]}


def test_what_replaces_a_message_that_is_gone_is_said_anew(peer):
    """Nothing is lost because somebody deleted a message."""
    sender, rick = peer.sender(), Recipient("rick", "rick@example.com", peer.rick)
    sent = sender.send(notice(key=unique(peer)), rick, None)
    gone = {"channel": sent["channel"], "ts": "1700000000.000001"}
    assert sender.send(notice(NoticeKind.ANSWERED, key=unique(peer)), rick, gone)["ts"] > sent["ts"]


def test_leads_are_told_in_their_channel_or_in_one_conversation(peer):
    """By the id of the channel or its name; without one, by a message to them."""
    told = notice(NoticeKind.ESCALATION, LEADS, key=unique(peer))
    everyone = Recipient(LEADS, "", None)
    by_id, by_name, alone = peer.sender(peer.channel), peer.sender("#oncall"), peer.sender(None)
    sent = by_id.send(told, everyone, None)
    assert sent["channel"] == peer.channel
    assert by_name.find(told, everyone) == sent
    direct = alone.send(told, everyone, None)
    assert direct["channel"] not in (peer.channel, "")
    assert alone.find(told, everyone) == direct


def test_somebody_is_looked_up_once_and_pinned(peer):
    """The ids are given to whoever keeps them."""
    pins = []
    sender = peer.sender(pin=lambda *pinned: pins.append(pinned))
    rick = Recipient("rick", "rick@example.com", None)
    sent = sender.send(notice(key=unique(peer)), rick, None)
    assert pins == [(rick, peer.rick)]
    assert sent["channel"]
    nobody = Recipient("mo", "mo@example.com", None)
    with pytest.raises(
        NotFoundError, match="`mo` cannot be written to in Slack: nobody in the Slack workspace has their"
    ):
        sender.send(notice(key=unique(peer), to="mo"), nobody, None)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_strings_arrive_as_text(emulate, text):
    """What Slack would show calls nobody, links nowhere and hides nothing."""
    rick = Recipient("rick", "rick@example.com", People(emulate).look_up("rick@example.com"))
    sender = SlackSender(emulate, None, list, lambda *_: None, lambda: datetime.now(UTC))  # noqa: TID251 - as above
    sent = sender.send(notice(key=f"C-1:{time.monotonic_ns()}", title=text, lines=(text,), context=(text,)), rick, None)
    message, *_ = emulate.conversations_history(channel=sent["channel"], limit=1)["messages"]
    written = json.dumps(message, ensure_ascii=False)
    assert not hidden(written)
    assert not {"<", ">"} & set(written)
    assert "://" not in written
    assert '"mrkdwn"' not in written


# --- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["users.info", "conversations.open", "chat.postMessage"])
def test_too_much_is_for_later(slack, method):
    """For as long as Slack says, and nobody waits here."""
    slack.limit(method, 1, retry_after=42)
    begun = time.monotonic()
    with pytest.raises(LaterError) as caught:
        sender_of(slack).send(notice(), recipient("rick"), None)
    assert caught.value.after == timedelta(seconds=42)
    assert time.monotonic() - begun < 5
    sender_of(slack).send(notice(), recipient("rick"), None)
    assert len(slack.direct(user_of("rick"))) == 1


def test_while_slack_is_down_nothing_is_sent(slack):
    """And it is sent when it is back."""
    sender = sender_of(slack)
    slack.go_down()
    with pytest.raises(ProviderError, match="Slack answered 503"):
        sender.send(notice(), recipient("rick"), None)
    slack.come_back()
    sender.send(notice(), recipient("rick"), None)
    assert len(slack.direct(user_of("rick"))) == 1
    with pytest.raises(ProviderError, match="could not be reached"):
        SlackSender(client_of(BOT_TOKEN, "http://127.0.0.1:1/api/"), None, list, Desk().pin, lambda: AT).send(
            notice(), recipient("rick"), None
        )


def test_a_connection_that_breaks_is_not_tried_again_here():
    """It may have been sent: whoever delivers asks first."""
    heard = []
    with create_server(("127.0.0.1", 0)) as listening:

        def hang_up():
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    heard.append(connection.recv(64))
                    connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        client = client_of(BOT_TOKEN, f"http://127.0.0.1:{listening.getsockname()[1]}/api/")
        with pytest.raises(ProviderError, match="could not be reached, or broke off"):
            SlackSender(client, None, list, Desk().pin, lambda: AT).send(notice(), recipient("rick"), None)
        listening.shutdown(SHUT_RDWR)
    thread.join()
    assert len(heard) == 1


def test_a_lost_answer_makes_no_second_question(slack):
    """It was sent, and Slack could not say so: the next attempt looks before it sends."""
    sender = sender_of(slack)
    slack.lose_answers("chat.postMessage")
    with pytest.raises(ProviderError, match="500"):
        sender.send(notice(), recipient("rick"), None)
    sent = sender.send(notice(), recipient("rick"), None)
    (message,) = slack.direct(user_of("rick"))
    assert (message.channel, message.ts) == (sent["channel"], sent["ts"])


def test_a_process_that_died_in_between_has_asked_once(slack):
    """Another process finds what the first one sent."""
    sent = sender_of(slack).send(notice(), recipient("rick"), None)
    for n in range(450):
        sender_of(slack).send(notice(key=f"C-2:{n}"), recipient("rick"), None) if n % 150 == 0 else slack.said.append(
            replace(slack.said[0], metadata=None, ts=slack.ts())
        )
    assert sender_of(slack).find(notice(), recipient("rick")) == sent
    assert slack.count("conversations.history") == 3


def test_what_was_said_so_much_after_that_it_cannot_be_told(slack, monkeypatch):
    """It is not taken for unsent."""
    monkeypatch.setattr("watchbill.slack.sender._PAGE", 2)
    monkeypatch.setattr("watchbill.slack.sender._PAGES", 2)
    for n in range(5):
        sender_of(slack).send(notice(key=f"C-1:{n}"), recipient("rick"), None)
    with pytest.raises(ProviderError, match="cannot be told"):
        sender_of(slack).find(notice(key="C-1:0"), recipient("rick"))
    assert sender_of(slack).find(notice(key="C-1:1"), recipient("rick"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"is_guest": True}, "a guest"),
        ({"is_bot": True}, "a bot"),
        ({"is_deleted": True}, "gone"),
        ({"team": "T0OTHER"}, "of another workspace"),
    ],
)
def test_who_is_no_member_is_not_asked(slack, changed, said):
    """Though their ids were pinned when they were one."""
    for name, value in changed.items():
        setattr(slack.users[user_of("rick")], name, value)
    with pytest.raises(RefusedError, match=f"`rick` cannot be written to in Slack: they are no member .*: {said}"):
        sender_of(slack).send(notice(), recipient("rick"), None)
    assert slack.said == []


def test_whoever_was_pinned_before_stays(slack):
    """An address that has somebody else now is no reason to write to them."""

    def pin(person, who):
        raise RefusedError(f"`{person.name}` is pinned to another user")

    sender = SlackSender(client_of(BOT_TOKEN, slack.url), None, list, pin, lambda: AT)
    with pytest.raises(RefusedError, match="pinned to another user"):
        sender.send(notice(), recipient("rick", pinned=False), None)
    assert slack.said == []


def test_an_address_of_no_member_is_not_pinned(slack):
    """Guests and bots have addresses as well."""
    desk = Desk()
    slack.users[user_of("rick")].is_guest = True
    with pytest.raises(RefusedError, match="a guest"):
        sender_of(slack, desk=desk).send(notice(), recipient("rick", pinned=False), None)
    assert desk.pins == {}


def test_a_team_without_a_way_to_its_leads_says_so(slack):
    """No leads, too many for one conversation, a channel that is not there or not ours."""
    slack.add_channel("C0999999999", "other", [user_of("ada")])
    nine = [f"lead{n}" for n in range(9)]
    for name in nine:
        slack.add_user(User(user_of(name), name, f"{name}@example.com"))
    told, everyone = notice(NoticeKind.ESCALATION, LEADS), recipient(LEADS)
    for sender, error, said in (
        (sender_of(slack, None, ()), RefusedError, "no leads to tell"),
        (sender_of(slack, None, nine), RefusedError, "no conversation with 9 leads"),
        (sender_of(slack, "C0888888888"), ProviderError, "channel_not_found"),
        (sender_of(slack, "C0999999999"), ProviderError, "not_in_channel"),
    ):
        with pytest.raises(error, match=said):
            sender.send(told, everyone, None)
    with pytest.raises(NotFoundError, match="sees no channel `#nowhere`"):
        sender_of(slack, "#nowhere").find(told, everyone)


def test_what_is_about_a_lead_is_told_to_the_others_alone(slack):
    """Past the channel, written over and found again in the same conversation, and over nothing that lies in the channel."""
    told, everyone = notice(NoticeKind.ESCALATION, LEADS, about="ada"), recipient(LEADS)
    for channel in (CHANNEL, None):
        sender = sender_of(slack, channel, ("sofia", "ada", "lee"))
        sent = sender.send(told, everyone, None)
        assert slack.conversations[sent["channel"]].members == {BOT, user_of("sofia"), user_of("lee")}
        assert sender_of(slack, channel, ("sofia", "ada", "lee")).find(told, everyone) == sent
        update = notice(NoticeKind.UPDATE, LEADS, about="ada", replaces=told.key)
        assert sender.send(update, everyone, sent) == sent
        lying = sender.send(replace(told, key="of-nobody", about="rick"), everyone, None)
        anew = sender.send(update, everyone, lying)
        assert anew["channel"] == sent["channel"]
        assert anew != lying
    assert [message.key for message in slack.messages(CHANNEL)] == ["of-nobody"]
    with pytest.raises(RefusedError, match="no leads to tell"):
        sender_of(slack, CHANNEL, ("ada",)).send(told, everyone, None)


def test_one_lead_who_cannot_be_written_to_keeps_the_others_from_nothing(slack):
    """Where none can, it is for another channel."""
    told, everyone = notice(NoticeKind.ESCALATION, LEADS), recipient(LEADS)
    slack.users[user_of("ada")].is_deleted = True
    sent = sender_of(slack, None, ("ada", "sofia", "lee")).send(told, everyone, None)
    assert slack.conversations[sent["channel"]].members == {BOT, user_of("sofia"), user_of("lee")}
    assert sender_of(slack, None, ("ada", "sofia", "lee")).find(told, everyone) == sent
    with pytest.raises(RefusedError, match="`ada` cannot be written to"):
        sender_of(slack, None, ("ada",)).send(told, everyone, None)


def test_a_message_that_would_let_its_subject_act_is_not_sent(slack):
    """It is for another channel then, as anything that was not sent."""
    with pytest.raises(RefusedError, match="would have the button `freeze`"):
        sender_of(slack).send(notice(buttons=(Button("freeze", "Freeze"),)), recipient("rick"), None)
    assert slack.calls == []


def test_every_scope_of_the_manifest_is_needed_and_no_other(slack):
    """Each that is missing is named, with what to do; the stand-in is given what the manifest asks for."""
    assert set(MANIFEST["oauth_config"]["scopes"]["bot"]) == SCOPES
    slack.add_channel("C0777777777", "closed", [BOT, user_of("sofia")], "private")
    everyone, told = recipient(LEADS), notice(NoticeKind.ESCALATION, LEADS)
    needed = set()

    def everything():
        sender_of(slack, desk=Desk()).send(notice(key="a"), recipient("rick", pinned=False), None)
        sender_of(slack).find(notice(), recipient("rick"))
        sender_of(slack, "#oncall").find(told, everyone)
        sender_of(slack, "C0777777777").find(told, everyone)
        sender_of(slack, None, ("sofia", "ada")).find(told, everyone)

    everything()
    for scope in sorted(SCOPES - {"commands"}):
        slack.scopes = SCOPES - {scope}
        with pytest.raises(ProviderError, match=rf"missing_scope \({re.escape(scope)}\)") as caught:
            everything()
        assert "slack-app-manifest" in str(caught.value.hint)
        needed.add(scope)
    assert needed | {"commands"} == SCOPES


def test_no_error_shows_a_token(slack, caplog):
    """Nor a cause of it."""
    caplog.set_level("DEBUG")
    for token, url in (("xoxb-secret-token", slack.url), ("xoxb-secret-token", "http://127.0.0.1:1/api/")):
        with pytest.raises(ProviderError) as caught:
            SlackSender(client_of(token, url), None, list, Desk().pin, lambda: AT).send(
                notice(), recipient("rick"), None
            )
        assert "secret-token" not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"
    assert "secret-token" not in caplog.text
    assert "secret" not in repr(SlackSettings("xoxb-secret", "xapp-secret", "secret"))


# --- what people press ---------------------------------------------------------------------------------------------


@contextmanager
def listening(slack, desk, *, socket):
    """Connect over a socket, or serve requests and let the stand-in post them."""
    with connected(slack, desk, socket=socket) as made:
        if socket:
            assert eventually(lambda: slack.connections)
            yield made
            return
        listener = create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(made.asgi, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert eventually(lambda: server.started)
        slack.request_url = f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
        try:
            yield made
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(params=[True, False], ids=["socket", "requests"])
def heard(request, slack):
    """Give the stand-in, what hears, and its desk; over both ways by which presses come."""
    desk = Desk()
    with listening(slack, desk, socket=request.param) as made:
        yield slack, made, desk


def test_a_press_is_taken_with_who_and_what(heard):
    """By Slack's ids, with the message it was on."""
    slack, made, desk = heard
    sent = made.sender.send(notice(), recipient("rick"), None)
    pressed = slack.press(user_of("rick"), slack.direct(user_of("rick"))[0], "answer:no")
    assert pressed.is_acknowledged
    (press,) = desk.presses
    assert (press.id, press.source) == (f"C-1|{TEAM}:U0RICK|answer:no", "slack")
    assert (press.actor, press.action, press.case) == (SlackId(TEAM, "U0RICK"), "answer:no", "C-1")
    assert (press.at, press.reference, press.standing) == (AT, sent, Standing.MEMBER)
    assert slack.whispered(user_of("rick")) == []


def test_the_same_press_again_is_told(heard):
    """Once taken, and then said who was first; never ignored."""
    slack, made, desk = heard
    made.sender.send(notice(), recipient("rick"), None)
    (message,) = slack.direct(user_of("rick"))
    for _ in range(3):
        assert slack.press(user_of("rick"), message, "answer:yes").is_acknowledged
    assert len(desk.presses) == 1
    assert eventually(lambda: len(slack.whispered(user_of("rick"))) == 2)
    assert set(slack.whispered(user_of("rick"))) == {"already answered at 11:30"}


def test_a_press_that_cannot_be_written_down_is_told(heard):
    """Nothing is done, and whoever pressed knows."""
    slack, made, desk = heard
    made.sender.send(notice(), recipient("rick"), None)

    def full(press):
        raise ProviderError("the state is locked")

    made.sender.send(notice(), recipient("rick"), None)
    desk.presses = _Refusing()
    assert slack.press(user_of("rick"), slack.direct(user_of("rick"))[0], "answer:yes").is_acknowledged
    assert eventually(lambda: slack.whispered(user_of("rick")))
    assert "nothing was done" in slack.whispered(user_of("rick"))[0]


class _Refusing(list[Any]):
    def __iter__(self):
        raise ProviderError("the state is locked")


def test_a_mistake_of_ours_is_told_too(heard, caplog):
    """And is in the log."""
    slack, made, desk = heard
    made.sender.send(notice(), recipient("rick"), None)
    desk.presses = None
    slack.press(user_of("rick"), slack.direct(user_of("rick"))[0], "answer:yes")
    assert eventually(lambda: slack.whispered(user_of("rick")))
    assert "went wrong on our side" in slack.whispered(user_of("rick"))[0]
    assert "a request of Slack's failed" in caplog.text


def test_telling_more_opens_a_dialogue(heard):
    """What is written there is one press, with its text."""
    slack, made, desk = heard
    sent = made.sender.send(notice(), recipient("rick"), None)
    slack.press(user_of("rick"), slack.direct(user_of("rick"))[0], "answer:more")
    (view,) = eventually(lambda: list(slack.views))
    assert desk.presses == []
    for text in HOSTILE.values():
        if "\ud83d" not in text:
            desk.presses.clear()
            slack.views[:] = [view]
            assert slack.submit(view, text).is_acknowledged
            (press,) = desk.presses
            assert (press.action, press.text) == ("answer:more", text[:3000])
            assert (press.case, press.reference) == ("C-1", sent)
    assert slack.views == []


def test_a_dialogue_that_does_not_open_is_told(heard):
    """The press was heard all the same."""
    slack, made, _ = heard
    made.sender.send(notice(), recipient("rick"), None)
    slack.limit("views.open", 1)
    slack.press(user_of("rick"), slack.direct(user_of("rick"))[0], "answer:more")
    assert eventually(lambda: slack.whispered(user_of("rick"))) == [
        "The dialogue could not be opened. Please press again."
    ]


def test_a_link_is_no_press_and_an_old_button_says_so(heard):
    """Nothing is ignored in silence."""
    slack, made, desk = heard
    made.sender.send(
        notice(buttons=(Button("confirm", "Confirm", url="https://x.example.com"),)), recipient("rick"), None
    )
    (message,) = slack.direct(user_of("rick"))
    assert slack.press(user_of("rick"), message, "confirm").is_acknowledged
    old = {"type": "button", "action_id": "other", "value": "x"}
    assert slack.press_button(user_of("rick"), message.channel, message.ts, old).is_acknowledged
    assert eventually(lambda: slack.whispered(user_of("rick"))) == ["This button does nothing any more."]
    assert desk.presses == []


@pytest.mark.parametrize(
    ("changed", "standing"),
    [
        ({"is_guest": True}, Standing.GUEST),
        ({"is_bot": True}, Standing.BOT),
        ({"is_deleted": True}, Standing.DELETED),
        ({"team": "T0OTHER"}, Standing.MEMBER),
    ],
)
def test_what_whoever_presses_is_comes_with_the_press(slack, changed, standing):
    """Whoever decides who may do what has to know; somebody of another workspace has ids of that one."""
    desk = Desk()
    with listening(slack, desk, socket=True) as made:
        made.sender.send(notice(), recipient("rick"), None)
        (message,) = slack.direct(user_of("rick"))
        slack.add_user(User("U0MO", "mo", "mo@example.com", **changed))
        slack.press("U0MO", message, "answer:no")
        assert desk.presses[0].standing == standing
        assert desk.presses[0].actor == SlackId(changed.get("team", TEAM), "U0MO")


def test_where_slack_cannot_say_who_it_was_that_is_said(slack):
    """It is asked again at the next press."""
    desk = Desk()
    with listening(slack, desk, socket=True) as made:
        made.sender.send(notice(), recipient("rick"), None)
        (message,) = slack.direct(user_of("rick"))
        slack.limit("users.info", 1)
        slack.press(user_of("rick"), message, "answer:no")
        slack.press(user_of("rick"), message, "answer:yes")
        assert [press.standing for press in desk.presses] == [Standing.UNKNOWN, Standing.MEMBER]


def test_commands_are_read_and_answered_to_whoever_typed(heard):
    """What cannot be read is answered with what may be typed."""
    slack, _, desk = heard
    for text in ("who", "case C-1", "request prod-oncall --for 2h --reason <!channel>", "dance", ""):
        assert slack.command(user_of("rick"), CHANNEL, text).is_acknowledged
    assert eventually(lambda: len(slack.whispered(user_of("rick"))) == 5)
    wishes = {command.wish for command in desk.commands}
    assert wishes == {Who(), ShowCase("C-1"), RequestAccess("prod-oncall", timedelta(hours=2), "<!channel>")}
    assert {command.actor for command in desk.commands} == {SlackId(TEAM, "U0RICK")}
    assert len({command.id for command in desk.commands}) == 4
    said = "\n".join(slack.whispered(user_of("rick")))
    assert "there is no `/watch dance`" in said
    assert "/watch request SET" in said
    assert "<!channel>" not in said


def test_what_comes_of_a_press_is_told_where_it_was(slack):
    """To whoever pressed alone; that it could not be told breaks nothing."""
    with connected(slack, Desk()) as made:
        sent = made.sender.send(notice(), recipient("rick"), None)
        made.tell(SlackId(TEAM, user_of("rick")), sent, "frozen <!here>\nby sofia")
        assert slack.whispered(user_of("rick")) == ["frozen &lt;!here&gt;\nby sofia"]
        slack.go_down()
        made.tell(SlackId(TEAM, user_of("rick")), sent, "frozen")


def test_a_lost_socket_comes_back(slack):
    """By itself, when Slack is there again."""
    desk = Desk()
    with listening(slack, desk, socket=True) as made:
        made.sender.send(notice(), recipient("rick"), None)
        slack.go_down()
        assert eventually(lambda: not made.is_connected)
        slack.come_back()
        assert eventually(lambda: slack.connections and made.is_connected, 30)
        (message,) = slack.direct(user_of("rick"))
        assert slack.press(user_of("rick"), message, "answer:yes").is_acknowledged
        assert len(desk.presses) == 1


def test_a_socket_that_slack_has_changed_is_one_again(slack):
    """Every few hours; presses come over the new one."""
    desk = Desk()
    with listening(slack, desk, socket=True) as made:
        made.sender.send(notice(), recipient("rick"), None)
        before = slack.count("apps.connections.open")
        slack.refresh()
        assert eventually(lambda: slack.count("apps.connections.open") > before and slack.connections == 1, 30)
        (message,) = slack.direct(user_of("rick"))
        assert eventually(lambda: slack.press(user_of("rick"), message, "answer:yes").is_acknowledged, 30)
        assert len(desk.presses) == 1


def test_a_start_that_fails_may_be_tried_again(slack):
    """Slack is not there, and then it is."""
    desk = Desk()
    made = connect(settings_of(slack), slack_team(), desk.take, desk.handle, leads=list, pin=desk.pin, now=lambda: AT)
    slack.go_down()
    with pytest.raises(ProviderError, match="503"):
        made.start()
    assert not made.is_connected
    slack.come_back()
    made.start()
    assert eventually(lambda: slack.connections)
    made.stop()
    assert eventually(lambda: not slack.connections)


def test_several_instances_take_a_press_once(slack):
    """Slack sends it to one of them."""
    desk = Desk()
    with listening(slack, desk, socket=True) as first, listening(slack, desk, socket=True):
        assert eventually(lambda: slack.connections == 2)
        for n in range(20):
            first.sender.send(notice(key=f"C-1:{n}", case=f"C-{n}"), recipient("rick"), None)
        for message in slack.direct(user_of("rick")):
            assert slack.press(user_of("rick"), message, "answer:yes").is_acknowledged
        assert len(desk.presses) == 20


def test_nothing_says_how_presses_come(slack):
    """It is refused, with what to set."""
    settings = replace(settings_of(slack), app_token=None)
    desk = Desk()
    with pytest.raises(RefusedError) as caught:
        connect(settings, slack_team(), desk.take, desk.handle, leads=list, pin=desk.pin, now=lambda: AT)
    assert "WATCHBILL_SLACK_APP_TOKEN" in str(caught.value.hint)


@pytest.mark.parametrize("wrong", ["secret", "old", "body", "unsigned"])
def test_requests_that_are_not_slacks_are_refused(slack, wrong):
    """Another's signature, one of ten minutes ago, another body, or none."""
    desk = Desk()
    with listening(slack, desk, socket=False):
        payload = {"type": "block_actions", "user": {"id": "U0RICK"}, "actions": [{"action_id": "watchbill.press:x"}]}
        body = urlencode({"payload": json.dumps(payload)}).encode()
        now = int(time.time())  # noqa: TID251 - signatures are of the machine's time
        headers = signed(body, now - 600 if wrong == "old" else now)
        if wrong == "secret":
            theirs = SignatureVerifier("another").generate_signature(timestamp=str(now), body=body)
            headers["X-Slack-Signature"] = theirs or ""
        if wrong == "body":
            body += b"&x=y"
        if wrong == "unsigned":
            del headers["X-Slack-Signature"]
        with pytest.raises(HTTPError) as caught:
            urlopen(Request(slack.request_url, body, headers), timeout=60)
        assert caught.value.code == 401
        caught.value.close()
    assert desk.presses == []


def test_a_request_without_end_is_not_read(slack):
    """Anybody may post; nothing is kept of what is longer than Slack's ever are."""
    desk = Desk()
    with listening(slack, desk, socket=False):
        for body, code in ((b"x" * (1024 * 1024 + 1), 413), (b"\xff\x00", 400), (b"x", 401)):
            with pytest.raises(HTTPError) as caught:
                urlopen(Request(slack.request_url, body, signed(body, 1)), timeout=60)
            assert caught.value.code == code
            caught.value.close()
        with pytest.raises(HTTPError) as caught:
            urlopen(slack.request_url, timeout=60)
        assert caught.value.code == 405
        caught.value.close()
    assert desk.presses == []


def test_our_signatures_are_slacks_own():
    """The stand-in signs as Slack's library checks."""
    now = str(int(time.time()))  # noqa: TID251 - as above
    headers = signed(b"a=b", int(now))
    assert SignatureVerifier(SIGNING_SECRET).is_valid_request(b"a=b", headers)


def test_presses_are_answered_at_once(slack):
    """A hundred of them; what each took is in the report of a failure."""
    desk = Desk()
    with listening(slack, desk, socket=True) as made:
        made.sender.send(notice(), recipient("rick"), None)
        (message,) = slack.direct(user_of("rick"))
        took = sorted(
            slack.press_button(
                user_of("rick"), message.channel, message.ts, {**message.buttons[0], "value": f"C-{n}|answer:yes"}
            ).seconds
            for n in range(100)
        )
    assert len(desk.presses) == 100
    # Three seconds is what Slack waits; how long it takes where the machine is idle is in docs/slack.md.
    assert took[-1] < 3, took[-5:]


def test_an_address_may_be_looked_up_in_any_case(slack):
    """And one that nobody has is not found."""
    people = People(client_of(BOT_TOKEN, slack.url))
    assert people.look_up("RICK@example.com") == SlackId(TEAM, user_of("rick"))
    with pytest.raises(NotFoundError):
        people.look_up("nobody@example.com")
