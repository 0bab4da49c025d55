"""Cases: what opens one, what is in it, how bad it is, what may be done, and which one it is when more is known."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import DAY, STAGING, team
from tests.trails import after, reading, record, root, session, sign_in, user
from tests.unit.alerts.records import (
    AWAY,
    FIREFOX,
    HOME,
    OFFICE,
    audited,
    failed,
    hidden,
    made_key,
    signed_in,
    the_case,
    usual,
)

from watchbill.access.model import Freeze
from watchbill.alerts.audit import audit
from watchbill.alerts.model import ActionKind
from watchbill.alerts.stories import Story
from watchbill.detect.model import Severity, Signal
from watchbill.detect.sigma import load


MINUTE = timedelta(minutes=1)
REBOOT = "rds:RebootDBInstance"
BEGINS, ENDED = after(18), after(26)
"""James's shift on Monday evening."""
NIGHT = after(27)
"""Priya is on call."""
RULE = """\
title: Reboot
author: somebody
logsource: {product: aws, service: cloudtrail}
detection:
  s: {eventName: [RebootDBInstance, DescribeInstances]}
  condition: s
"""
RULES = load(RULE, "r.yml")


def reboot(at=NIGHT, name="james", ip=HOME, **fields):
    """Make the record of something that is James's on call only."""
    return record(REBOOT, user(name), at, sourceIPAddress=ip, userAgent=FIREFOX, **fields)


def tries(count=3, name="rick", at=NIGHT, ip=HOME, step=20, **fields):
    """Make failed sign-ins of one person."""
    return [failed(name, at + n * timedelta(seconds=step), ip, **fields) for n in range(count)]


DOORS = ("CreateUser", "CreateAccessKey", "PutUserPolicy", "AttachUserPolicy", "UpdateAssumeRolePolicy", "CreateRole")


def denied(count=5, at=NIGHT, **fields):
    """Make calls that AWS refused to James: each would have changed something else."""
    return [
        record(f"iam:{DOORS[n % len(DOORS)]}", user("james"), at + n * MINUTE / 2, error="AccessDenied", **fields)
        for n in range(count)
    ]


def spray(ip=AWAY, at=NIGHT):
    """Make failures over many names."""
    return [failed(name, at + n * MINUTE / 60, ip) for n, name in enumerate(("james", "rick", "ada"))]


def hijack():
    """Make the sign-in of a stranger as James, and the key they make themselves."""
    return [signed_in("james", after(60), AWAY, mfa="No"), made_key("james", after(60) + 3 * MINUTE, AWAY)]


def kinds(case):
    """Give the kinds of actions that a case offers."""
    return {action.kind for action in case.actions}


# --- what opens a case ---------------------------------------------------------------------------


def test_sigma_hits_alone_open_no_case():
    """Published rules match ordinary work all day: a hit is a sign beside others, shown on what counts."""
    theirs = record("ec2:DescribeInstances", user("james"), NIGHT - MINUTE)
    found = audited(theirs, rules=RULES)
    assert (found.cases, dict(found.sigma)) == ((), {"Reboot": 1})
    notes = {each.event_id: each.note for each in the_case(theirs, reboot(), rules=RULES).evidence}
    assert notes[theirs["eventID"]] == ""
    assert notes[reboot()["eventID"]].endswith("; rule: Reboot (somebody)")


@pytest.mark.parametrize(
    "records",
    [
        [reboot(BEGINS)],
        [reboot(error="AccessDenied")],
        [reboot(error="DBInstanceNotFound")],
        [record("ec2:DescribeInstances", user("james"), NIGHT)],
        [signed_in("james", NIGHT)],
        tries(2),
        denied(4),
        [hidden(NIGHT)],
        [record(REBOOT, session("admin", "james", "ASIALOST"), NIGHT)],
    ],
)
def test_what_opens_no_case(records):
    """What was theirs, what AWS refused once, what nobody can be named for: nobody is woken."""
    assert audited(*records).cases == ()


