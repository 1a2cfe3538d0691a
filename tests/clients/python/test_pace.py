"""How many frames are on their way: as many as are of use."""

from allaprima.pace import Pace


def test_it_begins_with_little_and_keeps_within_the_window() -> None:
    """One at first, two from the first image on, and never more than the window."""
    for window, expected in ((1, 1), (4, 2)):
        pace = Pace(window)
        assert pace.limit == 1
        pace.answered(dropped=False)
        assert pace.limit == expected
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
    pace.answered(dropped=False)
    pace.answered(dropped=True)  # from here on it is careful
    while len(tries) < 4:
        pace.answered(dropped=False)
        images += 1
        if pace.limit == 2:
            tries.append(images)
            pace.answered(dropped=True)
            images = 0
    assert tries == [30, 60, 120, 240]
