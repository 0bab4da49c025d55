"""Freeze and restore: planned, written down, carried out step by step, verified, and watched for a while after.

The rules, in order:

1. A freeze is written down, with all that was there before and the hash of that in the ledger, before its first call.
2. Every step is in the journal before it is made and after. What was cut short is carried on with: what was done is not
   done again. Accounts are worked on side by side, the steps of each in their order.
3. It is verified by what AWS gives back. What does not hold is mended, and `RECHECKS` after its last step it is looked
   at again: IAM is not consistent at once, and whoever has the account may undo a step or make a new way in.
4. A restore takes the reverse order, and the person of a case never gives it; where something was evicted, a second
   lead confirms it.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import msgspec

from watchbill.access.apply import apply
from watchbill.access.center.compile import given_in_center
from watchbill.access.compile import Compiler, compile_account
from watchbill.access.model import AccountState, Change, Credentials, Freeze, Outcome, State
from watchbill.access.quarantine import Form
from watchbill.alerts.view import CaseView
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.ask import Status
from watchbill.respond.center import Due, others_of, taken
from watchbill.respond.elsewhere import (
    Elsewhere,
    by_hand_elsewhere,
    differences_elsewhere,
    drift_elsewhere,
    freeze_elsewhere,
    is_last,
    joined,
    missing,
    restore_elsewhere,
    verify_elsewhere,
    warnings_elsewhere,
)
from watchbill.respond.freeze import Asked, mended, plan_freeze
from watchbill.respond.model import Check, Containment, Restoration, Seen
from watchbill.respond.restore import Before, differences, plan_restore
from watchbill.respond.stand_in import stand_ins
from watchbill.respond.verify import NOTHING, verify_frozen
from watchbill.service.briefing import tell_leads
from watchbill.service.by_hand import checks_by_hand, tick
from watchbill.service.casework import Casework
from watchbill.service.feeds import with_feeds
from watchbill.service.paging import page
from watchbill.service.two_people import must_be_second, was_evicted
from watchbill.store.rows import FreezeRow, StepRow
from watchbill.team.model import Team


RECHECKS: Final = (timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=60))
"""How long after its last step a freeze is looked at again.

AWS gives no figure for how long IAM takes to be consistent; four seconds were measured (OFFENSAI, on IAM's eventual
consistency).
"""

ABANDONED: Final = timedelta(minutes=2)
"""How long a freeze may be under way before whoever makes passes takes its process for dead and carries on with it."""

Progress = Callable[[Outcome], None]


class _Kept(msgspec.Struct):
    """What is kept of a freeze: how to undo it, and what was there before."""

    containment: Containment
    before: dict[str, AccountState]
    credentials: dict[str, Credentials] = {}
    elsewhere: Elsewhere = Elsewhere()


@dataclass(frozen=True, slots=True)
class Planned:
    """A freeze that may be carried out, and what is there before it."""

    containment: Containment
    before: Before
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    """What was there outside of IAM."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What became of a freeze."""

    containment: Containment
    outcomes: tuple[Outcome, ...]
    checks: tuple[Check, ...]
    mended: int = 0
    """Steps that had to be made again, or anew, since."""

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


# --- freeze ---------------------------------------------------------------------------------------


def plan(work: Casework, case_id: str) -> Planned:
    """Work out the freeze of a case's person, without doing it; one that was cut short is given again as it was."""
    _, view = work.case(case_id)
    person = person_of(view)
    work.must_lead(person)
    if (begun := standing(work, person)) is not None:
        if begun.case_id != case_id:
            raise RefusedError(f"{person} is frozen already, in case {begun.case_id}")
        return _planned(begun)
    if not any(action.kind == "freeze" for action in view.actions) and view.facts.get("answer") != "no":
        raise RefusedError(
            f"case {case_id} does not call for a freeze: failures alone never disable a person",
            f"ask them first: watchbill ask {case_id}",
        )
    return planned_for(work, person, Asked(case_id, view.sentence, work.actor))


def planned_for(work: Casework, person: str, asked: Asked) -> Planned:
    """Work out the freeze of somebody from what is there now."""
    seen = see(work, person)
    found = elsewhere_of(work, person)
    made = plan_freeze(work.team, person, seen, work.at, asked, elsewhere=bool(found))
    made = replace(
        made,
        changes=(*made.changes, *freeze_elsewhere(work.team, found, found), *by_hand_elsewhere(work.team, found)),
        warnings=(*made.warnings, *warnings_elsewhere(work.team, found)),
        stand_ins=stand_ins(work.team, person, work.freezes(), work.at),
    )
    return Planned(made, Before(_part(made, seen.observed), seen.credentials), found)


