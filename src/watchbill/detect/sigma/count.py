"""How often each rule matches, over records as they were delivered, or over events of which each counts once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from watchbill.detect.sigma.columns import Matcher
from watchbill.detect.sigma.correlate import Correlator
from watchbill.detect.sigma.model import LoadedRules, Rule


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of one rule."""

    title: str
    id: str | None
    level: str | None
    file: str
    hits: int
    """Records that it matches, or alerts of a correlation."""
    event_ids: tuple[str, ...]
    """For each hit the id of its event, as often as it was delivered; of a correlation the evidence of all alerts."""
    duplicates: int
    """Hits on records that were delivered again."""
    error: str | None
    """Why it could not be loaded. None where it was: a rule for records that are not read here matches nothing."""


class RuleCount:
    """Counts while batches come."""

    def __init__(self, loaded: LoadedRules, *, once: bool = False) -> None:
        """Take all rules that were loaded, and those that could not be; `once` counts each event once."""
        self._loaded = loaded
        self._once = once
        self._matcher = Matcher(loaded.rules)
        self._correlator = Correlator(loaded.rules, loaded.correlations)
        self._ids: list[list[str]] = [[] for _ in loaded.rules]
        self.records = 0
        """Records that were looked at."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch of the table."""
        hits = self._matcher.match(batch)
        self.records += batch.num_rows
        self._correlator.add(hits)
        ids = hits.columns.column("id", hits.rows)
        for number, event_id in zip(hits.rules.tolist(), ids, strict=True):
            self._ids[number].append(event_id)

    def add_record(self, record: Mapping[str, Any], name: str) -> None:
        """Take a record that is no event, since it has no id or no time; `name` stands for its id."""
        self.records += 1
        own = {field: value for field, value in record.items() if field != "wb"}
        for number, rule in enumerate(self._loaded.rules):
            if rule.for_cloudtrail and rule.matches(own):
                self._ids[number].append(name)

    def counted(self) -> list[Counted]:
        """Give every rule in the order of loading, correlations after them, and at last what could not be loaded."""
        found = [self._of_rule(number, rule) for number, rule in enumerate(self._loaded.rules)]
        alerts = self._correlator.alerts()
        for correlation in self._loaded.correlations:
            own = [alert for alert in alerts if alert.correlation is correlation]
            ids = tuple(dict.fromkeys(each for alert in own for each in alert.event_ids))
            said = (correlation.title, correlation.id, correlation.level, correlation.file)
            found.append(Counted(*said, len(own), ids, 0, None))
        found += [Counted(f.title, f.id, None, f.file, 0, (), 0, f.error) for f in self._loaded.failed]
        return found

    def _of_rule(self, number: int, rule: Rule) -> Counted:
        ids = self._ids[number]
        distinct = list(dict.fromkeys(ids))
        counted = distinct if self._once else ids
        duplicates = len(counted) - len(distinct)
        return Counted(rule.title, rule.id, rule.level, rule.file, len(counted), tuple(counted), duplicates, None)
