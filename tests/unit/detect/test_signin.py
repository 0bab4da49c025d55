"""Failed and unusual sign-ins: who is a spray, who forgot a password, and who is never named."""

from datetime import timedelta
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import PRODUCTION, STAGING, team
from tests.trails import FOREIGN, after, record, root, session, sign_in, user
from tests.unit.alerts.records import AWAY, FIREFOX, HOME, OFFICE, failed, hidden, seen, signed_in, usual

from watchbill.detect.baseline import learn
from watchbill.detect.model import Severity, Signal
from watchbill.detect.signin import sign_in_findings
from watchbill.trail.attribute import attribute
from watchbill.trail.model import HIDDEN


NOON = after(12)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def found(*records):
    """Give the findings of records by the team file."""
    events = seen(records)
    return list(sign_in_findings(events, learn(events, team())))


def tried(names, ip=AWAY, step=20 * SECOND):
    """Make failures one after the other; `-` is a hidden name."""
    return [
        hidden(NOON + n * step, ip) if name == "-" else failed(name, NOON + n * step, ip)
        for n, name in enumerate(names)
    ]


def failures(count, name="rick", ip=HOME, step=20 * SECOND):
    """Make some failures of one person."""
    return tried([name] * count, ip, step)


# --- a spray or a person -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["james", "rick", "ada"], [Signal.SPRAY]),
        (["james", "rick", "contractor"], [Signal.SPRAY]),
        (["-"] * 5, [Signal.SPRAY]),
        (["rick", *["-"] * 5], [Signal.SPRAY]),
        (["rick", "rick", "rick", *["-"] * 5], [Signal.SPRAY]),
        (["james", "rick", *["-"] * 4], [Signal.SPRAY]),
        (["james", "rick", *["-"] * 3], []),
        (["-"] * 4, []),
    ],
)
def test_many_names_are_a_spray(names, expected):
    """Three names, or as many that AWS hides: the network is the subject and nobody's failures are counted."""
    findings = found(*tried(names))
    assert [each.signal for each in findings] == expected
    for spray in findings:
        assert (spray.person, spray.principal, spray.network) == (None, None, "203.0.113.0/24")
        assert len(spray.event_ids) == len(names)
        assert spray.facts == {
            "breadth": "many names",
            "rhythm": "human",
            "place": "new",
            "outcome": "failures only",
        }


@pytest.mark.parametrize(
    ("names", "people"),
    [
        (["rick"] * 9, ["rick"]),
        (["rick"] * 3 + ["james"] * 3, ["james", "rick"]),
        (["rick", "james"] * 6, ["james", "rick"]),
        (["rick", "rick", "rick", "james"], ["rick"]),
        (["rick", "rick", "rick", "-"], ["rick"]),
    ],
)
def test_people_who_mistype_at_the_office_are_no_spray(names, people):
    """However often one or two people fail behind one address, it is they, each for themselves."""
    findings = found(*tried(names, OFFICE))
    assert [(each.signal, each.person) for each in findings] == [(Signal.FAILED_SIGN_INS, p) for p in people]


@pytest.mark.parametrize(
    ("who", "principal", "words"),
    [
        ("contractor", "contractor", "contractor of account 111111111111"),
        ("deploy-bot", "deploy-bot", "deploy-bot of account 111111111111"),
    ],
)
def test_one_name_that_is_nobodys_is_no_spray(who, principal, words):
    """Many failures under one name are one name's, also where the team file has nobody of it."""
    (finding,) = found(*failures(8, who, AWAY))
    assert (finding.signal, finding.person, finding.principal) == (Signal.FAILED_SIGN_INS, None, principal)
    assert finding.title == f"8 failed sign-ins as {words}, no success"
    assert finding.facts["breadth"] == "one name"


def test_root_is_one_name_in_each_account():
    """Whoever tries the root user of one account has tried one name, and not the same as in another."""
    tries = [
        sign_in(root(account=account), NOON + n * MINUTE, mfa="No", success=False, account=account)
        for account in (PRODUCTION, STAGING)
        for n in range(4)
    ]
    findings = found(*tries)
    assert [each.title for each in findings] == [
        "4 failed sign-ins as root of account 111111111111, no success",
        "4 failed sign-ins as root of account 222222222222, no success",
    ]
    assert {each.principal for each in findings} == {"root"}


def test_a_namesake_elsewhere_is_not_the_person():
    """A user `rick` of an account of nobody's team fails for himself."""
    findings = found(*failures(2), *(failed("rick", NOON + n * MINUTE, account=FOREIGN) for n in range(2)))
    assert findings == []


def test_a_spray_is_told_in_one_sentence():
    """How many, from where, over how many names."""
    (spray,) = found(*tried(["james", "rick", "ada", *["-"] * 20], step=SECOND))
    assert spray.title == "23 failed sign-ins from 203.0.113.0/24: 3 known names, 20 under hidden names"
    assert (spray.severity, spray.facts["rhythm"]) == (Severity.MEDIUM, "machine")
    assert (spray.first, spray.last) == (NOON, NOON + 22 * SECOND)


