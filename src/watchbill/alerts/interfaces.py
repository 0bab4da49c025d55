"""What gathering cases needs from whoever has the events."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.detect.baseline import Baseline
from watchbill.trail.model import Opening


Mask = Callable[[pa.RecordBatch], npt.NDArray[np.bool_]]
"""Tells which rows of a batch are wanted. It is shown each row once, with the columns that were asked for."""


class Events(Protocol):
    """The attributed events of a span as batches of `trail.table.SCHEMA`, each event once, in no order of time."""

    def dated(self) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Give all of them, each batch with the time before which no event of a later one lies, in milliseconds."""

    def picked(self, look_at: Sequence[str], wanted: Mask) -> Iterator[pa.RecordBatch]:
        """Give whole the rows that `wanted` wants by the columns `look_at`."""

    def earlier(self, names: Collection[str], reach: timedelta) -> Iterator[pa.RecordBatch]:
        """Give whole the events of some names that AWS allowed before the span, as far back as `reach`."""

    def opening(self, key: str) -> Opening | None:
        """Give what handed out a temporary key; None where that is not known."""

    def teach(self, baseline: Baseline) -> None:
        """Teach a baseline what was seen of whom, in the span and before it."""
