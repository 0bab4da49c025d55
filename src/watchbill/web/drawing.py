"""How pages are drawn: templates that escape everything, and the one style sheet."""

import hashlib
from functools import cache, partial
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from watchbill.inert import shortened
from watchbill.intervals import iso
from watchbill.web import calendar


_MOST = 4_000
"""Characters of a text that strangers chose, on a page."""


@cache
def environment() -> Environment:
    """Give the templates. What strangers chose goes through `inert` in them."""
    made = Environment(
        loader=PackageLoader("watchbill.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.filters["inert"] = partial(shortened, most=_MOST)
    made.filters["iso"] = iso
    return made


STYLE: Final = (files("watchbill.web") / "templates" / "style.css").read_text("utf-8") + calendar.STYLE
"""The style sheet of every page: light and dark, with nothing loaded from anywhere, and how calendars look in them."""

STYLE_ADDRESS: Final = f"/style.css?v={hashlib.sha256(STYLE.encode()).hexdigest()[:16]}"
"""Where pages load it from: another one has another address, so that browsers may keep it for good."""
