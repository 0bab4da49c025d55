"""Where in a YAML text each value stands."""

from collections.abc import Mapping, Sequence

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from watchbill.errors import Location


Path = tuple[str | int, ...]


class Places:
    """Finds the line and column of a value or a key by its path in the document."""

    def __init__(self, document: object, file: str) -> None:
        self._document = document
        self._file = file

    def of(self, path: Path, *, key: bool = False) -> Location:
        """Give the place of the value at a path, or of its key; of the nearest enclosing one where it has none."""
        found = self._document
        place = Location(self._file, 1)
        for position, step in enumerate(path):
            last = position == len(path) - 1
            if isinstance(found, CommentedMap) and step in found:
                line, col = found.lc.key(step) if last and key else found.lc.value(step)
            elif isinstance(found, CommentedSeq) and isinstance(step, int) and step < len(found):
                line, col = found.lc.item(step)
            else:
                break
            place = Location(self._file, line + 1, col + 1)
            found = found[step]
        return place


def has_cycle(document: object) -> bool:
    """Tell whether a document contains itself, as an alias inside its own anchor makes it."""
    return _walk(document, set(), [0])


LIMIT = 200_000
"""Values a document may have once its aliases are written out: more is a bomb, not a team."""


def _walk(found: object, above: set[int], seen: list[int]) -> bool:
    seen[0] += 1
    if seen[0] > LIMIT:
        return True
    if isinstance(found, Mapping):
        children: Sequence[object] = list(found.values())
    elif isinstance(found, list):
        children = found
    else:
        return False
    if id(found) in above:
        return True
    return any(_walk(child, above | {id(found)}, seen) for child in children)
