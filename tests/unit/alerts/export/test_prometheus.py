"""Counts for Prometheus, read back by its own parser."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.alerts.export.samples import AT, kept

from watchbill.alerts.export.prometheus import Figures, prometheus, rule_label


def samples(text):
    """Give each sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def cases_of(found, **labels):
    """Count cases by their labels."""
    return found["watchbill_cases", tuple(sorted(labels.items()))]


def test_cases_are_counted_by_what_they_are():
    """Open and closed; what there is none of is zero, and the oldest that waits is told."""
    every = [kept(), kept(), kept(status="closed", opened=AT - timedelta(days=3)), kept(kind="sign-in", severity="low")]
    found = samples(prometheus(every, AT + timedelta(hours=2)))
    assert cases_of(found, severity="high", kind="action", status="open") == 2
    assert cases_of(found, severity="high", kind="action", status="closed") == 1
    assert cases_of(found, severity="low", kind="sign-in", status="open") == 1
    assert cases_of(found, severity="critical", kind="gap", status="open") == 0
    assert found["watchbill_oldest_open_case_age_seconds", ()] == 7200


def test_what_was_not_counted_is_not_said():
    """Zero would be a claim."""
    names = {name for name, _ in samples(prometheus([], AT))}
    assert names == {"watchbill_cases", "watchbill_oldest_open_case_age_seconds"}


def test_what_a_pass_counted():
    """Rights, rules, what is staged, and until when the trail is whole."""
    figures = Figures({"entitled": 5, "off shift": 2}, {"Root used": 3, "root USED": 1}, 7, AT)
    found = samples(prometheus([], AT, figures))
    assert found["watchbill_events_judged_total", (("right", "entitled"),)] == 5
    assert found["watchbill_rule_hits_total", (("rule", "root-used"),)] == 4
    assert found["watchbill_staged_hits_total", ()] == 7
    assert found["watchbill_data_complete_to_timestamp_seconds", ()] == AT.timestamp()


@given(st.text(), st.text(), st.text(), st.text())
def test_no_label_is_a_strangers_choice(person, kind, status, rule):
    """Words of ours, or `other`; a rule is letters, digits and dashes."""
    case = kept(status=status, person=person, kind=kind, severity=kind, sentence=person)
    found = samples(prometheus([case], AT, Figures({status: 1}, {rule: 1})))
    for _, labels in found:
        for _, value in labels:
            assert value.replace(" ", "").replace("-", "").isalnum(), value
            assert len(value) <= 60
    assert sum(value for (name, _), value in found.items() if name == "watchbill_cases") == 1


def test_rules_are_named_by_what_is_harmless_in_their_title():
    """A rule whose title has nothing of that has a name all the same."""
    assert rule_label("Root <b>used</b>\n") == "root-b-used-b"
    assert rule_label("4976f7b1-0000-4000-8000-000000000000") == "4976f7b1-0000-4000-8000-000000000000"
    assert len(rule_label("\u202e!!")) == 12
