"""Every page, asked what its signature lets it be asked and much that it does not: schemathesis, over HTTP.

A page answers, leads on or refuses; it never breaks, never leads elsewhere, and never loses what holds for every answer.
"""

from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from tests.examples import examples
from tests.pages import BASE, pages

from watchbill.web.app import PAGES, framework_of
from watchbill.web.guard import Visiting
from watchbill.web.page import Page


KNOWN = {
    "case": ["C-late"],
    "person": ["ada", "james"],
    "secret": ["s" * 32],
    "zone": ["UTC", "Asia/Kathmandu"],
    "at": ["2026-09-03T03:00Z", "2026-09-03T03:00"],
    "from": ["2026-09-01", "2026-09-03T03:00:00Z"],
    "to": ["2026-09-04", "2026-09-05T00:00:00Z"],
    "account": ["production"],
    "rota": ["platform"],
    "file": ["live.js"],
}
"""What there is to be named, so that not every try ends at 400 or 404."""
WHO = ("sofia", "sofia", "sofia", "sofia", "james", "nobody")
"""Who asks: mostly a lead, who gets past most guards."""
ENDS = {"/sign-out"}
"""What ends the session that asks."""
ALWAYS = ("content-security-policy", "x-content-type-options", "referrer-policy", "cache-control")


def operations_of(schema):
    """Give every operation of a schema; one that cannot be read is an error of ours."""
    found: list[Any] = list(schema.get_all_operations())
    return [each.ok() for each in found]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the pages, with James asked about a case."""
    with pages(tmp_path_factory.mktemp("pages")) as served:
        served.link()
        # Streams end as soon as they are open: what asks here waits for the end of an answer.
        served.stopping.set()
        yield served


@pytest.fixture(scope="module")
def operations(site):
    """Give each page as schemathesis asks it: by the schema that the framework makes of its signature."""
    raw = framework_of(site.site).openapi()
    schema = schemathesis.openapi.from_dict(raw, config=SchemathesisConfig())
    return {(each.method.upper(), each.path): each for each in operations_of(schema)}


@pytest.fixture(scope="module")
def cookies(site):
    """Sign people in; give what their browsers hold."""
    host = urlsplit(BASE).hostname
    return {name: dict(site.sign_in(name).jar[host]) for name in ("sofia", "james")} | {"nobody": {}}


def as_asked(operation):
    """Draw what the signature allows, or where it takes anything, what it does not."""
    allowed = operation.as_strategy()
    if not (operation.query or operation.body):
        return allowed
    return allowed | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)


def ask(site, case, held):
    """Ask as a page of ours would, behind the name that is served."""
    headers = {"Host": urlsplit(BASE).netloc, "Sec-Fetch-Site": "same-origin", "Origin": BASE}
    if held:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in held.items())
    return case.call(base_url=f"http://127.0.0.1:{site.port}", headers=headers, allow_redirects=False)


def is_ours(location):
    """Tell whether an address leads to a page of ours, or to where people sign in."""
    parsed = urlsplit(location)
    return not parsed.netloc or location.startswith(BASE)


def test_every_page_can_be_asked(operations):
    """Each row of the table is an operation of the schema: none is left out of what follows."""
    assert set(operations) == {(page.method, page.path) for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.method} {page.path}")
def test_no_page_breaks_whatever_it_is_asked(site, operations, cookies, page):
    """Whoever asks, with whatever values, gets an answer below 500 that keeps the rules of all answers."""
    operation, statuses = operations[page.method, page.path], Counter[int]()

    @given(case=as_asked(operation), who=st.sampled_from(WHO), named=st.data())
    @examples(12, 120)
    def asked(case, who, named):
        for given_to in (case.path_parameters, case.query):
            for name in sorted(set(given_to or ()) & set(KNOWN)):
                if named.draw(st.booleans()):
                    given_to[name] = named.draw(st.sampled_from(KNOWN[name]))
        got = ask(site, case, {} if page.path in ENDS else cookies[who])
        statuses[got.status_code] += 1
        case.validate_response(got, checks=[not_a_server_error])
        assert all(name in got.headers for name in ALWAYS)
        if "location" in got.headers and not page.path.startswith("/sign-in"):
            assert is_ours(got.headers["location"][0])

    asked()
    assert statuses


def test_an_address_with_a_line_break_is_answered_as_any(site):
    """Routes of Starlette pass over such a one: it would be answered past all rules."""
    for path in ("/scripts/%0A0", "/watch%0Aout"):
        got = site.browser().once("GET", BASE + path)
        assert got.status == 404, path
        assert all(name in {each.lower() for each in got.headers} for name in ALWAYS)


def test_a_page_that_breaks_is_seen(tmp_path):
    """The check above can fail: a page of ours that raises is found."""

    def broken(visit: Visiting, at: int = 0):
        raise RuntimeError(at, visit)

    table = (*PAGES, Page("GET", "/broken", PAGES[0].need, broken))
    with pages(tmp_path, table=table) as served:
        schema = schemathesis.openapi.from_dict(framework_of(served.site, table).openapi())
        case = next(each for each in operations_of(schema) if each.path == "/broken").Case()
        got = ask(served, case, {})
        assert got.status_code == 500