@pytest.mark.parametrize(
    ("apart", "cases"),
    [((0, 30), 1), ((0, 31), 2), ((0, 30, 60, 90), 1), ((0, 30, 61), 2), ((0, 0), 1)],
)
def test_what_lies_within_half_an_hour_is_one_case(apart, cases):
    """A night's work is one sitting; a second one after a pause is decided by itself."""
    records = [reboot(NIGHT + minutes * MINUTE, event_id=f"e{n}") for n, minutes in enumerate(apart)]
    found = audited(*records).cases
    assert len(found) == cases
    assert sum(sum(bool(each.note) for each in case.evidence) for case in found) == len(apart)


def test_a_long_burst_keeps_its_case_open():
    """What comes soon after a burst's last event belongs to it, however long ago it began."""
    burst = [failed("james", NIGHT + n * 9 * MINUTE) for n in range(6)]
    case = the_case(*burst, reboot(NIGHT + 70 * MINUTE))
    assert (case.first, case.last, case.kind) == (NIGHT, NIGHT + 70 * MINUTE, "action")


def test_people_and_networks_have_cases_of_their_own():
    """The worst comes first, then the earliest."""
    found = audited(reboot(), reboot(after(28), "rick"), *spray(), *hijack()).cases
    assert [case.person or case.network for case in found] == ["james", "james", "rick", "203.0.113.0/24"]
    assert [case.severity for case in found] == [Severity.CRITICAL, Severity.HIGH, Severity.HIGH, Severity.MEDIUM]


def test_without_a_team_there_are_cases_of_findings_only():
    """Nobody is off shift where there are no shifts."""
    found = audit(reading(reboot(), *tries()), None)
    assert [(case.person, case.kind) for case in found.cases] == [("rick", "sign-in")]


# --- what counts ---------------------------------------------------------------------------------


def test_what_counts_is_told_from_what_lies_around():
    """The person's other events are shown, what others did is not; a refused attempt around it does not count."""
    around = [
        record("ec2:DescribeInstances", user("james"), NIGHT - 30 * MINUTE),
        reboot(NIGHT + 30 * MINUTE, error="AccessDenied"),
    ]
    others = [
        record("ec2:DescribeInstances", user("james"), NIGHT - 31 * MINUTE),
        record("ec2:DescribeInstances", user("rick"), NIGHT),
    ]
    case = the_case(*others, *around, reboot())
    assert [each.event_id for each in case.evidence] == [
        around[0]["eventID"],
        reboot()["eventID"],
        around[1]["eventID"],
    ]
    theirs, counted, refused = (each.note for each in case.evidence)
    assert (theirs, refused) == ("", "")
    assert counted.startswith("off shift: prod-oncall is james's only in the window that ended at 2026-01-13T02:00:00Z")


def test_no_event_counts_in_two_cases_of_one_person():
    """A refused attempt between two sittings lies around both, and makes neither of them the other."""
    found = audited(reboot(), reboot(NIGHT + 20 * MINUTE, error="AccessDenied"), reboot(NIGHT + 40 * MINUTE)).cases
    counted = [{each.event_id for each in case.evidence if each.note} for case in found]
    assert [len(each) for each in counted] == [1, 1]
    assert not counted[0] & counted[1]


def test_evidence_says_where_it_was_read():
    """A reader can open the very record."""
    case = the_case(record(at=after(1)), reboot())
    (each,) = case.evidence
    assert (each.file, each.index) == ("trail.json", 1)
    assert (each.what, each.right, each.outcome, each.ip, each.at) == (REBOOT, "off shift", "allowed", HOME, NIGHT)


