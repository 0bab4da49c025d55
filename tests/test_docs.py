"""What the docs promise: commands, files and tests that they name exist, and packages have a README."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from watchbill.cli.main import cli
from watchbill.cli.parts import whole


ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent for path in (ROOT / "src/watchbill").glob("*/__init__.py"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("README.md")]
TESTS = {
    name
    for file in (ROOT / "tests").rglob("*.py")
    for name in (file.name, *re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE))
}


def commands(group=cli, above=()):
    """Give every command by its name."""
    for name, command in whole(group).items():
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield " ".join((*above, name)), command
            yield from commands(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


def test_each_package_has_a_readme_that_names_its_invariants():
    """The question it answers, where to enter, and what holds it to its word."""
    for package in PACKAGES:
        text = (package / "README.md").read_text("utf-8")
        assert text.startswith(f"# {package.name}: "), package.name
        assert "test_" in text or package.name == "files", package.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tests_that_a_page_names_exist(page):
    """A claim in the docs is a test, under that very name."""
    named = set(re.findall(r"`(?:tests/[\w/]*/)?(test_\w+(?:\.py)?)`", page.read_text("utf-8")))
    assert named <= TESTS, named - TESTS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page):
    """Links and paths lead somewhere."""
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / target).exists(), target
    for path in re.findall(r"`((?:\w+/)+\w*(?:\.\w+)?)`", text):
        places = (ROOT / path, ROOT / "src/watchbill" / path, page.parent / path)
        assert any(place.exists() for place in places), path


def test_command_lines_in_the_readme_are_right():
    """Each names a command and options that exist."""
    known = dict(commands())
    lines = re.findall(r"^    (watchbill .*?)(?:\s{2,}#.*)?$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        words = shlex.split(line)[1:]
        name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line


def test_the_readme_tells_every_variable():
    """What the environment may set is said, and nothing else."""
    settings = (ROOT / "src/watchbill/settings.py").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    assert set(re.findall(r"WATCHBILL_[A-Z]+", readme)) == set(re.findall(r'"(WATCHBILL_[A-Z]+)"', settings))


def test_the_changelog_names_every_command():
    """A command that exists is told of."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    for name, _ in commands():
        assert re.search(rf"`(watchbill )?{name}`", text), name


def test_decisions_are_numbered_without_a_hole():
    """Each has its number in its name and its title."""
    files = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [file.name[:4] for file in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    for number, file in enumerate(files, start=1):
        assert file.read_text("utf-8").startswith(f"# {number}. ")


def test_the_picture_of_the_layers_is_the_contract():
    """The code map names the packages in the order that is checked."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    picture = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("```")[1]
    drawn = [re.split(r"\s{3,}", line)[0].removesuffix(".py") for line in picture.strip().splitlines()]
    assert drawn == [layer for layer in contract["layers"] if layer != "__main__"]


def test_every_dependency_has_its_reason():
    """One line each, why it is there."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    lines = text.split("dependencies = [\n", 1)[1].split("\n]", 1)[0].splitlines()
    assert lines
    assert all(re.search(r"# \w.{10,}", line) for line in lines)


def test_pinned_dependencies_name_no_registry():
    """The requirements have hashes, and no host."""
    text = (ROOT / "requirements/dev.txt").read_text("utf-8")
    assert "--hash=sha256:" in text
    assert "://" not in text
    assert "index-url" not in text
