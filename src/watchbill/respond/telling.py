"""What is told to whom about a case.

1. To the person: what was seen, and what is wanted of them. Never what is suspected, how grave it is, nor what a lead
   concluded; never a button that stops anybody.
2. To a peer: that somebody has to be spoken to, and no more.
3. To the leads: the facts, the answer, the stories as all leads may read them, and what may be done. Who was taken for
   an insider is not told here, nor any conclusion: it would tell much by what is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchbill.alerts.export.reader import readable
from watchbill.alerts.stories import Story
from watchbill.alerts.view import CaseView
from watchbill.intervals import iso
from watchbill.respond.model import Verdict
from watchbill.respond.notices import LEADS, Button, Notice, NoticeKind


TITLE_MOST = 150
_STORIES = 4
_LEAST = 0.01
"""Stories that are less likely are left to `watchbill case`."""
_PLAIN = "info"
"""What is told to people who are asked has no severity: it would tell what is suspected."""

VERDICTS: Mapping[str, Verdict] = {
    Story.FORGOTTEN_PASSWORD: Verdict.FORGOTTEN_PASSWORD,
    Story.BRUTE_FORCE: Verdict.BRUTE_FORCE,
    Story.MISTAKE: Verdict.MISTAKE,
    Story.APPROVED: Verdict.APPROVED,
    Story.HIJACK: Verdict.HIJACK,
    Story.CONTROL_GAP: Verdict.CONTROL_GAP,
    Story.AUTOMATION: Verdict.AUTOMATION,
}
"""What may be concluded by a button; not the insider, which is for `watchbill verdict` and few eyes."""

_GIVEN_BACK = (
    "What the freeze took is given back: groups as the schedule says then, no key that is marked stolen.",
    "Where others changed something since, nothing is done, and you are told what.",
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a case stands, as leads are told."""

    case: CaseView
    status: str
    why: str
    freeze: bool = False
    """Whether a freeze is offered by a button."""


def question_key(case_id: str, person: str) -> str:
    """Name the question to somebody about a case."""
    return f"{case_id}:{NoticeKind.QUESTION}:{person}"


def asked_notice(case_id: str, person: str, text: str, deadline: datetime) -> Notice:
    """Ask the person."""
    return Notice(
        question_key(case_id, person),
        NoticeKind.QUESTION,
        person,
        case_id,
        _PLAIN,
        "Was this you?",
        (text,),
        (f"Please answer by {iso(deadline)}.",),
        (
            Button("answer:yes", "Yes, that was me", "primary"),
            Button("answer:no", "No, not me", "danger"),
            Button("answer:more", "Tell us more"),
        ),
    )


def peer_notice(case_id: str, peer: str, person: str, deadline: datetime) -> Notice:
    """Ask a peer to speak to the person."""
    return Notice(
        question_key(case_id, peer),
        NoticeKind.QUESTION,
        peer,
        case_id,
        _PLAIN,
        _cut(f"Please speak to {person} and ask them about security question {case_id}"),
        (
            f"{person} says that something we asked about was them.",
            "Please speak to them in person or by a voice you know, not in writing, and then tell us what they say.",
        ),
        (f"Please answer by {iso(deadline)}.",),
        (
            Button("answer:peer-yes", f"{person} told me it was them", "primary"),
            Button("answer:peer-no", f"{person} told me it was not", "danger"),
        ),
    )


def answered_notice(case_id: str, person: str, number: int, lines: Sequence[str], buttons: Sequence[Button]) -> Notice:
    """Tell the person, or a peer, what became of the answer, instead of the question."""
    return Notice(
        f"{case_id}:{NoticeKind.ANSWERED}:{person}:{number}",
        NoticeKind.ANSWERED,
        person,
        case_id,
        _PLAIN,
        f"Security question {case_id}",
        tuple(lines),
        buttons=tuple(buttons),
        replaces=question_key(case_id, person),
    )