def elsewhere_of(work: Casework, person: str) -> Elsewhere:
    """Read somebody outside of IAM; in Identity Center also by who they were when that was let be last.

    Sessions of that user may live on, and that user may still be there.
    """
    found = work.app.elsewhere(work.team, person)
    seat, center = found.seat, work.team.identity_center
    if seat is None or center is None:
        return found
    known = work.store.center_users.all(center.store).get(person)
    if known is None or known == seat.user:
        return found
    both = replace(found, seat=replace(seat, former=(known,)))
    again = work.app.elsewhere(work.team, person, both)
    return replace(again, seat=both.seat if again.seat is None else replace(again.seat, former=(known,)))


def freeze(work: Casework, planned: Planned, progress: Progress = lambda outcome: None) -> Frozen:
    """Carry a freeze out, and verify it by reading AWS back; `settle` or passes look at it again."""
    made = planned.containment
    kept = _Kept(made, dict(planned.before.observed), dict(planned.before.credentials), planned.elsewhere)
    payload = msgspec.json.encode(kept).decode()
    with work.store.transaction():
        if work.store.freezes.add(FreezeRow(made.id, made.person, work.at, None, made.case, payload)):
            if made.case is not None:
                _move(work, made.case, Status.FROZEN, f"{made.person} frozen by {work.actor}")
            facts = {"person": made.person, "case": made.case, "snapshot": _digest(kept)}
            work.record(Kind.FREEZE_APPLIED, made.id, facts)
            page(work, made)
    outcomes = carry_out(work, made.id, made.changes, progress)
    now = replace(work, at=work.app.clock.now())
    now.store.freezes.carried_out(made.id, now.at)
    return replace(recheck(now, made.id, outcomes), outcomes=outcomes)


def settle(work: Casework, freeze_id: str, said: Callable[[Frozen], None] = lambda frozen: None) -> Frozen:
    """Wait for each time at which a freeze is looked at again, and do so; gives what the last look found."""
    found, waited = None, timedelta()
    for after in RECHECKS[_row(work, freeze_id).rechecks :]:
        work.app.sleep((after - waited).total_seconds())
        waited = after
        found = recheck(replace(work, at=work.app.clock.now()), freeze_id)
        said(found)
    return found if found is not None else recheck(work, freeze_id)


def recheck_due(work: Casework) -> list[str]:
    """Carry on with each freeze that was cut short, and look again at each whose time has come; give their ids."""
    looked = []
    for row in work.store.freezes.active(work.at):
        if row.applied_at is None:
            if work.at - row.start < ABANDONED:
                continue
            freeze(work, _planned(row))
        elif not any(row.applied_at + after <= work.at for after in RECHECKS[row.rechecks :]):
            continue
        else:
            recheck(work, row.id)
        looked.append(row.id)
    return looked


def recheck(work: Casework, freeze_id: str, outcomes: Iterable[Outcome] = ()) -> Frozen:
    """Look at a freeze now, mend what does not hold, and look at that again; `outcomes` are of its steps just made."""
    row = _row(work, freeze_id)
    planned = _planned(row)
    made, before, found = planned.containment, planned.before, tuple(outcomes)
    seen, number = see(work, made.person), 0
    now = work.app.elsewhere(work.team, made.person, planned.elsewhere)
    elsewhere = joined(planned.elsewhere, now)
    checks = _checked(work, replace(planned, elsewhere=elsewhere), made, seen, now)
    for _ in Form:
        if all(check.holds for check in checks):
            break
        made = mended(made, seen, before.observed, _refused(found))
        made = replace(made, changes=(*made.changes, *freeze_elsewhere(work.team, now, elsewhere)))
        if not made.changes:
            break
        number += len(made.changes)
        _keep(work, made, before, elsewhere)
        found = carry_out(work, f"{freeze_id}.{work.store.freezes.mended(freeze_id)}", made.changes)
        work.record(Kind.FREEZE_MENDED, freeze_id, {"steps": len(made.changes), "why": _broken(checks)})
        seen, now = see(work, made.person), work.app.elsewhere(work.team, made.person, elsewhere)
        checks = _checked(work, replace(planned, elsewhere=elsewhere), made, seen, now)
    held = sum(check.holds for check in checks)
    if row.applied_at is not None:
        done = sum(row.applied_at + after <= work.at for after in RECHECKS)
        work.store.freezes.rechecked(freeze_id, max(done, row.rechecks))
    work.record(Kind.FREEZE_VERIFIED, freeze_id, {"checks": len(checks), "hold": held})
    return Frozen(planned.containment, tuple(outcomes), checks, number)


