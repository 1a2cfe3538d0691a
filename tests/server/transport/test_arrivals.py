"""New connections: a burst, a pace, and nobody who owes for what was refused."""

from server.transport.arrivals import Arrivals


def _taken(arrivals: Arrivals, owner: str | None, tries: int, local: bool = False) -> int:
    return sum(arrivals.excess(owner, local) is None for _ in range(tries))


def test_a_pace_for_each() -> None:
    """An owner has a burst and then its pace, however often it was refused; another's is untouched."""
    now = [0.0]
    arrivals = Arrivals(per_owner=5, of_all=1000, clock=lambda: now[0])
    assert _taken(arrivals, "one", 1000) == 10
    assert _taken(arrivals, "other", 3) == 3
    now[0] = 1.0
    assert _taken(arrivals, "one", 1000) == 5


def test_a_pace_for_all() -> None:
    """All together have a pace, for those too that speak for many; this machine's own is held to its own only."""
    arrivals = Arrivals(per_owner=5, of_all=10, clock=lambda: 0.0)
    assert _taken(arrivals, None, 100) == 20
    assert _taken(arrivals, "one", 100) == 0
    assert _taken(arrivals, "this machine", 100, local=True) == 10


def test_many_owners() -> None:
    """However many come, no more are remembered than there is room for."""
    arrivals = Arrivals(per_owner=5, of_all=1e6, clock=lambda: 0.0)
    assert sum(_taken(arrivals, str(number), 1) for number in range(5000)) == 5000
    assert len(arrivals._owners) <= 1024
