"""How a page ends that is not shown: in words that say what to do, with the status and the looks of any other."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from watchbill.errors import NotFoundError, RefusedError, WatchbillError
from watchbill.service.logs import Say
from watchbill.web.drawing import STYLE_ADDRESS, environment
from watchbill.web.site import Elsewhere, Refusal, Visit


class Endings:
    """Says what went wrong: to the visitor what they can do, to the log what whoever runs it can."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def serve(self, app: FastAPI) -> None:
        """Let the pages of an application end this way."""
        app.exception_handler(Refusal)(self._refused)
        app.exception_handler(Elsewhere)(self._elsewhere)
        app.exception_handler(WatchbillError)(self._went_wrong)
        app.exception_handler(HTTPException)(self._not_there)
        app.exception_handler(RequestValidationError)(self._not_taken)
        app.exception_handler(Exception)(self._broken)

    def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal), "it is registered for these alone"
        headers = {"Retry-After": "60"} if error.status == HTTPStatus.TOO_MANY_REQUESTS else None
        return _said(request, error.status, error, headers)

    def _elsewhere(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Elsewhere), "it is registered for these alone"
        return RedirectResponse(error.path, 303)

    def _went_wrong(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, WatchbillError), "it is registered for these alone"
        if isinstance(error, NotFoundError):
            # Its hint names what there is instead.
            return _said(request, 404, Refusal(404, str(error)))
        if isinstance(error, RefusedError):
            return _said(request, 403, Refusal(403, str(error), error.hint))
        page = getattr(request.scope.get("route"), "path", None)
        self._say.warning("page", page=page, code=error.code, message=str(error))
        why = "what this page needs could not be reached"
        return _said(request, 503, Refusal(503, why, "try again in a minute; the log says what it is"))

    def _not_there(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "it is registered for these alone"
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return _said(request, 405, Refusal(405, "that cannot be done with this page"), error.headers)
        return _said(request, error.status_code, Refusal(error.status_code, "there is no such page"))

    def _not_taken(self, request: Request, error: Exception) -> Response:
        return _said(request, 400, Refusal(400, "what was sent is not what this page takes", "open the page again"))

    def _broken(self, request: Request, error: Exception) -> Response:
        why, hint = "something is broken here", "tell whoever runs watchbill: the log says what it is"
        return _said(request, 500, Refusal(500, why, hint))


def _said(request: Request, status: int, refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """Draw a page that says what went wrong, and what to do; with the menu of who is there, where that is known."""
    known: Visit | None = getattr(request.state, "known", None)
    if known is None:
        given: dict[str, object] = {
            "visit": None,
            "menu": [],
            "style": STYLE_ADDRESS,
            "kept_up": None,
            "why": refusal.why,
            "hint": refusal.hint,
        }
        text = environment().get_template("refused.html").render(given, way=refusal.way)
        return HTMLResponse(text, status, headers)
    response = known.show("refused.html", status, why=refusal.why, hint=refusal.hint, way=refusal.way)
    response.headers.update(headers or {})
    return response
