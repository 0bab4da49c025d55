"""Whether the files of a trail are what CloudTrail delivered: its digest chains, checked offline, bytes in, report out.

The rules, in order:

1. A digest is signed with RSA (SHA256, PKCS#1 v1.5) over its end, its bucket and key, the SHA-256 of its inflated bytes
   and the signature of the digest before it. The key is found by its fingerprint, and must have been valid then, give
   or take two hours. The signature lies in the metadata of the object; the next digest repeats it.
2. A digest that a verified later one names with its hash is verified too, whatever key signed it.
3. A digest lies where it says that it lies. A copy in a folder may lie higher or lower, all of it by the same step.
4. The digest before is there, unless the chain begins anew. A time that no digest covers is named.
5. A log file is verified where a verified digest names it with the hash of its inflated bytes, and nothing follows
   them. What is named and not there is missing; what is there and named by none is not covered.
6. What cannot be told is *not verifiable*, with the reason. That is never a success.

Digests sign what is inside of files: the bytes of gzip around it may differ, such as the time in its header.
Source: CloudTrail User Guide, "CloudTrail digest file structure", "Custom implementations of CloudTrail log file
integrity validation". What may be asked for in vain: how backfill digests are chained is not documented; their links
are checked where they have any.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from isal import isal_zlib

from watchbill.errors import FileError, Problem
from watchbill.intervals import Interval, Timeline, iso, merge


SIDECAR = ".head-object"
"""What the name of a digest gets for the file beside it that keeps its metadata: what `head-object` answered."""

INFLATED_LIMIT = 1024**3
"""Bytes that one file may have once it is inflated; more is a bomb, not a log."""

KEYS_NAME = "trail.keys"
"""The file of public keys that is looked for in the folder of a trail."""

KEY_SLACK = timedelta(hours=2)
"""How far off its validity a key may have signed: about its rotation AWS answers with either."""

DIGEST_DUE = timedelta(hours=2)
"""How long after an instant its digest must be there: an hour that it covers, and time to be delivered."""

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
"""What the name of a log file says of its delivery is whole minutes."""
_SECOND = timedelta(seconds=1)
_EDGE = timedelta(minutes=15)
"""How long before its digest's end a log file may have been delivered and yet be left to the next."""

_GZIP = b"\x1f\x8b"
_FLAGS = b"\x1f"
"""The most that the fourth byte of gzip may be: other flags are reserved, and isal does not mind them (RFC 1952)."""
_GZIP_WINDOW = 31
"""`wbits` of zlib for gzip."""
_DAMAGED: type[Exception] = isal_zlib.error  # type: ignore[assignment] # its stub says an instance
_STEP = 16 * 1024**2
"""Bytes inflated at once."""
_DIGEST_LIMIT = 256 * 1024**2
"""Bytes that a digest may have inflated: some 500,000 log files in an hour."""
_YEARS = range(2013, 2100)
"""When a digest can be from."""
_RSA = "SHA256withRSA"
_SHA = "SHA-256"

_DIGEST_NAME = re.compile(
    r"(\d{12})_CloudTrail-Digest_([a-z0-9-]+)_(.+)_([a-z0-9-]+)_(\d{8}T\d{6}Z)(_backfill)?\.json\.gz",
    re.ASCII,
)
_LOG_NAME = re.compile(r"(\d{12})_CloudTrail(?:-[A-Za-z]+)?_([a-z0-9-]+)_(\d{8}T\d{4}Z)_[^/]+\.json(?:\.gz)?", re.ASCII)
_KIND = re.compile(r"(?:^|/)CloudTrail(?:-[A-Za-z]+)?(?:/|$)")
"""The folder that tells log files from digests; what stands before it is the trail's own place in the bucket."""


class Status(StrEnum):
    """What is known of a file, or of a span of time."""

    VERIFIED = "verified"
    TAMPERED = "tampered"
    """It is not what was delivered there: changed, replaced or moved."""
    MISSING = "missing"
    NOT_COVERED = "not-covered"
    """A log file that no digest names, though the digest of its time is there."""
    NOT_VERIFIABLE = "not-verifiable"
    NOT_YET_COVERED = "not-yet-covered"
    """Delivered so lately that its digest is still to come."""


GOOD = frozenset({Status.VERIFIED, Status.NOT_YET_COVERED})


class Kind(StrEnum):
    """What a finding is of."""

    DIGEST = "digest"
    LOG = "log"
    SPAN = "span"
    """A span of time that no digest covers."""


