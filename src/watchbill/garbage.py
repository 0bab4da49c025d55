"""Whether circles of objects are looked for, where much is made that has none, or is there for good."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
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
"""What held before each that holds full looks back; the first of them is what holds after the last has left."""
_making: list[object] = []
"""One for each that makes much just now."""


@contextmanager
def newest_alone() -> Iterator[None]:
    """Have circles looked for among what is new alone meanwhile, and not in all there is; threads may overlap.

    For what makes tens of thousands of values, holds them for a while and lets them go: what is new is looked at in
    moments, and all there is when those have gone.
    """
    mine = object()
    with _held_back():
        _making.append(mine)
        try:
            yield
        finally:
            _making.remove(mine)


@contextmanager
def _held_back() -> Iterator[None]:
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


_EVERY = 30.0
"""Seconds from one look at all there is to the next: some hundred milliseconds, in which nobody is answered."""
_MOST_LEFT = 10
"""How often in a row it may be left for what makes much."""


@contextmanager
def set_apart() -> Iterator[None]:
    """Have nobody look again at what is there already, for whoever answers meanwhile: to look stops every thread.

    What is loaded once is most of what there is, and stays. What comes afterwards is looked at as ever while it is new,
    and all of it every half minute, so that no circle of it is kept: left to itself Python would look at all of it
    within each twelfth answer. This is for the beginning of a service, and not for each thing that it comes to hold.
    """
    over = Event()

    def look() -> None:
        left = 0
        while not over.wait(_EVERY):
            # What makes much holds it for a while, and to look then is to look at that.
            left = left + 1 if _making and left < _MOST_LEFT else 0
            if not left:
                gc.collect()

    looking = Thread(target=look, name="circles", daemon=True)
    gc.freeze()
    try:
        with _held_back():
            looking.start()
            yield
    finally:
        over.set()
        looking.join()
        gc.unfreeze()
