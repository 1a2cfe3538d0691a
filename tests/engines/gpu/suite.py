"""What every engine must hold, for the TensorRT engine: the suite's own tests, to be run with another easel."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from engines.engine import Painted, Pipelined, Pixels, Row
from engines.gpu.engine import GpuEngine
from engines.noise import noise
from engines.student import Student
from tests.engines import test_engine_suite as suite


class Easel(suite.Easel):
    """`kind` counts for nothing but the tests' own questions; pixels may differ by `levels` with who shares a tick."""

    levels = 0

    def same(self, a: Pixels, b: Pixels) -> None:
        assert int(np.abs(a.astype(int) - b.astype(int)).max()) <= self.levels


class Half(Easel):
    """Kernels of other batch sizes sum in another order, in half precision."""

    levels = 6


_OF_SLOTS_ON_THE_HOST = ("test_two_steps_are_two_times_one",)


def every_engines_tests() -> dict[str, Callable[..., None]]:
    """The suite's tests by name, for a module with a fixture `easel`. What looks into slots on the host is left out."""
    return {name: test for name, test in vars(suite).items() if name.startswith("test_") and name not in _OF_SLOTS_ON_THE_HOST}


def overlapped(engine: Pipelined, work: Sequence[Sequence[Row]]) -> list[list[Painted]]:
    """What ticks give of which two are under way at a time."""
    under_way: list[Any] = []
    got: list[list[Painted]] = []
    for rows in work:
        under_way.append(engine.begin(rows))
        if len(under_way) == 2:
            got.append(engine.finish(under_way.pop(0)))
    return got + [engine.finish(ticket) for ticket in under_way]


def image(painted: Painted) -> Pixels:
    assert painted.error is None
    assert painted.image is not None
    return painted.image


def two_steps_are_two_times_one(engine: GpuEngine, easel: Easel, two_steps: Student, look: Callable[[int], Any]) -> None:
    """After a job's first step its slot holds x0 re-noised with its own next noise. `look(slot)` reads the device."""
    first, second = easel.still("ink", seed=4, of=two_steps)
    engine.tick([first])
    slot = engine._staging.slots.find(first.job)
    assert slot is not None
    kept = look(slot)
    # the same step once more, as if another had followed it that keeps the picture as it is
    as_it_is = replace(first, job=first.job + 1000, step=replace(first.step, alpha_next=1.0, sigma_next=0.0))
    engine.tick([as_it_is])
    slot = engine._staging.slots.find(as_it_is.job)
    assert slot is not None
    x0 = look(slot)
    step = first.step
    expected = np.float32(step.alpha_next) * x0 + np.float32(step.sigma_next) * noise(4, 1, x0.shape)
    np.testing.assert_array_equal(kept, expected)
    engine.forget(as_it_is.job)
    image(engine.tick([second])[0])
