"""What a lead does about a case, by the presses that buttons in Slack are: the same refusals, and the same entries.

A page answers at once: a press is written down and led back to the case, which says what came of it. Nobody who is
refused is told less for it, and the ledger has the refusal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from fastapi import Form
from starlette.responses import Response

from watchbill.alerts.export.reader import sees_insider
from watchbill.errors import RefusedError
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.respond.ask import Status
from watchbill.respond.model import Verdict
from watchbill.respond.outcomes import FRESH, Proof
from watchbill.service import asking, clicks, containment, eviction
from watchbill.service.briefing import may_freeze
from watchbill.service.clicks import Click, Reply
from watchbill.service.sign_in import Role
from watchbill.service.standing import StandingCase
from watchbill.store.rows import ClickRow, Worked
from watchbill.web.guard import CaseId, Visiting
from watchbill.web.page import Need, Page
from watchbill.web.site import Visit


WEB: Final = "web"
"""Where presses of pages are from."""
_SHOWN = 5
"""Presses of one's own that a case shows."""
_UNDER_WAY = (Worked.WAITING, Worked.TAKEN_ON)
_ASKABLE = (Status.OPEN, Status.ESCALATED)

Key = Annotated[str, Form(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
"""What a page was shown with: the same form sent twice is one press."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press, and what came of it."""

    row: ClickRow
    reply: str
    """In words; empty where nothing came of it yet."""

    @property
    def is_under_way(self) -> bool:
        """Tell whether it is still to come to its end."""
        return self.row.state in _UNDER_WAY


@dataclass(frozen=True, slots=True)
class Box:
    """What may be done about a case now by who is there."""

    leads: bool
    """Whether they are among the leads of the team file: nobody else does anything."""
    ask: bool
    verdicts: tuple[str, ...]
    """None where it is closed, or not theirs to close."""
    freeze: bool
    restore: bool
    evict: bool
    """Whether it is found to be a hijack, and its person is frozen."""
    proves: bool
    """Whether anybody can sign in afresh here: what speaks to AWS takes that."""
    key: str
    own: tuple[Pressed, ...]
    """What they pressed, the latest first."""
    under_way: tuple[ClickRow, ...]
    """What others pressed, and has not come to its end."""


def box_of(visit: Visit, found: StandingCase, *, sees: bool) -> Box | None:
    """Give what who is there may do about a case; None where their role does nothing. `sees` tells of insiders, too."""
    if visit.role < Role.LEAD:
        return None
    work, case = visit.work(), found.case
    leads = visit.person in work.team.leads
    rows = visit.site.store.clicks.of_case(case.id)
    mine = [row for row in rows if (row.source, row.actor) == (WEB, visit.person)]
    verdicts = (str(each) for each in Verdict if sees or each is not Verdict.INSIDER)
    return Box(
        leads=leads,
        ask=leads and case.person is not None and found.question is None and found.status in _ASKABLE,
        verdicts=tuple(verdicts) if leads and found.status != Status.CLOSED else (),
        freeze=leads and may_freeze(work, found.status, case),
        restore=leads and found.status == Status.FROZEN,
        evict=leads and found.status == Status.FROZEN and eviction.verdict_of(work, case.id) == Verdict.HIJACK,
        proves=visit.site.provider is not None,
        key=visit.site.secret(),
        own=tuple(Pressed(row, _reply(row)) for row in mine[:_SHOWN]),
        under_way=tuple(
            row
            for row in rows
            if row.state in _UNDER_WAY and row.action in clicks.LEAVE_A_CASE_OPEN and row not in mine
        ),
    )


def _reply(row: ClickRow) -> str:
    return "" if row.reply is None else msgspec.json.decode(row.reply, type=Reply).text


def ask(visit: Visiting, case: CaseId) -> Response:
    """Ask the person of a case, as `watchbill ask` does."""
    work = visit.work()
    row, view = work.case(case)
    work.must_lead(view.person)
    if row.status not in _ASKABLE:
        raise RefusedError(f"{case} is {row.status}: nothing is to be asked now")
    asking.ask(work, case)
    return visit.go(_back(case))


def decide(
    visit: Visiting,
    case: CaseId,
    verdict: Annotated[Verdict, Form()],
    reason: Annotated[str, Form(max_length=2_000)],
    key: Key,
) -> Response:
    """Close a case with a conclusion and its reason; that of an insider is for whoever may see that story."""
    work = visit.work()
    if verdict is Verdict.INSIDER and not sees_insider(work.team, visit.person, work.case(case)[1]):
        why = f"`{visit.person}` is none of the security leads"
        work.record(Kind.CLICK_REFUSED, case, {"action": "verdict", "by": visit.person, "source": WEB, "why": why})
        raise RefusedError(why, "they conclude that")
    return _press(visit, case, f"verdict:{verdict}", key, {}, reason)


def show_freeze(visit: Visiting, case: CaseId) -> Response:
    """Show the exact calls of a freeze, for which AWS is read. Nothing is done by looking."""
    work = visit.work()
    row, _ = work.case(case)
    made = containment.plan(work, case).containment
    _must_be_open(row.status, case)
    return _shown(visit, case, "freeze.html", person=made.person, made=made)


def show_restore(visit: Visiting, case: CaseId) -> Response:
    """Show what a restore would give back, and what it would leave out."""
    planned, restoration = containment.plan_back(visit.work(), case)
    return _shown(visit, case, "freeze_restore.html", person=planned.containment.person, made=restoration)


def show_evict(visit: Visiting, case: CaseId) -> Response:
    """Show the exact calls of an eviction, for which AWS is read, and who asked for it. Nothing is done by looking."""
    due = eviction.due(visit.work(), case)
    return _shown(visit, case, "evict.html", person=due.eviction.person, made=due.eviction, due=due)


def evict(visit: Visiting, case: CaseId, key: Key, shown: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")]) -> Response:
    """Ask for an eviction, or carry out what another lead asked for: exactly what was shown."""
    return _press(visit, case, "evict", key, {**_proof(visit), "shown": shown})


def _shown(visit: Visit, case: str, template: str, **given: Any) -> Response:
    assert visit.proof is not None, "the table says that it takes a fresh sign-in"
    sentence, until = visit.work().case(case)[1].sentence, visit.proof.at + FRESH
    return visit.show(template, case=case, sentence=sentence, until=until, key=visit.site.secret(), **given)


def freeze(visit: Visiting, case: CaseId, key: Key) -> Response:
    """Have the person of a case frozen."""
    return _press(visit, case, "freeze", key, _proof(visit))


def restore(visit: Visiting, case: CaseId, key: Key) -> Response:
    """Have given back what a freeze took."""
    return _press(visit, case, "restore", key, _proof(visit))


def _press(visit: Visit, case: str, action: str, key: str, proof: Mapping[str, str], text: str = "") -> Response:
    """Write a press down once, have it worked on, and lead back to the case."""
    visit.work().case(case)
    reference = {"page": visit.page.path, **proof}
    name = f"{case}|{WEB}:{visit.person}|{action}|{key}"
    if clicks.take(visit.site.store, Click(name, WEB, visit.person, action, case, visit.at, reference, text)):
        visit.site.wake()
    return visit.go(_back(case))


def _proof(visit: Visit) -> Mapping[str, str]:
    """Give what the ledger is to have of the sign-in that was made for it."""
    assert visit.proof is not None, "the table says that it takes a fresh sign-in"
    return {"signed_in_at": iso(visit.proof.at), "amr": " ".join(sorted(visit.proof.amr))}


def _must_be_open(status: str, case: str) -> None:
    if status == Status.CLOSED:
        raise RefusedError(f"{case} is closed already", f"`watchbill case {case}` shows by whom")


def _back(case: str) -> str:
    return f"/open/{case}#decide"


PAGES = (
    Page("POST", "/open/{case}/ask", Need.LEAD, ask),
    Page("POST", "/open/{case}/verdict", Need.LEAD, decide),
    Page("GET", "/open/{case}/freeze", Need.LEAD, show_freeze, fresh=Proof.SECOND_FACTOR),
    Page("POST", "/open/{case}/freeze", Need.LEAD, freeze, fresh=Proof.SECOND_FACTOR),
    Page("GET", "/open/{case}/evict", Need.LEAD, show_evict, fresh=Proof.SECOND_FACTOR),
    Page("POST", "/open/{case}/evict", Need.LEAD, evict, fresh=Proof.SECOND_FACTOR),
    Page("GET", "/open/{case}/restore", Need.LEAD, show_restore, fresh=Proof.SECOND_FACTOR),
    Page("POST", "/open/{case}/restore", Need.LEAD, restore, fresh=Proof.SECOND_FACTOR),
)
