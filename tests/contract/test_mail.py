"""Notices by mail, handed over to a real SMTP server on the loopback."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from tests.contract.test_siem import certificate
from tests.hostile import HOSTILE, hidden
from tests.workspace import notice, recipient

from watchbill.errors import ProviderError, RefusedError
from watchbill.notify.mail import MailSender, SmtpSettings, read_smtp_settings
from watchbill.notify.words import title_of
from watchbill.respond.interfaces import Recipient
from watchbill.respond.notices import LEADS, Button, NoticeKind


AT = datetime(2026, 1, 15, 11, 30, tzinfo=UTC)
LINKED = notice(
    buttons=(
        Button("answer:yes", "Yes, that was me", url="https://watch.example.com/answer/s3cret?say=yes"),
        Button("answer:no", "No, not me", url="https://watch.example.com/answer/s3cret?say=no"),
    )
)


@dataclass
class Mailbox:
    """Keeps what is handed over; answers what it is told to."""

    port: int = 0
    mails: list[Any] = field(default_factory=list)
    answer: str = "250 OK"
    refused: str = ""
    over_tls: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        """Refuse one address."""
        if address == self.refused:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - as above
        """Take a mail, or answer as told."""
        if self.answer.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=default)
            self.mails.append((tuple(envelope.rcpt_tos), mail))
            self.over_tls.append(session.ssl is not None)
        return self.answer


class _Controller(Controller):
    """The trigger that it connects by itself to see whether it runs finds the port that it was given."""

    def _trigger_server(self):
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def serving(**options):
    """Run a server."""
    box = Mailbox()
    controller = _Controller(box, hostname="127.0.0.1", port=0, **options)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


@pytest.fixture
def box():
    """Run a server that takes all."""
    with serving() as running:
        yield running


def sender(box, leads=("sofia@example.com",), to=None, **settings):
    """Make a sender to a server."""
    named = {address.partition("@")[0]: address for address in leads}
    return MailSender(
        SmtpSettings("127.0.0.1", "watchbill@watch.example.com", box.port, **settings), named, lambda: AT, to
    )


class Page(HTMLParser):
    """Gathers elements and where they lead."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.links, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note an element, which does nothing by itself."""
        self.elements.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        """Note a text."""
        self.text.append(data)


def test_a_question_comes_with_links_to_answer(box):
    """As text and as a page that say the same."""
    sent = sender(box).send(LINKED, recipient("rick"), None)
    ((to, mail),) = box.mails
    assert to == ("rick@example.com",)
    assert mail["To"] == "rick@example.com"
    assert mail["From"] == "watchbill@watch.example.com"
    assert mail["Subject"] == "[watchbill] Was that you?"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == sent["message_id"]
    text, page = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    assert "Since 11:00 UTC, from 203.0.113.7" in text
    assert "Yes, that was me: https://watch.example.com/answer/s3cret?say=yes" in text
    assert Page(page).links == [button.url for button in LINKED.buttons]
    assert "We never ask for passwords." in "".join(Page(page).text)


def test_where_no_link_leads_the_command_is_said(box):
    """Nobody is asked without being told how to answer."""
    sender(box).send(notice(), recipient("rick"), None)
    assert "watchbill ask C-1 --answer yes, or no" in box.mails[0][1].get_body(("plain",)).get_content()


def test_the_same_notice_is_the_same_mail(box):
    """By its id, in any process; what takes its place answers it."""
    first = sender(box).send(notice(), recipient("rick"), None)
    assert sender(box).send(notice(), recipient("rick"), None) == first
    assert sender(box).find(notice(), recipient("rick")) is None
    answered = notice(NoticeKind.ANSWERED, replaces=notice().key)
    other = sender(box).send(answered, recipient("rick"), first)
    assert other["message_id"] != first["message_id"]
    assert box.mails[-1][1]["In-Reply-To"] == first["message_id"]


def test_leads_have_addresses_of_their_own(box):
    """All of them in one mail; nobody at all is refused."""
    told = notice(NoticeKind.ESCALATION, LEADS)
    sender(box, ("sofia@example.com", "ada@example.com")).send(told, recipient(LEADS), None)
    assert box.mails[0][0] == ("sofia@example.com", "ada@example.com")
    with pytest.raises(RefusedError, match="`leads` has no address"):
        sender(box, ()).send(told, recipient(LEADS), None)
    with pytest.raises(RefusedError, match="no address"):
        sender(box).send(notice(), Recipient("rick", "", None), None)


def test_a_lead_gets_no_mail_about_themselves(box):
    """The others do, at their own addresses, since nobody knows who reads at the one for all leads."""
    told = notice(NoticeKind.ESCALATION, LEADS, about="sofia")
    for to in (None, "oncall@example.com"):
        sender(box, ("sofia@example.com", "ada@example.com"), to).send(told, recipient(LEADS), None)
    sender(box, to="oncall@example.com").send(replace(told, about="rick"), recipient(LEADS), None)
    assert [mail[0] for mail in box.mails] == [("ada@example.com",), ("ada@example.com",), ("oncall@example.com",)]
    with pytest.raises(RefusedError, match="`leads` has no address"):
        sender(box).send(told, recipient(LEADS), None)


