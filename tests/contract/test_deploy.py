"""What lies in `deploy/`: units that systemd takes, an image and a chart that start what there is, and a function."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from watchbill.cli.function import FailedError, handler
from watchbill.cli.main import cli
from watchbill.cli.parts import whole


ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
CHART = DEPLOY / "helm/watchbill"
PORT = 8470


def options(command):
    """Give the options of a command."""
    return {option for parameter in whole(cli)[command].params for option in parameter.opts}


def assert_is_command_line(words):
    """Hold that there is such a command, with such options."""
    command, *rest = words
    assert {word for word in rest if word.startswith("--")} <= options(command), words


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """Put the units where systemd reads them, their program being the one of this environment."""
    folder = tmp_path_factory.mktemp("units")
    program = Path(sys.executable).parent / "watchbill"
    for unit in UNITS:
        (folder / unit.name).write_text(
            unit.read_text("utf-8").replace("/usr/local/bin/watchbill", str(program)), "utf-8"
        )
    return folder


def test_systemd_takes_the_units(units):
    """Without a warning."""
    paths = [str(units / unit.name) for unit in UNITS]
    ran = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["watchbill.service", "watchbill-run.service"])
def test_services_are_hardened(units, name):
    """An exposure of 2.0 at most, of 10."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(units / name)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-200:]


def test_units_start_what_there_is():
    """Their command lines name commands and options that exist, once what a person adds is left out."""
    for unit in UNITS:
        for line in re.findall(r"^ExecStart=\S+ (.*)$", unit.read_text("utf-8"), re.MULTILINE):
            assert_is_command_line([word for word in shlex.split(line) if not word.startswith("$")])


def test_the_image_is_not_root_and_its_dependencies_are_pinned():
    """It ends as a numbered user, starts what there is, and everything it installs has a hash or is our own."""
    lines = (DEPLOY / "Containerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    said = [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line and line[0].isupper()]
    assert [what for word, what in said if word == "USER"] == ["65532:65532"]
    assert [what for word, what in said if word == "EXPOSE"] == [str(PORT)]
    (command,) = (json.loads(what) for word, what in said if word == "CMD")
    assert_is_command_line(command)
    for installed in re.findall(
        r"pip (?:install|wheel) (.*?)(?:&&|$)", "\n".join(what for _, what in said), re.MULTILINE
    ):
        assert "--require-hashes" in installed or "--no-deps" in installed, installed
    for word, what in said:
        if word == "COPY" and not what.startswith("--from"):
            assert all((ROOT / source).exists() for source in what.split()[:-1]), what
    pinned = (ROOT / "requirements/container.txt").read_text("utf-8")
    tested = (ROOT / "requirements/dev.txt").read_text("utf-8")
    versions = set(re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==\S+", pinned, re.MULTILINE))
    assert versions
    assert versions <= set(re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==\S+", tested, re.MULTILINE))


def test_the_chart_asks_only_for_values_that_it_has():
    """Each `.Values` of a template stands in `values.yaml`; its version is ours, and its command lines are there."""
    yaml = YAML(typ="safe")
    chart, values = (yaml.load((CHART / name).read_text("utf-8")) for name in ("Chart.yaml", "values.yaml"))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert (chart["version"], chart["appVersion"]) == (version, version)
    text = "".join(path.read_text("utf-8") for path in sorted((CHART / "templates").iterdir()))
    asked = set(re.findall(r"\.Values\.([\w.]+)", text))
    assert asked
    for path in asked:
        found = values
        for name in path.split("."):
            assert name in found, path
            found = found[name]
    assert text.count("{{") == text.count("}}")
    for listed in re.findall(r'args: \{\{ concat \(list ((?:"[^"]*" ?)+)\)', text):
        assert_is_command_line(shlex.split(listed))
    assert f"containerPort: {PORT}" in text


def test_a_function_makes_a_pass(tmp_path, monkeypatch):
    """By the arguments of its event; what fails raises, and so does what is no argument of `run`."""
    monkeypatch.chdir(tmp_path)
    for name in ("WATCHBILL_TEAM", "WATCHBILL_STATE", "WATCHBILL_AT", "WATCHBILL_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FailedError, match=r"watchbill\.yaml"):
        handler({}, None)
    for wrong in ({"arguments": "--enforce"}, {"arguments": [1]}):
        with pytest.raises(FailedError, match="no list of texts"):
            handler(wrong, None)
    with pytest.raises(FailedError, match="wrong arguments"):
        handler({"arguments": ["--nothing-such"]}, None)
