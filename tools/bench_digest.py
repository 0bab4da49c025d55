"""Measure the validation of digest chains on CPU time, beside a plain loop that inflates and hashes the same bytes.

The loop uses the same inflater (isal) and the same SHA-256 (hashlib's): what is compared is the rest, the decoding of
digests, their signatures, the chain, and the account of every file. The figure of the loop with zlib is given too.
Run from a checkout with the development dependencies installed.
"""

import argparse
import gzip
import hashlib
import json
import random
import resource
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from isal import isal_zlib


sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.digests import BUCKET, START, Maker, Trail, public

from watchbill.trail.digest import Asked, validate


GOAL = 0.7
"""Speed of the validation, to that of the loop."""


def records(rng: random.Random, count: int) -> bytes:
    """Write records of about the size and the redundancy of real ones."""
    return json.dumps(
        {
            "Records": [
                {
                    "eventVersion": "1.11",
                    "userIdentity": {
                        "type": "AssumedRole",
                        "principalId": f"AROA{rng.getrandbits(64):016X}:session-{rng.randrange(200)}",
                        "arn": f"arn:aws:sts::111111111111:assumed-role/role-{rng.randrange(50)}/session",
                        "accountId": "111111111111",
                        "accessKeyId": f"ASIA{rng.getrandbits(64):016X}",
                        "sessionContext": {"attributes": {"creationDate": "2026-03-02T10:00:00Z"}},
                    },
                    "eventTime": f"2026-03-02T10:{rng.randrange(60):02}:{rng.randrange(60):02}Z",
                    "eventSource": rng.choice(("s3", "ec2", "sts", "kms", "logs")) + ".amazonaws.com",
                    "eventName": rng.choice(("GetObject", "DescribeInstances", "AssumeRole", "Decrypt")),
                    "awsRegion": "eu-west-1",
                    "sourceIPAddress": f"198.51.100.{rng.randrange(256)}",
                    "userAgent": "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#arm64",
                    "requestParameters": {
                        "bucketName": f"bucket-{rng.randrange(99)}",
                        "key": f"{rng.getrandbits(99):x}",
                    },
                    "responseElements": None,
                    "requestID": f"{rng.getrandbits(128):032x}",
                    "eventID": f"{rng.getrandbits(128):032x}",
                    "readOnly": True,
                    "eventType": "AwsApiCall",
                    "managementEvent": True,
                    "recipientAccountId": "111111111111",
                    "eventCategory": "Management",
                }
                for _ in range(count)
            ]
        }
    ).encode()


class BenchMaker(Maker):
    """Delivers log files with records of a real size; the same few again and again, to be made in time."""

    contents: tuple[bytes, ...] = ()

    def log(self, at: Any) -> str:
        """Deliver a log file."""
        key = self.log_key(at, f"{len(self.trail.files):010}")
        self.trail.files[key] = self.contents[len(self.trail.files) % len(self.contents)]
        return key


def made(hours: int, logs: int, count: int) -> Trail:
    """Make a chain of some hours of so many log files, each of about `count` records."""
    rng = random.Random(7)  # noqa: S311 - the same files in each run
    contents = tuple(gzip.compress(records(rng, rng.randrange(1, 2 * count)), 6, mtime=0) for _ in range(97))
    maker = BenchMaker()
    maker.contents = contents
    maker.hours(hours, logs)
    maker.trail.keys = (public(end=maker.end),)
    return maker.trail


def loop(files: Mapping[str, bytes], inflate: Callable[[bytes], bytes]) -> None:
    """Inflate and hash every file."""
    for data in files.values():
        hashlib.sha256(inflate(data)).hexdigest()


def spent(work: Callable[[], Any], times: int = 3) -> float:
    """Give the least CPU time of several runs, in seconds."""
    found = []
    for _ in range(times):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return min(found)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=72, help="hours of the chain, a digest each")
    parser.add_argument("--logs", type=int, default=60, help="log files an hour")
    parser.add_argument("--records", type=int, default=20, help="records a log file, on average")
    options = parser.parse_args()
    trail = made(options.hours, options.logs, options.records)
    inflated = sum(len(gzip.decompress(data)) for data in trail.files.values()) / 1e6
    asked = Asked(START + timedelta(days=400), bucket=BUCKET)

    def ours() -> None:
        report = validate(trail.files, trail.signatures, trail.keys, asked)
        if not report.sound:
            raise SystemExit("the chain that was made does not verify")

    with_isal = spent(lambda: loop(trail.files, lambda data: isal_zlib.decompress(data, 31)))
    with_zlib = spent(lambda: loop(trail.files, lambda data: zlib.decompress(data, 31)))
    seconds = spent(ours)
    print(f"{len(trail.files)} files, {len(trail.digests)} of them digests, {inflated:.0f} MB inflated")
    for what, figure in (
        ("gunzip and SHA-256, isal", with_isal),
        ("gunzip and SHA-256, zlib", with_zlib),
        ("validation of digests and log files", seconds),
    ):
        print(f"{what:44} {figure:8.3f} s CPU {inflated / figure:8.0f} MB/s")
    print(f"{f'speed of validation to the loop (goal {GOAL})':44} {with_isal / seconds:8.2f}")
    print(f"{'most memory':44} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MiB")


if __name__ == "__main__":
    main()
