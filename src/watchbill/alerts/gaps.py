"""A case for each gap of the trail: nothing was recorded where something should have been.

It has no events, since that is what is missing, and it is about nobody: nothing is weighed, nobody is asked and no
freeze is offered. What can be told is where and when, and how that is known. Its id is made of where and since when, so
that a gap that lasts is one case. One that digests prove, or of a whole account, is high; any other may have a harmless
reason.
"""

import hashlib
from collections.abc import Iterable

from watchbill.alerts.assess import assess
from watchbill.alerts.model import Case
from watchbill.alerts.weights import GAP
from watchbill.detect.model import Severity
from watchbill.intervals import iso
from watchbill.trail.coverage import Gap, GapKind


_GRAVE = frozenset({GapKind.ACCOUNT, GapKind.DIGEST})


def gap_cases(gaps: Iterable[Gap]) -> tuple[Case, ...]:
    """Make a case of each gap, in the order given."""
    return tuple(_case(gap) for gap in gaps)


def _case(gap: Gap) -> Case:
    where = _where(gap)
    start, end = gap.interval.start, gap.interval.end
    subject = f"trail of {where}"
    made = hashlib.sha256(f"{subject}|{gap.kind}|{iso(start)}".encode()).hexdigest()[:6]
    return Case(
        f"C-{made}",
        GAP,
        None,
        None,
        subject,
        start,
        end,
        Severity.HIGH if gap.kind in _GRAVE else Severity.MEDIUM,
        f"nothing recorded of {where} from {start:%a %Y-%m-%d %H:%M} to {end:%a %H:%M} UTC: {gap.why}",
        "nobody is named where nothing is recorded",
        None,
        (),
        (),
        (),
        {},
        assess(GAP, {}, None),
        (),
        None,
        (),
    )


def _where(gap: Gap) -> str:
    if gap.host is not None:
        return f"host {gap.host}"
    if gap.account is None:
        return "the whole trail" if gap.region is None else f"region {gap.region}"
    return f"account {gap.account}" + ("" if gap.region is None else f" in {gap.region}")
