"""What gathering cases needs from whoever has the events."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa


Mask = Callable[[pa.RecordBatch], npt.NDArray[np.bool_]]
"""Tells which rows of a batch are wanted. It is shown each row once, with the columns that were asked for."""


class Events(Protocol):
    """The attributed events of a span as batches of `trail.table.SCHEMA`, each event once, in no order of time."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give all of them."""

    def picked(self, look_at: Sequence[str], wanted: Mask) -> Iterator[pa.RecordBatch]:
        """Give whole the rows that `wanted` wants by the columns `look_at`."""
