"""The lake of a team: what a queue tells of, what is given back, and what is missing."""

import contextlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from tests.lakes import AT, delivery, log, rows, taken_in
from tests.teams import MONDAY, PRODUCTION, STAGING, team
from tests.trails import record

from watchbill.aws.queue import Batch, Message, Told
from watchbill.errors import NotFoundError, Problem, ProviderError, RefusedError
from watchbill.intervals import Interval, iso
from watchbill.lake.delivery import Delivery
from watchbill.lake.hours import Hours, hours_in
from watchbill.lake.parts import read_part
from watchbill.lake.place import Lake
from watchbill.lake.queries import coverage as by_area
from watchbill.lake.queries import host_hours, hosts_heard
from watchbill.lake.seal import seal
from watchbill.service.lake import Library, take_in_told, unread
from watchbill.service.questions import ask, coverage_of, raw_records
from watchbill.trail.coverage import HISTORY, Known, coverage
from watchbill.trail.forms import Hosts
from watchbill.trail.sources import Listed
from watchbill.trail.table import instant


class App:
    """Gives objects by their keys; one that is an error fails."""

    def __init__(self, objects):
        self.objects = objects

    def delivery(self, listed):
        """Give what may be taken in of an object."""

        def fetch():
            found = self.objects[listed.key]
            if isinstance(found, Exception):
                raise found
            return found

        return Delivery(f"s3://{listed.bucket}/{listed.key}", listed.etag or "", 1, fetch)

    @staticmethod
    def is_log(key):
        """Tell whether an object may hold events."""
        return key.endswith(".json.gz")

    def raw_bytes(self, name):
        """Fetch an object again."""
        return self.objects[name]


class Queue:
    """Gives batches as they were drawn up, and remembers what was deleted."""

    def __init__(self, *batches):
        self.batches = list(batches)
        self.deleted = []

    def receive(self, wait):
        """Give the next batch."""
        return self.batches.pop(0) if self.batches else Batch((), ())

    def done(self, messages):
        """Delete messages."""
        self.deleted += [message.id for message in messages]
        return tuple(Problem("not-deleted", "no", message.id) for message in messages if message.id == "stays")


def message(name, *keys, gone=(), etag="1"):
    """Make a message that tells of objects."""
    told = Told(tuple(Listed("trail", key, etag) for key in keys), tuple(Listed("trail", key, None) for key in gone))
    return Message(name, name, 1, told)


@pytest.fixture
def lake(tmp_path):
    """Give an empty lake."""
    with contextlib.closing(Lake(tmp_path / "lake")) as found:
        yield found


def shop(objects: Mapping[str, object]) -> Any:
    """Give an app that has these objects, as far as a lake asks of it."""
    return App(objects)


def told(app, lake, queue):
    """Take in what a queue tells of."""
    return take_in_told(app, lake, queue, Library(team(), None), AT, wait=0, progress=lambda done, total: None)


def test_what_a_queue_tells_of_is_taken_in_and_then_deleted(lake):
    """Several receipts, one object told twice and with another ETag, one that is no log: all is counted once."""
    app = shop({f"{n}.json.gz": log([record(event_id=f"{n}")]) for n in range(3)})
    again = message("c", "0.json.gz", etag=None)
    queue = Queue(
        Batch((message("a", "0.json.gz", "1.json.gz"), message("b", "README", "0.json.gz"), again), ()),
        Batch((message("stays", "2.json.gz"),), ()),
    )
    found = told(app, lake, queue)
    assert (found.objects, found.events, found.duplicates) == (4, 3, 1)
    assert queue.deleted == ["a", "b", "c", "stays"]
    assert [problem.code for problem in found.problems] == ["not-deleted"]
    assert [row["id"] for row in rows(lake.folder)] == ["0", "1", "2"]


def test_an_object_that_cannot_be_had_leaves_its_message(lake):
    """The others of its receipt are done, and the queue is not asked for it without end."""
    app = shop({"0.json.gz": log([record(event_id="0")]), "1.json.gz": ProviderError("not now")})
    queue = Queue(Batch((message("a", "0.json.gz"), message("b", "0.json.gz", "1.json.gz")), ()), Batch((), ()))
    found = told(app, lake, queue)
    assert (found.events, found.unreadable_objects, queue.deleted) == (1, 1, ["a"])
    assert [(problem.code, problem.file) for problem in found.problems] == [("unread-object", "s3://trail/1.json.gz")]
    assert len(queue.batches) == 1


def test_messages_that_nobody_understands_do_not_hide_what_is_behind_them(lake):
    """A receipt of nothing but those is named, and the next one is asked for."""
    app = shop({"0.json.gz": log([record(event_id="0")])})
    strange = Problem("unknown-message", "it is no JSON object", "sqs/1.json")
    queue = Queue(Batch((), (strange,)), Batch((message("a", "0.json.gz"),), ()))
    found = told(app, lake, queue)
    assert (found.events, found.problems, queue.deleted) == (1, [strange], ["a"])


