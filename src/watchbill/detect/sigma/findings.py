"""Findings of rules over events that were read one by one."""

from collections.abc import Iterable, Sequence

from watchbill.detect.model import Finding, Severity, Signal
from watchbill.detect.networks import network_of
from watchbill.detect.sigma.hosts import HostMatcher, event_record
from watchbill.detect.sigma.model import Rule
from watchbill.trail.model import Attributed


LEVELS = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "low": Severity.LOW,
}
"""Severities by Sigma's level; another is `info`."""


def run_rules(rules: Sequence[Rule], events: Iterable[Attributed]) -> list[Finding]:
    """Give a finding for every hit of every rule that alerts by itself, in order of the events.

    Rules for CloudTrail are asked of its events, rules for hosts of theirs.
    """
    named: dict[str, list[tuple[int, Rule]]] = {}
    anywhere: list[tuple[int, Rule]] = []
    hosts = HostMatcher([(number, rule) for number, rule in enumerate(rules) if rule.alerts])
    for number, rule in enumerate(rules):
        if not rule.for_cloudtrail or not rule.alerts:
            continue
        if rule.names is None:
            anywhere.append((number, rule))
        for name in rule.names or ():
            named.setdefault(name, []).append((number, rule))
    found: list[Finding] = []
    for each in events:
        event = each.event
        if event.host is not None:
            found += [_finding(rules[number], each) for number in hosts.match(event.source, event_record(event))]
            continue
        candidates = (*named.get(event.name.lower(), ()), *anywhere)
        # Only watchbill derives fields: a record that brings some of its own is not believed.
        record = {field: value for field, value in event.record.items() if field != "wb"}
        found += [_finding(rule, each) for _, rule in candidates if rule.matches(record)]
    return found


def _finding(rule: Rule, each: Attributed) -> Finding:
    event = each.event
    return Finding(
        Signal.SIGMA,
        rule.title,
        LEVELS.get(rule.level or "", Severity.INFO),
        each.actor.person,
        network_of(event.ip),
        (event.id,),
        event.at,
        event.at,
        author=rule.author or "",
    )
