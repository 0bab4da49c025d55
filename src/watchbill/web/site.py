"""What every page is made from: the pages as they are served (`Site`), and one visit to one of them (`Visit`)."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from watchbill.directories.sign_in import Back, Going
from watchbill.respond.interfaces import SignedIn, StepUp
from watchbill.service.board import Standing
from watchbill.service.casework import Casework
from watchbill.service.logs import Say
from watchbill.service.plans import Plans
from watchbill.service.rules_view import Rulebook
from watchbill.service.seen import Trail
from watchbill.service.sessions import LONGEST, Session, current
from watchbill.service.sign_in import Role
from watchbill.store.database import Store
from watchbill.team.model import Team
from watchbill.web.drawing import STYLE_ADDRESS, environment
from watchbill.web.pace import Pace
from watchbill.web.page import LEAST, Need, Page, target_of
from watchbill.web.scripts import CONFIG, SCRIPTS
from watchbill.web.shield import policy
from watchbill.web.streams import Streams


class Provider(Protocol):
    """Where people sign in: `directories.sign_in.OpenId`, and in the demo the demo itself."""

    def origin(self, at: datetime) -> str:
        """Give where people sign in, without the path: what a form of ours must be allowed to lead to."""
        ...

    def address(self, going: Going, at: datetime) -> str:
        """Give the address at which somebody signs in."""
        ...

    def redeem(self, back: Back, going: Going, at: datetime) -> SignedIn:
        """Give who came back; a RefusedError where it is not to be believed."""
        ...


def nothing_above(visit: "Visit") -> str:
    """Put nothing above a page."""
    return ""


@dataclass(frozen=True, slots=True)
class Site:
    """The pages, as one instance serves them."""

    base: str
    """Where people reach them, without a slash at the end."""
    store: Store
    works: Callable[[datetime, str], Casework]
    """Gives somebody's work at an instant, by the team file as it is then."""
    now: Callable[[], datetime]
    secret: Callable[[], str]
    """Gives something that nobody can guess, fit for an address: 128 bits at least."""
    say: Say
    provider: Provider | None
    """Where people sign in; None where they do by a one-time link."""
    pace: Pace = field(default_factory=Pace)
    trail: Trail | None = None
    """The lake, as pages ask it; None where this instance has none."""
    jobs: Callable[[], Mapping[str, Standing]] = dict
    """Gives where each job of this instance stands; none where it does none."""
    wake: Callable[[], object] = lambda: None
    """Lets presses be worked on at once."""
    rules: Rulebook | None = None
    """The rules that this instance has loaded; None where it loads none."""
    plans: Plans = field(default_factory=Plans)
    """The last plan that this instance has made."""
    replan: Callable[[], object] = lambda: None
    """Lets it be made anew at once."""
    live: Streams | None = None
    """Tells open pages that something changed; None where pages are as they came, without a script."""
    above: Callable[["Visit"], str] = nothing_above
    """Gives markup that stands above every page; nothing but in the demo, whose clock is there."""
    beside: Callable[[], Hashable] = lambda: None
    """Gives what is another once pages show something else that is not in the state: in the demo its clock and chat."""

    def cookie(self, name: str) -> str:
        """Name a cookie. Over https no other host, and no other path, can have set one that is called `__Host-`."""
        return f"__Host-{name}" if self._is_encrypted else name

    def set_cookie(self, response: Response, name: str, value: str) -> None:
        """Give a browser something to hold until it is closed, and no longer than a session lasts."""
        response.set_cookie(
            self.cookie(name),
            value,
            max_age=int(LONGEST.total_seconds()),
            path="/",
            secure=self._is_encrypted,
            httponly=True,
            samesite="lax",
        )

    def drop_cookie(self, response: Response, name: str) -> None:
        """Have a browser forget it."""
        response.delete_cookie(self.cookie(name), path="/", secure=self._is_encrypted, httponly=True, samesite="lax")

    @property
    def _is_encrypted(self) -> bool:
        return self.base.startswith("https:")


