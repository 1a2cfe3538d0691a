"""What would end after the deadline is not begun."""

from benchmarks.gpu.deadline import Deadline


def test_room() -> None:
    """Work of a kind that took long is not begun when less is left; of an unknown kind it is, until the end."""
    now = 100.0
    deadline = Deadline(60.0, clock=lambda: now)
    assert deadline.has_room("slow")
    deadline.took("slow", 25.0)
    deadline.took("slow", 20.0)
    now = 134.0
    assert deadline.has_room("slow")
    now = 136.0
    assert not deadline.has_room("slow")
    assert deadline.has_room("unknown")
    assert (deadline.spent, deadline.left) == (36.0, 24.0)
    now = 161.0
    assert not deadline.has_room("unknown")
    assert deadline.left == 0.0


def test_what_is_expected() -> None:
    """Before it is known how long a kind lasts, it is taken to last as long as was said; afterwards as long as it did."""
    deadline = Deadline(60.0, {"open": 70.0, "row": 5.0}, lambda: 0.0)
    assert not deadline.has_room("open")
    assert deadline.has_room("row")
    deadline.took("open", 3.0)
    assert deadline.has_room("open")
