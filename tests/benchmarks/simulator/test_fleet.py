"""Fleets that are simulated: what is known of queues holds of them, and who decides is the server."""

from dataclasses import replace

import pytest

from benchmarks.simulator.run import simulate
from benchmarks.simulator.scenario import Scenario
from benchmarks.simulator.sweep import scenario
from server.prefetch import Prefetch
from server.queue import MemoryQueue
from server.session import Session

ONE = {1: 0.02}
BATCHES = {1: 0.02, 2: 0.03, 4: 0.05, 8: 0.09}


def test_alone() -> None:
    """Somebody alone waits for a tick and for the way, and for nothing else."""
    outcome = simulate(Scenario(workers=4, costs=ONE, viewers=1, fps=5, wander=0.0, jitter=0.0, seconds=2))
    assert outcome.live.p50 == pytest.approx(0.02 + outcome.scenario.overhead, abs=1e-6)
    assert outcome.images == pytest.approx(5)
    assert outcome.dropped == 0


def test_below_its_limit_a_fleet_paints_all_that_is_asked_for() -> None:
    """At eight tenths of the load every frame is painted."""
    outcome = simulate(Scenario(workers=5, costs=ONE, viewers=20, fps=10, seconds=1.5, warmup=0.5))
    assert outcome.scenario.load == pytest.approx(0.8)
    assert outcome.dropped == 0
    assert outcome.used == pytest.approx(0.8, abs=0.02)


def test_above_it_ticks_are_full_and_shares_are_equal() -> None:
    """At three halves of the load all ticks are full, the rest is dropped, everybody has as much, and latency is bounded."""
    outcome = simulate(replace(scenario(2, 1.5, BATCHES, fps=10), seconds=1.5, warmup=1.0))
    assert outcome.used == pytest.approx(1.0, abs=0.03)
    assert outcome.rows > 7.5
    assert outcome.dropped == pytest.approx(1 / 3, abs=0.05)
    assert outcome.fairness > 0.99
    assert outcome.live.p99 < 1.0


def test_workers_add_up() -> None:
    """Four workers paint four times what one does."""
    one, four = (simulate(replace(scenario(workers, 1.3, ONE, fps=10), seconds=1.0, warmup=0.5)) for workers in (1, 4))
    assert four.images / one.images == pytest.approx(4, rel=0.03)


def test_a_slow_worker_has_less_to_do() -> None:
    """One that takes ten times as long paints a tenth of what another does, and delays nobody else's frames for good."""
    outcome = simulate(Scenario(workers=4, costs=ONE, viewers=15, fps=10, slowness=(10.0,), seconds=2.5, warmup=0.5))
    slow, *others = outcome.by_worker
    assert slow < 0.2 * min(others)


def test_stills_have_their_share() -> None:
    """Where both ask for more than there is, stills have their part of the rows."""
    both = scenario(2, 2.0, ONE, fps=10, stills=0.5)
    outcome = simulate(replace(both, stills_share=0.2, still_deadline=5.0, seconds=2.0, warmup=0.5))
    assert outcome.stills / (outcome.stills + outcome.images) == pytest.approx(0.2, abs=0.05)


def test_the_same_again() -> None:
    """A scenario has one outcome, and another seed another one."""
    short = replace(scenario(2, 0.9, BATCHES, fps=10, stills=0.2), seconds=0.4, warmup=0.2)
    assert simulate(short) == simulate(short)
    assert simulate(short) != simulate(replace(short, seed=2))


def test_the_server_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns, ticks and what a session has in flight are the server's own parts' to say."""
    asked = dict[str, int]()

    def counted(of: type, name: str) -> None:
        real = getattr(of, name)

        def count(*args: object, **kwargs: object) -> object:
            asked[name] = asked.get(name, 0) + 1
            return real(*args, **kwargs)

        monkeypatch.setattr(of, name, count)

    for of, name in ((MemoryQueue, "take"), (MemoryQueue, "has_room"), (Prefetch, "next_tick"), (Session, "paint")):
        counted(of, name)
    simulate(Scenario(workers=1, costs=BATCHES, viewers=8, fps=10, seconds=0.5, warmup=0.2))
    assert asked.keys() == {"take", "has_room", "next_tick", "paint"}
