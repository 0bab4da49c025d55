"""The web interface: all pages behind their guards, and what holds for every answer before them.

`app_of` is given one table of pages (`PAGES`) and serves nothing else: there is no page without a row that says who may
see it.
"""

from collections.abc import Sequence
from typing import Final

from fastapi import Depends, FastAPI
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from watchbill.web.drawing import read_templates
from watchbill.web.endings import Endings
from watchbill.web.guard import guard
from watchbill.web.page import Page
from watchbill.web.pages import (
    access,
    cases,
    coverage,
    home,
    ledger,
    live,
    people,
    plan,
    proposals,
    questions,
    reviews,
    rules,
    sign_in,
    watch,
)
from watchbill.web.shield import Shield
from watchbill.web.site import Site


PAGES: Final[tuple[Page, ...]] = (
    *home.PAGES,
    *sign_in.PAGES,
    *questions.PAGES,
    *cases.PAGES,
    *watch.PAGES,
    *people.PAGES,
    *access.PAGES,
    *coverage.PAGES,
    *plan.PAGES,
    *proposals.PAGES,
    *ledger.PAGES,
    *rules.PAGES,
    *reviews.PAGES,
    *live.PAGES,
)
"""Every page there is."""


def app_of(site: Site, pages: Sequence[Page] = PAGES) -> ASGIApp:
    """Make the pages, with what stands before them."""
    return Shield(framework_of(site, pages), site.base, site.say)


class Rest(BaseRoute):
    """Every address that is left. A mount would leave out those with a line break, and no rule would hold for them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Take whatever is asked for."""
        return Match.FULL, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)


def routes_of(site: Site, pages: Sequence[Page] = PAGES) -> list[BaseRoute]:
    """Give what serves the pages behind whatever else is served: they take every address that is left."""
    read_templates()
    return [Rest(app_of(site, pages))]


def framework_of(site: Site, pages: Sequence[Page] = PAGES) -> FastAPI:
    """Make the pages alone, each behind its guard."""
    app = FastAPI(title="watchbill", openapi_url=None, docs_url=None, redoc_url=None)
    for page in pages:
        app.add_api_route(
            page.path,
            page.answer,
            methods=[page.method],
            dependencies=[Depends(guard(site, pages, page))],
            response_model=None,
        )
    Endings(site.say).serve(app)
    return app
