"""Who wrote each line of a file, as git says.

What git says is what whoever committed told it: it tells who wrote a line where commits are checked on their way in. It
is asked for the content that was read, and by nothing that the repository's own files say (`.mailmap`, filters).
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


_SECONDS = 30
_LINE = re.compile(rb"([0-9a-f]{40,64}) \d+ (\d+)(?: \d+)?")
_NO_COMMIT = "0" * 40
_GIT = (
    "git",
    "--no-replace-objects",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "blame.ignoreRevsFile=",
    "-c",
    "core.pager=cat",
)


def authors_of_lines(path: Path, text: str) -> Mapping[int, str]:
    """Give the address of whoever wrote each line of a text, by number from 1; those are missing that git has not.

    Empty where the file lies in no repository, is not committed, or there is no git.
    """
    folder, name = path.resolve().parent, path.name
    said = _asked(folder, ["blame", "--porcelain", "--no-textconv", "--contents", "-", "--", name], text.encode())
    commits = {int(match[2]): match[1].decode() for line in said.split(b"\n") if (match := _LINE.fullmatch(line))}
    known = sorted({commit for commit in commits.values() if not commit.startswith(_NO_COMMIT)})
    addresses = _addresses(folder, known)
    return {line: addresses[commit] for line, commit in commits.items() if commit in addresses}


def _addresses(folder: Path, commits: Sequence[str]) -> Mapping[str, str]:
    if not commits:
        return {}
    said = _asked(folder, ["show", "-s", "--no-mailmap", "--format=%H %ae", *commits], b"")
    pairs = (line.split(" ", 1) for line in said.decode("utf-8", "replace").splitlines() if " " in line)
    return {commit: address.strip() for commit, address in pairs}


def _asked(folder: Path, arguments: Sequence[str], text: bytes) -> bytes:
    """Ask git; what it does not know, and a git that is not there, is nothing."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no argument that comes from outside but a file's name
            [*_GIT, *arguments], cwd=folder, input=text, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""
