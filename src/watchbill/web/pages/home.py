"""The first page: who you are here, and what is asked of you; and the style sheet of all pages."""

from starlette.responses import Response

from watchbill.respond.outcomes import Stand
from watchbill.web.drawing import STYLE
from watchbill.web.guard import Visiting
from watchbill.web.page import HOME, Need, Page


_FOR_GOOD = "public, max-age=31536000, immutable"


def show(visit: Visiting) -> Response:
    """Show who is signed in, and the questions that wait for them."""
    waiting = []
    if visit.session is not None:
        open_ = (Stand.ASKED, Stand.ANSWERED)
        waiting = [
            asked for asked in visit.site.store.questions.all() if asked.person == visit.person and asked.stand in open_
        ]
    return visit.show("home.html", waiting=waiting)


def style(visit: Visiting) -> Response:
    """Give the style sheet: its address changes when it does."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": _FOR_GOOD})


PAGES = (
    Page("GET", HOME, Need.ANYBODY, show, menu="Home"),
    Page("GET", "/style.css", Need.ANYBODY, style),
)
