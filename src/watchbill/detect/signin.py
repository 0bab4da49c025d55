"""Failed and unusual sign-ins to the console.

A failure is counted for a person, or for a principal that is nobody's, only where the record names them: AWS hides a
mistyped name, since people type passwords there. Windows slide; a burst ends when ten minutes pass without a failure.
It ended in a sign-in only where that came from one of its own networks: that somebody comes to work says nothing of who
failed elsewhere. Three or four wrong passwords from somebody's own place and no new device, then in with MFA, are
evidence and no case: it is what happens to everybody once a month. Failures alone say nothing about who was at the
keyboard, which is why a finding carries facts (how many names, what rhythm, from where, how it ended) and no verdict.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.detect.baseline import Baseline
from watchbill.detect.model import Finding, Severity, Signal
from watchbill.detect.networks import network_of
from watchbill.detect.windows import bursts, grouped
from watchbill.trail.codes import holds
from watchbill.trail.model import HIDDEN, Attributed, Outcome


BURST_GAP = timedelta(minutes=10)
BURST_LEAST = 3
"""Failures that make a burst; fewer is a slip of the fingers."""
SLIP_MOST = 4
"""Failures that are still a slip where their owner then came in with MFA, from where they always do."""
SPRAY_NAMES = 3
"""Names from one network that make a spray."""
SPRAY_HIDDEN = 5
"""Failures under hidden names from one network that make a spray by themselves."""
MACHINE_RHYTHM = timedelta(seconds=4)
"""People need longer than this to type a password again."""
EVEN_LEAST = 8
EVEN_SPREAD = 0.5
"""Attempts whose middle half of pauses differs by less than half the usual pause are a machine's."""
_SOON = timedelta(minutes=30)
_ENDINGS = {True: "success with mfa", False: "success without mfa", None: "success"}
"""How a burst ended; where the record says nothing of MFA, nothing is made of it."""


