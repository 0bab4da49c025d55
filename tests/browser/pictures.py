"""The pictures of the README: what is drawn, and the stamp by which a picture is told from one that is out of step."""

import hashlib
import re
import struct
import zlib
from pathlib import Path

from watchbill.web.drawing import STYLE


FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SIZE = {"width": 1080, "height": 840}
PICTURES = {
    "now": ("lee", "/"),
    "access": ("lee", "/access?at=2026-01-13T01:00"),
    "case": ("sofia", "/open/C-away"),
    "person": ("lee", "/people/james?from=2026-01-12&to=2026-01-14"),
}
"""By name who looks at what."""
_SEEN = {"case": "#weights", "access": "table.matrix"}
"""What is moved into sight first."""
_KEY = b"watchbill"
_OTHERWISE = re.compile(r' (?:hx|sse)-[\w-]+="[^"]*"|<input type="hidden"[^>]*>|<meta [^>]*>|<script[^>]*></script>')
"""What of a page is another each time, or is not seen."""


def stamp_of(page: str) -> str:
    """Give the digest of what a picture shows: the page, as the server drew it, and the style sheet."""
    shown = _OTHERWISE.sub("", page.partition("<body>")[2])
    return hashlib.sha256(f"{shown}{STYLE}".encode()).hexdigest()


def stamped(picture: bytes, stamp: str) -> bytes:
    """Write a stamp into a PNG, as a chunk of text behind its head (PNG, 11.3.3.2)."""
    body = b"tEXt" + _KEY + b"\0" + stamp.encode()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return picture[:33] + chunk + picture[33:]


def stamp_in(picture: bytes) -> str | None:
    """Read the stamp of a PNG; None where it has none."""
    found = re.search(rb"tEXt" + _KEY + rb"\0([0-9a-f]{64})", picture)
    return None if found is None else found[1].decode()


def taken(window, name: str) -> bytes:
    """Take a picture."""
    window.page.set_viewport_size(SIZE)
    window.open(PICTURES[name][1])
    if name in _SEEN:
        window.page.locator(_SEEN[name]).evaluate("each => each.scrollIntoView({block: 'center'})")
    return bytes(window.page.screenshot())
