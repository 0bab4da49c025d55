"""What rules are once they are loaded.

Words: *rule* (asks of one event), *correlation* (asks of several hits), *member* (a rule or correlation that another
correlation counts), *source* (which records a rule is for).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from watchbill.detect.sigma.block import Block
from watchbill.detect.sigma.tree import Node, Predicate
from watchbill.errors import Problem


class Records(StrEnum):
    """Which records a rule is for, by its `logsource`."""

    CLOUDTRAIL = "cloudtrail"
    HOST = "host"
    OTHER = "other"
    """Records that are not read here: the rule never runs."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to run."""

    title: str
    id: str | None
    author: str | None
    level: str | None
    file: str
    for_cloudtrail: bool
    """Whether its log source is CloudTrail, so that it runs on a trail."""
    matches: Predicate
    """Decides on one record of its source, derived fields under `wb` in it."""
    names: frozenset[str] | None
    """Event names, in lower case, outside which it cannot match; None where it may match any."""
    condition: Node
    """What `matches` decides by, its block included; of records of auditd, each by itself."""
    records: Records
    programs: frozenset[str] | None = None
    """Of a rule for hosts, the sources of events it is for; None for all."""
    by_record: bool = False
    """Whether it is asked of each record of an auditd event by itself."""
    name: str | None = None
    block: Block = field(default_factory=Block)
    alerts: bool = True
    """Whether a hit is worth telling by itself: not where only correlations count it."""
    status: str | None = None
    description: str = ""
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    by_process: bool = False
    """Whether it is asked of what auditd saw executed, under the names of `process_creation`."""


class Kind(StrEnum):
    """What a correlation asks of a window."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_MEDIAN = "value_median"
    VALUE_PERCENTILE = "value_percentile"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"
    ABSENT_BEFORE = "absent_before"
    """The second member without the first in the window before it."""
    ABSENT_AFTER = "absent_after"
    """The first member without the second in the window after it."""


Expression = str | tuple[str, tuple["Expression", ...]]
"""A member's reference, or `and`, `or`, `not` with what they join."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """A rule about several hits of others."""

    title: str
    id: str | None
    author: str | None
    level: str | None
    file: str
    kind: Kind
    references: tuple[str, ...]
    """Members as the file names them, in its order."""
    members: "tuple[Rule | Correlation, ...]"
    """The same, found."""
    span_ms: int
    group_by: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]
    """By alias and member's reference, the field that it stands for."""
    bounds: tuple[tuple[str, float], ...]
    """Comparisons that all must hold, such as `("gte", 5)`."""
    fields: tuple[str, ...] = ()
    """Whose values are counted or summed."""
    percentile: int = 50
    expression: Expression | None = None
    """Which members must have hits, where that is not simply so many of them."""
    generate: bool = False
    name: str | None = None
    block: Block = field(default_factory=Block)
    alerts: bool = True
    status: str | None = None
    description: str = ""
    falsepositives: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A rule that could not be loaded."""

    title: str
    id: str | None
    file: str
    error: str


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """What came out of some rule files."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]
    correlations: tuple[Correlation, ...] = ()
    """In an order in which each comes after its members."""
    failed: tuple[Failed, ...] = ()
    """Each of these is among the problems too."""


def together(loaded: Sequence[LoadedRules]) -> LoadedRules:
    """Put what was loaded from several folders into one."""
    return LoadedRules(
        tuple(rule for each in loaded for rule in each.rules),
        tuple(problem for each in loaded for problem in each.problems),
        tuple(correlation for each in loaded for correlation in each.correlations),
        tuple(failed for each in loaded for failed in each.failed),
    )