@dataclass(frozen=True, slots=True, order=True)
class Chain:
    """The digests of one trail for one account and region: each names the one before."""

    lead: str
    """What stands before `CloudTrail-Digest/` in its keys, such as `AWSLogs/o-abc/123456789012`."""
    account: str
    region: str
    trail: str
    home: str
    """The region that the trail itself belongs to."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key of CloudTrail, as ListPublicKeys gives it."""

    fingerprint: str
    value: bytes
    """DER in the form of PKCS#1."""
    start: datetime
    end: datetime
    region: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """What the metadata of a digest says."""

    signature: str | None
    """In hexadecimal."""
    algorithm: str | None
    generated: datetime | None = None
    """When a backfill digest was made: its key is of that time."""
    flaw: str | None = None
    """Why what was kept of the metadata cannot be used."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a digest says of the one before it."""

    bucket: str
    key: str
    hash: str
    hash_algorithm: str
    signature: str


@dataclass(frozen=True, slots=True)
class Named:
    """A log file as a digest names it."""

    bucket: str
    key: str
    hash: str
    hash_algorithm: str


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest, decoded; nothing of it is to be believed before it is verified."""

    name: str
    """Where it was found: its key, or its path in the folder with `/`."""
    chain: Chain
    backfill: bool
    start: datetime
    end: datetime
    end_text: str
    bucket: str
    key: str
    fingerprint: str
    algorithm: str
    previous: Link | None
    """None where the chain begins."""
    previous_signature: str
    """As it is signed: `null` where the chain begins."""
    logs: tuple[Named, ...]
    hash: str
    """SHA-256 of its inflated bytes, in hexadecimal."""
    signed: Signed | None


@dataclass(frozen=True, slots=True)
class Broken:
    """A digest that cannot be decoded: so it is not what was delivered."""

    name: str
    chain: Chain
    backfill: bool
    end: datetime
    """As its name says."""
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one file or span; files that are verified have none."""

    status: Status
    kind: Kind
    name: str
    """Where the file is, or should be; empty for a span."""
    why: str
    chain: Chain | None = None
    span: Interval | None = None
    """The time that is without a digest for it, where that is known."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be verified."""

    at: datetime
    start: datetime | None = None
    """From when; None is from the first digest on, which then must be the first of its chain."""
    end: datetime | None = None
    """Until when; None is until the last digest of each trail."""
    bucket: str | None = None
    """The bucket that the names are keys of; None for a folder, where buckets cannot be told."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be true of one log file."""

    hash: str
    hash_algorithm: str
    digest: str
    """Name of the digest that says so."""
    trust: Status
    """What is known of that digest."""


@dataclass(frozen=True, slots=True)
class Covered:
    """What the digests of one chain cover."""

    chain: Chain
    digests: int
    spans: tuple[Interval, ...]
    """The time that verified digests cover: each log file delivered then is named, and there are no more."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the digests say, before any log file is read."""

    findings: tuple[Finding, ...]
    counts: Mapping[Status, int]
    """Digests by what is known of them, the missing ones included."""
    expected: Mapping[str, tuple[Expected, ...]]
    """By name, the log files that are there and named: they must be read."""
    chains: tuple[Covered, ...]
    outside: int
    """Log files of another time than was asked for."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found out."""

    digests: Mapping[Status, int]
    logs: Mapping[Status, int]
    findings: tuple[Finding, ...]
    chains: tuple[Covered, ...]
    outside: int

    @property
    def sound(self) -> bool:
        """Tell whether all is verified. Where no digest is verified, nothing is."""
        return self.digests.get(Status.VERIFIED, 0) > 0 and all(each.status in GOOD for each in self.findings)


class _Log(msgspec.Struct):
    s3Bucket: str  # noqa: N815 - the names of AWS
    s3Object: str  # noqa: N815
    hashValue: str  # noqa: N815
    hashAlgorithm: str  # noqa: N815


class _Document(msgspec.Struct):
    awsAccountId: str  # noqa: N815
    digestStartTime: str  # noqa: N815
    digestEndTime: str  # noqa: N815
    digestS3Bucket: str  # noqa: N815
    digestS3Object: str  # noqa: N815
    digestPublicKeyFingerprint: str  # noqa: N815
    digestSignatureAlgorithm: str  # noqa: N815
    previousDigestS3Bucket: str | None  # noqa: N815
    previousDigestS3Object: str | None  # noqa: N815
    previousDigestHashValue: str | None  # noqa: N815
    previousDigestHashAlgorithm: str | None  # noqa: N815
    previousDigestSignature: str | None  # noqa: N815
    logFiles: list[_Log] | None  # noqa: N815


