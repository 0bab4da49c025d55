"""One pass of everything that happens without a person. Level-triggered: a missed pass heals itself in the next.

In order: presses, silence (escalate what was not answered), freezes (look at them again), access (let go of requests
that nobody decided, plan and apply, and see whether AWS has what was approved), the
trail (take in what is new, tell what is missing, audit what nobody has audited yet, raise and amend cases), and what is
to be told. Presses and telling are left out where an instance does them beside its passes (`jobs`). A part that fails
is a problem of the pass, and the others still run; what was not audited for it is audited in the next.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import Protocol

import msgspec

from watchbill.access.apply import apply
from watchbill.access.center.state import PLACE
from watchbill.access.model import Outcome, Plan, State
from watchbill.alerts.audit import NO_RULES, Asked
from watchbill.alerts.gaps import gap_cases
from watchbill.alerts.model import Audit, Case
from watchbill.alerts.plain import reassessed, view
from watchbill.alerts.sittings import SITTING
from watchbill.alerts.view import CaseView, kept_as
from watchbill.alerts.weights import GAP
from watchbill.detect.aws_findings import EVIDENCE
from watchbill.detect.sigma import LoadedRules
from watchbill.errors import Problem, WatchbillError
from watchbill.intervals import Interval, parse_instant
from watchbill.judge.model import Step
from watchbill.lake.ingest import Ingested
from watchbill.lake.place import Lake
from watchbill.ledger.model import Kind
from watchbill.respond.ask import Status
from watchbill.respond.interfaces import Sender
from watchbill.service import host_access, removals
from watchbill.service.asking import deadlines, mutes
from watchbill.service.audit import Looked, audit_news, audit_spans, has_part, news, pieces_of, reach_of
from watchbill.service.casework import Casework, view_of
from watchbill.service.clicks import Desk, work_clicks, work_slow
from watchbill.service.containment import recheck_due
from watchbill.service.drift_seen import keep_drift
from watchbill.service.findings import Told, placed, span_of, told_in
from watchbill.service.history import history_of
from watchbill.service.lake import KNOWN_FOR, Library, rename_if_needed
from watchbill.service.links import Links
from watchbill.service.open_shells import end_left_open
from watchbill.service.outbox import deliver
from watchbill.service.requests import expire, settle
from watchbill.service.stepping import Step as Stepping
from watchbill.service.stepping import step_of, take
from watchbill.store.rows import CaseRow, FindingRow, ProposalRow, StepRow
from watchbill.team.model import Team
from watchbill.trail.coverage import Coverage, Gap


_MORE = timedelta(hours=1)
"""How much longer a gap has to last before its case is written anew."""


@dataclass(slots=True)
class Reconciled:
    """What a pass did."""

    escalated: tuple[str, ...] = ()
    """Cases whose question was not answered in time."""
    plan: Plan | None = None
    """None where AWS could not be read."""
    outcomes: tuple[Outcome, ...] = ()
    ingested: Ingested | None = None
    """What of the trail was new; None where there was none to read, or it could not be read."""
    audits: tuple[Audit, ...] = ()
    """Of each span that had anything new in it."""
    raised: tuple[str, ...] = ()
    amended: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    """What kept a part from being done."""
    proposal: ProposalRow | None = None
    """The plan that waits for a person, or was applied as one approved it; None where nothing waits."""
    host_proposal: ProposalRow | None = None
    """That of what is written on hosts."""

    @property
    def assumed(self) -> tuple[str, ...]:
        """Give what was taken to be the team file of the time, each once."""
        return tuple(dict.fromkeys(words for found in self.audits for words in found.assumed))


@dataclass(frozen=True, slots=True)
class Watched:
    """The trail that a pass reads."""

    lake: Lake
    take_in: Callable[[Library], Ingested]
    """Take in whatever is new of it."""
    rules: LoadedRules = NO_RULES
    cover: Callable[[], Coverage] | None = None
    """Tell what the lake has nothing of though it should; each gap is a case."""
    tell: Callable[[], Sequence[Problem]] | None = None
    """Keep what AWS's own detectors found since; give what is wrong with it."""


