"""The web interface: all pages behind their guards, and what holds for every answer before them.

`app_of` is given one table of pages (`PAGES`) and serves nothing else: there is no page without a row that says who may
see it.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from watchbill.errors import NotFoundError, RefusedError, WatchbillError
from watchbill.web.drawing import STYLE_ADDRESS, environment
from watchbill.web.guard import guard
from watchbill.web.page import Page
from watchbill.web.pages import access, cases, home, people, questions, sign_in, watch
from watchbill.web.shield import Shield
from watchbill.web.site import Elsewhere, Refusal, Site


PAGES: Final[tuple[Page, ...]] = (
    *home.PAGES,
    *sign_in.PAGES,
    *questions.PAGES,
    *cases.PAGES,
    *watch.PAGES,
    *people.PAGES,
    *access.PAGES,
)
"""Every page there is."""


def app_of(site: Site, pages: Sequence[Page] = PAGES) -> ASGIApp:
    """Make the pages, with what stands before them."""
    return Shield(framework_of(site, pages), site.base, site.say)


def routes_of(site: Site, pages: Sequence[Page] = PAGES) -> list[BaseRoute]:
    """Give what serves the pages behind whatever else is served: they take every address that is left."""
    return [Mount("/", app_of(site, pages))]


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
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(Elsewhere)(_elsewhere)
    app.exception_handler(WatchbillError)(_went_wrong)
    app.exception_handler(HTTPException)(_not_there)
    app.exception_handler(RequestValidationError)(_not_taken)
    app.exception_handler(Exception)(_broken)
    return app


def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal), "it is registered for these alone"
    headers = {"Retry-After": "60"} if refusal.status == HTTPStatus.TOO_MANY_REQUESTS else None
    return _said(refusal.status, refusal.why, refusal.hint, refusal.way, headers)


def _elsewhere(_: Request, other: Exception) -> Response:
    assert isinstance(other, Elsewhere), "it is registered for these alone"
    return RedirectResponse(other.path, 303)


def _went_wrong(_: Request, error: Exception) -> Response:
    if isinstance(error, NotFoundError):
        # Its hint names what there is instead.
        return _said(404, str(error))
    if isinstance(error, RefusedError):
        return _said(403, str(error), error.hint)
    return _said(503, "what this page needs could not be reached", "try again in a minute; the log says what it is")


def _not_there(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "it is registered for these alone"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return _said(405, "that cannot be done with this page", headers=error.headers)
    return _said(error.status_code, "there is no such page")


def _not_taken(_: Request, error: Exception) -> Response:
    return _said(400, "what was sent is not what this page takes", "open the page again")


def _broken(_: Request, error: Exception) -> Response:
    return _said(500, "something is broken here", "tell whoever runs watchbill: the log says what it is")


def _said(
    status: int,
    why: str,
    hint: str | None = None,
    way: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Draw a page that says what went wrong, and what to do."""
    given: dict[str, object] = {"style": STYLE_ADDRESS, "visit": None, "menu": [], "why": why, "hint": hint, "way": way}
    return HTMLResponse(environment().get_template("refused.html").render(given), status, headers)
