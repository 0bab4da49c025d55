"""Run command lines in this process, as whoever, at whatever time, against a stand-in for AWS."""

import json
from dataclasses import dataclass
from importlib import resources

import pytest

from watchbill.cli import main
from watchbill.sim.stand_in import StandIn


@dataclass
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one object on standard output."""
        return json.loads(self.out)


@pytest.fixture
def watchbill(capsys, monkeypatch, tmp_path):
    """Give a function that runs a command line in an empty folder and gives what it did."""
    monkeypatch.chdir(tmp_path)
    for name in ("WATCHBILL_TEAM", "WATCHBILL_STATE", "WATCHBILL_ACTOR", "WATCHBILL_AT", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name.upper(), value)
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Ran(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def sample(tmp_path):
    """Put the sample team file into the folder."""
    text = resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8")
    (tmp_path / "watchbill.yaml").write_text(text, "utf-8")
    return tmp_path / "watchbill.yaml"


@pytest.fixture
def aws(monkeypatch):
    """Serve a stand-in for AWS, where boto3 finds it by the environment alone."""
    with StandIn() as stand_in:
        monkeypatch.setenv("AWS_ENDPOINT_URL", stand_in.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        yield stand_in.endpoint