def test_sprays_are_told_apart_by_network_and_by_time():
    """Two networks, or two evenings, are two sprays."""
    twice = [
        failed(name, NOON + n * MINUTE, ip) for ip in (AWAY, HOME) for n, name in enumerate(("ada", "lee", "rick"))
    ]
    later = [failed(name, NOON + (n + 60) * MINUTE, AWAY) for n, name in enumerate(("ada", "lee", "rick"))]
    assert [each.network for each in found(*twice, *later)] == ["198.51.100.0/24", "203.0.113.0/24", "203.0.113.0/24"]


# --- the names that AWS hides --------------------------------------------------------------------

_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["-", "rick", "james", "contractor", HIDDEN]),
        st.sampled_from([AWAY, HOME, OFFICE, None, "signin.amazonaws.com"]),
        st.integers(1, 900),
        st.booleans(),
    ),
    max_size=20,
)


@given(_EVENTS, st.booleans())
def test_a_hidden_name_names_nobody(steps, with_team):
    """Whatever fails or gets in under it, no finding is about a hidden name: it may be a password, or anybody's."""
    times = accumulate((seconds for _, _, seconds, _ in steps), initial=0)
    records = []
    for (name, ip, _, success), seconds in zip(steps, times, strict=False):
        at, user_name = NOON + seconds * SECOND, HIDDEN if name == "-" else name
        records.append(signed_in(user_name, at, ip, mfa="No") if success else failed(user_name, at, ip))
    of = team() if with_team else None
    events = attribute([each.event for each in seen(records)], of)
    findings = list(sign_in_findings(events, learn(events, of)))
    by_id = {each.event.id: each.event for each in events}
    for finding in findings:
        assert HIDDEN not in str(finding.person)
        names = {by_id[event_id].identity.user_name for event_id in finding.event_ids}
        if finding.signal is Signal.FAILED_SIGN_INS:
            assert len(names) == 1
            assert HIDDEN not in names
        if finding.person:
            assert names == {finding.person}


# --- bursts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ((0, 20), []),
        ((0, 20, 40), [3]),
        ((0, 600, 1200), [3]),
        ((0, 600, 1201), []),
        ((0, 20, 40, 700, 720, 740), [3, 3]),
        ((0, 20, 700, 720), []),
    ],
)
def test_three_failures_are_a_burst(seconds, expected):
    """Two are a slip of the fingers; ten quiet minutes end it."""
    findings = found(*(failed("rick", NOON + s * SECOND) for s in seconds))
    assert [len(each.event_ids) for each in findings] == expected


@pytest.mark.parametrize(
    ("minutes", "who", "ip", "mfa", "ending"),
    [
        (0, "rick", HOME, "Yes", "then success with mfa"),
        (30, "rick", HOME, "Yes", "then success with mfa"),
        (30.1, "rick", HOME, "Yes", "no success"),
        (-3, "rick", HOME, "Yes", "no success"),
        (1, "rick", HOME, "No", "then success without mfa"),
        (1, "rick", HOME, None, "then success"),
        (1, "james", HOME, "Yes", "no success"),
        (1, "rick", "198.51.100.200", "Yes", "then success with mfa"),
        (1, "rick", OFFICE, "Yes", "no success"),
        (1, "rick", AWAY, "No", "no success"),
    ],
)
def test_a_burst_ends_where_it_was(minutes, who, ip, mfa, ending):
    """The sign-in that ends it is by the same person, soon, and from the same network."""
    burst = failures(3)
    at = NOON + 40 * SECOND + minutes * MINUTE
    more = {} if mfa else {"additionalEventData": {"MobileVersion": "No"}}
    success = signed_in(who, at, ip, mfa=mfa or "", **more)
    finding = next(each for each in found(*burst, success) if each.signal is Signal.FAILED_SIGN_INS)
    assert finding.title == f"3 failed sign-ins as rick, {ending}"
    ended = ending.removeprefix("then ").replace("no success", "failures only")
    assert finding.facts["outcome"] == ended
    assert finding.event_ids[3:] == ((success["eventID"],) if ending.startswith("then") else ())
    assert finding.last == (at if ending.startswith("then") else NOON + 40 * SECOND)


@pytest.mark.parametrize(
    ("count", "ip", "step", "mfa", "staged"),
    [
        (3, HOME, 20, "Yes", True),
        (4, HOME, 20, "Yes", True),
        (5, HOME, 20, "Yes", False),
        (3, AWAY, 20, "Yes", False),
        (3, HOME, 1, "Yes", False),
        (3, HOME, 20, "No", False),
        (3, HOME, 20, None, False),
    ],
)
def test_a_slip_that_ends_in_a_second_factor_opens_no_case(count, ip, step, mfa, staged):
    """Everybody mistypes a password now and then; more often, faster, from elsewhere or without MFA it is told."""
    success = [signed_in("rick", NOON + 3 * MINUTE, ip, mfa=mfa)] if mfa else []
    said = found(*failures(count, ip=ip, step=step * SECOND), *success)
    assert next(each for each in said if each.signal is Signal.FAILED_SIGN_INS).staged is staged