def ticked(work: Casework, case_id: str, number: int) -> Frozen | None:
    """Take it that a person has made a step, and look at its freeze again; None where that is in force no more."""
    plan_id = tick(work, case_id, number).step.plan
    in_force = plan_id in {row.id for row in work.store.freezes.active(work.at)}
    return recheck(work, plan_id) if in_force else None


def _checked(
    work: Casework, planned: Planned, made: Containment, seen: Seen, elsewhere: Elsewhere
) -> tuple[Check, ...]:
    checks = verify_frozen(made, seen, planned.before.observed, work.at, _actions_of(work, made))
    outside = (*verify_elsewhere(work.team, planned.elsewhere, elsewhere), *checks_by_hand(work, planned.containment))
    # Whoever has no IAM user has nothing of it to be checked, as long as there is something else.
    return (*(check for check in checks if check is not NOTHING or not outside), *outside)


def see(work: Casework, person: str) -> Seen:
    """Read what a freeze, a restore and their verification go by, accounts side by side."""
    observed = work.app.look(work.team)
    credentials = work.app.credentials_of(work.team, person, observed)
    shells, unread = work.app.shells_in(work.team)
    hidden = (f"{name}: {what}" for name, found in credentials.items() for what in found.unread)
    return Seen(observed, credentials, shells, (*hidden, *unread))


def carry_out(
    work: Casework,
    plan_id: str,
    changes: Sequence[Change],
    progress: Progress = lambda outcome: None,
    anew: Callable[[Change], None] | None = None,
) -> tuple[Outcome, ...]:
    """Carry changes out by the journal, place by place side by side; what is done by it is not done again.

    With `anew` each is made by that, whatever was done before.
    """
    steps = work.store.journal.of(plan_id) if anew is None else []
    done = {step.number for step in steps if step.state == State.DONE}

    def journal(outcome: Outcome) -> None:
        call = f"{outcome.change.account} {outcome.change.call}"
        at = work.app.clock.now()
        work.store.journal.write(StepRow(plan_id, outcome.number, at, call, str(outcome.state), outcome.error))
        if outcome.state is not State.BEGUN:
            progress(outcome)

    def of(place: str) -> list[Outcome]:
        return list(apply(changes, anew or work.perform, journal, done, place, lanes=work.app.lanes))

    places = list(dict.fromkeys(change.account for change in changes))
    if work.app.lanes == 1 or len(places) == 1:
        found = [outcome for place in places for outcome in of(place)]
    else:
        with ThreadPoolExecutor(max_workers=work.app.lanes) as pool:
            found = [outcome for outcomes in pool.map(of, places) for outcome in outcomes]
    return tuple(sorted(found, key=lambda outcome: outcome.number))


# --- restore --------------------------------------------------------------------------------------


def plan_back(work: Casework, case_id: str) -> tuple[Planned, Restoration]:
    """Work out the restore of a case's person, without doing it."""
    _, view = work.case(case_id)
    return _plan_back(work, _row_in(work, case_id), view.stolen_keys)


def _plan_back(work: Casework, row: FreezeRow, stolen: Collection[str]) -> tuple[Planned, Restoration]:
    work.must_lead(row.person)
    planned = _planned(row)
    others = [freeze for freeze in work.freezes() if freeze.name != row.id]
    seen = see(work, row.person)
    desired = _desired(work, planned.containment.user, others, seen)
    found = plan_restore(planned.containment, desired, seen, planned.before, stolen)
    now = work.app.elsewhere(work.team, row.person, planned.elsewhere)
    for place, why in missing(planned.elsewhere, now).items():
        raise ProviderError(f"{place} cannot be read: {why}", "run restore again, or take it out of the team file")
    due = _due(work, row.person, planned.elsewhere, now, (others, seen))
    changes, last, left_out = restore_elsewhere(work.team, planned.elsewhere, now, due, stolen)
    return planned, replace(
        found,
        changes=(*found.changes, *changes, *last),
        left_out=(*found.left_out, *left_out),
        drift=(*found.drift, *drift_elsewhere(planned.elsewhere, now, stolen)),
    )


