"""Send notices to people in Slack, each once.

1. A person is written to directly, by the ids that were pinned; who has none yet is looked up by their address, and
   pinned. What leads are told goes to the channel of the team file, or else into one conversation with all of them;
   what is about one of them, into one with the others.
2. Each message has its notice's key in its metadata, which people do not see: by it a message is found that was sent by
   a process that died, and one whose sending Slack did not answer for.
3. A notice that replaces another is written over it; where that one is gone, it is said anew.
4. What Slack does not take now is LaterError with the time it asks for. Nobody waits here.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from slack_sdk import WebClient

from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.respond.interfaces import Recipient, Reference, SlackId
from watchbill.respond.notices import LEADS, Notice
from watchbill.slack.blocks import EVENT, Drawn, draw
from watchbill.slack.calls import SlackRefusedError, UncertainError, cursor_of, pages, plainly
from watchbill.slack.people import People, refuse


_log = logging.getLogger(__name__)

_LOOKED_BACK = timedelta(days=7)
"""How far back a message is looked for: nothing is in the outbox for so long."""
_PAGE, _PAGES = 200, 25
_CHANNEL_PAGES = 50
_GONE = frozenset(("message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"))
"""Why a message cannot be written over, and one has to be sent anew (Slack, "chat.update", errors)."""
LEADS_MOST = 8
"""People in one conversation (Slack, "conversations.open")."""


class SlackSender:
    """A `respond.interfaces.Sender` for one workspace."""

    def __init__(
        self,
        client: WebClient,
        channel: str | None,
        leads: Callable[[], Sequence[Recipient]],
        pin: Callable[[Recipient, SlackId], object],
        now: Callable[[], datetime],
    ) -> None:
        """Take the channel of leads, who they are, and who keeps whom an address was found to be.

        `pin` raises RefusedError where somebody else was pinned to that name before. `now` is Slack's time, by which
        its messages are named.
        """
        self._client, self._people = client, People(client)
        self.channel = channel
        """Where leads are told: it may change with the team file."""
        self._leads, self._pin, self._now = leads, pin, now
        self._conversations: dict[tuple[str, ...], str] = {}
        self._uncertain: set[str] = set()

    def send(self, notice: Notice, to: Recipient, before: Reference | None) -> Reference:
        """Send a notice, or write it over the message at `before`; give its channel and its ts.

        RefusedError and NotFoundError are what no later try will mend: it is for another channel.
        """
        drawn = draw(notice)
        if notice.key in self._uncertain and (found := self.find(notice, to)) is not None:
            self._uncertain.discard(notice.key)
            return found
        try:
            sent = self._replace(drawn, self._where(notice, to, before)) or self._post(
                drawn, self._conversation(notice, to)
            )
        except UncertainError:
            self._uncertain.add(notice.key)
            raise
        self._uncertain.discard(notice.key)
        return sent

    def find(self, notice: Notice, to: Recipient) -> Reference | None:
        """Give where a notice lies; ProviderError where so much was said since that it cannot be told."""
        channel = self._channel_id(self._conversation(notice, to))
        oldest = str((self._now() - _LOOKED_BACK).timestamp())

        def read(cursor: str) -> dict[str, Any]:
            with plainly():
                answer = self._client.conversations_history(
                    channel=channel, include_all_metadata=True, oldest=oldest, limit=_PAGE, cursor=cursor or None
                )
            return _document(answer.data)

        page: dict[str, Any] = {}
        for page in pages(read, _PAGES):
            for message in page.get("messages", ()):
                if _key(message) == notice.key:
                    return {"channel": channel, "ts": str(message["ts"])}
        if cursor_of(page):
            raise ProviderError(f"more than {_PAGE * _PAGES} messages were said since: it cannot be told what was sent")
        return None

    def _replace(self, drawn: Drawn, before: Reference | None) -> Reference | None:
        if before is None or not {"channel", "ts"} <= set(before):
            return None
        try:
            with plainly():
                self._client.chat_update(channel=before["channel"], ts=before["ts"], parse="none", **_fields(drawn))
        except SlackRefusedError as error:
            if error.word in _GONE:
                return None
            raise
        return {"channel": before["channel"], "ts": before["ts"]}

    def _post(self, drawn: Drawn, channel: str) -> Reference:
        with plainly():
            answer = self._client.chat_postMessage(
                channel=channel,
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
                **_fields(drawn),
            )
        sent = _document(answer.data)
        return {"channel": str(sent["channel"]), "ts": str(sent["ts"])}

    def _conversation(self, notice: Notice, to: Recipient) -> str:
        if to.name != LEADS:
            return self._open_with([self._member(to).user])
        if self.channel is not None and not self._is_of_lead(notice):
            return self.channel
        return self._open_with(self._reachable(notice.about))

    def _is_of_lead(self, notice: Notice) -> bool:
        return notice.to == LEADS and any(lead.name == notice.about for lead in self._leads())

    def _where(self, notice: Notice, to: Recipient, before: Reference | None) -> Reference | None:
        """Give what is written over: nothing in a conversation that the lead whom it is about may be in."""
        if before is None or not self._is_of_lead(notice):
            return before
        return before if before.get("channel") == self._conversation(notice, to) else None

    def _reachable(self, but: str | None = None) -> set[str]:
        """Give the leads who can be written to, but for one: that one cannot keeps the others from nothing."""
        found: set[str] = set()
        failed: RefusedError | NotFoundError = RefusedError(
            "the team has no leads to tell", "name `leads` in the team file"
        )
        for lead in self._leads():
            if lead.name == but:
                continue
            try:
                found.add(self._member(lead).user)
            except (RefusedError, NotFoundError) as error:
                _log.warning("%s", error)
                failed = error
        if not found:
            raise failed
        if len(found) > LEADS_MOST:
            raise RefusedError(
                f"Slack has no conversation with {len(found)} leads", "set `slack: {channel: ...}` in the team file"
            )
        return found

    def _open_with(self, members: Collection[str]) -> str:
        """Open the conversation with members."""
        users = tuple(sorted(members))
        if users not in self._conversations:
            with plainly():
                answer = self._client.conversations_open(users=list(users))
            self._conversations[users] = str(_document(answer.data)["channel"]["id"])
        return self._conversations[users]

    def _member(self, person: Recipient) -> SlackId:
        who = person.slack
        try:
            if who is None:
                who = self._people.look_up(person.email)
                self._pin(person, who)
            else:
                # For each message it would be more often than Slack lets anybody ask (`users.info` is of tier 4).
                refuse(self._people.lately(who, self._now()))
        except (RefusedError, NotFoundError) as error:
            raise type(error)(f"`{person.name}` cannot be written to in Slack: {error}", error.hint) from None
        return who

    def _channel_id(self, channel: str) -> str:
        """Give the id of a channel that the team file has by its name: only by it messages are read."""
        return channel_id(self._client, channel) if channel.startswith("#") else channel


def channel_id(client: WebClient, name: str) -> str:
    """Find the id of a channel by `#` and its name; NotFoundError where the app sees none."""

    def read(cursor: str) -> dict[str, Any]:
        with plainly():
            answer = client.conversations_list(
                types="public_channel,private_channel", exclude_archived=True, limit=_PAGE, cursor=cursor or None
            )
        return _document(answer.data)

    for page in pages(read, _CHANNEL_PAGES):
        for each in page.get("channels", ()):
            if each.get("name") == name.removeprefix("#"):
                return str(each["id"])
    raise NotFoundError(f"the app sees no channel `{name}`", "invite it there, and give the channel's id")


def _fields(drawn: Drawn) -> dict[str, Any]:
    return {"text": drawn.text, "blocks": drawn.blocks, "metadata": drawn.metadata}


def _key(message: Any) -> str | None:
    metadata = message.get("metadata") or {}
    return metadata.get("event_payload", {}).get("key") if metadata.get("event_type") == EVENT else None


def _document(answer: object) -> dict[str, Any]:
    """Give what Slack answered; the client would give bytes for some methods, none of which is called."""
    assert isinstance(answer, dict)
    return answer
