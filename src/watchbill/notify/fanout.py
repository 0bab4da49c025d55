"""Notices to leads by whatever Apprise reaches: chats, phones, push messages.

It only tells: nothing can be asked of it, found again or replaced. So after a crash, or where it failed for some of the
services that one address names, a notice may come twice.
"""

import logging

import apprise

from watchbill.errors import ProviderError, RefusedError
from watchbill.notify.words import text_of, title_of
from watchbill.respond.interfaces import Recipient, Reference
from watchbill.respond.notices import Notice, NoticeKind


_ALARMS = (NoticeKind.ESCALATION, NoticeKind.STAND_IN)


class FanoutSender:
    """A `respond.interfaces.Sender` that only tells."""

    def __init__(self, name: str, addresses: str) -> None:
        """Take what the team file calls it, and addresses as Apprise has them, blanks between; they are secrets."""
        self._name = name
        # It logs the addresses it is given.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        self._services = apprise.Apprise()
        for address in addresses.split():
            if not self._services.add(address):
                raise RefusedError(
                    f"an address of `{name}` is none that Apprise knows", "see the list of its services: apprise --help"
                )
        if not len(self._services):
            raise RefusedError(f"`{name}` has no address")

    def send(self, notice: Notice, to: Recipient, before: Reference | None) -> Reference:
        """Tell it; ProviderError where one of the services did not take it."""
        taken = self._services.notify(
            title=title_of(notice),
            body=text_of(notice) or title_of(notice),
            notify_type=apprise.NotifyType.WARNING if notice.kind in _ALARMS else apprise.NotifyType.INFO,
            body_format=apprise.NotifyFormat.TEXT,
        )
        if not taken:
            raise ProviderError(f"`{self._name}` did not take the notice, or not everywhere")
        return {}

    def find(self, notice: Notice, to: Recipient) -> Reference | None:
        """Give nothing: it cannot be known."""
        return None
