"""Noise: what suppressions take out and count, what always stands, whom quiet hours let sleep, and which rule is live."""

import ipaddress
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import DAY, PRODUCTION, STAGING, team
from tests.trails import after, reading, record, user
from tests.unit.alerts.records import AWAY, HOME, audited, seen, signed_in

from watchbill.access.model import Freeze
from watchbill.alerts.audit import NO_RULES, Asked, Held, audit, audit_events, judgements
from watchbill.alerts.model import Suppressed
from watchbill.alerts.noise import (
    ALWAYS,
    ALWAYS_RULES,
    IDLE,
    YEAR,
    Mute,
    Quieter,
    Seen,
    always,
    describe,
    quieted,
    staged_as,
    stale,
)
from watchbill.alerts.noise import seen as seen_of
from watchbill.alerts.plain import view
from watchbill.alerts.quiet import wakes_at
from watchbill.alerts.sittings import Wrong, wrong_of
from watchbill.detect.baseline import Baseline
from watchbill.detect.model import Finding, Severity, Signal
from watchbill.detect.sigma import Correlator, load, load_all
from watchbill.detect.signin import sign_in_findings
from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.judge.model import Right
from watchbill.team.model import Alerts, QuietHours, Restriction, Stage, Suppression


UNTIL = date(2026, 2, 1)
END = datetime(2026, 2, 1, tzinfo=UTC)
NIGHT = after(27)
"""James is off shift, and Priya is on call."""
MOMENT = timedelta(microseconds=1)
RULE = "0f06a3a5-6a09-413f-8743-e6cf35561297"


def suppression(until=UNTIL, reason="a job", line=1, **conditions):
    """Make a suppression of what is given."""
    asked = dict.fromkeys(("rule", "person", "network", "account", "action")) | conditions
    return Suppression(**asked, until=until, reason=reason, where=Location("watchbill.yaml", line))


def of(*suppressions, **more):
    """Make the team with suppressions."""
    return replace(team(), alerts=Alerts(suppressions), **more)


def quieter(*suppressions, rules=NO_RULES, freezes=(), opened=(), **more):
    """Make what tells what suppressions cover."""
    return Quieter(of(*suppressions, **more), rules, freezes, opened)


def wrong(
    at=NIGHT,
    person="james",
    name="RebootDBInstance",
    right=Right.OFF_SHIFT,
    event_id="e1",
    account=PRODUCTION,
    source="rds.amazonaws.com",
    ip=HOME,
):
    """Make something that was not somebody's to do."""
    return Wrong(event_id, at, person, account, source, name, None, ip, None, right)


def finding(*events, signal=Signal.NO_MFA, person="james", rule=None, facts=None):
    """Make a finding about events."""
    times = [event.at for event in events]
    ids = tuple(event.id for event in events)
    return Finding(signal, "title", Severity.HIGH, person, None, ids, min(times), max(times), facts or {}, rule=rule)


def taken(wrongs, findings, asked, events=()):
    """Give the ids of what is taken out: of judgements, and of findings by their first event."""
    known = {event.id: event for event in [*wrongs, *events]}
    left, stand = quieted(wrongs, findings, asked, known)
    return (
        [each.id for each in wrongs if each not in left],
        [each.event_ids for each in findings if each not in stand],
    )


# --- Suppressions ---------------------------------------------------------------------------------

TIMES = [END - YEAR - MOMENT, END - YEAR, END - YEAR + DAY, END - DAY, END - MOMENT, END, END + DAY - MOMENT, END + DAY]
IPS = ["192.0.2.0", "192.0.2.127", "192.0.2.128", "::ffff:192.0.2.1", "2001:db8::1", "ec2.amazonaws.com", "", None]
EVENTS = st.builds(
    Seen,
    st.sampled_from("abcdefgh"),
    st.sampled_from(TIMES),
    st.sampled_from(["james", "rick", None]),
    st.sampled_from([PRODUCTION, STAGING, "999999999999", ""]),
    st.sampled_from(["iam.amazonaws.com", "sts.amazonaws.com", "iam.example.com"]),
    st.sampled_from(["CreateUser", "CREATEUSER", "CreateUserX", "DeleteUser"]),
    st.sampled_from(IPS),
)
SUPPRESSIONS = st.lists(
    st.builds(
        suppression,
        until=st.sampled_from([UNTIL, UNTIL + DAY, UNTIL + YEAR]),
        rule=st.sampled_from([None, None, RULE, "Some Rule", "no-mfa"]),
        person=st.sampled_from([None, "james", "rick"]),
        network=st.sampled_from([None, None, "192.0.2.0/25", "192.0.2.0/24", "2001:db8::/32"]),
        account=st.sampled_from([None, "production", "staging"]),
        action=st.sampled_from([None, "iam:CreateUser", "iam:Create*", "iam:*User", "iam:?reateuser"]),
    ),
    max_size=4,
)
LOADED = load(
    f"title: some rule\nid: {RULE}\nlogsource: {{product: aws, service: cloudtrail}}\n"
    "detection: {s: {eventName: X}, condition: s}\n",
    "r.yml",
)