class _Head(msgspec.Struct):
    Metadata: dict[str, str]


class _PublicKey(msgspec.Struct):
    """As `aws cloudtrail list-public-keys` prints it."""

    Value: bytes
    ValidityStartTime: str | float
    ValidityEndTime: str | float
    Fingerprint: str
    Region: str = ""
    """Ours: AWS answers for the region that was asked."""


class _PublicKeys(msgspec.Struct):
    PublicKeyList: list[_PublicKey]


_DOCUMENT = msgspec.json.Decoder(_Document)
_HEAD = msgspec.json.Decoder(_Head)
_KEYS = msgspec.json.Decoder(_PublicKeys)


def is_digest(name: str) -> bool:
    """Tell whether a file is a digest by its name."""
    return _digest_place(name) is not None


def digest_end(name: str) -> datetime | None:
    """Give the end of the hour that a digest is of, as its name says; None for what is no digest."""
    place = _digest_place(name)
    return None if place is None else place[1]


def log_minute(name: str) -> datetime | None:
    """Give the minute in which a log file was delivered, as its name says; None for what is no log file."""
    place = _log_place(name)
    return None if place is None else place[3]


def signed_by(metadata: Mapping[str, str]) -> Signed:
    """Read the metadata of a digest's object; keys are without `x-amz-meta-`."""
    lower = {key.lower(): value for key, value in metadata.items()}
    generated = _instant(lower.get("backfill-generation-timestamp", ""))
    return Signed(lower.get("signature"), lower.get("signature-algorithm"), generated)


def read_sidecar(data: bytes) -> Signed:
    """Read what `aws s3api head-object` answered about a digest. Never raises for what is in the bytes."""
    try:
        signed = signed_by(_HEAD.decode(data).Metadata)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Signed(None, None, flaw=f"what is kept of its metadata cannot be read: {error}")
    if not signed.signature:
        return Signed(None, None, flaw="what is kept of its metadata has no signature")
    return signed


def read_keys(name: str, data: bytes) -> tuple[Key, ...]:
    """Read a file of public keys: ours, or what `aws cloudtrail list-public-keys` printed; a bad one is a FileError."""
    try:
        found = _KEYS.decode(data).PublicKeyList
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError([Problem("bad-keys", f"it holds no public keys of CloudTrail: {error}", name)]) from error
    keys: list[Key] = []
    problems: list[Problem] = []
    for key in found:
        start, end = _instant(key.ValidityStartTime), _instant(key.ValidityEndTime)
        if start is None or end is None:
            problems.append(Problem("bad-keys", f"key `{key.Fingerprint}` does not say when it is valid", name))
        else:
            keys.append(Key(key.Fingerprint, key.Value, start, end, key.Region))
    if problems:
        raise FileError(problems)
    return tuple(keys)


def write_keys(keys: Iterable[Key]) -> bytes:
    """Write public keys as `read_keys` reads them, each once, in order."""
    ordered = sorted(set(keys), key=lambda key: (key.region, key.start, key.fingerprint, key.end, key.value))
    listed = [_PublicKey(key.value, iso(key.start), iso(key.end), key.fingerprint, key.region) for key in ordered]
    return msgspec.json.format(msgspec.json.encode(_PublicKeys(listed)), indent=2) + b"\n"


def read_digest(name: str, data: bytes, signed: Signed | None) -> Digest | Broken:
    """Decode one digest; `name` must be that of one. Never raises for what is in the bytes."""
    place = _digest_place(name)
    if place is None:
        raise ValueError(f"`{name}` is no name of a digest")
    chain, end, backfill = place
    text, flaw = _inflated(data)
    if flaw is not None:
        return Broken(name, chain, backfill, end, flaw)
    try:
        found = _DOCUMENT.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Broken(name, chain, backfill, end, f"it is no digest: {error}")
    start, until = _instant(found.digestStartTime), _instant(found.digestEndTime)
    if start is None or until is None or start >= until:
        return Broken(name, chain, backfill, end, "it covers no time")
    return Digest(
        name,
        chain,
        backfill,
        start,
        until,
        found.digestEndTime,
        found.digestS3Bucket,
        found.digestS3Object,
        found.digestPublicKeyFingerprint,
        found.digestSignatureAlgorithm,
        _link(found),
        "null" if found.previousDigestSignature is None else found.previousDigestSignature,
        tuple(_named(log, found.digestS3Bucket) for log in found.logFiles or ()),
        hashlib.sha256(text).hexdigest(),
        signed,
    )


