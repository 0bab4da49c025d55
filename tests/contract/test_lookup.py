"""LookupEvents by real boto3, against a server of ours: the stand-in has no such call.

What the server answers is checked against botocore's own model of the service, so that it cannot say what AWS never
would. Nothing here was run against AWS.
"""

import pytest
from tests.lookups import MODEL, Trail, looked_up
from tests.trails import after, record

from watchbill.aws.lookup import PACE, PAGE, look_up
from watchbill.errors import ProviderError
from watchbill.intervals import Interval
from watchbill.trail.read import combine, read_file


SPAN = Interval(after(0), after(24))
EVENTS = [record("ec2:StopInstances", at=after(n / 10), event_id=f"e{n:03}") for n in range(130)]


def read(files):
    """Read the answers as files of a trail."""
    return combine([read_file(name, data) for name, data in files])


def test_every_page_is_asked_for_and_read_as_a_trail():
    """Each record is what CloudTrail wrote, in order of time, and each answer is a file by its region and number."""
    waits: list[float] = []
    with Trail(EVENTS) as trail:
        files = list(look_up(trail.client(), SPAN, sleep=waits.append))
    assert [name for name, _ in files] == [f"lookup/eu-west-1/{n:06}.json" for n in range(3)]
    found = read(files)
    assert [event.record for event in found.events] == EVENTS
    assert found.problems == ()
    assert [(asked["MaxResults"], asked.get("NextToken")) for asked in trail.asked] == [
        (PAGE, None),
        (PAGE, "50"),
        (PAGE, "100"),
    ]
    assert [(asked["StartTime"], asked["EndTime"]) for asked in trail.asked] == [
        (SPAN.start.timestamp(), SPAN.end.timestamp())
    ] * 3


def test_calls_are_paced_to_two_a_second():
    """Between calls it waits for what is left of half a second, and not at all after a slow one."""
    waits: list[float] = []
    ticks = iter([0.0, 0.1, 10.0, 10.9, 20.0, 20.2, 30.0])
    with Trail([*EVENTS, *(record(at=after(20), event_id=f"f{n}") for n in range(60))]) as trail:
        files = list(look_up(trail.client(), SPAN, sleep=waits.append, clock=lambda: next(ticks)))
    assert len(files) == 4
    assert waits == pytest.approx([PACE - 0.1, PACE - 0.2])


def test_a_throttled_call_is_made_again():
    """AWS throttles what others of the account ask for at the same time, too."""
    throttled = {"__type": "ThrottlingException", "message": "Rate exceeded"}
    with Trail(EVENTS[:3], throttled) as trail:
        found = read(look_up(trail.client(), SPAN, sleep=lambda _: None))
    assert [event.id for event in found.events] == ["e000", "e001", "e002"]
    assert len(trail.asked) == 2


def test_what_aws_refuses_is_said_and_what_came_before_is_kept():
    """A token that has run out ends it: what was yielded is there, and the caller knows that more is missing."""
    refused = {"__type": "InvalidNextTokenException", "message": "the token is not valid"}
    with Trail(EVENTS) as trail:
        files = look_up(trail.client(), SPAN, sleep=lambda _: trail.errors.append(refused))
        first = next(files)
        with pytest.raises(ProviderError, match="InvalidNextToken"):
            next(files)
    assert len(read([first]).events) == PAGE


def test_it_can_be_narrowed():
    """To one user, or to insights; nothing else is asked then."""
    with Trail(EVENTS) as trail:
        assert read(look_up(trail.client(), SPAN, ("Username", "nobody"))).events == ()
        assert read(look_up(trail.client(), Interval(after(-5), after(-4)), insights=True)).events == ()
    assert trail.asked[0]["LookupAttributes"] == [{"AttributeKey": "Username", "AttributeValue": "nobody"}]
    assert trail.asked[1]["EventCategory"] == "insight"


@pytest.mark.parametrize("bad", [{"EventId": "e"}, {"EventId": "e", "CloudTrailEvent": "{"}, {}])
def test_an_answer_without_its_record_is_a_problem(bad):
    """It is named with its place, and the others of its page are events."""
    with Trail(EVENTS[:2]) as trail:
        trail.answer = lambda *_: {"Events": [looked_up(EVENTS[0]), bad, looked_up(EVENTS[1])]}
        found = read(look_up(trail.client(), SPAN))
    assert [event.id for event in found.events] == ["e000", "e001"]
    assert [problem.file for problem in found.problems] == ["lookup/eu-west-1/000000.json"]


def test_the_limits_are_those_of_the_model():
    """Fifty a page, as botocore's model of the service says, and two a second, as its description says."""
    assert MODEL.input_shape.members["MaxResults"].metadata["max"] == PAGE
    assert "limited to two per second" in MODEL.documentation
    assert 2 * PACE >= 1
