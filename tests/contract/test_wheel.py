"""The wheel that is installed has all that the program reads from its own package, and nothing of what it is made with."""

from importlib.metadata import entry_points
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder


ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/watchbill"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build it as `pip install .` does, without a network, and give what is in it, with the bytes."""
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with ZipFile(built) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    "name",
    [
        "alerts/weights.toml",
        "demo/watchbill.yaml",
        "hosts/host.sh",
        "policy/managed.zip",
        "py.typed",
        "rules/shift-frozen-person-acted.yml",
        "store/migrations/versions/0001_first.py",
        "web/templates/page.html",
    ],
)
def test_what_the_program_reads_is_in_the_wheel(wheel, name):
    """To the byte, where the program looks for it."""
    assert wheel[f"watchbill/{name}"] == (SOURCE / name).read_bytes()


def test_nothing_of_the_package_is_left_out(wheel):
    """Each file that is there, such as a template or a rule that comes to be, and none besides."""
    there = {
        str(path.relative_to(SOURCE.parent))
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in wheel if ".dist-info/" not in name}
    assert packed == there
    assert len([name for name in packed if name.startswith("watchbill/rules/") and name.endswith(".yml")]) > 50


def test_the_wheel_makes_the_command(wheel):
    """And names the licence; the command is the one that this installation has."""
    about = {name.partition(".dist-info/")[2]: data.decode() for name, data in wheel.items() if ".dist-info/" in name}
    assert "watchbill = watchbill.cli:main" in about["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in about["METADATA"]
    assert "licenses/LICENSE" in about
    (own,) = entry_points(group="console_scripts", name="watchbill")
    assert own.value == "watchbill.cli:main"
