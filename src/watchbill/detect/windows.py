"""Sliding windows over events that are in order of time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

from watchbill.trail.model import Attributed


def bursts(events: Iterable[Attributed], gap: timedelta) -> Iterator[list[Attributed]]:
    """Split events wherever more than `gap` passes between two of them."""
    burst: list[Attributed] = []
    for each in events:
        if burst and each.event.at - burst[-1].event.at > gap:
            yield burst
            burst = []
        burst.append(each)
    if burst:
        yield burst


def grouped(
    events: Iterable[Attributed], key: Callable[[Attributed], str | None]
) -> Iterator[tuple[str, Sequence[Attributed]]]:
    """Gather events by a key, in order of the key; those without one are left out."""
    groups: dict[str, list[Attributed]] = {}
    for each in events:
        name = key(each)
        if name is not None:
            groups.setdefault(name, []).append(each)
    yield from sorted(groups.items())
