"""Digest chains as CloudTrail makes them, signed with keys of our own.

After the CloudTrail User Guide, "CloudTrail digest file structure" and "Custom implementations of CloudTrail log file
integrity validation". No real chain with its signatures is public.
"""

import gzip
import hashlib
import json
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from watchbill.trail.digest import Asked, Key, Report, Signed, validate


START = datetime(2026, 3, 2, 10, 1, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUCKET = "example-trail"
ACCOUNT = "111111111111"
REGION = "eu-west-1"
AT = datetime(2026, 3, 9, tzinfo=UTC)

PRIVATE = tuple(rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
"""Made anew in each run: what is tested does not depend on which they are."""


def public(number: int = 0, start: datetime = START - 24 * HOUR, end: datetime = START + 240 * HOUR) -> Key:
    """Give a public key as ListPublicKeys would."""
    value = PRIVATE[number].public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return Key(print_of(value), value, start, end, REGION)


def print_of(value: bytes) -> str:
    """Give a fingerprint of the length that CloudTrail's have; how AWS makes it is not documented."""
    return hashlib.sha256(value).hexdigest()[:32]


@dataclass
class Trail:
    """Files of a bucket, and the metadata of the digests in it."""

    files: dict[str, bytes] = field(default_factory=dict)
    signatures: dict[str, Signed] = field(default_factory=dict)
    keys: tuple[Key, ...] = field(default_factory=lambda: (public(),))
    digests: list[str] = field(default_factory=list)
    """Keys of the digests, in the order in which they were made."""

    def copy(self) -> "Trail":
        """Give one of its own to be tampered with."""
        return Trail(dict(self.files), dict(self.signatures), self.keys, list(self.digests))

    def logs(self) -> list[str]:
        """Give the keys of the log files, in order."""
        return sorted(set(self.files) - set(self.digests))

    def document(self, key: str) -> Any:
        """Give what a digest says."""
        return json.loads(gzip.decompress(self.files[key]))

    def rewrite(self, key: str, **changes: Any) -> None:
        """Change what a digest says, and leave its signature as it is."""
        self.files[key] = packed(self.document(key) | changes)

    def sign(self, key: str, number: int = 0) -> None:
        """Sign a digest anew as it is now."""
        inside = gzip.decompress(self.files[key])
        self.signatures[key] = replace(self.signatures[key], signature=signature(json.loads(inside), inside, number))

    def remove(self, *keys: str) -> None:
        """Take files away, and what is kept with them."""
        for key in keys:
            del self.files[key]
            self.signatures.pop(key, None)

    def move(self, old: str, new: str) -> None:
        """Put a file, and what is kept with it, into another place."""
        self.files[new] = self.files.pop(old)
        if old in self.signatures:
            self.signatures[new] = self.signatures.pop(old)

    def verify(self, **asked: Any) -> Report:
        """Verify it as it is now."""
        given: dict[str, Any] = {"at": AT, "bucket": BUCKET} | asked
        return validate(self.files, self.signatures, self.keys, Asked(**given))


def packed(document: Any) -> bytes:
    """Write JSON as it is delivered."""
    return gzip.compress(json.dumps(document).encode(), mtime=0)


def signature(document: Any, inside: bytes, number: int = 0) -> str:
    """Sign a digest as CloudTrail does."""
    before = document["previousDigestSignature"] or "null"
    place = f"{document['digestS3Bucket']}/{document['digestS3Object']}"
    text = f"{document['digestEndTime']}\n{place}\n{hashlib.sha256(inside).hexdigest()}\n{before}"
    return PRIVATE[number].sign(text.encode(), PKCS1v15(), SHA256()).hex()


@dataclass
class Maker:
    """Delivers log files and digests, hour by hour, for one trail, account and region."""

    trail: Trail = field(default_factory=Trail)
    lead: str = f"AWSLogs/{ACCOUNT}"
    account: str = ACCOUNT
    region: str = REGION
    name: str = "main"
    bucket: str = BUCKET
    end: datetime = START
    """Until when digests were made."""
    last: str | None = None
    """Key of the digest before; None where the chain begins anew."""
    number: int = 0
    """Which key signs."""
    seed: int = 0

    def hour(self, logs: int = 2) -> str:
        """Deliver an hour's log files and its digest, whose key is given."""
        start = self.end
        self.end += HOUR
        made = [self.log(start + HOUR * (place + 1) / (logs + 1)) for place in range(logs)]
        key = self.digest_key(self.end)
        self.deliver(key, start, self.end, made, self.last)
        self.last = key
        return key

    def hours(self, count: int, logs: int = 2) -> list[str]:
        """Deliver some hours."""
        return [self.hour(logs) for _ in range(count)]

    def pause(self, hours: float) -> None:
        """Stop logging for a while: the chain begins anew."""
        self.end += hours * HOUR
        self.last = None

    def backfill(self, end: datetime, made: list[str], generated: datetime, last: str | None = None) -> str:
        """Deliver a digest of log files that their own digest left out."""
        key = self.digest_key(end).replace(".json.gz", "_backfill.json.gz")
        self.deliver(key, end - HOUR, end, made, last)
        self.trail.signatures[key] = replace(self.trail.signatures[key], generated=generated)
        return key

    def log(self, at: datetime) -> str:
        """Deliver a log file."""
        rng = random.Random(f"{self.seed} {self.account} {self.region} {at}")
        records = [{"eventID": f"{rng.getrandbits(64):016x}", "n": n} for n in range(rng.randrange(1, 5))]
        key = self.log_key(at, f"{rng.getrandbits(80):020x}")
        self.trail.files[key] = packed({"Records": records})
        return key

    def log_key(self, at: datetime, tail: str = "abcdefghij") -> str:
        """Name a log file."""
        folder = f"{self.lead}/CloudTrail/{self.region}/{at:%Y/%m/%d}"
        return f"{folder}/{self.account}_CloudTrail_{self.region}_{at:%Y%m%dT%H%MZ}_{tail}.json.gz"

    def digest_key(self, end: datetime) -> str:
        """Name a digest."""
        folder = f"{self.lead}/CloudTrail-Digest/{self.region}/{end:%Y/%m/%d}"
        return (
            f"{folder}/{self.account}_CloudTrail-Digest_{self.region}_{self.name}_{REGION}_{end:%Y%m%dT%H%M%SZ}.json.gz"
        )

    def deliver(self, key: str, start: datetime, end: datetime, logs: list[str], last: str | None) -> None:
        """Write and sign one digest."""
        trail = self.trail
        before = gzip.decompress(trail.files[last]) if last else b""
        document = {
            "awsAccountId": self.account,
            "digestStartTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "digestS3Bucket": self.bucket,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": public(self.number).fingerprint,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": None,
            "oldestEventTime": None,
            "previousDigestS3Bucket": self.bucket if last else None,
            "previousDigestS3Object": last,
            "previousDigestHashValue": hashlib.sha256(before).hexdigest() if last else None,
            "previousDigestHashAlgorithm": "SHA-256" if last else None,
            "previousDigestSignature": trail.signatures[last].signature if last else None,
            "logFiles": [
                {
                    "s3Bucket": self.bucket,
                    "s3Object": log,
                    "hashValue": hashlib.sha256(gzip.decompress(trail.files[log])).hexdigest(),
                    "hashAlgorithm": "SHA-256",
                    "newestEventTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                    "oldestEventTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                }
                for log in logs
            ],
        }
        inside = json.dumps(document).encode()
        trail.files[key] = gzip.compress(inside, mtime=0)
        trail.signatures[key] = Signed(signature(document, inside, self.number), "SHA256withRSA")
        trail.digests.append(key)


def chain(hours: int = 6, logs: int = 2, **maker: Any) -> Trail:
    """Make a chain of some hours."""
    made = Maker(**maker)
    made.hours(hours, logs)
    return made.trail
