"""Whether circles of objects are looked for, where much is made that has none, or is there for good."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Have nobody look for circles meanwhile: of what a batch or a plan makes, looking is a tenth to a fifth."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


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
