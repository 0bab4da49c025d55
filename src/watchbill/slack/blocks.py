"""Draw a notice as Slack's blocks: plain text in Slack's own limits, which calls nobody and links nowhere.

1. Every text is `plain_text` without emoji, so that no mark in it counts; and it is inert all the same (`inert_slack`),
   as the fallback for notifications is read by clients that know no blocks.
2. What is too long says how long it was; of too many lines it is said how many are left out.
3. A button carries `case|action`. Whoever is asked gets nothing but answers, and a link to confirm one: a message that
   would give the person of a case more is refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    HeaderBlock,
    InputBlock,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.metadata import Metadata
from slack_sdk.models.views import View

from watchbill.errors import RefusedError
from watchbill.inert import inert_slack, shortened
from watchbill.respond.notices import Button, Notice, NoticeKind


EVENT = "watchbill"
"""Type of the metadata by which our messages are found again."""
PRESS, LINK, WRITE = "watchbill.press:", "watchbill.link:", "watchbill.write"
"""What action ids begin with, of buttons that count when pressed and of those that lead somewhere; and the dialogue."""
TELL_MORE, _VERDICT = "answer:more", "verdict:"
_LEADING = ("open", "confirm")
"""Actions of buttons that do nothing but lead somewhere: without an address they are left out."""

_HEADER_MOST, _SECTION_MOST, _CONTEXT_MOST = 150, 3000, 2000
_LABEL_MOST, _URL_MOST = 75, 3000
_CONFIRM_MOST, _YES_MOST = 300, 30
_BUTTONS_MOST, _SAID_MOST = 25, 3000
_LINES_MOST, _LINE_MOST, _NOTES_MOST = 30, 900, 10
"""Ours: nobody reads more of one message."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A message as `chat.postMessage` takes it."""

    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]


def draw(notice: Notice) -> Drawn:
    """Draw a notice; RefusedError where it would let the person of a case do more than answer."""
    _refuse_more_than_answers(notice)
    blocks: list[Block] = [HeaderBlock(text=_plain(notice.title, _HEADER_MOST))]
    blocks += [SectionBlock(text=_plain_text(text)) for text in _sections(notice.lines)]
    if notice.context:
        notes = [_plain(line, _CONTEXT_MOST) for line in _some(notice.context, _NOTES_MOST)]
        blocks.append(ContextBlock(elements=list(notes)))
    if buttons := [each for each in notice.buttons if each.url is not None or each.action not in _LEADING]:
        blocks.append(ActionsBlock(elements=[_button(notice, each) for each in buttons[:_BUTTONS_MOST]]))
    metadata = Metadata(event_type=EVENT, event_payload={"key": notice.key})
    return Drawn(fitted(notice.title, _HEADER_MOST), [block.to_dict() for block in blocks], metadata.to_dict())


def is_written(action: str) -> bool:
    """Tell whether something has to be written for a button to count: a verdict needs its reason."""
    return action == TELL_MORE or action.startswith(_VERDICT)


def dialogue(case: str, action: str, about: str) -> dict[str, Any]:
    """Draw the dialogue in which somebody writes what a button needs; `about` comes back with it."""
    verdict = action.startswith(_VERDICT)
    concluded = action.removeprefix(_VERDICT).replace("-", " ")
    asked = f"Why is {case} to be closed as {concluded}?" if verdict else f"What should we know about {case}?"
    view = View(
        type="modal",
        callback_id=WRITE,
        title=_plain("The reason" if verdict else "Tell us more", 24),
        submit=_plain("Close the case" if verdict else "Send", 24),
        close=_plain("Not now", 24),
        private_metadata=about,
        blocks=[
            InputBlock(
                block_id="written",
                label=_plain(asked, _LABEL_MOST),
                element=PlainTextInputElement(action_id="text", multiline=True, max_length=_SAID_MOST),
            )
        ],
    )
    return view.to_dict()


