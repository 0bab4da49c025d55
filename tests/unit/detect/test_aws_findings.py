"""Findings of GuardDuty, Security Hub and Access Analyzer, made here after their documented forms.

GuardDuty User Guide, "Finding details" and "Exporting findings"; Security Hub User Guide, "ASFF" and "OCSF findings";
IAM Access Analyzer API Reference, "Finding", and the events that it sends. None is copied from a real account.
"""

import gzip
import json
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.alerts.export.samples import kept

from watchbill.alerts.export.asff import asff
from watchbill.alerts.export.ocsf import ocsf
from watchbill.detect.aws_findings import (
    EXFILTRATION,
    MISUSE,
    MOST,
    OTHER,
    RECONNAISSANCE,
    Seen,
    combined,
    gather,
    known_by,
    read_findings,
)
from watchbill.detect.model import Severity, Signal
from watchbill.errors import NotFoundError
from watchbill.files.findings import read_findings_folder
from watchbill.intervals import iso


ACCOUNT = "111111111111"


def guardduty(**changes):
    """Make a finding as GuardDuty exports it: a key of James's used from an unusual place."""
    made = {
        "schemaVersion": "2.0",
        "accountId": ACCOUNT,
        "region": "eu-west-1",
        "partition": "aws",
        "id": "aab1",
        "arn": f"arn:aws:guardduty:eu-west-1:{ACCOUNT}:detector/d1/finding/aab1",
        "type": "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
        "resource": {
            "resourceType": "AccessKey",
            "accessKeyDetails": {
                "accessKeyId": "AKIAJAMESXXXXXXXXXXX",
                "principalId": "AIDAJAMESXXXXXXXXXXX",
                "userType": "IAMUser",
                "userName": "james",
            },
        },
        "service": {
            "serviceName": "guardduty",
            "detectorId": "d1",
            "action": {
                "actionType": "AWS_API_CALL",
                "awsApiCallAction": {
                    "api": "ListUsers",
                    "serviceName": "iam.amazonaws.com",
                    "callerType": "Remote IP",
                    "remoteIpDetails": {"ipAddressV4": "203.0.113.9"},
                },
            },
            "eventFirstSeen": "2026-01-15T03:00:00.000Z",
            "eventLastSeen": "2026-01-15T03:20:00.000Z",
            "archived": False,
            "count": 3,
        },
        "severity": 5,
        "createdAt": "2026-01-15T03:25:00.000Z",
        "updatedAt": "2026-01-15T03:25:00.000Z",
        "title": "API ListUsers was invoked from a listed address.",
        "description": "An API was called.",
    }
    return made | changes


def session(role="admin", name="james"):
    """Make the resource of a session of a role."""
    details = {
        "accessKeyId": "ASIASESSIONXXXXXXXXX",
        "principalId": f"AROAADMINXXXXXXXXXXX:{name}",
        "userType": "AssumedRole",
        "userName": role,
    }
    return {"resourceType": "AccessKey", "accessKeyDetails": details}


def security_hub(**changes):
    """Make a finding in the AWS Security Finding Format, as GuardDuty's come in it."""
    made = {
        "SchemaVersion": "2018-10-08",
        "Id": f"arn:aws:guardduty:eu-west-1:{ACCOUNT}:detector/d1/finding/aab2",
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/guardduty",
        "ProductName": "GuardDuty",
        "GeneratorId": f"arn:aws:guardduty:eu-west-1:{ACCOUNT}:detector/d1",
        "AwsAccountId": ACCOUNT,
        "Types": ["TTPs/Discovery/Recon:IAMUser-MaliciousIPCaller.Custom"],
        "FirstObservedAt": "2026-01-15T04:00:00Z",
        "LastObservedAt": "2026-01-15T04:05:00Z",
        "CreatedAt": "2026-01-15T04:10:00.000Z",
        "UpdatedAt": "2026-01-15T04:10:00.000Z",
        "Severity": {"Product": 8, "Label": "HIGH", "Normalized": 70},
        "Title": "Calls that look around",
        "Description": "Somebody looks around.",
        "Resources": [
            {
                "Type": "AwsIamAccessKey",
                "Id": "AWS::IAM::AccessKey:AKIARICKXXXXXXXXXXXX",
                "Details": {
                    "AwsIamAccessKey": {
                        "PrincipalId": "AIDARICKXXXXXXXXXXXX",
                        "PrincipalType": "IAMUser",
                        "PrincipalName": "rick",
                    }
                },
            }
        ],
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
    }
    return made | changes


