"""Where somebody may be led after a sign-in: to a page of ours, whatever was asked for."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse

from watchbill.web.app import PAGES
from watchbill.web.page import HOME, Need, Page, target_of


BASE = "https://watchbill.example.com"
PIECES = [
    "/",
    "//",
    "\\",
    "open",
    "C-1",
    "evil.example",
    "..",
    ".",
    "?",
    "#",
    "@",
    ":",
    "https:",
    "javascript:",
    "%2f",
    "%5c",
]
ADDRESSES = st.text() | st.lists(st.sampled_from([*PIECES, "\t", "\n", "\r", " ", "\x00", "é"])).map("".join)


@given(ADDRESSES)
@example("//evil.example")
@example("/\\evil.example")
@example("\\/evil.example")
@example("/\t/evil.example")
@example("/open/C-1?to=//evil.example")
def test_whatever_is_asked_for_it_is_a_page_of_ours(address):
    """As a browser joins it, too: it takes a backslash for a slash, and passes over tabs and line breaks."""
    led, page = target_of(PAGES, address)
    assert page in PAGES
    assert page.method == "GET"
    assert led.isascii()
    assert led.isprintable()
    browser = led.replace("\\", "/").translate({ord(each): None for each in "\t\r\n"})
    joined = urlsplit(urljoin(f"{BASE}/sign-in/back", browser))
    assert (joined.scheme, joined.netloc) == ("https", "watchbill.example.com")


@pytest.mark.parametrize("address", ["/open/C-1", "/confirm/C-1", "/", "/?x=1", "/open/C-1?at=2026-01-12"])
def test_pages_keep_their_state(address):
    """What stands behind the path is of the page."""
    assert target_of(PAGES, address)[0] == address


@pytest.mark.parametrize("address", ["/nothing", "/sign-out", "/open/C-1/more", "https://watchbill.example.com/", ""])
def test_what_is_no_page_is_the_first(address):
    """What is only pressed is no page either."""
    assert target_of(PAGES, address)[0] == HOME


@pytest.mark.parametrize("address", ["/\\evil.example", "/\t/evil.example", "/\n", "/é"])
def test_a_page_of_any_name_lets_nothing_by(address):
    """Not even where a whole path is a name that people choose."""
    pages = (*PAGES, Page("GET", "/{name}", Need.ANYBODY, lambda: PlainTextResponse("")))
    assert target_of(pages, "/name")[0] == "/name"
    assert target_of(pages, address)[0] == HOME