def test_one_lead_that_is_refused_keeps_nobody_from_being_told(box):
    """All of them refused is a failure."""
    box.refused = "ada@example.com"
    told = notice(NoticeKind.ESCALATION, LEADS)
    sent = sender(box, ("sofia@example.com", "ada@example.com")).send(told, recipient(LEADS), None)
    assert sent["refused"] == "1"
    with pytest.raises(ProviderError, match="every address was refused"):
        sender(box, ("ada@example.com",)).send(told, recipient(LEADS), None)


@pytest.mark.parametrize("answer", ["451 later", "550 never", "421 goodbye"])
def test_what_is_not_taken_is_an_error(box, answer):
    """It says the code and no address."""
    box.answer = answer
    with pytest.raises(ProviderError, match=rf"127.0.0.1 did not take the mail: it answered {answer[:3]}") as caught:
        sender(box).send(notice(), recipient("rick"), None)
    assert "rick@" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"


def test_nobody_listens():
    """It could not be reached."""
    with pytest.raises(ProviderError, match="could not be reached"):
        sender(Mailbox(port=1)).send(notice(), recipient("rick"), None)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_strings_are_text(box, text):
    """No header is forged, no element made, nothing hidden, nothing linked or loaded."""
    hostile = notice(
        title=text,
        lines=(text,) * 60,
        context=(text,),
        buttons=(Button("answer:yes", text, url="https://watch.example.com/a"),),
    )
    sender(box).send(hostile, recipient("rick"), None)
    mail = box.mails[0][1]
    plain = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"}
    assert set(mail.keys()) <= plain | {"X-Peer", "X-MailFrom", "X-RcptTo"}
    assert not hidden(mail["Subject"])
    text, page = mail.get_body(("plain",)).get_content(), Page(mail.get_body(("html",)).get_content())
    assert not hidden(text.replace("\r", ""))
    assert not hidden("".join(page.text).replace("\r", ""))
    assert text.count("://") == 1
    assert title_of(hostile) in "".join(page.text)
    assert page.links == ["https://watch.example.com/a"]
    assert set(page.elements) == {"html", "head", "meta", "title", "body", "h1", "p", "a"}
    assert len(text) < 100_000


def test_an_address_that_is_not_ours_is_no_link(box):
    """Only https, without a blank or a character that is not seen."""
    urls = ("javascript:alert(1)", "http://evil.example", "https://x.example/\u202e", "https://x.example/ y")
    buttons = tuple(Button(f"b{n}", "x", url=url) for n, url in enumerate(urls))
    sender(box).send(notice(buttons=buttons), recipient("rick"), None)
    assert "://" not in box.mails[0][1].get_body(("plain",)).get_content()


def test_passwords_go_over_tls(tmp_path):
    """Offered by the server, it is used; then a name and password sign in."""
    file, context = certificate(tmp_path)
    seen = []

    def authenticate(server, session, envelope, mechanism, data):
        seen.append((session.ssl is not None, data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)

    options = {"tls_context": context, "authenticator": authenticate, "auth_required": True}
    with serving(**options) as box:
        sender(box, user="watchbill", password="right", trusted=file).send(notice(), recipient("rick"), None)
        assert box.over_tls == [True]
        assert seen == [(True, b"watchbill", b"right")]
        with pytest.raises(ProviderError, match="does not take the name and password") as caught:
            sender(box, user="watchbill", password="wrong", trusted=file).send(notice(), recipient("rick"), None)
        assert "wrong" not in repr(caught.value)
        with pytest.raises(ProviderError, match="certificate is not valid"):
            sender(box, user="watchbill", password="right").send(notice(), recipient("rick"), None)


def test_another_machine_must_have_tls(box, monkeypatch):
    """Mail to it is not sent in clear."""
    monkeypatch.setattr("watchbill.notify.mail._is_here", lambda _: False)
    with pytest.raises(ProviderError, match="has no TLS"):
        sender(box).send(notice(), recipient("rick"), None)
    assert box.mails == []


def test_settings_are_whole_or_refused(monkeypatch):
    """Without a host there is no mail; with one, an address that it is from is needed."""
    assert read_smtp_settings() is None
    monkeypatch.setenv("WATCHBILL_SMTP_HOST", "mail.example.com")
    with pytest.raises(RefusedError, match="nothing says whom mail is from"):
        read_smtp_settings()
    monkeypatch.setenv("WATCHBILL_SMTP_FROM", "watchbill@example.com")
    monkeypatch.setenv("WATCHBILL_SMTP_PORT", "many")
    with pytest.raises(RefusedError, match="is no port"):
        read_smtp_settings()
    monkeypatch.setenv("WATCHBILL_SMTP_PORT", "465")
    monkeypatch.setenv("WATCHBILL_SMTP_PASSWORD", "secret")
    found = read_smtp_settings()
    assert found is not None
    assert (found.host, found.port, found.sender, found.user) == (
        "mail.example.com",
        465,
        "watchbill@example.com",
        None,
    )
    assert "secret" not in repr(found)
