"""The first page, which `now` makes; and the style sheet and the icon of all pages."""

from starlette.responses import Response

from watchbill.web.drawing import ICON, STYLE
from watchbill.web.guard import Visiting
from watchbill.web.page import HOME, Need, Page
from watchbill.web.pages import now


_FOR_GOOD = "public, max-age=31536000, immutable"


def style(visit: Visiting) -> Response:
    """Give the style sheet: its address changes when it does."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": _FOR_GOOD})


def icon(visit: Visiting) -> Response:
    """Give the icon, as the style sheet."""
    return Response(ICON, media_type="image/svg+xml", headers={"Cache-Control": _FOR_GOOD})


PAGES = (
    Page("GET", HOME, Need.ANYBODY, now.show, menu="Now", live=True),
    Page("GET", "/style.css", Need.ANYBODY, style),
    Page("GET", "/icon.svg", Need.ANYBODY, icon),
)
