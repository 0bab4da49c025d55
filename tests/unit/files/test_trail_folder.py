"""A folder of trail files on this machine: every file is read, ignored by its name, or a problem with its name."""

import os
from pathlib import Path

import pytest
from tests.trails import document, record, zipped

from watchbill.errors import NotFoundError
from watchbill.files.trail_folder import TRAIL_SUFFIXES, read_folder


ONE, TWO = record(event_id="e1"), record("ec2:StopInstances", event_id="e2")


def write(folder, files):
    """Write files, given as contents by path."""
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def ids(found):
    """Name the events that were read."""
    return [each.id for each in found.events]


def test_every_trail_file_under_a_folder_is_read(tmp_path):
    """However deep, whatever the case of its suffix, with its path from the folder as its place."""
    write(tmp_path, {"AWSLogs/1/CloudTrail/eu/2026/a.json.gz": zipped(ONE), "b.JSON": document(TWO)})
    found = read_folder(tmp_path)
    assert {each.id: each.place.file for each in found.events} == {
        "e1": "AWSLogs/1/CloudTrail/eu/2026/a.json.gz",
        "e2": "b.JSON",
    }
    assert (found.tally.files, found.problems) == (2, ())


@pytest.mark.parametrize("suffix", TRAIL_SUFFIXES)
def test_trail_files_have_these_suffixes(tmp_path, suffix):
    """Compressed or not is told by the bytes, not by the name."""
    write(tmp_path, {f"a{suffix}": zipped(ONE), f"b{suffix}": document(TWO)})
    assert sorted(ids(read_folder(tmp_path))) == ["e1", "e2"]


def test_other_files_are_counted_not_read(tmp_path):
    """A README beside the trail is no problem, and is not hidden either."""
    write(tmp_path, {"a.json": document(ONE), "README.md": b"# Read me", "LICENSE": b"", "x/notes.txt": document(TWO)})
    found = read_folder(tmp_path)
    assert (ids(found), found.problems) == (["e1"], ())
    assert (found.tally.files, found.tally.ignored_files) == (1, 3)


def test_one_file_may_be_named_whatever_its_name(tmp_path):
    """Who names a file means it."""
    write(tmp_path, {"trail.txt": document(ONE, TWO)})
    found = read_folder(tmp_path / "trail.txt")
    assert {each.place.file for each in found.events} == {"trail.txt"}
    assert (found.tally.files, found.tally.ignored_files) == (1, 0)


def test_files_that_are_no_trail_are_each_a_problem(tmp_path):
    """The rest is read, and the counts add up."""
    write(
        tmp_path,
        {
            "a.json": document(ONE, {"eventID": "no time"}),
            "b.json.gz": zipped(ONE, TWO)[:-30],
            "digest.json": b'{"digestStartTime": "2026-01-12T00:00:00Z", "logFiles": []}',
            "empty.json": b"",
            "page.json": b"<html></html>",
        },
    )
    found = read_folder(tmp_path)
    assert {problem.file for problem in found.problems} == {path.name for path in tmp_path.iterdir()}
    tally = found.tally
    assert (tally.files, tally.unreadable_files, tally.ignored_files) == (2, 2, 1)
    assert tally.records == tally.distinct + tally.duplicates + tally.unreadable_records


@pytest.mark.parametrize("files", [{}, {"README.md": b"x"}, {"sub/notes.txt": b"x"}])
def test_a_folder_without_a_trail_is_an_error(tmp_path, files):
    """Nothing audited must never look like nothing found."""
    write(tmp_path, files)
    with pytest.raises(NotFoundError, match="no CloudTrail file"):
        read_folder(tmp_path)


@pytest.mark.parametrize("name", ["absent", "dangling"])
def test_a_path_that_leads_nowhere_is_an_error(tmp_path, name):
    """Also a link whose target is gone."""
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    with pytest.raises(NotFoundError, match="no trail at") as caught:
        read_folder(tmp_path / name)
    assert caught.value.hint


