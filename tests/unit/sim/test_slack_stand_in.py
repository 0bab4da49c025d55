"""The stand-in for Slack: what it refuses, what it keeps, and its page."""

import json
import sys
import threading
from html.parser import HTMLParser
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener, urlopen

import pytest
from tests.hostile import HOSTILE, hidden

from watchbill.errors import WatchbillError
from watchbill.inert import inert
from watchbill.sim.slack import SlackStandIn, User
from watchbill.sim.slack.model import APP_TOKEN, BOT, BOT_TOKEN, SCOPES


BUTTON = {
    "type": "button",
    "action_id": "press:yes",
    "value": "C-1|yes",
    "text": {"type": "plain_text", "text": "Yes"},
    "confirm": {
        "title": {"type": "plain_text", "text": "Sure?"},
        "text": {"type": "plain_text", "text": "It counts."},
        "confirm": {"type": "plain_text", "text": "Yes"},
        "deny": {"type": "plain_text", "text": "No"},
    },
}


@pytest.fixture
def slack():
    """Run it with two people and a channel."""
    with SlackStandIn() as running:
        running.add_user(User("U0RICK", "rick", "rick@example.com"))
        running.add_user(User("U0ADA", "ada", "ada@example.com"))
        running.add_channel("C0123456789", "oncall", [BOT, "U0ADA"])
        yield running


def call(slack, method, token=BOT_TOKEN, **given):
    """Call a method."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urlopen(Request(f"{slack.url}{method}", json.dumps(given).encode(), headers), timeout=60) as answer:
        return json.load(answer)


def error(slack, method, token=BOT_TOKEN, **given):
    """Call a method that is refused, and give why."""
    answer = call(slack, method, token, **given)
    assert not answer["ok"]
    return answer["error"]


def section(text):
    """Make a block of text."""
    return {"type": "section", "text": {"type": "plain_text", "text": text}}


def test_it_serves_on_the_loopback_and_stops():
    """Nothing is left listening, and no thread behind."""
    before = threading.active_count()
    with SlackStandIn() as running:
        url = running.url
        assert url.startswith("http://127.0.0.1:")
        assert call(running, "auth.test")["user_id"] == BOT
    assert running.address == ""
    with pytest.raises(URLError):
        urlopen(url, timeout=60)
    assert threading.active_count() == before


def test_what_is_not_installed_is_said(monkeypatch):
    """With what installs it."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(WatchbillError, match="uvicorn is missing") as caught, SlackStandIn():
        pass
    assert "watchbill[demo]" in str(caught.value.hint)


def test_what_slack_refuses_is_refused(slack):
    """By Slack's own words."""
    assert error(slack, "auth.test", "wrong") == "invalid_auth"
    assert error(slack, "auth.test", APP_TOKEN) == "not_allowed_token_type"
    assert error(slack, "apps.connections.open") == "not_allowed_token_type"
    assert error(slack, "files.list") == "unknown_method"
    assert error(slack, "chat.postMessage", channel="C0000000000", text="x") == "channel_not_found"
    assert error(slack, "chat.postMessage", channel="C0123456789") == "no_text"
    assert error(slack, "chat.postMessage", text="x") == "invalid_arguments"
    assert error(slack, "chat.update", channel="C0123456789", ts="1.1", text="x") == "message_not_found"
    assert error(slack, "conversations.history", channel="oncall") == "channel_not_found"
    assert error(slack, "conversations.open", users="U0NOBODY") == "user_not_found"
    assert error(slack, "conversations.open", users=[f"U{n}" for n in range(9)]) == "user_not_found"
    assert error(slack, "users.lookupByEmail", email="mo@example.com") == "users_not_found"
    assert error(slack, "views.open", trigger_id="x", view={}) == "invalid_trigger_id"
    assert error(slack, "chat.postEphemeral", channel="C0123456789", user="U0RICK", text="x") == "user_not_in_channel"
    slack.users["U0RICK"].is_deleted = True
    assert error(slack, "conversations.open", users="U0RICK") == "user_disabled"
    slack.scopes = SCOPES - {"chat:write"}
    assert call(slack, "chat.postMessage", channel="C0123456789", text="x")["needed"] == "chat:write"


