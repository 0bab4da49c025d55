"""Show what others wrote rather than obey it: one function for each medium.

| medium | function | what it keeps from happening |
|---|---|---|
| a terminal, a log, a header | `inert` | control and direction-changing characters, line breaks, marks nobody sees |
| JSON | `inert_json` | the same, by JSON's own escapes: a program reads what was there; and no HTML in a page |
| Slack's markup | `inert_slack` | mentions, links, previews |
| Markdown | `inert_markdown` | links, images, HTML, emphasis, lists |
| a cell of CSV | `inert_cell` | formulas, and what `inert` keeps from happening |
| HTML | Jinja's autoescape, after `inert` | elements, attributes |

Each is for text that strangers may have chosen: names, user agents, messages, file names, rules. None of them shortens;
`shortened` does, and says so.
"""

import re
from collections.abc import Callable


_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Printable by its class, but drawn as nothing: Unicode's Default_Ignorable_Code_Point of letters and marks, and the
empty Braille pattern."""

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Beginnings that spreadsheets take for a formula, the full-width ones too (OWASP, "CSV Injection")."""

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
"""What a backslash may stand before in Markdown: all ASCII punctuation (CommonMark 0.31, 2.4)."""

_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""What Slack takes for markup in a text (Slack, "Formatting text for app surfaces")."""


def inert(text: object) -> str:
    r"""Give a text with every character shown that would move, hide or turn around what a reader sees.

    Control and direction-changing characters, line breaks and tabs too, become their code, such as `\u202e`; so do
    characters that are drawn as nothing.
    """
    return str(text).translate(_SHOWN)


def inert_json(text: str) -> str:
    """Give JSON that says the same and shows nothing else: for a terminal, a log or a page.

    Only what stands in strings can need it, since outside of them JSON has no such characters but line breaks, which
    stay: a writer of JSON escapes those in strings. `<`, `>` and `&` are escaped for whoever puts it into HTML.
    """
    return text.translate(_JSON)


def inert_slack(text: object) -> str:
    """Give a text for a field of Slack's `mrkdwn`: it mentions nobody, links nowhere and is previewed as nothing.

    `<!channel>` and `<@U123>` are markup only between angle brackets. Slack turns a bare address into a link by
    itself, so each loses its colon to brackets: `https[:]//`.
    """
    said = "".join(_MARKUP.get(c, c) for c in inert(text))
    return said.replace("://", "[:]//")


def inert_markdown(text: object) -> str:
    """Give a text for a paragraph of Markdown, every mark of it escaped; addresses become no links then, either."""
    return _PUNCTUATION.sub(r"\\\1", inert(text))


def inert_cell(text: object) -> str:
    """Give a text for a cell of CSV; an apostrophe comes before what a spreadsheet would compute.

    Quoting is the CSV writer's business.
    """
    said = str(text)
    return f"'{inert(said)}" if said.lstrip(" ")[:1] in _FORMULAS and said.strip(" ") else inert(said)


def shortened(text: object, most: int) -> str:
    """Give a text of `most` characters at most, inert; one that was longer ends with how long it was.

    Cut before it is made inert as well as after, so that a text of any length costs no more than what is kept of it.
    """
    said = str(text)
    shown = inert(said[:most])
    if len(said) <= most and len(shown) <= most:
        return shown
    ending = f"... ({len(said)} characters)"
    return shown[: max(most - len(ending), 0)] + ending[:most]


class _Table(dict[int, str]):
    """What stands for each character, found out once for each of the first ten thousand that are asked for."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        super().__init__()
        self._shown = shown

    def __missing__(self, code: int) -> str:
        shown = self._shown(chr(code))
        if len(self) < _REMEMBERED:
            self[code] = shown
        return shown


def _is_seen(character: str) -> bool:
    return character.isprintable() and not _UNSEEN.match(character)


def _in_text(character: str) -> str:
    return character if _is_seen(character) else f"\\u{ord(character):04x}"


def _in_json(character: str) -> str:
    if character == "\n" or (_is_seen(character) and character not in _MARKUP):
        return character
    code = ord(character)
    if code <= 0xFFFF:  # noqa: PLR2004 - the last character that JSON escapes as one
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


_REMEMBERED = 10_000
_SHOWN, _JSON = _Table(_in_text), _Table(_in_json)
