"""Keep noise from people without losing it: suppressions, quiet hours, and the stages of rules.

The rules, in order:

1. A suppression covers what was done where all of its conditions hold, at the time at which it was done: up to the
   midnight, UTC, with which its date begins, and no more than a year before that. What cannot be told does not hold.
2. What was not somebody's to do makes no case where a suppression covers it. A finding makes none where one suppression
   covers every event of it. What a finding counts and does not name is covered by a rule alone.
3. Some things always stand, whatever the team file says: see `ALWAYS` and `ALWAYS_RULES`. So do those who judge others,
   whoever is frozen or yet to be, and what a break-glass user did.
4. All that a suppression takes out is counted, under every one that covers it.
5. A mute covers what one rule finds in what one credential did in a span. It comes from a person who has proven that it
   was them (`respond.mutes`), and covers nothing that lasts: `LASTING`, and all of rule 3.
6. Quiet hours put off whom a case wakes, never the case.
"""

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Protocol, TypeVar

from watchbill.access.model import Freeze
from watchbill.alerts.model import Suppressed
from watchbill.alerts.sittings import Wrong
from watchbill.detect.model import Finding, Signal
from watchbill.detect.networks import address_of
from watchbill.detect.sigma import Correlation, LoadedRules, Rule
from watchbill.errors import Problem
from watchbill.intervals import Interval
from watchbill.judge.model import Right
from watchbill.policy.patterns import glob_matches
from watchbill.team.model import Stage, Suppression, Team
from watchbill.trail.model import Attributed


YEAR: Final = timedelta(days=366)
"""How long before its end a suppression covers anything: what is harmless must be said again each year."""

IDLE: Final = timedelta(days=30)
"""A suppression that covers nothing for so long is told of: it may hide what nobody thought of."""

LASTING: Final = frozenset({"persistence", "escalation", "logging"})
"""Facts of the family `action` that nobody's word is enough for: ways to stay, to gain rights, to blind the trail."""

BLINDS: Final = "a trail that was blinded hides all that came after, and with it why it was blinded"
"""Why what was done to the trail always stands."""

BLINDING: Final = frozenset(
    {
        ("cloudtrail.amazonaws.com", "DeleteEventDataStore"),
        ("cloudtrail.amazonaws.com", "DeleteTrail"),
        ("cloudtrail.amazonaws.com", "PutEventSelectors"),
        ("cloudtrail.amazonaws.com", "StopEventDataStoreIngestion"),
        ("cloudtrail.amazonaws.com", "StopLogging"),
        ("cloudtrail.amazonaws.com", "UpdateTrail"),
        ("config.amazonaws.com", "DeleteConfigurationRecorder"),
        ("config.amazonaws.com", "DeleteDeliveryChannel"),
        ("config.amazonaws.com", "StopConfigurationRecorder"),
        ("ec2.amazonaws.com", "DeleteFlowLogs"),
        ("guardduty.amazonaws.com", "DeleteDetector"),
        ("guardduty.amazonaws.com", "UpdateDetector"),
        ("logs.amazonaws.com", "DeleteLogGroup"),
        ("organizations.amazonaws.com", "LeaveOrganization"),
        ("route53resolver.amazonaws.com", "DeleteResolverQueryLogConfig"),
    }
)
"""Calls that blind the trail, or what watches it: that they were not somebody's to do always stands."""

ALWAYS: Final[Mapping[Signal, str]] = {
    Signal.BREAK_GLASS: "whoever uses break-glass is heard of, also when it was meant to be used",
    Signal.AWS: "what AWS finds itself is suppressed at AWS, where that leaves a record",
}
"""Signals that no suppression covers, and why. So it is of any finding whose action is `logging`: see `BLINDS`."""

ALWAYS_RULES: Final[Mapping[str, str]] = {
    "b99196cb-a723-4753-b15d-a75bbf9938f8": ALWAYS[Signal.BREAK_GLASS],
    "ff6105cb-7472-4968-8821-27c0e0b23b2e": "watchbill's own objects give and take the access that all else is held to",
    "1743df82-d2cd-4bfe-babd-797878e4f3d2": "who is frozen can do nothing: whatever they did is a way around it",
}
"""Ids of rules of watchbill's own that no suppression covers and nothing makes staged, and why.

So it is of every rule that weighs `{family: action, fact: logging}`."""

_BY_RULES = frozenset({Signal.RULE, Signal.SIGMA})
SIGNALS: Final = frozenset(str(signal) for signal in Signal if signal not in (*ALWAYS, *_BY_RULES))
"""Names of watchbill's own detectors, which a suppression may give as its rule."""


