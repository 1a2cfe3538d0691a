"""Engines on doubles, for tests that look at what was asked of the device; and short ways to say rows."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engines.engine import Pixels, Row
from engines.gpu.engine import GpuEngine
from engines.student import Guidance, Student
from engines.student.contract import Contract
from engines.students import load_student
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.toy import ToyNetworks, tokens_of

SIZES = (1, 2, 4)


def small(guidance: bool = False) -> Student:
    """A student of 64x64 pixels that takes any strength, with the tokenizer of the one that ships."""
    return replace(
        load_student("embedded"),
        name="small",
        width=64,
        height=64,
        latent_shape=(4, 8, 8),
        text_shape=(24, 16),
        guidance=Guidance(8.0, 1.0, 14.0) if guidance else None,
    )


def handing() -> Student:
    """One that takes the picture itself, whose encoder hands something to its decoder."""
    contract = Contract("scaled-linear", "sample", (999,), start="image")
    return replace(small(), contract=contract, strength=1.0, skips=((2, 3, 5), (1, 8, 8)))


def two_steps(student: Student) -> Contract:
    return replace(student.contract, times=(1.0, 0.5))


@dataclass
class Studio:
    """A student's engine on a double. `ticks` counts nothing: see `double.calls`."""

    double: CudaDouble = field(default_factory=CudaDouble)
    student: Student = field(default_factory=small)
    sizes: tuple[int, ...] = SIZES
    jobs: int = 0

    def __post_init__(self) -> None:
        self.networks = ToyNetworks(self.double, self.student)
        self.engine = GpuEngine(self.student, self.sizes, self.networks, self.double, tokens_of(self.student))
        rng = np.random.default_rng(5)
        self.prompt: NDArray[np.float32] = rng.standard_normal(self.student.text_shape, dtype=np.float32)

    def still(self, seed: int = 0, steps: int = 1) -> list[Row]:
        contract = two_steps(self.student) if steps == 2 else self.student.contract
        self.jobs += 1
        return [Row(self.jobs, i, step, i == steps - 1, self.prompt, seed) for i, step in enumerate(contract.still())]

    def repaint(self, seed: int = 0, picture: int = 0, strength: float = 0.6) -> Row:
        self.jobs += 1
        return Row(
            self.jobs, 0, self.student.contract.repaint(strength)[0], True, self.prompt, seed, self.picture(picture)
        )  # fmt: skip

    def picture(self, seed: int) -> Pixels:
        shape = (self.student.height, self.student.width, 3)
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    def asked(self, *names: str) -> list[str]:
        """Calls of these names since the last question."""
        calls = [name for name in self.double.calls if name in names]
        self.double.calls.clear()
        return calls