def said(text: str) -> tuple[str, list[Block]]:
    """Draw an answer of one line or several: as text for notifications, and as blocks."""
    lines = "\n".join(_some([fitted(line, _LINE_MOST) for line in text.split("\n")], _LINES_MOST))
    shown = lines if len(lines) <= _SECTION_MOST else f"{lines[: _SECTION_MOST - 4]} ..."
    return shown, [SectionBlock(text=_plain_text(shown))]


def fitted(text: object, most: int) -> str:
    """Give a text of `most` characters at most as Slack counts them, escapes and all; it is one line, and inert."""
    allowed = most
    while len(said := inert_slack(shortened(text, allowed))) > most:
        # An escape has five characters at the most.
        allowed -= max((len(said) - most) // 5, 1)
    return said


def value_of(case: str | None, action: str) -> str:
    """Give what a button carries."""
    return f"{case or ''}|{action}"


def read_value(value: str) -> tuple[str | None, str]:
    """Read what a button carries: the case, if there is one, and the action."""
    case, _, action = value.partition("|")
    return case or None, action


def _refuse_more_than_answers(notice: Notice) -> None:
    if notice.kind not in (NoticeKind.QUESTION, NoticeKind.ANSWERED):
        return
    for each in notice.buttons:
        if not (each.action.startswith("answer:") or each.action == "confirm"):
            raise RefusedError(f"a question to {notice.to} would have the button `{each.action}`")


def _sections(lines: Sequence[str]) -> Iterator[str]:
    """Join lines to as few texts as a section may have."""
    joined = ""
    for line in _some(lines, _LINES_MOST):
        said = fitted(line, _LINE_MOST) or " "
        if joined and len(joined) + 1 + len(said) > _SECTION_MOST:
            yield joined
            joined = said
        else:
            joined = f"{joined}\n{said}" if joined else said
    if joined.strip():
        yield joined


def _some(lines: Sequence[str], most: int) -> Iterator[str]:
    """Give the first lines; the last says how many are left out."""
    if len(lines) <= most:
        yield from lines
        return
    yield from lines[: most - 1]
    yield f"... and {len(lines) - most + 1} more lines"


def _button(notice: Notice, button: Button) -> ButtonElement:
    where = PRESS if button.url is None else LINK
    return ButtonElement(
        text=_plain(button.label, _LABEL_MOST),
        action_id=f"{where}{button.action}",
        value=value_of(notice.case, button.action),
        style=button.style or None,
        confirm=_confirm(button) if button.confirm else None,
        url=None if button.url is None else _address(button.url),
    )


def _confirm(button: Button) -> ConfirmObject:
    """Draw what is asked before a press counts. Its text is short: as many whole lines as there is room for."""
    shown: list[str] = []
    lines = [fitted(line, _CONFIRM_MOST // 3) for line in button.confirm]
    for number, line in enumerate(lines):
        left = len(lines) - number
        ending = f"... and {left} more" if left > 1 else ""
        if len("\n".join((*shown, line, ending))) > _CONFIRM_MOST:
            shown.append(f"... and {left} more")
            break
        shown.append(line)
    return ConfirmObject(
        title=_plain(button.label, 100),
        text=_plain_text("\n".join(shown)),
        confirm=_plain(button.label, _YES_MOST),
        deny=_plain("Not now", _YES_MOST),
    )


def _address(url: str) -> str:
    """Let through https, and this machine's own http; RefusedError for all else. Ours alone, but nobody is to guess."""
    parts = urlsplit(url)
    if len(url) > _URL_MOST or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))):
        raise RefusedError("a button would lead to an address without https")
    return url


def _is_here(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _plain(text: object, most: int) -> PlainTextObject:
    return _plain_text(fitted(text, most))


def _plain_text(text: str) -> PlainTextObject:
    """Make a text object of what is inert and fits already; Slack takes none that is empty."""
    return PlainTextObject(text=text or " ", emoji=False)
