"""From arrival to case while a backfill runs, as a team has it: three processes on one lake."""

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from importlib import resources
from pathlib import Path

import pytest
from tests.lakes import AT, log, named_on_hosts
from tests.trails import after, record, user

from watchbill.lake.delivery import Delivery
from watchbill.lake.ingest import ingest
from watchbill.lake.place import Lake
from watchbill.sim.stand_in import StandIn
from watchbill.trail.everyone import Everyone
from watchbill.trail.interfaces import NothingKnown


NOW = "2026-01-13T03:00:00Z"
"""Rick is not on watch then."""

SECONDS = 120
"""No goal, but how long a machine with much else to do may take."""


def fetched_slowly(number):
    """Fetch an object of the backfill as from far away: each with two events, of which its neighbour has one too."""
    time.sleep(0.02)
    return log([record(event_id=f"old {number + step}", at=after((number + step) % 200 - 2_000)) for step in (0, 1)])


def fill_back(folder):
    """Take in what would take minutes."""
    with contextlib.closing(Lake(folder, wait=60)) as lake:
        objects = [Delivery(f"old/{n:05}.json.gz", "1", 400, partial(fetched_slowly, n)) for n in range(20_000)]
        ingest(
            lake,
            objects,
            lambda find, trusts: Everyone(None, find, NothingKnown()),
            partial(named_on_hosts, None),
            AT,
            beside=2,
        )


def objects_of(folder):
    """Count what was taken in."""
    with contextlib.closing(Lake(folder)) as lake:
        return lake.manifest.totals()["objects"]


def until(wanted, what):
    """Wait for something."""
    end = time.monotonic() + SECONDS
    while not wanted():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@pytest.mark.slow
def test_a_case_comes_while_a_backfill_runs(tmp_path):
    """Files that come meanwhile are cases before it ends; it goes on after each; killed, it has lost nothing."""
    text = resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8")
    (tmp_path / "watchbill.yaml").write_text(text, "utf-8")
    (tmp_path / "logs").mkdir()
    place = tmp_path / ".watchbill" / "lake"
    backfill = multiprocessing.get_context("spawn").Process(target=fill_back, args=(place,))
    backfill.start()
    with StandIn() as aws, (tmp_path / "out").open("wb") as out:
        keys = {"AWS_ENDPOINT_URL": aws.endpoint, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        env = {**os.environ, **keys, "WATCHBILL_AT": NOW}  # noqa: TID251 - what a child is given
        until(lambda: place.exists() and objects_of(place) > 0, "no backfill")
        command = [sys.executable, "-m", "watchbill", "run", "--every", "1s", "--trail", "logs", "--json"]
        loop = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=out)
        try:
            for number in range(3):
                put(tmp_path, number)
                until(lambda number=number: cases(tmp_path) > number, f"no case of file {number}")
                assert backfill.is_alive()
                before = objects_of(place)
                until(lambda before=before: objects_of(place) > before + 1, "the backfill stands still")
            loop.send_signal(signal.SIGTERM)
            assert loop.wait(SECONDS) == 0
        finally:
            loop.kill()
            loop.wait()
            backfill.kill()
            backfill.join()
    with contextlib.closing(Lake(place, wait=60)) as lake, lake.held():
        totals, rows = lake.manifest.totals(), sum(part.rows for part in lake.manifest.parts())
    assert totals["events"] - totals["duplicates"] == rows
    assert rows > 3


def put(folder: Path, number: int) -> None:
    """Put a file with something that is not Rick's to do into the trail, hours apart, so that each is its own case."""
    made = record("iam:CreateAccessKey", user("rick"), event_id=f"new {number}", readOnly=False)
    made["eventTime"] = f"2026-01-13T0{number}:30:00Z" if number < 3 else NOW
    passing = folder / ".passing"
    passing.write_bytes(log([made]))
    passing.rename(folder / "logs" / f"{number}.json.gz")


def cases(folder: Path) -> int:
    """Count the cases that were raised of such."""
    lines = (folder / "out").read_text().splitlines(keepends=True)
    passes = [json.loads(line) for line in lines if line.endswith("\n")]
    return len({each for found in passes if found["result"] for each in found["result"]["raised"]})
