"""`trail coverage`: where and when the lake has nothing though it should."""

from pathlib import Path

import rich_click as click

from watchbill.cli.commands.events import laid_out
from watchbill.cli.commands.lake import lake_option, opened, span_of, span_options
from watchbill.cli.session import CHANGES, Session, command
from watchbill.intervals import Interval, iso
from watchbill.service.coverage_view import LATELY, coverage_view
from watchbill.service.lake import unread
from watchbill.service.questions import coverage_of


@command("trail coverage", team=True, state=True)
@lake_option
@span_options
@click.option(
    "--region", "regions", multiple=True, help="A region that there should be something of; may be given again."
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is a gap.")
def coverage(
    session: Session,
    folder: Path | None,
    start: str | None,
    end: str | None,
    regions: tuple[str, ...],
    *,
    detailed_exitcode: bool,
) -> int:
    """Show where and when the lake has nothing though it should: accounts, regions, hours, hosts.

    Without --from and --to the last seven days are looked at. An hour without a file is a gap where it is unusual for
    that account and region; `watchbill trail verify` proves by digests what was delivered. Each gap becomes a case by
    `watchbill run`.
    """
    within = span_of(start, end, session.at) or Interval(session.at - LATELY, session.at)
    with opened(session, folder) as lake:
        found = coverage_of(lake, within, session.at, session.team_if_any(), regions)
        problems = unread(lake)
    view, out = coverage_view(found, within), session.out
    rows = [(g.kind, g.account or "", g.region or g.host or "", g.start, g.end, g.why) for g in view.gaps]
    if rows:
        laid_out(out, ("gap in", "account", "region or host", "from", "to", "why"), rows)
    elif found.areas:
        out.line(f"no gap from {iso(within.start)} to {iso(within.end)}")
    else:
        # Of a lake with nothing in it, or hosts alone, "no gap" would say more than is known.
        out.line(f"no gap is known from {iso(within.start)} to {iso(within.end)}: the lake has no trail of that time")
    for each in found.unsure:
        out.line(f"not sure: {' '.join(filter(None, (each.account, each.region, each.host)))}: {each.why}")
    out.answer(view, problems)
    return CHANGES if detailed_exitcode and view.gaps else 0


COMMANDS = (coverage,)
