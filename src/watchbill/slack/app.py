"""Hear what people press and type, by Bolt.

1. A press is given to `take`, which writes it down; then Slack is told that it arrived. What `take` says at once, such
   as that it was answered already, only the person who pressed sees. If it cannot be written down, they are told that.
   For a verdict a dialogue asks for the reason first, and to tell more is one: sent, it is a press.
2. A command is acknowledged first, for it may take longer than Slack waits; then its answer is said to whoever typed.
3. Nothing is ignored in silence: a button that nobody knows any more, a word that is no command, a failure.

Bolt checks that requests are Slack's. Neither it nor this knows who may do what, nor whether it was done already: the
same press has the same id, and `take` knows it.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime
from functools import partial
from secrets import token_hex
from typing import Any

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from watchbill.errors import ProviderError, RefusedError, WatchbillError
from watchbill.respond.interfaces import SlackId
from watchbill.slack.blocks import LINK, PRESS, WRITE, dialogue, is_written, read_value, said
from watchbill.slack.calls import SlackRefusedError, plainly
from watchbill.slack.commands import USAGE, parse
from watchbill.slack.model import Command, Handle, Press, Take
from watchbill.slack.people import People


_SAID_MOST = 3000
_FAILED = "That went wrong on our side and nothing was done. Please try again, or ask a lead."
_ELSEWHERE = frozenset(("user_not_in_channel", "not_in_channel", "channel_not_found"))
"""Why somebody cannot be told something where they pressed (Slack, "chat.postEphemeral", errors)."""
_log = logging.getLogger(__name__)

Body = Mapping[str, Any]


def make_app(
    client: WebClient,
    people: People,
    signing_secret: str | None,
    take: Take,
    handle: Handle,
    now: Callable[[], datetime],
    workers: Executor,
) -> App:
    """Make the app; without a signing secret it takes requests from Socket Mode alone.

    `people` must not ask for long, since it is asked before a press is acknowledged.
    """
    # Without a secret Bolt would read one from the environment; nobody signs with this one.
    secret = signing_secret or token_hex()
    app = App(client=client, signing_secret=secret, token_verification_enabled=False, listener_executor=workers)
    listener = _Listener(client, people, take, handle, now)
    app.action(re.compile(f"^{re.escape(PRESS)}"))(listener.pressed)
    app.action(re.compile(f"^{re.escape(LINK)}"))(listener.followed)
    app.action(re.compile(""))(listener.unknown)
    app.view(WRITE)(listener.wrote)
    app.command("/watch")(listener.commanded)
    app.error(listener.failed)
    return app


class _Listener:
    """What is done for each thing that Slack tells."""

    def __init__(
        self, client: WebClient, people: People, take: Take, handle: Handle, now: Callable[[], datetime]
    ) -> None:
        self._client, self._people = client, people
        self._take, self._handle, self._now = take, handle, now

    def pressed(self, ack: Ack, body: Body, action: Body, respond: Respond) -> None:
        """Take a press, or open the dialogue that a button is for."""
        case, what = read_value(str(action.get("value", "")))
        if is_written(what):
            ack()
            self._ask(body, case, what, respond)
            return
        self._taken(ack, self._press(body, case, what, _message(body), ""), partial(_say, respond))

    def wrote(self, ack: Ack, body: Body, view: Body) -> None:
        """Take what somebody wrote in the dialogue, as a press of the button that opened it."""
        about = json.loads(view["private_metadata"])
        text = str(view["state"]["values"]["written"]["text"]["value"] or "")
        press = self._press(body, about["case"], about["action"], about["message"], text)
        self._taken(ack, press, partial(tell, self._client, press.actor, about["message"]))

    def followed(self, ack: Ack) -> None:
        """Nothing: the button led somewhere."""
        ack()

    def unknown(self, ack: Ack, respond: Respond) -> None:
        """Say that a button does nothing any more."""
        ack()
        _say(respond, "This button does nothing any more.")

    def commanded(self, ack: Ack, body: Body, respond: Respond) -> None:
        """Read a command, and say what came of it."""
        ack()
        try:
            wish = parse(str(body.get("text", "")))
        except RefusedError as error:
            _say(respond, f"{error}\n{USAGE}")
            return
        at = self._now()
        actor = SlackId(str(body["team_id"]), str(body["user_id"]))
        standing = self._people.standing(actor, at)
        command = Command(str(body["trigger_id"]), actor, standing, at, str(body["channel_id"]), wish)
        try:
            reply = self._handle(command)
        except WatchbillError as error:
            _say(respond, f"{error}\n{error.hint}" if error.hint else str(error))
            return
        _say(respond, reply.text, ephemeral=reply.ephemeral)

    def failed(self, error: Exception, body: Body, respond: Respond) -> None:
        """Write a mistake of ours into the log, and say that there was one."""
        _log.error("a request of Slack's failed", exc_info=error)
        if body.get("response_url"):
            _say(respond, _FAILED)

    def _taken(self, ack: Ack, press: Press, say: Callable[[str], None]) -> None:
        try:
            reply = self._take(press)
        except WatchbillError as error:
            _log.warning("a press could not be taken: %s", error)
            ack()
            say(_FAILED)
            return
        ack()
        if reply is not None:
            say(reply.text)

    def _ask(self, body: Body, case: str | None, action: str, respond: Respond) -> None:
        about = json.dumps({"case": case, "action": action, "message": _message(body)})
        try:
            with plainly():
                self._client.views_open(trigger_id=str(body["trigger_id"]), view=dialogue(case or "it", action, about))
        except ProviderError:
            _say(respond, "The dialogue could not be opened. Please press again.")

    def _press(self, body: Body, case: str | None, action: str, message: Mapping[str, str], text: str) -> Press:
        user = body["user"]
        # In a channel that is shared, whoever presses may be of another workspace than the one it is shown in.
        actor = SlackId(str(user.get("team_id") or (body.get("team") or {}).get("id") or ""), str(user["id"]))
        at = self._now()
        identity = f"{case or ''}|{actor.team}:{actor.user}|{action}"
        standing = self._people.standing(actor, at)
        return Press(identity, "slack", actor, action, case, at, message, text[:_SAID_MOST], standing)


def _message(body: Body) -> dict[str, str]:
    where = body.get("container") or {}
    return {"channel": str(where.get("channel_id", "")), "ts": str(where.get("message_ts", ""))}


def tell(client: WebClient, who: SlackId, where: Mapping[str, str], text: str) -> None:
    """Say something to one person in a conversation, so that nobody else sees it; that it was not said is logged.

    Whoever is in that conversation no more gets it directly.
    """
    shown, blocks = said(text)
    try:
        try:
            with plainly():
                client.chat_postEphemeral(
                    channel=where["channel"], user=who.user, text=shown, blocks=blocks, parse="none"
                )
        except SlackRefusedError as error:
            if error.word not in _ELSEWHERE:
                raise
            with plainly():
                channel = client.conversations_open(users=[who.user])["channel"]["id"]
                client.chat_postMessage(channel=channel, text=shown, blocks=blocks, parse="none")
    except ProviderError as error:
        _log.warning("an answer could not be said: %s", error)


def _say(respond: Respond, text: str, *, ephemeral: bool = True) -> None:
    """Answer by a response address, and leave the message that was pressed on as it is."""
    shown, blocks = said(text)
    try:
        with plainly():
            respond(
                text=shown,
                blocks=blocks,
                response_type="ephemeral" if ephemeral else "in_channel",
                replace_original=False,
            )
    except ProviderError as error:
        _log.warning("an answer could not be said: %s", error)