class People(Protocol):
    """What reaches people, where nobody else speaks to them beside the passes."""

    def senders(self, team: Team) -> Mapping[str, Sender]:
        """Give each channel of a team file by its name."""
        ...

    def desk(self, work: Casework) -> Desk:
        """Give what presses may set in motion."""
        ...

    def links(self, team: Team) -> Links | None:
        """Give what makes addresses in notices; None where no pages are served."""
        ...


def reconcile(work: Casework, watched: Watched | None, *, people: People | None = None) -> Reconciled:
    """Make one pass. What of AWS it changes by itself is for the modes and the approval of the team file to say."""
    done = Reconciled()
    if people is not None:
        with _part(done.problems):
            work_clicks(work, people.desk(work))
    with _part(done.problems):
        done.escalated = tuple(deadlines(work))
    if people is not None:
        with _part(done.problems):
            while work_slow(work, people.desk(work)):
                pass
    with _part(done.problems):
        recheck_due(work)
    with _part(done.problems):
        expire(work)
    step: Stepping | None = None
    with _part(done.problems):
        step = bring_in_step(work, done)
    if step is not None:
        with _part(done.problems):
            bring_hosts_in_step(work, step, done)
    with _part(done.problems):
        ended = end_left_open(work, step)
        done.outcomes = (*done.outcomes, *ended.outcomes)
        done.problems.extend(ended.problems)
    with _part(done.problems):
        settle(work)
    if watched is not None:
        _watch(work, watched, done)
    if people is not None:
        with _part(done.problems):
            _tell(work, people, done)
    return done


_APPLYING = Lock()


def bring_in_step(work: Casework, done: Reconciled) -> Stepping | None:
    """Plan access, apply of it what may be, and keep what waits for a person; of several threads one by one.

    What it went by is given where nothing stopped it: hosts are brought in step by the same.
    """
    with _APPLYING:
        step = step_of(work)
        done.plan = step.plan
        done.problems.extend(step.plan.problems)
        keep_drift(work, step.plan.drift)
        stepped = take(work, step, apply_plan)
        done.outcomes, done.proposal = stepped.outcomes, stepped.proposal
        done.problems.extend((*stepped.problems, *step.problems))
        failed = any(outcome.state is not State.DONE for outcome in stepped.outcomes)
        if not failed and not step.plan.problems:
            removed = removals.step(work, apply_plan)
            done.outcomes = (*done.outcomes, *removed.outcomes)
            done.proposal = done.proposal or removed.proposal
            done.problems.extend(removed.problems)
    return None if failed or step.plan.problems or stepped.problems else step


def bring_hosts_in_step(work: Casework, step: Stepping, done: Reconciled) -> None:
    """Write on hosts what may be, by what AWS was brought in step by, and keep what waits for a person."""
    with _APPLYING:
        written = host_access.in_step(work, step)
    done.outcomes = (*done.outcomes, *written.outcomes)
    done.problems.extend(written.problems)
    done.host_proposal = written.proposal


def _tell(work: Casework, people: People, done: Reconciled) -> None:
    """Tell people all that is due."""
    senders, links = people.senders(work.team), people.links(work.team)
    while True:
        told = deliver(replace(work, at=max(work.at, work.app.clock.now())), senders, links)
        done.problems.extend(told.problems)
        if not told.more or not told.sent:
            return