def plainly(each, event, found=None):
    """Tell whether a suppression covers an event, by the day of the event and one condition after the other."""
    if each.rule is not None:
        said = None if found is None else found.rule or str(found.signal)
        if said != {RULE: RULE, "Some Rule": RULE, "no-mfa": "no-mfa"}[each.rule]:
            return False
    day = event.at.astimezone(UTC).date()
    if day >= each.until or day < each.until - timedelta(days=366):
        return False
    if each.person is not None and each.person != event.person:
        return False
    if each.account is not None and event.account != {"production": PRODUCTION, "staging": STAGING}[each.account]:
        return False
    if each.network is not None:
        ip = {"::ffff:192.0.2.1": "192.0.2.1", "ec2.amazonaws.com": "", None: ""}.get(event.ip, event.ip)
        if not ip or ipaddress.ip_address(ip) not in ipaddress.ip_network(each.network):
            return False
    if each.action is not None:
        pattern = each.action.replace("*", ".*").replace("?", ".")
        called = event.source.replace(".amazonaws.com", "") + ":" + event.name
        return re.fullmatch(pattern, called, re.IGNORECASE) is not None
    return True


@given(SUPPRESSIONS, st.lists(EVENTS, max_size=8, unique_by=lambda event: event.id))
def test_what_was_not_theirs_is_taken_out_where_a_suppression_covers_it(suppressions, events):
    """By the plain program: nothing else is, nothing is lost, and each suppression counts what it covers."""
    wrongs = [wrong(e.at, e.person, e.name, event_id=e.id, account=e.account, source=e.source, ip=e.ip) for e in events]
    asked = quieter(*suppressions, rules=LOADED)
    left, _ = quieted(wrongs, [], asked, {})
    assert left == [each for each in wrongs if not any(plainly(s, each) for s in suppressions)]
    for each, told in zip(suppressions, asked.suppressed(), strict=True):
        times = [found.at for found in wrongs if plainly(each, found)]
        ends = (min(times), max(times)) if times else (None, None)
        assert told == Suppressed(each, len(times), *ends)


@given(
    SUPPRESSIONS,
    st.lists(EVENTS, min_size=1, max_size=8, unique_by=lambda event: event.id),
    st.lists(st.tuples(st.sets(st.integers(0, 7), min_size=1, max_size=3), st.sampled_from([RULE, None, "other"]))),
)
def test_a_finding_is_taken_out_where_one_suppression_covers_all_its_events(suppressions, events, cited):
    """Two that cover half of it each do not; an event that two findings cite is counted once."""
    findings = [
        finding(*[events[n % len(events)] for n in sorted(numbers)], rule=rule, person=None) for numbers, rule in cited
    ]
    known = {event.id: event for event in events}
    asked = quieter(*suppressions, rules=LOADED)
    _, stand = quieted([], findings, asked, known)

    def covers(each, found):
        return all(plainly(each, known[event_id], found) for event_id in found.event_ids)

    assert stand == [each for each in findings if not any(covers(s, each) for s in suppressions)]
    for each, told in zip(suppressions, asked.suppressed(), strict=True):
        ids = {event_id for found in findings if covers(each, found) for event_id in found.event_ids}
        assert told.events == len(ids)


@pytest.mark.parametrize(
    ("at", "covered"),
    [(END - MOMENT, True), (END, False), (END - YEAR, True), (END - YEAR - MOMENT, False)],
)
def test_it_ends_at_the_midnight_with_which_its_date_begins_and_reaches_back_a_year(at, covered):
    """An end far away covers nothing now: nobody suppresses for ever."""
    assert quieter(suppression(person="james")).wrong(wrong(at)) is covered


def test_an_event_is_held_against_it_in_whatever_zone_its_time_is_written():
    """The instant counts."""
    zone = ZoneInfo("Pacific/Kiritimati")
    asked = quieter(suppression(person="james"))
    assert asked.wrong(wrong((END - MOMENT).astimezone(zone)))
    assert not asked.wrong(wrong(END.astimezone(zone)))


