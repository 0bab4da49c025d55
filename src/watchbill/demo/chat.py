"""The stand-in for Slack, as people of the demo see it and press in it: by what Slack would show and send."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from watchbill.sim.slack import Message, SlackStandIn, User, View
from watchbill.sim.slack.model import BOT, Conversation
from watchbill.team.model import Team
from watchbill.web.play import Conversation as Seen
from watchbill.web.play import Dialogue, Inbox, Said


CHANNEL = "C0LEADSDEMO"
"""The private channel in which the leads of the demo are told."""

_PATIENCE = 3.0
"""Seconds in which the app answers what was pressed; afterwards its answer is seen when somebody looks again."""


class Chat:
    """A workspace with everybody of a team in it."""

    def __init__(self, slack: SlackStandIn, team: Team) -> None:
        self._slack = slack
        for person in team.people.values():
            slack.add_user(User(_user(person.name), person.name, person.email))
        slack.add_channel(CHANNEL, "leads", [BOT, *map(_user, team.leads)], "private")

    def inbox(self, person: str) -> Inbox:
        """Give what somebody sees."""
        slack, user = self._slack, _user(person)
        with slack.lock:
            theirs = [each for each in slack.conversations.values() if user in each.members]
            seen = [self._seen(each, user) for each in theirs]
            open_ = next((view for view in reversed(slack.views) if view.user == user), None)
        return Inbox([each for each in seen if each.messages or each.whispers], _dialogue(open_))

    def press(self, person: str, channel: str, ts: str, action: str) -> bool:
        """Press a button that is shown to somebody; False where none is."""
        slack, user = self._slack, _user(person)
        with slack.lock:
            conversation = slack.conversations.get(channel)
            shown = conversation is not None and user in conversation.members
            said = next((m for m in slack.said if shown and (m.channel, m.ts) == (channel, ts)), None)
        button = next((b for b in said.buttons if b["action_id"] == action), None) if said is not None else None
        if said is None or button is None:
            return False
        before = self.count()
        slack.press_button(user, channel, ts, button)
        self._wait_past(before)
        return True

    def write(self, person: str, dialogue: str, text: str) -> bool:
        """Send a dialogue that somebody has open; False where they have none of that id."""
        slack, user = self._slack, _user(person)
        with slack.lock:
            view = next((each for each in slack.views if (each.id, each.user) == (dialogue, user)), None)
        if view is None:
            return False
        before = self.count()
        slack.submit(view, text)
        self._wait_past(before)
        return True

    def type(self, person: str, command: str) -> None:
        """Type a command, in the conversation with the app."""
        slack, user = self._slack, _user(person)
        with slack.lock:
            own = next((c.id for c in slack.conversations.values() if c.kind == "im" and user in c.members), None)
            if own is None:
                # Whoever was never written to opens the conversation with the app by typing there.
                own = f"D0{slack.number():07}"
                slack.conversations[own] = Conversation(own, "im", frozenset((BOT, user)))
        before = self.count()
        slack.command(user, own, command.strip().removeprefix("/watch").strip())
        self._wait_past(before)

    def count(self) -> tuple[int, int, int]:
        """Count what was said: another once anything was."""
        slack = self._slack
        with slack.lock:
            return len(slack.whispers), len(slack.views), len(slack.said) + sum(each.edited for each in slack.said)

    def _wait_past(self, before: tuple[int, int, int]) -> None:
        """Wait until the app has answered: it acknowledges first, and passes over nothing in silence."""
        until = time.monotonic() + _PATIENCE
        while self.count() == before and time.monotonic() < until:
            time.sleep(0.01)

    def _seen(self, conversation: Conversation, user: str) -> Seen:
        slack = self._slack
        direct = conversation.kind == "im"
        title = "watchbill" if direct else f"#{conversation.name}" if conversation.name else "The leads together"
        about = "to you alone" if direct else "leads see this"
        messages = [_said(m) for m in reversed(slack.said) if m.channel == conversation.id]
        whispers = [w.text for w in reversed(slack.whispers) if (w.channel, w.user) == (conversation.id, user)]
        return Seen(title, about, messages, whispers[:3])


def _user(person: str) -> str:
    return f"U0{person.upper()}"


def _said(message: Message) -> Said:
    at = datetime.fromtimestamp(int(message.ts.partition(".")[0]), UTC)
    return Said(message.channel, message.ts, at, message.text, message.blocks, message.edited > 0)


def _dialogue(view: View | None) -> Dialogue | None:
    if view is None:
        return None
    shown: Mapping[str, Any] = view.view
    label = next(str(block["label"]["text"]) for block in shown["blocks"] if block["type"] == "input")
    return Dialogue(view.id, str(shown["title"]["text"]), label, str(shown["submit"]["text"]))
