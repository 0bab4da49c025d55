"""Offboard somebody: shut them out at once, which can be undone, and delete what they had, which cannot.

The rules, in order:

1. One lead begins it: the person is frozen, in every place, as a freeze of no case. Where they are frozen already, that
   freeze is it. Until it is confirmed it can be cancelled, and all is as it was.
2. Nothing is deleted while the team file still gives them anything: the next plan would make the user anew.
3. Another lead confirms it. From then on it is only carried on with: in rounds, each written down before its first
   call, until what is read back has nothing of the user left.
4. Denies on live sessions outlast the user for as long as a session can live.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from watchbill.access.model import AccountState, Change, Outcome, State, spelled
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.intervals import Interval
from watchbill.ledger.model import Kind
from watchbill.respond.freeze import Asked, must_not_be_protected
from watchbill.respond.model import Containment, Seen
from watchbill.respond.offboard import Remains, delete_users, remains, remains_elsewhere
from watchbill.respond.telling import news
from watchbill.schedule.leaver import Given, Proposal, given_to, without
from watchbill.schedule.oncall import gaps
from watchbill.service import containment
from watchbill.service.casework import Casework
from watchbill.service.containment import Frozen, Planned, Progress, Restored, carry_out, elsewhere_of, see
from watchbill.service.outbox import put
from watchbill.service.two_people import is_gone
from watchbill.store.rows import ContainmentRow
from watchbill.team.files import parse


LONGEST_SESSION: Final = timedelta(hours=36)
"""How long a session can live: GetSessionToken gives 36 hours at most, roles 12 (STS API Reference)."""

AHEAD: Final = timedelta(days=28)
"""How far ahead gaps are looked for that a leaver leaves."""

_ROUNDS: Final = 3
"""How often it is read back, and what has come since deleted, before it is left to the next run."""

_KIND, _ROUND = "offboard", "offboard-round"


class _Begun(msgspec.Struct):
    freeze: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """An offboarding and where it stands."""

    id: str
    person: str
    state: str
    """`asked`, `cancelling`, `confirmed`, `done` or `refused`, as rows have it."""
    freeze: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class View:
    """What an offboarding comes to: what is left, what the team file gives, and the file without it."""

    person: str
    standing: Standing | None
    """None where none was begun."""
    deletes: tuple[Change, ...]
    remains: tuple[Remains, ...]
    given: tuple[Given, ...]
    proposal: Proposal
    gaps: tuple[str, ...]
    """Gaps in coverage that come of it, in words."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of an offboarding that was confirmed."""

    id: str
    outcomes: tuple[Outcome, ...]
    remains: tuple[Remains, ...]


def plan(work: Casework, person: str, reason: str) -> Planned:
    """Work out how somebody is shut out, without doing it; one that is frozen already is given as they were frozen."""
    _must_be_possible(work, person)
    row = containment.standing(work, person)
    if row is not None:
        return containment.planned_of(row)
    return containment.planned_for(work, person, Asked(None, f"offboarded: {reason}", work.actor))


def begin(work: Casework, planned: Planned, reason: str, progress: Progress = lambda outcome: None) -> Frozen:
    """Shut somebody out; done again, it is carried on with and looked at again.

    Where whoever began it counts no more, whoever does it again has begun it.
    """
    made = planned.containment
    there = standing_of(work, made.person)
    if there is None or _is_lapsed(work, there):
        row = _row(made, reason, work)
        with work.store.transaction():
            if there is not None:
                work.store.containments.turn(there.id, ["asked"], "refused")
            if work.store.containments.add(row):
                facts = {"person": made.person, "freeze": made.id, "reason": reason}
                work.record(Kind.OFFBOARDING_BEGUN, row.id, facts)
                _tell_leads(work, row.id, made.person, reason)
    if made.case is not None:
        return containment.recheck(work, made.id)
    return containment.freeze(work, planned, progress)


def cancel(work: Casework, person: str, *, acknowledge_drift: bool = False) -> Restored | None:
    """Undo what was begun and is not confirmed; None where the person stays frozen, in a case.

    From its first step on nobody confirms it any more; cut anywhere, it is carried on with.
    """
    found = _begun(work, person)
    work.must_lead(person)
    if not work.store.containments.turn(found.id, ["asked", "cancelling"], "cancelling"):
        raise RefusedError(f"{found.id} was confirmed: what is deleted cannot be given back")
    row = containment.standing(work, person)
    restored = None
    if row is not None and row.case_id is None:
        try:
            restored = containment.thaw(work, row.id, acknowledge_drift=acknowledge_drift)
        except RefusedError:
            work.store.containments.turn(found.id, ["cancelling"], "asked")
            raise
    with work.store.transaction():
        work.store.containments.turn(found.id, ["cancelling"], "refused")
        work.record(Kind.OFFBOARDING_CANCELLED, found.id, {"person": person})
    return restored


