"""Where the trail says nothing, and whether that is a gap."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.digests import ACCOUNT, HOUR, REGION, Maker

from watchbill.intervals import Interval
from watchbill.trail.coverage import WATERMARK, Coverage, Gap, GapKind, Known, coverage, file_area


MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = Interval(MONDAY, MONDAY + 7 * DAY)
AT = WEEK.end + HOUR
OTHER = "222222222222"


def key(hour, *, account=ACCOUNT, region=REGION, minute=10):
    """Name the file of an hour, counted from Monday."""
    maker = Maker(account=account, region=region, lead=f"AWSLogs/{account}")
    return maker.log_key(MONDAY + hour * HOUR + timedelta(minutes=minute))


def span(start, end):
    """Give the hours from one up to another, counted from Monday."""
    return Interval(MONDAY + start * HOUR, MONDAY + end * HOUR)


def gaps(files=(), *, at=AT, within=WEEK, accounts=(), regions=(), watermark=WATERMARK, **known):
    """Give kind and interval of every gap."""
    found = coverage(Known(files, **known), within, at, accounts=accounts, regions=regions, watermark=watermark)
    return [(gap.kind, gap.interval) for gap in found.gaps]


STEADY = [key(hour) for hour in range(168)]
OFFICE = [key(24 * day + hour) for day in range(28) for hour in range(8, 18) if day % 7 < 5]


def test_a_steady_region_without_silence_has_no_gap():
    """Every hour has a file."""
    found = coverage(Known(STEADY), WEEK, AT)
    assert found == Coverage((), (), ((ACCOUNT, REGION),))


@pytest.mark.parametrize(("start", "end"), [(50, 51), (50, 53), (24, 100), (160, 168)])
def test_a_silence_of_a_steady_region_is_a_gap(start, end):
    """From one hour on; at the end of the span too, where the trail has stopped."""
    files = [name for hour, name in enumerate(STEADY) if not start <= hour < end]
    (gap,) = coverage(Known(files), WEEK, AT).gaps
    assert gap == Gap(GapKind.HOURS, ACCOUNT, REGION, None, span(start, end), gap.why)
    assert "otherwise steady" in gap.why
    assert str(gap) == f"account {ACCOUNT}, region {REGION}: {gap.why}, {gap.interval}"


def test_events_tell_as_much_as_files():
    """The hour of an event may have no file of its own: it came with the next."""
    files = [name for hour, name in enumerate(STEADY) if hour != 50]
    assert not gaps(files, events={(ACCOUNT, REGION, MONDAY + 50 * HOUR): 3})
    assert gaps(files, events={(ACCOUNT, REGION, MONDAY + 50 * HOUR): 0})


def test_silences_that_are_usual_are_no_gaps():
    """Nights and week-ends of a region that is used by day."""
    assert not gaps(OFFICE, within=Interval(MONDAY, MONDAY + 28 * DAY), at=MONDAY + 29 * DAY)


def test_short_silences_that_come_often_are_no_gaps_and_a_long_one_is():
    """One hour in twelve is without a file here; five in a row never are."""
    files = [key(hour) for hour in range(168) if hour % 12 and not 60 <= hour < 66]
    assert gaps(files) == [(GapKind.HOURS, span(60, 66))]


def test_what_is_usual_is_learnt_from_before_the_span():
    """A day alone tells nothing of what is usual."""
    files = [name for hour, name in enumerate(STEADY) if not 150 <= hour < 153]
    day = Interval(MONDAY + 6 * DAY, WEEK.end)
    assert gaps(files, within=day) == [(GapKind.HOURS, span(150, 153))]
    late = [name for name, hour in zip(STEADY, range(168), strict=True) if hour >= 144 and not 150 <= hour < 153]
    found = coverage(Known(late), day, AT)
    assert not found.gaps
    assert "too little is known" in found.unsure[0].why


def test_a_region_that_is_new_has_no_gap_before():
    """Whether there was anything to record is not known; that is said."""
    found = coverage(Known(STEADY[100:]), WEEK, AT)
    assert not found.gaps
    assert "before 2026-03-06T04:00:00Z" in found.unsure[0].why


def test_the_last_quarter_of_an_hour_is_not_judged():
    """Its files are on their way."""
    files = STEADY[:167]
    end = MONDAY + 168 * HOUR
    assert not gaps(files, at=end + WATERMARK - timedelta(seconds=1))
    assert gaps(files, at=end + WATERMARK) == [(GapKind.HOURS, span(167, 168))]
    assert not gaps(files, at=end + WATERMARK, watermark=2 * WATERMARK)
    assert not gaps(files, at=MONDAY)


def test_each_account_and_region_is_judged_by_itself():
    """What one is used to says nothing of another."""
    files = [*STEADY[:60], *STEADY[64:]]
    other = [key(hour, account=OTHER) for hour in range(168)]
    quiet = [key(hour, region="us-east-1") for hour in (3, 90)]
    found = coverage(Known([*files, *other, *quiet]), WEEK, AT)
    assert [(gap.account, gap.region) for gap in found.gaps] == [(ACCOUNT, REGION)]
    assert [(each.account, each.region) for each in found.unsure] == [(ACCOUNT, "us-east-1")]


def test_a_declared_account_without_anything_is_a_gap():
    """For all of the span; one that is not declared is said."""
    found = coverage(Known(STEADY), WEEK, AT, accounts=[OTHER])
    assert [(gap.kind, gap.account, gap.interval) for gap in found.gaps] == [(GapKind.ACCOUNT, OTHER, WEEK)]
    assert [each.account for each in found.unsure] == [ACCOUNT]
    assert gaps((), accounts=[ACCOUNT]) == [(GapKind.ACCOUNT, WEEK)]


def test_a_region_that_is_asked_for_must_be_there():
    """In each account."""
    files = [*STEADY, *(key(hour, account=OTHER, region="us-east-1") for hour in range(168))]
    found = coverage(Known(files), WEEK, AT, regions=[REGION, "us-east-1"])
    assert {(gap.kind, gap.account, gap.region) for gap in found.gaps} == {
        (GapKind.REGION, ACCOUNT, "us-east-1"),
        (GapKind.REGION, OTHER, REGION),
    }


def digested(hours, gone=(), logs=1):
    """Give what the digests of some hours of Monday say."""
    maker = Maker(end=MONDAY)
    maker.hours(hours, logs)
    trail = maker.trail
    trail.remove(*(trail.digests[place] for place in gone))
    return trail, trail.verify(at=MONDAY + (hours + 9) * HOUR)


def test_digests_say_for_sure_that_nothing_happened():
    """Hours that verified digests cover are no gaps, and an account that they are of is there."""
    _, report = digested(168, logs=0)
    files = [name for hour, name in enumerate(STEADY) if not 50 <= hour < 53]
    assert gaps(files)
    assert not gaps(files, digests=report.chains, findings=report.findings)
    assert not gaps((), digests=report.chains, accounts=[ACCOUNT], regions=[REGION])


def test_gaps_of_digests_are_put_in():
    """For as long as they say; a log file that is gone leaves its hour open."""
    trail, report = digested(12, gone=[4, 5])
    found = coverage(Known(digests=report.chains, findings=report.findings), WEEK, AT)
    digest = [gap for gap in found.gaps if gap.interval == span(4, 6)]
    assert [(gap.kind, gap.account, gap.region) for gap in digest] == [(GapKind.DIGEST, ACCOUNT, REGION)]
    assert trail.digests[5] in digest[0].why
    trail, _ = digested(12)
    trail.remove(trail.logs()[7])
    report = trail.verify(at=MONDAY + 20 * HOUR)
    assert gaps(digests=report.chains, findings=report.findings) == [(GapKind.DIGEST, span(7, 8))]


def test_a_file_whose_digest_is_still_to_come_is_no_gap():
    """It is there."""
    maker = Maker(end=MONDAY)
    maker.hours(4)
    maker.log(MONDAY + 4.2 * HOUR)
    at = MONDAY + 5 * HOUR
    report = maker.trail.verify(at=at)
    assert report.findings
    assert not gaps(within=span(0, 5), at=at, digests=report.chains, findings=report.findings)


def test_hours_that_digests_leave_open_are_judged_by_files():
    """A digest that is missing proves nothing."""
    _, report = digested(168, gone=[50, 51], logs=0)
    files = [name for hour, name in enumerate(STEADY) if not 50 <= hour < 53]
    assert set(gaps(files, digests=report.chains, findings=report.findings)) == {
        (GapKind.HOURS, span(50, 52)),
        (GapKind.DIGEST, span(50, 52)),
    }


def hourly(*spans):
    """Give the hours of some spans, counted from Monday."""
    return [MONDAY + hour * HOUR for start, end in spans for hour in range(start, end)]


@pytest.mark.parametrize(
    ("hours", "silent"),
    [
        (hourly((0, 168)), []),
        (hourly((0, 166)), []),
        (hourly((0, 160)), [span(160, 168)]),
        (hourly((0, 60), (70, 168)), [span(60, 70)]),
        ([MONDAY + hour * HOUR for hour in range(0, 168, 5)], []),
        ([MONDAY + hour * HOUR for hour in range(0, 150, 5)], [span(146, 168)]),
    ],
    ids=["always", "two hours", "stopped", "a while", "each five hours", "stopped each five hours"],
)
def test_a_host_is_silent_by_its_own_rhythm(hours, silent):
    """More than three hours, and more than twice as long as it nearly always is."""
    found = coverage(Known(hosts={"web-1": hours}), WEEK, WEEK.end + WATERMARK)
    assert [gap.interval for gap in found.gaps] == silent
    assert all((gap.kind, gap.host) == (GapKind.HOST, "web-1") for gap in found.gaps)
    assert not found.unsure


def test_of_a_host_that_logs_seldom_nothing_is_known():
    """That is said."""
    found = coverage(Known(hosts={"cron-1": hourly((0, 9)), "none": []}), WEEK, AT)
    assert not found.gaps
    assert [each.host for each in found.unsure] == ["cron-1", "none"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "README.md",
        "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/03/02/x.json.gz",
        Maker().digest_key(MONDAY),
        key(0).replace("20260302", "20269902"),
        key(0).replace("T0010Z", ""),
    ],
)
def test_other_keys_are_passed_over(name):
    """They say nothing of an hour."""
    assert file_area(name) is None
    assert coverage(Known([name]), WEEK, AT).areas == ()


def test_keys_of_all_layouts_are_known():
    """Of an organization, with a prefix, or a bare name; of insight events."""
    name = key(3).rsplit("/", 1)[-1]
    for lead in ("", "x/AWSLogs/o-abcd123456/111111111111/CloudTrail/eu-west-1/2026/03/02/"):
        assert file_area(lead + name) == (ACCOUNT, REGION, MONDAY + 3 * HOUR + timedelta(minutes=10))
    assert file_area(name.replace("_CloudTrail_", "_CloudTrail-Insight_")) is not None


HOURS = st.sets(st.integers(0, 191), max_size=60)


@given(HOURS, st.integers(0, 100), st.integers(1, 92), st.integers(-30, 200))
def test_gaps_lie_within_what_is_asked_and_hold_nothing_known(missing, start, length, late):
    """Whatever is missing: no gap reaches out of the span, past the watermark, or over an hour with a file."""
    files = [key(hour) for hour in range(192) if hour not in missing]
    asked = span(start, start + length)
    at = asked.start + late * HOUR
    for kind, interval in gaps(files, within=asked, at=at):
        assert kind is GapKind.HOURS
        assert asked.start <= interval.start < interval.end <= min(asked.end, at - WATERMARK)
        hours = {hour for hour in range(192) if MONDAY + hour * HOUR in interval}
        assert hours
        assert hours <= missing


@given(HOURS, st.randoms(use_true_random=False))
def test_the_order_of_files_changes_nothing(missing, rng):
    """Nor does one that is told twice."""
    files = [key(hour) for hour in range(168) if hour not in missing]
    shuffled = [*files, *files[:20]]
    rng.shuffle(shuffled)
    assert coverage(Known(shuffled), WEEK, AT) == coverage(Known(files), WEEK, AT)
