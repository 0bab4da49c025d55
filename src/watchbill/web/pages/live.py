"""What keeps open pages up to date: the stream that tells them that something changed, and the scripts that hear it."""

from collections.abc import Callable, Collection, Hashable
from functools import partial
from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from watchbill.errors import NotFoundError
from watchbill.service.pulse import Pulse, stand_of, stand_of_job
from watchbill.service.sessions import standing
from watchbill.service.sign_in import Role
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page
from watchbill.web.scripts import SCRIPTS
from watchbill.web.site import LIVE, Refusal, Site
from watchbill.web.streams import Streams


_FOR_GOOD = "public, max-age=31536000, immutable"


def live_of(site: Site, stops: Callable[[], bool]) -> Streams:
    """Make what tells the open pages of a site; all streams end within a turn once it stops."""
    return Streams(Pulse(site.secret()[:8], partial(_stand, site)).mark, partial(_lasting, site), stops)


def _stand(site: Site) -> Hashable:
    kept = site.plans.last()
    return (
        stand_of(site.store),
        tuple(stand_of_job(*each) for each in sorted(site.jobs().items())),
        None if kept is None else (kept.id, kept.at, kept.applied),
        None if site.trail is None else site.trail.last_read(),
        site.works(site.now(), "").team.digest,
        site.beside(),
    )


def _lasting(site: Site, digests: Collection[str]) -> Collection[str]:
    """Give those of some sessions that still last, with a role that lets their person see what is kept up to date."""
    at = site.now()
    team = site.works(at, "").team
    found = ((digest, standing(site.store, team, digest, at)) for digest in digests)
    return {digest for digest, session in found if session is not None and session.role >= Role.VIEWER}


def stream(visit: Visiting, seen: Annotated[str, Query(max_length=40)] = "") -> Response:
    """Tell a page that something changed since what it has seen, as long as it is open and its session lasts."""
    if visit.site.live is None or visit.session is None:
        raise Refusal(404, "nothing is told here")
    return visit.site.live.told(visit.session.digest, seen)


def script(visit: Visiting, file: Annotated[str, Path(max_length=60)]) -> Response:
    """Give a script: its address changes when it does."""
    found = next((each for each in SCRIPTS if each.file == file), None)
    if found is None:
        raise NotFoundError("there is no such page")
    return Response(found.text, media_type="text/javascript", headers={"Cache-Control": _FOR_GOOD})


PAGES = (
    Page("GET", LIVE, Need.VIEWER, stream),
    Page("GET", "/scripts/{file}", Need.ANYBODY, script),
)