def as_ocsf(**changes):
    """Make a finding as Security Hub sends it in OCSF."""
    made = {
        "class_uid": 2004,
        "category_uid": 2,
        "activity_id": 1,
        "type_uid": 200401,
        "severity_id": 5,
        "status_id": 1,
        "time": 1768453200000,
        "cloud": {"provider": "AWS", "account": {"uid": ACCOUNT, "type": "AWS Account"}},
        "metadata": {"product": {"name": "GuardDuty", "vendor_name": "AWS"}, "version": "1.5.0"},
        "finding_info": {
            "uid": "ocsf-1",
            "title": "Data was read out",
            "types": ["Exfiltration:S3/AnomalousBehavior"],
            "first_seen_time": 1768449600000,
            "last_seen_time": 1768449900000,
            "created_time": 1768450000000,
            "related_events": [
                {"uid": "0f0e0d0c-0000-4000-8000-000000000001", "type": "AWS CloudTrail"},
                {"uid": "not an event", "type": "AWS CloudTrail"},
                {"uid": "0f0e0d0c-0000-4000-8000-000000000002", "type": "Signal"},
            ],
        },
        "evidences": [
            {
                "actor": {
                    "user": {
                        "name": "james",
                        "type": "IAMUser",
                        "credential_uid": "AKIAJAMESXXXXXXXXXXX",
                        "account": {"uid": ACCOUNT},
                    }
                },
                "src_endpoint": {"ip": "2001:db8::7"},
            }
        ],
    }
    return made | changes


def analyzer(**changes):
    """Make a finding of external access, as Access Analyzer's API gives it."""
    made = {
        "id": "aa-1",
        "status": "ACTIVE",
        "resourceType": "AWS::S3::Bucket",
        "resource": "arn:aws:s3:::reports",
        "resourceOwnerAccount": ACCOUNT,
        "principal": {"AWS": "*"},
        "action": ["s3:GetObject"],
        "condition": {},
        "isPublic": True,
        "createdAt": "2026-01-15T05:00:00Z",
        "analyzedAt": "2026-01-15T05:00:00Z",
        "updatedAt": "2026-01-15T05:00:00Z",
    }
    return made | changes


def whose(account, key, user, session_name):
    """Know James and Rick by what they have."""
    assert account == ACCOUNT
    known = {
        "AKIAJAMESXXXXXXXXXXX": "james",
        "AKIARICKXXXXXXXXXXXX": "rick",
        "AROAADMINXXXXXXXXXXX:james": "james",
        "rick": "rick",
    }
    return known.get(key) or known.get(user) or known.get(session_name)


def read(*documents, person_of=whose):
    """Read documents, one a line."""
    return read_findings("f.jsonl", "\n".join(map(json.dumps, documents)).encode(), person_of)


def one(document, person_of=whose):
    """Read the one finding of a document."""
    found = read(document, person_of=person_of)
    assert found.problems == ()
    (made,) = found.findings
    return made


def test_a_finding_of_guardduty_is_evidence_on_the_persons_case():
    """By the access key that it names; it names no event, so it is its own evidence."""
    made = one(guardduty())
    assert (made.person, made.principal, made.network) == ("james", None, "203.0.113.0/24")
    assert made.event_ids == ("finding:aab1",)
    assert (iso(made.first), iso(made.last)) == ("2026-01-15T03:00:00Z", "2026-01-15T03:20:00Z")
    assert (made.severity, made.facts) == (Severity.MEDIUM, {"detector": MISUSE})
    assert made.title == "GuardDuty: API ListUsers was invoked from a listed address."
    assert (made.author, made.account, made.signal) == ("Amazon GuardDuty", ACCOUNT, Signal.AWS)


def test_the_user_name_of_a_session_is_its_role_and_nobodys_name():
    """A role called `rick` is not Rick: what counts is who took it."""
    asked = []

    def person_of(*who):
        asked.append(who)
        return whose(*who)

    assert one(guardduty(resource=session(role="rick")), person_of).person == "james"
    assert asked == [(ACCOUNT, "ASIASESSIONXXXXXXXXX", None, "AROAADMINXXXXXXXXXXX:james")]
    unknown = one(guardduty(resource=session(role="rick", name="somebody")))
    assert (unknown.person, unknown.principal) == (
        None,
        f"arn:aws:sts::{ACCOUNT}:assumed-role/rick/somebody",
    )


