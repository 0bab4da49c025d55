"""The pages, served over HTTP on the loopback behind a name of their own, with an identity provider beside them."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_urlsafe
from threading import Event
from typing import Any

import msgspec
from starlette.applications import Starlette
from tests.openid import CLIENT, SECRET, OpenIdPeer
from tests.teams import HERE
from tests.unit.service.desk import Office, asking_team
from tests.visitor import Browser

from watchbill.access.certificates import certificates
from watchbill.access.logins import logins_on
from watchbill.directories.sign_in import OpenId
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.respond.notices import Notice
from watchbill.service.asking import ask
from watchbill.service.casework import Casework
from watchbill.service.health import Listening
from watchbill.service.links import Links
from watchbill.team.model import Host, SignIn, Web
from watchbill.team.ssh_keys import fingerprint_of
from watchbill.web.app import PAGES, routes_of
from watchbill.web.pages.live import live_of
from watchbill.web.pages.sign_in import BACK
from watchbill.web.site import Site


BASE = "https://watchbill.example.com"
ROLES = {role: (f"{role}s",) for role in ("viewer", "auditor", "lead", "admin")}


class Heard:
    """Keeps what the pages log."""

    def __init__(self):
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event, **facts):
        """Keep it."""
        self.lines.append((event, facts))

    warning = error = exception = info


@dataclass
class Pages:
    """All that runs."""

    office: Office
    peer: OpenIdPeer
    site: Site
    port: int
    folder: Path
    """Where the state is."""
    stopping: Event
    """Set when the instance stops."""
    base: str = BASE

    def browser(self):
        """Give a browser that holds nothing yet."""
        return Browser({self.base: self.port, self.peer.issuer: self.peer.server_port})

    def sign_in(self, name, browser=None, to="/"):
        """Sign somebody in by pressing what there is to press; give the browser."""
        browser = browser or self.browser()
        self.peer.keyboard = name
        browser.press(browser.open(f"{self.base}/sign-in?to={to}"), "/sign-in")
        return browser

    def link(self, case="C-late", person=None):
        """Ask the person of a case; give the path that is in the mail to them, or to somebody else who is asked of it."""
        if self.office.store.questions.of(case) is None:
            ask(self.office.as_("watchbill"), case)
        links = Links(self.base, lambda: token_urlsafe(32))
        rows = [row for row in self.office.notices() if row.case_id == case]
        notices = [msgspec.json.decode(row.payload, type=Notice) for row in rows]
        asked = self.office.store.questions.of(case)
        assert asked is not None
        to = person or asked.person
        notice = next(n for n in notices if n.to == to and any(b.action.startswith("answer:") for b in n.buttons))
        filled = links.filled(self.office.as_("watchbill"), notice, "mail")
        return next(button.url for button in filled.buttons if button.action.startswith("answer:"))


def site_of(office, sign_in, base=BASE, **more):
    """Give the pages of an office, where people sign in as `sign_in` says."""
    office.team = replace(asking_team(leads=("sofia", "lee")), web=Web(base, sign_in, HERE))
    given: dict[str, Any] = {"provider": OpenId(sign_in, SECRET, f"{base}{BACK}")} | more

    def works(at, actor):
        return Casework(office.app, office.store, office.team, at, actor)

    return Site(base, office.store, works, office.clock.now, lambda: token_urlsafe(32), Heard(), **given)


@contextmanager
def pages(folder, base=BASE, table=PAGES, **more):
    """Serve the pages of the office."""
    office = Office(folder)
    with OpenIdPeer(f"{base}{BACK}", office.clock.now) as peer:
        for name, groups in {"james": [], "ada": ["viewers"], "lee": ["auditors"], "sofia": ["leads"]}.items():
            peer.add(name, groups)
        peer.add("priya", ["admins", "viewers"])
        peer.add("rick", ["auditors"])
        site = site_of(office, SignIn(peer.issuer, CLIENT, "SECRET", ("groups",), "groups", ROLES), base, **more)
        stopping = Event()
        site = replace(site, live=live_of(site, stopping.is_set))
        with Listening(Starlette(routes=routes_of(site, table)), "127.0.0.1", 0) as listening:
            try:
                yield Pages(office, peer, site, listening.port, folder, stopping, base)
            finally:
                stopping.set()


def certified(office, name, serial="77"):
    """Let a person sign in to a host by a certificate of their next watch, which is in the ledger."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH9cGGjEoLV0J3dydf+WGjI6VVD1XQH51UQOVI0lu8kz"
    who = replace(office.team.people[name], host_users=(name,), public_keys=(key,))
    rota = replace(office.team.rotas["platform"], hosts=("bastion",), ssh=True)
    office.team = replace(
        office.team,
        people={**office.team.people, name: who},
        rotas={**office.team.rotas, "platform": rota},
        reached={"bastion": Host("bastion", "127.0.0.1", "watchbill", 22, HERE)},
    )
    at = office.clock.now()
    logins = logins_on(office.team, "bastion", (name,), (), at)
    wanted = next(each for each in certificates(office.team, logins) if each.interval.end > at)
    facts = {
        "serial": serial,
        "key": fingerprint_of(key),
        "from": iso(wanted.interval.start),
        "to": iso(wanted.interval.end),
        "principals": list(wanted.principals),
        "certificate": "ssh-ed25519-cert-v01@openssh.com AAAA",
    }
    office.store.ledger.record(at=at, kind=Kind.CERTIFICATE_SIGNED, actor="watchbill", subject=name, facts=facts)
    return facts