def finish(work: Casework, person: str, progress: Progress = lambda outcome: None) -> Finished:
    """Confirm, as another lead, that what somebody had is deleted, and delete it; done again, it is carried on with."""
    _must_be_possible(work, person)
    found = _begun(work, person)
    if found.state == "asked":
        _must_confirm(work, found)
    elif found.state == "cancelling":
        raise RefusedError(f"{found.id} is being cancelled", f"watchbill offboard cancel {person} carries on with it")
    row = containment.standing(work, person)
    if row is None:
        raise RefusedError(f"{person} is frozen no more", f"watchbill offboard begin {person}")
    frozen = containment.planned_of(row).containment
    outcomes = _rounds(work, found.id, frozen, progress)
    left = tuple(remains(frozen.user, see(work, person)))
    if ours := [each.what for each in left if not each.by_hand]:
        failed = next((f": {each.error}" for each in reversed(outcomes) if each.state is State.FAILED), "")
        raise ProviderError(f"{found.id}: {ours[0]} is left{failed}", f"run offboard finish {person} again")
    with work.store.transaction():
        if work.store.containments.turn(found.id, ["confirmed"], "done"):
            # Sessions end by then; the deny on them may go with a plan.
            work.store.freezes.end(frozen.id, work.at + LONGEST_SESSION)
            said = [each.what for each in left]
            facts = {"person": person, "asked_by": found.by, "steps": len(outcomes), "left": said}
            work.record(Kind.OFFBOARDING_APPLIED, found.id, facts)
    return Finished(found.id, outcomes, (*left, *remains_elsewhere(elsewhere_of(work, person))))


def look(work: Casework, person: str) -> View:
    """Say what is left of somebody, what would be deleted, and what the team file gives them."""
    if person not in work.team.people:
        raise NotFoundError(f"no person `{person}` in {work.team.path}")
    seen, elsewhere = see(work, person), elsewhere_of(work, person)
    user = _user(work, person, seen.observed)
    proposal = without(work.team, person, work.at)
    return View(
        person,
        standing_of(work, person),
        _deletes(user, seen),
        (*remains(user, seen), *remains_elsewhere(elsewhere)),
        tuple(given_to(work.laid_over(), person, work.at)),
        proposal,
        tuple(_gaps(work, proposal)),
    )


def standing_of(work: Casework, person: str) -> Standing | None:
    """Give the last offboarding of somebody that was not cancelled; None where there is none."""
    rows = [r for r in work.store.containments.all() if r.kind == _KIND and r.person == person and r.state != "refused"]
    if not rows or (rows[-1].state == "done" and containment.standing(work, person) is None):
        return None
    begun = msgspec.json.decode(rows[-1].payload, type=_Begun)
    return Standing(rows[-1].id, person, rows[-1].state, begun.freeze, begun.reason, rows[-1].by)


def _must_be_possible(work: Casework, person: str) -> None:
    """Refuse whoever may not offboard, and whom nobody may."""
    team = work.team
    if person not in team.people:
        raise NotFoundError(f"no person `{person}` in {team.path}")
    work.must_lead(person)
    must_not_be_protected(team, person)
    user = team.people[person].iam_user.lower()
    if any(each.iam_user.lower() == user for each in team.break_glass):
        raise RefusedError(f"`{user}` is a break-glass user: watchbill never changes one")
    if set(team.leads) <= {person}:
        raise RefusedError(f"{person} is the only lead: name another one first, and apply that")


def _is_lapsed(work: Casework, found: Standing) -> bool:
    return found.state == "asked" and is_gone(work, found.by)


