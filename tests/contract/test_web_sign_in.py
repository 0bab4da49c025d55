"""Sign in, step up and sign out: a browser, the pages and an identity provider, over HTTP on the loopback."""

import re
import time
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from tests.openid import KEY, OTHER, SECRET
from tests.pages import BASE, pages
from tests.teams import HERE

from watchbill.errors import RefusedError
from watchbill.service import sessions
from watchbill.store.rows import FreezeRow
from watchbill.team.model import SignIn, Web
from watchbill.web.pace import MOST


MINUTE = timedelta(minutes=1)
OURS = "__Host-watchbill"


@pytest.fixture
def site(tmp_path):
    """Serve the pages."""
    with pages(tmp_path) as served:
        yield served


def who(browser):
    """Tell as whom a browser is signed in, and with what role."""
    found = re.search(r"<span[^>]*>(\w+ \(\w+\))</span>", browser.open(BASE + "/").text)
    return found and found[1]


def tried(site, name="sofia"):
    """Let somebody try to sign in; give what the browser shows at the end."""
    browser, site.peer.keyboard = site.browser(), name
    return browser.press(browser.open(BASE + "/sign-in"), "/sign-in"), browser


@pytest.mark.parametrize(
    ("name", "role"), [("james", "none"), ("ada", "viewer"), ("lee", "auditor"), ("sofia", "lead"), ("priya", "admin")]
)
def test_groups_give_roles(site, name, role):
    """The highest of those that the groups give; none where they give none."""
    assert who(site.sign_in(name)) == f"{name} ({role})"
    last = list(site.office.store.ledger.entries())[-1]
    assert (last.kind, last.actor, last.facts["role"]) == ("web:session:begun", name, role)


def test_the_role_follows_the_team_file(site):
    """What the file says now counts, for those who are signed in too."""
    browser = site.sign_in("sofia")
    web = site.office.team.web
    site.office.team = replace(
        site.office.team, web=replace(web, sign_in=replace(web.sign_in, roles={"viewer": ("leads",)}))
    )
    assert who(browser) == "sofia (viewer)"
    assert browser.open(BASE + "/open/C-late").status == 403


def test_what_is_sent_to_the_provider(site):
    """A state, a nonce and a challenge of PKCE that are new each time; and nothing of the page that was wanted."""
    sent = []
    for _ in range(2):
        browser = site.sign_in("sofia", to="/open/C-late")
        (asked,) = [url for _, url, _ in browser.trail if "/authorize" in url]
        sent.append({name: values[0] for name, values in parse_qs(urlsplit(asked).query).items()})
        assert "C-late" not in asked
    for name in ("state", "nonce", "code_challenge"):
        assert sent[0][name] != sent[1][name]
        assert len(sent[0][name]) >= 43
    assert sent[0]["code_challenge_method"] == "S256"
    assert sent[0]["scope"] == "openid email profile groups"
    assert "prompt" not in sent[0]


def test_the_cookie_is_for_us_alone_and_no_script(site):
    """It is sent over https alone, to this host, from our own pages and by links, and read by no script."""
    browser = site.browser()
    site.peer.keyboard = "sofia"
    shown = browser.open(BASE + "/sign-in")
    first = browser.once("POST", BASE + "/sign-in", "to=/", {"Sec-Fetch-Site": "same-origin"})
    there = browser.once("GET", first.headers["location"])
    back = browser.once("GET", there.headers["location"])
    lines = [line for line in back.cookies if line.startswith(f"{OURS}=")]
    assert shown.cookies == []
    (line,) = lines
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(line.split("; "))
    assert "Domain" not in line
    assert any(each.startswith(f"{OURS}-sign-in=") and "Max-Age=0" in each for each in back.cookies)


