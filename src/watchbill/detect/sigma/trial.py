"""The tests that stand beside a rule: events, and how many of them it is to match."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from watchbill.detect.sigma.block import RuleTest
from watchbill.detect.sigma.correlate import Correlator
from watchbill.detect.sigma.model import Correlation, LoadedRules, Records, Rule
from watchbill.trail.read import instant


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one test."""

    title: str
    id: str | None
    file: str
    name: str
    """The test's."""
    expected: int
    found: int
    why: str | None
    """Why it could not be tried; None where it was."""

    @property
    def passed(self) -> bool:
        """Tell whether it came out as it was to."""
        return self.why is None and self.found == self.expected


def try_tests(loaded: LoadedRules) -> list[Trial]:
    """Try every test of every rule, in their order."""
    return [
        *(_try_rule(rule, test) for rule in loaded.rules for test in rule.block.tests),
        *(_try_correlation(found, test) for found in loaded.correlations for test in found.block.tests),
    ]


def untested(loaded: LoadedRules) -> list[Rule | Correlation]:
    """Give the rules that have no test."""
    return [each for each in every_rule(loaded) if not each.block.tests]


def every_rule(loaded: LoadedRules) -> list[Rule | Correlation]:
    """Give rules and correlations in one list."""
    return [*loaded.rules, *loaded.correlations]


def _try_rule(rule: Rule, test: RuleTest) -> Trial:
    found = sum(rule.matches(_shaped(rule, event)) for event in test.events)
    return Trial(rule.title, rule.id, rule.file, test.name, test.hits, found, None)


def _shaped(rule: Rule, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a record of auditd that stands by itself as the event of that record."""
    if not rule.by_record or "records" in event:
        return event
    own = {field: value for field, value in event.items() if field != "wb"}
    return {"records": [own], **({"wb": event["wb"]} if "wb" in event else {})}


def _try_correlation(correlation: Correlation, test: RuleTest) -> Trial:
    """Ask the rules that it counts of the events, and it of their hits; nothing is to come after the last event."""
    said = (correlation.title, correlation.id, correlation.file, test.name, test.hits)
    times = [instant(event.get("eventTime")) for event in test.events]
    if None in times:
        return Trial(*said, 0, f"event {times.index(None) + 1} of it has no `eventTime`")
    needed = list(_needed(correlation))
    rules = [each for each in needed if isinstance(each, Rule)]
    counter = Correlator(rules, [each for each in needed if isinstance(each, Correlation)])
    latest = 0
    for place, (event, at) in enumerate(zip(test.events, times, strict=True)):
        assert at is not None, "looked at above"
        time_ms = (at - _EPOCH) // timedelta(milliseconds=1)
        latest = max(latest, time_ms)
        event_id = str(event.get("eventID") or f"event {place + 1}")
        for number, rule in enumerate(rules):
            if rule.records is not Records.OTHER and rule.matches(_shaped(rule, event)):
                counter.add_record(number, event, time_ms, event_id)
    alerts = counter.alerts(latest + correlation.span_ms)
    return Trial(*said, sum(alert.correlation is correlation for alert in alerts), None)


def _needed(correlation: Correlation) -> Iterator[Rule | Correlation]:
    """Give all that a correlation counts, each once and before what counts it, and itself last."""
    seen: set[int] = set()

    def walk(each: Rule | Correlation) -> Iterator[Rule | Correlation]:
        if id(each) in seen:
            return
        seen.add(id(each))
        for member in each.members if isinstance(each, Correlation) else ():
            yield from walk(member)
        yield each

    return walk(correlation)
