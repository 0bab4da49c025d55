"""The scripts of pages that keep themselves up to date: two that others wrote, as they were published, and one of ours.

Each is served from an address of its own version, and pages name the hash of what they expect there.
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Final

import msgspec


FOLDER: Final = files("watchbill.web") / "static"


@dataclass(frozen=True)
class Script:
    """A script that a page may load."""

    file: str
    sha384: str
    """What it must be, for browsers as well as for us: in base64."""
    source: str
    """The package of npm that it is from, and its file there; `ours` where we wrote it."""
    licence: str
    """The file with its licence; our own is the project's."""

    @property
    def address(self) -> str:
        """Give where pages load it from: another one has another address, so that browsers may keep it for good."""
        return f"/scripts/{self.file}?v={self.sha384[:12].replace('+', '-').replace('/', '_')}"

    @property
    def integrity(self) -> str:
        """Give what browsers hold it to (W3C Subresource Integrity)."""
        return f"sha384-{self.sha384}"

    @cached_property
    def text(self) -> str:
        """Give what it says."""
        return (FOLDER / self.file).read_text("utf-8")


def hash_of(text: str) -> str:
    """Give the hash of a script, as a page names it."""
    return base64.b64encode(hashlib.sha384(text.encode()).digest()).decode()


def _ours(file: str) -> Script:
    return Script(file, hash_of((FOLDER / file).read_text("utf-8")), "ours", "LICENSE")


SCRIPTS: Final = (
    Script(
        "htmx-2.0.11.min.js",
        "2OatzQy1H+Zd/IIrjr1TcuDGqLXeHhbooAyJY1KdQMKnr4LZ22k31GBLdYKHmVjg",
        "htmx.org 2.0.11, dist/htmx.min.js",
        "htmx-2.0.11.LICENSE",
    ),
    Script(
        "htmx-ext-sse-2.2.4.min.js",
        "A986SAtodyH8eg8x8irJnYUk7i9inVQqYigD6qZ9evobksGNIXfeFvDwLSHcp31N",
        "htmx-ext-sse 2.2.4, dist/sse.min.js",
        "htmx-ext-sse-2.2.4.LICENSE",
    ),
    _ours("live.js"),
)
"""Every script there is, in the order in which they are loaded."""

CONFIG: Final = msgspec.json.encode(
    {
        "allowEval": False,
        "allowScriptTags": False,
        "includeIndicatorStyles": False,
        "selfRequestsOnly": True,
        "historyEnabled": False,
        "historyCacheSize": 0,
        # A page that is refused now says so in the place of what it was; what is broken leaves it as it is.
        "responseHandling": [
            {"code": "[234]..", "swap": True},
            {"code": "...", "swap": False, "error": True},
        ],
    }
).decode()
"""What htmx is held to: it evaluates nothing, runs no script that comes with a page, asks nobody but us, and keeps no
page in the browser."""
