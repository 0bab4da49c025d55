"""Measure how long an event takes from its file to a case, while a backfill is taken in and audited beside it.

Three processes work on one lake: `trail ingest` of a trail that `trail_generator.py` makes, a loop of `run --every`,
and this one, which puts small files into the folder that the loop reads, at random instants. Each has one event, of
somebody who does what is not theirs to do. What is measured is the time from the file being there to a case in the
store that counts its event. AWS is a stand-in on loopback.

    python tools/bench_arrival.py                    # a backfill of 500,000 events, 40 files

What others do on this machine is in the figures: its load is printed beside them.
"""

import argparse
import json
import os
import random
import signal
import sqlite3  # noqa: TID251 - it looks at the files from outside, as whoever waits would
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from trail_generator import kept_trail

from watchbill.sim.stand_in import StandIn
from watchbill.team.files import parse


ACTIONS = [
    "iam:CreateAccessKey",
    "iam:CreateUser",
    "iam:AttachUserPolicy",
    "iam:PutUserPolicy",
    "iam:CreateLoginProfile",
    "iam:CreateRole",
    "iam:UpdateAssumeRolePolicy",
    "cloudtrail:StopLogging",
    "cloudtrail:DeleteTrail",
    "kms:ScheduleKeyDeletion",
    "s3:DeleteBucket",
    "ec2:AuthorizeSecurityGroupIngress",
    "rds:DeleteDBInstance",
    "lambda:CreateFunction20150331",
]
"""A case shows a few events that are alike: each pair of one of these and a person is done once."""

FILES, EVENTS, EVERY, SECONDS = 40, 500_000, "5s", 120
_POLL = 0.1
_GIVE_UP = 240
"""Seconds after the last file."""

_TO_END = 60
"""Seconds that the loop has to end its pass."""


@dataclass(slots=True)
class Fed:
    """A file that was put into the folder, and what became of it."""

    event: str
    at: float
    during: str
    """What the backfill was doing then."""
    found: float | None = None


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=EVENTS, help="events of the backfill")
    parser.add_argument("--files", type=int, default=FILES, help="files that are fed")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="over how long they are fed")
    parser.add_argument("--every", default=EVERY, help="how often a pass begins")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    trail, _ = kept_trail(given.events)
    with tempfile.TemporaryDirectory(prefix="watchbill-arrival-") as place, StandIn() as stand_in:
        folder = Path(place)
        fed = measure(folder, trail, stand_in.endpoint, given)
    report(fed, given)


def measure(folder: Path, trail: Path, endpoint: str, given: argparse.Namespace) -> list[Fed]:
    """Run the backfill and the loop, feed the folder, and wait for every case."""
    text = resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8")
    (folder / "watchbill.yaml").write_text(text, "utf-8")
    people = parse(text.encode(), "watchbill.yaml")
    (feed := folder / "feed").mkdir()
    account = next(iter(people.accounts.values())).number
    users = [person.iam_user for person in people.people.values()]
    draw = random.Random(given.seed)  # noqa: S311 - instants, not secrets
    pairs = [(user, action) for user in users for action in ACTIONS]
    draw.shuffle(pairs)
    put(feed, record("first", *pairs.pop(), account))
    aws = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    env = {**os.environ, **aws, "WATCHBILL_ACTOR": "watchbill"}  # noqa: TID251 - what children are given
    fed: list[Fed] = []
    with (
        started(folder, env, "run", "--trail", "feed", "--every", given.every, "--json") as loop,
        started(folder, env, "trail", "ingest", str(trail)) as backfill,
    ):
        begun = time.monotonic()
        when = sorted(begun + draw.random() * given.seconds for _ in range(given.files))
        last = when[-1]
        ended: float | None = None
        while (when or any(each.found is None for each in fed)) and time.monotonic() < last + _GIVE_UP:
            if ended is None and backfill.poll() is not None:
                ended = time.monotonic()
                print(
                    f"the backfill of {given.events:,} events took {ended - begun:.0f} s, exit {backfill.returncode}",
                    flush=True,
                )
            if when and time.monotonic() >= when[0]:
                when.pop(0)
                event = f"fed-{len(fed)}"
                put(feed, record(event, *pairs.pop(), account))
                during = "ingest" if ended is None else "audit" if waiting(folder) > 1 else "quiet"
                fed.append(Fed(event, time.monotonic(), during))
            counted = in_cases(folder)
            for each in fed:
                if each.found is None and each.event in counted:
                    each.found = time.monotonic()
            time.sleep(_POLL)
        print(f"{time.monotonic() - begun:.0f} s after the start {waiting(folder)} spans are left to audit", flush=True)
        loop.send_signal(signal.SIGTERM)
        try:
            print(f"the loop ended its pass, with exit {loop.wait(_TO_END)}", flush=True)
        except subprocess.TimeoutExpired:
            print(f"the loop did not end its pass within {_TO_END} s, and is killed", flush=True)
    passes = [json.loads(line) for line in (folder / "run.out").read_text().splitlines()]
    said = {problem["message"] for each in passes for problem in each["problems"]}
    print(f"{len(passes)} passes; problems: {sorted(said) or 'none'}")
    return fed


