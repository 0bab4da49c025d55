"""Circles are looked for among what is new alone while much is made, and in all there is again afterwards."""

import gc
from threading import Event, Thread

from watchbill.garbage import newest_alone


def looked_through(make):
    """Tell how often all there is was looked through meanwhile, and how often what is new."""
    before = [each["collections"] for each in gc.get_stats()]
    make()
    young, _, whole = (each["collections"] - then for each, then in zip(gc.get_stats(), before, strict=True))
    return whole, young


def made():
    """Make much, and keep it until it is done."""
    return [[] for _ in range(400_000)]


def test_what_is_new_alone_is_looked_at_while_much_is_made():
    """Else each page waits again and again while a large plan is made."""
    with newest_alone():
        whole, young = looked_through(made)
    assert (whole, young > 100) == (0, True)
    assert looked_through(made)[0] > 0


def test_it_holds_until_the_last_thread_has_left():
    """Whichever came first: and then it is as it was."""
    before, come, leave = gc.get_threshold(), Event(), Event()

    def beside():
        with newest_alone():
            come.set()
            leave.wait(10)

    other = Thread(target=beside)
    with newest_alone():
        other.start()
        assert come.wait(10)
    assert looked_through(made)[0] == 0
    leave.set()
    other.join()
    assert gc.get_threshold() == before
    assert looked_through(made)[0] > 0