def _watch(work: Casework, watched: Watched, done: Reconciled) -> None:
    """Take in what is new of the trail, and audit it; what was taken in before counts though no more can be had."""
    library = library_of(work)
    with _part(done.problems):
        rename_if_needed(watched.lake, library)
        done.ingested = watched.take_in(library)
        done.problems.extend(done.ingested.problems)
    if watched.tell is not None:
        with _part(done.problems):
            done.problems.extend(watched.tell())
    gaps: Sequence[Gap] | None = None
    if watched.cover is not None:
        with _part(done.problems):
            gaps = watched.cover().gaps
            _keep(work, gap_cases(gaps), done)
    with _part(done.problems):
        asked = Asked(watched.rules, steps=steps_of(work), at=work.at, gaps=gaps, mutes=mutes(work))
        told = Told(work.store, watched.lake)
        by = reach_of(watched.rules)
        new = news(watched.lake, _spans_of(work), by)
        told.name([piece.span for piece in new.pieces])
        rows = told.news()

        def asks(window: Interval) -> Asked:
            return replace(asked, findings=told.within(window))

        where = watched.lake, library, work.team, partial(history_of, work)
        foci = []
        for looked in audit_news(*where, new, asks):
            _take(work, looked, done)
            foci.append(looked.focus)
        # What was found among what is new is audited with it.
        spans = [_moved(work, row) for row in rows]
        left = [span for span in spans if not any(f.start <= span.start and span.end <= f.end for f in foci)]
        for looked in audit_spans(*where, pieces_of(watched.lake, left, by), (by, _spans_of(work)), asks):
            _take(work, looked, done)
        told.audited(rows)


def _moved(work: Casework, row: FindingRow) -> Interval:
    """Give when something was found, with the whole case that it was on: that changes where it went elsewhere."""
    span, kept = span_of(row), work.store.cases.get(row.case_id or "")
    if kept is None:
        return span
    first, last = _times(view_of(kept))
    return Interval(min(span.start, first), max(span.end, last))


def _take(work: Casework, looked: Looked, done: Reconciled) -> None:
    """Keep what was found in a window, as far as it was looked at whole."""
    found = looked.audit
    done.audits = (*done.audits, found)
    done.problems.extend(problem for problem in found.problems if problem not in done.problems)
    _keep(work, filter(looked.is_sure, found.cases), done, looked.focus)
    done.amended = tuple(dict.fromkeys((*done.amended, *join_bursts(work, looked))))


def _keep(work: Casework, found: Iterable[Case], done: Reconciled, focus: Interval | None = None) -> None:
    raised, amended = keep_cases(work, found, focus)
    done.raised, done.amended = (*done.raised, *raised), (*done.amended, *amended)


def library_of(work: Casework) -> Library:
    """Give who is who, by the team file at hand and those that the state has kept."""
    return Library(work.team, history_of(work, Interval(work.at - KNOWN_FOR, work.at + timedelta(days=1))))


def _spans_of(work: Casework) -> list[Interval]:
    """Give when each case was that an audit found, with what lies around it."""
    cases = map(view_of, work.store.cases.all())
    times = (_times(case) for case in cases if case.kind != GAP)
    return [Interval(first - SITTING, last + SITTING) for first, last in times]


def _times(case: CaseView) -> tuple[datetime, datetime]:
    return parse_instant(case.first), parse_instant(case.last)


def steps_of(work: Casework) -> list[Step]:
    """Give the steps of watchbill's own plans; what was carried out in an account that has gone is left out."""
    numbers = {account.name: account.number for account in work.team.accounts.values()}
    found = []
    for row in work.store.journal.all():
        account, _, call = row.call.partition(" ")
        if account in numbers:
            failed = row.state == State.FAILED
            found.append(Step(row.plan, row.number, row.at, numbers[account], call, failed, row.error))
    return found


def apply_plan(
    work: Casework, plan: Plan, progress: Callable[[Outcome], None] = lambda outcome: None
) -> tuple[Outcome, ...]:
    """Carry a plan out, keeping the revision of the team file, every step, and a ledger entry."""

    def journal(outcome: Outcome) -> None:
        call = f"{outcome.change.account} {outcome.change.call}"
        work.store.journal.write(StepRow(plan.id, outcome.number, work.at, call, str(outcome.state), outcome.error))
        if outcome.state is not State.BEGUN:
            progress(outcome)

    with work.store.transaction():
        if work.store.revisions.add(work.team.digest, work.at, work.team.text, work.actor):
            work.record(Kind.REVISION_RECORDED, work.team.digest[:12], {"digest": work.team.digest})
    together = any(change.account == PLACE for change in plan.changes)
    outcomes = tuple(apply(plan.changes, work.perform, journal, together=together, lanes=work.app.lanes))
    if outcomes:
        failed = sum(1 for outcome in outcomes if outcome.state is not State.DONE)
        facts = {"team": work.team.digest, "changes": len(outcomes), "failed": failed}
        work.record(Kind.PLAN_APPLIED, plan.id, facts)
    return outcomes