def test_a_log_that_was_deleted_is_said(lake):
    """Nobody deletes logs of a trail by chance; what was taken in of it stays."""
    queue = Queue(Batch((message("a", gone=("0.json.gz", "README")),), ()))
    found = told(shop({}), lake, queue)
    assert [(problem.code, problem.file) for problem in found.problems] == [("deleted-object", "s3://trail/0.json.gz")]
    assert queue.deleted == ["a"]


def test_nothing_is_deleted_where_the_lake_is_held(lake):
    """Another process changes it: the messages come again when their time is up."""
    queue = Queue(Batch((message("a", "0.json.gz"),), ()))
    with contextlib.closing(Lake(lake.folder)) as other, other.held(), pytest.raises(RefusedError):
        told(shop({"0.json.gz": log([record()])}), lake, queue)
    assert queue.deleted == []


def test_events_that_a_queue_brings_are_in_the_lake_once(lake):
    """The same message twice, before it could be deleted, is one object."""
    made = record(event_id="brought")
    one = Message("m", "h", 1, Told(records=(made,), body=json.dumps({"detail": made, "detail-type": "x"})))
    found = told(shop({}), lake, Queue(Batch((one,), ()), Batch((one,), ())))
    assert (found.objects, found.events) == (1, 1)


def test_a_record_of_an_object_that_has_become_shorter_is_said_to_be_gone(lake):
    """The evidence was changed: that is an answer, not a crash."""
    made = [record(event_id=f"{n}") for n in range(3)]
    taken_in(lake.folder, [delivery("s3://trail/a", log(made))])
    (found,) = raw_records(shop({"s3://trail/a": log(made)}), lake, "2")
    assert (json.loads(found.raw), found.unchanged) == (made[2], True)
    (found,) = raw_records(shop({"s3://trail/a": log(made[:1])}), lake, "2")
    assert (found.raw, found.unchanged, found.record) == (b"", False, 2)
    with pytest.raises(NotFoundError, match="no event `x`"):
        raw_records(shop({}), lake, "x")


def key(account, region, at):
    """Name a log as CloudTrail does."""
    day = f"{at:%Y/%m/%d}"
    name = f"{account}_CloudTrail_{region}_{at:%Y%m%dT%H%M}Z_x.json.gz"
    return f"s3://trail/AWSLogs/{account}/CloudTrail/{region}/{day}/{name}"


def hourly(lake, account, hours, region="eu-west-1"):
    """Take in a log of an account for each of some hours since Monday."""
    files = []
    for hour in hours:
        at = MONDAY + timedelta(hours=hour, minutes=10)
        made = record(event_id=f"{account}-{hour}", at=at, account=account, awsRegion=region)
        files.append(delivery(key(account, region, at), log([made])))
    taken_in(lake.folder, files, team())


def test_coverage_is_of_what_the_lake_has(lake):
    """Hours without a file, an account of the team that sends nothing, a region that should be there."""
    hourly(lake, PRODUCTION, [hour for hour in range(24 * 7) if hour not in range(100, 106)])
    within = Interval(MONDAY + timedelta(days=2), MONDAY + timedelta(days=7))
    found = coverage_of(lake, within, AT, team(), ["eu-west-1", "us-east-1"])
    assert found.areas == ((PRODUCTION, "eu-west-1"),)
    gaps = {(gap.account, gap.region): gap.interval for gap in found.gaps}
    assert gaps[PRODUCTION, "eu-west-1"] == Interval(MONDAY + timedelta(hours=100), MONDAY + timedelta(hours=106))
    assert {account for account, _ in gaps} == {PRODUCTION, STAGING}
    assert (PRODUCTION, "us-east-1") in gaps


def test_coverage_knows_of_hosts_and_of_nobodys_events(lake):
    """A host that went silent is a gap; events without an account are no account."""
    nobody = {**record(event_id="n", at=MONDAY), "recipientAccountId": None, "userIdentity": {"type": "AWSService"}}
    taken_in(lake.folder, [delivery("a", log([nobody]))], team())
    lines = [
        f"{MONDAY + timedelta(minutes=30 * n):%b %d %H:%M:%S} web-1 sudo: james : TTY=pts/{n} ; USER=root ; COMMAND=/bin/ls"
        for n in range(48 * 3)
    ]
    taken_in(lake.folder, [delivery("auth.log", "\n".join(lines).encode())], team(), hosts=Hosts(AT))
    found = coverage_of(lake, Interval(MONDAY + timedelta(days=2), MONDAY + timedelta(days=7)), AT, None)
    assert found.areas == ()
    (gap,) = [gap for gap in found.gaps if gap.host == "web-1"]
    assert gap.interval.start >= MONDAY + timedelta(days=2, hours=23)