@pytest.mark.parametrize(
    "blocks",
    [
        [section("")],
        [section("x" * 3001)],
        [section("x")] * 51,
        [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
        [{"type": "context", "elements": []}],
        [{"type": "actions", "elements": [BUTTON, BUTTON]}],
        [{"type": "actions", "elements": [{**BUTTON, "text": {"type": "plain_text", "text": "x" * 76}}]}],
        [{"type": "actions", "elements": [{**BUTTON, "value": "x" * 2001}]}],
        [{"type": "image"}],
    ],
    ids=str,
)
def test_blocks_have_slacks_limits(slack, blocks):
    """Nothing is taken that Slack would refuse."""
    assert error(slack, "chat.postMessage", channel="C0123456789", text="x", blocks=blocks) == "invalid_blocks"
    assert slack.said == []


def test_history_is_in_pages_the_newest_first(slack):
    """Metadata only for who asks for it."""
    for n in range(5):
        metadata = {"event_type": "watchbill", "event_payload": {"key": str(n)}}
        call(slack, "chat.postMessage", channel="#oncall", text=str(n), metadata=metadata)
    page = call(slack, "conversations.history", channel="C0123456789", limit=2)
    assert [message["text"] for message in page["messages"]] == ["4", "3"]
    assert all("metadata" not in message for message in page["messages"])
    cursor = page["response_metadata"]["next_cursor"]
    page = call(
        slack, "conversations.history", channel="C0123456789", limit=9, cursor=cursor, include_all_metadata=True
    )
    assert [message["metadata"]["event_payload"]["key"] for message in page["messages"]] == ["2", "1", "0"]
    assert (page["has_more"], page["response_metadata"]["next_cursor"]) == (False, "")
    oldest = slack.messages("C0123456789")[3].ts
    assert len(call(slack, "conversations.history", channel="C0123456789", oldest=oldest)["messages"]) == 2


def test_nobody_hears_what_is_pressed(slack):
    """It is not acknowledged then, as Slack would show by its warning."""
    call(slack, "chat.postMessage", channel="C0123456789", text="x", blocks=[{"type": "actions", "elements": [BUTTON]}])
    (message,) = slack.said
    assert not slack.press("U0ADA", message, "yes").is_acknowledged
    slack.request_url = "http://127.0.0.1:1/"
    assert not slack.press("U0ADA", message, "yes").is_acknowledged
    with pytest.raises(WatchbillError, match="no button `:no`"):
        slack.press("U0ADA", message, ":no")


def test_what_goes_wrong_is_as_often_as_was_asked_for(slack):
    """And then it works again."""
    slack.limit("auth.test", 2, retry_after=9)
    for _ in range(2):
        with pytest.raises(HTTPError) as caught:
            call(slack, "auth.test")
        assert (caught.value.code, caught.value.headers["Retry-After"]) == (429, "9")
        caught.value.close()
    assert call(slack, "auth.test")["ok"]
    slack.lose_answers("chat.postMessage")
    with pytest.raises(HTTPError) as caught:
        call(slack, "chat.postMessage", channel="C0123456789", text="x")
    caught.value.close()
    assert len(slack.said) == 1
    slack.go_down()
    with pytest.raises(HTTPError) as caught:
        call(slack, "auth.test")
    caught.value.close()
    slack.come_back()
    assert call(slack, "auth.test")["ok"]


# --- the page ------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Gathers what a page has."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.fields = set(), [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note an element, which does nothing by itself."""
        found = dict(attrs)
        self.elements.add(tag)
        assert not [name for name in found if name.startswith("on")]
        if tag == "input":
            self.fields[found["name"]] = found.get("value", "")

    def handle_data(self, data):
        """Note a text."""
        self.text.append(data)


def look(slack, user="", **headers):
    """Look at the page as somebody."""
    with urlopen(Request(f"{slack.inbox}?user={user}", headers=headers), timeout=60) as answer:
        return answer.headers, answer.read().decode()


def post(slack, user, form, **headers):
    """Do something on the page, and do not go where it leads."""

    class Stays(HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    try:
        build_opener(Stays).open(Request(f"{slack.inbox}?user={user}", urlencode(form).encode(), headers), timeout=60)
    except HTTPError as answer:
        answer.close()
        return answer.code
    raise AssertionError("it leads nowhere")


def test_the_page_shows_what_somebody_sees(slack):
    """Messages of their conversations, the newest first, and what only they were shown; nothing of others."""
    blocks = [section("in &lt;the&gt; channel"), {"type": "actions", "elements": [BUTTON]}]
    call(slack, "chat.postMessage", channel="C0123456789", text="x", blocks=blocks)
    call(slack, "chat.postEphemeral", channel="C0123456789", user="U0ADA", text="between us")
    direct = call(slack, "conversations.open", users="U0RICK")["channel"]["id"]
    call(slack, "chat.postMessage", channel=direct, text="only for rick")
    headers, written = look(slack, "U0ADA")
    text = "".join(Page(written).text)
    assert "in <the> channel" in text
    assert "It counts." in text
    assert "between us" in text
    assert "only for rick" not in text
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "only for rick" in look(slack, "U0RICK")[1]
    assert "only for rick" not in look(slack)[1]


@pytest.mark.parametrize("text", [text for text in HOSTILE.values() if len(text) < 1000 and "\ud83d" not in text])
def test_the_page_shows_hostile_strings_as_text(slack, text):
    """In messages, names and whispers; it runs nothing and loads nothing."""
    slack.add_user(User("U0MO", text, "mo@example.com"))
    slack.add_channel("C0999999999", text, [BOT, "U0MO"])
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": text[:150]}},
        section(text),
        {"type": "context", "elements": [{"type": "plain_text", "text": text}]},
        {"type": "actions", "elements": [{**BUTTON, "text": {"type": "plain_text", "text": text[:75]}}]},
    ]
    call(slack, "chat.postMessage", channel="C0999999999", text=text, blocks=blocks)
    call(slack, "chat.postEphemeral", channel="C0999999999", user="U0MO", text=text)
    written = look(slack, "U0MO")[1]
    assert not hidden(written)
    page = Page(written)
    plain = {"html", "meta", "title", "style", "h1", "p", "small", "nav", "a", "b", "h2", "article", "h3", "div"}
    assert page.elements <= plain | {"details", "summary", "form", "input", "button", "label"}
    shown = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert inert(shown.splitlines()[0])[:40] in "".join(page.text)


def test_what_is_done_on_the_page_is_pressed(slack):
    """A press, and a command; both were not heard here."""
    blocks = [{"type": "actions", "elements": [BUTTON]}]
    call(slack, "chat.postMessage", channel="C0123456789", text="x", blocks=blocks)
    fields = Page(look(slack, "U0ADA")[1]).fields
    assert post(slack, "U0ADA", {name: fields[name] for name in ("channel", "ts", "action")}) == 303
    assert post(slack, "U0ADA", {"command": "/watch who"}) == 303
    assert len(slack.unheard) == 2


def test_a_page_of_elsewhere_presses_nothing(slack):
    """Neither by a form of its own nor under another name for this machine."""
    assert post(slack, "U0ADA", {"command": "/watch who"}, Origin="https://evil.example") == 403
    assert post(slack, "U0ADA", {"command": "/watch who"}, Host="evil.example") == 403
    with pytest.raises(HTTPError) as caught:
        look(slack, "U0ADA", Host="evil.example")
    caught.value.close()
    assert slack.unheard == []
