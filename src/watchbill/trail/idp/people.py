"""Whose account it was: the address by which an identity provider knows somebody, held against the team file.

A provider that let somebody in says that it was them: that is strong. An attempt that failed says whose account was
tried, and not by whom: that is weak. What was typed where no such user exists is nobody's.
"""

from collections.abc import Mapping

from watchbill.team.model import Team
from watchbill.trail.idp.model import SERVICE
from watchbill.trail.model import HIDDEN, Actor, Confidence, Event, Identity, Method, Outcome


class Addresses:
    """Who answers to which address; made once for many events."""

    def __init__(self, team: Team | None) -> None:
        """Know the people of a team; without one, an address is taken for a person of that name."""
        self._team = team
        found: dict[str, set[str]] = {}
        for person in () if team is None else team.people.values():
            for address in (person.email, *person.also_known_as):
                found.setdefault(address.casefold(), set()).add(person.name)
        self._people: Mapping[str, set[str]] = found

    def actor(self, identity: Identity, of: str, outcome: Outcome) -> Actor:
        """Name who acted at an identity provider, by what its record says of them and what came of it."""
        address = identity.user_name
        if identity.type == SERVICE:
            called = address or identity.principal_id or "unknown"
            return Actor(None, called, Method.SERVICE, Confidence.NONE, f"an application of {of}, or {of} itself")
        if address == HIDDEN:
            return _nobody(identity, f"{of} knows no such user: what was typed as a name is not shown")
        if address is None:
            return _nobody(identity, f"the record of {of} names nobody")
        people = {address} if self._team is None else self._people.get(address.casefold(), set())
        if len(people) > 1:
            return _nobody(identity, f"{address} is the address of several people: {', '.join(sorted(people))}")
        if not people:
            return _nobody(identity, f"{address} is in no team file")
        if outcome is Outcome.ALLOWED:
            sure, why = Confidence.STRONG, f"{of} knows them as {address}"
        else:
            sure, why = Confidence.WEAK, f"an attempt at the account {address} of {of}, which may be anybody's"
        return Actor(min(people), address, Method.IDENTITY_PROVIDER, sure, why)


def attribute_idp(event: Event, team: Team | None) -> Actor:
    """Name the actor of one event of an identity provider; for many, make `Addresses` once."""
    return Addresses(team).actor(event.identity, event.source, event.outcome)


def _nobody(identity: Identity, why: str) -> Actor:
    named = identity.user_name if identity.user_name != HIDDEN else None
    return Actor(None, named or identity.principal_id or "unknown", Method.NONE, Confidence.NONE, why)