def test_no_secret_of_a_session_is_kept(site):
    """The state has digests alone, and no page shows what the browser holds."""
    browser = site.sign_in("sofia")
    held = browser.jar["watchbill.example.com"][OURS]
    assert len(held) >= 43
    assert held not in browser.open(BASE + "/").text
    raw = b"".join(file.read_bytes() for file in site.folder.glob("state.db*"))
    assert held.encode() not in raw
    assert SECRET.encode() not in raw


def test_a_session_cannot_be_fixed_beforehand(site):
    """What an attacker put into the browser is no session after the sign-in; the one before is over."""
    browser = site.browser()
    browser.jar = {"watchbill.example.com": {OURS: "chosen-by-an-attacker"}}
    site.sign_in("sofia", browser)
    first = browser.jar["watchbill.example.com"][OURS]
    assert first != "chosen-by-an-attacker"
    site.sign_in("lee", browser, to="/confirm/C-late")
    assert browser.jar["watchbill.example.com"][OURS] != first
    old = site.browser()
    for held in ("chosen-by-an-attacker", first):
        old.jar = {"watchbill.example.com": {OURS: held}}
        assert who(old) is None


def test_signed_out_is_signed_out(site):
    """The row is gone: a copy of the cookie is of no use."""
    browser = site.sign_in("sofia")
    copy = dict(browser.jar["watchbill.example.com"])
    browser.press(browser.open(BASE + "/"), "/sign-out")
    assert browser.jar["watchbill.example.com"] == {}
    browser.jar = {"watchbill.example.com": copy}
    assert who(browser) is None


def test_a_session_ends_by_itself(site):
    """After half an hour in which nobody was there, and after eight hours at the latest."""
    browser = site.sign_in("sofia")
    site.office.later(sessions.IDLE)
    assert who(browser) == "sofia (lead)"
    site.office.later(sessions.IDLE + MINUTE)
    assert who(browser) is None
    browser = site.sign_in("sofia")
    for _ in range(15):
        site.office.later(sessions.IDLE)
        assert who(browser) == "sofia (lead)"
    site.office.later(sessions.IDLE)
    assert who(browser) is None


def test_whoever_is_frozen_is_signed_out_and_stays_so(site):
    """At once, and no sign-in helps."""
    browser = site.sign_in("sofia")
    site.office.store.freezes.add(FreezeRow("F-1", "sofia", site.office.clock.now(), None, None, "{}"))
    assert who(browser) is None
    shown, _ = tried(site)
    assert (shown.status, "`sofia` is frozen" in shown.text) == (403, True)


def test_whoever_leaves_the_team_is_signed_out(site):
    """And their pin lets them in no more."""
    browser = site.sign_in("sofia")
    people = {name: person for name, person in site.office.team.people.items() if name != "sofia"}
    site.office.team = replace(site.office.team, people=people)
    assert who(browser) is None
    shown, _ = tried(site)
    assert "you are in the team file no more" in shown.text


def test_another_provider_in_the_team_file_ends_sessions(site):
    """Who vouched for somebody is not asked any more."""
    browser = site.sign_in("sofia")
    web = site.office.team.web
    other = replace(web.sign_in, issuer="https://other.example")
    site.office.team = replace(site.office.team, web=replace(web, sign_in=other))
    assert who(browser) is None
    site.office.team = replace(site.office.team, web=Web(BASE, None, HERE))
    assert who(browser) is None


# --- who somebody is -----------------------------------------------------------------------------


