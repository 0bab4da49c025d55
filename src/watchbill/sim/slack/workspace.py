"""The state of a workspace, and the methods of the Web API that watchbill calls on it.

Tokens, scopes and membership are checked, and metadata is given to who asks for it, as Slack's documentation has it.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, ClassVar

from watchbill.sim.slack.model import (
    APP_TOKEN,
    BOT,
    BOT_TOKEN,
    SCOPES,
    TEAM,
    Conversation,
    Ephemeral,
    Message,
    SlackError,
    User,
    View,
    checked,
)


_NEEDED = {
    "chat.postMessage": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    "chat.update": ("chat:write",),
    "users.lookupByEmail": ("users:read.email",),
    "users.info": ("users:read",),
    "conversations.list": ("channels:read", "groups:read"),
}
"""By method, the scopes that it needs; those of opening and reading a conversation depend on what it is."""

_IN_ONE = 8
"""People in one conversation at the most, besides the app."""
_PAGE = 100


@dataclass(slots=True)
class Weather:
    """What goes wrong, and how often still, by method."""

    limited: dict[str, int] = field(default_factory=dict)
    retry_after: int = 1
    lost: dict[str, int] = field(default_factory=dict)
    is_down: bool = False


class Workspace:
    """People, conversations, and all that the app has said and asked for."""

    def __init__(self, base: Callable[[], str], now: Callable[[], datetime]) -> None:
        self.users: dict[str, User] = {BOT: User(BOT, "watchbill", "", is_bot=True)}
        self.conversations: dict[str, Conversation] = {}
        self.said: list[Message] = []
        """Everything the app has said, the oldest first."""
        self.whispers: list[Ephemeral] = []
        """What was said to one person alone."""
        self.views: list[View] = []
        """Dialogues that are open."""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """Every call of the Web API, with what it was given."""
        self.scopes = SCOPES
        self.weather = Weather()
        self.lock = threading.RLock()
        self._base, self._now = base, now
        self._numbers = count(1)
        self._triggers: dict[str, str] = {}
        self._placed: dict[tuple[str, str], Message] = {}
        """What was said, by its conversation and its name."""

    def number(self) -> int:
        """Give a number that was not given before."""
        return next(self._numbers)

    def ts(self) -> str:
        """Give the name of a message that is said now."""
        return f"{int(self._now().timestamp())}.{self.number():06}"

    def say(self, message: Message) -> None:
        """Let something be said."""
        self.said.append(message)
        self._placed[message.channel, message.ts] = message

    def trigger(self, user: str) -> str:
        """Give somebody's leave to open one dialogue."""
        made = f"{self.ts()}.trigger"
        self._triggers[made] = user
        return made

    def call(self, method: str, given: dict[str, Any], authorization: str) -> dict[str, Any]:
        """Answer a call; what Slack refuses is an answer too."""
        self.calls.append((method, given))
        try:
            self._allow(method, authorization.removeprefix("Bearer "))
            return {"ok": True, **self._METHODS[method](self, given)}
        except SlackError as error:
            return error.answer
        except (KeyError, ValueError):
            return {"ok": False, "error": "invalid_arguments"}

    def _allow(self, method: str, token: str) -> None:
        """Refuse what is no method, or has no token, the wrong one, or not its scope."""
        if method not in self._METHODS:
            raise SlackError("unknown_method")
        if token not in (BOT_TOKEN, APP_TOKEN):
            raise SlackError("invalid_auth")
        if (token == APP_TOKEN) != (method == "apps.connections.open"):
            raise SlackError("not_allowed_token_type")
        self._need(*_NEEDED.get(method, ()))

    def _need(self, *scopes: str) -> None:
        if missing := [scope for scope in scopes if scope not in self.scopes]:
            raise SlackError("missing_scope", needed=missing[0], provided=",".join(sorted(self.scopes)))

    def _auth_test(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"team": "Stand-in", "team_id": TEAM, "user": "watchbill", "user_id": BOT, "bot_id": "B0WATCHBILL"}

    def _open_connection(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"url": f"ws{self._base().removeprefix('http')}/socket/{self.number()}"}

    def _lookup(self, given: Mapping[str, Any]) -> dict[str, Any]:
        wanted = str(given["email"]).lower()
        found = next((u for u in self.users.values() if u.email.lower() == wanted and not u.is_deleted), None)
        if found is None:
            raise SlackError("users_not_found")
        return {"user": found.shown()}

    def _info(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if given["user"] not in self.users:
            raise SlackError("user_not_found")
        return {"user": self.users[given["user"]].shown()}

    def _open(self, given: Mapping[str, Any]) -> dict[str, Any]:
        wanted = given["users"]
        users = frozenset(wanted.split(",") if isinstance(wanted, str) else wanted)
        if not users <= set(self.users):
            raise SlackError("user_not_found")
        if any(self.users[user].is_deleted for user in users):
            raise SlackError("user_disabled")
        if len(users) > _IN_ONE:
            raise SlackError("too_many_users")
        kind = "im" if len(users) == 1 else "mpim"
        self._need(f"{kind}:write")
        members = users | {BOT}
        found = next((c for c in self.conversations.values() if c.kind == kind and c.members == members), None)
        if found is None:
            found = Conversation(f"{'D' if kind == 'im' else 'G'}0{self.number():07}", kind, members)
            self.conversations[found.id] = found
        return {"channel": {"id": found.id}}

    def _list(self, given: Mapping[str, Any]) -> dict[str, Any]:
        channels = [c.shown() for c in self.conversations.values() if c.kind in ("channel", "private")]
        found, following = _page(channels, given)
        return {"channels": found, "response_metadata": {"next_cursor": following}}

    def _about(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = self._conversation(given["channel"], with_id=True, from_outside=True)
        self._need({"channel": "channels:read", "private": "groups:read"}.get(found.kind, f"{found.kind}:write"))
        return {"channel": found.shown()}

    def _history(self, given: Mapping[str, Any]) -> dict[str, Any]:
        conversation = self._conversation(given["channel"], with_id=True)
        prefix = {"channel": "channels", "private": "groups"}.get(conversation.kind, conversation.kind)
        self._need(f"{prefix}:history")
        oldest = float(given.get("oldest", 0))
        newest_first = [m for m in reversed(self.said) if m.channel == conversation.id and float(m.ts) >= oldest]
        found, following = _page(newest_first, given)
        with_metadata = str(given.get("include_all_metadata", "")).lower() in ("1", "true")
        shown = [m.shown(with_metadata=with_metadata) for m in found]
        return {"messages": shown, "has_more": bool(following), "response_metadata": {"next_cursor": following}}

    def _post_message(self, given: Mapping[str, Any]) -> dict[str, Any]:
        conversation = self._conversation(given["channel"])
        blocks, metadata = checked(given)
        made = Message(conversation.id, self.ts(), str(given.get("text", "")), blocks, metadata)
        self.say(made)
        return {"channel": made.channel, "ts": made.ts, "message": {"ts": made.ts, "text": made.text}}

    def _whisper(self, given: Mapping[str, Any]) -> dict[str, Any]:
        conversation = self._conversation(given["channel"])
        if given["user"] not in conversation.members:
            raise SlackError("user_not_in_channel")
        self.whispers.append(Ephemeral(conversation.id, given["user"], str(given["text"])))
        return {"message_ts": self.ts()}

    def _update(self, given: Mapping[str, Any]) -> dict[str, Any]:
        conversation = self._conversation(given["channel"], with_id=True)
        found = self._placed.get((conversation.id, str(given["ts"])))
        if found is None:
            raise SlackError("message_not_found")
        found.blocks, found.metadata = checked(given)
        found.text, found.edited = str(given.get("text", "")), found.edited + 1
        return {"channel": found.channel, "ts": found.ts, "text": found.text}

    def _open_view(self, given: Mapping[str, Any]) -> dict[str, Any]:
        user = self._triggers.pop(str(given["trigger_id"]), None)
        if user is None:
            raise SlackError("invalid_trigger_id")
        view = json.loads(given["view"]) if isinstance(given["view"], str) else given["view"]
        made = View(f"V{self.number()}", user, view)
        self.views.append(made)
        return {"view": {**view, "id": made.id, "team_id": TEAM}}

    def _conversation(self, channel: object, *, with_id: bool = False, from_outside: bool = False) -> Conversation:
        """Find a conversation of the app; where no id is needed, by the name of a channel as well.

        A public channel may be looked at from outside.
        """
        named = str(channel).removeprefix("#")
        found = next(
            (c for c in self.conversations.values() if named == c.id or (not with_id and c.name and named == c.name)),
            None,
        )
        if found is None:
            raise SlackError("channel_not_found")
        is_open = found.kind == "channel"
        if BOT not in found.members and not (is_open and from_outside):
            raise SlackError("not_in_channel" if is_open else "channel_not_found")
        return found

    _METHODS: ClassVar[Mapping[str, Callable[["Workspace", Mapping[str, Any]], dict[str, Any]]]] = {
        "apps.connections.open": _open_connection,
        "auth.test": _auth_test,
        "chat.postEphemeral": _whisper,
        "chat.postMessage": _post_message,
        "chat.update": _update,
        "conversations.history": _history,
        "conversations.info": _about,
        "conversations.list": _list,
        "conversations.open": _open,
        "users.info": _info,
        "users.lookupByEmail": _lookup,
        "views.open": _open_view,
    }


def _page(found: Sequence[Any], given: Mapping[str, Any]) -> tuple[list[Any], str]:
    """Give one page, and the cursor of what follows; empty where nothing does."""
    start, most = int(given.get("cursor") or 0), int(given.get("limit") or _PAGE)
    following = str(start + most) if start + most < len(found) else ""
    return list(found[start : start + most]), following