def test_root_and_machines_are_nobody():
    """Whom nobody has keeps its principal; where nothing acted, nobody is asked for."""
    root = {"accessKeyDetails": {"userType": "Root", "principalId": ACCOUNT, "accessKeyId": "ASIAROOT"}}
    assert (one(guardduty(resource=root)).person, one(guardduty(resource=root)).principal) == (None, "root")

    def never(*_):
        raise AssertionError

    machine = one(guardduty(resource={"resourceType": "Instance", "instanceDetails": {}}), never)
    assert (machine.person, machine.principal) == (None, None)


def test_a_sequence_of_an_attack_is_of_its_first_actor():
    """Which has no access key among its resources."""
    actors = [
        {"id": "a"},
        {"user": {"name": "rick", "type": "IAMUser", "uid": "AIDARICK", "account": {"uid": ACCOUNT}}},
    ]
    found = guardduty(
        type="AttackSequence:IAM/CompromisedCredentials", resource={"resourceType": "AttackSequence"}, severity=9.1
    )
    found["service"] = found["service"] | {"detection": {"sequence": {"actors": actors}}}
    made = one(found)
    assert (made.person, made.severity, made.facts["detector"]) == ("rick", Severity.CRITICAL, MISUSE)


@pytest.mark.parametrize(
    ("type_", "detector"),
    [
        ("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", MISUSE),
        ("UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B", MISUSE),
        ("CredentialAccess:IAMUser/AnomalousBehavior", MISUSE),
        ("InitialAccess:IAMUser/AnomalousBehavior", MISUSE),
        ("UnauthorizedAccess:EC2/SSHBruteForce", OTHER),
        ("Recon:IAMUser/TorIPCaller", RECONNAISSANCE),
        ("Discovery:S3/AnomalousBehavior", RECONNAISSANCE),
        ("Exfiltration:IAMUser/AnomalousBehavior", EXFILTRATION),
        ("Exfiltration:S3/MaliciousIPCaller", EXFILTRATION),
        ("AttackSequence:S3/CompromisedData", EXFILTRATION),
        ("AttackSequence:EKS/CompromisedCluster", OTHER),
        ("Policy:IAMUser/RootCredentialUsage", OTHER),
        ("Stealth:IAMUser/CloudTrailLoggingDisabled", OTHER),
        ("PenTest:IAMUser/KaliLinux", OTHER),
        ("CryptoCurrency:EC2/BitcoinTool.B!DNS", OTHER),
        ("TTPs/Initial Access/UnauthorizedAccess:IAMUser-ConsoleLoginSuccess.B", MISUSE),
        ("Effects/Data Exfiltration/Exfiltration:S3-AnomalousBehavior", EXFILTRATION),
        ("Software and Configuration Checks/Vulnerabilities/CVE", OTHER),
        ("", OTHER),
    ],
)
def test_what_a_detector_found(type_, detector):
    """By the purpose of a threat in GuardDuty's names, also as ASFF spells them."""
    if "/" in type_ and type_.split("/")[0] in ("TTPs", "Effects", "Software and Configuration Checks"):
        made = one(security_hub(Types=[type_]))
    else:
        made = one(guardduty(type=type_ or "x"))
    assert made.facts == {"detector": detector}


@pytest.mark.parametrize(
    ("number", "severity"),
    [
        (1, Severity.LOW),
        (3.9, Severity.LOW),
        (4, Severity.MEDIUM),
        (6.9, Severity.MEDIUM),
        (7, Severity.HIGH),
        (8.9, Severity.HIGH),
        (9, Severity.CRITICAL),
        (0, Severity.INFO),
        (None, Severity.MEDIUM),
        (True, Severity.MEDIUM),
        ("high", Severity.MEDIUM),
        (float("nan"), Severity.MEDIUM),
    ],
)
def test_severities_of_guardduty(number, severity):
    """By the user guide's bounds; what is no number is looked at."""
    assert one(guardduty(severity=number)).severity == severity


