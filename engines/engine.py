"""The engine protocol: the narrow waist between the server and whatever computes. numpy at its edge.

An engine belongs to one thread; nothing here is called concurrently. Steps of one job are rows of different ticks,
in order; between them the job's latents stay in the engine, in a slot that `tick` opens and closes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .masks import Mask
from .student import Step, Student

Pixels: TypeAlias = NDArray[np.uint8]
"""An image: uint8 [height, width, 3], RGB."""

Conditioning: TypeAlias = NDArray[np.float32]
"""A prompt as the network takes it: float32 [tokens, width] of this student."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One step of one job.

    `job` names the slot; `index` counts the job's steps from 0; `image` is given at index 0 of img2img and only there,
    and so is `mask`, which says what of it is painted anew: outside it the job's latents end as those of the image, to the bit.
    `w` is the guidance scale less one, for students that are told it; others ignore it. `inputs` are what further inputs
    of the student's denoiser are told, by the names of its ports.
    """

    job: int
    index: int
    step: Step
    last: bool
    conditioning: Conditioning
    seed: int
    image: Pixels | None = None
    w: float = 0.0
    mask: Mask | None = None
    inputs: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def told(self, port: str) -> Any:
        """What an input of the denoiser is told; None if nothing."""
        if port == "conditioning":
            return self.conditioning
        if port == "w":
            return self.w
        return getattr(self.step, port) if port in _NUMBERS else self.inputs.get(port)


_NUMBERS = frozenset({"t", "A", "B", "alpha_next", "sigma_next"})


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """What a tick gave for one row: an image after a job's last step, an error, or neither while steps remain."""

    image: Pixels | None = None
    error: str | None = None


class Engine(Protocol):
    """Runs one student on one device."""

    @property
    def student(self) -> Student: ...

    @property
    def backend(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def precision(self) -> str: ...

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Compiled sizes, ascending. A tick of n rows runs at the smallest size that holds n."""
        ...

    def warm_up(self) -> dict[int, float]:
        """Run every compiled size; the seconds an undisturbed tick of each takes."""
        ...

    def condition(self, prompt: str) -> Conditioning:
        """Encode a prompt. Of a long prompt only as much as the student reads counts."""
        ...

    def count_tokens(self, prompt: str) -> int:
        """Tokens of the prompt's text that the student reads: none that begin, end or pad it."""
        ...

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        """One pass over at most `batch_sizes[-1]` rows, answered in order.

        What is wrong with one row is that row's `error`; EngineError is raised when the whole tick failed.
        """
        ...

    def forget(self, job: int) -> None:
        """Free the slot of a job that will not be continued. Unknown jobs are ignored."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Pipelined(Engine, Protocol):
    """An engine whose device works while the host prepares the next tick and sends off the last one.

    Two ticks at most are between `begin` and `finish`, and they are finished in the order begun. A job's next row may be
    begun before its last one is finished; if that one turns out to have failed, what the next one gives means nothing.
    """

    def begin(self, rows: Sequence[Row]) -> Any:
        """Give a tick to the device and return its ticket, for `finish`. The rows' arrays are the caller's again.

        Raises EngineError if the tick could not be begun; then it has not happened.
        """
        ...

    def finish(self, ticket: Any) -> list[Painted]:
        """Wait for a tick: what `tick` would have given for its rows. Raises EngineError when the whole tick failed."""
        ...
