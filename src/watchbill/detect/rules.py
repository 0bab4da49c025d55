"""What rules find in a trail: hits in bulk, alerts of correlations, and of both the findings that may open a case.

1. A hit of a rule that is live is a finding; one that is staged is counted, and shown on the events of a case.
2. Of hits that are alike by a rule's `dedupe`, and lie in one of its windows, the first is the finding; the others
   are counted in its title. Windows follow each other from 1970 on, by UTC: those of 24h are days.
3. Nothing that a service of AWS did by itself is a person's: such hits are findings about the service.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.detect.baseline import Baseline
from watchbill.detect.derived import Deriver
from watchbill.detect.model import Finding, Severity, Signal
from watchbill.detect.networks import network_of
from watchbill.detect.sigma import Alert, Correlation, Correlator, Hits, LoadedRules, Matcher, Rule
from watchbill.detect.sigma.findings import LEVELS
from watchbill.detect.sigma.tree import paths_of
from watchbill.detect.sigma.values import path_of, text_of
from watchbill.errors import Problem
from watchbill.team.model import Team
from watchbill.trail.codes import alone
from watchbill.trail.table import instant


MOST = 10_000
"""Hits of one live rule that are held; a rule with more is no rule to page on, and is said to be cut."""

_WHO = ("time_ms", "id", "person", "principal", "ip", "account", "source", "name", "user_agent", "access_key")


@dataclass(frozen=True, slots=True)
class Hit:
    """A hit of a live rule, or of one that a correlation counts."""

    time_ms: int
    id: str
    person: str | None
    principal: str
    ip: str | None
    account: str
    source: str
    name: str
    user_agent: str | None
    access_key: str | None
    key: tuple[str, ...]
    """What stands at the fields by which it is deduped."""

    @property
    def at(self) -> datetime:
        """When it was."""
        return instant(self.time_ms)


Quiet = Callable[[Finding, Sequence[Hit], int], bool]
"""Tells whether a finding is not to be made, by all the hits it cites, and how many it counts besides."""


class RuleRun:
    """Rules run over the batches of a trail."""

    def __init__(self, loaded: LoadedRules, team: Team | None, baseline: Baseline) -> None:
        self._rules = loaded.rules
        self._matcher = Matcher(loaded.rules)
        self._correlator = Correlator(loaded.rules, loaded.correlations)
        self._derive = Deriver(team, baseline, wanted_of(loaded))
        self._baseline = baseline
        self._live: dict[int, list[Hit]] = {}
        self._live_hits: Counter[str] = Counter()
        self._counted: list[pa.RecordBatch] = []
        """Who did what correlations count."""
        self.hits: Counter[str] = Counter()
        """Hits by title of the rule, alerts of correlations among them once `findings` was asked."""

    def take(self, batch: pa.RecordBatch, judged: pa.RecordBatch) -> Mapping[str, Sequence[str]]:
        """Ask all rules of a batch; give what staged ones say: see `said`."""
        if not self._rules:
            return {}
        hits = self._matcher.match(self._derive(batch, judged))
        self._correlator.add(hits)
        for number in np.unique(hits.rules).tolist():
            rule, rows = self._rules[number], hits.rows[hits.rules == number]
            if rule.alerts:
                self.hits[rule.title] += len(rows)
            if rule.alerts and rule.block.live:
                self._keep(self._live.setdefault(number, []), rule, hits, rows)
            if number in self._correlator.wants:
                self._counted.append(_told(batch, rows[:MOST]))
        return self._said(batch, hits)

    def settle(self, until_ms: int) -> None:
        """Say that no event before an instant comes any more: what is over then is not held, but for what was found."""
        if self._correlator.settle(until_ms):
            held = pa.array(sorted(self._correlator.held()), pa.string())
            table = pa.Table.from_batches([of.filter(pc.is_in(of.column("id"), held)) for of in self._counted])
            self._counted = [alone(of) for of in table.unify_dictionaries().combine_chunks().to_batches()]

    def said(self, batch: pa.RecordBatch, judged: pa.RecordBatch) -> Mapping[str, Sequence[str]]:
        """Give by event id what staged rules say of a batch, title and author; nothing is counted."""
        return self._said(batch, self._matcher.match(self._derive(batch, judged))) if self._rules else {}

    def _said(self, batch: pa.RecordBatch, hits: Hits) -> Mapping[str, Sequence[str]]:
        said: dict[str, list[str]] = {}
        for number in np.unique(hits.rules).tolist():
            rule = self._rules[number]
            if rule.alerts and not rule.block.live:
                rows = hits.rows[hits.rules == number]
                for event_id in batch.column("id").take(pa.array(rows)).to_pylist():
                    said.setdefault(event_id, []).append(words_of(rule))
        return said

    def findings(self, watermark_ms: int | None = None, quiet: Quiet | None = None) -> list[Finding]:
        """Give the findings of live rules and correlations, in order of time.

        What is `quiet` is left out before what is alike is put together: else the first hit would hush the others.
        """
        found = [f for number, hits in self._live.items() for f in self._deduped(self._rules[number], hits, quiet)]
        alerts = [alert for alert in self._correlator.alerts(watermark_ms) if alert.correlation.alerts]
        # Correlations count a great deal, and few of it is in an alert.
        counted = self._hits_of({event_id for alert in alerts for event_id in alert.event_ids})
        for alert in alerts:
            self.hits[alert.correlation.title] += 1
            hits = [counted[event_id] for event_id in alert.event_ids if event_id in counted]
            made = self._of_alert(alert, hits)
            known = len(hits) == len(alert.event_ids) and not made.staged
            if quiet is None or not known or not quiet(made, hits, alert.more):
                found.append(made)
        return sorted(found, key=lambda finding: (finding.first, finding.title, finding.event_ids))

    def _keep(self, kept: list[Hit], rule: Rule, hits: Hits, rows: np.ndarray[Any, Any]) -> None:
        kept.extend(_hits(rule, hits, rows[: MOST - len(kept)]))
        self._live_hits[rule.title] += len(rows)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Name the live rules of which not every hit was looked at."""
        return tuple(
            Problem("many-hits", f"rule `{title}` matched {count} events: {MOST} of them were looked at; stage it")
            for title, count in self._live_hits.items()
            if count > MOST
        )

    def _deduped(self, rule: Rule, hits: Sequence[Hit], quiet: Quiet | None) -> list[Finding]:
        dedupe = rule.block.dedupe
        counted: dict[tuple[int, tuple[str, ...]], tuple[int, list[str]]] = {}
        found: list[Finding] = []
        for hit in sorted(hits, key=lambda hit: (hit.time_ms, hit.id)):
            if quiet is not None and quiet(self._of_hit(rule, hit), [hit], 0):
                continue
            if dedupe is not None:
                # Windows lie on a grid, so that they are the same however much of the trail is looked at.
                window = hit.time_ms // (dedupe.within // timedelta(milliseconds=1)), hit.key
                place, alike = counted.setdefault(window, (len(found), []))
                if place < len(found):
                    alike.append(hit.id)
                    continue
            found.append(self._of_hit(rule, hit))
        for place, alike in counted.values():
            if alike:
                found[place] = _grown(found[place], alike)
        return found

    def _of_hit(self, rule: Rule, hit: Hit) -> Finding:
        who = hit.person or hit.principal
        facts = {**rule.block.facts, **self._facts(hit)}
        at = instant(hit.time_ms)
        return Finding(
            Signal.RULE,
            f"{rule.title}: {who} did {hit.name}",
            LEVELS.get(rule.level or "", Severity.INFO),
            hit.person,
            network_of(hit.ip),
            (hit.id,),
            at,
            at,
            facts,
            None if hit.person else hit.principal,
            rule.author or "",
            rule.id or rule.title,
            ask=rule.block.ask,
            weigh=rule.block.decibans,
            account=hit.account,
        )

    def _facts(self, hit: Hit) -> dict[str, str]:
        if hit.person is None:
            return {}
        at = instant(hit.time_ms)
        place = self._baseline.place(hit.person, hit.ip, at)
        device = self._baseline.device(hit.person, hit.user_agent, at)
        return {family: fact for family, fact in (("place", place), ("device", device)) if fact != "unknown"}

    def _hits_of(self, event_ids: Collection[str]) -> dict[str, Hit]:
        """Give who did what of some events that correlations count."""
        wanted = pa.array([*event_ids], pa.string())
        some = [batch.filter(pc.is_in(batch.column("id"), wanted)) for batch in self._counted] if event_ids else []
        rows = (row for batch in some for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))
        return {row[1]: _hit(row, ()) for row in rows}

    def _of_alert(self, alert: Alert, hits: Sequence[Hit]) -> Finding:
        rule = alert.correlation
        people, networks = {hit.person for hit in hits}, {network_of(hit.ip) for hit in hits}
        principals = {hit.principal for hit in hits}
        person = next(iter(people)) if len(people) == 1 else None
        one = person is None and len(principals) == 1 and hits
        who = person or (next(iter(principals)) if one else f"{len(principals)} principals")
        count = f"{len(alert.event_ids)} events" + (f" and {alert.more} more" if alert.more else "")
        return Finding(
            Signal.RULE,
            f"{rule.title}: {who}, {count}",
            LEVELS.get(rule.level or "", Severity.INFO),
            person,
            next(iter(networks)) if len(networks) == 1 else None,
            alert.event_ids,
            instant(alert.first_ms),
            instant(alert.last_ms),
            {**rule.block.facts, **(self._facts(hits[-1]) if person else {})},
            next(iter(principals)) if one else None,
            rule.author or "",
            rule.id or rule.title,
            staged=not rule.block.live,
            ask=rule.block.ask,
            weigh=rule.block.decibans,
            account=hits[0].account if hits else None,
            until=instant(alert.until_ms),
        )