def check(digests: Iterable[Digest | Broken], logs: Collection[str], keys: Iterable[Key], asked: Asked) -> Checked:
    """Check digests and their chains, and tell which log files must be read; `logs` are the names of those there."""
    return _Check(digests, logs, keys, asked).checked()


def check_log(name: str, data: bytes, expected: Sequence[Expected]) -> Finding | None:
    """Check one log file against all that is said of it; None where it is verified."""
    whole, first, flaw = _hashes(data)
    worst: Finding | None = None
    verified = False
    for each in expected:
        if each.trust is Status.TAMPERED:
            worst = worst or _log(
                Status.NOT_VERIFIABLE, name, f"the digest that names it is tampered with: {each.digest}"
            )
        elif each.hash_algorithm != _SHA:
            worst = worst or _log(Status.NOT_VERIFIABLE, name, f"its hash is of an unknown kind, {each.hash_algorithm}")
        elif flaw is not None or whole != each.hash or (first is not None and first == each.hash):
            return _log(Status.TAMPERED, name, flaw or _difference(each, first))
        elif each.trust is Status.VERIFIED:
            verified = True
        else:
            worst = worst or _log(
                Status.NOT_VERIFIABLE, name, f"it is as its digest says, which is not verified itself: {each.digest}"
            )
    if verified:
        return None
    return worst or _log(Status.NOT_VERIFIABLE, name, "no digest names it")


def unread_log(name: str, why: str) -> Finding:
    """Make the finding of a log file that could not be read."""
    return _log(Status.NOT_VERIFIABLE, name, f"it could not be read: {why}")


def report(checked: Checked, found: Iterable[Finding], right: int) -> Report:
    """Put together what the digests say and what came out of the log files, of which so many were `right`."""
    findings = (*checked.findings, *found)
    logs = Counter(each.status for each in findings if each.kind is Kind.LOG)
    logs[Status.VERIFIED] += right
    ordered = sorted(findings, key=lambda each: (each.kind, each.name, each.span.start if each.span else _EPOCH))
    return Report(checked.counts, +logs, tuple(ordered), checked.chains, checked.outside)


def validate(files: Mapping[str, bytes], signatures: Mapping[str, Signed], keys: Iterable[Key], asked: Asked) -> Report:
    """Verify a whole trail that lies in memory: files by name, and what the metadata of digests says, by their name."""
    digests = [read_digest(name, data, signatures.get(name)) for name, data in files.items() if is_digest(name)]
    checked = check(digests, [name for name in files if not is_digest(name)], keys, asked)
    results = [check_log(name, files[name], expected) for name, expected in checked.expected.items()]
    found = [each for each in results if each is not None]
    return report(checked, found, len(results) - len(found))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Slice:
    """The time that one digest of a chain covers, as far as that can be believed."""

    start: datetime
    end: datetime
    digest: Digest | None
    """None where only its name can be believed."""


