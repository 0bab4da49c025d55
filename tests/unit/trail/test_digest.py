"""Whatever is done to a chain of digests, or to a file that it names, is found; and nothing else is."""

import gzip
import hashlib
import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.digests import ACCOUNT, AT, BUCKET, HOUR, REGION, START, Maker, Trail, chain, packed, public

from watchbill.intervals import Interval
from watchbill.trail import digest as digest_module
from watchbill.trail.digest import (
    Broken,
    Digest,
    Expected,
    Key,
    Kind,
    Signed,
    Status,
    check_log,
    digest_end,
    is_digest,
    read_digest,
    read_sidecar,
    signed_by,
)


WHOLE = chain(6)
END = START + 6 * HOUR


def told(report, *, kind=None):
    """Give status and name of every finding."""
    return {(each.status, each.name) for each in report.findings if kind in (None, each.kind)}


def statuses(report):
    """Give every status that a finding has."""
    return {each.status for each in report.findings}


def test_an_untouched_chain_is_verified():
    """Every digest, every log file, and the whole time between."""
    report = WHOLE.verify()
    assert report.sound
    assert not report.findings
    assert report.digests == {Status.VERIFIED: 6}
    assert report.logs == {Status.VERIFIED: 12}
    (covered,) = report.chains
    assert covered.spans == (Interval(START, END),)
    assert (covered.chain.account, covered.chain.region, covered.chain.trail) == (ACCOUNT, REGION, "main")


def test_nothing_is_not_sound():
    """Empty means no: where no digest is verified, nothing is."""
    assert not Trail().verify().sound
    assert not Trail(files={"README.json": b"{}"}).verify().sound


