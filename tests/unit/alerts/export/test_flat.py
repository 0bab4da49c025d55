"""One flat object a case, versioned."""

import json

from tests.unit.alerts.export.samples import AT, evidence, kept

from watchbill.alerts.export.flat import EVENTS_MOST, SCHEMA, flat, json_line


def test_it_is_flat_and_has_a_version():
    """No SIEM has to look inside: texts, numbers, null, and lists of texts."""
    found = flat(kept())
    assert found["schema"] == SCHEMA == "watchbill.case/1"
    for name, value in found.items():
        assert value is None or isinstance(value, str | int) or all(isinstance(each, str) for each in value), name


def test_it_tells_the_case():
    """Who, what, when, how sure, and where the proof is."""
    found = flat(kept(status="asked", note="since 03:15"))
    assert found["id"] == "C-1a2b3c"
    assert (found["status"], found["note"], found["state"]) == ("asked", "since 03:15", "updated")
    assert (found["person"], found["aws_account"]) == ("james", "111111111111")
    assert (found["shift"], found["shift_minutes_away"], found["on_call"]) == ("ended", 60, ["priya"])
    assert (found["leading"], found["confidence"], found["probability_percent"]) == ("hijack", "high", 98)
    assert (found["events"], found["events_around"]) == (2, 1)
    assert found["event_ids"] == ["e0001", "e0002"]
    assert found["ips"] == ["203.0.113.9"]
    assert found["opened_at"] == AT.isoformat().replace("+00:00", "Z")


def test_events_that_are_left_out_are_counted():
    """A case of thousands of events is no line of megabytes."""
    found = flat(kept(evidence=[evidence(n) for n in range(EVENTS_MOST + 5)]))
    assert len(found["event_ids"]) == EVENTS_MOST
    assert (found["events"], found["event_ids_left_out"]) == (EVENTS_MOST + 5, 5)
    assert len(json_line(found)) < 40_000


def test_a_line_is_one_line_of_json():
    """Whatever is in the case."""
    line = json_line(flat(kept(sentence="a\nb\r\n\u2028c<script>", person="x\x9b1m")))
    assert len(line.splitlines()) == 1
    assert "<" not in line
    assert json.loads(line)["sentence"] == "a\\u000ab\\u000d\\u000a\\u2028c<script>"


def test_a_gap_has_its_line_too():
    """A case without person, events and stories."""
    none = {"person": None, "network": None, "shift": None, "account": None, "leading": None}
    found = flat(kept(kind="gap", principal="trail of account 1", hypotheses=[], evidence=[], facts={}, **none))
    assert found["principal"] == "trail of account 1"
    assert (found["confidence"], found["shift"], found["events"]) == (None, None, 0)
