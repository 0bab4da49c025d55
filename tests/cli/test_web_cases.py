"""What a lead presses on a page of a running instance."""

import time

import msgspec
import pytest
from tests.cli.test_web import served
from tests.unit.service.desk import CASES, NOW
from tests.visitor import Browser

from watchbill.store.database import open_store
from watchbill.store.rows import CaseRow


__all__ = ["served"]


@pytest.mark.slow
def test_an_instance_works_on_what_is_pressed_on_its_pages(served, watchbill, tmp_path):
    """The page leads back to the case at once, which soon says what came of it."""
    view = CASES["late"]
    with open_store(tmp_path) as store:
        payload = msgspec.json.encode(view).decode()
        store.cases.put(CaseRow(view.id, NOW, NOW, "open", view.severity, view.person, "", payload))
    with served() as base:
        url = watchbill("sign-in", "--json", "--state", tmp_path, watchbill_actor="sofia").json["result"]["url"]
        browser = Browser({base: int(base.rpartition(":")[2])})
        browser.press(browser.open(url), "/sign-in/once/")
        address = f"{base}/open/{view.id}"
        assert view.id in browser.open(f"{base}/cases").text
        fields = browser.open(address).form(f"/open/{view.id}/verdict").fields
        shown = browser.post(f"{address}/verdict", fields | {"verdict": "mistake", "reason": "asked him"})
        assert shown.status == 200
        end = time.monotonic() + 60
        while f"{view.id} is closed." not in shown.text and time.monotonic() < end:
            time.sleep(0.1)
            shown = browser.open(address)
        assert f"{view.id} is closed." in shown.text
        assert view.id not in browser.open(f"{base}/cases").text