def test_a_burst_that_lasts_beyond_the_end_stands():
    """One of its events is not covered."""
    events = [wrong(END - MOMENT, event_id="a"), wrong(END, event_id="b")]
    assert not quieter(suppression(person="james")).finding(finding(*events), events)


def test_a_finding_whose_events_are_not_known_stands():
    """What cannot be told does not hold."""
    event = wrong()
    asked = quieter(suppression(person="james"))
    assert taken([], [finding(event)], asked) == ([], [])
    assert taken([], [finding(event)], asked, [event]) == ([], [("e1",)])
    assert not asked.finding(replace(finding(event), event_ids=()), [])


def test_what_a_finding_counts_and_does_not_name_is_covered_by_a_rule_alone():
    """The others may be of anybody, and from anywhere."""
    event = wrong()
    found = finding(event, signal=Signal.RULE, rule=RULE)
    assert not quieter(suppression(rule=RULE, person="james"), rules=LOADED).finding(found, [event], 1)
    assert quieter(suppression(rule=RULE, person="james"), rules=LOADED).finding(found, [event], 0)
    asked = quieter(suppression(rule=RULE), rules=LOADED)
    assert asked.finding(found, [event], 4999)
    assert asked.suppressed()[0].events == 5000


def test_one_that_counts_twice_is_counted_once():
    """As a judgement and as a finding; a suppression behind another one counts too, so that either may go."""
    event = wrong()
    asked = quieter(suppression(person="james"), suppression(account="production"))
    assert taken([event], [finding(event)], asked) == (["e1"], [("e1",)])
    assert [each.events for each in asked.suppressed()] == [1, 1]


def test_the_name_of_a_rule_covers_what_it_found_and_no_judgement():
    """That it was not theirs to do is no rule's finding."""
    event = wrong()
    for name in (RULE, RULE.upper(), "some rule", "SOME RULE"):
        asked = quieter(suppression(rule=name), rules=LOADED)
        assert taken([event], [finding(event, signal=Signal.RULE, rule=RULE)], asked) == ([], [("e1",)])
        assert asked.problems == ()
        assert not asked.finding(finding(event), [event])


def test_the_detectors_are_named_by_their_signals():
    """They have no rule file."""
    event = wrong()
    asked = quieter(suppression(rule="no-mfa"))
    assert asked.finding(finding(event), [event])
    assert not asked.finding(finding(event, signal=Signal.SPRAY, person=None), [event])
    assert asked.problems == ()


def test_a_rule_of_no_such_name_is_said():
    """A slip in the name must not look like quiet; where no rules were given nobody can tell."""
    named = suppression(rule="no such rule", line=7)
    (problem,) = quieter(named, rules=LOADED).problems
    assert str(problem) == "watchbill.yaml:7:1 no rule is called `no such rule`"
    assert quieter(named).problems == ()
    failed = load(
        "title: no such rule\nlogsource: {product: aws}\ndetection: {s: {a|nonsense: 1}, condition: s}\n", "r"
    )
    assert failed.failed
    assert quieter(named, rules=failed).problems == ()


def test_with_no_team_file_nothing_is_suppressed():
    """There is none to say it."""
    asked = Quieter(None, NO_RULES)
    assert (asked.wrong(wrong()), asked.suppressed()) == (False, ())


# --- What always stands ---------------------------------------------------------------------------

ALL = [suppression(person=name) for name in ("james", "sofia", "rick")] + [
    suppression(account="production"),
    suppression(network="198.51.100.0/24"),
    suppression(action="cloudtrail:*"),
]


@pytest.mark.parametrize("signal", sorted(ALWAYS))
def test_some_signals_stand_whatever_is_said(signal):
    """Break-glass, a blinded trail, and what AWS found."""
    event = wrong()
    assert not quieter(*ALL).finding(finding(event, signal=signal), [event])
    assert always(finding(event, signal=signal)) == ALWAYS[signal]


@pytest.mark.parametrize("rule", sorted(ALWAYS_RULES))
def test_some_rules_stand_whatever_is_said(rule):
    """Break-glass by name, watchbill's own objects, and what a frozen person could do."""
    event = wrong()
    assert not quieter(*ALL).finding(finding(event, signal=Signal.RULE, rule=rule), [event])


def test_a_rule_about_the_trail_stands_whatever_is_said():
    """Whoever wrote it, and whatever it is called."""
    event = wrong()
    found = finding(event, signal=Signal.RULE, rule="x", facts={"action": "logging"})
    assert not quieter(*ALL).finding(found, [event])
    assert quieter(*ALL).finding(replace(found, facts={"action": "read"}), [event])
    assert not quieter(*ALL).wrong(wrong(name="StopLogging", source="cloudtrail.amazonaws.com"))
    assert quieter(*ALL).wrong(wrong(name="ListTrails", source="cloudtrail.amazonaws.com"))


