"""Suppressions in an audit: what makes no case is told, what is alike hushes nothing else, and storms stay small."""

from datetime import timedelta

from tests.teams import DAY, team
from tests.trails import after, reading, record, user
from tests.unit.alerts.records import HOME, OFFICE, audited, made_key
from tests.unit.alerts.test_noise import LOUD, NIGHT, STORM, of, reboot, size, suppression

from watchbill.access.model import Freeze
from watchbill.alerts.audit import audit
from watchbill.detect.sigma import load


RUN = LOUD.replace("RebootDBInstance", "RunInstances")
MANY = """\
title: Many
level: high
correlation: {type: event_count, rules: [r], group-by: [wb.person], timespan: 10m, condition: {gte: 3}}
watchbill: {stage: live}
---
title: R
name: r
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: RunInstances}, condition: s}
"""


def ran(event_id, at, ip=HOME):
    """Make the record of an instance that ada started."""
    return record("ec2:RunInstances", user("ada"), at, eventID=event_id, sourceIPAddress=ip)


def rules_of(found):
    """Give the rules whose findings are in cases, with the events they cite."""
    return [(each.rule, each.event_ids) for case in found.cases for each in case.findings if each.rule]


def test_what_is_suppressed_makes_no_case_and_is_told():
    """With how much it was, and when."""
    found = audit(reading(reboot(0)), of(suppression(person="james")))
    assert found.cases == ()
    assert [(told.events, told.first, told.last) for told in found.suppressed] == [(1, NIGHT, NIGHT)]


def test_what_a_frozen_person_did_makes_a_case_all_the_same():
    """The freezes of the audit are known to it."""
    frozen = (Freeze("F-1", "james", NIGHT + DAY, None, None),)
    assert audit(reading(reboot(0)), of(suppression(person="james")), freezes=frozen).cases


def test_the_first_of_what_is_alike_does_not_hush_the_others():
    """From one network it is suppressed; from another, an hour later, it is the same rule and person, and stands."""
    trail = [ran("a", after(12)), ran("b", after(13)), ran("c", after(14), OFFICE)]
    loud = of(suppression(network="198.51.100.0/24", rule="Reboot"))
    found = audit(reading(*trail), loud, load(RUN, "r.yml"))
    assert [ids for _, ids in rules_of(found)] == [("c",)]
    assert [told.events for told in found.suppressed] == [2]


def test_an_alert_is_suppressed_where_all_its_events_are_and_it_counts_no_more():
    """One more from elsewhere while it lasts, and it stands."""
    rules, loud = load(MANY, "m.yml"), of(suppression(rule="Many", network="198.51.100.0/24"))
    trail = [ran(f"{n}", after(12) + n * timedelta(minutes=1)) for n in range(3)]
    assert "Many" in dict(rules_of(audit(reading(*trail), team(), rules)))
    assert "Many" not in dict(rules_of(audit(reading(*trail), loud, rules)))
    trail.append(ran("x", after(12) + timedelta(minutes=3), OFFICE))
    assert "Many" in dict(rules_of(audit(reading(*trail), loud, rules)))


def test_a_name_that_no_rule_has_is_among_the_problems():
    """Of the audit, where it is read."""
    found = audit(reading(reboot(0)), of(suppression(rule="nope")), load(RUN, "r.yml"))
    assert [problem.code for problem in found.problems] == ["unknown-rule"]


def test_a_storm_of_what_detectors_read_whole_is_one_case_of_bounded_size():
    """Each of them is counted, and few are shown."""
    keys = [made_key("ada", NIGHT + n * timedelta(milliseconds=300), eventID=f"k{n}") for n in range(STORM)]
    (case,) = audited(*keys).cases
    assert len(case.evidence) < 500
    assert size(case) < 400_000
    assert case.more + sum(bool(each.note) for each in case.evidence) == STORM