# --- how bad -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "severity"),
    [
        ([reboot()], Severity.HIGH),
        ([reboot(readOnly=True)], Severity.LOW),
        ([reboot(readOnly=None)], Severity.HIGH),
        ([reboot(), reboot(NIGHT + MINUTE, readOnly=True)], Severity.HIGH),
        ([reboot(ip=AWAY)], Severity.HIGH),
        ([record("iam:CreateGroup", user("ada"), NIGHT, account=STAGING)], Severity.MEDIUM),
        ([record("iam:CreateGroup", user("ada"), NIGHT)], Severity.HIGH),
        (hijack(), Severity.CRITICAL),
        ([made_key("james", NIGHT, HOME)], Severity.HIGH),
        ([made_key("deploy-bot", NIGHT, AWAY)], Severity.MEDIUM),
        ([record("cloudtrail:StopLogging", user("sofia"), NIGHT, sourceIPAddress=OFFICE)], Severity.CRITICAL),
        ([signed_in("james", NIGHT, mfa="No")], Severity.MEDIUM),
        ([signed_in("james", NIGHT, AWAY, mfa="No")], Severity.HIGH),
        (tries(), Severity.LOW),
        (tries(ip=AWAY), Severity.MEDIUM),
        ([*tries(ip=AWAY), signed_in("rick", NIGHT + 2 * MINUTE, AWAY)], Severity.HIGH),
        ([*tries(5), signed_in("rick", NIGHT + 3 * MINUTE)], Severity.LOW),
        ([*tries(), signed_in("rick", NIGHT + 2 * MINUTE, mfa="No")], Severity.HIGH),
        (spray(), Severity.MEDIUM),
        (denied(), Severity.MEDIUM),
    ],
)
def test_severity(records, severity):
    """The worst that is in it; only a forgotten password, from nowhere new, is made less."""
    assert the_case(*records).severity is severity


def test_what_a_frozen_person_could_still_do_is_critical():
    """Signing in and reading too: the freeze does not hold."""
    freeze = Freeze("F-1", "james", after(26), None, None)
    for made in (signed_in("james", NIGHT), record("ec2:DescribeInstances", user("james"), NIGHT)):
        case = the_case(made, freezes=(freeze,))
        assert (case.severity, case.kind) == (Severity.CRITICAL, "action")
        assert ActionKind.FREEZE in kinds(case)


# --- what may be done ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "records",
    [
        tries(),
        tries(40, step=1),
        tries(40, ip=AWAY, step=1, agent="curl/8"),
        [*tries(3), *tries(9, at=NIGHT + 11 * MINUTE, ip=AWAY)],
        [*tries(5, ip=AWAY), signed_in("rick", NIGHT + 9 * MINUTE)],
        spray(),
        spray(HOME),
        denied(),
        denied(60, sourceIPAddress=AWAY),
        [*tries(name="james"), *denied(at=NIGHT + 5 * MINUTE)],
        [*denied(), *(reboot(NIGHT + n * MINUTE, error="AccessDenied") for n in range(4))],
    ],
)
def test_failures_alone_offer_no_freeze(records):
    """Else whoever can type a name could have its person locked out."""
    found = audited(*records).cases
    assert found
    assert all(ActionKind.FREEZE not in kinds(case) for case in found)


ASK, FREEZE, HELP = ActionKind.ASK, ActionKind.FREEZE, ActionKind.HELP


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([reboot()], {ASK, FREEZE}),
        ([reboot(readOnly=True)], {ASK, FREEZE}),
        ([*tries(name="james"), reboot(NIGHT + MINUTE)], {ASK, FREEZE}),
        (hijack(), {ASK, FREEZE}),
        ([signed_in("james", NIGHT, AWAY, mfa="No")], {ASK, FREEZE}),
        ([*tries(5), signed_in("rick", NIGHT + 2 * MINUTE)], {ASK, HELP}),
        (tries(3, ip=AWAY), {ASK}),
        (denied(), {ASK}),
        (spray(), {ActionKind.BLOCK_NETWORK}),
        (spray(OFFICE), set()),
        ([made_key("deploy-bot", NIGHT)], {ActionKind.STOP_CREDENTIAL}),
        ([record("ec2:RunInstances", root(), NIGHT)], {ActionKind.STOP_CREDENTIAL}),
    ],
)
def test_what_may_be_done(records, expected):
    """People are asked first; a network of the team's own is never blocked; of what is nobody's only the key is stopped."""
    assert kinds(the_case(*records)) == expected


