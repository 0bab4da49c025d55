"""One answer, two ways to print it: text for people, one JSON object for programs.

The object is `{"schema": "watchbill.<command>/1", "at", "result", "problems"}`; its JSON Schema lies in
`schemas/output`. Results go to standard output; progress and problems for people go to standard error. Strings that
outsiders control are printed inert: control characters are shown, terminal markup is not obeyed.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column, Table
from rich.text import Text

from watchbill.errors import Problem
from watchbill.inert import inert, inert_json, shortened
from watchbill.intervals import iso


R = TypeVar("R")

_LINE_MOST = 8_000
"""Characters of a line or a cell: names that strangers chose may be of any length."""

_WIDE = 240
"""Columns where standard output is no terminal."""


@dataclass(frozen=True, slots=True)
class ProblemView:
    """One problem, for programs."""

    code: str
    message: str
    file: str | None
    line: int | None
    col: int | None
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Envelope(Generic[R]):
    """What `--json` prints."""

    schema: str
    at: str
    result: R
    problems: list[ProblemView]


def schema_of(command: str) -> str:
    """Name the schema of a command's answer: `watchbill.trail-read/1`."""
    return f"watchbill.{command.replace(' ', '-')}/1"


class Output:
    """Prints the answer of one command."""

    def __init__(self, command: str, at: datetime, *, as_json: bool, colour: bool) -> None:
        self._command = command
        self.at = at
        """The instant that the answer is of."""
        self.as_json = as_json
        self.out = Console(no_color=not colour, highlight=False, soft_wrap=True, emoji=False)
        if not self.out.is_terminal:
            # Into a file or a pipe nothing is folded to fit a screen that is not there.
            self.out.width = _WIDE
        self.err = Console(stderr=True, no_color=not colour, highlight=False, soft_wrap=True, emoji=False)

    def answer(self, result: Any, problems: Sequence[Problem] = ()) -> None:
        """Print the object for programs; nothing when people are reading, who get their text from the command."""
        if self.as_json:
            views = [ProblemView(p.code, p.message, p.file, p.line, p.col, p.event_id) for p in problems]
            envelope = Envelope(schema_of(self._command), iso(self.at), result, views)
            sys.stdout.write(inert_json(msgspec.json.format(msgspec.json.encode(envelope), indent=2).decode()) + "\n")
        else:
            self.problems(problems)

    def plain(self, result: Any, problems: Sequence[Problem] = ()) -> None:
        """Print a list for programs as it is, and problems on standard error in either case."""
        if self.as_json:
            text = msgspec.json.format(msgspec.json.encode(result), indent=2).decode()
            sys.stdout.write(inert_json(text) + "\n")
        self.problems(problems)

    def problems(self, problems: Sequence[Problem], most: int = 20) -> None:
        """Print problems for people, to standard error."""
        for problem in problems[:most]:
            self.err.print(Text(shortened(problem, _LINE_MOST), style="yellow"))
        if len(problems) > most:
            self.err.print(Text(f"... and {len(problems) - most} more problems; --json has them all", style="yellow"))

    def line(self, text: str = "", style: str = "") -> None:
        """Print a line for people; nothing under `--json`."""
        if not self.as_json:
            self.out.print(Text(shortened(text, _LINE_MOST), style=style))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
        """Print a table for people, each row in its style where there is one; nothing under `--json`."""
        if self.as_json:
            return
        table = Table(*(Column(Text(inert(column))) for column in columns), box=None, pad_edge=False)
        for row, style in zip(rows, styles or [""] * len(rows), strict=True):
            table.add_row(*(Text(shortened(cell, _LINE_MOST)) for cell in row), style=style)
        self.out.print(table)

    def progress(self) -> Progress:
        """Give a progress display on standard error, silent where that is no terminal."""
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self.err,
            transient=True,
            disable=not self.err.is_terminal,
        )