def wanted_of(loaded: LoadedRules) -> frozenset[str]:
    """Give the derived fields that some rule or correlation asks for."""
    wanted = {".".join(path) for rule in loaded.rules for path in paths_of(rule.condition) if path[0] == "wb"}
    every: list[Rule | Correlation] = [*loaded.rules, *loaded.correlations]
    for each in every:
        if each.block.dedupe is not None:
            wanted.update(name for name in each.block.dedupe.by if name.startswith("wb."))
        if isinstance(each, Correlation):
            named = {*each.group_by, *each.fields, *(f for of in each.aliases.values() for f in of.values())}
            wanted.update(name for name in named if name.startswith("wb."))
    return frozenset(wanted)


def words_of(rule: Rule | Correlation) -> str:
    """Name a rule with its author."""
    return f"{rule.title} ({rule.author})" if rule.author else rule.title


def _told(batch: pa.RecordBatch, rows: np.ndarray[Any, Any]) -> pa.RecordBatch:
    """Give the columns `_WHO` of some rows."""
    return alone(batch.select([*_WHO]).take(pa.array(rows)))


def _hits(rule: Rule, hits: Hits, rows: np.ndarray[Any, Any]) -> list[Hit]:
    if not len(rows):
        return []
    told = [hits.columns.column(name, rows) for name in _WHO]
    by = () if rule.block.dedupe is None else rule.block.dedupe.by
    keys = [hits.columns.values(path_of(name), rows) for name in by]
    return [
        _hit(values, tuple(",".join(text_of(value) for value in of[place]) for of in keys))
        for place, values in enumerate(zip(*told, strict=True))
    ]


def _hit(values: Sequence[Any], key: tuple[str, ...]) -> Hit:
    time_ms, event_id, person, principal, ip, account, source, name, agent, used = values
    return Hit(time_ms, event_id, person, principal, ip, account or "", source or "", name or "", agent, used, key)


def _grown(finding: Finding, alike: Sequence[str]) -> Finding:
    # Its time stays that of the first: what is alike for a day is no case of a day.
    return replace(finding, title=f"{finding.title}, and {len(alike)} more like it", alike=tuple(alike))