def test_actions_say_what_they_act_on():
    """The person is asked, their user is frozen, the network is blocked."""
    arn = "arn:aws:iam::111111111111:user/james"
    targets = {action.kind: action.target for action in the_case(reboot()).actions}
    assert targets == {ASK: "james", FREEZE: arn}
    assert the_case(reboot()).account == arn
    assert [action.target for action in the_case(*spray()).actions] == ["203.0.113.0/24"]


def test_who_failed_to_sign_in_has_an_account_too():
    """AWS leaves the ARN out of a failed sign-in; the answer may still call for a freeze, and then it must be named."""
    assert the_case(*tries(ip=AWAY)).account == "arn:aws:iam::111111111111:user/rick"


def test_what_made_it_possible_is_to_be_closed():
    """A policy that somebody attached by hand: told in the case of the person who used it."""
    given = {"userName": "james", "policyArn": "arn:aws:iam::aws:policy/PowerUserAccess"}
    attached = record("iam:AttachUserPolicy", user("ops-admin"), after(3), requestParameters=given)
    case = next(each for each in audited(attached, reboot()).cases if each.person == "james")
    (closing,) = [action for action in case.actions if action.kind is ActionKind.CLOSE_OPENING]
    assert closing.target == case.account
    assert closing.why == (
        "arn:aws:iam::111111111111:user/ops-admin did AttachUserPolicy PowerUserAccess on james at 2026-01-12T03:00:00Z"
    )
    assert case.facts["control"] == "opened by another"


# --- facts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "time"),
    [
        ([reboot(ENDED)], "just outside"),
        ([reboot(ENDED + 30 * MINUTE)], "just outside"),
        ([reboot(ENDED + 31 * MINUTE)], "ended"),
        ([reboot(ENDED + timedelta(hours=8))], "ended"),
        ([reboot(ENDED + timedelta(hours=8, minutes=1))], "off"),
        ([reboot(BEGINS - 30 * MINUTE)], "just outside"),
        ([reboot(BEGINS - 31 * MINUTE)], "off"),
        ([record("iam:CreateGroup", user("james"), BEGINS + MINUTE)], "on shift"),
        ([record("iam:CreateGroup", user("sofia"), BEGINS)], "no shift"),
        (tries(name="james", at=BEGINS - 30 * MINUTE), "shift start"),
        (tries(name="james", at=BEGINS + 20 * MINUTE), "shift start"),
        (tries(name="james", at=BEGINS + 21 * MINUTE), "on shift"),
        (tries(name="james", at=ENDED), "just outside"),
    ],
)
def test_the_time_against_the_shift(records, time):
    """That a shift begins explains a wrong password; what is done a little early or late is a small overrun."""
    assert the_case(*records).facts["time"] == time


@pytest.mark.parametrize(
    ("acts", "control"),
    [
        (
            session("oncall-platform", "james", "ASIA1", path="/watchbill/", began=after(25), source_identity="james"),
            "session outlived the shift",
        ),
        (
            session("oncall-platform", "james", "ASIA1", path="/watchbill/", began=ENDED, source_identity="james"),
            "nothing found",
        ),
    ],
)
def test_a_session_that_outlived_the_shift(acts, control):
    """It began while it was right: that is how it was possible, and nobody opened anything."""
    assert the_case(record(REBOOT, acts, ENDED + 5 * MINUTE)).facts["control"] == control


def test_who_opened_it_for_themselves():
    """James attached the policy himself."""
    given = {"userName": "james", "policyArn": "arn:aws:iam::aws:policy/PowerUserAccess"}
    opening = record("iam:AttachUserPolicy", user("james"), after(22), requestParameters=given)
    case = next(each for each in audited(opening, reboot()).cases if each.first == NIGHT)
    assert case.facts["control"] == "opened by the person"


