"""What is simulated, and what came of it, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SEAMLESS = 0.003
"""Seconds that an image spends outside queue and tick: decoding, encoding, and the way to another machine and back."""


@dataclass(frozen=True)
class Scenario:
    """A fleet and its users.

    `costs` are the seconds of a tick by size, and `slowness` how many times longer they take with the first workers; `wander`
    is the relative spread of a tick's length. `viewers` have a camera of `fps`, each for an owner of his own, and a frame takes
    up to `jitter` seconds longer on its way than another; `stills_per_s` images are asked for at random by `programs` owners.
    What happens in the first `warmup` seconds is not counted.
    """

    workers: int = 1
    costs: Mapping[int, float] = field(default_factory=lambda: {1: 0.02})
    viewers: int = 0
    fps: float = 10.0
    stills_per_s: float = 0.0
    programs: int = 10
    seconds: float = 4.0
    warmup: float = 1.0
    jitter: float = 0.03
    overhead: float = SEAMLESS
    slowness: tuple[float, ...] = ()
    wander: float = 0.05
    stills_share: float = 0.2
    still_deadline: float = 30.0
    seed: int = 1

    @property
    def row_rate(self) -> float:
        """Images a second of a worker that is as quick as most, in the size of tick that has the most."""
        return max(size / seconds for size, seconds in self.costs.items())

    @property
    def capacity(self) -> float:
        """Images a second of all workers, each in its best size of tick."""
        slow = sum(1 / times for times in self.slowness)
        return self.row_rate * (self.workers - len(self.slowness) + slow)

    @property
    def load(self) -> float:
        """Images asked for over those that can be painted."""
        return (self.viewers * self.fps + self.stills_per_s) / self.capacity


@dataclass(frozen=True)
class Latency:
    """Seconds; nan where there was no image."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Outcome:
    """What came of it, in the seconds that count.

    `busy` is the share of their time that workers ticked, `rows` how many rows a tick had, `used` the images over those that
    could have been painted. `dropped` are live frames that gave way to newer ones, were too late, or were never sent since the
    window was full. `fairness` is Jain's index over viewers' images. `lag` is the mean age of the oldest job in the queue.
    """

    scenario: Scenario
    images: float
    stills: float
    live: Latency
    still: Latency
    busy: float
    rows: float
    used: float
    dropped: float
    fairness: float
    lag: float
    by_worker: tuple[int, ...]
    refused: int
