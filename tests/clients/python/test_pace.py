"""How many frames are on their way: as many as are of use."""

from allaprima.pace import Pace


def test_it_begins_with_two_and_keeps_within_the_window() -> None:
    """Two at first, or one where no more are allowed; and never more than the window."""
    assert Pace(1).limit == 1
    pace = Pace(4)
    assert pace.limit == 2
    for _ in range(500):
        pace.answered(dropped=False)
    assert pace.limit == 4


def test_a_drop_makes_it_narrower() -> None:
    """A frame that was dropped was sent too early: one fewer from now on, and never none."""
    pace = Pace(4)
    for expected in (1, 1):
        pace.answered(dropped=True)
        assert pace.limit == expected


def test_it_tries_less_often_what_did_not_work() -> None:
    """A wider window that brought a drop is tried again ever later."""
    pace, tries, images = Pace(3), [], 0
    while len(tries) < 4:
        pace.answered(dropped=False)
        images += 1
        if pace.limit == 3:
            tries.append(images)
            pace.answered(dropped=True)
            images = 0
    assert tries == [30, 60, 120, 240]
