"""The pages of the demo: who to be, the chat as people see it, and the clock. No instance that serves has them.

They are rows of the table like all others, behind the same guard; what they show of the world is a `Play`.
"""

from typing import Annotated, Any, Final

from fastapi import Form, Path, Query
from markupsafe import Markup
from starlette.responses import Response

from watchbill.alerts.export.reader import sees_insider
from watchbill.alerts.view import CaseView
from watchbill.inert import inert
from watchbill.respond.ask import Status
from watchbill.service.sign_in import Role
from watchbill.service.standing import listed, worst_first
from watchbill.store.rows import CaseRow
from watchbill.web.drawing import environment
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page
from watchbill.web.play import Leap, Play
from watchbill.web.site import SESSION, Refusal, Visit


DEMO: Final = "/demo"
INBOX: Final = "/demo/inbox"
BE: Final = "/demo/be"
_TICKET: Final = "watchbill-demo"
"""The cookie of whoever came in by a link of the terminal."""
_PATIENCE: Final = 6.0
"""Seconds in which a press or a small leap comes to its end before the page is shown all the same."""

HOW: Final = {"key": "a security key", "code": "a password and a code", "password": "a password alone"}
"""How somebody may sign in here: what proves much, a second factor, and what proves nothing."""

_NEXT: Final = {
    Status.OPEN: "a lead opens it, reads what it rests on, and asks the person, or decides",
    Status.ASKED: "be the person and answer in their inbox, or let time pass: silence is told to the leads",
    Status.ESCALATED: "a lead decides, or freezes first: in the inbox, or on the case",
    Status.FROZEN: "look at the stranger's next call below; then a lead restores the person and closes the case",
}
"""By where a case stands, what may be done next."""

Text = Annotated[str, Form(max_length=200)]
Long = Annotated[str, Form(max_length=3_000)]
Secret = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{16,128}$")]
State = Annotated[str, Query(max_length=128)]


