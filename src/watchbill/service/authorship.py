"""Who wrote what is new in a team file, by git where it is there."""

from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path

from watchbill.access.approval import NOBODY_KNOWN, Authors
from watchbill.access.interim import file_of
from watchbill.files.authorship import authors_of_lines
from watchbill.team.model import Team


def authors_of(before: Team | None, after: Team) -> Authors:
    """Give who wrote the lines that a file has and the one in force has not; who took lines out is not asked for.

    Whose an address is says the file in force: nobody makes a line another's by what they write into the new one.
    """
    if before is None or not (before.text and after.text):
        return NOBODY_KNOWN
    lines = _new_lines(file_of(before.text, before.path), after.text)
    if not lines:
        return Authors(frozenset(), known=True)
    by_line = _asked(after.path, after.text)
    names = {
        address.lower(): person.name
        for person in before.people.values()
        for address in (person.email, *person.also_known_as)
    }
    found = [names.get(by_line.get(line, "").lower()) for line in lines]
    return Authors(frozenset(name for name in found if name is not None), known=None not in found)


@lru_cache(maxsize=4)
def _new_lines(before: str, after: str) -> tuple[int, ...]:
    """Give the numbers of the lines of a text that another has not, from 1; blank ones say nothing."""
    new = after.splitlines()
    codes = SequenceMatcher(None, before.splitlines(), new, autojunk=False).get_opcodes()
    added = (n for code, _, _, start, end in codes if code in ("insert", "replace") for n in range(start, end))
    return tuple(n + 1 for n in added if new[n].strip())


@lru_cache(maxsize=4)
def _asked(path: str, text: str) -> dict[int, str]:
    return dict(authors_of_lines(Path(path), text))
