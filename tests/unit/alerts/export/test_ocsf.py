"""OCSF Detection Findings: what the library's model takes, what ours checks besides, and a round trip through JSON."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from py_ocsf_models.events.findings.detection_finding import DetectionFinding  # type: ignore[import-untyped]
from tests.unit.alerts.export.samples import AT, JAMES, evidence, kept

from watchbill.alerts.export.flat import json_line
from watchbill.alerts.export.model import STATUSES
from watchbill.alerts.export.ocsf import EVIDENCE_MOST, faults, ocsf, validate


UNKNOWN_TO_THE_LIBRARY = {"actor", "src_endpoint"}
"""What OCSF 1.5 has in an evidence and the library passes over."""


def known(document):
    """Take away what the library does not know."""
    made = deepcopy(document)
    for each in made["evidences"]:
        for name in UNKNOWN_TO_THE_LIBRARY:
            each.pop(name, None)
    return made


def filled(document):
    """Give a document as the library writes it, without what it fills in by itself."""
    written = json.loads(DetectionFinding.model_validate(document).model_dump_json(exclude_unset=True))
    assert isinstance(written, dict)
    return written


def test_every_part_of_it_is_known_to_the_library():
    """What comes back from its model is what went in: no field is misspelled, none changes on the way."""
    document = ocsf(kept(note="asked"), "0.1.0")
    assert filled(document) == known(document)
    assert json.loads(json_line(document)) == document


def test_it_tells_the_case():
    """Who, which call, from where, by which event; and the stories, which OCSF has no place for."""
    document = ocsf(kept(), "0.1.0")
    assert (document["class_uid"], document["type_uid"], document["type_name"]) == (
        2004,
        200402,
        "Detection Finding: Update",
    )
    assert (document["severity"], document["status"], document["confidence"]) == ("High", "New", "High")
    assert document["confidence_score"] == 98
    info = document["finding_info"]
    assert (info["uid"], info["created_time"]) == ("C-1a2b3c", int(AT.timestamp() * 1000))
    assert info["first_seen_time"] < info["last_seen_time"] < info["created_time"] < info["modified_time"]
    assert [each["technique"]["uid"] for each in info["attacks"]] == ["T1078", "T1098"]
    assert info["attacks"][0]["sub_technique"]["uid"] == "T1078.004"
    first = document["evidences"][0]
    assert first["actor"]["user"]["name"] == "james"
    assert first["actor"]["user"]["uid"] == JAMES
    assert (first["api"]["operation"], first["api"]["service"]["name"]) == ("ModifyDBInstance", "rds")
    assert first["src_endpoint"] == {"ip": "203.0.113.9"}
    assert first["data"]["event_id"] == "e0001"
    assert [each["type"] for each in document["resources"]] == ["AwsIamUser", "AwsIamAccessKey"]
    assert document["unmapped"]["hypotheses"][0]["addends"][0] == {"family": "place", "fact": "new", "decibans": 10}
    assert document["cloud"]["account"]["uid"] == "111111111111"


@pytest.mark.parametrize("status", STATUSES)
def test_where_it_stands(status):
    """One case is one finding in each state, and a state has an id of its own."""
    document = ocsf(kept(status=status), "0.1.0")
    assert document["finding_info"]["uid"] == "C-1a2b3c"
    assert document["status"] == {"open": "New", "closed": "Resolved"}.get(status, "In Progress")
    assert (document["activity_name"] == "Close") == (status == "closed")
    assert document["metadata"]["uid"].startswith("C-1a2b3c.")


def test_a_case_without_a_person():
    """A gap has no events, no principal and no stories: nothing is made up for it."""
    none = {"person": None, "network": None, "shift": None, "account": None, "leading": None}
    more: dict[str, Any] = {"hypotheses": [], "evidence": [], "facts": {}, "stolen_keys": []}
    document = ocsf(kept(kind="gap", principal="trail of account 1", **none, **more), "0.1.0")
    assert document["confidence"] == "Unknown"
    assert "confidence_score" not in document
    assert "cloud" not in document
    assert document["resources"] == [{"uid": "trail of account 1", "name": "trail of account 1", "type": "Other"}]


def test_a_service_that_called_is_no_address():
    """AWS writes `rds.amazonaws.com` where an address stands otherwise."""
    found = kept(evidence=[evidence(1, ip="rds.amazonaws.com"), evidence(2, ip=None)])
    first, second = ocsf(found, "0.1.0")["evidences"]
    assert first["src_endpoint"] == {"svc_name": "rds.amazonaws.com"}
    assert "src_endpoint" not in second


def test_evidence_is_bounded_and_counted():
    """A case of thousands of events is no document of megabytes."""
    document = ocsf(kept(evidence=[evidence(n) for n in range(EVIDENCE_MOST + 7)]), "0.1.0")
    assert len(document["evidences"]) == EVIDENCE_MOST
    assert document["count"] == EVIDENCE_MOST + 7
    assert document["unmapped"]["evidence_left_out"] == 7


@given(st.text(st.characters(codec=None), max_size=400), st.sampled_from(STATUSES))
def test_any_text_makes_a_document(text, status):
    """Whatever strangers chose."""
    event = evidence(1, event_id=text, what=text, ip=text, note=text, file=text)
    every = {"person": text, "sentence": text, "account": text, "facts": {text: text}, "findings": [text]}
    document = ocsf(kept(status=status, evidence=[event], **every), "0.1.0")
    assert filled(document) == known(document)
    assert json.loads(json_line(document)) == document


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("type_uid",), 200401, "type_uid"),
        (("class_uid",), 2003, "no Detection Finding"),
        (("severity",), "Low", "severity"),
        (("status_id",), 2, "status"),
        (("confidence",), "Low", "confidence"),
        (("confidence_score",), 101, "per cent"),
        (("finding_info", "first_seen_time"), 1 << 50, "time"),
        (("finding_info", "modified_time"), 1, "time"),
        (("metadata", "profiles"), [], "profile"),
        (("evidences", 0, "src_endpoint", "ip"), "james", "no address"),
        (("evidences", 0, "data", "event_id"), "", "no event"),
        (("evidences", 0, "actor", "user"), {"type_id": 1}, "actor"),
    ],
)
def test_what_the_library_lets_pass_is_refused(path, value, said):
    """Each of these is taken by its model, and wrong by the schema."""
    document = ocsf(kept(), "0.1.0")
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    DetectionFinding.model_validate({**document, "type_uid": 200402} if path == ("type_uid",) else document)
    assert any(said in fault for fault in faults(document)), faults(document)
    with pytest.raises(ValueError, match=said):
        validate(document)


def test_what_the_library_refuses_is_refused():
    """It looks at the shape."""
    with pytest.raises(ValueError, match="finding_info"):
        validate({**ocsf(kept(), "0.1.0"), "finding_info": {"title": 5}})
