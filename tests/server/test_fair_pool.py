"""The fair pool: owners in turn by time, an allowance, room for light work, and nothing left behind."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from server.fair_pool import Allowance, FairPool, Heavy

PATIENCE = 20


class Hands:
    """A pool of one thread or more whose work takes the time that it is told, by a clock turned by hand."""

    def __init__(self, threads: int = 1, allowance: Allowance | None = None) -> None:
        self.spent, self.now = 0.0, 0.0
        self.done: list[str] = []
        self.pool = FairPool(threads, "hands", allowance, spent=lambda: self.spent, clock=lambda: self.now)
        self.gates: list[threading.Event] = []

    def work(self, owner: str, seconds: float, heavy: bool = False) -> "Future[str]":
        def run() -> str:
            self.spent += seconds
            self.done.append(owner)
            return owner

        return self.pool.submit(owner, (lambda: Heavy(run)) if heavy else run)

    def hold(self, owner: str = "holder", heavy: bool = False) -> tuple[threading.Event, "Future[Any]"]:
        """Keep a thread busy until the event is set. Returns when it is."""
        gate, busy = threading.Event(), threading.Event()
        self.gates.append(gate)

        def run() -> None:
            busy.set()
            assert gate.wait(PATIENCE)

        future: Future[Any] = self.pool.submit(owner, (lambda: Heavy(run)) if heavy else run)
        assert busy.wait(PATIENCE)
        return gate, future

    def later(self, seconds: float) -> None:
        """Time goes by; a piece of nothing lets threads see it."""
        self.now += seconds
        self.pool.submit("nobody", lambda: None).result(PATIENCE)


@pytest.fixture
def make() -> Iterator[Callable[..., Hands]]:
    made: list[Hands] = []

    def build(*args: Any) -> Hands:
        made.append(Hands(*args))
        return made[-1]

    yield build
    for hands in made:
        for gate in hands.gates:
            gate.set()
        hands.pool.shutdown()


def _all(futures: "list[Future[Any]]") -> list[Any]:
    return [future.result(PATIENCE) for future in futures]


def test_results_and_errors(make: Callable[..., Hands]) -> None:
    """A future gives what the work gave, or raises what it raised."""
    pool = make().pool
    assert pool.submit("a", lambda: 7).result(PATIENCE) == 7
    failing = pool.submit("a", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failing.result(PATIENCE)


def test_in_turn(make: Callable[..., Hands]) -> None:
    """Who brings one piece of work does not wait for all of him who brought ten."""
    hands = make()
    gate, _ = hands.hold()
    futures = [hands.work("many", 1.0) for _ in range(10)] + [hands.work("one", 1.0)]
    gate.set()
    _all(futures)
    assert hands.done.index("one") <= 1


def test_by_time_and_not_by_pieces(make: Callable[..., Hands]) -> None:
    """Who needs a tenth of the time for a piece has ten pieces done for one of the other's."""
    hands = make()
    gate, _ = hands.hold()
    futures = [hands.work("slow", 1.0) for _ in range(4)] + [hands.work("fast", 0.1) for _ in range(30)]
    gate.set()
    _all(futures)
    assert 18 <= hands.done[:22].count("fast") <= 20


def test_idle_time_is_not_saved(make: Callable[..., Hands]) -> None:
    """Who comes after a long time has no more than those who were there."""
    hands = make()
    _all([hands.work("old", 1.0) for _ in range(20)])
    gate, _ = hands.hold()
    futures = [hands.work(owner, 1.0) for _ in range(6) for owner in ("old", "new")]
    gate.set()
    _all(futures)
    assert hands.done[20:26].count("old") == 3


def test_an_allowance(make: Callable[..., Hands]) -> None:
    """Who took more than his share of heavy work waits until it has grown again, and nobody else with him."""
    hands = make(1, Allowance(share=0.25, burst=0.5))
    _all([hands.work("greedy", 2.0, heavy=True)])
    waiting = hands.work("greedy", 0.1, heavy=True)
    _all([hands.work("modest", 0.1, heavy=True)])
    hands.later(5.9)
    assert hands.done == ["greedy", "modest"]
    hands.later(0.2)
    assert waiting.result(PATIENCE) == "greedy"


def test_an_allowance_does_not_grow_for_ever(make: Callable[..., Hands]) -> None:
    """After a long time one has the burst, and no more."""
    hands = make(1, Allowance(share=0.25, burst=0.5))
    _all([hands.work("one", 0.1, heavy=True)])
    hands.later(1000)
    _all([hands.work("one", 0.6, heavy=True)])
    waiting = hands.work("one", 0.1, heavy=True)
    hands.later(0.3)
    assert not waiting.done()
    hands.later(0.2)
    waiting.result(PATIENCE)


