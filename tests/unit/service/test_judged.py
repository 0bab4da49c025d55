"""What was judged of sealed files is kept beside them, and makes no difference to whoever looks."""

import os
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.lakes import delivery, log, taken_in
from tests.teams import DAY, MONDAY, layer, person, rota, team, with_rota
from tests.trails import after, record, user
from tests.unit.service.desk import Office
from tests.unit.service.test_feeds import World as Feeds
from tests.unit.service.test_feeds import feed_team, table

from watchbill.intervals import Interval
from watchbill.judge.judge import REACH
from watchbill.lake import seal as sealing
from watchbill.lake.judged import FOLDER, judged_of_person
from watchbill.lake.place import Lake
from watchbill.lake.seal import seal
from watchbill.respond.model import Containment, StandIn
from watchbill.respond.requests import Access, Swap
from watchbill.service.feeds import with_feeds
from watchbill.service.grounds import Grounds, content_of
from watchbill.service.history import history_of
from watchbill.service.judged import judging, keep_one
from watchbill.service.person import judged
from watchbill.service.seen import Trail
from watchbill.service.serve import Did, Turn
from watchbill.store.leases import Lease
from watchbill.store.rows import Asked, FreezeRow, RequestRow
from watchbill.team.model import Kind


NOW = MONDAY + 20 * DAY
HOUR = timedelta(hours=1)
SPANS = [
    Interval(MONDAY - 7 * DAY, MONDAY + 14 * DAY),
    Interval(MONDAY + 30 * HOUR, MONDAY + 5 * DAY),
    Interval(MONDAY - DAY, MONDAY + DAY),
]
ACTIONS = ("ec2:DescribeInstances", "rds:RebootDBInstance", "iam:CreateUser", "sts:GetCallerIdentity")
SEALED_FILES = 5
WHO = ("james", "rick", "ada", "priya")


