"""Sign in and out: at the identity provider, or by a one-time link where there is none."""

from hmac import compare_digest
from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Path, Query
from starlette.responses import Response

from watchbill.directories.sign_in import Back, Going
from watchbill.errors import RefusedError
from watchbill.inert import shortened
from watchbill.service import sessions
from watchbill.service.links import digest_of
from watchbill.store.rows import SignInTryRow
from watchbill.web.guard import Visiting
from watchbill.web.page import HOME, Need, Page
from watchbill.web.site import SESSION, Refusal, Visit


BACK = "/sign-in/back"
"""Where the identity provider sends people: this address is to be written down there."""
_TRIED = "watchbill-sign-in"
"""The cookie of who went to the identity provider."""

Text = Annotated[str, Query(max_length=2048)]
Sent = Annotated[str, Form(max_length=2048)]
Secret = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{16,128}$")]


def show(visit: Visiting, to: Text = HOME) -> Response:
    """Say what is about to happen, and where it leads."""
    path, page = visit.target(to)
    if visit.session is not None and page.fresh is None:
        return visit.go(path)
    provider = visit.site.provider
    leads = None if provider is None else provider.origin(visit.at)
    return visit.show("sign_in.html", form_to=leads, to=path, fresh=page.fresh is not None, provider=provider)


def begin(visit: Visiting, to: Sent = HOME) -> Response:
    """Send somebody to the identity provider, with what they must come back with."""
    site = visit.site
    if site.provider is None:
        raise Refusal(403, "there is no identity provider to sign in at", "`watchbill sign-in` makes a one-time link")
    path, page = visit.target(to)
    state, browser = site.secret(), site.secret()
    going = Going(state, site.secret(), site.secret() + site.secret(), page.fresh is not None, visit.at)
    address = site.provider.address(going, visit.at)
    tried = SignInTryRow(
        digest_of(state),
        digest_of(browser),
        going.nonce,
        going.verifier,
        path,
        going.fresh,
        visit.at,
        visit.at + sessions.TRY_LASTS,
    )
    site.store.sign_ins.begin(tried)
    response = visit.go(address)
    site.set_cookie(response, _TRIED, browser)
    return response


def back(visit: Visiting, state: Text = "", code: Text = "", error: Text = "", iss: Text | None = None) -> Response:
    """Let in who comes back from the identity provider, and is who went there."""
    site = visit.site
    tried = site.store.sign_ins.take(digest_of(state))
    held = digest_of(visit.request.cookies.get(site.cookie(_TRIED), ""))
    if tried is None or not compare_digest(tried.browser, held) or tried.expires_at <= visit.at:
        why = "this sign-in was not begun in this browser, or took too long"
        raise Refusal(403, why, "begin it again", ("/sign-in", "Sign in"))
    again = f"/sign-in?to={quote(tried.goes_to, safe='')}", "Sign in again"
    if error or site.provider is None:
        said = shortened(error, 100)
        raise Refusal(
            403, f"the identity provider did not let you in: {said}", "try again, or ask whoever runs it", again
        )
    going = Going(state, tried.nonce, tried.verifier, tried.fresh, tried.begun_at)
    secret = site.secret()
    try:
        who = site.provider.redeem(Back(code, iss), going, visit.at)
        page = tried.goes_to.partition("?")[0] if tried.fresh else None
        sessions.sign_in(visit.work("watchbill"), who, secret, page)
    except RefusedError as refused:
        raise Refusal(403, str(refused), refused.hint, again) from refused
    return _let_in(visit, secret, tried.goes_to)


def show_link(visit: Visiting, secret: Secret) -> Response:
    """Show that a one-time link signs in; opening it does not use it up."""
    return visit.show("sign_in_link.html", secret=secret)


def use_link(visit: Visiting, secret: Secret) -> Response:
    """Let in who has a one-time link."""
    fresh = visit.site.secret()
    sessions.sign_in_by_link(visit.work("watchbill"), secret, fresh)
    return _let_in(visit, fresh, HOME)


def sign_out(visit: Visiting) -> Response:
    """End the session of this browser."""
    if visit.session is not None:
        sessions.end(visit.work(), visit.session)
    response = visit.go(HOME)
    visit.site.drop_cookie(response, SESSION)
    return response


def _let_in(visit: Visit, secret: str, path: str) -> Response:
    """Give a browser its new session; the one that it had before is over."""
    if visit.session is not None:
        visit.site.store.web_sessions.end(visit.session.digest)
    response = visit.go(path)
    visit.site.set_cookie(response, SESSION, secret)
    visit.site.drop_cookie(response, _TRIED)
    return response


PAGES = (
    Page("GET", "/sign-in", Need.ANYBODY, show, paced=True),
    Page("POST", "/sign-in", Need.ANYBODY, begin, paced=True),
    Page("GET", BACK, Need.ANYBODY, back, paced=True),
    Page("GET", "/sign-in/once/{secret}", Need.ANYBODY, show_link, paced=True),
    Page("POST", "/sign-in/once/{secret}", Need.ANYBODY, use_link, paced=True),
    Page("POST", "/sign-out", Need.ANYBODY, sign_out),
)