def test_naming_what_always_stands_is_said():
    """So that nobody believes that it is suppressed."""
    text = LOADED.rules[0]
    logs = replace(LOADED, rules=(replace(text, block=replace(text.block, facts={"action": "logging"})),))
    ours = replace(LOADED, rules=(replace(text, id=min(ALWAYS_RULES)),))
    for rule, rules in ((RULE, logs), ("some rule", logs), ("some rule", ours), ("break-glass", NO_RULES)):
        (problem,) = quieter(suppression(rule=rule), rules=rules).problems
        assert "is never suppressed: " in str(problem)
    assert always(finding(wrong())) is None


def test_whoever_judges_others_is_never_suppressed():
    """Named or not, by any of their events, and also where a finding is about them."""
    event = wrong(person="sofia")
    for more in ({"leads": ("sofia",)}, {"leads": (), "security_leads": ("sofia",)}):
        asked = quieter(*ALL, **more)
        assert not asked.wrong(event)
        assert not asked.finding(finding(event, person=None), [event])
        assert not asked.finding(finding(wrong(), person="sofia"), [wrong()])
        both = [wrong(event_id="a"), wrong(person="sofia", event_id="b")]
        assert not asked.finding(finding(*both, person=None), both)
    assert quieter(*ALL, leads=()).wrong(event)


@pytest.mark.parametrize(
    ("start", "end", "covered"),
    [
        (NIGHT - DAY, None, False),
        (NIGHT - DAY, NIGHT + MOMENT, False),
        (NIGHT - DAY, NIGHT, True),
        (NIGHT + DAY, None, False),
    ],
)
def test_whoever_is_frozen_or_yet_to_be_stands(start, end, covered):
    """What they did before is what must be looked at now; once a freeze is over, all is as it was."""
    asked = quieter(*ALL, freezes=[Freeze("F-1", "james", start, end, None)])
    assert asked.wrong(wrong()) is covered
    assert asked.finding(finding(wrong()), [wrong()]) is covered
    assert asked.wrong(wrong(person="rick"))


def test_what_a_frozen_person_could_do_stands_though_the_freeze_is_not_known():
    """The judgement says it."""
    assert not quieter(*ALL).wrong(wrong(right=Right.FROZEN))


def test_what_a_break_glass_user_did_stands():
    """Whatever else was found in it."""
    asked = quieter(*ALL, opened={"e1"})
    assert not asked.wrong(wrong(person=None))
    assert not asked.finding(finding(wrong(), person=None), [wrong()])
    assert asked.wrong(wrong(event_id="e2"))


def test_findings_of_a_trail_are_held_against_what_was_read():
    """The whole way: detectors over records, then suppressions over what they found."""
    attributed = seen([signed_in("ada", NIGHT, HOME, mfa="No"), signed_in("ada", NIGHT + DAY, AWAY, mfa="No")])
    findings = list(sign_in_findings(attributed, Baseline(team())))
    assert len(findings) == 2
    asked = quieter(suppression(action="signin:ConsoleLogin", network="198.51.100.0/24", person="ada"))
    _, stand = quieted([], findings, asked, seen_of(attributed))
    assert [each.first for each in stand] == [NIGHT + DAY]


# --- What should go -------------------------------------------------------------------------------


def test_what_should_go_is_told():
    """What ended, what is further off than a year, and what covers nothing any more."""
    one = suppression(person="james", line=3)
    nothing = Suppressed(one, 0, None, None)
    long = "suppression of person `james`"

    def told(each, at, since=None):
        return [str(problem) for problem in stale([each], at, since)]

    assert told(nothing, END) == [f"watchbill.yaml:3:1 {long} ended on 2026-02-01"]
    assert told(nothing, END - MOMENT) == []
    assert told(nothing, END - YEAR - MOMENT) == [
        f"watchbill.yaml:3:1 {long} covers nothing before 2025-01-31: it does so for a year at most"
    ]
    idle = [f"watchbill.yaml:3:1 {long} covered nothing for 30 days"]
    at = END - DAY
    assert told(nothing, at, at - IDLE) == idle
    assert told(nothing, at, at - IDLE + MOMENT) == []
    assert told(Suppressed(one, 1, at - 2 * IDLE, at - IDLE), at, at - 3 * IDLE) == idle
    assert told(Suppressed(one, 1, at - 2 * IDLE, at - IDLE + MOMENT), at, at - 3 * IDLE) == []
    begun = END - YEAR + IDLE
    assert told(nothing, begun, begun - 2 * IDLE) == idle
    assert told(nothing, begun - MOMENT, begun - 2 * IDLE) == []