def _desired(work: Casework, user: str, others: Collection[Freeze], seen: Seen) -> Mapping[str, AccountState]:
    """Give what should be now, by the file at hand; of the user's groups those alone that the one in force gives too.

    Nobody is put back into a group by a file that waits to be let be.
    """

    def by(team: Team) -> dict[str, AccountState]:
        there = (account for account in team.accounts.values() if account.name in seen.observed)
        return {a.name: compile_account(team, a, work.at, others, seen.observed[a.name]).state for a in there}

    found, in_force = by(work.team), work.in_force()
    if in_force is None or in_force.digest == work.team.digest:
        return found
    known = by(with_feeds(in_force, work.store, work.at))
    for name, state in found.items():
        old = known[name].users.get(user) if name in known else None
        if (new := state.users.get(user)) is not None:
            groups = new.groups & old.groups if old is not None else frozenset[str]()
            found[name] = replace(state, users={**state.users, user: replace(new, groups=groups)})
    return found


def _due(work: Casework, person: str, before: Elsewhere, now: Elsewhere, by: tuple[Collection[Freeze], Seen]) -> Due:
    """Give what may come back in Identity Center: of watchbill's what the file at hand and the one in force give."""
    was, there, (others, seen) = before.seat, now.seat, by
    if was is None or there is None:
        return Due()
    pairs = [*(() if was.user is None or there.user is None else ((was, there),)), *others_of(was, there)]
    lost = [taken(before_it, now_it) for before_it, now_it in pairs]
    groups, own = [m for members, _ in lost for m in members], [a for _, assigned in lost for a in assigned]
    if not (groups or own):
        return Due()
    names = work.app.names_in_center(work.team, [m.group for m in groups], [a.permission_set for a in own])
    in_force = work.in_force()
    files = [work.team, *([] if in_force is None else [with_feeds(in_force, work.store, work.at)])]
    given = [
        given_in_center(Compiler(team, work.at, others), person, was.user or "", was.management, seen.observed)
        for team in files
    ]
    return Due(names, frozenset.intersection(*(g for g, _ in given)), frozenset.intersection(*(a for _, a in given)))


def restore(work: Casework, case_id: str, *, acknowledge_drift: bool = False) -> Restored:
    """Undo the freeze of a case: groups by the schedule now, stolen keys left off."""
    planned, restoration = plan_back(work, case_id)
    _must_be_acknowledged(restoration, acknowledged=acknowledge_drift)
    made = planned.containment
    if was_evicted(work, case_id):
        must_be_second(work, f"{made.id}-back", case_id, made.person)
    return _restored(work, planned, restoration)


def thaw(work: Casework, freeze_id: str, *, acknowledge_drift: bool = False) -> Restored:
    """Undo a freeze that is of no case."""
    planned, restoration = _plan_back(work, _row(work, freeze_id), ())
    _must_be_acknowledged(restoration, acknowledged=acknowledge_drift)
    return _restored(work, planned, restoration)


def _must_be_acknowledged(restoration: Restoration, *, acknowledged: bool) -> None:
    if restoration.drift and not acknowledged:
        changed = "; ".join(found.what for found in restoration.drift)
        raise RefusedError(f"others changed things since the freeze: {changed}", "look, then --acknowledge-drift")


def _restored(work: Casework, planned: Planned, restoration: Restoration) -> Restored:
    made = planned.containment
    outcomes = _give_back(work, restore_id(restoration), restoration)
    with work.store.transaction():
        work.store.freezes.end(made.id, work.at)
        if made.case is not None:
            why = f"{made.person} restored by {work.actor}: a lead closes the case"
            _move(work, made.case, Status.ESCALATED, why)
        facts = {"person": made.person, "left_out": list(restoration.left_out)}
        work.record(Kind.RESTORE_APPLIED, made.id, facts)
    now = work.app.elsewhere(work.team, made.person, planned.elsewhere)
    found = differences(made, planned.before.observed, work.app.look(work.team))
    return Restored(restoration, outcomes, (*found, *differences_elsewhere(planned.elsewhere, now)))


def _move(work: Casework, case_id: str, status: Status, why: str) -> None:
    row, view = work.case(case_id)
    work.move(row, view, status, why)
    tell_leads(work, view, status, why)


