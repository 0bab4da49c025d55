"""Cases about what was not recorded: one for each gap, about nobody, with nothing to weigh or to do to anybody."""

from datetime import timedelta

from tests.teams import MONDAY, PRODUCTION

from watchbill.alerts.gaps import gap_cases
from watchbill.alerts.plain import reassessed, view
from watchbill.detect.model import Severity
from watchbill.intervals import Interval
from watchbill.trail.coverage import Gap, GapKind


HOUR = timedelta(hours=1)


def gap(kind=GapKind.HOURS, account=PRODUCTION, region="eu-west-1", host=None, hours=2):
    """Make a gap that began on Monday."""
    return Gap(kind, account, region, host, Interval(MONDAY, MONDAY + hours * HOUR), "steady otherwise")


def test_a_gap_is_a_case_about_nobody():
    """It says where and when, and offers to do nothing to anybody."""
    (case,) = gap_cases([gap()])
    assert case.kind == "gap"
    assert (case.person, case.network, case.actions, case.account, case.evidence) == (None, None, (), None, ())
    assert PRODUCTION in case.sentence
    assert "eu-west-1" in case.sentence
    assert "steady otherwise" in case.sentence
    assert case.assessment.leading is None


def test_a_gap_that_lasts_is_the_same_case():
    """It keeps its id while it grows; another place, host or beginning is another."""
    ids = [
        case.id
        for case in gap_cases([gap(), gap(hours=9), gap(region="eu-west-2"), gap(GapKind.HOST, None, None, "web-1")])
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_a_gap_that_is_proven_is_grave():
    """What digests say is missing, and an account that is not there at all, cannot be a quiet day."""
    kinds = {kind: gap_cases([gap(kind)])[0].severity for kind in GapKind}
    assert kinds[GapKind.DIGEST] == kinds[GapKind.ACCOUNT] == Severity.HIGH
    assert kinds[GapKind.HOURS] == kinds[GapKind.HOST] == kinds[GapKind.REGION] == Severity.MEDIUM


def test_a_kept_gap_is_weighed_anew_like_any_case():
    """Whatever is told of it later, there is nothing to weigh."""
    kept = view(gap_cases([gap()])[0])
    assert reassessed(kept, {"answer": "yes"}).hypotheses == []