def test_the_first_sign_in_pins_and_from_then_on_the_address_does_not_count(site):
    """An account that is renamed is the same person; another with that address is refused, and the leads are told."""
    assert who(site.sign_in("lee")) == "lee (auditor)"
    account = site.peer.users["lee"]
    account.email = "renamed@example.com"
    assert who(site.sign_in("lee")) == "lee (auditor)"
    site.peer.add("eve", ["leads"], email="LEE@example.com")
    shown, browser = tried(site, "eve")
    assert shown.status == 403
    assert "another account of the identity provider" in shown.text
    assert who(browser) is None
    kinds = [entry.kind for entry in site.office.store.ledger.entries()]
    assert kinds[-2:] == ["respond:identity:refused", "web:session:refused"]
    assert [row.to for row in site.office.notices() if row.key.startswith("identity:lee")] == ["leads"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"verified": False}, "does not vouch for your address"),
        ({"verified": None}, "does not vouch for your address"),
        ({"email": "nobody@example.com"}, "is the address of nobody in the team file"),
    ],
)
def test_who_is_not_known_is_not_let_in(site, more, said):
    """An address that the provider does not vouch for, or that is nobody's, is refused in words, and kept."""
    site.peer.add("eve", ["admins"], **({"email": "sofia@example.com"} | more))
    shown, browser = tried(site, "eve")
    assert shown.status == 403
    assert said in shown.text
    assert who(browser) is None
    assert list(site.office.store.ledger.entries())[-1].kind == "web:session:refused"


def test_what_the_token_lacks_is_asked_for(site):
    """Groups and the address may come from the provider's userinfo; that of another subject is refused."""
    site.peer.claims = {"groups": None, "email": None, "email_verified": None}
    site.peer.more = {"sub": "sub-lee", "groups": ["leads"], "email": "lee@example.com", "email_verified": True}
    assert who(site.sign_in("lee")) == "lee (lead)"
    shown, browser = tried(site, "sofia")
    assert "tells of somebody else" in shown.text
    assert who(browser) is None


def test_an_address_of_another_source_is_not_vouched_for(site):
    """What userinfo says of one address does not count for the one in the token."""
    site.peer.add("eve", email="sofia@example.com")
    site.peer.claims = {"groups": None, "email_verified": None}
    site.peer.more = {"sub": "sub-eve", "email": "eve@example.com", "email_verified": True}
    shown, _ = tried(site, "eve")
    assert "does not vouch for your address" in shown.text


# --- what a provider may get wrong ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"iss": "https://evil.example"}, "does not hold"),
        ({"aud": "another"}, "does not hold"),
        ({"aud": "another", "azp": "watchbill"}, "does not hold"),
        ({"aud": ["watchbill", "another"]}, "does not hold"),
        ({"aud": ["watchbill", "another"], "azp": "another"}, "does not hold"),
        ({"nonce": "of another sign-in"}, "does not hold"),
        ({"nonce": None}, "does not hold"),
        ({"exp": 1}, "does not hold"),
        ({"exp": None}, "does not hold"),
        ({"sub": None}, "does not hold"),
        ({"iat": 4102444800}, "does not hold"),
    ],
)
def test_a_token_that_does_not_hold_is_refused(site, claims, said):
    """Whose it is, whom it is for, which sign-in it is of and until when are checked, each."""
    site.peer.claims = claims
    shown, browser = tried(site)
    assert shown.status == 403
    assert said in shown.text
    assert who(browser) is None


def test_a_token_that_another_signed_is_refused(site):
    """A key that the provider does not publish; no signature; a secret of ours taken for a key."""
    site.peer.key = OTHER
    assert tried(site)[0].status == 403
    site.peer.token_of = lambda asked: jwt.encode({"alg": "HS256"}, {"sub": "x"}, OctKey.import_key(SECRET))
    assert tried(site)[0].status == 403
    site.peer.token_of = lambda asked: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzdWItc29maWEifQ."
    assert tried(site)[0].status == 403
    site.peer.token_of = lambda asked: "no token"
    assert tried(site)[0].status == 403


def test_a_key_that_is_new_is_asked_for(site):
    """The provider changes its keys when it likes."""
    assert who(site.sign_in("sofia")) == "sofia (lead)"
    site.peer.key, site.peer.keys = OTHER, [OTHER]
    site.office.later(2 * MINUTE)
    assert who(site.sign_in("sofia")) == "sofia (lead)"
    asked = site.peer.asked.count("/keys")
    site.peer.key = KEY
    assert tried(site)[0].status == 403
    assert tried(site)[0].status == 403
    assert site.peer.asked.count("/keys") == asked


