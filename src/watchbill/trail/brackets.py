"""Split lists of JSON by brackets and quotes alone, whatever is in their elements."""

import re


_MARK = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]+|[\]},]', re.DOTALL)
"""What tells the shape of JSON: a text, closed or not, brackets that open, one that closes, or a comma."""

_STRAY = b" \t\r\n}"
"""What may lie between two records and be neither: white space, and brackets that close nothing."""

_DEEP = 1000
"""How deep a record may be nested for a bracket in it to be paired; no JSON reader takes a deeper one."""


def elements(text: bytes, begin: int) -> tuple[list[bytes], int, bool]:
    """Give the elements of the list that opens before `begin`, where it ends, and whether it is closed.

    A bracket that closes closes all that was opened inside it; one that nothing opened is passed over.
    """
    found: list[bytes] = []
    opened = bytearray()
    for token in _MARK.finditer(text, begin):
        mark = text[token.start()]
        if mark in b"[{":
            opened += token[0]
        elif mark in b"]}" and opened:
            depth = opened.rfind(b"[" if mark in b"]" else b"{", max(0, len(opened) - _DEEP))
            del opened[depth if depth >= 0 else len(opened) :]
            if not opened:
                found.append(text[begin : token.end()])
                begin = token.end()
        elif mark in b",]" and not opened:
            if rest := text[begin : token.start()].strip(_STRAY):
                found.append(rest)
            begin = token.end()
            if mark in b"]":
                return found, begin, True
    if rest := text[begin:].strip():
        found.append(rest)
    return found, len(text), False
