"""The sentences that people read first, word for word."""

from datetime import timedelta

import pytest
from tests.teams import MONDAY
from tests.trails import after, record, root, user
from tests.unit.alerts.records import AWAY, FIREFOX, HOME, failed, hidden, made_key, signed_in, the_case, usual


MINUTE = timedelta(minutes=1)
NIGHT = after(27)


def reboot(at, *, name="james", action="rds:RebootDBInstance"):
    """Make the record of a change in production."""
    return record(action, user(name), at, sourceIPAddress=HOME, userAgent=FIREFOX)


def in_a_row(at, ip, *names):
    """Make failures a few seconds apart; `-` is a hidden name."""
    times = [at + n * timedelta(seconds=9) for n in range(len(names))]
    return [hidden(t, ip) if name == "-" else failed(name, t, ip) for name, t in zip(names, times, strict=True)]


def test_james_changes_production_after_his_shift():
    """Who, what, where and when; how long after which shift; and who was on call instead."""
    case = the_case(*usual("james", NIGHT), reboot(NIGHT))
    assert case.sentence == (
        "james did RebootDBInstance in account 111111111111 at Tue 03:00 UTC, off shift: "
        "the shift ended at 02:00 UTC, 60 min before; on call was priya"
    )
    assert case.how_known == "IAM user james"
    assert str(case.state) == "off shift: ended 60 min before"
    assert case.assessment.why == "undecided: mistake or shift overrun 0.79 against approved work 0.13"


def test_rick_forgets_his_password():
    """How often, how it ended, and that his shift had just begun."""
    begins = after(11)
    burst = [failed("rick", begins + n * MINUTE) for n in range(1, 6)]
    case = the_case(*usual("rick", begins), *burst, signed_in("rick", begins + 7 * MINUTE))
    assert case.sentence == "5 failed sign-ins as rick, then success with mfa; the shift began at 11:00 UTC"
    assert case.assessment.why == "forgotten password 1.00 by 6 kinds of evidence"


def test_rick_does_not_get_in():
    """Off shift, and without an end."""
    assert the_case(*in_a_row(after(5), HOME, "rick", "rick", "rick")).sentence == (
        "3 failed sign-ins as rick, no success"
    )


def test_a_spray():
    """From where and over how many names; it is nobody's shift."""
    case = the_case(*in_a_row(after(12), AWAY, "rick", "james", "ada", *"----------------"))
    assert case.sentence == "19 failed sign-ins from 203.0.113.0/24: 3 known names, 16 under hidden names"
    assert case.how_known == "nobody of the team is named in the records"


def test_a_hijack():
    """What was done as James that is James's at no time."""
    at = after(60)
    case = the_case(*usual("james", at), signed_in("james", at, AWAY, mfa="No"), made_key("james", at + MINUTE, AWAY))
    assert case.sentence == (
        "james did CreateAccessKey in account 111111111111 at Wed 12:01 UTC, beyond role; on call was rick"
        "; console sign-in as james without MFA from 203.0.113.0/24"
    )
    assert [finding.title for finding in case.findings] == [
        "console sign-in as james without MFA from 203.0.113.0/24",
        "Way back in left from elsewhere than its maker usually works: james did CreateAccessKey",
    ]
    assert case.assessment.why == "hijack 0.98 by 8 kinds of evidence"


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        (
            [
                reboot(NIGHT + n * MINUTE, action=f"rds:{name}")
                for n, name in enumerate(
                    (
                        "StopDBInstance",
                        "StartDBInstance",
                        "StopDBInstance",
                        "RebootDBInstance",
                        "DeleteDBInstance",
                        "CreateDBInstance",
                    )
                )
            ],
            "james did StopDBInstance, StartDBInstance, RebootDBInstance and 2 more in account 111111111111"
            " at Tue 03:00 UTC, off shift: the shift ended at 02:00 UTC, 60 min before; on call was priya",
        ),
        (
            [reboot(after(17.5))],
            "james did RebootDBInstance in account 111111111111 at Mon 17:30 UTC, off shift; on call was rick",
        ),
        (
            [reboot(after(20), action="iam:CreateGroup")],
            "james did CreateGroup in account 111111111111 at Mon 20:00 UTC, beyond role",
        ),
        (
            [reboot(NIGHT, action="iam:CreateGroup")],
            "james did CreateGroup in account 111111111111 at Tue 03:00 UTC, beyond role; on call was priya",
        ),
        (
            [signed_in("james", after(20), HOME, mfa="No")],
            "console sign-in as james without MFA from 198.51.100.0/24; the shift began at 18:00 UTC",
        ),
        (
            [
                signed_in("james", NIGHT, HOME, mfa="No"),
                *(
                    record(f"iam:{name}", user("james"), NIGHT + n * MINUTE, error="AccessDenied")
                    for n, name in enumerate(("CreateUser", "CreateRole", "CreateGroup", "PutUserPolicy", "DeleteUser"))
                ),
            ],
            "console sign-in as james without MFA from 198.51.100.0/24; "
            "Many kinds of changes or secrets of one principal refused: james, 5 events",
        ),
        (
            [record("cloudtrail:StopLogging", root(), NIGHT), record("iam:CreateUser", root(), NIGHT + MINUTE)],
            "Audit trail stopped or deleted: root did StopLogging; Root user changed something: root did StopLogging and 3 more",
        ),
    ],
)
def test_other_sentences(records, sentence):
    """Three calls or two findings fit a line, the rest are counted; a shift is named where it explains something."""
    assert the_case(*records).sentence == sentence


def test_a_sentence_is_one_line():
    """Every sentence of a long night is short enough to be read."""
    night = [reboot(NIGHT + n * MINUTE, action=f"rds:Call{n}") for n in range(40)]
    sentence = the_case(*night, reboot(MONDAY + timedelta(hours=27))).sentence
    assert "\n" not in sentence
    assert len(sentence) < 200
