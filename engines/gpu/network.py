"""A student's graphs as the runtime sees them: something that runs on a stream, between addresses given once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from .cuda import Address, Cuda, Graph, Stream

Capture: TypeAlias = Callable[[Stream, Callable[[], None]], Graph]
"""A way to record what a function gives to a stream, as `Cuda.capture` does. Raises EngineError, and then nothing is left."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a network of one size. `shape` has the batch in front."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    output: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        return self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))


class Network(Protocol):
    """One graph at one batch size. Networks of one engine may share their scratch: they run one after another."""

    @property
    def tensors(self) -> Mapping[str, Tensor]: ...

    @property
    def scratch(self) -> int:
        """Bytes of device memory that it needs while it runs."""
        ...

    def bind(self, addresses: Mapping[str, Address], scratch: Address) -> None:
        """Read and write there from now on. `addresses` has every tensor. Raises EngineError."""
        ...

    def enqueue(self, stream: Stream) -> None:
        """Run once, later. Its first run must not be captured. Raises EngineError."""
        ...

    def may_be_captured(self, stream: Stream) -> bool:
        """Whether its library thinks so; asked before each capture, and of the stream that would capture."""
        ...


class Networks(Protocol):
    """The graphs of one student, loaded on one device."""

    @property
    def backend(self) -> str: ...

    @property
    def precision(self) -> str: ...

    def load(self, graph: str, size: int) -> Network:
        """The graph ("text", "encode", "denoise" or "decode") at a compiled size. Raises EngineError."""
        ...

    def captures(self, cuda: Cuda) -> Sequence[Capture]:
        """Ways to capture its networks' runs, the best first: for a library that allocates as it runs, and must not give
        that memory to others. The next is tried where one fails."""
        ...

    def settled(self) -> None:
        """Every network has run: what was compiled for that may be written down. Called once, when warmed up."""
        ...

    def close(self) -> None: ...
