"""Whether circles of objects are looked for, where much is made that has none, or is there for good."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final


@contextmanager
def uncollected() -> Iterator[None]:
    """Have nobody look for circles meanwhile: of what a batch or an audit makes, looking is a tenth to a fifth."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


_NEVER: Final = 2**31 - 1
_lock = Lock()
_thresholds: list[tuple[int, int, int]] = []
"""What held before each that is inside `newest_alone`; the first of them is what holds after the last has left."""


@contextmanager
def newest_alone() -> Iterator[None]:
    """Have circles looked for among what is new alone meanwhile, and not in all there is; threads may overlap.

    For what makes tens of thousands of values, holds them for a while and lets them go: what is new is looked at in
    moments, and all there is when those have gone.
    """
    with _lock:
        _thresholds.append(gc.get_threshold())
        gc.set_threshold(*_thresholds[0][:2], _NEVER)
    try:
        yield
    finally:
        with _lock:
            last = _thresholds.pop()
            if not _thresholds:
                gc.set_threshold(*last)


@contextmanager
def set_apart() -> Iterator[None]:
    """Have nobody look again at what is there already, for whoever answers meanwhile: to look stops every thread.

    What is loaded once is most of what there is, and stays. What comes afterwards is looked at as ever, so that no
    circle of it is kept: this is for the beginning of a service, and not for each thing that it comes to hold.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
