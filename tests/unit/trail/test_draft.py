"""A drafted team file is valid whatever acted in the trail, and gives nobody anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.teams import STAGING
from tests.trails import reading, record, root, service, session, user

from watchbill.team.files import parse
from watchbill.trail.draft import draft_team
from watchbill.trail.model import HIDDEN


def draft(*identities):
    """Draft a team file from one call of each."""
    made = [record(who=who, event_id=f"e{number}") for number, who in enumerate(identities)]
    return draft_team(reading(*made).events)


def team(*identities):
    """Read the draft back."""
    return parse(draft(*identities).encode(), "watchbill.yaml")


def test_people_are_the_users_that_acted():
    """Each user is a person of its name, in the accounts where something happened."""
    made = [record(who=user("james")), record(who=user("ada", account=STAGING), account=STAGING)]
    found = parse(draft_team(reading(*made).events).encode(), "watchbill.yaml")
    assert {person.iam_user for person in found.people.values()} == {"ada", "james"}
    assert {account.number for account in found.accounts.values()} == {"111111111111", STAGING}


def test_nobody_holds_anything():
    """What people did is no proof that they should."""
    found = team(user("james"), session("admin", "s", "ASIA1"))
    assert (found.groups, found.permission_sets, found.rotas, found.grants) == ({}, {}, {}, ())


def test_roles_are_left_to_the_reader():
    """A role is no person; it is named in a comment with its events."""
    text = draft(session("admin", "s", "ASIA1"), root(), service("ec2"))
    assert "arn:aws:iam::111111111111:role/admin" in text
    assert parse(text.encode(), "watchbill.yaml").people == {}


def test_an_empty_trail_gives_an_empty_team():
    """Also that is a valid file to begin with."""
    assert team().people == {}


@pytest.mark.parametrize(
    ("users", "names"),
    [
        ((HIDDEN, "james"), ["james"]),
        (("James", "james", "james"), ["james"]),
        (("JAMES", "james"), ["JAMES"]),
        (("a.b", "a_b", "a+b", "a=b"), ["a+b", "a.b", "a=b", "a_b"]),
        (("x" * 64, "x" * 63), ["x" * 63, "x" * 64]),
        (("x" * 65, "two words", "a\nb", "\u202ejames", "\ud800", "\0", "-", "james: {"), []),
        (("null", "true", "123", "1e3"), ["123", "1e3", "null", "true"]),
    ],
)
def test_odd_names_are_valid_or_no_people(users, names):
    """Names that IAM cannot have are no users; spellings of one name are one person; all others have a key."""
    found = team(*(user(name) for name in users))
    assert sorted(person.iam_user for person in found.people.values()) == names


@given(st.lists(st.text(max_size=70) | st.text("aA0-_.+=@", min_size=1, max_size=70), max_size=8))
def test_a_draft_is_always_valid(names):
    """Whatever is written in a trail, the draft of it can be read."""
    found = team(*({"type": "IAMUser", "userName": name, "accountId": "111111111111"} for name in names))
    assert {person.iam_user.lower() for person in found.people.values()} <= {name.lower() for name in names}


@given(st.lists(st.text(max_size=40), max_size=5))
def test_names_of_roles_never_leave_their_comment(arns):
    """Text of the trail is quoted, so that a line break in it is no line of the file."""
    made = [{"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": arn}}} for arn in arns]
    assert team(*made).people == {}