@contextmanager
def started(folder: Path, env: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command line of watchbill; what it prints goes into a file."""
    with (folder / f"{arguments[0]}.out").open("wb") as out, (folder / f"{arguments[0]}.err").open("wb") as err:
        command = [sys.executable, "-m", "watchbill", *arguments]
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=err)  # noqa: S603 - of this file
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def record(event: str, user: str, action: str, account: str) -> dict[str, object]:
    """Make what somebody does now that is not theirs to do, from nowhere known."""
    service, _, name = action.partition(":")
    arn = f"arn:aws:iam::{account}:user/watchbill/{user}"
    return {
        "eventVersion": "1.11",
        "eventID": event,
        "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),  # noqa: TID251 - events of now are what is fed
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "eventType": "AwsApiCall",
        "recipientAccountId": account,
        "sourceIPAddress": "198.18.7.9",
        "userAgent": "aws-cli/2.31",
        "readOnly": False,
        "requestParameters": {"userName": "somebody"},
        "userIdentity": {"type": "IAMUser", "userName": user, "accountId": account, "arn": arn, "accessKeyId": "AKIA1"},
    }


def put(feed: Path, made: dict[str, object]) -> None:
    """Put a file into the folder, whole from the first moment on."""
    passing = feed / f".{made['eventID']}"
    passing.write_text(json.dumps({"Records": [made]}))
    passing.rename(feed / f"{made['eventID']}.json")


def in_cases(folder: Path) -> set[str]:
    """Give the events that count in a case of the store."""
    return {
        each for (text,) in ask(folder / ".watchbill/state.db", "SELECT payload FROM cases") for each in counted(text)
    }


def counted(payload: str) -> Sequence[str]:
    """Give the events that count in a case: see `CaseView.counted`."""
    return [each["event_id"] for each in json.loads(payload)["evidence"] if each["note"]]


def waiting(folder: Path) -> int:
    """Count the spans that nobody has audited yet."""
    return len(ask(folder / ".watchbill/lake/manifest.db", "SELECT number FROM arrived"))


def ask(file: Path, query: str) -> list[tuple[str]]:
    """Ask a database that others write to; nothing where it is not made yet."""
    if not file.exists():
        return []
    try:
        with closing(sqlite3.connect(file, timeout=5)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def report(fed: Sequence[Fed], given: argparse.Namespace) -> None:
    """Print how long it took."""
    print(f"load {os.getloadavg()}, {os.cpu_count()} cores; a pass every {given.every}")
    for during in ("ingest", "audit", "quiet", ""):
        took = sorted(each.found - each.at for each in fed if each.found is not None and during in ("", each.during))
        if took:
            p50, p95 = (took[min(len(took) - 1, int(len(took) * part))] for part in (0.5, 0.95))
            what = during or "all"
            print(f"{what:>6}: {len(took)} events, p50 {p50:.1f} s, p95 {p95:.1f} s, most {took[-1]:.1f} s")
    if lost := [each.event for each in fed if each.found is None]:
        print(f"in no case: {', '.join(lost)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
