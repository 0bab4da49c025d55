"""Strings that do something to what shows them, for every place in which a stranger's text may stand."""

import unicodedata


HOSTILE = {
    "colour and clearing": "ZQ\x1b[31mred\x1b[2J\x1b[1;1H",
    "a link of a terminal": "ZQ\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "a title of a window": "ZQ\x1b]0;owned\x07",
    "control characters of eight bits": "ZQ\x9b31m\x9d8;;http://evil.example\x9clink",
    "backspaces": "ZQharmful\b\b\b\b\b\b\bharmless\x7f",
    "nothing at all": "ZQ\x00\x01",
    "elements": "ZQ<script>alert(1)</script><img src=x onerror=alert(1)><svg/onload=alert(1)>",
    "attributes": 'ZQ" onmouseover="alert(1)" x=\'',
    "an end of a comment": "ZQ--></style></title></textarea>]]><b>",
    "a template": "ZQ{{ 7*191 }}{% for x in y %}${7*191}#{7*191}",
    "Slack": "ZQ<!channel> <@U024BE7LH> <https://evil.example|the runbook> &lt;!here&gt;",
    "a formula": "=cmd|' /C calc'!A0ZQ",
    "a plus": "+1+1ZQ",
    "a minus": "-1+1ZQ",
    "an at": "@SUM(1+1)ZQ",
    "a tab and a formula": "\t=1+1ZQ",
    "a return and a formula": "\r=1+1ZQ",
    "a wide formula": "\uff1d1+1ZQ",
    "right to left": "ZQ\u202egpj.exe\u202c \u2066hidden\u2069 \u200f\u061c",
    "of no width": "ZQ\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e",
    "letters that are not seen": "ZQ\u3164\u115f\uffa0\u2800\ufe0f\U000e0041",
    "line breaks": "ZQ\r\nwebhook-id: forged\r\n\r\n<83>1 - forged",
    "line breaks of Unicode": "ZQ\u2028forged\u2029\u0085\x0b\x0cforged",
    "JSON": 'ZQ"}\n{"id":"forged"}',
    "structured data": 'ZQ"] [forged@1 a="b\\',
    "Markdown": "ZQ[click](https://evil.example) ![x](https://evil.example/x.png) `x` **x** https://evil.example\n# x",
    "markup of rich": "ZQ[bold red]x[/bold red][link=http://evil.example]x[/link]:smile:",
    "half a character": "ZQ\ud83d",
    "a text of a megabyte": "ZQ" + "A\u202e" * 500_000,
}


DRAWN_AS_NOTHING = set("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef")
"""Letters and marks that Unicode says are not drawn, though their category is that of others."""


def hidden(text: str) -> set[str]:
    """Give the characters of a text that a reader does not see, but for the end of a line."""
    return {c for c in set(text) - {"\n", " "} if unicodedata.category(c)[0] in "CZ" or c in DRAWN_AS_NOTHING}
