"""Instances that are killed while they tell and hear people, in small; `tools/bench_respond.py` does it at its size."""

import pytest
from tools.soak import Load, soak


@pytest.mark.slow  # A message whose process was killed is asked about when two minutes are over.
def test_whoever_is_killed_nothing_is_lost_and_nothing_said_twice(place):
    """On SQLite and on Postgres: one question a case, each answer the one that was pressed, the ledger one chain."""
    load = Load(cases=60, messages=300, kills=3, between=(4.0, 9.0), presses=2.0, silent=0, most=600.0)
    found = soak(load, place.folder, place.url)
    assert found.faults == ()
    assert found.kills == 3
    assert len(found.presses) == 60