LIVE: Final = "/live"
"""Where open pages hear that something changed."""
SESSION: Final = "watchbill"
"""The cookie of who is signed in."""


class Refusal(Exception):  # noqa: N818 - it is how a page ends, and no error of ours
    """A page that is not shown, and why."""

    def __init__(self, status: int, why: str, hint: str | None = None, way: tuple[str, str] | None = None) -> None:
        super().__init__(why)
        self.status, self.why, self.hint = status, why, hint
        self.way = way
        """A page that goes on from here: its path, and what it is called."""


class Elsewhere(Exception):  # noqa: N818 - it is how a page ends, and no error of ours
    """Another page is to be looked at first."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for one page, by somebody who may."""

    site: Site
    pages: Sequence[Page]
    page: Page
    request: Request
    at: datetime
    team: Team
    session: Session | None
    """None where nobody is signed in."""
    proof: StepUp | None = None
    """What they signed in afresh for this page; None where it takes nothing of the kind."""
    mark: str | None = None
    """How things stood before anything of the page was read; None where it is not kept up to date."""

    @property
    def person(self) -> str:
        """Name who is signed in; only where the page takes somebody who is."""
        assert self.session is not None, "the page takes somebody who is signed in"
        return self.session.person

    @property
    def role(self) -> Role:
        """Give the role of who is signed in; none where nobody is."""
        return Role.NONE if self.session is None else self.session.role

    def work(self, actor: str | None = None) -> Casework:
        """Give the work of who is signed in, or of somebody whom a secret makes known."""
        return self.site.works(self.at, actor or self.person)

    def show(self, template: str, status: int = 200, *, form_to: str | None = None, **given: object) -> Response:
        """Draw a template; `form_to` is where a form on it leads besides to ourselves."""
        kept_up = self._kept_up() if status == HTTPStatus.OK else None
        drawn = environment().get_template(template)
        text = drawn.render(visit=self, style=STYLE_ADDRESS, menu=self._menu(), kept_up=kept_up, **given)
        return HTMLResponse(text, status, {"Content-Security-Policy": policy(form_to, scripts=kept_up is not None)})

    def go(self, path: str) -> Response:
        """Lead to another page of ours."""
        return RedirectResponse(path, 303)

    def target(self, path: str) -> tuple[str, Page]:
        """Give a page that is to be gone to and what it is; whatever is no page of ours is the first one instead."""
        return target_of(self.pages, path)

    @property
    def address(self) -> str:
        """Give the page's own address, with all that it was asked for."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    def _kept_up(self) -> Mapping[str, object] | None:
        """Give what keeps the page up to date; None where nothing does."""
        if self.mark is None or self.role < Role.VIEWER:
            return None
        return {"scripts": SCRIPTS, "config": CONFIG, "stream": f"{LIVE}?seen={self.mark}", "address": self.address}

    def _menu(self) -> list[Page]:
        if self.session is None:
            return []
        shown = (page for page in self.pages if page.menu is not None)
        return [page for page in shown if page.need is Need.ANYBODY or self.role >= LEAST.get(page.need, Role.ADMIN)]


def visit_of(site: Site, pages: Sequence[Page], page: Page, request: Request) -> Visit:
    """Tell who is there."""
    mark = site.live.mark() if site.live is not None and page.live else None
    at = site.now()
    team = site.works(at, "").team
    held = request.cookies.get(site.cookie(SESSION))
    session = None if not held else current(site.store, team, held, at, there=not _asks_by_itself(request))
    return Visit(site, pages, page, request, at, team, session, mark=mark)


def _asks_by_itself(request: Request) -> bool:
    """Tell whether a page asks that is open, and nobody who is there, as htmx says, and browsers where they stream."""
    return "hx-request" in request.headers or request.headers.get("accept") == "text/event-stream"