@pytest.mark.parametrize(
    "changes",
    [
        {"digestEndTime": "2026-03-02T13:01:32Z"},
        {"digestStartTime": "2026-03-02T12:01:30Z"},
        {"awsAccountId": "222222222222"},
        {"logFiles": []},
        {"previousDigestSignature": "00"},
        {"previousDigestHashValue": "00" * 32},
        {"previousDigestS3Object": None, "previousDigestS3Bucket": None, "previousDigestSignature": None},
        {"digestPublicKeyFingerprint": "00" * 16},
        {"digestSignatureAlgorithm": "none"},
        {"more": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_digest_that_was_changed_is_tampered_with(changes):
    """Whatever field it is: the digest after it names its hash."""
    trail = WHOLE.copy()
    trail.rewrite(trail.digests[2], **changes)
    report = trail.verify()
    assert (Status.TAMPERED, trail.digests[2]) in told(report)
    assert not report.sound


def test_the_newest_digest_is_held_by_its_signature_alone():
    """Nothing after it names its hash."""
    trail = WHOLE.copy()
    trail.rewrite(trail.digests[-1], more=1)
    assert told(trail.verify(), kind=Kind.DIGEST) == {(Status.TAMPERED, trail.digests[-1])}


def test_a_hash_changed_in_a_digest_and_in_the_log_file_is_found():
    """Who changes both still cannot sign."""
    trail = WHOLE.copy()
    key = trail.digests[-1]
    logs = trail.document(key)["logFiles"]
    trail.files[logs[0]["s3Object"]] = packed({"Records": []})
    logs[0]["hashValue"] = hashlib.sha256(b'{"Records": []}').hexdigest()
    trail.rewrite(key, logFiles=logs)
    assert (Status.TAMPERED, key) in told(trail.verify())
    assert (Status.NOT_VERIFIABLE, logs[0]["s3Object"]) in told(trail.verify())


def test_a_digest_signed_anew_by_another_key_is_found():
    """With the fingerprint of the right key, of its own, and of one that is unknown."""
    for number, fingerprint, status in (
        (1, public(0).fingerprint, Status.TAMPERED),
        (1, public(1).fingerprint, Status.NOT_VERIFIABLE),
        (0, public(1).fingerprint, Status.NOT_VERIFIABLE),
    ):
        trail = WHOLE.copy()
        trail.rewrite(trail.digests[-1], digestPublicKeyFingerprint=fingerprint)
        trail.sign(trail.digests[-1], number)
        assert told(trail.verify(), kind=Kind.DIGEST) == {(status, trail.digests[-1])}


def test_a_whole_chain_of_another_key_is_not_verifiable():
    """Who writes a chain of their own has no key that AWS gave."""
    report = replace(chain(6, number=1), keys=(public(0),)).verify()
    assert report.digests == {Status.NOT_VERIFIABLE: 6}
    assert report.logs == {Status.NOT_VERIFIABLE: 12}
    assert not report.chains[0].spans


@pytest.mark.parametrize("place", range(6))
def test_a_removed_digest_is_missing(place):
    """The first, the last and any between; its log files can no longer be verified."""
    trail = WHOLE.copy()
    key = trail.digests[place]
    logs = {log["s3Object"] for log in trail.document(key)["logFiles"]}
    trail.remove(key)
    report = trail.verify(end=END)
    found = {each.name or each.span for each in report.findings if each.status is Status.MISSING}
    assert found == {key if place < 5 else Interval(END - HOUR, END)}
    assert {name for status, name in told(report) if status is Status.NOT_VERIFIABLE} == logs
    assert report.logs[Status.VERIFIED] == 10


@pytest.mark.parametrize("many", [2, 3, 4])
def test_digests_missing_in_a_row_are_all_told(many):
    """One is named by the digest after it; the time of the others is without any."""
    trail = WHOLE.copy()
    gone = trail.digests[1 : 1 + many]
    trail.remove(*gone)
    (missing,) = [each for each in trail.verify().findings if each.status is Status.MISSING]
    assert missing.name == gone[-1]
    assert missing.span == Interval(START + HOUR, START + (1 + many) * HOUR)
    assert f"{many} hours" in missing.why


def test_digests_missing_around_one_that_is_broken_are_told():
    """A broken digest does not say which was before it; the time without one does."""
    trail = WHOLE.copy()
    trail.files[trail.digests[3]] = b"broken"
    trail.remove(trail.digests[2])
    report = trail.verify()
    spans = {each.span for each in report.findings if each.kind is Kind.SPAN and each.status is Status.MISSING}
    assert spans == {Interval(START + 2 * HOUR, START + 3 * HOUR)}
    assert (Status.TAMPERED, trail.digests[3]) in told(report)


def test_the_start_and_the_end_of_what_is_asked_must_be_covered():
    """Digests that were removed at either end are named by nothing that is left."""
    trail = WHOLE.copy()
    trail.remove(*trail.digests[:2], *trail.digests[4:], *(trail.logs()[:4] + trail.logs()[8:]))
    report = trail.verify(start=START, end=END)
    missing = {each.span: each.name for each in report.findings if each.status is Status.MISSING}
    assert set(missing) == {Interval(START, START + 2 * HOUR), Interval(END - 2 * HOUR, END)}
    assert trail.verify(start=START + 2 * HOUR, end=END - 2 * HOUR).sound


def test_a_part_of_a_chain_is_verified_by_itself():
    """What ends before the time that is asked for need not be there."""
    trail = WHOLE.copy()
    trail.remove(*trail.digests[:2], *trail.logs()[:4])
    assert trail.verify(start=START + 2 * HOUR).sound
    assert trail.verify(start=START + 2.5 * HOUR, end=START + 5.5 * HOUR).sound
    assert not trail.verify().sound
    assert not trail.verify(start=START + 1.5 * HOUR).sound


def test_digests_beside_what_is_asked_are_witnesses():
    """They are not counted, nor their log files asked for; but the next one repeats a signature that was not kept."""
    trail = WHOLE.copy()
    trail.signatures = {trail.digests[-1]: trail.signatures[trail.digests[-1]]}
    trail.remove(*trail.logs()[:4], *trail.logs()[8:])
    report = trail.verify(start=START + 2 * HOUR, end=START + 4 * HOUR)
    assert report.sound
    assert report.digests == {Status.VERIFIED: 2}
    assert report.logs == {Status.VERIFIED: 4}
    trail.remove(trail.digests[4])
    gap = trail.verify(start=START + 2 * HOUR, end=START + 4 * HOUR)
    assert told(gap) >= {(Status.NOT_VERIFIABLE, trail.digests[3])}
    trail.remove(trail.digests[3])
    assert Interval(START + 3 * HOUR, START + 4 * HOUR) in {
        each.span for each in trail.verify(start=START + 2 * HOUR, end=START + 4 * HOUR).findings
    }


def test_a_digest_is_due_two_hours_after_its_time():
    """Until then its log files are not yet covered, which is no fault; after that, the end of the chain is missing."""
    maker = Maker()
    maker.hours(3)
    late = maker.log(maker.end + timedelta(minutes=10))
    soon = maker.trail.verify(at=maker.end + timedelta(minutes=30), end=maker.end + timedelta(minutes=30))
    assert told(soon) == {(Status.NOT_YET_COVERED, late)}
    assert soon.sound
    after = maker.trail.verify(at=maker.end + 3 * HOUR, end=maker.end + 3 * HOUR)
    assert told(after) == {(Status.MISSING, ""), (Status.NOT_VERIFIABLE, late)}


def test_a_file_of_the_future_is_not_waited_for():
    """Who plants a file may name it for a time that never comes."""
    trail = WHOLE.copy()
    trail.files[Maker().log_key(AT + 24 * HOUR)] = packed({"Records": []})
    assert statuses(trail.verify()) == {Status.NOT_VERIFIABLE}


def test_a_removed_log_file_is_missing():
    """Its digest names it."""
    trail = WHOLE.copy()
    key = trail.logs()[5]
    trail.remove(key)
    assert told(trail.verify()) == {(Status.MISSING, key)}


@pytest.mark.parametrize(
    "planted",
    [Maker().log_key(START + 2.5 * HOUR), f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/03/02/notes.json.gz"],
)
def test_a_log_file_that_no_digest_names_is_not_covered(planted):
    """Somebody put it there, or its digest left it out."""
    trail = WHOLE.copy()
    trail.files[planted] = packed({"Records": []})
    assert told(trail.verify()) == {(Status.NOT_COVERED, planted)}
    assert not trail.verify().sound


def test_a_renamed_log_file_is_missing_and_not_covered():
    """Where it was it is missing; where it is, no digest names it."""
    trail = WHOLE.copy()
    old, new = trail.logs()[0], Maker().log_key(START + HOUR)
    trail.move(old, new)
    assert told(trail.verify()) == {(Status.MISSING, old), (Status.NOT_COVERED, new)}


def test_two_log_files_that_change_places_are_tampered_with():
    """Each has a hash of its own."""
    trail = WHOLE.copy()
    one, two = trail.logs()[:2]
    trail.files[one], trail.files[two] = trail.files[two], trail.files[one]
    assert told(trail.verify()) == {(Status.TAMPERED, one), (Status.TAMPERED, two)}


def test_two_digests_that_change_places_are_tampered_with():
    """Each says where it belongs."""
    trail = WHOLE.copy()
    one, two = trail.digests[1:3]
    trail.files[one], trail.files[two] = trail.files[two], trail.files[one]
    trail.signatures[one], trail.signatures[two] = trail.signatures[two], trail.signatures[one]
    assert told(trail.verify(), kind=Kind.DIGEST) == {(Status.TAMPERED, one), (Status.TAMPERED, two)}


@pytest.mark.parametrize("place", range(1, 6))
def test_an_old_digest_replayed_is_found(place):
    """It is signed well, but for another place."""
    trail = WHOLE.copy()
    old, new = trail.digests[0], trail.digests[place]
    trail.files[new], trail.signatures[new] = trail.files[old], trail.signatures[old]
    assert (Status.TAMPERED, new) in told(trail.verify())


def test_a_copied_digest_in_another_place_is_found():
    """One more digest is no more evidence."""
    trail = WHOLE.copy()
    other = trail.digests[2].replace("T130131Z", "T133131Z")
    trail.files[other], trail.signatures[other] = trail.files[trail.digests[2]], trail.signatures[trail.digests[2]]
    assert told(trail.verify()) == {(Status.TAMPERED, other)}


def test_another_bucket_is_another_place():
    """In S3 the bucket is known, and the digests say which it must be."""
    assert WHOLE.verify(bucket="copy").digests == {Status.TAMPERED: 6}
    assert WHOLE.verify(bucket=None).sound


@pytest.mark.parametrize("lead", [f"AWSLogs/{ACCOUNT}", f"logs/main/AWSLogs/o-abcd123456/{ACCOUNT}"])
def test_a_copy_may_lie_higher_or_lower_all_of_it_by_one_step(lead):
    """A folder may be the bucket, a part of it, or hold it; a file that lies otherwise than the others was moved."""
    trail = chain(4, lead=lead)
    for change in (lambda key: f"copies/monday/{key}", lambda key: key.removeprefix(f"{lead}/"), lambda key: key):
        moved = Trail(
            {change(key): data for key, data in trail.files.items()},
            {change(key): signed for key, signed in trail.signatures.items()},
        )
        assert moved.verify(bucket=None).sound
        digest = change(trail.digests[1])
        moved.move(digest, f"x/{digest}")
        assert (Status.TAMPERED, f"x/{digest}") in told(moved.verify(bucket=None))


TAILS = {
    "nul": b"\0",
    "text": b"more",
    "member": gzip.compress(b"more"),
    "empty": gzip.compress(b""),
    "magic": b"\x1f\x8b",
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
def test_bytes_after_the_gzip_member_are_found(tail):
    """Whoever reads on after it would read what nobody signed."""
    for key in (WHOLE.logs()[3], WHOLE.digests[3], WHOLE.digests[-1]):
        trail = WHOLE.copy()
        trail.files[key] += tail
        assert (Status.TAMPERED, key) in told(trail.verify())


def test_gzip_with_reserved_flags_is_damaged():
    """One reader inflates it and another refuses it (RFC 1952): nobody delivers such a file."""
    for key in (WHOLE.logs()[3], WHOLE.digests[3]):
        trail = WHOLE.copy()
        trail.files[key] = trail.files[key][:3] + b"\x20" + trail.files[key][4:]
        assert (Status.TAMPERED, key) in told(trail.verify())


def test_a_file_kept_inflated_is_the_same_file():
    """Clients that obey `Content-Encoding` store it so; its bytes are those that were hashed."""
    trail = WHOLE.copy()
    for key in trail.files:
        trail.files[key] = gzip.decompress(trail.files[key])
    assert trail.verify().sound


def test_a_file_of_several_members_is_hashed_whole():
    """Nothing forbids AWS to write so."""
    inside = b"one" + b"two"
    expected = Expected(hashlib.sha256(inside).hexdigest(), "SHA-256", "d", Status.VERIFIED)
    assert check_log("x", gzip.compress(b"one") + gzip.compress(b"two"), [expected]) is None


def test_a_bomb_is_bounded(monkeypatch):
    """It costs no more than its limit."""
    monkeypatch.setattr(digest_module, "INFLATED_LIMIT", 1024**2)
    monkeypatch.setattr(digest_module, "_DIGEST_LIMIT", 1024**2)
    bomb = gzip.compress(bytes(3 * 1024**2))
    found = check_log("x", bomb, [Expected("00", "SHA-256", "d", Status.VERIFIED)])
    assert found is not None
    assert "inflates to more" in found.why
    assert isinstance(read_digest(WHOLE.digests[0], bomb, None), Broken)


def test_signatures_that_were_not_kept_are_told_by_the_digest_after():
    """All but the last of a chain can do without their metadata."""
    trail = WHOLE.copy()
    last = trail.digests[-1]
    trail.signatures = {last: trail.signatures[last]}
    assert trail.verify().sound
    trail.signatures = {}
    report = trail.verify()
    assert told(report, kind=Kind.DIGEST) == {(Status.NOT_VERIFIABLE, last)}
    assert report.digests == {Status.VERIFIED: 5, Status.NOT_VERIFIABLE: 1}


def test_a_wrong_signature_is_found():
    """Also where the digest after it could do without."""
    for key in WHOLE.digests:
        for wrong in (WHOLE.signatures[WHOLE.digests[0 if key != WHOLE.digests[0] else 1]].signature, "zz", "", "00"):
            trail = WHOLE.copy()
            trail.signatures[key] = Signed(wrong, "SHA256withRSA")
            if wrong:
                assert (Status.TAMPERED, key) in told(trail.verify())
    trail = WHOLE.copy()
    trail.signatures[trail.digests[2]] = Signed(trail.signatures[trail.digests[2]].signature, "SHA1withRSA")
    assert told(trail.verify()) == {(Status.TAMPERED, trail.digests[2])} | {
        (Status.NOT_VERIFIABLE, log["s3Object"]) for log in trail.document(trail.digests[2])["logFiles"]
    }


def test_without_keys_nothing_is_verified():
    """The reason names the key and the region to ask for it."""
    trail = replace(WHOLE.copy(), keys=())
    report = trail.verify()
    assert statuses(report) == {Status.NOT_VERIFIABLE}
    assert any(public().fingerprint in each.why and REGION in each.why for each in report.findings)
    assert not report.sound


def test_a_changed_log_file_is_found_without_keys_too():
    """It is not what its digest names, whoever made that."""
    trail = replace(WHOLE.copy(), keys=())
    trail.files[trail.logs()[0]] = packed({"Records": []})
    assert (Status.TAMPERED, trail.logs()[0]) in told(trail.verify())


@pytest.mark.parametrize(
    ("start", "end", "good"),
    [(0, 6, True), (2, 4, True), (-9, -2, False), (8.1, 9, False), (7.9, 9, True), (-9, -0.9, True)],
)
def test_a_key_counts_while_it_is_valid(start, end, good):
    """Give or take two hours."""
    trail = replace(chain(6), keys=(public(0, START + start * HOUR, START + end * HOUR),))
    last = trail.verify().digests.get(Status.VERIFIED, 0)
    assert (last > 0) is good


def test_keys_rotate():
    """Each half of the chain is signed by a key of its own; the last alone proves what is before it too."""
    maker = Maker()
    maker.hours(3)
    maker.number = 1
    maker.hours(3)
    old, new = public(0, START - HOUR, START + 3 * HOUR), public(1, START + 3 * HOUR, START + 9 * HOUR)
    assert replace(maker.trail, keys=(old, new)).verify().sound
    assert replace(maker.trail, keys=(new,)).verify().sound
    report = replace(maker.trail, keys=(old,)).verify()
    assert report.digests == {Status.VERIFIED: 3, Status.NOT_VERIFIABLE: 3}


@pytest.mark.parametrize("value", [b"", b"\x30\x00", b"junk" * 99])
def test_a_key_that_cannot_be_read_verifies_nothing(value):
    """It is said, and raises nothing."""
    trail = replace(WHOLE.copy(), keys=(replace(public(), value=value),))
    assert trail.verify().digests == {Status.NOT_VERIFIABLE: 6}
    assert replace(trail, keys=(*trail.keys, public())).verify().sound


def test_hours_without_log_files_are_covered():
    """Their digests say that there is none."""
    trail = chain(5, logs=0)
    assert trail.verify().sound
    assert trail.verify().chains[0].spans == (Interval(START, START + 5 * HOUR),)


def test_logging_that_was_stopped_leaves_a_time_that_nothing_vouches_for():
    """The chain begins anew; a file of the time between is not verifiable."""
    maker = Maker()
    maker.hours(3)
    maker.pause(4)
    maker.hours(3)
    trail = maker.trail
    between = maker.log(START + 5 * HOUR)
    (span, file) = sorted(trail.verify().findings, key=lambda each: each.kind, reverse=True)
    assert (span.status, span.kind, span.span) == (
        Status.NOT_VERIFIABLE,
        Kind.SPAN,
        Interval(START + 3 * HOUR, START + 7 * HOUR),
    )
    assert "anew" in span.why
    assert (file.status, file.name) == (Status.NOT_VERIFIABLE, between)
    trail.remove(between)
    assert not trail.verify().sound
    assert trail.verify(start=START + 7 * HOUR).sound


def test_a_chain_that_begins_within_what_is_asked_is_told():
    """Validation may have been off before, or an older chain was removed: nobody can tell."""
    report = WHOLE.verify(start=START - 3 * HOUR)
    (span,) = report.findings
    assert (span.status, span.span) == (Status.NOT_VERIFIABLE, Interval(START - 3 * HOUR, START))


def test_a_chain_that_begins_anew_without_a_pause_loses_no_time():
    """Nothing is without a digest."""
    maker = Maker()
    maker.hours(2)
    maker.pause(0)
    maker.hours(2)
    assert maker.trail.verify().sound


def backfilled(**kept):
    """Make a chain and a backfill digest of a file that its own digest left out; give the maker and its key."""
    maker = Maker()
    maker.hours(4)
    late = maker.log(START + 1.5 * HOUR)
    return maker, late, maker.backfill(START + 2 * HOUR, [late], START + 30 * HOUR, **kept)


def test_backfill_digests_cover_what_was_left_out():
    """Their key is that of the time they were made."""
    maker, late, key = backfilled()
    assert maker.trail.verify().sound
    without = maker.trail.copy()
    without.remove(key)
    assert told(without.verify()) == {(Status.NOT_COVERED, late)}
    maker.trail.keys = (public(0, START, START + 10 * HOUR),)
    assert told(maker.trail.verify()) == {(Status.NOT_VERIFIABLE, key), (Status.NOT_VERIFIABLE, late)}
    maker.trail.keys = (public(0, START, START + 10 * HOUR), public(0, START + 20 * HOUR, START + 40 * HOUR))
    assert maker.trail.verify().sound


def test_a_backfill_digest_needs_the_time_that_it_was_made():
    """It is in its metadata alone."""
    maker, _, key = backfilled()
    maker.trail.signatures[key] = replace(maker.trail.signatures[key], generated=None)
    assert (Status.NOT_VERIFIABLE, key) in told(maker.trail.verify())


def test_backfill_digests_may_be_a_chain():
    """A link that they have is held to."""
    maker, late, first = backfilled()
    other = maker.log(START + 2.5 * HOUR)
    second = maker.backfill(START + 3 * HOUR, [other], START + 31 * HOUR, last=first)
    assert maker.trail.verify().sound
    maker.trail.remove(first, late)
    assert told(maker.trail.verify()) == {(Status.MISSING, first)}
    assert is_digest(second)


def test_a_log_file_that_two_digests_name_must_be_as_both_say():
    """They can only differ when something is wrong."""
    maker, late, _ = backfilled()
    data = maker.trail.files[late]
    maker.trail.files[late] = packed({"Records": ["other"]})
    maker.backfill(START + 3 * HOUR, [late], START + 31 * HOUR)
    maker.trail.files[late] = data
    assert told(maker.trail.verify()) == {(Status.TAMPERED, late)}


def many():
    """Make a bucket of an organization: two accounts, two regions, two trails, one of them with a prefix."""
    trail = Trail()
    for account in (ACCOUNT, "222222222222"):
        for region in (REGION, "us-east-1"):
            for name, lead in (("main", f"AWSLogs/o-abcd123456/{account}"), ("a_b_c", f"second/AWSLogs/{account}")):
                maker = Maker(trail, lead, account, region, name, seed=len(trail.files))
                maker.hours(3)
    return trail


MANY = many()


def test_each_account_region_and_trail_has_a_chain_of_its_own():
    """In one bucket they do not get in each other's way; names of trails may have underscores."""
    report = MANY.verify()
    assert report.sound
    assert len(report.chains) == 8
    assert {each.chain.trail for each in report.chains} == {"main", "a_b_c"}
    assert {each.digests for each in report.chains} == {3}


def test_a_chain_that_ends_before_the_others_of_its_trail_is_told():
    """A region has a digest each hour, whether anything happened or not."""
    maker = Maker()
    maker.hours(8, 0)
    other = Maker(maker.trail, region="us-east-1")
    other.hours(4, 0)
    (span,) = maker.trail.verify().findings
    assert span.chain is not None
    assert (span.status, span.chain.region) == (Status.MISSING, "us-east-1")
    assert span.span == Interval(START + 4 * HOUR, START + 6 * HOUR)


SOME = st.sets(st.sampled_from(sorted(MANY.files)), max_size=4)


@given(SOME, SOME)
@settings(max_examples=60)
def test_whatever_is_removed_or_changed_among_many_chains_is_found(removed, changed):
    """Several at once, of one chain or of several; and nothing is found where nothing was done."""
    trail = MANY.copy()
    trail.remove(*removed)
    for key in changed - removed:
        trail.files[key] = packed({"Records": [key]})
    report = trail.verify(start=START, end=START + 3 * HOUR)
    assert report.sound is not bool(removed | changed)
    found = {each.name for each in report.findings}
    assert changed - removed <= found
    assert {key for key in removed if key not in trail.digests} <= found | unnamed_now(trail, removed)
    assert sum(report.logs.values()) + report.outside >= len(set(trail.files) - set(trail.digests))


def unnamed_now(trail, removed):
    """Give the log files that only digests name which were removed too, or changed."""
    left = [key for key in trail.digests if trail.files.get(key) == MANY.files[key]]
    named = {log["s3Object"] for key in left for log in trail.document(key)["logFiles"]}
    return removed - named


def test_log_files_of_a_region_without_digests_are_not_verifiable():
    """No digest of another region, account or trail speaks for them."""
    trail = MANY.copy()
    for maker in (
        Maker(trail, region="sa-east-1", lead=f"AWSLogs/o-abcd123456/{ACCOUNT}"),
        Maker(trail, lead=f"third/AWSLogs/{ACCOUNT}"),
        Maker(trail, account="333333333333", lead="AWSLogs/o-abcd123456/333333333333"),
    ):
        maker.log(START + HOUR)
    assert statuses(trail.verify()) == {Status.NOT_VERIFIABLE}
    assert trail.verify().logs[Status.NOT_VERIFIABLE] == 3


def test_digests_moved_to_another_region_are_tampered_with():
    """Names and folders can be changed; what is signed cannot."""
    trail = chain(3)
    for key in list(trail.files):
        trail.move(key, key.replace(REGION, "us-east-1", 2))
    assert trail.verify().digests == {Status.TAMPERED: 3}


SIDECAR = {"Metadata": {"Signature": "ab", "signature-algorithm": "SHA256withRSA"}, "ETag": "x", "ContentLength": 3}


def test_a_sidecar_is_what_head_object_answers():
    """Keys in whatever case; more of the answer is passed over."""
    assert read_sidecar(json.dumps(SIDECAR).encode()) == Signed("ab", "SHA256withRSA")
    stamp = {"signature": "ab", "backfill-generation-timestamp": "2025-09-01T00:00:00Z"}
    assert signed_by(stamp) == Signed("ab", None, datetime(2025, 9, 1, tzinfo=UTC))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"Metadata": {}}', b'{"Metadata": 1}', b"\xff", b"[" * 99_999])
def test_a_sidecar_that_says_nothing_is_told(data):
    """It is not as if there was none: somebody kept something."""
    signed = read_sidecar(data)
    assert signed.flaw
    trail = WHOLE.copy()
    trail.signatures[trail.digests[2]] = signed
    assert (Status.NOT_VERIFIABLE, trail.digests[2]) in told(trail.verify())


def test_names_of_digests():
    """By the form that AWS gives; a backfill digest is one too."""
    key = "AWSLogs/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/111122223333_CloudTrail-Digest_us-east-2_your-trail-name_us-east-2_20150817T150131Z"
    assert digest_end(f"{key}.json.gz") == datetime(2015, 8, 17, 15, 1, 31, tzinfo=UTC)
    assert is_digest(f"{key}_backfill.json.gz")
    assert not is_digest(f"{key}.json.gz.head-object")
    assert not is_digest(f"{key.replace('20150817', '20159917')}.json.gz")
    with pytest.raises(ValueError, match="no name of a digest"):
        read_digest("x.json.gz", b"", None)


def test_unknown_algorithms_are_not_verifiable():
    """Rather than passed over."""
    found = check_log("x", b"x", [Expected("00", "SHA-512", "d", Status.VERIFIED)])
    assert found is not None
    assert found.status is Status.NOT_VERIFIABLE
    trail = chain(1)
    trail.rewrite(trail.digests[0], digestSignatureAlgorithm="SHA512withRSA")
    trail.signatures[trail.digests[0]] = Signed("ab", "SHA512withRSA")
    assert trail.verify().digests == {Status.NOT_VERIFIABLE: 1}


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise(data, zipped):
    """Neither as a digest, nor as a log file, a sidecar or a key."""
    trail = WHOLE.copy()
    trail.files[trail.digests[2]] = gzip.compress(data) if zipped else data
    trail.files[trail.logs()[2]] = data
    trail.signatures[trail.digests[3]] = read_sidecar(data)
    trail.keys = (*trail.keys, Key(public().fingerprint, data, START, END))
    assert not trail.verify().sound


FIELDS = st.sampled_from(sorted(WHOLE.document(WHOLE.digests[1])))
VALUES: st.SearchStrategy[object] = (
    st.none()
    | st.integers()
    | st.text(max_size=9)
    | st.just([])
    | st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=3)), max_size=2)
)


@given(st.lists(st.tuples(st.integers(0, 5), FIELDS, VALUES), min_size=1, max_size=4))
@settings(max_examples=60)
def test_no_digest_raises_whatever_it_says(changes):
    """Loops, wrong types, absurd times: it is told, and the rest is still checked."""
    trail = WHOLE.copy()
    before = {key: trail.files[key] for key in trail.digests}
    for place, field, value in changes:
        trail.rewrite(trail.digests[place], **{field: value})
    changed = any(gzip.decompress(trail.files[key]) != gzip.decompress(before[key]) for key in trail.digests)
    assert trail.verify().sound is not changed


NAMES = st.sampled_from(sorted(WHOLE.files))


BYTES = {
    "flip": lambda data, at, bit: data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :],
    "cut": lambda data, at, _: data[:at],
    "append": lambda data, at, _: data + data[: at + 1],
    "insert": lambda data, at, bit: data[:at] + bytes([bit]) + data[at:],
}
"""What may be done to the bytes of one file."""


