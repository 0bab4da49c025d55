"""`demo --serve` as a process: what it prints, that it ends when it is told to, and what it refuses."""

import signal
import subprocess
import sys
import time
from socket import create_server

import pytest


def test_a_port_that_is_taken_is_told_at_once(watchbill):
    """Before a world is made for nothing."""
    with create_server(("127.0.0.1", 0)) as taken:
        ran = watchbill("demo", "--serve", "--port", str(taken.getsockname()[1]))
    assert ran.code == 1
    assert "could not listen on 127.0.0.1 port" in ran.err
    assert "give another --port" in ran.err


def test_it_has_no_answer_for_programs(watchbill):
    """It is for people."""
    ran = watchbill("demo", "--serve", "--json")
    assert (ran.code, "it has no answer for programs" in ran.err) == (64, True)


@pytest.mark.slow
def test_it_ends_when_it_is_told_to(tmp_path):
    """It prints three links and where its state is, and leaves no process behind."""
    command = [sys.executable, "-u", "-m", "watchbill", "demo", "--serve", "--port", "0"]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=out)
        try:
            end = time.monotonic() + 240
            while "Ctrl-C ends it" not in (said := (tmp_path / "out").read_text()):
                assert process.poll() is None, said
                assert time.monotonic() < end, said
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
    said = (tmp_path / "out").read_text()
    assert said.count("/demo/in/") == 3
    assert "stays until you delete it" in said
    assert "Traceback" not in said
