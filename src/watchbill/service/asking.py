"""Ask the person of a case, hear what is said, and let a lead decide.

The rules, in order:

1. The person who was asked may answer, and a named peer confirm; nobody else for them. A lead decides, never the
   subject.
2. What comes of it is `respond.outcomes`. It is written in one transaction with the entry of the ledger and the notices
   that it causes, and only if the question still stands as it was read: so the first outcome stands.
3. What comes too late, or moves nothing, is kept in the ledger, told to the leads, and answered with words.
4. A case that went its way meanwhile, such as a freeze, is not moved by an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from watchbill.alerts.noise import Mute
from watchbill.alerts.plain import reassessed
from watchbill.alerts.view import CaseView
from watchbill.errors import RefusedError
from watchbill.intervals import Interval, iso
from watchbill.ledger.model import Kind
from watchbill.respond.ask import Status, deadline, question
from watchbill.respond.interfaces import StepUp
from watchbill.respond.model import Verdict
from watchbill.respond.mutes import mutes_of
from watchbill.respond.notices import Button, NoticeKind
from watchbill.respond.outcomes import (
    FRESH,
    Heard,
    Outcome,
    Proof,
    Stand,
    is_theirs,
    needed,
    objection,
    outcome,
    strength,
)
from watchbill.respond.peers import peer_of
from watchbill.respond.stand_in import stand_ins
from watchbill.respond.telling import answered_notice, asked_notice, peer_notice, question_key, stand_in_notice
from watchbill.service.briefing import are_told, remind_leads, tell_leads
from watchbill.service.casework import Casework
from watchbill.service.links import link_of, use
from watchbill.service.outbox import is_delivered, put
from watchbill.store.rows import CaseRow, MuteRow, QuestionRow


YES_PROVEN = "yes with second factor"
"""The fact of the family `answer` for a "yes" that came with a fresh sign-in."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of something that was said."""

    status: Status
    """Where the case stands."""
    why: str
    """For leads and the ledger."""
    words: str
    """For whoever said it."""
    moved: bool
    """Whether the question stands elsewhere now."""


@dataclass(frozen=True, slots=True)
class _Said:
    """Something that is heard about a question."""

    heard: Heard
    kind: Kind
    facts: Mapping[str, object]
    why: str
    answer: str | None = None
    """The fact that it is; None where it is none."""
    proof: bool = False


Hearing = Callable[[QuestionRow, CaseView], _Said]
"""Makes what is heard of the question and the case as they stand."""

Within = Callable[[Answered], None]
"""Done in the transaction of an answer; what it raises leaves nothing of the answer."""


def nothing(answered: Answered) -> None:
    """Do nothing more."""


# --- what people do ------------------------------------------------------------------------------


def ask(work: Casework, case_id: str) -> QuestionRow:
    """Ask the person of a case; it is asked about once."""
    row, view = work.case(case_id)
    person, text = view.person or "", question(view)
    silent_at = deadline(view, work.at, work.team.alerts.quiet_hours)
    asked = QuestionRow(case_id, person, text, work.at, silent_at)
    with work.store.transaction():
        if not work.store.questions.ask(asked):
            raise RefusedError(f"case {case_id} was asked about already")
        work.move(row, view, Status.ASKED, f"asked {person}")
        work.record(Kind.QUESTION_ASKED, case_id, {"person": person, "deadline": iso(silent_at)})
        put(work, asked_notice(case_id, person, text, silent_at))
    return asked


def answer(work: Casework, case_id: str, said: str, within: Within = nothing) -> Answered:
    """Take a "yes" or a "no" of the person who was asked."""
    return _hear(work, case_id, _heard_of_person(work, case_id, said), within)


def answer_by_link(work: Casework, secret: str, said: str) -> Answered:
    """Take an answer by a link, which is used up by it: of the person asked, or of the peer (`peer-yes`, `peer-no`)."""
    link = link_of(work, secret)
    whose = replace(work, actor=link.person)

    def use_up(answered: Answered) -> None:
        use(work, secret, work.at)

    if said.startswith("peer-"):
        return vouch(whose, link.case_id, them=said == "peer-yes", within=use_up)
    return answer(whose, link.case_id, said, use_up)


def confirm(work: Casework, case_id: str, proof: StepUp) -> Answered:
    """Take a fresh sign-in of the person who was asked as the proof of their "yes"."""
    asked, view = _asked(work, case_id), work.case(case_id)[1]
    why_not = objection(proof, asked.person, asked.asked_at, work.at, needed(view))
    if why_not is not None:
        work.record(Kind.PROOF_REFUSED, case_id, {"subject": proof.subject, "why": why_not})
        raise RefusedError(why_not)
    said = f"{asked.person} says it was them, and signed in afresh: {strength(proof)}"
    facts = {"by": asked.person, "amr": sorted(proof.amr), "acr": proof.acr, "signed_in_at": iso(proof.at)}

    def heard(question: QuestionRow, case: CaseView) -> _Said:
        return _Said(Heard.PROVEN, Kind.QUESTION_CONFIRMED, facts, said, YES_PROVEN, proof=True)

    return _hear(replace(work, actor=asked.person), case_id, heard)


