"""Who may see a page: asked before anything of it is made, by the table alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Path
from starlette.requests import Request

from watchbill.respond.outcomes import Proof, strength
from watchbill.service.sign_in import Role
from watchbill.web.page import LEAST, Need, Page
from watchbill.web.site import Elsewhere, Refusal, Site, Visit, visit_of


WITH = {
    Proof.NONE: "with nothing but a password, as far as your identity provider says",
    Proof.SECOND_FACTOR: "with a second factor",
    Proof.PHISHING_RESISTANT: "with a security key or a passkey",
}
"""How somebody signed in, or is to."""


def guard(site: Site, pages: Sequence[Page], page: Page) -> Callable[[Request], None]:
    """Make what stands before a page, and keeps who is there for it."""

    def admit(request: Request) -> None:
        client = request.client.host if request.client else ""
        if page.paced and not site.pace.allows(client, site.now()):
            raise Refusal(429, "too many tries from where you are", "wait a minute, and try again")
        visit = request.state.known = visit_of(site, pages, page, request)
        if page.need is not Need.ANYBODY:
            visit = _proven(_admitted(visit))
        request.state.visit = visit

    return admit


def _kept(request: Request) -> Visit:
    found: Visit = request.state.visit
    return found


Visiting = Annotated[Visit, Depends(_kept)]
"""What a page is given first: who is there, and what it is made from."""

CaseId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$")]
"""The id of a case, in the path."""


def _admitted(visit: Visit) -> Visit:
    if visit.session is None:
        raise _signed_out(visit)
    if not _may(visit):
        who = f"`{visit.person}` ({visit.role})" if visit.role else f"`{visit.person}`"
        hint = "your role is by your groups at the identity provider, as the team file says under `web`"
        way = None
        if visit.page.need is Need.SELF:
            hint = "that is about somebody else: you see what is held about you"
            way = visit.page.path.replace("{person}", quote(visit.person, safe="")), "You"
        raise Refusal(403, f"this page is not for {who}", hint, way)
    return visit


def _may(visit: Visit) -> bool:
    """Tell whether who is signed in may see the page; what the table has no rule for is for nobody."""
    need = visit.page.need
    if need is Need.SUBJECT:
        asked = visit.site.store.questions.of(str(visit.request.path_params.get("case")))
        return asked is not None and asked.person == visit.person
    if need is Need.SELF:
        return visit.request.path_params.get("person") == visit.person or visit.role >= Role.AUDITOR
    return need in LEAST and visit.role >= LEAST[need]


def _signed_out(visit: Visit) -> Exception:
    way = f"/sign-in?to={quote(visit.address, safe='')}"
    if visit.page.method == "GET":
        return Elsewhere(way)
    return Refusal(403, "you are signed in no more", "sign in, and press it again", (way, "Sign in"))


def _proven(visit: Visit) -> Visit:
    """Give the visit with what a sign-in made for this path proves; where there is none they are to sign in afresh."""
    page, session = visit.page, visit.session
    if page.fresh is None or session is None:
        return visit
    path = visit.request.url.path
    proof, way = session.proof(path, visit.at), f"/sign-in?to={quote(path, safe='')}"
    if proof is None and page.method == "GET":
        raise Elsewhere(way)
    used = page.method == "GET" or (
        session.kept is not None and visit.site.store.web_sessions.use_proof(session.digest, session.kept)
    )
    if proof is None or not used:
        hint = "sign in afresh, and press it within five minutes"
        raise Refusal(403, "this takes a fresh sign-in, made for it", hint, (way, "Sign in afresh"))
    if strength(proof) < page.fresh:
        raise Refusal(403, f"this takes a sign-in {WITH[page.fresh]}", "sign in afresh", (way, "Sign in afresh"))
    return replace(visit, proof=proof)
