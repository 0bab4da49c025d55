"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from tests.examples import register
from tests.idp import peer
from tests.postgres import postgres
from tests.sshd import james, sshd, without_sudo
from tests.states import place, states_begin_as_a_copy


__all__ = ("data_dir", "james", "peer", "place", "postgres", "sshd", "states_begin_as_a_copy", "without_sudo")


register()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Give the folder of public data sets, or skip by name where it is absent."""
    named = os.environ.get("WATCHBILL_DATA")  # noqa: TID251 - the one way to tell the tests where the data is
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"public data sets are absent: no folder {folder} (set WATCHBILL_DATA)")
    return folder


def pytest_xdist_auto_num_workers() -> int:
    """Give more workers than there are cores: many tests wait, for processes, servers and hosts that they talk to."""
    return (os.cpu_count() or 1) + 2
