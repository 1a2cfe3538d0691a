"""TensorRT's progress in words: which phase it is in and how far, not more often than someone reads."""

import time
from collections.abc import Callable
from typing import Any

from ..flavour import Flavour

EVERY_SECONDS = 5.0


class Progress:
    """Phases within phases, as a progress monitor is told of them."""

    def __init__(
        self,
        what: str,
        say: Callable[[str], None],
        every: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._say, self._every, self._clock = what, say, every, clock
        self._steps: dict[str, int] = {}
        self._last = clock()

    def begin(self, phase: str, steps: int) -> None:
        self._steps[phase] = steps

    def step(self, phase: str, done: int) -> None:
        now = self._clock()
        if now - self._last < self._every:
            return
        self._last = now
        steps = self._steps.get(phase, 0)
        share = f", {min(done + 1, steps)} of {steps}" if steps > 1 else ""
        self._say(f"{self._what}: {phase[:1].lower()}{phase[1:]}{share}")

    def end(self, phase: str) -> None:
        self._steps.pop(phase, None)


def make_monitor(flavour: Flavour, progress: Progress) -> Any:
    """An IProgressMonitor that tells `progress`. The builder must not outlive it."""

    class Monitor(flavour.module.IProgressMonitor):  # type: ignore[name-defined, misc]
        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.begin(phase_name, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            progress.step(phase_name, step)
            return True  # go on

        def phase_finish(self, phase_name: str) -> None:
            progress.end(phase_name)

    return Monitor()