def vouch(work: Casework, case_id: str, *, them: bool, within: Within = nothing) -> Answered:
    """Take the word of the named peer who has spoken to the person."""
    return _hear(work, case_id, _heard_of_peer(work, case_id, "yes" if them else "no"), within)


def decide(work: Casework, case_id: str, verdict: Verdict, reason: str) -> None:
    """Close a case with a lead's verdict and reason; a hijack may be found while its person is frozen, who stays so."""
    _, view = work.case(case_id)
    work.must_lead(view.person)
    if not reason.strip():
        raise RefusedError("a verdict needs a reason, for whoever reads the ledger")
    frozen = any(freeze.case_id == case_id for freeze in work.store.freezes.active(work.at))
    if frozen and verdict is not Verdict.HIJACK:
        raise RefusedError(f"{view.person} is frozen in case {case_id}", f"watchbill restore {case_id}, then decide")
    with work.store.transaction():
        row, view = work.case(case_id)
        status = Status.FROZEN if frozen else Status.CLOSED
        work.move(row, view, status, f"{verdict}: {reason}")
        work.record(Kind.CASE_DECIDED, case_id, {"verdict": str(verdict), "reason": reason})
        asked = work.store.questions.of(case_id)
        if asked is not None and asked.stand != Stand.DECIDED:
            work.store.questions.turn(asked, replace(asked, stand=str(Stand.DECIDED)))
            _tell_person(work, asked, "This is settled, and there is nothing more to do. Thank you.")
            _tell_peer(work, asked)
        tell_leads(work, view, status, f"{'decided' if frozen else 'closed'} by {work.actor}")


def snooze(work: Casework, case_id: str, length: timedelta) -> None:
    """Remind the leads of a case after a while, unless it is closed by then."""
    row, view = work.case(case_id)
    work.must_lead(view.person)
    with work.store.transaction():
        remind_leads(work, view, Status(row.status), row.note, work.at + length)
        words = f"the leads are reminded at {iso(work.at + length)}"
        work.record(Kind.QUESTION_HEARD, case_id, {"by": work.actor, "words": words})


def tell_more(work: Casework, case_id: str, text: str) -> None:
    """Keep what the person who was asked has to say besides, and tell the leads if they are told of the case."""
    asked, (row, view) = _asked(work, case_id), work.case(case_id)
    _must_be(work, asked.person)
    with work.store.transaction():
        work.record(Kind.QUESTION_HEARD, case_id, {"by": work.actor, "words": text})
        if are_told(work, case_id):
            tell_leads(work, view, Status(row.status), f"{asked.person} says: {text}")


# --- what time does ------------------------------------------------------------------------------


def deadlines(work: Casework) -> list[str]:
    """Hear the silence of everybody whose time is over; give the ids of the cases that a lead has now."""
    moved = []
    for asked in work.store.questions.due(work.at):
        before = work.case(asked.case_id)[0].status
        found = _hear(work, asked.case_id, _silence(work))
        if before != found.status == Status.ESCALATED:
            moved.append(asked.case_id)
    return moved


def _silence(work: Casework) -> Hearing:
    def heard(asked: QuestionRow, case: CaseView) -> _Said:
        minutes = round((work.at - asked.asked_at) / timedelta(minutes=1))
        facts = {"person": asked.person}
        if asked.stand == Stand.ANSWERED:
            why = f"{asked.person} says it was them, and did not prove it within {minutes} min"
            return _Said(Heard.SILENCE, Kind.QUESTION_ESCALATED, facts, why)
        why = f"{asked.person} did not answer within {minutes} min"
        if is_delivered(work, question_key(asked.case_id, asked.person)) is False:
            # Who was never reached has not kept silent.
            why = f"{asked.person} could not be reached within {minutes} min"
            return _Said(Heard.SILENCE, Kind.QUESTION_ESCALATED, {**facts, "reached": False}, why)
        return _Said(Heard.SILENCE, Kind.QUESTION_ESCALATED, facts, why, "silence")

    return heard


# --- what is heard -------------------------------------------------------------------------------