class Happened(Protocol):
    """As much of an event as tells whether a suppression covers it."""

    @property
    def id(self) -> str:
        """Of the event."""

    @property
    def at(self) -> datetime:
        """When it was."""

    @property
    def person(self) -> str | None:
        """Who did it."""

    @property
    def account(self) -> str:
        """Twelve digits."""

    @property
    def source(self) -> str:
        """Of what service, such as `iam.amazonaws.com`."""

    @property
    def name(self) -> str:
        """What was called."""

    @property
    def ip(self) -> str | None:
        """Where from."""


class Acted(Happened, Protocol):
    """An event with the credential that it was done by."""

    @property
    def access_key(self) -> str | None:
        """Id of the access key, that of a session too."""


@dataclass(frozen=True, slots=True)
class Mute:
    """What somebody has proven that it was them."""

    rule: str
    """Id or title of the rule, or the signal: what a finding says of itself."""
    access_key: str
    person: str
    span: Interval


@dataclass(frozen=True, slots=True)
class Seen:
    """An event that was read whole, as `Acted`."""

    id: str
    at: datetime
    person: str | None
    account: str
    source: str
    name: str
    ip: str | None
    access_key: str | None


def seen(attributed: Iterable[Attributed]) -> dict[str, Seen]:
    """Give by id what suppressions ask of events."""
    return {
        each.event.id: Seen(
            each.event.id,
            each.event.at,
            each.actor.person,
            each.event.account,
            each.event.source,
            each.event.name,
            each.event.ip,
            each.event.identity.access_key,
        )
        for each in attributed
    }


class Quieter:
    """Tells what suppressions cover, and counts it."""

    def __init__(
        self,
        team: Team | None,
        rules: LoadedRules,
        freezes: Collection[Freeze] = (),
        opened: Collection[str] = (),
        mutes: Iterable[Mute] = (),
    ) -> None:
        """Take the suppressions of a team file; `opened` are ids of the events that break-glass users did."""
        self._mutes: dict[tuple[str, str], list[Mute]] = {}
        for mute in mutes:
            self._mutes.setdefault((mute.rule, mute.access_key), []).append(mute)
        given = team.alerts.suppress if team else ()
        named = _Names(rules)
        self._ready = [_ready(each, team, named) for each in given] if team else []
        self._counts = [_Count() for _ in given]
        self._judges = frozenset((*team.leads, *team.security_leads)) if team else frozenset[str]()
        self._freezes: dict[str, list[Freeze]] = {}
        for freeze in freezes:
            self._freezes.setdefault(freeze.person, []).append(freeze)
        self._opened = frozenset(opened)
        found = (_name_problem(each, named) for each in given)
        self.problems = tuple(problem for problem in found if problem is not None)
        """Of suppressions that cover nothing, since no rule has that name or no suppression may cover it."""

    @property
    def suppresses(self) -> bool:
        """Tell whether there is anything to suppress."""
        return bool(self._ready or self._mutes)

    def wrong(self, wrong: Wrong) -> bool:
        """Tell whether what was not somebody's to do makes no case; count it where it makes none."""
        if wrong.right is Right.FROZEN or (wrong.source, wrong.name) in BLINDING:
            return False
        return self._covered(None, [wrong], 0)

    def finding(self, finding: Finding, events: Sequence[Acted], more: int = 0) -> bool:
        """Tell whether a finding makes no case; count its events where it makes none.

        `events` are all that it cites; `more` is how many it counts besides and does not name.
        """
        if always(finding) is not None or finding.person in self._judges:
            return False
        return self._covered(finding, events, more) or self._muted(finding, events, more)

    def suppressed(self) -> tuple[Suppressed, ...]:
        """Give what each suppression covered so far, in the order of the file."""
        return tuple(
            Suppressed(ready.of, len(count.ids) + count.more, count.first, count.last)
            for ready, count in zip(self._ready, self._counts, strict=True)
        )

    def _covered(self, finding: Finding | None, events: Sequence[Happened], more: int) -> bool:
        if not self._ready or not events or any(map(self._stands, events)):
            return False
        covering = [
            count
            for ready, count in zip(self._ready, self._counts, strict=True)
            if (not more or ready.by_rule_alone) and all(ready.covers(finding, event) for event in events)
        ]
        for count in covering:
            count.add(events, more)
        return bool(covering)

    def _muted(self, finding: Finding, events: Sequence[Acted], more: int) -> bool:
        """Tell whether every event of a finding was done by a credential whose person has proven that it was them."""
        if more or not self._mutes or finding.facts.get("action") in LASTING or any(map(self._stands, events)):
            return False
        return bool(events) and all(self._is_muted(rule_of(finding), event) for event in events)

    def _is_muted(self, rule: str, event: Acted) -> bool:
        mutes = self._mutes.get((rule, event.access_key or ""), ())
        return any(mute.person == event.person and event.at in mute.span for mute in mutes)

    def _stands(self, event: Happened) -> bool:
        if event.id in self._opened or event.person in self._judges:
            return True
        return any(freeze.end is None or event.at < freeze.end for freeze in self._freezes.get(event.person or "", ()))