def _must_confirm(work: Casework, found: Standing) -> None:
    if found.by == work.actor:
        raise RefusedError(f"`{work.actor}` began {found.id}: another lead confirms it")
    if _is_lapsed(work, found):
        message = f"`{found.by}`, who began {found.id}, is no lead any more, or is frozen"
        raise RefusedError(message, f"watchbill offboard begin {found.person}, and another lead confirms that")
    given = [each.what for each in given_to(work.laid_over(), found.person, work.at)]
    if given:
        raise RefusedError(
            f"the team file still gives {found.person} {', '.join(given)}: a plan would make the user anew",
            f"watchbill offboard show {found.person} has the file without it, as a diff",
        )
    in_force = work.in_force()
    if in_force is not None and found.person in in_force.people:
        kept = [each.what for each in given_to(work.laid_over(in_force), found.person, work.at)]
        if kept:
            raise RefusedError(
                f"the file in force still gives {found.person} {', '.join(kept)}: a plan would make the user anew",
                "watchbill plans shows what waits; once the file without them is let be, do this again",
            )
    with work.store.transaction():
        if not work.store.containments.confirm(found.id, work.at, work.actor):
            raise RefusedError(f"{found.id} was confirmed or cancelled meanwhile")
        work.record(Kind.OFFBOARDING_CONFIRMED, found.id, {"person": found.person, "asked_by": found.by})


def _rounds(work: Casework, name: str, frozen: Containment, progress: Progress) -> tuple[Outcome, ...]:
    """Delete what is there, each round written down first: one that was cut short is carried on with as it was."""
    outcomes: list[Outcome] = []
    kept = {
        row.id: row for row in work.store.containments.all() if row.kind == _ROUND and row.id.startswith(f"{name}.")
    }
    done = sum(row.state == "done" for row in kept.values())
    for number in range(done + 1, done + 1 + _ROUNDS):
        row_id = f"{name}.{number}"
        if row_id in kept:
            changes = msgspec.json.decode(kept[row_id].payload, type=tuple[Change, ...])
        else:
            changes = tuple(delete_users(frozen.user, see(work, frozen.person)))
            if not changes:
                break
            payload = msgspec.json.encode(changes).decode()
            row = ContainmentRow(row_id, _ROUND, frozen.person, None, work.at, work.actor, "asked", payload)
            changes = _written(work, row, changes)
        outcomes.extend(carry_out(work, row_id, changes, progress))
        # What failed is planned anew: the user may have come to have something that stood in the way.
        work.store.containments.turn(row_id, ["asked"], "done")
    return tuple(outcomes)


def _written(work: Casework, row: ContainmentRow, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Write a round down and give its changes: another's, where somebody was faster, since its steps are by that id."""
    with work.store.transaction():
        if work.store.containments.add(row):
            return changes
        there = next(each for each in work.store.containments.all() if each.id == row.id)
        return msgspec.json.decode(there.payload, type=tuple[Change, ...])


def _begun(work: Casework, person: str) -> Standing:
    found = standing_of(work, person)
    if found is None:
        raise RefusedError(f"nobody offboards {person}", f"watchbill offboard begin {person} --reason ...")
    return found


def _row(made: Containment, reason: str, work: Casework) -> ContainmentRow:
    number = sum(row.kind == _KIND and row.person == made.person for row in work.store.containments.all())
    name = f"O-{made.id.removeprefix('F-')}" + (f"-{number}" if number else "")
    payload = msgspec.json.encode(_Begun(made.id, reason)).decode()
    return ContainmentRow(name, _KIND, made.person, made.case, work.at, work.actor, "asked", payload)


def _tell_leads(work: Casework, name: str, person: str, reason: str) -> None:
    """Tell the leads, unless the leaver is one of them, who would be told too."""
    if person not in work.team.leads:
        lines = (f"They say: {reason}", f"watchbill offboard finish {person}")
        title = f"{work.actor} offboards {person}: another lead has what they had deleted"
        put(work, news(f"{name}:begun", title, lines))


def _user(work: Casework, person: str, observed: Mapping[str, AccountState]) -> str:
    """Give the name of somebody's user as AWS spells it."""
    user = work.team.people[person].iam_user
    return next((found for state in observed.values() if (found := spelled(user, state)) in state.users), user)


def _deletes(user: str, seen: Seen) -> tuple[Change, ...]:
    """Give what would be deleted; nothing where not all of it could be read, which is among what remains."""
    try:
        return tuple(delete_users(user, seen))
    except RefusedError:
        return ()


def _gaps(work: Casework, proposal: Proposal) -> Iterator[str]:
    """Say which gaps a team file without a leaver has that it does not have with them."""
    span = Interval(work.at, work.at + AHEAD)
    # Neither has copies of outside schedules, which the leaver may be in all the same.
    before, after = (parse(text.encode(), work.team.path) for text in (work.team.text, proposal.text))
    for name, rota in after.rotas.items():
        there = {str(gap) for gap in gaps(before.rotas[name], span)}
        yield from (f"rota {name} has {gap}" for gap in gaps(rota, span) if str(gap) not in there)
