"""Where trails deliver: keys taken apart, days to list again, and what is left when nothing but a set remembers."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.intervals import Interval
from watchbill.trail.sources import (
    EVENTS,
    RELIST,
    Folder,
    Kind,
    Listed,
    LogKey,
    days_to_list,
    days_to_list_again,
    folders_of,
    parse_key,
    prefixes_to_list,
    unprocessed,
)


ACCOUNT = "111111111111"
MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def key_of(folder, at, end="Mu0KsOhtH1ar15ZZ"):
    """Write a key as CloudTrail does: of a digest with its trail and home region, of anything else with a random end."""
    day, named = folder.day(at.date()), f"{folder.account}_{folder.kind}_{folder.region}"
    if folder.kind is Kind.DIGEST:
        return f"{day}{named}_my-trail_us-east-1_{at:%Y%m%dT%H%M%SZ}{end}.json.gz"
    return f"{day}{named}_{at:%Y%m%dT%H%MZ}_{end}.json.gz"


FOLDERS = st.builds(
    Folder,
    st.sampled_from(["", "a/", "a/b/", "AWSLogs/", "o-abcdefghij/", "AWSLogs/111111111111/CloudTrail/"]),
    st.sampled_from(["", "o-abcdefghij", "o-12345678901"]),
    st.sampled_from([ACCOUNT, "222222222222"]),
    st.sampled_from(Kind),
    st.sampled_from(["eu-west-1", "us-gov-east-1", "ap-southeast-7"]),
)
"""Folders of several trails, with prefixes that look like something else."""

TIMES = st.integers(0, 3_600 * 24 * 365 * 80).map(
    lambda seconds: MONDAY - timedelta(days=4000) + timedelta(seconds=seconds)
)


@given(FOLDERS, TIMES)
def test_a_key_is_taken_apart_as_it_was_put_together(folder, at):
    """Whatever trail it is of, prefix and organization with it."""
    found = parse_key(key_of(folder, at, "" if folder.kind is Kind.DIGEST else "Mu0KsOhtH1ar15ZZ"))
    assert found is not None
    assert found.folder == folder
    assert found.day == at.date()
    assert found.at == (at if folder.kind is Kind.DIGEST else at.replace(second=0))
    assert (found.account, found.region, found.kind) == (folder.account, folder.region, folder.kind)
    assert (found.organization or "") == folder.organization
    assert found.key.startswith(folder.day(found.day))
    digest = folder.kind is Kind.DIGEST
    assert (found.trail, found.home_region) == (("my-trail", "us-east-1") if digest else (None, None))


@pytest.mark.parametrize(
    ("key", "kind", "at"),
    [
        (
            "AWSLogs/111122223333/CloudTrail/us-east-2/2015/08/01/111122223333_CloudTrail_us-east-2_20150801T0210Z_Mu0KsOhtH1ar15ZZ.json.gz",
            Kind.LOG,
            datetime(2015, 8, 1, 2, 10, tzinfo=UTC),
        ),
        (
            "p/AWSLogs/123456789012/CloudTrail/us-west-1/2014/06/20/123456789012_CloudTrail_us-west-1_20140620T1255ZHdkvFTXOA3Vnhbc.json.gz",
            Kind.LOG,
            datetime(2014, 6, 20, 12, 55, tzinfo=UTC),
        ),
        (
            "o-fxozgwu6rc/AWSLogs/o-fxozgwu6rc/123456789015/CloudTrail-Insight/ca-central-1/2020/09/23/123456789015_CloudTrail-Insight_ca-central-1_20200923T0516Z_KL5e9VCV2SS7IqzB.json.gz",
            Kind.INSIGHT,
            datetime(2020, 9, 23, 5, 16, tzinfo=UTC),
        ),
        (
            "AWSLogs/111111111111/CloudTrail-Digest/eu-west-1/2026/01/12/111111111111_CloudTrail-Digest_eu-west-1_my_trail_us-east-1_20260112T021000Z.json.gz",
            Kind.DIGEST,
            datetime(2026, 1, 12, 2, 10, tzinfo=UTC),
        ),
    ],
)
def test_published_keys_are_known(key, kind, at):
    """Of AWS's documentation, of the first years, and of an organization."""
    found = parse_key(key)
    assert found is not None
    assert (found.kind, found.at, found.day) == (kind, at, at.date())


def test_a_digest_names_its_trail_whatever_that_is_called():
    """The name of a trail may hold what looks like a time, and a digest made later says so."""
    path = "AWSLogs/111111111111/CloudTrail-Digest/eu-west-1/2026/01/12/111111111111_CloudTrail-Digest_eu-west-1_"
    found = parse_key(f"{path}to_20150801T021000Z_go_us-east-1_20260112T021000Z_backfill.json.gz")
    assert found is not None
    assert (found.trail, found.home_region, found.backfill) == ("to_20150801T021000Z_go", "us-east-1", True)
    assert found.at == datetime(2026, 1, 12, 2, 10, tzinfo=UTC)
    plain = parse_key(f"{path}_us-east-1_20260112T021000Z.json.gz")
    assert plain is None or plain.trail is None


