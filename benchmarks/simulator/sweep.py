"""Fleets of several sizes under several loads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .run import simulate
from .scenario import Outcome, Scenario

_FRAMES = 8_000
"""Frames that a scenario of a large fleet has: percentiles need no more, and each takes a third of a millisecond."""
_SHORTEST, _LONGEST = 0.6, 10.0
"""Seconds of a scenario, some ten times the latency at least."""
_WARM_UP, _WARM_UP_TICKS = 0.4, 16
"""Seconds, and ticks of the largest size, until a fleet that is asked for too much is as full as it will be."""


def scenario(workers: int, load: float, costs: Mapping[int, float], fps: float, stills: float = 0.0, seed: int = 1) -> Scenario:
    """A fleet that is asked for `load` times what it can paint; `stills` is the part of that which programs ask for."""
    empty = Scenario(workers=workers, costs=costs, fps=fps, seed=seed)
    asked = load * empty.capacity
    seconds = min(_LONGEST, max(_SHORTEST, _FRAMES / asked))
    return replace(
        empty,
        viewers=max(1, round((1 - stills) * asked / fps)),
        stills_per_s=stills * asked,
        programs=max(10, workers),
        seconds=seconds,
        warmup=max(_WARM_UP, _WARM_UP_TICKS * max(costs.values())),
    )


def sweep(
    fleets: Sequence[int], loads: Sequence[float], costs: Mapping[int, float], fps: float, stills: float = 0.0
) -> Iterator[Outcome]:
    """What comes of each fleet under each load, one after another."""
    for workers in fleets:
        for load in loads:
            yield simulate(scenario(workers, load, costs, fps, stills))
