"""The question to a person, and how long its answer is waited for."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trails import after, record, user
from tests.unit.alerts.records import AWAY, FIREFOX, HOME, failed, made_key, signed_in, the_case, usual

from watchbill.alerts.plain import view
from watchbill.alerts.stories import Story
from watchbill.alerts.view import EvidenceView
from watchbill.errors import RefusedError
from watchbill.respond.ask import deadline, question


MINUTE = timedelta(minutes=1)
NIGHT = after(27)


@cache
def late():
    """Give the case of a change after the shift."""
    change = record("rds:RebootDBInstance", user("james"), NIGHT, sourceIPAddress=HOME, userAgent=FIREFOX)
    return view(the_case(*usual("james", NIGHT), change))


def forgot(*, ip=HOME, mfa="Yes", ends=True, history=True):
    """Give the case of Rick's failed sign-ins as his shift begins."""
    begins = after(11)
    burst = [failed("rick", begins + n * MINUTE, ip) for n in range(5)]
    end = [signed_in("rick", begins + 6 * MINUTE, ip, mfa=mfa)] if ends else []
    return view(the_case(*(usual("rick", begins) if history else []), *burst, *end))


def hijack():
    """Give the case of a stranger as James."""
    at = after(60)
    stolen = [signed_in("james", at, AWAY, mfa="No"), made_key("james", at + MINUTE, AWAY)]
    return view(the_case(*usual("james", at), *stolen))


def counting(*whats, ips=(HOME,)):
    """Give a case whose events are of these names and addresses."""
    made = late()
    events = [
        EvidenceView(f"e{n}", made.first, what, "off shift", "allowed", ips[n % len(ips)], "f", n, "off shift")
        for n, what in enumerate(whats)
    ]
    return replace(made, evidence=events)


# --- the question --------------------------------------------------------------------------------


def test_the_question_tells_what_was_seen():
    """When, what, and from where, in one line that asks for yes or no and for nothing else."""
    case = late()
    assert question(case) == (
        f"Security question {case.id}: between 2026-01-13T03:00:00Z and 2026-01-13T03:00:00Z we saw "
        "rds:RebootDBInstance under your name from 198.51.100.7. "
        "Was that you? Answer yes or no. We never ask for passwords."
    )


@pytest.mark.parametrize("case", [late(), forgot(), forgot(ip=AWAY, ends=False), hijack()])
def test_the_question_tells_nothing_of_what_is_suspected(case):
    """Whoever reads it may be the thief: neither the story nor what gave them away is told."""
    text = question(case).lower()
    for story in Story:
        assert story not in text
    told = {*case.facts.values(), case.severity, *(finding.lower() for finding in case.findings), case.question}
    for word in {*told, "off shift", "beyond", "suspect", "freeze", "mfa", "network", "new"}:
        assert word not in text, word


def test_what_merely_lies_around_is_not_asked_about():
    """The question is about what counts."""
    around = record("ec2:DescribeInstances", user("james"), NIGHT + MINUTE, sourceIPAddress=AWAY)
    change = record("rds:RebootDBInstance", user("james"), NIGHT, sourceIPAddress=HOME)
    text = question(view(the_case(change, around)))
    assert "DescribeInstances" not in text
    assert AWAY not in text


def test_much_is_told_short():
    """Each call and address once, the first few by name and the rest in number."""
    calls = ["a:A", "b:B", "a:A", "c:C", "d:D", "e:E", "f:F"]
    text = question(counting(*calls, ips=("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", None)))
    assert "we saw a:A, b:B, c:C, d:D and 2 more under your name" in text
    assert "from 192.0.2.1, 192.0.2.2, 192.0.2.3 and 1 more. Was that you?" in text
    assert " from " not in question(counting("a:A", ips=(None,)))
    assert "more" not in question(counting(*calls[:5], ips=("192.0.2.1", "192.0.2.2", "192.0.2.3")))


HOSTILE = ["\n", "\r\n", "\x1b[31m", "\x00", "\u202e", "\u2028", "\x85", "\t"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_break_no_line(text):
    """Who writes a record by hand may put anything into a name: it is shown, and does nothing."""
    asked = question(counting(f"x:Name{text}Your account is safe", ips=(f"{HOME}{text}",)))
    assert asked.isprintable()
    assert f"\\u{ord(text[0]):04x}" in asked


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_question_is_one_printable_line(what, ip):
    """Whatever the record says."""
    assert question(counting(what, ips=(ip,))).isprintable()


def test_nobody_is_asked_about_a_network():
    """There is no person whose answer would settle it."""
    spray = the_case(*(failed(name, NIGHT + n * MINUTE, AWAY) for n, name in enumerate(("ada", "rick", "lee"))))
    with pytest.raises(RefusedError, match="names no person"):
        question(view(spray))


@pytest.mark.parametrize(
    ("severity", "minutes"),
    [("critical", 5), ("high", 10), ("medium", 30), ("low", 120), ("info", 120)],
)
def test_the_worse_the_sooner(severity, minutes):
    """Silence on a critical case is not waited out over lunch."""
    assert deadline(replace(late(), severity=severity), NIGHT) == NIGHT + minutes * MINUTE
