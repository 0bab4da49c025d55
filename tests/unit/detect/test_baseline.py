"""What is usual for whom: learnt from earlier days, declared by the team file, and unknown without either."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import DAY, MONDAY, team
from tests.trails import after, record, user
from tests.unit.alerts.records import AWAY, FIREFOX, HOME, OFFICE, seen, usual

from watchbill.detect.baseline import device_of, learn, network_of


NOON = after(12)
CLI = "aws-cli/2.17.5 md/command#ec2"


def undeclared():
    """Give the team without a declared network."""
    of = team()
    return replace(of, networks=(), people={n: replace(p, networks=()) for n, p in of.people.items()})


@pytest.mark.parametrize(("days", "expected"), [(0, "unknown"), (1, "unknown"), (2, "new"), (9, "new")])
def test_new_needs_history(days, expected):
    """Nobody is called new on their first days: whatever they use, there is nothing to hold it against."""
    of = undeclared()
    baseline = learn(seen(usual("ada", NOON, days=days), of), of)
    assert baseline.place("ada", AWAY, NOON) == expected
    assert baseline.device("ada", CLI, NOON) == expected


def test_somebody_elses_history_is_not_ones_own():
    """That James has worked for weeks makes nothing new for Ada."""
    of = undeclared()
    baseline = learn(seen(usual("james", NOON, days=9), of), of)
    assert (baseline.place("ada", AWAY, NOON), baseline.device("ada", CLI, NOON)) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("who", "ip", "expected"),
    [
        ("ada", OFFICE, "usual"),
        ("ada", HOME, "new"),
        ("ada", AWAY, "new"),
        ("james", HOME, "usual"),
        ("james", OFFICE, "usual"),
        ("james", AWAY, "new"),
        ("james", "192.0.2.200", "new"),
        ("james", "2001:db8::1", "new"),
        ("james", "cloudformation.amazonaws.com", "unknown"),
        ("james", None, "unknown"),
    ],
)
def test_declared_networks_need_no_history(who, ip, expected):
    """The file says from where people work: everyone from the office, James from home too, and nobody else from his."""
    assert learn((), team()).place(who, ip, NOON) == expected


@pytest.mark.parametrize(("days", "expected"), [(1, "new"), (2, "usual"), (3, "usual")])
def test_a_network_is_usual_from_the_third_day(days, expected):
    """One day somewhere, as on a journey, or as a thief, makes it no habit."""
    baseline = learn(seen(usual("ada", NOON, AWAY, days=days)), team())
    assert baseline.place("ada", AWAY, NOON) == expected
    assert baseline.place("ada", "203.0.113.250", NOON) == expected
    assert baseline.place("ada", "203.0.114.9", NOON) == "new"


def test_the_day_itself_and_what_follows_teach_nothing_about_it():
    """A thief who is busy all day stays new all day, and looking back changes nothing."""
    records = [record(who=user("ada"), at=NOON + n * DAY, sourceIPAddress=AWAY, userAgent=CLI) for n in range(3)]
    records += [record(who=user("ada"), at=NOON - timedelta(hours=n), sourceIPAddress=AWAY) for n in range(1, 12)]
    baseline = learn(seen([*records, *usual("ada", NOON, OFFICE)]), team())
    assert baseline.place("ada", AWAY, NOON) == "new"
    assert baseline.device("ada", CLI, NOON) == "new"
    assert baseline.place("ada", AWAY, NOON + 2 * DAY) == "usual"
    assert baseline.device("ada", CLI, NOON + DAY) == "usual"


def test_what_failed_teaches_nothing():
    """Who only tries a door for weeks does not come to be known there."""
    tries = [
        record(who=user("ada"), at=NOON - n * DAY, error=error, sourceIPAddress=AWAY, userAgent=CLI)
        for n in range(1, 9)
        for error in ("AccessDenied", "ThrottlingException")
    ]
    baseline = learn(seen([*tries, *usual("ada", NOON, OFFICE)]), team())
    assert (baseline.place("ada", AWAY, NOON), baseline.device("ada", CLI, NOON)) == ("new", "new")


def test_a_device_is_usual_from_the_second_day():
    """The family counts, not the version: updates are no news."""
    baseline = learn(seen(usual("ada", NOON, agent="aws-cli/1.0", days=2)), team())
    assert baseline.device("ada", "aws-cli/2.17.5", NOON) == "usual"
    assert baseline.device("ada", "Boto3/1.34", NOON) == "new"
    assert baseline.device("ada", None, NOON) == "unknown"


@pytest.mark.parametrize(
    ("declared", "days", "ip", "expected"),
    [
        (True, 0, OFFICE, "usual"),
        (True, 0, HOME, "usual"),
        (True, 0, AWAY, "new"),
        (True, 0, "ec2.amazonaws.com", "unknown"),
        (True, 0, None, "unknown"),
        (False, 0, AWAY, "unknown"),
        (False, 1, AWAY, "unknown"),
        (False, 2, AWAY, "new"),
        (False, 1, HOME, "unknown"),
        (False, 2, HOME, "usual"),
    ],
)
def test_a_network_of_anyone_is_known(declared, days, ip, expected):
    """For what is nobody's there is the whole team to hold it against, or else nothing."""
    of = team() if declared else undeclared()
    assert learn(seen(usual("ada", NOON, days=days), of), of).place_for_anyone(ip) == expected


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("AWS Internal", None),
        ("ec2.amazonaws.com", None),
        ("203.0.113", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_stands_for_its_network(ip, network):
    """Neighbours count as one place, and what is no address as none."""
    assert network_of(ip) == network


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("aws-cli/2.17.5 md/command#ec2", "aws-cli"),
        ("[Boto3/1.34.1 Python/3.11]", "Boto3"),
        (FIREFOX, "Mozilla X11"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126", "Mozilla Windows NT 10.0"),
        ("Mozilla/5.0", "Mozilla"),
        ("signin.amazonaws.com", "signin.amazonaws.com"),
        ("", None),
        (None, None),
    ],
)
def test_a_user_agent_stands_for_its_family(agent, device):
    """The product without its version; a browser with the machine it runs on."""
    assert device_of(agent) == device


def test_without_a_team_the_trail_alone_teaches():
    """IAM users are people of their own name then, and have habits too."""
    baseline = learn(seen(usual("anyone", NOON, AWAY), undeclared()), None)
    assert baseline.days == {}
    assert baseline.place("anyone", AWAY, MONDAY) == "unknown"