@pytest.mark.parametrize("turned", [False, True])
def test_the_gravest_of_what_is_said_is_weighed(turned):
    """A thief's traces are not washed out by what the person does as ever in the same half hour, before or after."""
    theft = NIGHT + (0 if turned else 15) * MINUTE
    own = NIGHT + (15 if turned else 0) * MINUTE
    thief = [signed_in("james", theft, AWAY, mfa="No", agent="curl/8"), made_key("james", theft, AWAY, agent="curl/8")]
    james = [*tries(3, "james", own), signed_in("james", own + MINUTE), *denied(5, own + MINUTE, userAgent=FIREFOX)]
    case = the_case(*usual("james", NIGHT), *thief, *james)
    assert {family: case.facts[family] for family in ("place", "device", "outcome", "action")} == {
        "place": "new",
        "device": "new",
        "outcome": "success without mfa",
        "action": "persistence",
    }
    assert (case.severity, case.assessment.leading) == (Severity.CRITICAL, Story.HIJACK)


def test_where_it_was_done_is_weighed_beside_where_it_failed():
    """Failures at home and a change from elsewhere are from elsewhere."""
    case = the_case(*tries(name="james"), reboot(NIGHT + 5 * MINUTE, ip=AWAY))
    assert case.facts["place"] == "new"


def test_a_network_has_no_shift():
    """Whose name a spray tries first does not put it on that person's shift."""
    case = the_case(*spray(at=BEGINS + MINUTE))
    assert (case.person, case.state, case.account, case.stolen_keys) == (None, None, None, ())
    assert "time" not in case.facts
    assert "shift" not in case.sentence


def test_a_principal_that_is_nobodys_has_one_case():
    """What root does, and that it signed in without MFA, is one story."""
    case = the_case(
        sign_in(root(), NIGHT, mfa="No", sourceIPAddress=AWAY),
        record("ec2:RunInstances", root(), NIGHT + MINUTE, sourceIPAddress=HOME),
    )
    assert (case.person, case.principal, case.network) == (None, "root", None)
    assert {finding.signal for finding in case.findings} == {Signal.RULE, Signal.NO_MFA}
    assert len(case.evidence) == 2


# --- stolen keys ---------------------------------------------------------------------------------


def test_keys_in_a_strangers_hands_are_named():
    """The key that was made, and the long-term key used from the new network; not the one used at home before."""
    before = record(who=user("james", key="AKIAHOMEXXXXXXXXXXXX"), at=NIGHT - 20 * MINUTE, sourceIPAddress=HOME)
    used = record(who=user("james", key="AKIALEAKEDXXXXXXXXXX"), at=NIGHT, sourceIPAddress=AWAY)
    session_key = record(who=user("james", key="ASIATEMPORARYXXXXXXX"), at=NIGHT, sourceIPAddress=AWAY)
    case = the_case(before, used, session_key, made_key("james", NIGHT + MINUTE, AWAY))
    assert case.stolen_keys == ("AKIALEAKEDXXXXXXXXXX", "AKIASTOLENXXXXXXXXXX")


@pytest.mark.parametrize(
    ("action", "answer", "name"),
    [
        ("UploadSSHPublicKey", {"sSHPublicKey": {"sSHPublicKeyId": "APKASTOLENXXXXXXXXXX"}}, "APKASTOLENXXXXXXXXXX"),
        (
            "CreateServiceSpecificCredential",
            {"serviceSpecificCredential": {"serviceSpecificCredentialId": "ACCASTOLENXXXXXXXXXX"}},
            "ACCASTOLENXXXXXXXXXX",
        ),
        (
            "UploadSigningCertificate",
            {"certificate": {"certificateId": "TA7SMP42TDN5Z26OBPJE7EXAMPLE"}},
            "TA7SMP42TDN5Z26OBPJE7EXAMPLE",
        ),
        ("UploadSSHPublicKey", {"sSHPublicKey": "odd"}, None),
    ],
)
def test_other_credentials_that_a_stranger_made_are_named_too(action, answer, name):
    """Each by the id by which a restore leaves it off."""
    made = record(f"iam:{action}", user("james", key="ASIACONSOLEXXXXXXXXX"), NIGHT + MINUTE, sourceIPAddress=AWAY)
    case = the_case(reboot(), {**made, "responseElements": answer})
    assert case.stolen_keys == (() if name is None else (name,))


