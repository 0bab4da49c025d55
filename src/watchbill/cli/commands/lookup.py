"""`trail lookup`: a first look at what was done in an account, before there is any trail."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import rich_click as click

from watchbill.cli.commands.lake import span_of, span_options
from watchbill.cli.session import Session, command
from watchbill.files.report import write_text
from watchbill.intervals import Interval, iso
from watchbill.trail.read import combine, read_file


_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LookupView:
    """What was looked up, and where it lies now."""

    folder: str
    files: int
    events: int
    start: str
    end: str


@command("trail lookup")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@span_options
@click.option("--region", "regions", multiple=True, help="Where to look [default: us-east-1]; may be given again.")
@click.option("--user", help="Only what this IAM user did, or a session of this name.")
def lookup(
    session: Session, folder: Path, start: str | None, end: str | None, regions: tuple[str, ...], user: str | None
) -> int:
    """Ask CloudTrail for the last day's management events, or for up to 90 days, and put them into FOLDER.

    It needs no trail and only the right cloudtrail:LookupEvents. It has no data events and no proof that nothing is
    missing, and AWS gives a hundred events a second. Then `watchbill audit --trail FOLDER` or `watchbill trail ingest`.
    """
    span = span_of(start, end, session.at) or Interval(session.at - _DAY, session.at)
    attribute = None if user is None else ("Username", user)
    readings = []
    with session.out.progress() as progress:
        task = progress.add_task("looking up events", total=None)
        for region in regions or ("us-east-1",):
            for name, body in session.app().look_up(region, span, attribute):
                place = folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                write_text(place, body.decode())
                readings.append(read_file(name, body))
                progress.update(task, completed=sum(len(each.events) for each in readings))
    found = combine(readings)
    result = LookupView(str(folder), len(readings), found.tally.distinct, iso(span.start), iso(span.end))
    session.out.line(f"{result.events} events from {result.start} to {result.end} in {folder}")
    session.out.answer(result, found.problems)
    return 0


COMMANDS = (lookup,)
