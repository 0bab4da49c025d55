"""How pages are drawn: templates that escape everything, the one style sheet, and the icon."""

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
    made.filters["counted"] = counted
    made.globals |= {"icon": ICON_ADDRESS, "watch": _WATCH}
    return made


def read_templates() -> None:
    """Read every template now, so that nobody who looks at a page for the first time waits for it."""
    for name in environment().list_templates(extensions=["html"]):
        environment().get_template(name)


def counted(count: int, one: str, many: str = "") -> str:
    """Say how many of something there are: `1 gap`, `2 gaps`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


STYLE: Final = (files("watchbill.web") / "templates" / "style.css").read_text("utf-8") + calendar.STYLE
"""The style sheet of every page: light and dark, with nothing loaded from anywhere, and how calendars look in them."""

_WATCH: Final = "M16 16V6.5A9.5 9.5 0 0 1 24.2 20.75Z"
"""A third of a dial: a watch of eight hours."""

ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1d5fa6"/>'
    '<circle cx="16" cy="16" r="9.5" fill="none" stroke="#fff" stroke-width="2.5"/>'
    f'<path d="{_WATCH}" fill="#fff"/></svg>'
)
"""What browsers show beside the title of a page."""


def _kept(path: str, text: str) -> str:
    """Name a file by what is in it: another one has another address, so that browsers may keep it for good."""
    return f"{path}?v={hashlib.sha256(text.encode()).hexdigest()[:16]}"


STYLE_ADDRESS: Final = _kept("/style.css", STYLE)
ICON_ADDRESS: Final = _kept("/icon.svg", ICON)
"""Where pages load them from."""
