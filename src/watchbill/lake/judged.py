"""Files beside those of the table: what was judged of the events of one of them, in few columns, and by what.

They are no part of the table, and nothing is lost with them: whoever finds none judges. A file is named by the one that
it is of, which never changes, and by what its judgements followed from; where something else besides held for some of
the people, that is named within.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from watchbill.errors import ProviderError
from watchbill.intervals import Interval
from watchbill.lake.manifest import PartRow
from watchbill.lake.parts import LEFT, write_whole


if TYPE_CHECKING:
    from sqlglot import exp

FOLDER: Final = "judged"
"""Where they lie in the folder of the lake."""

SHOWN: Final = ("time_ms", "id", "account", "region", "host", "source", "name", "outcome", "error_code", "ip")
"""Columns of an event that are shown with its judgement."""
ORDER: Final = ("time_ms", "account", "id")
"""What rows are put in order by, by the first of them the latest first."""
_COLUMNS: Final = (*SHOWN, "right", "why")
_SHARED: Final = (*(name for name in _COLUMNS if name not in ("time_ms", "id")), "person")
_PEOPLE: Final = "people"


@dataclass(frozen=True, slots=True)
class Judged:
    """A file of what was judged, as its name says."""

    name: str
    part: str
    """Of which file of the table."""
    ground: str
    """By what was in force then, whoever acted."""


def kept(folder: Path) -> list[Judged]:
    """Give the files that there are; none is ever written anew under its name."""
    place = folder / FOLDER
    names = [path.name for path in place.glob("*.parquet")] if place.is_dir() else []
    split = ((name, name.split(".")) for name in names)
    return [Judged(name, f"{words[0]}.parquet", words[1]) for name, words in split if len(words) == _WORDS]


_WORDS: Final = 4


def write_judged(folder: Path, part: PartRow, ground: str, table: pa.Table, people: Mapping[str, str]) -> Judged:
    """Write what was judged of a part: `SHOWN`, `person`, `right` and `why`, in its order.

    `people` is what held besides for some of them.
    """
    stem, noted = part.name.removesuffix(".parquet"), {_PEOPLE: msgspec.json.encode(people).decode()}
    path = write_whole(folder / FOLDER, table, _SHARED, lambda digest: f"{stem}.{ground}.{digest[:12]}.parquet", noted)
    made = Judged(path.name, part.name, ground)
    if people_of(folder, made) is None:
        raise ProviderError(f"what was written to {path} cannot be read back", "look at the disk it lies on")
    return made


def people_of(folder: Path, each: Judged) -> Mapping[str, str] | None:
    """Give what held besides for some people when a file was made; None where it cannot be read."""
    try:
        return msgspec.json.decode(
            (pq.read_metadata(folder / FOLDER / each.name).metadata or {})[_PEOPLE.encode()], type=dict[str, str]
        )
    except (OSError, pa.ArrowException, KeyError, msgspec.MsgspecError):
        return None


def judged_of_person(person: str, span: Interval, last: int) -> "exp.Select":
    """Ask such files for the last events of a person in a span, latest first, each with its judgement."""
    # Who only writes or sweeps such files asks nothing of them.
    from sqlglot import exp  # noqa: PLC0415 - see above

    from watchbill.lake.portable import EVENTS  # noqa: PLC0415 - see above
    from watchbill.lake.queries import bound  # noqa: PLC0415 - see above

    start, end = (exp.Literal.number(bound(at)) for at in (span.start, span.end))
    return (
        exp.select(*map(exp.column, _COLUMNS))
        .from_(EVENTS)
        .where(exp.column("person").eq(exp.Literal.string(person)))
        .where(exp.GTE(this=exp.column("time_ms"), expression=start))
        .where(exp.LT(this=exp.column("time_ms"), expression=end))
        .order_by(*(exp.Ordered(this=exp.column(name), desc=name == "time_ms", nulls_first=False) for name in ORDER))
        .limit(last)
    )


def sweep_judged(folder: Path, wanted: Collection[str]) -> None:
    """Remove every such file but some, and what of others was left half written for `LEFT`.

    Whoever reads one that goes asks the table instead. Nobody holds the folder: another may be writing to it.
    """
    place = folder / FOLDER
    try:
        if not place.is_dir():
            return
        # When something last came or went, by the clock of the file system.
        before = place.stat().st_mtime - LEFT.total_seconds()
        for path in place.iterdir():
            with suppress(FileNotFoundError):
                left = path.suffix == ".tmp" and path.stat().st_mtime < before
                if left or (path.suffix == ".parquet" and path.name not in wanted):
                    path.unlink()
    except OSError as error:
        raise ProviderError(f"could not remove what is left over in {place}: {error.strerror}") from error