def _give_back(work: Casework, name: str, restoration: Restoration) -> tuple[Outcome, ...]:
    """Carry a restore out: all places side by side, and after all of them what comes last."""
    changes = restoration.changes
    first = sum(not is_last(change) for change in changes)
    outcomes: tuple[Outcome, ...] = ()
    for number in dict.fromkeys((first, len(changes))):
        outcomes = carry_out(work, name, changes[:number])
        failed = [outcome for outcome in outcomes if outcome.state not in (State.DONE, State.WAITING)]
        if failed:
            raise ProviderError(
                f"{len(failed)} of {len(outcomes)} steps failed, first: {failed[0].error}", "run restore again"
            )
    return outcomes


def restore_id(restoration: Restoration) -> str:
    """Name a restore by what it does: one that was cut short is carried on with, another begins anew."""
    said = msgspec.json.encode(restoration.changes, order="sorted")
    return f"{restoration.containment}-back-{hashlib.sha256(said).hexdigest()[:8]}"


# --- what both go by ------------------------------------------------------------------------------


def person_of(view: CaseView) -> str:
    """Give the person of a case; one that names nobody is refused."""
    if view.person is None:
        raise RefusedError(f"case {view.id} names no person: there is no account to freeze")
    return view.person


def frozen_in(work: Casework, case_id: str) -> Containment:
    """Give the freeze that is in force in a case; where there is none, a NotFoundError."""
    return _planned(_row_in(work, case_id)).containment


def _row_in(work: Casework, case_id: str) -> FreezeRow:
    row = next((f for f in work.store.freezes.active(work.at) if f.case_id == case_id), None)
    if row is None:
        raise NotFoundError(f"nobody is frozen in case {case_id}")
    return row


def standing(work: Casework, person: str) -> FreezeRow | None:
    """Give the freeze that is in force of somebody; None where there is none."""
    return next((row for row in work.store.freezes.active(work.at) if row.person == person), None)


def _row(work: Casework, freeze_id: str) -> FreezeRow:
    found = next((row for row in work.store.freezes.all() if row.id == freeze_id), None)
    if found is None:
        raise NotFoundError(f"no freeze `{freeze_id}`")
    return found


def planned_of(row: FreezeRow) -> Planned:
    """Give a freeze as it was written down before its first call."""
    return _planned(row)


def _planned(row: FreezeRow) -> Planned:
    kept = msgspec.json.decode(row.payload, type=_Kept)
    return Planned(kept.containment, Before(kept.before, kept.credentials), kept.elsewhere)


def _keep(work: Casework, made: Containment, before: Before, elsewhere: Elsewhere) -> None:
    """Write down what a freeze comes to do besides; its own steps stay as they were."""
    row = _row(work, made.id)
    was = _planned(row).containment
    kept = _Kept(replace(made, changes=was.changes), dict(before.observed), dict(before.credentials), elsewhere)
    work.store.freezes.keep(made.id, msgspec.json.encode(kept).decode())


def _digest(kept: _Kept) -> str:
    """Give the SHA-256 of what was there before a freeze."""
    return hashlib.sha256(
        msgspec.json.encode([kept.before, kept.credentials, kept.elsewhere], order="sorted")
    ).hexdigest()


def _part(made: Containment, observed: Mapping[str, AccountState]) -> dict[str, AccountState]:
    """Give what of the accounts a restore and a verification need: the user, their groups and the roles in reach."""
    touched = {*made.covered, *made.roles}
    found = {}
    for name, state in observed.items():
        users = {made.user: state.users[made.user]} if made.user in state.users else {}
        groups = {group for user in users.values() for group in user.groups}
        found[name] = replace(
            state,
            users=users,
            groups={key: group for key, group in state.groups.items() if key in groups},
            roles={key: role for key, role in state.roles.items() if (name, key) in touched},
            policies={},
            mfa={},
        )
    return found


def _refused(outcomes: Iterable[Outcome]) -> Collection[str]:
    """Give the accounts in which the deny on the user was refused."""
    denies = ("AttachUserPolicy", "PutUserPolicy", "PutUserPermissionsBoundary")
    return {o.change.account for o in outcomes if o.state is State.FAILED and o.change.call.operation in denies}


def _actions_of(work: Casework, made: Containment) -> list[str]:
    if made.case is None:
        return []
    view = work.case(made.case)[1]
    return [event.what for event in view.evidence if event.note and ":" in event.what]


def _broken(checks: Iterable[Check]) -> list[str]:
    return [check.what for check in checks if not check.holds][:8]
