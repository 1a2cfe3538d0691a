"""What would end after the deadline is not begun."""

from benchmarks.gpu.deadline import Deadline


def test_room() -> None:
    """Work of a kind that took long is not begun when less is left; of an unknown kind it is, until the end."""
    now = 100.0
    deadline = Deadline(60.0, lambda: now)
    assert deadline.has_room("slow")
    deadline.took("slow", 25.0)
    deadline.took("slow", 20.0)
    now = 134.0
    assert deadline.has_room("slow")
    now = 136.0
    assert not deadline.has_room("slow")
    assert deadline.has_room("unknown")
    assert deadline.spent == 36.0
    now = 161.0
    assert not deadline.has_room("unknown")