def test_a_suppression_is_named_by_its_conditions():
    """All of them, as the file has them."""
    every = suppression(rule="r", person="p", network="n", account="a", action="c")
    assert describe(every) == "suppression of rule `r`, person `p`, network `n`, account `a`, action `c`"


# --- Quiet hours ----------------------------------------------------------------------------------


def quiet(start, end, zone="Europe/London", days=range(7), below="high"):
    """Make quiet hours."""
    return QuietHours(zone, Restriction(frozenset(days), start, end), below)


def at(text):
    """Read an instant."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("raised", "wakes"),
    [
        ("2026-01-12T21:59:59.999999+00:00", "2026-01-12T21:59:59.999999+00:00"),
        ("2026-01-12T22:00:00+00:00", "2026-01-13T07:00:00+00:00"),
        ("2026-01-13T06:59:59.999999+00:00", "2026-01-13T07:00:00+00:00"),
        ("2026-01-13T07:00:00+00:00", "2026-01-13T07:00:00+00:00"),
        # The clocks go forward at 01:00 UTC: the night is eight hours.
        ("2026-03-28T22:00:00+00:00", "2026-03-29T06:00:00+00:00"),
        ("2026-03-29T06:00:00+00:00", "2026-03-29T06:00:00+00:00"),
        # And back: it is ten.
        ("2026-10-24T21:00:00+00:00", "2026-10-25T07:00:00+00:00"),
        ("2026-10-25T06:59:00+00:00", "2026-10-25T07:00:00+00:00"),
    ],
)
def test_quiet_hours_end_by_the_wall_clock(raised, wakes):
    """Also in the nights in which it is changed."""
    assert wakes_at(Severity.MEDIUM, at(raised), quiet(time(22), time(7))) == at(wakes)


def test_what_is_severe_wakes_somebody_at_once():
    """From the severity on that the file names."""
    for below in ("low", "medium", "high", "critical"):
        for severity in Severity:
            found = wakes_at(severity, NIGHT, quiet(time(22), time(7), below=below))
            assert (found == NIGHT) is (severity >= Severity[below.upper()])
    assert wakes_at(Severity.INFO, NIGHT, None) == NIGHT


def test_days_are_those_on_which_the_hours_begin():
    """Friday's night is quiet until Saturday morning, and the next one is not."""
    hours = quiet(time(22), time(7), days=[4])
    assert wakes_at(Severity.LOW, at("2026-01-17T03:00:00+00:00"), hours) == at("2026-01-17T07:00:00+00:00")
    assert wakes_at(Severity.LOW, at("2026-01-18T03:00:00+00:00"), hours) == at("2026-01-18T03:00:00+00:00")
    assert wakes_at(Severity.LOW, at("2026-01-16T03:00:00+00:00"), hours) == at("2026-01-16T03:00:00+00:00")


def test_days_that_follow_each_other_are_one_rest():
    """A weekend is quiet until Monday; six days are until the seventh."""
    weekend = quiet(time(0), time(0), days=[5, 6])
    assert wakes_at(Severity.LOW, at("2026-01-17T00:00:00+00:00"), weekend) == at("2026-01-19T00:00:00+00:00")
    six = quiet(time(9), time(9), days=range(6))
    assert wakes_at(Severity.LOW, at("2026-01-12T09:00:00+00:00"), six) == at("2026-01-18T09:00:00+00:00")
    all_but_a_minute = quiet(time(0), time(23, 59), days=range(7))
    assert wakes_at(Severity.LOW, at("2026-01-12T00:00:00+00:00"), all_but_a_minute) == at("2026-01-12T23:59:00+00:00")


CHANGES = [
    ("Europe/London", "2026-03-28T12:00:00+00:00"),
    ("Europe/London", "2026-10-24T12:00:00+00:00"),
    ("America/Santiago", "2026-04-04T12:00:00+00:00"),
    ("America/Santiago", "2026-09-05T12:00:00+00:00"),
    ("Australia/Lord_Howe", "2026-04-04T00:00:00+00:00"),
    ("Australia/Lord_Howe", "2026-10-03T00:00:00+00:00"),
    ("Pacific/Apia", "2011-12-29T12:00:00+00:00"),
    ("Asia/Kolkata", "2026-01-12T00:00:00+00:00"),
]
CLOCKS = st.sampled_from([time(h, m) for h in (0, 1, 2, 3, 22, 23) for m in (0, 15, 30, 45)])


