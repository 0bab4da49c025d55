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
        return f"rota {self.rota}, {self.source}"

    @property
    def source(self) -> str:
        """Name the override or the layer that it comes from."""
        return f"override {self.override}" if self.override else f"layer {self.layer}"


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A span with nobody on call."""

    interval: Interval
    rota: str
    kind: Kind
    where: Location
