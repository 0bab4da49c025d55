"""Whoever is another user of Identity Center than the one that people let be, under the same address.

A user id is for good, and an address is not: a user that is deleted and made anew under it is another, and so is one
whose address was given to somebody else. By the address alone they would have all that the team file gives at the next
plan. So the id that was let be is remembered, and another holds nothing until a lead lets it be: a plan that is made
without a person has them in `former` with both ids, and one that a lead is asked about with the one before.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from watchbill.access.approval import Finding
from watchbill.access.center.state import CenterState
from watchbill.team.model import ChangeKind, Team


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody who is found as another user."""

    person: str
    was: str
    now: str

    @property
    def finding(self) -> Finding:
        """Give it as what a lead lets be."""
        words = f"{self.person} is found in Identity Center as user {self.now} rather than {self.was}"
        return Finding(ChangeKind.NEW_PERSON, words, "a user made anew is another", (self.person,))


def moved(team: Team, center: CenterState, known: Mapping[str, str]) -> Iterator[Moved]:
    """Give who is found as another user than is known; whom the team file names by their id is known by that."""
    for name, user in sorted(center.people.items()):
        if name in known and known[name] != user and not team.people[name].identity_center_user:
            yield Moved(name, known[name], user)


def told_of(center: CenterState, found: Collection[Moved]) -> CenterState:
    """Give what there is for a plan that a lead is asked about: who moved has what the file gives by their new id."""
    return replace(center, former={each.person: (each.was,) for each in found})


def without(center: CenterState, found: Collection[Moved]) -> CenterState:
    """Give what there is for a plan that is applied by itself: who moved has nothing by either id."""
    gone = {each.person: (each.was, each.now) for each in found}
    return replace(center, people={n: user for n, user in center.people.items() if n not in gone}, former=gone)