@dataclass(slots=True)
class _Check:
    """One check of all chains of a source."""

    digests: Iterable[Digest | Broken]
    logs: Collection[str]
    keys: Iterable[Key]
    asked: Asked
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[Status] = field(default_factory=Counter)
    verdicts: dict[str, tuple[Status, str]] = field(default_factory=dict)
    found: dict[str, Digest | Broken] = field(default_factory=dict)
    steps: dict[str, tuple[str, str]] = field(default_factory=dict)
    by_print: dict[str, list[Key]] = field(default_factory=lambda: defaultdict(list))
    loaded: dict[bytes, RSAPublicKey | None] = field(default_factory=dict)
    nexts: dict[str, list[Digest]] = field(default_factory=lambda: defaultdict(list))
    gone: set[str] = field(default_factory=set)
    """Digests that are said to be missing."""

    def checked(self) -> Checked:
        for key in self.keys:
            self.by_print[key.fingerprint].append(key)
        self.found = {each.name: each for each in self.digests}
        whole = [each for each in self.found.values() if isinstance(each, Digest)]
        self.steps = _steps(whole)
        for digest in whole:
            if digest.previous is not None:
                self.nexts[self.name_of(digest.previous.bucket, digest.previous.key)].append(digest)
        self.judge(whole)
        expected = self.expect(whole)
        chains = self.cover()
        outside = self.unnamed(expected, chains)
        present = {name: tuple(each) for name, each in expected.items() if name in self.there()}
        views = tuple(Covered(chain, len(slices), self.believed(slices)) for chain, slices in sorted(chains.items()))
        return Checked(tuple(self.findings), +self.counts, present, views, outside)

    def there(self) -> Collection[str]:
        if not isinstance(self.logs, (set, frozenset, dict)):
            self.logs = frozenset(self.logs)
        return self.logs

    def say(self, status: Status, digest: Digest | Broken, why: str) -> None:
        self.verdicts[digest.name] = (status, why)
        if not self.asks(digest):
            return
        self.counts[status] += 1
        if status is not Status.VERIFIED:
            self.findings.append(Finding(status, Kind.DIGEST, digest.name, why, digest.chain))

    def asks(self, digest: Digest | Broken) -> bool:
        """Tell whether a digest is of the time that is asked for; others are witnesses of those beside them."""
        start, end = self.asked.start, self.asked.end
        begins = digest.start if isinstance(digest, Digest) else digest.end - _HOUR
        return (start is None or digest.end > start) and (end is None or begins < end)

    # Where things lie

    def name_of(self, bucket: str, key: str) -> str:
        """Give the name under which an object must be found; a bucket that is not this one has another name."""
        if self.asked.bucket is not None:
            return key if bucket == self.asked.bucket else f"s3://{bucket}/{key}"
        added, cut = self.steps.get(bucket, ("", ""))
        return added + key[len(cut) :] if key.startswith(cut) else f"s3://{bucket}/{key}"

    # Each digest

    def judge(self, whole: Sequence[Digest]) -> None:
        for broken in self.found.values():
            if isinstance(broken, Broken):
                self.say(Status.TAMPERED, broken, broken.why)
        # The newest first: what it says of the one before is known to be true by then.
        for digest in sorted(whole, key=lambda each: (each.end, each.start, each.name), reverse=True):
            self.say(*self.verdict(digest))

    def verdict(self, digest: Digest) -> tuple[Status, Digest, str]:
        at_home = self.name_of(digest.bucket, digest.key)
        if at_home != digest.name:
            return (
                Status.TAMPERED,
                digest,
                f"it was moved, or another put in its place: it is s3://{digest.bucket}/{digest.key}",
            )
        after = [each for each in self.nexts[digest.name] if each is not digest]
        links = [
            each.previous
            for each in after
            if each.previous is not None
            and each.previous.hash_algorithm == _SHA
            and self.verdicts.get(each.name, (None,))[0] is Status.VERIFIED
        ]
        if any(link.hash != digest.hash for link in links):
            return Status.TAMPERED, digest, "it is not what the digest after it names"
        own = digest.signed
        if own is not None:
            if own.flaw is not None:
                return Status.NOT_VERIFIABLE, digest, own.flaw
            if own.signature and any(link.signature.lower() != own.signature.lower() for link in links):
                return Status.TAMPERED, digest, "its signature is not the one that the digest after it names"
            if own.algorithm is not None and own.algorithm != digest.algorithm:
                return Status.TAMPERED, digest, f"its metadata names another algorithm, {own.algorithm}"
        status, why = self.signature(digest, own, links, after)
        if status is Status.NOT_VERIFIABLE and links:
            return Status.VERIFIED, digest, "a verified digest after it names its hash"
        return status, digest, why

    def signature(
        self, digest: Digest, own: Signed | None, links: Sequence[Link], after: Sequence[Digest]
    ) -> tuple[Status, str]:
        kept = own.signature if own is not None else None
        signature = kept or next((link.signature for link in links), None)
        signature = signature or next((each.previous.signature for each in after if each.previous is not None), None)
        if not signature:
            return Status.NOT_VERIFIABLE, "its signature was not kept, and no digest after it repeats it"
        if digest.algorithm != _RSA:
            return Status.NOT_VERIFIABLE, f"it is signed by an unknown algorithm, {digest.algorithm}"
        when = digest.end if not digest.backfill else (own.generated if own is not None else None)
        if when is None:
            return Status.NOT_VERIFIABLE, "when this backfill digest was made was not kept"
        named = self.by_print.get(digest.fingerprint, ())
        if not named:
            return Status.NOT_VERIFIABLE, f"there is no public key {digest.fingerprint} of {digest.chain.region}"
        valid = [key for key in named if key.start - KEY_SLACK <= when <= key.end + KEY_SLACK]
        if not valid:
            return Status.NOT_VERIFIABLE, f"the public key {digest.fingerprint} was not valid at {iso(when)}"
        keys = [key for key in map(self.load, valid) if key is not None]
        if not keys:
            return Status.NOT_VERIFIABLE, f"the public key {digest.fingerprint} cannot be read"
        if any(_verifies(key, signature, digest) for key in keys):
            return Status.VERIFIED, "its signature is right"
        if kept or links:
            return Status.TAMPERED, "its signature is wrong"
        return Status.NOT_VERIFIABLE, "its signature was not kept, and what the digest after it repeats is not right"

    def load(self, key: Key) -> RSAPublicKey | None:
        if key.value not in self.loaded:
            try:
                found = load_der_public_key(key.value)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                found = None
            self.loaded[key.value] = found if isinstance(found, RSAPublicKey) else None
        return self.loaded[key.value]

    # The log files that digests name

    def expect(self, whole: Sequence[Digest]) -> dict[str, list[Expected]]:
        expected: dict[str, list[Expected]] = {}
        there, missing = self.there(), set()
        for digest in whole:
            trust, asks = self.verdicts[digest.name][0], self.asks(digest)
            for log in digest.logs:
                name = self.name_of(log.bucket, log.key)
                if asks or name in there:
                    said = Expected(log.hash, log.hash_algorithm, digest.name, trust)
                    expected.setdefault(name, []).append(said)
                if asks and name not in there and name not in missing and trust is not Status.TAMPERED:
                    missing.add(name)
                    why = f"it is not there, and {digest.name} names it"
                    self.findings.append(Finding(Status.MISSING, Kind.LOG, name, why, digest.chain))
        return expected

    # The time that each chain covers

    def cover(self) -> dict[Chain, list[_Slice]]:
        chains: dict[Chain, list[_Slice]] = defaultdict(list)
        for each in self.found.values():
            slices = chains[each.chain]
            if each.backfill:
                continue
            if isinstance(each, Digest) and self.verdicts[each.name][0] is Status.VERIFIED:
                slices.append(_Slice(each.start, each.end, each))
            elif isinstance(each, Digest) and self.verdicts[each.name][0] is Status.NOT_VERIFIABLE:
                # It may say anything; no digest is of more than a day.
                slices.append(_Slice(max(each.start, each.end - _DAY), each.end, each))
            else:
                end = _digest_place(each.name)[1]  # type: ignore[index]
                slices.append(_Slice(end - _HOUR, end, None))
        latest: dict[tuple[str, str, str], datetime] = {}
        for chain, slices in chains.items():
            slices.sort(key=lambda each: (each.start, each.end))
            trail = (chain.account, chain.trail, chain.home)
            latest[trail] = max([latest.get(trail, _EPOCH), *(span.end for span in self.believed(slices))])
        for chain, slices in chains.items():
            due = latest[chain.account, chain.trail, chain.home] - DIGEST_DUE
            if self.asked.end is not None:
                due = min(self.asked.end, self.asked.at - DIGEST_DUE)
            self.walk(chain, slices, due)
        for digest in self.found.values():
            if digest.backfill and isinstance(digest, Digest):
                self.before(digest, None)
        return chains

    def walk(self, chain: Chain, slices: Sequence[_Slice], due: datetime) -> None:
        reached = self.asked.start
        began = False
        for each in slices:
            hole = _span(reached, each.start if self.asked.end is None else min(each.start, self.asked.end))
            missing = each.digest is not None and self.before(each.digest, hole)
            if hole is not None and not missing:
                self.hole(chain, hole, each, began=began)
            reached = each.end if reached is None else max(reached, each.end)
            began = True
        hole = _span(reached, due)
        if hole is not None:
            self.gap(Status.MISSING, chain, hole, "no digest was found of this time, at the end of the chain")

    def before(self, digest: Digest, hole: Interval | None) -> bool:
        """Say that the digest before one is missing, and tell so; one that ends before what was asked for is not."""
        link = digest.previous
        if link is None or self.verdicts[digest.name][0] is Status.TAMPERED:
            return False
        name = self.name_of(link.bucket, link.key)
        if name in self.found or name in self.gone:
            return name in self.gone
        place = _digest_place(link.key)
        ends = digest.start if place is None else place[1]
        if hole is None and not self.asks(Broken(name, digest.chain, digest.backfill, ends, "")):
            return False
        self.gone.add(name)
        why = f"it is not there, and {digest.name} names it as the one before"
        if hole is not None and hole.length > _HOUR + _EDGE:
            why += f"; some {round(hole.length / _HOUR)} hours are without a digest, so others are missing too"
        self.counts[Status.MISSING] += 1
        self.findings.append(Finding(Status.MISSING, Kind.DIGEST, name, why, digest.chain, hole))
        return True

    def hole(self, chain: Chain, hole: Interval, after: _Slice, *, began: bool) -> None:
        if after.digest is None:
            self.gap(Status.MISSING, chain, hole, "no digest was found of this time")
        elif after.digest.previous is not None:
            self.gap(Status.NOT_VERIFIABLE, chain, hole, "two digests that follow each other leave this time out")
        elif began:
            why = "the chain begins anew after this: logging or validation was off, or digests of its end were removed"
            self.gap(Status.NOT_VERIFIABLE, chain, hole, why)
        else:
            why = "the chain begins after this: validation was off before, or an older chain was removed"
            self.gap(Status.NOT_VERIFIABLE, chain, hole, why)

    def gap(self, status: Status, chain: Chain, hole: Interval, why: str) -> None:
        self.findings.append(Finding(status, Kind.SPAN, "", why, chain, hole))

    def believed(self, slices: Iterable[_Slice]) -> tuple[Interval, ...]:
        return merge(
            Interval(each.start, each.end)
            for each in slices
            if each.digest is not None and self.verdicts[each.digest.name][0] is Status.VERIFIED
        )

    # The log files that no digest names

    def unnamed(self, expected: Collection[str], chains: Mapping[Chain, Sequence[_Slice]]) -> int:
        outside = 0
        grouped: dict[tuple[str, str, str], list[_Slice]] = defaultdict(list)
        for chain, slices in chains.items():
            grouped[chain.lead, chain.account, chain.region].extend(slices)
        areas = {
            area: (max(each.end for each in slices), Timeline(slices, _minutes_of))
            for area, slices in grouped.items()
            if slices
        }
        for name in self.there():
            if name in expected:
                continue
            place = _log_place(name)
            if place is None:
                why = "no digest names it, and it is not called as CloudTrail calls its files"
                self.findings.append(_log(Status.NOT_COVERED, name, why))
                continue
            *area, minute = place
            if not _within(minute, self.asked):
                outside += 1
                continue
            status, why = self.unnamed_at(areas.get((area[0], area[1], area[2])), minute)
            self.findings.append(_log(status, name, why))
        return outside

    def unnamed_at(self, area: tuple[datetime, Timeline[_Slice]] | None, minute: datetime) -> tuple[Status, str]:
        fresh = -_EDGE <= self.asked.at - minute <= DIGEST_DUE
        if fresh and (area is None or minute >= area[0] - _EDGE):
            return Status.NOT_YET_COVERED, "its digest is still to come"
        if area is None:
            return Status.NOT_VERIFIABLE, "there is no digest of its account and region at its place"
        around = area[1].at(minute)
        if not around:
            return Status.NOT_VERIFIABLE, "there is no digest of its time"
        trusts = {self.verdicts[each.digest.name][0] if each.digest else Status.TAMPERED for each in around}
        if Status.VERIFIED not in trusts:
            return Status.NOT_VERIFIABLE, "the digest of its time is not verified itself"
        return Status.NOT_COVERED, "no digest names it, and the digest of its time is there"


