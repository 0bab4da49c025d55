"""Whose account it was, by the address that an identity provider knows."""

import json
from dataclasses import replace

import pytest
from tests.teams import team
from tests.unit.trail.idp.exports import entra, google, okta

from watchbill.trail.idp.people import Addresses, attribute_idp
from watchbill.trail.idp.read import read_idp_file
from watchbill.trail.model import Confidence, Method


TEAM = team()
OURS = replace(
    TEAM, people={**TEAM.people, "ada": replace(TEAM.people["ada"], also_known_as=("A.Lovelace@Corp.example",))}
)


def event(record):
    """Read one record."""
    (found,) = read_idp_file("x.json", json.dumps([record]).encode()).events
    return found


@pytest.mark.parametrize("write", [okta, entra, google])
@pytest.mark.parametrize(
    ("address", "person"),
    [
        ("james@example.com", "james"),
        ("James@Example.COM", "james"),
        ("ada@example.com", "ada"),
        ("a.lovelace@corp.example", "ada"),
        ("a.lovelace@example.com", None),
        ("james", None),
        ("james@example.com.evil.example", None),
        (" james@example.com", None),
    ],
)
def test_a_person_is_known_by_an_address_alone(write, address, person):
    """Any of those in the team file, whatever its case, and nothing that only looks like one."""
    actor = attribute_idp(event(write(who=address)), OURS)
    assert actor.person == person
    assert actor.principal == address
    known = (Method.IDENTITY_PROVIDER, Confidence.STRONG)
    assert (actor.method, actor.confidence) == (known if person else (Method.NONE, Confidence.NONE))
    assert address in actor.why


@pytest.mark.parametrize(
    "record", [okta("user.session.start", "FAILURE"), entra(50126), entra(53003), google("login_failure")]
)
def test_a_failed_attempt_is_at_an_account_and_by_nobody_sure(record):
    """Whoever knows the address can fail with it: that is told as weak, so that it never weighs as much."""
    actor = attribute_idp(event(record), OURS)
    assert (actor.person, actor.confidence) == ("james", Confidence.WEAK)
    assert "anybody" in actor.why


def test_what_is_hidden_is_nobodys():
    """A name that does not exist, or none at all."""
    stranger = {"id": "unknown", "type": "User", "alternateId": "james@example.com"}
    for record in (okta("user.session.start", "FAILURE", actor=stranger), okta(actor={}), entra(userPrincipalName="")):
        actor = attribute_idp(event(record), OURS)
        assert (actor.person, actor.method, actor.confidence) == (None, Method.NONE, Confidence.NONE)


def test_an_application_is_a_service():
    """It is named as what it is."""
    machine = {"id": "sys", "type": "SystemPrincipal", "alternateId": "james@example.com"}
    actor = attribute_idp(event(okta(actor=machine)), OURS)
    assert (actor.person, actor.method) == (None, Method.SERVICE)


def test_an_address_of_two_people_is_nobodys():
    """The team file refuses that; were it ever so, nobody would be guessed."""
    both = replace(
        OURS, people={**OURS.people, "rick": replace(OURS.people["rick"], also_known_as=("JAMES@example.com",))}
    )
    actor = attribute_idp(event(okta()), both)
    assert (actor.person, actor.confidence) == (None, Confidence.NONE)
    assert "james, rick" in actor.why


def test_without_a_team_an_address_is_a_person_of_that_name():
    """As an IAM user is."""
    assert attribute_idp(event(okta()), None).person == "james@example.com"


def test_addresses_are_made_once_for_many():
    """And say the same."""
    known = Addresses(OURS)
    for record in (okta(), entra(), google(), okta(who="x")):
        seen = event(record)
        assert known.actor(seen.identity, seen.source, seen.outcome) == attribute_idp(seen, OURS)