@cache
def source():
    """Make a lake of several sealed files, and one that is hot, in a folder that lasts as long as the tests."""
    folder = TemporaryDirectory()
    made = [
        record(ACTIONS[n % 4], user(WHO[n // 4 % 4]), after(n * 2.3 - 100), event_id=str(UUID(int=n)))
        for n in range(180)
    ]
    old, new = made[:150], made[150:]
    place = Path(folder.name) / "lake"
    for number in range(5):
        taken_in(place, [delivery(f"{number}.json.gz", log(old[number * 30 : number * 30 + 30]))], team())
        with closing(Lake(place)) as lake, pytest.MonkeyPatch.context() as patched:
            patched.setattr(sealing, "TARGET_ROWS", 30)
            seal(lake, MONDAY + 30 * DAY)
    taken_in(place, [delivery("new.json.gz", log(new))], team())
    return folder


class Place:
    """An office with a lake of its own."""

    def __init__(self, folder):
        shutil.copytree(Path(source().name) / "lake", folder / "lake")
        self.folder = folder / "lake"
        self.office = Office(folder)
        self.office.clock.advance(NOW - self.office.clock.now())
        self.office.team = replace(self.office.team, digest="of-now")
        self.count = 0

    def work(self):
        """Work as somebody."""
        return self.office.as_("lee")

    def keep(self):
        """Judge all that is to be kept; give how many files were judged."""
        with closing(Lake(self.folder)) as lake:
            found = 0
            while keep_one(self.work(), lake) is not None:
                found += 1
        return found

    def looks_alike(self):
        """Tell whether everybody is seen as where nothing is kept, in any order of what was at one time."""
        bare = self.folder.with_name("bare")
        shutil.rmtree(bare, ignore_errors=True)
        shutil.copytree(self.folder, bare, ignore=shutil.ignore_patterns(FOLDER))
        with closing(Trail(self.folder)) as trail, closing(Trail(bare)) as plain:
            for who, span in product(WHO, SPANS):
                found, expected = (each.seen(self.work(), who, span) for each in (trail, plain))
                assert found.times.tolist() == expected.times.tolist()
                assert sorted(map(str, found.table.to_pylist())) == sorted(map(str, expected.table.to_pylist()))
                assert (found.whole, found.assumed) == (expected.whole, expected.assumed)
        return True

    def approved(self, wanted, who, at, kind="access"):
        """Have something approved."""
        self.count += 1
        row = RequestRow(f"R-{self.count}", kind, who, at, at + DAY, msgspec.json.encode(wanted).decode())
        assert self.office.store.requests.add(replace(row, state=Asked.APPROVED, decided_at=at, decided_by="sofia"))

    def granted(self, who, at, hours):
        """Have access approved."""
        self.approved(Access("prod-oncall", ("production",), hours * 3600, "a fix"), who, at)

    def swapped(self, one, other, at, hours):
        """Have a swap approved."""
        wanted = Swap("platform", Kind.PRIMARY, (one, other), at, at + hours * HOUR, "a dentist")
        self.approved(wanted, one, at - DAY, "swap")

    def frozen(self, who, other, at, hours):
        """Freeze somebody for a while, whose watch another one takes over."""
        self.count += 1
        name = f"F-{self.count}"
        stood = (StandIn("platform", Kind.PRIMARY, other, at, at + hours * HOUR),)
        made = Containment(name, who, who, None, at, "", "lee", (), (), (), (), (), stand_ins=stood)
        payload = msgspec.json.encode({"containment": made}).decode()
        self.office.store.freezes.add(FreezeRow(name, who, at, at + 2 * hours * HOUR, None, payload))

    def ended(self):
        """End what was approved first, an hour after it began."""
        for row in self.office.store.requests.all(Asked.APPROVED)[:1]:
            assert row.decided_at is not None
            self.office.store.requests.turn(row, replace(row, ended_at=row.decided_at + HOUR))

    def revised(self, digest, at):
        """Have a team file applied: that of now, or one that can be read no more."""
        self.office.store.revisions.add(digest, at, "team: [", "sofia")

    def rewritten(self, hour):
        """Write another team file."""
        made = with_rota(self.office.team, rota(layer("all", "UTC", hour, hour + 9, ("james", "ada", "rick"))))
        self.office.team = replace(made, digest=f"of-{hour}")


TIMES = st.builds(lambda hours: MONDAY + hours * HOUR, st.sampled_from([-30 * 24, -20, 3, 11, 18, 41, 100, 30 * 24]))
TWO = st.permutations(WHO).map(lambda names: names[:2])
STEPS = st.one_of(
    st.tuples(st.just("granted"), st.sampled_from(WHO), TIMES, st.sampled_from([1, 9, 40])),
    st.tuples(st.just("swapped"), TWO, TIMES, st.sampled_from([8, 30])),
    st.tuples(st.just("frozen"), TWO, TIMES, st.sampled_from([2, 20])),
    st.just(("ended",)),
    st.tuples(st.just("revised"), st.sampled_from(["of-now", "lost"]), TIMES),
    st.tuples(st.just("rewritten"), st.sampled_from([9, 12])),
    st.just(("keep",)),
)


def flat(step):
    """Take the two people of a step apart."""
    return [part for each in step[1:] for part in (each if isinstance(each, list | tuple) else [each])]


@settings(examples(10, 100), suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(st.lists(STEPS, max_size=5), st.lists(STEPS, max_size=3))
def test_what_is_kept_makes_no_difference(before, since):
    """Whatever was approved, frozen, passed on, ended, applied or written before it was kept, and since."""
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        for step in (*before, ("keep",), *since):
            getattr(place, step[0])(*flat(step))
        assert place.looks_alike()
        place.office.store.close()


@pytest.fixture
def place(tmp_path):
    """Give a place in which everything is kept."""
    found = Place(tmp_path)
    assert found.keep() == SEALED_FILES
    assert found.keep() == 0
    return found


def test_what_is_kept_is_not_judged_again(place, monkeypatch):
    """Only the file that is not sealed is judged by a page; and that of a page is what was kept, and no judgement."""
    asked = []

    def judging(events, history, span):
        asked.append(events.num_rows)
        return judged(events, history, span)

    monkeypatch.setattr("watchbill.service.seen.judged", judging)
    with closing(Trail(place.folder)) as trail:
        for span in SPANS:
            trail.seen(place.work(), "james", span)
    assert asked == [8]


def test_a_job_judges_one_file_after_the_other(tmp_path):
    """And leaves one where it is when it is to stop; without a lake there is nothing to do."""
    place = Place(tmp_path)
    job = judging(lambda turn: place.work(), place.folder)

    def turn(of=job, *, goes_on=True):
        return of.work(Turn(place.office.store, Lease("lead", "lee", 1, NOW), NOW, lambda: goes_on))

    assert turn(goes_on=False) == Did()
    assert not (place.folder / FOLDER).exists()
    done = [turn() for _ in range(SEALED_FILES + 1)]
    assert [each.more for each in done] == [True] * SEALED_FILES + [False]
    days = [str(each.facts["judged"])[:10] for each in done[:-1]]
    assert days == sorted(days, reverse=True)
    assert turn(judging(lambda turn: place.work(), tmp_path / "none")) == Did()


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (lambda place: place.granted("james", MONDAY + DAY, 9), SEALED_FILES),
        (lambda place: place.granted("james", MONDAY - 36 * DAY, 9), 2),
        (lambda place: place.revised("of-now", MONDAY + 60 * DAY), 0),
        (lambda place: place.revised("of-now", MONDAY + 3 * DAY), 3),
        (lambda place: place.rewritten(9), SEALED_FILES),
        (lambda place: None, 0),
    ],
    ids=["granted", "granted long ago", "applied later", "applied meanwhile", "another file", "nothing"],
)
def test_only_what_may_be_judged_otherwise_is_judged_anew(place, change, again):
    """What was approved or applied elsewhen makes no file of another time another."""
    change(place)
    assert place.looks_alike()
    assert place.keep() == again
    assert place.looks_alike()
    assert len(list((place.folder / FOLDER).iterdir())) == SEALED_FILES


def test_what_holds_for_few_makes_no_file_another(tmp_path):
    """A grant for one of sixty is judged when they are looked at; those for four of them make every file another."""
    place = Place(tmp_path)
    more = {f"p{number}": person(f"p{number}") for number in range(60)}
    place.office.team = replace(place.office.team, people={**place.office.team.people, **more})
    assert place.keep() == SEALED_FILES
    place.granted("james", MONDAY + DAY, 9)
    assert place.keep() == 0
    assert place.looks_alike()
    for who in ("rick", "ada", "priya"):
        place.granted(who, MONDAY + DAY, 9)
    assert place.keep() == SEALED_FILES
    assert place.looks_alike()


def test_by_an_outside_schedule_a_week_is_kept_once_it_is_over(tmp_path):
    """Until then it may say otherwise in a minute; and a copy that came later says nothing of it."""
    place = Place(tmp_path)
    feeds = Feeds(place.office.store, replace(feed_team(1), digest="of-now"))
    feeds.refresh(MONDAY - 10 * DAY, table(("ada", -20, 100)))

    def at(when):
        place.office.go_to(when)
        place.office.team = with_feeds(feeds.team, place.office.store, when)
        return place.keep()

    assert at(MONDAY + 13 * DAY) == 3
    assert place.looks_alike()
    assert at(MONDAY + 14 * DAY) == 2
    feeds.refresh(MONDAY + 15 * DAY, table(("james", -20, 100)))
    assert at(MONDAY + 16 * DAY) == 0
    assert place.looks_alike()


@pytest.mark.parametrize(
    "harm", [lambda path: path.write_bytes(path.read_bytes()[:-9]), lambda path: path.unlink()], ids=["cut", "gone"]
)
def test_a_file_that_is_harmed_or_gone_is_judged(place, harm):
    """By pages at once, and anew by the next turn."""
    for path in list((place.folder / FOLDER).iterdir())[:2]:
        harm(path)
    assert place.looks_alike()
    assert place.keep() == 2
    assert place.looks_alike()


def test_a_file_that_goes_while_it_is_asked_is_judged(place, monkeypatch):
    """Between finding it and reading it, another turn may have judged it anew."""

    def gone(*asked):
        shutil.rmtree(place.folder / FOLDER)
        return judged_of_person(*asked)

    with closing(Trail(place.folder)) as trail:
        expected = trail.seen(place.work(), "james", SPANS[0]).table
    monkeypatch.setattr("watchbill.service.seen.judged_of_person", gone)
    with closing(Trail(place.folder)) as trail:
        assert trail.seen(place.work(), "james", SPANS[0]).table.equals(expected)


def test_a_file_that_is_written_anew_is_read_by_whoever_looked_meanwhile(place, monkeypatch):
    """That it could not be read once is not remembered."""
    kept = {path: path.read_bytes() for path in (place.folder / FOLDER).iterdir()}
    with closing(Trail(place.folder)) as trail:
        for path in kept:
            path.write_bytes(b"")
        trail.seen(place.work(), "james", SPANS[0])
        for path, data in kept.items():
            path.write_bytes(data)
        monkeypatch.setattr("watchbill.service.seen.judged", lambda *given: pytest.fail("it was judged"))
        trail.seen(place.work(), "james", SPANS[1])


def test_what_was_left_half_written_is_swept(place):
    """An hour after it: until then somebody may be writing it."""
    old, new = (place.folder / FOLDER / f".{name}-7.tmp" for name in ("one", "other"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (old.stat().st_atime, old.stat().st_mtime - 2 * 3600))
    assert place.keep() == 0
    assert (old.exists(), new.exists()) == (False, True)


def test_files_of_parts_that_are_gone_are_swept(place, monkeypatch):
    """What is kept of events goes with them, at once; the other files stay."""

    def kept():
        return {path.name.partition(".")[0] for path in (place.folder / FOLDER).iterdir()}

    before = kept()
    monkeypatch.setattr(sealing, "TARGET_ROWS", 30)
    with closing(Lake(place.folder)) as lake:
        seal(lake, NOW, keep=NOW - (MONDAY + DAY))
        there = {part.name.partition(".")[0] for part in lake.manifest.parts()}
        assert kept() == before & there
        assert 0 < len(kept()) < SEALED_FILES
        assert place.keep() == 1  # the one that was hot
        assert kept() == there
        monkeypatch.setattr(sealing, "TARGET_ROWS", 400)
        seal(lake, NOW)
    assert kept() == set()


def test_what_is_approved_while_it_is_read_is_judged_by(tmp_path, monkeypatch):
    """What a file is named by is what it was judged by, though something came in between the two."""
    place = Place(tmp_path)
    came = [lambda: place.granted("james", MONDAY + DAY, 40), lambda: place.frozen("ada", "rick", MONDAY + DAY, 20)]

    def meanwhile(*asked):
        found = history_of(*asked)
        if came:
            came.pop(0)()
        return found

    monkeypatch.setattr("watchbill.service.judged.history_of", meanwhile)
    assert place.keep() == SEALED_FILES
    assert place.looks_alike()


def test_what_was_passed_on_counts_as_far_as_its_grace_is_looked_at(tmp_path):
    """A watch that ended longer ago than is looked holds a while yet: what was judged follows from it."""
    place = Place(tmp_path)
    assert place.office.team is not None
    far = replace(place.office.team.rotas["platform"], grace_after=2 * HOUR)
    place.office.team = with_rota(place.office.team, far)
    place.swapped("james", "rick", MONDAY, 9)
    ended = MONDAY + 9 * HOUR

    def told(hours):
        span = Interval(ended + REACH + hours * HOUR, ended + REACH + DAY)
        history = history_of(place.work(), span)
        then = history.at(span.start)
        assert then is not None
        return len(then.rotas["platform"].overrides), sorted(Grounds(place.work(), history).of_people(span))

    assert told(1) == told(2) == (1, ["ada", "james", "lee", "priya", "rick"])
    assert told(2.1) == (0, [])


def test_who_judges_is_named_too(place, monkeypatch):
    """Between releases by the code; and a day off that others have come to know of changes who was on call."""
    monkeypatch.setattr("watchbill.service.grounds._judged_with", lambda: ("another", "holidays 0.110"))
    assert place.looks_alike()
    assert place.keep() == SEALED_FILES


def test_a_folder_is_named_by_what_is_in_it(tmp_path):
    """And not by what Python keeps beside its files."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.py").write_text("one")
    first = content_of(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    assert content_of(tmp_path) == first
    (tmp_path / "deep" / "a.py").write_text("two")
    assert content_of(tmp_path) != first
