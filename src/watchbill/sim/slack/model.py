"""What is in a workspace, and what Slack takes for a message."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


BOT, APP = "U0WATCHBILL", "A0WATCHBILL"
TEAM = "T0STANDIN"
BOT_TOKEN, APP_TOKEN = "xoxb-stand-in", "xapp-stand-in"
SIGNING_SECRET = "stand-in-signing-secret"  # noqa: S105 - of nobody

SCOPES = frozenset(
    {
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "groups:history",
        "groups:read",
        "im:history",
        "im:write",
        "mpim:history",
        "mpim:write",
        "users:read",
        "users:read.email",
    }
)
"""What an app is given that asks for what `deploy/slack-app-manifest.yaml` does."""

_TEXT_MOST = {"header": 150, "section": 3000}
_VALUE_MOST, _LABEL_MOST, _ID_MOST = 2000, 75, 255
_BLOCKS_MOST, _ELEMENTS_MOST, _IN_CONTEXT_MOST = 50, 25, 10


class SlackError(Exception):
    """What Slack answers instead of `ok`."""

    def __init__(self, error: str, **more: str) -> None:
        super().__init__(error)
        self.answer: dict[str, Any] = {"ok": False, "error": error, **more}


@dataclass(slots=True)
class User:
    """Somebody in the workspace."""

    id: str
    name: str
    email: str
    team: str = TEAM
    is_bot: bool = False
    is_deleted: bool = False
    is_guest: bool = False

    def shown(self) -> dict[str, Any]:
        """Give the user as the Web API does."""
        return {
            "id": self.id,
            "team_id": self.team,
            "name": self.name,
            "deleted": self.is_deleted,
            "is_bot": self.is_bot,
            "is_restricted": self.is_guest,
            "is_ultra_restricted": False,
            "is_app_user": False,
            "profile": {"email": self.email, "real_name": self.name},
        }


@dataclass(slots=True)
class Conversation:
    """A channel, a message to one, or one to several."""

    id: str
    kind: str
    """`im`, `mpim`, `channel` or `private`."""
    members: frozenset[str]
    name: str = ""

    def shown(self) -> dict[str, Any]:
        """Give the conversation as the Web API does."""
        return {
            "id": self.id,
            "name": self.name,
            "is_im": self.kind == "im",
            "is_mpim": self.kind == "mpim",
            "is_private": self.kind != "channel",
            "is_archived": False,
            "is_member": BOT in self.members,
        }


@dataclass(slots=True)
class Message:
    """What the app has said."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any] | None
    edited: int = 0
    """How often it was replaced."""

    @property
    def buttons(self) -> list[dict[str, Any]]:
        """Give its buttons."""
        return [e for block in self.blocks if block["type"] == "actions" for e in block["elements"]]

    @property
    def key(self) -> str:
        """Give the key in its metadata; empty where there is none."""
        return str((self.metadata or {}).get("event_payload", {}).get("key", ""))

    @property
    def words(self) -> str:
        """Give what is read in it, but for its buttons, as Slack was given it."""
        return "\n".join(texts([b for b in self.blocks if b["type"] != "actions"])) if self.blocks else self.text

    def shown(self, *, with_metadata: bool) -> dict[str, Any]:
        """Give the message as the Web API does."""
        found = {"type": "message", "ts": self.ts, "text": self.text, "blocks": self.blocks, "user": BOT}
        return {**found, "metadata": self.metadata} if with_metadata and self.metadata else found


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """What only one person sees, until they look away."""

    channel: str
    user: str
    text: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """What became of a press, a view or a command."""

    is_acknowledged: bool
    """False where Slack would have shown its warning."""
    answer: Mapping[str, Any]
    seconds: float


@dataclass(slots=True)
class View:
    """A dialogue that somebody has open."""

    id: str
    user: str
    view: dict[str, Any]


def texts(found: object) -> Iterator[str]:
    """Give every text of blocks, in their order."""
    if isinstance(found, dict):
        if found.get("type") in ("plain_text", "mrkdwn"):
            yield found["text"]
            return
        for value in found.values():
            yield from texts(value)
    elif isinstance(found, list):
        for each in found:
            yield from texts(each)


def checked(given: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Read the blocks and the metadata of a message; SlackError where they break a limit, or nothing is said."""
    blocks = _document(given.get("blocks")) or []
    if not blocks and not given.get("text"):
        raise SlackError("no_text")
    if len(blocks) > _BLOCKS_MOST or not all(_is_valid(block) for block in blocks):
        raise SlackError("invalid_blocks")
    ids = [e["action_id"] for block in blocks if block["type"] == "actions" for e in block["elements"]]
    if len(set(ids)) < len(ids):
        raise SlackError("invalid_blocks")
    metadata = _document(given.get("metadata"))
    if metadata and not (isinstance(metadata.get("event_type"), str) and isinstance(metadata["event_payload"], dict)):
        raise SlackError("invalid_metadata_format")
    return blocks, metadata


def _document(given: object) -> Any:
    return json.loads(given) if isinstance(given, str) else given


def _is_valid(block: Mapping[str, Any]) -> bool:
    match block["type"]:
        case "header" | "section":
            return 0 < len(block["text"]["text"]) <= _TEXT_MOST[block["type"]]
        case "context":
            return 0 < len(block["elements"]) <= _IN_CONTEXT_MOST
        case "actions":
            return 0 < len(block["elements"]) <= _ELEMENTS_MOST and all(map(_is_valid_button, block["elements"]))
        case "divider":
            return True
        case _:
            return False


def _is_valid_button(button: Mapping[str, Any]) -> bool:
    confirm = button.get("confirm")
    return (
        len(button["text"]["text"]) <= _LABEL_MOST
        and len(button["action_id"]) <= _ID_MOST
        and len(button.get("value", "")) <= _VALUE_MOST
        and (confirm is None or (len(confirm["title"]["text"]) <= 100 and len(confirm["text"]["text"]) <= 300))
    )
