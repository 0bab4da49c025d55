"""Rules over the batches of a trail: findings of live rules, alerts of correlations, words of staged ones."""

from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import DAY, team
from tests.trails import after, reading, record, user

from watchbill.access.history import declared
from watchbill.alerts.audit import Held, span_of
from watchbill.detect import rules as rules_
from watchbill.detect.baseline import Baseline
from watchbill.detect.rules import RuleRun, wanted_of, words_of
from watchbill.detect.sigma import correlate, load
from watchbill.judge.bulk import judge_batches
from watchbill.trail.attribute import attribute


PACK = load(
    """
title: Made a bucket
id: 00000000-0000-4000-8000-000000000001
author: somebody
level: high
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: CreateBucket}, condition: s}
watchbill:
  stage: live
  ask: "did you make it?"
  dedupe: {by: [wb.person, requestParameters.bucketName], within: 1h}
---
title: Listed
name: listed
level: low
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName|startswith: List}, condition: s}
---
title: Listed often
level: medium
correlation: {type: event_count, rules: [listed], group-by: [userIdentity.userName], timespan: 10m, condition: {gte: 3}}
watchbill: {stage: live}
""",
    "pack.yml",
)


def made(name, minutes, bucket="b", number=0):
    """Make the record of a bucket that was made."""
    at = after(12) + timedelta(minutes=minutes)
    return record(
        "s3:CreateBucket",
        user(name),
        at,
        event_id=f"{name} {minutes} {bucket} {number}",
        requestParameters={"bucketName": bucket},
    )


def listed(name, minutes):
    """Make the record of a look."""
    return record("s3:ListBuckets", user(name), after(12) + timedelta(minutes=minutes), event_id=f"{name} {minutes}")


def run(records, order=None, size=1000, loaded=PACK, *, settles=False):
    """Run rules over records, in batches of some rows in some order; give the run, and what staged rules said."""
    of, found = team(), reading(*records)
    (whole,) = Held(attribute(found.events, of)).batches()
    if order is not None:
        whole = whole.take(pa.array(order, pa.int64()))
    span = span_of(found)
    assert span is not None
    batches = [whole.slice(start, size) for start in range(0, whole.num_rows, size)]
    ruled, said = RuleRun(loaded, of, Baseline(of)), dict[str, object]()
    for batch, judged in zip(batches, judge_batches(batches, declared((), of, span, ()), span), strict=True):
        said.update(ruled.take(batch, judged))
        if settles:
            ruled.settle(batch.column("time_ms")[-1].as_py())
    return ruled, said


def titles(records, **more):
    """Give the titles of what was found."""
    return [finding.title for finding in run(records, **more)[0].findings()]


def test_a_hit_of_a_live_rule_is_a_finding():
    """With all that the rule says of it."""
    ruled, said = run([made("james", 0)])
    assert said == {}
    (finding,) = ruled.findings()
    assert (finding.title, finding.person, finding.rule) == (
        *("Made a bucket: james did CreateBucket", "james"),
        "00000000-0000-4000-8000-000000000001",
    )
    assert (finding.ask, finding.author, finding.staged) == ("did you make it?", "somebody", False)
    assert (finding.first, finding.last, finding.event_ids) == (after(12), after(12), ("james 0 b 0",))


def test_what_is_alike_within_a_window_is_counted():
    """Windows follow each other, whoever comes first in them; what is not alike is a finding by itself."""
    alike = "Made a bucket: james did CreateBucket"
    assert titles([made("james", n) for n in (0, 40, 59)]) == [f"{alike}, and 2 more like it"]
    assert titles([made("james", n) for n in (0, 40, 60)]) == [f"{alike}, and 1 more like it", alike]
    assert titles([made("james", 0), made("james", 1, "other")]) == [alike, alike]
    assert Counter(titles([made("james", 0), made("rick", 1)])).total() == 2
    (finding,) = run([made("james", n) for n in (59, 0, 40)])[0].findings()
    assert (finding.event_ids, finding.alike) == (("james 0 b 0",), ("james 40 b 0", "james 59 b 0"))


def test_a_burst_is_one_alert_of_whoever_it_was():
    """Those who did less are in none."""
    (finding,) = run([*(listed("james", n) for n in range(3)), *(listed("rick", n) for n in range(2))])[0].findings()
    assert (finding.title, finding.person, finding.staged) == ("Listed often: james, 3 events", "james", False)
    assert finding.event_ids == ("james 0", "james 1", "james 2")
    assert finding.account