def test_a_provider_that_is_down_is_said(site):
    """With what to do; and what it says of an error is inert."""
    site.peer.says_no = True
    shown, _ = tried(site)
    assert shown.status == 403
    assert "did not let you in: access_denied" in shown.text
    site.peer.shutdown()
    site.office.later(2 * timedelta(hours=1))
    site.peer.server_close()
    shown = site.browser().open(BASE + "/sign-in")
    assert shown.status == 503
    assert "could not be reached" in shown.text
    facts = {
        "page": "/sign-in",
        "code": "provider",
        "message": "could not reach the identity provider: NewConnectionError",
    }
    assert site.site.say.lines == [("page", facts)]


def test_a_provider_that_is_busy_keeps_no_page_waiting(site):
    """Whoever asks is told to try again, at once."""
    site.peer.busy = True
    begun = time.monotonic()
    shown = site.browser().open(BASE + "/sign-in")
    assert (shown.status, "try again in a minute" in shown.text) == (503, True)
    assert time.monotonic() - begun < 20
    assert site.peer.asked == ["/.well-known/openid-configuration"]


# --- who comes back is who went ------------------------------------------------------------------


def begun(site, name="sofia", to="/"):
    """Let somebody go to the provider; give the browser and the address at which they would come back."""
    browser, site.peer.keyboard = site.browser(), name
    first = browser.once("POST", BASE + "/sign-in", f"to={to}", {"Sec-Fetch-Site": "same-origin"})
    return browser, browser.once("GET", first.headers["location"]).headers["location"]


def test_another_browser_cannot_come_back(site):
    """An attacker who sends somebody the end of a sign-in does not sign them in as himself."""
    _, back = begun(site)
    victim = site.browser()
    assert victim.open(back).status == 403
    assert who(victim) is None
    other, _ = begun(site, "lee")
    assert other.open(back).status == 403
    assert who(other) is None


def test_one_comes_back_once_and_soon(site):
    """An address of the past is of no use, nor is one that was made up."""
    browser, back = begun(site)
    assert browser.open(back).status == 200
    assert "was not begun in this browser" in browser.open(back).text
    browser, back = begun(site)
    site.office.later(sessions.TRY_LASTS)
    assert "took too long" in browser.open(back).text
    browser, back = begun(site)
    assert browser.open(re.sub(r"state=[^&]+", "state=made-up", back)).status == 403
    assert browser.open(f"{BASE}/sign-in/back").status == 403


def test_another_provider_cannot_send_somebody_back(site):
    """RFC 9207: who sent them is said, and is the one they went to."""
    for change in (lambda back: back.replace("iss=http", "iss=https"), lambda back: re.sub(r"iss=[^&]+&?", "", back)):
        browser, back = begun(site)
        assert "another identity provider sent you here" in browser.open(change(back)).text
        assert who(browser) is None


def test_a_code_of_another_sign_in_is_refused(site):
    """PKCE: a code that was caught is of no use in another browser's sign-in."""
    _, stolen = begun(site, "sofia")
    browser, back = begun(site, "lee")
    code = re.search(r"code=[^&]+", stolen)
    assert code is not None
    shown = browser.open(re.sub(r"code=[^&]+", code[0], back))
    assert "knows of no such sign-in" in shown.text
    assert who(browser) is None


# --- without an identity provider ----------------------------------------------------------------


@pytest.fixture
def alone(tmp_path):
    """Serve the pages where no provider is named."""
    with pages(tmp_path, provider=None) as served:
        served.office.team = replace(served.office.team, web=Web(BASE, None, HERE))
        yield served


