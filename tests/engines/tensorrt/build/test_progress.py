"""TensorRT's progress in words."""

from engines.tensorrt.build.progress import Progress, make_monitor
from tests.engines.tensorrt.flavours import stand_in


class Watch:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_said_and_how_often() -> None:
    """Something is said of a step every few seconds: which phase, and how far of how many."""
    said: list[str] = []
    watch = Watch()
    progress = Progress("denoise", said.append, every=5, clock=watch)
    progress.begin("Building engine", 6)
    progress.begin("Timing graph nodes", 200)
    for step in range(100):
        watch.now += 0.125
        progress.step("Timing graph nodes", step)
    progress.end("Timing graph nodes")
    watch.now += 5
    progress.step("Building engine", 5)
    progress.begin("Saving", 1)
    watch.now += 5
    progress.step("Saving", 0)
    assert said == [
        "denoise: timing graph nodes, 40 of 200",
        "denoise: timing graph nodes, 80 of 200",
        "denoise: building engine, 6 of 6",
        "denoise: saving",
    ]


def test_a_monitor() -> None:
    """TensorRT's own monitor tells it, and is told to go on."""
    said: list[str] = []
    monitor = make_monitor(stand_in(IProgressMonitor=object), Progress("text", said.append, every=0))
    monitor.phase_start("Optimizing", None, 3)
    assert monitor.step_complete("Optimizing", 0) is True
    monitor.phase_finish("Optimizing")
    assert said == ["text: optimizing, 1 of 3"]
