"""Networks of a few kernels behind the runtime's own interface, so that all but TensorRT itself can be seen on a device."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from engines.errors import EngineError
from engines.gpu.cuda import Address, Argument, Cuda, Kernel, Stream
from engines.gpu.network import Capture, Tensor
from engines.student import Student
from tests.engines.gpu.toy import tensors

SOURCE = Path(__file__).with_name("standin.cu")
NAMES = ("toy_text", "toy_encode", "toy_denoise", "toy_decode", "toil")
_BLOCK = 128


class StandIn:
    """One graph at one size, as a kernel. `turns` of toil before it make it take as long as a network might."""

    scratch = 4096

    def __init__(self, cuda: Cuda, kernels: Mapping[str, Kernel], student: Student, graph: str, size: int, turns: int) -> None:
        self._cuda, self._kernel, self._toil = cuda, kernels[f"toy_{graph}"], kernels["toil"]
        self._student, self._graph, self._size, self._turns = student, graph, size, turns
        self.tensors: dict[str, Tensor] = tensors(student, graph, size)

    def bind(self, addresses: Mapping[str, Address], scratch: Address) -> None:
        (c, h, w), (tokens, width), at = self._student.latent_shape, self._student.text_shape, addresses
        shape = [np.int32(side) for side in (c, h, w)]
        prompt = [np.int32(tokens), np.int32(width)]
        order: dict[str, tuple[list[Argument], int]] = {
            "text": ([at.get("conditioning", 0), at.get("ids", 0), *prompt], tokens * width),
            "encode": ([at.get("latents", 0), at.get("pixels", 0), *shape], c * h * w),
            "denoise": (
                [
                    *(at.get(name, 0) for name in ("x0", "x_next", "x", "conditioning", "t", "A", "B")),
                    *(at.get(name, 0) for name in ("alpha_next", "sigma_next", "noise_next", "w")),
                    *prompt, *shape,
                ],
                c * h * w,
            ),
            "decode": ([at.get("pixels", 0), at.get("latents", 0), *shape], h * 8 * w * 8 * 3),
        }  # fmt: skip
        self._arguments, threads = order[self._graph]
        self._grid, self._scratch = (-(-threads // _BLOCK), self._size), scratch

    def enqueue(self, stream: Stream) -> None:
        if self._turns:
            self._cuda.launch(self._toil, (1, 1), _BLOCK, (self._scratch, np.int32(self._turns)), stream)
        self._cuda.launch(self._kernel, self._grid, _BLOCK, self._arguments, stream)

    def may_be_captured(self, stream: Stream) -> bool:
        return True


class StandIns:
    """Implements `Networks`. Raises CudaError if there is no compiler for the device."""

    backend = "standin"
    precision = "float32"

    def __init__(self, cuda: Cuda, student: Student, turns: int = 0) -> None:
        self._cuda, self._student, self._turns = cuda, student, turns
        self._kernels = cuda.compile(SOURCE.read_text(), NAMES)

    def load(self, graph: str, size: int) -> StandIn:
        if f"toy_{graph}" not in self._kernels:
            raise EngineError(f"no graph {graph}")
        return StandIn(self._cuda, self._kernels, self._student, graph, size, self._turns)

    def captures(self, cuda: Cuda) -> Sequence[Capture]:
        return (cuda.capture,)

    def settled(self) -> None:
        pass

    def close(self) -> None:
        pass