def test_a_one_time_link_signs_in_once(alone):
    """Opening it does nothing; pressed, whoever made it is an admin; then it is as any bad link."""
    sessions.add_link(alone.office.as_("ada"), "s" * 43)
    browser = alone.browser()
    for _ in range(2):
        page = browser.open(f"{BASE}/sign-in/once/{'s' * 43}", sec_fetch_site="cross-site")
        assert who(browser) is None
    browser.press(page, "/sign-in/once/")
    assert who(browser) == "ada (admin)"
    again = alone.browser().press(page, "/sign-in/once/")
    made_up = alone.browser().post(f"{BASE}/sign-in/once/{'t' * 43}", {})
    assert (again.status, again.text) == (403, made_up.text)
    assert "this link is good no more" in again.text
    assert alone.browser().post(f"{BASE}/sign-in", {"to": "/"}).status == 403


def test_a_one_time_link_is_good_for_a_while(alone):
    """For a quarter of an hour, and as long as its person is of the team."""
    sessions.add_link(alone.office.as_("ada"), "s" * 43)
    alone.office.later(sessions.LINK_LASTS)
    assert alone.browser().post(f"{BASE}/sign-in/once/{'s' * 43}", {}).status == 403
    sessions.add_link(alone.office.as_("ada"), "t" * 43)
    people = {name: person for name, person in alone.office.team.people.items() if name != "ada"}
    alone.office.team = replace(alone.office.team, people=people)
    assert alone.browser().post(f"{BASE}/sign-in/once/{'t' * 43}", {}).status == 403


def test_where_there_is_a_provider_no_link_signs_in(alone):
    """Nor is one made; who came in by one is signed out."""
    sessions.add_link(alone.office.as_("ada"), "s" * 43)
    sessions.add_link(alone.office.as_("ada"), "t" * 43)
    browser = alone.browser()
    browser.post(f"{BASE}/sign-in/once/{'t' * 43}", {})
    assert who(browser) == "ada (admin)"
    roles = {"viewer": ("viewers",)}
    alone.office.team = replace(
        alone.office.team, web=Web(BASE, SignIn("https://idp.example", "c", "S", (), "groups", roles), HERE)
    )
    assert who(browser) is None
    shown = browser.post(f"{BASE}/sign-in/once/{'s' * 43}", {})
    assert "people sign in at the identity provider" in shown.text
    with pytest.raises(RefusedError, match="people sign in at the identity provider"):
        sessions.add_link(alone.office.as_("ada"), "u" * 43)


def test_without_a_provider_nothing_is_proven(alone):
    """The page says who can say it instead."""
    ada = alone.office.as_("james")
    sessions.add_link(ada, "s" * 43)
    browser = alone.browser()
    browser.post(f"{BASE}/sign-in/once/{'s' * 43}", {})
    alone.link("C-theirs")
    shown = browser.open(f"{BASE}/confirm/C-theirs")
    assert shown.path.startswith("/sign-in?to=")
    assert "a peer who has spoken to you, or a lead, says it by command" in shown.text
    assert browser.post(f"{BASE}/confirm/C-theirs", {}).status == 403


def test_tries_are_counted_by_whom_a_proxy_speaks_for(site):
    """A proxy on this machine says so; what it says of itself is not a way around for others behind it."""
    browser = site.browser()
    for _ in range(MOST):
        browser.once("GET", f"{BASE}/sign-in/back")
    assert browser.once("GET", f"{BASE}/sign-in/back").status == 429
    browser.extra = {"X-Forwarded-For": "203.0.113.9"}
    assert browser.once("GET", f"{BASE}/sign-in/back").status == 403
    browser.extra = {"X-Forwarded-For": "2001:db8:1:2::1"}
    for _ in range(MOST):
        browser.once("GET", f"{BASE}/sign-in/back")
    browser.extra = {"X-Forwarded-For": "2001:db8:1:2:ffff::2"}
    assert browser.once("GET", f"{BASE}/sign-in/back").status == 429
