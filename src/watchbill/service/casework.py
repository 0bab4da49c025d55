"""What all work on a case stands on: who may, where a case stands, and what is written down of it.

Rules: a lead decides, by the file in force too, never the subject of the case; the person asked may answer, and nobody
else for them; a protected identity is refused; what was planned is written before it is carried out, so that it can
always be undone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from watchbill.access.center.moved import moved, told_of
from watchbill.access.center.state import CenterState
from watchbill.access.interim import read
from watchbill.access.model import AccountState, Change, Freeze, Plan
from watchbill.access.modes import held_by
from watchbill.access.plan import Applied, make_plan
from watchbill.alerts.view import CaseView
from watchbill.bootstrap import App
from watchbill.errors import FileError, NotFoundError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.ask import Status
from watchbill.service.approved import with_requests
from watchbill.service.as_read import keep_center, keep_organization
from watchbill.service.feeds import with_feeds
from watchbill.service.stand_ins import with_stand_ins
from watchbill.store.database import Store
from watchbill.store.rows import CaseRow
from watchbill.team.model import Mode, Team


def find_case(store: Store, case_id: str) -> tuple[CaseRow, CaseView]:
    """Give a case and where it stands; one that is not there is a NotFoundError that names those that are."""
    row = store.cases.get(case_id)
    if row is None:
        known = ", ".join(case.id for case in store.cases.all()[:8]) or "none yet; `watchbill run` finds them"
        raise NotFoundError(f"no case `{case_id}`", f"cases: {known}")
    return row, view_of(row)


def view_of(row: CaseRow) -> CaseView:
    """Give what a row says of its case."""
    return msgspec.json.decode(row.payload, type=CaseView)


@dataclass(slots=True)
class Casework:
    """Works on cases, for one actor at one instant."""

    app: App
    store: Store
    team: Team
    at: datetime
    actor: str
    rehearses: bool = False
    """Whether the instant lies ahead: what is read then is of now, and would hide what is read until it comes."""

    def freezes(self) -> list[Freeze]:
        """Give every freeze there was."""
        return [Freeze(f.id, f.person, f.start, f.end, f.case_id) for f in self.store.freezes.all()]

    def laid_over(self, team: Team | None = None) -> Team:
        """Give a team file with what holds beside it: who stands in for whom, and what was approved."""
        return with_requests(with_stand_ins(team or self.team, self.store), self.store)

    def plan(self) -> Plan:
        """Compare AWS as it is with what the team file gives now, and with what was last applied.

        What is in mode `observe`, by the file at hand or by the one in force, is left as it is.
        """
        team, in_force = self.laid_over(), self.in_force()
        held = held_by([team, *([] if in_force is None else [in_force])], Mode.PROPOSE)
        observed = self.observe(team)
        center = self.observe_center(team, observed)
        if center is not None:
            center = told_of(center, list(moved(team, center, self.store.center_users.all(center.store))))
        return make_plan(team, observed, self.at, self.freezes(), self.applied(), held, center)

    def observe(self, team: Team) -> Mapping[str, AccountState]:
        """Read AWS as it is; what is read of the organization is kept, for answers that ask nothing of AWS."""
        if team.organization is None or self.rehearses:
            return self.app.observe(team)
        found = self.app.organization(team)
        with self.store.transaction():
            digest = keep_organization(self.store, team, found, self.at, self.actor, self.in_force())
            if digest is not None:
                about = "none" if found is None or isinstance(found, str) else found.id
                self.record(Kind.ORGANIZATION_SEEN, about, {"digest": digest})
        return self.app.observe_under(team, found)

    def observe_center(self, team: Team, observed: Mapping[str, AccountState]) -> CenterState | None:
        """Read Identity Center as it is, where a plan needs it, and keep it likewise; who was there before is known."""
        found = self.app.observe_center(team, observed)
        if not self.rehearses:
            keep_center(self.store, team, found, self.at, self.actor)
        if found is None:
            return None
        known = self.store.center_users.all(found.store)
        return replace(found, gone={name: user for name, user in known.items() if name not in found.people})

    def in_force(self) -> Team | None:
        """Give the team file that people let be, bare; None where there is none, or it can be read no more."""
        kept = self.store.revisions.latest()
        if kept is None:
            return None
        if kept.digest == self.team.digest:
            return self.team
        try:
            found = read(kept.text, self.team.path)
        except FileError:
            return None
        return found if found.name == self.team.name else None

    def perform(self, change: Change) -> None:
        """Make one step of a plan."""
        self.app.perform(self.team, change)

    def applied(self) -> Applied | None:
        """Give what was last applied whole; None where nothing was, or where it can be read no more."""
        entry = self.store.ledger.last(Kind.PLAN_APPLIED)
        kept = None if entry is None or entry.facts["failed"] else self.store.revisions.at(entry.at)
        if entry is None or kept is None or kept.digest != entry.facts["team"]:
            return None
        try:
            team = read(kept.text, self.team.path)
        except FileError:
            return None
        # A freeze since then changed AWS at once, and by watchbill.
        active = (replace(f, start=min(f.start, entry.at)) for f in self.freezes() if f.covers(self.at))
        filled = with_stand_ins(with_feeds(team, self.store, entry.at), self.store)
        return Applied(with_requests(filled, self.store, entry.at), entry.at, tuple(active))

    def case(self, case_id: str) -> tuple[CaseRow, CaseView]:
        """Give a case and where it stands."""
        return find_case(self.store, case_id)

    def leads(self) -> tuple[str, ...]:
        """Give who decides: leads by the file at hand and by the one in force, and nobody who is frozen.

        Nobody names themselves into those who decide, and whoever is named no more does not decide any more.
        """
        return tuple(name for name in self._named_leads() if not self.is_frozen(name))

    def _named_leads(self) -> tuple[str, ...]:
        in_force = self.in_force()
        return tuple(name for name in self.team.leads if in_force is None or name in in_force.leads)

    def must_lead(self, subject: str | None) -> None:
        """Refuse whoever is no lead, or not yet by the file in force, or is frozen, and the subject of the case."""
        if self.actor not in (leads := self._named_leads()):
            known = ", ".join(leads) or "nobody: name them under `leads`, and have that let be"
            not_yet = ", or not yet by the file in force" if self.actor in self.team.leads else ""
            hint = f"leads: {known}"
            if self.actor not in self.team.people:
                hint = f"WATCHBILL_ACTOR says who you are; {hint}"
            raise RefusedError(f"`{self.actor}` is no lead of team {self.team.name}{not_yet}", hint)
        if self.actor == subject:
            raise RefusedError(f"`{self.actor}` is the subject of this case and never decides it")
        self.must_not_be_frozen()

    def must_not_be_frozen(self) -> None:
        """Refuse whoever is frozen: it may not be them."""
        if self.is_frozen(self.actor):
            raise RefusedError(f"`{self.actor}` is frozen, and decides nothing meanwhile", "another lead does")

    def is_frozen(self, person: str) -> bool:
        """Tell whether somebody is frozen now."""
        return any(row.person == person for row in self.store.freezes.active(self.at))

    def move(self, row: CaseRow, view: CaseView, status: Status, note: str) -> None:
        """Write where a case stands now, and why."""
        payload = msgspec.json.encode(view).decode()
        self.store.cases.put(replace(row, status=str(status), updated_at=self.at, note=note, payload=payload))

    def record(self, kind: Kind, subject: str, facts: Mapping[str, object]) -> None:
        """Write an entry of the ledger."""
        self.store.ledger.record(at=self.at, kind=kind, actor=self.actor, subject=subject, facts=facts)
