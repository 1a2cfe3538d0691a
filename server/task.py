"""A job on its way through ticks, and how a tick of such jobs is watched."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from engines.engine import Pixels
from engines.masks import Mask
from engines.student.contract import Step

from .codec_pool import Decoded
from .energy import Ledger
from .energy.ledger import Tick
from .tracing import Tracer
from .types import Job, Timings


@dataclass(slots=True, eq=False)
class Task:
    """A job and how far it is. `shown` is what eyes saw. `index` is the next step to begin; `over`: it has its answer,
    whatever is still under way."""

    job: Job
    steps: tuple[Step, ...]
    decoding: "Future[Decoded] | None"
    image: Pixels | None = None
    mask: Mask | None = None
    inputs: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    shown: Pixels | None = None
    index: int = 0
    over: bool = False
    rows: int = 0
    tokens: int = 0
    timings: Timings = field(default_factory=Timings)
    share: float = 0.0  # seconds of its ticks that are its own: of each tick an equal part

    def decoded(self) -> bool:
        return self.decoding is None or self.decoding.done()


class Watched:
    """A tick of these jobs in the books of energy and in the traces, from when the device comes to it."""

    def __init__(self, student: str, jobs: Sequence[Job], ledger: Ledger, tracer: Tracer) -> None:
        self._student, self._jobs, self._ledger, self._tracer = student, jobs, ledger, tracer
        self._open = ExitStack()
        self._tick: Tick | None = None

    def arrived(self) -> None:
        self._tick = self._open.enter_context(self._ledger.tick(self._student, [job.session for job in self._jobs]))
        self._open.enter_context(self._tracer.tick(self._student, self._jobs))

    def left(self, images: int) -> None:
        if self._tick is not None:
            self._tick.images = images
        self._open.close()