def stand_in_notice(case_id: str, rota: str, who: str, person: str) -> Notice:
    """Ask whoever would keep a watch to be ready to: nothing is passed on before a lead has frozen the person."""
    return Notice(
        f"{case_id}:{NoticeKind.STAND_IN}:{who}:{rota}",
        NoticeKind.STAND_IN,
        who,
        case_id,
        "high",
        _cut(f"Please be ready to keep the watch of {rota}"),
        (f"{person} has it and could not be reached. A lead is told, and will speak to you.",),
    )


def news(key: str, title: str, lines: Sequence[str], case_id: str | None = None, severity: str = "medium") -> Notice:
    """Tell the leads something that nothing hangs on."""
    return Notice(key, NoticeKind.NEWS, LEADS, case_id, severity, _cut(title), tuple(lines))


def leads_notice(standing: Standing, number: int, before: str | None) -> Notice:
    """Tell the leads where a case stands: anew, or instead of the notice `before`."""
    case = readable(standing.case)
    kind = NoticeKind.ESCALATION if before is None else NoticeKind.UPDATE
    closed = standing.status == "closed"
    title = case.sentence if not closed else f"{case.id} is closed: {case.sentence}"
    return Notice(
        f"{case.id}:{kind}:{LEADS}" + (f":{number}" if number else ""),
        kind,
        LEADS,
        case.id,
        case.severity,
        _cut(title),
        (standing.why, *_facts(case), *_stories(case)),
        (f"{case.id}, {case.severity}, {standing.status}. `watchbill case {case.id}` shows it whole.",),
        () if closed else tuple(_buttons(standing, case)),
        before,
    )


def calls_unseen(case_id: str) -> tuple[str, ...]:
    """Say how to see the exact calls of a freeze, until they are worked out."""
    return (f"The exact calls: `watchbill freeze {case_id} --dry-run`",)


def _facts(case: CaseView) -> Iterator[str]:
    yield case.sentence
    yield f"Who: {case.subject}. {case.how_known}"
    if case.shift is not None:
        yield f"Shift: {case.shift.watch}; on call then: {', '.join(case.shift.on_call) or 'nobody'}"
    for opening in case.openings[:2]:
        yield f"How it was possible: {opening.what}"
    for whence in case.whence[:3]:
        yield f"From {whence.ip}: {whence.place} for them, {whence.events} events"
    if "answer" in case.facts:
        yield f"Their answer: {case.facts['answer']}"


def _stories(case: CaseView) -> Iterator[str]:
    for story in case.hypotheses[:_STORIES]:
        if story.probability >= _LEAST:
            addends = ", ".join(f"{a.family} {a.fact} {a.decibans:+d}" for a in story.addends) or "nothing speaks"
            yield f"{story.probability:.2f} {story.story} ({addends})"
    yield f"{case.why}; next: {case.question}"


def _buttons(standing: Standing, case: CaseView) -> Iterator[Button]:
    yield Button("open", "Open case")
    if standing.status == "frozen":
        yield Button("restore", f"Restore {case.subject}", confirm=_GIVEN_BACK)
        yield Button(f"verdict:{Verdict.HIJACK}", "It was a hijack")
        yield Button("snooze:30", "Remind us in 30 min")
        return
    if standing.freeze:
        yield Button("freeze", f"Freeze {case.subject}", "danger", calls_unseen(case.id))
    likely = [verdict for each in case.hypotheses if (verdict := VERDICTS.get(each.story)) is not None]
    for verdict in dict.fromkeys((*likely[:2], Verdict.FALSE_ALARM)):
        yield Button(f"verdict:{verdict}", f"Close as {str(verdict).replace('-', ' ')}")
    yield Button("snooze:30", "Remind us in 30 min")


def _cut(text: str) -> str:
    return text if len(text) <= TITLE_MOST else f"{text[: TITLE_MOST - 3]}..."