def _heard_of_person(work: Casework, case_id: str, said: str) -> Hearing:
    asked = _asked(work, case_id)
    _must_be(work, asked.person)
    facts = {"answer": said, "by": work.actor}

    def heard(question: QuestionRow, case: CaseView) -> _Said:
        if said == "no":
            why = f"{question.person} says it was not them: a lead decides on the freeze"
            return _Said(Heard.NO, Kind.QUESTION_ANSWERED, facts, why, "no")
        if needed(case) is Proof.NONE:
            return _Said(Heard.ENOUGH, Kind.QUESTION_ANSWERED, facts, _harmless(question, case), "yes")
        why = f"{question.person} says it was them, as whoever holds the account may"
        last = "they are asked to prove it" if is_theirs(case) else "a lead decides"
        return _Said(Heard.YES, Kind.QUESTION_ANSWERED, facts, f"{why}: {last}", "yes")

    return heard


def _harmless(asked: QuestionRow, case: CaseView) -> str:
    if case.kind != "sign-in":
        return f"{asked.person} says it was them, from their usual place, and it was theirs to do"
    help_ = "a password manager, or a reset before the shift begins, would help them"
    return f"{asked.person} says it was them, a forgotten password: {help_}"


def _heard_of_peer(work: Casework, case_id: str, said: str) -> Hearing:
    asked = _asked(work, case_id)
    if asked.peer is None or work.actor != asked.peer:
        named = f"`{asked.peer}` is to" if asked.peer else "nobody is to"
        raise RefusedError(f"{named} confirm it in case {case_id}, not `{work.actor}`")
    facts = {"by": work.actor, "answer": said}

    def heard(question: QuestionRow, case: CaseView) -> _Said:
        if said == "no":
            why = f"{work.actor} has spoken to {question.person}, who says it was not them"
            return _Said(Heard.NO, Kind.QUESTION_ANSWERED, facts, why, "no")
        why = f"{question.person} says it was them, and {work.actor} has spoken to them"
        # Whoever spoke to them is no second factor: the stories are weighed by the plain "yes".
        return _Said(Heard.PROVEN, Kind.QUESTION_CONFIRMED, facts, why, proof=True)

    return heard


def _hear(work: Casework, case_id: str, heard: Hearing, within: Within = nothing) -> Answered:
    """Do what comes of something that is heard, by the table; anew where another was heard at the same time."""
    while True:
        asked, (_, view) = _asked(work, case_id), work.case(case_id)
        said = heard(asked, view)
        found = outcome(Stand(asked.stand), said.heard, entitled=is_theirs(view))
        with work.store.transaction():
            row, now = work.case(case_id)
            if _asked(work, case_id) == asked and now == view:
                answered = _Turn(work, asked, said, found, row, view).take()
                within(answered)
                return answered


