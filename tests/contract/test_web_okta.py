"""Sign in at `emulate` as Okta, which others wrote: discovery, PKCE, groups, keys and tokens as they have them.

It has `auth_time`, which is always now, and neither `prompt`, `max_age` nor `amr`: what a step-up hangs on is tried in
`test_web_questions.py`, against a provider of ours.
"""

import json
import os
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from socket import create_server
from urllib.parse import urljoin, urlsplit
from urllib.request import urlopen

import pytest
from starlette.applications import Starlette
from tests.openid import CLIENT, SECRET
from tests.pages import BASE, ROLES, site_of
from tests.unit.service.desk import Office
from tests.visitor import Browser

from watchbill.service.asking import ask
from watchbill.service.health import Listening
from watchbill.sim.clock import SimClock
from watchbill.team.model import SignIn
from watchbill.web.app import routes_of
from watchbill.web.pages.sign_in import BACK


PEERS = Path(__file__).parents[1] / "peers"
EMULATE = PEERS / "node_modules/emulate/dist/index.js"
JAMES = "james@example.com"


@pytest.fixture(scope="module")
def okta(tmp_path_factory):
    """Run `emulate` as Okta, with James in a group of leads; give what it says of itself."""
    assert EMULATE.exists(), "run `make test`, which installs it"
    folder = tmp_path_factory.mktemp("okta")
    client = {"client_id": CLIENT, "client_secret": SECRET, "name": "watchbill", "redirect_uris": [BASE + BACK]}
    user = {"okta_id": "00ujames", "login": JAMES, "email": JAMES, "first_name": "James", "last_name": "B"}
    group = {"okta_id": "00gleads", "name": "leads"}
    member = {"group_okta_id": "00gleads", "user_okta_id": "00ujames"}
    seed = {"users": [user], "groups": [group], "group_memberships": [member], "oauth_clients": [client]}
    (folder / "seed.json").write_text(json.dumps({"okta": seed}))
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["node", "--require", str(PEERS / "loopback.cjs"), str(EMULATE), "start", "--service", "okta"]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}  # noqa: TID251 - node is on it
    with (folder / "log").open("wb") as log:
        words += ["--port", str(port), "--seed", "seed.json"]
        process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, env=env)
        try:
            yield _about(f"http://127.0.0.1:{port}/oauth2/default/.well-known/openid-configuration")
        finally:
            process.terminate()
            process.wait(10)


def _about(address):
    for _ in range(150):
        with suppress(OSError), urlopen(address, timeout=5) as answer:
            return json.load(answer)
        time.sleep(0.1)
    raise AssertionError("it does not answer")


@pytest.fixture
def site(okta, tmp_path):
    """Serve the pages by the clock of this machine, which is that of `emulate`; give the office and a browser."""
    office = Office(tmp_path)
    # Its `auth_time` has no parts of a second.
    office.go_to(datetime.now(UTC).replace(microsecond=0))  # noqa: TID251 - the peer has no other clock
    assert isinstance(office.clock, SimClock)
    served = site_of(office, SignIn(okta["issuer"], CLIENT, "SECRET", ("groups",), "groups", ROLES))
    parsed = urlsplit(okta["issuer"])
    with Listening(Starlette(routes=routes_of(served)), "127.0.0.1", 0) as listening:
        yield office, Browser({BASE: listening.port, f"{parsed.scheme}://{parsed.netloc}": parsed.port})


def signed_in(browser, path):
    """Press what there is to press, as James."""
    page = browser.press(browser.open(f"{BASE}/sign-in?to={path}"), "/sign-in")
    (form,) = [form for form in page.parsed().forms if form.fields.get("user_ref") == "00ujames"]
    return browser.post(urljoin(page.url, form.action), form.fields)


def test_sign_in_at_okta_as_others_wrote_it(site):
    """The whole of it: who he is by his address, and a lead by his group."""
    office, browser = site
    shown = signed_in(browser, "/")
    assert (shown.path, "james (lead)" in shown.text) == ("/", True)
    pinned = [entry for entry in office.store.ledger.entries() if entry.kind == "respond:identity:pinned"]
    assert [(entry.subject, entry.facts["subject"]) for entry in pinned] == [("james", "00ujames")]


def test_a_provider_that_says_nothing_of_how_proves_nothing(site):
    """`emulate` says when, and not how: the sign-in is fresh, and not strong enough."""
    office, browser = site
    ask(office.as_("watchbill"), "C-theirs")
    page = signed_in(browser, "/confirm/C-theirs")
    assert "with nothing but a password, as far as your identity provider says" in page.text
    shown = browser.press(page, "/confirm/")
    assert (shown.status, "the sign-in was not strong enough" in shown.text) == (403, True)
