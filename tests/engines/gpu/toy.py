"""Networks small enough to be written down, in the shapes of any student: numpy, run by the double when it gets to it.

What they paint is a field of colours that the prompt chooses, the source image where the step lets it through, and a
share of the noise. Every input of the real graphs counts, so one that is bound to the wrong place shows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import EngineError
from engines.gpu.cuda import Address, Cuda, Graph, Stream
from engines.gpu.network import Capture, Tensor
from engines.graphs import ports
from engines.student import Student
from engines.tokens import Tokens
from tests.engines.gpu.double import CudaDouble, Reach

Arrays = dict[str, NDArray[Any]]
Function = Callable[[Arrays], Arrays]
F = np.float32


def text(width: int) -> Function:
    """ids [n, tokens] -> conditioning [n, tokens, width]."""

    def run(inputs: Arrays) -> Arrays:
        k = np.arange(width, dtype=F)
        return {"conditioning": np.sin(F(0.37) * inputs["ids"][..., None].astype(F) * (k + 1) + F(0.11) * k).astype(F)}

    return run


def encode(inputs: Arrays, channels: int) -> Arrays:
    """pixels -> latents: each channel is a colour at an eighth of the size."""
    pixels = inputs["pixels"]
    n, h, w = pixels.shape[0], pixels.shape[1] // 8, pixels.shape[2] // 8
    small = pixels.reshape(n, h, 8, w, 8, 3).sum((2, 4), dtype=np.int64).astype(F) / F(64 * 127.5) - F(1)
    return {"latents": small.transpose(0, 3, 1, 2)[:, np.arange(channels) % 3]}


def denoise(inputs: Arrays) -> Arrays:
    """The contract around out = 0.8 cos(0.3 t) field + 0.2 x + 0.05 w."""
    x, conditioning = inputs["x"], inputs["conditioning"]
    n, c, h, w = x.shape
    tokens, width = conditioning.shape[1:]
    at = np.arange(w)[None, None] + 5 * np.arange(h)[None, :, None] + 7 * np.arange(c)[:, None, None]
    field_ = conditioning.sum(1, dtype=F)[:, at % width] / F(tokens)
    told = {name: value.reshape(n, 1, 1, 1) for name, value in inputs.items() if value.ndim == 1}
    out = F(0.8) * np.cos(F(0.3) * told["t"]) * field_ + F(0.2) * x
    if "w" in told:
        out = out + F(0.05) * told["w"]
    x0 = (told["A"] * x + told["B"] * out).astype(F)
    if "noise_next" not in inputs:
        return {"x0": x0}
    return {"x0": x0, "x_next": (told["alpha_next"] * x0 + told["sigma_next"] * inputs["noise_next"]).astype(F)}


def handed(inputs: Arrays, student: Student) -> Arrays:
    """pixels -> what the encoder hands to the decoder: how light each picture is."""
    light = inputs["pixels"].mean((1, 2, 3), dtype=np.float64).astype(F) / F(255)
    shapes = {f"skip_{number}": shape for number, shape in enumerate(student.skips, 1)}
    return {name: np.ascontiguousarray(np.broadcast_to(light[:, None, None, None], (len(light), *shape)))
            for name, shape in shapes.items()}  # fmt: skip


def decode(inputs: Arrays) -> Arrays:
    """latents -> pixels: the first three channels, eight times as large, lighter by what was handed over."""
    lighter = sum(value.mean((1, 2, 3)) for name, value in inputs.items() if name != "latents")
    latents = inputs["latents"] + np.asarray(lighter, F).reshape(-1, 1, 1, 1)
    colours = np.nan_to_num(latents[:, :3]) * F(127.5) + F(127.5)
    small = np.rint(colours.clip(0, 255)).astype(np.uint8).transpose(0, 2, 3, 1)
    return {"pixels": np.ascontiguousarray(small.repeat(8, 1).repeat(8, 2))}


def tensors(student: Student, graph: str, n: int) -> dict[str, Tensor]:
    """What a student's graphs take and give at a batch of n."""
    return {name: Tensor(port.dtype, (n, *port.shape), port.output) for name, port in ports(student)[graph].items()}


@dataclass(eq=False)
class ToyNetwork:
    """One function at one size. Dirties its scratch, as a real one does, and must not be captured in its first run."""

    name: str
    tensors: dict[str, Tensor]
    run: Function
    double: CudaDouble
    scratch: int = 4096
    at: dict[str, Address] = field(default_factory=dict)
    scratch_at: Address = 0
    runs: int = 0
    capturable: bool = True
    says_so: bool = True

    def bind(self, addresses: Mapping[str, Address], scratch: Address) -> None:
        self.at, self.scratch_at = dict(addresses), scratch

    def enqueue(self, stream: Stream) -> None:
        if self.double.capturing and not (self.runs and self.capturable):
            raise EngineError(f"{self.name} cannot be captured")
        self.runs += 1
        self.double.submit(self.name, stream, self._work)

    def may_be_captured(self, stream: Stream) -> bool:
        assert not self.double.capturing
        return self.says_so

    def _work(self, reach: Reach) -> None:
        reach.write(self.scratch_at, np.full(self.scratch, self.runs % 256, np.uint8))
        inputs = {
            name: reach.read(self.at[name], tensor.shape, tensor.dtype)
            for name, tensor in self.tensors.items()
            if not tensor.output
        }
        for name, value in self.run(inputs).items():
            assert (value.dtype, value.shape) == (self.tensors[name].dtype, self.tensors[name].shape), name
            reach.write(self.at[name], value)


class ToyNetworks:
    """Implements `Networks` on a double. `loaded` has every network by graph and size."""

    backend = "double"
    precision = "float32"

    def __init__(self, double: CudaDouble, student: Student) -> None:
        self.double, self.student = double, student
        self.loaded: dict[tuple[str, int], ToyNetwork] = {}
        self.was_settled = self.closed = False
        self.entered = 0  # how often a capture was announced
        self.failing = 0  # how many captures fail in the library's first way

    def load(self, graph: str, size: int) -> ToyNetwork:
        functions: dict[str, Function] = {
            "text": text(self.student.text_shape[1]),
            "encode": lambda inputs: encode(inputs, self.student.latent_shape[0]) | handed(inputs, self.student),
            "denoise": denoise,
            "decode": decode,
        }
        taken = tensors(self.student, graph, size)
        self.loaded[graph, size] = ToyNetwork(f"{graph} of {size}", taken, functions[graph], self.double)
        return self.loaded[graph, size]

    def captures(self, cuda: Cuda) -> Sequence[Capture]:
        def first(stream: Stream, fill: Callable[[], None]) -> Graph:
            assert not self.double.capturing, "too late for the library to get ready"
            self.entered += 1
            if self.failing:
                self.failing -= 1
                raise EngineError("the library cannot do it this way")
            graph = cuda.capture(stream, fill)
            assert not self.double.capturing, "too early for the library to go on"
            return graph

        def second(stream: Stream, fill: Callable[[], None]) -> Graph:
            return cuda.instantiate(self.double.captured_by_a_library(stream, fill), stream)

        return first, second

    def settled(self) -> None:
        self.was_settled = True

    def close(self) -> None:
        assert not self.double.closed, "contexts outlive their device"
        self.closed = True


def tokens_of(student: Student) -> Tokens:
    return Tokens(student)
