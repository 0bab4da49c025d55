"""The pack on simulated months, without shifts, rights or history: what it tells of ordinary life, and of misuse.

The simulation knows nothing of rules. What a rule asks of shifts or history finds nothing here; the rest must do alone.
"""

import importlib.util
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tests.unit.sim.samples import records
from tests.unit.sim.staffs import SPAN, staff

from watchbill.detect.derived import is_ours
from watchbill.detect.sigma import Correlator
from watchbill.detect.sigma.trial import every_rule
from watchbill.sim.labels import Misuse
from watchbill.sim.month import everything, make_month
from watchbill.sim.scenario import LIGHT
from watchbill.trail.attribute import attribute
from watchbill.trail.model import Method, Place
from watchbill.trail.read import instant, make_event


ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("measure_pack", ROOT / "tools" / "measure_pack.py")
assert spec is not None
assert spec.loader is not None
pack = importlib.util.module_from_spec(spec)
sys.modules["measure_pack"] = pack
spec.loader.exec_module(pack)

LOADED, _ = pack.load_pack()
LIVE = {rule.file for rule in every_rule(LOADED) if rule.block.live}
BY_NAME = defaultdict(list)
for place, each_rule in enumerate(LOADED.rules):
    for named in (each_rule.names or (None,)) if each_rule.for_cloudtrail else ():
        BY_NAME[named].append(place)
PEOPLE = 14
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MACHINES = {Method.SERVICE: "service", Method.WORKLOAD: "workload", Method.ROOT: "root"}

BY_THEMSELVES = {
    Misuse.KEY_FOR_ANOTHER,
    Misuse.OWN_WAY,
    Misuse.GUESSED,
    Misuse.LOGGING_STOPPED,
    Misuse.TRAIL_NARROWED,
    Misuse.POLICY_VERSION,
    Misuse.ROLE_TRUST,
    Misuse.NEW_USER,
    Misuse.SNAPSHOT_SHARED,
    Misuse.DELETIONS,
    Misuse.BREAK_GLASS,
    Misuse.OURS,
    Misuse.ROOT,
}
"""Misuse that a live rule tells by what was done alone; the rest takes shifts, rights or history."""


@cache
def month(*, misuse):
    """Make a month, and ask the pack of every event: the rules that hit, by event, and the alerts of correlations."""
    made = staff(PEOPLE, 0)
    team = made.chapters[0].team
    pace = replace(LIGHT, quirks=1.0)
    whole: Any = make_month(made.chapters, made.shifts, SPAN, 0, everything() if misuse else (), pace)
    by_id = {record["eventID"]: record for record in records(whole)}
    events = [make_event(each, key, instant(each["eventTime"]) or EPOCH, Place("a", 0)) for key, each in by_id.items()]
    counter, hits = Correlator(LOADED.rules, LOADED.correlations), defaultdict(set)
    for each in attribute(events, team):
        event, actor = each.event, each.actor
        home = event.identity.account or event.account
        known = {
            "actor": "person" if actor.person else MACHINES.get(actor.method, "unknown"),
            "person": actor.person,
            "confidence": str(actor.confidence),
            "ours": is_ours(team, event.identity.issuer_arn or event.identity.arn or "", home),
            "outcome": str(event.outcome),
        }
        record = {**event.record, "wb": known}
        for number in (*BY_NAME.get(event.name.lower(), ()), *BY_NAME[None]):
            rule = LOADED.rules[number]
            if rule.matches(record):
                hits[event.id].add(rule.file)
                counter.add_record(number, record, (event.at - EPOCH) // timedelta(milliseconds=1), event.id)
    alerts = counter.alerts()
    for alert in alerts:
        for key in alert.event_ids:
            hits[key].add(alert.correlation.file)
    return whole, hits, alerts


def test_an_ordinary_month_is_quiet():
    """People stop reading what cries every day: at most one case for a person and month, and hardly that."""
    whole, hits, _ = month(misuse=False)
    assert whole.events > 3000
    assert whole.mishaps
    loud = {key: rules & LIVE for key, rules in hits.items() if rules & LIVE}
    assert len(loud) <= PEOPLE, loud


def test_a_staged_rule_would_not_be_quiet():
    """Why some rules are evidence only: each refusal and each failed sign-in happens to everybody."""
    _, hits, _ = month(misuse=False)
    assert sum("denied-call.yml" in rules for rules in hits.values()) > PEOPLE
    assert any("signin-failed.yml" in rules for rules in hits.values())


def test_misuse_that_shows_by_itself_is_told():
    """By a live rule, whatever shift it was and whoever did it."""
    whole, hits, _ = month(misuse=True)
    told = [each for each in whole.labels if each.what in BY_THEMSELVES]
    assert {each.what for each in told} == BY_THEMSELVES
    unheard = [
        (each.what, each.variation)
        for each in told
        if not any(hits.get(key, set()) & LIVE for key in each.event_ids) and not each.unheard
    ]
    assert unheard == []


def test_no_misuse_leaves_no_evidence_at_all():
    """What no live rule tells still has hits of staged ones, for the case that a shift or a new network opens."""
    whole, hits, _ = month(misuse=True)
    silent = [each.what for each in whole.labels if not any(hits.get(key) for key in each.event_ids)]
    assert len(silent) <= len(whole.labels) // 10
