"""Measure pages: how long the server takes for one, and how large it comes over the wire.

A team of 1,000 people, 300 permission sets, 150 job roles, 40 rotas of 20 people and 20 accounts; a lake of so many
events of 90 days as is asked for, made once and kept in the cache. The pages are served by uvicorn on the loopback, in
this process, and asked for by one reader after the other, each with a session of their own.

    python tools/bench_web.py                       # 300,000 events
    python tools/bench_web.py --events 10000000     # ten minutes to make, a gigabyte on the disk
    python tools/bench_web.py --readers 200         # so many at once, each opening every page but the long spans
    python tools/bench_web.py --paint               # when Chromium first shows something of each page

Every page is asked for but those that take a secret or a fresh sign-in (`LEFT_OUT`). Beside the lake there is a state
with cases, freezes, entries of the ledger, a review, and a plan of all of it against an AWS that is empty, which takes
half a minute to make. It listens as the service does, and then makes what a first pass leaves for pages.

`first` is a page that nobody has looked at since the lake changed, `again` is one that somebody has. The lake's files
were judged beforehand, as the service does it. Times are of the wall clock, and mean something on a machine that has
nothing else to do; the time of the CPU, of server and reader together, means something on any.
"""

import argparse
import gzip
import json
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from secrets import token_urlsafe
from statistics import median
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pyarrow as pa
from playwright.sync_api import sync_playwright
from starlette.applications import Starlette


sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_team import HERE, Size, make_team
from tests.cloud import MemoryCloud
from tests.unit.alerts.records import pack
from tests.unit.respond.test_ask import late
from trail_generator import ACCOUNTS as NUMBERS
from trail_generator import MonthOfRows, World, drawn_from, kept

from watchbill.access.approval import NOBODY_KNOWN, weigh
from watchbill.aws.accounts import Accounts
from watchbill.bootstrap import App
from watchbill.errors import RefusedError
from watchbill.garbage import newest_alone
from watchbill.intervals import Interval, iso
from watchbill.lake.hours import Hours
from watchbill.lake.manifest import SEALED, ObjectRow
from watchbill.lake.parts import PAGE, write_part
from watchbill.lake.place import Lake
from watchbill.ledger.model import Kind as Entry
from watchbill.schedule.oncall import shifts
from watchbill.service.casework import Casework
from watchbill.service.coverage_view import LATELY
from watchbill.service.health import Listening
from watchbill.service.judged import keep_one
from watchbill.service.plans import Plans
from watchbill.service.proposals import propose
from watchbill.service.questions import coverage_of
from watchbill.service.recertification import open_review
from watchbill.service.rules_view import Rulebook
from watchbill.service.seen import Trail
from watchbill.service.sessions import add_link, sign_in_by_link
from watchbill.service.watching import swap_plan
from watchbill.sim.clock import SimClock
from watchbill.store.database import Store, open_store
from watchbill.store.rows import CaseRow, FreezeRow
from watchbill.team.model import Team, Web
from watchbill.web.app import PAGES as EVERY
from watchbill.web.app import routes_of
from watchbill.web.site import SESSION, Site


MONTHS = 3
SIZE = Size(1_000, 150, 300, 40, 20, 20, date(2024, 12, 30), sets_of_group=2, step_of_rota=7, patterns=True)
AT = datetime(2025, 4, 1, 9, 30, tzinfo=UTC)
"""The lake ends with the day before."""
TARGET_ROWS = 400_000


def team() -> Team:
    """Make the team; its first accounts are those of the trail."""
    return make_team(SIZE, NUMBERS)


def lake_of(events: int) -> Path:
    """Give the folder of a lake of so many events in the cache."""
    return kept(f"lake-{SIZE.people}-{events}-{PAGE}", lambda folder: make_lake(folder, events))


