"""What the pages of a running instance show of its own lake and its own jobs."""

import time

import pytest
from tests.cli.test_web import served
from tests.lakes import log
from tests.trails import after, record, user
from tests.visitor import Browser


__all__ = ["served"]


@pytest.mark.slow
def test_an_instance_shows_its_lake_and_its_jobs(served, watchbill, tmp_path):
    """What was taken in is on the page of whoever did it, judged; and the first page says what the passes did."""
    (tmp_path / "logs").mkdir()
    found = [record("rds:DeleteDBInstance", user("james"), after(n), event_id=f"e-{n}") for n in range(24)]
    (tmp_path / "logs" / "a.json.gz").write_bytes(log(found))
    assert watchbill("trail", "ingest", tmp_path / "logs", "--state", tmp_path).code == 0
    with served() as base:
        url = watchbill("sign-in", "--json", "--state", tmp_path, watchbill_actor="sofia").json["result"]["url"]
        browser = Browser({base: int(base.rpartition(":")[2])})
        shown = browser.press(browser.open(url), "/sign-in/once/")
        end = time.monotonic() + 60
        while "<td>job " not in shown.text and time.monotonic() < end:
            time.sleep(0.3)
            shown = browser.open(f"{base}/")
        assert "<td>job " in shown.text
        assert "complete to then" in shown.text
        page = browser.open(f"{base}/people/james?from=2026-01-12&to=2026-01-14")
        assert page.status == 200
        assert "of 24 events were outside" in page.text
        assert "rds:DeleteDBInstance" in page.text