@given(
    st.sampled_from(CHANGES),
    CLOCKS,
    CLOCKS,
    st.sets(st.integers(0, 6), min_size=1, max_size=6),
    st.integers(0, 36 * 4),
)
def test_the_wake_is_the_first_moment_that_is_not_quiet(change, start, end, days, quarter):
    """By a plain program that walks the clock, a quarter of an hour at a time, through nights in which it changes."""
    zone, noon = change
    raised = at(noon) + quarter * timedelta(minutes=15)
    hours = quiet(start, end, zone, days)

    def is_quiet(instant):
        """Tell by the latest time that the wall clock has read: hours that come again are past already."""
        read = (instant - n * timedelta(minutes=15) for n in range(16))
        local = max(each.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for each in read)
        for back in range(3):
            day = local.date() - timedelta(days=back)
            until = day if end > start else day + DAY
            begun, ended = datetime.combine(day, start), datetime.combine(until, end)
            if day.weekday() in days and begun <= local < ended:
                return True
        return False

    expected = raised
    while is_quiet(expected):
        expected += timedelta(minutes=15)
    assert wakes_at(Severity.LOW, raised, hours) == expected
    assert wakes_at(Severity.LOW, expected, hours) == expected


# --- Stages ---------------------------------------------------------------------------------------

PACK = """\
title: Looked {name}
name: {name}
id: 00000000-0000-0000-0000-00000000000{number}
author: somebody
level: medium
logsource: {{product: aws, service: cloudtrail}}
detection:
  s: {{eventName: {call}}}
  condition: s
watchbill: {{stage: {stage}}}
"""
COUNTED = """\
title: Many
name: many
level: high
correlation: {type: event_count, rules: [a, b], group-by: [userIdentity.userName], timespan: 10m, condition: {gte: 2}}
"""
TWICE = """\
title: Twice many
level: high
correlation: {type: event_count, rules: [many], group-by: [userIdentity.userName], timespan: 1d, condition: {gte: 2}}
watchbill: {stage: live}
"""


def pack(stage="staged"):
    """Load two rules, a correlation of them, and one of that."""
    return load_all(
        [
            (PACK.format(name="a", number=1, call="DescribeInstances", stage=stage), "a.yml"),
            (PACK.format(name="b", number=2, call="DescribeVpcs", stage=stage), "b.yml"),
            (COUNTED, "c.yml"),
            (TWICE, "t.yml"),
        ]
    )


def stage(rule, *, live=True, line=1):
    """Say a rule's stage."""
    return Stage(rule, live, Location("watchbill.yaml", line))


LOOKS = [
    record(
        f"ec2:{call}", user("james"), after(12) + n * timedelta(hours=2) + m * timedelta(minutes=1), eventID=f"{n}{m}"
    )
    for n in range(3)
    for m, call in enumerate(("DescribeInstances", "DescribeVpcs"))
]


def rules_of(found):
    """Give what opened cases."""
    return sorted({str(each.rule) for case in found.cases for each in case.findings})


def test_a_rule_is_what_the_team_file_says():
    """A staged one opens cases, and a live one none."""
    alone = load(PACK.format(name="a", number=1, call="DescribeInstances", stage="staged"), "a.yml")
    assert audited(*LOOKS, rules=alone).cases == ()
    for name in ("Looked a", "looked A", "00000000-0000-0000-0000-000000000001"):
        live = staged_as(alone, [stage(name)])
        assert rules_of(audited(*LOOKS, rules=live)) == ["00000000-0000-0000-0000-000000000001"]
        assert audited(*LOOKS, rules=staged_as(live, [stage(name, live=False)])).cases == ()


def test_correlations_still_count_their_rules():
    """Of rules, and of correlations: a correlation knows its members by which object they are."""
    plain = rules_of(audited(*LOOKS, rules=pack()))
    assert plain == ["Twice many"]
    assert rules_of(audited(*LOOKS, rules=staged_as(pack(), [stage("Looked a"), stage("Looked b")]))) == plain
    assert audited(*LOOKS, rules=staged_as(pack(), [stage("Twice many", live=False)])).cases == ()


