"""Notices by mail: to a person at their address, to leads at theirs.

1. The id of a message is made of its notice's key, so that what is sent twice is one message for whoever keeps mail;
   what takes the place of another answers it, and lies beside it.
2. Text and HTML say the same, and load nothing. Links are ours: to answer, to sign in afresh, to see the case.
3. Passwords and mail go over TLS alone, but for a server on this machine.
"""

import hashlib
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

from jinja2 import Environment

from watchbill.errors import ProviderError, RefusedError
from watchbill.notify.words import lines_of, links_of, text_of, title_of
from watchbill.respond.interfaces import Recipient, Reference
from watchbill.respond.notices import LEADS, Button, Notice
from watchbill.settings import read_variables


HOST, PORT = "WATCHBILL_SMTP_HOST", "WATCHBILL_SMTP_PORT"
USER, PASSWORD = "WATCHBILL_SMTP_USER", "WATCHBILL_SMTP_PASSWORD"
SENDER, TRUSTED = "WATCHBILL_SMTP_FROM", "WATCHBILL_SMTP_CA"

_WAIT = 20.0
"""Seconds to connect, and for each answer."""
_SUBMISSION, _SUBMISSIONS = 587, 465
"""Ports of RFC 6409 and RFC 8314: at the second, TLS is there from the start."""

_HTML = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title></head>
<body><h1>{{ title }}</h1>
{% for line in lines %}<p>{{ line }}</p>
{% endfor %}
{% for label, url in links %}<p><a href="{{ url }}">{{ label }}</a></p>
{% endfor %}</body></html>
"""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where mail is handed over."""

    host: str
    sender: str
    """The address it is from."""
    port: int = _SUBMISSION
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    trusted: Path | None = None
    """Certificates to trust instead of the machine's own."""


def read_smtp_settings() -> SmtpSettings | None:
    """Read the environment; None where it names no host. RefusedError where it names one and not enough else."""
    found = read_variables([HOST, PORT, USER, PASSWORD, SENDER, TRUSTED])
    if HOST not in found:
        return None
    if SENDER not in found or found[SENDER].count("@") != 1:
        raise RefusedError(f"{HOST} is set, and nothing says whom mail is from", f"set {SENDER} to an address")
    port = found.get(PORT, str(_SUBMISSION))
    if not (port.isascii() and port.isdigit() and len(port) < 6):  # noqa: PLR2004 - as ports are written
        raise RefusedError(f"{PORT} is no port", f"leave it out for {_SUBMISSION}")
    trusted = Path(found[TRUSTED]) if TRUSTED in found else None
    return SmtpSettings(found[HOST], found[SENDER], int(port), found.get(USER), found.get(PASSWORD), trusted)


class MailSender:
    """A `respond.interfaces.Sender` over SMTP."""

    def __init__(
        self, settings: SmtpSettings, leads: Mapping[str, str], now: Callable[[], datetime], to: str | None = None
    ) -> None:
        """Take the address of each lead, the time that is written on mail, and an address at which all leads are told.

        What is about a lead goes to the others at their own: nobody knows who reads at that one.
        """
        self._settings, self._leads, self._now, self._to = settings, dict(leads), now, to

    def send(self, notice: Notice, to: Recipient, before: Reference | None) -> Reference:
        """Hand a notice over; its reference is its id. Mail cannot be written over: it answers what it replaces."""
        addresses = self._of_leads(notice) if to.name == LEADS else (to.email,)
        if not addresses or not all(address.count("@") == 1 for address in addresses):
            raise RefusedError(f"`{to.name}` has no address")
        message = self._message(notice, addresses)
        try:
            with self._connected() as server:
                refused = server.send_message(message, self._settings.sender, addresses)
        except (OSError, smtplib.SMTPException, MessageError, UnicodeError) as error:
            why = _why(error)
        else:
            # Where one lead's address is refused, the others were told, and would be again by every other try.
            return {"message_id": str(message["Message-ID"]), "refused": str(len(refused))}
        # Raised here: the errors of the library quote addresses and what was sent.
        raise ProviderError(f"{self._settings.host} did not take the mail: {why}")

    def find(self, notice: Notice, to: Recipient) -> Reference | None:
        """Give nothing: mail that was handed over cannot be asked for. Sent again it has the same id."""
        return None

    def _of_leads(self, notice: Notice) -> tuple[str, ...]:
        if self._to is not None and notice.about not in self._leads:
            return (self._to,)
        return tuple(address for name, address in self._leads.items() if name != notice.about)

    def _message(self, notice: Notice, addresses: Sequence[str]) -> EmailMessage:
        message = EmailMessage(SMTP)
        message["From"] = self._settings.sender
        message["To"] = ", ".join(addresses)
        message["Subject"] = f"[watchbill] {title_of(notice)}"
        message["Date"] = format_datetime(self._now())
        message["Message-ID"] = self._id(notice.key)
        if notice.replaces is not None:
            message["In-Reply-To"] = message["References"] = self._id(notice.replaces)
        # Nobody's absence is to be answered to us (RFC 3834, 5).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(f"{text_of(notice)}\n{_without_links(notice)}")
        page = _TEMPLATE.render(title=title_of(notice), lines=lines_of(notice), links=list(links_of(notice)))
        message.add_alternative(page, subtype="html")
        return message

    def _id(self, key: str) -> str:
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return f"<{digest[:32]}@{self._settings.sender.rpartition('@')[2]}>"

    def _connected(self) -> smtplib.SMTP:
        """Connect over TLS, and sign in where there is a name to."""
        settings = self._settings
        context = ssl.create_default_context(cafile=None if settings.trusted is None else str(settings.trusted))
        if settings.port == _SUBMISSIONS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.port, timeout=_WAIT, context=context)
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=_WAIT)
        try:
            server.ehlo()
            if settings.port != _SUBMISSIONS and (not _is_here(settings.host) or server.has_extn("starttls")):
                server.starttls(context=context)
            if settings.user is not None:
                server.login(settings.user, settings.password or "")
        except BaseException:
            server.close()
            raise
        return server


_TEMPLATE = Environment(autoescape=True, trim_blocks=True).from_string(_HTML)


def _without_links(notice: Notice) -> str:
    """Say how to answer where nothing leads there."""
    answers: list[Button] = [button for button in notice.buttons if button.action.startswith("answer:")]
    if not answers or any(button.url is not None for button in answers):
        return ""
    return f"\nTo answer: watchbill ask {notice.case} --answer yes, or no; or tell a lead.\n"


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _why(error: Exception) -> str:
    """Say what went wrong in our own words."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return "it does not take the name and password"
        case smtplib.SMTPNotSupportedError():
            return "it has no TLS, or takes no such mail"
        case smtplib.SMTPRecipientsRefused():
            return "every address was refused"
        case smtplib.SMTPResponseException():
            return f"it answered {error.smtp_code}"
        case ssl.SSLCertVerificationError():
            return "its certificate is not valid"
        case TimeoutError():
            return f"it said nothing for {_WAIT:g} s"
        case OSError():
            return "it could not be reached"
        case _:
            return "it broke off"
