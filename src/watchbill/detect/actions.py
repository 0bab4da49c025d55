"""What is found in actions without a rule: break-glass.

Ways back in, blinded trails, the root user and tried doors are rules of the pack (`watchbill.rules`), like all that can
be said of single events.
"""

from collections.abc import Iterator, Sequence

from watchbill.detect.baseline import Baseline
from watchbill.detect.break_glass import break_glass_findings
from watchbill.detect.model import Finding
from watchbill.team.model import Team
from watchbill.trail.model import Attributed


LOGGING: frozenset[tuple[str, str]] = frozenset()
PERSISTENCE: frozenset[tuple[str, str]] = frozenset()
"""Nothing is to be read whole for what rules say; these go with their readers."""


def action_findings(events: Sequence[Attributed], team: Team | None, _: Baseline) -> Iterator[Finding]:
    """Give the findings of break-glass."""
    yield from break_glass_findings(events, team)