@given(st.lists(st.tuples(st.sampled_from(["Looked a", "Looked b", "Many", "Twice many"]), st.booleans())))
def test_whatever_is_said_of_stages_correlations_alert_as_before(said):
    """The same alerts, of the same events; the members are the rules that are run."""

    def alerts_of(loaded):
        counter = Correlator(loaded.rules, loaded.correlations)
        for each in reading(*LOOKS).events:
            for number, rule in enumerate(loaded.rules):
                if rule.matches(each.record):
                    counter.add_record(number, each.record, int(each.at.timestamp() * 1000), each.id)
        return [(found.correlation.title, found.at_ms, found.event_ids) for found in counter.alerts()]

    loaded = pack()
    made = staged_as(loaded, [stage(name, live=live) for name, live in said])
    assert len(alerts_of(loaded)) == 4
    assert alerts_of(made) == alerts_of(loaded)
    assert [rule.title for rule in made.rules] == [rule.title for rule in loaded.rules]
    assert all(any(member is rule for rule in made.rules) for member in made.correlations[0].members)
    assert made.correlations[1].members[0] is made.correlations[0]


def test_a_name_that_no_rule_has_is_said():
    """At its place in the team file; where no rules were given nobody can tell."""
    made = staged_as(pack(), [stage("No such", line=9)])
    assert [str(problem) for problem in made.problems] == ["watchbill.yaml:9:1 no rule is called `No such`"]
    assert staged_as(NO_RULES, [stage("No such")]).problems == ()


def test_a_rule_that_only_others_count_has_no_stage():
    """It would be told by no case, live or not."""
    made = staged_as(pack(), [stage("Looked a")])
    assert ["only counted by others" in str(problem) for problem in made.problems] == [True]


def test_what_is_said_twice_of_one_rule_is_said_and_live():
    """By its id and by its title: louder is safer."""
    for first in (True, False):
        said = [stage("Twice many", live=first), stage("twice many", live=not first)]
        made = staged_as(pack(), said)
        assert [str(problem) for problem in made.problems] == [
            "watchbill.yaml:1:1 `Twice many` is said to be live and staged: it is live"
        ]
        assert made.correlations[1].block.live


def test_what_is_never_suppressed_is_not_staged_either():
    """A stage would be the other way to hide it; what was staged when it came may be made live."""
    alone = load(PACK.format(name="a", number=1, call="X", stage="live"), "a.yml")
    (rule,) = alone.rules
    logs = replace(alone, rules=(replace(rule, block=replace(rule.block, facts={"action": "logging"})),))
    ours = replace(alone, rules=(replace(rule, id=min(ALWAYS_RULES)),))
    for loaded in (logs, ours):
        made = staged_as(loaded, [stage("Looked a", live=False)])
        assert made.rules[0].block.live
        assert ["stays live" in str(problem) for problem in made.problems] == [True]
        assert staged_as(loaded, [stage("Looked a")]).problems == ()


# --- One case for what is one ---------------------------------------------------------------------

LOUD = """\
title: Reboot
id: 00000000-0000-0000-0000-000000000007
level: high
logsource: {product: aws, service: cloudtrail}
detection:
  s: {eventName: RebootDBInstance}
  condition: s
watchbill:
  stage: live
  dedupe: {by: [wb.person], within: 24h}
"""
STORM = 5000


def reboot(n, who="james", step=1):
    """Make one of many calls that are alike."""
    at_ = NIGHT + n * timedelta(seconds=step)
    return record("rds:RebootDBInstance", user(who), at_, eventID=f"{who}{n}", sourceIPAddress=HOME)


def size(case):
    """Give how many bytes a case is when it is kept."""
    return len(msgspec.json.encode(view(case)))


def test_the_same_again_is_no_second_case():
    """Delivered twice, and found by a rule and by the judge: it is one case with one finding."""
    once = audited(reboot(0), rules=load(LOUD, "r.yml"))
    again = audited(reboot(0), reboot(0), reboot(0), rules=load(LOUD, "r.yml"))
    assert [case.id for case in again.cases] == [case.id for case in once.cases]
    assert [len(case.findings) for case in again.cases] == [1]


@pytest.mark.parametrize("who", ["james", "deploy-bot"])
def test_a_storm_of_one_rule_is_one_case_of_bounded_size(who):
    """Five thousand calls in an hour and a half, of a person and of a machine."""
    (case,) = audited(*(reboot(n, who) for n in range(STORM)), rules=load(LOUD, "r.yml")).cases
    assert [found.title for found in case.findings] == [
        f"Reboot: {case.person or case.principal} did RebootDBInstance, and {STORM - 1} more like it"
    ]
    assert len(case.evidence) <= 100
    assert size(case) < 50_000


def test_a_storm_around_what_counts_once_is_shown_in_part():
    """What merely lies around a case does not grow it."""
    around = [record("ec2:DescribeInstances", user("james"), NIGHT + n * timedelta(seconds=0.3)) for n in range(STORM)]
    (case,) = audited(reboot(600), *around, rules=load(LOUD, "r.yml")).cases
    assert len(case.evidence) <= 100


