"""Work on a case: ask, answer, decide, freeze, restore. Each step is authorised, written down, and in the ledger.

Rules: a lead decides, never the subject of the case; the person asked may answer, and nobody else for them; a protected
identity is refused; what was planned is written before it is carried out, so that it can always be undone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from watchbill.access.apply import apply
from watchbill.access.compile import compile_account
from watchbill.access.model import AccountState, Change, Freeze, Outcome, Plan, State
from watchbill.access.plan import Applied, make_plan
from watchbill.alerts.view import CaseView
from watchbill.bootstrap import App
from watchbill.errors import FileError, NotFoundError, ProviderError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.ask import Status
from watchbill.respond.freeze import plan_freeze
from watchbill.respond.model import Check, Containment, Restoration
from watchbill.respond.restore import differences, plan_restore
from watchbill.respond.verify import verify_frozen
from watchbill.service.feeds import with_feeds
from watchbill.store.database import Store
from watchbill.store.rows import CaseRow, FreezeRow, StepRow
from watchbill.team.files import parse
from watchbill.team.model import Team


class _Frozen(msgspec.Struct):
    """What is kept of a freeze: how to undo it, and what was there before."""

    containment: Containment
    before: dict[str, AccountState]


@dataclass(frozen=True, slots=True)
class Frozen:
    """What became of a freeze."""

    containment: Containment
    outcomes: tuple[Outcome, ...]
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Tell whether every check holds."""
        return all(check.holds for check in self.checks)


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a restore."""

    restoration: Restoration
    outcomes: tuple[Outcome, ...]
    differences: tuple[str, ...]
    """What is not as it was before the freeze."""


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

    def freezes(self) -> list[Freeze]:
        """Give every freeze there was."""
        return [Freeze(f.id, f.person, f.start, f.end, f.case_id) for f in self.store.freezes.all()]

    def plan(self) -> Plan:
        """Compare AWS as it is with what the team file gives now, and with what was last applied."""
        return make_plan(self.team, self.app.observe(self.team), self.at, self.freezes(), self.applied())

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
            team = parse(kept.text.encode(), self.team.path)
        except FileError:
            return None
        # A freeze since then changed AWS at once, and by watchbill.
        active = (replace(f, start=min(f.start, entry.at)) for f in self.freezes() if f.covers(self.at))
        return Applied(with_feeds(team, self.store, entry.at), entry.at, tuple(active))

    def case(self, case_id: str) -> tuple[CaseRow, CaseView]:
        """Give a case and where it stands."""
        return find_case(self.store, case_id)

    def plan_freeze(self, case_id: str) -> tuple[Containment, Mapping[str, AccountState]]:
        """Work out the freeze of a case's person, without doing it; one that was cut short is given again as it was."""
        _, view = self.case(case_id)
        if view.person is None:
            raise RefusedError(f"case {case_id} names no person: there is no account to freeze")
        self.must_lead(view.person)
        active = self.store.freezes.active(self.at)
        if (begun := next((f for f in active if f.person == view.person), None)) is not None:
            if begun.case_id != case_id:
                raise RefusedError(f"{view.person} is frozen already, in case {begun.case_id}")
            kept = msgspec.json.decode(begun.payload, type=_Frozen)
            return kept.containment, kept.before
        if not any(action.kind == "freeze" for action in view.actions) and view.facts.get("answer") != "no":
            raise RefusedError(
                f"case {case_id} does not call for a freeze: failures alone never disable a person",
                f"ask them first: watchbill ask {case_id}",
            )
        before = self.app.observe(self.team)
        keys = self.app.keys_of(self.team, view.person, before)
        containment = plan_freeze(
            self.team, view.person, before, keys, self.at, case=case_id, reason=view.sentence, by=self.actor
        )
        return containment, before

    def freeze(
        self,
        containment: Containment,
        before: Mapping[str, AccountState],
        progress: Callable[[Outcome], None] = lambda outcome: None,
    ) -> Frozen:
        """Carry a freeze out, and verify it by reading AWS back."""
        row, view = self.case(containment.case or "")
        payload = msgspec.json.encode(_Frozen(containment, dict(before))).decode()
        with self.store.transaction():
            kept = FreezeRow(containment.id, containment.person, self.at, None, containment.case, payload)
            self.store.freezes.add(kept)
            self.move(row, view, Status.FROZEN, f"{containment.person} frozen by {self.actor}")
            self.record(Kind.FREEZE_APPLIED, containment.id, {"person": containment.person, "case": containment.case})
        outcomes = self._carry_out(containment.id, containment, progress)
        checks = self.verify(containment, [event.what for event in view.evidence if event.note])
        held = sum(check.holds for check in checks)
        self.record(Kind.FREEZE_VERIFIED, containment.id, {"checks": len(checks), "hold": held})
        return Frozen(containment, outcomes, checks)

    def verify(self, containment: Containment, actions: list[str]) -> tuple[Check, ...]:
        """Check a freeze over the policies and keys read back from AWS."""
        observed = self.app.observe(self.team)
        keys = self.app.keys_of(self.team, containment.person, observed)
        return verify_frozen(containment, observed, keys, self.at, [action for action in actions if ":" in action])

    def restore(self, case_id: str, *, acknowledge_drift: bool = False) -> Restored:
        """Undo the freeze of a case: groups by the schedule now, stolen keys left off."""
        row, view = self.case(case_id)
        frozen = next((f for f in self.store.freezes.active(self.at) if f.case_id == case_id), None)
        if frozen is None:
            raise NotFoundError(f"nobody is frozen in case {case_id}")
        self.must_lead(frozen.person)
        kept = msgspec.json.decode(frozen.payload, type=_Frozen)
        others = [freeze for freeze in self.freezes() if freeze.name != frozen.id]
        accounts = self.team.accounts.values()
        desired = {a.name: compile_account(self.team, a, self.at, others).state for a in accounts}
        restoration = plan_restore(
            kept.containment, desired, self.app.observe(self.team), kept.before, view.stolen_keys
        )
        if restoration.drift and not acknowledge_drift:
            changed = "; ".join(found.what for found in restoration.drift)
            raise RefusedError(f"others changed things since the freeze: {changed}", "look, then --acknowledge-drift")
        outcomes = self._carry_out(f"{frozen.id}-restore", restoration, lambda outcome: None)
        failed = [outcome for outcome in outcomes if outcome.state is not State.DONE]
        if failed:
            raise ProviderError(
                f"{len(failed)} of {len(outcomes)} steps failed, first: {failed[0].error}", "run restore again"
            )
        with self.store.transaction():
            self.store.freezes.end(frozen.id, self.at)
            self.move(row, view, Status.ESCALATED, f"{frozen.person} restored by {self.actor}: a lead closes the case")
            facts = {"person": frozen.person, "left_out": list(restoration.left_out)}
            self.record(Kind.RESTORE_APPLIED, frozen.id, facts)
        return Restored(restoration, outcomes, differences(kept.containment, kept.before, self.app.observe(self.team)))

    def _carry_out(
        self, plan: str, what: Containment | Restoration, progress: Callable[[Outcome], None]
    ) -> tuple[Outcome, ...]:
        def journal(outcome: Outcome) -> None:
            call = f"{outcome.change.account} {outcome.change.call}"
            self.store.journal.write(StepRow(plan, outcome.number, self.at, call, str(outcome.state), outcome.error))
            progress(outcome)

        return tuple(apply(what.changes, self.perform, journal))

    def must_lead(self, subject: str | None) -> None:
        """Refuse whoever is no lead, and the subject of the case."""
        if self.actor not in self.team.leads:
            leads = ", ".join(self.team.leads) or "nobody: name them under `leads`"
            raise RefusedError(f"`{self.actor}` is no lead of team {self.team.name}", f"leads: {leads}")
        if self.actor == subject:
            raise RefusedError(f"`{self.actor}` is the subject of this case and never decides it")

    def move(self, row: CaseRow, view: CaseView, status: Status, note: str) -> None:
        """Write where a case stands now, and why."""
        payload = msgspec.json.encode(view).decode()
        self.store.cases.put(replace(row, status=str(status), updated_at=self.at, note=note, payload=payload))

    def record(self, kind: Kind, subject: str, facts: Mapping[str, object]) -> None:
        """Write an entry of the ledger."""
        self.store.ledger.record(at=self.at, kind=kind, actor=self.actor, subject=subject, facts=facts)
