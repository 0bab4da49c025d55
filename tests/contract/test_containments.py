"""What takes two people, and what freezes tell of themselves, kept alike in a file and in Postgres."""

from datetime import timedelta

from tests.teams import MONDAY

from watchbill.store.rows import ContainmentRow, FreezeRow


ASKED = ContainmentRow("E-1", "evict", "james", "C-1", MONDAY, "sofia", "asked", "{}")
LATER = MONDAY + timedelta(minutes=5)


def test_one_asks_and_another_confirms_once(place):
    """The first who confirms stands, what is there is not written over, and what is done is done."""
    with place.open() as store:
        assert store.containments.add(ASKED)
        assert not store.containments.add(ASKED)
        assert store.containments.all() == [ASKED]
        assert store.containments.confirm("E-1", LATER, "ada")
        assert not store.containments.confirm("E-1", LATER, "rick")
        (row,) = store.containments.all()
        assert (row.state, row.confirmed_at, row.confirmed_by) == ("confirmed", LATER, "ada")
        assert not store.containments.turn("E-1", ["asked"], "refused")
        assert store.containments.turn("E-1", ["confirmed"], "done")
        assert not store.containments.turn("E-2", ["asked"], "done")


def test_a_freeze_tells_how_far_it_is(place):
    """When its last step was made, the first time; how often it was looked at; and what it came to do besides."""
    with place.open() as store:
        assert store.freezes.add(FreezeRow("F-1", "james", MONDAY, None, "C-1", "{}"))
        assert not store.freezes.add(FreezeRow("F-1", "rick", MONDAY, None, "C-1", "{}"))
        (row,) = store.freezes.active(MONDAY)
        assert (row.person, row.applied_at, row.rechecks) == ("james", None, 0)
        for at in (LATER, LATER + timedelta(hours=1)):
            store.freezes.carried_out("F-1", at)
        store.freezes.rechecked("F-1", 2)
        store.freezes.keep("F-1", '{"more": 1}')
        (row,) = store.freezes.all()
        assert (row.applied_at, row.rechecks, row.payload) == (LATER, 2, '{"more": 1}')
        assert (store.freezes.mended("F-1"), store.freezes.mended("F-2")) == (1, 0)
