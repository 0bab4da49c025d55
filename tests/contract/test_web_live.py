"""Pages that keep themselves up to date: what is told over streams that stay open, to whom, and when they end."""

import asyncio
import re
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from secrets import token_urlsafe

import pytest
from tests.pages import BASE, pages
from tests.unit.service.desk import NOW

from watchbill.errors import ProviderError
from watchbill.ledger.model import Kind
from watchbill.service.board import Standing
from watchbill.service.clicks import Click, take
from watchbill.service.links import digest_of
from watchbill.service.plans import PASSES
from watchbill.service.pulse import TURN
from watchbill.service.sessions import IDLE
from watchbill.store.rows import FreezeRow, OutboxRow, Sending, WebSessionRow
from watchbill.web import streams
from watchbill.web.scripts import FOLDER, SCRIPTS, hash_of
from watchbill.web.streams import ALL, EACH


HOST = "watchbill.example.com"
COOKIE = "__Host-watchbill"
PATIENCE = 8.0


@pytest.fixture
def site(tmp_path):
    """Serve the pages."""
    with pages(tmp_path) as served:
        yield served


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Serve pages that tests leave as they were."""
    with pages(tmp_path_factory.mktemp("pages")) as served:
        yield served


def written(site, subject="x"):
    """Have something written that pages show."""
    work = site.office.as_("sofia")
    work.record(Kind.PERSON_SEEN, subject, {})


def cookie_of(browser):
    """Give the cookie of who is signed in."""
    return f"{COOKIE}={browser.jar[HOST][COOKIE]}"


def begun(site, name, groups):
    """Have somebody signed in without pressing; give their cookie."""
    secret, at = token_urlsafe(32), site.office.clock.now()
    site.office.store.web_sessions.begin(
        WebSessionRow(digest_of(secret), name, site.peer.issuer, groups, at, at, at + timedelta(hours=8))
    )
    return f"{COOKIE}={secret}"


@contextmanager
def listening(site, cookie, seen=None):
    """Listen as a page does that shows what is now."""
    mark = site.site.live.mark() if seen is None else seen
    with closing(HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)) as connection:
        connection.request("GET", f"/live?seen={mark}", headers={"Host": HOST, "Cookie": cookie})
        yield connection.getresponse()


def next_event(answer):
    """Give the next event and what is with it; None where the stream ended."""
    kind = None
    while line := answer.readline().decode():
        if line.startswith("event: "):
            kind = line[7:].strip()
        elif line.startswith("data: ") and kind is not None:
            return kind, line[6:].strip()
    return None


def count_of(site, count):
    """Wait until so many streams are open."""
    end = time.monotonic() + PATIENCE
    while len(site.site.live) != count and time.monotonic() < end:
        time.sleep(0.01)
    return len(site.site.live)


def test_a_change_is_told_within_seconds(shared):
    """Nothing of what it was: a mark, which is another than before; and nothing where nothing changed."""
    with listening(shared, cookie_of(shared.sign_in("lee"))) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.readline() == b": listening\n"
        before = shared.site.live.mark()
        written(shared, "C-secret")
        started = time.monotonic()
        kind, mark = next_event(answer)
        assert (kind, time.monotonic() - started < 4) == ("change", True)
        assert mark != before
        assert re.fullmatch(r"[\w-]{8}-\d+", mark)


def notice(store, at, state=Sending.WAITING):
    """Have something told, or sent."""
    row = OutboxRow("N", "mail", 0, "lee", "{}", Sending.WAITING, 0, at, at)
    store.outbox.put(row)
    if state is not row.state:
        store.outbox.turn(row, replace(store.outbox.get("N", "mail"), state=state, sent_at=at))


def move(store, at):
    """Have a case stand otherwise."""
    store.cases.put(replace(store.cases.get("C-late"), status="closed", updated_at=at))


NEWS = {
    "an entry": lambda site, at: written(site),
    "a case that moves": lambda site, at: move(site.office.store, at),
    "a press": lambda site, at: take(site.office.store, Click("p", "web", "sofia", "freeze", "C-late", at, {})),
    "a notice": lambda site, at: notice(site.office.store, at),
    "a notice that was sent": lambda site, at: notice(site.office.store, at, Sending.SENT),
    "a pass": lambda site, at: site.site.jobs().update({PASSES: Standing(at)}),
    "a job that fails": lambda site, at: site.site.jobs().update({"outbox": Standing(NOW, "provider")}),
    "another team file": lambda site, at: setattr(site.office, "team", replace(site.office.team, digest="other")),
}


@pytest.mark.parametrize("what", NEWS)
def test_whatever_pages_show_is_news(tmp_path, what, monkeypatch):
    """The mark is another after each, once; that a job was done as before is none."""
    monkeypatch.setattr("watchbill.service.pulse.TURN", timedelta(0))
    jobs = {PASSES: Standing(NOW), "outbox": Standing(NOW)}
    with pages(tmp_path, jobs=lambda: jobs) as site:
        at = site.office.clock.now() + timedelta(minutes=1)
        before = site.site.live.mark()
        jobs["outbox"] = Standing(at)
        assert site.site.live.mark() == before
        NEWS[what](site, at)
        after = site.site.live.mark()
        assert after != before
        assert site.site.live.mark() == after


def test_who_comes_with_what_was_before_is_told_at_once(shared):
    """A page that was drawn before the last change, or by another instance, is told."""
    cookie = cookie_of(shared.sign_in("lee"))
    with listening(shared, cookie, seen="of-another-9") as answer:
        assert next_event(answer) == ("change", shared.site.live.mark())


def test_who_signs_out_is_told_nothing_more(site):
    """Their streams end, saying so; those of others hear of it."""
    browser = site.sign_in("lee")
    with listening(site, cookie_of(browser)) as theirs, listening(site, cookie_of(site.sign_in("sofia"))) as other:
        assert count_of(site, 2) == 2
        browser.post(f"{BASE}/sign-out", {})
        assert next_event(theirs) == ("end", "end")
        assert theirs.read() == b"\n"
        assert next_event(other)[0] == "change"
    assert count_of(site, 0) == 0


@pytest.mark.parametrize("how", ["time", "freeze", "role", "team"])
def test_a_stream_ends_with_its_session(site, how, monkeypatch):
    """By the clock, by a freeze, with the role and with the team file, though nothing is written that would wake it."""
    monkeypatch.setattr(streams, "CHECKED", 0.5)
    browser = site.sign_in("lee")
    with listening(site, cookie_of(browser)) as answer:
        assert count_of(site, 1) == 1
        team = site.office.team
        if how == "time":
            site.office.later(IDLE + timedelta(seconds=1))
        elif how == "freeze":
            site.office.store.freezes.add(FreezeRow("F-1", "lee", site.office.clock.now(), None, None, "{}"))
        elif how == "role":
            site.office.team = replace(team, web=replace(team.web, sign_in=replace(team.web.sign_in, roles={})))
        else:
            site.office.team = replace(team, people={n: p for n, p in team.people.items() if n != "lee"})
        kinds = [next_event(answer), next_event(answer)]
        assert ("end", "end") in kinds


def test_who_only_listens_is_signed_out_in_time(site):
    """Neither a stream nor a page that asks by itself counts as somebody who is there."""
    browser = site.sign_in("lee")
    for _ in range(4):
        site.office.later(IDLE / 3)
        shown = browser.once("GET", f"{BASE}/cases", headers={"HX-Request": "true"})
        browser.once("GET", f"{BASE}/live", headers={"Accept": "text/event-stream"})
    assert (shown.status, shown.headers["location"]) == (303, "/sign-in?to=%2Fcases")
    browser = site.sign_in("lee")
    for _ in range(4):
        site.office.later(IDLE / 3)
        assert browser.once("GET", f"{BASE}/cases").status == 200


def test_there_are_so_many_of_a_session_and_no_more(site):
    """One that is closed makes room."""
    cookie = cookie_of(site.sign_in("lee"))
    with listening(site, cookie) as first:
        opened = [listening(site, cookie) for _ in range(EACH - 1)]
        for each in opened:
            assert each.__enter__().status == 200
        with listening(site, cookie) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
        opened.pop().__exit__(None, None, None)
        assert count_of(site, EACH - 1) == EACH - 1
        with listening(site, cookie) as again:
            assert again.status == 200
        for each in opened:
            each.__exit__(None, None, None)
        assert first.status == 200


def test_there_are_so_many_in_all_and_no_more(site, monkeypatch):
    """Whoever comes is refused while there is no room."""
    monkeypatch.setattr(streams, "ALL", 2)
    cookies = [
        begun(site, name, (group,)) for name, group in (("lee", "auditors"), ("sofia", "leads"), ("ada", "viewers"))
    ]
    with listening(site, cookies[0]), listening(site, cookies[1]), listening(site, cookies[2]) as third:
        assert third.status == 429


async def heard(site, cookie, told):
    """Listen, until something is told or the stream ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    head = f"GET /live?seen={site.site.live.mark()} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookie}\r\n\r\n"
    writer.write(head.encode())
    text = b""
    try:
        while chunk := await reader.read(4096):
            text += chunk
            told(text)
    finally:
        writer.close()
    return text


