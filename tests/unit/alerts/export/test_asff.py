"""Findings of Security Hub, held to botocore's own model of the service and to the lengths that its pages give."""

import json

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.alerts.export.samples import AT, JAMES, case, evidence, kept

from watchbill.alerts.export.asff import FIELDS_MOST, FINDING_MOST, RESOURCES_MOST, asff, finding_id, size


SHAPE = (
    botocore.session.get_session().get_service_model("securityhub").operation_model("BatchImportFindings").input_shape
)
CUSTOMERS = {"Note", "UserDefinedFields", "VerificationState", "Workflow", "WorkflowState", "Criticality"}


def check(finding):
    """Hold a finding to the service model, every name known and every length kept."""
    report = ParamValidator().validate({"Findings": [finding]}, SHAPE)
    assert not report.has_errors(), report.generate_report()
    assert SHAPE is not None
    assert set(finding) <= set(SHAPE.members["Findings"].member.members)
    assert not CUSTOMERS & set(finding)
    assert size(finding) <= FINDING_MOST
    assert 0 < len(finding["Title"]) <= 256
    assert 0 < len(finding["Description"]) <= 1024
    assert 0 < len(finding["Id"]) <= 512
    assert 0 < len(finding["GeneratorId"]) <= 512
    assert len(finding["Remediation"]["Recommendation"]["Text"]) <= 512
    assert 0 < len(finding["Resources"]) <= RESOURCES_MOST
    assert 0 < len(finding["ProductFields"]) <= FIELDS_MOST
    for key, value in finding["ProductFields"].items():
        assert len(key) <= 128
        assert 0 < len(value) <= 2048
    for type_ in finding["Types"]:
        assert type_.split("/")[0] in ("TTPs", "Unusual Behaviors", "Software and Configuration Checks")
        assert len(type_.split("/")) <= 3
    return finding


def made(found, account="111111111111", region="eu-west-1"):
    """Make a finding that was checked."""
    return check(asff(found, account, region))


def test_it_tells_the_case():
    """Who, what, how severe, since when, and what to do."""
    finding = made(kept())
    assert finding["Id"] == "watchbill/case/C-1a2b3c"
    assert finding["ProductArn"] == "arn:aws:securityhub:eu-west-1:111111111111:product/111111111111/default"
    assert finding["FindingProviderFields"]["Severity"] == {"Label": "HIGH", "Original": "high"}
    assert finding["Severity"] == finding["FindingProviderFields"]["Severity"]
    assert finding["Types"] == [
        "Unusual Behaviors/User",
        "TTPs/Initial Access/Cloud Accounts",
        "TTPs/Persistence/Account Manipulation",
    ]
    assert [each["Type"] for each in finding["Resources"]] == ["AwsIamUser", "AwsIamAccessKey"]
    assert finding["Resources"][0]["Id"] == JAMES
    call = finding["Action"]["AwsApiCallAction"]
    assert (call["Api"], call["ServiceName"], call["RemoteIpDetails"]["IpAddressV4"]) == (
        "ModifyDBInstance",
        "rds",
        "203.0.113.9",
    )
    assert "e0001" in finding["ProductFields"]["watchbill/evidence/01"]
    assert "watchbill/left-out" not in finding["ProductFields"]


def test_a_case_that_goes_on_is_the_same_finding():
    """Only what was updated later is taken by Security Hub."""
    first, second = made(kept(updated=AT)), made(kept(status="closed"))
    assert first["Id"] == second["Id"]
    assert first["CreatedAt"] == second["CreatedAt"]
    assert first["UpdatedAt"] < second["UpdatedAt"]
    assert (first["RecordState"], second["RecordState"]) == ("ACTIVE", "ARCHIVED")


@pytest.mark.parametrize(
    ("arn", "types"),
    [
        ("arn:aws:iam::111111111111:role/oncall/prod", ["AwsIamRole"]),
        ("arn:aws:iam::111111111111:root", ["AwsAccount"]),
        ("arn:aws:sts::111111111111:assumed-role/admin/james", ["Other"]),
        (None, ["AwsAccount"]),
        ("no arn", ["AwsAccount"]),
    ],
)
def test_resources_by_what_acted(arn, types):
    """A finding has one at least: the account itself where nothing else is known."""
    assert [each["Type"] for each in made(kept(account=arn, stolen_keys=[]))["Resources"]] == types


def test_a_sprayed_password_is_named_as_one():
    """By the names of ATT&CK."""
    finding = made(kept(kind="sign-in", facts={"breadth": "many names"}, leading="brute force"))
    assert finding["Types"][1:] == ["TTPs/Credential Access/Password Spraying"]


def test_what_does_not_fit_is_left_out_and_said():
    """The last evidence first; the case itself stays."""
    # Each of these characters is six bytes of JSON.
    long = kept(evidence=[evidence(n, note="\u4e00" * 2000) for n in range(60)], why="\u4e00" * 900)
    finding = made(long)
    shown = sum(key.startswith("watchbill/evidence/") for key in finding["ProductFields"])
    assert 0 < shown < 31
    assert finding["ProductFields"]["watchbill/left-out"] == f"{60 - shown} of 60 events"
    assert size(finding) > FINDING_MOST * 0.8
    many = made(kept(evidence=[evidence(n) for n in range(60)]))
    assert len(many["ProductFields"]) == FIELDS_MOST


def test_addresses_of_version_6_are_told_elsewhere():
    """The format has a field for those of version 4 alone."""
    finding = made(kept(evidence=[evidence(1, ip="2001:db8::1")]))
    assert "RemoteIpDetails" not in finding["Action"]["AwsApiCallAction"]
    assert "2001:db8::1" in finding["ProductFields"]["watchbill/evidence/01"]


def test_a_gap_is_a_finding_too():
    """Without events, stories and person."""
    none = {"person": None, "network": None, "shift": None, "account": None, "leading": None}
    finding = made(kept(kind="gap", hypotheses=[], evidence=[], facts={}, stolen_keys=[], **none))
    assert "Action" not in finding
    assert "Confidence" not in finding
    assert finding["Types"] == ["Software and Configuration Checks/AWS Security Best Practices"]


@given(st.text(st.characters(codec=None), max_size=3000), st.integers(0, 60))
def test_any_text_makes_a_finding(text, events):
    """Whatever strangers chose, and however much."""
    every = dict.fromkeys(("person", "sentence", "why", "question", "network", "how_known", "account", "id"), text)
    found = [evidence(n, event_id=text, what=text, ip=text, note=text) for n in range(events)]
    finding = made(
        kept(
            evidence=found,
            facts={text: text},
            stolen_keys=[f"AKIA{text}", text] * 40,
            findings=[text],
            note=text,
            **every,
        )
    )
    json.dumps(finding).encode("ascii")


def test_the_id_is_bounded():
    """AWS takes 512 characters."""
    assert len(finding_id("C" * 3000)) <= 512
    assert finding_id(case().id) == "watchbill/case/C-1a2b3c"