def test_light_work_has_no_allowance(make: Callable[..., Hands]) -> None:
    """Light work of one who has spent his allowance goes on, before the heavy that he had asked for earlier."""
    hands = make(1, Allowance(share=0.25, burst=0.5))
    _all([hands.work("greedy", 2.0, heavy=True)])
    waiting = hands.work("greedy", 1.0, heavy=True)
    _all([hands.work("greedy", 2.0) for _ in range(3)])
    assert not waiting.done()


def test_time_wakes_a_thread() -> None:
    """An allowance that has grown is seen without anything else happening."""
    pool = FairPool(1, "by the clock", Allowance(share=10.0, burst=0.1), spent=iter(range(100)).__next__)
    pool.submit("one", lambda: Heavy(lambda: None)).result(PATIENCE)
    assert pool.submit("one", lambda: Heavy(lambda: 5)).result(PATIENCE) == 5
    pool.shutdown()


def test_heavy_work_leaves_a_thread(make: Callable[..., Hands]) -> None:
    """However much heavy work there is, light work finds a thread; and the heavy is done, one after the other."""
    hands = make(2)
    gate, first = hands.hold("a", heavy=True)
    others = [hands.pool.submit(owner, lambda: Heavy(lambda: "heavy")) for owner in "bcd"]
    assert hands.work("polite", 0.1).result(PATIENCE) == "polite"
    assert not any(future.done() for future in others)
    gate.set()
    first.result(PATIENCE)
    assert _all(others) == ["heavy"] * 3


def test_one_thread_does_both(make: Callable[..., Hands]) -> None:
    """With one thread heavy work is done, too."""
    assert make(1).pool.submit("a", lambda: Heavy(lambda: 3)).result(PATIENCE) == 3


def test_heavy_work_that_fails(make: Callable[..., Hands]) -> None:
    """What the rest of heavy work raises is raised, and its place is free again."""
    hands = make(2)
    with pytest.raises(ZeroDivisionError):
        hands.pool.submit("a", lambda: Heavy(lambda: 1 // 0)).result(PATIENCE)
    assert hands.pool.submit("a", lambda: Heavy(lambda: 3)).result(PATIENCE) == 3


def test_cancelled(make: Callable[..., Hands]) -> None:
    """What is cancelled while it waits is not done, nor is the heavy rest of it."""
    hands = make()
    gate, _ = hands.hold()
    waiting = hands.work("a", 1.0)
    assert waiting.cancel()
    gate.set()
    _all([hands.work("b", 1.0)])
    assert hands.done == ["b"]
    gate, _ = hands.hold("a")
    rest = threading.Event()
    found: Future[Any] = hands.pool.submit("a", lambda: Heavy(rest.set))
    assert found.cancel()
    gate.set()
    _all([hands.work("a", 1.0)])
    assert not rest.is_set()


def test_owners_are_forgotten(make: Callable[..., Hands]) -> None:
    """Hundreds of owners that came and went are not remembered; one who owes is."""
    hands = make(1, Allowance(share=0.1, burst=1.0))
    _all([hands.work("greedy", 5.0, heavy=True)])
    for number in range(2000):
        _all([hands.work(str(number), 0.0)])
    assert len(hands.pool._owners) <= 257
    waiting = hands.work("greedy", 1.0, heavy=True)
    hands.later(1.0)
    assert not waiting.done()


def test_shut_down(make: Callable[..., Hands]) -> None:
    """What is being done is finished, what waits is cancelled, and nothing more is taken."""
    hands = make()
    gate, held = hands.hold()
    waiting = hands.work("a", 1.0)
    ending = threading.Thread(target=hands.pool.shutdown)
    ending.start()
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)
    gate.set()
    ending.join(PATIENCE)
    assert held.done()
    with pytest.raises(RuntimeError, match="shut down"):
        hands.work("a", 1.0)
    assert hands.pool.waiting() == 0


def test_shut_down_when_all_is_done(make: Callable[..., Hands]) -> None:
    """With `finish` what waits is done before the threads end, the heavy rest of it, too."""
    hands = make(2)
    gate, held = hands.hold()
    waiting = [hands.work(owner, 1.0, heavy) for owner in "abc" for heavy in (False, True)]
    ending = threading.Thread(target=hands.pool.shutdown, args=(True,))
    ending.start()
    gate.set()
    ending.join(PATIENCE)
    assert _all([held, *waiting])[1:] == ["a", "a", "b", "b", "c", "c"]
