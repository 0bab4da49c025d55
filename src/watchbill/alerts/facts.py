"""The facts of a case: one for each family of evidence that something is known of. What is not known is left out.

Where several things of a case speak of one family, the gravest is the fact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from watchbill.alerts.sittings import Wrong
from watchbill.alerts.weights import BREAK_GLASS
from watchbill.detect.baseline import Baseline, Kind
from watchbill.detect.model import Finding, Signal
from watchbill.detect.resources import SENSITIVE
from watchbill.judge.model import Judgement, Opening, Watch, WatchState
from watchbill.judge.possible import OUTLIVED
from watchbill.trail.model import Confidence, Event


JUST_OUTSIDE = timedelta(minutes=30)
SHIFT_START = timedelta(minutes=20)
LONG_AFTER = timedelta(hours=8)

BULK = 20
"""Reads of what is sensitive, in one sitting, from which on they are in bulk."""
PACE_LEAST = 8
"""Pauses that it takes to tell a pace by."""
PACE = timedelta(seconds=2)
"""Nobody calls by hand every second, call after call."""
FEW = 3
"""Targets up to which they are few."""

SIGN_IN = frozenset({Signal.FAILED_SIGN_INS, Signal.SPRAY})
"""Signals of signing in alone."""

GRAVEST: Mapping[str, Sequence[str]] = {
    "place": ("new", "known to others", "usual"),
    "device": ("new", "known to others", "usual"),
    "breadth": ("many names", "bulk", "one name", "few targets"),
    "rhythm": ("machine", "human"),
    "outcome": ("success without mfa", "success", "success with mfa", "failures only"),
    "action": ("logging", "persistence", "escalation", "secrets", "irreversible", "denied-burst", "change", "read"),
    "habit": ("new to all", "new to the role", "new to them", "usual"),
    "continuity": ("fresh sign-in without mfa", "long-term key", "fresh sign-in with mfa", "session of the shift"),
    "detector": ("credential misuse", "exfiltration", "reconnaissance", "other"),
    "approval": ("refused", "announced"),
    "identity": ("automation", "shared", "person"),
    "telemetry": ("gap", "late", "whole"),
}
"""Facts by family, the gravest first."""

_LOST = ("Delete", "Terminate", "Destroy", "Purge", "ScheduleKeyDeletion", "Deregister")
"""How the names of calls begin that cannot be taken back."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the facts of a case are drawn from."""

    kind: str
    person: str | None
    wrongs: Sequence[Wrong]
    """What was not the person's to do."""
    wrong: Sequence[Judgement]
    """As many of these as were read whole."""
    own: Sequence[Judgement]
    """What the subject did in the sitting."""
    cited: Sequence[Judgement]
    """The events that count, as many as were read whole."""
    findings: Sequence[Finding]
    state: WatchState | None
    opened: Sequence[Opening]


def kind_of(findings: Sequence[Finding], wrongs: Sequence[Wrong]) -> str:
    """Tell which stories compete: `sign-in` or `action`; of `break-glass` none is weighed."""
    if any(finding.signal is Signal.BREAK_GLASS for finding in findings):
        return BREAK_GLASS
    return "sign-in" if findings and not wrongs and all(f.signal in SIGN_IN for f in findings) else "action"


def facts_of(drawn: Drawn, baseline: Baseline) -> dict[str, str]:
    """Draw the facts of a case."""
    said: dict[str, list[str]] = {}
    for finding in told(drawn.findings):
        for family, fact in finding.facts.items():
            said.setdefault(family, []).append(fact)
    if drawn.kind == "action":
        # How many names were tried says nothing of what was done.
        said.pop("breadth", None)
        _add(said, "action", _actions(drawn.wrongs))
        _add(said, "breadth", _breadth(drawn.wrongs))
        _add(said, "rhythm", _rhythm(drawn.wrongs))
        if drawn.person:
            _whence(said, drawn, baseline)
            _add(said, "habit", (_habit(each, baseline) for each in drawn.wrong))
            _add(said, "continuity", (_continuity(each.attributed.event, drawn.state) for each in drawn.cited))
    _add(said, "time", [time_of(drawn.state, drawn.kind)] if drawn.state is not None else ())
    _add(said, "control", [control_of(drawn)])
    if drawn.person and all(each.attributed.actor.confidence is Confidence.CERTAIN for each in drawn.cited):
        _add(said, "identity", ["person"] if drawn.cited else ())
    return {family: gravest(family, facts) for family, facts in said.items() if facts}