def rule_of(finding: Finding) -> str:
    """Name what found something: the rule, else the signal."""
    return finding.rule or str(finding.signal)


def always(finding: Finding) -> str | None:
    """Say why a finding is never suppressed; None where it may be."""
    if finding.facts.get("action") == "logging":
        return BLINDS
    return ALWAYS.get(finding.signal) or ALWAYS_RULES.get(finding.rule or "")


def quieted(
    wrongs: Iterable[Wrong], findings: Iterable[Finding], quieter: Quieter, events: Mapping[str, Acted]
) -> tuple[list[Wrong], list[Finding]]:
    """Give what may make a case. A finding stands where `events` has not every event it cites."""
    return (
        [wrong for wrong in wrongs if not quieter.wrong(wrong)],
        [
            finding
            for finding in findings
            if not all(each in events for each in finding.event_ids)
            or not quieter.finding(finding, [events[each] for each in finding.event_ids])
        ],
    )


def stale(found: Iterable[Suppressed], at: datetime, since: datetime | None = None) -> tuple[Problem, ...]:
    """Tell at an instant which suppressions should go; `since` is from when on events were held against them."""
    problems: list[Problem] = []
    for each in found:
        of, end = each.suppression, _end(each.suppression)
        said = describe(of)
        if at >= end:
            problems.append(Problem.at("suppression-ended", f"{said} ended on {of.until}", of.where))
        elif at < end - YEAR:
            message = f"{said} covers nothing before {end - YEAR:%Y-%m-%d}: it does so for a year at most"
            problems.append(Problem.at("suppression-too-long", message, of.where))
        elif since is not None and max(since, each.last or since, end - YEAR) <= at - IDLE:
            message = f"{said} covered nothing for {IDLE.days} days"
            problems.append(Problem.at("suppression-idle", message, of.where))
    return tuple(problems)


def describe(of: Suppression) -> str:
    """Name a suppression by its conditions."""
    said = [
        f"{key} `{value}`"
        for key, value in (
            ("rule", of.rule),
            ("person", of.person),
            ("network", of.network),
            ("account", of.account),
            ("action", of.action),
        )
        if value is not None
    ]
    return f"suppression of {', '.join(said)}"


def staged_as(loaded: LoadedRules, stages: Iterable[Stage]) -> LoadedRules:
    """Give the rules with the stages that a team file says; what it cannot say is among the problems.

    Correlations count the same rules as before.
    """
    named, problems, live = _Names(loaded), list[Problem](), dict[int, bool]()
    for stage in stages:
        found = named.rules(stage.rule)
        if not found and named.loaded and stage.rule.casefold() not in named.failed:
            problems.append(Problem.at("unknown-rule", f"no rule is called `{stage.rule}`", stage.where))
        for rule in found:
            problem = _stage_problem(rule, stage, live)
            if problem is not None:
                problems.append(Problem.at("stage", problem, stage.where))
            # Where two say otherwise of one rule, it is live.
            if problem is None or stage.live:
                live[id(rule)] = stage.live
    made: dict[int, Rule | Correlation] = {}
    rules = tuple(_kept(rule, _staged(rule, live), made) for rule in loaded.rules)
    correlations = []
    for correlation in loaded.correlations:
        # A correlation finds its members by which object they are: they must be those that were made here.
        members = tuple(made.get(id(member), member) for member in correlation.members)
        staged = replace(_staged(correlation, live), members=members)
        correlations.append(_kept(correlation, staged, made))
    return replace(loaded, rules=rules, correlations=tuple(correlations), problems=(*loaded.problems, *problems))


AnyRule = TypeVar("AnyRule", Rule, Correlation)


def _staged(rule: AnyRule, live: Mapping[int, bool]) -> AnyRule:
    return replace(rule, block=replace(rule.block, live=live.get(id(rule), rule.block.live)))


def _kept(rule: Rule | Correlation, staged: AnyRule, made: dict[int, Rule | Correlation]) -> AnyRule:
    made[id(rule)] = staged
    return staged