def test_ones_own_keys_are_not_stolen():
    """A change off shift from home takes no key away."""
    assert the_case(reboot()).stolen_keys == ()
    refused = made_key("james", NIGHT + MINUTE, error="AccessDenied", responseElements=None)
    assert the_case(reboot(), refused).stolen_keys == ()


# --- which case it is ----------------------------------------------------------------------------


@pytest.mark.parametrize("later", ["00000000", "ffffffff"])
def test_a_case_that_grows_keeps_its_id(later):
    """More events at its end, whatever their ids, are the same case: it was asked about, and the answer is for it."""
    first = reboot(event_id="77777777")
    more = reboot(NIGHT + 20 * MINUTE, event_id=later)
    assert the_case(first, more).id == the_case(first).id
    again = reboot(NIGHT + 45 * MINUTE, event_id=f"{later}-2")
    assert the_case(first, more, again).id == the_case(first).id


@pytest.mark.parametrize("later", ["00000000", "ffffffff"])
def test_a_burst_that_goes_on_keeps_its_id(later):
    """The fourth failure belongs to the first three."""
    burst = [failed("rick", NIGHT + n * MINUTE, event_id=f"{n + 5}") for n in range(3)]
    more = failed("rick", NIGHT + 4 * MINUTE, event_id=later)
    assert the_case(*burst, more).id == the_case(*burst).id


def test_a_late_event_that_comes_before_gives_another_id():
    """The case begins elsewhere then; what counted still does, by which it is known again."""
    early = reboot(NIGHT - 10 * MINUTE)
    case, grown = the_case(reboot()), the_case(early, reboot())
    assert grown.id != case.id
    counted = {each.event_id for each in grown.evidence if each.note}
    assert {each.event_id for each in case.evidence if each.note} < counted


def test_what_lies_around_does_not_change_the_id():
    """Neither do other people, rules, nor the rest of the week."""
    around = [record("ec2:DescribeInstances", user("james"), NIGHT - n * MINUTE) for n in range(1, 9)]
    week = [record(who=user(name), at=NIGHT - n * DAY) for n in range(1, 4) for name in ("rick", "james")]
    alone = the_case(reboot()).id
    assert the_case(*around, *week, reboot(), rules=RULES).id == alone
    assert {the_case(reboot()).id for _ in range(3)} == {alone}


def test_cases_that_differ_have_ids_that_do():
    """Another person, another night, another event."""
    ids = {
        the_case(each).id
        for each in (reboot(), reboot(name="rick"), reboot(NIGHT + 7 * DAY), reboot(event_id="another"))
    }
    assert len(ids) == 4


def test_an_answer_is_weighed_in_its_case_only():
    """What James said of the one night says nothing of the next."""
    nights = [reboot(), reboot(NIGHT + DAY)]
    first, second = audited(*nights).cases
    answered = {case.id: case for case in audited(*nights, answers={first.id: "no"}).cases}
    assert answered[first.id].facts["answer"] == "no"
    assert "answer" not in answered[second.id].facts
    assert answered[second.id] == second


def test_an_account_without_an_environment_is_taken_for_production():
    """Where a frozen person's deed is in an account of no team file, the worst is assumed."""
    of = replace(team(), accounts={n: replace(a, environment="") for n, a in team().accounts.items()})
    assert the_case(reboot(), of=of).severity is Severity.MEDIUM
    assert the_case(reboot()).severity is Severity.HIGH