def _steps(whole: Iterable[Digest]) -> dict[str, tuple[str, str]]:
    """Tell for each bucket how names differ from keys: what is put before, and what is cut off, for most digests."""
    votes: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for digest in whole:
        name, key = digest.name, digest.key
        if name == key or key.endswith(f"/{name}"):
            votes[digest.bucket][("", key[: len(key) - len(name)])] += 1
        elif name.endswith(f"/{key}"):
            votes[digest.bucket][(name[: len(name) - len(key)], "")] += 1
    return {
        bucket: min(found, key=lambda step: (-found[step], len(step[0]) + len(step[1]), step))
        for bucket, found in votes.items()
    }


def _digest_place(name: str) -> tuple[Chain, datetime, bool] | None:
    folder, _, last = name.rpartition("/")
    found = _DIGEST_NAME.fullmatch(last)
    end = _instant(found[5]) if found else None
    if found is None or end is None:
        return None
    return Chain(_lead(folder), found[1], found[2], found[3], found[4]), end, found[6] is not None


def _log_place(name: str) -> tuple[str, str, str, datetime] | None:
    folder, _, last = name.rpartition("/")
    found = _LOG_NAME.fullmatch(last)
    minute = _instant(found[3]) if found else None
    return None if found is None or minute is None else (_lead(folder), found[1], found[2], minute)


