"""Notices to PagerDuty, to webhooks and by Apprise, each to a server on the loopback, by their own clients."""

import base64
import hashlib
import hmac
import json
import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.contract.test_siem import certificate
from tests.hostile import HOSTILE, hidden
from tests.serving import Serving, reply
from tests.teams import HERE, team
from tests.workspace import notice, recipient

from watchbill.errors import ProviderError, RefusedError, WatchbillError
from watchbill.notify.connect import connect, secrets_of
from watchbill.notify.fanout import FanoutSender
from watchbill.notify.hook import HookSender
from watchbill.notify.mail import MailSender, SmtpSettings
from watchbill.notify.pager import PagerSender
from watchbill.respond.interfaces import LaterError
from watchbill.respond.notices import LEADS, Button, NoticeKind
from watchbill.team.model import Notify


AT = datetime(2026, 1, 15, 11, 30, tzinfo=UTC)
KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ROUTING = "R0UT1NGKEY"
EVERYONE = recipient(LEADS)
TOLD = notice(
    NoticeKind.ESCALATION,
    LEADS,
    title="rick did not answer",
    buttons=(
        Button("freeze", "Freeze rick", "danger"),
        Button("open", "Open the case", url="https://watch.example.com/case/C-1"),
    ),
)


class Posted(Serving):
    """Keeps what is posted, and answers with each of some statuses, the last for ever."""

    def __init__(self, statuses=(200,), tls=None, **headers):
        self.bodies: list[dict[str, Any]] = []
        left = list(statuses)

        def answer(request):
            length = int(request.headers.get("Content-Length", 0))
            self.bodies.append(json.loads(request.rfile.read(length)))
            status = left.pop(0) if len(left) > 1 else left[0]
            document = json.dumps({"status": "success", "dedup_key": "x"}).encode()
            reply(document, status, **headers)(request)

        super().__init__(answer, tls)
        handler: Any = self._server.RequestHandlerClass
        handler.do_POST = handler.do_GET


@pytest.fixture
def posted():
    """Run a server that takes all."""
    with Posted() as running:
        yield running


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """Give what serves HTTPS to clients that trust it: PagerDuty's speaks nothing else."""
    file, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return context


def pager(serving):
    """Make a sender to a PagerDuty of our own."""
    return PagerSender("pager", f"{ROUTING} https://127.0.0.1:{serving.port}")


# --- PagerDuty -----------------------------------------------------------------------------------------------------


def test_an_incident_goes_as_its_case_does(tls):
    """Triggered, once more while nobody has decided, in hand when somebody is frozen, and resolved."""
    update = replace(TOLD, kind=NoticeKind.UPDATE)
    frozen = replace(update, buttons=(Button("restore", "Restore rick"),))
    with Posted(tls=tls) as posted:
        sender = pager(posted)
        for told in (TOLD, update, frozen, replace(update, buttons=())):
            assert sender.send(told, EVERYONE, None) == {"dedup_key": "C-1"}
    done = [body["event_action"] for body in posted.bodies]
    assert done == ["trigger", "trigger", "trigger", "acknowledge", "resolve"]
    assert {body["dedup_key"] for body in posted.bodies} == {"C-1"}
    assert {body["routing_key"] for body in posted.bodies} == {ROUTING}
    first = posted.bodies[0]
    assert (first["payload"]["summary"], first["payload"]["severity"]) == ("rick did not answer", "error")
    assert first["payload"]["custom_details"]["said"] == [*TOLD.lines, *TOLD.context]
    assert first["links"] == [{"href": "https://watch.example.com/case/C-1", "text": "Open the case"}]
    assert posted.asked[0].path == "/v2/enqueue"
    assert sender.find(TOLD, EVERYONE) is None


