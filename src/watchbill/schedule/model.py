"""What a schedule is once it is compiled: shifts in UTC, each with its reason."""

from dataclasses import dataclass

from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.team.model import Kind


@dataclass(frozen=True, slots=True, order=True)
class Shift:
    """One person on call, `[start, end)`."""

    interval: Interval
    rota: str
    kind: Kind
    person: str
    layer: str
    """The layer that put them there; empty when only an override did."""
    override: str
    """The override that put them there, or empty."""
    where: Location
    """The line of the team file that this shift comes from."""

    @property
    def why(self) -> str:
        """Say in words where the shift comes from."""
        source = f"override {self.override}" if self.override else f"layer {self.layer}"
        return f"rota {self.rota}, {source}"


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A span with nobody on call."""

    interval: Interval
    rota: str
    kind: Kind
    where: Location