@given(NAMES, st.sampled_from(sorted(BYTES)), st.integers(0, 2**30), st.integers(0, 7))
@settings(max_examples=300)
def test_any_single_mutation_of_bytes_is_found(name, mutation, place, bit):
    """Unless what is inside of every file is still the same, as where a byte of gzip's header says nothing."""
    trail = WHOLE.copy()
    data = trail.files[name]
    trail.files[name] = BYTES[mutation](data, place % len(data), bit)
    assert trail.verify(end=END).sound is same(trail, WHOLE)


@given(NAMES, NAMES, st.sampled_from(["remove", "move", "swap", "copy", "replace"]))
@settings(max_examples=150)
def test_any_single_mutation_of_files_is_found(name, other, mutation):
    """Gone, elsewhere, in each other's place, twice, or one in the place of another."""
    trail = WHOLE.copy()
    match mutation:
        case "remove":
            trail.remove(name)
        case "move":
            trail.move(name, name.replace("2026", "2027"))
        case "swap":
            trail.files[name], trail.files[other] = trail.files[other], trail.files[name]
        case "copy":
            trail.files[name.replace("_20260302T1", "_20260302T0")] = trail.files[name]
        case "replace":
            trail.files[name] = trail.files[other]
    assert trail.verify(end=END).sound is same(trail, WHOLE)


