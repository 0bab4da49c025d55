"""Counts of cases, in the text format that Prometheus reads.

No label holds what a stranger may have chosen: each is a word of ours, and a rule is named by its id, or by what is
left of its title when all but letters, digits and dashes are taken out. What is not known is left out, never zero.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from watchbill.alerts.export.model import CLOSED, SEVERITIES, STATUSES, Kept, vocabulary
from watchbill.judge.model import Right


KINDS = ("sign-in", "action", "break-glass", "gap")
_RIGHTS = tuple(str(right) for right in Right)
_SLUG = 60


@dataclass(frozen=True, slots=True)
class Figures:
    """What a pass counted, beside the cases; None and empty where nobody counted."""

    judged: Mapping[str, int] = field(default_factory=dict)
    """Events, by what was their right."""
    rule_hits: Mapping[str, int] = field(default_factory=dict)
    """By the id or title of the rule."""
    staged_hits: int | None = None
    """Of rules that open no case yet."""
    complete_to: datetime | None = None
    """Until when the trail is whole."""


NOTHING_COUNTED = Figures()


def prometheus(kept: Iterable[Kept], at: datetime, figures: Figures = NOTHING_COUNTED) -> str:
    """Give the counts of all cases, closed ones too, at an instant."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counts(tuple(kept), at, figures))
    return generate_latest(registry).decode()


def rule_label(rule: str) -> str:
    """Name a rule by an id or title such that a label can hold it: short, of `a-z`, `0-9` and `-` alone."""
    slug = re.sub(r"[^a-z0-9]+", "-", rule[: 2 * _SLUG].lower()).strip("-")[:_SLUG]
    return slug or hashlib.sha256(rule.encode("utf-8", "backslashreplace")).hexdigest()[:12]


class _Counts(Collector):
    """Collects what is given, once."""

    def __init__(self, kept: tuple[Kept, ...], at: datetime, figures: Figures) -> None:
        self._kept, self._at, self._figures = kept, at, figures

    def collect(self) -> Iterable[Metric]:
        """Yield each family of metrics that something is known of."""
        yield self._cases()
        yield from self._oldest()
        figures = self._figures
        if figures.judged:
            judged = CounterMetricFamily(
                "watchbill_events_judged", "Events, by what was their right", labels=("right",)
            )
            for right, events in sorted(_summed(figures.judged, lambda word: vocabulary(word, _RIGHTS)).items()):
                judged.add_metric((right,), events)
            yield judged
        if figures.rule_hits:
            hits = CounterMetricFamily("watchbill_rule_hits", "Events that a rule matched", labels=("rule",))
            for rule, number in sorted(_summed(figures.rule_hits, rule_label).items()):
                hits.add_metric((rule,), number)
            yield hits
        if figures.staged_hits is not None:
            staged = CounterMetricFamily("watchbill_staged_hits", "Hits of rules that open no case yet")
            staged.add_metric((), figures.staged_hits)
            yield staged
        if figures.complete_to is not None:
            yield _gauge(
                "watchbill_data_complete_to_timestamp_seconds",
                "Until when the trail is whole",
                figures.complete_to.timestamp(),
            )

    def _cases(self) -> Metric:
        """Count them; words that go together and have no case are zero, so that a count that ends is seen to end."""
        found = Counter(
            (
                vocabulary(each.case.severity, SEVERITIES),
                vocabulary(each.case.kind, KINDS),
                vocabulary(each.status, STATUSES),
            )
            for each in self._kept
        )
        cases = GaugeMetricFamily("watchbill_cases", "Cases that are kept", labels=("severity", "kind", "status"))
        for labels in sorted({*found, *product(SEVERITIES, KINDS, STATUSES)}):
            cases.add_metric(labels, found[labels])
        return cases

    def _oldest(self) -> Iterable[Metric]:
        opened = [each.opened for each in self._kept if each.status != CLOSED]
        age = max((self._at - min(opened)).total_seconds(), 0) if opened else 0
        yield _gauge(
            "watchbill_oldest_open_case_age_seconds", "Since when the oldest case waits; 0 where none does", age
        )


def _gauge(name: str, help_: str, value: float) -> Metric:
    found = GaugeMetricFamily(name, help_)
    found.add_metric((), value)
    return found


def _summed(counts: Mapping[str, int], label: Callable[[str], str]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for word, number in counts.items():
        found[label(word)] += number
    return found
