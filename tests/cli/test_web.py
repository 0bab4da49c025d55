"""The pages as `serve` serves them, in a process of its own; and what it refuses to serve."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from socket import create_server

import pytest
from tests.visitor import Browser


LINES = """
web:
  base: {base}
"""
SIGN_IN = """  sign_in:
    issuer: https://acme.okta.com
    client: 0oa1
    secret: SIGN_IN_SECRET
    roles: {admin: [watchbill-admins]}
"""


@pytest.fixture
def served(sample, aws, tmp_path):
    """Give a way to run `serve` with pages on this machine; it gives their address."""
    with create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    sample.write_text(sample.read_text("utf-8") + LINES.format(base=f"http://{place}"), "utf-8")

    @contextmanager
    def start():
        command = [sys.executable, "-m", "watchbill", "serve", "--listen", place, "--state", str(tmp_path)]
        env = {**os.environ, "WATCHBILL_ACTOR": "james", "AWS_ENDPOINT_URL": aws}  # noqa: TID251 - what a child is given
        with (tmp_path / "err").open("wb") as errors:
            process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=errors, stderr=errors)
            try:
                end = time.monotonic() + 60
                while '"event": "listens"' not in (tmp_path / "err").read_text():
                    assert time.monotonic() < end, (tmp_path / "err").read_text()
                    assert process.poll() is None, (tmp_path / "err").read_text()
                    time.sleep(0.05)
                yield f"http://{place}"
            finally:
                process.kill()
                process.wait()

    return start


def test_a_link_signs_in_once_on_this_machine(served, watchbill, tmp_path):
    """Printed by a command, pressed in a browser; what tells whether it is well is beside the pages as before."""
    with served() as base:
        ran = watchbill("sign-in", "--json", "--state", tmp_path, watchbill_actor="sofia")
        assert ran.code == 0
        url = ran.json["result"]["url"]
        assert url.startswith(f"{base}/sign-in/once/")
        browser = Browser({base: int(base.rpartition(":")[2])})
        page = browser.open(url)
        assert "signs you in once" in page.text
        shown = browser.press(page, "/sign-in/once/")
        assert (shown.path, "sofia (admin)" in shown.text) == ("/", True)
        assert "this link is good no more" in browser.press(page, "/sign-in/once/").text
        assert "There is no identity provider here" in Browser(browser.ports).open(f"{base}/sign-in").text
        assert browser.once("GET", f"{base}/healthz").text == "lives\n"
        assert json.loads(browser.once("GET", f"{base}/readyz").text)["state"] == "reachable"
        secret = url.rpartition("/")[2]
        held = browser.jar["127.0.0.1"]["watchbill"]
    said = (tmp_path / "err").read_text()
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("state.db*"))
    for hidden in (secret, held):
        assert hidden not in said
        assert hidden.encode() not in kept


def test_an_instance_shows_the_plan_of_its_last_pass_and_its_rules(served, watchbill, tmp_path):
    """The plan of a pass, made anew on a press, has the calls of the command; the rules are those that it loaded."""
    planned = watchbill("plan", "--json", "--state", tmp_path).json["result"]
    with served() as base:
        url = watchbill("sign-in", "--json", "--state", tmp_path, watchbill_actor="sofia").json["result"]["url"]
        browser = Browser({base: int(base.rpartition(":")[2])})
        browser.press(browser.open(url), "/sign-in/once/")

        def made():
            """Give when the plan was made that is shown; None while there is none."""
            shown = browser.open(f"{base}/plan").text.partition("</code>, made <time datetime=")
            return shown[2][:40].split(">")[0] or None

        until(lambda: made() is not None)
        first = made()
        shown = json.loads(browser.once("GET", f"{base}/plan.json").text)
        assert [(c["account"], c["target"]) for c in shown["changes"]] == [
            (c["account"], c["target"]) for c in planned["changes"]
        ]
        assert "It was asked for" in browser.post(f"{base}/plan", {}).text
        until(lambda: made() != first)
        assert "Frozen person could act" in browser.open(f"{base}/rules").text
        assert "There is no trail." in browser.open(f"{base}/coverage").text


def until(holds):
    """Wait until something holds."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def with_pages(sample, base, sign_in=""):
    """Put pages into the team file."""
    sample.write_text(sample.read_text("utf-8") + LINES.format(base=base) + sign_in, "utf-8")


def test_pages_without_a_sign_in_are_for_this_machine(sample, aws, watchbill):
    """To listen elsewhere is refused, and so is an address at which they would not be."""
    with_pages(sample, "http://127.0.0.1:8470")
    ran = watchbill("serve", "--listen", "0.0.0.0:8470")
    assert (ran.code, "without `web.sign_in` the pages are for this machine alone" in ran.err) == (1, True)
    ran = watchbill("serve", "--listen", "127.0.0.1:0")
    assert (ran.code, "it listens on port 0" in ran.err) == (1, True)


def test_a_sign_in_without_its_secret_is_refused(sample, aws, watchbill):
    """It is said before anything is served, with the name of what is missing."""
    with_pages(sample, "https://watchbill.example.com", SIGN_IN)
    ran = watchbill("serve", "--listen", "127.0.0.1:0")
    assert (ran.code, "SIGN_IN_SECRET is not set" in ran.err) == (1, True)


def test_without_what_serves_pages_it_is_said(sample, aws, watchbill, monkeypatch):
    """With what installs it."""
    with_pages(sample, "https://watchbill.example.com", SIGN_IN)
    monkeypatch.setitem(sys.modules, "watchbill.directories.sign_in", None)
    ran = watchbill("serve", "--listen", "127.0.0.1:0", sign_in_secret="x")
    assert ran.code == 1
    assert "what serves pages is not installed" in ran.err
    assert "pip install 'watchbill[web]'" in ran.err


def test_who_may_make_a_link(sample, aws, watchbill):
    """A person of the team file, where nobody signs in otherwise."""
    assert "the team file says of no pages" in watchbill("sign-in", watchbill_actor="james").err
    with_pages(sample, "http://127.0.0.1:8470")
    ran = watchbill("sign-in", watchbill_actor="mallory")
    assert (ran.code, "`mallory` is nobody of the team file" in ran.err) == (1, True)
    sample.write_text(sample.read_text("utf-8").replace("http://127.0.0.1:8470\n", "https://w.example\n") + SIGN_IN)
    ran = watchbill("sign-in", watchbill_actor="james")
    assert (ran.code, "sign in at the identity provider" in ran.err) == (1, True)
