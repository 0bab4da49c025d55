"""A notice as plain text, inert for whatever shows it: mail, chats, phones, pagers."""

from collections.abc import Iterator, Sequence

from watchbill.inert import inert, shortened
from watchbill.respond.notices import Button, Notice


_TITLE_MOST, _LINE_MOST, _LINES_MOST = 150, 900, 40
_QUIET = {"://": "[:]//", "www.": "www[.]", "@": "(at)", "<": "\u2039", ">": "\u203a", "`": "'"}
"""What programs take for a link, somebody to call, an element or code, and what stands for it."""


def said(text: object, most: int = _LINE_MOST) -> str:
    """Give one line that calls nobody and links nowhere; of a longer one, how long it was."""
    shown = shortened(text, most)
    for mark, quiet in _QUIET.items():
        shown = shown.replace(mark, quiet)
    return shown


def title_of(notice: Notice) -> str:
    """Give the title."""
    return said(notice.title, _TITLE_MOST)


def lines_of(notice: Notice) -> list[str]:
    """Give what is said below the title, and small below that; of too many lines, how many are left out."""
    return [*_some(notice.lines), *_some(notice.context)]


def links_of(notice: Notice) -> Iterator[tuple[str, str]]:
    """Give where buttons lead, with their labels: those that lead nowhere have no meaning here."""
    for button in notice.buttons:
        if (url := _address(button)) is not None:
            yield said(button.label, 75), url


def _address(button: Button) -> str | None:
    """Give an address of ours; what others may have chosen in it was escaped by whoever made it."""
    if button.url is None or not button.url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        return None
    return button.url if button.url.isascii() and inert(button.url) == button.url and " " not in button.url else None


def text_of(notice: Notice) -> str:
    """Give all of it but the title."""
    links = [f"{label}: {url}" for label, url in links_of(notice)]
    return "\n".join((*lines_of(notice), *(("", *links) if links else ())))


def _some(lines: Sequence[str]) -> Iterator[str]:
    if len(lines) <= _LINES_MOST:
        yield from map(said, lines)
        return
    yield from map(said, lines[: _LINES_MOST - 1])
    yield f"... and {len(lines) - _LINES_MOST + 1} more lines"