def test_a_link_that_leads_nowhere_is_a_problem(tmp_path):
    """It was to be read and was not: that is said, and the rest is read."""
    write(tmp_path, {"a.json": document(ONE)})
    (tmp_path / "gone.json").symlink_to(tmp_path / "absent")
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    found = read_folder(tmp_path)
    assert ids(found) == ["e1"]
    assert {problem.file for problem in found.problems} == {"gone.json", "loop.json"}
    assert all("could not be opened" in problem.message for problem in found.problems)


def test_a_folder_with_the_name_of_a_trail_file_is_a_folder(tmp_path):
    """What is in it is read."""
    write(tmp_path, {"day.json/a.json": document(ONE)})
    found = read_folder(tmp_path)
    assert (ids(found), found.problems) == (["e1"], ())


def test_links_to_files_are_read_and_links_to_folders_are_not(tmp_path):
    """A link to a folder may lead round in a circle."""
    write(tmp_path, {"real/a.json": document(ONE), "trail/b.json": document(TWO)})
    (tmp_path / "trail" / "c.json").symlink_to(tmp_path / "real" / "a.json")
    (tmp_path / "trail" / "again").symlink_to(tmp_path / "trail")
    found = read_folder(tmp_path / "trail")
    assert sorted(ids(found)) == ["e1", "e2"]
    assert found.tally.records == 2


def test_what_is_no_plain_file_is_a_problem(tmp_path):
    """Reading from a pipe would wait for ever."""
    write(tmp_path, {"a.json": document(ONE)})
    os.mkfifo(tmp_path / "pipe.json")
    found = read_folder(tmp_path)
    assert ids(found) == ["e1"]
    assert [(problem.file, problem.code) for problem in found.problems] == [("pipe.json", "unreadable-file")]


def test_a_file_that_may_not_be_opened_is_a_problem(tmp_path, monkeypatch):
    """The rest is read."""
    write(tmp_path, {"a.json": document(ONE), "b.json": document(TWO)})
    read = Path.read_bytes

    def refuse(path):
        if path.name == "b.json":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    # Permissions do not stop root, as whom tests may run.
    monkeypatch.setattr(Path, "read_bytes", refuse)
    found = read_folder(tmp_path)
    assert ids(found) == ["e1"]
    assert [str(problem) for problem in found.problems] == ["b.json could not be opened: Permission denied"]


@pytest.mark.parametrize("name", ["shut", "."])
def test_a_folder_that_may_not_be_opened_is_a_problem(tmp_path, monkeypatch, name):
    """What lies in it is not known; that must not look like nothing."""
    write(tmp_path, {"a.json": document(ONE), "shut/b.json": document(TWO)})
    monkeypatch.chdir(tmp_path)
    scan, shut = os.scandir, tmp_path / name

    def refuse(path):
        if shut.samefile(path):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = read_folder(tmp_path)
    assert ids(found) == (["e1"] if name == "shut" else [])
    (problem,) = found.problems
    assert problem.file == ("shut" if name == "shut" else tmp_path.name)
    assert "Permission denied" in problem.message
    assert found.tally.unreadable_files == 1


def test_a_name_of_any_bytes_can_be_printed(tmp_path):
    """A name that is no UTF-8 must not break the report that names it."""
    with open(os.fsencode(tmp_path) + b"/\xff.json", "wb") as file:  # noqa: PTH123 - a name in bytes
        file.write(document(ONE, {}))
    found = read_folder(tmp_path)
    assert ids(found) == ["e1"]
    assert [problem.file for problem in found.problems] == ["\ufffd.json"]


def test_the_order_of_files_is_by_name(tmp_path):
    """The place of an event that two files hold is the first by name, whatever the order on the disk."""
    write(tmp_path, {f"{name}.json": document(ONE) for name in "dbca"})
    found = read_folder(tmp_path)
    assert [each.place.file for each in found.events] == ["a.json"]
    assert found.tally.duplicates == 3


def test_progress_is_told_after_each_file(tmp_path):
    """A long read shows how far it is, files that cannot be read too."""
    write(tmp_path, {"a.json": document(ONE), "b.json": b"x", "c.json": document(TWO)})
    said = []
    read_folder(tmp_path, lambda done, of: said.append((done, of)))
    assert said == [(1, 3), (2, 3), (3, 3)]