def asked_anew(lake, within, at, team):
    """Tell what the lake has nothing of by asking all of its events, as the oracle: first what has anything when."""
    known = Interval(within.start - HISTORY, within.end)
    areas, logged = ask(lake, by_area(known), known), ask(lake, host_hours(known), known)
    events = {(row["account"], row["region"] or "", instant(row["hour_ms"])): row["events"] for row in areas}
    hosts: dict[str, list[datetime]] = {}
    for row in logged:
        hosts.setdefault(row["host"], []).append(instant(row["hour_ms"]))
    files = [row.name for row in lake.manifest.objects()]
    accounts = [account.number for account in team.accounts.values()]
    found = coverage(Known(files, events, hosts), within, at, accounts=accounts)
    last = {row["host"]: instant(row["last_ms"]) for row in ask(lake, hosts_heard())}
    silent = [(host, iso(at)) for host, at in last.items() if at < known.start]
    there = {(row["account"], row["region"], None, row["hour_ms"]) for row in areas}
    return there | {(None, None, row["host"], row["hour_ms"]) for row in logged}, found, silent


def some_events(chance, days):
    """Make events of accounts, of nobody and of hosts, close together and near the edges of hours."""
    near = [day * 24 * 60 + chance.choice((-121, -120, -119, -60, -1, 0, 1, 59, 60)) for day in days for _ in range(4)]
    at = [MONDAY + timedelta(minutes=each, milliseconds=chance.choice((-1, 0, 1))) for each in near]
    made = [
        record(event_id=f"{when:%d%H%M%S%f}-{n}", at=when, account=chance.choice((PRODUCTION, STAGING)))
        for n, when in enumerate(at)
    ]
    for each in made[::5]:
        each["recipientAccountId"], each["userIdentity"] = None, {"type": "AWSService"}
    logged = sorted(when for when in at if when <= MONDAY)[:4]
    lines = [
        f"{when:%b %d %H:%M:%S} web-{n % 2} sudo: james : TTY=pts/1 ; COMMAND=/bin/ls" for n, when in enumerate(logged)
    ]
    return made, lines


@pytest.mark.parametrize("seed", range(3))
def test_coverage_by_the_hours_that_are_kept_is_as_by_all_events(lake, seed):
    """Files come, are put together and stay; spans begin and end within an hour; hosts are silent since long ago."""
    chance, hours = Random(seed), Hours()
    for turn in range(4):
        made, lines = some_events(chance, [chance.choice((-140, -93, -92, -91, -4, -3, -1, 0)) for _ in range(6)])
        taken_in(lake.folder, [delivery(f"{turn}", log(made))], team())
        if lines:
            taken_in(lake.folder, [delivery(f"{turn}.log", "\n".join(lines).encode())], team(), hosts=Hosts(MONDAY))
        if turn == 2:
            seal(lake, AT)
        for _ in range(2):
            edges = [
                MONDAY + timedelta(minutes=chance.choice((-1, 0, 1)), days=chance.choice((0, -1, -2))) for _ in range(2)
            ]
            within = Interval(min(edges) - timedelta(hours=2), max(edges))
            there, told, silent = asked_anew(lake, within, MONDAY, team())
            known = Interval(within.start - HISTORY, within.end)
            rows = hours_in(hours.of(lake, known), known).to_pylist()
            whom = {(row["account"], row["region"], row["host"], row["hour_ms"]) for row in rows}
            assert {each for each in whom if each[0] or each[2]} == there
            found = coverage_of(lake, within, MONDAY, team(), hours=hours)
            assert (found.gaps, found.areas) == (told.gaps, told.areas)
            assert found == coverage_of(lake, within, MONDAY, team())
            named = [(each.host, each.why.split()[5].rstrip(":")) for each in found.unsure[len(told.unsure) :]]
            assert found.unsure[: len(told.unsure)] == told.unsure
            assert named == silent


def test_no_file_is_counted_twice(lake, monkeypatch):
    """A file never changes; one that is not there any more is forgotten."""
    read: list[str] = []
    hours = Hours()

    def reading(folder, name, columns):
        read.append(name)
        return read_part(folder, name, columns)

    monkeypatch.setattr("watchbill.lake.hours.read_part", reading)
    hourly(lake, PRODUCTION, range(3))
    hours.of(lake, Interval(MONDAY, AT))
    first = list(read)
    hourly(lake, STAGING, range(2))
    hours.of(lake, Interval(MONDAY, AT))
    hours.of(lake, Interval(MONDAY + timedelta(hours=1), AT))
    parts = [part.name for part in lake.manifest.parts()]
    assert sorted(read) == sorted(parts)
    assert set(first) < set(parts)


def test_coverage_of_an_empty_lake_is_that_nothing_is_there(lake):
    """Every account of the team is a gap of its own, not an empty answer."""
    found = coverage_of(lake, Interval(MONDAY, MONDAY + timedelta(days=1)), AT, team())
    assert {gap.account for gap in found.gaps} == {PRODUCTION, STAGING}
    assert coverage_of(lake, Interval(MONDAY, MONDAY + timedelta(days=1)), AT, None).gaps == ()


def test_what_could_not_be_read_is_named(lake):
    """With the reason, until it is mended."""
    taken_in(lake.folder, [delivery("a", b"\x1f\x8bno"), delivery("b", log([record()]))], team())
    (problem,) = unread(lake)
    assert (problem.code, problem.file) == ("unreadable-object", "a")
    assert problem.message
