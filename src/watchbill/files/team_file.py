"""Read the team file from disk."""

from pathlib import Path

from watchbill.errors import NotFoundError, RefusedError, WatchbillError
from watchbill.files.report import write_text
from watchbill.team.files import parse
from watchbill.team.model import Team


LIMIT = 10 * 1024 * 1024
"""Bytes a team file may have."""


def change_team(path: Path, read: Team, text: str) -> None:
    """Write a team file anew; one that was changed since it was read is left alone."""
    if read_team(path).digest != read.digest:
        raise RefusedError(f"{path} was changed meanwhile; nothing was written", "run the command again")
    write_text(path, text)


def read_team(path: Path) -> Team:
    """Read and check a team file."""
    if not path.exists():
        raise NotFoundError(
            f"no team file {path}",
            "name one with --team, or draft one with `watchbill init --from-aws` or `--from-trail DIR`",
        )
    if not path.is_file():
        raise WatchbillError(f"{path} is no file")
    try:
        if path.stat().st_size > LIMIT:
            raise WatchbillError(f"{path} has more than {LIMIT // 1024 // 1024} MiB; that is no team file")
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise WatchbillError(f"could not read {path}: {error.strerror}") from error
