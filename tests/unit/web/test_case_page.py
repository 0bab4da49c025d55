"""The page of one case: whole, inert, and with what was done."""

from dataclasses import replace

from tests.trails import after
from tests.unit.respond.test_ask import hijack

from watchbill.web.report import Standing, render_case


DONE = [("2026-01-12T00:00:00Z", "james", "answered no"), ("2026-01-12T00:01:00Z", "<b>eve", "\u202epressed it")]


def test_a_page_has_the_case_and_what_was_done():
    """With how long it took; nothing is loaded, and no script runs."""
    page = render_case(hijack(), Standing("escalated", "a lead decides"), after(70), DONE, [("ask", "1 min 0 s")])
    for words in (
        hijack().id,
        "escalated",
        "a lead decides",
        "answered no",
        "Times: ask 1 min 0 s.",
        "default-src 'none'",
    ):
        assert words in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_what_strangers_chose_is_inert():
    """Names and words of the ledger too."""
    case = replace(hijack(), sentence="<img src=x>")
    page = render_case(case, Standing("open", ""), after(70), DONE, [])
    assert "<img" not in page
    assert "&lt;b&gt;eve" in page
    assert "\u202e" not in page
    assert "Nothing yet." in render_case(case, Standing("open", ""), after(70), [], [])
