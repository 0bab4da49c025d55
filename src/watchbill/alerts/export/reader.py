"""What of a case its reader may see: the one place where the insider story is kept from those who may not see it."""

from dataclasses import replace

from watchbill.alerts.assess import assess, for_reader
from watchbill.alerts.export.model import CLOSED, Kept
from watchbill.alerts.plain import further_of
from watchbill.alerts.stories import Story
from watchbill.alerts.view import AddendView, CaseView, HypothesisView, QuestionView
from watchbill.team.model import Team


HIDDEN_NOTE = "closed; the conclusion is with the leads"
"""Said of every case that was ever closed, since it would tell much if it were said of some alone."""
_CLOSED_BEFORE = "since it was closed"


def sees_insider(team: Team | None, reader: str, case: CaseView) -> bool:
    """Tell whether somebody may see the story of an insider in a case: a security lead may, but of themselves never."""
    return team is not None and reader in team.security_leads and reader != case.person


def readable(case: CaseView, *, may_see_insider: bool = False) -> CaseView:
    """Give a case as a reader may see it: to those who may not see it, the insider story is as if it were not modelled.

    It is weighed anew without it, by its facts and by what rules added to the other stories, so that neither a sum nor
    the next question tells of it. By the weights of today: a case that was kept under others may change a little.
    """
    if may_see_insider or not any(story.story == Story.INSIDER for story in case.hypotheses):
        return case
    whole = assess(case.kind, case.facts, case.person, further_of(case))
    shown = for_reader(whole, may_see_insider=False)
    hypotheses = [
        HypothesisView(
            str(each.story),
            round(each.probability, 3),
            each.decibans,
            [AddendView(addend.family, addend.fact, addend.decibans) for addend in each.addends],
        )
        for each in shown.hypotheses
    ]
    leading = str(shown.leading) if shown.leading else None
    questions = [QuestionView(q.family, q.text, round(q.gain, 3), round(q.decides, 3)) for q in shown.questions]
    # What a rule says of an insider is not told either.
    further = [
        replace(each, decibans={story: number for story, number in each.decibans.items() if story != Story.INSIDER})
        for each in case.further
    ]
    return replace(
        case,
        hypotheses=hypotheses,
        leading=leading,
        why=shown.why,
        question=shown.question,
        questions=questions,
        further=further,
    )


def kept_for(kept: Kept, *, may_see_insider: bool = False) -> Kept:
    """Give a case and where it stands as a reader may see it: who was taken for an insider is not told either."""
    hides = not may_see_insider and (kept.status == CLOSED or _CLOSED_BEFORE in kept.note)
    note = HIDDEN_NOTE if hides else kept.note
    return replace(kept, case=readable(kept.case, may_see_insider=may_see_insider), note=note)