@pytest.mark.parametrize(
    ("said", "severity"),
    [
        ({"Label": "CRITICAL"}, Severity.CRITICAL),
        ({"Label": "INFORMATIONAL"}, Severity.INFO),
        ({"Normalized": 0}, Severity.INFO),
        ({"Normalized": 39}, Severity.LOW),
        ({"Normalized": 40}, Severity.MEDIUM),
        ({"Normalized": 89}, Severity.HIGH),
        ({"Normalized": 90}, Severity.CRITICAL),
        ({"Label": "?"}, Severity.MEDIUM),
    ],
)
def test_severities_of_security_hub(said, severity):
    """By the label, else by the number; also where a provider gave them."""
    assert one(security_hub(Severity=said)).severity == severity
    provided = security_hub(FindingProviderFields={"Severity": said, "Types": ["TTPs/Discovery/Recon:IAMUser-X"]})
    del provided["Severity"], provided["Types"]
    made = one(provided)
    assert (made.severity, made.facts["detector"]) == (severity, RECONNAISSANCE)


def test_a_finding_of_security_hub():
    """By the key among its resources, or the user."""
    made = one(security_hub())
    assert (made.person, made.severity, made.facts) == ("rick", Severity.HIGH, {"detector": RECONNAISSANCE})
    assert made.title == "GuardDuty: Calls that look around"
    user = {"Type": "AwsIamUser", "Id": f"arn:aws:iam::{ACCOUNT}:user/ops/rick"}
    assert one(security_hub(Resources=[user])).person == "rick"
    role = {"Type": "AwsIamRole", "Id": f"arn:aws:iam::{ACCOUNT}:role/rick"}
    made = one(security_hub(Resources=[role]))
    assert (made.person, made.principal) == (None, f"arn:aws:iam::{ACCOUNT}:role/rick")


def test_a_finding_in_ocsf():
    """The events that it names are evidence, and so is the finding itself."""
    made = one(as_ocsf())
    assert (made.person, made.severity, made.network) == ("james", Severity.CRITICAL, "2001:db8::/48")
    assert made.event_ids == ("0f0e0d0c-0000-4000-8000-000000000001", "finding:ocsf-1")
    assert made.facts == {"detector": EXFILTRATION}
    assert iso(made.first) == "2026-01-15T04:00:00Z"


def test_findings_of_access_analyzer():
    """About what is open, not about who did something: nobody's, unless it is about a user."""
    made = one(analyzer())
    assert (made.severity, made.person, made.principal) == (Severity.HIGH, None, "arn:aws:s3:::reports")
    assert made.title == "Access Analyzer: AWS::S3::Bucket arn:aws:s3:::reports is public"
    assert one(analyzer(isPublic=False)).severity == Severity.MEDIUM
    unused = analyzer(
        findingType="UnusedIAMUserAccessKey",
        resourceType="AWS::IAM::User",
        resource=f"arn:aws:iam::{ACCOUNT}:user/rick",
        isPublic=False,
    )
    assert (one(unused).severity, one(unused).person) == (Severity.LOW, "rick")


def test_people_are_known_by_what_they_were_seen_with():
    """A key says more than a session, and that more than a user; what two people had is nobody's."""
    person_of = known_by(
        [
            Seen("james", ACCOUNT, "AKIA1", "james"),
            Seen("rick", ACCOUNT, "ASIA2", None, "AROA:rick"),
            Seen("james", ACCOUNT, "AKIA-SHARED", "build"),
            Seen("rick", ACCOUNT, "AKIA-SHARED", "build"),
            Seen("rick", "222222222222", None, "james"),
        ]
    )
    assert person_of(ACCOUNT, "AKIA1", None, None) == "james"
    assert person_of(ACCOUNT, "unknown", "JAMES", None) == "james"
    assert person_of("222222222222", None, "james", None) == "rick"
    assert person_of(ACCOUNT, "unknown", None, "AROA:rick") == "rick"
    assert person_of(ACCOUNT, "AKIA-SHARED", "james", None) is None
    assert person_of(ACCOUNT, "ASIA2", "james", None) == "rick"
    assert person_of("333333333333", None, "james", None) is None