GOOD = key_of(Folder("", "", ACCOUNT, Kind.LOG, "eu-west-1"), MONDAY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("AWSLogs/", ""),
        ("AWSLogs/", "xAWSLogs/"),
        ("AWSLogs/", "AWSLogs/o-short/"),
        ("/CloudTrail/", "/elasticloadbalancing/"),
        ("/CloudTrail/", "/CloudTrail-Unheard/"),
        ("/CloudTrail/", "/CloudTrail-Insight/"),
        ("/2026/01/12/", "/2026/13/12/"),
        ("/2026/01/12/", "/2026/02/30/"),
        ("/2026/01/12/", "/2026/01/"),
        ("20260112T0000Z", "20260112T2560Z"),
        ("20260112T0000Z", "20261312T0000Z"),
        ("20260112T0000Z_", ""),
        ("111111111111_", "222222222222_"),
        ("_eu-west-1_", "_us-east-1_"),
        ("_eu-west-1_", "_eu-west-1_x_"),
        ("/CloudTrail/eu-west-1/", "/CloudTrail/../"),
        ("111111111111/", "11111111111/"),
        ("111111111111", "\u0661" * 12),
        (".json.gz", ".json.gz/x"),
    ],
)
def test_what_is_not_cloudtrails_is_not_taken_for_it(old, new):
    """Neither other services' logs, nor a name that contradicts its folder, nor a day that is none."""
    assert parse_key(GOOD) is not None
    assert parse_key(GOOD.replace(old, new)) is None


@given(st.text() | st.lists(st.sampled_from([*GOOD.replace("/", "_").split("_"), "/", "_", ""])).map("/".join))
def test_no_key_raises(key):
    """Anybody who may write to a bucket chooses keys."""
    found = parse_key(key)
    assert found is None or isinstance(found, LogKey)


def test_counts_and_digests_hold_no_events():
    """What is listed for its events."""
    assert {Kind.LOG, Kind.INSIGHT, Kind.NETWORK_ACTIVITY} == EVENTS


def test_several_trails_in_one_bucket_are_several_folders():
    """Each with its own prefix, in order, each once; what is of another layout is passed over."""
    folders = sorted(Folder(p, o, ACCOUNT, Kind.LOG, "eu-west-1") for p in ("", "a/") for o in ("", "o-abcdefghij"))
    keys = [key_of(folder, MONDAY + n * MINUTE) for n in range(3) for folder in reversed(folders)]
    assert folders_of([*keys, "README.md", "AWSLogs/x"]) == tuple(folders)


def test_the_days_of_a_span_and_two_more_are_listed():
    """A file may come after midnight, and two days late."""
    span = Interval(MONDAY + timedelta(hours=23), MONDAY + timedelta(hours=23, minutes=59))
    assert days_to_list(span) == (date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 14))
    folders = [Folder("", "", ACCOUNT, Kind.LOG, region) for region in ("us-east-1", "eu-west-1")]
    assert prefixes_to_list(folders, days_to_list(span)[:2]) == (
        "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/01/12/",
        "AWSLogs/111111111111/CloudTrail/eu-west-1/2026/01/13/",
        "AWSLogs/111111111111/CloudTrail/us-east-1/2026/01/12/",
        "AWSLogs/111111111111/CloudTrail/us-east-1/2026/01/13/",
    )


@given(TIMES, st.timedeltas(timedelta(0), RELIST), st.timedeltas(timedelta(seconds=1), timedelta(days=40)))
def test_a_file_that_comes_within_two_days_is_always_listed(event, late, length):
    """By the look at a span that holds its event, and by every look from its delivery until two days after it."""
    folder = Folder("", "", ACCOUNT, Kind.LOG, "eu-west-1")
    key = key_of(folder, event + late)
    for span in (
        Interval(event, event + length),
        Interval(event - length + timedelta(seconds=1), event + timedelta(seconds=1)),
    ):
        assert any(key.startswith(prefix) for prefix in prefixes_to_list([folder], days_to_list(span)))
    for after in (timedelta(0), RELIST - late, RELIST):
        prefixes = prefixes_to_list([folder], days_to_list_again(event + late + after))
        assert any(key.startswith(prefix) for prefix in prefixes)


OBJECTS = st.builds(
    Listed, st.sampled_from(["b", "c"]), st.sampled_from(["k1", "k2", "k3"]), st.sampled_from(["e", "f", None])
)


@given(st.lists(st.lists(OBJECTS, max_size=6), max_size=5))
def test_every_object_is_read_once_in_whatever_order_it_is_listed(listings):
    """Late files and random ends come after others of later keys; no cursor could know, the set does."""
    processed: set[tuple[str, str, str | None]] = set()
    read: list[Listed] = []
    for listing in listings:
        for found in unprocessed(listing, frozenset(processed)):
            read.append(found)
            processed.add((found.bucket, found.key, found.etag))
    assert len(read) == len(set(read))
    assert set(read) == {found for listing in listings for found in listing}


def test_an_object_that_was_written_over_is_another():
    """A file of the trail that changes is read again: what it said before is not what it says."""
    first, second = Listed("b", "k", "e1"), Listed("b", "k", "e2")
    assert list(unprocessed([first, second, first], {("b", "k", "e1")})) == [second]