def make_lake(folder: Path, events: int) -> None:
    """Make a lake: people of the team in sessions, sealed files as `seal` leaves them."""
    lake, world, chance = Lake(folder), World(1, MONTHS, 150, 20), drawn_from(1)
    for month in range(MONTHS):
        made = MonthOfRows(world, 1, month, events // MONTHS)
        made.sessions = [
            replace(each, person=f"person-{chance.randrange(SIZE.people):04}") if each.person else each
            for each in made.sessions
        ]
        ordered = np.argsort(made.seconds, kind="stable")
        for rows in np.array_split(ordered, max(1, -(-len(ordered) // TARGET_ROWS))):
            part = write_part(folder, pa.Table.from_batches([made.batch(rows)]).unify_dictionaries(), SEALED)
            with lake.manifest.transaction() as connection:
                lake.manifest.add(connection, (), [part])
    with lake.manifest.transaction() as connection:
        told = ObjectRow(
            "last.json.gz", "1", AT, "0" * 64, readable=True, records=0, events=0, duplicates=0, reason=None
        )
        lake.manifest.add(connection, [told], [])
    lake.close()


# --- the pages, asked for -------------------------------------------------------------------------------------------


def span(days: int) -> str:
    """Give the part of an address that asks for so many days up to the end of the lake."""
    end = AT.replace(hour=0, minute=0)
    return f"from={end - timedelta(days=days):%Y-%m-%d}&to={end:%Y-%m-%d}"


def somebody(chance: Random) -> str:
    """Name somebody of the team."""
    return f"person-{chance.randrange(SIZE.people):04}"


def moment(chance: Random) -> str:
    """Give an instant within a month before the lake ends, another one each time."""
    return f"{AT - timedelta(minutes=chance.randrange(30 * 24 * 60)):%Y-%m-%dT%H:%M:%SZ}"


def case(chance: Random) -> str:
    """Name a case."""
    return f"C-{chance.randrange(CASES):06}"


CASES = 300
KEPT = {"plan": "", "review": "", "swap": ""}
"""The plan that waits, the review, and a swap that could be asked for, once they are made."""

PAGES: dict[str, Callable[[Random], str]] = {
    "now": lambda _: "/",
    "access": lambda _: "/access",
    "access, another time": lambda chance: f"/access?at={moment(chance)}",
    "access, one person": lambda chance: f"/access?person={somebody(chance)}&at={moment(chance)}",
    "access, who can": lambda chance: f"/access?action=s3:GetObject&resource={BUCKET}&at={moment(chance)}",
    "access, compared": lambda chance: f"/access/compare?from={moment(chance)}&to={AT:%Y-%m-%dT%H:%M:%SZ}",
    "access, explained": lambda chance: f"/access/explain?person={somebody(chance)}&account=account-000&set=set-000",
    "access as CSV": lambda chance: f"/access.csv?at={moment(chance)}",
    "access as JSON": lambda chance: f"/access.json?at={moment(chance)}",
    "watch, a rota": lambda chance: f"/watch?rota=rota-{chance.randrange(SIZE.rotas):02}",
    "watch, as it opens": lambda _: "/watch",
    "watch as iCalendar": lambda chance: f"/watch.ics?rota=rota-{chance.randrange(SIZE.rotas):02}",
    "a swap": lambda _: f"/watch/swap?{KEPT['swap']}&rota=rota-00&reason=a+dentist",
    "people": lambda chance: f"/people?page={chance.randrange(1, 10)}",
    "person, 1 day": lambda chance: f"/people/{somebody(chance)}?{span(1)}",
    "person, 7 days": lambda chance: f"/people/{somebody(chance)}?{span(7)}",
    "person, 30 days": lambda chance: f"/people/{somebody(chance)}?{span(30)}",
    "person, 90 days": lambda chance: f"/people/{somebody(chance)}?{span(90)}",
    "cases": lambda _: "/cases",
    "cases, every one": lambda chance: f"/cases?status=any&page={chance.randrange(1, 4)}",
    "a case": lambda chance: f"/open/{case(chance)}",
    "plan": lambda _: "/plan",
    "plan as JSON": lambda _: "/plan.json",
    "a plan that waits": lambda _: f"/plan/{KEPT['plan']}",
    "reviews": lambda _: "/reviews",
    "a review": lambda chance: f"/reviews/{KEPT['review']}?page={chance.randrange(1, 40)}",
    "a review as JSON": lambda _: f"/reviews/{KEPT['review']}/export.json",
    "a review as CSV": lambda _: f"/reviews/{KEPT['review']}/export.csv",
    "ledger": lambda chance: f"/ledger?page={chance.randrange(1, 10)}",
    "ledger, verified": lambda _: "/ledger/verify",
    "ledger as JSON": lambda _: "/ledger.json",
    "coverage": lambda _: "/coverage",
    "coverage as JSON": lambda _: "/coverage.json",
    "rules": lambda _: "/rules",
    "style sheet": lambda _: "/style.css",
    "icon": lambda _: "/icon.svg",
}
"""What is measured: an address, another one each time where there is another."""

LEFT_OUT = frozenset(
    {
        *("/answer/{secret}", "/sign-in", "/sign-in/once/{secret}", "/sign-in/back"),
        *("/confirm/{case}", "/open/{case}/freeze", "/open/{case}/restore", "/open/{case}/evict"),
        *("/plan/{plan}/approve", "/reviews/{review}/sign"),
        *("/live", "/scripts/{file}", "/people/{person}/certificates/{serial}"),
    }
)
"""Pages that take a secret or a fresh sign-in, that sign in, and what is no page: a stream, scripts, a certificate."""

BUCKET = "arn:aws:s3:::team-2-0/report"


SHORT = ["now", "watch, a rota", "watch, as it opens", "people", "person, 1 day", "person, 7 days"]
"""What each of many readers opens."""
_PAINTED = """() => new Promise(shown => new PerformanceObserver((list, seen) => {
    const first = list.getEntriesByName('first-contentful-paint')[0];
    if (first) { seen.disconnect(); shown(first.startTime); }
}).observe({type: 'paint', buffered: true}))"""


def unmeasured() -> list[str]:
    """Give the pages that are neither asked for nor left out."""
    asked = [address(drawn_from(1)).partition("?")[0] for address in PAGES.values()]
    paths = {page.path for page in EVERY if page.method == "GET"} - LEFT_OUT
    patterns = {path: re.compile(re.sub(r"\{[^}]+\}", "[^/]*", path)) for path in paths}
    return sorted(path for path, pattern in patterns.items() if not any(map(pattern.fullmatch, asked)))


class Quiet:
    """Keeps nothing of what is logged, but lets no bug pass."""

    def info(self, event: str, **facts: object) -> None:
        """Hear something."""
        assert event != "bug", facts

    warning = error = exception = info


class Asking:
    """One reader, signed in."""

    def __init__(self, port: int, cookie: str) -> None:
        self.base, self.cookie = f"http://127.0.0.1:{port}", cookie
        self._port, self._headers = port, {"Host": f"127.0.0.1:{port}", "Cookie": cookie}

    def get(self, path: str) -> tuple[float, float, int]:
        """Open a page; give how long it took by the wall and by the CPU, in milliseconds, and its size compressed."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=120)
        began, spent = time.perf_counter(), time.process_time()
        connection.request("GET", path, headers=self._headers)
        answer = connection.getresponse()
        body = answer.read()
        took, used = time.perf_counter() - began, time.process_time() - spent
        connection.close()
        assert answer.status == HTTPStatus.OK, (path, answer.status, body[-600:])
        return took * 1000, used * 1000, len(gzip.compress(body, 6))


def fill(store: Store, chance: Random) -> None:
    """Put into a state what one of some age has: cases, freezes, entries of the ledger."""
    for number in range(CASES):
        view = replace(late(), id=f"C-{number:06}", person=somebody(chance))
        status = "open" if number % 6 == 0 else "closed"
        at = AT - timedelta(hours=number)
        payload = msgspec.json.encode(view).decode()
        store.cases.put(CaseRow(view.id, at, at, status, view.severity, view.person, "", payload))
    for number in range(5):
        store.freezes.add(
            FreezeRow(f"F-{number}", f"person-{900 + number:04}", AT - timedelta(hours=3), None, None, "{}")
        )
    facts = {"team": "bench", "changes": 3, "failed": 0}
    for number in range(2_000):
        at = AT - timedelta(minutes=2_000 - number)
        store.ledger.record(at=at, kind=Entry.PLAN_APPLIED, actor="watchbill", subject=f"P-{number}", facts=facts)


@contextmanager
def served(folder: Path, lake: Path) -> Iterator[Asking]:
    """Serve the pages of the team, with somebody signed in."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    made = replace(team(), web=Web(base, None, HERE), leads=("person-0000", "person-0001"))
    with open_store(folder) as store:
        fill(store, drawn_from(2))
        app = App(SimClock(AT), Accounts("http://127.0.0.1:9", ("any", "any")), MemoryCloud())

        def works(at: datetime, actor: str) -> Casework:
            return Casework(app, store, made, at, actor)

        secret = token_urlsafe(32)
        work = works(AT, "person-0000")
        judge_beforehand(work, lake)
        add_link(work, "l" * 43)
        sign_in_by_link(work, "l" * 43, secret)
        hours = Hours()
        more = {"trail": Trail(lake, hours), "rules": Rulebook(pack()), "plans": Plans()}
        site = Site(base, store, works, lambda: AT, lambda: token_urlsafe(32), Quiet(), None, **more)
        with Listening(Starlette(routes=routes_of(site)), "127.0.0.1", port):
            # As in the service, which listens before it makes its first pass.
            with newest_alone():
                keep(work, more["plans"])
            with closing(Lake(lake)) as passed:
                coverage_of(passed, Interval(AT - LATELY, AT), AT, made, hours=hours)
            yield Asking(port, f"{site.cookie(SESSION)}={secret}")


def judge_beforehand(work: Casework, folder: Path) -> None:
    """Have every file of the lake judged, as the service's job does it, and say what that took where any was."""
    lake, began, rows = Lake(folder), time.process_time(), 0
    while (part := keep_one(work, lake)) is not None:
        rows += part.rows
    lake.close()
    if rows:
        spent = time.process_time() - began
        print(f"{rows:,} events judged beforehand in {spent:.0f} s of CPU", file=sys.stderr)


def keep(work: Casework, plans: Plans) -> None:
    """Have a plan made that waits for a lead, and a review opened: what the pages of those show."""
    plan = work.plan()
    plans.keep(plan, ())
    KEPT["plan"] = propose(work, plan, weigh(None, work.team, AT, NOBODY_KNOWN, plan)).id
    KEPT["review"] = open_review(work, AT + timedelta(days=14), plan.drift).id
    KEPT["swap"] = swap(work)


def swap(work: Casework) -> str:
    """Find somebody with whom the reader could swap a shift, and say it as an address does."""
    rota = work.team.rotas["rota-00"]
    ahead = shifts(rota, Interval(AT, AT + timedelta(days=366)))
    mine = next(each.interval for each in ahead if each.person == work.actor and each.interval.start > AT)
    for other in rota.people[1:]:
        with suppress(RefusedError):
            swap_plan(work, other, (mine.start, mine.end), "a dentist", rota.name)
            return f"other={other}&from={iso(mine.start)}&to={iso(mine.end)}"
    raise AssertionError("nobody could swap")


def free_port() -> int:
    """Give a port of the loopback that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of asking for one page: medians and 95th percentiles in milliseconds, and its size."""

    page: str
    first: tuple[float, float]
    again: tuple[float, float]
    first_cpu: tuple[float, float]
    again_cpu: tuple[float, float]
    kilobytes: float
    """Compressed; the largest."""


def measure(reader: Asking, name: str, rounds: int) -> Measured:
    """Ask for a page of several people, each twice."""
    chance = drawn_from(name)
    found = []
    for _ in range(rounds):
        path = PAGES[name](chance)
        found.append((*reader.get(path), *reader.get(path)))
    first, first_cpu, sizes, again, again_cpu, _ = zip(*found, strict=True)
    return Measured(name, of(first), of(again), of(first_cpu), of(again_cpu), round(max(sizes) / 1000, 1))


def crowd(reader: Asking, readers: int) -> None:
    """Have so many readers open pages at once, and say how it went; one that is refused or fails ends it."""

    def look(number: int) -> list[float]:
        chance = drawn_from(f"reader {number}")
        return [reader.get(PAGES[name](chance))[0] for name in chance.sample(SHORT, len(SHORT))]

    began = time.perf_counter()
    with ThreadPoolExecutor(readers) as all_of_them:
        times = [each for found in all_of_them.map(look, range(readers)) for each in found]
    took = time.perf_counter() - began
    p50, p95 = of(times)
    rate = len(times) / took
    print(f"{readers} readers at once, {len(times)} pages, none failed: {took:.1f} s, {rate:.1f} pages a second,")
    print(f"one waits {p50:.0f} ms (median), {p95:.0f} ms (p95)")


def paint(reader: Asking, rounds: int) -> None:
    """Say when Chromium first shows something of each page, as it measures that itself (W3C Paint Timing)."""
    name, _, value = reader.cookie.partition("=")
    with sync_playwright() as playwright:
        as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=as_root)
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": name, "value": value, "url": reader.base}])
        page = context.new_page()
        for each, address in PAGES.items():
            chance = drawn_from(each)
            if "." in urlsplit(address(chance)).path:
                continue  # a file: nothing is painted
            shown = []
            for _ in range(rounds):
                page.goto(reader.base + address(chance))
                shown.append(float(page.evaluate(_PAINTED)))
            print(f"{each:<20}{of(shown)[0]:>9.0f} {of(shown)[1]:>7.0f} ms until something is shown")
        chromium.close()


def of(times: Sequence[float]) -> tuple[float, float]:
    """Give the median and the 95th percentile."""
    last = sorted(times)[min(len(times) - 1, round(0.95 * len(times)))]
    return round(median(times), 1), round(last, 1)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000, help="of the lake [default: 300000]")
    parser.add_argument("--lake", type=Path, help="a lake that was made before")
    parser.add_argument("--rounds", type=int, default=20, help="how often each page is asked for [default: 20]")
    parser.add_argument("--page", action="append", choices=list(PAGES), help="only this one; may be given again")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--readers", type=int, help="have so many readers open pages at once, and nothing else")
    parser.add_argument("--paint", action="store_true", help="measure in Chromium when something is first shown")
    given = parser.parse_args()
    if missing := unmeasured():
        parser.error(f"pages that nobody measures: {', '.join(missing)}")
    lake = given.lake or lake_of(given.events)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), lake) as reader:
        reader.get("/people/person-0001")
        if given.readers:
            crowd(reader, given.readers)
            return
        if given.paint:
            paint(reader, given.rounds)
            return
        if not given.json:
            print(f"{'':<22}{'first: wall':>18}{'CPU':>16}{'again: wall':>18}{'CPU':>16}{'kB gz':>9}")
        found = []
        for name in given.page or PAGES:
            found.append(measure(reader, name, given.rounds))
            if not given.json:
                print(line_of(found[-1]), flush=True)
    if given.json:
        print(json.dumps([asdict(each) for each in found], indent=2))


def line_of(found: Measured) -> str:
    """Give a line of the table: of each time the median and the 95th percentile."""
    times = (found.first, found.first_cpu, found.again, found.again_cpu)
    return f"{found.page:<22}" + "".join(f"{p50:>9} {p95:>7}" for p50, p95 in times) + f"{found.kilobytes:>9}"


if __name__ == "__main__":
    main()