def test_suppressing_says_nothing_of_who_did_what():
    """The people of the team are counted whole, whatever makes a case."""
    quiet_team = of(suppression(person="james"))
    plain, hushed = audit(reading(reboot(0)), team()), audit(reading(reboot(0)), quiet_team)
    assert plain.people == hushed.people


def test_what_is_not_theirs_is_held_against_suppressions_as_the_judge_says_it():
    """A judgement becomes what counts, and keeps all that a suppression asks."""
    (judged,) = judgements(reading(reboot(0)), team())
    assert judged.right is Right.OFF_SHIFT
    asked = quieter(suppression(person="james", network="198.51.100.0/24", account="production", action="rds:reboot*"))
    assert asked.wrong(wrong_of(judged))
    assert not quieter(suppression(network="192.0.2.0/24")).wrong(wrong_of(judged))


# --- Mutes ----------------------------------------------------------------------------------------

MUTED = Interval(NIGHT, NIGHT + timedelta(hours=1))
MUTES = (Mute(RULE, "ASIA1", "james", MUTED),)


def acted(at=NIGHT, person="james", access_key="ASIA1", event_id="e1"):
    """Make an event that a credential did."""
    return Seen(event_id, at, person, PRODUCTION, "rds.amazonaws.com", "RebootDBInstance", HOME, access_key)


def hush(found, *events, more=0, mutes=MUTES, **team_more):
    """Tell whether a finding is muted."""
    return Quieter(of(**team_more), NO_RULES, mutes=mutes).finding(found, events, more)


@pytest.mark.parametrize(
    ("event", "muted"),
    [
        (acted(), True),
        (acted(NIGHT + timedelta(hours=1) - MOMENT), True),
        (acted(NIGHT + timedelta(hours=1)), False),
        (acted(NIGHT - MOMENT), False),
        (acted(person="rick"), False),
        (acted(access_key="ASIA2"), False),
        (acted(access_key=None), False),
    ],
)
def test_a_mute_covers_one_rule_on_one_credential_in_its_span(event, muted):
    """Nothing else of the person, and nobody else."""
    assert hush(finding(event, rule=RULE), event) is muted
    assert not hush(finding(event, rule="another"), event)
    assert not hush(finding(event), event)


@pytest.mark.parametrize("action", ["persistence", "escalation", "logging"])
def test_what_lasts_is_never_muted(action):
    """Whoever put the mute there."""
    assert not hush(finding(acted(), rule=RULE, facts={"action": action}), acted())
    assert hush(finding(acted(), rule=RULE, facts={"action": "change"}), acted())


def test_a_mute_covers_all_of_a_finding_or_none():
    """One event by another key, or one that is not named, and it is told."""
    both = [acted(), acted(event_id="e2")]
    assert hush(finding(*both, rule=RULE), *both)
    assert not hush(finding(*both, rule=RULE), both[0], acted(event_id="e2", access_key="ASIA2"))
    assert not hush(finding(acted(), rule=RULE), acted(), more=1)
    assert not hush(finding(acted(), rule=RULE, signal=Signal.RULE), acted(), leads=("james",))
    forever = next(iter(ALWAYS_RULES))
    assert not hush(finding(acted(), rule=forever), acted(), mutes=(Mute(forever, "ASIA1", "james", MUTED),))


def test_a_mute_keeps_the_hits_of_a_rule_from_a_case():
    """From the record to the case: the same call by another session of theirs is told."""
    rules = load(
        "title: reboots\nid: 0f06a3a5-0000-409f-8743-e6cf35561297\nlevel: high\n"
        "logsource: {product: aws, service: cloudtrail}\n"
        "detection: {s: {eventName: DescribeInstances}, condition: s}\nwatchbill: {stage: live}\n",
        "r.yml",
    )
    at = after(20)
    records = [record("ec2:DescribeInstances", user("james", key=key), at) for key in ("ASIA1", "ASIA2")]
    mute = Mute("0f06a3a5-0000-409f-8743-e6cf35561297", "ASIA1", "james", Interval(at, at + DAY))
    span = Interval(at, at + DAY)

    def keys(*mutes):
        asked = Asked(rules, mutes=mutes)
        found = audit_events(Held(seen(records)), None, team(), span, asked)
        return [(case.rules, set(case.keys)) for case in found.cases]

    assert keys() == [((mute.rule,), {"ASIA1", "ASIA2"})]
    assert keys(mute) == [((mute.rule,), {"ASIA2"})]
