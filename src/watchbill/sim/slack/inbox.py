"""A page that shows what everybody sees in a workspace, and lets whoever looks at it be any of them.

It runs nothing and loads nothing; a confirmation is a part that opens. Texts are as Slack would show them: its escapes
undone, and everything else the characters that they are.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, Template

from watchbill.inert import inert
from watchbill.sim.slack.model import BOT, Conversation


if TYPE_CHECKING:
    from watchbill.sim.slack.workspace import Workspace

_REFRESH = 3
"""Seconds after which it looks again, where nothing is being written."""


def page(workspace: "Workspace", user: str) -> str:
    """Draw what somebody sees; nobody in particular sees only who there is."""
    views = [
        {"id": each.id, "view": each.view, "label": _label(each.view)} for each in workspace.views if each.user == user
    ]
    return _template().render(
        users=sorted((u for u in workspace.users.values() if u.id != BOT), key=lambda u: u.name),
        user=user,
        views=views,
        refresh=None if views or not user else _REFRESH,
        conversations=[_shown_to(workspace, each, user) for each in _seen_by(workspace, user)],
    )


def _seen_by(workspace: "Workspace", user: str) -> list[Conversation]:
    return [each for each in workspace.conversations.values() if user in each.members]


def _shown_to(workspace: "Workspace", conversation: Conversation, user: str) -> dict[str, Any]:
    return {
        "title": f"#{conversation.name}" if conversation.name else "watchbill",
        "messages": [m for m in reversed(workspace.said) if m.channel == conversation.id],
        "whispers": [w.text for w in workspace.whispers if (w.channel, w.user) == (conversation.id, user)],
    }


def _label(view: Mapping[str, Any]) -> str:
    return next(str(block["label"]["text"]) for block in view["blocks"] if block["type"] == "input")


def _as_slack_shows(text: object) -> str:
    """Undo Slack's escapes; line breaks stay."""
    said = str(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return "\n".join(inert(line) for line in said.split("\n"))


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True)
    environment.filters["shown"] = _as_slack_shows
    return environment.from_string((resources.files(__package__) / "inbox.html").read_text("utf-8"))
