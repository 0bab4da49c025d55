"""`policy cases`: run cases of policy evaluation that others wrote, and say where we agree."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from watchbill.cli.session import CHANGES, Session, command
from watchbill.policy.cases import Result, run_case


MOST = 40
"""Cases that disagree which are shown to people; --json has them all."""


@click.group("policy", cls=click.RichGroup)
def policy() -> None:
    """Look into the policy engine itself: its conformance."""


@command("policy cases")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when a case disagrees.")
def cases(session: Session, files: tuple[Path, ...], *, detailed_exitcode: bool) -> int:
    """Run case FILES, one JSON object a line, and say where we agree with what they expect.

    A case names a layer: decision, decision-set, operator, condition, statement-part, statement, grammar or
    pattern-overlap. One that cannot be expressed here counts as disagreeing, and says why. With --json, one object for
    each case: its id, what was expected, what we got, whether they agree, and the reasons.
    """
    counts: Counter[tuple[str, str, bool]] = Counter()
    wrong: list[Result] = []
    for source, result in _run(files):
        counts[source, result.layer, result.agrees] += 1
        if not result.agrees:
            wrong.append(result)
        if session.out.as_json:
            sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    _show(session, counts, wrong)
    return CHANGES if detailed_exitcode and wrong else 0


def _run(files: Iterable[Path]) -> Iterator[tuple[str, Result]]:
    for file in files:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _case(file, number, line)


def _case(file: Path, number: int, line: bytes) -> tuple[str, Result]:
    place = f"{file.name}:{number}"
    try:
        case: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return file.stem, Result(place, "", {}, None, agrees=False, reasons=[f"{place}: this is no JSON: {error}"])
    if not isinstance(case, dict):
        return file.stem, Result(place, "", {}, None, agrees=False, reasons=[f"{place}: a case is an object"])
    source = case.get("source")
    project = source.get("project") if isinstance(source, dict) else None
    return str(project or file.stem), run_case(case)


def _show(session: Session, counts: Counter[tuple[str, str, bool]], wrong: list[Result]) -> None:
    rows = []
    for source, layer in sorted({(source, layer) for source, layer, _ in counts}):
        agree, not_agree = counts[source, layer, True], counts[source, layer, False]
        rows.append((source, layer or "unknown", str(agree), str(agree + not_agree)))
    session.out.table(("source", "layer", "agree", "of"), rows)
    for result in wrong[:MOST]:
        because = "; ".join(result.reasons)
        session.out.line(f"{result.id}: expected {_short(result.expected)}, got {_short(result.got)} ({because})")
    if len(wrong) > MOST:
        session.out.line(f"... and {len(wrong) - MOST} more; --json has them all")


def _short(found: Any) -> str:
    return "nothing" if found is None else ", ".join(str(value) for value in found.values()) or "nothing"


policy.add_command(cases)

COMMANDS = (policy,)
