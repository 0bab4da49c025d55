"""What may be taken into the lake."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """An object that may be read."""

    name: str
    """Where it lies: `s3://bucket/key`, or the path of a file."""
    version: str
    size: int
    fetch: Callable[[], bytes] = field(compare=False)
    """Gives its bytes. Raises a WatchbillError or an OSError where it cannot, and then it is tried again next time."""
    modified: datetime | None = None