def test_a_burst_of_several_is_nobodys():
    """It is told how many they were."""
    text = (
        "title: A\nname: a\nlogsource: {product: aws, service: cloudtrail}\n"
        "detection: {s: {eventName: ListBuckets}, condition: s}\n---\ntitle: Both\n"
        "correlation: {type: event_count, rules: [a], timespan: 10m, condition: {gte: 2}}"
    )
    loaded = load(text, "both.yml")
    (finding,) = run([listed("james", 0), listed("rick", 1)], loaded=loaded)[0].findings()
    assert (finding.title, finding.person, finding.principal) == ("Both: 2 principals, 2 events", None, None)
    assert finding.staged


def test_what_only_a_correlation_counts_is_no_finding_by_itself():
    """Its hits are not counted by title either, but for the alerts, once they were asked for."""
    ruled, said = run([listed("james", n) for n in range(3)])
    assert (ruled.hits, said) == (Counter(), {})
    ruled.findings()
    assert ruled.hits == {"Listed often": 1}


def test_staged_rules_say_what_they_see():
    """By the event, with the author; nothing is found."""
    staged = load(
        "title: Seen\nauthor: a\nlogsource: {product: aws, service: cloudtrail}\n"
        "detection: {s: {eventName: CreateBucket}, condition: s}",
        "seen.yml",
    )
    ruled, said = run([made("james", 0), listed("james", 1)], loaded=staged)
    assert said == {"james 0 b 0": ["Seen (a)"]}
    assert (ruled.findings(), ruled.hits) == ([], {"Seen": 1})
    assert words_of(staged.rules[0]) == "Seen (a)"


MOMENTS = st.tuples(st.sampled_from(["james", "rick"]), st.sampled_from([0, 1, 2, 9, 10, 11, 59, 60, 61, 62]))


@given(st.data(), st.sets(MOMENTS, min_size=1), st.sets(MOMENTS), st.sampled_from([1, 2, 5]))
@settings(max_examples=25)
def test_in_any_order_and_cut_anywhere_the_same_is_found(data, bought, looked, size):
    """Findings with their events and titles, and counts."""
    records = [*(made(*each) for each in sorted(bought)), *(listed(*each) for each in sorted(looked))]
    order = data.draw(st.permutations(range(len(records))))
    whole, cut = run(records)[0], run(records, order, size)[0]
    assert cut.findings() == whole.findings()
    assert cut.hits == whole.hits


def test_who_did_what_a_correlation_found_is_known_when_it_is_over(monkeypatch):
    """Of what was counted and made no alert nothing is held by then."""
    monkeypatch.setattr(correlate, "_ENOUGH", 0)
    records = [listed("james" if n % 100 < 3 else f"u{n % 7}", n * 3) for n in range(300)]
    plain, settled = run(records, size=20)[0], run(records, size=20, settles=True)[0]
    assert len(plain.findings()) == 3
    assert settled.findings() == plain.findings()
    assert sum(batch.num_rows for batch in settled._counted) < 40  # noqa: SLF001 - what it holds


def test_the_hits_of_a_rule_that_are_held_are_bounded(monkeypatch):
    """All are counted; whoever hits a rule a million times does not fill the memory."""
    monkeypatch.setattr(rules_, "MOST", 4)
    ruled, _ = run([made("james", 0, f"b{n}") for n in range(9)], size=2)
    assert ruled.hits == {"Made a bucket": 9}
    assert len(ruled.findings()) == 4


def test_nothing_is_found_by_no_rules_or_in_nothing():
    """An empty batch is a batch."""
    assert run([made("james", 0)], loaded=load("", "none.yml"))[0].findings() == []
    ruled, said = run([made("james", 0)], order=[])
    assert (ruled.findings(), said, ruled.hits) == ([], {}, Counter())


@pytest.mark.parametrize("days", [0, 1])
def test_a_day_later_is_another_finding(days):
    """Its time stays that of the first."""
    records = [made("james", 0), made("james", days * DAY / timedelta(minutes=1) + 5, number=1)]
    found = run(records)[0].findings()
    assert len(found) == days + 1
    assert found[0].last == after(12)


def test_derived_fields_are_wanted_where_something_asks_for_them():
    """By a detection, by what is deduped by, by what a correlation groups by."""
    assert wanted_of(PACK) == {"wb.person"}
    by = "correlation: {type: event_count, rules: [a], group-by: [wb.actor], timespan: 1m, condition: {gte: 2}}"
    rule = "logsource: {product: aws, service: cloudtrail}\ndetection: {s: {wb.right: frozen}, condition: s}"
    assert wanted_of(load(f"title: A\nname: a\n{rule}\n---\ntitle: B\n{by}", "a.yml")) == {"wb.right", "wb.actor"}