class DemoPages:
    """Makes the pages of one play."""

    def __init__(self, play: Play) -> None:
        self._play = play

    def table(self) -> tuple[Page, ...]:
        """Give the rows."""
        return (
            Page("GET", DEMO, Need.VIEWER, self.show, menu="Demo", live=True),
            Page("GET", INBOX, Need.VIEWER, self.show_inbox, menu="Inbox", live=True),
            Page("POST", "/demo/press", Need.VIEWER, self.press),
            Page("POST", "/demo/write", Need.VIEWER, self.write),
            Page("POST", "/demo/type", Need.VIEWER, self.type),
            Page("POST", "/demo/clock", Need.VIEWER, self.move),
            Page("GET", BE, Need.ANYBODY, self.show_be, paced=True),
            Page("POST", BE, Need.ANYBODY, self.be, paced=True),
            Page("GET", "/demo/in/{secret}", Need.ANYBODY, self.show_link, paced=True),
            Page("POST", "/demo/in/{secret}", Need.ANYBODY, self.come_in, paced=True),
        )

    def above(self, visit: Visit) -> Markup:
        """Draw the clock, and who may be been; for whoever is signed in."""
        if visit.session is None:
            return Markup()
        url = visit.request.url
        back = f"{url.path}?{url.query}" if url.query and visit.page.method == "GET" else url.path
        text = environment().get_template("demo_clock.html").render(visit=visit, dial=self._play.dial(), back=back)
        # The template has escaped what is in it.
        return Markup(text)  # noqa: S704 - see above

    def show(self, visit: Visiting) -> Response:
        """Say what this is, what has happened so far, and what may be tried next."""

        def sees(case: CaseView) -> bool:
            return sees_insider(visit.team, visit.person, case)

        found = [row for row in visit.site.store.cases.all() if row.person != visit.person]
        rows = worst_first(found) if visit.role >= Role.AUDITOR else []
        return visit.show(
            "demo.html",
            characters=self._play.characters(),
            cases=[(listed(row, sees), _next(row)) for row in rows],
            asked=[q for q in visit.site.store.questions.of_person(visit.person) if q.stand in ("asked", "answered")],
            stranger=self._play.strangers_call() if visit.role >= Role.LEAD else None,
            folder=str(self._play.folder),
            dial=self._play.dial(),
        )

    def show_inbox(self, visit: Visiting) -> Response:
        """Show what who is signed in sees in the chat."""
        inbox = self._play.inbox(visit.person)
        base, leads = visit.site.base, visit.person in visit.team.leads

        def way(url: str) -> str | None:
            """Give the page that a button leads to; None where it leads to none of ours."""
            return url.removeprefix(base) if url.startswith(f"{base}/") else None

        given: dict[str, Any] = {"inbox": inbox, "leads": leads, "dial": self._play.dial()}
        return visit.show("demo_inbox.html", shown=_as_slack_shows, way=way, **given)

    def press(self, visit: Visiting, channel: Text, ts: Text, action: Annotated[str, Form(max_length=255)]) -> Response:
        """Press a button of the chat."""
        if not self._play.press(visit.person, channel, ts, action):
            raise Refusal(404, "this button is there no more", "look at the inbox again", (INBOX, "Inbox"))
        return self._settled(visit)

    def write(self, visit: Visiting, dialogue: Text, text: Long) -> Response:
        """Send a dialogue of the chat."""
        if not self._play.write(visit.person, dialogue, text):
            raise Refusal(404, "this dialogue is open no more", "press the button again", (INBOX, "Inbox"))
        return self._settled(visit)

    def type(self, visit: Visiting, command: Annotated[str, Form(max_length=500)]) -> Response:
        """Type a command in the chat."""
        self._play.type(visit.person, command)
        return self._settled(visit)

    def _settled(self, visit: Visit) -> Response:
        self._play.settle(_PATIENCE)
        return visit.go(INBOX)

    def move(self, visit: Visiting, leap: Annotated[Leap, Form()], to: Text = DEMO) -> Response:
        """Move the clock on."""
        self._play.leap(leap)
        # While the clock moves on, it is the page of the demo that says so.
        return visit.go(visit.target(to)[0] if self._play.settle(_PATIENCE) else DEMO)

    # --- who to be ---

    def show_link(self, visit: Visiting, secret: Secret) -> Response:
        """Show whom a link of the terminal is for; opening it does not use it up."""
        person = self._play.invited(secret)
        if person is None:
            raise _no_link()
        return visit.show("demo_link.html", secret=secret, person=person)

    def come_in(self, visit: Visiting, secret: Secret) -> Response:
        """Let in who has a link of the terminal; from then on they may be anybody here."""
        person = self._play.invited(secret)
        ticket = self._play.come_in(secret)
        if person is None or ticket is None:
            raise _no_link()
        response = self._begun(visit, person)
        visit.site.set_cookie(response, _TICKET, ticket)
        return response

    def show_be(self, visit: Visiting, state: State = "") -> Response:
        """Show whom one may be; with a state, for a sign-in that is under way, as an identity provider would ask."""
        self._must_be_in(visit)
        fresh = self._play.is_asked(state) if state else None
        if state and fresh is None:
            raise Refusal(403, "this sign-in is under way no more", "begin it again", ("/sign-in", "Sign in"))
        found = self._play.characters()
        return visit.show("demo_be.html", characters=found, state=state, fresh=fresh, how=HOW)

    def be(
        self, visit: Visiting, person: Text, how: Text = "code", state: Annotated[str, Form(max_length=128)] = ""
    ) -> Response:
        """Be somebody: at once, or as what comes of a sign-in that is under way."""
        self._must_be_in(visit)
        if person not in visit.team.people or how not in HOW:
            raise Refusal(400, "there is nobody of that name here", "choose somebody", (BE, "Be somebody else"))
        if state:
            return visit.go(self._play.vouch(state, person, how))
        return self._begun(visit, person)

    def _begun(self, visit: Visit, person: str) -> Response:
        secret = visit.site.secret()
        self._play.be(person, secret)
        if visit.session is not None:
            visit.site.store.web_sessions.end(visit.session.digest)
        response = visit.go(DEMO)
        visit.site.set_cookie(response, SESSION, secret)
        return response

    def _must_be_in(self, visit: Visit) -> None:
        if not self._play.is_in(visit.request.cookies.get(visit.site.cookie(_TICKET), "")):
            raise Refusal(403, "this browser did not come in by a link of the terminal", "open one that it printed")


def _next(row: CaseRow) -> str:
    if row.status == Status.OPEN and row.person is None:
        return "nobody of the team is behind it, so nobody is asked: a lead decides"
    return _NEXT.get(Status(row.status), "")


def _no_link() -> Refusal:
    return Refusal(403, "this link is good no more", "use another that the terminal printed, or start the demo anew")


def _as_slack_shows(text: object) -> str:
    """Undo Slack's escapes; line breaks stay, and nothing is obeyed."""
    said = str(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return "\n".join(inert(line) for line in said.split("\n"))
