"""Evict, and restore what was evicted: one lead asks for it, another confirms it, and only then is it carried out."""

import hashlib
from dataclasses import dataclass

import msgspec

from watchbill.access.model import Outcome, State
from watchbill.errors import ProviderError, RefusedError
from watchbill.intervals import parse_instant
from watchbill.ledger.model import Kind
from watchbill.respond.evict import Eviction, Since, plan_eviction
from watchbill.respond.freeze import must_not_be_protected
from watchbill.respond.model import Verdict
from watchbill.respond.telling import news
from watchbill.service.casework import Casework
from watchbill.service.containment import carry_out, frozen_in, person_of, see
from watchbill.service.outbox import SLACK, put
from watchbill.service.two_people import is_lapsed
from watchbill.store.rows import ClickRow, ContainmentRow


@dataclass(frozen=True, slots=True)
class Evicted:
    """What became of an eviction; `outcomes` are empty where a second lead has still to confirm it."""

    eviction: Eviction
    outcomes: tuple[Outcome, ...]


def plan(work: Casework, case_id: str) -> Eviction:
    """Work out the eviction of a case's person, without doing it: only where they are frozen and it was a hijack."""
    _, view = work.case(case_id)
    person = person_of(view)
    work.must_lead(person)
    must_not_be_protected(work.team, person)
    if verdict_of(work, case_id) != Verdict.HIJACK:
        raise RefusedError(
            f"case {case_id} was not found to be a hijack: what cannot be undone waits for that",
            f"watchbill verdict {case_id} hijack --reason ...",
        )
    frozen = frozen_in(work, case_id)
    since = Since(parse_instant(view.first), view.stolen_keys, max(frozen.at, parse_instant(view.last)))
    return plan_eviction(frozen, see(work, person), since, work.at)


@dataclass(frozen=True, slots=True)
class Due:
    """What the next word on an eviction would do."""

    eviction: Eviction
    asked_by: str | None
    """Who asked for it before, so that it is carried out now; None where it would be asked for."""

    @property
    def digest(self) -> str:
        """Name exactly this: the calls, and whether they are asked for or made."""
        said = [self.eviction.id, self.asked_by is None, msgspec.to_builtins(self.eviction.changes)]
        return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def due(work: Casework, case_id: str) -> Due:
    """Give what `evict` would ask for or carry out now, without doing it."""
    planned = plan(work, case_id)
    row = _standing(work, planned.id)
    if row is None or row.state == "done" or is_lapsed(work, row):
        return Due(planned, None)
    return Due(msgspec.json.decode(row.payload, type=Eviction), row.by)


def press(work: Casework, row: ClickRow) -> str:
    """Do what the button of a page is for: ask for exactly what was shown, or carry exactly that out.

    Cut off after it was asked for or carried out, it says so again and does nothing a second time.
    """
    if row.case_id is None or row.source == SLACK:
        raise RefusedError("nobody is evicted there", "it has a page, and `watchbill evict`")
    reference = msgspec.json.decode(row.reference, type=dict[str, str])
    of_case = [each for each in work.store.containments.all() if each.kind == "evict" and each.case_id == row.case_id]
    last = of_case[-1] if of_case else None
    if last is not None and last.state == "asked" and last.by == work.actor and last.at >= row.at:
        return f"{last.id} is asked for: another lead confirms it."
    entries = [] if last is None else work.store.ledger.about([last.id])
    made = [entry for entry in entries if entry.kind == Kind.EVICTION_APPLIED]
    if made and made[-1].actor == work.actor and made[-1].at >= row.at:
        return f"{made[-1].facts['person']} is evicted: {made[-1].facts['steps']} steps made."
    if due(work, row.case_id).digest != reference.get("shown"):
        raise RefusedError("what it would do has changed since it was shown", "look at it again")
    done = evict(work, row.case_id)
    if not done.outcomes:
        return f"{done.eviction.id} is asked for: another lead confirms it."
    return f"{done.eviction.person} is evicted: {len(done.outcomes)} steps made."


def evict(work: Casework, case_id: str) -> Evicted:
    """Ask for an eviction, or confirm the one that another lead asked for, which carries it out."""
    planned = plan(work, case_id)
    row = _standing(work, planned.id)
    if row is None or row.state == "done" or is_lapsed(work, row):
        # Something is left to do that could not be done before, such as deleting a key after a quiet while; or whoever
        # asked for it counts no more.
        number = sum(each.id.startswith(planned.id) for each in work.store.containments.all())
        return _ask(work, case_id, planned, f"{planned.id}.{number}" if number else planned.id)
    if row.by == work.actor and row.state == "asked":
        raise RefusedError(f"`{work.actor}` asked for {row.id}: another lead confirms it")
    if row.state == "asked" and not work.store.containments.confirm(row.id, work.at, work.actor):
        raise RefusedError(f"{row.id} was confirmed already")
    made = msgspec.json.decode(row.payload, type=Eviction)
    outcomes = carry_out(work, row.id, made.changes)
    failed = [outcome for outcome in outcomes if outcome.state is not State.DONE]
    if failed:
        raise ProviderError(f"{len(failed)} of {len(outcomes)} steps failed: {failed[0].error}", "run evict again")
    with work.store.transaction():
        work.store.containments.turn(row.id, ["confirmed"], "done")
        facts = {"person": made.person, "case": case_id, "asked_by": row.by, "steps": len(outcomes)}
        work.record(Kind.EVICTION_APPLIED, row.id, facts)
    return Evicted(made, outcomes)


def verdict_of(work: Casework, case_id: str) -> str | None:
    """Give the last verdict on a case; None where there is none."""
    found = [e for e in work.store.ledger.entries() if e.kind == Kind.CASE_DECIDED and e.subject == case_id]
    return str(found[-1].facts["verdict"]) if found else None


def _ask(work: Casework, case_id: str, planned: Eviction, name: str) -> Evicted:
    if not planned.changes:
        left = "; ".join(planned.left_out) or "no password, no new MFA device, no stolen key"
        raise RefusedError(f"there is nothing to evict in case {case_id} now: {left}")
    payload = msgspec.json.encode(planned).decode()
    row = ContainmentRow(name, "evict", planned.person, case_id, work.at, work.actor, "asked", payload)
    with work.store.transaction():
        work.store.containments.add(row)
        work.record(Kind.EVICTION_ASKED, name, {"person": planned.person, "case": case_id})
        lines = (*(change.why for change in planned.changes), f"watchbill evict {case_id}")
        title = f"{work.actor} asks for the eviction of {planned.person}: another lead confirms it"
        put(work, news(f"{name}:asked", title, lines, case_id, "high"))
    return Evicted(planned, ())


def _standing(work: Casework, prefix: str) -> ContainmentRow | None:
    """Give the last eviction of a freeze."""
    found = [row for row in work.store.containments.all() if row.kind == "evict" and row.id.startswith(prefix)]
    return found[-1] if found else None
