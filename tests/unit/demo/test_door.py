"""The door of the demo: a link is good once, and what is vouched for is good once, for the sign-in it was for."""

from datetime import UTC, datetime
from importlib import resources
from urllib.parse import parse_qs, urlsplit

import pytest

from watchbill.demo.door import Door, groups_of
from watchbill.directories.sign_in import Back, Going
from watchbill.errors import RefusedError
from watchbill.team.files import parse


AT = datetime(2026, 1, 12, tzinfo=UTC)


@pytest.fixture
def door():
    """Give the door of the demo's team; its secrets are numbered."""
    team = parse(resources.files("watchbill.demo").joinpath("watchbill.yaml").read_bytes(), "watchbill.yaml")
    numbers = iter(range(1000))
    return Door("http://127.0.0.1:1", team, groups_of(team, ["omar"]), lambda: f"secret-{next(numbers):09}")


def begun(door, state):
    """Begin a sign-in."""
    going = Going(state, "nonce", "verifier", fresh=True, begun_at=AT)
    door.address(going, AT)
    return going


def vouched(door, state, person="james"):
    """Have somebody vouched for; give what they go back with."""
    given = parse_qs(urlsplit(door.vouch(state, person, "key", AT)).query)
    return Back(given["code"][0], given["iss"][0])


def test_a_link_lets_one_browser_in(door):
    """Looking at it uses nothing up; whoever comes second is not let in, and a ticket is nothing but itself."""
    secret = door.link("james").rpartition("/")[2]
    assert (door.invited(secret), door.invited(secret), door.invited("another")) == ("james", "james", None)
    ticket = door.come_in(secret)
    assert (door.is_in(ticket), door.is_in(secret), door.is_in("")) == (True, False, False)
    assert (door.come_in(secret), door.invited(secret)) == (None, None)


def test_what_is_vouched_for_is_good_once_and_for_its_own_sign_in(door):
    """Not for another that is under way, not twice, not from another issuer, and not without any."""
    mine, other = begun(door, "mine"), begun(door, "other")
    back = vouched(door, "mine")
    with pytest.raises(RefusedError, match="vouches for nobody"):
        door.redeem(back, other, AT)
    with pytest.raises(RefusedError, match="under way no more"):
        vouched(door, "mine")
    back = vouched(door, "other")
    assert (door.redeem(back, other, AT).email, mine.state) == ("james@example.com", "mine")
    with pytest.raises(RefusedError, match="vouches for nobody"):
        door.redeem(back, other, AT)
    back = vouched(door, begun(door, "third").state)
    with pytest.raises(RefusedError, match="vouches for nobody"):
        door.redeem(Back(back.code, "https://elsewhere.example"), Going("third", "n", "v", fresh=True, begun_at=AT), AT)