def _lead(folder: str) -> str:
    found = None
    for found in _KIND.finditer(folder):  # noqa: B007 - the last is looked for
        pass
    return folder[: found.start()] if found else folder


def _link(found: _Document) -> Link | None:
    if found.previousDigestS3Object is None or found.previousDigestS3Bucket is None:
        return None
    return Link(
        found.previousDigestS3Bucket,
        found.previousDigestS3Object,
        (found.previousDigestHashValue or "").lower(),
        found.previousDigestHashAlgorithm or "",
        found.previousDigestSignature or "",
    )


def _named(log: _Log, bucket: str) -> Named:
    """Take a log file as it is named; texts that all of them share are kept once."""
    kind = _SHA if log.hashAlgorithm == _SHA else log.hashAlgorithm
    return Named(bucket if log.s3Bucket == bucket else log.s3Bucket, log.s3Object, log.hashValue.lower(), kind)


def _verifies(key: RSAPublicKey, signature: str, digest: Digest) -> bool:
    text = f"{digest.end_text}\n{digest.bucket}/{digest.key}\n{digest.hash}\n{digest.previous_signature}"
    try:
        key.verify(bytes.fromhex(signature), text.encode("utf-8", "surrogatepass"), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _inflated(data: bytes) -> tuple[bytes, str | None]:
    """Inflate a digest whole, and say what is wrong with it."""
    if data[:2] != _GZIP:
        return data, None
    if data[3:4] > _FLAGS:
        return b"", "its gzip is damaged: flags that there are not"
    inflater = isal_zlib.decompressobj(_GZIP_WINDOW)
    try:
        text: bytes = inflater.decompress(data, _DIGEST_LIMIT)
    except _DAMAGED as error:
        return b"", f"its gzip is damaged: {error}"
    if not inflater.eof:
        return b"", "its gzip breaks off, or holds more than any digest"
    return text, f"{len(inflater.unused_data)} bytes follow its gzip" if inflater.unused_data else None


def _hashes(data: bytes) -> tuple[str, str | None, str | None]:
    """Give the SHA-256 of all that a file holds inflated; of its first gzip member where there are more; a flaw."""
    if data[:2] != _GZIP:
        return hashlib.sha256(data).hexdigest(), None, None
    whole, first, inflated = hashlib.sha256(), None, 0
    rest = data
    while True:
        if rest[3:4] > _FLAGS:
            return "", None, "its gzip is damaged: flags that there are not"
        inflater = isal_zlib.decompressobj(_GZIP_WINDOW)
        try:
            while not inflater.eof:
                text = inflater.decompress(rest, _STEP)
                rest = inflater.unconsumed_tail
                whole.update(text)
                inflated += len(text)
                if inflated > INFLATED_LIMIT:
                    return "", None, "it inflates to more than any log file"
                if not text and not rest and not inflater.eof:
                    return "", None, "its gzip breaks off"
        except _DAMAGED as error:
            return "", None, f"its gzip is damaged: {error}"
        rest = inflater.unused_data
        if not rest:
            return whole.hexdigest(), first, None
        first = first or whole.hexdigest()
        if rest[:2] != _GZIP:
            return "", None, f"{len(rest)} bytes follow its gzip"


def _difference(expected: Expected, first: str | None) -> str:
    if first == expected.hash:
        return f"more was appended to what {expected.digest} names"
    return f"it is not what {expected.digest} names: its hash differs"


def _log(status: Status, name: str, why: str) -> Finding:
    return Finding(status, Kind.LOG, name, why)


def _span(start: datetime | None, end: datetime) -> Interval | None:
    return Interval(start, end) if start is not None and start < end else None


def _minutes_of(part: _Slice) -> Interval:
    """Give the minutes that the log files of a digest may be named for: the first began before it."""
    return Interval(part.start - _MINUTE + _SECOND, part.end)


def _within(minute: datetime, asked: Asked) -> bool:
    return (asked.start is None or asked.start <= minute) and (asked.end is None or minute < asked.end)


def _instant(text: str | float) -> datetime | None:
    """Read an instant in ISO-8601, or in seconds since 1970; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else datetime.fromtimestamp(text, UTC)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.year in _YEARS else None
