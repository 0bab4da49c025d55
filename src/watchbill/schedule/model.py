"""What a schedule is once it is compiled: shifts in UTC, each with its reason."""

from dataclasses import dataclass

from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.team.model import Kind


@dataclass(frozen=True, slots=True, order=True)
class Duty:
    """One person on call for a rota, and why."""

    rota: str
    kind: Kind
    person: str
    source: str
    """What put them there: `layer emea`, `override sw-41`, `layer pagerduty, entry Q1` of an outside schedule."""
    where: Location
    """The line of the team file that it comes from."""

    @property
    def why(self) -> str:
        """Say in words where it comes from."""
        return f"rota {self.rota}, {self.source}"


@dataclass(frozen=True, slots=True, order=True)
class Shift:
    """One person on call, `[start, end)`."""

    interval: Interval
    duty: Duty

    @property
    def rota(self) -> str:
        """The rota that they are on call for."""
        return self.duty.rota

    @property
    def kind(self) -> Kind:
        """In what capacity."""
        return self.duty.kind

    @property
    def person(self) -> str:
        """Who."""
        return self.duty.person

    @property
    def source(self) -> str:
        """What put them there."""
        return self.duty.source

    @property
    def where(self) -> Location:
        """The line of the team file that it comes from."""
        return self.duty.where

    @property
    def why(self) -> str:
        """Say in words where it comes from."""
        return self.duty.why


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A span with too few people on call."""

    interval: Interval
    rota: str
    kind: Kind
    people: int
    """How many there must be."""
    where: Location

    def __str__(self) -> str:
        who = f"no {self.kind}" if self.people == 1 else f"fewer than {self.people} {self.kind}"
        return f"{who} from {self.interval}"