def told(findings: Sequence[Finding]) -> Sequence[Finding]:
    """Give the findings that a case is told by: where break-glass was used, that alone."""
    return [finding for finding in findings if finding.signal is Signal.BREAK_GLASS] or findings


def gravest(family: str, said: Sequence[str]) -> str:
    """Give the gravest of some facts of a family."""
    return next((fact for fact in GRAVEST.get(family, ()) if fact in said), said[0])


def time_of(state: WatchState, kind: str) -> str:
    """Place a case against the shift. That a shift begins explains a forgotten password, and nothing that was done."""
    if state.watch is Watch.ON:
        starts = kind == "sign-in" and state.since_start is not None and state.since_start <= SHIFT_START
        return "shift start" if starts else "on shift"
    if state.watch is Watch.NEVER:
        return "no shift"
    if state.away <= JUST_OUTSIDE:
        return "shift start" if kind == "sign-in" and state.watch is Watch.NOT_YET else "just outside"
    return "ended" if state.watch is Watch.ENDED and state.away <= LONG_AFTER else "off"


def control_of(drawn: Drawn) -> str | None:
    """Tell how it was possible; None where nothing was done that should not have been."""
    if not drawn.wrong:
        return None
    if not drawn.opened:
        return "nothing found"
    if drawn.opened[0].what.startswith(OUTLIVED):
        return "session outlived the shift"
    return "opened by the person" if drawn.opened[0].by == drawn.person else "opened by another"


def _add(said: dict[str, list[str]], family: str, facts: Iterable[str | None]) -> None:
    found = [fact for fact in facts if fact is not None and fact != "unknown"]
    if found:
        said.setdefault(family, []).extend(found)


def _whence(said: dict[str, list[str]], drawn: Drawn, baseline: Baseline) -> None:
    person = drawn.person or ""
    counted = [(each.ip, each.user_agent, each.at) for each in drawn.wrongs]
    if not counted:
        events = [each.attributed.event for each in drawn.cited or drawn.own]
        counted = [(event.ip, event.user_agent, event.at) for event in events]
    _add(said, "place", {baseline.place(person, ip, at) for ip, _, at in counted})
    _add(said, "device", {baseline.device(person, agent, at) for _, agent, at in counted})


def _actions(wrongs: Sequence[Wrong]) -> Iterable[str]:
    for wrong in wrongs:
        if wrong.read_only is True:
            yield "secrets" if wrong.name.startswith("GetSecret") else "read"
        else:
            yield "irreversible" if wrong.name.startswith(_LOST) else "change"


def _breadth(wrongs: Sequence[Wrong]) -> Iterable[str]:
    reads = sum(wrong.read_only is True and wrong.source in SENSITIVE for wrong in wrongs)
    if reads >= BULK:
        yield "bulk"
    elif 0 < len(wrongs) <= FEW:
        yield "few targets"


def _rhythm(wrongs: Sequence[Wrong]) -> Iterable[str]:
    """Tell a machine by its pace, where there is enough to tell it by."""
    times = sorted(wrong.at for wrong in wrongs)
    steps = sorted(later - sooner for sooner, later in pairwise(times))
    if len(steps) >= PACE_LEAST:
        yield "machine" if steps[len(steps) // 2] < PACE else "human"


def _habit(judgement: Judgement, baseline: Baseline) -> str | None:
    news = baseline.newness(Kind.ACTION, judgement.attributed)
    if news.person is None:
        return None
    if not news.person:
        return "usual"
    return "new to all" if news.company else "new to the role" if news.role else "new to them"


def _continuity(event: Event, state: WatchState | None) -> str | None:
    """Tell what stood behind a call. MFA is only known of what AWS itself asked it for: not behind a federation."""
    identity = event.identity
    if (identity.access_key or "").startswith("AKIA"):
        return "long-term key"
    began = identity.session_began
    if began is not None and state is not None and state.start and state.end and state.start <= began < state.end:
        return "session of the shift"
    if identity.mfa is None or identity.type not in ("IAMUser", "Root"):
        return None
    return "fresh sign-in with mfa" if identity.mfa else "fresh sign-in without mfa"