SKIPPED = [
    (guardduty(service=guardduty()["service"] | {"archived": True}), "archived"),
    (guardduty(service=guardduty()["service"] | {"additionalInfo": {"sample": True}}), "a sample"),
    (guardduty(title="[SAMPLE] x"), "a sample"),
    (security_hub(RecordState="ARCHIVED"), "archived"),
    (security_hub(Workflow={"Status": "SUPPRESSED"}), "suppressed"),
    (security_hub(Workflow={"Status": "RESOLVED"}), "resolved"),
    (security_hub(Compliance={"Status": "PASSED"}), "a check that passed"),
    (security_hub(Sample=True), "a sample"),
    (as_ocsf(status_id=3), "suppressed"),
    (as_ocsf(status_id=5), "archived"),
    (as_ocsf(class_uid=2003), "an OCSF document of another class"),
    (analyzer(status="ARCHIVED"), "archived"),
    (analyzer(status="RESOLVED"), "resolved"),
    (analyzer(isDeleted=True), "resolved"),
    (asff(kept(), ACCOUNT, "eu-west-1"), "our own"),
    (ocsf(kept(), "0.1.0"), "our own"),
]


@pytest.mark.parametrize(("document", "why"), SKIPPED)
def test_what_counts_for_nothing_is_skipped_and_counted(document, why):
    """Archived, suppressed, samples, and what watchbill sent itself: nothing feeds on its own findings."""
    found = read(document)
    assert (found.findings, found.problems, dict(found.skipped)) == ((), (), {why: 1})


def capitalised(document):
    """Spell names as the API of GuardDuty does."""
    made = json.loads(json.dumps(document))
    if isinstance(made, dict):
        return {key[:1].upper() + key[1:]: capitalised(value) for key, value in made.items()}
    return [capitalised(each) for each in made] if isinstance(made, list) else made


def envelope(kind, detail):
    """Put what is sent into an event of EventBridge."""
    return {"version": "0", "id": "e", "detail-type": kind, "source": "aws.x", "account": ACCOUNT, "detail": detail}


ALL = [guardduty(), security_hub(), as_ocsf(), analyzer()]
IDS = ["aab1", "ocsf-1", security_hub()["Id"], "aa-1"]
"""In order of time."""


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(ALL).encode(),
        "\n".join(map(json.dumps, ALL)).encode(),
        "\r\n\r\n".join(map(json.dumps, ALL)).encode(),
        json.dumps(ALL, indent=2).encode(),
        gzip.compress(json.dumps(ALL).encode()),
        gzip.compress(json.dumps(ALL[0]).encode()) + gzip.compress(b"\n" + json.dumps(ALL[1:]).encode()),
        json.dumps({"Findings": ALL}).encode(),
        json.dumps([{"Findings": ALL[:2]}, {"findings": [ALL[2]]}, {"finding": ALL[3]}]).encode(),
        json.dumps(
            [
                envelope("GuardDuty Finding", ALL[0]),
                envelope("Security Hub Findings - Imported", {"findings": [ALL[1]]}),
                envelope("Findings Imported V2", {"findings": [ALL[2]]}),
                envelope("Access Analyzer Finding", ALL[3]),
            ]
        ).encode(),
        json.dumps({"Findings": [capitalised(ALL[0]), *ALL[1:]]}).encode(),
    ],
)
def test_every_form_of_file(data):
    """Alone, in arrays, in answers of the CLI, by lines, in envelopes, compressed: the same findings."""
    found = read_findings("f", data, whose)
    assert found.problems == ()
    assert [made.event_ids[-1] for made in found.findings] == [f"finding:{each}" for each in IDS]
    assert [made.person for made in found.findings] == ["james", "james", "rick", None]


def test_the_state_that_was_updated_last_counts():
    """GuardDuty writes a finding again whenever it goes on."""
    late = guardduty(updatedAt="2026-01-15T09:00:00.000Z", severity=8)
    for order in ((guardduty(), late), (late, guardduty())):
        found = read(*order)
        assert [made.severity for made in found.findings] == [Severity.HIGH]
        assert dict(found.skipped) == {"another state of one that was read": 1}