def keep_cases(
    work: Casework, found: Iterable[Case], focus: Interval | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write new cases and amend those that have changed; give the ids of both.

    A case is the one kept before when it has its id, or when it shares an event that counts: a late event may put
    another beginning before it. So it is where that event is put together with others by a rule's `dedupe` now: what
    came late is what is found then, and the event that was found is one more like it. A case that is one with several
    has joined them: it is the first of them, and others that nobody has worked on are closed, unless another case has
    what counted in them. What is alike joins no case outside of the focus that all was found in: that one stands.
    """
    raised: list[str] = []
    amended: list[str] = []
    kept = {row.id: view_of(row) for row in work.store.cases.all()}
    cases = list(found)
    before = placed(work.store, cases)
    for case, made, known, joined in _known(cases, kept, before, focus):
        with work.store.transaction():
            for each in told_in(case):
                work.store.findings.place(each, known)
            # As it is now: somebody may have worked on it since the pass began.
            row = work.store.cases.get(known)
            if row is None:
                _raise(work, made)
                raised.append(made.id)
            elif _amend(work, row, view_of(row), kept_as(made, known)):
                amended.append(known)
            amended.extend(other for other in joined if _join(work, work.case(other)[0], known))
    return tuple(raised), tuple(dict.fromkeys(amended))


def _known(
    found: Iterable[Case], kept: Mapping[str, CaseView], before: Mapping[str, str], focus: Interval | None
) -> list[tuple[Case, CaseView, str, list[str]]]:
    """Give each case, its facts, the id it is kept under, and the cases that it has joined; no id comes twice.

    `before` gives on which case a finding of AWS's own was: it may be known since whose it is.
    """
    by_event = {(case.subject, event): known for known, case in kept.items() for event in case.counted}
    changed = {known for known, case in kept.items() if focus is None or has_part(focus, *_times(case))}
    by_any = {event: known for (_, event), known in by_event.items() if known in changed}
    by_any |= {event: known for event, known in before.items() if known in kept}
    cases = [(case, view(case)) for case in found]
    # Whatever has its own id is what it was: what was cut off from it is new.
    cases.sort(key=lambda pair: pair[0].id not in kept)
    shared = [_ids([made.id] if made.id in kept else [], _found(by_event, made)) for _, made in cases]
    counted = {each for ids in shared for each in ids}
    alike = [_ids([], (by_any.get(event) for event in _alike(case))) for case, _ in cases]
    taken: dict[str, None] = {}
    named: list[str] = []
    for (_, made), own, others in zip(cases, shared, alike, strict=True):
        of_one = [each for each in others if each not in counted and kept[each].subject == made.subject]
        named.append(next((each for each in [*own, *of_one] if each not in taken), made.id))
        taken[named[-1]] = None
    joined = []
    for own, others in zip(shared, alike, strict=True):
        joined.append([each for each in [*own, *(o for o in others if o not in counted)] if each not in taken])
        taken.update(dict.fromkeys(joined[-1]))
    return [(*pair, known, others) for pair, known, others in zip(cases, named, joined, strict=True)]


def join_bursts(work: Casework, looked: Looked) -> list[str]:
    """Close cases of bursts that a late event made one with an earlier burst; give their ids.

    A burst that goes on is found where it began, and there alone: nothing is found any more where the later one did.
    The case it has gone into may have begun long before, where nothing was looked at anew. One that nothing is found
    of for another reason stays as it is, and so does one that somebody has worked on.
    """
    made = [(case, view(case)) for case in looked.audit.cases]
    bursts = [
        _Burst(seen.subject, finding.rule, finding.first, finding.until)
        for case, seen in made
        for finding in case.findings
        if finding.rule is not None and finding.until is not None
    ]
    if not bursts:
        return []
    found = {(seen.subject, event) for case, seen in made if looked.is_sure(case) for event in seen.counted}
    kept = sorted((view_of(row) for row in work.store.cases.all()), key=lambda case: (case.first, case.id))
    gone = {
        case.id
        for case in kept
        if has_part(looked.focus, *_times(case)) and not any((case.subject, event) in found for event in case.counted)
    }
    joined = []
    for case in (each for each in kept if each.id in gone):
        before = [each for each in kept if each.id not in gone and any(burst.is_of(each, case) for burst in bursts)]
        if before and _join(work, work.case(case.id)[0], before[-1].id):
            joined.append(case.id)
    return joined


@dataclass(frozen=True, slots=True)
class _Burst:
    """That what a correlation counts of somebody went on."""

    subject: str
    rule: str
    first: datetime
    until: datetime

    def is_of(self, before: CaseView, case: CaseView) -> bool:
        """Tell whether a case was of it before another was, in the midst of it."""
        (begun, _), (start, _) = _times(before), _times(case)
        return (
            before.subject == case.subject == self.subject
            and self.rule in before.rules
            and self.rule in case.rules
            and begun < start
            and self.first < start <= self.until
        )


def _ids(first: Sequence[str], others: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys([*first, *(each for each in others if each is not None)]))


def _found(by_event: Mapping[tuple[str, str], str], made: CaseView) -> Iterator[str | None]:
    return (by_event.get((made.subject, event)) for event in made.counted)


def _alike(case: Case) -> Iterator[str]:
    """Give what is in one case alone: what is put together with its findings, and findings of AWS's own."""
    yield from (event for finding in case.findings for event in finding.alike)
    yield from (f"{EVIDENCE}{each}" for each in told_in(case))


def _raise(work: Casework, made: CaseView) -> None:
    payload = msgspec.json.encode(made).decode()
    work.store.cases.put(CaseRow(made.id, work.at, work.at, str(Status.OPEN), made.severity, made.person, "", payload))
    work.record(Kind.CASE_RAISED, made.id, {"person": made.person, "severity": made.severity})


def _join(work: Casework, row: CaseRow, into: str) -> bool:
    """Close a case that turned out to be part of another, unless somebody has worked on it."""
    if row.status != Status.OPEN:
        return False
    work.store.cases.put(replace(row, status=str(Status.CLOSED), note=f"it is one with {into}", updated_at=work.at))
    work.record(Kind.CASE_UPDATED, row.id, {"severity": row.severity, "status": str(Status.CLOSED), "more": 0})
    return True


def _amend(work: Casework, row: CaseRow, kept: CaseView, made: CaseView) -> bool:
    """Write what is new in a case, its answer kept; what counts and came after it was closed opens it again."""
    if "answer" in kept.facts:
        made = reassessed(made, {"answer": kept.facts["answer"]})
    # How far the trail is complete is another instant in each pass.
    same = replace(made, telemetry=kept.telemetry)
    if made.kind == GAP and parse_instant(made.last) - parse_instant(kept.last) < _MORE:
        same = replace(same, last=kept.last, sentence=kept.sentence)
    if same == kept:
        return False
    more = set(made.counted) - set(kept.counted)
    status, note = row.status, row.note
    if more and status == Status.CLOSED:
        status, note = str(Status.OPEN), f"{len(more)} more events since it was closed ({row.note})"
    payload = msgspec.json.encode(made).decode()
    changed = replace(row, severity=made.severity, status=status, note=note, updated_at=work.at, payload=payload)
    work.store.cases.put(changed)
    facts: Mapping[str, object] = {"severity": made.severity, "status": status, "more": len(more)}
    work.record(Kind.CASE_UPDATED, row.id, facts)
    return True


@contextmanager
def _part(problems: list[Problem]) -> Iterator[None]:
    try:
        yield
    except WatchbillError as error:
        problems.extend(error.problems)