def _stage_problem(rule: Rule | Correlation, stage: Stage, live: Mapping[int, bool]) -> str | None:
    why = ALWAYS_RULES.get(rule.id or "")
    if rule.block.facts.get("action") == "logging":
        why = BLINDS
    if why is not None and rule.block.live and not stage.live:
        return f"`{rule.title}` stays live: {why}"
    if not rule.alerts:
        return f"`{rule.title}` is only counted by others, so that its stage says nothing"
    if live.get(id(rule), stage.live) is not stage.live:
        return f"`{rule.title}` is said to be live and staged: it is live"
    return None


class _Names:
    """Rules by the names that a team file may give them: id or title, without regard to case."""

    def __init__(self, loaded: LoadedRules) -> None:
        self.loaded = bool(loaded.rules or loaded.correlations or loaded.failed)
        """Whether any were; without them nobody can tell which there are."""
        self.failed = {name.casefold() for each in loaded.failed for name in (each.id, each.title) if name}
        self._named: dict[str, list[Rule | Correlation]] = {}
        every: list[Rule | Correlation] = [*loaded.rules, *loaded.correlations]
        for rule in every:
            for name in dict.fromkeys((rule.id or rule.title, rule.title)):
                self._named.setdefault(name.casefold(), []).append(rule)

    def rules(self, name: str) -> Sequence[Rule | Correlation]:
        """Give the rules of a name; several may have one title."""
        return self._named.get(name.casefold(), ())


def _name_problem(of: Suppression, named: _Names) -> Problem | None:
    """Tell of a suppression by rule that covers nothing for its name."""
    if of.rule is None or of.rule in SIGNALS:
        return None
    found = named.rules(of.rule)
    for rule in found:
        logs = rule.block.facts.get("action") == "logging"
        why = BLINDS if logs else ALWAYS_RULES.get(rule.id or "")
        if why is not None:
            return Problem.at("never-suppressed", f"`{rule.title}` is never suppressed: {why}", of.where)
    if of.rule in ALWAYS:
        return Problem.at("never-suppressed", f"`{of.rule}` is never suppressed: {ALWAYS[Signal(of.rule)]}", of.where)
    if found or not named.loaded or of.rule.casefold() in named.failed:
        return None
    return Problem.at("unknown-rule", f"no rule is called `{of.rule}`", of.where)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A suppression, its names looked up."""

    of: Suppression
    span: Interval
    rules: frozenset[str] | None
    """What findings of its rule say of it; None for all, and for what no rule found."""
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    number: str | None
    """The account's."""
    action: str | None

    @property
    def by_rule_alone(self) -> bool:
        """Tell whether it asks nothing of single events."""
        return self.of == replace(self.of, person=None, network=None, account=None, action=None)

    def covers(self, finding: Finding | None, event: Happened) -> bool:
        """Tell whether all its conditions hold of an event, and of the finding that cites it."""
        if self.rules is not None and (finding is None or rule_of(finding) not in self.rules):
            return False
        return (
            event.at in self.span
            and (self.of.person is None or event.person == self.of.person)
            and (self.number is None or event.account == self.number)
            and (self.network is None or _lies_in(event.ip, self.network))
            and (self.action is None or glob_matches(self.action, _call(event)))
        )


def _ready(of: Suppression, team: Team, named: _Names) -> _Ready:
    rules = None
    if of.rule is not None:
        rules = frozenset({of.rule} & SIGNALS | {rule.id or rule.title for rule in named.rules(of.rule)})
    return _Ready(
        of,
        Interval(_end(of) - YEAR, _end(of)),
        rules,
        None if of.network is None else ipaddress.ip_network(of.network),
        None if of.account is None else team.accounts[of.account].number,
        None if of.action is None else of.action.lower(),
    )


def _end(of: Suppression) -> datetime:
    return datetime.combine(of.until, time(), UTC)


def _call(event: Happened) -> str:
    """Name what was called as a case does, in lower case."""
    return f"{event.source.removesuffix('.amazonaws.com')}:{event.name}".lower()


@lru_cache(maxsize=65536)
def _lies_in(ip: str | None, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    address = address_of(ip)
    return address is not None and address in network


@dataclass(slots=True)
class _Count:
    """What a suppression covered so far."""

    ids: set[str] = field(default_factory=set)
    more: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, events: Sequence[Happened], more: int) -> None:
        """Count events; one that counts twice, as a finding and as a judgement, is one."""
        self.ids.update(event.id for event in events)
        self.more += more
        times = [event.at for event in events]
        self.first = min(times if self.first is None else [self.first, *times])
        self.last = max(times if self.last is None else [self.last, *times])
