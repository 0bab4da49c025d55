"""Notices to an address of the reader's choice, signed as `siem.webhook` signs cases.

`webhook-id` is made of the notice's key, so that a receiver that keeps the ids takes each notice once. The body has the
notice as it is, its texts inert for whoever shows them, and no address: what is behind a button is for people.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime

from watchbill.inert import inert_json, shortened
from watchbill.intervals import iso
from watchbill.notify.words import lines_of, title_of
from watchbill.respond.interfaces import Recipient, Reference
from watchbill.respond.notices import Notice
from watchbill.siem.webhook import Delivery, parse_hook, post


class HookSender:
    """A `respond.interfaces.Sender` to one address."""

    def __init__(self, name: str, secret: str, now: Callable[[], datetime]) -> None:
        """Take what the team file calls it, and the address with what signs behind it: `https://... whsec_...`."""
        address, _, keys = secret.strip().partition(" ")
        self._name, self._hook, self._now = name, parse_hook(address, keys), now

    def send(self, notice: Notice, to: Recipient, before: Reference | None) -> Reference:
        """Post it once; whoever delivers tries again."""
        identity = f"msg_{hashlib.sha256(notice.key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
        at = self._now()
        document = {
            "type": f"notice.{notice.kind}",
            "timestamp": iso(at),
            "data": {
                "key": shortened(notice.key, 255),
                "to": notice.to,
                "case": notice.case,
                "severity": notice.severity,
                "title": title_of(notice),
                "lines": lines_of(notice),
                "replaces": None if notice.replaces is None else shortened(notice.replaces, 255),
                "may": [button.action for button in notice.buttons],
            },
        }
        post(self._hook, Delivery(notice.case or "", identity, inert_json(json.dumps(document)).encode()), at)
        return {"webhook_id": identity}

    def find(self, notice: Notice, to: Recipient) -> Reference | None:
        """Give nothing: it cannot be asked for. Sent again it has the same id."""
        return None
