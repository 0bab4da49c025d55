"""Incidents at PagerDuty: one a case, triggered, acknowledged and resolved as the case goes.

A notice triggers. One that takes the place of another resolves where nothing is left to do about the case; while nobody
has decided it triggers again, so that PagerDuty goes on to call people. Where somebody is frozen and may be restored it
acknowledges, with the command in the incident's log: an acknowledgement has no room for one, so that a trigger
before puts it there, which adds to an incident that is open and calls nobody anew (Events API v2, "event_action"). It
knows by the case what it has: the same again is the same incident.
"""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus

import httpx2
import pagerduty

from watchbill.errors import ProviderError, RefusedError
from watchbill.notify.words import lines_of, links_of, title_of
from watchbill.respond.interfaces import LaterError, Recipient, Reference
from watchbill.respond.notices import Notice, NoticeKind


_SEVERITIES = {"critical": "critical", "high": "error", "medium": "warning"}
"""Ours as PagerDuty's (Events API v2, "severity"); what is less is `info`."""
_KEY_MOST = 255
_WAIT = 10
_AFTER = timedelta(seconds=60)
"""PagerDuty limits by the minute, and does not say how long to wait (Events API v2, "Rate limits")."""
_IN_HAND = {"restore": "watchbill restore {}", "evict": "watchbill evict {}"}
"""Actions that are offered once somebody is frozen, and the commands that do the same."""


class PagerSender:
    """A `respond.interfaces.Sender` to one service of PagerDuty's."""

    def __init__(self, name: str, secret: str) -> None:
        """Take what the team file calls it, and a routing key; the address of another region may stand behind it."""
        self._name = name
        key, *address = secret.split()
        if not key.isalnum() or len(address) > 1 or not all(each.startswith("https://") for each in address):
            raise RefusedError(
                f"the secret of `{name}` is no routing key",
                "give the integration key of an Events API v2 integration; behind it, for the EU, a blank and "
                "https://events.eu.pagerduty.com",
            )
        self._client = pagerduty.EventsApiV2Client(key, base_url=address[0] if address else None)
        self._client.timeout = _WAIT
        # Whoever delivers tries again later; the client would sleep, and for 429 without end.
        self._client.max_network_attempts = 0
        self._client.max_http_attempts = -1
        self._client.retry = {429: 1}

    def send(self, notice: Notice, to: Recipient, before: Reference | None) -> Reference:
        """Send the event that a notice is; its reference is the key of the incident."""
        key = _key(notice)
        found: ProviderError
        try:
            self._event(notice, key)
        except pagerduty.Error as error:
            found = _meaning(self._name, error.response)
        except httpx2.HTTPError:
            found = ProviderError(f"`{self._name}` could not be reached")
        else:
            return {"dedup_key": key}
        # Raised here: what the library says may quote the key.
        raise found

    def find(self, notice: Notice, to: Recipient) -> Reference | None:
        """Give nothing: events cannot be asked for. Sent again it is the same incident."""
        return None

    def _event(self, notice: Notice, key: str) -> None:
        commands = [_IN_HAND[each.action].format(notice.case) for each in notice.buttons if each.action in _IN_HAND]
        if notice.kind == NoticeKind.UPDATE and not notice.buttons:
            self._client.resolve(key)
            return
        if notice.kind == NoticeKind.UPDATE or not commands:
            self._trigger(notice, key, commands)
        if commands:
            self._client.acknowledge(key)

    def _trigger(self, notice: Notice, key: str, commands: Sequence[str]) -> None:
        details: dict[str, object] = {"case": notice.case or "", "said": lines_of(notice)}
        self._client.trigger(
            title_of(notice),
            "watchbill",
            dedup_key=key,
            severity=_SEVERITIES.get(notice.severity, "info"),
            custom_details={**details, "by command": list(commands)} if commands else details,
            links=[{"href": url, "text": label} for label, url in links_of(notice)],
        )


def _key(notice: Notice) -> str:
    return (notice.case or notice.key)[:_KEY_MOST]


def _meaning(name: str, response: httpx2.Response | None) -> ProviderError:
    if response is None:
        return ProviderError(f"`{name}` could not be reached")
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return LaterError(f"`{name}` takes nothing for now", _AFTER)
    hint = "is its routing key right?" if response.status_code == HTTPStatus.BAD_REQUEST else None
    return ProviderError(f"`{name}` answered {response.status_code}", hint)
