"""The pages of the demo are for the demo alone."""

from tests.pages import BASE, pages

from watchbill.web.app import PAGES


def test_no_instance_that_serves_has_the_pages_of_the_demo(tmp_path):
    """None is in the table that is served, nothing answers where they would be, and no page has the clock."""
    assert [page.path for page in PAGES if page.path.startswith("/demo")] == []
    with pages(tmp_path) as site:
        browser = site.sign_in("priya")
        for path in ("/demo", "/demo/inbox", "/demo/be", f"/demo/in/{'s' * 43}"):
            assert browser.open(BASE + path).status == 404
        for path in ("/demo/clock", "/demo/press", "/demo/write", "/demo/type", "/demo/be"):
            assert browser.post(BASE + path, {"leap": "hour", "person": "sofia"}).status == 404
        shown = browser.open(f"{BASE}/")
        assert "priya (admin)" in shown.text
        assert "demo" not in shown.text.replace("watchbill demo", "")
