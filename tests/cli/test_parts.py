"""Commands are found by name, and only what is asked for is loaded."""

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest
import rich_click

from watchbill.cli.main import cli
from watchbill.cli.parts import PartedGroup, whole


LARGE = {"duckdb", "sqlglot", "uvicorn", "starlette", "slack_bolt", "moto", "pyiceberg"}
"""What most commands do not use."""
HEAVY = LARGE | {"boto3", "sqlalchemy", "alembic", "pyarrow", "numpy", "pandas", "sigma"}
"""What none uses that asks no cloud, no state and no trail."""


def groups(group=cli):
    """Give every group that has its commands in parts."""
    yield group
    for command in whole(group).values():
        if isinstance(command, PartedGroup):
            yield from groups(command)


@pytest.mark.parametrize("group", list(groups()), ids=lambda group: group.name)
def test_every_command_is_where_its_name_is_listed(group):
    """A name without a command, or a command without a name, would be found by nobody."""
    found = whole(group)
    assert list(found) == group.list_commands(click.Context(group))
    for part in {*group.parts.values()}:
        listed = {name for name, where in group.parts.items() if where == part}
        made = {command.name for command in importlib.import_module(f"watchbill.cli.commands.{part}").COMMANDS}
        assert listed == made, part


@pytest.mark.parametrize(
    ("words", "unused"),
    [
        (["--version"], HEAVY),
        (["validate", "--help"], HEAVY),
        (["oncall", "--help"], LARGE | {"sigma"}),
        (["plan", "--help"], LARGE),
        (["audit", "--help"], LARGE),
        (["case", "--help"], LARGE),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else "",
)
def test_a_command_loads_no_more_than_it_uses(words, unused):
    """Each is there in a moment, and an audit has the memory for itself."""
    code = (
        "import sys; from watchbill.cli import main\n"
        f"try: main({words!r})\n"
        "except SystemExit: print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert unused.isdisjoint(done.stderr.split()), unused & set(done.stderr.split())


def test_every_command_is_in_a_part_of_the_help():
    """What is in none would be at its end, among nothing that it belongs to."""
    parts = [name for part in rich_click.rich_click.COMMAND_GROUPS["watchbill"] for name in part["commands"]]
    assert sorted(parts) == cli.list_commands(click.Context(cli))


def test_a_name_of_no_command_is_told():
    """As of any group."""
    assert cli.get_command(click.Context(cli), "nothing") is None


@pytest.mark.parametrize(("slip", "said"), [("validat", " Did you mean 'validate'?"), ("zzz", "")])
def test_a_slip_in_the_name_of_a_command_is_met_with_the_nearest(slip, said):
    """Also where nothing was loaded yet, as when somebody types it."""
    code = f"from watchbill.cli import main; main([{slip!r}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    told = f"Error: No such command '{slip}'.{said}"
    assert (done.returncode, done.stderr.strip().splitlines()[-1]) == (64, told)


@pytest.mark.parametrize(("named", "taken"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")])
def test_memory_comes_from_the_system_unless_the_environment_says_otherwise(named, taken, monkeypatch):
    """Arrow's own allocator keeps what was let go; it is chosen before Arrow is loaded."""
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    code = "import watchbill.cli, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == taken


@pytest.mark.parametrize("words", [["--version"], ["oncall", "--help"]], ids=["little", "much"])
def test_an_answer_that_has_no_room_is_said_so(words):
    """A full disk behind a pipe or a file is nobody's bug: one line, and no traceback, though little waits to be written."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "watchbill", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "error: could not write the answer: No space left on device; make room where it goes\n"