def test_whoever_opens_an_incident_in_hand_reads_how_to_give_it_back(tls):
    """The command, and where the case is; what leads are reminded of while it is in hand calls nobody."""
    buttons = (*TOLD.buttons[1:], Button("restore", "Restore rick"), Button("snooze:30", "Remind us in 30 min"))
    frozen = replace(TOLD, kind=NoticeKind.UPDATE, buttons=buttons)
    with Posted(tls=tls) as posted:
        sender = pager(posted)
        for told in (TOLD, frozen, replace(frozen, kind=NoticeKind.ESCALATION)):
            sender.send(told, EVERYONE, None)
    assert [body["event_action"] for body in posted.bodies] == ["trigger", "trigger", "acknowledge", "acknowledge"]
    first, log, *_ = posted.bodies
    assert "by command" not in first["payload"]["custom_details"]
    assert log["payload"]["custom_details"]["by command"] == ["watchbill restore C-1"]
    assert log["links"] == [{"href": "https://watch.example.com/case/C-1", "text": "Open the case"}]
    assert log["dedup_key"] == "C-1"


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (429, LaterError, "takes nothing for now"),
        (500, ProviderError, "answered 500"),
        (400, ProviderError, "answered 400"),
    ],
)
def test_what_pagerduty_does_not_take_is_for_later(status, error, said, tls, monkeypatch):
    """Nobody sleeps, and it is tried once; its own client would do both."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    with Posted([status], tls) as serving:
        with pytest.raises(error, match=said) as caught:
            pager(serving).send(TOLD, EVERYONE, None)
        assert len(serving.asked) == 1
    assert slept == []
    assert ROUTING not in f"{caught.value!r}{caught.value.__context__!r}{caught.value.__cause__!r}"


def test_nobody_listens():
    """It could not be reached, and nothing of the secret is said."""
    with pytest.raises(ProviderError, match="`pager` could not be reached") as caught:
        PagerSender("pager", f"{ROUTING} https://127.0.0.1:1").send(TOLD, EVERYONE, None)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("secret", ["", "a-b", f"{ROUTING} http://evil.example", f"{ROUTING} https://a https://b"])
def test_what_is_no_routing_key_is_refused(secret):
    """Without it being quoted."""
    with pytest.raises(RefusedError, match="the secret of `pager` is no routing key"):
        PagerSender("pager", secret or " - ")


# --- webhooks ------------------------------------------------------------------------------------------------------


def hook(serving):
    """Make a sender to a webhook."""
    return HookSender("archive", f"{serving.url('/in/s3cret')} {SECRET}", lambda: AT)


def test_a_notice_is_posted_and_signed(posted):
    """With the same id each time, so that a receiver takes it once."""
    sent = hook(posted).send(TOLD, EVERYONE, None)
    assert hook(posted).send(TOLD, EVERYONE, None) == sent
    body = posted.bodies[0]
    assert (body["type"], body["timestamp"]) == ("notice.escalation", "2026-01-15T11:30:00Z")
    assert body["data"]["title"] == "rick did not answer"
    assert (body["data"]["case"], body["data"]["may"]) == ("C-1", ["freeze", "open"])
    assert "watch.example.com" not in json.dumps(body)
    headers = posted.asked[0].headers
    assert headers["webhook-id"] == sent["webhook_id"]
    assert {request.headers["webhook-id"] for request in posted.asked} == {sent["webhook_id"]}
    assert headers["webhook-timestamp"] == str(int(AT.timestamp()))
    assert hook(posted).find(TOLD, EVERYONE) is None


def test_the_signature_is_over_what_arrives():
    """As Standard Webhooks has it."""
    raw = []

    def keep(request):
        raw.append(request.rfile.read(int(request.headers["Content-Length"])))
        reply(b"{}")(request)

    with Serving(keep) as serving:
        handler = serving._server.RequestHandlerClass  # noqa: SLF001 - to take POST as well
        handler.do_POST = handler.do_GET
        hook(serving).send(TOLD, EVERYONE, None)
        headers = serving.asked[0].headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw[0]
    expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == expected


def test_what_a_webhook_does_not_take_is_for_later():
    """For as long as it says; nothing of its address but the host is said."""
    with Posted([503], Retry__After=7) as serving, pytest.raises(LaterError) as caught:
        hook(serving).send(TOLD, EVERYONE, None)
    assert caught.value.after == timedelta(seconds=7)
    assert len(serving.asked) == 1
    for status in (500, 404, 302):
        with Posted([status]) as serving, pytest.raises(ProviderError, match=f"it answered {status}") as failed:
            hook(serving).send(TOLD, EVERYONE, None)
        assert "s3cret" not in f"{failed.value!r}{failed.value.__context__!r}"


# --- Apprise -------------------------------------------------------------------------------------------------------


def test_apprise_tells_each_service(posted):
    """All that the secret names."""
    address = posted.url("/in").replace("http://", "json://")
    sender = FanoutSender("chats", f"{address} {address}?x=1")
    assert sender.send(TOLD, EVERYONE, None) == {}
    assert [body["title"] for body in posted.bodies] == ["rick did not answer"] * 2
    assert {body["type"] for body in posted.bodies} == {"warning"}
    assert "Open the case: https://watch.example.com/case/C-1" in posted.bodies[0]["message"]
    assert sender.find(TOLD, EVERYONE) is None


def test_one_service_that_fails_is_a_failure(caplog):
    """And nothing of its address is logged or said."""
    caplog.set_level(logging.INFO)
    with Posted([500]) as serving:
        address = serving.url("/s3cret").replace("http://", "json://")
        with pytest.raises(ProviderError, match="`chats` did not take the notice") as caught:
            FanoutSender("chats", address).send(TOLD, EVERYONE, None)
    assert "s3cret" not in f"{caught.value!r}{caplog.text}"


@pytest.mark.parametrize("secret", ["", "nothing://s3cret", "s3cret"])
def test_what_apprise_does_not_know_is_refused(secret):
    """Before anything is to be told."""
    with pytest.raises(RefusedError, match="`chats`") as caught:
        FanoutSender("chats", secret)
    assert "s3cret" not in str(caught.value)


# --- all of them ---------------------------------------------------------------------------------------------------


def texts(found):
    """Give every text of a document."""
    if isinstance(found, str):
        yield found
    for each in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from texts(each)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_strings_are_text(posted, tls, text):
    """Nothing hidden, called or linked, whatever shows it; and of bounded length."""
    told = replace(TOLD, title=text, lines=(text,) * 60, context=(text,), buttons=())
    address = posted.url("/in").replace("http://", "json://")
    with Posted(tls=tls) as incidents:
        for sender in (pager(incidents), hook(posted), FanoutSender("chats", address)):
            sender.send(told, EVERYONE, None)
    assert (len(incidents.bodies), len(posted.bodies)) == (1, 2)
    for body in (*incidents.bodies, *posted.bodies):
        assert len(json.dumps(body)) < 100_000
        for shown in texts(body):
            assert not hidden(shown), shown
            assert not {"<", ">", "@", "`"} & set(shown), shown
            assert "://" not in shown


def entry(name, kind, **given):
    """Make an entry of the team file."""
    return Notify(name, kind, given.get("to"), given.get("secret"), frozenset({"escalation"}), HERE)


def test_every_entry_of_the_team_file_is_a_sender():
    """By its name, with the secrets of the environment."""
    entries = (
        entry("post", "mail"),
        entry("pager", "pagerduty", secret="PAGER"),
        entry("archive", "webhook", secret="ARCHIVE"),
        entry("chats", "apprise", secret="CHATS"),
    )
    made = replace(team(), notify=entries, leads=("sofia", "ada"))
    assert secrets_of(made) == ("PAGER", "ARCHIVE", "CHATS")
    secrets = {"PAGER": ROUTING, "ARCHIVE": f"https://a.example {SECRET}", "CHATS": "json://127.0.0.1:1/"}
    smtp = SmtpSettings("127.0.0.1", "watchbill@example.com", 1)
    senders = connect(made, smtp, secrets, lambda: AT)
    kinds = {name: type(sender) for name, sender in senders.items()}
    assert kinds == {
        "notify:post": MailSender,
        "notify:pager": PagerSender,
        "notify:archive": HookSender,
        "notify:chats": FanoutSender,
    }
    for missing in secrets:
        with pytest.raises(RefusedError, match=f"needs {missing}, which is not set"):
            connect(made, smtp, {name: value for name, value in secrets.items() if name != missing}, lambda: AT)
    with pytest.raises(RefusedError, match="nothing says by what server"):
        connect(made, None, secrets, lambda: AT)


@pytest.mark.parametrize(("kind", "module"), [("pagerduty", "pagerduty"), ("apprise", "apprise")])
def test_what_is_not_installed_is_said(monkeypatch, kind, module):
    """With what installs it; mail and webhooks need nothing."""
    for name in ("pager", "fanout"):
        monkeypatch.delitem(sys.modules, f"watchbill.notify.{name}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    made = replace(team(), notify=(entry("x", kind, secret="X"), entry("post", "mail")))
    with pytest.raises(WatchbillError, match=rf"`x` is spoken to with is not installed: {module}") as caught:
        connect(made, SmtpSettings("127.0.0.1", "a@example.com"), {"X": ROUTING}, lambda: AT)
    assert "watchbill[notify]" in str(caught.value.hint)
