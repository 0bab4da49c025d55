"""`plans`: what waits for a lead before it is applied, and the leads' word on it."""

from dataclasses import dataclass

import rich_click as click

from watchbill.access.approval import Finding
from watchbill.cli.commands.access import show_plan
from watchbill.cli.session import Session, command
from watchbill.intervals import iso
from watchbill.service import proposals
from watchbill.service.casework import Casework
from watchbill.service.plan_view import PlanView, plan_view
from watchbill.store.rows import ProposalRow


@dataclass(frozen=True, slots=True)
class FindingView:
    """One thing that a new team file changes."""

    kind: str
    what: str
    why: str
    people: list[str]
    """Who gains by it."""
    waits: bool
    """Whether a lead has to let it be done."""


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A plan that waits for leads, or did, and where it stands."""

    id: str
    at: str
    state: str
    said: str
    """Where it stands, in words."""
    people: int
    """How many leads it takes."""
    approved_by: list[str]
    may_approve: list[str]
    revision: str
    """Digest of the team file that it comes from."""
    changes: int
    waits: list[str]
    """What of the file waits; empty where it is for the mode alone."""


@dataclass(frozen=True, slots=True)
class WholeProposalView:
    """A plan that waits, with all that is approved with it."""

    proposal: ProposalView
    findings: list[FindingView]
    plan: PlanView


@command("plans", team=True, state=True, group=True)
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
def plans(session: Session, *, every: bool) -> int:
    """Show the plans that wait for leads: by the mode of an account or a rota, or by what the team file changes.

    A pass keeps one where it may not apply all that it plans. It is void as soon as it would do anything else than it
    says; the next pass keeps another then.
    """
    with session.casework() as work:
        rows = work.store.proposals.all() if every else proposals.waiting(work.store)
        views = [proposal_view(work, row) for row in rows]
    for view in views:
        session.out.line(f"{view.id} [{view.state}] {view.changes} calls: {view.said}")
        for line in view.waits:
            session.out.line(f"    {line}")
    if not views:
        session.out.line("no plan waits")
    session.out.answer(views)
    return 0


@command("plans show", team=True, state=True)
@click.argument("plan_id")
def show(session: Session, plan_id: str) -> int:
    """Show all that is approved with PLAN_ID: what the team file changes, who gains and loses what, and the calls."""
    with session.casework() as work:
        row = proposals.find(work.store, plan_id)
        view, content = proposal_view(work, row), proposals.content_of(row)
    session.out.line(view.said)
    for found in content.findings:
        mark, why = "waits" if found in content.waits else "goes", f" ({found.why})" if found.why else ""
        session.out.line(f"{mark}: {found.kind}: {found.what}{why}")
    show_plan(session, content.plan)
    findings = [_finding_view(found, waits=found in content.waits) for found in content.findings]
    session.out.answer(WholeProposalView(view, findings, plan_view(content.plan)))
    return 0


@command("plans approve", team=True, state=True)
@click.argument("plan_id")
def approve(session: Session, plan_id: str) -> int:
    """Approve PLAN_ID, as a lead who did not write it and gains nothing by what waits in it.

    The next pass applies it, if it would still do exactly what it says; else it is void, and you hear so.
    """
    with session.casework() as work:
        said = proposals.approve(work, plan_id)
        view = proposal_view(work, proposals.find(work.store, plan_id))
    session.out.line(said)
    session.out.answer(view)
    return 0


@command("plans refuse", team=True, state=True)
@click.argument("plan_id")
@click.option("--reason", default="", help="Why, for whoever wrote it.")
def refuse(session: Session, plan_id: str, reason: str) -> int:
    """Refuse PLAN_ID, as a lead; it stays refused until the team file or AWS is another."""
    with session.casework() as work:
        said = proposals.refuse(work, plan_id, reason)
        view = proposal_view(work, proposals.find(work.store, plan_id))
    session.out.line(said)
    session.out.answer(view)
    return 0


def proposal_view(work: Casework, row: ProposalRow) -> ProposalView:
    """Turn a plan that waits into plain facts."""
    shown = proposals.shown_of(row)
    return ProposalView(
        row.id,
        iso(row.at),
        str(row.state),
        proposals.said(work, row),
        row.people,
        [each.by for each in work.store.proposals.approvals(row.id)],
        list(proposals.approvers(work, row)),
        row.revision,
        shown.all_calls,
        [f"{each.kind}: {each.what}" for each in shown.waits],
    )


def _finding_view(found: Finding, *, waits: bool) -> FindingView:
    return FindingView(str(found.kind), found.what, found.why, list(found.people), waits)


for part in (show, approve, refuse):
    plans.add_command(part)

COMMANDS = (plans,)