def test_bad_findings_are_problems_beside_the_good_ones():
    """Each names its place."""
    bad = [{}, 5, [[[[[[[1]]]]]]], guardduty(id=None), guardduty(accountId=7), {"status": "ACTIVE", "resource": "x"}]
    timeless = guardduty(createdAt=None, updatedAt="yesterday", service={})
    found = read(*bad, timeless, guardduty())
    assert [made.event_ids for made in found.findings] == [("finding:aab1",)]
    assert [problem.code for problem in found.problems] == ["bad-finding"] * 7
    assert str(found.problems[3]) == "f.jsonl finding 4: it has no `id`"
    assert str(found.problems[6]) == "f.jsonl finding 7: it has no time"
    half = read_findings("f", gzip.compress(json.dumps(guardduty()).encode())[:-20], whose)
    assert half.problems[0].code == "damaged-findings"
    assert read_findings("f", b"", whose).findings == ()


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-15T03:00:00", 5, "", None])
def test_a_time_out_of_all_years_is_none(when):
    """A case that began with the world would hold everything; the next best time of the finding counts."""
    found = guardduty(createdAt="2026-01-15T03:25:00.000Z")
    found["service"] = found["service"] | {"eventFirstSeen": when}
    assert iso(one(found).first) == "2026-01-15T03:25:00Z"
    assert read(as_ocsf(time=1, finding_info={"uid": "x", "first_seen_time": 4300000000000})).problems != ()


def test_a_file_of_too_many_findings_is_cut_and_says_so():
    """Time and memory have an end."""
    found = read_findings("f", b"{}\n" * (MOST + 10))
    assert len(found.problems) == MOST + 1
    assert found.problems[-1].code == "too-many-findings"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5
)  # fmt: skip


@given(st.sampled_from(ALL), st.data())
def test_any_value_in_any_place_is_read_or_is_a_problem(document, data):
    """Nothing raises, and nothing is lost in silence."""
    made = deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        inner, path = made, []
        while True:
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not keys:
                break
            step = data.draw(st.sampled_from(keys))
            path.append(step)
            if isinstance(inner[step], dict | list) and inner[step] and data.draw(st.booleans()):
                inner = inner[step]
                continue
            inner[step] = data.draw(VALUES)
            break
    found = read_findings("f", json.dumps([made]).encode(), lambda *_: None)
    assert len(found.findings) + len(found.problems) + sum(found.skipped.values()) >= 1


@given(st.binary(max_size=300) | st.binary(max_size=100).map(gzip.compress))
def test_no_bytes_make_it_raise(data):
    """Whatever a file holds."""
    read_findings("f", data)


def test_what_is_nested_deeply_does_not_raise():
    """A thousand lists in each other."""
    for text in ("[" * 5000 + "]" * 5000, '{"detail-type":1,"detail":' * 3000 + "1" + "}" * 3000):
        assert read_findings("f", text.encode()).findings == ()
    deep = '{"a":' * 900 + "1" + "}" * 900
    for name in ("title", "type", "severity", "accountId", "status", "resource"):
        text = json.dumps(guardduty(**{name: "HERE"})).replace('"HERE"', deep)
        read_findings("f", text.encode())


def test_a_folder_of_findings(tmp_path):
    """Every file, one compressed; what is none is passed over, and a finding in two of them counts once."""
    (tmp_path / "a.json").write_text(json.dumps(guardduty()))
    (tmp_path / "b").mkdir()
    later = guardduty(updatedAt="2026-01-15T09:00:00.000Z")
    later["service"] = later["service"] | {"eventLastSeen": "2026-01-15T08:00:00Z"}
    (tmp_path / "b/c.jsonl.gz").write_bytes(gzip.compress(json.dumps(later).encode()))
    (tmp_path / "notes.txt").write_text("{}")
    found = read_findings_folder(tmp_path).named(whose)
    (made,) = found.findings
    assert iso(made.last) == "2026-01-15T08:00:00Z"
    assert found.problems == ()
    (tmp_path / "a.json").rename(tmp_path / "a.txt")
    (tmp_path / "b/c.jsonl.gz").rename(tmp_path / "b/c.txt")
    with pytest.raises(NotFoundError, match="no file of findings"):
        read_findings_folder(tmp_path)


def test_readings_of_several_files_are_put_together():
    """Problems and counts are of all of them."""
    files = [[guardduty(), {}], [security_hub(), guardduty()], [as_ocsf(status_id=3)]]
    found = combined(gather("findings.json", json.dumps(each).encode()) for each in files)
    assert len(found.found) == 2
    assert len(found.problems) == 1
    assert dict(found.skipped) == {"another state of one that was read": 1, "suppressed": 1}