def test_coming_to_work_excuses_nobody_who_failed_elsewhere():
    """Somebody guesses from another country while Rick begins his shift at home: his sign-in is not theirs."""
    findings = found(*failures(9, ip=AWAY), signed_in("rick", NOON + 5 * MINUTE))
    (finding,) = findings
    assert (finding.facts["outcome"], finding.facts["place"]) == ("failures only", "new")


def test_the_place_of_a_burst_is_the_strangest_of_it():
    """One of Rick's own slips before does not make the others' place his home, nor their device his."""
    slip = failed("rick", NOON - MINUTE)
    rest = [failed("rick", NOON + n * MINUTE, AWAY, agent="curl/8") for n in range(3)]
    (finding,) = found(*usual("rick", NOON), slip, *rest)
    assert (finding.facts["place"], finding.facts["device"]) == ("new", "new")
    (alone,) = found(*usual("rick", NOON), *failures(3))
    assert (alone.facts["place"], alone.facts["device"]) == ("usual", "usual")


@pytest.mark.parametrize(
    ("ip", "agent", "mfa", "severity"),
    [
        (HOME, FIREFOX, "Yes", Severity.MEDIUM),
        (HOME, FIREFOX, None, Severity.MEDIUM),
        (HOME, FIREFOX, "No", Severity.HIGH),
        (AWAY, FIREFOX, "Yes", Severity.HIGH),
        (HOME, "curl/8", "Yes", Severity.HIGH),
        (AWAY, "curl/8", None, Severity.MEDIUM),
    ],
)
def test_getting_in_strangely_is_worse(ip, agent, mfa, severity):
    """Failures that stay failures are medium from anywhere; a success that is new in place, device or form is high."""
    burst = [failed("rick", NOON + n * MINUTE, ip, agent=agent) for n in range(3)]
    ends = [signed_in("rick", NOON + 3 * MINUTE, ip, mfa=mfa, agent=agent)] if mfa else []
    finding = next(e for e in found(*usual("rick", NOON), *burst, *ends) if e.signal is Signal.FAILED_SIGN_INS)
    assert finding.severity is severity


@pytest.mark.parametrize(
    ("steps", "rhythm"),
    [
        ([20, 30], "human"),
        ([3.9] * 3, "machine"),
        ([4, 5, 9], "human"),
        ([1, 30, 30], "human"),
        ([60] * 8, "machine"),
        ([60] * 7, "human"),
        ([50, 55, 60, 60, 60, 65, 70, 75], "machine"),
        ([10, 200, 15, 90, 40, 130, 25, 300], "human"),
    ],
)
def test_a_machine_is_told_by_its_rhythm(steps, rhythm):
    """Faster than a hand, or as even as no hand over many tries."""
    times = accumulate(steps, initial=0)
    burst = [failed("rick", NOON + s * SECOND, eventTime=(NOON + s * SECOND).isoformat()) for s in times]
    (finding,) = found(*burst)
    assert finding.facts["rhythm"] == rhythm


# --- sign-ins without MFA ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "ip", "severity", "title"),
    [
        (user("james"), HOME, Severity.MEDIUM, "console sign-in as james without MFA from 198.51.100.0/24"),
        (user("james"), AWAY, Severity.HIGH, "console sign-in as james without MFA from 203.0.113.0/24"),
        (root(), AWAY, Severity.HIGH, "console sign-in as root without MFA from 203.0.113.0/24"),
        (root(), "AWS Internal", Severity.MEDIUM, "console sign-in as root without MFA from AWS Internal"),
    ],
)
def test_a_sign_in_without_mfa_is_found(who, ip, severity, title):
    """It is told of whom, a person or else what AWS saw, and weighs more from a new network."""
    (finding,) = found(sign_in(who, NOON, mfa="No", sourceIPAddress=ip))
    assert (finding.signal, finding.severity, finding.title) == (Signal.NO_MFA, severity, title)
    james = who["type"] == "IAMUser"
    assert (finding.person, finding.principal) == (("james", None) if james else (None, "root"))
    assert finding.facts["outcome"] == "success without mfa"


@pytest.mark.parametrize(
    "made",
    [
        sign_in(user("james"), NOON),
        sign_in(user("james"), NOON, mfa="No", success=False),
        sign_in(user("james"), NOON, additionalEventData={"MobileVersion": "No"}),
        sign_in(session("sso", "james", "ASIA1"), NOON, mfa="No"),
        record("ec2:DescribeInstances", user("james", mfa=False), NOON),
    ],
)
def test_what_is_no_sign_in_without_mfa(made):
    """With MFA, without success, by an identity provider that asked for its own, or where the record does not say."""
    assert found(made) == []