@dataclass(frozen=True, slots=True)
class _Turn:
    """What is written when a question turns, in one transaction."""

    work: Casework
    asked: QuestionRow
    said: _Said
    found: Outcome
    row: CaseRow
    view: CaseView

    def take(self) -> Answered:
        """Write all of it."""
        moved = self.found.stand != self.asked.stand
        after = self._after()
        self.work.store.questions.turn(self.asked, after)
        view = self._weighed()
        status = self._status()
        goes = status is not None
        late = not moved and self.said.kind is not Kind.QUESTION_ESCALATED
        why = f"later: {self.said.why}" if late else self.said.why
        if goes:
            self.work.move(self.row, view, status or Status(self.row.status), why)
        elif view != self.view:
            asked = self.row.status == Status.ASKED
            self.work.move(self.row, view, Status(self.row.status), why if asked else self.row.note)
        now = status or Status(self.row.status)
        kind = Kind.QUESTION_HEARD if late else self.said.kind
        self.work.record(kind, self.asked.case_id, {**self.said.facts, "status": str(now), "stand": after.stand})
        words = self._words(after, late=late)
        self._tell(after, view, now, why, words, goes=goes, late=late)
        if self.found.stand is Stand.STEPPED_UP and moved:
            self._mute(view)
        return Answered(now, why, words, moved)

    def _after(self) -> QuestionRow:
        at, work, asked = self.work.at, self.work, self.asked
        after = replace(asked, stand=str(self.found.stand))
        if self.said.kind is Kind.QUESTION_ANSWERED and asked.answer is None:
            after = replace(after, answer=self.said.answer, answered_at=at, answered_by=work.actor)
        if self.said.proof and asked.confirmed_at is None:
            after = replace(after, confirmed_at=at, confirmed_by=work.actor)
        if self.found.sign_in and asked.stand == Stand.ASKED:
            doubtful = needed(self.view) is Proof.PHISHING_RESISTANT
            peer = peer_of(work.team, asked.person, at) if doubtful else None
            after = replace(after, deadline_at=max(asked.deadline_at, at + FRESH), peer=peer)
        return after

    def _weighed(self) -> CaseView:
        """Give the case with the answer among its facts: a "no" is never taken back, nor is a proof by plain words."""
        known, said = self.view.facts.get("answer"), self.said.answer
        if said is None or known == "no" or Stand(self.asked.stand) is Stand.DECIDED:
            return self.view
        if (known, said) in ((YES_PROVEN, "yes"), ("yes", "silence")) or known == said:
            return self.view
        return reassessed(self.view, {"answer": said})

    def _status(self) -> Status | None:
        """Give where the case goes, None where it stays: what went its way meanwhile is not moved."""
        goes = self.found.case
        open_ = self.row.status in (Status.OPEN, Status.ASKED)
        again = self.row.status == Status.CLOSED and self.asked.stand == Stand.STEPPED_UP
        return goes if open_ or (again and goes is Status.ESCALATED) else None

    def _words(self, after: QuestionRow, *, late: bool) -> str:
        if self.said.heard is Heard.SILENCE:
            return ""
        if late and self.asked.answer is not None and self.asked.answered_at is not None:
            by, at = self.asked.answered_by, iso(self.asked.answered_at)
            return f"It was answered already, {self.asked.answer} by {by} at {at}. What you say now is kept as well."
        if late:
            return "The time to answer is over. What you say is kept, and a lead sees it."
        if self.found.sign_in:
            return f"Thank you. {self._invitation(after)}"
        if self.said.heard is Heard.NO:
            return "Thank you. A lead looks at it now and will speak to you."
        return "Thank you, that is all." if self.found.case is Status.CLOSED else "Thank you. A lead looks at it now."

    def _invitation(self, after: QuestionRow) -> str:
        doubtful = needed(self.view) is Proof.PHISHING_RESISTANT
        how = " with a security key or a passkey" if doubtful else " with a second factor"
        peer = f", or speak to {after.peer}, who is asked to confirm it" if after.peer else ""
        return f"Please confirm it by {iso(after.deadline_at)}: sign in afresh{how}{peer}."

    def _tell(
        self, after: QuestionRow, view: CaseView, status: Status, why: str, words: str, *, goes: bool, late: bool
    ) -> None:
        if words:
            self._tell_asked(after, words)
        if after.peer is not None and self.asked.peer is None:
            put(self.work, peer_notice(after.case_id, after.peer, after.person, after.deadline_at))
        told = are_told(self.work, after.case_id)
        if (goes and status is Status.ESCALATED) or (told and (goes or late or view != self.view)):
            tell_leads(self.work, view, status, why, calls=self.found.freeze)
        if self.found.page and goes:
            for each in stand_ins(self.work.team, after.person, self.work.freezes(), self.work.at):
                if each.person is not None:
                    put(self.work, stand_in_notice(after.case_id, each.rota, each.person, after.person))

    def _tell_asked(self, after: QuestionRow, words: str) -> None:
        by_peer = self.work.actor == after.peer
        if by_peer:
            _tell_peer(self.work, after)
        closed = self.found.stand in (Stand.STEPPED_UP, Stand.DECIDED)
        buttons = [Button("confirm", "Confirm with a fresh sign-in", "primary")] if self.found.sign_in else []
        if not closed and self.said.heard is not Heard.NO:
            buttons.append(Button("answer:no", "It was not me", "danger"))
        _tell_person(self.work, after, words, buttons)

    def _mute(self, view: CaseView) -> None:
        mutes = mutes_of(view, self.work.team, self.work.at)
        for each in mutes:
            span = each.span
            row = MuteRow(view.id, each.rule, each.access_key, each.person, span.start, span.end)
            self.work.store.mutes.add(row)


def mutes(work: Casework) -> list[Mute]:
    """Give all that people have proven that it was them."""
    rows = work.store.mutes.all()
    return [Mute(row.rule, row.access_key, row.person, Interval(row.start, row.end)) for row in rows]


# --- what is told --------------------------------------------------------------------------------


def _tell_person(work: Casework, asked: QuestionRow, words: str, buttons: Sequence[Button] = ()) -> None:
    _tell_one(work, asked.case_id, asked.person, words, buttons)


def _tell_peer(work: Casework, asked: QuestionRow) -> None:
    if asked.peer is not None:
        _tell_one(work, asked.case_id, asked.peer, "Thank you, that is all.", ())


def _tell_one(work: Casework, case_id: str, person: str, words: str, buttons: Sequence[Button]) -> None:
    beginning = f"{case_id}:{NoticeKind.ANSWERED}:{person}:"
    kept = {row.key for row in work.store.outbox.of_case(case_id) if row.key.startswith(beginning)}
    put(work, answered_notice(case_id, person, len(kept), (words,), buttons))


def _asked(work: Casework, case_id: str) -> QuestionRow:
    asked = work.store.questions.of(case_id)
    if asked is None:
        raise RefusedError(f"nobody was asked about case {case_id} yet", f"watchbill ask {case_id}")
    return asked


def _must_be(work: Casework, person: str) -> None:
    if work.actor != person:
        raise RefusedError(f"`{person}` was asked, not `{work.actor}`: nobody answers for somebody else")