def tell(rows: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Tell which rows `sign_in_findings` needs: of sign-ins that worked, those without MFA or after a failure."""
    sign_ins = holds(rows, "name", lambda name: name == "ConsoleLogin")
    allowed = holds(rows, "outcome", lambda outcome: outcome == Outcome.ALLOWED)
    bare = (
        pc.equal(rows.column("mfa"), pa.scalar(value=False)).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    )
    times = rows.column("time_ms").to_numpy()
    failed = np.sort(times[sign_ins & ~allowed])
    before = np.append(failed, np.iinfo(np.int64).min // 2)[np.searchsorted(failed, times, "right") - 1]
    found: npt.NDArray[np.bool_] = sign_ins & (~allowed | bare | (times - before <= _SOON // timedelta(milliseconds=1)))
    return found


def sign_in_findings(events: Sequence[Attributed], baseline: Baseline) -> Iterator[Finding]:
    """Give bursts of failures per person, sprays per network, and sign-ins without MFA."""
    sign_ins = [each for each in events if each.event.name == "ConsoleLogin"]
    failures = [each for each in sign_ins if each.event.outcome is not Outcome.ALLOWED]
    sprayed: set[str] = set()
    for network, found in grouped(failures, lambda each: network_of(each.event.ip)):
        for burst in bursts(found, BURST_GAP):
            if _is_spray(burst):
                sprayed.update(each.event.id for each in burst)
                yield _spray(network, burst, baseline)
    alone = [each for each in failures if each.event.id not in sprayed]
    for _, found in grouped(alone, _name):
        for burst in bursts(found, BURST_GAP):
            if len(burst) >= BURST_LEAST:
                yield _burst(burst, sign_ins, baseline)
    for each in sign_ins:
        if each.event.outcome is Outcome.ALLOWED and each.event.identity.mfa is False:
            yield _without_mfa(each, baseline)


def _name(each: Attributed) -> str | None:
    """Give the name that was tried, with its account where it is no person's; None where AWS hides it."""
    identity = each.event.identity
    if identity.user_name == HIDDEN:
        return None
    seen = identity.user_name if identity.type == "IAMUser" else each.actor.principal
    return each.actor.person or f"{seen} of account {each.event.account}"


def _is_spray(burst: Sequence[Attributed]) -> bool:
    names = {name for each in burst if (name := _name(each))}
    hidden = sum(1 for each in burst if _name(each) is None)
    return len(names) >= SPRAY_NAMES or hidden >= SPRAY_HIDDEN or (bool(names) and len(names) + hidden > SPRAY_HIDDEN)


def _spray(network: str, burst: Sequence[Attributed], baseline: Baseline) -> Finding:
    names = {name for each in burst if (name := _name(each))}
    facts = {
        "breadth": "many names",
        "rhythm": _rhythm(burst),
        "place": baseline.place_for_anyone(burst[0].event.ip),
        "outcome": "failures only",
    }
    hidden = sum(1 for each in burst if _name(each) is None)
    title = f"{len(burst)} failed sign-ins from {network}: {len(names)} known names, {hidden} under hidden names"
    return _finding(Signal.SPRAY, title, Severity.MEDIUM, None, burst, facts)


def _burst(burst: Sequence[Attributed], sign_ins: Sequence[Attributed], baseline: Baseline) -> Finding:
    last, person, name = burst[-1].event, burst[0].actor.person, _name(burst[0])
    networks = {network_of(each.event.ip) for each in burst}
    success = next(
        (
            each
            for each in sign_ins
            if _name(each) == name
            and each.event.outcome is Outcome.ALLOWED
            and last.at <= each.event.at <= last.at + _SOON
            and network_of(each.event.ip) in networks
        ),
        None,
    )
    ending = _ENDINGS[success.event.identity.mfa] if success else "failures only"
    facts = {
        "breadth": "one name",
        "rhythm": _rhythm(burst),
        "place": _worst(_place(each, baseline) for each in burst),
        "device": _worst(_device(each, baseline) for each in burst),
        "outcome": ending,
    }
    suspect = "new" in (facts["place"], facts["device"]) or ending == "success without mfa"
    own = facts["place"] == "usual" and facts["device"] != "new" and facts["rhythm"] == "human"
    slip = len(burst) <= SLIP_MOST and own and ending == "success with mfa"
    severity = Severity.HIGH if suspect and success else Severity.MEDIUM
    title = f"{len(burst)} failed sign-ins as {name}, {f'then {ending}' if success else 'no success'}"
    events = [*burst, success] if success else burst
    return replace(_finding(Signal.FAILED_SIGN_INS, title, severity, person, events, facts), staged=slip)


def _place(each: Attributed, baseline: Baseline) -> str:
    person, event = each.actor.person, each.event
    return baseline.place(person, event.ip, event.at) if person else baseline.place_for_anyone(event.ip)


def _device(each: Attributed, baseline: Baseline) -> str:
    person, event = each.actor.person, each.event
    return baseline.device(person, event.user_agent, event.at) if person else "unknown"


def _worst(said: Iterable[str]) -> str:
    found = set(said)
    return next((word for word in ("new", "known to others", "usual") if word in found), "unknown")


def _without_mfa(each: Attributed, baseline: Baseline) -> Finding:
    person, event = each.actor.person, each.event
    facts = {"outcome": "success without mfa", "place": _place(each, baseline), "device": _device(each, baseline)}
    severity = Severity.HIGH if facts["place"] == "new" else Severity.MEDIUM
    title = f"console sign-in as {person or each.actor.principal} without MFA from {network_of(event.ip) or event.ip}"
    return _finding(Signal.NO_MFA, title, severity, person, [each], facts)


def _rhythm(burst: Sequence[Attributed]) -> str:
    """Tell a machine by its pace, or by how even it is: people take their time, and never the same time twice."""
    steps = sorted((b.event.at - a.event.at).total_seconds() for a, b in pairwise(burst))
    if not steps:
        return "human"
    middle = steps[len(steps) // 2]
    even = len(steps) >= EVEN_LEAST and steps[len(steps) * 3 // 4] - steps[len(steps) // 4] <= EVEN_SPREAD * middle
    return "machine" if middle < MACHINE_RHYTHM.total_seconds() or even else "human"


def _finding(
    signal: Signal,
    title: str,
    severity: Severity,
    person: str | None,
    events: Sequence[Attributed],
    facts: dict[str, str],
) -> Finding:
    return Finding(
        signal,
        title,
        severity,
        person,
        network_of(events[0].event.ip),
        tuple(each.event.id for each in events),
        events[0].event.at,
        events[-1].event.at,
        facts,
        None if person or signal is Signal.SPRAY else events[0].actor.principal,
    )