def test_two_hundred_hear_it_by_one_reader_and_all_end_when_it_stops(site):
    """All are told of a change; the state is looked at once a turn for all of them; none outlives the instance."""
    assert ALL >= 200
    looks = []
    mark = site.site.live.mark

    def counted():
        looks.append(1)
        return mark()

    site.site.live.mark = counted
    cookies = [begun(site, "lee", ("auditors",)) for _ in range(200 // EACH)]
    told = set()

    async def all_of_them():
        all_told = asyncio.Event()

        def heard_by(number):
            def hear(text):
                if b"event: change" in text:
                    told.add(number)
                if len(told) == 200:
                    all_told.set()

            return hear

        all_heard = [
            asyncio.create_task(heard(site, cookie, heard_by((place, n))))
            for place, cookie in enumerate(cookies)
            for n in range(EACH)
        ]
        assert await asyncio.to_thread(count_of, site, 200) == 200
        del looks[:]
        started = time.monotonic()
        await asyncio.to_thread(written, site)
        await asyncio.wait_for(all_told.wait(), PATIENCE)
        took, looked = time.monotonic() - started, len(looks)
        site.stopping.set()
        texts = await asyncio.wait_for(asyncio.gather(*all_heard), PATIENCE)
        return took, looked, texts

    took, looked, texts = asyncio.run(all_of_them())
    assert len(told) == 200
    assert looked <= took / TURN.total_seconds() + 3
    assert all(text.endswith(b"0\r\n\r\n") for text in texts)
    assert count_of(site, 0) == 0


def test_where_the_state_is_out_of_reach_streams_end(site):
    """Nobody can be told whose session still lasts: they come again when it is back."""

    def broken():
        raise ProviderError("the state could not be read")

    mark = site.site.live.mark()
    with listening(site, cookie_of(site.sign_in("lee")), mark) as answer:
        assert count_of(site, 1) == 1
        site.site.live.mark = broken
        assert b"event" not in answer.read()
    assert count_of(site, 0) == 0


def test_something_is_said_though_nothing_changes(site, monkeypatch):
    """Proxies end what is silent for long."""
    monkeypatch.setattr(streams, "HEARTBEAT", 0.2)
    with listening(site, cookie_of(site.sign_in("lee"))) as answer:
        assert [answer.readline() for _ in range(3)][2] == b": still here\n"


def test_who_takes_nothing_is_let_go():
    """A stream that is not read ends, and makes room."""

    async def send(message):
        await asyncio.sleep(60)

    async def tried(monkeypatch):
        monkeypatch.setattr(streams, "_TAKES", 0.05)
        await asyncio.wait_for(streams._tell(streams.Stream("s", "m"), send), 5)  # noqa: SLF001

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(tried(patch))


def test_pages_hear_it_with_a_role_and_a_session_alone(shared):
    """Whoever has neither is shown a page without a script."""
    page = shared.sign_in("lee").open(f"{BASE}/cases?status=any&person=%22%3E")
    main = next(given for tag, given in page.parsed().tags if tag == "main")
    assert main["hx-get"] == "/cases?status=any&person=%22%3E"
    assert main["sse-connect"].startswith("/live?seen=")
    for name in (None, "james"):
        browser = shared.browser() if name is None else shared.sign_in(name)
        assert not browser.open(f"{BASE}/").parsed().scripts
        assert browser.once("GET", f"{BASE}/live").status in (303, 403)


def test_scripts_are_what_was_published():
    """Each is what its hash says, with its licence beside it; nothing else lies there."""
    for each in SCRIPTS:
        assert hash_of(each.text) == each.sha384
    theirs = [each for each in SCRIPTS if each.source != "ours"]
    assert [each.file for each in theirs] == ["htmx-2.0.11.min.js", "htmx-ext-sse-2.2.4.min.js"]
    for each in theirs:
        assert "Permission to use, copy, modify" in (FOLDER / each.licence).read_text("utf-8")
    known = {each.file for each in SCRIPTS} | {each.licence for each in theirs}
    assert {file.name for file in FOLDER.iterdir()} == known
    assert len({each.address for each in SCRIPTS}) == len(SCRIPTS)


def test_scripts_are_served_to_anybody_for_good(shared):
    """As scripts, under their own address; another name is not there."""
    for each in SCRIPTS:
        shown = shared.browser().once("GET", BASE + each.address)
        assert (shown.status, shown.text) == (200, each.text)
        assert shown.headers["content-type"].startswith("text/javascript")
        assert "immutable" in shown.headers["cache-control"]
    for name in ("htmx-2.0.11.LICENSE", "..%2Fstyle.css", "%2e%2e/style.css"):
        assert shared.browser().once("GET", f"{BASE}/scripts/{name}").status == 404
