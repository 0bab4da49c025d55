"""RFC 5424, read back by a reader of our own that knows the grammar and nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.alerts.export.samples import evidence, kept

from watchbill.alerts.export.syslog import LEAST, TCP_MOST, UDP_MOST, framed, message


HEADER = re.compile(
    rb"<(?P<pri>\d{1,3})>1 (?P<at>\S+) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
)
PARAM = re.compile(rb' (?P<name>[!#-<>-\\^-~]{1,32})="(?P<value>(?:[^"\\\]]|\\["\\\]])*)"')


def read(data: bytes):
    """Read a message by the grammar of RFC 5424, 6, to the last byte."""
    head = HEADER.match(data)
    assert head, data[:80]
    rest = data[head.end() :]
    named = re.match(rb"\[[!#-<>-\\^-~]{1,32}", rest)
    assert named, rest[:80]
    position, params = named.end(), {}
    while match := PARAM.match(rest, position):
        value = re.sub(rb"\\(.)", rb"\1", match["value"]).decode()
        assert match["name"] not in params
        params[match["name"].decode()] = value
        position = match.end()
    assert rest[position : position + 2] == b"] ", rest[position : position + 40]
    text = rest[position + 2 :]
    assert text.startswith(b"\xef\xbb\xbf")
    return head, rest[1 : named.end()].decode(), params, text[3:].decode()


def test_a_message_says_the_case():
    """The facts as structured data, the sentence as text."""
    head, name, params, text = read(message(kept(), "host.example", TCP_MOST))
    assert (head["host"], head["app"], head["id"]) == (b"host.example", b"watchbill", b"case-action")
    assert name == "watchbill@32473"
    assert (params["id"], params["person"], params["severity"]) == ("C-1a2b3c", "james", "high")
    assert params["event_ids"] == "e0001; e0002"
    assert "trimmed" not in params
    assert text == "james changed prod 60 minutes after the shift ended"


@pytest.mark.parametrize(
    ("severity", "pri"), [("critical", 82), ("high", 83), ("medium", 84), ("low", 85), ("info", 86), ("?", 86)]
)
def test_the_priority_is_of_security_and_the_severity(severity, pri):
    """Facility 10 times 8, and the level."""
    head, *_ = read(message(kept(severity=severity), "h"))
    assert int(head["pri"]) == pri


@given(
    st.sampled_from([LEAST, 600, UDP_MOST, TCP_MOST]),
    st.text(st.characters(codec=None), max_size=3000),
    st.integers(0, 60),
)
def test_no_message_is_split_or_too_long(most, text, events):
    """Whatever is in it and however much: one message of the grammar, on one line, and what was left out is said."""
    long = kept(
        sentence=text,
        person=text or None,
        how_known=text * 3,
        note=text,
        findings=[text] * 3,
        evidence=[evidence(n, event_id=f"{n}{text}") for n in range(events)],
    )
    data = message(long, "h" * 300, most)
    assert len(data) <= most
    assert min(data) >= ord(" ")
    _, _, params, shown = read(data)
    assert params["id"] == "C-1a2b3c"
    is_whole = len(message(long, "h" * 300, 1_000_000)) <= most
    assert is_whole == ("trimmed" not in params and not shown.endswith("... (cut)"))


def test_what_was_left_out_is_said():
    """The least important facts go first, and are counted."""
    long = kept(how_known="x" * 900, evidence=[evidence(n, file=f"f{n}" * 50) for n in range(40)])
    whole = read(message(long, "h", TCP_MOST * 4))[2]
    short = read(message(long, "h", UDP_MOST))[2]
    assert "trimmed" not in whole
    assert int(short["trimmed"]) == len(whole) - (len(short) - 1)
    assert "trail_files" not in short
    assert {"id", "state_id", "severity", "person", "account_arn"} <= set(short)


def test_values_are_escaped():
    """A quote, a backslash and a bracket end nothing."""
    _, _, params, _ = read(message(kept(person='a"] [x@1 y="z\\'), "h"))
    assert params["person"] == 'a"] [x@1 y="z\\'


def test_octets_are_counted():
    """Of bytes, not of characters."""
    data = message(kept(sentence="é" * 10), "h")
    assert framed(data) == str(len(data)).encode() + b" " + data
