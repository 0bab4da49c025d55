"""A Postgres of its own for the tests: made, started and stopped by the session that asks for it.

`make system` installs what it takes. It is reached over a socket in its folder, by nobody else, and never from a network.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest


class Postgres:
    """A server that runs; each database that is made in it is empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def url(self, name: str) -> str:
        """Give the address of a database."""
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def database(self) -> str:
        """Make a database; give its address."""
        name = f"watchbill_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run Postgres while the tests run; a machine without it fails them, and says what to do."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="watchbill-pg-"))
    who = _whoever_may(folder)
    data = folder / "data"
    made = ["--pgdata", str(data), "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]
    subprocess.run([str(programs / "initdb"), *made], check=True, capture_output=True, cwd=folder, **who)
    # What these settings risk is lost with the machine's power, and nothing of it is to be kept.
    asked = {"unix_socket_directories": folder, "listen_addresses": "", "fsync": "off", "full_page_writes": "off"}
    options = [word for name, value in asked.items() for word in ("-c", f"{name}={value}")]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [str(programs / "postgres"), "-D", str(data), *options], stdout=log, stderr=log, cwd=folder, **who
    )
    try:
        running = Postgres(folder)
        _await(running, server, folder / "log")
        yield running
    finally:
        server.terminate()
        try:
            # Asked nicely it waits for whoever is connected; then no longer.
            server.wait(2)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGINT)
            server.wait(30)
        log.close()
        shutil.rmtree(folder)


def _programs() -> Path:
    """Find where Postgres's programs are: on the path, or where Debian puts them."""
    named = shutil.which("postgres")
    places = [Path(named).resolve().parent] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = [place for place in places if (place / "initdb").exists()]
    assert found, "no Postgres on this machine: run `make system`"
    return found[-1]


def _whoever_may(folder: Path) -> dict[str, Any]:
    """Tell as whom it runs: it refuses root, and then runs as nobody, who is given the folder."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _await(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            psycopg.connect(server.url("postgres")).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())