@given(st.sampled_from(WHOLE.digests), st.integers(0, 511), st.integers(0, 3))
def test_any_single_mutation_of_a_signature_is_found(key, place, bit):
    """The newest by the key, the others also by the digest after them."""
    trail = WHOLE.copy()
    text = trail.signatures[key].signature or ""
    digit = f"{int(text[place], 16) ^ 1 << bit:x}"
    trail.signatures[key] = Signed(text[:place] + digit + text[place + 1 :], "SHA256withRSA")
    assert (Status.TAMPERED, key) in told(trail.verify())


def same(one, two):
    """Tell whether every file has the same inside."""
    return set(one.files) == set(two.files) and all(
        inside(one.files[key]) == inside(two.files[key]) for key in two.files
    )


def inside(data):
    """Inflate a file; None where that cannot be, or where anything follows its gzip."""
    inflater = zlib.decompressobj(31)
    try:
        text = inflater.decompress(data)
    except zlib.error:
        return None
    return text if inflater.eof and not inflater.unused_data else None


@given(st.permutations(sorted(WHOLE.files)))
@settings(max_examples=30)
def test_the_order_of_files_changes_nothing(order):
    """A chain is put together by what its digests say."""
    trail = WHOLE.copy()
    trail.remove(trail.digests[2])
    shuffled = replace(trail, files={key: trail.files[key] for key in order if key in trail.files})
    assert shuffled.verify() == trail.verify()


def test_a_digest_says_where_it_is_and_what_it_names():
    """For those who only want to look at one."""
    key = WHOLE.digests[1]
    digest = read_digest(key, WHOLE.files[key], None)
    assert isinstance(digest, Digest)
    assert (digest.start, digest.end, digest.bucket, digest.key) == (START + HOUR, START + 2 * HOUR, BUCKET, key)
    assert [log.key for log in digest.logs] == WHOLE.logs()[2:4]
    assert digest.hash == hashlib.sha256(gzip.decompress(WHOLE.files[key])).hexdigest()
